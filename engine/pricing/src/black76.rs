//! Black-76: the price of a European option on a forward, and its greeks.
//!
//! Source: F. Black, "The pricing of commodity contracts", Journal of Financial Economics 3 (1976) 167–179.
//! With `s = σ√T`, `d1 = ln(F/K)/s + s/2`, `d2 = d1 − s`, `D` the discount and `r = −ln(D)/T`:
//!
//! ```text
//! call = D [F Φ(d1) − K Φ(d2)]           put = D [K Φ(−d2) − F Φ(−d1)]
//! ```
//!
//! The price itself is taken from `implied-vol` (Jäckel's normalised Black function), which keeps its relative precision
//! far into the wings, where the formula above subtracts two nearly equal numbers.

use implied_vol::{DefaultSpecialFn, PriceBlackScholes};

use crate::time::SECONDS_PER_YEAR;

/// Least forward, strike or price that is accepted, in points.
pub const MIN_PRICE_POINTS: f64 = 1e-9;
/// Greatest forward, strike or price that is accepted, in points.
pub const MAX_PRICE_POINTS: f64 = 1e12;
/// Greatest time to settlement that is accepted, in years.
pub const MAX_YEARS: f64 = 200.0;
/// Greatest vol that is accepted, as a fraction: 100 is 10 000 vol points.
pub const MAX_VOL: f64 = 100.0;
/// Least discount that is accepted.
pub const MIN_DISCOUNT: f64 = 1e-6;
/// Greatest discount that is accepted (above one when rates are negative).
pub const MAX_DISCOUNT: f64 = 1e3;
/// A total vol `σ√T` below this moves no price by as much as one unit in its last place: it counts as zero.
pub const MIN_TOTAL_VOL: f64 = 1e-16;

const DAYS_PER_YEAR: f64 = 365.0;

/// The side of the strike on which an option pays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Right {
    /// Pays `K − S` when the settlement value is below the strike.
    Put,
    /// Pays `S − K` when the settlement value is above the strike.
    Call,
}

impl Right {
    /// `+1` for a call, `−1` for a put: the sign of delta.
    #[must_use]
    pub const fn sign(self) -> f64 {
        match self {
            Self::Put => -1.0,
            Self::Call => 1.0,
        }
    }

    /// The other right.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Put => Self::Call,
            Self::Call => Self::Put,
        }
    }

    /// Undiscounted payoff at `forward` for `strike`, in points.
    #[must_use]
    pub fn intrinsic(self, forward: f64, strike: f64) -> f64 {
        (self.sign() * (forward - strike)).max(0.0)
    }
}

/// The input that an [`InputError`] speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Input {
    /// The forward, in points.
    Forward,
    /// The strike, in points.
    Strike,
    /// The time to settlement, in years.
    Years,
    /// The vol, as a fraction.
    Vol,
    /// The discount.
    Discount,
    /// The option's price, in points.
    Price,
}

impl Input {
    /// The closed range in which this input is accepted.
    #[must_use]
    pub const fn range(self) -> (f64, f64) {
        match self {
            Self::Forward | Self::Strike => (MIN_PRICE_POINTS, MAX_PRICE_POINTS),
            Self::Years => (0.0, MAX_YEARS),
            Self::Vol => (0.0, MAX_VOL),
            Self::Discount => (MIN_DISCOUNT, MAX_DISCOUNT),
            Self::Price => (0.0, MAX_PRICE_POINTS),
        }
    }

    /// `value` when it lies in this input's range; NaN and infinities never do.
    pub(crate) fn check(self, value: f64) -> Result<f64, InputError> {
        let (least, greatest) = self.range();
        if value >= least && value <= greatest {
            // Adding zero turns −0 into +0, so that no sign of zero reaches an output.
            Ok(value + 0.0)
        } else {
            Err(InputError { input: self, value })
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Forward => "forward",
            Self::Strike => "strike",
            Self::Years => "time to settlement in years",
            Self::Vol => "vol",
            Self::Discount => "discount",
            Self::Price => "price",
        }
    }
}

