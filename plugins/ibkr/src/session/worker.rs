//! The session's thread: connects, listens, asks, connects again.

use super::greeting;
use super::lines::Lines;
use super::{Shared, Task};
use crate::codes::{self, LinkMessage};
use crate::contract;
use crate::model::{Event, Execution, Instrument, Name, Told, Word};
use crate::quotes::Watch;
use crate::snapshot::{self, Answers};
use crate::stamp;
use ibapi::accounts::types::AccountGroup;
use ibapi::accounts::{AccountSummaryResult, PositionUpdate};
use ibapi::client::blocking::{Client, NoticeStream, Subscription};
use ibapi::contracts::{Contract, SecurityType};
use ibapi::market_data::MarketDataType;
use ibapi::orders::{ExecutionFilter, Executions, OrderUpdate};
use ibapi::subscriptions::SubscriptionItem;
use ibapi::{ConnectivityStatus, Error, Notice};
use std::collections::VecDeque;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

/// Waits between attempts, in units of the first: each the sum of the two before.
const STEPS: [u32; 8] = [1, 2, 3, 5, 8, 13, 21, 30];

/// How far apart the clocks may be, in which the gateway's has whole seconds.
const CLOCKS_APART: Duration = Duration::from_secs(5);

/// Runs until the session is dropped.
pub(super) fn run(shared: &Shared) {
    let mut failed = 0_usize;
    let mut said = String::new();
    let mut watched: Vec<Instrument> = Vec::new();
    while !shared.stopped() {
        if !shared.lock().wanted {
            (failed, said) = (0, String::new());
            pause(shared, Duration::from_millis(250), |wanted| !wanted);
            continue;
        }
        match Link::open(shared, &mut said) {
            Ok(link) => {
                (failed, said) = (0, String::new());
                let why = link.listen(shared, &mut watched);
                let mut out = Told::default();
                {
                    let mut state = shared.lock();
                    state.usable = false;
                    state.doubt = false;
                    state.client = None;
                    // Snapshots that were asked for and not begun begin, and never end: that is what became of them.
                    let (kept, dropped): (VecDeque<Task>, VecDeque<Task>) = state
                        .tasks
                        .drain(..)
                        .partition(|task| matches!(task, Task::Watch(_)));
                    state.tasks = kept;
                    for task in dropped {
                        if let Task::Snapshot { request, .. } = task {
                            out.tell(Event::SnapshotBegin { request });
                        }
                    }
                    state.desk.lost(&mut out);
                }
                out.tell(Event::Down { text: why });
                shared.tell(out);
            }
            Err(Refusal { why, for_good }) => {
                // Once for each reason, not once for each attempt.
                if why != said {
                    shared.say(Event::Down { text: why.clone() });
                    said.clone_from(&why);
                }
                if for_good {
                    let mut state = shared.lock();
                    state.wanted = false;
                    state.given_up = Some(why);
                }
            }
        }
        let step = STEPS.get(failed).or(STEPS.last()).copied().unwrap_or(1);
        failed += 1;
        pause(shared, shared.config.waits.again * step, |wanted| wanted);
    }
}

/// Waits while the host's wish stays as it is.
fn pause(shared: &Shared, at_most: Duration, stay: impl Fn(bool) -> bool) {
    let state = shared.lock();
    let keep = |s: &mut super::State| stay(s.wanted) && !shared.stopped();
    drop(
        shared
            .work
            .wait_timeout_while(state, at_most, keep)
            .unwrap_or_else(PoisonError::into_inner),
    );
}

fn routine(notice: &Notice) -> bool {
    let status = notice.connectivity_status();
    status.is_some_and(|s| s != ConnectivityStatus::Broken)
}

/// What is said of a question without an answer.
const SILENT: &str = "the gateway does not answer";

/// An error in words; one of a question without an answer is a doubt whether anybody is there.
fn words_of(shared: &Shared, error: Error) -> String {
    if matches!(error, Error::Timeout) {
        shared.doubt();
        return SILENT.to_owned();
    }
    error.to_string()
}

pub(super) struct Refusal {
    pub(super) why: String,
    /// Trying again changes nothing.
    pub(super) for_good: bool,
}

struct Link {
    client: Arc<Client>,
    updates: Subscription<OrderUpdate>,
    notices: NoticeStream,
}

