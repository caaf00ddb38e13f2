//! Arguments of the commands that run strategies as time passes.

use super::{TermsArgs, TextFormat, parse_date};
use clap::{Args, Subcommand, ValueHint};
use std::path::{Path, PathBuf};

/// Where the market comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum FeedArg {
    /// A store, as it was recorded.
    Replay,
    /// The simulated market.
    Simulated,
    /// The quotes of the broker that takes the orders, from a store on; the simulated broker quotes the rest of the store, or of
    /// the simulated market.
    Broker,
}

/// Who takes the orders.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum BrokerArg {
    /// The engine's own account: orders fill by the strategy's fill model.
    #[default]
    Internal,
    /// The simulated broker plugin, in a process of its own, with the strategy's fill model and fees; needs `--state`.
    Paper,
    /// Interactive Brokers, a plugin: a paper account, on its own quotes and in real time. Not yet run against a live account.
    Ibkr,
}

/// What a broker's word on the margin of an order counts for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum WhatIfArg {
    /// It is not asked.
    Off,
    /// What it says holds; where it says nothing the engine's own margin counts, and it is told.
    Advise,
    /// Nothing is opened without its word.
    Require,
}

impl WhatIfArg {
    /// As the run takes it.
    #[must_use]
    pub const fn advice(self) -> alula_live::trader::Advice {
        match self {
            Self::Off => alula_live::trader::Advice::Off,
            Self::Advise => alula_live::trader::Advice::Advise,
            Self::Require => alula_live::trader::Advice::Require,
        }
    }
}

/// What entries do that a change of thresholds alone makes true.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum OnSwapArg {
    /// They wait until they have been false once.
    #[default]
    Wait,
    /// They act at once, as exits and hedges always do.
    Evaluate,
}

impl OnSwapArg {
    /// As the crank takes it.
    #[must_use]
    pub const fn entries(self) -> alula_run::Entries {
        match self {
            Self::Wait => alula_run::Entries::Wait,
            Self::Evaluate => alula_run::Entries::Evaluate,
        }
    }
}

/// What becomes of open positions of structures that a new strategy does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum PositionsArg {
    /// They stay until they expire, with their old exits.
    Keep,
    /// They are closed at once.
    Close,
}

impl PositionsArg {
    /// As the crank takes it.
    #[must_use]
    pub const fn orphans(self) -> alula_core::succession::Orphans {
        match self {
            Self::Keep => alula_core::succession::Orphans::Keep,
            Self::Close => alula_core::succession::Orphans::Close,
        }
    }
}

/// What becomes of legs that make no whole package.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum WayArg {
    /// Go on holding them as they are; no rule manages them, they settle at expiry.
    Take,
    /// Close them, with an order for each leg.
    Close,
    /// The broker's account does not hold them any more: forget them.
    Gone,
}

impl WayArg {
    /// As the crank takes it.
    #[must_use]
    pub const fn way(self) -> alula_run::Way {
        match self {
            Self::Take => alula_run::Way::Take,
            Self::Close => alula_run::Way::Close,
            Self::Gone => alula_run::Way::Gone,
        }
    }
}

