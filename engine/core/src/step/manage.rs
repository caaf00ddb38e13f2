//! Guards, closes and rolls.

use super::{MARGIN_CALL, ORDER_TRIES, Walk, calls, eval};
use crate::decision::{Alert, Candidate, PickError, RuleKind, Skip, Verdict};
use crate::margin::{AccountMargin, Change, Stake};
use crate::observe::CandidateView;
use crate::plan::PlanRule;
use crate::select::NoPick;
use crate::state::State;
use crate::trace::Scope;
use crate::value::{Cause, Cell};
use alula_book::fill::Trying;
use alula_book::{
    Band, ExecutionKind, OrderKind, OrderRequest, Package, PackagePrice, Position, PositionId, fill,
    whose_single_legs,
};
use alula_dsl::ast::OnUnknown;
use alula_dsl::graph::{GuardAct, GuardUnknown, LimitDef, NodeId, RollDef, RuleAction, StructureId};
use alula_market::money::{Price, Usd};
use std::sync::Arc;

/// Closing orders of a flattening: places in the decision's orders, and in its orders for futures and shares.
type Flattening = (Vec<usize>, Vec<usize>);

impl<'a> Walk<'a> {
    pub(super) fn guards(&mut self, state: &mut State) {
        let plan = self.plan;
        for guard in plan.guards() {
            let condition = self.cell(guard.require);
            let fails = match (condition.truth(), guard.unknown) {
                (Some(holds), _) => !holds,
                (None, GuardUnknown::Act) => true,
                // Nothing is waved through, and nothing is done for want of a number that cannot be undone.
                (None, GuardUnknown::Block) => {
                    let orders = self.guard_acts(&guard.key, &GuardAct::BlockOpen, state);
                    let verdict = Verdict::Guarded {
                        act: GuardAct::BlockOpen,
                        orders: orders.0,
                        linear: orders.1,
                    };
                    self.outcome(&guard.key, RuleKind::Guard, None, (condition, None), verdict);
                    continue;
                }
                (None, GuardUnknown::Hold) => {
                    let cause = condition.cause().unwrap_or(Cause::NoData);
                    let verdict = Verdict::Skipped(Skip::Unknown(cause));
                    self.outcome(&guard.key, RuleKind::Guard, None, (condition, None), verdict);
                    continue;
                }
            };
            if !fails {
                self.outcome(
                    &guard.key,
                    RuleKind::Guard,
                    None,
                    (condition, None),
                    Verdict::Idle,
                );
                continue;
            }
            let (orders, linear) = self.guard_acts(&guard.key, &guard.act, state);
            let verdict = Verdict::Guarded {
                act: guard.act.clone(),
                orders,
                linear,
            };
            self.outcome(&guard.key, RuleKind::Guard, None, (condition, None), verdict);
        }
    }

    /// Does what a guard does; the orders it made, of options and of futures and shares.
    fn guard_acts(&mut self, key: &Arc<str>, act: &GuardAct, state: &mut State) -> Flattening {
        match act {
            GuardAct::BlockOpen => {
                self.blocked.get_or_insert_with(|| Arc::clone(key));
                Flattening::default()
            }
            GuardAct::HaltOpen => {
                state.halted.get_or_insert_with(|| Arc::clone(key));
                self.halted = state.halted.clone();
                Flattening::default()
            }
            GuardAct::Flatten(structure) => self.flatten(key, *structure),
            GuardAct::Alert(text) => {
                self.decision.alerts.push(Alert {
                    key: Arc::clone(key),
                    text: text.clone(),
                });
                Flattening::default()
            }
        }
    }

