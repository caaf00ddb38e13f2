//! Funds that hold VX futures of constant maturity, by the rules of S&P's VIX futures indices.
//!
//! Source: S&P Dow Jones Indices, *S&P VIX Futures Indices Methodology*. A roll period runs from one VX settlement date to the
//! day before the next. Of its `dt` sessions `dr` are left after today; the short-term index holds dr/dt of the first and the
//! rest of the second month, the mid-term index dr/dt of the fourth, all of the fifth and sixth and the rest of the
//! seventh. Units held at yesterday's close earn today's change of settlement prices, and the bill's interest.

use super::bars::{known_at, twentieths};
use super::desk::{Desk, World};
use crate::calendar::ExchangeCalendar;
use crate::series::SeriesData;
use crate::time::{Date, Instant};

/// Yearly fee of the notes (their prospectuses: 0.89 %).
const FEE: f64 = 0.0089;
/// Price on the first session. No splits: the price is that of one share held since.
const FIRST: f64 = 100.0;

/// One-month constant maturity (VXX): first and second month.
pub(super) fn short_term(world: &World) -> Option<SeriesData> {
    rolled(world, 1, 0)
}

/// Five-month constant maturity (VXZ): fourth to seventh month.
pub(super) fn mid_term(world: &World) -> Option<SeriesData> {
    rolled(world, 4, 2)
}

/// Shares of the months held after the close of a day: the first month, its weight; full months follow, then the rest.
fn weights(date: Date, from: usize, full: usize) -> Option<Vec<(Date, f64)>> {
    let calendar = ExchangeCalendar::nyse();
    let months = calendar.vx_expiries(date, from + full + 1);
    let next = *months.first()?;
    // The settlement before: the last expiry at or before today.
    let before = calendar.vx_expiries(date.checked_sub_days(chrono::Days::new(45))?, 3);
    let begun = *before.iter().rfind(|e| **e <= date)?;
    let sessions = |a: Date, b: Date| calendar.sessions(a, b).len();
    let last = next.pred_opt()?;
    let total = sessions(begun, last);
    let left = sessions(date.succ_opt()?, last);
    #[expect(clippy::cast_precision_loss, reason = "sessions of a month")]
    let share = left as f64 / total.max(1) as f64;
    let mut held = months.into_iter().skip(from - 1);
    let mut out = vec![(held.next()?, share)];
    for _ in 0..full {
        out.push((held.next()?, 1.0));
    }
    out.push((held.next()?, 1.0 - share));
    Some(out)
}

fn settlement(desk: &Desk<'_>, expiry: Date) -> Option<f64> {
    let calendar = ExchangeCalendar::nyse();
    let scene = desk.scene(desk.day.close_at)?;
    let price = desk.future(&scene, calendar.open_at(expiry)?)?.0;
    Some(twentieths(price))
}

fn rolled(world: &World, from: usize, full: usize) -> Option<SeriesData> {
    let mut out = SeriesData::default();
    let mut price = FIRST;
    let mut held: Vec<(Date, f64, f64)> = Vec::new();
    let mut last: Option<(Instant, f64)> = None;
    for (n, day) in world.days.iter().enumerate() {
        let desk = world.desk(n)?;
        if let Some((at, rate)) = last {
            let (mut was, mut is) = (0.0, 0.0);
            for (expiry, weight, price) in &held {
                // What expires today was sold yesterday: its weight is nothing.
                if *expiry > day.date {
                    was += weight * price;
                    is += weight * settlement(&desk, *expiry)?;
                }
            }
            let years = alula_pricing::years_between(at.0, day.close_at.0)?;
            let interest = libm::exp(rate * years) - 1.0;
            price *= (is / was + interest) * (1.0 - FEE * years);
        }
        held.clear();
        for (expiry, weight) in weights(day.date, from, full)? {
            held.push((expiry, weight, settlement(&desk, expiry)?));
        }
        last = Some((day.close_at, day.rate));
        out.date.push(day.date);
        out.starts_at.push(day.open_at);
        out.available_at.push(known_at(day));
        out.close.push(Some((price * 1e4).round() / 1e4));
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Dates of 2019: settlements on 2019-05-22 and 2019-06-19; 19 sessions from the first to the day before the second
    /// (Memorial Day is 2019-05-27).
    #[test]
    fn units_move_from_the_first_month_to_the_second_through_the_roll_period() {
        let d = |t: &str| t.parse::<Date>().unwrap();
        let on = |t: &str| weights(d(t), 1, 0).unwrap();
        let first = on("2019-05-22");
        assert_eq!((first[0].0, first[1].0), (d("2019-06-19"), d("2019-07-17")));
        assert!((first[0].1 - 18.0 / 19.0).abs() < 1e-12, "{first:?}");
        let last = on("2019-06-18");
        assert_eq!((last[0].1, last[1].1), (0.0, 1.0));
        let mid = weights(d("2019-05-22"), 4, 2).unwrap();
        assert_eq!(mid.len(), 4);
        assert_eq!(mid[0].0, d("2019-09-18"));
        assert!((mid.iter().map(|m| m.1).sum::<f64>() - 3.0).abs() < 1e-12);
    }
}
