//! Between the engine's types and the contract's plain values: prices in mills and billionths, instants in seconds and
//! nanoseconds. Nothing is rounded on the way out; on the way in a price finer than a mill becomes two that make the same
//! money together, a quote goes to the nearest mill, a fee to the micro-dollar.

use alula_live::broker as port;
use alula_market::contract::{Fields, Instrument, Right, Root, date_of, day_number};
use alula_market::money::{Price, Usd};
use alula_market::time::Instant;
use alula_plugin_abi::broker as plain;
use alula_plugin_abi::broker::{Caps, Contract, Kind, Leg, Life, SCALE, Word};

/// Billionths of a mill.
const MILL: i64 = 1_000_000;
/// Billionths of a micro-dollar.
const MICRO: i64 = 1_000;

pub const fn nanoseconds(at: Instant) -> i64 {
    at.0.saturating_mul(SCALE)
}

const fn instant(ns: i64) -> Instant {
    Instant(ns.div_euclid(SCALE))
}

/// The second from which a quote may be used: not before it stood.
const fn seen(ns: i64) -> Instant {
    Instant(ns.saturating_add(SCALE - 1).div_euclid(SCALE))
}

const fn usd(e9: i64) -> Usd {
    // Half away from zero.
    let half = if e9 < 0 { -MICRO / 2 } else { MICRO / 2 };
    Usd(e9.saturating_add(half) / MICRO)
}

const fn e9(price: Price) -> i64 {
    price.0.saturating_mul(MILL)
}

fn mills(e9: i64, what: &str) -> Result<Price, String> {
    if e9 % MILL == 0 {
        Ok(Price(e9 / MILL))
    } else {
        Err(format!("{what} of {e9} billionths is finer than a mill"))
    }
}

pub fn word(text: &str) -> Result<Word, String> {
    Word::new(text).ok_or_else(|| format!("`{text}` is no symbol"))
}

/// The contract's value for an instrument.
pub fn contract(instrument: &Instrument) -> Result<Contract, String> {
    let fields = instrument.fields();
    Ok(Contract {
        kind: kind(instrument),
        symbol: word(instrument.underlying())?,
        class: word(fields.class)?,
        currency: word("USD")?,
        expiry: fields.expiry,
        right: fields.right.map(|r| match r {
            Right::Call => plain::Right::Call,
            Right::Put => plain::Right::Put,
        }),
        strike_e9: e9(fields.strike),
        multiplier_e9: instrument.multiplier().saturating_mul(SCALE),
    })
}

/// What is to be quoted, as the plugin gets it.
pub fn watched(what: &port::Watched) -> Result<Contract, String> {
    let name = match what {
        port::Watched::Instrument(instrument) => return contract(instrument),
        port::Watched::Level(name) => word(name)?,
    };
    Ok(Contract {
        kind: Kind::Index,
        symbol: name,
        class: name,
        currency: word("USD")?,
        expiry: 0,
        right: None,
        strike_e9: 0,
        multiplier_e9: SCALE,
    })
}

const fn kind(instrument: &Instrument) -> Kind {
    match instrument {
        Instrument::Option(_) => Kind::Option,
        Instrument::Future(_) => Kind::Future,
        Instrument::Share(_) => Kind::Share,
    }
}

/// The instrument of a contract's value; `None` for one that the engine does not know.
fn instrument(contract: &Contract) -> Option<Instrument> {
    let found = Instrument::from_fields(&Fields {
        class: contract.class.as_str(),
        expiry: contract.expiry,
        right: contract.right.map(|r| match r {
            plain::Right::Call => Right::Call,
            plain::Right::Put => Right::Put,
        }),
        strike: mills(contract.strike_e9, "a strike").ok()?,
    })?;
    let same = contract.multiplier_e9 == found.multiplier().saturating_mul(SCALE)
        && contract.kind == kind(&found)
        && contract.currency.as_str() == "USD";
    same.then_some(found)
}

