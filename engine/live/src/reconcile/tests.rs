use super::*;
use crate::broker::OrderLife;
use alula_journal::wire::Submission;
use alula_market::contract::{OptionContract, Right, Root};
use alula_market::money::Price;
use alula_market::time::Date;

const NOW: Instant = Instant(1_700_000_000);
const NOT_AFTER: Instant = Instant(NOW.0 - 60);

fn option(strike: i64, right: Right) -> Instrument {
    Instrument::Option(OptionContract {
        root: Root::parse("SPXW").unwrap(),
        expiry: Date::from_ymd_opt(2026, 12, 18).unwrap(),
        right,
        strike: Price(strike * 1_000),
    })
}

fn leg(strike: i64, quantity: i64) -> LinearLeg {
    LinearLeg {
        instrument: option(strike, Right::Put),
        quantity,
    }
}

fn id(n: u32) -> ClientOrderId {
    ClientOrderId::new(&format!("cond-000001-000000{n}")).unwrap()
}

fn intent(n: u32, not_after: Instant) -> Record {
    let spec = crate::broker::BrokerOrder {
        id: id(n),
        group: "condor".into(),
        legs: vec![leg(4_900, 1), leg(5_000, -1)],
        quantity: 2,
        limit: Some(Price(1_000)),
        not_after,
        life: OrderLife::Day,
    };
    crate::order::intent_out(&Order {
        traded: crate::order::Traded::of(&spec, std::iter::empty()),
        spec,
        rule: "entry".into(),
        purpose: crate::order::Purpose::Open,
        risk: None,
        thresholds: 1,
        number: u64::from(n),
        intent: 0,
        shadow: false,
        state: OrderState::Intent,
        broker_order: None,
        cancel_asked: false,
        resent: false,
    })
    .into()
}

fn sent(n: u32) -> Record {
    wire::SubmitResult {
        order: id(n).to_string(),
        submission: Submission::Unknown("timeout".to_owned()),
    }
    .into()
}

fn orders(records: &[Record]) -> Orders {
    let mut orders = Orders::default();
    for (i, record) in records.iter().enumerate() {
        orders.apply(i as u64 + 1, record).unwrap();
    }
    orders
}

fn pending() -> Orders {
    orders(&[intent(1, NOT_AFTER), sent(1)])
}

fn fill(exec: &str, order: Option<u32>, leg: LinearLeg) -> Fill {
    Fill {
        kind: FillKind::Trade,
        exec_id: exec.into(),
        corrects: None,
        order: order.map(id),
        instrument: leg.instrument,
        quantity: leg.quantity,
        price: Price(1_000),
        fee: None,
        at: NOT_AFTER,
    }
}

fn row(order: Option<u32>, broker_order: &str, status: OrderStatus, filled: u32) -> OrderRow {
    OrderRow {
        order: order.map(id),
        broker_order: broker_order.into(),
        status,
        filled,
        left: 2 - filled,
    }
}

fn snapshot(rows: &[OrderRow], positions: &[LinearLeg], fills: &[Fill]) -> Snapshot {
    Snapshot {
        orders: rows.iter().map(|r| (r.broker_order.clone(), r.clone())).collect(),
        positions: positions.iter().map(|l| (l.instrument, l.quantity)).collect(),
        fills: fills.iter().map(|f| (f.exec_id.clone(), f.clone())).collect(),
        ..Snapshot::default()
    }
}

fn caps() -> Capabilities {
    Capabilities {
        orders: true,
        fills: true,
        positions: true,
        ..Capabilities::default()
    }
}

/// The plan, and the orders after it.
fn planned(orders: &Orders, snapshot: &Snapshot, policy: &Policy) -> (Plan, Orders) {
    let plan = plan(orders, snapshot, &caps(), policy, (NOW, NOW));
    let mut after = orders.clone();
    for record in &plan.records {
        after.apply(99, record).unwrap();
    }
    (plan, after)
}

fn state(orders: &Orders, n: u32) -> OrderState {
    orders.get(&id(n)).unwrap().state
}

#[test]
fn an_order_that_is_not_there_is_abandoned_and_not_sent_again() {
    let (plan, after) = planned(&pending(), &snapshot(&[], &[], &[]), &Policy::default());
    assert_eq!(
        (plan.abandoned, plan.resend.len(), plan.mismatches.len()),
        (1, 0, 0)
    );
    assert_eq!(state(&after, 1), OrderState::Abandoned);
}

