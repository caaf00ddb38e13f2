//! What expired settles to, where nobody tells the official value in time: a broker's feed has the index and no more.
//!
//! The first value of the index on the settlement's morning, or its last one in the afternoon, stands in and is marked. It counts
//! from the look on at which it had come: a run that asks before gets an answer that is not known yet, and waits with what
//! expired instead of ending. A day on which nothing was told at all (the gateway was down) takes the value before, once the day
//! is over. Whoever computes the run again has all looks from the start, and must get the same answers at the same looks: so an
//! answer never depends on what came after the instant that it names.

use super::bars::Bar;
use super::history::Seen;
use alula_market::contract::SettlementValue;
use alula_market::money::Price;
use alula_market::series::BarSize;
use alula_market::time::{Date, Instant};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A value, and the look at which it had come.
type Came = (Price, Instant);

/// First and last value of a session.
type Ends = (Option<Came>, Option<Came>);

/// First and last values of sessions as they came, look by look.
#[derive(Debug, Default)]
pub(super) struct Told {
    days: BTreeMap<(Arc<str>, Date), Ends>,
    looks: BTreeSet<Instant>,
}

impl Told {
    /// Takes in a look; they come in order.
    pub(super) fn look(&mut self, seen: &Seen) {
        self.looks.insert(seen.at);
        let session = |b: &&Bar| b.size == BarSize::Session;
        for bar in seen.bars.iter().chain(&seen.under_way).filter(session) {
            let day = self.days.entry((Arc::clone(&bar.series), bar.date)).or_default();
            let [first, ..] = bar.values;
            day.0.get_or_insert((first, seen.at));
        }
        for bar in seen.bars.iter().filter(session) {
            let day = self.days.entry((Arc::clone(&bar.series), bar.date)).or_default();
            let [.., last] = bar.values;
            day.1 = Some((last, seen.at));
        }
    }

    /// The official value of a day where the broker tells it first, else the value of an index that stands in for it: the first
    /// of the day, or its last. `before` is what a store has as
    /// the newest value before the feed. `None` where there never was a value.
    pub(super) fn value(
        &self,
        (official, index, first): (Option<&str>, &str, bool),
        (day, settles_at): (Date, Instant),
        before: Option<Price>,
    ) -> Option<SettlementValue> {
        let told = self.days.get(&(Arc::from(index), day));
        let told = told.and_then(|(f, l)| if first { *f } else { *l });
        let own = official.and_then(|id| self.days.get(&(Arc::from(id), day))?.0);
        let own = own.filter(|(_, came)| told.is_none_or(|(_, other)| *came <= other));
        if let Some((price, came)) = own.or(told) {
            // At the first look that could ask it counts as of the settlement; later, as of when it came.
            let asked = self.looks.range(settles_at..).next();
            let late = asked.is_some_and(|asked| came > *asked);
            return Some(SettlementValue {
                approximate: own.is_none(),
                ..approximate(price, if late { came } else { settles_at })
            });
        }
        let Some(over) = self.looks.iter().rev().take_while(|at| at.date() > day).last() else {
            // It may still come.
            return Some(approximate(Price::ZERO, Instant(i64::MAX)));
        };
        let own = self
            .days
            .range((Arc::from(index), Date::MIN)..(Arc::from(index), day))
            .rev()
            .find_map(|(_, (_, last))| last.map(|(price, _)| price));
        own.or(before).map(|price| approximate(price, *over))
    }
}

