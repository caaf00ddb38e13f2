//! What a package gains or loses when forward, vol and time are shifted: scenarios, stress grids of a margin rule, and
//! profit at a date before expiry.
//!
//! Every holding is revalued by Black-76 at the shifted terms; nothing is linearised. By default a holding keeps the vol of
//! its strike (sticky strike, as the margin grids of the clearing house do); a caller with a surface hands in the vol itself
//! ([`profit_by`]).

use crate::black76::{ExpiryTerms, Input, InputError, MAX_VOL, Right};
use crate::chain::{self, PriceColumns, RowStatus};

/// Shifts of one axis of a [`grid`], at most.
pub const SHIFTS_MAX: usize = 10_000;

const DAYS_PER_YEAR: f64 = 365.0;

/// Something held whose value the shifts move.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Holding {
    /// What is held.
    pub asset: Asset,
    /// How much of it: signed contracts times multiplier, so that profits come out in the money of the multiplier.
    pub units: f64,
}

/// What is held.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Asset {
    /// An option of one expiry.
    Option {
        /// Forward, time and discount of its expiry, unshifted.
        terms: ExpiryTerms,
        /// Put or call.
        right: Right,
        /// Strike, points.
        strike: f64,
        /// Vol at which it is marked, fraction.
        vol: f64,
    },
    /// A future or share: its value moves with the shift of the forward and with nothing else.
    Linear {
        /// Price, points.
        price: f64,
    },
}

/// How vols move.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum VolShift {
    /// By as many vol points (5 turns 0.16 into 0.21). A vol that would fall below zero stays there.
    Points(f64),
    /// By a share of itself (0.25 turns 0.16 into 0.20).
    Share(f64),
}

impl VolShift {
    /// `vol` after the shift, a fraction, kept from zero to [`MAX_VOL`]. A shift that is not a number gives none.
    #[must_use]
    pub fn of(self, vol: f64) -> f64 {
        let shifted = match self {
            Self::Points(points) => vol + points / 100.0,
            Self::Share(share) => vol * (1.0 + share),
        };
        // A NaN passes through to the check that names it.
        shifted.clamp(0.0, MAX_VOL)
    }
}

/// One change of the market.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shift {
    /// Change of every forward and linear price as a share of itself: −0.05 is 5 % down.
    pub forward: f64,
    /// Change of every vol.
    pub vol: VolShift,
    /// Calendar days that pass, each forward held fixed; past its settlement an option is its intrinsic value.
    pub days: f64,
}

impl Shift {
    /// Nothing moves.
    pub const NONE: Self = Self {
        forward: 0.0,
        vol: VolShift::Points(0.0),
        days: 0.0,
    };

    /// `terms` after the shift: the forward moved, the time shortened (to zero at the least), the rate as it was.
    ///
    /// # Errors
    /// [`InputError`] when the shifted forward or time is not finite or outside its range.
    pub fn terms(&self, terms: &ExpiryTerms) -> Result<ExpiryTerms, InputError> {
        let forward = terms.forward() * (1.0 + self.forward);
        let years = terms.years() - self.days / DAYS_PER_YEAR;
        // Written so that a NaN is not taken for the floor.
        let years = if years < 0.0 { 0.0 } else { years };
        if years.to_bits() == terms.years().to_bits() {
            // Through the rate the discount's last bit could change, and no shift must change nothing.
            return ExpiryTerms::new(forward, years, terms.discount());
        }
        ExpiryTerms::with_rate(forward, years, terms.rate())
    }
}

/// Value of `holdings` now, in units × points.
///
/// # Errors
/// [`InputError`] for a strike, vol or price that is not finite or outside its range; the units are not finite (reported as
/// the price).
pub fn value(holdings: &[Holding]) -> Result<f64, InputError> {
    value_by(holdings, &Shift::NONE, |_, _, vol| Ok(vol))
}

/// Profit of `holdings` under one shift, in units × points: the value after it less the value before.
///
/// # Errors
/// As [`value`], and for a shift that takes a forward, a vol or a time out of its range.
pub fn profit(holdings: &[Holding], shift: &Shift) -> Result<f64, InputError> {
    profit_by(holdings, shift, |_, _, vol| Ok(shift.vol.of(vol)))
}

/// As [`profit`], the vol after the shift given by `vol_of`: it gets the position of the holding, its shifted terms and its
/// present vol. [`Shift::vol`] plays no part unless `vol_of` uses it.
///
/// # Errors
/// As [`profit`], and what `vol_of` refuses.
pub fn profit_by(
    holdings: &[Holding],
    shift: &Shift,
    vol_of: impl FnMut(usize, &ExpiryTerms, f64) -> Result<f64, InputError>,
) -> Result<f64, InputError> {
    Ok(value_by(holdings, shift, vol_of)? - value(holdings)?)
}

