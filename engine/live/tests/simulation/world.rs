//! Processes that live and die at the venue: a small strategy at the real desk, the real rails, the real reconciler and the
//! real journal.

use crate::venue::{Door, Fate, Shared, Stats, Weather};
use alula_book::instrument::LinearLeg;
use alula_journal::sim::{Disk, Faults, Rng};
use alula_journal::store::{MemoryDisk, RedbStore};
use alula_journal::wire::{self, Record};
use alula_journal::{Entry, Hash, Journal, JournalError, Limits, Manifest, Stamp, Store, StoreError};
use alula_live::broker::{Broker as _, Capabilities, ClientOrderId, OrderLife};
use alula_live::order::{DeskError, Draft, Notice, OrderDesk, OrderState, Orders, Purpose};
use alula_live::rails::{Agreement, RailLimits, Rails, Seen};
use alula_live::reconcile::{Action, Policy, Reconciler};
use alula_live::recovery::replay;
use alula_market::contract::{Instrument, OptionContract, Right, Root};
use alula_market::money::{Price, Usd};
use alula_market::time::{Date, Instant};
use std::collections::BTreeMap;
use std::time::Duration;

/// 2026-03-02 15:00 UTC.
const START: i64 = 1_772_463_600;
/// Seconds of the storm, and of the calm after it.
const STORM: i64 = 420;
const CALM: i64 = 180;
/// Packages that the strategy wants of each structure.
const WANTED: u32 = 2;
const GROUPS: usize = 3;
const RISK: Usd = Usd(1_000_000);

/// What is done wrong on purpose, to see that it is seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Flaw {
    #[default]
    None,
    /// The disk says that it flushed and did not.
    LyingDisk,
    /// Whatever is pending after a start is sent again.
    ResendPending,
    /// The journal is written after the send.
    SendBeforeJournal,
    /// Whatever is pending after a start is given up at once.
    AbandonAtOnce,
}

/// Where the journal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Medium {
    /// In memory: durable or not.
    Memory,
    /// The real store on a simulated disk.
    Redb,
}

/// One simulated history.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    pub seed: u64,
    pub medium: Medium,
    pub flaw: Flaw,
    /// Effect at which the first process dies, and whether the effect still happens; `None` draws some.
    pub crash: Option<(u64, bool)>,
    /// Crashes beyond the first, or all of them where none is named.
    pub crashes: u64,
    /// A crash takes the power with it.
    pub power: bool,
    pub dedup: bool,
    /// Legs fill apart, and trades are taken back.
    pub apart: bool,
}

#[derive(Clone, Debug, Default)]
pub struct Report {
    pub violations: Vec<String>,
    pub effects: u64,
    pub crashes: u64,
    pub stats: Stats,
    pub comparisons: u64,
    pub abandoned: u64,
    pub adopted: u64,
}

enum Drive {
    Memory(MemoryDisk),
    Redb(Disk),
}

/// Counts commits as effects, and notes which intents are on disk.
#[derive(Debug)]
struct Counted {
    inner: Box<dyn Store>,
    venue: Shared,
    /// Entries are written one commit late: what a journal without a flush does.
    late: Option<Vec<Entry>>,
    disk: Option<Disk>,
}

impl Store for Counted {
    fn append(&mut self, batch: &[Entry]) -> Result<Duration, StoreError> {
        let fate = self.venue.get().effect();
        if fate == Fate::Not {
            // The process dies before the commit, or somewhere in it.
            if let Some(disk) = &self.disk
                && !disk.dead()
            {
                let at = disk.calls() + 1 + disk.calls() % 7;
                disk.set(Faults {
                    power_loss_at: Some(at),
                    ..Faults::default()
                });
                let _ = self.inner.append(batch);
                disk.power_loss();
            }
            return Err(StoreError::Io("the process is dead".to_owned()));
        }
        let written = match &mut self.late {
            None => batch.to_vec(),
            Some(waiting) => std::mem::replace(waiting, batch.to_vec()),
        };
        let took = if written.is_empty() {
            Duration::ZERO
        } else {
            self.inner.append(&written)?
        };
        let mut venue = self.venue.get();
        for entry in written {
            if let Ok(Record::OrderIntent(intent)) =
                Record::from_bytes(entry.kind, entry.schema, &entry.payload)
            {
                venue.durable.insert(intent.order);
            }
            if let Ok(Record::Carried(carried)) = Record::from_bytes(entry.kind, entry.schema, &entry.payload)
            {
                venue
                    .durable
                    .extend(carried.orders.into_iter().map(|o| o.intent.order));
            }
        }
        Ok(took)
    }

