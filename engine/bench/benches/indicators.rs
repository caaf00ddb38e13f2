//! Indicators: what the engine's operators cost beside the library's own batch functions, and a windowed estimator beside the
//! recomputation that one writes first.
//!
//! The operators run as in the batch driver: a stretch of bars at a time, into a new column that knows what is missing. TA-Lib's
//! batch functions know nothing of that, and write into a buffer that is already there. Before anything is timed the last
//! values are compared.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a bench that cannot do its work stops"
)]

use alula_bench::{Race, is_wanted};
use alula_core::column::Column;
use alula_core::ops::sweep::{Computation, Source, Sweep};
use alula_core::registry::Registry;
use alula_core::value::Cell;
use alula_dsl::builtin::{Indicator, VolEstimator};
use alula_dsl::graph::{Op, Param, ValueKind};
use alula_dsl::unit::Unit;
use std::time::Duration;

const BARS: usize = 102_400;
const ROUNDS: u32 = 9;
const SLICE: Duration = Duration::from_millis(40);
const DAYS: u32 = 20;

struct Market {
    open: Vec<f64>,
    high: Vec<f64>,
    low: Vec<f64>,
    close: Vec<f64>,
}

/// A walk with a fixed sequence; every bar's range holds its open and close.
fn market() -> Market {
    let mut state = 7_u64;
    let mut draw = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        f64::from(u32::try_from(state >> 33).unwrap()) / f64::from(u32::MAX / 2)
    };
    let mut m = Market {
        open: Vec::new(),
        high: Vec::new(),
        low: Vec::new(),
        close: Vec::new(),
    };
    let mut level = 4_000.0_f64;
    for _ in 0..BARS {
        let open = level;
        level *= 1.0 + 0.01 * (draw() - 0.5);
        m.open.push(open);
        m.close.push(level);
        m.high.push(open.max(level) * (1.0 + 0.002 * draw()));
        m.low.push(open.min(level) * (1.0 - 0.002 * draw()));
    }
    m
}

/// An operator over whole columns, as the batch driver runs it; the last value.
fn operator(which: Indicator, params: &[Param], output: u8, columns: &[&Column]) -> f64 {
    let op = Op::Indicator {
        which,
        params: params.to_vec(),
        output,
    };
    let operator = Registry::default().operator(&op, columns.len()).unwrap();
    let mut sweep = Sweep::new(vec![Computation {
        operator,
        kind: ValueKind::Number(Unit::NONE),
        sources: (0..columns.len()).map(Source::Given).collect(),
        keep: true,
    }]);
    sweep.run(columns, BARS);
    sweep.kept(0).unwrap().get(BARS - 1).known().unwrap()
}

/// Close-to-close volatility, the window taken anew for every bar, logarithms and all.
fn naive_volatility(close: &[f64]) -> f64 {
    let n = DAYS as usize;
    let mut last = 0.0;
    for end in n..close.len() {
        let returns: Vec<f64> = close[end - n..=end]
            .windows(2)
            .map(|w| (w[1] / w[0]).ln())
            .collect();
        let mean = returns.iter().sum::<f64>() / f64::from(DAYS);
        let squares: f64 = returns.iter().map(|r| (r - mean) * (r - mean)).sum();
        last = 100.0 * (squares / f64::from(DAYS - 1) * 252.0).sqrt();
    }
    last
}

fn agree(name: &str, ours: f64, theirs: f64) {
    assert!((ours / theirs - 1.0).abs() < 1e-9, "{name}: {ours} and {theirs}");
}

fn main() {
    let m = market();
    let column = |x: &[f64]| Column::from_numbers(x.iter().map(|v| Cell::number(*v)));
    let (open, high, low, close) = (column(&m.open), column(&m.high), column(&m.low), column(&m.close));
    let bars = u32::try_from(BARS).unwrap();
    let core = ta_lib::Core::new();
    let (mut a, mut b, mut c) = (vec![0.0; BARS], vec![0.0; BARS], vec![0.0; BARS]);
    let count = Param::Count;

    let rsi = || operator(Indicator::Rsi, &[count(14)], 0, &[&close]);
    let mut theirs = || {
        let made = core.rsi(0, BARS - 1, &m.close, 14, &mut a).unwrap().count;
        a[made - 1]
    };
    agree("rsi", rsi(), theirs());
    if is_wanted("rsi") {
        Race::new("RSI(14)", "bar", bars)
            .with("ta-lib, batch", theirs)
            .with("alula operator", rsi)
            .run(ROUNDS, SLICE)
            .print();
    }

    let macd = || operator(Indicator::Macd, &[count(12), count(26), count(9)], 2, &[&close]);
    let mut theirs = || {
        let made = core
            .macd(0, BARS - 1, &m.close, 12, 26, 9, &mut a, &mut b, &mut c)
            .unwrap()
            .count;
        c[made - 1]
    };
    agree("macd", macd(), theirs());
    if is_wanted("macd") {
        Race::new("MACD(12, 26, 9), the histogram", "bar", bars)
            .with("ta-lib, batch, all three outputs", theirs)
            .with("alula operator", macd)
            .run(ROUNDS, SLICE)
            .print();
    }

    let atr = || operator(Indicator::Atr, &[count(14)], 0, &[&high, &low, &close]);
    let mut theirs = || {
        let made = core
            .atr(0, BARS - 1, &m.high, &m.low, &m.close, 14, &mut a)
            .unwrap()
            .count;
        a[made - 1]
    };
    agree("atr", atr(), theirs());
    if is_wanted("atr") {
        Race::new("ATR(14)", "bar", bars)
            .with("ta-lib, batch", theirs)
            .with("alula operator", atr)
            .run(ROUNDS, SLICE)
            .print();
    }

    let inputs = [&open, &high, &low, &close];
    let volatility = || {
        let params = [count(DAYS), Param::Estimator(VolEstimator::CloseClose)];
        operator(Indicator::RealizedVol, &params, 0, &inputs)
    };
    let yang_zhang = || {
        let params = [count(DAYS), Param::Estimator(VolEstimator::YangZhang)];
        operator(Indicator::RealizedVol, &params, 0, &inputs)
    };
    agree("realized vol", volatility(), naive_volatility(&m.close));
    if is_wanted("volatility") {
        Race::new("realized volatility over 20 bars", "bar", bars)
            .with("alula operator, close to close", volatility)
            .with("alula operator, Yang-Zhang", yang_zhang)
            .with("each window anew, close to close", || naive_volatility(&m.close))
            .run(ROUNDS, SLICE)
            .print();
    }
}
