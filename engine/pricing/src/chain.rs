//! Whole columns of options of one expiry and one right: structure of arrays in, structure of arrays out.
//!
//! The kernels write into the caller's slices and allocate nothing. A row that has no answer is marked by its
//! [`RowStatus`] and holds zeros: NaN never appears, so a column may be summed without a look at each row, but a row's
//! numbers mean something only where its status is [`RowStatus::Ok`].

use fearless_simd::Level;

use crate::black76::{ExpiryTerms, Input, InputError, MIN_TOTAL_VOL, Right};
use crate::implied::IvError;
use crate::kernel::{self, Shared, SharedVol, is_plain};

/// Why a row holds an answer or none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum RowStatus {
    /// The row's numbers are good.
    #[default]
    Ok = 0,
    /// The strike is not finite or outside its range.
    BadStrike = 1,
    /// The vol is not finite or outside its range.
    BadVol = 2,
    /// The price is not finite or outside its range.
    BadPrice = 3,
    /// [`IvError::BelowIntrinsic`].
    BelowIntrinsic = 4,
    /// [`IvError::NoTimeValue`].
    NoTimeValue = 5,
    /// [`IvError::AboveMax`].
    AboveMax = 6,
    /// [`IvError::NoTime`].
    NoTime = 7,
}

impl RowStatus {
    /// Whether the row's numbers are good.
    #[must_use]
    pub const fn is_ok(self) -> bool {
        matches!(self, Self::Ok)
    }
}

impl From<InputError> for RowStatus {
    fn from(error: InputError) -> Self {
        match error.input {
            Input::Vol => Self::BadVol,
            Input::Price => Self::BadPrice,
            // The shared terms were checked when they were made, so only the strike is left.
            Input::Strike | Input::Forward | Input::Years | Input::Discount => Self::BadStrike,
        }
    }
}

impl From<IvError> for RowStatus {
    fn from(error: IvError) -> Self {
        match error {
            IvError::BelowIntrinsic => Self::BelowIntrinsic,
            IvError::NoTimeValue => Self::NoTimeValue,
            IvError::AboveMax => Self::AboveMax,
            IvError::NoTime => Self::NoTime,
            IvError::Input(input) => input.into(),
        }
    }
}

/// Slices of one call differ in length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("column `{column}` has {found} rows, the strikes have {expected}")]
pub struct LengthError {
    /// The column's name.
    pub column: &'static str,
    /// Its length.
    pub found: usize,
    /// The length of the strikes.
    pub expected: usize,
}

/// Where [`greeks`] writes: one slice per quantity, each as long as the strikes. Units in the crate's table.
#[derive(Debug)]
pub struct GreekColumns<'a> {
    /// Discounted price, points.
    pub price: &'a mut [f64],
    /// Discounted forward delta, signed.
    pub delta: &'a mut [f64],
    /// Gamma per point.
    pub gamma: &'a mut [f64],
    /// Vega per vol point.
    pub vega: &'a mut [f64],
    /// Theta per calendar day.
    pub theta: &'a mut [f64],
    /// Rho per percentage point.
    pub rho: &'a mut [f64],
    /// Whether the row holds an answer.
    pub status: &'a mut [RowStatus],
}

/// Columns that own their memory and keep it from one chain to the next.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GreekTable {
    /// Discounted price, points.
    pub price: Vec<f64>,
    /// Discounted forward delta, signed.
    pub delta: Vec<f64>,
    /// Gamma per point.
    pub gamma: Vec<f64>,
    /// Vega per vol point.
    pub vega: Vec<f64>,
    /// Theta per calendar day.
    pub theta: Vec<f64>,
    /// Rho per percentage point.
    pub rho: Vec<f64>,
    /// Whether the row holds an answer.
    pub status: Vec<RowStatus>,
}

