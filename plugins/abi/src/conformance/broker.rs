//! What every broker must do. Orders are sent only to brokers that say that they are simulated; the market is invented.

use crate::broker::event::{ExecKind, Execution, Status};
use crate::broker::{Caps, Contract, Event, Kind, Leg, Life, Order, Quote, Right, SCALE, Word};
use crate::host::{BrokerInfo, Brokers, Connection, FaultKind, SettingKind, SettingValue, Submitted};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// Settings as words, with a fresh folder where one is wanted.
pub type Fresh<'a> = &'a mut dyn FnMut() -> Vec<(String, String)>;

/// A check of a broker.
#[derive(Clone, Copy, Debug)]
pub struct BrokerCase {
    /// Name, as `alula plugin check` shows it.
    pub name: &'static str,
    /// What it proves.
    pub about: &'static str,
    /// It sends orders, and so runs on simulated brokers only.
    pub sends: bool,
    /// Runs it.
    pub run: fn(&Brokers, &Arc<BrokerInfo>, Fresh<'_>) -> Result<(), String>,
}

/// All checks of a broker.
pub const BROKER_CASES: &[BrokerCase] = &[
    BrokerCase {
        name: "settings",
        about: "unknown settings, wrong kinds, values out of range and duplicates are refused",
        sends: false,
        run: settings,
    },
    BrokerCase {
        name: "lifetime",
        about: "it can be made and destroyed two hundred times, on several threads",
        sends: false,
        run: lifetime,
    },
    BrokerCase {
        name: "connects",
        about: "orders before the connection stands are not sent; connecting ends with an event, and so does a second time",
        sends: true,
        run: connects,
    },
    BrokerCase {
        name: "late",
        about: "an order past its `not_after` is refused and never fills",
        sends: true,
        run: late,
    },
    BrokerCase {
        name: "package",
        about: "a package of four legs fills in ratio, no better than its limit, and its executions have ids of their own",
        sends: true,
        run: package,
    },
    BrokerCase {
        name: "duplicates",
        about: "an order whose id was used before never fills a second time",
        sends: true,
        run: duplicates,
    },
    BrokerCase {
        name: "cancel",
        about: "an order that is taken back says so, and does not fill afterwards",
        sends: true,
        run: cancel,
    },
    BrokerCase {
        name: "snapshot",
        about: "snapshots begin and end, twice the same, and hold what the executions add up to",
        sends: true,
        run: snapshot,
    },
    BrokerCase {
        name: "repeats",
        about: "the same calls give the same events, however often they are polled for",
        sends: true,
        run: repeats,
    },
    BrokerCase {
        name: "restart",
        about: "destroyed and made again on its folder, its snapshot is the one from before",
        sends: true,
        run: restart,
    },
];

/// Lives of `lifetime`.
const LIVES: u32 = 200;
/// Monday the third of June 2024, 14:00 UTC, an hour of trading.
const START_NS: i64 = 1_717_423_200 * SCALE;
/// A minute.
const STEP_NS: i64 = 60 * SCALE;
/// Rounds of quotes in which something must have happened.
const PATIENCE: usize = 40;

/// Strike, right and mid of the four legs, in mills; wings first and last.
const LEGS: [(i64, Right, i64, i32); 4] = [
    (5_050_000, Right::Put, 8_000, 1),
    (5_100_000, Right::Put, 11_500, -1),
    (5_500_000, Right::Call, 9_200, -1),
    (5_550_000, Right::Call, 5_600, 1),
];
/// Half of each spread, in mills.
const HALF: i64 = 200;
const MILL: i64 = 1_000_000;

fn word(text: &str) -> Result<Word, String> {
    Word::new(text).ok_or_else(|| format!("`{text}` is no symbol"))
}

fn option(strike: i64, right: Right) -> Result<Contract, String> {
    Ok(Contract {
        kind: Kind::Option,
        symbol: word("SPX")?,
        class: word("SPXW")?,
        currency: word("USD")?,
        expiry: 20_240_621,
        right: Some(right),
        strike_e9: strike * MILL,
        multiplier_e9: 100 * SCALE,
    })
}

/// Quotes of an instant: the mids move up and down by a tenth of a point.
fn market(round: i64, at_ns: i64) -> Result<Vec<Quote>, String> {
    let drift = (round % 3 - 1) * 100;
    LEGS.iter()
        .map(|(strike, right, mid, _)| {
            Ok(Quote {
                contract: option(*strike, *right)?,
                at_ns,
                bid_e9: Some((mid + drift - HALF) * MILL),
                ask_e9: Some((mid + drift + HALF) * MILL),
                bid_size: Some(50),
                ask_size: Some(50),
            })
        })
        .collect()
}

/// A condor sold, for a credit of at least so many mills.
fn condor(id: &str, credit: i64, not_after_ns: i64) -> Result<Order, String> {
    let leg = |(strike, right, _, ratio): &(i64, Right, i64, i32)| {
        Ok(Leg {
            contract: option(*strike, *right)?,
            ratio: *ratio,
        })
    };
    Ok(Order {
        id: id.to_owned(),
        group: "check".to_owned(),
        legs: LEGS.iter().map(leg).collect::<Result<_, String>>()?,
        quantity: 3,
        limit_e9: Some(-credit * MILL),
        not_after_ns,
        life: Life::Day,
    })
}

/// What the condor brings when every leg gives up its half-spread.
const NATURAL: i64 = 11_500 + 9_200 - 8_000 - 5_600 - 4 * HALF;

/// A conversation.
struct Talk {
    broker: Connection,
    now: i64,
    round: i64,
    /// How often each round is polled.
    polls: usize,
    heard: Vec<Event>,
}

fn fault(doing: &str) -> impl Fn(crate::host::Fault) -> String + '_ {
    move |f| format!("{doing}: {f}")
}

