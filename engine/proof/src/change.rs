//! What a changed explanation means: which decisions differ, when, and because of which condition.
//!
//! Two explanations of one case are compared tick by tick and rule by rule. Where a rule decided otherwise, the parts of
//! its condition that read or said something else are named, with their values before and now.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Tick as written.
    pub at: String,
    /// Rule as written, with its position.
    pub rule: String,
    /// What came of it before; empty for nothing.
    pub before: String,
    /// What comes of it now; empty for nothing.
    pub now: String,
    /// Parts of the condition that changed: before and now.
    pub parts: Vec<(String, String)>,
}

/// A rule's lines at a tick.
#[derive(Clone, Debug, Default)]
struct Block {
    outcome: String,
    parts: Vec<String>,
}

type Told = BTreeMap<(String, String), Block>;

/// The tick lines, and below them the rules with their parts and outcomes, of an explanation.
fn parse(text: &str) -> Told {
    let mut out: Told = BTreeMap::new();
    let mut at = String::new();
    let mut rule: Option<String> = None;
    for line in text.lines() {
        let indent = line.len() - line.trim_start().len();
        let said = line.trim();
        match indent {
            2 => {
                at = said.to_owned();
                rule = None;
            }
            4 => {
                // A rule and what came of it, or, for one that called for nothing, the part that decided.
                let (name, rest) = said.split_once(": ").unwrap_or((said, ""));
                let block = out.entry((at.clone(), name.to_owned())).or_default();
                if rest.starts_with(['✓', '✗', '?']) {
                    block.parts.push(rest.to_owned());
                } else {
                    rest.clone_into(&mut block.outcome);
                }
                rule = Some(name.to_owned());
            }
            _ => {
                let Some(rule) = &rule else { continue };
                let block = out.entry((at.clone(), rule.clone())).or_default();
                if said.starts_with(['✓', '✗', '?']) {
                    block.parts.push(said.to_owned());
                }
            }
        }
    }
    out
}

/// The text of a part without its mark and values, by which two forms of it are known to be one.
fn name(part: &str) -> &str {
    let text = part.trim_start_matches(['✓', '✗', '?']).trim_start();
    text.split("  (").next().unwrap_or(text)
}

/// What differs, in order of time.
#[must_use]
pub fn changes(before: &str, now: &str) -> Vec<Change> {
    let (old, new) = (parse(before), parse(now));
    let mut keys: Vec<&(String, String)> = old.keys().chain(new.keys()).collect();
    keys.sort();
    keys.dedup();
    let empty = Block::default();
    let mut out = Vec::new();
    for key in keys {
        let (a, b) = (old.get(key).unwrap_or(&empty), new.get(key).unwrap_or(&empty));
        let differ = |part: &String, others: &[String]| {
            let same = others.iter().find(|o| name(o) == name(part));
            (same != Some(part)).then(|| (part.clone(), same.cloned().unwrap_or_default()))
        };
        let mut parts: Vec<(String, String)> = a.parts.iter().filter_map(|p| differ(p, &b.parts)).collect();
        let added = b
            .parts
            .iter()
            .filter(|p| !a.parts.iter().any(|o| name(o) == name(p)));
        parts.extend(added.map(|p| (String::new(), p.clone())));
        // What is told of a rule that acts and not of one that does not is no change, where one is known.
        if parts.iter().any(|(b, n)| !b.is_empty() && !n.is_empty()) {
            parts.retain(|(b, n)| !b.is_empty() && !n.is_empty());
        }
        if a.outcome == b.outcome && parts.is_empty() {
            continue;
        }
        // A rule that called for nothing before and now, and is shown because the case asks, is news only if a part is.
        if a.outcome == b.outcome && (a.parts.is_empty() || b.parts.is_empty()) {
            continue;
        }
        out.push(Change {
            at: key.0.clone(),
            rule: key.1.clone(),
            before: a.outcome.clone(),
            now: b.outcome.clone(),
            parts,
        });
    }
    out
}

/// The differences in plain words; empty when the decisions are the same.
#[must_use]
pub fn words(changes: &[Change]) -> String {
    let mut out = String::new();
    let or_nothing = |s: &str| {
        if s.is_empty() {
            "called for nothing".to_owned()
        } else {
            s.to_owned()
        }
    };
    for change in changes {
        // Writing to a string cannot fail; the results are dropped on purpose.
        let _ = writeln!(out, "{}  {}", change.at, change.rule);
        if change.before != change.now {
            let _ = writeln!(out, "  before: {}", or_nothing(&change.before));
            let _ = writeln!(out, "  now:    {}", or_nothing(&change.now));
        }
        for (before, now) in &change.parts {
            match (before.is_empty(), now.is_empty()) {
                (false, false) => {
                    let _ = writeln!(out, "  because {before}\n  became  {now}");
                }
                (true, false) => {
                    let _ = writeln!(out, "  now     {now}");
                }
                _ => {
                    let _ = writeln!(out, "  was     {before}");
                }
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str = "a case
  2024-01-16 15:45 ET
    income.open: open 2 lots: x; filled at y
      ✓ VIX.last < ceiling  (VIX.last 18 vol, ceiling 35 vol)
      ✓ not within 1 day before fomc
  (one tick without a decision)
  2024-01-18 15:45 ET
    income.open: ✗ VIX.last < ceiling  (VIX.last 40 vol, ceiling 35 vol)
    income.stop on position #1: ✗ risen  (VIX.close 40 vol)
";

    #[test]
    fn a_decision_that_is_gone_is_told_with_the_part_that_changed() {
        let now = "a case
  2024-01-16 15:45 ET
    income.open: ✗ VIX.last < ceiling  (VIX.last 18 vol, ceiling 15 vol)
  2024-01-18 15:45 ET
    income.open: ✗ VIX.last < ceiling  (VIX.last 40 vol, ceiling 15 vol)
";
        assert_eq!(
            words(&changes(BEFORE, now)),
            "2024-01-16 15:45 ET  income.open
  before: open 2 lots: x; filled at y
  now:    called for nothing
  because ✓ VIX.last < ceiling  (VIX.last 18 vol, ceiling 35 vol)
  became  ✗ VIX.last < ceiling  (VIX.last 18 vol, ceiling 15 vol)
2024-01-18 15:45 ET  income.open
  because ✗ VIX.last < ceiling  (VIX.last 40 vol, ceiling 35 vol)
  became  ✗ VIX.last < ceiling  (VIX.last 40 vol, ceiling 15 vol)
"
        );
    }

    #[test]
    fn the_same_explanation_has_no_changes_and_any_text_is_read() {
        assert_eq!(changes(BEFORE, BEFORE), []);
        assert_eq!(changes("", "✓ é\n    \n      : "), []);
    }
}
