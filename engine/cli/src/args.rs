//! The command line: what may be typed, and the help that goes with it.

mod journal;
mod live;
mod market;
mod plugin;
pub mod rules;
mod run;
mod sweep;
pub mod thresholds;

pub use journal::{
    EntryArgs, ExportFormat, JournalArgs, JournalCommand, JournalExportArgs, JournalShowArgs,
    JournalVerifyArgs,
};
pub use live::{
    BrokerArg, CtlArgs, CtlCommand, FeedArg, HaltArg, HaltArgs, LogArgs, LogFormat, OnSwapArg,
    OverlayCommand, PositionsArg, RailsArgs, ReplayArgs, RunArgs, WhatIfArg,
};
pub use market::{
    CalendarArgs, ContractsArgs, DateRange, ExchangeArg, FeesArgs, ImportArgs, IndexArg, RegimeArg,
    SimulateArgs, StoreArgs, SurfaceArgs, SurfaceFormat, UnderlyingFrom, VixArgs, ZoneArg,
};
pub use plugin::{
    BrokerHostArgs, OnFailure, PluginArgs, PluginCheckArgs, PluginCommand, PluginHostArgs, PluginInspectArgs,
    PluginLanguage, PluginListArgs, PluginNewArgs, PluginRunCheckArgs, PluginTrustArgs, PluginUpgradeArgs,
};
pub use run::{BacktestArgs, CompareArgs, ModeArg, ScenarioArgs, TermsArgs, VerifyArgs, WhyArgs};
pub use sweep::{ByArg, Shard, SweepArgs};

use crate::exit::CODES_HELP;
use crate::output::Color;
use clap::{Args, Parser, Subcommand, ValueHint};
use std::path::PathBuf;

/// A rules language and strategy engine for options traders.
#[derive(Debug, Parser)]
#[command(
    name = "alula",
    version,
    about = "A rules language and strategy engine for options traders",
    long_about = "A rules language and strategy engine for options traders: a text strategy is checked, drawn, \
                  backtested over option chains, and each decision explained.",
    after_help = "Start here:\n  alula new my_condor          a strategy that works, to change\n  \
                  alula backtest my_condor/my_condor.alula\n",
    after_long_help = format!("Start here:\n  alula new my_condor          a strategy that works, to change\n  \
                  alula backtest my_condor/my_condor.alula\n\n{CODES_HELP}"),
    arg_required_else_help = true
)]
pub struct Cli {
    /// Options of every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command.
#[derive(Debug, Args)]
pub struct Global {
    /// Say only results and errors
    #[arg(
        short,
        long,
        global = true,
        conflicts_with = "verbose",
        help_heading = "Global options"
    )]
    pub quiet: bool,
    /// Say more
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = "Global options")]
    pub verbose: u8,
    /// When to colour: auto (heeds NO_COLOR and CLICOLOR_FORCE), always, never
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        hide_possible_values = true,
        hide_default_value = true,
        help_heading = "Global options"
    )]
    pub color: Color,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Check strategy files: names, units, structures, policies, thresholds
    Check(CheckArgs),
    /// Format strategy files the one way there is
    Fmt(FmtArgs),
    /// Explain a diagnostic code
    Explain(ExplainArgs),
    /// Draw the execution graph of a strategy
    Graph(GraphArgs),
    /// Read option chains and series into a store
    Import(ImportArgs),
    /// Show what a store holds, and how good it is
    Store(StoreArgs),
    /// Write a simulated market as a store, or compare its statistics with the real ones
    Simulate(SimulateArgs),
    /// Compute VIX from chains: both terms, parity forwards, beside the published index
    Vix(VixArgs),
    /// Show the vol surface of a chain, and how well it stands by the quotes
    Surface(SurfaceArgs),
    /// Show what a package or an account would do in other markets: vol, spot, time
    Scenario(ScenarioArgs),
    /// Run a strategy over a history
    Backtest(BacktestArgs),
    /// Run a strategy at many values of its thresholds, and say how far the best can be believed
    Sweep(SweepArgs),
    /// Run a strategy tick by tick as time passes, taking new thresholds under way
    Run(Box<RunArgs>),
    /// Speak to a run that is under way: status, halt, resume, reload, stop
    Ctl(CtlArgs),
    /// Halt opening in a run that is under way
    Halt(HaltArgs),
    /// Compute a run again from its journal and compare every tick
    Replay(ReplayArgs),
    /// Verify, show or export the journal of a run
    Journal(JournalArgs),
    /// Compare runs on one path: what a hedge cost and did; or one strategy at several sizes
    Compare(CompareArgs),
    /// Compute a run again with the other driver and compare every tick
    Verify(VerifyArgs),
    /// Show what a broker charges, by day
    Fees(FeesArgs),
    /// Explain a decision of a run, or its absence
    Why(WhyArgs),
    /// Run the rule tests that live beside the strategies
    Test(TestArgs),
    /// Change rules one at a time and list the changes that no test notices
    Mutate(MutateArgs),
    /// Compare a strategy with the one that runs, before it takes its place: rules diff, rules preview
    Rules(rules::RulesArgs),
    /// Show, compare and preview the numbers that may change while a strategy runs
    Thresholds(thresholds::ThresholdsArgs),
    /// Show what can be traded: multipliers, ticks, settlement, listing history, expiries
    Contracts(ContractsArgs),
    /// Show sessions, half days, holidays and the expiries of each day
    Calendar(CalendarArgs),
    /// Native plugins: list, inspect, check, trust, and write a new one
    Plugin(PluginArgs),
    /// The process that a broker lives in
    #[command(hide = true)]
    BrokerHost(BrokerHostArgs),
    /// The process that an instance of an indicator lives in
    #[command(hide = true)]
    PluginHost(PluginHostArgs),
    /// Write a new strategy that checks and runs, to change
    New(NewArgs),
    /// Print shell completions
    Completions(CompletionsArgs),
    /// Print the manual page, or write one for each command
    Man(ManArgs),
}

