//! Overlays: a future or share beside a structure of options, traded to hold the delta of both in a band.
//!
//! At each tick, after closes and rolls: while the overlay is active and the structure is held, the delta of the structure's
//! open positions and of what the overlay holds is compared with the band around the target. Inside it nothing is done. Outside
//! it the overlay moves to the whole number of contracts nearest to the target, if `require` holds for that trade. Where
//! that number is what it holds, it does nothing: a contract is coarser than the band. When it is not active, or the structure
//! holds nothing, what the overlay holds is closed, whatever `require` says.

use super::linear::change;
use super::manage::missing;
use super::{ORDER_TRIES, Walk, calls, eval};
use crate::decision::{Candidate, PickError, RuleKind, Skip, Verdict};
use crate::futures::{class_of, share_of};
use crate::linear;
use crate::observe::package_greeks;
use crate::plan::PlanOverlay;
use crate::trace::Scope;
use crate::value::{Cause, Cell};
use alula_book::instrument::{LegWords, LinearKind, LinearLeg, LinearRequest};
use alula_dsl::ast::OnUnknown;
use alula_dsl::builtin::Greek;
use alula_dsl::graph::Length;
use alula_market::contract::Instrument;
use alula_market::money::{Price, Usd};
use std::sync::Arc;

/// Sessions of a year.
const SESSIONS: f64 = 252.0;
/// Minutes of a regular session.
const MINUTES: f64 = 390.0;
/// Days of the implied vol that realized vol is compared with.
const IMPLIED_DAYS: u32 = 30;

/// Delta and gamma of a structure's open positions, in underlyings.
#[derive(Clone, Copy, Default)]
struct Exposure {
    delta: f64,
    gamma: f64,
    held: bool,
}

