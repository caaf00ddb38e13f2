//! Our orders as the broker tells of them: what is told to the host, once.

use crate::amount;
use crate::codes::{self, OrderMessage};
use crate::model::{Event, ExecKind, Execution, Instrument, Told};
use crate::order;
use crate::stamp;
use crate::tape::Tape;
use ibapi::Notice;
use ibapi::orders::{
    CommissionReport, ExecutionData, ExecutionSide, OrderData, OrderStatus, OrderStatusKind,
};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Sent,
    Working,
    Over,
}

#[derive(Debug)]
struct Work {
    id: String,
    phase: Phase,
    /// The broker's last words on it.
    words: String,
}

/// Orders and executions of one account.
#[derive(Debug)]
pub struct Desk {
    account: String,
    fee_wait: Duration,
    orders: BTreeMap<i32, Work>,
    numbers: BTreeMap<String, i32>,
    /// Numbers of orders that only ask for a margin.
    asked: BTreeSet<i32>,
    /// Executions.
    pub tape: Tape,
}

impl Desk {
    /// An empty desk. A trade waits so long for its commission.
    #[must_use]
    pub fn new(account: &str, fee_wait: Duration) -> Self {
        Self {
            account: account.to_owned(),
            fee_wait,
            orders: BTreeMap::new(),
            numbers: BTreeMap::new(),
            asked: BTreeSet::new(),
            tape: Tape::default(),
        }
    }

    /// Binds a host's id to the number that its order is about to be sent under.
    pub fn bind(&mut self, number: i32, id: &str) {
        self.numbers.insert(id.to_owned(), number);
        self.orders.insert(
            number,
            Work {
                id: id.to_owned(),
                phase: Phase::Sent,
                words: String::new(),
            },
        );
    }

    /// The order under this number certainly never left.
    pub fn unbind(&mut self, number: i32) {
        if let Some(work) = self.orders.remove(&number) {
            self.numbers.remove(&work.id);
        }
    }

    /// A number under which a margin is asked for: nothing of it is an order.
    pub fn ask(&mut self, number: i32) {
        self.asked.insert(number);
    }

    /// The number of an order of ours.
    #[must_use]
    pub fn number(&self, id: &str) -> Option<i32> {
        self.numbers.get(id).copied()
    }

    /// An order that the broker shows. One of ours from before this process is taken in without a word: the snapshot that
    /// the host asks for tells of it.
    pub fn open_order(&mut self, data: &OrderData, out: &mut Told) {
        if data.order.what_if || self.asked.contains(&data.order_id) {
            return;
        }
        if !self.orders.contains_key(&data.order_id) {
            let Some((id, _)) = order::parse_reference(&data.order.order_ref) else {
                return;
            };
            if data.order_id <= 0 || self.numbers.contains_key(id) {
                return;
            }
            self.bind(data.order_id, id);
            if let Some(work) = self.orders.get_mut(&data.order_id) {
                work.phase = if data.order_state.status.is_terminal() {
                    Phase::Over
                } else {
                    Phase::Working
                };
            }
            return;
        }
        let words = if data.order_state.reject_reason.is_empty() {
            &data.order_state.warning_text
        } else {
            &data.order_state.reject_reason
        };
        if !words.is_empty() {
            self.words(data.order_id, words, out);
        }
        self.standing(data.order_id, data.order.perm_id, &data.order_state.status, out);
    }

    /// The status of an order; it may come many times.
    pub fn status(&mut self, status: &OrderStatus, out: &mut Told) {
        if !self.asked.contains(&status.order_id) {
            self.standing(status.order_id, status.perm_id, &status.status, out);
        }
    }

    fn words(&mut self, number: i32, words: &str, out: &mut Told) {
        if let Some(work) = self.orders.get_mut(&number) {
            if work.words != words {
                out.note(format!("order {}: {words}", work.id));
            }
            work.words = words.to_owned();
        }
    }

    fn standing(&mut self, number: i32, perm_id: i64, kind: &OrderStatusKind, out: &mut Told) {
        let Some(work) = self.orders.get_mut(&number) else {
            return;
        };
        if work.phase == Phase::Over {
            return;
        }
        let (id, words) = (work.id.clone(), work.words.clone());
        let mut acknowledge = |work: &mut Work| {
            if work.phase == Phase::Sent && perm_id != 0 {
                work.phase = Phase::Working;
                out.tell(Event::Acknowledged {
                    order: id.clone(),
                    broker_order: perm_id.to_string(),
                });
            }
        };
        match kind {
            OrderStatusKind::PreSubmitted | OrderStatusKind::Submitted | OrderStatusKind::PendingCancel => {
                acknowledge(work)
            }
            OrderStatusKind::Filled => {
                acknowledge(work);
                work.phase = Phase::Over;
            }
            OrderStatusKind::Cancelled | OrderStatusKind::ApiCancelled => {
                work.phase = Phase::Over;
                let why = if words.is_empty() {
                    "taken back, or its day is over".to_owned()
                } else {
                    words
                };
                self.trades_of(&id, out);
                out.tell(Event::Cancelled { order: id, text: why });
            }
            OrderStatusKind::Inactive => {
                work.phase = Phase::Over;
                let why = if words.is_empty() {
                    "the broker made it inactive".to_owned()
                } else {
                    words
                };
                self.trades_of(&id, out);
                out.tell(Event::Rejected { order: id, text: why });
            }
            // On its way: nothing is known yet.
            OrderStatusKind::ApiPending | OrderStatusKind::PendingSubmit => {}
            OrderStatusKind::Unknown(other) => {
                out.note(format!("order {id}: a status that is not known here: `{other}`"));
            }
        }
    }

