//! `alula fees`.

use crate::args::{FeesArgs, TextFormat};
use crate::exit::{Exit, Failure};
use crate::output::Output;
use alula_book::fees::{Component, FeeRow, FeeSchedule, Side};
use alula_market::money::Usd;
use chrono::NaiveDate;
use serde_json::json;
use std::fmt::Write as _;

/// Shows a fee schedule: every row, or those in force on a day.
///
/// # Errors
/// When there is no schedule of that name.
pub fn run(args: &FeesArgs, out: &mut Output) -> Result<Exit, Failure> {
    let schedule = FeeSchedule::named(&args.broker).ok_or_else(|| {
        let names: Vec<String> = FeeSchedule::NAMES.iter().map(|n| format!("`{n}`")).collect();
        Failure::usage(format!("no fee schedule `{}`", args.broker)).help(format!("use {}", names.join(", ")))
    })?;
    let rows: Vec<&FeeRow> = rows(&schedule, args.on);
    let text = match args.format {
        TextFormat::Text => text(&schedule, args.on, &rows),
        TextFormat::Json => as_json(&schedule, args.on, &rows),
    };
    out.data(&text)?;
    Ok(Exit::Ok)
}

/// Rows of a day: in force and not displaced by a newer one of the same keys.
fn rows(schedule: &FeeSchedule, on: Option<NaiveDate>) -> Vec<&FeeRow> {
    let Some(on) = on else {
        return schedule.rows.iter().collect();
    };
    let keys = |r: &FeeRow| {
        let band = (r.premium_from, r.premium_below, r.side, r.package, r.closing);
        (
            r.component,
            r.class,
            r.symbols,
            band,
            r.contracts_from,
            r.month_from,
        )
    };
    let newer = |a: &FeeRow, b: &FeeRow| keys(a) == keys(b) && a.from > b.from;
    schedule
        .rows
        .iter()
        .filter(|r| r.in_force(on) && !schedule.rows.iter().any(|o| o.in_force(on) && newer(o, r)))
        .collect()
}

/// First day as it is shown: `~2019-10-01` where it is about then, `always` for a schedule without dates.
fn from(row: &FeeRow) -> String {
    if row.from == NaiveDate::MIN {
        "always".to_owned()
    } else if row.exact_day {
        row.from.to_string()
    } else {
        format!("~{}", row.from)
    }
}

/// Dollars without idle zeros beyond the cents: `0.02685`, `0.65`.
fn rate(amount: Usd) -> String {
    let micros = amount.0.unsigned_abs();
    let fraction = format!("{:06}", micros % 1_000_000);
    let kept = fraction.trim_end_matches('0').len().max(2);
    let sign = if amount.0 < 0 { "-" } else { "" };
    format!(
        "{sign}{}.{}",
        micros / 1_000_000,
        fraction.get(..kept).unwrap_or("00")
    )
}

fn symbols(row: &FeeRow) -> String {
    if row.symbols.is_empty() {
        format!("any {}", row.class.word())
    } else {
        row.symbols.join(" ")
    }
}

/// What else must hold: premium, side, kind of order, size, tier.
fn conditions(row: &FeeRow) -> String {
    let mut out = Vec::new();
    match (row.premium_from.0, row.premium_below) {
        (0, None) => {}
        (0, Some(below)) => out.push(format!("premium below {below}")),
        (_, None) => out.push(format!("premium from {}", row.premium_from)),
        (_, Some(below)) => out.push(format!("premium {} to below {below}", row.premium_from)),
    }
    match row.side {
        Some(Side::Buy) => out.push("bought".to_owned()),
        Some(Side::Sell) => out.push("sold".to_owned()),
        None => {}
    }
    match row.package {
        Some(true) => out.push("in a package".to_owned()),
        Some(false) => out.push("alone".to_owned()),
        None => {}
    }
    match row.closing {
        Some(true) => out.push("closing".to_owned()),
        Some(false) => out.push("opening".to_owned()),
        None => {}
    }
    if row.contracts_from > 0 {
        out.push(format!("{} contracts or more", row.contracts_from));
    }
    if row.month_from > 0 {
        out.push(format!("after {} contracts in the month", row.month_from));
    }
    if let Some(cap) = row.cap {
        out.push(format!("at most {}", rate(cap)));
    }
    out.join(", ")
}

fn text(schedule: &FeeSchedule, on: Option<NaiveDate>, rows: &[&FeeRow]) -> String {
    let mut t = String::new();
    let _ = writeln!(t, "{}: {}", schedule.name, schedule.about);
    if let (Some(from), Some(to)) = (schedule.known_from(), schedule.known_to) {
        let _ = writeln!(
            t,
            "every rate is known from {from} to {to}; on other days the nearest stands in, and results are marked"
        );
    }
    if let Some(on) = on {
        let _ = writeln!(t, "in force on {on}");
    }
    if schedule.commission_min != Usd::ZERO {
        let _ = writeln!(
            t,
            "an order with options pays a commission of {} at least",
            rate(schedule.commission_min)
        );
    }
    for component in Component::ALL {
        let mut ours = rows.iter().filter(|r| r.component == component).peekable();
        if ours.peek().is_none() {
            continue;
        }
        let of = if component == Component::SecuritiesSales {
            "a million dollars of shares sold"
        } else {
            "a contract or share"
        };
        let _ = writeln!(t, "\n{} (dollars {of})", component.word());
        for row in ours {
            let line = format!(
                "  {:<12} {:>8}  {:<18} {}",
                from(row),
                if row.per_million == Usd::ZERO {
                    rate(row.each)
                } else {
                    rate(row.per_million)
                },
                symbols(row),
                conditions(row)
            );
            let _ = writeln!(t, "{}\n{:27}{}", line.trim_end(), "", row.source);
        }
    }
    for caveat in &schedule.caveats {
        let _ = writeln!(t, "\nnote: {caveat}");
    }
    t
}

fn as_json(schedule: &FeeSchedule, on: Option<NaiveDate>, rows: &[&FeeRow]) -> String {
    let day = |d: NaiveDate| (d != NaiveDate::MIN).then(|| d.to_string());
    let row = |r: &&FeeRow| {
        json!({
            "component": r.component.word(),
            "class": r.class.word(),
            "symbols": r.symbols,
            "premium_from": r.premium_from.to_string(),
            "premium_below": r.premium_below.map(|p| p.to_string()),
            "side": r.side.map(|s| if s == Side::Buy { "buy" } else { "sell" }),
            "package": r.package,
            "closing": r.closing,
            "contracts_from": r.contracts_from,
            "month_from": r.month_from,
            "from": day(r.from),
            "until": r.until.map(|d| d.to_string()),
            "exact_day": r.exact_day,
            "each": rate(r.each),
            "per_million": rate(r.per_million),
            "cap": r.cap.map(rate),
            "source": r.source,
        })
    };
    let value = json!({
        "schema_version": 1,
        "schedule": schedule.name,
        "about": schedule.about,
        "on": on.map(|d| d.to_string()),
        "known_from": schedule.known_from().map(|d| d.to_string()),
        "known_to": schedule.known_to.map(|d| d.to_string()),
        "commission_min": rate(schedule.commission_min),
        "rows": rows.iter().map(row).collect::<Vec<_>>(),
        "caveats": schedule.caveats,
    });
    format!("{value:#}\n")
}
