//! What must be decided, as a case writes it.

use super::{Subject, unknown};
use crate::spec::{Expectation, ExpectedOrder, Moment, Named};
use alula_core::decision::LayerPhase;
use alula_core::operator::number_of;
use alula_core::why::keys;
use alula_market::time::{Date, Instant};
use alula_yaml::{Entry, Finding, Node, Place};

/// Adds the expectation that these entries write.
pub(super) fn read(
    entries: &[Entry],
    subject: &Subject<'_>,
    place: Place,
    out: &mut Vec<Expectation>,
    found: &mut Vec<Finding>,
) {
    let get = |name: &str| {
        let entry = entries.iter().find(|e| e.name == name);
        entry.map(|e| &e.value).filter(|n| !n.is_null())
    };
    let at = match get("at").map(moment) {
        None => Moment::Last,
        Some(Ok(at)) => at,
        Some(Err(f)) => {
            found.push(f);
            return;
        }
    };
    let mut expectation = Expectation {
        at,
        orders: None,
        because: names(get("because"), "because", subject, found),
        not: names(get("not"), "not", subject, found),
        unknown: causes(get("unknown"), subject, found),
        positions: positions(get("positions"), subject, found),
        layers: layers(get("layers"), subject, found),
        place,
    };
    if let Some(node) = get("orders") {
        expectation.orders = Some(orders(node, subject, found));
    }
    let says_nothing = expectation.orders.is_none()
        && expectation.because.is_empty()
        && expectation.not.is_empty()
        && expectation.unknown.is_empty()
        && expectation.positions.is_empty()
        && expectation.layers.is_empty();
    if says_nothing && found.is_empty() {
        found.push(Finding::new(
            place,
            "the expectation says nothing",
            "a test that asserts nothing proves nothing",
            "add `orders: []`, `because:`, `not:`, `unknown:`, `positions:` or `layers:`",
        ));
    }
    out.push(expectation);
}

/// `first`, `last`, `every`, a number, a date, or a date and a time.
pub(super) fn moment(node: &Node) -> Result<Moment, Finding> {
    moment_of(node.text("`at`")?, node.place)
}

/// The same from a text that stands at a place.
pub(super) fn moment_of(text: &str, place: Place) -> Result<Moment, Finding> {
    let bad = || {
        Finding::new(
            place,
            format!("`{text}` is not a moment of a case"),
            "a moment is a step of the case",
            "write `first`, `last`, `every`, a number from 1, `2024-01-18` or `2024-01-18 15:45`",
        )
    };
    match text {
        "first" => return Ok(Moment::First),
        "last" => return Ok(Moment::Last),
        "every" => return Ok(Moment::Every),
        _ => {}
    }
    if let Ok(number) = text.parse::<usize>() {
        return if number > 0 {
            Ok(Moment::Step(number))
        } else {
            Err(bad())
        };
    }
    instant(text).ok_or_else(bad)
}

/// A date, or a date and a time of the exchange.
fn instant(text: &str) -> Option<Moment> {
    let Some((date, time)) = text.split_once(' ') else {
        return text.parse::<Date>().ok().map(Moment::Day);
    };
    let date: Date = date.parse().ok()?;
    let (hour, minute) = time.trim().trim_end_matches(" ET").split_once(':')?;
    let at = Instant::from_eastern(date, hour.parse().ok()?, minute.parse().ok()?)?;
    Some(Moment::At(at))
}

/// A date with a time of day, for events: the time given, or `otherwise`.
pub(super) fn event_time(text: &str, otherwise: (u32, u32)) -> Option<Instant> {
    match instant(text)? {
        Moment::Day(date) => Instant::from_eastern(date, otherwise.0, otherwise.1),
        Moment::At(at) => Some(at),
        _ => None,
    }
}

fn list<'a>(node: Option<&'a Node>, what: &str, found: &mut Vec<Finding>) -> &'a [Node] {
    match node.map(|n| n.list(what)) {
        None => &[],
        Some(Ok(list)) => list,
        Some(Err(f)) => {
            found.push(f);
            &[]
        }
    }
}

fn known(name: &str, place: Place, subject: &Subject<'_>, found: &mut Vec<Finding>) -> Option<Named> {
    let names = subject.names();
    if names.contains(&name) || number_of(name).is_some() {
        return Some(Named {
            name: name.to_owned(),
            place,
        });
    }
    found.push(unknown("rule or condition", name, place, &names));
    None
}

fn names(node: Option<&Node>, what: &str, subject: &Subject<'_>, found: &mut Vec<Finding>) -> Vec<Named> {
    let mut out = Vec::new();
    for item in list(node, &format!("`{what}`"), found) {
        match item.text(&format!("a name of `{what}`")) {
            Ok(name) => out.extend(known(name, item.place, subject, found)),
            Err(f) => found.push(f),
        }
    }
    out
}

