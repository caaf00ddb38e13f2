//! The market of a case, as the file writes it.

mod chains;
mod outside;
mod quotes;

use super::{Layers, STEPS_MAX, Subject, unknown};
use crate::market::instants;
use crate::notation;
use crate::spec::{DataSpec, Fields, MarketSpec, Step};
use alula_dsl::graph::Length;
use alula_market::calendar::ExchangeCalendar;
use alula_market::time::Date;
use alula_yaml::{Entry, Finding, Node, Place};
use chains::chains;
use outside::{data, events};
use quotes::quotes;
use std::collections::BTreeMap;

/// First session of a case that does not name one: a plain Tuesday.
fn start_default() -> Date {
    Date::from_ymd_opt(2024, 1, 16).unwrap_or_default()
}

/// Reads it; what is wrong joins the findings, and the rest is then of no use.
pub(super) fn read(
    layers: Layers<'_>,
    subject: &Subject<'_>,
    place: Place,
    found: &mut Vec<Finding>,
) -> (MarketSpec, Option<DataSpec>, Vec<u64>) {
    let data = layers.get("data").and_then(|node| keep(data(node), found));
    let (data, seeds) = data.map_or((None, Vec::new()), |(data, seeds)| (Some(data), seeds));
    let start = layers
        .get("start")
        .and_then(|node| keep(date(node, "`start`"), found));
    let start = start
        .or(data.as_ref().map(|d| d.from))
        .unwrap_or_else(start_default);
    let calendar = ExchangeCalendar::nyse();
    if !calendar.is_session(start) {
        let near = calendar.session_on_or_after(start);
        let fix = near.map_or("write a date from 2000 to 2027".to_owned(), |d| {
            format!("write `start: {d}`")
        });
        let at = layers.entry("start").map_or(place, |e| e.value.place);
        found.push(Finding::new(
            at,
            format!("the exchange is closed on {start}"),
            "a case begins with a session",
            fix,
        ));
    }
    let step = match layers.get("step").map(step) {
        None => own_step(subject),
        Some(Ok(step)) => step,
        Some(Err(f)) => {
            found.push(f);
            Step::Session
        }
    };
    let now = series(layers, "series", subject, found);
    let before = series(layers, "before", subject, found);
    let steps = count(layers, &now, data.as_ref(), found);
    let spread = |series: Written| -> BTreeMap<String, Fields> {
        series
            .into_iter()
            .map(|(id, fields)| (id, fields.map_columns(|c| repeated(c, steps))))
            .collect()
    };
    let now_fields = spread(now);
    let before = before
        .into_iter()
        .map(|(id, fields)| {
            let longest = fields.longest();
            (id, fields.map_columns(|c| repeated(c, longest)))
        })
        .collect();
    let chains = chains(layers, subject, data.is_some(), steps, found);
    let events = events(layers, subject, found);
    let at = instants(start, step, steps);
    if at.len() < steps && found.is_empty() {
        found.push(Finding::new(
            place,
            format!("the calendar ends before the case: {} of {steps} steps", at.len()),
            "the exchange calendar is known from 2000 to 2027",
            "begin earlier",
        ));
    }
    let quotes = quotes(layers, &at, found);
    let market = MarketSpec {
        start,
        step,
        steps,
        now: now_fields,
        before,
        events,
        chains,
        quotes,
    };
    (market, data, seeds)
}

fn keep<T>(result: Result<T, Finding>, found: &mut Vec<Finding>) -> Option<T> {
    result.map_err(|f| found.push(f)).ok()
}

fn date(node: &Node, what: &str) -> Result<Date, Finding> {
    let text = node.text(what)?;
    text.parse().map_err(|_| {
        Finding::new(
            node.place,
            format!("`{text}` is not a date"),
            format!("{what} is a session"),
            "write it as `2024-01-16`",
        )
    })
}

/// The strategy's own cadence.
fn own_step(subject: &Subject<'_>) -> Step {
    match subject.graph.settings.every {
        Length::Minutes(m) => u16::try_from(m).map_or(Step::Session, Step::Minutes),
        _ => Step::Session,
    }
}

fn step(node: &Node) -> Result<Step, Finding> {
    let text = node.text("`step`")?;
    if matches!(text, "session" | "1 session") {
        return Ok(Step::Session);
    }
    let minutes = text.strip_suffix('m').and_then(|n| n.trim().parse::<u16>().ok());
    minutes
        .filter(|m| (1..=390).contains(m))
        .map(Step::Minutes)
        .ok_or_else(|| {
            Finding::new(
                node.place,
                format!("`{text}` is not a step"),
                "a step is what lies between two values of a series",
                "write `session`, or minutes such as `5m`",
            )
        })
}

/// Columns as written, before single values are repeated.
type Written = BTreeMap<String, Fields>;

impl Fields {
    fn columns(&self) -> impl Iterator<Item = &Vec<Option<f64>>> {
        let others = [&self.open, &self.high, &self.low, &self.volume];
        std::iter::once(&self.close).chain(others.into_iter().flatten())
    }

