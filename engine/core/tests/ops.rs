//! Operators: one definition for both drivers, state that can be written down, and what each does with missing bars.

#![expect(
    clippy::panic,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a test may fail loudly, and its numbers are small"
)]

use alula_core::column::{Column, Input};
use alula_core::ops::window::MAX_WINDOW;
use alula_core::ops::{Operator, StateError};
use alula_core::registry::{Registry, RegistryError};
use alula_core::script::{ScriptHost, Signature};
use alula_core::value::{Cause, Cell};
use alula_dsl::ast::Direction;
use alula_dsl::builtin::{Indicator, Math, VolEstimator};
use alula_dsl::graph::{Arith, Cmp, Op, Param, ScriptId, ValueKind};
use alula_dsl::unit::Unit;
use proptest::prelude::*;
use std::sync::Arc;

const NUMBER: ValueKind = ValueKind::Number(Unit::NONE);
use ValueKind::Bool;

/// An operator with the kinds of its inputs and of its output.
#[derive(Clone, Debug)]
struct Case {
    op: Op,
    inputs: Vec<ValueKind>,
    output: ValueKind,
}

fn case(op: Op, inputs: &[ValueKind], output: ValueKind) -> Case {
    Case {
        op,
        inputs: inputs.to_vec(),
        output,
    }
}

/// Parameters, inputs and outputs of every indicator; the match makes a new one a compile error here.
fn indicator(which: Indicator) -> Vec<Case> {
    let n = Param::Count;
    let (params, arity, outputs): (Vec<Vec<Param>>, usize, u8) = match which {
        Indicator::Rsi => (vec![vec![n(2)], vec![n(14)]], 1, 1),
        Indicator::Ema => (vec![vec![n(1)], vec![n(9)]], 1, 1),
        Indicator::Macd => (vec![vec![n(3), n(7), n(4)]], 1, 3),
        Indicator::Atr => (vec![vec![n(1)], vec![n(5)]], 3, 1),
        Indicator::Bollinger => (vec![vec![n(6), Param::Number(2.5)]], 1, 3),
        Indicator::Quantile => (
            vec![vec![n(7), Param::Number(0.3)], vec![n(1), Param::Number(1.0)]],
            1,
            1,
        ),
        Indicator::Correlation => (vec![vec![n(5)], vec![n(5), Param::OnLevels]], 2, 1),
        Indicator::Beta => (vec![vec![n(5)]], 2, 1),
        Indicator::RealizedVol => (
            [
                VolEstimator::CloseClose,
                VolEstimator::Parkinson,
                VolEstimator::GarmanKlass,
                VolEstimator::RogersSatchell,
                VolEstimator::YangZhang,
            ]
            .map(|e| vec![n(4), Param::Estimator(e)])
            .to_vec(),
            4,
            1,
        ),
        Indicator::Divergence => (vec![vec![n(5)], vec![n(3), Param::Number(0.1)]], 2, 1),
        Indicator::Stdev | Indicator::Zscore => (vec![vec![n(2)], vec![n(17)]], 1, 1),
        Indicator::Sma
        | Indicator::PercentileRank
        | Indicator::Highest
        | Indicator::Lowest
        | Indicator::Lag
        | Indicator::Change => (vec![vec![n(1)], vec![n(12)]], 1, 1),
    };
    let output_kind = if which == Indicator::Divergence {
        Bool
    } else {
        NUMBER
    };
    params
        .into_iter()
        .flat_map(|params| (0..outputs).map(move |output| (params.clone(), output)))
        .map(|(params, output)| {
            case(
                Op::Indicator {
                    which,
                    params,
                    output,
                },
                &vec![NUMBER; arity],
                output_kind,
            )
        })
        .collect()
}

const INDICATORS: [Indicator; 18] = [
    Indicator::Rsi,
    Indicator::Ema,
    Indicator::Sma,
    Indicator::Macd,
    Indicator::Atr,
    Indicator::Bollinger,
    Indicator::Stdev,
    Indicator::Zscore,
    Indicator::PercentileRank,
    Indicator::Quantile,
    Indicator::Correlation,
    Indicator::Beta,
    Indicator::RealizedVol,
    Indicator::Divergence,
    Indicator::Highest,
    Indicator::Lowest,
    Indicator::Lag,
    Indicator::Change,
];

