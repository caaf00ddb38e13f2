//! Option chains from CSV: the historical-option-data layout in its dialects, and Cboe DataShop's end-of-day quotes.

use super::error::{FieldError, ImportError, ImportErrorKind};
use super::fields;
use super::input::Table;
use super::layout::Layout;
use super::quality::ChainDay;
use super::{Job, fmt_time};
use crate::calendar::ExchangeCalendar;
use crate::contract::{Right, Root};
use crate::money::Price;
use crate::store::{ChainRow, Refusal, SnapshotRows, VendorGreeks};
use crate::time::{Date, Instant};
use std::collections::{BTreeMap, BTreeSet};

/// Most rows of one day.
const DAY_ROWS_MAX: usize = 4_000_000;

/// Rows between two reports of progress.
const PROGRESS_ROWS: u64 = 4096;

/// Among contracts that traded on the earlier day, the share with the same last price *and* volume from which a day is
/// a stale copy. Real neighbouring days of SPX share 0.2 to 2.5%; a stale one 93%.
pub const STALE_TRADES_SHARE_MIN: f64 = 0.5;
/// Contracts that must have traded for that test.
const STALE_TRADES_MIN: usize = 20;
/// Without enough trades: the share of bid contracts with the same bid and ask. Real neighbouring days share 0.1 to 5%.
pub const STALE_QUOTES_SHARE_MIN: f64 = 0.9;
/// Contracts with a bid that must be compared for that test.
const STALE_QUOTES_MIN: usize = 100;

/// Column positions.
struct Columns {
    underlying: Option<usize>,
    spot: usize,
    symbol: Option<usize>,
    root: Option<usize>,
    right: usize,
    expiration: usize,
    quote_date: usize,
    strike: usize,
    bid: usize,
    ask: usize,
    last: Option<usize>,
    volume: usize,
    open_interest: usize,
    iv: Option<usize>,
    delta: Option<usize>,
    gamma: Option<usize>,
}

impl Columns {
    fn find(table: &Table, layout: Layout) -> Result<Self, ImportError> {
        let datashop = layout == Layout::DataShopChain;
        Ok(Self {
            underlying: table.column(&["underlying", "underlyingsymbol", "underlying_symbol"]),
            spot: if datashop {
                table.require(&["underlying_bid_1545"])?
            } else {
                table.require(&["underlying_last", "underlyingprice"])?
            },
            symbol: if datashop {
                None
            } else {
                Some(table.require(&["optionroot", "optionsymbol"])?)
            },
            root: if datashop {
                Some(table.require(&["root"])?)
            } else {
                None
            },
            right: table.require(&["type", "option_type"])?,
            expiration: table.require(&["expiration"])?,
            quote_date: table.require(&["quotedate", "datadate", "quote_date"])?,
            strike: table.require(&["strike"])?,
            bid: table.require(if datashop { &["bid_1545"] } else { &["bid"] })?,
            ask: table.require(if datashop { &["ask_1545"] } else { &["ask"] })?,
            last: table.column(&["last", "close"]),
            volume: table.require(&["volume", "trade_volume"])?,
            open_interest: table.require(&["openinterest", "open_interest"])?,
            iv: table.column(&["impliedvol", "ivmean", "implied_volatility_1545"]),
            delta: table.column(&["delta", "delta_1545"]),
            gamma: table.column(&["gamma", "gamma_1545"]),
        })
    }
}

/// One row with what the whole day must agree on.
struct Parsed {
    date: Date,
    spot: Price,
    /// `None` for a root that the engine does not know; its name is in `foreign`.
    root: Option<Root>,
    foreign: String,
    row: ChainRow,
}

