//! The structs of brokers.

use super::{Destroy, Error, Host, Layout, Status, Str, mirror};
use std::ffi::{CStr, c_char, c_void};

/// Id of the factory of brokers.
pub const FACTORY_BROKER: &CStr = c"alula.broker.v1";
/// Bytes of an event in minor version 1, without what came later.
pub const BROKER_EVENT_1: usize = 104;
/// An amount that the broker does not tell.
pub const NOT_TOLD: i64 = i64::MIN;

/// A whole number.
pub const SETTING_I64: u32 = 1;
/// A number.
pub const SETTING_F64: u32 = 2;
/// A text.
pub const SETTING_STR: u32 = 3;

/// An option.
pub const OPTION: u32 = 1;
/// A future.
pub const FUTURE: u32 = 2;
/// A share.
pub const SHARE: u32 = 3;
/// An index: quoted, never traded.
pub const INDEX: u32 = 4;

/// At any price.
pub const MARKET: u32 = 1;
/// At the limit or better.
pub const LIMIT: u32 = 2;
/// To the end of the session.
pub const DAY: u32 = 1;
/// Until it is taken back.
pub const UNTIL_CANCELLED: u32 = 2;

/// A quote has a bid.
pub const HAS_BID: u32 = 1;
/// A quote has an ask.
pub const HAS_ASK: u32 = 2;
/// A quote has the size of its bid.
pub const HAS_BID_SIZE: u32 = 4;
/// A quote has the size of its ask.
pub const HAS_ASK_SIZE: u32 = 8;
/// A value stands in for an official one.
pub const APPROXIMATE: u32 = 1;

/// A trade.
pub const TRADE: u32 = 1;
/// An expired contract went to cash.
pub const SETTLEMENT: u32 = 2;

/// At work.
pub const WORKING: u32 = 1;
/// Filled whole.
pub const FILLED: u32 = 2;
/// Taken back.
pub const CANCELLED: u32 = 3;
/// Its time is over.
pub const EXPIRED: u32 = 4;
/// Refused.
pub const REJECTED: u32 = 5;

/// The connection stands.
pub const EV_UP: u32 = 1;
/// It broke.
pub const EV_DOWN: u32 = 2;
/// The broker has the order.
pub const EV_ACKNOWLEDGED: u32 = 10;
/// The broker will not have it.
pub const EV_REJECTED: u32 = 11;
/// A leg traded.
pub const EV_FILLED: u32 = 12;
/// An order was taken back.
pub const EV_CANCELLED: u32 = 13;
/// An order's time is over.
pub const EV_EXPIRED: u32 = 14;
/// Rows of a snapshot follow.
pub const EV_SNAP_BEGIN: u32 = 20;
/// An order of a snapshot.
pub const EV_SNAP_ORDER: u32 = 21;
/// A position of a snapshot.
pub const EV_SNAP_HOLDING: u32 = 22;
/// An execution of a snapshot.
pub const EV_SNAP_FILL: u32 = 23;
/// The account of a snapshot.
pub const EV_SNAP_ACCOUNT: u32 = 24;
/// The snapshot is whole.
pub const EV_SNAP_END: u32 = 25;
/// A quote.
pub const EV_QUOTE: u32 = 30;
/// Options of a class and expiry are listed.
pub const EV_LISTED: u32 = 31;
/// A listing is whole.
pub const EV_LIST_END: u32 = 32;

/// Packages of several legs as one order.
pub const BRK_COMBOS: u32 = 1;
/// A client order id that was used is refused.
pub const BRK_DEDUP: u32 = 2;
/// Snapshots have orders.
pub const BRK_ORDERS: u32 = 4;
/// Snapshots have executions.
pub const BRK_FILLS: u32 = 8;
/// Snapshots have positions.
pub const BRK_HOLDINGS: u32 = 16;
/// `what_if` is there.
pub const BRK_WHAT_IF: u32 = 32;
/// It gives quotes.
pub const BRK_QUOTES: u32 = 64;
/// It lives from quotes that the host hands it.
pub const BRK_SIMULATED: u32 = 128;
/// Real money.
pub const BRK_LIVE: u32 = 256;
/// `watch` takes indices.
pub const BRK_INDICES: u32 = 512;
/// `list` is there.
pub const BRK_CHAINS: u32 = 1024;

