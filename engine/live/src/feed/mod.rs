//! A broker's quotes as a feed.
//!
//! The instants at which the run looks are known ahead: sessions by the exchange calendar, and the times of day at which the
//! store's sessions were looked at (or every five minutes). What is seen at each is what the broker had told by then, each
//! quote with its own instant; one that is too old is missing, and the journal names it. Whoever computes the run again takes
//! in the same looks.

mod bars;
mod board;
mod history;
mod linear;
mod settlement;
mod watch;
mod words;

pub use bars::{Bar, Builder, Known};
pub use board::Board;
pub use history::{FeedFacts, FeedHistory, Seen};
pub use watch::{Choice, Chosen};
pub use words::{seen_in, seen_out};

use crate::broker::{BrokerEvent, Listing, Watched};
use alula_book::Book;
use alula_core::analytics::SnapshotView;
use alula_core::plan::Plan;
use alula_market::calendar::ExchangeCalendar;
use alula_market::contract::{Instrument, OptionContract};
use alula_market::history::History;
use alula_market::money::Price;
use alula_market::series::BarSize;
use alula_market::time::{Date, Instant};
use alula_run::{Crank, RunError};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// Sizes from which coarser bars can be put together, as a run does it.
const FINER_MINUTES: [u16; 4] = [30, 15, 5, 1];
/// Minutes between two looks where nothing says otherwise.
const LOOK_MINUTES: i64 = 5;

/// How a feed is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeedSettings {
    /// Seconds after which a quote is too old.
    pub stale_after_s: i64,
    /// Most things that the broker quotes at once.
    pub lines: usize,
}

impl Default for FeedSettings {
    /// Two minutes; a hundred lines.
    fn default() -> Self {
        Self {
            stale_after_s: 120,
            lines: 100,
        }
    }
}

/// Times of day at which a run looks, in seconds after the open: those of the newest full session of a store before a date, or
/// every five minutes where there is none.
#[must_use]
pub fn rhythm(history: &dyn History, underlying: &str, before: Date) -> Vec<i64> {
    let calendar = ExchangeCalendar::nyse();
    let range = history.range(underlying);
    let mut day = calendar.previous_session(before);
    for _ in 0..10 {
        let (Some(date), Some((first, last))) = (day, range) else {
            break;
        };
        if date > last {
            day = calendar.session_on_or_before(last);
            continue;
        }
        if date < first {
            break;
        }
        if !calendar.is_early_close(date)
            && let Some(open) = calendar.open_at(date)
        {
            let ticks = history.ticks(underlying, date, date);
            let close = calendar.close_at(date).unwrap_or(open);
            let times = ticks.iter().filter(|t| **t >= open && **t <= close);
            let times: Vec<i64> = times.map(|t| t.0 - open.0).collect();
            if !times.is_empty() {
                return times;
            }
        }
        day = calendar.previous_session(date);
    }
    (1..=78).map(|n| n * LOOK_MINUTES * 60).collect()
}

/// The instants of a rhythm from an instant on, to the end of a date. On half days what lies after the close falls away; a
/// single look a day comes as long before the close as on a full one.
#[must_use]
pub fn instants(rhythm: &[i64], after: Instant, to: Date) -> Vec<Instant> {
    let calendar = ExchangeCalendar::nyse();
    let mut out = Vec::new();
    for date in calendar.sessions(after.date(), to) {
        let (Some(open), Some(close)) = (calendar.open_at(*date), calendar.close_at(*date)) else {
            continue;
        };
        let short = calendar.is_early_close(*date);
        let shift = |s: i64| match rhythm {
            [one] if short => close.0 - open.0 - (FULL_S - one),
            _ => s,
        };
        let all = rhythm.iter().map(|s| Instant(open.0 + shift(*s)));
        let before = out.len();
        out.extend(all.filter(|t| *t <= close && *t >= open && *t > after));
        // Who looks at the close of a full day looks at that of a half day.
        let ends_short = short && rhythm.last() == Some(&FULL_S) && close > after;
        if ends_short && out.get(before..).and_then(<[Instant]>::last) != Some(&close) {
            out.push(close);
        }
    }
    out
}

/// Seconds of a full session.
const FULL_S: i64 = 390 * 60;

