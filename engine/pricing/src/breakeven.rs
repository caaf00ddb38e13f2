//! Where a package neither wins nor loses at a date before its expiry, under a surface.
//!
//! At expiry the answer is exact and piecewise linear ([`crate::payoff`]). Before it the profit is a smooth curve, and its
//! zeros are found by halving between neighbouring points of a grid of spot shifts on which it changes sign.

use crate::black76::{ExpiryTerms, InputError};
use crate::returns::annualised;
use crate::roots::bracketed;
use crate::stress::{Asset, Holding, Shift, VolShift, value_by};
use crate::surface::Surface;

/// How vols follow the market when it moves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dynamics {
    /// Each strike keeps the vol it has today. What index smiles do on ordinary days, to a fair approximation.
    #[default]
    StickyStrike,
    /// Each moneyness keeps its vol: the smile moves along with the forward.
    StickyMoneyness,
}

/// A package and what it rests on.
#[derive(Clone, Copy, Debug)]
pub struct Scenario<'a> {
    /// What is held.
    pub holdings: &'a [Holding],
    /// Cash in hand, in units × points: a credit is positive, a debit negative. Profit is this plus the value of the holdings.
    pub cash: f64,
    /// Vols at other strikes and times; without it each holding keeps the vol at which it is marked.
    pub surface: Option<&'a Surface>,
    /// How vols follow the forward.
    pub dynamics: Dynamics,
}

/// A zero of the profit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Zero {
    /// Change of spot (and every forward) as a share of itself.
    pub shift: f64,
    /// The profit rises with the market there.
    pub rising: bool,
}

/// The grid of [`Scenario::breakevens`]: from 75 % down to 200 % up, in steps of a quarter of a per cent of the level. Two zeros
/// closer than a step are not seen.
const LOW: f64 = -0.75;
const HIGH: f64 = 2.0;
const STEPS: u16 = 1_000;

impl Scenario<'_> {
    /// Profit after a shift.
    ///
    /// A holding keeps its own mark's distance from the surface: the surface says how far vol moves with strike and time, the
    /// mark where it starts. At no shift, then, the value is that of the marks.
    ///
    /// # Errors
    /// [`InputError`] for a holding or a shift that is not finite or leaves its range.
    pub fn profit(&self, shift: &Shift) -> Result<f64, InputError> {
        let value = value_by(self.holdings, shift, |i, terms, vol| {
            let holding = self.holdings.get(i);
            holding.map_or(Ok(shift.vol.of(vol)), |h| self.vol_after(h, terms, shift))
        })?;
        Ok(self.cash + value)
    }

    /// The vol of an option at its shifted terms, the shift of vols included; zero of what is none.
    ///
    /// # Errors
    /// As [`Scenario::profit`].
    pub fn vol_after(
        &self,
        holding: &Holding,
        after: &ExpiryTerms,
        shift: &Shift,
    ) -> Result<f64, InputError> {
        let Asset::Option { vol, .. } = holding.asset else {
            return Ok(0.0);
        };
        let moved = match self.surface {
            Some(surface) => self.moved(surface, holding, after, vol)?,
            None => vol,
        };
        Ok(shift.vol.of(moved))
    }

    /// The vol of a holding at its shifted terms, before the shift of vols themselves.
    fn moved(
        &self,
        surface: &Surface,
        holding: &Holding,
        after: &ExpiryTerms,
        vol: f64,
    ) -> Result<f64, InputError> {
        let Asset::Option { terms, strike, .. } = holding.asset else {
            return Ok(vol);
        };
        if after.years() <= 0.0 || terms.years() <= 0.0 {
            return Ok(vol);
        }
        let reference = match self.dynamics {
            Dynamics::StickyStrike => terms.forward(),
            Dynamics::StickyMoneyness => after.forward(),
        };
        let here = surface.vol(strike, terms.forward(), terms.years())?;
        let there = surface.vol(strike, reference, after.years())?;
        Ok((vol + there - here).max(0.0))
    }

    /// Shifts of spot at which the profit is zero `days` from now, vols shifted by `vol`, ascending.
    ///
    /// # Errors
    /// As [`Scenario::profit`].
    pub fn breakevens(&self, days: f64, vol: VolShift) -> Result<Vec<Zero>, InputError> {
        let shift = |forward: f64| Shift { forward, vol, days };
        let (from, to) = (libm::log1p(LOW), libm::log1p(HIGH));
        let at = |i: u16| libm::expm1(from + (to - from) * f64::from(i) / f64::from(STEPS));
        let mut zeros = Vec::new();
        let (mut before, mut value_before) = (at(0), self.profit(&shift(at(0)))?);
        for i in 1..=STEPS {
            let here = at(i);
            let value = self.profit(&shift(here))?;
            if value_before == 0.0 && value != 0.0 {
                zeros.push(Zero {
                    shift: before,
                    rising: value > 0.0,
                });
            } else if (value_before < 0.0 && value > 0.0) || (value_before > 0.0 && value < 0.0) {
                let root = bracketed(|x| self.profit(&shift(x)).unwrap_or(f64::NAN), before, here);
                zeros.extend(root.map(|shift| Zero {
                    shift,
                    rising: value > 0.0,
                }));
            }
            (before, value_before) = (here, value);
        }
        Ok(zeros)
    }

    /// Expected profit at settlement if the market moves by `shift` at once (its days aside) and from then on is what the shifted
    /// vols say: cash plus the undiscounted value of the holdings.
    ///
    /// # Errors
    /// As [`Scenario::profit`].
    pub fn expected(&self, shift: &Shift) -> Result<f64, InputError> {
        let now = Shift { days: 0.0, ..*shift };
        let mut sum = self.cash;
        for holding in self.holdings {
            let discount = match holding.asset {
                Asset::Option { terms, .. } => terms.discount(),
                Asset::Linear { .. } => 1.0,
            };
            let value = value_by(core::slice::from_ref(holding), &now, |_, _, vol| {
                Ok(now.vol.of(vol))
            })?;
            sum += value / discount;
        }
        Ok(sum)
    }

    /// Annual rate of return on `capital` in a shifted market: with days in the shift, of the profit marked after them; without,
    /// of the expected profit at the last holding's settlement. Minus one where more than the capital is lost; none without
    /// capital or time.
    ///
    /// # Errors
    /// As [`Scenario::profit`].
    pub fn rate(&self, shift: &Shift, capital: f64) -> Result<Option<f64>, InputError> {
        let (profit, years) = if shift.days > 0.0 {
            (self.profit(shift)?, shift.days / 365.0)
        } else {
            let years = self.holdings.iter().map(|h| match h.asset {
                Asset::Option { terms, .. } => terms.years(),
                Asset::Linear { .. } => 0.0,
            });
            (self.expected(shift)?, years.fold(0.0, f64::max))
        };
        Ok(rate_of(profit, capital, years))
    }
}

/// Annual rate of a profit on `capital` over so many years: minus one where more than the capital is lost, none without capital
/// or time.
#[must_use]
pub fn rate_of(profit: f64, capital: f64, years: f64) -> Option<f64> {
    if profit < -capital && capital > 0.0 && years > 0.0 {
        return Some(-1.0);
    }
    annualised(profit, capital, years)
}