    /// Closes every position of a structure that has no order at work; those that have are left to the next tick. Nothing
    /// is opened on the structure meanwhile.
    pub(super) fn flatten(&mut self, key: &Arc<str>, structure: StructureId) -> Flattening {
        self.flattened.entry(structure).or_insert_with(|| Arc::clone(key));
        let name = self.plan.structure_key(structure);
        let mut orders = Vec::new();
        // Legs that a broker filled apart go with it.
        let of_it = |p: &&Position| {
            *p.structure == *name || whose_single_legs(&p.structure).is_some_and(|of| of == &*name)
        };
        let open: Vec<(PositionId, u32, Arc<str>)> = self
            .book
            .positions()
            .filter(of_it)
            .map(|p| (p.id, p.lots, Arc::clone(&p.structure)))
            .collect();
        for (id, lots, held_as) in open {
            if self.book.working_on(id).is_some() || self.acted.contains_key(&id) {
                continue;
            }
            self.acted.insert(id, Arc::clone(key));
            let kind = OrderKind::Close { position: id };
            orders.push(self.order(key, &held_as, kind, lots, None));
        }
        let book = self.book;
        let mut linear = Vec::new();
        for position in book.ledger().positions().filter(|p| *p.structure == *name) {
            let working = book.ledger().working_on(position.id).is_some();
            if working || self.acted.contains_key(&position.id) {
                continue;
            }
            self.acted.insert(position.id, Arc::clone(key));
            linear.push(self.flatten_linear(key, position));
        }
        (orders, linear)
    }

    /// Closes everything when the account has less than its positions require, and blocks opening meanwhile. Only where the
    /// strategy says so; a margin call is reported either way.
    pub(super) fn margin_call(&mut self, state: &mut State) {
        if !self.plan.graph().settings.flatten_on_call {
            return;
        }
        let key: Arc<str> = Arc::from(MARGIN_CALL);
        let account = crate::margin::account(&self.sight, self.book, self.sight.rulebook);
        let (condition, verdict) = match account {
            Err(cause) => (Cell::missing(cause), Verdict::Skipped(Skip::Unknown(cause))),
            Ok(account) if !account.is_called() => (Cell::from(true), Verdict::Idle),
            Ok(_) => {
                self.guard_acts(&key, &GuardAct::BlockOpen, state);
                let structures = self.plan.graph().structures.len();
                let (mut orders, mut linear) = Flattening::default();
                let mut first = None;
                for index in 0..structures {
                    let Ok(index) = u32::try_from(index) else { break };
                    let (closed, sold) = self.flatten(&key, StructureId(index));
                    if !closed.is_empty() || !sold.is_empty() {
                        first.get_or_insert(StructureId(index));
                    }
                    orders.extend(closed);
                    linear.extend(sold);
                }
                let act = first.map_or(GuardAct::BlockOpen, GuardAct::Flatten);
                (Cell::from(false), Verdict::Guarded { act, orders, linear })
            }
        };
        self.outcome(&key, RuleKind::Guard, None, (condition, None), verdict);
    }

    /// Whether the account's margin holds with what an order would leave: positions, opening orders at work and of this tick,
    /// and the order's target; fees by the table that its fill will pay. A roll that needs no more than the account needs now
    /// always fits.
    pub(super) fn margin_fits(
        &self,
        package: &Package,
        lots: u32,
        price: &PackagePrice,
        from: Option<&Position>,
    ) -> Result<(), Skip> {
        let fees = self.book.fees_of(price, lots, self.tick.at.date());
        let change = Change {
            stake: Stake {
                package,
                lots,
                position: None,
            },
            from,
            cash: price.net.share.dollars(package.multiplier(), i64::from(lots)),
            fees: fees.map_or(Usd::ZERO, |f| f.total()),
        };
        let rulebook = self.sight.rulebook;
        let then = crate::margin::after(&self.sight, self.book, rulebook, &change, &self.opening_stakes());
        self.margin_holds(then, from.is_some())
    }