/// Every operator that is computed on inputs.
fn cases() -> Vec<Case> {
    let mut out = Vec::new();
    for a in [Arith::Add, Arith::Sub, Arith::Mul, Arith::Div] {
        out.push(case(Op::Arith(a), &[NUMBER; 2], NUMBER));
    }
    for m in [Math::Abs, Math::Sqrt, Math::Ln, Math::Exp] {
        out.push(case(Op::Math(m), &[NUMBER], NUMBER));
    }
    for m in [Math::Min, Math::Max] {
        out.push(case(Op::Math(m), &[NUMBER; 2], NUMBER));
    }
    for c in [Cmp::Lt, Cmp::Le, Cmp::Gt, Cmp::Ge, Cmp::Eq, Cmp::Ne] {
        out.push(case(Op::Compare(c), &[NUMBER; 2], Bool));
    }
    out.push(case(Op::Neg, &[NUMBER], NUMBER));
    out.push(case(Op::InRange, &[NUMBER; 3], Bool));
    out.push(case(Op::Not, &[Bool], Bool));
    for n in [0, 1, 2, 3, 11] {
        out.push(case(Op::And, &vec![Bool; n], Bool));
        out.push(case(Op::Or, &vec![Bool; n], Bool));
        out.push(case(Op::Votes, &vec![Bool; n], NUMBER));
    }
    out.push(case(Op::Until, &[Bool; 2], Bool));
    for n in [1, 2, 5] {
        out.push(case(Op::For(n), &[Bool], Bool));
    }
    for direction in [Direction::Above, Direction::Below] {
        out.push(case(Op::Crosses(direction), &[NUMBER; 2], Bool));
        out.push(case(Op::SinceEntry(direction), &[NUMBER], NUMBER));
        for relative in [false, true] {
            out.push(case(
                Op::Moves {
                    direction,
                    relative,
                    bars: 3,
                },
                &[NUMBER; 2],
                Bool,
            ));
        }
    }
    out.extend(INDICATORS.into_iter().flat_map(indicator));
    out.push(case(Op::Script(ScriptId(0)), &[NUMBER, Bool], NUMBER));
    out
}

fn registry() -> Registry {
    let source = "fn f(x, on) { if on { ln(x) } else { 1.0 / x } }";
    let signature = Signature {
        params: vec![NUMBER, Bool],
        returns: NUMBER,
    };
    Registry::with_scripts(vec![Some(Arc::new(
        ScriptHost::new().compile("f", source, signature).unwrap(),
    ))])
}

fn operator(case: &Case) -> Box<dyn Operator> {
    registry()
        .operator(&case.op, case.inputs.len())
        .unwrap_or_else(|e| panic!("{case:?}: {e}"))
}

fn bar(inputs: &[Column], step: usize) -> Vec<Cell> {
    inputs.iter().map(|c| c.get(step)).collect()
}

/// Steps one by one.
fn stream(operator: &mut dyn Operator, inputs: &[Column], steps: std::ops::Range<usize>) -> Vec<Cell> {
    steps.map(|step| operator.step(&bar(inputs, step))).collect()
}

/// A cell of a kind from a seed: prices, small and huge numbers, zeros, and missing ones.
fn cell(kind: ValueKind, seed: u64) -> Cell {
    let missing = [Cause::Stale, Cause::NoData, Cause::NoQuote];
    let pick = seed >> 8;
    match (seed % 16, kind) {
        (0 | 1, _) => Cell::missing(missing[(pick % 3) as usize]),
        (_, Bool) => Cell::boolean(pick.is_multiple_of(2)),
        (2, _) => Cell::number(0.0),
        (3, _) => Cell::number(-((pick % 1000) as f64) / 8.0),
        (4, _) => Cell::number((pick % 5) as f64),
        (5, _) => Cell::number(1e300 * if pick.is_multiple_of(2) { 1.0 } else { -1.0 }),
        _ => Cell::number(100.0 + (pick % 4096) as f64 / 64.0),
    }
}

