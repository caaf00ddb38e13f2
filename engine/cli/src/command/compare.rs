//! `alula compare A B …`: hedged against unhedged on one path, and one strategy at several sizes.

use crate::args::{CompareArgs, TextFormat};
use crate::command::backtest::market;
use crate::exit::{Exit, Failure, failure};
use crate::files;
use crate::output::Output;
use crate::progress::Bar;
use crate::project::Project;
use crate::run_folder;
use alula_book::FillModelError;
use alula_core::registry::Registry;
use alula_dsl::graph::{Arith, Graph, Node, NodeId, Op, RuleAction, SizeDef};
use alula_market::history::History;
use alula_market::sim::{SimConfig, SimulatedMarket};
use alula_report::compare::resample::block_length;
use alula_report::compare::scale::{SizeRow, over_paths};
use alula_report::compare::{
    Claims, Comparison, Mismatch, Resampling, Sample, json, on_history, on_paths, page::page, text,
};
use alula_run::{BacktestRequest, Inputs, Mode, RunOutput, backtest};
use std::path::Path;
use std::sync::Arc;

/// Sessions of a simulated year.
const SESSIONS: u32 = 252;

/// A strategy ready to run many times.
struct Strategy {
    name: String,
    graph: Graph,
    thresholds: Vec<f64>,
    registry: Registry,
    inputs: Inputs,
}

/// One of the things compared.
enum Subject {
    Run(Box<Sample>),
    Strategy(Box<Strategy>),
}

/// Compares.
///
/// # Errors
/// When something cannot be read or run, or the runs did not see the same market (exit code 3).
pub fn run(args: &CompareArgs, out: &mut Output) -> Result<Exit, Failure> {
    let subjects = subjects(args, out)?;
    let found = match args.paths {
        Some(paths) => simulated(args, &subjects, paths, out)?,
        None => on_one_history(args, &subjects, out)?,
    };
    if let Some(path) = &args.html {
        files::write_result(out, Some(path), &page(&found))?;
    }
    match args.format {
        TextFormat::Text => out.data(&text(&found))?,
        TextFormat::Json => out.data(&json(&found))?,
    }
    Ok(Exit::Ok)
}

fn subjects(args: &CompareArgs, out: &mut Output) -> Result<Vec<Subject>, Failure> {
    if args.what.len() < 2 && args.scale.is_empty() {
        return Err(Failure::usage("one run alone is not compared with anything")
            .help("name a second run or strategy, or sizes with `--scale 1,20,200`"));
    }
    if args.what.len() != 1 && !args.scale.is_empty() {
        return Err(Failure::usage("sizes are of one strategy").help("name one strategy file with `--scale`"));
    }
    let mut found: Vec<Subject> = Vec::new();
    for path in &args.what {
        let name = named(path);
        let taken = |s: &Subject| match s {
            Subject::Run(sample) => sample.name == name,
            Subject::Strategy(s) => s.name == name,
        };
        let name = if found.iter().any(taken) {
            path.display().to_string()
        } else {
            name
        };
        found.push(if path.is_dir() {
            Subject::Run(Box::new(Sample::of(&name, &run_folder::read(path)?.output)))
        } else {
            Subject::Strategy(Box::new(strategy(path, name, args, out)?))
        });
    }
    let is_run = |s: &Subject| matches!(s, Subject::Run(_));
    if (args.paths.is_some() || !args.scale.is_empty()) && found.iter().any(is_run) {
        return Err(Failure::usage("a run folder holds one path at one size")
            .help("name strategy files with `--paths` and `--scale`"));
    }
    Ok(found)
}

fn named(path: &Path) -> String {
    path.file_stem().or(path.file_name()).map_or_else(
        || path.display().to_string(),
        |n| n.to_string_lossy().into_owned(),
    )
}

fn strategy(path: &Path, name: String, args: &CompareArgs, out: &mut Output) -> Result<Strategy, Failure> {
    let project = Project::load(path)?;
    let linked = project.checked(None, out)?;
    let mut graph = linked.graph.clone();
    if let Some(text) = &args.fill {
        alula_run::set_fill_model(&mut graph.settings, text)
            .map_err(|e| Failure::usage(e.to_string()).help(FillModelError::HELP))?;
    }
    Ok(Strategy {
        name,
        graph,
        thresholds: linked.thresholds.values().to_vec(),
        registry: linked.registry(),
        inputs: linked.inputs.clone(),
    })
}

