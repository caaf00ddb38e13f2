//! Structures: legs, expiries, strikes.

use super::{Expr, Ident, Literal, Node};
use crate::span::Span;

/// What a structure is made of: `SHAPE on UNDERLYING { clauses }`, named by an item or written in place (`own …`).
#[derive(Clone, Debug, PartialEq)]
pub struct Shape {
    /// Words of the shape as written, joined by one space: `iron condor`, `put spread`, `call`, `future spread`, `legs`.
    pub kind: Ident,
    /// Underlying.
    pub underlying: Ident,
    /// Clauses in textual order.
    pub clauses: Vec<Node<LegClause>>,
}

/// `structure NAME = SHAPE`.
#[derive(Clone, Debug, PartialEq)]
pub struct Structure {
    /// Name.
    pub name: Ident,
    /// Its composition.
    pub shape: Shape,
}

/// Long or short.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Side {
    /// Bought.
    Long,
    /// Sold.
    Short,
}

/// Put or call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Right {
    /// Put.
    Put,
    /// Call.
    Call,
}

/// Above or below (also: crosses above, up; crosses below, down).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Direction {
    /// Greater, upwards.
    Above,
    /// Less, downwards.
    Below,
}

/// A leg as named in text: `short put`, or `short put near` when a shape has two of a kind.
#[derive(Clone, Debug)]
pub struct LegRef {
    /// Long or short.
    pub side: Side,
    /// Put, call, or both sides (`short` alone: the tested one, of largest absolute delta).
    pub right: Option<Right>,
    /// Extra name when declared (`long put far`).
    pub name: Option<Ident>,
    /// Where.
    pub span: Span,
}

impl PartialEq for LegRef {
    fn eq(&self, o: &Self) -> bool {
        (self.side, self.right, &self.name) == (o.side, o.right, &o.name)
    }
}

/// A clause inside a shape's braces.
#[derive(Clone, Debug, PartialEq)]
pub enum LegClause {
    /// `expiry nearest 45 dte in 38..52 dte`: applies to every leg without one of its own.
    Expiry(ExpirySelector),
    /// `short put at 16 delta`, `long 2 call 25 pts above short call, expiry nearest 90 dte`.
    Leg {
        /// Which leg.
        leg: LegRef,
        /// Contracts per package; 1 when left out.
        ratio: Option<Literal>,
        /// Strike.
        strike: StrikeSelector,
        /// Expiry of its own.
        expiry: Option<ExpirySelector>,
    },
    /// `strike at 30 delta` or `at 5 delta`: the one strike of a single option, or the body of a butterfly or straddle.
    Strike(StrikeSelector),
    /// `wings 50 pts`: distance of a butterfly's or fly's outer strikes from the body.
    Wings(Amount),
    /// `long month 4`, `short month 7` of a future spread.
    Month {
        /// Long or short.
        side: Side,
        /// Months from the front, from 1.
        month: Literal,
    },
    /// `long 100 shares`: one lot of `shares`.
    Shares {
        /// Long or short.
        side: Side,
        /// Shares of a lot.
        count: Literal,
    },
}

/// An amount that an author may also name: a literal, or the name of a threshold.
#[derive(Clone, Debug, PartialEq)]
pub enum Amount {
    /// `16 delta`
    Literal(Literal),
    /// `short_delta`, a threshold
    Name(Ident),
}

/// Which expiry.
#[derive(Clone, Debug, PartialEq)]
pub enum ExpirySelector {
    /// `nearest 45 dte in 38..52 dte only pm`, window and restriction optional.
    Nearest {
        /// Target days to expiry.
        dte: Amount,
        /// Accepted range, both ends included.
        window: Option<(Amount, Amount)>,
        /// `pm`/`am`/`monthly` restriction.
        only: Option<Ident>,
    },
    /// `same expiry` (rolls).
    Same,
}

/// Which strike. Where the nearest listed strike is taken, ties go to the one further from the money.
#[derive(Clone, Debug, PartialEq)]
pub enum StrikeSelector {
    /// `at 16 delta` (absolute delta), `at 1.20 pts` (premium), `at 25% otm`, `at 1.5 sd`: by the literal's unit.
    At(Amount),
    /// `at spot`, `at forward`, `at money` (nearest to the forward).
    AtWord(Ident),
    /// `50 pts below short put`, `5% above spot`: amount, direction, anchor.
    Offset {
        /// Amount: points, percent of the anchor, or `sd`.
        amount: Amount,
        /// Above or below.
        direction: Direction,
        /// What it is measured from.
        anchor: Anchor,
        /// Written `about 50 pts below …`: the nearest listed strike will do. Without it a distance in points must be
        /// listed exactly, or the package is not built (traced); percent and `sd` distances are always about.
        about: bool,
    },
    /// `at strike EXPR`: a formula in points.
    Formula(Box<Expr>),
    /// `at strike of short put`.
    SameAs(LegRef),
}

/// What a strike offset is measured from.
#[derive(Clone, Debug, PartialEq)]
pub enum Anchor {
    /// Another leg's strike.
    Leg(LegRef),
    /// `spot` or `forward`.
    Word(Ident),
}
