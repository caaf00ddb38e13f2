//! `alula scenario FILE|RUN`: what a package about to be opened, or the account of a run, would do in another market.

use crate::args::{ScenarioArgs, TextFormat};
use crate::at;
use crate::command::backtest::history;
use crate::command::verify::{data_of, store_of};
use crate::exit::{Exit, Failure, failure};
use crate::explain::strategy_of;
use crate::files;
use crate::output::Output;
use crate::project::Project;
use crate::run_folder;
use alula_book::fill::{Trying, price_open};
use alula_book::{Package, Rulebook};
use alula_core::margin::Stake;
use alula_core::observe::Sight;
use alula_core::plan::{Plan, link};
use alula_core::scenario::Market;
use alula_core::scenario::account::{Account, Linear, Shifted};
use alula_core::scenario::grid::{Entry, GridCell, breakevens, cell};
use alula_core::select::pick;
use alula_core::value::{Cause, Cell};
use alula_dsl::graph::{Graph, NodeId};
use alula_market::contract::Instrument;
use alula_market::history::History;
use alula_market::money::Usd;
use alula_market::time::Instant;
use alula_pricing::stress::{Shift, VolShift};
use alula_report::scenario::{CellFigures, Path as ReportPath, PathStep, Scenarios};
use alula_run::course::SWAPS;
use alula_run::held::held;
use alula_run::reaction::{indices, project};
use alula_run::{Moment, terms, views_at};
use std::sync::Arc;

/// Values of one axis, at most.
const AXIS_MAX: usize = 15;
/// Steps of a path, at most.
const STEPS_MAX: usize = 20;

/// Paths that are shown when none is asked for: assumptions, and named so.
const PATHS: [(&str, &str); 2] = [
    (
        "vol crush after an event (assumed)",
        "0 0 0, 1 -3 +0.5, 5 -5 +1, 10 -6 +1.5",
    ),
    (
        "shock, then crush (assumed)",
        "0 0 0, 1 +12 -6, 5 +8 -5, 15 -1 -3, 25 -4 -1",
    ),
];

/// A package or an account, ready to be shifted.
struct Subject {
    heading: String,
    plan: Plan,
    at: Instant,
    cash: Usd,
    /// Packages: legs, lots, dollars brought since they were opened (none: opened by this command).
    packages: Vec<(String, Package, u32, Usd)>,
    /// Futures and shares.
    linear: Vec<Linear>,
    /// What the account was worth before the packages were opened; none: it is worth what it holds now.
    base: Option<Usd>,
    rulebook: Rulebook,
    notes: Vec<String>,
}

/// Shows the grid.
///
/// # Errors
/// When the strategy, the run or the data cannot be read, or nothing can be opened at that time.
pub fn run(args: &ScenarioArgs, out: &mut Output) -> Result<Exit, Failure> {
    let mut axes = Axes::of(args)?;
    let (mut subject, data) = if args.what.is_dir() {
        of_run(args, out)?
    } else {
        of_strategy(args, out)?
    };
    if let Some(event) = &args.event {
        reaction(&event.to_uppercase(), &mut axes, &mut subject, data.as_ref())?;
    }
    let found = scenarios(args, &axes, &subject, data.as_ref())?;
    if let Some(path) = &args.svg {
        files::write_result(out, Some(path), &alula_report::chart::heat(&found))?;
    }
    match args.format {
        TextFormat::Text => out.data(&found.text())?,
        TextFormat::Json => out.data(&found.json())?,
    }
    Ok(Exit::Ok)
}