/// Arguments of `alula run`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  alula run condor.alula --feed simulated --speed max\n  \
                        alula run condor.alula --feed replay --data spx_2019 --speed 600x\n  \
                        alula run condor.alula --broker paper --feed broker --state journals --speed max\n  \
                        alula thresholds push condor.alula tighter.yaml       while it runs\n\n\
                        The thresholds file is watched: a saved file that is valid, ends with a line `...` and moves no value by more \
                        than half\nis in force from the next tick on; anything else is refused, and the last good values stay. SIGHUP \
                        reads it again.\nThe strategy file with its imports and scripts is watched too: a good one is computed beside the \
                        running one and takes its place\nbetween two ticks; where a rule, a guard, a layer or a structure ends with it, \
                        `alula ctl confirm` has to say so. \
                        A changed script\nis a changed strategy. Plugins are those that `plugins.lock` trusts when the strategy is read.\nCtrl-C ends the run after the tick at hand and writes its folder; `alula verify` computes it \
                        again, changes included.\nNights and weekends of a recorded or simulated market are not waited for."
)]
pub struct RunArgs {
    /// Strategy file
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// Where the market comes from; replay with --data, else simulated
    #[arg(long, value_name = "FEED")]
    pub feed: Option<FeedArg>,
    /// Who takes the orders
    #[arg(long, value_name = "BROKER", default_value = "internal")]
    pub broker: BrokerArg,
    /// A setting of the broker: latency_rounds=1; `alula plugin inspect paper` shows which there are
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse_setting)]
    pub broker_set: Vec<(String, String)>,
    /// Seconds in which the broker must answer, before its process is ended and opened anew
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = clap::value_parser!(u64).range(1..=600))]
    pub broker_deadline: u64,
    /// What the broker's word on margin counts for, asked before each order that opens something: advise, unless the first
    /// of the runs that this one goes on with was told otherwise
    #[arg(long, value_name = "HOW")]
    pub what_if: Option<WhatIfArg>,
    /// Store to replay
    #[arg(long, value_name = "STORE", value_hint = ValueHint::DirPath)]
    pub data: Option<PathBuf>,
    /// First day; the first of the data when left out
    #[arg(long, value_name = "DATE", value_parser = parse_date)]
    pub from: Option<chrono::NaiveDate>,
    /// Last day, included; the last of the data when left out
    #[arg(long, value_name = "DATE", value_parser = parse_date)]
    pub to: Option<chrono::NaiveDate>,
    /// How fast the market passes: 1x, 60x, max; the time between two sessions passes as ten minutes do
    #[arg(long, value_name = "SPEED", default_value = "60x", value_parser = parse_speed)]
    pub speed: alula_live::pace::Speed,
    /// Real money: one of the switches that are needed. The others are `alula plugin trust FILE --allow-live` and the broker's own
    /// setting, `--broker-set live=1`
    #[arg(long)]
    pub live: bool,
    /// Most things that the broker quotes at once; 100 unless it is simulated
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub lines: Option<u32>,
    /// Seed of the simulated market
    #[arg(long, value_name = "N", conflicts_with = "data")]
    pub seed: Option<u64>,
    /// Years of the simulated market
    #[arg(long, value_name = "Y", conflicts_with = "data", value_parser = clap::value_parser!(u32).range(1..=20))]
    pub years: Option<u32>,
    /// Thresholds file to read and to watch, instead of the one beside the strategy
    #[arg(long, value_name = "YAML", value_hint = ValueHint::FilePath)]
    pub thresholds: Option<PathBuf>,
    /// What entries do that a change of thresholds alone makes true
    #[arg(long, value_name = "WHAT", default_value = "wait")]
    pub on_swap: OnSwapArg,
    /// Largest change of a value in one swap, in percent of it, unless the file says `ack:`
    #[arg(long, value_name = "PERCENT", default_value = "50", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub max_step: u32,
    /// Keep a journal in this folder: inputs before they count, decisions before they act
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub state: Option<PathBuf>,
    /// Go on with the run before, from its journal: what it did is computed again and must give the same links
    #[arg(long, requires = "state")]
    pub resume: bool,
    /// Leave a plugin out, though it is trusted: what it would give is missing; not for a run that goes on
    #[arg(long, value_name = "ID", conflicts_with = "resume")]
    pub without_plugin: Vec<String>,
    /// Let a plugin out of quarantine, in which it is because runs died inside it: it is called again
    #[arg(long, value_name = "ID", requires = "state")]
    pub lift_quarantine: Vec<String>,
    /// Deaths in ten minutes above which a run that goes on opens nothing new until `alula ctl resume`
    #[arg(long, value_name = "N", default_value_t = alula_live::recovery::STARTS)]
    pub restarts: usize,
    /// Where the thresholds file is broken at the start, begin with the newest values of the journal, and say so
    #[arg(long, requires = "state")]
    pub last_good: bool,
    /// Serve metrics (Prometheus) and health on this port of the machine's loopback
    #[arg(long, value_name = "PORT")]
    pub metrics: Option<String>,
    /// Program that is started for each fill, order, alert and change, with one JSON object on its standard input
    #[arg(long, value_name = "PROGRAM", value_hint = ValueHint::ExecutablePath)]
    pub hook: Option<PathBuf>,
    /// Where fills, orders, swaps, halts, layers, overlays and alerts are posted, one JSON object each: https://… or http://…
    #[arg(
        long,
        value_name = "URL",
        help_heading = "Alerts",
        conflicts_with = "webhook_file",
        hide_env_values = true
    )]
    pub webhook: Option<String>,
    /// The same from the first line of a file, which keeps a secret address out of the list of processes
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Alerts")]
    pub webhook_file: Option<PathBuf>,
    /// Trust the authorities of this PEM file, and no others, for a webhook with HTTPS: for one of your own house
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Alerts")]
    pub webhook_ca: Option<PathBuf>,
    /// What is logged.
    #[command(flatten)]
    pub log: LogArgs,
    /// Limits that no strategy can lift.
    #[command(flatten)]
    pub rails: RailsArgs,
    /// Plain lines even on a terminal, instead of a screen that is drawn over itself
    #[arg(long)]
    pub plain: bool,
    /// Run folder; `runs/<strategy>-<hash>` when left out
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub out: Option<PathBuf>,
    /// How orders fill, what they cost.
    #[command(flatten)]
    pub terms: TermsArgs,
    /// How to write what happens: lines for people, or one JSON object for each
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: TextFormat,
    /// Replace a run folder that holds something else
    #[arg(long)]
    pub force: bool,
}

