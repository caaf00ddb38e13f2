//! One strategy at many values of its thresholds: what each point came to, and how far the best of them can be believed.
//!
//! A grid's best point is the best of many tries on one path. What luck alone would have made of that many tries is said beside
//! it (Bailey and López de Prado, 2014), with what the point's neighbours came to and, where sessions were held out, what came
//! after the choice.
//!
//! The types are the document too: a shard writes it as JSON, and [`Sweep::joined`] puts shards together again.

mod belief;
mod screen;

pub use belief::{Belief, expected_best, probability_of_skill};
pub use screen::text;

use alula_market::money::Usd;
use alula_market::time::Date;
use alula_run::RunOutput;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Layout of the document.
const FORMAT: u32 = 1;

/// Sessions of a year.
const SESSIONS: f64 = 252.0;

/// A sweep, or a shard of one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sweep {
    /// Layout of this document.
    pub format: u32,
    /// Strategy.
    pub strategy: String,
    /// Where the data came from.
    pub data: String,
    /// They are simulated.
    pub simulated: bool,
    /// First and last session, `2023-01-03`.
    pub period: (String, String),
    /// First session that had no part in the choice.
    pub held_out_from: Option<String>,
    /// Capital, dollars.
    pub capital: f64,
    /// Hashes of everything that all points share.
    pub hashes: BTreeMap<String, String>,
    /// What is varied, the last the fastest.
    pub axes: Vec<Axis>,
    /// Points of the whole grid.
    pub grid: usize,
    /// Points that were run, in the grid's order.
    pub points: Vec<Point>,
}

/// A threshold and the values that it takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Axis {
    /// Threshold.
    pub name: String,
    /// Values as the thresholds file writes them.
    pub values: Vec<String>,
    /// The value in force today.
    pub now: String,
}

/// One set of values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Point {
    /// Place in the grid.
    pub at: usize,
    /// What it came to, over the sessions that choose; none where the run stopped.
    pub figures: Option<Figures>,
    /// What it came to on the sessions held out.
    pub after: Option<Figures>,
    /// Why the run stopped.
    pub stopped: Option<String>,
}

/// What a run came to over some of its sessions. Money in dollars.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Figures {
    /// Sessions.
    pub sessions: usize,
    /// P&L at the stated share of the spread.
    pub pnl: f64,
    /// P&L at natural prices.
    pub natural: f64,
    /// P&L at mids.
    pub mid: f64,
    /// Deepest fall of equity between ends of sessions.
    pub drawdown: f64,
    /// The same as a share of the peak.
    pub drawdown_share: f64,
    /// Trades that ended.
    pub trades: usize,
    /// Of those: with a profit.
    pub wins: usize,
    /// Mean gain of a session over its standard deviation, nothing taken off for cash; none where nothing moved.
    pub sharpe: Option<f64>,
    /// Skewness of the sessions' gains; zero where nothing moved.
    pub skew: f64,
    /// Kurtosis of the sessions' gains, three for a normal law; three where nothing moved.
    pub kurtosis: f64,
}

impl Figures {
    /// Over the sessions of a run that a range of dates holds; none where there is no session.
    #[must_use]
    pub fn of(run: &RunOutput, within: impl Fn(Date) -> bool) -> Option<Self> {
        let capital = run.manifest.capital;
        let before = run.daily.iter().take_while(|d| !within(d.date)).last();
        let begin = before.map_or([capital; 3], |d| [d.equity.share, d.equity.natural, d.equity.mid]);
        let mut ends: Vec<(Date, Usd)> = Vec::new();
        let mut last = None;
        for day in run.daily.iter().filter(|d| within(d.date)) {
            let equity = day.equity.share;
            match ends.last_mut().filter(|e| e.0 == day.date) {
                // What settled after the last tick belongs to the same session.
                Some(end) => end.1 = equity,
                None => ends.push((day.date, equity)),
            }
            last = Some(day.equity);
        }
        let last = last?;
        let [share, natural, mid] = begin;
        let (mut peak, mut drawdown, mut drawdown_share) = (share, Usd::ZERO, 0.0_f64);
        let mut now = share;
        let mut gains = Vec::with_capacity(ends.len());
        for (_, equity) in &ends {
            gains.push((*equity - now).to_f64());
            now = *equity;
            peak = peak.max(now);
            drawdown = drawdown.max(peak - now);
            if peak > Usd::ZERO {
                drawdown_share = drawdown_share.max((peak - now).to_f64() / peak.to_f64());
            }
        }
        let ended = run
            .positions
            .iter()
            .filter(|p| p.closed_at.is_some_and(|at| within(at.date())));
        let (mut trades, mut wins) = (0, 0);
        for position in ended {
            trades += 1;
            wins += usize::from(position.pnl.share.0 > 0);
        }
        let moments = belief::moments(&gains);
        Some(Self {
            sessions: ends.len(),
            pnl: (last.share - share).to_f64(),
            natural: (last.natural - natural).to_f64(),
            mid: (last.mid - mid).to_f64(),
            drawdown: drawdown.to_f64(),
            drawdown_share,
            trades,
            wins,
            sharpe: moments.map(|m| m.sharpe),
            skew: moments.map_or(0.0, |m| m.skew),
            kurtosis: moments.map_or(3.0, |m| m.kurtosis),
        })
    }

