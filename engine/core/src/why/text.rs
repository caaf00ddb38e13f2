//! Explanations in plain words.

use super::flip::{Change, Need};
use super::show::show;
use super::{Condition, Conjunct, Why};
use crate::decision::RuleKind;
use crate::value::Cell;
use alula_dsl::graph::Cmp;
use std::fmt::Write;

/// Alternatives that are told of one need; the smallest come first, and the rest is in the value.
const ALTERNATIVES_MAX: usize = 3;

/// The explanation as lines of text, without colour, ending in a newline.
#[must_use]
pub fn render(why: &Why) -> String {
    let mut out = String::new();
    let about = why
        .position
        .map(|p| format!(" on position {p}"))
        .unwrap_or_default();
    // Writing to a string cannot fail; the results are dropped on purpose throughout.
    let _ = writeln!(out, "{} ({}){about} at {}", why.key, why.kind, why.at);
    let _ = writeln!(out, "  {}", verdict(why.kind, why.condition.cell));
    condition(&mut out, &why.condition, why.kind);
    if let Some(require) = &why.require {
        let _ = writeln!(out, "  require: {}", truth(require.cell));
        condition(&mut out, require, why.kind);
    }
    if let Some(outcome) = &why.outcome {
        let _ = writeln!(out, "  outcome: {outcome}");
    }
    out
}

/// The explanation in one line, for a rule that called for nothing: the conjunct that decided, with what it read.
#[must_use]
pub fn line(why: &Why) -> String {
    let about = why
        .position
        .map(|p| format!(" on position {p}"))
        .unwrap_or_default();
    let conjuncts = &why.condition.conjuncts;
    let decided = why.condition.failed_first.and_then(|i| conjuncts.get(i));
    let part = decided.or_else(|| conjuncts.first());
    let said = part.map_or_else(String::new, |part| {
        format!("{} {}{}", mark(part.cell), part.text, values(part))
    });
    format!("{}{about}: {said}", why.key)
}

/// The smallest single change of a number that would have made a rule call for action, and how far off it was; none when
/// it did call, when its condition was unknown, or when no single number would do.
#[must_use]
pub fn miss(why: &Why) -> Option<(f64, String)> {
    let truth = why.condition.cell.truth()?;
    // A guard acts when its requirement fails.
    let acts = (why.kind == RuleKind::Guard) != truth;
    let Need::One(changes) = &why.condition.need else {
        return None;
    };
    let change = changes.iter().find(|c| c.distance().is_some())?;
    (!acts).then_some((change.distance()?, sentence(change)))
}

/// The parts of a condition, each with its mark and what it read.
#[must_use]
pub fn parts(condition: &Condition) -> Vec<String> {
    let part = |p: &Conjunct| format!("{} {}{}", mark(p.cell), p.text, values(p));
    condition.conjuncts.iter().map(part).collect()
}

fn mark(cell: Cell) -> &'static str {
    match cell.truth() {
        Some(true) => "✓",
        Some(false) => "✗",
        None => "?",
    }
}

fn truth(cell: Cell) -> String {
    match (cell.truth(), cell.cause()) {
        (Some(true), _) => "true".to_owned(),
        (Some(false), _) => "false".to_owned(),
        (None, Some(cause)) => format!("unknown ({cause})"),
        (None, None) => "unknown".to_owned(),
    }
}

fn verdict(kind: RuleKind, cell: Cell) -> String {
    let says = match (kind, cell.truth()) {
        (RuleKind::Guard, Some(true)) => "the requirement held: nothing to do",
        (RuleKind::Guard, Some(false)) => "the requirement failed: the guard acts",
        (_, Some(true)) => "the condition held",
        (_, Some(false)) => "the condition did not hold",
        (_, None) => "the condition was unknown",
    };
    says.to_owned()
}