fn ran(
    strategy: &Strategy,
    graph: &Graph,
    data: &dyn History,
    args: &CompareArgs,
    progress: &mut dyn FnMut(alula_run::Progress),
) -> Result<RunOutput, Failure> {
    backtest(BacktestRequest {
        graph: Arc::new(graph.clone()),
        thresholds: strategy.thresholds.clone(),
        registry: strategy.registry.clone(),
        inputs: strategy.inputs.clone(),
        history: data,
        from: args.from,
        to: args.to,
        mode: Mode::Batch,
        course: alula_run::Course::default(),
        progress,
    })
    .map_err(|e| failure(&e))
}

fn refused(error: &Mismatch) -> Failure {
    let help = match error {
        Mismatch::Data { .. } => {
            "compare runs of one store, or name strategy files: they run on the same data"
        }
        Mismatch::Period { .. } => "run both over the same `--from` and `--to`",
        Mismatch::Short(_) => "compare longer runs",
    };
    Failure::new(Exit::Data, error.to_string()).help(help)
}

fn resampling(args: &CompareArgs) -> Resampling {
    Resampling {
        count: args.resamples,
        block: args.block,
        seed: args.seed.unwrap_or(7),
    }
}

/// Runs on one history, and strategies run on it.
fn on_one_history(args: &CompareArgs, subjects: &[Subject], out: &mut Output) -> Result<Claims, Failure> {
    let mut data: Option<Box<dyn History>> = None;
    let mut samples: Vec<Sample> = Vec::new();
    let mut sizes = Vec::new();
    for subject in subjects {
        match subject {
            Subject::Run(sample) => samples.push((**sample).clone()),
            Subject::Strategy(s) => {
                if data.is_none() {
                    data = Some(market(args.data.as_deref(), args.seed, args.years, &s.graph)?);
                }
                let Some(data) = &data else { continue };
                if args.scale.is_empty() {
                    samples.push(sample(s, &s.graph, data.as_ref(), args, out)?);
                }
                for scale in &args.scale {
                    let graph = scaled(s, *scale, args)?;
                    let found = sample(s, &graph, data.as_ref(), args, out)?;
                    sizes.push(SizeRow::of(*scale, &found));
                    samples.push(Sample {
                        name: format!("{} x{scale}", s.name),
                        ..found
                    });
                }
            }
        }
    }
    let (base, others) = samples
        .split_first()
        .ok_or_else(|| Failure::usage("there is nothing to compare"))?;
    let mut comparisons: Vec<Comparison> = Vec::new();
    if args.scale.is_empty() {
        for other in others {
            comparisons.push(on_history(base, other, resampling(args)).map_err(|e| refused(&e))?);
        }
    }
    let period = match (base.rows.first(), base.rows.last()) {
        (Some(first), Some(last)) => format!(
            "{} sessions from {} to {}",
            base.rows.len(),
            first.date,
            last.date
        ),
        _ => "no session".to_owned(),
    };
    out.detail(&format!(
        "blocks of {:.1} sessions",
        block_length(base.rows.len())
    ));
    Ok(Claims {
        label: base.data.1.clone(),
        simulated: base.simulated,
        period,
        comparisons,
        sizes,
        over_paths: false,
        size_change: None,
        seed: resampling(args).seed,
        // At several sizes the account differs, and one line would hide the others.
        samples: if args.scale.is_empty() {
            samples
        } else {
            Vec::new()
        },
    })
}

fn sample(
    strategy: &Strategy,
    graph: &Graph,
    data: &dyn History,
    args: &CompareArgs,
    out: &Output,
) -> Result<Sample, Failure> {
    let bar = Bar::of_ticks(out);
    let n = |x: usize| u64::try_from(x).unwrap_or(u64::MAX);
    let mut begun = false;
    let mut progress = |p: alula_run::Progress| {
        if !begun {
            bar.begin(n(p.total));
            begun = true;
        }
        bar.at(n(p.done), &format!("{} {}", strategy.name, p.date));
    };
    let run = ran(strategy, graph, data, args, &mut progress)?;
    drop(bar);
    Ok(Sample::of(&strategy.name, &run))
}

