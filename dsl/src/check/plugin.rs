//! Functions of native plugins: declared with the units of what they read and give, called like any function.
//!
//! The checker knows a plugin by its declaration alone. Whoever loads the plugin compares the two, and evaluates the nodes.

use super::Checker;
use super::call::{Args, Call, has_options};
use super::value::{Val, canonical, literal_unit};
use crate::ast::{Arg, Expr, ExprKind, Ident, PluginFunction, PluginParam, UsePlugin};
use crate::builtin::Instrument;
use crate::diagnostic::{Diagnostic, codes};
use crate::graph::{Clock, Domain, Op, PluginDef, PluginId, ValueKind};
use crate::reference;
use crate::resolve::suggest::{did_you_mean, one_of};
use crate::span::Span;
use std::collections::BTreeMap;

/// What stands in a declaration where a function reads an option chain.
const CHAIN: &str = "chain";

impl Checker<'_> {
    pub(super) fn declare_plugin(&mut self, u: &UsePlugin) {
        let name = &u.plugin.value;
        let (def, help) = match &u.function {
            None => {
                let def = PluginDef {
                    plugin: name.clone(),
                    function: String::new(),
                    inputs: Vec::new(),
                    chain: None,
                    numbers: Vec::new(),
                    outputs: Vec::new(),
                    span: u.plugin.span,
                };
                let help =
                    "the strategy runs without it; say which function of it to use: `as f(x: vol) -> ratio`";
                (Some(def), help.to_owned())
            }
            Some(f) => {
                let help = format!(
                    "trust its library first: `alula plugin trust FILE`; without it what `{}` gives is missing: a rule that \
                     needs it holds, a guard blocks opening",
                    f.name.value
                );
                (self.plugin_signature(name, f), help)
            }
        };
        let Some(def) = def else { return };
        let message = format!("the plugin `{name}` is loaded when the strategy runs");
        self.report(Diagnostic::note(codes::NOT_EVALUATED_YET, u.plugin.span, message).help(help));
        self.plugins.push(def);
    }

    fn plugin_signature(&mut self, plugin: &str, f: &PluginFunction) -> Option<PluginDef> {
        let params = f.params.iter().map(|p| match p {
            PluginParam::Series(name, _) | PluginParam::Number(name, _) => name,
        });
        self.different("parameter", params)?;
        self.different("output", f.outputs.iter().filter_map(|(name, _)| name.as_ref()))?;
        let (mut inputs, mut numbers, mut outputs) = (Vec::new(), Vec::new(), Vec::new());
        let mut chain: Option<&Ident> = None;
        for param in &f.params {
            match param {
                PluginParam::Series(name, word) if word.value == CHAIN => {
                    if chain.replace(name).is_some() {
                        let message = format!("`{}` reads one option chain", f.name.value);
                        let help = "declare a function for each chain, or call it for each";
                        return self.error(codes::WRONG_ARGUMENTS, word.span, message, help);
                    }
                }
                PluginParam::Series(name, unit) => {
                    inputs.push((name.value.clone(), self.unit_word(unit, true)?));
                }
                PluginParam::Number(name, default) => {
                    let Some(unit) = literal_unit(default.unit) else {
                        let text = self.text(default.span);
                        let message = format!("`{text}` is a length, and a plugin is set up with numbers");
                        let help = format!("write how many: `{} = {}`", name.value, default.number);
                        return self.error(codes::UNIT_NOT_HERE, default.span, message, help);
                    };
                    numbers.push((name.value.clone(), unit, canonical(default)));
                }
            }
        }
        if let (Some(name), false) = (chain, inputs.is_empty()) {
            let message = format!("`{}` reads an option chain, and series too", f.name.value);
            let help = "what a chain gives is a series: pass it to a function of series";
            return self.error(codes::WRONG_ARGUMENTS, name.span, message, help);
        }
        for (name, unit) in &f.outputs {
            if name.is_none() && f.outputs.len() > 1 {
                let message = format!("`{}` has several outputs, and this one has no name", f.name.value);
                let help = format!("name it: `line: {}`", unit.value);
                return self.error(codes::PICK_AN_OUTPUT, unit.span, message, help);
            }
            let name = name.as_ref().map(|n| n.value.clone()).unwrap_or_default();
            outputs.push((name, self.unit_word(unit, true)?));
        }
        Some(PluginDef {
            plugin: plugin.to_owned(),
            function: f.name.value.clone(),
            inputs,
            chain: chain.map(|name| name.value.clone()),
            numbers,
            outputs,
            span: f.name.span,
        })
    }

    fn different<'n>(&mut self, what: &str, names: impl Iterator<Item = &'n Ident>) -> Option<()> {
        let mut first: BTreeMap<&str, Span> = BTreeMap::new();
        for name in names {
            if let Some(at) = first.insert(&name.value, name.span) {
                let message = format!("the {what} `{}` is declared twice", name.value);
                let d = Diagnostic::error(codes::DUPLICATE_NAME, name.span, message)
                    .label("again here")
                    .also(at, "first here")
                    .help("rename one of them");
                return self.fail(d);
            }
        }
        Some(())
    }

    /// The function that a strategy declares under this name.
    pub(super) fn plugin_function(&self, name: &str) -> Option<PluginId> {
        let index = self.plugins.iter().position(|p| p.function == name)?;
        u32::try_from(index).ok().map(PluginId)
    }

    /// `mcclellan(up, down, fast = 20).line`: series by position, numbers by name.
    pub(super) fn plugin_call(
        &mut self,
        call: Call<'_>,
        args: &[Arg],
        function: PluginId,
        field: Option<&Ident>,
    ) -> Option<Val> {
        let def = self.plugins.get(function.0 as usize)?.clone();
        let (output, kind) = self.plugin_output(call, &def, field)?;
        let sorted = Args::new(args);
        let others = sorted.over.is_some()
            || sorted.since_entry.is_some()
            || sorted.range.is_some()
            || sorted.under.is_some();
        let wanted = def.inputs.len() + usize::from(def.chain.is_some());
        if others || sorted.values.len() != wanted {
            let message = match &def.chain {
                Some(_) => format!("`{}` reads one option chain", def.function),
                None => format!("`{}` reads {} series", def.function, def.inputs.len()),
            };
            let d = Diagnostic::error(codes::WRONG_ARGUMENTS, call.e.span, message)
                .also(def.span, "declared here")
                .help(if def.chain.is_some() {
                    "pass whose chain it is, `SPX`, and numbers by name: `near = 7`"
                } else {
                    "pass one value for each series, in order, and numbers by name: `fast = 19`"
                });
            return self.fail(d);
        }
        let chain = match (&def.chain, sorted.values.as_slice()) {
            (Some(_), [e]) => Some(self.chain_of(e)?),
            _ => None,
        };
        let mut inputs = Vec::new();
        for (i, (e, (param, kind))) in sorted.values.iter().zip(&def.inputs).enumerate() {
            let key = format!("{}.{i}", call.key);
            let what = format!("the series `{param}`");
            let v = match kind {
                ValueKind::Bool => self.condition(e, call.place, &key),
                ValueKind::Number(unit) => self.in_unit(e, *unit, &what, call.place, &key),
            };
            inputs.push(v?.id);
        }
        let params = self.plugin_numbers(call, &def, &sorted.named)?;
        let (inputs, clock) = self.builder.align(&inputs);
        let origin = self.origin(call.key, call.e);
        // Without inputs it steps at each tick.
        let clock = if inputs.is_empty() { Clock::Tick } else { clock };
        let op = Op::Plugin {
            function,
            params,
            output,
            chain,
        };
        let id = self.builder.emit(op, inputs, kind, clock, Domain::Market, origin);
        Some(Val::free(id))
    }

    /// The instrument whose option chain an argument names.
    fn chain_of(&mut self, e: &Expr) -> Option<Instrument> {
        let found = match &e.kind {
            ExprKind::Name(n) => reference::instrument(n).filter(|i| has_options(*i)),
            _ => None,
        };
        if found.is_none() {
            let message = format!("`{}` has no option chain", self.text(e.span));
            return self.error(
                codes::WRONG_ARGUMENTS,
                e.span,
                message,
                "write `SPX`, `XSP` or `VIX`",
            );
        }
        found
    }

    /// The numbers that a call sets up its function with, the defaults for those that it does not name.
    fn plugin_numbers(
        &mut self,
        call: Call<'_>,
        def: &PluginDef,
        named: &[(&Ident, &Expr)],
    ) -> Option<Vec<f64>> {
        let mut params: Vec<f64> = def.numbers.iter().map(|(_, _, default)| *default).collect();
        for (name, e) in named {
            let known = def
                .numbers
                .iter()
                .zip(&mut params)
                .find(|((n, ..), _)| *n == name.value);
            let Some(((_, unit, _), slot)) = known else {
                let names: Vec<&str> = def.numbers.iter().map(|(n, ..)| n.as_str()).collect();
                let near = did_you_mean(&name.value, names.iter().copied());
                let help = near.unwrap_or_else(|| match names.as_slice() {
                    [] => "leave it out".to_owned(),
                    names => format!("write {}", one_of(names)),
                });
                let message = format!("`{}` has no number `{}`", def.function, name.value);
                return self.error(codes::WRONG_ARGUMENTS, name.span, message, help);
            };
            let key = format!("{}.{}", call.key, name.value);
            let v = self.in_unit(e, *unit, &format!("`{}`", name.value), call.place, &key)?;
            let Some(number) = self.builder.constant(v.id) else {
                let message = format!(
                    "`{}` is set once, when the plugin starts, and this may change",
                    name.value
                );
                return self.error(codes::WRONG_ARGUMENTS, e.span, message, "write a number");
            };
            *slot = number;
        }
        Some(params)
    }

    /// Which output a call means.
    fn plugin_output(
        &mut self,
        call: Call<'_>,
        def: &PluginDef,
        field: Option<&Ident>,
    ) -> Option<(u8, ValueKind)> {
        let names: Vec<&str> = def.outputs.iter().map(|(n, _)| n.as_str()).collect();
        let found = match field {
            None if names.len() == 1 => Some(0),
            None => {
                let text = self.text(call.e.span);
                let message = format!("`{}` has several outputs", def.function);
                let help = format!("write `{text}.{}`", names.first().copied().unwrap_or_default());
                return self.error(codes::PICK_AN_OUTPUT, call.e.span, message, help);
            }
            Some(field) => names.iter().position(|n| *n == field.value),
        };
        let Some(at) = found else {
            let field = field?;
            let message = format!("`{}` has no output `{}`", def.function, field.value);
            let help = match names.as_slice() {
                [""] => "it has one output: leave the field out".to_owned(),
                names => did_you_mean(&field.value, names.iter().copied())
                    .unwrap_or_else(|| format!("write {}", one_of(names))),
            };
            return self.error(codes::UNKNOWN_FIELD, field.span, message, help);
        };
        let (_, kind) = def.outputs.get(at)?;
        Some((u8::try_from(at).ok()?, *kind))
    }
}
