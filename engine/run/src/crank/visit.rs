//! One snapshot: what outside says, fills, marks, the decision; settlements and the end of a day.

use super::{Crank, Session, Turned, gate, operator};
use crate::backtest::end_of_day;
use crate::error::{ErrorClass, RunError};
use crate::futures::LinearFeed;
use crate::outside::{Whoever, lent};
use crate::record::{Refused, Submitted};
use alula_book::{Answer, Book, BookEvent, OrderId, Told};
use alula_core::decision::RuleKind;
use alula_core::linear::LinearMarket;
use alula_core::market::{ViewSource as _, Views};
use alula_core::observe::Sight;
use alula_core::step::{Tick, step};
use alula_core::trace::Trace;
use alula_core::vega::Mapping;
use alula_market::chain::ChainSnapshot;
use alula_market::contract::{Root, SettlementValue};
use alula_market::history::HistoryError;
use alula_market::money::Price;
use alula_market::time::{Date, Instant};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::Arc;

impl<'a> Crank<'a> {
    /// One snapshot.
    pub(super) fn visit(
        &mut self,
        at: Instant,
        turned: &mut Turned,
        mut outside: Whoever<'_>,
    ) -> Result<(), RunError> {
        self.settle(at, lent(&mut outside))?;
        let number = self.setup.warm_up + self.tick;
        let is_tick = self.setup.ticks.get(number) == Some(&at);
        let at_work = !self.book.orders().is_empty() || !self.book.ledger().orders().is_empty();
        if !is_tick && !at_work {
            return Ok(());
        }
        let views = self.snapshots.views(at)?;
        self.fill_and_mark(at, &views, outside)?;
        if is_tick {
            turned.tick = u32::try_from(self.tick).ok();
            self.take_upgrades(at)?;
            let strategies = self.recorder.output.strategies.len();
            turned.swaps = self.take_swaps(at, &views)?;
            self.take_acts(at, &views);
            // Another strategy may look at other chains, and at more ticks before the first.
            let views = if strategies == self.recorder.output.strategies.len() {
                views
            } else {
                self.snapshots.views(at)?
            };
            self.decide(at, self.setup.warm_up + self.tick, &views)?;
            if let Some(day) = &mut self.day {
                day.seen = Some((at, views));
            }
        }
        self.snapshots.release(at);
        Ok(())
    }

    pub(super) fn fill_and_mark(
        &mut self,
        at: Instant,
        views: &Views,
        mut outside: Whoever<'_>,
    ) -> Result<(), RunError> {
        for view in views.iter().flatten() {
            let events = self.book.on_snapshot(&view.snapshot);
            self.recorder.events(&events);
            if !self.book.is_outside() {
                self.book.mark(&view.snapshot);
            }
        }
        if self.book.is_outside() {
            self.ask(at, views, lent(&mut outside))?;
            for view in views.iter().flatten() {
                self.book.mark(&view.snapshot);
            }
        }
        let events = self
            .linear
            .on_snapshot(&mut self.book, &self.setup.plan, views, at, outside)?;
        self.recorder.linear_events(&events);
        self.book.check()?;
        let sight = Sight::new(&self.setup.plan, at, views, self.setup.rulebook);
        self.recorder.observe(&self.book, Some(&sight));
        Ok(())
    }

    /// Takes in what came of orders that fill outside, then takes those back that have had their snapshots.
    pub(super) fn ask(&mut self, at: Instant, views: &Views, outside: Whoever<'_>) -> Result<(), RunError> {
        let Some(outside) = outside else {
            let what = "nobody says what came of the orders, which fill outside of the run";
            return Err(RunError::new(
                ErrorClass::Request,
                what,
                "turn it with its broker",
            ));
        };
        let answers = outside.round(at, views, &self.book)?;
        self.take_in(at, views, &answers)?;
        let events = LinearFeed::take_told(&mut self.book, self.setup.history, at, outside)?;
        self.recorder.linear_events(&events);
        let overdue: Vec<OrderId> = self.book.overdue().map(|o| o.id.clone()).collect();
        if !overdue.is_empty() {
            let answers = outside.take_back(at, &overdue, &self.book)?;
            self.take_in(at, views, &answers)?;
        }
        let broken = outside.broken(&self.book)?;
        self.note_broken(at, views, broken)
    }

