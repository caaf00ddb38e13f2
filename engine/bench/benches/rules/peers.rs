//! The other engines. Each compiles every rule once and then evaluates them row by row, the way its documentation shows.

use crate::rule::{C_LIKE, INPUTS, Rule};
use std::cell::Cell;

/// Rows of the market, one slice of inputs per tick.
pub struct RowsOf<'a> {
    pub columns: &'a [Vec<f64>],
    pub ticks: usize,
}

impl RowsOf<'_> {
    pub fn each(&self, mut f: impl FnMut(usize, &[f64; INPUTS])) {
        let mut row = [0.0; INPUTS];
        for tick in 0..self.ticks {
            for (slot, column) in row.iter_mut().zip(self.columns) {
                *slot = column[tick];
            }
            f(tick, &row);
        }
    }
}

/// Evaluates all rules on one row: true where a rule holds.
pub trait Peer {
    fn row(&mut self, row: &[f64; INPUTS], verdict: &mut dyn FnMut(usize, bool));
}

pub struct Rhai {
    engine: rhai::Engine,
    scope: rhai::Scope<'static>,
    rules: Vec<rhai::AST>,
}

impl Rhai {
    pub fn new(rules: &[Rule]) -> Self {
        let engine = rhai::Engine::new();
        let rules = rules
            .iter()
            .map(|r| engine.compile_expression(r.text(&C_LIKE)).unwrap())
            .collect();
        let mut scope = rhai::Scope::new();
        for i in 0..INPUTS {
            scope.push(format!("x{i}"), 0.0_f64);
        }
        Self { engine, scope, rules }
    }
}

impl Peer for Rhai {
    fn row(&mut self, row: &[f64; INPUTS], verdict: &mut dyn FnMut(usize, bool)) {
        for (i, x) in row.iter().enumerate() {
            self.scope.set_value(NAMES[i], *x);
        }
        for (i, ast) in self.rules.iter().enumerate() {
            verdict(
                i,
                self.engine
                    .eval_ast_with_scope::<bool>(&mut self.scope, ast)
                    .unwrap(),
            );
        }
    }
}

pub struct Cel {
    context: cel::Context<'static, 'static>,
    rules: Vec<cel::Program>,
}

impl Cel {
    pub fn new(rules: &[Rule]) -> Self {
        let rules = rules
            .iter()
            .map(|r| cel::Program::compile(&r.text(&C_LIKE)).unwrap())
            .collect();
        Self {
            context: cel::Context::default(),
            rules,
        }
    }
}

impl Peer for Cel {
    fn row(&mut self, row: &[f64; INPUTS], verdict: &mut dyn FnMut(usize, bool)) {
        for (i, x) in row.iter().enumerate() {
            self.context.add_variable_from_value(NAMES[i], *x);
        }
        for (i, program) in self.rules.iter().enumerate() {
            match program.execute(&self.context) {
                Ok(cel::Value::Bool(truth)) => verdict(i, truth),
                other => panic!("cel gave {other:?}"),
            }
        }
    }
}

pub struct Evalexpr {
    context: evalexpr::HashMapContext,
    rules: Vec<evalexpr::Node>,
}

impl Evalexpr {
    pub fn new(rules: &[Rule]) -> Self {
        let rules = rules
            .iter()
            .map(|r| evalexpr::build_operator_tree(&r.text(&C_LIKE)).unwrap())
            .collect();
        Self {
            context: evalexpr::HashMapContext::new(),
            rules,
        }
    }
}

impl Peer for Evalexpr {
    fn row(&mut self, row: &[f64; INPUTS], verdict: &mut dyn FnMut(usize, bool)) {
        use evalexpr::ContextWithMutableVariables as _;
        for (i, x) in row.iter().enumerate() {
            self.context
                .set_value(NAMES[i].to_owned(), evalexpr::Value::Float(*x))
                .unwrap();
        }
        for (i, rule) in self.rules.iter().enumerate() {
            verdict(i, rule.eval_boolean_with_context(&self.context).unwrap());
        }
    }
}

/// With `unsafe-vars`: variables are read through pointers, fasteval's fastest form.
pub struct Fasteval {
    slab: fasteval::Slab,
    rules: Vec<fasteval::Instruction>,
    inputs: &'static [Cell<f64>; INPUTS],
}

impl Fasteval {
    #[expect(
        unsafe_code,
        reason = "the peer's fastest form takes pointers to its variables; nothing else does it justice"
    )]
    pub fn new(rules: &[Rule]) -> Self {
        use fasteval::Compiler as _;
        // Never freed: the slab keeps pointers to it.
        let inputs: &'static [Cell<f64>; INPUTS] =
            Box::leak(Box::new(std::array::from_fn(|_| Cell::new(0.0))));
        let mut slab = fasteval::Slab::with_capacity(100_000);
        for (name, input) in NAMES.iter().zip(inputs) {
            // SAFETY: the cells live for the rest of the process, and nothing writes to them while an evaluation reads.
            unsafe { slab.ps.add_unsafe_var((*name).to_owned(), &*input.as_ptr()) };
        }
        let parser = fasteval::Parser::new();
        let rules = rules
            .iter()
            .map(|r| {
                let text = r.text(&C_LIKE);
                parser
                    .parse_noclear(&text, &mut slab.ps)
                    .unwrap()
                    .from(&slab.ps)
                    .compile(&slab.ps, &mut slab.cs)
            })
            .collect();
        Self { slab, rules, inputs }
    }
}

impl Peer for Fasteval {
    fn row(&mut self, row: &[f64; INPUTS], verdict: &mut dyn FnMut(usize, bool)) {
        use fasteval::Evaler as _;
        for (cell, x) in self.inputs.iter().zip(row) {
            cell.set(*x);
        }
        let mut none = fasteval::EmptyNamespace;
        for (i, rule) in self.rules.iter().enumerate() {
            verdict(i, rule.eval(&self.slab, &mut none).unwrap() != 0.0);
        }
    }
}

const NAMES: [&str; INPUTS] = [
    "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15",
    "x16", "x17", "x18", "x19",
];