    fn read(&self, from: u64, limit: usize) -> Result<Vec<(u64, Vec<u8>)>, StoreError> {
        self.inner.read(from, limit)
    }

    fn last(&self) -> Result<u64, StoreError> {
        self.inner.last()
    }

    fn head(&self) -> Result<Option<(u64, Hash)>, StoreError> {
        self.inner.head()
    }

    fn put_manifest(&mut self, manifest: &Manifest) -> Result<(), StoreError> {
        self.inner.put_manifest(manifest)
    }

    fn manifest(&self) -> Result<Manifest, StoreError> {
        self.inner.manifest()
    }
}

fn option(strike: i64, right: Right) -> Instrument {
    Instrument::Option(OptionContract {
        root: Root::parse("SPXW").unwrap(),
        expiry: Date::from_ymd_opt(2026, 12, 18).unwrap(),
        right,
        strike: Price(strike * 1_000),
    })
}

/// The condor of a structure: long legs at strikes that end in 50.
fn condor(group: usize) -> Vec<LinearLeg> {
    let low = 4_000 + 300 * group as i64;
    [
        (low + 50, Right::Put, 1),
        (low + 100, Right::Put, -1),
        (low + 1_200, Right::Call, -1),
        (low + 1_250, Right::Call, 1),
    ]
    .map(|(strike, right, quantity)| LinearLeg {
        instrument: option(strike, right),
        quantity,
    })
    .to_vec()
}

fn stamp(now: i64) -> Stamp {
    let ns = now * 1_000_000_000;
    Stamp {
        engine_ns: ns,
        received_ns: ns,
    }
}

struct World {
    plan: Plan,
    rng: Rng,
    venue: Shared,
    drives: Vec<Drive>,
    /// How orders ended, over all lives.
    ends: BTreeMap<ClientOrderId, OrderState>,
    /// Notices that the disk does not know yet.
    waiting: Vec<Notice>,
    report: Report,
}

/// Runs a history.
pub fn run(plan: Plan) -> Report {
    let mut rng = Rng::new(plan.seed ^ 0x5eed);
    let caps = Capabilities {
        combos: true,
        dedup: plan.dedup,
        orders: true,
        fills: true,
        positions: true,
        simulated: true,
        ..Capabilities::default()
    };
    let venue = Shared::new(rng.draw(), START, caps, i64::from(WANTED));
    if plan.apart {
        let mut venue = venue.get();
        venue.weather.apart = 10 + rng.below(40);
        venue.weather.busted = rng.below(60);
    }
    let mut world = World {
        plan,
        rng,
        venue,
        drives: Vec::new(),
        ends: BTreeMap::new(),
        waiting: Vec::new(),
        report: Report::default(),
    };
    world.run();
    let venue = world.venue.get();
    let mut report = world.report.clone();
    report.violations.extend(venue.violations.iter().cloned());
    report.effects = venue.effects;
    report.stats = venue.stats;
    report
}

impl World {
    fn now(&self) -> i64 {
        self.venue.get().now
    }

    fn violation(&mut self, what: String) {
        if self.report.violations.len() < 20 {
            self.report.violations.push(what);
        }
    }

    fn run(&mut self) {
        let mut left = self.plan.crashes;
        let mut named = self.plan.crash;
        for life in 0..40 {
            let calm = self.now() >= START + STORM;
            let crash = if calm {
                None
            } else if let Some(crash) = named.take() {
                Some(crash)
            } else if left > 0 {
                left -= 1;
                Some((1 + self.rng.below(120), self.rng.percent(50)))
            } else {
                None
            };
            {
                let mut venue = self.venue.get();
                let from = venue.effects;
                venue.crash = crash.map(|(at, after)| (from + at, after));
            }
            if self.life(life) {
                return;
            }
            self.report.crashes += 1;
            // The machine takes its time to come back, and the venue goes on.
            let gap = 1 + self.rng.below(20);
            self.venue.get().hang_up();
            for _ in 0..gap {
                self.second();
            }
        }
        self.violation("forty processes did not see the end".to_owned());
    }

