//! What the importer counted, refused and could not say: the quality report, as values, text and JSON.

use super::error::BadRow;
use crate::store::Refusal;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// Bad rows and dates listed one by one; all are counted.
pub const LISTED_MAX: usize = 20;

/// A list that counts everything and keeps the first [`LISTED_MAX`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Listed<T> {
    /// How many there were.
    pub count: u64,
    /// The first of them.
    pub first: Vec<T>,
}

impl<T> Default for Listed<T> {
    fn default() -> Self {
        Self {
            count: 0,
            first: Vec::new(),
        }
    }
}

impl<T> Listed<T> {
    pub(super) fn push(&mut self, item: T) {
        self.count += 1;
        if self.first.len() < LISTED_MAX {
            self.first.push(item);
        }
    }
}

/// One day of chains.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ChainDay {
    /// Session.
    pub date: String,
    /// File it came from.
    pub file: String,
    /// Underlying: `SPX`.
    pub symbol: String,
    /// Instants at which quotes stood.
    pub snapshots: u64,
    /// When the quotes are taken to have stood, Eastern: `15:45`, `09:31 to 16:00`.
    pub snapshot: String,
    /// The underlying's price in the file, in the last snapshot.
    pub underlying: String,
    /// Rows stored, by root.
    pub rows: BTreeMap<String, u64>,
    /// Expiries, roots apart.
    pub expiries: u64,
    /// Bid above a positive ask.
    pub crossed: u64,
    /// Bid equal to a positive ask.
    pub locked: u64,
    /// Bid zero.
    pub zero_bid: u64,
    /// Ask zero: no market.
    pub zero_ask: u64,
    /// Rows given twice with the same content; the second was left out.
    pub duplicates: u64,
    /// Vendor's implied volatility zero: not computed by the vendor.
    pub iv_zero: u64,
    /// Rows of series that had settled before the snapshot (an AM series on its settlement day).
    pub settled: u64,
    /// Rows quoted outside the regular session: left out.
    pub outside_hours: u64,
    /// Rows left out because they could not be read.
    pub bad_rows: u64,
}

/// One series.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct SeriesQuality {
    /// Identifier.
    pub id: String,
    /// Bars in the store.
    pub rows: u64,
    /// First session.
    pub first: String,
    /// Last session.
    pub last: String,
    /// When a bar may be read.
    pub availability: String,
    /// Files it came from.
    pub files: Vec<String>,
    /// Rows dated on days without a session: refused.
    pub off_session: Listed<String>,
    /// Rows of a seven-day series between sessions: left out, the session's own value stands.
    pub between_sessions: u64,
    /// Rows before the exchange calendar begins (1990): left out.
    pub before_calendar: u64,
    /// Sessions between first and last without a bar.
    pub missing_sessions: Listed<String>,
    /// Bars whose high or low does not contain open and close; kept.
    pub inconsistent: Listed<String>,
    /// Bars with four equal values; kept.
    pub flat: u64,
    /// Values that revise a first print; kept beside it.
    pub revisions: u64,
    /// Days for which two sources disagree; the first one's value was kept.
    pub conflicts: Listed<String>,
}

/// One kind of event.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct EventQuality {
    /// Identifier.
    pub id: String,
    /// Occurrences in the store.
    pub rows: u64,
    /// First date.
    pub first: String,
    /// Last date.
    pub last: String,
    /// Occurrences with a published figure.
    pub with_actual: u64,
    /// Occurrences with a consensus.
    pub with_consensus: u64,
    /// Figures that were revised later; kept beside the first print.
    pub revisions: u64,
    /// Rows left out, with the reason.
    pub left_out: Listed<String>,
    /// Occurrences for which two sources disagree; the first one's figure was kept.
    pub conflicts: Listed<String>,
}

/// A file and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FileOutcome {
    /// File name.
    pub file: String,
    /// Layout it was read as.
    pub layout: String,
    /// Data rows in it.
    pub rows: u64,
}

