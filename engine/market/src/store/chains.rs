//! Chain files: one per root and day, one row group per snapshot, rows in order of (expiry, strike, right).

use super::columns::{Column, File};
use super::error::StoreError;
use crate::calendar::ExchangeCalendar;
use crate::chain::{ChainSnapshot, ExpiryChain, QuoteColumns};
use crate::contract::{Right, Root};
use crate::money::Price;
use crate::time::{Date, Instant};
use chrono::NaiveDate;
use parquet::errors::ParquetError;

/// Prices are decimals with three places (mills of a point), dates and instants are themselves, `right` is 0 for a put
/// and 1 for a call, counts are unsigned: any Parquet reader shows the true values. The two sizes came with layout version 2:
/// files of version 1 end before them.
pub(super) const SCHEMA: &str = "
message chain {
    required int32 expiry (date);
    required int64 strike (decimal(18,3));
    required int32 right;
    required int64 bid (decimal(18,3));
    required int64 ask (decimal(18,3));
    required int32 volume (integer(32,false));
    required int32 open_interest (integer(32,false));
    optional int64 last (decimal(18,3));
    optional double vendor_iv;
    optional double vendor_delta;
    optional double vendor_gamma;
    required int64 underlying (decimal(18,3));
    required int64 ts (timestamp_micros);
    optional int32 bid_size (integer(32,false));
    optional int32 ask_size (integer(32,false));
}";

/// Position of the bid's size; the ask's is the one after it.
const BID_SIZE: usize = 13;

/// A vendor's own numbers, kept apart from everything computed here and read by no rule.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct VendorGreeks {
    /// Implied volatility, a fraction a year.
    pub iv: Option<f64>,
    /// Delta, per point.
    pub delta: Option<f64>,
    /// Gamma, per point.
    pub gamma: Option<f64>,
}

/// One contract's row in a chain file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ChainRow {
    /// Expiry date as the source states it.
    pub expiry: Date,
    /// Strike.
    pub strike: Price,
    /// Put or call.
    pub right: Right,
    /// Bid; zero is a real bid of nothing.
    pub bid: Price,
    /// Ask; zero means no market.
    pub ask: Price,
    /// Contracts bid for, where the source says so.
    pub bid_size: Option<u32>,
    /// Contracts offered, where the source says so.
    pub ask_size: Option<u32>,
    /// Last trade.
    pub last: Option<Price>,
    /// Contracts traded this session.
    pub volume: u32,
    /// Open interest.
    pub open_interest: u32,
    /// The vendor's numbers.
    pub vendor: VendorGreeks,
}

impl ChainRow {
    /// Order of rows in a file.
    #[must_use]
    pub const fn key(&self) -> (Date, Price, Right) {
        (self.expiry, self.strike, self.right)
    }
}

/// One root's rows at one instant.
#[derive(Clone, Debug, PartialEq)]
pub struct SnapshotRows {
    /// When the quotes stood.
    pub at: Instant,
    /// Underlying's own price in the same snapshot.
    pub spot: Price,
    /// Rows in order of [`ChainRow::key`], each key once.
    pub rows: Vec<ChainRow>,
}

/// Splits a snapshot into the rows of each of its roots; strikes quoted on one side alone give one row.
#[must_use]
pub fn rows_by_root(snapshot: &ChainSnapshot) -> Vec<(Root, SnapshotRows)> {
    let mut out: Vec<(Root, SnapshotRows)> = Vec::new();
    for root in Root::ALL {
        let mut rows = Vec::new();
        for chain in snapshot.expiries.iter().filter(|c| c.root == root) {
            for (i, strike) in chain.strikes.iter().enumerate() {
                for right in [Right::Put, Right::Call] {
                    let side = chain.side(right);
                    let price = |column: &[Price]| column.get(i).copied().unwrap_or_default();
                    let count = |column: &[u32]| column.get(i).copied().unwrap_or_default();
                    let row = ChainRow {
                        expiry: chain.expiry,
                        strike: *strike,
                        right,
                        bid: price(&side.bid),
                        ask: price(&side.ask),
                        bid_size: side.bid_size.get(i).copied(),
                        ask_size: side.ask_size.get(i).copied(),
                        last: None,
                        volume: count(&side.volume),
                        open_interest: count(&side.open_interest),
                        vendor: VendorGreeks::default(),
                    };
                    if row.bid != Price::ZERO
                        || row.ask != Price::ZERO
                        || (row.volume | row.open_interest) != 0
                    {
                        rows.push(row);
                    }
                }
            }
        }
        if !rows.is_empty() {
            out.push((
                root,
                SnapshotRows {
                    at: snapshot.at,
                    spot: snapshot.spot,
                    rows,
                },
            ));
        }
    }
    out
}

