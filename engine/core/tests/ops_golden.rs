//! Every indicator against vectors from other hands: TA-Lib (C), mpmath, numpy. See `golden/generate.py`.

#![expect(
    clippy::panic,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may fail loudly"
)]

use alula_core::registry::Registry;
use alula_core::value::{Cause, Cell};
use alula_dsl::builtin::{Indicator, VolEstimator};
use alula_dsl::graph::{Op, Param};

const PRICES: &str = include_str!("golden/prices.csv");
const INDICATORS: &str = include_str!("golden/indicators.csv");
const LEVEL: &str = include_str!("golden/level.csv");

/// A column of a golden file; `None` where the field is empty.
fn column(file: &str, name: &str) -> Vec<Option<f64>> {
    let mut lines = file.lines().filter(|l| !l.starts_with('#'));
    let header = lines.next().unwrap_or_default();
    let at = header
        .split(',')
        .position(|n| n == name)
        .unwrap_or_else(|| panic!("no column {name}"));
    let field = |line: &str| {
        line.split(',')
            .nth(at)
            .filter(|f| !f.is_empty())
            .map(|f| f.parse().unwrap())
    };
    lines.map(field).collect()
}

fn op(which: Indicator, params: &[Param], output: u8) -> Op {
    Op::Indicator {
        which,
        params: params.to_vec(),
        output,
    }
}

/// Our values over columns of a file; a missing input is `stale`, to be told from our own causes.
fn ours(op: &Op, file: &str, inputs: &[&str]) -> Vec<Cell> {
    let columns: Vec<Vec<Option<f64>>> = inputs.iter().map(|name| column(file, name)).collect();
    let mut operator = Registry::default().operator(op, inputs.len()).unwrap();
    (0..columns[0].len())
        .map(|i| {
            let bar: Vec<Cell> = columns
                .iter()
                .map(|c| Cell::number_or(c[i], Cause::Stale))
                .collect();
            operator.step(&bar)
        })
        .collect()
}

/// Equal within `tolerance`, relative for large values and absolute for small ones; missing exactly where the other is.
fn check(name: &str, file: &str, got: &[Cell], tolerance: f64) {
    let want = column(file, name);
    assert_eq!(got.len(), want.len());
    for (i, (got, want)) in got.iter().zip(&want).enumerate() {
        match (got.known(), want) {
            (Some(x), Some(y)) => {
                assert!(
                    (x - y).abs() <= tolerance * y.abs().max(1.0),
                    "{name} at bar {i}: {x} is not {y}"
                );
            }
            (None, None) => {}
            _ => panic!("{name} at bar {i}: {got:?}, golden {want:?}"),
        }
    }
}

const CLOSE: [&str; 1] = ["close"];
const HLC: [&str; 3] = ["high", "low", "close"];
const OHLC: [&str; 4] = ["open", "high", "low", "close"];

#[test]
fn indicators_equal_the_c_library_of_ta_lib() {
    let n = Param::Count;
    let macd = [n(12), n(26), n(9)];
    let bollinger = [n(20), Param::Number(2.0)];
    let cases = [
        ("ema_10", op(Indicator::Ema, &[n(10)], 0), &CLOSE[..]),
        ("sma_20", op(Indicator::Sma, &[n(20)], 0), &CLOSE),
        ("macd_line", op(Indicator::Macd, &macd, 0), &CLOSE),
        ("macd_signal", op(Indicator::Macd, &macd, 1), &CLOSE),
        ("macd_histogram", op(Indicator::Macd, &macd, 2), &CLOSE),
        ("atr_14", op(Indicator::Atr, &[n(14)], 0), &HLC),
        ("bollinger_upper", op(Indicator::Bollinger, &bollinger, 0), &CLOSE),
        (
            "bollinger_middle",
            op(Indicator::Bollinger, &bollinger, 1),
            &CLOSE,
        ),
        ("bollinger_lower", op(Indicator::Bollinger, &bollinger, 2), &CLOSE),
    ];
    for (name, op, inputs) in cases {
        check(name, INDICATORS, &ours(&op, PRICES, inputs), 1e-11);
    }
}

#[test]
fn rsi_equals_ta_lib_and_is_fifty_when_nothing_moved() {
    for (name, n) in [("rsi_14", 14), ("rsi_2", 2)] {
        let mut got = ours(&op(Indicator::Rsi, &[Param::Count(n)], 0), PRICES, &CLOSE);
        // On the flat start there is neither gain nor loss. The C library of the golden file (0.8.1) says 0 there; since
        // then TA-Lib says 50, which does not read as extremely oversold.
        let first = n as usize;
        for cell in &mut got[first..20] {
            assert_eq!(*cell, Cell::number(50.0));
            *cell = Cell::number(0.0);
        }
        check(name, INDICATORS, &got, 1e-11);
        // Gains alone are 100.
        assert_eq!(got[20], Cell::number(100.0));
    }
}

