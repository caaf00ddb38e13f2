//! What a package costs at a snapshot.
//!
//! Each leg trades at its mid, at mid worsened by the stated share of its half-spread, and at the natural side. The
//! net at mid and at natural is the exact sum of the legs. The net at the share is rounded to the package's tick
//! against the trader, but never beyond natural: the ledger holds what an order could have been filled at. Nothing
//! fills on a missing, locked or crossed quote. A leg without a bid cannot be sold short; a long leg without a bid closes
//! with its package, so that a worthless wing never keeps a condor open: at zero by the share and at natural, at half its
//! ask by the middle, which stays what it is for every quote: the far edge of the band, not a fill to count on.
//!
//! The share is the model's for the number of legs that trade ([`FillModel`]). Where size matters, each leg's share grows
//! with the contracts ordered against the size shown on the side that it trades on.

use crate::band::{Band, Cross};
use crate::model::{Depth, FillModel};
use crate::package::{Leg, Package, round_against, tick};
use crate::payoff;
use crate::position::LegMark;
use alula_market::chain::{ChainSnapshot, ExpiryChain, Quote};
use alula_market::contract::{Instrument, OptionContract};
use alula_market::money::Price;
use alula_market::time::Instant;
use std::fmt;

/// Why a package cannot fill at a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoFill {
    /// The snapshot has no chain for the contract's root and expiry.
    NoChain(OptionContract),
    /// The chain does not list the strike.
    NoStrike(OptionContract),
    /// The strike has no two-sided market.
    NoQuote(OptionContract),
    /// Bid equals ask.
    Locked(OptionContract),
    /// Bid above ask.
    Crossed(OptionContract),
    /// A leg to be sold short has no bid.
    NoBid(OptionContract),
    /// Size matters to the fill model, and none is shown for the leg.
    NoSize(OptionContract),
    /// Less is shown than one package needs, or than an order that fills whole or not at all needs.
    Depth {
        /// Leg with too little.
        contract: OptionContract,
        /// Packages that the size shown would fill.
        fills: u32,
        /// Packages wanted.
        wanted: u32,
    },
    /// The share price is worse than the limit. Points per package, credits positive.
    Limit {
        /// Net at the share.
        net: Price,
        /// Limit.
        limit: Price,
    },
    /// The quotes ask more (or offer more) than the legs can be worth at expiry, whatever happens.
    BeyondPayoff {
        /// Net at the share, credits positive.
        net: Price,
        /// Most that the legs traded can ever be worth or cost.
        bound: Price,
    },
    /// Whoever fills the orders has not filled it, and does not say why.
    Outside,
}

impl fmt::Display for NoFill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoChain(c) => write!(f, "no chain for `{c}`"),
            Self::NoStrike(c) => write!(f, "`{c}` is not listed"),
            Self::NoQuote(c) => write!(f, "no quote for `{c}`"),
            Self::Locked(c) => write!(f, "locked quote for `{c}`"),
            Self::Crossed(c) => write!(f, "crossed quote for `{c}`"),
            Self::NoBid(c) => write!(f, "no bid to sell `{c}` to"),
            Self::NoSize(c) => write!(f, "no displayed size for `{c}`, which the fill model needs"),
            Self::Depth {
                contract,
                fills,
                wanted,
            } => write!(f, "the size shown for `{contract}` fills {fills} of {wanted}"),
            Self::Outside => f.write_str("the broker has not filled it"),
            Self::Limit { net, limit } => write!(f, "net {net} is worse than the limit {limit}"),
            Self::BeyondPayoff { net, bound } => {
                write!(
                    f,
                    "net {net} is beyond {bound}, the most that the legs can be worth"
                )
            }
        }
    }
}

/// One leg at a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PricedLeg {
    /// Contract.
    pub contract: OptionContract,
    /// Contracts traded per package: positive bought, negative sold.
    pub ratio: i32,
    /// It reduces what is held.
    pub closing: bool,
    /// Quote.
    pub quote: Quote,
    /// Price of one contract, before the package is rounded. Fees go by the share price.
    pub price: Band<Price>,
    /// Points per package, credits positive; the package's rounding is spread over these.
    pub points: Band<Price>,
    /// When the contract settles.
    pub settles_at: Instant,
    /// When it last trades.
    pub last_trade_at: Instant,
}

/// A package at a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackagePrice {
    /// Points per package, credits positive: `mid >= share >= natural`.
    pub net: Band<Price>,
    /// Legs in package order; their points add up to `net`.
    pub legs: Vec<PricedLeg>,
}

/// A leg to trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TradeLeg {
    /// Contract and ratio: positive buys.
    pub leg: Leg,
    /// It reduces what is held: a sale may take zero for a leg without a bid.
    pub closing: bool,
}

