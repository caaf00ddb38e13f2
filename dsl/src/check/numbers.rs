//! Literals and amounts.

use super::Checker;
use super::value::{Affine, Val, canonical, literal_unit, number};
use crate::ast::{Amount, Ident, ItemKind, LitUnit, Literal};
use crate::diagnostic::{Diagnostic, codes};
use crate::graph::{Clock, Domain, NodeId, Op, ThresholdId};
use crate::lower::Origin;
use crate::resolve::kind_word;
use crate::resolve::suggest::did_you_mean;
use crate::span::Span;
use crate::unit::Unit;

/// An amount that was found: its node, the unit in which it was written, its value (a threshold's default), its place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Amounted {
    pub(super) id: NodeId,
    pub(super) unit: LitUnit,
    pub(super) value: f64,
    pub(super) span: Span,
    /// The value can change at run time.
    pub(super) threshold: bool,
}

impl Checker<'_> {
    /// A literal as a value of an expression.
    pub(super) fn literal(&mut self, l: &Literal, key: &str) -> Option<Val> {
        let Some(unit) = literal_unit(l.unit) else {
            let text = self.text(l.span);
            let help = match l.unit {
                LitUnit::Sd => "for standard deviations of a series write `zscore(series, window)`",
                _ => "durations belong to windows (`rsi(x, 14)`), `for`, `within` and `every`",
            };
            return self.error(
                codes::UNIT_NOT_HERE,
                l.span,
                format!("`{text}` has no meaning here"),
                help,
            );
        };
        let x = canonical(l);
        let origin = Origin::new(key, self.text(l.span), l.span);
        let id = self.builder.number(x, number(unit), origin);
        Some(Val {
            id,
            affine: if l.plus { Affine::Change } else { Affine::Free },
            zero: l.unit == LitUnit::None && x == 0.0,
        })
    }

    /// The node of a threshold.
    pub(super) fn threshold(&mut self, index: usize) -> Option<Val> {
        let t = self.thresholds.get(index)?;
        let id = ThresholdId(u32::try_from(index).ok()?);
        let origin = Origin::new(&t.name, &t.name, t.span);
        let kind = number(t.unit);
        let id = self.builder.emit(
            Op::Threshold(id),
            Vec::new(),
            kind,
            Clock::Constant,
            Domain::Market,
            origin,
        );
        Some(Val::free(id))
    }

    pub(super) fn threshold_index(&self, name: &str) -> Option<usize> {
        self.thresholds.iter().position(|t| t.name == name)
    }

    /// A literal, or the name of a threshold.
    pub(super) fn amount(&mut self, a: &Amount, key: &str) -> Option<Amounted> {
        match a {
            Amount::Literal(l) => {
                let unit = literal_unit(l.unit).unwrap_or(Unit::NONE);
                let value = canonical(l);
                let origin = Origin::new(key, self.text(l.span), l.span);
                let id = self.builder.number(value, number(unit), origin);
                Some(Amounted {
                    id,
                    unit: l.unit,
                    value,
                    span: l.span,
                    threshold: false,
                })
            }
            Amount::Name(name) => self.named_amount(name),
        }
    }

    fn named_amount(&mut self, name: &Ident) -> Option<Amounted> {
        if let Some(index) = self.threshold_index(&name.value) {
            let id = self.threshold(index)?.id;
            let value = self.thresholds.get(index)?.default;
            let unit = self.threshold_units.get(index).copied()?;
            return Some(Amounted {
                id,
                unit,
                value,
                span: name.span,
                threshold: true,
            });
        }
        if let Some(symbol) = self.symbols.by_name.get(name.value.as_str()) {
            if matches!(symbol.item.kind, ItemKind::Threshold(_)) {
                return None; // declared, but wrong: reported where it is declared
            }
            let what = kind_word(&symbol.item.kind);
            return self.fail(
                Diagnostic::error(
                    codes::WRONG_KIND_OF_NAME,
                    name.span,
                    format!(
                        "`{}` is a {what}; an amount is a number or a threshold",
                        name.value
                    ),
                )
                .also(symbol.name.span, format!("declared here as a {what}"))
                .help("write a number, or declare a `threshold`"),
            );
        }
        if self.symbols.broken.contains(name.value.as_str()) {
            return None;
        }
        let names: Vec<String> = self.thresholds.iter().map(|t| t.name.clone()).collect();
        let help = did_you_mean(&name.value, names.iter().map(String::as_str))
            .unwrap_or_else(|| format!("declare it: `threshold {} = … in …..… /// …`", name.value));
        self.error(
            codes::UNKNOWN_NAME,
            name.span,
            format!("there is no threshold `{}`", name.value),
            help,
        )
    }

    /// An amount of one of the given units; a bare number is taken when `LitUnit::None` is among them, a zero always.
    pub(super) fn amount_in(
        &mut self,
        a: &Amount,
        units: &[LitUnit],
        wanted: &str,
        key: &str,
    ) -> Option<Amounted> {
        let found = self.amount(a, key)?;
        if units.contains(&found.unit) || (found.unit == LitUnit::None && found.value == 0.0) {
            return Some(found);
        }
        let text = self.text(found.span);
        self.error(
            codes::WRONG_UNIT,
            found.span,
            format!("`{text}` is not {wanted}"),
            format!("write {wanted}"),
        )
    }

    /// A share, such as `50%`, above 0% and at most 100%.
    pub(super) fn share(&mut self, a: &Amount, what: &str, zero: bool, key: &str) -> Option<NodeId> {
        let units = [LitUnit::Percent, LitUnit::Bps, LitUnit::None];
        let found = self.amount_in(a, &units, "a percentage, such as `50%`", key)?;
        let low = if zero {
            found.value < 0.0
        } else {
            found.value <= 0.0
        };
        if low || found.value > 1.0 {
            let text = self.text(found.span);
            let range = if zero {
                "from 0% to 100%"
            } else {
                "above 0% and at most 100%"
            };
            let message = format!("{what} `{text}` is not {range}");
            return self.error(
                codes::BAD_SETTING,
                found.span,
                message,
                "write a percentage such as `50%`",
            );
        }
        Some(found.id)
    }

    /// A whole number that is at least 1: lots, positions.
    pub(super) fn whole(&mut self, a: &Amount, units: &[LitUnit], wanted: &str, key: &str) -> Option<NodeId> {
        let found = self.amount_in(a, units, wanted, key)?;
        if found.value < 1.0 || found.value.fract() != 0.0 {
            let text = self.text(found.span);
            let message = format!("`{text}` is not a whole number of at least 1");
            return self.error(
                codes::BAD_CONSTANT,
                found.span,
                message,
                format!("write {wanted}"),
            );
        }
        Some(found.id)
    }
}
