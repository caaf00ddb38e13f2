//! Contracts that change for others: the roll of a new day, week or month, a rotation, a migration.
//!
//! One package order each, as every roll. It is made only where the new contracts fit: the layer's size, the hedge's
//! ceiling, caps and budgets. Where they do not, what has to go is sold now, and the rest rolls at a later tick.

use super::{Aim, Fresh, Own, Walk, Work, change_key, held_of};
use crate::decision::Skip;
use crate::plan::Every;
use crate::state::{LayerState, Sleeve, State};
use alula_book::fill::Trying;
use alula_book::{ExecutionKind, OrderKind, Position, fill};
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
            let Some(position) = self.book.position(own.id) else {
                continue;
            };
            let stays = w.sleeves.iter().any(|(s, _)| *s == own.sleeve);
            let due = w.layer.roll.zip(now).is_some_and(|(every, now)| {
                memory.rolled != Some(now) && self.chosen_on(position).is_some_and(|d| period(every, d) < now)
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

    /// When a position's contracts were last chosen.
    fn chosen_on(&self, position: &Position) -> Option<Date> {
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
        (index, own, position): (usize, &Own, &Position),
        (key, to, fresh): (&Arc<str>, Sleeve, &Fresh),
        (at, problem, left): (usize, &mut Problem, &mut Left),
        memory: &mut LayerState,
    ) -> bool {
        let Some(held) = position.held() else { return false };
        if held.underlying() != fresh.package.underlying() {
            // Not one package: it is sold, and what takes its place is bought when it is gone.
            self.trim(w, index, key, own.lots);
            return true;
        }
        if fresh.package.change_from(held).is_empty() {
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
        let model = self.book.config().fills;
        let trying = Trying {
            model,
            lots: own.lots,
        };
        let view = self.sight.view(held.underlying());
        let price = view
            .ok_or(Skip::Missing {
                what: "price",
                cause: crate::value::Cause::NoQuote,
            })
            .and_then(|v| {
                fill::price_roll(held, &fresh.package, &v.snapshot, trying)
                    .map_err(super::super::manage::no_price)
            })
            .and_then(|price| {
                self.no_conflict(&fresh.package, Some(own.id))?;
                self.margin_fits(&fresh.package, own.lots, &price, Some(position))?;
                Ok(price)
            });
        let price = match price {
            Ok(price) => price,
            Err(skip) => {
                w.skip.get_or_insert(skip);
                fix(w, index, None);
                return true;
            }
        };
        let paid = (-price.net.share)
            .dollars(held.multiplier(), i64::from(own.lots))
            .to_f64()
            .max(0.0);
        let budgets = [
            problem.layers.get_mut(at).and_then(|l| l.budget.as_mut()),
            problem.hedge.budget.as_mut(),
        ];
        let short = budgets.iter().flatten().map(|b| **b).find(|b| paid > *b);
        if let Some(short) = short {
            w.clips.push(Clip::Budget(short));
            fix(w, index, None);
            return true;
        }
        for budget in budgets.into_iter().flatten() {
            *budget -= paid;
        }
        self.note_package(key, &fresh.package, &price, own.lots);
        memory.order(self.tick.at, Arc::clone(key), Some(own.id), to);
        let kind = OrderKind::Roll {
            position: own.id,
            to: fresh.package.clone(),
        };
        let order = self.order(key, &w.layer.key, kind, own.lots, None);
        self.acted.insert(own.id, Arc::clone(key));
        w.orders.push((Arc::clone(key), order));
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
