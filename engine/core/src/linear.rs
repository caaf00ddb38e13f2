//! Futures and shares at a tick: prices known, what a position of them is worth asking, what it requires.
//!
//! A history has settlement prices of futures, one a session, and closes of shares; where a snapshot has the AM-settled SPX
//! options of a quarterly expiry, their parity forward is the price of the ES that settles with them, since both settle to
//! the same opening quotation. Either is a price without a quote: a spread of [`SPREAD_TICKS`] increments is assumed around
//! it, and what rests on it is approximate and says so.

use crate::analytics::SnapshotView;
use crate::etp;
use crate::margin::linear_requirement;
use crate::observe::Sight;
use crate::value::{Cause, Cell};
use alula_book::instrument::{LinearLeg, LinearPosition, LinearQuote};
use alula_book::{Band, Book, Cross};
use alula_dsl::ast::Side;
use alula_dsl::builtin::{Greek, PositionObs};
use alula_market::contract::tick::{Quoted, Rounding, round_to_tick};
use alula_market::contract::{FutureContract, FutureRoot, Instrument, Root, Share};
use alula_market::curve::{CurvePoint, FuturesCurve, month_expiries};
use alula_market::money::{Price, Usd};
use alula_market::time::{Date, Instant};
use std::collections::BTreeMap;

/// Increments of the spread assumed around a price that has no quote: VX and ES are quoted one wide in calm markets.
pub const SPREAD_TICKS: u32 = 1;

/// Quarterly expiries that are looked for in a snapshot.
const QUARTERS: usize = 6;

/// Price of a share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SharePrice {
    /// Share.
    pub share: Share,
    /// Newest close known.
    pub price: Price,
    /// Its session.
    pub session: Date,
    /// When it was known.
    pub known_at: Instant,
}

/// Prices of futures and shares known at a tick.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinearMarket {
    /// Curves, one a class at most.
    pub curves: Vec<FuturesCurve>,
    /// Shares.
    pub shares: Vec<SharePrice>,
}

impl LinearMarket {
    /// Nothing is known.
    pub const EMPTY: &'static Self = &Self {
        curves: Vec::new(),
        shares: Vec::new(),
    };

    /// The curve of a class.
    #[must_use]
    pub fn curve(&self, root: FutureRoot) -> Option<&FuturesCurve> {
        self.curves.iter().find(|c| c.root == root)
    }

    /// Price of a future or share.
    #[must_use]
    pub fn price(&self, instrument: &Instrument) -> Option<Price> {
        match instrument {
            Instrument::Future(contract) => self.curve(contract.root)?.of(contract).map(|p| p.price),
            Instrument::Share(share) => {
                let found = self.shares.iter().find(|s| s.share == *share);
                found.map(|s| s.price)
            }
            Instrument::Option(_) => None,
        }
    }
}

/// ES (or MES) as a snapshot of SPX options implies it: the parity forward of each AM-settled expiry that is a quarterly's,
/// on the future's increments. `None` for other classes, and where no such expiry has a forward.
#[must_use]
pub fn implied_curve(view: &SnapshotView, root: FutureRoot) -> Option<FuturesCurve> {
    if root.is_vix() || view.snapshot.underlying != root.underlying() {
        return None;
    }
    let at = view.snapshot.at;
    let quarters = month_expiries(root, at.date().pred_opt()?, QUARTERS);
    let mut points = Vec::new();
    for index in 0..view.snapshot.expiries.len() {
        let Some(chain) = view.snapshot.expiries.get(index) else {
            continue;
        };
        let expiry = chain.expiry;
        if chain.root != Root::Spx || !quarters.contains(&expiry) {
            continue;
        }
        let contract = FutureContract { root, expiry };
        if contract.settles_at().is_none_or(|s| s <= at) {
            continue;
        }
        let forward = view.at(index).and_then(|(_, a)| Some(a.terms().ok()?.forward()));
        let price = forward
            .and_then(Price::from_f64)
            .map(|p| round_to_tick(root.ticks(), Quoted::Single, p, at.date(), Rounding::Nearest));
        if let Some(price) = price.filter(|p| *p > Price::ZERO) {
            points.push(CurvePoint {
                contract,
                price,
                session: at.date(),
                known_at: at,
            });
        }
    }
    points.sort_by_key(|p| p.contract);
    points.dedup_by_key(|p| p.contract);
    (!points.is_empty()).then_some(FuturesCurve { root, at, points })
}

