//! Invented chains: 20,000 contracts a session (50 expiries of 200 strikes, put and call), prices by arithmetic.

use alula_market::calendar::ExchangeCalendar;
use alula_market::time::Date;
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

const STRIKES: u64 = 200;
const EXPIRIES: u64 = 50;

/// One invented quote; money in cents, strike in points.
struct Row {
    date: Date,
    expiry: Date,
    strike: u64,
    call: bool,
    bid: u64,
    ask: u64,
    volume: u64,
    interest: u64,
    spot: u64,
}

/// Well mixed bits of a few numbers (splitmix64).
const fn mix(mut x: u64) -> u64 {
    x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

fn rows(total: u64, mut each: impl FnMut(u64, &Row) -> io::Result<()>) -> io::Result<()> {
    let calendar = ExchangeCalendar::nyse();
    let first = Date::from_ymd_opt(2004, 1, 2).ok_or(io::ErrorKind::Other)?;
    let last = Date::from_ymd_opt(2025, 12, 31).ok_or(io::ErrorKind::Other)?;
    let days = calendar.sessions(first, last);
    let mut n = 0;
    for (i, date) in (0u64..).zip(days) {
        let spot = 100_000 + mix(i) % 2_000 + i * 20;
        for e in 0..EXPIRIES {
            let Some(expiry) = calendar.offset(*date, i64::try_from(1 + e * 5).unwrap_or(1)) else {
                continue;
            };
            for k in 0..STRIKES {
                let strike = (spot / 100 / 5 * 5 + 5 * k).saturating_sub(5 * STRIKES / 2);
                for call in [false, true] {
                    if n == total {
                        return Ok(());
                    }
                    let noise = mix(i << 32 | e << 16 | k << 1 | u64::from(call));
                    let gap = if call {
                        spot.saturating_sub(strike * 100)
                    } else {
                        (strike * 100).saturating_sub(spot)
                    };
                    let bid = gap + noise % 50 * 10;
                    let row = Row {
                        date: *date,
                        expiry,
                        strike,
                        call,
                        bid,
                        ask: bid + 10 + noise % 4 * 10,
                        volume: noise % 300,
                        interest: noise % 5_000,
                        spot,
                    };
                    each(n, &row)?;
                    n += 1;
                }
            }
        }
    }
    if n == total {
        Ok(())
    } else {
        Err(io::Error::other("more rows than there are sessions for"))
    }
}

/// Writes files of a format into a folder, one million rows each.
pub fn write(format: &str, total: u64, folder: &Path) -> io::Result<()> {
    match format {
        "csv" => csv(total, folder),
        "parquet" => parquet(total, folder).map_err(io::Error::other),
        _ => Err(io::Error::other("the formats are csv and parquet")),
    }
}

/// Whole sessions to a file: one million rows.
const FILE_ROWS: u64 = 50 * 2 * STRIKES * EXPIRIES;

fn csv(total: u64, folder: &Path) -> io::Result<()> {
    let mut out: Option<BufWriter<File>> = None;
    rows(total, |n, r| {
        if n % FILE_ROWS == 0 {
            let file = File::create(folder.join(format!("part{:05}.csv", n / FILE_ROWS)))?;
            let mut fresh = BufWriter::with_capacity(1 << 20, file);
            fresh.write_all(
                b"underlying,underlying_last,exchange,optionroot,type,expiration,quotedate,strike,last,net,bid,ask,volume,openinterest,impliedvol,delta,gamma\n",
            )?;
            out = Some(fresh);
        }
        let Some(out) = &mut out else { return Ok(()) };
        let (word, letter) = if r.call { ("call", 'C') } else { ("put", 'P') };
        writeln!(
            out,
            "SPX,{}.{:02},*,SPXW{}{letter}{:08},{word},{},{},{},{}.{:02},0,{}.{:02},{}.{:02},{},{},0.1523,0.4211,0.0021",
            r.spot / 100,
            r.spot % 100,
            r.expiry.format("%y%m%d"),
            r.strike * 1000,
            r.expiry.format("%m/%d/%Y"),
            r.date.format("%m/%d/%Y"),
            r.strike,
            r.bid / 100,
            r.bid % 100,
            r.bid / 100,
            r.bid % 100,
            r.ask / 100,
            r.ask % 100,
            r.volume,
            r.interest
        )
    })
}

type Columns = [Vec<i64>; 8];

fn parquet(total: u64, folder: &Path) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let mut columns: Columns = Columns::default();
    let mut part = 0;
    rows(total, |_, r| {
        let whole = |x: u64| i64::try_from(x).unwrap_or(0);
        let days = |d: Date| i64::from(d.to_epoch_days());
        let values = [
            days(r.date),
            days(r.expiry),
            whole(r.strike * 1000) * if r.call { 1 } else { -1 },
            whole(r.bid),
            whole(r.ask),
            whole(r.volume),
            whole(r.interest),
            whole(r.spot),
        ];
        for (column, value) in columns.iter_mut().zip(values) {
            column.push(value);
        }
        if columns.first().map(|c| c.len() as u64) == Some(FILE_ROWS) {
            file(&columns, &folder.join(format!("part{part:05}.parquet"))).map_err(io::Error::other)?;
            columns = Columns::default();
            part += 1;
        }
        Ok(())
    })?;
    if columns.first().is_some_and(|c| !c.is_empty()) {
        file(&columns, &folder.join(format!("part{part:05}.parquet")))?;
    }
    Ok(())
}

