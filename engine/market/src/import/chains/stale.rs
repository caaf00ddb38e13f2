//! Days that repeat the session before them.

use super::super::Job;
use super::super::error::ImportError;
use super::DayRows;
use crate::money::Price;
use crate::store::ChainRow;
use crate::time::Date;

/// Among contracts that traded on the earlier day, the share with the same last price *and* volume from which a day is
/// a stale copy. Real neighbouring days of SPX share 0.2 to 2.5%; a stale one 93%.
pub const STALE_TRADES_SHARE_MIN: f64 = 0.5;
/// Contracts that must have traded for that test.
const STALE_TRADES_MIN: usize = 20;
/// Without enough trades: the share of bid contracts with the same bid and ask. Real neighbouring days share 0.1 to 5%.
pub const STALE_QUOTES_SHARE_MIN: f64 = 0.9;
/// Contracts with a bid that must be compared for that test.
const STALE_QUOTES_MIN: usize = 100;

/// Says so when a day repeats the session before it.
pub(super) fn stale_copy(
    job: &mut Job<'_>,
    underlying: &'static str,
    date: Date,
    rows: &DayRows,
) -> Result<Option<String>, ImportError> {
    let Some((earlier, old)) = job.previous_day(underlying, date)? else {
        return Ok(None);
    };
    let (mut traded, mut same_trades, mut bid, mut same_quotes) = (0usize, 0usize, 0usize, 0usize);
    for (root, list) in rows {
        let Some(old) = old.get(root) else { continue };
        for row in list {
            let Ok(i) = old.binary_search_by_key(&row.key(), ChainRow::key) else {
                continue;
            };
            let Some(was) = old.get(i) else { continue };
            if was.volume > 0 || row.volume > 0 {
                traded += 1;
                same_trades += usize::from(was.last == row.last && was.volume == row.volume);
            }
            if row.bid > Price::ZERO {
                bid += 1;
                same_quotes += usize::from(was.bid == row.bid && was.ask == row.ask);
            }
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "counts of one day's contracts")]
    let share = |same: usize, of: usize| same as f64 / of as f64;
    let stale = if traded >= STALE_TRADES_MIN {
        let share = share(same_trades, traded);
        (share >= STALE_TRADES_SHARE_MIN)
            .then_some((share, "contracts that traded have the same last price and volume"))
    } else if bid >= STALE_QUOTES_MIN {
        let share = share(same_quotes, bid);
        (share >= STALE_QUOTES_SHARE_MIN).then_some((share, "contracts with a bid have the same bid and ask"))
    } else {
        None
    };
    Ok(stale.map(|(share, what)| format!("stale copy: {:.0}% of the {what} as on {earlier}", share * 100.0)))
}
