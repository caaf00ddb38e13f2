//! The manifest as JSON, keys sorted.

use super::file_error;
use crate::course::{Act, OperatorAct};
use crate::death::Death;
use crate::error::RunError;
use crate::output::{Manifest, ThresholdRow, UpgradeRow};
use alula_market::money::Usd;
use alula_market::time::{Date, Instant};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

#[derive(Serialize, Deserialize)]
struct ManifestFile {
    format: u32,
    engine: String,
    run_id: String,
    strategy: String,
    doc: String,
    underlying: String,
    from: Option<String>,
    to: Option<String>,
    first_tick: Option<i64>,
    last_tick: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stopped: Option<i64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    operator: Vec<ActFile>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    upgrades: Vec<UpgradeFile>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    deaths: Vec<DeathFile>,
    ticks: u64,
    mode: String,
    capital_micro_usd: i64,
    settings: BTreeMap<String, String>,
    hashes: BTreeMap<String, String>,
    data_label: String,
    simulated: bool,
    data_notes: Vec<String>,
    marks: Vec<String>,
    gaps: Vec<String>,
    empty_chains: Vec<i64>,
    chain: String,
    thresholds: Vec<ThresholdFile>,
    files: BTreeMap<String, String>,
}

#[derive(Serialize, Deserialize)]
struct ActFile {
    at: i64,
    act: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    who: String,
    why: String,
}

#[derive(Serialize, Deserialize)]
struct DeathFile {
    generation: u32,
    plugin: String,
    function: String,
    node: String,
    text: String,
    row: u64,
    at: i64,
    why: String,
}

#[derive(Serialize, Deserialize)]
struct UpgradeFile {
    tick: u32,
    at: i64,
    plugin: String,
    sha256: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    difference: String,
}

#[derive(Serialize, Deserialize)]
struct ThresholdFile {
    name: String,
    suffix: String,
    value: f64,
    default: f64,
    min: f64,
    max: f64,
    doc: String,
}

pub(super) fn to_json(m: &Manifest) -> Result<Vec<u8>, RunError> {
    let file = ManifestFile {
        format: m.format,
        engine: m.engine.clone(),
        run_id: m.run_id.clone(),
        strategy: m.strategy.clone(),
        doc: m.doc.clone(),
        underlying: m.underlying.clone(),
        from: m.from.map(|d| d.to_string()),
        to: m.to.map(|d| d.to_string()),
        first_tick: m.first_tick.map(|t| t.0),
        last_tick: m.last_tick.map(|t| t.0),
        stopped: m.stopped.map(|t| t.0),
        operator: m
            .operator
            .iter()
            .map(|a| ActFile {
                at: a.at.0,
                act: a.act.text(),
                who: a.who.clone(),
                why: a.why.clone(),
            })
            .collect(),
        upgrades: m
            .upgrades
            .iter()
            .map(|u| UpgradeFile {
                tick: u.tick,
                at: u.at.0,
                plugin: u.plugin.clone(),
                sha256: u.sha256.clone(),
                difference: u.difference.clone(),
            })
            .collect(),
        deaths: m
            .deaths
            .iter()
            .map(|d| DeathFile {
                generation: d.generation,
                plugin: d.plugin.clone(),
                function: d.function.clone(),
                node: d.node.clone(),
                text: d.text.clone(),
                row: d.row,
                at: d.at.0,
                why: d.why.clone(),
            })
            .collect(),
        ticks: m.ticks,
        mode: m.mode.clone(),
        capital_micro_usd: m.capital.0,
        settings: m.settings.clone(),
        hashes: m.hashes.clone(),
        data_label: m.data_label.clone(),
        simulated: m.simulated,
        data_notes: m.data_notes.clone(),
        marks: m.marks.clone(),
        gaps: m.gaps.iter().map(ToString::to_string).collect(),
        empty_chains: m.empty_chains.iter().map(|t| t.0).collect(),
        chain: m.chain.clone(),
        thresholds: m.thresholds.iter().map(threshold_file).collect(),
        files: m.files.clone(),
    };
    let failed =
        |e: serde_json::Error| file_error(format!("the manifest cannot be written: {e}"), "report this");
    let sorted = sorted(serde_json::to_value(&file).map_err(failed)?);
    let mut bytes = serde_json::to_vec_pretty(&sorted).map_err(failed)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// Keys in order, whatever map the JSON library was built with.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let ordered: BTreeMap<String, Value> = map.into_iter().map(|(k, v)| (k, sorted(v))).collect();
            Value::Object(ordered.into_iter().collect())
        }
        Value::Array(list) => Value::Array(list.into_iter().map(sorted).collect()),
        other => other,
    }
}

