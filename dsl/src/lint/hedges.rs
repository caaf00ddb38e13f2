//! Layers that work against each other, and targets outside their own band.

use super::interval::intervals;
use crate::builtin::BookObs;
use crate::diagnostic::{Diagnostic, codes};
use crate::graph::{Arith, Graph, HedgeDef, LegDef, NodeId, Op, StrikeAnchor, StrikePick, StructureDef};

pub(super) fn lint(graph: &Graph, findings: &mut Vec<Diagnostic>) {
    fights(graph, findings);
    for hedge in &graph.hedges {
        outside(graph, hedge, findings);
    }
}

/// Two layers, of any hedge, that own one contract the other way round: whichever comes first keeps the other out.
fn fights(graph: &Graph, findings: &mut Vec<Diagnostic>) {
    let layers: Vec<_> = graph
        .hedges
        .iter()
        .flat_map(|h| &h.layers)
        .filter_map(|l| Some((l, graph.structures.get(l.own?.0 as usize)?)))
        .collect();
    for (at, (layer, owned)) in layers.iter().enumerate() {
        let earlier = layers.iter().take(at);
        let Some((other, leg)) = earlier
            .filter_map(|(other, theirs)| Some((*other, opposite(owned, theirs)?)))
            .next()
        else {
            continue;
        };
        let message = format!(
            "the layers `{}` and `{}` own one contract, bought in one and sold in the other",
            other.key, layer.key
        );
        let d = Diagnostic::warning(codes::LAYERS_FIGHT, leg.span, message)
            .also(other.span, "the other layer")
            .help("a broker nets by contract, so the later order is refused: choose another strike or expiry for one of them");
        findings.push(d);
    }
}

/// The first leg of a structure that the other has the other way round, by the same words.
fn opposite<'a>(a: &'a StructureDef, b: &StructureDef) -> Option<&'a LegDef> {
    let alone = |s: &StrikePick| {
        !matches!(
            s,
            StrikePick::Offset {
                anchor: StrikeAnchor::Leg(_),
                ..
            } | StrikePick::SameAs(_)
        )
    };
    let against = |x: &LegDef, y: &LegDef| {
        x.right == y.right
            && x.side != y.side
            && x.month == y.month
            && (x.right.is_none() || (x.expiry == y.expiry && x.strike == y.strike && alone(&x.strike)))
    };
    (a.underlying == b.underlying).then_some(())?;
    a.legs.iter().find(|x| b.legs.iter().any(|y| against(x, y)))
}

/// `target vega = 50% of vega(core) within 30%..40%`: the hedge is never where it aims at.
fn outside(graph: &Graph, hedge: &HedgeDef, findings: &mut Vec<Diagnostic>) {
    let Some((greek, amount, Some((lo, hi)))) = hedge.target else {
        return;
    };
    let at = |id: NodeId| graph.node(id);
    let Some((Op::Arith(Arith::Mul), [a, b])) = at(amount).map(|n| (&n.op, n.inputs.as_slice())) else {
        return;
    };
    let own = |id: NodeId| {
        matches!(at(id).map(|n| &n.op), Some(Op::Book { what: BookObs::Greek(g), of: Some(s) })
            if *g == greek && *s == hedge.structure)
    };
    let share = match (own(*a), own(*b)) {
        (false, true) => *a,
        (true, false) => *b,
        _ => return,
    };
    let all = intervals(graph);
    let of = |id: NodeId| all.get(id.0 as usize).copied();
    let (Some(share_at), Some(low), Some(high)) = (of(share), of(lo), of(hi)) else {
        return;
    };
    if share_at.hi >= low.lo && share_at.lo <= high.hi {
        return;
    }
    let text = |id: NodeId| at(id).map(|n| n.text.clone()).unwrap_or_default();
    let message = format!(
        "the target `{}` lies outside its band `{}..{}`",
        text(share),
        text(lo),
        text(hi)
    );
    let span = at(amount).map_or(hedge.span, |n| n.span);
    findings.push(
        Diagnostic::warning(codes::TARGET_OUTSIDE_BAND, span, message)
            .label(format!("the share is {share_at}"))
            .help("choose a band around the target: layers buy up to the target and are cut above the band"),
    );
}
