//! Whole columns of options of one expiry and one right: structure of arrays in, structure of arrays out.
//!
//! The kernels write into the caller's slices and allocate nothing. A row that has no answer is marked by its
//! [`RowStatus`] and holds zeros: NaN never appears, so a column may be summed without a look at each row, but a row's
//! numbers mean something only where its status is [`RowStatus::Ok`].

use fearless_simd::Level;

use crate::black76::{
    ExpiryTerms, Input, InputError, MAX_PRICE_POINTS, MAX_VOL, MIN_PRICE_POINTS, MIN_TOTAL_VOL, Right,
};
use crate::implied::IvError;
use crate::kernel::{self, GreekLanes, Shared};
use crate::lanes::LANES;

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
    let level = Level::new();
    let blocks = strikes.chunks(LANES).zip(prices.chunks(LANES));
    let outs = vols.chunks_mut(LANES).zip(status.chunks_mut(LANES));
    for ((strikes, prices), (vols, status)) in blocks.zip(outs) {
        implied_vols_block(level, terms, right, (strikes, prices), (vols, status));
    }
    Ok(())
}

/// At most [`LANES`] rows. What the fast kernel is not sure of goes to the slow and certain solver.
fn implied_vols_block(
    level: Level,
    terms: &ExpiryTerms,
    right: Right,
    (strikes, prices): (&[f64], &[f64]),
    (vols, status): (&mut [f64], &mut [RowStatus]),
) {
    // Rows that the kernel does not try hold a stand-in: the option at the money at 10 vol points of total vol.
    let mut lane_strikes = [terms.forward(); LANES];
    let mut lane_values = [0.04 * terms.forward(); LANES];
    let (mut tried, mut totals) = ([false; LANES], [0.0; LANES]);
    // Values in the forward's last place, or close to their bound, are for the certain solver.
    let value_min = terms.forward() * 1e-15;
    let rows = strikes.iter().zip(prices);
    let lanes = lane_strikes.iter_mut().zip(&mut lane_values).zip(&mut tried);
    for ((strike, price), ((lane_strike, lane_value), tried)) in rows.zip(lanes) {
        if let Ok((_, value)) = terms.checked_time_value(right, *strike, *price)
            && value >= value_min
            && value < 0.9 * terms.forward().min(*strike)
        {
            (*lane_strike, *lane_value, *tried) = (*strike, value, true);
        }
    }
    kernel::total_vols(level, terms.forward(), &lane_strikes, &lane_values, &mut totals);
    let rows = strikes.iter().zip(prices).zip(vols.iter_mut().zip(status));
    for (((strike, price), (vol, status)), (total, tried)) in rows.zip(totals.iter().zip(&tried)) {
        let fast = total / terms.sqrt_years();
        (*vol, *status) = if *tried && fast > 0.0 && fast <= MAX_VOL {
            (fast, RowStatus::Ok)
        } else {
            match terms.implied_vol(right, *strike, *price) {
                Ok(vol) => (vol, RowStatus::Ok),
                Err(error) => (0.0, error.into()),
            }
        };
    }
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
    let level = Level::new();
    let shared = Shared::new(terms, right);
    let mut first = 0;
    for (strikes, vols) in strikes.chunks(LANES).zip(vols.chunks(LANES)) {
        let mut lanes = GreekLanes::ZERO;
        // A chain's last block is padded with an option that is as good as any.
        let (mut lane_strikes, mut lane_vols) = ([terms.forward(); LANES], [1.0; LANES]);
        copy(&mut lane_strikes, strikes);
        copy(&mut lane_vols, vols);
        kernel::greeks(level, &shared, &lane_strikes, &lane_vols, &mut lanes);
        out.write_block(first, strikes.len(), &lanes);
        let vol_min = MIN_TOTAL_VOL / terms.sqrt_years();
        for (offset, (strike, vol)) in strikes.iter().zip(vols).enumerate() {
            if is_sound(*strike, *vol) && *vol >= vol_min {
                continue;
            }
            // Unsound input, or the limit at no vol or no time, which the kernel's quotients do not reach.
            match terms.greeks(right, *strike, *vol) {
                Ok(g) => {
                    let row = [g.price, g.delta, g.gamma, g.vega, g.theta, g.rho];
                    out.write(first + offset, row, RowStatus::Ok);
                }
                Err(error) => out.write(first + offset, [0.0; 6], error.into()),
            }
        }
        first += strikes.len();
    }
    Ok(())
}

fn is_sound(strike: f64, vol: f64) -> bool {
    (MIN_PRICE_POINTS..=MAX_PRICE_POINTS).contains(&strike) && (0.0..=MAX_VOL).contains(&vol)
}

fn copy<T: Copy>(to: &mut [T], from: &[T]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = *from;
    }
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
    fn write_block(&mut self, first: usize, rows: usize, lanes: &GreekLanes) {
        let cells = [
            (&mut *self.price, &lanes.price),
            (&mut *self.delta, &lanes.delta),
            (&mut *self.gamma, &lanes.gamma),
            (&mut *self.vega, &lanes.vega),
            (&mut *self.theta, &lanes.theta),
            (&mut *self.rho, &lanes.rho),
        ];
        let range = first..first + rows;
        for (column, values) in cells {
            if let Some(cells) = column.get_mut(range.clone()) {
                copy(cells, values);
            }
        }
        if let Some(cells) = self.status.get_mut(range) {
            cells.fill(RowStatus::Ok);
        }
    }

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
