//! `within 1 day before fomc`, `surprise(cpi)`: scheduled events as they were known at an instant.

use crate::value::{Cause, Cell};
use alula_dsl::ast::EventSide;
use alula_dsl::graph::{Length, Moved};
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
/// the first after it, as far as both were known; *too few events* with fewer than `least`.
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
        return Cell::missing(Cause::FewEvents);
    }
    Cell::number(sum / f64::from(count))
}

/// Closes further apart than this are not about the event, seconds: a long weekend.
const APART_MAX: i64 = 4 * 86_400;

/// One reaction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reaction {
    /// Release.
    pub at: Instant,
    /// Change of the underlying, a fraction.
    pub spot: f64,
    /// Change of its implied vol at thirty days, points.
    pub vol: f64,
}

/// The average of reactions and their spread.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Projection {
    /// Reactions.
    pub count: u32,
    /// First and last release.
    pub span: (Instant, Instant),
    /// Mean and standard deviation (of the sample) of the change of the underlying, fractions.
    pub spot: (f64, f64),
    /// The same of the change of vol, points.
    pub vol: (f64, f64),
}

/// The reactions to an event that were over and known at an instant, in time order: from the last daily closes before each
/// release to the first after it, of the underlying and of the index that is its implied vol at thirty days.
#[must_use]
pub fn reactions(events: &EventData, spot: &SeriesData, vol: &SeriesData, at: Instant) -> Vec<Reaction> {
    let around = |series: &SeriesData, release: Instant| -> Option<(f64, f64)> {
        let after = series.available_at.partition_point(|a| *a <= release);
        let before = after.checked_sub(1)?;
        let (from, to) = (series.available_at.get(before)?, series.available_at.get(after)?);
        let close = |i: usize| series.close.get(i).copied().flatten();
        let told = *to <= at && to.0.saturating_sub(from.0) <= APART_MAX;
        close(before).zip(close(after)).filter(|_| told)
    };
    let past = events.rows.iter().filter(|r| r.at < at);
    let mut found: Vec<Reaction> = past
        .filter_map(|row| {
            let (a, b) = around(spot, row.at).filter(|(a, _)| *a > 0.0)?;
            let (was, is) = around(vol, row.at)?;
            Some(Reaction {
                at: row.at,
                spot: b / a - 1.0,
                vol: is - was,
            })
        })
        .collect();
    found.sort_by_key(|r| r.at);
    found
}

/// Mean and sample standard deviation.
fn moments(values: &[f64]) -> (f64, f64) {
    let n = f64::from(u32::try_from(values.len()).unwrap_or(u32::MAX));
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|x| (x - mean) * (x - mean)).sum();
    (mean, (squares / (n - 1.0).max(1.0)).sqrt())
}

impl Projection {
    /// The average of reactions in time order; none with fewer than `least`.
    #[must_use]
    pub fn of(reactions: &[Reaction], least: u32) -> Option<Self> {
        let count = u32::try_from(reactions.len()).unwrap_or(u32::MAX);
        if count < least.max(1) {
            return None;
        }
        let of = |f: fn(&Reaction) -> f64| moments(&reactions.iter().map(f).collect::<Vec<_>>());
        Some(Self {
            count,
            span: (reactions.first()?.at, reactions.last()?.at),
            spot: of(|r| r.spot),
            vol: of(|r| r.vol),
        })
    }

    /// A part of it.
    #[must_use]
    pub fn part(&self, what: Moved) -> f64 {
        match what {
            Moved::Vol => self.vol.0,
            Moved::Spot => self.spot.0,
            Moved::Count => f64::from(self.count),
            Moved::VolSpread => self.vol.1,
            Moved::SpotSpread => self.spot.1,
        }
    }
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
            Some(Cause::FewEvents)
        );
        assert_eq!(
            reaction(&events, &series, 3, at(8, 18, 0)).cause(),
            Some(Cause::FewEvents)
        );
    }

    /// By hand: vols −1 to −8 have mean −4.5 and sample variance 6; spots of +1 % and −1 % in turn mean 0.
    #[test]
    fn an_average_has_its_spread_and_needs_a_sample() {
        let reaction = |i: i32| Reaction {
            at: Instant(i64::from(i)),
            spot: if i % 2 == 0 { 0.01 } else { -0.01 },
            vol: -f64::from(i),
        };
        let all: Vec<Reaction> = (1..=8).map(reaction).collect();
        let found = Projection::of(&all, 8).unwrap();
        assert!((found.vol.0 + 4.5).abs() < 1e-12 && (found.vol.1 - 6_f64.sqrt()).abs() < 1e-12);
        assert!(found.spot.0.abs() < 1e-12 && found.count == 8);
        assert_eq!(found.span, (Instant(1), Instant(8)));
        assert_eq!(Projection::of(&all[..7], 8), None);
    }

    #[test]
    fn only_releases_and_closes_of_the_past_count_and_none_over_a_long_gap() {
        let day = |d: u32| Date::from_ymd_opt(2019, 5, d).unwrap();
        let series = |closes: [f64; 6]| SeriesData {
            date: [1, 2, 3, 6, 7, 14].map(day).to_vec(),
            available_at: [1, 2, 3, 6, 7, 14].map(|d| at(d, 16, 15)).to_vec(),
            close: closes.map(Some).to_vec(),
            ..SeriesData::default()
        };
        let (spot, vol) = (
            series([100.0, 101.0, 101.0, 99.0, 98.01, 90.0]),
            series([15.0, 14.0, 14.5, 13.0, 16.0, 30.0]),
        );
        let row = |t: Instant| EventRow {
            at: t,
            scheduled_known_at: Instant(0),
            actual: None,
            consensus: None,
        };
        // The release of the 9th falls into a week without closes.
        let events = EventData {
            rows: vec![row(at(7, 8, 30)), row(at(2, 14, 0)), row(at(9, 14, 0))],
        };
        let found = |t| reactions(&events, &spot, &vol, t);
        let [first, second] = found(at(20, 9, 30))[..] else {
            panic!()
        };
        assert_eq!((first.at, first.vol), (at(2, 14, 0), -1.0));
        assert!((first.spot - 0.01).abs() < 1e-12 && (second.spot + 0.01).abs() < 1e-12);
        assert_eq!((second.at, second.vol), (at(7, 8, 30), 3.0));
        // The release of the 7th is out at nine, the close after it is not.
        assert_eq!(found(at(7, 9, 0)).len(), 1);
        assert_eq!(found(at(2, 14, 0)), []);
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
