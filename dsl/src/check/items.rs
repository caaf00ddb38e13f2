//! Declarations: thresholds, series, scripts, plugins; and signals in the order of their dependencies.

use super::Checker;
use super::order::signal_order;
use super::value::{Place, canonical, literal_unit, suffix};
use crate::ast::{Ident, ItemKind, LitUnit, Literal, Script, Series, Threshold};
use crate::diagnostic::{Diagnostic, codes};
use crate::graph::{EventDef, EventId, FeedDef, Length, ScriptDef, ScriptId, ThresholdDef, ValueKind};
use crate::reference;
use crate::resolve::kind_word;
use crate::resolve::suggest::{did_you_mean, one_of};
use crate::span::Span;
use std::collections::BTreeMap;

impl<'a> Checker<'a> {
    /// Everything that expressions may name without being expressions.
    pub(super) fn declarations(&mut self) {
        let symbols = self.symbols;
        for item in &symbols.items {
            match &item.kind {
                ItemKind::Threshold(t) => self.declare_threshold(t, &item.doc, item.span),
                ItemKind::Series(s) => self.declare_series(s, item.span),
                ItemKind::Script(s) => self.declare_script(s),
                ItemKind::UsePlugin(u) => self.declare_plugin(u),
                _ => {}
            }
        }
    }

    fn declare_threshold(&mut self, t: &Threshold, doc: &str, span: Span) {
        let literals = [&t.default, &t.min, &t.max];
        let is_value = |l: &&&Literal| literal_unit(l.unit).is_some() || l.unit == LitUnit::Sd;
        if let Some(l) = literals.iter().find(|l| !is_value(l)) {
            let text = self.text(l.span);
            let message = format!("a threshold cannot be a duration such as `{text}`");
            let help =
                "windows and durations are written where they stand: changing them would discard warm-ups";
            return self.report(Diagnostic::error(codes::UNIT_NOT_HERE, l.span, message).help(help));
        }
        // The unit is that of the first literal that has one; a bare zero goes with any.
        let written = literals
            .iter()
            .find(|l| l.unit != LitUnit::None)
            .map_or(LitUnit::None, |l| l.unit);
        if let Some(odd) = literals
            .iter()
            .find(|l| !(l.unit == written || l.unit == LitUnit::None && l.number == 0.0))
        {
            let with = literals
                .iter()
                .find(|l| l.unit == written)
                .copied()
                .unwrap_or(&t.default);
            let message = format!("`{}` is written in two units", t.name.value);
            let d = Diagnostic::error(codes::THRESHOLD_UNITS, odd.span, message)
                .label(unit_words(odd))
                .also(with.span, unit_words(with))
                .help(match suffix(written) {
                    "" => "write default and range in one unit".to_owned(),
                    s => format!("write default and range with `{s}`"),
                });
            return self.report(d);
        }
        let [default, min, max] = literals.map(canonical);
        if min > max {
            let (lo, hi) = (self.text(t.min.span), self.text(t.max.span));
            let d = Diagnostic::error(
                codes::RANGE_INVERTED,
                t.min.span.to(t.max.span),
                format!("the range `{lo}..{hi}` contains nothing"),
            )
            .label("the lower end is above the upper end")
            .help(format!("write `{}`", turned(&lo, &hi)));
            return self.report(d);
        }
        if !(min..=max).contains(&default) {
            let (text, lo, hi) = (
                self.text(t.default.span),
                self.text(t.min.span),
                self.text(t.max.span),
            );
            let d = Diagnostic::error(
                codes::DEFAULT_OUT_OF_RANGE,
                t.default.span,
                format!(
                    "the default `{text}` of `{}` lies outside its range",
                    t.name.value
                ),
            )
            .label("the default")
            .also(t.min.span.to(t.max.span), "the range")
            .help(format!("choose a default from {lo} to {hi}, or widen the range"));
            return self.report(d);
        }
        self.threshold_units.push(written);
        self.thresholds.push(ThresholdDef {
            name: t.name.value.clone(),
            unit: literal_unit(written).unwrap_or_default(),
            suffix: suffix(written),
            default,
            min,
            max,
            doc: doc.to_owned(),
            span,
        });
    }

