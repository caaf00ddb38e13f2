//! Hedges at a tick: what each layer asks for, what it is granted, and the orders that follow.
//!
//! A layer's switches (`active`, `rotate`, `migrate`) and its size are read from the tick's cells. Contracts that have to
//! change (the roll of a new period, a rotation, a migration) are rolled as one package where the new ones fit, and sold
//! where they do not; then [`solve`] says how many lots each layer sells or buys. Sizes, targets and limits are those of the
//! quotes of this tick; fills come later, and nothing that fills can carry the hedge above its ceiling.

mod futures;
mod measure;
mod moves;
mod orders;
pub(crate) mod solve;
mod told;

use super::{Walk, calls};
use crate::beta;
use crate::decision::{LayerPhase, PickError, Skip, Verdict};
use crate::futures::is_futures;
use crate::observe::{self, AccountView};
use crate::plan::{Budgets, PlanHedge, PlanLayer};
use crate::select::{pick, pick_month};
use crate::state::{LayerState, Sleeve, Spent, State};
use crate::value::{Cause, Cell};
use crate::vega::{self, Mapping};
use alula_book::fill::Trying;
use alula_book::{Package, PackagePrice, Position, PositionId, fill};
use alula_dsl::builtin::{BookObs, Greek};
use alula_dsl::graph::{NodeId, SizeBasis, SizeDef, StructureDef, StructureId};
use alula_market::money::{Price, Usd};
use futures::FutureLot;
use measure::Measure;
use solve::{Ask, Clip, Held, Limits, Lot, Problem, Target};
use std::sync::Arc;

/// What a hedge is to carry at this tick.
#[derive(Clone, Copy, Debug)]
struct Aim {
    /// Greek of the target; vega where there is none, for sizes by vega.
    greek: Greek,
    /// `1` where the structure is short of it, `-1` where it is long: what helps has this sign.
    toward: f64,
    /// The structure's own.
    structure: Cell,
    /// To carry.
    amount: Cell,
    /// Band as shares.
    band: Option<(Cell, Cell)>,
    target: Target,
    /// How VIX counts in vega.
    mapping: Mapping,
    /// How VIX counts in beta.
    returns: Mapping,
    /// Dollar beta of the structure.
    beta: Result<f64, Cause>,
}

impl Aim {
    /// What a lot is in a measure, and what it carries of the target; by its exposure to a greek, and its size in a basis other
    /// than vega.
    fn weigh(
        &self,
        measure: Measure,
        exposure: impl Fn(Greek) -> Result<f64, Cause>,
        basis: impl FnOnce(SizeBasis) -> Result<f64, Cause>,
    ) -> Result<(f64, f64), Cause> {
        let carries = if self.has_target() {
            self.toward * exposure(self.greek)?
        } else {
            0.0
        };
        let amount = match measure {
            Measure::Lots => 1.0,
            Measure::Target(_) => carries,
            Measure::Basis(SizeBasis::Vega) => {
                let toward = if self.greek == Greek::Vega {
                    self.toward
                } else {
                    1.0
                };
                toward * exposure(Greek::Vega)?
            }
            // What helps has the sign that the structure has not.
            Measure::Basis(SizeBasis::Beta) => -self.beta?.signum() * basis(SizeBasis::Beta)?,
            Measure::Basis(by) => basis(by)?,
        };
        Ok((amount, carries))
    }

    /// How VIX counts in a measure.
    const fn mapping_of(&self, measure: Measure) -> Mapping {
        match measure {
            Measure::Basis(SizeBasis::Beta) => self.returns,
            Measure::Basis(_) | Measure::Lots | Measure::Target(_) => self.mapping,
        }
    }

    /// The hedge has a target, known or not.
    const fn has_target(&self) -> bool {
        matches!(self.target, Target::Unknown | Target::Known { .. })
    }
}

/// A position of a layer.
#[derive(Clone, Debug)]
struct Own {
    id: PositionId,
    sleeve: Sleeve,
    lots: u32,
    /// One lot; missing where a leg has no quote.
    lot: Result<Lot, Cause>,
    /// It has an order, or was ordered at this tick.
    fixed: bool,
    /// A spread of futures of which a leg has settled.
    broken: bool,
}