/// Net price of legs in points per lot, credits positive, at the three fill assumptions around prices without quotes.
///
/// # Errors
/// `no quote` when a leg has no price.
pub fn net(sight: &Sight<'_>, legs: &[LinearLeg], cross: Cross) -> Result<Band<Price>, Cause> {
    let mut sum = Band::flat(Price::ZERO);
    for leg in legs {
        let price = sight.linear.price(&leg.instrument).ok_or(Cause::NoQuote)?;
        let quote = LinearQuote::assumed(&leg.instrument, price, SPREAD_TICKS, sight.at)
            .map_err(|_| Cause::NoQuote)?;
        sum += -quote.price(leg.quantity > 0, cross).times(leg.quantity);
    }
    Ok(sum)
}

/// Prices of instruments.
type PriceOf<'a> = &'a dyn Fn(&Instrument) -> Option<Price>;

fn dollars(legs: &[LinearLeg], price_of: PriceOf<'_>, side: Side) -> Result<Usd, Cause> {
    let mut sum = Usd::ZERO;
    for leg in legs.iter().filter(|l| (l.quantity > 0) == (side == Side::Long)) {
        let price = price_of(&leg.instrument).ok_or(Cause::NoQuote)?;
        sum += price.dollars(leg.instrument.multiplier(), leg.quantity.abs());
    }
    Ok(sum)
}

/// Notional of legs: the larger of what is long and what is short, price times multiplier.
///
/// # Errors
/// `no quote` when a leg has no price.
pub fn notional(legs: &[LinearLeg], price_of: PriceOf<'_>) -> Result<Usd, Cause> {
    Ok(dollars(legs, price_of, Side::Long)?.max(dollars(legs, price_of, Side::Short)?))
}

/// Most that legs can lose from these prices: everything, when nothing is short.
///
/// # Errors
/// `unbounded` with a short leg, `no quote` when a leg has no price.
pub fn max_loss(legs: &[LinearLeg], price_of: PriceOf<'_>) -> Result<Usd, Cause> {
    if legs.iter().any(|l| l.quantity < 0) {
        return Err(Cause::Unbounded);
    }
    dollars(legs, price_of, Side::Long)
}

/// Requirement of legs, the same by every rulebook: futures by their table, calendar spreads paired within a class, and half
/// of the value of shares (Regulation T).
///
/// # Errors
/// `no data` where a class has no row, `no quote` for a share without a price.
pub fn margin(legs: &[LinearLeg], price_of: PriceOf<'_>, on: Date) -> Result<Usd, Cause> {
    let mut futures: BTreeMap<FutureContract, i64> = BTreeMap::new();
    let mut shares = Usd::ZERO;
    for leg in legs {
        match leg.instrument {
            Instrument::Future(contract) => {
                let held = futures.entry(contract).or_default();
                *held = held.saturating_add(leg.quantity);
            }
            Instrument::Share(_) => {
                let price = price_of(&leg.instrument).ok_or(Cause::NoQuote)?;
                shares += price.dollars(1, leg.quantity.abs());
            }
            Instrument::Option(_) => {}
        }
    }
    linear_requirement(futures, shares, on)
}

/// Requirement of all futures and shares of an account with further legs: futures netted by contract.
///
/// # Errors
/// As [`margin`].
pub fn account_margin(sight: &Sight<'_>, book: &Book, more: &[LinearLeg]) -> Result<Usd, Cause> {
    let ledger = book.ledger();
    let mut futures = ledger.net_futures();
    let (long, short) = ledger.share_values();
    let mut shares = long + short;
    for leg in more {
        match leg.instrument {
            Instrument::Future(contract) => {
                let held = futures.entry(contract).or_default();
                *held = held.saturating_add(leg.quantity);
            }
            Instrument::Share(_) => {
                let price = sight.linear.price(&leg.instrument).ok_or(Cause::NoQuote)?;
                shares += price.dollars(1, leg.quantity.abs());
            }
            Instrument::Option(_) => {}
        }
    }
    linear_requirement(futures, shares, sight.at.date())
}

