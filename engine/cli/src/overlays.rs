//! A file of what an operator says to a run: overlays, halts and their ends, each with its time, name and reason.

use crate::at;
use crate::exit::{Exit, Failure};
use alula_core::operator::Instruction;
use alula_dsl::graph::Graph;
use alula_market::time::Instant;
use alula_run::{Act, HaltLevel, Moment, OperatorAct};
use alula_yaml::{Finding, Limits, Node};
use std::path::Path;

/// Reads such a file for a strategy; acts are in the order of their times, those of one time in the file's.
///
/// # Errors
/// When the file cannot be read, says something else, or the strategy does not take it.
pub fn read(path: &Path, graph: &Graph) -> Result<Vec<OperatorAct>, Failure> {
    let bytes = crate::files::read(path)?;
    parse(&bytes, graph).map_err(|found| {
        Failure::new(Exit::Findings, format!("`{}`: {found}", path.display())).help(found.fix)
    })
}

/// From the file's bytes.
///
/// # Errors
/// The first thing that must be changed.
pub fn parse(bytes: &[u8], graph: &Graph) -> Result<Vec<OperatorAct>, Finding> {
    const WHY: &str =
        "an operator's words count from a time on, and stand in the record with name and reason";
    let document = alula_yaml::read(bytes, Limits::SMALL)?;
    let Some(root) = &document.root else {
        return Ok(Vec::new());
    };
    let first = |found: Vec<Finding>| {
        let mut found = found.into_iter();
        found
            .next()
            .unwrap_or_else(|| Finding::new(root.place, "it cannot be read", WHY, "look at its names"))
    };
    let top = root
        .fields("the file", &["strategy", "overlays"])
        .map_err(first)?;
    if let Some(node) = top.get("strategy") {
        let name = node.text("`strategy`")?;
        if name != graph.settings.name {
            let message = format!("the file is for `{name}`, this is `{}`", graph.settings.name);
            return Err(Finding::new(
                node.place,
                message,
                WHY,
                "name the strategy, or another file",
            ));
        }
    }
    let mut acts: Vec<OperatorAct> = Vec::new();
    let mut number = 0_u32;
    let list = match top.get("overlays") {
        Some(list) => list.list("`overlays`")?,
        None => &[],
    };
    for entry in list {
        let fields = entry
            .fields(
                "an overlay",
                &["at", "who", "why", "add", "drop", "halt", "resume"],
            )
            .map_err(first)?;
        let missing = |name: &str| {
            Finding::new(
                entry.place,
                format!("`{name}` is missing"),
                WHY,
                "write `{at: 2019-05-07 10:05, who: alice, why: CPI, add: pause core}`",
            )
        };
        let text = |name: &str| -> Result<&str, Finding> {
            let node: &Node = fields.get(name).ok_or_else(|| missing(name))?;
            let text = node.text(&format!("`{name}`"))?.trim();
            if text.is_empty() {
                return Err(missing(name));
            }
            Ok(text)
        };
        let place = fields.get("at").map_or(entry.place, |n| n.place);
        let at = match at::parse_as(text("at")?, "at") {
            Ok(Moment::At(at)) => at,
            Ok(Moment::Day(date)) => Instant::from_eastern(date, 0, 0).unwrap_or_default(),
            Err(e) => return Err(Finding::new(place, e.what, WHY, "write `at: 2019-05-07 10:05`")),
        };
        if acts.last().is_some_and(|last| last.at > at) {
            let message = "this comes before the one above it";
            return Err(Finding::new(
                place,
                message,
                WHY,
                "put them in the order of their times",
            ));
        }
        let said = ["add", "drop", "halt", "resume"];
        let named: Vec<&str> = said.into_iter().filter(|n| fields.get(n).is_some()).collect();
        let [what] = named.as_slice() else {
            let message = "one of `add`, `drop`, `halt` and `resume` is needed";
            return Err(Finding::new(entry.place, message, WHY, "write `add: pause core`"));
        };
        let node = fields.get(what).map_or(entry.place, |n| n.place);
        let act = match *what {
            "add" => {
                let instruction = Instruction::parse(text("add")?)
                    .and_then(|i| i.fits(graph).map(|()| i))
                    .map_err(|e| Finding::new(node, e.what, WHY, e.help))?;
                number = number.saturating_add(1);
                Act::Add { number, instruction }
            }
            "drop" => {
                let value = fields.get("drop").map(|n| n.integer("`drop`")).transpose()?;
                let known = value.and_then(|n| u32::try_from(n).ok());
                let known = known.filter(|n| (1..=number).contains(n)).ok_or_else(|| {
                    let message = "no overlay above has this number";
                    let fix = "overlays are counted from 1 in the order in which they are added";
                    Finding::new(node, message, WHY, fix)
                })?;
                Act::Drop(known)
            }
            "halt" => {
                let level = HaltLevel::parse(text("halt")?);
                let level = level.ok_or_else(|| {
                    Finding::new(
                        node,
                        "a halt is of `entries` or `all`",
                        WHY,
                        "write `halt: entries`",
                    )
                })?;
                Act::Halt(level)
            }
            _ => Act::Resume,
        };
        acts.push(OperatorAct {
            at,
            act,
            who: text("who")?.to_owned(),
            why: text("why")?.to_owned(),
        });
    }
    Ok(acts)
}
