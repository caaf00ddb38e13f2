//! `alula man`.

use crate::args::{Cli, ManArgs};
use crate::exit::{CODES_HELP, Exit, Failure};
use crate::files;
use crate::output::Output;
use clap::CommandFactory as _;

/// Prints the manual page, or writes one for each command.
///
/// # Errors
/// When it cannot be written.
pub fn run(args: &ManArgs, out: &mut Output) -> Result<Exit, Failure> {
    let mut root = Cli::command();
    root.build();
    let Some(dir) = &args.dir else {
        out.bytes(&page(&root)?)?;
        return Ok(Exit::Ok);
    };
    std::fs::create_dir_all(dir).map_err(|e| Failure::io("create", dir, &e))?;
    files::write_atomic(&dir.join("alula.1"), &page(&root)?)?;
    for command in root.get_subcommands().filter(|c| c.get_name() != "help") {
        let name = format!("alula-{}", command.get_name());
        files::write_atomic(&dir.join(format!("{name}.1")), &page(command)?)?;
    }
    out.note(&format!("wrote manual pages to {}", dir.display()));
    Ok(Exit::Ok)
}

fn page(command: &clap::Command) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let mut command = command.clone();
    if command.has_subcommands() {
        // The exit codes are a section of their own below.
        command = command.after_long_help("");
    }
    clap_mangen::Man::new(command).render(&mut bytes)?;
    let codes: String = CODES_HELP.lines().skip(1).fold(String::new(), |text, line| {
        let (code, words) = line.trim().split_once("  ").unwrap_or((line, ""));
        text + &format!(".TP\n.B {code}\n{}\n", words.trim().replace('-', "\\-"))
    });
    bytes.extend_from_slice(format!(".SH \"EXIT STATUS\"\n{codes}").as_bytes());
    Ok(bytes)
}
