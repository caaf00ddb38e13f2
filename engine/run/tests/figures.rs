//! The figures of a run tell what happened, all of it: the period, the last settlement, extremes within a session, the
//! hash chain, the marks.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "tests may fail loudly, and their numbers are small"
)]

mod common;

use alula_market::chain::ChainSnapshot;
use alula_market::history::{History, HistoryError};
use alula_market::money::Usd;
use alula_market::series::BarSize;
use alula_market::time::{Date, Instant};
use alula_run::{BacktestRequest, Mode, RunOutput};
use common::{Double, as_the_first_field_has_it, date, finished, flat, graph, request, run, strategy};
use std::sync::Arc;

fn between(text: &str, history: &dyn History, from: Option<Date>, to: Option<Date>) -> RunOutput {
    let (graph, progress) = (graph(text), &mut |_| {});
    finished(BacktestRequest {
        from,
        to,
        ..request(&graph, history, Mode::Batch, progress)
    })
}

fn mark<'r>(run: &'r RunOutput, start: &str) -> &'r str {
    let found = run.manifest.marks.iter().find(|m| m.starts_with(start));
    found.unwrap_or_else(|| panic!("no `{start}` in {:#?}", run.manifest.marks))
}

fn unmarked(run: &RunOutput, start: &str) -> bool {
    !run.manifest.marks.iter().any(|m| m.starts_with(start))
}

/// Two lots at $100 a point, in micro-dollars.
const TWO_LOTS_OF_50_POINTS: Usd = Usd(10_000_000_000);
const OPEN_ALWAYS: &str = "policy p on core {\n    open when SPX.last > 0 pts size 2 lots\n}";

/// Final row, book and positions in one sum.
fn adds_up(run: &RunOutput) -> Usd {
    let last = run.daily.last().unwrap().equity.share;
    let pnl: Usd = run.positions.iter().map(|p| p.pnl.share).sum();
    assert_eq!(last, run.manifest.capital + pnl);
    last
}

#[test]
fn a_period_beyond_the_data_ends_where_the_data_end_and_says_so() {
    // The position of 3 June expires on 21 June; the chains end on the 18th. Closes go on, as index files do.
    let mut market = flat(20);
    let text = strategy("", OPEN_ALWAYS);
    let honest = between(&text, &Cut(market.clone(), date(2019, 6, 18)), None, None);
    let asked = between(
        &text,
        &Cut(market.clone(), date(2019, 6, 18)),
        None,
        Some(date(2019, 7, 31)),
    );
    assert!(asked.positions[0].closed_at.is_none(), "{:?}", asked.positions[0]);
    assert_eq!(asked.trades, honest.trades);
    assert_eq!(asked.daily, honest.daily);
    assert_eq!(asked.manifest.to, Some(date(2019, 6, 18)));
    assert_eq!(
        mark(&asked, "period:"),
        "period: asked to 2019-07-31, the data end 2019-06-18"
    );
    assert!(unmarked(&honest, "period:"));
    // Without closes beyond the data the run does not die for want of a settlement value.
    market.days.truncate(12);
    let early = between(&text, &market, Some(date(2019, 1, 2)), Some(date(2020, 1, 2)));
    assert_eq!(
        mark(&early, "period:"),
        "period: asked from 2019-01-02, the data begin 2019-06-03; asked to 2020-01-02, the data end 2019-06-18"
    );
    assert_eq!(
        early.manifest.run_id,
        between(&text, &market, None, None).manifest.run_id
    );
}

/// Chains up to a date, closes beyond it.
struct Cut(Double, Date);

impl History for Cut {
    as_the_first_field_has_it!();
    fn ticks(&self, underlying: &str, from: Date, to: Date) -> Vec<Instant> {
        self.0.ticks(underlying, from, to.min(self.1))
    }
    fn range(&self, underlying: &str) -> Option<(Date, Date)> {
        self.0.range(underlying).map(|r| (r.0, r.1.min(self.1)))
    }
    fn snapshot(&self, underlying: &str, at: Instant) -> Result<Arc<ChainSnapshot>, HistoryError> {
        self.0.snapshot(underlying, at)
    }
}

/// Friday 21 June, on which the position of the 3rd expires, has no snapshot; the index closes it somewhere.
fn last_day_unseen(close: f64) -> Double {
    let mut market = Double::new(date(2019, 6, 3), 16, move |i| {
        (if i >= 14 { close } else { 2900.0 }, 0.16)
    });
    market.days[14].gap = true;
    market
}