/// The whole report of one import.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct QualityReport {
    /// Files in order of reading.
    pub files: Vec<FileOutcome>,
    /// Days of chains.
    pub chain_days: Vec<ChainDay>,
    /// Days whose chains the store had already, row for row.
    pub already_stored: Vec<String>,
    /// Files and days that were not let in.
    pub refused: Vec<Refusal>,
    /// Sessions between the store's first and last without a chain, by underlying. They are never filled in.
    pub gaps: BTreeMap<String, Vec<String>>,
    /// Rows left out because they could not be read (only with `skip_bad`).
    pub bad_rows: Listed<BadRow>,
    /// Series.
    pub series: Vec<SeriesQuality>,
    /// Events.
    pub events: Vec<EventQuality>,
    /// What had to be assumed.
    pub assumptions: Vec<String>,
}

/// Sums over the days of chains.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ChainTotals {
    /// Days.
    pub days: u64,
    /// As [`ChainDay::snapshots`].
    pub snapshots: u64,
    /// Rows stored, by root.
    pub rows: BTreeMap<String, u64>,
    /// Fewest and most expiries in a day.
    pub expiries: (u64, u64),
    /// As [`ChainDay::crossed`].
    pub crossed: u64,
    /// As [`ChainDay::locked`].
    pub locked: u64,
    /// As [`ChainDay::zero_bid`].
    pub zero_bid: u64,
    /// As [`ChainDay::zero_ask`].
    pub zero_ask: u64,
    /// As [`ChainDay::duplicates`].
    pub duplicates: u64,
    /// As [`ChainDay::iv_zero`].
    pub iv_zero: u64,
    /// As [`ChainDay::settled`].
    pub settled: u64,
    /// As [`ChainDay::outside_hours`].
    pub outside_hours: u64,
    /// As [`ChainDay::bad_rows`].
    pub bad_rows: u64,
}

impl ChainTotals {
    /// Rows of all roots.
    #[must_use]
    pub fn all_rows(&self) -> u64 {
        self.rows.values().sum()
    }
}

impl QualityReport {
    /// Sums over the days.
    #[must_use]
    pub fn totals(&self) -> ChainTotals {
        let dates: BTreeSet<&str> = self.chain_days.iter().map(|d| d.date.as_str()).collect();
        let mut t = ChainTotals {
            days: dates.len() as u64,
            ..ChainTotals::default()
        };
        let mut first = true;
        for day in &self.chain_days {
            t.expiries.0 = if std::mem::take(&mut first) {
                day.expiries
            } else {
                t.expiries.0.min(day.expiries)
            };
            t.expiries.1 = t.expiries.1.max(day.expiries);
            t.snapshots += day.snapshots;
            for (root, rows) in &day.rows {
                *t.rows.entry(root.clone()).or_default() += rows;
            }
            t.crossed += day.crossed;
            t.locked += day.locked;
            t.zero_bid += day.zero_bid;
            t.zero_ask += day.zero_ask;
            t.duplicates += day.duplicates;
            t.iv_zero += day.iv_zero;
            t.settled += day.settled;
            t.outside_hours += day.outside_hours;
            t.bad_rows += day.bad_rows;
        }
        t
    }

