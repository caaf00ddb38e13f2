//! What an entry says, in a line for people and as JSON.

use alula_journal::wire::{BrokerSaid, Fill, Instrument, Leg, OrderIntent, Submission, Told};
use alula_journal::{Entry, Record};
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

/// Thousandths as points: `1.25`, `-0.005`.
fn points(mills: i64) -> String {
    let sign = if mills < 0 { "-" } else { "" };
    let whole = mills.unsigned_abs() / 1_000;
    let rest = mills.unsigned_abs() % 1_000;
    if rest.is_multiple_of(10) {
        format!("{sign}{whole}.{:02}", rest / 10)
    } else {
        format!("{sign}{whole}.{rest:03}")
    }
}

fn dollars(micros: i64) -> String {
    let sign = if micros < 0 { "-" } else { "" };
    let cents = micros.unsigned_abs() / 10_000;
    format!("{sign}${}.{:02}", cents / 100, cents % 100)
}

fn day(number: i32) -> String {
    let digits = format!("{number:08}");
    match (digits.get(..4), digits.get(4..6), digits.get(6..)) {
        (Some(year), Some(month), Some(day)) => format!("{year}-{month}-{day}"),
        _ => digits,
    }
}

fn instrument(instrument: &Instrument) -> String {
    match instrument {
        Instrument::Option {
            class,
            expiry,
            call,
            strike_mills,
        } => {
            let strike = points(*strike_mills);
            let strike = strike.strip_suffix(".00").unwrap_or(&strike);
            format!(
                "{class} {} {}{strike}",
                day(*expiry),
                if *call { "C" } else { "P" }
            )
        }
        Instrument::Future { class, expiry } => format!("{class} {}", day(*expiry)),
        Instrument::Share { symbol } => symbol.clone(),
    }
}

fn leg(leg: &Leg) -> String {
    format!("{:+} {}", leg.quantity, instrument(&leg.instrument))
}

fn legs(legs: &[Leg]) -> String {
    legs.iter().map(leg).collect::<Vec<_>>().join(", ")
}

fn fill(fill: &Fill) -> String {
    let what = if fill.settlement { "settled" } else { "traded" };
    let order = fill.order.as_deref().map_or(String::new(), |o| format!("{o} "));
    let corrects = fill.corrects.as_deref();
    let corrects = corrects.map_or(String::new(), |c| format!(", corrects {c}"));
    let fee = fill
        .fee_micros
        .map_or(String::new(), |f| format!(", fee {}", dollars(f)));
    let moved = format!("{:+} {}", fill.quantity, instrument(&fill.instrument));
    let price = points(fill.price_mills);
    format!(
        "{order}{what} {moved} at {price} ({}{corrects}{fee})",
        fill.exec_id
    )
}

fn said(said: &BrokerSaid) -> String {
    match said {
        BrokerSaid::Up => "connection up".to_owned(),
        BrokerSaid::Down(why) => format!("connection down: {why}"),
        BrokerSaid::Acknowledged { order, broker_order } => {
            format!("{order} acknowledged as {broker_order}")
        }
        BrokerSaid::Rejected { order, why } => format!("{order} rejected: {why}"),
        BrokerSaid::Filled(f) => fill(f),
        BrokerSaid::Cancelled { order, why } => format!("{order} cancelled: {why}"),
        BrokerSaid::Expired { order } => format!("{order} expired"),
        BrokerSaid::SnapshotBegin { request } => format!("snapshot {request} begins"),
        BrokerSaid::SnapshotOrder {
            request,
            order,
            broker_order,
            status,
            filled,
            left,
        } => {
            let order = order.as_deref().unwrap_or("not ours");
            format!(
                "snapshot {request}: order {broker_order} ({order}) {status:?}, {filled} filled, {left} left"
            )
        }
        BrokerSaid::SnapshotPosition { request, held } => format!("snapshot {request}: holds {}", leg(held)),
        BrokerSaid::SnapshotFill { request, fill: f } => format!("snapshot {request}: {}", fill(f)),
        BrokerSaid::SnapshotAccount {
            request,
            cash_micros,
            net_liquidation_micros,
            ..
        } => format!(
            "snapshot {request}: cash {}, worth {}",
            dollars(*cash_micros),
            dollars(*net_liquidation_micros)
        ),
        BrokerSaid::SnapshotEnd { request } => format!("snapshot {request} ends"),
        BrokerSaid::Quote(q) => format!("quote of {}", instrument(&q.instrument)),
    }
}

