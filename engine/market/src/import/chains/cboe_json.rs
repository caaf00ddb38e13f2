//! Cboe's delayed quotes as JSON: one snapshot of all options of one underlying. The file is read whole, up to a limit.

use super::super::error::{BadRow, FieldError, ImportError, ImportErrorKind};
use super::super::layout::Layout;
use super::super::{Job, fields, input};
use super::cboe_table::DELAYED;
use super::collect::{Collector, Order};
use super::{Format, Marks, Owner, Place, Quoted, Taken};
use crate::calendar::ExchangeCalendar;
use crate::money::Price;
use crate::store::{ChainRow, VendorGreeks};
use crate::time::Instant;
use serde::Deserialize;
use std::path::Path;

/// Largest file in bytes; a day of all SPX options is 14 million.
pub(in super::super) const JSON_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Names of the fields that messages speak of, as columns.
const FIELDS: [&str; 9] = [
    "option",
    "bid",
    "ask",
    "volume",
    "open_interest",
    "last_trade_price",
    "current_price",
    "bid_size",
    "ask_size",
];
const OPTION: usize = 0;
const BID: usize = 1;
const ASK: usize = 2;
const VOLUME: usize = 3;
const OPEN_INTEREST: usize = 4;
const LAST: usize = 5;
const PRICE: usize = 6;
const BID_SIZE: usize = 7;
const ASK_SIZE: usize = 8;

#[derive(Deserialize)]
struct Payload {
    timestamp: Option<String>,
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    current_price: Option<f64>,
    close: Option<f64>,
    options: Vec<Quote>,
}

#[derive(Deserialize)]
struct Quote {
    option: String,
    bid: Option<f64>,
    ask: Option<f64>,
    bid_size: Option<f64>,
    ask_size: Option<f64>,
    volume: Option<f64>,
    open_interest: Option<f64>,
    last_trade_price: Option<f64>,
    iv: Option<f64>,
    delta: Option<f64>,
    gamma: Option<f64>,
}

/// The tenth option of a file: `data.options[9].bid`.
struct At<'a> {
    file: &'a str,
    option: usize,
}

impl Place for At<'_> {
    fn line(&self) -> u64 {
        self.option as u64 + 1
    }

    fn bad(&self, error: FieldError) -> BadRow {
        let field = FIELDS.get(error.column).unwrap_or(&"option");
        BadRow {
            file: self.file.to_owned(),
            line: self.line(),
            column: format!("data.options[{}].{field}", self.option),
            what: error.what,
        }
    }
}

const FORMAT: Format = Format {
    layout: Layout::CboeJson,
    needs: &[],
    dated_names: false,
    order: Order::Days,
    open: |table, _| {
        Err(table.error(
            ImportErrorKind::NotText,
            "is a table, not JSON",
            "leave `--kind` out",
        ))
    },
};

/// Reads one file of delayed quotes.
pub(in super::super) fn import(job: &mut Job<'_>, path: &Path) -> Result<(), ImportError> {
    let whole = input::read_whole(path, JSON_BYTES_MAX)?;
    let error = |kind, what: String, help: &str| ImportError::new(kind, what, help).in_file(&whole.name);
    let payload: Payload = serde_json::from_slice(&whole.bytes).map_err(|e| {
        let line = u64::try_from(e.line()).unwrap_or_default();
        let what = format!("is not JSON of Cboe's delayed quotes: {}", reason(&e));
        let help = "download it again, as `…/delayed_quotes/options/_SPX.json` gives it: `data.options` is a list of quotes, `timestamp` their time";
        error(ImportErrorKind::NotText, what, help).at_line(line)
    })?;
    let taken = taken(job, &payload, &error)?;
    let quoted = payload.data.current_price.or(payload.data.close);
    let spot = quoted.and_then(Price::from_f64).filter(|p| *p > Price::ZERO);
    job.assume_once(DELAYED);
    let marks = Marks {
        spot: PRICE,
        expiry: OPTION,
        contract: OPTION,
    };
    let mut collector = Collector::new(job, &whole.name, marks, "option", &FORMAT);
    for (option, quote) in payload.data.options.iter().enumerate() {
        let place = At {
            file: &whole.name,
            option,
        };
        match read(quote, taken) {
            Ok((owner, row)) => {
                let taken = Taken::At(taken);
                let quoted = Quoted {
                    taken,
                    owner,
                    spot,
                    row,
                };
                collector.take(job, quoted, &place)?;
            }
            Err(e) => collector.bad(job, place.bad(e))?,
        }
    }
    if payload.data.options.is_empty() {
        let what = "holds no options".to_owned();
        return Err(error(
            ImportErrorKind::Empty,
            what,
            "download it again, or leave it out",
        ));
    }
    collector.finish(job)?;
    let rows = payload.data.options.len() as u64;
    job.progress.advance(whole.read, &whole.name);
    job.finish_source(whole.name, whole.sha256, Layout::CboeJson, rows);
    Ok(())
}

