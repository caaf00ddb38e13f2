//! The values as bytes, for files and pipes: little-endian, every length bounded, nothing that [`Event::check`] and its like
//! would refuse. [`VERSION`] names this layout; a reader refuses another one.

use super::event::{Account, Event, ExecKind, Execution, Listing, OrderRow, Status};
use super::{Contract, FinalValue, Kind, LEGS_MAX, Leg, Life, Order, Quote, Right, TEXT_MAX, WhatIf, Word};
pub use crate::host::crc32c;

/// Version of the layout.
pub const VERSION: u32 = 2;

/// Appends values.
#[derive(Clone, Debug, Default)]
pub struct Out(pub Vec<u8>);

/// Takes values off the front.
#[derive(Clone, Copy, Debug)]
pub struct In<'a>(pub &'a [u8]);

/// A value as bytes.
pub trait Wire: Sized {
    /// Appends it.
    fn put(&self, out: &mut Out);
    /// Takes it off the front.
    ///
    /// # Errors
    /// When these bytes are not one.
    fn take(from: &mut In<'_>) -> Result<Self, String>;
}

/// The bytes of a value.
#[must_use]
pub fn bytes_of<T: Wire>(value: &T) -> Vec<u8> {
    let mut out = Out::default();
    value.put(&mut out);
    out.0
}

/// The value of bytes, all of them.
///
/// # Errors
/// When they are not one, or something is left over.
pub fn value_of<T: Wire>(bytes: &[u8]) -> Result<T, String> {
    let mut from = In(bytes);
    let value = T::take(&mut from)?;
    if from.0.is_empty() {
        Ok(value)
    } else {
        Err(format!("{} bytes too many", from.0.len()))
    }
}

impl In<'_> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let (head, rest) = self.0.split_first_chunk::<N>().ok_or("the bytes end early")?;
        self.0 = rest;
        Ok(*head)
    }

    /// So many bytes as they are.
    ///
    /// # Errors
    /// When there are fewer.
    pub fn bytes(&mut self, len: usize) -> Result<&[u8], String> {
        let (head, rest) = self.0.split_at_checked(len).ok_or("the bytes end early")?;
        self.0 = rest;
        Ok(head)
    }

    /// A byte that names one of so many.
    ///
    /// # Errors
    /// When it names none.
    pub fn tag(&mut self, below: u8, what: &str) -> Result<u8, String> {
        let [tag] = self.array::<1>()?;
        if tag < below {
            Ok(tag)
        } else {
            Err(format!("{tag} is no {what}"))
        }
    }
}

macro_rules! whole {
    ($($t:ty),*) => { $(
        impl Wire for $t {
            fn put(&self, out: &mut Out) {
                out.0.extend_from_slice(&self.to_le_bytes());
            }
            fn take(from: &mut In<'_>) -> Result<Self, String> {
                from.array().map(Self::from_le_bytes)
            }
        }
    )* };
}
whole!(u8, u32, u64, i32, i64);

impl Wire for f64 {
    fn put(&self, out: &mut Out) {
        self.to_bits().put(out);
    }
    fn take(from: &mut In<'_>) -> Result<Self, String> {
        u64::take(from).map(Self::from_bits)
    }
}

impl Wire for bool {
    fn put(&self, out: &mut Out) {
        out.0.push(u8::from(*self));
    }
    fn take(from: &mut In<'_>) -> Result<Self, String> {
        from.tag(2, "truth value").map(|t| t == 1)
    }
}

impl Wire for String {
    fn put(&self, out: &mut Out) {
        let end = (0..=self.len().min(TEXT_MAX))
            .rev()
            .find(|i| self.is_char_boundary(*i));
        let text = self.get(..end.unwrap_or(0)).unwrap_or_default();
        u32::try_from(text.len()).unwrap_or(0).put(out);
        out.0.extend_from_slice(text.as_bytes());
    }
    fn take(from: &mut In<'_>) -> Result<Self, String> {
        let len = usize::try_from(u32::take(from)?).unwrap_or(usize::MAX);
        if len > TEXT_MAX {
            return Err(format!("a text of {len} bytes"));
        }
        let (head, rest) = from.0.split_at_checked(len).ok_or("a text ends early")?;
        from.0 = rest;
        let text = std::str::from_utf8(head).map_err(|_| "a text is not valid UTF-8")?;
        Ok(text.to_owned())
    }
}

