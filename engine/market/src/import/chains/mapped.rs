//! Option quotes of any table, by a mapping file.

use super::super::error::{FieldError, ImportError};
use super::super::fields;
use super::super::input::Table;
use super::super::layout::Layout;
use super::super::mapping::{Bound, Cell, Mapping, Named, ParsedTime, When};
use super::cells::{Contract, wrong};
use super::{Format, Marks, Order, Owner, Quoted, Reader, Taken, Told};
use crate::contract::Right;
use crate::money::Price;
use crate::store::{ChainRow, VendorGreeks};
use crate::time::Date;

pub(super) const FORMAT: Format = Format {
    layout: Layout::MappedChain,
    needs: &[],
    dated_names: false,
    order: Order::Days,
    open: |table, told| Ok(Box::new(Mapped::find(table, told)?)),
};

/// One quote of a row.
struct Side {
    symbol: Bound,
    right: Bound,
    /// Words for a call and for a put, in lower case.
    words: Option<(Vec<String>, Vec<String>)>,
    bid: Cell,
    ask: Cell,
    bid_size: Bound,
    ask_size: Bound,
    last: Bound,
    volume: Bound,
    open_interest: Bound,
    iv: Bound,
    delta: Bound,
    gamma: Bound,
}

struct Mapped {
    when: When,
    root: Bound,
    underlying: Bound,
    expiry: Bound,
    strike: Bound,
    spot: Bound,
    sides: Vec<Side>,
    marks: Marks,
    lacks_interest: bool,
}

impl Side {
    fn find(table: &Table, mapping: &Mapping, over: &Named) -> Result<Self, ImportError> {
        let field = |name: &str| over.get(name).or_else(|| mapping.fields.get(name));
        let bound = |name: &str| -> Result<Bound, ImportError> {
            field(name)
                .map(|f| Cell::bind(table, name, f, mapping.decimal_comma))
                .transpose()
        };
        let lower = |words: &[String]| words.iter().map(|w| w.to_lowercase()).collect();
        Ok(Self {
            symbol: bound("symbol")?,
            right: bound("right")?,
            words: field("right")
                .and_then(|f| f.words.as_ref())
                .map(|(c, p)| (lower(c), lower(p))),
            bid: bound("bid")?.ok_or_else(|| table.unmapped("bid"))?,
            ask: bound("ask")?.ok_or_else(|| table.unmapped("ask"))?,
            bid_size: bound("bid_size")?,
            ask_size: bound("ask_size")?,
            last: bound("last")?,
            volume: bound("volume")?,
            open_interest: bound("open_interest")?,
            iv: bound("iv")?,
            delta: bound("delta")?,
            gamma: bound("gamma")?,
        })
    }

    fn right(&self, table: &Table) -> Result<Option<Right>, FieldError> {
        let Some(cell) = &self.right else { return Ok(None) };
        let right = cell.read(table, |text| match &self.words {
            None => fields::right(text),
            Some((call, put)) => {
                let word = text.to_lowercase();
                match (call.contains(&word), put.contains(&word)) {
                    (true, false) => Ok(Right::Call),
                    (false, true) => Ok(Right::Put),
                    _ => Err(format!(
                        "`{text}` is neither {} nor {}",
                        call.join(", "),
                        put.join(", ")
                    )),
                }
            }
        })?;
        Ok(Some(right))
    }

    fn row(&self, table: &Table, expiry: Date, strike: Price, right: Right) -> Result<ChainRow, FieldError> {
        let number = |cell: &Bound| cell.as_ref().map_or(Ok(None), |c| c.number(table));
        let count = |cell: &Bound| cell.as_ref().map_or(Ok(0), |c| c.count(table));
        let size = |cell: &Bound| match cell {
            Some(cell) if !cell.is_blank(table)? => cell.count(table).map(Some),
            _ => Ok(None),
        };
        let iv = number(&self.iv)?;
        if let (Some(cell), Some(_)) = (&self.iv, iv.filter(|iv| *iv < 0.0)) {
            return wrong(cell.column, format!("`{}` is negative", cell.text(table)?));
        }
        Ok(ChainRow {
            expiry,
            strike,
            right,
            bid: self.bid.optional_price(table)?.unwrap_or_default(),
            ask: self.ask.optional_price(table)?.unwrap_or_default(),
            bid_size: size(&self.bid_size)?,
            ask_size: size(&self.ask_size)?,
            last: match &self.last {
                Some(cell) => cell.optional_price(table)?,
                None => None,
            },
            volume: count(&self.volume)?,
            open_interest: count(&self.open_interest)?,
            vendor: VendorGreeks {
                iv,
                delta: number(&self.delta)?,
                gamma: number(&self.gamma)?,
            },
        })
    }
}