/// A greek of legs in the units of options on the same underlying: an ES moves by half of what an SPX option of delta 1 does
/// (multiplier 50 against 100), a VX by ten VIX options' worth; a VX gains its multiplier for one vol point of its own price.
/// Shares count a hundredth each. There is neither gamma nor theta.
#[must_use]
pub fn greek(legs: &[LinearLeg], which: Greek) -> f64 {
    let one = |leg: &LinearLeg| {
        let quantity = float(leg.quantity);
        let multiplier = float(leg.instrument.multiplier());
        match (which, leg.instrument) {
            (Greek::Delta, _) => quantity * multiplier / 100.0,
            (Greek::Vega, Instrument::Future(c)) if c.root.is_vix() => quantity * multiplier,
            (Greek::Vega | Greek::Gamma | Greek::Theta, _) => 0.0,
        }
    };
    legs.iter().map(one).sum()
}

/// The same with the vega of notes on VX futures: dollars for a point of every future that they hold.
fn own_greek(sight: &Sight<'_>, legs: &[LinearLeg], which: Greek) -> Result<f64, Cause> {
    let mut sum = greek(legs, which);
    for leg in legs {
        if let (Greek::Vega, Instrument::Share(share)) = (which, leg.instrument) {
            sum += float(leg.quantity) * etp::vega(sight, share)?;
        }
    }
    Ok(sum)
}

/// Delta of a future or share in the underlyings of the strategy: an ES half of one, a share as many hundredths as its price is of
/// the underlying's. What is on VIX has none of it.
///
/// # Errors
/// `no quote` where a share or the underlying has no price.
pub fn index_delta(sight: &Sight<'_>, leg: &LinearLeg) -> Result<f64, Cause> {
    let own = greek(std::slice::from_ref(leg), Greek::Delta);
    match leg.instrument {
        Instrument::Future(c) if c.root.is_vix() => Ok(0.0),
        Instrument::Share(share) if etp::on_vix(share) => Ok(0.0),
        Instrument::Share(_) => {
            let price = sight.linear.price(&leg.instrument).ok_or(Cause::NoQuote)?;
            let view = sight.plan.chains().first().and_then(|c| sight.view(c));
            let spot = view.map(|v| v.snapshot.spot).filter(|s| *s > Price::ZERO);
            Ok(own * price.to_f64() / spot.ok_or(Cause::NoQuote)?.to_f64())
        }
        _ => Ok(own),
    }
}

pub(crate) fn float(n: i64) -> f64 {
    i32::try_from(n).map_or_else(|_| if n < 0 { f64::MIN } else { f64::MAX }, f64::from)
}

/// What depends on the legs alone, for positions and candidates alike.
fn of_legs(
    sight: &Sight<'_>,
    legs: &[LinearLeg],
    price_of: PriceOf<'_>,
    what: PositionObs,
) -> Option<Result<f64, Cause>> {
    Some(match what {
        PositionObs::Notional => notional(legs, price_of).map(Usd::to_f64),
        PositionObs::Margin => margin(legs, price_of, sight.at.date()).map(Usd::to_f64),
        PositionObs::Dte => {
            let nearest = legs.iter().filter_map(|l| l.instrument.expiry()).min();
            let today = sight.at.date();
            nearest
                .map(|e| float((e - today).num_days().max(0)))
                .ok_or(Cause::NoLeg)
        }
        PositionObs::Greek(which) => own_greek(sight, legs, which),
        PositionObs::LegPrice(pick) => {
            let fits = |l: &&LinearLeg| (l.quantity > 0) == (pick.side == Side::Long);
            let mut found = legs.iter().filter(fits);
            match (pick.right, found.next(), found.next()) {
                (None, Some(leg), None) => price_of(&leg.instrument).map(Price::to_f64).ok_or(Cause::NoQuote),
                _ => Err(Cause::NoLeg),
            }
        }
        PositionObs::Width
        | PositionObs::LegDelta(_)
        | PositionObs::LegStrike(_)
        | PositionObs::Extrinsic
        | PositionObs::BreakevenLow
        | PositionObs::BreakevenHigh => Err(Cause::NoLeg),
        _ => return None,
    })
}

