//! Findings of the defined-risk certificate: packages without a bound, and rolls that raise it.

use crate::certificate::{Bounded, DOLLARS_A_POINT, Owned, Reached, certificate, words::broken};
use crate::diagnostic::{Diagnostic, codes};
use crate::draw::words::grouped;
use crate::graph::{Graph, RuleAction, SizeBasis, SizeDef};

pub(super) fn lint(graph: &Graph, findings: &mut Vec<Diagnostic>) {
    let certificate = certificate(graph);
    for owned in &certificate.owned {
        unbounded(owned, findings);
        raised(graph, owned, findings);
    }
    for (key, instrument, span) in &certificate.overlays {
        findings.push(
            Diagnostic::warning(
                codes::NO_LOSS_BOUND,
                *span,
                format!("`{key}` can lose without bound: a future on `{instrument}` is held on either side"),
            )
            .help(ALLOW),
        );
    }
}

const ALLOW: &str = "if that is meant, write `#allow(no-loss-bound) because \"…\"` before the item";

/// Packages that nothing bounds, as opened; of rolls only what they add.
fn unbounded(owned: &Owned, findings: &mut Vec<Diagnostic>) {
    let Some(found) = owned
        .reached
        .iter()
        .find_map(|r| Some((r, r.bound.as_ref().err()?)))
    else {
        return;
    };
    let (reached, breaks) = found;
    let Some((first, others)) = breaks.split_first() else {
        return;
    };
    let (message, span) = match reached.by.last() {
        None => (
            format!("`{}` can lose without bound: {}", owned.key, broken(first)),
            first.span,
        ),
        Some(rule) => (
            format!(
                "`{rule}` leaves `{}` without a bound: {}",
                owned.key,
                broken(first)
            ),
            reached.span,
        ),
    };
    let mut d = Diagnostic::warning(codes::NO_LOSS_BOUND, span, message);
    for other in others {
        d = d.also(other.span, broken(other));
    }
    let help = format!("buy a wing that settles with it; {ALLOW}");
    findings.push(d.help(if owned.cut { ALLOW.to_owned() } else { help }));
}

/// Rolls after which more can be lost than by what was opened, where lots were chosen by that.
fn raised(graph: &Graph, owned: &Owned, findings: &mut Vec<Diagnostic>) {
    let policies = graph.policies.iter().filter(|p| p.structure == owned.structure);
    let by_loss = policies.flat_map(|p| &p.rules).find(|r| {
        matches!(
            r.action,
            RuleAction::Open {
                size: SizeDef::Budget {
                    by: SizeBasis::MaxLoss,
                    ..
                },
                ..
            }
        )
    });
    let (Some(open), Some(opened)) = (by_loss, owned.reached.first()) else {
        return;
    };
    let points = |r: &Reached| {
        r.bound
            .as_ref()
            .ok()
            .and_then(|b: &Bounded| b.points)
            .map(|p| p.1)
    };
    let Some(before) = points(opened) else { return };
    for reached in owned.reached.iter().skip(1) {
        // What a second roll raises was said of the first.
        let (Some(after), [rule]) = (points(reached), reached.by.as_slice()) else {
            continue;
        };
        if after <= before {
            continue;
        }
        let d = DOLLARS_A_POINT;
        let message = format!(
            "`{rule}` can raise what a lot of `{}` loses at most from ${} to ${}",
            owned.key,
            grouped(before * d),
            grouped(after * d)
        );
        findings.push(
            Diagnostic::warning(codes::ROLL_RAISES_RISK, reached.span, message)
                .label("the two sides can then lose both")
                .also(open.span, "the lots are chosen by the smaller loss")
                .help("roll the tested side to the same expiry, or the whole (`recentred`); else choose lots for twice the loss"),
        );
    }
}