impl Talk {
    fn of(brokers: &Brokers, info: &Arc<BrokerInfo>, settings: &[(String, String)]) -> Result<Self, String> {
        let broker = brokers.open(info, settings).map_err(fault("it cannot be made"))?;
        Ok(Self {
            broker,
            now: START_NS,
            round: 0,
            polls: 1,
            heard: Vec::new(),
        })
    }

    /// Connected, or why not.
    fn up(brokers: &Brokers, info: &Arc<BrokerInfo>, settings: &[(String, String)]) -> Result<Self, String> {
        let mut talk = Self::of(brokers, info, settings)?;
        talk.connect()?;
        Ok(talk)
    }

    fn connect(&mut self) -> Result<(), String> {
        self.broker.connect().map_err(fault("connecting"))?;
        self.until("no event said that the connection stands", |e| {
            matches!(e, Event::Up)
        })
        .map(drop)
    }

    fn round(&mut self) -> Result<Vec<Event>, String> {
        self.round += 1;
        self.now += STEP_NS;
        let quotes = market(self.round, self.now)?;
        self.broker
            .quotes(self.now, &quotes)
            .map_err(fault("taking quotes"))?;
        let mut events = Vec::new();
        for _ in 0..self.polls {
            self.broker
                .poll(Duration::ZERO, &mut events)
                .map_err(fault("polling"))?;
        }
        self.heard.extend(events.iter().cloned());
        Ok(events)
    }

    /// Rounds until an event comes, and what was heard in them.
    fn until(&mut self, why: &str, wanted: impl Fn(&Event) -> bool) -> Result<Vec<Event>, String> {
        let mut seen = Vec::new();
        for _ in 0..PATIENCE {
            let events = self.round()?;
            let done = events.iter().any(&wanted);
            seen.extend(events);
            if done {
                return Ok(seen);
            }
        }
        Err(format!("{why} within {PATIENCE} rounds of quotes"))
    }

    fn send(&mut self, order: &Order) -> Result<(), String> {
        match self.broker.submit(order) {
            Submitted::Sent => Ok(()),
            Submitted::NotSent(f) => Err(format!("it does not take a sound order: {f}")),
            Submitted::Unknown(f) => Err(format!("it does not know what became of an order: {f}")),
        }
    }