#[test]
fn an_order_that_may_still_arrive_stays_open() {
    let late = Instant(NOW.0 - 1);
    let orders = orders(&[intent(1, late), sent(1)]);
    let (plan, after) = planned(&orders, &snapshot(&[], &[], &[]), &Policy::default());
    assert_eq!(plan.abandoned, 0, "the broker's clock may be two seconds behind");
    assert_eq!(state(&after, 1), OrderState::Unknown);
    assert_eq!(
        quiet_for(&orders, &caps(), &Policy::default(), Instant(NOW.0 - 61)),
        62
    );
    assert_eq!(quiet_for(&orders, &caps(), &Policy::default(), NOW), 10);
}

#[test]
fn sending_again_needs_a_broker_that_refuses_old_names_and_time_left() {
    let policy = Policy {
        resend: true,
        ..Policy::default()
    };
    let orders = orders(&[intent(1, Instant(NOW.0 + 5)), sent(1)]);
    let empty = snapshot(&[], &[], &[]);
    let with = |caps, now| plan(&orders, &empty, &caps, &policy, (now, now));
    let dedup = Capabilities {
        dedup: true,
        ..caps()
    };
    assert_eq!(with(dedup, NOW).resend, [id(1)]);
    assert_eq!(with(caps(), NOW).resend, []);
    let over = with(dedup, Instant(NOW.0 + 7));
    assert_eq!((over.resend.len(), over.abandoned), (0, 1));
}

#[test]
fn an_order_that_is_found_is_gone_on_with() {
    let working = snapshot(&[row(Some(1), "77", OrderStatus::Working, 0)], &[], &[]);
    let (plan, after) = planned(&pending(), &working, &Policy::default());
    assert_eq!((plan.adopted, plan.mismatches.len()), (1, 0));
    assert_eq!(state(&after, 1), OrderState::Working);
    let (again, _) = planned(&after, &working, &Policy::default());
    assert_eq!(again, Plan::default(), "a second comparison finds nothing new");
    // Without our name on it, it is found by the broker's.
    let bound = snapshot(&[row(None, "77", OrderStatus::Expired, 0)], &[], &[]);
    let (_, after) = planned(&after, &bound, &Policy::default());
    assert_eq!(state(&after, 1), OrderState::Expired);
}

#[test]
fn trades_that_nobody_told_are_taken_in_once() {
    let fills = [
        fill("a", Some(1), leg(4_900, 2)),
        fill("b", Some(1), leg(5_000, -2)),
    ];
    let held = [leg(4_900, 2), leg(5_000, -2)];
    let shot = snapshot(&[row(Some(1), "77", OrderStatus::Filled, 2)], &held, &fills);
    let (plan, after) = planned(&pending(), &shot, &Policy::default());
    assert_eq!(plan.mismatches, []);
    assert_eq!(state(&after, 1), OrderState::Filled);
    let (again, _) = planned(&after, &shot, &Policy::default());
    assert_eq!(again, Plan::default());
    // The order may have left the list already.
    let gone = snapshot(&[], &held, &fills);
    let (plan, after) = planned(&pending(), &gone, &Policy::default());
    assert_eq!((plan.abandoned, plan.mismatches.len()), (0, 0));
    assert_eq!(state(&after, 1), OrderState::Filled);
}

#[test]
fn packages_without_their_trades_do_not_fit() {
    let shot = snapshot(&[row(Some(1), "77", OrderStatus::Working, 1)], &[], &[]);
    let (plan, _) = planned(&pending(), &shot, &Policy::default());
    let text = plan.mismatches[0].to_string();
    assert_eq!(
        text,
        "order `cond-000001-0000001`: the broker filled 1 packages, and the journal has the trades of 0"
    );
}

