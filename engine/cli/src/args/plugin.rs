//! Arguments of `alula plugin`.

use super::TextFormat;
use clap::{Args, Subcommand, ValueHint};
use std::path::PathBuf;

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
    /// Put another build of a plugin into a run under way, once it is checked, trusted and gives the same values
    Upgrade(PluginUpgradeArgs),
}

/// Arguments of `alula plugin upgrade`.
#[derive(Debug, Args)]
#[command(
    after_help = "The library must be trusted already (`alula plugin trust FILE --id ID`). Every check runs on it in processes of its own; \
then the run computes everything it has seen once more with it, beside the build in force, and compares each value that the plugin \
gave. It takes over between two ticks, and the journal says so before it does.\n\nExample:\n  alula plugin upgrade state/condor volatility target/release/libalula_volatility.so"
)]
pub struct PluginUpgradeArgs {
    /// State folder of the strategy that runs
    #[arg(value_hint = ValueHint::DirPath)]
    pub state: PathBuf,
    /// Name of the plugin
    #[arg(value_name = "ID")]
    pub id: String,
    /// The new library
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// Known values on which both builds must agree, at least
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub bars: u64,
    /// Take it although it gives other values than the build in force
    #[arg(long)]
    pub accept_divergence: bool,
    /// Why, for the record
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub why: String,
    /// Seconds that a check may take
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub deadline: u64,
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
    /// A setting of a broker, for its checks; each account is made anew, below `folder` where that is given
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = setting)]
    pub settings: Vec<(String, String)>,
}

/// `NAME=VALUE` as its two parts.
///
/// # Errors
/// When there is no `=` or no name before it.
pub fn setting(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write NAME=VALUE".to_owned()),
    }
}

/// Arguments of one check.
#[derive(Debug, Args)]
pub struct PluginRunCheckArgs {
    /// Plugin
    pub plugin: String,
    /// Indicator, or `broker:` and a broker
    pub indicator: String,
    /// Check
    pub case: String,
    /// A setting of a broker
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = setting)]
    pub settings: Vec<(String, String)>,
}

/// Arguments of a broker's process.
#[derive(Debug, Args)]
pub struct BrokerHostArgs {
    /// Lock file
    pub lock: PathBuf,
    /// Plugin
    pub plugin: String,
    /// Hash of its library
    pub sha256: String,
    /// Broker
    pub broker: String,
    /// Private folder of opened libraries
    #[arg(long)]
    pub cache: PathBuf,
    /// Real money is allowed
    #[arg(long)]
    pub live: bool,
}

/// Arguments of the process of an indicator's instance.
#[derive(Debug, Args)]
pub struct PluginHostArgs {
    /// Plugin
    pub plugin: String,
    /// Hash of its library
    pub sha256: String,
    /// Private folder of opened libraries
    #[arg(long)]
    pub cache: PathBuf,
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
    /// Public key of minisign that must have signed it, in FILE.minisig; once given, later builds need it too; `none` ends that
    #[arg(long, value_name = "KEY")]
    pub publisher: Option<String>,
    /// Let its brokers trade real money, once a run is armed for it too
    #[arg(long)]
    pub allow_live: bool,
    /// Run each instance of its indicators in a process of its own: one that crashes or hangs takes nothing with it; once said, later
    /// builds keep it
    #[arg(long, conflicts_with = "in_process")]
    pub isolate: bool,
    /// Run its indicators inside the engine again
    #[arg(long)]
    pub in_process: bool,
    /// Seconds that a call of its indicators may take (20 if never said)
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=alula_plugin_loader::DEADLINE_SECONDS_MAX))]
    pub deadline: Option<u64>,
    /// What a run does when one of its indicators dies: its values are missing from then on, or the run ends
    #[arg(long, value_name = "WHAT")]
    pub on_failure: Option<OnFailure>,
}

/// What a run does when an indicator dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum OnFailure {
    /// It goes on; what the indicator would give is missing.
    GoOn,
    /// It ends.
    Stop,
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
