//! No value is readable before its instant: what a rule sees at a tick is the same whether or not the future is there.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail loudly"
)]

use alula_core::batch::Batch;
use alula_core::market::{Grids, MarketData, ViewSource, Views};
use alula_core::plan::{Plan, link};
use alula_core::registry::Registry;
use alula_core::stream::{Stream, schedule};
use alula_core::value::{Cause, Cell};
use alula_dsl::compile::compile;
use alula_dsl::source::NoImports;
use alula_market::calendar::ExchangeCalendar;
use alula_market::series::{EventData, EventRow, SeriesData, Vintage, Vintages};
use alula_market::time::{Date, Instant};
use proptest::prelude::*;
use std::sync::Arc;

/// Feeds by themselves, through windows, against one another, with memory, and the figures of an event.
const RULES: &str = "series x = feed(\"X\") as vol stale after 3 sessions
series y = feed(\"Y\") as vol stale after 40 sessions
guard a { require x > 0 else block open }
guard b { require sma(x, 3) > y else block open }
guard c { require x > 0 for 2 bars else block open }
guard d { require zscore(y, 4) < 1 else block open }
guard e { require not within 1 day before cpi else block open }
guard f { require surprise(cpi) < 1 else block open }
";

fn plan() -> Plan {
    let head = "alula 1\nstrategy s { capital $250_000 evaluate every 5m in SPX.regular }\n";
    let compiled = compile("test.alula", format!("{head}{RULES}").as_bytes(), &NoImports);
    let graph = compiled
        .graph
        .unwrap_or_else(|| panic!("{:?}", compiled.diagnostics));
    let defaults: Vec<f64> = graph.thresholds.iter().map(|t| t.default).collect();
    link(&Arc::new(graph), &defaults, &Registry::default()).unwrap()
}

struct Dark(usize);

impl ViewSource for Dark {
    type Error = std::convert::Infallible;

    fn views(&mut self, _: Instant) -> Result<Arc<Views>, Self::Error> {
        Ok(vec![None; self.0].into())
    }
}

fn sessions() -> &'static [Date] {
    let day = |t: &str| t.parse::<Date>().unwrap();
    ExchangeCalendar::nyse().sessions(day("2019-05-01"), day("2019-06-14"))
}

fn minute_of(day: Date, minutes: i64) -> Instant {
    Instant(Instant::from_eastern(day, 0, 0).unwrap().0 + minutes * 60)
}

/// Bars out of first prints: the session of each, known when it says, never before the one before it.
fn bars(vintages: &Vintages) -> SeriesData {
    let mut data = SeriesData::default();
    let mut newest = Instant(i64::MIN);
    for v in vintages.first_prints() {
        newest = newest.max(v.known_at);
        data.date.push(v.period);
        data.starts_at
            .push(ExchangeCalendar::nyse().open_at(v.period).unwrap());
        data.available_at.push(newest);
        data.close.push(Some(v.value));
    }
    data
}

/// What of the data was there at an instant.
fn known(data: &SeriesData, at: Instant) -> SeriesData {
    let n = data.available_at.partition_point(|k| *k <= at);
    let mut cut = data.clone();
    cut.date.truncate(n);
    cut.starts_at.truncate(n);
    cut.available_at.truncate(n);
    cut.close.truncate(n);
    cut
}

fn market(plan: &Plan, x: &SeriesData, y: &SeriesData, events: &EventData) -> MarketData {
    let find = |id: &str| match id {
        "X" => Some(Arc::new(x.clone())),
        "Y" => Some(Arc::new(y.clone())),
        _ => None,
    };
    MarketData {
        series: plan.series().iter().map(|s| find(&s.id)).collect(),
        events: plan
            .events()
            .iter()
            .map(|_| Some(Arc::new(events.clone())))
            .collect(),
    }
}