fn threshold_file(t: &ThresholdRow) -> ThresholdFile {
    ThresholdFile {
        name: t.name.clone(),
        suffix: t.suffix.clone(),
        value: t.value,
        default: t.default,
        min: t.min,
        max: t.max,
        doc: t.doc.clone(),
    }
}

pub(super) fn from_json(bytes: &[u8]) -> Result<Manifest, RunError> {
    let bad = |e: String| {
        file_error(
            format!("the manifest cannot be read: {e}"),
            "run the backtest again",
        )
    };
    let file: ManifestFile = serde_json::from_slice(bytes).map_err(|e| bad(e.to_string()))?;
    if file.format != crate::manifest::FORMAT {
        let help = if file.format < crate::manifest::FORMAT {
            "run the backtest again"
        } else {
            "read it with the program version that wrote it"
        };
        let what = format!(
            "the run folder is of format {}, this program reads {}",
            file.format,
            crate::manifest::FORMAT
        );
        return Err(file_error(what, help));
    }
    let date = |text: &str| text.parse::<Date>().map_err(|e| bad(format!("`{text}`: {e}")));
    let thresholds = file.thresholds.into_iter().map(|t| ThresholdRow {
        name: t.name,
        suffix: t.suffix,
        value: t.value,
        default: t.default,
        min: t.min,
        max: t.max,
        doc: t.doc,
    });
    Ok(Manifest {
        format: file.format,
        engine: file.engine,
        run_id: file.run_id,
        strategy: file.strategy,
        doc: file.doc,
        underlying: file.underlying,
        from: file.from.as_deref().map(date).transpose()?,
        to: file.to.as_deref().map(date).transpose()?,
        first_tick: file.first_tick.map(Instant),
        last_tick: file.last_tick.map(Instant),
        stopped: file.stopped.map(Instant),
        operator: file
            .operator
            .into_iter()
            .map(|a| {
                let act = Act::parse(&a.act).ok_or_else(|| bad(format!("no act `{}`", a.act)))?;
                Ok(OperatorAct {
                    at: Instant(a.at),
                    act,
                    who: a.who,
                    why: a.why,
                })
            })
            .collect::<Result<_, RunError>>()?,
        upgrades: file
            .upgrades
            .into_iter()
            .map(|u| UpgradeRow {
                tick: u.tick,
                at: Instant(u.at),
                plugin: u.plugin,
                sha256: u.sha256,
                difference: u.difference,
            })
            .collect(),
        deaths: file
            .deaths
            .into_iter()
            .map(|d| Death {
                generation: d.generation,
                plugin: d.plugin,
                function: d.function,
                node: d.node,
                text: d.text,
                row: d.row,
                at: Instant(d.at),
                why: d.why,
                recorded: true,
            })
            .collect(),
        ticks: file.ticks,
        mode: file.mode,
        capital: Usd(file.capital_micro_usd),
        settings: file.settings,
        hashes: file.hashes,
        data_label: file.data_label,
        simulated: file.simulated,
        data_notes: file.data_notes,
        marks: file.marks,
        gaps: file.gaps.iter().map(|d| date(d)).collect::<Result<_, _>>()?,
        empty_chains: file.empty_chains.into_iter().map(Instant).collect(),
        chain: file.chain,
        thresholds: thresholds.collect(),
        files: file.files,
    })
}
