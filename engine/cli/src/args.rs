//! The command line: what may be typed, and the help that goes with it.

pub mod thresholds;

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
    /// Show, compare and preview the numbers that may change while a strategy runs
    Thresholds(thresholds::ThresholdsArgs),
    /// Show what can be traded: multipliers, ticks, settlement, listing history, expiries
    Contracts(ContractsArgs),
    /// Show sessions, half days, holidays and the expiries of each day
    Calendar(CalendarArgs),
    /// Native plugins: list, inspect, check, trust, and write a new one
    Plugin(PluginArgs),
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
                        alula check condor.alula --format sarif > findings.sarif\n\n\
                        `condor.thresholds.yaml` beside `condor.alula` is checked with it.\n\
                        Leaves with 1 when there is an error (with --deny-warnings: or a warning)."
)]
pub struct CheckArgs {
    /// Strategy files; `-` is standard input
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
    /// Strategy files; `-` formats standard input to standard output
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

/// Where the underlying's price comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum UnderlyingFrom {
    /// A series in the store: its minute bars, or the day's close once it is known
    Series,
    /// Put-call parity in the nearest expiry; marked in every result
    Parity,
}

/// Arguments of `alula import`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  alula import chains/ --store spx_2019\n  \
                        alula import chains/ context.csv --store spx_2019 --append\n  \
                        alula import vix.csv --store spx_2019 --append --kind ohlc --series VIX\n  \
                        alula import quotes.parquet --store spx --mapping my_columns.yaml\n  \
                        alula import --mapping-example > my_columns.yaml\n  \
                        alula import spx_eod_202301.txt --store spx --root eve=SPX,monthly=SPXW,other=SPXW\n\n\
                        Formats: engine/market/FORMATS.md says for each vendor what is read, what is refused and what its times mean.\n\
                        The layout is told from the header, and shown; --kind names it.\n\
                        A store is written as a whole or not at all. Refused days are listed and left out (--strict: they fail\n\
                        the import). Leaves with 3 when the data was not good enough to store.")]
pub struct ImportArgs {
    /// Files, or folders of files (CSV, gzip included, and Parquet)
    #[arg(required_unless_present = "mapping_example", value_name = "INPUT", value_hint = ValueHint::AnyPath)]
    pub inputs: Vec<PathBuf>,
    /// Store to write
    #[arg(
        long,
        required_unless_present = "mapping_example",
        value_name = "DIR",
        value_hint = ValueHint::DirPath
    )]
    pub store: Option<PathBuf>,
    /// Add to a store that exists
    #[arg(long)]
    pub append: bool,
    /// Leave out malformed rows, count and list them, instead of refusing the file
    #[arg(long)]
    pub skip_bad: bool,
    /// Treat a refused day or file as a failure of the whole import
    #[arg(long)]
    pub strict: bool,
    /// Time of day of snapshots whose files do not say it (exchange time)
    #[arg(long, value_name = "HH:MM")]
    pub snapshot_time: Option<String>,
    /// Layout of the files, when it cannot be told from them
    #[arg(long, value_name = "KIND")]
    pub kind: Option<String>,
    /// Series that a file without a name column holds
    #[arg(long, value_name = "ID")]
    pub series: Option<String>,
    /// What the columns of the files mean, for tables of no known layout
    #[arg(long, value_name = "YAML", value_hint = ValueHint::FilePath, conflicts_with = "kind")]
    pub mapping: Option<PathBuf>,
    /// Print a commented mapping to start from, and stop
    #[arg(long)]
    pub mapping_example: bool,
    /// Roots of chains whose files name the underlying alone: `SPXW`, or `monthly=SPX,other=SPXW`
    #[arg(long, value_name = "RULE")]
    pub root: Option<String>,
    /// Zone of times whose files do not say it, such as `America/New_York` or `UTC`
    #[arg(long, value_name = "ZONE")]
    pub time_zone: Option<String>,
    /// Where the underlying's price comes from when chains do not have it
    #[arg(long, value_name = "FROM", default_value = "series")]
    pub underlying: UnderlyingFrom,
    /// Minutes between snapshots taken of files with every change of a quote; one a day without it
    #[arg(long, value_name = "MINUTES", value_parser = clap::value_parser!(u32).range(1..=390))]
    pub sample_every: Option<u32>,
    /// How to write the quality report
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: TextFormat,
}