fn columns(kinds: &[ValueKind], seeds: &[u64]) -> Vec<Column> {
    let mix = |seed: u64, lane: usize| {
        seed.wrapping_mul(0x9E37_79B9_7F4A_7C15)
            .rotate_left(17 * lane as u32 + 5)
    };
    kinds
        .iter()
        .enumerate()
        .map(|(lane, kind)| {
            let cells = seeds.iter().map(|seed| cell(*kind, mix(*seed, lane)));
            match kind {
                Bool => Column::from_booleans(cells),
                ValueKind::Number(_) => Column::from_numbers(cells),
            }
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    /// Batch in one piece, batch in chunks, streaming, and streaming from a saved state: the same bits.
    #[test]
    fn both_drivers_agree_bit_for_bit(seeds in proptest::collection::vec(any::<u64>(), 0..300), cut in any::<u16>()) {
        for case in cases() {
            let inputs = columns(&case.inputs, &seeds);
            let views: Vec<Input<'_>> = inputs.iter().map(Input::from).collect();
            let steps = seeds.len();
            let cut = usize::from(cut) % (steps + 1);
            let stepped = stream(&mut *operator(&case), &inputs, 0..steps);

            let mut whole = Column::new(case.output);
            let mut after_batch = registry().batch(&case.op, &views, steps, &mut whole).unwrap();
            prop_assert_eq!(&whole.iter().collect::<Vec<_>>(), &stepped, "batch of {:?}", case.op);

            let mut chunked = Column::new(case.output);
            let mut op = operator(&case);
            op.extend(&views, cut, &mut chunked);
            op.extend(&views, steps, &mut chunked);
            prop_assert_eq!(&chunked.iter().collect::<Vec<_>>(), &stepped, "chunks of {:?}", case.op);

            let mut first = operator(&case);
            stream(&mut *first, &inputs, 0..cut);
            let mut saved = Vec::new();
            first.save(&mut saved);
            let mut second = operator(&case);
            // Whatever it has seen before is forgotten.
            stream(&mut *second, &inputs, 0..steps / 3);
            second.load(&saved).unwrap();
            let mut again = Vec::new();
            second.save(&mut again);
            prop_assert_eq!(&again, &saved, "state of {:?}", case.op);
            prop_assert_eq!(&stream(&mut *second, &inputs, cut..steps), &stepped[cut..], "loaded {:?}", case.op);

            // The state after batch is the state after streaming.
            let (mut a, mut b) = (Vec::new(), Vec::new());
            after_batch.save(&mut a);
            let mut streamed = operator(&case);
            stream(&mut *streamed, &inputs, 0..steps);
            streamed.save(&mut b);
            prop_assert_eq!(a, b);
            after_batch.reset();
            prop_assert_eq!(stream(&mut *after_batch, &inputs, 0..steps), stepped, "reset of {:?}", case.op);
        }
    }

    /// A constant input is a column of that constant.
    #[test]
    fn constants_are_columns(seeds in proptest::collection::vec(any::<u64>(), 1..150), seed in any::<u64>()) {
        for case in cases().into_iter().filter(|c| !c.inputs.is_empty()) {
            let inputs = columns(&case.inputs, &seeds);
            let last = case.inputs.len() - 1;
            let constant = cell(case.inputs[last], seed);
            let mut spread = inputs.clone();
            spread[last] = Column::new(case.inputs[last]);
            (0..seeds.len()).for_each(|_| spread[last].push(constant));
            let mut views: Vec<Input<'_>> = inputs.iter().map(Input::from).collect();
            views[last] = Input::Constant(constant);
            let mut out = Column::new(case.output);
            registry().batch(&case.op, &views, seeds.len(), &mut out).unwrap();
            let stepped = stream(&mut *operator(&case), &spread, 0..seeds.len());
            prop_assert_eq!(out.iter().collect::<Vec<_>>(), stepped, "{:?}", case.op);
        }
    }

    /// No input makes a number that is not one, and no damaged state is taken or breaks anything.
    #[test]
    fn foreign_states_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..64), seeds in proptest::collection::vec(any::<u64>(), 40..60)) {
        for case in cases() {
            let inputs = columns(&case.inputs, &seeds);
            let mut op = operator(&case);
            let mut saved = Vec::new();
            stream(&mut *op, &inputs, 0..seeds.len());
            op.save(&mut saved);
            saved.extend(&bytes);
            if !bytes.is_empty() {
                prop_assert!(op.load(&saved).is_err(), "{:?}", case.op);
            }
            let fresh = stream(&mut *operator(&case), &inputs, 0..seeds.len());
            if op.load(&bytes).is_err() {
                prop_assert_eq!(stream(&mut *op, &inputs, 0..seeds.len()), fresh, "after a refused state {:?}", case.op);
            }
        }
    }
}

