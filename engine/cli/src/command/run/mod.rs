//! `alula run FILE`: the same graph as a backtest, tick by tick as time passes, with thresholds that may change under way.

pub mod basis;
mod conductor;
pub mod control;
mod failed;
mod hook;
mod lines;
mod log;
mod notify;
pub mod operator;
mod orders;
pub mod quotes;
pub mod rails;
pub mod remote;
mod screen;
mod signals;
mod speech;
mod state;
mod strategy;
pub mod told;
pub mod upgrade;
mod webhook;

use crate::args::{BrokerArg, FeedArg, RunArgs, TextFormat};
use crate::command::backtest::{market, text, with_terms};
use crate::exit::{Exit, Failure, failure};
use crate::output::Output;
use crate::project::Project;
use crate::quarantine;
use crate::run_folder;
use alula_core::plan::{Plan, link};
use alula_dsl::graph::Graph;
use alula_live::pace::Speed;
use alula_live::source::{Refusal, Source};
use alula_live::swap::{Desk, Rules};
use alula_live::trader::Sheet;
use alula_live::{Live, LiveError};
use alula_report::summary;
use alula_run::{BacktestRequest, Crank, Mode, RunOutput};
use conductor::Conductor;
use quotes::Quotes;
use serde_json::json;
use signals::Signals;
use speech::Speech;
use state::{Resumed, State};
use std::io::Write as _;
use std::time::Duration;