fn condition(out: &mut String, condition: &Condition, kind: RuleKind) {
    for (i, part) in condition.conjuncts.iter().enumerate() {
        let mark = mark(part.cell);
        let first = condition.failed_first == Some(i) && condition.conjuncts.len() > 1;
        let note = if first { "  ← failed first" } else { "" };
        let _ = writeln!(out, "    {mark} {}{}{note}", part.text, values(part));
    }
    let now = condition.cell.is_true();
    match &condition.need {
        Need::Nothing => {}
        Need::One(changes) if changes.is_empty() => {}
        Need::One(changes) => {
            let words = match (kind, now) {
                (RuleKind::Guard, true) => "it would have acted if",
                (RuleKind::Guard, false) => "it would have held if",
                (_, true) => "it would not have held if",
                (_, false) => "it would have held if",
            };
            for (i, change) in changes.iter().take(ALTERNATIVES_MAX).enumerate() {
                let lead = if i == 0 { words } else { "or if" };
                let _ = writeln!(out, "    {lead} {}", sentence(change));
            }
        }
        Need::All(needs) => {
            let _ = writeln!(out, "    no single change suffices; these are needed together:");
            all(out, needs, 3);
        }
    }
}

fn all(out: &mut String, needs: &[Need], depth: usize) {
    let indent = "  ".repeat(depth);
    for need in needs {
        match need {
            Need::Nothing => {}
            Need::One(changes) => {
                let words: Vec<String> = changes.iter().map(sentence).collect();
                let _ = writeln!(out, "{indent}- {}", words.join(", or "));
            }
            Need::All(inner) => all(out, inner, depth),
        }
    }
}

fn values(part: &Conjunct) -> String {
    let read: Vec<String> = part
        .readings
        .iter()
        .filter(|r| r.text != part.text)
        .map(|r| match (r.cell.known(), r.cell.cause()) {
            (Some(x), _) => format!("{} {}", r.text, show(x, r.style)),
            (None, Some(cause)) => format!("{} missing: {cause}", r.text),
            (None, None) => r.text.clone(),
        })
        .collect();
    let mut out = if read.is_empty() {
        String::new()
    } else {
        format!("  ({})", read.join(", "))
    };
    if let Some((text, cause)) = &part.unknown {
        let said = part
            .readings
            .iter()
            .any(|r| r.text == *text && !r.cell.is_known());
        if !said {
            let _ = write!(out, "  ({text} missing: {cause})");
        }
    }
    out
}

const fn word(cmp: Cmp) -> &'static str {
    match cmp {
        Cmp::Lt => "<",
        Cmp::Le => "<=",
        Cmp::Gt => ">",
        Cmp::Ge => ">=",
        Cmp::Eq => "=",
        Cmp::Ne => "other than",
    }
}

fn sentence(change: &Change) -> String {
    match change {
        Change::Value {
            text,
            from,
            cmp,
            bound,
            style,
        } => {
            let (now, need) = (show(*from, *style), show(*bound, *style));
            let by = show((bound - from).abs(), *style);
            match cmp {
                Cmp::Gt | Cmp::Ge if from < bound => {
                    format!("{text} were {} {need} (it was {now}, short by {by})", word(*cmp))
                }
                Cmp::Lt | Cmp::Le if from > bound => {
                    format!("{text} were {} {need} (it was {now}, over by {by})", word(*cmp))
                }
                _ => format!("{text} were {} {need} (it was {now})", word(*cmp)),
            }
        }
        Change::Threshold {
            name,
            from,
            cmp,
            bound,
            outside,
            style,
        } => {
            let set = match cmp {
                Cmp::Lt => "below",
                Cmp::Le => "at or below",
                Cmp::Gt => "above",
                Cmp::Ge => "at or above",
                Cmp::Eq => "to",
                Cmp::Ne => "to other than",
            };
            let range = outside.map_or(String::new(), |(lo, hi)| {
                format!(
                    "; its range {}..{} does not allow it",
                    show(lo, *style),
                    show(hi, *style)
                )
            });
            let (now, need) = (show(*from, *style), show(*bound, *style));
            format!("`{name}` were set {set} {need} (it is {now}{range})")
        }
        Change::Become { text, to } => {
            format!("`{text}` were {}", if *to { "true" } else { "false" })
        }
        Change::Hold { text, steps, unit } => {
            let s = if *steps == 1 { "" } else { "s" };
            format!("`{text}` held for {steps} {unit}{s} more")
        }
        Change::Known { text, cause } => format!("`{text}` were known (it was missing: {cause})"),
    }
}