#[test]
fn what_settles_after_the_last_tick_is_in_the_last_row() {
    let r = between(
        &strategy("", OPEN_ALWAYS),
        &last_day_unseen(2500.0),
        None,
        Some(date(2019, 6, 21)),
    );
    assert_eq!(r.manifest.last_tick.map(Instant::date), Some(date(2019, 6, 20)));
    let settled = r.trades.last().unwrap();
    assert_eq!(
        (settled.at.date(), format!("{:?}", settled.kind).as_str()),
        (date(2019, 6, 21), "Settle")
    );
    let last = r.daily.last().unwrap();
    assert_eq!(
        (last.date, last.positions, last.margin),
        (date(2019, 6, 21), 0, Some(Usd::ZERO))
    );
    // Both wings are 50 points wide: two lots lose $10,000 less the credit.
    let credit = r.trades[0].cash.share;
    assert_eq!(adds_up(&r), r.manifest.capital - TWO_LOTS_OF_50_POINTS + credit);
}

/// Three snapshots a day, the index two points higher each; from the second day on, noon has a vol of its own.
struct Intraday(Double, f64);

const HOURS: [(u32, u32); 3] = [(10, 0), (12, 0), (15, 45)];

impl History for Intraday {
    as_the_first_field_has_it!();
    fn ticks(&self, underlying: &str, from: Date, to: Date) -> Vec<Instant> {
        let days = self.0.ticks(underlying, from, to).into_iter().map(Instant::date);
        days.flat_map(|d| HOURS.map(|(h, m)| Instant::from_eastern(d, h, m).unwrap()))
            .collect()
    }
    fn range(&self, underlying: &str) -> Option<(Date, Date)> {
        self.0.range(underlying)
    }
    fn snapshot(&self, underlying: &str, at: Instant) -> Result<Arc<ChainSnapshot>, HistoryError> {
        let mut then = self.0.clone();
        let hour = HOURS
            .iter()
            .position(|(h, m)| Instant::from_eastern(at.date(), *h, *m) == Some(at))
            .unwrap();
        for day in then.days.iter_mut().skip(1).filter(|_| hour == 1) {
            day.vol = self.1;
        }
        for day in &mut then.days {
            day.spot += 2.0 * hour as f64 - 2.0;
        }
        let mut snapshot = Arc::unwrap_or_clone(then.snapshot(underlying, at)?);
        snapshot.at = at;
        Ok(Arc::new(snapshot))
    }
}

#[test]
fn margin_and_drawdown_within_a_session_are_seen() {
    // Decided in the morning, opened at noon and closed before the session ends, each day.
    let policy = "policy p on core {\n    open when SPX.last < 2899 pts size 2 lots\n    close out when SPX.last > 2899 pts\n}";
    let text = strategy("", policy).replace("every 1 session in", "every 5m in");
    let r = run(&text, &Intraday(flat(4), 0.48));
    let day = &r.daily[1];
    assert_eq!(
        (day.positions, day.margin),
        (0, Some(Usd::ZERO)),
        "flat at the end of the session"
    );
    assert_eq!(day.margin_max, Some(TWO_LOTS_OF_50_POINTS));
    let fell: Vec<_> = r
        .daily
        .iter()
        .map(|d| (d.drawdown.share, d.drawdown_max.share, d.drawdown_peak.share))
        .collect();
    assert!(fell.iter().all(|f| f.1 >= f.0 && f.2 >= f.1), "{fell:?}");
}

#[test]
fn a_drawdown_that_recovers_by_the_close_is_recorded() {
    let text = strategy("", OPEN_ALWAYS).replace("every 1 session in", "every 5m in");
    let r = run(&text, &Intraday(flat(4), 0.48));
    let day = &r.daily[2];
    assert!(
        day.drawdown_max.share.0 > day.drawdown.share.0 + 1_000_000_000,
        "{day:?}"
    );
    assert!(day.drawdown_peak.share >= r.manifest.capital);
}

#[test]
fn runs_with_another_threshold_part_at_the_tick_where_they_act_apart() {
    let text = |default: &str| {
        let policy = "policy p on core {\n    open when SPX.last < spot_max size 1 lots up to 9 positions\n}";
        format!(
            "{}\nthreshold spot_max = {default} in 1000 pts..5000 pts\n",
            strategy("", policy)
        )
    };
    let market = Double::new(date(2019, 6, 3), 8, |i| (2900.0 + 10.0 * i as f64, 0.16));
    let (low, high) = (run(&text("2935 pts"), &market), run(&text("2955 pts"), &market));
    assert_ne!(low.manifest.run_id, high.manifest.run_id);
    let apart = low
        .ticks
        .iter()
        .zip(&high.ticks)
        .position(|(a, b)| a.chain != b.chain);
    // 2940 is the first spot between the two.
    assert_eq!(apart, Some(4));
}

