//! The second reader: it says what each scalar is, and must see the same tree.

use crate::Finding;
use crate::node::{Meaning, Node, Place, Scalar, Style, Value};
use serde_yaml::Value as Other;

/// Gives each scalar of the tree its meaning.
pub(crate) fn resolve(text: &str, root: &mut Node) -> Result<(), Finding> {
    let other: Other = serde_yaml::from_str(text).map_err(|e| {
        let clip = |n: usize| u32::try_from(n).unwrap_or(u32::MAX).max(1);
        let at = e.location().map_or(root.place, |l| Place {
            line: clip(l.line()),
            column: clip(l.column()),
        });
        disagree(at, "the file")
    })?;
    node(root, &other)
}

fn disagree(at: Place, what: &str) -> Finding {
    let why = "two YAML parsers understand it differently";
    let fix = "put texts in quotes, write numbers as plain digits, and each name once";
    Finding::new(at, format!("{what} is read in two ways"), why, fix)
}

fn node(ours: &mut Node, theirs: &Other) -> Result<(), Finding> {
    let place = ours.place;
    match (&mut ours.value, theirs) {
        (Value::Scalar(scalar), theirs) => {
            scalar.meaning = meaning(scalar, theirs, place)?;
            Ok(())
        }
        (Value::List(ours), Other::Sequence(theirs)) if ours.len() == theirs.len() => {
            ours.iter_mut().zip(theirs).try_for_each(|(o, t)| node(o, t))
        }
        (Value::Map(ours), Other::Mapping(theirs)) if ours.len() == theirs.len() => {
            for (entry, (name, value)) in ours.iter_mut().zip(theirs) {
                let as_scalar = Scalar {
                    text: entry.name.clone(),
                    style: entry.style,
                    meaning: Meaning::Text,
                };
                meaning(&as_scalar, name, entry.place)?;
                node(&mut entry.value, value)?;
            }
            Ok(())
        }
        (Value::List(_), _) => Err(disagree(place, "the list")),
        (Value::Map(_), _) => Err(disagree(place, "the mapping")),
    }
}

fn meaning(ours: &Scalar, theirs: &Other, at: Place) -> Result<Meaning, Finding> {
    let plain = ours.style == Style::Plain;
    let text = ours.text.as_str();
    let found = match theirs {
        Other::String(s) if s == text => Some(Meaning::Text),
        Other::Null if plain && matches!(text, "" | "~" | "null" | "Null" | "NULL") => Some(Meaning::Null),
        Other::Bool(b) if plain && text.eq_ignore_ascii_case(if *b { "true" } else { "false" }) => {
            Some(Meaning::Bool(*b))
        }
        Other::Number(n) if plain => {
            let theirs = n.as_f64().filter(|x| x.is_finite());
            let decimal = text
                .bytes()
                .all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'+' | b'e' | b'E'));
            let ours: Option<f64> = if decimal { text.parse().ok() } else { None };
            let (Some(theirs), Some(ours)) = (theirs, ours) else {
                let why = "some readers take it for a number, others for a text";
                let fix = "write a plain decimal number, or put the text in quotes";
                let message = format!("`{text}` is not a plain decimal number");
                return Err(Finding::new(at, message, why, fix));
            };
            (theirs.to_bits() == ours.to_bits()).then_some(Meaning::Number(ours))
        }
        _ => None,
    };
    found.ok_or_else(|| disagree(at, &format!("`{text}`")))
}
