//! Runs the binary in a folder of its own.

use std::ffi::OsStr;
use std::fmt;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A strategy that checks without findings.
pub const CONDOR: &str = r"alula 1

/// Sells a 45-day condor, takes half the credit.
strategy condor {
    capital  $100_000
    evaluate every 1 session in SPX.regular
    cross    60% of spread
}

threshold vix_ceiling = 35 vol in 15..80 vol  /// no new condor at or above this VIX

structure core = iron condor on SPX {
    expiry     nearest 45 dte in 35..55 dte
    short put  at 16 delta
    long put   about 50 pts below short put
    short call at 16 delta
    long call  about 50 pts above short call
}

policy income on core {
    open when VIX.last < vix_ceiling
         size 1 lot
         up to 2 positions

    close take_profit when profit >= 50% of credit
}
";

/// A folder with files, gone when the test is over.
pub struct Folder(tempfile::TempDir);

impl Folder {
    pub fn new(files: &[(&str, &str)]) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        for (name, text) in files {
            folder.write(name, text);
        }
        folder
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        let path = self.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.join(name)).unwrap()
    }

    /// Runs `alula` here with these arguments.
    pub fn alula<S: AsRef<OsStr>>(&self, args: &[S]) -> Outcome {
        self.alula_with(args, "", &[])
    }

    /// The same with standard input and variables of the environment.
    pub fn alula_with<S: AsRef<OsStr>>(&self, args: &[S], stdin: &str, env: &[(&str, &str)]) -> Outcome {
        let mut child = command()
            .args(args)
            .current_dir(self.path())
            .envs(env.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // The child may end without reading it.
        let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
        let output = child.wait_with_output().unwrap();
        Outcome {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// The binary, deaf to the environment of whoever runs the tests.
pub fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_alula"));
    for name in [
        "NO_COLOR",
        "CLICOLOR",
        "CLICOLOR_FORCE",
        "CI",
        "COLUMNS",
        "RUST_BACKTRACE",
    ] {
        command.env_remove(name);
    }
    command
}

/// How the command left and what it said.
pub struct Outcome {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "exit: {}\n--- stdout\n{}--- stderr\n{}",
            self.code, self.stdout, self.stderr
        )
    }
}
