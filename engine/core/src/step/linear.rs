//! Opens, closes and rolls of structures of futures and shares.

use super::manage::{missing, pick_skip, portion_lots, takes_a_part};
use super::open::{Sizing, Terms};
use super::{ORDER_TRIES, Walk, eval};
use crate::beta;
use crate::decision::{Candidate, PickError, Skip};
use crate::futures::{class_of, pick_futures};
use crate::linear::{self, LinearCandidate};
use crate::margin::after_linear;
use crate::plan::PlanRule;
use crate::state::State;
use crate::trace::Scope;
use crate::value::{Cause, Cell};
use alula_book::instrument::{
    Flow, LegWords, LinearKind, LinearLeg, LinearOrder, LinearPosition, LinearRequest,
};
use alula_book::{Band, PositionId};
use alula_dsl::builtin::Greek;
use alula_dsl::graph::{NodeId, RollDef, RuleAction, SizeBasis, StructureDef};
use alula_market::contract::Instrument;
use alula_market::money::{Price, Usd};
use std::sync::Arc;

impl Walk<'_> {
    fn pick_linear(&self, structure: &StructureDef) -> Result<Vec<LinearLeg>, Skip> {
        let curve = class_of(structure.underlying).and_then(|root| self.sight.linear.curve(root));
        pick_futures(structure, curve).map_err(pick_skip)
    }

    /// Opens a structure of futures or shares: the place of the order in the decision.
    pub(super) fn open_linear(
        &mut self,
        index: usize,
        rule: &PlanRule,
        terms: &Terms<'_>,
        require: &mut Option<Cell>,
    ) -> Result<usize, Skip> {
        let structure = self.structure_of(rule)?;
        let lot = self.pick_linear(structure)?;
        let cross = self.book.ledger().config().cross;
        let net = linear::net(&self.sight, &lot, cross).map_err(no_price)?;
        let lots = self.lots(terms, Sizing::Linear(&lot, net));
        self.note_linear(rule, &lot, Some(net), lots.as_ref().ok().copied());
        // Weighed on one lot when the size affords none, as packages of options are.
        let weighed = lots.as_ref().map_or(1, |l| (*l).max(1));
        let legs = times(&lot, weighed);
        let candidate = LinearCandidate {
            legs: &legs,
            lots: weighed,
            net,
            from: None,
        };
        let own = self.weigh_linear(index, rule, &candidate, None);
        self.required(rule, &own, require)?;
        let lots = lots?;
        let limit = self.limit(rule.limit, Some(net), &own)?;
        self.linear_margin_fits(&legs)?;
        let structure = self.plan.structure_key(rule.structure);
        self.subaccount_fits_linear(&structure, &legs)?;
        Ok(self.order_linear(LinearRequest {
            key: Arc::clone(&rule.key),
            structure,
            kind: LinearKind::Open,
            legs,
            lots,
            limit,
            decided_at: self.tick.at,
            good_for: ORDER_TRIES,
        }))
    }

    pub(super) fn order_linear(&mut self, request: LinearRequest) -> usize {
        self.decision.linear.push(request);
        self.decision.linear.len() - 1
    }

    /// A close or roll of a position in futures or shares.
    pub(super) fn act_on_linear(
        &mut self,
        index: usize,
        rule: &PlanRule,
        position: &LinearPosition,
        state: &State,
        require: &mut Option<Cell>,
    ) -> Result<usize, Skip> {
        if takes_a_part(rule) && self.took_its_linear_part(rule, position, state) {
            return Err(Skip::PartClosed);
        }
        match &rule.action {
            RuleAction::Close { portion } => self.close_linear(rule, position, *portion),
            RuleAction::Roll { to } => self.roll_linear(index, rule, position, to, require),
            RuleAction::Open { .. } => Err(Skip::Unsupported),
        }
    }

    fn took_its_linear_part(&self, rule: &PlanRule, position: &LinearPosition, state: &State) -> bool {
        let ready = state
            .ready_since
            .get(&position.id)
            .and_then(|rules| rules.get(&rule.key));
        self.book
            .ledger()
            .executions_of(position)
            .any(|e| e.key == rule.key && e.flow == Flow::Trade && ready.is_none_or(|at| *at < e.decided_at))
    }

    fn close_linear(
        &mut self,
        rule: &PlanRule,
        position: &LinearPosition,
        portion: Option<NodeId>,
    ) -> Result<usize, Skip> {
        let own = self.positions.get(position.id).unwrap_or(self.cells);
        let lots = match portion {
            None => position.lots,
            Some(node) => {
                let share = eval::cell(own, self.plan.at_tick(node));
                let share = share.get().map_err(|cause| Skip::Missing {
                    what: "portion",
                    cause,
                })?;
                portion_lots(position.lots, share).ok_or(Skip::OutOfRange {
                    what: "portion",
                    value: share,
                })?
            }
        };
        let legs = closing(position, lots);
        let cross = self.book.ledger().config().cross;
        let net = linear::net(&self.sight, &per_lot(&legs, lots), cross).ok();
        let limit = self.limit(rule.limit, net, own)?;
        Ok(self.order_linear(LinearRequest {
            key: Arc::clone(&rule.key),
            structure: Arc::clone(&position.structure),
            kind: LinearKind::Close {
                position: position.id,
            },
            legs,
            lots,
            limit,
            decided_at: self.tick.at,
            good_for: ORDER_TRIES,
        }))
    }

    /// Closes a position at once, whatever it costs: flattening.
    pub(super) fn flatten_linear(&mut self, key: &Arc<str>, position: &LinearPosition) -> usize {
        let lots = position.lots.max(1);
        self.order_linear(LinearRequest {
            key: Arc::clone(key),
            structure: Arc::clone(&position.structure),
            kind: LinearKind::Close {
                position: position.id,
            },
            legs: closing(position, lots),
            lots,
            limit: None,
            decided_at: self.tick.at,
            good_for: ORDER_TRIES,
        })
    }

    /// The months picked anew: contracts in both do not trade.
    fn roll_linear(
        &mut self,
        index: usize,
        rule: &PlanRule,
        position: &LinearPosition,
        to: &RollDef,
        require: &mut Option<Cell>,
    ) -> Result<usize, Skip> {
        if matches!(to, RollDef::Side { .. }) {
            return Err(pick_skip(
                PickError::Unsupported("one side of a structure of futures").into(),
            ));
        }
        let structure = self.structure_of(rule)?;
        let lot = self.pick_linear(structure)?;
        let target = times(&lot, position.lots);
        let legs = change(&position.held, &target);
        if legs.is_empty() {
            return Err(Skip::NothingToRoll);
        }
        let cross = self.book.ledger().config().cross;
        let net = linear::net(&self.sight, &per_lot(&legs, position.lots), cross).map_err(no_price)?;
        let candidate = LinearCandidate {
            legs: &target,
            lots: position.lots,
            net,
            from: Some(position),
        };
        let own = self.weigh_linear(index, rule, &candidate, Some(position.id));
        self.required(rule, &own, require)?;
        let limit = self.limit(rule.limit, Some(net), &own)?;
        self.linear_margin_fits(&legs)?;
        self.note_linear(rule, &lot, Some(net), Some(position.lots));
        Ok(self.order_linear(LinearRequest {
            key: Arc::clone(&rule.key),
            structure: Arc::clone(&position.structure),
            kind: LinearKind::Roll {
                position: position.id,
            },
            legs,
            lots: position.lots,
            limit,
            decided_at: self.tick.at,
            good_for: ORDER_TRIES,
        }))
    }

    fn weigh_linear(
        &mut self,
        index: usize,
        rule: &PlanRule,
        candidate: &LinearCandidate<'_>,
        position: Option<PositionId>,
    ) -> Vec<Cell> {
        let base = position
            .and_then(|id| self.positions.get(id))
            .unwrap_or(self.cells);
        let observed = |what| linear::candidate(&self.sight, self.book, candidate, what);
        // Futures and shares earn no rate in a shifted smile.
        let rate = |_: &alula_pricing::stress::Shift| Cell::missing(Cause::Unsupported);
        let own = eval::candidate_cells(self.plan, rule, (&observed, &rate), base);
        let scope = Scope::Candidate(u32::try_from(index).unwrap_or(u32::MAX), position);
        for &node in &rule.candidate_nodes {
            eval::record(self.trace, node, scope, self.tick, eval::cell(&own, node));
        }
        own
    }

    /// Whether the account's margin holds with these legs more and everything that orders at work and of this tick are about
    /// to hold. An order that needs no more than the account needs now always fits.
    pub(super) fn linear_margin_fits(&self, legs: &[LinearLeg]) -> Result<(), Skip> {
        let opens = |kind: &LinearKind| kind.position().is_none();
        let working = self.book.ledger().orders().iter();
        // What has traded of them is held already.
        let working = working.filter(|o| opens(&o.request.kind));
        let mut all: Vec<LinearLeg> = working.flat_map(LinearOrder::left).collect();
        let wanted = self.decision.linear.iter().filter(|r| opens(&r.kind));
        all.extend(wanted.flat_map(|r| r.legs.iter().copied()));
        all.extend_from_slice(legs);
        let traded = (all.as_slice(), self.linear_fees(legs));
        let then = after_linear(&self.sight, self.book, traded, &self.opening_stakes());
        self.margin_holds(then, true)
    }

    /// Fees of trading legs at the prices known.
    pub(super) fn linear_fees(&self, legs: &[LinearLeg]) -> Usd {
        let on = self.tick.at.date();
        let fee = |leg: &LinearLeg| {
            let price = self.sight.linear.price(&leg.instrument).unwrap_or(Price::ZERO);
            let fees = self
                .book
                .ledger()
                .fees_of(&leg.instrument, leg.quantity, price, on);
            fees.map_or(Usd::ZERO, |f| f.total())
        };
        legs.iter().map(fee).sum()
    }

    /// What one lot of futures or shares uses of a budget, in dollars (vega: dollars a vol point).
    pub(super) fn linear_basis(
        &self,
        by: SizeBasis,
        lot: &[LinearLeg],
        net: Band<Price>,
    ) -> Result<f64, Skip> {
        let price_of = |instrument: &Instrument| self.sight.linear.price(instrument);
        let shares = lot.iter().all(|l| matches!(l.instrument, Instrument::Share(_)));
        let basis = match by {
            SizeBasis::MaxLoss => linear::max_loss(lot, &price_of).map(Usd::to_f64),
            SizeBasis::Margin => linear::margin(lot, &price_of, self.tick.at.date()).map(Usd::to_f64),
            SizeBasis::Notional => linear::notional(lot, &price_of).map(Usd::to_f64),
            SizeBasis::Credit if shares => Ok(net.share.to_f64()),
            SizeBasis::Credit => return Err(Skip::NoBasis(by)),
            SizeBasis::Beta => beta::linear(&self.sight, lot, self.sight.mapping.returns).map(f64::abs),
            SizeBasis::Vega => match linear::greek(lot, Greek::Vega).abs() {
                0.0 => return Err(Skip::NoBasis(by)),
                vega => Ok(vega),
            },
        };
        basis.map_err(|cause| missing("size basis", cause))
    }

    fn note_linear(
        &mut self,
        rule: &PlanRule,
        lot: &[LinearLeg],
        net: Option<Band<Price>>,
        lots: Option<u32>,
    ) {
        let price_of = |instrument: &Instrument| self.sight.linear.price(instrument);
        let max_loss = linear::max_loss(lot, &price_of).ok();
        self.decision.candidates.push(Candidate {
            key: Arc::clone(&rule.key),
            package: LegWords(lot).to_string(),
            net: net.map(|n| n.share),
            max_loss,
            lots,
        });
    }
}