/// A function of a broker that takes nothing else.
pub type Plain = unsafe extern "C" fn(this: *mut c_void, err: *mut Error) -> Status;
/// `poll` of a broker.
pub type Poll =
    unsafe extern "C" fn(this: *mut c_void, wait_ns: i64, sink: *const EventSink, err: *mut Error) -> Status;
/// `submit` of a broker.
pub type Submit = unsafe extern "C" fn(this: *mut c_void, order: *const Order, err: *mut Error) -> Status;
/// `cancel` of a broker.
pub type Cancel = unsafe extern "C" fn(this: *mut c_void, id: Str, err: *mut Error) -> Status;
/// `request_snapshot` of a broker.
pub type RequestSnapshot =
    unsafe extern "C" fn(this: *mut c_void, request_id: u64, since_ns: i64, err: *mut Error) -> Status;
/// `what_if` of a broker.
pub type AskWhatIf =
    unsafe extern "C" fn(this: *mut c_void, order: *const Order, out: *mut WhatIf, err: *mut Error) -> Status;
/// `quotes` of a broker.
pub type Quotes = unsafe extern "C" fn(
    this: *mut c_void,
    ts_ns: i64,
    rows: *const *const Quote,
    n_rows: u64,
    err: *mut Error,
) -> Status;
/// `final_values` of a broker.
pub type FinalValues = unsafe extern "C" fn(
    this: *mut c_void,
    ts_ns: i64,
    rows: *const *const FinalValue,
    n_rows: u64,
    err: *mut Error,
) -> Status;
/// `watch` of a broker.
pub type Watch = unsafe extern "C" fn(
    this: *mut c_void,
    rows: *const *const Instrument,
    n_rows: u64,
    err: *mut Error,
) -> Status;
/// `list` of a broker.
pub type List =
    unsafe extern "C" fn(this: *mut c_void, request_id: u64, underlying: Str, err: *mut Error) -> Status;
/// `event` of a sink.
pub type TakeEvent = unsafe extern "C" fn(ctx: *mut c_void, event: *const BrokerEvent) -> i32;
/// `describe` of a factory of brokers.
pub type DescribeBroker = unsafe extern "C" fn(index: u32) -> *const BrokerDesc;
/// `create` of a factory of brokers.
pub type CreateBroker = unsafe extern "C" fn(
    id: *const c_char,
    settings: *const *const Setting,
    n_settings: u32,
    host: *const Host,
    self_out: *mut *mut c_void,
    vtbl_out: *mut *const BrokerVtbl,
    err: *mut Error,
) -> Status;

