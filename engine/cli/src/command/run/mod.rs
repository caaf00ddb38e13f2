//! `alula run FILE`: the same graph as a backtest, tick by tick as time passes, with thresholds that may change under way.

pub mod basis;
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
use alula_core::why::render;
use alula_dsl::graph::Graph;
use alula_live::pace::{Pace, Speed};
use alula_live::source::{Refusal, Source};
use alula_live::strategy::Files;
use alula_live::swap::{Desk, Rules};
use alula_live::trader::{Sheet, Trader};
use alula_live::view::View;
use alula_live::{Happening, Live, LiveError};
use alula_market::time::Instant as MarketTime;
use alula_report::summary;
use alula_run::{BacktestRequest, Crank, Explainer, Mode, RunOutput};
use control::{Board, Control};
use hook::Hook;
use quotes::Quotes;
use screen::Screen;
use serde_json::{Value, json};
use signals::{Request, Signal, Signals};
use speech::Speech;
use state::{Resumed, State};
use std::io::{IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

/// Longest wait between two looks at what is due.
const BREATH: Duration = Duration::from_millis(500);

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
    let state = state.map(|(dir, name)| state::open(dir, &name)).transpose()?;
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
    let report = crate::explain::report(run, graph)?;
    let dir = run_folder::write(args.out.as_deref(), run, &report, args.force)?;
    let words = match args.format {
        TextFormat::Text => format!("\n{}", text(&report, &dir, last.columns)),
        TextFormat::Json => {
            let summary = summary::json(&report, &dir.to_string_lossy());
            let summary: serde_json::Value = serde_json::from_str(&summary).unwrap_or_default();
            format!(
                "{}\n",
                json!({ "event": "ended", "never_in_force": last.never, "summary": summary })
            )
        }
    };
    last.speech.end(&words, last.stopped, &last.signals)?;
    Ok(Exit::Ok)
}

/// What an error of a live run means for the exit code.
fn stopped(error: &LiveError) -> Failure {
    match error {
        LiveError::Run(e) => failure(e),
        LiveError::Journal(e) => state::broken(e),
        LiveError::Trade(e) => orders::failed(e),
    }
}

/// Brings together what may happen at any time: the next snapshot, a file that changed, a signal.
struct Conductor<'r, 'a> {
    args: &'r RunArgs,
    live: Live<'a>,
    source: Option<Source>,
    files: Option<Files>,
    pace: Pace,
    signals: Signals,
    started: Instant,
    manager: notify::Manager,
    screen: Option<Screen>,
    standing: lines::Standing,
    hook: Option<Hook>,
    webhook: Option<webhook::Webhook>,
    board: Option<Board>,
    /// Why the run ends, once somebody has said so.
    stop: Option<&'static str>,
    speech: Speech,
    /// It was said how many contracts are quoted.
    lines_told: bool,
    /// Indicators that died, as it was said.
    failed: std::collections::BTreeSet<String>,
    /// What became of the newest build of a plugin that somebody asked for.
    upgraded: Option<Value>,
    out: &'r mut Output,
}

