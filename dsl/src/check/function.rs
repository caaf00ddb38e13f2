//! Functions of the market and of the account that are not windows: implied volatility, surprises, sums, scenarios.

use super::Checker;
use super::call::{Args, Call, has_options};
use super::items::whole_number;
use super::value::{Affine, Place, Val, canonical};
use crate::ast::{Expr, ExprKind, Ident, ItemKind, LitUnit, Literal, Node, Shift};
use crate::builtin::{BookObs, Instrument};
use crate::diagnostic::codes;
use crate::graph::{Clock, Domain, LEAST_REACTIONS, Moved, NodeId, Op, ShiftBy};
use crate::lower::Origin;
use crate::reference;
use crate::resolve::suggest::did_you_mean;
use crate::span::Span;
use crate::unit::Unit;

/// A scenario as written.
struct Shifts {
    /// What is said in numbers.
    by: Vec<ShiftBy>,
    /// Nodes of the moves of its events.
    moves: Vec<NodeId>,
    /// As written.
    words: String,
}

impl Checker<'_> {
    /// A number of calendar days as an argument.
    fn days(&mut self, call: Call<'_>, e: &Expr) -> Option<u32> {
        if let ExprKind::Literal(l) = &e.kind
            && l.unit == LitUnit::Days
            && let Some(days) = whole_number(l.number).filter(|d| (1..=730).contains(d))
        {
            return Some(days);
        }
        let text = self.text(e.span);
        self.wrong_arguments(
            call,
            e.span,
            format!("`{text}` is not a maturity of 1 to 730 days"),
        )
    }

    pub(super) fn implied_vol(&mut self, call: Call<'_>, args: &Args<'_>) -> Option<Val> {
        let ([underlying, days], true) = (args.values.as_slice(), args.plain(2)) else {
            return self.misfit(call);
        };
        let instrument = match &underlying.kind {
            ExprKind::Name(n) => reference::instrument(n).filter(|i| has_options(*i)),
            _ => None,
        };
        let Some(instrument) = instrument else {
            let text = self.text(underlying.span);
            return self.wrong_arguments(call, underlying.span, format!("`{text}` has no option chain"));
        };
        let days = self.days(call, days)?;
        let text = format!("implied_vol({}, {days} days)", instrument.name());
        let op = Op::ImpliedVol { instrument, days };
        let v = self.source(op, Unit::VOL, Clock::Tick, Domain::Market, &text, call.e.span);
        Some(Val {
            affine: Affine::Level,
            ..v
        })
    }

    pub(super) fn constant_maturity(&mut self, call: Call<'_>, args: &Args<'_>) -> Option<Val> {
        let ([curve, days], true) = (args.values.as_slice(), args.plain(2)) else {
            return self.misfit(call);
        };
        if !matches!(&curve.kind, ExprKind::Name(n) if n == Instrument::Vx.name()) {
            let text = self.text(curve.span);
            return self.wrong_arguments(call, curve.span, format!("`{text}` is not a futures curve"));
        }
        let days = self.days(call, days)?;
        let text = format!("constant_maturity(VX, {days} days)");
        let op = Op::ConstantMaturity { days };
        let v = self.source(op, Unit::VOL, Clock::Tick, Domain::Market, &text, call.e.span);
        Some(Val {
            affine: Affine::Level,
            ..v
        })
    }

    pub(super) fn surprise(&mut self, call: Call<'_>, args: &Args<'_>) -> Option<Val> {
        let ([event], true) = (args.values.as_slice(), args.plain(1)) else {
            return self.misfit(call);
        };
        let ExprKind::Name(name) = &event.kind else {
            return self.misfit(call);
        };
        let id = self.event(&Node::new(name.clone(), event.span))?;
        let text = format!("surprise({name})");
        Some(self.source(
            Op::Surprise(id),
            Unit::NONE,
            Clock::Tick,
            Domain::Market,
            &text,
            call.e.span,
        ))
    }

    pub(super) fn implied_forward(&mut self, call: Call<'_>, args: &Args<'_>) -> Option<Val> {
        let ([underlying, month], true) = (args.values.as_slice(), args.plain(2)) else {
            return self.misfit(call);
        };
        let instrument = match &underlying.kind {
            ExprKind::Name(n) => reference::instrument(n),
            _ => None,
        };
        let Some(instrument) = instrument.filter(|i| matches!(i, Instrument::Vix | Instrument::Spx)) else {
            let text = self.text(underlying.span);
            let message = format!("no futures settle with options on `{text}`: write `VIX` or `SPX`");
            return self.wrong_arguments(call, underlying.span, message);
        };
        let month = self.count_in(call, month, 1..=9, "a month from 1 to 9")?;
        let month = u8::try_from(month).ok()?;
        let text = format!("implied_forward({}, {month})", instrument.name());
        let op = Op::ImpliedForward { instrument, month };
        let unit = reference::price_unit(instrument);
        let v = self.source(op, unit, Clock::Tick, Domain::Market, &text, call.e.span);
        Some(Val {
            affine: Affine::Level,
            ..v
        })
    }

    pub(super) fn reaction(&mut self, call: Call<'_>, args: &Args<'_>) -> Option<Val> {
        let ([event, of, least], true) = (args.values.as_slice(), args.plain(3)) else {
            return self.misfit(call);
        };
        let (ExprKind::Name(event_name), ExprKind::Name(of_name)) = (&event.kind, &of.kind) else {
            return self.misfit(call);
        };
        let id = self.event(&Node::new(event_name.clone(), event.span))?;
        let Some(instrument) = reference::instrument(of_name).filter(|i| *i != Instrument::Vx) else {
            let message = format!("`{of_name}` has no daily closes");
            return self.wrong_arguments(call, of.span, message);
        };
        let least = self.count_in(call, least, 2..=500, "a sample of 2 to 500 events")?;
        let text = format!("reaction({event_name}, {of_name}, {least})");
        let op = Op::Reaction {
            event: id,
            instrument,
            least,
        };
        let unit = reference::price_unit(instrument);
        Some(self.source(op, unit, Clock::Tick, Domain::Market, &text, call.e.span))
    }

    /// A whole number in a range.
    fn count_in(
        &mut self,
        call: Call<'_>,
        e: &Expr,
        range: std::ops::RangeInclusive<u32>,
        what: &str,
    ) -> Option<u32> {
        if let ExprKind::Literal(l) = &e.kind
            && l.unit == LitUnit::None
            && let Some(n) = whole_number(l.number).filter(|n| range.contains(n))
        {
            return Some(n);
        }
        let text = self.text(e.span);
        self.wrong_arguments(call, e.span, format!("`{text}` is not {what}"))
    }

    pub(super) fn book_call(&mut self, call: Call<'_>, what: BookObs, args: &Args<'_>) -> Option<Val> {
        let ([of], true) = (
            args.values.as_slice(),
            args.plain(1) && !reference::of_account(what),
        ) else {
            let message = format!("`{}` takes no such arguments", call.name.value);
            return self.wrong_arguments(call, call.e.span, message);
        };
        let ExprKind::Name(target) = &of.kind else {
            return self.misfit(call);
        };
        if self.book_target(target).is_none() {
            let symbols = self.symbols;
            if symbols.broken.contains(target.as_str()) {
                return None;
            }
            let own = symbols
                .by_name
                .iter()
                .filter(|(_, s)| matches!(s.item.kind, ItemKind::Structure(_)));
            let names: Vec<&str> = own.map(|(n, _)| *n).chain(["book"]).collect();
            let help = did_you_mean(target, names.iter().copied())
                .unwrap_or_else(|| format!("write {}", crate::resolve::suggest::one_of(&names)));
            let message = format!("there is no structure `{target}`");
            return self.error(codes::UNKNOWN_NAME, of.span, message, help);
        }
        self.book_value(what, target, &call.name.value, call.e.span, call.place)
    }

    /// A scenario: `under vol +5 & spot -5%`, `under event fomc`.
    fn scenario(&mut self, call: Call<'_>, shifts: &[Node<Shift>]) -> Option<Shifts> {
        let mut out = Vec::new();
        let mut moves = Vec::new();
        let mut words = Vec::new();
        for shift in shifts {
            words.push(self.text(shift.span));
            let (axis, l) = match &shift.value {
                Shift::By { axis, amount } => (axis, amount),
                Shift::Event(event) => {
                    moves.extend(self.event_moves(event, shift.span)?);
                    continue;
                }
            };
            let by = match (axis.value.as_str(), l.unit) {
                ("vol", LitUnit::None | LitUnit::Vol) => Some(ShiftBy::VolPoints(l.number)),
                ("spot", LitUnit::Percent | LitUnit::Bps) => Some(ShiftBy::SpotFraction(canonical(l))),
                ("time", LitUnit::Days) => Some(ShiftBy::Days(l.number)),
                _ => None,
            };
            let Some(by) = by else {
                let text = self.text(shift.span);
                let message = format!("`{text}` is not a change of a scenario");
                let help =
                    "write `vol +5` (vol points), `spot -5%`, `time 5 days` or `event fomc`, joined by `&`";
                return self.error(codes::WRONG_ARGUMENTS, shift.span, message, help);
            };
            out.push(by);
        }
        if words.is_empty() {
            return self.misfit(call);
        }
        Some(Shifts {
            by: out,
            moves,
            words: words.join(" & "),
        })
    }

    /// The moves of an event, in the order of [`Moved::ALL`].
    fn event_moves(&mut self, event: &Ident, span: Span) -> Option<Vec<NodeId>> {
        let id = self.event(event)?;
        // What is on VIX is moved by VIX and its own implied vol; everything else by SPX and VIX.
        let own = self.ticks_on;
        let (spot, vol) = if own == Some(Instrument::Vix) {
            (Instrument::Vix, Instrument::Vvix)
        } else {
            (Instrument::Spx, Instrument::Vix)
        };
        let (s, v, name) = (spot.name(), vol.name(), &event.value);
        let one = |what: Moved| {
            let (text, unit) = match what {
                Moved::Vol => (
                    format!("mean reaction of {v} to {name}"),
                    reference::price_unit(vol),
                ),
                Moved::Spot => (format!("mean reaction of {s} to {name}"), Unit::NONE),
                Moved::Count => (format!("past reactions to {name}"), Unit::NONE),
                Moved::VolSpread => (
                    format!("spread of the reactions of {v} to {name}"),
                    reference::price_unit(vol),
                ),
                Moved::SpotSpread => (format!("spread of the reactions of {s} to {name}"), Unit::NONE),
            };
            let op = Op::EventMove {
                event: id,
                spot,
                vol,
                least: LEAST_REACTIONS,
                what,
            };
            self.source(op, unit, Clock::Tick, Domain::Market, &text, span).id
        };
        Some(Moved::ALL.map(one).to_vec())
    }

    pub(super) fn irr(&mut self, call: Call<'_>, args: &Args<'_>) -> Option<Val> {
        let ([of], Some(under)) = (args.values.as_slice(), args.under) else {
            return self.misfit(call);
        };
        let ExprKind::Name(name) = &of.kind else {
            return self.misfit(call);
        };
        let Some(target) = self.book_target(name).filter(|_| name != "book") else {
            if self.symbols.broken.contains(name.as_str()) {
                return None;
            }
            let message = format!("`{name}` is not a structure");
            return self.wrong_arguments(call, of.span, message);
        };
        if call.place == Place::Market {
            let message = "`irr` speaks of the account; a signal is a function of the market alone";
            return self.error(
                codes::WRONG_CONTEXT,
                call.e.span,
                message,
                "move it to a rule or a guard",
            );
        }
        let of = target??;
        let Shifts { by, moves, words } = self.scenario(call, under)?;
        let domain = match call.place {
            Place::Candidate(_) => Domain::Candidate,
            _ => Domain::Book,
        };
        let text = format!("irr({name}, under {words})");
        Some(self.under_shift(Op::Irr { of, under: by }, moves, domain, &text, call.e.span))
    }

    pub(super) fn cushion(&mut self, call: Call<'_>, args: &Args<'_>) -> Option<Val> {
        let (true, Some(under)) = (args.values.is_empty(), args.under) else {
            return self.misfit(call);
        };
        if call.place == Place::Market {
            let message = "`cushion` speaks of the account; a signal is a function of the market alone";
            return self.error(
                codes::WRONG_CONTEXT,
                call.e.span,
                message,
                "move it to a rule or a guard",
            );
        }
        let Shifts { by, moves, words } = self.scenario(call, under)?;
        let text = format!("cushion(under {words})");
        Some(self.under_shift(Op::Cushion { under: by }, moves, Domain::Book, &text, call.e.span))
    }

    /// A ratio in a shifted market.
    fn under_shift(&mut self, op: Op, moves: Vec<NodeId>, domain: Domain, text: &str, span: Span) -> Val {
        let origin = Origin::new(text, text, span);
        let kind = crate::graph::ValueKind::Number(Unit::NONE);
        Val::free(self.builder.emit(op, moves, kind, Clock::Tick, domain, origin))
    }

    pub(super) fn cost(&mut self, call: Call<'_>, args: &Args<'_>) -> Option<Val> {
        let (true, Some((lo, hi))) = (args.values.is_empty(), args.range) else {
            return self.misfit(call);
        };
        if call.place != Place::Overlay {
            let message = "`cost` belongs to `require` of an overlay";
            return self.error(
                codes::WRONG_CONTEXT,
                call.e.span,
                message,
                "fees and spreads are counted by themselves",
            );
        }
        let fraction = |l: &Literal| matches!(l.unit, LitUnit::Bps | LitUnit::Percent);
        let (from, to) = (canonical(lo), canonical(hi));
        if !fraction(lo) || !fraction(hi) || from > to || from < 0.0 {
            return self.misfit(call);
        }
        let text = self.text(call.e.span);
        let op = Op::OverlayCost { lo: from, hi: to };
        Some(self.source(op, Unit::NONE, Clock::Tick, Domain::Candidate, &text, call.e.span))
    }
}
