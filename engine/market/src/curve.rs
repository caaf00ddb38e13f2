//! The curve of futures of a history at an instant: which contract each month is, and what it settled at.
//!
//! Histories keep a curve as constant positions (`VX1` the nearest monthly, `VX2` the next, …; `ES1` the nearest quarterly), which change contracts on
//! each settlement morning. Positions in futures need contracts; this gives them back, so that a price never jumps from one
//! contract to another.

use crate::contract::{FutureContract, FutureRoot, Root, SettlementValue};
use crate::history::{History, HistoryError};
use crate::money::Price;
use crate::series::BarSize;
use crate::time::{Date, Instant};
use chrono::Datelike as _;

/// What the name of a series of futures prices says.
///
/// `VX2` is the second place of the curve (the nearest expiry after the session is the first; quarterly for ES and MES),
/// `VX.2024-02-14` the contract that settles on that day, weeklys too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FutureSeries {
    /// Class and place, from 1.
    Place(FutureRoot, usize),
    /// One contract.
    Contract(FutureContract),
}

impl FutureSeries {
    /// Reads a name; `None` when it is not of a futures series.
    #[must_use]
    pub fn parse(id: &str) -> Option<Self> {
        let split = id.find(|c: char| !c.is_ascii_uppercase())?;
        let (symbol, rest) = id.split_at_checked(split)?;
        let root = FutureRoot::parse(symbol)?;
        if let Some(date) = rest.strip_prefix('.') {
            let expiry = date.parse().ok()?;
            return Some(Self::Contract(FutureContract { root, expiry }));
        }
        let plain = !rest.starts_with('0') && rest.bytes().all(|b| b.is_ascii_digit());
        let place = rest.parse().ok().filter(|_| plain)?;
        (1..=MONTHS_MAX)
            .contains(&place)
            .then_some(Self::Place(root, place))
    }
}

impl std::fmt::Display for FutureSeries {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Place(root, place) => write!(f, "{}{place}", root.symbol()),
            Self::Contract(c) => write!(f, "{}.{}", c.root.symbol(), c.expiry),
        }
    }
}

/// Expiries of a class after a session, in order, weeklys apart: what the places of its curve are.
pub fn places(root: FutureRoot, session: Date) -> impl Iterator<Item = Date> {
    let months = std::iter::successors(Some((session.year(), session.month())), |(year, month)| {
        Some(if *month == 12 {
            (year.checked_add(1)?, 1)
        } else {
            (*year, month + 1)
        })
    });
    // Beyond the calendar there are none; the bound keeps the search for them short.
    let ahead = months.take(3 * MONTHS_MAX + 3);
    ahead
        .filter_map(move |(year, month)| root.monthly_expiry(year, month))
        .filter(move |expiry| *expiry > session)
}

/// Months of a curve that are read at most.
pub const MONTHS_MAX: usize = 12;

/// One contract of a curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CurvePoint {
    /// Contract.
    pub contract: FutureContract,
    /// Settlement or closing price.
    pub price: Price,
    /// Session of the price.
    pub session: Date,
    /// When it was known.
    pub known_at: Instant,
}

/// Prices of a class by contract, in order of expiry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FuturesCurve {
    /// Class.
    pub root: FutureRoot,
    /// The instant at which all of it was known.
    pub at: Instant,
    /// Contracts that had not settled by then, each at its newest price. A month without a price is absent.
    pub points: Vec<CurvePoint>,
}

impl FuturesCurve {
    /// The contract that is so many months from the front at the curve's instant (1 is the nearest that has not settled),
    /// whether or not it has a price.
    #[must_use]
    pub fn contract(&self, month: usize) -> Option<FutureContract> {
        month_from_front(self.root, self.at, month)
    }

    /// Its price.
    #[must_use]
    pub fn month(&self, month: usize) -> Option<&CurvePoint> {
        self.of(&self.contract(month)?)
    }

    /// Price of a contract.
    #[must_use]
    pub fn of(&self, contract: &FutureContract) -> Option<&CurvePoint> {
        self.points.iter().find(|p| p.contract == *contract)
    }
}

/// Expiries of a class's months after a date, nearest first: the monthlys of VX and VXM, the quarterlys of ES and MES. On its
/// settlement morning a contract is no longer the front month.
#[must_use]
pub fn month_expiries(root: FutureRoot, after: Date, count: usize) -> Vec<Date> {
    places(root, after).take(count).collect()
}