    /// As JSON, keys in a fixed order.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    /// As text for a terminal.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        self.write_layouts(&mut out);
        self.write_chains(&mut out);
        match self.already_stored.as_slice() {
            [] => {}
            [one] => {
                let _ = writeln!(out, "already  1 day was in the store, row for row: {one}");
            }
            [first, .., last] => {
                let n = self.already_stored.len();
                let _ = writeln!(
                    out,
                    "already  {n} days were in the store, row for row: {first} to {last}"
                );
            }
        }
        for refusal in &self.refused {
            let day = refusal
                .date
                .as_ref()
                .map_or_else(String::new, |d| format!(" {d}"));
            let _ = writeln!(out, "refused  {}{day}: {}", refusal.file, refusal.reason);
        }
        for (underlying, days) in &self.gaps {
            let _ = writeln!(
                out,
                "gaps     {underlying}: {} sessions without a chain: {}",
                days.len(),
                days.join(", ")
            );
        }
        for bad in &self.bad_rows.first {
            let _ = writeln!(
                out,
                "bad row  {} line {}, column {}: {}",
                bad.file, bad.line, bad.column, bad.what
            );
        }
        let unlisted = self
            .bad_rows
            .count
            .saturating_sub(self.bad_rows.first.len() as u64);
        if unlisted > 0 {
            let _ = writeln!(out, "bad row  … and {unlisted} more");
        }
        for series in &self.series {
            series.write(&mut out);
        }
        for event in &self.events {
            event.write(&mut out);
        }
        for text in &self.assumptions {
            let _ = writeln!(out, "assumed  {text}");
        }
        out
    }

    /// What the files were read as: layouts in order of name.
    fn write_layouts(&self, out: &mut String) {
        let mut layouts: BTreeMap<&str, (u64, u64, &str)> = BTreeMap::new();
        for file in &self.files {
            let entry = layouts.entry(&file.layout).or_insert((0, 0, &file.file));
            entry.0 += 1;
            entry.1 += file.rows;
        }
        for (layout, (files, rows, first)) in layouts {
            let which = match files {
                1 => first.to_owned(),
                n => format!("{n} files, {first}, …"),
            };
            let _ = writeln!(out, "layout   {layout}: {which}; {rows} rows");
        }
    }

    fn write_chains(&self, out: &mut String) {
        let t = self.totals();
        let (Some(first), Some(last)) = (self.chain_days.first(), self.chain_days.last()) else {
            return;
        };
        let rows = t.all_rows();
        let share = |n: u64| {
            #[expect(clippy::cast_precision_loss, reason = "a percentage for people")]
            let percent = if rows == 0 {
                0.0
            } else {
                100.0 * n as f64 / rows as f64
            };
            format!("{n} ({percent:.1}%)")
        };
        let by_root: Vec<String> = t.rows.iter().map(|(root, n)| format!("{root} {n}")).collect();
        let days = if t.days == 1 {
            "1 day".to_owned()
        } else {
            format!("{} days", t.days)
        };
        let entries = self.chain_days.len() as u64;
        let intraday = if t.snapshots > entries {
            format!(", {} snapshots", t.snapshots)
        } else {
            String::new()
        };
        let _ = writeln!(out, "chains   {days}, {} to {}{intraday}", first.date, last.date);
        let _ = writeln!(out, "rows     {rows}: {}", by_root.join(", "));
        let _ = writeln!(out, "expiries {} to {} a day", t.expiries.0, t.expiries.1);
        let _ = writeln!(
            out,
            "quotes   zero bid {}, zero ask {}, locked {}, crossed {}, vendor iv zero {}",
            share(t.zero_bid),
            share(t.zero_ask),
            t.locked,
            t.crossed,
            share(t.iv_zero)
        );
        let _ = writeln!(
            out,
            "rows     settled before the snapshot {}, duplicates left out {}, bad rows left out {}",
            t.settled, t.duplicates, t.bad_rows
        );
        if t.outside_hours > 0 {
            let _ = writeln!(
                out,
                "rows     outside the regular session left out {}",
                t.outside_hours
            );
        }
    }
}

impl SeriesQuality {
    fn write(&self, out: &mut String) {
        let _ = write!(
            out,
            "series   {:<8} {:>6} bars, {} to {}",
            self.id, self.rows, self.first, self.last
        );
        let mut say = |count: u64, what: &str| {
            if count > 0 {
                let _ = write!(out, "; {count} {what}");
            }
        };
        say(self.missing_sessions.count, "sessions missing");
        say(self.off_session.count, "rows off session refused");
        say(self.between_sessions, "rows between sessions left out");
        say(self.before_calendar, "rows before 1990 left out");
        say(self.inconsistent.count, "bars with high or low inside the body");
        say(self.flat, "flat bars");
        say(self.revisions, "revisions kept beside first prints");
        say(self.conflicts.count, "conflicts between sources");
        out.push('\n');
        for conflict in self.conflicts.first.iter().take(3) {
            let _ = writeln!(out, "           {conflict}");
        }
    }
}

impl EventQuality {
    fn write(&self, out: &mut String) {
        let _ = write!(
            out,
            "events   {:<8} {:>6} dates, {} to {}",
            self.id, self.rows, self.first, self.last
        );
        if self.with_actual + self.with_consensus > 0 {
            let _ = write!(
                out,
                "; {} with figure, {} with consensus",
                self.with_actual, self.with_consensus
            );
        }
        if self.revisions > 0 {
            let _ = write!(
                out,
                "; {} revised later, kept beside the first print",
                self.revisions
            );
        }
        if self.left_out.count > 0 {
            let _ = write!(out, "; {} left out", self.left_out.count);
        }
        if self.conflicts.count > 0 {
            let _ = write!(out, "; {} conflicts between sources", self.conflicts.count);
        }
        out.push('\n');
    }
}
