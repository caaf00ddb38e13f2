//! What an order would take, by its broker's word: asked before an order that opens something is sent for the first time.
//!
//! The engine counts margin by the strategy's rulebook. A broker counts by its own, and raises it when it likes: an order that
//! the engine can afford may be one that the broker calls. So it is asked, its answer is an input and stands in the journal,
//! and an answer beyond the limit of the run or beyond what the account is worth stops the order as the other rails do. A
//! question orders nothing, so a crash between question and order is no more than a question. A replay asks nobody: what came
//! of the answer stands in the journal as the order, or as its refusal.

use super::{TradeError, Trader, Unsent};
use crate::broker::{AccountRow, BrokerFault, WhatIf};
use crate::keeper::stamp;
use crate::order::{OrderDesk, Purpose};
use crate::rails::{self, Rail, Refusal, Seen, Verdict};
use alula_book::OrderId;
use alula_journal::wire;
use alula_market::money::Usd;
use alula_market::time::Instant;
use alula_run::Crank;
use std::fmt;
use std::sync::Arc;

/// What a broker's word on margin counts for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Advice {
    /// It is not asked.
    Off,
    /// What it says holds; where it says nothing the engine's own margin does, and it is told.
    #[default]
    Advise,
    /// Without its word nothing is opened.
    Require,
}

impl Advice {
    /// `off`, `advise` or `require`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Advise => "advise",
            Self::Require => "require",
        }
    }

    /// From its word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Off, Self::Advise, Self::Require]
            .into_iter()
            .find(|a| a.word() == word)
    }
}

/// One answer, beside what the engine counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Market time.
    pub at: Instant,
    /// Rule whose order it was.
    pub rule: Arc<str>,
    /// By the broker: initial and maintenance margin of the account with the order, and its fees.
    pub told: WhatIf,
    /// By the engine: what the account requires with the order and with those at work; `None` where it does not know.
    pub own: Option<Usd>,
    /// What the account is worth by the broker's newest account, as far as the run has moved it since.
    pub worth: Option<Usd>,
}

impl Asked {
    /// The broker's initial margin in percent of the engine's own.
    #[must_use]
    pub fn percent(&self) -> Option<i64> {
        let own = i128::from(self.own.filter(|own| own.0 > 0)?.0);
        let told = i128::from(self.told.initial_margin.0);
        i64::try_from(told.checked_mul(100)?.checked_div(own)?).ok()
    }
}

/// What came of the questions of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answers {
    /// What its word counts for.
    pub policy: Advice,
    /// Questions that were answered.
    pub answered: u64,
    /// Questions that were not, or not in time.
    pub unanswered: u64,
    /// Orders that were not sent for it.
    pub refused: u64,
    /// The newest answer.
    pub newest: Option<Asked>,
    /// Least and most of the broker's initial margin in percent of the engine's own.
    pub percent: Option<(i64, i64)>,
}

impl fmt::Display for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let orders = |n: u64| if n == 1 { "1 order" } else { "orders" };
        let times = |n: u64| match n {
            1 => orders(1).to_owned(),
            n => format!("{n} {}", orders(n)),
        };
        write!(f, "the broker told the margin of {}", times(self.answered))?;
        if let Some((least, most)) = self.percent {
            if least == most {
                write!(f, ", {least}% of the engine's own")?;
            } else {
                write!(f, ", {least}% to {most}% of the engine's own")?;
            }
        }
        if self.refused > 0 {
            write!(f, "; {} not sent for it", times(self.refused))?;
        }
        if self.unanswered > 0 {
            write!(f, "; {} without an answer", times(self.unanswered))?;
        }
        Ok(())
    }
}

/// The questions of a run.
#[derive(Debug, Default)]
pub(crate) struct Margins {
    answers: Answers,
    /// The account's worth as it was told, and the book's equity then, where it was seen since.
    worth: Option<(Usd, Option<Usd>)>,
    /// It left a question of this instant without an answer: it is asked nothing more at it.
    silent: Option<Instant>,
    /// What was said of it last, so that it is said once.
    said: Option<String>,
}

impl Margins {
    pub(crate) const fn set(&mut self, policy: Advice) {
        self.answers.policy = policy;
    }

    /// What came of the questions.
    pub(crate) const fn answers(&self) -> &Answers {
        &self.answers
    }

    /// The account as the broker shows it.
    pub(crate) const fn account(&mut self, row: &AccountRow) {
        self.worth = Some((row.net_liquidation, None));
    }

    /// The book's equity, at each snapshot.
    pub(super) const fn equity(&mut self, equity: Usd) {
        if let Some((_, then @ None)) = &mut self.worth {
            *then = Some(equity);
        }
    }

    fn worth(&self, equity: Usd) -> Option<Usd> {
        let (told, then) = self.worth?;
        Some(told + equity - then.unwrap_or(equity))
    }
}

/// It may take on more than it pays for: something of it is sold, or it is a future.
fn takes_margin(order: &Unsent) -> bool {
    let draft = &order.draft;
    let paid_for = |l: &alula_book::instrument::LinearLeg| {
        l.quantity > 0 && matches!(l.instrument, alula_market::contract::Instrument::Option(_))
    };
    matches!(draft.purpose, Purpose::Open | Purpose::Roll) && !draft.legs.iter().all(paid_for)
}

