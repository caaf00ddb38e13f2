//! The broker: takes orders, tries them at each round of quotes, writes down what changed, and says so.

use crate::account::{Account, Entry, MICRO, MILL, contract, instant, legs_of};
use crate::margin;
use crate::market::Market;
use crate::settings::{Config, SETTINGS, chance};
use crate::store::Store;
use crate::venue::{Round, Tried, takes};
use alula_book::payoff;
use alula_market::contract::{Instrument, date_of};
use alula_market::money::Price;
use alula_plugin_sdk::abi::broker::{
    Account as AccountRow, ExecKind, Execution, Kind, Life, OrderRow, Status,
};
use alula_plugin_sdk::prelude::*;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// The way to the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    /// Never connected, or disconnected by the host.
    Off,
    Up,
    /// Broken, for so many rounds.
    Down(u64),
}

/// A simulated broker.
#[derive(Debug)]
pub struct Paper {
    config: Config,
    store: Store,
    account: Account,
    link: Link,
    /// The host has not heard of the break yet.
    unheard: bool,
    clock: Option<i64>,
    marks: BTreeMap<Instrument, Price>,
    events: VecDeque<Event>,
    /// What it quotes by itself.
    market: Option<Market>,
}

impl Paper {
    /// Writes entries down, then lets them count, then tells of them.
    fn commit(&mut self, entries: &[Entry]) -> Result<(), String> {
        if entries.is_empty() {
            return Ok(());
        }
        self.store.append(entries)?;
        for entry in entries {
            self.account.apply(entry)?;
            self.tell(entry);
        }
        Ok(())
    }

    /// Events of an entry; while the connection is broken nobody hears them, and a snapshot must show them.
    fn tell(&mut self, entry: &Entry) {
        if self.link != Link::Up {
            return;
        }
        match entry {
            Entry::Opened { .. } => {}
            Entry::Taken { order, .. } => self.events.push_back(Event::Acknowledged {
                order: order.id.clone(),
                broker_order: broker_order(&order.id),
            }),
            Entry::Filled { executions, .. } | Entry::Settled { executions } => {
                self.events.extend(executions.iter().cloned().map(Event::Filled));
            }
            Entry::Ended {
                order, status, text, ..
            } => {
                let (order, text) = (order.clone(), text.clone());
                match status {
                    Status::Rejected => self.events.push_back(Event::Rejected { order, text }),
                    Status::Expired => self.events.push_back(Event::Expired { order }),
                    Status::Cancelled => self.events.push_back(Event::Cancelled { order, text }),
                    Status::Working | Status::Filled => {}
                }
            }
        }
    }

    /// Breaks and mends the connection, by chance and by the count of rounds.
    fn weather(&mut self, at_ns: i64) {
        match self.link {
            Link::Off => {}
            Link::Down(0) => self.come_up(),
            Link::Down(rounds) => self.link = Link::Down(rounds - 1),
            Link::Up => {
                let rate = self.config.disconnect_rate;
                if chance(self.config.seed, "link", "", at_ns) < rate {
                    self.link = Link::Down(self.config.down_rounds);
                    self.unheard = true;
                    self.events.push_back(Event::Down {
                        text: "simulated: the connection broke".to_owned(),
                    });
                }
            }
        }
    }

    fn come_up(&mut self) {
        self.link = Link::Up;
        self.unheard = false;
        self.events.push_back(Event::Up);
    }

