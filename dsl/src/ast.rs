//! The syntax tree: what was written, nothing inferred. Every node carries its span.
//!
//! Equality ignores spans (the formatter compares trees before and after), see [`crate::ast::Node`].

mod expr;
mod hedge;
mod policy;
mod structure;

use crate::span::Span;
pub use expr::{Arg, BinaryOp, EventSide, Expr, ExprKind, LitUnit, Literal, Shift, UnaryOp};
pub use hedge::{
    Guard, GuardAction, GuardRule, Hedge, HedgeClause, Layer, LayerClause, MapOf, Overlay, OverlayClause,
};
pub use policy::{LimitPrice, OnUnknown, Policy, RollStrikes, RollTarget, Rule, SizeExpr};
pub use structure::{
    Amount, Anchor, Direction, ExpirySelector, LegClause, LegRef, Right, Shape, Side, StrikeSelector,
    Structure,
};

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