impl GreekTable {
    /// The table's slices, resized to `rows`; what they held before is overwritten by the next kernel.
    pub fn columns(&mut self, rows: usize) -> GreekColumns<'_> {
        for column in [
            &mut self.price,
            &mut self.delta,
            &mut self.gamma,
            &mut self.vega,
            &mut self.theta,
            &mut self.rho,
        ] {
            column.resize(rows, 0.0);
        }
        self.status.resize(rows, RowStatus::Ok);
        GreekColumns {
            price: &mut self.price,
            delta: &mut self.delta,
            gamma: &mut self.gamma,
            vega: &mut self.vega,
            theta: &mut self.theta,
            rho: &mut self.rho,
            status: &mut self.status,
        }
    }
}

fn same_length(column: &'static str, found: usize, expected: usize) -> Result<(), LengthError> {
    if found == expected {
        Ok(())
    } else {
        Err(LengthError {
            column,
            found,
            expected,
        })
    }
}

/// Implied vols of a column of prices (discounted, points; mids as a rule) at `strikes`, all of one `right`.
///
/// # Errors
/// [`LengthError`] when a slice's length differs from the strikes'; nothing is written then.
pub fn implied_vols(
    terms: &ExpiryTerms,
    right: Right,
    strikes: &[f64],
    prices: &[f64],
    vols: &mut [f64],
    status: &mut [RowStatus],
) -> Result<(), LengthError> {
    same_length("prices", prices.len(), strikes.len())?;
    same_length("vols", vols.len(), strikes.len())?;
    same_length("status", status.len(), strikes.len())?;
    kernel::vols(Level::new(), &SharedVol::new(terms, right), strikes, prices, vols);
    status.fill(RowStatus::Ok);
    // What the fast kernel is not sure of goes to the slow and certain solver, which also knows the cause.
    if vols.iter().fold(true, |all, vol| all & (*vol > 0.0)) {
        return Ok(());
    }
    let rows = strikes.iter().zip(prices).zip(vols.iter_mut().zip(status));
    for ((strike, price), (vol, status)) in rows.filter(|(_, (vol, _))| **vol <= 0.0) {
        (*vol, *status) = match terms.implied_vol(right, *strike, *price) {
            Ok(vol) => (vol, RowStatus::Ok),
            Err(error) => (0.0, error.into()),
        };
    }
    Ok(())
}

/// Price and five greeks for a column of `strikes` and `vols`, all of one `right`.
///
/// # Errors
/// [`LengthError`] when a slice's length differs from the strikes'; nothing is written then.
pub fn greeks(
    terms: &ExpiryTerms,
    right: Right,
    strikes: &[f64],
    vols: &[f64],
    out: &mut GreekColumns<'_>,
) -> Result<(), LengthError> {
    check_columns(strikes, vols, out)?;
    let columns = [
        &mut *out.price,
        &mut *out.delta,
        &mut *out.gamma,
        &mut *out.vega,
        &mut *out.theta,
        &mut *out.rho,
    ];
    let vol_min = MIN_TOTAL_VOL / terms.sqrt_years();
    let shared = Shared::new(terms, right);
    let plain = kernel::greeks(Level::new(), &shared, (strikes, vols, vol_min), columns);
    out.status.fill(RowStatus::Ok);
    if plain {
        return Ok(());
    }
    for (row, (strike, vol)) in strikes.iter().zip(vols).enumerate() {
        if is_plain(*strike, *vol, vol_min) {
            continue;
        }
        // Unsound input, or the limit at no vol or no time, which the kernel's quotients do not reach.
        match terms.greeks(right, *strike, *vol) {
            Ok(g) => out.write(
                row,
                [g.price, g.delta, g.gamma, g.vega, g.theta, g.rho],
                RowStatus::Ok,
            ),
            Err(error) => out.write(row, [0.0; 6], error.into()),
        }
    }
    Ok(())
}

/// Where [`prices`] writes: one slice per right, each as long as the strikes; discounted, in points.
#[derive(Debug)]
pub struct PriceColumns<'a> {
    /// Puts.
    pub puts: &'a mut [f64],
    /// Calls.
    pub calls: &'a mut [f64],
    /// Whether the row holds an answer.
    pub status: &'a mut [RowStatus],
}

