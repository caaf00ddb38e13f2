//! Reads the CSV files straight: days of SPXW quotes, index closes, VIX closes, fed funds.
//!
//! Prices are whole mills (1/1000 of a point), taken from the decimal text digit by digit.

use chrono::NaiveDate;
use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::Path;

/// Put or call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Right {
    Put,
    Call,
}

/// A bid and an ask in mills.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quote {
    pub bid: i64,
    pub ask: i64,
}

impl Quote {
    /// Twice the middle, which is exact whatever the tick.
    pub fn twice_mid(self) -> i64 {
        self.bid + self.ask
    }

    /// The middle in points.
    pub fn mid_points(self) -> f64 {
        self.twice_mid() as f64 / 2_000.0
    }
}

/// Quotes of one right by strike in mills; strikes listed without a two-sided market are in `listed` alone.
#[derive(Default)]
pub struct Side {
    pub quotes: BTreeMap<i64, Quote>,
    pub listed: Vec<i64>,
}

/// One SPXW expiry on one day.
#[derive(Default)]
pub struct Expiry {
    pub puts: Side,
    pub calls: Side,
}

impl Expiry {
    pub fn side(&self, right: Right) -> &Side {
        match right {
            Right::Put => &self.puts,
            Right::Call => &self.calls,
        }
    }
}

/// One snapshot.
pub struct Day {
    pub date: NaiveDate,
    pub underlying: i64,
    pub weeklys: BTreeMap<NaiveDate, Expiry>,
    /// Rows of the AM root, which the rule must never touch.
    pub monthly_rows: usize,
}

impl Day {
    pub fn quote(&self, expiry: NaiveDate, right: Right, strike: i64) -> Option<Quote> {
        self.weeklys
            .get(&expiry)?
            .side(right)
            .quotes
            .get(&strike)
            .copied()
    }
}

/// Everything read.
pub struct Data {
    pub days: Vec<Day>,
    /// Days whose file was left out because the index has no close on it.
    pub refused: Vec<NaiveDate>,
    /// Index close by session, rounded to cents, in mills.
    pub close: BTreeMap<NaiveDate, i64>,
    pub vix_close: BTreeMap<NaiveDate, f64>,
    /// Percent by calendar day.
    pub fed_funds: BTreeMap<NaiveDate, f64>,
}

/// `2109.9` as 2_109_900.
pub fn mills(text: &str) -> i64 {
    let (whole, fraction) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
    let mut value: i64 = whole.parse().expect("a whole part");
    for place in 0..3 {
        let digit = fraction.as_bytes().get(place).map_or(0, |b| i64::from(b - b'0'));
        value = value * 10 + digit;
    }
    assert!(
        fraction.bytes().skip(3).all(|b| b == b'0'),
        "finer than a mill: {text}"
    );
    value
}

fn us_date(text: &str) -> NaiveDate {
    NaiveDate::parse_from_str(text, "%m/%d/%Y").expect("a date like 04/25/2019")
}

fn iso(text: &str) -> Option<NaiveDate> {
    NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()
}

fn column(header: &csv::StringRecord, name: &str) -> usize {
    header
        .iter()
        .position(|h| h.trim() == name)
        .expect("a column of that name")
}

fn read_day(path: &Path) -> Day {
    let mut text = String::new();
    flate2::read::MultiGzDecoder::new(fs::File::open(path).expect("file"))
        .read_to_string(&mut text)
        .expect("gzip text");
    let mut reader = csv::ReaderBuilder::new().from_reader(text.as_bytes());
    let header = reader.headers().expect("header").clone();
    let [spot, symbol, kind, expiration, quoted, strike, bid, ask] = [
        "underlying_last",
        "optionroot",
        "type",
        "expiration",
        "quotedate",
        "strike",
        "bid",
        "ask",
    ]
    .map(|name| column(&header, name));
    let mut day: Option<Day> = None;
    for row in reader.records() {
        let row = row.expect("a row");
        let day = day.get_or_insert_with(|| Day {
            date: us_date(&row[quoted]),
            underlying: mills(&row[spot]),
            weeklys: BTreeMap::new(),
            monthly_rows: 0,
        });
        assert_eq!(us_date(&row[quoted]), day.date, "one day per file");
        let root: String = row[symbol]
            .chars()
            .take_while(|c| c.is_ascii_alphabetic())
            .collect();
        match root.as_str() {
            "SPXW" => {}
            "SPX" => {
                day.monthly_rows += 1;
                continue;
            }
            other => panic!("root {other}"),
        }
        // The symbol says the contract a second time.
        let (expiry, strike) = (us_date(&row[expiration]), mills(&row[strike]));
        let right = if &row[kind] == "put" {
            Right::Put
        } else {
            Right::Call
        };
        let letter = if right == Right::Put { 'P' } else { 'C' };
        assert_eq!(
            &row[symbol],
            format!("SPXW{}{letter}{strike:08}", expiry.format("%y%m%d"))
        );
        let chain = day.weeklys.entry(expiry).or_default();
        let side = if right == Right::Put {
            &mut chain.puts
        } else {
            &mut chain.calls
        };
        let quote = Quote {
            bid: mills(&row[bid]),
            ask: mills(&row[ask]),
        };
        assert!(!side.listed.contains(&strike), "a contract twice");
        side.listed.push(strike);
        if quote.bid >= 0 && quote.ask > quote.bid {
            side.quotes.insert(strike, quote);
        }
    }
    day.expect("rows")
}

fn columns<T>(path: &Path, first_column: impl Fn(&str) -> Option<T>, value: &str) -> Vec<(T, f64)> {
    let mut reader = csv::ReaderBuilder::new().from_path(path).expect("file");
    let header = reader.headers().expect("header").clone();
    let at = column(&header, value);
    let rows = reader.records().map(|r| r.expect("a row"));
    rows.filter_map(|r| Some((first_column(r.get(0)?)?, r.get(at)?.parse().ok()?)))
        .collect()
}

/// Reads the folder; days of the chain files in date order.
pub fn read(data: &Path) -> Data {
    let cents = |x: f64| mills(&format!("{x:.2}"));
    let close: BTreeMap<_, _> = columns(&data.join("context/GSPC_yahoo_2000_2025.csv"), iso, "Close")
        .into_iter()
        .map(|(d, c)| (d, cents(c)))
        .collect();
    let vix_close = columns(&data.join("context/vix-daily_pddl.csv"), iso, "CLOSE")
        .into_iter()
        .collect();
    let rates = data.join("rates/DFF_fred.csv");
    let name = csv::Reader::from_path(&rates)
        .expect("file")
        .headers()
        .expect("header")[1]
        .to_owned();
    let fed_funds = columns(&rates, iso, &name).into_iter().collect();

    let mut paths: Vec<_> = fs::read_dir(data.join("spx_chain_2019"))
        .expect("folder")
        .map(|e| e.expect("entry").path())
        .filter(|p| p.to_string_lossy().ends_with(".csv.gz"))
        .collect();
    paths.sort();
    let (days, refused): (Vec<Day>, Vec<Day>) = paths
        .iter()
        .map(|p| read_day(p))
        .partition(|d| close.contains_key(&d.date));
    let refused = refused.into_iter().map(|d| d.date).collect();
    Data {
        days,
        refused,
        close,
        vix_close,
        fed_funds,
    }
}