impl Link {
    /// Connects, and listens to orders before anything is asked for. What keeps it waiting is told once, as `said`.
    fn open(shared: &Shared, said: &mut String) -> Result<Self, Refusal> {
        let config = &shared.config;
        let again = |why: String| Refusal { why, for_good: false };
        let address = format!("{}:{}", config.host, config.port);
        // Connecting again is this thread's: between two connections it has a state to put in order.
        let builder = Client::builder()
            .address(&address)
            .client_id(config.client_id)
            .max_reconnect_attempts(0)
            .one_shot_timeout(config.waits.answer);
        let (client, notices) = greeting::connect(shared, builder, &address, said)?;
        let accounts = client.handshake_managed_accounts();
        let refuse = |why: String| Err(Refusal { why, for_good: true });
        if !accounts.contains(&config.account) {
            return refuse(format!(
                "the login at {address} has no account `{}`: it has {}",
                config.account,
                accounts.join(", ")
            ));
        }
        if let Some(real) = accounts.iter().find(|a| !config.live && !a.starts_with("DU")) {
            return refuse(format!(
                "the login at {address} has the account `{real}`, which is no paper account"
            ));
        }
        let updates = client
            .order_update_stream()
            .map_err(|e| again(format!("orders cannot be listened to: {e}")))?;
        let kind = if config.delayed {
            MarketDataType::Delayed
        } else {
            MarketDataType::Realtime
        };
        client
            .switch_market_data_type(kind)
            .map_err(|e| again(format!("quotes cannot be chosen: {e}")))?;
        let client = Arc::new(client);
        {
            let mut state = shared.lock();
            // The gateway counts only the orders that reached it. A number that was given away is never given again: an
            // order that comes late under it would be taken for a change of the other.
            state.next_number = state.next_number.max(client.next_order_id());
            if !state.wanted {
                return Err(again("not wanted any more".to_owned()));
            }
            state.client = Some(Arc::clone(&client));
            state.usable = true;
            state.doubt = false;
            state.told.tell(Event::Up);
        }
        shared.news.notify_all();
        Ok(Self {
            client,
            updates,
            notices,
        })
    }

    /// Listens until the connection is gone; says why.
    fn listen(&self, shared: &Shared, watched: &mut Vec<Instrument>) -> String {
        let mut lines = Lines::new(watched);
        let (mut beat, mut astray) = (Instant::now(), false);
        loop {
            if shared.stopped() || !shared.lock().wanted {
                self.client.disconnect();
                return "disconnected, as asked".to_owned();
            }
            let mut out = Told::default();
            let mut item = self.updates.next_timeout(shared.config.waits.look);
            while let Some(news) = item {
                match news {
                    Ok(SubscriptionItem::Data(update)) => self.update(shared, update, &mut out),
                    Ok(SubscriptionItem::Notice(notice)) => shared.lock().desk.notice(&notice, &mut out),
                    Err(error) => {
                        shared.tell(out);
                        return match error {
                            Error::Shutdown | Error::ConnectionFailed | Error::ConnectionReset => {
                                "the connection broke".to_owned()
                            }
                            other => format!("the connection broke: {other}"),
                        };
                    }
                }
                item = self.updates.try_next();
            }
            while let Some(notice) = self.notices.try_next() {
                let text = format!("{} [{}]", notice.message.trim(), notice.code);
                match codes::of_link(notice.code) {
                    LinkMessage::Lost => Self::usable(shared, false, Event::Down { text }, &mut out),
                    LinkMessage::Back => Self::usable(shared, true, Event::Up, &mut out),
                    LinkMessage::BackWithoutData => {
                        Self::usable(shared, true, Event::Up, &mut out);
                        lines.renew();
                    }
                    LinkMessage::Reopen => {
                        shared.tell(out);
                        self.client.disconnect();
                        return text;
                    }
                    // A farm of data that is there, dormant or about to be there is what every connection begins with.
                    LinkMessage::Words if routine(&notice) => {}
                    LinkMessage::Words => out.note(text),
                }
            }
            shared.lock().desk.tick(Instant::now(), &mut out);
            let task = shared.lock().tasks.pop_front();
            match task {
                Some(Task::Snapshot { request, since_ns }) => {
                    self.snapshot(shared, request, since_ns, &mut out)
                }
                Some(Task::List { request, underlying }) => {
                    self.list(shared, request, &underlying, &mut out);
                }
                Some(Task::Watch(instruments)) => {
                    lines.want(&instruments);
                    *watched = instruments;
                }
                None => {}
            }
            // One at a time: orders are listened to between two of them.
            let begin = |instrument: &Instrument| self.watch(shared, instrument);
            lines.step(shared.config.waits.pace, begin, &mut out);
            lines.tell(shared.now_ns(), &mut out);
            if !out.is_empty() {
                shared.tell(out);
            }
            if !self.client.is_connected() {
                return "the connection broke".to_owned();
            }
            let doubt = shared.lock().doubt;
            if doubt || beat.elapsed() >= shared.config.waits.beat {
                if !self.alive(shared, &mut astray) {
                    self.client.disconnect();
                    return greeting::fell_silent(&shared.config);
                }
                shared.lock().doubt = false;
                beat = Instant::now();
            }
        }
    }

