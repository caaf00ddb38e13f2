//! Values as the contract's structs, for the length of a call; and the structs of the other side as values, checked.
//!
//! Going out, everything that a struct points to lives on this side's stack while `call` runs. Coming in, each struct is read
//! as far as it says it goes, each text copied and held to its bounds, and the whole checked before anybody sees it.

use super::event::{Account, Event, ExecKind, Execution, Listing, OrderRow, STRIKES_MAX, Status};
use super::{
    Contract, FinalValue, ID_MAX, Kind, LEGS_MAX, Leg, Life, ORDER_ID_MAX, Order, QUANTITY_MAX, Quote, Right,
    TEXT_MAX, Word,
};
use crate::host::table::{read, read_from};
use crate::raw;
use std::ptr;

/// Most rows of one call.
pub const ROWS_MAX: usize = 1 << 20;

const fn str_of(text: &str) -> raw::Str {
    raw::Str {
        ptr: text.as_ptr().cast(),
        len: text.len() as u64,
    }
}

const fn word(word: &Word) -> raw::Str {
    raw::Str {
        ptr: word.bytes.as_ptr().cast(),
        len: word.len as u64,
    }
}

const EMPTY: raw::Str = str_of("");

#[expect(clippy::cast_possible_truncation, reason = "structs of a few dozen bytes")]
const fn size<T>() -> u32 {
    size_of::<T>() as u32
}

/// The struct borrows the contract's words.
const fn instrument(contract: &Contract) -> raw::Instrument {
    raw::Instrument {
        struct_size: size::<raw::Instrument>(),
        kind: kind_code(contract.kind),
        symbol: word(&contract.symbol),
        trading_class: word(&contract.class),
        currency: word(&contract.currency),
        expiry: contract.expiry,
        right: match contract.right {
            None => 0,
            Some(Right::Call) => b'C' as u32,
            Some(Right::Put) => b'P' as u32,
        },
        strike_e9: contract.strike_e9,
        multiplier_e9: contract.multiplier_e9,
    }
}

const fn kind_code(kind: Kind) -> u32 {
    match kind {
        Kind::Option => raw::OPTION,
        Kind::Future => raw::FUTURE,
        Kind::Share => raw::SHARE,
        Kind::Index => raw::INDEX,
    }
}

fn kind_of(code: u32) -> Result<Kind, String> {
    match code {
        raw::OPTION => Ok(Kind::Option),
        raw::FUTURE => Ok(Kind::Future),
        raw::SHARE => Ok(Kind::Share),
        raw::INDEX => Ok(Kind::Index),
        other => Err(format!("an instrument is of kind {other}")),
    }
}

/// Runs `call` with the order as the contract's struct.
pub fn with_order<R>(order: &Order, call: impl FnOnce(*const raw::Order) -> R) -> R {
    let instruments: Vec<raw::Instrument> = order.legs.iter().map(|l| instrument(&l.contract)).collect();
    let legs: Vec<raw::Leg> = order
        .legs
        .iter()
        .zip(&instruments)
        .map(|(leg, instrument)| raw::Leg {
            struct_size: size::<raw::Leg>(),
            ratio: leg.ratio,
            instrument: ptr::from_ref(instrument),
        })
        .collect();
    let pointers: Vec<*const raw::Leg> = legs.iter().map(ptr::from_ref).collect();
    let row = raw::Order {
        struct_size: size::<raw::Order>(),
        kind: if order.limit_e9.is_some() {
            raw::LIMIT
        } else {
            raw::MARKET
        },
        client_order_id: str_of(&order.id),
        group: str_of(&order.group),
        life: match order.life {
            Life::Day => raw::DAY,
            Life::UntilCancelled => raw::UNTIL_CANCELLED,
        },
        n_legs: u32::try_from(legs.len()).unwrap_or(u32::MAX),
        legs: pointers.as_ptr(),
        quantity: i64::from(order.quantity),
        limit_e9: order.limit_e9.unwrap_or(0),
        not_after_ns: order.not_after_ns,
    };
    call(&raw const row)
}

/// Runs `call` with the quotes as the contract's structs, and their number.
pub fn with_quotes<R>(quotes: &[Quote], call: impl FnOnce(*const *const raw::Quote, u64) -> R) -> R {
    let instruments: Vec<raw::Instrument> = quotes.iter().map(|q| instrument(&q.contract)).collect();
    let rows: Vec<raw::Quote> = quotes
        .iter()
        .zip(&instruments)
        .map(|(q, instrument)| quote_row(q, instrument))
        .collect();
    let pointers: Vec<*const raw::Quote> = rows.iter().map(ptr::from_ref).collect();
    call(pointers.as_ptr(), pointers.len() as u64)
}