#[test]
fn what_a_guard_did_is_part_of_the_chain() {
    let with = |text: &str| {
        let guard =
            format!("guard g {{\n    require positions(core) < 1 else alert \"{text}\"\n}}\n\n{OPEN_ALWAYS}");
        run(&strategy("", &guard), &flat(5))
    };
    let (one, other) = (with("too many"), with("one too many"));
    assert_eq!(one.daily, other.daily);
    let apart = one
        .ticks
        .iter()
        .zip(&other.ticks)
        .position(|(a, b)| a.chain != b.chain);
    // Nothing is held before the second tick.
    assert_eq!(apart, Some(1));
}

#[test]
fn the_chain_ends_over_what_comes_after_the_last_tick() {
    let to = Some(date(2019, 6, 21));
    let [calm, crash] =
        [2900.0, 2500.0].map(|end| between(&strategy("", OPEN_ALWAYS), &last_day_unseen(end), None, to));
    assert_eq!(calm.ticks, crash.ticks, "the ticks saw the same");
    assert_ne!(
        calm.manifest.chain, crash.manifest.chain,
        "the settlement differs"
    );
    // A same-bar fill of the last tick is covered too.
    let same_bar = |lots: u32| {
        strategy(
            "fill same bar",
            &OPEN_ALWAYS.replace("2 lots", &format!("{lots} lots")),
        )
    };
    let ends = |lots| run(&same_bar(lots), &flat(1)).manifest.chain;
    assert_ne!(ends(1), ends(2));
    let last = run(&same_bar(1), &flat(1));
    assert_ne!(last.ticks.last().unwrap().chain, last.manifest.chain);
}

#[test]
fn a_halt_and_a_flattening_are_marks_of_the_run() {
    let with = |guard: &str| {
        let text = strategy("", &format!("guard g {{\n    {guard}\n}}\n\n{OPEN_ALWAYS}"));
        run(&text, &flat(8))
    };
    let r = with("require positions(core) < 1 else halt open");
    assert_eq!(
        mark(&r, "halted:"),
        "halted: opening halted on 2019-06-04 by `g.0` (`require positions(core) < 1`); nothing opened after it"
    );
    let r = with("require positions(core) < 1 else flatten core");
    assert!(mark(&r, "flattened: positions closed on 2019-06-04 by `g.0`").contains("ticks in all"));
    let r = with("require positions(core) < 9 else halt open");
    assert!(unmarked(&r, "halted:") && unmarked(&r, "flattened:") && unmarked(&r, "unknown:"));
    // Unknown while warming up: opening is blocked meanwhile and never halted.
    let r = with("require sma(SPX.close, 3) > 1 pts else halt open");
    assert!(unmarked(&r, "halted:") && !r.trades.is_empty());
    assert_eq!(
        mark(&r, "unknown:"),
        "unknown: guard `g.0` (`require sma(SPX.close, 3) > 1 pts`) was unknown at 3 of 8 ticks and blocked opening"
    );
}

#[test]
fn rules_faster_than_the_data_are_a_mark() {
    let text = |every: &str| strategy("", OPEN_ALWAYS).replace("every 1 session", every);
    let r = run(&text("every 5m"), &flat(3));
    assert!(
        mark(&r, "coarser:").contains("the rules ask for every 5m, the data have one snapshot a session")
    );
    let r = run(&text("every 5m"), &Intraday(flat(3), 0.16));
    assert!(
        mark(&r, "coarser:").ends_with("the data have a snapshot every 120m at best"),
        "{:?}",
        r.manifest.marks
    );
    assert!(unmarked(&run(&text("every 1 session"), &flat(3)), "coarser:"));
}

#[test]
fn a_last_that_is_yesterdays_close_is_a_mark() {
    let text = strategy(
        "",
        "policy p on core {\n    open when VIX.last < 35 vol size 1 lots\n}",
    );
    let mut market = flat(4);
    let r = run(&text, &market);
    assert!(mark(&r, "daily only:").starts_with("daily only: `VIX.last` is the close of the session before"));
    // With bars of the day there is nothing to say; nor where the rules read the chain's own spot.
    let minutes = market.series[&("VIX".to_owned(), BarSize::Session)].clone();
    market
        .series
        .insert(("VIX".to_owned(), BarSize::Minutes(5)), minutes);
    assert!(unmarked(&run(&text, &market), "daily only:"));
    assert!(unmarked(
        &run(&strategy("", OPEN_ALWAYS), &flat(4)),
        "daily only:"
    ));
}