/// Names, each alone or with its cause: `- curve`, or `- curve: warming up`.
fn causes(
    node: Option<&Node>,
    subject: &Subject<'_>,
    found: &mut Vec<Finding>,
) -> Vec<(Named, Option<String>)> {
    let mut out = Vec::new();
    for item in list(node, "`unknown`", found) {
        if let Ok([entry]) = item.map("") {
            match entry.value.text("the cause") {
                Ok(cause) => {
                    let named = known(&entry.name, entry.place, subject, found);
                    out.extend(named.map(|n| (n, Some(cause.to_owned()))));
                }
                Err(f) => found.push(f),
            }
            continue;
        }
        match item.text("a name of `unknown`") {
            Ok(name) => out.extend(known(name, item.place, subject, found).map(|n| (n, None))),
            Err(f) => found.push(f),
        }
    }
    out
}

fn positions(node: Option<&Node>, subject: &Subject<'_>, found: &mut Vec<Finding>) -> Vec<(Named, u32)> {
    let entries = match node.map(|n| n.map("`positions`")) {
        None => return Vec::new(),
        Some(Ok(entries)) => entries,
        Some(Err(f)) => {
            found.push(f);
            return Vec::new();
        }
    };
    let mut out = Vec::new();
    for entry in entries {
        let structures: Vec<&str> = subject.structures().iter().map(|s| s.key.as_str()).collect();
        if !structures.contains(&entry.name.as_str()) {
            found.push(unknown("structure", &entry.name, entry.place, &structures));
            continue;
        }
        let what = format!("the positions of `{}`", entry.name);
        let count = entry.value.integer(&what).and_then(|n| {
            u32::try_from(n).map_err(|_| {
                Finding::new(
                    entry.value.place,
                    format!("{what} cannot be `{n}`"),
                    "it is a count",
                    "write 0 or more",
                )
            })
        });
        match count {
            Ok(count) => out.push((
                Named {
                    name: entry.name.clone(),
                    place: entry.place,
                },
                count,
            )),
            Err(f) => found.push(f),
        }
    }
    out
}

/// `{alvh.base: dormant}`
fn layers(node: Option<&Node>, subject: &Subject<'_>, found: &mut Vec<Finding>) -> Vec<(Named, LayerPhase)> {
    let entries = match node.map(|n| n.map("`layers`")) {
        None => return Vec::new(),
        Some(Ok(entries)) => entries,
        Some(Err(f)) => {
            found.push(f);
            return Vec::new();
        }
    };
    let known: Vec<&str> = subject
        .graph
        .hedges
        .iter()
        .flat_map(|h| &h.layers)
        .map(|l| l.key.as_str())
        .collect();
    let mut out = Vec::new();
    for entry in entries {
        if !known.contains(&entry.name.as_str()) {
            found.push(unknown("layer", &entry.name, entry.place, &known));
            continue;
        }
        let word = entry.value.text("the phase of a layer");
        let phase = word.and_then(|word| {
            LayerPhase::parse(word).ok_or_else(|| {
                Finding::new(
                    entry.value.place,
                    format!("`{word}` is not a phase of a layer"),
                    "a layer is on or off, and with which contracts",
                    "write `dormant`, `active`, `rotated`, `migrated` or `rotated and migrated`",
                )
            })
        });
        match phase {
            Ok(phase) => out.push((
                Named {
                    name: entry.name.clone(),
                    place: entry.place,
                },
                phase,
            )),
            Err(f) => found.push(f),
        }
    }
    out
}

fn orders(node: &Node, subject: &Subject<'_>, found: &mut Vec<Finding>) -> Vec<ExpectedOrder> {
    let rules: Vec<&str> = keys(subject.graph).into_iter().map(|(k, _)| k).collect();
    let mut out = Vec::new();
    let checked = |rule: &str, place: Place, found: &mut Vec<Finding>| {
        let known = rules.contains(&rule) || number_of(rule).is_some();
        if !known {
            found.push(unknown("rule", rule, place, &rules));
        }
        known
    };
    for item in list(Some(node), "`orders`", found) {
        if item.scalar().is_some() {
            match item.text("an order") {
                Ok(rule) if checked(rule, item.place, found) => out.push(ExpectedOrder {
                    rule: rule.to_owned(),
                    lots: None,
                    package: None,
                    place: item.place,
                }),
                Ok(_) => {}
                Err(f) => found.push(f),
            }
            continue;
        }
        let fields = match item.fields("an order", &["rule", "lots", "package"]) {
            Ok(fields) => fields,
            Err(findings) => {
                found.extend(findings);
                continue;
            }
        };
        let order = (|| {
            let rule = fields.require("rule", "an order", "rule: income.open")?;
            let lots = fields.get("lots").map(|n| n.integer("`lots`")).transpose()?;
            let package = fields.get("package").map(|n| n.text("`package`")).transpose()?;
            Ok((rule, lots, package))
        })();
        match order.and_then(|(rule, lots, package)| Ok((rule.text("`rule`")?, rule.place, lots, package))) {
            Ok((rule, place, lots, package)) if checked(rule, place, found) => out.push(ExpectedOrder {
                rule: rule.to_owned(),
                // A number of lots that no order can have matches none, and the failure says so.
                lots: lots.map(|n| u32::try_from(n).unwrap_or(0)),
                package: package.map(str::to_owned),
                place: item.place,
            }),
            Ok(_) => {}
            Err(f) => found.push(f),
        }
    }
    out
}