fn quote_row(quote: &Quote, instrument: &raw::Instrument) -> raw::Quote {
    let flag = |there: bool, bit: u32| if there { bit } else { 0 };
    raw::Quote {
        struct_size: size::<raw::Quote>(),
        flags: flag(quote.bid_e9.is_some(), raw::HAS_BID)
            | flag(quote.ask_e9.is_some(), raw::HAS_ASK)
            | flag(quote.bid_size.is_some(), raw::HAS_BID_SIZE)
            | flag(quote.ask_size.is_some(), raw::HAS_ASK_SIZE),
        instrument: ptr::from_ref(instrument),
        ts_ns: quote.at_ns,
        bid_e9: quote.bid_e9.unwrap_or(0),
        ask_e9: quote.ask_e9.unwrap_or(0),
        bid_size: quote.bid_size.map_or(0, i64::from),
        ask_size: quote.ask_size.map_or(0, i64::from),
    }
}

/// Runs `call` with the values as the contract's structs, and their number.
pub fn with_final_values<R>(
    values: &[FinalValue],
    call: impl FnOnce(*const *const raw::FinalValue, u64) -> R,
) -> R {
    let rows: Vec<raw::FinalValue> = values
        .iter()
        .map(|v| raw::FinalValue {
            struct_size: size::<raw::FinalValue>(),
            flags: if v.approximate { raw::APPROXIMATE } else { 0 },
            kind: kind_code(v.kind),
            expiry: v.expiry,
            trading_class: word(&v.class),
            price_e9: v.price_e9,
        })
        .collect();
    let pointers: Vec<*const raw::FinalValue> = rows.iter().map(ptr::from_ref).collect();
    call(pointers.as_ptr(), pointers.len() as u64)
}

/// Runs `call` with the instruments as the contract's structs, and their number.
pub fn with_instruments<R>(
    contracts: &[Contract],
    call: impl FnOnce(*const *const raw::Instrument, u64) -> R,
) -> R {
    let rows: Vec<raw::Instrument> = contracts.iter().map(instrument).collect();
    let pointers: Vec<*const raw::Instrument> = rows.iter().map(ptr::from_ref).collect();
    call(pointers.as_ptr(), pointers.len() as u64)
}

fn execution_row(execution: &Execution, instrument: &raw::Instrument) -> raw::Execution {
    raw::Execution {
        struct_size: size::<raw::Execution>(),
        kind: match execution.kind {
            ExecKind::Trade => raw::TRADE,
            ExecKind::Settlement => raw::SETTLEMENT,
        },
        exec_id: str_of(&execution.id),
        corrects: execution.corrects.as_deref().map_or(EMPTY, str_of),
        client_order_id: execution.order.as_deref().map_or(EMPTY, str_of),
        instrument: ptr::from_ref(instrument),
        quantity: execution.quantity,
        price_e9: execution.price_e9,
        fee_e9: execution.fee_e9.unwrap_or(raw::NOT_TOLD),
        ts_ns: execution.at_ns,
    }
}

const fn blank_event(kind: u32) -> raw::BrokerEvent {
    raw::BrokerEvent {
        struct_size: size::<raw::BrokerEvent>(),
        kind,
        request_id: 0,
        client_order_id: EMPTY,
        broker_order_id: EMPTY,
        text: EMPTY,
        execution: ptr::null(),
        order: ptr::null(),
        holding: ptr::null(),
        account: ptr::null(),
        quote: ptr::null(),
        listing: ptr::null(),
    }
}

