//! Conditions that can never be true, or never false, whatever the market does: interval arithmetic over what values can be.
//!
//! A value's interval is what its kind allows (an RSI lies in 0..100, a price is not negative, a correlation lies in -1..1),
//! what a threshold's declared range allows, and what arithmetic makes of those. Only what holds for *every* value of every
//! threshold is reported, so a finding is a proof, not a suspicion.

use super::interval::{Interval, intervals};
use crate::builtin::PositionObs;
use crate::diagnostic::{Diagnostic, codes};
use crate::graph::{Clock, Cmp, Graph, NodeId, Op, RuleAction, RuleDef, ValueKind};

pub(super) fn lint(graph: &Graph, findings: &mut Vec<Diagnostic>) {
    let intervals = intervals(graph);
    let known = Known {
        graph,
        intervals: &intervals,
    };
    known.comparisons(findings);
    known.contradictions(findings);
    known.shadowed(findings);
    known.opened_to_close(findings);
}

/// What a part of a condition says about one value.
#[derive(Clone, Copy, Debug)]
struct Bound {
    /// The value.
    of: NodeId,
    /// How it compares.
    cmp: Cmp,
    /// With what; a number that only an operator can change.
    with: Interval,
}

struct Known<'a> {
    graph: &'a Graph,
    intervals: &'a [Interval],
}