    /// Sends a condor and waits until all of it filled.
    fn fill(&mut self, id: &str) -> Result<(), String> {
        let order = condor(id, NATURAL - 1_000, self.now + 60 * STEP_NS)?;
        self.send(&order)?;
        for _ in 0..PATIENCE {
            self.round()?;
            let filled = executions(&self.heard, Some(id))?;
            let left: i64 = filled.values().map(|e| e.quantity.abs()).sum();
            if left == i64::from(order.quantity) * 4 {
                return Ok(());
            }
        }
        Err(format!(
            "an order a point below the market did not fill within {PATIENCE} rounds of quotes"
        ))
    }

    /// A snapshot's rows; the market goes on meanwhile.
    fn snapshot(&mut self, request: u64) -> Result<Vec<Event>, String> {
        self.broker
            .request_snapshot(request, 0)
            .map_err(fault("asking for a snapshot"))?;
        let end = |e: &Event| matches!(e, Event::SnapshotEnd { request: r } if *r == request);
        let seen = self.until("a snapshot that was asked for had no end", end)?;
        Ok(seen
            .into_iter()
            .filter(|e| e.request() == Some(request))
            .collect())
    }
}

/// Executions by id; the same one may come twice, another one under the same id may not.
fn executions<'a>(
    events: &'a [Event],
    order: Option<&str>,
) -> Result<BTreeMap<&'a str, &'a Execution>, String> {
    let mut all: BTreeMap<&str, &Execution> = BTreeMap::new();
    for event in events {
        let (Event::Filled(e) | Event::SnapshotFill { execution: e, .. }) = event else {
            continue;
        };
        if let Some(known) = all.insert(&e.id, e)
            && known != e
        {
            return Err(format!("two executions have the id `{}`", e.id));
        }
    }
    let ours = |e: &Execution| order.is_none_or(|o| e.order.as_deref() == Some(o));
    all.retain(|_, e| ours(e));
    Ok(all)
}

fn settings(brokers: &Brokers, info: &Arc<BrokerInfo>, fresh: Fresh<'_>) -> Result<(), String> {
    let given: Vec<(String, SettingValue)> = fresh()
        .into_iter()
        .filter_map(|(name, words)| {
            let setting = info.settings.iter().find(|s| s.name == name)?;
            Some((name, setting.parse(&words).ok()?))
        })
        .collect();
    let refused = |what: &str, name: &str, value: SettingValue, twice: bool| {
        let mut values = given.clone();
        if !twice {
            values.retain(|(n, _)| n != name);
        }
        values.push((name.to_owned(), value.clone()));
        if twice {
            values.push((name.to_owned(), value));
        }
        match brokers.try_open(info, &values) {
            Ok(_) => Err(format!("it takes {what}")),
            Err(f) if f.kind == FaultKind::Parameters => Ok(()),
            Err(f) => Err(format!("{what} is not refused as a wrong setting: {f}")),
        }
    };
    refused(
        "an unknown setting",
        "no_such_setting",
        SettingValue::Number(1.0),
        false,
    )?;
    for setting in &info.settings {
        let name = &setting.name;
        let mut wrong = Vec::new();
        match &setting.kind {
            SettingKind::Whole { min, max, .. } => {
                wrong.extend([
                    min.checked_sub(1),
                    max.checked_add(1),
                    Some(i64::MIN),
                    Some(i64::MAX),
                ]);
                let own = SettingValue::Whole(*min);
                refused(&format!("`{name}` twice"), name, own, true)?;
                refused(
                    &format!("`{name}` of the wrong kind"),
                    name,
                    SettingValue::Text("1".to_owned()),
                    false,
                )?;
            }
            SettingKind::Number { min, max, .. } => {
                for x in [min - 1.0, max + 1.0, f64::NAN, f64::INFINITY] {
                    refused(&format!("`{name}` = {x}"), name, SettingValue::Number(x), false)?;
                }
                refused(
                    &format!("`{name}` of the wrong kind"),
                    name,
                    SettingValue::Whole(1),
                    false,
                )?;
            }
            SettingKind::Text { .. } => {
                refused(
                    &format!("`{name}` of the wrong kind"),
                    name,
                    SettingValue::Number(1.0),
                    false,
                )?;
            }
        }
        for i in wrong.into_iter().flatten() {
            refused(&format!("`{name}` = {i}"), name, SettingValue::Whole(i), false)?;
        }
    }
    Ok(())
}

