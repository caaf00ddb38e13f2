//! What one step decided, and for each rule what came of it.

mod roll;

use crate::operator::number_of;
pub use crate::step::hedge::solve::Clip;
use crate::value::{Cause, Cell};
use alula_book::instrument::LinearRequest;
use alula_book::{NoFill, OrderId, OrderRequest, PackageError, PositionId, SubmitError};
use alula_dsl::graph::{GuardAct, SizeBasis};
use alula_market::contract::{NotListed, OptionContract};
use alula_market::money::{Price, Usd};
use alula_market::time::Instant;
pub use roll::{RollOption, RollTrace};
use std::fmt;
use std::sync::Arc;

/// Kinds of rule in the order in which a tick walks them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RuleKind {
    /// `require … else …` of a guard. Its truth is that of the requirement: it acts when it is *false*.
    Guard,
    /// `close`
    Close,
    /// `roll`
    Roll,
    /// A layer of a hedge, or an overlay.
    Hedge,
    /// `open`
    Open,
}

impl RuleKind {
    /// All kinds, in the order of a tick.
    pub const ALL: [Self; 5] = [Self::Guard, Self::Close, Self::Roll, Self::Hedge, Self::Open];

    /// Word used in files and explanations.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Guard => "guard",
            Self::Close => "close",
            Self::Roll => "roll",
            Self::Hedge => "hedge",
            Self::Open => "open",
        }
    }

    /// From [`RuleKind::word`].
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|k| k.word() == word)
    }
}

