//! The execution graph: what a checked strategy computes and decides, in an order that can be evaluated.
//!
//! A graph is plain data. `nodes` is topologically sorted (inputs come before users) and ranked; equal computations are
//! one node; what nothing uses is pruned. Nothing here knows a market, a clock or a disk: the engine links a graph to
//! them. Everything is keyed by stable text keys (item paths such as `income.take_profit` or `alvh.base.rotate`), which
//! orders, traces, state, tests and hot swaps speak in.

use crate::ast::{Conflict, Direction, EventSide, GuardAction as AstGuardAction, OnUnknown, Right, Side};
use crate::builtin::{BookObs, Field, Indicator, Instrument, Math, PositionObs, VolEstimator};
use crate::span::Span;
use crate::unit::Unit;

/// Index into [`Graph::nodes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u32);
/// Index into [`Graph::thresholds`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ThresholdId(pub u32);
/// Index into [`Graph::structures`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StructureId(pub u32);
/// Index into [`Graph::feeds`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FeedId(pub u32);
/// Index into [`Graph::events`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(pub u32);
/// Index into [`Graph::scripts`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ScriptId(pub u32);

/// Index into [`Graph::plugins`].
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

/// Past reactions that an average needs: with fewer its own error is a third of the spread and more.
pub const LEAST_REACTIONS: u32 = 8;

/// What past reactions to an event say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Moved {
    /// Mean change of vol, points.
    Vol,
    /// Mean change of the underlying, a fraction.
    Spot,
    /// How many reactions.
    Count,
    /// Sample standard deviation of the changes of vol, points.
    VolSpread,
    /// The same of the underlying, a fraction.
    SpotSpread,
}

impl Moved {
    /// All, in the order of a scenario's inputs.
    pub const ALL: [Self; 5] = [
        Self::Vol,
        Self::Spot,
        Self::Count,
        Self::VolSpread,
        Self::SpotSpread,
    ];
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
        /// Which function: index into [`Graph::plugins`].
        function: PluginId,
        /// Numbers in the order of [`PluginDef::numbers`], canonical scale.
        params: Vec<f64>,
        /// Output: index into [`PluginDef::outputs`].
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

/// A number that may change while the strategy runs.
#[derive(Clone, Debug, PartialEq)]
pub struct ThresholdDef {
    /// Name, also its key.
    pub name: String,
    /// Unit.
    pub unit: Unit,
    /// How values are written in the thresholds file: `%`, `bps`, `vol`, `pts`, `delta`, `$`, `dte`, `lots` or empty.
    pub suffix: &'static str,
    /// Default, canonical scale.
    pub default: f64,
    /// Smallest allowed, canonical scale.
    pub min: f64,
    /// Largest allowed, canonical scale.
    pub max: f64,
    /// One line.
    pub doc: String,
    /// Where declared.
    pub span: Span,
}

/// A declared external series.
#[derive(Clone, Debug, PartialEq)]
pub struct FeedDef {
    /// Name in the file.
    pub name: String,
    /// Identifier in the store.
    pub feed: String,
    /// Unit of its values.
    pub unit: Unit,
    /// Age after which it is stale.
    pub stale_after: Option<Length>,
    /// Where declared.
    pub span: Span,
}

/// A plugin, and the function of it that the strategy calls.
#[derive(Clone, Debug, PartialEq)]
pub struct PluginDef {
    /// Name of the plugin.
    pub plugin: String,
    /// Name of the function; empty where the plugin is named alone, and nothing calls it.
    pub function: String,
    /// Series that it reads, in order: name and what it is.
    pub inputs: Vec<(String, ValueKind)>,
    /// Name of the option chain that it reads instead of series.
    pub chain: Option<String>,
    /// Numbers that it is set up with, in order: name, unit, default in canonical scale.
    pub numbers: Vec<(String, Unit, f64)>,
    /// What it gives, in order: name (empty for a single one) and what it is.
    pub outputs: Vec<(String, ValueKind)>,
    /// Where declared.
    pub span: Span,
}

/// An event calendar, declared or built in (`fomc`, `cpi`, `ppi`).
#[derive(Clone, Debug, PartialEq)]
pub struct EventDef {
    /// Name.
    pub name: String,
    /// Identifier in the store (the name in upper case for the built-in ones).
    pub feed: String,
}

/// A script with its signature.
#[derive(Clone, Debug, PartialEq)]
pub struct ScriptDef {
    /// Function name.
    pub name: String,
    /// Parameter names and units.
    pub params: Vec<(String, ValueKind)>,
    /// Result.
    pub returns: ValueKind,
    /// File, relative to the strategy file.
    pub file: String,
    /// Where declared.
    pub span: Span,
}

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

/// Basis of an entry size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SizeBasis {
    /// Loss bound of one lot.
    MaxLoss,
    /// Margin of one lot.
    Margin,
    /// Credit of one lot.
    Credit,
    /// Notional of one lot.
    Notional,
    /// Absolute vega of one lot.
    Vega,
}

