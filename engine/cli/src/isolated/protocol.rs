//! Calls and answers between the engine and the process of an indicator's instance.

use crate::process::same_version;
use alula_plugin_abi::broker::wire::{In, Out, Wire};
use alula_plugin_abi::host::{Bytes, ChainRows, Fault, Given, IndicatorInfo, Lane};

/// Version of this layout: the file of this program may be another one by the time a process is started.
const VERSION: u32 = 1;

/// What the engine asks.
#[derive(Clone, Debug, PartialEq)]
pub enum Call {
    /// What the library has.
    About,
    /// First of all: an instance.
    Create {
        id: String,
        given: Vec<Given>,
    },
    Reset,
    Update(Lane),
    Chain(Box<ChainRows>),
    /// Rows at once: a lane for each input.
    Rows(Vec<Lane>),
    Save,
    Load {
        version: u32,
        bytes: Bytes,
    },
}

/// What a library says of itself.
#[derive(Clone, Debug, PartialEq)]
pub struct About {
    pub build: String,
    pub minor: u32,
    pub indicators: Vec<IndicatorInfo>,
}

/// What the process answers.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    Done,
    Failed(Fault),
    About(About),
    Made {
        warmup: u64,
        chain: bool,
    },
    Row {
        ready: bool,
        values: Lane,
    },
    /// A flag for each row, as the contract's batch gives them, a lane for each output, and what ended it.
    Rows {
        ready: Bytes,
        lanes: Vec<Lane>,
        fault: Option<Fault>,
    },
    State(Bytes),
}

impl Wire for Call {
    fn put(&self, out: &mut Out) {
        match self {
            Self::About => {
                0_u8.put(out);
                VERSION.put(out);
            }
            Self::Create { id, given } => {
                1_u8.put(out);
                VERSION.put(out);
                id.put(out);
                given.put(out);
            }
            Self::Reset => 2_u8.put(out),
            Self::Update(row) => {
                3_u8.put(out);
                row.put(out);
            }
            Self::Chain(chain) => {
                4_u8.put(out);
                chain.put(out);
            }
            Self::Rows(lanes) => {
                5_u8.put(out);
                lanes.put(out);
            }
            Self::Save => 6_u8.put(out),
            Self::Load { version, bytes } => {
                7_u8.put(out);
                version.put(out);
                bytes.put(out);
            }
        }
    }

    fn take(from: &mut In<'_>) -> Result<Self, String> {
        Ok(match from.tag(8, "call")? {
            0 => {
                same_version(from, VERSION)?;
                Self::About
            }
            1 => {
                same_version(from, VERSION)?;
                Self::Create {
                    id: Wire::take(from)?,
                    given: Wire::take(from)?,
                }
            }
            2 => Self::Reset,
            3 => Self::Update(Wire::take(from)?),
            4 => Self::Chain(Box::new(Wire::take(from)?)),
            5 => Self::Rows(Wire::take(from)?),
            6 => Self::Save,
            _ => Self::Load {
                version: Wire::take(from)?,
                bytes: Wire::take(from)?,
            },
        })
    }
}

impl Wire for Answer {
    fn put(&self, out: &mut Out) {
        match self {
            Self::Done => 0_u8.put(out),
            Self::Failed(fault) => {
                1_u8.put(out);
                fault.put(out);
            }
            Self::About(about) => {
                2_u8.put(out);
                about.build.put(out);
                about.minor.put(out);
                about.indicators.put(out);
            }
            Self::Made { warmup, chain } => {
                3_u8.put(out);
                warmup.put(out);
                chain.put(out);
            }
            Self::Row { ready, values } => {
                4_u8.put(out);
                ready.put(out);
                values.put(out);
            }
            Self::Rows { ready, lanes, fault } => {
                5_u8.put(out);
                ready.put(out);
                lanes.put(out);
                fault.put(out);
            }
            Self::State(bytes) => {
                6_u8.put(out);
                bytes.put(out);
            }
        }
    }

