//! Rolls of options: the expiries that a roll could go to, ranked as its rule says, and the one that is ordered.
//!
//! A rule without `rank by` has one target. With it every listed expiry in the target's window is a candidate: a package is
//! picked there, priced, and has to meet `require`. Of those that do, the one with the largest value is rolled to; of equal
//! ones the nearest to the target, then the earlier. What was found, and the break-evens before and after, stand in the
//! decision.
//!
//! A contract that another position or order holds the other way round is a conflict. `conflict next` picks again without the
//! strike, for the leg that chose it (a wing is moved by what it is measured from), until there is none.

use super::manage::{no_price, pick_skip};
use super::{Walk, eval};
use crate::decision::{PickError, RollOption, RollTrace, Skip};
use crate::observe::{self, CandidateView};
use crate::plan::PlanRule;
use crate::select::{NoPick, Told, chosen_by, roll_expiries, roll_told};
use crate::value::{Cause, Cell};
use alula_book::fill::Trying;
use alula_book::{OrderKind, Package, PackagePrice, Position, PositionId, fill, payoff};
use alula_dsl::ast::Conflict;
use alula_dsl::builtin::PositionObs;
use alula_dsl::graph::{ExpiryPick, NodeId, RollDef, StructureDef};
use alula_market::contract::OptionContract;
use alula_market::money::Price;

/// Strikes that are given up before a conflict stands.
const STRIKES_TRIED: usize = 32;

/// A target of a roll.
struct Target {
    package: Package,
    price: PackagePrice,
}

/// What a roll could go to.
pub(super) struct Found {
    pub trace: RollTrace,
    targets: Vec<Target>,
}

/// Picks a package whose legs (by number) avoid these strikes.
type Picking<'a> = dyn Fn(&[(usize, Price)]) -> Result<Package, NoPick> + 'a;