/// Entry size.
#[derive(Clone, Debug, PartialEq)]
pub enum SizeDef {
    /// A number of lots.
    Lots(NodeId),
    /// Dollars divided by the basis of one lot, rounded down. Of a hedge layer without `by`: the measure that the amount
    /// is a share of.
    Budget {
        /// Dollars.
        amount: NodeId,
        /// Basis.
        by: SizeBasis,
    },
    /// Hedge layers: a share of the target that grows with votes.
    Scale {
        /// Share at none.
        lo: NodeId,
        /// Share at all.
        hi: NodeId,
        /// What it grows with: the layer's votes, or a number from 0 to 1.
        by: NodeId,
        /// Largest change per day.
        step: Option<NodeId>,
    },
}

/// Worst price accepted, fixed at the decision.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum LimitDef {
    /// Whatever the next snapshot quotes at the stated share.
    Market,
    /// Mid at the decision.
    Mid,
    /// Natural at the decision.
    Natural,
    /// Points per package, credits positive.
    At(NodeId),
}

/// Where a roll goes: the whole target package, leg by leg.
#[derive(Clone, Debug, PartialEq)]
pub enum RollDef {
    /// Every leg picked anew (`recentred`) in the given expiry.
    Recentred(ExpiryPick),
    /// Same strikes, other expiry.
    SameStrikes(ExpiryPick),
    /// One side moves: its short leg by the selector, its long leg keeps the held distance. `None` is the tested side.
    Side {
        /// Which.
        side: Option<Right>,
        /// New strike of the short leg.
        strike: StrikePick,
        /// Expiry of the moved side.
        expiry: ExpiryPick,
    },
}

/// A rule.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleDef {
    /// Stable key: `income.take_profit`.
    pub key: String,
    /// What it does.
    pub action: RuleAction,
    /// Condition.
    pub when: NodeId,
    /// Condition on the package (candidate domain).
    pub require: Option<NodeId>,
    /// Order price.
    pub limit: LimitDef,
    /// When `when` or `require` is unknown.
    pub unknown: OnUnknown,
    /// Rolls: of several expiries, the one with the largest value (candidate domain).
    pub rank: Option<NodeId>,
    /// When a contract stands the other way round in another position or order.
    pub conflict: Conflict,
    /// Documentation of the policy.
    pub doc: String,
    /// Where.
    pub span: Span,
}

/// What a rule does.
#[derive(Clone, Debug, PartialEq)]
pub enum RuleAction {
    /// Open a package.
    Open {
        /// How much.
        size: SizeDef,
        /// Lots at most.
        at_most: Option<NodeId>,
        /// Positions of the structure at once.
        up_to: NodeId,
    },
    /// Close (a share of) a position.
    Close {
        /// Share of the lots, rounded up; closed once until the condition has been known to be false again.
        portion: Option<NodeId>,
    },
    /// Close and reopen as one package.
    Roll {
        /// Target.
        to: RollDef,
    },
}

/// A policy with its rules, grouped so that the engine can walk close → roll → open.
#[derive(Clone, Debug, PartialEq)]
pub struct PolicyDef {
    /// Name, also its key.
    pub key: String,
    /// Structure it acts on.
    pub structure: StructureId,
    /// Rules in textual order.
    pub rules: Vec<RuleDef>,
    /// Documentation.
    pub doc: String,
    /// Where.
    pub span: Span,
}