/// Limits that no strategy can lift, whoever fills the orders. Where one is named, all of them hold: 30 orders a minute and
/// quotes of two minutes unless said otherwise.
#[derive(Clone, Debug, Default, Args)]
pub struct RailsArgs {
    /// Decide and write down, send nothing
    #[arg(long, help_heading = "Rails", conflicts_with = "read_only")]
    pub shadow: bool,
    /// Watch: refuse every order, exits too
    #[arg(long, help_heading = "Rails")]
    pub read_only: bool,
    /// Most orders in any sixty seconds; exits have as many again
    #[arg(long, value_name = "N", help_heading = "Rails", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub max_orders_per_minute: Option<u32>,
    /// Loss since the session before, in dollars, from which nothing new is opened
    #[arg(long, value_name = "DOLLARS", help_heading = "Rails", value_parser = parse_dollars)]
    pub max_loss_per_day: Option<alula_market::money::Usd>,
    /// Most margin that an order may lead to, in dollars; exits pass
    #[arg(long, value_name = "DOLLARS", help_heading = "Rails", value_parser = parse_dollars)]
    pub max_margin: Option<alula_market::money::Usd>,
    /// Age of quotes, in seconds, from which no order is sent
    #[arg(long, value_name = "SECONDS", help_heading = "Rails", value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub stale_after: Option<u32>,
}

fn parse_dollars(text: &str) -> Result<alula_market::money::Usd, String> {
    let plain = text.trim().trim_start_matches('$').replace(['_', ','], "");
    alula_market::money::Usd::parse(&plain)
        .filter(|d| d.0 > 0)
        .ok_or_else(|| "write dollars above zero: 2500 or $2_500".to_owned())
}

/// How log events are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// A line each.
    #[default]
    Plain,
    /// A JSON object each.
    Json,
}

/// Structured events of a run, on standard error.
#[derive(Clone, Debug, Default, Args)]
pub struct LogArgs {
    /// Log events: a level, or targets with levels (`info`, `alula::order=info,alula::tick=debug`); else the variable ALULA_LOG.
    /// Targets: session, tick, decision, order, fill, layer, swap, operator, alert, margin, webhook, run
    #[arg(long, value_name = "FILTER", help_heading = "Log")]
    pub log: Option<String>,
    /// How they are written
    #[arg(long, value_name = "FORMAT", default_value = "plain", help_heading = "Log")]
    pub log_format: LogFormat,
}

/// How much a halt stops.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum HaltArg {
    /// Nothing new is opened; exits, rolls and hedges go on.
    #[default]
    Entries,
    /// The kill switch: no order leaves, exits neither.
    All,
}

impl HaltArg {
    /// As a run is told.
    #[must_use]
    pub const fn command(self) -> &'static str {
        match self {
            Self::Entries => "halt",
            Self::All => "halt-all",
        }
    }
}

