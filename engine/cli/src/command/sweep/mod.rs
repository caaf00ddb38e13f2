//! `alula sweep FILE`: one strategy at many values of its thresholds.

mod grid;

use crate::args::{Shard, SweepArgs, TextFormat};
use crate::at;
use crate::command::backtest::{market, with_terms};
use crate::exit::{Exit, Failure, failure};
use crate::files;
use crate::output::Output;
use crate::progress::Bar;
use crate::project::{Linked, Project};
use alula_dsl::graph::Graph;
use alula_market::history::History;
use alula_market::time::Date;
use alula_report::sweep::{Figures, Point, Sweep, text};
use alula_run::{ErrorClass, Moment, RunError, RunOutput};
use grid::Varied;
use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Runs every point, or joins parts.
///
/// # Errors
/// When the strategy, the grid or the data do not do, parts are not of one sweep, or something cannot be written.
pub fn run(args: &SweepArgs, out: &mut Output) -> Result<Exit, Failure> {
    let part = args.shard.unwrap_or(Shard::WHOLE);
    let sweep = if args.join.is_empty() {
        points(args, part, out)?
    } else {
        joined(args)?
    };
    if let Some(path) = &args.json {
        files::write_result(out, Some(path), &sweep.json())?;
    }
    if let Some(path) = &args.csv {
        files::write_result(out, Some(path), &sweep.csv())?;
    }
    match args.format {
        TextFormat::Text => out.data(&text(&sweep, args.by.into()))?,
        TextFormat::Json => out.data(&sweep.json())?,
    }
    let stopped = sweep.points.iter().any(|p| p.stopped.is_some());
    Ok(if stopped { Exit::Stopped } else { Exit::Ok })
}

fn joined(args: &SweepArgs) -> Result<Sweep, Failure> {
    let mut parts = Vec::new();
    for path in &args.join {
        let text = files::read_text(path)?;
        let part = Sweep::read(&text).map_err(|why| {
            let what = format!("`{}` is no part of a sweep: {why}", path.display());
            Failure::new(Exit::Data, what).help("name files that `alula sweep --json` wrote")
        })?;
        parts.push(part);
    }
    Sweep::joined(parts).map_err(|e| {
        Failure::new(Exit::Data, e.to_string())
            .help("name every part of one sweep, run with the same strategy, thresholds, data and options")
    })
}

/// What the points of a sweep have in common.
struct Ground<'a> {
    linked: &'a Linked<'a>,
    graph: &'a Graph,
    history: &'a dyn History,
    args: &'a SweepArgs,
    varied: &'a [Varied],
    held_out: Option<Date>,
}

fn points(args: &SweepArgs, part: Shard, out: &mut Output) -> Result<Sweep, Failure> {
    let file = args
        .file
        .as_deref()
        .ok_or_else(|| Failure::usage("there is no strategy to run"))?;
    let project = Project::load(file)?;
    let linked = project.checked(args.thresholds.as_deref(), out)?;
    let graph = with_terms(&args.terms, linked.graph)?;
    let varied = grid::read(&args.vary, &graph.thresholds, linked.thresholds.values())?;
    let history = market(args.data.as_deref(), args.seed, args.years, &graph)?;
    let held_out = args
        .hold_out
        .as_deref()
        .map(|text| held_out(text, args, &graph, history.as_ref()));
    let ground = Ground {
        linked: &linked,
        graph: &graph,
        history: history.as_ref(),
        args,
        varied: &varied,
        held_out: held_out.transpose()?,
    };
    let axes = varied.iter().map(|v| v.axis.clone()).collect();
    let mut sweep = Sweep::new(&graph.settings.name, axes);
    sweep.held_out_from = ground.held_out.map(|d| d.to_string());
    let own: Vec<usize> = (0..sweep.grid).filter(|at| part.has(*at)).collect();
    let (found, described) = all(&ground, &sweep, &own, out)?;
    if let Some(run) = &described {
        sweep.describe(run);
    }
    sweep.points = found;
    Ok(sweep)
}