/// Adds the path of an event: the average of its past reactions, and one spread to either side.
fn reaction(event: &str, axes: &mut Axes, subject: &mut Subject, data: &dyn History) -> Result<(), Failure> {
    let underlying = subject.plan.graph().settings.instrument.name();
    let found = project(data, event, underlying, subject.at).map_err(|e| failure(&e))?;
    // To a hundredth of a point and of a per cent: more digits than the sample has.
    let brief = |x: f64, unit: f64| (x / unit).round() * unit;
    let step = |n: f64| {
        let vol = brief(found.vol.0 + n * found.vol.1, 0.01);
        (1.0, vol, brief(found.spot.0 - n * found.spot.1, 0.0001))
    };
    let name = format!(
        "{event}: average of {} past reactions; one spread of vol up, spot down; the other way round",
        found.count
    );
    axes.paths.push((name, vec![step(0.0), step(1.0), step(-1.0)]));
    let ((vol, vol_spread), (spot, spot_spread)) = (found.vol, found.spot);
    subject.notes.push(format!(
        "{event}: {} releases from {} to {}, vol {vol:+.2} ± {vol_spread:.2} points, spot {:+.2} ± {:.2} %; by the last daily \
         closes of {} and {} before a release and the first after it; the whole surface is moved by that.",
        found.count,
        found.span.0.date(),
        found.span.1.date(),
        100.0 * spot,
        100.0 * spot_spread,
        indices(underlying).0,
        indices(underlying).1
    ));
    Ok(())
}

/// Steps of a path: days, vol points, spot as a fraction.
type Steps = Vec<(f64, f64, f64)>;

/// What is shifted, as typed.
struct Axes {
    vols: Vec<f64>,
    spots: Vec<f64>,
    days: Vec<f64>,
    paths: Vec<(String, Steps)>,
}

impl Axes {
    fn of(args: &ScenarioArgs) -> Result<Self, Failure> {
        let spots = axis(&args.spot, "--spot", "percent: `--spot -10,-5,0,5`", -90.0, 200.0)?;
        let paths = if args.path.is_empty() {
            let shipped = PATHS.iter();
            shipped
                .map(|(name, text)| Ok(((*name).to_owned(), path(text)?)))
                .collect::<Result<_, Failure>>()?
        } else {
            args.path
                .iter()
                .map(|text| Ok((format!("path {text}"), path(text)?)))
                .collect::<Result<_, Failure>>()?
        };
        Ok(Self {
            vols: axis(&args.vol, "--vol", "vol points: `--vol -5,0,10`", -200.0, 400.0)?,
            spots: spots.iter().map(|s| s / 100.0).collect(),
            days: axis(
                &args.days,
                "--days",
                "days from now: `--days 0,7,21`",
                0.0,
                3_650.0,
            )?,
            paths,
        })
    }
}

fn number(text: &str, low: f64, high: f64) -> Option<f64> {
    let text = text.trim().trim_end_matches('%');
    let x: f64 = text.strip_prefix('+').unwrap_or(text).parse().ok()?;
    (low..=high).contains(&x).then_some(x)
}

fn axis(text: &str, option: &str, help: &str, low: f64, high: f64) -> Result<Vec<f64>, Failure> {
    let mut values = Vec::new();
    for word in text.split([',', ' ']).filter(|w| !w.is_empty()) {
        let x = number(word, low, high).ok_or_else(|| {
            Failure::usage(format!(
                "`{word}` is not a value of `{option}` from {low} to {high}"
            ))
            .help(format!("write numbers with commas, {help}"))
        })?;
        values.push(x);
    }
    values.sort_by(f64::total_cmp);
    values.dedup_by(|a, b| a.total_cmp(b).is_eq());
    if values.is_empty() || values.len() > AXIS_MAX {
        let what = format!("`{option}` has 1 to {AXIS_MAX} values, not {}", values.len());
        return Err(Failure::usage(what).help(format!("write numbers with commas, {help}")));
    }
    Ok(values)
}