    /// Packages that orders at work and of this tick are about to open.
    pub(super) fn opening_stakes(&self) -> Vec<Stake<'_>> {
        let requests = self.book.orders().iter().map(|o| &o.request);
        requests
            .chain(&self.decision.orders)
            .filter_map(|r| match &r.kind {
                OrderKind::Open { package } => Some(Stake {
                    package,
                    lots: r.lots,
                    position: None,
                }),
                OrderKind::Close { .. } | OrderKind::Roll { .. } => None,
            })
            .collect()
    }

    /// Whether an account that would be so is not called; where `no_more` suffices, needing no more than now does too.
    pub(super) fn margin_holds(&self, then: Result<AccountMargin, Cause>, no_more: bool) -> Result<(), Skip> {
        let rulebook = self.sight.rulebook;
        let unknown = |cause| missing("margin", cause);
        let then = then.map_err(unknown)?;
        if !then.is_called() {
            return Ok(());
        }
        if no_more {
            let now = crate::margin::account(&self.sight, self.book, rulebook).map_err(unknown)?;
            if then.required <= now.required {
                return Ok(());
            }
        }
        Err(Skip::Margin {
            rulebook: rulebook.name(),
            required: then.required,
            available: then.available,
        })
    }

    pub(super) fn order(
        &mut self,
        key: &Arc<str>,
        structure: &Arc<str>,
        kind: OrderKind,
        lots: u32,
        limit: Option<Price>,
    ) -> usize {
        self.decision.orders.push(OrderRequest {
            key: Arc::clone(key),
            structure: Arc::clone(structure),
            kind,
            lots,
            limit,
            decided_at: self.tick.at,
            good_for: ORDER_TRIES,
        });
        self.decision.orders.len() - 1
    }

    /// A close or roll rule on one position.
    pub(super) fn manage(&mut self, index: usize, rule: &PlanRule, id: PositionId, state: &mut State) {
        let condition = self
            .positions
            .get(id)
            .map_or(Cell::missing(Cause::NoData), |c| eval::cell(c, rule.when));
        if condition.truth() == Some(false) && takes_a_part(rule) {
            state
                .ready_since
                .entry(id)
                .or_default()
                .insert(Arc::clone(&rule.key), self.tick.at);
        }
        let mut require = None;
        let verdict = match calls(condition, rule.unknown) {
            Ok(false) => Verdict::Idle,
            Err(skip) => Verdict::Skipped(skip),
            Ok(true) => match self.act_on(index, rule, id, state, &mut require) {
                Ok(verdict) => {
                    self.acted.insert(id, Arc::clone(&rule.key));
                    verdict
                }
                Err(skip) => Verdict::Skipped(skip),
            },
        };
        self.outcome(&rule.key, rule.kind, Some(id), (condition, require), verdict);
    }

    fn act_on(
        &mut self,
        index: usize,
        rule: &PlanRule,
        id: PositionId,
        state: &State,
        require: &mut Option<Cell>,
    ) -> Result<Verdict, Skip> {
        if let Some(first) = self.acted.get(&id) {
            return Err(Skip::Outranked(Arc::clone(first)));
        }
        let ledger = self.book.ledger();
        if let Some(position) = ledger.position(id) {
            if let Some(order) = ledger.working_on(id) {
                return Err(Skip::OrderWorking(order.id.clone()));
            }
            let order = self.act_on_linear(index, rule, position, state, require)?;
            return Ok(Verdict::OrderedLinear(order));
        }
        if let Some(order) = self.book.working_on(id) {
            return Err(Skip::OrderWorking(order.id.clone()));
        }
        let book = self.book;
        let missing = Skip::Missing {
            what: "position",
            cause: Cause::NoPosition,
        };
        let position = book.position(id).ok_or(missing)?;
        if takes_a_part(rule) && self.took_its_part(rule, position, state) {
            return Err(Skip::PartClosed);
        }
        let order = match &rule.action {
            RuleAction::Close { portion } => self.close(rule, position, *portion)?,
            RuleAction::Roll { to } => self.roll(index, rule, position, to, require)?,
            RuleAction::Open { .. } => return Err(Skip::Unsupported),
        };
        Ok(Verdict::Ordered(order))
    }

    /// Whether a rule that closes a part did so since its condition was last known to be false: a level that stays met is
    /// one occasion, not one at every tick.
    fn took_its_part(&self, rule: &PlanRule, position: &Position, state: &State) -> bool {
        let ready = state
            .ready_since
            .get(&position.id)
            .and_then(|rules| rules.get(&rule.key));
        self.book.executions_of(position).any(|e| {
            e.key == rule.key && e.kind == ExecutionKind::Close && ready.is_none_or(|at| *at < e.decided_at)
        })
    }

    pub(super) fn position_cell(&self, id: PositionId, node: NodeId) -> Cell {
        let index = self.plan.at_tick(node);
        self.positions
            .get(id)
            .map_or_else(|| self.cell(index), |own| eval::cell(own, index))
    }

    fn close(
        &mut self,
        rule: &PlanRule,
        position: &Position,
        portion: Option<NodeId>,
    ) -> Result<usize, Skip> {
        let lots = match portion {
            None => position.lots,
            Some(node) => {
                let share = self.position_cell(position.id, node);
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
        let package = position.held();
        let price =
            package.and_then(|p| self.price(p.underlying(), |s| fill::price_close(p, s, self.trying(lots))));
        let own = self.positions.get(position.id).unwrap_or(self.cells);
        let limit = self.limit(rule.limit, price.map(|p| p.net), own)?;
        let kind = OrderKind::Close {
            position: position.id,
        };
        Ok(self.order(&rule.key, &position.structure, kind, lots, limit))
    }

    fn roll(
        &mut self,
        index: usize,
        rule: &PlanRule,
        position: &Position,
        to: &RollDef,
        require: &mut Option<Cell>,
    ) -> Result<usize, Skip> {
        let held = position.held().ok_or(Skip::Missing {
            what: "position",
            cause: Cause::NoPosition,
        })?;
        let mut found = self.roll_found(rule, position, held, to)?;
        let order = self.roll_chosen(index, rule, (position, held), &mut found, require);
        self.decision.rolls.push(found.trace);
        order
    }

    /// Evaluates the candidate nodes of a rule on a package and records them.
    pub(super) fn weigh(
        &mut self,
        index: usize,
        rule: &PlanRule,
        candidate: &CandidateView<'_>,
        position: Option<PositionId>,
    ) -> Vec<Cell> {
        let base = position
            .and_then(|id| self.positions.get(id))
            .unwrap_or(self.cells);
        let own = eval::candidate_nodes(self.plan, rule, &self.sight, candidate, base);
        let scope = Scope::Candidate(u32::try_from(index).unwrap_or(u32::MAX), position);
        for &node in &rule.candidate_nodes {
            eval::record(self.trace, node, scope, self.tick, eval::cell(&own, node));
        }
        own
    }

    /// Whether a package meets the rule's `require`, and an entry need not wait since a change of thresholds.
    pub(super) fn required(
        &self,
        rule: &PlanRule,
        own: &[Cell],
        require: &mut Option<Cell>,
    ) -> Result<(), Skip> {
        if let Some(node) = rule.require {
            let cell = eval::cell(own, node);
            *require = Some(cell);
            match (cell.get(), rule.unknown, rule.kind) {
                (Ok(0.0), _, _) => return Err(Skip::Require),
                (Ok(_), _, _) => {}
                // An open needs a known answer, whatever it says about unknowns.
                (Err(_), OnUnknown::Act, RuleKind::Close | RuleKind::Roll) => {}
                (Err(cause), _, _) => return Err(Skip::RequireUnknown(cause)),
            }
        }
        if rule.kind == RuleKind::Open && self.waiting.contains(&rule.key) {
            return Err(Skip::AfterSwap);
        }
        Ok(())
    }

    /// The worst price accepted, from the prices of this snapshot.
    pub(super) fn limit(
        &self,
        limit: LimitDef,
        net: Option<Band<Price>>,
        own: &[Cell],
    ) -> Result<Option<Price>, Skip> {
        let missing = || Skip::Missing {
            what: "limit",
            cause: Cause::NoQuote,
        };
        match limit {
            LimitDef::Market => Ok(None),
            LimitDef::Mid => net.map(|n| Some(n.mid)).ok_or_else(missing),
            LimitDef::Natural => net.map(|n| Some(n.natural)).ok_or_else(missing),
            LimitDef::At(node) => {
                let cell = eval::cell(own, self.plan.at_tick(node));
                let points = cell
                    .get()
                    .map_err(|cause| Skip::Missing { what: "limit", cause })?;
                Price::from_f64(points).map(Some).ok_or(Skip::OutOfRange {
                    what: "limit",
                    value: points,
                })
            }
        }
    }

    /// Prices something on the tick's snapshot of an underlying; `None` when it cannot trade there.
    fn price(
        &self,
        underlying: &str,
        f: impl Fn(&alula_market::chain::ChainSnapshot) -> Result<PackagePrice, alula_book::NoFill>,
    ) -> Option<PackagePrice> {
        let view = self.sight.view(underlying)?;
        f(&view.snapshot).ok()
    }

    /// So many lots by the book's fill model.
    fn trying(&self, lots: u32) -> Trying {
        let model = self.book.config().fills;
        Trying { model, lots }
    }

    /// A leg that the book holds the other way round in another position would be closed, not opened, at a broker.
    pub(super) fn no_conflict(&self, package: &Package, own: Option<PositionId>) -> Result<(), Skip> {
        let found = self
            .book
            .conflicts(package)
            .into_iter()
            .find(|(id, _)| Some(*id) != own);
        match found {
            None => self.no_crossing(package),
            Some((position, contract)) => Err(pick_skip(PickError::Conflict { contract, position }.into())),
        }
    }

    /// The same for what orders of this tick and orders at work are about to hold.
    fn no_crossing(&self, package: &Package) -> Result<(), Skip> {
        let requests = self
            .book
            .orders()
            .iter()
            .map(|o| &o.request)
            .chain(&self.decision.orders);
        for request in requests {
            let Some(other) = request.kind.target() else {
                continue;
            };
            if let Some(contract) = other.opposite(package) {
                let order = Arc::clone(&request.key);
                return Err(pick_skip(PickError::OrderConflict { contract, order }.into()));
            }
        }
        Ok(())
    }

    /// Keeps a package for the record.
    pub(super) fn note(
        &mut self,
        rule: &PlanRule,
        package: &Package,
        price: Option<&PackagePrice>,
        lots: Option<u32>,
    ) {
        self.candidate(&rule.key, package, price, lots);
    }

    /// The same for a layer of a hedge.
    pub(super) fn note_package(
        &mut self,
        key: &Arc<str>,
        package: &Package,
        price: &PackagePrice,
        lots: u32,
    ) {
        self.candidate(key, package, Some(price), Some(lots));
    }

    fn candidate(
        &mut self,
        key: &Arc<str>,
        package: &Package,
        price: Option<&PackagePrice>,
        lots: Option<u32>,
    ) {
        let net = price.map(|p| p.net.share);
        let max_loss = net.and_then(|n| crate::observe::lot_max_loss(package, n));
        self.decision.candidates.push(Candidate {
            key: Arc::clone(key),
            package: package.to_string(),
            net,
            max_loss,
            lots,
        });
    }
}

pub(super) fn pick_skip(pick: NoPick) -> Skip {
    Skip::Pick {
        leg: pick.leg,
        reason: pick.reason,
    }
}

/// A number that the order needs is missing.
pub(super) const fn missing(what: &'static str, cause: Cause) -> Skip {
    Skip::Missing { what, cause }
}

/// A package that was picked but cannot be priced.
pub(super) fn no_price(reason: alula_book::NoFill) -> Skip {
    Skip::Pick {
        leg: String::new(),
        reason: PickError::NoFill(reason),
    }
}

/// A close of less than the whole position.
pub(super) const fn takes_a_part(rule: &PlanRule) -> bool {
    matches!(rule.action, RuleAction::Close { portion: Some(_) })
}

/// A share of lots, rounded up to whole lots; `None` unless the share is in 0..=1 (and more than nothing).
pub(super) fn portion_lots(lots: u32, share: f64) -> Option<u32> {
    if !(share > 0.0 && share <= 1.0) {
        return None;
    }
    // A share such as 30% of 10 lots is 3, not 4, though 0.3 * 10 is a hair above 3.
    let exact = f64::from(lots) * share;
    let up = (exact - 1e-9).ceil().max(1.0);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "at least 1 and at most `lots`"
    )]
    let up = up as u32;
    Some(up.min(lots))
}

#[cfg(test)]
mod tests {
    use super::portion_lots;

    #[test]
    fn a_portion_rounds_up_to_whole_lots_and_not_beyond() {
        assert_eq!(portion_lots(3, 0.5), Some(2));
        assert_eq!(portion_lots(10, 0.3), Some(3));
        assert_eq!(portion_lots(10, 0.7), Some(7));
        assert_eq!(portion_lots(1, 0.01), Some(1));
        assert_eq!(portion_lots(7, 1.0), Some(7));
        assert_eq!(portion_lots(7, 0.0), None);
        assert_eq!(portion_lots(7, 1.01), None);
        assert_eq!(portion_lots(7, f64::NAN), None);
    }
}
