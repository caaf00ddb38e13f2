//! Numbers with their units, amounts and ranges.

use super::{Builder, Kids, Rule};
use crate::ast::{Amount, LitUnit, Literal};
use crate::diagnostic::codes;
use pest::iterators::Pair;

/// The unit of a spelling that the grammar accepts.
fn unit_of(text: &str) -> LitUnit {
    match text {
        "%" => LitUnit::Percent,
        "bps" => LitUnit::Bps,
        "vol" => LitUnit::Vol,
        "pts" => LitUnit::Pts,
        "delta" => LitUnit::Delta,
        "sd" => LitUnit::Sd,
        "dte" => LitUnit::Dte,
        "lot" | "lots" => LitUnit::Lots,
        "position" | "positions" => LitUnit::Positions,
        "m" => LitUnit::Minutes,
        "h" => LitUnit::Hours,
        "day" | "days" => LitUnit::Days,
        "session" | "sessions" => LitUnit::Sessions,
        "bar" | "bars" => LitUnit::Bars,
        "tick" | "ticks" => LitUnit::Ticks,
        _ => LitUnit::None,
    }
}

/// What to write instead of a unit that the language does not know.
fn instead(unit: &str, number: &str) -> String {
    let other = match unit {
        "percent" | "pct" => "%",
        "bp" | "basis" => " bps",
        "vols" | "volatility" => " vol",
        "pt" | "point" | "points" => " pts",
        "deltas" => " delta",
        "stdev" | "sigma" => " sd",
        "contract" | "contracts" if number == "1" => " lot",
        "contract" | "contracts" => " lots",
        "minute" | "minutes" | "min" | "mins" => "m",
        "hour" | "hours" => "h",
        "dollar" | "dollars" | "usd" | "USD" => return format!("write `${number}`"),
        "d" => return format!("write `{number} delta` or `{number} days`"),
        "x" => return format!("write `{number}` for a ratio"),
        _ => return "write calendar `days` or trading `sessions`".to_owned(),
    };
    format!("write `{number}{other}`")
}

impl Builder {
    /// A `number` pair; `sign` is -1, 1 or nothing.
    pub(super) fn number(&mut self, pair: &Pair<'_, Rule>, sign: Option<bool>) -> Option<Literal> {
        let span = self.span(pair);
        let mut dollar = false;
        let mut unit = None;
        let mut text = "";
        for p in pair.clone().into_inner() {
            match p.as_rule() {
                Rule::dollar => dollar = true,
                Rule::digits => text = p.as_str(),
                Rule::unit => unit = Some(unit_of(p.as_str())),
                _ => {
                    let wrong = p.as_str();
                    let help = instead(wrong, text);
                    self.refuse(
                        codes::FOREIGN_UNIT,
                        self.span(&p),
                        format!("unknown unit `{wrong}`"),
                        help,
                    );
                    return None;
                }
            }
        }
        if dollar && unit.is_some() {
            let message = format!("`{}` has two units", pair.as_str());
            self.refuse(codes::BAD_NUMBER, span, message, "keep the `$` or the unit");
            return None;
        }
        let plain: String = text.chars().filter(|c| *c != '_').collect();
        let decimals = plain.split_once('.').map_or(0, |(_, d)| d.len());
        let Ok(number) = plain.parse::<f64>() else {
            self.report(codes::BAD_NUMBER, span, format!("`{text}` is not a number"));
            return None;
        };
        Some(Literal {
            number: if sign == Some(false) { -number } else { number },
            decimals: u8::try_from(decimals).unwrap_or(u8::MAX),
            unit: if dollar {
                LitUnit::Usd
            } else {
                unit.unwrap_or(LitUnit::None)
            },
            plus: sign == Some(true),
            span,
        })
    }

    /// A `literal` pair: a number with its sign.
    pub(super) fn literal(&mut self, pair: &Pair<'_, Rule>) -> Option<Literal> {
        let span = self.span(pair);
        let mut sign = None;
        for p in pair.clone().into_inner() {
            match p.as_rule() {
                Rule::sign => sign = Some(p.as_str() == "+"),
                _ => return self.number(&p, sign).map(|l| Literal { span, ..l }),
            }
        }
        None
    }

    pub(super) fn next_literal(&mut self, kids: &mut Kids<'_>) -> Option<Literal> {
        self.literal(&kids.next()?)
    }

    /// Reports `delta 16`.
    pub(super) fn reversed(&mut self, pair: &Pair<'_, Rule>) {
        let span = self.span(pair);
        let mut inner = pair.clone().into_inner();
        let unit = inner.next().map_or("", |p| p.as_str());
        let number = inner.next().map_or("", |p| p.as_str());
        let message = format!("the unit `{unit}` stands before its number");
        self.refuse(
            codes::UNIT_BEFORE_NUMBER,
            span,
            message,
            format!("write `{number} {unit}`"),
        );
    }

    /// An `amount` pair.
    pub(super) fn amount(&mut self, pair: Pair<'_, Rule>) -> Option<Amount> {
        let inner = pair.into_inner().next()?;
        match inner.as_rule() {
            Rule::literal => self.literal(&inner).map(Amount::Literal),
            Rule::bad_reversed => {
                self.reversed(&inner);
                None
            }
            _ => Some(Amount::Name(self.ident(&inner))),
        }
    }

    pub(super) fn next_amount(&mut self, kids: &mut Kids<'_>) -> Option<Amount> {
        self.amount(kids.next()?)
    }

    /// A `literal_range` pair.
    pub(super) fn literal_range(&mut self, pair: Pair<'_, Rule>) -> Option<(Literal, Literal)> {
        let mut kids = Kids::of(pair);
        let mut lo = self.next_literal(&mut kids)?;
        let hi = self.next_literal(&mut kids)?;
        share_unit(&mut lo, &hi);
        Some((lo, hi))
    }

    /// An `amount_range` pair.
    pub(super) fn amount_range(&mut self, pair: Pair<'_, Rule>) -> Option<(Amount, Amount)> {
        let mut kids = Kids::of(pair);
        let mut lo = self.next_amount(&mut kids)?;
        let hi = self.next_amount(&mut kids)?;
        if let (Amount::Literal(lo), Amount::Literal(hi)) = (&mut lo, &hi) {
            share_unit(lo, hi);
        }
        Some((lo, hi))
    }
}

/// In a range the lower bound takes the unit of the upper one when it wrote none: `38..52 dte`.
pub(super) fn share_unit(lo: &mut Literal, hi: &Literal) {
    if lo.unit == LitUnit::None && hi.unit != LitUnit::Usd {
        lo.unit = hi.unit;
    }
}
