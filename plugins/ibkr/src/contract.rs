//! Our instruments and the broker's contracts, both ways.
//!
//! The broker names an option by underlying, trading class, *last trading day*, right and strike. The last trading day of
//! what settles in the morning is a day before its expiry (SPX on a Thursday, VIX on a Tuesday), and it has been seen a day
//! off in other time zones. What names a contract without doubt is its OCC symbol (`SPX   260116P05800000`), which comes as
//! the local symbol, and the real expiration date of the contract's details. A contract is ours when one of these says so.

use crate::amount;
use crate::model::{Instrument, Kind, Listing, NANO, Name, Right, Word};
use ibapi::contracts::{Contract, ContractDetails, OptionChain, OptionRight, SecurityType};

/// What is known of a class of contracts at this broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Class {
    /// Our name: `SPXW`.
    pub trading_class: &'static str,
    /// Underlying as we call it.
    pub underlying: &'static str,
    /// Symbol at the broker, which for futures is not the underlying.
    pub symbol: &'static str,
    /// Kind.
    pub kind: Kind,
    /// Where orders go.
    pub exchange: &'static str,
    /// Dollars for one point.
    pub multiplier: i64,
    /// It settles in the morning: its last trading day is before its expiry.
    pub morning: bool,
}

const fn option(trading_class: &'static str, underlying: &'static str, morning: bool) -> Class {
    Class {
        trading_class,
        underlying,
        symbol: underlying,
        kind: Kind::Option,
        exchange: "SMART",
        multiplier: 100,
        morning,
    }
}

/// The classes of this plugin. Options go to SMART, because only there a package is guaranteed to trade whole.
pub const CLASSES: [Class; 9] = [
    option("SPX", "SPX", true),
    option("SPXW", "SPX", false),
    option("XSP", "XSP", false),
    option("VIX", "VIX", true),
    option("VIXW", "VIX", true),
    future("VX", "VIX", "VIX", "CFE", 1_000),
    future("VXM", "VIX", "VXM", "CFE", 100),
    future("ES", "SPX", "ES", "CME", 50),
    future("MES", "SPX", "MES", "CME", 5),
];

/// Indices that are quoted, all of them by the exchange that computes them.
pub const INDICES: [&str; 9] = [
    "SPX", "XSP", "VIX", "VIX9D", "VIX3M", "VIX6M", "VIX1Y", "VVIX", "SKEW",
];
/// Where they come from.
const INDEX_EXCHANGE: &str = "CBOE";

/// An index by its symbol.
#[must_use]
pub fn index(symbol: &Word) -> Option<Instrument> {
    let known = INDICES.contains(&symbol.as_str());
    known.then_some(Instrument {
        kind: Kind::Index,
        symbol: *symbol,
        class: *symbol,
        currency: Word::new("USD")?,
        expiry: 0,
        right: None,
        strike_e9: 0,
        multiplier_e9: NANO,
    })
}

const fn future(
    trading_class: &'static str,
    underlying: &'static str,
    symbol: &'static str,
    exchange: &'static str,
    multiplier: i64,
) -> Class {
    Class {
        trading_class,
        underlying,
        symbol,
        kind: Kind::Future,
        exchange,
        multiplier,
        morning: false,
    }
}

/// A contract that the broker has confirmed, ready to be put into orders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// What it is.
    pub instrument: Instrument,
    /// The broker's number.
    pub con_id: i32,
    /// Symbol at the broker.
    pub symbol: String,
    /// Where orders go.
    pub exchange: String,
}

impl Resolved {
    /// The contract for an order or for quotes. The number says it all: the broker refuses an order (478) whose other words
    /// differ from what it has under the number, so there are none but those it needs.
    #[must_use]
    pub fn contract(&self) -> Contract {
        Contract {
            contract_id: self.con_id,
            symbol: self.symbol.as_str().into(),
            security_type: security_type(self.instrument.kind),
            exchange: self.exchange.as_str().into(),
            currency: self.instrument.currency.as_str().into(),
            ..Contract::default()
        }
    }
}

fn security_type(kind: Kind) -> SecurityType {
    match kind {
        Kind::Option => SecurityType::Option,
        Kind::Future => SecurityType::Future,
        Kind::Share => SecurityType::Stock,
        Kind::Index => SecurityType::Index,
    }
}

