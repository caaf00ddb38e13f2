//! What is computed: nodes and their operations.

use super::Moved;
use crate::ast::{Direction, EventSide};
use crate::builtin::{BookObs, Field, Indicator, Instrument, Math, PositionObs, VolEstimator};
use crate::span::Span;
use crate::unit::Unit;

/// Index into [`super::Graph::nodes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u32);

/// Index into [`super::Graph::thresholds`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ThresholdId(pub u32);

/// Index into [`super::Graph::structures`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StructureId(pub u32);

/// Index into [`super::Graph::feeds`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FeedId(pub u32);

/// Index into [`super::Graph::events`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(pub u32);

/// Index into [`super::Graph::scripts`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ScriptId(pub u32);

/// Index into [`super::Graph::plugins`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PluginId(pub u32);

/// What a node yields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ValueKind {
    /// A number of this unit, known or missing.
    Number(Unit),
    /// True, false or unknown.
    Bool,
}

/// The steps on which a node's value may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Clock {
    /// Never: constants and thresholds.
    Constant,
    /// Once per completed session.
    Session,
    /// Once per completed bar of this many minutes.
    Minutes(u16),
    /// At each evaluation.
    Tick,
}

/// What a node's value depends on; also the order in which the engine evaluates. A node's domain is the largest of its inputs'.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Domain {
    /// The market (and thresholds) alone: the batch driver computes whole columns.
    Market,
    /// The account as a whole, at each tick.
    Book,
    /// One open position: evaluated, with state of its own, for each.
    Position,
    /// One package about to be ordered.
    Candidate,
}

/// Length of a window or delay, in steps of the node's clock or in calendar terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Length {
    /// Steps of the input's own clock (ticks for a tick-clock input).
    Bars(u32),
    /// Sessions (events, staleness).
    Sessions(u32),
    /// Calendar days.
    Days(u32),
    /// Minutes.
    Minutes(u32),
}

/// A change of one input of a scenario.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ShiftBy {
    /// Implied volatilities by vol points.
    VolPoints(f64),
    /// Underlying by a fraction.
    SpotFraction(f64),
    /// Time forward by calendar days.
    Days(f64),
}

/// Arithmetic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Arith {
    /// `a + b`
    Add,
    /// `a - b`
    Sub,
    /// `a * b` (also `of`)
    Mul,
    /// `a / b`; missing(division by zero) when b is 0
    Div,
}

/// Comparison of two numbers of one unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cmp {
    /// `<`
    Lt,
    /// `<=`
    Le,
    /// `>`
    Gt,
    /// `>=`
    Ge,
    /// `=`
    Eq,
    /// `!=`
    Ne,
}

impl Cmp {
    /// The same with the sides exchanged: `a < b` is `b > a`.
    #[must_use]
    pub const fn mirrored(self) -> Self {
        match self {
            Self::Lt => Self::Gt,
            Self::Le => Self::Ge,
            Self::Gt => Self::Lt,
            Self::Ge => Self::Le,
            Self::Eq | Self::Ne => self,
        }
    }
}

/// A parameter that is fixed when the graph is built.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Param {
    /// A whole number (a window).
    Count(u32),
    /// A number (standard deviations, quantile, minimum z).
    Number(f64),
    /// Estimator of realized volatility.
    Estimator(VolEstimator),
    /// `correlation(…, returns = level)`.
    OnLevels,
}

