//! The one binary, `alula`: the composition root, and the only room that knows everybody.
//!
//! A command reads its arguments, asks the rooms, and writes what they say: data to standard output, everything else to
//! standard error. Absent on purpose: decisions of its own. One file per subcommand in [`command`].

pub mod args;
pub mod at;
pub mod broker;
pub mod command;
pub mod exit;
pub mod explain;
pub mod files;
#[cfg(unix)]
mod isolated;
pub mod loader;
pub mod output;
pub mod overlays;
pub mod plugins;
#[cfg(unix)]
mod process;
pub mod progress;
pub mod project;
mod quarantine;
pub mod run_folder;
mod strategy;
mod voice;

use args::{Cli, Command};
use clap::Parser as _;
use exit::{Exit, Failure};
use output::Output;
use std::process::ExitCode;

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    // However this function is left, the program means it.
    let _meant = alula_plugin_loader::ending::program();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version go to standard output and are no failure; clap knows.
            let _ = error.print();
            return if error.use_stderr() {
                ExitCode::from(Exit::Usage as u8)
            } else {
                ExitCode::SUCCESS
            };
        }
    };
    let mut out = Output::standard(cli.global.color, cli.global.quiet, cli.global.verbose);
    let result = run(&cli.command, &mut out).and_then(|exit| out.flush().map(|()| exit));
    let code = match result {
        Ok(exit) => ExitCode::from(exit as u8),
        Err(failure) if failure.closed => ExitCode::SUCCESS,
        Err(failure) => {
            // What was written before the failure still counts.
            let _ = out.flush();
            out.error(&failure);
            ExitCode::from(failure.exit as u8)
        }
    };
    out.end();
    code
}

/// Runs one command.
///
/// # Errors
/// When it could not do its job; findings are not an error but [`Exit::Findings`].
pub fn run(command: &Command, out: &mut Output) -> Result<Exit, Failure> {
    match command {
        Command::Check(args) => command::check::run(args, out),
        Command::Fmt(args) => command::fmt::run(args, out),
        Command::Explain(args) => command::explain::run(args, out),
        Command::Graph(args) => command::graph::run(args, out),
        Command::Import(args) => command::import::run(args, out),
        Command::Store(args) => command::store::run(args, out),
        Command::Simulate(args) => command::simulate::run(args, out),
        Command::Vix(args) => command::vix::run(args, out),
        Command::Surface(args) => command::surface::run(args, out),
        Command::Compare(args) => command::compare::run(args, out),
        Command::Scenario(args) => command::scenario::run(args, out),
        Command::Fees(args) => command::fees::run(args, out),
        Command::Backtest(args) => command::backtest::run(args, out),
        Command::Sweep(args) => command::sweep::run(args, out),
        Command::Run(args) => command::run::run(args, out),
        Command::Ctl(args) => command::ctl::run(args, out),
        Command::Halt(args) => command::ctl::halt(args, out),
        Command::Replay(args) => command::replay::run(args, out),
        Command::Journal(args) => command::journal::run(args, out),
        Command::Verify(args) => command::verify::run(args, out),
        Command::Why(args) => command::why::run(args, out),
        Command::Test(args) => command::test::run(args, out),
        Command::Mutate(args) => command::mutate::run(args, out),
        Command::Rules(args) => command::rules::run(args, out),
        Command::Thresholds(args) => command::thresholds::run(args, out),
        Command::Contracts(args) => command::contracts::run(args, out),
        Command::Calendar(args) => command::calendar::run(args, out),
        Command::Plugin(args) => command::plugin::run(args, out),
        #[cfg(unix)]
        Command::BrokerHost(args) => broker::host::run(args, out),
        #[cfg(not(unix))]
        Command::BrokerHost(_) => Err(Failure::usage("this system has no unix sockets")),
        #[cfg(unix)]
        Command::PluginHost(args) => isolated::host::run(args, out),
        #[cfg(not(unix))]
        Command::PluginHost(_) => Err(Failure::usage("this system has no unix sockets")),
        Command::New(args) => command::new::run(args, out),
        Command::Completions(args) => command::completions::run(args, out),
        Command::Man(args) => command::man::run(args, out),
    }
}