/// Arguments of `alula store`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  alula store spx_2019\n  alula store spx_2019 --format json")]
pub struct StoreArgs {
    /// Store
    #[arg(value_name = "STORE", value_hint = ValueHint::DirPath)]
    pub store: PathBuf,
    /// Read all files and compare them with their hashes
    #[arg(long)]
    pub verify: bool,
    /// How to write it
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: TextFormat,
}

/// Kind of simulated market.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum RegimeArg {
    /// Low volatility, few jumps.
    Calm,
    /// As 2000 to 2025.
    #[default]
    Mixed,
    /// High volatility, many jumps, a start in the middle of one.
    Stress,
}

/// Arguments of `alula simulate`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  alula simulate --years 5 --seed 7 --store sim5      a store for backtests\n  \
                        alula simulate --years 5 --stats                    beside published statistics\n  \
                        alula simulate --stats --against spx_2019           beside those of a store\n\n\
                        One joint model of SPX, its smile, VIX and its futures and options, breadth and events. Whatever \
                        rests on it\nis labelled as simulated. The same settings give the same bytes."
)]
pub struct SimulateArgs {
    /// Store to write; the folder must not exist yet
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, required_unless_present = "stats")]
    pub store: Option<PathBuf>,
    /// Print statistics of the market beside the real ones
    #[arg(long)]
    pub stats: bool,
    /// Years of 252 sessions with chains, 1 to 20
    #[arg(long, value_name = "N", default_value = "2", value_parser = clap::value_parser!(u32).range(1..=20))]
    pub years: u32,
    /// Seed
    #[arg(long, value_name = "N", default_value = "7")]
    pub seed: u64,
    /// First day with chains; the session on or after it
    #[arg(long, value_name = "DATE", value_parser = parse_date)]
    pub start: Option<chrono::NaiveDate>,
    /// Kind of market
    #[arg(long, value_name = "KIND", default_value = "mixed")]
    pub vol_regime: RegimeArg,
    /// Minutes between chain snapshots, a multiple of 5; one a day when left out
    #[arg(long, value_name = "MINUTES")]
    pub every: Option<u16>,
    /// Statistics of this store, or of this folder of series files, instead of the published ones
    #[arg(long, value_name = "DATA", value_hint = ValueHint::DirPath, requires = "stats")]
    pub against: Option<PathBuf>,
    /// How to write it
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: TextFormat,
}

/// Arguments of `alula vix`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  alula vix --data spx_2019                       each day beside the published VIX\n  \
                        alula vix --data spx_2019 --date 2019-05-03     both terms and the parity forwards of a day\n  \
                        alula vix --data spx_2019 --check-iv            implied vols against the vendor's\n\n\
                        Cboe's calculation on the last snapshot of each day. Without --data the market is simulated."
)]
pub struct VixArgs {
    /// Store to read; the simulated market when left out
    #[arg(long, value_name = "STORE", value_hint = ValueHint::DirPath)]
    pub data: Option<PathBuf>,
    /// One day, in full
    #[arg(long, value_name = "DATE", value_parser = parse_date, conflicts_with_all = ["from", "to"])]
    pub date: Option<chrono::NaiveDate>,
    /// First day; the first of the data when left out
    #[arg(long, value_name = "DATE", value_parser = parse_date)]
    pub from: Option<chrono::NaiveDate>,
    /// Last day, included; the last of the data when left out
    #[arg(long, value_name = "DATE", value_parser = parse_date)]
    pub to: Option<chrono::NaiveDate>,
    /// Index of the family
    #[arg(long, value_name = "NAME", default_value = "vix")]
    pub index: IndexArg,
    /// Compare implied volatilities with the vendor's own
    #[arg(long, requires = "data")]
    pub check_iv: bool,
    /// How to write it
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: TextFormat,
}

/// A volatility index.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum IndexArg {
    /// 30 days of SPX.
    #[default]
    Vix,
    /// 9 days of SPX.
    Vix9d,
    /// 93 days of SPX.
    Vix3m,
    /// 184 days of SPX.
    Vix6m,
    /// 30 days of VIX.
    Vvix,
}

