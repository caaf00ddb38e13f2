//! The forward and the discount that put-call parity implies: `C − P = D (F − K)`.

use crate::black76::{Input, InputError};

/// Mid prices of the put and the call of one strike, both quoted on both sides (the caller leaves out the rest).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ParityQuote {
    /// Strike, points.
    pub strike: f64,
    /// Mid of the call, points.
    pub call: f64,
    /// Mid of the put, points.
    pub put: f64,
}

impl ParityQuote {
    fn synthetic(&self) -> f64 {
        self.call - self.put
    }

    fn is_sound(&self) -> bool {
        Input::Strike.check(self.strike).is_ok()
            && Input::Price.check(self.call).is_ok()
            && Input::Price.check(self.put).is_ok()
    }
}

/// How [`parity_forward`] chooses strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForwardOptions {
    /// Strikes to use at most: those closest to the money.
    pub strikes_max: usize,
    /// Strikes without which there is no answer.
    pub strikes_min: usize,
}

impl Default for ForwardOptions {
    /// Seven strikes around the money, at least one: an odd count has its median at a quote.
    fn default() -> Self {
        Self {
            strikes_max: 7,
            strikes_min: 1,
        }
    }
}

/// A forward by parity, and how far its strikes agree.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ParityForward {
    /// The forward, points: median of `K + (C − P) / D` over the strikes used.
    pub forward: f64,
    /// Median absolute deviation of the strikes' forwards from their median, points. Zero with one strike.
    pub dispersion: f64,
    /// Greatest absolute deviation of a used strike's forward from the median, points.
    pub deviation_max: f64,
    /// How many strikes were used.
    pub strikes_used: usize,
    /// The strike of least `|C − P|`, around which the others were chosen.
    pub strike_atm: f64,
}

/// Why no forward or discount could be taken from a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ForwardError {
    /// Too few strikes carry both a put and a call with sound prices.
    #[error("{found} strikes have both a put and a call quoted, {needed} are needed")]
    TooFewStrikes {
        /// Sound pairs that were found.
        found: usize,
        /// Pairs that are needed.
        needed: usize,
    },
    /// The discount, or the forward that comes out, is outside its range.
    #[error(transparent)]
    Input(#[from] InputError),
}

/// The forward of an expiry by put-call parity.
///
/// The strike of least `|C − P|` is at the money; it and its nearest neighbours (by distance, the lower strike first on a
/// tie) each give `K + (C − P) / discount`, and the median of these is the forward: one stale or crossed quote moves it
/// by no more than to a neighbour's value. Quotes may come in any order; unsound ones (not finite, negative price) are passed over.
///
/// # Errors
/// [`ForwardError::TooFewStrikes`], or [`ForwardError::Input`] for the discount or for a forward outside its range.
pub fn parity_forward(
    quotes: &[ParityQuote],
    discount: f64,
    options: ForwardOptions,
) -> Result<ParityForward, ForwardError> {
    let discount = Input::Discount.check(discount)?;
    let mut pairs = sound_pairs(quotes);
    let needed = options.strikes_min.max(1);
    let too_few = ForwardError::TooFewStrikes {
        found: pairs.len(),
        needed,
    };
    if pairs.len() < needed {
        return Err(too_few);
    }
    // Least |C − P|; on a tie the lower strike, so that the order of the input cannot matter.
    let atm = pairs
        .iter()
        .min_by(|a, b| {
            let (x, y) = (a.synthetic().abs(), b.synthetic().abs());
            x.total_cmp(&y).then(a.strike.total_cmp(&b.strike))
        })
        .map(|q| q.strike)
        .ok_or(too_few)?;
    pairs.sort_by(|a, b| {
        let (x, y) = ((a.strike - atm).abs(), (b.strike - atm).abs());
        x.total_cmp(&y).then(a.strike.total_cmp(&b.strike))
    });
    pairs.truncate(options.strikes_max.max(needed));
    let mut forwards: Vec<f64> = pairs
        .iter()
        .map(|q| q.strike + q.synthetic() / discount)
        .collect();
    let forward = Input::Forward.check(median(&mut forwards).ok_or(too_few)?)?;
    let mut deviations: Vec<f64> = forwards.iter().map(|f| (f - forward).abs()).collect();
    let dispersion = median(&mut deviations).unwrap_or(0.0);
    let deviation_max = deviations.iter().copied().fold(0.0, f64::max);
    Ok(ParityForward {
        forward,
        dispersion,
        deviation_max,
        strikes_used: forwards.len(),
        strike_atm: atm,
    })
}

/// The discount that box spreads imply: a figure of the quality of the quotes, or a rate where none is at hand.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BoxDiscount {
    /// Median of the boxes' price per point of width.
    pub discount: f64,
    /// Continuously compounded rate of that discount, fraction per year.
    pub rate: f64,
    /// Median absolute deviation of the boxes' discounts.
    pub dispersion: f64,
    /// How many boxes were used.
    pub boxes: usize,
}

/// The discount by boxes: `[(C₁ − P₁) − (C₂ − P₂)] / (K₂ − K₁) = D`, free of the forward.
///
/// Strikes are sorted and each of the lower half is paired with its counterpart in the upper half, so every box is wide
/// (narrow ones magnify the quotes' rounding) and every quote is used once; the median of the boxes is the answer.
///
/// # Errors
/// [`ForwardError::TooFewStrikes`] below four strikes, [`ForwardError::Input`] when `years` is not positive and in range or
/// the discount comes out of its range.
pub fn box_discount(quotes: &[ParityQuote], years: f64) -> Result<BoxDiscount, ForwardError> {
    const NEEDED: usize = 4;
    let years = Input::Years.check(years)?;
    if years <= 0.0 {
        return Err(InputError {
            input: Input::Years,
            value: years,
        }
        .into());
    }
    let mut pairs = sound_pairs(quotes);
    pairs.sort_by(|a, b| a.strike.total_cmp(&b.strike));
    pairs.dedup_by(|a, b| a.strike.total_cmp(&b.strike).is_eq());
    let too_few = ForwardError::TooFewStrikes {
        found: pairs.len(),
        needed: NEEDED,
    };
    if pairs.len() < NEEDED {
        return Err(too_few);
    }
    let half = pairs.len() / 2;
    let upper_half = pairs.iter().skip(pairs.len() - half);
    let mut discounts: Vec<f64> = pairs
        .iter()
        .zip(upper_half)
        .map(|(low, high)| (low.synthetic() - high.synthetic()) / (high.strike - low.strike))
        .collect();
    let discount = Input::Discount.check(median(&mut discounts).ok_or(too_few)?)?;
    let mut deviations: Vec<f64> = discounts.iter().map(|d| (d - discount).abs()).collect();
    let dispersion = median(&mut deviations).unwrap_or(0.0);
    Ok(BoxDiscount {
        discount,
        rate: -libm::log(discount) / years,
        dispersion,
        boxes: discounts.len(),
    })
}

fn sound_pairs(quotes: &[ParityQuote]) -> Vec<ParityQuote> {
    quotes.iter().copied().filter(ParityQuote::is_sound).collect()
}

/// Median of finite values; with an even count the mean of the middle two. Sorts its argument.
fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    if values.len() % 2 == 1 {
        return Some(upper);
    }
    let lower = *values.get((values.len() / 2).checked_sub(1)?)?;
    Some(0.5 * (lower + upper))
}
