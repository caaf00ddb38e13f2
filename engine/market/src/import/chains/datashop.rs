//! Cboe DataShop option quotes: end of day, of which the 15:45 columns are read, and intervals of 1 to 60 minutes; both
//! with and without the vendor's calculations. Times are Eastern.

use super::super::error::{FieldError, ImportError};
use super::super::fields;
use super::super::input::Table;
use super::super::layout::Layout;
use super::cells::{Contract, Numbers, Sizes, check_underlying, need};
use super::{Format, Marks, Order, Owner, Quoted, Reader, Taken, Told};
use crate::calendar::ExchangeCalendar;
use crate::money::Price;
use crate::time::{Date, Instant};
use chrono::NaiveDate;

const EOD_NEEDS: &[&[&str]] = &[
    &["quote_date"],
    &["root"],
    &["expiration"],
    &["strike"],
    &["option_type"],
    &["bid_1545"],
    &["ask_1545"],
    &["trade_volume"],
    &["open_interest"],
];

const INTERVAL_NEEDS: &[&[&str]] = &[
    &["quote_datetime"],
    &["root"],
    &["expiration"],
    &["strike"],
    &["option_type"],
    &["bid"],
    &["ask"],
    &["trade_volume"],
];

pub(super) const EOD: Format = Format {
    layout: Layout::DataShopChain,
    needs: EOD_NEEDS,
    dated_names: true,
    order: Order::Days,
    open: |table, _: &Told<'_>| Ok(Box::new(DataShop::eod(table)?)),
};

pub(super) const INTERVALS: Format = Format {
    layout: Layout::DataShopIntervals,
    needs: INTERVAL_NEEDS,
    dated_names: true,
    order: Order::Days,
    open: |table, _: &Told<'_>| Ok(Box::new(DataShop::intervals(table)?)),
};

/// From this day on the 15:45 columns of half days are taken at 12:45 (Cboe's product page); before it they were taken
/// at 15:45, when the market had closed.
const HALF_DAYS_AT_1245_SINCE: (i32, u32, u32) = (2020, 2, 5);

/// The instant of the 15:45 columns. Those of an earlier half day hold the quotes of its close.
fn instant_of_1545(date: Date) -> Option<Instant> {
    let calendar = ExchangeCalendar::nyse();
    let (y, m, d) = HALF_DAYS_AT_1245_SINCE;
    match calendar.is_early_close(date) {
        false => Instant::from_eastern(date, 15, 45),
        true if NaiveDate::from_ymd_opt(y, m, d).is_some_and(|since| date >= since) => {
            Instant::from_eastern(date, 12, 45)
        }
        true => calendar.options_close_at(date),
    }
}

struct DataShop {
    layout: Layout,
    underlying: Option<usize>,
    spot: Spot,
    root: usize,
    right: usize,
    date: usize,
    contract: Contract,
    numbers: Numbers,
    /// Deliverables other than the standard one (adjusted after a split, say).
    delivery: Option<usize>,
}

/// Columns of the underlying: its bid and ask, empty or zero without an index licence, and the price that the vendor's
/// calculations used, which comes with them alone. The *implied* price differs from expiry to expiry: it is a forward.
#[derive(Clone, Copy)]
struct Spot {
    bid: Option<usize>,
    ask: Option<usize>,
    active: Option<usize>,
}

impl Spot {
    fn find(table: &Table, suffix: &str) -> Self {
        let column = |name: &str| table.column(&[format!("{name}{suffix}").as_str()]);
        Self {
            bid: column("underlying_bid"),
            ask: column("underlying_ask"),
            active: column("active_underlying_price"),
        }
    }

    /// The middle of bid and ask, or the active price; a price alone stands for both.
    fn read(self, table: &Table) -> Result<Option<Price>, FieldError> {
        let level = |column: Option<usize>| match column {
            Some(column) => table.parse(column, fields::optional_level),
            None => Ok(None),
        };
        let (bid, ask) = (level(self.bid)?, level(self.ask)?);
        match (bid, ask) {
            (Some(bid), Some(ask)) => Ok(Some(Price((bid.0 + ask.0) / 2))),
            (Some(one), None) | (None, Some(one)) => Ok(Some(one)),
            (None, None) => level(self.active),
        }
    }
}

