//! `alula contracts [ROOT]`.

use super::calendar::today;
use crate::args::{ContractsArgs, DateRange, TextFormat};
use crate::exit::{Exit, Failure};
use crate::output::Output;
use alula_market::contract::listing::{self, Ahead, Class};
use alula_market::contract::option::Exercise;
use alula_market::contract::tick::{Quoted, TickRow};
use alula_market::contract::{FutureContract, FutureRoot, Instrument, OptionContract, Root, Share, listed};
use alula_market::money::Price;
use alula_market::time::{Date, Instant};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// A class of the tables.
#[derive(Clone, Copy)]
enum Any {
    Option(Root),
    Future(FutureRoot),
    Share(Share),
}

impl Any {
    fn all() -> Vec<Self> {
        let options = Root::ALL.into_iter().map(Self::Option);
        let futures = FutureRoot::ALL.into_iter().map(Self::Future);
        options
            .chain(futures)
            .chain(Share::ALL.into_iter().map(Self::Share))
            .collect()
    }

    fn symbol(self) -> &'static str {
        match self {
            Self::Option(r) => r.symbol(),
            Self::Future(r) => r.symbol(),
            Self::Share(s) => s.symbol(),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Option(r) => r.spec().name,
            Self::Future(r) => r.spec().name,
            Self::Share(s) => s.spec().name,
        }
    }

    fn multiplier(self) -> i64 {
        match self {
            Self::Option(r) => r.multiplier(),
            Self::Future(r) => r.multiplier(),
            Self::Share(_) => 1,
        }
    }

    fn ticks(self) -> &'static [TickRow] {
        match self {
            Self::Option(r) => r.ticks(),
            Self::Future(r) => r.ticks(),
            Self::Share(s) => s.ticks(),
        }
    }

    fn class(self) -> Option<Class> {
        match self {
            Self::Option(r) => Some(r.into()),
            Self::Future(r) => Some(r.into()),
            Self::Share(_) => None,
        }
    }

    fn settles(self) -> &'static str {
        match self {
            Self::Option(r) => r.spec().settles,
            Self::Future(r) => r.spec().settles,
            Self::Share(_) => "does not expire; trades are paid for and delivered",
        }
    }

    fn last_trade(self) -> &'static str {
        match self {
            Self::Option(r) => r.spec().last_trade,
            Self::Future(r) => r.spec().last_trade,
            Self::Share(_) => "",
        }
    }

    fn note(self) -> &'static str {
        match self {
            Self::Option(r) => r.spec().note,
            Self::Future(r) => r.spec().note,
            Self::Share(s) => s.spec().note,
        }
    }

    fn source(self) -> &'static str {
        match self {
            Self::Option(r) => r.spec().source,
            Self::Future(r) => r.spec().source,
            Self::Share(s) => s.spec().source,
        }
    }
}

/// Shows the facts of contracts.
///
/// # Errors
/// When no class or contract is called that.
pub fn run(args: &ContractsArgs, out: &mut Output) -> Result<Exit, Failure> {
    let on = args.on.unwrap_or_else(today);
    let json = args.format == TextFormat::Json;
    let Some(name) = args.root.as_deref() else {
        out.data(&if json {
            pretty(&json!({ "on": on.to_string(), "classes": Any::all().iter().map(|c| class_json(*c, on)).collect::<Vec<_>>() }))
        } else {
            overview(on)
        })?;
        return Ok(Exit::Ok);
    };
    let upper = name.trim().to_ascii_uppercase();
    if let Some(class) = Any::all().into_iter().find(|c| c.symbol() == upper) {
        let found = match (args.expiries, class.class()) {
            (Some(_), None) => {
                return Err(Failure::usage(format!("`{upper}` does not expire"))
                    .help("ask for the expiries of options or futures"));
            }
            (Some(range), Some(listed)) => Some((range, expiries(listed, on, range))),
            (None, _) => None,
        };
        out.data(&if json {
            let mut value = class_json(class, on);
            if let (Some((_, found)), Some(object)) = (&found, value.as_object_mut()) {
                object.insert("expiries".to_owned(), expiries_json(class, found));
            }
            pretty(&value)
        } else {
            let mut text = details(class, on);
            if let Some((range, found)) = &found {
                text.push_str(&expiries_text(class, on, *range, found));
            }
            text
        })?;
        return Ok(Exit::Ok);
    }
    let instrument = one(&upper, on).ok_or_else(|| {
        let known: Vec<_> = Any::all().iter().map(|c| c.symbol()).collect();
        Failure::usage(format!("`{name}` is no class and no contract that is known here")).help(format!(
            "classes are {}; contracts are written as SPXW190531P02825000 or VXF26",
            known.join(", ")
        ))
    })?;
    contract(&instrument, on, json, out)
}