#[test]
fn the_first_value_comes_after_the_stated_warm_up() {
    for case in cases().iter().filter(|c| !matches!(c.op, Op::Script(_))) {
        let mut op = operator(case);
        // A zigzag in which every statistic is defined, with a missing bar before each known one.
        for i in 0..200_u32 {
            let gap: Vec<Cell> = case.inputs.iter().map(|_| Cell::missing(Cause::Stale)).collect();
            if !gap.is_empty() && !matches!(case.op, Op::For(_)) {
                assert_eq!(op.step(&gap), Cell::missing(Cause::Stale), "{:?}", case.op);
            }
            let bar: Vec<Cell> = case
                .inputs
                .iter()
                .enumerate()
                .map(|(lane, kind)| match kind {
                    Bool => Cell::TRUE,
                    ValueKind::Number(_) => {
                        Cell::number(100.0 + f64::from(i * i % 7) + f64::from(i * (lane as u32 + 3) % 5))
                    }
                })
                .collect();
            let value = op.step(&bar);
            if i < op.warmup() {
                assert_eq!(
                    value,
                    Cell::missing(Cause::WarmingUp),
                    "{:?} at known bar {i}",
                    case.op
                );
            } else {
                assert_ne!(
                    value.cause(),
                    Some(Cause::WarmingUp),
                    "{:?} at known bar {i}",
                    case.op
                );
            }
        }
    }
}

#[test]
fn recursions_equal_ta_libs_batch_functions_bit_for_bit() {
    let x: Vec<f64> = (0..400_u32)
        .map(|i| 100.0 + f64::from(i * i * 31 % 97) / 7.0 - f64::from(i % 13))
        .collect();
    let (high, low): (Vec<f64>, Vec<f64>) = x.iter().map(|v| (v + 1.5, v - 0.75)).unzip();
    let core = ta_lib::Core::new();
    let end = x.len() - 1;
    let mut out = [vec![0.0; x.len()], vec![0.0; x.len()], vec![0.0; x.len()]];
    let n = Param::Count;
    let run = |which, params: &[Param], output, lanes: &[&[f64]]| -> Vec<f64> {
        let op = Op::Indicator {
            which,
            params: params.to_vec(),
            output,
        };
        let mut op = Registry::default().operator(&op, lanes.len()).unwrap();
        let bar = |i: usize| lanes.iter().map(|l| Cell::number(l[i])).collect::<Vec<_>>();
        (0..x.len()).filter_map(|i| op.step(&bar(i)).known()).collect()
    };

    let range = core.rsi(0, end, &x, 14, &mut out[0]).unwrap();
    assert_eq!(run(Indicator::Rsi, &[n(14)], 0, &[&x]), out[0][..range.count]);
    let range = core.ema(0, end, &x, 21, &mut out[0]).unwrap();
    assert_eq!(run(Indicator::Ema, &[n(21)], 0, &[&x]), out[0][..range.count]);
    let range = core.atr(0, end, &high, &low, &x, 14, &mut out[0]).unwrap();
    assert_eq!(
        run(Indicator::Atr, &[n(14)], 0, &[&high, &low, &x]),
        out[0][..range.count]
    );
    let [line, signal, histogram] = &mut out;
    let range = core.macd(0, end, &x, 12, 26, 9, line, signal, histogram).unwrap();
    for (output, want) in out.iter().enumerate() {
        assert_eq!(
            run(Indicator::Macd, &[n(12), n(26), n(9)], output as u8, &[&x]),
            want[..range.count]
        );
    }
}

