//! The underlying's price for sources that do not have it: from a series in the store, or from put-call parity.

use super::super::Job;
use super::super::error::{ImportError, ImportErrorKind};
use super::DayRows;
use crate::calendar::ExchangeCalendar;
use crate::contract::{Right, Root};
use crate::money::Price;
use crate::series::{BarSize, SeriesData};
use crate::store::ChainRow;
use crate::time::{Date, Instant};
use std::collections::BTreeMap;

/// Where the underlying's price comes from when the source of a chain has none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SpotFrom {
    /// From a series of this import or of the store that is extended: the last minute bar known at the snapshot, or the day's close.
    #[default]
    Series,
    /// From put-call parity at the money in the nearest expiry: derived, and recorded so.
    Parity,
}

/// Oldest minute bar that still says where the underlying stands, in seconds.
const BAR_AGE_MAX: i64 = 600;

/// Strikes nearest to the money of which the median is taken.
const PARITY_STRIKES: usize = 5;

/// The underlying's price at a snapshot.
pub(super) fn spot_at(
    job: &mut Job<'_>,
    file: &str,
    underlying: &str,
    at: Instant,
    rows: &DayRows,
) -> Result<Price, ImportError> {
    let missing = |what: String, help: String| {
        Err(ImportError::new(ImportErrorKind::NoUnderlying, what, help).in_file(file))
    };
    if job.spot == SpotFrom::Parity {
        let Some(spot) = by_parity(rows, at) else {
            let what = format!(
                "the source has no price of {underlying}, and at {at} no expiry has {PARITY_STRIKES} strikes with a two-sided put and call to derive it from"
            );
            return missing(
                what,
                format!("import a series of {underlying} first, without `--underlying parity`"),
            );
        };
        job.assume_once(&format!(
            "the price of {underlying} is derived from put-call parity of the nearest expiry where the chain's source has none"
        ));
        return Ok(spot);
    }
    if let Some(spot) = by_series(job, underlying, at)? {
        job.assume_once(&format!(
            "the price of {underlying} is the last one known of its series where the chain's source has none"
        ));
        return Ok(spot);
    }
    missing(
        format!("the source has no price of {underlying}, and the store no series that says it at {at}"),
        format!(
            "import minute bars of {underlying} too, or before and add these chains with `--append`, or derive the price with `--underlying parity`: results are marked so"
        ),
    )
}

fn by_series(job: &mut Job<'_>, underlying: &str, at: Instant) -> Result<Option<Price>, ImportError> {
    let minutes = format!("{underlying}@");
    let keys = job.writer.manifest().series.keys();
    let mut sizes: Vec<BarSize> = keys
        .filter_map(|key| {
            let n = key.strip_prefix(&minutes)?.strip_suffix('m')?.parse().ok()?;
            Some(BarSize::Minutes(n))
        })
        .collect();
    sizes.sort_unstable();
    for size in sizes {
        if let Some((spot, known)) = last_known(series(job, underlying, size)?, at)
            && at.0 - known.0 <= BAR_AGE_MAX
        {
            return Ok(Some(spot));
        }
    }
    // A day's close is no price of the afternoon before it: it counts once it is known.
    let bar = last_known(series(job, underlying, BarSize::Session)?, at);
    Ok(bar
        .filter(|(_, known)| known.date() == at.date())
        .map(|(spot, _)| spot))
}

/// A series of the store, with what this import has added to it; read once.
fn series<'a>(job: &'a mut Job<'_>, id: &str, bars: BarSize) -> Result<Option<&'a SeriesData>, ImportError> {
    let key = (id.to_owned(), bars);
    if !job.spots.contains_key(&key) {
        let data = job.writer.series(id, bars)?;
        job.spots.insert(key.clone(), data);
    }
    Ok(job.spots.get(&key).and_then(Option::as_ref))
}

/// The last close known at an instant, and since when.
fn last_known(data: Option<&SeriesData>, at: Instant) -> Option<(Price, Instant)> {
    let data = data?;
    let i = data
        .available_at
        .partition_point(|known| *known <= at)
        .checked_sub(1)?;
    let close = data.close.get(i).copied().flatten()?;
    let spot = Price::from_f64(close).filter(|p| *p > Price::ZERO)?;
    Some((spot, *data.available_at.get(i)?))
}

/// `K + C − P` by mids at the money of the nearest expiry that still trades, the median over a few strikes. What the
/// formula leaves out, interest and dividends to that expiry, is a fraction of a point within a week.
fn by_parity(rows: &DayRows, at: Instant) -> Option<Price> {
    let mut pairs: BTreeMap<(Date, Root), Vec<(i64, i64)>> = BTreeMap::new();
    for (root, list) in rows {
        for pair in list.chunk_by(|a, b| a.expiry == b.expiry && a.strike == b.strike) {
            let mid = |right: Right| -> Option<i64> {
                let row = pair.iter().find(|r| r.right == right)?;
                (row.bid > Price::ZERO && row.ask > row.bid).then_some((row.bid.0 + row.ask.0) / 2)
            };
            let Some(ChainRow { expiry, strike, .. }) = pair.first() else {
                continue;
            };
            let trades = ExchangeCalendar::nyse()
                .last_trade_at(*root, *expiry)
                .is_some_and(|t| t >= at);
            if let (Some(call), Some(put), true) = (mid(Right::Call), mid(Right::Put), trades) {
                let gap = call - put;
                pairs
                    .entry((*expiry, *root))
                    .or_default()
                    .push((gap.abs(), strike.0 + gap));
            }
        }
    }
    let mut nearest = pairs.into_values().find(|p| p.len() >= PARITY_STRIKES)?;
    nearest.sort_unstable();
    let mut implied: Vec<i64> = nearest.into_iter().take(PARITY_STRIKES).map(|(_, s)| s).collect();
    implied.sort_unstable();
    implied.get(PARITY_STRIKES / 2).map(|s| Price(*s))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::VendorGreeks;

    #[test]
    fn parity_at_the_money_gives_the_underlying_back() {
        // Spot 5000.25; put and call with 20 points of time value, wider away from the money.
        let expiry: Date = "2024-01-19".parse().unwrap();
        let at = Instant::from_eastern("2024-01-18".parse().unwrap(), 15, 45).unwrap();
        let row = |strike: i64, right, value: i64| ChainRow {
            expiry,
            strike: Price(strike * 1000),
            right,
            bid: Price(value - 100),
            ask: Price(value + 100),
            bid_size: None,
            ask_size: None,
            last: None,
            volume: 0,
            open_interest: 0,
            vendor: VendorGreeks::default(),
        };
        let mut rows = Vec::new();
        for strike in (4900..=5100).step_by(25) {
            let gap = 5_000_250 - strike * 1000;
            let (put, call) = (20_000 + (-gap).max(0), 20_000 + gap.max(0));
            rows.push(row(strike, Right::Put, put));
            rows.push(row(strike, Right::Call, call));
        }
        let day = DayRows::from([(Root::Spxw, rows.clone())]);
        assert_eq!(by_parity(&day, at), Some(Price(5_000_250)));
        // After the last trade, or without bids, there is nothing to derive from.
        assert_eq!(by_parity(&day, Instant(at.0 + 2 * 86_400)), None);
        rows.iter_mut().for_each(|r| r.bid = Price::ZERO);
        assert_eq!(by_parity(&DayRows::from([(Root::Spxw, rows)]), at), None);
    }
}
