//! Quotes of one expiry: fair prices from a smile, spreads around them, ticks.

use super::desk::{DIVIDENDS, Scene};
use super::listing::Listed;
use super::model;
use super::random::{mix, two_uniforms};
use super::surface::{Smile, out_of_the_money};
use crate::chain::{ExpiryChain, QuoteColumns};
use crate::contract::tick::{Quoted, increment};
use crate::contract::{Right, Root};
use crate::money::Price;
use crate::time::Date;
use std::sync::LazyLock;

/// An index level in hundredths.
pub(super) fn index_price(x: f64) -> Option<Price> {
    Price::from_f64((x * 100.0).round() / 100.0)
}

/// Logs of the multiples of five points that can be strikes.
static LOGS: LazyLock<Vec<f64>> =
    LazyLock::new(|| (0..20_000u32).map(|n| libm::log(5.0 * f64::from(n))).collect());

fn log_of(strike: i64) -> f64 {
    let known = usize::try_from(strike / 5).ok().filter(|_| strike % 5 == 0);
    #[expect(clippy::cast_precision_loss, reason = "strikes are small whole numbers")]
    known
        .and_then(|n| LOGS.get(n).copied())
        .unwrap_or_else(|| libm::log(strike as f64))
}

/// Tick sizes of a root on a day, below 3.00 and from there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ticks {
    small: i64,
    large: i64,
}

/// Where the larger tick begins, in mills and in points.
const BAND: (i64, f64) = (3_000, 3.0);

impl Ticks {
    pub(super) fn of(root: Root, on: Date) -> Self {
        let at = |mills| increment(root.ticks(), Quoted::Single, Price(mills), on).0.max(1);
        Self {
            small: at(BAND.0 - 1),
            large: at(BAND.0),
        }
    }

    /// Bid and ask on ticks, never inside the fair price, at least a tick apart.
    fn quote(self, fair: f64, below: f64, above: f64) -> (Price, Price) {
        let low = (fair - below).max(0.0);
        let tick = if low < BAND.1 { self.small } else { self.large };
        let bid = Price(whole(low * per_point(tick)) * tick);
        let high = fair + above;
        let tick = if high < BAND.1 { self.small } else { self.large };
        let ticks = high * per_point(tick);
        #[expect(clippy::cast_precision_loss, reason = "options cost far less than 2^53 ticks")]
        let up = i64::from(ticks > whole(ticks) as f64);
        let ask = Price((whole(ticks) + up) * tick);
        let step = if bid.0 < BAND.0 { self.small } else { self.large };
        (bid, ask.max(bid + Price(step)))
    }
}

/// Ticks in a point.
#[expect(clippy::cast_precision_loss, reason = "at most a thousand mills")]
fn per_point(tick_mills: i64) -> f64 {
    1_000.0 / tick_mills as f64
}

/// Whole part.
#[expect(
    clippy::cast_possible_truncation,
    reason = "option prices are bounded by the index"
)]
const fn whole(x: f64) -> i64 {
    x as i64
}

/// Fair prices of one expiry.
struct Curve {
    forward: f64,
    discount: f64,
    years: f64,
    smile: Smile,
    /// One standard deviation of the log underlying to expiry.
    deviation: f64,
}

/// How wide quotes are, and how much is traded.
struct Style {
    /// Width of a quote by the out-of-the-money price of its strike: constant, per root, per point.
    width: (f64, f64, f64),
    /// Extra width per point of intrinsic value.
    inside: f64,
    interest: fn(mills: i64, deviations: f64, dte: i64) -> f64,
    /// Contracts shown against an SPX option at the money.
    size: f64,
}

const INDEX: Style = Style {
    width: (0.01, 0.025, 0.006),
    inside: 0.003,
    interest: index_interest,
    size: 1.0,
};

/// The tenth of it: wider by the price, since a maker hedges with the same futures for a tenth of the premium.
const MINI: Style = Style {
    width: (0.01, 0.012, 0.008),
    inside: 0.004,
    interest: mini_interest,
    size: 1.5,
};

