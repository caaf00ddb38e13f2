//! One value of one step: a finite number or a truth value, or missing with the cause.
//!
//! Missing is not false and not zero. NaN and infinities never enter: every constructor turns them into
//! `missing(out of domain)`, and negative zero into zero, so that equal values have equal bits.
//!
//! **Which cause wins.** An operator whose result is missing because several inputs are reports the cause of the *first*
//! missing input in textual order (the order of `Node::inputs`). Over time (`for n bars`) it is the newest missing step's.

use std::fmt;

/// Why a script gave no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum ScriptFault {
    /// It raised an error (an overflow, an index, a `throw`).
    Error,
    /// It used up its operations.
    Budget,
    /// It reached a limit on call depth, strings, arrays, maps or variables.
    Limit,
    /// Its result is not of the declared type.
    WrongType,
    /// Its result is NaN or infinite.
    NotFinite,
}

impl ScriptFault {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Error,
        Self::Budget,
        Self::Limit,
        Self::WrongType,
        Self::NotFinite,
    ];
}

impl fmt::Display for ScriptFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Budget => "budget exceeded",
            Self::Limit => "limit exceeded",
            Self::WrongType => "wrong type",
            Self::NotFinite => "not a finite number",
        })
    }
}

/// Why a value is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// A window or recursion has not seen enough bars yet.
    WarmingUp,
    /// The source has no value for this step.
    NoData,
    /// The newest value is older than allowed.
    Stale,
    /// No usable bid or ask.
    NoQuote,
    /// No such contract is listed.
    NotListed,
    /// There is no position (or none of the structure) to speak of.
    NoPosition,
    /// The position has no leg of that kind.
    NoLeg,
    /// The loss has no bound.
    Unbounded,
    /// A divisor is zero.
    DivisionByZero,
    /// Outside a function's domain, or the result is not a finite number.
    OutOfDomain,
    /// A release has no consensus to be compared with.
    NoConsensus,
    /// The calendar has no such event.
    NoEvent,
    /// Fewer past events than an average needs.
    FewEvents,
    /// A script gave no value.
    Script(ScriptFault),
    /// A plugin gave no value.
    Plugin,
    /// The language has it, this engine cannot evaluate it.
    Unsupported,
    /// The data carry no open interest.
    NoInterest,
}

impl Cause {
    /// All of them, in declared order.
    pub const ALL: [Self; 21] = [
        Self::WarmingUp,
        Self::NoData,
        Self::Stale,
        Self::NoQuote,
        Self::NotListed,
        Self::NoPosition,
        Self::NoLeg,
        Self::Unbounded,
        Self::DivisionByZero,
        Self::OutOfDomain,
        Self::NoConsensus,
        Self::NoEvent,
        Self::FewEvents,
        Self::Script(ScriptFault::Error),
        Self::Script(ScriptFault::Budget),
        Self::Script(ScriptFault::Limit),
        Self::Script(ScriptFault::WrongType),
        Self::Script(ScriptFault::NotFinite),
        Self::Plugin,
        Self::Unsupported,
        Self::NoInterest,
    ];

    /// A stable small number (saved state, hashes, files); never reused for another cause. Never 0.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::WarmingUp => 1,
            Self::NoData => 2,
            Self::Stale => 3,
            Self::NoQuote => 4,
            Self::NotListed => 5,
            Self::NoPosition => 6,
            Self::NoLeg => 7,
            Self::Unbounded => 8,
            Self::DivisionByZero => 9,
            Self::OutOfDomain => 10,
            Self::NoConsensus => 11,
            Self::NoEvent => 12,
            Self::Plugin => 13,
            Self::Unsupported => 14,
            Self::NoInterest => 15,
            Self::FewEvents => 16,
            Self::Script(ScriptFault::Error) => 32,
            Self::Script(ScriptFault::Budget) => 33,
            Self::Script(ScriptFault::Limit) => 34,
            Self::Script(ScriptFault::WrongType) => 35,
            Self::Script(ScriptFault::NotFinite) => 36,
        }
    }

    /// The cause of a code.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|c| c.code() == code)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WarmingUp => "warming up",
            Self::NoData => "no data",
            Self::Stale => "stale",
            Self::NoQuote => "no quote",
            Self::NotListed => "not listed",
            Self::NoPosition => "no position",
            Self::NoLeg => "no such leg",
            Self::Unbounded => "unbounded loss",
            Self::DivisionByZero => "division by zero",
            Self::OutOfDomain => "out of domain",
            Self::NoConsensus => "no consensus",
            Self::NoEvent => "no event",
            Self::FewEvents => "too few events",
            Self::Script(fault) => return write!(f, "script: {fault}"),
            Self::Plugin => "plugin gave no value",
            Self::Unsupported => "not supported yet",
            Self::NoInterest => "no open interest",
        })
    }
}

