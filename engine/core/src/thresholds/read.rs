//! Reading a thresholds file.
//!
//! Two parsers, because YAML is read differently by different ones: `serde-saphyr` goes first, with strict budgets, and
//! knows positions; `serde_yaml` has the last word on what a scalar is; both must agree on every name and value. Before
//! either, a scan refuses what the format has no use for: tags, anchors, aliases, directives, a second document.

use super::number::{self, Written};
use super::{ThresholdSet, Violation, range_text, value_text};
use alula_dsl::graph::{ThresholdDef, ThresholdId};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_saphyr::Spanned;
use serde_saphyr::options::{DuplicateKeyPolicy, MergeKeyPolicy};
use std::collections::BTreeMap;
use std::fmt;

/// Bytes of a file.
pub const MAX_BYTES: usize = 64 * 1024;
/// Nesting of a file.
pub const MAX_DEPTH: usize = 8;
/// Nodes of a file.
pub const MAX_NODES: usize = 20_000;

/// Reads a file for the strategy `strategy` with declared thresholds `defs`.
///
/// # Errors
/// Every violation, in order of position; the set is then not usable in part.
pub fn read(bytes: &[u8], strategy: &str, defs: &[ThresholdDef]) -> Result<ThresholdSet, Vec<Violation>> {
    let file = gate(bytes).map_err(|v| vec![v])?;
    let mut found = Vec::new();
    if let Some(named) = file.strategy.as_ref().filter(|named| named.value != strategy) {
        found.push(violation(
            place(named),
            format!("`{}` is another strategy", named.value),
            "the file says which strategy its values were chosen for",
            format!("write `strategy: {strategy}`, or give the file that belongs to it"),
        ));
    }
    let mut values: Vec<Option<f64>> = vec![None; defs.len()];
    for (name, value) in &file.thresholds.0 {
        let known = defs
            .iter()
            .zip(&mut values)
            .find(|(def, _)| def.name == name.value);
        match known {
            None => found.push(unknown(name, defs)),
            Some((def, slot)) => match entry(value, def) {
                Ok(number) => *slot = Some(number),
                Err(v) => found.push(v),
            },
        }
    }
    if !found.is_empty() {
        found.sort_by_key(|v| (v.line, v.column));
        return Err(found);
    }
    let missing = |(id, value): (ThresholdId, &Option<f64>)| value.is_none().then_some(id);
    let defaulted = (0..).map(ThresholdId).zip(&values).filter_map(missing).collect();
    let values = values
        .iter()
        .zip(defs)
        .map(|(v, def)| v.unwrap_or(def.default + 0.0))
        .collect();
    Ok(ThresholdSet::new(defs, values, defaulted))
}

/// A file whose structure is right, with positions.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    strategy: Option<Spanned<String>>,
    #[serde(default)]
    thresholds: Entries,
}

/// Names and values in textual order; the parser refuses duplicates.
#[derive(Debug, Default)]
struct Entries(Vec<(Spanned<String>, Spanned<Option<String>>)>);

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = Entries;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("thresholds as `name: value` lines")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
                let mut out = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    out.push(entry);
                }
                Ok(Entries(out))
            }

            fn visit_unit<E>(self) -> Result<Entries, E> {
                Ok(Entries::default())
            }
        }

        deserializer.deserialize_map(InOrder)
    }
}

/// The same file as `serde_yaml` sees it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Plain {
    strategy: Option<String>,
    thresholds: Option<BTreeMap<String, serde_yaml::Value>>,
}

fn violation(at: (u32, u32), message: String, why: impl Into<String>, fix: impl Into<String>) -> Violation {
    Violation {
        line: at.0,
        column: at.1,
        message,
        why: why.into(),
        fix: fix.into(),
    }
}

fn place<T>(spanned: &Spanned<T>) -> (u32, u32) {
    let clip = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
    (clip(spanned.referenced.line()), clip(spanned.referenced.column()))
}

