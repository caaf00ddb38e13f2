//! Between the words of the journal and the types of the engine.

use crate::broker::{
    AccountRow, BrokerEvent, BrokerOrder, ClientOrderId, Fill, FillKind, OrderLife, OrderRow, OrderStatus,
    Quote, Submission,
};
use alula_book::instrument::LinearLeg;
use alula_journal::wire;
use alula_market::contract::{FutureContract, FutureRoot, Instrument, OptionContract, Right, Root, Share};
use alula_market::money::{Price, Usd};
use alula_market::time::{Date, Instant};
use chrono::Datelike as _;
use std::sync::Arc;

/// Words of the journal that mean nothing to this program.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(pub String);

fn day(date: Date) -> i32 {
    let month = i32::try_from(date.month()).unwrap_or(0);
    let day = i32::try_from(date.day()).unwrap_or(0);
    date.year() * 10_000 + month * 100 + day
}

fn date(number: i32) -> Option<Date> {
    let part = |n: i32| u32::try_from(n).ok();
    Date::from_ymd_opt(number / 10_000, part(number / 100 % 100)?, part(number % 100)?)
}

/// An instrument in the journal's words.
#[must_use]
pub fn instrument_out(instrument: &Instrument) -> wire::Instrument {
    match instrument {
        Instrument::Option(c) => wire::Instrument::Option {
            class: c.root.symbol().to_owned(),
            expiry: day(c.expiry),
            call: c.right == Right::Call,
            strike_mills: c.strike.0,
        },
        Instrument::Future(c) => wire::Instrument::Future {
            class: c.root.symbol().to_owned(),
            expiry: day(c.expiry),
        },
        Instrument::Share(s) => wire::Instrument::Share {
            symbol: s.symbol().to_owned(),
        },
    }
}

/// An instrument out of the journal's words.
///
/// # Errors
/// When this program does not know its class.
pub fn instrument_in(instrument: &wire::Instrument) -> Result<Instrument, Unreadable> {
    let unknown = || {
        Unreadable(format!(
            "`{instrument:?}` is no instrument that this program knows"
        ))
    };
    let found = match instrument {
        wire::Instrument::Option {
            class,
            expiry,
            call,
            strike_mills,
        } => Root::parse(class)
            .zip(date(*expiry))
            .map(|(root, expiry)| OptionContract {
                root,
                expiry,
                right: if *call { Right::Call } else { Right::Put },
                strike: Price(*strike_mills),
            })
            .map(Instrument::Option),
        wire::Instrument::Future { class, expiry } => FutureRoot::parse(class)
            .zip(date(*expiry))
            .map(|(root, expiry)| Instrument::Future(FutureContract { root, expiry })),
        wire::Instrument::Share { symbol } => Share::parse(symbol).map(Instrument::Share),
    };
    found.ok_or_else(unknown)
}

/// A leg in the journal's words.
#[must_use]
pub fn leg_out(leg: &LinearLeg) -> wire::Leg {
    wire::Leg {
        instrument: instrument_out(&leg.instrument),
        quantity: leg.quantity,
    }
}

/// A leg out of the journal's words.
///
/// # Errors
/// As [`instrument_in`].
pub fn leg_in(leg: &wire::Leg) -> Result<LinearLeg, Unreadable> {
    Ok(LinearLeg {
        instrument: instrument_in(&leg.instrument)?,
        quantity: leg.quantity,
    })
}

/// A fill in the journal's words.
#[must_use]
pub fn fill_out(fill: &Fill) -> wire::Fill {
    wire::Fill {
        settlement: fill.kind == FillKind::Settlement,
        exec_id: fill.exec_id.as_ref().to_owned(),
        corrects: fill.corrects.as_deref().map(str::to_owned),
        order: fill.order.as_ref().map(ToString::to_string),
        instrument: instrument_out(&fill.instrument),
        quantity: fill.quantity,
        price_mills: fill.price.0,
        fee_micros: fill.fee.map(|f| f.0),
        at_s: fill.at.0,
    }
}

