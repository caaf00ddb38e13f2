//! A grid of scenarios as a screen and as a document; [`crate::chart::heat`] draws it.

use crate::text::{dollars, percent, signed_dollars, signed_percent, tidy_zero};
use alula_market::money::Usd;
use alula_market::time::Instant;
use anstyle::{AnsiColor, Style};
use serde_json::{Value, json};
use std::fmt::Write as _;

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default();
const CALL: Style = AnsiColor::Red.on_default().bold();

/// Figures of one cell.
#[derive(Clone, Debug, PartialEq)]
pub struct CellFigures {
    /// Gain or loss of the account.
    pub profit: Usd,
    /// Annual rate of return on the capital at risk; why not, where there is none.
    pub rate: Result<f64, String>,
    /// Margin by each rulebook.
    pub required: Vec<Usd>,
    /// What stands against it, less it: below zero is a margin call.
    pub buffer: Vec<Usd>,
    /// Quick ratio by the rulebook in force.
    pub cushion: f64,
}

impl CellFigures {
    /// Some rulebook calls.
    #[must_use]
    pub fn called(&self) -> bool {
        self.buffer.iter().any(|b| b.0 < 0)
    }

    fn json(&self, rulebooks: &[String]) -> Value {
        let by = |of: &[Usd]| -> serde_json::Map<String, Value> {
            let pairs = rulebooks.iter().zip(of);
            pairs.map(|(name, x)| (name.clone(), json!(x.to_f64()))).collect()
        };
        json!({
            "profit": self.profit.to_f64(),
            "rate_a_year": self.rate.as_ref().ok(),
            "no_rate": self.rate.as_ref().err(),
            "margin": by(&self.required),
            "buffer": by(&self.buffer),
            "cushion": self.cushion,
            "margin_call": self.called(),
        })
    }
}

/// Steps of a path: days from now, vol points, spot as a fraction.
#[derive(Clone, Debug, PartialEq)]
pub struct PathStep {
    /// Days from now.
    pub days: f64,
    /// Vol points.
    pub vol: f64,
    /// Spot, a fraction.
    pub spot: f64,
    /// Figures; why not, where there are none.
    pub figures: Result<CellFigures, String>,
}

/// A path of shifts through time.
#[derive(Clone, Debug, PartialEq)]
pub struct Path {
    /// Name.
    pub name: String,
    /// Steps in time order.
    pub steps: Vec<PathStep>,
}

/// Everything that is shown.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenarios {
    /// What is looked at: `my_condor before entry`.
    pub heading: String,
    /// Where the data come from.
    pub label: String,
    /// They are simulated.
    pub simulated: bool,
    /// Snapshot.
    pub at: Instant,
    /// Underlying.
    pub underlying: String,
    /// Its level.
    pub spot: f64,
    /// What is held, a line each.
    pub held: Vec<String>,
    /// Rulebooks whose margin is shown.
    pub rulebooks: Vec<String>,
    /// The one in force.
    pub enforced: String,
    /// Nothing moves.
    pub now: Result<CellFigures, String>,
    /// Vol shifts in points: the rows.
    pub vols: Vec<f64>,
    /// Spot shifts, fractions: the columns.
    pub spots: Vec<f64>,
    /// Days: the blocks.
    pub days: Vec<f64>,
    /// Cells, block by block, row by row.
    pub cells: Vec<Result<CellFigures, String>>,
    /// Paths.
    pub paths: Vec<Path>,
    /// Break-evens after so many days: levels of the underlying.
    pub breakevens: Vec<(f64, Result<Vec<f64>, String>)>,
    /// What to know about the figures.
    pub notes: Vec<String>,
}

/// `+5`, `-2.5`, `0`.
#[must_use]
pub fn signed(x: f64) -> String {
    let text = tidy_zero(format!("{x:+}"));
    if x == 0.0 { "0".to_owned() } else { text }
}

fn shift_words(step: &PathStep) -> String {
    format!(
        "{} days on · vol {} · spot {}%",
        step.days,
        signed(step.vol),
        signed(tidy(step.spot * 100.0))
    )
}

/// Binary fractions of decimal percentages, as they were meant.
fn tidy(x: f64) -> f64 {
    (x * 1e6).round() / 1e6
}

/// `+5%` of 0.05.
#[must_use]
pub fn spot_label(spot: f64) -> String {
    format!("{}%", signed(tidy(spot * 100.0)))
}

impl Scenarios {
    /// The cell of a block, row and column.
    #[must_use]
    pub fn cell(&self, day: usize, vol: usize, spot: usize) -> Option<&Result<CellFigures, String>> {
        let row = day.checked_mul(self.vols.len())?.checked_add(vol)?;
        self.cells
            .get(row.checked_mul(self.spots.len())?.checked_add(spot)?)
    }

