//! A chain snapshot from the state of the market at an instant.

use super::listing::{self, Class, Listed};
use super::path::{Day, Edge};
use super::random::{mix, uniform_at};
use super::surface::{Smile, out_of_the_money};
use crate::chain::{ChainSnapshot, ExpiryChain, QuoteColumns};
use crate::contract::Right;
use crate::money::Price;
use crate::time::{Date, Instant};
use chrono::Days;

/// Dividend yield of the index.
pub(super) const DIVIDENDS: f64 = 0.014;

/// What every expiry of a snapshot shares.
struct Scene<'a> {
    at: Instant,
    date: Date,
    edge: Edge,
    rate: f64,
    /// Width of quotes against a calm day.
    stress: f64,
    /// Share of the session gone.
    gone: f64,
    seed: u64,
    days: &'a [Day],
    today: usize,
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
        days,
        today,
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

impl Scene<'_> {
    fn chain(&self, listed: &Listed) -> Option<ExpiryChain> {
        let curve = self.curve(listed)?;
        let (low, high) = self.range(listed.class, listed.expiry)?;
        let dte = (listed.expiry - self.date).num_days();
        let points = listing::strikes(listed.class, dte, low, high);
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

    /// Range of the index since a series was listed: opens and closes of past sessions, today's open.
    fn range(&self, class: Class, expiry: Date) -> Option<(f64, f64)> {
        let since = expiry.checked_sub_days(Days::new(class.lookback_days()))?;
        let open = self.days.get(self.today)?.first()?.spot;
        let mut range = (open, open);
        for day in self
            .days
            .get(..self.today)?
            .iter()
            .rev()
            .take_while(|d| d.date >= since)
        {
            for edge in [day.first()?, day.last()?] {
                range = (range.0.min(edge.spot), range.1.max(edge.spot));
            }
        }
        Some(range)
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
        let outside = curve.discount * out_of_the_money(curve.forward, k, total_vol);
        let inside = outside + curve.discount * (curve.forward - k).abs();
        let (put, call) = if k <= curve.forward {
            (outside, inside)
        } else {
            (inside, outside)
        };
        let contract = mix(series, strike.unsigned_abs());
        let distance = moneyness / curve.deviation;
        for (right, price, into) in [(Right::Put, put, puts), (Right::Call, call, calls)] {
            let hash = mix(contract, right as u64 + 1);
            let width = self.width(outside, price, curve.years);
            // Makers lean: the fair price is inside the quote, seldom in its middle.
            let lean = 0.25 * (2.0 * uniform_at(mix(self.seed, hash)) - 1.0);
            let (bid, ask) = on_ticks(price, width * (0.5 + lean), width * (0.5 - lean));
            into.bid.push(bid);
            into.ask.push(ask);
            let interest = self.interest(strike, distance, dte, hash);
            into.open_interest.push(interest);
            into.volume.push(self.volume(interest, distance, hash));
        }
    }

    /// Width of a quote before ticks: grows with the out-of-the-money price of the strike, with intrinsic value, time
    /// and stress.
    fn width(&self, outside: f64, price: f64, years: f64) -> f64 {
        let calm = 0.01 + 0.025 * outside.sqrt() + 0.006 * outside;
        let intrinsic = (price - outside).max(0.0);
        self.stress * (1.0 + 0.5 * years) * calm + 0.003 * intrinsic
    }

    /// Open interest: most near the money and on round strikes, growing towards expiry. Constant through a day.
    fn interest(&self, strike: i64, distance: f64, dte: i64, hash: u64) -> u32 {
        let round = if strike % 100 == 0 {
            6.0
        } else if strike % 50 == 0 {
            3.0
        } else if strike % 25 == 0 {
            1.6
        } else {
            0.5
        };
        let near = 1.0 / (1.0 + distance * distance / 4.0);
        #[expect(clippy::cast_precision_loss, reason = "days to expiry are few")]
        let age = 30.0 / (30.0 + dte as f64);
        count(900.0 * round * near * near * age * 2.0 * uniform_at(mix(hash, 11)))
    }

    fn volume(&self, interest: u32, distance: f64, hash: u64) -> u32 {
        let near = 1.0 / (1.0 + distance * distance);
        let day = mix(hash, u64::from_le_bytes(self.days_key().to_le_bytes()));
        count(f64::from(interest) * 0.5 * near * self.gone * uniform_at(day))
    }

    fn days_key(&self) -> i64 {
        self.at.0.div_euclid(86_400)
    }
}

fn columns(rows: usize) -> QuoteColumns {
    QuoteColumns {
        bid: Vec::with_capacity(rows),
        ask: Vec::with_capacity(rows),
        volume: Vec::with_capacity(rows),
        open_interest: Vec::with_capacity(rows),
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
    let tick = |x: f64| if x < 3.0 { 0.05 } else { 0.10 };
    let low = (fair - below).max(0.0);
    let high = fair + above;
    let bid = Price::from_f64((low / tick(low)).floor() * tick(low)).unwrap_or(Price::ZERO);
    let ask = Price::from_f64((high / tick(high)).ceil() * tick(high)).unwrap_or(Price::ZERO);
    let step = if bid < Price(3_000) { Price(50) } else { Price(100) };
    (bid, ask.max(bid + step))
}