/// The first session that has no part in the choice.
fn held_out(text: &str, args: &SweepArgs, graph: &Graph, history: &dyn History) -> Result<Date, Failure> {
    let wrong = || {
        Failure::usage(format!("--hold-out: `{text}` is neither a share nor a day"))
            .help("write `--hold-out 30%` or `--hold-out 2024-06-01`")
    };
    let underlying = graph.settings.instrument.name();
    let (first, last) = history.range(underlying).ok_or_else(|| {
        Failure::new(
            Exit::Data,
            format!("the data hold no option chains of `{underlying}`"),
        )
    })?;
    let (first, last) = (
        args.from.unwrap_or(first).max(first),
        args.to.unwrap_or(last).min(last),
    );
    let ticks = history.ticks(underlying, first, last);
    let sessions: Vec<Date> = ticks
        .iter()
        .map(|t| t.date())
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    let date = match text.trim().strip_suffix('%') {
        Some(share) => {
            let share: f64 = share.trim().parse().map_err(|_| wrong())?;
            if !(1.0..=90.0).contains(&share) {
                return Err(
                    Failure::usage(format!("--hold-out: `{text}` is outside 1% to 90%"))
                        .help("hold out a part of the sessions and choose on the rest, such as `30%`"),
                );
            }
            // The number of sessions whose share of all is still at most what is left.
            let whole = f64::from(u32::try_from(sessions.len()).unwrap_or(u32::MAX));
            let at = sessions
                .iter()
                .zip(0_u32..)
                .find(|(_, i)| f64::from(*i) >= whole * (1.0 - share / 100.0));
            at.map(|(date, _)| *date)
        }
        None => match at::parse_as(text, "--hold-out").map_err(|_| wrong())? {
            Moment::Day(date) => Some(date),
            Moment::At(_) => return Err(wrong()),
        },
    };
    date.filter(|d| sessions.first().is_some_and(|s| s < d) && sessions.last().is_some_and(|s| d <= s))
        .ok_or_else(|| {
            Failure::usage(format!(
                "--hold-out: `{text}` leaves no session to choose on, or none to check on"
            ))
            .help(format!("the sessions run from {first} to {last}"))
        })
}

/// Runs points side by side. Each thread has a sweep of its own; results stand in the grid's order, whoever was first.
fn all(
    ground: &Ground<'_>,
    sweep: &Sweep,
    own: &[usize],
    out: &Output,
) -> Result<(Vec<Point>, Option<RunOutput>), Failure> {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let jobs = ground
        .args
        .jobs
        .map_or(threads, usize::from)
        .min(own.len())
        .max(1);
    let bar = Bar::of_runs(out);
    bar.begin(u64::try_from(own.len()).unwrap_or(u64::MAX));
    let next = AtomicUsize::new(0);
    let done: Mutex<Done> = Mutex::new(Done::default());
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| work(ground, sweep, own, (&next, &done), &bar));
        }
    });
    bar.end();
    let done = done
        .into_inner()
        .map_err(|_| Failure::new(Exit::Stopped, "a run of the sweep broke off"))?;
    if let Some(error) = done.refused {
        return Err(failure(&error));
    }
    let mut points = done.points;
    points.sort_by_key(|p| p.at);
    Ok((points, done.described.map(|(_, run)| run)))
}

/// What threads have found.
#[derive(Default)]
struct Done {
    points: Vec<Point>,
    /// The run of the earliest point so far, for what all have in common.
    described: Option<(usize, RunOutput)>,
    /// What would have stopped every run.
    refused: Option<RunError>,
}

fn work(
    ground: &Ground<'_>,
    sweep: &Sweep,
    own: &[usize],
    (next, done): (&AtomicUsize, &Mutex<Done>),
    bar: &Bar,
) {
    let mut progress = |_| {};
    let mut request = ground.linked.request(ground.graph, ground.history, &mut progress);
    request.from = ground.args.from;
    request.to = ground.args.to;
    let mut values = request.thresholds.clone();
    let mut runs = alula_run::Sweep::new(request);
    while let Some(at) = own.get(next.fetch_add(1, Ordering::Relaxed)) {
        for (varied, place) in ground.varied.iter().zip(sweep.places(*at)) {
            if let (Some(slot), Some(value)) = (values.get_mut(varied.slot), varied.values.get(place)) {
                *slot = *value;
            }
        }
        let result = runs.run(&values);
        let Ok(mut done) = done.lock() else { return };
        match result {
            Ok(run) => {
                done.points.push(point(*at, &run, ground.held_out));
                if done.described.as_ref().is_none_or(|(first, _)| at < first) {
                    done.described = Some((*at, run));
                }
            }
            Err(error) if matches!(error.class, ErrorClass::Request | ErrorClass::File) => {
                done.refused.get_or_insert(error);
                return;
            }
            Err(error) => done.points.push(Point {
                at: *at,
                figures: None,
                after: None,
                stopped: Some(failure(&error).what),
            }),
        }
        drop(done);
        bar.step(1, "");
    }
}

fn point(at: usize, run: &RunOutput, held_out: Option<Date>) -> Point {
    let chosen_on = |date: Date| held_out.is_none_or(|from| date < from);
    Point {
        at,
        figures: Figures::of(run, chosen_on),
        after: held_out.and_then(|from| Figures::of(run, |date| date >= from)),
        stopped: None,
    }
}
