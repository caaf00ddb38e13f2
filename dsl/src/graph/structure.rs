//! What is owned: structures, their legs, expiries and strikes.

use super::NodeId;
use crate::ast::{Direction, Right, Side};
use crate::builtin::Instrument;
use crate::span::Span;

/// Which expiry a leg takes. Day counts are nodes (a constant or a threshold).
#[derive(Clone, Debug, PartialEq)]
pub enum ExpiryPick {
    /// Listed expiry nearest to the target inside the window; ties go to the earlier.
    Nearest {
        /// Target.
        dte: NodeId,
        /// Window, inclusive.
        window: Option<(NodeId, NodeId)>,
        /// Settlement or cycle restriction.
        only: Option<ExpiryOnly>,
    },
    /// The expiry held (rolls).
    Same,
    /// The monthly expiry of this number, counted from the front: what a hedge's layer migrates to. No clause writes it.
    Month(u8),
}

impl ExpiryPick {
    /// Whether two clauses surely choose one expiry, whatever is listed: the same clause, or the same numbers in both.
    /// `number` gives the value of a node that is a constant.
    pub(crate) fn surely_same(&self, other: &Self, number: &dyn Fn(NodeId) -> Option<f64>) -> bool {
        let bits = |id: NodeId| number(id).map(f64::to_bits);
        let same = |x: NodeId, y: NodeId| x == y || bits(x).zip(bits(y)).is_some_and(|(x, y)| x == y);
        match (self, other) {
            (
                Self::Nearest {
                    dte: x,
                    window: v,
                    only: o,
                },
                Self::Nearest {
                    dte: y,
                    window: w,
                    only: p,
                },
            ) => {
                let windows = match (v, w) {
                    (None, None) => true,
                    (Some((a, b)), Some((c, d))) => same(*a, *c) && same(*b, *d),
                    _ => false,
                };
                o == p && same(*x, *y) && windows
            }
            (a, b) => a == b,
        }
    }
}

/// Restriction of [`ExpiryPick::Nearest`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ExpiryOnly {
    /// AM-settled only.
    Am,
    /// PM-settled only.
    Pm,
    /// Third-Friday cycle only.
    Monthly,
}

/// Which strike a leg takes. Amounts are nodes (a constant or a threshold) in canonical scale.
#[derive(Clone, Debug, PartialEq)]
pub enum StrikePick {
    /// Absolute delta nearest to this fraction.
    Delta(NodeId),
    /// Mid premium nearest to this many points.
    Premium(NodeId),
    /// This fraction out of the money from spot.
    Otm(NodeId),
    /// This many standard deviations (ATM implied vol times sqrt(T)) out of the money from the forward.
    Sd(NodeId),
    /// Nearest to spot.
    Spot,
    /// Nearest to the forward.
    Forward,
    /// An offset from an anchor.
    Offset {
        /// How far.
        amount: OffsetAmount,
        /// Which way.
        direction: Direction,
        /// From what.
        anchor: StrikeAnchor,
        /// The strike must be listed exactly (a width in points is a promise); otherwise the nearest listed one is taken.
        exact: bool,
    },
    /// A formula in points (market domain).
    Formula(NodeId),
    /// The strike of another leg.
    SameAs(u8),
    /// The strike held (rolls).
    Held,
}

/// Amount of a strike offset.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum OffsetAmount {
    /// Points.
    Points(NodeId),
    /// Fraction of the anchor.
    Fraction(NodeId),
    /// Standard deviations to expiry.
    Sd(NodeId),
}

/// What a strike offset is measured from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StrikeAnchor {
    /// Leg by index in the structure.
    Leg(u8),
    /// Underlying price.
    Spot,
    /// Forward of the leg's expiry.
    Forward,
}

/// A leg of a structure.
#[derive(Clone, Debug, PartialEq)]
pub struct LegDef {
    /// Words that name it: `short put`, `long call far`.
    pub name: String,
    /// Long or short.
    pub side: Side,
    /// Option right; `None` is a future.
    pub right: Option<Right>,
    /// Contracts per package.
    pub ratio: u32,
    /// Strike (unused for futures).
    pub strike: StrikePick,
    /// Expiry.
    pub expiry: ExpiryPick,
    /// Futures: month from the front.
    pub month: Option<u8>,
    /// Where written.
    pub span: Span,
}

impl LegDef {
    /// Neither option nor future: shares, [`LegDef::ratio`] of them.
    #[must_use]
    pub const fn is_shares(&self) -> bool {
        self.right.is_none() && self.month.is_none()
    }
}

/// A structure: legs in an order in which each leg's anchors come before it.
#[derive(Clone, Debug, PartialEq)]
pub struct StructureDef {
    /// Name, also its key; for what a layer owns the layer's key (`alvh.base`).
    pub key: String,
    /// Shape as written.
    pub shape: String,
    /// Underlying.
    pub underlying: Instrument,
    /// Legs.
    pub legs: Vec<LegDef>,
    /// The loss at expiry is bounded whatever strikes are picked.
    pub defined_risk: bool,
    /// Where.
    pub span: Span,
}

impl StructureDef {
    /// The shape promises that no sold put stands above a sold call: chosen together, or one side moved because it is
    /// tested, a package that breaks this is not ordered. A side that a roll names may cross the other.
    #[must_use]
    pub fn keeps_sides_apart(&self) -> bool {
        matches!(self.shape.as_str(), "iron condor" | "iron fly")
    }
}
