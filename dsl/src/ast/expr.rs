//! Expressions and literals.

use super::{Direction, Ident, LegRef, Node};
use crate::span::Span;

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
