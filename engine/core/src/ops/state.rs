//! The byte form of an operator's state: a header that names the operator and its parameters, then little-endian fields.

use super::StateError;
use crate::value::Cell;

/// Version of every layout in this folder; raised when any changes.
const VERSION: u8 = 2;

/// Kinds of state, one per layout; numbers are never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tag {
    Stateless = 0,
    Crosses = 1,
    For = 2,
    Until = 3,
    Moves = 4,
    SinceEntry = 5,
    Rsi = 16,
    Ema = 17,
    Macd = 18,
    Atr = 19,
    Sma = 32,
    Bollinger = 33,
    Stdev = 34,
    Zscore = 35,
    PercentileRank = 36,
    Quantile = 37,
    Highest = 38,
    Lowest = 39,
    Lag = 40,
    Change = 41,
    Correlation = 48,
    Beta = 49,
    Divergence = 50,
    CloseClose = 56,
    Parkinson = 57,
    GarmanKlass = 58,
    RogersSatchell = 59,
    YangZhang = 60,
    Plugin = 64,
}

/// Appends fields.
pub(crate) struct Writer<'a>(pub(crate) &'a mut Vec<u8>);

impl Writer<'_> {
    pub(crate) fn header(&mut self, tag: Tag) {
        self.0.push(tag as u8);
        self.0.push(VERSION);
    }

    pub(crate) fn u8(&mut self, v: u8) {
        self.0.push(v);
    }

    pub(crate) fn u32(&mut self, v: u32) {
        self.0.extend_from_slice(&v.to_le_bytes());
    }

    pub(crate) fn count(&mut self, v: u64) {
        self.0.extend_from_slice(&v.to_le_bytes());
    }

    pub(crate) fn len(&mut self, v: usize) {
        self.0.extend_from_slice(&(v as u64).to_le_bytes());
    }

    pub(crate) fn f64(&mut self, v: f64) {
        self.0.extend_from_slice(&v.to_bits().to_le_bytes());
    }

    /// A number that a formula may have left not finite; every NaN has the same bits, whatever the processor made.
    pub(crate) fn any_f64(&mut self, v: f64) {
        self.f64(if v.is_nan() { f64::NAN } else { v });
    }

    pub(crate) fn cell(&mut self, v: Cell) {
        self.0.extend_from_slice(&v.to_bytes());
    }
}

/// Takes fields off the front.
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Starts after `header`, which the bytes must begin with: the same operator with the same parameters.
    pub(crate) fn after(header: &[u8], bytes: &'a [u8]) -> Result<Self, StateError> {
        bytes.strip_prefix(header).map(Self).ok_or(StateError::Foreign)
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], StateError> {
        let (head, rest) = self.0.split_first_chunk::<N>().ok_or(StateError::Damaged)?;
        self.0 = rest;
        Ok(*head)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, StateError> {
        self.take::<1>().map(u8::from_le_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, StateError> {
        self.take().map(u32::from_le_bytes)
    }

    /// A count that says nothing about what follows.
    pub(crate) fn count(&mut self) -> Result<u64, StateError> {
        self.take().map(u64::from_le_bytes)
    }

    /// All that is left.
    pub(crate) const fn rest(self) -> &'a [u8] {
        self.0
    }

    /// A count of items of `item_bytes` each that the rest can hold.
    pub(crate) fn len(&mut self, item_bytes: usize) -> Result<usize, StateError> {
        let n = usize::try_from(self.take().map(u64::from_le_bytes)?).map_err(|_| StateError::Damaged)?;
        if n.checked_mul(item_bytes).is_none_or(|bytes| bytes > self.0.len()) {
            return Err(StateError::Damaged);
        }
        Ok(n)
    }

    /// A finite number.
    pub(crate) fn f64(&mut self) -> Result<f64, StateError> {
        let v = f64::from_bits(u64::from_le_bytes(self.take()?));
        if v.is_finite() {
            Ok(v)
        } else {
            Err(StateError::Damaged)
        }
    }

    /// What [`Writer::any_f64`] wrote.
    pub(crate) fn any_f64(&mut self) -> Result<f64, StateError> {
        let v = f64::from_bits(u64::from_le_bytes(self.take()?));
        if v.is_nan() && v.to_bits() != f64::NAN.to_bits() {
            return Err(StateError::Damaged);
        }
        Ok(v)
    }

    pub(crate) fn cell(&mut self) -> Result<Cell, StateError> {
        Cell::from_bytes(self.take()?).ok_or(StateError::Damaged)
    }

    /// The end: nothing may be left.
    pub(crate) fn end(self) -> Result<(), StateError> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(StateError::Damaged)
        }
    }
}