/// Every strategy on every simulated path.
fn simulated(args: &CompareArgs, subjects: &[Subject], paths: u32, out: &Output) -> Result<Claims, Failure> {
    let strategies: Vec<&Strategy> = subjects
        .iter()
        .filter_map(|s| match s {
            Subject::Strategy(s) => Some(&**s),
            Subject::Run(_) => None,
        })
        .collect();
    let Some((base, others)) = strategies.split_first() else {
        return Err(Failure::usage("there is nothing to compare"));
    };
    let first = args.seed.unwrap_or(1);
    let years = args.years.unwrap_or(1);
    let bar = Bar::of_runs(out);
    let count = u64::try_from(strategies.len()).unwrap_or(1);
    let sizes_of = u64::try_from(args.scale.len()).unwrap_or(0);
    bar.begin(u64::from(paths) * if sizes_of > 0 { sizes_of } else { count });
    let mut sizes: Vec<Vec<SizeRow>> = Vec::new();
    let mut pairs: Vec<Vec<(Sample, Sample)>> = vec![Vec::new(); others.len()];
    for path in 0..paths {
        let config = SimConfig {
            seed: first.wrapping_add(u64::from(path)),
            sessions: years.saturating_mul(SESSIONS).min(SimConfig::SESSIONS_MAX),
            ..SimConfig::default()
        };
        let what = format!("path {} of {paths}", path + 1);
        let market = SimulatedMarket::new(config).map_err(|e| Failure::usage(e.what).help(e.help))?;
        if !args.scale.is_empty() {
            let mut row = Vec::new();
            for scale in &args.scale {
                let graph = scaled(base, *scale, args)?;
                let found = ran(base, &graph, &market, args, &mut |_| {})?;
                row.push(SizeRow::of(*scale, &Sample::of(&base.name, &found)));
                bar.step(1, &what);
            }
            sizes.push(row);
            continue;
        }
        let yard = Sample::of(&base.name, &ran(base, &base.graph, &market, args, &mut |_| {})?);
        bar.step(1, &what);
        for (other, pairs) in others.iter().zip(&mut pairs) {
            let found = ran(other, &other.graph, &market, args, &mut |_| {})?;
            bar.step(1, &what);
            pairs.push((yard.clone(), Sample::of(&other.name, &found)));
        }
    }
    drop(bar);
    let (sizes, size_change) = over_paths(&sizes, resampling(args));
    let comparisons = pairs
        .iter()
        .map(|p| on_paths(p, resampling(args)).map_err(|e| refused(&e)))
        .collect::<Result<Vec<Comparison>, Failure>>()?;
    let last = first.wrapping_add(u64::from(paths.saturating_sub(1)));
    Ok(Claims {
        label: format!("simulated markets, seeds {first} to {last}"),
        simulated: true,
        period: format!("{}, one snapshot a day", paths_of(paths, years)),
        comparisons,
        // A picture of one path of many would be taken for all of them.
        samples: Vec::new(),
        sizes,
        over_paths: true,
        size_change,
        seed: first,
    })
}

/// `30 paths of 1 year`.
fn paths_of(paths: u32, years: u32) -> String {
    let plural = |n: u32| if n == 1 { "" } else { "s" };
    format!("{paths} path{} of {years} year{}", plural(paths), plural(years))
}

/// A strategy at so many times its size: capital, lots and caps on lots; budgets follow the capital by themselves. Orders feel
/// the size shown, where the strategy does not say how.
fn scaled(strategy: &Strategy, scale: u32, args: &CompareArgs) -> Result<Graph, Failure> {
    let mut graph = strategy.graph.clone();
    let factor = f64::from(scale);
    graph.settings.capital_usd *= factor;
    if args.fill.is_none() && graph.settings.depth == alula_dsl::graph::Depth::Unlimited {
        let assume = args.assume;
        graph.settings.depth = alula_dsl::graph::Depth::Limited { assume: Some(assume) };
    }
    let mut nodes = std::mem::take(&mut graph.nodes);
    let mut times = |id: NodeId| -> Result<NodeId, Failure> {
        let lost = || Failure::usage("the strategy is too large to be scaled");
        let own = nodes.get(id.0 as usize).cloned().ok_or_else(lost)?;
        let next = |n: usize| u32::try_from(n).map(NodeId).map_err(|_| lost());
        let number = next(nodes.len())?;
        nodes.push(Node {
            op: Op::Number(factor),
            inputs: Vec::new(),
            key: format!("{}.scale", own.key),
            text: factor.to_string(),
            clock: alula_dsl::graph::Clock::Constant,
            domain: alula_dsl::graph::Domain::Market,
            rank: 0,
            ..own.clone()
        });
        let product = next(nodes.len())?;
        nodes.push(Node {
            op: Op::Arith(Arith::Mul),
            inputs: vec![id, number],
            key: format!("{}.scaled", own.key),
            text: format!("{} * {factor}", own.text),
            rank: own.rank.saturating_add(1),
            ..own
        });
        Ok(product)
    };
    for policy in &mut graph.policies {
        for rule in &mut policy.rules {
            if let RuleAction::Open { size, at_most, .. } = &mut rule.action {
                if let SizeDef::Lots(lots) = size {
                    *lots = times(*lots)?;
                }
                if let Some(cap) = at_most {
                    *cap = times(*cap)?;
                }
            }
        }
    }
    graph.nodes = nodes;
    Ok(graph)
}
