//! One connection to one account: sends what is asked from the caller's thread, and tells from a thread of its own.
//!
//! The thread connects, listens before it asks for anything, connects again when the connection breaks, and keeps nothing
//! that it has told. **Nothing is ever sent twice**: an order whose fate is not known is the host's to look for in a
//! snapshot.

mod greeting;
mod lines;
mod worker;

use crate::amount;
use crate::contract::{self, Resolved, Unidentified};
use crate::desk::Desk;
use crate::model::{Event, Instrument, Name, Package, Told, WhatIf, Word};
use crate::order::{self, Combos};
use alula_plugin_sdk::abi::broker::one_line;
use ibapi::Error;
use ibapi::client::blocking::{Client, Subscription};
use ibapi::contracts::{Contract, ContractDetails};
use ibapi::orders::PlaceOrder;
use ibapi::subscriptions::SubscriptionItem;
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Nanoseconds since 1970, UTC.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// Where to connect, and as whom.
#[derive(Clone)]
pub struct Config {
    /// Machine that TWS or the gateway runs on.
    pub host: String,
    /// Its API port.
    pub port: u16,
    /// Number of this client. Orders can be taken back only under the number that sent them.
    pub client_id: i32,
    /// Account that is traded.
    pub account: String,
    /// Real money is allowed; otherwise only accounts whose name begins with `DU`.
    pub live: bool,
    /// Take quotes that are minutes old where there is no subscription to live ones.
    pub delayed: bool,
    /// How packages are routed.
    pub combos: Combos,
    /// The clock that orders' `not_after` is held against.
    pub clock: Clock,
    /// Waits.
    pub waits: Waits,
}

/// How long what may take.
#[derive(Clone, Copy, Debug)]
pub struct Waits {
    /// For an answer of the gateway.
    pub answer: Duration,
    /// For the first word of a gateway that is connected to, before it is said that none comes.
    pub greeting: Duration,
    /// Of a trade for its commission.
    pub fee: Duration,
    /// After the first failed attempt to connect; later ones wait longer, up to thirty times as long.
    pub again: Duration,
    /// Between two looks at what has come.
    pub look: Duration,
    /// Between two requests for quotes.
    pub pace: Duration,
    /// Between two questions for the gateway's time, which show that it is still there.
    pub beat: Duration,
}

impl Default for Waits {
    fn default() -> Self {
        Self {
            // A call waits for two answers at most, and must be back before the host's ten seconds are over.
            answer: Duration::from_secs(4),
            greeting: Duration::from_secs(10),
            fee: Duration::from_millis(500),
            again: Duration::from_secs(1),
            look: Duration::from_millis(10),
            pace: Duration::from_millis(60),
            beat: Duration::from_secs(15),
        }
    }
}

/// What is known after sending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Submission {
    /// It is on the wire.
    Sent,
    /// This id was sent before in this process.
    Duplicate,
    /// It certainly never left: the time is over, or there is no connection.
    NotSent(String),
    /// It certainly never left: it cannot be one order here.
    Refused(String),
    /// It may have left, whole or in part.
    Unknown(String),
}

/// What the worker is asked to do.
#[derive(Debug)]
enum Task {
    Snapshot { request: u64, since_ns: i64 },
    Watch(Vec<Instrument>),
    List { request: u64, underlying: Word },
}

struct State {
    /// The host wants a connection.
    wanted: bool,
    /// The connection, when it stands as far as the gateway.
    client: Option<Arc<Client>>,
    /// It stands as far as the broker.
    usable: bool,
    /// A question was not answered: nothing is asked and no order leaves until the gateway has shown that it is there.
    doubt: bool,
    told: Told,
    tasks: VecDeque<Task>,
    desk: Desk,
    contracts: BTreeMap<Instrument, Resolved>,
    instruments: BTreeMap<i32, Option<Instrument>>,
    /// No number below was given away by this process.
    next_number: i32,
    /// Why no connection is tried any more.
    given_up: Option<String>,
}

