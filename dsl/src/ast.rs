//! The syntax tree: what was written, nothing inferred. Every node carries its span.
//!
//! Equality ignores spans (the formatter compares trees before and after), see [`crate::ast::Node`].

use crate::span::Span;

/// A value with the place where it was written. Equality compares the value alone.
#[derive(Clone, Debug, Default)]
pub struct Node<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub span: Span,
}

impl<T: PartialEq> PartialEq for Node<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<T> Node<T> {
    /// `value` at `span`.
    pub const fn new(value: T, span: Span) -> Self {
        Self { value, span }
    }
}

/// An identifier as written.
pub type Ident = Node<String>;

/// One source file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct File {
    /// The language version of the first line (`alula 1`), if that line could be read.
    pub version: Option<Node<u32>>,
    /// Items in textual order. Items that could not be parsed are absent here and present as diagnostics.
    pub items: Vec<Item>,
}

/// A top-level item with its documentation (`///` lines before it, or one after it on its last line).
#[derive(Clone, Debug)]
pub struct Item {
    /// Text of the `///` lines, without the slashes, joined by newlines; empty when there are none.
    pub doc: String,
    /// Lints that the author switched off for this item, with the reason: `#allow(code) because "…"`.
    pub allow: Vec<Allow>,
    /// What it is.
    pub kind: ItemKind,
    /// From keyword to last byte.
    pub span: Span,
}

impl PartialEq for Item {
    fn eq(&self, o: &Self) -> bool {
        (&self.doc, &self.allow, &self.kind) == (&o.doc, &o.allow, &o.kind)
    }
}

/// `#allow(code) because "reason"` before an item.
#[derive(Clone, Debug, PartialEq)]
pub struct Allow {
    /// Diagnostic code, as written.
    pub code: Ident,
    /// Why it is fine here.
    pub reason: Node<String>,
}

/// The kinds of item.
#[derive(Clone, Debug, PartialEq)]
pub enum ItemKind {
    /// `import "relative/path.alula"`
    Import(Node<String>),
    /// `use plugin "name"`, or with a function of it: `use plugin "name" as f(x: vol, n = 14) -> ratio`
    UsePlugin(UsePlugin),
    /// `strategy NAME { … }`
    Strategy(Strategy),
    /// `threshold NAME = VALUE in LO..HI`
    Threshold(Threshold),
    /// `series NAME = feed("…") [: unit] [stale after 1 session]`
    Series(Series),
    /// `event NAME = feed("…")`
    Event(EventDecl),
    /// `signal NAME = EXPR`
    Signal(Signal),
    /// `script NAME(a: unit, …) -> unit from "file.rhai"`
    Script(Script),
    /// `structure NAME = SHAPE on UNDERLYING { … }`
    Structure(Structure),
    /// `policy NAME on STRUCTURE { … }`
    Policy(Policy),
    /// `hedge NAME on STRUCTURE { … }`
    Hedge(Hedge),
    /// `overlay NAME on STRUCTURE { … }`
    Overlay(Overlay),
    /// `guard NAME { … }`
    Guard(Guard),
    /// `subaccount NAME { capital $…, holds …, … }`
    Subaccount(Subaccount),
}

/// `subaccount NAME { … }`: what policies, hedges and overlays hold apart from the rest, with money of its own.
#[derive(Clone, Debug, PartialEq)]
pub struct Subaccount {
    /// Name.
    pub name: Ident,
    /// Clauses in textual order.
    pub clauses: Vec<Node<SubaccountClause>>,
}

/// A clause of a subaccount.
#[derive(Clone, Debug, PartialEq)]
pub enum SubaccountClause {
    /// `capital $40_000`: set apart from the strategy's.
    Capital(Literal),
    /// `holds spikes, alvh`: names of policies, hedges and overlays.
    Holds(Vec<Ident>),
}

/// What a rule does when a contract that it would take stands the other way round in another position or order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Conflict {
    /// `conflict skip`: nothing is ordered. The default.
    #[default]
    Skip,
    /// `conflict next`: the next nearest strike.
    Next,
}

