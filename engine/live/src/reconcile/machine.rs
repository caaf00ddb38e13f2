//! When to ask, when to ask again, when to compare.

use super::{Collector, Plan, Policy, Snapshot, plan, quiet_for, trades_since};
use crate::broker::{AccountRow, BrokerEvent, Capabilities};
use crate::order::Orders;
use alula_market::time::Instant;

/// Why journal and broker are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occasion {
    /// A run begins.
    Start,
    /// The connection came back.
    Reconnect,
    /// It was time.
    Periodic,
    /// Somebody asked for it.
    Operator,
}

impl Occasion {
    /// In a word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Reconnect => "reconnect",
            Self::Periodic => "periodic",
            Self::Operator => "operator",
        }
    }
}

/// What the reconciler wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Ask the broker for a snapshot with trades since then.
    Ask {
        /// Number of the request.
        request: u64,
        /// Trades since.
        since: Instant,
    },
    /// Two snapshots agree: settle this before the next event is taken, then say [`Reconciler::settled`].
    Settle {
        /// What they come to.
        plan: Box<Plan>,
        /// The account as the second of them shows it.
        account: Option<AccountRow>,
        /// Why.
        occasion: Occasion,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Phase {
    /// No connection.
    Down,
    /// What is on its way may arrive.
    Quiet { until: Instant },
    /// A snapshot was asked for.
    Asked { at: Instant },
    /// A plan is being settled.
    Settling,
    /// Compared.
    Settled { next: Instant },
}

/// Compares journal and broker whenever it has to. Time comes in with each call.
#[derive(Clone, Debug)]
pub struct Reconciler {
    policy: Policy,
    caps: Capabilities,
    phase: Phase,
    occasion: Occasion,
    next_request: u64,
    collector: Collector,
    /// The snapshot before, and when it was asked for.
    first: Option<(Snapshot, Instant)>,
    /// Something else happened since the last question.
    disturbed: bool,
    last: Option<Instant>,
    unequal: u32,
}

impl Reconciler {
    /// Before the connection of a new run. Requests are numbered from above `last_request`.
    #[must_use]
    pub fn new(policy: Policy, caps: Capabilities, last_request: u64) -> Self {
        Self {
            policy,
            caps,
            phase: Phase::Down,
            occasion: Occasion::Start,
            next_request: last_request.saturating_add(1),
            collector: Collector::default(),
            first: None,
            disturbed: false,
            last: None,
            unequal: 0,
        }
    }

    /// The policy.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// What the broker can show.
    #[must_use]
    pub fn caps(&self) -> &Capabilities {
        &self.caps
    }

    /// Journal and broker were compared since the connection came, and nothing is under way but the ordinary round.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        matches!(self.phase, Phase::Settled { .. })
    }

    /// Snapshots in a row that did not agree; many mean that somebody trades on the account all the time.
    #[must_use]
    pub fn unequal(&self) -> u32 {
        self.unequal
    }

    /// Takes an event of the broker, after the desk has.
    pub fn event(&mut self, now: Instant, orders: &Orders, event: &BrokerEvent) -> Option<Action> {
        match event {
            BrokerEvent::Up => {
                self.begin(now, orders);
                None
            }
            BrokerEvent::Down(_) => {
                self.phase = Phase::Down;
                self.collector.forget();
                self.first = None;
                if self.occasion != Occasion::Start || self.last.is_some() {
                    self.occasion = Occasion::Reconnect;
                }
                None
            }
            BrokerEvent::Quote(_) => None,
            BrokerEvent::SnapshotBegin { .. }
            | BrokerEvent::SnapshotOrder { .. }
            | BrokerEvent::SnapshotPosition { .. }
            | BrokerEvent::SnapshotFill { .. }
            | BrokerEvent::SnapshotAccount { .. }
            | BrokerEvent::SnapshotEnd { .. } => {
                let snapshot = self.collector.take(event)?;
                self.compare(now, orders, snapshot)
            }
            _ => {
                self.disturbed = true;
                None
            }
        }
    }

    /// Looks at the clock.
    pub fn clock(&mut self, now: Instant, orders: &Orders) -> Option<Action> {
        match self.phase {
            Phase::Quiet { until } if now >= until => Some(self.ask(now, orders)),
            Phase::Asked { at } if now.0 >= at.0.saturating_add(self.policy.answer_s) => {
                // No end came: what did come says nothing.
                self.first = None;
                Some(self.ask(now, orders))
            }
            Phase::Settled { next } if now >= next => {
                self.occasion = Occasion::Periodic;
                self.first = None;
                Some(self.ask(now, orders))
            }
            _ => None,
        }
    }

    /// Somebody wants a comparison now.
    pub fn wanted(&mut self) {
        if let Phase::Settled { next } = &mut self.phase {
            *next = Instant(i64::MIN);
            self.occasion = Occasion::Operator;
        }
    }

    /// The request did not leave: ask again later.
    pub fn not_asked(&mut self, now: Instant) {
        if matches!(self.phase, Phase::Asked { .. }) {
            self.collector.forget();
            let until = Instant(now.0.saturating_add(self.policy.quiet_s));
            self.phase = Phase::Quiet { until };
        }
    }

    /// A plan was settled; `fits` when nothing was left over.
    pub fn settled(&mut self, now: Instant, fits: bool) {
        if self.phase == Phase::Settling {
            let wait = if fits {
                self.policy.every_s
            } else {
                self.policy.again_s
            };
            self.phase = Phase::Settled {
                next: Instant(now.0.saturating_add(wait)),
            };
            self.last = Some(now);
        }
    }

    fn begin(&mut self, now: Instant, orders: &Orders) {
        let wait = quiet_for(orders, &self.caps, &self.policy, now);
        self.first = None;
        self.collector.forget();
        self.phase = Phase::Quiet {
            until: Instant(now.0.saturating_add(wait)),
        };
    }

    fn ask(&mut self, now: Instant, orders: &Orders) -> Action {
        let request = self.next_request;
        self.next_request = self.next_request.saturating_add(1);
        self.collector.ask(request);
        self.disturbed = false;
        self.phase = Phase::Asked { at: now };
        Action::Ask {
            request,
            since: trades_since(orders, self.last, now),
        }
    }

    fn compare(&mut self, now: Instant, orders: &Orders, snapshot: Snapshot) -> Option<Action> {
        let Phase::Asked { at } = self.phase else {
            return None;
        };
        let quiet = !std::mem::take(&mut self.disturbed);
        match self.first.take() {
            Some((first, asked)) if quiet && first.agrees(&snapshot) => {
                self.phase = Phase::Settling;
                self.unequal = 0;
                let found = plan(orders, &snapshot, &self.caps, &self.policy, (asked, now));
                Some(Action::Settle {
                    plan: Box::new(found),
                    account: snapshot.account,
                    occasion: self.occasion,
                })
            }
            before => {
                if before.is_some() {
                    self.unequal = self.unequal.saturating_add(1);
                }
                // What happened while a snapshot was on its way stands on one side only.
                if quiet && snapshot.contradiction.is_none() {
                    self.first = Some((snapshot, at));
                }
                Some(self.ask(now, orders))
            }
        }
    }
}