/// Prices of both rights at a column of `strikes` and `vols`: those of [`greeks`], to the bit, for less than half of its time.
///
/// # Errors
/// [`LengthError`] when a slice's length differs from the strikes'; nothing is written then.
pub fn prices(
    terms: &ExpiryTerms,
    strikes: &[f64],
    vols: &[f64],
    out: &mut PriceColumns<'_>,
) -> Result<(), LengthError> {
    let rows = strikes.len();
    same_length("vols", vols.len(), rows)?;
    same_length("puts", out.puts.len(), rows)?;
    same_length("calls", out.calls.len(), rows)?;
    same_length("status", out.status.len(), rows)?;
    let vol_min = MIN_TOTAL_VOL / terms.sqrt_years();
    let shared = Shared::new(terms, Right::Call);
    let columns = [&mut *out.puts, &mut *out.calls];
    let plain = kernel::prices(Level::new(), &shared, (strikes, vols, vol_min), columns);
    out.status.fill(RowStatus::Ok);
    if plain {
        return Ok(());
    }
    let cells = out.puts.iter_mut().zip(&mut *out.calls).zip(&mut *out.status);
    for ((strike, vol), ((put, call), status)) in strikes.iter().zip(vols).zip(cells) {
        if is_plain(*strike, *vol, vol_min) {
            continue;
        }
        // Unsound input, or the limit at no vol or no time.
        let both = terms
            .price(Right::Put, *strike, *vol)
            .and_then(|put| Ok((put, terms.price(Right::Call, *strike, *vol)?)));
        (*put, *call, *status) = match both {
            Ok((put, call)) => (put, call, RowStatus::Ok),
            Err(error) => (0.0, 0.0, error.into()),
        };
    }
    Ok(())
}

/// As [`greeks`], for vols that come from [`implied_vols`]: a row whose `vol_status` is not good keeps that status and
/// holds zeros, instead of being valued at a vol it does not have.
///
/// # Errors
/// [`LengthError`] when a slice's length differs from the strikes'; nothing is written then.
pub fn greeks_where_solved(
    terms: &ExpiryTerms,
    right: Right,
    strikes: &[f64],
    vols: &[f64],
    vol_status: &[RowStatus],
    out: &mut GreekColumns<'_>,
) -> Result<(), LengthError> {
    same_length("vol_status", vol_status.len(), strikes.len())?;
    greeks(terms, right, strikes, vols, out)?;
    for (i, status) in vol_status.iter().enumerate() {
        if !status.is_ok() {
            out.write(i, [0.0; 6], *status);
        }
    }
    Ok(())
}

fn check_columns(strikes: &[f64], vols: &[f64], out: &GreekColumns<'_>) -> Result<(), LengthError> {
    let rows = strikes.len();
    same_length("vols", vols.len(), rows)?;
    same_length("price", out.price.len(), rows)?;
    same_length("delta", out.delta.len(), rows)?;
    same_length("gamma", out.gamma.len(), rows)?;
    same_length("vega", out.vega.len(), rows)?;
    same_length("theta", out.theta.len(), rows)?;
    same_length("rho", out.rho.len(), rows)?;
    same_length("status", out.status.len(), rows)
}

impl GreekColumns<'_> {
    fn write(&mut self, row: usize, [price, delta, gamma, vega, theta, rho]: [f64; 6], status: RowStatus) {
        let cells = [
            (&mut *self.price, price),
            (&mut *self.delta, delta),
            (&mut *self.gamma, gamma),
            (&mut *self.vega, vega),
            (&mut *self.theta, theta),
            (&mut *self.rho, rho),
        ];
        for (column, value) in cells {
            if let Some(cell) = column.get_mut(row) {
                *cell = value;
            }
        }
        if let Some(cell) = self.status.get_mut(row) {
            *cell = status;
        }
    }
}
