//! What an indicator says of itself.

use super::{Fault, FaultKind};
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// Units that a plugin may name: words of the language.
const UNITS: [&str; 9] = [
    "number", "ratio", "count", "percent", "vol", "pts", "usd", "delta", "bool",
];
/// Longest name, in bytes.
const NAME_MAX: usize = 64;

/// A parameter that an indicator is set up with.
#[derive(Clone, Debug, PartialEq)]
pub struct ParamInfo {
    /// Name.
    pub name: String,
    /// What it is.
    pub doc: String,
    /// Word of the language; none where any unit will do.
    pub unit: Option<String>,
    /// A whole number.
    pub whole: bool,
    /// Smallest.
    pub min: f64,
    /// Largest.
    pub max: f64,
    /// Value where none is given.
    pub default: f64,
}

impl ParamInfo {
    /// Whether a value will do.
    ///
    /// # Errors
    /// Outside the range, or a fraction where a whole number is wanted.
    pub fn accepts(&self, value: f64) -> Result<(), Fault> {
        let (name, min, max) = (&self.name, self.min, self.max);
        if !value.is_finite() || value < min || value > max {
            let text = format!("`{name}` is {value}, outside {min}..{max}");
            return Err(Fault::new(FaultKind::Parameters, text));
        }
        if self.whole && value.fract() != 0.0 {
            let text = format!("`{name}` is {value}, and is a whole number");
            return Err(Fault::new(FaultKind::Parameters, text));
        }
        Ok(())
    }
}

/// A series that goes in or comes out.
#[derive(Clone, Debug, PartialEq)]
pub struct PortInfo {
    /// Name.
    pub name: String,
    /// What it is.
    pub doc: String,
    /// Word of the language; none where any unit will do.
    pub unit: Option<String>,
    /// Smallest.
    pub lo: Option<f64>,
    /// Largest.
    pub hi: Option<f64>,
}

impl PortInfo {
    /// Finite, inside the range, and for a truth value 0 or 1.
    #[must_use]
    pub fn holds(&self, value: f64) -> bool {
        value.is_finite()
            && self.lo.is_none_or(|lo| value >= lo)
            && self.hi.is_none_or(|hi| value <= hi)
            && (!self.is_bool() || is_truth(value))
    }

    /// A truth value.
    #[must_use]
    pub fn is_bool(&self) -> bool {
        self.unit.as_deref() == Some("bool")
    }

    /// The range as text, empty where there is none.
    #[must_use]
    pub fn range(&self) -> String {
        let end = |x: Option<f64>| match x {
            None => String::new(),
            Some(x) if x != 0.0 && !(1e-6..1e9).contains(&x.abs()) => format!("{x:e}"),
            Some(x) => x.to_string(),
        };
        match (self.lo, self.hi) {
            (None, None) => String::new(),
            (lo, hi) => format!("{}..{}", end(lo), end(hi)),
        }
    }
}

/// An indicator.
#[derive(Clone, Debug, PartialEq)]
pub struct IndicatorInfo {
    /// Name, a name of the language.
    pub id: String,
    /// Version.
    pub version: String,
    /// What it is.
    pub doc: String,
    /// Version of its saved state.
    pub state_version: u32,
    /// It has a batch function of its own.
    pub batch: bool,
    /// It reads an option chain, and no series.
    pub chain: bool,
    /// It reads open interest: a chain without any is not passed to it.
    pub interest: bool,
    /// Parameters.
    pub params: Vec<ParamInfo>,
    /// Inputs.
    pub inputs: Vec<PortInfo>,
    /// Outputs.
    pub outputs: Vec<PortInfo>,
}

