//! Packages and positions in a market that is not today's: spot, vols and time shifted, every leg revalued under the surface.
//!
//! A scenario speaks of SPX: its spot and its vols. What it means for VIX is said by [`Market`].

pub mod account;
pub mod grid;

use crate::observe::{self, CandidateView, Sight};
use crate::value::{Cause, Cell};
use alula_book::{Package, Position};
use alula_dsl::builtin::PositionObs;
use alula_dsl::graph::{Moved, ShiftBy};
use alula_pricing::breakeven::{Dynamics, Scenario, rate_of};
use alula_pricing::stress::{Asset, Holding, Shift, VolShift, value};

/// The shifts of a scenario as one: vol points and days add up, moves of spot compound.
#[must_use]
pub fn shift_of(under: &[ShiftBy]) -> Shift {
    let (mut vol, mut spot, mut days) = (0.0, 1.0, 0.0);
    for by in under {
        match by {
            ShiftBy::VolPoints(points) => vol += points,
            ShiftBy::SpotFraction(fraction) => spot *= 1.0 + fraction,
            ShiftBy::Days(n) => days += n,
        }
    }
    Shift {
        forward: spot - 1.0,
        vol: VolShift::Points(vol),
        days,
    }
}

/// A shift with the moves of events on top: for each, its mean change of vol and of spot, and what else stands beside them in the
/// order of [`Moved::ALL`].
///
/// # Errors
/// The cause of the first move that is missing.
pub fn with_moves(shift: &Shift, moves: &[Cell]) -> Result<Shift, Cause> {
    let mut out = *shift;
    for event in moves.chunks(Moved::ALL.len()) {
        let [vol, spot, ..] = event else {
            return Err(Cause::NoData);
        };
        let (vol, spot) = (vol.get()?, spot.get()?);
        out.forward = (1.0 + out.forward) * (1.0 + spot) - 1.0;
        out.vol = match out.vol {
            VolShift::Points(points) => VolShift::Points(points + vol),
            share @ VolShift::Share(_) => share,
        };
    }
    Ok(out)
}

/// Lowest level of VIX that a shift can lead to, points.
const VIX_FLOOR: f64 = 1.0;

/// A shift of the SPX market, and what it does to what is on VIX.
///
/// VIX is the implied vol of SPX: a shift of every SPX vol by five points is one of VIX and of each of its futures by five,
/// times `vx_beta`. With a beta of one the shift is parallel, the definition; real shocks move the far end less, and a
/// smaller beta says so. Spot moves VIX through vols alone. Vols of VIX options stay.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Market {
    /// Shift of SPX.
    pub shift: Shift,
    /// Points of a VIX future for one point of SPX vol.
    pub vx_beta: f64,
}

impl Market {
    /// A parallel shift: one point of VIX for one of SPX vol.
    #[must_use]
    pub const fn new(shift: Shift) -> Self {
        Self { shift, vx_beta: 1.0 }
    }

    /// The shift of what is on an underlying and has this forward (or price), points.
    #[must_use]
    pub fn of(&self, underlying: &str, forward: f64) -> Shift {
        if underlying != "VIX" {
            return self.shift;
        }
        let share = match self.shift.vol {
            VolShift::Points(points) => points * self.vx_beta / forward,
            VolShift::Share(share) => share * self.vx_beta,
        };
        Shift {
            // Written so that a NaN is not taken for the floor.
            forward: if share < VIX_FLOOR / forward - 1.0 {
                VIX_FLOOR / forward - 1.0
            } else {
                share
            },
            vol: VolShift::Points(0.0),
            days: self.shift.days,
        }
    }
}

/// The legs of a package of so many lots as the pricing room values them, in dollars: each at its own mid's vol, at the surface's
/// where it has no quote.
///
/// # Errors
/// `no quote` without a snapshot or a vol, `not listed` for a contract that is not in it.
pub fn holdings(sight: &Sight<'_>, package: &Package, lots: u32) -> Result<Vec<Holding>, Cause> {
    let view = sight.view(package.underlying()).ok_or(Cause::NoQuote)?;
    let dollars = i32::try_from(package.multiplier()).map_or(f64::MAX, f64::from) * f64::from(lots);
    package
        .legs()
        .iter()
        .map(|leg| {
            let (terms, vol) = view.marked_vol(&leg.contract)?;
            Ok(Holding {
                asset: Asset::Option {
                    terms,
                    right: crate::analytics::pricing_right(leg.contract.right),
                    strike: leg.contract.strike.to_f64(),
                    vol,
                },
                units: f64::from(leg.ratio) * dollars,
            })
        })
        .collect()
}