/// One contract by its symbol.
fn one(symbol: &str, on: Date) -> Option<Instrument> {
    OptionContract::parse_osi(symbol)
        .map(Instrument::Option)
        .or_else(|_| FutureContract::parse(symbol, on).map(Instrument::Future))
        .ok()
}

fn contract(instrument: &Instrument, on: Date, json: bool, out: &mut Output) -> Result<Exit, Failure> {
    let (class, expiry, symbols) = match instrument {
        Instrument::Option(c) => (
            Class::from(c.root),
            c.expiry,
            vec![c.osi().unwrap_or_default(), c.compact().unwrap_or_default()],
        ),
        Instrument::Future(c) => (Class::from(c.root), c.expiry, vec![c.code(), c.short_code()]),
        Instrument::Share(s) => return Err(Failure::usage(format!("`{s}` is a class"))),
    };
    let verdict = listed(class, expiry, on);
    let at = |i: Option<Instant>| i.map_or_else(|| "unknown".to_owned(), |i| i.to_string());
    let (last, settles) = (at(instrument.last_trade_at()), at(instrument.settles_at()));
    let grid = match instrument {
        Instrument::Option(c) => c.root.strike_on_grid(c.strike, on),
        Instrument::Future(_) | Instrument::Share(_) => true,
    };
    if json {
        out.data(&pretty(&json!({
            "contract": instrument.to_string(),
            "symbols": symbols,
            "multiplier": instrument.multiplier(),
            "last_trade": last,
            "settles": settles,
            "on": on.to_string(),
            "listed": verdict.is_ok(),
            "why_not": verdict.as_ref().err().map(ToString::to_string),
            "strike_on_grid": grid,
        })))?;
    } else {
        let mut t = String::new();
        let _ = writeln!(t, "contract    {instrument}");
        let _ = writeln!(t, "symbols     {}", symbols.join("   "));
        let _ = writeln!(t, "multiplier  ${} a point", instrument.multiplier());
        let _ = writeln!(t, "last trade  {last}");
        let _ = writeln!(t, "settles     {settles}");
        let said = match &verdict {
            Ok(()) if grid => format!("yes, by rule, on {on}"),
            Ok(()) => format!("the expiry is, on {on}; the strike is not on the grid"),
            Err(why) => format!("no: {why}"),
        };
        let _ = writeln!(t, "listed      {said}");
        if let Err(why) = &verdict {
            let _ = writeln!(t, "            {}", why.help());
        }
        out.data(&t)?;
    }
    Ok(if verdict.is_ok() && grid {
        Exit::Ok
    } else {
        Exit::Findings
    })
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

/// Increments of a kind on a day: `0.05 below 3.00, then 0.10`.
fn ticks_on(table: &[TickRow], quoted: Quoted, on: Date) -> String {
    let of_kind = || table.iter().filter(|r| r.quoted == quoted);
    let newest = of_kind()
        .map(|r| r.since.date)
        .filter(|d| *d <= on)
        .max()
        .or_else(|| of_kind().map(|r| r.since.date).min());
    let rows: Vec<&TickRow> = of_kind().filter(|r| Some(r.since.date) == newest).collect();
    let words = rows.iter().map(|r| match r.below {
        Some(below) => format!("{} below {below}", r.tick),
        None => r.tick.to_string(),
    });
    words.collect::<Vec<_>>().join(", then ")
}

fn overview(on: Date) -> String {
    let mut t = String::new();
    let _ = writeln!(
        t,
        "{:<6} {:>7}  {:<26} {:<8} {:<13} what",
        "class", "$/point", "tick", "package", "first listed"
    );
    for class in Any::all() {
        let first = class
            .class()
            .and_then(|c| c.table().iter().map(|r| r.since).min_by_key(|s| s.date));
        let first = first.or(match class {
            Any::Share(s) => Some(s.spec().since),
            Any::Option(_) | Any::Future(_) => None,
        });
        let _ = writeln!(
            t,
            "{:<6} {:>7}  {:<26} {:<8} {:<13} {}",
            class.symbol(),
            class.multiplier(),
            ticks_on(class.ticks(), Quoted::Single, on),
            ticks_on(class.ticks(), Quoted::Package, on),
            first.map_or_else(|| "-".to_owned(), |s| s.to_string()),
            class.name()
        );
    }
    let _ = writeln!(
        t,
        "\nticks as on {on}; `alula contracts ROOT` shows a class with its history and sources"
    );
    t
}

/// Text folded to lines of about a hundred characters after a label.
fn labelled(t: &mut String, label: &str, text: &str) {
    const WIDTH: usize = 88;
    let mut lead = label;
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > WIDTH {
            let _ = writeln!(t, "{lead:<12}{line}");
            line.clear();
            lead = "";
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    if !line.is_empty() {
        let _ = writeln!(t, "{lead:<12}{line}");
    }
}

fn details(class: Any, on: Date) -> String {
    let mut t = String::new();
    labelled(&mut t, class.symbol(), class.name());
    labelled(&mut t, "multiplier", &format!("${} a point", class.multiplier()));
    if let Any::Option(root) = class {
        let style = match root.spec().exercise {
            Exercise::European => "European: at expiry only",
            Exercise::American => "American: any day",
        };
        labelled(&mut t, "exercise", style);
    }
    labelled(&mut t, "settles", class.settles());
    labelled(&mut t, "last trade", class.last_trade());
    labelled(&mut t, "note", class.note());
    labelled(&mut t, "source", class.source());
    let _ = writeln!(t, "\nticks on {on}");
    for (quoted, name) in [
        (Quoted::Single, "one leg"),
        (Quoted::Package, "package net"),
        (Quoted::PackageLeg, "leg of a package"),
    ] {
        let _ = writeln!(t, "  {name:<17} {}", ticks_on(class.ticks(), quoted, on));
    }
    let changes: Vec<&TickRow> = class
        .ticks()
        .iter()
        .filter(|r| r.since.date > date(1990, 1, 2))
        .collect();
    for row in changes {
        let what = match row.quoted {
            Quoted::Single => "one leg",
            Quoted::Package => "package net",
            Quoted::PackageLeg => "leg of a package",
        };
        let band = row
            .below
            .map_or_else(String::new, |b: Price| format!(" below {b}"));
        let _ = writeln!(
            t,
            "  since {}: {what} {}{band} ({})",
            row.since, row.tick, row.source
        );
    }
    match class {
        Any::Option(root) => {
            let _ = writeln!(t, "\nstrikes (finest step)");
            for row in root.spec().strikes {
                let below = row
                    .below
                    .map_or_else(|| "all".to_owned(), |b| format!("below {b}"));
                let since = if row.since.date > date(1990, 1, 2) {
                    format!(" since {}", row.since)
                } else {
                    String::new()
                };
                let _ = writeln!(t, "  {below:<17} {}{since}", row.step);
            }
        }
        Any::Share(share) if !share.spec().splits.is_empty() => {
            let _ = writeln!(t, "\nsplits");
            for split in share.spec().splits {
                let _ = writeln!(t, "  {}  {} ({})", split.on, split.words(), split.source);
            }
        }
        Any::Share(_) | Any::Future(_) => {}
    }
    match (class.class(), class) {
        (Some(listing), _) => {
            let _ = writeln!(t, "\nexpiries listed since");
            for row in listing.table() {
                let ahead = ahead(row.ahead).map_or_else(String::new, |a| format!(", {a}"));
                let _ = writeln!(
                    t,
                    "  {:<10}  {}{ahead} ({})",
                    row.since.to_string(),
                    row.cycle,
                    row.source
                );
            }
        }
        (None, Any::Share(share)) => {
            let _ = writeln!(t, "\ntraded since {}", share.spec().since);
            for (from, to) in share.spec().gaps {
                let _ = writeln!(t, "  not from {from} to {to}");
            }
        }
        (None, _) => {}
    }
    t
}

fn date(year: i32, month: u32, day: u32) -> Date {
    Date::from_ymd_opt(year, month, day).unwrap_or_default()
}

fn ahead(ahead: Ahead) -> Option<String> {
    match ahead {
        Ahead::Any => None,
        Ahead::Weeks(n) => Some(format!("up to {n} weeks ahead")),
        Ahead::Nearest(n) => Some(format!("the {n} nearest")),
        Ahead::SerialThenFebruary(n, m) => Some(format!("the {n} nearest, then {m} of Feb, May, Aug, Nov")),
    }
}

/// An expiry with its cycles.
type Expiry = (Date, Vec<listing::Cycle>);

fn expiries(class: Class, on: Date, range: DateRange) -> Vec<Expiry> {
    listing::expiries(class, on, range.from, range.to)
}

fn instants(class: Any, expiry: Date) -> (Option<Instant>, Option<Instant>, String) {
    let calendar = alula_market::calendar::ExchangeCalendar::nyse();
    match class {
        Any::Option(r) => (
            calendar.last_trade_at(r, expiry),
            calendar.settles_at(r, expiry),
            String::new(),
        ),
        Any::Future(root) => {
            let c = FutureContract { root, expiry };
            (c.last_trade_at(), c.settles_at(), c.code())
        }
        Any::Share(_) => (None, None, String::new()),
    }
}

fn expiries_text(class: Any, on: Date, range: DateRange, found: &[Expiry]) -> String {
    let mut t = String::new();
    let _ = writeln!(
        t,
        "\n{} expiries from {} to {}, listed by rule on {on}: {}",
        class.symbol(),
        range.from,
        range.to,
        found.len()
    );
    for (expiry, cycles) in found {
        let (last, settles, code) = instants(class, *expiry);
        let at = |i: Option<Instant>| i.map_or_else(|| "-".to_owned(), |i| i.to_string());
        let cycles: Vec<String> = cycles.iter().map(ToString::to_string).collect();
        let line = format!(
            "  {expiry} {}  {:>4} dte  last trade {}  settles {}  {}{}",
            expiry.format("%a"),
            (*expiry - on).num_days(),
            at(last),
            at(settles),
            if code.is_empty() {
                code
            } else {
                format!("{code}  ")
            },
            cycles.join(", ")
        );
        let _ = writeln!(t, "{}", line.trim_end());
    }
    t
}

fn expiries_json(class: Any, found: &[Expiry]) -> Value {
    let at = |i: Option<Instant>| i.map(|i| i.utc().to_rfc3339());
    let one = |(expiry, cycles): &Expiry| {
        let (last, settles, code) = instants(class, *expiry);
        json!({
            "expiry": expiry.to_string(),
            "code": if code.is_empty() { None } else { Some(code) },
            "cycles": cycles.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "last_trade": at(last),
            "settles": at(settles),
        })
    };
    found.iter().map(one).collect()
}

fn class_json(class: Any, on: Date) -> Value {
    let ticks: Vec<Value> = class
        .ticks()
        .iter()
        .map(|r| {
            json!({
                "of": match r.quoted { Quoted::Single => "single", Quoted::Package => "package", Quoted::PackageLeg => "package_leg" },
                "since": r.since.to_string(),
                "below": r.below.map(|b| b.to_string()),
                "tick": r.tick.to_string(),
                "source": r.source,
            })
        })
        .collect();
    let cycles: Vec<Value> = class
        .class()
        .map_or(&[][..], Class::table)
        .iter()
        .map(|r| {
            json!({ "cycle": r.cycle.to_string(), "since": r.since.to_string(), "ahead": ahead(r.ahead), "source": r.source })
        })
        .collect();
    let splits: Vec<Value> = match class {
        Any::Share(s) => s
            .spec()
            .splits
            .iter()
            .map(|x| json!({ "on": x.on.to_string(), "new": x.new, "old": x.old, "source": x.source }))
            .collect(),
        Any::Option(_) | Any::Future(_) => Vec::new(),
    };
    json!({
        "class": class.symbol(),
        "name": class.name(),
        "multiplier": class.multiplier(),
        "tick_now": ticks_on(class.ticks(), Quoted::Single, on),
        "package_tick_now": ticks_on(class.ticks(), Quoted::Package, on),
        "ticks": ticks,
        "settles": class.settles(),
        "last_trade": class.last_trade(),
        "listing": cycles,
        "splits": splits,
        "note": class.note(),
        "source": class.source(),
    })
}
