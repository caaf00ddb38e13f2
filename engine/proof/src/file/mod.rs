//! Reading `x.test.yaml`: strictly, every name known to the strategy, every finding with line and column.
//!
//! ```yaml
//! strategy: my_condor
//! defaults:                     # what every case starts from; a case says what differs
//!   start: 2024-01-16
//! cases:
//!   - name: no new condor in a panic
//!     series:
//!       VIX: 28+4x4             # one value per step; `SPX.high` for other fields than the close
//!     before:
//!       VIX: 18x30              # sessions before the first step
//!     thresholds: {vix_ceiling: 35 vol}
//!     capital: $5_000_000       # in the place of the strategy's
//!     events: {fomc: [2024-01-31]}
//!     chain: {SPX: flat 18 vol}
//!     overlays: {2: pause core, 4: drop 1}   # what an operator says, by step or date; one, or a list of them
//!     expect:
//!       - at: first             # first, last, every, 3, 2024-01-18, 2024-01-18 15:45
//!         orders: [income.open]
//!       - at: last
//!         not: [income.open]
//!         because: [crisis]
//!         unknown: [curve]
//!         positions: {core: 1}
//! ```

mod expect;
mod market;

use crate::property::{CONDITIONS_MAX, Claim};
use crate::spec::{Case, DataSource, Expectation, Moment};
use alula_core::operator::Instruction;
use alula_core::plan::Plan;
use alula_core::why::keys;
use alula_dsl::graph::{Graph, StructureDef};
use alula_market::curve;
use alula_run::Act;
use alula_yaml::{Entry, Finding, Limits, Node, Place, near, read as yaml};
use std::collections::{BTreeMap, BTreeSet};

/// Cases of one file.
pub const CASES_MAX: usize = 5_000;
/// Largest capital of a case, in dollars.
pub const CAPITAL_MAX: f64 = 1e12;
/// Steps of one case.
pub const STEPS_MAX: usize = 5_000;
/// What a test file may be at most.
pub const LIMITS: Limits = Limits {
    bytes: 4 * 1024 * 1024,
    depth: 10,
    nodes: 400_000,
};

const TOP: [&str; 5] = ["strategy", "snapshots", "excused", "defaults", "cases"];
const MARKET: [&str; 11] = [
    "start",
    "step",
    "steps",
    "thresholds",
    "capital",
    "series",
    "before",
    "events",
    "chain",
    "quotes",
    "data",
];
const EXPECT: [&str; 7] = ["at", "orders", "because", "not", "unknown", "positions", "layers"];

/// A strategy as tests see it.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// Its graph.
    pub graph: &'a Graph,
    /// The graph linked, for the names of series that it reads.
    pub plan: &'a Plan,
    /// Threshold values that a case starts from, canonical scale.
    pub thresholds: &'a [f64],
}

impl<'a> Subject<'a> {
    /// Ids of series that a case may give.
    fn series(&self) -> BTreeSet<&'a str> {
        let needs = self.plan.series().iter().map(|n| n.id.as_str());
        let chains = self.plan.chains().iter().map(String::as_str);
        let linear = self.plan.linear();
        let months = linear
            .roots
            .iter()
            .flat_map(|r| curve::place_names(*r).iter().copied());
        let shares = linear.shares.iter().map(|s| s.symbol());
        needs
            .chain(chains)
            .chain(months)
            .chain(shares)
            .chain(["SPX", "VIX"])
            .collect()
    }

    /// Keys of rules and guards, and of every named node.
    pub(crate) fn names(&self) -> Vec<&'a str> {
        let rules = keys(self.graph).into_iter().map(|(k, _)| k);
        let nodes = self.graph.nodes.iter().map(|n| n.key.as_str());
        rules.chain(nodes.filter(|k| !k.is_empty())).collect()
    }

    fn structures(&self) -> &'a [StructureDef] {
        &self.graph.structures
    }
}

/// A test file.
#[derive(Clone, Debug, PartialEq)]
pub struct TestFile {
    /// The explanation of each case is kept beside the file and compared.
    pub snapshots: bool,
    /// Cases in textual order; one for each seed where a case names several.
    pub cases: Vec<Case>,
    /// What cases say must hold at every tick, each once.
    pub claims: Vec<Claim>,
    /// Rules, guards and layers whose coverage is not asked for, by key, with the reason.
    pub excused: BTreeMap<String, String>,
}