impl fmt::Display for RuleKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Why a structure could not be turned into contracts.
#[derive(Clone, Debug, PartialEq)]
pub enum PickError {
    /// No snapshot of the underlying's options at this instant.
    NoChain,
    /// The snapshot has no expiry (of the kind asked for) at all.
    NoExpiry,
    /// No listed expiry in the window of days.
    NoExpiryInWindow {
        /// Smallest days to expiry accepted.
        lo: f64,
        /// Largest.
        hi: f64,
    },
    /// No expiry in the window of days had been listed by then: none of its days was one.
    NotListed {
        /// Smallest days to expiry accepted.
        lo: f64,
        /// Largest.
        hi: f64,
        /// Of the day nearest to the target: why not, and since when.
        why: NotListed,
    },
    /// The expiry held is not in the snapshot any more.
    ExpiryGone,
    /// An amount of the selector is missing.
    Amount(Cause),
    /// The forward or the vols of the expiry cannot be computed.
    Analytics(Cause),
    /// No strike of the leg's right has a quote.
    NoQuotes,
    /// No contract has a delta as large, or as small, as asked.
    DeltaNotReachable {
        /// Delta asked for, as a fraction.
        wanted: f64,
        /// Nearest that the chain has.
        nearest: f64,
    },
    /// No contract costs as much, or as little, as asked.
    PremiumNotReachable {
        /// Points asked for.
        wanted: f64,
        /// Nearest mid.
        nearest: f64,
    },
    /// The strike is not listed, or the listed strikes do not reach it.
    StrikeNotListed {
        /// Points asked for.
        wanted: f64,
    },
    /// The contract has no two-sided market.
    NoQuote(OptionContract),
    /// The package was found and cannot be priced on this snapshot.
    NoFill(NoFill),
    /// Two legs would be one contract.
    Package(PackageError),
    /// An open position holds the contract the other way round.
    Conflict {
        /// Contract.
        contract: OptionContract,
        /// Position that holds it.
        position: PositionId,
    },
    /// An order of this tick, or one at work, is about to hold the contract the other way round.
    OrderConflict {
        /// Contract.
        contract: OptionContract,
        /// Key of the rule that ordered.
        order: Arc<str>,
    },
    /// Some legs have settled, and the roll needs all of them (or cannot tell which are left).
    PartlyExpired {
        /// Legs that are left.
        left: usize,
        /// Legs of the structure.
        of: usize,
    },
    /// The legs as picked have a loss without bound although the structure's shape promises one.
    NotDefinedRisk,
    /// A sold put would stand above a sold call although the structure's shape promises otherwise: both could be lost.
    SidesCross,
    /// No price of the class of futures is known.
    NoCurve(&'static str),
    /// The curve has no price for a month of the futures.
    NoFuture {
        /// Month from the front.
        month: u8,
    },
    /// Futures legs beside options, or an underlying without option chains.
    Unsupported(&'static str),
}

impl fmt::Display for PickError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoChain => f.write_str("there is no option chain at this instant"),
            Self::NoExpiry => f.write_str("the chain has no expiry of that kind"),
            Self::NoExpiryInWindow { lo, hi } => write!(f, "no listed expiry in {lo}..{hi} dte"),
            Self::NotListed { lo, hi, why } => {
                write!(f, "no expiry in {lo}..{hi} dte: not listed on {}; {why}", why.on)
            }
            Self::ExpiryGone => f.write_str("the expiry held is not quoted any more"),
            Self::Amount(cause) => write!(f, "an amount of the selector is missing ({cause})"),
            Self::Analytics(cause) => write!(f, "no implied forward or vol for the expiry ({cause})"),
            Self::NoQuotes => f.write_str("no strike has a two-sided quote"),
            Self::DeltaNotReachable { wanted, nearest } => {
                write!(
                    f,
                    "{:.1} delta is not listed, the nearest is {:.1}",
                    wanted * 100.0,
                    nearest * 100.0
                )
            }
            Self::PremiumNotReachable { wanted, nearest } => {
                write!(
                    f,
                    "a premium of {wanted:.2} pts is not listed, the nearest is {nearest:.2}"
                )
            }
            Self::StrikeNotListed { wanted } => write!(f, "strike {wanted:.2} is not listed"),
            Self::NoQuote(contract) => write!(f, "`{contract}` has no two-sided quote"),
            Self::NoFill(reason) => write!(f, "{reason}"),
            Self::Package(error) => write!(f, "{error}"),
            Self::Conflict { contract, position } => {
                write!(f, "position {position} holds `{contract}` the other way round")
            }
            Self::OrderConflict { contract, order } => {
                write!(
                    f,
                    "an order of `{order}` is about to hold `{contract}` the other way round"
                )
            }
            Self::PartlyExpired { left, of } => {
                write!(
                    f,
                    "{left} of {of} legs are left, the others have settled; only a side that is whole can roll"
                )
            }
            Self::NotDefinedRisk => f.write_str("the legs found do not bound the loss"),
            Self::SidesCross => f.write_str("the sold put would stand above the sold call"),
            Self::NoCurve(class) => write!(f, "no price of {class} futures is known at this instant"),
            Self::NoFuture { month } => write!(f, "the curve has no price for month {month}"),
            Self::Unsupported(what) => write!(f, "{what} cannot be traded yet"),
        }
    }
}

/// Stands for the guard where an operator halted opening.
pub const OPERATOR: &str = "operator";