impl Walk<'_> {
    pub(super) fn overlays(&mut self) {
        let plan = self.plan;
        for (index, overlay) in plan.overlays().iter().enumerate() {
            let condition = overlay.active.map_or(Cell::from(true), |n| self.cell(n));
            let mut require = None;
            let verdict = match calls(condition, OnUnknown::Hold) {
                Err(skip) => Verdict::Skipped(skip),
                Ok(active) => {
                    let found = self.overlay(index, overlay, active, &mut require);
                    match found {
                        Ok(Some(order)) => Verdict::OrderedLinear(order),
                        Ok(None) => Verdict::Idle,
                        Err(skip) => Verdict::Skipped(skip),
                    }
                }
            };
            self.outcome(&overlay.key, RuleKind::Hedge, None, (condition, require), verdict);
        }
    }

    /// The order of one overlay; none where there is nothing to do and nothing held.
    fn overlay(
        &mut self,
        index: usize,
        overlay: &PlanOverlay,
        active: bool,
        require: &mut Option<Cell>,
    ) -> Result<Option<usize>, Skip> {
        let ledger = self.book.ledger();
        let own = ledger.positions().find(|p| p.structure == overlay.key);
        let held: Vec<LinearLeg> = own.map(|p| p.held.clone()).unwrap_or_default();
        let mut working = ledger.orders().iter();
        if let Some(order) = working.find(|o| o.request.structure == overlay.key) {
            return Err(Skip::OrderWorking(order.id.clone()));
        }
        if let Some(key) = self.flattened.get(&overlay.structure) {
            return Err(Skip::Blocked(Arc::clone(key)));
        }
        let structure = self.plan.structure_key(overlay.structure);
        let any = self.book.positions().any(|p| p.structure == structure);
        if !active || !any {
            if held.is_empty() {
                return Ok(None);
            }
            return Ok(Some(self.adjust(overlay, change(&held, &[]))));
        }
        if let Some(paused) = self.paused(&overlay.key) {
            return Err(Skip::Paused(paused));
        }
        let exposure = self
            .exposure(&structure)
            .map_err(|cause| missing("delta", cause))?;
        let read = |node: usize, what| self.cell(node).get().map_err(|cause| missing(what, cause));
        let (target, band) = (read(overlay.target, "target")?, read(overlay.band, "band")?);
        let (instrument, unit) = self.traded(overlay)?;
        let now = exposure.delta + self.delta_of(&held);
        let off = now - target;
        // What is held in a month that is no longer the front one counts too, and is moved only with the next trade.
        if off.abs() <= band {
            return Err(Skip::WithinBand {
                delta: now,
                target,
                band,
            });
        }
        let wanted = whole((target - exposure.delta) / unit);
        let to = [LinearLeg {
            instrument,
            quantity: wanted,
        }];
        let legs = change(&held, if wanted == 0 { &[] } else { &to });
        if legs.is_empty() {
            let band = band.max(unit.abs() / 2.0);
            return Err(Skip::WithinBand {
                delta: now,
                target,
                band,
            });
        }
        self.note_overlay(overlay, &legs);
        self.weigh_overlay(index, overlay, (&legs, exposure), require)?;
        self.linear_margin_fits(&legs)?;
        self.subaccount_fits_linear(&overlay.key, &legs)?;
        Ok(Some(self.adjust(overlay, legs)))
    }

    fn adjust(&mut self, overlay: &PlanOverlay, legs: Vec<LinearLeg>) -> usize {
        self.order_linear(LinearRequest {
            key: Arc::clone(&overlay.key),
            structure: Arc::clone(&overlay.key),
            kind: LinearKind::Adjust,
            legs,
            lots: 1,
            limit: None,
            decided_at: self.tick.at,
            good_for: ORDER_TRIES,
        })
    }

    fn exposure(&self, structure: &Arc<str>) -> Result<Exposure, Cause> {
        let mut sum = Exposure::default();
        for position in self.book.positions().filter(|p| p.structure == *structure) {
            let package = position.held().ok_or(Cause::NoPosition)?;
            let greeks = package_greeks(&self.sight, package, position.lots)?;
            sum.delta += greeks.delta;
            sum.gamma += greeks.gamma;
            sum.held = true;
        }
        Ok(sum)
    }

    /// The contract or share traded, and its delta in underlyings of the structure: an ES half of one, a share of SPY as many
    /// hundredths as its price is of the index's.
    fn traded(&self, overlay: &PlanOverlay) -> Result<(Instrument, f64), Skip> {
        let name = overlay.instrument;
        let no_price = || missing("price", Cause::NoQuote);
        let instrument = if let Some(root) = class_of(name) {
            let curve = self.sight.linear.curve(root).ok_or_else(no_price)?;
            let point = curve.month(1).ok_or_else(|| Skip::Pick {
                leg: String::new(),
                reason: PickError::NoFuture { month: 1 },
            })?;
            Instrument::Future(point.contract)
        } else {
            Instrument::Share(share_of(name).ok_or(Skip::Unsupported)?)
        };
        let unit = self.unit(&instrument).ok_or_else(no_price)?;
        Ok((instrument, unit))
    }

    fn unit(&self, instrument: &Instrument) -> Option<f64> {
        let one = LinearLeg {
            instrument: *instrument,
            quantity: 1,
        };
        let delta = linear::greek(&[one], Greek::Delta);
        match instrument {
            Instrument::Share(_) => {
                let price = self.sight.linear.price(instrument)?.to_f64();
                Some(delta * price / self.spot()?)
            }
            _ => Some(delta),
        }
    }

    /// Level of the strategy's underlying.
    fn spot(&self) -> Option<f64> {
        let view = self.sight.view(self.plan.chains().first()?)?;
        let spot = view.snapshot.spot;
        (spot > Price::ZERO).then(|| spot.to_f64())
    }

    fn delta_of(&self, held: &[LinearLeg]) -> f64 {
        let one = |leg: &LinearLeg| {
            let quantity = linear::float(leg.quantity);
            self.unit(&leg.instrument).map_or(0.0, |unit| unit * quantity)
        };
        held.iter().map(one).sum()
    }

    /// Whether a trade meets the overlay's `require`.
    fn weigh_overlay(
        &mut self,
        index: usize,
        overlay: &PlanOverlay,
        (legs, exposure): (&[LinearLeg], Exposure),
        require: &mut Option<Cell>,
    ) -> Result<(), Skip> {
        let Some(node) = overlay.require else {
            return Ok(());
        };
        let price_of = |i: &Instrument| self.sight.linear.price(i);
        let traded = linear::notional(legs, &price_of).map(Usd::to_f64);
        let gain = |realized: Cell| {
            Cell::from((|| {
                let gain = self.gamma_gain(exposure, realized)?;
                Ok(gain / traded?)
            })())
        };
        let cost = |lo: f64, hi: f64| Cell::from((|| Ok((self.trade_cost(legs)? / traded?).clamp(lo, hi)))());
        let own = eval::overlay_cells(self.plan, overlay, (&gain, &cost), self.cells);
        let place = self.plan.rules().len().saturating_add(index);
        let scope = Scope::Candidate(u32::try_from(place).unwrap_or(u32::MAX), None);
        for &node in &overlay.candidate_nodes {
            eval::record(self.trace, node, scope, self.tick, eval::cell(&own, node));
        }
        let cell = eval::cell(&own, node);
        *require = Some(cell);
        match cell.get() {
            Ok(0.0) => Err(Skip::Require),
            Ok(_) => Ok(()),
            Err(cause) => Err(Skip::RequireUnknown(cause)),
        }
    }

    /// Dollars that a delta-hedged holder of the structure's gamma expects to make until the next rebalance: half of gamma
    /// times the index squared times the difference of realized and implied variance times the interval.
    ///
    /// Source: P. Carr and D. Madan, *Towards a theory of volatility trading* (1998), equation of the hedging error at the
    /// implied vol; E. Sinclair, *Volatility Trading* (2nd ed., 2013), chapter 1.
    fn gamma_gain(&self, exposure: Exposure, realized: Cell) -> Result<f64, Cause> {
        let view = self.plan.chains().first().and_then(|c| self.sight.view(c));
        let view = view.ok_or(Cause::NoQuote)?;
        let spot = self.spot().ok_or(Cause::NoQuote)?;
        let implied = view.implied_vol(IMPLIED_DAYS)? / 100.0;
        let realized = realized.get()? / 100.0;
        let years = match self.plan.graph().settings.every {
            Length::Minutes(n) => f64::from(n) / (SESSIONS * MINUTES),
            Length::Sessions(n) | Length::Bars(n) => f64::from(n) / SESSIONS,
            Length::Days(n) => f64::from(n) / 365.0,
        };
        let variance = realized.mul_add(realized, -(implied * implied));
        // Gamma counts contracts of a hundred.
        Ok(0.5 * exposure.gamma * 100.0 * spot * spot * variance * years)
    }

    /// Dollars that a trade costs at the prices known: fees, and what it gives up of the assumed spread.
    fn trade_cost(&self, legs: &[LinearLeg]) -> Result<f64, Cause> {
        let cross = self.book.ledger().config().cross;
        let mut dollars = self.linear_fees(legs);
        for leg in legs {
            let net = linear::net(&self.sight, std::slice::from_ref(leg), cross)?;
            dollars += (net.mid - net.share).dollars(leg.instrument.multiplier(), 1);
        }
        Ok(dollars.to_f64())
    }

    fn note_overlay(&mut self, overlay: &PlanOverlay, legs: &[LinearLeg]) {
        let cross = self.book.ledger().config().cross;
        let net = linear::net(&self.sight, legs, cross).ok();
        self.decision.candidates.push(Candidate {
            key: Arc::clone(&overlay.key),
            package: LegWords(legs).to_string(),
            net: net.map(|n| n.share),
            max_loss: None,
            lots: None,
        });
    }
}

/// The nearest whole number; ties away from zero.
fn whole(x: f64) -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "clamped to what an order may be")]
    let n = x.round().clamp(-1e7, 1e7) as i64;
    n
}