    /// Whether the gateway still answers. A socket whose other end was switched off looks like one on which nothing happens.
    fn alive(&self, shared: &Shared, astray: &mut bool) -> bool {
        match self.client.server_time() {
            Ok(theirs) => {
                // Orders are held back by this clock once their time is over: it must not be far off.
                let apart = i128::from(shared.now_ns()) - theirs.unix_timestamp_nanos();
                let far = apart.unsigned_abs() > CLOCKS_APART.as_nanos();
                if far && !*astray {
                    let mut news = Told::default();
                    let seconds = apart / 1_000_000_000;
                    news.note(format!(
                        "the clock here is {seconds} seconds ahead of the gateway's: set one of them right"
                    ));
                    shared.tell(news);
                }
                *astray = far;
                true
            }
            // An error of something else ends the question; it shows that somebody is there.
            Err(Error::Notice(_)) => true,
            Err(_) => false,
        }
    }

    fn usable(shared: &Shared, usable: bool, event: Event, out: &mut Told) {
        let was = std::mem::replace(&mut shared.lock().usable, usable);
        if was != usable {
            out.tell(event);
        }
    }

    fn update(&self, shared: &Shared, update: OrderUpdate, out: &mut Told) {
        match update {
            OrderUpdate::OpenOrder(data) => shared.lock().desk.open_order(&data, out),
            OrderUpdate::OrderStatus(status) => shared.lock().desk.status(&status, out),
            OrderUpdate::CommissionReport(report) => shared.lock().desk.commission(&report, out),
            OrderUpdate::OrderBound(_) => {}
            OrderUpdate::ExecutionData(data) => {
                if !shared.lock().desk.concerns(&data) {
                    return;
                }
                let deadline = Instant::now() + shared.config.waits.answer;
                let id = &data.execution.execution_id;
                let lost = |why: &str| format!("execution {id} is not told: {why}");
                match shared.identify(&self.client, &data.contract, deadline) {
                    Ok(Some(instrument)) => {
                        let mut state = shared.lock();
                        match state.desk.trade(&data, instrument, shared.now_ns()) {
                            Ok(trade) => state.desk.traded(trade, Instant::now(), out),
                            Err(why) => out.note(lost(&why)),
                        }
                    }
                    Ok(None) => out.note(lost("it is not traded here")),
                    Err(why) => out.note(lost(&why)),
                }
            }
        }
    }

    /// What is listed for an underlying; without an answer nothing is, and the end says that no more will come.
    fn list(&self, shared: &Shared, request: u64, underlying: &Word, out: &mut Told) {
        let deadline = Instant::now() + shared.config.waits.answer;
        let rows = || {
            let index = contract::index(underlying).ok_or("no such index is known here")?;
            let known = shared.resolve(&self.client, &index, 0, deadline)?;
            let asked = self
                .client
                .option_chain(underlying.as_str(), SecurityType::Index, known.con_id)
                .subscribe()
                .map_err(|e| e.to_string())?;
            let left = deadline.saturating_duration_since(Instant::now());
            asked.collect_to_end_within(left).map_err(|e| words_of(shared, e))
        };
        match rows() {
            Ok(rows) => {
                let listed = contract::listings(underlying, &rows).into_iter();
                out.events
                    .extend(listed.map(|listing| Event::Listed { request, listing }));
            }
            Err(why) => {
                let why: String = why;
                out.note(format!("what is listed for `{underlying}`: {why}"));
            }
        }
        out.tell(Event::ListEnd { request });
    }

    fn watch(&self, shared: &Shared, instrument: &Instrument) -> Result<Watch, String> {
        let deadline = Instant::now() + shared.config.waits.answer;
        let known = shared.resolve(&self.client, instrument, 0, deadline)?;
        let asked = self.client.market_data(&known.contract()).subscribe();
        let stream = asked.map_err(|e| format!("quotes of `{}`: {e}", Name(instrument)))?;
        Ok(Watch::new(*instrument, stream))
    }

    /// All of a snapshot or nothing but its beginning.
    fn snapshot(&self, shared: &Shared, request: u64, since_ns: i64, out: &mut Told) {
        // What is news on the way to the rows is told before them.
        let rows = self.rows(shared, request, since_ns, out);
        out.tell(Event::SnapshotBegin { request });
        match rows {
            Ok(rows) => {
                out.events.extend(rows);
                out.tell(Event::SnapshotEnd { request });
            }
            Err(why) => out.note(format!("snapshot {request} is not whole: {why}")),
        }
    }

