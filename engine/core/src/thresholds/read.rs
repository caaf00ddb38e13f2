//! Reading a thresholds file: what `alula-yaml` lets through, and in it nothing but names and numbers.

use super::number::{self, Written};
use super::{ThresholdSet, Violation, range_text, value_text};
use alula_dsl::graph::{ThresholdDef, ThresholdId};
use alula_yaml::{Entry, Limits, Meaning, Node, Place, Scalar, Style, Value, near};

/// Bytes of a file.
pub const MAX_BYTES: usize = 64 * 1024;
/// Nesting of a file.
pub const MAX_DEPTH: usize = 8;
/// Nodes of a file.
pub const MAX_NODES: usize = 20_000;

/// A thresholds file as it was read.
#[derive(Clone, Debug, PartialEq)]
pub struct ThresholdFile {
    /// Its values.
    pub set: ThresholdSet,
    /// The version that it was written against (`ack: 0123456789ab`): lower-case hexadecimal, 12 to 64 digits.
    pub ack: Option<String>,
    /// Its last line with text is the end marker `...`: proof that a file being written has arrived whole.
    pub ended: bool,
}

/// Reads a file for the strategy `strategy` with declared thresholds `defs`.
///
/// # Errors
/// Every violation, in order of position; the set is then not usable in part.
pub fn read(bytes: &[u8], strategy: &str, defs: &[ThresholdDef]) -> Result<ThresholdSet, Vec<Violation>> {
    read_file(bytes, strategy, defs).map(|file| file.set)
}