/// An input that is not a number, not finite, or outside the range in which the answer is meaningful.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("{} `{value}` is not a number from {} to {}", input.name(), input.range().0, input.range().1)]
pub struct InputError {
    /// Which input.
    pub input: Input,
    /// The value that was given.
    pub value: f64,
}

// By bits: two refusals of the same NaN are the same refusal.
impl PartialEq for InputError {
    fn eq(&self, other: &Self) -> bool {
        self.input == other.input && self.value.to_bits() == other.value.to_bits()
    }
}
impl Eq for InputError {}

/// What every option of one expiry shares: forward, time and discount, checked once.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ExpiryTerms {
    forward: f64,
    years: f64,
    discount: f64,
    sqrt_years: f64,
    rate: f64,
}

impl ExpiryTerms {
    /// Terms of an expiry: `forward` in points, `years` to settlement, `discount` per point paid at settlement.
    ///
    /// # Errors
    /// [`InputError`] when an input is not finite or outside [`Input::range`]. Zero years are accepted: at the settlement
    /// instant an option is worth its discounted intrinsic value.
    pub fn new(forward: f64, years: f64, discount: f64) -> Result<Self, InputError> {
        let forward = Input::Forward.check(forward)?;
        let years = Input::Years.check(years)?;
        let discount = Input::Discount.check(discount)?;
        // With (next to) no time there is no rate to speak of, and the quotient would only amplify rounding.
        let rate = if years < 1.0 / SECONDS_PER_YEAR {
            0.0
        } else {
            -libm::log(discount) / years
        };
        Ok(Self {
            forward,
            years,
            discount,
            sqrt_years: years.sqrt(),
            rate,
        })
    }

    /// The same terms with a continuously compounded `rate` (fraction per year) in place of a discount: `D = e^(−rT)`.
    ///
    /// # Errors
    /// As [`ExpiryTerms::new`]; a rate that takes the discount out of its range is reported as that discount.
    pub fn with_rate(forward: f64, years: f64, rate: f64) -> Result<Self, InputError> {
        let years = Input::Years.check(years)?;
        Self::new(forward, years, libm::exp(-rate * years))
    }

    /// The forward, in points.
    #[must_use]
    pub const fn forward(&self) -> f64 {
        self.forward
    }

    /// Years to the settlement instant.
    #[must_use]
    pub const fn years(&self) -> f64 {
        self.years
    }

    /// Square root of the years to the settlement instant.
    #[must_use]
    pub const fn sqrt_years(&self) -> f64 {
        self.sqrt_years
    }

    /// Price today of one point paid at settlement.
    #[must_use]
    pub const fn discount(&self) -> f64 {
        self.discount
    }

    /// Continuously compounded rate that the discount implies, fraction per year; zero with less than a second left.
    #[must_use]
    pub const fn rate(&self) -> f64 {
        self.rate
    }

    /// Discounted Black-76 price, in points.
    ///
    /// At zero time or zero vol: the discounted intrinsic value.
    ///
    /// # Errors
    /// [`InputError`] for a strike or vol that is not finite or outside its range.
    pub fn price(&self, right: Right, strike: f64, vol: f64) -> Result<f64, InputError> {
        let strike = Input::Strike.check(strike)?;
        let vol = Input::Vol.check(vol)?;
        Ok(self.discount * self.undiscounted(right, strike, vol))
    }

    /// Price and the five greeks; units in the crate's table, limits at zero time or vol in [`Greeks`].
    ///
    /// # Errors
    /// [`InputError`] for a strike or vol that is not finite or outside its range.
    pub fn greeks(&self, right: Right, strike: f64, vol: f64) -> Result<Greeks, InputError> {
        let strike = Input::Strike.check(strike)?;
        let vol = Input::Vol.check(vol)?;
        let price = self.discount * self.undiscounted(right, strike, vol);
        let total_vol = vol * self.sqrt_years;
        let sign = right.sign();
        let rho = -self.years * price / 100.0;
        if total_vol < MIN_TOTAL_VOL {
            let moneyness = sign * (self.forward - strike);
            let exercised = if moneyness > 0.0 {
                1.0
            } else if moneyness < 0.0 {
                0.0
            } else {
                0.5
            };
            return Ok(Greeks {
                price,
                delta: sign * self.discount * exercised,
                gamma: 0.0,
                vega: 0.0,
                theta: self.rate * price / DAYS_PER_YEAR,
                rho,
            });
        }
        let d1 = log_moneyness(self.forward, strike) / total_vol + 0.5 * total_vol;
        let density = self.discount * normal_pdf(d1);
        let theta_vol = self.forward * density * vol / (2.0 * self.sqrt_years);
        Ok(Greeks {
            price,
            delta: sign * self.discount * normal_cdf(sign * d1),
            gamma: density / (self.forward * total_vol),
            vega: self.forward * density * self.sqrt_years / 100.0,
            theta: (self.rate * price - theta_vol) / DAYS_PER_YEAR,
            rho,
        })
    }