/// Who asks: a sleeve of a layer, with the positions that it holds there and what it would buy.
struct Asker {
    /// Place of the layer.
    layer: usize,
    sleeve: Sleeve,
    /// Places among the layer's own.
    positions: Vec<usize>,
    fresh: Option<Fresh>,
}

/// A layer at work.
struct Work<'a> {
    layer: &'a PlanLayer,
    /// On, off, or unknown and holding.
    on: Option<bool>,
    condition: Cell,
    rotate: Cell,
    migrate: Cell,
    phase: LayerPhase,
    measure: Measure,
    /// Amount asked for, all sleeves together.
    wanted: Result<f64, Skip>,
    /// What it should own, with the share of each.
    sleeves: Vec<(Sleeve, f64)>,
    own: Vec<Own>,
    clips: Vec<Clip>,
    skip: Option<Skip>,
    buys: u32,
    sells: u32,
    mapped_by: Option<f64>,
    /// Orders made, with the key of the rule.
    orders: Vec<(Arc<str>, Verdict)>,
    /// Its votes.
    votes: Option<(Cell, usize)>,
    /// Some contracts are still to change: nothing is bought until they have, or it would take their room.
    changing: bool,
}

/// One lot of what a layer could own.
#[derive(Clone, Debug)]
enum Bought {
    Options(Package),
    Futures(FutureLot),
}

/// What a layer could own, and what one lot of it measures.
#[derive(Clone, Debug)]
struct Fresh {
    bought: Bought,
    lot: Lot,
}

impl<'a> Walk<'a> {
    pub(super) fn hedges(&mut self, state: &mut State) {
        let plan = self.plan;
        for hedge in plan.hedges() {
            self.hedge(hedge, state);
        }
    }

    fn hedge(&mut self, hedge: &'a PlanHedge, state: &mut State) {
        let aim = self.aim(hedge);
        let mut work: Vec<Work<'a>> = Vec::with_capacity(hedge.layers.len());
        for layer in &hedge.layers {
            if let Some(memory) = state.layers.layers.get_mut(&layer.key) {
                work.push(self.work(hedge, layer, &aim, memory));
            }
        }
        let mut problem = self.problem(hedge, &aim, &work, state);
        self.changes(&aim, &mut work, &mut problem, state);
        let mut askers: Vec<Asker> = Vec::new();
        problem.asks.clear();
        for (at, w) in work.iter_mut().enumerate() {
            self.asks(at, w, &aim, (&mut problem.asks, &mut askers));
        }
        let grants = solve::solve(&problem);
        for (asker, grant) in askers.iter().zip(&grants) {
            let Some(w) = work.get_mut(asker.layer) else {
                continue;
            };
            w.clips.extend(&grant.clips);
            let desired = w.sleeves.iter().any(|(s, _)| *s == asker.sleeve);
            let key = if desired && w.sleeves.len() > 1 {
                Arc::clone(&w.layer.migrate_key)
            } else if desired || w.on == Some(false) {
                Arc::clone(&w.layer.key)
            } else {
                change_key(w.layer, asker.sleeve, &w.sleeves)
            };
            for (own, lots) in asker.positions.iter().zip(&grant.sell).filter(|(_, n)| **n > 0) {
                if let Some(id) = w.own.get(*own).map(|o| o.id) {
                    self.sell(w, &key, id, *lots);
                }
            }
        }
        for (asker, grant) in askers.iter().zip(&grants) {
            let (Some(w), Some(fresh)) = (work.get_mut(asker.layer), &asker.fresh) else {
                continue;
            };
            if let (true, Some(memory)) = (grant.buy > 0, state.layers.layers.get_mut(&w.layer.key)) {
                self.buy(w, asker.sleeve, fresh, grant.buy, memory);
            }
        }
        self.tell(hedge, &aim, work);
    }