struct Shared {
    config: Config,
    state: Mutex<State>,
    /// Events have come.
    news: Condvar,
    /// The host wants something.
    work: Condvar,
    stop: AtomicBool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Every critical section leaves the state whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, news: Told) {
        let mut state = self.lock();
        state.told.notes.extend(news.notes);
        for mut event in news.events {
            if let Event::Down { text } | Event::Rejected { text, .. } | Event::Cancelled { text, .. } =
                &mut event
            {
                *text = one_line(text);
            }
            match event.check() {
                Ok(()) => state.told.tell(event),
                // The host would take it for the end of this broker. What it was about shows in the next snapshot.
                Err(why) => state.told.note(format!("an event that cannot be told: {why}")),
            }
        }
        drop(state);
        self.news.notify_all();
    }

    fn say(&self, event: Event) {
        let mut news = Told::default();
        news.tell(event);
        self.tell(news);
    }

    /// A question was not answered in time: the gateway is asked at once whether it is there.
    fn doubt(&self) {
        self.lock().doubt = true;
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    fn now_ns(&self) -> i64 {
        (self.config.clock)()
    }

    /// The broker's contract of an instrument, asked for once. `asked` of its questions have been asked in vain.
    fn resolve(
        &self,
        client: &Client,
        instrument: &Instrument,
        asked: usize,
        deadline: Instant,
    ) -> Result<Resolved, String> {
        if let Some(known) = self.lock().contracts.get(instrument) {
            return Ok(known.clone());
        }
        for query in contract::queries(instrument)?.iter().skip(asked) {
            let rows = self.answer_to(question(client, query)?, deadline)?;
            if let Some(found) = self.take_in(instrument, &rows)? {
                return Ok(found);
            }
        }
        Err(format!("the broker has no contract `{}`", Name(instrument)))
    }

    /// The contracts of several instruments. What is not known is asked for at once, so that a package of four legs that was
    /// never seen before waits for one answer and not for four.
    fn resolve_all(
        &self,
        client: &Client,
        instruments: &[Instrument],
        deadline: Instant,
    ) -> Result<Vec<Resolved>, String> {
        let mut open = Vec::new();
        for instrument in instruments {
            if self.lock().contracts.contains_key(instrument) {
                continue;
            }
            if let Some(query) = contract::queries(instrument)?.first() {
                open.push((instrument, question(client, query)?));
            }
        }
        let asked: Vec<&Instrument> = open.iter().map(|(instrument, _)| *instrument).collect();
        for (instrument, stream) in open {
            self.take_in(instrument, &self.answer_to(stream, deadline)?)?;
        }
        let resolve = |i: &Instrument| self.resolve(client, i, usize::from(asked.contains(&i)), deadline);
        instruments.iter().map(resolve).collect()
    }

    fn answer_to(
        &self,
        stream: Subscription<ContractDetails>,
        deadline: Instant,
    ) -> Result<Vec<ContractDetails>, String> {
        match stream.collect_to_end_within(deadline.saturating_duration_since(Instant::now())) {
            Ok(rows) => Ok(rows),
            // 200: no security definition has been found.
            Err(Error::Notice(notice)) if notice.code == 200 => Ok(Vec::new()),
            Err(Error::Timeout) => {
                self.doubt();
                Err("the gateway does not answer what a contract is".to_owned())
            }
            Err(error) => Err(format!("what a contract is: {error}")),
        }
    }

    /// Keeps the contract of an instrument, if it is among the broker's answers.
    fn take_in(&self, instrument: &Instrument, rows: &[ContractDetails]) -> Result<Option<Resolved>, String> {
        let found = contract::pick(instrument, rows)?;
        if let Some(found) = &found {
            let mut state = self.lock();
            state.instruments.insert(found.con_id, Some(*instrument));
            state.contracts.insert(*instrument, found.clone());
        }
        Ok(found)
    }

    /// The instrument of a contract; its details are asked for where it does not say enough. `Ok(None)`: not traded here.
    fn identify(
        &self,
        client: &Client,
        contract: &Contract,
        deadline: Instant,
    ) -> Result<Option<Instrument>, String> {
        // Combinations and the like come without a number.
        let numbered = contract.contract_id > 0;
        if let Some(known) = self
            .lock()
            .instruments
            .get(&contract.contract_id)
            .filter(|_| numbered)
        {
            return Ok(*known);
        }
        let said = match contract::identify(contract, None) {
            Err(Unidentified::NeedsDetails) if numbered => {
                let query = Contract {
                    contract_id: contract.contract_id,
                    ..Contract::default()
                };
                let rows = self.answer_to(question(client, &query)?, deadline)?;
                let row = rows
                    .iter()
                    .find(|r| r.contract.contract_id == contract.contract_id);
                row.map_or(Err(Unidentified::NeedsDetails), |r| {
                    contract::identify(&r.contract, Some(&r.real_expiration_date))
                })
            }
            said => said,
        };
        let instrument = match said {
            Ok(instrument) => Some(instrument),
            Err(Unidentified::Foreign(_)) => None,
            Err(Unidentified::Wrong(why)) => return Err(why),
            Err(Unidentified::NeedsDetails) => {
                return Err(format!(
                    "the broker does not tell when contract {} expires",
                    contract.contract_id
                ));
            }
        };
        if numbered {
            self.lock().instruments.insert(contract.contract_id, instrument);
        }
        Ok(instrument)
    }
}

