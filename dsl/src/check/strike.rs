//! Which strike and which expiry a leg takes.

use super::Checker;
use super::numbers::Amounted;
use super::value::{Place, number};
use crate::ast::{Amount, Anchor, ExpirySelector, Ident, LegRef, LitUnit, StrikeSelector};
use crate::builtin::Instrument;
use crate::diagnostic::{Diagnostic, codes};
use crate::graph::{Arith, ExpiryOnly, ExpiryPick, NodeId, OffsetAmount, StrikeAnchor, StrikePick};
use crate::lower::Origin;
use crate::reference;
use crate::span::Span;
use crate::unit::Unit;

/// Longest expiry, in days: SPX lists about five years.
const MAX_DTE: f64 = 2_000.0;

impl Checker<'_> {
    /// A day count.
    fn dte(&mut self, a: &Amount, key: &str) -> Option<Amounted> {
        let units = [LitUnit::Dte, LitUnit::None, LitUnit::Days];
        let found = self.amount_in(a, &units, "a number of days, such as `45 dte`", key)?;
        if found.value.fract() == 0.0 && (0.0..=MAX_DTE).contains(&found.value) {
            return Some(found);
        }
        let text = self.text(found.span);
        let message = format!("`{text}` is not a whole number of days from 0 to {MAX_DTE}");
        self.error(
            codes::BAD_CONSTANT,
            found.span,
            message,
            "write days to expiry, such as `45 dte`",
        )
    }

    /// An expiry by its selector; `structure` lends its window to a roll that gives none.
    pub(super) fn expiry(
        &mut self,
        selector: &ExpirySelector,
        structure: Option<&ExpiryPick>,
        key: &str,
    ) -> Option<ExpiryPick> {
        let ExpirySelector::Nearest { dte, window, only } = selector else {
            return Some(ExpiryPick::Same);
        };
        let target = self.dte(dte, &format!("{key}.dte"))?;
        let window = match window {
            Some((lo, hi)) => {
                let low = self.dte(lo, &format!("{key}.from"));
                let high = self.dte(hi, &format!("{key}.to"));
                let (low, high) = (low?, high?);
                self.window_holds(target, low, high)?;
                Some((low.id, high.id))
            }
            None => match structure {
                Some(ExpiryPick::Nearest {
                    dte,
                    window: Some((lo, hi)),
                    ..
                }) => {
                    let from = self.shifted(target.id, *lo, *dte, &format!("{key}.from"), target.span);
                    let to = self.shifted(target.id, *hi, *dte, &format!("{key}.to"), target.span);
                    Some((from, to))
                }
                _ => None,
            },
        };
        let only = match only {
            Some(word) => Some(match self.one_of_words(word, &["am", "pm", "monthly"])? {
                "am" => ExpiryOnly::Am,
                "pm" => ExpiryOnly::Pm,
                _ => ExpiryOnly::Monthly,
            }),
            None => match structure {
                Some(ExpiryPick::Nearest { only, .. }) => *only,
                _ => None,
            },
        };
        Some(ExpiryPick::Nearest {
            dte: target.id,
            window,
            only,
        })
    }

    /// `target + (end - centre)`: the structure's window, moved to another target.
    fn shifted(&mut self, target: NodeId, end: NodeId, centre: NodeId, key: &str, span: Span) -> NodeId {
        if target == centre {
            return end;
        }
        let text = |c: &Self, id| c.builder.text(id);
        let (t, e, m) = (text(self, target), text(self, end), text(self, centre));
        let width = Origin::new(format!("{key}.width"), format!("{e} - {m}"), span);
        let width = self
            .builder
            .arith(Arith::Sub, end, centre, number(Unit::NONE), width);
        let origin = Origin::new(key, format!("{t} + ({e} - {m})"), span);
        self.builder
            .arith(Arith::Add, target, width, number(Unit::NONE), origin)
    }

    fn window_holds(&mut self, target: Amounted, low: Amounted, high: Amounted) -> Option<()> {
        let (t, lo, hi) = (self.text(target.span), self.text(low.span), self.text(high.span));
        if low.value > high.value {
            let message = format!("the window `{lo}..{hi}` contains nothing");
            return self.error(
                codes::BAD_WINDOW,
                low.span.to(high.span),
                message,
                format!("write `{hi}..{lo}`"),
            );
        }
        if (low.value..=high.value).contains(&target.value) {
            return Some(());
        }
        let d = Diagnostic::error(
            codes::BAD_WINDOW,
            low.span.to(high.span),
            format!("the window `{lo}..{hi}` does not contain its target `{t}`"),
        )
        .label("the window")
        .also(
            target.span,
            if target.threshold {
                "the target, by its default"
            } else {
                "the target"
            },
        )
        .help("widen the window, or move the target into it");
        self.fail(d)
    }

    /// A strike by its selector. `leg` finds the index of a leg that it is measured from.
    pub(super) fn strike(
        &mut self,
        selector: &StrikeSelector,
        underlying: Instrument,
        leg: &mut dyn FnMut(&mut Self, &LegRef) -> Option<u8>,
        key: &str,
    ) -> Option<StrikePick> {
        match selector {
            StrikeSelector::At(a) => self.strike_at(a, key),
            StrikeSelector::AtWord(word) => {
                Some(match self.one_of_words(word, &["spot", "forward", "money"])? {
                    "spot" => StrikePick::Spot,
                    _ => StrikePick::Forward,
                })
            }
            StrikeSelector::Offset {
                amount,
                direction,
                anchor,
                about,
            } => {
                let anchor = match anchor {
                    Anchor::Leg(l) => StrikeAnchor::Leg(leg(self, l)?),
                    Anchor::Word(word) => self.anchor_word(word)?,
                };
                let amount = self.offset(amount, underlying, key)?;
                let exact = !about
                    && matches!(amount, OffsetAmount::Points(_))
                    && matches!(anchor, StrikeAnchor::Leg(_));
                Some(StrikePick::Offset {
                    amount,
                    direction: *direction,
                    anchor,
                    exact,
                })
            }
            StrikeSelector::Formula(e) => {
                let (v, unit) = self.quantity(e, Place::Market, key)?;
                if unit != Unit::PTS && unit != reference::price_unit(underlying) {
                    let text = self.text(e.span);
                    let d = Diagnostic::error(
                        codes::WRONG_UNIT,
                        e.span,
                        format!("a strike is measured in points, not in {unit}"),
                    )
                    .label(format!("`{text}` is {unit}"))
                    .help(
                        self.fix_for(e, Unit::PTS)
                            .unwrap_or_else(|| "write a price, such as `SPX.last * 0.95`".to_owned()),
                    );
                    return self.fail(d);
                }
                Some(StrikePick::Formula(self.builder.at_tick(v.id)))
            }
            StrikeSelector::SameAs(l) => Some(StrikePick::SameAs(leg(self, l)?)),
        }
    }

    pub(super) fn anchor_word(&mut self, word: &Ident) -> Option<StrikeAnchor> {
        Some(match self.one_of_words(word, &["spot", "forward"])? {
            "spot" => StrikeAnchor::Spot,
            _ => StrikeAnchor::Forward,
        })
    }

    fn strike_at(&mut self, a: &Amount, key: &str) -> Option<StrikePick> {
        let found = self.amount(a, key)?;
        let x = found.value;
        let (fits, pick) = match found.unit {
            LitUnit::Delta => (x > 0.0 && x < 1.0, StrikePick::Delta(found.id)),
            LitUnit::Pts => (x > 0.0, StrikePick::Premium(found.id)),
            LitUnit::Percent => ((0.0..1.0).contains(&x), StrikePick::Otm(found.id)),
            LitUnit::Sd => (x > 0.0, StrikePick::Sd(found.id)),
            _ => (false, StrikePick::Spot),
        };
        if fits {
            if found.unit == LitUnit::Delta && !found.threshold && x < 0.01 {
                let text = self.text(found.span);
                let message = format!("`{text}` is less than one delta");
                // `0.16 delta` was meant as 16 delta; the number as written is x * 100.
                let help = format!("deltas are written in hundredths: `{:.0} delta`", x * 10_000.0);
                self.report(Diagnostic::warning(codes::DELTA_AS_FRACTION, found.span, message).help(help));
            }
            return Some(pick);
        }
        let text = self.text(found.span);
        let help = match found.unit {
            LitUnit::Delta => {
                "a delta lies between 0 and 100: `at 16 delta` (absolute, for puts too)".to_owned()
            }
            LitUnit::None if x > 0.0 && x < 100.0 => {
                format!("write `at {text} delta`, or `at {text} pts` for a premium")
            }
            LitUnit::None => format!("a fixed strike is written `at strike {text} pts`"),
            _ => "write `at 16 delta`, `at 1.20 pts` (premium), `at 5%` (out of the money) or `at 1.5 sd`"
                .to_owned(),
        };
        self.error(
            codes::BAD_STRIKE,
            found.span,
            format!("`{text}` chooses no strike"),
            help,
        )
    }

    /// The amount of an offset: points (or vol for VIX options), a percentage, or standard deviations.
    pub(super) fn offset(&mut self, a: &Amount, underlying: Instrument, key: &str) -> Option<OffsetAmount> {
        let found = self.amount(a, key)?;
        let own = matches!(found.unit, LitUnit::Vol) && underlying.quotes_vol();
        let amount = match found.unit {
            LitUnit::Pts => Some(OffsetAmount::Points(found.id)),
            LitUnit::Vol if own => Some(OffsetAmount::Points(found.id)),
            LitUnit::Percent => Some(OffsetAmount::Fraction(found.id)),
            LitUnit::Sd => Some(OffsetAmount::Sd(found.id)),
            _ => None,
        };
        if let Some(amount) = amount.filter(|_| found.value > 0.0) {
            return Some(amount);
        }
        let text = self.text(found.span);
        let help = match found.unit {
            LitUnit::None if found.value > 0.0 => format!("write `{text} pts`"),
            LitUnit::Delta => format!("a strike by its delta is written `at {text}`"),
            _ => "write a positive distance, such as `50 pts`, `5%` or `1 sd`".to_owned(),
        };
        self.error(
            codes::BAD_STRIKE,
            found.span,
            format!("`{text}` is not a distance between strikes"),
            help,
        )
    }
}
