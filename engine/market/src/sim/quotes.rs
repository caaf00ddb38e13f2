//! A chain snapshot from the state of the market at an instant.

use super::listing::{self, Class, Listed, Ranges};
use super::path::{Day, Edge};
use super::random::{mix, two_uniforms};
use super::surface::{Smile, out_of_the_money};
use crate::chain::{ChainSnapshot, ExpiryChain, QuoteColumns};
use crate::contract::Right;
use crate::money::Price;
use crate::time::{Date, Instant};

/// Dividend yield of the index.
pub(super) const DIVIDENDS: f64 = 0.014;

/// What every expiry of a snapshot shares.
struct Scene {
    at: Instant,
    date: Date,
    edge: Edge,
    rate: f64,
    /// Width of quotes against a calm day.
    stress: f64,
    /// Share of the session gone.
    gone: f64,
    seed: u64,
    /// Range of the index (opens and closes of past sessions, today's open) from each session to now, newest first.
    seen: Vec<(Date, (f64, f64))>,
}

fn ranges_seen(days: &[Day], today: usize) -> Option<Vec<(Date, (f64, f64))>> {
    let day = days.get(today)?;
    let open = day.first()?.spot;
    let mut range = (open, open);
    let mut seen = vec![(day.date, range)];
    for day in days.get(..today)?.iter().rev() {
        for edge in [day.first()?, day.last()?] {
            range = (range.0.min(edge.spot), range.1.max(edge.spot));
        }
        seen.push((day.date, range));
        if (seen.first()?.0 - day.date).num_days() > Class::Monthly.lookback_days() {
            break;
        }
    }
    Some(seen)
}

/// The snapshot of day `today` at an instant of the grid.
pub(super) fn snapshot(seed: u64, days: &[Day], today: usize, at: Instant) -> Option<ChainSnapshot> {
    let day = days.get(today)?;
    let edge = *day.edge_at(at)?;
    let vix = edge.state.vix(30.0);
    #[expect(clippy::cast_precision_loss, reason = "seconds of one day")]
    let gone = (at.0 - day.open_at.0) as f64 / (day.close_at.0 - day.open_at.0).max(1) as f64;
    let scene = Scene {
        at,
        date: day.date,
        edge,
        rate: day.rate,
        stress: (vix / 17.0).clamp(0.8, 6.0),
        gone: gone.clamp(0.0, 1.0),
        seed: mix(seed, u64::from_le_bytes(at.0.to_le_bytes())),
        seen: ranges_seen(days, today)?,
    };
    Some(ChainSnapshot {
        at,
        underlying: "SPX".to_owned(),
        spot: index_price(edge.spot)?,
        expiries: listing::expiries(at)
            .iter()
            .filter_map(|l| scene.chain(l))
            .collect(),
    })
}

/// An index level in hundredths.
pub(super) fn index_price(x: f64) -> Option<Price> {
    Price::from_f64((x * 100.0).round() / 100.0)
}

/// Prices of one expiry.
struct Curve {
    forward: f64,
    discount: f64,
    years: f64,
    smile: Smile,
    /// One standard deviation of the log index to expiry.
    deviation: f64,
}

impl Scene {
    fn chain(&self, listed: &Listed) -> Option<ExpiryChain> {
        let curve = self.curve(listed)?;
        let ranges = self.ranges(listed.class, listed.expiry)?;
        let dte = (listed.expiry - self.date).num_days();
        let points = listing::strikes(listed.class, dte, &ranges);
        let mut puts = columns(points.len());
        let mut calls = columns(points.len());
        let series = mix(
            u64::from_le_bytes(listed.settles_at.0.to_le_bytes()),
            listed.root as u64,
        );
        for strike in &points {
            self.quote_strike(*strike, &curve, series, dte, &mut puts, &mut calls);
        }
        Some(ExpiryChain {
            root: listed.root,
            expiry: listed.expiry,
            settlement: listed.root.settlement(),
            settles_at: listed.settles_at,
            last_trade_at: listed.last_trade_at,
            strikes: points.iter().map(|p| Price(p * 1000)).collect(),
            puts,
            calls,
        })
    }

    fn curve(&self, listed: &Listed) -> Option<Curve> {
        let years = alula_pricing::years_between(self.at.0, listed.settles_at.0)?;
        let theta = self.edge.state.theta(years).max(1e-9);
        Some(Curve {
            forward: self.edge.spot * libm::exp((self.rate - DIVIDENDS) * years),
            discount: libm::exp(-self.rate * years),
            years,
            smile: Smile::new(theta),
            deviation: theta.sqrt(),
        })
    }

