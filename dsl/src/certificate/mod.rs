//! The defined-risk certificate: for every package that the rules can come to hold, the most that it can lose at settlement,
//! or the legs that nothing bounds.
//!
//! What is reached: a structure as it is opened, and what each roll of its policies makes of what is held (all legs anew, the
//! same strikes in another expiry, one side moved), again and again until nothing new comes of it; a part of the lots, and
//! the legs that are left when others have settled, lose no more than the whole. Legs that settle together are bounded
//! together; the bounds of several settlements add up, because between two of them the underlying can go anywhere.
//!
//! A bound is proven from the text alone: it holds for every market and every value of the thresholds. Strikes that are
//! promised in points are listed exactly, and shapes of two sides keep their sold put at or below their sold call: the engine
//! refuses to order a package that breaks either.

pub(crate) mod form;
mod loss;
mod strikes;
pub(crate) mod words;

pub use loss::Loss;
pub use words::{bound as bound_text, text};

use crate::ast::{Right, Side};
use crate::graph::{ExpiryPick, Graph, NodeId, Op, RollDef, RuleAction, StructureDef, StructureId};
use crate::lint::interval::{Interval, intervals};
use crate::span::Span;
use std::collections::BTreeSet;
use strikes::Strikes;

/// States of one structure that are followed; a structure with more is not certified.
pub const STATES_MAX: usize = 256;

/// Contracts deliver this many dollars a point: SPX, XSP and VIX options alike.
pub const DOLLARS_A_POINT: f64 = 100.0;

/// What can be lost by everything that a strategy may own.
#[derive(Clone, Debug, PartialEq)]
pub struct Certificate {
    /// Structures that a policy opens or a layer owns, in the order of the graph.
    pub owned: Vec<Owned>,
    /// Overlays: key, instrument, where. A future has no bound of its own.
    pub overlays: Vec<(String, &'static str, Span)>,
}

impl Certificate {
    /// Every package is bounded.
    #[must_use]
    pub fn is_given(&self) -> bool {
        self.overlays.is_empty() && self.owned.iter().all(Owned::is_bounded)
    }
}

/// A structure and everything that the rules can make of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Owned {
    /// Which.
    pub structure: StructureId,
    /// Its key.
    pub key: String,
    /// What the rules can come to hold, as opened first.
    pub reached: Vec<Reached>,
    /// There were more states than are followed.
    pub cut: bool,
    /// Lots that can be open at once, where the rules say so: at most so many a position, so many positions.
    pub lots: Option<(f64, f64)>,
    /// Rules that close a part.
    pub parts: Vec<String>,
}

impl Owned {
    /// Every state is bounded.
    #[must_use]
    pub fn is_bounded(&self) -> bool {
        !self.cut && self.reached.iter().all(|r| r.bound.is_ok())
    }
}

/// A package that can be held.
#[derive(Clone, Debug, PartialEq)]
pub struct Reached {
    /// Rolls that lead here from what is opened, the shortest way; empty for what is opened.
    pub by: Vec<String>,
    /// Further rolls that lead here.
    pub also: Vec<String>,
    /// Where it is written: the structure, or the last roll.
    pub span: Span,
    /// Its bound, or what breaks it.
    pub bound: Result<Bounded, Vec<Break>>,
    /// Legs that settle apart: the package is held in parts between settlements.
    pub settlements: usize,
}

/// A proven bound.
#[derive(Clone, Debug, PartialEq)]
pub struct Bounded {
    /// The bound, in terms of the strikes.
    pub loss: Loss,
    /// Its least and largest value in points, over all settings of the thresholds; none where strikes are chosen apart.
    pub points: Option<(f64, f64)>,
}

/// A leg that nothing bounds.
#[derive(Clone, Debug, PartialEq)]
pub struct Break {
    /// Leg, by index in the structure.
    pub leg: usize,
    /// Its name.
    pub name: String,
    /// Why.
    pub why: Why,
    /// Where it is written.
    pub span: Span,
}

/// Why a leg has no bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// A future.
    Future,
    /// Sold, and too few bought legs of its right.
    Uncovered,
    /// Sold, and the bought legs of its right settle at another time.
    SettlesAlone,
}