/// A fill out of the journal's words.
///
/// # Errors
/// As [`instrument_in`], or when its order's name is none.
pub fn fill_in(fill: &wire::Fill) -> Result<Fill, Unreadable> {
    Ok(Fill {
        kind: if fill.settlement {
            FillKind::Settlement
        } else {
            FillKind::Trade
        },
        exec_id: fill.exec_id.as_str().into(),
        corrects: fill.corrects.as_deref().map(Arc::from),
        order: fill.order.as_deref().map(id_in).transpose()?,
        instrument: instrument_in(&fill.instrument)?,
        quantity: fill.quantity,
        price: Price(fill.price_mills),
        fee: fill.fee_micros.map(Usd),
        at: Instant(fill.at_s),
    })
}

/// An order's name out of the journal's words.
///
/// # Errors
/// When it is none.
pub fn id_in(text: &str) -> Result<ClientOrderId, Unreadable> {
    ClientOrderId::new(text).ok_or_else(|| Unreadable(format!("`{text}` is no name of an order")))
}

/// A status in the journal's words.
#[must_use]
pub const fn status_out(status: OrderStatus) -> wire::OrderStatus {
    match status {
        OrderStatus::Working => wire::OrderStatus::Working,
        OrderStatus::Filled => wire::OrderStatus::Filled,
        OrderStatus::Cancelled => wire::OrderStatus::Cancelled,
        OrderStatus::Expired => wire::OrderStatus::Expired,
        OrderStatus::Rejected => wire::OrderStatus::Rejected,
    }
}

/// A status out of the journal's words.
#[must_use]
pub const fn status_in(status: wire::OrderStatus) -> OrderStatus {
    match status {
        wire::OrderStatus::Working => OrderStatus::Working,
        wire::OrderStatus::Filled => OrderStatus::Filled,
        wire::OrderStatus::Cancelled => OrderStatus::Cancelled,
        wire::OrderStatus::Expired => OrderStatus::Expired,
        wire::OrderStatus::Rejected => OrderStatus::Rejected,
    }
}

/// What is known after sending, in the journal's words.
#[must_use]
pub fn submission_out(submission: &Submission) -> wire::Submission {
    match submission {
        Submission::Sent => wire::Submission::Sent,
        Submission::NotSent(fault) => wire::Submission::NotSent(fault.what.clone()),
        Submission::Unknown(fault) => wire::Submission::Unknown(fault.what.clone()),
    }
}

/// A quote in the journal's words.
#[must_use]
pub fn quote_out(quote: &Quote) -> wire::Quote {
    wire::Quote {
        instrument: instrument_out(&quote.instrument),
        bid_mills: quote.bid.map(|p| p.0),
        ask_mills: quote.ask.map(|p| p.0),
        bid_size: quote.bid_size,
        ask_size: quote.ask_size,
        at_s: quote.at.0,
    }
}

/// A quote out of the journal's words.
///
/// # Errors
/// As [`instrument_in`].
pub fn quote_in(quote: &wire::Quote) -> Result<Quote, Unreadable> {
    Ok(Quote {
        instrument: instrument_in(&quote.instrument)?,
        bid: quote.bid_mills.map(Price),
        ask: quote.ask_mills.map(Price),
        bid_size: quote.bid_size,
        ask_size: quote.ask_size,
        at: Instant(quote.at_s),
    })
}

/// A broker's words in the journal's; `None` for what is said of the market, which stands in the entry of its tick.
#[must_use]
pub fn event_out(event: &BrokerEvent) -> Option<wire::BrokerSaid> {
    use wire::BrokerSaid as W;
    Some(match event {
        BrokerEvent::Up => W::Up,
        BrokerEvent::Down(why) => W::Down(why.clone()),
        BrokerEvent::Acknowledged { order, broker_order } => W::Acknowledged {
            order: order.to_string(),
            broker_order: broker_order.as_ref().to_owned(),
        },
        BrokerEvent::Rejected { order, why } => W::Rejected {
            order: order.to_string(),
            why: why.clone(),
        },
        BrokerEvent::Filled(fill) => W::Filled(fill_out(fill)),
        BrokerEvent::Cancelled { order, why } => W::Cancelled {
            order: order.to_string(),
            why: why.clone(),
        },
        BrokerEvent::Expired { order } => W::Expired {
            order: order.to_string(),
        },
        BrokerEvent::SnapshotBegin { request } => W::SnapshotBegin { request: *request },
        BrokerEvent::SnapshotOrder { request, row } => W::SnapshotOrder {
            request: *request,
            order: row.order.as_ref().map(ToString::to_string),
            broker_order: row.broker_order.as_ref().to_owned(),
            status: status_out(row.status),
            filled: row.filled,
            left: row.left,
        },
        BrokerEvent::SnapshotPosition { request, held } => W::SnapshotPosition {
            request: *request,
            held: leg_out(held),
        },
        BrokerEvent::SnapshotFill { request, fill } => W::SnapshotFill {
            request: *request,
            fill: fill_out(fill),
        },
        BrokerEvent::SnapshotAccount { request, row } => W::SnapshotAccount {
            request: *request,
            cash_micros: row.cash.0,
            net_liquidation_micros: row.net_liquidation.0,
            initial_margin_micros: row.initial_margin.map(|m| m.0),
            maintenance_margin_micros: row.maintenance_margin.map(|m| m.0),
        },
        BrokerEvent::SnapshotEnd { request } => W::SnapshotEnd { request: *request },
        BrokerEvent::Quote(quote) => W::Quote(quote_out(quote)),
        BrokerEvent::Level(_) | BrokerEvent::Listed { .. } | BrokerEvent::ListEnd { .. } => return None,
    })
}