fn question(client: &Client, query: &Contract) -> Result<Subscription<ContractDetails>, String> {
    let asked = client.contract_details_stream(query).subscribe();
    asked.map_err(|e| format!("contracts cannot be asked for: {e}"))
}

/// A connection and its thread. Dropping it ends both.
pub struct Session {
    shared: Arc<Shared>,
    worker: Option<JoinHandle<()>>,
}

impl Session {
    /// A session that does not connect yet, and has no thread yet.
    ///
    /// # Errors
    /// When the account is not one that may be traded.
    pub fn new(config: Config) -> Result<Self, String> {
        if !config.account.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Err(format!("`{}` is no account", config.account));
        }
        if !config.live && !config.account.is_empty() && !config.account.starts_with("DU") {
            return Err(format!(
                "account `{}` is no paper account: those begin with `DU`, and real money was not allowed",
                config.account
            ));
        }
        let state = State {
            wanted: false,
            client: None,
            usable: false,
            doubt: false,
            told: Told::default(),
            tasks: VecDeque::new(),
            desk: Desk::new(&config.account, config.waits.fee),
            contracts: BTreeMap::new(),
            instruments: BTreeMap::new(),
            next_number: 1,
            given_up: None,
        };
        let shared = Arc::new(Shared {
            config,
            state: Mutex::new(state),
            news: Condvar::new(),
            work: Condvar::new(),
            stop: AtomicBool::new(false),
        });
        Ok(Self { shared, worker: None })
    }

    /// Starts to connect, and stays connected; [`Event::Up`] or [`Event::Down`] follows.
    ///
    /// # Errors
    /// When there is no account to connect for, or no thread can be had.
    pub fn connect(&mut self) -> Result<(), String> {
        if self.shared.config.account.is_empty() {
            return Err("the setting `account` is empty: name the account, `DU…` for paper".to_owned());
        }
        if self.worker.is_none() {
            let shared = Arc::clone(&self.shared);
            let worker = std::thread::Builder::new()
                .name("ibkr".to_owned())
                .spawn(move || worker::run(&shared));
            self.worker = Some(worker.map_err(|e| format!("no thread for the connection: {e}"))?);
        }
        let mut state = self.shared.lock();
        state.wanted = true;
        state.given_up = None;
        if state.usable {
            state.told.tell(Event::Up);
        }
        drop(state);
        self.shared.news.notify_all();
        self.shared.work.notify_all();
        Ok(())
    }

    /// Ends the connection. Orders at work stay at work.
    pub fn disconnect(&self) {
        let client = {
            let mut state = self.shared.lock();
            state.wanted = false;
            state.usable = false;
            state.doubt = false;
            state.client.take()
        };
        self.shared.work.notify_all();
        if let Some(client) = client {
            client.disconnect();
        }
    }

    /// What has happened since the call before; waits at most so long for an event.
    pub fn poll(&self, wait: Duration, out: &mut Told) {
        let mut state = self.shared.lock();
        if state.told.events.is_empty() && !wait.is_zero() {
            let empty = |s: &mut State| s.told.events.is_empty();
            let waited = self.shared.news.wait_timeout_while(state, wait, empty);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        let told = std::mem::take(&mut state.told);
        drop(state);
        out.events.extend(told.events);
        out.notes.extend(told.notes);
    }

    /// Why no connection is tried any more: trying again would change nothing, until [`Session::connect`] is called again.
    #[must_use]
    pub fn given_up(&self) -> Option<String> {
        self.shared.lock().given_up.clone()
    }

    /// The connection, when orders can go through it.
    fn client(&self) -> Result<Arc<Client>, String> {
        let state = self.shared.lock();
        match (&state.client, state.usable) {
            (Some(_), true) if state.doubt => Err(
                "the gateway left a question without an answer, and is asked whether it is there".to_owned(),
            ),
            (Some(client), true) => Ok(Arc::clone(client)),
            (Some(_), false) => Err("the gateway has lost the broker".to_owned()),
            (None, _) => Err("not connected".to_owned()),
        }
    }

    fn build(&self, client: &Client, package: &Package) -> Result<order::Built, String> {
        let deadline = Instant::now() + self.shared.config.waits.answer;
        let wanted: Vec<Instrument> = package.legs.iter().map(|leg| leg.contract).collect();
        let legs = self.shared.resolve_all(client, &wanted, deadline)?;
        order::build(
            package,
            &legs,
            &self.shared.config.account,
            self.shared.config.combos,
        )
    }

    fn number(state: &mut State) -> i32 {
        let number = state.next_number;
        state.next_number += 1;
        number
    }

    /// Sends a package. Contracts that are not known yet are asked for first, within the wait for an answer.
    #[must_use]
    pub fn submit(&self, package: &Package) -> Submission {
        let late = || self.shared.now_ns() >= package.not_after_ns;
        let too_late = || Submission::NotSent("its time to be sent is over".to_owned());
        if self.shared.lock().desk.number(&package.id).is_some() {
            return Submission::Duplicate;
        }
        if late() {
            return too_late();
        }
        let client = match self.client() {
            Ok(client) => client,
            Err(why) => return Submission::NotSent(why),
        };
        let built = match self.build(&client, package) {
            Ok(built) => built,
            Err(why) => return Submission::Refused(why),
        };
        // Asking took time.
        if late() {
            return too_late();
        }
        let number = {
            let mut state = self.shared.lock();
            if !state.usable {
                return Submission::NotSent("the connection broke before it was sent".to_owned());
            }
            let number = Self::number(&mut state);
            // Bound before it leaves: the answer may be faster than the way back from the call.
            state.desk.bind(number, &package.id);
            number
        };
        match client.submit_order(number, &built.contract, &built.order) {
            Ok(()) => Submission::Sent,
            Err(error) if never_left(&error) => {
                self.shared.lock().desk.unbind(number);
                Submission::NotSent(error.to_string())
            }
            Err(error) => Submission::Unknown(error.to_string()),
        }
    }

    /// Asks to take an order back; the answer is an event.
    ///
    /// # Errors
    /// When the request did not leave.
    pub fn cancel(&self, id: &str) -> Result<(), String> {
        let client = self.client()?;
        let number = self.shared.lock().desk.number(id).ok_or_else(|| {
            format!("order `{id}` is not known to this client: it was sent under another client number, or is over")
        })?;
        // The subscription is dropped at once: what comes of it comes through the stream of all orders.
        client
            .cancel_order(number, "")
            .map(drop)
            .map_err(|e| e.to_string())
    }

    /// Asks for what the broker has; the rows are events.
    ///
    /// # Errors
    /// Without a connection.
    pub fn snapshot(&self, request: u64, since_ns: i64) -> Result<(), String> {
        self.client()?;
        self.shared
            .lock()
            .tasks
            .push_back(Task::Snapshot { request, since_ns });
        self.shared.work.notify_all();
        Ok(())
    }

    /// Asks what is listed for an underlying; listings and their end are events.
    ///
    /// # Errors
    /// Without a connection.
    pub fn list(&self, request: u64, underlying: Word) -> Result<(), String> {
        self.client()?;
        self.shared
            .lock()
            .tasks
            .push_back(Task::List { request, underlying });
        self.shared.work.notify_all();
        Ok(())
    }

    /// Watches the quotes of these instruments and of no others, now and after every reconnect.
    pub fn watch(&self, instruments: Vec<Instrument>) {
        self.shared.lock().tasks.push_back(Task::Watch(instruments));
        self.shared.work.notify_all();
    }

    /// Margins and fees of a package, which is not ordered. Waits for the answer.
    ///
    /// # Errors
    /// When the broker does not say, with its words.
    pub fn what_if(&self, package: &Package) -> Result<WhatIf, String> {
        let client = self.client()?;
        let mut built = self.build(&client, package)?;
        built.order.what_if = true;
        let deadline = Instant::now() + self.shared.config.waits.answer;
        let number = {
            let mut state = self.shared.lock();
            let number = Self::number(&mut state);
            state.desk.ask(number);
            number
        };
        let stream = client
            .place_order(number, &built.contract, &built.order)
            .map_err(|e| e.to_string())?;
        let mut words = None;
        loop {
            match stream.next_timeout(deadline.saturating_duration_since(Instant::now())) {
                Some(Ok(SubscriptionItem::Data(PlaceOrder::OpenOrder(data)))) => {
                    return margins(&data.order_state);
                }
                Some(Ok(SubscriptionItem::Notice(notice))) => words = Some(notice.to_string()),
                Some(Ok(SubscriptionItem::Data(_))) => {}
                Some(Err(error)) => return Err(error.to_string()),
                None => {
                    // One that answers with words is there.
                    return Err(words.unwrap_or_else(|| {
                        self.shared.doubt();
                        "the gateway does not answer what an order would take".to_owned()
                    }));
                }
            }
        }
    }
}

