//! What can be observed of a position, of a candidate package and of the account, as cells.
//!
//! Money is at the stated share of the spread, in dollars for all lots. Delta and gamma are in contracts: the sum of ratio
//! times lots times the option's own delta; vega and theta are in dollars, multiplier and lots counted. A position's own
//! figures need fresh quotes of all its legs (`no quote` otherwise); the account's figures use the last marks, held where a
//! quote is missing.

use crate::analytics::SnapshotView;
use crate::beta;
use crate::linear::{self, LinearMarket};
use crate::margin::{self, Stake};
use crate::market::Views;
use crate::plan::Plan;
use crate::select::{leg_kind, market_right};
use crate::value::{Cause, Cell};
use crate::vega::{self, Mappings};
use alula_book::instrument::{LinearLeg, LinearPosition};
use alula_book::{Book, Leg, Package, PackagePrice, Position, Rulebook, payoff};
use alula_dsl::ast::Side;
use alula_dsl::builtin::{BookObs, Greek, LegPick, PositionObs};
use alula_dsl::graph::StructureDef;
use alula_market::contract::OptionContract;
use alula_market::money::{Price, Usd};
use alula_market::time::{Date, Instant};
use alula_pricing::Greeks;
use std::sync::Arc;

/// A tick as positions see it.
#[derive(Clone, Copy, Debug)]
pub struct Sight<'a> {
    /// The plan, for its list of underlyings.
    pub plan: &'a Plan,
    /// Tick.
    pub at: Instant,
    /// Snapshots.
    pub views: &'a Views,
    /// Margin rules.
    pub rulebook: Rulebook,
    /// Prices of futures and shares.
    pub linear: &'a LinearMarket,
    /// How VIX counts in the vega and the beta of the account.
    pub mapping: Mappings,
    /// The tick's date.
    date: Date,
}

impl<'a> Sight<'a> {
    /// What is seen at a tick.
    #[must_use]
    pub fn new(plan: &'a Plan, at: Instant, views: &'a Views, rulebook: Rulebook) -> Self {
        Self {
            plan,
            at,
            views,
            rulebook,
            linear: LinearMarket::EMPTY,
            mapping: Mappings::default(),
            date: at.date(),
        }
    }

    /// The same with prices of futures and shares.
    #[must_use]
    pub const fn with_linear(mut self, linear: &'a LinearMarket) -> Self {
        self.linear = linear;
        self
    }

    /// The same with mappings of VIX.
    #[must_use]
    pub const fn with_mapping(mut self, mapping: Mappings) -> Self {
        self.mapping = mapping;
        self
    }

    /// The snapshot of an underlying.
    #[must_use]
    pub fn view(&self, underlying: &str) -> Option<&'a Arc<SnapshotView>> {
        self.views
            .get(self.plan.chain(underlying)?)
            .and_then(Option::as_ref)
    }

    /// Greeks of one contract.
    ///
    /// # Errors
    /// The cause when it is not listed or not quoted.
    pub fn greeks(&self, leg: &Leg) -> Result<Greeks, Cause> {
        self.view(leg.contract.root.underlying())
            .ok_or(Cause::NoQuote)?
            .greeks(&leg.contract)
    }

    /// Level of a package's underlying.
    pub(crate) fn spot(&self, package: &Package) -> Result<Price, Cause> {
        let view = self.view(package.underlying()).ok_or(Cause::NoQuote)?;
        let known = Some(view.snapshot.spot).filter(|p| *p > Price::ZERO);
        known.ok_or(if view.spot_is_stale() {
            Cause::Stale
        } else {
            Cause::NoQuote
        })
    }

    /// Mid of one contract.
    pub(crate) fn mid(&self, leg: &Leg) -> Result<Price, Cause> {
        let view = self.view(leg.contract.root.underlying()).ok_or(Cause::NoQuote)?;
        view.snapshot
            .quote(&leg.contract)
            .map(|q| q.mid())
            .ok_or_else(|| view.why_unquoted(&leg.contract))
    }
}

pub(crate) fn days(from: Date, to: Date) -> f64 {
    i32::try_from((to - from).num_days().max(0)).map_or(f64::MAX, f64::from)
}

/// Computes the greeks of everything held together, for the questions that follow.
pub fn prepare_greeks(sight: &Sight<'_>, book: &Book) {
    for view in sight.views.iter().flatten() {
        let legs = book.positions().flat_map(|p| &p.legs);
        view.prepare(legs.map(|l| &l.contract));
    }
}

