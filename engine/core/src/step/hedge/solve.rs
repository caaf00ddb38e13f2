//! How much of each layer is held: a small solver without a market, a clock or a memory.
//!
//! Every layer asks for an amount in its own measure (dollars at risk, vega, lots …). What is granted follows from one pass
//! over the asks in textual order, and from rules that a reader can check by hand:
//!
//! 1. A layer that holds more than it asks for sells the fewest lots, oldest first, until it does not.
//! 2. Where the layers together carry more than the *limit* (the upper end of the band), lots are sold from the last layer
//!    upwards until they carry no more than the *ceiling* (the target).
//! 3. A layer that holds less than it asks for buys whole lots, as many as fit under all of: the ceiling, its cap and the
//!    hedge's, its budgets and the hedge's. What any layer holds counts until it is sold, and what is bought in this pass
//!    counts at once, so no order of fills can carry the hedge above its ceiling.
//!
//! A lot that is short of the structure's greek in the wrong direction gives no room to others: only what helps counts.

use std::fmt;

/// What keeps a layer from what it asks for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Clip {
    /// Nearer to what it asks for than the no-trade band.
    Band,
    /// Its share moves by no more than its step each day: the share in force.
    Step(f64),
    /// The rest is less than one lot: what is asked for, and what one lot measures.
    LessThanOneLot {
        /// Asked for, above what is held.
        rest: f64,
        /// One lot.
        per_lot: f64,
    },
    /// The hedge carries enough: room left below the ceiling, and what one lot carries.
    Target {
        /// Room.
        room: f64,
        /// One lot.
        per_lot: f64,
    },
    /// Above the upper end of the band: lots were sold to come down to the target.
    Above,
    /// The loss of one lot has no bound, and there is a cap in dollars at risk.
    Unbounded,
    /// The layer's cap: dollars left.
    Cap(f64),
    /// The hedge's cap: dollars left.
    HedgeCap(f64),
    /// The layer's budget: dollars left.
    Budget(f64),
    /// The hedge's budget: dollars left.
    HedgeBudget(f64),
    /// One lot carries nothing of what the hedge needs, or the opposite.
    WrongSide,
    /// One lot has no measure: it costs nothing, or its loss has no bound.
    NoMeasure,
    /// What the hedge carries, or is to carry, is unknown.
    Unknown,
    /// An operator's overlay multiplies what the layer asks for.
    Operator {
        /// By this.
        factor: f64,
        /// Number of the newest overlay that says so.
        overlay: u32,
    },
}

impl fmt::Display for Clip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Band => f.write_str("inside the no-trade band"),
            Self::Step(share) => write!(f, "a step at most: the share is {:.1}% today", share * 100.0),
            Self::LessThanOneLot { rest, per_lot } => {
                write!(
                    f,
                    "less than one lot: {rest:.2} left to buy, one lot is {per_lot:.2}"
                )
            }
            Self::Target { room, per_lot } => {
                write!(
                    f,
                    "the target leaves room for {room:.2}, one lot carries {per_lot:.2}"
                )
            }
            Self::Above => f.write_str("the hedge carried more than its band allows"),
            Self::Unbounded => f.write_str(
                "the loss of one lot has no bound, so that it fits under no cap in dollars at risk",
            ),
            Self::Cap(left) => write!(f, "the layer's cap leaves ${left:.2}"),
            Self::HedgeCap(left) => write!(f, "the hedge's cap leaves ${left:.2}"),
            Self::Budget(left) => write!(f, "the layer's budget leaves ${left:.2}"),
            Self::HedgeBudget(left) => write!(f, "the hedge's budget leaves ${left:.2}"),
            Self::WrongSide => f.write_str("one lot carries nothing of what the hedge needs"),
            Self::NoMeasure => f.write_str("one lot has no size by this measure"),
            Self::Unknown => f.write_str("what the hedge carries is unknown"),
            Self::Operator { factor, overlay } => {
                write!(
                    f,
                    "overlay {overlay} of the operator: {:.0}% of the size",
                    factor * 100.0
                )
            }
        }
    }
}