fn margins(state: &ibapi::orders::OrderState) -> Result<WhatIf, String> {
    let told = |value: Option<f64>, what: &str| {
        value.and_then(amount::from_f64).ok_or_else(|| {
            let words = if state.warning_text.is_empty() {
                &state.reject_reason
            } else {
                &state.warning_text
            };
            format!("the broker does not tell the {what} of the order {words}")
                .trim_end()
                .to_owned()
        })
    };
    for currency in [&state.margin_currency, &state.commission_currency] {
        if !currency.is_empty() && currency != "USD" {
            return Err(format!(
                "the broker tells margins in `{currency}`: only accounts in dollars can be traded"
            ));
        }
    }
    Ok(WhatIf {
        initial_margin_e9: told(state.initial_margin_after, "initial margin")?,
        maintenance_margin_e9: told(state.maintenance_margin_after, "maintenance margin")?,
        // The most it may be, where it is told as a range.
        fee_e9: told(state.commission.or(state.maximum_commission), "fees")?,
    })
}

/// Errors that the wire's door gives before a byte is written. Anything else may have been written in part.
fn never_left(error: &Error) -> bool {
    matches!(
        error,
        Error::ConnectionReset
            | Error::ConnectionFailed
            | Error::InvalidArgument(_)
            | Error::OrderIdInRequestRange { .. }
            | Error::ServerVersion(..)
            | Error::NotImplemented
    )
}

impl Drop for Session {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        self.disconnect();
        if let Some(worker) = self.worker.take() {
            // A thread that panicked has nothing left to say.
            let _ = worker.join();
        }
    }
}
