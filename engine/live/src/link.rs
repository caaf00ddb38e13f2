//! The connection of a run to its broker: it stands, it breaks, it comes back, and each time journal and broker are compared.
//!
//! A broker's process that dies is opened anew. Whatever was on its way then is of unknown fate, and the comparison says what
//! became of it: found at the broker, or abandoned and never sent again.

use crate::broker::{Broker, BrokerEvent, BrokerFault, ClientOrderId};
use crate::keeper::stamp;
use crate::order::{Notice, OrderDesk, OrderState};
use crate::reconcile::{Action, Mismatch, Occasion, Policy, Reconciler};
use crate::trader::{Margins, Reopen, Sheet, TradeError, Trader};
use alula_market::contract::Instrument;
use alula_market::time::Instant;
use std::collections::BTreeMap;
use std::time::Duration;

/// Looks at the answers to one comparison before it counts as failed.
const LOOKS_MAX: u32 = 64;
/// Questions to a broker at the start until it has to stand.
const WAITS_MAX: i64 = 90;
/// How often a broker's process may die at one snapshot.
const REVIVALS_MAX: u32 = 5;
/// Seconds after which a broker that has not said a word of an order is asked for what it has.
const UNHEARD_S: i64 = 30;
/// Seconds between comparisons while all is well: once for each session.
const EVERY_S: i64 = 20 * 3_600;

/// How the connection stands.
#[derive(Debug)]
pub struct Link {
    connected: bool,
    reconciler: Reconciler,
    /// What did not fit at the last comparison.
    mismatches: Vec<String>,
    /// Positions that did not fit: what the broker shows.
    off: BTreeMap<Instrument, Option<i64>>,
    /// The instant that a simulated broker has for now, where it was told one.
    pub(crate) clock: Option<Instant>,
    /// How long the next question waits for something to happen.
    patience: Duration,
    /// Why it broke last.
    down: Option<String>,
    /// Processes that died under this run.
    revivals: u64,
    /// What a person should hear of, oldest first.
    news: Vec<String>,
    /// Orders that were sent, and of which nothing may have been heard.
    unheard: BTreeMap<ClientOrderId, Instant>,
    /// Something could not be asked for, and why as it was said.
    not_asked: bool,
    why_not: Option<String>,
}

impl Link {
    fn new(broker: &dyn Broker, last_request: u64) -> Self {
        // Where nothing can be on its way there is nothing to wait for.
        let policy = if broker.facts().caps.simulated {
            Policy {
                quiet_s: 0,
                flight_s: 0,
                skew_s: 0,
                drained: true,
                every_s: EVERY_S,
                ..Policy::default()
            }
        } else {
            Policy::default()
        };
        Self {
            connected: false,
            reconciler: Reconciler::new(policy, broker.facts().caps, last_request),
            mismatches: Vec::new(),
            off: BTreeMap::new(),
            clock: None,
            patience: Duration::ZERO,
            down: None,
            revivals: 0,
            news: Vec::new(),
            unheard: BTreeMap::new(),
            not_asked: false,
            why_not: None,
        }
    }

    /// It stands.
    #[must_use]
    pub const fn is_up(&self) -> bool {
        self.connected
    }

    /// What did not fit when journal and broker were compared last.
    #[must_use]
    pub fn mismatches(&self) -> &[String] {
        &self.mismatches
    }

    /// What the broker shows of a position that did not fit at the last comparison; nothing where it fits.
    pub(crate) fn shown(&self, instrument: &Instrument) -> Option<Option<i64>> {
        self.off.get(instrument).copied()
    }

    /// Somebody wants a comparison now.
    pub(crate) fn want(&mut self) {
        self.reconciler.wanted();
    }

    /// The last comparison that was begun is over.
    pub(crate) fn is_settled(&self) -> bool {
        self.reconciler.is_settled()
    }