/// Why a rule whose condition called for action did nothing.
#[derive(Clone, Debug, PartialEq)]
pub enum Skip {
    /// The condition is unknown, and the rule holds on unknown.
    Unknown(Cause),
    /// An earlier rule of this tick acted on the position (or opened on the structure) already.
    Outranked(Arc<str>),
    /// An order of the position, or an opening order of the structure, is at work.
    OrderWorking(OrderId),
    /// A guard blocks opening at this tick.
    Blocked(Arc<str>),
    /// The subaccount has not the money.
    Subaccount {
        /// Its name.
        name: Arc<str>,
        /// What the order would take: its debit, its margin, its fees.
        needed: Usd,
        /// What is free.
        free: Usd,
    },
    /// Opening was halted by a guard at an earlier tick.
    Halted(Arc<str>),
    /// As many positions as allowed are open.
    UpTo {
        /// Open, orders at work included.
        open: u32,
        /// Allowed.
        limit: f64,
    },
    /// The package could not be put together: the leg's name and the reason.
    Pick {
        /// Leg, or empty when it is about the whole package.
        leg: String,
        /// Reason.
        reason: PickError,
    },
    /// The `require` of the rule does not hold for the package found.
    Require,
    /// The `require` of the rule is unknown for the package found.
    RequireUnknown(Cause),
    /// The budget does not buy one lot.
    ZeroLots {
        /// Dollars at hand.
        budget: f64,
        /// Dollars for one lot.
        per_lot: f64,
        /// Basis.
        by: SizeBasis,
    },
    /// The size is less than one lot.
    LessThanOneLot(f64),
    /// The account would need more margin than it has: the order is not sent.
    Margin {
        /// Rulebook's name.
        rulebook: &'static str,
        /// Requirement with this order, in all.
        required: Usd,
        /// What would stand against it.
        available: Usd,
    },
    /// A number that the order needs is missing: what, and why.
    Missing {
        /// `size`, `limit`, `portion`, `up to`, …
        what: &'static str,
        /// Cause.
        cause: Cause,
    },
    /// A number that the order needs is out of its range.
    OutOfRange {
        /// What.
        what: &'static str,
        /// Value.
        value: f64,
    },
    /// The rule closes a part of the position and did so; its condition has held or been unknown since.
    PartClosed,
    /// An entry that a change of thresholds alone made true; it waits until it has been false once.
    AfterSwap,
    /// An operator's overlay holds entries back: its number.
    Paused(u32),
    /// The roll would change nothing.
    NothingToRoll,
    /// The book did not take the order.
    Refused(SubmitError),
    /// An overlay: the delta is inside the band, or nearer to the target than half a contract brings it.
    WithinBand {
        /// Delta of structure and overlay.
        delta: f64,
        /// Target.
        target: f64,
        /// Distance at which it trades.
        band: f64,
    },
    /// The size's basis has no meaning for futures: they have no premium.
    NoBasis(SizeBasis),
    /// The language has it, this engine does not evaluate it yet.
    Unsupported,
    /// A layer of a hedge does not get what it asks for: why, in words.
    Clipped(String),
}

impl fmt::Display for Skip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(cause) => write!(f, "the condition is unknown ({cause}) and the rule holds"),
            Self::Outranked(key) => write!(f, "`{key}` comes first and acted"),
            Self::OrderWorking(order) => write!(f, "order {order} is at work"),
            Self::Blocked(key) => match number_of(key) {
                Some(n) => write!(f, "overlay {n} of the operator is closing the structure"),
                None => write!(f, "guard `{key}` blocks opening"),
            },
            Self::Paused(n) => write!(f, "overlay {n} of the operator holds entries back"),
            Self::Halted(key) if **key == *OPERATOR => f.write_str("opening is halted by the operator"),
            Self::Halted(key) => write!(f, "opening is halted since guard `{key}` failed"),
            Self::Subaccount { name, needed, free } => {
                write!(
                    f,
                    "the subaccount `{name}` has ${free} free, and the order takes ${needed}"
                )
            }
            Self::UpTo { open, limit } => write!(f, "{open} of {limit} positions are open"),
            Self::Pick { leg, reason } if leg.is_empty() => write!(f, "{reason}"),
            Self::Pick { leg, reason } => write!(f, "{leg}: {reason}"),
            Self::Require => f.write_str("the package does not meet its `require`"),
            Self::AfterSwap => {
                f.write_str("true by a change of thresholds alone; it waits until it has been false once")
            }
            Self::RequireUnknown(cause) => write!(f, "`require` is unknown for the package ({cause})"),
            Self::ZeroLots { budget, per_lot, by } => {
                write!(
                    f,
                    "zero lots: ${budget:.2} at hand, one lot needs ${per_lot:.2} by {}",
                    basis_word(*by)
                )
            }
            Self::Margin {
                rulebook,
                required,
                available,
            } => write!(
                f,
                "margin does not fit: by `{rulebook}` the account would need ${required} with this order, and would have \
                 ${available}"
            ),
            Self::LessThanOneLot(lots) => write!(f, "zero lots: the size is {lots}"),
            Self::Missing { what, cause } => write!(f, "{what} is missing ({cause})"),
            Self::OutOfRange { what, value } => write!(f, "{what} is out of range ({value})"),
            Self::PartClosed => f.write_str("it closed its part, and its condition has not been false since"),
            Self::NothingToRoll => f.write_str("the roll would change nothing"),
            Self::Refused(error) => write!(f, "{error}"),
            Self::WithinBand { delta, target, band } => write!(
                f,
                "a delta of {:.1} is within {:.1} of {:.1}",
                delta * 100.0,
                band * 100.0,
                target * 100.0
            ),
            Self::NoBasis(by) => write!(f, "futures and shares cannot be sized by {}", basis_word(*by)),
            Self::Unsupported => f.write_str("this is not evaluated yet"),
            Self::Clipped(why) => f.write_str(why),
        }
    }
}

