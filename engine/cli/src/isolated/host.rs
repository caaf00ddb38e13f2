//! `alula plugin-host`: the process that an instance of an indicator lives in.

use super::protocol::{About, Answer, Call};
use crate::args::PluginHostArgs;
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::process::{Served, serve};
use alula_plugin_abi::host::{Bare, Bytes, Fault, FaultKind, IndicatorInfo, Lane};
use alula_plugin_loader::{Library, open_copy};
use std::sync::Arc;
use std::time::Duration;

/// A flag of a row that a batch did not reach: neither 0 nor 1.
const NOT_REACHED: u8 = u8::MAX;

/// Answers calls until the line ends.
///
/// # Errors
/// When standard input is no socket.
pub fn run(args: &PluginHostArgs, out: &mut Output) -> Result<Exit, Failure> {
    let what = format!("plugin {}", args.plugin);
    let served = Served {
        command: "plugin-host",
        what: &what,
        grace: Duration::from_secs(1),
    };
    let mut made: Option<(Box<dyn Bare>, Arc<IndicatorInfo>)> = None;
    serve(served, out, |call| {
        let answer = match (&mut made, call) {
            (None, Call::About) => library(args).map(|l| {
                let indicators = l.factory.indicators().iter();
                Answer::About(About {
                    build: l.build.clone(),
                    minor: u32::from(l.minor),
                    indicators: indicators.map(|i| (**i).clone()).collect(),
                })
            }),
            (None, Call::Create { id, given }) => library(args).and_then(|l| {
                let info = l.factory.find(&id).cloned();
                let info = info.ok_or_else(|| contract("there is no such indicator"))?;
                let mut bare = l.factory.bare(&id, &given)?;
                let warmup = bare.warmup();
                let chain = info.chain && bare.reads(true);
                if !bare.reads(info.chain) {
                    return Err(contract("the instance has no function that takes a row"));
                }
                made = Some((bare, info));
                Ok(Answer::Made { warmup, chain })
            }),
            (Some((bare, info)), call) => answer(bare.as_mut(), info, call),
            (None, _) => Err(contract("a call before the instance was made")),
        };
        answer.unwrap_or_else(Answer::Failed)
    })
}

fn contract(text: &str) -> Fault {
    Fault::new(FaultKind::Contract, text)
}

/// The private copy that the engine made, by its hash.
fn library(args: &PluginHostArgs) -> Result<Arc<Library>, Fault> {
    open_copy(&args.plugin, &args.sha256, &args.cache).map_err(|e| contract(&e.what))
}

fn answer(bare: &mut dyn Bare, info: &IndicatorInfo, call: Call) -> Result<Answer, Fault> {
    let mut values = vec![f64::NAN; info.outputs.len()];
    match call {
        Call::About | Call::Create { .. } => Err(contract("the instance is made already")),
        Call::Reset => bare.reset().map(|()| Answer::Done),
        Call::Update(row) => {
            if row.0.len() != info.inputs.len() {
                return Err(contract("another number of inputs"));
            }
            let ready = bare.update(&row.0, &mut values)?;
            let values = Lane(values);
            Ok(Answer::Row { ready, values })
        }
        Call::Chain(chain) => {
            let ready = bare.update_chain(&chain.chain(), &mut values)?;
            let values = Lane(values);
            Ok(Answer::Row { ready, values })
        }
        Call::Rows(lanes) => rows(bare, info, &lanes),
        Call::Save => bare.save().map(|bytes| Answer::State(Bytes(bytes))),
        Call::Load { version, bytes } => bare.load(version, &bytes.0).map(|()| Answer::Done),
    }
}

/// Rows at once, by the plugin's own batch where it has one.
fn rows(bare: &mut dyn Bare, info: &IndicatorInfo, lanes: &[Lane]) -> Result<Answer, Fault> {
    let inputs: Vec<&[f64]> = lanes.iter().map(|lane| lane.0.as_slice()).collect();
    let rows = inputs.first().map_or(0, |lane| lane.len());
    if inputs.len() != info.inputs.len() || inputs.iter().any(|lane| lane.len() != rows) {
        return Err(contract("lanes of different lengths"));
    }
    let mut out = vec![vec![0.0; rows]; info.outputs.len()];
    let mut ready = vec![NOT_REACHED; rows];
    let done = bare
        .batch(&inputs, &mut out, &mut ready)
        .unwrap_or_else(|| one_by_one(bare, &inputs, &mut out, &mut ready));
    Ok(Answer::Rows {
        ready: Bytes(ready),
        lanes: out.into_iter().map(Lane).collect(),
        fault: done.err(),
    })
}

/// The rows of lanes one after the other; those after one that fails are not reached.
pub(super) fn one_by_one(
    bare: &mut dyn Bare,
    inputs: &[&[f64]],
    out: &mut [Vec<f64>],
    ready: &mut [u8],
) -> Result<(), Fault> {
    let mut row = vec![0.0; inputs.len()];
    for (at, flag) in ready.iter_mut().enumerate() {
        for (cell, lane) in row.iter_mut().zip(inputs) {
            *cell = lane.get(at).copied().unwrap_or(f64::NAN);
        }
        let mut values = vec![f64::NAN; out.len()];
        *flag = u8::from(bare.update(&row, &mut values)?);
        for (lane, x) in out.iter_mut().zip(values) {
            if let Some(slot) = lane.get_mut(at) {
                *slot = x;
            }
        }
    }
    Ok(())
}