/// A value of one step: 16 bytes, `Copy`. Numbers are in canonical scale; truth values are 1 and 0.
///
/// Equality is equality of bits and of causes; a missing cell's number is always 0.
#[derive(Clone, Copy)]
pub struct Cell {
    value: f64,
    cause: Option<Cause>,
}

impl Cell {
    /// Known true.
    pub const TRUE: Self = Self {
        value: 1.0,
        cause: None,
    };
    /// Known false.
    pub const FALSE: Self = Self {
        value: 0.0,
        cause: None,
    };

    /// A number; NaN and infinities become `missing(out of domain)`, negative zero becomes zero.
    #[must_use]
    pub fn number(value: f64) -> Self {
        // Adding zero changes no other number: -0 + 0 is 0.
        if value.is_finite() {
            Self {
                value: value + 0.0,
                cause: None,
            }
        } else {
            Self::missing(Cause::OutOfDomain)
        }
    }

    /// A known truth value.
    #[must_use]
    pub const fn boolean(truth: bool) -> Self {
        if truth { Self::TRUE } else { Self::FALSE }
    }

    /// Missing, with the cause.
    #[must_use]
    pub const fn missing(cause: Cause) -> Self {
        Self {
            value: 0.0,
            cause: Some(cause),
        }
    }

    /// A number, or missing with `cause` where there is none.
    #[must_use]
    pub fn number_or(value: Option<f64>, cause: Cause) -> Self {
        value.map_or(Self::missing(cause), Self::number)
    }

    /// Whether it is known.
    #[must_use]
    pub const fn is_known(self) -> bool {
        self.cause.is_none()
    }

    /// The cause, if missing.
    #[must_use]
    pub const fn cause(self) -> Option<Cause> {
        self.cause
    }

    /// The number, if known.
    #[must_use]
    pub const fn known(self) -> Option<f64> {
        if self.cause.is_none() {
            Some(self.value)
        } else {
            None
        }
    }

    /// The truth value, if known: anything but 0 is true.
    #[must_use]
    pub fn truth(self) -> Option<bool> {
        self.known().map(|v| v != 0.0)
    }

    /// Known and true. What an `open` asks.
    #[must_use]
    pub fn is_true(self) -> bool {
        self.truth() == Some(true)
    }

    /// Known and false.
    #[must_use]
    pub fn is_false(self) -> bool {
        self.truth() == Some(false)
    }

    /// The number, or why there is none.
    ///
    /// # Errors
    /// The cause when it is missing.
    pub const fn get(self) -> Result<f64, Cause> {
        match self.cause {
            None => Ok(self.value),
            Some(cause) => Err(cause),
        }
    }

    /// The number as stored: 0 where missing. For columns and kernels, which keep the mask beside it.
    #[must_use]
    pub const fn raw(self) -> f64 {
        self.value
    }

    /// Kleene conjunction in textual order: false if any is false, else the first missing one's cause, else true.
    #[must_use]
    pub fn all(cells: &[Self]) -> Self {
        let mut out = Self::TRUE;
        for &cell in cells {
            if cell.is_false() {
                return Self::FALSE;
            }
            if out.is_known() && !cell.is_known() {
                out = cell;
            }
        }
        out
    }

    /// Kleene disjunction in textual order: true if any is true, else the first missing one's cause, else false.
    #[must_use]
    pub fn any(cells: &[Self]) -> Self {
        let mut out = Self::FALSE;
        for &cell in cells {
            if cell.is_true() {
                return Self::TRUE;
            }
            if out.is_known() && !cell.is_known() {
                out = cell;
            }
        }
        out
    }

