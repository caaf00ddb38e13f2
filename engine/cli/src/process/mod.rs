//! This program started once more, to hold what must not take the engine with it: a broker, or an instance of an indicator. One
//! piece of code for both: the line, the deadline, and the end.

mod frame;
mod served;

pub use frame::{Failed, receive, same_version, send};
pub use served::{Served, serve};

use alula_plugin_abi::broker::wire::Wire;
use alula_plugin_abi::host::{Fault, FaultKind};
use std::io::{Error, ErrorKind, Read};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Time that a process has to end by itself.
const LEAVE: Duration = Duration::from_secs(2);
/// How often it is looked at meanwhile.
const LOOK: Duration = Duration::from_millis(2);

/// A process and the line to it.
#[derive(Debug)]
pub struct Process {
    process: std::process::Child,
    stream: UnixStream,
    deadline: Duration,
    dead: Option<Fault>,
}

/// Reads until an instant and no longer: each read of the stream could otherwise take the whole time again.
struct Until<'a> {
    stream: &'a UnixStream,
    end: Instant,
}

impl Read for Until<'_> {
    fn read(&mut self, into: &mut [u8]) -> Result<usize, Error> {
        let left = self.end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        self.stream.set_read_timeout(Some(left))?;
        (&mut &*self.stream).read(into)
    }
}

impl Process {
    /// Starts this program with these arguments; its standard input is the other end of the line.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(arguments: impl FnOnce(&mut Command), deadline: Duration) -> Result<Self, String> {
        let (ours, theirs) = UnixStream::pair().map_err(|e| format!("no pair of sockets: {e}"))?;
        let not_started = |e| format!("its process cannot be started: {e}");
        let mut command = Command::new(program().map_err(not_started)?);
        arguments(&mut command);
        let process = command
            // Ctrl-C in a terminal goes to a whole group: the engine ends in its own time, and this one after it.
            .process_group(0)
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .spawn()
            .map_err(not_started)?;
        // The command holds the other end open, and would hide that the process has gone.
        drop(command);
        Ok(Self {
            process,
            stream: ours,
            deadline,
            dead: None,
        })
    }

    /// Why no call will be answered any more.
    pub const fn dead(&self) -> Option<&Fault> {
        self.dead.as_ref()
    }

    /// No call is answered any more.
    pub fn die(&mut self, fault: Fault) {
        self.dead.get_or_insert(fault);
    }

    /// Asks and waits for the answer, `wait` longer than the deadline; without one in time the process is ended.
    ///
    /// # Errors
    /// Why there is none; there will be none any more.
    pub fn ask<C: Wire, A: Wire>(&mut self, call: &C, wait: Duration) -> Result<A, Fault> {
        if let Some(fault) = &self.dead {
            return Err(fault.clone());
        }
        let time = self.deadline.saturating_add(wait);
        let answer = self
            .stream
            .set_write_timeout(Some(self.deadline))
            .and_then(|()| send(&mut &self.stream, call))
            .and_then(|()| {
                receive::<A>(&mut Until {
                    stream: &self.stream,
                    end: Instant::now() + time,
                })
            });
        let error = match answer {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        let text = match error.kind() {
            ErrorKind::TimedOut | ErrorKind::WouldBlock => {
                self.end();
                format!(
                    "its process did not answer within {} seconds and was ended",
                    time.as_secs_f64()
                )
            }
            ErrorKind::InvalidData => {
                self.end();
                format!("its process does not speak the protocol ({error}) and was ended")
            }
            _ => match self.left() {
                Some(status) => format!("its process is gone ({status})"),
                None => "its process closed the line and was ended".to_owned(),
            },
        };
        let fault = Fault::new(FaultKind::Failed, text);
        self.dead = Some(fault.clone());
        Err(fault)
    }

    /// How the process ended, if it does so by itself.
    fn left(&mut self) -> Option<ExitStatus> {
        let end = Instant::now() + LEAVE;
        while Instant::now() < end {
            if let Ok(Some(status)) = self.process.try_wait() {
                return Some(status);
            }
            std::thread::sleep(LOOK);
        }
        self.end();
        None
    }

    fn end(&mut self) {
        // It may have ended meanwhile; either way it is waited for.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    /// An answer to another question: the line is out of step, and nothing on it can be believed.
    pub fn lost(&mut self) -> Fault {
        self.end();
        let fault = Fault::new(
            FaultKind::Contract,
            "its process gave an answer to another question and was ended",
        );
        self.dead = Some(fault.clone());
        fault
    }
}

/// This program; in tests of this crate the one that was built with them.
fn program() -> Result<PathBuf, Error> {
    let own = std::env::current_exe()?;
    if own.file_stem().is_some_and(|name| name == "alula") {
        return Ok(own);
    }
    // A test or an embedding program: `alula` stands beside it, or one folder above.
    let beside = own.ancestors().skip(1).take(2).map(|folder| folder.join("alula"));
    beside
        .into_iter()
        .find(|path| path.is_file())
        .ok_or_else(|| Error::new(ErrorKind::NotFound, "there is no `alula` beside this program"))
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.dead.is_none() {
            // The end of the line tells it to go; it may have something to write down first.
            let _ = self.stream.shutdown(std::net::Shutdown::Both);
            let _ = self.left();
        } else {
            self.end();
        }
    }
}