/// The guards at every tick, by both drivers, which must agree.
fn guards(plan: &Plan, data: &MarketData, ticks: &[Instant]) -> Vec<Vec<Cell>> {
    let Ok(batch) = Batch::run(plan, data, ticks, &mut Dark(plan.chains().len()));
    let grids = Grids::new(plan, data, ticks);
    let events = schedule(data, &grids, *ticks.last().unwrap());
    let mut stream = Stream::new(plan, grids);
    let mut next = 0;
    let dark: Arc<Views> = vec![None; plan.chains().len()].into();
    let mut all = Vec::new();
    for (i, at) in ticks.iter().enumerate() {
        while let Some((now, _)) = events.get(next).filter(|(t, _)| t <= at).copied() {
            while let Some((_, event)) = events.get(next).filter(|(t, _)| *t == now) {
                stream.push(plan, data, now, *event);
                next += 1;
            }
            stream.settle(plan, now);
        }
        stream.tick(plan, data, *at, &dark);
        let read = |fill: &dyn Fn(&mut [Cell])| {
            let mut cells = vec![Cell::missing(Cause::NoData); plan.nodes().len()];
            fill(&mut cells);
            let guards = plan.guards().iter().map(|g| cells.get(g.require).copied());
            guards.map(Option::unwrap).collect::<Vec<_>>()
        };
        let (columns, streamed) = (
            read(&|c| batch.cells(plan, i, c)),
            read(&|c| stream.cells(plan, c)),
        );
        assert_eq!(columns, streamed, "the drivers differ at {at}");
        all.push(columns);
    }
    all
}

/// Session, minutes after the day's midnight at which its value is known (up to two days later), and the value.
type Print = (usize, i64, f64);

fn vintages(prints: &[Print]) -> Vintages {
    let days = sessions();
    let mut rows: Vec<Vintage> = prints
        .iter()
        .map(|(i, minutes, value)| {
            let period = days[i % days.len()];
            // After the bar's start: a value of a day is not known before the day begins.
            let known_at = minute_of(period, 571 + minutes % 2_880);
            Vintage {
                period,
                known_at,
                value: *value,
            }
        })
        .collect();
    rows.sort_by_key(|v| (v.known_at, v.period));
    rows.dedup_by_key(|v| (v.known_at, v.period));
    Vintages::new(rows).unwrap()
}

fn prints() -> impl Strategy<Value = Vec<Print>> {
    proptest::collection::vec((0usize..31, 0i64..2_880, -3.0f64..3.0), 2..60)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn the_future_changes_nothing_that_a_rule_sees(
        x in prints(),
        y in prints(),
        releases in proptest::collection::vec((0usize..31, 0i64..960, -1.0f64..1.0), 0..5),
        cut in 0usize..40,
    ) {
        let plan = plan();
        let days = sessions();
        let (x, y) = (vintages(&x), vintages(&y));
        let mut rows: Vec<EventRow> = releases
            .iter()
            .map(|(i, minutes, figure)| {
                let at = minute_of(days[i % days.len()], 480 + minutes);
                EventRow { at, scheduled_known_at: Instant(at.0 - 86_400 * 5), actual: Some(*figure), consensus: Some(0.0) }
            })
            .collect();
        rows.sort_by_key(|r| r.at);
        rows.dedup_by_key(|r| r.at);
        let ticks: Vec<Instant> = days.iter().flat_map(|d| [minute_of(*d, 600), minute_of(*d, 945)]).collect();
        let ticks = &ticks[..(cut + 1).min(ticks.len())];
        let now = *ticks.last().unwrap();
        let events = |future: bool| EventData {
            rows: rows
                .iter()
                // The date of an event may be known ahead, its figure may not.
                .filter(|r| future || r.scheduled_known_at <= now)
                .map(|r| if future || r.at <= now { r.clone() } else { EventRow { actual: None, consensus: None, ..r.clone() } })
                .collect(),
        };
        let (bars_x, bars_y) = (bars(&x), bars(&y));
        let all = guards(&plan, &market(&plan, &bars_x, &bars_y, &events(true)), ticks);
        let (cut_x, cut_y) = (known(&bars_x, now), known(&bars_y, now));
        let then = guards(&plan, &market(&plan, &cut_x, &cut_y, &events(false)), ticks);
        prop_assert_eq!(all.last(), then.last());
        // First prints alone make bars: a revision known by now does not reach back.
        for (bar, vintage) in bars_x.date.iter().zip(&bars_x.close).zip(x.first_prints()) {
            prop_assert_eq!(bar, (&vintage.period, &Some(vintage.value)));
        }
    }
}