/// A snapshot is later than the one before it, and its rows are in order, each once.
pub(super) fn check(name: &str, before: Option<Instant>, snapshot: &SnapshotRows) -> Result<(), StoreError> {
    if before.is_some_and(|b| b >= snapshot.at) {
        return Err(StoreError::invalid(format!(
            "snapshots of `{name}` are not in order of time"
        )));
    }
    let disorder = snapshot
        .rows
        .windows(2)
        .find(|w| matches!(w, [a, b] if a.key() >= b.key()));
    let Some([_, b]) = disorder else { return Ok(()) };
    Err(StoreError::invalid(format!(
        "row {} {} of `{name}` is repeated or out of order",
        b.expiry, b.strike
    )))
}

pub(super) fn columns_of(snapshot: &SnapshotRows) -> Vec<Column> {
    let rows = &snapshot.rows;
    let i32s = |f: fn(&ChainRow) -> i32| Column::I32(rows.iter().map(f).collect());
    let i64s = |f: fn(&ChainRow) -> i64| Column::I64(rows.iter().map(f).collect());
    let f64s = |f: fn(&ChainRow) -> Option<f64>| Column::OptionalF64(rows.iter().map(f).collect());
    let sizes = |f: fn(&ChainRow) -> Option<u32>| {
        Column::OptionalI32(rows.iter().map(|r| f(r).map(u32::cast_signed)).collect())
    };
    vec![
        i32s(|r| r.expiry.to_epoch_days()),
        i64s(|r| r.strike.0),
        i32s(|r| i32::from(r.right == Right::Call)),
        i64s(|r| r.bid.0),
        i64s(|r| r.ask.0),
        i32s(|r| r.volume.cast_signed()),
        i32s(|r| r.open_interest.cast_signed()),
        Column::OptionalI64(rows.iter().map(|r| r.last.map(|p| p.0)).collect()),
        f64s(|r| r.vendor.iv),
        f64s(|r| r.vendor.delta),
        f64s(|r| r.vendor.gamma),
        Column::I64(vec![snapshot.spot.0; rows.len()]),
        Column::I64(vec![snapshot.at.0.saturating_mul(1_000_000); rows.len()]),
        sizes(|r| r.bid_size),
        sizes(|r| r.ask_size),
    ]
}

fn date(days: i32) -> Result<Date, ParquetError> {
    NaiveDate::from_epoch_days(days).ok_or_else(|| ParquetError::General(format!("day {days} is no date")))
}

/// All columns of one snapshot.
pub(super) fn decode_rows(file: &File, group: usize) -> Result<SnapshotRows, ParquetError> {
    let g = file.group(group)?;
    let (expiry, strike, right) = (g.i32s(0)?, g.i64s(1)?, g.i32s(2)?);
    let (bid, ask, volume, interest) = (g.i64s(3)?, g.i64s(4)?, g.i32s(5)?, g.i32s(6)?);
    let (last, iv, delta, gamma) = (
        g.optional_i64s(7)?,
        g.optional_f64s(8)?,
        g.optional_f64s(9)?,
        g.optional_f64s(10)?,
    );
    let (spot, ts) = (g.i64s(11)?, g.i64s(12)?);
    let size = |column: usize| {
        let sizes = if g.columns() > column {
            g.optional_i32s(column)?
        } else {
            vec![None; expiry.len()]
        };
        Ok::<_, ParquetError>(sizes.into_iter().map(|s| s.map(i32::cast_unsigned)))
    };
    let (bid_size, ask_size) = (size(BID_SIZE)?, size(BID_SIZE + 1)?);
    let mut rows = Vec::with_capacity(expiry.len());
    let prices = strike.into_iter().zip(right).zip(bid.into_iter().zip(ask));
    let counts = volume
        .into_iter()
        .zip(interest)
        .zip(last)
        .zip(bid_size.zip(ask_size));
    let vendor = iv.into_iter().zip(delta).zip(gamma);
    for (((days, prices), counts), vendor) in expiry.into_iter().zip(prices).zip(counts).zip(vendor) {
        let (((strike, right), (bid, ask)), (((volume, interest), last), (bid_size, ask_size))) =
            (prices, counts);
        let ((iv, delta), gamma) = vendor;
        rows.push(ChainRow {
            expiry: date(days)?,
            strike: Price(strike),
            right: if right == 0 { Right::Put } else { Right::Call },
            bid: Price(bid),
            ask: Price(ask),
            bid_size,
            ask_size,
            last: last.map(Price),
            volume: volume.cast_unsigned(),
            open_interest: interest.cast_unsigned(),
            vendor: VendorGreeks { iv, delta, gamma },
        });
    }
    Ok(SnapshotRows {
        at: Instant(ts.first().copied().unwrap_or_default() / 1_000_000),
        spot: Price(spot.first().copied().unwrap_or_default()),
        rows,
    })
}

