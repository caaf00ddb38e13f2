//! What values can be, whatever the market does and whatever an operator sets: interval arithmetic over the graph.

use crate::ast::Right;
use crate::builtin::{BookObs, Indicator, Math, PositionObs};
use crate::graph::{Arith, Graph, Op};

/// Least and greatest value; infinite where there is no bound.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Interval {
    pub(crate) lo: f64,
    pub(crate) hi: f64,
}

impl Interval {
    pub(crate) const ALL: Self = Self::new(f64::NEG_INFINITY, f64::INFINITY);
    pub(crate) const POSITIVE: Self = Self::new(0.0, f64::INFINITY);

    pub(crate) const fn new(lo: f64, hi: f64) -> Self {
        Self { lo, hi }
    }

    /// The interval of some values; everything when one of them is not a number (infinity minus infinity, zero by zero).
    fn over(values: &[f64]) -> Self {
        if values.is_empty() || values.iter().any(|v| v.is_nan()) {
            return Self::ALL;
        }
        let lo = values.iter().copied().fold(f64::INFINITY, f64::min);
        let hi = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        Self::new(lo, hi)
    }

    pub(crate) fn abs(self) -> Self {
        let reach = self.lo.abs().max(self.hi.abs());
        let least = if self.lo <= 0.0 && self.hi >= 0.0 {
            0.0
        } else {
            self.lo.abs().min(self.hi.abs())
        };
        Self::new(least, reach)
    }

    pub(crate) fn arith(self, op: Arith, other: Self) -> Self {
        match op {
            Arith::Add => Self::over(&[self.lo + other.lo, self.hi + other.hi]),
            Arith::Sub => Self::over(&[self.lo - other.hi, self.hi - other.lo]),
            Arith::Mul => {
                // Zero times no bound is zero: the bound is never reached.
                let times = |a: f64, b: f64| if a == 0.0 || b == 0.0 { 0.0 } else { a * b };
                Self::over(&[
                    times(self.lo, other.lo),
                    times(self.lo, other.hi),
                    times(self.hi, other.lo),
                    times(self.hi, other.hi),
                ])
            }
            Arith::Div if other.lo > 0.0 || other.hi < 0.0 => Self::over(&[
                self.lo / other.lo,
                self.lo / other.hi,
                self.hi / other.lo,
                self.hi / other.hi,
            ]),
            // A price over a price: neither is negative.
            Arith::Div if self.lo >= 0.0 && other.lo >= 0.0 => Self::POSITIVE,
            Arith::Div => Self::ALL,
        }
    }
}

impl std::fmt::Display for Interval {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.lo.is_finite(), self.hi.is_finite()) {
            (true, true) if self.lo.to_bits() == self.hi.to_bits() => write!(f, "{}", self.lo),
            (true, true) => write!(f, "in {}..{}", self.lo, self.hi),
            (true, false) => write!(f, "at least {}", self.lo),
            (false, true) => write!(f, "at most {}", self.hi),
            (false, false) => f.write_str("any number"),
        }
    }
}

/// One pass: inputs precede their users.
pub(crate) fn intervals(graph: &Graph) -> Vec<Interval> {
    let mut out: Vec<Interval> = Vec::with_capacity(graph.nodes.len());
    for node in &graph.nodes {
        let input = |n: usize| {
            let id = node.inputs.get(n);
            id.and_then(|i| out.get(i.0 as usize))
                .copied()
                .unwrap_or(Interval::ALL)
        };
        let interval = match &node.op {
            Op::Number(x) => Interval::new(*x, *x),
            Op::Threshold(id) => graph
                .thresholds
                .get(id.0 as usize)
                .map_or(Interval::ALL, |t| Interval::new(t.min, t.max)),
            Op::Field { .. }
            | Op::ImpliedVol { .. }
            | Op::ImpliedForward { .. }
            | Op::ConstantMaturity { .. } => Interval::POSITIVE,
            Op::Indicator { which, output, .. } => match which {
                Indicator::Rsi => Interval::new(0.0, 100.0),
                Indicator::PercentileRank => Interval::new(0.0, 1.0),
                Indicator::Correlation => Interval::new(-1.0, 1.0),
                Indicator::Atr | Indicator::Stdev | Indicator::RealizedVol => Interval::POSITIVE,
                // Averages and order statistics lie where their values lie; of the bands the middle does.
                Indicator::Ema
                | Indicator::Sma
                | Indicator::Quantile
                | Indicator::Highest
                | Indicator::Lowest
                | Indicator::Lag => input(0),
                Indicator::Bollinger if *output == 1 => input(0),
                _ => Interval::ALL,
            },
            Op::AsOf | Op::SessionLast | Op::SinceEntry(_) => input(0),
            Op::Arith(op) => input(0).arith(*op, input(1)),
            Op::Neg => Interval::new(-input(0).hi, -input(0).lo),
            Op::Math(Math::Abs) => input(0).abs(),
            Op::Votes => Interval::new(0.0, count(node.inputs.len())),
            Op::Position(what) => position(*what),
            Op::Book { what, .. } => match what {
                BookObs::Capital => Interval::new(graph.settings.capital_usd, graph.settings.capital_usd),
                BookObs::Drawdown
                | BookObs::Positions
                | BookObs::Dte
                | BookObs::Notional
                | BookObs::Margin => Interval::POSITIVE,
                _ => Interval::ALL,
            },
            _ => Interval::ALL,
        };
        out.push(interval);
    }
    out
}

fn count(n: usize) -> f64 {
    f64::from(u32::try_from(n).unwrap_or(u32::MAX))
}

const fn position(what: PositionObs) -> Interval {
    match what {
        PositionObs::Dte
        | PositionObs::DaysHeld
        | PositionObs::Lots
        | PositionObs::Width
        | PositionObs::Notional
        | PositionObs::Margin
        | PositionObs::LegStrike(_)
        | PositionObs::BreakevenLow
        | PositionObs::BreakevenHigh
        | PositionObs::LegPrice(_) => Interval::POSITIVE,
        PositionObs::LegDelta(leg) => match leg.right {
            Some(Right::Call) => Interval::new(0.0, 1.0),
            Some(Right::Put) => Interval::new(-1.0, 0.0),
            None => Interval::new(-1.0, 1.0),
        },
        _ => Interval::ALL,
    }
}
