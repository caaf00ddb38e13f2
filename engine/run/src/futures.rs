//! Futures and shares of the account, carried through time: fills, daily variation, final settlement, splits.
//!
//! Histories have settlement prices of futures, one a session, and no quotes. An order for VX therefore fills at the
//! settlement of the first session that ends after its decision (what an exchange calls a trade at settlement), with an
//! assumed spread of some increments around it; such results are approximate and say so. At a broker it trades when it trades, in
//! as many pieces as it likes: each enters the account at the next snapshot, at its own price, and the first variation is paid from
//! there. Shares fill likewise at the close of
//! their series, which is of prices as traded: a split that they lack ends the run. ES and MES are priced at every snapshot whose SPX options settle with them, so that their orders fill at the
//! next snapshot, or at a settlement of theirs if the history has it and it comes first. Between prices positions are held at
//! the last one: nothing is invented. Where a session has no settlement of ES, its newest snapshot's price stands in for the
//! variation, marked.

use crate::error::{ErrorClass, RunError};
use crate::outside::{Outside, Whoever, lent, on_quotes};
use alula_book::Book;
use alula_book::instrument::{DayPrice, LinearEvent, LinearQuote, LinearRequest};
use alula_core::linear::{LinearMarket, SPREAD_TICKS, SharePrice, implied_curve};
use alula_core::market::Views;
use alula_core::plan::Plan;
use alula_market::calendar::ExchangeCalendar;
use alula_market::contract::{FutureContract, FutureRoot, Instrument, SettlementValue, Share, Split};
use alula_market::curve::{FuturesCurve, final_settlement, futures_curve, settlement_on};
use alula_market::history::{History, HistoryError};
use alula_market::money::Price;
use alula_market::series::BarSize;
use alula_market::time::{Date, Instant};
use std::cell::RefCell;
use std::collections::BTreeSet;

/// Carries the futures and shares of one book through a history.
#[derive(Clone, Debug)]
pub struct LinearFeed {
    /// Increments of the spread assumed around settlement prices.
    spread_ticks: u32,
    /// The newest session that has been carried through.
    done: Option<Date>,
    /// What the newest snapshot implied.
    implied: Vec<FuturesCurve>,
}

impl Default for LinearFeed {
    /// One increment.
    fn default() -> Self {
        Self::new(SPREAD_TICKS)
    }
}

impl LinearFeed {
    /// A feed that assumes a spread of so many increments.
    #[must_use]
    pub const fn new(spread_ticks: u32) -> Self {
        Self {
            spread_ticks,
            done: None,
            implied: Vec::new(),
        }
    }

    /// What is known of the prices of a plan's futures and shares at a tick: the snapshot's own, else the newest settlements.
    /// Call it after [`Self::on_snapshot`] of the same instant.
    ///
    /// # Errors
    /// When the history cannot be read.
    pub fn market(&self, plan: &Plan, history: &dyn History, at: Instant) -> Result<LinearMarket, RunError> {
        let mut market = LinearMarket::default();
        for root in &plan.linear().roots {
            let implied = self.implied.iter().find(|c| c.root == *root && c.at == at);
            let mut curve = futures_curve(history, *root, at)?;
            if let Some(implied) = implied {
                let settled = curve.take().map(|c| c.points).unwrap_or_default();
                let mut both = implied.clone();
                let fresh = |c: &FutureContract| implied.of(c).is_some();
                both.points
                    .extend(settled.into_iter().filter(|p| !fresh(&p.contract)));
                both.points.sort_by_key(|p| p.contract);
                curve = Some(both);
            }
            market.curves.extend(curve);
        }
        for share in &plan.linear().shares {
            market.shares.extend(newest_close(history, *share, at)?);
        }
        Ok(market)
    }

    /// A snapshot of the session at hand: orders for what it prices are tried, and that is marked.
    pub fn on_snapshot(
        &mut self,
        book: &mut Book,
        plan: &Plan,
        views: &Views,
        at: Instant,
        outside: Whoever<'_>,
    ) -> Result<Vec<LinearEvent>, RunError> {
        let roots = plan.linear().roots.iter().filter(|r| !r.is_vix());
        let view = |root: &FutureRoot| {
            let chain = plan.chain(root.underlying())?;
            views.get(chain).and_then(Option::as_ref)
        };
        let curves: Vec<FuturesCurve> = roots
            .filter_map(|root| implied_curve(view(root)?, *root))
            .collect();
        if curves.is_empty() {
            return Ok(Vec::new());
        }
        self.implied = curves;
        if is_idle(book) {
            return Ok(Vec::new());
        }
        let quote = |instrument: &Instrument| {
            let Instrument::Future(contract) = instrument else {
                return None;
            };
            let price = self.implied_price(contract)?;
            LinearQuote::assumed(instrument, price, self.spread_ticks, at).ok()
        };
        let ours = |request: &LinearRequest| {
            let implied = |i: &Instrument| matches!(i, Instrument::Future(c) if !c.root.is_vix());
            request.legs.iter().all(|l| implied(&l.instrument))
        };
        on_quotes(book, at, &quote, &ours, outside)
    }

    fn implied_price(&self, contract: &FutureContract) -> Option<Price> {
        let curve = self.implied.iter().find(|c| c.root == contract.root)?;
        curve.of(contract).map(|p| p.price)
    }

