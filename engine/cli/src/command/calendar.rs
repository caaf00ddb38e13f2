//! `alula calendar`.

use crate::args::{CalendarArgs, ExchangeArg, TextFormat, ZoneArg};
use crate::exit::{Exit, Failure};
use crate::output::Output;
use alula_market::calendar::{ExchangeCalendar, Session, SessionKind, Venue};
use alula_market::contract::listing::{Class, Cycle, cycles_on};
use alula_market::contract::{FutureRoot, Root, Settlement};
use alula_market::time::{Date, Instant, Zone};
use serde_json::json;
use std::fmt::Write as _;

/// Days shown at most.
const DAYS_MAX: i64 = 3_700;

/// Today in New York.
#[must_use]
pub fn today() -> Date {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let seconds = since.map_or(0, |d| i64::try_from(d.as_secs()).unwrap_or(0));
    Instant(seconds).date()
}

/// Shows sessions, half days, holidays and expiries.
///
/// # Errors
/// When the dates are turned round, too far apart, or outside the calendar.
pub fn run(args: &CalendarArgs, out: &mut Output) -> Result<Exit, Failure> {
    let (from, to) = range(args)?;
    let venue = match args.exchange {
        ExchangeArg::Spx => Venue::Spx,
        ExchangeArg::Xsp => Venue::Xsp,
        ExchangeArg::Vix => Venue::Vix,
        ExchangeArg::Cfe => Venue::Cfe,
        ExchangeArg::Cme => Venue::Cme,
        ExchangeArg::Nyse => Venue::Nyse,
    };
    let zone = match args.zone {
        ZoneArg::Et => Zone::NewYork,
        ZoneArg::Ct => Zone::Chicago,
        ZoneArg::Utc => Zone::Utc,
    };
    let days = from.iter_days().take_while(|d| *d <= to);
    let text = match args.format {
        TextFormat::Text => text(days, venue, zone),
        TextFormat::Json => as_json(days, venue, zone),
    };
    out.data(&text)?;
    Ok(Exit::Ok)
}

fn range(args: &CalendarArgs) -> Result<(Date, Date), Failure> {
    use chrono::Datelike as _;
    let monday = |d: Date| {
        let back = u64::from(d.weekday().num_days_from_monday());
        d.checked_sub_days(chrono::Days::new(back)).unwrap_or(d)
    };
    let after = |d: Date, days| d.checked_add_days(chrono::Days::new(days)).unwrap_or(d);
    let (from, to) = match (args.from, args.to) {
        (None, None) => (monday(today()), after(monday(today()), 11)),
        (Some(from), None) => (from, after(from, 13)),
        (None, Some(to)) => (monday(to), to),
        (Some(from), Some(to)) => (from, to),
    };
    if from > to {
        return Err(Failure::usage(format!("{from} is after {to}")).help("turn --from and --to round"));
    }
    let calendar = ExchangeCalendar::nyse();
    if !calendar.covers(from) || !calendar.covers(to) {
        return Err(Failure::usage("the calendar knows the years 1990 to 2099").help("choose dates inside"));
    }
    if (to - from).num_days() > DAYS_MAX {
        let what = format!("{from} to {to} is more than ten years");
        return Err(Failure::usage(what).help("ask for less at a time"));
    }
    Ok((from, to))
}

/// What expires on a session, with when.
fn expiring(on: Date) -> Vec<String> {
    let mut found = Vec::new();
    let options = Root::ALL.map(|r| (Class::from(r), r.symbol()));
    let futures = FutureRoot::ALL.map(|r| (Class::from(r), r.symbol()));
    for (class, symbol) in options.into_iter().chain(futures) {
        let cycles = cycles_on(class, on);
        // DataShop and others keep VIX weeklys under VIX too; here they stand once, as VIXW.
        let weekly_only =
            class == Class::Option(Root::Vix) && !cycles.iter().any(|c| matches!(c, Cycle::VixMonthly));
        if cycles.is_empty() || weekly_only {
            continue;
        }
        let how = match class {
            Class::Option(r) if r.settlement() == Settlement::Am => {
                format!("{symbol} am to {}", r.settlement_series())
            }
            Class::Option(_) => format!("{symbol} at the close"),
            Class::Future(r) if r.is_vix() => format!("{symbol} to VRO"),
            Class::Future(_) => format!("{symbol} to the opening quotation"),
        };
        found.push(how);
    }
    found
}

