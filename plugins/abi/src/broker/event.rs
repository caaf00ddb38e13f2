//! What a broker says.

use super::{
    Contract, HELD_MAX, ID_MAX, PRICE_MAX, QUANTITY_MAX, Quote, Word, check_text, check_time, is_id,
    is_order_id, price_ok,
};

/// What moved a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExecKind {
    /// A trade.
    Trade,
    /// An expired contract went to cash.
    Settlement,
}

/// A trade or settlement of one leg.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Execution {
    /// What it is.
    pub kind: ExecKind,
    /// Unique per account.
    pub id: String,
    /// The execution that this one replaces.
    pub corrects: Option<String>,
    /// Our order.
    pub order: Option<String>,
    /// What.
    pub contract: Contract,
    /// Contracts or shares: bought above 0, sold below.
    pub quantity: i64,
    /// Price of one.
    pub price_e9: i64,
    /// Fee of this leg, where it is told.
    pub fee_e9: Option<i64>,
    /// The venue's time.
    pub at_ns: i64,
}

impl Execution {
    /// Checks its limits.
    ///
    /// # Errors
    /// The first that it breaks.
    pub fn check(&self) -> Result<(), String> {
        self.contract.check()?;
        if !is_id(&self.id, ID_MAX) || self.corrects.as_ref().is_some_and(|c| !is_id(c, ID_MAX)) {
            return Err("an execution has no id of 1 to 64 printable characters".to_owned());
        }
        if self.corrects.as_ref() == Some(&self.id) {
            return Err(format!("the execution `{}` corrects itself", self.id));
        }
        if self.order.as_ref().is_some_and(|o| !is_order_id(o)) {
            return Err(format!("the execution `{}` has an order of no valid id", self.id));
        }
        if self.kind == ExecKind::Settlement && self.order.is_some() {
            return Err(format!("the settlement `{}` belongs to an order", self.id));
        }
        if self.quantity == 0 || self.quantity.unsigned_abs() > HELD_MAX.unsigned_abs() {
            return Err(format!("the execution `{}` is of {}", self.id, self.quantity));
        }
        if !price_ok(self.price_e9) || self.fee_e9.is_some_and(|f| !price_ok(f)) {
            return Err(format!(
                "the price or fee of the execution `{}` is out of range",
                self.id
            ));
        }
        check_time(self.at_ns)
    }
}

/// How an order stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// At work.
    Working,
    /// Filled whole.
    Filled,
    /// Taken back.
    Cancelled,
    /// Its time is over.
    Expired,
    /// Refused.
    Rejected,
}

/// An order as the broker has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderRow {
    /// Our name for it.
    pub order: Option<String>,
    /// The broker's.
    pub broker_order: String,
    /// How it stands.
    pub status: Status,
    /// Packages filled.
    pub filled: u32,
    /// Packages at work.
    pub left: u32,
}

impl OrderRow {
    /// Checks its limits.
    ///
    /// # Errors
    /// The first that it breaks.
    pub fn check(&self) -> Result<(), String> {
        if !is_id(&self.broker_order, ID_MAX) || self.order.as_ref().is_some_and(|o| !is_order_id(o)) {
            return Err("an order of the snapshot has no valid id".to_owned());
        }
        if self.filled > QUANTITY_MAX || self.left > QUANTITY_MAX {
            return Err(format!("the order `{}` has too many packages", self.broker_order));
        }
        if self.status == Status::Working && self.left == 0 {
            return Err(format!(
                "the order `{}` is at work with nothing left",
                self.broker_order
            ));
        }
        if self.status != Status::Working && self.left != 0 {
            return Err(format!(
                "the order `{}` has ended with packages at work",
                self.broker_order
            ));
        }
        Ok(())
    }
}

/// Money of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account {
    /// Cash.
    pub cash_e9: i64,
    /// Cash and positions at market.
    pub net_liquidation_e9: i64,
    /// Initial margin, where it is told.
    pub initial_margin_e9: Option<i64>,
    /// Maintenance margin, where it is told.
    pub maintenance_margin_e9: Option<i64>,
}

/// Most strikes of one class and expiry.
pub const STRIKES_MAX: usize = 10_000;

