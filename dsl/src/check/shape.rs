//! Structures: the legs that a shape's clauses make. Which strikes they take is in `strike`, the order in `legs`.

use super::Checker;
use super::items::whole_number;
use super::leg::leg_words;
use crate::ast::{
    Amount, Direction, ExpirySelector, LegClause, LegRef, LitUnit, Literal, Right, Shape, Side,
    StrikeSelector, Structure,
};
use crate::builtin::Instrument;
use crate::diagnostic::{Diagnostic, codes};
use crate::graph::{StructureDef, StructureId};
use crate::reference;
use crate::resolve::suggest::did_you_mean;
use crate::span::Span;

/// Shapes by name.
pub(super) const SHAPES: &[&str] = &[
    "iron condor",
    "iron fly",
    "strangle",
    "straddle",
    "put spread",
    "call spread",
    "put butterfly",
    "call butterfly",
    "calendar",
    "put",
    "call",
    "future",
    "future spread",
    "shares",
    "legs",
];

/// Where a leg's strike comes from.
#[derive(Clone, Copy, Debug)]
pub(super) enum Want<'e> {
    /// A future has none.
    None,
    /// As written.
    Selector(&'e StrikeSelector),
    /// A wing at a distance from another leg.
    Wing {
        amount: &'e Amount,
        direction: Direction,
        of: usize,
    },
    /// The strike of another leg.
    SameAs(usize),
}

/// A leg before its strike and expiry are looked up.
#[derive(Clone, Debug)]
pub(super) struct Slot<'e> {
    pub(super) name: String,
    pub(super) side: Side,
    pub(super) right: Option<Right>,
    pub(super) ratio: u32,
    pub(super) strike: Want<'e>,
    pub(super) expiry: Option<&'e ExpirySelector>,
    pub(super) month: Option<u8>,
    pub(super) span: Span,
}

/// A leg as written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Leg<'e> {
    pub(super) leg: &'e LegRef,
    pub(super) ratio: u32,
    pub(super) strike: &'e StrikeSelector,
    pub(super) expiry: Option<&'e ExpirySelector>,
    pub(super) span: Span,
}

/// The clauses of a shape, sorted.
#[derive(Debug, Default)]
pub(super) struct Parts<'e> {
    pub(super) legs: Vec<Leg<'e>>,
    pub(super) expiry: Option<(&'e ExpirySelector, Span)>,
    pub(super) strike: Option<(&'e StrikeSelector, Span)>,
    pub(super) wings: Option<(&'e Amount, Span)>,
    pub(super) months: Vec<(Side, u8, Span)>,
    pub(super) shares: Option<(Side, u32, Span)>,
}

impl Parts<'_> {
    pub(super) fn leg(&self, side: Side, right: Right) -> Option<&Leg<'_>> {
        self.legs
            .iter()
            .find(|l| l.leg.side == side && l.leg.right == Some(right))
    }
}

/// What a shape may be made of.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Allows {
    legs: bool,
    strike: bool,
    wings: bool,
    months: bool,
    shares: bool,
}

/// Nothing.
const NONE: Allows = Allows {
    legs: false,
    strike: false,
    wings: false,
    months: false,
    shares: false,
};

impl<'a> Checker<'a> {
    /// A `structure` item.
    pub(super) fn structure(&mut self, s: &'a Structure) {
        let span = s.name.span.to(s.shape.kind.span).to(s.shape.underlying.span);
        let id = self.owned(&s.name.value, &s.shape, span);
        // A second structure of the name was reported; the first keeps it.
        self.structure_ids.entry(&s.name.value).or_insert(id);
    }

    /// The structure that a shape makes, under a key. One whose legs are wrong, which was reported, is kept without legs, so
    /// that the rules about it are checked as far as they do not speak of a leg.
    pub(super) fn owned(&mut self, key: &str, shape: &Shape, span: Span) -> Option<StructureId> {
        let (kind, long) = self.shape_kind(shape)?;
        let underlying = self.underlying(shape, kind)?;
        let made = self.made(key, shape, (kind, long), underlying, span);
        let id = StructureId(u32::try_from(self.structures.len()).ok()?);
        self.structures.push(made.unwrap_or_else(|| StructureDef {
            key: key.to_owned(),
            shape: shape.kind.value.clone(),
            underlying,
            legs: Vec::new(),
            defined_risk: true,
            span,
        }));
        Some(id)
    }

