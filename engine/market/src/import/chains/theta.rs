//! ThetaData's REST answers as CSV, version 2 (strikes in tenths of a cent, `ms_of_day` and `date`) and version 3
//! (decimal strikes, one timestamp): quotes at intervals, with or without greeks, and end of day. Times are Eastern.
//!
//! An answer holds contract after contract, perhaps over days, and a day may come in many of them.

use super::super::error::{FieldError, ImportError, ImportErrorKind};
use super::super::fields;
use super::super::input::Table;
use super::super::layout::Layout;
use super::cells::{Contract, Numbers, Sizes, need};
use super::{Format, Marks, Order, Owner, Quoted, Reader, Taken};
use crate::calendar::ExchangeCalendar;
use crate::money::Price;
use crate::time::{Date, Instant};

const V2_NEEDS: &[&[&str]] = &[
    &["root"],
    &["expiration", "exp"],
    &["strike"],
    &["right"],
    &["ms_of_day"],
    &["bid"],
    &["ask"],
    &["date"],
];

const V3_NEEDS: &[&[&str]] = &[
    &["symbol"],
    &["expiration"],
    &["strike"],
    &["right"],
    &["timestamp", "created"],
    &["bid"],
    &["ask"],
];

pub(super) const V2: Format = Format {
    layout: Layout::ThetaV2,
    needs: V2_NEEDS,
    dated_names: false,
    order: Order::Contracts,
    open: |table, _| Ok(Box::new(Theta::v2(table)?)),
};

pub(super) const V3: Format = Format {
    layout: Layout::ThetaV3,
    needs: V3_NEEDS,
    dated_names: false,
    order: Order::Contracts,
    open: |table, _| Ok(Box::new(Theta::v3(table)?)),
};

const EASTERN: chrono_tz::Tz = chrono_tz::America::New_York;

/// What says when quotes stood.
#[derive(Clone, Copy)]
enum Clock {
    /// Date and milliseconds since Eastern midnight.
    MillisOfDay { date: usize, ms: usize },
    /// Eastern date and time.
    Timestamp(usize),
    /// The report of the day's end, made at 17:15: the quotes are the last of the day.
    Close(usize),
}

struct Theta {
    clock: Clock,
    /// The strike is in tenths of a cent, that is in mills.
    strike_in_mills: bool,
    root: usize,
    right: usize,
    spot: Option<usize>,
    contract: Contract,
    numbers: Numbers,
}

impl Theta {
    fn v2(table: &Table) -> Result<Self, ImportError> {
        let need = |name| need(table, Layout::ThetaV2, V2_NEEDS, name);
        // Only the report has the time of the last trade beside its own, and prices of the day.
        let report = table.column(&["ms_of_day2"]).is_some() && table.column(&["close"]).is_some();
        let clock = if report {
            Clock::Close(need("date")?)
        } else {
            Clock::MillisOfDay {
                date: need("date")?,
                ms: need("ms_of_day")?,
            }
        };
        Ok(Self {
            clock,
            strike_in_mills: true,
            root: need("root")?,
            right: need("right")?,
            spot: table.column(&["underlying_price"]),
            contract: Contract {
                expiry: need("expiration")?,
                strike: need("strike")?,
            },
            numbers: numbers(table, need("bid")?, need("ask")?),
        })
    }

    fn v3(table: &Table) -> Result<Self, ImportError> {
        let need = |name| need(table, Layout::ThetaV3, V3_NEEDS, name);
        if table.header.first().is_some_and(|h| h == "timestamp") {
            let what = "is a ThetaData snapshot, in which every contract has a time of its own";
            let help = "ask for history at an interval instead (`/v3/option/history/quote?interval=1m`)";
            return Err(table.error(ImportErrorKind::UnknownLayout, what, help));
        }
        let report = match table.column(&["created"]) {
            Some(created) => Some(created),
            // In the report with greeks `timestamp` is the last trade's; the underlying's time is the report's.
            None if table.column(&["close"]).is_some() => table.column(&["underlying_timestamp"]),
            None => None,
        };
        Ok(Self {
            clock: match report {
                Some(column) => Clock::Close(column),
                None => Clock::Timestamp(need("timestamp")?),
            },
            strike_in_mills: false,
            root: need("symbol")?,
            right: need("right")?,
            spot: table.column(&["underlying_price"]),
            contract: Contract {
                expiry: need("expiration")?,
                strike: need("strike")?,
            },
            numbers: numbers(table, need("bid")?, need("ask")?),
        })
    }