    /// What an order's next round brings: an entry, or nothing.
    fn step(&self, at: usize, round: &mut Round, next: u64) -> Option<Entry> {
        let held = self.account.orders.get(at)?;
        if held.status != Status::Working {
            return None;
        }
        let (id, at_ns) = (&held.order.id, round.at_ns);
        let end = |status: Status, text: &str| {
            Some(Entry::Ended {
                order: id.clone(),
                status,
                text: text.to_owned(),
                at_ns,
            })
        };
        let arrives = held.at_ns.saturating_add(self.config.latency_ns);
        // Quotes of the moment of sending were there before it: an order fills on later ones.
        if round.at_ns <= held.at_ns || round.at_ns < arrives || held.rounds < self.config.latency_rounds {
            return None;
        }
        let apart = held.legs.len() > 1 && chance(self.config.seed, "apart", id, 0) < self.config.apart_rate;
        if apart
            && self
                .account
                .executions
                .iter()
                .any(|e| e.order.as_ref() == Some(id))
        {
            return end(
                Status::Cancelled,
                "simulated: its legs filled apart, and the rest does not trade",
            );
        }
        if held.filled > 0 && held.changed_ns >= round.at_ns {
            // An order trades once on the quotes of one instant, also when they are handed in again after a crash.
            return None;
        }
        if held.filled == 0 {
            if arrives >= held.order.not_after_ns {
                return end(Status::Rejected, "simulated: it arrived too late");
            }
            if chance(self.config.seed, "reject", id, 0) < self.config.reject_rate {
                return end(Status::Rejected, "simulated: refused by chance");
            }
        }
        if held.order.life == Life::Day && instant(held.at_ns).date() < round.at.date() {
            return end(Status::Expired, "");
        }
        if !round.is_for(held) {
            return None;
        }
        match round.attempt(held, &self.account, &self.config, next) {
            Tried::Waits => None,
            Tried::Over(why) => end(Status::Cancelled, &format!("simulated: {why}")),
            Tried::Filled(_, mut executions) if apart => {
                let last = executions.last().map(|e| e.contract);
                executions.retain(|e| Some(&e.contract) != last.as_ref());
                Some(Entry::Filled {
                    order: id.clone(),
                    packages: 0,
                    executions,
                })
            }
            Tried::Filled(packages, executions) => Some(Entry::Filled {
                order: id.clone(),
                packages,
                executions,
            }),
        }
    }

    /// Positions that a final value ends, as one entry.
    fn settlement(&self, at_ns: i64, value: &FinalValue) -> Result<Option<Entry>, String> {
        let expiry = date_of(value.expiry);
        let price = Price(value.price_e9 / MILL);
        let mut executions = Vec::new();
        for (what, quantity) in &self.account.positions {
            let kind = match what {
                Instrument::Option(_) => Kind::Option,
                Instrument::Future(_) => Kind::Future,
                Instrument::Share(_) => Kind::Share,
            };
            if kind != value.kind || what.class() != value.class.as_str() || what.expiry() != expiry {
                continue;
            }
            if what.settles_at().is_some_and(|at| at > instant(at_ns)) {
                return Err(format!(
                    "`{what}` settles later than the value that was handed in"
                ));
            }
            let worth = match what {
                Instrument::Option(c) => payoff::intrinsic(c.right, c.strike, price),
                Instrument::Future(_) | Instrument::Share(_) => price,
            };
            let Some(contract) = contract(what) else { continue };
            let serial = (self.account.executions.len() + executions.len()) as u64;
            executions.push(Execution {
                kind: ExecKind::Settlement,
                id: format!("sim-{serial}"),
                corrects: None,
                order: None,
                contract,
                quantity: quantity.saturating_neg(),
                price_e9: worth.0.saturating_mul(MILL),
                fee_e9: Some(0),
                at_ns,
            });
        }
        Ok((!executions.is_empty()).then_some(Entry::Settled { executions }))
    }
}

/// The broker's own name for an order.
fn broker_order(id: &str) -> String {
    format!("sim:{id}")
}

impl Broker for Paper {
    const ID: &'static CStr = c"paper";
    const VERSION: &'static CStr = c"1.0.0";
    const DOC: &'static CStr =
        c"simulated: fills packages from the engine's quotes, on a durable account of its own";
    const CAPS: Caps = Caps::COMBOS
        .and(Caps::DEDUP)
        .and(Caps::ORDERS)
        .and(Caps::FILLS)
        .and(Caps::HOLDINGS)
        .and(Caps::SIMULATED)
        .and(Caps::WHAT_IF)
        .and(Caps::QUOTES)
        .and(Caps::INDICES)
        .and(Caps::CHAINS);
    const SETTINGS: &'static [Setting] = SETTINGS;

    fn new(settings: &Settings, _: Services) -> Result<Self, String> {
        let config = Config::read(settings)?;
        let (store, entries) = Store::open(&config.folder)?;
        let mut account = Account::default();
        for entry in &entries {
            account.apply(entry)?;
        }
        let newest_ns = account.orders.iter().map(|o| o.changed_ns).max();
        let market = Market::open(&config, newest_ns.unwrap_or(0))?;
        let mut paper = Self {
            store,
            account,
            link: Link::Off,
            unheard: false,
            clock: None,
            marks: BTreeMap::new(),
            events: VecDeque::new(),
            market,
            config,
        };
        if !paper.account.opened {
            let cash_e9 = paper.config.cash.0.saturating_mul(MICRO);
            paper.commit(&[Entry::Opened { cash_e9 }])?;
        }
        Ok(paper)
    }