    pub(crate) fn undiscounted(&self, right: Right, strike: f64, vol: f64) -> f64 {
        if vol * self.sqrt_years < MIN_TOTAL_VOL {
            return right.intrinsic(self.forward, strike);
        }
        PriceBlackScholes::builder()
            .forward(self.forward)
            .strike(strike)
            .volatility(vol)
            .expiry(self.years)
            .is_call(matches!(right, Right::Call))
            .build_unchecked()
            .calculate::<DefaultSpecialFn>()
    }
}

/// Price of one option and its five first greeks, all per option and per unit as named.
///
/// Where `σ√T` is below [`MIN_TOTAL_VOL`] (the settlement instant, or no vol) the limits are: delta a step (half of the
/// discount when the forward stands exactly at the strike), gamma and vega zero (at the strike gamma has no finite
/// limit, and zero is what a position that is about to vanish can still lose by it), theta the growth of the price at
/// the discount's rate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Greeks {
    /// Discounted price, points.
    pub price: f64,
    /// `∂price/∂F`: `D Φ(d1)` for a call, `−D Φ(−d1)` for a put. For the delta against spot multiply by `∂F/∂S`.
    pub delta: f64,
    /// `∂²price/∂F²` per point: `D φ(d1) / (F σ√T)`, the same for put and call.
    pub gamma: f64,
    /// `∂price/∂σ` per vol point (over 100): `D F φ(d1) √T / 100`, the same for put and call.
    pub vega: f64,
    /// `−∂price/∂T / 365` at fixed forward, vol and rate, the discount's growth included:
    /// `(r price − D F φ(d1) σ / (2√T)) / 365` per calendar day.
    pub theta: f64,
    /// `∂price/∂r` per percentage point at fixed forward: `−T price / 100`.
    pub rho: f64,
}

/// Discounted Black-76 price from loose inputs; see [`ExpiryTerms::price`], which checks the shared terms only once.
///
/// # Errors
/// [`InputError`] names the first input that is not finite or outside [`Input::range`].
pub fn price(
    right: Right,
    forward: f64,
    strike: f64,
    years: f64,
    vol: f64,
    discount: f64,
) -> Result<f64, InputError> {
    ExpiryTerms::new(forward, years, discount)?.price(right, strike, vol)
}

/// `ln(forward / strike)`, keeping its relative precision when the two are close.
pub(crate) fn log_moneyness(forward: f64, strike: f64) -> f64 {
    let ratio = forward / strike;
    if (0.5..=2.0).contains(&ratio) {
        // The subtraction is exact here (Sterbenz), so nothing is lost before the logarithm.
        libm::log1p((forward - strike) / strike)
    } else {
        libm::log(ratio)
    }
}

/// Standard normal distribution function, by `erfc`: absolute error 1.1e-16, relative 9e-15 for |x| ≤ 8.
#[must_use]
pub fn normal_cdf(x: f64) -> f64 {
    0.5 * libm::erfc(-x * core::f64::consts::FRAC_1_SQRT_2)
}

/// Standard normal density.
#[must_use]
pub fn normal_pdf(x: f64) -> f64 {
    const FRAC_1_SQRT_2PI: f64 = 0.398_942_280_401_432_7;
    FRAC_1_SQRT_2PI * libm::exp(-0.5 * x * x)
}