/// The class of an instrument, when all that it says of itself agrees with it. Shares have none.
///
/// # Errors
/// One line that names what is unknown or does not agree.
pub fn class_of(instrument: &Instrument) -> Result<Option<&'static Class>, String> {
    let wrong = |what: &str| Err(format!("`{}`: {what}", Name(instrument)));
    if instrument.currency.as_str() != "USD" {
        return wrong("not in dollars");
    }
    if instrument.kind == Kind::Share {
        let plain = instrument.expiry == 0 && instrument.right.is_none() && instrument.multiplier_e9 == NANO;
        return if plain {
            Ok(None)
        } else {
            wrong("a share has no expiry, right or multiplier")
        };
    }
    if instrument.kind == Kind::Index {
        return if index(&instrument.class) == Some(*instrument) {
            Ok(None)
        } else {
            wrong("no index of that name is known here")
        };
    }
    let named = |c: &&Class| c.kind == instrument.kind && c.trading_class == instrument.class.as_str();
    let Some(class) = CLASSES.iter().find(named) else {
        return wrong(&format!("no trading class `{}` is known here", instrument.class));
    };
    if instrument.symbol.as_str() != class.underlying {
        return wrong(&format!(
            "the underlying of {} is {}, not `{}`",
            class.trading_class, class.underlying, instrument.symbol
        ));
    }
    if instrument.multiplier_e9 != class.multiplier * NANO {
        return wrong(&format!(
            "the multiplier of {} is {}",
            class.trading_class, class.multiplier
        ));
    }
    if !(19_000_101..=29_991_231).contains(&instrument.expiry) {
        return wrong("the expiry is no date");
    }
    match (class.kind, instrument.right, instrument.strike_e9) {
        (Kind::Option, Some(_), 1..) | (Kind::Future, None, 0) => Ok(Some(class)),
        (Kind::Option, ..) => wrong("an option has a right and a strike"),
        _ => wrong("a future has no right and no strike"),
    }
}

/// What to ask the broker for, one after the other until an answer has the instrument.
///
/// # Errors
/// As [`class_of`].
pub fn queries(instrument: &Instrument) -> Result<Vec<Contract>, String> {
    let Some(class) = class_of(instrument)? else {
        if instrument.kind == Kind::Index {
            return Ok(vec![Contract {
                symbol: instrument.symbol.as_str().into(),
                security_type: SecurityType::Index,
                exchange: INDEX_EXCHANGE.into(),
                currency: "USD".into(),
                ..Contract::default()
            }]);
        }
        return Ok(vec![Contract {
            symbol: instrument.symbol.as_str().into(),
            security_type: SecurityType::Stock,
            exchange: "SMART".into(),
            currency: "USD".into(),
            ..Contract::default()
        }]);
    };
    let base = Contract {
        symbol: class.symbol.into(),
        security_type: security_type(class.kind),
        exchange: class.exchange.into(),
        currency: "USD".into(),
        trading_class: if class.kind == Kind::Option {
            class.trading_class.into()
        } else {
            String::new()
        },
        strike: amount::to_f64(instrument.strike_e9),
        right: instrument.right.map(|r| match r {
            Right::Put => OptionRight::Put,
            Right::Call => OptionRight::Call,
        }),
        ..Contract::default()
    };
    let with = |when: String| Contract {
        last_trade_date_or_contract_month: when,
        ..base.clone()
    };
    let month = instrument.expiry / 100;
    let mut asked = Vec::new();
    if !class.morning {
        asked.push(with(instrument.expiry.to_string()));
    }
    asked.push(with(month.to_string()));
    // The last trading day of an expiry on the first of a month is in the month before.
    if class.morning && instrument.expiry % 100 <= 4 {
        let before = if month % 100 == 1 { month - 89 } else { month - 1 };
        asked.push(with(before.to_string()));
    }
    Ok(asked)
}

/// Why a contract of the broker is no instrument of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unidentified {
    /// A kind or class that this plugin does not trade.
    Foreign(String),
    /// Its expiry cannot be told from it: its details have to be asked for.
    NeedsDetails,
    /// It contradicts itself.
    Wrong(String),
}