    fn declare_series(&mut self, s: &Series, span: Span) {
        let kind = match &s.unit {
            None => Some(ValueKind::Number(crate::unit::Unit::NONE)),
            Some(unit) => self.unit_word(unit, false),
        };
        let Some(ValueKind::Number(unit)) = kind else {
            return;
        };
        let stale_after = match &s.stale_after {
            None => None,
            Some(l) => match self.duration(l) {
                Some(length) => Some(length),
                None => return,
            },
        };
        let (name, feed) = (s.name.value.clone(), s.feed.value.clone());
        self.feeds.push(FeedDef {
            name,
            feed,
            unit,
            stale_after,
            span,
        });
    }

    fn declare_script(&mut self, s: &Script) {
        let mut params: Vec<(String, ValueKind)> = Vec::new();
        let mut first: BTreeMap<&str, Span> = BTreeMap::new();
        for (name, unit) in &s.params {
            if let Some(span) = first.insert(&name.value, name.span) {
                self.report(
                    Diagnostic::error(
                        codes::DUPLICATE_NAME,
                        name.span,
                        format!("the parameter `{}` is declared twice", name.value),
                    )
                    .label("again here")
                    .also(span, "first here")
                    .help("rename one of them"),
                );
            }
            let Some(kind) = self.unit_word(unit, true) else {
                return;
            };
            params.push((name.value.clone(), kind));
        }
        let Some(returns) = self.unit_word(&s.returns, true) else {
            return;
        };
        let def = ScriptDef {
            name: s.name.value.clone(),
            params,
            returns,
            file: s.file.value.clone(),
            span: s.name.span,
        };
        self.scripts.push(def);
    }

    /// The id of a script with this signature, new or known. Two signatures of one name are an error.
    pub(super) fn script_id(&mut self, def: ScriptDef) -> Option<ScriptId> {
        if let Some(i) = self.scripts.iter().position(|s| s.name == def.name) {
            let known = self.scripts.get(i)?;
            let kinds = |s: &ScriptDef| s.params.iter().map(|(_, k)| *k).collect::<Vec<_>>();
            if kinds(known) != kinds(&def) || known.returns != def.returns {
                let d = Diagnostic::error(
                    codes::SCRIPT_CONFLICT,
                    def.span,
                    format!("the script `{}` has two signatures", def.name),
                )
                .label(signature_text(&def))
                .also(known.span, signature_text(known))
                .help("a Rhai function has one signature: pass the same units everywhere, or give the scripts two names");
                return self.fail(d);
            }
            return u32::try_from(i).ok().map(ScriptId);
        }
        let id = u32::try_from(self.scripts.len()).ok().map(ScriptId);
        self.scripts.push(def);
        id
    }

    /// `vol`, `ratio`, `bool` of a declaration.
    pub(super) fn unit_word(&mut self, word: &Ident, condition: bool) -> Option<ValueKind> {
        if condition && word.value == "bool" {
            return Some(ValueKind::Bool);
        }
        if let Some((_, unit)) = reference::UNITS.iter().find(|(name, _)| *name == word.value) {
            return Some(ValueKind::Number(*unit));
        }
        let mut names: Vec<&str> = reference::UNITS.iter().map(|(name, _)| *name).collect();
        if condition {
            names.push("bool");
        }
        let help = did_you_mean(&word.value, names.iter().copied())
            .unwrap_or_else(|| format!("write {}", one_of(&names)));
        self.error(
            codes::UNKNOWN_UNIT,
            word.span,
            format!("there is no unit `{}`", word.value),
            help,
        )
    }

    /// A length in calendar terms: `5m`, `2h`, `1 day`, `1 session`.
    pub(super) fn duration(&mut self, l: &Literal) -> Option<Length> {
        let text = self.text(l.span);
        let help = "write a whole number of `days`, `sessions`, minutes (`5m`) or hours (`2h`)";
        let Some(n) = whole_number(l.number).filter(|n| *n >= 1) else {
            return self.error(
                codes::BAD_CONSTANT,
                l.span,
                format!("`{text}` is not a positive whole length"),
                help,
            );
        };
        let length = match l.unit {
            LitUnit::Minutes => Length::Minutes(n),
            LitUnit::Hours => Length::Minutes(n.saturating_mul(60)),
            LitUnit::Days => Length::Days(n),
            LitUnit::Sessions => Length::Sessions(n),
            _ => {
                return self.error(
                    codes::UNIT_NOT_HERE,
                    l.span,
                    format!("`{text}` is not a length of time"),
                    help,
                );
            }
        };
        Some(length)
    }