/// Examines everything that the rules of a graph can come to hold.
#[must_use]
pub fn certificate(graph: &Graph) -> Certificate {
    let intervals = intervals(graph);
    let layers = graph
        .hedges
        .iter()
        .flat_map(|h| &h.layers)
        .flat_map(|l| l.own.into_iter().chain(l.rotate));
    let owned: BTreeSet<StructureId> = graph.policies.iter().map(|p| p.structure).chain(layers).collect();
    let owned = owned.into_iter().filter_map(|id| examine(graph, &intervals, id));
    Certificate {
        owned: owned.collect(),
        overlays: graph
            .overlays
            .iter()
            .map(|o| (o.key.clone(), o.instrument.name(), o.span))
            .collect(),
    }
}

/// How the legs held hang together.
#[derive(Clone, Debug, PartialEq, Eq)]
struct State {
    /// Settlement of each leg: equal numbers settle together.
    settles: Vec<usize>,
    /// The puts and the calls stand as they were chosen together.
    tied: bool,
    /// No sold put stands above a sold call.
    apart: bool,
}

fn examine(graph: &Graph, intervals: &[Interval], id: StructureId) -> Option<Owned> {
    let def = graph.structures.get(usize::try_from(id.0).ok()?)?;
    let strikes = Strikes::new(intervals, &def.legs);
    let examiner = Examiner {
        graph,
        def,
        strikes: &strikes,
    };
    let rules: Vec<_> = graph
        .policies
        .iter()
        .filter(|p| p.structure == id)
        .flat_map(|p| &p.rules)
        .collect();
    let opened = examiner.opened();
    let mut states = vec![opened.clone()];
    let mut reached = vec![examiner.reached(&opened, Vec::new(), def.span)];
    let mut cut = false;
    let mut next = 0;
    while let (Some(state), Some(by)) = (states.get(next).cloned(), reached.get(next).map(|r| r.by.clone())) {
        for rule in &rules {
            let RuleAction::Roll { to } = &rule.action else {
                continue;
            };
            for made in examiner.rolled(&state, to) {
                if let Some(known) = states.iter().position(|s| *s == made) {
                    if let Some(r) = reached.get_mut(known)
                        && !r.also.contains(&rule.key)
                        && r.by.last() != Some(&rule.key)
                    {
                        r.also.push(rule.key.clone());
                    }
                } else if states.len() < STATES_MAX {
                    let way: Vec<String> = by.iter().chain([&rule.key]).cloned().collect();
                    reached.push(examiner.reached(&made, way, rule.span));
                    states.push(made);
                } else {
                    cut = true;
                }
            }
        }
        next += 1;
    }
    let most = |id: NodeId| {
        let hi = intervals.get(usize::try_from(id.0).ok()?)?.hi;
        hi.is_finite().then_some(hi)
    };
    let opens = rules.iter().filter_map(|r| match &r.action {
        RuleAction::Open { size, at_most, up_to } => Some((size, at_most, up_to)),
        _ => None,
    });
    // Several rules share the count of positions: the largest of each holds for all.
    let lots = opens
        .map(|(size, at_most, up_to)| {
            let lots = match (at_most, size) {
                (Some(id), _) => most(*id),
                (None, crate::graph::SizeDef::Lots(id)) => most(*id),
                _ => None,
            };
            lots.zip(most(*up_to))
        })
        .reduce(|a, b| {
            let ((a, c), (b, d)) = a.zip(b)?;
            Some((a.max(b), c.max(d)))
        })
        .flatten();
    let parts = rules
        .iter()
        .filter(|r| matches!(r.action, RuleAction::Close { portion: Some(_) }));
    Some(Owned {
        structure: id,
        key: def.key.clone(),
        reached,
        cut,
        lots,
        parts: parts.map(|r| r.key.clone()).collect(),
    })
}

struct Examiner<'a> {
    graph: &'a Graph,
    def: &'a StructureDef,
    strikes: &'a Strikes<'a>,
}