/// `excused: {book.0: "one lot cannot reach it"}`.
fn excused(node: &Node, subject: &Subject<'_>, found: &mut Vec<Finding>) -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    let entries = match node.map("`excused`") {
        Ok(entries) => entries,
        Err(f) => {
            found.push(f);
            return out;
        }
    };
    let known: Vec<&str> = keys(subject.graph).into_iter().map(|(k, _)| k).collect();
    for entry in entries {
        if !known.contains(&entry.name.as_str()) {
            found.push(unknown("rule, guard or layer", &entry.name, entry.place, &known));
            continue;
        }
        match entry.value.text("a reason") {
            Ok(reason) if !reason.trim().is_empty() => {
                out.insert(entry.name.clone(), reason.trim().to_owned());
            }
            Ok(_) => found.push(Finding::new(
                entry.value.place,
                format!("`{}` is excused without a reason", entry.name),
                "whoever reads the coverage wants to know why",
                format!("write `{}: \"one lot cannot reach it\"`", entry.name),
            )),
            Err(f) => found.push(f),
        }
    }
    out
}

/// Reads a test file.
///
/// # Errors
/// Everything that must be changed, in order of position.
pub fn read(bytes: &[u8], subject: &Subject<'_>) -> Result<TestFile, Vec<Finding>> {
    let document = yaml(bytes, LIMITS).map_err(|f| vec![f])?;
    let start = Place { line: 1, column: 1 };
    let Some(root) = &document.root else {
        let message = "the file holds no cases";
        let fix = "write `cases:` and one `- name: …` for each; `alula new NAME` writes an example";
        return Err(vec![Finding::new(
            start,
            message,
            "a test that asserts nothing proves nothing",
            fix,
        )]);
    };
    let mut found = Vec::new();
    let top = root.fields("a test file", &TOP)?;
    if let Some(named) = top.get("strategy") {
        let name = &subject.graph.settings.name;
        match named.text("`strategy`") {
            Ok(text) if text != name => found.push(Finding::new(
                named.place,
                format!("`{text}` is another strategy"),
                "the file says which strategy its cases were written for",
                format!("write `strategy: {name}`, or give the file that belongs to it"),
            )),
            Ok(_) => {}
            Err(f) => found.push(f),
        }
    }
    let snapshots = match top.get("snapshots").map(|n| n.boolean("`snapshots`")) {
        None => false,
        Some(Ok(wanted)) => wanted,
        Some(Err(f)) => {
            found.push(f);
            false
        }
    };
    let excused = top
        .get("excused")
        .map(|node| excused(node, subject, &mut found))
        .unwrap_or_default();
    let defaults: &[Entry] = match top.get("defaults") {
        None => &[],
        Some(node) => match node.fields("`defaults`", &MARKET) {
            Ok(_) => node.map("`defaults`").unwrap_or_default(),
            Err(findings) => {
                found.extend(findings);
                &[]
            }
        },
    };
    let list = top
        .require("cases", "the file", "cases:")
        .and_then(|n| n.list("`cases`"));
    let list = match list {
        Ok(list) => list,
        Err(f) => {
            found.push(f);
            return Err(found);
        }
    };
    if list.len() > CASES_MAX {
        let message = format!("the file has {} cases, the limit is {CASES_MAX}", list.len());
        found.push(Finding::new(
            start,
            message,
            "a file is read as a whole",
            "divide it into several files",
        ));
        return Err(found);
    }
    let mut cases = Vec::with_capacity(list.len());
    let mut claims = Vec::new();
    let mut names = BTreeSet::new();
    for node in list {
        match case(node, defaults, subject, snapshots, &mut claims) {
            Ok((case, seeds)) => {
                if names.insert(case.name.clone()) {
                    cases.extend(by_seed(case, &seeds));
                } else {
                    found.push(Finding::new(
                        case.place,
                        format!("there is a case `{}` already", case.name),
                        "a case is known by its name",
                        "give it another name",
                    ));
                }
            }
            Err(findings) => found.extend(findings),
        }
    }
    if cases.is_empty() && found.is_empty() {
        found.push(Finding::new(
            start,
            "the file holds no cases",
            "a test that asserts nothing proves nothing",
            "write one `- name: …` below `cases:`",
        ));
    }
    if found.is_empty() {
        return Ok(TestFile {
            snapshots,
            cases,
            claims,
            excused,
        });
    }
    found.sort_by_key(|f| (f.line, f.column));
    found.dedup();
    Err(found)
}

/// A case's own entries before the file's defaults.
#[derive(Clone, Copy)]
struct Layers<'a> {
    own: &'a [Entry],
    defaults: &'a [Entry],
}

impl<'a> Layers<'a> {
    fn entry(self, name: &str) -> Option<&'a Entry> {
        let find = |entries: &'a [Entry]| entries.iter().find(|e| e.name == name);
        find(self.own).or_else(|| find(self.defaults))
    }

    fn get(self, name: &str) -> Option<&'a Node> {
        self.entry(name).map(|e| &e.value).filter(|n| !n.is_null())
    }

    /// Entries of a mapping, the case's own in the place of defaults of the same name.
    fn merged(self, name: &str, found: &mut Vec<Finding>) -> Vec<&'a Entry> {
        let mut out: Vec<&'a Entry> = Vec::new();
        for layer in [self.defaults, self.own] {
            let entry = layer.iter().find(|e| e.name == name);
            let Some(node) = entry.map(|e| &e.value).filter(|n| !n.is_null()) else {
                continue;
            };
            match node.map(&format!("`{name}`")) {
                Ok(entries) => {
                    for entry in entries {
                        out.retain(|held| held.name != entry.name);
                        out.push(entry);
                    }
                }
                Err(f) => found.push(f),
            }
        }
        out
    }
}