/// A feed of a broker's quotes under way.
pub struct Feed {
    history: Arc<FeedHistory>,
    settings: FeedSettings,
    board: Board,
    /// Looks that have come and have not been visited.
    looks: VecDeque<Seen>,
    /// Place of the next look among the instants.
    next: usize,
    levels: Vec<Arc<str>>,
    listed: BTreeMap<Arc<str>, Vec<Listing>>,
    /// Underlyings whose listing was asked for, by the request.
    asked: BTreeMap<u64, (Arc<str>, Vec<Listing>)>,
    requests: u64,
    /// Session whose listing was asked for.
    session: Option<Date>,
    watched: Vec<Watched>,
    wished: usize,
    /// Something has changed that the choice of contracts rests on.
    rechoose: bool,
}

impl std::fmt::Debug for Feed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Feed")
            .field("history", &self.history)
            .field("watched", &self.watched.len())
            .finish_non_exhaustive()
    }
}

/// What a feed asks of the broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Which options of an underlying are listed.
    List {
        /// Number.
        request: u64,
        /// Underlying.
        underlying: Arc<str>,
    },
    /// Quotes of these and of nothing else.
    Watch(Vec<Watched>),
}

/// Series that a feed builds, with their lengths: those that the plan reads, in the length from which a run would make them.
fn built(plan: &Plan, base: &FeedHistory) -> Result<BTreeSet<(String, Option<u16>)>, RunError> {
    let mut out = BTreeSet::new();
    for need in plan.series() {
        let BarSize::Minutes(minutes) = need.size else {
            out.insert((need.id.clone(), None));
            continue;
        };
        let mut found = minutes;
        if base.series(&need.id, need.size)?.is_none() {
            for finer in FINER_MINUTES {
                let fits = finer < minutes && minutes.is_multiple_of(finer);
                if fits && base.series(&need.id, BarSize::Minutes(finer))?.is_some() {
                    found = finer;
                    break;
                }
            }
        }
        out.insert((need.id.clone(), Some(found)));
    }
    for id in linear::needed(plan, base)? {
        out.insert((id, None));
    }
    // What settles options.
    for underlying in plan.chains() {
        out.insert((underlying.clone(), None));
        for official in ["SET", "VRO"] {
            if (underlying == "VIX") == (official == "VRO") {
                out.insert((official.to_owned(), None));
            }
        }
    }
    Ok(out)
}

impl Feed {
    /// A feed of nothing so far.
    ///
    /// # Errors
    /// When the store that it goes on with cannot be read.
    pub fn new(history: Arc<FeedHistory>, plan: &Plan, settings: FeedSettings) -> Result<Self, RunError> {
        let start = history.facts().start;
        let mut builders = Vec::new();
        let mut levels: Vec<Arc<str>> = plan.chains().iter().map(|u| Arc::from(u.as_str())).collect();
        for (id, minutes) in built(plan, &history)? {
            let session = history.series(&id, BarSize::Session)?;
            let id: Arc<str> = Arc::from(id.as_str());
            if !levels.contains(&id) {
                levels.push(Arc::clone(&id));
            }
            let size = minutes.map_or(BarSize::Session, BarSize::Minutes);
            builders.push(Builder::new(id, size, Known::of(session.as_deref()), start));
        }
        Ok(Self {
            board: Board::new(builders, settings.stale_after_s),
            history,
            settings,
            looks: VecDeque::new(),
            next: 0,
            levels,
            listed: BTreeMap::new(),
            asked: BTreeMap::new(),
            requests: 0,
            session: None,
            watched: Vec::new(),
            wished: 0,
            rechoose: true,
        })
    }

    /// Goes on with a feed whose looks these are, in order; `next` is the first instant that the run has not visited. Looks from
    /// there on were written down and not acted on: they are visited as they were.
    pub fn go_on(&mut self, seen: &[Seen], next: Option<Instant>) {
        let Some(last) = seen.last() else { return };
        let instants = &self.history.facts().instants;
        self.next = instants.partition_point(|t| *t <= last.at);
        let next = next.unwrap_or(Instant(i64::MAX));
        self.looks.extend(seen.iter().filter(|s| s.at >= next).cloned());
        self.board.go_on(last);
    }

    /// The broker has forgotten what it was asked for.
    pub fn ask_again(&mut self) {
        self.session = None;
        self.watched.clear();
        self.rechoose = true;
    }

    /// What it makes longer.
    #[must_use]
    pub const fn history(&self) -> &Arc<FeedHistory> {
        &self.history
    }

    /// Contracts and indices asked for, and contracts that would have been, had there been lines for all.
    #[must_use]
    pub fn lines(&self) -> (usize, usize) {
        (self.watched.len(), self.wished)
    }

    /// Values that came after the end of their bar was taken in.
    #[must_use]
    pub const fn late(&self) -> u64 {
        self.board.late()
    }

