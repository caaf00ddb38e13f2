//! Arguments of `alula rules`.

use super::{PositionsArg, TextFormat};
use clap::{Args, Subcommand, ValueHint};
use std::path::PathBuf;

/// Arguments of `alula rules`.
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub struct RulesArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: RulesCommand,
}

/// What can be done with a strategy that is to take the place of another.
#[derive(Debug, Subcommand)]
pub enum RulesCommand {
    /// Show what goes on, what begins and what ends when one strategy takes the place of another
    Diff(DiffArgs),
    /// Replay recent sessions with the old strategy and with the new one, and list the decisions that differ
    Preview(PreviewArgs),
}

/// Arguments of `alula rules diff`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  alula rules diff condor.alula calmer.alula\n\n\
                  What ends has to be confirmed in a run under way (`alula ctl confirm`). Leaves with 1 when they differ.")]
pub struct DiffArgs {
    /// Strategy that runs
    #[arg(value_name = "OLD", value_hint = ValueHint::FilePath)]
    pub old: PathBuf,
    /// Strategy that is to take its place
    #[arg(value_name = "NEW", value_hint = ValueHint::FilePath)]
    pub new: PathBuf,
    /// How to write it
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: TextFormat,
}

/// Arguments of `alula rules preview`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  alula rules preview condor.alula calmer.alula\n  \
                  alula rules preview condor.alula calmer.alula --data store --days 30 --positions keep\n  \
                  alula rules preview condor.alula calmer.alula --state state/condor\n\n\
                  Both runs trade the old strategy for --lead days, so that the new one takes over a book with positions, as it would in a \
                  run\nunder way. Thresholds come from the file beside each strategy. Leaves with 1 when a decision differs.")]
pub struct PreviewArgs {
    /// Strategy that runs
    #[arg(value_name = "OLD", value_hint = ValueHint::FilePath)]
    pub old: PathBuf,
    /// Strategy that is to take its place
    #[arg(value_name = "NEW", value_hint = ValueHint::FilePath)]
    pub new: PathBuf,
    /// State folder of the strategy that runs: its own account and its own changes, from its journal, instead of an account that
    /// begins with the old strategy. Where a broker fills its orders, the newest tick alone is decided anew
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub state: Option<PathBuf>,
    /// Store to replay; none for the simulated market
    #[arg(long, value_name = "STORE", value_hint = ValueHint::DirPath)]
    pub data: Option<PathBuf>,
    /// Calendar days to replay with both, back from the end of the data
    #[arg(long, value_name = "DAYS", default_value = "90", value_parser = clap::value_parser!(u32).range(1..=36_500))]
    pub days: u32,
    /// Calendar days before them, traded by the old strategy alone
    #[arg(long, value_name = "DAYS", default_value = "60", value_parser = clap::value_parser!(u32).range(0..=36_500))]
    pub lead: u32,
    /// Open positions of structures that the new strategy does not have: keep them with their old exits, or close them
    #[arg(long, value_name = "HOW")]
    pub positions: Option<PositionsArg>,
    /// What entries do that the change alone makes true
    #[arg(long, value_name = "WHAT", default_value = "wait")]
    pub on_swap: super::OnSwapArg,
    /// Decisions to list
    #[arg(long, value_name = "N", default_value = "12")]
    pub limit: usize,
    /// How to write it
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: TextFormat,
}
