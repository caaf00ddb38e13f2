//! `alula replay JOURNAL`: computes a run again from its journal and compares every tick and every link.

use crate::args::{ReplayArgs, TextFormat};
use crate::command::backtest::{failure, market};
use crate::command::run::basis::{self, Basis};
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::project::Project;
use alula_core::thresholds::{ThresholdSet, read};
use alula_dsl::graph::Graph;
use alula_journal::store::RedbStore;
use alula_journal::{Hash, Record, each};
use alula_market::time::Instant;
use alula_report::text::plural;
use alula_run::{Act, BacktestRequest, Course, Crank, Entries, Mode, OperatorAct, Swap};
use anstyle::{AnsiColor, Style};
use serde_json::json;

const TITLE: Style = Style::new().bold();
const YES: Style = AnsiColor::Green.on_default();
const NO: Style = AnsiColor::Red.on_default();

/// What a journal says about its run.
#[derive(Default)]
struct Told {
    run: String,
    sources: Option<Vec<u8>>,
    /// Instant, values as text, whether entries act at once.
    swaps: Vec<(Instant, Vec<u8>, Entries)>,
    acts: Vec<OperatorAct>,
    /// Number, instant, what was quoted.
    ticks: Vec<(u64, Instant, Hash)>,
    /// Instant, link, version of the thresholds.
    decisions: Vec<(Instant, Hash, u64)>,
    rejected: usize,
    ended: Option<String>,
}

/// The first tick that is not what the journal says.
struct Differs {
    tick: usize,
    at: Instant,
    what: &'static str,
    recorded: String,
    computed: String,
}

/// Computes it again.
///
/// # Errors
/// When the journal cannot be read or is broken, its strategy does not compile any more, or the data are others.
pub fn run(args: &ReplayArgs, out: &mut Output) -> Result<Exit, Failure> {
    let told = told(args)?;
    let basis = basis::read(told.sources.as_deref().unwrap_or_default())?;
    let folder = tempfile::tempdir().map_err(|e| Failure::io("write in", &std::env::temp_dir(), &e))?;
    let project = Project::load(&basis.unpack(folder.path())?)?;
    let thresholds = basis.thresholds.as_ref().map(|name| folder.path().join(name));
    let linked = project.checked(thresholds.as_deref(), out)?;
    let mut graph = linked.graph.clone();
    alula_run::restore(&mut graph.settings, &basis.settings);
    if args.data.is_none() && !basis.simulated {
        return Err(Failure::usage(format!("the run rests on `{}`", basis.label))
            .help("name that store with `--data`"));
    }
    let history = market(args.data.as_deref(), basis.seed, basis.years, &graph)?;
    let now = history.provenance();
    if now.hash != basis.data {
        return Err(Failure::new(
            Exit::Data,
            format!("the run rests on `{}`, these data are others", basis.label),
        )
        .help(format!("their hash is {}, the run's is {}", now.hash, basis.data)));
    }
    let mut silent = |_| {};
    let request = BacktestRequest {
        from: basis.from,
        to: basis.to,
        mode: Mode::Streaming,
        course: course(&told, &graph)?,
        ..linked.request(&graph, history.as_ref(), &mut silent)
    };
    let crank = Crank::start(&request).map_err(|e| failure(&e))?;
    let differs = compare(crank, &told)?;
    report(args, (&told, &basis), differs.as_ref(), out)?;
    Ok(if differs.is_none() {
        Exit::Ok
    } else {
        Exit::Findings
    })
}

fn told(args: &ReplayArgs) -> Result<Told, Failure> {
    let path = &args.journal;
    let unreadable = |why: String| {
        Failure::usage(format!("cannot read the journal `{}`: {why}", path.display()))
            .help("name the `.redb` file of a run that has ended, as `alula run --state` wrote it")
    };
    let store = RedbStore::view(path).map_err(|e| unreadable(e.to_string()))?;
    let mut told = Told::default();
    let verdict = each(&store, |entry, record| {
        let at = Instant(entry.engine_ns.div_euclid(1_000_000_000));
        match record {
            Some(Record::RunStarted(r)) => told.run.clone_from(&r.run),
            Some(Record::StrategySwapped(r)) if r.version == 1 => told.sources = Some(r.sources.0.clone()),
            Some(Record::ThresholdsApplied(r)) if r.version > 1 => {
                let entries = if r.source.ends_with("entries evaluate") {
                    Entries::Evaluate
                } else {
                    Entries::Wait
                };
                told.swaps.push((at, r.canonical.0.clone(), entries));
            }
            Some(Record::ThresholdsRejected(_)) => told.rejected += 1,
            Some(Record::Operator(r)) => {
                told.acts
                    .extend(Act::from_word(&r.command).map(|act| OperatorAct {
                        at,
                        act,
                        why: r.arguments.first().cloned().unwrap_or_default(),
                    }))
            }
            Some(Record::Tick(r)) => told.ticks.push((r.number, Instant(r.at_s), r.snapshot)),
            Some(Record::Decision(r)) => told.decisions.push((Instant(r.at_s), r.link, r.thresholds)),
            Some(Record::RunEnded(r)) => told.ended = Some(r.why.clone()),
            _ => {}
        }
        Ok(())
    })
    .map_err(|e| unreadable(e.to_string()))?;
    if let Some(broken) = verdict.broken {
        return Err(Failure::new(
            Exit::Data,
            format!("the journal `{}` is broken: {broken}", path.display()),
        )
        .help("what stands before the break is sound; nothing after it may be believed"));
    }
    if let Some((seq, why)) = verdict.unreadable {
        return Err(
            Failure::new(Exit::Data, format!("entry {seq} cannot be read: {why}"))
                .help("replay it with the program version that wrote it"),
        );
    }
    Ok(told)
}