/// An order as the plugin gets it.
pub fn order(order: &port::BrokerOrder) -> Result<plain::Order, String> {
    let leg = |leg: &alula_book::instrument::LinearLeg| {
        Ok(Leg {
            contract: contract(&leg.instrument)?,
            ratio: i32::try_from(leg.quantity)
                .map_err(|_| format!("a leg of {} contracts is too large", leg.quantity))?,
        })
    };
    Ok(plain::Order {
        id: order.id.as_str().to_owned(),
        group: order.group.to_string(),
        legs: order.legs.iter().map(leg).collect::<Result<_, String>>()?,
        quantity: order.quantity,
        // The engine counts what comes in, the contract what is paid.
        limit_e9: order.limit.map(|limit| e9(-limit)),
        not_after_ns: nanoseconds(order.not_after),
        life: match order.life {
            port::OrderLife::Day => Life::Day,
            port::OrderLife::UntilCancelled => Life::UntilCancelled,
        },
    })
}

/// A quote as the plugin gets it.
pub fn quote(quote: &port::Quote) -> Result<plain::Quote, String> {
    Ok(plain::Quote {
        contract: contract(&quote.instrument)?,
        at_ns: nanoseconds(quote.at),
        bid_e9: quote.bid.map(e9),
        ask_e9: quote.ask.map(e9),
        bid_size: quote.bid_size,
        ask_size: quote.ask_size,
    })
}

/// A final value as the plugin gets it.
pub fn final_value(value: &port::FinalValue) -> Result<plain::FinalValue, String> {
    let (kind, class, expiry) = match value.of {
        port::Expired::Options(root, expiry) => (Kind::Option, root.symbol(), expiry),
        port::Expired::Future(future) => (Kind::Future, future.root.symbol(), future.expiry),
    };
    Ok(plain::FinalValue {
        kind,
        class: word(class)?,
        expiry: day_number(expiry),
        price_e9: e9(value.price),
        approximate: value.approximate,
    })
}

/// What a broker can do.
pub const fn capabilities(caps: Caps) -> port::Capabilities {
    port::Capabilities {
        combos: caps.has(Caps::COMBOS),
        // No call of the contract changes an order.
        replace: false,
        dedup: caps.has(Caps::DEDUP),
        orders: caps.has(Caps::ORDERS),
        fills: caps.has(Caps::FILLS),
        positions: caps.has(Caps::HOLDINGS),
        what_if: caps.has(Caps::WHAT_IF),
        quotes: caps.has(Caps::QUOTES),
        indices: caps.has(Caps::INDICES),
        chains: caps.has(Caps::CHAINS),
        simulated: caps.has(Caps::SIMULATED),
        live: caps.has(Caps::LIVE),
    }
}

/// What an order would take.
pub const fn what_if(answer: &plain::WhatIf) -> port::WhatIf {
    port::WhatIf {
        initial_margin: usd(answer.initial_margin_e9),
        maintenance_margin: usd(answer.maintenance_margin_e9),
        fee: usd(answer.fee_e9),
    }
}

fn ours(id: &str) -> Result<port::ClientOrderId, String> {
    port::ClientOrderId::new(id).ok_or_else(|| format!("`{id}` is no order id"))
}

/// The fills of an execution: one, or two a mill apart where its price is finer than a mill, so that prices times contracts
/// still make what was paid. What then is left, less than a mill for all contracts together, is in the fee.
fn fills(e: &plain::Execution) -> Result<Vec<port::Fill>, String> {
    let Some(instrument) = instrument(&e.contract) else {
        // Other holdings of the account are nobody's business here, unless an order of ours made them.
        return match &e.order {
            Some(order) => Err(format!(
                "order `{order}` traded `{}`, which is unknown",
                e.contract.class
            )),
            None => Ok(Vec::new()),
        };
    };
    let fill = |exec_id: &str, quantity: i64, price: Price, fee: Option<Usd>| -> Result<port::Fill, String> {
        Ok(port::Fill {
            kind: match e.kind {
                plain::ExecKind::Trade => port::FillKind::Trade,
                plain::ExecKind::Settlement => port::FillKind::Settlement,
            },
            exec_id: exec_id.into(),
            corrects: e.corrects.as_deref().map(Into::into),
            order: e.order.as_deref().map(ours).transpose()?,
            instrument,
            quantity,
            price,
            fee,
            at: instant(e.at_ns),
        })
    };
    let fee = e.fee_e9.map(usd);
    if e.price_e9 % MILL == 0 {
        return Ok(vec![fill(&e.id, e.quantity, Price(e.price_e9 / MILL), fee)?]);
    }
    let count = i128::from(e.quantity.unsigned_abs());
    let exact = i128::from(e.price_e9) * count;
    let mill = i128::from(MILL);
    let whole = exact.div_euclid(mill);
    let left = exact.rem_euclid(mill);
    // Dollars of what is left: paid when bought, taken in when sold.
    let sign = i128::from(e.quantity.signum());
    let dollars = left * i128::from(instrument.multiplier()) * sign;
    let rest = i64::try_from(dollars).map_or(Usd::ZERO, usd);
    let fee = fee.map(|fee| fee + rest);
    let fits = |n: i128| i64::try_from(n).map_err(|_| "an execution is too large".to_owned());
    let (low, more) = (
        fits(whole.div_euclid(count.max(1)))?,
        fits(whole.rem_euclid(count.max(1)))?,
    );
    let less = fits(count)?.saturating_sub(more);
    let signed = |n: i64| n.saturating_mul(e.quantity.signum());
    // One that replaces another is one itself.
    if more == 0 || e.corrects.is_some() {
        return Ok(vec![fill(&e.id, e.quantity, Price(low), fee)?]);
    }
    let second = format!("{}~", e.id);
    Ok(vec![
        fill(&e.id, signed(less), Price(low), fee)?,
        fill(
            &second,
            signed(more),
            Price(low.saturating_add(1)),
            fee.map(|_| Usd::ZERO),
        )?,
    ])
}

