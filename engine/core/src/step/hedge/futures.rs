//! Layers that own futures or shares: what a lot of them measures and carries, and the orders that buy, sell and change it.
//!
//! A future has no premium. It is sized in lots, by margin, by notional or by vega, or as a share of the target. Its loss has
//! a bound only when nothing is short, so that a spread fits under no cap in dollars at risk. Budgets see its fees and what
//! variation has cost on balance; shares are paid for, and count with what was paid less what their sale brought back. VX contracts settle one after the other: what is left of a spread when a leg has settled is
//! another position than the one that was sized, and goes at the first tick that sees it.

use super::super::linear::{closing, no_price, per_lot, times};
use super::super::manage::pick_skip;
use super::super::{ORDER_TRIES, Walk};
use super::measure::Measure;
use super::solve::Lot;
use super::{Aim, Bought, Own, Work};
use crate::beta;
use crate::decision::{Candidate, PickError, Skip};
use crate::etp;
use crate::futures::{class_of, pick_futures_from};
use crate::linear;
use crate::plan::PlanLayer;
use crate::state::{LayerState, Sleeve};
use crate::value::Cause;
use crate::vega;
use alula_book::instrument::{LegWords, LinearKind, LinearLeg, LinearPosition, LinearRequest};
use alula_book::{Band, PositionId};
use alula_dsl::builtin::Greek;
use alula_dsl::graph::{SizeBasis, StructureDef};
use alula_market::contract::Instrument;
use alula_market::money::{Price, Usd};
use std::sync::Arc;

/// One lot of what futures are about to be held.
#[derive(Clone, Debug)]
pub(super) struct FutureLot {
    pub legs: Vec<LinearLeg>,
    pub net: Band<Price>,
}