/// Options of a class and expiry that are listed. Some strikes may turn out not to be there: venues name the strikes of a
/// class for all of its expiries together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// Underlying.
    pub symbol: Word,
    /// Class.
    pub class: Word,
    /// Year, month and day as one number.
    pub expiry: u32,
    /// Strikes, ascending.
    pub strikes_e9: Vec<i64>,
}

impl Listing {
    /// Checks its limits.
    ///
    /// # Errors
    /// The first that it breaks.
    pub fn check(&self) -> Result<(), String> {
        let rising = self.strikes_e9.windows(2).all(|w| matches!(w, [a, b] if a < b));
        let inside = self.strikes_e9.iter().all(|k| (1..=PRICE_MAX).contains(k));
        if !rising || !inside || self.strikes_e9.len() > STRIKES_MAX {
            return Err(format!(
                "the strikes of `{}` {} are no strikes",
                self.class, self.expiry
            ));
        }
        if !(19_700_101..=22_001_231).contains(&self.expiry) {
            return Err(format!("`{}` has a listing of no expiry", self.class));
        }
        Ok(())
    }
}

/// What a broker says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "fields named as in the header, which says what they are"
)]
pub enum Event {
    /// The connection stands.
    Up,
    /// It broke.
    Down { text: String },
    /// The broker has the order.
    Acknowledged { order: String, broker_order: String },
    /// The broker will not have it.
    Rejected { order: String, text: String },
    /// A leg traded.
    Filled(Execution),
    /// An order was taken back.
    Cancelled { order: String, text: String },
    /// An order's time is over.
    Expired { order: String },
    /// Rows of a snapshot follow.
    SnapshotBegin { request: u64 },
    /// An order of a snapshot.
    SnapshotOrder { request: u64, row: OrderRow },
    /// A position of a snapshot.
    SnapshotHolding {
        request: u64,
        contract: Contract,
        quantity: i64,
    },
    /// An execution of a snapshot.
    SnapshotFill { request: u64, execution: Execution },
    /// The account of a snapshot.
    SnapshotAccount { request: u64, account: Account },
    /// The snapshot is whole.
    SnapshotEnd { request: u64 },
    /// A quote.
    Quote(Quote),
    /// Options of a class and expiry are listed.
    Listed { request: u64, listing: Listing },
    /// A listing is whole.
    ListEnd { request: u64 },
}

impl Event {
    /// Checks its limits.
    ///
    /// # Errors
    /// The first that it breaks.
    pub fn check(&self) -> Result<(), String> {
        let order_id = |id: &String| {
            if is_order_id(id) {
                Ok(())
            } else {
                Err("an event's order id is not 1 to 32 letters, digits and `-`".to_owned())
            }
        };
        match self {
            Self::Up
            | Self::SnapshotBegin { .. }
            | Self::SnapshotEnd { .. }
            | Self::ListEnd { .. }
            | Self::SnapshotAccount { .. } => Ok(()),
            Self::Down { text } => check_text(text, "an event's text"),
            Self::Acknowledged { order, broker_order } => {
                order_id(order)?;
                if is_id(broker_order, ID_MAX) {
                    Ok(())
                } else {
                    Err("the broker's id of an order is not 1 to 64 printable characters".to_owned())
                }
            }
            Self::Rejected { order, text } | Self::Cancelled { order, text } => {
                order_id(order)?;
                check_text(text, "an event's text")
            }
            Self::Expired { order } => order_id(order),
            Self::Filled(execution) | Self::SnapshotFill { execution, .. } => execution.check(),
            Self::SnapshotOrder { row, .. } => row.check(),
            Self::SnapshotHolding {
                contract, quantity, ..
            } => {
                contract.check()?;
                if *quantity == 0 || quantity.unsigned_abs() > HELD_MAX.unsigned_abs() {
                    return Err(format!("a position is of {quantity}"));
                }
                Ok(())
            }
            Self::Quote(quote) => quote.check(),
            Self::Listed { listing, .. } => listing.check(),
        }
    }

    /// The snapshot that it belongs to.
    #[must_use]
    pub const fn request(&self) -> Option<u64> {
        match self {
            Self::SnapshotBegin { request }
            | Self::SnapshotOrder { request, .. }
            | Self::SnapshotHolding { request, .. }
            | Self::SnapshotFill { request, .. }
            | Self::SnapshotAccount { request, .. }
            | Self::SnapshotEnd { request } => Some(*request),
            _ => None,
        }
    }
}