/// How a trade is tried: the fill model, and the packages ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trying {
    /// Model.
    pub model: FillModel,
    /// Packages.
    pub lots: u32,
}

/// What opening a package would cost or bring now.
///
/// # Errors
/// Why it cannot trade at this snapshot.
pub fn price_open(package: &Package, snapshot: &ChainSnapshot, how: Trying) -> Result<PackagePrice, NoFill> {
    let legs: Vec<_> = package
        .legs()
        .iter()
        .map(|l| TradeLeg {
            leg: *l,
            closing: false,
        })
        .collect();
    price(&legs, snapshot, how)
}

/// What closing a held package would cost or bring now.
///
/// # Errors
/// Why it cannot trade at this snapshot.
pub fn price_close(held: &Package, snapshot: &ChainSnapshot, how: Trying) -> Result<PackagePrice, NoFill> {
    let flipped = held.flipped();
    let legs: Vec<_> = flipped
        .legs()
        .iter()
        .map(|l| TradeLeg {
            leg: *l,
            closing: true,
        })
        .collect();
    price(&legs, snapshot, how)
}

/// What turning one package into another would cost or bring now. Legs in both do not trade.
///
/// # Errors
/// Why it cannot trade at this snapshot.
pub fn price_roll(
    held: &Package,
    to: &Package,
    snapshot: &ChainSnapshot,
    how: Trying,
) -> Result<PackagePrice, NoFill> {
    price(&roll_legs(held, to), snapshot, how)
}

pub(crate) fn roll_legs(held: &Package, to: &Package) -> Vec<TradeLeg> {
    let closing = |leg: &Leg| {
        // A sale closes only while it sells no more than is held long.
        let had = held
            .legs()
            .iter()
            .find(|l| l.contract == leg.contract)
            .map_or(0, |l| l.ratio);
        had != 0 && (had > 0) != (leg.ratio > 0) && leg.ratio.unsigned_abs() <= had.unsigned_abs()
    };
    to.change_from(held)
        .into_iter()
        .map(|leg| TradeLeg {
            leg,
            closing: closing(&leg),
        })
        .collect()
}

/// Prices the legs of one trade. See the module for the rules.
///
/// # Errors
/// Why it cannot trade at this snapshot.
pub fn price(legs: &[TradeLeg], snapshot: &ChainSnapshot, how: Trying) -> Result<PackagePrice, NoFill> {
    let cross = how.model.cross(legs.len());
    let mut priced = Vec::with_capacity(legs.len());
    for leg in legs {
        let cross = if how.model.sees_size() {
            impact(leg, snapshot, how, cross)?
        } else {
            cross
        };
        priced.push(price_leg(leg, snapshot, cross)?);
    }
    let exact: Band<Price> = priced.iter().map(|l| l.points).sum();
    // What is given up and what is taken on must each be worth its price.
    for closing in [false, true] {
        let pairs = legs.iter().zip(&priced);
        let group: Vec<&PricedLeg> = pairs
            .filter(|(t, _)| t.closing == closing)
            .map(|(_, p)| p)
            .collect();
        within_payoff(&group)?;
    }
    let on = snapshot.at.date();
    let step = priced
        .first()
        .map_or(Price(0), |l| tick(l.contract.root, priced.len(), exact.share, on));
    let share = round_against(exact.share, step).max(exact.natural);
    spread_rounding(&mut priced, exact.share - share);
    Ok(PackagePrice {
        net: Band { share, ..exact },
        legs: priced,
    })
}

/// What one contract costs: the middle, the middle and the stated share of the half-spread, the ask.
fn bought(quote: Quote, cross: Cross) -> Band<Price> {
    let mid = quote.mid();
    Band {
        mid,
        share: (mid + cross.of_half(quote.ask - quote.bid)).min(quote.ask),
        natural: quote.ask,
    }
}

/// What one contract brings: the middle, the middle less the stated share of the half-spread, the bid. Where nobody bids,
/// whatever lies between zero and the ask is not a price that a seller gets: zero, but for the middle.
fn sold(quote: Quote, cross: Cross) -> Band<Price> {
    let mid = quote.mid();
    if quote.bid <= Price::ZERO {
        return Band {
            mid,
            share: Price::ZERO,
            natural: Price::ZERO,
        };
    }
    Band {
        mid,
        share: (mid - cross.of_half(quote.ask - quote.bid)).max(quote.bid),
        natural: quote.bid,
    }
}

