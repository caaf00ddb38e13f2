//! From a graph to a plan.

mod reads;
mod rules;

use super::hedges;
use super::{BarField, LinkError, NodeKind, Plan, PlanNode, SeriesNeed, check_thresholds};
use crate::clock::Freshness;
use crate::futures::{LinearNeeds, is_futures};
use crate::lifeline::Lifelines;
use crate::ops::chained::Chained;
use crate::registry::Registry;
use crate::value::{Cause, Cell};
use alula_dsl::builtin::Instrument;
use alula_dsl::graph::{Clock, Domain, Graph, Node, Op, PluginId, ValueKind};
use alula_market::contract::FutureRoot;
use alula_market::series::BarSize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Sizes of intraday bars that `last` looks for, besides sessions.
const LAST_BAR_MINUTES: [u16; 4] = [1, 5, 15, 30];
/// Months of the VX curve that a history may carry.
const VX_MONTHS: u8 = 8;
/// Sessions of realized vol behind an overlay's expected gain.
const REALIZED_SESSIONS: u32 = 20;

/// Links a graph with threshold values (canonical scale, in the graph's order) and a registry.
///
/// # Errors
/// See [`LinkError`]. A graph that came out of the compiler fails only for thresholds out of range or scripts that were
/// not given to the registry.
pub fn link(graph: &Arc<Graph>, thresholds: &[f64], registry: &Registry) -> Result<Plan, LinkError> {
    check_thresholds(graph, thresholds)?;
    let mut linker = Linker {
        graph,
        registry,
        nodes: Vec::new(),
        order: Vec::new(),
        series: Vec::new(),
        events: Vec::new(),
        chains: Vec::new(),
        extra: Vec::new(),
        at_tick: Vec::new(),
        chained: Vec::new(),
        lifelines: Lifelines::default(),
    };
    linker.chains.push(graph.settings.instrument.name().to_owned());
    for structure in graph
        .policies
        .iter()
        .filter_map(|p| graph.structures.get(p.structure.0 as usize))
        .filter(|s| !is_futures(s))
    {
        linker.chain(structure.underlying);
    }
    for id in graph
        .hedges
        .iter()
        .flat_map(|h| &h.layers)
        .flat_map(hedges::owned)
    {
        if let Some(structure) = graph.structures.get(id.0 as usize)
            && structure.legs.iter().any(|l| l.right.is_some())
        {
            linker.chain(structure.underlying);
        }
    }
    let linear = LinearNeeds::of(graph);
    // ES is priced by the SPX options that settle with it.
    if linear.roots.iter().any(|r| !r.is_vix()) {
        linker.chain(Instrument::Spx);
    }
    linker.nodes()?;
    let (guards, rules) = linker.rules()?;
    let overlays = linker.overlays();
    let hedges = {
        let at_tick = &linker.at_tick;
        hedges::hedges(graph, &|id| {
            at_tick.get(id.0 as usize).copied().unwrap_or(usize::MAX)
        })
    };
    let mut position_nodes: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for rule in &rules {
        if let Some(structure) = graph.structures.get(rule.structure.0 as usize) {
            position_nodes
                .entry(structure.key.clone())
                .or_default()
                .extend(&rule.position_nodes);
        }
    }
    // Node order is evaluation order for the graph's own nodes, and position nodes are never appended ones.
    for nodes in position_nodes.values_mut() {
        nodes.sort_unstable();
        nodes.dedup();
    }
    let Linker {
        nodes,
        order,
        series,
        events,
        chains,
        at_tick,
        chained,
        lifelines,
        ..
    } = linker;
    Ok(Plan {
        graph: Arc::clone(graph),
        nodes,
        order,
        series,
        events,
        chains,
        thresholds: thresholds.to_vec(),
        guards,
        rules,
        hedges,
        subaccounts: hedges::subaccounts(graph),
        position_nodes,
        structure_keys: graph
            .structures
            .iter()
            .map(|s| Arc::from(s.key.as_str()))
            .collect(),
        at_tick,
        linear,
        overlays,
        chained: chained.into_iter().map(|(_, chained)| chained).collect(),
        lifelines,
    })
}

