//! Contracts that change for others: the roll of a new day, week or month, a rotation, a migration.
//!
//! One package order each, as every roll. It is made only where the new contracts fit: the layer's size, the hedge's
//! ceiling, caps and budgets. Where they do not, what has to go is sold now, and the rest rolls at a later tick.

use super::super::linear::{change, times};
use super::super::manage::{missing, no_price};
use super::futures::{broken, one_package};
use super::{Aim, Bought, Fresh, Own, Walk, Work, change_key, held_of};
use crate::decision::{Skip, Verdict};
use crate::plan::Every;
use crate::state::{LayerState, Sleeve, State};
use crate::value::Cause;
use alula_book::fill::Trying;
use alula_book::instrument::LinearPosition;
use alula_book::{ExecutionKind, OrderKind, Package, Position, PositionId, fill};
use alula_market::time::Date;
use chrono::Datelike;
use std::sync::Arc;

use super::solve::{Clip, Problem, Target};

/// The calendar period of a date.
fn period(every: Every, on: Date) -> i64 {
    match every {
        Every::Daily => i64::from(on.num_days_from_ce()),
        Every::Weekly => {
            let week = on.iso_week();
            i64::from(week.year()) * 100 + i64::from(week.week())
        }
        Every::Monthly => i64::from(on.year()) * 100 + i64::from(on.month()),
    }
}

/// A position of a layer, wherever it is kept.
#[derive(Clone, Copy)]
enum Held<'a> {
    Options(&'a Position),
    Futures(&'a LinearPosition),
}

impl Held<'_> {
    /// One order can turn it into what is to come.
    fn one_package(&self, to: &Bought) -> bool {
        match (self, to) {
            (Self::Options(p), Bought::Options(to)) => {
                p.held().is_some_and(|h| h.underlying() == to.underlying())
            }
            (Self::Futures(p), to) => one_package(p, to),
            _ => false,
        }
    }

    /// It is what is to come already.
    fn is(&self, to: &Bought) -> bool {
        match (self, to) {
            (Self::Options(p), Bought::Options(to)) => p.held().is_some_and(|h| to.change_from(h).is_empty()),
            (Self::Futures(p), Bought::Futures(lot)) => change(&p.held, &times(&lot.legs, p.lots)).is_empty(),
            _ => false,
        }
    }
}

/// Why a change was not ordered.
enum No {
    Skip(Skip),
    /// It costs more than this, which is left of a budget.
    Budget(f64),
}

/// Amounts that moves may still use up.
struct Left {
    carries: Option<f64>,
    unknown: bool,
}