fn parse_setting(text: &str) -> Result<(String, String), String> {
    let (name, value) = text
        .split_once('=')
        .ok_or_else(|| "a setting is written name=value".to_owned())?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

fn parse_speed(text: &str) -> Result<alula_live::pace::Speed, String> {
    alula_live::pace::Speed::parse(text).ok_or_else(|| "a speed is written 1x, 60x, 0.5x or max".to_owned())
}

/// Arguments of `alula replay`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  alula replay state/condor/20261121T101503123.redb\n  \
                        alula replay state/condor/20261121T101503123.redb --data spx_2019\n\n\
                        The journal holds the strategy, its settings, every change of thresholds and every word of an operator. \
                        Each tick must see the\nsame quotes and give the same link of the chain of decisions. Leaves with 1 when one differs."
)]
pub struct ReplayArgs {
    /// Journal of a run, as `alula run --state` wrote it
    #[arg(value_name = "JOURNAL", value_hint = ValueHint::FilePath)]
    pub journal: PathBuf,
    /// Store that the run rests on; none for the simulated market
    #[arg(long, value_name = "STORE", value_hint = ValueHint::DirPath)]
    pub data: Option<PathBuf>,
    /// How to write it
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: TextFormat,
}

/// Arguments of `alula halt`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  alula halt state/condor\n  alula halt state/condor \"CPI in ten minutes\"\n  \
                        alula halt state/condor --level all \"the quotes are wrong\"\n\n\
                        Level `entries`: nothing new is opened from the next tick on; exits, rolls and hedges go on.\nLevel `all`, \
                        the kill switch: no order leaves, exits neither; what was sent before stays where it is.\n`alula ctl resume` \
                        lifts either. The word stands in the journal and in the run folder, and the next run that is\nbegun in this \
                        state folder begins as halted as this one was."
)]
pub struct HaltArgs {
    /// State folder of the strategy that runs
    #[arg(value_name = "STATE", value_hint = ValueHint::DirPath)]
    pub state: PathBuf,
    /// Why, for the record
    #[arg(value_name = "WHY", default_value = "")]
    pub why: String,
    /// How much it stops
    #[arg(long, value_name = "LEVEL", default_value = "entries")]
    pub level: HaltArg,
}

/// Arguments of `alula ctl`.
#[derive(Debug, Args)]
#[command(
    arg_required_else_help = true,
    after_help = "Examples:\n  alula ctl status state/condor\n  alula ctl halt state/condor \"CPI in ten minutes\"\n  \
                  alula ctl resume state/condor\n\nA run listens where it was started with `--state`; only its own user may speak to it."
)]
pub struct CtlArgs {
    /// What to say.
    #[command(subcommand)]
    pub command: CtlCommand,
}

/// What can be said to a run.
#[derive(Debug, Subcommand)]
pub enum CtlCommand {
    /// Show the run at one glance, as JSON
    Status {
        /// State folder of the strategy that runs
        state: PathBuf,
    },
    /// Open nothing new; exits, rolls and hedges go on. With `--level all` no order leaves at all
    Halt {
        /// State folder of the strategy that runs
        state: PathBuf,
        /// Why, for the record
        #[arg(default_value = "")]
        why: String,
        /// How much it stops
        #[arg(long, value_name = "LEVEL", default_value = "entries")]
        level: HaltArg,
    },
    /// Lift a halt, whoever called it
    Resume {
        /// State folder of the strategy that runs
        state: PathBuf,
        /// Why, for the record
        #[arg(default_value = "")]
        why: String,
    },
    /// Add, list and drop overlays of an operator on a strategy in promoter posture
    Overlay {
        /// What to do.
        #[command(subcommand)]
        command: OverlayCommand,
    },
    /// Explain the newest tick: a rule, or all of them
    Why {
        /// State folder of the strategy that runs
        state: PathBuf,
        /// Rule, such as `income.open`
        #[arg(value_name = "KEY", default_value = "")]
        key: String,
    },
    /// Confirm a changed strategy that waits because something ends with it
    #[command(after_help = "Examples:\n  alula ctl confirm state/condor 3fa9c2d1\n  \
                            alula ctl confirm state/condor 3fa9c2d1 --positions close\n\n\
                            `alula ctl status` names what waits, and what ends with it.")]
    Confirm {
        /// State folder of the strategy that runs
        state: PathBuf,
        /// Hash of the strategy that waits, or its beginning
        #[arg(value_name = "DIGEST")]
        digest: String,
        /// Open positions of structures that it does not have: keep them with their old exits, or close them
        #[arg(long, value_name = "HOW")]
        positions: Option<PositionsArg>,
    },
    /// List orders that left legs which make no whole package, and say what becomes of them
    #[command(after_help = "Examples:\n  alula ctl repair state/condor\n  \
                            alula ctl repair state/condor cond-1a2b3c-0000007 close\n  \
                            alula ctl repair state/condor cond-1a2b3c-0000007 close --why \"the wing never filled\" --confirm\n\n\
                            The legs are held one by one under a key of their own (`core.single-legs`): they count in equity and\n\
                            margin, go with a guard that flattens the structure, and settle. Until one of these words nothing is\n\
                            opened for the structure; all else goes on.")]
    Repair {
        /// State folder of the strategy that runs
        state: PathBuf,
        /// The order, as the list names it
        #[arg(value_name = "ORDER", requires = "way")]
        order: Option<String>,
        /// What becomes of its legs
        #[arg(value_name = "WAY")]
        way: Option<WayArg>,
        /// Why, for the record
        #[arg(long)]
        why: Option<String>,
        /// Who; the system's name of the calling user when left out. Its number is recorded either way
        #[arg(long)]
        name: Option<String>,
        /// Do it; without this it is only said what would be done
        #[arg(long, requires = "order")]
        confirm: bool,
    },
    /// Read the thresholds file and the strategy again
    Reload {
        /// State folder of the strategy that runs
        state: PathBuf,
    },
    /// End the run after the tick at hand
    Stop {
        /// State folder of the strategy that runs
        state: PathBuf,
    },
}

