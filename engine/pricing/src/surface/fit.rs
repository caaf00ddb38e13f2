//! A smile through the quotes of one expiry, and how well it stands by them.

use crate::black76::{ExpiryTerms, Input, InputError, Right, log_moneyness};
use crate::chain::{RowStatus, implied_vols};
use crate::surface::bends::Bends;
use crate::surface::calibrate::{Target, quasi_explicit};
use crate::surface::polish::{Bounds, polish};
use crate::surface::smile::{Butterfly, Curve, Smile};

/// Quotes of one expiry, at most.
pub const QUOTES_MAX: usize = 20_000;
/// Quotes below which no curve is fitted: five parameters through fewer would follow the noise.
pub const MIN_SVI_QUOTES: usize = 8;
/// Quotes that a curve needs on each side of the forward; with fewer it would be a guess there.
pub const MIN_QUOTES_A_SIDE: usize = 2;
/// Half a spread below this many vol points counts as this many: quotes are not better than that.
const TOLERANCE_MIN: f64 = 0.05;
/// Points at which butterfly arbitrage is kept away.
const BUTTERFLY_POINTS: u16 = 80;
/// Times that places where arbitrage was found are added to those points, and the curve polished again.
const BUTTERFLY_ROUNDS: usize = 3;
/// Arbitrage is kept away this share of the way from the forward to either end of the quotes beyond that end too.
const BEYOND: f64 = 0.5;
/// One bend for so many quotes, and how many there are at least and at most.
const QUOTES_A_BEND: usize = 6;
const BENDS_MIN: u16 = 4;
const BENDS_MAX: u16 = 16;

/// A quote of an option, points.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OptionQuote {
    /// Put or call.
    pub right: Right,
    /// Strike.
    pub strike: f64,
    /// Bid; zero where nobody bids.
    pub bid: f64,
    /// Ask.
    pub ask: f64,
}

/// A quote of one strike as vols, fractions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SmileQuote {
    /// Strike, points.
    pub strike: f64,
    /// Vol of the bid.
    pub bid_vol: f64,
    /// Vol of the mid.
    pub mid_vol: f64,
    /// Vol of the ask.
    pub ask_vol: f64,
}

/// The out-of-the-money quotes of an expiry as vols, by strike: puts below the forward, calls from it on.
///
/// Passed over: in the money, no bid, locked or crossed, unsound numbers, a price without a vol.
#[must_use]
pub fn otm_smile_quotes(terms: &ExpiryTerms, quotes: &[OptionQuote]) -> Vec<SmileQuote> {
    let mut out = Vec::new();
    for right in [Right::Put, Right::Call] {
        let rows: Vec<OptionQuote> = quotes
            .iter()
            .copied()
            .filter(|q| q.right == right && (q.strike < terms.forward()) == (right == Right::Put))
            .filter(|q| q.bid > 0.0 && q.ask > q.bid)
            .take(QUOTES_MAX)
            .collect();
        let strikes: Vec<f64> = rows.iter().map(|q| q.strike).collect();
        let column = |price: fn(&OptionQuote) -> f64| {
            let prices: Vec<f64> = rows.iter().map(price).collect();
            let mut vols = vec![0.0; rows.len()];
            let mut status = vec![RowStatus::Ok; rows.len()];
            // Lengths are equal by construction; were they not, every vol would be zero and every quote passed over.
            let _ = implied_vols(terms, right, &strikes, &prices, &mut vols, &mut status);
            vols
        };
        let (bids, mids, asks) = (
            column(|q| q.bid),
            column(|q| 0.5 * (q.bid + q.ask)),
            column(|q| q.ask),
        );
        for (((row, bid_vol), mid_vol), ask_vol) in rows.iter().zip(bids).zip(mids).zip(asks) {
            if bid_vol > 0.0 && mid_vol > bid_vol && ask_vol > mid_vol {
                out.push(SmileQuote {
                    strike: row.strike,
                    bid_vol,
                    mid_vol,
                    ask_vol,
                });
            }
        }
    }
    out.sort_by(|a, b| a.strike.total_cmp(&b.strike));
    out.dedup_by(|b, a| a.strike.total_cmp(&b.strike).is_eq());
    out
}

/// What a smile was made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmileKind {
    /// An SVI curve.
    Svi,
    /// An SVI curve with bends, as it alone did not reach the quotes.
    Bent,
    /// Total variance straight from quote to quote, level beyond: too few quotes for a curve.
    Points,
}

/// A smile and how well it stands by its quotes.
#[derive(Clone, Debug, PartialEq)]
pub struct SmileFit {
    /// The smile.
    pub smile: Smile,
    /// What it was made of.
    pub kind: SmileKind,
    /// Quotes it was made from.
    pub quotes: usize,
    /// Log-moneyness `ln(K/F)` of the lowest and the highest quote.
    pub range: (f64, f64),
    /// Root mean square of curve less mid over the quotes, vol points.
    pub rms: f64,
    /// The same, each quote weighted by its vega: what the error costs.
    pub rms_by_vega: f64,
    /// Median of the absolute difference, vol points.
    pub median: f64,
    /// Greatest absolute difference, vol points.
    pub worst: f64,
    /// Strike of the greatest difference.
    pub worst_strike: f64,
    /// Share of the quotes whose bid and ask the curve passes between, 0 to 1.
    pub inside: f64,
    /// Nearest approach to butterfly arbitrage between the lowest and the highest quote; none for a smile of points.
    pub butterfly: Option<Butterfly>,
    /// The same from half as far again below the forward to half as far again above, where the curve speaks without quotes too.
    pub butterfly_beyond: Option<Butterfly>,
}

