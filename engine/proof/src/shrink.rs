//! Making a counter-example small: a shorter window, a market written down in the place of a simulated one, fewer moves of
//! prices, rounder numbers. Each step is kept only where the claim is still broken, so what is left is a case that fails.
//!
//! No chance is involved: the same case gives the same counter-example.

use crate::case::Harness;
use crate::property::Claim;
use crate::spec::{Case, ChainSpec, DataSource, Fields, Moment, Step, VolSource};
use alula_core::thresholds::value_text;
use alula_dsl::graph::Length;
use alula_market::calendar::ExchangeCalendar;
use alula_market::history::History;
use alula_market::series::BarSize;
use alula_market::time::{Date, Instant};
use alula_run::Act;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// Runs that a counter-example may cost.
pub const RUNS_MAX: usize = 400;
/// Sessions before a written case, for windows that warm up.
const BEFORE: usize = 60;
/// Slants of the smile that are tried, in vol points for each 10 % below the money.
const SKEWS: [f64; 3] = [0.0, 3.0, 6.0];

/// A small case that breaks a claim.
#[derive(Clone, Debug, PartialEq)]
pub struct Shrunk {
    /// The case: it expects the claim alone.
    pub case: Case,
    /// When the claim is broken in it.
    pub at: Instant,
    /// Sessions of the case that it was made from, and its own.
    pub sessions: (usize, usize),
    /// Runs that it took.
    pub runs: usize,
    /// The case as a list item of a test file.
    pub yaml: String,
}

/// Shrinks a case that breaks a claim; `base` is the data that it names. None when the case does not break it.
#[must_use]
pub fn shrink(harness: &Harness, case: &Case, base: Option<&dyn History>, claim: usize) -> Option<Shrunk> {
    let asked = harness.claims().get(claim)?;
    let mut shrinker = Shrinker {
        harness,
        claim,
        runs: 0,
    };
    let mut best = Case {
        expect: Vec::new(),
        claims: vec![claim],
        ..case.clone()
    };
    let whole = length(&best);
    let mut at = shrinker.broken(&best, base)?;
    if best.data.is_some() && best.market.now.is_empty() && best.market.chains.is_empty() {
        shrinker.window(&mut best, &mut at, base);
        let written = base.and_then(|base| shrinker.written(&best, at, base));
        if let Some((small, broken)) = written {
            (best, at) = (small, broken);
        }
    }
    if best.data.is_none() {
        shrinker.shorten(&mut best, &mut at);
        shrinker.calm(&mut best, &mut at);
        shrinker.round(&mut best, &mut at);
        shrinker.calm(&mut best, &mut at);
    }
    let number = 1 + harness
        .claims()
        .iter()
        .take(claim)
        .filter(|c| c.never == asked.never)
        .count();
    best.name = format!("{}, counter-example {number}", case.name);
    let sessions = (whole, length(&best));
    let yaml = yaml(harness, &best, asked, case, sessions);
    Some(Shrunk {
        case: best,
        at,
        sessions,
        runs: shrinker.runs,
        yaml,
    })
}

/// Sessions (or steps) of a case.
fn length(case: &Case) -> usize {
    match &case.data {
        Some(data) => ExchangeCalendar::nyse().sessions(data.from, data.to).len(),
        None => case.market.steps,
    }
}

struct Shrinker<'a> {
    harness: &'a Harness,
    claim: usize,
    runs: usize,
}

