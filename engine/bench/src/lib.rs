//! How fast is it: ratios against peers, measured in one interleaved run.
//!
//! An absolute time says more about the machine's mood than about the code. So every contestant of a [`Race`] runs once
//! per round, the rounds alternate their order, and what is reported is each contestant's time *divided by the first one's in
//! the same round*: median with minimum and maximum over the rounds. Times are processor time, so that a busy neighbour does not count. Read ratios below 1.5 as about equal.
//!
//! Run with `cargo bench -p alula-bench`. Nothing here asserts: a bench informs, a test decides.

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::{Duration, Instant};

use cpu_time::ProcessTime;

/// Whether the race `name` is to be run: `cargo bench -p alula-bench --bench pricing -- greeks` runs that one only.
#[must_use]
pub fn is_wanted(name: &str) -> bool {
    let mut wanted = std::env::args()
        .skip(1)
        .filter(|arg| !arg.starts_with('-'))
        .peekable();
    wanted.peek().is_none() || wanted.any(|arg| arg == name)
}

/// One way to do the work: called with no arguments, it does the whole of it once and returns something that depends on all of it.
type Work<'a> = Box<dyn FnMut() -> f64 + 'a>;

/// A contestant: its name, how much it does in one call, and the work.
struct Contestant<'a> {
    name: String,
    units: f64,
    work: Work<'a>,
}

/// Contestants that do the same work, measured in turns.
pub struct Race<'a> {
    title: String,
    unit: &'static str,
    units: f64,
    contestants: Vec<Contestant<'a>>,
}

impl<'a> Race<'a> {
    /// A race named `title` in which each contestant's work is `units` of `unit` (options, rule evaluations, rows).
    #[must_use]
    pub fn new(title: impl Into<String>, unit: &'static str, units: u32) -> Self {
        Self {
            title: title.into(),
            unit,
            units: f64::from(units),
            contestants: Vec::new(),
        }
    }

    /// Adds a contestant. The first added is the one that the others are compared with.
    #[must_use]
    pub fn with(self, name: impl Into<String>, work: impl FnMut() -> f64 + 'a) -> Self {
        let units = self.units;
        self.push(name.into(), units, Box::new(work))
    }

    /// Adds a contestant whose work is `units` in one call: a slow one need not do as much as the others.
    #[must_use]
    pub fn with_units(self, name: impl Into<String>, units: u32, work: impl FnMut() -> f64 + 'a) -> Self {
        self.push(name.into(), f64::from(units), Box::new(work))
    }

    fn push(mut self, name: String, units: f64, work: Work<'a>) -> Self {
        self.contestants.push(Contestant { name, units, work });
        self
    }

    /// Runs `rounds` rounds, each contestant for at least `slice` per round, and returns the times.
    #[must_use]
    pub fn run(mut self, rounds: u32, slice: Duration) -> Results {
        // Warm-up, and how often each must repeat its work to fill a slice.
        let repeats: Vec<u32> = self
            .contestants
            .iter_mut()
            .map(|c| {
                let started = Instant::now();
                let mut done = 0_u32;
                while started.elapsed() < slice {
                    black_box((c.work)());
                    done += 1;
                }
                done.max(1)
            })
            .collect();
        let mut times = vec![Vec::new(); self.contestants.len()];
        for round in 0..rounds {
            let mut order: Vec<usize> = (0..self.contestants.len()).collect();
            if round % 2 == 1 {
                order.reverse();
            }
            for index in order {
                let (Some(contestant), Some(repeats), Some(times)) = (
                    self.contestants.get_mut(index),
                    repeats.get(index),
                    times.get_mut(index),
                ) else {
                    continue;
                };
                let started = ProcessTime::now();
                for _ in 0..*repeats {
                    black_box((contestant.work)());
                }
                let ns = started.elapsed().as_secs_f64() * 1e9;
                times.push(ns / (f64::from(*repeats) * contestant.units));
            }
        }
        Results {
            title: self.title,
            unit: self.unit,
            rows: self.contestants.into_iter().map(|c| c.name).zip(times).collect(),
        }
    }
}

/// Times per unit of work, one per round and contestant.
pub struct Results {
    title: String,
    unit: &'static str,
    rows: Vec<(String, Vec<f64>)>,
}

impl Results {
    /// Median over the rounds of a contestant's time divided by the first contestant's: above one, the first is faster.
    #[must_use]
    pub fn ratio(&self, name: &str) -> Option<f64> {
        let row = self.rows.iter().find(|(n, _)| n == name)?;
        Some(spread(self.ratios(&row.1)).1)
    }

    /// Median time per unit of a contestant, in nanoseconds.
    #[must_use]
    pub fn ns(&self, name: &str) -> Option<f64> {
        let row = self.rows.iter().find(|(n, _)| n == name)?;
        Some(spread(row.1.iter().copied()).1)
    }

    fn ratios<'r>(&'r self, times: &'r [f64]) -> impl Iterator<Item = f64> + 'r {
        let base = self
            .rows
            .first()
            .map(|(_, base)| base.as_slice())
            .unwrap_or_default();
        times.iter().zip(base).map(|(time, base)| time / base)
    }

    /// The table, as text.
    #[must_use]
    pub fn table(&self) -> String {
        let mut text = format!("\n{}\n", self.title);
        let rounds = self.rows.first().map_or(0, |(_, times)| times.len());
        let _ = writeln!(
            text,
            "  {:<58} {:>10} {:>24}",
            format!("{rounds} interleaved rounds; the first line is the yardstick"),
            format!("ns/{}", self.unit),
            "times the first (min..max)"
        );
        for (name, times) in &self.rows {
            let ns = spread(times.iter().copied()).1;
            let (low, middle, high) = spread(self.ratios(times));
            let _ = writeln!(
                text,
                "  {name:<58} {ns:>10.2} {middle:>9.2}  ({low:.2}..{high:.2})"
            );
        }
        text
    }

    /// Prints the table.
    #[expect(clippy::print_stdout, reason = "a bench speaks to the person who runs it")]
    pub fn print(&self) {
        println!("{}", self.table());
    }
}

/// Least, median and greatest.
fn spread(values: impl Iterator<Item = f64>) -> (f64, f64, f64) {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let at = |i: usize| values.get(i).copied().unwrap_or(0.0);
    (at(0), at(values.len() / 2), at(values.len().saturating_sub(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twice_the_work_takes_about_twice_as_long() {
        let spin = |n: u32| (0..n).fold(1.0_f64, |x, i| black_box(x * 1.000_1 + f64::from(i)));
        let results = Race::new("spin", "step", 1)
            .with("once", || spin(20_000))
            .with("twice", || spin(40_000))
            .run(5, Duration::from_millis(2));
        let ratio = results.ratio("twice").unwrap();
        assert!(ratio > 1.2 && ratio < 3.5, "{ratio}");
        assert!(results.ratio("thrice").is_none());
        assert!(results.table().contains("twice"));
    }
}
