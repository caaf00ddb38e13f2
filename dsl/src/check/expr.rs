//! Expressions: which node a piece of text is.

use super::Checker;
use super::value::{Affine, Place, Val, kind_text, number};
use crate::ast::{BinaryOp, Direction, EventSide, Expr, ExprKind, Ident, LitUnit, Literal, UnaryOp};
use crate::diagnostic::{Diagnostic, codes};
use crate::graph::{Arith, Clock, Domain, NodeId, Op, ValueKind};
use crate::unit::Unit;

impl Checker<'_> {
    /// Checks an expression that stands at `place`; its nodes get keys under `key`.
    pub(super) fn expr(&mut self, e: &Expr, place: Place, key: &str) -> Option<Val> {
        match &e.kind {
            ExprKind::Literal(l) => self.literal(l, key),
            ExprKind::Text(_) => {
                let help = "texts stand in `feed(\"…\")`, `alert \"…\"` and `import \"…\"`";
                self.error(codes::NOT_A_NUMBER, e.span, "a text has no value", help)
            }
            ExprKind::Name(name) => self.name(name, e, place),
            ExprKind::Leg(leg) => {
                let text = self.text(leg.span);
                let help = format!("write `{text}.delta`, `{text}.strike` or `{text}.price`");
                self.error(
                    codes::WRONG_KIND_OF_NAME,
                    e.span,
                    format!("`{text}` is a leg, not a number"),
                    help,
                )
            }
            ExprKind::Field(inner, field) => self.field(e, inner, field, place, key),
            ExprKind::Index(inner, index) => self.bare_index(e, inner, index),
            ExprKind::OnBars(inner, bars) => self.on_bars(e, inner, bars),
            ExprKind::Call(name, args) => self.call(e, name, args, place, key),
            ExprKind::ScriptCall { name, args, returns } => {
                self.script_call(e, name, args, returns, place, key)
            }
            ExprKind::Unary(UnaryOp::Neg, x) => self.negative(e, x, place, key),
            ExprKind::Unary(UnaryOp::Not, x) => self.negation(e, x, place, key),
            ExprKind::Binary(op, a, b) => self.binary(e, *op, a, b, place, key),
            ExprKind::InRange(x, lo, hi) => self.in_range(e, [x, lo, hi], place, key),
            ExprKind::Within(length, side, event) => self.within(e, length, *side, event, key),
            ExprKind::For(x, n) => self.persists(e, x, n, place, key),
            ExprKind::Until(on, off) => self.latch(e, on, off, place, key),
            ExprKind::Moves {
                expr,
                direction,
                amount,
                over,
            } => self.moves(e, (expr, *direction, amount, over), place, key),
        }
    }

    /// An expression that must be a condition.
    pub(super) fn condition(&mut self, e: &Expr, place: Place, key: &str) -> Option<Val> {
        let v = self.expr(e, place, key)?;
        self.as_condition(v, e)
    }

    pub(super) fn as_condition(&mut self, v: Val, e: &Expr) -> Option<Val> {
        let kind = self.builder.kind(v.id);
        if kind == ValueKind::Bool {
            return Some(v);
        }
        let text = self.text(e.span);
        let d = Diagnostic::error(
            codes::NOT_A_CONDITION,
            e.span,
            format!("`{text}` is not a condition"),
        )
        .label(format!("this is {}", kind_text(kind)))
        .help(format!("compare it with something: `{text} > …`"));
        self.fail(d)
    }

    /// An expression that must be a number, with its unit.
    pub(super) fn quantity(&mut self, e: &Expr, place: Place, key: &str) -> Option<(Val, Unit)> {
        let v = self.expr(e, place, key)?;
        self.as_number(v, e)
    }

    pub(super) fn as_number(&mut self, v: Val, e: &Expr) -> Option<(Val, Unit)> {
        if let ValueKind::Number(unit) = self.builder.kind(v.id) {
            return Some((v, unit));
        }
        let text = self.text(e.span);
        let d = Diagnostic::error(codes::NOT_A_NUMBER, e.span, format!("`{text}` is not a number"))
            .label("this is a condition: true, false or unknown")
            .help("combine conditions with `and`, `or`, `not`; count them as votes of a hedge layer");
        self.fail(d)
    }

    /// An expression that must have this unit (a bare zero fits).
    pub(super) fn in_unit(
        &mut self,
        e: &Expr,
        unit: Unit,
        what: &str,
        place: Place,
        key: &str,
    ) -> Option<Val> {
        let (v, found) = self.quantity(e, place, key)?;
        if found == unit {
            return Some(v);
        }
        if v.zero {
            return Some(self.zero(unit, e, key));
        }
        let text = self.text(e.span);
        let mut d = Diagnostic::error(
            codes::WRONG_UNIT,
            e.span,
            format!("{what} is measured in {unit}, not in {found}"),
        )
        .label(format!("`{text}` is {found}"));
        if let Some(fix) = self.fix_for(e, unit) {
            d = d.help(fix);
        } else {
            d = d.help(format!("write an amount in {unit}"));
        }
        self.fail(d)
    }

    pub(super) fn zero(&mut self, unit: Unit, e: &Expr, key: &str) -> Val {
        let origin = self.origin(key, e);
        Val::free(self.builder.number(0.0, number(unit), origin))
    }

    fn negative(&mut self, e: &Expr, x: &Expr, place: Place, key: &str) -> Option<Val> {
        let (v, unit) = self.quantity(x, place, &format!("{key}.0"))?;
        let origin = self.origin(key, e);
        let affine = if v.affine == Affine::Change {
            Affine::Change
        } else {
            Affine::Free
        };
        let id = match self.builder.constant(v.id) {
            Some(c) => self.builder.number(-c, number(unit), origin),
            None => {
                let clock = self.builder.clock(v.id);
                self.builder
                    .emit(Op::Neg, vec![v.id], number(unit), clock, Domain::Market, origin)
            }
        };
        Some(Val {
            id,
            affine,
            zero: v.zero,
        })
    }

    fn negation(&mut self, e: &Expr, x: &Expr, place: Place, key: &str) -> Option<Val> {
        let v = self.condition(x, place, &format!("{key}.0"))?;
        let (clock, origin) = (self.builder.clock(v.id), self.origin(key, e));
        Some(Val::free(self.builder.emit(
            Op::Not,
            vec![v.id],
            ValueKind::Bool,
            clock,
            Domain::Market,
            origin,
        )))
    }

    fn binary(&mut self, e: &Expr, op: BinaryOp, a: &Expr, b: &Expr, place: Place, key: &str) -> Option<Val> {
        match op {
            BinaryOp::And | BinaryOp::Or => self.logic(e, op, place, key),
            BinaryOp::Add => self.sum(e, Arith::Add, a, b, place, key),
            BinaryOp::Sub => self.sum(e, Arith::Sub, a, b, place, key),
            BinaryOp::Mul => self.product(e, Arith::Mul, a, b, place, key),
            BinaryOp::Div => self.product(e, Arith::Div, a, b, place, key),
            BinaryOp::Of => self.share_of(e, a, b, place, key),
            BinaryOp::CrossesAbove => self.crosses(e, Direction::Above, a, b, place, key),
            BinaryOp::CrossesBelow => self.crosses(e, Direction::Below, a, b, place, key),
            _ => self.comparison(e, op, a, b, place, key),
        }
    }

    /// `a and b and c` is one node with all its conditions in textual order.
    fn logic(&mut self, e: &Expr, op: BinaryOp, place: Place, key: &str) -> Option<Val> {
        let mut parts = Vec::new();
        flatten(e, op, &mut parts);
        let checked: Vec<Option<NodeId>> = parts
            .iter()
            .enumerate()
            .map(|(i, part)| self.condition(part, place, &format!("{key}.{i}")).map(|v| v.id))
            .collect();
        let ids: Vec<NodeId> = checked.into_iter().collect::<Option<_>>()?;
        let (inputs, clock) = self.builder.align(&ids);
        let op = if op == BinaryOp::And { Op::And } else { Op::Or };
        let origin = self.origin(key, e);
        Some(Val::free(self.builder.emit(
            op,
            inputs,
            ValueKind::Bool,
            clock,
            Domain::Market,
            origin,
        )))
    }

    /// Both operands, checked even when the first is wrong.
    pub(super) fn both(&mut self, a: &Expr, b: &Expr, place: Place, key: &str) -> Option<[(Val, Unit); 2]> {
        let left = self.quantity(a, place, &format!("{key}.0"));
        let right = self.quantity(b, place, &format!("{key}.1"));
        Some([left?, right?])
    }

    fn sum(&mut self, e: &Expr, op: Arith, a: &Expr, b: &Expr, place: Place, key: &str) -> Option<Val> {
        let [mut x, mut y] = self.both(a, b, place, key)?;
        let verb = if op == Arith::Add { "add" } else { "subtract" };
        let unit = self.same_unit((&mut x, a), (&mut y, b), verb, key)?;
        let affine = match op {
            Arith::Add => x.0.affine.add(y.0.affine),
            _ => x.0.affine.sub(y.0.affine),
        };
        let origin = self.origin(key, e);
        Some(Val::of(
            self.builder.arith(op, x.0.id, y.0.id, number(unit), origin),
            affine,
        ))
    }

    fn product(&mut self, e: &Expr, op: Arith, a: &Expr, b: &Expr, place: Place, key: &str) -> Option<Val> {
        let [(x, ux), (y, uy)] = self.both(a, b, place, key)?;
        let combined = if op == Arith::Mul {
            ux.times(uy)
        } else {
            ux.per(uy)
        };
        let Some(unit) = combined else {
            let message = format!(
                "the unit of `{}` would have an exponent beyond 8",
                self.text(e.span)
            );
            let d = Diagnostic::error(codes::UNIT_TOO_LARGE, e.span, message)
                .also(a.span, format!("this is {ux}"))
                .also(b.span, format!("this is {uy}"))
                .help("a factor is probably repeated by mistake");
            return self.fail(d);
        };
        // A change times a plain number is a change; a share of a level may be either.
        let affine = match (x.affine, y.affine) {
            (Affine::Change, _) if uy == Unit::NONE && y.affine == Affine::Free => Affine::Change,
            (_, Affine::Change) if ux == Unit::NONE && x.affine == Affine::Free && op == Arith::Mul => {
                Affine::Change
            }
            _ => Affine::Free,
        };
        let origin = self.origin(key, e);
        Some(Val::of(
            self.builder.arith(op, x.id, y.id, number(unit), origin),
            affine,
        ))
    }

    /// `50% of credit`
    fn share_of(&mut self, e: &Expr, a: &Expr, b: &Expr, place: Place, key: &str) -> Option<Val> {
        let [(x, ux), (y, uy)] = self.both(a, b, place, key)?;
        if ux != Unit::NONE {
            let (share, base) = (self.text(a.span), self.text(b.span));
            let d = Diagnostic::error(codes::WRONG_UNIT, a.span, format!("`{share}` is not a share"))
                .label(format!("this is {ux}"))
                .also(b.span, "a share of this")
                .help(format!("write a percentage, such as `50% of {base}`"));
            return self.fail(d);
        }
        let affine = if y.affine == Affine::Change {
            Affine::Change
        } else {
            Affine::Free
        };
        let origin = self.origin(key, e);
        Some(Val::of(
            self.builder.arith(Arith::Mul, x.id, y.id, number(uy), origin),
            affine,
        ))
    }

    fn within(&mut self, e: &Expr, l: &Literal, side: EventSide, event: &Ident, key: &str) -> Option<Val> {
        let length = self.duration(l);
        let event = self.event(event);
        let op = Op::Within {
            event: event?,
            side,
            length: length?,
        };
        let origin = self.origin(key, e);
        Some(Val::free(self.builder.emit(
            op,
            Vec::new(),
            ValueKind::Bool,
            Clock::Tick,
            Domain::Market,
            origin,
        )))
    }

    /// `x for 3 bars`
    fn persists(&mut self, e: &Expr, x: &Expr, n: &Literal, place: Place, key: &str) -> Option<Val> {
        let v = self.condition(x, place, &format!("{key}.0"))?;
        let (v, bars) = self.window(v, n)?;
        let (clock, origin) = (self.builder.clock(v.id), self.origin(key, e));
        let id = self.builder.emit(
            Op::For(bars),
            vec![v.id],
            ValueKind::Bool,
            clock,
            Domain::Market,
            origin,
        );
        Some(Val::free(id))
    }

    /// `on until off`
    pub(super) fn latch(&mut self, e: &Expr, on: &Expr, off: &Expr, place: Place, key: &str) -> Option<Val> {
        let origin = self.origin(key, e);
        self.latch_parts(on, off, place, key, origin)
    }

    /// As [`Self::latch`], where the two halves stand in clauses of their own.
    pub(super) fn latch_parts(
        &mut self,
        on: &Expr,
        off: &Expr,
        place: Place,
        key: &str,
        origin: crate::lower::Origin,
    ) -> Option<Val> {
        let on = self.condition(on, place, &format!("{key}.0"));
        let off = self.condition(off, place, &format!("{key}.1"));
        let (inputs, clock) = self.builder.align(&[on?.id, off?.id]);
        Some(Val::free(self.builder.emit(
            Op::Until,
            inputs,
            ValueKind::Bool,
            clock,
            Domain::Market,
            origin,
        )))
    }

    fn moves(
        &mut self,
        e: &Expr,
        (x, direction, amount, over): (&Expr, Direction, &Literal, &Literal),
        place: Place,
        key: &str,
    ) -> Option<Val> {
        let (v, unit) = self.series_or_value(x, place, &format!("{key}.0"))?;
        let text = self.text(amount.span);
        let relative = matches!(amount.unit, LitUnit::Percent | LitUnit::Bps);
        let amount_unit = super::value::literal_unit(amount.unit);
        if !relative && amount_unit != Some(unit) {
            let wanted = super::value::with_unit(&text, amount.number, unit);
            let of = self.text(x.span);
            let bare = amount.unit == LitUnit::None;
            let (code, message) = if bare {
                (
                    codes::MOVE_WITHOUT_UNIT,
                    format!("`{text}` does not say by how much `{of}` moves: points or percent"),
                )
            } else {
                (
                    codes::UNIT_MISMATCH,
                    format!("`{of}` is {unit} and cannot move by `{text}`"),
                )
            };
            let percent = if bare {
                format!("{text}%")
            } else {
                "15%".to_owned()
            };
            let help = match wanted.filter(|_| bare) {
                Some(w) => format!("write `{w}` for an absolute move, or `{percent}` for a relative one"),
                None => format!("write an amount in {unit}, or `{percent}` for a relative move"),
            };
            let d = Diagnostic::error(code, amount.span, message)
                .also(x.span, format!("this is {unit}"))
                .help(help);
            return self.fail(d);
        }
        if amount.number <= 0.0 {
            let help = "write a positive amount, and `up` or `down` for its direction";
            return self.error(
                codes::BAD_CONSTANT,
                amount.span,
                format!("`{text}` is not a positive move"),
                help,
            );
        }
        let (v, bars) = self.window(v, over)?;
        let amount = self.literal(amount, &format!("{key}.1"))?;
        let op = Op::Moves {
            direction,
            relative,
            bars,
        };
        let (clock, origin) = (self.builder.clock(v.id), self.origin(key, e));
        let id = self.builder.emit(
            op,
            vec![v.id, amount.id],
            ValueKind::Bool,
            clock,
            Domain::Market,
            origin,
        );
        Some(Val::free(id))
    }
}

/// The operands of a chain of one logical operator, in textual order.
fn flatten<'e>(e: &'e Expr, op: BinaryOp, out: &mut Vec<&'e Expr>) {
    match &e.kind {
        ExprKind::Binary(o, a, b) if *o == op => {
            flatten(a, op, out);
            flatten(b, op, out);
        }
        _ => out.push(e),
    }
}