/// Value after a shift, the vols given by `vol_of`.
///
/// # Errors
/// As [`profit_by`].
pub fn value_by(
    holdings: &[Holding],
    shift: &Shift,
    mut vol_of: impl FnMut(usize, &ExpiryTerms, f64) -> Result<f64, InputError>,
) -> Result<f64, InputError> {
    let mut sum = 0.0;
    for (i, holding) in holdings.iter().enumerate() {
        let points = match holding.asset {
            Asset::Option {
                terms,
                right,
                strike,
                vol,
            } => {
                let terms = shift.terms(&terms)?;
                let vol = vol_of(i, &terms, Input::Vol.check(vol)?)?;
                terms.price(right, strike, vol)?
            }
            Asset::Linear { price } => {
                Input::Price.check(Input::Price.check(price)? * (1.0 + shift.forward))?
            }
        };
        sum += holding.units * points;
    }
    finite(sum)
}

fn finite(value: f64) -> Result<f64, InputError> {
    if value.is_finite() {
        Ok(value)
    } else {
        Err(InputError {
            input: Input::Price,
            value,
        })
    }
}

/// Profits over every pair of a vol shift and a forward shift.
#[derive(Clone, Debug, PartialEq)]
pub struct ProfitGrid {
    /// Shifts of the forward, as given: the columns.
    pub forwards: Vec<f64>,
    /// Shifts of vol, as given: the rows.
    pub vols: Vec<VolShift>,
    /// Profits, row by row: as many rows as `vols`, as many cells a row as `forwards`.
    pub profits: Vec<f64>,
}

/// A cell of a [`ProfitGrid`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cell {
    /// Shift of the forward.
    pub forward: f64,
    /// Shift of vol.
    pub vol: VolShift,
    /// Profit there, negative a loss.
    pub profit: f64,
}

impl ProfitGrid {
    /// All cells, row by row.
    pub fn cells(&self) -> impl Iterator<Item = Cell> {
        let places = self
            .vols
            .iter()
            .flat_map(|vol| self.forwards.iter().map(move |forward| (*vol, *forward)));
        places.zip(&self.profits).map(|((vol, forward), profit)| Cell {
            forward,
            vol,
            profit: *profit,
        })
    }

    /// The cell of least profit (the first of equals); none in an empty grid.
    #[must_use]
    pub fn worst(&self) -> Option<Cell> {
        self.cells().min_by(|a, b| a.profit.total_cmp(&b.profit))
    }

    /// Adds another group's profits cell by cell, each first multiplied by `share`: an offset between product groups counts
    /// a share of the gains. `false`, and nothing added, when the grids are not over the same number of shifts.
    pub fn add(&mut self, other: &Self, share: f64) -> bool {
        if self.vols.len() != other.vols.len() || self.forwards.len() != other.forwards.len() {
            return false;
        }
        for (cell, more) in self.profits.iter_mut().zip(&other.profits) {
            *cell += share * more;
        }
        true
    }
}

/// Holdings of one expiry, as the column kernel takes them: both rights in one column, which costs what one right does.
struct Expiry {
    terms: ExpiryTerms,
    strikes: Vec<f64>,
    vols: Vec<f64>,
    /// Prices of the newest shift.
    puts: Vec<f64>,
    calls: Vec<f64>,
    status: Vec<RowStatus>,
}

/// Holdings of one expiry and right: values are added up side by side, in the order in which sides first came.
struct Side {
    expiry: usize,
    right: Right,
    /// Row in the expiry, and units.
    rows: Vec<(usize, f64)>,
}

/// Holdings laid out for many revaluations: a grid prices every option once for each cell, and a column of options costs a
/// tenth of as many single ones.
#[derive(Default)]
struct Laid {
    expiries: Vec<Expiry>,
    sides: Vec<Side>,
    /// Price and units of what is no option.
    linear: Vec<(f64, f64)>,
    shifted: Vec<f64>,
}

impl Laid {
    fn new(holdings: &[Holding]) -> Result<Self, InputError> {
        let mut laid = Self::default();
        for holding in holdings {
            match holding.asset {
                Asset::Option {
                    terms,
                    right,
                    strike,
                    vol,
                } => {
                    let strike = Input::Strike.check(strike)?;
                    let vol = Input::Vol.check(vol)?;
                    laid.option(terms, right, (strike, vol, holding.units));
                }
                Asset::Linear { price } => laid.linear.push((Input::Price.check(price)?, holding.units)),
            }
        }
        for expiry in &mut laid.expiries {
            expiry.puts.resize(expiry.strikes.len(), 0.0);
            expiry.calls.resize(expiry.strikes.len(), 0.0);
            expiry.status.resize(expiry.strikes.len(), RowStatus::Ok);
        }
        Ok(laid)
    }

