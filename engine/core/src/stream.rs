//! The streaming driver: market nodes event by event, as data arrive.
//!
//! Events are pushed in the order of their instants; those of one instant in any order, then [`Stream::settle`], then the
//! tick, if there is one. A row of a node is computed when the last of its inputs' rows has closed. What is read from a source
//! is remembered; the rows of operators are not, but their newest: who asks for them has them computed again from the
//! sources, as columns.

mod frames;
mod programs;
mod ticks;

use crate::clock::{Moment, RowCursor, session_sample_at};
use crate::column::Column;
use crate::columns::Columns;
use crate::market::{Grids, MarketData, Rows, Views, bar_cell, row_inputs, tick_source, vx_maturity};
use crate::ops::chained::{Chained, place};
use crate::plan::{NodeKind, Plan, PlanNode};
use crate::rows::{newest_fresh, row_of_bar};
use crate::value::{Cause, Cell};
use alula_dsl::graph::{Clock, Domain};
use alula_market::time::Instant;
use frames::Frames;
use std::collections::BTreeSet;
use std::sync::OnceLock;
use ticks::{Read, Ticks};

/// Something that becomes known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Event {
    /// A bar of a series: index into [`Plan::series`], and into its bars.
    Bar {
        /// Series.
        series: usize,
        /// Bar.
        bar: usize,
    },
    /// A session is over: its row on the session grid.
    SessionEnd(usize),
}

/// All events up to an instant, in the order in which a feed would deliver them: by instant, then as declared.
///
/// A live feed pushes the same events as they happen; nothing in the stream depends on having this list.
#[must_use]
pub fn schedule(data: &MarketData, grids: &Grids, until: Instant) -> Vec<(Instant, Event)> {
    let mut out = Vec::new();
    for (index, series) in data.series.iter().enumerate() {
        let Some(series) = series else { continue };
        let mut newest = Instant(i64::MIN);
        for (bar, at) in series.available_at.iter().enumerate() {
            newest = newest.max(*at);
            out.push((newest, Event::Bar { series: index, bar }));
        }
    }
    if let Some(grid) = grids.get(alula_market::series::BarSize::Session) {
        for row in 0..grid.len() {
            let at = grid.row(row).and_then(|r| session_sample_at(r.date));
            out.extend(at.map(|at| (at, Event::SessionEnd(row))));
        }
    }
    out.retain(|(at, _)| *at <= until);
    out.sort_unstable();
    out
}

/// The rows of a node that is read from a source.
#[derive(Clone, Debug)]
struct Taken {
    column: Column,
    visible: Vec<Instant>,
    cursor: RowCursor,
}

impl Taken {
    fn push(&mut self, cell: Cell, visible: Instant) {
        let newest = self.visible.last().copied().unwrap_or(visible);
        self.column.push(cell);
        self.visible.push(visible.max(newest));
    }

    const fn rows(&self) -> Rows<'_> {
        Rows {
            column: &self.column,
            visible: self.visible.as_slice(),
        }
    }
}

/// A node that samples a tick-clock node at the end of each session.
#[derive(Clone, Debug)]
struct Sample {
    node: usize,
    input: usize,
    /// The session's newest tick so far.
    newest: Option<(Instant, Cell)>,
}

/// Where the newest row of an operator is.
#[derive(Clone, Copy, Debug)]
struct Place {
    frames: usize,
    cell: usize,
}

/// The state of all market nodes.
#[derive(Clone, Debug)]
pub struct Stream {
    grids: Grids,
    taken: Vec<Option<Taken>>,
    /// Nodes with bars of a series, by series.
    bars: Vec<Vec<usize>>,
    samples: Vec<Sample>,
    /// Nodes of the VX curve, with their maturities in days.
    maturities: Vec<(usize, u32)>,
    frames: Vec<Frames>,
    places: Vec<Option<Place>>,
    ticks: Ticks,
    /// Plugins' functions that read an option chain.
    chained: Vec<Chained>,
    /// Nodes that are the same at each step.
    constants: Vec<Option<Cell>>,
    /// Whether the newest row so far may be read in a manner at the tick at hand.
    allowed: Vec<Option<(usize, Result<usize, Cause>)>>,
    /// Every operator's rows, since somebody has asked.
    later: OnceLock<Columns>,
}

