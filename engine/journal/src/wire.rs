//! What entries say: structs of the file's own, independent of the engine's types.
//!
//! A payload is postcard's bytes of one of these. Its kind and the version of its layout stand in the entry. A change of a
//! layout takes a new version and keeps a reader of the old one; a version or kind that is not known stops the reader.

mod parts;
mod rows;

pub use parts::{
    Bar, Blob, BrokerSaid, Change, Fill, Instrument, Leg, Level, OrderStatus, Quote, Submission,
};
pub use rows::{Contracts, Quotes};

use crate::entry::Hash;
use serde::{Deserialize, Serialize};

/// What a broker says that an order would take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Told {
    /// Margins of the account with it.
    Margins {
        /// Initial, micro-dollars.
        initial_micros: i64,
        /// Maintenance, micro-dollars.
        maintenance_micros: i64,
        /// Fees of the order, micro-dollars.
        fee_micros: i64,
    },
    /// It did not say, and why.
    Nothing(String),
}

/// A file of bytes that cannot be read as an entry's payload.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// A kind of a newer program.
    #[error("its kind {0} is not known to this program")]
    Kind(u16),
    /// A layout of a newer program.
    #[error("its layout is version {schema} of `{name}`, and this program knows version {known}")]
    Schema {
        /// Kind in words.
        name: &'static str,
        /// Found.
        schema: u16,
        /// Known.
        known: u16,
    },
    /// The bytes are not of that layout.
    #[error("its payload is no `{name}`: {why}")]
    Payload {
        /// Kind in words.
        name: &'static str,
        /// In a line.
        why: String,
    },
}

/// An order that a run takes over from the one before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CarriedOrder {
    /// As it was meant.
    pub intent: OrderIntent,
    /// How it stood: `unknown`, `working`, `cancelled`.
    pub state: String,
    /// The broker's name for it.
    pub broker_order: Option<String>,
    /// Somebody asked to take it back.
    pub cancel_asked: bool,
    /// It was sent a second time under its name.
    pub resent: bool,
}

/// Kind and layout of [`Seen`].
pub const SEEN: (u16, u16) = (13, 2);

/// [`Seen`] as it was before its quotes were packed.
#[derive(Deserialize)]
struct Seen1 {
    at_s: i64,
    source: String,
    levels: Vec<Level>,
    quotes: Vec<Quote>,
    stale: Vec<Instrument>,
    stale_levels: Vec<String>,
    bars: Vec<Bar>,
}

impl From<Seen1> for Seen {
    fn from(old: Seen1) -> Self {
        Self {
            at_s: old.at_s,
            source: old.source,
            levels: old.levels,
            quotes: Quotes(old.quotes),
            stale: Contracts(old.stale),
            stale_levels: old.stale_levels,
            bars: old.bars,
            under_way: Vec::new(),
        }
    }
}

/// Entries of layouts that are written no more.
fn older(kind: u16, schema: u16, bytes: &[u8]) -> Option<Result<Record, WireError>> {
    let name = Record::word_of(kind);
    match (kind, schema) {
        (13, 1) => Some(match postcard::take_from_bytes::<Seen1>(bytes) {
            Ok((seen, [])) => Ok(Record::Seen(seen.into())),
            Ok((_, rest)) => Err(WireError::Payload {
                name,
                why: format!("{} bytes too many", rest.len()),
            }),
            Err(e) => Err(WireError::Payload {
                name,
                why: e.to_string(),
            }),
        }),
        _ => None,
    }
}

