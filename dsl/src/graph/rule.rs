//! What is done: policies, their rules, sizes and rolls, and guards.

use super::{ExpiryPick, NodeId, StrikePick, StructureId};
use crate::ast::{Conflict, OnUnknown, Right};
use crate::span::Span;

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
    /// Dollar beta of one lot to SPX.
    Beta,
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