/// The share that a leg gives up when size matters.
fn impact(trade: &TradeLeg, snapshot: &ChainSnapshot, how: Trying, cross: Cross) -> Result<Cross, NoFill> {
    // The reason that no price can be had goes before the reason that no size is known.
    let quote = quote_of(&trade.leg, snapshot)?;
    if trade.leg.ratio < 0 && quote.bid <= Price::ZERO {
        return Ok(cross);
    }
    let displayed = displayed(&trade.leg, snapshot, how.model)?;
    let contracts = i64::from(trade.leg.ratio.unsigned_abs()).saturating_mul(i64::from(how.lots));
    Ok(cross.with_impact(contracts, displayed))
}

/// The quote of a leg, or why there is none to trade on.
fn quote_of(leg: &Leg, snapshot: &ChainSnapshot) -> Result<Quote, NoFill> {
    let contract = leg.contract;
    let chain = snapshot
        .expiry(contract.root, contract.expiry)
        .ok_or(NoFill::NoChain(contract))?;
    quote_in(&contract, chain)
}

/// Contracts shown on the side that a leg trades on, or assumed.
fn displayed(leg: &Leg, snapshot: &ChainSnapshot, model: FillModel) -> Result<u32, NoFill> {
    let contract = leg.contract;
    let shown = snapshot.expiry(contract.root, contract.expiry).and_then(|chain| {
        let side = chain.side(contract.right);
        let sizes = if leg.ratio > 0 {
            &side.ask_size
        } else {
            &side.bid_size
        };
        sizes.get(chain.index_of(contract.strike)?).copied()
    });
    model.displayed(shown).ok_or(NoFill::NoSize(contract))
}

/// Packages of an order that the size shown lets through: all of them unless the model limits.
///
/// # Errors
/// [`NoFill::Depth`] when not one package fits, [`NoFill::NoSize`] when a size is not known.
pub fn fillable(
    legs: &[TradeLeg],
    snapshot: &ChainSnapshot,
    model: FillModel,
    lots: u32,
) -> Result<u32, NoFill> {
    if !matches!(model.depth, Depth::Limited { .. }) {
        return Ok(lots);
    }
    let mut most = lots;
    for trade in legs {
        let contract = trade.leg.contract;
        // A wing that closes at zero needs nobody to take it.
        let worthless = quote_of(&trade.leg, snapshot)?.bid <= Price::ZERO && trade.leg.ratio < 0;
        if worthless && trade.closing {
            continue;
        }
        let fills = displayed(&trade.leg, snapshot, model)? / trade.leg.ratio.unsigned_abs().max(1);
        if fills == 0 {
            return Err(NoFill::Depth {
                contract,
                fills,
                wanted: lots,
            });
        }
        most = most.min(fills);
    }
    Ok(most)
}

/// The leg that lets the fewest packages through, for the reason why an order that fills whole did not.
pub(crate) fn narrowest(
    legs: &[TradeLeg],
    snapshot: &ChainSnapshot,
    model: FillModel,
    wanted: u32,
) -> Option<NoFill> {
    let fills = |t: &TradeLeg| {
        let shown = displayed(&t.leg, snapshot, model).ok()?;
        Some((shown / t.leg.ratio.unsigned_abs().max(1), t.leg.contract))
    };
    let (fills, contract) = legs.iter().filter_map(fills).min()?;
    Some(NoFill::Depth {
        contract,
        fills,
        wanted,
    })
}

fn price_leg(trade: &TradeLeg, snapshot: &ChainSnapshot, cross: Cross) -> Result<PricedLeg, NoFill> {
    let contract = trade.leg.contract;
    let ratio = trade.leg.ratio;
    let chain = snapshot
        .expiry(contract.root, contract.expiry)
        .ok_or(NoFill::NoChain(contract))?;
    let quote = quote_in(&contract, chain)?;
    let price = if ratio > 0 {
        bought(quote, cross)
    } else if quote.bid > Price::ZERO || trade.closing {
        sold(quote, cross)
    } else {
        return Err(NoFill::NoBid(contract));
    };
    let points = price.times(-i64::from(ratio));
    let (settles_at, last_trade_at) = (chain.settles_at, chain.last_trade_at);
    Ok(PricedLeg {
        contract,
        ratio,
        closing: trade.closing,
        quote,
        price,
        points,
        settles_at,
        last_trade_at,
    })
}

