//! What nodes of the graph read of the market: bars, quotes, maturities.

use super::super::{BarField, LinkError, NodeKind, PlanNode};
use super::{LAST_BAR_MINUTES, Linker, REALIZED_SESSIONS, Told, VX_MONTHS, size_of};
use crate::clock::Freshness;
use crate::registry::RegistryError;
use alula_dsl::builtin::{Field, Indicator, Instrument, VolEstimator};
use alula_dsl::graph::{Clock, Domain, Node, Op, Param, PluginId, ValueKind};
use alula_dsl::unit::Unit;
use alula_market::series::BarSize;

impl Linker<'_> {
    /// The function's instance, which its other outputs share.
    pub(super) fn chained(
        &mut self,
        function: PluginId,
        params: &[f64],
        instrument: Instrument,
    ) -> Result<usize, RegistryError> {
        let chain = self.chain(instrument);
        let told: Told = (function, params.iter().map(|p| p.to_bits()).collect(), chain);
        if let Some(at) = self.chained.iter().position(|(t, _)| *t == told) {
            return Ok(at);
        }
        let life = self.lifelines.begin(self.nodes.len());
        let made = self.registry.chained(function, params, (chain, life))?;
        self.chained.push((told, made));
        Ok(self.chained.len() - 1)
    }

    pub(super) fn vx_maturity(&mut self, node: &Node, days: u32) -> (NodeKind, Vec<usize>) {
        let clock = if node.clock == Clock::Tick {
            Clock::Session
        } else {
            node.clock
        };
        let size = size_of(clock).unwrap_or(BarSize::Session);
        let months: Vec<usize> = (1..=VX_MONTHS)
            .map(|month| {
                let series = self.need(&format!("VX{month}"), size, month <= 2);
                self.append(PlanNode {
                    kind: NodeKind::Bars {
                        series,
                        field: BarField::Close,
                    },
                    inputs: Vec::new(),
                    clock,
                    domain: Domain::Market,
                    value: ValueKind::Number(Unit::VOL),
                })
            })
            .collect();
        self.rows_or_tick(node, NodeKind::VxMaturity(days), months, Unit::VOL)
    }

    /// `kind` on the node's own grid, or, for a tick-clock node, the newest row of an appended node that has it on sessions.
    pub(super) fn rows_or_tick(
        &mut self,
        node: &Node,
        kind: NodeKind,
        inputs: Vec<usize>,
        unit: Unit,
    ) -> (NodeKind, Vec<usize>) {
        if size_of(node.clock).is_some() {
            return (kind, inputs);
        }
        let rows = self.append(PlanNode {
            kind,
            inputs,
            clock: Clock::Session,
            domain: Domain::Market,
            value: ValueKind::Number(unit),
        });
        let mut fresh = vec![Freshness::instrument(BarSize::Session)];
        if let Op::Feed(id) = &node.op {
            fresh = vec![self.feed_freshness(id.0, BarSize::Session)];
        }
        (NodeKind::AsOf(fresh), vec![rows])
    }

    pub(super) fn bars(
        &mut self,
        node: &Node,
        id: &str,
        field: BarField,
        required: bool,
    ) -> Result<(NodeKind, Vec<usize>), LinkError> {
        let size = size_of(node.clock).unwrap_or(BarSize::Session);
        let series = self.need(id, size, required);
        let unit = match node.kind {
            ValueKind::Number(unit) => unit,
            ValueKind::Bool => return Err(LinkError::Clocks(node.text.clone())),
        };
        Ok(self.rows_or_tick(node, NodeKind::Bars { series, field }, Vec::new(), unit))
    }

    pub(super) fn field(
        &mut self,
        node: &Node,
        instrument: Instrument,
        month: Option<u8>,
        field: Field,
    ) -> Result<(NodeKind, Vec<usize>), LinkError> {
        let name = month.map_or_else(
            || instrument.name().to_owned(),
            |m| format!("{}{m}", instrument.name()),
        );
        let bar = match field {
            Field::Open => BarField::Open,
            Field::High => BarField::High,
            Field::Low => BarField::Low,
            Field::Close => BarField::Close,
            Field::Volume => BarField::Volume,
            Field::Depth => return self.bars(node, &format!("{name}.DEPTH"), BarField::Close, true),
            Field::Last => return self.last(node, instrument, month, &name),
        };
        self.bars(node, &name, bar, true)
    }

    pub(super) fn last(
        &mut self,
        node: &Node,
        instrument: Instrument,
        month: Option<u8>,
        name: &str,
    ) -> Result<(NodeKind, Vec<usize>), LinkError> {
        self.only_ticks(node)?;
        let has_chain = matches!(instrument, Instrument::Spx | Instrument::Xsp | Instrument::Vix);
        let chain = (month.is_none() && has_chain).then(|| self.chain(instrument));
        let mut inputs = Vec::new();
        let minutes = LAST_BAR_MINUTES
            .into_iter()
            .map(|n| (BarSize::Minutes(n), Clock::Minutes(n)));
        for (size, clock) in minutes.chain([(BarSize::Session, Clock::Session)]) {
            // A spot in the snapshots makes the bars a stand-in; without one the session bars have to be there.
            let session = size == BarSize::Session;
            let series = self.need(name, size, session && chain.is_none());
            if let (true, Some(chain), Some(need)) = (session, chain, self.series.get_mut(series)) {
                need.unless_chain = Some(chain);
            }
            inputs.push(self.append(PlanNode {
                kind: NodeKind::Bars {
                    series,
                    field: BarField::Close,
                },
                inputs: Vec::new(),
                clock,
                domain: Domain::Market,
                value: node.kind,
            }));
        }
        Ok((NodeKind::Last { chain }, inputs))
    }

    /// Close-to-close realized vol of the strategy's underlying over twenty sessions, as a tick reads it.
    pub(super) fn realized(&mut self) -> Result<usize, LinkError> {
        let id = self.graph.settings.instrument.name();
        let series = self.need(id, BarSize::Session, true);
        let node = |kind, inputs, unit| PlanNode {
            kind,
            inputs,
            clock: Clock::Session,
            domain: Domain::Market,
            value: ValueKind::Number(unit),
        };
        let fields = [BarField::Open, BarField::High, BarField::Low, BarField::Close];
        let bars = fields.map(|field| {
            let kind = NodeKind::Bars { series, field };
            self.append(node(kind, Vec::new(), Unit::PTS))
        });
        let op = Op::Indicator {
            which: Indicator::RealizedVol,
            params: vec![
                Param::Count(REALIZED_SESSIONS),
                Param::Estimator(VolEstimator::CloseClose),
            ],
            output: 0,
        };
        let operator = self.registry.operator(&op, bars.len());
        let operator = operator.map_err(|error| LinkError::Operator {
            text: "expected_gain".to_owned(),
            error,
        })?;
        let vol = self.append(node(NodeKind::Operator(operator), bars.to_vec(), Unit::VOL));
        Ok(self.append(PlanNode {
            kind: NodeKind::AsOf(vec![Freshness::instrument(BarSize::Session)]),
            inputs: vec![vol],
            clock: Clock::Tick,
            domain: Domain::Market,
            value: ValueKind::Number(Unit::VOL),
        }))
    }
}
