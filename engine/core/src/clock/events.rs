//! `within 1 day before fomc`, `surprise(cpi)`: scheduled events as they were known at an instant.

use crate::value::{Cause, Cell};
use alula_dsl::ast::EventSide;
use alula_dsl::graph::Length;
use alula_market::calendar::ExchangeCalendar;
use alula_market::series::{EventData, EventRow, SeriesData};
use alula_market::time::{Date, Instant};

/// Distance between two dates (or instants) in the units of a length, never negative.
fn distance(length: Length, earlier: Instant, later: Instant) -> i64 {
    let calendar = ExchangeCalendar::nyse();
    let session = |d: Date| {
        calendar
            .session_on_or_before(d)
            .and_then(|d| calendar.session_index(d))
    };
    let units = match length {
        Length::Days(_) => (later.date() - earlier.date()).num_days(),
        Length::Sessions(_) | Length::Bars(_) => match (session(earlier.date()), session(later.date())) {
            (Some(a), Some(b)) => i64::try_from(b).unwrap_or(i64::MAX) - i64::try_from(a).unwrap_or(0),
            _ => i64::MAX,
        },
        // Rounded up: 61 seconds are not within one minute.
        Length::Minutes(_) => (later.0.saturating_sub(earlier.0) + 59) / 60,
    };
    units.max(0)
}

const fn amount(length: Length) -> u32 {
    match length {
        Length::Bars(n) | Length::Sessions(n) | Length::Days(n) | Length::Minutes(n) => n,
    }
}

/// Truth of `within LENGTH before|after|of EVENT` at an instant.
///
/// Days count calendar days between exchange dates (`within 1 day before`: on the day, until the announcement, and all of
/// the day before), sessions count sessions, minutes count from the announcement. Only events whose date was public count.
/// Unknown (`no event`) where the calendar does not reach: looking ahead needs one event in the future to prove that none was
/// forgotten, looking back one in the past.
#[must_use]
pub fn within(events: &EventData, side: EventSide, length: Length, at: Instant) -> Cell {
    let n = i64::from(amount(length));
    let known = || events.rows.iter().filter(|r| r.scheduled_known_at <= at);
    let next = known().filter(|r| r.at > at).min_by_key(|r| r.at);
    let last = known().filter(|r| r.at <= at).max_by_key(|r| r.at);
    let before = next.map(|e| distance(length, at, e.at) <= n);
    let after = last.map(|e| distance(length, e.at, at) <= n);
    let cell = |near: Option<bool>| near.map_or(Cell::missing(Cause::NoEvent), Cell::boolean);
    match side {
        EventSide::Before => cell(before),
        EventSide::After => cell(after),
        EventSide::Of => cell(before).or(cell(after)),
    }
}

/// `surprise(EVENT)`: first print minus consensus of the newest release.
#[must_use]
pub fn surprise(events: &EventData, at: Instant) -> Cell {
    let newest: Option<&EventRow> = events.rows.iter().filter(|r| r.at <= at).max_by_key(|r| r.at);
    match newest.map(|r| (r.actual, r.consensus)) {
        None => Cell::missing(Cause::NoEvent),
        Some((None, _)) => Cell::missing(Cause::NoData),
        Some((_, None)) => Cell::missing(Cause::NoConsensus),
        Some((Some(actual), Some(consensus))) => Cell::number(actual - consensus),
    }
}

