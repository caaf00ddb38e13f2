//! What past occurrences of an event did to the market: the move that a scenario takes for the next one.
//!
//! A reaction is measured from the last snapshot before the release to the first one after it: change of spot, and of the
//! at-the-forward implied vol at thirty days. Only what was over at the instant of asking counts.

use crate::error::{ErrorClass, RunError};
use alula_core::analytics::SnapshotView;
use alula_market::history::History;
use alula_market::time::Instant;

/// Reactions that an average needs: with fewer its own error is a third of the spread and more.
pub const LEAST: usize = 8;
/// Snapshots further apart than this are not about the event, seconds: a long weekend.
const APART_MAX: i64 = 4 * 86_400;
/// Maturity of the vol, days.
const MATURITY: u32 = 30;

/// One reaction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reaction {
    /// Release.
    pub at: Instant,
    /// Change of spot, a fraction.
    pub spot: f64,
    /// Change of implied vol, points.
    pub vol: f64,
}

/// The average of reactions and their spread.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Projection {
    /// Reactions.
    pub count: usize,
    /// First and last release.
    pub span: (Instant, Instant),
    /// Mean and standard deviation (of the sample) of the change of spot, fractions.
    pub spot: (f64, f64),
    /// The same of the change of vol, points.
    pub vol: (f64, f64),
}

/// Mean and sample standard deviation.
fn moments(values: &[f64]) -> (f64, f64) {
    let n = f64::from(u32::try_from(values.len()).unwrap_or(u32::MAX));
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|x| (x - mean) * (x - mean)).sum();
    (mean, (squares / (n - 1.0).max(1.0)).sqrt())
}

impl Projection {
    /// The average of reactions in time order; none below [`LEAST`].
    #[must_use]
    pub fn of(reactions: &[Reaction]) -> Option<Self> {
        if reactions.len() < LEAST {
            return None;
        }
        let of = |f: fn(&Reaction) -> f64| moments(&reactions.iter().map(f).collect::<Vec<_>>());
        Some(Self {
            count: reactions.len(),
            span: (reactions.first()?.at, reactions.last()?.at),
            spot: of(|r| r.spot),
            vol: of(|r| r.vol),
        })
    }
}

/// The reactions of an underlying to an event that were over before an instant, in time order.
///
/// # Errors
/// When the data have no such event, or cannot be read.
pub fn reactions(
    history: &dyn History,
    event: &str,
    underlying: &str,
    before: Instant,
) -> Result<Vec<Reaction>, RunError> {
    let events = history.events(event)?.ok_or_else(|| {
        let what = format!("the data have no calendar of the event `{event}`");
        RunError::new(ErrorClass::Data, what, "import one, or name another event")
    })?;
    let Some((first, _)) = history.range(underlying) else {
        return Ok(Vec::new());
    };
    let ticks = history.ticks(underlying, first, before.date());
    let seen = |at: Instant| -> Result<Option<(f64, f64)>, RunError> {
        let view = SnapshotView::new(history.snapshot(underlying, at)?, history.rate(at)?);
        let spot = view.snapshot.spot.to_f64();
        Ok(view
            .implied_vol(MATURITY)
            .ok()
            .filter(|_| spot > 0.0)
            .map(|vol| (spot, vol)))
    };
    let mut found = Vec::new();
    for row in &events.rows {
        let after = ticks.partition_point(|t| *t <= row.at);
        let pair = after
            .checked_sub(1)
            .and_then(|i| ticks.get(i))
            .zip(ticks.get(after));
        let Some((from, to)) = pair.filter(|(a, b)| b.0 - a.0 <= APART_MAX && **b < before) else {
            continue;
        };
        if let Some(((spot, vol), (spot_after, vol_after))) = seen(*from)?.zip(seen(*to)?) {
            found.push(Reaction {
                at: row.at,
                spot: spot_after / spot - 1.0,
                vol: vol_after - vol,
            });
        }
    }
    found.sort_by_key(|r| r.at);
    Ok(found)
}

/// The average reaction, refused below [`LEAST`] of them.
///
/// # Errors
/// As [`reactions`], and when there are too few.
pub fn project(
    history: &dyn History,
    event: &str,
    underlying: &str,
    before: Instant,
) -> Result<Projection, RunError> {
    let found = reactions(history, event, underlying, before)?;
    Projection::of(&found).ok_or_else(|| {
        let what = format!(
            "{} past reactions to `{event}` are known, {LEAST} are needed",
            found.len()
        );
        RunError::new(
            ErrorClass::Data,
            what,
            "choose a later time, more data, or a path of your own",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand: vols −1 to −8 have mean −4.5 and sample variance 6; spots of +1 % and −1 % in turn mean 0.
    #[test]
    fn an_average_has_its_spread_and_needs_a_sample() {
        let reaction = |i: i32| Reaction {
            at: Instant(i64::from(i)),
            spot: if i % 2 == 0 { 0.01 } else { -0.01 },
            vol: -f64::from(i),
        };
        let all: Vec<Reaction> = (1..=8).map(reaction).collect();
        let found = Projection::of(&all).unwrap();
        assert!((found.vol.0 + 4.5).abs() < 1e-12 && (found.vol.1 - 6_f64.sqrt()).abs() < 1e-12);
        assert!(found.spot.0.abs() < 1e-12 && found.count == 8);
        assert_eq!(found.span, (Instant(1), Instant(8)));
        assert_eq!(Projection::of(&all[..7]), None);
    }
}
