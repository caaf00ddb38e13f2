//! Daily settlements of futures by contract: Cboe's historical files, one a contract, and any table with a symbol a row.
//!
//! Each price becomes a value of its contract's series (`VX.2024-02-14`) and, for monthlys and quarterlys, of the place that
//! the contract had on the curve of that session (`VX2`), which is what rules read.

use super::Job;
use super::error::{FieldError, ImportError, ImportErrorKind};
use super::fields;
use super::input::Table;
use super::layout::Layout;
use super::series::put_close;
use crate::calendar::ExchangeCalendar;
use crate::contract::{FutureContract, FutureRoot};
use crate::curve::{FutureSeries, MONTHS_MAX, places};
use crate::time::Date;
use chrono::NaiveDate;

/// Names of the column of the session.
const DATE: [&str; 3] = ["trade date", "trade_date", "date"];
/// Names of the column of the symbol.
pub(super) const SYMBOL: [&str; 3] = ["symbol", "contract", "future"];
/// Names of the column of the settlement price.
pub(super) const SETTLE: [&str; 4] = ["settle", "settlement", "settlement_price", "settlement price"];

/// Last session on which VX was quoted at ten times the index, and a price that tells the two apart: VIX futures have
/// never been as dear as 100, nor in those years as cheap as 10 times a hundredth of it.
const TENFOLD_UNTIL: (i32, u32, u32) = (2007, 3, 23);
const TENFOLD_FROM: f64 = 90.0;

/// Whose prices a table holds.
enum Names {
    /// A symbol a row.
    Symbols(usize),
    /// One contract, which the file's name says.
    One(FutureContract),
    /// One class, with the month in a column: `K (May 2013)`.
    Months(FutureRoot, usize),
}

struct Futures {
    date: usize,
    settle: usize,
    names: Names,
    /// Rows of classes that the engine does not know.
    foreign: u64,
    /// Rows of a contract's own settlement day, whose price is the final value.
    last_day: u64,
}

impl Futures {
    fn find(table: &Table, layout: Layout) -> Result<Self, ImportError> {
        let names = if layout == Layout::CfeFutures {
            Self::of_file(table)?
        } else {
            Names::Symbols(table.require(&SYMBOL)?)
        };
        Ok(Self {
            date: table.require(&DATE)?,
            settle: table.require(&SETTLE)?,
            names,
            foreign: 0,
            last_day: 0,
        })
    }

    /// The exchange names its files `VX_2024-02-14.csv`, and in its archive `CFE_K13_VX.csv`.
    fn of_file(table: &Table) -> Result<Names, ImportError> {
        let stem = table.name.split('.').next().unwrap_or_default();
        let mut words = stem.split(['_', '+', ' ']);
        let root = words.clone().find_map(FutureRoot::parse).ok_or_else(|| {
            table.error(
                ImportErrorKind::Ambiguous,
                "neither the file nor its name says which class its futures are of",
                "name the file as the exchange does, such as `VX_2024-02-14.csv`",
            )
        })?;
        let Some(expiry) = words.find_map(|w| w.parse::<Date>().ok()) else {
            return Ok(Names::Months(root, table.require(&["futures"])?));
        };
        let contract = FutureContract { root, expiry };
        if exists(&contract) {
            return Ok(Names::One(contract));
        }
        let what = format!(
            "its name says {root} of {expiry}, and no such contract settled on that day",
            root = root.symbol()
        );
        let help = "name the file as the exchange does: by the day of final settlement";
        Err(table.error(ImportErrorKind::BadRow, what, help))
    }

    /// A row's contract, session and price; nothing where it has none that counts.
    fn read(&mut self, table: &Table) -> Result<Option<(FutureContract, Date, f64)>, FieldError> {
        let date = table.parse(self.date, fields::date)?;
        let contract = match self.names {
            Names::One(contract) => contract,
            Names::Months(root, column) => table.parse(column, |text| month(root, text))?,
            Names::Symbols(column) => {
                let text = table.text(column)?;
                if !is_known(text) {
                    self.foreign += 1;
                    return Ok(None);
                }
                table.parse(column, |text| {
                    FutureContract::parse(text, date).map_err(|e| format!("`{text}`: {}", e.why))
                })?
            }
        };
        let price = table.parse(self.settle, |text| {
            let price = fields::optional_float(text)?;
            if price.is_some_and(|p| p < 0.0) {
                return Err(format!("`{text}` is negative"));
            }
            // A session without a settlement is written as zero.
            Ok(price.filter(|p| *p > 0.0))
        })?;
        let Some(price) = price else { return Ok(None) };
        if date > contract.expiry {
            let what = format!("{date} lies after the settlement of {contract}");
            let column = self.date;
            return Err(FieldError { column, what });
        }
        if date == contract.expiry {
            self.last_day += 1;
            return Ok(None);
        }
        let (y, m, d) = TENFOLD_UNTIL;
        let tenfold = NaiveDate::from_ymd_opt(y, m, d).is_some_and(|until| date <= until);
        if contract.root == FutureRoot::Vx && tenfold && price >= TENFOLD_FROM {
            let what = format!(
                "{price} is ten times the index: so VX was quoted until {y}-{m:02}-{d}; divide by ten"
            );
            let column = self.settle;
            return Err(FieldError { column, what });
        }
        Ok(Some((contract, date, price)))
    }
}