    /// Sharpe ratio of a year.
    #[must_use]
    pub fn sharpe_a_year(&self) -> Option<f64> {
        self.sharpe.map(|s| s * SESSIONS.sqrt())
    }

    /// Gain of a year over the deepest fall; none without a fall.
    #[must_use]
    pub fn calmar(&self) -> Option<f64> {
        let years = f64::from(u32::try_from(self.sessions).ok()?) / SESSIONS;
        (self.drawdown > 0.0 && years > 0.0).then(|| self.pnl / years / self.drawdown)
    }
}

/// What points are ranked by, the highest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum By {
    /// Sharpe ratio.
    #[default]
    Sharpe,
    /// Gain of a year over the deepest fall.
    Calmar,
    /// P&L at the stated share.
    Pnl,
    /// P&L at natural prices.
    Natural,
}

impl By {
    /// As it is called on the screen.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sharpe => "Sharpe",
            Self::Calmar => "Calmar",
            Self::Pnl => "P&L",
            Self::Natural => "P&L at natural",
        }
    }

    /// The measure of a point; none where it has none.
    #[must_use]
    pub fn of(self, figures: &Figures) -> Option<f64> {
        match self {
            Self::Sharpe => figures.sharpe_a_year(),
            Self::Calmar => figures.calmar(),
            Self::Pnl => Some(figures.pnl),
            Self::Natural => Some(figures.natural),
        }
    }
}

/// Why shards do not make one sweep.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JoinError {
    /// There is nothing.
    #[error("there is no shard")]
    Nothing,
    /// Of a later version of the program.
    #[error("a shard has layout {0}, this program knows {FORMAT}")]
    Layout(u32),
    /// They differ in something that all points share.
    #[error("the shards are not of one sweep: they differ in {0}")]
    Differ(String),
    /// A point was run twice with different results.
    #[error("point {0} came to different results in two shards")]
    Twice(usize),
    /// A place that the grid does not have.
    #[error("point {0} is not in the grid")]
    Outside(usize),
    /// Shards are missing.
    #[error("{missing} of {grid} points are missing")]
    Missing {
        /// Points without a result.
        missing: usize,
        /// Points of the grid.
        grid: usize,
    },
}

impl Sweep {
    /// A sweep without points.
    #[must_use]
    pub fn new(strategy: &str, axes: Vec<Axis>) -> Self {
        let grid = axes
            .iter()
            .fold(1_usize, |all, a| all.saturating_mul(a.values.len()));
        Self {
            format: FORMAT,
            strategy: strategy.to_owned(),
            data: String::new(),
            simulated: false,
            period: (String::new(), String::new()),
            held_out_from: None,
            capital: 0.0,
            hashes: BTreeMap::new(),
            axes,
            grid,
            points: Vec::new(),
        }
    }

    /// Which value of each axis a place in the grid has; the last axis runs fastest.
    #[must_use]
    pub fn places(&self, mut at: usize) -> Vec<usize> {
        let mut places = vec![0; self.axes.len()];
        for (place, axis) in places.iter_mut().zip(&self.axes).rev() {
            let n = axis.values.len().max(1);
            *place = at % n;
            at /= n;
        }
        places
    }

    /// Notes what all points share, from the run of one of them.
    pub fn describe(&mut self, run: &RunOutput) {
        let manifest = &run.manifest;
        self.data.clone_from(&manifest.data_label);
        self.simulated = manifest.simulated;
        self.capital = manifest.capital.to_f64();
        if let (Some(first), Some(last)) = (run.daily.first(), run.daily.last()) {
            self.period = (first.date.to_string(), last.date.to_string());
        }
        self.hashes = manifest.hashes.clone();
        self.hashes.remove("threshold values");
    }

    /// Points with a measure, the best first; of equal ones the earlier in the grid.
    #[must_use]
    pub fn ranked(&self, by: By) -> Vec<(&Point, &Figures, f64)> {
        let mut all: Vec<(&Point, &Figures, f64)> = self
            .points
            .iter()
            .filter_map(|p| {
                let figures = p.figures.as_ref()?;
                Some((p, figures, by.of(figures)?))
            })
            .collect();
        all.sort_by(|a, b| b.2.total_cmp(&a.2).then(a.0.at.cmp(&b.0.at)));
        all
    }