impl Stream {
    /// A stream before its first event.
    #[must_use]
    pub fn new(plan: &Plan, grids: Grids) -> Self {
        let count = plan.nodes().len();
        let ticks = Ticks::new(plan);
        let mut stream = Self {
            grids,
            taken: vec![None; count],
            bars: vec![Vec::new(); plan.series().len()],
            samples: Vec::new(),
            maturities: Vec::new(),
            frames: Vec::new(),
            places: vec![None; count],
            allowed: vec![None; ticks.manners.len()],
            ticks,
            chained: plan.chained().to_vec(),
            constants: vec![None; count],
            later: OnceLock::new(),
        };
        let mut clocks: BTreeSet<Clock> = BTreeSet::new();
        for (index, node) in market_nodes(plan).filter(|(_, n)| n.has_rows()) {
            clocks.insert(node.clock);
            match &node.kind {
                NodeKind::Operator(_) => continue,
                NodeKind::Bars { series, .. } => {
                    if let Some(of) = stream.bars.get_mut(*series) {
                        of.push(index);
                    }
                }
                NodeKind::SessionLast => {
                    let input = node.inputs.first().copied().unwrap_or(usize::MAX);
                    stream.samples.push(Sample {
                        node: index,
                        input,
                        newest: None,
                    });
                }
                NodeKind::VxMaturity(days) => stream.maturities.push((index, *days)),
                _ => {}
            }
            if let Some(slot) = stream.taken.get_mut(index) {
                *slot = Some(Taken {
                    column: Column::new(node.value),
                    visible: Vec::new(),
                    cursor: RowCursor::default(),
                });
            }
        }
        for clock in clocks {
            let (frames, places) = Frames::new(plan, clock);
            for (node, cell) in places {
                if let Some(slot) = stream.places.get_mut(node) {
                    let frames = stream.frames.len();
                    *slot = Some(Place { frames, cell });
                }
            }
            if !frames.is_empty() {
                stream.frames.push(frames);
            }
        }
        stream.constants(plan);
        stream
    }

    /// Constant-clock nodes, once, and again after a change of thresholds. Rows that are there stay as they are.
    pub fn constants(&mut self, plan: &Plan) {
        let mut constants: Vec<Option<Cell>> = vec![None; plan.nodes().len()];
        for (index, node) in market_nodes(plan).filter(|(_, n)| !n.has_rows()) {
            let of = |i: &usize| constants.get(*i).copied().flatten();
            let cell = match (&node.kind, plan.fixed(node)) {
                (_, Some(cell)) => cell,
                (NodeKind::Operator(operator), None) if node.clock == Clock::Constant => {
                    let inputs = node.inputs.iter().map(|i| of(i).unwrap_or(NOTHING));
                    operator.boxed_clone().step(&inputs.collect::<Vec<_>>())
                }
                _ if node.clock == Clock::Constant => NOTHING,
                _ => continue,
            };
            if let Some(slot) = constants.get_mut(index) {
                *slot = Some(cell);
            }
        }
        if constants == self.constants {
            return;
        }
        // What was computed with the old ones cannot be computed again with the new.
        if self.frames.iter().any(|f| f.kept().is_none() && !f.is_fresh()) {
            let columns = self.computed_again(plan);
            for frames in self.frames.iter_mut().filter(|f| f.kept().is_none()) {
                let column = |i: &usize| columns.rows(*i).map(|r| r.column.clone());
                let so_far = frames
                    .nodes()
                    .iter()
                    .map(|i| column(i).unwrap_or_else(Column::numbers));
                let so_far = so_far.collect();
                frames.keep(so_far);
            }
        }
        self.later.take();
        for (index, cell) in constants.iter().enumerate() {
            if let Some(cell) = cell {
                self.ticks.constant(index, *cell);
            }
        }
        for frames in &mut self.frames {
            frames.constants(|i| constants.get(i).copied().flatten().unwrap_or(NOTHING));
        }
        self.constants = constants;
    }

    /// Takes an event. Bars close rows of their series' nodes; a session's end closes the samples of its last tick.
    pub fn push(&mut self, plan: &Plan, data: &MarketData, at: Instant, event: Event) {
        self.later.take();
        match event {
            Event::Bar { series, bar } => self.bar(plan, data, at, (series, bar)),
            Event::SessionEnd(row) => {
                for sample in &mut self.samples {
                    let grid = plan.nodes().get(sample.node).and_then(|n| self.grids.of(n));
                    let date = grid.and_then(|g| g.row(row)).map(|r| r.date);
                    let cell = match sample.newest.take() {
                        Some((tick, cell)) if Some(tick.date()) == date => cell,
                        _ => NOTHING,
                    };
                    if let Some(taken) = self.taken.get_mut(sample.node).and_then(Option::as_mut) {
                        taken.push(cell, at);
                    }
                }
            }
        }
    }

