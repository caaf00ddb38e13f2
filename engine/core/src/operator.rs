//! What an operator adds to the rules of a strategy that runs in promoter posture: overlays.
//!
//! An overlay names a node of the strategy and changes what the rules do with it: it multiplies what a layer asks for, holds
//! entries back, closes a structure, or opens one whose condition it waives. Everything else stays as it is written: guards,
//! caps, budgets, sizes, margin and the solver of hedges judge its orders as they judge those of rules, so that an overlay
//! cannot carry a hedge above its ceiling. Overlays are inputs of a tick, as values of thresholds are.

use alula_dsl::graph::{Graph, PolicyDef, RuleAction};
use alula_market::time::{Date, Instant};
use std::fmt;
use std::sync::Arc;

/// What the keys of orders begin with that an overlay makes; its number follows: `operator-3`. No name of a strategy has a
/// hyphen.
pub const OVERLAY_KEY: &str = "operator-";
/// Largest factor of a layer, in percent.
pub const SCALE_MAX: u32 = 300;

/// What is done to a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Intervention {
    /// What a layer asks for is multiplied, before step limits, caps and budgets.
    Scale {
        /// Layer.
        layer: String,
        /// Percent, 0 to [`SCALE_MAX`].
        percent: u32,
    },
    /// Nothing is opened: entries of a structure, what a layer would buy, trades of an overlay. What is held stays, rolls and
    /// exits go on.
    Pause(String),
    /// Every position of a structure is closed, and nothing is opened on it until they are gone.
    Close(String),
    /// One package of a structure is opened by its own rule, whose `when` does not matter: the structure's name, or the
    /// rule's key where there are several.
    Open(String),
}

/// An intervention and how long it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// What.
    pub what: Intervention,
    /// It ends before the first tick at or after this instant. Without it a pause or a factor stands until it is dropped, and
    /// an opening is tried once.
    pub until: Option<Instant>,
}

/// Why an instruction does not do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct InstructionError {
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub help: String,
}

fn wrong(what: impl Into<String>, help: impl Into<String>) -> InstructionError {
    InstructionError {
        what: what.into(),
        help: help.into(),
    }
}

/// How instructions are written.
const FORMS: &str = "write `scale LAYER 150%`, `pause NODE`, `close STRUCTURE` or `open STRUCTURE`, and `until 2019-05-10` or \
                     `until 2019-05-10 15:45` after it";

impl fmt::Display for Instruction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.what {
            Intervention::Scale { layer, percent } => write!(f, "scale {layer} {percent}%")?,
            Intervention::Pause(node) => write!(f, "pause {node}")?,
            Intervention::Close(structure) => write!(f, "close {structure}")?,
            Intervention::Open(node) => write!(f, "open {node}")?,
        }
        match self.until {
            Some(at) => write!(f, " until {}", at.eastern().format("%Y-%m-%d %H:%M")),
            None => Ok(()),
        }
    }
}

/// `2019-05-10`, its first minute, or `2019-05-10 15:45`, at the exchange.
fn instant(words: &[&str]) -> Option<Instant> {
    let [first, rest @ ..] = words else { return None };
    let (day, time) = match (first.split_once('T'), rest) {
        (Some((day, time)), [] | ["ET"]) => (day, time),
        (None, [time] | [time, "ET"]) if *time != "ET" => (*first, *time),
        (None, [] | ["ET"]) => (*first, "0:00"),
        _ => return None,
    };
    let date = Date::parse_from_str(day, "%Y-%m-%d").ok()?;
    let (hour, minute) = time.split_once(':')?;
    Instant::from_eastern(date, hour.parse().ok()?, minute.parse().ok()?)
}