    fn made(
        &mut self,
        key: &str,
        shape: &Shape,
        (kind, long): (&'static str, bool),
        underlying: Instrument,
        span: Span,
    ) -> Option<StructureDef> {
        let parts = self.parts(shape, kind)?;
        let slots = self.slots(shape, kind, long, &parts)?;
        self.legs(key, shape, kind, underlying, &parts, slots, span)
    }

    /// The shape's name, and whether it is bought: `short straddle` is sold.
    fn shape_kind(&mut self, shape: &Shape) -> Option<(&'static str, bool)> {
        let words = shape.kind.value.as_str();
        let (long, rest) = match words.split_once(' ') {
            Some(("short", rest)) => (false, rest),
            Some(("long", rest)) => (true, rest),
            _ => (true, words),
        };
        let prefixed = rest != words;
        let sided = matches!(
            rest,
            "put" | "call" | "straddle" | "put butterfly" | "call butterfly"
        );
        if let Some(kind) = SHAPES.iter().find(|s| **s == rest).filter(|_| !prefixed || sided) {
            return Some((kind, long));
        }
        let help = match words {
            "condor" => "did you mean `iron condor`?".to_owned(),
            "butterfly" => "did you mean `put butterfly` or `call butterfly`?".to_owned(),
            "spread" | "vertical" => "did you mean `put spread` or `call spread`?".to_owned(),
            "iron butterfly" => "did you mean `iron fly`?".to_owned(),
            _ => did_you_mean(words, SHAPES.iter().copied())
                .unwrap_or_else(|| "write `legs` for a combination without a name of its own".to_owned()),
        };
        self.error(
            codes::UNKNOWN_SHAPE,
            shape.kind.span,
            format!("there is no shape `{words}`"),
            help,
        )
    }

    fn underlying(&mut self, shape: &Shape, kind: &str) -> Option<Instrument> {
        let name = &shape.underlying;
        let Some(instrument) = reference::instrument(&name.value) else {
            let help =
                did_you_mean(&name.value, Instrument::ALL.iter().map(|i| i.name())).unwrap_or_else(|| {
                    "options exist on SPX, XSP and VIX; futures on VX and ES; shares are VXX, VXZ and VIXY"
                        .to_owned()
                });
            let message = format!("there is no instrument `{}`", name.value);
            return self.error(codes::UNKNOWN_INSTRUMENT, name.span, message, help);
        };
        let future = kind.starts_with("future");
        let fits = if kind == "shares" {
            instrument.is_vix_shares()
        } else if future {
            matches!(instrument, Instrument::Vx | Instrument::Es)
        } else {
            super::call::has_options(instrument)
        };
        if fits {
            return Some(instrument);
        }
        let (what, help) = match (future, instrument) {
            _ if kind == "shares" => (
                "shares that are held as a structure",
                "shares are those of VXX, VXZ and VIXY; `SPY` is traded by an overlay",
            ),
            (false, i) if i.is_vix_shares() => (
                "options here",
                "its options may be exercised early and deliver shares; write `shares`, or `call on VIX`",
            ),
            (true, i) if i.is_vix_shares() => ("futures", "it holds futures itself: write `shares`"),
            (false, Instrument::Vx) => ("options", "options on volatility are those of `VIX`"),
            (false, Instrument::Es) => (
                "options",
                "write `SPX`, whose options are European and cash-settled",
            ),
            (true, Instrument::Vix) => ("futures", "futures on VIX are the curve `VX`"),
            (true, _) => ("futures", "futures exist on VX and ES"),
            (false, Instrument::Spy) => (
                "options that settle in cash",
                "options on SPY may be exercised early and deliver shares, which no price here allows for; write `XSP`, whose options have the same size, are European and settle in cash",
            ),
            (false, _) => ("options", "options exist on SPX, XSP and VIX"),
        };
        let d = Diagnostic::error(
            codes::NOT_TRADABLE,
            name.span,
            format!("`{}` has no {what}", name.value),
        )
        .also(shape.kind.span, format!("this is made of {what}"))
        .help(help);
        self.fail(d)
    }

    fn parts<'e>(&mut self, shape: &'e Shape, kind: &str) -> Option<Parts<'e>> {
        let allows = match kind {
            "iron condor" => Allows {
                legs: true,
                wings: true,
                ..NONE
            },
            "iron fly" | "put butterfly" | "call butterfly" => Allows {
                legs: true,
                strike: true,
                wings: true,
                ..NONE
            },
            "straddle" | "put" | "call" => Allows {
                legs: true,
                strike: true,
                ..NONE
            },
            "future" | "future spread" => Allows { months: true, ..NONE },
            "shares" => Allows { shares: true, ..NONE },
            _ => Allows { legs: true, ..NONE },
        };
        let errors = self.findings.len();
        let mut parts = Parts::default();
        for clause in &shape.clauses {
            let (word, allowed) = match &clause.value {
                LegClause::Expiry(_) => ("expiry", !allows.months && !allows.shares),
                LegClause::Leg { .. } => ("an option leg", allows.legs),
                LegClause::Strike(_) => ("strike", allows.strike),
                LegClause::Wings(_) => ("wings", allows.wings),
                LegClause::Month { .. } => ("month", allows.months),
                LegClause::Shares { .. } => ("shares", allows.shares),
            };
            if !allowed {
                let help = match word {
                    "strike" => "say for each leg where its strike is: `short put at 16 delta`",
                    "month" => "months belong to `future` and `future spread`",
                    "shares" => "shares are a structure of their own: `shares on VXX { long 100 shares }`",
                    _ if allows.shares => "say how many a lot has: `long 100 shares`",
                    "expiry" => "a future is chosen by its month: `long month 4`",
                    _ if allows.months => "say the months: `long month 4`",
                    _ => "leave it out, or write the structure as `legs`",
                };
                let message = match word {
                    "an option leg" => format!("a `{kind}` has no option legs"),
                    _ => format!("a `{kind}` has no `{word}` clause"),
                };
                self.report(Diagnostic::error(codes::UNEXPECTED_LEG, clause.span, message).help(help));
                continue;
            }
            match &clause.value {
                LegClause::Expiry(e) => match parts.expiry {
                    Some((_, first)) => self.duplicate("expiry", first, clause.span),
                    None => parts.expiry = Some((e, clause.span)),
                },
                LegClause::Strike(s) => match parts.strike {
                    Some((_, first)) => self.duplicate("strike", first, clause.span),
                    None => parts.strike = Some((s, clause.span)),
                },
                LegClause::Wings(a) => match parts.wings {
                    Some((_, first)) => self.duplicate("wings", first, clause.span),
                    None => parts.wings = Some((a, clause.span)),
                },
                LegClause::Month { side, month } => {
                    if let Some(month) = self.future_month(month) {
                        parts.months.push((*side, month, clause.span));
                    }
                }
                LegClause::Shares { side, count } => match parts.shares {
                    Some((_, _, first)) => self.duplicate("shares", first, clause.span),
                    None => parts.shares = self.shares_of_a_lot(*side, count, clause.span),
                },
                LegClause::Leg {
                    leg,
                    ratio,
                    strike,
                    expiry,
                } => {
                    let ratio = ratio.as_ref().map_or(Some(1), |r| self.ratio(r)).unwrap_or(1);
                    let expiry = expiry.as_ref();
                    if let Some(first) = parts.legs.iter().find(|l| leg_words(l.leg) == leg_words(leg)) {
                        let first = first.span;
                        self.duplicate(&leg_words(leg), first, clause.span);
                        continue;
                    }
                    parts.legs.push(Leg {
                        leg,
                        ratio,
                        strike,
                        expiry,
                        span: clause.span,
                    });
                }
            }
        }
        (self.findings.len() == errors).then_some(parts)
    }

    fn future_month(&mut self, l: &Literal) -> Option<u8> {
        let month = whole_number(l.number).filter(|m| l.unit == LitUnit::None && (1..=12).contains(m));
        if let Some(m) = month.and_then(|m| u8::try_from(m).ok()) {
            return Some(m);
        }
        let text = self.text(l.span);
        let message = format!("`{text}` is not a month of the curve");
        self.error(
            codes::BAD_CONSTANT,
            l.span,
            message,
            "write a whole number from 1 (the front) to 12",
        )
    }

    /// Shares are bought and not sold short: what it costs to borrow them is not known here.
    fn shares_of_a_lot(&mut self, side: Side, l: &Literal, span: Span) -> Option<(Side, u32, Span)> {
        if side == Side::Short {
            let message = "shares are not sold short here";
            let help = "what borrowing them costs, and when they are called back, is not known: write `long`, or sell a future on `VX`";
            return self.error(codes::NOT_TRADABLE, span, message, help);
        }
        let count = whole_number(l.number).filter(|n| (1..=10_000).contains(n));
        if let Some(count) = count {
            return Some((side, count, span));
        }
        let text = self.text(l.span);
        let message = format!("`{text}` is not a number of shares");
        self.error(
            codes::BAD_RATIO,
            l.span,
            message,
            "write a whole number from 1 to 10000",
        )
    }

    fn ratio(&mut self, l: &Literal) -> Option<u32> {
        let ratio = whole_number(l.number).filter(|r| (1..=100).contains(r));
        if ratio.is_some() {
            return ratio;
        }
        let text = self.text(l.span);
        let message = format!("`{text}` is not a number of contracts");
        self.error(
            codes::BAD_RATIO,
            l.span,
            message,
            "write a whole number from 1 to 100",
        )
    }
}