fn parse(table: &Table, c: &Columns) -> Result<Parsed, FieldError> {
    let wrong = |column: usize, what: String| FieldError { column, what };
    let date = table.parse(c.quote_date, fields::date)?;
    let expiry = table.parse(c.expiration, fields::date)?;
    let right = table.parse(c.right, fields::right)?;
    let strike = table.parse(c.strike, fields::price)?;
    let (root, foreign) = match (c.symbol, c.root) {
        (Some(column), _) => {
            let symbol = table.parse(column, |t| {
                fields::symbol(t).map(|s| (s.root.to_owned(), s.expiry, s.right, s.strike))
            })?;
            let text = table.text(column)?;
            let (root, symbol_expiry, symbol_right, symbol_strike) = symbol;
            if symbol_expiry != expiry {
                let what = format!("{expiry} is not the expiry {symbol_expiry} of contract `{text}`");
                return Err(wrong(c.expiration, what));
            }
            if symbol_strike != strike {
                let what = format!("{strike} is not the strike {symbol_strike} of contract `{text}`");
                return Err(wrong(c.strike, what));
            }
            if symbol_right != right {
                return Err(wrong(
                    c.right,
                    format!("`{}` contradicts contract `{text}`", table.text(c.right)?),
                ));
            }
            (Root::parse(&root), root)
        }
        (None, Some(column)) => {
            let root = table.text(column)?;
            (Root::parse(root), root.to_owned())
        }
        (None, None) => (None, String::new()),
    };
    if let (Some(root), Some(column)) = (root, c.underlying) {
        let underlying = table.text(column)?.trim_start_matches(['^', '$']);
        if underlying != root.underlying() {
            let what = format!(
                "`{underlying}` is not the underlying {} of root {}",
                root.underlying(),
                root.symbol()
            );
            return Err(wrong(column, what));
        }
    }
    if strike <= Price::ZERO {
        return Err(wrong(
            c.strike,
            format!("`{}` is not above zero", table.text(c.strike)?),
        ));
    }
    if expiry < date {
        return Err(wrong(
            c.expiration,
            format!("{expiry} lies before the quote date {date}"),
        ));
    }
    if !ExchangeCalendar::nyse().covers(expiry) {
        return Err(wrong(
            c.expiration,
            format!("{expiry} lies outside the exchange calendar"),
        ));
    }
    let optional = |column: Option<usize>| match column {
        Some(column) => table.parse(column, fields::optional_float),
        None => Ok(None),
    };
    let iv = optional(c.iv)?;
    if let (Some(column), Some(_)) = (c.iv, iv.filter(|iv| *iv < 0.0)) {
        return Err(wrong(column, format!("`{}` is negative", table.text(column)?)));
    }
    let row = ChainRow {
        expiry,
        strike,
        right,
        bid: table.parse(c.bid, fields::price)?,
        ask: table.parse(c.ask, fields::price)?,
        last: c
            .last
            .map(|column| table.parse(column, fields::price))
            .transpose()?,
        volume: table.parse(c.volume, fields::count)?,
        open_interest: table.parse(c.open_interest, fields::count)?,
        vendor: VendorGreeks {
            iv,
            delta: optional(c.delta)?,
            gamma: optional(c.gamma)?,
        },
    };
    Ok(Parsed {
        date,
        spot: table.parse(c.spot, fields::level)?,
        root,
        foreign,
        row,
    })
}

/// One day being collected.
struct Day {
    date: Date,
    spot: Price,
    first_line: u64,
    rows: BTreeMap<Root, Vec<(ChainRow, u64)>>,
    count: usize,
    bad: u64,
}

/// Rows of a day by root, sorted, as the stale test compares them.
pub(super) type DayRows = BTreeMap<Root, Vec<ChainRow>>;

/// The day in a file's name: the only run of exactly eight digits that is a date.
fn date_in_name(name: &str) -> Option<Date> {
    let mut runs = name
        .split(|c: char| !c.is_ascii_digit())
        .filter(|r| r.len() == 8)
        .filter_map(fields::compact);
    let first = runs.next()?;
    runs.next().is_none().then_some(first)
}

/// When a day's quotes are taken to have stood: the requested time, three hours earlier on half days.
fn snapshot_instant(date: Date, (hour, minute): (u32, u32)) -> Option<Instant> {
    let early = ExchangeCalendar::nyse().is_early_close(date);
    let hour = if early { hour.checked_sub(3)? } else { hour };
    Instant::from_eastern(date, hour, minute)
}