/// The contract so many months of its class from the front at an instant: 1 is the nearest whose final settlement is still
/// to come. `None` for 0 and for more than [`MONTHS_MAX`].
#[must_use]
pub fn month_from_front(root: FutureRoot, at: Instant, month: usize) -> Option<FutureContract> {
    if !(1..=MONTHS_MAX).contains(&month) {
        return None;
    }
    let today = at.date();
    let before = today.pred_opt()?;
    let expiries = month_expiries(root, before, month.checked_add(1)?);
    let alive = expiries.into_iter().map(|expiry| FutureContract { root, expiry });
    alive
        .filter(|c| c.settles_at().is_some_and(|s| s > at))
        .nth(month - 1)
}

/// Names of the series of a class's months, as far as they are read.
#[must_use]
pub const fn place_names(root: FutureRoot) -> &'static [&'static str] {
    if root.is_vix() {
        &[
            "VX1", "VX2", "VX3", "VX4", "VX5", "VX6", "VX7", "VX8", "VX9", "VX10", "VX11", "VX12",
        ]
    } else {
        &["ES1", "ES2", "ES3", "ES4"]
    }
}

/// Name of the series of a class's months: VXM has the prices of VX, MES those of ES.
fn series_of(root: FutureRoot, month: usize) -> String {
    let class = if root.is_vix() {
        FutureRoot::Vx
    } else {
        FutureRoot::Es
    };
    FutureSeries::Place(class, month).to_string()
}

/// The VX curve that was known at an instant; VXM has the same prices. `None` where the history has no such series.
///
/// # Errors
/// When the history cannot be read.
pub fn vx_curve(
    history: &dyn History,
    root: FutureRoot,
    at: Instant,
) -> Result<Option<FuturesCurve>, HistoryError> {
    if !root.is_vix() {
        return Ok(None);
    }
    futures_curve(history, root, at)
}

/// The curve of a class that was known at an instant, from the series of its months. `None` where the history has none.
///
/// # Errors
/// When the history cannot be read.
pub fn futures_curve(
    history: &dyn History,
    root: FutureRoot,
    at: Instant,
) -> Result<Option<FuturesCurve>, HistoryError> {
    let mut any = false;
    let mut points: Vec<CurvePoint> = Vec::new();
    for month in 1..=MONTHS_MAX {
        let Some(series) = history.series(&series_of(root, month), BarSize::Session)? else {
            continue;
        };
        any = true;
        let known = series.available_at.partition_point(|a| *a <= at);
        // The newest bar with a value, a few sessions back at most: an older price is none.
        let newest = (0..known).rev().take(5);
        let found = newest
            .filter_map(|i| {
                Some((
                    *series.date.get(i)?,
                    *series.available_at.get(i)?,
                    (*series.close.get(i)?)?,
                ))
            })
            .next();
        let Some((session, known_at, close)) = found else {
            continue;
        };
        let expiry = month_expiries(root, session, month).last().copied();
        let contract = expiry.map(|expiry| FutureContract { root, expiry });
        let priced = Price::from_f64(close).filter(|p| *p > Price::ZERO);
        let (Some(contract), Some(price)) = (contract, priced) else {
            continue;
        };
        // A contract that has settled since its last price is gone.
        if contract.settles_at().is_some_and(|s| s > at) {
            points.push(CurvePoint {
                contract,
                price,
                session,
                known_at,
            });
        }
    }
    // The newest price of each contract, where two positions named it on two days.
    points.sort_by_key(|p| (p.contract, std::cmp::Reverse(p.session)));
    points.dedup_by_key(|p| p.contract);
    Ok(any.then_some(FuturesCurve { root, at, points }))
}

/// Official settlement price of a contract on a session, once it is known; `None` where the history has none.
///
/// # Errors
/// When the history cannot be read.
pub fn settlement_on(
    history: &dyn History,
    contract: &FutureContract,
    session: Date,
    at: Instant,
) -> Result<Option<Price>, HistoryError> {
    let expiries = month_expiries(contract.root, session, MONTHS_MAX);
    let Some(place) = expiries.iter().position(|e| *e == contract.expiry) else {
        return Ok(None);
    };
    let Some(series) = history.series(&series_of(contract.root, place + 1), BarSize::Session)? else {
        return Ok(None);
    };
    let Ok(index) = series.date.binary_search(&session) else {
        return Ok(None);
    };
    let known = series.available_at.get(index).is_some_and(|a| *a <= at);
    let close = series.close.get(index).copied().flatten();
    Ok(close
        .filter(|_| known)
        .and_then(Price::from_f64)
        .filter(|p| *p > Price::ZERO))
}