    fn option(&mut self, terms: ExpiryTerms, right: Right, (strike, vol, units): (f64, f64, f64)) {
        let at = self
            .expiries
            .iter()
            .position(|e| e.terms == terms)
            .unwrap_or_else(|| {
                self.expiries.push(Expiry {
                    terms,
                    strikes: Vec::new(),
                    vols: Vec::new(),
                    puts: Vec::new(),
                    calls: Vec::new(),
                    status: Vec::new(),
                });
                self.expiries.len() - 1
            });
        let Some(expiry) = self.expiries.get_mut(at) else {
            return;
        };
        let row = (expiry.strikes.len(), units);
        expiry.strikes.push(strike);
        expiry.vols.push(vol);
        let same = |s: &&mut Side| s.right == right && s.expiry == at;
        if let Some(side) = self.sides.iter_mut().find(same) {
            side.rows.push(row);
            return;
        }
        self.sides.push(Side {
            expiry: at,
            right,
            rows: vec![row],
        });
    }

    /// Value after a shift.
    fn value(&mut self, shift: &Shift) -> Result<f64, InputError> {
        for expiry in &mut self.expiries {
            let terms = shift.terms(&expiry.terms)?;
            self.shifted.clear();
            for vol in &expiry.vols {
                self.shifted.push(Input::Vol.check(shift.vol.of(*vol))?);
            }
            let mut out = PriceColumns {
                puts: &mut expiry.puts,
                calls: &mut expiry.calls,
                status: &mut expiry.status,
            };
            let sound = chain::prices(&terms, &expiry.strikes, &self.shifted, &mut out).is_ok();
            if sound && expiry.status.iter().all(|s| s.is_ok()) {
                continue;
            }
            // One at a time, for the error that names what is out of range.
            let cells = expiry.puts.iter_mut().zip(&mut expiry.calls);
            for ((strike, vol), (put, call)) in expiry.strikes.iter().zip(&self.shifted).zip(cells) {
                *put = terms.price(Right::Put, *strike, *vol)?;
                *call = terms.price(Right::Call, *strike, *vol)?;
            }
        }
        let mut sum = 0.0;
        for side in &self.sides {
            let Some(expiry) = self.expiries.get(side.expiry) else {
                continue;
            };
            let prices = match side.right {
                Right::Put => &expiry.puts,
                Right::Call => &expiry.calls,
            };
            for (row, units) in &side.rows {
                if let Some(points) = prices.get(*row) {
                    sum += units * points;
                }
            }
        }
        for (price, units) in &self.linear {
            sum += units * Input::Price.check(price * (1.0 + shift.forward))?;
        }
        finite(sum)
    }
}

/// Profits of `holdings` over every pair of a shift in `vols` and one in `forwards`, after `days`: each within 1e-14 of the forward
/// for each unit of what [`profit`] gives.
///
/// # Errors
/// As [`profit`]; an axis of more than [`SHIFTS_MAX`] shifts is reported as the price.
pub fn grid(
    holdings: &[Holding],
    forwards: &[f64],
    vols: &[VolShift],
    days: f64,
) -> Result<ProfitGrid, InputError> {
    if forwards.len() > SHIFTS_MAX || vols.len() > SHIFTS_MAX {
        return Err(InputError {
            input: Input::Price,
            value: f64::INFINITY,
        });
    }
    let mut laid = Laid::new(holdings)?;
    let before = laid.value(&Shift::NONE)?;
    let mut profits = Vec::with_capacity(forwards.len() * vols.len());
    for vol in vols {
        for forward in forwards {
            let shift = Shift {
                forward: *forward,
                vol: *vol,
                days,
            };
            profits.push(finite(laid.value(&shift)? - before)?);
        }
    }
    Ok(ProfitGrid {
        forwards: forwards.to_vec(),
        vols: vols.to_vec(),
        profits,
    })
}

/// `count` shifts at equal distances from `low` to `high`, both included; one shift is the low end.
///
/// A margin grid of ten points over −8 %/+6 % is `equidistant(-0.08, 0.06, 10)`.
#[must_use]
pub fn equidistant(low: f64, high: f64, count: u16) -> Vec<f64> {
    let steps = f64::from(count.max(2) - 1);
    (0..count)
        .map(|i| {
            // From the nearer end, so that the last is `high` to the bit.
            let share = f64::from(i) / steps;
            low * (1.0 - share) + high * share
        })
        .collect()
}
