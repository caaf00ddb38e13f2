//! Layers of one structure's hedges that one value switches: stretches of it where none is on, and where two are.
//!
//! Layers that stack are no finding (`> 20`, `> 30`, `> 40`: one range holds the other), nor are ranges that meet. What a
//! threshold bounds is taken at its default, as the text states it.

use crate::builtin::BookObs;
use crate::diagnostic::{Diagnostic, codes};
use crate::graph::{Cmp, Graph, HedgeDef, LayerDef, NodeId, Op};
use crate::span::Span;
use std::collections::BTreeMap;

pub(super) fn lint(graph: &Graph, findings: &mut Vec<Diagnostic>) {
    let mut by_structure: BTreeMap<u32, Vec<&HedgeDef>> = BTreeMap::new();
    for hedge in &graph.hedges {
        by_structure.entry(hedge.structure.0).or_default().push(hedge);
    }
    for hedges in by_structure.values() {
        let layers: Vec<&LayerDef> = hedges.iter().flat_map(|h| &h.layers).collect();
        let always = layers.iter().any(|l| always_on(graph, l));
        let mut by_value: BTreeMap<NodeId, Vec<Shell<'_>>> = BTreeMap::new();
        for (of, shell) in layers.iter().filter_map(|l| shell(graph, l)) {
            by_value.entry(of).or_default().push(shell);
        }
        for (of, mut shells) in by_value {
            shells
                .sort_by(|a, b| (a.on.lo.at.total_cmp(&b.on.lo.at)).then(a.on.hi.at.total_cmp(&b.on.hi.at)));
            let value = graph.node(of).map_or("", |n| n.text.as_str());
            overlaps(value, &shells, findings);
            if !always {
                gaps(value, &shells, findings);
            }
        }
    }
}

/// A layer that says nothing is on while the structure is held.
fn always_on(graph: &Graph, layer: &LayerDef) -> bool {
    let Some(node) = layer.active.and_then(|id| graph.node(graph.carried(id))) else {
        return true;
    };
    let held = |id: &NodeId| {
        let op = graph.node(*id).map(|n| &n.op);
        matches!(
            op,
            Some(Op::Book {
                what: BookObs::Positions,
                ..
            })
        )
    };
    matches!(node.op, Op::Compare(_)) && node.inputs.iter().any(held)
}

/// One end of a stretch: the number, and how the text calls it.
#[derive(Clone, Debug)]
struct End {
    at: f64,
    text: String,
}

/// Values from one end to the other. Whether the ends belong to it does not matter here: no finding is about one point.
#[derive(Clone, Debug)]
struct Stretch {
    lo: End,
    hi: End,
}

impl Stretch {
    fn all() -> Self {
        let end = |at| End {
            at,
            text: String::new(),
        };
        Self {
            lo: end(f64::NEG_INFINITY),
            hi: end(f64::INFINITY),
        }
    }

    fn and(self, other: Self) -> Self {
        Self {
            lo: if other.lo.at > self.lo.at {
                other.lo
            } else {
                self.lo
            },
            hi: if other.hi.at < self.hi.at {
                other.hi
            } else {
                self.hi
            },
        }
    }
}

/// A layer that one value switches.
struct Shell<'a> {
    key: &'a str,
    span: Span,
    /// Where it is switched on.
    on: Stretch,
    /// Where it can be on: its latch keeps it a little longer. None where what releases it is another matter.
    held: Option<Stretch>,
}

fn shell<'a>(graph: &Graph, layer: &'a LayerDef) -> Option<(NodeId, Shell<'a>)> {
    if always_on(graph, layer) {
        return None;
    }
    let node = graph.node(graph.carried(layer.active?))?;
    let (of, on, held) = match (&node.op, node.inputs.as_slice()) {
        (Op::Until, [on, off]) => {
            let (of, on) = stretch(graph, *on)?;
            let held = stretch(graph, *off)
                .filter(|(other, _)| *other == of)
                .and_then(|(_, off)| kept(&on, off));
            (of, on, held)
        }
        _ => {
            let (of, on) = stretch(graph, graph.carried(layer.active?))?;
            (of, on.clone(), Some(on))
        }
    };
    let shell = Shell {
        key: &layer.key,
        span: node.span,
        on,
        held,
    };
    Some((of, shell))
}

/// Where a latch can be on that is set in one stretch and released in another, which lies to one side of it.
fn kept(on: &Stretch, off: Stretch) -> Option<Stretch> {
    if off.lo.at.is_finite() && off.hi.at.is_infinite() && off.lo.at >= on.hi.at {
        return Some(Stretch {
            lo: on.lo.clone(),
            hi: off.lo,
        });
    }
    if off.hi.at.is_finite() && off.lo.at.is_infinite() && off.hi.at <= on.lo.at {
        return Some(Stretch {
            lo: off.hi,
            hi: on.hi.clone(),
        });
    }
    None
}

