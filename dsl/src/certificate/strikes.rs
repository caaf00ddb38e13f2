//! What is surely known of the distances between a structure's strikes.

use crate::ast::{Direction, Right, Side};
use crate::graph::{LegDef, NodeId, OffsetAmount, StrikeAnchor, StrikePick};
use crate::lint::interval::Interval;
use std::collections::BTreeMap;

/// Where each strike stands from that of a first leg: the leg, and how many times each amount is added.
#[derive(Clone, Debug)]
pub(super) struct Strikes<'a> {
    intervals: &'a [Interval],
    legs: &'a [LegDef],
    from: Vec<(usize, BTreeMap<NodeId, f64>)>,
}

impl<'a> Strikes<'a> {
    pub(super) fn new(intervals: &'a [Interval], legs: &'a [LegDef]) -> Self {
        let mut from: Vec<(usize, BTreeMap<NodeId, f64>)> = Vec::with_capacity(legs.len());
        // Anchors come before the legs that are measured from them.
        for (at, leg) in legs.iter().enumerate() {
            let held = |i: u8| from.get(usize::from(i)).cloned();
            let place = match &leg.strike {
                StrikePick::SameAs(i) => held(*i),
                // A width in points is listed exactly, or the package is not made.
                StrikePick::Offset {
                    amount: OffsetAmount::Points(amount),
                    direction,
                    anchor: StrikeAnchor::Leg(i),
                    exact: true,
                } => held(*i).map(|(root, mut steps)| {
                    let sign = match direction {
                        Direction::Above => 1.0,
                        Direction::Below => -1.0,
                    };
                    *steps.entry(*amount).or_insert(0.0) += sign;
                    (root, steps)
                }),
                _ => None,
            };
            from.push(place.unwrap_or((at, BTreeMap::new())));
        }
        Self {
            intervals,
            legs,
            from,
        }
    }

    fn interval(&self, id: NodeId) -> Interval {
        let at = usize::try_from(id.0).unwrap_or(usize::MAX);
        self.intervals.get(at).copied().unwrap_or(Interval::ALL)
    }

    /// Strike of `b` minus strike of `a`, in amounts; none when they are chosen apart. `tied`: the puts and the calls still
    /// stand as they were chosen.
    fn steps(&self, a: usize, b: usize, tied: bool) -> Option<BTreeMap<NodeId, f64>> {
        let right = |leg: usize| self.legs.get(leg).map(|l| l.right);
        if !tied && right(a) != right(b) {
            return None;
        }
        let (root_a, steps_a) = self.from.get(a)?;
        let (root_b, steps_b) = self.from.get(b)?;
        if root_a != root_b {
            return None;
        }
        let mut out = steps_b.clone();
        for (id, times) in steps_a {
            *out.entry(*id).or_insert(0.0) -= times;
        }
        out.retain(|_, times| *times != 0.0);
        Some(out)
    }

    /// Strike of `b` minus strike of `a` in points, whatever the thresholds are set to.
    pub(super) fn distance(&self, a: usize, b: usize, tied: bool) -> Interval {
        let Some(steps) = self.steps(a, b, tied) else {
            return Interval::ALL;
        };
        steps.iter().fold(Interval::new(0.0, 0.0), |sum, (id, times)| {
            let i = self.interval(*id);
            let ends = [i.lo * times, i.hi * times];
            let part = Interval::new(ends[0].min(ends[1]), ends[0].max(ends[1]));
            Interval::new(sum.lo + part.lo, sum.hi + part.hi)
        })
    }

    /// The legs of one right are never worth less than zero together: their strikes stand in known proportions, and no kink
    /// of the payoff lies below it. Counts of bought legs cover the sold ones.
    pub(super) fn worth_something(&self, legs: &[(usize, &LegDef)]) -> bool {
        let Some((first, head)) = legs.first() else {
            return true;
        };
        let places: Option<Vec<f64>> = self.proportions(*first, legs);
        let Some(places) = places else { return false };
        let call = head.right == Some(Right::Call);
        places.iter().all(|settles| {
            let payoff: f64 = legs
                .iter()
                .zip(&places)
                .map(|((_, leg), strike)| {
                    let worth = if call { settles - strike } else { strike - settles };
                    let signed = match leg.side {
                        Side::Long => 1.0,
                        Side::Short => -1.0,
                    };
                    worth.max(0.0) * signed * f64::from(leg.ratio)
                })
                .sum();
            payoff >= -1e-9
        })
    }

    /// Strikes from that of `first`, in multiples of one amount that is not negative, or in points when all are written.
    fn proportions(&self, first: usize, legs: &[(usize, &LegDef)]) -> Option<Vec<f64>> {
        let steps: Option<Vec<BTreeMap<NodeId, f64>>> =
            legs.iter().map(|(at, _)| self.steps(first, *at, false)).collect();
        let steps = steps?;
        let written = |id: &NodeId| {
            let i = self.interval(*id);
            (i.lo.to_bits() == i.hi.to_bits()).then_some(i.lo)
        };
        let in_points: Option<Vec<f64>> = steps
            .iter()
            .map(|s| s.iter().map(|(id, times)| Some(written(id)? * times)).sum())
            .collect();
        if in_points.is_some() {
            return in_points;
        }
        let mut ids = steps.iter().flat_map(|s| s.keys());
        let one = ids.next()?;
        let alone = ids.all(|id| id == one) && self.interval(*one).lo >= 0.0;
        alone.then(|| {
            let times = steps.iter().map(|s| s.get(one).copied().unwrap_or_default());
            times.collect()
        })
    }
}