    fn connect(&mut self) -> Result<(), String> {
        self.store.sound()?;
        if self.link != Link::Up {
            self.come_up();
        }
        Ok(())
    }

    fn disconnect(&mut self) -> Result<(), String> {
        self.link = Link::Off;
        self.unheard = false;
        Ok(())
    }

    fn poll(&mut self, _: Duration) -> Result<Vec<Event>, String> {
        self.store.sound()?;
        // Nothing happens between two rounds of quotes: waiting would be for nothing.
        self.unheard = false;
        Ok(self.events.drain(..).collect())
    }

    fn submit(&mut self, order: &Order) -> Result<(), Refused> {
        self.store.sound().map_err(Refused::NotSent)?;
        if self.account.order(&order.id).is_some() {
            return Err(Refused::Duplicate);
        }
        let Some(now) = self.clock else {
            return Err(Refused::NotSent(
                "simulated: no quotes have come yet, which are its clock".to_owned(),
            ));
        };
        let lost = match self.link {
            Link::Up => None,
            Link::Down(_) if self.unheard => Some(true),
            Link::Off | Link::Down(_) => Some(false),
        };
        if lost == Some(false) {
            return Err(Refused::NotSent("simulated: it is not connected".to_owned()));
        }
        if now >= order.not_after_ns {
            return Err(Refused::NotSent(
                "simulated: the order is past its time".to_owned(),
            ));
        }
        let legs = legs_of(order).map_err(|why| Refused::Rejected(format!("simulated: {why}")))?;
        takes(&legs, &self.config).map_err(|why| Refused::Unsupported(format!("simulated: {why}")))?;
        let entry = Entry::Taken {
            order: order.clone(),
            at_ns: now,
        };
        // The connection broke and the host does not know: half of what it sends still arrives.
        let arrives = lost.is_none() || chance(self.config.seed, "arrive", &order.id, 0) < 0.5;
        if arrives {
            // A failed write may have reached the disk.
            self.commit(&[entry]).map_err(Refused::Unknown)?;
        }
        if lost.is_some() {
            return Err(Refused::Unknown(
                "simulated: the connection broke while it was sent".to_owned(),
            ));
        }
        Ok(())
    }

    fn cancel(&mut self, order: &str) -> Result<(), String> {
        self.store.sound()?;
        if self.link != Link::Up {
            return Err("simulated: it is not connected".to_owned());
        }
        let held = self.account.order(order).ok_or("there is no such order")?;
        if held.status != Status::Working {
            // Too late: what became of it was told, or is in a snapshot.
            return Ok(());
        }
        let at_ns = self.clock.unwrap_or(held.at_ns);
        self.commit(&[Entry::Ended {
            order: order.to_owned(),
            status: Status::Cancelled,
            text: "taken back".to_owned(),
            at_ns,
        }])
    }

    fn request_snapshot(&mut self, request: u64, since_ns: i64) -> Result<(), String> {
        self.store.sound()?;
        if self.link != Link::Up {
            return Err("simulated: it is not connected".to_owned());
        }
        let account = &self.account;
        let mut rows = vec![Event::SnapshotBegin { request }];
        for held in &account.orders {
            if held.status != Status::Working && held.changed_ns < since_ns {
                continue;
            }
            rows.push(Event::SnapshotOrder {
                request,
                row: OrderRow {
                    order: Some(held.order.id.clone()),
                    broker_order: broker_order(&held.order.id),
                    status: held.status,
                    filled: held.filled,
                    left: held.left(),
                },
            });
        }
        for execution in account.executions.iter().filter(|e| e.at_ns >= since_ns) {
            rows.push(Event::SnapshotFill {
                request,
                execution: execution.clone(),
            });
        }
        for (what, quantity) in &account.positions {
            if let Some(contract) = contract(what) {
                rows.push(Event::SnapshotHolding {
                    request,
                    contract,
                    quantity: *quantity,
                });
            }
        }
        let value = account.value(|what| self.marks.get(what).copied());
        rows.push(Event::SnapshotAccount {
            request,
            account: AccountRow {
                cash_e9: account.cash().0.saturating_mul(MICRO),
                net_liquidation_e9: value.0.saturating_mul(MICRO),
                initial_margin_e9: None,
                maintenance_margin_e9: None,
            },
        });
        rows.push(Event::SnapshotEnd { request });
        self.events.extend(rows);
        Ok(())
    }