/// Runs `call` with the event as the contract's struct.
pub fn with_event<R>(event: &Event, call: impl FnOnce(*const raw::BrokerEvent) -> R) -> R {
    let mut row = blank_event(0);
    row.request_id = event.request().unwrap_or(0);
    match event {
        Event::Up => row.kind = raw::EV_UP,
        Event::Down { text } => {
            row.kind = raw::EV_DOWN;
            row.text = str_of(text);
        }
        Event::Acknowledged { order, broker_order } => {
            row.kind = raw::EV_ACKNOWLEDGED;
            row.client_order_id = str_of(order);
            row.broker_order_id = str_of(broker_order);
        }
        Event::Rejected { order, text } => {
            row.kind = raw::EV_REJECTED;
            row.client_order_id = str_of(order);
            row.text = str_of(text);
        }
        Event::Cancelled { order, text } => {
            row.kind = raw::EV_CANCELLED;
            row.client_order_id = str_of(order);
            row.text = str_of(text);
        }
        Event::Expired { order } => {
            row.kind = raw::EV_EXPIRED;
            row.client_order_id = str_of(order);
        }
        Event::Filled(execution) | Event::SnapshotFill { execution, .. } => {
            let snapshot = matches!(event, Event::SnapshotFill { .. });
            row.kind = if snapshot {
                raw::EV_SNAP_FILL
            } else {
                raw::EV_FILLED
            };
            let instrument = instrument(&execution.contract);
            let part = execution_row(execution, &instrument);
            row.execution = &raw const part;
            return call(&raw const row);
        }
        Event::SnapshotBegin { .. } => row.kind = raw::EV_SNAP_BEGIN,
        Event::SnapshotEnd { .. } => row.kind = raw::EV_SNAP_END,
        Event::SnapshotOrder { row: order, .. } => {
            row.kind = raw::EV_SNAP_ORDER;
            let part = raw::OrderRow {
                struct_size: size::<raw::OrderRow>(),
                status: match order.status {
                    Status::Working => raw::WORKING,
                    Status::Filled => raw::FILLED,
                    Status::Cancelled => raw::CANCELLED,
                    Status::Expired => raw::EXPIRED,
                    Status::Rejected => raw::REJECTED,
                },
                client_order_id: order.order.as_deref().map_or(EMPTY, str_of),
                broker_order_id: str_of(&order.broker_order),
                filled: i64::from(order.filled),
                left: i64::from(order.left),
            };
            row.order = &raw const part;
            return call(&raw const row);
        }
        Event::SnapshotHolding {
            contract, quantity, ..
        } => {
            row.kind = raw::EV_SNAP_HOLDING;
            let instrument = instrument(contract);
            let part = raw::Holding {
                struct_size: size::<raw::Holding>(),
                reserved0: 0,
                instrument: &raw const instrument,
                quantity: *quantity,
            };
            row.holding = &raw const part;
            return call(&raw const row);
        }
        Event::SnapshotAccount { account, .. } => {
            row.kind = raw::EV_SNAP_ACCOUNT;
            let part = raw::Account {
                struct_size: size::<raw::Account>(),
                reserved0: 0,
                cash_e9: account.cash_e9,
                net_liquidation_e9: account.net_liquidation_e9,
                initial_margin_e9: account.initial_margin_e9.unwrap_or(raw::NOT_TOLD),
                maintenance_margin_e9: account.maintenance_margin_e9.unwrap_or(raw::NOT_TOLD),
            };
            row.account = &raw const part;
            return call(&raw const row);
        }
        Event::Quote(quote) => {
            row.kind = raw::EV_QUOTE;
            let instrument = instrument(&quote.contract);
            let part = quote_row(quote, &instrument);
            row.quote = &raw const part;
            return call(&raw const row);
        }
        Event::Listed { request, listing } => {
            row.kind = raw::EV_LISTED;
            row.request_id = *request;
            let part = raw::Listing {
                struct_size: size::<raw::Listing>(),
                expiry: listing.expiry,
                symbol: word(&listing.symbol),
                trading_class: word(&listing.class),
                n_strikes: listing.strikes_e9.len() as u64,
                strikes_e9: listing.strikes_e9.as_ptr(),
            };
            row.listing = &raw const part;
            return call(&raw const row);
        }
        Event::ListEnd { request } => {
            row.kind = raw::EV_LIST_END;
            row.request_id = *request;
        }
    }
    call(&raw const row)
}

/// A borrowed text, copied.
///
/// # Errors
/// Longer than `most`, not UTF-8, or a length without bytes.
///
/// # Safety
/// A pointer that is not null leads to as many bytes as the text says.
unsafe fn text(text: raw::Str, most: usize, what: &str) -> Result<String, String> {
    let len = usize::try_from(text.len).unwrap_or(usize::MAX);
    if len > most {
        return Err(format!("{what} has {len} bytes, more than {most}"));
    }
    if len == 0 {
        return Ok(String::new());
    }
    if text.ptr.is_null() {
        return Err(format!("{what} has a length and no bytes"));
    }
    // SAFETY: by the caller's promise.
    let bytes = unsafe { std::slice::from_raw_parts(text.ptr.cast::<u8>(), len) };
    let text = std::str::from_utf8(bytes).map_err(|_| format!("{what} is not valid UTF-8"))?;
    Ok(text.to_owned())
}

