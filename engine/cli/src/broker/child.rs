//! A broker in a process of its own: one that crashes, hangs or leaves is dead, and the engine is not.

use super::line::Line;
use super::protocol::{Answer, Call, Failed, receive, send};
use alula_plugin_abi::broker::{Contract, Event, FinalValue, Order, Quote, WhatIf, Word};
use alula_plugin_abi::host::{Fault, FaultKind, Submitted};
use std::io::{Error, ErrorKind, Read};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Time that a process has to end by itself.
const LEAVE: Duration = Duration::from_secs(2);
/// How often it is looked at meanwhile.
const LOOK: Duration = Duration::from_millis(2);

/// Which broker the process is for.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    pub lock: &'a Path,
    pub plugin: &'a str,
    /// Of the library that was looked at: the process must find the same.
    pub sha256: &'a str,
    pub broker: &'a str,
    pub live: bool,
    /// Private folder of opened libraries.
    pub cache: &'a Path,
}

/// The process and the line to it.
#[derive(Debug)]
pub struct Child {
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

impl Child {
    /// Starts the process and has it make the broker.
    ///
    /// # Errors
    /// When it cannot be started, or the broker refuses its settings.
    pub fn start(
        target: &Target<'_>,
        settings: &[(String, String)],
        deadline: Duration,
    ) -> Result<Self, String> {
        let (ours, theirs) = UnixStream::pair().map_err(|e| format!("no pair of sockets: {e}"))?;
        let program = program().map_err(|e| format!("its process cannot be started: {e}"))?;
        let mut command = Command::new(program);
        command
            .arg("broker-host")
            .arg(target.lock)
            .args([target.plugin, target.sha256, target.broker])
            .arg("--cache")
            .arg(target.cache);
        if target.live {
            command.arg("--live");
        }
        let process = command
            // Ctrl-C in a terminal goes to a whole group: the engine ends in its own time, and the broker after it.
            .process_group(0)
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .spawn()
            .map_err(|e| format!("its process cannot be started: {e}"))?;
        // The command holds the other end open, and would hide that the process has gone.
        drop(command);
        let mut child = Self {
            process,
            stream: ours,
            deadline,
            dead: None,
        };
        let open = Call::Open {
            settings: settings.to_vec(),
        };
        match child.ask(&open, Duration::ZERO) {
            Ok(Answer::Done) => Ok(child),
            Ok(Answer::Failed(failed)) => Err(failed.fault.text),
            Ok(_) => Err("its process gives answers to other questions".to_owned()),
            Err(fault) => Err(fault.text),
        }
    }

    /// Asks and waits for the answer; without one in time the process is ended.
    fn ask(&mut self, call: &Call, wait: Duration) -> Result<Answer, Fault> {
        if let Some(fault) = &self.dead {
            return Err(fault.clone());
        }
        let time = self.deadline.saturating_add(wait);
        let answer = self
            .stream
            .set_write_timeout(Some(self.deadline))
            .and_then(|()| send(&mut &self.stream, call))
            .and_then(|()| {
                receive::<Answer>(&mut Until {
                    stream: &self.stream,
                    end: Instant::now() + time,
                })
            });
        let error = match answer {
            Ok(answer) => {
                if let Answer::Failed(f)
                | Answer::NotSent(f)
                | Answer::Unknown(f)
                | Answer::Events(_, Some(f)) = &answer
                    && f.dead
                {
                    self.dead = Some(f.fault.clone());
                }
                return Ok(answer);
            }
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

    fn plain(&mut self, call: &Call) -> Result<(), Fault> {
        match self.ask(call, Duration::ZERO)? {
            Answer::Done => Ok(()),
            Answer::Failed(failed) => Err(failed.fault),
            _ => Err(self.lost()),
        }
    }

    /// An answer to another question: the line is out of step, and nothing on it can be believed.
    fn lost(&mut self) -> Fault {
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
fn program() -> Result<std::path::PathBuf, Error> {
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

impl Line for Child {
    fn dead(&self) -> Option<&Fault> {
        self.dead.as_ref()
    }

    fn connect(&mut self) -> Result<(), Fault> {
        self.plain(&Call::Connect)
    }

    fn disconnect(&mut self) -> Result<(), Fault> {
        self.plain(&Call::Disconnect)
    }

    fn poll(&mut self, wait: Duration, events: &mut Vec<Event>) -> Result<(), Fault> {
        let wait_ns = i64::try_from(wait.as_nanos()).unwrap_or(i64::MAX);
        match self.ask(&Call::Poll { wait_ns }, wait)? {
            Answer::Events(heard, failed) => {
                events.extend(heard);
                failed.map_or(Ok(()), |f: Failed| Err(f.fault))
            }
            _ => Err(self.lost()),
        }
    }

    fn submit(&mut self, order: &Order) -> Submitted {
        if let Some(fault) = &self.dead {
            return Submitted::NotSent(fault.clone());
        }
        match self.ask(&Call::Submit(order.clone()), Duration::ZERO) {
            Ok(Answer::Sent) => Submitted::Sent,
            Ok(Answer::NotSent(failed)) => Submitted::NotSent(failed.fault),
            Ok(Answer::Unknown(failed)) => Submitted::Unknown(failed.fault),
            Ok(_) => Submitted::Unknown(self.lost()),
            // Whatever broke, the order may have left before it did.
            Err(fault) => Submitted::Unknown(fault),
        }
    }

    fn cancel(&mut self, order: &str) -> Result<(), Fault> {
        self.plain(&Call::Cancel(order.to_owned()))
    }

    fn request_snapshot(&mut self, request: u64, since_ns: i64) -> Result<(), Fault> {
        self.plain(&Call::Snapshot { request, since_ns })
    }

    fn what_if(&mut self, order: &Order) -> Result<WhatIf, Fault> {
        match self.ask(&Call::WhatIf(order.clone()), Duration::ZERO)? {
            Answer::WhatIf(answer) => Ok(answer),
            Answer::Failed(failed) => Err(failed.fault),
            _ => Err(self.lost()),
        }
    }

    fn watch(&mut self, contracts: &[Contract]) -> Result<(), Fault> {
        self.plain(&Call::Watch(contracts.to_vec()))
    }

    fn list(&mut self, request: u64, underlying: &Word) -> Result<(), Fault> {
        let underlying = *underlying;
        self.plain(&Call::List { request, underlying })
    }

    fn quotes(&mut self, at_ns: i64, quotes: &[Quote]) -> Result<(), Fault> {
        let rows = quotes.to_vec();
        self.plain(&Call::Quotes { at_ns, rows })
    }

    fn final_values(&mut self, at_ns: i64, values: &[FinalValue]) -> Result<(), Fault> {
        let rows = values.to_vec();
        self.plain(&Call::FinalValues { at_ns, rows })
    }
}

impl Drop for Child {
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
