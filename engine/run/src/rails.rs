//! Safety rails: what no strategy may do, whatever it decides.
//!
//! The rails know no rules and no prices. They look at an order that somebody wants and at what is the case, and answer
//! with a sentence. What they are not told counts against an entry; an exit is stopped by less.

mod limits;
#[cfg(test)]
mod tests;
mod words;

pub use limits::RailLimits;
pub use words::{Agreement, Ask, Halt, Mode, OpenRisk, Purpose, Rail, Refusal, Seen, Verdict};

use alula_market::money::Usd;
use alula_market::time::Instant;
use std::collections::VecDeque;

/// The rails of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rails {
    /// Limits.
    pub limits: RailLimits,
    /// What is halted.
    pub halt: Halt,
    /// How journal and broker stand to each other.
    pub agreement: Agreement,
    /// Why only exits and hedges pass; `None` in ordinary work.
    pub safe_mode: Option<String>,
    sent: VecDeque<Instant>,
}

impl Rails {
    /// Rails with those limits; nothing is sent until journal and broker were compared.
    #[must_use]
    pub fn new(limits: RailLimits) -> Self {
        Self {
            limits,
            ..Self::default()
        }
    }

    /// Notes an order that was let through.
    pub fn sent(&mut self, now: Instant, _purpose: Purpose) {
        self.sent.push_back(now);
        while self
            .sent
            .front()
            .is_some_and(|at| at.0 <= now.0.saturating_sub(60))
        {
            self.sent.pop_front();
        }
    }

    /// Orders that were let through in the last minute.
    #[must_use]
    pub fn in_last_minute(&self, now: Instant) -> u32 {
        let recent = self.sent.iter().filter(|at| at.0 > now.0.saturating_sub(60));
        u32::try_from(recent.count()).unwrap_or(u32::MAX)
    }

    /// Judges an order. The first rail that stops it answers.
    #[must_use]
    pub fn judge(&self, ask: &Ask, seen: &Seen) -> Verdict {
        let stopped = self
            .always(ask, seen)
            .or_else(|| self.entry(ask))
            .or_else(|| self.money(ask, seen));
        match (stopped, self.limits.mode) {
            (Some((rail, why)), _) => Verdict::Refuse(Refusal { rail, why }),
            (None, Mode::Shadow) => Verdict::Shadow,
            (None, _) => Verdict::Send,
        }
    }

    /// Rails that stop exits too.
    fn always(&self, ask: &Ask, seen: &Seen) -> Option<(Rail, String)> {
        let limits = &self.limits;
        if limits.mode == Mode::ReadOnly {
            return Some((Rail::ReadOnly, "the run only watches the account".to_owned()));
        }
        if let Halt::All(why) = &self.halt {
            return Some((Rail::Halt, format!("everything is halted: {why}")));
        }
        if !seen.connected && limits.mode == Mode::Trade {
            return Some((
                Rail::Connection,
                "there is no connection to the broker".to_owned(),
            ));
        }
        if self.agreement == Agreement::NotCompared && limits.mode == Mode::Trade {
            let why = "orders wait until journal and broker were compared";
            return Some((Rail::Reconcile, why.to_owned()));
        }
        match seen.quotes_at {
            None => {
                return Some((
                    Rail::Stale,
                    "no quotes are known that the order could be priced with".to_owned(),
                ));
            }
            Some(at) => {
                let age = ask.now.0.saturating_sub(at.0);
                if age > limits.stale_after_s {
                    let most = limits.stale_after_s;
                    let why = format!("the quotes are {age} s old, and {most} s is the most");
                    return Some((Rail::Stale, why));
                }
            }
        }
        if ask.not_after <= ask.now {
            return Some((
                Rail::Late,
                "the order's time is over before it is sent".to_owned(),
            ));
        }
        if let Some(ended) = ask.ended {
            let ago = ask.now.0.saturating_sub(ended.0);
            if ago < limits.settle_s {
                let why = format!("the last order ended {ago} s ago, and its trades may be on their way");
                return Some((Rail::Settling, why));
            }
        }
        let most = if ask.purpose == Purpose::Close {
            limits.orders_per_minute.saturating_mul(2)
        } else {
            limits.orders_per_minute
        };
        let count = self.in_last_minute(ask.now);
        (count >= most).then(|| {
            let why = format!("{count} orders were sent in the last minute, and {most} is the most");
            (Rail::Rate, why)
        })
    }

