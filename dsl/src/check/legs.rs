//! Legs of a structure: their order (anchors first), strikes and expiries, and whether the loss is bounded.

use super::Checker;
use super::leg::leg_words;
use super::shape::{Parts, Slot, Want};
use crate::ast::{Anchor, Direction, LegRef, Right, Shape, Side, StrikeSelector};
use crate::builtin::Instrument;
use crate::diagnostic::{Diagnostic, codes};
use crate::graph::{ExpiryOnly, ExpiryPick, LegDef, OffsetAmount, StrikeAnchor, StrikePick, StructureDef};
use crate::resolve::suggest::one_of;
use crate::span::Span;

/// Most legs of one structure; leg numbers are small.
const MAX_LEGS: usize = 32;

impl Checker<'_> {
    #[expect(
        clippy::too_many_arguments,
        reason = "the parts of one structure, each different"
    )]
    pub(super) fn legs(
        &mut self,
        key: &str,
        shape: &Shape,
        kind: &str,
        underlying: Instrument,
        parts: &Parts<'_>,
        slots: Vec<Slot<'_>>,
        span: Span,
    ) -> Option<StructureDef> {
        if let Some(extra) = slots.get(MAX_LEGS) {
            let message = format!("a structure has at most {MAX_LEGS} legs");
            return self.error(
                codes::UNEXPECTED_LEG,
                extra.span,
                message,
                "split it into several structures",
            );
        }
        let outward = self.wings_outward(kind, &slots);
        let order = self.leg_order(&slots)?;
        // New index of each slot.
        let place = |slot: usize| {
            order
                .iter()
                .position(|i| *i == slot)
                .and_then(|i| u8::try_from(i).ok())
        };
        let errors = self.findings.len();
        let mut legs = Vec::new();
        for index in &order {
            let Some(slot) = slots.get(*index) else { continue };
            let step = slot.name.replace(' ', "_");
            let expiry = match (slot.right, slot.expiry, parts.expiry) {
                (None, _, _) => Some(ExpiryPick::Same), // a future: its month says it
                (Some(_), Some(own), _) => self.expiry(own, None, &format!("{key}.{step}.expiry")),
                (Some(_), None, Some((all, _))) => self.expiry(all, None, &format!("{key}.expiry")),
                (Some(_), None, None) => {
                    let message = format!("the leg `{}` has no expiry", slot.name);
                    let help = "add `expiry nearest 45 dte in 38..52 dte` to the structure";
                    self.error(codes::MISSING_EXPIRY, shape.kind.span, message, help)
                }
            };
            if expiry.is_none() && slot.expiry.is_none() {
                return None; // one finding for the clause that all legs share
            }
            let clause = parts.expiry.filter(|_| slot.expiry.is_none());
            self.settles_as(
                underlying,
                expiry.as_ref(),
                clause.map_or(slot.span, |(_, span)| span),
            )?;
            let strike_key = format!("{key}.{step}.strike");
            let strike = match slot.strike {
                Want::None => Some(StrikePick::Held),
                Want::Wing {
                    amount,
                    direction,
                    of,
                } => self
                    .offset(amount, underlying, &strike_key)
                    .zip(place(of))
                    .map(|(amount, leg)| StrikePick::Offset {
                        amount,
                        direction,
                        anchor: StrikeAnchor::Leg(leg),
                        exact: matches!(amount, OffsetAmount::Points(_)),
                    }),
                Want::SameAs(of) => place(of).map(StrikePick::SameAs),
                Want::Selector(s) => {
                    let mut find = |c: &mut Self, leg: &LegRef| c.find_leg(&slots, leg).and_then(place);
                    self.strike(s, underlying, &mut find, &strike_key)
                }
            };
            let (Some(expiry), Some(strike)) = (expiry, strike) else {
                if matches!(slot.strike, Want::Wing { .. }) {
                    return None; // both wings share one clause
                }
                continue;
            };
            legs.push(LegDef {
                name: slot.name.clone(),
                side: slot.side,
                right: slot.right,
                ratio: slot.ratio,
                strike,
                expiry,
                month: slot.month,
                span: slot.span,
            });
        }
        outward?;
        if self.findings.len() > errors {
            return None;
        }
        self.deltas_outward(kind, &legs)?;
        let defined_risk = self.defined_risk(&legs);
        Some(StructureDef {
            key: key.to_owned(),
            shape: shape.kind.value.clone(),
            underlying,
            legs,
            defined_risk,
            span,
        })
    }

    /// Whether options on an underlying settle as an expiry clause wants.
    fn settles_as(&mut self, underlying: Instrument, expiry: Option<&ExpiryPick>, span: Span) -> Option<()> {
        let Some(ExpiryPick::Nearest { only: Some(only), .. }) = expiry else {
            return Some(());
        };
        let (when, word, fine) = match (underlying, only) {
            (Instrument::Vix, ExpiryOnly::Pm) => ("on a morning", "pm", "leave out `only pm`"),
            (Instrument::Xsp, ExpiryOnly::Am) => ("at the close", "am", "leave out `only am`"),
            _ => return Some(()),
        };
        let name = underlying.name();
        let message = format!("options on {name} settle {when}, so none is `only {word}`");
        self.error(codes::NO_SUCH_EXPIRY, span, message, fine)
    }

    /// The slot that a reference names.
    fn find_leg(&mut self, slots: &[Slot<'_>], leg: &LegRef) -> Option<usize> {
        let words = leg_words(leg);
        if let Some(exact) = slots.iter().position(|s| s.name == words) {
            return Some(exact);
        }
        let fits = |s: &Slot<'_>| {
            s.side == leg.side && leg.name.is_none() && (leg.right.is_none() || s.right == leg.right)
        };
        let mut hits = slots.iter().enumerate().filter(|(_, s)| fits(s)).map(|(i, _)| i);
        let (first, second) = (hits.next(), hits.next());
        if let (Some(hit), None) = (first, second) {
            return Some(hit);
        }
        let names: Vec<&str> = slots.iter().map(|s| s.name.as_str()).collect();
        let message = if first.is_none() {
            format!("there is no leg `{words}`")
        } else {
            format!("`{words}` could be any of several legs")
        };
        self.error(
            codes::UNKNOWN_LEG,
            leg.span,
            message,
            format!("write one of {}", one_of(&names)),
        )
    }

    /// Slots in textual order, each after the leg that it is measured from.
    fn leg_order(&mut self, slots: &[Slot<'_>]) -> Option<Vec<usize>> {
        let mut anchors = Vec::new();
        let mut fine = true;
        for slot in slots {
            let anchor = match slot.strike {
                Want::Wing { of, .. } | Want::SameAs(of) => Some(of),
                Want::Selector(
                    StrikeSelector::SameAs(leg)
                    | StrikeSelector::Offset {
                        anchor: Anchor::Leg(leg),
                        ..
                    },
                ) => {
                    let found = self.find_leg(slots, leg);
                    fine &= found.is_some();
                    found
                }
                Want::Selector(_) | Want::None => None,
            };
            anchors.push(anchor);
        }
        if !fine {
            return None;
        }
        let mut order: Vec<usize> = Vec::new();
        while order.len() < slots.len() {
            let ready = (0..slots.len()).find(|i| {
                !order.contains(i)
                    && anchors
                        .get(*i)
                        .copied()
                        .flatten()
                        .is_none_or(|a| order.contains(&a))
            });
            match ready {
                Some(i) => order.push(i),
                None => return self.anchor_cycle(slots, &order),
            }
        }
        Some(order)
    }

    fn anchor_cycle<T>(&mut self, slots: &[Slot<'_>], order: &[usize]) -> Option<T> {
        let rest: Vec<&Slot<'_>> = slots
            .iter()
            .enumerate()
            .filter(|(i, _)| !order.contains(i))
            .map(|(_, s)| s)
            .collect();
        let (first, others) = rest.split_first()?;
        let names: Vec<&str> = rest.iter().map(|s| s.name.as_str()).collect();
        let message = match names.as_slice() {
            [only] => format!("the strike of `{only}` is measured from itself"),
            _ => format!(
                "the strikes of {} are measured from each other",
                one_of(&names).replace(" or ", " and ")
            ),
        };
        let mut d = Diagnostic::error(codes::ANCHOR_CYCLE, first.span, message).help(format!(
            "give one of them a place of its own, such as `{} at 16 delta`",
            first.name
        ));
        for other in others {
            d = d.also(other.span, "");
        }
        self.fail(d)
    }

    /// A bought wing written on the inner side of its sold leg.
    fn wings_outward(&mut self, kind: &str, slots: &[Slot<'_>]) -> Option<()> {
        if !matches!(kind, "iron condor" | "iron fly") {
            return Some(());
        }
        for slot in slots {
            let Want::Selector(StrikeSelector::Offset {
                direction,
                anchor: Anchor::Leg(anchor),
                ..
            }) = slot.strike
            else {
                continue;
            };
            let Some(right) = slot
                .right
                .filter(|r| anchor.right == Some(*r) && anchor.side != slot.side)
            else {
                continue;
            };
            // The bought leg lies outward of the sold one, and the sold one inward of the bought one.
            let outward = if right == Right::Put {
                Direction::Below
            } else {
                Direction::Above
            };
            let fits = (*direction == outward) == (slot.side == Side::Long);
            if !fits {
                let (word, other) = match direction {
                    Direction::Above => ("above", "below"),
                    Direction::Below => ("below", "above"),
                };
                let sold = leg_words(anchor);
                let message = format!(
                    "the `{}` stands {word} the `{sold}`, where it protects nothing",
                    slot.name
                );
                let d = Diagnostic::error(codes::INVERTED_WING, slot.span, message)
                    .also(anchor.span, "measured from this leg")
                    .help(format!("write `{other} {sold}`"));
                return self.fail(d);
            }
        }
        Some(())
    }

    /// A bought wing chosen by a delta that is not smaller than that of its sold leg.
    fn deltas_outward(&mut self, kind: &str, legs: &[LegDef]) -> Option<()> {
        if kind != "iron condor" {
            return Some(());
        }
        for long in legs.iter().filter(|l| l.side == Side::Long) {
            let short = legs
                .iter()
                .find(|l| l.side == Side::Short && l.right == long.right)?;
            let (StrikePick::Delta(a), StrikePick::Delta(b)) = (&long.strike, &short.strike) else {
                continue;
            };
            let (Some(bought), Some(sold)) = (self.builder.constant(*a), self.builder.constant(*b)) else {
                continue;
            };
            if bought >= sold {
                let message = format!(
                    "the `{}` is not further out than the `{}`, so it protects nothing",
                    long.name, short.name
                );
                let d = Diagnostic::error(codes::INVERTED_WING, long.span, message)
                    .also(short.span, "the sold leg")
                    .help("choose a smaller delta for the bought leg than for the sold one");
                return self.fail(d);
            }
        }
        Some(())
    }

    /// Whether bought contracts cover the sold ones of each right that settle with them. A leg that settles later covers
    /// nothing: until then the market can go anywhere. Futures never are.
    fn defined_risk(&self, legs: &[LegDef]) -> bool {
        legs.iter().all(|leg| {
            let count = |side: Side| -> u64 {
                legs.iter()
                    .filter(|l| {
                        l.side == side && l.right == leg.right && self.same_expiry(&l.expiry, &leg.expiry)
                    })
                    .map(|l| u64::from(l.ratio))
                    .sum()
            };
            // Shares bought lose no more than was paid.
            (leg.right.is_some() || leg.is_shares()) && count(Side::Long) >= count(Side::Short)
        })
    }

    /// Whether two clauses surely choose one expiry: the same clause, or the same numbers in both.
    fn same_expiry(&self, a: &ExpiryPick, b: &ExpiryPick) -> bool {
        a.surely_same(b, &|id| self.builder.constant(id))
    }
}