impl Instruction {
    /// Reads `scale alvh.base 150% until 2019-05-10 15:45` and the like.
    ///
    /// # Errors
    /// When it is none of the forms.
    pub fn parse(text: &str) -> Result<Self, InstructionError> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let place = words.iter().position(|w| *w == "until");
        let (said, until) = match place {
            None => (words.as_slice(), None),
            Some(i) => {
                let time = words.get(i + 1..).unwrap_or_default();
                let at = instant(time).ok_or_else(|| {
                    let help = "write exchange time: `until 2019-05-10` or `until 2019-05-10 15:45`";
                    wrong(format!("`{}` is no day and no time", time.join(" ")), help)
                })?;
                (words.get(..i).unwrap_or_default(), Some(at))
            }
        };
        let what = match said {
            ["scale", layer, factor] => {
                let number = factor.strip_suffix('%').and_then(|n| n.parse().ok());
                let percent = number.filter(|n| *n <= SCALE_MAX).ok_or_else(|| {
                    let help = format!("write whole percent from 0% to {SCALE_MAX}%: `scale {layer} 150%`");
                    wrong(format!("`{factor}` is no factor"), help)
                })?;
                Intervention::Scale {
                    layer: (*layer).to_owned(),
                    percent,
                }
            }
            ["pause", node] => Intervention::Pause((*node).to_owned()),
            ["close", structure] => Intervention::Close((*structure).to_owned()),
            ["open", node] => Intervention::Open((*node).to_owned()),
            _ => return Err(wrong(format!("`{text}` is no overlay"), FORMS)),
        };
        Ok(Self { what, until })
    }

    /// The node that it is about.
    #[must_use]
    pub fn node(&self) -> &str {
        match &self.what {
            Intervention::Scale { layer: name, .. }
            | Intervention::Pause(name)
            | Intervention::Close(name)
            | Intervention::Open(name) => name,
        }
    }

    /// Whether a strategy takes it: its posture, and the node.
    ///
    /// # Errors
    /// When it runs as steward, or has no such node.
    pub fn fits(&self, graph: &Graph) -> Result<(), InstructionError> {
        if !graph.settings.promoter {
            let what = format!(
                "`{}` runs in steward posture: only its rules act",
                graph.settings.name
            );
            let help = "write `posture promoter` in its strategy block and run it anew; thresholds change under way in either \
                        posture";
            return Err(wrong(what, help));
        }
        let layers = || {
            graph
                .hedges
                .iter()
                .flat_map(|h| &h.layers)
                .map(|l| l.key.as_str())
        };
        let traded = || traded(graph).map(|(name, _)| name);
        let entered = || graph.policies.iter().filter(|p| opens(p).next().is_some());
        let of = |p: &PolicyDef| structure_name(graph, p);
        let name = self.node();
        let (kind, known): (&str, Vec<&str>) = match &self.what {
            Intervention::Scale { .. } => ("layer", layers().collect()),
            Intervention::Pause(_) => {
                let mut known: Vec<&str> = entered().filter_map(of).collect();
                known.extend(graph.hedges.iter().map(|h| h.key.as_str()));
                known.extend(layers());
                known.extend(graph.overlays.iter().map(|o| o.key.as_str()));
                (
                    "structure that a rule opens, no hedge, no layer and no overlay",
                    known,
                )
            }
            Intervention::Close(_) => ("structure that a policy trades", traded().collect()),
            Intervention::Open(_) => {
                let rules = entered().flat_map(opens);
                let several = entered().filter(|p| of(p) == Some(name)).flat_map(opens).count() > 1;
                let keys: Vec<&str> = rules.collect();
                if several {
                    let what = format!("more than one rule opens `{name}`");
                    return Err(wrong(what, format!("name the rule: {}", keys.join(", "))));
                }
                let names = entered().filter_map(of).chain(keys).collect();
                ("structure that a rule opens, and no such rule", names)
            }
        };
        if known.contains(&name) {
            return Ok(());
        }
        let what = format!("the strategy has no {kind} `{name}`");
        let help = match (&self.what, known.is_empty()) {
            (_, true) => "this strategy has none".to_owned(),
            (Intervention::Close(_), _) if layers().any(|l| l == name) => {
                format!("a layer comes down with `scale {name} 0%`")
            }
            _ => {
                let mut known = known;
                known.dedup();
                format!("there is {}", known.join(", "))
            }
        };
        Err(wrong(what, help))
    }
}

fn structure_name<'g>(graph: &'g Graph, policy: &PolicyDef) -> Option<&'g str> {
    let structure = graph.structures.get(policy.structure.0 as usize);
    structure.map(|s| s.key.as_str())
}

/// Keys of a policy's opening rules.
fn opens(policy: &PolicyDef) -> impl Iterator<Item = &str> {
    let opens = policy
        .rules
        .iter()
        .filter(|r| matches!(r.action, RuleAction::Open { .. }));
    opens.map(|r| r.key.as_str())
}