/// A guard rule.
#[derive(Clone, Debug, PartialEq)]
pub struct GuardRuleDef {
    /// Stable key: `book.0`, `book.1`, … in textual order.
    pub key: String,
    /// What must hold.
    pub require: NodeId,
    /// What happens when it does not.
    pub action: GuardAct,
    /// When unknown.
    pub unknown: GuardUnknown,
    /// Where.
    pub span: Span,
}

/// What a guard does while its requirement is unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GuardUnknown {
    /// No open this tick, whatever its action is: nothing is waved through, and nothing is halted, closed or said for
    /// want of a number. The default.
    #[default]
    Block,
    /// `unknown hold`: as if it held.
    Hold,
    /// `unknown act`: its action, as if it failed.
    Act,
}

/// What a guard does.
#[derive(Clone, Debug, PartialEq)]
pub enum GuardAct {
    /// No open this tick.
    BlockOpen,
    /// No open until resumed.
    HaltOpen,
    /// Close every position of the structure.
    Flatten(StructureId),
    /// Say it.
    Alert(String),
}

/// Greek, amount, and the band held around it (fractions).
pub type HedgeTarget = (crate::builtin::Greek, NodeId, Option<(NodeId, NodeId)>);

/// A hedge: what it is to carry against its structure, and the layers that carry it.
#[derive(Clone, Debug, PartialEq)]
pub struct HedgeDef {
    /// Name, also its key.
    pub key: String,
    /// Structure hedged.
    pub structure: StructureId,
    /// Target amount and band (fractions as nodes).
    pub target: Option<HedgeTarget>,
    /// Layers.
    pub layers: Vec<LayerDef>,
    /// Every other clause of the hedge: key suffix (`cap`, `budget.month`, `budget.year`, `band`, `map`, `map.at`), and the node that
    /// it reads.
    pub clauses: Vec<(String, NodeId)>,
    /// Documentation.
    pub doc: String,
    /// Where.
    pub span: Span,
}

/// A layer of a hedge.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerDef {
    /// Stable key: `alvh.base`.
    pub key: String,
    /// What it owns.
    pub own: Option<StructureId>,
    /// Size.
    pub size: Option<SizeDef>,
    /// Votes in textual order.
    pub votes: Vec<NodeId>,
    /// `active when … until …` as one latch node, or the bare condition; while the structure is held, if the layer says
    /// nothing.
    pub active: Option<NodeId>,
    /// Other conditions and amounts by key suffix: `rotate`, `migrate`, `migrate.share`, `cap`, …
    pub clauses: Vec<(String, NodeId)>,
    /// Words by key suffix: `roll` is `weekly`, `rotate.to` is `mid_term`, `migrate.month` is `2`.
    pub words: Vec<(String, String)>,
    /// Keys of what the layer does, with the condition of each: `alvh.base` (its switch and size), `alvh.base.roll`,
    /// `alvh.base.rotate`, `alvh.base.migrate`. Orders carry these keys.
    pub rules: Vec<(String, NodeId)>,
    /// What `rotate to` names: a declared structure, or what another layer owns.
    pub rotate: Option<StructureId>,
    /// When `active`, `rotate` or `migrate` is unknown.
    pub unknown: OnUnknown,
    /// Where.
    pub span: Span,
}

/// An overlay: a future or share that holds a structure's delta in a band.
#[derive(Clone, Debug, PartialEq)]
pub struct OverlayDef {
    /// Name, also its key.
    pub key: String,
    /// Structure whose greeks it trades.
    pub structure: StructureId,
    /// Instrument traded.
    pub instrument: Instrument,
    /// Target and band of delta.
    pub target: Option<(NodeId, NodeId)>,
    /// Conditions by key suffix: `active` (while the structure is held, if the overlay says nothing), `require`.
    pub clauses: Vec<(String, NodeId)>,
    /// Where.
    pub span: Span,
}