    fn due(&self) -> Option<Instant> {
        self.history.facts().instants.get(self.next).copied()
    }

    /// Takes in what the broker said of the market, heard by `now`. What stood after an instant is not seen at it.
    pub fn hear(&mut self, events: impl IntoIterator<Item = BrokerEvent>, now: Instant) {
        for event in events {
            let stood = match &event {
                BrokerEvent::Quote(quote) => Some(quote.at),
                BrokerEvent::Level(level) => Some(level.at),
                _ => None,
            };
            // A clock that is ahead of ours does not make the future visible.
            while let Some(due) = self
                .due()
                .filter(|due| stood.is_some_and(|at| at > *due) && *due <= now)
            {
                self.look(due, now);
            }
            match event {
                BrokerEvent::Quote(quote) => {
                    self.board.quote(&quote);
                    for level in linear::values(&self.levels, &quote) {
                        self.board.level(&level);
                    }
                }
                BrokerEvent::Level(level) => {
                    // Where the market stands today decides which strikes matter.
                    self.rechoose |= self.board.value(&level.name).is_none();
                    self.board.level(&level);
                }
                BrokerEvent::Listed { request, listing } => {
                    if let Some((_, all)) = self.asked.get_mut(&request) {
                        all.push(listing);
                    }
                }
                BrokerEvent::ListEnd { request } => {
                    if let Some((underlying, mut all)) = self.asked.remove(&request) {
                        all.sort_by_key(|l| (l.expiry, l.root));
                        self.listed.insert(underlying, all);
                        self.rechoose = true;
                    }
                }
                _ => {}
            }
        }
        while let Some(due) = self.due().filter(|due| *due <= now) {
            self.look(due, now);
        }
    }

    fn look(&mut self, due: Instant, now: Instant) {
        let seen = self.board.look(due, now);
        self.looks.push_back(seen);
        self.next += 1;
    }

    /// The look of an instant, to be written down and then taken in with [`Feed::visit`].
    pub fn seen(&mut self, at: Instant) -> Option<&Seen> {
        while self.looks.front().is_some_and(|s| s.at < at) {
            self.looks.pop_front();
        }
        self.looks.front().filter(|s| s.at == at)
    }

    /// Makes the history longer by the look of an instant.
    pub fn visit(&mut self, at: Instant) {
        if self.seen(at).is_some()
            && let Some(seen) = self.looks.pop_front()
        {
            self.history.release(Instant(at.0 - 86_400));
            self.history.receive(&seen);
            self.rechoose = true;
        }
    }

    /// What is to be asked of the broker now: listings at the beginning and on each new session, quotes when the choice of
    /// contracts changes.
    pub fn wishes(&mut self, crank: &Crank<'_>, now: Instant) -> Vec<Wish> {
        let mut out = Vec::new();
        // Not the evening before: strikes are added overnight.
        let session = self.due().map(Instant::date).filter(|d| *d == now.date());
        if session.is_some() && self.session != session {
            self.session = session;
            self.asked.clear();
            for underlying in crank.plan().chains() {
                self.requests += 1;
                let underlying: Arc<str> = Arc::from(underlying.as_str());
                self.asked
                    .insert(self.requests, (Arc::clone(&underlying), Vec::new()));
                out.push(Wish::List {
                    request: self.requests,
                    underlying,
                });
            }
        }
        if !std::mem::take(&mut self.rechoose) {
            return out;
        }
        let chosen = self.choose(crank, now);
        if chosen.watched != self.watched {
            self.watched.clone_from(&chosen.watched);
            let contracts: BTreeSet<&Watched> = self.watched.iter().collect();
            self.board
                .keep(&|c| contracts.contains(&Watched::Instrument(Instrument::Option(*c))));
            out.push(Wish::Watch(chosen.watched));
        }
        self.wished = chosen.wished;
        out
    }

    fn choose(&self, crank: &Crank<'_>, now: Instant) -> Chosen {
        let plan = crank.plan();
        let history = &self.history;
        let newest = history.newest();
        let view = |underlying: &str| {
            let snapshot = history.snapshot(underlying, newest?).ok()?;
            let rate = history.rate(newest?).ok().flatten();
            Some(Arc::new(SnapshotView::new(snapshot, rate)))
        };
        let spot = |underlying: &str| self.spot(underlying);
        let session = self.due().map_or_else(|| now.date(), Instant::date);
        let levels: Vec<Watched> = self
            .levels
            .iter()
            .map(|id| linear::watched(id, session))
            .collect();
        Choice {
            plan,
            at: now,
            listed: &self.listed,
            spot: &spot,
            view: &view,
            amount: &|id| crank.value(id),
            held: &held(crank.book()),
            levels: &levels,
            lines: self.settings.lines,
        }
        .make()
    }