impl SmileFit {
    /// Some butterfly is priced below zero between the quotes, or not far beyond them.
    #[must_use]
    pub fn is_arbitrage(&self) -> bool {
        let found = [self.butterfly, self.butterfly_beyond];
        found.iter().flatten().any(Butterfly::is_arbitrage)
    }
}

/// Why there is no smile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SmileError {
    /// No quote with a vol.
    #[error("no quote of the expiry has a vol")]
    NoQuotes,
    /// More than [`QUOTES_MAX`].
    #[error("{0} quotes of one expiry are more than {QUOTES_MAX}")]
    TooMany(usize),
    /// No time is left, so there is no vol to speak of.
    #[error("no time is left to the settlement instant")]
    NoTime,
    /// A quote is not finite, outside its range, or its bid, mid and ask are out of order.
    #[error(transparent)]
    Input(#[from] InputError),
}

/// A smile through `quotes` (by strike, each strike once; [`otm_smile_quotes`] makes them).
///
/// Errors are counted in half spreads, so vega and spread weigh every quote: a wing that is quoted two points wide may be missed
/// by as much. With fewer than [`MIN_SVI_QUOTES`] quotes, or fewer than two on a side of the forward, the smile is
/// straight lines between the quotes.
///
/// # Errors
/// [`SmileError`], each cause documented there.
pub fn fit_smile(terms: &ExpiryTerms, quotes: &[SmileQuote]) -> Result<SmileFit, SmileError> {
    fit_above(terms, quotes, &[], None)
}

/// As [`fit_smile`], total variance kept above a floor; from a curve that is close where there is one.
pub(super) fn fit_above(
    terms: &ExpiryTerms,
    quotes: &[SmileQuote],
    floor: &[(f64, f64)],
    start: Option<&Curve>,
) -> Result<SmileFit, SmileError> {
    if quotes.len() > QUOTES_MAX {
        return Err(SmileError::TooMany(quotes.len()));
    }
    let root = terms.sqrt_years();
    if root <= 0.0 {
        return Err(SmileError::NoTime);
    }
    let mut targets = Vec::with_capacity(quotes.len());
    for quote in quotes {
        let strike = Input::Strike.check(quote.strike)?;
        let mid = Input::Vol.check(quote.mid_vol)?;
        let (bid, ask) = (Input::Vol.check(quote.bid_vol)?, Input::Vol.check(quote.ask_vol)?);
        if !(bid <= mid && mid <= ask && mid > 0.0) {
            let (input, value) = (Input::Vol, mid);
            return Err(InputError { input, value }.into());
        }
        targets.push(Target {
            k: -log_moneyness(terms.forward(), strike),
            total: mid * root,
            tolerance: (0.5 * (ask - bid)).max(TOLERANCE_MIN / 100.0) * root,
        });
    }
    targets.sort_by(|a, b| a.k.total_cmp(&b.k));
    targets.dedup_by(|b, a| a.k.total_cmp(&b.k).is_eq());
    let (Some(low), Some(high)) = (targets.first().map(|t| t.k), targets.last().map(|t| t.k)) else {
        return Err(SmileError::NoQuotes);
    };
    let range = (low, high);
    let below = targets.partition_point(|t| t.k < 0.0);
    let both_sides = below >= MIN_QUOTES_A_SIDE && targets.len() - below >= MIN_QUOTES_A_SIDE;
    let curve = if targets.len() >= MIN_SVI_QUOTES && both_sides {
        curve(&targets, range, floor, start)
    } else {
        None
    };
    let points = || Smile::Points(targets.iter().map(|t| (t.k, t.variance())).collect());
    let Some(curve) = curve else {
        return Ok(report(terms, points(), quotes, range));
    };
    let fit = report(terms, Smile::Curve(curve.clone()), quotes, range);
    if curve.bends.is_some() || stands(&fit) {
        return Ok(fit);
    }
    let bent = bent(&targets, range, floor, &curve);
    let bent = bent.map(|curve| report(terms, Smile::Curve(curve), quotes, range));
    Ok(match bent {
        // Freedom from arbitrage comes before closeness.
        Some(bent) if !bent.is_arbitrage() && bent.rms_by_vega <= fit.rms_by_vega => bent,
        _ => fit,
    })
}

/// Whether a curve passes between nearly all bids and asks, or so close to all mids that more would follow the noise.
fn stands(fit: &SmileFit) -> bool {
    fit.inside >= 0.98 || fit.worst <= TOLERANCE_MIN
}

