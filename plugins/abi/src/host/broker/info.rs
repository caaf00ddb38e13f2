//! What a plugin says of its brokers: names, abilities, settings and what these can be.

use crate::broker::{Caps, TEXT_MAX};
use crate::host::describe::is_name;
use crate::host::table::{contract, read_all, text_at};
use crate::host::{Fault, FaultKind};
use crate::raw;
use std::collections::BTreeSet;

/// What a setting can be.
#[derive(Clone, Debug, PartialEq)]
pub enum SettingKind {
    /// A whole number.
    Whole {
        /// Smallest.
        min: i64,
        /// Largest.
        max: i64,
        /// Where none is given.
        default: i64,
    },
    /// A number.
    Number {
        /// Smallest.
        min: f64,
        /// Largest.
        max: f64,
        /// Where none is given.
        default: f64,
    },
    /// A text.
    Text {
        /// Where none is given; `None`: it must be given.
        default: Option<String>,
    },
}

/// A setting that a broker is made with.
#[derive(Clone, Debug, PartialEq)]
pub struct SettingInfo {
    /// Name.
    pub name: String,
    /// What it is.
    pub doc: String,
    /// Kind, range and default.
    pub kind: SettingKind,
}

/// A value of a setting.
#[derive(Clone, Debug, PartialEq)]
pub enum SettingValue {
    /// A whole number.
    Whole(i64),
    /// A number.
    Number(f64),
    /// A text.
    Text(String),
}

impl SettingInfo {
    /// A value from words.
    ///
    /// # Errors
    /// When they are no such value, or it is out of range.
    pub fn parse(&self, words: &str) -> Result<SettingValue, Fault> {
        let wrong = |why: String| {
            Fault::new(
                FaultKind::Parameters,
                format!("`{}` is `{words}`, {why}", self.name),
            )
        };
        match &self.kind {
            SettingKind::Text { .. } => {
                if words.len() > TEXT_MAX || words.chars().any(char::is_control) {
                    return Err(wrong(format!("no line of at most {TEXT_MAX} bytes")));
                }
                Ok(SettingValue::Text(words.to_owned()))
            }
            SettingKind::Whole { min, max, .. } => {
                let value = words.parse().ok().filter(|i| (min..=max).contains(&i));
                value
                    .map(SettingValue::Whole)
                    .ok_or_else(|| wrong(format!("no whole number in {min}..{max}")))
            }
            SettingKind::Number { min, max, .. } => {
                let value = words.parse::<f64>().ok().filter(|x| x >= min && x <= max);
                value
                    .map(SettingValue::Number)
                    .ok_or_else(|| wrong(format!("no number in {min}..{max}")))
            }
        }
    }

    /// The default as words; `None`: it must be given.
    #[must_use]
    pub fn default_words(&self) -> Option<String> {
        match &self.kind {
            SettingKind::Whole { default, .. } => Some(default.to_string()),
            SettingKind::Number { default, .. } => Some(default.to_string()),
            SettingKind::Text { default } => default.clone(),
        }
    }
}

/// A broker of a plugin.
#[derive(Clone, Debug, PartialEq)]
pub struct BrokerInfo {
    /// Name.
    pub id: String,
    /// Version.
    pub version: String,
    /// What it is.
    pub doc: String,
    /// What it can do.
    pub caps: Caps,
    /// Settings.
    pub settings: Vec<SettingInfo>,
}

impl BrokerInfo {
    fn check(&self) -> Result<(), Fault> {
        let id = &self.id;
        let wrong = |what: String| Err(contract(format!("`{id}`: {what}")));
        if !is_name(id) {
            return wrong("it is no name: lower-case letters, digits and underscores".to_owned());
        }
        if self.caps.has(Caps::LIVE.and(Caps::SIMULATED)) {
            return wrong("it says that it is simulated and that it trades real money".to_owned());
        }
        let mut seen = BTreeSet::new();
        for setting in &self.settings {
            let name = &setting.name;
            if !is_name(name) || !seen.insert(name) {
                return wrong(format!("`{name}` is no name, or is there twice"));
            }
            let sound = match &setting.kind {
                SettingKind::Whole { min, max, default } => (min..=max).contains(&default),
                SettingKind::Number { min, max, default } => {
                    min.is_finite() && max.is_finite() && default >= min && default <= max
                }
                SettingKind::Text { default } => default.as_ref().is_none_or(|d| d.len() <= TEXT_MAX),
            };
            if !sound {
                return wrong(format!("the default of `{name}` is outside its own range"));
            }
        }
        Ok(())
    }
}

/// # Safety
/// The descriptor's texts and tables are there for the numbers that it gives.
pub(super) unsafe fn info(desc: &raw::BrokerDesc) -> Result<BrokerInfo, Fault> {
    // SAFETY: by the caller's promise, for each of them; a doc that is null is not read.
    let info = unsafe {
        let doc = |at: *const std::ffi::c_char, what: &str| {
            if at.is_null() {
                Ok(String::new())
            } else {
                text_at(at, what)
            }
        };
        let settings = read_all::<raw::SettingDesc>(desc.settings, desc.n_settings, "settings")?;
        let setting = |d: &raw::SettingDesc| -> Result<SettingInfo, Fault> {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "an `as` saturates; ranges are checked after it"
            )]
            let kind = match d.kind {
                raw::SETTING_I64 => SettingKind::Whole {
                    min: d.min as i64,
                    max: d.max as i64,
                    default: d.def as i64,
                },
                raw::SETTING_F64 => SettingKind::Number {
                    min: d.min,
                    max: d.max,
                    default: d.def,
                },
                raw::SETTING_STR => SettingKind::Text {
                    default: if d.text.is_null() {
                        None
                    } else {
                        Some(text_at(d.text, "a default")?)
                    },
                },
                kind => return Err(contract(format!("a setting is of kind {kind}"))),
            };
            Ok(SettingInfo {
                name: text_at(d.name, "a setting")?,
                doc: doc(d.doc, "a setting's doc")?,
                kind,
            })
        };
        BrokerInfo {
            id: text_at(desc.id, "a broker's id")?,
            version: text_at(desc.version, "a broker's version")?,
            doc: doc(desc.doc, "a broker's doc")?,
            caps: Caps(desc.caps),
            settings: settings.iter().map(setting).collect::<Result<_, _>>()?,
        }
    };
    info.check()?;
    Ok(info)
}