#[test]
fn missing_is_not_flat_and_a_report_is() {
    let fills = [
        fill("a", Some(1), leg(4_900, 2)),
        fill("b", Some(1), leg(5_000, -2)),
    ];
    let whole = snapshot(
        &[row(Some(1), "77", OrderStatus::Filled, 2)],
        &[leg(4_900, 2), leg(5_000, -2)],
        &fills,
    );
    let (_, held) = planned(&pending(), &whole, &Policy::default());
    let missing = snapshot(&[], &[leg(5_000, -2)], &fills);
    let (plan, _) = planned(&held, &missing, &Policy::default());
    assert!(matches!(
        plan.mismatches.as_slice(),
        [Mismatch::Position {
            journal: 2,
            broker: None,
            ..
        }]
    ));
    let other = snapshot(&[], &[leg(4_900, 1), leg(5_000, -2)], &fills);
    assert_eq!(planned(&held, &other, &Policy::default()).0.mismatches.len(), 1);
    // An operator may take over what the broker says, never what it does not say.
    let adopt = Policy {
        external: External::Adopt,
        ..Policy::default()
    };
    let (plan, after) = planned(&held, &other, &adopt);
    assert_eq!(plan.mismatches, []);
    assert_eq!(after.positions()[&leg(4_900, 1).instrument], 1);
    assert_eq!(planned(&held, &missing, &adopt).0.mismatches.len(), 1);
    // Once it has expired, a broker forgets it.
    let expired = Instant(1_797_724_800);
    let plan = plan_at(&held, &snapshot(&[], &[], &fills), expired);
    assert_eq!(plan.mismatches, []);
}

fn plan_at(orders: &Orders, snapshot: &Snapshot, now: Instant) -> Plan {
    plan(orders, snapshot, &caps(), &Policy::default(), (now, now))
}

#[test]
fn what_is_not_ours_halts_is_ignored_or_taken_over() {
    let shot = snapshot(
        &[
            row(None, "5", OrderStatus::Working, 0),
            row(None, "6", OrderStatus::Filled, 2),
        ],
        &[leg(3_000, 4)],
        &[fill("x", None, leg(3_000, 4))],
    );
    let with = |external| {
        let policy = Policy {
            external,
            ..Policy::default()
        };
        planned(&Orders::default(), &shot, &policy)
    };
    assert_eq!(with(External::Halt).0.mismatches.len(), 2);
    let (ignored, after) = with(External::Ignore);
    assert_eq!((ignored.mismatches.len(), after.positions().len()), (0, 0));
    let (_, after) = with(External::Adopt);
    assert_eq!(after.positions().len(), 1);
}

#[test]
fn an_order_that_ended_for_us_and_is_at_work_is_taken_back() {
    let (_, after) = planned(&pending(), &snapshot(&[], &[], &[]), &Policy::default());
    let shot = snapshot(&[row(Some(1), "77", OrderStatus::Working, 0)], &[], &[]);
    let (plan, _) = planned(&after, &shot, &Policy::default());
    assert_eq!(plan.take_back, [id(1)]);
    assert!(matches!(plan.mismatches.as_slice(), [Mismatch::Zombie { .. }]));
}

#[test]
fn a_package_with_missing_legs_is_named_and_does_not_keep_others_from_entering() {
    let fills = [fill("a", Some(1), leg(5_000, -1))];
    let shot = snapshot(
        &[row(Some(1), "77", OrderStatus::Cancelled, 0)],
        &[leg(5_000, -1)],
        &fills,
    );
    let (plan, _) = planned(&pending(), &shot, &Policy::default());
    assert!(matches!(plan.broken.as_slice(), [Mismatch::Legs { .. }]));
    assert_eq!(plan.mismatches, [], "the broker holds what our trades make");
    assert_eq!(
        plan.resend.len() + plan.take_back.len(),
        0,
        "nothing is sent by itself"
    );
}

#[test]
fn a_broker_that_cannot_show_positions_lets_nothing_be_opened() {
    let blind = Capabilities {
        orders: true,
        ..Capabilities::default()
    };
    let empty = snapshot(&[], &[], &[]);
    let plan = plan(&pending(), &empty, &blind, &Policy::default(), (NOW, NOW));
    assert_eq!(plan.mismatches, [Mismatch::Blind("positions")]);
}

fn rows(request: u64, held: &[LinearLeg], end: bool) -> Vec<BrokerEvent> {
    let mut events = vec![BrokerEvent::SnapshotBegin { request }];
    events.extend(
        held.iter()
            .map(|held| BrokerEvent::SnapshotPosition { request, held: *held }),
    );
    if end {
        events.push(BrokerEvent::SnapshotEnd { request });
    }
    events
}

