//! The sweep on a screen.

use super::{Belief, By, Figures, Sweep};
use crate::columns::{self, align_right};
use crate::text::{percent, plural};
use anstyle::{AnsiColor, Style};
use comfy_table::Table;
use std::fmt::Write as _;

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const WARN: Style = AnsiColor::Yellow.on_default().bold();

/// Points listed at most; the document has all of them.
const ROWS_MAX: usize = 15;
/// Values of an axis that a matrix is drawn for at most.
const MATRIX_MAX: usize = 12;

fn push(out: &mut String, table: &mut Table, left: usize) {
    let count = table.column_count();
    align_right(table, left..count);
    columns::push(out, " ", table);
}

fn money(x: f64) -> String {
    let digits = format!("{:.0}", x.abs());
    let sign = if x < 0.0 && digits != "0" { "-" } else { "" };
    format!("{sign}${}", crate::text::grouped(&digits))
}

fn ratio(x: Option<f64>) -> String {
    x.map_or_else(|| "–".to_owned(), |x| format!("{x:.2}"))
}

fn measure(by: By, figures: Option<&Figures>) -> String {
    let value = figures.and_then(|f| by.of(f));
    match by {
        By::Sharpe | By::Calmar => ratio(value),
        By::Pnl | By::Natural => value.map_or_else(|| "–".to_owned(), money),
    }
}

impl Sweep {
    /// Values of a point in words: `short_delta 12 delta, exit_dte 21`.
    fn words(&self, at: usize) -> String {
        let values = self.axes.iter().zip(self.places(at));
        let words = values.map(|(axis, place)| {
            let value = axis.values.get(place).map_or("?", String::as_str);
            format!("{} {value}", axis.name)
        });
        words.collect::<Vec<_>>().join(", ")
    }

    /// The point of the values in force today, if the grid has it.
    fn now(&self) -> Option<usize> {
        self.axes.iter().try_fold(0_usize, |at, axis| {
            let place = axis.values.iter().position(|v| *v == axis.now)?;
            Some(at * axis.values.len() + place)
        })
    }
}

/// The screen. It carries ANSI styles; the caller's stream removes them where they do not belong.
#[must_use]
pub fn text(sweep: &Sweep, by: By) -> String {
    let mut out = String::new();
    let mark = if sweep.simulated {
        format!("  {WARN}SIMULATED MARKET{WARN:#}")
    } else {
        String::new()
    };
    let _ = writeln!(out, "{BOLD}{}{BOLD:#}{mark}", sweep.strategy);
    let names: Vec<&str> = sweep.axes.iter().map(|a| a.name.as_str()).collect();
    let _ = writeln!(
        out,
        "{} to {} · {} of {} · {}",
        sweep.period.0,
        sweep.period.1,
        plural(sweep.points.len(), "point"),
        names.join(" × "),
        sweep.data
    );
    rows(&mut out, sweep, by);
    matrix(&mut out, sweep, by);
    let _ = writeln!(out, "\n{BOLD}what this says{BOLD:#}");
    for sentence in says(sweep, by) {
        let _ = writeln!(out, " · {sentence}");
    }
    let _ = writeln!(
        out,
        "\n{DIM}P&L at the stated share of the spread and at natural prices; drawdown between ends of sessions. Sharpe and Calmar are of a year, \
         nothing taken off for cash. * are the values in force.{DIM:#}"
    );
    out
}

fn rows(out: &mut String, sweep: &Sweep, by: By) {
    let ranked = sweep.ranked(by);
    let mut table = columns::table();
    let mut header: Vec<String> = vec![String::new()];
    header.extend(sweep.axes.iter().map(|a| a.name.clone()));
    header.extend(["P&L", "natural", "drawdown", "trades", "wins", "Sharpe", "Calmar"].map(str::to_owned));
    if sweep.held_out_from.is_some() {
        header.extend(["P&L after", "Sharpe after"].map(str::to_owned));
    }
    table.set_header(header);
    let now = sweep.now();
    let listed = ranked.iter().take(ROWS_MAX);
    // The values in force stand at the end where they are not among the best.
    let own = ranked
        .iter()
        .enumerate()
        .skip(ROWS_MAX)
        .find(|(_, r)| Some(r.0.at) == now);
    for (rank, (point, f, _)) in listed.enumerate().chain(own) {
        let star = if Some(point.at) == now { " *" } else { "" };
        let mut cells = vec![format!("{}{star}", rank + 1)];
        let places = sweep.places(point.at);
        let values = sweep.axes.iter().zip(places);
        cells.extend(values.map(|(axis, place)| axis.values.get(place).cloned().unwrap_or_default()));
        let wins = f64::from(u32::try_from(f.wins).unwrap_or(u32::MAX));
        let trades = f64::from(u32::try_from(f.trades).unwrap_or(u32::MAX));
        cells.extend([
            money(f.pnl),
            money(f.natural),
            percent(f.drawdown_share),
            f.trades.to_string(),
            if f.trades == 0 {
                "–".to_owned()
            } else {
                percent(wins / trades)
            },
            ratio(f.sharpe_a_year()),
            ratio(f.calmar()),
        ]);
        if sweep.held_out_from.is_some() {
            let after = point.after.as_ref();
            cells.push(after.map_or_else(|| "–".to_owned(), |f| money(f.pnl)));
            cells.push(ratio(after.and_then(Figures::sharpe_a_year)));
        }
        table.add_row(cells);
    }
    let _ = writeln!(out, "\n{BOLD}by {}{BOLD:#}", by.name());
    push(out, &mut table, 0);
    if ranked.len() > ROWS_MAX {
        let _ = writeln!(
            out,
            " {DIM}the best {ROWS_MAX} of {}; `--csv` writes all{DIM:#}",
            ranked.len()
        );
    }
}