/// The greeks of a package of so many lots, each leg looked up once: delta and gamma in underlyings, vega in dollars a vol
/// point, theta in dollars a calendar day.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PackageGreeks {
    /// Delta.
    pub delta: f64,
    /// Gamma.
    pub gamma: f64,
    /// Vega.
    pub vega: f64,
    /// Theta.
    pub theta: f64,
}

impl PackageGreeks {
    /// One of them.
    #[must_use]
    pub const fn of(&self, which: Greek) -> f64 {
        match which {
            Greek::Delta => self.delta,
            Greek::Gamma => self.gamma,
            Greek::Vega => self.vega,
            Greek::Theta => self.theta,
        }
    }
}

/// See [`PackageGreeks`].
///
/// # Errors
/// The first leg's cause.
pub fn package_greeks(sight: &Sight<'_>, package: &Package, lots: u32) -> Result<PackageGreeks, Cause> {
    let mut sum = PackageGreeks::default();
    for leg in package.legs() {
        let one = sight.greeks(leg)?;
        let ratio = f64::from(leg.ratio);
        sum.delta += ratio * one.delta;
        sum.gamma += ratio * one.gamma;
        sum.vega += ratio * one.vega;
        sum.theta += ratio * one.theta;
    }
    let (lots, dollars) = (f64::from(lots), dollars_a_point(package));
    Ok(PackageGreeks {
        delta: sum.delta * lots,
        gamma: sum.gamma * lots,
        vega: sum.vega * dollars * lots,
        theta: sum.theta * dollars * lots,
    })
}

/// One greek of a package; see [`PackageGreeks`].
///
/// # Errors
/// The first leg's cause.
pub fn package_greek(sight: &Sight<'_>, package: &Package, lots: u32, which: Greek) -> Result<f64, Cause> {
    package_greeks(sight, package, lots).map(|all| all.of(which))
}

/// The multiplier as a float; it is 100 for every root.
fn dollars_a_point(package: &Package) -> f64 {
    i32::try_from(package.multiplier()).map_or(f64::MAX, f64::from)
}

/// What a package's legs are to be matched with: its structure's key, and the legs as they were last chosen, before any of
/// them settled.
#[derive(Clone, Copy)]
struct Origin<'a> {
    structure: &'a str,
    chosen: &'a Package,
}

/// The leg that a pick names: one of the structure's by its place, or of that side (and right) the one with the largest
/// absolute delta when there are several.
fn leg_of(
    sight: &Sight<'_>,
    package: &Package,
    origin: Option<Origin<'_>>,
    pick: LegPick,
) -> Result<Leg, Cause> {
    if let Some(place) = pick.leg {
        let chosen = origin.map_or(package, |o| o.chosen);
        let structure = origin.and_then(|o| sight.plan.structure(o.structure));
        let contract = chosen_leg(structure, chosen, usize::from(place)).ok_or(Cause::NoLeg)?;
        // It may have settled since.
        let held = package.legs().iter().find(|l| l.contract == contract);
        return held.copied().ok_or(Cause::NoLeg);
    }
    let fits = |l: &&Leg| {
        let side = if l.ratio > 0 { Side::Long } else { Side::Short };
        side == pick.side && pick.right.is_none_or(|r| market_right(r) == l.contract.right)
    };
    let legs: Vec<Leg> = package.legs().iter().filter(fits).copied().collect();
    match legs.as_slice() {
        [] => Err(Cause::NoLeg),
        [one] => Ok(*one),
        several => {
            let mut best: Option<(Leg, f64)> = None;
            for leg in several {
                let delta = sight.greeks(leg)?.delta.abs();
                if best.is_none_or(|(_, most)| delta > most) {
                    best = Some((*leg, delta));
                }
            }
            best.map(|(leg, _)| leg).ok_or(Cause::NoLeg)
        }
    }
}

/// The contract of a structure's leg in a package chosen for it: legs come in the structure's order. Where a roll was of
/// the legs that were left, the leg is known if it alone is of its right, side and ratio.
fn chosen_leg(structure: Option<&StructureDef>, chosen: &Package, place: usize) -> Option<OptionContract> {
    let Some(structure) = structure.filter(|s| s.legs.len() != chosen.legs().len()) else {
        return chosen.legs().get(place).map(|l| l.contract);
    };
    let kind = leg_kind(structure.legs.get(place)?);
    if structure.legs.iter().filter(|l| leg_kind(l) == kind).count() > 1 {
        return None;
    }
    let mut same = chosen
        .legs()
        .iter()
        .filter(|l| Some((l.contract.right, l.ratio)) == kind);
    same.next().filter(|_| same.next().is_none()).map(|l| l.contract)
}