/// # Safety
/// As for [`text`].
unsafe fn optional(id: raw::Str, most: usize, what: &str) -> Result<Option<String>, String> {
    // SAFETY: by the caller's promise.
    let text = unsafe { text(id, most, what) }?;
    Ok(Some(text).filter(|t| !t.is_empty()))
}

/// # Safety
/// As for [`text`].
unsafe fn symbol(text_of: raw::Str, what: &str) -> Result<Word, String> {
    // SAFETY: by the caller's promise.
    let text = unsafe { text(text_of, Word::MAX, what) }?;
    Word::new(&text).ok_or_else(|| format!("{what} is not 1 to {} printable characters", Word::MAX))
}

fn plain<T>(result: Result<T, crate::host::Fault>) -> Result<T, String> {
    result.map_err(|f| f.text)
}

/// # Safety
/// A pointer that is not null leads to an instrument as long as it says, with its texts.
unsafe fn contract(at: *const raw::Instrument) -> Result<Contract, String> {
    // SAFETY: by the caller's promise.
    let contract = unsafe {
        let row = plain(read(at, "an instrument"))?;
        Contract {
            kind: kind_of(row.kind)?,
            symbol: symbol(row.symbol, "an instrument's symbol")?,
            class: symbol(row.trading_class, "an instrument's class")?,
            currency: symbol(row.currency, "an instrument's currency")?,
            expiry: row.expiry,
            right: match row.right {
                0 => None,
                r if r == u32::from(b'C') => Some(Right::Call),
                r if r == u32::from(b'P') => Some(Right::Put),
                r => return Err(format!("an option's right is {r}")),
            },
            strike_e9: row.strike_e9,
            multiplier_e9: row.multiplier_e9,
        }
    };
    contract.check()?;
    Ok(contract)
}

fn packages(n: i64, what: &str) -> Result<u32, String> {
    let fits = u32::try_from(n).ok().filter(|n| *n <= QUANTITY_MAX);
    fits.ok_or_else(|| format!("{what} is {n}, not 0 to {QUANTITY_MAX}"))
}

/// The pointers of an array of pointers.
///
/// # Safety
/// A pointer that is not null leads to `n` pointers, which nobody changes meanwhile.
unsafe fn pointers<'a, T>(
    at: *const *const T,
    n: u64,
    most: usize,
    what: &str,
) -> Result<&'a [*const T], String> {
    let n = usize::try_from(n).unwrap_or(usize::MAX);
    if n > most {
        return Err(format!("{n} {what}, more than {most}"));
    }
    if n == 0 {
        return Ok(&[]);
    }
    if at.is_null() {
        return Err(format!("the table of {what} is absent"));
    }
    // SAFETY: by the caller's promise.
    Ok(unsafe { std::slice::from_raw_parts(at, n) })
}

/// Reads an order.
///
/// # Errors
/// What is wrong with it.
///
/// # Safety
/// The pointer is null or leads to an order of the contract, with all that it points to.
pub unsafe fn order(at: *const raw::Order) -> Result<Order, String> {
    // SAFETY: by the caller's promise, for all that the order points to.
    let order = unsafe {
        let row = plain(read(at, "the order"))?;
        let legs = pointers(row.legs, u64::from(row.n_legs), LEGS_MAX, "legs")?;
        let leg = |at: &*const raw::Leg| -> Result<Leg, String> {
            let leg = plain(read(*at, "a leg"))?;
            Ok(Leg {
                contract: contract(leg.instrument)?,
                ratio: leg.ratio,
            })
        };
        Order {
            id: text(row.client_order_id, ORDER_ID_MAX, "the order's id")?,
            group: text(row.group, TEXT_MAX, "the order's group")?,
            legs: legs.iter().map(leg).collect::<Result<_, _>>()?,
            quantity: packages(row.quantity, "the order's quantity")?,
            limit_e9: match row.kind {
                raw::MARKET => None,
                raw::LIMIT => Some(row.limit_e9),
                kind => return Err(format!("the order is of kind {kind}")),
            },
            not_after_ns: row.not_after_ns,
            life: match row.life {
                raw::DAY => Life::Day,
                raw::UNTIL_CANCELLED => Life::UntilCancelled,
                life => return Err(format!("the order's life is {life}")),
            },
        }
    };
    order.check()?;
    Ok(order)
}