impl Known<'_> {
    fn interval(&self, id: NodeId) -> Interval {
        self.intervals
            .get(id.0 as usize)
            .copied()
            .unwrap_or(Interval::ALL)
    }

    fn is_constant(&self, id: NodeId) -> bool {
        self.graph.node(id).is_some_and(|n| n.clock == Clock::Constant)
    }

    /// Comparisons whose sides never meet, or never part.
    fn comparisons(&self, findings: &mut Vec<Diagnostic>) {
        for node in &self.graph.nodes {
            let (verdict, values) = match (&node.op, node.inputs.as_slice()) {
                (Op::Compare(cmp), [a, b]) if !(self.is_constant(*a) && self.is_constant(*b)) => {
                    (always(*cmp, self.interval(*a), self.interval(*b)), [*a, *b])
                }
                (Op::InRange, [x, lo, hi]) if !self.is_constant(*x) => {
                    let (x_at, lo_at, hi_at) = (self.interval(*x), self.interval(*lo), self.interval(*hi));
                    let inside = (always(Cmp::Ge, x_at, lo_at), always(Cmp::Le, x_at, hi_at));
                    let verdict = match inside {
                        (Some(false), _) | (_, Some(false)) => Some(false),
                        (Some(true), Some(true)) => Some(true),
                        _ => None,
                    };
                    (verdict, [*x, *hi])
                }
                _ => continue,
            };
            let Some(verdict) = verdict else { continue };
            let because: Vec<String> = values
                .iter()
                .filter_map(|id| {
                    let text = &self.graph.node(*id)?.text;
                    Some(format!("`{text}` is {}", self.interval(*id)))
                })
                .collect();
            // A comparison of a leg's delta with a positive number has a finding of its own.
            let has_own = !verdict
                && values.iter().any(|id| {
                    let op = self.graph.node(*id).map(|n| &n.op);
                    matches!(op, Some(Op::Position(PositionObs::LegDelta(_))))
                });
            if has_own {
                continue;
            }
            let (code, word) = if verdict {
                (codes::NEVER_FALSE, "is always true")
            } else {
                (codes::NEVER_TRUE, "can never be true")
            };
            let help = match self.share_meant(values) {
                Some(share) => format!("a share of one is written `{share}%`"),
                None if verdict => {
                    "remove it, or compare with a value that can be on the other side".to_owned()
                }
                None => "turn the comparison around, or compare with a value that can be reached".to_owned(),
            };
            let message = format!("`{}` {word}", node.text);
            findings.push(
                Diagnostic::warning(code, node.span, message)
                    .label(because.join(", "))
                    .help(help),
            );
        }
    }

    /// `percentile_rank(…) > 30`: a number above one beside a value that lies in 0..1.
    fn share_meant(&self, values: [NodeId; 2]) -> Option<f64> {
        let number = values.into_iter().find_map(|id| match self.graph.node(id)?.op {
            Op::Number(x) if x > 1.0 && x <= 100.0 => Some(x),
            _ => None,
        })?;
        let is_share = |id: NodeId| {
            let range = self.interval(id);
            range.lo >= 0.0 && range.hi <= 1.0
        };
        values.into_iter().any(is_share).then_some(number)
    }

    /// Parts that exclude each other: `VIX.last < 20 vol and VIX.last > 30 vol`.
    fn contradictions(&self, findings: &mut Vec<Diagnostic>) {
        for node in &self.graph.nodes {
            if !matches!(node.op, Op::And) || node.kind != ValueKind::Bool {
                continue;
            }
            let bounds: Vec<(NodeId, Bound)> = node
                .inputs
                .iter()
                .filter_map(|id| Some((*id, self.bound(*id)?)))
                .collect();
            let clash = bounds.iter().enumerate().find_map(|(i, (first, a))| {
                let later = bounds.iter().skip(i + 1);
                let other = later
                    .filter(|(_, b)| b.of == a.of)
                    .find(|(_, b)| excludes(*a, *b));
                other.map(|(second, _)| (*first, *second))
            });
            let Some((first, second)) = clash else { continue };
            let (Some(first), Some(second)) = (self.graph.node(first), self.graph.node(second)) else {
                continue;
            };
            let message = format!("`{}` and `{}` can never both be true", first.text, second.text);
            findings.push(
                Diagnostic::warning(codes::NEVER_TRUE, second.span, message)
                    .label("excluded by the other part")
                    .also(first.span, "the other part")
                    .help("join them with `or`, or let the ranges meet"),
            );
        }
    }

    fn bound(&self, id: NodeId) -> Option<Bound> {
        let node = self.graph.node(self.graph.carried(id))?;
        let (Op::Compare(cmp), [a, b]) = (&node.op, node.inputs.as_slice()) else {
            return None;
        };
        match (self.is_constant(*a), self.is_constant(*b)) {
            (false, true) => Some(Bound {
                of: *a,
                cmp: *cmp,
                with: self.interval(*b),
            }),
            (true, false) => Some(Bound {
                of: *b,
                cmp: cmp.mirrored(),
                with: self.interval(*a),
            }),
            _ => None,
        }
    }

    /// The parts of a condition that must all hold.
    fn parts(&self, id: NodeId) -> Vec<NodeId> {
        let id = self.graph.carried(id);
        match self.graph.node(id) {
            Some(n) if matches!(n.op, Op::And) => n.inputs.iter().map(|i| self.graph.carried(*i)).collect(),
            _ => vec![id],
        }
    }

    /// Whenever `first` is true, so is `second`.
    fn implies(&self, first: NodeId, second: NodeId) -> bool {
        let has = self.parts(first);
        self.parts(second).into_iter().all(|wanted| {
            has.iter().any(|part| {
                *part == wanted
                    || match (self.bound(*part), self.bound(wanted)) {
                        (Some(a), Some(b)) => a.of == b.of && narrower(a, b),
                        _ => false,
                    }
            })
        })
    }

    /// Rules that an earlier one of their kind always comes before.
    fn shadowed(&self, findings: &mut Vec<Diagnostic>) {
        for policy in &self.graph.policies {
            for (i, rule) in policy.rules.iter().enumerate() {
                let covers = |earlier: &&RuleDef| {
                    let whole = match (&earlier.action, &rule.action) {
                        (RuleAction::Close { portion }, RuleAction::Close { .. }) => portion.is_none(),
                        (RuleAction::Roll { .. }, RuleAction::Roll { .. }) => true,
                        _ => false,
                    };
                    // The same condition has a finding of its own.
                    whole
                        && earlier.require.is_none()
                        && earlier.when != rule.when
                        && self.implies(rule.when, earlier.when)
                };
                let Some(earlier) = policy.rules.iter().take(i).find(covers) else {
                    continue;
                };
                let message = format!(
                    "`{}` never acts: whenever its condition holds, that of `{}` holds too and stands before it",
                    rule.key, earlier.key
                );
                findings.push(
                    Diagnostic::warning(codes::SHADOWED_RULE, rule.span, message)
                        .also(earlier.span, "the earlier rule")
                        .help("put the narrower condition first, or make the conditions exclude each other"),
                );
            }
        }
    }

    /// Closes whose condition holds whenever the structure may be opened: it is opened to be closed, and opened again.
    fn opened_to_close(&self, findings: &mut Vec<Diagnostic>) {
        for policy in &self.graph.policies {
            let opens = policy
                .rules
                .iter()
                .filter(|r| matches!(r.action, RuleAction::Open { .. }));
            for open in opens {
                let rules = self
                    .graph
                    .policies
                    .iter()
                    .filter(|p| p.structure == policy.structure)
                    .flat_map(|p| &p.rules);
                let close = rules
                    .filter(|r| matches!(r.action, RuleAction::Close { .. }))
                    .find(|r| r.require.is_none() && self.implies(open.when, r.when));
                let Some(close) = close else { continue };
                let message = format!(
                    "`{}` closes what `{}` opens: its condition holds whenever the other does",
                    close.key, open.key
                );
                findings.push(
                    Diagnostic::warning(codes::OPENED_TO_CLOSE, close.span, message)
                        .also(open.span, "the rule that opens")
                        .help("let the two conditions exclude each other, with room between them"),
                );
            }
        }
    }
}