    fn take(from: &mut In<'_>) -> Result<Self, String> {
        Ok(match from.tag(7, "answer")? {
            0 => Self::Done,
            1 => Self::Failed(Wire::take(from)?),
            2 => Self::About(About {
                build: Wire::take(from)?,
                minor: Wire::take(from)?,
                indicators: Wire::take(from)?,
            }),
            3 => Self::Made {
                warmup: Wire::take(from)?,
                chain: Wire::take(from)?,
            },
            4 => Self::Row {
                ready: Wire::take(from)?,
                values: Wire::take(from)?,
            },
            5 => Self::Rows {
                ready: Wire::take(from)?,
                lanes: Wire::take(from)?,
                fault: Wire::take(from)?,
            },
            _ => Self::State(Wire::take(from)?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::{receive, send};
    use alula_plugin_abi::broker::wire::{bytes_of, value_of};
    use alula_plugin_abi::host::FaultKind;

    fn calls() -> Vec<Call> {
        let given = Given {
            name: "length".to_owned(),
            whole: true,
            i: 14,
            f: 0.0,
        };
        vec![
            Call::About,
            Call::Create {
                id: "rsi".to_owned(),
                given: vec![given],
            },
            Call::Reset,
            Call::Update(Lane(vec![f64::NAN, 1.5])),
            Call::Chain(Box::default()),
            Call::Rows(vec![Lane(vec![1.0, -0.0]), Lane(vec![2.0, 3.0])]),
            Call::Save,
            Call::Load {
                version: 3,
                bytes: Bytes(vec![1, 2, 3]),
            },
        ]
    }

    fn answers() -> Vec<Answer> {
        vec![
            Answer::Done,
            Answer::Failed(Fault::new(FaultKind::Panicked, "it panicked: no")),
            Answer::Made {
                warmup: 3,
                chain: true,
            },
            Answer::Row {
                ready: true,
                values: Lane(vec![0.1]),
            },
            Answer::Rows {
                ready: Bytes(vec![0, 1, 255]),
                lanes: vec![Lane(vec![0.0, 1.0, 0.0])],
                fault: Some(Fault::new(FaultKind::Failed, "a row failed")),
            },
            Answer::State(Bytes(vec![9; 70])),
        ]
    }

    #[test]
    fn calls_and_answers_cross_as_they_are_and_pieces_of_them_do_not() {
        for call in calls() {
            let mut bytes = Vec::new();
            send(&mut bytes, &call).unwrap();
            assert_eq!(receive::<Call>(&mut bytes.as_slice()).unwrap(), call);
            for end in 0..bytes.len() {
                assert!(receive::<Call>(&mut &bytes[..end]).is_err());
            }
        }
        for answer in answers() {
            assert_eq!(value_of::<Answer>(&bytes_of(&answer)).unwrap(), answer);
        }
        let other = value_of::<Call>(&[0, 99, 0, 0, 0]).unwrap_err();
        assert!(other.contains("a call of version 99"), "{other}");
    }

    #[test]
    fn whatever_bytes_come_are_a_call_or_an_error() {
        let mut state = 7_u64;
        let mut draw = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            usize::try_from(state >> 40).unwrap()
        };
        let (calls, answers) = (calls(), answers());
        for bytes in calls.iter().map(bytes_of).chain(answers.iter().map(bytes_of)) {
            for _ in 0..2_000 {
                let mut wrong = bytes.clone();
                for _ in 0..=draw() % 3 {
                    let at = draw() % wrong.len();
                    wrong[at] ^= 1 << (draw() % 8);
                }
                if let Ok(Call::Chain(chain)) = value_of::<Call>(&wrong) {
                    // Regular or not: reading its rows reads nothing that is not there.
                    let _ = chain.chain().rows().count();
                }
                let _ = value_of::<Answer>(&wrong);
            }
        }
    }
}
