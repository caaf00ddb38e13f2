//! Windows: how many bars of which clock a length means for a series.

use super::Checker;
use super::items::whole_number;
use super::value::Val;
use crate::ast::{LitUnit, Literal};
use crate::diagnostic::{Diagnostic, codes};
use crate::graph::{Clock, Domain, Length};

/// Longest window, in bars: forty years of sessions, or 25 sessions of one-minute bars.
pub(super) const MAX_WINDOW: u32 = 10_000;

impl Checker<'_> {
    /// The value on the clock on which the length counts, and the length in steps of that clock.
    ///
    /// Bars are steps of the series' own clock. Sessions are the steps of a daily series; a value read at each tick is
    /// sampled at the last tick of each session first. Ticks bring a slower series to the tick.
    pub(super) fn window(&mut self, v: Val, l: &Literal) -> Option<(Val, u32)> {
        let text = self.text(l.span);
        let Some(n) = whole_number(l.number).filter(|n| (1..=MAX_WINDOW).contains(n)) else {
            let message = format!("`{text}` is not a whole number from 1 to {MAX_WINDOW}");
            return self.error(
                codes::BAD_CONSTANT,
                l.span,
                message,
                "write a window such as `14` or `20 sessions`",
            );
        };
        let clock = self.builder.clock(v.id);
        let market = self.builder.domain(v.id) == Domain::Market;
        let steps = match (l.unit, clock) {
            (LitUnit::None | LitUnit::Bars, _) => Some((v, n)),
            (LitUnit::Sessions, Clock::Session | Clock::Constant) => Some((v, n)),
            (LitUnit::Sessions, Clock::Tick) if market => Some((
                Val {
                    id: self.builder.at_session(v.id),
                    ..v
                },
                n,
            )),
            (LitUnit::Ticks, _) => Some((
                Val {
                    id: self.builder.at_tick(v.id),
                    ..v
                },
                n,
            )),
            (LitUnit::Minutes, Clock::Minutes(bar)) => in_bars(n, bar).map(|n| (v, n)),
            (LitUnit::Hours, Clock::Minutes(bar)) => in_bars(n.saturating_mul(60), bar).map(|n| (v, n)),
            _ => None,
        };
        if steps.is_some() {
            if l.unit == LitUnit::None && clock == Clock::Tick {
                self.counts_ticks(v, l, n);
            }
            return steps;
        }
        let (has, help) = match clock {
            Clock::Session | Clock::Constant => (
                "has one value each session",
                format!("write `{n} sessions`, the trading days to look back"),
            ),
            Clock::Minutes(bar) => (
                "runs on bars of its own size",
                format!("write a number of its bars, such as `{n} bars` of {bar}m"),
            ),
            Clock::Tick if !market => (
                "exists only at evaluations",
                "count `ticks`, such as `3 ticks`".to_owned(),
            ),
            Clock::Tick => (
                "is read at each evaluation",
                format!("write `{n} ticks`, or put the series on bars: `@ 5m`"),
            ),
        };
        let of = self.builder.text(v.id);
        let d = Diagnostic::error(
            codes::WINDOW_CLOCK,
            l.span,
            format!("`{text}` does not fit: `{of}` {has}"),
        )
        .help(help);
        let d = match self.builder.node(v.id) {
            Some(node) if node.span.file == l.span.file => d.also(node.span, has),
            _ => d,
        };
        self.fail(d)
    }

    /// Warns that a bare window counts evaluations, unless there is one in each session.
    fn counts_ticks(&mut self, v: Val, l: &Literal, n: u32) {
        let Some(Length::Minutes(minutes)) = self.every else {
            return;
        };
        let of = self.builder.text(v.id);
        let message = format!("`{n}` counts evaluations here, one every {minutes}m: `{of}` is read at each");
        let help = format!("write `{n} sessions` for days, or `{n} ticks` if evaluations are meant");
        self.report(Diagnostic::warning(codes::WINDOW_IN_TICKS, l.span, message).help(help));
    }

    /// Windows of several series that move together: all on one clock.
    pub(super) fn windows(&mut self, values: &[Val], l: &Literal) -> Option<(Vec<Val>, u32)> {
        let mut out = Vec::new();
        let mut bars = 0;
        for v in values {
            let (v, n) = self.window(*v, l)?;
            out.push(v);
            bars = n;
        }
        let mut clocks = out
            .iter()
            .map(|v| self.builder.clock(v.id))
            .filter(|c| *c != Clock::Constant);
        let first = clocks.next();
        if clocks.any(|c| Some(c) != first) {
            let text = self.text(l.span);
            let message =
                format!("the series run on different clocks, so `{text}` is a different window for each");
            let help = format!("write `{bars} sessions`, or put both on the same bars");
            return self.error(codes::WINDOW_CLOCK, l.span, message, help);
        }
        Some((out, bars))
    }
}

/// Minutes as bars of `bar` minutes, when they are whole bars.
fn in_bars(minutes: u32, bar: u16) -> Option<u32> {
    let bar = u32::from(bar);
    (bar > 0 && minutes.is_multiple_of(bar)).then(|| minutes / bar)
}