/// `1 +12 -6, 5 +8 -5`: days, vol points, spot in percent for each step.
fn path(text: &str) -> Result<Steps, Failure> {
    let help = "write days, vol points and spot in percent for each step: `--path \"1 +12 -6, 5 +8 -5\"`";
    let wrong = |what: String| Failure::usage(what).help(help);
    let mut steps = Steps::new();
    for step in text.split(',') {
        let words: Vec<&str> = step.split_whitespace().collect();
        let read = match words.as_slice() {
            [days, vol, spot] => number(days, 0.0, 3_650.0)
                .zip(number(vol, -200.0, 400.0))
                .zip(number(spot, -90.0, 200.0)),
            _ => None,
        };
        let ((days, vol), spot) =
            read.ok_or_else(|| wrong(format!("`{}` is not a step of a path", step.trim())))?;
        if steps.last().is_some_and(|s| s.0 > days) {
            return Err(wrong(format!("the path `{text}` goes back in time")));
        }
        steps.push((days, vol, spot / 100.0));
    }
    if steps.len() > STEPS_MAX {
        return Err(wrong(format!("a path has at most {STEPS_MAX} steps")));
    }
    Ok(steps)
}

fn unlinked(error: &alula_core::plan::LinkError) -> Failure {
    Failure::usage(error.to_string())
}

/// The newest snapshot of an underlying up to a moment.
fn snapshot_at(history: &dyn History, underlying: &str, moment: Option<Moment>) -> Result<Instant, Failure> {
    let (first, last) = history.range(underlying).ok_or_else(|| {
        Failure::new(
            Exit::Data,
            format!("the data hold no option chains of `{underlying}`"),
        )
        .help("import chains first, or choose other data")
    })?;
    let moment = moment.unwrap_or(Moment::Day(last));
    let (date, until) = match moment {
        Moment::Day(date) => (date, None),
        Moment::At(at) => (at.date(), Some(at)),
    };
    let ticks = history.ticks(underlying, date, date);
    ticks
        .into_iter()
        .rfind(|t| until.is_none_or(|u| *t <= u))
        .ok_or_else(|| {
            Failure::usage(format!(
                "there is no snapshot of `{underlying}` on `{date}` by then"
            ))
            .help(format!("the data run from {first} to {last}"))
        })
}

fn moment(args: &ScenarioArgs) -> Result<Option<Moment>, Failure> {
    args.at.as_deref().map(at::parse).transpose()
}

fn enforced(args: &ScenarioArgs, graph: &Graph) -> Result<Rulebook, Failure> {
    let name = args.margin.as_deref().unwrap_or(&graph.settings.margin);
    Rulebook::named(name).ok_or_else(|| {
        Failure::usage(format!("no margin rulebook `{name}`"))
            .help(format!("use {}", Rulebook::NAMES.join(", ")))
    })
}