/// Profit in a shifted market of a package with `cash` dollars in hand, and the years it takes: with days in the shift the
/// mark after them, without the expected result at the last leg's settlement.
///
/// # Errors
/// As [`holdings`]; `out of domain` for a shift that cannot be valued.
pub fn outcome(
    sight: &Sight<'_>,
    package: &Package,
    lots: u32,
    cash: f64,
    market: &Market,
) -> Result<(f64, f64), Cause> {
    let underlying = package.underlying();
    let view = sight.view(underlying).ok_or(Cause::NoQuote)?;
    let shift = &market.shift;
    // Only time moves along the surface; without any it is not needed, and not fitted.
    let surface = if shift.days > 0.0 {
        Some(view.surface().surface()?)
    } else {
        None
    };
    let (mut profit, mut years) = (cash, 0.0_f64);
    for holding in holdings(sight, package, lots)? {
        let Asset::Option { terms, .. } = holding.asset else {
            return Err(Cause::OutOfDomain);
        };
        let own = market.of(underlying, terms.forward());
        let one = Scenario {
            holdings: std::slice::from_ref(&holding),
            cash: 0.0,
            surface,
            dynamics: Dynamics::StickyStrike,
        };
        let found = if shift.days > 0.0 {
            one.profit(&own)
        } else {
            years = years.max(terms.years());
            one.expected(&own)
        };
        profit += found.map_err(|_| Cause::OutOfDomain)?;
    }
    if shift.days > 0.0 {
        years = shift.days / 365.0;
    }
    Ok((profit, years))
}

/// Annual rate of return in a shifted market of a package with `cash` dollars in hand, on `capital` dollars.
fn rate(
    sight: &Sight<'_>,
    package: &Package,
    lots: u32,
    (cash, capital): (f64, f64),
    shift: &Shift,
) -> Result<f64, Cause> {
    let (profit, years) = outcome(sight, package, lots, cash, &Market::new(*shift))?;
    rate_of(profit, capital, years).ok_or(Cause::OutOfDomain)
}

/// Scenario rate of return of a candidate: its price at the stated share in hand, on its maximum loss (on its margin where the
/// loss has no bound).
#[must_use]
pub fn candidate_rate(sight: &Sight<'_>, candidate: &CandidateView<'_>, shift: &Shift) -> Cell {
    let points = candidate.price.net.share;
    let cash = points
        .dollars(candidate.package.multiplier(), i64::from(candidate.lots))
        .to_f64();
    let of = |what| observe::candidate(sight, candidate, what).get();
    let capital = match of(PositionObs::MaxLoss) {
        Err(Cause::Unbounded) => of(PositionObs::Margin),
        found => found,
    };
    Cell::from(
        capital.and_then(|capital| rate(sight, candidate.package, candidate.lots, (cash, capital), shift)),
    )
}

/// Scenario rate of return of keeping open positions: what they may earn from their value now on, on what they can lose from it
/// (their margin where the loss has no bound). All positions together, each counted with its capital.
#[must_use]
pub fn position_rate<'p>(
    sight: &Sight<'_>,
    positions: impl Iterator<Item = &'p Position>,
    shift: &Shift,
) -> Cell {
    let (mut weighted, mut sum, mut any) = (0.0, 0.0, false);
    for position in positions {
        any = true;
        match kept(sight, position, shift) {
            Ok((rate, capital)) => {
                weighted += rate * capital;
                sum += capital;
            }
            Err(cause) => return Cell::missing(cause),
        }
    }
    if !any {
        return Cell::missing(Cause::NoPosition);
    }
    Cell::number_or(Some(weighted / sum), Cause::OutOfDomain)
}

fn kept(sight: &Sight<'_>, position: &Position, shift: &Shift) -> Result<(f64, f64), Cause> {
    let package = position.held().ok_or(Cause::NoPosition)?;
    let held = holdings(sight, package, position.lots)?;
    let worth = value(&held).map_err(|_| Cause::OutOfDomain)?;
    let worst = alula_book::payoff::worst(package);
    let capital = match worst {
        Some(worst) => {
            worth
                - worst
                    .dollars(package.multiplier(), i64::from(position.lots))
                    .to_f64()
        }
        None => observe::package_margin(sight, package, position.lots)?.to_f64(),
    };
    // Given up now it would bring its value, so keeping it starts by paying that.
    let rate = rate(sight, package, position.lots, (-worth, capital), shift)?;
    Ok((rate, capital))
}