    fn rows(
        &self,
        shared: &Shared,
        request: u64,
        since_ns: i64,
        out: &mut Told,
    ) -> Result<Vec<Event>, String> {
        let account = &shared.config.account;
        let answers = self.answers(shared, since_ns)?;
        let deadline = Instant::now() + shared.config.waits.answer;
        let mut identify = |contract: &Contract| shared.identify(&self.client, contract, deadline);
        let orders = snapshot::orders(account, &answers)?;
        // Orders of ours from before this process can be taken back as soon as the host has heard of them.
        for data in snapshot::data_of(&answers.open).filter(|d| d.order.client_id == shared.config.client_id)
        {
            shared.lock().desk.open_order(data, out);
        }
        // Contracts are asked for without the lock; what they are is known under it.
        for answer in &answers.executions {
            if let Executions::ExecutionData(data) = answer {
                identify(&data.contract)?;
            }
        }
        let holdings = snapshot::holdings(account, &answers, &mut identify, &mut out.notes)?;
        let money = snapshot::account(account, &answers)?;
        let trades = {
            let mut state = shared.lock();
            let known = state.instruments.clone();
            let mut known = |c: &Contract| match known.get(&c.contract_id) {
                Some(known) => Ok(*known),
                None => Ok(contract::identify(c, None).ok()),
            };
            snapshot::trades(&mut state.desk, &answers, shared.now_ns(), &mut known, out)?
        };
        let mut rows: Vec<Event> = Vec::new();
        rows.extend(
            orders
                .into_iter()
                .map(|row| Event::SnapshotOrder { request, row }),
        );
        let fill = |execution: &Execution| Event::SnapshotFill {
            request,
            execution: execution.clone(),
        };
        rows.extend(trades.iter().map(fill));
        let holding = |(contract, quantity)| Event::SnapshotHolding {
            request,
            contract,
            quantity,
        };
        rows.extend(holdings.into_iter().map(holding));
        rows.push(Event::SnapshotAccount {
            request,
            account: money,
        });
        rows.iter().try_for_each(Event::check)?;
        // Only now is it sure that they are told.
        shared.lock().desk.tape.seen(&trades);
        Ok(rows)
    }

    /// The questions in their order: orders at work, orders that ended, executions, positions, account. The stream of orders
    /// is open since before the first of them, so nothing falls between two answers.
    fn answers(&self, shared: &Shared, since_ns: i64) -> Result<Answers, String> {
        let wait = shared.config.waits.answer;
        let client = &self.client;
        let not = |what: &'static str| move |error: Error| format!("{what}: {}", words_of(shared, error));
        let silent = |what: &'static str| {
            shared.doubt();
            format!("{what}: {SILENT}")
        };
        let filter = ExecutionFilter {
            account_code: shared.config.account.clone(),
            last_n_days: stamp::days_back(since_ns, shared.now_ns()),
            ..ExecutionFilter::default()
        };
        let open = client
            .all_open_orders()
            .and_then(|s| s.collect_to_end_within(wait))
            .map_err(not("orders at work"))?;
        let completed = client
            .completed_orders(false)
            .and_then(|s| s.collect_to_end_within(wait))
            .map_err(not("ended orders"))?;
        let executions = client
            .executions(filter)
            .and_then(|s| s.collect_to_end_within(wait))
            .map_err(not("executions"))?;
        let mut positions = Vec::new();
        let stream = client.positions().map_err(not("positions"))?;
        let deadline = Instant::now() + wait;
        loop {
            match stream.next_timeout(deadline.saturating_duration_since(Instant::now())) {
                Some(Ok(SubscriptionItem::Data(PositionUpdate::Position(row)))) => positions.push(row),
                Some(Ok(SubscriptionItem::Data(PositionUpdate::PositionEnd))) => break,
                Some(Ok(SubscriptionItem::Notice(_))) => {}
                Some(Err(error)) => return Err(not("positions")(error)),
                None => return Err(silent("positions")),
            }
        }
        drop(stream);
        let mut summary = Vec::new();
        let stream = client
            .account_summary(&AccountGroup("All".to_owned()), &snapshot::TAGS)
            .map_err(not("account"))?;
        let deadline = Instant::now() + wait;
        loop {
            match stream.next_timeout(deadline.saturating_duration_since(Instant::now())) {
                Some(Ok(SubscriptionItem::Data(AccountSummaryResult::Summary(row)))) => summary.push(row),
                Some(Ok(SubscriptionItem::Data(AccountSummaryResult::End))) => break,
                Some(Ok(SubscriptionItem::Notice(_))) => {}
                Some(Err(error)) => return Err(not("account")(error)),
                None => return Err(silent("account")),
            }
        }
        Ok(Answers {
            open,
            completed,
            executions,
            positions,
            summary,
        })
    }
}
