//! Arguments of the commands about data: stores, the simulated market, contracts, hours, fees.

use super::{TextFormat, parse_date};
use clap::{Args, ValueHint};
use std::path::PathBuf;

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