    fn second(&self) {
        let mut venue = self.venue.get();
        let calm = venue.now >= START + STORM;
        if calm {
            venue.weather = Weather::calm();
        }
        // A day that is shorter than ours.
        let midnight = (venue.now - START) % 200 == 199;
        venue.second(midnight);
    }

    /// What the process before has left.
    fn predecessor(&mut self) -> Result<wire::Carried, String> {
        for drive in self.drives.iter().rev() {
            let store: Box<dyn Store> = match drive {
                Drive::Memory(disk) => Box::new(disk.open()),
                Drive::Redb(disk) => match RedbStore::on(disk.handle(), disk.timer()) {
                    Ok(store) => Box::new(store),
                    // Half made when the power went: it has no name that a start would find.
                    Err(_) if disk.flushes() == 0 => continue,
                    Err(error) => return Err(error.to_string()),
                },
            };
            if store.manifest().is_err() || store.last() == Ok(0) {
                continue;
            }
            let recovered = replay(&*store).map_err(|e| e.to_string())?;
            return Ok(self.look(&recovered.orders));
        }
        Ok(self.look(&Orders::default()))
    }

    /// Checks what was recovered, and carries it.
    fn look(&mut self, orders: &Orders) -> wire::Carried {
        let names = self.venue.get().names();
        for name in names.iter().filter(|n| orders.get(n).is_none()) {
            let text = format!("`{name}` was sent, and the journal does not know it");
            self.violation(text);
        }
        for order in orders.iter() {
            self.ended(order.spec.id.clone(), order.state);
        }
        orders.carry(Instant(self.now()))
    }

    /// I5: an end is an end, over all lives.
    fn ended(&mut self, id: ClientOrderId, state: OrderState) {
        match self.ends.get(&id) {
            Some(before) if *before != state => {
                let text = format!("I5: `{id}` was {before} and is {state}");
                self.violation(text);
            }
            None if state.is_end() => {
                self.ends.insert(id, state);
            }
            _ => {}
        }
    }

    fn journal(&mut self, life: usize) -> Result<Journal, JournalError> {
        let late = (self.plan.flaw == Flaw::SendBeforeJournal).then(Vec::new);
        let (inner, disk): (Box<dyn Store>, _) = match self.plan.medium {
            Medium::Memory => {
                let disk = MemoryDisk::new();
                if self.plan.flaw == Flaw::LyingDisk {
                    disk.lie();
                }
                self.drives.push(Drive::Memory(disk.clone()));
                (Box::new(disk.open()), None)
            }
            Medium::Redb => {
                let disk = Disk::new(Faults {
                    lying: self.plan.flaw == Flaw::LyingDisk,
                    ..Faults::default()
                });
                let store = RedbStore::on(disk.handle(), disk.timer()).map_err(JournalError::Store)?;
                self.drives.push(Drive::Redb(disk.clone()));
                (Box::new(store), Some(disk))
            }
        };
        let store = Counted {
            inner,
            venue: self.venue.clone(),
            late,
            disk,
        };
        let manifest = Manifest::new(
            &format!("r{life:04}"),
            life as u32 + 1,
            stamp(self.now()).engine_ns,
        );
        Journal::create(Box::new(store), manifest, Limits::default())
    }

    /// What a crash leaves on the disk of the process that died.
    fn after_crash(&mut self) {
        match self.drives.last_mut() {
            Some(Drive::Memory(disk)) if self.plan.power => disk.power_loss(),
            Some(Drive::Redb(disk)) => {
                *disk = if self.plan.power {
                    disk.after_loss(&mut self.rng)
                } else {
                    disk.after_kill()
                };
            }
            _ => {}
        }
    }

