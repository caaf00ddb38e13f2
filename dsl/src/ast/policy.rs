//! Policies: what opens, closes and rolls, and how large.

use super::{Amount, Conflict, ExpirySelector, Expr, Ident, Node, Right, StrikeSelector};

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
        /// `max_loss`, `margin`, `credit`, `notional`, `vega` or `beta`.
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
