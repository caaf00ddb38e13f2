//! What each layer did on the yardstick's worst sessions: its gain there over what the core lost there.
//!
//! The sessions are the yardstick's, the gains and the core's loss the hedged run's own: of one dollar that its core lost on those
//! days, so many cents came back through the layer. Where the core did not lose on balance there is nothing to divide by. On one
//! history the interval comes from the same blocks of sessions as the other figures, each resample with worst days of its own;
//! over paths the ratio is that of the sums, and the interval comes from resampling paths.

use super::resample::{Draws, Interval, interval, stationary};
use super::{Resampling, Sample, worst_sessions};
use alula_market::time::Date;
use alula_run::output::Role;
use std::collections::BTreeMap;

/// Name of the line of all layers and overlays together.
pub const ALL: &str = "all layers";

/// One layer or overlay on the worst days.
#[derive(Clone, Debug, PartialEq)]
pub struct WorstLayer {
    /// Key, or [`ALL`].
    pub name: String,
    /// Gain on those days, dollars; over paths the mean.
    pub gain: f64,
    /// Gain over the core's loss; none where the core did not lose.
    pub efficiency: Option<f64>,
    /// Interval of the efficiency.
    pub interval: Option<Interval>,
}

/// The worst days of a comparison.
#[derive(Clone, Debug, PartialEq)]
pub struct WorstDays {
    /// Sessions; over paths those of one path.
    pub days: usize,
    /// Which, in time order; empty over paths.
    pub dates: Vec<Date>,
    /// What the hedged run's core lost on them, dollars (negative: it gained); over paths the mean.
    pub core_loss: f64,
    /// Layers and overlays by key, then all together; empty where the run has none.
    pub layers: Vec<WorstLayer>,
}

/// Core's loss, and gains by name.
type Tally = (f64, Vec<f64>);

fn names(samples: &mut dyn Iterator<Item = &Sample>) -> Vec<String> {
    let mut all = std::collections::BTreeSet::new();
    for sample in samples {
        let hedges = sample
            .sessions
            .iter()
            .filter(|(_, (role, _))| matches!(role, Role::Layer | Role::Overlay));
        all.extend(hedges.map(|(name, _)| name.clone()));
    }
    all.into_iter().collect()
}

/// What the core lost and the layers made on some sessions.
fn tally(sample: &Sample, names: &[String], at: &[usize]) -> Tally {
    let sum = |gains: &[f64]| at.iter().filter_map(|i| gains.get(*i)).sum::<f64>();
    let core = sample.sessions.values().filter(|(role, _)| *role == Role::Core);
    let lost = -core.map(|(_, gains)| sum(gains)).sum::<f64>();
    let gained = |name: &String| sample.sessions.get(name).map_or(0.0, |(_, gains)| sum(gains));
    (lost, names.iter().map(gained).collect())
}

fn ratio(gain: f64, lost: f64) -> Option<f64> {
    (lost > 0.0).then(|| gain / lost)
}

/// The lines of a tally with what resampling gave.
fn lines(names: &[String], point: &Tally, resampled: &[Tally], with_interval: bool) -> Vec<WorstLayer> {
    if names.is_empty() {
        return Vec::new();
    }
    let of = |gains: &[f64], i: Option<usize>| match i {
        Some(i) => gains.get(i).copied().unwrap_or(0.0),
        None => gains.iter().sum(),
    };
    let (lost, gains) = point;
    let line = |name: String, i: Option<usize>| {
        let gain = of(gains, i);
        let efficiency = ratio(gain, *lost);
        let all = || {
            resampled
                .iter()
                .filter_map(|(lost, gains)| ratio(of(gains, i), *lost))
        };
        WorstLayer {
            name,
            gain,
            efficiency,
            interval: efficiency
                .filter(|_| with_interval)
                .and_then(|e| interval(e, all().collect())),
        }
    };
    let mut out: Vec<WorstLayer> = names
        .iter()
        .enumerate()
        .map(|(i, name)| line(name.clone(), Some(i)))
        .collect();
    if names.len() > 1 {
        out.push(line(ALL.to_owned(), None));
    }
    out
}