/// `strategy NAME { settings }`.
#[derive(Clone, Debug, PartialEq)]
pub struct Strategy {
    /// Name of the strategy.
    pub name: Ident,
    /// Settings in textual order (duplicates are the checker's business).
    pub settings: Vec<Node<Setting>>,
}

/// One line of the strategy block.
#[derive(Clone, Debug, PartialEq)]
pub enum Setting {
    /// `capital $250_000`
    Capital(Literal),
    /// `evaluate every 5m in SPX.regular`: cadence, instrument, session name.
    Evaluate {
        /// Cadence, a duration literal (`5m`, `1 session`).
        every: Literal,
        /// `SPX` of `SPX.regular`.
        instrument: Ident,
        /// `regular` of `SPX.regular`.
        session: Ident,
    },
    /// `posture steward` or `posture promoter`.
    Posture(Ident),
    /// `fill next snapshot` (`false`) or `fill same bar` (`true`).
    FillSameBar(bool),
    /// `cross 60% of spread`: what each fill gives up of the half-spread.
    Cross(Crossing),
    /// `depth limited assume 20 lots`: how the size of an order matters, and the size where the data show none.
    Depth {
        /// `unlimited`, `impact` or `limited`.
        how: Ident,
        /// Contracts to assume.
        assume: Option<Literal>,
    },
    /// `fees ibkr`: name of a fee schedule.
    Fees(Ident),
    /// `settle exact` (`false`) or `settle approximate` (`true`).
    SettleApproximate(bool),
    /// `margin cboe, flatten on call`: the rulebook enforced, and whether a margin call closes every position.
    Margin {
        /// Rulebook.
        rulebook: Ident,
        /// `flatten on call`.
        flatten: bool,
    },
}

/// What a fill gives up of the half-spread.
#[derive(Clone, Debug, PartialEq)]
pub enum Crossing {
    /// `60% of spread`: 0% is mid, 100% is natural.
    Share(Literal),
    /// `by legs`: less for more legs.
    ByLegs,
    /// `mid` or `natural`.
    Word(Ident),
}

/// `threshold NAME = VALUE in LO..HI /// doc`.
#[derive(Clone, Debug, PartialEq)]
pub struct Threshold {
    /// Name.
    pub name: Ident,
    /// Default value.
    pub default: Literal,
    /// Smallest value allowed.
    pub min: Literal,
    /// Largest value allowed.
    pub max: Literal,
}

/// `series NAME = feed("ID") as vol stale after 1 session`.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Name in this file.
    pub name: Ident,
    /// Identifier of the feed in the store.
    pub feed: Node<String>,
    /// Unit of its values (`as vol`); a plain number when left out.
    pub unit: Option<Ident>,
    /// Age after which the last value is *missing(stale)*.
    pub stale_after: Option<Literal>,
}

/// `event NAME = feed("ID")`: a calendar of release instants.
#[derive(Clone, Debug, PartialEq)]
pub struct EventDecl {
    /// Name in this file.
    pub name: Ident,
    /// Identifier of the feed in the store.
    pub feed: Node<String>,
}

/// `signal NAME = EXPR`.
#[derive(Clone, Debug, PartialEq)]
pub struct Signal {
    /// Name.
    pub name: Ident,
    /// Its definition.
    pub expr: Expr,
}

/// `use plugin "breadth" as mcclellan(advances: number, declines: number, fast = 19) -> line: number, sum: number`.
#[derive(Clone, Debug, PartialEq)]
pub struct UsePlugin {
    /// Name of the plugin.
    pub plugin: Node<String>,
    /// A function of it, as the strategy calls it.
    pub function: Option<PluginFunction>,
}

/// What a strategy says of a plugin's function.
#[derive(Clone, Debug, PartialEq)]
pub struct PluginFunction {
    /// Name, which is also its name in the plugin.
    pub name: Ident,
    /// Parameters in order.
    pub params: Vec<PluginParam>,
    /// Outputs in order: name and unit. One output needs no name.
    pub outputs: Vec<(Option<Ident>, Ident)>,
}

/// A parameter of a plugin's function.
#[derive(Clone, Debug, PartialEq)]
pub enum PluginParam {
    /// `advances: number`: a series, by its unit.
    Series(Ident, Ident),
    /// `fast = 19`: a number, by its default.
    Number(Ident, Literal),
}

