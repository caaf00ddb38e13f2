//! What a run was made of, as its journal holds it: enough to make it again.

use crate::exit::{Exit, Failure};
use crate::project::Linked;
use alula_run::output::Manifest;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Version of the layout.
const FORMAT: u64 = 1;

/// A run's sources and settings, read back from its journal.
#[derive(Debug)]
pub struct Basis {
    /// Strategy file among [`Basis::files`].
    pub entry: String,
    /// Thresholds file among them, if there was one.
    pub thresholds: Option<String>,
    /// Every file, by its path below the strategy's folder.
    pub files: BTreeMap<String, String>,
    /// Settings of the strategy, those of the command line written over them.
    pub settings: BTreeMap<String, String>,
    /// Period asked for.
    pub from: Option<chrono::NaiveDate>,
    /// Period asked for.
    pub to: Option<chrono::NaiveDate>,
    /// Seed of the simulated market; none over a store.
    pub seed: Option<u64>,
    /// Its years.
    pub years: Option<u32>,
    /// The market is simulated.
    pub simulated: bool,
    /// Hash of the data.
    pub data: String,
    /// Label of the data.
    pub label: String,
    /// Settings of the broker, where orders go to one.
    pub broker: BTreeMap<String, String>,
    /// The feed of a broker's quotes that the data go on with.
    pub feed: Option<Value>,
    /// What the broker's word on margin counts for, where it was said.
    pub what_if: Option<String>,
}

/// As bytes for the journal.
pub fn write(
    linked: &Linked<'_>,
    m: &Manifest,
    (seed, years): (Option<u64>, Option<u32>),
    (broker, what_if): (&[(String, String)], Option<&str>),
    feed: Option<Value>,
) -> Vec<u8> {
    let inputs = &linked.inputs;
    let all = inputs
        .sources
        .iter()
        .chain(&inputs.thresholds)
        .chain(&inputs.scripts);
    let files: BTreeMap<&str, std::borrow::Cow<'_, str>> = all
        .map(|(name, bytes)| (name.as_str(), String::from_utf8_lossy(bytes)))
        .collect();
    let broker: BTreeMap<&str, &str> = broker.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let value = json!({
        "format": FORMAT, "entry": inputs.sources.first().map(|(name, _)| name),
        "thresholds": inputs.thresholds.as_ref().map(|(name, _)| name), "files": files, "settings": m.settings,
        "from": m.from.map(|d| d.to_string()), "to": m.to.map(|d| d.to_string()), "seed": seed, "years": years,
        "simulated": m.simulated, "data": m.hashes.get("data"), "label": m.data_label,
        "broker": broker, "feed": feed, "what_if": what_if,
    });
    value.to_string().into_bytes()
}

/// A strategy that took the place of the one before, as bytes for the journal.
pub fn of_strategy(fit: &crate::strategy::Fit, settings: &BTreeMap<String, String>) -> Vec<u8> {
    let inputs = &fit.rules.inputs;
    let all = inputs.sources.iter().chain(&inputs.scripts);
    let files: BTreeMap<&str, std::borrow::Cow<'_, str>> = all
        .map(|(name, bytes)| (name.as_str(), String::from_utf8_lossy(bytes)))
        .collect();
    let value = json!({
        "format": FORMAT, "entry": inputs.sources.first().map(|(name, _)| name), "files": files, "settings": settings,
    });
    value.to_string().into_bytes()
}

/// From the bytes in a journal.
///
/// # Errors
/// When they are not of this layout.
pub fn read(bytes: &[u8]) -> Result<Basis, Failure> {
    let wrong = || {
        Failure::new(Exit::Data, "the journal does not say what its run was made of")
            .help("replay it with the program version that wrote it")
    };
    let value: Value = serde_json::from_slice(bytes).map_err(|_| wrong())?;
    if value.get("format").and_then(Value::as_u64) != Some(FORMAT) {
        return Err(wrong());
    }
    let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    let table = |name: &str| -> Option<BTreeMap<String, String>> {
        let entries = value.get(name)?.as_object()?.iter();
        entries
            .map(|(k, v)| Some((k.clone(), v.as_str()?.to_owned())))
            .collect()
    };
    let date = |name: &str| text(name).and_then(|t| t.parse().ok());
    Ok(Basis {
        entry: text("entry").ok_or_else(wrong)?,
        thresholds: text("thresholds"),
        files: table("files").ok_or_else(wrong)?,
        settings: table("settings").ok_or_else(wrong)?,
        from: date("from"),
        to: date("to"),
        seed: value.get("seed").and_then(Value::as_u64),
        years: value
            .get("years")
            .and_then(Value::as_u64)
            .and_then(|y| u32::try_from(y).ok()),
        simulated: value.get("simulated").and_then(Value::as_bool).unwrap_or(false),
        data: text("data").unwrap_or_default(),
        label: text("label").unwrap_or_default(),
        feed: value.get("feed").filter(|f| f.is_object()).cloned(),
        broker: table("broker").unwrap_or_default(),
        what_if: text("what_if"),
    })
}

impl Basis {
    /// Writes the files into a folder and says where the strategy is.
    ///
    /// # Errors
    /// When a name leaves the folder, or a file cannot be written.
    pub fn unpack(&self, folder: &Path) -> Result<PathBuf, Failure> {
        for (name, text) in &self.files {
            let plain = Path::new(name)
                .components()
                .all(|c| matches!(c, std::path::Component::Normal(_)));
            if !plain {
                return Err(Failure::new(
                    Exit::Data,
                    format!("the journal names a file `{name}` outside of its folder"),
                ));
            }
            let path = folder.join(name);
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent).map_err(|e| Failure::io("write", parent, &e))?;
            }
            std::fs::write(&path, text).map_err(|e| Failure::io("write", &path, &e))?;
        }
        Ok(folder.join(&self.entry))
    }
}
