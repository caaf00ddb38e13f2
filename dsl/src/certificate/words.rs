//! A certificate in words.

use super::{Bounded, Break, Certificate, DOLLARS_A_POINT, Owned, Reached, Why};
use crate::draw::words::grouped;
use crate::graph::{Graph, LegDef, StructureDef};
use std::fmt::Write;

/// The certificate as text, ending in a line feed.
#[must_use]
pub fn text(graph: &Graph, certificate: &Certificate) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = write(graph, certificate, &mut out);
    out
}

fn write(graph: &Graph, certificate: &Certificate, out: &mut String) -> std::fmt::Result {
    let name = &graph.settings.name;
    if certificate.is_given() {
        writeln!(
            out,
            "defined risk of {name}: certified, every package that the rules can hold has a bound"
        )?;
    } else {
        writeln!(out, "defined risk of {name}: not certified, see `no bound` below")?;
    }
    for owned in &certificate.owned {
        let at = usize::try_from(owned.structure.0).unwrap_or(usize::MAX);
        if let Some(def) = graph.structures.get(at) {
            structure(def, owned, out)?;
        }
    }
    for (key, instrument, _) in &certificate.overlays {
        writeln!(out, "\n{key}: overlay on {instrument}")?;
        writeln!(
            out,
            "  no bound: a future is held on either side, and nothing covers it"
        )?;
    }
    Ok(())
}

fn structure(def: &StructureDef, owned: &Owned, out: &mut String) -> std::fmt::Result {
    writeln!(out, "\n{}: {} on {}", owned.key, def.shape, def.underlying.name())?;
    let mut largest: Option<f64> = Some(0.0);
    for reached in &owned.reached {
        writeln!(out, "  {}", how(reached))?;
        match &reached.bound {
            Ok(bounded) => {
                let points = bounded.points.map(|(_, hi)| hi);
                largest = largest.zip(points).map(|(a, b)| a.max(b));
                writeln!(out, "    {}", bound(&def.legs, bounded))?;
                if reached.settlements > 1 {
                    let n = reached.settlements;
                    writeln!(
                        out,
                        "    {n} settlements: what is left after each loses no more than that"
                    )?;
                }
            }
            Err(breaks) => {
                largest = None;
                for b in breaks {
                    writeln!(out, "    no bound: {}", broken(b))?;
                }
            }
        }
    }
    if owned.cut {
        writeln!(
            out,
            "  no bound: the rolls lead to more packages than are followed"
        )?;
    }
    if !owned.parts.is_empty() {
        let rules = owned.parts.join(", ");
        writeln!(out, "  after {rules}: the same for each lot that is left")?;
    }
    if let (Some(points), Some((lots, positions)), false) = (largest, owned.lots, owned.cut)
        && points > 0.0
    {
        let dollars = grouped(points * DOLLARS_A_POINT * lots * positions);
        let (lots, positions) = (counted(lots, "lot"), counted(positions, "position"));
        writeln!(
            out,
            "  at most {lots} in {positions}: ${dollars} in all, before credits"
        )?;
    }
    Ok(())
}

fn counted(n: f64, word: &str) -> String {
    let s = if n.to_bits() == 1.0_f64.to_bits() { "" } else { "s" };
    format!("{} {word}{s}", grouped(n))
}

/// How a package comes to be held: `as opened, and after income.forward`.
fn how(reached: &Reached) -> String {
    let mut out = if reached.by.is_empty() {
        "as opened".to_owned()
    } else {
        format!("after {}", reached.by.join(", then "))
    };
    if !reached.also.is_empty() {
        let _ = write!(out, ", and after {}", reached.also.join(", "));
    }
    out
}

/// A bound with its value: `the larger of (…) = 50 pts, $5_000 a lot, before its credit`.
#[must_use]
pub fn bound(legs: &[LegDef], bounded: &Bounded) -> String {
    let text = bounded.loss.text(legs);
    if text.is_empty() {
        return "nothing beyond the price paid".to_owned();
    }
    let dollars = |points: f64| grouped(points * DOLLARS_A_POINT);
    match bounded.points {
        Some((lo, hi)) if lo.to_bits() == hi.to_bits() => {
            format!(
                "at most {text} = {} pts, ${} a lot, before its credit",
                grouped(hi),
                dollars(hi)
            )
        }
        Some((lo, hi)) => format!(
            "at most {text} = {}..{} pts, ${} a lot at most, before its credit",
            grouped(lo),
            grouped(hi),
            dollars(hi)
        ),
        None => format!("at most {text}, of the strikes found, before its credit"),
    }
}

/// Why a leg has no bound.
pub(crate) fn broken(b: &Break) -> String {
    match b.why {
        Why::Future => format!("`{}` is a future, and nothing covers it", b.name),
        Why::Uncovered => format!("`{}` is sold, and nothing bought covers it", b.name),
        Why::SettlesAlone => {
            format!(
                "`{}` is sold, and what is bought against it settles at another time",
                b.name
            )
        }
    }
}