    /// Newest price of an underlying: as the broker told it, else the store's newest close.
    fn spot(&self, underlying: &str) -> Option<Price> {
        if let Some(value) = self.board.value(underlying) {
            return Some(value);
        }
        let series = self.history.series(underlying, BarSize::Session).ok().flatten()?;
        let close = series.close.iter().rev().find_map(|c| *c)?;
        Price::from_f64(close)
    }
}

/// Contracts that are held or ordered.
fn held(book: &Book) -> BTreeSet<OptionContract> {
    let positions = book.positions().flat_map(|p| p.legs.iter().map(|l| l.contract));
    let orders = book.orders().iter();
    let ordered = orders.flat_map(|o| book.legs_of(o).unwrap_or_default());
    positions.chain(ordered.map(|l| l.contract)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::Level;
    use alula_market::sim::{SimConfig, SimulatedMarket};

    fn date(text: &str) -> Date {
        text.parse().unwrap()
    }

    #[test]
    fn looks_follow_the_calendar_half_days_included() {
        let noon = |d: &str| Instant::from_eastern(date(d), 12, 0).unwrap();
        let words = |all: &[Instant]| all.iter().map(ToString::to_string).collect::<Vec<_>>();
        // Daily at 15:45; the third of July 2023 closed at 13:00, the fourth was a holiday.
        let daily = instants(&[22_500], noon("2023-06-30"), date("2023-07-05"));
        assert_eq!(
            words(&daily),
            [
                "2023-06-30 15:45 ET",
                "2023-07-03 12:45 ET",
                "2023-07-05 15:45 ET"
            ]
        );
        let hours: Vec<i64> = vec![3600, 18_000, 23_400];
        let intraday = instants(&hours, noon("2023-07-01"), date("2023-07-03"));
        assert_eq!(words(&intraday), ["2023-07-03 10:30 ET", "2023-07-03 13:00 ET"]);
    }

    #[test]
    fn the_rhythm_is_that_of_the_store() {
        let market = |every_minutes| {
            SimulatedMarket::new(SimConfig {
                sessions: 5,
                every_minutes,
                ..SimConfig::default()
            })
            .unwrap()
        };
        let after = date("2023-02-01");
        assert_eq!(rhythm(&market(None), "SPX", after), [22_500]);
        assert_eq!(rhythm(&market(Some(130)), "SPX", after), [7800, 15_600, 23_400]);
        assert_eq!(rhythm(&market(None), "NDX", after).len(), 78);
    }

    #[test]
    fn what_stood_after_a_look_is_not_seen_at_it_however_late_it_is_heard() {
        let base = SimulatedMarket::new(SimConfig {
            sessions: 5,
            ..SimConfig::default()
        });
        let day = date("2023-01-05");
        let open = ExchangeCalendar::nyse().open_at(day).unwrap();
        let facts = FeedFacts::new(
            ("a broker", false),
            open,
            (vec![300, 600], day),
            vec!["SPX".to_owned()],
        );
        let history = Arc::new(FeedHistory::new(Box::new(base.unwrap()), facts));
        let mut feed = Feed {
            board: Board::new(Vec::new(), 1_000),
            history,
            settings: FeedSettings::default(),
            looks: VecDeque::new(),
            next: 0,
            levels: Vec::new(),
            listed: BTreeMap::new(),
            asked: BTreeMap::new(),
            requests: 0,
            session: None,
            watched: Vec::new(),
            wished: 0,
            rechoose: false,
        };
        let value = |points: i64, second: i64| {
            BrokerEvent::Level(Level {
                name: "SPX".into(),
                value: Some(Price(points * 1000)),
                at: Instant(open.0 + second),
            })
        };
        // All of it is heard at once, after both looks.
        let heard = [value(10, 290), value(11, 310), value(12, 590), value(13, 601)];
        feed.hear(heard, Instant(open.0 + 605));
        let seen = |feed: &mut Feed, second: i64| {
            let levels = feed.seen(Instant(open.0 + second)).unwrap().levels.clone();
            levels.iter().map(|(_, p)| p.0 / 1000).collect::<Vec<_>>()
        };
        assert_eq!(seen(&mut feed, 300), [10]);
        assert_eq!(seen(&mut feed, 600), [12]);
    }
}