/// A case for each seed, named after it where there are several.
fn by_seed(case: Case, seeds: &[u64]) -> Vec<Case> {
    if seeds.len() < 2 {
        return vec![case];
    }
    let one = |seed: &u64| {
        let mut case = case.clone();
        case.name = format!("{} (seed {seed})", case.name);
        if let Some(data) = &mut case.data {
            data.source = DataSource::Simulated(*seed);
        }
        case
    };
    seeds.iter().map(one).collect()
}

/// The claims below `always` or `never`: a condition, or a list of them. Equal ones are watched once.
fn claimed(layers: Layers<'_>, all: &mut Vec<Claim>, found: &mut Vec<Finding>) -> Vec<usize> {
    let mut out = Vec::new();
    for (word, never) in [("always", false), ("never", true)] {
        let Some(node) = layers.own.iter().find(|e| e.name == word).map(|e| &e.value) else {
            continue;
        };
        let nodes: Vec<&Node> = match node.list("") {
            Ok(list) => list.iter().collect(),
            Err(_) => vec![node],
        };
        for node in nodes {
            let text = node.text(&format!("`{word}`"));
            match text.and_then(|text| Claim::new(text, never, node.place)) {
                Ok(claim) => {
                    let known = all.iter().position(|c| c.text == claim.text && c.never == never);
                    out.push(known.unwrap_or(all.len()));
                    if known.is_none() {
                        all.push(claim);
                    }
                }
                Err(f) => found.push(f),
            }
        }
        if all.len() > CONDITIONS_MAX {
            let what = format!("the file has more than {CONDITIONS_MAX} conditions");
            found.push(Finding::new(
                node.place,
                what,
                "each is evaluated at every tick",
                "divide the file",
            ));
        }
    }
    out
}

fn case(
    node: &Node,
    defaults: &[Entry],
    subject: &Subject<'_>,
    snapshots: bool,
    claims: &mut Vec<Claim>,
) -> Result<(Case, Vec<u64>), Vec<Finding>> {
    let known: Vec<&str> = ["name", "expect", "always", "never", "overlays"]
        .into_iter()
        .chain(MARKET)
        .chain(EXPECT)
        .collect();
    let fields = node.fields("a case", &known)?;
    let mut found = Vec::new();
    let name = fields
        .require("name", "the case", "name: no new condor in a panic")
        .and_then(|n| n.text("`name`"));
    let name = match name {
        Ok(name) if !name.trim().is_empty() && name.len() <= 200 && !name.contains('\n') => name.to_owned(),
        Ok(_) => {
            let fix = "write a line of words, 200 characters at most";
            found.push(Finding::new(
                node.place,
                "the name of the case is no line of words",
                "reports and snapshots are named after it",
                fix,
            ));
            String::new()
        }
        Err(f) => {
            found.push(f);
            String::new()
        }
    };
    let layers = Layers {
        own: node.map("a case").unwrap_or_default(),
        defaults,
    };
    let thresholds = thresholds(layers, subject, &mut found);
    let capital = capital(layers, &mut found);
    let (market, data, seeds) = market::read(layers, subject, node.place, &mut found);
    let claims = claimed(layers, claims, &mut found);
    let acts = spoken(layers, subject, &mut found);
    let mut expect = Vec::new();
    expectations(layers, subject, node.place, &mut expect, &mut found);
    // With a snapshot the explanation itself is what is expected.
    if expect.is_empty() && claims.is_empty() && found.is_empty() && !snapshots {
        found.push(Finding::new(
            node.place,
            "the case expects nothing",
            "a test that asserts nothing proves nothing",
            "write `at: last` and `orders: []`, or what else must be decided",
        ));
    }
    if found.is_empty() {
        let case = Case {
            name,
            place: node.place,
            market,
            data,
            thresholds,
            capital,
            acts,
            expect,
            claims,
        };
        return Ok((case, seeds));
    }
    Err(found)
}