    fn bar(&mut self, plan: &Plan, data: &MarketData, at: Instant, (series, bar): (usize, usize)) {
        let Some(found) = data.series(series) else { return };
        let (Some(date), Some(starts)) = (found.date.get(bar), found.starts_at.get(bar)) else {
            return;
        };
        for &index in self.bars.get(series).into_iter().flatten() {
            let Some(node) = plan.nodes().get(index) else {
                continue;
            };
            let NodeKind::Bars { field, .. } = node.kind else {
                continue;
            };
            let (Some(grid), Some(taken)) = (
                self.grids.of(node),
                self.taken.get_mut(index).and_then(Option::as_mut),
            ) else {
                continue;
            };
            let Some(row) = row_of_bar(grid, taken.visible.len(), *date, *starts) else {
                continue;
            };
            let Some(missing) = taken.cursor.arrive(row) else {
                continue;
            };
            for _ in 0..missing {
                taken.push(NOTHING, at);
            }
            taken.push(bar_cell(found, bar, field), at);
        }
    }

    /// Computes every row that can be computed now; call after the events of an instant.
    pub fn settle(&mut self, plan: &Plan, at: Instant) {
        for (index, days) in self.maturities.clone() {
            if let Some(node) = plan.nodes().get(index) {
                self.advance_vx(index, node, days, at);
            }
        }
        let taken = &self.taken;
        let rows = |i: usize| taken.get(i).and_then(Option::as_ref).map(Taken::rows);
        for frames in &mut self.frames {
            frames.settle(rows);
        }
    }

    fn advance_vx(&mut self, index: usize, node: &PlanNode, days: u32, at: Instant) {
        loop {
            let row = self.source(index).map_or(0, |r| r.len());
            let Some(date) = self.grids.of(node).and_then(|g| g.row(row)).map(|r| r.date) else {
                return;
            };
            let closed = row_inputs(node, date)
                .iter()
                .all(|i| self.source(*i).is_some_and(|r| r.len() > row));
            if !closed {
                return;
            }
            let month = |m: usize| {
                let rows = node.inputs.get(m).and_then(|i| self.source(*i));
                rows.map_or(Cell::missing(Cause::NotListed), |r| r.column.get(row))
            };
            let cell = vx_maturity(date, days, month);
            match self.taken.get_mut(index).and_then(Option::as_mut) {
                Some(taken) => taken.push(cell, at),
                None => return,
            }
        }
    }

    /// Evaluates the tick-clock nodes; every event at or before the tick must have been pushed and settled.
    pub fn tick(&mut self, plan: &Plan, data: &MarketData, at: Instant, views: &Views) {
        let tick = Moment::new(at);
        self.allowed.fill(None);
        self.chained.iter_mut().for_each(|c| c.tick(views));
        for source in 0..self.ticks.sources.len() {
            let Some((index, read)) = self.ticks.sources.get(source).copied() else {
                break;
            };
            let cell = match read {
                Read::Newest { input, manner } => self.as_of(&tick, input, manner),
                Read::Source => plan
                    .nodes()
                    .get(index)
                    .and_then(|node| match place(&node.kind) {
                        Some((of, output)) => self.chained.get(of).map(|c| c.cell(output)),
                        None => tick_source(plan, node, at, views, data, &self.grids, |i| self.source(i)),
                    })
                    .unwrap_or(NOTHING),
            };
            self.ticks.source(source, cell);
        }
        self.ticks.run();
        for sample in &mut self.samples {
            sample.newest = Some((at, self.ticks.get(sample.input).unwrap_or(NOTHING)));
        }
    }