/// Runs a strategy over a feed until it ends or somebody stops it, then writes the run folder.
///
/// # Errors
/// When strategy, thresholds, scripts or data do not do, the run had to stop, or the folder cannot be written.
pub fn run(args: &RunArgs, out: &mut Output) -> Result<Exit, Failure> {
    check(args)?;
    let (voice, errors) = out.aside()?;
    log::begin(&args.log, errors)?;
    orders::check(args)?;
    let address = webhook::Address::read(args.webhook.as_deref(), args.webhook_file.as_deref())?;
    let authorities = webhook::Authorities::read(args.webhook_ca.as_deref())?;
    if args.webhook_ca.is_some() && address.is_none() {
        return Err(Failure::usage("`--webhook-ca` belongs to a webhook")
            .help("name one with `--webhook` or `--webhook-file`"));
    }
    // Looked at before it is read: a change in between is then noticed, not missed.
    let source = watched(args);
    let project = Project::load(&args.file)?;
    let name = project.compiled.graph.as_ref().map(|g| g.settings.name.clone());
    let state = args.state.as_deref().zip(name);
    let mut state = state.map(|(dir, name)| state::open(dir, &name)).transpose()?;
    let mut resumed = match &state {
        Some(state) if args.resume => state.resume()?,
        _ => None,
    };
    quarantine::leave_out(&args.without_plugin);
    if let Some(state) = &state {
        let graph = project.compiled.graph.as_ref();
        let called = graph
            .into_iter()
            .flat_map(|g| &g.plugins)
            .map(|p| p.plugin.clone());
        let went = resumed
            .iter()
            .flat_map(|r| &r.told.plugins)
            .map(|(_, id, _)| id.clone());
        let asked = quarantine::Asked {
            strategy: &args.file,
            plugins: &called.chain(went).collect(),
            resumes: resumed.is_some(),
            lifted: &args.lift_quarantine,
        };
        let before = quarantine::check(state.folder.path(), &asked, out)?;
        quarantine::begin(state.folder.path(), before)?;
    }
    let files = strategy::watched(&project);
    // What went on begins with what it began with; what the files say now is offered to it afterwards.
    let began = resumed.as_ref().map(Resumed::unpack).transpose()?;
    let project = match &began {
        Some(began) => Project::load(&began.strategy)?,
        None => project,
    };
    let last_good = match &began {
        Some(_) => None,
        None => last_good(args, &project, state.as_ref(), out)?,
    };
    let thresholds = match &began {
        Some(began) => began.thresholds.as_deref(),
        None => last_good
            .as_ref()
            .map(tempfile::NamedTempFile::path)
            .or(args.thresholds.as_deref()),
    };
    let mut linked = project.checked(thresholds, out)?;
    if let (Some(_), Some((name, _))) = (&last_good, &mut linked.inputs.thresholds) {
        // The record knows no temporary names.
        "last-good.thresholds.yaml".clone_into(name);
    }
    let mut graph = with_terms(&args.terms, linked.graph)?;
    if let Some(dir) = &args.out {
        run_folder::check_target(dir, args.force)?;
    }
    if let Some(r) = &resumed {
        orders::same_broker(args, r)?;
        quotes::same_feed(args, r.basis.feed.as_ref())?;
    }
    if args.resume && resumed.is_none() {
        out.note("there is no run to go on with; this one begins anew");
    }
    let (mut period, mut simulated) = ((args.from, args.to), (args.seed, args.years));
    if let Some(resumed) = &resumed {
        resumed.restore(&mut linked)?;
        if let Some(builds) = resumed.told.builds() {
            linked.plugins = crate::plugins::at(linked.graph, &builds, &args.file)?;
        }
        let basis = &resumed.basis;
        alula_run::restore(&mut graph.settings, &basis.settings);
        period = (basis.from, basis.to);
        simulated = (basis.seed, basis.years);
    }
    let history = market(args.data.as_deref(), simulated.0, simulated.1, &graph)?;
    let recorded = resumed.as_ref().map(|r| (r.basis.feed.as_ref(), &r.told.seen));
    let (history, quotes) = match recorded {
        Some((Some(feed), seen)) => {
            let (history, quotes) = Quotes::again(feed, seen, history)?;
            (history, Some(quotes))
        }
        None if args.feed == Some(FeedArg::Broker) => {
            let mut silent = |_| {};
            let plan = plan(&linked.request(&graph, history.as_ref(), &mut silent))?;
            let (history, quotes) = Quotes::of(args, &plan, history)?;
            (history, Some(quotes))
        }
        _ => (history, None),
    };
    if let (Some(quotes), None, BrokerArg::Ibkr) = (&quotes, &resumed, args.broker) {
        period.0 = Some(quotes.begins());
    }
    if let Some(r) = resumed
        .as_ref()
        .filter(|r| r.basis.data != history.provenance().hash)
    {
        let what = format!(
            "the run that is to go on rests on `{}`, these data are others",
            r.basis.label
        );
        return Err(Failure::new(Exit::Data, what)
            .help("name its store with `--data`, or begin anew without `--resume`"));
    }
    let mut silent = |_| {};
    let request = BacktestRequest {
        from: period.0,
        to: period.1,
        mode: Mode::Streaming,
        course: resumed.as_ref().map_or_else(
            || Ok(rails::course(args)),
            |r| r.told.course(&graph, &r.basis.settings, &args.file, out),
        )?,
        ..linked.request(&graph, history.as_ref(), &mut silent)
    };
    let mut crank = Crank::start(&request).map_err(|e| failure(&e))?;
    drop(request);
    let (mut carried, mut sheet) = (None, Sheet::default());
    if let Some(resumed) = &mut resumed {
        resumed.told.upgrades(&mut crank, &args.file)?;
        let mut again = resumed.told.again(&mut crank)?;
        resumed.catch_up(&mut crank, again.as_mut(), out)?;
        if let Some(again) = again {
            let (orders, kept) = again.into_parts().map_err(|e| stopped(&e.into()))?;
            (carried, sheet) = (Some(orders), kept);
        }
    }
    // What can be refused is asked for before the journal says that there is a run.
    let board = args.metrics.as_deref().map(control::serve).transpose()?;
    let keeper = state.as_ref().map(|s| {
        s.begin(
            args,
            (&linked, &crank),
            (resumed.as_ref(), carried.as_ref(), quotes.as_ref()),
            out,
        )
    });
    let mut keeper = keeper.transpose()?;
    if let (Some(keeper), None) = (&mut keeper, &resumed) {
        let at = crank.next().unwrap_or_default();
        for (id, sha256) in upgrade::builds(&crank) {
            let loaded = upgrade::loaded(crank.registry(), &id, &sha256);
            keeper
                .plugin(&loaded, at, state::now_ns())
                .map_err(|e| state::broken(&e))?;
        }
    }
    let desk = Desk::new(&graph.settings.name, &graph.thresholds, rules(args));
    let mut live = Live::new(crank, desk);
    if let Some(keeper) = keeper {
        live.keep(keeper);
    }
    if args.broker == BrokerArg::Ibkr {
        out.warn(if args.live {
            "REAL MONEY at Interactive Brokers, with a plugin that was not yet run against a live account: watch it"
        } else {
            "Interactive Brokers, a paper account: this plugin was not yet run against a live account"
        });
        out.note(
            "broker  connecting; TWS or a gateway that does not answer is waited for a minute and a half",
        );
    }
    live.ask_margins(orders::advice(args, resumed.as_ref()));
    let broker = orders::paper(args, &live, (resumed.as_ref(), quotes.as_ref()));
    let begun = broker.and_then(|broker| {
        if let Some(broker) = broker {
            live.trade(broker, sheet, state::now_ns())
                .map_err(|e| stopped(&e))?;
        }
        match &quotes {
            Some(quotes) => quotes.attach(args, &mut live).map_err(|e| stopped(&e)),
            None => Ok(()),
        }
    });
    if let Err(failure) = begun {
        live.give_up(&failure.what, state::now_ns())
            .map_err(|e| stopped(&e))?;
        return Err(failure);
    }
    let mut source = source;
    if let Some(resumed) = &resumed {
        // It may have been changed while nobody ran. One that there never was is not missing.
        let never =
            resumed.basis.thresholds.is_none() && resumed.told.swaps.iter().all(|s| s.strategy.is_some());
        let missing = |s: &Source| matches!(s.told(), Some(Err(Refusal::Missing)));
        let read = source.iter_mut().filter(|s| !(never && missing(s)));
        read.for_each(|s| s.reload(Duration::ZERO));
    }
    let mut files = files;
    if resumed.is_some() {
        files.iter_mut().for_each(|f| f.reload(Duration::ZERO));
    }
    let webhook = address.map(|address| webhook::Webhook::new(address, authorities));
    // A recorded market waits for who reads what happens in it, at most as fast as it goes.
    let presses = args.broker == BrokerArg::Ibkr || args.speed != Speed::Max;
    let speech = Speech::new(voice, presses, args.format);
    let mut conductor = Conductor::new(args, live, (source, files), (board, webhook), (speech, out));
    conductor.carry_halt(state.as_ref(), resumed.is_some())?;
    state.iter_mut().for_each(State::let_go);
    // Gone with the run, before the lock is.
    let _control = conductor.listen(state.as_ref().map(|s| s.folder.path()));
    let (run, last) = conductor.conduct()?;
    finish(args, &graph, &run, last)
}