fn lifetime(brokers: &Brokers, info: &Arc<BrokerInfo>, fresh: Fresh<'_>) -> Result<(), String> {
    let settings = fresh();
    for life in 0..LIVES {
        let mut broker = brokers
            .open(info, &settings)
            .map_err(fault("it cannot be made again"))?;
        if life % 50 == 0 {
            let moved = std::thread::spawn(move || {
                let mut events = Vec::new();
                broker.poll(Duration::ZERO, &mut events).map_err(fault("polling"))
            });
            moved.join().map_err(|_| "the thread panicked".to_owned())??;
        }
    }
    Ok(())
}

fn connects(brokers: &Brokers, info: &Arc<BrokerInfo>, fresh: Fresh<'_>) -> Result<(), String> {
    let mut talk = Talk::of(brokers, info, &fresh())?;
    let early = condor("check-early", NATURAL, talk.now + STEP_NS)?;
    match talk.broker.submit(&early) {
        Submitted::NotSent(_) => {}
        Submitted::Sent => return Err("it takes orders before it is connected".to_owned()),
        Submitted::Unknown(f) => return Err(format!("without a connection nothing is unknown: {f}")),
    }
    talk.connect()?;
    talk.broker.disconnect().map_err(fault("disconnecting"))?;
    let after = condor("check-after", NATURAL, talk.now + STEP_NS)?;
    if talk.broker.submit(&after) == Submitted::Sent {
        return Err("it takes orders after it was disconnected".to_owned());
    }
    talk.connect()?;
    if executions(&talk.heard, None)?.is_empty() {
        Ok(())
    } else {
        Err("an order that was not sent filled".to_owned())
    }
}

fn late(brokers: &Brokers, info: &Arc<BrokerInfo>, fresh: Fresh<'_>) -> Result<(), String> {
    let mut talk = Talk::up(brokers, info, &fresh())?;
    talk.round()?;
    for (id, not_after) in [("check-late-1", talk.now), ("check-late-2", talk.now - STEP_NS)] {
        let order = condor(id, NATURAL - 1_000, not_after)?;
        match talk.broker.submit(&order) {
            Submitted::NotSent(_) => {}
            Submitted::Unknown(f) => {
                return Err(format!("of an order past its time nothing is unknown: {f}"));
            }
            Submitted::Sent => return Err("it takes an order past its `not_after`".to_owned()),
        }
    }
    for _ in 0..PATIENCE / 2 {
        talk.round()?;
    }
    if executions(&talk.heard, None)?.is_empty() {
        Ok(())
    } else {
        Err("an order past its `not_after` filled".to_owned())
    }
}

