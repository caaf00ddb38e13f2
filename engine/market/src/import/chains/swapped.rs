//! Bid and ask columns the wrong way round.

use super::super::error::{ImportError, ImportErrorKind};
use crate::contract::Root;
use crate::store::SnapshotRows;
use crate::time::Date;
use std::collections::BTreeMap;

/// Quotes with different bid and ask from which the test speaks.
const QUOTES_MIN: usize = 20;

/// Refuses a day on which most bids stand above their asks: markets cross for moments, not all over a chain.
pub(super) fn check(
    file: &str,
    date: Date,
    day: &BTreeMap<Root, Vec<SnapshotRows>>,
) -> Result<(), ImportError> {
    let rows = || day.values().flatten().flat_map(|s| &s.rows);
    let apart = rows().filter(|r| r.bid != r.ask).count();
    let crossed = rows().filter(|r| r.bid > r.ask).count();
    if apart < QUOTES_MIN || crossed * 2 <= apart {
        return Ok(());
    }
    let what = format!(
        "bid and ask look swapped: on {date} the bid is above the ask in {crossed} of {apart} quotes"
    );
    let help = "give each column its own name, or swap them in a mapping: `bid: COLUMN_OF_BIDS`";
    Err(ImportError::new(ImportErrorKind::Swapped, what, help).in_file(file))
}
