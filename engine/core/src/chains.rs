//! A chain snapshot as flat columns, for what reads all of it at once: native plugins.
//!
//! What is not known is NaN in here, and nowhere else: the columns go to a plugin, whose answers come back through a door that keeps
//! NaN out.

use crate::analytics::{SnapshotView, StrikePoint};
use alula_market::chain::{ChainSnapshot, QuoteColumns};
use alula_market::contract::{Right, Settlement};
use alula_market::money::Price;
use alula_market::time::Date;
use alula_pricing::years_between;
use chrono::Datelike as _;

/// A percentage point of volatility, as a fraction.
const POINT: f64 = 100.0;

/// One expiry of one root.
#[derive(Clone, Debug, PartialEq)]
pub struct ExpiryLine {
    /// Root: `SPX`, `SPXW`.
    pub root: &'static str,
    /// Date, yyyymmdd.
    pub date: u32,
    /// How it settles.
    pub settlement: Settlement,
    /// Years of 365 days to the settlement instant, above 0.
    pub years: f64,
    /// Forward by put-call parity, or NaN.
    pub forward: f64,
    /// Discount to the settlement instant, or NaN.
    pub discount: f64,
}

/// Expiries that have not settled, in order of (expiry, root), and their contracts that have a market, open interest or volume: by
/// expiry, then by strike, a strike's put before its call. All columns of contracts have one length.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ChainTable {
    /// Underlying.
    pub underlying: String,
    /// Date in New York, yyyymmdd.
    pub date: u32,
    /// Price of the underlying in the same snapshot, or NaN.
    pub spot: f64,
    /// Dollars that a point of a contract is worth.
    pub multiplier: f64,
    /// Expiries.
    pub expiries: Vec<ExpiryLine>,
    /// Index of a contract's expiry.
    pub expiry_of: Vec<u32>,
    /// `C` or `P`, as a number.
    pub right: Vec<u32>,
    /// Strikes.
    pub strike: Vec<f64>,
    /// Bids, NaN where there is no market, or a locked or crossed one.
    pub bid: Vec<f64>,
    /// Asks, likewise.
    pub ask: Vec<f64>,
    /// Mids, likewise.
    pub mid: Vec<f64>,
    /// Vols implied by the mids, in points; NaN where a mid implies none.
    pub vol: Vec<f64>,
    /// Deltas for a point of the forward, discounted.
    pub delta: Vec<f64>,
    /// Changes of delta for a point of the forward.
    pub gamma: Vec<f64>,
    /// Open interest as of the session before; NaN throughout where the snapshot has none at all.
    pub open_interest: Vec<f64>,
    /// Volume so far in the session; NaN throughout where the snapshot has none at all.
    pub volume: Vec<f64>,
}

fn yyyymmdd(date: Date) -> u32 {
    let year = u32::try_from(date.year()).unwrap_or(0);
    year * 10_000 + date.month() * 100 + date.day()
}

/// Whether any contract of a snapshot has a count other than nothing: data without open interest are stored as nothing.
fn any(snapshot: &ChainSnapshot, column: impl Fn(&QuoteColumns) -> &[u32]) -> bool {
    let sides = snapshot.expiries.iter().flat_map(|e| [&e.puts, &e.calls]);
    sides.into_iter().any(|s| column(s).iter().any(|n| *n > 0))
}

impl ChainTable {
    pub(crate) fn new(view: &SnapshotView) -> Self {
        let snapshot = &view.snapshot;
        let mut table = Self {
            underlying: snapshot.underlying.clone(),
            date: yyyymmdd(snapshot.at.date()),
            spot: if snapshot.spot > Price::ZERO {
                snapshot.spot.to_f64()
            } else {
                f64::NAN
            },
            ..Self::default()
        };
        let has_interest = any(snapshot, |s| &s.open_interest);
        let has_volume = any(snapshot, |s| &s.volume);
        for (index, chain) in snapshot.expiries.iter().enumerate() {
            let years = years_between(snapshot.at.0, chain.settles_at.0).filter(|y| *y > 0.0);
            let (Some(years), Some((_, analytics))) = (years, view.at(index)) else {
                continue;
            };
            let terms = analytics.terms().ok();
            let expiry = u32::try_from(table.expiries.len()).unwrap_or(u32::MAX);
            #[expect(clippy::cast_precision_loss, reason = "a hundred, or a thousand")]
            let multiplier = chain.root.multiplier() as f64;
            table.multiplier = multiplier;
            table.expiries.push(ExpiryLine {
                root: chain.root.symbol(),
                date: yyyymmdd(chain.expiry),
                settlement: chain.settlement,
                years,
                forward: terms.map_or(f64::NAN, alula_pricing::ExpiryTerms::forward),
                discount: terms.map_or(f64::NAN, alula_pricing::ExpiryTerms::discount),
            });
            let mut points = [Right::Put, Right::Call].map(|r| analytics.points(chain, r).iter().peekable());
            for (at, strike) in chain.strikes.iter().enumerate() {
                for (right, points) in [Right::Put, Right::Call].into_iter().zip(&mut points) {
                    let point = points.next_if(|p| p.strike == *strike);
                    let side = chain.side(right);
                    let count = |column: &[u32]| column.get(at).copied().unwrap_or(0);
                    let (interest, volume) = (count(&side.open_interest), count(&side.volume));
                    let quote = chain.quote(right, at);
                    if quote.is_none() && interest == 0 && volume == 0 {
                        continue;
                    }
                    let counted = |known: bool, n: u32| if known { f64::from(n) } else { f64::NAN };
                    table.expiry_of.push(expiry);
                    table.right.push(u32::from(match right {
                        Right::Put => b'P',
                        Right::Call => b'C',
                    }));
                    table.strike.push(strike.to_f64());
                    let price = |p: Option<Price>| p.map_or(f64::NAN, Price::to_f64);
                    table.bid.push(price(quote.map(|q| q.bid)));
                    table.ask.push(price(quote.map(|q| q.ask)));
                    table.mid.push(price(quote.map(alula_market::chain::Quote::mid)));
                    let of = |read: fn(&StrikePoint) -> f64| point.map_or(f64::NAN, read);
                    table.vol.push(of(|p| p.vol * POINT));
                    table.delta.push(of(|p| p.delta));
                    table.gamma.push(of(|p| p.gamma));
                    table.open_interest.push(counted(has_interest, interest));
                    table.volume.push(counted(has_volume, volume));
                }
            }
        }
        table
    }

    /// Whether the open interest is known.
    #[must_use]
    pub fn has_interest(&self) -> bool {
        self.open_interest.first().is_some_and(|x| !x.is_nan())
    }
}