/// What can be done with overlays.
#[derive(Debug, Subcommand)]
pub enum OverlayCommand {
    /// Add one; it counts from the next tick on, and stands in the journal before it does
    #[command(
        after_help = "Examples:\n  alula ctl overlay add state/condor scale alvh.base 150% until 2026-12-11 --why \"CPI\"\n  \
                            alula ctl overlay add state/condor pause core --why \"earnings week\"\n  \
                            alula ctl overlay add state/condor close core --why \"the desk wants out\"\n  \
                            alula ctl overlay add state/condor open core --why \"the level we waited for\"\n\n\
                            scale LAYER 0%..300%  what the layer asks for, before step limits, caps, budgets and the target\n\
                            pause NODE            no entries: of a structure, a hedge, a layer, an overlay; exits and rolls go on\n\
                            close STRUCTURE       every position of it, at once\n\
                            open STRUCTURE        its own package and size, its `when` waived; guards, `require` and margin are not\n\n\
                            A scale or a pause stands until it is dropped or its `until` comes; an opening is tried once, or until then."
    )]
    Add {
        /// State folder of the strategy that runs
        state: PathBuf,
        /// What it does: `scale LAYER 150%`, `pause NODE`, `close STRUCTURE`, `open STRUCTURE`, `until DATE [TIME]` after it
        #[arg(required = true, num_args = 1.., value_name = "WHAT")]
        what: Vec<String>,
        /// Why, for the record
        #[arg(long)]
        why: String,
        /// Who; the system's name of the calling user when left out. Its number is recorded either way
        #[arg(long)]
        name: Option<String>,
    },
    /// Those in force
    List {
        /// State folder of the strategy that runs
        state: PathBuf,
    },
    /// Take one away
    Drop {
        /// State folder of the strategy that runs
        state: PathBuf,
        /// Its number
        id: u32,
        /// Why, for the record
        #[arg(long)]
        why: String,
        /// Who; the system's name of the calling user when left out
        #[arg(long)]
        name: Option<String>,
    },
}

impl CtlCommand {
    /// The state folder.
    #[must_use]
    pub fn state(&self) -> &Path {
        match self {
            Self::Status { state }
            | Self::Halt { state, .. }
            | Self::Resume { state, .. }
            | Self::Why { state, .. }
            | Self::Confirm { state, .. }
            | Self::Repair { state, .. }
            | Self::Reload { state }
            | Self::Stop { state } => state,
            Self::Overlay { command } => match command {
                OverlayCommand::Add { state, .. }
                | OverlayCommand::List { state, .. }
                | OverlayCommand::Drop { state, .. } => state,
            },
        }
    }
}