impl<'r, 'a> Conductor<'r, 'a> {
    fn new(
        args: &'r RunArgs,
        live: Live<'a>,
        (source, files): (Option<Source>, Option<Files>),
        (board, webhook): (Option<(Board, SocketAddr)>, Option<webhook::Webhook>),
        (speech, out): (Speech, &'r mut Output),
    ) -> Self {
        let paths = files.iter().flat_map(Files::paths);
        let mut signals = Signals::start(source.as_ref().map(Source::path).into_iter().chain(paths));
        for why in signals.troubles() {
            out.warn(&why);
        }
        if let Some((_, address)) = &board {
            out.note(&format!(
                "metrics  http://{address}/metrics, http://{address}/health"
            ));
        }
        let text = args.format == TextFormat::Text;
        let drawn = text && out.color && !args.plain && !out.verbose && std::io::stdout().is_terminal();
        Self {
            args,
            live,
            source,
            files,
            pace: Pace::new(args.speed),
            signals,
            started: Instant::now(),
            manager: notify::Manager::from_environment(),
            screen: drawn.then(|| Screen::new(out.columns)),
            standing: lines::Standing::default(),
            hook: args.hook.as_deref().map(Hook::new),
            webhook,
            board: board.map(|(board, _)| board),
            stop: None,
            speech,
            lines_told: false,
            failed: std::collections::BTreeSet::new(),
            upgraded: None,
            out,
        }
    }

    /// Takes commands at a socket in the state folder.
    fn listen(&mut self, folder: Option<&Path>) -> Option<Control> {
        let control = control::listen(folder?, self.signals.sender());
        control
            .map_err(|e| self.out.warn(&format!("{}; the run takes no commands", e.what)))
            .ok()
    }

    /// Until the feed ends or somebody stops it.
    fn conduct(mut self) -> Result<(RunOutput, Last), Failure> {
        let ended = self.turn();
        self.manager.stopping();
        if let Err(failure) = &ended {
            tracing::error!(target: "alula::run", why = failure.what, "stopped");
            let event = format!("{}\n", json!({ "event": "stopped", "why": failure.what }));
            self.hook.iter_mut().for_each(|h| h.stopped(&event));
            self.webhook.iter_mut().for_each(|w| w.stopped(&event));
        }
        if let Some(hook) = self.hook.take() {
            let dropped = hook.dropped;
            let failed = hook.end();
            if failed + dropped > 0 {
                self.out.warn(&format!(
                    "the hook failed for {failed} events, and {dropped} did not fit its queue"
                ));
            }
        }
        if let Some(webhook) = self.webhook.take() {
            let (failed, dropped) = webhook.end();
            if failed + dropped > 0 {
                self.out.warn(&format!(
                    "the webhook did not take {failed} alerts, and {dropped} did not fit its queue"
                ));
            }
        }
        ended?;
        let never = self.live.not_in_force();
        let mut why = self.stop.unwrap_or("the feed ended").to_owned();
        for what in &never {
            self.out.warn(&format!("the run ends, and {what}"));
            why = format!("{why}; {what}");
        }
        if let Some(margins) = self.live.trader().map(Trader::margins).filter(|m| m.answered > 0) {
            self.out.note(&format!("margins  {margins}"));
        }
        let run = self.live.finish(&why, state::now_ns()).map_err(|e| stopped(&e))?;
        let last = Last {
            never,
            speech: self.speech,
            signals: self.signals,
            stopped: self.stop.is_some(),
            columns: self.out.columns,
        };
        Ok((run, last))
    }

    /// Snapshot after snapshot, until the feed ends or somebody stops it.
    fn turn(&mut self) -> Result<(), Failure> {
        self.begin();
        if let Err(why) = self.manager.ready() {
            self.out.warn(&why);
        }
        while let (Some(next), None) = (self.live.next(), self.stop) {
            let now = self.started.elapsed();
            let due = self.due(next, now)?;
            self.look(now)?;
            let behind = self.speech.is_behind();
            if due <= now && !behind {
                // A market that is not of today stands still until somebody asks.
                if self.args.broker != BrokerArg::Ibkr {
                    let heard = self.live.hear(next, state::now_ns());
                    heard.map_err(|e| stopped(&e))?;
                }
                self.tell_lines();
                let news = self.live.turn(state::now_ns());
                self.tell(&news.map_err(|e| stopped(&e))?);
                self.tell_failed();
            }
            self.prepare(due)?;
            self.manager.alive(self.started.elapsed());
            self.show(false);
            // A reader that is behind is looked at again soon.
            self.wait(if behind { due.max(now + BREATH / 10) } else { due })?;
        }
        self.show(true);
        Ok(())
    }

    /// When a snapshot is due. In real time the broker is listened to until then.
    fn due(&mut self, next: MarketTime, now: Duration) -> Result<Duration, Failure> {
        if self.args.broker != BrokerArg::Ibkr {
            return Ok(self.pace.due(next, now));
        }
        let market = quotes::now();
        let heard = self.live.hear(market, state::now_ns());
        heard.map_err(|e| stopped(&e))?;
        let news = self.live.overheard(market);
        self.tell(&news);
        let left = u64::try_from(next.0.saturating_sub(market.0)).unwrap_or(0);
        Ok(now.saturating_add(Duration::from_secs(left)))
    }

    /// Says once how many of the contracts that could matter are quoted.
    fn tell_lines(&mut self) {
        let Some((watched, wished)) = self.live.feed().map(alula_live::feed::Feed::lines) else {
            return;
        };
        if !std::mem::replace(&mut self.lines_told, true) && watched < wished {
            self.out.note(&format!(
                "quotes  {watched} lines: {wished} contracts are in the expiries that could be picked, and those nearest to the \
                 picks are asked for"
            ));
        }
    }

    /// Brings the screen and the metrics up to date.
    fn show(&mut self, last: bool) {
        // A picture that nobody has seen yet needs no other on top of it.
        let screen = self.screen.as_mut().filter(|_| last || !self.speech.is_busy());
        if let Some(text) = screen.and_then(|s| s.draw(&self.live, last)) {
            self.speech.say(&text);
        }
        if let Some(board) = &self.board
            && let Ok(mut board) = board.lock()
            && (last || board.0.is_empty() || board.1.elapsed() > BREATH / 2)
        {
            let alerts = self.webhook.as_ref().map(|w| w.counts().metrics());
            let hook = self.hook.as_ref().map(Hook::metrics).unwrap_or_default();
            let text = control::metrics(&View::of(&self.live)) + &alerts.unwrap_or_default() + &hook;
            *board = (text, Instant::now());
        }
    }

    /// Waits for what comes first, and does what somebody asks for meanwhile.
    fn wait(&mut self, due: Duration) -> Result<(), Failure> {
        let now = self.started.elapsed();
        let file = self.source.as_ref().map_or(Duration::MAX, Source::due);
        let rules = self.files.as_ref().map_or(Duration::MAX, Files::due);
        let until = due.min(file).min(rules).saturating_sub(now).min(BREATH);
        let until = if self.live.is_preparing() || self.live.is_following() {
            Duration::ZERO
        } else {
            until
        };
        let mut signal = self.signals.wait(until);
        while let Some(got) = signal {
            match got {
                Signal::Stop => self.stop = Some("stopped by a signal"),
                Signal::Reload => self.reload(),
                Signal::File => {
                    let now = self.started.elapsed();
                    if let Some(source) = &mut self.source {
                        source.trigger(now);
                    }
                    if let Some(files) = &mut self.files {
                        files.trigger(now);
                    }
                }
                Signal::Request(request) => {
                    let answer = self.answer(&request)?;
                    // Who asked may have gone away.
                    let _ = request.answer.send(answer);
                }
            }
            signal = self.signals.wait(Duration::ZERO);
        }
        Ok(())
    }

    fn reload(&mut self) {
        let now = self.started.elapsed();
        if let Some(source) = &mut self.source {
            source.reload(now);
        }
        if let Some(files) = &mut self.files {
            files.reload(now);
        }
    }

    /// Explains the newest tick: a rule, or all of them.
    fn why(&self, key: &str) -> Result<Value, Failure> {
        let crank = self.live.crank();
        let run = crank.so_far();
        let Some(tick) = run.ticks.last() else {
            return Ok(json!({ "error": "the run has not decided anything yet" }));
        };
        let began = crank.began_with();
        let explainer = Explainer::new(&run, &began).map_err(|e| failure(&e))?;
        Ok(match explainer.explain(tick, (!key.is_empty()).then_some(key)) {
            Ok(found) => {
                let mut text: Vec<String> = found.iter().map(render).collect();
                text.push(crate::command::why::deaths(&run, tick.at));
                json!({ "tick": tick.tick, "at": tick.at.eastern().to_rfc3339(), "text": text.join("\n").trim_end() })
            }
            Err(e) => json!({ "error": format!("{}; {}", e.what, e.help) }),
        })
    }

    /// Does what a command says.
    fn answer(&mut self, request: &Request) -> Result<Value, Failure> {
        let (command, rest) = request.line.split_once(' ').unwrap_or((&request.line, ""));
        Ok(match (command, operator::halting(command)) {
            (_, Some(act)) => self.act(act, rest.trim(), request)?,
            ("status", _) => control::status(&View::of(&self.live), self.proposed()),
            ("confirm", _) => self.confirm(rest.trim(), request.uid)?,
            ("overlay", _) => self.overlay(rest, request)?,
            ("repair", _) => self.repair(rest, request)?,
            ("overlays", _) => operator::list(&View::of(&self.live)),
            ("why", _) => self.why(rest.trim())?,
            ("journal", _) => match self.live.keeper() {
                Some(keeper) => remote::answer(keeper.journal().store(), rest),
                None => json!({ "error": "the run keeps no journal" }),
            },
            ("reload", _) => {
                self.reload();
                json!({ "done": "reload" })
            }
            ("plugin-upgrade", _) => self.upgrade(rest.trim(), request.uid),
            ("plugin-upgrade-state", _) => self.upgrade_state(rest.trim()),
            ("stop", _) => {
                self.stop = Some("stopped by the operator");
                json!({ "done": "stop" })
            }
            (other, _) => json!({ "error": format!("there is no command `{other}`") }),
        })
    }

    fn begin(&mut self) {
        let watched = self.source.as_ref().map(|s| s.path().to_owned());
        let text = match self.args.format {
            TextFormat::Text => lines::begin(&self.live, watched.as_deref()),
            TextFormat::Json => lines::begin_json(&self.live, watched.as_deref()),
        };
        self.speech.say(&text);
    }

    fn tell(&mut self, news: &[Happening]) {
        let now = self.live.crank().output().ticks.last().map(|t| t.at);
        log::tell(news);
        if let Some(hook) = &mut self.hook {
            hook.take(news, now);
        }
        if let Some(webhook) = &mut self.webhook {
            webhook.take(news, now);
        }
        if let Some(screen) = &mut self.screen {
            screen.take(news, now);
            return;
        }
        for happening in news {
            let text = match self.args.format {
                TextFormat::Text if self.standing.is_old(happening) && !self.out.verbose => None,
                TextFormat::Text => lines::line(happening, now, self.out.verbose),
                TextFormat::Json => Some(lines::json(happening, now)),
            };
            if let Some(text) = text {
                self.speech.say(&text);
            }
        }
    }
}