/// What is wrong, without the place, which is told apart.
fn reason(e: &serde_json::Error) -> String {
    let text = e.to_string();
    text.split(" at line ").next().unwrap_or_default().to_owned()
}

/// The file's time, which has no zone.
fn taken(
    job: &Job<'_>,
    payload: &Payload,
    error: &impl Fn(ImportErrorKind, String, &str) -> ImportError,
) -> Result<Instant, ImportError> {
    let Some(text) = &payload.timestamp else {
        let help = "download the file again: without it the day of the quotes is unknown";
        return Err(error(
            ImportErrorKind::BadRow,
            "`timestamp` is missing".to_owned(),
            help,
        ));
    };
    let utc = text.strip_suffix('Z');
    let zone = match (utc, job.time_zone) {
        (Some(_), _) => chrono_tz::UTC,
        (None, Some(zone)) => zone,
        (None, None) => {
            let what = format!("`timestamp` {text} has no time zone");
            let help = "name it: `--time-zone UTC`, `--time-zone America/New_York`; compare with the file's `last_trade_time`, which is Eastern";
            return Err(error(ImportErrorKind::NoTimeZone, what, help));
        }
    };
    fields::instant_in(utc.unwrap_or(text), zone).map_err(|what| {
        let what = format!("`timestamp`: {what}");
        error(ImportErrorKind::BadRow, what, "download the file again")
    })
}

fn read(quote: &Quote, taken: Instant) -> Result<(Owner, ChainRow), FieldError> {
    let field = |column| move |what| FieldError { column, what };
    let symbol = fields::symbol(&quote.option).map_err(field(OPTION))?;
    let (expiry, date) = (symbol.expiry, taken.date());
    if expiry < date || !ExchangeCalendar::nyse().covers(expiry) {
        let what = format!("`{}` expires before the quote date {date}", quote.option);
        return Err(field(OPTION)(what));
    }
    let price = |x: Option<f64>, column| {
        x.map_or(Ok(Price::ZERO), |x| {
            fields::points(x).map_err(|what| field(column)(format!("`{x}` {what}")))
        })
    };
    let count = |x: Option<f64>, column| {
        x.map_or(Ok(0), |x| {
            fields::count_of(x, &x.to_string()).map_err(field(column))
        })
    };
    let size = |x: Option<f64>, column| x.map(|x| count(Some(x), column)).transpose();
    let last = quote.last_trade_price.filter(|p| *p > 0.0);
    Ok((
        Owner::of_root(symbol.root),
        ChainRow {
            expiry,
            strike: symbol.strike,
            right: symbol.right,
            bid: price(quote.bid, BID)?,
            ask: price(quote.ask, ASK)?,
            bid_size: size(quote.bid_size, BID_SIZE)?,
            ask_size: size(quote.ask_size, ASK_SIZE)?,
            last: last.map(|p| price(Some(p), LAST)).transpose()?,
            volume: count(quote.volume, VOLUME)?,
            open_interest: count(quote.open_interest, OPEN_INTEREST)?,
            vendor: VendorGreeks {
                iv: quote.iv.filter(|iv| *iv >= 0.0),
                delta: quote.delta,
                gamma: quote.gamma,
            },
        },
    ))
}
