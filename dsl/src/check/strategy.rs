//! The strategy block: settings with their defaults.

use super::Checker;
use super::items::whole_number;
use super::value::canonical;
use crate::ast::{Crossing, ItemKind, LitUnit, Literal, Setting, Strategy};
use crate::builtin::Instrument;
use crate::diagnostic::{Diagnostic, codes};
use crate::graph::{Cross, Depth, Length, Settings};
use crate::reference;
use crate::resolve::ParsedFile;
use crate::resolve::suggest::did_you_mean;
use crate::span::Span;

/// Share of the half-spread given up per fill when the file does not say: published multi-leg fills lie near 0.56 to 0.75.
const DEFAULT_CROSS: Cross = Cross::Share(0.6);

impl Checker<'_> {
    /// The one strategy of the compilation, from the file that is run. `None` after an error.
    pub(super) fn strategy(&mut self, files: &[ParsedFile]) -> Option<Settings> {
        let symbols = self.symbols;
        let mut found: Option<(&Strategy, &str)> = None;
        for item in &symbols.items {
            let ItemKind::Strategy(s) = &item.kind else {
                continue;
            };
            if let Some((first, _)) = found {
                self.report(
                    Diagnostic::error(codes::SEVERAL_STRATEGIES, s.name.span, "there are two strategies")
                        .label("the second")
                        .also(first.name.span, "the first")
                        .help("keep the one of the file that is run; imported files have none"),
                );
                return None;
            }
            found = Some((s, &item.doc));
        }
        let Some((s, doc)) = found else {
            // The file that is run is the last one: imports come before it. One whose strategy could not be parsed has
            // been reported already.
            let file = files.last()?;
            if !symbols.broken.is_empty() || file.ast.version.is_none() {
                return None;
            }
            let span = self.start_of(file.id);
            let help = "add `strategy my_strategy { capital $100_000 evaluate every 5m in SPX.regular }`";
            return self.error(
                codes::MISSING_STRATEGY,
                span,
                "the file has no `strategy`, so it cannot be run",
                help,
            );
        };
        self.settings(s, doc)
    }

    fn settings(&mut self, s: &Strategy, doc: &str) -> Option<Settings> {
        let errors = self.findings.len();
        let mut seen: Vec<(&'static str, Span)> = Vec::new();
        let mut capital = None;
        let mut cadence = None;
        let mut out = Settings {
            name: s.name.value.clone(),
            doc: doc.to_owned(),
            capital_usd: 0.0,
            every: Length::Sessions(1),
            instrument: Instrument::Spx,
            session: "regular".to_owned(),
            promoter: false,
            fill_same_bar: false,
            cross: DEFAULT_CROSS,
            depth: Depth::Unlimited,
            fees: "ibkr".to_owned(),
            settle_approximate: false,
            margin: "cboe".to_owned(),
            flatten_on_call: false,
        };
        for setting in &s.settings {
            let word = setting_word(&setting.value);
            if let Some((_, first)) = seen.iter().find(|(w, _)| *w == word).copied() {
                self.duplicate(word, first, setting.span);
                continue;
            }
            seen.push((word, setting.span));
            match &setting.value {
                Setting::Capital(l) => capital = self.capital(l),
                Setting::Evaluate {
                    every,
                    instrument,
                    session,
                } => {
                    cadence = self.cadence(every);
                    if let Some(i) = reference::instrument(&instrument.value) {
                        out.instrument = i;
                    } else {
                        let names = Instrument::ALL.iter().map(|i| i.name());
                        let help = did_you_mean(&instrument.value, names)
                            .unwrap_or_else(|| "write `SPX.regular`".to_owned());
                        let message = format!("there is no instrument `{}`", instrument.value);
                        self.report(
                            Diagnostic::error(codes::UNKNOWN_INSTRUMENT, instrument.span, message).help(help),
                        );
                    }
                    self.one_of_words(session, &["regular"]);
                }
                Setting::Posture(word) => {
                    out.promoter = self.one_of_words(word, &["steward", "promoter"]) == Some("promoter");
                }
                Setting::FillSameBar(same) => out.fill_same_bar = *same,
                Setting::Cross(c) => out.cross = self.cross(c).unwrap_or(DEFAULT_CROSS),
                Setting::Depth { how, assume } => {
                    let word = self.one_of_words(how, reference::DEPTHS);
                    let assume = assume.as_ref().and_then(|l| self.assumed_size(l));
                    out.depth = match word {
                        Some("impact") => Depth::Impact { assume },
                        Some("limited") => Depth::Limited { assume },
                        _ => Depth::Unlimited,
                    };
                }
                Setting::Fees(word) => {
                    self.one_of_words(word, reference::FEES);
                    out.fees.clone_from(&word.value);
                }
                Setting::SettleApproximate(approximate) => out.settle_approximate = *approximate,
                Setting::Margin { rulebook, flatten } => {
                    self.one_of_words(rulebook, reference::MARGINS);
                    out.margin.clone_from(&rulebook.value);
                    out.flatten_on_call = *flatten;
                }
            }
        }
        for (word, example) in [
            ("capital", "capital $250_000"),
            ("evaluate", "evaluate every 5m in SPX.regular"),
        ] {
            if !seen.iter().any(|(w, _)| *w == word) {
                let message = format!("the strategy does not say its `{word}`");
                let d = Diagnostic::error(codes::MISSING_SETTING, s.name.span, message);
                self.report(d.help(format!(
                    "add `{example}`: there is no default that would be right"
                )));
            }
        }
        if self.findings.len() > errors {
            return None;
        }
        Some(Settings {
            capital_usd: capital?,
            every: cadence?,
            ..out
        })
    }

    fn capital(&mut self, l: &Literal) -> Option<f64> {
        if l.unit == LitUnit::Usd && l.number > 0.0 {
            return Some(l.number);
        }
        let text = self.text(l.span);
        let message = format!("`{text}` is not a positive number of dollars");
        self.error(
            codes::BAD_SETTING,
            l.span,
            message,
            "write dollars, such as `capital $250_000`",
        )
    }

    fn cadence(&mut self, l: &Literal) -> Option<Length> {
        let n = whole_number(l.number).filter(|n| *n >= 1);
        let every = match (l.unit, n) {
            (LitUnit::Minutes, Some(n)) if n <= 390 => Some(Length::Minutes(n)),
            (LitUnit::Hours, Some(n)) if n <= 6 => Some(Length::Minutes(n * 60)),
            (LitUnit::Sessions, Some(1)) => Some(Length::Sessions(1)),
            _ => None,
        };
        if every.is_some() {
            return every;
        }
        let text = self.text(l.span);
        let message = format!("`{text}` is not a cadence");
        self.error(
            codes::BAD_SETTING,
            l.span,
            message,
            "write `5m`, `1h` or `1 session`, at most one session long",
        )
    }

    fn cross(&mut self, c: &Crossing) -> Option<Cross> {
        let l = match c {
            Crossing::ByLegs => return Some(Cross::ByLegs),
            Crossing::Word(word) => {
                let word = self.one_of_words(word, &["mid", "natural"])?;
                return Some(Cross::Share(if word == "mid" { 0.0 } else { 1.0 }));
            }
            Crossing::Share(l) => l,
        };
        let share = canonical(l);
        if l.unit == LitUnit::Percent && (0.0..=1.0).contains(&share) {
            return Some(Cross::Share(share));
        }
        let text = self.text(l.span);
        let message = format!("`{text}` is not a share of the spread from 0% to 100%");
        self.error(
            codes::BAD_SETTING,
            l.span,
            message,
            "0% is mid, 100% is natural: write `cross 60% of spread`",
        )
    }

    /// `20 lots` of `depth limited assume 20 lots`.
    fn assumed_size(&mut self, l: &Literal) -> Option<u32> {
        let lots = whole_number(l.number).filter(|n| *n >= 1 && l.unit == LitUnit::Lots);
        if lots.is_some() {
            return lots;
        }
        let text = self.text(l.span);
        let message = format!("`{text}` is not a whole number of lots");
        self.error(
            codes::BAD_SETTING,
            l.span,
            message,
            "write the contracts to assume where the data show no size, such as `depth limited assume 20 lots`",
        )
    }
}

const fn setting_word(setting: &Setting) -> &'static str {
    match setting {
        Setting::Capital(_) => "capital",
        Setting::Evaluate { .. } => "evaluate",
        Setting::Posture(_) => "posture",
        Setting::FillSameBar(_) => "fill",
        Setting::Cross(_) => "cross",
        Setting::Depth { .. } => "depth",
        Setting::Fees(_) => "fees",
        Setting::SettleApproximate(_) => "settle",
        Setting::Margin { .. } => "margin",
    }
}
