//! The tour of the rule tests: a threshold changes, the decisions that change with it, the reason, and the change accepted.
//!
//! `cargo build --release && cargo run --release -p alula-examples --example tour`
//!
//! Every step is a command that a person would type, printed before the real binary runs it. The binary is the one beside this
//! program, else the first argument: `--example tour -- path/to/alula`. The folder is temporary and gone at the end.

use std::error::Error;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

fn main() -> Result<(), Box<dyn Error>> {
    let tour = Tour::new()?;
    tour.say("A strategy with its thresholds and rule tests, in a folder of its own.")?;
    tour.alula(".", &["new", "calm"], 0)?;
    tour.say("Keep the explanation of each case from now on, and accept those of today.")?;
    tour.edit(
        "calm.test.yaml",
        "strategy: calm\n",
        "strategy: calm\nsnapshots: true\n",
    )?;
    tour.alula("calm", &["test", "--accept"], 0)?;

    tour.say("Change one threshold.")?;
    tour.edit(
        "calm.thresholds.yaml",
        "vix_ceiling: 35 vol",
        "vix_ceiling: 29 vol",
    )?;

    tour.say(
        "Which decisions does that change? Below the snapshot: when, before, now, and the part that turned.",
    )?;
    tour.alula("calm", &["test", "--filter", "half"], 1)?;

    tour.say("Why did the rule not act? Asked of the case as of a run.")?;
    let at = ["--case", "half", "--at", "2024-01-16", "income.open"];
    tour.alula("calm", &[&["why", "calm.test.yaml"], at.as_slice()].concat(), 0)?;

    tour.say("It was meant: 30 is too much now. The case is about the exit, so it gets an entry below the new ceiling.")?;
    tour.edit("calm.test.yaml", "VIX: 30x2 12", "VIX: 28x2 12")?;
    tour.edit("calm.test.yaml", "sold at 30 vol", "sold at 28 vol")?;

    tour.say("What was expected is decided again; only the snapshot differs.")?;
    tour.alula("calm", &["test", "--filter", "half"], 1)?;

    tour.say("Accept it, and everything passes.")?;
    tour.alula("calm", &["test", "--accept"], 0)?;
    tour.alula("calm", &["test"], 0)
}

/// The folder of the tour, and the binary that it shows.
struct Tour {
    folder: PathBuf,
    binary: PathBuf,
}

impl Tour {
    fn new() -> Result<Self, Box<dyn Error>> {
        let binary = match std::env::args_os().nth(1) {
            // Commands run in another folder.
            Some(named) => std::path::absolute(named)?,
            None => beside()?,
        };
        if !binary.is_file() {
            let message = format!(
                "there is no `{}`: build it first, with the same profile, or name it: `-- path/to/alula`",
                binary.display()
            );
            return Err(message.into());
        }
        // What is there already belongs to somebody else.
        let folder = std::env::temp_dir().join(format!("alula-tour-{}", std::process::id()));
        fs::create_dir(&folder)?;
        Ok(Self { folder, binary })
    }

    fn say(&self, what: &str) -> io::Result<()> {
        writeln!(io::stdout(), "\n# {what}")
    }

    /// Replaces `from` by `to` in a file of the strategy, once.
    fn edit(&self, file: &str, from: &str, to: &str) -> Result<(), Box<dyn Error>> {
        let path = self.folder.join("calm").join(file);
        let text = fs::read_to_string(&path)?;
        if !text.contains(from) {
            return Err(format!("`{file}` does not say `{}`", from.trim()).into());
        }
        fs::write(&path, text.replacen(from, to, 1))?;
        let shown = |text: &str| text.trim().replace('\n', " ⏎ ");
        writeln!(io::stdout(), "$ edit {file}: {}  →  {}", shown(from), shown(to))?;
        Ok(())
    }

    /// Runs the binary in a folder below that of the tour; `code` is what it must leave with.
    fn alula(&self, folder: &str, args: &[&str], code: i32) -> Result<(), Box<dyn Error>> {
        writeln!(io::stdout(), "$ alula {}", args.join(" "))?;
        let run = Command::new(&self.binary)
            .args(args)
            .current_dir(self.folder.join(Path::new(folder)))
            // With it set, snapshots are not written.
            .env_remove("CI")
            .output()?;
        io::stdout().write_all(&run.stdout)?;
        io::stdout().write_all(&run.stderr)?;
        if run.status.code() == Some(code) {
            return Ok(());
        }
        Err(format!("`alula {}` left with {}, not {code}", args.join(" "), run.status).into())
    }
}

impl Drop for Tour {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// The binary of the profile that this program was built with: its own folder is `examples` beside it.
fn beside() -> Result<PathBuf, Box<dyn Error>> {
    let own = std::env::current_exe()?;
    let profile = own
        .parent()
        .and_then(Path::parent)
        .ok_or("no folder above this program")?;
    Ok(profile.join(format!("alula{}", std::env::consts::EXE_SUFFIX)))
}
