//! Futures and shares of the account, carried through time: fills, daily variation, final settlement, splits.
//!
//! Histories have settlement prices of futures, one a session, and no quotes. An order therefore fills at the settlement of
//! the first session that ends after its decision (what an exchange calls a trade at settlement), with an assumed spread of
//! some increments around it; such results are approximate and say so. Shares fill likewise at the close of their series.
//! Between settlements positions are held at the last one: nothing is invented.

use crate::error::{ErrorClass, RunError};
use alula_book::Book;
use alula_book::instrument::{LinearEvent, LinearQuote};
use alula_market::calendar::ExchangeCalendar;
use alula_market::contract::{FutureContract, Instrument, SettlementValue, Share};
use alula_market::curve::{final_settlement, settlement_on};
use alula_market::history::{History, HistoryError};
use alula_market::money::Price;
use alula_market::series::BarSize;
use alula_market::time::{Date, Instant};
use std::cell::RefCell;

/// Carries the futures and shares of one book through a history.
#[derive(Clone, Debug)]
pub struct LinearFeed {
    /// Increments of the spread assumed around settlement prices.
    spread_ticks: u32,
    /// The newest session that has been carried through.
    done: Option<Date>,
}

impl Default for LinearFeed {
    /// One increment: VX is quoted one wide in calm markets.
    fn default() -> Self {
        Self::new(1)
    }
}

impl LinearFeed {
    /// A feed that assumes a spread of so many increments.
    #[must_use]
    pub const fn new(spread_ticks: u32) -> Self {
        Self {
            spread_ticks,
            done: None,
        }
    }

    /// Brings the account up to an instant: each session that ended since the last call, in order, with its splits, final
    /// settlements, fills and variation; then the morning of the day at hand. Costs nothing while nothing is held or ordered.
    ///
    /// Call it before a decision at the instant. Calling it again at the same instant changes nothing.
    ///
    /// # Errors
    /// When a final settlement value is missing (or approximate and not accepted), or the history cannot be read.
    pub fn advance(
        &mut self,
        book: &mut Book,
        history: &dyn History,
        now: Instant,
    ) -> Result<Vec<LinearEvent>, RunError> {
        let calendar = ExchangeCalendar::nyse();
        let today = now.date();
        let idle = book.ledger().orders().is_empty() && book.ledger().holdings().next().is_none();
        if idle {
            // The day at hand may still bring an order; the days before it are over.
            self.done = self.done.max(calendar.previous_session(today));
            return Ok(Vec::new());
        }
        let after = self
            .done
            .or_else(|| calendar.previous_session(today))
            .unwrap_or(today);
        let mut events = Vec::new();
        for session in calendar.sessions(after, today) {
            if *session == after && self.done.is_some() {
                continue;
            }
            let (Some(opens), Some(closes)) =
                (calendar.open_at(*session), calendar.options_close_at(*session))
            else {
                continue;
            };
            if opens <= now {
                events.extend(book.ledger_mut().apply_splits(*session, opens));
                settle_final(book, history, closes.min(now), &mut events)?;
            }
            if closes <= now {
                self.close(book, history, *session, closes, &mut events)?;
                self.done = Some(*session);
            }
        }
        Ok(events)
    }

    /// The end of a session: orders fill at its settlement, then every future pays its variation.
    fn close(
        &self,
        book: &mut Book,
        history: &dyn History,
        session: Date,
        closes: Instant,
        events: &mut Vec<LinearEvent>,
    ) -> Result<(), RunError> {
        let failed = RefCell::new(None);
        let future = |contract: &FutureContract| {
            let found = settlement_on(history, contract, session, closes);
            keep(found, &failed)
        };
        let quote = |instrument: &Instrument| {
            let price = match instrument {
                Instrument::Future(contract) => future(contract),
                Instrument::Share(share) => keep(share_close(history, *share, session), &failed),
                Instrument::Option(_) => None,
            }?;
            LinearQuote::assumed(instrument, price, self.spread_ticks, closes).ok()
        };
        events.extend(book.ledger_mut().on_quotes(closes, &quote));
        events.extend(book.ledger_mut().settle_day(closes, &future));
        failed
            .into_inner()
            .map_or(Ok(()), |e| Err(RunError::from(e).at(closes)))
    }
}

fn settle_final(
    book: &mut Book,
    history: &dyn History,
    now: Instant,
    events: &mut Vec<LinearEvent>,
) -> Result<(), RunError> {
    let failed = RefCell::new(None);
    let value = |contract: &FutureContract| -> Option<SettlementValue> {
        keep(final_settlement(history, contract), &failed)
    };
    let result = book.ledger_mut().settle_final(now, &value);
    if let Some(e) = failed.into_inner() {
        return Err(RunError::from(e).at(now));
    }
    let settled = result.map_err(|(contract, why)| {
        let help = "import the series VRO (for ES and MES: SET), or write `settle approximate` in the strategy: results are marked then";
        RunError::new(ErrorClass::Settlement, format!("{why} for {contract}"), help).at(now)
    })?;
    events.extend(settled);
    Ok(())
}

/// A value, or nothing with the first failure kept.
fn keep<T>(found: Result<Option<T>, HistoryError>, failed: &RefCell<Option<HistoryError>>) -> Option<T> {
    found.unwrap_or_else(|e| {
        failed.borrow_mut().get_or_insert(e);
        None
    })
}

/// Close of a share's own series on a session.
fn share_close(history: &dyn History, share: Share, session: Date) -> Result<Option<Price>, HistoryError> {
    let Some(series) = history.series(share.symbol(), BarSize::Session)? else {
        return Ok(None);
    };
    let close = series
        .date
        .binary_search(&session)
        .ok()
        .and_then(|i| series.close.get(i).copied().flatten());
    Ok(close.and_then(Price::from_f64).filter(|p| *p > Price::ZERO))
}
