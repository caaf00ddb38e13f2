//! Quotes that a case gives by itself.

use super::keep;
use crate::file::Layers;
use crate::file::expect::moment;
use crate::spec::{Moment, QuoteLine};
use alula_market::chain::Quote;
use alula_market::contract::{OptionContract, Right, Root};
use alula_market::money::Price;
use alula_market::time::{Date, Instant};
use alula_yaml::{Finding, Node, Place};

/// Quotes that hold throughout, or lists of them with `at`.
pub(super) fn quotes(layers: Layers<'_>, steps: &[Instant], found: &mut Vec<Finding>) -> Vec<QuoteLine> {
    let mut out = Vec::new();
    let whole = (0, steps.len().saturating_sub(1));
    for layer in [layers.defaults, layers.own] {
        let entry = layer.iter().find(|e| e.name == "quotes");
        let Some(node) = entry.map(|e| &e.value).filter(|n| !n.is_null()) else {
            continue;
        };
        let blocks: Vec<&Node> = match node.list("") {
            Ok(list) => list.iter().collect(),
            Err(_) => vec![node],
        };
        for block in blocks {
            let Some(entries) = keep(block.map("`quotes`"), found) else {
                continue;
            };
            let span = match entries.iter().find(|e| e.name == "at") {
                None => Ok(whole),
                Some(entry) => moment(&entry.value).and_then(|m| span(m, steps, &entry.value)),
            };
            let Some((from, to)) = keep(span, found) else {
                continue;
            };
            for entry in entries.iter().filter(|e| e.name != "at") {
                let line = quote(&entry.value).and_then(|quote| {
                    Ok(QuoteLine {
                        from,
                        to,
                        contract: contract(&entry.name, entry.place)?,
                        quote,
                    })
                });
                out.extend(keep(line, found));
            }
        }
    }
    out
}

/// Steps that a moment of a quote means.
fn span(moment: Moment, steps: &[Instant], node: &Node) -> Result<(usize, usize), Finding> {
    let last = steps.len().saturating_sub(1);
    let found = match moment {
        Moment::Every => return Ok((0, last)),
        Moment::First => Some(0),
        Moment::Last => Some(last),
        Moment::Step(n) => Some(n - 1).filter(|i| *i <= last),
        Moment::Day(date) => {
            let first = steps.iter().position(|t| t.date() == date);
            let end = steps.iter().rposition(|t| t.date() == date);
            if let (Some(first), Some(end)) = (first, end) {
                return Ok((first, end));
            }
            None
        }
        Moment::At(at) => steps.binary_search(&at).ok(),
    };
    found.map(|i| (i, i)).ok_or_else(|| {
        let range = match (steps.first(), steps.last()) {
            (Some(first), Some(end)) => format!("its steps run from {first} to {end}"),
            _ => "it has no steps".to_owned(),
        };
        Finding::new(
            node.place,
            "the case has no such step",
            range,
            "choose one of its steps",
        )
    })
}

/// `12.30/12.80`, or `none`.
fn quote(node: &Node) -> Result<Option<Quote>, Finding> {
    let text = node.text("a quote")?;
    if text == "none" {
        return Ok(None);
    }
    let parsed = text
        .split_once('/')
        .and_then(|(bid, ask)| Price::parse(bid.trim()).zip(Price::parse(ask.trim())));
    parsed
        .filter(|(bid, ask)| bid.0 >= 0 && ask.0 >= 0)
        .map(|(bid, ask)| Some(Quote { bid, ask }))
        .ok_or_else(|| {
            Finding::new(
                node.place,
                format!("`{text}` is not a quote"),
                "a quote is a bid and an ask in points",
                "write `12.30/12.80`, or `none` where there is no market",
            )
        })
}

/// `SPXW 2024-03-01 P4300`
fn contract(text: &str, place: Place) -> Result<OptionContract, Finding> {
    let parse = || {
        let mut words = text.split_whitespace();
        let root = Root::parse(words.next()?)?;
        let expiry: Date = words.next()?.parse().ok()?;
        let last = words.next()?;
        let (right, strike) = match last.split_at_checked(1)? {
            ("P", strike) => (Right::Put, strike),
            ("C", strike) => (Right::Call, strike),
            _ => return None,
        };
        let strike = Price::parse(strike).filter(|k| k.0 > 0)?;
        words.next().is_none().then_some(OptionContract {
            root,
            expiry,
            right,
            strike,
        })
    };
    parse().ok_or_else(|| {
        Finding::new(
            place,
            format!("`{text}` is not a contract"),
            "a contract is root, expiry, right and strike",
            "write `SPXW 2024-03-01 P4300`",
        )
    })
}
