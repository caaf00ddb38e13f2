//! A day's desk: what is listed, and chains and indices from the state of the market at its instants.

use super::listing::{self, Class, Listed};
use super::model::Model;
use super::path::{Day, Edge, STEP_MINUTES};
use super::quotes;
use super::random::{mix, normal_at};
use crate::calendar::ExchangeCalendar;
use crate::chain::{ChainSnapshot, ExpiryChain};
use crate::contract::{Right, Root};
use crate::time::{Date, Instant};
use crate::vix::{self, Computed, Family};
use std::sync::OnceLock;

/// Minutes before the close of the daily snapshot.
const BEFORE_CLOSE_MINUTES: i64 = 15;
/// Dividend yield of the index.
pub(super) const DIVIDENDS: f64 = 0.014;

/// Everything that the chains of a market follow from.
pub(super) struct World {
    pub(super) seed: u64,
    pub(super) model: Model,
    pub(super) days: Vec<Day>,
    /// VIX by the formula over VIX in the continuous limit at each day's open and close, once asked for.
    bases: Vec<OnceLock<(f64, f64)>>,
    /// Minutes between snapshots, `None` for one a day.
    every_minutes: Option<u16>,
    /// First day with chains; the days before it have series alone.
    chains_from: Date,
}

/// Range of the index (opens and closes of past sessions, today's open) from each session to now, newest first.
type Seen = Vec<(Date, (f64, f64))>;

/// A session's listings.
pub(super) struct Desk<'a> {
    pub(super) world: &'a World,
    pub(super) day: &'a Day,
    today: usize,
    seen: Seen,
    listed: Vec<Listed>,
}

/// The market at an instant.
pub(super) struct Scene {
    pub(super) at: Instant,
    pub(super) date: Date,
    pub(super) edge: Edge,
    pub(super) rate: f64,
    /// Width of quotes against a calm day.
    pub(super) stress: f64,
    /// Share of the session gone.
    pub(super) gone: f64,
    /// Contracts shown at the touch near the money of the index's options.
    pub(super) depth: f64,
    pub(super) seed: u64,
}

fn ranges_seen(days: &[Day], today: usize) -> Option<Seen> {
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

/// Contracts shown at the touch near the money: thin when volatility is high, with the day's own noise.
pub(super) fn depth(seed: u64, day: &Day, vix: f64) -> f64 {
    let noise = normal_at(mix(seed ^ 0xdeb7, word(day.open_at)));
    900.0 * 16.0 / vix * libm::exp(0.2 * noise)
}

/// A word of an instant.
pub(super) fn word(at: Instant) -> u64 {
    u64::from_le_bytes(at.0.to_le_bytes())
}

impl World {
    pub(super) fn new(
        seed: u64,
        model: Model,
        days: Vec<Day>,
        every_minutes: Option<u16>,
        chains_from: Date,
    ) -> Self {
        let bases = days.iter().map(|_| OnceLock::new()).collect();
        Self {
            seed,
            model,
            days,
            bases,
            every_minutes,
            chains_from,
        }
    }

    /// Snapshot instants of a day, in order.
    pub(super) fn ticks_of(&self, day: &Day) -> Vec<Instant> {
        match self.every_minutes {
            None => vec![Instant(day.close_at.0 - 60 * BEFORE_CLOSE_MINUTES)],
            Some(minutes) => {
                let step = 60 * i64::from(minutes);
                let count = (day.close_at.0 - day.open_at.0) / step;
                (1..=count).map(|n| Instant(day.open_at.0 + n * step)).collect()
            }
        }
    }

    /// The same as steps of the grid; nothing on days without chains.
    pub(super) fn snapshot_steps(&self, day: &Day) -> Vec<usize> {
        if day.date < self.chains_from {
            return Vec::new();
        }
        let step = |at: Instant| usize::try_from((at.0 - day.open_at.0) / (60 * STEP_MINUTES)).ok();
        self.ticks_of(day).into_iter().filter_map(step).collect()
    }

    /// The desk of a day by its position.
    pub(super) fn desk(&self, today: usize) -> Option<Desk<'_>> {
        let day = self.days.get(today)?;
        Some(Desk {
            world: self,
            day,
            today,
            seen: ranges_seen(&self.days, today)?,
            listed: listing::expiries(day.date),
        })
    }
}

