//! The path of index and variance on a five-minute grid, with the nights between.

use super::model::{Params, State};
use super::random::{Draws, Purpose};
use super::schedule::Schedule;
use crate::calendar::ExchangeCalendar;
use crate::time::{Date, Instant};
use std::collections::BTreeMap;

/// Minutes of one step of the grid.
pub(super) const STEP_MINUTES: i64 = 5;
/// Sessions of a year: the unit of business time.
const SESSIONS_PER_YEAR: f64 = 252.0;
/// Share of a session's variance that falls into the night before it.
const NIGHT: f64 = 0.22;
/// Drift of the index per year, dividends apart.
const DRIFT: f64 = 0.09;
/// Move of the index for a one-point (1 %) surprise of consumer prices.
const CPI_MOVE: f64 = -6.0;
/// Change of spot variance for a fall of the index by 1 that a published number causes.
const CPI_VARIANCE: f64 = 0.25;
/// Bounds that keep long paths inside what prices can hold.
const SPOT_BOUNDS: (f64, f64) = (400.0, 60_000.0);
/// Bounds of the factors: what is this small or large is as good as nothing, or as everything.
const FAST: (f64, f64) = (1e-5, 1.5);
const SLOW: (f64, f64) = (1e-4, 1.0);
/// Annual variance of log VIX between two edges of the grid.
const VIX_VARIANCE: f64 = 1.2;

/// The market on one edge of the grid.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Edge {
    /// Index, unrounded.
    pub(super) spot: f64,
    /// Variance.
    pub(super) state: State,
}

/// Between two edges.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Between {
    /// Highest index.
    pub(super) high: f64,
    /// Lowest index.
    pub(super) low: f64,
    /// Highest and lowest VIX over the larger and smaller of its values on the edges.
    pub(super) vix_stretch: (f64, f64),
}

/// One session.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Day {
    pub(super) date: Date,
    pub(super) open_at: Instant,
    pub(super) close_at: Instant,
    /// Edges from the open to the close, one more than `between`.
    pub(super) edges: Vec<Edge>,
    pub(super) between: Vec<Between>,
    /// Annual continuously compounded rate.
    pub(super) rate: f64,
    /// Advances minus declines of the day.
    pub(super) net_advances: f64,
    /// Multiplier of the day's usual volume.
    pub(super) activity: f64,
    /// Noise of the volatility of VIX, log.
    pub(super) vvix_noise: f64,
}

impl Day {
    /// The edge at an instant of the grid; the close after it.
    pub(super) fn edge_at(&self, at: Instant) -> Option<&Edge> {
        let steps = usize::try_from((at.0 - self.open_at.0) / (60 * STEP_MINUTES)).ok()?;
        self.edges.get(steps).or_else(|| self.edges.last())
    }

    pub(super) fn first(&self) -> Option<&Edge> {
        self.edges.first()
    }

    pub(super) fn last(&self) -> Option<&Edge> {
        self.edges.last()
    }
}

struct Walker<'a> {
    params: Params,
    draws: Draws,
    activity: Draws,
    schedule: &'a Schedule,
    cpi: BTreeMap<Date, f64>,
    spot: f64,
    state: State,
    rate: f64,
    vvix_noise: f64,
}

/// Generates the days. A longer list of dates has the shorter one's days as its beginning.
pub(super) fn generate(
    seed: u64,
    params: Params,
    spot: f64,
    dates: &[Date],
    schedule: &Schedule,
) -> Vec<Day> {
    let surprise = |r: &crate::series::EventRow| Some((r.at.date(), r.actual? - r.consensus?));
    let mut walker = Walker {
        params,
        draws: Draws::new(seed, Purpose::Path),
        activity: Draws::new(seed, Purpose::Activity),
        schedule,
        cpi: schedule.cpi.rows.iter().filter_map(surprise).collect(),
        spot,
        state: params.start(),
        rate: 0.045,
        vvix_noise: 0.0,
    };
    dates.iter().filter_map(|date| walker.day(*date)).collect()
}