/// The packages that a strategy would open at a snapshot, whatever its conditions say.
fn of_strategy(args: &ScenarioArgs, out: &mut Output) -> Result<(Subject, Box<dyn History>), Failure> {
    let project = Project::load(&args.what)?;
    let linked = project.checked(args.thresholds.as_deref(), out)?;
    let graph = linked.graph;
    let data = history(args.data.as_deref(), args.seed, graph)?;
    let registry = linked.registry();
    let plan =
        link(&Arc::new(graph.clone()), linked.thresholds.values(), &registry).map_err(|e| unlinked(&e))?;
    let when = snapshot_at(data.as_ref(), graph.settings.instrument.name(), moment(args)?)?;
    let views = views_at(&plan, data.as_ref(), when).map_err(|e| failure(&e))?;
    let money = terms(&graph.settings).map_err(|e| failure(&e))?;
    let wanted = |key: &str| args.structure.is_empty() || args.structure.iter().any(|s| s == key);
    if let Some(name) = args.structure.iter().find(|s| plan.structure(s).is_none()) {
        let known: Vec<String> = graph.structures.iter().map(|s| format!("`{}`", s.key)).collect();
        return Err(Failure::usage(format!("the strategy has no structure `{name}`"))
            .help(format!("it has {}", known.join(", "))));
    }
    let traded = |index: usize| graph.policies.iter().any(|p| p.structure.0 as usize == index);
    let amount = |node: NodeId| {
        let found = plan.nodes().get(plan.at_tick(node)).and_then(|n| plan.fixed(n));
        found.unwrap_or(Cell::missing(Cause::NoData))
    };
    let (mut cash, mut packages) = (money.capital, Vec::new());
    for (index, structure) in graph.structures.iter().enumerate() {
        if !wanted(&structure.key) || (args.structure.is_empty() && !traded(index)) {
            continue;
        }
        let refused = |why: String| {
            Failure::new(
                Exit::Data,
                format!("`{}` cannot be opened at {when}: {why}", structure.key),
            )
            .help("choose another time with `--at`, or other structures with `--structure`")
        };
        let view = plan
            .chain(structure.underlying.name())
            .and_then(|i| views.get(i))
            .and_then(Option::as_ref)
            .ok_or_else(|| refused("there is no chain".to_owned()))?;
        let package = pick(structure, view, &amount).map_err(|e| refused(no_pick(&e)))?;
        let trying = Trying {
            model: money.fills,
            lots: args.lots,
        };
        let price = price_open(&package, &view.snapshot, trying).map_err(|e| refused(e.to_string()))?;
        let brought = price
            .net
            .share
            .dollars(package.multiplier(), i64::from(args.lots));
        cash += brought;
        packages.push((structure.key.clone(), package, args.lots, brought));
    }
    if packages.is_empty() {
        return Err(
            Failure::usage("the strategy trades no options structure").help("name one with `--structure`")
        );
    }
    let subject = Subject {
        heading: format!("{} before entry", graph.settings.name),
        at: when,
        cash,
        packages,
        linear: Vec::new(),
        base: Some(money.capital),
        rulebook: enforced(args, graph)?,
        notes: vec![
            "Before entry: each structure picked and priced at this snapshot as an order would be, whatever the rules' \
             conditions say; profit counts what crossing the spread costs, fees apart."
                .to_owned(),
        ],
        plan,
    };
    Ok((subject, data))
}

fn no_pick(error: &alula_core::select::NoPick) -> String {
    let leg = &error.leg;
    let reason = &error.reason;
    if leg.is_empty() {
        reason.to_string()
    } else {
        format!("`{leg}`: {reason}")
    }
}

/// The account of a run at a time.
fn of_run(args: &ScenarioArgs, out: &mut Output) -> Result<(Subject, Box<dyn History>), Failure> {
    let recorded = run_folder::read(&args.what)?.output;
    let (_, mut graph) = strategy_of(&recorded)?;
    alula_run::restore(&mut graph.settings, &recorded.manifest.settings);
    let store = args.data.clone().or_else(|| store_of(&args.what, &recorded));
    let data = data_of(&recorded, store.as_deref(), &graph)?;
    let project = strategy_of(&recorded)?;
    let project = Project::load(&args.what.join("inputs").join(project.0))?;
    let mut files = recorded.inputs.keys();
    let thresholds = files.find(|name| name.ends_with(".yaml") && !name.starts_with(SWAPS));
    let thresholds = thresholds.map(|name| args.what.join("inputs").join(name));
    let registry = project.checked(thresholds.as_deref(), out)?.registry();
    let moment = moment(args)?.or(recorded.manifest.last_tick.map(Moment::At));
    let when = snapshot_at(data.as_ref(), &recorded.manifest.underlying, moment)?;
    let tick = recorded
        .ticks
        .iter()
        .rev()
        .find(|t| t.at <= when)
        .map_or(0, |t| t.tick);
    let values = recorded.thresholds_at(tick);
    let plan = link(&Arc::new(graph.clone()), &values, &registry).map_err(|e| unlinked(&e))?;
    let account = held(&recorded, when).map_err(|e| failure(&e))?;
    if let Some((first, last)) = recorded.manifest.first_tick.zip(recorded.manifest.last_tick)
        && !(first..=last).contains(&when)
    {
        return Err(Failure::usage(format!("the run has no tick at `{when}`"))
            .help(format!("it ran from {first} to {last}")));
    }
    if account.positions.is_empty() && account.linear.is_empty() {
        out.note("nothing was held then; `alula why` shows why nothing was opened");
    }
    let packages = account
        .positions
        .into_iter()
        .map(|p| {
            (
                format!("position {} {}", p.number, p.structure),
                p.package,
                p.lots,
                p.flows,
            )
        })
        .collect();
    let subject = Subject {
        heading: format!("{} as held", recorded.manifest.strategy),
        at: when,
        cash: account.cash,
        packages,
        linear: account
            .linear
            .iter()
            .map(|l| Linear {
                instrument: l.instrument,
                quantity: l.quantity,
                price: l.price,
            })
            .collect(),
        base: None,
        rulebook: enforced(args, &graph)?,
        notes: vec![
            "The account of the run after the fills of that snapshot; profit is from its value there, the rate that of \
             keeping what is held, break-evens count what the positions brought so far, fees apart."
                .to_owned(),
        ],
        plan,
    };
    Ok((subject, data))
}