/// What a node computes.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// A number in canonical scale: percent as fraction, delta as fraction, vol in points, dollars, points, days.
    Number(f64),
    /// The value of a threshold slot.
    Threshold(ThresholdId),
    /// A field of an instrument; `month` (from 1) for `VX[n]`. The node's clock says which bars.
    Field {
        /// Instrument.
        instrument: Instrument,
        /// Month of a futures curve.
        month: Option<u8>,
        /// Field.
        field: Field,
    },
    /// Value of a declared feed.
    Feed(FeedId),
    /// `implied_vol(SPX, 30 days)`: at-the-forward implied volatility at a constant maturity in days, from chains (total
    /// variance interpolated linearly in time). Vol points.
    ImpliedVol {
        /// Underlying.
        instrument: Instrument,
        /// Maturity in calendar days.
        days: u32,
    },
    /// `constant_maturity(VX, 30 days)`: VX curve interpolated linearly in days to settlement. Vol points.
    ConstantMaturity {
        /// Maturity in calendar days.
        days: u32,
    },
    /// A windowed function; `output` picks one of several outputs in the order of [`Indicator`]'s documentation.
    Indicator {
        /// Which.
        which: Indicator,
        /// Parameters in declared order.
        params: Vec<Param>,
        /// Output index.
        output: u8,
    },
    /// Tick-clock input sampled on its last tick of each session (so that a window can be said in sessions).
    SessionLast,
    /// A slower clock's newest visible value, read at each tick.
    AsOf,
    /// Arithmetic on two inputs.
    Arith(Arith),
    /// Negation of a number.
    Neg,
    /// Elementary function.
    Math(Math),
    /// Comparison of two inputs.
    Compare(Cmp),
    /// `x in lo..hi`: inputs x, lo, hi.
    InRange,
    /// Kleene conjunction of all inputs (flattened, textual order).
    And,
    /// Kleene disjunction of all inputs.
    Or,
    /// Kleene negation.
    Not,
    /// `a crosses above b`: a <= b one step ago and a > b now (below: mirrored). Unknown until two steps are known.
    Crosses(Direction),
    /// `x for n bars`: x true on this and the n - 1 steps before. Unknown steps make it unknown unless a false one decides.
    For(u32),
    /// `on until off`: inputs on, off. Latched true by `on`, released by `off`; `off` wins when both hold.
    Until,
    /// `x up|down amount over window`: input x and amount; relative when the flag is set.
    Moves {
        /// Up or down.
        direction: Direction,
        /// The amount is a fraction of the old value.
        relative: bool,
        /// Window in bars of the input's clock.
        bars: u32,
    },
    /// `within 1 day before fomc`.
    Within {
        /// Event.
        event: EventId,
        /// Side.
        side: EventSide,
        /// Distance.
        length: Length,
    },
    /// `surprise(cpi)`: first print minus consensus of the newest release known. Missing without a consensus.
    Surprise(EventId),
    /// `implied_forward(VIX, 1)`: what the options that settle with a future say that it is worth, by put-call parity.
    ImpliedForward {
        /// Underlying of the options.
        instrument: Instrument,
        /// Month of the future from the front: VX for VIX, the quarterly ES for SPX.
        month: u8,
    },
    /// `reaction(fomc, VIX, 8)`: mean change of the close over the past events; missing with fewer than so many.
    Reaction {
        /// Event.
        event: EventId,
        /// Instrument whose daily closes are read.
        instrument: Instrument,
        /// Fewest events.
        least: u32,
    },
    /// A Rhai function over its inputs.
    Script(ScriptId),
    /// An output of a plugin's function over its inputs, stepped on the node's clock. Missing until the plugin is loaded.
    Plugin {
        /// Which function: index into [`super::Graph::plugins`].
        function: PluginId,
        /// Numbers in the order of [`super::PluginDef::numbers`], canonical scale.
        params: Vec<f64>,
        /// Output: index into [`super::PluginDef::outputs`].
        output: u8,
        /// Whose option chain it reads, for a function that reads one; it then has no inputs.
        chain: Option<Instrument>,
    },
    /// Votes counted among the inputs: how many are true (unknown when the unknown ones could matter is the engine's
    /// business: as a number it is missing while any input is unknown).
    Votes,
    /// Something about the account, a structure's positions, or (`None`) the whole book.
    Book {
        /// What.
        what: BookObs,
        /// Of which structure; the whole book when `None`.
        of: Option<StructureId>,
    },
    /// Something about the position at hand, or about the candidate (by the node's domain).
    Position(PositionObs),
    /// `highest(x, since entry)` / `lowest(…)`: extreme of a position-domain input over the position's life.
    SinceEntry(Direction),
    /// How the market moved over past occurrences of an event, from the last daily closes before each to the first after it;
    /// missing with fewer than `least`.
    EventMove {
        /// Event.
        event: EventId,
        /// Index whose closes are the underlying's.
        spot: Instrument,
        /// Index whose closes are its implied vol at thirty days.
        vol: Instrument,
        /// Fewest reactions.
        least: u32,
        /// What of them.
        what: Moved,
    },
    /// `irr(core, under …)`: annual rate of return in a shifted market, of a candidate or of the structure's open positions.
    /// Inputs, for each event of the scenario: its moves in the order of [`Moved::ALL`], of which the first two shift the
    /// market and the others stand in the trace.
    Irr {
        /// Structure.
        of: StructureId,
        /// Scenario.
        under: Vec<ShiftBy>,
    },
    /// `cushion(under …)`: (cash + bills) over the margin required, both after the shift. Inputs as for [`Op::Irr`].
    Cushion {
        /// Scenario.
        under: Vec<ShiftBy>,
    },
    /// `expected_gain` of an overlay's trade as a share of its notional: half of gamma times the index squared times realized
    /// minus implied variance times the interval until the next rebalance.
    OverlayGain,
    /// `cost(lo..hi)` of an overlay's trade as a share of its notional: fees and spread, no less than `lo`, no more than `hi`.
    OverlayCost {
        /// Lower bound, fraction.
        lo: f64,
        /// Upper bound, fraction.
        hi: f64,
    },
}

/// One node.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Stable key: the item path for named things (`vix_rsi`), else the path of the first use (`income.open.when.1`).
    pub key: String,
    /// What it computes.
    pub op: Op,
    /// Inputs, all of smaller index.
    pub inputs: Vec<NodeId>,
    /// What it yields.
    pub kind: ValueKind,
    /// When it changes.
    pub clock: Clock,
    /// What it depends on.
    pub domain: Domain,
    /// Longest distance from a source.
    pub rank: u32,
    /// Source text in canonical format, for traces (`VIX.last < 35 vol`).
    pub text: String,
    /// Where it was first written.
    pub span: Span,
}
