//! The strip of one expiry: forward, central strike, zero-bid cut, variance and moments.

/// A bid, and the price that stands for the option: the middle of bid and ask for an index, the opening price for a
/// settlement value.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct QuoteSide {
    /// Bid; zero cuts the strip.
    pub bid: f64,
    /// Price, points.
    pub price: f64,
}

/// Put and call of one strike. A side that is not listed has zeros.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StripQuote {
    /// Strike, points.
    pub strike: f64,
    /// Put.
    pub put: QuoteSide,
    /// Call.
    pub call: QuoteSide,
}

/// First three moments of the log return to expiry under the risk-neutral measure, by Cboe's SKEW paper.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Moments {
    /// Mean of the log return.
    pub p1: f64,
    /// Mean of its square.
    pub p2: f64,
    /// Mean of its cube.
    pub p3: f64,
}

impl Moments {
    /// Skewness of the log return; zero when it has no variance.
    #[must_use]
    pub fn skewness(&self) -> f64 {
        let Self { p1, p2, p3 } = *self;
        let variance = p2 - p1 * p1;
        if variance <= 0.0 {
            return 0.0;
        }
        (p3 - 3.0 * p1 * p2 + 2.0 * p1 * p1 * p1) / (variance * variance.sqrt())
    }

    /// 100 less ten times the skewness.
    #[must_use]
    pub fn skew_index(&self) -> f64 {
        100.0 - 10.0 * self.skewness()
    }
}

/// What one expiry gives.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Term {
    /// Years to settlement.
    pub years: f64,
    /// Rate used.
    pub rate: f64,
    /// Strike of the least difference of call and put.
    pub strike_atm: f64,
    /// Forward by parity at that strike.
    pub forward: f64,
    /// First strike at or below the forward.
    pub k0: f64,
    /// Strikes that carry a price in the sum.
    pub strikes_used: usize,
    /// Lowest of them.
    pub lowest: f64,
    /// Highest of them.
    pub highest: f64,
    /// Annual variance.
    pub variance: f64,
    /// Moments of the log return.
    pub moments: Moments,
}

/// Why a strip gives nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StripError {
    NoForward,
    NoVariance(usize),
}

/// The term of a strip of quotes in ascending order of strikes; `None` when it has no forward or no variance.
#[must_use]
pub fn term(quotes: &[StripQuote], years: f64, rate: f64) -> Option<Term> {
    strip(quotes, years, rate).ok()
}

/// Forward: the strike of the least |C − P| among those with two bids (the lower one on a tie), then K + e^{RT}(C − P).
fn forward(quotes: &[StripQuote], grow: f64) -> Option<(f64, f64)> {
    let both = quotes.iter().filter(|q| q.put.bid > 0.0 && q.call.bid > 0.0);
    let gap = |q: &StripQuote| (q.call.price - q.put.price).abs();
    let at = both.min_by(|a, b| gap(a).total_cmp(&gap(b)))?;
    let forward = at.strike + grow * (at.call.price - at.put.price);
    (forward.is_finite() && forward > 0.0).then_some((at.strike, forward))
}

/// Walks out from the centre; a strike without a bid is left out, two in a row end the walk.
fn walk(steps: impl Iterator<Item = (f64, QuoteSide)>, into: &mut Vec<(f64, f64)>) {
    let mut empty = 0;
    for (strike, side) in steps {
        if side.bid > 0.0 {
            empty = 0;
            into.push((strike, side.price));
        } else {
            empty += 1;
            if empty == 2 {
                break;
            }
        }
    }
}

/// As [`term`], with the reason.
pub(super) fn strip(quotes: &[StripQuote], years: f64, rate: f64) -> Result<Term, StripError> {
    let grow = libm::exp(rate * years);
    let (strike_atm, forward) = forward(quotes, grow).ok_or(StripError::NoForward)?;
    let above = quotes.partition_point(|q| q.strike <= forward);
    let (below, above) = quotes.split_at_checked(above).ok_or(StripError::NoForward)?;
    let (centre, below) = below.split_last().ok_or(StripError::NoForward)?;
    let mut used = Vec::with_capacity(quotes.len());
    walk(below.iter().rev().map(|q| (q.strike, q.put)), &mut used);
    used.reverse();
    used.push((centre.strike, f64::midpoint(centre.put.price, centre.call.price)));
    walk(above.iter().map(|q| (q.strike, q.call)), &mut used);

    let (Some(first), Some(last)) = (used.first().copied(), used.last().copied()) else {
        return Err(StripError::NoVariance(0));
    };
    let mut sum = 0.0;
    let (mut p1, mut p2, mut p3) = (0.0, 0.0, 0.0);
    for (n, &(strike, price)) in used.iter().enumerate() {
        let before = n.checked_sub(1).and_then(|m| used.get(m)).map(|u| u.0);
        let after = used.get(n + 1).map(|u| u.0);
        // Half the distance of the neighbours that are used; at an end the distance of the one neighbour.
        let width = match (before, after) {
            (Some(a), Some(b)) => (b - a) / 2.0,
            (Some(a), None) => strike - a,
            (None, Some(b)) => b - strike,
            (None, None) => 0.0,
        };
        let share = width / (strike * strike) * grow * price;
        let x = libm::log(strike / forward);
        sum += share;
        p1 -= share;
        p2 += 2.0 * (1.0 - x) * share;
        p3 += 3.0 * (2.0 * x - x * x) * share;
    }
    let k0 = centre.strike;
    let ratio = forward / k0;
    let variance = (2.0 * sum - (ratio - 1.0) * (ratio - 1.0)) / years;
    if used.len() < 2 || !(variance.is_finite() && variance > 0.0) {
        return Err(StripError::NoVariance(used.len()));
    }
    // Cboe's corrections for a central strike that is not the forward.
    let log = libm::log(k0 / forward);
    let moments = Moments {
        p1: p1 - (1.0 - log - ratio),
        p2: p2 + 2.0 * log * (ratio - 1.0) + 0.5 * log * log,
        p3: p3 + 3.0 * log * log * (log / 3.0 - 1.0 + ratio),
    };
    Ok(Term {
        years,
        rate,
        strike_atm,
        forward,
        k0,
        strikes_used: used.len(),
        lowest: first.0,
        highest: last.0,
        variance,
        moments,
    })
}
