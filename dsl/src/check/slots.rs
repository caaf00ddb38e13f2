//! The legs that each shape makes of its clauses.

use super::Checker;
use super::leg::{leg_words, right_word, side_word};
use super::shape::{Leg, Parts, Slot, Want};
use crate::ast::{Amount, Direction, Right, Shape, Side, StrikeSelector};
use crate::diagnostic::{Diagnostic, codes};
use crate::span::Span;

impl Checker<'_> {
    pub(super) fn slots<'e>(
        &mut self,
        shape: &Shape,
        kind: &str,
        long: bool,
        parts: &Parts<'e>,
    ) -> Option<Vec<Slot<'e>>> {
        let right = if kind.starts_with("put") {
            Right::Put
        } else {
            Right::Call
        };
        match kind {
            "iron condor" => self.condor(shape, kind, parts),
            "iron fly" if parts.legs.is_empty() => self.fly(shape, kind, parts),
            "iron fly" => self.condor(shape, kind, parts),
            "strangle" => self.pair(shape, kind, parts),
            "straddle" if parts.legs.is_empty() => self.straddle(shape, long, parts),
            "straddle" => self.pair(shape, kind, parts),
            "put spread" | "call spread" => self.vertical(shape, kind, right, parts),
            "put butterfly" | "call butterfly" => self.butterfly(shape, kind, right, long, parts),
            "calendar" => self.calendar(shape, parts),
            "put" | "call" => self.single(shape, kind, right, long, parts),
            "future" => self.futures(shape, kind, 1, parts),
            "future spread" => self.futures(shape, kind, 2, parts),
            "shares" => self.shares(shape, parts),
            _ if parts.legs.is_empty() => {
                self.missing(shape, "a leg", "add legs, such as `short put at 16 delta`")
            }
            _ => Some(parts.legs.iter().map(written).collect()),
        }
    }

    fn missing<T>(&mut self, shape: &Shape, what: &str, help: impl Into<String>) -> Option<T> {
        let message = format!("the `{}` lacks {what}", shape.kind.value);
        self.error(codes::MISSING_LEG, shape.kind.span, message, help)
    }

    fn unexpected<T>(&mut self, span: Span, kind: &str, what: &str) -> Option<T> {
        let message = format!("a `{kind}` has no {what}");
        self.error(
            codes::UNEXPECTED_LEG,
            span,
            message,
            "leave it out, or write the structure as `legs`",
        )
    }

    fn misfit_legs<T>(&mut self, shape: &Shape, parts: &Parts<'_>, message: String, help: &str) -> Option<T> {
        let mut d = Diagnostic::error(codes::LEGS_DO_NOT_FIT, shape.kind.span, message).help(help);
        for leg in parts.legs.iter().take(4) {
            d = d.also(leg.span, "");
        }
        self.fail(d)
    }

    /// Named shapes have fixed ratios.
    fn single_ratios(&mut self, kind: &str, parts: &Parts<'_>) -> Option<()> {
        let Some(odd) = parts.legs.iter().find(|l| l.ratio != 1) else {
            return Some(());
        };
        let message = format!("the legs of a `{kind}` are one contract each");
        self.error(
            codes::BAD_RATIO,
            odd.span,
            message,
            "leave the number out, or write the structure as `legs`",
        )
    }

    /// Four legs, or two sold ones with `wings`.
    fn condor<'e>(&mut self, shape: &Shape, kind: &str, parts: &Parts<'e>) -> Option<Vec<Slot<'e>>> {
        self.single_ratios(kind, parts)?;
        if let Some(named) = parts.legs.iter().find(|l| l.leg.name.is_some()) {
            return self.unexpected(named.span, kind, &format!("leg `{}`", leg_words(named.leg)));
        }
        if let Some((_, span)) = parts.strike {
            return self.unexpected(span, kind, "`strike` clause beside its legs");
        }
        let mut out = Vec::new();
        for (side, right) in [
            (Side::Short, Right::Put),
            (Side::Long, Right::Put),
            (Side::Short, Right::Call),
            (Side::Long, Right::Call),
        ] {
            let words = format!("{} {}", side_word(side), right_word(right));
            match (parts.leg(side, right), parts.wings) {
                (Some(leg), Some((_, wings))) if side == Side::Long => {
                    let d = Diagnostic::error(
                        codes::UNEXPECTED_LEG,
                        leg.span,
                        format!("`{words}` is already given by `wings`"),
                    )
                    .also(wings, "both wings stand here")
                    .help("keep `wings`, or write both bought legs");
                    return self.fail(d);
                }
                (Some(_), _) => {
                    let leg = parts
                        .legs
                        .iter()
                        .find(|l| l.leg.side == side && l.leg.right == Some(right))?;
                    out.push(written(leg));
                }
                (None, Some((amount, span))) if side == Side::Long => {
                    out.push(wing(
                        words,
                        Side::Long,
                        Some(right),
                        1,
                        amount,
                        out.len() - 1,
                        right_outward(right),
                        span,
                    ));
                }
                (None, _) => {
                    let other = match (side, right) {
                        (Side::Short, _) => format!("add `{words} at 16 delta`"),
                        (Side::Long, Right::Put) => {
                            "add `long put 50 pts below short put`, or `wings 50 pts`".to_owned()
                        }
                        (Side::Long, Right::Call) => {
                            "add `long call 50 pts above short call`, or `wings 50 pts`".to_owned()
                        }
                    };
                    return self.missing(shape, &format!("its {words}"), other);
                }
            }
        }
        Some(out)
    }

    /// `strike at money, wings 50 pts`: the body is sold.
    fn fly<'e>(&mut self, shape: &Shape, kind: &str, parts: &Parts<'e>) -> Option<Vec<Slot<'e>>> {
        let (Some((strike, at)), Some((amount, span))) = (parts.strike, parts.wings) else {
            let what = if parts.strike.is_none() {
                "the strike of its body"
            } else {
                "its wings"
            };
            return self.missing(
                shape,
                what,
                format!("write `{kind} on SPX {{ expiry nearest 30 dte, strike at money, wings 50 pts }}`"),
            );
        };
        let body = |name: &str, right, strike| Slot {
            name: name.to_owned(),
            side: Side::Short,
            right: Some(right),
            ratio: 1,
            strike,
            expiry: None,
            month: None,
            span: at,
        };
        Some(vec![
            body("short put", Right::Put, Want::Selector(strike)),
            body("short call", Right::Call, Want::SameAs(0)),
            wing(
                "long put".to_owned(),
                Side::Long,
                Some(Right::Put),
                1,
                amount,
                0,
                Direction::Below,
                span,
            ),
            wing(
                "long call".to_owned(),
                Side::Long,
                Some(Right::Call),
                1,
                amount,
                0,
                Direction::Above,
                span,
            ),
        ])
    }

    /// A strangle or straddle from two legs.
    fn pair<'e>(&mut self, shape: &Shape, kind: &str, parts: &Parts<'e>) -> Option<Vec<Slot<'e>>> {
        self.single_ratios(kind, parts)?;
        if let Some((_, span)) = parts.strike {
            return self.unexpected(span, kind, "`strike` clause beside its legs");
        }
        let [a, b] = parts.legs.as_slice() else {
            return self.missing(
                shape,
                "two legs, a put and a call",
                "add `short put at 16 delta` and `short call at 16 delta`",
            );
        };
        if a.leg.side != b.leg.side || a.leg.right == b.leg.right {
            let help = "write one put and one call, both `short` or both `long`";
            return self.misfit_legs(shape, parts, format!("these legs do not make a {kind}"), help);
        }
        let same = matches!(a.strike, StrikeSelector::SameAs(_))
            || matches!(b.strike, StrikeSelector::SameAs(_))
            || a.strike == b.strike && !matches!(a.strike, StrikeSelector::At(_));
        if kind == "straddle" && !same {
            let help =
                "put both legs on one strike: `short put at money`, `short call at strike of short put`";
            return self.misfit_legs(
                shape,
                parts,
                "the legs of a straddle share their strike".to_owned(),
                help,
            );
        }
        Some(parts.legs.iter().map(written).collect())
    }

    fn straddle<'e>(&mut self, shape: &Shape, long: bool, parts: &Parts<'e>) -> Option<Vec<Slot<'e>>> {
        let Some((strike, span)) = parts.strike else {
            return self.missing(
                shape,
                "its legs",
                "add `short put at money` and `short call at strike of short put`",
            );
        };
        let side = if long { Side::Long } else { Side::Short };
        let leg = |right, strike| Slot {
            name: format!("{} {}", side_word(side), right_word(right)),
            side,
            right: Some(right),
            ratio: 1,
            strike,
            expiry: None,
            month: None,
            span,
        };
        Some(vec![
            leg(Right::Put, Want::Selector(strike)),
            leg(Right::Call, Want::SameAs(0)),
        ])
    }

    fn vertical<'e>(
        &mut self,
        shape: &Shape,
        kind: &str,
        right: Right,
        parts: &Parts<'e>,
    ) -> Option<Vec<Slot<'e>>> {
        self.single_ratios(kind, parts)?;
        let word = right_word(right);
        let [a, b] = parts.legs.as_slice() else {
            let help = format!(
                "write one sold and one bought leg: `short {word} at 16 delta`, `long {word} 50 pts … short {word}`"
            );
            return self.missing(shape, &format!("two legs, one sold and one bought {word}"), help);
        };
        if a.leg.side == b.leg.side || a.leg.right != Some(right) || b.leg.right != Some(right) {
            let help = format!("write one `short {word}` and one `long {word}`");
            return self.misfit_legs(shape, parts, format!("these legs do not make a {kind}"), &help);
        }
        if a.expiry != b.expiry {
            let help = "two expiries make a `calendar`, or `legs`";
            return self.misfit_legs(
                shape,
                parts,
                format!("the legs of a {kind} share their expiry"),
                help,
            );
        }
        Some(parts.legs.iter().map(written).collect())
    }

    fn butterfly<'e>(
        &mut self,
        shape: &Shape,
        kind: &str,
        right: Right,
        long: bool,
        parts: &Parts<'e>,
    ) -> Option<Vec<Slot<'e>>> {
        if !parts.legs.is_empty() {
            let help = format!(
                "write `{kind} on SPX {{ expiry nearest 30 dte, at 5 delta, wings 50 pts }}`, or `legs`"
            );
            let message = format!("a {kind} is written by its body and its wings");
            return self.misfit_legs(shape, parts, message, &help);
        }
        let (Some((strike, at)), Some((amount, span))) = (parts.strike, parts.wings) else {
            let what = if parts.strike.is_none() {
                "the strike of its body"
            } else {
                "its wings"
            };
            return self.missing(shape, what, "write `at 5 delta, wings 50 pts`");
        };
        let word = right_word(right);
        let (body, wings) = if long {
            (Side::Short, Side::Long)
        } else {
            (Side::Long, Side::Short)
        };
        let name = |side, extra: &str| format!("{} {word}{extra}", side_word(side));
        Some(vec![
            Slot {
                name: name(body, ""),
                side: body,
                right: Some(right),
                ratio: 2,
                strike: Want::Selector(strike),
                expiry: None,
                month: None,
                span: at,
            },
            wing(
                name(wings, " below"),
                wings,
                Some(right),
                1,
                amount,
                0,
                Direction::Below,
                span,
            ),
            wing(
                name(wings, " above"),
                wings,
                Some(right),
                1,
                amount,
                0,
                Direction::Above,
                span,
            ),
        ])
    }

    /// One right, one strike, two expiries, one leg sold and one bought.
    fn calendar<'e>(&mut self, shape: &Shape, parts: &Parts<'e>) -> Option<Vec<Slot<'e>>> {
        self.single_ratios("calendar", parts)?;
        let help = "write `short put at 30 delta, expiry nearest 30 dte` and `long put at strike of short put, expiry nearest 60 dte`";
        let [a, b] = parts.legs.as_slice() else {
            return self.missing(shape, "two legs, one sold and one bought", help);
        };
        let fits = a.leg.side != b.leg.side && a.leg.right == b.leg.right;
        let one_strike =
            matches!(a.strike, StrikeSelector::SameAs(_)) || matches!(b.strike, StrikeSelector::SameAs(_));
        if !fits || !one_strike || a.expiry == b.expiry {
            let what = if !fits {
                "a calendar sells one expiry of an option and buys another"
            } else if one_strike {
                "the legs of a calendar differ in their expiry"
            } else {
                "the legs of a calendar share their strike"
            };
            return self.misfit_legs(shape, parts, what.to_owned(), help);
        }
        Some(parts.legs.iter().map(written).collect())
    }

    fn single<'e>(
        &mut self,
        shape: &Shape,
        kind: &str,
        right: Right,
        long: bool,
        parts: &Parts<'e>,
    ) -> Option<Vec<Slot<'e>>> {
        let side = if long { Side::Long } else { Side::Short };
        match (parts.legs.as_slice(), parts.strike) {
            ([], Some((strike, span))) => Some(vec![Slot {
                name: format!("{} {kind}", side_word(side)),
                side,
                right: Some(right),
                ratio: 1,
                strike: Want::Selector(strike),
                expiry: None,
                month: None,
                span,
            }]),
            ([leg], None) if leg.leg.right == Some(right) => Some(vec![written(leg)]),
            ([], None) => self.missing(shape, "its strike", "add `strike at 30 delta`"),
            _ => {
                let help = format!("write one `strike at 30 delta` or one `short {kind} at 30 delta`");
                self.misfit_legs(shape, parts, format!("a `{kind}` is a single option"), &help)
            }
        }
    }

    fn shares<'e>(&mut self, shape: &Shape, parts: &Parts<'e>) -> Option<Vec<Slot<'e>>> {
        let Some((side, count, span)) = parts.shares else {
            return self.missing(shape, "the shares of a lot", "write `long 100 shares`");
        };
        Some(vec![Slot {
            name: format!("{} {count} shares", side_word(side)),
            side,
            right: None,
            ratio: count,
            strike: Want::None,
            expiry: None,
            month: None,
            span,
        }])
    }

    fn futures<'e>(
        &mut self,
        shape: &Shape,
        kind: &str,
        count: usize,
        parts: &Parts<'e>,
    ) -> Option<Vec<Slot<'e>>> {
        if parts.months.len() != count {
            let help = if count == 1 {
                "write one month: `long month 1`"
            } else {
                "write two: `long month 4, short month 7`"
            };
            if let Some((_, _, extra)) = parts.months.get(count) {
                return self.unexpected(*extra, kind, "further month");
            }
            return self.missing(
                shape,
                if count == 1 { "its month" } else { "its two months" },
                help,
            );
        }
        if let [(a, m, _), (b, n, span)] = parts.months.as_slice()
            && (a == b || m == n)
        {
            let message = "a future spread buys one month and sells another";
            return self.error(
                codes::LEGS_DO_NOT_FIT,
                *span,
                message,
                "write `long month 4, short month 7`",
            );
        }
        let slot = |(side, month, span): &(Side, u8, Span)| Slot {
            name: format!("{} month {month}", side_word(*side)),
            side: *side,
            right: None,
            ratio: 1,
            strike: Want::None,
            expiry: None,
            month: Some(*month),
            span: *span,
        };
        Some(parts.months.iter().map(slot).collect())
    }
}

const fn right_outward(right: Right) -> Direction {
    match right {
        Right::Put => Direction::Below,
        Right::Call => Direction::Above,
    }
}

fn written<'e>(l: &Leg<'e>) -> Slot<'e> {
    Slot {
        name: leg_words(l.leg),
        side: l.leg.side,
        right: l.leg.right,
        ratio: l.ratio,
        strike: Want::Selector(l.strike),
        expiry: l.expiry,
        month: None,
        span: l.span,
    }
}

#[expect(clippy::too_many_arguments, reason = "the parts of one leg, each different")]
fn wing(
    name: String,
    side: Side,
    right: Option<Right>,
    ratio: u32,
    amount: &Amount,
    of: usize,
    direction: Direction,
    span: Span,
) -> Slot<'_> {
    Slot {
        name,
        side,
        right,
        ratio,
        strike: Want::Wing {
            amount,
            direction,
            of,
        },
        expiry: None,
        month: None,
        span,
    }
}
