//! Smiles joined across expiries.

use super::fit::{SmileError, SmileFit, SmileQuote, fit_above, fit_smile};
use super::smile::Smile;
use crate::black76::{ExpiryTerms, Input, InputError, Right, log_moneyness, normal_cdf};

/// Points of log-moneyness at which two expiries are compared.
const CALENDAR_POINTS: u16 = 120;
/// A fall of total variance of less than this many vol points of the later expiry is rounding.
const CALENDAR_RESOLUTION: f64 = 1e-3;

/// One expiry of a surface.
#[derive(Clone, Debug, PartialEq)]
pub struct SurfaceSlice {
    /// Forward, time and discount.
    pub terms: ExpiryTerms,
    /// Smile and how well it stands by its quotes.
    pub fit: SmileFit,
}

impl SurfaceSlice {
    /// Vol at the forward, a fraction.
    #[must_use]
    pub fn atm_vol(&self) -> f64 {
        self.fit.smile.total_variance(0.0).sqrt() / self.terms.sqrt_years()
    }

    /// Slope of the smile at the forward: vol points for a strike one per cent higher.
    #[must_use]
    pub fn atm_skew(&self) -> f64 {
        // A per cent of strike is 0.01 of k and a vol point 0.01 of vol.
        self.fit.smile.atm_slope() / self.terms.sqrt_years()
    }

    /// Log-moneyness at which the option of a right has this delta (without sign or discount, between 0 and 1), by the smile's
    /// own vol there. None where the smile has no such strike within ten standard deviations.
    #[must_use]
    pub fn at_delta(&self, right: Right, delta: f64) -> Option<f64> {
        let scale = self.fit.smile.total_variance(0.0).sqrt();
        if !(scale > 0.0 && delta > 0.0 && delta < 1.0) {
            return None;
        }
        // Falls with the strike for a call, rises for a put.
        let miss = |k: f64| {
            let total = self.fit.smile.total_variance(k).sqrt().max(1e-12);
            let d1 = -k / total + 0.5 * total;
            let sign = right.sign();
            sign * (normal_cdf(sign * d1) - delta)
        };
        crate::roots::bracketed(miss, -10.0 * scale, 10.0 * scale)
    }

    /// Vol of the 25-delta put less that of the 25-delta call, vol points: what crash protection costs over hope.
    #[must_use]
    pub fn risk_reversal(&self) -> Option<f64> {
        let vol = |right| {
            let k = self.at_delta(right, 0.25)?;
            Some(self.fit.smile.total_variance(k).sqrt() / self.terms.sqrt_years())
        };
        Some(100.0 * (vol(Right::Put)? - vol(Right::Call)?))
    }
}

/// A fall of total variance from one expiry to a later one at the same moneyness: calendar arbitrage.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Crossing {
    /// Position of the nearer expiry; the later one follows it.
    pub near: usize,
    /// Log-moneyness where it is deepest.
    pub at: f64,
    /// Depth there, in vol points of the later expiry.
    pub vol_points: f64,
    /// Whether both expiries have quotes on either side of that place: beyond them two curves cross for want of knowledge.
    pub quoted: bool,
}

/// Vols of all strikes and times, from smiles of some expiries.
///
/// Between two expiries total variance is interpolated linearly in time at fixed log-moneyness, which keeps it from falling.
/// Before the first and after the last it grows in proportion to time (a level term structure): an extrapolation, and
/// [`Surface::reaches`] tells. Forwards are interpolated geometrically.
#[derive(Clone, Debug, PartialEq)]
pub struct Surface {
    slices: Vec<SurfaceSlice>,
}

impl Surface {
    /// Joins slices, by time; of several at one instant the one with the most quotes counts. None without a slice that has time.
    #[must_use]
    pub fn new(mut slices: Vec<SurfaceSlice>) -> Option<Self> {
        slices.retain(|s| s.terms.sqrt_years() > 0.0);
        slices.sort_by(|a, b| {
            let by_time = a.terms.years().total_cmp(&b.terms.years());
            by_time.then(b.fit.quotes.cmp(&a.fit.quotes))
        });
        slices.dedup_by(|b, a| a.terms.years().total_cmp(&b.terms.years()).is_eq());
        (!slices.is_empty()).then_some(Self { slices })
    }

    /// Fits every expiry by itself and then, where a later one falls below the one before inside the quotes, that one again with the
    /// earlier as its floor. The answer also names the expiries without a smile, by position in `expiries`.
    #[must_use]
    pub fn fit(expiries: &[(ExpiryTerms, Vec<SmileQuote>)]) -> (Option<Self>, Vec<(usize, SmileError)>) {
        let mut order: Vec<usize> = (0..expiries.len()).collect();
        let years = |i: usize| expiries.get(i).map_or(0.0, |e| e.0.years());
        order.sort_by(|a, b| years(*a).total_cmp(&years(*b)));
        let mut slices: Vec<SurfaceSlice> = Vec::new();
        let mut refused = Vec::new();
        for index in order {
            let Some((terms, quotes)) = expiries.get(index) else {
                continue;
            };
            let fit = match fit_smile(terms, quotes) {
                Ok(fit) => fit,
                Err(error) => {
                    refused.push((index, error));
                    continue;
                }
            };
            let mut slice = SurfaceSlice { terms: *terms, fit };
            if let Some(before) = slices.last() {
                slice = above(before, slice, quotes);
            }
            slices.push(slice);
        }
        refused.sort_by_key(|(index, _)| *index);
        (Self::new(slices), refused)
    }