/// `script NAME(a: vol, b: number) -> ratio from "file.rhai"`.
#[derive(Clone, Debug, PartialEq)]
pub struct Script {
    /// Name, which is also the Rhai function's name.
    pub name: Ident,
    /// Parameters: name and unit.
    pub params: Vec<(Ident, Ident)>,
    /// Unit of the result (`bool` for a condition).
    pub returns: Ident,
    /// Script file, relative to the strategy file.
    pub file: Node<String>,
}

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

/// `policy NAME on STRUCTURE { rules }`.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// Name.
    pub name: Ident,
    /// Structure it acts on.
    pub on: Ident,
    /// Rules in textual order.
    pub rules: Vec<Node<Rule>>,
}

/// What a rule does when its condition is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum OnUnknown {
    /// Do nothing, say so in the trace. The default of closes and rolls.
    Hold,
    /// Act as if it were true (`unknown act`; for a guard, as if it failed): for a stop that must not sleep through an
    /// outage.
    Act,
}

/// Price condition of an order: the worst price accepted, set when the decision is made.
#[derive(Clone, Debug, PartialEq)]
pub enum LimitPrice {
    /// `limit market` (the default): whatever the next snapshot quotes, at the stated share of the spread.
    Market,
    /// `limit mid`: no worse than the mid seen at the decision.
    Mid,
    /// `limit natural`: no worse than the natural price seen at the decision.
    Natural,
    /// `limit EXPR`: a package price in points, credits positive.
    At(Box<Expr>),
}

/// A rule of a policy.
#[derive(Clone, Debug, PartialEq)]
pub enum Rule {
    /// `open [NAME] when … size … [, at most N lots] [up to N positions] [require …] [limit …]`
    Open {
        /// Name; `open` when left out.
        name: Option<Ident>,
        /// When.
        when: Expr,
        /// How much.
        size: SizeExpr,
        /// `at most 20 lots`.
        at_most: Option<Amount>,
        /// `up to 3 positions` of this structure at once; 1 when left out.
        up_to: Option<Amount>,
        /// Conditions on the candidate package.
        require: Option<Expr>,
        /// Order price.
        limit: Option<LimitPrice>,
        /// `conflict skip|next`.
        conflict: Option<Conflict>,
    },
    /// `close NAME when … [portion 50%] [limit …] [unknown hold|act]`
    Close {
        /// Name.
        name: Ident,
        /// When.
        when: Expr,
        /// Share of the position's lots, rounded up to whole lots; all when left out. A part is closed once: the rule acts
        /// on the position again only after its condition has been known to be false.
        portion: Option<Amount>,
        /// Order price.
        limit: Option<LimitPrice>,
        /// When unknown.
        unknown: Option<OnUnknown>,
    },
    /// `roll NAME when … to TARGET [, rank by …] [, require …] [limit …] [conflict skip|next] [unknown hold|act]`
    Roll {
        /// Name.
        name: Ident,
        /// When.
        when: Expr,
        /// Where to.
        to: RollTarget,
        /// `rank by EXPR`: of the expiries in the target's window, the one with the largest value.
        rank: Option<Expr>,
        /// Conditions on the roll package.
        require: Option<Expr>,
        /// Order price.
        limit: Option<LimitPrice>,
        /// When unknown.
        unknown: Option<OnUnknown>,
        /// `conflict skip|next`.
        conflict: Option<Conflict>,
    },
}

/// Where a roll goes.
#[derive(Clone, Debug, PartialEq)]
pub struct RollTarget {
    /// `same expiry`, or `45 dte` (nearest, window as in the structure unless given).
    pub expiry: ExpirySelector,
    /// What happens to the strikes.
    pub strikes: RollStrikes,
}

/// Strikes of a rolled package.
#[derive(Clone, Debug, PartialEq)]
pub enum RollStrikes {
    /// `recentred`: as the structure would be opened now.
    Recentred,
    /// `same strikes`.
    Same,
    /// `tested side at 16 delta`: the tested short leg (and its wing, at the same distance) moves; the rest stays.
    Tested(StrikeSelector),
    /// `put side at 16 delta` or `call side at …`.
    Side(Right, StrikeSelector),
}

