//! From a graph's operator to the code that computes it.

use crate::column::{Column, Input};
use crate::lifeline::Lifeline;
use crate::ops::Operator;
use crate::ops::absent::Absent;
use crate::ops::chained::Chained;
use crate::ops::foreign::Foreign;
use crate::ops::latch::{Crosses, For, Moves, SinceEntry, Until};
use crate::ops::paired::{Beta, Correlation, Divergence, LevelCorrelation};
use crate::ops::pure::Pure;
use crate::ops::realized::{CloseClose, RangeBased, YangZhang};
use crate::ops::recursive::{Atr, Ema, Macd, Recursive, Rsi};
use crate::ops::single::{Quantile, Single};
use crate::ops::window::MAX_WINDOW;
use crate::ops::windowed::Windowed;
use crate::plugin::PluginHost;
use crate::script::{Script, ScriptOperator};
use alula_dsl::builtin::{Indicator, Math, VolEstimator};
use alula_dsl::graph::{Op, Param, PluginId, ScriptId};
use std::sync::Arc;

/// Default of `divergence(…, min_z = …)`.
pub const DIVERGENCE_MIN_Z: f64 = 0.5;

/// Why there is no operator for a node.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// Read from the market, the book or a position by the engine itself; not a computation on inputs.
    #[error("`{0}` is read from its source, not computed")]
    Source(&'static str),
    /// A parameter that the operator cannot work with.
    #[error("`{name}`: {why}")]
    Parameter {
        /// Function name.
        name: &'static str,
        /// What is wrong.
        why: String,
    },
    /// Wrong number of inputs.
    #[error("`{name}` takes {expected} inputs, was given {given}")]
    Arity {
        /// Function name.
        name: &'static str,
        /// Inputs wanted.
        expected: usize,
        /// Inputs given.
        given: usize,
    },
    /// No script was compiled for this id.
    #[error("script {0} was not compiled")]
    NoScript(u32),
    /// A plugin refuses the numbers that its function is set up with.
    #[error("{0}")]
    Plugin(String),
}

/// What nodes can be linked to.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    scripts: Vec<Option<Arc<Script>>>,
    plugins: Option<Arc<dyn PluginHost>>,
}

impl Registry {
    /// With compiled scripts, by `ScriptId`; `None` where one failed.
    #[must_use]
    pub fn with_scripts(scripts: Vec<Option<Arc<Script>>>) -> Self {
        Self {
            scripts,
            plugins: None,
        }
    }

    /// The same with the plugins that the strategy declares; without them, what they would give is missing.
    #[must_use]
    pub fn and_plugins(mut self, plugins: Option<Arc<dyn PluginHost>>) -> Self {
        self.plugins = plugins;
        self
    }

    /// The plugins, where there are any.
    #[must_use]
    pub const fn plugins(&self) -> Option<&Arc<dyn PluginHost>> {
        self.plugins.as_ref()
    }

    /// A compiled script.
    #[must_use]
    pub fn script(&self, id: ScriptId) -> Option<&Arc<Script>> {
        self.scripts.get(usize::try_from(id.0).ok()?)?.as_ref()
    }