    /// The expiries, nearest first.
    #[must_use]
    pub fn slices(&self) -> &[SurfaceSlice] {
        &self.slices
    }

    /// Whether `years` lies between the first and the last expiry.
    #[must_use]
    pub fn reaches(&self, years: f64) -> bool {
        let ends = self.slices.first().zip(self.slices.last());
        ends.is_some_and(|(first, last)| first.terms.years() <= years && years <= last.terms.years())
    }

    /// Total variance `σ²T` at log-moneyness `k` and time `years`.
    #[must_use]
    pub fn total_variance(&self, k: f64, years: f64) -> f64 {
        let of = |s: &SurfaceSlice| s.fit.smile.total_variance(k);
        match self.around(years) {
            (Some(near), Some(far)) => {
                let share = (years - near.terms.years()) / (far.terms.years() - near.terms.years());
                let (low, high) = (of(near), of(far));
                low + share * (high - low)
            }
            (Some(end), None) | (None, Some(end)) => of(end) * (years / end.terms.years()),
            (None, None) => 0.0,
        }
    }

    /// The forward for `years`, points.
    #[must_use]
    pub fn forward(&self, years: f64) -> f64 {
        match self.around(years) {
            (Some(near), Some(far)) => {
                let share = (years - near.terms.years()) / (far.terms.years() - near.terms.years());
                let growth = -log_moneyness(near.terms.forward(), far.terms.forward());
                near.terms.forward() * libm::exp(share * growth)
            }
            (Some(end), None) | (None, Some(end)) => end.terms.forward(),
            (None, None) => 0.0,
        }
    }

    /// Vol (fraction) at a strike and time, moneyness measured against `forward`.
    ///
    /// With the surface's own [`Surface::forward`] a strike keeps its vol as the market moves (sticky strike); with the moved
    /// forward a moneyness does.
    ///
    /// # Errors
    /// [`InputError`] for a strike, forward or time that is not finite or outside its range; no time has no vol.
    pub fn vol(&self, strike: f64, forward: f64, years: f64) -> Result<f64, InputError> {
        let strike = Input::Strike.check(strike)?;
        let forward = Input::Forward.check(forward)?;
        let years = Input::Years.check(years)?;
        if years <= 0.0 {
            let (input, value) = (Input::Years, years);
            return Err(InputError { input, value });
        }
        let k = -log_moneyness(forward, strike);
        Input::Vol.check((self.total_variance(k, years) / years).sqrt())
    }

    /// Falls of total variance from each expiry to the next, the deepest of each pair.
    #[must_use]
    pub fn crossings(&self) -> Vec<Crossing> {
        let pairs = self.slices.iter().zip(self.slices.iter().skip(1)).enumerate();
        pairs
            .filter_map(|(near, (a, b))| {
                let inside = crossing(near, a, b, true);
                inside.or_else(|| crossing(near, a, b, false))
            })
            .collect()
    }

    /// The slices before and after a time: both the same side's only beyond the ends.
    fn around(&self, years: f64) -> (Option<&SurfaceSlice>, Option<&SurfaceSlice>) {
        let after = self.slices.partition_point(|s| s.terms.years() <= years);
        let near = after.checked_sub(1).and_then(|i| self.slices.get(i));
        (near, self.slices.get(after))
    }
}

/// Log-moneyness over which two expiries are compared: where both are quoted, or where either is.
fn compared(near: &SurfaceSlice, far: &SurfaceSlice, quoted: bool) -> impl Iterator<Item = f64> + use<> {
    let ((a, b), (c, d)) = (near.fit.range, far.fit.range);
    let (low, high) = if quoted {
        (a.max(c), b.min(d))
    } else {
        (a.min(c), b.max(d))
    };
    let steps = f64::from(CALENDAR_POINTS);
    let points = if high > low { CALENDAR_POINTS } else { 0 };
    (0..=points).map(move |i| low + (high - low) * f64::from(i) / steps)
}

fn crossing(index: usize, near: &SurfaceSlice, far: &SurfaceSlice, quoted: bool) -> Option<Crossing> {
    let depth = |k: f64| {
        let fall = near.fit.smile.total_variance(k).sqrt() - far.fit.smile.total_variance(k).sqrt();
        100.0 * fall / far.terms.sqrt_years()
    };
    let deepest = compared(near, far, quoted)
        .map(|k| (k, depth(k)))
        .max_by(|a, b| a.1.total_cmp(&b.1))?;
    (deepest.1 > CALENDAR_RESOLUTION).then_some(Crossing {
        near: index,
        at: deepest.0,
        vol_points: deepest.1,
        quoted,
    })
}

/// `slice`, or the same expiry fitted again so that it stays above the one before.
fn above(before: &SurfaceSlice, slice: SurfaceSlice, quotes: &[SmileQuote]) -> SurfaceSlice {
    let Smile::Curve(start) = &slice.fit.smile else {
        return slice;
    };
    let Some(found) = crossing(0, before, &slice, true) else {
        return slice;
    };
    let floor: Vec<(f64, f64)> = compared(before, &slice, true)
        .map(|k| (k, before.fit.smile.total_variance(k)))
        .filter(|(_, w)| *w > 0.0)
        .collect();
    let Ok(fit) = fit_above(&slice.terms, quotes, &floor, Some(start)) else {
        return slice;
    };
    let again = SurfaceSlice {
        terms: slice.terms,
        fit,
    };
    let left = crossing(0, before, &again, true).map_or(0.0, |c| c.vol_points);
    if left < found.vol_points { again } else { slice }
}