    fn trades_of(&mut self, id: &str, out: &mut Told) {
        out.fills(self.tape.due_of(id));
    }

    /// A message that carries an order's number.
    pub fn notice(&mut self, notice: &Notice, out: &mut Told) {
        let text = format!("{} [{}]", notice.message.trim(), notice.code);
        let Some(number) = notice.request_id else {
            return;
        };
        if self.asked.contains(&number) {
            return;
        }
        let Some(work) = self.orders.get_mut(&number) else {
            out.note(format!("order number {number}: {text}"));
            return;
        };
        let id = work.id.clone();
        let refuse = match codes::of_order(notice.code, notice.is_informational()) {
            OrderMessage::Refused => work.phase != Phase::Over,
            OrderMessage::RefusedUnlessWorking => work.phase == Phase::Sent,
            OrderMessage::Cancelled => {
                // The status that follows ends it; these are its words.
                work.words = text;
                return;
            }
            OrderMessage::CancelRefused => {
                out.note(format!("order {id}: it could not be taken back: {text}"));
                return;
            }
            OrderMessage::Words => false,
        };
        if refuse {
            work.phase = Phase::Over;
            self.trades_of(&id, out);
            out.tell(Event::Rejected { order: id, text });
        } else {
            self.words(number, &text, out);
        }
    }

    /// Whether an execution is one of this account's legs. The broker also reports the combination itself, which moves no
    /// position of its own.
    #[must_use]
    pub fn concerns(&self, data: &ExecutionData) -> bool {
        let account = &data.execution.account_number;
        !data.contract.is_bag() && (*account == self.account || account.is_empty())
    }

    /// An execution as a trade; `at_ns` is the time that stands in where the broker's cannot be read.
    ///
    /// # Errors
    /// One line when a number of it is none.
    pub fn trade(
        &self,
        data: &ExecutionData,
        instrument: Instrument,
        at_ns: i64,
    ) -> Result<Execution, String> {
        let e = &data.execution;
        let wrong = |what: &str| format!("execution {}: {what}", e.execution_id);
        if e.execution_id.is_empty() {
            return Err("an execution without an id".to_owned());
        }
        let size = amount::whole(e.shares)
            .filter(|s| *s > 0)
            .ok_or_else(|| wrong("its size is no whole number"))?;
        Ok(Execution {
            kind: ExecKind::Trade,
            id: e.execution_id.clone(),
            corrects: None,
            order: order::parse_reference(&e.order_reference).map(|(id, _)| id.to_owned()),
            contract: instrument,
            quantity: match e.side {
                ExecutionSide::Bought => size,
                ExecutionSide::Sold => -size,
            },
            price_e9: amount::from_f64(e.price).ok_or_else(|| wrong("its price is no number"))?,
            fee_e9: None,
            at_ns: stamp::of_execution(&e.time).unwrap_or(at_ns),
        })
    }

    /// A trade as it happens.
    pub fn traded(&mut self, trade: Execution, now: Instant, out: &mut Told) {
        out.fills(self.tape.trade(trade, now, self.fee_wait));
    }

    /// The commission of a trade.
    pub fn commission(&mut self, report: &CommissionReport, out: &mut Told) {
        match amount::from_f64(report.commission) {
            Some(fee) if report.currency == "USD" || report.currency.is_empty() => {
                out.fills(self.tape.fee(&report.execution_id, fee));
            }
            Some(_) => {
                let text = format!(
                    "execution {}: its fee is in {}, not told",
                    report.execution_id, report.currency
                );
                out.note(text);
            }
            // The broker's largest double: it does not know yet, and reports again.
            None => {}
        }
    }

    /// Time has passed.
    pub fn tick(&mut self, now: Instant, out: &mut Told) {
        out.fills(self.tape.due(now));
    }

    /// The connection is gone: what still waits for a commission is told without.
    pub fn lost(&mut self, out: &mut Told) {
        out.fills(self.tape.flush());
    }
}

#[cfg(test)]
#[path = "desk_tests.rs"]
mod tests;