/// Reads one file of chains into the store being built.
pub(super) fn import(job: &mut Job<'_>, mut table: Table, layout: Layout) -> Result<(), ImportError> {
    let columns = Columns::find(&table, layout)?;
    let named = date_in_name(&table.name);
    let mut day: Option<Day> = None;
    let mut done: BTreeSet<Date> = BTreeSet::new();
    let mut foreign: BTreeMap<String, u64> = BTreeMap::new();
    let mut rows = 0u64;
    while table.advance()? {
        rows += 1;
        if rows.is_multiple_of(PROGRESS_ROWS) {
            let bytes = table.progress();
            job.progress.advance(bytes, &table.name);
        }
        let parsed = match parse(&table, &columns) {
            Ok(parsed) => parsed,
            Err(error) => {
                job.bad_row(table.bad(error))?;
                if let Some(day) = &mut day {
                    day.bad += 1;
                }
                continue;
            }
        };
        if let Some(wanted) = named.filter(|n| *n != parsed.date) {
            let what = format!("its name says {wanted}, its rows are of {}", parsed.date);
            let help =
                "the file is misnamed or holds another day: get the right file, or rename it to its own date";
            return Err(table
                .error(ImportErrorKind::DateMismatch, what, help)
                .at_line(table.line()));
        }
        if day.as_ref().is_some_and(|d| d.date != parsed.date)
            && let Some(finished) = day.take()
        {
            done.insert(finished.date);
            finish_day(job, &table, finished)?;
        }
        if done.contains(&parsed.date) {
            let what = format!("rows of {} come back after another day", parsed.date);
            return Err(table
                .error(ImportErrorKind::Duplicate, what, "sort the file by date")
                .at_line(table.line()));
        }
        let line = table.line();
        let new = || Day {
            date: parsed.date,
            spot: parsed.spot,
            first_line: line,
            rows: BTreeMap::new(),
            count: 0,
            bad: 0,
        };
        let current = day.get_or_insert_with(new);
        if current.spot != parsed.spot {
            let what = format!(
                "{} is not the {} of line {}: a day is one snapshot with one underlying",
                parsed.spot, current.spot, current.first_line
            );
            current.bad += 1;
            job.bad_row(table.bad(FieldError {
                column: columns.spot,
                what,
            }))?;
            continue;
        }
        let Some(root) = parsed.root else {
            *foreign.entry(parsed.foreign).or_default() += 1;
            continue;
        };
        current.count += 1;
        if current.count > DAY_ROWS_MAX {
            let what = format!("{} has more than {DAY_ROWS_MAX} rows", parsed.date);
            return Err(table.error(ImportErrorKind::NotText, what, "import one snapshot a day"));
        }
        current.rows.entry(root).or_default().push((parsed.row, line));
    }
    if let Some(finished) = day.take() {
        finish_day(job, &table, finished)?;
    } else if rows == 0 {
        let help = "download the file again, or leave it out";
        return Err(table.error(ImportErrorKind::Empty, "has a header but no rows", help));
    }
    for (root, count) in foreign {
        let reason = format!(
            "{count} rows of root `{root}`, which is none of {}",
            fields::known_roots()
        );
        job.refuse(Refusal {
            file: table.name.clone(),
            date: None,
            reason,
        });
    }
    job.finish_table(table, layout, rows)
}

/// Sorts a day, drops rows given twice, counts, and writes it unless it must be refused.
fn finish_day(job: &mut Job<'_>, table: &Table, day: Day) -> Result<(), ImportError> {
    let date = day.date;
    if day.count == 0 {
        return Ok(());
    }
    let mut stats = ChainDay {
        date: date.to_string(),
        file: table.name.clone(),
        underlying: day.spot.to_string(),
        bad_rows: day.bad,
        ..ChainDay::default()
    };
    let mut rows: DayRows = BTreeMap::new();
    for (root, mut list) in day.rows {
        list.sort_by_key(|(row, line)| (row.key(), *line));
        let sorted = rows.entry(root).or_default();
        for (row, line) in list {
            match sorted.last() {
                Some(last) if *last == row => stats.duplicates += 1,
                Some(last) if last.key() == row.key() => {
                    stats.bad_rows += 1;
                    job.bad_row(contradiction(table, root, &row, line))?;
                }
                _ => sorted.push(row),
            }
        }
    }
    let underlying = rows.keys().next().map_or("SPX", |r| r.underlying());
    let stale = stale_copy(job, underlying, date, &rows)?;
    let closed = !ExchangeCalendar::nyse().is_session(date);
    if closed || stale.is_some() {
        let mut reason = Vec::new();
        if closed {
            reason.push(format!("{date} was no trading day: NYSE was closed"));
        }
        reason.extend(stale);
        let refusal = Refusal {
            file: table.name.clone(),
            date: Some(date.to_string()),
            reason: reason.join("; "),
        };
        job.refuse(refusal);
        return Ok(());
    }
    let outside = || {
        ImportError::new(
            ImportErrorKind::Request,
            "the snapshot time lies outside the session",
            "ask for 09:30 to 16:15",
        )
    };
    let at = snapshot_instant(date, job.snapshot_time).ok_or_else(outside)?;
    stats.snapshot = fmt_time(at);
    count(&mut stats, &rows, at);
    let mut fresh = false;
    for (root, list) in &rows {
        stats.rows.insert(root.symbol().to_owned(), list.len() as u64);
        let snapshot = SnapshotRows {
            at,
            spot: day.spot,
            rows: list.clone(),
        };
        let added = job.writer.add_chains(*root, date, &[snapshot]);
        fresh |= added.map_err(|e| ImportError::from(e).in_file(&table.name))?;
    }
    if fresh {
        job.quality.chain_days.push(stats);
    } else {
        job.quality
            .already_stored
            .push(format!("{date} ({})", table.name));
    }
    job.previous.insert(underlying, (date, rows));
    Ok(())
}

