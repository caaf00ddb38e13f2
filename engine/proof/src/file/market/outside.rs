//! What a case takes from outside its own series: events, and slices of recorded or simulated data.

use super::{date, keep};
use crate::file::expect::event_time;
use crate::file::{Layers, Subject, unknown};
use crate::spec::{DataSource, DataSpec};
use alula_market::series::EventRow;
use alula_market::time::Instant;
use alula_yaml::{Finding, Node};
use std::collections::BTreeMap;

/// Simulated markets of one case.
const SEEDS_MAX: usize = 1_000;

/// Time of day at which an event happens that is written as a date alone.
fn event_hour(event: &str) -> (u32, u32) {
    if event.eq_ignore_ascii_case("fomc") {
        (14, 0)
    } else {
        (8, 30)
    }
}

pub(super) fn events(
    layers: Layers<'_>,
    subject: &Subject<'_>,
    found: &mut Vec<Finding>,
) -> BTreeMap<String, Vec<EventRow>> {
    let mut out = BTreeMap::new();
    for entry in layers.merged("events", found) {
        let Some(event) = subject.graph.events.iter().find(|e| e.name == entry.name) else {
            let names: Vec<&str> = subject.graph.events.iter().map(|e| e.name.as_str()).collect();
            found.push(unknown("event", &entry.name, entry.place, &names));
            continue;
        };
        let Some(list) = keep(entry.value.list(&format!("`{}`", entry.name)), found) else {
            continue;
        };
        let mut rows: Vec<EventRow> = list
            .iter()
            .filter_map(|node| keep(occurrence(node, event_hour(&entry.name)), found))
            .collect();
        rows.sort_by_key(|r| r.at);
        out.insert(event.feed.clone(), rows);
    }
    out
}

/// `2024-01-31`, `2024-01-31 14:00`, or a mapping with `at`, `actual` and `consensus`.
fn occurrence(node: &Node, hour: (u32, u32)) -> Result<EventRow, Finding> {
    let at = |node: &Node| {
        let text = node.text("an event")?;
        event_time(text, hour).ok_or_else(|| {
            Finding::new(
                node.place,
                format!("`{text}` is not a date"),
                "an event happens on a day, at a time",
                "write `2024-01-31` or `2024-01-31 14:00`",
            )
        })
    };
    // Calendars are published long before; a case that turns on it is better told with recorded data.
    let row = |at: Instant, actual, consensus| EventRow {
        at,
        scheduled_known_at: Instant(0),
        actual,
        consensus,
    };
    if node.scalar().is_some() {
        return Ok(row(at(node)?, None, None));
    }
    let fields = node
        .fields("an event", &["at", "actual", "consensus"])
        .map_err(|all| {
            all.into_iter().next().unwrap_or_else(|| {
                Finding::new(
                    node.place,
                    "this is no event",
                    "an event has a date",
                    "write `at: 2024-01-31`",
                )
            })
        })?;
    let when = fields.require("at", "the event", "at: 2024-01-31")?;
    let number = |name: &str| {
        let node = fields.get(name);
        node.map(|n| n.number(&format!("`{name}`"))).transpose()
    };
    Ok(row(at(when)?, number("actual")?, number("consensus")?))
}

/// A slice, and the seeds of simulated markets that it names.
pub(super) fn data(node: &Node) -> Result<(DataSpec, Vec<u64>), Finding> {
    let fix = "write `data: {store: ../store, from: 2019-05-01, to: 2019-05-31}`, or `simulated: 7` in the place of a store";
    let bad = |what: &str| Finding::new(node.place, what, "it names a store or a seed, and a period", fix);
    let fields = node
        .fields("`data`", &["store", "simulated", "from", "to"])
        .map_err(|all| {
            all.into_iter()
                .next()
                .unwrap_or_else(|| bad("this is no slice of data"))
        })?;
    let from = date(fields.require("from", "`data`", "from: 2019-05-01")?, "`from`")?;
    let to = date(fields.require("to", "`data`", "to: 2019-05-31")?, "`to`")?;
    let seed = |node: &Node| {
        let number = node.integer("`simulated`")?;
        u64::try_from(number).map_err(|_| bad("a seed is not negative"))
    };
    let (source, seeds) = match (fields.get("store"), fields.get("simulated")) {
        (Some(store), None) => (DataSource::Store(store.text("`store`")?.to_owned()), Vec::new()),
        (None, Some(node)) => {
            let mut seeds = match node.list("") {
                Ok(list) => list.iter().map(seed).collect::<Result<Vec<u64>, Finding>>()?,
                Err(_) => vec![seed(node)?],
            };
            seeds.sort_unstable();
            seeds.dedup();
            let first = *seeds.first().ok_or_else(|| bad("`simulated` names no seed"))?;
            if seeds.len() > SEEDS_MAX {
                return Err(bad("`simulated` names more seeds than a case may have, 1000"));
            }
            (DataSource::Simulated(first), seeds)
        }
        _ => return Err(bad("`data` has either a `store` or a `simulated` seed")),
    };
    if from > to {
        let message = format!("the slice {from} to {to} runs backwards");
        return Err(Finding::new(
            node.place,
            message,
            "time does not",
            "give the earlier date first",
        ));
    }
    Ok((DataSpec { source, from, to }, seeds))
}