/// To the cent, as an index is told.
fn approximate(price: Price, at: Instant) -> SettlementValue {
    let cents = price.0.saturating_add(5).div_euclid(10);
    SettlementValue {
        price: Price(cents.saturating_mul(10)),
        at,
        approximate: true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Date {
        text.parse().unwrap()
    }

    fn at(date: &str, hour: u32, minute: u32) -> Instant {
        Instant::from_eastern(day(date), hour, minute).unwrap()
    }

    fn bar(date: &str, values: [i64; 4]) -> Bar {
        Bar {
            series: "VIX".into(),
            size: BarSize::Session,
            date: day(date),
            starts_at: at(date, 9, 30),
            known_at: at(date, 16, 15),
            values: values.map(Price),
        }
    }

    /// A look, with a bar that ended before it and one that is under way.
    fn seen(at: Instant, ended: Option<Bar>, under_way: Option<Bar>) -> Seen {
        Seen {
            at,
            bars: ended.into_iter().collect(),
            under_way: under_way.into_iter().collect(),
            ..Seen::default()
        }
    }

    const WEDNESDAY: &str = "2023-01-25";

    fn morning(told: &Told) -> Option<(i64, Instant)> {
        let settles = (day(WEDNESDAY), at(WEDNESDAY, 9, 30));
        let value = told.value((Some("VRO"), "VIX", true), settles, Some(Price(20_000)))?;
        assert!(value.approximate);
        Some((value.price.0, value.at))
    }

    const NEVER: Instant = Instant(i64::MAX);

    #[test]
    fn the_first_value_of_the_morning_counts_from_the_look_on_at_which_it_had_come() {
        let mut told = Told::default();
        told.look(&seen(at("2023-01-24", 16, 0), None, None));
        assert_eq!(morning(&told).unwrap().1, NEVER, "it may still come");
        told.look(&seen(
            at(WEDNESDAY, 10, 0),
            None,
            Some(bar(WEDNESDAY, [19_134, 19_500, 19_100, 19_300])),
        ));
        // To the cent; known at the first look after it: as of the settlement.
        assert_eq!(morning(&told), Some((19_130, at(WEDNESDAY, 9, 30))));
        // What comes later changes nothing.
        told.look(&seen(
            at("2023-01-26", 10, 0),
            Some(bar(WEDNESDAY, [19_134, 21_000, 19_100, 20_900])),
            None,
        ));
        assert_eq!(morning(&told), Some((19_130, at(WEDNESDAY, 9, 30))));
    }

    #[test]
    fn a_value_that_came_late_counts_from_when_it_came_also_for_who_knows_it_from_the_start() {
        let mut told = Told::default();
        told.look(&seen(at(WEDNESDAY, 10, 0), None, None));
        assert_eq!(morning(&told).unwrap().1, NEVER);
        told.look(&seen(
            at(WEDNESDAY, 10, 30),
            None,
            Some(bar(WEDNESDAY, [19_100, 19_100, 19_100, 19_100])),
        ));
        assert_eq!(morning(&told), Some((19_100, at(WEDNESDAY, 10, 30))));
    }

    #[test]
    fn a_day_of_which_nothing_was_told_takes_the_value_before_once_it_is_over() {
        let mut told = Told::default();
        let tuesday = "2023-01-24";
        told.look(&seen(at(WEDNESDAY, 10, 0), None, None));
        assert_eq!(morning(&told).unwrap().1, NEVER);
        told.look(&seen(at("2023-01-26", 10, 0), None, None));
        assert_eq!(
            morning(&told),
            Some((20_000, at("2023-01-26", 10, 0))),
            "the store's"
        );
        let mut told = Told::default();
        told.look(&seen(
            at(WEDNESDAY, 9, 30),
            Some(bar(tuesday, [19_000, 19_000, 18_000, 18_500])),
            None,
        ));
        told.look(&seen(at("2023-01-26", 10, 0), None, None));
        told.look(&seen(at("2023-01-27", 10, 0), None, None));
        assert_eq!(
            morning(&told),
            Some((18_500, at("2023-01-26", 10, 0))),
            "Tuesday's last"
        );
        // Nothing anywhere is nothing.
        let settles = (day(WEDNESDAY), at(WEDNESDAY, 9, 30));
        assert_eq!(told.value((None, "SPX", true), settles, None), None);
    }

    #[test]
    fn in_the_afternoon_the_last_value_counts_once_its_session_is_over() {
        let mut told = Told::default();
        let settles = (day(WEDNESDAY), at(WEDNESDAY, 16, 0));
        let last = |told: &Told| {
            let value = told.value((None, "VIX", false), settles, None).unwrap();
            (value.price.0, value.at)
        };
        let values = [19_000, 19_500, 18_900, 19_200];
        told.look(&seen(at(WEDNESDAY, 15, 45), None, Some(bar(WEDNESDAY, values))));
        assert_eq!(last(&told).1, NEVER);
        told.look(&seen(at("2023-01-26", 9, 45), Some(bar(WEDNESDAY, values)), None));
        assert_eq!(last(&told), (19_200, at(WEDNESDAY, 16, 0)));
    }
}