/// `overlays: {2: pause core, 4: [drop 1, close core]}`: what an operator says, by the moment from which it counts.
fn spoken(layers: Layers<'_>, subject: &Subject<'_>, found: &mut Vec<Finding>) -> Vec<(Moment, Act)> {
    const WHY: &str = "an operator speaks at a moment of the case";
    let mut out = Vec::new();
    let mut number = 0_u32;
    for entry in layers.merged("overlays", found) {
        let moment = match expect::moment_of(&entry.name, entry.place) {
            Ok(moment) => moment,
            Err(f) => {
                found.push(f);
                continue;
            }
        };
        let nodes: Vec<&Node> = match entry.value.list("`overlays`") {
            Ok(items) => items.iter().collect(),
            Err(_) => vec![&entry.value],
        };
        for node in nodes {
            let text = match node.text("an overlay") {
                Ok(text) => text,
                Err(f) => {
                    found.push(f);
                    continue;
                }
            };
            let act = match Act::parse(text) {
                Some(act @ (Act::Halt(_) | Act::Resume)) => Ok(act),
                Some(Act::Drop(n)) if (1..=number).contains(&n) => Ok(Act::Drop(n)),
                Some(Act::Drop(n)) => Err((
                    format!("no overlay {n} was added before"),
                    "overlays are counted from 1 in the order in which they are written".to_owned(),
                )),
                Some(Act::Add { .. } | Act::Repair { .. }) | None => Instruction::parse(text)
                    .and_then(|i| i.fits(subject.graph).map(|()| i))
                    .map(|instruction| {
                        number = number.saturating_add(1);
                        Act::Add { number, instruction }
                    })
                    .map_err(|e| (e.what, e.help)),
            };
            match act {
                Ok(act) => out.push((moment, act)),
                Err((what, fix)) => found.push(Finding::new(node.place, what, WHY, fix)),
            }
        }
    }
    out
}

fn thresholds(layers: Layers<'_>, subject: &Subject<'_>, found: &mut Vec<Finding>) -> Vec<f64> {
    let mut values = subject.thresholds.to_vec();
    for entry in layers.merged("thresholds", found) {
        let defs = &subject.graph.thresholds;
        let Some((def, slot)) = defs
            .iter()
            .zip(&mut values)
            .find(|(def, _)| def.name == entry.name)
        else {
            let names: Vec<&str> = defs.iter().map(|d| d.name.as_str()).collect();
            found.push(unknown("threshold", &entry.name, entry.place, &names));
            continue;
        };
        let text = match entry.value.text(&format!("`{}`", entry.name)) {
            Ok(text) => text,
            Err(f) => {
                found.push(f);
                continue;
            }
        };
        match alula_core::thresholds::value(text, def, entry.value.place) {
            Ok(value) => *slot = value,
            Err(wrong) => found.push(wrong),
        }
    }
    values
}

/// `capital: $5_000_000`: what the account begins with.
fn capital(layers: Layers<'_>, found: &mut Vec<Finding>) -> Option<f64> {
    let node = layers.get("capital")?;
    let text = match node.text("`capital`") {
        Ok(text) => text,
        Err(f) => {
            found.push(f);
            return None;
        }
    };
    let digits = text.trim().trim_start_matches('$').replace('_', "");
    let dollars = digits.parse().ok().filter(|d| (1.0..=CAPITAL_MAX).contains(d));
    if dollars.is_none() {
        found.push(Finding::new(
            node.place,
            format!("`{text}` is no capital"),
            "an account begins with an amount of dollars",
            "write dollars, such as `capital: $5_000_000`",
        ));
    }
    dollars
}

/// The list below `expect`, and what a case says of one tick without it.
fn expectations(
    layers: Layers<'_>,
    subject: &Subject<'_>,
    place: Place,
    out: &mut Vec<Expectation>,
    found: &mut Vec<Finding>,
) {
    let own = Layers {
        defaults: &[],
        ..layers
    };
    let inline = EXPECT.iter().any(|k| own.entry(k).is_some());
    if inline {
        expect::read(own.own, subject, place, out, found);
    }
    let Some(node) = own.get("expect") else { return };
    match node.list("`expect`") {
        Ok(list) => {
            for item in list {
                match item.fields("an expectation", &EXPECT) {
                    Ok(_) => {
                        let entries = item.map("an expectation").unwrap_or_default();
                        expect::read(entries, subject, item.place, out, found);
                    }
                    Err(findings) => found.extend(findings),
                }
            }
        }
        Err(f) => found.push(f),
    }
}

/// A name that the strategy does not have.
fn unknown(what: &str, name: &str, place: Place, known: &[&str]) -> Finding {
    let fix = near(name, known.iter().copied()).map_or_else(
        || {
            if known.is_empty() {
                format!("the strategy has no {what}")
            } else {
                let shown: Vec<&str> = known.iter().copied().take(20).collect();
                let more = if known.len() > shown.len() { ", …" } else { "" };
                format!("the strategy has {}{more}", shown.join(", "))
            }
        },
        |candidate| format!("did you mean `{candidate}`?"),
    );
    Finding::new(
        place,
        format!("the strategy has no {what} `{name}`"),
        "a test of a name that does not exist would pass for ever",
        fix,
    )
}