fn package(brokers: &Brokers, info: &Arc<BrokerInfo>, fresh: Fresh<'_>) -> Result<(), String> {
    let mut talk = Talk::up(brokers, info, &fresh())?;
    let order = condor("check-package", NATURAL - 1_000, talk.now + 60 * STEP_NS)?;
    talk.fill("check-package")?;
    let acknowledged = talk
        .heard
        .iter()
        .any(|e| matches!(e, Event::Acknowledged { order, .. } if order == "check-package"));
    if !acknowledged {
        return Err("it filled an order that it did not acknowledge".to_owned());
    }
    let filled = executions(&talk.heard, Some("check-package"))?;
    let mut paid = 0_i128;
    for leg in &order.legs {
        let own = filled.values().filter(|e| e.contract == leg.contract);
        let quantity: i64 = own.clone().map(|e| e.quantity).sum();
        if quantity != i64::from(leg.ratio) * i64::from(order.quantity) {
            return Err(format!("of a leg with ratio {} it filled {quantity}", leg.ratio));
        }
        paid += own
            .map(|e| i128::from(e.quantity) * i128::from(e.price_e9))
            .sum::<i128>();
    }
    if filled.values().any(|e| e.kind != ExecKind::Trade) {
        return Err("an order's execution is no trade".to_owned());
    }
    let most = i128::from(order.limit_e9.unwrap_or(i64::MAX)) * i128::from(order.quantity);
    if paid > most {
        return Err("the package cost more than its limit".to_owned());
    }
    Ok(())
}

fn duplicates(brokers: &Brokers, info: &Arc<BrokerInfo>, fresh: Fresh<'_>) -> Result<(), String> {
    let mut talk = Talk::up(brokers, info, &fresh())?;
    talk.fill("check-twice")?;
    let again = condor("check-twice", NATURAL - 1_000, talk.now + 60 * STEP_NS)?;
    // Whether it says that it has it or that it refuses it: both are true.
    if let Submitted::Unknown(f) = talk.broker.submit(&again) {
        return Err(format!("of an id that it knows nothing is unknown: {f}"));
    }
    for _ in 0..PATIENCE / 2 {
        talk.round()?;
    }
    let filled = executions(&talk.heard, Some("check-twice"))?;
    let contracts: i64 = filled.values().map(|e| e.quantity.abs()).sum();
    if contracts != i64::from(again.quantity) * 4 {
        return Err(format!(
            "an order sent twice under one id filled {contracts} contracts of {}",
            again.quantity * 4
        ));
    }
    Ok(())
}

fn cancel(brokers: &Brokers, info: &Arc<BrokerInfo>, fresh: Fresh<'_>) -> Result<(), String> {
    let mut talk = Talk::up(brokers, info, &fresh())?;
    // Nobody pays forty points for it.
    let order = condor("check-cancel", 40_000, talk.now + 60 * STEP_NS)?;
    talk.send(&order)?;
    for _ in 0..3 {
        talk.round()?;
    }
    talk.broker
        .cancel(&order.id)
        .map_err(fault("taking an order back"))?;
    talk.until(
        "an order that was taken back did not say so",
        |e| matches!(e, Event::Cancelled { order, .. } if order == "check-cancel"),
    )?;
    for _ in 0..5 {
        talk.round()?;
    }
    if executions(&talk.heard, None)?.is_empty() {
        Ok(())
    } else {
        Err("an order filled far better than the market, or after it was taken back".to_owned())
    }
}

fn snapshot(brokers: &Brokers, info: &Arc<BrokerInfo>, fresh: Fresh<'_>) -> Result<(), String> {
    let mut talk = Talk::up(brokers, info, &fresh())?;
    talk.fill("check-held")?;
    let far = condor("check-far", 40_000, talk.now + 60 * STEP_NS)?;
    talk.send(&far)?;
    talk.round()?;
    let caps = info.caps;
    let first = talk.snapshot(1)?;
    let second = talk.snapshot(2)?;
    let strip = |rows: &[Event]| -> Vec<Event> {
        let money = |e: &&Event| !matches!(e, Event::SnapshotAccount { .. });
        rows.iter().filter(money).cloned().map(numbered).collect()
    };
    if strip(&first) != strip(&second) {
        return Err("two snapshots with nothing between them differ".to_owned());
    }
    let mut held: BTreeMap<Contract, i64> = BTreeMap::new();
    for e in executions(&talk.heard, None)?.values() {
        *held.entry(e.contract).or_default() += e.quantity;
    }
    held.retain(|_, n| *n != 0);
    let mut said: BTreeMap<Contract, i64> = BTreeMap::new();
    let mut orders = BTreeSet::new();
    let mut fills = BTreeSet::new();
    for row in &first {
        match row {
            Event::SnapshotHolding {
                contract, quantity, ..
            } => {
                let before = said.insert(*contract, *quantity);
                before.map_or(Ok(()), |_| Err("a position stands twice in one snapshot"))?;
            }
            Event::SnapshotOrder { row, .. } if row.status == Status::Working => {
                orders.extend(row.order.clone());
            }
            Event::SnapshotFill { execution, .. } => {
                fills.insert(execution.id.clone());
            }
            _ => {}
        }
    }
    if caps.has(Caps::HOLDINGS) && said != held {
        return Err("the positions of a snapshot are not what the executions add up to".to_owned());
    }
    if caps.has(Caps::ORDERS) && !orders.contains("check-far") {
        return Err("an order at work is not in the snapshot".to_owned());
    }
    let own: BTreeSet<String> = executions(&talk.heard, None)?
        .keys()
        .map(|k| (*k).to_owned())
        .collect();
    if caps.has(Caps::FILLS) && fills != own {
        return Err("the executions of a snapshot are not those that were told".to_owned());
    }
    Ok(())
}