struct Linker<'a> {
    graph: &'a Graph,
    registry: &'a Registry,
    nodes: Vec<PlanNode>,
    order: Vec<usize>,
    series: Vec<SeriesNeed>,
    events: Vec<String>,
    chains: Vec<String>,
    /// Nodes appended behind the graph's, until those are all in place.
    extra: Vec<PlanNode>,
    at_tick: Vec<usize>,
    /// Functions that read a chain, by what tells them apart.
    chained: Vec<(Told, Chained)>,
    lifelines: Lifelines,
}

/// A plugin's function, its numbers bit for bit, and its chain.
type Told = (PluginId, Vec<u64>, usize);

impl Linker<'_> {
    fn chain(&mut self, instrument: Instrument) -> usize {
        let name = instrument.name();
        self.chains.iter().position(|c| c == name).unwrap_or_else(|| {
            self.chains.push(name.to_owned());
            self.chains.len() - 1
        })
    }

    fn need(&mut self, id: &str, size: BarSize, required: bool) -> usize {
        if let Some((at, need)) = self
            .series
            .iter_mut()
            .enumerate()
            .find(|(_, s)| s.id == id && s.size == size)
        {
            need.required |= required;
            return at;
        }
        self.series.push(SeriesNeed {
            id: id.to_owned(),
            size,
            required,
            unless_chain: None,
        });
        self.series.len() - 1
    }

    fn event(&mut self, id: &str) -> usize {
        self.events.iter().position(|e| e == id).unwrap_or_else(|| {
            self.events.push(id.to_owned());
            self.events.len() - 1
        })
    }

    /// Appends a node that the graph does not have and schedules it; gives its index.
    fn append(&mut self, node: PlanNode) -> usize {
        let at = self.graph.nodes.len() + self.extra.len();
        self.extra.push(node);
        self.order.push(at);
        at
    }

    fn nodes(&mut self) -> Result<(), LinkError> {
        let needed = self.needed()?;
        for (index, node) in self.graph.nodes.iter().enumerate() {
            let linked = if needed.get(index) == Some(&true) {
                let linked = self.node(node)?;
                self.order.push(index);
                linked
            } else {
                // Never evaluated, and nothing that is evaluated reads it.
                fixed(node, Cell::missing(Cause::Unsupported))
            };
            self.nodes.push(linked);
            self.at_tick.push(index);
        }
        for id in self.rule_ids() {
            let index = id.0 as usize;
            let Some(node) = self.graph.nodes.get(index) else {
                continue;
            };
            if matches!(node.clock, Clock::Session | Clock::Minutes(_))
                && self.at_tick.get(index) == Some(&index)
            {
                let asof = self.as_of(index, node.kind);
                if let Some(slot) = self.at_tick.get_mut(index) {
                    *slot = asof;
                }
            }
        }
        self.nodes.append(&mut self.extra);
        Ok(())
    }

    fn needed(&self) -> Result<Vec<bool>, LinkError> {
        let mut needed = vec![false; self.graph.nodes.len()];
        for id in self.rule_ids() {
            *needed
                .get_mut(id.0 as usize)
                .ok_or_else(|| LinkError::Dangling(self.graph.settings.name.clone()))? = true;
        }
        for (index, node) in self.graph.nodes.iter().enumerate().rev() {
            for input in &node.inputs {
                if input.0 as usize >= index {
                    return Err(LinkError::Dangling(node.key.clone()));
                }
            }
            if needed.get(index) == Some(&true) {
                for input in &node.inputs {
                    if let Some(slot) = needed.get_mut(input.0 as usize) {
                        *slot = true;
                    }
                }
            }
        }
        Ok(needed)
    }

    fn node(&mut self, node: &Node) -> Result<PlanNode, LinkError> {
        let mut inputs: Vec<usize> = node.inputs.iter().map(|i| i.0 as usize).collect();
        let kind = match &node.op {
            Op::Number(x) => NodeKind::Fixed(Cell::number(*x)),
            Op::Threshold(id) => NodeKind::Threshold(id.0 as usize),
            Op::Field {
                instrument,
                month,
                field,
            } => {
                let (kind, sources) = self.field(node, *instrument, *month, *field)?;
                inputs = sources;
                kind
            }
            Op::Feed(id) => {
                let feed = self
                    .graph
                    .feeds
                    .get(id.0 as usize)
                    .map(|f| f.feed.clone())
                    .unwrap_or_default();
                let (kind, sources) = self.bars(node, &feed, BarField::Close, true)?;
                inputs = sources;
                kind
            }
            Op::ConstantMaturity { days } => {
                let (kind, sources) = self.vx_maturity(node, *days);
                inputs = sources;
                kind
            }
            Op::ImpliedVol { instrument, days } => {
                self.only_ticks(node)?;
                NodeKind::ImpliedVol {
                    chain: self.chain(*instrument),
                    days: *days,
                }
            }
            Op::Within { event, side, length } => {
                self.only_ticks(node)?;
                let id = self.event_id(event.0);
                NodeKind::Within {
                    event: self.event(&id),
                    side: *side,
                    length: *length,
                }
            }
            Op::ImpliedForward { instrument, month } => {
                self.only_ticks(node)?;
                NodeKind::ImpliedForward {
                    chain: self.chain(*instrument),
                    root: if *instrument == Instrument::Vix {
                        FutureRoot::Vx
                    } else {
                        FutureRoot::Es
                    },
                    month: *month,
                }
            }
            Op::Reaction {
                event,
                instrument,
                least,
            } => {
                self.only_ticks(node)?;
                let id = self.event_id(event.0);
                NodeKind::Reaction {
                    event: self.event(&id),
                    series: self.need(instrument.name(), BarSize::Session, true),
                    least: *least,
                }
            }
            Op::EventMove {
                event,
                spot,
                vol,
                least,
                what,
            } => {
                self.only_ticks(node)?;
                let id = self.event_id(event.0);
                NodeKind::EventMove {
                    event: self.event(&id),
                    spot: self.need(spot.name(), BarSize::Session, true),
                    vol: self.need(vol.name(), BarSize::Session, true),
                    least: *least,
                    what: *what,
                }
            }
            Op::Surprise(event) => {
                self.only_ticks(node)?;
                let id = self.event_id(event.0);
                NodeKind::Surprise(self.event(&id))
            }
            Op::SessionLast => NodeKind::SessionLast,
            Op::AsOf => NodeKind::AsOf(inputs.first().map(|i| self.freshness(*i)).unwrap_or_default()),
            Op::Book { what, of } => NodeKind::Book { what: *what, of: *of },
            Op::Position(what) => NodeKind::Position(*what),
            Op::Irr { of, under } => NodeKind::Irr {
                of: *of,
                shift: crate::scenario::shift_of(under),
            },
            Op::OverlayGain => {
                inputs = vec![self.realized()?];
                NodeKind::OverlayGain
            }
            Op::OverlayCost { lo, hi } => NodeKind::OverlayCost { lo: *lo, hi: *hi },
            Op::Plugin {
                function,
                params,
                output,
                chain: Some(instrument),
            } => {
                self.only_ticks(node)?;
                let of =
                    self.chained(*function, params, *instrument)
                        .map_err(|error| LinkError::Operator {
                            text: node.text.clone(),
                            error,
                        })?;
                NodeKind::Chained { of, output: *output }
            }
            // The same row of a position's node is stepped once for each position and candidate: there is no row to tell.
            Op::Plugin {
                function,
                params,
                output,
                chain: None,
            } if node.domain != Domain::Position && node.clock != Clock::Constant => {
                let life = self.lifelines.begin(self.nodes.len());
                let called = (*function, params.as_slice(), *output);
                let made = self.registry.foreign(called, inputs.len(), Some(life));
                NodeKind::Operator(made.map_err(|error| LinkError::Operator {
                    text: node.text.clone(),
                    error,
                })?)
            }
            Op::Cushion { under } => NodeKind::Cushion(crate::scenario::shift_of(under)),
            op => NodeKind::Operator(self.registry.operator(op, inputs.len()).map_err(|error| {
                LinkError::Operator {
                    text: node.text.clone(),
                    error,
                }
            })?),
        };
        if matches!(kind, NodeKind::Operator(_)) {
            self.align(node, &mut inputs)?;
        }
        Ok(PlanNode {
            kind,
            inputs,
            clock: node.clock,
            domain: node.domain,
            value: node.kind,
        })
    }

    /// Inputs of an operator must run on its own clock or be constant; a tick reads the newest row of slower ones.
    fn align(&mut self, node: &Node, inputs: &mut [usize]) -> Result<(), LinkError> {
        for input in inputs.iter_mut() {
            let Some(source) = self.graph.nodes.get(*input) else {
                continue;
            };
            if source.clock == Clock::Constant || source.clock == node.clock {
                continue;
            }
            if node.clock != Clock::Tick {
                return Err(LinkError::Clocks(node.text.clone()));
            }
            *input = self.as_of(*input, source.kind);
        }
        Ok(())
    }

    fn as_of(&mut self, input: usize, value: ValueKind) -> usize {
        let fresh = self.freshness(input);
        self.append(PlanNode {
            kind: NodeKind::AsOf(fresh),
            inputs: vec![input],
            clock: Clock::Tick,
            domain: Domain::Market,
            value,
        })
    }

    /// What may be read of a node with rows, from the sources that it rests on.
    fn freshness(&self, node: usize) -> Vec<Freshness> {
        let mut found = Vec::new();
        let mut stack = vec![node];
        let mut seen = vec![false; self.graph.nodes.len()];
        while let Some(index) = stack.pop() {
            let Some(node) = self.graph.nodes.get(index) else {
                continue;
            };
            if seen.get_mut(index).is_none_or(|s| std::mem::replace(s, true)) {
                continue;
            }
            let size = size_of(node.clock).unwrap_or(BarSize::Session);
            match &node.op {
                Op::Field { .. } | Op::ConstantMaturity { .. } => found.push(Freshness::instrument(size)),
                Op::SessionLast => {
                    found.push(Freshness::instrument(BarSize::Session));
                    continue;
                }
                Op::Feed(id) => {
                    found.push(self.feed_freshness(id.0, size));
                }
                _ => {}
            }
            stack.extend(node.inputs.iter().map(|i| i.0 as usize));
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// What `stale after` asks of a feed; what is asked of an instrument where the strategy does not say.
    fn feed_freshness(&self, feed: u32, size: BarSize) -> Freshness {
        let declared = self.graph.feeds.get(feed as usize).and_then(|f| f.stale_after);
        declared.map_or(Freshness::instrument(size), Freshness::after)
    }

    fn event_id(&self, event: u32) -> String {
        self.graph
            .events
            .get(event as usize)
            .map(|e| e.feed.clone())
            .unwrap_or_default()
    }

    fn only_ticks(&self, node: &Node) -> Result<(), LinkError> {
        if node.clock == Clock::Tick {
            Ok(())
        } else {
            Err(LinkError::Clocks(node.text.clone()))
        }
    }
}

const fn size_of(clock: Clock) -> Option<BarSize> {
    match clock {
        Clock::Session => Some(BarSize::Session),
        Clock::Minutes(n) => Some(BarSize::Minutes(n)),
        Clock::Constant | Clock::Tick => None,
    }
}

fn fixed(node: &Node, cell: Cell) -> PlanNode {
    PlanNode {
        kind: NodeKind::Fixed(cell),
        inputs: Vec::new(),
        clock: node.clock,
        domain: node.domain,
        value: node.kind,
    }
}