/// Word of a size basis as written in the language.
#[must_use]
pub const fn basis_word(by: SizeBasis) -> &'static str {
    match by {
        SizeBasis::MaxLoss => "max_loss",
        SizeBasis::Margin => "margin",
        SizeBasis::Credit => "credit",
        SizeBasis::Notional => "notional",
        SizeBasis::Vega => "vega",
        SizeBasis::Beta => "beta",
    }
}

/// What came of a rule.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// The condition does not call for action.
    Idle,
    /// It acted: position in [`Decision::orders`].
    Ordered(usize),
    /// It acted with futures or shares: position in [`Decision::linear`].
    OrderedLinear(usize),
    /// A guard acted on the tick: what it does, and the flattening orders it made (positions in [`Decision::orders`] and
    /// [`Decision::linear`]).
    Guarded {
        /// Act.
        act: GuardAct,
        /// Orders.
        orders: Vec<usize>,
        /// Orders for futures and shares.
        linear: Vec<usize>,
    },
    /// It called for action and did nothing, for this reason.
    Skipped(Skip),
}

impl Verdict {
    /// Word used in files: `idle`, `ordered`, `guarded`, `skipped`.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Ordered(_) | Self::OrderedLinear(_) => "ordered",
            Self::Guarded { .. } => "guarded",
            Self::Skipped(_) => "skipped",
        }
    }
}

/// One rule at one tick, for one position where it is about positions.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleOutcome {
    /// Rule's key.
    pub key: Arc<str>,
    /// Kind.
    pub kind: RuleKind,
    /// Position at hand.
    pub position: Option<PositionId>,
    /// Value of the condition (of the requirement, for guards).
    pub condition: Cell,
    /// Value of `require` on the package, where it came to that.
    pub require: Option<Cell>,
    /// What came of it.
    pub verdict: Verdict,
}

/// The package that a rule found, as it stood at the decision.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// Key of the rule.
    pub key: Arc<str>,
    /// Legs in words.
    pub package: String,
    /// Net price at the decision in points per package, credits positive, at the stated share.
    pub net: Option<Price>,
    /// Loss bound of one lot.
    pub max_loss: Option<Usd>,
    /// Lots that the size allowed.
    pub lots: Option<u32>,
}

/// An alert that a guard raised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// Guard's key.
    pub key: Arc<str>,
    /// Text.
    pub text: String,
}

/// What one step decided. Orders are in the order in which they are to be submitted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decision {
    /// Tick.
    pub at: Instant,
    /// Rules in the order in which they were walked.
    pub outcomes: Vec<RuleOutcome>,
    /// Orders to submit.
    pub orders: Vec<OrderRequest>,
    /// Orders for futures and shares, to submit after those.
    pub linear: Vec<LinearRequest>,
    /// Packages that were put together, acted upon or not.
    pub candidates: Vec<Candidate>,
    /// What rolls chose from.
    pub rolls: Vec<RollTrace>,
    /// Alerts.
    pub alerts: Vec<Alert>,
    /// Hedges: what each carried, and what its layers asked for and were granted.
    pub hedges: Vec<HedgeTrace>,
    /// Overlays of operators that ended at this tick.
    pub ended: Vec<Ended>,
}