/// Structures that policies trade.
fn traded(graph: &Graph) -> impl Iterator<Item = (&str, &PolicyDef)> {
    graph
        .policies
        .iter()
        .filter_map(|p| Some((structure_name(graph, p)?, p)))
}

/// An overlay in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overlay {
    /// Number within the run, from 1.
    pub number: u32,
    /// Who added it.
    pub who: String,
    /// From which tick on it counts.
    pub at: Instant,
    /// Why, in the operator's words.
    pub why: String,
    /// What it does.
    pub instruction: Instruction,
}

impl Overlay {
    /// Key of the orders that it makes.
    #[must_use]
    pub fn key(&self) -> Arc<str> {
        Arc::from(format!("{OVERLAY_KEY}{}", self.number))
    }

    /// It holds entries of a node back: of the node itself, of a layer through its hedge.
    #[must_use]
    pub fn pauses(&self, node: &str) -> bool {
        let Intervention::Pause(name) = &self.instruction.what else {
            return false;
        };
        let inside = || {
            node.strip_prefix(name.as_str())
                .is_some_and(|rest| rest.starts_with('.'))
        };
        name == node || inside()
    }

    /// The factor of a layer, in percent.
    #[must_use]
    pub fn scales(&self, node: &str) -> Option<u32> {
        match &self.instruction.what {
            Intervention::Scale { layer, percent } if layer == node => Some(*percent),
            _ => None,
        }
    }
}

impl fmt::Display for Overlay {
    /// `overlay 3 of alice (uid 1000), 2019-05-07 10:05 ET: pause core (CPI in ten minutes)`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "overlay {} of ", self.number)?;
        f.write_str(if self.who.is_empty() {
            "an operator"
        } else {
            &self.who
        })?;
        write!(f, ", {}: {} ({})", self.at, self.instruction, self.why)
    }
}

/// The number in the key of an overlay's orders.
#[must_use]
pub fn number_of(key: &str) -> Option<u32> {
    key.strip_prefix(OVERLAY_KEY)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instructions_read_back_as_they_are_shown() {
        for text in [
            "scale alvh.base 150%",
            "scale alvh.base 0% until 2019-05-10 15:45",
            "pause core until 2019-05-10 00:00",
            "close core",
            "open income.open until 2019-05-10 10:30",
        ] {
            let read = Instruction::parse(text).unwrap();
            assert_eq!(read.to_string(), text);
        }
        let day = Instruction::parse("pause core until 2019-05-10").unwrap();
        assert_eq!(
            day,
            Instruction::parse("pause  core until 2019-05-10T00:00 ET").unwrap()
        );
    }

    #[test]
    fn careless_instructions_are_refused_with_the_form_that_does() {
        for text in [
            "",
            "scale",
            "scale alvh.base",
            "scale alvh.base 1.5",
            "scale alvh.base -50%",
            "scale alvh.base 301%",
            "scale alvh.base 150 %",
            "pause",
            "pause core core",
            "pause core until",
            "pause core until friday",
            "pause core until 2019-02-30",
            "pause core until 2019-05-10 25:00",
            "pause core until 2019-05-10 10:00 11:00",
            "buy everything",
        ] {
            let refused = Instruction::parse(text);
            assert!(refused.is_err(), "{text}");
            assert!(!refused.unwrap_err().help.is_empty());
        }
    }

    #[test]
    fn a_pause_of_a_hedge_holds_its_layers_and_no_others() {
        let overlay = Overlay {
            number: 3,
            who: "alice (uid 1000)".to_owned(),
            at: Instant::from_eastern(Date::from_ymd_opt(2019, 5, 7).unwrap(), 10, 5).unwrap(),
            why: "CPI".to_owned(),
            instruction: Instruction::parse("pause alvh").unwrap(),
        };
        assert!(overlay.pauses("alvh.base") && overlay.pauses("alvh"));
        assert!(!overlay.pauses("alvh2.base") && !overlay.pauses("core"));
        assert_eq!(
            overlay.to_string(),
            "overlay 3 of alice (uid 1000), 2019-05-07 10:05 ET: pause alvh (CPI)"
        );
        assert_eq!(number_of(&overlay.key()), Some(3));
        assert_eq!(number_of("operator"), None);
    }
}
