//! The rules as a strategy, through the product's own path: text, compiler, graph, registry, plan, driver.

use crate::rule::{ALULA, INPUTS, Rule};
use alula_core::batch::Batch;
use alula_core::clock::Grid;
use alula_core::column::Column;
use alula_core::market::{Grids, MarketData, ViewSource, Views};
use alula_core::ops::row::{RowCells, RowNode, RowProgram};
use alula_core::ops::sweep::{Computation, Source, Sweep};
use alula_core::plan::{NodeKind, Plan, link};
use alula_core::registry::Registry;
use alula_core::stream::{Event, Stream};
use alula_dsl::graph::Graph;
use alula_market::series::{BarSize, SeriesData};
use alula_market::time::{Date, Instant};
use std::fmt::Write as _;
use std::sync::Arc;

/// Bars of this many minutes.
const MINUTES: u16 = 5;

/// A strategy whose guards are the rules, over five-minute bars of twenty series.
fn strategy(rules: &[Rule]) -> String {
    let mut text = String::from(
        "alula 1\n\nstrategy bench {\n    capital $250_000\n    evaluate every 5m in SPX.regular\n}\n\n",
    );
    for i in 0..INPUTS {
        let _ = writeln!(
            text,
            "series f{i} = feed(\"F{i}\")\nsignal s{i} = f{i} @ {MINUTES}m"
        );
    }
    text.push_str("\nguard book {\n");
    for (i, rule) in rules.iter().enumerate() {
        let _ = writeln!(text, "    require {} else alert \"{i}\"", rule.text(&ALULA));
    }
    text.push_str("}\n");
    text
}

/// A compiled rule set with its market.
pub struct Alula {
    pub graph: Arc<Graph>,
    pub plan: Plan,
    pub data: MarketData,
    /// Instant from which each bar may be read.
    pub ends: Vec<Instant>,
}

impl Alula {
    pub fn new(rules: &[Rule], columns: &[Vec<f64>]) -> Self {
        let text = strategy(rules);
        let compiled =
            alula_dsl::compile::compile("bench.alula", text.as_bytes(), &alula_dsl::source::NoImports);
        let graph = Arc::new(
            compiled
                .graph
                .unwrap_or_else(|| panic!("{:#?}", compiled.diagnostics)),
        );
        let plan = link(&graph, &[], &Registry::default()).unwrap();
        let bars = columns[0].len();
        let day = |y| Date::from_ymd_opt(y, 1, 2).unwrap();
        let grid = Grid::new(BarSize::Minutes(MINUTES), day(2015), day(2024));
        let rows: Vec<_> = (0..bars).map(|i| *grid.row(i).unwrap()).collect();
        let series = plan
            .series()
            .iter()
            .map(|need| {
                let input: usize = need.id.trim_start_matches('F').parse().ok()?;
                Some(Arc::new(SeriesData {
                    date: rows.iter().map(|r| r.date).collect(),
                    starts_at: rows.iter().map(|r| r.start).collect(),
                    available_at: rows.iter().map(|r| r.end).collect(),
                    close: columns[input].iter().copied().map(Some).collect(),
                    ..SeriesData::default()
                }))
            })
            .collect();
        let ends = rows.iter().map(|r| r.end).collect();
        Self {
            graph,
            plan,
            data: MarketData {
                series,
                events: Vec::new(),
            },
            ends,
        }
    }

    /// Everything that the batch driver does before the first tick of a backtest.
    pub fn batch(&self) -> Batch {
        let ticks = [*self.ends.last().unwrap()];
        Batch::run(&self.plan, &self.data, &ticks, &mut NoSnapshots).unwrap()
    }