    /// The next question waits for something to happen.
    pub(crate) const fn be_patient(&mut self) {
        self.patience = Duration::from_secs(1);
    }

    /// Keeps what a person must see.
    pub(crate) fn note(&mut self, notice: Notice) {
        self.news.extend(alarm(notice));
    }

    /// Keeps a sentence that a person should hear.
    pub(crate) fn tell(&mut self, text: String) {
        self.news.push(text);
    }

    /// Something could not be asked for: it is asked for again, and said once for each reason.
    pub(crate) fn not_asked(&mut self, why: String) {
        self.not_asked = true;
        if self.why_not.as_ref() != Some(&why) {
            self.news.push(format!(
                "something could not be asked for, and is asked for again: {why}"
            ));
            self.why_not = Some(why);
        }
    }

    /// Whether something could not be asked for since the last look.
    pub(crate) fn take_not_asked(&mut self) -> bool {
        std::mem::take(&mut self.not_asked)
    }

    /// An order was sent.
    pub(crate) fn unheard(&mut self, order: ClientOrderId, at: Instant) {
        self.unheard.insert(order, at);
    }

    /// What happened since the last look, in sentences.
    pub(crate) fn take_news(&mut self) -> Vec<String> {
        std::mem::take(&mut self.news)
    }

    /// Processes of the broker that died and were opened anew.
    #[must_use]
    pub const fn revivals(&self) -> u64 {
        self.revivals
    }
}

/// What a person must see of a notice.
fn alarm(notice: Notice) -> Option<String> {
    match notice {
        Notice::Alarm { text, .. } => Some(text),
        _ => None,
    }
}

impl Trader {
    /// Connects, and compares journal and broker before anything is sent. The sheet is that of the run that is gone on with,
    /// or empty.
    ///
    /// # Errors
    /// When the broker does not answer, or does not agree with the journal.
    pub fn connect(
        (broker, reopen): (Box<dyn Broker + Send>, Option<Reopen>),
        sheet: Sheet,
        desk: &mut OrderDesk,
        (now, received_ns): (Instant, i64),
    ) -> Result<Self, TradeError> {
        let link = Link::new(broker.as_ref(), desk.orders().last_request());
        let mut trader = Self {
            broker,
            reopen,
            sheet,
            settled: 0,
            settled_linear: 0,
            link,
            quotes_itself: false,
            market: Vec::new(),
            margins: Margins::default(),
        };
        let when = (now, received_ns);
        trader.lively(desk, when, |trader, desk| {
            trader.broker.connect()?;
            trader.hear_all(desk, when)
        })?;
        if !trader.broker.facts().caps.simulated {
            trader.wait_for(desk, when)?;
        }
        if trader.link.connected && !trader.link.reconciler.is_settled() {
            let why = trader.link.down.as_deref().or(trader.link.why_not.as_deref());
            let why = why.map_or_else(String::new, |why| format!(": {why}"));
            return Err(TradeError::Odd(format!(
                "broker `{}` did not say what it holds{why}",
                trader.id()
            )));
        }
        if !trader.link.mismatches.is_empty() {
            // What was found stands in the journal before anybody is sent to look at it.
            desk.commit().map_err(crate::order::DeskError::from)?;
            return Err(TradeError::Mismatch {
                broker: trader.id().to_owned(),
                mismatches: std::mem::take(&mut trader.link.mismatches),
            });
        }
        Ok(trader)
    }

    pub(crate) const fn link_mut(&mut self) -> &mut Link {
        &mut self.link
    }

    /// Waits for a connection over a network, and for the comparison: each question is a second, or less where something came.
    fn wait_for(
        &mut self,
        desk: &mut OrderDesk,
        (now, received_ns): (Instant, i64),
    ) -> Result<(), TradeError> {
        for second in 0..WAITS_MAX {
            if self.link.connected && self.link.reconciler.is_settled() {
                break;
            }
            self.link.patience = Duration::from_secs(1);
            self.hear_all(desk, (Instant(now.0.saturating_add(second)), received_ns))?;
        }
        self.link.patience = Duration::ZERO;
        if self.link.connected {
            return Ok(());
        }
        let why = self.link.down.as_deref().unwrap_or("it said nothing");
        Err(TradeError::Odd(format!(
            "broker `{}` cannot be reached: {why}",
            self.id()
        )))
    }