/// One lot, in every measure that matters here.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Lot {
    /// In the layer's measure; positive.
    pub measure: f64,
    /// Of the target's greek; positive where it helps.
    pub carries: f64,
    /// Dollars at risk; none where the loss has no bound.
    pub risk: Option<f64>,
    /// Dollars paid to buy it; nothing where it brings money in.
    pub debit: f64,
}

/// Lots held of one position.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Held {
    /// How many.
    pub lots: u32,
    /// One of them.
    pub lot: Lot,
    /// They may not be traded at this tick: they have an order, or were ordered.
    pub fixed: bool,
}

/// What a layer asks for. A layer whose contracts are of two kinds (a share has migrated) asks once for each kind.
#[derive(Clone, Debug, PartialEq)]
pub struct Ask {
    /// The layer: what has one cap and one budget.
    pub layer: usize,
    /// Amount wanted in the layer's measure; none: hold what is held.
    pub wanted: Option<f64>,
    /// Positions, in the order in which they are sold.
    pub held: Vec<Held>,
    /// One lot to buy; none where there is none to be had.
    pub fresh: Option<Lot>,
    /// The measure is the target's greek.
    pub by_target: bool,
}

/// Limits of one layer, in dollars.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Limits {
    /// Most at risk.
    pub cap: Option<f64>,
    /// Left of the budgets.
    pub budget: Option<f64>,
}

/// The ceilings of the greek carried.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Target {
    /// The hedge has none.
    #[default]
    None,
    /// It has one, and it is unknown: nothing is bought.
    Unknown,
    /// Known.
    Known {
        /// Buy up to this.
        ceiling: f64,
        /// Sell above this.
        limit: f64,
    },
}

/// The question.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Problem {
    /// Asks in textual order.
    pub asks: Vec<Ask>,
    /// Limits by layer.
    pub layers: Vec<Limits>,
    /// Limits of the hedge.
    pub hedge: Limits,
    /// Target.
    pub target: Target,
    /// No trade while nearer to what is asked for than this share of it.
    pub band: f64,
}

/// The answer to one ask.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Grant {
    /// Lots to sell of each position held, in its order.
    pub sell: Vec<u32>,
    /// Lots to buy.
    pub buy: u32,
    /// What kept it from more, in the order in which it bound.
    pub clips: Vec<Clip>,
}

/// Lots are counted with this much slack, so that an exact share is not a lot short by rounding.
const SLACK: f64 = 1e-9;
/// Most lots of one order.
const LOTS_MAX: f64 = 100_000.0;

/// Whole lots in an amount.
pub(super) fn whole(amount: f64, per_lot: f64) -> u32 {
    count((amount / per_lot + SLACK).floor())
}

/// A whole number as a count: nothing below one.
fn count(lots: f64) -> u32 {
    if lots.is_nan() || lots < 1.0 {
        return 0;
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 1 and LOTS_MAX"
    )]
    let lots = lots.min(LOTS_MAX) as u32;
    lots
}

/// Whole lots that have to go so that an amount comes down by at least `excess`.
fn at_least(excess: f64, per_lot: f64, lots: u32) -> u32 {
    if per_lot <= 0.0 {
        return 0;
    }
    count((excess / per_lot - SLACK).ceil()).min(lots)
}

fn sum(held: &[Held], sold: &[u32], of: impl Fn(&Lot) -> f64) -> f64 {
    held.iter()
        .enumerate()
        .map(|(i, h)| {
            let left = h.lots.saturating_sub(sold.get(i).copied().unwrap_or(0));
            f64::from(left) * of(&h.lot)
        })
        .sum()
}

fn helps(lot: &Lot) -> f64 {
    lot.carries.max(0.0)
}

