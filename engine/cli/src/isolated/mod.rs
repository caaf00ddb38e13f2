//! Indicators in a process of their own: one process for each instance, so that what crashes, hangs or leaves is one instance, and
//! nothing else. The library is never opened in this process. Values are the same, bit for bit.

pub mod host;
mod protocol;

use crate::process::Process;
use alula_plugin_abi::chain::Chain;
use alula_plugin_abi::host::{Bare, Bytes, ChainRows, Factory, Fault, FaultKind, Given, Lane, Maker};
use protocol::{About, Answer, Call};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// What its process sees of the environment: where the system's loader looks. Keys and addresses that stand there are none of its
/// business.
const KEPT: [&str; 2] = ["LD_LIBRARY_PATH", "LD_PRELOAD"];

/// Where a plugin's processes come from.
#[derive(Clone, Debug)]
pub struct Home {
    /// Name of the plugin.
    pub plugin: String,
    /// Hash of its library, of which there is a private copy.
    pub sha256: String,
    /// Private folder of opened libraries.
    pub cache: PathBuf,
    /// How long a call may take.
    pub deadline: Duration,
}

impl Home {
    fn start(&self) -> Result<Process, Fault> {
        let arguments = |command: &mut std::process::Command| {
            command
                .args(["plugin-host", &self.plugin, &self.sha256, "--cache"])
                .arg(&self.cache)
                .env_clear()
                .envs(
                    KEPT.iter()
                        .filter_map(|name| Some((name, std::env::var_os(name)?))),
                );
        };
        Process::start(arguments, self.deadline).map_err(|text| Fault::new(FaultKind::Failed, text))
    }
}

/// What a library says of itself in a process of its own.
#[derive(Clone, Debug)]
pub struct Described {
    /// Its indicators; their instances live elsewhere.
    pub factory: Factory,
    /// What it says it was built with.
    pub build: String,
    /// Minor version of the contract that it was built with.
    pub minor: u16,
}

/// Asks a library what it has.
///
/// # Errors
/// When its process does not start, does not load it, or crashes or hangs over it.
pub fn describe(home: Home) -> Result<Described, Fault> {
    let mut process = home.start()?;
    let About {
        build,
        minor,
        indicators,
    } = match process.ask(&Call::About, Duration::ZERO)? {
        Answer::About(about) => about,
        Answer::Failed(fault) => return Err(fault),
        _ => return Err(process.lost()),
    };
    let versions = indicators.iter().map(|i| (i.id.clone(), i.state_version));
    let maker = Elsewhere {
        versions: versions.collect(),
        home: Arc::new(home),
    };
    Ok(Described {
        factory: Factory::elsewhere(indicators, Arc::new(maker))?,
        build: build.replace(|c: char| c.is_control(), " "),
        minor: u16::try_from(minor).unwrap_or(u16::MAX),
    })
}

#[derive(Debug)]
struct Elsewhere {
    home: Arc<Home>,
    /// Versions of saved states, by indicator.
    versions: BTreeMap<String, u32>,
}

impl Maker for Elsewhere {
    fn make(&self, id: &str, given: &[Given]) -> Result<Box<dyn Bare>, Fault> {
        let version = self.versions.get(id).copied().unwrap_or(0);
        Ok(Box::new(Instance::start(&self.home, id, given, version)?))
    }
}

/// An instance and its process.
#[derive(Debug)]
struct Instance {
    home: Arc<Home>,
    id: String,
    given: Vec<Given>,
    state_version: u32,
    process: Process,
    warmup: u64,
    chain: bool,
}

impl Instance {
    fn start(home: &Arc<Home>, id: &str, given: &[Given], state_version: u32) -> Result<Self, Fault> {
        let mut process = home.start()?;
        let create = Call::Create {
            id: id.to_owned(),
            given: given.to_vec(),
        };
        let (warmup, chain) = match process.ask(&create, Duration::ZERO)? {
            Answer::Made { warmup, chain } => (warmup, chain),
            Answer::Failed(fault) => return Err(fault),
            _ => return Err(process.lost()),
        };
        Ok(Self {
            home: Arc::clone(home),
            id: id.to_owned(),
            given: given.to_vec(),
            state_version,
            process,
            warmup,
            chain,
        })
    }