impl Shrinker<'_> {
    /// When the claim is broken; none where it holds, or where no more runs may be made.
    fn broken(&mut self, case: &Case, base: Option<&dyn History>) -> Option<Instant> {
        if self.runs >= RUNS_MAX {
            return None;
        }
        self.runs += 1;
        self.harness.broken(case, base, self.claim)
    }

    /// Takes a smaller case when it is still broken.
    fn take(&mut self, best: &mut Case, at: &mut Instant, small: Case) -> bool {
        let Some(broken) = self.broken(&small, None) else {
            return false;
        };
        (*best, *at) = (small, broken);
        true
    }

    /// The shortest window of the data that ends with the break, found by halving.
    fn window(&mut self, best: &mut Case, at: &mut Instant, base: Option<&dyn History>) {
        let Some(data) = best.data.clone() else { return };
        let sessions = ExchangeCalendar::nyse().sessions(data.from, at.date());
        let of = |count: usize| {
            let mut case = best.clone();
            let from = sessions.iter().rev().nth(count.saturating_sub(1)).copied();
            if let (Some(data), Some(from)) = (&mut case.data, from) {
                (data.from, data.to) = (from, at.date());
                case.market.start = from;
                case.market.steps = count;
            }
            case
        };
        // The longest window that holds is below, the shortest that breaks above.
        let (mut holds, mut breaks, mut found) = (0, sessions.len(), None);
        while breaks > holds + 1 {
            // Most counter-examples are short: near sizes first.
            let middle = if holds == 0 && breaks > 8 {
                (breaks / 8).max(1)
            } else {
                usize::midpoint(holds, breaks)
            };
            let case = of(middle);
            match self.broken(&case, base) {
                Some(when) => {
                    breaks = middle;
                    found = Some((case, when));
                }
                None => holds = middle,
            }
        }
        let (case, when) = found.unwrap_or_else(|| (of(sessions.len()), *at));
        (*best, *at) = (case, when);
    }

    /// The window with its closes written down and chains computed, where that is broken too.
    fn written(&mut self, case: &Case, at: Instant, base: &dyn History) -> Option<(Case, Instant)> {
        if case.market.step != Step::Session
            || !matches!(self.harness.graph().settings.every, Length::Sessions(_))
        {
            return None;
        }
        let calendar = ExchangeCalendar::nyse();
        let from = case.data.as_ref()?.from;
        let sessions = calendar.sessions(from, at.date());
        let mut earlier: Vec<Date> = Vec::new();
        let mut day = calendar.previous_session(from);
        while let (Some(date), true) = (day, earlier.len() < BEFORE) {
            earlier.push(date);
            day = calendar.previous_session(date);
        }
        earlier.reverse();
        let plan = self.harness.subject().plan;
        let ids: BTreeSet<&str> = plan
            .series()
            .iter()
            .map(|n| n.id.as_str())
            .chain(plan.chains().iter().map(String::as_str))
            .chain(["VIX"])
            .collect();
        let mut small = case.clone();
        small.data = None;
        small.market.steps = sessions.len();
        for id in ids {
            let Ok(Some(series)) = base.series(id, BarSize::Session) else {
                continue;
            };
            let closes: BTreeMap<Date, f64> = series
                .date
                .iter()
                .zip(&series.close)
                .filter_map(|(d, c)| Some((*d, (*c)?)))
                .collect();
            let of = |days: &[Date]| Fields {
                close: days.iter().map(|d| closes.get(d).copied()).collect(),
                ..Fields::default()
            };
            small.market.now.insert(id.to_owned(), of(sessions));
            small.market.before.insert(id.to_owned(), of(&earlier));
        }
        for skew in SKEWS {
            for underlying in plan.chains() {
                let spec = ChainSpec {
                    listed: underlying != "VIX",
                    skew,
                    spot: None,
                    vol: VolSource::Series("VIX".to_owned(), ChainSpec::VOL),
                    ..ChainSpec::default()
                };
                small.market.chains.insert(underlying.clone(), spec);
            }
            if let Some(broken) = self.broken(&small, None) {
                return Some((small, broken));
            }
        }
        None
    }

    /// Leaves out what comes after the break, then steps from the front, then the sessions before.
    fn shorten(&mut self, best: &mut Case, at: &mut Instant) {
        let ends = crate::market::instants(best.market.start, best.market.step, best.market.steps);
        if let Some(last) = ends.iter().position(|t| t == at).filter(|n| n + 1 < ends.len()) {
            let mut small = best.clone();
            cut(&mut small, 0, last + 1);
            self.take(best, at, small);
        }
        let mut drop = best.market.steps / 2;
        while drop > 0 {
            let mut small = best.clone();
            let starts = crate::market::instants(small.market.start, small.market.step, drop + 1);
            // A day of minutes begins with its first bar.
            let whole = small.market.step == Step::Session && drop < small.market.steps;
            if let Some(start) = starts.get(drop).filter(|_| whole) {
                small.market.start = start.date();
                cut(&mut small, drop, best.market.steps - drop);
                if self.take(best, at, small) {
                    drop = drop.min(best.market.steps.saturating_sub(1));
                    continue;
                }
            }
            drop /= 2;
        }
        for id in best.market.before.keys().cloned().collect::<Vec<_>>() {
            let mut small = best.clone();
            small.market.before.remove(&id);
            self.take(best, at, small);
        }
    }

    /// Holds values where they were, in large pieces first, and leaves out what nothing asks for.
    fn calm(&mut self, best: &mut Case, at: &mut Instant) {
        for before in [true, false] {
            let of = |case: &Case| {
                if before {
                    case.market.before.clone()
                } else {
                    case.market.now.clone()
                }
            };
            for id in of(best).keys().cloned().collect::<Vec<_>>() {
                let count = of(best).get(&id).map_or(0, |f| f.close.len());
                let mut piece = count;
                while piece > 0 {
                    let mut from = 0;
                    while from < count {
                        let mut small = best.clone();
                        let all = if before {
                            &mut small.market.before
                        } else {
                            &mut small.market.now
                        };
                        if let Some(fields) = all.get_mut(&id)
                            && still(&mut fields.close, from, piece)
                        {
                            self.take(best, at, small);
                        }
                        from += piece;
                    }
                    piece /= 2;
                }
            }
        }
    }

    /// Rounder numbers.
    fn round(&mut self, best: &mut Case, at: &mut Instant) {
        for id in best.market.now.keys().cloned().collect::<Vec<_>>() {
            for to in [100.0, 50.0, 10.0, 5.0, 1.0, 0.5, 0.1, 0.01] {
                let mut small = best.clone();
                let both = [small.market.now.get_mut(&id), small.market.before.get_mut(&id)];
                let mut changed = false;
                for value in both.into_iter().flatten().flat_map(|f| &mut f.close).flatten() {
                    // Parts of ten have no exact form: the quotient rounds to what is written.
                    let round = if to < 1.0 {
                        (*value / to).round() / (1.0 / to).round()
                    } else {
                        (*value / to).round() * to
                    };
                    // No price and no index is nothing.
                    if round != 0.0 {
                        changed |= round.to_bits() != value.to_bits();
                        *value = round;
                    }
                }
                if !changed || self.take(best, at, small) {
                    break;
                }
            }
        }
    }
}

