//! Cboe's quote table as its site exports it: lines about the underlying, then calls left and puts right of the strike.
//! The `Date:` line says when the page was made, with its zone; quotes are delayed by 15 minutes.

use super::super::error::{FieldError, ImportError, ImportErrorKind};
use super::super::fields;
use super::super::input::Table;
use super::super::layout::Layout;
use super::cells::{Contract, Numbers, Sizes, need, wrong};
use super::{Format, Marks, Order, Owner, Quoted, Reader, Taken, Told};
use crate::contract::Right;
use crate::money::Price;
use crate::time::{Date, Instant};
use chrono::NaiveDate;

const NEEDS: &[&[&str]] = &[
    &["expiration date"],
    &["calls"],
    &["strike"],
    &["puts"],
    &["bid"],
    &["ask"],
];

pub(super) const FORMAT: Format = Format {
    layout: Layout::CboeTable,
    needs: NEEDS,
    dated_names: false,
    order: Order::Days,
    open: |table, told| Ok(Box::new(CboeTable::find(table, told)?)),
};

struct CboeTable {
    taken: Instant,
    spot: Option<Price>,
    contract: Contract,
    calls: Side,
    puts: Side,
}

#[derive(Clone, Copy)]
struct Side {
    right: Right,
    symbol: usize,
    numbers: Numbers,
}

impl CboeTable {
    fn find(table: &Table, told: &Told<'_>) -> Result<Self, ImportError> {
        let need = |name| need(table, Layout::CboeTable, NEEDS, name);
        let (calls, puts) = (need("calls")?, need("puts")?);
        // The same names stand on both sides: each side's columns are those after its own contract column.
        let side = |right, from: usize| {
            let column = |name: &str| {
                let columns = table.header.iter().enumerate().skip(from + 1);
                let mut side =
                    columns.take_while(|(_, h)| !matches!(h.as_str(), "puts" | "calls" | "strike"));
                side.find(|(_, h)| *h == name).map(|(i, _)| i)
            };
            let required = |name: &str| {
                let missing = || {
                    let what = format!(
                        "has no column `{name}` among the {}",
                        if right == Right::Call { "calls" } else { "puts" }
                    );
                    let help = format!(
                        "the header has: {}; export the table again",
                        table.header.join(", ")
                    );
                    table.error(ImportErrorKind::MissingColumn, what, help)
                };
                column(name).ok_or_else(missing)
            };
            Ok::<_, ImportError>(Side {
                right,
                symbol: from,
                numbers: Numbers {
                    bid: required("bid")?,
                    ask: required("ask")?,
                    sizes: Sizes::None,
                    last: column("last sale"),
                    volume: column("volume"),
                    open_interest: column("open interest"),
                    iv: column("iv"),
                    delta: column("delta"),
                    gamma: column("gamma"),
                    blanks: true,
                },
            })
        };
        Ok(Self {
            taken: taken(table, told)?,
            spot: last(table)?,
            contract: Contract {
                expiry: need("expiration date")?,
                strike: need("strike")?,
            },
            calls: side(Right::Call, calls)?,
            puts: side(Right::Put, puts)?,
        })
    }
}

/// What a preamble field says: `Last` of `Last: 4505.1001`.
fn said<'a>(table: &'a Table, key: &str) -> Option<&'a str> {
    let mut fields = table.preamble.iter().flatten();
    fields.find_map(|f| Some(f.strip_prefix(key)?.strip_prefix(':')?.trim()))
}

/// `Date: September 14, 2023 at 4:31 PM EDT`
fn taken(table: &Table, told: &Told<'_>) -> Result<Instant, ImportError> {
    let bad = |what: String| {
        let help = "export the table again: its third line says the date, the time and the zone";
        Err(table.error(ImportErrorKind::BadRow, what, help))
    };
    let Some(text) = said(table, "Date") else {
        return bad("has no line `Date: …`".to_owned());
    };
    let parsed = || {
        let (day, time) = text.split_once(" at ")?;
        let mut words = time.split_whitespace();
        let clock = format!("{}{}", words.next()?, words.next()?);
        let day = NaiveDate::parse_from_str(day.trim(), "%B %d, %Y").ok()?;
        Some((day, fields::clock(&clock).ok()?, words.next()))
    };
    let Some((day, (hour, minute), zone)) = parsed() else {
        return bad(format!(
            "`{text}` is not a date such as September 14, 2023 at 4:31 PM EDT"
        ));
    };
    let zone = match (zone, told.time_zone) {
        (Some("EDT" | "EST" | "ET"), _) => chrono_tz::America::New_York,
        (Some("CDT" | "CST" | "CT"), _) => chrono_tz::America::Chicago,
        (_, Some(zone)) => zone,
        (_, None) => return Err(table.no_time_zone("Date")),
    };
    match fields::at_time(day, &format!("{hour}:{minute:02}"), zone) {
        Some(at) => Ok(at),
        None => bad(format!("`{text}` is no time of that day")),
    }
}

fn last(table: &Table) -> Result<Option<Price>, ImportError> {
    let text = said(table, "Last").unwrap_or_default().replace(',', "");
    fields::optional_level(&text).map_err(|what| {
        let help = "export the table again: its second line says the underlying's last price";
        table.error(ImportErrorKind::BadRow, format!("`Last`: {what}"), help)
    })
}

/// `Thu Sep 14 2023`
fn weekday_date(text: &str) -> Result<Date, String> {
    let day = text.split_once(' ').map_or(text, |(_, day)| day);
    NaiveDate::parse_from_str(day, "%b %d %Y")
        .or_else(|_| fields::date(text))
        .map_err(|_| format!("`{text}` is not a date such as Thu Sep 14 2023"))
}

impl Reader for CboeTable {
    fn marks(&self) -> Marks {
        Marks {
            spot: self.contract.strike,
            expiry: self.contract.expiry,
            contract: self.calls.symbol,
        }
    }

    fn read(&mut self, table: &Table, out: &mut Vec<Quoted>) -> Result<(), FieldError> {
        let expiry = table.parse(self.contract.expiry, weekday_date)?;
        let strike = table.parse(self.contract.strike, fields::price)?;
        self.contract.check(table, self.taken.date(), expiry, strike)?;
        for side in [self.puts, self.calls] {
            let column = side.symbol;
            let text = table.text(column)?;
            if text.is_empty() {
                continue;
            }
            let symbol = fields::symbol(text).map_err(|what| FieldError { column, what })?;
            if (symbol.expiry, symbol.strike, symbol.right) != (expiry, strike, side.right) {
                return wrong(
                    column,
                    format!("`{text}` is not the contract of {expiry} {strike}"),
                );
            }
            out.push(Quoted {
                taken: Taken::At(self.taken),
                owner: Owner::of_root(symbol.root),
                spot: self.spot,
                row: side.numbers.read(table, expiry, strike, side.right)?,
            });
        }
        Ok(())
    }

    fn notes(&self) -> Vec<&'static str> {
        vec![DELAYED]
    }
}

/// What the exchange's free quotes are.
pub(super) const DELAYED: &str =
    "Cboe's free quotes are delayed: they stood up to 15 minutes before the time that the file states";