/// Two axes as a matrix; with more the others stand at the best point's values.
fn matrix(out: &mut String, sweep: &Sweep, by: By) {
    let [.., down, across] = sweep.axes.as_slice() else {
        return;
    };
    let small = |n: usize| (2..=MATRIX_MAX).contains(&n);
    let ranked = sweep.ranked(by);
    let Some((best, ..)) = ranked.first() else { return };
    if !small(down.values.len()) || !small(across.values.len()) {
        return;
    }
    let held = sweep.places(best.at);
    let fixed = held.len() - 2;
    let mut table = columns::table();
    let mut header = vec![String::new()];
    header.extend(across.values.iter().cloned());
    table.set_header(header);
    for (d, value) in down.values.iter().enumerate() {
        let mut cells = vec![value.clone()];
        for a in 0..across.values.len() {
            let found = sweep.points.iter().find(|p| {
                let places = sweep.places(p.at);
                places.iter().take(fixed).eq(held.iter().take(fixed)) && places.iter().skip(fixed).eq(&[d, a])
            });
            cells.push(measure(by, found.and_then(|p| p.figures.as_ref())));
        }
        table.add_row(cells);
    }
    let others = sweep.axes.iter().zip(&held).take(fixed);
    let others: Vec<String> = others
        .map(|(axis, place)| {
            format!(
                "{} {}",
                axis.name,
                axis.values.get(*place).map_or("?", String::as_str)
            )
        })
        .collect();
    let rest = if others.is_empty() {
        String::new()
    } else {
        format!(" {DIM}at {}{DIM:#}", others.join(", "))
    };
    let _ = writeln!(
        out,
        "\n{BOLD}{}{BOLD:#}: {} down, {} across{rest}",
        by.name(),
        down.name,
        across.name
    );
    push(out, &mut table, 1);
}

/// Sentences.
#[must_use]
pub fn says(sweep: &Sweep, by: By) -> Vec<String> {
    let mut said = Vec::new();
    let ranked = sweep.ranked(by);
    let stopped = sweep.points.iter().filter(|p| p.stopped.is_some());
    let first = stopped.clone().find_map(|p| p.stopped.as_deref());
    if let Some(why) = first {
        said.push(format!(
            "{} stopped; the first: {why}",
            plural(stopped.count(), "point")
        ));
    }
    let Some((best, figures, _)) = ranked.first() else {
        said.push("no point has a result to rank".to_owned());
        return said;
    };
    said.push(format!(
        "The best by {} is {}: {}.",
        by.name(),
        sweep.words(best.at),
        measure(by, Some(figures))
    ));
    if let Some(b) = Belief::of(sweep, by) {
        let verdict = if b.probability >= 0.95 {
            "more than luck explains"
        } else if b.sharpe <= b.luck {
            "no more than luck"
        } else {
            "not safely more than luck"
        };
        said.push(format!(
            "Its Sharpe ratio is {:.2} a year; the best of {} tries without skill would be expected to have {:.2}. The probability \
             that it is above that is {}: {verdict}.",
            b.sharpe,
            b.tries,
            b.luck,
            percent(b.probability)
        ));
    }
    let near: Vec<f64> = sweep
        .neighbours(best.at)
        .iter()
        .filter_map(|p| by.of(p.figures.as_ref()?))
        .collect();
    if !near.is_empty() {
        let n = f64::from(u32::try_from(near.len()).unwrap_or(u32::MAX));
        let mean = near.iter().sum::<f64>() / n;
        let worst = near.iter().copied().fold(f64::INFINITY, f64::min);
        let show = |x: f64| match by {
            By::Sharpe | By::Calmar => format!("{x:.2}"),
            By::Pnl | By::Natural => money(x),
        };
        said.push(format!(
            "{} one step away: {} on average, {} at worst. A best point whose neighbours are poor is a spike, not a plateau.",
            plural(near.len(), "point"),
            show(mean),
            show(worst)
        ));
    }
    if let (Some(from), Some(after)) = (&sweep.held_out_from, &best.after) {
        let mut later: Vec<(f64, usize)> = sweep
            .points
            .iter()
            .filter_map(|p| Some((by.of(p.after.as_ref()?)?, p.at)))
            .collect();
        later.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let rank = later.iter().position(|l| l.1 == best.at);
        let rank = rank.map_or_else(String::new, |r| format!(", rank {} of {}", r + 1, later.len()));
        said.push(format!(
            "On the {} from {from} on, which had no part in the choice, it came to {}{rank}. Positions open then count by their marks.",
            plural(after.sessions, "session"),
            measure(by, Some(after)),
        ));
    } else {
        said.push(
            "Every session had a part in the choice; `--hold-out 30%` keeps the last ones for a check."
                .to_owned(),
        );
    }
    said
}