impl DataShop {
    fn eod(table: &Table) -> Result<Self, ImportError> {
        Self::find(table, Layout::DataShopChain, EOD_NEEDS, "quote_date", "_1545")
    }

    fn intervals(table: &Table) -> Result<Self, ImportError> {
        Self::find(
            table,
            Layout::DataShopIntervals,
            INTERVAL_NEEDS,
            "quote_datetime",
            "",
        )
    }

    fn find(
        table: &Table,
        layout: Layout,
        needs: &'static [&'static [&'static str]],
        date: &str,
        suffix: &str,
    ) -> Result<Self, ImportError> {
        let need = |name: &str| need(table, layout, needs, name);
        let calc = |name: &str| table.column(&[format!("{name}{suffix}").as_str()]);
        let contract = Contract {
            expiry: need("expiration")?,
            strike: need("strike")?,
        };
        let numbers = Numbers {
            bid: need(&format!("bid{suffix}"))?,
            ask: need(&format!("ask{suffix}"))?,
            sizes: Sizes::find(
                table,
                &[format!("bid_size{suffix}").as_str()],
                &[format!("ask_size{suffix}").as_str()],
            ),
            last: table.column(&["close"]),
            volume: Some(need("trade_volume")?),
            open_interest: table.column(&["open_interest"]),
            iv: calc("implied_volatility"),
            delta: calc("delta"),
            gamma: calc("gamma"),
            blanks: false,
        };
        Ok(Self {
            layout,
            underlying: table.column(&["underlying_symbol"]),
            spot: Spot::find(table, suffix),
            root: need("root")?,
            right: need("option_type")?,
            date: need(date)?,
            contract,
            numbers,
            delivery: table.column(&["delivery_code"]),
        })
    }

    fn taken(&self, table: &Table) -> Result<Instant, FieldError> {
        if self.layout == Layout::DataShopIntervals {
            return table.parse(self.date, |t| fields::instant_in(t, chrono_tz::America::New_York));
        }
        table.parse(self.date, |t| {
            let date = fields::date(t)?;
            instant_of_1545(date).ok_or_else(|| format!("{date} lies outside the exchange calendar"))
        })
    }
}

impl Reader for DataShop {
    fn marks(&self) -> Marks {
        Marks {
            spot: self.spot.bid.or(self.spot.active).unwrap_or(self.root),
            expiry: self.contract.expiry,
            contract: self.root,
        }
    }

    fn read(&mut self, table: &Table, out: &mut Vec<Quoted>) -> Result<(), FieldError> {
        let taken = self.taken(table)?;
        let expiry = table.parse(self.contract.expiry, fields::date)?;
        let right = table.parse(self.right, fields::right)?;
        let strike = table.parse(self.contract.strike, fields::price)?;
        let mut owner = Owner::of_root(table.text(self.root)?);
        if let (Owner::Root(root), Some(column)) = (&owner, self.underlying) {
            check_underlying(table, column, *root)?;
        }
        if let (Owner::Root(root), Some(column)) = (&owner, self.delivery)
            && !table.text(column)?.is_empty()
        {
            let code = table.text(column)?;
            owner = Owner::Foreign(format!("{} with delivery {code}", root.symbol()));
        }
        self.contract.check(table, taken.date(), expiry, strike)?;
        let row = self.numbers.read(table, expiry, strike, right)?;
        out.push(Quoted {
            taken: Taken::At(taken),
            owner,
            spot: self.spot.read(table)?,
            row,
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_1545_columns_of_half_days_are_the_1245_snapshot_since_2020() {
        let at = |day: &str| instant_of_1545(day.parse().unwrap()).unwrap().to_string();
        assert_eq!(at("2016-06-01"), "2016-06-01 15:45 ET");
        assert_eq!(at("2019-07-03"), "2019-07-03 13:15 ET");
        assert_eq!(at("2020-11-27"), "2020-11-27 12:45 ET");
        assert_eq!(at("2020-11-30"), "2020-11-30 15:45 ET");
    }
}