/// A size with its basis.
#[derive(Clone, Debug, PartialEq)]
pub enum SizeExpr {
    /// `3 lots`, or a bare name (a threshold that counts lots)
    Lots(Amount),
    /// `2% of equity by max_loss`, `$5_000 by margin`: money budget divided by the basis of one lot.
    Budget {
        /// Money: an expression in dollars.
        amount: Expr,
        /// `max_loss`, `margin`, `credit`, `notional` or `vega`.
        by: Ident,
    },
    /// `18% of max_loss(core)`: an amount whose basis is the expression itself (hedge layers).
    Of(Expr),
    /// `scale 0%..100% of target by votes, step at most 25% per day` (hedge layers).
    Scale {
        /// Share at no vote.
        lo: Amount,
        /// Share at all votes.
        hi: Amount,
        /// `votes` or a signal name.
        by: Ident,
        /// Largest change per day.
        step: Option<Amount>,
    },
}

/// `hedge NAME on STRUCTURE { target, layers }`.
#[derive(Clone, Debug, PartialEq)]
pub struct Hedge {
    /// Name.
    pub name: Ident,
    /// Structure that is hedged.
    pub on: Ident,
    /// Clauses before and between the layers.
    pub clauses: Vec<Node<HedgeClause>>,
    /// Layers in textual order.
    pub layers: Vec<Node<Layer>>,
}

/// A clause of the hedge itself.
#[derive(Clone, Debug, PartialEq)]
pub enum HedgeClause {
    /// `target vega = EXPR [within LO..HI]`
    Target {
        /// `vega` (or another greek).
        greek: Ident,
        /// Amount.
        amount: Expr,
        /// Band held around it.
        band: Option<(Amount, Amount)>,
    },
    /// `budget 4% of equity per year`
    Budget {
        /// Amount.
        amount: Expr,
        /// `month` or `year`.
        per: Ident,
    },
    /// `cap EXPR`: no layer and no sum of layers above it.
    Cap(Expr),
    /// `band 10%`: no trade while the target is nearer than this.
    NoTradeBand(Amount),
    /// `map VIX by 60%`: points that the VX future of a VIX leg's expiry moves when SPX implied vol moves one.
    Map {
        /// `VIX`.
        instrument: Ident,
        /// Ratio.
        by: Expr,
        /// `at 30 days`: the ratio is that of this distance, and decays from there.
        at: Option<Literal>,
    },
}

/// One layer of a hedge.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    /// Documentation.
    pub doc: String,
    /// Name.
    pub name: Ident,
    /// Clauses in textual order.
    pub clauses: Vec<Node<LayerClause>>,
}

/// A clause of a layer.
#[derive(Clone, Debug, PartialEq)]
pub enum LayerClause {
    /// `own SHAPE`
    Own(Shape),
    /// `size …`
    Size(SizeExpr),
    /// `vote EXPR, EXPR, …`
    Vote(Vec<Expr>),
    /// `active when EXPR [until EXPR]`
    Active {
        /// Switches on.
        when: Expr,
        /// Switches off.
        until: Option<Expr>,
    },
    /// `roll weekly` (or `daily`, `monthly`)
    RollEvery(Ident),
    /// `rotate to NAME when EXPR [until EXPR]`
    Rotate {
        /// Instrument preset or layer it rotates into.
        to: Ident,
        /// Switches on.
        when: Expr,
        /// Switches back.
        until: Option<Expr>,
    },
    /// `migrate 50% to month 2 when EXPR`
    Migrate {
        /// Share of the layer's notional.
        share: Amount,
        /// Month from the front.
        month: Literal,
        /// When.
        when: Expr,
    },
    /// `cap EXPR`
    Cap(Expr),
    /// `budget EXPR per month`
    Budget {
        /// Amount.
        amount: Expr,
        /// `month` or `year`.
        per: Ident,
    },
    /// `unknown hold|act`
    Unknown(OnUnknown),
}

