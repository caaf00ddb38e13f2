//! historical-option-data: one contract a row with its OCC-like symbol, in the dialects of 2016 (`Symbol` names), 2018
//! (byte-order mark, a space in the header) and 2019. No time of day: that is assumed.

use super::super::error::{FieldError, ImportError};
use super::super::fields;
use super::super::input::Table;
use super::super::layout::Layout;
use super::cells::{Contract, Numbers, Sizes, check_underlying, need, wrong};
use super::{Format, Marks, Order, Owner, Quoted, Reader, Taken, Told};
use crate::calendar::ExchangeCalendar;

const NEEDS: &[&[&str]] = &[
    &["underlying_last", "underlyingprice"],
    &["optionroot", "optionsymbol"],
    &["type"],
    &["expiration"],
    &["quotedate", "datadate"],
    &["strike"],
    &["bid"],
    &["ask"],
    &["volume"],
    &["openinterest"],
];

pub(super) const FORMAT: Format = Format {
    layout: Layout::OptionChain,
    needs: NEEDS,
    dated_names: true,
    order: Order::Days,
    open: |table, _: &Told<'_>| Ok(Box::new(Historical::find(table)?)),
};

struct Historical {
    underlying: Option<usize>,
    spot: usize,
    symbol: usize,
    right: usize,
    date: usize,
    contract: Contract,
    numbers: Numbers,
}

impl Historical {
    fn find(table: &Table) -> Result<Self, ImportError> {
        let need = |name| need(table, Layout::OptionChain, NEEDS, name);
        Ok(Self {
            underlying: table.column(&["underlying", "underlyingsymbol"]),
            spot: need("underlying_last")?,
            symbol: need("optionroot")?,
            right: need("type")?,
            date: need("quotedate")?,
            contract: Contract {
                expiry: need("expiration")?,
                strike: need("strike")?,
            },
            numbers: Numbers {
                bid: need("bid")?,
                ask: need("ask")?,
                sizes: Sizes::None,
                last: table.column(&["last"]),
                volume: Some(need("volume")?),
                open_interest: Some(need("openinterest")?),
                iv: table.column(&["impliedvol", "ivmean"]),
                delta: table.column(&["delta"]),
                gamma: table.column(&["gamma"]),
                blanks: false,
            },
        })
    }
}

impl Reader for Historical {
    fn marks(&self) -> Marks {
        Marks {
            spot: self.spot,
            expiry: self.contract.expiry,
            contract: self.symbol,
        }
    }

    fn read(&mut self, table: &Table, out: &mut Vec<Quoted>) -> Result<(), FieldError> {
        let date = table.parse(self.date, fields::date)?;
        let text = table.text(self.symbol)?;
        let symbol = fields::symbol(text).map_err(|what| FieldError {
            column: self.symbol,
            what,
        })?;
        let owner = Owner::of_root(symbol.root);
        if matches!(owner, Owner::Foreign(_)) {
            // What it says beyond its root is nobody's concern.
            out.push(Quoted::foreign(owner, date));
            return Ok(());
        }
        let stated = table.parse(self.contract.expiry, fields::date)?;
        // A Saturday and the Friday before it are one expiry: until 2015 vendors and symbols wrote either.
        let session = |d| ExchangeCalendar::nyse().session_on_or_before(d);
        let expiry = if session(stated) == session(symbol.expiry) {
            symbol.expiry
        } else {
            stated
        };
        let right = table.parse(self.right, fields::right)?;
        let strike = table.parse(self.contract.strike, fields::price)?;
        if symbol.expiry != expiry {
            let what = format!(
                "{expiry} is not the expiry {} of contract `{text}`",
                symbol.expiry
            );
            return wrong(self.contract.expiry, what);
        }
        if symbol.strike != strike {
            let what = format!(
                "{strike} is not the strike {} of contract `{text}`",
                symbol.strike
            );
            return wrong(self.contract.strike, what);
        }
        if symbol.right != right {
            let what = format!("`{}` contradicts contract `{text}`", table.text(self.right)?);
            return wrong(self.right, what);
        }
        if let (Owner::Root(root), Some(column)) = (&owner, self.underlying) {
            check_underlying(table, column, *root)?;
        }
        self.contract.check(table, date, expiry, strike)?;
        let row = self.numbers.read(table, expiry, strike, right)?;
        out.push(Quoted {
            taken: Taken::Day(date),
            owner,
            spot: Some(table.parse(self.spot, fields::level)?),
            row,
        });
        Ok(())
    }
}
