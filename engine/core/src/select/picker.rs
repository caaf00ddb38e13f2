//! One leg after the other: its expiry, then its strike.

use super::strike::{by_delta, by_premium, exact, nearest};
use super::{Amount, Told, market_right, signed};
use crate::analytics::{ExpiryAnalytics, SnapshotView};
use crate::decision::PickError;
use alula_book::{Leg, PositionLeg};
use alula_dsl::ast::Direction;
use alula_dsl::graph::{ExpiryOnly, ExpiryPick, LegDef, NodeId, OffsetAmount, StrikeAnchor, StrikePick};
use alula_market::calendar::ExchangeCalendar;
use alula_market::chain::ExpiryChain;
use alula_market::contract::{NotListed, OptionContract, Right, Root, Settlement, listed};
use alula_market::money::Price;
use chrono::{Datelike, Days};

/// Days ahead for which the absence of an expiry is explained.
const EXPLAINED_DAYS_MAX: u32 = 800;

pub(super) struct Picker<'a> {
    pub(super) view: &'a SnapshotView,
    pub(super) amount: Amount<'a>,
    pub(super) told: Told<'a>,
    /// Strikes of the legs before (or, for a moved side, of all legs held).
    pub(super) strikes: Vec<Price>,
}

impl<'a> Picker<'a> {
    fn number(&self, id: NodeId) -> Result<f64, PickError> {
        (self.amount)(id).get().map_err(PickError::Amount)
    }

    pub(super) fn leg(
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

    pub(super) fn expiry(
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

pub(super) fn days_between(from: alula_market::time::Date, to: alula_market::time::Date) -> f64 {
    i32::try_from((to - from).num_days()).map_or(f64::MAX, f64::from)
}

pub(super) fn allowed(chain: &ExpiryChain, only: Option<ExpiryOnly>) -> bool {
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