/// How a surface is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum SurfaceFormat {
    /// A line for each expiry.
    #[default]
    Text,
    /// One JSON document, parameters and quotes included.
    Json,
    /// A picture: quotes and curve.
    Svg,
}

/// Arguments of `alula surface`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  alula surface --data spx_2019 --date 2019-05-03\n  \
                        alula surface --data spx_2019 --date 2019-05-03 --expiry 2019-06-21 --format svg -o smile.svg\n  \
                        alula surface --data spx_2019 --date 2019-05-03 --expiry 2019-06-14 \
                        --legs \"-1p2750 +1p2700 -1c3075 +1c3125\"\n\n\
                        Errors of the curve against the mids are in vol points; `inside` is the share of quotes whose bid and\n\
                        ask it passes between. Without --data the market is simulated."
)]
pub struct SurfaceArgs {
    /// Store to read; the simulated market when left out
    #[arg(long, value_name = "STORE", value_hint = ValueHint::DirPath)]
    pub data: Option<PathBuf>,
    /// Day (its last snapshot), or a day and a time of the exchange; the last of the data when left out
    #[arg(long, value_name = "TIME")]
    pub date: Option<String>,
    /// Underlying
    #[arg(long, value_name = "NAME", default_value = "SPX")]
    pub underlying: String,
    /// Only this expiry
    #[arg(long, value_name = "DATE", value_parser = parse_date)]
    pub expiry: Option<chrono::NaiveDate>,
    /// Break-evens of a package of that expiry, week by week under the surface: `"-1p2700 +1p2650 -1c3050 +1c3100"`
    #[arg(long, value_name = "LEGS", requires = "expiry", allow_hyphen_values = true)]
    pub legs: Option<String>,
    /// Seed of the simulated market
    #[arg(long, value_name = "N", conflicts_with = "data")]
    pub seed: Option<u64>,
    /// How to write it
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: SurfaceFormat,
    /// Write to this file instead of standard output
    #[arg(short, long, value_name = "PATH", value_hint = ValueHint::FilePath)]
    pub output: Option<PathBuf>,
}

/// Arguments of `alula scenario`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  alula scenario condor.alula                                  before entry, one lot, simulated market\n  \
                        alula scenario condor.alula --data spx_2019 --at 2019-05-03 --lots 10\n  \
                        alula scenario runs/condor-1f2e3d4c5b6a --at 2023-06-01    what the run held then\n  \
                        alula scenario condor.alula --vol -5,0,10 --spot -8,-4,0,4 --days 0,10,20 --svg heat.svg\n  \
                        alula scenario condor.alula --path \"1 +12 -6, 5 +8 -5, 15 -1 -3\"\n  \
                        alula scenario condor.alula --event FOMC                    the average past reaction to it\n\n\
                        Every leg is revalued; margin is computed again by every rulebook in every cell. A path is steps of days, \
                        vol points\nand spot in percent. An event's path is refused with fewer than eight past reactions. Without --data the market is simulated."
)]
pub struct ScenarioArgs {
    /// Strategy file, or run folder
    #[arg(value_name = "FILE|RUN", value_hint = ValueHint::AnyPath)]
    pub what: PathBuf,
    /// Store to read; the simulated market when left out
    #[arg(long, value_name = "STORE", value_hint = ValueHint::DirPath)]
    pub data: Option<PathBuf>,
    /// Day (its last snapshot), or a day and a time of the exchange; the last of the data or the run when left out
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
    /// Structures to open, instead of those that policies trade (strategy files)
    #[arg(long, value_name = "NAME")]
    pub structure: Vec<String>,
    /// Lots of each structure (strategy files)
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub lots: u32,
    /// Vol shifts in points: the rows
    #[arg(
        long,
        value_name = "POINTS",
        default_value = "-6,-3,0,3,6,12",
        allow_hyphen_values = true
    )]
    pub vol: String,
    /// Spot shifts in percent: the columns
    #[arg(
        long,
        value_name = "PERCENT",
        default_value = "-10,-5,-3,0,3,5",
        allow_hyphen_values = true
    )]
    pub spot: String,
    /// Days from now: the blocks
    #[arg(long, value_name = "DAYS", default_value = "0,7,21")]
    pub days: String,
    /// A path through time, instead of the two that are assumed; may be given several times
    #[arg(long, value_name = "STEPS", allow_hyphen_values = true)]
    pub path: Vec<String>,
    /// Add a path: the average past reaction to this event (FOMC, CPI, PPI), and one spread to either side of it
    #[arg(long, value_name = "EVENT")]
    pub event: Option<String>,
    /// Points that VIX and its futures move for one point of SPX vol
    #[arg(long, value_name = "BETA", default_value = "1", value_parser = parse_beta)]
    pub vx_beta: f64,
    /// Margin rulebook of the cushion, instead of the strategy's
    #[arg(long, value_name = "RULEBOOK")]
    pub margin: Option<String>,
    /// Thresholds file, instead of the one beside the strategy
    #[arg(long, value_name = "YAML", value_hint = ValueHint::FilePath)]
    pub thresholds: Option<PathBuf>,
    /// Seed of the simulated market
    #[arg(long, value_name = "N", conflicts_with = "data")]
    pub seed: Option<u64>,
    /// How to write it
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: TextFormat,
    /// Draw heat maps of the grid to this file
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub svg: Option<PathBuf>,
}