    /// Kleene conjunction of two.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self::all(&[self, other])
    }

    /// Kleene disjunction of two.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self::any(&[self, other])
    }

    /// A stable nine-byte form: cause code (0 when known) and the number's bits, little-endian. For state and hashes.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 9] {
        let mut out = [0; 9];
        let (code, bits) = out.split_at_mut(1);
        code.fill(self.cause.map_or(0, Cause::code));
        bits.copy_from_slice(&self.value.to_bits().to_le_bytes());
        out
    }

    /// Reads [`Cell::to_bytes`]; `None` for bytes that it cannot have written.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 9]) -> Option<Self> {
        let (&code, rest) = bytes.split_first()?;
        let value = f64::from_bits(u64::from_le_bytes(rest.try_into().ok()?));
        let cell = if code == 0 {
            Self::number(value)
        } else {
            Self::missing(Cause::from_code(code)?)
        };
        (cell.to_bytes() == bytes).then_some(cell)
    }
}

impl PartialEq for Cell {
    fn eq(&self, other: &Self) -> bool {
        self.cause == other.cause && self.value.to_bits() == other.value.to_bits()
    }
}

impl Eq for Cell {}

impl fmt::Debug for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.cause {
            None => write!(f, "{:?}", self.value),
            Some(cause) => write!(f, "missing({cause})"),
        }
    }
}

/// Kleene negation.
impl std::ops::Not for Cell {
    type Output = Self;

    fn not(self) -> Self {
        self.truth().map_or(self, |t| Self::boolean(!t))
    }
}

impl From<bool> for Cell {
    fn from(truth: bool) -> Self {
        Self::boolean(truth)
    }
}

impl From<Cause> for Cell {
    fn from(cause: Cause) -> Self {
        Self::missing(cause)
    }
}

impl From<Result<f64, Cause>> for Cell {
    fn from(result: Result<f64, Cause>) -> Self {
        result.map_or_else(Self::missing, Self::number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNKNOWN: Cell = Cell::missing(Cause::Stale);
    const OTHER: Cell = Cell::missing(Cause::NoQuote);

    #[test]
    fn a_cell_is_sixteen_bytes() {
        assert_eq!(size_of::<Cell>(), 16);
        assert_eq!(size_of::<Cause>(), 1);
    }

    #[test]
    fn nan_and_infinities_never_enter() {
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(Cell::number(bad).cause(), Some(Cause::OutOfDomain));
        }
        assert_eq!(Cell::number(-0.0), Cell::number(0.0));
        assert_eq!(
            Cell::number(f64::MIN_POSITIVE / 2.0).known(),
            Some(f64::MIN_POSITIVE / 2.0)
        );
    }

    #[test]
    fn kleene_tables() {
        let t = Cell::TRUE;
        let f = Cell::FALSE;
        // Kleene 1952, strong three-valued logic.
        let and = [
            (t, t, t),
            (t, f, f),
            (f, t, f),
            (f, f, f),
            (t, UNKNOWN, UNKNOWN),
            (UNKNOWN, t, UNKNOWN),
        ];
        let and = and
            .into_iter()
            .chain([(f, UNKNOWN, f), (UNKNOWN, f, f), (UNKNOWN, OTHER, UNKNOWN)]);
        for (a, b, want) in and {
            assert_eq!(a.and(b), want, "{a:?} and {b:?}");
            assert_eq!((!a).or(!b), !want, "de Morgan of {a:?}, {b:?}");
        }
    }

    #[test]
    fn the_first_missing_cause_in_textual_order_wins() {
        assert_eq!(Cell::all(&[Cell::TRUE, OTHER, UNKNOWN]), OTHER);
        assert_eq!(Cell::any(&[Cell::FALSE, UNKNOWN, OTHER]), UNKNOWN);
        assert_eq!(Cell::all(&[OTHER, Cell::FALSE]), Cell::FALSE);
        assert_eq!(Cell::any(&[OTHER, Cell::TRUE]), Cell::TRUE);
        assert_eq!(Cell::all(&[]), Cell::TRUE);
        assert_eq!(Cell::any(&[]), Cell::FALSE);
    }

    #[test]
    fn bytes_round_trip_and_foreign_bytes_are_refused() {
        for cell in Cause::ALL
            .into_iter()
            .map(Cell::missing)
            .chain([Cell::number(-1.5), Cell::TRUE])
        {
            assert_eq!(Cell::from_bytes(cell.to_bytes()), Some(cell));
        }
        let mut nan = [0; 9];
        nan[1..].copy_from_slice(&f64::NAN.to_bits().to_le_bytes());
        assert_eq!(Cell::from_bytes(nan), None);
        assert_eq!(Cell::from_bytes([200, 0, 0, 0, 0, 0, 0, 0, 0]), None);
        assert_eq!(Cell::from_bytes([1, 1, 0, 0, 0, 0, 0, 0, 0]), None);
    }
}