    /// One process; true when it saw the end of the history.
    fn life(&mut self, life: usize) -> bool {
        let carried = match self.predecessor() {
            Ok(carried) => carried,
            Err(error) => {
                self.violation(format!("the journal could not be read: {error}"));
                return true;
            }
        };
        let limits = RailLimits {
            // The structures together, held or on their way, and not one order more.
            open_risk: Some(Usd(RISK.0 * i64::try_from(GROUPS).unwrap_or(0))),
            orders_per_minute: 1_000,
            ..RailLimits::default()
        };
        let begun = self.journal(life).map_err(DeskError::from).and_then(|journal| {
            OrderDesk::begin(journal, "cond", Rails::new(limits), carried, stamp(self.now()))
        });
        let Ok(mut desk) = begun else {
            self.after_crash();
            return false;
        };
        self.waiting.clear();
        let mut door = self.venue.door(life);
        if self.plan.flaw == Flaw::ResendPending {
            let pending: Vec<_> = desk.orders().open().map(|o| o.spec.clone()).collect();
            let _ = door.connect();
            for _ in 0..12 {
                self.second();
            }
            for order in pending {
                let _ = door.submit(&order);
            }
        }
        let policy = Policy {
            // A broker that refuses old names lets us try the other way, too.
            resend: self.plan.dedup,
            every_s: 60,
            again_s: 20,
            ..Policy::default()
        };
        let policy = if self.plan.flaw == Flaw::AbandonAtOnce {
            Policy {
                quiet_s: 0,
                flight_s: 0,
                skew_s: -1_000,
                ..policy
            }
        } else {
            policy
        };
        let mut reconciler = Reconciler::new(policy, door.facts().caps, desk.orders().last_request());
        loop {
            self.second();
            match self.turn(&mut desk, &mut door, &mut reconciler) {
                Ok(()) if !self.venue.get().dead => {}
                _ => {
                    drop(desk);
                    self.after_crash();
                    return false;
                }
            }
            let over = self.now() - START - STORM - CALM;
            // A round that has begun may end.
            if over >= 0 && (reconciler.is_settled() || over > 120) {
                break;
            }
        }
        self.end(desk, &mut door, &reconciler);
        true
    }

    fn turn(
        &mut self,
        desk: &mut OrderDesk,
        door: &mut Door,
        reconciler: &mut Reconciler,
    ) -> Result<(), DeskError> {
        let now = self.now();
        let at = stamp(now);
        if !self.venue.get().is_up() && now % 3 == 0 {
            let _ = door.connect();
        }
        let mut events = Vec::new();
        let _ = door.poll(Duration::ZERO, &mut events);
        let mut asks = Vec::new();
        for event in &events {
            let (_, notices) = desk.take(at, event)?;
            self.waiting.extend(notices);
            let action = reconciler.event(Instant(now), desk.orders(), event);
            asks.extend(self.act(desk, reconciler, action)?);
        }
        let action = reconciler.clock(Instant(now), desk.orders());
        asks.extend(self.act(desk, reconciler, action)?);
        if now < START + STORM {
            self.strategy(desk)?;
        }
        let notices = desk.flush(at, door)?;
        // What has been told up to here is on disk; what sending told is there with the next commit.
        let waiting = std::mem::replace(&mut self.waiting, notices);
        self.told(&waiting);
        for (request, since) in asks {
            if door.request_snapshot(request, since).is_err() {
                reconciler.not_asked(Instant(now));
            }
        }
        self.check(desk);
        Ok(())
    }

    /// Settles, or gives what has to be asked.
    fn act(
        &mut self,
        desk: &mut OrderDesk,
        reconciler: &mut Reconciler,
        action: Option<Action>,
    ) -> Result<Option<(u64, Instant)>, DeskError> {
        let now = self.now();
        let (found, occasion) = match action {
            None => return Ok(None),
            Some(Action::Ask { request, since }) => return Ok(Some((request, since))),
            Some(Action::Settle { plan, occasion, .. }) => (plan, occasion),
        };
        let notices = desk.settle(stamp(now), 0, occasion, &found)?;
        self.waiting.extend(notices);
        reconciler.settled(Instant(now), found.mismatches.is_empty());
        self.report.comparisons += 1;
        self.report.abandoned += u64::from(found.abandoned);
        self.report.adopted += u64::from(found.adopted);
        for mismatch in &found.mismatches {
            self.violation(format!("a mismatch that nobody caused: {mismatch}"));
        }
        Ok(None)
    }