impl Desk<'_> {
    /// The market at an instant of the grid.
    pub(super) fn scene(&self, at: Instant) -> Option<Scene> {
        let edge = *self.day.edge_at(at)?;
        let vix = self.world.model.vix(edge.state, 30.0);
        #[expect(clippy::cast_precision_loss, reason = "seconds of one day")]
        let gone =
            (at.0 - self.day.open_at.0) as f64 / (self.day.close_at.0 - self.day.open_at.0).max(1) as f64;
        Some(Scene {
            at,
            date: self.day.date,
            edge,
            rate: self.day.rate,
            stress: (vix / 17.0).clamp(0.8, 6.0),
            gone: gone.clamp(0.0, 1.0),
            depth: depth(self.world.seed, self.day, vix),
            seed: mix(self.world.seed, word(at)),
        })
    }

    /// All chains of the index.
    pub(super) fn snapshot(&self, at: Instant) -> Option<ChainSnapshot> {
        let scene = self.scene(at)?;
        let listed = self.listed.iter().filter(|l| l.trades_at(at));
        Some(ChainSnapshot {
            at,
            underlying: "SPX".to_owned(),
            spot: quotes::index_price(scene.edge.spot)?,
            expiries: listed.filter_map(|l| self.chain(&scene, l)).collect(),
        })
    }

    /// All chains of the mini index: a tenth of the index, closing series alone, strikes of its own.
    pub(super) fn mini_snapshot(&self, at: Instant) -> Option<ChainSnapshot> {
        let scene = self.scene(at)?;
        let listed = listing::mini_expiries(self.day.date, &self.listed);
        let trading = listed.iter().filter(|l| l.trades_at(at));
        Some(ChainSnapshot {
            at,
            underlying: "XSP".to_owned(),
            spot: quotes::index_price(scene.edge.spot / 10.0)?,
            expiries: trading.filter_map(|l| self.chain(&scene, l)).collect(),
        })
    }

    /// The chain of one listed expiry of the index, or of the mini index.
    fn chain(&self, scene: &Scene, listed: &Listed) -> Option<ExpiryChain> {
        let years = alula_pricing::years_between(scene.at.0, listed.settles_at.0)?;
        let theta = self.world.model.theta(scene.edge.state, years).max(1e-9);
        let strikes = {
            let ranges = self.ranges(listed)?;
            let dte = (listed.expiry - scene.date).num_days();
            let mut strikes = listing::strikes(listed.class, dte, &ranges);
            if listed.root == Root::Xsp {
                // Whole points of a tenth of the index: strikes of 1, 5 and 10 points of XSP.
                strikes.retain(|points| points % 10 == 0);
            }
            strikes
        };
        quotes::index_chain(scene, listed, years, theta, &strikes)
    }

    /// Ranges of the index since a series' grids were listed.
    fn ranges(&self, listed: &Listed) -> Option<listing::Ranges> {
        let since = |days: i64| {
            let far = self
                .seen
                .partition_point(|(date, _)| (listed.expiry - *date).num_days() <= days);
            self.seen.get(far.saturating_sub(1)).map(|(_, range)| *range)
        };
        Some(listing::Ranges {
            all: since(listed.class.lookback_days())?,
            middle: since(listing::MIDDLE_DAYS)?,
            fine: since(listing::FINE_DAYS)?,
        })
    }

    /// A volatility index at an instant, by Cboe's formula on the chains of its two terms: the very quotes of the snapshot.
    pub(super) fn index(&self, at: Instant, family: Family) -> Option<Computed> {
        let scene = self.scene(at)?;
        let chains: Vec<ExpiryChain> = if family == Family::Vvix {
            self.vix_chains(&scene)
        } else {
            // Only the expiries nearest the horizon on either side can be terms.
            let horizon = i64::from(family.days()) * 86_400;
            let ahead = |l: &Listed| l.settles_at.0 - at.0 - horizon;
            let takes = |l: &&Listed| l.trades_at(at) && family.takes(l.root, l.expiry);
            let near = self.listed.iter().rfind(|l| takes(l) && ahead(l) <= 0);
            let next = self.listed.iter().find(|l| takes(l) && ahead(l) > 0);
            let both = near.into_iter().chain(next);
            both.filter_map(|l| self.chain(&scene, l)).collect()
        };
        let snapshot = ChainSnapshot {
            at,
            underlying: family.underlying().to_owned(),
            spot: quotes::index_price(scene.edge.spot)?,
            expiries: chains,
        };
        vix::compute(&snapshot, family, scene.rate).ok()
    }

    /// VIX by the formula over VIX in the continuous limit: what the listed strikes and their ends take away. Computed at
    /// the open and the close, in a straight line between, so that futures move with the state alone.
    fn basis(&self, scene: &Scene) -> f64 {
        let at = |at: Instant| {
            let edge = self.day.edge_at(at)?;
            let formula = self.index(at, Family::Vix)?.value;
            Some(formula / self.world.model.vix(edge.state, 30.0))
        };
        let both = || {
            (
                at(self.day.open_at).unwrap_or(1.0),
                at(self.day.close_at).unwrap_or(1.0),
            )
        };
        let (open, close) = match self.world.bases.get(self.today) {
            Some(known) => *known.get_or_init(both),
            None => both(),
        };
        open + scene.gone * (close - open)
    }

    /// The VIX future that settles at an instant: price before rounding, and the annual volatility of its log.
    pub(super) fn future(&self, scene: &Scene, settles_at: Instant) -> Option<(f64, f64)> {
        let years = alula_pricing::years_between(scene.at.0, settles_at.0)?;
        let (price, vol) = self.world.model.vix_future(scene.edge.state, years);
        Some((price * self.basis(scene), vol * libm::exp(self.day.vvix_noise)))
    }

    fn vix_chains(&self, scene: &Scene) -> Vec<ExpiryChain> {
        let strikes = listing::vix_strikes();
        let listed = listing::vix_expiries(scene.date);
        let trading = listed.iter().filter(|l| l.trades_at(scene.at));
        trading
            .filter_map(|l| {
                let future = self.future(scene, l.settles_at)?;
                quotes::vix_chain(scene, l, future, &strikes)
            })
            .collect()
    }

    /// All chains on VIX. The underlying's price is spot VIX; each expiry's forward is its own future.
    pub(super) fn vix_snapshot(&self, at: Instant) -> Option<ChainSnapshot> {
        let scene = self.scene(at)?;
        Some(ChainSnapshot {
            at,
            underlying: "VIX".to_owned(),
            spot: quotes::index_price(self.index(at, Family::Vix)?.value)?,
            expiries: self.vix_chains(&scene),
        })
    }

    /// The settlement value of the VIX series that settle this morning: the formula on the opening prices of the options
    /// that expire thirty days later. Opening trades land on bids and offers: each price is the mid moved towards one
    /// of them, by the day's imbalance and by chance.
    pub(super) fn vro(&self) -> Option<f64> {
        let at = self.day.open_at;
        let scene = self.scene(at)?;
        let target = self.day.date.checked_add_days(chrono::Days::new(30))?;
        let calendar = ExchangeCalendar::nyse();
        // A Tuesday settlement stands for the Wednesday: its options expire 31 days later, or a day before a holiday.
        let within = |l: &&Listed| (-2..=2).contains(&(l.expiry - target).num_days());
        let takes = |l: &&Listed| within(l) && Family::Vix.takes(l.root, l.expiry);
        let listed = self.listed.iter().find(takes).or_else(|| {
            let friday = calendar.session_on_or_before(target)?;
            self.listed.iter().find(|l| l.expiry == friday)
        })?;
        let chain = self.chain(&scene, listed)?;
        let years = alula_pricing::years_between(at.0, listed.settles_at.0)?;
        let key = mix(self.world.seed ^ 0x0f20, word(at));
        let imbalance = 0.45 * normal_at(key);
        let mut strip = vix::quotes(&chain);
        for (n, quote) in strip.iter_mut().enumerate() {
            for (side, right) in [(&mut quote.put, Right::Put), (&mut quote.call, Right::Call)] {
                let own = normal_at(mix(key, 2 * n as u64 + right as u64 + 1));
                let lean = (imbalance + 0.5 * own).clamp(-1.0, 1.0);
                let price = side.price + lean * (side.price - side.bid);
                side.price = price.max(0.0);
            }
        }
        let term = vix::term(&strip, years, scene.rate)?;
        Some(100.0 * term.variance.sqrt())
    }
}