/// Every window over thousands of bars, as columns, with bars that are missing here and there: TA-Lib's batch functions over the
/// known bars alone. Levels reach from a thousandth to where sums overflow.
#[test]
fn columns_of_recursions_equal_ta_libs_batch_functions_bit_for_bit() {
    let n = Param::Count;
    let core = ta_lib::Core::new();
    let mut state = 11_u64;
    let mut draw = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f64 / (1_u64 << 24) as f64
    };
    for (scale, hole) in [(1.0, 0.0), (1e-3, 0.01), (1e6, 0.001), (1e307, 0.0)] {
        let bars: Vec<Option<[f64; 3]>> = (0..3_000)
            .map(|_| {
                let bar = [16.5 + draw(), 15.0 - draw(), 15.5 + draw()].map(|x| x * scale);
                (draw() >= hole).then_some(bar)
            })
            .collect();
        let lane = |i: usize| bars.iter().flatten().map(|b| b[i]).collect::<Vec<f64>>();
        let column = |i: usize| {
            let cell = |b: &Option<[f64; 3]>| b.map_or(Cell::missing(Cause::Stale), |b| Cell::number(b[i]));
            Column::from_numbers(bars.iter().map(cell))
        };
        let (lanes, columns) = ([0, 1, 2].map(lane), [0, 1, 2].map(column));
        let end = lanes[2].len() - 1;
        let mut out = [(); 3].map(|()| vec![0.0; bars.len()]);
        for window in [1, 2, 3, 9, 14, 100, 700] {
            let period = i32::try_from(window).unwrap();
            let (mut cases, [a, b, c]) = (Vec::new(), &mut out);
            if window > 1 {
                let range = core.rsi(0, end, &lanes[2], period, a).unwrap();
                cases.push((Indicator::Rsi, vec![n(window)], 0, a[..range.count].to_vec()));
            }
            let range = core.ema(0, end, &lanes[2], period, a).unwrap();
            cases.push((Indicator::Ema, vec![n(window)], 0, a[..range.count].to_vec()));
            let range = core
                .atr(0, end, &lanes[0], &lanes[1], &lanes[2], period, a)
                .unwrap();
            cases.push((Indicator::Atr, vec![n(window)], 0, a[..range.count].to_vec()));
            let range = core
                .macd(0, end, &lanes[2], 2 + period, 7 + 2 * period, period, a, b, c)
                .unwrap();
            for (output, want) in [a, b, c].into_iter().enumerate() {
                let params = vec![n(2 + window), n(7 + 2 * window), n(window)];
                cases.push((
                    Indicator::Macd,
                    params,
                    output as u8,
                    want[..range.count].to_vec(),
                ));
            }
            for (which, params, output, want) in cases {
                let op = Op::Indicator {
                    which,
                    params,
                    output,
                };
                let inputs: Vec<Input<'_>> = match which {
                    Indicator::Atr => columns.iter().map(Input::Column).collect(),
                    _ => vec![Input::Column(&columns[2])],
                };
                let mut operator = Registry::default().operator(&op, inputs.len()).unwrap();
                let mut got = Column::numbers();
                operator.extend(&inputs, bars.len(), &mut got);
                let known = got.iter().zip(&bars).filter(|(_, bar)| bar.is_some());
                let values: Vec<Cell> = known.map(|(cell, _)| cell).skip(end + 1 - want.len()).collect();
                let want: Vec<Cell> = want.into_iter().map(Cell::number).collect();
                assert!(values == want, "{op:?} at {scale}");
            }
        }
    }
}

fn run(op: Op, bars: &[&[Cell]]) -> Vec<Cell> {
    let mut op = Registry::default().operator(&op, bars[0].len()).unwrap();
    bars.iter().map(|bar| op.step(bar)).collect()
}

fn run1(op: Op, cells: &[Cell]) -> Vec<Cell> {
    run(op, &cells.iter().map(std::slice::from_ref).collect::<Vec<_>>())
}

const T: Cell = Cell::TRUE;
const F: Cell = Cell::FALSE;
const STALE: Cell = Cell::missing(Cause::Stale);
const QUOTE: Cell = Cell::missing(Cause::NoQuote);
const WARMING: Cell = Cell::missing(Cause::WarmingUp);

fn num(x: f64) -> Cell {
    Cell::number(x)
}