    /// Ranges of the index since a series' grids were listed.
    fn ranges(&self, class: Class, expiry: Date) -> Option<Ranges> {
        let since = |days: i64| {
            let far = self
                .seen
                .partition_point(|(date, _)| (expiry - *date).num_days() <= days);
            self.seen.get(far.saturating_sub(1)).map(|(_, range)| *range)
        };
        Some(Ranges {
            all: since(class.lookback_days())?,
            middle: since(listing::MIDDLE_DAYS)?,
            fine: since(listing::FINE_DAYS)?,
        })
    }

    fn quote_strike(
        &self,
        strike: i64,
        curve: &Curve,
        series: u64,
        dte: i64,
        puts: &mut QuoteColumns,
        calls: &mut QuoteColumns,
    ) {
        #[expect(clippy::cast_precision_loss, reason = "strikes are small whole numbers")]
        let k = strike as f64;
        let moneyness = libm::log(k / curve.forward);
        let total_vol = curve.smile.total_variance(moneyness).max(1e-12).sqrt();
        let outside = curve.discount * out_of_the_money(curve.forward, k, moneyness, total_vol);
        let inside = outside + curve.discount * (curve.forward - k).abs();
        let (put, call) = if k <= curve.forward {
            (outside, inside)
        } else {
            (inside, outside)
        };
        // Grows with the out-of-the-money price of the strike, with time and stress.
        let calm = 0.01 + 0.025 * outside.sqrt() + 0.006 * outside;
        let width = self.stress * (1.0 + 0.5 * curve.years) * calm;
        let interest = typical_interest(strike, moneyness / curve.deviation, dte);
        let contract = mix(series, strike.unsigned_abs());
        for (right, price, into) in [(Right::Put, put, puts), (Right::Call, call, calls)] {
            let name = mix(contract, right as u64 + 1);
            let (lean, traded) = two_uniforms(mix(name, self.seed));
            let (held, _) = two_uniforms(name);
            let width = width + 0.003 * (price - outside);
            // Makers lean: the fair price is inside the quote, seldom in its middle.
            let below = width * (0.25 + 0.5 * lean);
            let (bid, ask) = on_ticks(price, below, width - below);
            into.bid.push(bid);
            into.ask.push(ask);
            // Open interest is constant through the life of a series but for its age; trades come through the day.
            let interest = interest * held;
            into.open_interest.push(count(interest));
            into.volume.push(count(interest * 0.4 * self.gone * traded));
        }
    }
}

/// Open interest of a strike: most near the money and on round strikes, growing towards expiry.
fn typical_interest(strike: i64, distance: f64, dte: i64) -> f64 {
    let round = match (strike % 100, strike % 50, strike % 25) {
        (0, _, _) => 6.0,
        (_, 0, _) => 3.0,
        (_, _, 0) => 1.6,
        _ => 0.5,
    };
    #[expect(clippy::cast_precision_loss, reason = "days to expiry are few")]
    let age = 30.0 + dte as f64;
    let spread = 1.0 + 0.25 * distance * distance;
    54_000.0 * round / (age * spread * spread)
}

fn columns(rows: usize) -> QuoteColumns {
    QuoteColumns {
        bid: Vec::with_capacity(rows),
        ask: Vec::with_capacity(rows),
        volume: Vec::with_capacity(rows),
        open_interest: Vec::with_capacity(rows),
        ..QuoteColumns::default()
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

/// Bid and ask on ticks of 0.05 below 3.00 and 0.10 from there, never inside the fair price, at least a tick apart.
fn on_ticks(fair: f64, below: f64, above: f64) -> (Price, Price) {
    // Ticks in a point, and a tick in mills.
    let tick = |x: f64| if x < 3.0 { (20.0, 50) } else { (10.0, 100) };
    let low = (fair - below).max(0.0);
    let (per_point, mills) = tick(low);
    let bid = Price(whole(low * per_point) * mills);
    let (per_point, mills) = tick(fair + above);
    let ticks = (fair + above) * per_point;
    #[expect(
        clippy::cast_precision_loss,
        reason = "index options cost far less than 2^53 ticks"
    )]
    let up = i64::from(ticks > whole(ticks) as f64);
    let ask = Price((whole(ticks) + up) * mills);
    let step = if bid < Price(3_000) { Price(50) } else { Price(100) };
    (bid, ask.max(bid + step))
}

/// Whole part.
#[expect(
    clippy::cast_possible_truncation,
    reason = "option prices are bounded by the index"
)]
const fn whole(x: f64) -> i64 {
    x as i64
}
