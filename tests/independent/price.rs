//! What a package costs: quotes to mid, share and natural, and the broker's fees.

use super::chains::{Day, Quote, Right};
use super::ledger::{Fill, Leg, Reading, SHARE, Three};

const MULTIPLIER: i64 = 100;
/// Net prices of packages move by a nickel.
pub const PACKAGE_TICK: i64 = 50;

/// Micro-dollars of mills per package.
pub fn dollars(mills: i64, lots: i64) -> i64 {
    mills * 1_000 * MULTIPLIER * lots
}

/// 60% of the half-spread, rounded up to a mill.
fn given_up(q: Quote) -> i64 {
    (3 * (q.ask - q.bid) + 9) / 10
}

fn exact_mid(q: Quote) -> i64 {
    assert_eq!(q.twice_mid() % 2, 0, "mids are whole mills");
    q.twice_mid() / 2
}

/// What a contract costs.
pub fn buy(q: Quote) -> Three {
    [exact_mid(q), exact_mid(q) + given_up(q), q.ask]
}

/// What a contract brings; one without a bid is given away, except in the mid band.
pub fn sell(q: Quote, reading: Reading) -> Three {
    match (q.bid, reading.bidless_mid_is_zero) {
        (0, true) => [0; 3],
        (0, false) => [exact_mid(q), 0, 0],
        _ => [exact_mid(q), exact_mid(q) - given_up(q), q.bid],
    }
}

/// Tiered commissions and pass-through fees of the `ibkr` schedule for SPXW in the spring of 2019, in micro-dollars.
///
/// Per contract: commission 0.70 (0.50 below 0.10, 0.25 below 0.05; an order pays at least 1.00), exchange 0.48 (0.57
/// from a premium of 1.00), clearing 0.055, ORF 0.0379; sales also TAF 0.002. No SEC fee on index options.
pub fn fees(legs: &[(i64, i64)], lots: i64) -> i64 {
    let (mut commission, mut passed_on) = (0, 0);
    for &(ratio, premium) in legs {
        let contracts = ratio.abs() * lots;
        assert!(
            contracts * 55_000 < 55_000_000,
            "below the cap of the clearing fee"
        );
        commission += contracts
            * match premium {
                ..50 => 250_000,
                50..100 => 500_000,
                _ => 700_000,
            };
        let exchange = if premium < 1_000 { 480_000 } else { 570_000 };
        let activity = if ratio < 0 { 2_000 } else { 0 };
        passed_on += contracts * (exchange + 55_000 + 37_900 + activity);
    }
    commission.max(1_000_000) + passed_on
}

/// A package at a snapshot.
pub struct Priced {
    pub net: Three,
    pub fills: Vec<Fill>,
    /// Contracts and price of one at the share, leg by leg: what fees go by.
    pub premiums: Vec<(i64, i64)>,
}

/// Price of trading legs (positive buys); `closing` says which only reduce what is held.
pub fn price(day: &Day, legs: &[(Leg, bool)], reading: Reading) -> Result<Priced, String> {
    let mut net = [0; 3];
    let (mut fills, mut premiums) = (Vec::new(), Vec::new());
    for &(leg, closing) in legs {
        let quote = day
            .quote(leg.expiry, leg.right, leg.strike)
            .ok_or_else(|| format!("no market in {:?} {} {}", leg.right, leg.strike, leg.expiry))?;
        if leg.ratio < 0 && quote.bid == 0 && !closing {
            return Err(format!("no bid for the short {:?} {}", leg.right, leg.strike));
        }
        let per_contract = if leg.ratio > 0 {
            buy(quote)
        } else {
            sell(quote, reading)
        };
        for (n, p) in net.iter_mut().zip(per_contract) {
            *n -= leg.ratio * p;
        }
        fills.push(Fill { leg, quote });
        premiums.push((leg.ratio, per_contract[SHARE]));
    }
    for group in [true, false] {
        let traded = legs.iter().zip(&premiums).filter(|(leg, _)| leg.1 == group);
        let traded: Vec<(Leg, i64)> = traded.map(|(leg, premium)| (leg.0, premium.1)).collect();
        if certain(&traded) {
            return Err("the quotes ask more than the legs can ever be worth".to_owned());
        }
    }
    net[SHARE] = (net[SHARE].div_euclid(PACKAGE_TICK) * PACKAGE_TICK).max(net[2]);
    Ok(Priced { net, fills, premiums })
}

/// What an option is worth at a settlement value.
pub fn intrinsic(right: Right, strike: i64, settles: i64) -> i64 {
    match right {
        Right::Put => (strike - settles).max(0),
        Right::Call => (settles - strike).max(0),
    }
}

/// Whether legs traded at these prices win at every settlement value, or lose at every one: no market asks that.
fn certain(traded: &[(Leg, i64)]) -> bool {
    let one_expiry = traded.windows(2).all(|w| w[0].0.expiry == w[1].0.expiry);
    if traded.is_empty() || !one_expiry {
        return false;
    }
    let paid: i64 = traded.iter().map(|(leg, price)| leg.ratio * price).sum();
    let strikes = traded.iter().map(|(leg, _)| leg.strike);
    // Payoffs bend at strikes only; far above the last one stands for all beyond it.
    let far = strikes.clone().max().unwrap_or(0) * 10;
    let results: Vec<i64> = strikes
        .chain([0, far])
        .map(|s| {
            traded
                .iter()
                .map(|(l, _)| l.ratio * intrinsic(l.right, l.strike, s))
                .sum::<i64>()
                - paid
        })
        .collect();
    results.iter().all(|r| *r > 0) || results.iter().all(|r| *r < 0)
}

/// Legs to trade for a new position.
pub fn opening(legs: &[Leg]) -> Vec<(Leg, bool)> {
    legs.iter().map(|l| (*l, false)).collect()
}

/// Legs to trade to be rid of held ones.
pub fn closing(legs: &[Leg]) -> Vec<(Leg, bool)> {
    legs.iter()
        .map(|l| {
            (
                Leg {
                    ratio: -l.ratio,
                    ..*l
                },
                true,
            )
        })
        .collect()
}

/// One package: what is held and stays does not trade.
pub fn change(held: &[Leg], wanted: &[Leg]) -> Vec<(Leg, bool)> {
    assert!(
        !held
            .iter()
            .any(|h| wanted.iter().any(|w| w.same_contract(h) && w.ratio != h.ratio)),
        "a contract changes its ratio"
    );
    let gone: Vec<Leg> = held.iter().filter(|h| !wanted.contains(h)).copied().collect();
    let new: Vec<Leg> = wanted.iter().filter(|w| !held.contains(w)).copied().collect();
    [closing(&gone), opening(&new)].concat()
}
