//! Arguments of `alula sweep`.

use super::{TermsArgs, TextFormat, parse_date};
use alula_report::sweep::By;
use clap::{Args, ValueHint};
use std::path::PathBuf;

/// What points are ranked by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ByArg {
    /// Sharpe ratio of a year.
    #[default]
    Sharpe,
    /// Gain of a year over the deepest drawdown.
    Calmar,
    /// P&L at the stated share of the spread.
    Pnl,
    /// P&L at natural prices.
    Natural,
}

impl From<ByArg> for By {
    fn from(by: ByArg) -> Self {
        match by {
            ByArg::Sharpe => Self::Sharpe,
            ByArg::Calmar => Self::Calmar,
            ByArg::Pnl => Self::Pnl,
            ByArg::Natural => Self::Natural,
        }
    }
}

/// A part of a sweep: `2/8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Which, from 1.
    pub number: usize,
    /// Of how many.
    pub of: usize,
}

impl Shard {
    /// Everything.
    pub const WHOLE: Self = Self { number: 1, of: 1 };

    /// Whether a point of the grid is in this part.
    #[must_use]
    pub const fn has(self, at: usize) -> bool {
        match at.checked_rem(self.of) {
            Some(rest) => rest + 1 == self.number,
            None => false,
        }
    }
}

fn parse_shard(text: &str) -> Result<Shard, String> {
    let wrong = || "write `2/8` for the second of eight parts".to_owned();
    let (number, of) = text.split_once('/').ok_or_else(wrong)?;
    let number: usize = number.trim().parse().map_err(|_| wrong())?;
    let of: usize = of.trim().parse().map_err(|_| wrong())?;
    if (1..=of).contains(&number) {
        Ok(Shard { number, of })
    } else {
        Err(wrong())
    }
}

/// Arguments of `alula sweep`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  alula sweep condor.alula --vary short_delta=10..20:2\n  \
                        alula sweep condor.alula --vary short_delta=10,16,20 --vary stop_multiple=100%..300%:50% --hold-out 30%\n  \
                        alula sweep condor.alula --vary exit_dte=7..28:7 --data spx_2019 --by calmar --csv sweep.csv\n  \
                        alula sweep condor.alula --vary short_delta=8..24:1 --shard 2/8 --json part2.json    one of eight machines\n  \
                        alula sweep --join part*.json\n\n\
                        Every point is the backtest of its values, over one path. The best of many tries on one path is partly luck: what \
                        luck alone\nwould have made is said beside it, with the points next to it. Parts of a sweep may run anywhere, twice and in any order;\n\
                        joining refuses parts that are not of one sweep."
)]
pub struct SweepArgs {
    /// Strategy file
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath, required_unless_present = "join")]
    pub file: Option<PathBuf>,
    /// Values of a threshold: `a,b,c` or `from..to:step`; may be given several times
    #[arg(long, value_name = "NAME=VALUES", required_unless_present = "join")]
    pub vary: Vec<String>,
    /// Store to read; the simulated market when left out
    #[arg(long, value_name = "STORE", value_hint = ValueHint::DirPath)]
    pub data: Option<PathBuf>,
    /// First day; the first of the data when left out
    #[arg(long, value_name = "DATE", value_parser = parse_date)]
    pub from: Option<chrono::NaiveDate>,
    /// Last day, included; the last of the data when left out
    #[arg(long, value_name = "DATE", value_parser = parse_date)]
    pub to: Option<chrono::NaiveDate>,
    /// Thresholds file for what is not varied, instead of the one beside the strategy
    #[arg(long, value_name = "YAML", value_hint = ValueHint::FilePath)]
    pub thresholds: Option<PathBuf>,
    /// Seed of the simulated market
    #[arg(long, value_name = "N", conflicts_with = "data")]
    pub seed: Option<u64>,
    /// Years of the simulated market
    #[arg(long, value_name = "Y", conflicts_with = "data", value_parser = clap::value_parser!(u32).range(1..=100))]
    pub years: Option<u32>,
    /// How orders fill, what they cost.
    #[command(flatten)]
    pub terms: TermsArgs,
    /// What points are ranked by
    #[arg(long, value_name = "MEASURE", default_value = "sharpe")]
    pub by: ByArg,
    /// Sessions that have no part in the choice: the last `30%`, or those from a day on
    #[arg(long, value_name = "SHARE|DATE")]
    pub hold_out: Option<String>,
    /// Runs at a time; as many as there are processors when left out
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub jobs: Option<u16>,
    /// Run a part of the points alone, such as `2/8`
    #[arg(long, value_name = "I/N", value_parser = parse_shard)]
    pub shard: Option<Shard>,
    /// Join the parts that `--json` wrote, instead of running
    #[arg(long, value_name = "JSON", num_args = 1.., value_hint = ValueHint::FilePath, conflicts_with_all = ["file", "vary", "shard"])]
    pub join: Vec<PathBuf>,
    /// Write all points to this file, as JSON
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub json: Option<PathBuf>,
    /// Write all points to this file, as comma-separated values
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub csv: Option<PathBuf>,
    /// How to write it
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: TextFormat,
}