/// Two runs on one history; `block` is the mean length of a block. None where the run has no gains by structure.
pub(super) fn on_history(
    base: &Sample,
    other: &Sample,
    n: usize,
    (how, block): (Resampling, f64),
) -> Option<WorstDays> {
    if other.sessions.is_empty() {
        return None;
    }
    let names = names(&mut std::iter::once(other));
    let gains: Vec<f64> = base.rows.iter().take(n).map(|r| r.gain).collect();
    let mut at = worst_sessions(&gains);
    let point = tally(other, &names, &at);
    let mut draws = Draws::new(how.seed);
    let (mut drawn, mut resampled) = (Vec::new(), Vec::new());
    for _ in 0..how.count {
        stationary(&mut draws, n, block, &mut drawn);
        let own: Vec<f64> = drawn.iter().filter_map(|i| gains.get(*i)).copied().collect();
        let worst: Vec<usize> = worst_sessions(&own)
            .into_iter()
            .filter_map(|i| drawn.get(i).copied())
            .collect();
        resampled.push(tally(other, &names, &worst));
    }
    at.sort_unstable();
    Some(WorstDays {
        days: at.len(),
        dates: at
            .iter()
            .filter_map(|i| base.rows.get(*i))
            .map(|r| r.date)
            .collect(),
        core_loss: point.0,
        layers: lines(&names, &point, &resampled, true),
    })
}

/// Pairs of runs on simulated paths.
pub(super) fn on_paths(pairs: &[(Sample, Sample)], how: Resampling) -> Option<WorstDays> {
    if pairs.iter().all(|(_, b)| b.sessions.is_empty()) {
        return None;
    }
    let names = names(&mut pairs.iter().map(|(_, b)| b));
    let mut days = 0;
    let tallies: Vec<Tally> = pairs
        .iter()
        .map(|(a, b)| {
            let gains: Vec<f64> = a.rows.iter().map(|r| r.gain).collect();
            let at = worst_sessions(&gains);
            days = days.max(at.len());
            tally(b, &names, &at)
        })
        .collect();
    let count = f64::from(u32::try_from(pairs.len()).unwrap_or(u32::MAX));
    let mean = |at: &mut dyn Iterator<Item = usize>| -> Tally {
        let mut out = (0.0, vec![0.0; names.len()]);
        for (lost, gains) in at.filter_map(|i| tallies.get(i)) {
            out.0 += lost / count;
            for (sum, gain) in out.1.iter_mut().zip(gains) {
                *sum += gain / count;
            }
        }
        out
    };
    let point = mean(&mut (0..pairs.len()));
    let mut draws = Draws::new(how.seed);
    let mut drawn = Vec::new();
    let resampled: Vec<Tally> = (0..how.count)
        .map(|_| {
            stationary(&mut draws, pairs.len(), 1.0, &mut drawn);
            mean(&mut drawn.iter().copied())
        })
        .collect();
    Some(WorstDays {
        days,
        dates: Vec::new(),
        core_loss: point.0,
        layers: lines(&names, &point, &resampled, pairs.len() >= 10),
    })
}

