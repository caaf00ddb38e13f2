//! Legs of the position or package at hand: `short.delta`, `long put.strike`.

use super::Checker;
use super::value::{Place, Val};
use crate::ast::{Expr, Ident, LegRef, Right, Side};
use crate::builtin::{LegPick, PositionObs};
use crate::diagnostic::{Diagnostic, codes};
use crate::graph::{Domain, LegDef};
use crate::reference;
use crate::resolve::suggest::{did_you_mean, one_of};

impl Checker<'_> {
    pub(super) fn leg_field(&mut self, e: &Expr, leg: &LegRef, field: &Ident, place: Place) -> Option<Val> {
        let observe = match field.value.as_str() {
            "delta" => PositionObs::LegDelta,
            "strike" => PositionObs::LegStrike,
            "price" => PositionObs::LegPrice,
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
        // A structure without legs is a wrong one, which was reported.
        let structure = self.structures.get(hand.structure.0 as usize)?;
        let structure = Some(structure).filter(|s| !s.legs.is_empty())?;
        let words = leg_words(leg);
        let fits = |l: &LegDef| {
            l.side == leg.side && l.right.is_some() && (leg.right.is_none() || l.right == leg.right)
        };
        let count = structure.legs.iter().filter(|l| fits(l)).count();
        let own = structure.legs.iter().position(|l| fits(l) && l.name == words);
        let found = match (&leg.name, leg.right, own) {
            (None, None, _) => count > 0,
            (None, Some(_), _) if count == 1 => true,
            (_, _, own) => own.is_some(),
        };
        if !found {
            let (key, span) = (structure.key.clone(), structure.span);
            let legs = structure.legs.iter();
            let legs: Vec<&LegDef> = legs.filter(|l| count == 0 || fits(l)).collect();
            let names: Vec<&str> = legs.iter().map(|l| l.name.as_str()).collect();
            let several = count > 0 && leg.name.is_none();
            let message = if several {
                format!("`{words}` could be any of several legs of `{key}`")
            } else {
                format!("`{key}` has no leg `{words}`")
            };
            let near = did_you_mean(&words, names.iter().copied()).filter(|_| !several);
            let help = near.unwrap_or_else(|| format!("write {}", one_of(&names)));
            let d = Diagnostic::error(codes::UNKNOWN_LEG, leg.span, message)
                .also(span, "the structure")
                .help(help);
            return self.fail(d);
        }
        let pick = LegPick {
            side: leg.side,
            right: leg.right,
            // A leg that side and right tell apart is the same observable, however it is written.
            leg: own.filter(|_| count > 1).and_then(|i| u8::try_from(i).ok()),
        };
        self.of_position(observe(pick), hand, domain, e.span)
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
