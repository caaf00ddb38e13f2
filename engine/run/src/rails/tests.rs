//! Which orders the rails stop, and which pass.

use super::*;

const NOW: Instant = Instant(1_000_000);

fn ask(purpose: Purpose) -> Ask {
    Ask {
        purpose,
        risk: Some(Usd(500_000_000)),
        now: NOW,
        not_after: Instant(NOW.0 + 60),
        open_intents: 0,
        ended: None,
        open_orders_risk: OpenRisk::default(),
        room_is_low: false,
    }
}

fn seen() -> Seen {
    Seen {
        connected: true,
        quotes_at: Some(Instant(NOW.0 - 5)),
        lost_today: Some(Usd::ZERO),
        margin_with: Some(Usd(1_000_000_000)),
        position_risk: Some(Usd::ZERO),
    }
}

fn rails() -> Rails {
    let mut rails = Rails::new(RailLimits {
        loss_per_day: Some(Usd(2_000_000_000)),
        margin: Some(Usd(5_000_000_000)),
        open_risk: Some(Usd(1_500_000_000)),
        ..RailLimits::default()
    });
    rails.agreement = Agreement::Agree;
    rails
}

const ALL: [Purpose; 4] = [Purpose::Open, Purpose::Roll, Purpose::Hedge, Purpose::Close];

/// Rail and sentence for each purpose; empty where it passes.
fn verdicts(rails: &Rails, change: impl Fn(&mut Ask, &mut Seen)) -> Vec<String> {
    ALL.into_iter()
        .map(|purpose| {
            let (mut ask, mut seen) = (ask(purpose), seen());
            change(&mut ask, &mut seen);
            match rails.judge(&ask, &seen) {
                Verdict::Refuse(r) => format!("{}: {}", r.rail.word(), r.why),
                Verdict::Send => String::new(),
                Verdict::Shadow => "shadow".to_owned(),
            }
        })
        .collect()
}

fn stopped(texts: &[String]) -> Vec<bool> {
    texts.iter().map(|t| !t.is_empty()).collect()
}

const NONE: [bool; 4] = [false; 4];
const ENTRIES: [bool; 4] = [true, true, false, false];
const NOT_EXITS: [bool; 4] = [true, true, true, false];
const EVERYTHING: [bool; 4] = [true; 4];

#[test]
fn an_ordinary_order_passes() {
    assert_eq!(stopped(&verdicts(&rails(), |_, _| {})), NONE);
}

#[test]
fn the_kill_switch_stops_everything_and_a_halt_of_entries_only_these() {
    let mut rails = rails();
    rails.halt = Halt::All("the desk called".to_owned());
    let texts = verdicts(&rails, |_, _| {});
    assert_eq!(stopped(&texts), EVERYTHING);
    assert_eq!(texts[3], "halt: everything is halted: the desk called");
    rails.halt = Halt::Entries("lunch".to_owned());
    assert_eq!(stopped(&verdicts(&rails, |_, _| {})), ENTRIES);
    assert_eq!(
        Halt::of("something new", "x"),
        Halt::All("x".to_owned()),
        "a word of a newer program halts everything"
    );
}

#[test]
fn a_new_run_sends_nothing_before_the_comparison_and_opens_nothing_on_a_mismatch() {
    let mut rails = Rails::new(RailLimits::default());
    let texts = verdicts(&rails, |_, _| {});
    assert_eq!(stopped(&texts), EVERYTHING);
    rails.agreement = Agreement::Mismatch("VXX: the broker holds 3".to_owned());
    let texts = verdicts(&rails, |_, _| {});
    assert_eq!(stopped(&texts), ENTRIES);
    assert_eq!(texts[0], "reconcile: entries wait: VXX: the broker holds 3");
}

#[test]
fn a_structure_waits_for_the_last_trades_of_an_order_that_ended() {
    let ago = |s: i64| verdicts(&rails(), |ask, _| ask.ended = Some(Instant(NOW.0 - s)));
    assert_eq!(stopped(&ago(9)), EVERYTHING);
    assert_eq!(stopped(&ago(10)), NONE);
}

#[test]
fn safe_mode_and_a_full_disk_let_exits_and_hedges_pass() {
    let mut safe = rails();
    safe.safe_mode = Some("4 starts in 10 minutes".to_owned());
    assert_eq!(stopped(&verdicts(&safe, |_, _| {})), ENTRIES);
    assert_eq!(
        stopped(&verdicts(&rails(), |ask, _| ask.room_is_low = true)),
        ENTRIES
    );
}