fn scenarios(
    args: &ScenarioArgs,
    axes: &Axes,
    subject: &Subject,
    data: &dyn History,
) -> Result<Scenarios, Failure> {
    let views = views_at(&subject.plan, data, subject.at).map_err(|e| failure(&e))?;
    let sight = Sight::new(&subject.plan, subject.at, &views, subject.rulebook);
    let stakes: Vec<Stake<'_>> = subject
        .packages
        .iter()
        .map(|p| Stake {
            package: &p.1,
            lots: p.2,
            position: None,
        })
        .collect();
    let account = Account {
        cash: subject.cash,
        stakes,
        linear: subject.linear.clone(),
    };
    let still = Market {
        vx_beta: args.vx_beta,
        ..Market::new(Shift::NONE)
    };
    let mut rulebooks = vec![Rulebook::Cboe, Rulebook::Ibkr, Rulebook::Portfolio];
    if !rulebooks.contains(&subject.rulebook) {
        rulebooks.push(subject.rulebook);
    }
    let enforced = rulebooks.iter().position(|r| *r == subject.rulebook).unwrap_or(0);
    let unpriced = |cause: Cause| {
        Failure::new(
            Exit::Data,
            format!("what is held has no value at {}: {cause}", subject.at),
        )
        .help("choose another snapshot with `--at`")
    };
    let worth = Shifted::new(&sight, still)
        .account(&account, &[])
        .map_err(unpriced)?
        .0;
    let base = subject.base.unwrap_or_else(|| worth.equity());
    let entries: Vec<Entry<'_>> = subject
        .packages
        .iter()
        .zip(&account.stakes)
        .map(|((_, package, lots, flows), stake)| {
            let value = package.legs().iter().try_fold(0.0, |sum, leg| {
                let one = Shifted::new(&sight, still).value(&leg.contract)?;
                Ok::<f64, Cause>(sum + one * f64::from(leg.ratio))
            })?;
            let dollars = i32::try_from(package.multiplier()).map_or(f64::MAX, f64::from) * f64::from(*lots);
            let cash = if subject.base.is_some() {
                flows.to_f64()
            } else {
                -value * dollars
            };
            Ok(Entry {
                stake: *stake,
                cash,
                flows: flows.to_f64(),
            })
        })
        .collect::<Result<_, Cause>>()
        .map_err(unpriced)?;
    let at = |(days, vol, spot): (f64, f64, f64)| {
        let market = Market {
            shift: Shift {
                forward: spot,
                vol: VolShift::Points(vol),
                days,
            },
            ..still
        };
        cell(&sight, (&account, base), &entries, market, &rulebooks)
            .map(|c| figures(&c, &rulebooks, enforced))
            .map_err(|cause| cause.to_string())
    };
    let mut cells = Vec::new();
    for days in &axes.days {
        for vol in &axes.vols {
            for spot in &axes.spots {
                cells.push(at((*days, *vol, *spot)));
            }
        }
    }
    let paths = axes
        .paths
        .iter()
        .map(|(name, steps)| ReportPath {
            name: name.clone(),
            steps: steps
                .iter()
                .map(|(days, vol, spot)| PathStep {
                    days: *days,
                    vol: *vol,
                    spot: *spot,
                    figures: at((*days, *vol, *spot)),
                })
                .collect(),
        })
        .collect();
    let underlying = subject.plan.graph().settings.instrument.name();
    let zeros =
        |days: f64| breakevens(&sight, &entries, underlying, (days, 0.0)).map_err(|cause| cause.to_string());
    let spot = sight.view(underlying).map_or(0.0, |v| v.snapshot.spot.to_f64());
    let provenance = data.provenance();
    let lots = |n: u32| {
        if n == 1 {
            "1 lot".to_owned()
        } else {
            format!("{n} lots")
        }
    };
    let held = subject.packages.iter().map(|(name, package, n, flows)| {
        let credit = if flows.0 >= 0 { "brought" } else { "cost" };
        format!(
            "{name}: {} of {package}, {credit} ${}",
            lots(*n),
            Usd(flows.0.abs())
        )
    });
    let mut notes = subject.notes.clone();
    notes.push(
        "Vol shifts are points on every SPX vol, each strike keeping its own; days move along the fitted surface. Rates are \
         the expected result at settlement (after 0 days) or the mark after the days, a year. `!` and CALL: less in the \
         account than that rulebook requires."
            .to_owned(),
    );
    notes.push(format!(
        "VIX and its futures move by {} points for one point of SPX vol (--vx-beta), vols of VIX options stay.",
        args.vx_beta
    ));
    Ok(Scenarios {
        heading: subject.heading.clone(),
        label: provenance.label,
        simulated: provenance.simulated,
        at: subject.at,
        underlying: underlying.to_owned(),
        spot,
        held: held.chain(subject.linear.iter().map(linear_words)).collect(),
        rulebooks: rulebooks.iter().map(|r| r.name().to_owned()).collect(),
        enforced: subject.rulebook.name().to_owned(),
        now: at((0.0, 0.0, 0.0)),
        vols: axes.vols.clone(),
        spots: axes.spots.clone(),
        days: axes.days.clone(),
        cells,
        paths,
        breakevens: axes.days.iter().map(|d| (*d, zeros(*d))).collect(),
        notes,
    })
}