fn parse_beta(text: &str) -> Result<f64, String> {
    let beta: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if (0.0..=5.0).contains(&beta) {
        Ok(beta)
    } else {
        Err("choose 0 to 5".to_owned())
    }
}

/// Which driver computes the market's nodes; the decisions are the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ModeArg {
    /// Whole columns first.
    #[default]
    Batch,
    /// Event by event.
    Streaming,
}

/// Arguments of `alula backtest`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  alula backtest condor.alula                        on the simulated market\n  \
                        alula backtest condor.alula --data spx_2019        on your own data\n  \
                        alula backtest condor.alula --data spx_2019 --from 2019-05-01 --to 2019-06-28\n\n\
                        Without --data the market is simulated, and every result says so. The run folder holds a \
                        manifest,\ndecisions, trades and daily equity (Parquet and CSV) and report.html; the same \
                        inputs give the same bytes."
)]
pub struct BacktestArgs {
    /// Strategy file
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// Store to read; the simulated market when left out
    #[arg(long, value_name = "STORE", value_hint = ValueHint::DirPath)]
    pub data: Option<PathBuf>,
    /// First day; the first of the data when left out
    #[arg(long, value_name = "DATE", value_parser = parse_date)]
    pub from: Option<chrono::NaiveDate>,
    /// Last day, included; the last of the data when left out
    #[arg(long, value_name = "DATE", value_parser = parse_date)]
    pub to: Option<chrono::NaiveDate>,
    /// Thresholds file, instead of the one beside the strategy
    #[arg(long, value_name = "YAML", value_hint = ValueHint::FilePath)]
    pub thresholds: Option<PathBuf>,
    /// Run folder; `runs/<strategy>-<hash>` when left out
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub out: Option<PathBuf>,
    /// Seed of the simulated market
    #[arg(long, value_name = "N", conflicts_with = "data")]
    pub seed: Option<u64>,
    /// How orders fill, instead of what the strategy says: mid, natural, share:0.6 or legs, and +impact or +limited
    #[arg(long, value_name = "MODEL")]
    pub fill: Option<String>,
    /// Fee schedule, instead of the strategy's: ibkr, flat or none
    #[arg(long, value_name = "NAME")]
    pub fees: Option<String>,
    /// Margin rulebook enforced, instead of the strategy's: cboe, ibkr, portfolio or portfolio_ibkr
    #[arg(long, value_name = "RULEBOOK")]
    pub margin: Option<String>,
    /// Close every position on a margin call
    #[arg(long)]
    pub flatten_on_call: bool,
    /// Which driver computes; the decisions are the same
    #[arg(long, value_name = "MODE", default_value = "batch")]
    pub mode: ModeArg,
    /// How to write the summary
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: TextFormat,
    /// Replace a run folder that holds something else
    #[arg(long)]
    pub force: bool,
}