fn course(told: &Told, graph: &Graph) -> Result<Course, Failure> {
    let set = |text: &[u8]| -> Result<ThresholdSet, Failure> {
        read(text, &graph.settings.name, &graph.thresholds).map_err(|found| {
            let all: Vec<String> = found.iter().map(ToString::to_string).collect();
            Failure::new(
                Exit::Data,
                format!("thresholds in the journal: {}", all.join("; ")),
            )
        })
    };
    let swaps = told.swaps.iter().map(|(at, text, entries)| {
        Ok(Swap {
            at: *at,
            set: set(text)?,
            file: None,
            entries: *entries,
        })
    });
    Ok(Course {
        swaps: swaps.collect::<Result<_, Failure>>()?,
        acts: told.acts.clone(),
        until: None,
    })
}

/// Turns the crank for as many ticks as the journal has decisions of.
fn compare(mut crank: Crank<'_>, told: &Told) -> Result<Option<Differs>, Failure> {
    for (tick, (at, link, version)) in told.decisions.iter().enumerate() {
        let snapshot = told.ticks.get(tick).map(|t| t.2);
        let row = loop {
            if let Some((_, now, seen)) = crank.peek().map_err(|e| failure(&e))?
                && now == *at
                && snapshot != Some(Hash(seen))
            {
                return Ok(Some(Differs {
                    tick,
                    at: *at,
                    what: "what was quoted",
                    recorded: snapshot.map_or_else(String::new, |h| h.to_string()),
                    computed: Hash(seen).to_string(),
                }));
            }
            match crank.turn().map_err(|e| failure(&e))? {
                None => break None,
                Some(turned) if turned.tick.is_some() => break crank.output().ticks.last().cloned(),
                Some(_) => {}
            }
        };
        let differs = |what, recorded: String, computed: String| {
            Ok(Some(Differs {
                tick,
                at: *at,
                what,
                recorded,
                computed,
            }))
        };
        let Some(row) = row else {
            return differs("the tick", at.to_string(), "the feed ended before it".to_owned());
        };
        if row.at != *at {
            return differs("the tick", at.to_string(), row.at.to_string());
        }
        if u64::from(crank.version()) != *version {
            return differs(
                "the version of the thresholds",
                version.to_string(),
                crank.version().to_string(),
            );
        }
        if row.chain != link.to_string() {
            return differs("the link", link.to_string(), row.chain);
        }
    }
    Ok(None)
}

fn report(
    args: &ReplayArgs,
    (told, basis): (&Told, &Basis),
    differs: Option<&Differs>,
    out: &mut Output,
) -> Result<(), Failure> {
    if args.format == TextFormat::Json {
        let first = differs.map(|d| {
            json!({ "tick": d.tick, "at": d.at.eastern().to_rfc3339(), "what": d.what, "recorded": d.recorded,
                "computed": d.computed })
        });
        let value = json!({
            "schema_version": 1, "run": told.run, "data": basis.label, "simulated": basis.simulated,
            "decisions": told.decisions.len(), "swaps": told.swaps.len(), "rejected": told.rejected,
            "operator": told.acts.len(), "ended": told.ended, "same": differs.is_none(), "first_difference": first,
        });
        return out.data(&format!("{value:#}\n"));
    }
    let ended = told.ended.as_deref().unwrap_or("it did not end in good order");
    let mut text = format!(
        "{TITLE}{}{TITLE:#}  {}\n  {}, {} of thresholds ({} refused), {}; {ended}\n",
        told.run,
        basis.label,
        plural(told.decisions.len(), "decision"),
        plural(told.swaps.len(), "change"),
        told.rejected,
        plural(told.acts.len(), "word").replace("word", "operator's word"),
    );
    match differs {
        None => text.push_str(&format!(
            "  {YES}✓{YES:#} computed again: every tick saw the same quotes and gave the same link\n"
        )),
        Some(d) => text.push_str(&format!(
            "  {NO}✗{NO:#} the first that differs is tick {} at {}: {}\n      recorded  {}\n      computed  {}\n",
            d.tick, d.at, d.what, d.recorded, d.computed
        )),
    }
    out.data(&text)
}
