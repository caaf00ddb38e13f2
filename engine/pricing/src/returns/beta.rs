//! The capital asset pricing model: how much of a return is the market's.

/// Fit of `portfolio − riskless = alpha + beta (market − riskless)` by least squares, per period of the returns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Capm {
    /// Slope: covariance of the excess returns over variance of the market's.
    pub beta: f64,
    /// Excess return that the market does not explain, per period.
    pub alpha: f64,
    /// Share of the portfolio's variance that the market explains, 0 to 1; zero for a portfolio that never moves.
    pub r_squared: f64,
    /// Standard error of the slope.
    pub beta_error: f64,
    /// Periods.
    pub periods: usize,
}

impl Capm {
    /// Return per period that the model expects for a riskless rate and an expected market return, both per period:
    /// `riskless + beta (market − riskless)`.
    #[must_use]
    pub fn expected(&self, riskless: f64, market: f64) -> f64 {
        riskless + self.beta * (market - riskless)
    }
}

/// Why there is no beta.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CapmError {
    /// Columns of different length.
    #[error("the returns of portfolio, market and riskless rate are not equally many")]
    Length,
    /// Fewer than three periods: a line through two points explains everything.
    #[error("{0} periods are too few for a beta, 3 are needed")]
    TooFew(usize),
    /// A return that is not finite.
    #[error("a return is not a number")]
    Unsound,
    /// The market never moves.
    #[error("the market's returns do not vary")]
    FlatMarket,
}

/// Beta of `portfolio` against `market`, both and `riskless` being simple returns of the same periods, fractions.
///
/// # Errors
/// [`CapmError`], each cause documented there.
pub fn capm(portfolio: &[f64], market: &[f64], riskless: &[f64]) -> Result<Capm, CapmError> {
    let n = portfolio.len();
    if market.len() != n || riskless.len() != n {
        return Err(CapmError::Length);
    }
    if n < 3 {
        return Err(CapmError::TooFew(n));
    }
    let rows = || {
        let pairs = portfolio.iter().zip(market).zip(riskless);
        pairs.map(|((p, m), r)| (p - r, m - r))
    };
    if rows().any(|(p, m)| !(p.is_finite() && m.is_finite())) {
        return Err(CapmError::Unsound);
    }
    let count = f64::from(u32::try_from(n).unwrap_or(u32::MAX));
    let mean = |of: fn((f64, f64)) -> f64| rows().map(of).sum::<f64>() / count;
    let (mean_p, mean_m) = (mean(|r| r.0), mean(|r| r.1));
    let (mut pp, mut mm, mut pm) = (0.0, 0.0, 0.0);
    for (p, m) in rows() {
        let (p, m) = (p - mean_p, m - mean_m);
        pp += p * p;
        mm += m * m;
        pm += p * m;
    }
    // Rounding of equal returns is no movement.
    let scale = rows().map(|r| r.1.abs()).fold(0.0, f64::max);
    if mm <= count * (scale * 1e-14).powi(2) {
        return Err(CapmError::FlatMarket);
    }
    let beta = pm / mm;
    let left = (pp - beta * pm).max(0.0);
    let found = Capm {
        beta,
        alpha: mean_p - beta * mean_m,
        r_squared: if pp > 0.0 {
            (1.0 - left / pp).clamp(0.0, 1.0)
        } else {
            0.0
        },
        beta_error: (left / (count - 2.0) / mm).sqrt(),
        periods: n,
    };
    let finite = found.beta.is_finite() && found.alpha.is_finite() && found.beta_error.is_finite();
    if finite {
        Ok(found)
    } else {
        Err(CapmError::Unsound)
    }
}
