//! Option chains: one small reader per vendor's layout, one collector that makes days of snapshots of what they read.
//!
//! A layout is one entry of [`FORMATS`]: the columns it is known by, what its times mean, and a [`Reader`] that turns a
//! record into [`Quoted`] rows. Everything else is shared: sniffing, days, duplicates, refusals, the quality report.

mod cboe_json;
mod cboe_table;
mod cells;
mod collect;
mod databento;
mod datashop;
mod days;
mod depth;
mod historical;
mod mapped;
mod optionsdx;
mod orats;
mod polygon;
mod roots;
mod spill;
mod spot;
mod stale;
mod swapped;
mod theta;

pub use roots::{RootChoice, RootRule};
pub use spot::SpotFrom;
pub use stale::{STALE_QUOTES_SHARE_MIN, STALE_TRADES_SHARE_MIN};

#[cfg(test)]
pub(super) use cboe_json::JSON_BYTES_MAX;
pub(super) use cboe_json::import as import_json;
#[cfg(test)]
pub(super) use collect::SNAPSHOTS_MAX;
pub(super) use days::{DayRows, Days};
pub(super) use depth::{Depths, finish as finish_depths};

use super::Job;
use super::error::{BadRow, FieldError, ImportError, ImportErrorKind};
use super::input::Table;
use super::layout::Layout;
use super::mapping::Mapping;
use crate::contract::{Right, Root};
use crate::money::Price;
use crate::store::{ChainRow, Refusal, VendorGreeks};
use crate::time::{Date, Instant};
use collect::{Collector, Order};

/// Rows between two reports of progress.
const PROGRESS_ROWS: u64 = 4096;

/// When a row's quotes stood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// On this day, at a time that the source does not say.
    Day(Date),
    /// At this instant.
    At(Instant),
}

/// Whose contract a row is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// The source names the root.
    Root(Root),
    /// The source names something that the engine has no contract for: the name, and why where that is known.
    Foreign(String),
    /// The source names the underlying alone.
    Underlying(&'static str),
    /// The same, and the source may date an AM series by the session before it settles.
    ByLastDay(&'static str),
}

impl Owner {
    /// From a root as a source writes it.
    pub(super) fn of_root(symbol: &str) -> Self {
        Root::parse(symbol).map_or_else(|| Self::Foreign(symbol.to_owned()), Self::Root)
    }

    /// From an underlying as a source writes it, `^SPX` or `$SPX` too.
    pub(super) fn of_underlying(symbol: &str) -> Self {
        let plain = symbol.trim_start_matches(['^', '$', '_']);
        let known = Root::ALL.into_iter().find(|r| r.underlying() == plain);
        known.map_or_else(
            || Self::Foreign(plain.to_owned()),
            |r| Self::Underlying(r.underlying()),
        )
    }
}

/// One quote in canonical form.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Quoted {
    /// When it stood.
    pub(super) taken: Taken,
    /// Whose contract it is.
    pub(super) owner: Owner,
    /// The underlying in the same record, where the source has it; all rows of a snapshot must agree.
    pub(super) spot: Option<Price>,
    /// The quote.
    pub(super) row: ChainRow,
}

impl Quoted {
    /// A row of a root that the engine has no contract for: counted by its name, whatever else it says.
    pub(super) fn foreign(owner: Owner, date: Date) -> Self {
        Self {
            taken: Taken::Day(date),
            owner,
            spot: None,
            row: ChainRow {
                expiry: date,
                strike: Price::ZERO,
                right: Right::Put,
                bid: Price::ZERO,
                ask: Price::ZERO,
                bid_size: None,
                ask_size: None,
                last: None,
                volume: 0,
                open_interest: 0,
                vendor: VendorGreeks::default(),
            },
        }
    }
}

/// Columns to blame when rows do not go together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Marks {
    /// The underlying's price.
    pub(super) spot: usize,
    /// The expiry.
    pub(super) expiry: usize,
    /// What names the contract.
    pub(super) contract: usize,
}

/// Turns records of one file into quotes.
pub(super) trait Reader {
    /// Columns to blame.
    fn marks(&self) -> Marks;

    /// Reads the record at which the table stands.
    fn read(&mut self, table: &Table, out: &mut Vec<Quoted>) -> Result<(), FieldError>;

    /// What the source does not have and the store holds a stand-in for, or what is taken of its times, for the record.
    fn notes(&self) -> Vec<&'static str> {
        Vec::new()
    }

    /// What was left out without being given out, in words for the report.
    fn left_out(&self) -> Option<String> {
        None
    }

    /// Quotes that wait for the end of the file.
    fn finish(&mut self, _out: &mut Vec<Quoted>) {}
}

/// What an import was told that a reader may need.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told<'a> {
    /// Zone of times whose source does not say it.
    pub(super) time_zone: Option<chrono_tz::Tz>,
    /// Roots as stated.
    pub(super) roots: Option<&'a RootRule>,
    /// What the columns of any table mean.
    pub(super) mapping: Option<&'a Mapping>,
    /// Minutes between snapshots taken of a stream of quotes; one a day when absent.
    pub(super) every: Option<u32>,
    /// Eastern time of a snapshot whose source does not say it.
    pub(super) snapshot_time: (u32, u32),
}