/// A leg that traded elsewhere for these points per package, credits positive. The band is that of its quote, widened to hold
/// what was paid; without a quote it is what was paid, three times. `None`: nobody knows when the contract settles.
pub(crate) fn as_told(trade: &TradeLeg, points: Price, snapshot: &ChainSnapshot) -> Option<PricedLeg> {
    let (contract, ratio) = (trade.leg.contract, trade.leg.ratio);
    let per = -i64::from(ratio);
    // A fraction of a mill is left out: fees by premium bands and the mark of an unquoted leg read this, money does not.
    let each = Price(points.0.checked_div(per)?);
    let chain = snapshot.expiry(contract.root, contract.expiry);
    let (settles_at, last_trade_at) = match chain {
        Some(chain) => (chain.settles_at, chain.last_trade_at),
        None => {
            let any = Instrument::Option(contract);
            (any.settles_at()?, any.last_trade_at()?)
        }
    };
    let quoted = chain.and_then(|c| quote_in(&contract, c).ok());
    let edges = quoted.map_or(Band::flat(each), |quote| {
        if ratio > 0 {
            bought(quote, Cross::NATURAL)
        } else {
            sold(quote, Cross::NATURAL)
        }
    });
    let edge = edges.times(per);
    // Nothing trades for less than nothing, but for a leg of a package by its venue's arithmetic: the mark stays above zero.
    let flat = each.max(Price::ZERO);
    Some(PricedLeg {
        contract,
        ratio,
        closing: trade.closing,
        quote: quoted.unwrap_or(Quote { bid: flat, ask: flat }),
        price: Band { share: each, ..edges },
        points: if quoted.is_some() {
            Band {
                mid: edge.mid.max(points),
                share: points,
                natural: edge.natural.min(points),
            }
        } else {
            Band::flat(points)
        },
        settles_at,
        last_trade_at,
    })
}

/// The quote of a contract in its chain, or why there is none to trade on.
pub(crate) fn quote_in(contract: &OptionContract, chain: &ExpiryChain) -> Result<Quote, NoFill> {
    let index = chain
        .index_of(contract.strike)
        .ok_or(NoFill::NoStrike(*contract))?;
    if let Some(quote) = chain.quote(contract.right, index) {
        return Ok(quote);
    }
    let side = chain.side(contract.right);
    match (side.bid.get(index), side.ask.get(index)) {
        (Some(bid), Some(ask)) if ask.0 > 0 && bid == ask => Err(NoFill::Locked(*contract)),
        (Some(bid), Some(ask)) if ask.0 > 0 && bid > ask => Err(NoFill::Crossed(*contract)),
        _ => Err(NoFill::NoQuote(*contract)),
    }
}

/// The mark of a leg held with this ratio: the middle, and what getting rid of one contract would bring or cost.
pub(crate) fn mark_of(ratio: i32, quote: Quote, cross: Cross, at: Instant) -> LegMark {
    let exit = if ratio < 0 {
        bought(quote, cross)
    } else {
        sold(quote, cross)
    };
    let mid = quote.mid();
    LegMark { mid, exit, at }
}

/// Refuses a price that no outcome at expiry can justify. Only legs of one expiry have such a bound; discounting can
/// only pull it towards zero, so the test needs no rate.
fn within_payoff(legs: &[&PricedLeg]) -> Result<(), NoFill> {
    let mut traded = Vec::new();
    let mut net = Price::ZERO;
    for leg in legs {
        traded.push(Leg {
            contract: leg.contract,
            ratio: leg.ratio,
        });
        net += leg.points.share;
    }
    let Some(first) = traded.first() else {
        return Ok(());
    };
    let settles = |l: &Leg| (l.contract.expiry, l.contract.root.settlement());
    if traded.iter().any(|l| settles(l) != settles(first)) {
        return Ok(());
    }
    let range = payoff::range(&traded);
    let cost = -net;
    if let Some(high) = range.high {
        let bound = high.max(Price::ZERO);
        if cost > bound {
            return Err(NoFill::BeyondPayoff { net, bound: -bound });
        }
    }
    if let Some(low) = range.low {
        let bound = low.min(Price::ZERO);
        if cost < bound {
            return Err(NoFill::BeyondPayoff { net, bound: -bound });
        }
    }
    Ok(())
}

/// Whether legs of one trade traded at a price that no outcome at expiry can justify.
pub(crate) fn is_beyond_payoff(legs: &[PricedLeg]) -> bool {
    within_payoff(&legs.iter().collect::<Vec<_>>()).is_err()
}

/// Spreads what rounding took over the legs, widest quote first, so that no leg is worse than its natural price.
fn spread_rounding(legs: &mut [PricedLeg], lost: Price) {
    let mut left = lost;
    let mut order: Vec<usize> = (0..legs.len()).collect();
    let room = |l: &PricedLeg| l.points.share - l.points.natural;
    order.sort_by_key(|&i| (legs.get(i).map(|l| -room(l)), i));
    for at in order {
        let Some(leg) = legs.get_mut(at) else { continue };
        let take = left.min(room(leg)).max(Price::ZERO);
        leg.points.share -= take;
        left -= take;
    }
}
