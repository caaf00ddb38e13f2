//! The same strategy as a loop that a person would write for it alone, over the same loaded chains: no language, no orders, no
//! trace, no accounts beyond one sum. The limit.

use alula_market::chain::{ChainSnapshot, ExpiryChain};
use alula_market::contract::{Right, Root};
use alula_market::money::Price;
use alula_market::time::Date;
use alula_pricing::chain::{GreekTable, RowStatus, greeks, implied_vols};
use alula_pricing::{ExpiryTerms, ForwardOptions, ParityQuote, parity_forward, years_between};
use std::sync::Arc;

/// What both engines must agree on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub opened: usize,
    pub closed: usize,
    /// Cash and what is open at what it would cost to close, thousandths of a point.
    pub points_mills: i64,
}

/// A leg: right, position among the strikes is looked up anew each day.
pub type Leg = (Right, Price, i64);

struct Condor {
    key: (Date, Root),
    legs: [Leg; 4],
    credit: i64,
    closing: bool,
    /// Cost to close at the newest day on which every leg was quoted.
    mark: i64,
}

#[derive(Default)]
struct Columns {
    strikes: Vec<f64>,
    mids: Vec<f64>,
    at: Vec<Price>,
    vols: Vec<f64>,
    status: Vec<RowStatus>,
    table: GreekTable,
}

/// When profits are taken and losses stopped, as shares of the credit.
#[derive(Clone, Copy, Debug)]
pub struct Exits {
    pub gain: f64,
    pub stop: f64,
}

/// What a day would open: the same whatever the exits.
pub type Entry = Option<((Date, Root), [Leg; 4])>;

pub fn run(days: &[Arc<ChainSnapshot>], rates: &[f64], exits: Exits) -> Outcome {
    let mut columns = Columns::default();
    let entries = days.iter().zip(rates);
    walk(
        days,
        entries.map(|(day, rate)| entry(day, *rate, &mut columns)),
        exits,
    )
}

/// The entries of all days, for several walks.
pub fn entries(days: &[Arc<ChainSnapshot>], rates: &[f64]) -> Vec<Entry> {
    let mut columns = Columns::default();
    let days = days.iter().zip(rates);
    days.map(|(day, rate)| entry(day, *rate, &mut columns)).collect()
}

fn entry(day: &ChainSnapshot, rate: f64, columns: &mut Columns) -> Entry {
    let (chain, terms) = expiry(day, day.at.date(), rate)?;
    let (sp, lp) = side(chain, &terms, Right::Put, columns)?;
    let (sc, lc) = side(chain, &terms, Right::Call, columns)?;
    let legs = [
        (Right::Put, sp, -1),
        (Right::Put, lp, 1),
        (Right::Call, sc, -1),
        (Right::Call, lc, 1),
    ];
    trade(chain, &legs, 1)?;
    Some(((chain.expiry, chain.root), legs))
}

/// One walk over the days with what each would open.
pub fn walk(days: &[Arc<ChainSnapshot>], entries: impl Iterator<Item = Entry>, exits: Exits) -> Outcome {
    let mut open: Vec<Condor> = Vec::new();
    let mut pending: Entry = None;
    let (mut opened, mut closed, mut cash) = (0, 0, 0);
    for (day, entry) in days.iter().zip(entries) {
        let chain_of = |key: &(Date, Root)| {
            day.expiries
                .binary_search_by(|c| (c.expiry, c.root).cmp(key))
                .ok()
                .map(|i| &day.expiries[i])
        };
        if let Some((key, legs)) = pending.take()
            && let Some(credit) = chain_of(&key).and_then(|c| trade(c, &legs, 1))
        {
            open.push(Condor {
                key,
                legs,
                credit,
                closing: false,
                mark: credit,
            });
            cash += credit;
            opened += 1;
        }
        let today = day.at.date();
        open.retain_mut(|p| {
            let Some(cost) = chain_of(&p.key)
                .and_then(|c| trade(c, &p.legs, -1))
                .map(|value| -value)
            else {
                return true;
            };
            p.mark = cost;
            if p.closing {
                cash -= cost;
                closed += 1;
                return false;
            }
            let (profit, credit) = ((p.credit - cost) as f64, p.credit as f64);
            p.closing = profit >= credit * exits.gain
                || -profit >= credit * exits.stop
                || (p.key.0 - today).num_days() <= 21;
            true
        });
        if let Some((key, legs)) = entry {
            let against = |a: &Leg| legs.iter().any(|b| a.0 == b.0 && a.1 == b.1 && a.2 != b.2);
            if !open.iter().any(|p| p.key == key && p.legs.iter().any(against)) {
                pending = Some((key, legs));
            }
        }
    }
    let held: i64 = open.iter().map(|p| p.mark).sum();
    Outcome {
        opened,
        closed,
        points_mills: cash - held,
    }
}

