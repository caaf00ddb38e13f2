//! Limits that no strategy can lift, and the kill switch, where the engine fills the orders itself.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "tests may fail loudly, and their numbers are small"
)]

mod common;

use alula_market::money::Usd;
use alula_run::rails::{Mode as Sending, RailLimits};
use alula_run::{Act, BacktestRequest, Course, HaltLevel, Mode, OperatorAct, RunOutput, backtest};
use common::{Double, date, flat, graph, request, strategy};

/// Opens one condor a day, closes each the day after: entries and exits at every tick.
fn busy() -> String {
    strategy(
        "",
        "policy p on core {\n    open when VIX.last < 35 vol size 2 lots up to 20 positions\n    close out when dte < 60\n}",
    )
}

fn turned(history: &Double, course: Course) -> RunOutput {
    let graph = graph(&busy());
    let mut silent = |_| {};
    backtest(BacktestRequest {
        course,
        ..request(&graph, history, Mode::Streaming, &mut silent)
    })
    .unwrap()
}

fn limited(limits: RailLimits) -> Course {
    Course {
        rails: Some(limits),
        ..Course::default()
    }
}

fn kinds(run: &RunOutput) -> (usize, usize) {
    let of = |kind: &str| run.orders.iter().filter(|o| o.kind == kind).count();
    (of("open"), of("close"))
}

fn rails(run: &RunOutput) -> Vec<&str> {
    let mut rails: Vec<&str> = run.alerts.iter().map(|(_, key, _)| key.as_str()).collect();
    rails.dedup();
    rails
}

#[test]
fn limits_that_are_never_reached_change_nothing_but_the_record() {
    let history = flat(12);
    let plain = turned(&history, Course::default());
    let limits = RailLimits {
        margin: Some(Usd(1_000_000_000_000)),
        loss_per_day: Some(Usd(1_000_000_000_000)),
        settle_s: 0,
        ..RailLimits::default()
    };
    let held = turned(&history, limited(limits.clone()));
    assert_eq!(plain.ticks, held.ticks);
    // Names of orders carry the run's identity, of which the limits are a part.
    let nets = |run: &RunOutput| run.trades.iter().map(|t| (t.at, t.net)).collect::<Vec<_>>();
    assert_eq!(nets(&plain), nets(&held));
    assert!(kinds(&held).0 > 3 && kinds(&held).1 > 3);
    let recorded = &held.manifest.settings["rails"];
    assert_eq!(RailLimits::parse(recorded), Some(limits));
    assert_ne!(plain.manifest.run_id, held.manifest.run_id);
}

#[test]
fn a_margin_limit_stops_entries_and_lets_exits_pass() {
    let history = flat(12);
    let limits = RailLimits {
        // Two condors of 50 points need 10,000 dollars by the exchange's rules.
        margin: Some(Usd(9_999_000_000)),
        ..RailLimits::none()
    };
    let run = turned(&history, limited(limits));
    assert_eq!(kinds(&run), (0, 0));
    assert_eq!(rails(&run), ["rail.margin"]);
    let row = run.decisions.iter().find(|d| d.verdict == "ordered").unwrap();
    assert!(row.order.is_none());
    assert!(
        row.detail
            .contains("the order was not sent: the margin with the order is"),
        "{}",
        row.detail
    );
}

#[test]
fn the_loss_of_the_day_stops_entries_only() {
    // At 30 vol what is held loses more than the limit in a day, by spreads alone.
    let path = |i| if i < 5 { (2900.0, 0.16) } else { (2784.0, 0.30) };
    let history = Double::new(date(2019, 6, 3), 12, path);
    let limits = RailLimits {
        loss_per_day: Some(Usd(500_000_000)),
        ..RailLimits::none()
    };
    let run = turned(&history, limited(limits));
    assert_eq!(rails(&run), ["rail.loss"]);
    let on = |day: u32, kind: &str| {
        let orders = run.orders.iter().filter(|o| o.kind == kind);
        orders
            .filter(|o| o.decided_at.date() == date(2019, 6, day))
            .count()
    };
    let equity = |day: u32| {
        let mut days = run.daily.iter().filter(|d| d.date == date(2019, 6, day));
        days.next().unwrap().equity.share
    };
    // On the 12th the exit leaves and the entry does not; on the 13th, a new day, it does.
    assert!((equity(11) - equity(12)).0 > 500_000_000);
    assert_eq!((on(12, "close"), on(12, "open"), on(13, "open")), (1, 0, 1));
    assert_eq!(run.alerts[0].0.date(), date(2019, 6, 12));
}

#[test]
fn a_shadow_decides_and_sends_nothing_and_read_only_refuses() {
    let history = flat(6);
    let mode = |mode| RailLimits {
        mode,
        ..RailLimits::none()
    };
    let shadow = turned(&history, limited(mode(Sending::Shadow)));
    assert_eq!((kinds(&shadow), shadow.trades.len()), ((0, 0), 0));
    let called = shadow
        .decisions
        .iter()
        .filter(|d| d.detail.contains("the run is a shadow"));
    assert_eq!(called.count(), 5);
    assert!(shadow.alerts.is_empty());
    let marked = |run: &RunOutput, text: &str| run.manifest.marks.iter().any(|m| m == text);
    assert!(marked(
        &shadow,
        "rails: a shadow; orders were decided and not sent"
    ));
    let watching = turned(&history, limited(mode(Sending::ReadOnly)));
    assert_eq!(watching.trades.len(), 0);
    assert!(
        watching
            .decisions
            .iter()
            .any(|d| d.detail.contains("only watches the account"))
    );
}

#[test]
fn the_kill_switch_stops_exits_too_and_a_halt_of_entries_does_not() {
    let history = flat(12);
    let at = history.days[5].date;
    let act = |act: Act, day: usize| OperatorAct {
        at: alula_market::time::Instant::from_eastern(history.days[day].date, 0, 0).unwrap(),
        act,
        who: "alice (uid 1000)".to_owned(),
        why: "the quotes are wrong".to_owned(),
    };
    let halted = |level| {
        turned(
            &history,
            Course {
                acts: vec![act(Act::Halt(level), 5), act(Act::Resume, 8)],
                ..Course::default()
            },
        )
    };
    let between = |run: &RunOutput, kind: &str| {
        let orders = run.orders.iter().filter(|o| o.kind == kind);
        orders
            .filter(|o| o.decided_at.date() >= at && o.decided_at.date() < history.days[8].date)
            .count()
    };
    let entries = halted(HaltLevel::Entries);
    assert_eq!(between(&entries, "open"), 0);
    assert!(between(&entries, "close") > 0);
    let all = halted(HaltLevel::All);
    assert_eq!((between(&all, "open"), between(&all, "close")), (0, 0));
    let words = "everything is halted: the quotes are wrong";
    assert!(
        all.decisions
            .iter()
            .any(|d| d.key == "p.out" && d.detail.contains(words))
    );
    assert!(rails(&all).contains(&"rail.halt"));
    // Lifted, exits and entries go on.
    let after = all
        .orders
        .iter()
        .filter(|o| o.decided_at.date() >= history.days[8].date);
    assert!(after.count() > 1);
    assert_eq!(all.manifest.operator[0].act.text(), "halt all");
    assert!(
        all.manifest
            .marks
            .iter()
            .any(|m| m.starts_with("operator: halt all by alice (uid 1000) at"))
    );
}