macro_rules! records {
    ($($(#[doc = $doc:literal])+ $name:ident = $kind:literal, $schema:literal, $word:literal {
        $($(#[doc = $field_doc:literal])+ $field:ident: $type:ty,)*
    })+) => {
        $($(#[doc = $doc])+
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        pub struct $name {
            $($(#[doc = $field_doc])+ pub $field: $type,)*
        }

        impl From<$name> for Record {
            fn from(inner: $name) -> Self {
                Self::$name(inner)
            }
        })+

        /// Whatever an entry says.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize)]
        #[serde(untagged)]
        pub enum Record {
            $($(#[doc = $doc])+ $name($name),)+
        }

        impl Record {
            /// Kinds in words, by their numbers.
            pub const KINDS: &'static [(u16, &'static str)] = &[$(($kind, $word)),+];

            /// Number of its kind.
            #[must_use]
            pub const fn kind(&self) -> u16 {
                match self { $(Self::$name(_) => $kind,)+ }
            }

            /// Its kind in a word.
            #[must_use]
            pub const fn word(&self) -> &'static str {
                match self { $(Self::$name(_) => $word,)+ }
            }

            /// Version of its layout.
            #[must_use]
            pub const fn schema(&self) -> u16 {
                match self { $(Self::$name(_) => $schema,)+ }
            }

            /// As bytes.
            ///
            /// # Errors
            /// When it cannot be encoded, which no value of these types causes.
            pub fn to_bytes(&self) -> Result<Vec<u8>, WireError> {
                match self {
                    $(Self::$name(inner) => postcard::to_stdvec(inner)
                        .map_err(|e| WireError::Payload { name: $word, why: e.to_string() }),)+
                }
            }

            /// From bytes.
            ///
            /// # Errors
            /// When kind or layout are not known, or the bytes are not of them.
            pub fn from_bytes(kind: u16, schema: u16, bytes: &[u8]) -> Result<Self, WireError> {
                match kind {
                    $($kind => {
                        if schema != $schema {
                            let unknown = WireError::Schema { name: $word, schema, known: $schema };
                            return older(kind, schema, bytes).unwrap_or(Err(unknown));
                        }
                        let payload = |why: String| WireError::Payload { name: $word, why };
                        let (inner, rest) =
                            postcard::take_from_bytes(bytes).map_err(|e| payload(e.to_string()))?;
                        if !rest.is_empty() {
                            return Err(payload(format!("{} bytes too many", rest.len())));
                        }
                        Ok(Self::$name(inner))
                    })+
                    _ => Err(WireError::Kind(kind)),
                }
            }
        }
    };
}

records! {
    /// A run begins; the strategy is armed only after this.
    RunStarted = 1, 1, "run-started" {
        /// Run.
        run: String,
        /// Run before.
        parent: Option<String>,
        /// Its last hash.
        parent_head: Option<Hash>,
        /// `paper`, `live`, `shadow`, `read-only`.
        mode: String,
        /// Broker and its version.
        broker: String,
        /// Only exits and hedges are let through, and why; `None` in ordinary work.
        safe_mode: Option<String>,
    }
    /// A run ends in good order.
    RunEnded = 2, 1, "run-ended" {
        /// Why.
        why: String,
        /// Last link of the chain of decisions.
        link: Hash,
    }
    /// A tick with what it read.
    Tick = 3, 1, "tick" {
        /// Market time, s since 1970.
        at_s: i64,
        /// Feed.
        source: String,
        /// Number of the tick in its feed.
        number: u64,
        /// Hash of all that the snapshot held.
        snapshot: Hash,
        /// Indices, rates.
        levels: Vec<Level>,
        /// Quotes used.
        quotes: Vec<Quote>,
        /// Whatever else a replay needs, in the feed's own layout.
        rest: Blob,
    }
    /// A timer fired.
    Timer = 4, 1, "timer" {
        /// Which.
        name: String,
        /// Its time, s since 1970.
        at_s: i64,
    }
    /// A broker's words.
    Broker = 5, 1, "broker" {
        /// Words.
        said: BrokerSaid,
    }
    /// Other thresholds from the next tick on.
    ThresholdsApplied = 6, 1, "thresholds-applied" {
        /// Counts up from 1 in a run's life.
        version: u64,
        /// SHA-256 of the file.
        sha256: Hash,
        /// Of the file before.
        previous: Hash,
        /// The values in the canonical form.
        canonical: Blob,
        /// What changed.
        changes: Vec<Change>,
        /// Who: file, command, rollback.
        source: String,
        /// User's number, where it is known.
        uid: Option<u32>,
        /// Time of the file, ns since 1970.
        modified_ns: i64,
    }
    /// Thresholds that were not taken.
    ThresholdsRejected = 7, 1, "thresholds-rejected" {
        /// SHA-256 of the file; zeros where it could not be read.
        sha256: Hash,
        /// Why, a line each.
        errors: Vec<String>,
        /// Who.
        source: String,
    }
    /// Another strategy beside the running one, or in its place.
    StrategySwapped = 8, 1, "strategy-swapped" {
        /// Counts up from 1 in a run's life.
        version: u64,
        /// SHA-256 of the sources.
        sha256: Hash,
        /// Of the ones before.
        previous: Hash,
        /// Sources as they were read.
        sources: Blob,
        /// State that was dropped, by key; each was confirmed.
        dropped: Vec<String>,
    }
    /// What an operator said.
    Operator = 9, 1, "operator" {
        /// User's number, where it is known.
        uid: Option<u32>,
        /// `halt`.
        command: String,
        /// Its arguments.
        arguments: Vec<String>,
        /// What came of it.
        answer: String,
    }
    /// A plugin takes part.
    PluginLoaded = 10, 1, "plugin-loaded" {
        /// Id.
        id: String,
        /// Version.
        version: String,
        /// SHA-256 of its library.
        sha256: Hash,
        /// Contract.
        abi: u32,
    }
    /// A plugin takes part no longer.
    PluginQuarantined = 11, 1, "plugin-quarantined" {
        /// Id.
        id: String,
        /// Why.
        why: String,
    }
    /// A feed or connection changed how it stands.
    Feed = 12, 1, "feed" {
        /// Which.
        name: String,
        /// `fresh`, `stale`, `down`.
        state: String,
        /// Why.
        why: String,
    }
    /// What a live feed had told by an instant at which the run looked: with the data that the run began with, all that it saw.
    Seen = 13, 2, "seen" {
        /// Market time, s since 1970.
        at_s: i64,
        /// Feed.
        source: String,
        /// Indices, by symbol, as they stood.
        levels: Vec<Level>,
        /// Quotes that could be used.
        quotes: Quotes,
        /// Contracts whose newest quote was too old to be used.
        stale: Contracts,
        /// Indices whose newest value was too old to be used.
        stale_levels: Vec<String>,
        /// Bars that ended since the entry before.
        bars: Vec<Bar>,
        /// Bars that had begun and not ended: a run that goes on with this one goes on with them.
        under_way: Vec<Bar>,
    }
    /// An instance of a plugin's function died: it is missing from a row on, also where the run is computed again.
    PluginDied = 14, 1, "plugin-died" {
        /// Which of the run's plans it was of, from 1: each strategy and each build of a plugin that took over counts.
        generation: u64,
        /// Id of the plugin.
        id: String,
        /// Function.
        function: String,
        /// Key of the node that it computes.
        node: String,
        /// The node as the strategy writes it.
        text: String,
        /// First row that it gave nothing for, from 0 on the clock of the node.
        row: u64,
        /// Market time of the tick at which it was noticed, s since 1970.
        at_s: i64,
        /// What ended it.
        why: String,
    }
    /// What was decided at a tick.
    Decision = 20, 1, "decision" {
        /// Market time, s since 1970.
        at_s: i64,
        /// Hash of the outcome.
        outcome: Hash,
        /// Link of the chain of decisions.
        link: Hash,
        /// Version of the thresholds in force.
        thresholds: u64,
        /// Version of the strategy in force.
        strategy: u64,
        /// In a line per rule that did or nearly did something.
        words: Vec<String>,
    }
    /// An order that is about to be sent.
    OrderIntent = 21, 1, "order-intent" {
        /// Its name.
        order: String,
        /// Structure.
        group: String,
        /// Rule or policy that wants it.
        rule: String,
        /// `open`, `close`, `hedge`, `roll`.
        purpose: String,
        /// One package.
        legs: Vec<Leg>,
        /// Packages.
        quantity: u32,
        /// Worst net price in mills, credits positive; `None` is a market order.
        limit_mills: Option<i64>,
        /// The broker must refuse it from then on, s since 1970.
        not_after_s: i64,
        /// It stays at work until it is taken back, else to the end of the session.
        until_cancelled: bool,
        /// Most that it can lose, micro-dollars, where it is known.
        risk_micros: Option<i64>,
        /// Version of the thresholds that it was born with.
        thresholds: u64,
        /// Number in its run.
        number: u64,
        /// Decide but do not send.
        shadow: bool,
    }
    /// What is known after sending.
    SubmitResult = 22, 1, "submit-result" {
        /// Order.
        order: String,
        /// What is known.
        submission: Submission,
    }
    /// An intent that will never be sent, or sent again.
    IntentAbandoned = 23, 1, "intent-abandoned" {
        /// Order.
        order: String,
        /// Why.
        why: String,
    }
    /// An order of a run before, found at the broker and gone on with.
    Adopted = 24, 1, "adopted" {
        /// Order.
        order: String,
        /// The broker's name for it.
        broker_order: String,
        /// How it stands.
        status: OrderStatus,
        /// Packages filled.
        filled: u32,
    }
    /// An order is to be taken back.
    CancelIntent = 25, 1, "cancel-intent" {
        /// Order.
        order: String,
        /// Why.
        why: String,
    }
    /// An order that a safety rail did not let through.
    Refused = 26, 1, "refused" {
        /// Structure.
        group: String,
        /// Rule.
        rule: String,
        /// Rail.
        rail: String,
        /// In a sentence.
        why: String,
    }
    /// Something that a person must see.
    Alarm = 27, 1, "alarm" {
        /// `late-fill`, `external-order`, `position-mismatch`.
        key: String,
        /// In a sentence.
        text: String,
    }
    /// Journal and broker were compared.
    Reconciled = 28, 1, "reconciled" {
        /// `start`, `reconnect`, `periodic`, `operator`.
        occasion: String,
        /// Orders adopted.
        adopted: u32,
        /// Intents abandoned.
        abandoned: u32,
        /// Breaks, a line each; entries are blocked unless there is none.
        breaks: Vec<String>,
    }
    /// What was halted or set going again.
    Halt = 29, 1, "halt" {
        /// `none`, `entries`, `all`.
        level: String,
        /// Why.
        why: String,
    }
    /// A position that changed otherwise than by a trade of ours: taken over from the broker, assigned, split.
    PositionMoved = 30, 1, "position-moved" {
        /// What, and by how much.
        moved: Leg,
        /// Why.
        why: String,
    }
    /// What a run takes over from the one before: always its first entry.
    Carried = 31, 1, "carried" {
        /// Positions without the trades below.
        positions: Vec<Leg>,
        /// Orders whose end is not known, and the ones that the trades below belong to.
        orders: Vec<CarriedOrder>,
        /// Trades of the last days, so that none counts twice and each can still be corrected.
        fills: Vec<Fill>,
        /// What is halted: `none`, `entries`, `all`.
        halt: String,
        /// Why.
        halt_why: String,
        /// Thresholds in force, in the canonical form, and their version.
        thresholds: Blob,
        /// Version of the thresholds.
        thresholds_version: u64,
    }
    /// An order of unknown fate is about to be sent a second time under its name, to a broker that refuses old names.
    Resent = 32, 1, "resent" {
        /// Order.
        order: String,
    }
    /// What a broker said that an order would take, before it was sent or refused.
    WhatIf = 33, 1, "what-if" {
        /// Structure.
        group: String,
        /// Rule.
        rule: String,
        /// Answer.
        told: Told,
        /// What the engine counts for the account with the order, micro-dollars, where it knows.
        own_micros: Option<i64>,
        /// What the account is worth, micro-dollars, where it is known.
        worth_micros: Option<i64>,
    }
    /// The state after everything up to here.
    Snapshot = 40, 1, "snapshot" {
        /// Hash of the state.
        state: Hash,
        /// Hash of the bytes below.
        blob: Hash,
        /// The state in the engine's own layout; may be empty.
        bytes: Blob,
    }
}

impl Record {
    /// Number of a kind by its word.
    #[must_use]
    pub fn kind_of(word: &str) -> Option<u16> {
        Self::KINDS
            .iter()
            .find(|(_, w)| *w == word)
            .map(|(kind, _)| *kind)
    }

    /// Word of a kind; `unknown` for one of a newer program.
    #[must_use]
    pub fn word_of(kind: u16) -> &'static str {
        Self::KINDS
            .iter()
            .find(|(k, _)| *k == kind)
            .map_or("unknown", |(_, w)| w)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_of_the_layout_before_is_read_as_one_of_this_one() {
        let quote = Quote {
            instrument: Instrument::Future {
                class: "VX".to_owned(),
                expiry: 20_240_117,
            },
            bid_mills: Some(14_050),
            ask_mills: None,
            bid_size: Some(3),
            ask_size: None,
            at_s: 7,
        };
        // As a file from before has it: the same fields, the rows one by one, and no bars under way.
        let old = (
            9_i64,
            "the broker".to_owned(),
            vec![Level {
                name: "SPX".to_owned(),
                mills: Some(4_700_000),
            }],
            vec![quote.clone()],
            vec![quote.instrument.clone()],
            vec!["VIX".to_owned()],
            Vec::<Bar>::new(),
        );
        let mut bytes = postcard::to_stdvec(&old).unwrap();
        let Record::Seen(seen) = Record::from_bytes(13, 1, &bytes).unwrap() else {
            panic!("no look");
        };
        assert_eq!((seen.at_s, &*seen.quotes.0), (9, &[quote.clone()][..]));
        assert_eq!(seen.stale.0, [quote.instrument]);
        assert_eq!(seen.stale_levels, ["VIX"]);
        let again = Record::Seen(seen);
        assert_eq!(
            Record::from_bytes(13, 2, &again.to_bytes().unwrap()).unwrap(),
            again
        );
        bytes.push(0);
        assert!(matches!(
            Record::from_bytes(13, 1, &bytes),
            Err(WireError::Payload { .. })
        ));
        assert!(matches!(
            Record::from_bytes(13, 3, &bytes),
            Err(WireError::Schema { .. })
        ));
    }
}