    /// How the connection stands.
    #[must_use]
    pub const fn link(&self) -> &Link {
        &self.link
    }

    /// Does something with the broker; where its process turns out to be gone it is opened anew, journal and broker are
    /// compared, and the thing is done again. What is done must bear that.
    pub(crate) fn lively(
        &mut self,
        desk: &mut OrderDesk,
        when: (Instant, i64),
        mut what: impl FnMut(&mut Self, &mut OrderDesk) -> Result<(), TradeError>,
    ) -> Result<(), TradeError> {
        let mut tries = 0;
        let mut result = what(self, desk);
        while let Err(TradeError::Broker(fault)) = &result {
            if !fault.dead || tries >= REVIVALS_MAX || self.reopen.is_none() {
                return result;
            }
            tries += 1;
            let fault = fault.clone();
            result = self.revive(desk, when, &fault).and_then(|()| what(self, desk));
        }
        result
    }

    /// Opens the broker anew and compares.
    fn revive(
        &mut self,
        desk: &mut OrderDesk,
        when: (Instant, i64),
        fault: &BrokerFault,
    ) -> Result<(), TradeError> {
        self.heard(desk, when, &BrokerEvent::Down(fault.what.clone()))?;
        self.link.clock = None;
        // It forgot which settlements it was told of; telling it again changes nothing.
        self.settled = 0;
        self.settled_linear = 0;
        self.link.revivals = self.link.revivals.saturating_add(1);
        if let Some(reopen) = &mut self.reopen {
            self.broker = reopen()?;
            self.link
                .news
                .push("the broker's process was opened anew".to_owned());
        }
        self.broker.connect()?;
        self.hear_all(desk, when)
    }

    /// One event, into the journal and to whoever compares.
    fn heard(
        &mut self,
        desk: &mut OrderDesk,
        (now, received_ns): (Instant, i64),
        event: &BrokerEvent,
    ) -> Result<Option<Action>, TradeError> {
        match event {
            BrokerEvent::Up => {
                self.link.connected = true;
                self.link.why_not = None;
            }
            BrokerEvent::Down(why) => {
                self.link.connected = false;
                let text = format!("no connection, and no order leaves: {why}");
                self.link.news.push(text);
                self.link.down = Some(why.clone());
            }
            _ => {}
        }
        let (_, notices) = desk.take(stamp(now, received_ns), event)?;
        self.link.news.extend(notices.into_iter().filter_map(alarm));
        Ok(self.link.reconciler.event(now, desk.orders(), event))
    }

    /// Everything that happened, into the journal; and a comparison, where one is due.
    pub(crate) fn hear_all(&mut self, desk: &mut OrderDesk, when: (Instant, i64)) -> Result<(), TradeError> {
        let now = when.0;
        self.ask_after_unheard(desk, now);
        for _ in 0..LOOKS_MAX {
            let mut events = Vec::new();
            let patience = std::mem::take(&mut self.link.patience);
            let polled = self.broker.poll(patience, &mut events);
            let mut actions: Vec<Action> = Vec::new();
            // The comparison looks at the orders as they stand after each event.
            for event in &events {
                if self.quotes_itself && event.is_of_the_market() {
                    self.market.push(event.clone());
                } else {
                    actions.extend(self.heard(desk, when, event)?);
                }
            }
            polled?;
            if self.link.connected {
                actions.extend(self.link.reconciler.clock(now, desk.orders()));
            }
            if actions.is_empty() && events.is_empty() {
                break;
            }
            for action in actions {
                self.act(desk, when, action)?;
            }
        }
        Ok(())
    }

