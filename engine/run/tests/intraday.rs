//! Slow and fast clocks together, on a simulated market with several snapshots a day.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "tests may fail loudly, and their numbers are small"
)]

mod common;

use alula_core::batch::Batch;
use alula_core::market::{Grids, MarketData, ViewSource, Views};
use alula_core::plan::{Plan, link};
use alula_core::registry::Registry;
use alula_core::stream::{Event, Stream, schedule};
use alula_core::value::{Cause, Cell};
use alula_market::history::History;
use alula_market::sim::{SimConfig, SimulatedMarket};
use alula_market::time::Instant;
use alula_run::Mode;
use std::sync::Arc;

const TEXT: &str = "alula 1

strategy clocks {
    capital $250_000
    evaluate every 30m in SPX.regular
    fees none
}

series breadth = feed(\"NYSE.ADLINE\") stale after 2 sessions
signal curve   = VX[2].price / VX[1].price - 1
signal month   = constant_maturity(VX, 30 days)
signal rv_iv   = realized_vol(SPX, 5 sessions) / implied_vol(SPX, 30 days)
signal fast    = sma(SPX.close @ 30m, 4)
signal slow    = ema(implied_vol(SPX, 30 days), 2 sessions)
signal turn    = change(breadth, 1) > 0

structure core = iron condor on SPX {
    expiry nearest 21 dte in 10..35 dte only pm
    short put at 20 delta
    long put 50 pts below short put
    short call at 20 delta
    long call 50 pts above short call
}

policy p on core {
    open when curve > -50% and month > 1 vol and rv_iv < 9 and fast > 1 pts and (slow > 1 vol or turn)
         size 1 lots up to 3 positions
    close out when SPX.close @ 30m crosses above fast
    close worn when profit >= 20% of credit for 2 bars
}
";

fn market() -> SimulatedMarket {
    SimulatedMarket::new(SimConfig {
        sessions: 8,
        every_minutes: Some(30),
        ..SimConfig::default()
    })
    .unwrap()
}

#[test]
fn slow_and_fast_clocks_agree_in_both_drivers() {
    let (graph, history) = (common::graph(TEXT), market());
    let batch = common::run_graph(&graph, &history, Mode::Batch).unwrap();
    let streaming = common::run_graph(&graph, &history, Mode::Streaming).unwrap();
    assert_eq!(batch.ticks, streaming.ticks);
    assert_eq!(batch.trace, streaming.trace);
    assert!(batch.ticks.len() > 90, "{}", batch.ticks.len());
    assert!(batch.trades.len() > 3, "{:#?}", batch.rules);
    // Nothing stays unknown once the windows are full.
    let open = batch.rules.iter().find(|r| r.key == "p.open").unwrap();
    assert!(open.was_true > 50, "{open:?}");
}

/// A later start of the run sees the same market: everything before it is warm-up.
#[test]
fn a_later_start_changes_no_market_cell() {
    let (graph, history) = (common::graph(TEXT), market());
    let whole = common::run_graph(&graph, &history, Mode::Batch).unwrap();
    let from = whole.ticks[60].at.date();
    let progress = &mut |_| {};
    let later = common::finished(alula_run::BacktestRequest {
        from: Some(from),
        ..common::request(&graph, &history, Mode::Streaming, progress)
    });
    let rule = |r: &alula_run::RunOutput, at: Instant| {
        let row = r.decisions.iter().find(|d| d.key == "p.open" && d.at == at);
        row.map(|d| d.condition)
    };
    assert!(later.ticks.len() > 20);
    for tick in &later.ticks {
        assert_eq!(rule(&whole, tick.at), rule(&later, tick.at), "{}", tick.at);
    }
}

struct NoRates<'a>(&'a SimulatedMarket);

impl ViewSource for NoRates<'_> {
    type Error = String;

    fn views(&mut self, at: Instant) -> Result<Arc<Views>, String> {
        let snapshot = self.0.snapshot("SPX", at).map_err(|e| e.what)?;
        let view = alula_core::analytics::SnapshotView::new(snapshot, None);
        Ok(vec![Some(Arc::new(view))].into())
    }
}

fn data(plan: &Plan, history: &dyn History) -> MarketData {
    let series = plan
        .series()
        .iter()
        .map(|s| history.series(&s.id, s.size).unwrap())
        .collect();
    let events = plan.events().iter().map(|e| history.events(e).unwrap()).collect();
    MarketData { series, events }
}

/// Every tick's cells with the events of one instant in an order of the caller's choice.
fn cells(
    plan: &Plan,
    data: &MarketData,
    ticks: &[Instant],
    order: impl Fn(&mut Vec<Event>),
) -> Vec<Vec<Cell>> {
    let history = market();
    let mut views = NoRates(&history);
    let grids = Grids::new(plan, data, ticks);
    let events = schedule(data, &grids, *ticks.last().unwrap());
    let mut stream = Stream::new(plan, grids);
    let (mut next, mut out) = (0, Vec::new());
    for &at in ticks {
        while events.get(next).is_some_and(|(t, _)| *t <= at) {
            let now = events[next].0;
            let mut same: Vec<Event> = events[next..]
                .iter()
                .take_while(|(t, _)| *t == now)
                .map(|(_, e)| *e)
                .collect();
            next += same.len();
            order(&mut same);
            for event in same {
                stream.push(plan, data, now, event);
            }
            stream.settle(plan, now);
        }
        stream.tick(plan, data, at, &views.views(at).unwrap());
        let mut row = vec![Cell::missing(Cause::NoData); plan.nodes().len()];
        stream.cells(plan, &mut row);
        out.push(row);
    }
    out
}

#[test]
fn events_of_one_instant_may_arrive_in_any_order() {
    let (graph, history) = (common::graph(TEXT), market());
    let plan = link(&graph, &[], &Registry::default()).unwrap();
    let data = data(&plan, &history);
    let (first, last) = history.range("SPX").unwrap();
    let ticks = history.ticks("SPX", first, last);
    let forward = cells(&plan, &data, &ticks, |_| {});
    let backward = cells(&plan, &data, &ticks, |events| events.reverse());
    assert_eq!(forward, backward);
    let batch = Batch::run(&plan, &data, &ticks, &mut NoRates(&history)).unwrap();
    for (i, row) in forward.iter().enumerate() {
        let mut whole = vec![Cell::missing(Cause::NoData); plan.nodes().len()];
        batch.cells(&plan, i, &mut whole);
        assert_eq!(&whole, row, "tick {i}");
    }
}