/// Keeps `count` steps from `from` on.
fn cut(case: &mut Case, from: usize, count: usize) {
    let keep = |column: &mut Vec<Option<f64>>| {
        *column = column.iter().skip(from).take(count).copied().collect();
    };
    for fields in case.market.now.values_mut() {
        keep(&mut fields.close);
        let others = [
            &mut fields.open,
            &mut fields.high,
            &mut fields.low,
            &mut fields.volume,
        ];
        others.into_iter().flatten().for_each(keep);
    }
    for chain in case.market.chains.values_mut() {
        if let VolSource::Path(path) = &mut chain.vol {
            keep(path);
        }
    }
    case.market
        .quotes
        .retain(|q| q.to >= from && q.from < from + count);
    for quote in &mut case.market.quotes {
        quote.from = quote.from.saturating_sub(from);
        quote.to = quote.to.saturating_sub(from).min(count.saturating_sub(1));
    }
    case.market.steps = count;
}

/// Sets a piece to the value before it (its own first one at the front). Whether anything changed.
fn still(values: &mut [Option<f64>], from: usize, count: usize) -> bool {
    let Some(held) = values.get(from.saturating_sub(1)).copied() else {
        return false;
    };
    let mut changed = false;
    for value in values.iter_mut().skip(from).take(count) {
        changed |= *value != held;
        *value = held;
    }
    changed
}

