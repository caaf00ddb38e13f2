//! What the checker knows of a value besides its node, and where an expression stands.

use crate::ast::{LitUnit, Literal};
use crate::builtin::Instrument;
use crate::graph::{NodeId, StructureId, ValueKind};
use crate::unit::Unit;

/// Whether a number is a level ("VIX is at 18"), a change ("VIX moved by 2"), or may be either.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Affine {
    /// A price, a strike, an implied volatility.
    Level,
    /// A difference of two levels, a deviation, a range.
    Change,
    /// A literal, a threshold, a ratio, money.
    Free,
}

impl Affine {
    /// Of a sum.
    pub(super) fn add(self, other: Self) -> Self {
        match (self, other) {
            (Self::Level, Self::Change | Self::Free) | (Self::Change | Self::Free, Self::Level) => {
                Self::Level
            }
            (Self::Change, Self::Change | Self::Free) | (Self::Free, Self::Change) => Self::Change,
            (Self::Level, Self::Level) | (Self::Free, Self::Free) => Self::Free,
        }
    }

    /// Of a difference.
    pub(super) fn sub(self, other: Self) -> Self {
        match (self, other) {
            (Self::Level, Self::Level) => Self::Change,
            (Self::Level, Self::Change | Self::Free) => Self::Level,
            (Self::Change, Self::Change | Self::Free) | (Self::Free, Self::Change) => Self::Change,
            (Self::Change | Self::Free, Self::Level) | (Self::Free, Self::Free) => Self::Free,
        }
    }

    /// Of a choice between two.
    pub(super) fn join(self, other: Self) -> Self {
        if self == other { self } else { Self::Free }
    }
}

/// A checked value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Val {
    pub(super) id: NodeId,
    pub(super) affine: Affine,
    /// A literal zero without a unit, which fits every unit.
    pub(super) zero: bool,
}

impl Val {
    pub(super) const fn free(id: NodeId) -> Self {
        Self {
            id,
            affine: Affine::Free,
            zero: false,
        }
    }

    pub(super) const fn of(id: NodeId, affine: Affine) -> Self {
        Self {
            id,
            affine,
            zero: false,
        }
    }
}

/// The structure whose position or candidate is at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hand {
    pub(super) structure: StructureId,
    pub(super) underlying: Instrument,
}

/// Where an expression stands, which decides what its names may mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A signal, or a strike formula: the market alone.
    Market,
    /// `open when`, guards, sizes: the account too.
    Book,
    /// `close when`, `roll when`: one open position.
    Position(Hand),
    /// `require` of `open` and `roll`: one candidate package.
    Candidate(Hand),
    /// A clause of a hedge layer; the node of its votes when it has any, and their number.
    Layer(Option<(NodeId, usize)>),
    /// A clause of an overlay.
    Overlay,
}

/// A number of a unit.
pub(super) const fn number(unit: Unit) -> ValueKind {
    ValueKind::Number(unit)
}

/// What a literal measures, in words of the type system; `None` for units that are not values (durations, `sd`).
pub(super) const fn literal_unit(unit: LitUnit) -> Option<Unit> {
    Some(match unit {
        LitUnit::None
        | LitUnit::Percent
        | LitUnit::Bps
        | LitUnit::Dte
        | LitUnit::Days
        | LitUnit::Lots
        | LitUnit::Positions => Unit::NONE,
        LitUnit::Usd => Unit::USD,
        LitUnit::Vol => Unit::VOL,
        LitUnit::Pts => Unit::PTS,
        LitUnit::Delta => Unit::DELTA,
        LitUnit::Sd
        | LitUnit::Minutes
        | LitUnit::Hours
        | LitUnit::Sessions
        | LitUnit::Bars
        | LitUnit::Ticks => return None,
    })
}

/// The canonical value: percent, basis points and delta as fractions, everything else as written.
pub(super) fn canonical(literal: &Literal) -> f64 {
    match literal.unit {
        LitUnit::Percent | LitUnit::Delta => literal.number / 100.0,
        LitUnit::Bps => literal.number / 10_000.0,
        _ => literal.number,
    }
}

/// How values of this unit are written in a thresholds file.
pub(super) const fn suffix(unit: LitUnit) -> &'static str {
    match unit {
        LitUnit::Percent => "%",
        LitUnit::Bps => "bps",
        LitUnit::Usd => "$",
        LitUnit::Vol => "vol",
        LitUnit::Pts => "pts",
        LitUnit::Delta => "delta",
        LitUnit::Dte => "dte",
        LitUnit::Lots => "lots",
        LitUnit::Sd => "sd",
        LitUnit::Days => "days",
        LitUnit::None
        | LitUnit::Positions
        | LitUnit::Minutes
        | LitUnit::Hours
        | LitUnit::Sessions
        | LitUnit::Bars
        | LitUnit::Ticks => "",
    }
}

/// The words of a unit, for messages: `35 vol` measures `vol`.
pub(super) fn kind_text(kind: ValueKind) -> String {
    match kind {
        ValueKind::Bool => "a condition".to_owned(),
        ValueKind::Number(unit) => unit.to_string(),
    }
}

/// A bare number rewritten with the unit that is wanted: `35` as vol is `35 vol`.
pub(super) fn with_unit(text: &str, x: f64, unit: Unit) -> Option<String> {
    Some(match unit {
        Unit::VOL => format!("{text} vol"),
        Unit::PTS => format!("{text} pts"),
        Unit::USD if x < 0.0 => format!("-${}", text.trim_start_matches('-')),
        Unit::USD => format!("${text}"),
        // An author who writes 0.3 means 30 delta.
        Unit::DELTA if x.abs() < 1.0 => format!("{} delta", (x * 1e6).round() / 1e4),
        Unit::DELTA => format!("{text} delta"),
        _ => return None,
    })
}
