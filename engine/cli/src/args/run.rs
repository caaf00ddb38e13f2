//! Arguments of the commands that run strategies or look at runs.

use super::{TextFormat, parse_date};
use clap::{Args, ValueHint};
use std::path::PathBuf;

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

/// Which driver computes the market's nodes; the decisions are the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ModeArg {
    /// Whole columns first.
    #[default]
    Batch,
    /// Event by event.
    Streaming,
}

/// How orders fill, what they cost, what margin they need, instead of what the strategy says.
#[derive(Debug, Args)]
pub struct TermsArgs {
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
}

/// Arguments of `alula backtest`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  alula backtest condor.alula                        on the simulated market\n  \
                        alula backtest condor.alula --data spx_2019        on your own data\n  \
                        alula backtest condor.alula --data spx_2019 --from 2019-05-01 --to 2019-06-28\n  \
                        alula backtest condor.alula --swap 2019-05-20=tighter.yaml   as if pushed to a live run\n  \
                        alula backtest condor.alula --swap 2019-05-20=calmer.alula   another strategy from that day on\n\n\
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
    /// How orders fill, what they cost.
    #[command(flatten)]
    pub terms: TermsArgs,
    /// Which driver computes; the decisions are the same
    #[arg(long, value_name = "MODE", default_value = "batch")]
    pub mode: ModeArg,
    /// Thresholds (YAML, streaming) or a strategy (.alula) that change under way, from the first tick at or after the time; may be
    /// given several times
    #[arg(long, value_name = "TIME=FILE", help_heading = "As a live run")]
    pub swap: Vec<String>,
    /// Open positions of structures that a new strategy does not have: keep them with their old exits, or close them
    #[arg(long, value_name = "HOW", help_heading = "As a live run")]
    pub positions: Option<super::PositionsArg>,
    /// What entries do that a change of thresholds alone makes true
    #[arg(
        long,
        value_name = "WHAT",
        default_value = "wait",
        help_heading = "As a live run"
    )]
    pub on_swap: super::OnSwapArg,
    /// Overlays, halts and their ends as an operator would have said them to a live run
    #[arg(long, value_name = "YAML", value_hint = ValueHint::FilePath, help_heading = "As a live run")]
    pub overlays: Option<PathBuf>,
    /// Limits that no strategy can lift.
    #[command(flatten)]
    pub rails: super::RailsArgs,
    /// Stop after the last snapshot at or before a day or a time, as a live run that was stopped then
    #[arg(long, value_name = "TIME", help_heading = "As a live run")]
    pub until: Option<String>,
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
                        alula compare condor.alula --scale 1,20,50,100,200              drawdown, slippage, fills by size\n  \
                        alula compare condor.alula --scale 1,20,200 --paths 30          the same over paths, with an interval\n\n\
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
    #[arg(long, value_name = "N", conflicts_with_all = ["data", "from", "to"], value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub paths: Option<u32>,
    /// Years of the simulated market, or of each path; 1 a path and 2 without paths when left out
    #[arg(long, value_name = "Y", conflicts_with = "data", value_parser = clap::value_parser!(u32).range(1..=20))]
    pub years: Option<u32>,
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

/// Arguments of `alula why`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  alula why runs/condor-1a2b3c --at 2019-05-03\n  \
                        alula why runs/condor-1a2b3c --at 2019-05-03T15:45 income.open\n  \
                        alula why runs/condor-1a2b3c --near income.open\n  \
                        alula why condor.test.yaml --case 'half the credit' income.open\n  \
                        alula why state/condor/20261121T101503123.redb --at 2023-03-01")]
pub struct WhyArgs {
    /// Run folder, or the journal of a run; with `--case` a test file, or a strategy with one beside it
    #[arg(value_name = "RUN", value_hint = ValueHint::AnyPath)]
    pub run: PathBuf,
    /// Store that the run of a journal rests on; none for the simulated market
    #[arg(long, value_name = "STORE", value_hint = ValueHint::DirPath)]
    pub data: Option<PathBuf>,
    /// Case of the test file, by its name or a part that no other has
    #[arg(long, value_name = "NAME")]
    pub case: Option<String>,
    /// Instant in exchange time: a day (its last tick) or a day and a time; the last tick of a case when left out
    #[arg(long, value_name = "TIME", required_unless_present_any = ["near", "case"])]
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

fn parse_beta(text: &str) -> Result<f64, String> {
    let beta: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if (0.0..=5.0).contains(&beta) {
        Ok(beta)
    } else {
        Err("choose 0 to 5".to_owned())
    }
}

fn parse_block(text: &str) -> Result<f64, String> {
    let block: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if (1.0..=1_000.0).contains(&block) {
        Ok(block)
    } else {
        Err("choose 1 to 1000 sessions".to_owned())
    }
}
