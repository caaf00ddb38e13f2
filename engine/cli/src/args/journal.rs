//! Arguments of `alula journal`.

use super::TextFormat;
use clap::{Args, Subcommand, ValueHint};
use std::path::PathBuf;

/// Arguments of `alula journal`.
#[derive(Debug, Args)]
#[command(
    after_help = "A journal is the file `RUN.redb` in a run's state folder: what came in, what was decided, what was sent, what came back.\n\
                  Looking at one changes no byte of it. In the place of FILE a state folder is its newest journal.\n\nExamples:\n  \
                  alula journal verify state/condor\n  alula journal show state/condor --kind order-intent,broker --last 20\n  \
                  alula journal export state/condor -o run.parquet"
)]
pub struct JournalArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: JournalCommand,
}

/// The commands of `alula journal`.
#[derive(Debug, Subcommand)]
pub enum JournalCommand {
    /// Walk along the chain: is anything missing, changed, torn
    Verify(JournalVerifyArgs),
    /// Show entries, a line each
    Show(JournalShowArgs),
    /// Write entries as JSON lines or Parquet
    Export(JournalExportArgs),
}

/// Arguments of `alula journal verify`.
#[derive(Debug, Args)]
#[command(
    after_help = "Each entry must have its number, the hash of the one before, a hash that fits its bytes, and a watermark that can be; the last\n\
                  one must be the last that was committed. Of a folder with --all, each journal must also go on from its parent's last hash.\n\
                  Leaves with 1 at the first break."
)]
pub struct JournalVerifyArgs {
    /// Journal, or a state folder
    #[arg(value_name = "FILE", value_hint = ValueHint::AnyPath)]
    pub file: PathBuf,
    /// Every journal of the folder, and the links between them
    #[arg(long)]
    pub all: bool,
    /// How to write the result
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: TextFormat,
}

/// Which entries.
#[derive(Debug, Args)]
pub struct EntryArgs {
    /// First entry, by its number
    #[arg(long, value_name = "SEQ")]
    pub from: Option<u64>,
    /// Last entry, included
    #[arg(long, value_name = "SEQ")]
    pub to: Option<u64>,
    /// Only these kinds: order-intent,broker,...
    #[arg(long, value_name = "KIND", value_delimiter = ',')]
    pub kind: Vec<String>,
    /// Only entries that name this order
    #[arg(long, value_name = "ID")]
    pub order: Option<String>,
}

/// Arguments of `alula journal show`.
#[derive(Debug, Args)]
pub struct JournalShowArgs {
    /// Journal, or a state folder
    #[arg(value_name = "FILE", value_hint = ValueHint::AnyPath)]
    pub file: PathBuf,
    /// Which entries.
    #[command(flatten)]
    pub entries: EntryArgs,
    /// Only the last so many of them
    #[arg(long, value_name = "N")]
    pub last: Option<usize>,
    /// Lines for people, or one JSON object for each entry
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: TextFormat,
}

/// How entries are exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum ExportFormat {
    /// One JSON object for each entry.
    Jsonl,
    /// One table; what an entry says is a column of JSON.
    Parquet,
}

/// Arguments of `alula journal export`.
#[derive(Debug, Args)]
pub struct JournalExportArgs {
    /// Journal, or a state folder
    #[arg(value_name = "FILE", value_hint = ValueHint::AnyPath)]
    pub file: PathBuf,
    /// Which entries.
    #[command(flatten)]
    pub entries: EntryArgs,
    /// Form; by the ending of --output (.jsonl, .parquet) when left out, else JSON lines
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<ExportFormat>,
    /// Write to this file instead of standard output
    #[arg(short, long, value_name = "PATH", value_hint = ValueHint::FilePath)]
    pub output: Option<PathBuf>,
}