mirror! { BROKER;
    /// A setting that a broker is made with.
    struct SettingDesc = "alula_setting_desc" {
        /// Bytes of this struct.
        struct_size: u32,
        /// [`SETTING_I64`], [`SETTING_F64`] or [`SETTING_STR`].
        kind: u32,
        /// Name.
        name: *const c_char,
        /// What it is.
        doc: *const c_char,
        /// Smallest.
        min: f64,
        /// Largest.
        max: f64,
        /// Default of a number.
        def: f64,
        /// Default of a text; null where it must be given.
        text: *const c_char,
    }
    /// A setting with its value.
    struct Setting = "alula_setting" {
        /// Bytes of this struct.
        struct_size: u32,
        /// [`SETTING_I64`], [`SETTING_F64`] or [`SETTING_STR`].
        kind: u32,
        /// Name.
        name: *const c_char,
        /// Value of a whole number.
        i: i64,
        /// Value of a number.
        f: f64,
        /// Value of a text.
        s: Str,
    }
    /// What can be traded.
    struct Instrument = "alula_instrument" {
        /// Bytes of this struct.
        struct_size: u32,
        /// [`OPTION`], [`FUTURE`], [`SHARE`] or [`INDEX`].
        kind: u32,
        /// Underlying; a share's own.
        symbol: Str,
        /// Trading class.
        trading_class: Str,
        /// Currency.
        currency: Str,
        /// Year, month and day as one number.
        expiry: u32,
        /// `C`, `P` or 0.
        right: u32,
        /// Strike in billionths.
        strike_e9: i64,
        /// Dollars a point, in billionths.
        multiplier_e9: i64,
    }
    /// A leg of an order.
    struct Leg = "alula_leg" {
        /// Bytes of this struct.
        struct_size: u32,
        /// Contracts for one package, signed.
        ratio: i32,
        /// What.
        instrument: *const Instrument,
    }
    /// An order.
    struct Order = "alula_order" {
        /// Bytes of this struct.
        struct_size: u32,
        /// [`MARKET`] or [`LIMIT`].
        kind: u32,
        /// Our name for it.
        client_order_id: Str,
        /// Structure that it belongs to.
        group: Str,
        /// [`DAY`] or [`UNTIL_CANCELLED`].
        life: u32,
        /// Legs.
        n_legs: u32,
        /// Legs.
        legs: *const *const Leg,
        /// Packages.
        quantity: i64,
        /// Most points paid for one package.
        limit_e9: i64,
        /// Refused from this time on.
        not_after_ns: i64,
    }
    /// A quote.
    struct Quote = "alula_quote" {
        /// Bytes of this struct.
        struct_size: u32,
        /// Which fields it has.
        flags: u32,
        /// Of what.
        instrument: *const Instrument,
        /// When it stood.
        ts_ns: i64,
        /// Bid.
        bid_e9: i64,
        /// Ask.
        ask_e9: i64,
        /// Contracts at the bid.
        bid_size: i64,
        /// Contracts at the ask.
        ask_size: i64,
    }
    /// What expired contracts settle to.
    struct FinalValue = "alula_final_value" {
        /// Bytes of this struct.
        struct_size: u32,
        /// [`APPROXIMATE`] or 0.
        flags: u32,
        /// [`OPTION`] or [`FUTURE`].
        kind: u32,
        /// Year, month and day as one number.
        expiry: u32,
        /// Trading class.
        trading_class: Str,
        /// Value of the underlying.
        price_e9: i64,
    }
    /// A trade or a settlement.
    struct Execution = "alula_execution" {
        /// Bytes of this struct.
        struct_size: u32,
        /// [`TRADE`] or [`SETTLEMENT`].
        kind: u32,
        /// Unique per account.
        exec_id: Str,
        /// The one that it replaces, or empty.
        corrects: Str,
        /// Our order, or empty.
        client_order_id: Str,
        /// What.
        instrument: *const Instrument,
        /// Contracts or shares, signed.
        quantity: i64,
        /// Price of one.
        price_e9: i64,
        /// Fee, or [`NOT_TOLD`].
        fee_e9: i64,
        /// The venue's time.
        ts_ns: i64,
    }
    /// An order as the broker has it.
    struct OrderRow = "alula_order_row" {
        /// Bytes of this struct.
        struct_size: u32,
        /// How it stands.
        status: u32,
        /// Our name for it, or empty.
        client_order_id: Str,
        /// The broker's.
        broker_order_id: Str,
        /// Packages filled.
        filled: i64,
        /// Packages at work.
        left: i64,
    }
    /// A position.
    struct Holding = "alula_holding" {
        /// Bytes of this struct.
        struct_size: u32,
        /// 0.
        reserved0: u32,
        /// What.
        instrument: *const Instrument,
        /// How many, signed.
        quantity: i64,
    }
    /// Money of an account.
    struct Account = "alula_account" {
        /// Bytes of this struct.
        struct_size: u32,
        /// 0.
        reserved0: u32,
        /// Cash.
        cash_e9: i64,
        /// Cash and positions at market.
        net_liquidation_e9: i64,
        /// Initial margin, or [`NOT_TOLD`].
        initial_margin_e9: i64,
        /// Maintenance margin, or [`NOT_TOLD`].
        maintenance_margin_e9: i64,
    }
    /// What an order would take.
    struct WhatIf = "alula_what_if" {
        /// Bytes of this struct.
        struct_size: u32,
        /// 0.
        reserved0: u32,
        /// Initial margin of the account with it.
        initial_margin_e9: i64,
        /// Maintenance margin of the account with it.
        maintenance_margin_e9: i64,
        /// Fees.
        fee_e9: i64,
    }
    /// Options of a class and expiry.
    struct Listing = "alula_listing" {
        /// Bytes of this struct.
        struct_size: u32,
        /// Year, month and day as one number.
        expiry: u32,
        /// Underlying.
        symbol: Str,
        /// Trading class.
        trading_class: Str,
        /// Strikes.
        n_strikes: u64,
        /// Strikes in billionths, ascending.
        strikes_e9: *const i64,
    }
    /// What a broker says.
    struct BrokerEvent = "alula_broker_event" {
        /// Bytes of this struct.
        struct_size: u32,
        /// What kind.
        kind: u32,
        /// Number of a snapshot.
        request_id: u64,
        /// Our order.
        client_order_id: Str,
        /// The broker's name for it.
        broker_order_id: Str,
        /// Words.
        text: Str,
        /// A trade or settlement.
        execution: *const Execution,
        /// An order of a snapshot.
        order: *const OrderRow,
        /// A position of a snapshot.
        holding: *const Holding,
        /// The account of a snapshot.
        account: *const Account,
        /// A quote.
        quote: *const Quote,
        /// Options of a class and expiry.
        listing: *const Listing,
    }
    /// Takes events.
    struct EventSink = "alula_event_sink" {
        /// Bytes of this struct.
        struct_size: u32,
        /// 0.
        reserved0: u32,
        /// Passed to `event`.
        ctx: *mut c_void,
        /// Copies; other than 0 means stop.
        event: Option<TakeEvent>,
    }
    /// What a broker is.
    struct BrokerDesc = "alula_broker_desc" {
        /// Bytes of this struct.
        struct_size: u32,
        /// What it can do.
        caps: u32,
        /// Name.
        id: *const c_char,
        /// Version.
        version: *const c_char,
        /// What it is.
        doc: *const c_char,
        /// Settings.
        n_settings: u32,
        /// 0.
        reserved0: u32,
        /// Settings.
        settings: *const SettingDesc,
    }
    /// Functions of an instance.
    struct BrokerVtbl = "alula_broker_vtbl" {
        /// Bytes of this struct.
        struct_size: u32,
        /// 0.
        reserved0: u32,
        /// Joins its threads and frees the instance.
        destroy: Option<Destroy>,
        /// Starts to connect.
        connect: Option<Plain>,
        /// Ends the connection.
        disconnect: Option<Plain>,
        /// Gives events.
        poll: Option<Poll>,
        /// Sends an order.
        submit: Option<Submit>,
        /// Asks to take one back.
        cancel: Option<Cancel>,
        /// Asks for a snapshot.
        request_snapshot: Option<RequestSnapshot>,
        /// Asks what an order would take.
        what_if: Option<AskWhatIf>,
        /// Takes quotes.
        quotes: Option<Quotes>,
        /// Takes values that contracts settle to.
        final_values: Option<FinalValues>,
        /// Gives quotes of instruments from now on.
        watch: Option<Watch>,
        /// Says which options of an underlying are listed.
        list: Option<List>,
    }
    /// Makes brokers.
    struct BrokerFactory = "alula_broker_factory" {
        /// Bytes of this struct.
        struct_size: u32,
        /// Brokers.
        count: u32,
        /// What the one of a number is.
        describe: Option<DescribeBroker>,
        /// Makes one.
        create: Option<CreateBroker>,
    }
}