/// An operator's overlay that ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Its number.
    pub overlay: u32,
    /// How, in words.
    pub how: &'static str,
}

/// A hedge at one tick.
#[derive(Clone, Debug, PartialEq)]
pub struct HedgeTrace {
    /// Key.
    pub key: Arc<str>,
    /// The structure's own greek, in dollars a vol point for vega. Missing without a target.
    pub structure: Cell,
    /// What the hedge is to carry against it; positive.
    pub target: Cell,
    /// What its layers carry of that, mapped; positive where it helps.
    pub carried: Cell,
    /// The band as shares of the structure's greek.
    pub band: Option<(Cell, Cell)>,
    /// Dollar beta of the whole book; missing where the hedge declares no beta.
    pub book_beta: Cell,
    /// Layers in textual order.
    pub layers: Vec<LayerTrace>,
}

impl HedgeTrace {
    /// Share of the structure's greek that is carried.
    #[must_use]
    pub fn share(&self) -> Option<f64> {
        let (of, carried) = (self.structure.known()?, self.carried.known()?);
        (of != 0.0).then(|| carried / of.abs())
    }

    /// Share of the book's dollar beta that a layer has: its marginal contribution. Of opposite signs it is below zero.
    #[must_use]
    pub fn beta_share(&self, layer: &LayerTrace) -> Option<f64> {
        let (of, own) = (self.book_beta.known()?, layer.beta.known()?);
        // Nothing of a short book is nothing, not minus nothing.
        (of != 0.0).then(|| own / of + 0.0)
    }

    /// Below or above its band, where both are known.
    #[must_use]
    pub fn outside(&self) -> Option<&'static str> {
        let share = self.share()?;
        let (lo, hi) = self.band?;
        if share < lo.known()? {
            return Some("below");
        }
        (share > hi.known()?).then_some("above")
    }
}

/// What a layer is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LayerPhase {
    /// Its switch is off.
    Dormant,
    /// On, with its own contracts.
    Active,
    /// On, with those that it rotates into.
    Rotated,
    /// On, with a share further out.
    Migrated,
    /// Both.
    RotatedMigrated,
}

impl LayerPhase {
    /// Every phase.
    pub const ALL: [Self; 5] = [
        Self::Dormant,
        Self::Active,
        Self::Rotated,
        Self::Migrated,
        Self::RotatedMigrated,
    ];

    /// Word used in files, tests and explanations.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Dormant => "dormant",
            Self::Active => "active",
            Self::Rotated => "rotated",
            Self::Migrated => "migrated",
            Self::RotatedMigrated => "rotated and migrated",
        }
    }

    /// From [`LayerPhase::word`].
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|p| p.word() == word)
    }
}

/// A layer at one tick.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerTrace {
    /// Key.
    pub key: Arc<str>,
    /// Phase.
    pub phase: LayerPhase,
    /// Votes: how many are true, of how many; missing while one is unknown.
    pub votes: Option<(Cell, usize)>,
    /// Measure of its size: `max_loss`, `vega`, `lots`, …, or the greek of the target.
    pub measure: &'static str,
    /// Amount asked for, in its measure.
    pub wanted: Cell,
    /// Amount held.
    pub held: Cell,
    /// Lots held.
    pub lots: u32,
    /// What it carries of the hedge's target, mapped.
    pub carried: Cell,
    /// Points that the VX future of its newest contracts moves for one point of SPX implied vol, and of a size by beta the return of
    /// it for one of SPX; none where nothing is on VIX.
    pub mapped_by: Option<f64>,
    /// Dollar beta of what it holds; missing where the hedge declares no beta.
    pub beta: Cell,
    /// Lots that it buys.
    pub buys: u32,
    /// Lots that it sells.
    pub sells: u32,
    /// What kept it from what it asked for, in the order in which it bound.
    pub clips: Vec<Clip>,
    /// Why it could not buy or change contracts at all.
    pub skip: Option<Skip>,
}
