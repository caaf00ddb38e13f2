//! Where intents become orders: journal first, broker after.
//!
//! Everything goes through two doors. [`OrderDesk::record`] writes an entry and applies it. [`OrderDesk::flush`] puts the
//! batch on disk and only then sends what its entries allow. A journal that fails closes both doors for good.

use super::{Draft, Notice, Order, OrderState, Orders, Purpose, Unreadable, convert, id, intent_out};
use crate::broker::{Broker, BrokerEvent, BrokerOrder, ClientOrderId, Submission};
use crate::rails::{Agreement, Ask, Halt, Rails, Refusal, Seen, Verdict};
use crate::reconcile::{Occasion, Plan};
use alula_journal::wire::{self, Record};
use alula_journal::{Journal, JournalError, Room, Stamp};
use alula_market::time::Instant;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Why the desk cannot go on. Trading stops: the process ends and a new one recovers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeskError {
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// An entry that this program does not know.
    #[error("an entry of the journal cannot be read: {0}")]
    Unreadable(#[from] Unreadable),
    /// More intents in a run than names.
    #[error("the run has no names left for orders")]
    Names,
}

/// Something that may leave the process once its entry is on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Effect {
    Submit { entry: u64, order: Box<BrokerOrder> },
    Cancel { entry: u64, order: ClientOrderId },
}

impl Effect {
    const fn entry(&self) -> u64 {
        match self {
            Self::Submit { entry, .. } | Self::Cancel { entry, .. } => *entry,
        }
    }
}

/// The desk: the journal, the orders that it amounts to, the rails, and what waits to be sent.
#[derive(Debug)]
pub struct OrderDesk {
    journal: Journal,
    orders: Orders,
    rails: Rails,
    strategy: String,
    outbox: Vec<Effect>,
    epoch: u32,
    /// When an order of a structure last ended unfilled.
    ended: BTreeMap<Arc<str>, Instant>,
}