    /// The id of an event calendar, declared or built in.
    pub(super) fn event(&mut self, name: &Ident) -> Option<EventId> {
        let declared = self.symbols.by_name.get(name.value.as_str());
        let feed = match declared.map(|s| &s.item.kind) {
            Some(ItemKind::Event(e)) => e.feed.value.clone(),
            Some(kind) => {
                let what = kind_word(kind);
                let at = declared.map_or(name.span, |s| s.name.span);
                let d = Diagnostic::error(
                    codes::WRONG_KIND_OF_NAME,
                    name.span,
                    format!("`{}` is a {what}, not an event", name.value),
                )
                .also(at, format!("declared here as a {what}"))
                .help("events are `fomc`, `cpi`, `ppi`, `opex`, or declared: `event name = feed(\"…\")`");
                return self.fail(d);
            }
            None if reference::EVENTS.iter().any(|(e, _)| *e == name.value) => name.value.to_uppercase(),
            None if self.symbols.broken.contains(name.value.as_str()) => return None,
            None => {
                let symbols = self.symbols;
                let own = symbols
                    .by_name
                    .iter()
                    .filter(|(_, s)| matches!(s.item.kind, ItemKind::Event(_)));
                let names = reference::EVENTS
                    .iter()
                    .map(|(e, _)| *e)
                    .chain(own.map(|(n, _)| *n));
                let help = did_you_mean(&name.value, names)
                    .unwrap_or_else(|| format!("declare it: `event {} = feed(\"…\")`", name.value));
                let message = format!("there is no event `{}`", name.value);
                return self.error(codes::UNKNOWN_NAME, name.span, message, help);
            }
        };
        let index = self
            .events
            .iter()
            .position(|e| e.name == name.value)
            .unwrap_or_else(|| {
                self.events.push(EventDef {
                    name: name.value.clone(),
                    feed,
                });
                self.events.len() - 1
            });
        u32::try_from(index).ok().map(EventId)
    }

    /// Signals, each after those that it speaks of.
    pub(super) fn signals(&mut self) {
        let order = signal_order(self.symbols, &mut self.findings);
        for (name, signal) in order {
            let value = signal.and_then(|s| {
                let value = self.expr(&s.expr, Place::Market, name)?;
                let mut named = std::mem::take(&mut self.named);
                self.builder.name(value.id, name, &mut named);
                self.named = named;
                Some(value)
            });
            self.signals.insert(name, value);
        }
    }
}

/// A literal's unit in words, for labels.
fn unit_words(l: &Literal) -> String {
    match suffix(l.unit) {
        "" => "no unit".to_owned(),
        s => format!("in `{s}`"),
    }
}

fn signature_text(def: &ScriptDef) -> String {
    let params: Vec<String> = def
        .params
        .iter()
        .map(|(_, k)| super::value::kind_text(*k))
        .collect();
    format!(
        "({}) -> {}",
        params.join(", "),
        super::value::kind_text(def.returns)
    )
}

/// A number as a whole one, when it is.
pub(super) fn whole_number(x: f64) -> Option<u32> {
    if x.fract() != 0.0 || !(0.0..=f64::from(u32::MAX)).contains(&x) {
        return None;
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "whole and in range, checked above"
    )]
    let n = x as u32;
    Some(n)
}

/// A range with its ends exchanged; a unit that stands at the upper end alone stays there.
fn turned(lo: &str, hi: &str) -> String {
    let split = |text: &str| {
        let unit = |c: char| c.is_alphabetic() || c == '%' || c == ' ';
        let at = text.find(unit).unwrap_or(text.len());
        let (number, unit) = text.split_at(at);
        (number.to_owned(), unit.to_owned())
    };
    match (split(lo), split(hi)) {
        ((low, none), (high, unit)) if none.is_empty() && !unit.is_empty() => format!("{high}..{low}{unit}"),
        _ => format!("{hi}..{lo}"),
    }
}