/// Arguments of `alula compare`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  alula compare unhedged.alula hedged.alula --data spx_2019 --html compare.html\n  \
                        alula compare runs/unhedged-1f2e runs/hedged-3d4c               runs of one store and period\n  \
                        alula compare unhedged.alula hedged.alula --paths 50 --years 2  simulated paths, both on each\n  \
                        alula compare condor.alula --scale 1,20,50,100,200              drawdown, slippage, fills by size\n\n\
                        The first is the yardstick. Intervals are 95%: on one history by a stationary block bootstrap of its \
                        sessions, on\nsimulated paths by resampling the paths. Runs on other data or another period are refused (3)."
)]
pub struct CompareArgs {
    /// Run folders or strategy files, the yardstick first
    #[arg(required = true, value_name = "RUN|FILE", value_hint = ValueHint::AnyPath)]
    pub what: Vec<PathBuf>,
    /// Store that strategy files run on; the simulated market when left out
    #[arg(long, value_name = "STORE", value_hint = ValueHint::DirPath)]
    pub data: Option<PathBuf>,
    /// First day; the first of the data when left out
    #[arg(long, value_name = "DATE", value_parser = parse_date)]
    pub from: Option<chrono::NaiveDate>,
    /// Last day, included; the last of the data when left out
    #[arg(long, value_name = "DATE", value_parser = parse_date)]
    pub to: Option<chrono::NaiveDate>,
    /// Simulated paths, each with a seed of its own
    #[arg(long, value_name = "N", conflicts_with_all = ["data", "scale", "from", "to"], value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub paths: Option<u32>,
    /// Years of each path
    #[arg(long, value_name = "Y", default_value = "1", value_parser = clap::value_parser!(u32).range(1..=20))]
    pub years: u32,
    /// Seed of the simulated market (of the first path) and of the intervals
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Sizes of one strategy, as times its own
    #[arg(long, value_name = "SIZES", value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub scale: Vec<u32>,
    /// With --scale: contracts taken to be shown where the data show no size
    #[arg(long, value_name = "LOTS", default_value = "50", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub assume: u32,
    /// How orders fill, instead of what the strategies say: mid, natural, share:0.6 or legs, and +impact or +limited
    #[arg(long, value_name = "MODEL")]
    pub fill: Option<String>,
    /// Resamples behind each interval
    #[arg(long, value_name = "N", default_value = "2000", value_parser = clap::value_parser!(u32).range(100..=100_000))]
    pub resamples: u32,
    /// Mean length of a block in sessions; the cube root of their number when left out
    #[arg(long, value_name = "SESSIONS", value_parser = parse_block)]
    pub block: Option<f64>,
    /// How to write it
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: TextFormat,
    /// Write a page with charts to this file
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub html: Option<PathBuf>,
}

fn parse_block(text: &str) -> Result<f64, String> {
    let block: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if (1.0..=1_000.0).contains(&block) {
        Ok(block)
    } else {
        Err("choose 1 to 1000 sessions".to_owned())
    }
}

/// Arguments of `alula verify`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  alula verify runs/condor-1f2e3d4c5b6a\n  alula verify run --data store\n\n\
                        The run is computed again in whole columns, event by event, and with events of one instant the other \
                        way round.\nLeaves with 1 and names the first tick that differs; with 3 when the data are others."
)]
pub struct VerifyArgs {
    /// Run folder
    #[arg(value_name = "RUN", value_hint = ValueHint::DirPath)]
    pub run: PathBuf,
    /// Store that the run was made from; none for the simulated market
    #[arg(long, value_name = "STORE", value_hint = ValueHint::DirPath)]
    pub data: Option<PathBuf>,
    /// How to write the result
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: TextFormat,
}

/// Arguments of `alula plugin`.
#[derive(Debug, Args)]
#[command(
    after_help = "A plugin is native code: it can do whatever you can. `alula` opens a library only if `plugins.lock`, beside or above \
                  the\nstrategy or the current folder, names it with the hash of its bytes. Do not run a strategy with a lock of \
                  somebody you do not trust.\n\nExamples:\n  alula plugin new my-indicator --lang c\n  alula plugin check libmine.so\n  \
                  alula plugin trust libmine.so\n  alula plugin inspect mine"
)]
pub struct PluginArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: PluginCommand,
}

