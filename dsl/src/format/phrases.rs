//! The parts that clauses are made of: strikes, expiries, sizes, prices, switches.

use super::expr::{amount_range_text, amount_text, leg_text, literal_text, right_text, side_text};
use super::pieces::{Line, rank};
use crate::ast::{
    Amount, Anchor, Direction, ExpirySelector, Expr, ExprKind, LegClause, LimitPrice, LitUnit, OnUnknown,
    RollStrikes, RollTarget, SizeExpr, StrikeSelector,
};
use crate::span::Span;

/// Width of the keyword column in layers and overlays: `migrate` and `require`.
pub(super) const KEYWORD: usize = 7;

pub(super) const fn unknown_text(u: OnUnknown) -> &'static str {
    match u {
        OnUnknown::Hold => "unknown hold",
        OnUnknown::Act => "unknown act",
    }
}

pub(super) fn nearest(e: &ExpirySelector) -> String {
    match e {
        ExpirySelector::Same => "same expiry".to_owned(),
        ExpirySelector::Nearest { dte, window, only } => {
            let mut out = amount_text(dte);
            if let Some((lo, hi)) = window {
                out.push_str(&format!(" in {}", amount_range_text(lo, hi)));
            }
            if let Some(only) = only {
                out.push_str(&format!(" only {}", only.value));
            }
            out
        }
    }
}

pub(super) fn strike(line: &mut Line, s: &StrikeSelector) {
    match s {
        StrikeSelector::At(amount) => {
            line.word(format!("at {}", amount_text(amount)));
            if matches!(amount, Amount::Literal(l) if l.unit == LitUnit::Percent) {
                line.word("otm");
            }
        }
        StrikeSelector::AtWord(w) => line.word(format!("at {}", w.value)),
        StrikeSelector::SameAs(leg) => line.word(format!("at strike of {}", leg_text(leg))),
        StrikeSelector::Formula(e) => {
            line.word("at strike");
            line.expr(e);
        }
        StrikeSelector::Offset {
            amount,
            direction,
            anchor,
            about,
        } => {
            let way = if *direction == Direction::Above {
                "above"
            } else {
                "below"
            };
            let anchor = match anchor {
                Anchor::Leg(leg) => leg_text(leg),
                Anchor::Word(w) => w.value.clone(),
            };
            let about = if *about { "about " } else { "" };
            line.word(format!("{about}{} {way} {anchor}", amount_text(amount)));
        }
    }
}

/// What a clause of a shape begins with; the rest is aligned behind it.
pub(super) fn clause_head(clause: &LegClause) -> String {
    match clause {
        LegClause::Expiry(_) => "expiry".to_owned(),
        LegClause::Wings(_) => "wings".to_owned(),
        LegClause::Strike(_) => "strike".to_owned(),
        LegClause::Month { side, .. } => format!("{} month", side_text(*side)),
        LegClause::Shares { side, .. } => side_text(*side).to_owned(),
        LegClause::Leg { leg, ratio, .. } => {
            let whole = leg_text(leg);
            let side = side_text(leg.side);
            match (ratio, whole.strip_prefix(side)) {
                (Some(n), Some(rest)) => format!("{side} {}{rest}", literal_text(n)),
                _ => whole,
            }
        }
    }
}

pub(super) fn clause_tail(line: &mut Line, clause: &LegClause) {
    match clause {
        LegClause::Expiry(e) => line.word(format!("nearest {}", nearest(e))),
        LegClause::Wings(a) => line.word(amount_text(a)),
        LegClause::Strike(s) => strike(line, s),
        LegClause::Month { month, .. } => line.word(literal_text(month)),
        LegClause::Shares { count, .. } => line.word(format!("{} shares", literal_text(count))),
        LegClause::Leg {
            strike: s, expiry, ..
        } => {
            strike(line, s);
            if let Some(e) = expiry {
                line.comma();
                line.word(format!("expiry nearest {}", nearest(e)));
            }
        }
    }
}

pub(super) fn size(line: &mut Line, s: &SizeExpr) {
    match s {
        SizeExpr::Lots(a) => line.word(amount_text(a)),
        SizeExpr::Budget { amount, by } => {
            line.expr(amount);
            line.break_word(format!("by {}", by.value), rank::CLAUSE);
        }
        SizeExpr::Of(e) => {
            // A bare name or number of lots would be read as a count of lots.
            let lots = match &e.kind {
                ExprKind::Name(_) => true,
                ExprKind::Literal(l) => l.unit == LitUnit::Lots,
                _ => false,
            };
            if lots { line.bracketed(e) } else { line.expr(e) }
        }
        SizeExpr::Scale { lo, hi, by, step } => {
            line.word(format!(
                "scale {} of target by {}",
                amount_range_text(lo, hi),
                by.value
            ));
            if let Some(step) = step {
                line.comma();
                line.word(format!("step at most {} per day", amount_text(step)));
            }
        }
    }
}

pub(super) fn limit(line: &mut Line, l: &LimitPrice) {
    match l {
        LimitPrice::Market => line.word("market"),
        LimitPrice::Mid => line.word("mid"),
        LimitPrice::Natural => line.word("natural"),
        LimitPrice::At(e) => {
            let word =
                matches!(&e.kind, ExprKind::Name(n) if matches!(n.as_str(), "market" | "mid" | "natural"));
            if word { line.bracketed(e) } else { line.expr(e) }
        }
    }
}

pub(super) fn clause(word: &str, fill: impl FnOnce(&mut Line)) -> Line {
    let mut line = Line::new(word);
    fill(&mut line);
    line
}

pub(super) fn span_of_amount(a: &Amount) -> Span {
    match a {
        Amount::Literal(l) => l.span,
        Amount::Name(n) => n.span,
    }
}

/// Where the text of a size ends in the source; `None` where the tree does not know.
pub(super) fn end_of_size(s: &SizeExpr) -> Option<u32> {
    Some(match s {
        SizeExpr::Lots(a) => span_of_amount(a).end,
        SizeExpr::Budget { by, .. } => by.span.end,
        SizeExpr::Of(e) => e.span.end,
        SizeExpr::Scale { by, step: None, .. } => by.span.end,
        SizeExpr::Scale { step: Some(_), .. } => return None,
    })
}

pub(super) fn keyword(word: &str, fill: impl FnOnce(&mut Line)) -> Line {
    clause(&format!("{word:KEYWORD$}"), fill)
}

pub(super) fn budget(word: &str, amount: &Expr, per: &str) -> Line {
    let mut line = Line::new(word);
    line.expr(amount);
    line.break_word(format!("per {per}"), rank::CLAUSE);
    line
}

pub(super) fn switch(line: &mut Line, when: &Expr, until: Option<&Expr>) {
    line.word("when");
    line.expr(when);
    if let Some(off) = until {
        line.break_word("until", rank::UNTIL);
        // A second `until` would be read as this one's.
        if matches!(off.kind, ExprKind::Until(..)) {
            line.bracketed(off)
        } else {
            line.expr(off)
        }
    }
}

pub(super) fn roll_target(to: &RollTarget) -> Line {
    let mut line = Line::new(format!("to {}", nearest(&to.expiry)));
    line.comma();
    match &to.strikes {
        RollStrikes::Recentred => line.word("recentred"),
        RollStrikes::Same => line.word("same strikes"),
        RollStrikes::Tested(s) => {
            line.word("tested side");
            strike(&mut line, s);
        }
        RollStrikes::Side(right, s) => {
            line.word(format!("{} side", right_text(*right)));
            strike(&mut line, s);
        }
    }
    line
}
