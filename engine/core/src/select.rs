//! From a structure to contracts: which expiry, which strikes, or the reason why not.
//!
//! Only contracts with a two-sided quote can be picked. *Expiry*: the listed one nearest to the target inside the window,
//! of two as near the earlier one; of two roots on one date the PM-settled one, unless the strategy says `only am`. *Strike*:
//! where the nearest is taken, ties go to the strike further from the money. A target that the listed strikes do not bracket
//! is not reachable: there is no pick, and the reason says what the nearest would have been.

use crate::analytics::{ExpiryAnalytics, SnapshotView, StrikePoint};
use crate::decision::PickError;
use crate::value::Cell;
use alula_book::{Leg, Package, PositionLeg, payoff};
use alula_dsl::ast::{self, Direction};
use alula_dsl::graph::{
    ExpiryOnly, ExpiryPick, LegDef, NodeId, OffsetAmount, RollDef, StrikeAnchor, StrikePick, StructureDef,
};
use alula_market::calendar::ExchangeCalendar;
use alula_market::chain::ExpiryChain;
use alula_market::contract::{NotListed, OptionContract, Right, Root, Settlement, listed};
use alula_market::money::Price;
use chrono::{Datelike, Days};

/// Days ahead for which the absence of an expiry is explained.
const EXPLAINED_DAYS_MAX: u32 = 800;

/// Reads an amount of a selector.
pub type Amount<'a> = &'a dyn Fn(NodeId) -> Cell;

/// A pick that failed: the leg's name (empty when it is about the whole package) and why.
#[derive(Clone, Debug, PartialEq)]
pub struct NoPick {
    /// Leg.
    pub leg: String,
    /// Reason.
    pub reason: PickError,
}

impl From<PickError> for NoPick {
    fn from(reason: PickError) -> Self {
        Self {
            leg: String::new(),
            reason,
        }
    }
}

/// The market room's right.
#[must_use]
pub const fn market_right(right: ast::Right) -> Right {
    match right {
        ast::Right::Put => Right::Put,
        ast::Right::Call => Right::Call,
    }
}

const fn signed(def: &LegDef) -> Option<i32> {
    if def.ratio > i32::MAX as u32 {
        return None;
    }
    #[expect(clippy::cast_possible_wrap, reason = "not above i32::MAX")]
    let ratio = def.ratio as i32;
    Some(match def.side {
        ast::Side::Long => ratio,
        ast::Side::Short => -ratio,
    })
}

/// What a pick is told besides the structure.
#[derive(Clone, Copy, Debug, Default)]
pub struct Told<'a> {
    /// Strikes that a leg (by its place in the structure) may not take: the next nearest is taken.
    pub avoid: &'a [(usize, Price)],
    /// Legs that choose their expiry by days take this one of the snapshot.
    pub expiry: Option<usize>,
}

/// Picks the whole structure, as an `open` does.
///
/// # Errors
/// The first leg that has no contract, and why.
pub fn pick(structure: &StructureDef, view: &SnapshotView, amount: Amount<'_>) -> Result<Package, NoPick> {
    pick_told(structure, view, amount, Told::default())
}

/// The same with something told.
///
/// # Errors
/// As [`pick`].
pub fn pick_told(
    structure: &StructureDef,
    view: &SnapshotView,
    amount: Amount<'_>,
    told: Told<'_>,
) -> Result<Package, NoPick> {
    pick_in(
        structure,
        (view, told),
        amount,
        &|def| Ok(def.expiry.clone()),
        &[],
    )
}

/// The expiries in the window of a roll's target, by their places in the snapshot; none where the target has no window.
///
/// # Errors
/// When an amount of the window is missing.
pub fn roll_expiries(to: &RollDef, view: &SnapshotView, amount: Amount<'_>) -> Result<Vec<usize>, NoPick> {
    let (RollDef::Recentred(expiry) | RollDef::SameStrikes(expiry) | RollDef::Side { expiry, .. }) = to;
    let ExpiryPick::Nearest {
        window: Some((lo, hi)),
        only,
        ..
    } = expiry
    else {
        return Ok(Vec::new());
    };
    let number = |id: NodeId| amount(id).get().map_err(PickError::Amount);
    let (lo, hi) = (number(*lo)?, number(*hi)?);
    let at = view.snapshot.at;
    let mut found: Vec<usize> = Vec::new();
    let chains = &view.snapshot.expiries;
    for (index, chain) in chains.iter().enumerate() {
        let days = days_between(at.date(), chain.expiry);
        if chain.last_trade_at <= at || !allowed(chain, *only) || days < lo || days > hi {
            continue;
        }
        // Of two roots on one date the PM-settled one, which comes later.
        let before = found.last().and_then(|i| chains.get(*i));
        if before.is_some_and(|b| b.expiry == chain.expiry) {
            if chain.settlement != Settlement::Pm {
                continue;
            }
            found.pop();
        }
        found.push(index);
    }
    Ok(found)
}