/// Points received for taking a package (1) or giving it back (-1): bought at the ask, sold at the bid.
fn trade(chain: &ExpiryChain, legs: &[Leg; 4], sign: i64) -> Option<i64> {
    let mut total = 0;
    for &(right, strike, ratio) in legs {
        let quote = chain.quote(right, chain.index_of(strike)?)?;
        let bought = ratio * sign > 0;
        // What has no bid can be given away, not sold short.
        if !bought && quote.bid.0 == 0 && sign > 0 {
            return None;
        }
        total += if bought { -quote.ask.0 } else { quote.bid.0 };
    }
    Some(total)
}

/// The expiry nearest to 45 days within 35 to 55, with its forward from parity.
fn expiry(day: &ChainSnapshot, today: Date, rate: f64) -> Option<(&ExpiryChain, ExpiryTerms)> {
    let mut best: Option<(i64, &ExpiryChain)> = None;
    for chain in day.expiries.iter().filter(|c| c.last_trade_at > day.at) {
        let dte = (chain.expiry - today).num_days();
        let distance = (dte - 45).abs();
        if (35..=55).contains(&dte) && best.is_none_or(|(d, _)| distance < d) {
            best = Some((distance, chain));
        }
    }
    let chain = best?.1;
    let years = years_between(day.at.0, chain.settles_at.0)?;
    let discount = libm::exp(-rate * years);
    let middle = chain.strikes.partition_point(|k| *k < day.spot);
    let pair = |i: usize| {
        Some(ParityQuote {
            strike: chain.strikes[i].to_f64(),
            call: chain.quote(Right::Call, i)?.mid().to_f64(),
            put: chain.quote(Right::Put, i)?.mid().to_f64(),
        })
    };
    let mut quotes: Vec<ParityQuote> = (0..middle).rev().filter_map(pair).take(12).collect();
    quotes.extend((middle..chain.strikes.len()).filter_map(pair).take(12));
    let forward = parity_forward(&quotes, discount, ForwardOptions::default())
        .ok()?
        .forward;
    Some((chain, ExpiryTerms::new(forward, years, discount).ok()?))
}

/// Strikes of one side nearest to 16 and 5 delta.
fn side(chain: &ExpiryChain, terms: &ExpiryTerms, right: Right, c: &mut Columns) -> Option<(Price, Price)> {
    c.strikes.clear();
    c.mids.clear();
    c.at.clear();
    for (i, strike) in chain.strikes.iter().enumerate() {
        if let Some(quote) = chain.quote(right, i) {
            c.strikes.push(strike.to_f64());
            c.mids.push(quote.mid().to_f64());
            c.at.push(*strike);
        }
    }
    let rows = c.strikes.len();
    c.vols.resize(rows, 0.0);
    c.status.resize(rows, RowStatus::Ok);
    let kind = if right == Right::Put {
        alula_pricing::Right::Put
    } else {
        alula_pricing::Right::Call
    };
    implied_vols(terms, kind, &c.strikes, &c.mids, &mut c.vols, &mut c.status).ok()?;
    greeks(terms, kind, &c.strikes, &c.vols, &mut c.table.columns(rows)).ok()?;
    let near = |wanted: f64| {
        let mut best: Option<(f64, Price)> = None;
        let (mut least, mut most) = (f64::INFINITY, 0.0_f64);
        for i in (0..rows).filter(|i| c.status[*i].is_ok()) {
            let delta = c.table.delta[i].abs();
            (least, most) = (least.min(delta), most.max(delta));
            let distance = (delta - wanted).abs();
            let further = |k: Price| {
                if right == Right::Put {
                    c.at[i] < k
                } else {
                    c.at[i] > k
                }
            };
            if best.is_none_or(|(d, k)| distance < d || (distance == d && further(k))) {
                best = Some((distance, c.at[i]));
            }
        }
        // A delta that the listed strikes do not bracket is not to be had.
        best.filter(|_| (least..=most).contains(&wanted)).map(|b| b.1)
    };
    Some((near(0.16)?, near(0.05)?))
}
