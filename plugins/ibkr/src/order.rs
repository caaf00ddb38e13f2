//! A package as one order of the broker.
//!
//! **Which side is sent.** A package of several legs is always *bought* as it is written: each leg keeps its own sign, and
//! the limit is what the host says it pays at most, so a credit is a negative price. That is the broker's own way of
//! pricing a combination that is bought: a debit above zero, a credit below. Selling the opposite combination would say the
//! same with every sign turned; one way is enough, and cannot be got wrong.
//!
//! A package of one leg is an order in that contract: bought at the limit, or sold at the credit, both above zero.

use crate::amount;
use crate::contract::Resolved;
use crate::model::{Kind, Life, Name, Package};
use ibapi::contracts::{ComboLeg, Contract, LegAction, SecurityType, TagValue};
use ibapi::orders::{Action, Order, TimeInForce};

/// An order ready for the wire.
#[derive(Clone, Debug, PartialEq)]
pub struct Built {
    /// What is ordered.
    pub contract: Contract,
    /// How.
    pub order: Order,
    /// The broker's units in one package: the greatest common divisor of the legs.
    pub units: i64,
}

/// How packages of several legs are routed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Combos {
    /// Whole or not at all: the broker carries the risk between the legs.
    #[default]
    Guaranteed,
    /// The broker may fill one leg and not the other. Only for who asked for it.
    MayLegIn,
}

/// Builds the order of a package whose legs are resolved, in the package's order.
///
/// # Errors
/// One line that says why this package cannot be one order here.
pub fn build(package: &Package, legs: &[Resolved], account: &str, combos: Combos) -> Result<Built, String> {
    if !valid_id(&package.id) {
        return Err(format!(
            "`{}` is no order id: 1 to 32 of 0-9 A-Z a-z -",
            package.id
        ));
    }
    if legs.len() != package.legs.len() {
        return Err("not every leg is resolved".to_owned());
    }
    if !(1..=100_000).contains(&package.quantity) {
        return Err(format!(
            "{} packages: between 1 and 100000 can be ordered",
            package.quantity
        ));
    }
    let units = package
        .legs
        .iter()
        .fold(0_i64, |g, leg| gcd(g, i64::from(leg.ratio).abs()));
    if units == 0 || package.legs.iter().any(|leg| leg.ratio == 0) {
        return Err("a leg has no contracts".to_owned());
    }
    for (at, leg) in package.legs.iter().enumerate() {
        if package
            .legs
            .iter()
            .skip(at + 1)
            .any(|other| other.contract == leg.contract)
        {
            return Err(format!("`{}` stands in the package twice", Name(&leg.contract)));
        }
    }
    let quantity = i64::from(package.quantity)
        .checked_mul(units)
        .and_then(amount::count)
        .ok_or("too many contracts")?;
    let limit = match package.limit_e9 {
        Some(limit) if limit % units != 0 => {
            return Err(format!(
                "the limit of the package does not divide into its {units} units"
            ));
        }
        Some(limit) => Some(limit / units),
        None => None,
    };
    let mut order = Order {
        total_quantity: quantity,
        tif: if package.life == Life::UntilCancelled {
            TimeInForce::GoodTillCanceled
        } else {
            TimeInForce::Day
        },
        order_ref: reference(&package.id, units),
        account: account.to_owned(),
        ..Order::default()
    };
    let contract = match (package.legs.as_slice(), legs) {
        ([leg], [resolved]) => {
            order.action = if leg.ratio > 0 { Action::Buy } else { Action::Sell };
            let price = limit.map(|l| if leg.ratio > 0 { l } else { -l });
            if price.is_some_and(|p| p <= 0) {
                return Err(if leg.ratio > 0 {
                    "one contract is bought for a debit: the limit must be above zero".to_owned()
                } else {
                    "one contract is sold for a credit: the limit must be below zero".to_owned()
                });
            }
            set_price(&mut order, price);
            resolved.contract()
        }
        _ => {
            order.action = Action::Buy;
            set_price(&mut order, limit);
            if combos == Combos::MayLegIn {
                order.smart_combo_routing_params = vec![TagValue {
                    tag: "NonGuaranteed".to_owned(),
                    value: "1".to_owned(),
                }];
            }
            bag(package, legs, units)?
        }
    };
    Ok(Built {
        contract,
        order,
        units,
    })
}

fn set_price(order: &mut Order, price_e9: Option<i64>) {
    order.order_type = if price_e9.is_some() { "LMT" } else { "MKT" }.to_owned();
    order.limit_price = price_e9.map(amount::to_f64);
}

/// The combination of the legs. Only what the broker can guarantee: options of one underlying on SMART, or futures of one
/// class as the exchange's own spread.
fn bag(package: &Package, legs: &[Resolved], units: i64) -> Result<Contract, String> {
    let Some(first) = legs.first() else {
        return Err("a package needs a leg".to_owned());
    };
    let kind = first.instrument.kind;
    let one = |same: fn(&Resolved, &Resolved) -> bool| legs.iter().all(|leg| same(first, leg));
    if kind == Kind::Share || !one(|a, b| a.instrument.kind == b.instrument.kind) {
        return Err(
            "a package of shares, or of options and futures, is no guaranteed combination: order its parts"
                .to_owned(),
        );
    }
    if !one(|a, b| {
        a.symbol == b.symbol && a.exchange == b.exchange && a.instrument.currency == b.instrument.currency
    }) {
        return Err(
            "a package over two underlyings is no guaranteed combination: order its parts".to_owned(),
        );
    }
    let combo_legs = package
        .legs
        .iter()
        .zip(legs)
        .map(|(leg, resolved)| {
            let ratio =
                i32::try_from(i64::from(leg.ratio).abs() / units).map_err(|_| "a ratio is out of range")?;
            Ok(ComboLeg {
                contract_id: resolved.con_id,
                ratio,
                action: if leg.ratio > 0 {
                    LegAction::Buy
                } else {
                    LegAction::Sell
                },
                exchange: resolved.exchange.clone(),
                ..ComboLeg::default()
            })
        })
        .collect::<Result<Vec<_>, &str>>()?;
    Ok(Contract {
        symbol: first.symbol.as_str().into(),
        security_type: SecurityType::Spread,
        exchange: first.exchange.as_str().into(),
        currency: first.instrument.currency.as_str().into(),
        combo_legs,
        ..Contract::default()
    })
}

fn gcd(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Whether a text can be a host's order id.
#[must_use]
pub fn valid_id(text: &str) -> bool {
    (1..=32).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

/// The order reference that goes to the broker and comes back with every execution: the host's id, and the units of a
/// package where they are not one, so that a later process can still count packages.
#[must_use]
pub fn reference(id: &str, units: i64) -> String {
    if units == 1 {
        id.to_owned()
    } else {
        format!("{id}.{units}")
    }
}

/// The host's id and the units of a package from an order reference; `None` for an order that is not the host's.
#[must_use]
pub fn parse_reference(text: &str) -> Option<(&str, i64)> {
    let (id, units) = match text.split_once('.') {
        Some((id, units)) => (id, units.parse().ok().filter(|u| *u > 1)?),
        None => (text, 1),
    };
    valid_id(id).then_some((id, units))
}

#[cfg(test)]
#[path = "order_tests.rs"]
mod tests;
