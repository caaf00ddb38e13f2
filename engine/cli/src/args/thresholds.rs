//! Arguments of `alula thresholds`.

use super::TextFormat;
use clap::{Args, Subcommand, ValueHint};
use std::path::PathBuf;

/// Arguments of `alula thresholds`.
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub struct ThresholdsArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: ThresholdsCommand,
}

/// What can be done with thresholds.
#[derive(Debug, Subcommand)]
pub enum ThresholdsCommand {
    /// Show every threshold: value, default, range, and the version of the set
    Show(ShowArgs),
    /// Print a thresholds file with every value and its documentation
    Init(InitArgs),
    /// Show what differs between two thresholds files
    Diff(DiffArgs),
    /// Replay recent sessions with old and new values and list the decisions that differ
    Preview(PreviewArgs),
    /// Say whether a running engine would take a thresholds file
    Check(CheckFileArgs),
    /// Check new values and put them where a running engine takes them
    Push(PushArgs),
    /// List the versions that a run has had
    History(HistoryArgs),
    /// Push the values of an earlier version again
    Rollback(RollbackArgs),
    /// Print a JSON Schema for the thresholds file, so that editors complete and check it
    Schema(SchemaArgs),
}

/// Arguments of `alula thresholds show`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  alula thresholds show condor.alula\n  \
                  alula thresholds show condor.alula --thresholds tighter.yaml --format json")]
pub struct ShowArgs {
    /// Strategy file
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// Thresholds file, instead of the one beside the strategy
    #[arg(long, value_name = "YAML", value_hint = ValueHint::FilePath)]
    pub thresholds: Option<PathBuf>,
    /// How to write it
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: TextFormat,
}

/// Arguments of `alula thresholds init`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  alula thresholds init condor.alula > condor.thresholds.yaml\n\n\
                  The values are those of the file beside the strategy, else the declared defaults."
)]
pub struct InitArgs {
    /// Strategy file
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
}

/// Arguments of `alula thresholds diff`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  alula thresholds diff condor.alula tighter.yaml\n  \
                  alula thresholds diff condor.alula old.yaml new.yaml\n\n\
                  With one file, it is compared with the values in force: those of the file beside the strategy, else the \
                  declared\ndefaults. Leaves with 1 when they differ."
)]
pub struct DiffArgs {
    /// Strategy file
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// Thresholds files: the new one, or the old one and the new one
    #[arg(value_name = "YAML", num_args = 1..=2, required = true, value_hint = ValueHint::FilePath)]
    pub files: Vec<PathBuf>,
    /// How to write it
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: TextFormat,
}

/// Arguments of `alula thresholds preview`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  alula thresholds preview condor.alula tighter.yaml\n  \
                  alula thresholds preview condor.alula tighter.yaml --data store --days 30\n\n\
                  Both runs begin without positions on the first of those days. Leaves with 1 when a decision differs."
)]
pub struct PreviewArgs {
    /// Strategy file
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// Thresholds file with the new values
    #[arg(value_name = "YAML", value_hint = ValueHint::FilePath)]
    pub new: PathBuf,
    /// Thresholds file with the old values, instead of the one beside the strategy
    #[arg(long, value_name = "YAML", value_hint = ValueHint::FilePath)]
    pub old: Option<PathBuf>,
    /// State folder of the strategy that runs: its own account and its own values, from its journal. Where a broker fills its
    /// orders, the newest tick alone is decided anew
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, conflicts_with = "old")]
    pub state: Option<PathBuf>,
    /// Store to replay; none for the simulated market
    #[arg(long, value_name = "STORE", value_hint = ValueHint::DirPath)]
    pub data: Option<PathBuf>,
    /// Calendar days to replay, back from the end of the data
    #[arg(long, value_name = "DAYS", default_value = "90", value_parser = clap::value_parser!(u32).range(1..=36_500))]
    pub days: u32,
    /// Decisions to list
    #[arg(long, value_name = "N", default_value = "12")]
    pub limit: usize,
    /// How to write it
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: TextFormat,
}