impl<T: Wire> Wire for Option<T> {
    fn put(&self, out: &mut Out) {
        self.is_some().put(out);
        if let Some(value) = self {
            value.put(out);
        }
    }
    fn take(from: &mut In<'_>) -> Result<Self, String> {
        Ok(if bool::take(from)? {
            Some(T::take(from)?)
        } else {
            None
        })
    }
}

/// Most values of one list.
const LIST_MAX: usize = 1 << 20;

impl<T: Wire> Wire for Vec<T> {
    fn put(&self, out: &mut Out) {
        u32::try_from(self.len()).unwrap_or(u32::MAX).put(out);
        for value in self {
            value.put(out);
        }
    }
    fn take(from: &mut In<'_>) -> Result<Self, String> {
        let len = usize::try_from(u32::take(from)?).unwrap_or(usize::MAX);
        // A value has at least a byte: what is promised must be there.
        if len > LIST_MAX || len > from.0.len() {
            return Err(format!("a list of {len} values"));
        }
        (0..len).map(|_| T::take(from)).collect()
    }
}

impl Wire for Word {
    fn put(&self, out: &mut Out) {
        out.0.push(self.len);
        out.0.extend_from_slice(self.as_str().as_bytes());
    }
    fn take(from: &mut In<'_>) -> Result<Self, String> {
        let len = usize::from(u8::take(from)?);
        let (head, rest) = from.0.split_at_checked(len).ok_or("a symbol ends early")?;
        from.0 = rest;
        let text = std::str::from_utf8(head).ok().and_then(Self::new);
        text.ok_or_else(|| "a symbol is none".to_owned())
    }
}

/// An enumeration by the place of its values in a list.
macro_rules! by_place {
    ($t:ty, $what:literal, [$($value:path),* $(,)?]) => {
        impl Wire for $t {
            fn put(&self, out: &mut Out) {
                let all = [$($value),*];
                let at = all.iter().position(|v| v == self).and_then(|at| u8::try_from(at).ok());
                out.0.push(at.unwrap_or(u8::MAX));
            }
            fn take(from: &mut In<'_>) -> Result<Self, String> {
                let tag = u8::take(from)?;
                let all = [$($value),*];
                all.get(usize::from(tag)).copied().ok_or_else(|| format!("{tag} is no {}", $what))
            }
        }
    };
}
by_place!(
    Kind,
    "kind",
    [Kind::Option, Kind::Future, Kind::Share, Kind::Index]
);
by_place!(Right, "right", [Right::Call, Right::Put]);
by_place!(Life, "life", [Life::Day, Life::UntilCancelled]);
by_place!(ExecKind, "execution", [ExecKind::Trade, ExecKind::Settlement]);
by_place!(
    Status,
    "status",
    [
        Status::Working,
        Status::Filled,
        Status::Cancelled,
        Status::Expired,
        Status::Rejected
    ]
);

/// A struct by its fields in order, checked when it is read.
macro_rules! by_fields {
    ($t:ident { $($field:ident),* $(,)? } $(, $check:ident)?) => {
        impl Wire for $t {
            fn put(&self, out: &mut Out) {
                $( self.$field.put(out); )*
            }
            fn take(from: &mut In<'_>) -> Result<Self, String> {
                let value = Self { $( $field: Wire::take(from)?, )* };
                $( value.$check()?; )?
                Ok(value)
            }
        }
    };
}
by_fields!(
    Contract {
        kind,
        symbol,
        class,
        currency,
        expiry,
        right,
        strike_e9,
        multiplier_e9
    },
    check
);
by_fields!(
    Order {
        id,
        group,
        legs,
        quantity,
        limit_e9,
        not_after_ns,
        life
    },
    check
);
by_fields!(
    Quote {
        contract,
        at_ns,
        bid_e9,
        ask_e9,
        bid_size,
        ask_size
    },
    check
);
by_fields!(FinalValue {
    kind,
    class,
    expiry,
    price_e9,
    approximate
});
by_fields!(WhatIf {
    initial_margin_e9,
    maintenance_margin_e9,
    fee_e9
});
by_fields!(Account {
    cash_e9,
    net_liquidation_e9,
    initial_margin_e9,
    maintenance_margin_e9
});
by_fields!(
    OrderRow {
        order,
        broker_order,
        status,
        filled,
        left
    },
    check
);
by_fields!(
    Execution {
        kind,
        id,
        corrects,
        order,
        contract,
        quantity,
        price_e9,
        fee_e9,
        at_ns
    },
    check
);

