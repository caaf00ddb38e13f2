//! Prices of instruments: fields, months of the curve, bar sizes.

use super::Checker;
use super::items::whole_number;
use super::value::{Affine, Val};
use crate::ast::{Expr, ExprKind, Ident, LitUnit, Literal};
use crate::builtin::{Field, Instrument};
use crate::diagnostic::codes;
use crate::graph::{Clock, Domain, Op};
use crate::reference;
use crate::resolve::suggest::{did_you_mean, one_of};
use crate::span::Span;
use crate::unit::Unit;

/// An instrument with its month and the clock of its bars.
#[derive(Clone, Copy, Debug)]
pub(super) struct Quoted {
    pub(super) instrument: Instrument,
    pub(super) month: Option<u8>,
    pub(super) clock: Clock,
}

impl Quoted {
    /// `VIX`, `VX[2]`
    pub(super) fn text(self) -> String {
        match self.month {
            Some(month) => format!("{}[{month}]", self.instrument.name()),
            None => self.instrument.name().to_owned(),
        }
    }
}

/// Longest bar, in minutes: a regular session of index options.
const MAX_BAR_MINUTES: u32 = 390;
/// Months of the VIX futures curve.
const MAX_MONTH: u32 = 12;
impl Checker<'_> {
    /// `VIX`, `VX[2]`, on daily bars.
    pub(super) fn quoted(&mut self, e: &Expr) -> Option<Quoted> {
        let (name, index) = match &e.kind {
            ExprKind::Name(name) => (name, None),
            ExprKind::Index(inner, index) => match &inner.kind {
                ExprKind::Name(name) => (name, Some(index)),
                _ => return self.not_indexed(e.span),
            },
            _ => return self.not_indexed(e.span),
        };
        let Some(instrument) = reference::instrument(name) else {
            if index.is_some() {
                return self.not_indexed(e.span);
            }
            return None;
        };
        let month = match (instrument, index) {
            (Instrument::Vx, Some(index)) => Some(self.month(index)?),
            (Instrument::Vx, None) => {
                let help = "write `VX[1]` for the front month, or `constant_maturity(VX, 30 days)`";
                return self.error(
                    codes::BARE_INSTRUMENT,
                    e.span,
                    "`VX` is a curve: say which month",
                    help,
                );
            }
            (_, Some(_)) => return self.not_indexed(e.span),
            (_, None) => None,
        };
        Some(Quoted {
            instrument,
            month,
            clock: Clock::Session,
        })
    }

    fn not_indexed<T>(&mut self, span: Span) -> Option<T> {
        let help =
            "only the VIX futures curve has months: `VX[2].price`; an earlier value is `lag(series, 1)`";
        self.error(codes::BAD_CONSTANT, span, "this cannot be indexed", help)
    }

    fn month(&mut self, index: &Expr) -> Option<u8> {
        let month = match &index.kind {
            ExprKind::Literal(l) if l.unit == LitUnit::None => whole_number(l.number),
            _ => None,
        };
        if let Some(m) = month
            .filter(|m| (1..=MAX_MONTH).contains(m))
            .and_then(|m| u8::try_from(m).ok())
        {
            return Some(m);
        }
        let text = self.text(index.span);
        let message = format!("`{text}` is not a month of the curve");
        self.error(
            codes::BAD_CONSTANT,
            index.span,
            message,
            format!("write a whole number from 1 (the front) to {MAX_MONTH}"),
        )
    }

    /// `VX[2]` without a field.
    pub(super) fn bare_index(&mut self, e: &Expr, inner: &Expr, _index: &Expr) -> Option<Val> {
        if let ExprKind::Name(name) = &inner.kind
            && reference::instrument(name) == Some(Instrument::Vx)
        {
            let text = self.text(e.span);
            let message = format!("`{text}` is an instrument, not a number");
            return self.error(
                codes::BARE_INSTRUMENT,
                e.span,
                message,
                format!("write `{text}.last` or `{text}.close`"),
            );
        }
        self.not_indexed(e.span)
    }

    /// A field of an instrument on its clock.
    pub(super) fn instrument_field(&mut self, q: Quoted, field: &Ident, span: Span) -> Option<Val> {
        let Some(which) = reference::field(&field.value) else {
            let help = did_you_mean(&field.value, reference::FIELDS.iter().copied())
                .unwrap_or_else(|| format!("write one of {}", one_of(reference::FIELDS)));
            let message = format!("`{}` has no field `{}`", q.text(), field.value);
            return self.error(codes::UNKNOWN_FIELD, field.span, message, help);
        };
        Some(self.price(q, which, span))
    }

    /// The node of a field. `last` and `depth` are read at each tick whatever the bars.
    pub(super) fn price(&mut self, q: Quoted, field: Field, span: Span) -> Val {
        let (word, clock) = match field {
            Field::Open => ("open", q.clock),
            Field::High => ("high", q.clock),
            Field::Low => ("low", q.clock),
            Field::Close => ("close", q.clock),
            Field::Volume => ("volume", q.clock),
            Field::Depth => ("depth", Clock::Tick),
            Field::Last => ("last", Clock::Tick),
        };
        let unit = match field {
            Field::Volume | Field::Depth => Unit::NONE,
            _ => reference::price_unit(q.instrument),
        };
        let mut text = format!("{}.{word}", q.text());
        if let Clock::Minutes(n) = clock {
            text = format!("{text} @ {n}m");
        }
        let op = Op::Field {
            instrument: q.instrument,
            month: q.month,
            field,
        };
        let affine = if unit == Unit::NONE {
            Affine::Free
        } else {
            Affine::Level
        };
        Val {
            affine,
            ..self.source(op, unit, clock, Domain::Market, &text, span)
        }
    }

    /// `SPX.close @ 5m`
    pub(super) fn on_bars(&mut self, e: &Expr, inner: &Expr, bars: &Literal) -> Option<Val> {
        let clock = self.bar_clock(bars)?;
        match &inner.kind {
            ExprKind::Name(name) if self.is_feed(name) => return self.feed(name, clock, e.span),
            ExprKind::Name(name) if reference::instrument(name).is_some() => {
                let text = self.text(e.span);
                let (name, size) = (name.clone(), self.text(bars.span));
                let help = format!("write `{name}.close @ {size}`");
                return self.error(
                    codes::BARE_INSTRUMENT,
                    e.span,
                    format!("`{text}` is not a number yet"),
                    help,
                );
            }
            ExprKind::Field(owner, field) => {
                let owned = matches!(&owner.kind, ExprKind::Name(n) if reference::instrument(n).is_some())
                    || matches!(owner.kind, ExprKind::Index(..));
                if owned && !matches!(reference::field(&field.value), Some(Field::Last | Field::Depth)) {
                    let quoted = Quoted {
                        clock,
                        ..self.quoted(owner)?
                    };
                    return self.instrument_field(quoted, field, e.span);
                }
            }
            _ => {}
        }
        let text = self.text(inner.span);
        let message = format!("`{text}` has no bars of its own");
        let help =
            "bars belong to open, high, low, close and volume of an instrument: `rsi(VIX.close @ 5m, 14)`";
        self.error(codes::BAD_BARS, e.span, message, help)
    }

    /// The clock of a bar size.
    pub(super) fn bar_clock(&mut self, l: &Literal) -> Option<Clock> {
        let minutes = match l.unit {
            LitUnit::Minutes => whole_number(l.number),
            LitUnit::Hours => whole_number(l.number * 60.0),
            LitUnit::Sessions if l.number.total_cmp(&1.0).is_eq() => return Some(Clock::Session),
            _ => None,
        };
        let fits = minutes
            .filter(|m| (1..=MAX_BAR_MINUTES).contains(m))
            .and_then(|m| u16::try_from(m).ok());
        if let Some(m) = fits {
            return Some(Clock::Minutes(m));
        }
        let text = self.text(l.span);
        let message = format!("`{text}` is not a bar size");
        let help =
            format!("write whole minutes from `1m` to `{MAX_BAR_MINUTES}m`, or leave it out for daily bars");
        self.error(codes::BAD_BARS, l.span, message, help)
    }
}