/// The instrument that a contract of the broker is. `real_expiration` is that of its details, where they are known.
///
/// # Errors
/// [`Unidentified`].
pub fn identify(contract: &Contract, real_expiration: Option<&str>) -> Result<Instrument, Unidentified> {
    let symbol = contract.symbol.to_string();
    let what = || {
        format!(
            "{} {symbol} {}",
            contract.security_type.as_str(),
            contract.local_symbol
        )
    };
    let foreign = || Unidentified::Foreign(what().trim_end().to_owned());
    let wrong =
        |why: &str| Unidentified::Wrong(format!("contract {} ({}): {why}", contract.contract_id, what()));
    if contract.currency != "USD" {
        return Err(foreign());
    }
    let real = real_expiration.and_then(date);
    let last = contract
        .last_trade_date
        .map(|d| d.to_string().replace('-', ""))
        .as_deref()
        .and_then(date)
        .or_else(|| date(&contract.last_trade_date_or_contract_month));
    let multiplier = contract
        .multiplier
        .trim()
        .parse::<f64>()
        .ok()
        .and_then(amount::whole);
    match contract.security_type {
        SecurityType::Index => {
            let own = Word::new(&symbol).ok_or_else(foreign)?;
            index(&own).ok_or_else(foreign)
        }
        SecurityType::Stock => {
            // A share of two words is none of those that are traded here.
            let (own, dollars) = (
                Word::new(&symbol).ok_or_else(foreign)?,
                Word::new("USD").ok_or_else(foreign)?,
            );
            Ok(Instrument {
                kind: Kind::Share,
                symbol: own,
                class: own,
                currency: dollars,
                expiry: 0,
                right: None,
                strike_e9: 0,
                multiplier_e9: NANO,
            })
        }
        SecurityType::Future => {
            // Positions come without an exchange, and weekly VX futures with a class of their own.
            let mine = |c: &&Class| {
                c.kind == Kind::Future && c.symbol == symbol && multiplier.is_none_or(|m| m == c.multiplier)
            };
            let class = CLASSES.iter().find(mine).ok_or_else(foreign)?;
            let expiry = real.or(last).ok_or(Unidentified::NeedsDetails)?;
            instrument(class, expiry, None, 0).ok_or_else(foreign)
        }
        SecurityType::Option => {
            let occ = Occ::parse(&contract.local_symbol);
            let name = match (&occ, contract.trading_class.as_str()) {
                (Some(occ), "") => occ.root.clone(),
                (_, named) => named.to_owned(),
            };
            let mine = |c: &&Class| c.kind == Kind::Option && c.trading_class == name && c.symbol == symbol;
            let class = CLASSES.iter().find(mine).ok_or_else(foreign)?;
            if multiplier.is_some_and(|m| m != class.multiplier) {
                return Err(wrong("not the multiplier of its class"));
            }
            let right = match contract.right {
                Some(OptionRight::Put) => Right::Put,
                Some(OptionRight::Call) => Right::Call,
                None => return Err(wrong("neither put nor call")),
            };
            let strike = amount::from_f64(contract.strike)
                .filter(|s| *s > 0)
                .ok_or_else(|| wrong("no strike"))?;
            if let Some(occ) = occ {
                if (occ.root.as_str(), occ.right, occ.strike_e9) != (class.trading_class, right, strike) {
                    return Err(wrong("its local symbol names another contract"));
                }
                return instrument(class, occ.expiry, Some(right), strike).ok_or_else(foreign);
            }
            let expiry = if class.morning { real } else { real.or(last) };
            instrument(
                class,
                expiry.ok_or(Unidentified::NeedsDetails)?,
                Some(right),
                strike,
            )
            .ok_or_else(foreign)
        }
        _ => Err(foreign()),
    }
}

fn instrument(class: &Class, expiry: u32, right: Option<Right>, strike_e9: i64) -> Option<Instrument> {
    let instrument = Instrument {
        kind: class.kind,
        symbol: Word::new(class.underlying)?,
        class: Word::new(class.trading_class)?,
        currency: Word::new("USD")?,
        expiry,
        right,
        strike_e9,
        multiplier_e9: class.multiplier * NANO,
    };
    instrument.check().is_ok().then_some(instrument)
}

/// The one contract among the broker's answers that is the instrument; `None` when there is none.
///
/// # Errors
/// When several are.
pub fn pick(instrument: &Instrument, rows: &[ContractDetails]) -> Result<Option<Resolved>, String> {
    let mut found: Vec<&ContractDetails> = rows
        .iter()
        .filter(|row| row.contract.contract_id > 0)
        .filter(|row| identify(&row.contract, Some(&row.real_expiration_date)).as_ref() == Ok(instrument))
        .collect();
    // The same contract is listed once for each exchange that trades it.
    found.sort_by_key(|row| row.contract.contract_id);
    found.dedup_by_key(|row| row.contract.contract_id);
    match found.as_slice() {
        [] => Ok(None),
        [one] => {
            let elsewhere = if instrument.kind == Kind::Index {
                INDEX_EXCHANGE
            } else {
                "SMART"
            };
            let exchange = class_of(instrument)?.map_or(elsewhere, |c| c.exchange);
            Ok(Some(Resolved {
                instrument: *instrument,
                con_id: one.contract.contract_id,
                symbol: one.contract.symbol.to_string(),
                exchange: exchange.to_owned(),
            }))
        }
        several => {
            let ids: Vec<String> = several
                .iter()
                .map(|row| row.contract.contract_id.to_string())
                .collect();
            Err(format!(
                "`{}` is ambiguous: contracts {} all fit it",
                Name(instrument),
                ids.join(", ")
            ))
        }
    }
}