/// The truth of a comparison, where it is the same for all values of the intervals.
fn always(cmp: Cmp, a: Interval, b: Interval) -> Option<bool> {
    match cmp {
        Cmp::Lt if a.hi < b.lo => Some(true),
        Cmp::Lt if a.lo >= b.hi => Some(false),
        Cmp::Le if a.hi <= b.lo => Some(true),
        Cmp::Le if a.lo > b.hi => Some(false),
        Cmp::Gt | Cmp::Ge => always(cmp.mirrored(), b, a),
        Cmp::Eq if a.hi < b.lo || a.lo > b.hi => Some(false),
        Cmp::Ne if a.hi < b.lo || a.lo > b.hi => Some(true),
        _ => None,
    }
}

/// No value meets both bounds, whatever the thresholds are.
fn excludes(a: Bound, b: Bound) -> bool {
    let (below, above) = match (direction(a.cmp), direction(b.cmp)) {
        (Some(false), Some(true)) => (a, b),
        (Some(true), Some(false)) => (b, a),
        _ => return false,
    };
    // Meeting at one point is enough for `<=` with `>=`.
    let touching = matches!((below.cmp, above.cmp), (Cmp::Le, Cmp::Ge));
    if touching {
        below.with.hi < above.with.lo
    } else {
        below.with.hi <= above.with.lo
    }
}

/// Every value that meets `a` meets `b`, whatever the thresholds are.
fn narrower(a: Bound, b: Bound) -> bool {
    match (direction(a.cmp), direction(b.cmp)) {
        (Some(false), Some(false)) => {
            let at_the_edge = a.cmp == Cmp::Lt || b.cmp == Cmp::Le;
            a.with.hi < b.with.lo || (at_the_edge && a.with.hi <= b.with.lo)
        }
        (Some(true), Some(true)) => {
            let at_the_edge = a.cmp == Cmp::Gt || b.cmp == Cmp::Ge;
            a.with.lo > b.with.hi || (at_the_edge && a.with.lo >= b.with.hi)
        }
        _ => false,
    }
}

/// Above a bound, or below it.
const fn direction(cmp: Cmp) -> Option<bool> {
    match cmp {
        Cmp::Lt | Cmp::Le => Some(false),
        Cmp::Gt | Cmp::Ge => Some(true),
        Cmp::Eq | Cmp::Ne => None,
    }
}