#[test]
fn statistics_equal_fifty_digit_arithmetic() {
    let n = Param::Count;
    let pair = ["close", "other"];
    let cases = [
        ("stdev_20", op(Indicator::Stdev, &[n(20)], 0), &CLOSE[..]),
        ("zscore_20", op(Indicator::Zscore, &[n(20)], 0), &CLOSE),
        (
            "percentile_rank_30",
            op(Indicator::PercentileRank, &[n(30)], 0),
            &CLOSE,
        ),
        (
            "quantile_30_80",
            op(Indicator::Quantile, &[n(30), Param::Number(0.8)], 0),
            &CLOSE,
        ),
        ("highest_10", op(Indicator::Highest, &[n(10)], 0), &CLOSE),
        ("lowest_10", op(Indicator::Lowest, &[n(10)], 0), &CLOSE),
        ("lag_5", op(Indicator::Lag, &[n(5)], 0), &CLOSE),
        ("change_5", op(Indicator::Change, &[n(5)], 0), &CLOSE),
        ("correlation_20", op(Indicator::Correlation, &[n(20)], 0), &pair),
        (
            "level_correlation_20",
            op(Indicator::Correlation, &[n(20), Param::OnLevels], 0),
            &pair,
        ),
        ("beta_20", op(Indicator::Beta, &[n(20)], 0), &["other", "close"]),
        ("divergence_10", op(Indicator::Divergence, &[n(10)], 0), &pair),
        (
            "divergence_10",
            op(Indicator::Divergence, &[n(10), Param::Number(0.5)], 0),
            &pair,
        ),
    ];
    for (name, op, inputs) in cases {
        check(name, INDICATORS, &ours(&op, PRICES, inputs), 1e-12);
    }
    // The divergence column is no constant.
    let divergences: f64 = column(INDICATORS, "divergence_10").into_iter().flatten().sum();
    assert!((5.0..150.0).contains(&divergences), "{divergences}");
}

#[test]
fn realized_volatility_equals_fifty_digit_arithmetic() {
    let estimators = [
        ("rv_close_close_20", VolEstimator::CloseClose),
        ("rv_parkinson_20", VolEstimator::Parkinson),
        ("rv_garman_klass_20", VolEstimator::GarmanKlass),
        ("rv_rogers_satchell_20", VolEstimator::RogersSatchell),
        ("rv_yang_zhang_20", VolEstimator::YangZhang),
    ];
    for (name, estimator) in estimators {
        let op = op(
            Indicator::RealizedVol,
            &[Param::Count(20), Param::Estimator(estimator)],
            0,
        );
        let mut got = ours(&op, PRICES, &OHLC);
        if estimator == VolEstimator::CloseClose {
            // It needs no high: the bar without one counts.
            assert!(got[77].is_known());
        } else {
            assert_eq!(got[77], Cell::missing(Cause::Stale));
        }
        check(name, INDICATORS, &got, 1e-12);
        if estimator == VolEstimator::CloseClose {
            let default = self::op(Indicator::RealizedVol, &[Param::Count(20)], 0);
            got = ours(&default, PRICES, &OHLC);
            check(name, INDICATORS, &got, 1e-12);
        }
    }
}

#[test]
fn yang_zhang_of_bars_without_a_range_is_the_overnight_term() {
    // With open = high = low = close only var(overnight) is left: the close-to-close value.
    let estimate = |estimator| {
        let op = op(
            Indicator::RealizedVol,
            &[Param::Count(10), Param::Estimator(estimator)],
            0,
        );
        ours(&op, PRICES, &["close"; 4])
    };
    assert_eq!(
        estimate(VolEstimator::YangZhang),
        estimate(VolEstimator::CloseClose)
    );
}

#[test]
fn spreads_keep_twelve_digits_at_a_level_of_a_billion() {
    let relative = |name: &str, got: &[Cell]| {
        for (i, want) in column(LEVEL, name).into_iter().enumerate() {
            let Some(want) = want else { continue };
            let got = got[i].known().unwrap();
            assert!(
                (got / want - 1.0).abs() <= 1e-12,
                "{name} at {i}: {got} is not {want}"
            );
        }
    };
    let n = Param::Count(20);
    relative(
        "stdev_20",
        &ours(&op(Indicator::Stdev, &[n], 0), LEVEL, &["level"]),
    );
    relative(
        "zscore_20",
        &ours(&op(Indicator::Zscore, &[n], 0), LEVEL, &["level"]),
    );
    // Correlation of the level with itself one bar ago.
    let lagged: Vec<Cell> = column(LEVEL, "level")
        .into_iter()
        .map(|x| Cell::number(x.unwrap()))
        .collect();
    let mut correlation = Registry::default()
        .operator(&op(Indicator::Correlation, &[n, Param::OnLevels], 0), 2)
        .unwrap();
    let pairs = lagged.windows(2).map(|w| correlation.step(&[w[0], w[1]]));
    relative(
        "level_correlation_20",
        &std::iter::once(Cell::missing(Cause::WarmingUp))
            .chain(pairs)
            .collect::<Vec<_>>(),
    );
}