/// The same row of a snapshot with the number 0.
fn numbered(event: Event) -> Event {
    match event {
        Event::SnapshotBegin { .. } => Event::SnapshotBegin { request: 0 },
        Event::SnapshotOrder { row, .. } => Event::SnapshotOrder { request: 0, row },
        Event::SnapshotHolding {
            contract, quantity, ..
        } => Event::SnapshotHolding {
            request: 0,
            contract,
            quantity,
        },
        Event::SnapshotFill { execution, .. } => Event::SnapshotFill {
            request: 0,
            execution,
        },
        Event::SnapshotAccount { account, .. } => Event::SnapshotAccount { request: 0, account },
        Event::SnapshotEnd { .. } => Event::SnapshotEnd { request: 0 },
        other => other,
    }
}

fn repeats(brokers: &Brokers, info: &Arc<BrokerInfo>, fresh: Fresh<'_>) -> Result<(), String> {
    let mut run = |polls: usize| -> Result<Vec<Event>, String> {
        let mut talk = Talk::up(brokers, info, &fresh())?;
        talk.polls = polls;
        talk.fill("check-repeat-1")?;
        talk.fill("check-repeat-2")?;
        talk.snapshot(7)?;
        Ok(talk.heard)
    };
    let (once, often) = (run(1)?, run(3)?);
    match once.iter().zip(&often).position(|(a, b)| a != b) {
        None if once.len() == often.len() => Ok(()),
        None => Err(format!("{} events and {}", once.len(), often.len())),
        Some(at) => Err(format!(
            "event {at} is {:?} and {:?}",
            once.get(at),
            often.get(at)
        )),
    }
}

fn restart(brokers: &Brokers, info: &Arc<BrokerInfo>, fresh: Fresh<'_>) -> Result<(), String> {
    if !info.settings.iter().any(|s| s.name == "folder") {
        return Ok(());
    }
    let settings = fresh();
    let mut talk = Talk::up(brokers, info, &settings)?;
    talk.fill("check-before")?;
    let far = condor("check-far", 40_000, talk.now + 200 * STEP_NS)?;
    talk.send(&far)?;
    talk.round()?;
    let before: Vec<Event> = talk.snapshot(1)?.into_iter().map(numbered).collect();
    let (now, round) = (talk.now, talk.round);
    drop(talk);
    let mut again = Talk::of(brokers, info, &settings)?;
    (again.now, again.round) = (now, round);
    again.connect()?;
    let after: Vec<Event> = again.snapshot(2)?.into_iter().map(numbered).collect();
    let bare = |rows: &[Event]| -> Vec<Event> {
        let money = |e: &&Event| !matches!(e, Event::SnapshotAccount { .. });
        rows.iter().filter(money).cloned().collect()
    };
    if bare(&before) != bare(&after) {
        return Err("the snapshot after a restart is another one".to_owned());
    }
    again.fill("check-later")
}