/// Whether a symbol begins with a class that the engine knows, followed by a month.
fn is_known(text: &str) -> bool {
    let plain = text.trim().trim_start_matches('/');
    let plain = plain.trim_start_matches(|c: char| c.is_ascii_digit());
    let letters = plain
        .find(|c: char| !c.is_ascii_uppercase())
        .unwrap_or(plain.len());
    let class = plain.get(..letters).unwrap_or_default();
    // The month's letter may stand right behind the class.
    let but_last = class.get(..class.len().saturating_sub(1)).unwrap_or_default();
    [class, but_last]
        .into_iter()
        .any(|c| FutureRoot::parse(c).is_some())
}

/// Whether a contract of that class ever settled on that day.
fn exists(contract: &FutureContract) -> bool {
    contract.week().is_some() || {
        use chrono::Datelike as _;
        let expiry = contract.expiry;
        contract.root.monthly_expiry(expiry.year(), expiry.month()) == Some(expiry)
    }
}

/// `K (May 2013)` or `K (May 13)`: the letter and the month must agree.
fn month(root: FutureRoot, text: &str) -> Result<FutureContract, String> {
    let parsed = || {
        let (letter, rest) = text.split_once('(')?;
        let inside = rest.trim_end().strip_suffix(')')?;
        let (name, year) = inside.trim().split_once(' ')?;
        let year = match year.len() {
            2 => format!("20{year}"),
            _ => year.to_owned(),
        };
        let first = NaiveDate::parse_from_str(&format!("1 {name} {year}"), "%d %b %Y").ok()?;
        use chrono::Datelike as _;
        let contract = FutureContract::monthly(root, first.year(), first.month())?;
        let code = format!("{}{}{:02}", root.symbol(), letter.trim(), first.year() % 100);
        (contract.code() == code).then_some(contract)
    };
    parsed().ok_or_else(|| format!("`{text}` is not a month such as `K (May 2013)`"))
}

/// Reads one file.
pub(super) fn import(job: &mut Job<'_>, mut table: Table, layout: Layout) -> Result<(), ImportError> {
    let mut futures = Futures::find(&table, layout)?;
    let (mut rows, mut taken) = (0u64, 0u64);
    while table.advance()? {
        rows += 1;
        match futures.read(&table) {
            Ok(Some((contract, date, price))) => {
                taken += 1;
                put(job, &table.name, contract, date, price)?;
            }
            Ok(None) => {}
            Err(error) => job.bad_row(table.bad(error))?,
        }
    }
    let Futures {
        foreign, last_day, ..
    } = futures;
    if taken == 0 {
        let known = FutureRoot::ALL.map(FutureRoot::symbol).join(", ");
        let what = if rows == 0 {
            "has a header but no rows".to_owned()
        } else {
            format!("has no settlement price of {known}")
        };
        let help = "export the file again, or leave it out";
        return Err(table.error(ImportErrorKind::Empty, what, help));
    }
    if foreign > 0 {
        job.assume(format!(
            "{}: {foreign} rows of other futures were left out",
            table.name
        ));
    }
    if last_day > 0 {
        job.assume_once(
            "prices of futures on their own settlement day were left out: final settlements come from VRO and SET",
        );
    }
    job.finish_table(table, layout, rows)
}

fn put(
    job: &mut Job<'_>,
    file: &str,
    contract: FutureContract,
    date: Date,
    price: f64,
) -> Result<(), ImportError> {
    let id = FutureSeries::Contract(contract).to_string();
    put_close(job, file, &id, date, price)?;
    if !ExchangeCalendar::nyse().is_session(date) {
        // Counted once, for the contract.
        return Ok(());
    }
    let mut curve = places(contract.root, date).take(MONTHS_MAX);
    if let Some(place) = curve.position(|expiry| expiry == contract.expiry) {
        let id = FutureSeries::Place(contract.root, place + 1).to_string();
        put_close(job, file, &id, date, price)?;
    }
    Ok(())
}