impl Examiner<'_> {
    /// As opened: legs of one expiry clause settle together.
    fn opened(&self) -> State {
        let mut clauses: Vec<&ExpiryPick> = Vec::new();
        let settles = self
            .def
            .legs
            .iter()
            .map(|leg| self.clause(&mut clauses, &leg.expiry))
            .collect();
        State {
            settles: in_order(settles),
            tied: true,
            apart: self.def.keeps_sides_apart(),
        }
    }

    /// The number of a clause among those seen.
    fn clause<'c>(&self, seen: &mut Vec<&'c ExpiryPick>, pick: &'c ExpiryPick) -> usize {
        if let Some(at) = seen.iter().position(|s| self.same(s, pick)) {
            return at;
        }
        seen.push(pick);
        seen.len() - 1
    }

    /// Two clauses choose one expiry, whatever is listed.
    fn same(&self, a: &ExpiryPick, b: &ExpiryPick) -> bool {
        let number = |id: NodeId| match self.graph.node(id)?.op {
            Op::Number(x) => Some(x),
            _ => None,
        };
        a.surely_same(b, &number)
    }

    /// What a roll can make of what is held.
    fn rolled(&self, state: &State, to: &RollDef) -> Vec<State> {
        // Settlements chosen at the roll are other than those held, even by the same words: time has passed.
        let fresh = state.settles.iter().max().map_or(0, |m| m + 1);
        let held = |leg: usize| state.settles.get(leg).copied().unwrap_or_default();
        match to {
            RollDef::Recentred(expiry) | RollDef::SameStrikes(expiry) => {
                let shared = self.def.legs.first().map(|l| &l.expiry);
                let mut clauses: Vec<&ExpiryPick> = Vec::new();
                let settles = self.def.legs.iter().enumerate().map(|(at, leg)| {
                    let pick = if shared == Some(&leg.expiry) {
                        expiry
                    } else {
                        &leg.expiry
                    };
                    match pick {
                        ExpiryPick::Same => held(at),
                        ExpiryPick::Nearest { .. } | ExpiryPick::Month(_) => {
                            fresh + self.clause(&mut clauses, pick)
                        }
                    }
                });
                let anew = matches!(to, RollDef::Recentred(_));
                let settles = in_order(settles.collect());
                vec![State {
                    tied: anew || state.tied,
                    apart: if anew {
                        self.def.keeps_sides_apart()
                    } else {
                        state.apart
                    },
                    settles,
                }]
            }
            RollDef::Side { side, expiry, .. } => {
                let moved = |right: Right| {
                    let legs = self.def.legs.iter().enumerate();
                    let settles = legs.map(|(at, leg)| match expiry {
                        ExpiryPick::Nearest { .. } if leg.right == Some(right) => fresh,
                        _ => held(at),
                    });
                    State {
                        settles: in_order(settles.collect()),
                        tied: false,
                        apart: side.is_none() && self.def.keeps_sides_apart(),
                    }
                };
                // The tested side may be either.
                let sides = [Right::Put, Right::Call].into_iter();
                sides
                    .filter(|r| side.is_none_or(|s| s == *r))
                    .map(moved)
                    .collect()
            }
        }
    }

    fn reached(&self, state: &State, by: Vec<String>, span: Span) -> Reached {
        let mut settlements: Vec<usize> = state.settles.clone();
        settlements.sort_unstable();
        settlements.dedup();
        let mut breaks = Vec::new();
        let mut parts = Vec::new();
        for settlement in &settlements {
            match self.together(state, *settlement) {
                Ok(loss) => parts.push(loss),
                Err(found) => breaks.extend(found),
            }
        }
        let bound = if breaks.is_empty() {
            let loss = Loss::sum(parts);
            let points = self.points(&loss, state.tied);
            let points = (points.lo.is_finite() && points.hi.is_finite()).then_some((points.lo, points.hi));
            Ok(Bounded { loss, points })
        } else {
            Err(breaks)
        };
        Reached {
            by,
            also: Vec::new(),
            span,
            bound,
            settlements: settlements.len(),
        }
    }

    /// The bound of the legs of one settlement.
    fn together(&self, state: &State, settlement: usize) -> Result<Loss, Vec<Break>> {
        let all = self.def.legs.iter().enumerate();
        let legs: Vec<_> = all
            .filter(|(at, _)| state.settles.get(*at) == Some(&settlement))
            .collect();
        let mut breaks = Vec::new();
        let mut blame = |leg: usize, why| {
            if let Some(def) = self.def.legs.get(leg) {
                breaks.push(Break {
                    leg,
                    name: def.name.clone(),
                    why,
                    span: def.span,
                });
            }
        };
        for (at, _) in legs.iter().filter(|(_, l)| l.right.is_none() && !l.is_shares()) {
            blame(*at, Why::Future);
        }
        let mut sides = Vec::new();
        for right in [Right::Put, Right::Call] {
            let of: Vec<_> = legs
                .iter()
                .copied()
                .filter(|(_, l)| l.right == Some(right))
                .collect();
            let near = |sold: usize, bought: usize| {
                let d = self.strikes.distance(sold, bought, state.tied);
                match right {
                    Right::Put => -d.lo,
                    Right::Call => d.hi,
                }
            };
            match loss::pair(&of, near) {
                Ok(_) if self.strikes.worth_something(&of) => {}
                // A pair whose bought strike is surely the better one loses nothing.
                Ok(gaps) => {
                    let gaps = gaps.into_iter().filter(|g| self.points(g, state.tied).hi > 0.0);
                    sides.push(Loss::sum(gaps.collect()));
                }
                Err(bare) => {
                    let bought: u32 = self.units(right, Side::Long);
                    let sold: u32 = self.units(right, Side::Short);
                    let why = if bought >= sold {
                        Why::SettlesAlone
                    } else {
                        Why::Uncovered
                    };
                    bare.into_iter().for_each(|leg| blame(leg, why));
                }
            }
        }
        if !breaks.is_empty() {
            return Err(breaks);
        }
        let sold = |right: Right| {
            let of = legs
                .iter()
                .filter(move |(_, l)| l.right == Some(right) && l.side == Side::Short);
            of.map(|(at, _)| *at)
        };
        let apart = state.apart
            || sold(Right::Put).all(|put| {
                sold(Right::Call).all(|call| self.strikes.distance(put, call, state.tied).lo >= 0.0)
            });
        Ok(if apart {
            Loss::larger(sides)
        } else {
            Loss::sum(sides)
        })
    }

    fn units(&self, right: Right, side: Side) -> u32 {
        let of = self
            .def
            .legs
            .iter()
            .filter(|l| l.right == Some(right) && l.side == side);
        of.fold(0, |sum, l| sum.saturating_add(l.ratio))
    }

    /// Values of a bound over all settings of the thresholds.
    fn points(&self, loss: &Loss, tied: bool) -> Interval {
        let all = |parts: &[Loss]| -> Vec<Interval> { parts.iter().map(|p| self.points(p, tied)).collect() };
        match loss {
            Loss::Nothing => Interval::new(0.0, 0.0),
            Loss::Gap { sold, bought, times } => {
                let d = self.strikes.distance(*sold, *bought, tied);
                let worse = match self.def.legs.get(*sold).and_then(|l| l.right) {
                    Some(Right::Put) => Interval::new(-d.hi, -d.lo),
                    _ => d,
                };
                let times = f64::from(*times);
                Interval::new(worse.lo.max(0.0) * times, worse.hi.max(0.0) * times)
            }
            Loss::Larger(parts) => all(parts).iter().fold(Interval::new(0.0, 0.0), |a, b| {
                Interval::new(a.lo.max(b.lo), a.hi.max(b.hi))
            }),
            Loss::Sum(parts) => all(parts).iter().fold(Interval::new(0.0, 0.0), |a, b| {
                Interval::new(a.lo + b.lo, a.hi + b.hi)
            }),
        }
    }
}

/// Numbers in the order of their first use, so that equal partitions are equal.
fn in_order(settles: Vec<usize>) -> Vec<usize> {
    let mut seen: Vec<usize> = Vec::new();
    settles
        .into_iter()
        .map(|s| {
            seen.iter().position(|x| *x == s).unwrap_or_else(|| {
                seen.push(s);
                seen.len() - 1
            })
        })
        .collect()
}