    /// The book takes answers in by underlying, as it fills its own orders.
    pub(super) fn take_in(&mut self, at: Instant, views: &Views, answers: &[Answer]) -> Result<(), RunError> {
        let misfit = |what: String| {
            let help = "what the broker did is not what was ordered: look at the account, and at the journal";
            RunError::new(ErrorClass::Invariant, what, help).at(at)
        };
        let seen = |underlying: &str| {
            let mut snapshots = views.iter().flatten().map(|v| &v.snapshot);
            snapshots.position(|s| s.underlying == underlying)
        };
        let of = |book: &Book, answer: &Answer| {
            let order = book.orders().iter().find(|o| o.id == answer.order)?;
            Some(book.underlying_of(order))
        };
        let mut places: Vec<(usize, &Answer)> = Vec::with_capacity(answers.len());
        for answer in answers {
            let Some(underlying) = of(&self.book, answer) else {
                return Err(misfit(format!("order {} is not at work", answer.order)));
            };
            places.push((underlying.and_then(seen).unwrap_or(usize::MAX), answer));
        }
        places.sort_by_key(|(place, _)| *place);
        let mut events: Vec<BookEvent> = Vec::new();
        for (place, answer) in places {
            let snapshot = views.iter().flatten().map(|v| &v.snapshot).nth(place);
            let event = match (snapshot, &answer.told) {
                (Some(snapshot), _) => self.book.answer(snapshot, answer),
                (None, Told::Waiting(_)) => continue,
                // An end needs no quotes.
                (None, Told::Ended(_)) => {
                    let underlying = of(&self.book, answer).flatten().unwrap_or_default();
                    let empty = ChainSnapshot {
                        at,
                        underlying: underlying.to_owned(),
                        spot: Price::ZERO,
                        expiries: Vec::new(),
                    };
                    self.book.answer(&empty, answer)
                }
                (None, Told::Filled { .. }) => {
                    let what = format!("order {} filled where its underlying is not quoted", answer.order);
                    return Err(misfit(what));
                }
            };
            events.push(event.map_err(|e| misfit(e.to_string()))?);
        }
        self.recorder.events(&events);
        Ok(())
    }

    /// Entries that call at a tick with the values in force before a change: what the market alone brings about.
    pub(super) fn called_without(
        &mut self,
        at: Instant,
        views: &Views,
    ) -> Result<BTreeSet<Arc<str>>, RunError> {
        let mut driver = self.driver.clone();
        let mut state = self.state.clone();
        let mut cells = self.cells.clone();
        let mut trace = Trace::default();
        let plan = &self.setup.plan;
        driver.advance((plan, &self.setup.data), at, views);
        driver.cells(plan, self.setup.warm_up + self.tick, &mut cells);
        let prices = if plan.linear().is_empty() {
            LinearMarket::default()
        } else {
            self.linear.market(plan, self.setup.history, at)?
        };
        let tick = Tick {
            at,
            number: u32::try_from(self.tick).unwrap_or(u32::MAX),
            views,
            linear: &prices,
        };
        let decision = step(
            plan,
            &mut state,
            &tick,
            &mut cells,
            &self.book,
            self.setup.rulebook,
            &mut trace,
        );
        let calls = decision.outcomes.into_iter().filter(|o| {
            o.kind == RuleKind::Open
                && o.condition.truth() == Some(true)
                && o.require.is_none_or(|r| r.truth() == Some(true))
        });
        let waiting: BTreeSet<&str> = state.waiting().collect();
        // Who waits since an earlier change goes on waiting.
        Ok(calls
            .map(|o| o.key)
            .filter(|key| !waiting.contains(&**key))
            .collect())
    }