/// `overlay NAME on STRUCTURE { … }`.
#[derive(Clone, Debug, PartialEq)]
pub struct Overlay {
    /// Name.
    pub name: Ident,
    /// Structure whose greeks it trades.
    pub on: Ident,
    /// Clauses in textual order.
    pub clauses: Vec<Node<OverlayClause>>,
}

/// A clause of an overlay.
#[derive(Clone, Debug, PartialEq)]
pub enum OverlayClause {
    /// `trade ES to delta 0 ± 5 delta` (`+-` is accepted and formatted to `±`)
    Trade {
        /// Instrument traded.
        instrument: Ident,
        /// Greek held.
        greek: Ident,
        /// Target.
        target: Amount,
        /// Half-width of the no-trade band.
        band: Amount,
    },
    /// `active when EXPR [until EXPR]`
    Active {
        /// Switches on.
        when: Expr,
        /// Switches off.
        until: Option<Expr>,
    },
    /// `require EXPR`
    Require(Expr),
}

/// `guard NAME { require COND else ACTION … }`.
#[derive(Clone, Debug, PartialEq)]
pub struct Guard {
    /// Name.
    pub name: Ident,
    /// Rules in textual order.
    pub rules: Vec<Node<GuardRule>>,
}

/// `require COND else ACTION [unknown hold|act]`.
#[derive(Clone, Debug, PartialEq)]
pub struct GuardRule {
    /// What must hold.
    pub require: Expr,
    /// What happens when it does not.
    pub action: GuardAction,
    /// When unknown; left out, opening is blocked for the tick, whatever the action is.
    pub unknown: Option<OnUnknown>,
}

/// What a guard does.
#[derive(Clone, Debug, PartialEq)]
pub enum GuardAction {
    /// `block open`: no open this tick.
    BlockOpen,
    /// `halt open`: no open from now on until an operator resumes.
    HaltOpen,
    /// `flatten STRUCTURE`: close every position of it.
    Flatten(Ident),
    /// `alert "text"`: say it, act not.
    Alert(Node<String>),
}

/// Unit written after (or, for dollars, before) a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LitUnit {
    /// No unit: a count or a ratio.
    None,
    /// `%`
    Percent,
    /// `bps`
    Bps,
    /// `$`
    Usd,
    /// `vol`
    Vol,
    /// `pts`
    Pts,
    /// `delta` (hundredths: `16 delta` is 0.16)
    Delta,
    /// `sd`: standard deviations of the implied distribution to expiry
    Sd,
    /// `dte`
    Dte,
    /// `lots`, `lot`
    Lots,
    /// `positions`, `position`
    Positions,
    /// `5m`
    Minutes,
    /// `2h`
    Hours,
    /// `day`, `days`: calendar days
    Days,
    /// `session`, `sessions`: trading days
    Sessions,
    /// `bar`, `bars`: steps of the series' own clock
    Bars,
    /// `tick`, `ticks`: evaluations
    Ticks,
}

/// A number as written: its canonical value and its unit.
///
/// In a range the lower bound takes the unit of the upper one when it wrote none: `38..52 dte` has two bounds in dte.
#[derive(Clone, Copy, Debug)]
pub struct Literal {
    /// The written number, sign included, before any scaling by the unit: `-2%` is -2.0 with [`LitUnit::Percent`].
    pub number: f64,
    /// Digits after the decimal point as written, so that the formatter keeps `0.50`.
    pub decimals: u8,
    /// Unit.
    pub unit: LitUnit,
    /// An explicit plus sign was written: a change, not a level (`vol +5`).
    pub plus: bool,
    /// Where.
    pub span: Span,
}

impl PartialEq for Literal {
    fn eq(&self, o: &Self) -> bool {
        // Bit equality: two literals are the same text value or they are not.
        (self.number.to_bits(), self.decimals, self.unit, self.plus)
            == (o.number.to_bits(), o.decimals, o.unit, o.plus)
    }
}

/// An expression.
#[derive(Clone, Debug)]
pub struct Expr {
    /// What.
    pub kind: ExprKind,
    /// Where.
    pub span: Span,
}

impl PartialEq for Expr {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind
    }
}