/// How findings are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum CheckFormat {
    /// For people: source lines with the spans underlined.
    #[default]
    Human,
    /// One JSON document.
    Json,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// GitHub Actions annotations.
    Github,
}

/// Text or JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum TextFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON document.
    Json,
}

/// Arguments of `alula check`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  alula check condor.alula\n  alula check rules/*.alula --deny-warnings\n  \
                        alula check condor.alula --format sarif > findings.sarif\n  \
                        alula check condor.alula --data spx_2019 --from 2019-05-01\n\n\
                        `condor.thresholds.yaml` beside `condor.alula` is checked with it.\n\
                        Leaves with 1 when there is an error (with --deny-warnings: or a warning)."
)]
pub struct CheckArgs {
    /// Strategy files, or folders of them; `-` is standard input
    #[arg(required = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub files: Vec<PathBuf>,
    /// How to write the findings
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    pub format: CheckFormat,
    /// A warning counts as a finding
    #[arg(long)]
    pub deny_warnings: bool,
    /// Also write what each package that the rules can hold loses at most, or the legs that nothing bounds
    ///
    /// A loss without bound is then a finding, whether the file allows it or not.
    #[arg(long)]
    pub certificate: bool,
    /// Thresholds file to check with the strategy, instead of the one beside it
    #[arg(long, value_name = "YAML", value_hint = ValueHint::FilePath)]
    pub thresholds: Option<PathBuf>,
    /// Also say what needs more bars than this store has
    #[arg(long, value_name = "STORE", value_hint = ValueHint::DirPath, help_heading = "Against data")]
    pub data: Option<PathBuf>,
    /// First session that would be run; the store's first when left out
    #[arg(long, value_name = "DATE", value_parser = parse_date, requires = "data", help_heading = "Against data")]
    pub from: Option<chrono::NaiveDate>,
    /// Last session that would be run; the store's last when left out
    #[arg(long, value_name = "DATE", value_parser = parse_date, requires = "data", help_heading = "Against data")]
    pub to: Option<chrono::NaiveDate>,
}

/// Arguments of `alula fmt`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  alula fmt condor.alula\n  alula fmt --check rules/*.alula\n  \
                        alula fmt - < condor.alula\n\n\
                        There are no options of style. A file is replaced only after its formatted text was read back \
                        and found to mean the same."
)]
pub struct FmtArgs {
    /// Strategy files, or folders of them; `-` formats standard input to standard output
    #[arg(required = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub files: Vec<PathBuf>,
    /// Change nothing; print the difference and leave with 1 if there is one
    #[arg(long)]
    pub check: bool,
}

/// Arguments of `alula explain`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  alula explain              all codes\n  alula explain A0301\n  \
                        alula explain unit-mismatch"
)]
pub struct ExplainArgs {
    /// Code (`A0301`, `301`) or name; all codes when left out
    #[arg(value_name = "CODE")]
    pub code: Option<String>,
    /// How to write it
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: TextFormat,
}

/// How a graph is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum GraphFormat {
    /// One line for each node.
    #[default]
    Text,
    /// Graphviz.
    Dot,
    /// Mermaid, for Markdown.
    Mermaid,
    /// A picture: observables left, policies right.
    Svg,
}