    /// Points one step away from a place along one axis.
    #[must_use]
    pub fn neighbours(&self, at: usize) -> Vec<&Point> {
        let here = self.places(at);
        let near = |p: &&Point| {
            let there = self.places(p.at);
            let steps = here.iter().zip(&there).map(|(a, b)| a.abs_diff(*b));
            steps.sum::<usize>() == 1
        };
        self.points.iter().filter(near).collect()
    }

    /// Shards as one sweep.
    ///
    /// # Errors
    /// See [`JoinError`].
    pub fn joined(shards: Vec<Self>) -> Result<Self, JoinError> {
        let mut shards = shards.into_iter();
        let mut all = shards.next().ok_or(JoinError::Nothing)?;
        let mut points: BTreeMap<usize, Point> = BTreeMap::new();
        let own = std::mem::take(&mut all.points);
        let mut add = |found: Vec<Point>, grid: usize| {
            for point in found {
                let at = point.at;
                if at >= grid {
                    return Err(JoinError::Outside(at));
                }
                // A batch system may run a shard twice: that is no harm while it says the same.
                match points.insert(at, point) {
                    Some(before) if points.get(&at) != Some(&before) => return Err(JoinError::Twice(at)),
                    _ => {}
                }
            }
            Ok(())
        };
        if all.format != FORMAT {
            return Err(JoinError::Layout(all.format));
        }
        add(own, all.grid)?;
        for mut shard in shards {
            if shard.format != FORMAT {
                return Err(JoinError::Layout(shard.format));
            }
            let found = std::mem::take(&mut shard.points);
            if shard != all {
                return Err(JoinError::Differ(difference(&all, &shard).to_owned()));
            }
            add(found, all.grid)?;
        }
        if points.len() != all.grid {
            return Err(JoinError::Missing {
                missing: all.grid.saturating_sub(points.len()),
                grid: all.grid,
            });
        }
        all.points = points.into_values().collect();
        Ok(all)
    }

    /// The document.
    #[must_use]
    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    /// Reads a document.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn read(text: &str) -> Result<Self, String> {
        let found: Self = serde_json::from_str(text).map_err(|e| e.to_string())?;
        let places: BTreeSet<usize> = found.points.iter().map(|p| p.at).collect();
        let grid = found
            .axes
            .iter()
            .try_fold(1_usize, |all, a| all.checked_mul(a.values.len()));
        if grid != Some(found.grid) || places.len() != found.points.len() {
            return Err("its points do not fit its grid".to_owned());
        }
        Ok(found)
    }

    /// All points as comma-separated values, in the grid's order.
    #[must_use]
    pub fn csv(&self) -> String {
        let mut out = String::new();
        for axis in &self.axes {
            out.push_str(&axis.name);
            out.push(',');
        }
        out.push_str("pnl,pnl_natural,pnl_mid,max_drawdown,max_drawdown_share,trades,wins,sharpe,calmar");
        if self.held_out_from.is_some() {
            out.push_str(",after_pnl,after_sharpe");
        }
        out.push_str(",stopped\n");
        let number = |x: Option<f64>| x.map_or_else(String::new, |x| x.to_string());
        for point in &self.points {
            for (axis, place) in self.axes.iter().zip(self.places(point.at)) {
                let value = axis.values.get(place).map_or("", String::as_str);
                out.push_str(&quoted(value));
                out.push(',');
            }
            let f = point.figures.as_ref();
            let of = |get: fn(&Figures) -> f64| number(f.map(get));
            let count = |get: fn(&Figures) -> usize| f.map_or_else(String::new, |f| get(f).to_string());
            let mut cells = vec![
                of(|f| f.pnl),
                of(|f| f.natural),
                of(|f| f.mid),
                of(|f| f.drawdown),
                of(|f| f.drawdown_share),
                count(|f| f.trades),
                count(|f| f.wins),
                number(f.and_then(Figures::sharpe_a_year)),
                number(f.and_then(Figures::calmar)),
            ];
            if self.held_out_from.is_some() {
                let after = point.after.as_ref();
                cells.push(number(after.map(|f| f.pnl)));
                cells.push(number(after.and_then(Figures::sharpe_a_year)));
            }
            cells.push(quoted(point.stopped.as_deref().unwrap_or_default()));
            out.push_str(&cells.join(","));
            out.push('\n');
        }
        out
    }
}

/// A cell of comma-separated values, in quotes where it must be.
fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

/// The first thing in which shards differ, points aside.
fn difference(a: &Sweep, b: &Sweep) -> &'static str {
    if a.strategy != b.strategy {
        "the strategy's name"
    } else if a.axes != b.axes {
        "what is varied"
    } else if a.hashes != b.hashes {
        "the hashes of strategy, data or settings"
    } else if a.period != b.period {
        "the period"
    } else if a.held_out_from != b.held_out_from {
        "the sessions held out"
    } else {
        "the market"
    }
}

#[cfg(test)]
mod tests;
