//! Orders of a run at the simulated broker: its account, its process, and what to do when it does not agree with the journal.

use super::quotes::Quotes;
use super::state::Resumed;
use crate::args::{BrokerArg, RunArgs};
use crate::broker::{Opening, check_broker, open_broker};
use crate::exit::{Exit, Failure};
use alula_book::FeeSchedule;
use alula_live::Live;
use alula_live::broker::{Broker, BrokerFault};
use alula_live::trader::{Advice, Reopen, TradeError};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long the process of a broker whose engine died may take to leave its account.
const LEAVES_WITHIN: Duration = Duration::from_secs(5);
/// How often it is looked at meanwhile.
const LOOK: Duration = Duration::from_millis(50);

/// A broker and how to open it again.
pub type Opened = (Box<dyn Broker + Send>, Option<Reopen>);

/// A run goes on with those who filled its orders before.
///
/// # Errors
/// When another broker is asked for.
pub fn same_broker(args: &RunArgs, resumed: &Resumed) -> Result<(), Failure> {
    let before = &resumed.told.broker;
    let was = if before.starts_with("internal") {
        BrokerArg::Internal
    } else if before.starts_with("ibkr") {
        BrokerArg::Ibkr
    } else {
        BrokerArg::Paper
    };
    let named = if was == BrokerArg::Ibkr { "ibkr" } else { "paper" };
    match (was, args.broker) {
        (was, now) if was == now => {}
        (BrokerArg::Internal, _) => {
            return Err(Failure::usage(
                "the run that is to go on filled its orders itself, and its positions are at no broker",
            )
            .help("leave `--broker` out, or begin anew without `--resume`"));
        }
        _ => {
            return Err(Failure::usage(format!(
                "the run that is to go on has its positions at the broker `{before}`"
            ))
            .help(format!(
                "add `--broker {named}`, or begin anew without `--resume`"
            )));
        }
    }
    // Paper money and real money are two accounts.
    if resumed.told.live != args.live {
        let (what, help) = if resumed.told.live {
            ("traded real money", "add `--live`")
        } else {
            ("traded paper money", "leave `--live` out")
        };
        return Err(Failure::usage(format!("the run that is to go on {what}"))
            .help(format!("{help}, or begin anew without `--resume`")));
    }
    Ok(())
}

/// The broker's name in `plugins.lock`.
const fn name(args: &RunArgs) -> Option<&'static str> {
    match args.broker {
        BrokerArg::Internal => None,
        BrokerArg::Paper => Some("paper"),
        BrokerArg::Ibkr if args.live => Some("ibkr/ibkr_live"),
        BrokerArg::Ibkr => Some("ibkr/ibkr"),
    }
}

/// A broker that may not be opened is said before there is a journal of the run.
///
/// # Errors
/// When `plugins.lock` does not name it or does not allow it.
pub fn check(args: &RunArgs) -> Result<(), Failure> {
    let opening = Opening {
        strategy: &args.file,
        live: args.live,
        ..Opening::default()
    };
    name(args).map_or(Ok(()), |name| check_broker(name, &opening))
}

/// What the broker's word on margin counts for: as it is named, as the run that is gone on with was told, or by default.
#[must_use]
pub fn advice(args: &RunArgs, resumed: Option<&Resumed>) -> Advice {
    let before = resumed.and_then(|r| Advice::parse(r.basis.what_if.as_deref()?));
    let named = args.what_if.map(crate::args::WhatIfArg::advice);
    named.or(before).unwrap_or_default()
}