fn linear_words(held: &Linear) -> String {
    let name = match held.instrument {
        Instrument::Future(contract) => contract.code(),
        Instrument::Share(share) => share.symbol().to_owned(),
        Instrument::Option(contract) => contract.to_string(),
    };
    format!("{:+} {name} at {}", held.quantity, held.price)
}

fn figures(found: &GridCell, rulebooks: &[Rulebook], enforced: usize) -> CellFigures {
    let buffers = rulebooks.iter().enumerate();
    let in_force = rulebooks.get(enforced).copied().unwrap_or(Rulebook::Cboe);
    CellFigures {
        profit: found.profit,
        rate: found.rate.map_err(|cause| cause.to_string()),
        required: found.required.clone(),
        buffer: buffers
            .map(|(i, r)| found.buffer(i, *r).unwrap_or(Usd::ZERO))
            .collect(),
        cushion: found.cushion(enforced, in_force).unwrap_or(0.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_and_paths_are_read_as_people_type_them() {
        assert_eq!(
            axis("+5, 0,-10", "--spot", "", -90.0, 200.0).unwrap(),
            [-10.0, 0.0, 5.0]
        );
        assert_eq!(axis("-5% 5%", "--spot", "", -90.0, 200.0).unwrap(), [-5.0, 5.0]);
        for wrong in [
            "",
            "a",
            "-95",
            "nan",
            "1,,inf",
            "0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15",
        ] {
            assert!(axis(wrong, "--spot", "", -90.0, 200.0).is_err(), "{wrong}");
        }
        assert_eq!(
            path("1 +12 -6%, 5 8 -5").unwrap(),
            [(1.0, 12.0, -0.06), (5.0, 8.0, -0.05)]
        );
        for wrong in ["", "1 2", "5 0 0, 1 0 0", "x 1 2", "1 2 3 4"] {
            assert!(path(wrong).is_err(), "{wrong}");
        }
    }
}