/// The plan of a run that has not begun.
fn plan(request: &BacktestRequest<'_>) -> Result<Plan, Failure> {
    let linked = link(&request.graph, &request.thresholds, &request.registry);
    linked.map_err(|e| failure(&e.into()))
}

/// The newest values that a journal holds, as a file, where the thresholds file is broken and the caller wants them.
fn last_good(
    args: &RunArgs,
    project: &Project,
    state: Option<&State>,
    out: &mut Output,
) -> Result<Option<tempfile::NamedTempFile>, Failure> {
    let Some(state) = state.filter(|_| args.last_good) else {
        return Ok(None);
    };
    if !project.link(args.thresholds.as_deref())?.findings.has_errors() {
        return Ok(None);
    }
    let Some(text) = state.last_good()? else {
        return Ok(None);
    };
    out.warn("THE THRESHOLDS FILE IS BROKEN: this run begins with the last good values of the journal, not with the file's");
    let mut file = tempfile::Builder::new()
        .suffix(".thresholds.yaml")
        .tempfile()
        .map_err(|e| Failure::io("write in", &std::env::temp_dir(), &e))?;
    file.write_all(&text)
        .map_err(|e| Failure::io("write", file.path(), &e))?;
    Ok(Some(file))
}

/// What cannot be meant.
fn check(args: &RunArgs) -> Result<(), Failure> {
    quotes::check(args)?;
    if args.what_if.is_some() && args.broker == BrokerArg::Internal {
        return Err(
            Failure::usage("`--what-if` asks a broker, and the engine fills the orders here")
                .help("name one with `--broker`, or leave it out: the engine's own margin counts"),
        );
    }
    if args.broker != BrokerArg::Internal && args.state.is_none() {
        return Err(Failure::usage(
            "a broker needs a journal: nothing is sent that is not written down first",
        )
        .help("name a folder for it with `--state DIR`"));
    }
    match (args.feed, &args.data) {
        (Some(FeedArg::Replay), None) => Err(Failure::usage("a replay needs a store").help(
            "name one with `--data`; `alula import` makes one, `alula simulate --store DIR` writes a simulated one",
        )),
        (Some(FeedArg::Simulated), Some(_)) => Err(Failure::usage("the simulated market reads no store")
            .help("leave `--data` out, or choose `--feed replay`")),
        (Some(FeedArg::Replay), Some(_)) if args.years.is_some() || args.seed.is_some() => Err(Failure::usage(
            "`--seed` and `--years` belong to the simulated market",
        )),
        _ => Ok(()),
    }
}