    /// What the hedge is to carry.
    fn aim(&self, hedge: &PlanHedge) -> Aim {
        let greek = hedge.target.map_or(Greek::Vega, |t| t.greek);
        let key = self.plan.structure_key(hedge.structure);
        let view = AccountView {
            book: self.book,
            peak: Usd::ZERO,
            structure: Some(&key),
        };
        let structure = observe::account(&self.sight, &view, BookObs::Greek(greek));
        let toward = if structure.known().is_some_and(|x| x > 0.0) {
            -1.0
        } else {
            1.0
        };
        let read = |node: usize| self.cell(node).get();
        let mapping = Mapping::of(hedge, &read);
        let returns = Mapping::of_returns(hedge, &read);
        let asked = |l: &PlanLayer| {
            matches!(
                l.size,
                SizeDef::Budget {
                    by: SizeBasis::Beta,
                    ..
                }
            )
        };
        let beta = if hedge.layers.iter().any(asked) {
            beta::held(&self.sight, self.book, Some(&key), returns)
        } else {
            Err(Cause::NoData)
        };
        let amount = hedge.target.map(|t| self.cell(t.amount));
        let band = hedge
            .target
            .and_then(|t| t.band)
            .map(|(lo, hi)| (self.cell(lo), self.cell(hi)));
        let target = match amount.map(Cell::get) {
            None => Target::None,
            Some(Err(_)) => Target::Unknown,
            Some(Ok(amount)) => {
                let ceiling = amount.abs();
                let high = band.map(|(_, hi)| (hi.known(), structure.known()));
                match high {
                    None => Target::Known {
                        ceiling,
                        limit: ceiling,
                    },
                    Some((Some(hi), Some(of))) => Target::Known {
                        ceiling,
                        limit: (hi * of.abs()).max(ceiling),
                    },
                    Some(_) => Target::Unknown,
                }
            }
        };
        let amount = amount.unwrap_or(Cell::missing(Cause::NoData));
        Aim {
            greek,
            toward,
            structure,
            amount: amount.get().map_or(amount, |x| Cell::number(x.abs())),
            band,
            target,
            mapping,
            returns,
            beta,
        }
    }

