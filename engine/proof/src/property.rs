//! What must hold at every tick of a case: `always: vega(book) in -$8_000..$2_000`, `never: short options naked`.
//!
//! A condition is written in the strategy's own language and read by its own compiler: it becomes the requirement of a guard
//! that only speaks (`else alert`), added below the strategy's text. So it may use everything that a guard may (thresholds,
//! signals, the book), and is evaluated by the engine like every other condition. Decisions do not change by it.

use alula_dsl::compile::compile;
use alula_dsl::diagnostic::Severity;
use alula_dsl::graph::{Graph, NodeId};
use alula_dsl::source::SourceLoader;
use alula_market::time::{Date, Instant};
use alula_run::output::TradeRow;
use alula_yaml::{Finding, Place};
use std::collections::{BTreeMap, BTreeSet};

/// Words that ask for covered options; not an expression, because it is about contracts.
pub const NAKED: &str = "short options naked";
/// Conditions of one file.
pub const CONDITIONS_MAX: usize = 200;
/// Characters of a condition.
const CHARS_MAX: usize = 2_000;

/// Something that must hold throughout a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// As written.
    pub text: String,
    /// It must never be true; else it must always be.
    pub never: bool,
    /// Where written.
    pub place: Place,
}

impl Claim {
    /// `always` or `never`.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        if self.never { "never" } else { "always" }
    }

    /// It is about sold contracts that nothing covers.
    #[must_use]
    pub fn is_naked(&self) -> bool {
        self.never && self.text.split_whitespace().eq(NAKED.split(' '))
    }

    /// Reads the text of a claim.
    ///
    /// # Errors
    /// When it cannot be one.
    pub(crate) fn new(text: &str, never: bool, place: Place) -> Result<Self, Finding> {
        let claim = Self {
            text: text.trim().to_owned(),
            never,
            place,
        };
        if !never && text.split_whitespace().eq(NAKED.split(' ')) {
            let what = "`short options naked` can only be asked for never to be so";
            return Err(Finding::new(
                place,
                what,
                "no strategy is naked at every tick",
                "write `never: short options naked`",
            ));
        }
        let one_line = !text.trim().is_empty() && !text.contains(['\n', '\r']);
        if !one_line || text.chars().count() > CHARS_MAX {
            let fix = "write one condition, such as `always: vega(book) in -$8_000..$2_000`";
            return Err(Finding::new(
                place,
                "this is no condition",
                "it is one line of the language",
                fix,
            ));
        }
        Ok(claim)
    }
}

/// How the names of the guards begin that watch conditions.
const GUARDS: &str = "condition_of_the_tests_";

/// Name of the guard that watches a condition; no file can declare it twice.
fn guard(index: usize) -> String {
    format!("{GUARDS}{}", index + 1)
}

/// Nodes that the claims of a watched graph read, directly or through others.
pub(crate) fn read_by_claims(graph: &Graph) -> BTreeSet<NodeId> {
    let guards = graph.guards.iter().filter(|g| g.key.starts_with(GUARDS));
    let mut left: Vec<NodeId> = guards.map(|g| g.require).collect();
    let mut read = BTreeSet::new();
    while let Some(id) = left.pop() {
        if read.insert(id) {
            left.extend(graph.node(id).map(|n| n.inputs.as_slice()).unwrap_or_default());
        }
    }
    read
}

/// Key of the guard's one rule.
pub(crate) fn key(index: usize) -> String {
    format!("{}.0", guard(index))
}

/// The strategy's graph with a guard for each claim that is a condition.
///
/// # Errors
/// What the compiler says about a condition, at its place in the test file.
pub fn watched(
    name: &str,
    strategy: &[u8],
    loader: &dyn SourceLoader,
    claims: &[Claim],
) -> Result<Graph, Vec<Finding>> {
    let mut text = String::from_utf8_lossy(strategy).into_owned();
    text.push('\n');
    // Where the condition of each claim begins, and where its guard ends.
    let mut spans: Vec<(usize, usize, &Claim)> = Vec::new();
    let mut guards = 0;
    for (index, claim) in claims.iter().enumerate().filter(|(_, c)| !c.is_naked()) {
        let (open, close) = if claim.never { ("not (", ")") } else { ("", "") };
        let start = text.len();
        text.push_str(&format!(
            "guard {} {{ require {open}{}{close} else alert \"{} of the tests\" unknown hold }}\n",
            guard(index),
            claim.text,
            claim.word()
        ));
        spans.push((start, text.len(), claim));
        guards += 1;
    }
    let compiled = compile(name, text.as_bytes(), loader);
    let mut found = Vec::new();
    for d in compiled
        .diagnostics
        .iter()
        .filter(|d| d.severity == Severity::Error)
    {
        let at = usize::try_from(d.primary.span.start).unwrap_or(usize::MAX);
        let claim = spans.iter().find(|(start, end, _)| (*start..*end).contains(&at));
        // An error elsewhere was reported with the strategy.
        if let Some((_, _, claim)) = claim {
            let fix = d
                .help
                .clone()
                .unwrap_or_else(|| format!("`alula explain {}` says more", d.code));
            let what = format!("`{}` cannot be asked: {} ({})", claim.text, d.message, d.code);
            found.push(Finding::new(
                claim.place,
                what,
                "it is read as the requirement of a guard",
                fix,
            ));
        }
    }
    let declared = |g: &Graph| g.guards.iter().filter(|r| r.key.starts_with(GUARDS)).count();
    match compiled.graph {
        Some(graph) if found.is_empty() && declared(&graph) == guards => Ok(graph),
        _ => {
            if found.is_empty() {
                let place = claims.first().map_or(Place { line: 1, column: 1 }, |c| c.place);
                let what = "the conditions cannot be read together with the strategy";
                found.push(Finding::new(
                    place,
                    what,
                    "one of them closes a bracket that it does not open",
                    "write one condition each",
                ));
            }
            found.dedup();
            Err(found)
        }
    }
}

/// The first instant at which more options of a root, expiry and right are sold than bought, with what is held of them.
pub(crate) fn naked(trades: &[TradeRow]) -> Option<(Instant, String)> {
    let mut held: BTreeMap<(&str, Date, &str), BTreeMap<i64, i64>> = BTreeMap::new();
    let mut next = trades.iter().peekable();
    while let Some(trade) = next.next() {
        for leg in &trade.legs {
            let of = held.entry((&leg.root, leg.expiry, &leg.right)).or_default();
            *of.entry(leg.strike.0).or_insert(0) += leg.ratio * i64::from(trade.lots);
        }
        // What fills at one instant stands together.
        if next.peek().is_some_and(|n| n.at == trade.at) {
            continue;
        }
        let bare = held.iter().find(|(_, of)| of.values().sum::<i64>() < 0);
        if let Some(((root, expiry, right), of)) = bare {
            let (mut sold, mut bought) = (0, 0);
            for n in of.values() {
                if *n < 0 { sold -= n } else { bought += n }
            }
            let words = format!("{sold} {root} {expiry} {right}s are sold and {bought} bought");
            return Some((trade.at, words));
        }
    }
    None
}