/// Gains by structure on each of a run's sessions, in the order of `dates`.
pub(super) fn by_session(
    run: &alula_run::output::RunOutput,
    dates: &[Date],
) -> BTreeMap<String, (Role, Vec<f64>)> {
    let mut out: BTreeMap<String, (Role, Vec<f64>)> = BTreeMap::new();
    for row in &run.structures {
        let Ok(at) = dates.binary_search(&row.date) else {
            continue;
        };
        let own = out
            .entry(row.structure.clone())
            .or_insert_with(|| (row.role, vec![0.0; dates.len()]));
        if let Some(slot) = own.1.get_mut(at) {
            *slot += row.gain.share.to_f64();
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::SessionRow;

    fn sample(gains: &[f64], sessions: &[(&str, Role, &[f64])]) -> Sample {
        let first = Date::from_ymd_opt(2024, 1, 1).unwrap();
        let rows = gains.iter().zip(first.iter_days());
        Sample {
            name: "s".to_owned(),
            data: (String::new(), String::new()),
            simulated: true,
            capital: 100_000.0,
            rows: rows
                .map(|(gain, date)| SessionRow {
                    date,
                    gain: *gain,
                    equity: 0.0,
                    fall: 0.0,
                    gamma: None,
                    near: false,
                    vega: None,
                })
                .collect(),
            fees: 0.0,
            spread: 0.0,
            structures: BTreeMap::new(),
            orders: (0, 0),
            lots: 0,
            sessions: sessions
                .iter()
                .map(|(name, role, gains)| ((*name).to_owned(), (*role, gains.to_vec())))
                .collect(),
        }
    }

    const HOW: Resampling = Resampling {
        count: 200,
        block: None,
        seed: 7,
    };

    /// By hand: two of 150 sessions are the worst hundredth. The core lost 900 and 400 there, the calls made 300 and 90, the
    /// futures 30 and lost 65; on every other day the core makes 10 and the calls lose 4.
    #[test]
    fn on_the_worst_days_each_layer_is_set_against_what_the_core_lost() {
        let on = |a: f64, b: f64, rest: f64| -> Vec<f64> {
            (0..150)
                .map(|i| match i {
                    20 => a,
                    90 => b,
                    _ => rest,
                })
                .collect()
        };
        let base = sample(&on(-1_000.0, -500.0, 12.0), &[]);
        let (core, calls, futures) = (
            on(-900.0, -400.0, 10.0),
            on(300.0, 90.0, -4.0),
            on(30.0, -65.0, 0.0),
        );
        let apart = on(-5_000.0, 5.0, 1.0);
        let hedged = sample(
            &on(0.0, 0.0, 0.0),
            &[
                ("core", Role::Core, &core),
                ("h.calls", Role::Layer, &calls),
                ("h.futures", Role::Layer, &futures),
                ("engine", Role::Subaccount, &apart),
            ],
        );
        let found = on_history(&base, &hedged, 150, (HOW, 5.0)).unwrap();
        assert_eq!((found.days, found.core_loss), (2, 1_300.0));
        assert_eq!(found.dates.len(), 2);
        let line = |name: &str| found.layers.iter().find(|l| l.name == name).unwrap();
        assert!((line("h.calls").gain - 390.0).abs() < 1e-9);
        assert!((line("h.calls").efficiency.unwrap() - 0.3).abs() < 1e-12);
        assert!((line("h.futures").efficiency.unwrap() + 35.0 / 1_300.0).abs() < 1e-12);
        assert!((line(ALL).efficiency.unwrap() - 355.0 / 1_300.0).abs() < 1e-12);
        let interval = line("h.calls").interval.unwrap();
        assert!(interval.low <= 0.3 && 0.3 <= interval.high, "{interval:?}");
        // What is financed apart is neither core nor hedge.
        assert!(found.layers.iter().all(|l| l.name != "engine"));

        let over = on_paths(&[(base.clone(), hedged.clone()), (base, hedged)], HOW).unwrap();
        assert_eq!((over.days, over.core_loss), (2, 1_300.0));
        assert!((over.layers[0].efficiency.unwrap() - 0.3).abs() < 1e-12);
        assert_eq!(over.layers[0].interval, None);
    }

    #[test]
    fn a_core_that_gained_on_the_worst_days_has_no_efficiency() {
        let base = sample(&[-5.0; 30], &[]);
        let hedged = sample(
            &[1.0; 30],
            &[("core", Role::Core, &[1.0; 30]), ("h.a", Role::Layer, &[2.0; 30])],
        );
        let found = on_history(&base, &hedged, 30, (HOW, 5.0)).unwrap();
        assert_eq!((found.core_loss, found.layers[0].efficiency), (-1.0, None));
        // A folder from before gains were kept by structure says nothing.
        assert_eq!(on_history(&base, &sample(&[1.0; 30], &[]), 30, (HOW, 5.0)), None);
    }
}