const VIX: Style = Style {
    width: (0.02, 0.035, 0.012),
    inside: 0.006,
    interest: vix_interest,
    size: 12.0,
};

/// Points of SPX in a point of XSP.
const MINI_POINTS: i64 = 10;

/// The chain of an index expiry; strikes in points of SPX, for XSP multiples of ten of them.
pub(super) fn index_chain(
    scene: &Scene,
    listed: &Listed,
    years: f64,
    theta: f64,
    points: &[i64],
) -> Option<ExpiryChain> {
    let (parts, style) = if listed.root == Root::Xsp {
        (MINI_POINTS, &MINI)
    } else {
        (1, &INDEX)
    };
    #[expect(clippy::cast_precision_loss, reason = "1 or 10")]
    let scale = 1.0 / parts as f64;
    let curve = Curve {
        forward: scale * scene.edge.spot * libm::exp((scene.rate - DIVIDENDS) * years),
        discount: libm::exp(-scene.rate * years),
        years,
        smile: model::smile(theta),
        deviation: theta.sqrt(),
    };
    let mills: Vec<i64> = points.iter().map(|p| p * 1_000 / parts).collect();
    let shift = libm::log(scale);
    let logs: Vec<f64> = points.iter().map(|p| log_of(*p) + shift).collect();
    chain(scene, listed, &curve, &mills, &logs, style)
}

/// What VIX options pay for the model's own volatility of VIX: their level beside it.
const VIX_VOL: f64 = 1.0;

/// The chain of a VIX expiry by Black-76 on its own future (price, annual volatility of its log).
pub(super) fn vix_chain(
    scene: &Scene,
    listed: &Listed,
    (forward, vol): (f64, f64),
    mills: &[i64],
) -> Option<ExpiryChain> {
    let years = alula_pricing::years_between(scene.at.0, listed.settles_at.0)?;
    let theta = (VIX_VOL * VIX_VOL * vol * vol * years).max(1e-9);
    let curve = Curve {
        forward,
        discount: libm::exp(-scene.rate * years),
        years,
        smile: Smile::vix(theta),
        deviation: theta.sqrt(),
    };
    #[expect(clippy::cast_precision_loss, reason = "strikes are small numbers of mills")]
    let logs: Vec<f64> = mills.iter().map(|m| libm::log(*m as f64 / 1_000.0)).collect();
    chain(scene, listed, &curve, mills, &logs, &VIX)
}