    fn told(&mut self, notices: &[Notice]) {
        for notice in notices {
            match notice {
                Notice::State { order, to, .. } => self.ended(order.clone(), *to),
                Notice::Alarm { key, text }
                    if matches!(
                        *key,
                        "overfill"
                            | "strange-fill"
                            | "external-order"
                            | "external-fill"
                            | "abandoned-order"
                            | "fill-differs"
                    ) =>
                {
                    let text = format!("an alarm that nobody caused: {text}");
                    self.violation(text);
                }
                _ => {}
            }
        }
    }

    /// I4, and the truth against what we count as open.
    fn check(&mut self, desk: &OrderDesk) {
        let orders = desk.orders();
        let known = orders.open_risk().known;
        if known.0 > RISK.0 * GROUPS as i64 {
            self.violation(format!("I4: {known:?} is at risk in open orders"));
        }
        if desk.rails().agreement == Agreement::Agree {
            let working = self.venue.get().working();
            for id in working {
                // What ended for us by a word that came before the venue's own end.
                if orders.get(&id).is_some_and(|o| !o.is_open()) {
                    let state = orders.get(&id).map(|o| o.state);
                    self.violation(format!("`{id}` is at work and counts as {state:?}"));
                }
            }
        }
    }

    fn strategy(&mut self, desk: &mut OrderDesk) -> Result<(), DeskError> {
        let now = self.now();
        let at = stamp(now);
        let opening = (now - START) / 90 % 2 == 0;
        for group in 0..GROUPS {
            let name = format!("condor-{group}");
            let legs = condor(group);
            let open: Vec<_> = desk
                .orders()
                .open()
                .filter(|o| *o.spec.group == *name)
                .map(|o| (o.spec.id.clone(), o.spec.not_after, o.purpose, o.cancel_asked))
                .collect();
            if !open.is_empty() {
                for (id, not_after, purpose, asked) in open {
                    let old = now > not_after.0 + 10 || (purpose == Purpose::Open) != opening;
                    if old && !asked && self.rng.percent(20) {
                        desk.cancel(at, 0, &id, "it takes too long")?;
                    }
                }
                continue;
            }
            if self.plan.apart && self.whole(desk, &name, &legs)? {
                continue;
            }
            let held = |leg: &LinearLeg| desk.orders().positions().get(&leg.instrument).copied();
            let packages: Vec<i64> = legs.iter().map(|l| held(l).unwrap_or(0) / l.quantity).collect();
            let Some(first) = packages.first().copied() else {
                continue;
            };
            if packages.iter().any(|p| *p != first) || !self.rng.percent(25) {
                continue;
            }
            let (purpose, legs, quantity) = match (opening, first) {
                (true, 0) => (Purpose::Open, legs, WANTED),
                (false, p) if p > 0 => {
                    let back = legs.iter().map(|l| LinearLeg {
                        quantity: -l.quantity,
                        ..*l
                    });
                    (Purpose::Close, back.collect(), u32::try_from(p).unwrap_or(0))
                }
                _ => continue,
            };
            let tick = wire::Timer {
                name: "decide".to_owned(),
                at_s: now,
            };
            let (cause, _) = desk.record(at, 0, &tick.into())?;
            let draft = Draft {
                group: name.as_str().into(),
                rule: "simulated".into(),
                purpose,
                legs,
                quantity,
                limit: None,
                not_after: Instant(now + 6 + self.rng.below(10) as i64),
                life: if self.rng.percent(50) {
                    OrderLife::Day
                } else {
                    OrderLife::UntilCancelled
                },
                risk: (purpose == Purpose::Open).then_some(RISK).or(Some(Usd::ZERO)),
                thresholds: 1,
            };
            // Structures that are held, whole or in part.
            let positions = desk.orders().positions();
            let risky =
                (0..GROUPS).filter(|g| condor(*g).iter().any(|l| positions.contains_key(&l.instrument)));
            let seen = Seen {
                connected: true,
                quotes_at: Some(Instant(now)),
                lost_today: Some(Usd::ZERO),
                margin_with: Some(Usd::ZERO),
                position_risk: Some(Usd(RISK.0 * i64::try_from(risky.count()).unwrap_or(0))),
            };
            let _ = desk.intend(at, cause, &draft, &seen)?;
        }
        Ok(())
    }