/// Arguments of `alula thresholds schema`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  alula thresholds schema condor.alula > condor.thresholds.schema.json\n\n\
                  A first line `# yaml-language-server: $schema=condor.thresholds.schema.json` makes editors use it."
)]
pub struct SchemaArgs {
    /// Strategy file
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
}

/// Arguments of `alula thresholds check`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  alula thresholds check condor.alula tighter.yaml\n\n\
                  Besides what the strategy declares, a running engine wants the end marker `...` as the last line, and no value \
                  moved by more\nthan half at once unless the file acknowledges the version in force (`ack: …`). Leaves with 1 when it \
                  would be refused."
)]
pub struct CheckFileArgs {
    /// Strategy file
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// Thresholds file; the one that a running engine watches when left out
    #[arg(value_name = "YAML", value_hint = ValueHint::FilePath)]
    pub new: Option<PathBuf>,
    /// File that the running engine watches, instead of the one beside the strategy
    #[arg(long, value_name = "YAML", value_hint = ValueHint::FilePath)]
    pub to: Option<PathBuf>,
    /// Largest change of a value in one swap, in percent of it
    #[arg(long, value_name = "PERCENT", default_value = "50", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub max_step: u32,
    /// How to write it
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: TextFormat,
}

/// Arguments of `alula thresholds push`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  alula thresholds push condor.alula tighter.yaml --preview --data store --days 30\n  \
                  alula thresholds push condor.alula tighter.yaml\n  \
                  alula thresholds push condor.alula much_tighter.yaml --ack\n\n\
                  The file that a running engine watches is replaced in one step, after the same checks. With --ack the file \
                  says which version\nit was chosen against: a large step is then taken, unless somebody changed the values in between."
)]
pub struct PushArgs {
    /// Strategy file
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// Thresholds file with the new values
    #[arg(value_name = "YAML", value_hint = ValueHint::FilePath)]
    pub new: PathBuf,
    /// File that the running engine watches, instead of the one beside the strategy
    #[arg(long, value_name = "YAML", value_hint = ValueHint::FilePath)]
    pub to: Option<PathBuf>,
    /// Acknowledge the version in force: steps may be large
    #[arg(long)]
    pub ack: bool,
    /// Largest change of a value in one swap, in percent of it
    #[arg(long, value_name = "PERCENT", default_value = "50", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub max_step: u32,
    /// Push nothing: replay recent sessions and list the decisions that would differ
    #[arg(long)]
    pub preview: bool,
    /// With --preview: state folder of the strategy that runs, for its own account and values
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, requires = "preview")]
    pub state: Option<PathBuf>,
    /// With --preview: store to replay; none for the simulated market
    #[arg(long, value_name = "STORE", value_hint = ValueHint::DirPath)]
    pub data: Option<PathBuf>,
    /// With --preview: calendar days to replay, back from the end of the data
    #[arg(long, value_name = "DAYS", default_value = "90", value_parser = clap::value_parser!(u32).range(1..=36_500))]
    pub days: u32,
}

/// Arguments of `alula thresholds history`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  alula thresholds history runs/condor-1f2e3d4c5b6a\n  \
                  alula thresholds history state/condor"
)]
pub struct HistoryArgs {
    /// Run folder, journal, or the state folder of a strategy
    #[arg(value_name = "RUN|STATE", value_hint = ValueHint::AnyPath)]
    pub what: PathBuf,
    /// How to write it
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: TextFormat,
}

/// Arguments of `alula thresholds rollback`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  alula thresholds rollback condor.alula 2 --from runs/condor-1f2e3d4c5b6a\n\n\
                  The old values become a new version, on the same way as any push."
)]
pub struct RollbackArgs {
    /// Strategy file
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// Version, as `alula thresholds history` numbers it
    #[arg(value_name = "VERSION")]
    pub version: u64,
    /// Run folder, journal, or state folder that knows the version
    #[arg(long, value_name = "RUN|STATE", value_hint = ValueHint::AnyPath)]
    pub from: PathBuf,
    /// File that the running engine watches, instead of the one beside the strategy
    #[arg(long, value_name = "YAML", value_hint = ValueHint::FilePath)]
    pub to: Option<PathBuf>,
}