    /// Rails that let exits and hedges pass.
    fn entry(&self, ask: &Ask) -> Option<(Rail, String)> {
        if ask.purpose != Purpose::Close && ask.open_intents >= self.limits.open_intents {
            let (count, most) = (ask.open_intents, self.limits.open_intents);
            let why = format!("{count} orders have no known end yet, and {most} is the most");
            return Some((Rail::OpenIntents, why));
        }
        if !ask.purpose.is_entry() {
            return None;
        }
        if let Halt::Entries(why) = &self.halt {
            return Some((Rail::Halt, format!("entries are halted: {why}")));
        }
        if let Agreement::Mismatch(why) = &self.agreement {
            return Some((Rail::Reconcile, format!("entries wait: {why}")));
        }
        if let Some(why) = &self.safe_mode {
            return Some((Rail::SafeMode, format!("only exits and hedges pass: {why}")));
        }
        ask.room_is_low.then(|| {
            let why = "the journal's disk is nearly full; what is left is for exits";
            (Rail::Disk, why.to_owned())
        })
    }

    /// Limits in money. What is not known counts as too much, where a limit asks for it.
    fn money(&self, ask: &Ask, seen: &Seen) -> Option<(Rail, String)> {
        let limits = &self.limits;
        if let Some(most) = limits.loss_per_day
            && ask.purpose.is_entry()
        {
            match seen.lost_today {
                None => {
                    let why = "what was lost today is not known, and there is a limit to it".to_owned();
                    return Some((Rail::Loss, why));
                }
                Some(lost) if lost >= most => {
                    let why = format!(
                        "{} was lost today, and {} is the most",
                        dollars(lost),
                        dollars(most)
                    );
                    return Some((Rail::Loss, why));
                }
                Some(_) => {}
            }
        }
        if ask.purpose == Purpose::Close {
            return None;
        }
        if let Some(most) = limits.margin {
            match seen.margin_with {
                None => {
                    let why = "the margin with the order is not known, and there is a limit to it".to_owned();
                    return Some((Rail::Margin, why));
                }
                Some(margin) if margin > most => {
                    let why = format!(
                        "the margin with the order is {}, and {} is the most",
                        dollars(margin),
                        dollars(most)
                    );
                    return Some((Rail::Margin, why));
                }
                Some(_) => {}
            }
        }
        let most = limits.open_risk?;
        let orders = ask.open_orders_risk;
        let Some((positions, own)) = seen.position_risk.zip(ask.risk).filter(|_| orders.unknown == 0) else {
            let why =
                "what positions and orders can lose is not known, and there is a limit to it".to_owned();
            return Some((Rail::Risk, why));
        };
        let total = positions + orders.known + own;
        (total > most).then(|| {
            let why = format!(
                "positions, orders at work and this one could lose {}, and {} is the most",
                dollars(total),
                dollars(most)
            );
            (Rail::Risk, why)
        })
    }
}

/// Judges an order by what its broker says: the initial margin of the account with it, against the limit of the run and against
/// what the account is worth.
#[must_use]
pub fn by_broker(initial: Usd, most: Option<Usd>, worth: Option<Usd>) -> Option<Refusal> {
    let asks = format!(
        "the broker asks for {} of initial margin with the order",
        dollars(initial)
    );
    let over = |limit: Option<Usd>| limit.filter(|limit| initial > *limit);
    if let Some(most) = over(most) {
        let why = format!("{asks}, and {} is the most", dollars(most));
        return Some(Refusal {
            rail: Rail::Margin,
            why,
        });
    }
    over(worth).map(|worth| Refusal {
        rail: Rail::Funds,
        why: format!("{asks}, and the account is worth {}", dollars(worth)),
    })
}

/// `$1,234.50`, for a sentence.
#[must_use]
pub fn dollars(amount: Usd) -> String {
    let cents = amount.0.unsigned_abs() / 10_000;
    let whole = (cents / 100).to_string();
    let mut grouped = String::new();
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let sign = if amount.0 < 0 { "-" } else { "" };
    format!("{sign}${grouped}.{:02}", cents % 100)
}