    pub(super) fn decide(&mut self, at: Instant, number: usize, views: &Views) -> Result<(), RunError> {
        let setup = &self.setup;
        if views
            .first()
            .and_then(Option::as_ref)
            .is_none_or(|v| v.snapshot.expiries.is_empty())
        {
            self.empty.push(at);
        }
        self.driver.advance((&setup.plan, &setup.data), at, views);
        self.driver.cells(&setup.plan, number, &mut self.cells);
        let tick_number = u32::try_from(self.tick).unwrap_or(u32::MAX);
        if !setup.plan.linear().is_empty() {
            self.prices = self.linear.market(&setup.plan, setup.history, at)?;
        }
        let tick = Tick {
            at,
            number: tick_number,
            views,
            linear: &self.prices,
        };
        let alone = operator::without(setup, &self.state, &tick, &self.cells, &self.book);
        let decision = step(
            &setup.plan,
            &mut self.state,
            &tick,
            &mut self.cells,
            &self.book,
            setup.rulebook,
            &mut self.trace,
        );
        let rows = &mut self.recorder.output;
        operator::note(rows, &tick, (&decision, alone));
        self.guards.note(&decision);
        self.note_deaths(at);
        let cells = (self.cells.as_slice(), self.hashed.as_slice());
        self.chain.tick(at, cells, (&decision, &self.state), &self.book);
        let mut submitted: Vec<Result<OrderId, Refused>> = Vec::new();
        for request in &decision.orders {
            if let Err(why) = self.passes(at, views, &decision, gate::Wanted::Package(request)) {
                submitted.push(Err(why));
                continue;
            }
            match self.book.submit(request.clone()) {
                Ok(id) => {
                    self.recorder.order(&id, request, &self.book);
                    submitted.push(Ok(id));
                }
                Err(why) => submitted.push(Err(Refused::Book(why.to_string()))),
            }
        }
        let mut linear: Vec<Result<OrderId, Refused>> = Vec::new();
        for request in &decision.linear {
            if let Err(why) = self.passes(at, views, &decision, gate::Wanted::Linear(request)) {
                linear.push(Err(why));
                continue;
            }
            match self.book.submit_linear(request.clone()) {
                Ok(id) => {
                    self.recorder.linear_order(&id, request);
                    linear.push(Ok(id));
                }
                Err(why) => linear.push(Err(Refused::Book(why.to_string()))),
            }
        }
        let submitted = Submitted {
            orders: submitted,
            linear,
        };
        let equity = self.book.equity().share;
        self.recorder
            .decision(tick_number, &decision, &submitted, equity, self.chain.hex());
        self.newest = Some(decision);
        self.tick += 1;
        if self.book.config().same_bar {
            self.fill_and_mark(at, views, None)?;
        }
        Ok(())
    }

    /// Settles what is due at an instant.
    pub(super) fn settle(&mut self, now: Instant, outside: Whoever<'_>) -> Result<(), RunError> {
        self.settle_options(now)?;
        self.let_go(now);
        let history = self.setup.history;
        let events = self.linear.advance(&mut self.book, history, now, outside)?;
        self.recorder.linear_events(&events);
        Ok(())
    }

    /// Settles the options that are due at an instant.
    pub(super) fn settle_options(&mut self, now: Instant) -> Result<(), RunError> {
        let history = self.setup.history;
        let failed: RefCell<Option<HistoryError>> = RefCell::new(None);
        let value = |root: Root, expiry: Date| -> Option<SettlementValue> {
            history.settlement(root, expiry).unwrap_or_else(|e| {
                failed.borrow_mut().get_or_insert(e);
                None
            })
        };
        let result = self.book.settle(now, &value);
        if let Some(e) = failed.into_inner() {
            return Err(RunError::from(e).at(now));
        }
        let events = result.map_err(|e| RunError::from(e).at(now))?;
        self.recorder.events(&events);
        Ok(())
    }

    /// The end of the session at hand: what expired during it is settled, the account is recorded.
    pub(super) fn end_day(&mut self, outside: Whoever<'_>) -> Result<(), RunError> {
        let Some(Session { date, seen }) = self.day.take() else {
            return Ok(());
        };
        // A run that is stopped within a session ends there.
        let end = end_of_day(date).min(self.setup.last_instant);
        self.settle(end, outside)?;
        self.book.check().map_err(|e| RunError::from(e).at(end))?;
        self.recorder.observe(&self.book, None);
        if let Some((at, views)) = seen {
            let sight = Sight::new(&self.setup.plan, at, &views, self.setup.rulebook)
                .with_linear(&self.prices)
                .with_mapping(Mapping::of_account(&self.setup.plan, &self.cells));
            self.recorder.day(date, at, &self.book, Some(&sight));
        }
        Ok(())
    }
}