impl Walk<'_> {
    /// The contracts of a sleeve, for one lot.
    pub(super) fn fresh_futures(
        &self,
        structure: &StructureDef,
        sleeve: Sleeve,
        (measure, aim): (Measure, &Aim),
    ) -> Result<(FutureLot, Lot), Skip> {
        let curve = class_of(structure.underlying).and_then(|root| self.sight.linear.curve(root));
        let legs = pick_futures_from(structure, curve, sleeve.month).map_err(pick_skip)?;
        if measure == Measure::Basis(SizeBasis::Credit) {
            return Err(Skip::NoBasis(SizeBasis::Credit));
        }
        let net = linear::net(&self.sight, &legs, self.book.ledger().config().cross).map_err(no_price)?;
        let lot = self.futures_lot(&legs, measure, aim);
        let lot = lot.map_err(|cause| Skip::Missing {
            what: "size basis",
            cause,
        })?;
        Ok((FutureLot { legs, net }, lot))
    }

    /// What a layer holds in futures, oldest first.
    pub(super) fn own_futures(
        &self,
        layer: &PlanLayer,
        measure: Measure,
        aim: &Aim,
        memory: &LayerState,
    ) -> Vec<Own> {
        let ledger = self.book.ledger();
        let mine = ledger.positions().filter(|p| p.structure == layer.key);
        mine.map(|p| Own {
            id: p.id,
            sleeve: memory.sleeves.get(&p.id).copied().unwrap_or_default(),
            lots: p.lots,
            lot: self.held_lot(p, measure, aim),
            fixed: ledger.working_on(p.id).is_some()
                || ledger.filling(p.id).is_some()
                || self.acted.contains_key(&p.id)
                || self.flattens(&layer.key),
            broken: p.held.len() < p.legs.len(),
        })
        .collect()
    }

    /// One lot of what is held. After a reverse split the shares of a lot may be no whole number: then it is its part of them all.
    fn held_lot(&self, p: &LinearPosition, measure: Measure, aim: &Aim) -> Result<Lot, Cause> {
        let lots = p.lots.max(1);
        if p.held.iter().all(|l| l.quantity % i64::from(lots) == 0) {
            return self.futures_lot(&per_lot(&p.held, lots), measure, aim);
        }
        let all = self.futures_lot(&p.held, measure, aim)?;
        let part = |x: f64| x / f64::from(lots);
        Ok(Lot {
            measure: if measure == Measure::Lots {
                all.measure
            } else {
                part(all.measure)
            },
            carries: part(all.carries),
            risk: all.risk.map(part),
            debit: part(all.debit),
        })
    }

    /// One lot of futures or shares.
    fn futures_lot(&self, legs: &[LinearLeg], measure: Measure, aim: &Aim) -> Result<Lot, Cause> {
        let price_of = |i: &Instrument| self.sight.linear.price(i);
        let exposure = |greek| vega::linear_exposure(&self.sight, legs, greek, aim.mapping);
        let basis = |by| match by {
            SizeBasis::MaxLoss => linear::max_loss(legs, &price_of).map(Usd::to_f64),
            SizeBasis::Margin => linear::margin(legs, &price_of, self.tick.at.date()).map(Usd::to_f64),
            SizeBasis::Notional => linear::notional(legs, &price_of).map(Usd::to_f64),
            SizeBasis::Vega => exposure(Greek::Vega),
            SizeBasis::Beta => beta::linear(&self.sight, legs, aim.returns),
            SizeBasis::Credit => Err(Cause::Unsupported),
        };
        let (amount, carries) = aim.weigh(measure, exposure, basis)?;
        Ok(Lot {
            measure: amount,
            carries,
            risk: linear::max_loss(legs, &price_of).ok().map(Usd::to_f64),
            // Shares are paid for.
            debit: if shares_alone(legs) {
                linear::notional(legs, &price_of)?.to_f64()
            } else {
                0.0
            },
        })
    }

    /// The number by which the nearest of a lot's contracts counts in a measure.
    pub(super) fn futures_mapped_by(&self, legs: &[LinearLeg], aim: &Aim, measure: Measure) -> Option<f64> {
        let mapping = aim.mapping_of(measure);
        if let Some(Instrument::Share(share)) = legs.first().map(|l| l.instrument) {
            return etp::mapped_by(&self.sight, share, mapping).ok();
        }
        let first = legs.iter().filter_map(|l| l.instrument.expiry()).min()?;
        let vix = legs
            .iter()
            .any(|l| matches!(l.instrument, Instrument::Future(c) if c.root.is_vix()));
        let days = crate::observe::days(self.sight.at.date(), first);
        vix.then(|| mapping.at(days).ok()).flatten()
    }

    /// Sells lots of a position.
    pub(super) fn sell_futures(
        &mut self,
        key: &Arc<str>,
        structure: &Arc<str>,
        (id, lots): (PositionId, u32),
    ) -> Option<usize> {
        let position = self.book.ledger().position(id)?;
        let legs = closing(position, lots);
        (!legs.is_empty()).then(|| {
            self.order_linear(LinearRequest {
                key: Arc::clone(key),
                structure: Arc::clone(structure),
                kind: LinearKind::Close { position: id },
                legs,
                lots,
                limit: None,
                decided_at: self.tick.at,
                good_for: ORDER_TRIES,
            })
        })
    }

    /// Buys lots.
    pub(super) fn buy_futures(
        &mut self,
        key: &Arc<str>,
        structure: &Arc<str>,
        (lot, lots): (&FutureLot, u32),
    ) -> Result<usize, Skip> {
        let legs = times(&lot.legs, lots);
        self.linear_margin_fits(&legs)?;
        self.subaccount_fits_linear(structure, &legs)?;
        self.note_futures(key, lot, lots);
        Ok(self.order_linear(LinearRequest {
            key: Arc::clone(key),
            structure: Arc::clone(structure),
            kind: LinearKind::Open,
            legs,
            lots,
            limit: None,
            decided_at: self.tick.at,
            good_for: ORDER_TRIES,
        }))
    }

    /// Turns a position into other contracts; nothing is ordered where it holds them already.
    pub(super) fn roll_futures(
        &mut self,
        key: &Arc<str>,
        structure: &Arc<str>,
        (position, lot): (&LinearPosition, &FutureLot),
    ) -> Result<Option<usize>, Skip> {
        let lots = position.lots;
        let legs = super::super::linear::change(&position.held, &times(&lot.legs, lots));
        if legs.is_empty() {
            return Ok(None);
        }
        self.linear_margin_fits(&legs)?;
        self.subaccount_fits_linear(structure, &legs)?;
        self.note_futures(key, lot, lots);
        Ok(Some(self.order_linear(LinearRequest {
            key: Arc::clone(key),
            structure: Arc::clone(structure),
            kind: LinearKind::Roll {
                position: position.id,
            },
            legs,
            lots,
            limit: None,
            decided_at: self.tick.at,
            good_for: ORDER_TRIES,
        })))
    }

    fn note_futures(&mut self, key: &Arc<str>, lot: &FutureLot, lots: u32) {
        let price_of = |i: &Instrument| self.sight.linear.price(i);
        let max_loss = linear::max_loss(&lot.legs, &price_of).ok();
        self.decision.candidates.push(Candidate {
            key: Arc::clone(key),
            package: LegWords(&lot.legs).to_string(),
            net: Some(lot.net.share),
            max_loss,
            lots: Some(lots),
        });
    }
}

fn shares_alone(legs: &[LinearLeg]) -> bool {
    legs.iter().all(|l| matches!(l.instrument, Instrument::Share(_)))
}

/// Whether a position could be turned into other contracts by one order: futures of the same class.
pub(super) fn one_package(position: &LinearPosition, to: &Bought) -> bool {
    let Bought::Futures(lot) = to else { return false };
    let class = |legs: &[LinearLeg]| legs.first().map(|l| l.instrument.class());
    class(&position.held) == class(&lot.legs)
}

/// What is left of a layer's spread after a leg has settled is sold, whatever else the layer wants.
pub(super) fn broken(w: &Work<'_>) -> Vec<usize> {
    let of = |(_, o): &(usize, &Own)| o.broken && !o.fixed;
    w.own.iter().enumerate().filter(of).map(|(i, _)| i).collect()
}

/// The reason where a structure is neither of options nor of futures alone.
pub(super) fn mixed() -> Skip {
    pick_skip(PickError::Unsupported("futures beside options in one structure").into())
}
