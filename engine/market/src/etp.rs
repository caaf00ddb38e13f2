//! What the notes and funds on VIX futures hold: VX futures of constant maturity, by the rules of S&P's VIX futures indices.
//!
//! Source: S&P Dow Jones Indices, *S&P VIX Futures Indices Methodology*. A roll period runs from one VX settlement date to the
//! day before the next. Of its `dt` sessions `dr` are left after today; the short-term index holds dr/dt of the first and the
//! rest of the second month, the mid-term index dr/dt of the fourth, all of the fifth and sixth and the rest of the
//! seventh. A share is worth its futures' notional, fully paid: for one point of a future it gains, in dollars,
//! `price * weight / sum of weight * future's price`.

use crate::calendar::ExchangeCalendar;
use crate::contract::Share;
use crate::time::Date;

/// The first month that an index holds, counted from one, and how many full months follow it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Maturity {
    /// First month.
    pub from: usize,
    /// Full months after it.
    pub full: usize,
}

/// One-month constant maturity: first and second month.
pub const SHORT_TERM: Maturity = Maturity { from: 1, full: 0 };
/// Five-month constant maturity: fourth to seventh month.
pub const MID_TERM: Maturity = Maturity { from: 4, full: 2 };

/// The index that a share follows; none where it holds no VX futures.
#[must_use]
pub const fn maturity(share: Share) -> Option<Maturity> {
    match share {
        Share::Vxx | Share::Vixy => Some(SHORT_TERM),
        Share::Vxz => Some(MID_TERM),
        Share::Spy => None,
    }
}

/// Expiries of the futures that an index holds after the close of a day, with their units: the first month, its share; full
/// months follow, then the rest. `None` outside the calendar.
#[must_use]
pub fn held_after(date: Date, of: Maturity) -> Option<Vec<(Date, f64)>> {
    let Maturity { from, full } = of;
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

/// What a share's index holds during a session: what it held after the close before it, without what is nothing of it.
#[must_use]
pub fn held_during(session: Date, share: Share) -> Option<Vec<(Date, f64)>> {
    let before = ExchangeCalendar::nyse().previous_session(session)?;
    let mut held = held_after(before, maturity(share)?)?;
    held.retain(|(expiry, weight)| *weight > 0.0 && *expiry > session);
    Some(held)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Dates of 2019: settlements on 2019-05-22 and 2019-06-19; 19 sessions from the first to the day before the second
    /// (Memorial Day is 2019-05-27).
    #[test]
    fn units_move_from_the_first_month_to_the_second_through_the_roll_period() {
        let d = |t: &str| t.parse::<Date>().unwrap();
        let on = |t: &str| held_after(d(t), SHORT_TERM).unwrap();
        let first = on("2019-05-22");
        assert_eq!((first[0].0, first[1].0), (d("2019-06-19"), d("2019-07-17")));
        assert!((first[0].1 - 18.0 / 19.0).abs() < 1e-12, "{first:?}");
        let last = on("2019-06-18");
        assert_eq!((last[0].1, last[1].1), (0.0, 1.0));
        let mid = held_after(d("2019-05-22"), MID_TERM).unwrap();
        assert_eq!(mid.len(), 4);
        assert_eq!(mid[0].0, d("2019-09-18"));
        assert!((mid.iter().map(|m| m.1).sum::<f64>() - 3.0).abs() < 1e-12);
        // On the morning of a settlement everything is in the next month.
        assert_eq!(
            held_during(d("2019-06-19"), Share::Vxx).unwrap(),
            [(d("2019-07-17"), 1.0)]
        );
        assert_eq!(held_during(d("2019-06-19"), Share::Spy), None);
    }
}