/// The commands of `alula plugin`.
#[derive(Debug, Subcommand)]
pub enum PluginCommand {
    /// Show the plugins that are trusted, and whether they still load
    List(PluginListArgs),
    /// Show what a plugin gives, and the line that declares it
    Inspect(PluginInspectArgs),
    /// Run every check on a plugin, each in a process of its own
    Check(PluginCheckArgs),
    /// One check, in this process
    #[command(hide = true)]
    RunCheck(PluginRunCheckArgs),
    /// Write a library's hash into `plugins.lock`
    Trust(PluginTrustArgs),
    /// Write a new plugin, with a strategy that uses it
    New(PluginNewArgs),
}

/// Arguments of `alula plugin list`.
#[derive(Debug, Args)]
pub struct PluginListArgs {
    /// How to write the result
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: TextFormat,
}

/// Arguments of `alula plugin inspect`.
#[derive(Debug, Args)]
pub struct PluginInspectArgs {
    /// Name of a trusted plugin, or a library (which is opened, and so runs)
    #[arg(value_name = "PLUGIN", value_hint = ValueHint::FilePath)]
    pub plugin: String,
    /// How to write the result
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: TextFormat,
}

/// Arguments of `alula plugin check`.
#[derive(Debug, Args)]
#[command(after_help = "Leaves with 1 when a check fails.")]
pub struct PluginCheckArgs {
    /// Name of a trusted plugin, or a library (which is opened, and so runs)
    #[arg(value_name = "PLUGIN", value_hint = ValueHint::FilePath)]
    pub plugin: String,
    /// Seconds that a check may take
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub deadline: u64,
}

/// Arguments of one check.
#[derive(Debug, Args)]
pub struct PluginRunCheckArgs {
    /// Plugin
    pub plugin: String,
    /// Indicator
    pub indicator: String,
    /// Check
    pub case: String,
}

/// Arguments of `alula plugin trust`.
#[derive(Debug, Args)]
pub struct PluginTrustArgs {
    /// Library
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// Name that strategies use; from the file's name when left out
    #[arg(long, value_name = "NAME")]
    pub id: Option<String>,
    /// Lock file; the one beside or above the current folder when left out
    #[arg(long, value_name = "LOCK", value_hint = ValueHint::FilePath)]
    pub lock: Option<PathBuf>,
}

/// Languages that a plugin can be begun in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum PluginLanguage {
    /// Rust, with the kit beside it.
    #[default]
    Rust,
    /// C, with the header beside it.
    C,
}

/// Arguments of `alula plugin new`.
#[derive(Debug, Args)]
pub struct PluginNewArgs {
    /// Name of the plugin and of its folder: `my-indicator`
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Language
    #[arg(long, value_name = "LANG", default_value = "rust")]
    pub lang: PluginLanguage,
    /// Folder to make it in
    #[arg(long = "in", value_name = "DIR", default_value = ".", value_hint = ValueHint::DirPath)]
    pub folder: PathBuf,
}

/// Arguments of `alula fees`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  alula fees\n  alula fees --broker ibkr --on 2019-05-03\n  alula fees --broker flat --format json\n\n\
                        Without --on, every row with its days; with it, the rows in force on that day."
)]
pub struct FeesArgs {
    /// Schedule: ibkr, flat or none
    #[arg(long, value_name = "NAME", default_value = "ibkr")]
    pub broker: String,
    /// Only the rows in force on this day
    #[arg(long, value_name = "DATE", value_parser = parse_date)]
    pub on: Option<chrono::NaiveDate>,
    /// How to write it
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: TextFormat,
}

/// Arguments of `alula why`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  alula why runs/condor-1a2b3c --at 2019-05-03\n  \
                        alula why runs/condor-1a2b3c --at 2019-05-03T15:45 income.open\n  \
                        alula why runs/condor-1a2b3c --near income.open\n  \
                        alula why condor.test.yaml --case 'half the credit' --at 2024-01-18 income.open")]
