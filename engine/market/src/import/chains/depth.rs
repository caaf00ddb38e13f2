//! Contracts shown near the money, from the sizes of quotes: the series `SPX.DEPTH` that rules read as `SPX.depth`.

use super::super::error::ImportError;
use super::super::series::put_close;
use super::super::{Job, series};
use super::DayRows;
use crate::contract::Root;
use crate::money::Price;
use crate::store::ChainRow;
use crate::time::{Date, Instant};
use std::collections::BTreeMap;

/// Days ahead of the expiry that is looked at; the nearest to it counts, the earlier of two.
const DAYS: i64 = 30;
/// Strikes nearest the underlying's price.
const STRIKES: usize = 6;

/// Depths by underlying and day, of the last snapshot with sizes.
pub(in super::super) type Depths = BTreeMap<(&'static str, Date), f64>;

/// The mean of bid and ask sizes, added up over puts and calls of the strikes nearest the underlying's price in the expiry
/// nearest to thirty days ahead; `None` where not all of them show both sizes.
fn depth(rows: &DayRows, spot: Price, at: Instant) -> Option<f64> {
    let today = at.date();
    let expiries = rows
        .iter()
        .flat_map(|(root, list)| list.iter().map(|row| (row.expiry, *root)));
    let far = |expiry: Date| ((expiry - today).num_days() - DAYS).abs();
    let (expiry, root): (Date, Root) =
        expiries.min_by_key(|(expiry, root)| (far(*expiry), *expiry, *root))?;
    let list = rows.get(&root)?;
    let pairs = list.chunk_by(|a, b| a.expiry == b.expiry && a.strike == b.strike);
    let mut near: Vec<(i64, &[ChainRow])> = pairs
        .filter_map(|pair| {
            let first = pair.first().filter(|r| r.expiry == expiry)?;
            (pair.len() == 2).then_some(((first.strike.0 - spot.0).abs(), pair))
        })
        .collect();
    near.sort_by_key(|(far, _)| *far);
    if near.len() < STRIKES {
        return None;
    }
    let mut shown = 0.0;
    for row in near.iter().take(STRIKES).flat_map(|(_, pair)| pair.iter()) {
        shown += f64::midpoint(f64::from(row.bid_size?), f64::from(row.ask_size?));
    }
    Some(shown)
}

/// Takes note of a snapshot; the last of a day stands.
pub(super) fn see(depths: &mut Depths, underlying: &'static str, rows: &DayRows, spot: Price, at: Instant) {
    if let Some(depth) = depth(rows, spot, at) {
        depths.insert((underlying, at.date()), depth);
    }
}

/// Writes the series. A series of that name that the store has from elsewhere keeps its own values.
pub(in super::super) fn finish(job: &mut Job<'_>) -> Result<(), ImportError> {
    let depths = std::mem::take(&mut job.depths);
    for ((underlying, date), depth) in &depths {
        let id = format!("{underlying}.DEPTH");
        put_close(job, "the sizes of quotes", &id, *date, *depth)?;
        job.assume_once(&format!(
            "series {id}: contracts shown at the touch of {STRIKES} strikes at the money about {DAYS} days ahead, from the sizes of the last snapshot of each day"
        ));
    }
    series::finish(job)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::Right;
    use crate::store::VendorGreeks;

    /// Six strikes around 5000 show 10 and 20 on either right, a seventh shows more: 6 × 2 × 15.
    #[test]
    fn depth_is_what_the_strikes_at_the_money_show() {
        let at = Instant::from_eastern("2024-01-18".parse().unwrap(), 15, 45).unwrap();
        let row = |expiry: &str, strike: i64, right, size| ChainRow {
            expiry: expiry.parse().unwrap(),
            strike: Price(strike * 1000),
            right,
            bid: Price(100),
            ask: Price(200),
            bid_size: size,
            ask_size: size.map(|s| s + 10),
            last: None,
            volume: 0,
            open_interest: 0,
            vendor: VendorGreeks::default(),
        };
        let list = |size: Option<u32>| -> Vec<ChainRow> {
            let strikes = [4985, 4990, 4995, 5000, 5005, 5010, 5100];
            let near = strikes.into_iter().flat_map(|k| {
                let size = if k == 5100 { Some(999) } else { size };
                [Right::Put, Right::Call].map(|right| row("2024-02-16", k, right, size))
            });
            let far = [Right::Put, Right::Call].map(|right| row("2024-06-21", 5000, right, Some(7)));
            near.chain(far).collect()
        };
        let of = |size| depth(&DayRows::from([(Root::Spxw, list(size))]), Price(4_998_000), at);
        assert_eq!(of(Some(10)), Some(180.0));
        assert_eq!(of(None), None);
    }
}
