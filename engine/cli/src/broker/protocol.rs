//! Calls and answers between the engine and a broker's process: frames of a length and bytes, in the contract's own layout.

use crate::process::{Failed, same_version};
use alula_plugin_abi::broker::wire::{In, Out, VERSION, Wire};
use alula_plugin_abi::broker::{Contract, Event, FinalValue, Order, Quote, WhatIf, Word};

/// What the engine asks.
#[derive(Clone, Debug, PartialEq)]
pub enum Call {
    /// First of all: the version of the layout, and the settings.
    Open {
        settings: Vec<(String, String)>,
    },
    Connect,
    Disconnect,
    Poll {
        wait_ns: i64,
    },
    Submit(Order),
    Cancel(String),
    Snapshot {
        request: u64,
        since_ns: i64,
    },
    WhatIf(Order),
    Quotes {
        at_ns: i64,
        rows: Vec<Quote>,
    },
    FinalValues {
        at_ns: i64,
        rows: Vec<FinalValue>,
    },
    Watch(Vec<Contract>),
    List {
        request: u64,
        underlying: Word,
    },
}

/// What the broker's process answers.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    Done,
    Failed(Failed),
    /// Events of a poll, and the fault that ended it.
    Events(Vec<Event>, Option<Failed>),
    Sent,
    NotSent(Failed),
    Unknown(Failed),
    WhatIf(WhatIf),
}

impl Wire for Call {
    fn put(&self, out: &mut Out) {
        match self {
            Self::Open { settings } => {
                0_u8.put(out);
                VERSION.put(out);
                u32::try_from(settings.len()).unwrap_or(u32::MAX).put(out);
                for (name, words) in settings {
                    name.put(out);
                    words.put(out);
                }
            }
            Self::Connect => 1_u8.put(out),
            Self::Disconnect => 2_u8.put(out),
            Self::Poll { wait_ns } => {
                3_u8.put(out);
                wait_ns.put(out);
            }
            Self::Submit(order) => {
                4_u8.put(out);
                order.put(out);
            }
            Self::Cancel(order) => {
                5_u8.put(out);
                order.put(out);
            }
            Self::Snapshot { request, since_ns } => {
                6_u8.put(out);
                request.put(out);
                since_ns.put(out);
            }
            Self::WhatIf(order) => {
                7_u8.put(out);
                order.put(out);
            }
            Self::Quotes { at_ns, rows } => {
                8_u8.put(out);
                at_ns.put(out);
                rows.put(out);
            }
            Self::FinalValues { at_ns, rows } => {
                9_u8.put(out);
                at_ns.put(out);
                rows.put(out);
            }
            Self::Watch(contracts) => {
                10_u8.put(out);
                contracts.put(out);
            }
            Self::List { request, underlying } => {
                11_u8.put(out);
                request.put(out);
                underlying.put(out);
            }
        }
    }

    fn take(from: &mut In<'_>) -> Result<Self, String> {
        Ok(match from.tag(12, "call")? {
            0 => {
                same_version(from, VERSION)?;
                let n = u32::take(from)?;
                let mut settings = Vec::new();
                for _ in 0..n {
                    settings.push((String::take(from)?, String::take(from)?));
                }
                Self::Open { settings }
            }
            1 => Self::Connect,
            2 => Self::Disconnect,
            3 => Self::Poll {
                wait_ns: Wire::take(from)?,
            },
            4 => Self::Submit(Wire::take(from)?),
            5 => Self::Cancel(Wire::take(from)?),
            6 => Self::Snapshot {
                request: Wire::take(from)?,
                since_ns: Wire::take(from)?,
            },
            7 => Self::WhatIf(Wire::take(from)?),
            8 => Self::Quotes {
                at_ns: Wire::take(from)?,
                rows: Wire::take(from)?,
            },
            9 => Self::FinalValues {
                at_ns: Wire::take(from)?,
                rows: Wire::take(from)?,
            },
            10 => Self::Watch(Wire::take(from)?),
            _ => Self::List {
                request: Wire::take(from)?,
                underlying: Wire::take(from)?,
            },
        })
    }
}

impl Wire for Answer {
    fn put(&self, out: &mut Out) {
        match self {
            Self::Done => 0_u8.put(out),
            Self::Failed(failed) => {
                1_u8.put(out);
                failed.put(out);
            }
            Self::Events(events, failed) => {
                2_u8.put(out);
                events.put(out);
                failed.put(out);
            }
            Self::Sent => 3_u8.put(out),
            Self::NotSent(failed) => {
                4_u8.put(out);
                failed.put(out);
            }
            Self::Unknown(failed) => {
                5_u8.put(out);
                failed.put(out);
            }
            Self::WhatIf(answer) => {
                6_u8.put(out);
                answer.put(out);
            }
        }
    }

