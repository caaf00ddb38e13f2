//! ORATS strikes: one row a strike, call and put side by side, as the near-end-of-day files (`cBidPx`, …) and as the
//! data service (`callBidPrice`, …) name them. Delta is the call's; the put's is one less. Bid and ask are quotes; the
//! smoothed values (`cValue`, `smvVol`) are a model's and are not read.

use super::super::error::{FieldError, ImportError};
use super::super::fields;
use super::super::input::Table;
use super::super::layout::Layout;
use super::cells::{Contract, Numbers, Sizes, need, wrong};
use super::{Format, Marks, Order, Owner, Quoted, Reader, Taken};
use crate::calendar::ExchangeCalendar;
use crate::contract::{Right, Root, Settlement};
use crate::time::{Date, Instant};

const NEEDS: &[&[&str]] = &[
    &["ticker"],
    &["trade_date", "tradedate"],
    &["expirdate"],
    &["strike"],
    &["cbidpx", "callbidprice"],
    &["caskpx", "callaskprice"],
    &["pbidpx", "putbidprice"],
    &["paskpx", "putaskprice"],
];

pub(super) const FORMAT: Format = Format {
    layout: Layout::Orats,
    needs: NEEDS,
    dated_names: true,
    order: Order::Days,
    open: |table, _| Ok(Box::new(Orats::find(table)?)),
};

struct Orats {
    ticker: usize,
    date: usize,
    /// Eastern hours and minutes, `0931`.
    minute: Option<usize>,
    /// `am` or `pm`.
    settles: Option<usize>,
    spot: Option<usize>,
    contract: Contract,
    call: Side,
    put: Side,
}

#[derive(Clone, Copy)]
struct Side {
    right: Right,
    symbol: Option<usize>,
    numbers: Numbers,
}

impl Orats {
    fn find(table: &Table) -> Result<Self, ImportError> {
        let need = |name| need(table, Layout::Orats, NEEDS, name);
        let call = Numbers {
            bid: need("cbidpx")?,
            ask: need("caskpx")?,
            sizes: Sizes::find(
                table,
                &["cbidsz", "cbidsize", "callbidsize"],
                &["casksz", "casksize", "callasksize"],
            ),
            last: None,
            volume: table.column(&["cvolu", "callvolume"]),
            open_interest: table.column(&["coi", "callopeninterest"]),
            iv: table.column(&["cmidiv", "callmidiv"]),
            delta: table.column(&["delta"]),
            gamma: table.column(&["gamma"]),
            blanks: true,
        };
        let put = Numbers {
            bid: need("pbidpx")?,
            ask: need("paskpx")?,
            sizes: Sizes::find(
                table,
                &["pbidsz", "pbidsize", "putbidsize"],
                &["pasksz", "pasksize", "putasksize"],
            ),
            volume: table.column(&["pvolu", "putvolume"]),
            open_interest: table.column(&["poi", "putopeninterest"]),
            iv: table.column(&["pmidiv", "putmidiv"]),
            ..call
        };
        Ok(Self {
            ticker: need("ticker")?,
            date: need("trade_date")?,
            minute: table.column(&["snapshotesttime"]),
            settles: table.column(&["expirytod"]),
            // The stock price of an index is the price that the solver used, which may be a forward.
            spot: table.column(&["spot_px", "spotpx", "spotprice", "stkpx", "stockprice"]),
            contract: Contract {
                expiry: need("expirdate")?,
                strike: need("strike")?,
            },
            call: Side {
                right: Right::Call,
                symbol: table.column(&["copra"]),
                numbers: call,
            },
            put: Side {
                right: Right::Put,
                symbol: table.column(&["popra"]),
                numbers: put,
            },
        })
    }

    fn taken(&self, table: &Table) -> Result<Instant, FieldError> {
        let date = table.parse(self.date, fields::date)?;
        match self.minute {
            Some(column) => table.parse(column, |t| minute(date, t)),
            None => table.parse(self.date, |_| {
                near_close(date).ok_or_else(|| format!("{date} lies outside the exchange calendar"))
            }),
        }
    }

    /// The root: from the contract's symbol, else from when the expiry settles, else not said.
    fn owner(&self, table: &Table, side: Side, expiry: Date) -> Result<Owner, FieldError> {
        if let Some(column) = side.symbol
            && !table.text(column)?.is_empty()
        {
            let text = table.text(column)?;
            let symbol = fields::symbol(text).map_err(|what| FieldError { column, what })?;
            if symbol.expiry != expiry || symbol.right != side.right {
                let what = format!("`{text}` is not a contract of this row");
                return wrong(column, what);
            }
            return Ok(Owner::of_root(symbol.root));
        }
        let owner = Owner::of_underlying(table.text(self.ticker)?);
        let (Owner::Underlying(underlying), Some(column)) = (&owner, self.settles) else {
            return Ok(owner);
        };
        let settles = match table.text(column)?.to_ascii_lowercase().as_str() {
            "am" => Settlement::Am,
            "pm" => Settlement::Pm,
            "" => return Ok(owner),
            other => return wrong(column, format!("`{other}` is neither `am` nor `pm`")),
        };
        let mut roots = Root::ALL
            .into_iter()
            .filter(|r| r.underlying() == *underlying && r.settlement() == settles);
        Ok(match (roots.next(), roots.next()) {
            (Some(root), None) => Owner::Root(root),
            _ => owner,
        })
    }
}

/// `931`, `0931`, `1600`: hours and minutes, Eastern.
fn minute(date: Date, text: &str) -> Result<Instant, String> {
    let clock = text.parse::<u32>().ok().filter(|_| text.len() <= 4);
    clock
        .and_then(|hhmm| Instant::from_eastern(date, hhmm / 100, hhmm % 100))
        .ok_or_else(|| format!("`{text}` is not a time such as 0931"))
}

/// 15:46, fourteen minutes before the close; three hours earlier on half days.
fn near_close(date: Date) -> Option<Instant> {
    let hour = if ExchangeCalendar::nyse().is_early_close(date) {
        12
    } else {
        15
    };
    Instant::from_eastern(date, hour, 46)
}

impl Reader for Orats {
    fn marks(&self) -> Marks {
        Marks {
            spot: self.spot.unwrap_or(self.ticker),
            expiry: self.contract.expiry,
            contract: self.contract.strike,
        }
    }

    fn read(&mut self, table: &Table, out: &mut Vec<Quoted>) -> Result<(), FieldError> {
        let taken = self.taken(table)?;
        let expiry = table.parse(self.contract.expiry, fields::date)?;
        let strike = table.parse(self.contract.strike, fields::price)?;
        self.contract.check(table, taken.date(), expiry, strike)?;
        let spot = match self.spot {
            Some(column) => table.parse(column, fields::optional_level)?,
            None => None,
        };
        for side in [self.put, self.call] {
            let mut row = side.numbers.read(table, expiry, strike, side.right)?;
            if side.right == Right::Put {
                row.vendor.delta = row.vendor.delta.map(|d| d - 1.0);
            }
            out.push(Quoted {
                taken: Taken::At(taken),
                owner: self.owner(table, side, expiry)?,
                spot,
                row,
            });
        }
        Ok(())
    }

    fn notes(&self) -> Vec<&'static str> {
        if self.minute.is_some() {
            return Vec::new();
        }
        vec![
            "ORATS files without a time of day are the near-end-of-day ones: 15:46 ET is assumed, 12:46 on half days",
        ]
    }
}