/// What depends on the legs alone, for positions and candidates alike.
fn of_package(
    sight: &Sight<'_>,
    (package, origin): (&Package, Option<Origin<'_>>),
    lots: u32,
    what: PositionObs,
) -> Option<Result<f64, Cause>> {
    let dollars = |points: Price| points.dollars(package.multiplier(), i64::from(lots)).to_f64();
    Some(match what {
        PositionObs::Width => payoff::width(package).map(dollars).ok_or(Cause::NoLeg),
        PositionObs::Notional => sight.spot(package).map(dollars),
        PositionObs::Margin => package_margin(sight, package, lots).map(Usd::to_f64),
        PositionObs::Dte => {
            let nearest = package.legs().iter().map(|l| l.contract.expiry).min();
            nearest.map(|e| days(sight.date, e)).ok_or(Cause::NoLeg)
        }
        PositionObs::Lots => Ok(f64::from(lots)),
        PositionObs::Extrinsic => extrinsic(sight, package).map(dollars),
        PositionObs::Greek(which) => package_greek(sight, package, lots, which),
        PositionObs::LegDelta(pick) => leg_of(sight, package, origin, pick)
            .and_then(|l| sight.greeks(&l))
            .map(|g| g.delta),
        PositionObs::LegStrike(pick) => {
            leg_of(sight, package, origin, pick).map(|l| l.contract.strike.to_f64())
        }
        PositionObs::LegPrice(pick) => leg_of(sight, package, origin, pick)
            .and_then(|l| sight.mid(&l))
            .map(Price::to_f64),
        PositionObs::Profit
        | PositionObs::Loss
        | PositionObs::Credit
        | PositionObs::CreditPoints
        | PositionObs::MaxLoss
        | PositionObs::DaysHeld
        | PositionObs::BreakevenLow
        | PositionObs::BreakevenHigh
        | PositionObs::NetCredit => return None,
    })
}

/// Margin of a package alone at the tick's mids.
///
/// # Errors
/// As [`margin::requirement`].
pub fn package_margin(sight: &Sight<'_>, package: &Package, lots: u32) -> Result<Usd, Cause> {
    let stake = Stake {
        package,
        lots,
        position: None,
    };
    margin::requirement(sight, sight.rulebook, &[stake])
}

/// Most that a position can still lose in all, cash flows so far counted, fees apart. `None` where there is no bound.
#[must_use]
pub fn position_max_loss(position: &Position) -> Option<Usd> {
    let Some(package) = position.held() else {
        return Some((-position.cash.share).max(Usd::ZERO));
    };
    let worst = payoff::worst(package)?.dollars(package.multiplier(), i64::from(position.lots));
    Some((-(position.cash.share + worst)).max(Usd::ZERO))
}

/// An observable of an open position.
#[must_use]
pub fn position(sight: &Sight<'_>, position: &Position, what: PositionObs) -> Cell {
    let Some(package) = position.held() else {
        return Cell::missing(Cause::NoPosition);
    };
    let origin = Origin {
        structure: &position.structure,
        chosen: &position.package,
    };
    if let Some(result) = of_package(sight, (package, Some(origin)), position.lots, what) {
        return Cell::from(result);
    }
    let quoted_at = sight.view(package.underlying()).map(|v| v.snapshot.at);
    let fresh = position.legs.iter().all(|l| Some(l.mark.at) == quoted_at);
    let profit = || {
        if fresh {
            Ok(position.pnl().share.to_f64())
        } else {
            let view = sight.view(package.underlying());
            let is_stale = position
                .legs
                .iter()
                .any(|l| view.map(|v| v.why_unquoted(&l.contract)) == Some(Cause::Stale));
            Err(if is_stale { Cause::Stale } else { Cause::NoQuote })
        }
    };
    Cell::from(match what {
        PositionObs::Profit => profit(),
        PositionObs::Loss => profit().map(|p| -p),
        PositionObs::Credit => Ok(position.credit.share.to_f64()),
        PositionObs::CreditPoints => Ok(position.credit_points.share.to_f64()),
        PositionObs::MaxLoss => position_max_loss(position)
            .map(Usd::to_f64)
            .ok_or(Cause::Unbounded),
        PositionObs::DaysHeld => Ok(days(position.opened_at.date(), sight.date)),
        PositionObs::BreakevenLow | PositionObs::BreakevenHigh => {
            breakeven(package, position.credit_points.share, what)
        }
        _ => Err(Cause::NoPosition),
    })
}

/// A package about to be ordered.
#[derive(Clone, Copy, Debug)]
pub struct CandidateView<'a> {
    /// What would be held, per lot.
    pub package: &'a Package,
    /// Lots.
    pub lots: u32,
    /// What the order's trade costs or brings now.
    pub price: &'a PackagePrice,
    /// The position that a roll starts from.
    pub from: Option<&'a Position>,
}

