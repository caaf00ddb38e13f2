//! What the drivers' short cuts must not change: feeds that lag behind each other or never come, thresholds that change while a
//! stream is under way, rows that are computed only when somebody asks.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail loudly"
)]

use alula_core::batch::Batch;
use alula_core::clock::Grid;
use alula_core::market::{Grids, MarketData, ViewSource, Views};
use alula_core::plan::{Plan, link};
use alula_core::registry::Registry;
use alula_core::stream::{Event, Stream, schedule};
use alula_core::value::{Cause, Cell};
use alula_dsl::compile::compile;
use alula_dsl::graph::{Domain, Op};
use alula_dsl::source::NoImports;
use alula_market::series::{BarSize, SeriesData};
use alula_market::time::{Date, Instant};
use std::sync::Arc;

const TEXT: &str = "alula 1

strategy s {
    capital $250_000
    evaluate every 5m in SPX.regular
}

threshold level = 100 in 50..150 /// what a feed is compared with

series f0 = feed(\"F0\")
series f1 = feed(\"F1\") stale after 90m
series f2 = feed(\"F2\") stale after 1 days
series f3 = feed(\"F3\")
signal a = f0 @ 5m
signal b = f1 @ 5m
signal c = f2 @ 5m
signal d = f3 @ 5m

guard g {
    require a > level * 1.01 and b > 90 else alert \"two feeds\"
    require ema(a + c, 4) > level else alert \"memory over two\"
    require (a > b for 3 bars) or c / (a - b) > 1 else alert \"all three\"
    require d > level or a > 95 else alert \"a feed that never comes\"
    require sma(b, 3) > a else alert \"a memory of one\"
}
";

fn plan_at(level: f64) -> Plan {
    let compiled = compile("test.alula", TEXT.as_bytes(), &NoImports);
    let graph = compiled
        .graph
        .unwrap_or_else(|| panic!("{:?}", compiled.diagnostics));
    link(&Arc::new(graph), &[level], &Registry::default()).unwrap()
}

/// Bars of 5 minutes: the first feed at once, the second three bars late and with holes, the third from the 40th bar on, the fourth
/// never.
fn market(plan: &Plan) -> (MarketData, Vec<Instant>) {
    let day = |d| Date::from_ymd_opt(2024, 1, d).unwrap();
    let grid = Grid::new(BarSize::Minutes(5), day(2), day(5));
    let rows: Vec<_> = (0..grid.len()).map(|i| *grid.row(i).unwrap()).collect();
    let series = plan
        .series()
        .iter()
        .map(|need| {
            let (late, from, holes) = match need.id.as_str() {
                "F0" => (0, 0, 1_000),
                "F1" => (3, 0, 7),
                "F2" => (0, 40, 1_000),
                _ => return None,
            };
            let seed = need.id.bytes().map(u32::from).sum::<u32>();
            let bars: Vec<usize> = (from..rows.len()).filter(|i| i % holes != holes - 1).collect();
            let value = |i: &usize| {
                let x = u32::try_from(*i)
                    .unwrap()
                    .wrapping_mul(2_654_435_761)
                    .wrapping_add(seed * 97)
                    >> 20;
                // Now and then two feeds are equal, and a bar has no value.
                (x % 61 != 0).then(|| 80.0 + f64::from(x % 40))
            };
            Some(Arc::new(SeriesData {
                date: bars.iter().map(|i| rows[*i].date).collect(),
                starts_at: bars.iter().map(|i| rows[*i].start).collect(),
                available_at: bars
                    .iter()
                    .map(|i| Instant(rows[*i].end.0 + late * 300))
                    .collect(),
                close: bars.iter().map(value).collect(),
                ..SeriesData::default()
            }))
        })
        .collect();
    let ticks = rows.iter().map(|r| r.end).collect();
    (
        MarketData {
            series,
            events: Vec::new(),
        },
        ticks,
    )
}

struct NoSnapshots;

impl ViewSource for NoSnapshots {
    type Error = std::convert::Infallible;

    fn views(&mut self, _: Instant) -> Result<Arc<Views>, Self::Error> {
        Ok(Arc::from(Vec::new()))
    }
}

/// A stream over the ticks; `before` is called before each, and its cells are given.
fn streamed(plan: &Plan, before: impl Fn(usize, &mut Stream)) -> (Stream, Vec<Vec<Cell>>) {
    let (data, ticks) = market(plan);
    let grids = Grids::new(plan, &data, &ticks);
    let events: Vec<(Instant, Event)> = schedule(&data, &grids, *ticks.last().unwrap());
    let mut stream = Stream::new(plan, grids);
    let (mut next, mut out) = (0, Vec::new());
    for (number, at) in ticks.iter().enumerate() {
        before(number, &mut stream);
        while events.get(next).is_some_and(|(t, _)| t <= at) {
            let now = events[next].0;
            while let Some((_, event)) = events.get(next).filter(|(t, _)| *t == now) {
                stream.push(plan, &data, now, *event);
                next += 1;
            }
            stream.settle(plan, now);
        }
        stream.tick(plan, &data, *at, &[]);
        let mut cells = vec![Cell::missing(Cause::NoData); plan.nodes().len()];
        stream.cells(plan, &mut cells);
        out.push(cells);
    }
    (stream, out)
}

fn batch(plan: &Plan) -> Batch {
    let (data, ticks) = market(plan);
    Batch::run(plan, &data, &ticks, &mut NoSnapshots).unwrap()
}

/// Nodes with rows, as cells with the instants from which they can be read.
fn rows(
    plan: &Plan,
    of: impl Fn(usize) -> Option<Vec<(Cell, Instant)>>,
) -> Vec<(usize, Vec<(Cell, Instant)>)> {
    let with_rows = plan.order().iter().filter(|i| plan.nodes()[**i].has_rows());
    with_rows.map(|i| (*i, of(*i).unwrap_or_default())).collect()
}

fn stream_rows(plan: &Plan, stream: &Stream) -> Vec<(usize, Vec<(Cell, Instant)>)> {
    rows(plan, |i| {
        let rows = stream.rows(plan, i)?;
        Some(rows.column.iter().zip(rows.visible.iter().copied()).collect())
    })
}

/// What a stream cannot have yet is left out: rows that can be read only after its last tick.
fn batch_rows(plan: &Plan, batch: &Batch) -> Vec<(usize, Vec<(Cell, Instant)>)> {
    let last = *market(plan).1.last().unwrap();
    rows(plan, |i| {
        let rows = batch.rows(i)?;
        let all = rows.column.iter().zip(rows.visible.iter().copied());
        Some(all.filter(|(_, at)| *at <= last).collect())
    })
}

#[test]
fn feeds_that_lag_behind_each_other_give_the_rows_and_cells_of_the_columns() {
    let plan = plan_at(100.0);
    let batch = batch(&plan);
    let (stream, cells) = streamed(&plan, |_, _| {});
    for (tick, cells) in cells.iter().enumerate() {
        let mut want = vec![Cell::missing(Cause::NoData); plan.nodes().len()];
        batch.cells(&plan, tick, &mut want);
        assert_eq!(&want, cells, "tick {tick}");
    }
    let (ours, theirs) = (stream_rows(&plan, &stream), batch_rows(&plan, &batch));
    assert_eq!(ours, theirs);
    // The test is about something: rows of different lengths, and the newest one is the last.
    let lengths: std::collections::BTreeSet<usize> = ours.iter().map(|(_, r)| r.len()).collect();
    assert!(lengths.len() >= 3, "{lengths:?}");
    for (node, rows) in &ours {
        assert_eq!(stream.newest(*node), rows.last().map(|(cell, _)| *cell));
    }
}

#[test]
fn the_value_of_a_threshold_times_a_number_is_there_at_every_tick() {
    let plan = plan_at(100.0);
    let batch = batch(&plan);
    let product = plan
        .order()
        .iter()
        .copied()
        .find(|i| {
            let own = plan.graph().nodes.get(*i);
            own.is_some_and(|n| matches!(n.op, Op::Arith(_)) && n.clock == alula_dsl::graph::Clock::Constant)
        })
        .unwrap();
    for tick in [0, 1, 100] {
        let mut cells = vec![Cell::missing(Cause::NoData); plan.nodes().len()];
        batch.cells(&plan, tick, &mut cells);
        assert_eq!(cells[product], Cell::number(101.0));
    }
}

/// Rows that were there when the threshold changed stay as they were; those that come after are what the new one gives.
#[test]
fn a_change_of_thresholds_leaves_the_rows_that_are_there_alone() {
    let (old, new) = (plan_at(100.0), plan_at(85.0));
    let change = 120;
    let (stream, cells) = streamed(&old, |tick, stream| {
        if tick == change {
            stream.constants(&new);
        }
    });
    let at = market(&old).1[change - 1];
    let both = [batch(&old), batch(&new)];
    let (before, after) = (batch_rows(&old, &both[0]), batch_rows(&new, &both[1]));
    let mut differ = 0;
    for ((node, got), ((_, before), (_, after))) in
        stream_rows(&old, &stream).iter().zip(before.iter().zip(&after))
    {
        assert_eq!(got.len(), before.len(), "node {node}");
        for (row, (cell, visible)) in got.iter().enumerate() {
            let want = if *visible <= at { before[row] } else { after[row] };
            assert_eq!((*cell, *visible), want, "node {node}, row {row}");
            differ += usize::from(before[row] != after[row]);
        }
    }
    assert!(differ > 100, "{differ}");
    // A tick reads what its rows say.
    for (tick, cells) in cells.iter().enumerate() {
        let (of, plan) = if tick < change {
            (&both[0], &old)
        } else {
            (&both[1], &new)
        };
        let mut want = vec![Cell::missing(Cause::NoData); plan.nodes().len()];
        of.cells(plan, tick, &mut want);
        // Around the change a tick may still read a row of before.
        if !(change..change + 10).contains(&tick) {
            for (node, cell) in cells.iter().enumerate() {
                if plan.nodes()[node].domain == Domain::Market {
                    assert_eq!(want[node], *cell, "tick {tick}, node {node}");
                }
            }
        }
    }
}
