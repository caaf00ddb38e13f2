//! OptionsDX: one row a strike with its call (`C_`) and put (`P_`), bracketed names. The file names neither root nor
//! underlying: the underlying is in its name (`spx_eod_202301.txt`) or stated, and so are the roots.
//!
//! The vendor has dated AM series by their last trading day (the SPX weekly of Friday 2010-01-08 stands under
//! 2010-01-07), so the session before a monthly expiry is as ambiguous as the monthly expiry itself.

use super::super::error::{FieldError, ImportError, ImportErrorKind};
use super::super::fields;
use super::super::input::Table;
use super::super::layout::Layout;
use super::cells::{Contract, Numbers, Sizes, need, wrong};
use super::{Format, Marks, Order, Owner, Quoted, Reader, Taken, Told};
use crate::contract::{Right, Root};
use crate::time::Instant;

const NEEDS: &[&[&str]] = &[
    &["quote_readtime"],
    &["underlying_last"],
    &["expire_date"],
    &["strike"],
    &["c_bid"],
    &["c_ask"],
    &["p_bid"],
    &["p_ask"],
];

pub(super) const FORMAT: Format = Format {
    layout: Layout::OptionsDx,
    needs: NEEDS,
    dated_names: false,
    order: Order::Days,
    open: |table, told| Ok(Box::new(OptionsDx::find(table, told)?)),
};

struct OptionsDx {
    underlying: &'static str,
    /// Eastern wall-clock time of the quotes, minutes.
    read_at: usize,
    /// The same instant in seconds since 1970.
    unix: Option<usize>,
    /// Zone of the wall-clock time when there is nothing to check it against.
    zone: chrono_tz::Tz,
    spot: usize,
    contract: Contract,
    calls: Numbers,
    puts: Numbers,
}

impl OptionsDx {
    fn find(table: &Table, told: &Told<'_>) -> Result<Self, ImportError> {
        let need = |name: &str| need(table, Layout::OptionsDx, NEEDS, name);
        let side = |letter: char| -> Result<Numbers, ImportError> {
            let column = |name: &str| table.column(&[format!("{letter}_{name}").as_str()]);
            Ok(Numbers {
                bid: need(&format!("{letter}_bid"))?,
                ask: need(&format!("{letter}_ask"))?,
                sizes: column("size").map_or(Sizes::None, Sizes::Joined),
                last: column("last"),
                volume: column("volume"),
                open_interest: None,
                iv: column("iv"),
                delta: column("delta"),
                gamma: column("gamma"),
                blanks: true,
            })
        };
        let unix = table.column(&["quote_unixtime"]);
        let zone = match (unix, told.time_zone) {
            (_, Some(zone)) => zone,
            (Some(_), None) => chrono_tz::America::New_York,
            (None, None) => return Err(table.no_time_zone("quote_readtime")),
        };
        Ok(Self {
            underlying: underlying(table, told)?,
            read_at: need("quote_readtime")?,
            unix,
            zone,
            spot: need("underlying_last")?,
            contract: Contract {
                expiry: need("expire_date")?,
                strike: need("strike")?,
            },
            calls: side('c')?,
            puts: side('p')?,
        })
    }

    /// Seconds since 1970 where the file has them; the wall-clock minute must be the same one.
    fn taken(&self, table: &Table) -> Result<Instant, FieldError> {
        let read_at = table.parse(self.read_at, |t| fields::instant_in(t, self.zone))?;
        let Some(column) = self.unix else {
            return Ok(read_at);
        };
        let unix = Instant(table.parse(column, fields::seconds)?);
        if (unix.0 - read_at.0).abs() < 60 {
            return Ok(unix);
        }
        let what = format!(
            "`{}` is {unix}, which `{}` ({}) is not",
            table.text(column)?,
            table.text(self.read_at)?,
            self.zone
        );
        wrong(column, what)
    }
}

/// The underlying: what the stated roots belong to, else what the file's name begins with.
fn underlying(table: &Table, told: &Told<'_>) -> Result<&'static str, ImportError> {
    let stem = table.name.split(['_', '.', '-', ' ']).next().unwrap_or_default();
    let named = match Owner::of_underlying(&stem.to_uppercase()) {
        Owner::Underlying(underlying) => Some(underlying),
        _ => None,
    };
    let stated = told.roots.and_then(super::RootRule::underlying);
    named.or(stated).ok_or_else(|| {
        let known: Vec<&str> = Root::ALL.map(Root::underlying).to_vec();
        table.error(
            ImportErrorKind::Ambiguous,
            "neither the file nor its name says whose options these are",
            format!(
                "state the root (`--root SPXW`), or begin the name with the underlying as the vendor does (`spx_eod_202301.txt`): one of {}",
                known.join(", ")
            ),
        )
    })
}

impl Reader for OptionsDx {
    fn marks(&self) -> Marks {
        Marks {
            spot: self.spot,
            expiry: self.contract.expiry,
            contract: self.contract.strike,
        }
    }

    fn read(&mut self, table: &Table, out: &mut Vec<Quoted>) -> Result<(), FieldError> {
        let taken = self.taken(table)?;
        let expiry = table.parse(self.contract.expiry, fields::date)?;
        let strike = table.parse(self.contract.strike, fields::price)?;
        self.contract.check(table, taken.date(), expiry, strike)?;
        let spot = table.parse(self.spot, fields::optional_level)?;
        for (right, numbers) in [(Right::Put, self.puts), (Right::Call, self.calls)] {
            let row = numbers.read(table, expiry, strike, right)?;
            out.push(Quoted {
                taken: Taken::At(taken),
                owner: Owner::ByLastDay(self.underlying),
                spot,
                row,
            });
        }
        Ok(())
    }

    fn notes(&self) -> Vec<&'static str> {
        vec!["OptionsDX files have no open interest: stored as 0"]
    }
}
