//! Hedges, overlays and guards.

use super::{Amount, Expr, Ident, Literal, Node, OnUnknown, Shape, SizeExpr};

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
    /// `beta VIX by -3`: the return of that future for one of SPX.
    Map {
        /// What is mapped.
        of: MapOf,
        /// `VIX`.
        instrument: Ident,
        /// Ratio.
        by: Expr,
        /// `at 30 days`: the ratio is that of this distance, and decays from there.
        at: Option<Literal>,
    },
}

/// What a mapping is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MapOf {
    /// `map`: points of vol for one of SPX implied vol.
    Vol,
    /// `beta`: returns for one of SPX.
    Return,
}

impl MapOf {
    /// The word that begins the clause.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Vol => "map",
            Self::Return => "beta",
        }
    }
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