    fn longest(&self) -> usize {
        self.columns().map(Vec::len).max().unwrap_or(0)
    }

    fn map_columns(self, f: impl Fn(Vec<Option<f64>>) -> Vec<Option<f64>>) -> Self {
        let close = f(self.close);
        // A series of which only a high or a volume is written has no closes: they are missing.
        Self {
            close,
            open: self.open.map(&f),
            high: self.high.map(&f),
            low: self.low.map(&f),
            volume: self.volume.map(&f),
        }
    }
}

/// A single value stands for every step.
fn repeated(column: Vec<Option<f64>>, steps: usize) -> Vec<Option<f64>> {
    match column.as_slice() {
        [one] => vec![*one; steps],
        _ => column,
    }
}

fn series(layers: Layers<'_>, section: &str, subject: &Subject<'_>, found: &mut Vec<Finding>) -> Written {
    let known = subject.series();
    let mut out: Written = BTreeMap::new();
    for entry in layers.merged(section, found) {
        let (id, field) = split(&entry.name);
        if !known.contains(id.as_str()) {
            let names: Vec<&str> = known.iter().copied().collect();
            found.push(unknown("series", &id, entry.place, &names));
            continue;
        }
        let values = entry.value.text(&format!("`{}`", entry.name)).and_then(|text| {
            notation::series(text).map_err(|e| {
                Finding::new(
                    entry.value.place,
                    e.what,
                    "a series is written in the compact notation",
                    e.fix,
                )
            })
        });
        let Some(values) = keep(values, found) else {
            continue;
        };
        let fields = out.entry(id).or_default();
        match field.as_str() {
            "close" | "last" => fields.close = values,
            "open" => fields.open = Some(values),
            "high" => fields.high = Some(values),
            "low" => fields.low = Some(values),
            "volume" => fields.volume = Some(values),
            other => found.push(Finding::new(
                entry.place,
                format!("`{other}` is not a field of a series"),
                "a bar has an open, a high, a low, a close and a volume",
                "write `close`, `open`, `high`, `low` or `volume`",
            )),
        }
    }
    for entry in layers.merged(section, &mut Vec::new()) {
        let (id, _) = split(&entry.name);
        if out.get(&id).is_some_and(|f| f.close.is_empty()) {
            found.push(Finding::new(
                entry.place,
                format!("`{id}` has no closes"),
                "a bar without a close is no bar",
                format!("add a line `{id}: …`"),
            ));
            out.remove(&id);
        }
    }
    out
}

/// `VIX.high` is the field `high` of `VIX`; `VX[2]` is `VX2`. A name with a point that is no field is the whole name.
fn split(name: &str) -> (String, String) {
    let plain = |id: &str| id.replace(['[', ']'], "");
    if let Some((id, field)) = name.rsplit_once('.')
        && field.chars().all(|c| c.is_ascii_lowercase())
    {
        return (plain(id), field.to_owned());
    }
    (plain(name), "close".to_owned())
}

fn count(layers: Layers<'_>, now: &Written, data: Option<&DataSpec>, found: &mut Vec<Finding>) -> usize {
    let stated = layers.entry("steps").filter(|e| !e.value.is_null());
    let lengths: Vec<(&String, usize)> = now
        .iter()
        .flat_map(|(id, f)| f.columns().map(move |c| (id, c.len())))
        .filter(|(_, n)| *n > 1)
        .collect();
    let longest = lengths.iter().map(|(_, n)| *n).max();
    let sessions = data.map(|d| ExchangeCalendar::nyse().sessions(d.from, d.to).len());
    let steps = match stated {
        None => longest.or(sessions).unwrap_or(1),
        Some(entry) => {
            let steps = keep(entry.value.integer("`steps`"), found).unwrap_or(1);
            match usize::try_from(steps)
                .ok()
                .filter(|n| (1..=STEPS_MAX).contains(n))
            {
                Some(steps) => steps,
                None => {
                    found.push(Finding::new(
                        entry.value.place,
                        format!("`{steps}` is not a number of steps"),
                        format!("a case has from 1 to {STEPS_MAX} steps"),
                        "write `steps: 5`",
                    ));
                    return 1;
                }
            }
        }
    };
    for (id, n) in lengths {
        if n != steps {
            let entry = layers
                .merged("series", &mut Vec::new())
                .into_iter()
                .find(|e| split(&e.name).0 == *id);
            let at = entry.map_or(Place { line: 1, column: 1 }, |e: &Entry| e.value.place);
            found.push(Finding::new(
                at,
                format!("`{id}` has {n} values, the case has {steps} steps"),
                "a value that nobody wrote would be a guess",
                "give every series one value per step, or a single value that holds throughout",
            ));
        }
    }
    if steps > STEPS_MAX {
        found.push(Finding::new(
            Place { line: 1, column: 1 },
            format!("a case has {steps} steps, the limit is {STEPS_MAX}"),
            "a case is about days, not decades",
            "take a store for long histories, and `alula backtest`",
        ));
        return 1;
    }
    steps
}