pub(super) fn no_price(cause: Cause) -> Skip {
    missing("price", cause)
}

/// So many lots of a package.
pub(super) fn times(lot: &[LinearLeg], lots: u32) -> Vec<LinearLeg> {
    let all = |leg: &LinearLeg| LinearLeg {
        quantity: leg.quantity.saturating_mul(i64::from(lots)),
        ..*leg
    };
    lot.iter().map(all).collect()
}

pub(super) fn per_lot(legs: &[LinearLeg], lots: u32) -> Vec<LinearLeg> {
    let one = |leg: &LinearLeg| LinearLeg {
        quantity: leg.quantity.checked_div(i64::from(lots)).unwrap_or(leg.quantity),
        ..*leg
    };
    legs.iter().map(one).collect()
}

/// What closes so many lots of a position: all that is held for the last of them.
pub(super) fn closing(position: &LinearPosition, lots: u32) -> Vec<LinearLeg> {
    let part = |quantity: i64| {
        if lots >= position.lots {
            return -quantity;
        }
        let share = quantity.saturating_mul(i64::from(lots));
        -share.checked_div(i64::from(position.lots)).unwrap_or(quantity)
    };
    let legs = position.held.iter().map(|l| LinearLeg {
        quantity: part(l.quantity),
        ..*l
    });
    legs.filter(|l| l.quantity != 0).collect()
}

/// What turns one holding into another.
pub(super) fn change(from: &[LinearLeg], to: &[LinearLeg]) -> Vec<LinearLeg> {
    let mut legs: Vec<LinearLeg> = Vec::new();
    let mut add =
        |instrument: Instrument, quantity: i64| match legs.iter_mut().find(|l| l.instrument == instrument) {
            Some(leg) => leg.quantity = leg.quantity.saturating_add(quantity),
            None => legs.push(LinearLeg { instrument, quantity }),
        };
    from.iter().for_each(|l| add(l.instrument, -l.quantity));
    to.iter().for_each(|l| add(l.instrument, l.quantity));
    legs.retain(|l| l.quantity != 0);
    legs
}