#[test]
fn crossing_needs_two_known_steps_and_sees_a_touch_as_not_yet_crossed() {
    let above = Op::Crosses(Direction::Above);
    let pairs: Vec<[Cell; 2]> = [1.0, 2.0, 3.0, 3.0, 2.0, 3.0]
        .map(|x| [num(x), num(2.0)])
        .to_vec();
    let bars: Vec<&[Cell]> = pairs.iter().map(|p| &p[..]).collect();
    assert_eq!(run(above.clone(), &bars), [WARMING, F, T, F, F, T]);
    let below: Vec<[Cell; 2]> = pairs.iter().map(|[a, b]| [*b, *a]).collect();
    assert_eq!(
        run(
            Op::Crosses(Direction::Below),
            &below.iter().map(|p| &p[..]).collect::<Vec<_>>()
        ),
        [WARMING, F, T, F, F, T]
    );
    // Across an outage: shown on the first known step after it.
    let gap = [
        [num(1.0), num(2.0)],
        [STALE, QUOTE],
        [num(9.0), QUOTE],
        [num(9.0), num(2.0)],
        [num(9.0), num(2.0)],
    ];
    assert_eq!(
        run(above, &gap.iter().map(|p| &p[..]).collect::<Vec<_>>()),
        [WARMING, STALE, QUOTE, T, F]
    );
}

#[test]
fn persistence_is_kleene_over_the_last_steps() {
    assert_eq!(run1(Op::For(1), &[T, F, STALE]), [T, F, STALE]);
    assert_eq!(
        run1(Op::For(3), &[T, T, T, F, T, T, T]),
        [WARMING, WARMING, T, F, F, F, T]
    );
    // A false step decides, whatever is unknown beside it; else the newest unknown step's cause.
    assert_eq!(
        run1(Op::For(3), &[F, STALE, QUOTE, T, T, T]),
        [F, F, F, QUOTE, QUOTE, T]
    );
    assert_eq!(run1(Op::For(2), &[STALE, T, T]), [STALE, STALE, T]);
}

#[test]
fn a_latch_holds_until_released_and_an_outage_leaves_it_alone() {
    let latch = |steps: &[[Cell; 2]]| run(Op::Until, &steps.iter().map(|p| &p[..]).collect::<Vec<_>>());
    assert_eq!(latch(&[[F, F], [T, F], [F, F], [F, T], [F, F]]), [F, T, T, F, F]);
    // Off wins when both hold.
    assert_eq!(latch(&[[T, T], [T, F], [T, T], [F, F]]), [F, T, F, F]);
    // Latched: what on says does not matter; an unknown off does. Afterwards it goes on from where it was.
    assert_eq!(
        latch(&[[T, F], [STALE, F], [STALE, QUOTE], [F, F]]),
        [T, T, QUOTE, T]
    );
    assert_eq!(
        latch(&[[STALE, QUOTE], [STALE, F], [F, QUOTE], [F, F]]),
        [STALE, STALE, F, F]
    );
    // Off known and holding decides alone.
    assert_eq!(latch(&[[T, F], [STALE, T], [F, F]]), [T, F, F]);
}

#[test]
fn moves_compare_with_the_value_bars_ago() {
    let moves = |direction, relative, steps: &[[Cell; 2]]| {
        run(
            Op::Moves {
                direction,
                relative,
                bars: 2,
            },
            &steps.iter().map(|p| &p[..]).collect::<Vec<_>>(),
        )
    };
    let series = |xs: &[f64], amount: f64| xs.iter().map(|x| [num(*x), num(amount)]).collect::<Vec<_>>();
    // 115 is up exactly 15 % on 100.
    assert_eq!(
        moves(
            Direction::Above,
            true,
            &series(&[100.0, 90.0, 115.0, 103.0], 0.15)
        ),
        [WARMING, WARMING, T, F]
    );
    assert_eq!(
        moves(Direction::Below, false, &series(&[20.0, 30.0, 5.0, 16.0], 15.0)),
        [WARMING, WARMING, T, F]
    );
    // A fraction of the size of the old value, also below zero; of zero there is none.
    assert_eq!(
        moves(Direction::Above, true, &series(&[-2.0, 0.0, -1.0, 1.0], 0.5))[2..],
        [T, Cell::missing(Cause::DivisionByZero)]
    );
    // A missing amount hides one step and leaves the window alone.
    let mut steps = series(&[1.0, 2.0, 3.0, 4.0], 2.0);
    steps[2][1] = STALE;
    assert_eq!(
        moves(Direction::Above, false, &steps),
        [WARMING, WARMING, STALE, T]
    );
}