/// What the asks carry together before anything is sold.
#[must_use]
pub fn carried(asks: &[Ask]) -> f64 {
    asks.iter().map(|a| sum(&a.held, &[], helps)).sum()
}

/// Answers every ask, in order.
#[must_use]
pub fn solve(problem: &Problem) -> Vec<Grant> {
    let mut grants: Vec<Grant> = problem
        .asks
        .iter()
        .map(|a| Grant {
            sell: vec![0; a.held.len()],
            ..Grant::default()
        })
        .collect();
    for (ask, grant) in problem.asks.iter().zip(&mut grants) {
        shrink(ask, problem.band, grant);
    }
    if let Target::Known { ceiling, limit } = problem.target {
        cut(&problem.asks, (ceiling, limit), &mut grants);
    }
    grow(problem, &mut grants);
    grants
}

/// Sells what a layer holds beyond what it asks for.
fn shrink(ask: &Ask, band: f64, grant: &mut Grant) {
    let Some(wanted) = ask.wanted else { return };
    let held = sum(&ask.held, &[], |l| l.measure);
    let mut excess = held - wanted;
    // All of it goes when nothing is wanted, whatever it measures.
    let all = wanted <= 0.0;
    if !all && excess <= SLACK {
        return;
    }
    if !all && excess < band * wanted {
        grant.clips.push(Clip::Band);
        return;
    }
    for (h, sell) in ask.held.iter().zip(&mut grant.sell) {
        if h.fixed {
            continue;
        }
        *sell = if all {
            h.lots
        } else {
            at_least(excess, h.lot.measure, h.lots)
        };
        excess -= f64::from(*sell) * h.lot.measure;
    }
    // One lot more than has to go would leave less than is asked for; a layer stays below rather than above.
}

/// Brings what is carried down to the ceiling when it is above the limit.
fn cut(asks: &[Ask], (ceiling, limit): (f64, f64), grants: &mut [Grant]) {
    let left: f64 = asks
        .iter()
        .zip(&*grants)
        .map(|(a, g)| sum(&a.held, &g.sell, helps))
        .sum();
    if left <= limit * (1.0 + SLACK) {
        return;
    }
    let mut excess = left - ceiling;
    for (ask, grant) in asks.iter().zip(grants.iter_mut()).rev() {
        let mut sold = false;
        for (h, sell) in ask.held.iter().zip(&mut grant.sell) {
            if h.fixed || excess <= 0.0 {
                continue;
            }
            let more = at_least(excess, helps(&h.lot), h.lots.saturating_sub(*sell));
            *sell = sell.saturating_add(more);
            excess -= f64::from(more) * helps(&h.lot);
            sold |= more > 0;
        }
        if sold {
            grant.clips.push(Clip::Above);
        }
    }
}

/// Amounts that are used up while lots are granted.
struct Room {
    carries: Option<f64>,
    unknown: bool,
    risk: Vec<Option<f64>>,
    budget: Vec<Option<f64>>,
    hedge_risk: Option<f64>,
    hedge_budget: Option<f64>,
}

impl Room {
    fn new(problem: &Problem) -> Self {
        let at_risk = |layer: Option<usize>| -> Option<f64> {
            let asks = problem.asks.iter().filter(|a| layer.is_none_or(|l| a.layer == l));
            let held = asks.flat_map(|a| &a.held);
            held.map(|h| Some(h.lot.risk? * f64::from(h.lots))).sum()
        };
        // Where what is held has no bound, nothing is left of a cap.
        let left = |cap: Option<f64>, layer| cap.map(|cap| at_risk(layer).map_or(0.0, |r| cap - r));
        Self {
            carries: match problem.target {
                Target::Known { ceiling, .. } => Some(ceiling - carried(&problem.asks)),
                Target::None | Target::Unknown => None,
            },
            unknown: problem.target == Target::Unknown,
            risk: problem
                .layers
                .iter()
                .enumerate()
                .map(|(i, l)| left(l.cap, Some(i)))
                .collect(),
            budget: problem.layers.iter().map(|l| l.budget).collect(),
            hedge_risk: left(problem.hedge.cap, None),
            hedge_budget: problem.hedge.budget,
        }
    }