/// The values for which a condition holds, where it is about one value and numbers that the text states.
fn stretch(graph: &Graph, id: NodeId) -> Option<(NodeId, Stretch)> {
    let node = graph.node(graph.carried(id))?;
    match (&node.op, node.inputs.as_slice()) {
        (Op::For(_), [on]) => stretch(graph, *on),
        (Op::And, parts) => {
            let mut parts = parts.iter().map(|p| stretch(graph, *p));
            let (of, first) = parts.next()??;
            let all = parts.try_fold(first, |held, part| {
                let (other, part) = part?;
                (other == of).then(|| held.and(part))
            })?;
            Some((of, all))
        }
        (Op::InRange, [x, lo, hi]) => {
            let (lo, hi) = (end(graph, *lo)?, end(graph, *hi)?);
            Some((value(graph, *x), Stretch { lo, hi }))
        }
        (Op::Compare(cmp), [a, b]) => {
            let (x, cmp, bound) = match (end(graph, *a), end(graph, *b)) {
                (None, Some(bound)) => (*a, *cmp, bound),
                (Some(bound), None) => (*b, cmp.mirrored(), bound),
                _ => return None,
            };
            let all = Stretch::all();
            let on = match cmp {
                Cmp::Lt | Cmp::Le => Stretch { hi: bound, ..all },
                Cmp::Gt | Cmp::Ge => Stretch { lo: bound, ..all },
                Cmp::Eq | Cmp::Ne => return None,
            };
            Some((value(graph, x), on))
        }
        _ => None,
    }
}

/// The value itself, whatever clock it is read on.
fn value(graph: &Graph, mut id: NodeId) -> NodeId {
    while let Some((Op::AsOf | Op::SessionLast, Some(input))) =
        graph.node(id).map(|n| (&n.op, n.inputs.first()))
    {
        if *input >= id {
            break;
        }
        id = *input;
    }
    id
}

/// A number that the text states: of a threshold its default.
fn end(graph: &Graph, id: NodeId) -> Option<End> {
    let node = graph.node(id)?;
    let at = match node.op {
        Op::Number(x) => x,
        Op::Threshold(slot) => graph.thresholds.get(usize::try_from(slot.0).ok()?)?.default,
        _ => return None,
    };
    Some(End {
        at,
        text: node.text.clone(),
    })
}

/// Two layers that are both switched on in a stretch that belongs to neither alone.
fn overlaps(value: &str, shells: &[Shell<'_>], findings: &mut Vec<Diagnostic>) {
    for (i, lower) in shells.iter().enumerate() {
        let partly = |s: &&Shell<'_>| {
            lower.on.lo.at < s.on.lo.at && s.on.lo.at < lower.on.hi.at && lower.on.hi.at < s.on.hi.at
        };
        let Some(upper) = shells.iter().skip(i + 1).find(partly) else {
            continue;
        };
        let (lo, hi) = (&upper.on.lo.text, &lower.on.hi.text);
        let message = format!(
            "the layers `{}` and `{}` are both switched on while `{value}` lies between `{lo}` and `{hi}`",
            lower.key, upper.key
        );
        findings.push(
            Diagnostic::warning(codes::LAYER_OVERLAP, upper.span, message)
                .label(format!("on from `{lo}`"))
                .also(lower.span, format!("on up to `{hi}`"))
                .help("let the ranges meet at one level, or let the one hold the other if the layers are to stack"),
        );
    }
}

/// Stretches between layers where none of them can be on.
fn gaps(value: &str, shells: &[Shell<'_>], findings: &mut Vec<Diagnostic>) {
    let Some(mut held) = shells
        .iter()
        .map(|s| s.held.as_ref().map(|h| (h, s)))
        .collect::<Option<Vec<_>>>()
    else {
        return;
    };
    held.sort_by(|a, b| a.0.lo.at.total_cmp(&b.0.lo.at));
    let mut before: Option<(&Stretch, &Shell<'_>)> = None;
    for (stretch, shell) in held {
        let Some((reach, lower)) = before else {
            before = Some((stretch, shell));
            continue;
        };
        if reach.hi.at < stretch.lo.at {
            let (lo, hi) = (&reach.hi.text, &stretch.lo.text);
            let message = format!(
                "neither `{}` nor `{}` is on while `{value}` lies between `{lo}` and `{hi}`",
                lower.key, shell.key
            );
            findings.push(
                Diagnostic::warning(codes::LAYER_GAP, shell.span, message)
                    .label(format!("on from `{hi}`"))
                    .also(lower.span, format!("on up to `{lo}`"))
                    .help("let the ranges meet at one level; nothing is bought in between, and what was held is sold"),
            );
        }
        if stretch.hi.at > reach.hi.at {
            before = Some((stretch, shell));
        }
    }
}