/// Arguments of `alula graph`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  alula graph condor.alula\n  alula graph condor.alula --format svg -o condor.svg\n  \
                        alula graph condor.alula --format dot | dot -Tpdf > condor.pdf"
)]
pub struct GraphArgs {
    /// Strategy file
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// How to draw it
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: GraphFormat,
    /// Write to this file instead of standard output
    #[arg(short, long, value_name = "PATH", value_hint = ValueHint::FilePath)]
    pub output: Option<PathBuf>,
}

/// How results of rule tests are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum TestFormat {
    /// For people.
    #[default]
    Human,
    /// One JSON document.
    Json,
    /// JUnit XML, for continuous-integration servers.
    Junit,
    /// GitHub Actions annotations.
    Github,
}

/// Arguments of `alula test`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  alula test\n  alula test condor.alula --filter panic\n  alula test --watch\n  \
                        alula test rules --format junit > results.xml\n\n\
                        `condor.test.yaml` beside `condor.alula` holds cases: a market in a compact notation, and what must \
                        be decided in it.\nWith `snapshots: true` in the file, the explanation of each case is kept in \
                        `snapshots/` and compared;\n`--review` or `--accept` settles a difference, as does `cargo insta review`.\n\
                        Leaves with 1 when a case failed or a snapshot differs."
)]
pub struct TestArgs {
    /// Test files, strategies with a test file beside them, or folders
    #[arg(value_name = "PATH", default_value = ".", value_hint = ValueHint::AnyPath)]
    pub paths: Vec<PathBuf>,
    /// Only cases with this text in their name
    #[arg(long, value_name = "TEXT")]
    pub filter: Option<String>,
    /// How to write the results
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    pub format: TestFormat,
    /// Show the explanation of every case, passed or not
    #[arg(long = "explain")]
    pub verbose_cases: bool,
    /// Take every changed snapshot for the new truth
    #[arg(long, conflicts_with = "review", help_heading = "Snapshots")]
    pub accept: bool,
    /// Look at each changed snapshot and say what to do with it
    #[arg(long, help_heading = "Snapshots")]
    pub review: bool,
    /// Delete snapshots whose case is gone
    #[arg(long, help_heading = "Snapshots")]
    pub prune: bool,
    /// Show which rules acted and which conditions were seen true, false and deciding
    #[arg(long, help_heading = "Coverage")]
    pub coverage: bool,
    /// Write the coverage as a page over the source
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Coverage")]
    pub coverage_html: Option<PathBuf>,
    /// Leave with 1 unless every rule acted, every condition was true and false, and every part decided
    #[arg(long, help_heading = "Coverage")]
    pub strict: bool,
    /// Add the counter-examples of `always` and `never` to the test file, as cases
    #[arg(long)]
    pub keep: bool,
    /// Run again whenever a file changes
    #[arg(long)]
    pub watch: bool,
}

/// Arguments of `alula mutate`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  alula mutate condor.alula\n  alula mutate rules --min-score 80\n\n\
                        Thresholds are moved by a tenth of their range, comparisons turned, parts of conditions left out, \
                        rules and guards removed,\none at a time; the tests beside the strategy should fail each time."
)]
pub struct MutateArgs {
    /// Test files, strategies with a test file beside them, or folders
    #[arg(value_name = "PATH", default_value = ".", value_hint = ValueHint::AnyPath)]
    pub paths: Vec<PathBuf>,
    /// Leave with 1 when less than this share of the changes was noticed, in percent
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    pub min_score: Option<u8>,
    /// How to write the results
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: TextFormat,
}

/// Arguments of `alula new`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  alula new my_condor\n  alula check my_condor/my_condor.alula\n\n\
                        Nothing that exists is overwritten."
)]
pub struct NewArgs {
    /// Name: lower-case letters, digits and underscores, a letter first. Also the folder's name
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Folder in which the new one is made
    #[arg(long = "in", value_name = "DIR", default_value = ".", value_hint = ValueHint::DirPath)]
    pub folder: PathBuf,
}

/// Arguments of `alula completions`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  alula completions bash > ~/.local/share/bash-completion/completions/alula\n  \
                        alula completions zsh > ~/.zfunc/_alula\n  \
                        alula completions fish > ~/.config/fish/completions/alula.fish"
)]
pub struct CompletionsArgs {
    /// Shell
    #[arg(value_name = "SHELL")]
    pub shell: clap_complete::Shell,
}

/// Arguments of `alula man`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  alula man | man -l -\n  alula man --dir ~/.local/share/man/man1")]
pub struct ManArgs {
    /// Write alula.1 and one page for each command into this folder
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub dir: Option<PathBuf>,
}

fn parse_date(text: &str) -> Result<chrono::NaiveDate, String> {
    chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d")
        .map_err(|_| "dates are written as year-month-day: 2019-05-03".to_owned())
}