    /// The figures of all cells that have some.
    fn known(&self) -> impl Iterator<Item = &CellFigures> {
        self.cells.iter().flatten()
    }

    /// The document.
    #[must_use]
    pub fn json(&self) -> String {
        let figures = |f: &Result<CellFigures, String>| match f {
            Ok(found) => found.json(&self.rulebooks),
            Err(why) => json!({ "missing": why }),
        };
        let mut cells = Vec::new();
        for (d, days) in self.days.iter().enumerate() {
            for (v, vol) in self.vols.iter().enumerate() {
                for (s, spot) in self.spots.iter().enumerate() {
                    let Some(found) = self.cell(d, v, s) else { continue };
                    let mut value = figures(found);
                    if let Some(map) = value.as_object_mut() {
                        map.insert("days".to_owned(), json!(days));
                        map.insert("vol_points".to_owned(), json!(vol));
                        map.insert("spot".to_owned(), json!(spot));
                    }
                    cells.push(value);
                }
            }
        }
        let paths: Vec<Value> = self
            .paths
            .iter()
            .map(|p| {
                let steps = p.steps.iter().map(|s| {
                    json!({ "days": s.days, "vol_points": s.vol, "spot": s.spot, "figures": figures(&s.figures) })
                });
                json!({ "name": p.name, "steps": steps.collect::<Vec<_>>() })
            })
            .collect();
        let breakevens: Vec<Value> = self
            .breakevens
            .iter()
            .map(|(days, found)| match found {
                Ok(levels) => json!({ "days": days, "levels": levels }),
                Err(why) => json!({ "days": days, "missing": why }),
            })
            .collect();
        let document = json!({
            "what": self.heading, "data": self.label, "simulated": self.simulated, "at": self.at.to_string(),
            "underlying": self.underlying, "spot": self.spot, "held": self.held, "margin_in_force": self.enforced,
            "units": "dollars; spot shifts and rates are fractions, rates a year; vol shifts in points",
            "now": figures(&self.now), "cells": cells, "paths": paths, "break_evens": breakevens, "notes": self.notes,
        });
        format!("{document:#}\n")
    }

    /// The screen. It carries ANSI styles; the caller's stream removes them where they do not belong.
    #[must_use]
    pub fn text(&self) -> String {
        let mut out = String::new();
        let mark = if self.simulated {
            " · simulated market"
        } else {
            ""
        };
        let _ = writeln!(
            out,
            "{BOLD}{}{BOLD:#} {DIM}· {} {} at {} · {}{mark}{DIM:#}",
            self.heading, self.underlying, self.spot, self.at, self.label
        );
        for line in &self.held {
            let _ = writeln!(out, "  {line}");
        }
        match &self.now {
            Ok(now) => {
                let _ = writeln!(
                    out,
                    "  now: {} · {} a year as it stands",
                    self.margins(now),
                    rate(&now.rate)
                );
            }
            Err(why) => {
                let _ = writeln!(out, "  now: {why}");
            }
        }
        for (d, days) in self.days.iter().enumerate() {
            self.block(&mut out, d, &format!("after {days} days"));
        }
        self.extremes(&mut out);
        for path in &self.paths {
            let _ = writeln!(out, "\n{BOLD}{}{BOLD:#}", path.name);
            for step in &path.steps {
                let words = shift_words(step);
                let _ = match &step.figures {
                    Ok(f) => writeln!(out, "  {words:<38} {:>11}  {}", money(f), self.margins(f)),
                    Err(why) => writeln!(out, "  {words:<38} {why}"),
                };
            }
        }
        let _ = writeln!(
            out,
            "\n{BOLD}break-evens{BOLD:#} {DIM}of {}{DIM:#}",
            self.underlying
        );
        for (days, found) in &self.breakevens {
            let levels = match found {
                Ok(levels) if levels.is_empty() => "none".to_owned(),
                Ok(levels) => levels
                    .iter()
                    .map(|l| format!("{l:.1} ({})", signed_percent(l / self.spot - 1.0)))
                    .collect::<Vec<_>>()
                    .join("   "),
                Err(why) => why.clone(),
            };
            let _ = writeln!(out, "  {:<6} {levels}", format!("T+{days}"));
        }
        out.push('\n');
        for note in &self.notes {
            let _ = writeln!(out, "{DIM}{note}{DIM:#}");
        }
        out
    }