by_fields!(
    Listing {
        symbol,
        class,
        expiry,
        strikes_e9
    },
    check
);

impl Wire for Leg {
    fn put(&self, out: &mut Out) {
        self.contract.put(out);
        self.ratio.put(out);
    }
    fn take(from: &mut In<'_>) -> Result<Self, String> {
        Ok(Self {
            contract: Wire::take(from)?,
            ratio: Wire::take(from)?,
        })
    }
}

/// Legs are counted by an order's own check; this keeps a list from being read far beyond it.
const _: () = assert!(LEGS_MAX <= LIST_MAX);

impl Wire for Event {
    fn put(&self, out: &mut Out) {
        let tag = |out: &mut Out, tag: u8| out.0.push(tag);
        match self {
            Self::Up => tag(out, 0),
            Self::Down { text } => {
                tag(out, 1);
                text.put(out);
            }
            Self::Acknowledged { order, broker_order } => {
                tag(out, 2);
                order.put(out);
                broker_order.put(out);
            }
            Self::Rejected { order, text } => {
                tag(out, 3);
                order.put(out);
                text.put(out);
            }
            Self::Filled(execution) => {
                tag(out, 4);
                execution.put(out);
            }
            Self::Cancelled { order, text } => {
                tag(out, 5);
                order.put(out);
                text.put(out);
            }
            Self::Expired { order } => {
                tag(out, 6);
                order.put(out);
            }
            Self::SnapshotBegin { request } => {
                tag(out, 7);
                request.put(out);
            }
            Self::SnapshotOrder { request, row } => {
                tag(out, 8);
                request.put(out);
                row.put(out);
            }
            Self::SnapshotHolding {
                request,
                contract,
                quantity,
            } => {
                tag(out, 9);
                request.put(out);
                contract.put(out);
                quantity.put(out);
            }
            Self::SnapshotFill { request, execution } => {
                tag(out, 10);
                request.put(out);
                execution.put(out);
            }
            Self::SnapshotAccount { request, account } => {
                tag(out, 11);
                request.put(out);
                account.put(out);
            }
            Self::SnapshotEnd { request } => {
                tag(out, 12);
                request.put(out);
            }
            Self::Quote(quote) => {
                tag(out, 13);
                quote.put(out);
            }
            Self::Listed { request, listing } => {
                tag(out, 14);
                request.put(out);
                listing.put(out);
            }
            Self::ListEnd { request } => {
                tag(out, 15);
                request.put(out);
            }
        }
    }

    fn take(from: &mut In<'_>) -> Result<Self, String> {
        let event = match from.tag(16, "event")? {
            0 => Self::Up,
            1 => Self::Down {
                text: Wire::take(from)?,
            },
            2 => Self::Acknowledged {
                order: Wire::take(from)?,
                broker_order: Wire::take(from)?,
            },
            3 => Self::Rejected {
                order: Wire::take(from)?,
                text: Wire::take(from)?,
            },
            4 => Self::Filled(Wire::take(from)?),
            5 => Self::Cancelled {
                order: Wire::take(from)?,
                text: Wire::take(from)?,
            },
            6 => Self::Expired {
                order: Wire::take(from)?,
            },
            7 => Self::SnapshotBegin {
                request: Wire::take(from)?,
            },
            8 => Self::SnapshotOrder {
                request: Wire::take(from)?,
                row: Wire::take(from)?,
            },
            9 => Self::SnapshotHolding {
                request: Wire::take(from)?,
                contract: Wire::take(from)?,
                quantity: Wire::take(from)?,
            },
            10 => Self::SnapshotFill {
                request: Wire::take(from)?,
                execution: Wire::take(from)?,
            },
            11 => Self::SnapshotAccount {
                request: Wire::take(from)?,
                account: Wire::take(from)?,
            },
            12 => Self::SnapshotEnd {
                request: Wire::take(from)?,
            },
            13 => Self::Quote(Wire::take(from)?),
            14 => Self::Listed {
                request: Wire::take(from)?,
                listing: Wire::take(from)?,
            },
            _ => Self::ListEnd {
                request: Wire::take(from)?,
            },
        };
        event.check()?;
        Ok(event)
    }
}
