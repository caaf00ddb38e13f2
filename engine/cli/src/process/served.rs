//! The other end: a process that answers calls on its standard input, which is a socket, until the other end is gone; then it goes
//! too, whatever its plugin is doing.

use super::frame::{receive, send};
use crate::exit::{Exit, Failure, reason};
use crate::output::Output;
use alula_plugin_abi::broker::wire::Wire;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// Messages up to this weight go to standard error: errors and warnings.
const SHOWN: u32 = 2;

/// What is served.
#[derive(Clone, Copy, Debug)]
pub struct Served<'a> {
    /// Name of the command.
    pub command: &'a str,
    /// How what it holds is called in its messages.
    pub what: &'a str,
    /// Time that it has once the other end is gone.
    pub grace: Duration,
}

/// Answers calls until the line ends.
///
/// # Errors
/// When standard input is no socket.
pub fn serve<C: Wire + Send + 'static, A: Wire>(
    served: Served<'_>,
    out: &mut Output,
    mut answer: impl FnMut(C) -> A,
) -> Result<Exit, Failure> {
    let no_socket = |e: std::io::Error| {
        Failure::usage(format!("standard input is no line to an engine: {}", reason(&e))).help(format!(
            "`alula {}` is started by the command that needs it",
            served.command
        ))
    };
    let fd = std::io::stdin().as_fd().try_clone_to_owned().map_err(no_socket)?;
    let stream = UnixStream::from(fd);
    stream.peer_addr().map_err(no_socket)?;
    let queue = calls::<C>(stream.try_clone().map_err(no_socket)?, served.grace).map_err(no_socket)?;
    for call in &queue {
        let answer = answer(call);
        for message in alula_plugin_loader::take_messages() {
            if message.level <= SHOWN {
                out.note(&format!("{}: {}", served.what, message.text));
            }
        }
        if send(&mut &stream, &answer).is_err() {
            break;
        }
    }
    Ok(Exit::Ok)
}

/// Calls as they come: a thread of its own for the line, so that its end is seen while the plugin hangs.
fn calls<C: Wire + Send + 'static>(
    mut line: UnixStream,
    grace: Duration,
) -> Result<Receiver<C>, std::io::Error> {
    let (calls, queue) = channel::<C>();
    std::thread::Builder::new()
        .name("line".to_owned())
        .spawn(move || {
            while let Ok(call) = receive::<C>(&mut line) {
                if calls.send(call).is_err() {
                    return;
                }
            }
            drop(calls);
            // The plugin may be in the middle of something short; then the process goes.
            std::thread::sleep(grace);
            std::process::exit(i32::from(Exit::Stopped as u8));
        })?;
    Ok(queue)
}