/// Binary operators of arithmetic, comparison and logic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum BinaryOp {
    /// `+`
    Add,
    /// `-`
    Sub,
    /// `*`
    Mul,
    /// `/`
    Div,
    /// `of`: `50% of credit`
    Of,
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
    /// `above` (as `>`)
    Above,
    /// `below` (as `<`)
    Below,
    /// `crosses above`
    CrossesAbove,
    /// `crosses below`
    CrossesBelow,
    /// `and`
    And,
    /// `or`
    Or,
}

/// Prefix operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum UnaryOp {
    /// `-`
    Neg,
    /// `not`
    Not,
}

/// `before`, `after` or either side of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EventSide {
    /// `before`
    Before,
    /// `after`
    After,
    /// `of`: either side
    Of,
}

/// The kinds of expression.
///
/// Binding, loosest first: `until`; `or`; `and`; `not`; `for n bars`; comparisons, `crosses`, `in`, `within`, `up`/`down`;
/// `+ -`; `* /`; `of`; unary `-`; postfix `.field`, `[n]`, `@ 5m`.
#[derive(Clone, Debug, PartialEq)]
pub enum ExprKind {
    /// `35 vol`
    Literal(Literal),
    /// `"text"`
    Text(String),
    /// `vix_rsi`, `VIX`, `equity`, `profit`; the two words `net credit` are the name `net_credit`.
    Name(String),
    /// `short put`, `short`, `long call`: a leg of the position at hand; usually followed by `.delta`.
    Leg(Box<LegRef>),
    /// `VIX.close`
    Field(Box<Expr>, Ident),
    /// `VX[2]`
    Index(Box<Expr>, Box<Expr>),
    /// `SPX.close @ 5m`: on bars of this size.
    OnBars(Box<Expr>, Literal),
    /// `rsi(VIX.close, 14)`
    Call(Ident, Vec<Arg>),
    /// `script quick_ratio(a, b) -> ratio`: a call to the Rhai function of that name in `quick_ratio.rhai` beside the file.
    ScriptCall {
        /// Function.
        name: Ident,
        /// Arguments.
        args: Vec<Expr>,
        /// Unit of the result.
        returns: Ident,
    },
    /// `-x`, `not x`
    Unary(UnaryOp, Box<Expr>),
    /// `a + b`, `a and b`, `50% of credit`
    Binary(BinaryOp, Box<Expr>, Box<Expr>),
    /// `x in lo..hi`, both ends included
    InRange(Box<Expr>, Box<Expr>, Box<Expr>),
    /// `within 1 day before fomc`
    Within(Literal, EventSide, Ident),
    /// `x for 3 bars`
    For(Box<Expr>, Literal),
    /// `on until off`: true from `on` until `off`
    Until(Box<Expr>, Box<Expr>),
    /// `VIX.close up 15% over 3 sessions`
    Moves {
        /// What moves.
        expr: Box<Expr>,
        /// Up (above) or down (below).
        direction: Direction,
        /// By how much: relative with `%`, absolute with the expression's own unit.
        amount: Literal,
        /// Over which window.
        over: Literal,
    },
}

/// An argument of a call.
#[derive(Clone, Debug, PartialEq)]
pub enum Arg {
    /// `x`
    Value(Expr),
    /// `estimator = yang_zhang`
    Named(Ident, Expr),
    /// `over 20 sessions`
    Over(Literal),
    /// `since entry`
    SinceEntry(Node<()>),
    /// `8..15 bps`
    Range(Literal, Literal),
    /// `under vol +10 & spot -5%`
    Under(Vec<Node<Shift>>),
}

/// One shift of a scenario.
#[derive(Clone, Debug, PartialEq)]
pub enum Shift {
    /// `vol +5`, `spot -5%`, `time 5 days`.
    By {
        /// `vol`, `spot` or `time`.
        axis: Ident,
        /// Amount, signed.
        amount: Literal,
    },
    /// `event fomc`: the mean past reaction to an event.
    Event(Ident),
}

impl Shift {
    /// As the formatter writes it.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::By { axis, amount } => format!("{} {}", axis.value, crate::format::literal_text(amount)),
            Self::Event(name) => format!("event {}", name.value),
        }
    }
}