// SAFETY: a plain table whose pointers lead to immutable data and functions that live as long as the library; the contract
// lets every thread read it.
unsafe impl Sync for BrokerFactory {}

const _: () = {
    assert!(size_of::<SettingDesc>() == 56);
    assert!(size_of::<Setting>() == 48);
    assert!(size_of::<Instrument>() == 80);
    assert!(size_of::<Leg>() == 16);
    assert!(size_of::<Order>() == 80);
    assert!(size_of::<Quote>() == 56);
    assert!(size_of::<FinalValue>() == 40);
    assert!(size_of::<Execution>() == 96);
    assert!(size_of::<OrderRow>() == 56);
    assert!(size_of::<Holding>() == 24);
    assert!(size_of::<Account>() == 40);
    assert!(size_of::<WhatIf>() == 32);
    assert!(size_of::<Listing>() == 56);
    assert!(size_of::<BrokerEvent>() == 112);
    assert!(std::mem::offset_of!(BrokerEvent, listing) == BROKER_EVENT_1);
    assert!(size_of::<EventSink>() == 24);
    assert!(size_of::<BrokerDesc>() == 48);
    assert!(size_of::<BrokerVtbl>() == 104);
    assert!(std::mem::offset_of!(BrokerVtbl, submit) == 40);
    assert!(std::mem::offset_of!(BrokerVtbl, final_values) == 80);
    assert!(size_of::<BrokerFactory>() == 24);
};