#[test]
fn old_quotes_no_quotes_and_no_connection_stop_everything() {
    let old = verdicts(&rails(), |_, seen| seen.quotes_at = Some(Instant(NOW.0 - 121)));
    assert_eq!(stopped(&old), EVERYTHING);
    assert_eq!(old[0], "stale: the quotes are 121 s old, and 120 s is the most");
    let at_the_limit = verdicts(&rails(), |_, seen| seen.quotes_at = Some(Instant(NOW.0 - 120)));
    assert_eq!(stopped(&at_the_limit), NONE);
    assert_eq!(
        stopped(&verdicts(&rails(), |_, seen| seen.quotes_at = None)),
        EVERYTHING
    );
    assert_eq!(
        stopped(&verdicts(&rails(), |_, seen| seen.connected = false)),
        EVERYTHING
    );
    assert_eq!(
        stopped(&verdicts(&rails(), |ask, _| ask.not_after = NOW)),
        EVERYTHING
    );
}

#[test]
fn the_rate_counts_a_sliding_minute_and_leaves_room_for_exits() {
    let mut rails = rails();
    for i in 0..30 {
        rails.sent(Instant(NOW.0 - 59 + i), Purpose::Open);
    }
    let texts = verdicts(&rails, |_, _| {});
    assert_eq!(stopped(&texts), NOT_EXITS);
    assert_eq!(
        texts[0],
        "rate: 30 orders were sent in the last minute, and 30 is the most"
    );
    let later = Instant(NOW.0 + 1);
    assert_eq!(rails.in_last_minute(later), 29);
}

#[test]
fn orders_without_a_known_end_are_bounded() {
    let texts = verdicts(&rails(), |ask, _| ask.open_intents = 20);
    assert_eq!(stopped(&texts), NOT_EXITS);
}

#[test]
fn the_loss_of_the_day_stops_entries_at_the_limit() {
    let at = |lost: i64| verdicts(&rails(), |_, seen| seen.lost_today = Some(Usd(lost)));
    assert_eq!(stopped(&at(1_999_999_999)), NONE);
    assert_eq!(stopped(&at(2_000_000_000)), ENTRIES);
    assert_eq!(
        at(2_345_678_900)[0],
        "loss: $2,345.67 was lost today, and $2,000.00 is the most"
    );
    assert_eq!(
        stopped(&verdicts(&rails(), |_, seen| seen.lost_today = None)),
        ENTRIES
    );
}

#[test]
fn margin_and_open_risk_count_what_is_at_work_and_what_is_not_known() {
    let over = verdicts(&rails(), |_, seen| seen.margin_with = Some(Usd(5_000_000_001)));
    assert_eq!(stopped(&over), NOT_EXITS);
    assert_eq!(
        stopped(&verdicts(&rails(), |_, seen| seen.margin_with = None)),
        NOT_EXITS
    );
    let with = |known: i64, unknown: u32| {
        verdicts(&rails(), |ask, _| {
            ask.open_orders_risk = OpenRisk {
                known: Usd(known),
                unknown,
            };
        })
    };
    assert_eq!(stopped(&with(1_000_000_000, 0)), NONE);
    assert_eq!(stopped(&with(1_000_000_001, 0)), NOT_EXITS);
    assert_eq!(stopped(&with(0, 1)), NOT_EXITS);
    assert_eq!(
        stopped(&verdicts(&rails(), |_, seen| seen.position_risk = None)),
        NOT_EXITS
    );
}

#[test]
fn a_brokers_word_is_held_against_the_limit_and_against_what_the_account_is_worth() {
    let usd = |dollars: i64| Usd(dollars * 1_000_000);
    let told = |most: Option<i64>, worth: Option<i64>| {
        let told = by_broker(usd(5_000), most.map(usd), worth.map(usd));
        told.map(|r| format!("{}: {}", r.rail.word(), r.why))
    };
    assert_eq!(told(None, None), None);
    assert_eq!(
        told(Some(5_000), Some(5_000)),
        None,
        "what it asks for may be had whole"
    );
    assert_eq!(
        told(Some(4_999), Some(1)).unwrap(),
        "margin: the broker asks for $5,000.00 of initial margin with the order, and $4,999.00 is the most"
    );
    assert_eq!(
        told(None, Some(4_999)).unwrap(),
        "funds: the broker asks for $5,000.00 of initial margin with the order, and the account is worth $4,999.00"
    );
}

#[test]
fn shadow_writes_down_what_passes_and_read_only_nothing() {
    let mut shadow = rails();
    shadow.limits.mode = Mode::Shadow;
    assert_eq!(verdicts(&shadow, |_, seen| seen.connected = false), ["shadow"; 4]);
    shadow.halt = Halt::All("x".to_owned());
    assert!(verdicts(&shadow, |_, _| {}).iter().all(|t| t.starts_with("halt")));
    let mut watching = rails();
    watching.limits.mode = Mode::ReadOnly;
    assert_eq!(stopped(&verdicts(&watching, |_, _| {})), EVERYTHING);
}