    fn take(&mut self, layer: usize, lot: &Lot, lots: u32) {
        let lots = f64::from(lots);
        let less = |slot: &mut Option<f64>, by: f64| {
            if let Some(left) = slot {
                *left -= lots * by;
            }
        };
        less(&mut self.carries, helps(lot));
        less(&mut self.hedge_risk, lot.risk.unwrap_or(0.0));
        less(&mut self.hedge_budget, lot.debit);
        if let Some(slot) = self.risk.get_mut(layer) {
            less(slot, lot.risk.unwrap_or(0.0));
        }
        if let Some(slot) = self.budget.get_mut(layer) {
            less(slot, lot.debit);
        }
    }
}

/// Buys what is missing, in order.
fn grow(problem: &Problem, grants: &mut [Grant]) {
    let mut room = Room::new(problem);
    for (ask, grant) in problem.asks.iter().zip(grants) {
        let (Some(wanted), Some(lot)) = (ask.wanted, ask.fresh) else {
            continue;
        };
        // A layer that sells does not buy at the same tick.
        if wanted <= 0.0 || grant.sell.iter().any(|n| *n > 0) {
            continue;
        }
        let rest = wanted - sum(&ask.held, &[], |l| l.measure);
        if rest <= SLACK {
            continue;
        }
        if rest < problem.band * wanted {
            grant.clips.push(Clip::Band);
            continue;
        }
        if ask.by_target && lot.carries <= 0.0 {
            grant.clips.push(Clip::WrongSide);
            continue;
        }
        // Of vega and beta a lot may have the sign of what is hedged.
        if lot.measure < 0.0 {
            grant.clips.push(Clip::WrongSide);
            continue;
        }
        if lot.measure.is_nan() || lot.measure <= 0.0 {
            grant.clips.push(Clip::NoMeasure);
            continue;
        }
        if room.unknown {
            grant.clips.push(Clip::Unknown);
            continue;
        }
        let mut lots = whole(rest, lot.measure);
        if lots == 0 {
            grant.clips.push(Clip::LessThanOneLot {
                rest,
                per_lot: lot.measure,
            });
            continue;
        }
        let mut bound = |most: u32, clip: Clip| {
            if most < lots {
                lots = most;
                grant.clips.push(clip);
            }
        };
        if let Some(left) = room.carries.filter(|_| lot.carries > 0.0) {
            let clip = Clip::Target {
                room: left.max(0.0),
                per_lot: lot.carries,
            };
            bound(whole(left, lot.carries), clip);
        }
        let risk = |left: f64| {
            lot.risk
                .map_or(0, |r| if r > 0.0 { whole(left, r) } else { u32::MAX })
        };
        let capped = |clip: Clip| if lot.risk.is_none() { Clip::Unbounded } else { clip };
        let debit = |left: f64| {
            if left <= 0.0 {
                // Spent: not even what costs nothing at first, as futures do.
                0
            } else if lot.debit > 0.0 {
                whole(left, lot.debit)
            } else {
                u32::MAX
            }
        };
        if let Some(left) = room.risk.get(ask.layer).copied().flatten() {
            bound(risk(left), capped(Clip::Cap(left)));
        }
        if let Some(left) = room.hedge_risk {
            bound(risk(left), capped(Clip::HedgeCap(left)));
        }
        if let Some(left) = room.budget.get(ask.layer).copied().flatten() {
            bound(debit(left), Clip::Budget(left));
        }
        if let Some(left) = room.hedge_budget {
            bound(debit(left), Clip::HedgeBudget(left));
        }
        grant.buy = lots;
        room.take(ask.layer, &lot, lots);
    }
}

#[cfg(test)]
#[path = "solve_tests.rs"]
mod tests;
