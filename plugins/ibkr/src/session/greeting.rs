//! The way to a gateway's first word. A gateway that takes a connection and says nothing is waited for, and it is said so: a
//! window of it may wait for a click, or it may hang. Whoever does not want the connection any more need not wait with it.

use super::worker::Refusal;
use super::{Config, Shared};
use ibapi::Error;
use ibapi::client::blocking::{Client, ClientBuilder, NoticeStream};
use std::net::TcpStream;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// Between two looks at whether the connection is still wanted.
const LOOK: Duration = Duration::from_millis(50);
/// For a machine to take a second connection, where the first is silent.
const TAKES_WITHIN: Duration = Duration::from_secs(1);

/// Connects in a thread of its own: the library waits for half a minute and cannot be told to stop. A thread that is left to
/// its end holds nothing but its connection, and closes it.
pub(super) fn connect(
    shared: &Shared,
    builder: ClientBuilder,
    address: &str,
    said: &mut String,
) -> Result<(Client, NoticeStream), Refusal> {
    let again = |why: String| Refusal { why, for_good: false };
    let (sender, result) = channel();
    let attempt = std::thread::Builder::new()
        .name("ibkr-connect".to_owned())
        .spawn(move || {
            // Nobody may want it any more: then it is closed here.
            let _ = sender.send(builder.connect_with_notice_stream());
        });
    let attempt = attempt.map_err(|e| again(format!("no thread for the connection: {e}")))?;
    let began = Instant::now();
    let mut silent = None;
    loop {
        match result.recv_timeout(LOOK) {
            Ok(connected) => {
                // It has said its last word.
                let _ = attempt.join();
                return connected.map_err(|error| {
                    // What the library says of its own long wait is known already.
                    let known = silent.filter(|_| matches!(error, Error::Io(_)));
                    again(known.unwrap_or_else(|| words(&shared.config, error, address)))
                });
            }
            Err(RecvTimeoutError::Disconnected) => {
                return Err(again(format!(
                    "the attempt to connect to {address} ended without a word"
                )));
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
        if shared.stopped() || !shared.lock().wanted {
            return Err(again("not wanted any more".to_owned()));
        }
        if silent.is_none() && began.elapsed() >= shared.config.waits.greeting {
            let why = says_nothing(&shared.config, address);
            if *said != why {
                shared.say(crate::model::Event::Down { text: why.clone() });
                said.clone_from(&why);
            }
            silent = Some(why);
        }
    }
}

/// Why there is no connection.
fn words(config: &Config, error: Error, address: &str) -> String {
    match error {
        Error::Io(e) => {
            format!("no connection to {address}: {e}; is TWS or the gateway running, with its API port on?")
        }
        Error::ClientIdInUse { client_id } => format!(
            "client number {client_id} is in use at {address}: end the other program, or give this one a number of its own \
             (`client_id`)"
        ),
        Error::ServerVersion(need, has, _) => {
            format!(
                "TWS or the gateway at {address} is too old: it speaks {has}, {need} is needed; update it"
            )
        }
        Error::Shutdown | Error::ConnectionReset | Error::ConnectionFailed => format!(
            "the gateway at {address} took the connection and closed it again: does it allow this machine, and is client \
             number {} free?",
            config.client_id
        ),
        other => format!("no connection to {address}: {other}"),
    }
}

/// A gateway that has not said a word in time.
fn says_nothing(config: &Config, address: &str) -> String {
    let seconds = config.waits.greeting.as_secs_f64();
    if takes_connections(address) {
        format!(
            "the gateway at {address} took the connection and has said nothing for {seconds} s: does a window of it wait for a \
             click, is another client signed in with client number {}, or does it hang? It is waited for; restart TWS or the \
             gateway if it stays so",
            config.client_id
        )
    } else {
        format!(
            "{address} has neither taken nor refused the connection for {seconds} s: is the machine on, and does a firewall \
             let the port through?"
        )
    }
}

/// A connection that stood, and on which nothing is answered any more.
pub(super) fn fell_silent(config: &Config) -> String {
    format!(
        "the gateway at {}:{} holds the connection and does not answer any more: asked for its time, it said nothing for {} s; \
         is its machine asleep, or does it hang? It is connected to anew",
        config.host,
        config.port,
        config.waits.answer.as_secs_f64()
    )
}

/// Whether something takes connections there: asked only where a connection is silent already.
fn takes_connections(address: &str) -> bool {
    let (sender, result) = channel();
    let address = address.to_owned();
    let probe = std::thread::Builder::new()
        .name("ibkr-probe".to_owned())
        .spawn(move || sender.send(TcpStream::connect(address).is_ok()).is_ok());
    probe.is_ok() && result.recv_timeout(TAKES_WITHIN).unwrap_or(false)
}
