//! The door that orders leave by: limits that no strategy can lift, and the kill switch, whoever fills the orders.

use super::Crank;
use crate::course::{HaltLevel, OperatorAct};
use crate::rails::{Agreement, Halt, RailLimits, Rails};
use crate::rails::{Ask, Mode, OpenRisk, Purpose, Seen, Verdict};
use crate::record::Refused;
use alula_book::instrument::{LinearKind, LinearLeg, LinearOrder, LinearRequest};
use alula_book::{OrderId, OrderKind, OrderRequest, Position};
use alula_core::decision::{Decision, RuleKind};
use alula_core::margin::{self, Change, Stake};
use alula_core::market::Views;
use alula_core::observe::Sight;
use alula_core::vega::Mapping;
use alula_market::money::Usd;
use alula_market::time::Instant;

/// An order that a decision wants.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wanted<'d> {
    /// Of options.
    Package(&'d OrderRequest),
    /// Of futures or shares.
    Linear(&'d LinearRequest),
}

/// The rails of a run. Nobody has to agree with its own book.
pub(super) fn rails(limits: Option<&RailLimits>) -> Rails {
    let mut rails = Rails::new(limits.cloned().unwrap_or_else(RailLimits::none));
    rails.agreement = Agreement::Agree;
    rails
}

/// What a reader of the results must know of the rails.
pub(super) fn mark(limits: &RailLimits, stopped: u64) -> Option<String> {
    let count = || match stopped {
        1 => "1 order was stopped".to_owned(),
        n => format!("{n} orders were stopped"),
    };
    match limits.mode {
        Mode::Shadow => Some("rails: a shadow; orders were decided and not sent".to_owned()),
        Mode::ReadOnly => Some(format!("rails: the run only watched; {}", count())),
        Mode::Trade if stopped > 0 => Some(format!("rails: {} by limits that no strategy can lift", count())),
        Mode::Trade => None,
    }
}

impl Crank<'_> {
    /// The limits that were named, if any.
    #[must_use]
    pub fn limits(&self) -> Option<&RailLimits> {
        Some(&self.rails.limits).filter(|l| **l != RailLimits::none())
    }

    /// What an operator halted, by whom and why; none where nothing is.
    #[must_use]
    pub const fn halted(&self) -> Option<&(HaltLevel, OperatorAct)> {
        self.halted.as_ref()
    }

    /// Orders that rails stopped so far.
    #[must_use]
    pub const fn stopped(&self) -> u64 {
        self.stopped
    }

    /// Whether an order of a decision may leave. What stops it is told once as an alert, and stands in the decision's row.
    pub(super) fn passes(
        &mut self,
        at: Instant,
        views: &Views,
        decision: &Decision,
        wanted: Wanted<'_>,
    ) -> Result<(), Refused> {
        if let Some(why) = self.set_apart(wanted) {
            return Err(Refused::Rail("quarantine", why));
        }
        if self.rails.halt == Halt::None && self.limits().is_none() {
            return Ok(());
        }
        let (purpose, key) = self.purpose(decision, wanted);
        let seen = self.seen(at, views, purpose, wanted);
        let working = self.book.orders().iter();
        let working = working.filter(|o| !matches!(o.request.kind, OrderKind::Close { .. }));
        let ask = Ask {
            purpose,
            risk: None,
            now: at,
            not_after: Instant(i64::MAX),
            open_intents: u32::try_from(working.count()).unwrap_or(u32::MAX),
            ended: None,
            open_orders_risk: OpenRisk::default(),
            room_is_low: false,
        };
        match self.rails.judge(&ask, &seen) {
            Verdict::Send => {
                self.rails.sent(at, purpose);
                Ok(())
            }
            Verdict::Shadow => Err(Refused::Shadow),
            Verdict::Refuse(refusal) => {
                self.stopped += 1;
                let rail = refusal.rail.word();
                if self.rails.limits.mode != Mode::ReadOnly {
                    let alert = (at, format!("rail.{rail}"), format!("{key}: {}", refusal.why));
                    self.recorder.output.alerts.push(alert);
                }
                Err(Refused::Rail(rail, refusal.why))
            }
        }
    }

    /// What an order is for: what hedges and overlays buy is a hedge, what they sell an exit.
    fn purpose(&self, decision: &Decision, wanted: Wanted<'_>) -> (Purpose, String) {
        let key = match wanted {
            Wanted::Package(r) => &r.key,
            Wanted::Linear(r) => &r.key,
        };
        let hedges = decision
            .outcomes
            .iter()
            .any(|o| o.kind == RuleKind::Hedge && o.key == *key);
        let purpose = match wanted {
            Wanted::Package(r) => match r.kind {
                OrderKind::Close { .. } => Purpose::Close,
                _ if hedges => Purpose::Hedge,
                OrderKind::Open { .. } => Purpose::Open,
                OrderKind::Roll { .. } => Purpose::Roll,
            },
            Wanted::Linear(r) => match r.kind {
                LinearKind::Close { .. } => Purpose::Close,
                _ if hedges => Purpose::Hedge,
                LinearKind::Open | LinearKind::Adjust => Purpose::Open,
                LinearKind::Roll { .. } => Purpose::Roll,
            },
        };
        (purpose, key.to_string())
    }

    /// What is the case around an order.
    fn seen(&self, at: Instant, views: &Views, purpose: Purpose, wanted: Wanted<'_>) -> Seen {
        let plan = &self.setup.plan;
        let sight = Sight::new(plan, at, views, self.setup.rulebook)
            .with_linear(&self.prices)
            .with_mapping(Mapping::of_account(plan, &self.cells));
        let quoted = |underlying: &str| sight.view(underlying).map(|v| v.snapshot.at);
        let quotes_at = match wanted {
            Wanted::Linear(_) => Some(at),
            Wanted::Package(r) => match &r.kind {
                OrderKind::Open { package } | OrderKind::Roll { to: package, .. } => {
                    quoted(package.underlying())
                }
                OrderKind::Close { position } => {
                    let held = self.book.position(*position).and_then(Position::held);
                    held.and_then(|p| quoted(p.underlying()))
                }
            },
        };
        let before = self.recorder.output.daily.last().map(|d| d.equity.share);
        let before = before.unwrap_or(self.book.config().capital);
        let asked = self.rails.limits.margin.is_some() && purpose != Purpose::Close;
        Seen {
            connected: true,
            quotes_at,
            lost_today: Some(before - self.book.equity().share),
            margin_with: if asked {
                self.margin_with(&sight, wanted, &|_| true)
            } else {
                None
            },
            position_risk: None,
        }
    }

    /// Margin of the account with an order of the book and with those of the others that count, by the strategy's own rulebook as
    /// things stand at the newest tick of the session at hand.
    #[must_use]
    pub fn margin_of_order(&self, order: &OrderId, counts: &dyn Fn(&OrderId) -> bool) -> Option<Usd> {
        let option = self.book.orders().iter().find(|o| o.id == *order);
        let linear = || self.book.ledger().orders().iter().find(|o| o.id == *order);
        let wanted = match option {
            Some(o) => Wanted::Package(&o.request),
            None => Wanted::Linear(&linear()?.request),
        };
        let others = |id: &OrderId| id != order && counts(id);
        self.with_sight(|sight| self.margin_with(sight, wanted, &others))
            .flatten()
    }

    /// Margin with the order and with those at work that count and open something.
    fn margin_with(
        &self,
        sight: &Sight<'_>,
        wanted: Wanted<'_>,
        counts: &dyn Fn(&OrderId) -> bool,
    ) -> Option<Usd> {
        let pending: Vec<Stake<'_>> = self
            .book
            .orders()
            .iter()
            .filter(|o| counts(&o.id))
            .filter_map(|o| match &o.request.kind {
                OrderKind::Open { package } => Some(Stake {
                    package,
                    lots: o.request.lots,
                    position: None,
                }),
                OrderKind::Close { .. } | OrderKind::Roll { .. } => None,
            })
            .collect();
        let rulebook = self.setup.rulebook;
        let (package, from, lots) = match wanted {
            Wanted::Linear(r) => {
                // With what is left of those at work that open something.
                let working = self.book.ledger().orders().iter().filter(|o| counts(&o.id));
                let opening = working.filter(|o| o.request.kind.position().is_none());
                let mut legs: Vec<LinearLeg> = opening.flat_map(LinearOrder::left).collect();
                legs.extend_from_slice(&r.legs);
                let then = margin::after_linear(sight, &self.book, (&legs, Usd::ZERO), &pending);
                return then.ok().map(|m| m.required);
            }
            Wanted::Package(r) => match &r.kind {
                OrderKind::Open { package } => (package, None, r.lots),
                OrderKind::Roll { position, to } => (to, self.book.position(*position), r.lots),
                OrderKind::Close { .. } => return None,
            },
        };
        let change = Change {
            stake: Stake {
                package,
                lots,
                position: None,
            },
            from,
            cash: Usd::ZERO,
            fees: Usd::ZERO,
        };
        let then = margin::after(sight, &self.book, rulebook, &change, &pending);
        then.ok().map(|m| m.required)
    }
}