/// A broker's words out of the journal's.
///
/// # Errors
/// As [`instrument_in`], or when an order's name is none.
pub fn event_in(said: &wire::BrokerSaid) -> Result<BrokerEvent, Unreadable> {
    use wire::BrokerSaid as W;
    Ok(match said {
        W::Up => BrokerEvent::Up,
        W::Down(why) => BrokerEvent::Down(why.clone()),
        W::Acknowledged { order, broker_order } => BrokerEvent::Acknowledged {
            order: id_in(order)?,
            broker_order: broker_order.as_str().into(),
        },
        W::Rejected { order, why } => BrokerEvent::Rejected {
            order: id_in(order)?,
            why: why.clone(),
        },
        W::Filled(fill) => BrokerEvent::Filled(fill_in(fill)?),
        W::Cancelled { order, why } => BrokerEvent::Cancelled {
            order: id_in(order)?,
            why: why.clone(),
        },
        W::Expired { order } => BrokerEvent::Expired { order: id_in(order)? },
        W::SnapshotBegin { request } => BrokerEvent::SnapshotBegin { request: *request },
        W::SnapshotOrder {
            request,
            order,
            broker_order,
            status,
            filled,
            left,
        } => BrokerEvent::SnapshotOrder {
            request: *request,
            row: OrderRow {
                order: order.as_deref().map(id_in).transpose()?,
                broker_order: broker_order.as_str().into(),
                status: status_in(*status),
                filled: *filled,
                left: *left,
            },
        },
        W::SnapshotPosition { request, held } => BrokerEvent::SnapshotPosition {
            request: *request,
            held: leg_in(held)?,
        },
        W::SnapshotFill { request, fill } => BrokerEvent::SnapshotFill {
            request: *request,
            fill: fill_in(fill)?,
        },
        W::SnapshotAccount {
            request,
            cash_micros,
            net_liquidation_micros,
            initial_margin_micros,
            maintenance_margin_micros,
        } => BrokerEvent::SnapshotAccount {
            request: *request,
            row: AccountRow {
                cash: Usd(*cash_micros),
                net_liquidation: Usd(*net_liquidation_micros),
                initial_margin: initial_margin_micros.map(Usd),
                maintenance_margin: maintenance_margin_micros.map(Usd),
            },
        },
        W::SnapshotEnd { request } => BrokerEvent::SnapshotEnd { request: *request },
        W::Quote(quote) => BrokerEvent::Quote(quote_in(quote)?),
    })
}

/// The order of an intent, as a broker gets it.
///
/// # Errors
/// As [`instrument_in`], or when its name is none.
pub fn order_in(intent: &wire::OrderIntent) -> Result<BrokerOrder, Unreadable> {
    Ok(BrokerOrder {
        id: id_in(&intent.order)?,
        group: intent.group.as_str().into(),
        legs: intent.legs.iter().map(leg_in).collect::<Result<_, _>>()?,
        quantity: intent.quantity,
        limit: intent.limit_mills.map(Price),
        not_after: Instant(intent.not_after_s),
        life: if intent.until_cancelled {
            OrderLife::UntilCancelled
        } else {
            OrderLife::Day
        },
    })
}
