//! One screen for the trader who waited for it.
//!
//! The text carries ANSI styles; the caller's stream removes them where they do not belong.

use crate::caveats;
use crate::columns::{self, align_right, table_within};
use crate::edge::{Edge, Verdict};
use crate::model::{Ending, Report, Trade};
use crate::returns::Returns;
use crate::spark::sparkline;
use crate::stats::Stats;
use crate::text::{count, dollars, percent, plural, short_hash, signed_dollars, signed_percent};
use crate::words;
use alula_market::money::Usd;
use anstyle::{AnsiColor, Style};
use comfy_table::Table;
use std::fmt::Write as _;

/// Trades listed at most; the run folder has all of them.
const TRADES_MAX: usize = 8;
/// Rules listed at most.
const RULES_MAX: usize = 16;

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const GOOD: Style = AnsiColor::Green.on_default().bold();
const BAD: Style = AnsiColor::Red.on_default().bold();
const WARN: Style = AnsiColor::Yellow.on_default().bold();

fn paint(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

fn push(out: &mut String, table: &Table) {
    columns::push(out, " ", table);
}

fn heading(out: &mut String, text: &str) {
    let _ = writeln!(out, "\n{}", paint(BOLD, text));
}

/// The summary, at most `width` columns wide where its tables allow.
#[must_use]
pub fn summary(report: &Report, width: u16) -> String {
    let stats = Stats::of(report);
    let mut out = String::new();
    head(&mut out, report);
    equity(&mut out, report, &stats);
    edge_and_margin(&mut out, report, &stats);
    figures(&mut out, report, &stats, width);
    trades(&mut out, report, width);
    attribution(&mut out, report, width);
    operator(&mut out, report, width);
    rules(&mut out, report, width);
    heading(&mut out, "Know this");
    for line in caveats::lines(report) {
        wrap(&mut out, &line, usize::from(width));
    }
    out
}

fn head(out: &mut String, report: &Report) {
    let label = if report.data.simulated {
        paint(WARN, "SIMULATED MARKET")
    } else {
        paint(GOOD, "RECORDED DATA")
    };
    let _ = writeln!(out, "{}  {label}", paint(BOLD, &report.strategy));
    let _ = writeln!(
        out,
        "{} to {} · {}, {} · {} {}",
        report.period.0,
        report.period.1,
        plural(report.days.len(), "session"),
        plural(usize::try_from(report.ticks).unwrap_or(usize::MAX), "tick"),
        report.data.label,
        paint(DIM, short_hash(&report.data.hash)),
    );
    for mark in &report.marks {
        let _ = writeln!(out, "{}", paint(WARN, &format!("marked: {mark}")));
    }
    if let Some(why) = &report.stopped {
        let _ = writeln!(out, "{} {why}", paint(BAD, "the run stopped early:"));
    }
}

fn tone(amount: Usd) -> Style {
    match amount.0 {
        1.. => GOOD,
        0 => BOLD,
        _ => BAD,
    }
}

fn equity(out: &mut String, report: &Report, stats: &Stats) {
    let line: Vec<f64> = std::iter::once(report.capital.to_f64())
        .chain(report.days.iter().map(|d| d.equity.share.to_f64()))
        .collect();
    let last = report.days.last().map_or(report.capital, |d| d.equity.share);
    let _ = writeln!(
        out,
        "\n{} {} {}",
        dollars(report.capital),
        sparkline(&line, 48),
        dollars(last)
    );
    let pnl = format!(
        "{} ({})",
        signed_dollars(stats.pnl.share),
        signed_percent(stats.return_on_capital)
    );
    let _ = writeln!(
        out,
        "\nP&L {} giving up {} · {} at natural … {} at mid",
        paint(tone(stats.pnl.share), &pnl),
        report.cross,
        signed_dollars(stats.pnl.natural),
        signed_dollars(stats.pnl.mid),
    );
}

/// What the edge costs to take, and what the positions required by each rulebook.
fn edge_and_margin(out: &mut String, report: &Report, stats: &Stats) {
    let edge = Edge::of(report);
    if edge.verdict == Verdict::NoTrades {
        return;
    }
    let style = match (edge.verdict, edge.paid) {
        (Verdict::NoEdge, _) => BAD,
        (Verdict::DiesAt(share), Some(paid)) if paid > share => BAD,
        _ => GOOD,
    };
    let spare = edge.spare_words().map_or_else(String::new, |s| format!(" · {s}"));
    let _ = writeln!(out, "edge {}{spare}", paint(style, &edge.short()));
    let pairs = report.rulebooks.iter().zip(stats.margins);
    let words = pairs.map(|(name, (highest, on_margin))| {
        let highest = highest.map_or_else(|| "–".to_owned(), dollars);
        let on_margin = on_margin.map_or_else(String::new, |r| format!(" ({})", signed_percent(r)));
        let enforced = if *name == report.rulebook {
            ", enforced"
        } else {
            ""
        };
        format!("{name}{enforced} {highest}{on_margin}")
    });
    let _ = writeln!(
        out,
        "margin at most (P&L on it): {}",
        words.collect::<Vec<_>>().join(" · ")
    );
    if let Some(first) = report.margin_calls.first() {
        let calls = plural(report.margin_calls.len(), "margin call");
        let text = format!(
            "{calls}, first {} ({} required, {} available)",
            first.at,
            dollars(first.required),
            dollars(first.available)
        );
        let _ = writeln!(out, "{}", paint(BAD, &text));
    }
}

fn figures(out: &mut String, report: &Report, s: &Stats, width: u16) {
    let dash = || "–".to_owned();
    let money = |m: Option<Usd>| m.map_or_else(dash, dollars);
    let mut rows: Vec<(&str, String)> = vec![
        (
            "trades",
            format!(
                "{} ended, {} open, {}",
                s.closed,
                s.open,
                plural(s.rolls as usize, "roll")
            ),
        ),
        (
            "win rate",
            s.win_rate
                .map_or_else(dash, |w| format!("{} ({} of {})", percent(w), s.wins, s.closed)),
        ),
        (
            "average win / loss",
            format!("{} / {}", money(s.average_win), money(s.average_loss)),
        ),
        (
            "worst / best trade",
            match (s.worst, s.best) {
                (Some(worst), Some(best)) => {
                    format!(
                        "{} (#{}) / {} (#{})",
                        signed_dollars(worst.1),
                        worst.0,
                        signed_dollars(best.1),
                        best.0
                    )
                }
                _ => dash(),
            },
        ),
        (
            "max drawdown",
            format!(
                "{} ({} of the peak)",
                dollars(s.drawdown.depth),
                percent(s.drawdown.fraction())
            ),
        ),
        ("credit per lot", money(s.average_credit_per_lot)),
        (
            "highest margin",
            s.margin_peak
                .map_or_else(dash, |m| format!("{} by {}", dollars(m), report.rulebook)),
        ),
        ("fees", dollars(s.fees)),
        (
            "days held",
            s.average_days.map_or_else(dash, |d| format!("{d:.1} on average")),
        ),
        (
            "in the market",
            s.exposure
                .map_or_else(dash, |e| format!("{} of sessions", percent(e))),
        ),
        ("unknown conditions", count(s.unknowns)),
        ("sessions without data", count(report.gaps.len())),
    ];
    let earned = Returns::of(report).lines(&report.underlying);
    rows.extend(earned.into_iter().map(|(name, value, about)| {
        let about = if about.is_empty() {
            about
        } else {
            format!(" ({about})")
        };
        (name, value + &about)
    }));
    // Two columns of figures keep it on one screen; a narrow terminal gets one.
    let _ = writeln!(out);
    let mut table = table_within(width, &[]);
    if width >= 92 {
        let second = rows.split_off(rows.len().div_ceil(2));
        for (i, (a, b)) in rows.iter().enumerate() {
            let (c, d) = second.get(i).cloned().unwrap_or_default();
            table.add_row([(*a).to_owned(), b.clone(), c.to_owned(), d]);
        }
    } else {
        for (a, b) in rows {
            table.add_row([a.to_owned(), b]);
        }
    }
    push(out, &table);
}

fn trade_row(t: &Trade, home: &str) -> [String; 8] {
    let ended = match t.ending {
        Ending::Open => "open".to_owned(),
        Ending::Closed | Ending::Settled => t.ended.date().format("%m-%d").to_string(),
    };
    let legs: Vec<String> = t
        .holdings
        .iter()
        .map(|h| words::held(h, home, words::legs_short))
        .collect();
    [
        t.number.to_string(),
        t.opened.date().to_string(),
        ended,
        t.lots.to_string(),
        legs.last().cloned().unwrap_or_default(),
        dollars(t.credit),
        signed_dollars(t.pnl.share),
        format!("{}{}", t.ended_by, if t.approximate { " ~" } else { "" }),
    ]
}

fn trades(out: &mut String, report: &Report, width: u16) {
    heading(out, "Trades");
    if report.trades.is_empty() {
        let _ = writeln!(
            out,
            " none: the rules below show which conditions were never true"
        );
        return;
    }
    let left_out = report.trades.len().saturating_sub(TRADES_MAX);
    if left_out > 0 {
        let _ = writeln!(
            out,
            " {}",
            paint(
                DIM,
                &format!("the last {TRADES_MAX}; {left_out} before them are in positions.csv")
            )
        );
    }
    let header = [
        "#",
        "opened",
        "ended",
        "lots",
        "legs (last held)",
        "credit",
        "P&L",
        "ended by",
    ];
    let mut table = table_within(width, &header);
    for trade in report.trades.iter().skip(left_out) {
        table.add_row(trade_row(trade, &report.underlying));
    }
    align_right(&mut table, [0, 3, 5, 6]);
    push(out, &table);
}

/// P&L by what owns it, where more than one structure or layer traded: the layers of a hedge, their sum, and the whole.
fn attribution(out: &mut String, report: &Report, width: u16) {
    let rows = crate::model::attribution(report);
    if rows.len() < 2 {
        return;
    }
    heading(out, "Where the P&L comes from");
    let mut table = table_within(
        width,
        &["owner", "trades", "rolls", "P&L", "at natural", "at mid", "fees"],
    );
    for row in &rows {
        table.add_row([
            row.owner.clone(),
            count(row.trades),
            count(row.rolls),
            signed_dollars(row.pnl.share),
            signed_dollars(row.pnl.natural),
            signed_dollars(row.pnl.mid),
            dollars(row.fees),
        ]);
    }
    align_right(&mut table, 1..7);
    push(out, &table);
}

/// What an operator added to the rules, and what came of it.
fn operator(out: &mut String, report: &Report, width: u16) {
    let Some(part) = &report.operator else { return };
    heading(out, "What the operator added");
    wrap(out, &part.sentence(), usize::from(width));
    let mut overlays = table_within(width, &["#", "overlay", "who", "from", "to", "changed"]);
    for o in &part.overlays {
        let to = o.ended.map_or_else(|| "the end".to_owned(), |t| t.to_string());
        let how = if o.how.is_empty() {
            String::new()
        } else {
            format!(" ({})", o.how)
        };
        overlays.add_row([
            o.number.to_string(),
            format!("{}: {}", o.what, o.why),
            o.who.clone(),
            o.at.to_string(),
            format!("{to}{how}"),
            count(o.changed),
        ]);
    }
    align_right(&mut overlays, [0, 5]);
    push(out, &overlays);
    let mut owners = table_within(width, &["P&L of positions", "P&L", "at natural", "at mid"]);
    for (owner, positions, pnl) in part.owners() {
        let owner = match owner {
            "opened and closed by rules" => owner.to_owned(),
            _ => format!("{owner} ({positions})"),
        };
        owners.add_row([
            owner,
            signed_dollars(pnl.share),
            signed_dollars(pnl.natural),
            signed_dollars(pnl.mid),
        ]);
    }
    align_right(&mut owners, 1..4);
    push(out, &owners);
    for c in part.changes.iter().take(crate::operator::CHANGES_MAX) {
        let times = if c.times > 1 {
            format!(", {} ticks in a row", c.times)
        } else {
            String::new()
        };
        let numbers = crate::operator::numbers(&c.overlays);
        let line = format!(
            "{} {} (by {numbers}{times}): {}; without it {}",
            c.at, c.key, c.with, c.without
        );
        wrap(out, &line, usize::from(width));
    }
    let left_out = part.changes.len().saturating_sub(crate::operator::CHANGES_MAX);
    if left_out > 0 {
        let more = format!("{left_out} more in overlay_changes.csv");
        let _ = writeln!(out, " {}", paint(DIM, &more));
    }
}

fn rules(out: &mut String, report: &Report, width: u16) {
    if report.rules.is_empty() {
        return;
    }
    heading(out, "Rules");
    let mut table = table_within(width, &["rule", "true", "false", "unknown", "acted"]);
    for rule in report.rules.iter().take(RULES_MAX) {
        table.add_row([
            rule.key.clone(),
            count(rule.was_true),
            count(rule.was_false),
            count(rule.was_unknown),
            count(rule.fired),
        ]);
    }
    align_right(&mut table, 1..5);
    push(out, &table);
    let left_out = report.rules.len().saturating_sub(RULES_MAX);
    if left_out > 0 {
        let _ = writeln!(out, " {}", paint(DIM, &format!("{left_out} more in report.html")));
    }
}

/// One bulleted line, wrapped at words.
fn wrap(out: &mut String, line: &str, width: usize) {
    let mut column = 0;
    for (i, word) in line.split_whitespace().enumerate() {
        let length = word.chars().count();
        if i == 0 {
            let _ = write!(out, " · {word}");
            column = 3 + length;
        } else if column + 1 + length > width {
            let _ = write!(out, "\n   {word}");
            column = 3 + length;
        } else {
            let _ = write!(out, " {word}");
            column += 1 + length;
        }
    }
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_wrap_at_words_and_keep_their_indent() {
        let mut out = String::new();
        wrap(&mut out, "one two three four", 12);
        assert_eq!(out, " · one two\n   three\n   four\n");
    }
}