    fn take(from: &mut In<'_>) -> Result<Self, String> {
        Ok(match from.tag(7, "answer")? {
            0 => Self::Done,
            1 => Self::Failed(Wire::take(from)?),
            2 => Self::Events(Wire::take(from)?, Wire::take(from)?),
            3 => Self::Sent,
            4 => Self::NotSent(Wire::take(from)?),
            5 => Self::Unknown(Wire::take(from)?),
            _ => Self::WhatIf(Wire::take(from)?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::{receive, send};
    use alula_plugin_abi::broker::wire::{bytes_of, value_of};
    use alula_plugin_abi::broker::{Kind, Leg, Life, Right, SCALE};

    #[test]
    fn a_call_for_quotes_comes_out_as_it_went_in_and_a_bad_instrument_does_not_cross() {
        let word = |text| Word::new(text).unwrap();
        let share = Contract {
            kind: Kind::Share,
            symbol: word("SPY"),
            class: word("SPY"),
            currency: word("USD"),
            expiry: 0,
            right: None,
            strike_e9: 0,
            multiplier_e9: 1_000_000_000,
        };
        let mut pipe = Vec::new();
        let call = Call::Watch(vec![share, share]);
        send(&mut pipe, &call).unwrap();
        assert_eq!(receive::<Call>(&mut pipe.as_slice()).unwrap(), call);
        let mut pipe = Vec::new();
        let expiring = Contract {
            expiry: 20_260_116,
            ..share
        };
        send(&mut pipe, &Call::Watch(vec![expiring])).unwrap();
        assert!(receive::<Call>(&mut pipe.as_slice()).is_err());
    }

    fn contract() -> Contract {
        Contract {
            kind: Kind::Option,
            symbol: Word::new("SPX").unwrap(),
            class: Word::new("SPXW").unwrap(),
            currency: Word::new("USD").unwrap(),
            expiry: 20_240_621,
            right: Some(Right::Put),
            strike_e9: 5_100 * SCALE,
            multiplier_e9: 100 * SCALE,
        }
    }

    fn order() -> Order {
        Order {
            id: "income-1".to_owned(),
            group: "income#1".to_owned(),
            legs: vec![Leg {
                contract: contract(),
                ratio: -1,
            }],
            quantity: 3,
            limit_e9: Some(-7 * SCALE),
            not_after_ns: 9,
            life: Life::Day,
        }
    }

    fn calls() -> Vec<Call> {
        let quote = Quote {
            contract: contract(),
            at_ns: 5,
            bid_e9: None,
            ask_e9: Some(SCALE),
            bid_size: None,
            ask_size: Some(3),
        };
        let value = FinalValue {
            kind: Kind::Option,
            class: Word::new("SPXW").unwrap(),
            expiry: 20_240_621,
            price_e9: SCALE,
            approximate: true,
        };
        vec![
            Call::Open {
                settings: vec![("folder".to_owned(), "runs/paper".to_owned())],
            },
            Call::Connect,
            Call::Disconnect,
            Call::Poll { wait_ns: 7 },
            Call::Submit(order()),
            Call::Cancel("income-1".to_owned()),
            Call::Snapshot {
                request: 8,
                since_ns: 1,
            },
            Call::WhatIf(order()),
            Call::Watch(vec![contract()]),
            Call::List {
                request: 3,
                underlying: Word::new("SPX").unwrap(),
            },
            Call::Quotes {
                at_ns: 5,
                rows: vec![quote],
            },
            Call::FinalValues {
                at_ns: 5,
                rows: vec![value],
            },
        ]
    }

    #[test]
    fn calls_cross_as_they_are_and_pieces_of_them_do_not() {
        for call in calls() {
            let mut bytes = Vec::new();
            send(&mut bytes, &call).unwrap();
            assert_eq!(receive::<Call>(&mut bytes.as_slice()).unwrap(), call);
            for end in 0..bytes.len() {
                assert!(
                    receive::<Call>(&mut &bytes[..end]).is_err(),
                    "{call:?} cut at {end}"
                );
            }
        }
        // A length that promises more than there is takes no memory.
        assert!(receive::<Call>(&mut &[255, 255, 255, 15, 1][..]).is_err());
        assert!(receive::<Call>(&mut &[255, 255, 255, 255][..]).is_err());
    }

    #[test]
    fn whatever_bytes_come_are_a_call_or_an_error() {
        let mut state = 1_u64;
        let mut draw = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            usize::try_from(state >> 40).unwrap()
        };
        for call in calls() {
            let bytes = bytes_of(&call);
            for _ in 0..2_000 {
                let mut wrong = bytes.clone();
                for _ in 0..=draw() % 3 {
                    let at = draw() % wrong.len();
                    wrong[at] ^= 1 << (draw() % 8);
                }
                // An order that is read is one that the contract lets through.
                if let Ok(Call::Submit(order)) = value_of::<Call>(&wrong) {
                    order.check().unwrap();
                }
                let _ = value_of::<Answer>(&wrong);
            }
        }
        let other = value_of::<Call>(&[0, 99, 0, 0, 0, 0, 0, 0, 0]).unwrap_err();
        assert!(other.contains("a call of version 99"), "{other}");
    }
}