/// An SVI curve kept out of arbitrage, or, from a start, one of the start's kind.
fn curve(
    targets: &[Target],
    range: (f64, f64),
    floor: &[(f64, f64)],
    start: Option<&Curve>,
) -> Option<Curve> {
    let start = match start {
        Some(start) => start.clone(),
        None => Curve {
            svi: quasi_explicit(targets)?,
            bends: None,
        },
    };
    out_of_arbitrage(targets, range, floor, start)
}

/// An SVI curve with bends.
fn bent(targets: &[Target], range: (f64, f64), floor: &[(f64, f64)], start: &Curve) -> Option<Curve> {
    let count = u16::try_from(targets.len() / QUOTES_A_BEND).unwrap_or(u16::MAX);
    let count = count.clamp(BENDS_MIN, BENDS_MAX);
    let bends = Bends::flat(scale_of(targets)?, range.0, range.1, count)?;
    let start = Curve {
        svi: start.svi,
        bends: Some(bends),
    };
    out_of_arbitrage(targets, range, floor, start)
}

/// One standard deviation, as the quote nearest the forward has it.
fn scale_of(targets: &[Target]) -> Option<f64> {
    let nearest = targets.iter().min_by(|a, b| a.k.abs().total_cmp(&b.k.abs()));
    nearest.map(|t| t.total)
}

/// A start polished: out of arbitrage at points fixed beforehand, and then wherever some was found nevertheless.
fn out_of_arbitrage(
    targets: &[Target],
    range: (f64, f64),
    floor: &[(f64, f64)],
    start: Curve,
) -> Option<Curve> {
    let (low, high) = beyond(range);
    let scale = scale_of(targets)?;
    // Dense around the forward, where a short smile bends, and thinner with the distance.
    let (from, to) = (libm::asinh(low / scale), libm::asinh(high / scale));
    let step = (to - from) / f64::from(BUTTERFLY_POINTS);
    let points = (0..=BUTTERFLY_POINTS).map(|i| scale * libm::sinh(from + step * f64::from(i)));
    let mut bounds = Bounds {
        butterflies: points.collect(),
        floor: floor.to_vec(),
    };
    let mut curve = polish(targets, &bounds, &start)?;
    for _ in 0..BUTTERFLY_ROUNDS {
        let smile = Smile::Curve(curve.clone());
        let Some(found) = smile.butterfly(low, high).filter(Butterfly::is_arbitrage) else {
            break;
        };
        let u = libm::asinh(found.at / scale);
        let around = [-0.6, -0.3, -0.1, 0.0, 0.1, 0.3, 0.6];
        bounds
            .butterflies
            .extend(around.map(|x| scale * libm::sinh(u + x * step)));
        curve = polish(targets, &bounds, &curve)?;
    }
    Some(curve)
}

/// The range, each end moved away from the forward by [`BEYOND`] of its distance.
fn beyond((low, high): (f64, f64)) -> (f64, f64) {
    let more = |end: f64| end * BEYOND;
    (low + more(low).min(0.0), high + more(high).max(0.0))
}

fn report(terms: &ExpiryTerms, smile: Smile, quotes: &[SmileQuote], range: (f64, f64)) -> SmileFit {
    let root = terms.sqrt_years();
    let mut errors = Vec::with_capacity(quotes.len());
    let (mut squares, mut by_vega, mut vegas) = (0.0, 0.0, 0.0);
    let (mut worst, mut worst_strike, mut inside) = (0.0_f64, 0.0, 0_u32);
    for quote in quotes {
        let k = -log_moneyness(terms.forward(), quote.strike);
        let vol = smile.total_variance(k).sqrt() / root;
        let error = 100.0 * (vol - quote.mid_vol).abs();
        let d1 = -k / (quote.mid_vol * root) + 0.5 * quote.mid_vol * root;
        let vega = libm::exp(-0.5 * d1 * d1);
        squares += error * error;
        by_vega += vega * error * error;
        vegas += vega;
        inside += u32::from(quote.bid_vol <= vol && vol <= quote.ask_vol);
        if error > worst || errors.is_empty() {
            (worst, worst_strike) = (error, quote.strike);
        }
        errors.push(error);
    }
    errors.sort_by(f64::total_cmp);
    let count = f64::from(u32::try_from(quotes.len().max(1)).unwrap_or(u32::MAX));
    let kind = match &smile {
        Smile::Curve(Curve { bends: None, .. }) => SmileKind::Svi,
        Smile::Curve(_) => SmileKind::Bent,
        Smile::Points(_) => SmileKind::Points,
    };
    let (low, high) = beyond(range);
    SmileFit {
        kind,
        quotes: quotes.len(),
        range,
        rms: (squares / count).sqrt(),
        rms_by_vega: if vegas > 0.0 {
            (by_vega / vegas).sqrt()
        } else {
            0.0
        },
        median: errors.get(quotes.len() / 2).copied().unwrap_or(0.0),
        worst,
        worst_strike,
        inside: f64::from(inside) / count,
        butterfly: smile.butterfly(range.0, range.1),
        butterfly_beyond: smile.butterfly(low, high),
        smile,
    }
}