fn intent(intent: &OrderIntent) -> String {
    let limit = intent
        .limit_mills
        .map_or("market".to_owned(), |m| format!("limit {}", points(m)));
    let shadow = if intent.shadow { " (shadow: not sent)" } else { "" };
    format!(
        "{} {} {}: {} x [{}], {limit}, by {}{shadow}",
        intent.order,
        intent.purpose,
        intent.group,
        intent.quantity,
        legs(&intent.legs),
        intent.rule
    )
}

fn seconds(s: i64) -> String {
    DateTime::<Utc>::from_timestamp(s, 0).map_or_else(
        || format!("{s} s"),
        |t| t.to_rfc3339_opts(SecondsFormat::Secs, true),
    )
}

/// The line of a record.
pub fn line(record: &Record) -> String {
    match record {
        Record::RunStarted(r) => {
            let parent = r
                .parent
                .as_deref()
                .map_or(String::new(), |p| format!(", goes on from {p}"));
            let safe = r
                .safe_mode
                .as_deref()
                .map_or(String::new(), |s| format!(", safe mode: {s}"));
            format!("{} ({}) with {}{parent}{safe}", r.run, r.mode, r.broker)
        }
        Record::RunEnded(r) => format!("{}, last link {}", r.why, r.link.short()),
        Record::Tick(t) => format!(
            "no. {} of {}: {} quotes, snapshot {}",
            t.number,
            t.source,
            t.quotes.len(),
            t.snapshot.short()
        ),
        Record::Timer(t) => format!("{} at {}", t.name, seconds(t.at_s)),
        Record::Broker(b) => said(&b.said),
        Record::ThresholdsApplied(t) => {
            let changes: Vec<String> = t
                .changes
                .iter()
                .map(|c| format!("{}: {} -> {}", c.field, c.before, c.after))
                .collect();
            format!("version {} from {}: {}", t.version, t.source, changes.join(", "))
        }
        Record::ThresholdsRejected(t) => format!("from {}: {}", t.source, t.errors.join("; ")),
        Record::StrategySwapped(s) => format!("version {}, {}", s.version, s.sha256.short()),
        Record::Operator(o) => {
            let who = o.uid.map_or(String::new(), |u| format!(" (user {u})"));
            format!("{} {}{who}: {}", o.command, o.arguments.join(" "), o.answer)
        }
        Record::PluginLoaded(p) => format!("{} {}, {}", p.id, p.version, p.sha256.short()),
        Record::PluginDied(p) => format!(
            "{}, noticed at {}",
            alula_live::keeper::died_in(p),
            seconds(p.at_s)
        ),
        Record::PluginQuarantined(p) => format!("{}: {}", p.id, p.why),
        Record::Feed(f) => format!("{} is {}: {}", f.name, f.state, f.why),
        Record::Seen(s) => format!(
            "{}: {} quotes, {} too old; {} indices, {} too old; {} bars ended",
            s.source,
            s.quotes.0.len(),
            s.stale.0.len(),
            s.levels.len(),
            s.stale_levels.len(),
            s.bars.len()
        ),
        Record::Decision(d) => {
            let words = if d.words.is_empty() {
                "nothing to do".to_owned()
            } else {
                d.words.join("; ")
            };
            format!("{words} (thresholds {}, link {})", d.thresholds, d.link.short())
        }
        Record::OrderIntent(i) => intent(i),
        Record::SubmitResult(s) => match &s.submission {
            Submission::Sent => format!("{} sent", s.order),
            Submission::NotSent(why) => format!("{} not sent: {why}", s.order),
            Submission::Unknown(why) => format!("{} of unknown fate: {why}", s.order),
        },
        Record::IntentAbandoned(a) => format!("{} abandoned: {}", a.order, a.why),
        Record::Adopted(a) => format!(
            "{} gone on with as {}: {:?}, {} filled",
            a.order, a.broker_order, a.status, a.filled
        ),
        Record::CancelIntent(c) => format!("{} to be taken back: {}", c.order, c.why),
        Record::Refused(r) => format!("{} by {}: {} ({})", r.group, r.rule, r.why, r.rail),
        Record::Alarm(a) => format!("{}: {}", a.key, a.text),
        Record::Reconciled(r) => {
            let fits = if r.breaks.is_empty() {
                "everything fits".to_owned()
            } else {
                r.breaks.join("; ")
            };
            format!(
                "{}: {} adopted, {} abandoned, {fits}",
                r.occasion, r.adopted, r.abandoned
            )
        }
        Record::Halt(h) if h.level == "none" => format!("lifted: {}", h.why),
        Record::Halt(h) => format!("{} halted: {}", h.level, h.why),
        Record::PositionMoved(p) => format!("{}: {}", leg(&p.moved), p.why),
        Record::Carried(c) => format!(
            "{} positions, {} orders, {} trades; thresholds {}",
            c.positions.len(),
            c.orders.len(),
            c.fills.len(),
            c.thresholds_version
        ),
        Record::Resent(r) => format!("{} is sent again under its name", r.order),
        Record::WhatIf(w) => {
            let told = match &w.told {
                Told::Margins {
                    initial_micros,
                    maintenance_micros,
                    fee_micros,
                } => format!(
                    "{} initial, {} maintenance, {} fees",
                    dollars(*initial_micros),
                    dollars(*maintenance_micros),
                    dollars(*fee_micros)
                ),
                Told::Nothing(why) => format!("the broker does not say: {why}"),
            };
            let beside = |what: &str, micros: Option<i64>| {
                micros.map_or_else(String::new, |m| format!("; {what} {}", dollars(m)))
            };
            let own = beside("the engine counts", w.own_micros);
            let worth = beside("the account is worth", w.worth_micros);
            format!("{} for {} would take: {told}{own}{worth}", w.rule, w.group)
        }
        Record::Snapshot(s) => format!("state {}, {} bytes", s.state.short(), s.bytes.0.len()),
    }
}

