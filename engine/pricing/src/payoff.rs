//! What a package of options of one underlying and one expiry pays at settlement, in exact integers.
//!
//! Money and strikes are mills (thousandths of a point) in `i64`, computed in `i128` so that no sum can wrap. The payoff
//! of a package is continuous and piecewise linear in the settlement value, which lives in `[0, ∞)`; so its extremes stand at zero,
//! at a strike, or nowhere (a slope that does not end).

use crate::black76::Right;

/// One leg: `ratio` options (negative when short) of `right` at `strike_mills`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PayoffLeg {
    /// Put or call.
    pub right: Right,
    /// Strike in mills of a point; not negative.
    pub strike_mills: i64,
    /// Options per package: positive long, negative short.
    pub ratio: i64,
}

/// An extreme of a package's profit at expiry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Bound {
    /// The extreme is reached; mills per package, positive a profit and negative a loss.
    Mills(i64),
    /// There is no extreme: the profit (or loss) grows with the settlement value without end.
    Unbounded,
}

/// A settlement value, or a stretch of them, at which the package neither wins nor loses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Breakeven {
    /// A crossing or a touch of zero.
    At {
        /// Settlement value in mills, rounded half away from zero when the crossing falls between two mills.
        mills: i64,
        /// Whether `mills` is the crossing itself.
        exact: bool,
    },
    /// The profit is zero all along a stretch.
    Flat {
        /// First settlement value of the stretch, mills.
        from_mills: i64,
        /// Last settlement value, mills; none when the stretch does not end.
        to_mills: Option<i64>,
    },
}

/// Why a package's payoff cannot be computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PayoffError {
    /// A strike below zero.
    #[error("strike `{0}` mills is negative")]
    NegativeStrike(i64),
    /// A result does not fit in 64 bits.
    #[error("the payoff does not fit in 64 bits of mills")]
    Overflow,
    /// A settlement value below zero.
    #[error("settlement value `{0}` mills is negative")]
    NegativeSettlement(i64),
}

/// The payoff at expiry of a package, with the cash that opening it brought (positive) or cost (negative).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payoff {
    legs: Vec<PayoffLeg>,
    cash_mills: i64,
    /// Zero and each strike, ascending, with the profit there.
    knots: Vec<(i64, i128)>,
    /// Profit per mill of settlement value above the last strike.
    slope_last: i128,
}

impl Payoff {
    /// Payoff of `legs` with `cash_mills` per package already in hand: a credit is positive, a debit negative, zero gives the bare payoff.
    ///
    /// # Errors
    /// [`PayoffError::NegativeStrike`]; [`PayoffError::Overflow`] when a profit at a strike leaves 64 bits.
    pub fn new(legs: &[PayoffLeg], cash_mills: i64) -> Result<Self, PayoffError> {
        if let Some(leg) = legs.iter().find(|leg| leg.strike_mills < 0) {
            return Err(PayoffError::NegativeStrike(leg.strike_mills));
        }
        let mut settlements: Vec<i64> = legs.iter().map(|leg| leg.strike_mills).chain([0]).collect();
        settlements.sort_unstable();
        settlements.dedup();
        let mut knots = Vec::with_capacity(settlements.len());
        for settlement in settlements {
            let profit = profit_wide(legs, cash_mills, settlement)?;
            // Also proves that every profit at a knot can be handed out as 64 bits.
            let profit = i64::try_from(profit).map_err(|_| PayoffError::Overflow)?;
            knots.push((settlement, i128::from(profit)));
        }
        let slope_last = legs
            .iter()
            .filter(|leg| leg.right == Right::Call)
            .map(|leg| i128::from(leg.ratio))
            .sum();
        Ok(Self {
            legs: legs.to_vec(),
            cash_mills,
            knots,
            slope_last,
        })
    }

    /// Profit per package at a settlement value, mills.
    ///
    /// # Errors
    /// [`PayoffError::NegativeSettlement`], [`PayoffError::Overflow`].
    pub fn profit_at(&self, settlement_mills: i64) -> Result<i64, PayoffError> {
        if settlement_mills < 0 {
            return Err(PayoffError::NegativeSettlement(settlement_mills));
        }
        let profit = profit_wide(&self.legs, self.cash_mills, settlement_mills)?;
        i64::try_from(profit).map_err(|_| PayoffError::Overflow)
    }

    /// The least profit over all settlement values: the maximum loss when negative. A riskless package can have a positive one.
    #[must_use]
    pub fn profit_min(&self) -> Bound {
        if self.slope_last < 0 {
            return Bound::Unbounded;
        }
        self.extreme(|profits| profits.min())
    }

