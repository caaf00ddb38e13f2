//! From bytes to a tree with positions.

use crate::node::{Entry, Meaning, Node, Place, Scalar, Style, Value};
use crate::{Finding, Limits};
use granit_parser::{ErrorKind, Event, Marker, Parser, ScalarStyle, ScanError};
use std::collections::BTreeSet;

/// Deepest nesting whatever the limits say: what walks the tree calls itself.
const DEPTH_MAX: usize = 64;

const PLAIN: &str = "the file is plain lists, names and values, so that every reader reads the same";

fn clip(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

fn place(mark: &Marker) -> Place {
    Place {
        line: clip(mark.line()).max(1),
        column: clip(mark.col()).saturating_add(1),
    }
}

const TOP: Place = Place { line: 1, column: 1 };

/// The text of a file, without its byte order mark.
pub(crate) fn text(bytes: &[u8], limits: Limits) -> Result<&str, Finding> {
    if bytes.len() > limits.bytes {
        let message = format!(
            "the file has {} bytes, the limit is {}",
            bytes.len(),
            limits.bytes
        );
        let why = "what is written by hand is shorter";
        return Err(Finding::new(
            TOP,
            message,
            why,
            "remove what does not belong here",
        ));
    }
    let text = std::str::from_utf8(bytes).map_err(|e| {
        let before = String::from_utf8_lossy(bytes.get(..e.valid_up_to()).unwrap_or_default());
        Finding::new(
            after(&before),
            "the file is not UTF-8",
            "only UTF-8 is read",
            "save it as UTF-8",
        )
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if let Some(i) = text.find(|c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r')) {
        let at = after(text.get(..i).unwrap_or_default());
        let why = "it shows nowhere, and readers differ on what it means";
        return Err(Finding::new(
            at,
            "an invisible control character stands here",
            why,
            "remove it",
        ));
    }
    Ok(text)
}

/// The place that follows a text.
fn after(text: &str) -> Place {
    let line = text.bytes().filter(|b| *b == b'\n').count() + 1;
    let last = text.rsplit('\n').next().unwrap_or_default();
    Place {
        line: clip(line),
        column: clip(last.chars().count() + 1),
    }
}

/// A collection that has not ended yet.
enum Open {
    List(Place, Vec<Node>),
    Map {
        place: Place,
        names: BTreeSet<String>,
        entries: Vec<Entry>,
        /// A name whose value has not come yet.
        name: Option<(String, Place, Style)>,
    },
}

/// The tree of a text; `None` when nothing but comments is in it.
pub(crate) fn tree(text: &str, limits: Limits) -> Result<Option<Node>, Finding> {
    let depth = limits.depth.min(DEPTH_MAX);
    let mut options = granit_parser::options! {
        disallow_directives: true,
        emit_unresolved_aliases: true,
        emit_anchor_events: true,
        // One more than is let in, so that the refusal below has our words.
        flow_nesting_limit: depth + 1,
        block_nesting_limit: depth + 1,
    };
    options.set_emit_comments(false);
    let mut stack: Vec<Open> = Vec::new();
    let (mut root, mut nodes, mut documents, mut ended_at) = (None, 0usize, 0usize, TOP);
    for next in Parser::new_from_str_with_options(text, options) {
        let (event, span) = next.map_err(|e| scan_error(&e, depth))?;
        let at = place(&span.start);
        if let Some(tag) = span.tag_start() {
            return refuse(place(&tag), "YAML tags are not read", "write the value alone");
        }
        if matches!(
            event,
            Event::Scalar(..) | Event::SequenceStart(..) | Event::MappingStart(..)
        ) {
            nodes += 1;
        }
        if nodes > limits.nodes {
            let message = format!("the file has more than {} values", limits.nodes);
            return refuse(at, &message, "remove what does not belong here");
        }
        let done = match event {
            Event::DocumentStart(explicit, _) => {
                documents += 1;
                if documents > 1 {
                    let at = if explicit { at } else { ended_at };
                    let fix = "remove the marker and what follows it";
                    return refuse(at, "only one document is read", fix);
                }
                continue;
            }
            Event::DocumentEnd => {
                ended_at = at;
                continue;
            }
            Event::Alias(_) | Event::UnresolvedAlias(_) => {
                return refuse(at, "YAML aliases are not read", EACH_ITS_OWN);
            }
            Event::Anchor(..) => return refuse(at, "YAML anchors are not read", EACH_ITS_OWN),
            Event::SequenceStart(..) => {
                stack.push(Open::List(at, Vec::new()));
                None
            }
            Event::MappingStart(..) => {
                stack.push(Open::Map {
                    place: at,
                    names: BTreeSet::new(),
                    entries: Vec::new(),
                    name: None,
                });
                None
            }
            Event::Scalar(text, style, ..) => Some(Node {
                place: at,
                value: Value::Scalar(scalar(text.into_owned(), style)),
            }),
            Event::SequenceEnd | Event::MappingEnd => stack.pop().map(close),
            _ => None,
        };
        if stack.len() > depth {
            return refuse(at, &too_deep(depth), FLATTER);
        }
        let Some(node) = done else { continue };
        match stack.last_mut() {
            Some(open) => put(open, node)?,
            None => root = Some(node),
        }
    }
    Ok(root)
}

const EACH_ITS_OWN: &str = "write each value where it belongs, or put the text in quotes";
const FLATTER: &str = "write it flatter";

fn too_deep(depth: usize) -> String {
    format!("lists and mappings stand more than {depth} deep")
}

fn refuse<T>(at: Place, message: &str, fix: &str) -> Result<T, Finding> {
    Err(Finding::new(at, message, PLAIN, fix))
}

/// What it is will be said by the second parser.
fn scalar(text: String, style: ScalarStyle) -> Scalar {
    let style = match style {
        ScalarStyle::Plain => Style::Plain,
        ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => Style::Quoted,
        ScalarStyle::Literal | ScalarStyle::Folded => Style::Block,
    };
    Scalar {
        text,
        style,
        meaning: Meaning::Text,
    }
}

fn close(open: Open) -> Node {
    match open {
        Open::List(place, items) => Node {
            place,
            value: Value::List(items),
        },
        Open::Map { place, entries, .. } => Node {
            place,
            value: Value::Map(entries),
        },
    }
}

/// Adds a node to the collection around it: an item, a name, or the value of the last name.
fn put(open: &mut Open, node: Node) -> Result<(), Finding> {
    let (names, entries, name) = match open {
        Open::List(_, items) => {
            items.push(node);
            return Ok(());
        }
        Open::Map {
            names, entries, name, ..
        } => (names, entries, name),
    };
    if let Some((name, place, style)) = name.take() {
        entries.push(Entry {
            name,
            place,
            style,
            value: node,
        });
        return Ok(());
    }
    let at = node.place;
    let Value::Scalar(Scalar { text, style, .. }) = node.value else {
        let fix = "write `name: value` lines";
        return refuse(at, "a name is one word, not a list or a mapping", fix);
    };
    if text == "<<" && style == Style::Plain {
        return refuse(
            at,
            "YAML merge keys are not read",
            "write each value where it belongs",
        );
    }
    if !names.insert(text.clone()) {
        let why = "readers of YAML differ on which of two equal names counts";
        let message = format!("`{text}` stands here a second time");
        return Err(Finding::new(at, message, why, "keep one of the two"));
    }
    *name = Some((text, at, style));
    Ok(())
}

/// A finding of the parser. Its words are pinned by tests, so that an update cannot change them unnoticed.
fn scan_error(error: &ScanError, depth: usize) -> Finding {
    let at = place(error.marker());
    match error.kind() {
        ErrorKind::DirectiveDisallowed => {
            Finding::new(at, "YAML directives are not read", PLAIN, "remove the line")
        }
        ErrorKind::RecursionLimitExceeded => Finding::new(at, too_deep(depth), PLAIN, FLATTER),
        _ => {
            let said = error.info().replace('\'', "`");
            let said = said.lines().next().unwrap_or_default();
            let fix = "check the indentation, the colons and the brackets of this line and the one before";
            Finding::new(at, said, "here the file stops being YAML", fix)
        }
    }
}