impl OrderDesk {
    /// A desk on the journal of a new run. What the run before leaves is its first entry, on disk when this returns.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub fn begin(
        journal: Journal,
        strategy: &str,
        rails: Rails,
        carried: wire::Carried,
        stamp: Stamp,
    ) -> Result<Self, DeskError> {
        let mut desk = Self {
            epoch: journal.manifest().epoch,
            journal,
            orders: Orders::default(),
            rails,
            strategy: strategy.to_owned(),
            outbox: Vec::new(),
            ended: BTreeMap::new(),
        };
        desk.record(stamp, 0, &carried.into())?;
        let halted = desk.orders.halted();
        desk.rails.halt = Halt::of(&halted.level, &halted.why);
        desk.journal.commit()?;
        Ok(desk)
    }

    /// Writes an entry and applies it. What the notices say may leave the process after the next [`OrderDesk::flush`].
    ///
    /// # Errors
    /// When the journal takes nothing more, or the entry means nothing to this program; it is not written then.
    pub fn record(
        &mut self,
        stamp: Stamp,
        cause: u64,
        record: &Record,
    ) -> Result<(u64, Vec<Notice>), DeskError> {
        let seq = self.journal.append(stamp, cause, record)?;
        let notices = self.orders.apply(seq, record)?;
        for notice in &notices {
            if let Notice::State {
                order,
                to: OrderState::Cancelled | OrderState::Expired,
                ..
            } = notice
                && let Some(order) = self.orders.get(order)
            {
                self.ended.insert(Arc::clone(&order.spec.group), now_of(stamp));
            }
        }
        Ok((seq, notices))
    }

    /// Writes down what a broker said and applies it. What is said of the market is
    /// not for the desk: it stands in the entry of its tick; the number is 0 then.
    ///
    /// # Errors
    /// As [`OrderDesk::record`].
    pub fn take(&mut self, stamp: Stamp, event: &BrokerEvent) -> Result<(u64, Vec<Notice>), DeskError> {
        if matches!(event, BrokerEvent::Up | BrokerEvent::Down(_)) {
            self.rails.agreement = Agreement::NotCompared;
        }
        let Some(said) = convert::event_out(event) else {
            return Ok((0, Vec::new()));
        };
        let (seq, notices) = self.record(stamp, 0, &wire::Broker { said }.into())?;
        for notice in &notices {
            match notice {
                Notice::Alarm { key, text } => {
                    let (key, text) = ((*key).to_owned(), text.clone());
                    self.record(stamp, seq, &wire::Alarm { key, text }.into())?;
                }
                Notice::TakeBack(order) => {
                    self.cancel(stamp, seq, order, "it counted as never sent")?;
                }
                _ => {}
            }
        }
        Ok((seq, notices))
    }

    /// What the rails say of an order; nothing is written down.
    #[must_use]
    pub fn verdict(&self, stamp: Stamp, draft: &Draft, seen: &Seen) -> Verdict {
        let open = self.orders.open();
        let entries = open.filter(|o| o.purpose != Purpose::Close).count();
        let ask = Ask {
            purpose: draft.purpose,
            risk: draft.risk,
            now: now_of(stamp),
            not_after: draft.not_after,
            open_intents: u32::try_from(entries).unwrap_or(u32::MAX),
            ended: self.ended.get(&draft.group).copied(),
            open_orders_risk: self.orders.open_risk(),
            room_is_low: self.journal.room() != Room::Enough,
        };
        self.rails.judge(&ask, seen)
    }

    /// Writes down that an order is not sent, and why.
    ///
    /// # Errors
    /// As [`OrderDesk::record`].
    pub fn refuse(
        &mut self,
        stamp: Stamp,
        cause: u64,
        draft: &Draft,
        refusal: &Refusal,
    ) -> Result<(), DeskError> {
        let refused = wire::Refused {
            group: draft.group.as_ref().to_owned(),
            rule: draft.rule.as_ref().to_owned(),
            rail: refusal.rail.word().to_owned(),
            why: refusal.why.clone(),
        };
        self.record(stamp, cause, &refused.into()).map(|_| ())
    }

    /// The name that the next order gets.
    ///
    /// # Errors
    /// When the run has no names left.
    pub fn next_name(&self) -> Result<ClientOrderId, DeskError> {
        id::name(&self.strategy, self.epoch, self.orders.next_number()).ok_or(DeskError::Names)
    }

    /// Asks the rails and, if they let it through, writes the intent down; it is sent by the next [`OrderDesk::flush`]. A
    /// refusal is written down too. In shadow the intent is written and never sent.
    ///
    /// # Errors
    /// As [`OrderDesk::record`].
    pub fn intend(
        &mut self,
        stamp: Stamp,
        cause: u64,
        draft: &Draft,
        seen: &Seen,
    ) -> Result<Result<ClientOrderId, Refusal>, DeskError> {
        let now = now_of(stamp);
        let shadow = match self.verdict(stamp, draft, seen) {
            Verdict::Send => false,
            Verdict::Shadow => true,
            Verdict::Refuse(refusal) => {
                self.refuse(stamp, cause, draft, &refusal)?;
                return Ok(Err(refusal));
            }
        };
        let number = self.orders.next_number();
        let name = self.next_name()?;
        let order = draft.named(name.clone(), number, shadow);
        let (entry, _) = self.record(stamp, cause, &intent_out(&order).into())?;
        if !shadow {
            self.rails.sent(now, draft.purpose);
            self.outbox.push(Effect::Submit {
                entry,
                order: Box::new(order.spec),
            });
        }
        Ok(Ok(name))
    }

    /// Writes down that an order is to be taken back; the request leaves with the next [`OrderDesk::flush`]. False when the
    /// order has ended or was asked for before.
    ///
    /// # Errors
    /// As [`OrderDesk::record`].
    pub fn cancel(
        &mut self,
        stamp: Stamp,
        cause: u64,
        order: &ClientOrderId,
        why: &str,
    ) -> Result<bool, DeskError> {
        let asked = |o: &Order| o.cancel_asked || o.shadow;
        let wanted = self
            .orders
            .get(order)
            .is_some_and(|o| !asked(o) && (!o.state.is_end() || o.state == OrderState::Abandoned));
        if !wanted {
            return Ok(false);
        }
        let record = wire::CancelIntent {
            order: order.to_string(),
            why: why.to_owned(),
        };
        let (entry, _) = self.record(stamp, cause, &record.into())?;
        self.outbox.push(Effect::Cancel {
            entry,
            order: order.clone(),
        });
        Ok(true)
    }

    /// Settles a comparison: writes down what it found, and lets entries pass if everything fits. Orders to be sent again or
    /// taken back leave with the next [`OrderDesk::flush`].
    ///
    /// # Errors
    /// As [`OrderDesk::record`].
    pub fn settle(
        &mut self,
        stamp: Stamp,
        cause: u64,
        occasion: Occasion,
        plan: &Plan,
    ) -> Result<Vec<Notice>, DeskError> {
        let mut notices = Vec::new();
        for record in &plan.records {
            notices.extend(self.record(stamp, cause, record)?.1);
        }
        let breaks: Vec<String> = plan.mismatches.iter().map(ToString::to_string).collect();
        let reconciled = wire::Reconciled {
            occasion: occasion.word().to_owned(),
            adopted: plan.adopted,
            abandoned: plan.abandoned,
            breaks: breaks.clone(),
        };
        let (entry, _) = self.record(stamp, cause, &reconciled.into())?;
        for id in &plan.resend {
            let order = id.to_string();
            let (entry, _) = self.record(stamp, entry, &wire::Resent { order }.into())?;
            if let Some(order) = self.orders.get(id) {
                let order = Box::new(order.spec.clone());
                self.outbox.push(Effect::Submit { entry, order });
            }
        }
        for id in &plan.take_back {
            let order = id.clone();
            self.outbox.push(Effect::Cancel { entry, order });
        }
        for text in &breaks {
            notices.push(Notice::Alarm {
                key: "mismatch",
                text: text.clone(),
            });
        }
        self.rails.agreement = match breaks.into_iter().next() {
            None => Agreement::Agree,
            Some(first) => Agreement::Mismatch(first),
        };
        Ok(notices)
    }

    /// Puts everything on disk, then sends what was written down. What is known after sending is written at once and is on
    /// disk with the next batch.
    ///
    /// # Errors
    /// When the journal cannot be written: nothing was sent that is not on disk, and nothing will be.
    pub fn flush(&mut self, stamp: Stamp, broker: &mut dyn Broker) -> Result<Vec<Notice>, DeskError> {
        let durable = self.journal.commit()?;
        let mut notices = Vec::new();
        for effect in std::mem::take(&mut self.outbox) {
            let entry = effect.entry();
            if entry > durable {
                self.outbox.push(effect);
                continue;
            }
            match effect {
                Effect::Submit { order, .. } => {
                    let submission = broker.submit(&order);
                    let result = wire::SubmitResult {
                        order: order.id.to_string(),
                        submission: convert::submission_out(&submission),
                    };
                    notices.extend(self.record(stamp, entry, &result.into())?.1);
                    if let Submission::NotSent(fault) | Submission::Unknown(fault) = submission {
                        let text = format!("order `{}`: {}", order.id, fault.what);
                        notices.push(Notice::Alarm { key: "submit", text });
                    }
                }
                Effect::Cancel { order, .. } => {
                    if let Err(fault) = broker.cancel(&order) {
                        let text = format!("order `{order}` could not be taken back: {}", fault.what);
                        let key = "cancel".to_owned();
                        let alarm = wire::Alarm {
                            key,
                            text: text.clone(),
                        };
                        self.record(stamp, entry, &alarm.into())?;
                        notices.push(Notice::Alarm { key: "cancel", text });
                    }
                }
            }
        }
        Ok(notices)
    }

    /// Halts or lets go, written down.
    ///
    /// # Errors
    /// As [`OrderDesk::record`].
    pub fn halt(&mut self, stamp: Stamp, halt: &Halt) -> Result<(), DeskError> {
        let record = wire::Halt {
            level: halt.word().to_owned(),
            why: halt.why().to_owned(),
        };
        self.record(stamp, 0, &record.into())?;
        self.rails.halt = halt.clone();
        Ok(())
    }

    /// Ends the run in good order; orders at work stay at work.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub fn end(self, stamp: Stamp, why: &str, link: alula_journal::Hash) -> Result<(), DeskError> {
        let mut journal = self.journal;
        let why = why.to_owned();
        journal.append(
            stamp,
            0,
            &wire::RunEnded {
                why: why.clone(),
                link,
            }
            .into(),
        )?;
        Ok(journal.end(stamp.received_ns, &why)?)
    }

    /// The orders.
    #[must_use]
    pub fn orders(&self) -> &Orders {
        &self.orders
    }

    /// Puts everything on disk; sends nothing.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub fn commit(&mut self) -> Result<u64, JournalError> {
        self.journal.commit()
    }

    /// The journal alone, for its last entry.
    pub(crate) fn into_journal(self) -> Journal {
        self.journal
    }

    /// The journal.
    #[must_use]
    pub const fn journal(&self) -> &Journal {
        &self.journal
    }

    /// The rails.
    #[must_use]
    pub fn rails(&self) -> &Rails {
        &self.rails
    }

    /// The rails, to change limits or say what blocks entries.
    pub fn rails_mut(&mut self) -> &mut Rails {
        &mut self.rails
    }

    /// Whether something waits to be sent.
    #[must_use]
    pub fn has_unsent(&self) -> bool {
        !self.outbox.is_empty()
    }
}

/// The engine's time in whole seconds.
fn now_of(stamp: Stamp) -> Instant {
    Instant(stamp.engine_ns.div_euclid(1_000_000_000))
}