/// Final settlement value of a future: VRO for VX and VXM, the opening quotation of the S&P 500 (SET) for ES and MES.
///
/// # Errors
/// When the history cannot be read.
pub fn final_settlement(
    history: &dyn History,
    contract: &FutureContract,
) -> Result<Option<SettlementValue>, HistoryError> {
    let root = match contract.root {
        FutureRoot::Vx | FutureRoot::Vxm if contract.is_weekly() => Root::Vixw,
        FutureRoot::Vx | FutureRoot::Vxm => Root::Vix,
        FutureRoot::Es | FutureRoot::Mes => Root::Spx,
    };
    history.settlement(root, contract.expiry)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calendar::ExchangeCalendar;
    use crate::sim::{SimConfig, SimulatedMarket};

    fn d(text: &str) -> Date {
        text.parse().unwrap()
    }

    fn at(day: &str, hour: u32, minute: u32) -> Instant {
        Instant::from_eastern(d(day), hour, minute).unwrap()
    }

    #[test]
    fn months_count_from_the_first_contract_that_has_not_settled() {
        let month = |when, n| month_from_front(FutureRoot::Vx, when, n).map(|c| c.expiry);
        // Source: design notes, expiries of 2026.
        assert_eq!(month(at("2026-01-20", 16, 0), 1), Some(d("2026-01-21")));
        // Still the front in the last hour before its settlement, not after it.
        assert_eq!(month(at("2026-01-21", 9, 0), 1), Some(d("2026-01-21")));
        assert_eq!(month(at("2026-01-21", 9, 30), 1), Some(d("2026-02-18")));
        assert_eq!(month(at("2026-01-21", 9, 30), 4), Some(d("2026-05-19")));
        assert_eq!(month(at("2026-01-21", 9, 30), 0), None);
        // ES by quarters: March, June; the front moves on the third Friday's morning.
        let es = |when, n| month_from_front(FutureRoot::Es, when, n).map(|c| c.expiry);
        assert_eq!(es(at("2026-01-21", 9, 30), 1), Some(d("2026-03-20")));
        assert_eq!(es(at("2026-03-20", 9, 0), 1), Some(d("2026-03-20")));
        assert_eq!(es(at("2026-03-20", 9, 30), 1), Some(d("2026-06-18")));
        assert_eq!(es(at("2025-12-22", 9, 30), 2), Some(d("2026-06-18")));
    }

    #[test]
    fn prices_stay_with_their_contract_when_positions_move_on() {
        let market = SimulatedMarket::new(SimConfig {
            start: d("2024-01-02"),
            sessions: 60,
            ..SimConfig::default()
        })
        .unwrap();
        let calendar = ExchangeCalendar::nyse();
        let days = calendar.sessions(d("2024-01-05"), d("2024-03-20"));
        let mut rolled = 0;
        for pair in days.windows(2) {
            let (yesterday, today) = (pair[0], pair[1]);
            // In the morning, yesterday's prices are the newest.
            let morning = Instant::from_eastern(today, 9, 45).unwrap();
            let curve = vx_curve(&market, FutureRoot::Vx, morning).unwrap().unwrap();
            let front = curve.month(1).unwrap();
            assert!(front.contract.expiry > today && front.session == yesterday);
            assert!(front.known_at <= morning);
            let place = calendar
                .vx_expiries(yesterday, 9)
                .iter()
                .position(|e| *e == front.contract.expiry)
                .unwrap();
            rolled += usize::from(place == 1);
            let series = market
                .series(&format!("VX{}", place + 1), BarSize::Session)
                .unwrap()
                .unwrap();
            let index = series.date.binary_search(&yesterday).unwrap();
            assert_eq!(Price::from_f64(series.close[index].unwrap()), Some(front.price));
            assert_eq!(
                settlement_on(&market, &front.contract, yesterday, morning).unwrap(),
                Some(front.price)
            );
            // Today's settlement is not known in the morning.
            assert_eq!(
                settlement_on(&market, &front.contract, today, morning).unwrap(),
                None
            );
            assert!(curve.points.is_sorted_by_key(|p| p.contract));
            let mini = vx_curve(&market, FutureRoot::Vxm, morning).unwrap().unwrap();
            assert_eq!(mini.month(2).map(|p| p.price), curve.month(2).map(|p| p.price));
        }
        // The settlement mornings of January 17, February 14 and March 20.
        assert_eq!(rolled, 3);
        assert_eq!(
            vx_curve(&market, FutureRoot::Es, at("2024-02-01", 9, 45)).unwrap(),
            None
        );
        let es = futures_curve(&market, FutureRoot::Es, at("2024-02-01", 9, 45)).unwrap();
        assert!(es.is_some_and(|c| c.month(1).is_some()));
        // VX and VIX options of one day settle to one value.
        let contract = FutureContract::monthly(FutureRoot::Vx, 2024, 2).unwrap();
        assert_eq!(
            final_settlement(&market, &contract).unwrap(),
            market.settlement(Root::Vix, contract.expiry).unwrap()
        );
    }
}
