//! Polygon (Massive) flat files of option quotes: every change of every contract's best bid and ask, `O:` tickers,
//! nanoseconds since 1970. Snapshots are taken from them on a grid of times: at each the last quote of a contract still
//! stands. The files have no underlying.

use super::super::error::{FieldError, ImportError};
use super::super::fields;
use super::super::input::Table;
use super::super::layout::Layout;
use super::cells::{Contract, Numbers, Sizes, need, wrong};
use super::collect::snapshot_instant;
use super::{Format, Marks, Order, Owner, Quoted, Reader, Taken, Told};
use crate::calendar::ExchangeCalendar;
use crate::contract::Root;
use crate::store::ChainRow;
use crate::time::{Date, Instant};
use std::collections::BTreeMap;

const NEEDS: &[&[&str]] = &[&["ticker"], &["sip_timestamp"], &["bid_price"], &["ask_price"]];

pub(super) const QUOTES: Format = Format {
    layout: Layout::PolygonQuotes,
    needs: NEEDS,
    dated_names: false,
    order: Order::Contracts,
    open: |table, told| Ok(Box::new(Polygon::find(table, told)?)),
};

/// A day of the grid.
struct Session {
    date: Date,
    /// First and last nanosecond of the calendar day.
    from: u64,
    to: u64,
    grid: Vec<Instant>,
}

/// A contract's quote that stands until the next.
struct Standing {
    root: Root,
    row: ChainRow,
    date: Date,
    since: u64,
    /// The next time of the grid to fill.
    next: usize,
    /// The contract trades no longer.
    last_trade: Option<Instant>,
}

struct Polygon {
    ticker: usize,
    time: usize,
    contract: Contract,
    numbers: Numbers,
    every: Option<u32>,
    snapshot_time: (u32, u32),
    session: Option<Session>,
    standing: BTreeMap<String, Standing>,
    foreign: u64,
}

const NANOS: u64 = 1_000_000_000;

impl Polygon {
    fn find(table: &Table, told: &Told<'_>) -> Result<Self, ImportError> {
        let need = |name| need(table, Layout::PolygonQuotes, NEEDS, name);
        let ticker = need("ticker")?;
        Ok(Self {
            ticker,
            time: need("sip_timestamp")?,
            contract: Contract {
                expiry: ticker,
                strike: ticker,
            },
            numbers: Numbers {
                bid: need("bid_price")?,
                ask: need("ask_price")?,
                sizes: Sizes::find(table, &["bid_size"], &["ask_size"]),
                last: None,
                volume: None,
                open_interest: None,
                iv: None,
                delta: None,
                gamma: None,
                blanks: true,
            },
            every: told.every,
            snapshot_time: told.snapshot_time,
            session: None,
            standing: BTreeMap::new(),
            foreign: 0,
        })
    }

    /// The session of a moment.
    fn session(&mut self, since: u64) -> Result<&Session, String> {
        let held = self.session.take().filter(|s| (s.from..=s.to).contains(&since));
        let session = match held {
            Some(session) => session,
            None => {
                let at = Instant(i64::try_from(since / NANOS).map_err(|e| e.to_string())?);
                let date = at.date();
                let outside = || format!("{date} is no day of the exchange calendar");
                let midnight = |d: Date| {
                    let at = Instant::from_eastern(d, 0, 0)?;
                    u64::try_from(at.0).ok()?.checked_mul(NANOS)
                };
                let from = midnight(date).ok_or_else(outside)?;
                let next = date.succ_opt().and_then(midnight).ok_or_else(outside)?;
                let grid = grid(date, self.every, self.snapshot_time);
                Session {
                    date,
                    from,
                    to: next - 1,
                    grid,
                }
            }
        };
        Ok(self.session.insert(session))
    }
}