/// A layout of chains.
pub(super) struct Format {
    pub(super) layout: Layout,
    /// Columns that it is known by; each may go by several names, the layout's own first.
    pub(super) needs: &'static [&'static [&'static str]],
    /// Eight digits in a file's name are the day of its rows.
    pub(super) dated_names: bool,
    pub(super) order: Order,
    pub(super) open: Open,
}

/// Finds the columns of a layout in a table.
type Open = fn(&Table, &Told<'_>) -> Result<Box<dyn Reader>, ImportError>;

/// All layouts of chains that come as tables.
pub(super) const FORMATS: [&Format; 9] = [
    &historical::FORMAT,
    &datashop::EOD,
    &datashop::INTERVALS,
    &optionsdx::FORMAT,
    &theta::V2,
    &theta::V3,
    &orats::FORMAT,
    &polygon::QUOTES,
    &cboe_table::FORMAT,
];

/// Layouts whose columns a table has, all of them.
pub(super) fn fitting(table: &Table) -> Vec<Layout> {
    let fits = |f: &&Format| f.needs.iter().all(|names| table.column(names).is_some());
    FORMATS.into_iter().filter(fits).map(|f| f.layout).collect()
}

/// The layout of which a table lacks the smallest share of columns, those columns, and how many it has and needs.
pub(super) struct Nearest {
    pub(super) layout: Layout,
    pub(super) missing: Vec<&'static str>,
    pub(super) needed: usize,
}

impl Nearest {
    /// Enough columns are there to say that the file is of this layout, damaged.
    pub(super) fn is_near(&self) -> bool {
        self.missing.len() * 5 <= self.needed * 2
    }
}

/// The layout nearest to a table; the first of equals.
pub(super) fn nearest(table: &Table) -> Option<Nearest> {
    let lack = |f: &Format| -> Vec<&'static str> {
        let absent = f.needs.iter().filter(|names| table.column(names).is_none());
        absent.filter_map(|names| names.first().copied()).collect()
    };
    let near = FORMATS.into_iter().map(|f| Nearest {
        layout: f.layout,
        missing: lack(f),
        needed: f.needs.len(),
    });
    // Shares compared without dividing.
    near.min_by(|a, b| (a.missing.len() * b.needed).cmp(&(b.missing.len() * a.needed)))
        .filter(|n| n.missing.len() < n.needed)
}

/// Whether a layout holds chains.
pub(super) fn is_chain(layout: Layout) -> bool {
    layout == Layout::CboeJson || format_of(layout).is_some()
}

fn format_of(layout: Layout) -> Option<&'static Format> {
    // A mapping fits no header by itself; that of a DBN file is ours.
    let mut all = FORMATS.into_iter().chain([&mapped::FORMAT, &databento::FORMAT]);
    all.find(|f| f.layout == layout)
}

/// Where a quote stands in its source, for messages.
pub(super) trait Place {
    /// Line, from 1.
    fn line(&self) -> u64;
    /// A bad row here.
    fn bad(&self, error: FieldError) -> BadRow;
}

impl Place for Table {
    fn line(&self) -> u64 {
        Self::line(self)
    }
    fn bad(&self, error: FieldError) -> BadRow {
        Self::bad(self, error)
    }
}

/// Reads one file of chains into the store being built.
pub(super) fn import(job: &mut Job<'_>, mut table: Table, layout: Layout) -> Result<(), ImportError> {
    let unknown = || {
        table.error(
            ImportErrorKind::UnknownLayout,
            format!("`{layout}` is no layout of chains"),
            "leave `--kind` out",
        )
    };
    let format = format_of(layout).ok_or_else(unknown)?;
    let told = Told {
        time_zone: job.time_zone,
        roots: job.roots.as_ref(),
        mapping: job.mapping,
        every: job.every,
        snapshot_time: job.snapshot_time,
    };
    let mut reader = (format.open)(&table, &told)?;
    for text in reader.notes() {
        job.assume_once(text);
    }
    let marks = reader.marks();
    let contract = table.header.get(marks.contract).map_or("", String::as_str);
    let mut collector = Collector::new(job, &table.name, marks, contract, format);
    let mut out = Vec::new();
    let mut rows = 0u64;
    while table.advance()? {
        rows += 1;
        if rows.is_multiple_of(PROGRESS_ROWS) {
            let bytes = table.progress();
            job.progress.advance(bytes, &table.name);
        }
        out.clear();
        if let Err(error) = reader.read(&table, &mut out) {
            collector.bad(job, table.bad(error))?;
            continue;
        }
        for quoted in out.drain(..) {
            collector.take(job, quoted, &table)?;
        }
    }
    if rows == 0 {
        let help = "download the file again, or leave it out";
        return Err(table.error(ImportErrorKind::Empty, "has a header but no rows", help));
    }
    out.clear();
    reader.finish(&mut out);
    for quoted in out.drain(..) {
        collector.take(job, quoted, &table)?;
    }
    collector.finish(job)?;
    if let Some(reason) = reader.left_out() {
        job.refuse(Refusal {
            file: table.name.clone(),
            date: None,
            reason,
        });
    }
    job.finish_table(table, layout, rows)
}

/// Stores the days that several files may have added to.
pub(super) fn finish(job: &mut Job<'_>) -> Result<(), ImportError> {
    std::mem::take(&mut job.days).close(job)
}
