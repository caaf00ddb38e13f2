//! `alula broker-host`: the process that a broker lives in. It answers calls on its standard input, which is a socket, until
//! the other end is gone; then it goes too, whatever the broker is doing.

use super::protocol::{Answer, Call};
use crate::args::BrokerHostArgs;
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::process::{Failed, Served, serve};
use alula_plugin_abi::host::{Connection, Fault, FaultKind, Submitted};
use alula_plugin_loader::Lock;
use std::time::Duration;

/// Answers calls until the line ends.
///
/// # Errors
/// When standard input is no socket, or the lock no longer names the broker.
pub fn run(args: &BrokerHostArgs, out: &mut Output) -> Result<Exit, Failure> {
    let what = format!("broker {}", args.broker);
    let served = Served {
        command: "broker-host",
        what: &what,
        grace: Duration::from_secs(1),
    };
    let mut broker: Option<Connection> = None;
    serve(served, out, |call| match (&mut broker, call) {
        (None, Call::Open { settings }) => match open(args, &settings) {
            Ok(opened) => {
                broker = Some(opened);
                Answer::Done
            }
            Err(text) => Answer::Failed(Failed {
                fault: Fault::new(FaultKind::Parameters, text),
                dead: true,
            }),
        },
        (Some(broker), call) => answer(broker, call),
        (None, _) => Answer::Failed(Failed {
            fault: Fault::new(FaultKind::Contract, "a call before the broker was made"),
            dead: true,
        }),
    })
}

/// Makes the broker of the library that the engine looked at.
fn open(args: &BrokerHostArgs, settings: &[(String, String)]) -> Result<Connection, String> {
    let said = |f: Failure| f.what;
    let lock = Lock::read(&args.lock).map_err(|e| e.what)?;
    let (library, info) =
        super::find((&lock, &args.cache), &args.plugin, Some(&args.broker), args.live).map_err(said)?;
    if library.sha256 != args.sha256 {
        return Err(format!(
            "the library of `{}` has changed since it was looked at",
            args.plugin
        ));
    }
    library.brokers.open(&info, settings).map_err(|fault| fault.text)
}

fn answer(broker: &mut Connection, call: Call) -> Answer {
    let done = |broker: &Connection, result: Result<(), Fault>| match result {
        Ok(()) => Answer::Done,
        Err(fault) => Answer::Failed(failed(broker, fault)),
    };
    match call {
        Call::Open { .. } => Answer::Failed(failed(
            broker,
            Fault::new(FaultKind::Contract, "the broker is made already"),
        )),
        Call::Connect => {
            let result = broker.connect();
            done(broker, result)
        }
        Call::Disconnect => {
            let result = broker.disconnect();
            done(broker, result)
        }
        Call::Poll { wait_ns } => {
            let mut events = Vec::new();
            let wait = Duration::from_nanos(u64::try_from(wait_ns).unwrap_or(0));
            let result = broker.poll(wait, &mut events);
            Answer::Events(events, result.err().map(|fault| failed(broker, fault)))
        }
        Call::Submit(order) => match broker.submit(&order) {
            Submitted::Sent => Answer::Sent,
            Submitted::NotSent(fault) => Answer::NotSent(failed(broker, fault)),
            Submitted::Unknown(fault) => Answer::Unknown(failed(broker, fault)),
        },
        Call::Cancel(order) => {
            let result = broker.cancel(&order);
            done(broker, result)
        }
        Call::Snapshot { request, since_ns } => {
            let result = broker.request_snapshot(request, since_ns);
            done(broker, result)
        }
        Call::WhatIf(order) => match broker.what_if(&order) {
            Ok(answer) => Answer::WhatIf(answer),
            Err(fault) => Answer::Failed(failed(broker, fault)),
        },
        Call::Quotes { at_ns, rows } => {
            let result = broker.quotes(at_ns, &rows);
            done(broker, result)
        }
        Call::FinalValues { at_ns, rows } => {
            let result = broker.final_values(at_ns, &rows);
            done(broker, result)
        }
        Call::Watch(contracts) => {
            let result = broker.watch(&contracts);
            done(broker, result)
        }
        Call::List { request, underlying } => {
            let result = broker.list(request, &underlying);
            done(broker, result)
        }
    }
}

fn failed(broker: &Connection, fault: Fault) -> Failed {
    Failed {
        fault,
        dead: broker.dead().is_some(),
    }
}