impl<'a> Walk<'a> {
    /// Rolls what has to change and fits; sells what does not.
    pub(super) fn changes(
        &mut self,
        aim: &Aim,
        work: &mut [Work<'a>],
        problem: &mut Problem,
        state: &mut State,
    ) {
        let carried: f64 = work
            .iter()
            .flat_map(|w| &w.own)
            .map(|o| f64::from(o.lots) * held_of(o).lot.carries.max(0.0))
            .sum();
        let mut left = Left {
            carries: match problem.target {
                Target::Known { ceiling, .. } => Some(ceiling - carried),
                Target::None | Target::Unknown => None,
            },
            unknown: problem.target == Target::Unknown,
        };
        for (at, w) in work.iter_mut().enumerate() {
            for index in broken(w) {
                let (key, lots) = (Arc::clone(&w.layer.key), w.own.get(index).map_or(0, |o| o.lots));
                self.trim(w, index, &key, lots);
            }
            if w.on != Some(true) || w.wanted.is_err() {
                continue;
            }
            if let Some(memory) = state.layers.layers.get_mut(&w.layer.key) {
                self.layer_changes(aim, (at, w), problem, &mut left, memory);
            }
        }
    }

    fn layer_changes(
        &mut self,
        aim: &Aim,
        (at, w): (usize, &mut Work<'a>),
        problem: &mut Problem,
        left: &mut Left,
        memory: &mut LayerState,
    ) {
        let today = self.tick.at.date();
        let now = w.layer.roll.map(|every| period(every, today));
        let mut same = now.is_some();
        for index in 0..w.own.len() {
            let Some(own) = w.own.get(index).cloned().filter(|o| !o.fixed) else {
                continue;
            };
            let Some(position) = self.held_as(own.id) else {
                continue;
            };
            let stays = w.sleeves.iter().any(|(s, _)| *s == own.sleeve);
            let due = w.layer.roll.zip(now).is_some_and(|(every, now)| {
                let chosen = self.chosen_on(position, memory);
                memory.rolled != Some(now) && chosen.is_some_and(|d| period(every, d) < now)
            });
            let (key, to) = if !stays {
                let Some((to, _)) = w.sleeves.last() else { continue };
                (change_key(w.layer, own.sleeve, &w.sleeves), *to)
            } else if due {
                (Arc::clone(&w.layer.roll_key), own.sleeve)
            } else {
                continue;
            };
            match self.fresh(w, to, aim) {
                Err(skip) => {
                    same = false;
                    w.skip.get_or_insert(skip);
                    // Another kind of contracts that cannot be had: what is held stays until it can.
                    fix(w, index, None);
                }
                Ok(fresh) => {
                    let changed = self.change(
                        w,
                        (index, &own, position),
                        (&key, to, &fresh),
                        (at, problem, left),
                        memory,
                    );
                    same &= !changed;
                }
            }
        }
        if same {
            memory.rolled = now;
        }
    }

    /// A position, wherever it is kept.
    fn held_as(&self, id: PositionId) -> Option<Held<'a>> {
        let futures = || self.book.ledger().position(id).map(Held::Futures);
        self.book.position(id).map(Held::Options).or_else(futures)
    }

    /// When a position's contracts were last chosen.
    fn chosen_on(&self, position: Held<'_>, memory: &LayerState) -> Option<Date> {
        let position = match position {
            Held::Options(position) => position,
            Held::Futures(position) => return memory.chosen.get(&position.id).copied(),
        };
        self.book
            .executions_of(position)
            .filter(|e| matches!(e.kind, ExecutionKind::Open | ExecutionKind::Roll))
            .map(|e| e.at.date())
            .max()
    }

    /// Changes one position; whether there was anything to change.
    fn change(
        &mut self,
        w: &mut Work<'a>,
        (index, own, position): (usize, &Own, Held<'_>),
        (key, to, fresh): (&Arc<str>, Sleeve, &Fresh),
        (at, problem, left): (usize, &mut Problem, &mut Left),
        memory: &mut LayerState,
    ) -> bool {
        if !position.one_package(&fresh.bought) {
            // It is sold, and what takes its place is bought when it is gone.
            self.trim(w, index, key, own.lots);
            return true;
        }
        if position.is(&fresh.bought) {
            // The contracts are those already; only what they were chosen as changes.
            memory.sleeves.insert(own.id, to);
            if let Some(o) = w.own.get_mut(index) {
                o.sleeve = to;
            }
            return false;
        }
        if left.unknown && fresh.lot.carries > held_of(own).lot.carries {
            // Nobody can tell whether it would be too much.
            w.clips.push(Clip::Unknown);
            fix(w, index, None);
            return true;
        }
        let lots = self.that_fit(w, (index, own), to, fresh, (at, problem, left));
        if lots < own.lots {
            self.trim(w, index, key, own.lots - lots);
            return true;
        }
        let budgets = [
            problem.layers.get_mut(at).and_then(|l| l.budget.as_mut()),
            problem.hedge.budget.as_mut(),
        ];
        let ordered = match (position, &fresh.bought) {
            (Held::Options(position), Bought::Options(to)) => {
                self.roll_options(key, &w.layer.key, (position, to), budgets)
            }
            (Held::Futures(position), Bought::Futures(lot)) => self
                .roll_futures(key, &w.layer.key, (position, lot))
                .map(|o| o.map(Verdict::OrderedLinear))
                .map_err(No::Skip),
            _ => Ok(None),
        };
        let verdict = match ordered {
            Ok(Some(verdict)) => verdict,
            Ok(None) => return false,
            Err(No::Budget(left)) => {
                w.clips.push(Clip::Budget(left));
                fix(w, index, None);
                return true;
            }
            Err(No::Skip(skip)) => {
                w.skip.get_or_insert(skip);
                fix(w, index, None);
                return true;
            }
        };
        memory.order(self.tick.at, Arc::clone(key), Some(own.id), to);
        self.acted.insert(own.id, Arc::clone(key));
        w.orders.push((Arc::clone(key), verdict));
        // Both what is held and what comes count until the fill is known.
        let before = held_of(own).lot.carries.max(0.0);
        let more = (fresh.lot.carries.max(0.0) - before).max(0.0) * f64::from(own.lots);
        if let Some(room) = &mut left.carries {
            *room -= more;
        }
        let mut lot = fresh.lot;
        lot.carries = lot.carries.max(before);
        if let Some(o) = w.own.get_mut(index) {
            o.sleeve = to;
            o.lot = Ok(lot);
            o.fixed = true;
        }
        true
    }

    /// The order that turns options into others; none where nothing would change. What it costs is taken off the budgets.
    fn roll_options(
        &mut self,
        key: &Arc<str>,
        structure: &Arc<str>,
        (position, to): (&Position, &Package),
        budgets: [Option<&mut f64>; 2],
    ) -> Result<Option<Verdict>, No> {
        let no_quote = || No::Skip(missing("price", Cause::NoQuote));
        let held = position.held().ok_or_else(no_quote)?;
        let view = self.sight.view(held.underlying()).ok_or_else(no_quote)?;
        let model = self.book.config().fills;
        let lots = position.lots;
        let price = fill::price_roll(held, to, &view.snapshot, Trying { model, lots });
        let price = price.map_err(|e| No::Skip(no_price(e)))?;
        self.no_conflict(to, Some(position.id)).map_err(No::Skip)?;
        self.margin_fits(to, lots, &price, Some(position))
            .map_err(No::Skip)?;
        self.subaccount_fits(structure, to, (lots, &price), Some(held))
            .map_err(No::Skip)?;
        let paid = (-price.net.share)
            .dollars(held.multiplier(), i64::from(lots))
            .to_f64()
            .max(0.0);
        if let Some(short) = budgets.iter().flatten().map(|b| **b).find(|b| paid > *b) {
            return Err(No::Budget(short));
        }
        for budget in budgets.into_iter().flatten() {
            *budget -= paid;
        }
        self.note_package(key, to, &price, lots);
        let kind = OrderKind::Roll {
            position: position.id,
            to: to.clone(),
        };
        Ok(Some(Verdict::Ordered(
            self.order(key, structure, kind, lots, None),
        )))
    }

    /// How many of a position's lots could be held as the new contracts.
    fn that_fit(
        &self,
        w: &mut Work<'_>,
        (index, own): (usize, &Own),
        to: Sleeve,
        fresh: &Fresh,
        (at, problem, left): (usize, &Problem, &Left),
    ) -> u32 {
        let Ok(wanted) = &w.wanted else { return own.lots };
        let share = w.sleeves.iter().find(|(s, _)| *s == to).map_or(0.0, |(_, x)| *x);
        let others: f64 = w
            .own
            .iter()
            .enumerate()
            .filter(|(i, o)| *i != index && o.sleeve == to)
            .map(|(_, o)| f64::from(o.lots) * held_of(o).lot.measure)
            .sum();
        let mut lots = own.lots;
        let mut clips = Vec::new();
        let mut bound = |amount: f64, per_lot: f64, clip: Clip| {
            if per_lot > 0.0 {
                let most = super::solve::whole(amount, per_lot);
                if most < lots {
                    lots = most;
                    clips.push(clip);
                }
            }
        };
        // A roll may bring the layer above its size by as much as its no-trade band.
        let rest = wanted * share * (1.0 + problem.band) - others;
        let clip = Clip::LessThanOneLot {
            rest,
            per_lot: fresh.lot.measure,
        };
        bound(rest, fresh.lot.measure, clip);
        let before = held_of(own).lot;
        let room = left
            .carries
            .map(|r| r + f64::from(own.lots) * before.carries.max(0.0));
        if let Some(room) = room.filter(|_| fresh.lot.carries > before.carries) {
            let clip = Clip::Target {
                room: room.max(0.0),
                per_lot: fresh.lot.carries,
            };
            bound(room, fresh.lot.carries, clip);
        }
        let risk = |l: &super::solve::Lot| l.risk.unwrap_or(0.0);
        let caps = [problem.layers.get(at).and_then(|l| l.cap), problem.hedge.cap];
        if let Some(cap) = caps.into_iter().flatten().reduce(f64::min) {
            let held: f64 = w
                .own
                .iter()
                .enumerate()
                .filter(|(i, _)| *i != index)
                .map(|(_, o)| f64::from(o.lots) * risk(&held_of(o).lot))
                .sum();
            bound(cap - held, risk(&fresh.lot), Clip::Cap(cap - held));
        }
        w.clips.extend(clips);
        lots
    }

    /// Sells lots of a position that is to change; the rest of it stays as it is for this tick.
    fn trim(&mut self, w: &mut Work<'_>, index: usize, key: &Arc<str>, lots: u32) {
        let Some(id) = w.own.get(index).map(|o| o.id) else {
            return;
        };
        if lots > 0 {
            self.sell(w, key, id, lots);
        }
        fix(w, index, w.sleeves.last().map(|(s, _)| *s));
    }
}

/// Leaves a position alone for the rest of the tick; as one of `sleeve`, so that it counts where its place will be.
fn fix(w: &mut Work<'_>, index: usize, sleeve: Option<Sleeve>) {
    w.changing = true;
    if let Some(own) = w.own.get_mut(index) {
        own.fixed = true;
        if let Some(sleeve) = sleeve {
            own.sleeve = sleeve;
        }
    }
}