impl Walk<'_> {
    /// Picks until nothing stands the other way round, or as the rule says.
    pub(super) fn pick_free(
        &self,
        (structure, rule): (&StructureDef, &PlanRule),
        own: Option<PositionId>,
        pick: &Picking<'_>,
    ) -> Result<Package, Skip> {
        let mut avoid: Vec<(usize, Price)> = Vec::new();
        loop {
            let package = pick(&avoid).map_err(pick_skip)?;
            let Err(skip) = self.no_conflict(&package, own) else {
                return Ok(package);
            };
            let taken = conflicting(&skip).filter(|_| rule.conflict == Conflict::Next);
            let leg = taken.and_then(|c| package.legs().iter().position(|l| l.contract == c));
            let root = leg.and_then(|l| chosen_by(structure, l));
            let strike = root.and_then(|r| Some((r, package.legs().get(r)?.contract.strike)));
            match strike.filter(|s| avoid.len() < STRIKES_TRIED && !avoid.contains(s)) {
                Some(strike) => avoid.push(strike),
                None => return Err(skip),
            }
        }
    }

    /// Every expiry that a roll could go to.
    pub(super) fn roll_found(
        &mut self,
        rule: &PlanRule,
        position: &Position,
        held: &Package,
        to: &RollDef,
    ) -> Result<Found, Skip> {
        let (structure, view) = self.market_of(rule)?;
        let id = position.id;
        let amount = |node: NodeId| self.position_cell(id, node);
        let expiries = match rule.rank {
            None => vec![None],
            Some(_) => {
                let all = roll_expiries(to, view, &amount).map_err(pick_skip)?;
                all.into_iter().map(Some).collect()
            }
        };
        let mut found = Found {
            trace: RollTrace {
                key: std::sync::Arc::clone(&rule.key),
                position: id,
                before: payoff::breakevens(held, position.credit_points.share),
                ranked: rule.rank.is_some(),
                options: Vec::new(),
            },
            targets: Vec::new(),
        };
        let mut first = None;
        for expiry in expiries {
            match self.roll_into(rule, (position, held), (structure, to), expiry) {
                Ok((option, target)) => {
                    found.trace.options.push(option);
                    found.targets.push(target);
                }
                Err(skip) => {
                    first.get_or_insert(skip);
                }
            }
        }
        match first {
            Some(skip) if found.targets.is_empty() => Err(skip),
            None if found.targets.is_empty() => Err(pick_skip(PickError::NoExpiry.into())),
            _ => Ok(found),
        }
    }

    fn roll_into(
        &self,
        rule: &PlanRule,
        (position, held): (&Position, &Package),
        (structure, to): (&StructureDef, &RollDef),
        expiry: Option<usize>,
    ) -> Result<(RollOption, Target), Skip> {
        let (_, view) = self.market_of(rule)?;
        let id = position.id;
        let amount = |node: NodeId| self.position_cell(id, node);
        let pick = |avoid: &[(usize, Price)]| {
            roll_told(
                structure,
                to,
                &position.legs,
                (view, Told { avoid, expiry }),
                &amount,
            )
        };
        let package = self.pick_free((structure, rule), Some(id), &pick)?;
        if package.change_from(held).is_empty() {
            return Err(Skip::NothingToRoll);
        }
        let model = self.book.config().fills;
        let trying = Trying {
            model,
            lots: position.lots,
        };
        let price = fill::price_roll(held, &package, &view.snapshot, trying).map_err(no_price)?;
        let candidate = CandidateView {
            package: &package,
            lots: position.lots,
            price: &price,
            from: Some(position),
        };
        let mut option = self.roll_option(&candidate, position);
        if let Some(node) = rule.rank {
            let base = self.positions.get(id).unwrap_or(self.cells);
            let own = eval::candidate_nodes(self.plan, rule, &self.sight, &candidate, base);
            option.rank = eval::cell(&own, node);
            option.out = self.required(rule, &own, &mut None).err();
        }
        Ok((option, Target { package, price }))
    }

    fn roll_option(&self, candidate: &CandidateView<'_>, position: &Position) -> RollOption {
        let today = self.tick.at.date();
        let legs = candidate.package.legs().iter();
        let expiry = legs.map(|l| l.contract.expiry).min().unwrap_or(today);
        let credit = position.credit_points.share + candidate.price.net.share;
        RollOption {
            expiry,
            days: (expiry - today).num_days(),
            package: candidate.package.to_string(),
            rank: Cell::missing(Cause::NoData),
            extrinsic: observe::candidate(&self.sight, candidate, PositionObs::Extrinsic),
            net: candidate.price.net.share,
            breakevens: payoff::breakevens(candidate.package, credit),
            out: None,
            chosen: false,
        }
    }

    /// Orders the best of what was found.
    pub(super) fn roll_chosen(
        &mut self,
        index: usize,
        rule: &PlanRule,
        (position, held): (&Position, &Package),
        found: &mut Found,
        require: &mut Option<Cell>,
    ) -> Result<usize, Skip> {
        let at = self.best(rule, position.id, &found.trace);
        let nothing = || {
            let options = || found.trace.options.iter();
            let cause = options().find_map(|o| o.rank.cause());
            options().find_map(|o| o.out.clone()).unwrap_or(Skip::Missing {
                what: "rank",
                cause: cause.unwrap_or(Cause::NoData),
            })
        };
        let Some(at) = at else {
            // What kept the first from being the one stands in the trace, as it would of a roll with one target.
            if let Some(target) = found
                .trace
                .options
                .iter()
                .position(|o| o.out.is_some())
                .and_then(|at| found.targets.get(at))
            {
                let candidate = CandidateView {
                    package: &target.package,
                    lots: position.lots,
                    price: &target.price,
                    from: Some(position),
                };
                let own = self.weigh(index, rule, &candidate, Some(position.id));
                self.required(rule, &own, require)?;
            }
            return Err(nothing());
        };
        let Some(target) = found.targets.get(at) else {
            return Err(Skip::NothingToRoll);
        };
        let lots = position.lots;
        let candidate = CandidateView {
            package: &target.package,
            lots,
            price: &target.price,
            from: Some(position),
        };
        let own = self.weigh(index, rule, &candidate, Some(position.id));
        self.required(rule, &own, require)?;
        let limit = self.limit(rule.limit, Some(target.price.net), &own)?;
        self.margin_fits(&target.package, lots, &target.price, Some(position))?;
        self.subaccount_fits(
            &position.structure,
            &target.package,
            (lots, &target.price),
            Some(held),
        )?;
        self.note(rule, &target.package, Some(&target.price), Some(lots));
        if let Some(option) = found.trace.options.get_mut(at) {
            option.chosen = true;
        }
        let kind = OrderKind::Roll {
            position: position.id,
            to: target.package.clone(),
        };
        Ok(self.order(&rule.key, &position.structure, kind, lots, limit))
    }

    /// The best of the options that are not out of the question: largest value, then nearest to the target, then earlier.
    fn best(&self, rule: &PlanRule, id: PositionId, trace: &RollTrace) -> Option<usize> {
        if rule.rank.is_none() {
            return (!trace.options.is_empty()).then_some(0);
        }
        let aim = match &rule.action {
            alula_dsl::graph::RuleAction::Roll {
                to:
                    RollDef::Recentred(ExpiryPick::Nearest { dte, .. })
                    | RollDef::SameStrikes(ExpiryPick::Nearest { dte, .. })
                    | RollDef::Side {
                        expiry: ExpiryPick::Nearest { dte, .. },
                        ..
                    },
            } => self.position_cell(id, *dte).known(),
            _ => None,
        };
        let off = |o: &RollOption| {
            let days = i32::try_from(o.days).map_or(f64::MAX, f64::from);
            aim.map_or(0.0, |aim| (days - aim).abs())
        };
        let mut best: Option<(usize, f64, f64)> = None;
        for (at, option) in trace.options.iter().enumerate() {
            let Some(value) = option.rank.known().filter(|_| option.out.is_none()) else {
                continue;
            };
            let off = off(option);
            let better =
                best.is_none_or(|(_, most, near)| value.total_cmp(&most).then(near.total_cmp(&off)).is_gt());
            if better {
                best = Some((at, value, off));
            }
        }
        best.map(|(at, ..)| at)
    }
}

/// The contract that a pick may not have.
const fn conflicting(skip: &Skip) -> Option<OptionContract> {
    match skip {
        Skip::Pick {
            reason: PickError::Conflict { contract, .. } | PickError::OrderConflict { contract, .. },
            ..
        } => Some(*contract),
        _ => None,
    }
}