/// Quotes of one snapshot as flat columns per expiry; of the fifteen columns the seven that are needed are read, and the
/// sizes where there are any.
///
/// Series that no longer trade at `at` are left out: an AM series keeps its rows on settlement morning, but they are no
/// market any more.
pub(super) fn decode_chains(
    file: &File,
    group: usize,
    root: Root,
    at: Instant,
) -> Result<Vec<ExpiryChain>, ParquetError> {
    let g = file.group(group)?;
    let expiry = g.i32s(0)?;
    let (strike, right) = (g.i64s(1)?, g.i32s(2)?);
    let (bid, ask, volume, interest) = (g.i64s(3)?, g.i64s(4)?, g.i32s(5)?, g.i32s(6)?);
    // Contracts shown; nothing where no row has a size, none shown where a row alone has not.
    let size = |column: usize| -> Result<Vec<i32>, ParquetError> {
        if g.columns() <= column || g.is_empty(column) {
            return Ok(Vec::new());
        }
        let sizes = g.optional_i32s(column)?;
        Ok(sizes.into_iter().map(Option::unwrap_or_default).collect())
    };
    let (bid_size, ask_size) = (size(BID_SIZE)?, size(BID_SIZE + 1)?);
    let mut rest = Rows {
        bid_size: &bid_size,
        ask_size: &ask_size,
        strike: &strike,
        right: &right,
        bid: &bid,
        ask: &ask,
        volume: &volume,
        interest: &interest,
    };
    let mut chains = Vec::new();
    // Rows are sorted by expiry: each run of equal days is one chain.
    for run in expiry.chunk_by(|a, b| a == b) {
        let unequal = || ParquetError::General("columns of unequal length".to_owned());
        let (rows, after) = rest.split(run.len()).ok_or_else(unequal)?;
        rest = after;
        let Some(days) = run.first() else { continue };
        let Some(mut chain) = empty_chain(root, date(*days)?, at)? else {
            continue;
        };
        if rows.is_paired() {
            rows.fill_paired(&mut chain);
        } else {
            rows.fill(&mut chain);
        }
        chains.push(chain);
    }
    Ok(chains)
}

/// Rows of one expiry, or of what is left of a snapshot, as equally long columns.
#[derive(Clone, Copy)]
struct Rows<'a> {
    strike: &'a [i64],
    right: &'a [i32],
    bid: &'a [i64],
    ask: &'a [i64],
    volume: &'a [i32],
    interest: &'a [i32],
    /// As long as the others, or empty.
    bid_size: &'a [i32],
    ask_size: &'a [i32],
}

