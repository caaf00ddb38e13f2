//! Rows that wait on disk: a source that is ordered by contract, or a day of many snapshots, must not fill the memory.

use super::days::Origin;
use crate::contract::Right;
use crate::money::Price;
use crate::store::{ChainRow, VendorGreeks};
use chrono::{Datelike as _, NaiveDate};
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};

/// Bytes of one row on disk.
const ROW_BYTES: usize = 93;

/// Rows written together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chunk {
    at: u64,
    pub(super) rows: usize,
}

/// A scratch file of rows; it has no name and is gone when it is dropped.
pub(super) struct Spill {
    file: File,
    end: u64,
}

impl Spill {
    pub(super) const fn new(file: File) -> Self {
        Self { file, end: 0 }
    }

    /// Writes rows and says where.
    pub(super) fn write(&mut self, rows: &[(ChainRow, Origin)]) -> io::Result<Chunk> {
        let mut bytes = Vec::with_capacity(rows.len() * ROW_BYTES);
        for (row, origin) in rows {
            put(&mut bytes, row, *origin);
        }
        self.file.seek(SeekFrom::Start(self.end))?;
        self.file.write_all(&bytes)?;
        let chunk = Chunk {
            at: self.end,
            rows: rows.len(),
        };
        self.end += bytes.len() as u64;
        Ok(chunk)
    }

    /// Reads rows back, after those already there.
    pub(super) fn read(&mut self, chunk: Chunk, rows: &mut Vec<(ChainRow, Origin)>) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(chunk.at))?;
        let mut bytes = vec![0; chunk.rows * ROW_BYTES];
        self.file.read_exact(&mut bytes)?;
        let damaged = || io::Error::new(io::ErrorKind::InvalidData, "the scratch file has changed");
        for row in bytes.chunks_exact(ROW_BYTES) {
            rows.push(take(row).ok_or_else(damaged)?);
        }
        Ok(())
    }
}

/// Stands for no last price; prices are never negative.
const NO_PRICE: i64 = -1;
/// Stands for no size.
const NO_SIZE: i64 = -1;

fn put(bytes: &mut Vec<u8>, row: &ChainRow, origin: Origin) {
    let float = |x: Option<f64>| x.unwrap_or(f64::NAN).to_le_bytes();
    let size = |x: Option<u32>| x.map_or(NO_SIZE, i64::from).to_le_bytes();
    bytes.extend(row.expiry.num_days_from_ce().to_le_bytes());
    bytes.push(u8::from(row.right == Right::Call));
    bytes.extend(row.strike.0.to_le_bytes());
    bytes.extend(row.bid.0.to_le_bytes());
    bytes.extend(row.ask.0.to_le_bytes());
    bytes.extend(row.last.map_or(NO_PRICE, |p| p.0).to_le_bytes());
    bytes.extend(row.volume.to_le_bytes());
    bytes.extend(row.open_interest.to_le_bytes());
    bytes.extend(size(row.bid_size));
    bytes.extend(size(row.ask_size));
    bytes.extend(float(row.vendor.iv));
    bytes.extend(float(row.vendor.delta));
    bytes.extend(float(row.vendor.gamma));
    bytes.extend(origin.0.to_le_bytes());
}

fn take(mut bytes: &[u8]) -> Option<(ChainRow, Origin)> {
    let mut part = |n: usize| {
        let (head, tail) = bytes.split_at_checked(n)?;
        bytes = tail;
        Some(head)
    };
    let expiry = NaiveDate::from_num_days_from_ce_opt(i32::from_le_bytes(part(4)?.try_into().ok()?))?;
    let right = if *part(1)?.first()? == 1 {
        Right::Call
    } else {
        Right::Put
    };
    let mut whole = || Some(i64::from_le_bytes(part(8)?.try_into().ok()?));
    let (strike, bid, ask, last) = (Price(whole()?), Price(whole()?), Price(whole()?), whole()?);
    let mut count = || Some(u32::from_le_bytes(part(4)?.try_into().ok()?));
    let (volume, open_interest) = (count()?, count()?);
    let mut size = || {
        let x = i64::from_le_bytes(part(8)?.try_into().ok()?);
        Some(u32::try_from(x).ok())
    };
    let (bid_size, ask_size) = (size()?, size()?);
    let mut float = || {
        let x = f64::from_le_bytes(part(8)?.try_into().ok()?);
        Some((!x.is_nan()).then_some(x))
    };
    let vendor = VendorGreeks {
        iv: float()?,
        delta: float()?,
        gamma: float()?,
    };
    let origin = Origin(u64::from_le_bytes(part(8)?.try_into().ok()?));
    let last = (last != NO_PRICE).then_some(Price(last));
    Some((
        ChainRow {
            expiry,
            strike,
            right,
            bid,
            ask,
            bid_size,
            ask_size,
            last,
            volume,
            open_interest,
            vendor,
        },
        origin,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_as_they_went() {
        let row = |n: i64, last, iv| ChainRow {
            expiry: "2024-01-19".parse().unwrap(),
            strike: Price(4_750_000 + n),
            right: if n % 2 == 0 { Right::Put } else { Right::Call },
            bid: Price(n),
            ask: Price(n + 5),
            bid_size: (n % 4 == 0).then_some(u32::MAX),
            ask_size: (n % 7 == 0).then_some(0),
            last,
            volume: u32::MAX,
            open_interest: 7,
            vendor: VendorGreeks {
                iv,
                delta: Some(-0.25),
                gamma: None,
            },
        };
        let rows: Vec<_> = (0..100)
            .map(|n| {
                let row = row(n, (n % 3 == 0).then_some(Price(n)), (n % 5 == 0).then_some(0.1));
                (row, Origin(n.unsigned_abs() << 40 | 9))
            })
            .collect();
        let mut spill = Spill::new(tempfile::tempfile().unwrap());
        let (first, second) = (
            spill.write(&rows[..60]).unwrap(),
            spill.write(&rows[60..]).unwrap(),
        );
        let mut back = Vec::new();
        spill.read(second, &mut back).unwrap();
        spill.read(first, &mut back).unwrap();
        assert!(back[..40] == rows[60..] && back[40..] == rows[..60]);
        let nowhere = Chunk { at: 1 << 30, rows: 1 };
        assert!(spill.read(nowhere, &mut back).is_err());
    }
}