impl IndicatorInfo {
    /// Checks that names are names and different, ranges are ranges, and defaults lie in them.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self) -> Result<(), Fault> {
        let wrong = |what: String| Err(Fault::new(FaultKind::Contract, what));
        if !is_name(&self.id) {
            return wrong(format!(
                "`{}` is no name of the language: lower-case letters, digits and underscores",
                self.id
            ));
        }
        if self.inputs.is_empty() != self.chain || self.outputs.is_empty() {
            return wrong(if self.chain && !self.inputs.is_empty() {
                format!("`{}` reads a chain, and series too", self.id)
            } else {
                format!("`{}` has no inputs or no outputs", self.id)
            });
        }
        let mut seen = BTreeSet::new();
        let names = self.params.iter().map(|p| &p.name);
        for name in names.chain(self.inputs.iter().map(|p| &p.name)) {
            if !is_name(name) || !seen.insert(name) {
                return wrong(format!("`{}`: `{name}` is no name, or is there twice", self.id));
            }
        }
        seen.clear();
        for port in &self.outputs {
            if !is_name(&port.name) || !seen.insert(&port.name) {
                return wrong(format!(
                    "`{}`: `{}` is no name, or is there twice",
                    self.id, port.name
                ));
            }
        }
        let units = self.params.iter().map(|p| &p.unit);
        let ports = self.inputs.iter().chain(&self.outputs);
        for unit in units.chain(ports.clone().map(|p| &p.unit)).flatten() {
            if !UNITS.contains(&unit.as_str()) {
                return wrong(format!(
                    "`{}`: there is no unit `{unit}`; write {}",
                    self.id,
                    UNITS.join(", ")
                ));
            }
        }
        for port in ports {
            if let (Some(lo), Some(hi)) = (port.lo, port.hi)
                && lo > hi
            {
                return wrong(format!("`{}`: the range of `{}` is empty", self.id, port.name));
            }
        }
        for param in &self.params {
            let bounds = [param.min, param.max].iter().all(|x| x.is_finite());
            if !bounds || param.accepts(param.default).is_err() {
                return wrong(format!(
                    "`{}`: the default of `{}` is outside its own range",
                    self.id, param.name
                ));
            }
        }
        Ok(())
    }

    /// Its texts that are no names.
    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        let ports = self.inputs.iter().chain(&self.outputs).map(|p| p.doc.as_str());
        let params = self.params.iter().map(|p| p.doc.as_str());
        [self.version.as_str(), self.doc.as_str()]
            .into_iter()
            .chain(ports)
            .chain(params)
    }

    /// The line that a strategy declares it with.
    #[must_use]
    pub fn declaration(&self, plugin: &str) -> String {
        let unit = |u: &Option<String>| u.clone().unwrap_or_else(|| "number".to_owned());
        let mut text = format!("use plugin \"{plugin}\" as {}(", self.id);
        let chain = self.chain.then(|| "chain: chain".to_owned());
        let ports = self.inputs.iter();
        let series = chain
            .into_iter()
            .chain(ports.map(|p| format!("{}: {}", p.name, unit(&p.unit))));
        let numbers = self
            .params
            .iter()
            .map(|p| format!("{} = {}", p.name, literal(p.default, p.unit.as_deref())));
        text.push_str(&series.chain(numbers).collect::<Vec<_>>().join(", "));
        text.push_str(") -> ");
        match self.outputs.as_slice() {
            [one] => text.push_str(&unit(&one.unit)),
            several => {
                for (i, p) in several.iter().enumerate() {
                    let comma = if i == 0 { "" } else { ", " };
                    // Writing to a string cannot fail.
                    let _ = write!(text, "{comma}{}: {}", p.name, unit(&p.unit));
                }
            }
        }
        text
    }
}

/// A number as the language writes it.
fn literal(value: f64, unit: Option<&str>) -> String {
    match unit {
        Some("percent") => format!("{}%", (value * 1e8).round() / 1e6),
        Some("vol") => format!("{value} vol"),
        Some("pts") => format!("{value} pts"),
        Some("usd") => format!("${value}"),
        _ => value.to_string(),
    }
}

/// 0 or 1, bit for bit but for the sign of zero.
fn is_truth(value: f64) -> bool {
    let bits = (value + 0.0).to_bits();
    bits == 0.0_f64.to_bits() || bits == 1.0_f64.to_bits()
}

pub(super) fn is_name(text: &str) -> bool {
    text.len() <= NAME_MAX
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}