/// What the broker says is listed for an underlying, as listings: one row for each class and exchange comes in, of which that of
/// the class's own exchange counts, with all expiries and all strikes of the class together. Expiries of what settles in the
/// morning are told by their last trading day, which is the day before, or by themselves.
#[must_use]
pub fn listings(underlying: &Word, rows: &[OptionChain]) -> Vec<Listing> {
    let mut out: Vec<Listing> = Vec::new();
    for class in CLASSES
        .iter()
        .filter(|c| c.kind == Kind::Option && c.symbol == underlying.as_str())
    {
        let ours = || rows.iter().filter(|r| r.trading_class == class.trading_class);
        let Some(row) = ours()
            .find(|r| r.exchange == class.exchange)
            .or_else(|| ours().next())
        else {
            continue;
        };
        let mut strikes_e9: Vec<i64> = row
            .strikes
            .iter()
            .filter_map(|k| amount::from_f64(*k))
            .filter(|k| *k > 0)
            .collect();
        strikes_e9.sort_unstable();
        strikes_e9.dedup();
        let expires = |text: &String| {
            let day = date(text)?;
            Some(if class.morning {
                settles_on(class, day)
            } else {
                day
            })
        };
        let mut expiries: Vec<u32> = row.expirations.iter().filter_map(expires).collect();
        expiries.sort_unstable();
        expiries.dedup();
        out.extend(expiries.into_iter().filter_map(|expiry| {
            Some(Listing {
                symbol: *underlying,
                class: Word::new(class.trading_class)?,
                expiry,
                strikes_e9: strikes_e9.clone(),
            })
        }));
    }
    out
}

/// The morning on which a contract settles whose last trading day, or own day, is this: a Friday for SPX, a Wednesday for VIX.
/// Around holidays that can be wrong; such a contract is then not found, and not quoted.
fn settles_on(class: &Class, day: u32) -> u32 {
    let settles = if class.underlying == "VIX" { 3 } else { 5 };
    if weekday(day) + 1 == settles {
        next_day(day)
    } else {
        day
    }
}

/// 0 for Sunday, by Sakamoto's method.
fn weekday(day: u32) -> u32 {
    const SHIFT: [u32; 12] = [0, 3, 2, 5, 0, 3, 5, 1, 4, 6, 2, 4];
    let (year, month, date) = (day / 10_000, day / 100 % 100, day % 100);
    let year = if month < 3 { year.saturating_sub(1) } else { year };
    let shift = usize::try_from(month)
        .ok()
        .and_then(|m| SHIFT.get(m.checked_sub(1)?));
    (year + year / 4 - year / 100 + year / 400 + shift.copied().unwrap_or(0) + date) % 7
}

fn next_day(day: u32) -> u32 {
    let (year, month, date) = (day / 10_000, day / 100 % 100, day % 100);
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    match (date < days, month < 12) {
        (true, _) => day + 1,
        (false, true) => year * 10_000 + (month + 1) * 100 + 1,
        (false, false) => (year + 1) * 10_000 + 101,
    }
}

/// yyyymmdd at the start of a text.
fn date(text: &str) -> Option<u32> {
    let digits = text.trim().get(..8)?;
    digits
        .bytes()
        .all(|b| b.is_ascii_digit())
        .then(|| digits.parse().ok())?
}

/// An OCC symbol in its long form: root padded to six, yymmdd, right, strike in mills on eight digits.
struct Occ {
    root: String,
    expiry: u32,
    right: Right,
    strike_e9: i64,
}

impl Occ {
    fn parse(text: &str) -> Option<Self> {
        if text.len() != 21 || !text.is_ascii() {
            return None;
        }
        let right = match text.get(12..13)? {
            "P" => Right::Put,
            "C" => Right::Call,
            _ => return None,
        };
        let day = text
            .get(6..12)
            .filter(|t| t.bytes().all(|b| b.is_ascii_digit()))?;
        let mills: i64 = text
            .get(13..)
            .filter(|t| t.bytes().all(|b| b.is_ascii_digit()))?
            .parse()
            .ok()?;
        Some(Self {
            root: text.get(..6)?.trim_end().to_owned(),
            expiry: 20_000_000 + day.parse::<u32>().ok()?,
            right,
            strike_e9: mills * 1_000_000,
        })
    }
}

#[cfg(test)]
#[path = "contract_tests.rs"]
mod tests;