/// # Safety
/// The pointer is null or leads to a quote of the contract, with all that it points to.
unsafe fn quote(at: *const raw::Quote) -> Result<Quote, String> {
    // SAFETY: by the caller's promise.
    let quote = unsafe {
        let row = plain(read(at, "a quote"))?;
        let has = |bit: u32| row.flags & bit != 0;
        let contracts = |n: i64| u32::try_from(n).map_err(|_| format!("a quote's size is {n}"));
        Quote {
            contract: contract(row.instrument)?,
            at_ns: row.ts_ns,
            bid_e9: has(raw::HAS_BID).then_some(row.bid_e9),
            ask_e9: has(raw::HAS_ASK).then_some(row.ask_e9),
            bid_size: has(raw::HAS_BID_SIZE)
                .then(|| contracts(row.bid_size))
                .transpose()?,
            ask_size: has(raw::HAS_ASK_SIZE)
                .then(|| contracts(row.ask_size))
                .transpose()?,
        }
    };
    quote.check()?;
    Ok(quote)
}

/// Reads quotes.
///
/// # Errors
/// What is wrong with the first that is.
///
/// # Safety
/// The pointer is null or leads to `n` pointers to quotes of the contract.
pub unsafe fn quotes(rows: *const *const raw::Quote, n: u64) -> Result<Vec<Quote>, String> {
    // SAFETY: by the caller's promise.
    unsafe {
        pointers(rows, n, ROWS_MAX, "quotes")?
            .iter()
            .map(|at| quote(*at))
            .collect()
    }
}

/// Reads instruments.
///
/// # Errors
/// What is wrong with the first that is.
///
/// # Safety
/// The pointer is null or leads to `n` pointers to instruments of the contract.
pub unsafe fn instruments(rows: *const *const raw::Instrument, n: u64) -> Result<Vec<Contract>, String> {
    // SAFETY: by the caller's promise.
    unsafe {
        pointers(rows, n, ROWS_MAX, "instruments")?
            .iter()
            .map(|at| contract(*at))
            .collect()
    }
}

/// Reads values that contracts settle to.
///
/// # Errors
/// What is wrong with the first that is.
///
/// # Safety
/// The pointer is null or leads to `n` pointers to values of the contract.
pub unsafe fn final_values(rows: *const *const raw::FinalValue, n: u64) -> Result<Vec<FinalValue>, String> {
    let value = |at: &*const raw::FinalValue| -> Result<FinalValue, String> {
        // SAFETY: by the caller's promise.
        unsafe {
            let row = plain(read(*at, "a final value"))?;
            if !(0..=super::PRICE_MAX).contains(&row.price_e9) {
                return Err("a final value is out of range".to_owned());
            }
            Ok(FinalValue {
                kind: kind_of(row.kind)?,
                class: symbol(row.trading_class, "a final value's class")?,
                expiry: row.expiry,
                price_e9: row.price_e9,
                approximate: row.flags & raw::APPROXIMATE != 0,
            })
        }
    };
    // SAFETY: by the caller's promise.
    unsafe {
        pointers(rows, n, ROWS_MAX, "final values")?
            .iter()
            .map(value)
            .collect()
    }
}

/// # Safety
/// The pointer is null or leads to an execution of the contract, with all that it points to.
unsafe fn execution(at: *const raw::Execution) -> Result<Execution, String> {
    // SAFETY: by the caller's promise.
    unsafe {
        let row = plain(read(at, "an execution"))?;
        Ok(Execution {
            kind: match row.kind {
                raw::TRADE => ExecKind::Trade,
                raw::SETTLEMENT => ExecKind::Settlement,
                kind => return Err(format!("an execution is of kind {kind}")),
            },
            id: text(row.exec_id, ID_MAX, "an execution's id")?,
            corrects: optional(row.corrects, ID_MAX, "a corrected execution's id")?,
            order: optional(row.client_order_id, ORDER_ID_MAX, "an execution's order id")?,
            contract: contract(row.instrument)?,
            quantity: row.quantity,
            price_e9: row.price_e9,
            fee_e9: Some(row.fee_e9).filter(|f| *f != raw::NOT_TOLD),
            at_ns: row.ts_ns,
        })
    }
}