fn gate(bytes: &[u8]) -> Result<File, Violation> {
    if bytes.len() > MAX_BYTES {
        let message = format!("the file has {} bytes, the limit is {MAX_BYTES}", bytes.len());
        let why = "a thresholds file is a short list of numbers";
        return Err(violation((1, 1), message, why, "remove what is not a threshold"));
    }
    let text = std::str::from_utf8(bytes).map_err(|e| {
        let before = bytes.get(..e.valid_up_to()).unwrap_or_default();
        let line = before.iter().filter(|b| **b == b'\n').count() + 1;
        let start = before.iter().rposition(|b| *b == b'\n').map_or(0, |i| i + 1);
        let column = String::from_utf8_lossy(before.get(start..).unwrap_or_default())
            .chars()
            .count()
            + 1;
        let at = (
            u32::try_from(line).unwrap_or(u32::MAX),
            u32::try_from(column).unwrap_or(u32::MAX),
        );
        violation(
            at,
            "the file is not UTF-8".to_owned(),
            "only UTF-8 is read",
            "save it as UTF-8",
        )
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    scan(text)?;
    if text
        .lines()
        .all(|line| line.trim_start().is_empty() || line.trim_start().starts_with('#'))
    {
        // Nothing but comments: no value is given, so all are defaults.
        return Ok(File {
            strategy: None,
            thresholds: Entries::default(),
        });
    }
    let options = serde_saphyr::options! {
        strict_booleans: true,
        duplicate_keys: DuplicateKeyPolicy::Error,
        merge_keys: MergeKeyPolicy::Error,
        reject_unsupported_tags: true,
        with_snippet: false,
        budget: serde_saphyr::budget! {
            max_depth: MAX_DEPTH,
            flow_nesting_limit: MAX_DEPTH,
            max_nodes: MAX_NODES,
            max_events: 2 * MAX_NODES,
            max_aliases: 0,
            max_anchors: 0,
            max_documents: 1,
            max_merge_keys: 0,
            max_total_scalar_bytes: MAX_BYTES,
        },
    };
    let file: File = serde_saphyr::from_str_with_options(text, options).map_err(|e| structure(&e))?;
    for (name, value) in &file.thresholds.0 {
        written_plainly(text, "the name", &name.value, place(name))?;
        if let Some(scalar) = &value.value {
            if place(value).0 != place(name).0 {
                return Err(violation(
                    place(value),
                    format!("the value of `{}` is not on its line", name.value),
                    "a value is one number on the line of its name",
                    format!("write `{}: {}`", name.value, scalar.trim()),
                ));
            }
            written_plainly(text, "the value", scalar, place(value))?;
        }
    }
    agree(text, &file)?;
    Ok(file)
}

/// Characters that begin YAML features which the format has no use for. None of them can stand in a name or a value.
fn scan(text: &str) -> Result<(), Violation> {
    for (row, line) in text.lines().enumerate() {
        let at = |column: usize| {
            (
                u32::try_from(row + 1).unwrap_or(u32::MAX),
                u32::try_from(column + 1).unwrap_or(u32::MAX),
            )
        };
        let refuse = |column: usize, what: &str, fix: &str| {
            let why = "the file is a plain list of names and numbers, so that every reader reads the same";
            Err(violation(at(column), what.to_owned(), why, fix))
        };
        if line.starts_with('%') {
            return refuse(0, "YAML directives are not read", "remove the line");
        }
        if line.starts_with("...") || (line.starts_with("---") && row > 0) {
            return refuse(
                0,
                "only one document is read",
                "remove the marker and what follows it",
            );
        }
        let mut before = ' ';
        for (column, c) in line.chars().enumerate() {
            match c {
                '#' if before.is_whitespace() => break,
                '!' => return refuse(column, "YAML tags are not read", "write the number alone"),
                '&' => {
                    return refuse(
                        column,
                        "YAML anchors are not read",
                        "write each value where it belongs",
                    );
                }
                '*' => {
                    return refuse(
                        column,
                        "YAML aliases are not read",
                        "write each value where it belongs",
                    );
                }
                _ => {}
            }
            before = c;
        }
    }
    Ok(())
}

/// A finding of the position-aware parser in our words. Its texts are pinned by tests, so that an update cannot change
/// them unnoticed; one that is not known here passes as it is.
fn structure(error: &serde_saphyr::Error) -> Violation {
    let clip = |n: u64| u32::try_from(n).unwrap_or(u32::MAX).max(1);
    let at = error
        .location()
        .map_or((1, 1), |l| (clip(l.line()), clip(l.column())));
    let text = error.to_string();
    let first = text.lines().next().unwrap_or_default();
    let said = first.split(" at line ").next().unwrap_or(first);
    let said = said.strip_prefix("error: ").unwrap_or(said).replace('\'', "`");
    let shape =
        "the file has `strategy: name` (optional) and `thresholds:` with one `name: value` line for each";
    let in_backticks = said.split('`').nth(1).unwrap_or_default();
    if let Some(key) = said.strip_prefix("duplicate mapping key: ") {
        let key = key.split(',').next().unwrap_or(key);
        let why = "readers of YAML differ on which of two equal names counts";
        return violation(
            at,
            format!("`{key}` stands here a second time"),
            why,
            "keep one of the two lines",
        );
    }
    if said.starts_with("unknown field ") {
        let message = format!("there is no `{in_backticks}` at the top of a thresholds file");
        let fix = ["thresholds", "strategy"]
            .into_iter()
            .find(|known| strsim::damerau_levenshtein(known, in_backticks) <= 3)
            .map_or("move thresholds below `thresholds:`".to_owned(), |known| {
                format!("did you mean `{known}`?")
            });
        return violation(at, message, shape, fix);
    }
    if said.starts_with("expected string scalar") {
        let message = "a value is one number, not a list or a mapping".to_owned();
        return violation(
            at,
            message,
            "a threshold is a number, with its unit",
            "write one number after the colon",
        );
    }
    if said.starts_with("expected mapping start") {
        return violation(
            at,
            "`name: value` lines are expected here".to_owned(),
            shape,
            "write one line for each value",
        );
    }
    if said.contains("merge keys") {
        let message = "YAML merge keys are not read".to_owned();
        return violation(at, message, shape, "write each value where it belongs");
    }
    violation(
        at,
        said,
        shape,
        "write one `name: value` line for each, two spaces before the name",
    )
}

/// Names and values are plain scalars: no quotes.
fn written_plainly(
    text: &str,
    what: &str,
    scalar: &str,
    (line, column): (u32, u32),
) -> Result<(), Violation> {
    let nth = |n: u32| usize::try_from(n).unwrap_or(usize::MAX).saturating_sub(1);
    let source = text.lines().nth(nth(line)).unwrap_or_default();
    match source.chars().nth(nth(column)) {
        Some('"' | '\'') => Err(violation(
            (line, column),
            format!("{what} `{scalar}` is in quotes"),
            "no name and no value needs them, and YAML reads a quoted number as text",
            format!("write `{scalar}`"),
        )),
        _ => Ok(()),
    }
}

/// Both parsers must see the same names and values.
fn agree(text: &str, file: &File) -> Result<(), Violation> {
    let disagree = |at: (u32, u32), what: &str| {
        violation(
            at,
            format!("{what} is read in two ways"),
            "two YAML parsers disagree about it",
            "write it as the strategy does: `70`, `-2%`, `35 vol`, `$500`",
        )
    };
    let plain: Plain = serde_yaml::from_str(text).map_err(|e| {
        let clip = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let at = e
            .location()
            .map_or((1, 1), |l| (clip(l.line()), clip(l.column())));
        disagree(at, "the file")
    })?;
    if plain.strategy.as_deref() != file.strategy.as_ref().map(|s| s.value.as_str()) {
        return Err(disagree(
            file.strategy.as_ref().map_or((1, 1), place),
            "the strategy's name",
        ));
    }
    let plain = plain.thresholds.unwrap_or_default();
    if plain.len() != file.thresholds.0.len() {
        return Err(disagree((1, 1), "the list of thresholds"));
    }
    for (name, value) in &file.thresholds.0 {
        let same = match (plain.get(&name.value), &value.value) {
            (Some(serde_yaml::Value::String(theirs)), Some(ours)) => theirs == ours,
            // What it takes for a number must be the number that we read. Anything else of its making (a hexadecimal,
            // `.inf`, a truth value) is not a number of the language, which `entry` will say.
            (Some(serde_yaml::Value::Number(n)), Some(ours)) => match (n.as_f64(), number::parse(ours)) {
                (Some(theirs), Some(Written { number, unit })) if unit.is_empty() => {
                    theirs.to_bits() == number.to_bits()
                }
                _ => true,
            },
            (Some(serde_yaml::Value::Bool(_)), Some(_)) | (Some(serde_yaml::Value::Null), None) => true,
            _ => false,
        };
        if !same {
            return Err(disagree(place(value), &format!("the value of `{}`", name.value)));
        }
    }
    Ok(())
}

/// The canonical value of an entry.
fn entry(value: &Spanned<Option<String>>, def: &ThresholdDef) -> Result<f64, Violation> {
    let at = place(value);
    let fix = format!(
        "write a value such as `{}`, or remove the line",
        value_text(def.default, def.suffix)
    );
    let Some(text) = &value.value else {
        let why = "a name without a value is not a default";
        return Err(violation(at, format!("`{}` has no value", def.name), why, fix));
    };
    let Some(written) = number::parse(text).filter(|w| w.number.is_finite()) else {
        let why = "a threshold is a number, with its unit";
        return Err(violation(at, format!("`{text}` is not a number"), why, fix));
    };
    // As in the strategy, a bare zero goes with any unit.
    let zero = written.unit.is_empty() && written.number == 0.0;
    if written.unit != def.suffix && !zero {
        return Err(wrong_unit(at, text, &written, def));
    }
    let number = written.canonical(def.suffix);
    if !(def.min..=def.max).contains(&number) {
        let side = if number < def.min { "below" } else { "above" };
        return Err(violation(
            at,
            format!("`{text}` is {side} the range of `{}`", def.name),
            format!("the strategy allows {}", range_text(def)),
            "choose a value in the range, or widen the range in the strategy",
        ));
    }
    Ok(number)
}

fn wrong_unit(at: (u32, u32), text: &str, written: &Written, def: &ThresholdDef) -> Violation {
    let named = |unit: &str| {
        if unit.is_empty() {
            "no unit".to_owned()
        } else {
            format!("`{unit}`")
        }
    };
    let message = if written.unit_is_known() {
        format!(
            "`{text}` has {}, but `{}` is declared with {}",
            named(&written.unit),
            def.name,
            named(def.suffix)
        )
    } else {
        format!(
            "`{text}` has the unknown unit `{}`; `{}` is declared with {}",
            written.unit,
            def.name,
            named(def.suffix)
        )
    };
    // `0.35` for a share is meant as 35%; `35` may be. Only a value that is in range one way is offered.
    let fits = |x: f64| (def.min..=def.max).contains(&x);
    let meant = [written.number, written.canonical(def.suffix)]
        .into_iter()
        .find(|x| written.unit.is_empty() && fits(*x));
    violation(
        at,
        message,
        "a value is written in the unit of its declaration, so that it cannot be off by a factor",
        format!("write `{}`", value_text(meant.unwrap_or(def.default), def.suffix)),
    )
}

fn unknown(name: &Spanned<String>, defs: &[ThresholdDef]) -> Violation {
    let near = defs
        .iter()
        .map(|def| {
            (
                strsim::damerau_levenshtein(&def.name, &name.value),
                def.name.as_str(),
            )
        })
        .filter(|(distance, candidate)| *distance <= candidate.chars().count().div_ceil(3))
        .min();
    let fix = match (near, defs) {
        (Some((_, candidate)), _) => format!("did you mean `{candidate}`?"),
        (None, []) => "the strategy declares no threshold; remove the line".to_owned(),
        (None, _) => {
            let names: Vec<&str> = defs.iter().map(|d| d.name.as_str()).collect();
            format!("the strategy declares {}", names.join(", "))
        }
    };
    violation(
        place(name),
        format!("there is no threshold `{}`", name.value),
        "only what the strategy declares as `threshold` may change",
        fix,
    )
}