    fn taken(&self, table: &Table) -> Result<Instant, FieldError> {
        match self.clock {
            Clock::Timestamp(column) => table.parse(column, |t| fields::instant_in(t, EASTERN)),
            Clock::MillisOfDay { date, ms } => {
                let day = table.parse(date, fields::date)?;
                table.parse(ms, |t| time_of_day(day, t))
            }
            Clock::Close(column) => table.parse(column, |t| {
                let day = fields::date(t.split(['T', ' ']).next().unwrap_or(t))?;
                // On a day without a session any instant will do: the day is refused as a whole.
                let close = ExchangeCalendar::nyse().options_close_at(day);
                close
                    .or_else(|| Instant::from_eastern(day, 16, 15))
                    .ok_or_else(|| format!("`{t}` is no day"))
            }),
        }
    }
}

fn numbers(table: &Table, bid: usize, ask: usize) -> Numbers {
    Numbers {
        bid,
        ask,
        sizes: Sizes::find(table, &["bid_size"], &["ask_size"]),
        last: table.column(&["close"]),
        volume: table.column(&["volume"]),
        open_interest: table.column(&["open_interest"]),
        iv: table.column(&["implied_vol"]),
        delta: table.column(&["delta"]),
        gamma: table.column(&["gamma"]),
        blanks: true,
    }
}

/// Milliseconds since Eastern midnight (`34200000`), or a time of day where the request asked for `pretty_time`.
fn time_of_day(day: Date, text: &str) -> Result<Instant, String> {
    let parsed = if text.contains(':') {
        fields::at_time(day, text, EASTERN)
    } else {
        let ms = text.parse::<u32>().ok().filter(|ms| *ms < 86_400_000);
        ms.and_then(|ms| {
            // Wall-clock time, so that the two days a year with 23 and 25 hours come out right.
            let minute = Instant::from_eastern(day, ms / 3_600_000, ms / 60_000 % 60)?;
            Some(Instant(minute.0 + i64::from((ms % 60_000).div_ceil(1000))))
        })
    };
    parsed.ok_or_else(|| format!("`{text}` is not a time in milliseconds since midnight"))
}

impl Reader for Theta {
    fn marks(&self) -> Marks {
        Marks {
            spot: self.spot.unwrap_or(self.root),
            expiry: self.contract.expiry,
            contract: self.root,
        }
    }

    fn read(&mut self, table: &Table, out: &mut Vec<Quoted>) -> Result<(), FieldError> {
        let taken = self.taken(table)?;
        let expiry = table.parse(self.contract.expiry, fields::date)?;
        let right = table.parse(self.right, fields::right)?;
        let strike = if self.strike_in_mills {
            table.parse(self.contract.strike, fields::count)?.into()
        } else {
            table.parse(self.contract.strike, fields::price)?.0
        };
        let strike = Price(strike);
        self.contract.check(table, taken.date(), expiry, strike)?;
        let row = self.numbers.read(table, expiry, strike, right)?;
        let spot = match self.spot {
            Some(column) => table.parse(column, fields::optional_level)?,
            None => None,
        };
        out.push(Quoted {
            taken: Taken::At(taken),
            owner: Owner::of_root(table.text(self.root)?),
            spot,
            row,
        });
        Ok(())
    }

    fn notes(&self) -> Vec<&'static str> {
        let mut notes = Vec::new();
        if self.numbers.open_interest.is_none() {
            notes.push("ThetaData quotes have no open interest: stored as 0");
        }
        if matches!(self.clock, Clock::Close(_)) {
            notes.push(
                "quotes of ThetaData's end-of-day report are the last of the day: taken as those of 16:15 ET, 13:15 on half days",
            );
        } else if self.numbers.volume.is_none() {
            notes.push("ThetaData quotes at intervals have no volume: stored as 0");
        }
        notes
    }
}