#[test]
fn extremes_since_entry_skip_missing_steps() {
    let steps = [num(3.0), STALE, num(2.0), num(5.0), num(4.0)];
    assert_eq!(
        run1(Op::SinceEntry(Direction::Above), &steps),
        [num(3.0), STALE, num(3.0), num(5.0), num(5.0)]
    );
    assert_eq!(
        run1(Op::SinceEntry(Direction::Below), &steps),
        [num(3.0), STALE, num(2.0), num(2.0), num(2.0)]
    );
}

#[test]
fn prices_without_a_logarithm_are_refused_and_do_not_enter_the_window() {
    let op = Op::Indicator {
        which: Indicator::Correlation,
        params: vec![Param::Count(2)],
        output: 0,
    };
    let mut with = Registry::default().operator(&op, 2).unwrap();
    let mut without = with.clone();
    for i in 0..6 {
        let bar = [num(f64::from(i * i) + 1.0), num(2.0 + f64::from(i % 3))];
        assert_eq!(
            with.step(&[num(0.0), num(1.0)]),
            Cell::missing(Cause::OutOfDomain)
        );
        assert_eq!(with.step(&bar), without.step(&bar));
    }
}

#[test]
fn parameters_out_of_range_are_refused_by_name() {
    let registry = Registry::default();
    let build = |which, params: Vec<Param>, output, arity| {
        registry
            .operator(
                &Op::Indicator {
                    which,
                    params,
                    output,
                },
                arity,
            )
            .map(|_| ())
            .map_err(|e| e.to_string())
    };
    let n = Param::Count;
    assert_eq!(
        build(Indicator::Rsi, vec![n(1)], 0, 1),
        Err("`rsi`: a window of 1 is outside 2..100000".into())
    );
    assert!(build(Indicator::Sma, vec![n(MAX_WINDOW)], 0, 1).is_ok());
    assert!(build(Indicator::Sma, vec![n(MAX_WINDOW + 1)], 0, 1).is_err());
    assert!(build(Indicator::Lag, vec![n(MAX_WINDOW)], 0, 1).is_ok());
    assert!(
        build(Indicator::Macd, vec![n(26), n(12), n(9)], 0, 1).is_err_and(|e| e.contains("fast window 26"))
    );
    assert!(build(Indicator::Macd, vec![n(12), n(26), n(9)], 3, 1).is_err());
    assert!(build(Indicator::Quantile, vec![n(5), Param::Number(1.5)], 0, 1).is_err());
    assert!(build(Indicator::Quantile, vec![n(5), Param::Number(f64::NAN)], 0, 1).is_err());
    assert!(build(Indicator::Bollinger, vec![n(5)], 0, 1).is_err());
    assert!(build(Indicator::Sma, vec![], 0, 1).is_err());
    assert!(build(Indicator::Sma, vec![n(5), n(6)], 0, 1).is_err());
    assert_eq!(
        build(Indicator::Atr, vec![n(5)], 0, 1),
        Err("`atr` takes 3 inputs, was given 1".into())
    );
    assert!(matches!(
        registry.operator(&Op::Script(ScriptId(0)), 1),
        Err(RegistryError::NoScript(0))
    ));
    assert!(matches!(
        registry.operator(&Op::AsOf, 1),
        Err(RegistryError::Source(_))
    ));
    assert!(registry.operator(&Op::For(0), 1).is_err());
}

#[test]
fn a_state_belongs_to_its_operator_and_parameters() {
    let make = |which, n| {
        Registry::default()
            .operator(
                &Op::Indicator {
                    which,
                    params: vec![Param::Count(n)],
                    output: 0,
                },
                1,
            )
            .unwrap()
    };
    let mut sma = make(Indicator::Sma, 5);
    sma.step(&[num(1.0)]);
    let mut saved = Vec::new();
    sma.save(&mut saved);
    assert_eq!(make(Indicator::Sma, 6).load(&saved), Err(StateError::Foreign));
    assert_eq!(make(Indicator::Highest, 5).load(&saved), Err(StateError::Foreign));
    assert_eq!(make(Indicator::Sma, 5).load(&saved), Ok(()));
    assert_eq!(
        make(Indicator::Sma, 5).load(&saved[..saved.len() - 1]),
        Err(StateError::Damaged)
    );
}