pub struct WhyArgs {
    /// Run folder; with `--case` a test file, or a strategy with one beside it
    #[arg(value_name = "RUN", value_hint = ValueHint::AnyPath)]
    pub run: PathBuf,
    /// Case of the test file, by its name or a part that no other has
    #[arg(long, value_name = "NAME")]
    pub case: Option<String>,
    /// Instant in exchange time: a day (its last tick) or a day and a time
    #[arg(long, value_name = "TIME", required_unless_present = "near")]
    pub at: Option<String>,
    /// List the closest misses of the run: where a rule almost called for action
    #[arg(
        long,
        value_name = "COUNT",
        conflicts_with = "at",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "10"
    )]
    pub near: Option<u16>,
    /// Rule to explain, such as `income.open`; all of them when left out
    #[arg(value_name = "KEY")]
    pub key: Option<String>,
    /// How to write it
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: TextFormat,
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

/// Arguments of `alula contracts`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  alula contracts\n  alula contracts SPXW --on 2019-04-25 --expiries 2019-04-25..2019-06-30\n  \
                        alula contracts 'SPXW  190531P02825000'\n  alula contracts /VXK6\n\n\
                        Leaves with 1 when a contract was not listed on the day asked for."
)]
pub struct ContractsArgs {
    /// Class (SPX, SPXW, XSP, VIX, VIXW, VX, VXM, ES, MES, SPY, VXX, VXZ, VIXY), or the symbol of one contract; all classes
    /// when left out
    #[arg(value_name = "ROOT")]
    pub root: Option<String>,
    /// The day whose facts are shown; today when left out
    #[arg(long, value_name = "DATE", value_parser = parse_date)]
    pub on: Option<chrono::NaiveDate>,
    /// List the expiries that are listed by rule on that day
    #[arg(long, value_name = "FROM..TO", value_parser = parse_range, requires = "root")]
    pub expiries: Option<DateRange>,
    /// How to write it
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: TextFormat,
}

/// Two dates, the ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DateRange {
    /// First day.
    pub from: chrono::NaiveDate,
    /// Last day.
    pub to: chrono::NaiveDate,
}

/// Arguments of `alula calendar`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  alula calendar\n  alula calendar --from 2026-06-15 --to 2026-06-26\n  \
                        alula calendar --exchange cfe --zone ct --from 2019-07-01 --to 2019-07-05\n\n\
                        Without dates: this week and the next. Exchanges: spx, xsp, vix (options at Cboe), cfe (VX), cme (ES), nyse."
)]
pub struct CalendarArgs {
    /// First day
    #[arg(long, value_name = "DATE", value_parser = parse_date)]
    pub from: Option<chrono::NaiveDate>,
    /// Last day
    #[arg(long, value_name = "DATE", value_parser = parse_date)]
    pub to: Option<chrono::NaiveDate>,
    /// Whose hours to show
    #[arg(long, value_name = "NAME", default_value = "spx")]
    pub exchange: ExchangeArg,
    /// Zone of the times
    #[arg(long, value_name = "ZONE", default_value = "et")]
    pub zone: ZoneArg,
    /// How to write it
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: TextFormat,
}

/// A market with hours of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ExchangeArg {
    /// SPX and SPXW options.
    #[default]
    Spx,
    /// XSP options.
    Xsp,
    /// VIX options.
    Vix,
    /// VX and VXM futures.
    Cfe,
    /// ES and MES futures.
    Cme,
    /// Shares.
    Nyse,
}

/// Zone of the times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ZoneArg {
    /// New York.
    #[default]
    Et,
    /// Chicago.
    Ct,
    /// Universal time.
    Utc,
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

fn parse_range(text: &str) -> Result<DateRange, String> {
    let ends = text.split_once("..").and_then(|(from, to)| {
        Some((
            parse_date(from).ok()?,
            parse_date(to.trim_start_matches('=')).ok()?,
        ))
    });
    let (from, to) =
        ends.ok_or_else(|| "write two dates with two dots between: 2019-05-01..2019-06-30".to_owned())?;
    if from > to {
        return Err(format!("{from} is after {to}"));
    }
    Ok(DateRange { from, to })
}

fn parse_date(text: &str) -> Result<chrono::NaiveDate, String> {
    chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d")
        .map_err(|_| "dates are written as year-month-day: 2019-05-03".to_owned())
}