    /// The newest row of a node, if it is not too old for a tick. Nodes that are read alike and have closed the same row
    /// share the answer.
    fn as_of(&mut self, tick: &Moment, input: usize, manner: usize) -> Cell {
        let Some((row, cell)) = self.newest_row(input) else {
            return NOTHING;
        };
        let known = self.allowed.get(manner).copied().flatten();
        let allowed = match known.filter(|(of, _)| *of == row) {
            Some((_, allowed)) => allowed,
            None => {
                let Some(manner) = self.ticks.manners.get(manner) else {
                    return NOTHING;
                };
                let grid = manner.size.and_then(|s| self.grids.get(s));
                newest_fresh(grid, Some(row), &manner.fresh, tick)
            }
        };
        if let Some(slot) = self.allowed.get_mut(manner) {
            *slot = Some((row, allowed));
        }
        allowed.map_or_else(Cell::missing, |_| cell)
    }

    fn newest_row(&self, node: usize) -> Option<(usize, Cell)> {
        if let Some(rows) = self.source(node) {
            let row = rows.len().checked_sub(1)?;
            return Some((row, rows.column.get(row)));
        }
        let place = self.places.get(node).copied().flatten()?;
        self.frames.get(place.frames)?.newest(place.cell)
    }

    /// The cells of the newest tick, written by node number; nodes of other domains are left alone.
    pub fn cells(&self, _: &Plan, cells: &mut [Cell]) {
        for (node, cell) in self.ticks.cells() {
            if let Some(slot) = cells.get_mut(node) {
                *slot = cell;
            }
        }
    }

    /// The newest closed row of a node.
    #[must_use]
    pub fn newest(&self, node: usize) -> Option<Cell> {
        self.newest_row(node).map(|(_, cell)| cell)
    }

    /// Rows of a node, if it has any. Those of operators are computed when somebody asks, and again after the next event: for the
    /// newest one there is [`Stream::newest`].
    #[must_use]
    pub fn rows(&self, plan: &Plan, node: usize) -> Option<Rows<'_>> {
        match self.source(node) {
            Some(rows) => Some(rows),
            None => self.later.get_or_init(|| self.computed_again(plan)).rows(node),
        }
    }

    /// The grids.
    #[must_use]
    pub const fn grids(&self) -> &Grids {
        &self.grids
    }

    fn source(&self, node: usize) -> Option<Rows<'_>> {
        self.taken.get(node).and_then(Option::as_ref).map(Taken::rows)
    }

    /// The rows of every operator, from those of the sources.
    fn computed_again(&self, plan: &Plan) -> Columns {
        let mut columns = Columns::new(plan, 0);
        for (index, constant) in self.constants.iter().enumerate() {
            if let Some(cell) = constant {
                columns.put_constant(index, *cell);
            }
            if let Some(rows) = self.source(index) {
                columns.put_rows(index, rows.column.clone(), rows.visible.to_vec());
            }
        }
        for frames in &self.frames {
            let kept = frames.kept().unwrap_or_default();
            for (index, column) in frames.nodes().iter().zip(kept) {
                columns.put_beside_inputs(plan, *index, column.clone());
            }
        }
        // What they rest on may have to be computed first.
        let mut remembered: Vec<(usize, &Column)> = self.frames.iter().flat_map(Frames::remembered).collect();
        remembered.retain(|(index, _)| !columns.is_done(*index));
        let with_rows = market_nodes(plan).filter(|(_, n)| n.has_rows());
        let mut todo: Vec<usize> = with_rows.map(|(i, _)| i).collect();
        loop {
            let before = todo.len();
            for (index, column) in &remembered {
                let inputs = plan.nodes().get(*index).map_or(&[][..], |n| &n.inputs);
                if !columns.is_done(*index) && inputs.iter().all(|i| columns.is_done(*i)) {
                    columns.put_beside_inputs(plan, *index, (*column).clone());
                }
            }
            todo.retain(|i| !columns.is_done(*i));
            let computed: Vec<usize> = todo
                .iter()
                .copied()
                .filter(|i| !remembered.iter().any(|(r, _)| r == i))
                .collect();
            columns.sweep(plan, &computed);
            todo.retain(|i| !columns.is_done(*i));
            if todo.is_empty() || todo.len() == before {
                return columns;
            }
        }
    }
}

/// A node that nothing is known of.
const NOTHING: Cell = Cell::missing(Cause::NoData);

/// The market's nodes, inputs first.
fn market_nodes(plan: &Plan) -> impl Iterator<Item = (usize, &PlanNode)> {
    let nodes = plan
        .order()
        .iter()
        .filter_map(|i| Some((*i, plan.nodes().get(*i)?)));
    nodes.filter(|(_, n)| n.domain == Domain::Market)
}