fn file(columns: &Columns, path: &Path) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let schema = parse_message_type(
        "message quotes { required int32 date (date); required binary root (utf8); required int32 expiry (date);
         required int64 strike; required binary right (utf8); required double bid; required double ask;
         required int32 volume; required int32 interest; required double spot; }",
    )?;
    let properties = WriterProperties::builder()
        .set_compression(parquet::basic::Compression::SNAPPY)
        .build();
    let mut writer = SerializedFileWriter::new(File::create(path)?, Arc::new(schema), Arc::new(properties))?;
    let [date, expiry, strike, bid, ask, volume, interest, spot] = columns;
    for start in (0..date.len()).step_by(250_000) {
        let end = (start + 250_000).min(date.len());
        let part = |c: &'_ Vec<i64>| c.get(start..end).unwrap_or_default().to_vec();
        let small =
            |c: &Vec<i64>| -> Vec<i32> { part(c).iter().map(|v| i32::try_from(*v).unwrap_or(0)).collect() };
        #[expect(clippy::cast_precision_loss, reason = "cents of an option's price")]
        let money = |c: &Vec<i64>| -> Vec<f64> { part(c).iter().map(|v| *v as f64 / 100.0).collect() };
        let mut group = writer.next_row_group()?;
        let mut i = 0;
        while let Some(mut column) = group.next_column()? {
            match column.untyped() {
                ColumnWriter::Int32ColumnWriter(w) => {
                    let values = small(
                        [date, date, expiry, date, date, date, date, volume, interest]
                            .get(i)
                            .unwrap_or(&date),
                    );
                    w.write_batch(&values, None, None)?;
                }
                ColumnWriter::Int64ColumnWriter(w) => {
                    let values: Vec<i64> = part(strike).iter().map(|k| k.abs()).collect();
                    w.write_batch(&values, None, None)?;
                }
                ColumnWriter::DoubleColumnWriter(w) => {
                    let values = money(match i {
                        5 => bid,
                        6 => ask,
                        _ => spot,
                    });
                    w.write_batch(&values, None, None)?;
                }
                ColumnWriter::ByteArrayColumnWriter(w) => {
                    let word = |k: &i64| {
                        ByteArray::from(if i == 1 {
                            "SPXW"
                        } else if *k > 0 {
                            "C"
                        } else {
                            "P"
                        })
                    };
                    let values: Vec<ByteArray> = part(strike).iter().map(word).collect();
                    w.write_batch(&values, None, None)?;
                }
                _ => {}
            }
            column.close()?;
            i += 1;
        }
        group.close()?;
    }
    writer.close()?;
    Ok(())
}
