//! Trades on the underlying's price: what was held as boxes between the strikes, from entry to exit.

use super::axis::{Frame, Size};
use super::session_end;
use super::svg::Svg;
use crate::model::{Ending, Holding, Report, Trade};
use crate::text;
use alula_market::contract::Right;

/// From this many trades on, marks are drawn smaller.
const MANY: usize = 30;

const UP: &str = "M0 -6L5 4L-5 4Z";
const DOWN: &str = "M0 6L5 -4L-5 -4Z";
const DIAMOND: &str = "M0 -5L5 0L0 5L-5 0Z";
const SQUARE: &str = "M-4 -4L4 -4L4 4L-4 4Z";

/// Price of the underlying at an instant, read off the daily line: the value of the last session at or before it.
fn price_at(report: &Report, seconds: i64) -> Option<f64> {
    let at = alula_market::time::Instant(seconds).date();
    let after = report.days.partition_point(|d| d.date <= at);
    let before = report.days.get(..after)?.iter().rev().find_map(|d| d.underlying);
    before.or_else(|| report.days.iter().find_map(|d| d.underlying))
}

fn boxes(svg: &mut Svg, frame: &Frame, trade: &Trade, holding: &Holding) {
    let (x1, x2) = (frame.x(holding.from.0), frame.x(holding.to.0));
    let width = (x2 - x1).max(1.5);
    for (right, name) in [(Right::Put, "put"), (Right::Call, "call")] {
        let legs: Vec<_> = holding.legs.iter().filter(|l| l.right == right).collect();
        let strikes = || legs.iter().map(|l| l.strike);
        let (Some(low), Some(high)) = (strikes().min(), strikes().max()) else {
            continue;
        };
        let words: Vec<String> = legs
            .iter()
            .map(|l| {
                let side = if l.ratio < 0 { "short" } else { "long" };
                format!(
                    "{side} {} {name} {} exp {}",
                    l.ratio.unsigned_abs(),
                    strike(l.strike),
                    l.expiry
                )
            })
            .collect();
        let title = format!(
            "trade {}: {}\n{} to {}\nP&L {}",
            trade.number,
            words.join(", "),
            holding.from,
            holding.to,
            text::signed_dollars(trade.pnl.share)
        );
        let (top, bottom) = (frame.y(high.to_f64()), frame.y(low.to_f64()));
        svg.rect(
            &format!("box {name}"),
            x1,
            top,
            width,
            (bottom - top).max(1.0),
            &title,
        );
        for leg in legs {
            let y = frame.y(leg.strike.to_f64());
            svg.line(
                if leg.ratio < 0 {
                    "strike short"
                } else {
                    "strike long"
                },
                x1,
                y,
                x1 + width,
                y,
            );
        }
    }
}

/// A strike without idle decimals: `2825`, `17.50`.
#[must_use]
pub fn strike(price: alula_market::money::Price) -> String {
    let text = price.to_string();
    text.strip_suffix(".00")
        .map_or_else(|| text.clone(), str::to_owned)
}

/// The chart.
#[must_use]
pub fn trades(report: &Report, size: Size) -> String {
    let prices = report.days.iter().filter_map(|d| d.underlying);
    // Strikes of another underlying have no place on this price.
    let own = |h: &&Holding| h.underlying == report.underlying;
    let strikes = report
        .trades
        .iter()
        .flat_map(|t| t.holdings.iter().filter(own))
        .flat_map(|h| &h.legs)
        .map(|l| l.strike.to_f64());
    let frame = Frame::new(size, 340.0, 62.0, report, prices.chain(strikes), false);
    let mut svg = Svg::default();
    frame.grid(&mut svg, |v| text::tidy_zero(format!("{v:.0}")));
    frame.dates(&mut svg);
    for trade in &report.trades {
        for holding in trade.holdings.iter().filter(own) {
            boxes(&mut svg, &frame, trade, holding);
        }
    }
    for date in &report.gaps {
        let x = frame.x(session_end(*date));
        svg.line("gap", x, frame.top, x, frame.bottom);
    }
    svg.polyline(
        "price",
        &frame.line(report.days.iter().filter_map(|d| Some((d.date, d.underlying?)))),
    );
    let many = report.trades.len() >= MANY;
    let scale = if many { 0.55 } else { 1.0 };
    let here = |t: &&Trade| t.holdings.is_empty() || t.holdings.iter().any(|h| own(&h));
    for trade in report.trades.iter().filter(here) {
        let mut mark = |seconds: i64, class: &str, path: &str, word: &str| {
            if let Some(price) = price_at(report, seconds) {
                let title = format!(
                    "trade {}: {word} {}",
                    trade.number,
                    alula_market::time::Instant(seconds)
                );
                svg.mark(
                    &format!("mark {class}"),
                    frame.x(seconds),
                    frame.y(price),
                    path,
                    &title,
                    scale,
                );
            }
        };
        mark(trade.opened.0, "open", UP, "opened");
        for holding in trade.holdings.iter().skip(1) {
            mark(holding.from.0, "roll", DIAMOND, "rolled");
        }
        match trade.ending {
            Ending::Closed => mark(trade.ended.0, "close", DOWN, "closed"),
            Ending::Settled => mark(trade.ended.0, "settle", SQUARE, "settled"),
            Ending::Open => {}
        }
    }
    let label = format!(
        "price of {} with {}",
        report.underlying,
        text::plural(report.trades.iter().filter(here).count(), "trade")
    );
    svg.finish(
        size.class(),
        size.width(),
        frame.height,
        &label,
        &frame.data("trades"),
    )
}
