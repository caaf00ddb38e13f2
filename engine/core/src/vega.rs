//! VIX in the terms of SPX: what options and futures on VIX carry of the account's greeks.
//!
//! *Vega across underlyings.* SPX options gain or lose their own vega for each point of SPX implied vol. A VIX option does
//! not: it is an option on the VX future of its expiry, and gains its delta for each point that this future moves. So one
//! VIX option carries, in dollars for a point of SPX implied vol,
//!
//! `delta * multiplier * b`, `b` = points that the VX future of its expiry moves when SPX implied vol moves one.
//!
//! `map VIX by …` gives `b`, as a number, a threshold or a signal, the same for every expiry; `map VIX by … at 30 days` gives
//! it for one distance and lets it decay as follows. Without it `b = exp(-4 T)`, `T` in years to the expiry:
//! the sensitivity of a future on a mean-reverting volatility to the volatility itself (A. Grünbichler and F. A. Longstaff,
//! *Valuing futures and options on volatility*, Journal of Banking and Finance 20, 1996), with a speed of 4 a year, a
//! half-life of 63 days. Its own vega, to the vol of VIX, is not a hedge of SPX vega and does not count.
//!
//! Of the other greeks a VIX option carries nothing: its delta and gamma are of another underlying, and nobody has said how
//! the two move together.
//!
//! A VX future is such an option of delta 1 with its own multiplier, a share of a note on VX futures the futures that it holds
//! ([`crate::etp`]). The greeks of the whole account are in these terms: delta
//! and gamma of the run's own underlying, vega mapped, theta of everything, in dollars.

use crate::etp;
use crate::linear;
use crate::observe::{PackageGreeks, Sight, days, package_greek, package_greeks};
use crate::plan::{Plan, PlanHedge};
use crate::value::{Cause, Cell};
use alula_book::instrument::LinearLeg;
use alula_book::{Book, Package};
use alula_dsl::builtin::Greek;
use alula_market::contract::Instrument;

/// Mean reversion of volatility in the default mapping, a year.
pub const MAP_SPEED: f64 = 4.0;
/// Days of a year in the default mapping.
const YEAR_DAYS: f64 = 365.0;
/// The underlying whose options stand on futures of their own.
pub(crate) const VIX: &str = "VIX";

/// How VIX counts against SPX: its vol (`map VIX by …`), or its returns (`beta VIX by …`).
#[derive(Clone, Copy, Debug, Default)]
pub enum Mapping {
    /// The default.
    #[default]
    Decay,
    /// A number for every expiry, or the cause why it is missing.
    Given(Result<f64, Cause>),
    /// A number for what is so many days from expiry, or the cause why it is missing; for others it decays by [`MAP_SPEED`].
    From(Result<f64, Cause>, f64),
}

impl Mapping {
    /// Points of the VX future of an expiry so many days away, for one point of SPX implied vol.
    ///
    /// # Errors
    /// The cause why the number that the strategy gives is missing.
    pub fn at(self, days: f64) -> Result<f64, Cause> {
        match self {
            Self::Decay => Ok((-MAP_SPEED * days / YEAR_DAYS).exp()),
            Self::Given(ratio) => ratio,
            Self::From(ratio, at) => Ok(ratio? * (-MAP_SPEED * (days - at) / YEAR_DAYS).exp()),
        }
    }

    /// What a hedge says of vols.
    pub(crate) fn of(hedge: &PlanHedge, read: &dyn Fn(usize) -> Result<f64, Cause>) -> Self {
        Self::told((hedge.map, hedge.map_at), Self::Decay, read)
    }

    /// What a hedge says of returns: the beta of VIX, which is missing where it says nothing.
    pub(crate) fn of_returns(hedge: &PlanHedge, read: &dyn Fn(usize) -> Result<f64, Cause>) -> Self {
        Self::told((hedge.beta, hedge.beta_at), Self::Given(Err(Cause::NoData)), read)
    }

    fn told(
        (by, at): (Option<usize>, Option<usize>),
        otherwise: Self,
        read: &dyn Fn(usize) -> Result<f64, Cause>,
    ) -> Self {
        match (by, at) {
            (None, _) => otherwise,
            (Some(node), None) => Self::Given(read(node)),
            (Some(node), Some(at)) => match read(at) {
                Ok(days) => Self::From(read(node), days),
                Err(cause) => Self::Given(Err(cause)),
            },
        }
    }

    /// The mappings of the account: those of the first hedge which gives one.
    #[must_use]
    pub fn of_account(plan: &Plan, cells: &[Cell]) -> Mappings {
        let read = |node: usize| cells.get(node).map_or(Err(Cause::NoData), |c| c.get());
        let hedges = || plan.hedges().iter();
        let vols = hedges().find(|h| h.map.is_some());
        let returns = hedges().find(|h| h.beta.is_some());
        let none = Mappings::default();
        Mappings {
            vols: vols.map_or(none.vols, |h| Self::of(h, &read)),
            returns: returns.map_or(none.returns, |h| Self::of_returns(h, &read)),
        }
    }
}