/// As [`read`], with what else the file says.
///
/// # Errors
/// As for [`read`].
pub fn read_file(
    bytes: &[u8],
    strategy: &str,
    defs: &[ThresholdDef],
) -> Result<ThresholdFile, Vec<Violation>> {
    let file = file(bytes).map_err(|v| vec![v])?;
    let mut found = Vec::new();
    if let Some((at, named)) = file.strategy.as_ref().filter(|(_, named)| named != strategy) {
        found.push(Violation::new(
            *at,
            format!("`{named}` is another strategy"),
            "the file says which strategy its values were chosen for",
            format!("write `strategy: {strategy}`, or give the file that belongs to it"),
        ));
    }
    let mut values: Vec<Option<f64>> = vec![None; defs.len()];
    for given in &file.thresholds {
        let known = defs
            .iter()
            .zip(&mut values)
            .find(|(def, _)| def.name == given.name);
        match known {
            None => found.push(unknown(given, defs)),
            Some((def, slot)) => match entry(given, def) {
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
    Ok(ThresholdFile {
        set: ThresholdSet::new(defs, values, defaulted),
        ack: file.ack,
        ended: file.ended,
    })
}

const SHAPE: &str =
    "the file has `strategy: name` (optional) and `thresholds:` with one `name: value` line for each";

/// A file whose structure is right.
#[derive(Default)]
struct File {
    strategy: Option<(Place, String)>,
    ack: Option<String>,
    ended: bool,
    thresholds: Vec<Given>,
}

/// One line: a name, and a value unless nothing stands there.
struct Given {
    place: Place,
    name: String,
    at: Place,
    text: Option<String>,
}

fn file(bytes: &[u8]) -> Result<File, Violation> {
    let limits = Limits {
        bytes: MAX_BYTES,
        depth: MAX_DEPTH,
        nodes: MAX_NODES,
    };
    // Nothing but comments: no value is given, so all are defaults.
    let document = alula_yaml::read(bytes, limits)?;
    let mut file = File {
        ended: document.ended,
        ..File::default()
    };
    let Some(root) = document.root else {
        return Ok(file);
    };
    for top in lines(&root)? {
        match top.name.as_str() {
            "strategy" if top.value.is_null() => {}
            "strategy" => file.strategy = Some((top.value.place, top.value.text("`strategy`")?.to_owned())),
            "ack" if top.value.is_null() => {}
            "ack" => file.ack = Some(ack(top)?),
            "thresholds" if top.value.is_null() => {}
            "thresholds" => {
                let given = lines(&top.value)?.iter().map(given);
                file.thresholds = given.collect::<Result<_, _>>()?;
            }
            _ => return Err(unknown_top(top)),
        }
    }
    Ok(file)
}

fn lines(node: &Node) -> Result<&[Entry], Violation> {
    match &node.value {
        Value::Map(entries) => Ok(entries),
        _ => Err(Violation::new(
            node.place,
            "`name: value` lines are expected here",
            SHAPE,
            "write one line for each value",
        )),
    }
}

/// The version that a file answers to, as `alula thresholds show` writes it.
fn ack(top: &Entry) -> Result<String, Violation> {
    let hexadecimal = |text: &str| {
        (12..=64).contains(&text.len()) && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    };
    match &top.value.value {
        Value::Scalar(scalar) if hexadecimal(&scalar.text) => Ok(scalar.text.clone()),
        _ => Err(Violation::new(
            top.value.place,
            "`ack` is not a version",
            "it names the values that a large change was chosen against: 12 to 64 hexadecimal digits",
            "write the version that `alula thresholds show` prints",
        )),
    }
}

fn unknown_top(top: &Entry) -> Violation {
    let fix = near(&top.name, ["thresholds", "strategy", "ack"]).map_or_else(
        || "move thresholds below `thresholds:`".to_owned(),
        |known| format!("did you mean `{known}`?"),
    );
    let message = format!("there is no `{}` at the top of a thresholds file", top.name);
    Violation::new(top.place, message, SHAPE, fix)
}

/// A name and a value, both plain scalars on one line.
fn given(entry: &Entry) -> Result<Given, Violation> {
    let (name, at) = (&entry.name, entry.value.place);
    let Value::Scalar(Scalar { text, style, meaning }) = &entry.value.value else {
        return Err(Violation::new(
            at,
            "a value is one number, not a list or a mapping",
            "a threshold is a number, with its unit",
            "write one number after the colon",
        ));
    };
    let in_quotes = |what: &str, at: Place, text: &str| {
        Violation::new(
            at,
            format!("{what} `{text}` is in quotes"),
            "no name and no value needs them, and YAML reads a quoted number as text",
            format!("write `{text}`"),
        )
    };
    if entry.style != Style::Plain {
        return Err(in_quotes("the name", entry.place, name));
    }
    let text = match meaning {
        Meaning::Null => None,
        _ if *style == Style::Block || at.line != entry.place.line => {
            return Err(Violation::new(
                at,
                format!("the value of `{name}` is not on its line"),
                "a value is one number on the line of its name",
                format!("write `{name}: {}`", text.trim()),
            ));
        }
        _ if *style == Style::Quoted => return Err(in_quotes("the value", at, text)),
        Meaning::Number(theirs) => {
            // Where YAML sees a number, it must be the one that the strategy's own notation says.
            let ours = number::parse(text).filter(|w| w.unit.is_empty());
            if ours.is_some_and(|w| w.number.to_bits() != theirs.to_bits()) {
                return Err(Violation::new(
                    at,
                    format!("the value of `{name}` is read in two ways"),
                    "YAML and the strategy's notation disagree about it",
                    "write it as the strategy does: `70`, `-2%`, `35 vol`, `$500`",
                ));
            }
            Some(text.clone())
        }
        _ => Some(text.clone()),
    };
    Ok(Given {
        place: entry.place,
        name: name.clone(),
        at,
        text,
    })
}

/// The canonical value of an entry.
fn entry(given: &Given, def: &ThresholdDef) -> Result<f64, Violation> {
    let at = given.at;
    let Some(text) = &given.text else {
        let fix = format!(
            "write a value such as `{}`, or remove the line",
            value_text(def.default, def.suffix)
        );
        let why = "a name without a value is not a default";
        return Err(Violation::new(
            at,
            format!("`{}` has no value", def.name),
            why,
            fix,
        ));
    };
    value(text, def, at)
}

/// The canonical value of a text for a threshold; `at` is where the text stands.
///
/// # Errors
/// When it is no number, has another unit than the declaration, or is outside the declared range.
pub fn value(text: &str, def: &ThresholdDef, at: Place) -> Result<f64, Violation> {
    let Some(written) = number::parse(text).filter(|w| w.number.is_finite()) else {
        let why = "a threshold is a number, with its unit";
        let fix = format!(
            "write a value such as `{}`, or remove the line",
            value_text(def.default, def.suffix)
        );
        return Err(Violation::new(at, format!("`{text}` is not a number"), why, fix));
    };
    // As in the strategy, a bare zero goes with any unit.
    let zero = written.unit.is_empty() && written.number == 0.0;
    if written.unit != def.suffix && !zero {
        return Err(wrong_unit(at, text, &written, def));
    }
    let number = written.canonical(def.suffix);
    if !(def.min..=def.max).contains(&number) {
        let side = if number < def.min { "below" } else { "above" };
        return Err(Violation::new(
            at,
            format!("`{text}` is {side} the range of `{}`", def.name),
            format!("the strategy allows {}", range_text(def)),
            "choose a value in the range, or widen the range in the strategy",
        ));
    }
    Ok(number)
}

fn wrong_unit(at: Place, text: &str, written: &Written, def: &ThresholdDef) -> Violation {
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
    Violation::new(
        at,
        message,
        "a value is written in the unit of its declaration, so that it cannot be off by a factor",
        format!("write `{}`", value_text(meant.unwrap_or(def.default), def.suffix)),
    )
}

fn unknown(given: &Given, defs: &[ThresholdDef]) -> Violation {
    let names = || defs.iter().map(|def| def.name.as_str());
    let fix = match (near(&given.name, names()), defs) {
        (Some(candidate), _) => format!("did you mean `{candidate}`?"),
        (None, []) => "the strategy declares no threshold; remove the line".to_owned(),
        (None, _) => format!("the strategy declares {}", names().collect::<Vec<_>>().join(", ")),
    };
    Violation::new(
        given.place,
        format!("there is no threshold `{}`", given.name),
        "only what the strategy declares as `threshold` may change",
        fix,
    )
}