fn contradiction(table: &Table, root: Root, row: &ChainRow, line: u64) -> super::BadRow {
    let right = if row.right == Right::Put { "put" } else { "call" };
    super::BadRow {
        file: table.name.clone(),
        line,
        column: "optionroot".to_owned(),
        what: format!(
            "{} {} {} {right} is given twice with different quotes",
            root.symbol(),
            row.expiry,
            row.strike
        ),
    }
}

fn count(stats: &mut ChainDay, rows: &DayRows, at: Instant) {
    let calendar = ExchangeCalendar::nyse();
    for (root, list) in rows {
        for run in list.chunk_by(|a, b| a.expiry == b.expiry) {
            stats.expiries += 1;
            let settled = run
                .first()
                .and_then(|r| calendar.last_trade_at(*root, r.expiry))
                .is_some_and(|t| t < at);
            if settled {
                stats.settled += run.len() as u64;
            }
        }
        for row in list {
            stats.zero_bid += u64::from(row.bid == Price::ZERO);
            stats.zero_ask += u64::from(row.ask == Price::ZERO);
            stats.crossed += u64::from(row.bid > row.ask);
            stats.locked += u64::from(row.bid == row.ask && row.ask > Price::ZERO);
            stats.iv_zero += u64::from(row.vendor.iv == Some(0.0));
        }
    }
}

/// Says so when a day repeats the session before it.
fn stale_copy(
    job: &mut Job<'_>,
    underlying: &'static str,
    date: Date,
    rows: &DayRows,
) -> Result<Option<String>, ImportError> {
    let Some((earlier, old)) = job.previous_day(underlying, date)? else {
        return Ok(None);
    };
    let (mut traded, mut same_trades, mut bid, mut same_quotes) = (0usize, 0usize, 0usize, 0usize);
    for (root, list) in rows {
        let Some(old) = old.get(root) else { continue };
        for row in list {
            let Ok(i) = old.binary_search_by_key(&row.key(), ChainRow::key) else {
                continue;
            };
            let Some(was) = old.get(i) else { continue };
            if was.volume > 0 || row.volume > 0 {
                traded += 1;
                same_trades += usize::from(was.last == row.last && was.volume == row.volume);
            }
            if row.bid > Price::ZERO {
                bid += 1;
                same_quotes += usize::from(was.bid == row.bid && was.ask == row.ask);
            }
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "counts of one day's contracts")]
    let share = |same: usize, of: usize| same as f64 / of as f64;
    let stale = if traded >= STALE_TRADES_MIN {
        let share = share(same_trades, traded);
        (share >= STALE_TRADES_SHARE_MIN)
            .then_some((share, "contracts that traded have the same last price and volume"))
    } else if bid >= STALE_QUOTES_MIN {
        let share = share(same_quotes, bid);
        (share >= STALE_QUOTES_SHARE_MIN).then_some((share, "contracts with a bid have the same bid and ask"))
    } else {
        None
    };
    Ok(stale.map(|(share, what)| format!("stale copy: {:.0}% of the {what} as on {earlier}", share * 100.0)))
}