    /// Orders of which a broker has not said a word for long: journal and broker are compared, which says what became of them.
    fn ask_after_unheard(&mut self, desk: &OrderDesk, now: Instant) {
        let unsaid = |id: &ClientOrderId| {
            let state = desk.orders().get(id).map(|o| o.state);
            matches!(state, Some(OrderState::Sent | OrderState::Unknown))
        };
        let link = &mut self.link;
        if link.unheard.is_empty() || self.broker.facts().caps.simulated {
            link.unheard.clear();
            return;
        }
        link.unheard.retain(|id, _| unsaid(id));
        let due = |at: &Instant| now.0.saturating_sub(at.0) >= UNHEARD_S;
        let late: Vec<ClientOrderId> = link
            .unheard
            .extract_if(.., |_, at| due(at))
            .map(|(id, _)| id)
            .collect();
        for id in late {
            let text = format!(
                "order `{id}` was sent {UNHEARD_S} s ago and nothing was heard of it: the broker is asked for what it has"
            );
            link.news.push(text);
            link.want();
        }
    }

    fn act(
        &mut self,
        desk: &mut OrderDesk,
        (now, received_ns): (Instant, i64),
        action: Action,
    ) -> Result<(), TradeError> {
        match action {
            Action::Ask { request, since } => {
                if let Err(fault) = self.broker.request_snapshot(request, since) {
                    if fault.dead || self.broker.facts().caps.simulated {
                        return Err(fault.into());
                    }
                    // The connection may have broken, and nobody has heard of it yet.
                    self.link.reconciler.not_asked(now);
                    self.link.not_asked(fault.what);
                }
            }
            Action::Settle {
                plan,
                occasion,
                account,
            } => {
                if let Some(row) = &account {
                    self.margins.account(row);
                }
                let when = stamp(now, received_ns);
                let open: Vec<_> = desk.orders().open().map(|o| o.spec.id.clone()).collect();
                desk.settle(when, 0, occasion, &plan)?;
                self.link.mismatches = plan.mismatches.iter().map(ToString::to_string).collect();
                let off = plan.mismatches.iter().filter_map(|m| match m {
                    Mismatch::Position {
                        instrument, broker, ..
                    } => Some((*instrument, *broker)),
                    _ => None,
                });
                self.link.off = off.collect();
                for id in open {
                    if let Some(order) = desk.orders().get(&id)
                        && order.state == OrderState::Abandoned
                    {
                        let text = format!(
                            "order `{id}` of `{}` is abandoned: the broker does not have it, and it is not sent again",
                            order.rule
                        );
                        self.link.news.push(text);
                    }
                }
                let first = self.link.mismatches.first();
                let text = match first {
                    Some(first) => format!("it does not agree with the journal, and entries wait: {first}"),
                    None => format!(
                        "it agrees with the journal; {} orders gone on with, {} abandoned",
                        plan.adopted, plan.abandoned
                    ),
                };
                // Of what is compared day by day only trouble is told.
                if first.is_some() || occasion != Occasion::Periodic {
                    self.link.news.push(text);
                }
                self.link.reconciler.settled(now, self.link.mismatches.is_empty());
                // What is to be taken back again leaves now; what could not be heard of is in the next look.
                desk.flush(when, self.broker.as_mut())?;
            }
        }
        Ok(())
    }

    /// Makes sure that a simulated broker knows what time it is: one that was opened anew has no clock before its first quotes.
    /// The clock of one that quotes by itself is ahead of the end of a session that is looked at on the next.
    pub(crate) fn set_clock(&mut self, at: Instant) -> Result<(), TradeError> {
        if self
            .link
            .clock
            .is_none_or(|clock| clock < at || (clock > at && !self.quotes_itself))
        {
            self.broker.quotes(at, &[])?;
            self.link.clock = Some(at);
        }
        Ok(())
    }
}