impl Trader {
    /// Asks the broker what an order would take, where it can tell and the rails let the order pass; says why it is not sent.
    pub(super) fn asked(
        &mut self,
        desk: &mut OrderDesk,
        (at, received_ns): (Instant, i64),
        order: &Unsent,
        (crank, seen): (&Crank<'_>, &Seen),
    ) -> Result<Option<Refusal>, TradeError> {
        let policy = self.margins.answers.policy;
        let able = self.broker.facts().caps.what_if;
        let when = stamp(at, received_ns);
        if policy == Advice::Off || !able || !takes_margin(order) {
            return Ok(None);
        }
        if desk.verdict(when, &order.draft, seen) != Verdict::Send {
            return Ok(None);
        }
        if self.margins.silent == Some(at) {
            let why = "it left the question before without an answer";
            return Ok(without_word(policy, why));
        }
        let spec = order.draft.clone().named(desk.next_name()?, 0, false).spec;
        let sent = |id: &OrderId| self.sheet.name(id).is_some();
        let own = crank.margin_of_order(&order.id, &sent);
        // Exits and hedges that come first do not wait for the answer, nor for what a broker without one is in for.
        self.flush(desk, when)?;
        let told = self.broker.what_if(&spec);
        let worth = self.margins.worth(crank.book().equity().share);
        let record = wire::WhatIf {
            group: order.draft.group.as_ref().to_owned(),
            rule: order.draft.rule.as_ref().to_owned(),
            told: match &told {
                Ok(told) => wire::Told::Margins {
                    initial_micros: told.initial_margin.0,
                    maintenance_micros: told.maintenance_margin.0,
                    fee_micros: told.fee.0,
                },
                Err(fault) => wire::Told::Nothing(fault.what.clone()),
            },
            own_micros: own.map(|m| m.0),
            worth_micros: worth.map(|m| m.0),
        };
        desk.record(when, 0, &record.into())?;
        match told {
            Ok(told) => {
                let asked = Asked {
                    at,
                    rule: Arc::clone(&order.draft.rule),
                    told,
                    own,
                    worth,
                };
                Ok(self.judged(asked, crank.limits().and_then(|l| l.margin)))
            }
            Err(fault) => {
                self.untold(desk, (at, received_ns), (order, &fault))?;
                Ok(without_word(policy, &fault.what))
            }
        }
    }

    fn judged(&mut self, asked: Asked, most: Option<Usd>) -> Option<Refusal> {
        let answers = &mut self.margins.answers;
        answers.answered = answers.answered.saturating_add(1);
        if let Some(p) = asked.percent() {
            let (least, most) = answers.percent.unwrap_or((p, p));
            answers.percent = Some((least.min(p), most.max(p)));
        }
        self.margins.said = None;
        let refusal = rails::by_broker(asked.told.initial_margin, most, asked.worth);
        if let Some(refusal) = &refusal {
            let own = asked.own.map_or_else(
                || "the engine does not know its own".to_owned(),
                |own| format!("the engine counts {}", rails::dollars(own)),
            );
            let text = format!("{}: not sent: {}; {own}", asked.rule, refusal.why);
            self.link.tell(text);
            answers.refused = answers.refused.saturating_add(1);
        }
        answers.newest = Some(asked);
        refusal
    }

    /// It did not say. One that is gone is opened anew, as ever; it is asked nothing more at this instant.
    fn untold(
        &mut self,
        desk: &mut OrderDesk,
        when: (Instant, i64),
        (order, fault): (&Unsent, &BrokerFault),
    ) -> Result<(), TradeError> {
        let margins = &mut self.margins;
        margins.answers.unanswered = margins.answers.unanswered.saturating_add(1);
        margins.silent = Some(when.0);
        let what = match margins.answers.policy {
            Advice::Require => {
                margins.answers.refused = margins.answers.refused.saturating_add(1);
                "and nothing is opened without its word"
            }
            Advice::Off | Advice::Advise => "and the engine's own margin counts",
        };
        if margins.said.as_deref() != Some(&fault.what) {
            margins.said = Some(fault.what.clone());
            let text = format!(
                "{}: the broker does not say what the order would take, {what}: {}",
                order.draft.rule, fault.what
            );
            self.link.tell(text);
        }
        if fault.dead {
            // One that was opened anew has no clock before it is told the time, and takes no order.
            self.lively(desk, when, |trader, desk| {
                trader.hear_all(desk, when)?;
                trader.set_clock(when.0)
            })?;
        }
        Ok(())
    }

    /// What its word on margin counts for, from here on.
    pub fn ask_margins(&mut self, policy: Advice) {
        self.margins.set(policy);
    }

    /// The broker can say what an order would take.
    #[must_use]
    pub fn tells_margins(&self) -> bool {
        self.broker.facts().caps.what_if
    }

    /// What came of the questions for margin.
    #[must_use]
    pub fn margins(&self) -> &Answers {
        self.margins.answers()
    }
}

/// Where its word is needed, an order without it is not sent.
fn without_word(policy: Advice, why: &str) -> Option<Refusal> {
    (policy == Advice::Require).then(|| Refusal {
        rail: Rail::Margin,
        why: format!("the broker does not say what the order would take, and its word is required: {why}"),
    })
}
