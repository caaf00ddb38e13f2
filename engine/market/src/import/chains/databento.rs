//! Databento's DBN files, as `import/dbn.rs` shows them.

use super::super::error::{FieldError, ImportError};
use super::super::fields;
use super::super::input::Table;
use super::super::layout::Layout;
use super::cells::{Contract, need};
use super::{Format, Marks, Order, Owner, Quoted, Reader, Taken, Told};
use crate::money::Price;
use crate::store::{ChainRow, VendorGreeks};
use crate::time::Instant;

const NEEDS: &[&[&str]] = &[
    &["dbn_time"],
    &["raw_symbol"],
    &["bid_px"],
    &["ask_px"],
    &["bid_sz"],
    &["ask_sz"],
];

pub(super) const FORMAT: Format = Format {
    layout: Layout::Databento,
    needs: NEEDS,
    dated_names: false,
    order: Order::Days,
    open: |table, told| Ok(Box::new(Databento::find(table, told)?)),
};

struct Databento {
    at: usize,
    symbol: usize,
    bid: usize,
    ask: usize,
    /// Contracts bid for, contracts offered.
    sizes: (usize, usize),
    /// Seconds between the snapshots that are kept, from midnight on; all of them when absent.
    every: Option<i64>,
}

impl Databento {
    fn find(table: &Table, told: &Told<'_>) -> Result<Self, ImportError> {
        let need = |name| need(table, Layout::Databento, NEEDS, name);
        Ok(Self {
            at: need("dbn_time")?,
            symbol: need("raw_symbol")?,
            bid: need("bid_px")?,
            ask: need("ask_px")?,
            sizes: (need("bid_sz")?, need("ask_sz")?),
            every: told
                .every
                .map(|minutes| i64::from(minutes) * 60)
                .filter(|s| *s > 0),
        })
    }
}

impl Reader for Databento {
    fn marks(&self) -> Marks {
        Marks {
            spot: self.symbol,
            expiry: self.symbol,
            contract: self.symbol,
        }
    }

    fn notes(&self) -> Vec<&'static str> {
        vec![
            "DBN quotes stand until the next record of their contract within the day; volume and open interest are not in them: zero stands in their place",
        ]
    }

    fn read(&mut self, table: &Table, out: &mut Vec<Quoted>) -> Result<(), FieldError> {
        let at = Instant(table.parse(self.at, fields::seconds)?);
        // Whole hours part Eastern time from UTC: multiples of a divisor of an hour are the same in both.
        if self.every.is_some_and(|every| at.0 % every != 0) {
            return Ok(());
        }
        let column = self.symbol;
        let symbol = fields::symbol(table.text(column)?).map_err(|what| FieldError { column, what })?;
        let contract = Contract {
            expiry: column,
            strike: column,
        };
        contract.check(table, at.date(), symbol.expiry, symbol.strike)?;
        // No price on a side is no market there.
        let price = |column: usize| {
            table.parse(column, |t| {
                if t.is_empty() {
                    Ok(Price::ZERO)
                } else {
                    fields::price(t)
                }
            })
        };
        let size = |column: usize| {
            table.parse(column, |t| {
                if t.is_empty() {
                    Ok(None)
                } else {
                    fields::count(t).map(Some)
                }
            })
        };
        out.push(Quoted {
            taken: Taken::At(at),
            owner: Owner::of_root(symbol.root),
            spot: None,
            row: ChainRow {
                expiry: symbol.expiry,
                strike: symbol.strike,
                right: symbol.right,
                bid: price(self.bid)?,
                ask: price(self.ask)?,
                bid_size: size(self.sizes.0)?,
                ask_size: size(self.sizes.1)?,
                last: None,
                volume: 0,
                open_interest: 0,
                vendor: VendorGreeks::default(),
            },
        });
        Ok(())
    }
}