/// The simulated broker with an account of its own for the run and those that go on with it, if it is asked for: the strategy's
/// capital, fills and fees, and no latency unless it is set.
///
/// # Errors
/// When it cannot be opened, or does not know the strategy's fees.
pub fn paper(
    args: &RunArgs,
    live: &Live<'_>,
    (resumed, quotes): (Option<&Resumed>, Option<&Quotes>),
) -> Result<Option<Opened>, Failure> {
    // A run that goes on has the settings that it began with, unless others are named.
    let set: Vec<(String, String)> = match resumed {
        Some(r) if args.broker_set.is_empty() => r.basis.broker.clone().into_iter().collect(),
        _ => args.broker_set.clone(),
    };
    if args.broker == BrokerArg::Ibkr {
        return ibkr(args, set).map(Some);
    }
    let (BrokerArg::Paper, Some(keeper)) = (args.broker, live.keeper()) else {
        return Ok(None);
    };
    let config = live.crank().book().config();
    let name = &config.fees.name;
    if FeeSchedule::named(name).as_ref() != Some(&config.fees) {
        return Err(Failure::usage(format!(
            "the simulated broker does not know the fees `{name}` of the strategy"
        ))
        .help("choose one of its schedules with `--fees`, or `--broker internal`"));
    }
    let own = &keeper.journal().manifest().run;
    let run = resumed.map_or(own, |r| &r.told.root);
    let graph = live.crank().plan().graph();
    let state = args.state.as_deref().unwrap_or_else(|| Path::new(""));
    let folder = state.join(&graph.settings.name).join(format!("{run}.paper"));
    let whole = config.capital.0.div_euclid(1_000_000);
    let micros = config.capital.0.rem_euclid(1_000_000);
    let mut settings: Vec<(String, String)> = [
        ("folder", folder.to_string_lossy().into_owned()),
        ("cash", format!("{whole}.{micros:06}")),
        ("fill", config.fills.to_string()),
        ("fees", name.clone()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    settings.extend(set);
    if let Some(quotes) = quotes {
        let simulated = resumed.map_or((args.seed, args.years), |r| (r.basis.seed, r.basis.years));
        let crank = live.crank();
        let visited = crank.done().checked_sub(1);
        let visited = visited.and_then(|i| crank.instants().get(i).copied());
        settings.extend(quotes.market(args, graph, (simulated, visited)));
    }
    let how = How {
        name: "paper",
        live: false,
        strategy: args.file.clone(),
        deadline: Duration::from_secs(args.broker_deadline),
        settings,
    };
    how.opened().map(Some)
}

/// Interactive Brokers: a paper account, unless each of the switches for real money is set.
fn ibkr(args: &RunArgs, settings: Vec<(String, String)>) -> Result<Opened, Failure> {
    let how = How {
        name: name(args).unwrap_or_default(),
        live: args.live,
        strategy: args.file.clone(),
        deadline: Duration::from_secs(args.broker_deadline),
        settings,
    };
    how.opened()
}

/// How the broker is opened.
struct How {
    name: &'static str,
    live: bool,
    strategy: PathBuf,
    deadline: Duration,
    settings: Vec<(String, String)>,
}

impl How {
    /// The broker, and how to open it again.
    fn opened(self) -> Result<Opened, Failure> {
        let broker = self.open()?;
        let reopen: Reopen = Box::new(move || {
            self.open().map_err(|failure| BrokerFault {
                what: format!("the broker's process cannot be started again: {}", failure.what),
                // Tried again, as often as it may be.
                dead: true,
            })
        });
        Ok((broker, Some(reopen)))
    }

    fn open(&self) -> Result<Box<dyn Broker + Send>, Failure> {
        let began = Instant::now();
        loop {
            let opening = Opening {
                strategy: &self.strategy,
                deadline: self.deadline,
                live: self.live,
                ..Opening::default()
            };
            match open_broker(self.name, &self.settings, &opening) {
                // The process of an engine that died ends what it was doing and goes; until then it has the account.
                Err(failure) if is_busy(&failure) && began.elapsed() < LEAVES_WITHIN => {
                    std::thread::sleep(LOOK)
                }
                Err(failure) if is_busy(&failure) => {
                    return Err(failure.help(
                        "the broker's process of a run that died still has the account: look for `alula broker-host`, and end it",
                    ));
                }
                other => return other,
            }
        }
    }
}

fn is_busy(failure: &Failure) -> bool {
    failure.what.contains("is in use by another process")
}

/// What an error at the broker means for the exit code.
pub fn failed(error: &TradeError) -> Failure {
    let help = match error {
        TradeError::Mismatch { .. } => {
            "nothing was sent, and nothing will be: look at the account, and at `alula journal show STATE --kind \
             reconciled,alarm`; put the account right, then start again with `--resume`, or begin anew without it"
        }
        _ => "nothing more is sent; `alula journal show` tells what was, and what came of it",
    };
    Failure::new(Exit::Stopped, error.to_string()).help(help)
}