fn price_of_quote(e9: Option<i64>) -> Option<Price> {
    // A quote is for looking: the nearest mill will do.
    e9.map(|e9| Price(e9.saturating_add(MILL / 2).div_euclid(MILL)))
}

/// An event as the engine gets it; nothing for a row about something that the engine does not know and does not own.
pub fn event(event: &plain::Event) -> Result<Vec<port::BrokerEvent>, String> {
    use plain::Event;
    use port::BrokerEvent as E;
    Ok(vec![match event {
        Event::Up => E::Up,
        Event::Down { text } => E::Down(text.clone()),
        Event::Acknowledged { order, broker_order } => E::Acknowledged {
            order: ours(order)?,
            broker_order: broker_order.as_str().into(),
        },
        Event::Rejected { order, text } => E::Rejected {
            order: ours(order)?,
            why: text.clone(),
        },
        Event::Cancelled { order, text } => E::Cancelled {
            order: ours(order)?,
            why: text.clone(),
        },
        Event::Expired { order } => E::Expired { order: ours(order)? },
        Event::Filled(execution) => return Ok(fills(execution)?.into_iter().map(E::Filled).collect()),
        Event::SnapshotBegin { request } => E::SnapshotBegin { request: *request },
        Event::SnapshotEnd { request } => E::SnapshotEnd { request: *request },
        Event::SnapshotOrder { request, row } => E::SnapshotOrder {
            request: *request,
            row: port::OrderRow {
                order: row.order.as_deref().map(ours).transpose()?,
                broker_order: row.broker_order.as_str().into(),
                status: match row.status {
                    plain::Status::Working => port::OrderStatus::Working,
                    plain::Status::Filled => port::OrderStatus::Filled,
                    plain::Status::Cancelled => port::OrderStatus::Cancelled,
                    plain::Status::Expired => port::OrderStatus::Expired,
                    plain::Status::Rejected => port::OrderStatus::Rejected,
                },
                filled: row.filled,
                left: row.left,
            },
        },
        Event::SnapshotHolding {
            request,
            contract,
            quantity,
        } => {
            let Some(instrument) = instrument(contract) else {
                return Ok(Vec::new());
            };
            E::SnapshotPosition {
                request: *request,
                held: alula_book::instrument::LinearLeg {
                    instrument,
                    quantity: *quantity,
                },
            }
        }
        Event::SnapshotFill { request, execution } => {
            let request = *request;
            let fills = fills(execution)?.into_iter();
            return Ok(fills.map(|fill| E::SnapshotFill { request, fill }).collect());
        }
        Event::SnapshotAccount { request, account } => E::SnapshotAccount {
            request: *request,
            row: port::AccountRow {
                cash: usd(account.cash_e9),
                net_liquidation: usd(account.net_liquidation_e9),
                initial_margin: account.initial_margin_e9.map(usd),
                maintenance_margin: account.maintenance_margin_e9.map(usd),
            },
        },
        Event::Listed { request, listing } => {
            let (Some(root), Some(expiry)) = (Root::parse(listing.class.as_str()), date_of(listing.expiry))
            else {
                return Ok(Vec::new());
            };
            let strikes = listing.strikes_e9.iter();
            let strikes = strikes.filter_map(|k| mills(*k, "a strike").ok()).collect();
            E::Listed {
                request: *request,
                listing: port::Listing {
                    root,
                    expiry,
                    strikes,
                },
            }
        }
        Event::ListEnd { request } => E::ListEnd { request: *request },
        Event::Quote(quote) if quote.contract.kind == Kind::Index => E::Level(port::Level {
            name: quote.contract.class.as_str().into(),
            value: price_of_quote(quote.ask_e9),
            at: seen(quote.at_ns),
        }),
        Event::Quote(quote) => {
            let Some(instrument) = instrument(&quote.contract) else {
                return Ok(Vec::new());
            };
            E::Quote(port::Quote {
                instrument,
                bid: price_of_quote(quote.bid_e9),
                ask: price_of_quote(quote.ask_e9),
                bid_size: quote.bid_size,
                ask_size: quote.ask_size,
                at: seen(quote.at_ns),
            })
        }
    }])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn execution(quantity: i64, price_e9: i64, fee_e9: Option<i64>) -> plain::Execution {
        plain::Execution {
            kind: plain::ExecKind::Trade,
            id: "0001.01".to_owned(),
            corrects: None,
            order: None,
            contract: Contract {
                kind: Kind::Option,
                symbol: word("SPX").unwrap(),
                class: word("SPXW").unwrap(),
                currency: word("USD").unwrap(),
                expiry: 20_240_621,
                right: Some(plain::Right::Put),
                strike_e9: 5_100 * SCALE,
                multiplier_e9: 100 * SCALE,
            },
            quantity,
            price_e9,
            fee_e9,
            at_ns: SCALE,
        }
    }

    #[test]
    fn a_price_finer_than_a_mill_keeps_the_money() {
        // Three contracts for 1.0335 are 3.1005 points: one at 1.033, two at 1.034 make 3.101, half a mill too much.
        let cases = [
            (2, 1_234_500_000, Some(0)),
            (-2, 1_234_500_000, Some(0)),
            (3, 1_033_500_000, Some(1_300_000_000)),
            (-3, 1_033_500_000, Some(1_300_000_000)),
            (1, 1_234_500_000, Some(650_000_000)),
            (-1, -1_234_500_000, Some(650_000_000)),
            (4, 2_000_000_000, Some(0)),
        ];
        for (quantity, price_e9, fee_e9) in cases {
            let fills = fills(&execution(quantity, price_e9, fee_e9)).unwrap();
            // In micro-dollars: a mill of a contract is a tenth of a dollar.
            let paid: i64 = fills
                .iter()
                .map(|f| f.price.0 * f.quantity * 100_000 + f.fee.unwrap().0)
                .sum();
            let exact = price_e9 / 1_000 * quantity * 100 + fee_e9.unwrap() / 1_000;
            assert_eq!(paid, exact, "{quantity} at {price_e9}");
            assert_eq!(fills.iter().map(|f| f.quantity).sum::<i64>(), quantity);
        }
        let two = fills(&execution(2, 1_234_500_000, None)).unwrap();
        let ids: Vec<&str> = two.iter().map(|f| &*f.exec_id).collect();
        assert_eq!(ids, ["0001.01", "0001.01~"]);
        assert_eq!([two[0].price, two[1].price], [Price(1_234), Price(1_235)]);
    }

    #[test]
    fn a_quote_finer_than_a_mill_goes_to_the_nearest_and_is_seen_when_its_second_is_over() {
        let quote = |bid_e9, at_ns| plain::Quote {
            contract: execution(1, 0, None).contract,
            at_ns,
            bid_e9: Some(bid_e9),
            ask_e9: None,
            bid_size: None,
            ask_size: None,
        };
        let seen = |q| match event(&plain::Event::Quote(q)).unwrap().as_slice() {
            [port::BrokerEvent::Quote(q)] => (q.bid, q.at),
            other => panic!("{other:?}"),
        };
        assert_eq!(
            seen(quote(1_234_500_000, 7 * SCALE)),
            (Some(Price(1_235)), Instant(7))
        );
        assert_eq!(
            seen(quote(1_234_400_000, 7 * SCALE + 1)),
            (Some(Price(1_234)), Instant(8))
        );
    }
}