    fn margins(&self, f: &CellFigures) -> String {
        let pairs = self.rulebooks.iter().zip(f.required.iter().zip(&f.buffer));
        let words: Vec<String> = pairs
            .map(|(name, (required, buffer))| {
                if buffer.0 < 0 {
                    format!(
                        "{CALL}{name} {} CALL {}{CALL:#}",
                        dollars(*required),
                        dollars(Usd(-buffer.0))
                    )
                } else {
                    format!("{name} {}", dollars(*required))
                }
            })
            .collect();
        format!("margin {} · cushion {}", words.join(", "), ratio(f.cushion))
    }

    fn block(&self, out: &mut String, day: usize, name: &str) {
        type Word = fn(&CellFigures) -> (String, bool);
        let grids: [(&str, Word); 3] = [
            ("profit", |f| (signed_dollars(f.profit), f.profit.0 < 0)),
            ("a year on the capital at risk", |f| {
                (rate(&f.rate), f.rate.as_ref().is_ok_and(|r| *r < 0.0))
            }),
            ("cushion", |f| (ratio(f.cushion), f.cushion < 1.0)),
        ];
        for (title, word) in grids {
            let cells = (0..self.vols.len()).flat_map(|v| (0..self.spots.len()).map(move |s| (v, s)));
            let mut words = cells.filter_map(|(v, s)| self.cell(day, v, s)?.as_ref().ok().map(word));
            if let Some((first, _)) = words.next().filter(|_| title == "cushion")
                && words.all(|w| w.0 == first)
            {
                let _ = writeln!(out, "\n{BOLD}{name}: {title}{BOLD:#} {first} in every cell");
                continue;
            }
            let _ = writeln!(out, "\n{BOLD}{name}: {title}{BOLD:#}");
            let mut line = format!("  {:>8}", "vol");
            for spot in &self.spots {
                let _ = write!(line, " {:>11}", spot_label(*spot));
            }
            let _ = writeln!(out, "{DIM}{line}{DIM:#}");
            for (v, vol) in self.vols.iter().enumerate() {
                let _ = write!(out, "  {:>8}", signed(*vol));
                for s in 0..self.spots.len() {
                    let Some(found) = self.cell(day, v, s) else {
                        continue;
                    };
                    match found {
                        Ok(f) => {
                            let (mut text, bad) = word(f);
                            // A margin call shows in the first grid, where everybody looks.
                            let called = f.called() && title == "profit";
                            if called {
                                text.push('!');
                            }
                            let style = match (called, bad) {
                                (true, _) => CALL,
                                (false, true) => BAD,
                                (false, false) => GOOD,
                            };
                            let _ = write!(out, " {style}{text:>11}{style:#}");
                        }
                        Err(_) => {
                            let _ = write!(out, " {:>11}", "–");
                        }
                    }
                }
                out.push('\n');
            }
        }
    }

    fn extremes(&self, out: &mut String) {
        let count = self.cells.len();
        let known = self.known().count();
        let _ = writeln!(out, "\n{BOLD}margin over the grid{BOLD:#}");
        for (i, name) in self.rulebooks.iter().enumerate() {
            let most = self.known().filter_map(|f| f.required.get(i)).max();
            let least = self.known().filter_map(|f| f.buffer.get(i)).min();
            let calls = self
                .known()
                .filter(|f| f.buffer.get(i).is_some_and(|b| b.0 < 0))
                .count();
            if let (Some(most), Some(least)) = (most, least) {
                let style = if calls > 0 { CALL } else { Style::new() };
                let _ = writeln!(
                    out,
                    "  {name:<15} at most {:>12}   least buffer {:>12}   {style}calls in {calls} of {known} cells{style:#}",
                    dollars(*most),
                    dollars(*least)
                );
            }
        }
        if known < count {
            let why = self.cells.iter().find_map(|c| c.as_ref().err());
            let _ = writeln!(
                out,
                "  {} of {count} cells are missing: {}",
                count - known,
                why.map_or("", String::as_str)
            );
        }
    }
}

fn money(f: &CellFigures) -> String {
    signed_dollars(f.profit)
}

fn rate(rate: &Result<f64, String>) -> String {
    match rate {
        // Annualised over a few days a gain has more digits than meaning.
        Ok(r) if *r > 99.99 => "> +9999%".to_owned(),
        Ok(r) => signed_percent(*r),
        Err(_) => "–".to_owned(),
    }
}

/// A quick ratio: two digits, or none where nothing is required.
fn ratio(x: f64) -> String {
    if x.abs() >= 1_000.0 {
        "no margin".to_owned()
    } else {
        format!("{x:.2}")
    }
}

/// A share of the account, for drawings.
#[must_use]
pub fn brief(f: &CellFigures) -> (String, String) {
    let second = match &f.rate {
        Ok(r) if r.abs() < 10.0 => percent(*r),
        _ => String::new(),
    };
    (signed_dollars(f.profit), second)
}
