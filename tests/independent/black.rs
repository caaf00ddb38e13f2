//! Forward by parity, implied vol by bisection, Black-76 delta: textbook formulas, nothing clever.

use super::chains::{Expiry, Right};

/// What the options of one expiry share at one instant.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    pub forward: f64,
    pub years: f64,
    pub discount: f64,
}

/// Vols between which an implied one is looked for.
const LOW: f64 = 1e-4;
const HIGH: f64 = 20.0;

fn normal_cdf(x: f64) -> f64 {
    0.5 * libm::erfc(-x / std::f64::consts::SQRT_2)
}

impl Terms {
    fn d1(&self, strike: f64, vol: f64) -> f64 {
        let s = vol * self.years.sqrt();
        libm::log(self.forward / strike) / s + s / 2.0
    }

    /// Black (1976), discounted.
    pub fn price(&self, right: Right, strike: f64, vol: f64) -> f64 {
        let d1 = self.d1(strike, vol);
        let d2 = d1 - vol * self.years.sqrt();
        let undiscounted = match right {
            Right::Call => self.forward * normal_cdf(d1) - strike * normal_cdf(d2),
            Right::Put => strike * normal_cdf(-d2) - self.forward * normal_cdf(-d1),
        };
        self.discount * undiscounted
    }

    /// The vol that gives a price; `None` at or below discounted intrinsic value and above any vol worth the name.
    pub fn implied_vol(&self, right: Right, strike: f64, price: f64) -> Option<f64> {
        let (mut low, mut high) = (LOW, HIGH);
        if !(self.price(right, strike, low) < price && price < self.price(right, strike, high)) {
            return None;
        }
        for _ in 0..70 {
            let middle = 0.5 * (low + high);
            if self.price(right, strike, middle) < price {
                low = middle;
            } else {
                high = middle;
            }
        }
        Some(0.5 * (low + high))
    }

    /// Discounted delta against the forward, without its sign.
    pub fn abs_delta(&self, right: Right, strike: f64, vol: f64) -> f64 {
        let d1 = self.d1(strike, vol);
        self.discount * normal_cdf(if right == Right::Call { d1 } else { -d1 })
    }

    /// The same from the option's own price. At or below what exercise is worth there is no vol to speak of: the option
    /// is as good as exercised, and its delta is the discount.
    pub fn abs_delta_at(&self, right: Right, strike: f64, price: f64) -> Option<f64> {
        let in_the_money = match right {
            Right::Put => strike > self.forward,
            Right::Call => strike < self.forward,
        };
        match self.implied_vol(right, strike, price) {
            Some(vol) => Some(self.abs_delta(right, strike, vol)),
            None if in_the_money && price <= self.price(right, strike, LOW) => Some(self.discount),
            None => None,
        }
    }
}

/// Ways to put a forward to an expiry; all are "by parity near the money" and the rule must not depend on which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForwardBy {
    /// Median over the seven strikes nearest to the one of least `|C - P|`, as the pricing room's page says.
    SevenMedian,
    /// The one strike of least `|C - P|`.
    OneStrike,
    /// Median over 24 strikes around the money.
    Wide,
}

/// `K + (C - P) / D` near the money, from strikes quoted on both sides.
pub fn forward(chain: &Expiry, discount: f64, by: ForwardBy) -> Option<f64> {
    let mut pairs: Vec<(f64, f64)> = chain
        .calls
        .quotes
        .iter()
        .filter_map(|(k, c)| {
            let p = chain.puts.quotes.get(k)?;
            Some((*k as f64 / 1_000.0, c.mid_points() - p.mid_points()))
        })
        .collect();
    let (money, _) = *pairs.iter().min_by(|a, b| a.1.abs().total_cmp(&b.1.abs()))?;
    pairs.sort_by(|a, b| {
        (a.0 - money)
            .abs()
            .total_cmp(&(b.0 - money).abs())
            .then(a.0.total_cmp(&b.0))
    });
    pairs.truncate(match by {
        ForwardBy::SevenMedian => 7,
        ForwardBy::OneStrike => 1,
        ForwardBy::Wide => 24,
    });
    let mut forwards: Vec<f64> = pairs
        .iter()
        .map(|(k, difference)| k + difference / discount)
        .collect();
    forwards.sort_by(f64::total_cmp);
    let n = forwards.len();
    Some(if n % 2 == 1 {
        forwards[n / 2]
    } else {
        0.5 * (forwards[n / 2 - 1] + forwards[n / 2])
    })
}