/// How VIX counts in the account.
#[derive(Clone, Copy, Debug)]
pub struct Mappings {
    /// Points of a VX future for one of SPX implied vol.
    pub vols: Mapping,
    /// Return of a VX future for one of SPX: its beta.
    pub returns: Mapping,
}

impl Default for Mappings {
    fn default() -> Self {
        Self {
            vols: Mapping::Decay,
            returns: Mapping::Given(Err(Cause::NoData)),
        }
    }
}

/// The mapping's number for a package; none where it is not on VIX.
pub(crate) fn mapped_by(sight: &Sight<'_>, package: &Package, mapping: Mapping) -> Option<f64> {
    let leg = package.legs().first().filter(|_| package.underlying() == VIX)?;
    mapping.at(days(sight.at.date(), leg.contract.expiry)).ok()
}

/// What one lot of a package has of a greek, in the terms of SPX.
pub(crate) fn exposure(
    sight: &Sight<'_>,
    package: &Package,
    greek: Greek,
    mapping: Mapping,
) -> Result<f64, Cause> {
    if package.underlying() != VIX {
        return package_greek(sight, package, 1, greek);
    }
    if greek != Greek::Vega {
        return Ok(0.0);
    }
    let dollars = i32::try_from(package.multiplier()).map_or(f64::MAX, f64::from);
    let mut sum = 0.0;
    for leg in package.legs() {
        let days = days(sight.at.date(), leg.contract.expiry);
        sum += f64::from(leg.ratio) * sight.greeks(leg)?.delta * mapping.at(days)?;
    }
    Ok(sum * dollars)
}

/// The greeks of everything held, in the terms of the run's own underlying.
///
/// # Errors
/// The cause of the first that is missing.
pub fn account(sight: &Sight<'_>, book: &Book) -> Result<PackageGreeks, Cause> {
    let main = sight.plan.chains().first().map(String::as_str);
    let mut sum = PackageGreeks::default();
    for position in book.positions() {
        let package = position.held().ok_or(Cause::NoPosition)?;
        let own = package_greeks(sight, package, position.lots)?;
        let on_vix = package.underlying() == VIX && main != Some(VIX);
        if Some(package.underlying()) == main {
            sum.delta += own.delta;
            sum.gamma += own.gamma;
        }
        sum.vega += if on_vix {
            f64::from(position.lots) * exposure(sight, package, Greek::Vega, sight.mapping.vols)?
        } else {
            own.vega
        };
        sum.theta += own.theta;
    }
    for leg in book.ledger().positions().flat_map(|p| &p.held) {
        match leg.instrument {
            Instrument::Future(c) if c.root.is_vix() && main != Some(VIX) => {
                sum.vega += future_vega(sight, leg, sight.mapping.vols)?;
            }
            Instrument::Share(share) if etp::on_vix(share) => {
                sum.vega += linear::float(leg.quantity) * etp::mapped_vega(sight, share, sight.mapping.vols)?;
            }
            Instrument::Share(_) => sum.delta += linear::index_delta(sight, leg)?,
            _ => sum.delta += linear::greek(std::slice::from_ref(leg), Greek::Delta),
        }
    }
    Ok(sum)
}

/// What futures or shares have of a greek, in the terms of the run's own underlying.
pub(crate) fn linear_exposure(
    sight: &Sight<'_>,
    legs: &[LinearLeg],
    greek: Greek,
    mapping: Mapping,
) -> Result<f64, Cause> {
    let mut sum = 0.0;
    for leg in legs {
        sum += match (greek, leg.instrument) {
            (Greek::Vega, Instrument::Future(c)) if c.root.is_vix() => future_vega(sight, leg, mapping)?,
            (Greek::Vega, Instrument::Share(share)) => {
                linear::float(leg.quantity) * etp::mapped_vega(sight, share, mapping)?
            }
            (Greek::Delta, _) => linear::index_delta(sight, leg)?,
            _ => 0.0,
        };
    }
    Ok(sum)
}

/// Dollars of a VX future for a point of SPX implied vol.
fn future_vega(sight: &Sight<'_>, leg: &LinearLeg, mapping: Mapping) -> Result<f64, Cause> {
    let expiry = leg.instrument.expiry().ok_or(Cause::NoLeg)?;
    let ratio = mapping.at(days(sight.at.date(), expiry))?;
    Ok(linear::greek(std::slice::from_ref(leg), Greek::Vega) * ratio)
}