/// Most that one lot can lose at expiry, its credit counted.
#[must_use]
pub fn lot_max_loss(package: &Package, credit: Price) -> Option<Usd> {
    payoff::loss_bound(package, credit).map(|p| p.dollars(package.multiplier(), 1))
}

/// An observable of a candidate. For a roll: of the position as it would be after the fill, except `net credit`.
#[must_use]
pub fn candidate(sight: &Sight<'_>, candidate: &CandidateView<'_>, what: PositionObs) -> Cell {
    let CandidateView {
        package,
        lots,
        price,
        from,
    } = *candidate;
    let origin = from.map(|p| Origin {
        structure: &p.structure,
        chosen: package,
    });
    if let Some(result) = of_package(sight, (package, origin), lots, what) {
        return Cell::from(result);
    }
    let net = price.net.share.dollars(package.multiplier(), i64::from(lots));
    let before = from.map_or(Usd::ZERO, |p| p.credit.share);
    let points = from.map_or(Price::ZERO, |p| p.credit_points.share);
    let paid = from.map_or(Usd::ZERO, |p| p.cash.share);
    let profit = from
        .map(|p| position(sight, p, PositionObs::Profit))
        .unwrap_or(Cell::missing(Cause::NoPosition));
    Cell::from(match what {
        PositionObs::NetCredit => Ok(net.to_f64()),
        PositionObs::Credit => Ok((before + net).to_f64()),
        PositionObs::CreditPoints => Ok((points + price.net.share).to_f64()),
        PositionObs::MaxLoss => payoff::worst(package)
            .map(|w| w.dollars(package.multiplier(), i64::from(lots)))
            .map(|worst| (-(paid + net + worst)).max(Usd::ZERO).to_f64())
            .ok_or(Cause::Unbounded),
        PositionObs::DaysHeld => Ok(from.map_or(0.0, |p| days(p.opened_at.date(), sight.date))),
        PositionObs::Profit => profit.get(),
        PositionObs::Loss => profit.get().map(|p| -p),
        PositionObs::BreakevenLow | PositionObs::BreakevenHigh => {
            breakeven(package, points + price.net.share, what)
        }
        _ => Err(Cause::NoPosition),
    })
}

/// Time value sold minus time value bought, in points per package: mids above intrinsic values at spot.
fn extrinsic(sight: &Sight<'_>, package: &Package) -> Result<Price, Cause> {
    let spot = sight.spot(package)?;
    let mut sum = Price::ZERO;
    for leg in package.legs() {
        let intrinsic = payoff::intrinsic(leg.contract.right, leg.contract.strike, spot);
        sum += (sight.mid(leg)? - intrinsic).times(-i64::from(leg.ratio));
    }
    Ok(sum)
}

fn breakeven(package: &Package, credit: Price, which: PositionObs) -> Result<f64, Cause> {
    let all = payoff::breakevens(package, credit);
    let found = if which == PositionObs::BreakevenLow {
        all.first()
    } else {
        all.last()
    };
    found.copied().ok_or(Cause::OutOfDomain)
}

fn held(position: &Position) -> Result<&Package, Cause> {
    position.held().ok_or(Cause::NoPosition)
}

/// The account, or a structure's share of it.
#[derive(Clone, Copy, Debug)]
pub struct AccountView<'a> {
    /// Book, marked.
    pub book: &'a Book,
    /// Highest equity (or, for a structure, P&L) so far.
    pub peak: Usd,
    /// Key of the structure; the whole book when `None`.
    pub structure: Option<&'a str>,
}

