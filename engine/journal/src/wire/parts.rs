//! What entries are made of.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Bytes without meaning here; in text their words where they are UTF-8, else hexadecimal digits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Blob(pub Vec<u8>);

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Shown {
    Text(String),
    Hex(String),
}

impl Serialize for Blob {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        if !s.is_human_readable() {
            return self.0.serialize(s);
        }
        match std::str::from_utf8(&self.0) {
            Ok(text) => Shown::Text(text.to_owned()),
            Err(_) => Shown::Hex(self.0.iter().map(|b| format!("{b:02x}")).collect()),
        }
        .serialize(s)
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        if !d.is_human_readable() {
            return Vec::deserialize(d).map(Self);
        }
        match Shown::deserialize(d)? {
            Shown::Text(text) => Ok(Self(text.into_bytes())),
            Shown::Hex(hex) => {
                let bytes = (0..hex.len() / 2).map(|i| {
                    hex.get(i * 2..i * 2 + 2)
                        .and_then(|h| u8::from_str_radix(h, 16).ok())
                });
                let bytes: Option<Vec<u8>> = bytes.collect();
                bytes
                    .filter(|_| hex.len().is_multiple_of(2))
                    .map(Self)
                    .ok_or_else(|| serde::de::Error::custom("not hexadecimal digits"))
            }
        }
    }
}

/// A contract or share by its facts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Instrument {
    /// An option.
    Option {
        /// `SPXW`.
        class: String,
        /// Expiry as `20261218`.
        expiry: i32,
        /// A call, else a put.
        call: bool,
        /// Strike in mills.
        strike_mills: i64,
    },
    /// A future.
    Future {
        /// `VX`.
        class: String,
        /// Expiry as `20261218`.
        expiry: i32,
    },
    /// A share.
    Share {
        /// Symbol.
        symbol: String,
    },
}

/// A number of an instrument.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leg {
    /// What.
    pub instrument: Instrument,
    /// Positive bought, negative sold.
    pub quantity: i64,
}

/// A quote that a decision read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quote {
    /// What.
    pub instrument: Instrument,
    /// Mills.
    pub bid_mills: Option<i64>,
    /// Mills.
    pub ask_mills: Option<i64>,
    /// Contracts.
    pub bid_size: Option<u32>,
    /// Contracts.
    pub ask_size: Option<u32>,
    /// When it was so, s since 1970.
    pub at_s: i64,
}

/// A named level: an index, a rate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Level {
    /// Name.
    pub name: String,
    /// Thousandths; `None` where it was missing.
    pub mills: Option<i64>,
}

/// A bar of values that a feed told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bar {
    /// Series.
    pub series: String,
    /// Minutes; 0 for a session.
    pub minutes: u16,
    /// Session, as `20261218`.
    pub session: i32,
    /// First second, s since 1970.
    pub starts_s: i64,
    /// From when on it is known, s since 1970.
    pub known_s: i64,
    /// First, largest, smallest and last value, in thousandths.
    pub mills: [i64; 4],
}

/// A value that changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Path of the field.
    pub field: String,
    /// As it was written; empty where it was not there.
    pub before: String,
    /// As it is written; empty where it is gone.
    pub after: String,
}

/// A trade or settlement of one leg.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fill {
    /// An expired contract was settled to cash.
    pub settlement: bool,
    /// Unique per account.
    pub exec_id: String,
    /// The trade that this one replaces.
    pub corrects: Option<String>,
    /// Our order.
    pub order: Option<String>,
    /// What.
    pub instrument: Instrument,
    /// Positive bought, negative sold.
    pub quantity: i64,
    /// Mills.
    pub price_mills: i64,
    /// Micro-dollars, positive paid.
    pub fee_micros: Option<i64>,
    /// Venue's time, s since 1970.
    pub at_s: i64,
}

/// How an order stands at the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OrderStatus {
    /// At work.
    Working,
    /// Filled whole.
    Filled,
    /// Taken back.
    Cancelled,
    /// Its time is over.
    Expired,
    /// Refused.
    Rejected,
}

/// What a broker said, before anything was made of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BrokerSaid {
    /// The connection stands.
    Up,
    /// It broke.
    Down(String),
    /// It has an order.
    Acknowledged {
        /// Ours.
        order: String,
        /// Its own name.
        broker_order: String,
    },
    /// It will not have an order.
    Rejected {
        /// Ours.
        order: String,
        /// Its words.
        why: String,
    },
    /// A leg traded.
    Filled(Fill),
    /// Taken back.
    Cancelled {
        /// Ours.
        order: String,
        /// Its words.
        why: String,
    },
    /// Its time is over.
    Expired {
        /// Ours.
        order: String,
    },
    /// A snapshot starts.
    SnapshotBegin {
        /// As asked.
        request: u64,
    },
    /// An order.
    SnapshotOrder {
        /// As asked.
        request: u64,
        /// Ours.
        order: Option<String>,
        /// Its own name.
        broker_order: String,
        /// How it stands.
        status: OrderStatus,
        /// Packages filled.
        filled: u32,
        /// Packages at work.
        left: u32,
    },
    /// A position.
    SnapshotPosition {
        /// As asked.
        request: u64,
        /// What is held.
        held: Leg,
    },
    /// A trade.
    SnapshotFill {
        /// As asked.
        request: u64,
        /// Trade.
        fill: Fill,
    },
    /// The account.
    SnapshotAccount {
        /// As asked.
        request: u64,
        /// Micro-dollars.
        cash_micros: i64,
        /// Micro-dollars.
        net_liquidation_micros: i64,
        /// Micro-dollars.
        initial_margin_micros: Option<i64>,
        /// Micro-dollars.
        maintenance_margin_micros: Option<i64>,
    },
    /// A snapshot is whole.
    SnapshotEnd {
        /// As asked.
        request: u64,
    },
    /// A quote.
    Quote(Quote),
}

/// What is known after sending.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Submission {
    /// Handed over.
    Sent,
    /// Certainly never left.
    NotSent(String),
    /// Nobody can say.
    Unknown(String),
}
