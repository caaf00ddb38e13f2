//! Implied vol of one option.

use implied_vol::{DefaultSpecialFn, ImpliedBlackVolatility};

use crate::black76::{ExpiryTerms, Input, InputError, MAX_VOL, MIN_TOTAL_VOL, Right};

/// Why a price has no implied vol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IvError {
    /// The price is below the discounted intrinsic value: no vol gives it, and buying the option would be free money.
    #[error("the price is below the intrinsic value")]
    BelowIntrinsic,
    /// The price is the intrinsic value to within the rounding of the subtraction: any small vol fits it.
    #[error("the price holds no time value")]
    NoTimeValue,
    /// The price is at or above its bound (discounted forward for a call, discounted strike for a put), or needs a vol above [`MAX_VOL`].
    #[error("the price is above what any vol gives")]
    AboveMax,
    /// The settlement instant is reached: price no longer speaks of vol.
    #[error("no time is left to the settlement instant")]
    NoTime,
    /// An input is not finite or outside its range.
    #[error(transparent)]
    Input(#[from] InputError),
}

/// A time value below this share of an in-the-money price (or of the forward and strike whose difference is taken off) is
/// rounding, not information.
pub(crate) const TIME_VALUE_RESOLUTION: f64 = 8.0 * f64::EPSILON;

impl ExpiryTerms {
    /// Vol (fraction) at which [`ExpiryTerms::price`] gives `price`, in points and discounted.
    ///
    /// In-the-money prices go by way of the out-of-the-money option of the same strike: by parity both hold the same
    /// undiscounted time value, and only that speaks of vol.
    ///
    /// # Errors
    /// [`IvError`], each cause documented there.
    pub fn implied_vol(&self, right: Right, strike: f64, price: f64) -> Result<f64, IvError> {
        let strike = Input::Strike.check(strike)?;
        let price = Input::Price.check(price)?;
        // Below this no vol up to the greatest one could be told from none.
        if self.sqrt_years() * MAX_VOL <= MIN_TOTAL_VOL {
            return Err(IvError::NoTime);
        }
        let (otm, time_value) = self.time_value(right, strike, price)?;
        let vol = ImpliedBlackVolatility::builder()
            .forward(self.forward())
            .strike(strike)
            .expiry(self.years())
            .is_call(matches!(otm, Right::Call))
            .option_price(time_value)
            .build()
            .and_then(|solver| solver.calculate::<DefaultSpecialFn>())
            .ok_or(IvError::AboveMax)?;
        if vol > 0.0 && vol <= MAX_VOL {
            Ok(vol)
        } else if vol == 0.0 {
            Err(IvError::NoTimeValue)
        } else {
            Err(IvError::AboveMax)
        }
    }

    /// The out-of-the-money right at `strike` and the undiscounted time value that `price` holds.
    fn time_value(&self, right: Right, strike: f64, price: f64) -> Result<(Right, f64), IvError> {
        let undiscounted = price / self.discount();
        let intrinsic = right.intrinsic(self.forward(), strike);
        if intrinsic > 0.0 {
            let time_value = undiscounted - intrinsic;
            let noise = TIME_VALUE_RESOLUTION * undiscounted.max(self.forward()).max(strike);
            if time_value < -noise {
                Err(IvError::BelowIntrinsic)
            } else if time_value <= noise {
                Err(IvError::NoTimeValue)
            } else {
                Ok((right.other(), time_value))
            }
        } else if undiscounted > 0.0 {
            Ok((right, undiscounted))
        } else {
            Err(IvError::NoTimeValue)
        }
    }
}

/// Implied vol from loose inputs; see [`ExpiryTerms::implied_vol`], which checks the shared terms only once.
///
/// # Errors
/// [`IvError`], each cause documented there.
pub fn implied_vol(
    price: f64,
    forward: f64,
    strike: f64,
    years: f64,
    discount: f64,
    right: Right,
) -> Result<f64, IvError> {
    ExpiryTerms::new(forward, years, discount)?.implied_vol(right, strike, price)
}