impl Walker<'_> {
    fn day(&mut self, date: Date) -> Option<Day> {
        let calendar = ExchangeCalendar::nyse();
        let (open_at, close_at) = (calendar.open_at(date)?, calendar.close_at(date)?);
        let before = self.spot;
        self.night(date);
        let steps = (close_at.0 - open_at.0) / (60 * STEP_MINUTES);
        let full_day = 390 / STEP_MINUTES;
        #[expect(clippy::cast_precision_loss, reason = "78 steps")]
        let dt = (1.0 - NIGHT) / SESSIONS_PER_YEAR / full_day as f64;
        let decision = self
            .schedule
            .fomc
            .rows
            .iter()
            .find(|r| r.at.date() == date)
            .map(|r| r.at);
        let mut edges = vec![self.edge()];
        let mut between = Vec::new();
        for step in 0..steps {
            let starts = Instant(open_at.0 + step * 60 * STEP_MINUTES);
            // The announcement moves the index at once, the press conference for half an hour more.
            let heat = match decision.map(|d| starts.0 - d.0) {
                Some(0) => 9.0,
                Some(after) if (0..3_000).contains(&after) => 3.0,
                _ => 1.0,
            };
            between.push(self.step(dt, heat));
            edges.push(self.edge());
        }
        self.rate += 0.002 * (0.045 - self.rate) + 0.0004 * self.activity.normal();
        self.rate = self.rate.clamp(0.001, 0.12);
        self.vvix_noise = 0.92 * self.vvix_noise + 0.040 * self.activity.normal();
        let ret = libm::log(self.spot / before);
        Some(Day {
            date,
            open_at,
            close_at,
            edges,
            between,
            rate: self.rate,
            net_advances: self.net_advances(ret),
            activity: libm::exp(0.12 * self.activity.normal() + 12.0 * ret.abs()),
            vvix_noise: self.vvix_noise,
        })
    }

    fn edge(&self) -> Edge {
        Edge {
            spot: self.spot,
            state: self.state,
        }
    }

    /// From the close to the open: a fifth of a session's variance, and the number published at 08:30.
    fn night(&mut self, date: Date) {
        let surprise = self.cpi.get(&date).copied();
        let heat = if surprise.is_some() { 2.0 } else { 1.0 };
        self.step(NIGHT / SESSIONS_PER_YEAR, heat);
        let move_ = CPI_MOVE * surprise.unwrap_or(0.0);
        self.spot *= libm::exp(move_);
        self.state.fast = (self.state.fast - CPI_VARIANCE * move_).clamp(FAST.0, FAST.1);
    }

    /// One Euler step of index and variance; `heat` multiplies the index's variance.
    fn step(&mut self, dt: f64, heat: f64) -> Between {
        let (z_spot, z) = (self.draws.normal(), self.draws.normal());
        let z_own = self.draws.normal();
        let (up, down) = (self.draws.uniform(), self.draws.uniform());
        let p = self.params;
        let jump = self.draws.uniform() < p.jumps * dt;
        let (size, noise) = (self.draws.exponential(), self.draws.normal());

        let State { fast, slow } = self.state;
        let variance = (p.floor + fast) * heat;
        let blend = |c: f64, a: f64, b: f64| c * a + (1.0 - c * c).sqrt() * b;
        let z_variance = blend(p.leverage, z_spot, z);
        let z_slow = blend(p.slow_with_fast, z_variance, z_own);
        // The drift first, then a lognormal shock: a factor cannot turn negative.
        let shocked = |x: f64, xi: f64, z: f64| x * libm::exp(xi * dt.sqrt() * z - 0.5 * xi * xi * dt);
        let mut fast_next = shocked(fast + p.kappa.0 * (slow - fast) * dt, p.xi, z_variance);
        let slow_next = shocked(slow + p.kappa_slow.0 * (p.level - slow) * dt, p.xi_slow, z_slow);
        let compensation = p.jumps * p.jump_return_mean();
        let mut change = (DRIFT - compensation - 0.5 * variance) * dt + (variance * dt).sqrt() * z_spot;
        if jump {
            let grown = p.jump * size;
            fast_next += grown;
            change += p.jump_return.0 + p.jump_return.1 * grown + p.jump_return.2 * noise;
        }
        self.state = State {
            fast: fast_next.clamp(FAST.0, FAST.1),
            slow: slow_next.clamp(SLOW.0, SLOW.1),
        };
        let from = self.spot;
        self.spot = (from * libm::exp(change)).clamp(SPOT_BOUNDS.0, SPOT_BOUNDS.1);
        // Extremes of a Brownian bridge between the edges.
        let bridge = |a: f64, b: f64, var: f64, u: f64| {
            (a + b + ((b - a) * (b - a) - 2.0 * var * libm::log(u)).sqrt()) / 2.0
        };
        let spread = variance * dt;
        let high = from * libm::exp(bridge(0.0, change, spread, up));
        let low = from * libm::exp(-bridge(0.0, -change, spread, down));
        // VIX moves against the index, about as volatile as its own options say.
        let vix_spread = VIX_VARIANCE * dt;
        let stretch = |u: f64| libm::exp(bridge(0.0, 0.0, vix_spread, u));
        Between {
            high,
            low,
            vix_stretch: (stretch(down), 1.0 / stretch(up)),
        }
    }

    /// Breadth follows the index's move in units of its usual size, with noise of its own.
    fn net_advances(&mut self, ret: f64) -> f64 {
        let sigma = ((self.params.floor + self.state.fast) / SESSIONS_PER_YEAR).sqrt();
        let share = libm::tanh(0.55 * ret / sigma + 0.35 * self.activity.normal());
        (2_900.0 * share).round()
    }
}
