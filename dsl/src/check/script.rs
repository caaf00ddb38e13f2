//! Calls of Rhai functions, declared by an item or where they are called.

use super::Checker;
use super::call::{Args, Call};
use super::value::{Place, Val};
use crate::ast::{Arg, Expr, Ident};
use crate::diagnostic::{Diagnostic, codes};
use crate::graph::{Clock, Domain, NodeId, Op, ScriptDef, ValueKind};

impl Checker<'_> {
    /// A script that the file declares: arguments by position, each of its declared unit.
    pub(super) fn declared_script(&mut self, call: Call<'_>, args: &[Arg]) -> Option<Val> {
        let index = self.scripts.iter().position(|s| s.name == call.name.value)?;
        let def = self.scripts.get(index)?.clone();
        let sorted = Args::new(args);
        if !sorted.plain(def.params.len()) {
            let message = format!("`{}` takes {} values", def.name, def.params.len());
            let d = Diagnostic::error(codes::WRONG_ARGUMENTS, call.e.span, message)
                .also(def.span, "declared here")
                .help("pass one value for each parameter, in order");
            return self.fail(d);
        }
        let mut inputs = Vec::new();
        let mut fine = true;
        for (i, (e, (param, kind))) in sorted.values.iter().zip(&def.params).enumerate() {
            let key = format!("{}.{i}", call.key);
            let what = format!("the parameter `{param}`");
            let v = match kind {
                ValueKind::Bool => self.condition(e, call.place, &key),
                ValueKind::Number(unit) => self.in_unit(e, *unit, &what, call.place, &key),
            };
            fine &= v.is_some();
            inputs.extend(v.map(|v| v.id));
        }
        if !fine {
            return None;
        }
        self.script_node(call.e, call.key, def, inputs)
    }

    /// `script quick_ratio(a, b) -> ratio`: declared where it is called.
    pub(super) fn script_call(
        &mut self,
        e: &Expr,
        name: &Ident,
        args: &[Expr],
        returns: &Ident,
        place: Place,
        key: &str,
    ) -> Option<Val> {
        let returns = self.unit_word(returns, true);
        let inputs: Vec<Option<Val>> = args
            .iter()
            .enumerate()
            .map(|(i, a)| self.expr(a, place, &format!("{key}.{i}")))
            .collect();
        let inputs: Vec<Val> = inputs.into_iter().collect::<Option<_>>()?;
        let params = inputs
            .iter()
            .enumerate()
            .map(|(i, v)| (format!("arg{}", i + 1), self.builder.kind(v.id)))
            .collect();
        let file = format!("{}.rhai", name.value);
        let def = ScriptDef {
            name: name.value.clone(),
            params,
            returns: returns?,
            file,
            span: name.span,
        };
        self.script_node(e, key, def, inputs.iter().map(|v| v.id).collect())
    }

    fn script_node(&mut self, e: &Expr, key: &str, def: ScriptDef, inputs: Vec<NodeId>) -> Option<Val> {
        let kind = def.returns;
        let id = self.script_id(def)?;
        let (inputs, clock) = self.builder.align(&inputs);
        let origin = self.origin(key, e);
        // Without inputs it is computed at each tick: a pure function of nothing, but budgets are counted there.
        let clock = if inputs.is_empty() { Clock::Tick } else { clock };
        Some(Val::free(self.builder.emit(
            Op::Script(id),
            inputs,
            kind,
            clock,
            Domain::Market,
            origin,
        )))
    }
}
