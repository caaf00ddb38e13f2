//! Bid and ask columns the wrong way round.

use super::super::error::{ImportError, ImportErrorKind};
use crate::store::ChainRow;
use crate::time::Date;

/// Quotes with different bid and ask from which the test speaks.
const QUOTES_MIN: usize = 20;

/// What a day's quotes say of its columns.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    apart: usize,
    crossed: usize,
}

impl Tally {
    /// Counts quotes of the day.
    pub(super) fn see(&mut self, rows: &[ChainRow]) {
        self.apart += rows.iter().filter(|r| r.bid != r.ask).count();
        self.crossed += rows.iter().filter(|r| r.bid > r.ask).count();
    }

    /// Refuses a day on which most bids stand above their asks: markets cross for moments, not all over a chain.
    pub(super) fn check(self, file: &str, date: Date) -> Result<(), ImportError> {
        let Self { apart, crossed } = self;
        if apart < QUOTES_MIN || crossed * 2 <= apart {
            return Ok(());
        }
        let what = format!(
            "bid and ask look swapped: on {date} the bid is above the ask in {crossed} of {apart} quotes"
        );
        let help = "give each column its own name, or swap them in a mapping: `bid: COLUMN_OF_BIDS`";
        Err(ImportError::new(ImportErrorKind::Swapped, what, help).in_file(file))
    }
}