fn rules(args: &RunArgs) -> Rules {
    Rules {
        step_max: f64::from(args.max_step) / 100.0,
        entries: args.on_swap.entries(),
    }
}

/// The thresholds file to watch: the one named, the one beside the strategy, or the one that may appear there.
fn watched(args: &RunArgs) -> Option<Source> {
    if args.file.as_os_str() == "-" && args.thresholds.is_none() {
        return None;
    }
    let beside = || args.file.with_extension("thresholds.yaml");
    let path = args.thresholds.clone().unwrap_or_else(beside);
    Some(Source::new(&path))
}

/// What is left to say once a run has ended.
struct Last {
    /// Changes that never came into force.
    never: Vec<String>,
    speech: Speech,
    signals: Signals,
    /// Somebody stopped it.
    stopped: bool,
    columns: usize,
}

fn finish(args: &RunArgs, graph: &Graph, run: &RunOutput, last: Last) -> Result<Exit, Failure> {
    let words = written(args, graph, run, &last);
    let said = words.as_ref().map_or("", String::as_str);
    let heard = last.speech.end(said, last.stopped, &last.signals);
    words.and(heard.map(|()| Exit::Ok))
}

/// Writes the run folder, and gives the last words.
fn written(args: &RunArgs, graph: &Graph, run: &RunOutput, last: &Last) -> Result<String, Failure> {
    let report = crate::explain::report(run, graph)?;
    let dir = run_folder::write(args.out.as_deref(), run, &report, args.force)?;
    Ok(match args.format {
        TextFormat::Text => format!("\n{}", text(&report, &dir, last.columns)),
        TextFormat::Json => {
            let summary = summary::json(&report, &dir.to_string_lossy());
            let summary: serde_json::Value = serde_json::from_str(&summary).unwrap_or_default();
            format!(
                "{}\n",
                json!({ "event": "ended", "never_in_force": last.never, "summary": summary })
            )
        }
    })
}

/// What an error of a live run means for the exit code.
fn stopped(error: &LiveError) -> Failure {
    match error {
        LiveError::Run(e) => failure(e),
        LiveError::Journal(e) => state::broken(e),
        LiveError::Trade(e) => orders::failed(e),
    }
}