    /// Words of truth of a rule, 64 bars each.
    pub fn truth<'a>(&self, batch: &'a Batch, rule: usize) -> &'a [u64] {
        match batch.rows(self.root(rule)).unwrap().column {
            Column::Booleans(column) => column.truth().words(),
            Column::Numbers(_) => panic!("a condition is a truth value"),
        }
    }

    /// The plan's operators, ready to be taken through columns; the rules' verdicts are kept.
    pub fn sweep(&self) -> Sweep {
        let mut sources = vec![None; self.plan.nodes().len()];
        let mut computations = Vec::new();
        for &index in self.plan.order() {
            let node = &self.plan.nodes()[index];
            sources[index] = match (&node.kind, self.plan.fixed(node)) {
                (_, Some(cell)) => Some(Source::Constant(cell)),
                (NodeKind::Bars { .. }, _) => Some(Source::Given(self.input(index))),
                (NodeKind::Operator(operator), _) => {
                    let sources = node.inputs.iter().map(|i| sources[*i].unwrap()).collect();
                    let keep = self.roots().any(|root| root == index);
                    computations.push(Computation {
                        operator: operator.clone(),
                        kind: node.value,
                        sources,
                        keep,
                    });
                    Some(Source::Computed(computations.len() - 1))
                }
                _ => None,
            };
        }
        Sweep::new(computations)
    }

    /// Truth of the rules after a sweep, in their order.
    pub fn swept<'a>(&self, sweep: &'a Sweep) -> Vec<&'a [u64]> {
        let operators = self
            .plan
            .order()
            .iter()
            .filter(|i| matches!(self.plan.nodes()[**i].kind, NodeKind::Operator(_)));
        let places: std::collections::BTreeMap<usize, usize> =
            operators.enumerate().map(|(at, i)| (*i, at)).collect();
        self.roots()
            .map(|root| match sweep.kept(places[&root]).unwrap() {
                Column::Booleans(column) => column.truth().words(),
                Column::Numbers(_) => panic!("a condition is a truth value"),
            })
            .collect()
    }

    /// Which input a node of bars reads.
    fn input(&self, node: usize) -> usize {
        let NodeKind::Bars { series, .. } = self.plan.nodes()[node].kind else {
            panic!("a node of bars")
        };
        self.plan.series()[series]
            .id
            .trim_start_matches('F')
            .parse()
            .unwrap()
    }

    fn roots(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.graph.guards.len()).map(|rule| self.root(rule))
    }

    /// The plan's operators as a program for one step, its cells before the first, and where the inputs' cells are.
    pub fn program(&self) -> (RowProgram, RowCells, [usize; INPUTS]) {
        let mut cells = RowCells::new(self.plan.nodes().len());
        let mut inputs = [0; INPUTS];
        let mut nodes = Vec::new();
        for &index in self.plan.order() {
            let node = &self.plan.nodes()[index];
            match (&node.kind, self.plan.fixed(node)) {
                (_, Some(cell)) => cells.set(index, cell),
                (NodeKind::Bars { .. }, _) => inputs[self.input(index)] = index,
                (NodeKind::Operator(operator), _) => {
                    nodes.push(RowNode {
                        out: index,
                        operator: operator.as_ref(),
                        inputs: &node.inputs,
                    });
                }
                _ => {}
            }
        }
        (RowProgram::new(nodes), cells, inputs)
    }

    /// For each input the program of the operators that rest on it: what has to be computed when it alone has changed.
    pub fn programs_by_input(&self) -> Vec<RowProgram> {
        let nodes = self.plan.nodes();
        (0..INPUTS)
            .map(|input| {
                let mut reached = vec![false; nodes.len()];
                let mut members = Vec::new();
                for &index in self.plan.order() {
                    let node = &nodes[index];
                    match &node.kind {
                        NodeKind::Bars { .. } => reached[index] = self.input(index) == input,
                        NodeKind::Operator(operator) if node.inputs.iter().any(|i| reached[*i]) => {
                            reached[index] = true;
                            members.push(RowNode {
                                out: index,
                                operator: operator.as_ref(),
                                inputs: &node.inputs,
                            });
                        }
                        _ => {}
                    }
                }
                RowProgram::new(members)
            })
            .collect()
    }

    /// The node on the bars' clock that decides a rule; the guard itself reads its newest row at each tick.
    pub fn root(&self, rule: usize) -> usize {
        let node = &self.graph.nodes[self.graph.guards[rule].require.0 as usize];
        assert_eq!(node.op, alula_dsl::graph::Op::AsOf);
        node.inputs[0].0 as usize
    }

    /// The streaming driver before the first bar.
    pub fn stream(&self) -> Stream {
        let ticks = [*self.ends.last().unwrap()];
        Stream::new(&self.plan, Grids::new(&self.plan, &self.data, &ticks))
    }

    /// All that happens when the bars of one instant arrive.
    pub fn arrive(&self, stream: &mut Stream, bar: usize) {
        let at = self.ends[bar];
        for series in 0..self.data.series.len() {
            stream.push(&self.plan, &self.data, at, Event::Bar { series, bar });
        }
        stream.settle(&self.plan, at);
    }

    /// Whether a rule held on the newest bar of a stream.
    pub fn holds(&self, stream: &Stream, rule: usize) -> bool {
        stream.newest(self.root(rule)).unwrap().is_true()
    }
}

/// The rules read no chains.
struct NoSnapshots;

impl ViewSource for NoSnapshots {
    type Error = std::convert::Infallible;

    fn views(&mut self, _: Instant) -> Result<Arc<Views>, Self::Error> {
        Ok(Arc::from(Vec::new()))
    }
}
