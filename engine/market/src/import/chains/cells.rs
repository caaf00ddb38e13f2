//! What readers of tables have in common: contracts and the numbers of one side of a quote.

use super::super::error::{FieldError, ImportError, ImportErrorKind};
use super::super::fields;
use super::super::input::Table;
use super::super::layout::Layout;
use crate::calendar::ExchangeCalendar;
use crate::contract::{Right, Root};
use crate::money::Price;
use crate::store::{ChainRow, VendorGreeks};
use crate::time::Date;

/// An error about a column.
pub(super) fn wrong<T>(column: usize, what: String) -> Result<T, FieldError> {
    Err(FieldError { column, what })
}

/// Columns of expiry and strike.
#[derive(Clone, Copy, Debug)]
pub(super) struct Contract {
    pub(super) expiry: usize,
    pub(super) strike: usize,
}

impl Contract {
    /// A strike above zero and an expiry that the calendar knows, not before the day of the quote.
    pub(super) fn check(
        self,
        table: &Table,
        date: Date,
        expiry: Date,
        strike: Price,
    ) -> Result<(), FieldError> {
        if strike <= Price::ZERO {
            return wrong(
                self.strike,
                format!("`{}` is not above zero", table.text(self.strike)?),
            );
        }
        if expiry < date {
            return wrong(self.expiry, format!("{expiry} lies before the quote date {date}"));
        }
        if !ExchangeCalendar::nyse().covers(expiry) {
            return wrong(
                self.expiry,
                format!("{expiry} lies outside the exchange calendar"),
            );
        }
        Ok(())
    }
}

/// Columns of what a quote shows.
#[derive(Clone, Copy, Debug)]
pub(super) enum Sizes {
    /// The source has none.
    None,
    /// Contracts bid for, contracts offered.
    Apart(usize, usize),
    /// Both in one field, `12 x 40`.
    Joined(usize),
}

impl Sizes {
    /// By the names of the columns of bid and ask; both or nothing.
    pub(super) fn find(table: &Table, bid: &[&str], ask: &[&str]) -> Self {
        match (table.column(bid), table.column(ask)) {
            (Some(bid), Some(ask)) => Self::Apart(bid, ask),
            _ => Self::None,
        }
    }

    /// Reads both; an empty field is no size.
    fn read(self, table: &Table) -> Result<(Option<u32>, Option<u32>), FieldError> {
        let one = |text: &str| {
            if text.is_empty() {
                Ok(None)
            } else {
                fields::count(text).map(Some)
            }
        };
        match self {
            Self::None => Ok((None, None)),
            Self::Apart(bid, ask) => Ok((table.parse(bid, one)?, table.parse(ask, one)?)),
            Self::Joined(column) => table.parse(column, |text| match text.split_once('x') {
                Some((bid, ask)) => Ok((one(bid.trim())?, one(ask.trim())?)),
                None if text.is_empty() => Ok((None, None)),
                None => Err(format!("`{text}` is not two sizes such as `12 x 40`")),
            }),
        }
    }
}

/// Columns of one side's numbers; what a source does not have is `None`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Numbers {
    pub(super) bid: usize,
    pub(super) ask: usize,
    pub(super) sizes: Sizes,
    pub(super) last: Option<usize>,
    pub(super) volume: Option<usize>,
    pub(super) open_interest: Option<usize>,
    pub(super) iv: Option<usize>,
    pub(super) delta: Option<usize>,
    pub(super) gamma: Option<usize>,
    /// The source leaves fields empty where it has nothing; otherwise an empty price or count is an error.
    pub(super) blanks: bool,
}

impl Numbers {
    /// Reads a side. A blank bid or ask is a side without a market: zero.
    pub(super) fn read(
        self,
        table: &Table,
        expiry: Date,
        strike: Price,
        right: Right,
    ) -> Result<ChainRow, FieldError> {
        let blank =
            |column: usize| -> Result<bool, FieldError> { Ok(self.blanks && table.text(column)?.is_empty()) };
        let price = |column: usize| {
            if blank(column)? {
                Ok(Price::ZERO)
            } else {
                table.parse(column, fields::price)
            }
        };
        let count = |column: Option<usize>| match column {
            Some(column) if !blank(column)? => table.parse(column, fields::count),
            _ => Ok(0),
        };
        let optional = |column: Option<usize>| match column {
            Some(column) => table.parse(column, fields::optional_float),
            None => Ok(None),
        };
        let mut iv = optional(self.iv)?;
        if let (Some(column), Some(_)) = (self.iv, iv.filter(|iv| *iv < 0.0)) {
            if !self.blanks {
                return wrong(column, format!("`{}` is negative", table.text(column)?));
            }
            // Vendors with blanks write a negative volatility where their solver found none.
            iv = None;
        }
        let last = match self.last {
            Some(column) if !blank(column)? => Some(table.parse(column, fields::price)?),
            _ => None,
        };
        let (bid_size, ask_size) = self.sizes.read(table)?;
        Ok(ChainRow {
            expiry,
            strike,
            right,
            bid: price(self.bid)?,
            ask: price(self.ask)?,
            bid_size,
            ask_size,
            last,
            volume: count(self.volume)?,
            open_interest: count(self.open_interest)?,
            vendor: VendorGreeks {
                iv,
                delta: optional(self.delta)?,
                gamma: optional(self.gamma)?,
            },
        })
    }
}

/// The underlying that a row names is its root's.
pub(super) fn check_underlying(table: &Table, column: usize, root: Root) -> Result<(), FieldError> {
    let underlying = table.text(column)?.trim_start_matches(['^', '$']);
    if underlying == root.underlying() {
        return Ok(());
    }
    let what = format!(
        "`{underlying}` is not the underlying {} of root {}",
        root.underlying(),
        root.symbol()
    );
    wrong(column, what)
}

/// Position of a column that a layout is known by: the header has it, or the error names all that it lacks.
pub(super) fn need(
    table: &Table,
    layout: Layout,
    needs: &'static [&'static [&'static str]],
    name: &str,
) -> Result<usize, ImportError> {
    let names = needs.iter().find(|names| names.first() == Some(&name));
    if let Some(column) = table.column(names.copied().unwrap_or_default()) {
        return Ok(column);
    }
    let missing: Vec<&str> = needs
        .iter()
        .filter(|names| table.column(names).is_none())
        .filter_map(|names| names.first().copied())
        .collect();
    let help = format!(
        "layout {layout} needs {}; the header has: {}; export the file again with them, or name another layout with `--kind`",
        missing
            .iter()
            .map(|m| format!("`{m}`"))
            .collect::<Vec<_>>()
            .join(", "),
        table.header.join(", ")
    );
    Err(table.error(
        ImportErrorKind::MissingColumn,
        format!("has no column `{name}`"),
        help,
    ))
}
