//! Opens: guards, room, package, size, requirement.

use super::Walk;
use super::manage::{missing, no_price};
use crate::beta;
use crate::decision::{RuleKind, Skip, Verdict};
use crate::futures::is_futures;
use crate::observe::{self, CandidateView, package_greek, package_margin};
use crate::plan::PlanRule;
use crate::select::{Told, pick_told};
use crate::value::{Cause, Cell};
use alula_book::instrument::{LinearKind, LinearLeg, LinearRequest};
use alula_book::{Band, Book, OrderKind, Package, PackagePrice, fill, fill::Trying};
use alula_dsl::builtin::Greek;
use alula_dsl::graph::{NodeId, RuleAction, SizeBasis, SizeDef};
use alula_market::money::{Price, Usd};
use std::sync::Arc;

/// What an `open` says besides its condition.
pub(super) struct Terms<'r> {
    size: &'r SizeDef,
    at_most: Option<NodeId>,
    up_to: NodeId,
}

/// What is sized: one lot, at its price.
#[derive(Clone, Copy)]
pub(super) enum Sizing<'r> {
    Package(&'r Package, &'r PackagePrice),
    /// Futures or shares, and their net in points per lot.
    Linear(&'r [LinearLeg], Band<Price>),
}

impl Walk<'_> {
    pub(super) fn open(&mut self, index: usize, rule: &PlanRule) {
        let condition = self.cell(rule.when);
        let mut require = None;
        // An open needs *true*; `unknown act` has no meaning for it.
        let verdict = match condition.get() {
            Err(cause) => Verdict::Skipped(Skip::Unknown(cause)),
            Ok(0.0) => Verdict::Idle,
            Ok(_) => match self.try_open(index, rule, &mut require) {
                Ok(verdict) => {
                    self.opened.insert(rule.structure, Arc::clone(&rule.key));
                    verdict
                }
                Err(skip) => Verdict::Skipped(skip),
            },
        };
        // It does not call: should it call later, the market has made it so.
        if matches!(verdict, Verdict::Idle | Verdict::Skipped(Skip::Require)) {
            self.waiting.remove(&rule.key);
        }
        self.outcome(&rule.key, RuleKind::Open, None, (condition, require), verdict);
    }

    pub(super) fn try_open(
        &mut self,
        index: usize,
        rule: &PlanRule,
        require: &mut Option<Cell>,
    ) -> Result<Verdict, Skip> {
        let RuleAction::Open { size, at_most, up_to } = &rule.action else {
            return Err(Skip::Unsupported);
        };
        let terms = Terms {
            size,
            at_most: *at_most,
            up_to: *up_to,
        };
        self.allowed(rule)?;
        let name = self.plan.structure_key(rule.structure);
        self.room(&name, terms.up_to)?;
        if is_futures(self.structure_of(rule)?) {
            let order = self.open_linear(index, rule, &terms, require)?;
            return Ok(Verdict::OrderedLinear(order));
        }
        let plan = self.plan;
        let (structure, view) = self.market_of(rule)?;
        let package = {
            let amount = |node: NodeId| self.cell(plan.at_tick(node));
            let picked = |avoid: &[(usize, Price)]| {
                let told = Told { avoid, expiry: None };
                pick_told(structure, view, &amount, told)
            };
            self.pick_free((structure, rule), None, &picked)?
        };
        let model = self.book.config().fills;
        let price_of =
            |lots| fill::price_open(&package, &view.snapshot, Trying { model, lots }).map_err(no_price);
        let mut price = price_of(1)?;
        let sized = self.lots(&terms, Sizing::Package(&package, &price));
        // Sized at the price of one lot; weighed and limited at the price of them all.
        if let (Ok(lots), true) = (&sized, model.sees_size()) {
            price = price_of(*lots)?;
        }
        self.note(rule, &package, Some(&price), sized.as_ref().ok().copied());
        // The requirement is about ratios as a rule; it is weighed on one lot when the size affords none, so that the
        // trace can say which of the two came first.
        let lots = sized.as_ref().map_or(1, |l| (*l).max(1));
        let candidate = CandidateView {
            package: &package,
            lots,
            price: &price,
            from: None,
        };
        let own = self.weigh(index, rule, &candidate, None);
        self.required(rule, &own, require)?;
        let lots = sized?;
        let limit = self.limit(rule.limit, Some(price.net), &own)?;
        self.margin_fits(&package, lots, &price, None)?;
        self.subaccount_fits(&name, &package, (lots, &price), None)?;
        let order = self.order(&rule.key, &name, OrderKind::Open { package }, lots, limit);
        Ok(Verdict::Ordered(order))
    }

    fn allowed(&self, rule: &PlanRule) -> Result<(), Skip> {
        if let Some(key) = &self.halted {
            return Err(Skip::Halted(Arc::clone(key)));
        }
        if let Some(key) = self
            .blocked
            .as_ref()
            .or_else(|| self.flattened.get(&rule.structure))
        {
            return Err(Skip::Blocked(Arc::clone(key)));
        }
        if let Some(key) = self.opened.get(&rule.structure) {
            return Err(Skip::Outranked(Arc::clone(key)));
        }
        if let Some(overlay) = self.paused(&self.plan.structure_key(rule.structure)) {
            return Err(Skip::Paused(overlay));
        }
        Ok(())
    }

    /// Fewer positions (and opening orders at work) of the structure than `up to` allows.
    fn room(&self, structure: &Arc<str>, up_to: NodeId) -> Result<(), Skip> {
        let limit = self.cell(self.plan.at_tick(up_to));
        let limit = limit
            .get()
            .map_err(|cause| Skip::Missing { what: "up to", cause })?;
        let working = self.book.orders().iter().filter(|o| {
            matches!(o.request.kind, OrderKind::Open { .. }) && o.request.structure == *structure
        });
        let open = self
            .book
            .positions()
            .filter(|p| p.structure == *structure)
            .count()
            + working.count();
        let ledger = self.book.ledger();
        let opening = |r: &LinearRequest| r.kind == LinearKind::Open && r.structure == *structure;
        let open = open
            + ledger.positions().filter(|p| p.structure == *structure).count()
            + ledger.orders().iter().filter(|o| opening(&o.request)).count();
        let open = u32::try_from(open).unwrap_or(u32::MAX);
        if f64::from(open) < limit {
            Ok(())
        } else {
            Err(Skip::UpTo { open, limit })
        }
    }

    /// Lots by the size's basis, rounded down, at most what `at most` allows.
    pub(super) fn lots(&self, terms: &Terms<'_>, sizing: Sizing<'_>) -> Result<u32, Skip> {
        let read = |node: NodeId, what: &'static str| {
            self.cell(self.plan.at_tick(node))
                .get()
                .map_err(|cause| Skip::Missing { what, cause })
        };
        let cap = match terms.at_most {
            Some(node) => read(node, "at most")?,
            None => f64::from(Book::MAX_LOTS),
        };
        let wanted = match terms.size {
            SizeDef::Lots(node) => {
                let lots = read(*node, "size")?;
                if lots < 1.0 {
                    return Err(Skip::LessThanOneLot(lots));
                }
                lots
            }
            SizeDef::Budget { amount, by } => {
                let budget = read(*amount, "size")?;
                let per_lot = match sizing {
                    Sizing::Linear(lot, net) => self.linear_basis(*by, lot, net)?,
                    Sizing::Package(package, price) => self
                        .basis(*by, package, price)
                        .map_err(|cause| missing("size basis", cause))?,
                };
                // A free lunch is a data error, not a reason to buy without end.
                if per_lot <= 0.0 {
                    return Err(Skip::OutOfRange {
                        what: "size basis",
                        value: per_lot,
                    });
                }
                let lots = (budget / per_lot + 1e-9).floor();
                if lots < 1.0 {
                    return Err(Skip::ZeroLots {
                        budget,
                        per_lot,
                        by: *by,
                    });
                }
                lots
            }
            SizeDef::Scale { .. } => return Err(Skip::Unsupported),
        };
        let lots = wanted.min(cap).min(f64::from(Book::MAX_LOTS)).floor();
        if lots < 1.0 {
            return Err(Skip::LessThanOneLot(lots));
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "1..=Book::MAX_LOTS"
        )]
        let lots = lots as u32;
        Ok(lots)
    }

    /// What one lot uses of a budget, in dollars (vega: dollars a vol point).
    fn basis(&self, by: SizeBasis, package: &Package, price: &PackagePrice) -> Result<f64, Cause> {
        match by {
            SizeBasis::MaxLoss => observe::lot_max_loss(package, price.net.share)
                .map(Usd::to_f64)
                .ok_or(Cause::Unbounded),
            SizeBasis::Margin => package_margin(&self.sight, package, 1).map(Usd::to_f64),
            SizeBasis::Credit => Ok(price.net.share.dollars(package.multiplier(), 1).to_f64()),
            SizeBasis::Notional => {
                let view = self.sight.view(package.underlying()).ok_or(Cause::NoQuote)?;
                Ok(view.snapshot.spot.dollars(package.multiplier(), 1).to_f64())
            }
            SizeBasis::Vega => package_greek(&self.sight, package, 1, Greek::Vega).map(f64::abs),
            SizeBasis::Beta => beta::exposure(&self.sight, package, self.sight.mapping.returns).map(f64::abs),
        }
    }
}