/// Reads an event.
///
/// # Errors
/// What is wrong with it.
///
/// # Safety
/// The pointer is null or leads to an event of the contract, with all that it points to.
pub unsafe fn event(at: *const raw::BrokerEvent) -> Result<Event, String> {
    // SAFETY: by the caller's promise, for all that the event points to.
    let event = unsafe {
        // What came after minor version 1 is absent in events of older plugins.
        let row = plain(read_from(at, raw::BROKER_EVENT_1, "an event"))?;
        let request = row.request_id;
        let order = || text(row.client_order_id, ORDER_ID_MAX, "an event's order id");
        let words = || text(row.text, TEXT_MAX, "an event's text");
        match row.kind {
            raw::EV_UP => Event::Up,
            raw::EV_DOWN => Event::Down { text: words()? },
            raw::EV_ACKNOWLEDGED => Event::Acknowledged {
                order: order()?,
                broker_order: text(row.broker_order_id, ID_MAX, "the broker's id of an order")?,
            },
            raw::EV_REJECTED => Event::Rejected {
                order: order()?,
                text: words()?,
            },
            raw::EV_FILLED => Event::Filled(execution(row.execution)?),
            raw::EV_CANCELLED => Event::Cancelled {
                order: order()?,
                text: words()?,
            },
            raw::EV_EXPIRED => Event::Expired { order: order()? },
            raw::EV_SNAP_BEGIN => Event::SnapshotBegin { request },
            raw::EV_SNAP_ORDER => Event::SnapshotOrder {
                request,
                row: order_row(row.order)?,
            },
            raw::EV_SNAP_HOLDING => {
                let holding = plain(read(row.holding, "a position"))?;
                Event::SnapshotHolding {
                    request,
                    contract: contract(holding.instrument)?,
                    quantity: holding.quantity,
                }
            }
            raw::EV_SNAP_FILL => Event::SnapshotFill {
                request,
                execution: execution(row.execution)?,
            },
            raw::EV_SNAP_ACCOUNT => {
                let account = plain(read(row.account, "an account"))?;
                let told = |x: i64| Some(x).filter(|x| *x != raw::NOT_TOLD);
                let both =
                    |x: i64, what: &str| told(x).ok_or_else(|| format!("the account's {what} is not told"));
                Event::SnapshotAccount {
                    request,
                    account: Account {
                        cash_e9: both(account.cash_e9, "cash")?,
                        net_liquidation_e9: both(account.net_liquidation_e9, "value")?,
                        initial_margin_e9: told(account.initial_margin_e9),
                        maintenance_margin_e9: told(account.maintenance_margin_e9),
                    },
                }
            }
            raw::EV_SNAP_END => Event::SnapshotEnd { request },
            raw::EV_QUOTE => Event::Quote(quote(row.quote)?),
            raw::EV_LISTED => Event::Listed {
                request,
                listing: listing(row.listing)?,
            },
            raw::EV_LIST_END => Event::ListEnd { request },
            kind => return Err(format!("an event is of kind {kind}")),
        }
    };
    event.check()?;
    Ok(event)
}

/// # Safety
/// The pointer is null or leads to a listing of the contract, with all that it points to.
unsafe fn listing(at: *const raw::Listing) -> Result<Listing, String> {
    // SAFETY: by the caller's promise.
    unsafe {
        let row = plain(read(at, "a listing"))?;
        let n = usize::try_from(row.n_strikes).unwrap_or(usize::MAX);
        if n > STRIKES_MAX || (n > 0 && row.strikes_e9.is_null()) {
            return Err(format!("a listing of {n} strikes"));
        }
        let strikes_e9 = if n == 0 {
            Vec::new()
        } else {
            std::slice::from_raw_parts(row.strikes_e9, n).to_vec()
        };
        Ok(Listing {
            symbol: symbol(row.symbol, "a listing's symbol")?,
            class: symbol(row.trading_class, "a listing's class")?,
            expiry: row.expiry,
            strikes_e9,
        })
    }
}

/// # Safety
/// The pointer is null or leads to an order's row of the contract, with all that it points to.
unsafe fn order_row(at: *const raw::OrderRow) -> Result<OrderRow, String> {
    // SAFETY: by the caller's promise.
    unsafe {
        let row = plain(read(at, "an order's row"))?;
        Ok(OrderRow {
            order: optional(row.client_order_id, ORDER_ID_MAX, "an order's id")?,
            broker_order: text(row.broker_order_id, ID_MAX, "the broker's id of an order")?,
            status: match row.status {
                raw::WORKING => Status::Working,
                raw::FILLED => Status::Filled,
                raw::CANCELLED => Status::Cancelled,
                raw::EXPIRED => Status::Expired,
                raw::REJECTED => Status::Rejected,
                status => return Err(format!("an order's status is {status}")),
            },
            filled: packages(row.filled, "the packages filled")?,
            left: packages(row.left, "the packages at work")?,
        })
    }
}