/// The leg to choose anew when a leg may not have its strike: itself, or the one that it is measured from.
#[must_use]
pub fn chosen_by(structure: &StructureDef, leg: usize) -> Option<usize> {
    let mut at = leg;
    for _ in 0..structure.legs.len() {
        match &structure.legs.get(at)?.strike {
            StrikePick::Offset {
                anchor: StrikeAnchor::Leg(to),
                exact: true,
                ..
            }
            | StrikePick::SameAs(to) => at = usize::from(*to),
            StrikePick::Held => return None,
            _ => return Some(at),
        }
    }
    None
}

/// Picks the whole structure with every leg in the monthly expiry of a number, counted from the front.
///
/// # Errors
/// As [`pick`].
pub fn pick_month(
    structure: &StructureDef,
    view: &SnapshotView,
    amount: Amount<'_>,
    month: u8,
) -> Result<Package, NoPick> {
    pick_in(
        structure,
        (view, Told::default()),
        amount,
        &|_| Ok(ExpiryPick::Month(month)),
        &[],
    )
}

/// Picks every leg; `expiry_of` says which expiry each takes, `held` are the legs held (rolls), in structure order.
fn pick_in(
    structure: &StructureDef,
    (view, told): (&SnapshotView, Told<'_>),
    amount: Amount<'_>,
    expiry_of: &dyn Fn(&LegDef) -> Result<ExpiryPick, PickError>,
    held: &[PositionLeg],
) -> Result<Package, NoPick> {
    let mut picker = Picker {
        view,
        amount,
        told,
        strikes: Vec::new(),
    };
    let mut legs = Vec::new();
    for (at, def) in structure.legs.iter().enumerate() {
        let fail = |reason| NoPick {
            leg: def.name.clone(),
            reason,
        };
        let pick = expiry_of(def).map_err(fail)?;
        let leg = picker
            .leg((at, def), &pick, &def.strike, held.get(at))
            .map_err(fail)?;
        picker.strikes.push(leg.contract.strike);
        legs.push(leg);
    }
    finish(structure, legs)
}

/// The package of legs that were chosen together; what the structure's certificate rests on holds, or there is none.
fn finish(structure: &StructureDef, legs: Vec<Leg>) -> Result<Package, NoPick> {
    if structure.keeps_sides_apart() && sides_cross(&legs) {
        return Err(PickError::SidesCross.into());
    }
    bounded(structure, legs)
}

/// A sold put stands above a sold call that settles with it, so that both can be lost at once.
fn sides_cross(legs: &[Leg]) -> bool {
    let sold = |right: Right| {
        legs.iter()
            .filter(move |l| l.ratio < 0 && l.contract.right == right)
    };
    sold(Right::Put).any(|put| {
        sold(Right::Call)
            .filter(|call| {
                call.contract.expiry == put.contract.expiry && call.contract.root == put.contract.root
            })
            .any(|call| put.contract.strike > call.contract.strike)
    })
}

fn bounded(structure: &StructureDef, legs: Vec<Leg>) -> Result<Package, NoPick> {
    let package = Package::new(legs).map_err(PickError::Package)?;
    if structure.defined_risk && payoff::worst(&package).is_none() {
        return Err(PickError::NotDefinedRisk.into());
    }
    Ok(package)
}

/// Picks the target of a roll of held legs (in structure order).
///
/// `Recentred` and `SameStrikes` apply their expiry to every leg that shares the first leg's expiry clause; a leg with an
/// expiry of its own keeps that clause. `Side` moves all legs of the tested (or named) right by the distance that its short
/// leg moves; the side's wing keeps its distance, and the other side stays.
///
/// # Errors
/// The first leg that has no contract, and why.
pub fn roll_target(
    structure: &StructureDef,
    to: &RollDef,
    held: &[PositionLeg],
    view: &SnapshotView,
    amount: Amount<'_>,
) -> Result<Package, NoPick> {
    roll_told(structure, to, held, (view, Told::default()), amount)
}

/// The same with something told.
///
/// # Errors
/// As [`roll_target`].
pub fn roll_told(
    structure: &StructureDef,
    to: &RollDef,
    held: &[PositionLeg],
    (view, told): (&SnapshotView, Told<'_>),
    amount: Amount<'_>,
) -> Result<Package, NoPick> {
    let partly = || PickError::PartlyExpired {
        left: held.len(),
        of: structure.legs.len(),
    };
    if let RollDef::Side { side, strike, expiry } = to {
        let held = matched(structure, held).ok_or_else(partly)?;
        return roll_side(
            structure,
            side.map(market_right),
            (strike, expiry),
            &held,
            (view, told),
            amount,
        );
    }
    if held.len() != structure.legs.len() {
        return Err(partly().into());
    }
    let common = structure.legs.first().map(|l| &l.expiry);
    let rolled = |def: &LegDef, to: &ExpiryPick| {
        Ok(if common == Some(&def.expiry) {
            to.clone()
        } else {
            def.expiry.clone()
        })
    };
    match to {
        RollDef::Recentred(expiry) => {
            pick_in(structure, (view, told), amount, &|def| rolled(def, expiry), held)
        }
        RollDef::SameStrikes(expiry) => {
            let mut picker = Picker {
                view,
                amount,
                told,
                strikes: Vec::new(),
            };
            let mut legs = Vec::new();
            for (at, (def, now)) in structure.legs.iter().zip(held).enumerate() {
                let fail = |reason| NoPick {
                    leg: def.name.clone(),
                    reason,
                };
                let pick = rolled(def, expiry).map_err(fail)?;
                legs.push(
                    picker
                        .leg((at, def), &pick, &StrikePick::Held, Some(now))
                        .map_err(fail)?,
                );
            }
            picker.strikes.clear();
            bounded(structure, legs)
        }
        // Done above.
        RollDef::Side { .. } => Err(partly().into()),
    }
}

/// Right, and ratio with the side's sign, by which legs of a structure are told apart when some are gone. `None` for a
/// future.
pub(crate) fn leg_kind(def: &LegDef) -> Option<(Right, i32)> {
    Some((market_right(def.right?), signed(def)?))
}

/// Legs held with what the structure says of them, in structure order. After some have settled the others are known by
/// right, side and ratio; `None` where that could be several.
fn matched<'a>(
    structure: &'a StructureDef,
    held: &'a [PositionLeg],
) -> Option<Vec<(&'a LegDef, &'a PositionLeg)>> {
    if held.len() == structure.legs.len() {
        return Some(structure.legs.iter().zip(held).collect());
    }
    let fits = |def: &LegDef, leg: &PositionLeg| leg_kind(def) == Some((leg.contract.right, leg.ratio));
    held.iter()
        .map(|leg| {
            let mut defs = structure.legs.iter().filter(|def| fits(def, leg));
            let alone = held
                .iter()
                .filter(|l| l.contract.right == leg.contract.right && l.ratio == leg.ratio)
                .count()
                == 1;
            defs.next()
                .filter(|_| alone && defs.next().is_none())
                .map(|def| (def, leg))
        })
        .collect()
}

fn roll_side(
    structure: &StructureDef,
    side: Option<Right>,
    (strike, expiry): (&StrikePick, &ExpiryPick),
    held: &[(&LegDef, &PositionLeg)],
    (view, told): (&SnapshotView, Told<'_>),
    amount: Amount<'_>,
) -> Result<Package, NoPick> {
    let shorts = held.iter().copied().filter(|(def, leg)| {
        matches!(def.side, ast::Side::Short) && side.is_none_or(|right| leg.contract.right == right)
    });
    // The tested leg: largest absolute delta; of equal ones the first in structure order.
    let mut tested: Option<(&LegDef, &PositionLeg, f64)> = None;
    for (def, leg) in shorts {
        let delta = view
            .greeks(&leg.contract)
            .map_err(|cause| NoPick {
                leg: def.name.clone(),
                reason: PickError::Analytics(cause),
            })?
            .delta
            .abs();
        if tested.is_none_or(|(_, _, most)| delta > most) {
            tested = Some((def, leg, delta));
        }
    }
    let Some((def, short, _)) = tested else {
        return Err(PickError::NoQuotes.into());
    };
    // A side that the rule names may cross the other; the tested one moves away from the money.
    let made = if side.is_some() { bounded } else { finish };
    let fail = |name: &str, reason| NoPick {
        leg: name.to_owned(),
        reason,
    };
    let mut picker = Picker {
        view,
        amount,
        told,
        strikes: held.iter().map(|(_, l)| l.contract.strike).collect(),
    };
    let place = structure
        .legs
        .iter()
        .position(|l| std::ptr::eq(l, def))
        .unwrap_or(0);
    let moved = picker
        .leg((place, def), expiry, strike, Some(short))
        .map_err(|e| fail(&def.name, e))?;
    let shift = moved.contract.strike - short.contract.strike;
    let mut legs = Vec::new();
    for &(def, now) in held {
        if now.contract.right != short.contract.right {
            legs.push(Leg {
                contract: now.contract,
                ratio: now.ratio,
            });
            continue;
        }
        let wanted = now.contract.strike + shift;
        let contract = picker
            .expiry(expiry, Some(now))
            .and_then(|(chain, _)| exact(chain, now.contract.right, wanted))
            .map_err(|e| fail(&def.name, e))?;
        legs.push(Leg {
            contract,
            ratio: now.ratio,
        });
    }
    made(structure, legs)
}

struct Picker<'a> {
    view: &'a SnapshotView,
    amount: Amount<'a>,
    told: Told<'a>,
    /// Strikes of the legs before (or, for a moved side, of all legs held).
    strikes: Vec<Price>,
}

impl<'a> Picker<'a> {
    fn number(&self, id: NodeId) -> Result<f64, PickError> {
        (self.amount)(id).get().map_err(PickError::Amount)
    }

    fn leg(
        &mut self,
        (place, def): (usize, &LegDef),
        expiry: &ExpiryPick,
        strike: &StrikePick,
        held: Option<&PositionLeg>,
    ) -> Result<Leg, PickError> {
        let right = def.right.ok_or(PickError::Unsupported("a future"))?;
        let right = market_right(right);
        let ratio = signed(def).ok_or(PickError::Unsupported("a ratio of that size"))?;
        let (chain, analytics) = self.expiry(expiry, held)?;
        let contract = self.strike((chain, analytics), (place, right), strike, held)?;
        Ok(Leg { contract, ratio })
    }

    fn expiry(
        &self,
        pick: &ExpiryPick,
        held: Option<&PositionLeg>,
    ) -> Result<(&'a ExpiryChain, &'a ExpiryAnalytics), PickError> {
        let (dte, window, only) = match pick {
            ExpiryPick::Same => {
                let contract = held.ok_or(PickError::ExpiryGone)?.contract;
                return self.view.of(&contract).ok_or(PickError::ExpiryGone);
            }
            ExpiryPick::Month(month) => return self.month(*month),
            ExpiryPick::Nearest { .. } if self.told.expiry.is_some() => {
                let index = self.told.expiry.unwrap_or_default();
                return self.view.at(index).ok_or(PickError::NoExpiry);
            }
            ExpiryPick::Nearest { dte, window, only } => (self.number(*dte)?, window, *only),
        };
        let window = match window {
            Some((lo, hi)) => Some((self.number(*lo)?, self.number(*hi)?)),
            None => None,
        };
        let at = self.view.snapshot.at;
        let mut best: Option<(f64, usize)> = None;
        let mut any = false;
        for (index, chain) in self.view.snapshot.expiries.iter().enumerate() {
            if chain.last_trade_at <= at || !allowed(chain, only) {
                continue;
            }
            any = true;
            let days = days_between(at.date(), chain.expiry);
            if window.is_some_and(|(lo, hi)| days < lo || days > hi) {
                continue;
            }
            let distance = (days - dte).abs();
            // Chains come in order of (expiry, root) and AM roots sort before PM ones of a date: on a tie of one date the
            // later entry wins, on a tie of two dates the earlier date.
            let better = match best {
                None => true,
                Some((nearest, found)) => {
                    let same_date = self
                        .view
                        .snapshot
                        .expiries
                        .get(found)
                        .is_some_and(|c| c.expiry == chain.expiry);
                    distance < nearest || (same_date && chain.settlement == Settlement::Pm)
                }
            };
            if better {
                best = Some((distance, index));
            }
        }
        match (best, window) {
            (Some((_, index)), _) => self.view.at(index).ok_or(PickError::NoExpiry),
            (None, Some((lo, hi))) if any => Err(match self.never_listed(dte, (lo, hi), only) {
                Some(why) => PickError::NotListed { lo, hi, why },
                None => PickError::NoExpiryInWindow { lo, hi },
            }),
            (None, _) => Err(PickError::NoExpiry),
        }
    }

    /// The monthly expiry of a number, counted from the front: of those that still trade, each date once.
    fn month(&self, month: u8) -> Result<(&'a ExpiryChain, &'a ExpiryAnalytics), PickError> {
        let at = self.view.snapshot.at;
        let mut dates: Vec<(alula_market::time::Date, usize)> = Vec::new();
        for (index, chain) in self.view.snapshot.expiries.iter().enumerate() {
            if chain.last_trade_at <= at || !allowed(chain, Some(ExpiryOnly::Monthly)) {
                continue;
            }
            // Chains come in order of date; of one date the AM-settled one is first, and is the monthly.
            if dates.last().is_none_or(|(last, _)| *last != chain.expiry) {
                dates.push((chain.expiry, index));
            }
        }
        let found = usize::from(month).checked_sub(1).and_then(|n| dates.get(n));
        let (_, index) = found.ok_or(PickError::NoExpiry)?;
        self.view.at(*index).ok_or(PickError::NoExpiry)
    }

    /// Why no session of a window was an expiry that could be listed by then: the answer for the one nearest to the target,
    /// of two as near the earlier. `None` where one could, or none is a session.
    fn never_listed(&self, dte: f64, (lo, hi): (f64, f64), only: Option<ExpiryOnly>) -> Option<NotListed> {
        let calendar = ExchangeCalendar::nyse();
        let on = self.view.snapshot.at.date();
        let wanted = |root: &Root| {
            let fits = match only {
                Some(ExpiryOnly::Am) => root.settlement() == Settlement::Am,
                Some(ExpiryOnly::Pm) => root.settlement() == Settlement::Pm,
                None | Some(ExpiryOnly::Monthly) => true,
            };
            fits && root.underlying() == self.view.snapshot.underlying
        };
        // Latest settlement first: weeklys have expiries on most days.
        let mut roots: Vec<Root> = Root::ALL.into_iter().filter(wanted).collect();
        roots.sort_by_key(|r| r.settlement() != Settlement::Pm);
        let days = (0..=EXPLAINED_DAYS_MAX).filter(|d| (lo..=hi).contains(&f64::from(*d)));
        let mut nearest: Option<(f64, NotListed)> = None;
        for day in days {
            let Some(date) = on
                .checked_add_days(Days::new(u64::from(day)))
                .filter(|d| calendar.is_session(*d))
            else {
                continue;
            };
            for root in &roots {
                let why = listed(*root, date, on).err()?;
                let distance = (f64::from(day) - dte).abs();
                if nearest.is_none_or(|(best, _)| distance < best) {
                    nearest = Some((distance, why));
                }
            }
        }
        nearest.map(|(_, why)| why)
    }

    fn strike(
        &self,
        (chain, analytics): (&ExpiryChain, &ExpiryAnalytics),
        (place, right): (usize, Right),
        pick: &StrikePick,
        held: Option<&PositionLeg>,
    ) -> Result<OptionContract, PickError> {
        let free = |strike: Price| !self.told.avoid.contains(&(place, strike));
        let spot = self.view.snapshot.spot.to_f64();
        let out = match right {
            Right::Put => -1.0,
            Right::Call => 1.0,
        };
        let forward = || {
            analytics
                .terms()
                .map(alula_pricing::ExpiryTerms::forward)
                .map_err(PickError::Analytics)
        };
        let level = match pick {
            StrikePick::Delta(id) => return by_delta(chain, analytics, right, self.number(*id)?, &free),
            StrikePick::Premium(id) => return by_premium(chain, right, self.number(*id)?, &free),
            StrikePick::Held => {
                let strike = held.ok_or(PickError::ExpiryGone)?.contract.strike;
                return exact(chain, right, strike);
            }
            StrikePick::SameAs(leg) => return exact(chain, right, self.anchor_leg(*leg)?),
            StrikePick::Otm(id) => spot * (1.0 + out * self.number(*id)?),
            StrikePick::Sd(id) => forward()? + out * self.sds(chain, analytics, *id)?,
            StrikePick::Spot => spot,
            StrikePick::Forward => forward()?,
            StrikePick::Formula(id) => self.number(*id)?,
            StrikePick::Offset {
                amount,
                direction,
                anchor,
                exact: must,
            } => {
                let from = match anchor {
                    StrikeAnchor::Leg(leg) => self.anchor_leg(*leg)?.to_f64(),
                    StrikeAnchor::Spot => spot,
                    StrikeAnchor::Forward => forward()?,
                };
                let distance = match amount {
                    OffsetAmount::Points(id) => self.number(*id)?,
                    OffsetAmount::Fraction(id) => from * self.number(*id)?,
                    OffsetAmount::Sd(id) => self.sds(chain, analytics, *id)?,
                };
                let sign = if *direction == Direction::Above { 1.0 } else { -1.0 };
                let wanted = from + sign * distance;
                if *must && matches!(anchor, StrikeAnchor::Leg(_)) {
                    let strike = Price::from_f64(wanted).ok_or(PickError::StrikeNotListed { wanted })?;
                    return exact(chain, right, strike);
                }
                let found = nearest(chain, right, wanted, &free)?;
                // Rounding to a listed strike must not make two legs one, or turn a wing around.
                let beyond = (found.strike.to_f64() - from) * sign > 0.0;
                let leg = matches!(anchor, StrikeAnchor::Leg(_));
                return if beyond || !leg || distance <= 0.0 {
                    Ok(found)
                } else {
                    Err(PickError::StrikeNotListed { wanted })
                };
            }
        };
        nearest(chain, right, level, &free)
    }

    fn anchor_leg(&self, leg: u8) -> Result<Price, PickError> {
        self.strikes
            .get(usize::from(leg))
            .copied()
            .ok_or(PickError::Unsupported("a leg measured from a later one"))
    }

    /// So many standard deviations to expiry, in points.
    fn sds(&self, chain: &ExpiryChain, analytics: &ExpiryAnalytics, id: NodeId) -> Result<f64, PickError> {
        let vol = analytics.atm_vol(chain).map_err(PickError::Analytics)?;
        let terms = analytics.terms().map_err(PickError::Analytics)?;
        let one = alula_pricing::strike_sd(terms, vol)
            .map_err(|_| PickError::Analytics(crate::value::Cause::OutOfDomain))?;
        Ok(one * self.number(id)?)
    }
}

fn days_between(from: alula_market::time::Date, to: alula_market::time::Date) -> f64 {
    i32::try_from((to - from).num_days()).map_or(f64::MAX, f64::from)
}

fn allowed(chain: &ExpiryChain, only: Option<ExpiryOnly>) -> bool {
    match only {
        None => true,
        Some(ExpiryOnly::Am) => chain.settlement == Settlement::Am,
        Some(ExpiryOnly::Pm) => chain.settlement == Settlement::Pm,
        Some(ExpiryOnly::Monthly) => {
            let (year, month) = (chain.expiry.year(), chain.expiry.month());
            let calendar = ExchangeCalendar::nyse();
            let monthly = match chain.root.underlying() {
                "VIX" => calendar.vix_monthly_expiry(year, month),
                _ => calendar.spx_monthly_expiry(year, month),
            };
            monthly == Some(chain.expiry)
        }
    }
}

const fn contract(chain: &ExpiryChain, right: Right, strike: Price) -> OptionContract {
    OptionContract {
        root: chain.root,
        expiry: chain.expiry,
        right,
        strike,
    }
}

/// A strike that must be listed and quoted.
fn exact(chain: &ExpiryChain, right: Right, strike: Price) -> Result<OptionContract, PickError> {
    let index = chain.index_of(strike).ok_or(PickError::StrikeNotListed {
        wanted: strike.to_f64(),
    })?;
    let found = contract(chain, right, strike);
    chain
        .quote(right, index)
        .map(|_| found)
        .ok_or(PickError::NoQuote(found))
}

/// Whether strike `a` is further from the money than `b`.
fn further_out(right: Right, a: Price, b: Price) -> bool {
    match right {
        Right::Put => a < b,
        Right::Call => a > b,
    }
}

/// The quoted strike nearest to a level that the quoted strikes bracket.
fn nearest(
    chain: &ExpiryChain,
    right: Right,
    level: f64,
    free: &dyn Fn(Price) -> bool,
) -> Result<OptionContract, PickError> {
    let quoted = || chain.quotes(right).map(|(strike, _)| strike).filter(|k| free(*k));
    let (first, last) = quoted()
        .next()
        .zip(quoted().next_back())
        .ok_or(PickError::NoQuotes)?;
    if level < first.to_f64() || level > last.to_f64() {
        return Err(PickError::StrikeNotListed { wanted: level });
    }
    let distance = |k: Price| (k.to_f64() - level).abs();
    let mut best = first;
    for k in quoted() {
        let order = distance(k).total_cmp(&distance(best));
        if order.is_lt() || (order.is_eq() && further_out(right, k, best)) {
            best = k;
        }
    }
    Ok(contract(chain, right, best))
}

fn by_delta(
    chain: &ExpiryChain,
    analytics: &ExpiryAnalytics,
    right: Right,
    wanted: f64,
    free: &dyn Fn(Price) -> bool,
) -> Result<OptionContract, PickError> {
    analytics.terms().map_err(PickError::Analytics)?;
    let points = analytics.points(chain, right);
    let open = points.iter().filter(|p| free(p.strike));
    let found = closest(open, right, wanted, |p| p.delta.abs())?;
    // Between the deltas on either side, whatever the order in which noisy quotes put them.
    let below = points.iter().any(|p| p.delta.abs() <= wanted);
    let above = points.iter().any(|p| p.delta.abs() >= wanted);
    if !(below && above) {
        return Err(PickError::DeltaNotReachable {
            wanted,
            nearest: found.delta.abs(),
        });
    }
    Ok(contract(chain, right, found.strike))
}

fn by_premium(
    chain: &ExpiryChain,
    right: Right,
    wanted: f64,
    free: &dyn Fn(Price) -> bool,
) -> Result<OptionContract, PickError> {
    let mids: Vec<(Price, f64)> = chain
        .quotes(right)
        .map(|(strike, quote)| (strike, quote.mid().to_f64()))
        .collect();
    let mut best: Option<(Price, f64)> = None;
    for &(strike, mid) in mids.iter().filter(|(k, _)| free(*k)) {
        let better = best.is_none_or(|(k, m)| {
            let order = (mid - wanted).abs().total_cmp(&(m - wanted).abs());
            order.is_lt() || (order.is_eq() && further_out(right, strike, k))
        });
        if better {
            best = Some((strike, mid));
        }
    }
    let (strike, mid) = best.ok_or(PickError::NoQuotes)?;
    let least = mids.iter().map(|m| m.1).fold(f64::INFINITY, f64::min);
    let most = mids.iter().map(|m| m.1).fold(0.0, f64::max);
    if wanted < least || wanted > most {
        return Err(PickError::PremiumNotReachable { wanted, nearest: mid });
    }
    Ok(contract(chain, right, strike))
}

/// The point whose measure is nearest to `wanted`.
fn closest<'p>(
    points: impl Iterator<Item = &'p StrikePoint>,
    right: Right,
    wanted: f64,
    measure: impl Fn(&StrikePoint) -> f64,
) -> Result<StrikePoint, PickError> {
    let mut best: Option<StrikePoint> = None;
    for point in points {
        let better = best.as_ref().is_none_or(|b| {
            let order = (measure(point) - wanted)
                .abs()
                .total_cmp(&(measure(b) - wanted).abs());
            order.is_lt() || (order.is_eq() && further_out(right, point.strike, b.strike))
        });
        if better {
            best = Some(*point);
        }
    }
    best.ok_or(PickError::NoQuotes)
}