    /// The greatest profit over all settlement values.
    #[must_use]
    pub fn profit_max(&self) -> Bound {
        if self.slope_last > 0 {
            return Bound::Unbounded;
        }
        self.extreme(|profits| profits.max())
    }

    /// The maximum loss as a number that is not negative, or none when the loss has no bound.
    #[must_use]
    pub fn loss_max_mills(&self) -> Option<i64> {
        match self.profit_min() {
            Bound::Mills(mills) => Some(mills.saturating_neg().max(0)),
            Bound::Unbounded => None,
        }
    }

    /// Settlement values without profit or loss, ascending.
    #[must_use]
    pub fn breakevens(&self) -> Vec<Breakeven> {
        let mut found = Vec::new();
        for (&(from, at_from), &(to, at_to)) in self.knots.iter().zip(self.knots.iter().skip(1)) {
            match (at_from, at_to) {
                (0, 0) => push_flat(&mut found, from, Some(to)),
                (0, _) => push_point(&mut found, from, true),
                (_, 0) => {} // the next segment starts there
                (a, b) if (a < 0) != (b < 0) => {
                    // Linear between the knots: the crossing is at from + (to − from)·|a| / (|a| + |b|).
                    let share = i128::from(to) - i128::from(from);
                    push_crossing(&mut found, from, share, a.abs(), a.abs() + b.abs());
                }
                _ => {}
            }
        }
        if let Some(&(last, profit)) = self.knots.last() {
            match (profit, self.slope_last) {
                (0, 0) => push_flat(&mut found, last, None),
                (0, _) => push_point(&mut found, last, true),
                (p, s) if (p < 0 && s > 0) || (p > 0 && s < 0) => {
                    push_crossing(&mut found, last, 1, p.abs(), s.abs());
                }
                _ => {}
            }
        }
        found
    }

    fn extreme(&self, pick: impl Fn(&mut dyn Iterator<Item = i128>) -> Option<i128>) -> Bound {
        let profit = pick(&mut self.knots.iter().map(|&(_, profit)| profit));
        // The knots always hold settlement zero, and each was proven to fit when it was made.
        Bound::Mills(
            profit
                .and_then(|p| i64::try_from(p).ok())
                .unwrap_or(self.cash_mills),
        )
    }
}

fn profit_wide(legs: &[PayoffLeg], cash_mills: i64, settlement_mills: i64) -> Result<i128, PayoffError> {
    let settlement = i128::from(settlement_mills);
    legs.iter().try_fold(i128::from(cash_mills), |sum, leg| {
        let strike = i128::from(leg.strike_mills);
        let intrinsic = match leg.right {
            Right::Put => (strike - settlement).max(0),
            Right::Call => (settlement - strike).max(0),
        };
        // 63 + 64 bits fit a product; a sum of 2^62 such legs cannot be built.
        let paid = intrinsic
            .checked_mul(i128::from(leg.ratio))
            .ok_or(PayoffError::Overflow)?;
        sum.checked_add(paid).ok_or(PayoffError::Overflow)
    })
}

fn push_point(found: &mut Vec<Breakeven>, mills: i64, exact: bool) {
    let already = match found.last() {
        Some(Breakeven::Flat { to_mills, .. }) => *to_mills == Some(mills),
        Some(Breakeven::At { mills: last, .. }) => *last == mills,
        None => false,
    };
    if !already {
        found.push(Breakeven::At { mills, exact });
    }
}

fn push_flat(found: &mut Vec<Breakeven>, from_mills: i64, to_mills: Option<i64>) {
    if let Some(Breakeven::Flat { to_mills: last, .. }) = found.last_mut()
        && *last == Some(from_mills)
    {
        *last = to_mills;
        return;
    }
    found.push(Breakeven::Flat { from_mills, to_mills });
}

/// Crossing at `from + width·numerator/denominator`, all positive.
fn push_crossing(found: &mut Vec<Breakeven>, from: i64, width: i128, numerator: i128, denominator: i128) {
    let Some(product) = width.checked_mul(numerator) else {
        return;
    };
    let (whole, rest) = (product / denominator, product % denominator);
    let rounded = if rest * 2 >= denominator { whole + 1 } else { whole };
    // A crossing beyond 64 bits of mills is no settlement value that any index can take.
    if let Ok(mills) = i64::try_from(i128::from(from) + rounded) {
        push_point(found, mills, rest == 0);
    }
}
