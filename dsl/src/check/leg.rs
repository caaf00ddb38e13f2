//! Legs of the position or package at hand: `short.delta`, `long put.strike`.

use super::Checker;
use super::value::{Place, Val};
use crate::ast::{Expr, Ident, LegRef, Right, Side};
use crate::builtin::{LegPick, PositionObs};
use crate::diagnostic::{Diagnostic, codes};
use crate::graph::Domain;
use crate::reference;
use crate::resolve::suggest::{did_you_mean, one_of};

impl Checker<'_> {
    pub(super) fn leg_field(&mut self, e: &Expr, leg: &LegRef, field: &Ident, place: Place) -> Option<Val> {
        let pick = LegPick {
            side: leg.side,
            right: leg.right,
        };
        let obs = match field.value.as_str() {
            "delta" => PositionObs::LegDelta(pick),
            "strike" => PositionObs::LegStrike(pick),
            "price" => PositionObs::LegPrice(pick),
            _ => {
                let names: Vec<&str> = reference::LEG_FIELDS.iter().map(|f| f.name).collect();
                let help = did_you_mean(&field.value, names.iter().copied())
                    .unwrap_or_else(|| format!("write {}", one_of(&names)));
                let message = format!("a leg has no `{}`", field.value);
                return self.error(codes::UNKNOWN_FIELD, field.span, message, help);
            }
        };
        let (hand, domain) = match place {
            Place::Position(hand) => (hand, Domain::Position),
            Place::Candidate(hand) => (hand, Domain::Candidate),
            _ => {
                let text = self.text(leg.span);
                let message =
                    format!("`{text}` speaks of a leg of one position or package, and there is none here");
                let help = "move it to `when` of a `close` or `roll`, or to `require`";
                return self.error(codes::WRONG_CONTEXT, e.span, message, help);
            }
        };
        let structure = self.structures.get(hand.structure.0 as usize)?;
        let fits = |l: &&crate::graph::LegDef| {
            l.side == leg.side && l.right.is_some() && (leg.right.is_none() || l.right == leg.right)
        };
        let count = structure.legs.iter().filter(fits).count();
        let (key, span) = (structure.key.clone(), structure.span);
        let names: Vec<String> = structure.legs.iter().map(|l| l.name.clone()).collect();
        let words = leg_words(leg);
        if count == 0 {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let d = Diagnostic::error(
                codes::UNKNOWN_LEG,
                leg.span,
                format!("`{key}` has no leg `{words}`"),
            )
            .also(span, "the structure")
            .help(format!("its legs are {}", one_of(&names)));
            return self.fail(d);
        }
        if leg.name.is_some() || (leg.right.is_some() && count > 1) {
            let help =
                "rules speak of a leg by side and right alone; `short` without a right is the tested one";
            let message = format!("`{words}` of `{key}` cannot be told apart in a rule");
            return self.error(codes::UNKNOWN_LEG, leg.span, message, help);
        }
        self.of_position(obs, hand, domain, e.span)
    }
}

/// `short put far`
pub(super) fn leg_words(leg: &LegRef) -> String {
    let side = side_word(leg.side);
    let right = leg
        .right
        .map(|r| format!(" {}", right_word(r)))
        .unwrap_or_default();
    let name = leg
        .name
        .as_ref()
        .map(|n| format!(" {}", n.value))
        .unwrap_or_default();
    format!("{side}{right}{name}")
}

pub(super) const fn side_word(side: Side) -> &'static str {
    match side {
        Side::Long => "long",
        Side::Short => "short",
    }
}

pub(super) const fn right_word(right: Right) -> &'static str {
    match right {
        Right::Put => "put",
        Right::Call => "call",
    }
}