/// Times of a session at which snapshots are taken: every so many minutes after the open to the close of index options,
/// or the one snapshot time.
fn grid(date: Date, every: Option<u32>, snapshot_time: (u32, u32)) -> Vec<Instant> {
    let calendar = ExchangeCalendar::nyse();
    let (Some(open), Some(close)) = (calendar.open_at(date), calendar.options_close_at(date)) else {
        return Vec::new();
    };
    let Some(minutes) = every else {
        return snapshot_instant(date, snapshot_time).into_iter().collect();
    };
    let step = usize::try_from(minutes.max(1))
        .unwrap_or(usize::MAX)
        .saturating_mul(60);
    (open.0..=close.0).step_by(step).skip(1).map(Instant).collect()
}

/// Gives out a standing quote at the times of the grid before a moment.
fn give(standing: &mut Standing, grid: &[Instant], before: u64, out: &mut Vec<Quoted>) {
    while let Some(at) = grid.get(standing.next) {
        let moment = u64::try_from(at.0).unwrap_or_default().saturating_mul(NANOS);
        if moment >= before {
            return;
        }
        standing.next += 1;
        if moment >= standing.since && standing.last_trade.is_none_or(|last| *at <= last) {
            out.push(Quoted {
                taken: Taken::At(*at),
                owner: Owner::Root(standing.root),
                spot: None,
                row: standing.row,
            });
        }
    }
}

/// Nanoseconds since 1970, from 1990 on: a count of seconds or milliseconds is too small to be one.
fn nanoseconds(text: &str) -> Result<u64, String> {
    let parsed = text.parse::<u64>().ok();
    parsed
        .filter(|ns| (631_152_000 * NANOS..4_102_444_800 * NANOS).contains(ns))
        .ok_or_else(|| format!("`{text}` is not a time in nanoseconds since 1970"))
}

impl Reader for Polygon {
    fn marks(&self) -> Marks {
        Marks {
            spot: self.ticker,
            expiry: self.ticker,
            contract: self.ticker,
        }
    }

    fn read(&mut self, table: &Table, out: &mut Vec<Quoted>) -> Result<(), FieldError> {
        let ticker = table.text(self.ticker)?;
        let plain = ticker.strip_prefix("O:").unwrap_or(ticker);
        let name = plain.get(..plain.len().saturating_sub(15)).unwrap_or_default();
        // The file holds all listed options; a name for each root left out would be thousands.
        let Some(root) = Root::parse(name) else {
            self.foreign += 1;
            return Ok(());
        };
        let symbol = table.parse(self.ticker, |_| {
            fields::symbol(plain).map(|s| (s.expiry, s.right, s.strike))
        })?;
        let (expiry, right, strike) = symbol;
        let since = table.parse(self.time, nanoseconds)?;
        let column = self.time;
        let numbers = self.numbers;
        let contract = self.contract;
        let mut standing = self.standing.remove(ticker);
        let session = self.session(since).map_err(|what| FieldError { column, what })?;
        contract.check(table, session.date, expiry, strike)?;
        let row = numbers.read(table, expiry, strike, right)?;
        if let Some(held) = &mut standing {
            if since < held.since {
                return wrong(column, format!("quotes of {ticker} go back in time"));
            }
            if held.date == session.date {
                give(held, &session.grid, since, out);
            } else {
                let grid = grid(held.date, self.every, self.snapshot_time);
                give(held, &grid, u64::MAX, out);
                standing = None;
            }
        }
        let date = self.session.as_ref().map_or(expiry, |s| s.date);
        let next = standing.map_or(0, |s| s.next);
        let last_trade = ExchangeCalendar::nyse().last_trade_at(root, expiry);
        let quote = Standing {
            root,
            row,
            date,
            since,
            next,
            last_trade,
        };
        self.standing.insert(ticker.to_owned(), quote);
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<Quoted>) {
        for mut standing in std::mem::take(&mut self.standing).into_values() {
            let grid = grid(standing.date, self.every, self.snapshot_time);
            give(&mut standing, &grid, u64::MAX, out);
        }
    }

    fn left_out(&self) -> Option<String> {
        let known = fields::known_roots();
        (self.foreign > 0).then(|| format!("{} quotes of roots other than {known}", self.foreign))
    }

    fn notes(&self) -> Vec<&'static str> {
        vec!["Polygon quotes have no volume or open interest: stored as 0"]
    }
}