impl Mapped {
    fn find(table: &Table, told: &Told<'_>) -> Result<Self, ImportError> {
        let mapping = told.mapping.ok_or_else(|| table.unmapped("kind"))?;
        let bound = |name: &str| -> Result<Bound, ImportError> {
            let field = mapping.fields.get(name);
            field
                .map(|f| Cell::bind(table, name, f, mapping.decimal_comma))
                .transpose()
        };
        let mut sides = Vec::new();
        for over in &mapping.quotes {
            sides.push(Side::find(table, mapping, over)?);
        }
        if sides.is_empty() {
            sides.push(Side::find(table, mapping, &Named::new())?);
        }
        let (expiry, strike, spot) = (bound("expiry")?, bound("strike")?, bound("spot")?);
        let at = |cell: &Bound| cell.as_ref().map(|c| c.column);
        let symbol = sides.first().and_then(|s| at(&s.symbol));
        let marks = Marks {
            spot: at(&spot).unwrap_or(0),
            expiry: at(&expiry).or(symbol).unwrap_or(0),
            contract: symbol.or_else(|| at(&strike)).unwrap_or(0),
        };
        Ok(Self {
            when: When::bind(table, &mapping.fields, mapping.zone_or(told.time_zone))?,
            root: bound("root")?,
            underlying: bound("underlying")?,
            lacks_interest: sides.iter().any(|s| s.open_interest.is_none()),
            expiry,
            strike,
            spot,
            sides,
            marks,
        })
    }

    fn owner(&self, table: &Table) -> Result<Owner, FieldError> {
        match (&self.root, &self.underlying) {
            (Some(root), _) => Ok(Owner::of_root(root.text(table)?)),
            (None, Some(underlying)) => Ok(Owner::of_underlying(underlying.text(table)?)),
            (None, None) => wrong(self.marks.contract, "nothing says the root".to_owned()),
        }
    }
}

impl Reader for Mapped {
    fn marks(&self) -> Marks {
        self.marks
    }

    fn notes(&self) -> Vec<&'static str> {
        let lacks = "the mapped table has no open interest: zero stands in its place";
        self.lacks_interest.then_some(lacks).into_iter().collect()
    }

    fn read(&mut self, table: &Table, out: &mut Vec<Quoted>) -> Result<(), FieldError> {
        let (taken, date) = match self.when.read(table)? {
            ParsedTime::Day(date) => (Taken::Day(date), date),
            ParsedTime::At(at) => (Taken::At(at), at.date()),
        };
        let spot = match &self.spot {
            Some(cell) => cell.optional_price(table)?.filter(|p| *p > Price::ZERO),
            None => None,
        };
        for side in &self.sides {
            if self.sides.len() > 1 && side.bid.is_blank(table)? && side.ask.is_blank(table)? {
                continue;
            }
            let contract = Contract {
                expiry: self.marks.expiry,
                strike: self.strike.as_ref().map_or(self.marks.contract, |c| c.column),
            };
            let missing = |what: &str| FieldError {
                column: self.marks.contract,
                what: format!("nothing says the {what}"),
            };
            let (owner, expiry, strike, right) = match &side.symbol {
                Some(cell) => {
                    let column = cell.column;
                    let symbol =
                        fields::symbol(cell.text(table)?).map_err(|what| FieldError { column, what })?;
                    (
                        Owner::of_root(symbol.root),
                        symbol.expiry,
                        symbol.strike,
                        symbol.right,
                    )
                }
                None => (
                    self.owner(table)?,
                    self.expiry
                        .as_ref()
                        .ok_or_else(|| missing("expiry"))?
                        .date(table)?,
                    self.strike
                        .as_ref()
                        .ok_or_else(|| missing("strike"))?
                        .price(table)?,
                    side.right(table)?.ok_or_else(|| missing("right"))?,
                ),
            };
            contract.check(table, date, expiry, strike)?;
            let row = side.row(table, expiry, strike, right)?;
            out.push(Quoted {
                taken,
                owner,
                spot,
                row,
            });
        }
        Ok(())
    }
}