/// The order that a record is about.
pub fn order(record: &Record) -> Option<&str> {
    Some(match record {
        Record::OrderIntent(i) => &i.order,
        Record::SubmitResult(s) => &s.order,
        Record::IntentAbandoned(a) => &a.order,
        Record::Adopted(a) => &a.order,
        Record::CancelIntent(c) => &c.order,
        Record::Resent(r) => &r.order,
        Record::Broker(b) => match &b.said {
            BrokerSaid::Acknowledged { order, .. }
            | BrokerSaid::Rejected { order, .. }
            | BrokerSaid::Cancelled { order, .. }
            | BrokerSaid::Expired { order } => order,
            BrokerSaid::Filled(f) | BrokerSaid::SnapshotFill { fill: f, .. } => f.order.as_deref()?,
            BrokerSaid::SnapshotOrder { order, .. } => order.as_deref()?,
            _ => return None,
        },
        _ => return None,
    })
}

/// An instant in nanoseconds as UTC.
pub fn instant(ns: i64) -> String {
    DateTime::<Utc>::from_timestamp_nanos(ns).to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// An entry as JSON.
pub fn json(entry: &Entry, record: Option<&Record>) -> Value {
    json!({
        "seq": entry.seq,
        "kind": Record::word_of(entry.kind),
        "schema": entry.schema,
        "engine_time": instant(entry.engine_ns),
        "engine_ns": entry.engine_ns,
        "received_ns": entry.received_ns,
        "cause": entry.cause,
        "durable": entry.durable,
        "hash": entry.hash,
        "says": record,
    })
}