struct Drive {
    machine: Reconciler,
    orders: Orders,
    now: i64,
}

impl Drive {
    fn new(orders: Orders) -> Self {
        Self {
            machine: Reconciler::new(Policy::default(), caps(), 0),
            orders,
            now: NOW.0,
        }
    }

    fn feed(&mut self, events: &[BrokerEvent]) -> Option<Action> {
        let now = Instant(self.now);
        let mut last = None;
        for event in events {
            last = self.machine.event(now, &self.orders, event).or(last);
        }
        last
    }

    /// Seconds until it wants something.
    fn wait(&mut self) -> (i64, Action) {
        let start = self.now;
        loop {
            if let Some(action) = self.machine.clock(Instant(self.now), &self.orders) {
                return (self.now - start, action);
            }
            self.now += 1;
            assert!(self.now < start + 10_000, "it wants nothing");
        }
    }
}

fn asked(action: Option<Action>) -> u64 {
    match action {
        Some(Action::Ask { request, .. }) => request,
        other => panic!("{other:?}"),
    }
}

#[test]
fn it_waits_asks_twice_and_settles() {
    let mut drive = Drive::new(pending());
    drive.feed(&[BrokerEvent::Up]);
    let (waited, action) = drive.wait();
    assert_eq!((waited, asked(Some(action))), (10, 1));
    let second = asked(drive.feed(&rows(1, &[leg(4_900, 1)], true)));
    let settle = drive.feed(&rows(second, &[leg(4_900, 1)], true));
    let Some(Action::Settle { plan, occasion, .. }) = settle else {
        panic!("{settle:?}")
    };
    assert_eq!((plan.abandoned, occasion), (1, Occasion::Start));
    assert!(!drive.machine.is_settled());
    drive.machine.settled(Instant(drive.now), true);
    assert!(drive.machine.is_settled());
    assert_eq!(drive.wait().0, 300);
}

#[test]
fn unequal_unfinished_contradicting_and_disturbed_snapshots_do_not_count() {
    let mut drive = Drive::new(Orders::default());
    drive.feed(&[BrokerEvent::Up]);
    drive.wait();
    let second = asked(drive.feed(&rows(1, &[leg(1, 1)], true)));
    let third = asked(drive.feed(&rows(second, &[leg(1, 2)], true)));
    assert_eq!(drive.machine.unequal(), 1);
    // No end: asked anew after the time for an answer, from the start.
    assert_eq!(drive.feed(&rows(third, &[leg(1, 2)], false)), None);
    let (waited, action) = drive.wait();
    let fourth = asked(Some(action));
    assert_eq!((waited, fourth), (30, 4));
    // Rows of an old request are nothing.
    assert_eq!(drive.feed(&rows(third, &[leg(1, 2)], true)), None);
    let fifth = asked(drive.feed(&rows(fourth, &[leg(1, 2), leg(1, 3)], true)));
    let sixth = asked(drive.feed(&rows(fifth, &[leg(1, 2)], true)));
    drive.feed(&[BrokerEvent::Expired { order: id(1) }]);
    let seventh = asked(drive.feed(&rows(sixth, &[leg(1, 2)], true)));
    let eighth = asked(drive.feed(&rows(seventh, &[leg(1, 2)], true)));
    assert!(matches!(
        drive.feed(&rows(eighth, &[leg(1, 2)], true)),
        Some(Action::Settle { .. })
    ));
}

#[test]
fn a_broken_connection_starts_it_all_again() {
    let mut drive = Drive::new(Orders::default());
    drive.feed(&[BrokerEvent::Up]);
    drive.wait();
    drive.feed(&rows(1, &[], true));
    drive.feed(&[BrokerEvent::Down(String::new())]);
    assert_eq!(drive.feed(&rows(2, &[], true)), None);
    assert!(
        drive
            .machine
            .clock(Instant(drive.now + 999), &drive.orders)
            .is_none()
    );
    drive.feed(&[BrokerEvent::Up]);
    let (_, action) = drive.wait();
    let next = asked(Some(action));
    let last = asked(drive.feed(&rows(next, &[], true)));
    assert!(matches!(
        drive.feed(&rows(last, &[], true)),
        Some(Action::Settle { .. })
    ));
}
