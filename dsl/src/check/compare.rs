//! Comparisons: both sides in one unit, and a level never against a change.

use super::Checker;
use super::value::{Affine, Place, Val, with_unit};
use crate::ast::{BinaryOp, Direction, Expr, ExprKind, LitUnit, Literal, UnaryOp};
use crate::diagnostic::{Diagnostic, codes};
use crate::graph::{Cmp, Domain, Op, ValueKind};
use crate::unit::Unit;

/// A checked operand.
type Side = (Val, Unit);

impl Checker<'_> {
    pub(super) fn comparison(
        &mut self,
        e: &Expr,
        op: BinaryOp,
        a: &Expr,
        b: &Expr,
        place: Place,
        key: &str,
    ) -> Option<Val> {
        let cmp = match op {
            BinaryOp::Lt | BinaryOp::Below => Cmp::Lt,
            BinaryOp::Le => Cmp::Le,
            BinaryOp::Gt | BinaryOp::Above => Cmp::Gt,
            BinaryOp::Ge => Cmp::Ge,
            BinaryOp::Eq => Cmp::Eq,
            _ => Cmp::Ne,
        };
        let b = self.vote_total(a, b, place)?;
        self.pair_condition(Op::Compare(cmp), e, a, b, place, key)
    }

    /// A condition on two quantities that must be comparable.
    fn pair_condition(
        &mut self,
        op: Op,
        e: &Expr,
        a: &Expr,
        b: &Expr,
        place: Place,
        key: &str,
    ) -> Option<Val> {
        let (x, y) = self.comparable(a, b, "compare", place, key)?;
        let (inputs, clock) = self.builder.align(&[x.id, y.id]);
        let origin = self.origin(key, e);
        let id = self
            .builder
            .emit(op, inputs, ValueKind::Bool, clock, Domain::Market, origin);
        Some(Val::free(id))
    }

    pub(super) fn crosses(
        &mut self,
        e: &Expr,
        direction: Direction,
        a: &Expr,
        b: &Expr,
        place: Place,
        key: &str,
    ) -> Option<Val> {
        self.pair_condition(Op::Crosses(direction), e, a, b, place, key)
    }

    pub(super) fn in_range(&mut self, e: &Expr, parts: [&Expr; 3], place: Place, key: &str) -> Option<Val> {
        let [x, lo, hi] = parts;
        let a = self.quantity(x, place, &format!("{key}.0"));
        let l = self.quantity(lo, place, &format!("{key}.1"));
        let h = self.quantity(hi, place, &format!("{key}.2"));
        let (mut a, mut l, mut h) = (a?, l?, h?);
        self.same_unit((&mut a, x), (&mut l, lo), "compare", key)?;
        self.same_unit((&mut a, x), (&mut h, hi), "compare", key)?;
        self.level_and_change((a.0, x), (l.0, lo))?;
        self.level_and_change((a.0, x), (h.0, hi))?;
        if let (Some(from), Some(to)) = (self.builder.constant(l.0.id), self.builder.constant(h.0.id))
            && from > to
        {
            let (from, to) = (self.text(lo.span), self.text(hi.span));
            let d = Diagnostic::error(
                codes::RANGE_INVERTED,
                lo.span.to(hi.span),
                format!("the range `{from}..{to}` contains nothing"),
            )
            .label("the lower end is above the upper end")
            .help(format!("write `{to}..{from}`"));
            return self.fail(d);
        }
        let (inputs, clock) = self.builder.align(&[a.0.id, l.0.id, h.0.id]);
        let origin = self.origin(key, e);
        Some(Val::free(self.builder.emit(
            Op::InRange,
            inputs,
            ValueKind::Bool,
            clock,
            Domain::Market,
            origin,
        )))
    }

    fn comparable(&mut self, a: &Expr, b: &Expr, verb: &str, place: Place, key: &str) -> Option<(Val, Val)> {
        let [mut x, mut y] = self.both(a, b, place, key)?;
        self.same_unit((&mut x, a), (&mut y, b), verb, key)?;
        self.level_and_change((x.0, a), (y.0, b))?;
        Some((x.0, y.0))
    }

    /// Brings two operands to one unit: a bare zero takes the other's. Anything else must agree.
    pub(super) fn same_unit(
        &mut self,
        (x, a): (&mut Side, &Expr),
        (y, b): (&mut Side, &Expr),
        verb: &str,
        key: &str,
    ) -> Option<Unit> {
        if x.1 == y.1 {
            return Some(x.1);
        }
        if y.0.zero {
            *y = (self.zero(x.1, b, &format!("{key}.1")), x.1);
            return Some(x.1);
        }
        if x.0.zero {
            *x = (self.zero(y.1, a, &format!("{key}.0")), y.1);
            return Some(y.1);
        }
        let (left, right) = (x.1, y.1);
        let fix = self.fix_for(b, left).or_else(|| self.fix_for(a, right));
        let fix = fix.unwrap_or_else(|| general_fix(left, right));
        let joint = match verb {
            "compare" => "with",
            "add" => "and",
            _ => "from",
        };
        let (first, second) = if verb == "subtract" {
            (right, left)
        } else {
            (left, right)
        };
        // The operand that looks unfinished is the one to point at.
        let (wrong, other) = if is_bare(a) && !is_bare(b) {
            ((a, left), (b, right))
        } else {
            ((b, right), (a, left))
        };
        let d = Diagnostic::error(
            codes::UNIT_MISMATCH,
            wrong.0.span,
            format!("cannot {verb} {first} {joint} {second}"),
        )
        .label(format!("this is {}", wrong.1))
        .also(other.0.span, format!("this is {}", other.1))
        .help(fix);
        self.fail(d)
    }

    /// A level and a change of it share a unit and still cannot be compared.
    fn level_and_change(&mut self, (x, a): (Val, &Expr), (y, b): (Val, &Expr)) -> Option<()> {
        let (level, change) = match (x.affine, y.affine) {
            (Affine::Level, Affine::Change) => (a, b),
            (Affine::Change, Affine::Level) => (b, a),
            _ => return Some(()),
        };
        let (l, c) = (self.text(level.span), self.text(change.span));
        let d = Diagnostic::error(
            codes::LEVEL_AGAINST_CHANGE,
            change.span,
            format!("cannot compare the level `{l}` with the change `{c}`"),
        )
        .label("this is a change")
        .also(level.span, "this is a level")
        .help(format!(
            "compare the change with an amount, or the level with a level such as `lag({l}, 1) + …`"
        ));
        self.fail(d)
    }

    /// What to write so that a bare literal has the wanted unit.
    pub(super) fn fix_for(&self, e: &Expr, unit: Unit) -> Option<String> {
        let text = self.text(e.span);
        let l = bare_literal(e)?;
        if l.unit == LitUnit::Percent && unit != Unit::NONE {
            let digits = text.trim_end_matches('%').trim().to_owned();
            if unit == Unit::USD {
                return Some(format!(
                    "say of what: `{text} of credit`, or write dollars: `${digits}`"
                ));
            }
            return with_unit(&digits, l.number, unit)
                .map(|w| format!("a percentage needs a base: `{text} of …`; an amount is written `{w}`"));
        }
        if l.unit != LitUnit::None {
            return None;
        }
        with_unit(&text, l.number, unit).map(|w| format!("write `{w}`"))
    }

    /// `votes >= 2 of 4`: the total is checked and dropped.
    fn vote_total<'e>(&mut self, a: &Expr, b: &'e Expr, place: Place) -> Option<&'e Expr> {
        let is_votes = matches!(&a.kind, ExprKind::Name(n) if n == "votes");
        let ExprKind::Binary(BinaryOp::Of, n, total) = &b.kind else {
            return Some(b);
        };
        let (true, Place::Layer(Some((_, count)))) = (is_votes, place) else {
            return Some(b);
        };
        let written = match &total.kind {
            ExprKind::Literal(l) if l.unit == LitUnit::None => Some(l.number),
            _ => None,
        };
        #[expect(clippy::cast_precision_loss, reason = "a layer has far fewer votes than 2^53")]
        let have = count as f64;
        if written.is_some_and(|w| w.total_cmp(&have).is_eq()) {
            return Some(n);
        }
        let text = self.text(total.span);
        let votes = if count == 1 { "vote" } else { "votes" };
        let message = format!("this layer has {count} {votes}, not {text}");
        self.error(
            codes::VOTE_COUNT,
            total.span,
            message,
            format!("write `{} of {count}`", self.text(n.span)),
        )
    }
}

fn general_fix(left: Unit, right: Unit) -> String {
    let has = |u: Unit| left == u || right == u;
    if has(Unit::USD) && has(Unit::PTS) {
        return "compare premiums in points with `credit_points`, and money with money such as `credit` or `notional(core)`"
            .to_owned();
    }
    if has(Unit::VOL) && has(Unit::PTS) {
        return "compare ratios instead, each side divided by a value of its own unit".to_owned();
    }
    "bring both sides to one unit: divide each by a quantity of its own, or say what share of what is meant"
        .to_owned()
}

/// The literal that an expression is, a minus sign aside.
fn bare_literal(e: &Expr) -> Option<&Literal> {
    match &e.kind {
        ExprKind::Literal(l) => Some(l),
        ExprKind::Unary(UnaryOp::Neg, inner) => bare_literal(inner),
        _ => None,
    }
}

fn is_bare(e: &Expr) -> bool {
    bare_literal(e).is_some()
}