/// What is held apart from the rest of the account, with money of its own.
#[derive(Clone, Debug, PartialEq)]
pub struct SubaccountDef {
    /// Name.
    pub key: String,
    /// Dollars set apart of the strategy's capital.
    pub capital_usd: f64,
    /// Names of the policies, hedges and overlays that it holds.
    pub holds: Vec<String>,
    /// Keys of the positions that belong to it: structures, layers, overlays.
    pub structures: Vec<String>,
    /// Documentation.
    pub doc: String,
    /// Where.
    pub span: Span,
}

/// Settings of the strategy, defaults filled in.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Name.
    pub name: String,
    /// Documentation.
    pub doc: String,
    /// Starting capital in dollars.
    pub capital_usd: f64,
    /// Cadence of evaluation.
    pub every: Length,
    /// Instrument whose session is evaluated in.
    pub instrument: Instrument,
    /// Session name: `regular`.
    pub session: String,
    /// Operator overlays are allowed.
    pub promoter: bool,
    /// Fills on the snapshot of the decision: results are marked.
    pub fill_same_bar: bool,
    /// What a fill gives up of the half-spread.
    pub cross: Cross,
    /// How the size of an order matters.
    pub depth: Depth,
    /// Fee schedule name.
    pub fees: String,
    /// Settlement may be approximated where the settlement series is missing: results are marked.
    pub settle_approximate: bool,
    /// Name of the margin rulebook that is enforced.
    pub margin: String,
    /// A margin call closes every position.
    pub flatten_on_call: bool,
}

/// What a fill gives up of the half-spread.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cross {
    /// A share, 0..=1.
    Share(f64),
    /// A share that falls with the number of legs traded.
    ByLegs,
}

/// How the size of an order matters to its fill. `assume`: contracts where the data show no size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Not at all.
    Unlimited,
    /// Larger orders give up more.
    Impact {
        /// See [`Depth`].
        assume: Option<u32>,
    },
    /// As [`Depth::Impact`], and no more than the size shown fills.
    Limited {
        /// See [`Depth`].
        assume: Option<u32>,
    },
}

/// The graph.
#[derive(Clone, Debug, PartialEq)]
pub struct Graph {
    /// Settings.
    pub settings: Settings,
    /// Nodes, topologically sorted.
    pub nodes: Vec<Node>,
    /// Threshold slots in textual order.
    pub thresholds: Vec<ThresholdDef>,
    /// Feeds.
    pub feeds: Vec<FeedDef>,
    /// Events.
    pub events: Vec<EventDef>,
    /// Scripts.
    pub scripts: Vec<ScriptDef>,
    /// Structures, hedge layers' own included.
    pub structures: Vec<StructureDef>,
    /// Guards in textual order (their rules flattened).
    pub guards: Vec<GuardRuleDef>,
    /// Policies in textual order.
    pub policies: Vec<PolicyDef>,
    /// Hedges in textual order.
    pub hedges: Vec<HedgeDef>,
    /// Overlays in textual order.
    pub overlays: Vec<OverlayDef>,
    /// Subaccounts in textual order.
    pub subaccounts: Vec<SubaccountDef>,
    /// Plugins' functions named by `use plugin`, in textual order.
    pub plugins: Vec<PluginDef>,
}

impl Graph {
    /// The node of an id; ids come from the graph itself, so `None` only for a foreign id.
    #[must_use]
    pub fn node(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(id.0 as usize)
    }

    /// The condition behind nodes that only carry it to another clock; the node itself when it is no such carrier.
    #[must_use]
    pub fn carried(&self, mut id: NodeId) -> NodeId {
        while let Some(node) = self.node(id) {
            match (&node.op, node.inputs.first()) {
                (Op::AsOf | Op::SessionLast, Some(input)) if node.kind == ValueKind::Bool && *input < id => {
                    id = *input;
                }
                _ => break,
            }
        }
        id
    }

    /// Names a guard's action as written, for traces.
    #[must_use]
    pub fn action_text(action: &AstGuardAction) -> String {
        match action {
            AstGuardAction::BlockOpen => "block open".to_owned(),
            AstGuardAction::HaltOpen => "halt open".to_owned(),
            AstGuardAction::Flatten(s) => format!("flatten {}", s.value),
            AstGuardAction::Alert(t) => format!("alert {:?}", t.value),
        }
    }
}
