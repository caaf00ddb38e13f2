//! Chains that are computed around a vol.

use super::{keep, repeated};
use crate::file::{Layers, Subject, unknown};
use crate::notation;
use crate::spec::{ChainSpec, VolSource};
use alula_yaml::{Finding, Node};
use std::collections::BTreeMap;

pub(super) fn chains(
    layers: Layers<'_>,
    subject: &Subject<'_>,
    has_data: bool,
    steps: usize,
    found: &mut Vec<Finding>,
) -> BTreeMap<String, ChainSpec> {
    let mut out = BTreeMap::new();
    if !has_data {
        for underlying in subject.plan.chains() {
            let spec = match underlying.as_str() {
                "VIX" => ChainSpec {
                    listed: false,
                    spot: None,
                    ..ChainSpec::default()
                },
                "XSP" => ChainSpec {
                    spot: Some(ChainSpec::SPOT / 10.0),
                    ..ChainSpec::default()
                },
                _ => ChainSpec::default(),
            };
            out.insert(underlying.clone(), spec);
        }
    }
    for entry in layers.merged("chain", found) {
        let known: Vec<&str> = subject.plan.chains().iter().map(String::as_str).collect();
        if !known.contains(&entry.name.as_str()) {
            found.push(unknown("option chain", &entry.name, entry.place, &known));
            continue;
        }
        let held = out.remove(&entry.name).unwrap_or_default();
        let Some(mut spec) = keep(chain(&entry.value, held, subject), found) else {
            continue;
        };
        if let VolSource::Path(path) = spec.vol {
            let path = repeated(path, steps);
            if path.len() != steps {
                found.push(Finding::new(
                    entry.value.place,
                    format!("the vol has {} values, the case has {steps} steps", path.len()),
                    "a value that nobody wrote would be a guess",
                    "give one value per step, or a single value that holds throughout",
                ));
            }
            spec.vol = VolSource::Path(path);
        }
        out.insert(entry.name.clone(), spec);
    }
    out
}

/// `flat 18 vol`, `flat VIX`, `none`, or a mapping of vol, skew, spread and spot.
fn chain(node: &Node, held: ChainSpec, subject: &Subject<'_>) -> Result<ChainSpec, Finding> {
    let fix = "write `flat 18 vol`, `flat VIX`, `none`, or `{vol: 18, skew: 4, spread: 2%, spot: 4500}`";
    let bad = |what: String| Finding::new(node.place, what, "a chain is computed around a vol", fix);
    if node.scalar().is_some() {
        let text = node.text("a chain")?;
        if text == "none" {
            return Ok(ChainSpec {
                listed: false,
                ..held
            });
        }
        let rest = text
            .strip_prefix("flat ")
            .ok_or_else(|| bad(format!("`{text}` is not a chain")))?;
        return Ok(ChainSpec {
            listed: true,
            vol: vol(rest, node, subject)?,
            ..held
        });
    }
    let fields = node
        .fields("a chain", &["vol", "skew", "spread", "spot"])
        .map_err(|all| {
            all.into_iter()
                .next()
                .unwrap_or_else(|| bad("it is not a chain".to_owned()))
        })?;
    let mut spec = ChainSpec { listed: true, ..held };
    if let Some(n) = fields.get("vol") {
        spec.vol = vol(n.text("`vol`")?, n, subject)?;
    }
    let amount = |name: &str, suffix: &str, (lo, hi): (f64, f64)| -> Result<Option<f64>, Finding> {
        let Some(n) = fields.get(name) else {
            return Ok(None);
        };
        let text = n.text(&format!("`{name}`"))?;
        let digits = text.strip_suffix(suffix).unwrap_or(text).trim();
        let value = digits.parse::<f64>().ok().filter(|v| (lo..=hi).contains(v));
        value.map(Some).ok_or_else(|| {
            Finding::new(
                n.place,
                format!("`{text}` is not a {name}"),
                format!("it is a number from {lo} to {hi}"),
                fix,
            )
        })
    };
    if let Some(skew) = amount("skew", "vol", (-50.0, 50.0))? {
        spec.skew = skew / 100.0;
    }
    if let Some(spread) = amount("spread", "%", (0.0, 100.0))? {
        spec.spread = spread / 100.0;
    }
    if let Some(spot) = amount("spot", "pts", (1.0, 1_000_000.0))? {
        spec.spot = Some(spot);
    }
    Ok(spec)
}

fn vol(text: &str, node: &Node, subject: &Subject<'_>) -> Result<VolSource, Finding> {
    let path = notation::series(text.strip_suffix("vol").unwrap_or(text).trim());
    if let Ok(path) = path
        && path.iter().flatten().all(|v| (1.0..=300.0).contains(v))
    {
        return Ok(VolSource::Path(path));
    }
    if subject.series().contains(text) {
        return Ok(VolSource::Series(text.to_owned(), ChainSpec::VOL));
    }
    Err(Finding::new(
        node.place,
        format!("`{text}` is not a vol"),
        "it is vol points from 1 to 300, or a series of the case",
        "write `18 vol`, `30x2 12 vol` or `VIX`",
    ))
}