/// `reaction(EVENT, INSTRUMENT, least)`: mean change of the daily close over the events so far, from the last close before each to
/// the first after it, as far as both were known; *warming up* with fewer than `least`.
#[must_use]
pub fn reaction(events: &EventData, series: &SeriesData, least: u32, at: Instant) -> Cell {
    let known = series.available_at.partition_point(|a| *a <= at);
    let close = |i: usize| series.close.get(i).copied().flatten();
    let mut sum = 0.0;
    let mut count: u32 = 0;
    for event in events.rows.iter().filter(|r| r.at <= at) {
        // The first close that could know of it: what ends after it.
        let after = series.available_at.partition_point(|a| *a <= event.at);
        let before = after.checked_sub(1).and_then(close);
        if let (Some(before), Some(after)) = (before, close(after).filter(|_| after < known)) {
            sum += after - before;
            count = count.saturating_add(1);
        }
    }
    if count < least.max(1) {
        return Cell::missing(Cause::WarmingUp);
    }
    Cell::number(sum / f64::from(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reaction_is_the_mean_over_the_events_and_needs_its_sample() {
        let day = |d: u32| Date::from_ymd_opt(2019, 5, d).unwrap();
        let days = [1, 2, 3, 6, 7, 8];
        let series = SeriesData {
            date: days.iter().map(|d| day(*d)).collect(),
            available_at: days.iter().map(|d| at(*d, 16, 15)).collect(),
            close: [13.0, 14.8, 14.5, 12.9, 15.4, 19.3].map(Some).to_vec(),
            ..SeriesData::default()
        };
        let row = |t: Instant| EventRow {
            at: t,
            scheduled_known_at: Instant(0),
            actual: None,
            consensus: None,
        };
        // At 14:00 of the 2nd and 8:30 of the 7th: from 13.0 to 14.8, and from 12.9 to 15.4.
        let events = EventData {
            rows: vec![row(at(2, 14, 0)), row(at(7, 8, 30)), row(at(8, 17, 0))],
        };
        let mean = reaction(&events, &series, 2, at(8, 12, 0)).known().unwrap();
        assert!((mean - (1.8 + 2.5) / 2.0).abs() < 1e-12);
        // The close of the 7th is not known at noon of that day, and one event is not two.
        assert_eq!(
            reaction(&events, &series, 2, at(7, 12, 0)).cause(),
            Some(Cause::WarmingUp)
        );
        assert_eq!(
            reaction(&events, &series, 3, at(8, 18, 0)).cause(),
            Some(Cause::WarmingUp)
        );
    }

    fn at(d: u32, h: u32, m: u32) -> Instant {
        Instant::from_eastern(Date::from_ymd_opt(2019, 5, d).unwrap(), h, m).unwrap()
    }

    /// FOMC statement of 1 May 2019, 14:00 ET; the next on 19 June.
    fn fomc() -> EventData {
        let row = |t: Instant| EventRow {
            at: t,
            scheduled_known_at: Instant(0),
            actual: None,
            consensus: None,
        };
        let june = Instant::from_eastern(Date::from_ymd_opt(2019, 6, 19).unwrap(), 14, 0).unwrap();
        EventData {
            rows: vec![row(at(1, 14, 0)), row(june)],
        }
    }

    #[test]
    fn a_day_before_covers_the_eve_and_the_morning() {
        let events = fomc();
        let before = |t| within(&events, EventSide::Before, Length::Days(1), t);
        let eve = Instant::from_eastern(Date::from_ymd_opt(2019, 4, 30).unwrap(), 9, 30).unwrap();
        let two = Instant::from_eastern(Date::from_ymd_opt(2019, 4, 29).unwrap(), 16, 0).unwrap();
        assert!(before(eve).is_true());
        assert!(before(two).is_false());
        assert!(before(at(1, 13, 59)).is_true());
        assert!(before(at(1, 14, 0)).is_false());
        assert!(within(&events, EventSide::After, Length::Days(1), at(2, 15, 0)).is_true());
        assert!(within(&events, EventSide::After, Length::Days(1), at(3, 9, 30)).is_false());
        assert!(within(&events, EventSide::After, Length::Minutes(30), at(1, 14, 30)).is_true());
        assert!(within(&events, EventSide::After, Length::Minutes(30), at(1, 14, 31)).is_false());
    }

    #[test]
    fn past_the_calendars_end_nothing_is_known() {
        let late = Instant::from_eastern(Date::from_ymd_opt(2019, 8, 1).unwrap(), 10, 0).unwrap();
        let cell = within(&fomc(), EventSide::Before, Length::Days(1), late);
        assert_eq!(cell.cause(), Some(Cause::NoEvent));
    }

    #[test]
    fn an_event_counts_from_when_its_date_was_public() {
        let mut events = fomc();
        events.rows[1].scheduled_known_at = at(20, 0, 0);
        let cell = within(&events, EventSide::Before, Length::Days(40), at(15, 10, 0));
        assert_eq!(cell.cause(), Some(Cause::NoEvent));
        assert!(within(&events, EventSide::Before, Length::Days(40), at(20, 10, 0)).is_true());
    }

    #[test]
    fn a_surprise_needs_print_and_consensus() {
        let mut events = fomc();
        assert_eq!(surprise(&events, at(2, 10, 0)).cause(), Some(Cause::NoData));
        events.rows[0].actual = Some(0.3);
        assert_eq!(surprise(&events, at(2, 10, 0)).cause(), Some(Cause::NoConsensus));
        events.rows[0].consensus = Some(0.2);
        assert_eq!(surprise(&events, at(2, 10, 0)).known(), Some(0.3 - 0.2));
        assert_eq!(surprise(&events, at(1, 13, 59)).cause(), Some(Cause::NoEvent));
    }
}