impl<'a> Rows<'a> {
    fn split(self, at: usize) -> Option<(Rows<'a>, Rows<'a>)> {
        let (strike, strikes) = self.strike.split_at_checked(at)?;
        let (right, rights) = self.right.split_at_checked(at)?;
        let (bid, bids) = self.bid.split_at_checked(at)?;
        let (ask, asks) = self.ask.split_at_checked(at)?;
        let (volume, volumes) = self.volume.split_at_checked(at)?;
        let (interest, interests) = self.interest.split_at_checked(at)?;
        let sizes = |all: &'a [i32]| {
            if all.is_empty() {
                Some((all, all))
            } else {
                all.split_at_checked(at)
            }
        };
        let (bid_size, bid_sizes) = sizes(self.bid_size)?;
        let (ask_size, ask_sizes) = sizes(self.ask_size)?;
        let rest = Rows {
            bid_size: bid_sizes,
            ask_size: ask_sizes,
            strike: strikes,
            right: rights,
            bid: bids,
            ask: asks,
            volume: volumes,
            interest: interests,
        };
        Some((
            Rows {
                bid_size,
                ask_size,
                strike,
                right,
                bid,
                ask,
                volume,
                interest,
            },
            rest,
        ))
    }

    /// Every strike has a put and a call, which is how chains are listed: columns then split without looking at each row.
    fn is_paired(&self) -> bool {
        let (strikes, odd) = self.strike.as_chunks::<2>();
        let (rights, _) = self.right.as_chunks::<2>();
        odd.is_empty() && strikes.iter().all(|[a, b]| a == b) && rights.iter().all(|pair| *pair == [0, 1])
    }

    fn fill_paired(&self, chain: &mut ExpiryChain) {
        fn split<T: Copy, U>(column: &[T], f: impl Fn(T) -> U) -> (Vec<U>, Vec<U>) {
            let (pairs, _) = column.as_chunks::<2>();
            (
                pairs.iter().map(|[put, _]| f(*put)).collect(),
                pairs.iter().map(|[_, call]| f(*call)).collect(),
            )
        }
        chain.strikes = split(self.strike, Price).0;
        (chain.puts.bid, chain.calls.bid) = split(self.bid, Price);
        (chain.puts.ask, chain.calls.ask) = split(self.ask, Price);
        (chain.puts.volume, chain.calls.volume) = split(self.volume, i32::cast_unsigned);
        (chain.puts.open_interest, chain.calls.open_interest) = split(self.interest, i32::cast_unsigned);
        (chain.puts.bid_size, chain.calls.bid_size) = split(self.bid_size, i32::cast_unsigned);
        (chain.puts.ask_size, chain.calls.ask_size) = split(self.ask_size, i32::cast_unsigned);
    }

    /// The general case: a strike may be listed on one side alone, and the other side gets an empty place.
    fn fill(&self, chain: &mut ExpiryChain) {
        let quotes = self
            .bid
            .iter()
            .zip(self.ask)
            .zip(self.volume.iter().zip(self.interest));
        let size = |sizes: &[i32], at: usize| sizes.get(at).copied().map(i32::cast_unsigned);
        let shown = (!self.bid_size.is_empty(), !self.ask_size.is_empty());
        for (at, ((strike, right), quote)) in self.strike.iter().zip(self.right).zip(quotes).enumerate() {
            if chain.strikes.last() != Some(&Price(*strike)) {
                chain.strikes.push(Price(*strike));
            }
            let side = if *right == 0 {
                &mut chain.puts
            } else {
                &mut chain.calls
            };
            pad(side, chain.strikes.len().saturating_sub(1), shown);
            let ((bid, ask), (volume, interest)) = quote;
            push(side, (*bid, *ask, *volume, *interest));
            side.bid_size.extend(size(self.bid_size, at));
            side.ask_size.extend(size(self.ask_size, at));
        }
        pad(&mut chain.puts, chain.strikes.len(), shown);
        pad(&mut chain.calls, chain.strikes.len(), shown);
    }
}

fn push(side: &mut QuoteColumns, (bid, ask, volume, interest): (i64, i64, i32, i32)) {
    side.bid.push(Price(bid));
    side.ask.push(Price(ask));
    side.volume.push(volume.cast_unsigned());
    side.open_interest.push(interest.cast_unsigned());
}

/// Empty places up to a length; sizes only where the snapshot has them.
fn pad(side: &mut QuoteColumns, len: usize, (bid_sizes, ask_sizes): (bool, bool)) {
    while side.bid.len() < len {
        push(side, (0, 0, 0, 0));
        side.bid_size.extend(bid_sizes.then_some(0));
        side.ask_size.extend(ask_sizes.then_some(0));
    }
}

fn empty_chain(root: Root, expiry: Date, at: Instant) -> Result<Option<ExpiryChain>, ParquetError> {
    let calendar = ExchangeCalendar::nyse();
    let outside = || ParquetError::General(format!("expiry {expiry} lies outside the exchange calendar"));
    let settles_at = calendar.settles_at(root, expiry).ok_or_else(outside)?;
    let last_trade_at = calendar.last_trade_at(root, expiry).ok_or_else(outside)?;
    if last_trade_at < at {
        return Ok(None);
    }
    Ok(Some(ExpiryChain {
        root,
        expiry,
        settlement: root.settlement(),
        settles_at,
        last_trade_at,
        strikes: Vec::new(),
        puts: QuoteColumns::default(),
        calls: QuoteColumns::default(),
    }))
}