    /// The operator of a node with `arity` inputs, in its initial state.
    ///
    /// # Errors
    /// For sources (fields, feeds, book and position observables, events, constants, changes of clock: the engine reads
    /// those itself), parameters out of range, a wrong number of inputs, or a script that was not compiled.
    pub fn operator(&self, op: &Op, arity: usize) -> Result<Box<dyn Operator>, RegistryError> {
        let takes = |expected: usize, name: &'static str| {
            if arity == expected {
                Ok(())
            } else {
                Err(RegistryError::Arity {
                    name,
                    expected,
                    given: arity,
                })
            }
        };
        let made: Box<dyn Operator> = match op {
            Op::Arith(a) => {
                takes(2, "arithmetic")?;
                Box::new(Pure::Arith(*a))
            }
            Op::Neg => {
                takes(1, "negation")?;
                Box::new(Pure::Neg)
            }
            Op::Math(m) => {
                let (expected, name) = math(*m);
                takes(expected, name)?;
                Box::new(Pure::Math(*m))
            }
            Op::Compare(c) => {
                takes(2, "comparison")?;
                Box::new(Pure::Compare(*c))
            }
            Op::InRange => {
                takes(3, "in")?;
                Box::new(Pure::InRange)
            }
            Op::And => Box::new(Pure::And),
            Op::Or => Box::new(Pure::Or),
            Op::Not => {
                takes(1, "not")?;
                Box::new(Pure::Not)
            }
            Op::Votes => Box::new(Pure::Votes),
            Op::Crosses(direction) => {
                takes(2, "crosses")?;
                Box::new(Crosses::new(*direction))
            }
            Op::For(bars) => {
                takes(1, "for")?;
                Box::new(For::new(window("for", *bars, 1)?))
            }
            Op::Until => {
                takes(2, "until")?;
                Box::new(Until::default())
            }
            Op::Moves {
                direction,
                relative,
                bars,
            } => {
                takes(2, "up/down")?;
                Box::new(Moves::new(*direction, *relative, window("up/down", *bars, 1)?))
            }
            Op::SinceEntry(direction) => {
                takes(1, "since entry")?;
                Box::new(SinceEntry::new(*direction))
            }
            Op::Indicator {
                which,
                params,
                output,
            } => {
                let (name, inputs) = indicator(*which);
                takes(inputs, name)?;
                windowed(*which, name, params, *output)?
            }
            Op::Number(_) => return Err(RegistryError::Source("number")),
            Op::Threshold(_) => return Err(RegistryError::Source("threshold")),
            Op::Field { .. } => return Err(RegistryError::Source("field")),
            Op::Feed(_) => return Err(RegistryError::Source("feed")),
            Op::ImpliedVol { .. } => return Err(RegistryError::Source("implied_vol")),
            Op::ConstantMaturity { .. } => return Err(RegistryError::Source("constant_maturity")),
            Op::SessionLast => return Err(RegistryError::Source("session sample")),
            Op::AsOf => return Err(RegistryError::Source("as of")),
            Op::Within { .. } => return Err(RegistryError::Source("within")),
            Op::ImpliedForward { .. } => return Err(RegistryError::Source("implied_forward")),
            Op::Reaction { .. } => return Err(RegistryError::Source("reaction")),
            Op::EventMove { .. } => return Err(RegistryError::Source("event move")),
            Op::Surprise(_) => return Err(RegistryError::Source("surprise")),
            Op::Book { .. } => return Err(RegistryError::Source("book observable")),
            Op::Position(_) => return Err(RegistryError::Source("position observable")),
            Op::Plugin {
                function,
                params,
                output,
                chain: None,
            } => self.foreign((*function, params, *output), arity, None)?,
            Op::Plugin { .. } => return Err(RegistryError::Source("a chain's function")),
            Op::Irr { .. } => return Err(RegistryError::Source("irr")),
            Op::Cushion { .. } => return Err(RegistryError::Source("cushion")),
            Op::OverlayGain => return Err(RegistryError::Source("expected_gain")),
            Op::OverlayCost { .. } => return Err(RegistryError::Source("cost")),
            Op::Script(id) => {
                let script = self.script(*id).ok_or(RegistryError::NoScript(id.0))?;
                takes(script.signature().params.len(), "script")?;
                Box::new(ScriptOperator(Arc::clone(script)))
            }
        };
        Ok(made)
    }

    /// A plugin's function as an operator: its number, the numbers that it is set up with, which output; and until when it lives, where
    /// somebody keeps that.
    ///
    /// # Errors
    /// When the plugin refuses the numbers.
    pub(crate) fn foreign(
        &self,
        (function, numbers, output): (PluginId, &[f64], u8),
        arity: usize,
        life: Option<Arc<Lifeline>>,
    ) -> Result<Box<dyn Operator>, RegistryError> {
        let made = self.plugins.as_ref();
        let made = made.map(|host| host.instance(function, numbers, output));
        let made = made.transpose().map_err(RegistryError::Plugin)?;
        Ok(match made.flatten() {
            Some(instance) => Box::new(Foreign::new(instance, arity, life)),
            None => Box::new(Absent),
        })
    }

    /// The instance of a plugin's function that reads the option chain of a plan's underlying.
    ///
    /// # Errors
    /// When the plugin refuses the numbers.
    pub(crate) fn chained(
        &self,
        function: PluginId,
        numbers: &[f64],
        (chain, life): (usize, Arc<Lifeline>),
    ) -> Result<Chained, RegistryError> {
        let made = self.plugins.as_ref();
        let made = made
            .map(|host| host.chain_instance(function, numbers))
            .transpose();
        Ok(Chained::new(
            made.map_err(RegistryError::Plugin)?.flatten(),
            chain,
            life,
        ))
    }

    /// Runs an operator over the first `steps` steps of its inputs and appends to `out`; one call for a whole history.
    ///
    /// # Errors
    /// As [`Registry::operator`].
    pub fn batch(
        &self,
        op: &Op,
        inputs: &[Input<'_>],
        steps: usize,
        out: &mut Column,
    ) -> Result<Box<dyn Operator>, RegistryError> {
        let mut operator = self.operator(op, inputs.len())?;
        out.reserve(steps.saturating_sub(out.len()));
        operator.extend(inputs, steps, out);
        Ok(operator)
    }
}