/// An observable of the account. A structure's `equity` and `cash` are its P&L and its cash flows, fees deducted.
#[must_use]
pub fn account(sight: &Sight<'_>, account: &AccountView<'_>, what: BookObs) -> Cell {
    let AccountView {
        book,
        peak,
        structure,
    } = *account;
    let positions = || {
        book.positions()
            .filter(|p| structure.is_none_or(|s| &*p.structure == s))
    };
    let equity = || {
        structure
            .map_or_else(|| book.equity(), |s| book.structure_pnl(s))
            .share
    };
    let linear = || {
        let open = book.ledger().positions();
        open.filter(|p| structure.is_none_or(|s| &*p.structure == s))
    };
    let sum = |f: &dyn Fn(&Position) -> Result<f64, Cause>| {
        positions().try_fold(0.0, |total, p| f(p).map(|x| total + x))
    };
    let also = |f: &dyn Fn(&LinearPosition) -> Result<f64, Cause>| {
        linear().try_fold(0.0, |total, p| f(p).map(|x| total + x))
    };
    let observed = |p: &LinearPosition, what: PositionObs| linear::position(sight, book, p, what).get();
    Cell::from(match what {
        BookObs::Equity => Ok(equity().to_f64()),
        BookObs::Cash => Ok(match structure {
            None => book.cash().share,
            Some(s) => {
                let options = book.structures().get(s);
                let options = options.map_or(Usd::ZERO, |t| t.cash.share - t.fees);
                options + book.ledger().structure_cash(s).share
            }
        }
        .to_f64()),
        BookObs::Capital => Ok(book.config().capital.to_f64()),
        BookObs::Drawdown => Ok((peak - equity()).max(Usd::ZERO).to_f64()),
        BookObs::Greek(which) if structure.is_none() => vega::account(sight, book).map(|g| g.of(which)),
        BookObs::Greek(which) => sum(&|p| package_greek(sight, held(p)?, p.lots, which))
            .and_then(|options| Ok(options + also(&|p| Ok(linear::greek(&p.held, which)))?)),
        BookObs::Beta => beta::held(sight, book, structure, sight.mapping.returns),
        BookObs::MaxLoss => sum(&|p| position_max_loss(p).map(Usd::to_f64).ok_or(Cause::Unbounded))
            .and_then(|options| Ok(options + also(&|p| observed(p, PositionObs::MaxLoss))?)),
        BookObs::Margin => {
            let stakes: Vec<Stake<'_>> = positions().filter_map(Stake::of).collect();
            let options = margin::requirement(sight, sight.rulebook, &stakes);
            options.and_then(|options| Ok((options + linear_margin(sight, book, structure)?).to_f64()))
        }
        BookObs::Notional => sum(&|p| {
            let package = held(p)?;
            let spot = sight.spot(package)?;
            Ok(spot.dollars(package.multiplier(), i64::from(p.lots)).to_f64())
        })
        .and_then(|options| Ok(options + also(&|p| observed(p, PositionObs::Notional))?)),
        BookObs::Profit => {
            let options: Usd = positions().map(|p| p.pnl().share).sum();
            let others: Usd = linear().map(|p| book.ledger().position_pnl(p).share).sum();
            Ok((options + others).to_f64())
        }
        BookObs::Credit => {
            let options: Usd = positions().map(|p| p.credit.share).sum();
            let others: Usd = linear().map(|p| p.premium.share).sum();
            Ok((options + others).to_f64())
        }
        BookObs::Positions => {
            let count = positions().count() + linear().count();
            Ok(u32::try_from(count).map_or(f64::MAX, f64::from))
        }
        BookObs::Dte => positions()
            .filter_map(Position::nearest_expiry)
            .chain(linear().filter_map(LinearPosition::nearest_expiry))
            .min()
            .map(|e| days(sight.date, e))
            .ok_or(Cause::NoPosition),
    })
}

/// Requirement of the futures and shares of a structure, or of all.
fn linear_margin(sight: &Sight<'_>, book: &Book, structure: Option<&str>) -> Result<Usd, Cause> {
    let Some(structure) = structure else {
        return linear::account_margin(sight, book, &[]);
    };
    let ledger = book.ledger();
    let own = ledger.positions().filter(|p| &*p.structure == structure);
    let legs: Vec<LinearLeg> = own.flat_map(|p| p.held.iter().copied()).collect();
    let price_of = |instrument: &alula_market::contract::Instrument| {
        let mut holdings = ledger.holdings();
        holdings
            .find(|(k, _)| k.instrument == *instrument)
            .map(|(_, h)| h.mark.mid)
    };
    linear::margin(&legs, &price_of, sight.date)
}
