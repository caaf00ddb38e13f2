//! Positions and legs in a trader's words.

use crate::chart::strike;
use crate::model::{Holding, Leg, LinearHeld};
use alula_market::contract::Right;
use alula_market::time::Date;

/// `2775/2825p 3015/3065c May 31`: strikes from low to high with the right, and the expiry; ratios other than one and
/// long-only packages are spelled out.
#[must_use]
pub fn legs(legs: &[Leg]) -> String {
    legs_with(legs, "%Y-%m-%d")
}

/// The same without the year, for narrow places.
#[must_use]
pub fn legs_short(legs: &[Leg]) -> String {
    legs_with(legs, "%m-%d")
}

/// What was held, in the words of `legs`; options on another underlying than the run's say which: `VIX +19c 2023-02-01`.
#[must_use]
pub fn held(holding: &Holding, home: &str, legs: fn(&[Leg]) -> String) -> String {
    let words = legs(&holding.legs);
    if holding.underlying == home {
        words
    } else {
        format!("{} {words}", holding.underlying)
    }
}

fn legs_with(legs: &[Leg], date: &str) -> String {
    let plain = legs.iter().all(|l| l.ratio.abs() == 1);
    let mut expiries: Vec<Date> = legs.iter().map(|l| l.expiry).collect();
    expiries.sort_unstable();
    expiries.dedup();
    let one_expiry = expiries.len() == 1;
    let mut parts = Vec::new();
    for (right, letter) in [(Right::Put, 'p'), (Right::Call, 'c')] {
        let mut side: Vec<&Leg> = legs.iter().filter(|l| l.right == right).collect();
        side.sort_by_key(|l| (l.strike, l.expiry));
        if side.is_empty() {
            continue;
        }
        let strikes: Vec<String> = side
            .iter()
            .map(|l| {
                let sign = if l.ratio < 0 { "−" } else { "+" };
                let many = if plain {
                    String::new()
                } else {
                    format!("{}×", l.ratio.abs())
                };
                let when = if one_expiry {
                    String::new()
                } else {
                    format!(" {}", l.expiry.format(date))
                };
                format!("{sign}{many}{}{when}", strike(l.strike))
            })
            .collect();
        parts.push(format!("{}{letter}", strikes.join("/")));
    }
    if let [expiry] = expiries.as_slice() {
        parts.push(expiry.format(date).to_string());
    }
    parts.join(" ")
}

/// `−2 VXM19 +2 VXN19`: the most held of each future and share, contracts or shares in all.
#[must_use]
pub fn linear(held: &[LinearHeld]) -> String {
    let one = |h: &LinearHeld| {
        let sign = if h.quantity < 0 { "−" } else { "+" };
        format!("{sign}{} {}", h.quantity.unsigned_abs(), h.symbol)
    };
    held.iter().map(one).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use alula_market::money::Price;

    #[test]
    fn a_condor_reads_from_low_to_high() {
        let expiry = Date::from_ymd_opt(2019, 5, 31).unwrap();
        let leg = |ratio, right, strike: i64| Leg {
            ratio,
            right,
            strike: Price(strike * 1000),
            expiry,
        };
        let condor = [
            leg(1, Right::Put, 2775),
            leg(-1, Right::Put, 2825),
            leg(-1, Right::Call, 3015),
            leg(1, Right::Call, 3065),
        ];
        assert_eq!(legs(&condor), "+2775/−2825p −3015/+3065c 2019-05-31");
        assert_eq!(legs_short(&condor), "+2775/−2825p −3015/+3065c 05-31");
        let on = |underlying: &str| Holding {
            from: alula_market::time::Instant(0),
            to: alula_market::time::Instant(1),
            underlying: underlying.to_owned(),
            legs: condor.to_vec(),
        };
        assert_eq!(
            held(&on("XSP"), "SPX", legs_short),
            "XSP +2775/−2825p −3015/+3065c 05-31"
        );
        assert_eq!(
            held(&on("SPX"), "SPX", legs),
            "+2775/−2825p −3015/+3065c 2019-05-31"
        );
    }
}
