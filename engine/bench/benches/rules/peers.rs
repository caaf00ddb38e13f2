//! The other engines. Each compiles every rule once and then evaluates them row by row, the way its documentation shows.

use crate::rule::{C_LIKE, INPUTS, Rule};

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

/// With a name space of its own that knows where a name's number is: its fastest form without pointers.
pub struct Fasteval {
    slab: fasteval::Slab,
    rules: Vec<fasteval::Instruction>,
    inputs: Inputs,
}

struct Inputs([f64; INPUTS]);

impl fasteval::EvalNamespace for Inputs {
    fn lookup(&mut self, name: &str, _: Vec<f64>, _: &mut String) -> Option<f64> {
        // "x0" to "x19": two digits need no parser.
        let number = match *name.as_bytes() {
            [b'x', digit] => usize::from(digit - b'0'),
            [b'x', ten, digit] => usize::from(ten - b'0') * 10 + usize::from(digit - b'0'),
            _ => return None,
        };
        self.0.get(number).copied()
    }
}

impl Fasteval {
    pub fn new(rules: &[Rule]) -> Self {
        use fasteval::Compiler as _;
        let mut slab = fasteval::Slab::with_capacity(100_000);
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
        Self {
            slab,
            rules,
            inputs: Inputs([0.0; INPUTS]),
        }
    }
}

impl Peer for Fasteval {
    fn row(&mut self, row: &[f64; INPUTS], verdict: &mut dyn FnMut(usize, bool)) {
        use fasteval::Evaler as _;
        self.inputs.0 = *row;
        for (i, rule) in self.rules.iter().enumerate() {
            verdict(i, rule.eval(&self.slab, &mut self.inputs).unwrap() != 0.0);
        }
    }
}

const NAMES: [&str; INPUTS] = [
    "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15",
    "x16", "x17", "x18", "x19",
];