/// An observable of an open position in futures or shares.
#[must_use]
pub fn position(sight: &Sight<'_>, book: &Book, position: &LinearPosition, what: PositionObs) -> Cell {
    let ledger = book.ledger();
    let price_of = |instrument: &Instrument| {
        let mut own = ledger.holdings_of(position);
        own.find(|(k, _)| k.instrument == *instrument)
            .map(|(_, h)| h.mark.mid)
    };
    if let Some(result) = of_legs(sight, &position.held, &price_of, what) {
        return Cell::from(result);
    }
    let profit = || ledger.position_pnl(position).share.to_f64();
    Cell::from(match what {
        PositionObs::Profit => Ok(profit()),
        PositionObs::Loss => Ok(-profit()),
        PositionObs::Credit => Ok(position.premium.share.to_f64()),
        PositionObs::MaxLoss => position_max_loss(book, position).map(Usd::to_f64),
        PositionObs::Lots => Ok(f64::from(position.lots)),
        PositionObs::DaysHeld => {
            let held = (sight.at.date() - position.opened_at.date()).num_days();
            Ok(float(held.max(0)))
        }
        _ => Err(Cause::NoPosition),
    })
}

/// Most that a position can still lose in all.
///
/// # Errors
/// `unbounded` when something is short.
pub fn position_max_loss(book: &Book, position: &LinearPosition) -> Result<Usd, Cause> {
    let ledger = book.ledger();
    let mut worth = Usd::ZERO;
    for (key, held) in ledger.holdings_of(position) {
        if held.quantity < 0 {
            return Err(Cause::Unbounded);
        }
        worth += held
            .mark
            .share
            .dollars(key.instrument.multiplier(), held.quantity);
    }
    Ok((worth - ledger.position_pnl(position).share).max(Usd::ZERO))
}

/// Legs about to be ordered.
#[derive(Clone, Copy, Debug)]
pub struct LinearCandidate<'a> {
    /// What would be held in all.
    pub legs: &'a [LinearLeg],
    /// Lots.
    pub lots: u32,
    /// What the trade brings (positive) or costs in points per lot.
    pub net: Band<Price>,
    /// The position that a roll starts from.
    pub from: Option<&'a LinearPosition>,
}

/// An observable of a candidate. For a roll: of the position as it would be after the fill, except `net credit`.
#[must_use]
pub fn candidate(sight: &Sight<'_>, book: &Book, candidate: &LinearCandidate<'_>, what: PositionObs) -> Cell {
    let price_of = |instrument: &Instrument| sight.linear.price(instrument);
    if let Some(result) = of_legs(sight, candidate.legs, &price_of, what) {
        return Cell::from(result);
    }
    let profit = candidate.from.map_or(Err(Cause::NoPosition), |p| {
        position(sight, book, p, PositionObs::Profit).get()
    });
    // Futures have no premium: what their package nets is the distance between prices, not money.
    let premium = || {
        let shares = candidate
            .legs
            .iter()
            .all(|l| matches!(l.instrument, Instrument::Share(_)));
        let net = candidate.net.share.dollars(1, i64::from(candidate.lots)).to_f64();
        if shares { net } else { 0.0 }
    };
    Cell::from(match what {
        PositionObs::NetCredit | PositionObs::Credit => Ok(premium()),
        PositionObs::CreditPoints => Ok(candidate.net.share.to_f64()),
        PositionObs::MaxLoss => max_loss(candidate.legs, &price_of).map(Usd::to_f64),
        PositionObs::Lots => Ok(f64::from(candidate.lots)),
        PositionObs::DaysHeld => Ok(candidate.from.map_or(0.0, |p| {
            float((sight.at.date() - p.opened_at.date()).num_days().max(0))
        })),
        PositionObs::Profit => profit,
        PositionObs::Loss => profit.map(|p| -p),
        _ => Err(Cause::NoPosition),
    })
}