    fn ask(&mut self, call: &Call) -> Result<Answer, Fault> {
        match self.process.ask(call, Duration::ZERO)? {
            Answer::Failed(fault) => Err(fault),
            answer => Ok(answer),
        }
    }

    fn done(&mut self, call: &Call) -> Result<(), Fault> {
        match self.ask(call)? {
            Answer::Done => Ok(()),
            _ => Err(self.process.lost()),
        }
    }

    fn row(&mut self, call: &Call, out: &mut [f64]) -> Result<bool, Fault> {
        match self.ask(call)? {
            Answer::Row { ready, values } if values.0.len() == out.len() => {
                out.copy_from_slice(&values.0);
                Ok(ready)
            }
            _ => Err(self.process.lost()),
        }
    }

    /// The rows before the one that ended the process: one by one in another, from the state before the first. Rows that were known
    /// must not depend on how many went over the line at once.
    fn again(&self, before: &[u8], inputs: &[&[f64]], out: &mut [Vec<f64>], ready: &mut [u8]) {
        let Ok(mut other) = Self::start(&self.home, &self.id, &self.given, self.state_version) else {
            return;
        };
        if other.load(self.state_version, before).is_err() {
            return;
        }
        // The one that fails is what ended the process.
        let _ = host::one_by_one(&mut other, inputs, out, ready);
    }
}

impl Bare for Instance {
    fn reads(&self, chain: bool) -> bool {
        self.chain == chain
    }

    /// Rows go over the line at once, whatever the plugin itself takes.
    fn has_batch(&self) -> bool {
        !self.chain
    }

    fn warmup(&mut self) -> u64 {
        self.warmup
    }

    fn reset(&mut self) -> Result<(), Fault> {
        self.done(&Call::Reset)
    }

    fn update(&mut self, inputs: &[f64], out: &mut [f64]) -> Result<bool, Fault> {
        self.row(&Call::Update(Lane(inputs.to_vec())), out)
    }

    fn update_chain(&mut self, chain: &Chain<'_>, out: &mut [f64]) -> Result<bool, Fault> {
        self.row(&Call::Chain(Box::new(ChainRows::of(chain))), out)
    }

    fn batch(
        &mut self,
        inputs: &[&[f64]],
        out: &mut [Vec<f64>],
        ready: &mut [u8],
    ) -> Option<Result<(), Fault>> {
        let rows = ready.len();
        let before = if rows > 1 { self.save().ok() } else { None };
        let lanes = inputs.iter().map(|lane| Lane(lane.to_vec())).collect();
        let fault = match self.ask(&Call::Rows(lanes)) {
            Ok(Answer::Rows {
                ready: flags,
                lanes,
                fault,
            }) => {
                let regular = flags.0.len() == rows
                    && lanes.len() == out.len()
                    && lanes.iter().all(|lane| lane.0.len() == rows);
                if !regular {
                    return Some(Err(self.process.lost()));
                }
                ready.copy_from_slice(&flags.0);
                for (slot, lane) in out.iter_mut().zip(lanes) {
                    *slot = lane.0;
                }
                return Some(fault.map_or(Ok(()), Err));
            }
            Ok(_) => self.process.lost(),
            Err(fault) => fault,
        };
        if let Some(before) = before {
            self.again(&before, inputs, out, ready);
        }
        Some(Err(fault))
    }

    fn save(&mut self) -> Result<Vec<u8>, Fault> {
        match self.ask(&Call::Save)? {
            Answer::State(bytes) => Ok(bytes.0),
            _ => Err(self.process.lost()),
        }
    }

    fn load(&mut self, version: u32, bytes: &[u8]) -> Result<(), Fault> {
        let bytes = Bytes(bytes.to_vec());
        self.done(&Call::Load { version, bytes })
    }
}