    fn quotes(&mut self, at_ns: i64, quotes: &[Quote]) -> Result<(), String> {
        self.store.sound()?;
        let past = self.clock.filter(|now| at_ns < *now);
        if let Some(now) = past.filter(|_| self.market.is_some()) {
            // What a session settled at comes after it, when the next one is looked at.
            self.round(at_ns, quotes)?;
            self.clock = Some(now);
            return Ok(());
        }
        if past.is_some() {
            return Err("simulated: quotes of an earlier time than those before".to_owned());
        }
        let Some(mut market) = self.market.take() else {
            return self.round(at_ns, quotes);
        };
        let wanted = self.account.concerned();
        let heard = market.upto(at_ns, &wanted);
        self.market = Some(market);
        for told in heard? {
            self.clock = Some(told.at_ns);
            if let Some(quotes) = told.round {
                self.round(told.at_ns, &quotes)?;
            }
            if self.link == Link::Up {
                self.events.extend(told.quotes.into_iter().map(Event::Quote));
            }
        }
        if !quotes.is_empty() {
            self.round(at_ns, quotes)?;
        }
        self.clock = Some(at_ns);
        Ok(())
    }

    fn watch(&mut self, contracts: &[Contract]) -> Result<(), String> {
        let most = self.config.lines;
        if most > 0 && contracts.len() > most {
            return Err(format!(
                "simulated: {} things to quote, and {most} lines",
                contracts.len()
            ));
        }
        let market = self.market.as_mut().ok_or(NO_MARKET)?;
        market.watch(contracts);
        Ok(())
    }

    fn list(&mut self, request: u64, underlying: &Word) -> Result<(), String> {
        let market = self.market.as_mut().ok_or(NO_MARKET)?;
        let listed = market.listed(underlying.as_str())?;
        let listed = listed
            .into_iter()
            .map(|listing| Event::Listed { request, listing });
        self.events.extend(listed);
        self.events.push_back(Event::ListEnd { request });
        Ok(())
    }

    fn what_if(&mut self, order: &Order) -> Result<WhatIf, String> {
        self.store.sound()?;
        if self.link != Link::Up {
            return Err("simulated: it is not connected".to_owned());
        }
        if !self.config.what_if_takes.is_zero() {
            std::thread::sleep(self.config.what_if_takes);
        }
        if self.config.what_if == 0 {
            return Err("simulated: it says nothing of margins (`what_if=0`)".to_owned());
        }
        let simulated = |why: String| format!("simulated: {why}");
        let legs = legs_of(order).map_err(simulated)?;
        takes(&legs, &self.config).map_err(simulated)?;
        let now_ns = self.clock.ok_or("simulated: no quotes have come yet")?;
        let marks = |what: &Instrument| self.marks.get(what).copied();
        let of = (&self.account, &self.config);
        let (margin, fee) = margin::what_if(of, (&legs, order.quantity), marks, now_ns).map_err(simulated)?;
        Ok(WhatIf {
            initial_margin_e9: margin.0.saturating_mul(MICRO),
            maintenance_margin_e9: margin.0.saturating_mul(MICRO),
            fee_e9: fee.0.saturating_mul(MICRO),
        })
    }

    fn final_values(&mut self, at_ns: i64, values: &[FinalValue]) -> Result<(), String> {
        self.store.sound()?;
        for value in values {
            if let Some(entry) = self.settlement(at_ns, value)? {
                self.commit(&[entry])?;
            }
        }
        Ok(())
    }
}

/// Why it does not quote.
const NO_MARKET: &str = "simulated: it has no `market` of its own to quote from";

impl Paper {
    /// Quotes of an instant: the connection breaks or mends, and orders are tried.
    fn round(&mut self, at_ns: i64, quotes: &[Quote]) -> Result<(), String> {
        self.clock = Some(at_ns);
        self.weather(at_ns);
        let mut round = Round::new(at_ns, quotes);
        self.marks.extend(round.mids());
        for at in 0..self.account.orders.len() {
            let next = self.account.executions.len() as u64;
            // Each fill changes what the next order finds in the account.
            if let Some(entry) = self.step(at, &mut round, next) {
                self.commit(&[entry])?;
            }
            if let Some(held) = self.account.orders.get_mut(at)
                && held.at_ns < at_ns
                && held.status == Status::Working
                && round.is_for(held)
            {
                held.rounds = held.rounds.saturating_add(1);
            }
        }
        Ok(())
    }
}