const fn math(op: Math) -> (usize, &'static str) {
    match op {
        Math::Abs => (1, "abs"),
        Math::Sqrt => (1, "sqrt"),
        Math::Ln => (1, "ln"),
        Math::Exp => (1, "exp"),
        Math::Min => (2, "min"),
        Math::Max => (2, "max"),
    }
}

/// Name in the language and number of inputs.
const fn indicator(which: Indicator) -> (&'static str, usize) {
    match which {
        Indicator::Rsi => ("rsi", 1),
        Indicator::Ema => ("ema", 1),
        Indicator::Sma => ("sma", 1),
        Indicator::Macd => ("macd", 1),
        Indicator::Atr => ("atr", 3),
        Indicator::Bollinger => ("bollinger", 1),
        Indicator::Stdev => ("stdev", 1),
        Indicator::Zscore => ("zscore", 1),
        Indicator::PercentileRank => ("percentile_rank", 1),
        Indicator::Quantile => ("quantile", 1),
        Indicator::Correlation => ("correlation", 2),
        Indicator::Beta => ("beta", 2),
        Indicator::RealizedVol => ("realized_vol", 4),
        Indicator::Divergence => ("divergence", 2),
        Indicator::Highest => ("highest", 1),
        Indicator::Lowest => ("lowest", 1),
        Indicator::Lag => ("lag", 1),
        Indicator::Change => ("change", 1),
    }
}

fn window(name: &'static str, bars: u32, least: u32) -> Result<u32, RegistryError> {
    if (least..=MAX_WINDOW).contains(&bars) {
        Ok(bars)
    } else {
        Err(RegistryError::Parameter {
            name,
            why: format!("a window of {bars} is outside {least}..{MAX_WINDOW}"),
        })
    }
}

/// Parameters by position; each is asked for by its kind.
struct Params<'a> {
    name: &'static str,
    params: &'a [Param],
}

impl Params<'_> {
    fn wrong(&self, why: impl Into<String>) -> RegistryError {
        RegistryError::Parameter {
            name: self.name,
            why: why.into(),
        }
    }

    fn window(&self, at: usize, least: u32) -> Result<u32, RegistryError> {
        match self.params.get(at) {
            Some(Param::Count(n)) => window(self.name, *n, least),
            _ => Err(self.wrong(format!("parameter {} is not a window", at + 1))),
        }
    }

    fn number(&self, at: usize, default: Option<f64>) -> Result<f64, RegistryError> {
        match (self.params.get(at), default) {
            (Some(Param::Number(x)), _) if x.is_finite() => Ok(*x),
            (Some(Param::Count(n)), _) => Ok(f64::from(*n)),
            (None, Some(x)) => Ok(x),
            _ => Err(self.wrong(format!("parameter {} is not a number", at + 1))),
        }
    }

    /// Nothing may follow the first `n`.
    fn at_most(&self, n: usize) -> Result<(), RegistryError> {
        if self.params.len() <= n {
            Ok(())
        } else {
            Err(self.wrong(format!("takes {n} parameters")))
        }
    }
}