    /// Closes what is left of a package that lost legs, leg by leg; true when there is something of the kind. Nothing is opened
    /// for a structure meanwhile.
    fn whole(&mut self, desk: &mut OrderDesk, name: &str, legs: &[LinearLeg]) -> Result<bool, DeskError> {
        let held: Vec<i64> = legs
            .iter()
            .map(|l| desk.orders().positions().get(&l.instrument).copied().unwrap_or(0))
            .collect();
        let first = legs
            .first()
            .map_or(0, |l| held.first().copied().unwrap_or(0) * l.quantity);
        let even = legs.iter().zip(&held).all(|(l, h)| *h == first * l.quantity);
        if even && first >= 0 && first <= i64::from(WANTED) {
            return Ok(false);
        }
        if !self.rng.percent(25) {
            return Ok(true);
        }
        let now = self.now();
        let tick = wire::Timer {
            name: "repair".to_owned(),
            at_s: now,
        };
        let (cause, _) = desk.record(stamp(now), 0, &tick.into())?;
        for (leg, held) in legs.iter().zip(held).filter(|(_, h)| *h != 0) {
            let draft = Draft {
                group: name.into(),
                rule: "repair".into(),
                purpose: Purpose::Close,
                legs: vec![LinearLeg {
                    quantity: -held.signum(),
                    ..*leg
                }],
                quantity: u32::try_from(held.unsigned_abs()).unwrap_or(0),
                limit: None,
                not_after: Instant(now + 6 + self.rng.below(10) as i64),
                life: OrderLife::UntilCancelled,
                risk: Some(Usd::ZERO),
                thresholds: 1,
            };
            let seen = Seen {
                connected: true,
                quotes_at: Some(Instant(now)),
                lost_today: Some(Usd::ZERO),
                margin_with: Some(Usd::ZERO),
                position_risk: Some(Usd::ZERO),
            };
            let _ = desk.intend(stamp(now), cause, &draft, &seen)?;
        }
        Ok(true)
    }

    /// After the calm, everything is known, and everything fits.
    fn end(&mut self, mut desk: OrderDesk, door: &mut Door, reconciler: &Reconciler) {
        if desk.flush(stamp(self.now()), door).is_err() {
            self.violation("the last commit failed".to_owned());
            return;
        }
        // What the late journal still holds belongs to its flaw.
        if self.plan.flaw == Flaw::None {
            match replay(desk.journal().store()) {
                Ok(recovered) if recovered.orders == *desk.orders() => {}
                Ok(_) => self.violation("I6: a replay gives another state".to_owned()),
                Err(error) => self.violation(format!("I6: {error}")),
            }
        }
        let venue = self.venue.clone();
        let venue = venue.get();
        let truth: BTreeMap<_, _> = venue.positions.iter().filter(|(_, q)| **q != 0).collect();
        let ours: BTreeMap<_, _> = desk.orders().positions().iter().collect();
        if truth != ours {
            self.violation(format!(
                "I2: the account holds {truth:?}, and the journal makes {ours:?}"
            ));
        }
        if !reconciler.is_settled() || desk.rails().agreement != Agreement::Agree {
            let agreement = desk.rails().agreement.clone();
            self.violation(format!("after the calm nothing is settled: {agreement:?}"));
        }
        let working = venue.working();
        let open: Vec<_> = desk.orders().open().map(|o| o.spec.id.clone()).collect();
        for id in open.iter().filter(|id| !working.contains(id)) {
            let state = desk.orders().get(id).map(|o| o.state);
            self.violation(format!("after the calm `{id}` is still {state:?}"));
        }
        for id in working.iter().filter(|id| !open.contains(id)) {
            self.violation(format!("after the calm `{id}` is at work and nobody knows"));
        }
    }
}