    /// A layer's switches, its size, and what it holds.
    fn work(
        &mut self,
        hedge: &PlanHedge,
        layer: &'a PlanLayer,
        aim: &Aim,
        memory: &mut LayerState,
    ) -> Work<'a> {
        let truth = Cell::from(true);
        let condition = layer.active.map_or(truth, |n| self.cell(n));
        let mut skip = None;
        let on = match calls(condition, layer.unknown) {
            Ok(on) => {
                memory.active = on;
                Some(on)
            }
            Err(why) => {
                skip = Some(why);
                None
            }
        };
        let rotate = layer.rotate.map_or(Cell::from(false), |(_, n)| self.cell(n));
        if let Ok(now) = calls(rotate, layer.unknown) {
            memory.rotated = now;
        }
        let migrate = layer.migrate.map_or(Cell::from(false), |m| self.cell(m.when));
        if let Ok(now) = calls(migrate, layer.unknown) {
            memory.migrated = now;
        }
        let measure = match &layer.size {
            SizeDef::Lots(_) => Measure::Lots,
            SizeDef::Budget { by, .. } => Measure::Basis(*by),
            SizeDef::Scale { .. } => Measure::Target(aim.greek),
        };
        let phase = match (on.unwrap_or(memory.active), memory.rotated, memory.migrated) {
            (false, ..) => LayerPhase::Dormant,
            (true, false, false) => LayerPhase::Active,
            (true, true, false) => LayerPhase::Rotated,
            (true, false, true) => LayerPhase::Migrated,
            (true, true, true) => LayerPhase::RotatedMigrated,
        };
        let mut clips = Vec::new();
        let wanted = self.wanted(hedge, layer, (aim, on), memory, &mut clips);
        let mut sleeves = Vec::new();
        if on == Some(true) {
            let base = Sleeve {
                rotated: memory.rotated,
                month: None,
            };
            match layer.migrate.filter(|_| memory.migrated) {
                None => sleeves.push((base, 1.0)),
                Some(m) => match self.cell(m.share).known() {
                    Some(share) => {
                        let share = share.clamp(0.0, 1.0);
                        let further = Sleeve {
                            month: Some(m.month),
                            ..base
                        };
                        sleeves.extend([(base, 1.0 - share), (further, share)]);
                        sleeves.retain(|(_, share)| *share > 0.0);
                    }
                    None => sleeves.push((base, 1.0)),
                },
            }
        }
        let mut own = self.own(layer, measure, aim, memory);
        own.extend(self.own_futures(layer, measure, aim, memory));
        own.sort_by_key(|o| o.id);
        let held: f64 = own
            .iter()
            .map(|o| f64::from(o.lots) * o.lot.map_or(0.0, |l| l.measure))
            .sum();
        if !memory.migrated || on == Some(false) {
            memory.migrating = None;
        } else if memory.migrating.is_none() && held > 0.0 {
            memory.migrating = Some(held);
        }
        // Where a limit keeps a layer below its size, the share that moves is one of what it holds.
        let wanted = wanted.map(|x| memory.migrating.map_or(x, |from| x.min(from)));
        let mapped_by = own.last().and_then(|o| {
            let package = self.book.position(o.id).and_then(Position::held);
            let futures = || self.book.ledger().position(o.id);
            package
                .and_then(|p| vega::mapped_by(&self.sight, p, aim.mapping_of(measure)))
                .or_else(|| self.futures_mapped_by(&futures()?.held, aim, measure))
        });
        Work {
            layer,
            on,
            condition,
            rotate,
            migrate,
            phase,
            measure,
            wanted,
            sleeves,
            own,
            clips,
            skip,
            buys: 0,
            sells: 0,
            mapped_by,
            orders: Vec::new(),
            votes: self.votes(layer),
            changing: false,
        }
    }

    fn votes(&self, layer: &PlanLayer) -> Option<(Cell, usize)> {
        let cells: Vec<Cell> = layer.votes.iter().map(|n| self.cell(*n)).collect();
        if cells.is_empty() {
            return None;
        }
        let mut count = 0.0;
        for cell in &cells {
            match cell.get() {
                Ok(yes) => count += yes,
                Err(cause) => return Some((Cell::missing(cause), cells.len())),
            }
        }
        Some((Cell::number(count), cells.len()))
    }

    /// The amount that a layer asks for, in its measure; nothing while it is off.
    fn wanted(
        &self,
        hedge: &PlanHedge,
        layer: &PlanLayer,
        (aim, on): (&Aim, Option<bool>),
        memory: &mut LayerState,
        clips: &mut Vec<Clip>,
    ) -> Result<f64, Skip> {
        let missing = |cause| Skip::Missing { what: "size", cause };
        let read = |node: NodeId| self.cell(self.plan.at_tick(node)).get().map_err(missing);
        let today = self.tick.at.date();
        if on == Some(false) {
            memory.step_share(today, 0.0, None);
            return Ok(0.0);
        }
        if let Some(guard) = self.flattened.get(&hedge.structure) {
            return Err(Skip::Blocked(Arc::clone(guard)));
        }
        let scaled = self.scaled(&layer.key);
        clips.extend(scaled.map(|(factor, overlay)| Clip::Operator { factor, overlay }));
        let factor = scaled.map_or(1.0, |(factor, _)| factor);
        match &layer.size {
            SizeDef::Lots(node) => read(*node).map(|x| x.max(0.0) * factor),
            SizeDef::Budget { amount, .. } => read(*amount).map(|x| x.abs() * factor),
            SizeDef::Scale { lo, hi, by, step } => {
                let (lo, hi) = (read(*lo)?, read(*hi)?);
                let by = read(*by)?.clamp(0.0, 1.0);
                let step = step.map(read).transpose()?;
                let share = (lo + (hi - lo) * by) * factor;
                let granted = memory.step_share(today, share, step);
                if (granted - share).abs() > f64::EPSILON {
                    clips.push(Clip::Step(granted));
                }
                aim.amount.get().map(|x| x * granted).map_err(missing)
            }
        }
    }

    /// What a layer holds, oldest first.
    fn own(&self, layer: &PlanLayer, measure: Measure, aim: &Aim, memory: &LayerState) -> Vec<Own> {
        let mine = self.book.positions().filter(|p| p.structure == layer.key);
        mine.filter_map(|p| {
            let package = p.held()?;
            let credit: Price = p
                .legs
                .iter()
                .map(|l| l.basis.share)
                .fold(Price::ZERO, |a, b| a + b);
            Some(Own {
                id: p.id,
                sleeve: memory.sleeves.get(&p.id).copied().unwrap_or_default(),
                lots: p.lots,
                lot: self.lot(package, credit, measure, aim),
                fixed: self.book.working_on(p.id).is_some()
                    || self.acted.contains_key(&p.id)
                    || self.flattens(&layer.key),
                broken: false,
            })
        })
        .collect()
    }

    /// A guard or a margin call is closing what the layer holds.
    fn flattens(&self, key: &str) -> bool {
        self.flattened
            .keys()
            .any(|id| *self.plan.structure_key(*id) == *key)
    }

    /// One lot of a package, bought or held at a price.
    fn lot(&self, package: &Package, credit: Price, measure: Measure, aim: &Aim) -> Result<Lot, Cause> {
        let exposure = |greek| vega::exposure(&self.sight, package, greek, aim.mapping);
        let basis = |by| measure::by_basis(&self.sight, package, credit, (by, aim.returns));
        let (amount, carries) = aim.weigh(measure, exposure, basis)?;
        Ok(Lot {
            measure: amount,
            carries,
            risk: measure::risk(package, credit),
            debit: (-credit).dollars(package.multiplier(), 1).max(Usd::ZERO).to_f64(),
        })
    }

    /// The structure of a sleeve.
    fn sleeve_structure(&self, layer: &PlanLayer, sleeve: Sleeve) -> Result<&'a StructureDef, Skip> {
        let id: StructureId = match layer.rotate.filter(|_| sleeve.rotated) {
            Some((to, _)) => to,
            None => layer.own,
        };
        let structure = self.plan.graph().structures.get(id.0 as usize);
        structure.ok_or(Skip::Missing {
            what: "structure",
            cause: Cause::NoData,
        })
    }

    /// The package that a sleeve would own now.
    fn fresh(&self, w: &Work<'_>, sleeve: Sleeve, aim: &Aim) -> Result<Fresh, Skip> {
        let structure = self.sleeve_structure(w.layer, sleeve)?;
        if is_futures(structure) {
            let (lot, measured) = self.fresh_futures(structure, sleeve, (w.measure, aim))?;
            return Ok(Fresh {
                bought: Bought::Futures(lot),
                lot: measured,
            });
        }
        if structure.legs.iter().any(|l| l.right.is_none()) {
            return Err(futures::mixed());
        }
        let view = self.sight.view(structure.underlying.name());
        let view = view.ok_or_else(|| super::manage::pick_skip(PickError::NoChain.into()))?;
        let plan = self.plan;
        let amount = |node: NodeId| self.cell(plan.at_tick(node));
        let package = match sleeve.month {
            None => pick(structure, view, &amount),
            Some(month) => pick_month(structure, view, &amount, month),
        };
        let package = package.map_err(super::manage::pick_skip)?;
        let price = self.open_price(&package, 1)?;
        let lot = self
            .lot(&package, price.net.share, w.measure, aim)
            .map_err(|cause| Skip::Missing {
                what: "size basis",
                cause,
            })?;
        Ok(Fresh {
            bought: Bought::Options(package),
            lot,
        })
    }

    fn open_price(&self, package: &Package, lots: u32) -> Result<PackagePrice, Skip> {
        let model = self.book.config().fills;
        let view = self.sight.view(package.underlying());
        let view = view.ok_or_else(|| super::manage::pick_skip(PickError::NoChain.into()))?;
        fill::price_open(package, &view.snapshot, Trying { model, lots }).map_err(super::manage::no_price)
    }

    /// Limits of the hedge and its layers, without asks.
    fn problem(&self, hedge: &PlanHedge, aim: &Aim, work: &[Work<'_>], state: &State) -> Problem {
        let today = self.tick.at.date();
        let spent = |key: &Arc<str>| state.layers.get(key).map(|l| l.spent).unwrap_or_default();
        let left = |budgets: Budgets, spent: &dyn Fn() -> (Usd, Usd)| {
            let (month, year) = spent();
            let of = |node: Option<usize>, gone: Usd| {
                // A limit that is unknown leaves nothing.
                node.map(|n| self.cell(n).known().map_or(0.0, |most| most - gone.to_f64()))
            };
            match (of(budgets.month, month), of(budgets.year, year)) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            }
        };
        let cap = |node: Option<usize>| node.map(|n| self.cell(n).known().unwrap_or(0.0));
        let all = || {
            work.iter()
                .map(|w| Spent::at(spent(&w.layer.key), today))
                .fold((Usd::ZERO, Usd::ZERO), |(a, b), (c, d)| (a + c, b + d))
        };
        // What is held and cannot be valued leaves the question open.
        let blind = work.iter().flat_map(|w| &w.own).any(|o| o.lot.is_err());
        let target = match aim.target {
            Target::Known { .. } if blind => Target::Unknown,
            other => other,
        };
        Problem {
            asks: Vec::new(),
            layers: work
                .iter()
                .map(|w| Limits {
                    cap: cap(w.layer.cap),
                    budget: left(w.layer.budgets, &|| spent(&w.layer.key).at(today)),
                })
                .collect(),
            hedge: Limits {
                cap: cap(hedge.cap),
                budget: left(hedge.budgets, &all),
            },
            target,
            band: hedge
                .band
                .and_then(|n| self.cell(n).known())
                .unwrap_or(0.0)
                .max(0.0),
        }
    }

    /// What a layer asks for, sleeve by sleeve; what it holds of other kinds goes.
    fn asks(
        &mut self,
        at: usize,
        w: &mut Work<'_>,
        aim: &Aim,
        (asks, askers): (&mut Vec<Ask>, &mut Vec<Asker>),
    ) {
        let mut sleeves = w.sleeves.clone();
        let mut others: Vec<Sleeve> = w.own.iter().map(|o| o.sleeve).collect();
        others.retain(|s| !sleeves.iter().any(|(d, _)| d == s));
        others.sort_unstable();
        others.dedup();
        // While the switch is unknown everything stays; else what has no place goes.
        sleeves.extend(others.into_iter().map(|s| (s, 0.0)));
        let waits = w.changing || self.opening(&w.layer.key);
        for (sleeve, share) in sleeves {
            let positions: Vec<usize> = (0..w.own.len())
                .filter(|i| w.own.get(*i).is_some_and(|o| o.sleeve == sleeve))
                .collect();
            let held: Vec<Held> = positions
                .iter()
                .filter_map(|i| w.own.get(*i))
                .map(held_of)
                .collect();
            let blind = positions
                .iter()
                .filter_map(|i| w.own.get(*i))
                .any(|o| o.lot.is_err());
            let wanted = match (&w.wanted, w.on) {
                (_, None) | (Err(_), Some(true)) => None,
                (_, Some(false)) => Some(0.0),
                (Ok(amount), Some(true)) => Some(amount * share),
            };
            // What cannot be measured is neither added to nor taken from, but goes whole when nothing is wanted.
            let wanted = wanted.filter(|x| !blind || *x <= 0.0);
            let enough: f64 = held.iter().map(|h| f64::from(h.lots) * h.lot.measure).sum();
            let mut one = None;
            let more = wanted.is_some_and(|x| x > enough);
            let paused = self.paused(&w.layer.key).filter(|_| more);
            if let Some(overlay) = paused {
                w.skip.get_or_insert(Skip::Paused(overlay));
            }
            if more && !waits && paused.is_none() {
                match self.fresh(w, sleeve, aim) {
                    Ok(found) => {
                        let mapped = match &found.bought {
                            Bought::Options(p) => vega::mapped_by(&self.sight, p, aim.mapping_of(w.measure)),
                            Bought::Futures(lot) => self.futures_mapped_by(&lot.legs, aim, w.measure),
                        };
                        w.mapped_by = mapped.or(w.mapped_by);
                        one = Some(found);
                    }
                    Err(skip) => {
                        w.skip.get_or_insert(skip);
                    }
                }
            }
            asks.push(Ask {
                layer: at,
                wanted,
                held,
                fresh: one.as_ref().map(|f| f.lot),
                by_target: match w.measure {
                    Measure::Target(_) => true,
                    // Without a target nothing is carried, and the measure alone says how much.
                    Measure::Basis(SizeBasis::Vega) => aim.has_target(),
                    Measure::Basis(_) | Measure::Lots => false,
                },
            });
            askers.push(Asker {
                layer: at,
                sleeve,
                positions,
                fresh: one,
            });
        }
        if let Err(skip) = &w.wanted {
            w.skip.get_or_insert_with(|| skip.clone());
        }
    }
}

/// A position as the solver sees it; what has no value counts for nothing there.
fn held_of(own: &Own) -> Held {
    Held {
        lots: own.lots,
        lot: own.lot.unwrap_or_default(),
        fixed: own.fixed,
    }
}

/// The rule by which contracts of a kind that is not wanted leave.
fn change_key(layer: &PlanLayer, sleeve: Sleeve, wanted: &[(Sleeve, f64)]) -> Arc<str> {
    if wanted.iter().all(|(s, _)| s.rotated != sleeve.rotated) {
        Arc::clone(&layer.rotate_key)
    } else {
        Arc::clone(&layer.migrate_key)
    }
}
