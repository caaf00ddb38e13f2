//! Sessions of a run: what is watched at a tick and written at a day's end, and whether it adds up.

use super::Recorder;
use super::rows::{linear_position_row, position_row};
use crate::error::{ErrorClass, RunError};
use crate::output::{DailyRow, GreekSum, MarginCallRow, PositionRow};
use alula_book::{Band, Book, Position, Rulebook};
use alula_core::margin::{self, AccountMargin};
use alula_core::observe::{self, Sight};
use alula_core::vega;
use alula_market::money::Usd;
use alula_market::time::{Date, Instant};

impl Recorder {
    /// The account after a snapshot was marked, or (without sight) after a settlement: the session's extremes.
    pub fn observe(&mut self, book: &Book, sight: Option<&Sight<'_>>) {
        let equity = book.equity();
        self.peak = self.peak.zip(equity, |a: Usd, b: Usd| a.max(b));
        let fall = self.peak - equity;
        let (mut depth, mut from) = self.deepest.unwrap_or((fall, self.peak));
        for (new, depth, peak, from) in [
            (fall.mid, &mut depth.mid, self.peak.mid, &mut from.mid),
            (fall.share, &mut depth.share, self.peak.share, &mut from.share),
            (
                fall.natural,
                &mut depth.natural,
                self.peak.natural,
                &mut from.natural,
            ),
        ] {
            if new > *depth {
                (*depth, *from) = (new, peak);
            }
        }
        self.deepest = Some((depth, from));
        if let Some(sight) = sight {
            let account = margin::account(sight, book, sight.rulebook).ok();
            self.margin_now = Some((sight.at, account));
            self.watch(sight, account);
            let now = account.map(|a| a.required);
            self.margin = Some(self.margin.map_or(now, |so_far| Some(so_far?.max(now?))));
        }
    }

    /// A margin call begins, grows or ends. Where the requirement is not known nothing changes.
    pub(super) fn watch(&mut self, sight: &Sight<'_>, account: Option<AccountMargin>) {
        let Some(account) = account else { return };
        let under_way = self.call.and_then(|i| self.output.margin_calls.get_mut(i));
        match (under_way, account.is_called()) {
            (None, false) => {}
            (Some(call), true) => {
                call.shortfall_max = call.shortfall_max.max(account.required - account.available);
            }
            (Some(call), false) => {
                call.ended_at = Some(sight.at);
                self.call = None;
            }
            (None, true) => {
                self.call = Some(self.output.margin_calls.len());
                self.output.margin_calls.push(MarginCallRow {
                    at: sight.at,
                    rulebook: sight.rulebook.name().to_owned(),
                    required: account.required,
                    available: account.available,
                    shortfall_max: account.required - account.available,
                    ended_at: None,
                    flattened: self.flattens,
                });
            }
        }
    }

    /// The account at the end of a session; `at` is its last tick.
    pub fn day(&mut self, date: Date, at: Instant, book: &Book, sight: Option<&Sight<'_>>) {
        self.observe(book, None);
        let equity = book.equity();
        let held = book.positions().count() + book.ledger().positions().count();
        let flat = held == 0;
        let underlying = sight
            .and_then(|s| s.plan.chains().first().and_then(|c| s.view(c)))
            .map(|v| v.snapshot.spot)
            .filter(|p| p.0 > 0);
        let account = match (sight, self.margin_now) {
            (Some(s), Some((at, now))) if s.at == at => now,
            (Some(s), _) => margin::account(s, book, s.rulebook).ok(),
            (None, _) => None,
        };
        let margin = match sight {
            Some(_) => account.map(|a| a.required),
            None => flat.then_some(Usd::ZERO),
        };
        let margins = sight.map_or([flat.then_some(Usd::ZERO); 3], |s| {
            reported(s.rulebook).map(|r| {
                if r == s.rulebook {
                    margin
                } else {
                    margin::account(s, book, r).ok().map(|a| a.required)
                }
            })
        });
        let rows = self.by_structure.day(date, book);
        self.output.structures.extend(rows);
        let (drawdown_max, drawdown_peak) = self.deepest.take().unwrap_or_default();
        self.output.daily.push(DailyRow {
            date,
            at,
            equity,
            drawdown: self.peak - equity,
            drawdown_max,
            drawdown_peak,
            cash: book.cash(),
            fees: book.fees(),
            margin,
            margin_max: self.margin.take().unwrap_or(margin),
            margin_available: account.map(|a| a.available),
            margins,
            greeks: sight.map_or_else(|| flat.then(GreekSum::default), |s| greeks(s, book)),
            positions: u32::try_from(held).unwrap_or(u32::MAX),
            underlying,
            stale_marks: book.positions().any(|p| p.mark_age_secs(at) > 0),
        });
    }

    /// A last row, if the account is not what the last one says: settlements and fills after the last tick count too.
    pub fn last_day(&mut self, book: &Book) {
        let told = self.output.daily.last().map(|d| (d.equity, d.cash));
        let capital = Band::flat(book.config().capital);
        if told.unwrap_or((capital, capital)) == (book.equity(), book.cash()) {
            return;
        }
        let linear = book.ledger().executions().last().map(|e| e.at);
        let executed = book.trades().last().map(|e| e.at).max(linear);
        let Some(at) = executed.max(self.output.daily.last().map(|d| d.at)) else {
            return;
        };
        self.day(at.date(), at, book, None);
    }

    /// The last row, the book and the positions must tell one story, to the cent.
    pub fn add_up(&self, book: &Book) -> Result<(), RunError> {
        self.by_structure.add_up()?;
        let capital = Band::flat(book.config().capital);
        let positions = self.output.positions.iter().fold(capital, |sum, p| sum + p.pnl);
        let row = self.output.daily.last().map_or(capital, |d| d.equity);
        let book = book.equity();
        if row == book && book == positions {
            return Ok(());
        }
        Err(RunError::new(
            ErrorClass::Invariant,
            format!(
                "accounting invariant broken: equity is {book:?} in the book, {row:?} in the last daily row, {positions:?} \
                 from capital and P&L of positions"
            ),
            "the results cannot be trusted; please report this with the strategy and the data",
        ))
    }

    /// The positions as they stand at the end.
    pub fn positions(&mut self, book: &Book) {
        let mut all: Vec<&Position> = book.closed().iter().chain(book.positions()).collect();
        all.sort_by_key(|p| p.id);
        let mut rows: Vec<PositionRow> = all.into_iter().map(position_row).collect();
        let ledger = book.ledger();
        let linear = ledger.closed().chain(ledger.positions());
        rows.extend(linear.map(|p| linear_position_row(ledger, p)));
        rows.sort_by_key(|r| r.number);
        self.output.positions = rows;
    }
}

/// The rulebooks whose requirement is reported every session, whichever is enforced.
fn reported(enforced: Rulebook) -> [Rulebook; 3] {
    let portfolio = if enforced == Rulebook::PortfolioIbkr {
        enforced
    } else {
        Rulebook::Portfolio
    };
    [Rulebook::Cboe, Rulebook::Ibkr, portfolio]
}

/// The account's greeks; none when one is missing.
fn greeks(sight: &Sight<'_>, book: &Book) -> Option<GreekSum> {
    observe::prepare_greeks(sight, book);
    let sum = vega::account(sight, book).ok()?;
    Some(GreekSum {
        delta: sum.delta,
        gamma: sum.gamma,
        vega: sum.vega,
        theta: sum.theta,
    })
}