    /// Takes in what came of orders that fill outside since they were asked for last: at a snapshot, whatever it prices. What is
    /// told of a future that has settled since then settles too.
    pub(crate) fn take_told(
        book: &mut Book,
        history: &dyn History,
        at: Instant,
        outside: &mut dyn Outside,
    ) -> Result<Vec<LinearEvent>, RunError> {
        let told = outside.linear_by_now(book)?;
        if told.is_empty() {
            return Ok(Vec::new());
        }
        let mut events = book.ledger_mut().on_quotes_told(at, &|_| None, &|_| false, &told);
        settle_final(book, history, at, &mut events)?;
        Ok(events)
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
        mut outside: Whoever<'_>,
    ) -> Result<Vec<LinearEvent>, RunError> {
        let calendar = ExchangeCalendar::nyse();
        let today = now.date();
        if is_idle(book) {
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
                let whoever = lent(&mut outside);
                self.close((book, history), *session, closes, &mut events, whoever)?;
                self.done = Some(*session);
            }
        }
        Ok(events)
    }

    /// The end of a session: orders fill at its settlement, then every future pays its variation.
    fn close(
        &self,
        (book, history): (&mut Book, &dyn History),
        session: Date,
        closes: Instant,
        events: &mut Vec<LinearEvent>,
        outside: Whoever<'_>,
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
        check_splits(book, history, session).map_err(|e| e.at(closes))?;
        // What snapshots alone price waits for the next one, unless the session settles it.
        let due = |request: &LinearRequest| {
            let waits = |i: &Instrument| matches!(i, Instrument::Future(c) if !c.root.is_vix() && future(c).is_none());
            !request.legs.iter().all(|l| waits(&l.instrument))
        };
        events.extend(on_quotes(book, closes, &quote, &due, outside)?);
        let paid = |contract: &FutureContract| {
            let seen = || {
                let of_session = |c: &&FuturesCurve| c.root == contract.root && c.at.date() == session;
                let curve = self.implied.iter().find(of_session)?;
                curve.of(contract).map(|p| DayPrice {
                    price: p.price,
                    approximate: true,
                })
            };
            future(contract).map(DayPrice::official).or_else(seen)
        };
        events.extend(book.ledger_mut().settle_day(closes, &paid));
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

fn is_idle(book: &Book) -> bool {
    book.ledger().orders().is_empty() && book.ledger().holdings().next().is_none()
}

/// The newest close of a share that is known at an instant.
fn newest_close(
    history: &dyn History,
    share: Share,
    at: Instant,
) -> Result<Option<SharePrice>, HistoryError> {
    let Some(series) = history.series(share.symbol(), BarSize::Session)? else {
        return Ok(None);
    };
    let known = series.available_at.partition_point(|a| *a <= at);
    // A few sessions back at most: an older price is none. One from before a split is in the new shares, as what is held is.
    let found = (0..known).rev().take(5).find_map(|i| {
        let price = Price::from_f64((*series.close.get(i)?)?).filter(|p| *p > Price::ZERO)?;
        let session = *series.date.get(i)?;
        let split = |price: Price, s: &Split| {
            let opened = ExchangeCalendar::nyse().open_at(s.on).is_some_and(|o| o <= at);
            let moved = price.0.saturating_mul(s.old).checked_div(s.new);
            moved.filter(|_| opened).map_or(price, Price)
        };
        Some(SharePrice {
            share,
            price: share.splits_between(session, at.date()).fold(price, split),
            session,
            known_at: *series.available_at.get(i)?,
        })
    });
    Ok(found)
}

/// Closes of one session over the last, or its inverse, that no share of the table has made without a split.
const JUMP: f64 = 2.5;

/// A series whose prices do not jump where a held share was split, or jump where it was not, would invent gains or losses: the
/// run ends there.
fn check_splits(book: &Book, history: &dyn History, session: Date) -> Result<(), RunError> {
    let shares: BTreeSet<Share> = book
        .ledger()
        .holdings()
        .filter_map(|(k, _)| match k.instrument {
            Instrument::Share(share) => Some(share),
            Instrument::Future(_) | Instrument::Option(_) => None,
        })
        .collect();
    for share in shares {
        let Some(before) = ExchangeCalendar::nyse().previous_session(session) else {
            continue;
        };
        let closes = share_close(history, share, before)?.zip(share_close(history, share, session)?);
        let Some((was, is)) = closes else { continue };
        let jump = is.to_f64() / was.to_f64();
        let mut split = None;
        let mut factor = 1.0;
        for s in share.splits_between(before, session) {
            factor *= float(s.old) / float(s.new);
            split = Some(s);
        }
        let left = jump / factor;
        if (1.0 / JUMP..=JUMP).contains(&left) {
            continue;
        }
        let (what, help) = match split {
            Some(split) => (
                format!(
                    "the series of `{share}` does not have its split of {session} ({}): {was} before, {is} after",
                    split.words()
                ),
                "import prices as they were traded, without adjustment for later splits, or end the run before that day",
            ),
            None => (
                format!(
                    "the series of `{share}` jumps from {was} to {is} on {session}, where no split is known"
                ),
                "correct the series, or end the run before that day: a split that is not in the table would be taken for a gain or loss",
            ),
        };
        return Err(RunError::new(ErrorClass::Data, what, help));
    }
    Ok(())
}

fn float(n: i64) -> f64 {
    i32::try_from(n).map_or(1.0, f64::from)
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
