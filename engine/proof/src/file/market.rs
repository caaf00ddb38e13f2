//! The market of a case, as the file writes it.

use super::expect::{event_time, moment};
use super::{Layers, STEPS_MAX, Subject, unknown};
use crate::market::instants;
use crate::notation;
use crate::spec::{ChainSpec, DataSource, DataSpec, Fields, MarketSpec, Moment, QuoteLine, Step, VolSource};
use alula_dsl::graph::Length;
use alula_market::calendar::ExchangeCalendar;
use alula_market::chain::Quote;
use alula_market::contract::{OptionContract, Right, Root};
use alula_market::money::Price;
use alula_market::series::EventRow;
use alula_market::time::{Date, Instant};
use alula_yaml::{Entry, Finding, Node, Place};
use std::collections::BTreeMap;

/// Simulated markets of one case.
const SEEDS_MAX: usize = 1_000;

/// First session of a case that does not name one: a plain Tuesday.
fn start_default() -> Date {
    Date::from_ymd_opt(2024, 1, 16).unwrap_or_default()
}

/// Time of day at which an event happens that is written as a date alone.
fn event_hour(event: &str) -> (u32, u32) {
    if event.eq_ignore_ascii_case("fomc") {
        (14, 0)
    } else {
        (8, 30)
    }
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

fn chains(
    layers: Layers<'_>,
    subject: &Subject<'_>,
    has_data: bool,
    steps: usize,
    found: &mut Vec<Finding>,
) -> BTreeMap<String, ChainSpec> {
    let mut out = BTreeMap::new();
    if !has_data {
        for underlying in subject.plan.chains() {
            let spec = match underlying.as_str() {
                "VIX" => ChainSpec {
                    listed: false,
                    spot: None,
                    ..ChainSpec::default()
                },
                "XSP" => ChainSpec {
                    spot: Some(ChainSpec::SPOT / 10.0),
                    ..ChainSpec::default()
                },
                _ => ChainSpec::default(),
            };
            out.insert(underlying.clone(), spec);
        }
    }
    for entry in layers.merged("chain", found) {
        let known: Vec<&str> = subject.plan.chains().iter().map(String::as_str).collect();
        if !known.contains(&entry.name.as_str()) {
            found.push(unknown("option chain", &entry.name, entry.place, &known));
            continue;
        }
        let held = out.remove(&entry.name).unwrap_or_default();
        let Some(mut spec) = keep(chain(&entry.value, held, subject), found) else {
            continue;
        };
        if let VolSource::Path(path) = spec.vol {
            let path = repeated(path, steps);
            if path.len() != steps {
                found.push(Finding::new(
                    entry.value.place,
                    format!("the vol has {} values, the case has {steps} steps", path.len()),
                    "a value that nobody wrote would be a guess",
                    "give one value per step, or a single value that holds throughout",
                ));
            }
            spec.vol = VolSource::Path(path);
        }
        out.insert(entry.name.clone(), spec);
    }
    out
}

/// `flat 18 vol`, `flat VIX`, `none`, or a mapping of vol, skew, spread and spot.
fn chain(node: &Node, held: ChainSpec, subject: &Subject<'_>) -> Result<ChainSpec, Finding> {
    let fix = "write `flat 18 vol`, `flat VIX`, `none`, or `{vol: 18, skew: 4, spread: 2%, spot: 4500}`";
    let bad = |what: String| Finding::new(node.place, what, "a chain is computed around a vol", fix);
    if node.scalar().is_some() {
        let text = node.text("a chain")?;
        if text == "none" {
            return Ok(ChainSpec {
                listed: false,
                ..held
            });
        }
        let rest = text
            .strip_prefix("flat ")
            .ok_or_else(|| bad(format!("`{text}` is not a chain")))?;
        return Ok(ChainSpec {
            listed: true,
            vol: vol(rest, node, subject)?,
            ..held
        });
    }
    let fields = node
        .fields("a chain", &["vol", "skew", "spread", "spot"])
        .map_err(|all| {
            all.into_iter()
                .next()
                .unwrap_or_else(|| bad("it is not a chain".to_owned()))
        })?;
    let mut spec = ChainSpec { listed: true, ..held };
    if let Some(n) = fields.get("vol") {
        spec.vol = vol(n.text("`vol`")?, n, subject)?;
    }
    let amount = |name: &str, suffix: &str, (lo, hi): (f64, f64)| -> Result<Option<f64>, Finding> {
        let Some(n) = fields.get(name) else {
            return Ok(None);
        };
        let text = n.text(&format!("`{name}`"))?;
        let digits = text.strip_suffix(suffix).unwrap_or(text).trim();
        let value = digits.parse::<f64>().ok().filter(|v| (lo..=hi).contains(v));
        value.map(Some).ok_or_else(|| {
            Finding::new(
                n.place,
                format!("`{text}` is not a {name}"),
                format!("it is a number from {lo} to {hi}"),
                fix,
            )
        })
    };
    if let Some(skew) = amount("skew", "vol", (-50.0, 50.0))? {
        spec.skew = skew / 100.0;
    }
    if let Some(spread) = amount("spread", "%", (0.0, 100.0))? {
        spec.spread = spread / 100.0;
    }
    if let Some(spot) = amount("spot", "pts", (1.0, 1_000_000.0))? {
        spec.spot = Some(spot);
    }
    Ok(spec)
}

fn vol(text: &str, node: &Node, subject: &Subject<'_>) -> Result<VolSource, Finding> {
    let path = notation::series(text.strip_suffix("vol").unwrap_or(text).trim());
    if let Ok(path) = path
        && path.iter().flatten().all(|v| (1.0..=300.0).contains(v))
    {
        return Ok(VolSource::Path(path));
    }
    if subject.series().contains(text) {
        return Ok(VolSource::Series(text.to_owned(), ChainSpec::VOL));
    }
    Err(Finding::new(
        node.place,
        format!("`{text}` is not a vol"),
        "it is vol points from 1 to 300, or a series of the case",
        "write `18 vol`, `30x2 12 vol` or `VIX`",
    ))
}

fn events(
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
fn data(node: &Node) -> Result<(DataSpec, Vec<u64>), Finding> {
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

/// Quotes that hold throughout, or lists of them with `at`.
fn quotes(layers: Layers<'_>, steps: &[Instant], found: &mut Vec<Finding>) -> Vec<QuoteLine> {
    let mut out = Vec::new();
    let whole = (0, steps.len().saturating_sub(1));
    for layer in [layers.defaults, layers.own] {
        let entry = layer.iter().find(|e| e.name == "quotes");
        let Some(node) = entry.map(|e| &e.value).filter(|n| !n.is_null()) else {
            continue;
        };
        let blocks: Vec<&Node> = match node.list("") {
            Ok(list) => list.iter().collect(),
            Err(_) => vec![node],
        };
        for block in blocks {
            let Some(entries) = keep(block.map("`quotes`"), found) else {
                continue;
            };
            let span = match entries.iter().find(|e| e.name == "at") {
                None => Ok(whole),
                Some(entry) => moment(&entry.value).and_then(|m| span(m, steps, &entry.value)),
            };
            let Some((from, to)) = keep(span, found) else {
                continue;
            };
            for entry in entries.iter().filter(|e| e.name != "at") {
                let line = quote(&entry.value).and_then(|quote| {
                    Ok(QuoteLine {
                        from,
                        to,
                        contract: contract(&entry.name, entry.place)?,
                        quote,
                    })
                });
                out.extend(keep(line, found));
            }
        }
    }
    out
}

/// Steps that a moment of a quote means.
fn span(moment: Moment, steps: &[Instant], node: &Node) -> Result<(usize, usize), Finding> {
    let last = steps.len().saturating_sub(1);
    let found = match moment {
        Moment::Every => return Ok((0, last)),
        Moment::First => Some(0),
        Moment::Last => Some(last),
        Moment::Step(n) => Some(n - 1).filter(|i| *i <= last),
        Moment::Day(date) => {
            let first = steps.iter().position(|t| t.date() == date);
            let end = steps.iter().rposition(|t| t.date() == date);
            if let (Some(first), Some(end)) = (first, end) {
                return Ok((first, end));
            }
            None
        }
        Moment::At(at) => steps.binary_search(&at).ok(),
    };
    found.map(|i| (i, i)).ok_or_else(|| {
        let range = match (steps.first(), steps.last()) {
            (Some(first), Some(end)) => format!("its steps run from {first} to {end}"),
            _ => "it has no steps".to_owned(),
        };
        Finding::new(
            node.place,
            "the case has no such step",
            range,
            "choose one of its steps",
        )
    })
}

/// `12.30/12.80`, or `none`.
fn quote(node: &Node) -> Result<Option<Quote>, Finding> {
    let text = node.text("a quote")?;
    if text == "none" {
        return Ok(None);
    }
    let parsed = text
        .split_once('/')
        .and_then(|(bid, ask)| Price::parse(bid.trim()).zip(Price::parse(ask.trim())));
    parsed
        .filter(|(bid, ask)| bid.0 >= 0 && ask.0 >= 0)
        .map(|(bid, ask)| Some(Quote { bid, ask }))
        .ok_or_else(|| {
            Finding::new(
                node.place,
                format!("`{text}` is not a quote"),
                "a quote is a bid and an ask in points",
                "write `12.30/12.80`, or `none` where there is no market",
            )
        })
}

/// `SPXW 2024-03-01 P4300`
fn contract(text: &str, place: Place) -> Result<OptionContract, Finding> {
    let parse = || {
        let mut words = text.split_whitespace();
        let root = Root::parse(words.next()?)?;
        let expiry: Date = words.next()?.parse().ok()?;
        let last = words.next()?;
        let (right, strike) = match last.split_at_checked(1)? {
            ("P", strike) => (Right::Put, strike),
            ("C", strike) => (Right::Call, strike),
            _ => return None,
        };
        let strike = Price::parse(strike).filter(|k| k.0 > 0)?;
        words.next().is_none().then_some(OptionContract {
            root,
            expiry,
            right,
            strike,
        })
    };
    parse().ok_or_else(|| {
        Finding::new(
            place,
            format!("`{text}` is not a contract"),
            "a contract is root, expiry, right and strike",
            "write `SPXW 2024-03-01 P4300`",
        )
    })
}