/// Morning contracts that trade for the last time on a session.
fn last_trading(on: Date) -> Vec<&'static str> {
    let calendar = ExchangeCalendar::nyse();
    let Some(next) = calendar.next_session(on) else {
        return Vec::new();
    };
    let morning = [Root::Spx, Root::Vix, Root::Vixw];
    let ends = |root: &Root| {
        let cycles = cycles_on(Class::from(*root), next);
        let monthly = |c: &Cycle| *root != Root::Vix || matches!(c, Cycle::VixMonthly);
        cycles.iter().any(monthly)
    };
    morning.into_iter().filter(ends).map(Root::symbol).collect()
}

fn clock(at: Instant, on: Date, zone: Zone) -> String {
    let local = at.in_zone(zone);
    let before = if local.date_naive() < on { "*" } else { "" };
    format!("{}{before}", local.format("%H:%M"))
}

fn span(session: &Session, zone: Zone) -> String {
    let on = session.trade_date;
    format!(
        "{}-{}",
        clock(session.opens_at, on, zone),
        clock(session.closes_at, on, zone)
    )
}

fn text(days: impl Iterator<Item = Date>, venue: Venue, zone: Zone) -> String {
    let calendar = ExchangeCalendar::nyse();
    let mut t = String::new();
    let _ = writeln!(
        t,
        "{}: trading hours in {} (* of the evening before)\n",
        venue.about(),
        zone.short()
    );
    let _ = writeln!(
        t,
        "{:<15} {:<13} {:<12} {:<12} expires",
        "day", "overnight", "regular", "curb"
    );
    for day in days {
        let name = format!("{day} {}", day.format("%a"));
        if let Some(why) = calendar.closure(day) {
            if why != "weekend" {
                let _ = writeln!(t, "{name:<15} closed: {why}");
            }
            continue;
        }
        let sessions = calendar.sessions_of(venue, day);
        let of = |kind: SessionKind| {
            let spans: Vec<String> = sessions
                .iter()
                .filter(|s| s.kind == kind)
                .map(|s| span(s, zone))
                .collect();
            if spans.is_empty() {
                "-".to_owned()
            } else {
                spans.join(" ")
            }
        };
        let mut expires = expiring(day);
        let last = last_trading(day);
        if !last.is_empty() {
            expires.push(format!("last day of {}", last.join(", ")));
        }
        if calendar.is_early_close(day) {
            expires.insert(0, "HALF DAY".to_owned());
        }
        let line = format!(
            "{name:<15} {:<13} {:<12} {:<12} {}",
            of(SessionKind::Overnight),
            of(SessionKind::Regular),
            of(SessionKind::Curb),
            expires.join("; ")
        );
        let _ = writeln!(t, "{}", line.trim_end());
    }
    t
}

fn as_json(days: impl Iterator<Item = Date>, venue: Venue, zone: Zone) -> String {
    let calendar = ExchangeCalendar::nyse();
    let local = |at: Instant| at.in_zone(zone).to_rfc3339();
    let days: Vec<_> = days
        .filter(|d| calendar.closure(*d) != Some("weekend"))
        .map(|d| {
            let sessions: Vec<_> = calendar
                .sessions_of(venue, d)
                .iter()
                .map(|s| {
                    json!({
                        "kind": s.kind.to_string(),
                        "opens": local(s.opens_at),
                        "closes": local(s.closes_at),
                        "early": s.early,
                    })
                })
                .collect();
            json!({
                "date": d.to_string(),
                "closed": calendar.closure(d),
                "half_day": calendar.is_early_close(d),
                "sessions": sessions,
                "expires": expiring(d),
                "last_trading": last_trading(d),
            })
        })
        .collect();
    format!("{:#}\n", json!({ "exchange": venue.name(), "days": days }))
}