/// The case as a list item of a test file; empty where a part of it cannot be written.
fn yaml(harness: &Harness, case: &Case, claim: &Claim, from: &Case, sessions: (usize, usize)) -> String {
    let mut out = String::new();
    let market = match from.data.as_ref().map(|d| &d.source) {
        Some(DataSource::Simulated(seed)) => format!("simulated market, seed {seed}"),
        Some(DataSource::Store(path)) => format!("data of {path}"),
        None => "a written market".to_owned(),
    };
    // Writing to a string cannot fail.
    let _ = writeln!(
        out,
        "  # Found in: {market}; {} of {} sessions are left.",
        sessions.1, sessions.0
    );
    let _ = writeln!(out, "  - name: {}", quoted(&case.name));
    if let Some(data) = &case.data {
        let source = match &data.source {
            DataSource::Simulated(seed) => format!("simulated: {seed}"),
            DataSource::Store(path) => format!("store: {}", quoted(path)),
        };
        let _ = writeln!(
            out,
            "    data: {{{source}, from: {}, to: {}}}",
            data.from, data.to
        );
    } else {
        let _ = writeln!(out, "    start: {}", case.market.start);
        if let Step::Minutes(m) = case.market.step {
            let _ = writeln!(out, "    step: {m}m");
        }
        let _ = writeln!(out, "    steps: {}", case.market.steps);
    }
    for (word, all) in [("series", &case.market.now), ("before", &case.market.before)] {
        if !all.is_empty() {
            let each: Vec<String> = all
                .iter()
                .map(|(id, f)| format!("{}: {}", quoted(id), notation(&f.close)))
                .collect();
            let _ = writeln!(out, "    {word}: {{{}}}", each.join(", "));
        }
    }
    let chains: Vec<String> = case
        .market
        .chains
        .iter()
        .filter(|(_, c)| c.listed)
        .map(|(id, c)| chain(id, c))
        .collect();
    if !chains.is_empty() {
        let _ = writeln!(out, "    chain: {{{}}}", chains.join(", "));
    }
    let subject = harness.subject();
    let defs = subject.graph.thresholds.iter();
    let moved: Vec<String> = defs
        .zip(subject.thresholds)
        .zip(&case.thresholds)
        .filter(|((_, was), now)| was.to_bits() != now.to_bits())
        .map(|((def, _), now)| format!("{}: {}", def.name, quoted(&value_text(*now, def.suffix))))
        .collect();
    if !moved.is_empty() {
        let _ = writeln!(out, "    thresholds: {{{}}}", moved.join(", "));
    }
    if let Some(dollars) = case.capital {
        let _ = writeln!(out, "    capital: {dollars}");
    }
    if !case.acts.is_empty() {
        let _ = writeln!(out, "    overlays: {{{}}}", spoken(case).join(", "));
    }
    let _ = writeln!(out, "    {}: {}", claim.word(), quoted(&claim.text));
    // Events and quotes of the original are not written here.
    let whole = case.market.quotes.is_empty() && case.market.events.is_empty();
    let plain = |f: &Fields| f.open.is_none() && f.high.is_none() && f.low.is_none() && f.volume.is_none();
    let plain = case
        .market
        .now
        .values()
        .chain(case.market.before.values())
        .all(plain);
    if whole && plain { out } else { String::new() }
}

fn chain(id: &str, chain: &ChainSpec) -> String {
    let vol = match &chain.vol {
        VolSource::Series(id, _) => id.clone(),
        VolSource::Path(path) => notation(path),
    };
    let spot = chain.spot.map_or_else(String::new, |s| format!(", spot: {s}"));
    let spread = chain.spread * 100.0;
    format!(
        "{id}: {{vol: {vol}, skew: {}, spread: {}%{spot}}}",
        chain.skew,
        (spread * 1e6).round() / 1e6
    )
}

/// `16x5 20 _x2`
fn notation(values: &[Option<f64>]) -> String {
    let mut parts: Vec<(Option<f64>, usize)> = Vec::new();
    for value in values {
        match parts.last_mut() {
            Some((held, count)) if held == value => *count += 1,
            _ => parts.push((*value, 1)),
        }
    }
    let text = |v: &Option<f64>| v.map_or("_".to_owned(), |v| format!("{v}"));
    let words: Vec<String> = parts
        .iter()
        .map(|(v, n)| match n {
            1 => text(v),
            n => format!("{}x{n}", text(v)),
        })
        .collect();
    // YAML reads `0x2` as a number of its own.
    let text = words.join(" ");
    if text.starts_with("0x") {
        format!("\"{text}\"")
    } else {
        text
    }
}

/// Text as a YAML scalar within braces.
fn quoted(text: &str) -> String {
    let plain = |c: char| {
        c.is_alphanumeric()
            || matches!(
                c,
                ' ' | '_' | '.' | '/' | '(' | ')' | '%' | '<' | '>' | '=' | '$' | '*' | '+'
            )
    };
    let head = text
        .chars()
        .next()
        .is_some_and(|c| c.is_alphabetic() || c.is_ascii_digit());
    if head && text.chars().all(plain) && text.trim() == text {
        return text.to_owned();
    }
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// What an operator says in a case, by moment, as it is written.
fn spoken(case: &Case) -> Vec<String> {
    let mut moments: Vec<(Moment, Vec<String>)> = Vec::new();
    for (moment, act) in &case.acts {
        let text = match act {
            Act::Add { instruction, .. } => instruction.to_string(),
            other => other.text(),
        };
        match moments.iter_mut().find(|(m, _)| m == moment) {
            Some((_, texts)) => texts.push(text),
            None => moments.push((*moment, vec![text])),
        }
    }
    let when = |moment: Moment| match moment {
        Moment::First | Moment::Every => "first".to_owned(),
        Moment::Last => "last".to_owned(),
        Moment::Step(n) => n.to_string(),
        Moment::Day(date) => date.to_string(),
        Moment::At(at) => at.eastern().format("%Y-%m-%d %H:%M").to_string(),
    };
    let entry = |(moment, texts): (Moment, Vec<String>)| format!("{}: [{}]", when(moment), texts.join(", "));
    moments.into_iter().map(entry).collect()
}
