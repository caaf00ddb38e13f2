//! The loop of a run: the next snapshot, a file that changed, a signal, a command, each when it is due.

use super::control::{Board, Control};
use super::hook::Hook;
use super::screen::Screen;
use super::signals::{Request, Signal, Signals};
use super::speech::Speech;
use super::{Last, control, lines, log, notify, operator, quotes, remote, state, stopped, webhook};
use crate::args::{BrokerArg, RunArgs, TextFormat};
use crate::exit::{Failure, failure};
use crate::output::Output;
use alula_core::why::render;
use alula_live::pace::Pace;
use alula_live::source::Source;
use alula_live::strategy::Files;
use alula_live::trader::Trader;
use alula_live::view::View;
use alula_live::{Happening, Live};
use alula_market::time::Instant as MarketTime;
use alula_run::{Explainer, RunOutput};
use serde_json::{Value, json};
use std::io::IsTerminal as _;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

/// Longest wait between two looks at what is due.
const BREATH: Duration = Duration::from_millis(500);

/// Brings together what may happen at any time: the next snapshot, a file that changed, a signal.
pub(super) struct Conductor<'r, 'a> {
    pub(super) args: &'r RunArgs,
    pub(super) live: Live<'a>,
    pub(super) source: Option<Source>,
    pub(super) files: Option<Files>,
    pace: Pace,
    signals: Signals,
    pub(super) started: Instant,
    manager: notify::Manager,
    screen: Option<Screen>,
    pub(super) standing: lines::Standing,
    hook: Option<Hook>,
    webhook: Option<webhook::Webhook>,
    board: Option<Board>,
    /// Why the run ends, once somebody has said so.
    stop: Option<&'static str>,
    speech: Speech,
    /// It was said how many contracts are quoted.
    lines_told: bool,
    /// Indicators that died, as it was said.
    pub(super) failed: std::collections::BTreeSet<String>,
    /// What became of the newest build of a plugin that somebody asked for.
    pub(super) upgraded: Option<Value>,
    pub(super) out: &'r mut Output,
}

impl<'r, 'a> Conductor<'r, 'a> {
    pub(super) fn new(
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
            screen: drawn.then(|| Screen::new(out.columns, !args.live)),
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
    pub(super) fn listen(&mut self, folder: Option<&Path>) -> Option<Control> {
        let control = control::listen(folder?, self.signals.sender());
        control
            .map_err(|e| self.out.warn(&format!("{}; the run takes no commands", e.what)))
            .ok()
    }

    /// Until the feed ends or somebody stops it.
    pub(super) fn conduct(mut self) -> Result<(RunOutput, Last), Failure> {
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
        let run = ended.and_then(|()| {
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
            Ok((run, never))
        });
        let stopped = self.stop.is_some();
        let (run, never) = match run {
            Ok(run) => run,
            Err(failure) => {
                // What happened until then is heard before it is said why nothing more does.
                let _ = self.speech.end("", stopped, &self.signals);
                return Err(failure);
            }
        };
        let last = Last {
            never,
            speech: self.speech,
            signals: self.signals,
            stopped,
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

    pub(super) fn reload(&mut self) {
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
            ("status", _) => control::status(&View::of(&self.live), self.proposed(), !self.args.live),
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
            TextFormat::Text => lines::begin(&self.live, watched.as_deref(), !self.args.live),
            TextFormat::Json => lines::begin_json(&self.live, watched.as_deref(), !self.args.live),
        };
        self.speech.say(&text);
    }

    pub(super) fn tell(&mut self, news: &[Happening]) {
        let now = lines::Now {
            at: self.live.crank().output().ticks.last().map(|t| t.at),
            simulated: !self.args.live,
        };
        log::tell(news, now.simulated);
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