fn windowed(
    which: Indicator,
    name: &'static str,
    params: &[Param],
    output: u8,
) -> Result<Box<dyn Operator>, RegistryError> {
    let p = Params { name, params };
    let outputs = if matches!(which, Indicator::Macd | Indicator::Bollinger) {
        3
    } else {
        1
    };
    if output >= outputs {
        return Err(p.wrong(format!("has {outputs} outputs, not {}", u16::from(output) + 1)));
    }
    let single = |formula: Single, least: u32, more: u32| -> Result<Box<dyn Operator>, RegistryError> {
        p.at_most(if matches!(formula, Single::Bollinger { .. }) {
            2
        } else {
            1
        })?;
        Ok(Box::new(Windowed::new(formula, p.window(0, least)? + more)))
    };
    Ok(match which {
        Indicator::Rsi => {
            p.at_most(1)?;
            Box::new(Recursive::new(Rsi::new(p.window(0, 2)?)))
        }
        Indicator::Ema => {
            p.at_most(1)?;
            Box::new(Recursive::new(Ema::new(p.window(0, 1)?)))
        }
        Indicator::Macd => {
            p.at_most(3)?;
            let (fast, slow, signal) = (p.window(0, 2)?, p.window(1, 2)?, p.window(2, 1)?);
            if fast >= slow {
                return Err(p.wrong(format!(
                    "the fast window {fast} is not below the slow window {slow}"
                )));
            }
            Box::new(Recursive::new(Macd::new(fast, slow, signal, output)))
        }
        Indicator::Atr => {
            p.at_most(1)?;
            Box::new(Recursive::new(Atr::new(p.window(0, 1)?)))
        }
        Indicator::Bollinger => {
            let side = match output {
                0 => 1,
                1 => 0,
                _ => -1,
            };
            single(
                Single::Bollinger {
                    k: p.number(1, None)?,
                    side,
                },
                2,
                0,
            )?
        }
        Indicator::Sma => single(Single::Sma, 1, 0)?,
        Indicator::Stdev => single(Single::Stdev, 2, 0)?,
        Indicator::Zscore => single(Single::Zscore, 2, 0)?,
        Indicator::PercentileRank => single(Single::PercentileRank, 1, 0)?,
        Indicator::Highest => single(Single::Highest, 1, 0)?,
        Indicator::Lowest => single(Single::Lowest, 1, 0)?,
        Indicator::Lag => single(Single::Lag, 1, 1)?,
        Indicator::Change => single(Single::Change, 1, 1)?,
        Indicator::Quantile => {
            p.at_most(2)?;
            let q = p.number(1, None)?;
            if !(0.0..=1.0).contains(&q) {
                return Err(p.wrong(format!("quantile {q} is outside 0..1")));
            }
            Box::new(Windowed::new(
                Quantile {
                    q,
                    sorted: Vec::new(),
                },
                p.window(0, 1)?,
            ))
        }
        Indicator::Correlation => {
            p.at_most(2)?;
            let n = p.window(0, 2)?;
            match params.get(1) {
                None => Box::new(Windowed::new(Correlation, n)),
                Some(Param::OnLevels) => Box::new(Windowed::new(LevelCorrelation, n)),
                Some(_) => return Err(p.wrong("the second parameter is `returns = level` or nothing")),
            }
        }
        Indicator::Beta => {
            p.at_most(1)?;
            Box::new(Windowed::new(Beta, p.window(0, 2)?))
        }
        Indicator::Divergence => {
            p.at_most(2)?;
            let min_z = p.number(1, Some(DIVERGENCE_MIN_Z))?;
            Box::new(Windowed::new(Divergence { min_z }, p.window(0, 3)?))
        }
        Indicator::RealizedVol => {
            p.at_most(2)?;
            let estimator = match params.get(1) {
                None => VolEstimator::CloseClose,
                Some(Param::Estimator(e)) => *e,
                Some(_) => return Err(p.wrong("the second parameter is an estimator or nothing")),
            };
            match estimator {
                VolEstimator::CloseClose => Box::new(Windowed::new(CloseClose, p.window(0, 2)?)),
                VolEstimator::Parkinson => Box::new(Windowed::new(RangeBased::Parkinson, p.window(0, 1)?)),
                VolEstimator::GarmanKlass => {
                    Box::new(Windowed::new(RangeBased::GarmanKlass, p.window(0, 1)?))
                }
                VolEstimator::RogersSatchell => {
                    Box::new(Windowed::new(RangeBased::RogersSatchell, p.window(0, 1)?))
                }
                VolEstimator::YangZhang => Box::new(Windowed::new(YangZhang, p.window(0, 2)?)),
            }
        }
    })
}