fn chain(
    scene: &Scene,
    listed: &Listed,
    curve: &Curve,
    mills: &[i64],
    logs: &[f64],
    style: &Style,
) -> Option<ExpiryChain> {
    #[expect(clippy::cast_precision_loss, reason = "strikes are small numbers of mills")]
    let strikes: Vec<f64> = mills.iter().map(|m| *m as f64 / 1_000.0).collect();
    let log_forward = libm::log(curve.forward);
    let dte = (listed.expiry - scene.date).num_days();
    let ticks = Ticks::of(listed.root, scene.date);
    let series = mix(
        u64::from_le_bytes(listed.settles_at.0.to_le_bytes()),
        listed.root as u64,
    );
    let (mut puts, mut calls) = (columns(mills.len()), columns(mills.len()));
    let (constant, per_root, per_point) = style.width;
    for ((mills, strike), log) in mills.iter().zip(&strikes).zip(logs) {
        let moneyness = log - log_forward;
        let total_vol = curve.smile.total_variance(moneyness).max(1e-12).sqrt();
        let outside = curve.discount * out_of_the_money(curve.forward, *strike, moneyness, total_vol);
        let inside = outside + curve.discount * (curve.forward - strike).abs();
        let (put, call) = if *strike <= curve.forward {
            (outside, inside)
        } else {
            (inside, outside)
        };
        // Grows with the out-of-the-money price of the strike, with time and stress.
        let calm = constant + per_root * outside.sqrt() + per_point * outside;
        let width = scene.stress * (1.0 + 0.5 * curve.years) * calm;
        let interest = (style.interest)(*mills, moneyness / curve.deviation, dte);
        let contract = mix(series, mills.unsigned_abs() / 10);
        for (right, price, into) in [(Right::Put, put, &mut puts), (Right::Call, call, &mut calls)] {
            let name = mix(contract, right as u64 + 1);
            let (lean, traded) = two_uniforms(mix(name, scene.seed));
            let (held, _) = two_uniforms(name);
            let (bids, asks) = two_uniforms(mix(name, scene.seed ^ SHOWN));
            let width = width + style.inside * (price - outside);
            // Makers lean: the fair price is inside the quote, seldom in its middle.
            let below = width * (0.25 + 0.5 * lean);
            let (bid, ask) = ticks.quote(price, below, width - below);
            into.bid.push(bid);
            into.ask.push(ask);
            // Cheap options are shown in size, those in the money are not; nobody bids for what is worth nothing.
            let usual = style.size * scene.depth / NEAR_THE_MONEY * (0.9 + 3.0 / (1.0 + price));
            into.bid_size
                .push(if bid == Price::ZERO { 0 } else { shown(usual, bids) });
            into.ask_size.push(shown(usual, asks));
            // Open interest is constant through the life of a series but for its age; trades come through the day.
            let interest = interest * held;
            into.open_interest.push(count(interest));
            into.volume.push(count(interest * 0.4 * scene.gone * traded));
        }
    }
    Some(ExpiryChain {
        root: listed.root,
        expiry: listed.expiry,
        settlement: listed.root.settlement(),
        settles_at: listed.settles_at,
        last_trade_at: listed.last_trade_at,
        strikes: mills.iter().map(|m| Price(*m)).collect(),
        puts,
        calls,
    })
}

/// Stirs the hash of the sizes.
const SHOWN: u64 = 0x51_2e5;
/// Options over which the depth near the money is spread, as `SPX.DEPTH` counts it.
const NEAR_THE_MONEY: f64 = 12.0;

/// Contracts shown: the usual number times a half to twice it, at least one.
fn shown(usual: f64, draw: f64) -> u32 {
    count(usual * libm::exp2(2.0 * draw - 1.0)).max(1)
}

/// Open interest of a strike of XSP: a twentieth of the same strike's of SPX.
fn mini_interest(mills: i64, deviations: f64, dte: i64) -> f64 {
    index_interest(mills * MINI_POINTS, deviations, dte) / 20.0
}

/// Open interest of a strike: most near the money and on round strikes, growing towards expiry.
fn index_interest(mills: i64, deviations: f64, dte: i64) -> f64 {
    let points = mills / 1_000;
    let round = match (points % 100, points % 50, points % 25) {
        (0, _, _) => 6.0,
        (_, 0, _) => 3.0,
        (_, _, 0) => 1.6,
        _ => 0.5,
    };
    spread_out(54_000.0 * round, deviations, dte)
}

/// VIX options: calls on round strikes above all.
fn vix_interest(mills: i64, deviations: f64, dte: i64) -> f64 {
    let round = match (mills % 10_000, mills % 5_000, mills % 1_000) {
        (0, _, _) => 5.0,
        (_, 0, _) => 3.5,
        (_, _, 0) => 1.2,
        _ => 0.3,
    };
    spread_out(1_200_000.0 * round, deviations / 2.0, dte)
}

fn spread_out(most: f64, deviations: f64, dte: i64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "days to expiry are few")]
    let age = 30.0 + dte as f64;
    let spread = 1.0 + 0.25 * deviations * deviations;
    most / (age * spread * spread)
}

fn columns(rows: usize) -> QuoteColumns {
    QuoteColumns {
        bid: Vec::with_capacity(rows),
        ask: Vec::with_capacity(rows),
        volume: Vec::with_capacity(rows),
        open_interest: Vec::with_capacity(rows),
        bid_size: Vec::with_capacity(rows),
        ask_size: Vec::with_capacity(rows),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to the range of u32 first"
)]
fn count(x: f64) -> u32 {
    x.clamp(0.0, 4e9) as u32
}
