//! What a chain snapshot implies: per expiry the forward, implied vols and deltas; across expiries a constant maturity.
//!
//! Everything here is computed from mids, on demand, once per snapshot and expiry, through the column kernels: a contract
//! has one vol and one delta, whether its whole side was asked for or it alone. The forward comes from put-call parity,
//! the discount from the risk-free rate known at the instant (from box spreads of the same expiry where no rate is known),
//! time runs to the settlement instant by the second. Deltas are Black-76 deltas against the forward, discounted, as the
//! pricing room gives them: points of price for one point of the forward.

use crate::chains::ChainTable;
use crate::surface::ChainSurface;
use crate::value::Cause;
use alula_market::chain::{ChainSnapshot, ExpiryChain, Quote};
use alula_market::contract::{FutureRoot, OptionContract, Right, Settlement};
use alula_market::curve::month_from_front;
use alula_market::history::Stale;
use alula_market::money::Price;
use alula_pricing::chain::{GreekTable, LengthError, RowStatus, greeks, implied_vols};
use alula_pricing::{
    ExpiryTerms, ForwardOptions, Greeks, ParityQuote, SmilePoint, TermPoint, atm_forward_vol, box_discount,
    constant_maturity_vol, parity_forward, years_between,
};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// Strikes on each side of the money that take part in the parity forward.
const PARITY_STRIKES_EACH_SIDE: usize = 12;

/// The pricing room's name of a right.
#[must_use]
pub const fn pricing_right(right: Right) -> alula_pricing::Right {
    match right {
        Right::Put => alula_pricing::Right::Put,
        Right::Call => alula_pricing::Right::Call,
    }
}

/// One strike of one right as the chain prices it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StrikePoint {
    /// Strike.
    pub strike: Price,
    /// Implied vol of the mid, a fraction.
    pub vol: f64,
    /// Delta, signed (a put's is negative).
    pub delta: f64,
    /// Gamma: the change of delta for a point of the forward.
    pub gamma: f64,
}

/// What one expiry implies at one instant.
#[derive(Debug)]
pub struct ExpiryAnalytics {
    terms: Result<ExpiryTerms, Cause>,
    rate_from_boxes: bool,
    atm: OnceLock<Result<f64, Cause>>,
    puts: OnceLock<Vec<StrikePoint>>,
    calls: OnceLock<Vec<StrikePoint>>,
    /// Greeks of the contracts that were asked for, by right and position: several positions and observables ask for the
    /// same ones at a tick.
    asked: Mutex<BTreeMap<(Right, usize), Result<Greeks, Cause>>>,
    /// Vols of the strikes that were asked for, by position.
    strike_vols: Mutex<BTreeMap<usize, Result<f64, Cause>>>,
    /// The snapshot's.
    columns: Arc<Mutex<Columns>>,
}

/// What the kernels read and write, in memory that one snapshot's expiries use in turn.
#[derive(Debug, Default)]
struct Columns {
    at: Vec<Price>,
    strikes: Vec<f64>,
    mids: Vec<f64>,
    vols: Vec<f64>,
    solved: Vec<RowStatus>,
    table: GreekTable,
}

impl Columns {
    /// Vols of quoted strikes of a right; `solved` says which rows have none.
    fn solve(
        &mut self,
        terms: &ExpiryTerms,
        right: Right,
        quotes: impl Iterator<Item = (Price, Quote)>,
    ) -> Result<(), LengthError> {
        self.at.clear();
        self.strikes.clear();
        self.mids.clear();
        let room = quotes.size_hint().1.unwrap_or(0);
        self.at.reserve(room);
        self.strikes.reserve(room);
        self.mids.reserve(room);
        for (strike, quote) in quotes {
            self.at.push(strike);
            self.strikes.push(strike.to_f64());
            self.mids.push(quote.mid().to_f64());
        }
        let rows = self.at.len();
        self.vols.resize(rows, 0.0);
        self.solved.resize(rows, RowStatus::Ok);
        implied_vols(
            terms,
            pricing_right(right),
            &self.strikes,
            &self.mids,
            &mut self.vols,
            &mut self.solved,
        )
    }

    /// Vols and greeks of quoted strikes of a right. A row without a vol is valued at none, as if its exercise (or its
    /// end without) were certain; `solved` says so.
    fn fill(
        &mut self,
        terms: &ExpiryTerms,
        right: Right,
        quotes: impl Iterator<Item = (Price, Quote)>,
    ) -> Result<(), LengthError> {
        self.solve(terms, right, quotes)?;
        let mut table = self.table.columns(self.at.len());
        greeks(terms, pricing_right(right), &self.strikes, &self.vols, &mut table)
    }

    /// The strikes that have a vol.
    fn points(&self) -> Vec<StrikePoint> {
        let status = self.solved.iter().zip(&self.table.status);
        let greeks = self.table.delta.iter().zip(&self.table.gamma);
        let values = self.vols.iter().zip(greeks);
        let rows = self.at.iter().zip(values).zip(status);
        let mut points = Vec::with_capacity(self.at.len());
        points.extend(
            rows.filter(|(_, (solved, valued))| solved.is_ok() && valued.is_ok())
                .map(|((strike, (vol, (delta, gamma))), _)| StrikePoint {
                    strike: *strike,
                    vol: *vol,
                    delta: *delta,
                    gamma: *gamma,
                }),
        );
        points
    }

    /// Greeks of a row.
    fn greeks(&self, row: usize) -> Result<Greeks, Cause> {
        let table = &self.table;
        match self.solved.get(row) {
            // A mid at or below intrinsic value still has a delta: that of an option certain to be exercised.
            Some(RowStatus::Ok | RowStatus::BelowIntrinsic | RowStatus::NoTimeValue) => {}
            _ => return Err(Cause::NoQuote),
        }
        if table.status.get(row) != Some(&RowStatus::Ok) {
            return Err(Cause::OutOfDomain);
        }
        let read = |column: &[f64]| column.get(row).copied().ok_or(Cause::NoQuote);
        Ok(Greeks {
            price: read(&table.price)?,
            delta: read(&table.delta)?,
            gamma: read(&table.gamma)?,
            vega: read(&table.vega)?,
            theta: read(&table.theta)?,
            rho: read(&table.rho)?,
        })
    }
}

fn lock<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}

impl ExpiryAnalytics {
    fn new(
        snapshot: &ChainSnapshot,
        chain: &ExpiryChain,
        rate: Option<f64>,
        columns: &Arc<Mutex<Columns>>,
    ) -> Self {
        let (terms, rate_from_boxes) = terms_of(snapshot, chain, rate);
        Self {
            terms,
            rate_from_boxes,
            atm: OnceLock::new(),
            puts: OnceLock::new(),
            calls: OnceLock::new(),
            asked: Mutex::default(),
            strike_vols: Mutex::default(),
            columns: Arc::clone(columns),
        }
    }

    /// Forward, time and discount.
    ///
    /// # Errors
    /// `no quote` when too few strikes are quoted on both sides, `out of domain` when the expiry has no time left.
    pub const fn terms(&self) -> Result<&ExpiryTerms, Cause> {
        match &self.terms {
            Ok(terms) => Ok(terms),
            Err(cause) => Err(*cause),
        }
    }

    /// The discount came from box spreads because no rate was known.
    #[must_use]
    pub const fn rate_from_boxes(&self) -> bool {
        self.rate_from_boxes
    }

    /// Implied vol at the forward, a fraction.
    ///
    /// # Errors
    /// As for [`Self::terms`], or `no quote` when the forward is not between two strikes with a vol.
    pub fn atm_vol(&self, chain: &ExpiryChain) -> Result<f64, Cause> {
        *self.atm.get_or_init(|| {
            let terms = self.terms()?;
            let first_above = chain.strikes.partition_point(|k| k.to_f64() < terms.forward());
            let below = (0..first_above)
                .rev()
                .find_map(|i| smile_point(terms, chain, Right::Put, i));
            let above =
                (first_above..chain.strikes.len()).find_map(|i| smile_point(terms, chain, Right::Call, i));
            let smile: Vec<SmilePoint> = below.into_iter().chain(above).collect();
            atm_forward_vol(terms, &smile).map_err(|_| Cause::NoQuote)
        })
    }

    /// All strikes of a right that have a quote and an implied vol, ascending.
    pub fn points(&self, chain: &ExpiryChain, right: Right) -> &[StrikePoint] {
        let cell = match right {
            Right::Put => &self.puts,
            Right::Call => &self.calls,
        };
        cell.get_or_init(|| {
            let Ok(terms) = self.terms() else {
                return Vec::new();
            };
            let mut columns = lock(&self.columns);
            match columns.fill(terms, right, chain.quotes(right)) {
                Ok(()) => columns.points(),
                Err(_) => Vec::new(),
            }
        })
    }

    /// Implied vol of a strike, a fraction: of its out-of-the-money side, whose quote has the time value in it, else of the
    /// other side.
    ///
    /// # Errors
    /// `not listed` for a foreign strike, `no quote` where neither side's mid has an implied vol.
    pub fn strike_vol(&self, chain: &ExpiryChain, strike: Price) -> Result<f64, Cause> {
        self.terms()?;
        let index = chain.index_of(strike).ok_or(Cause::NotListed)?;
        if let Some(known) = lock(&self.strike_vols).get(&index) {
            return *known;
        }
        self.prepare_strike_vols(chain, std::iter::once(index));
        let known = lock(&self.strike_vols).get(&index).copied();
        known.unwrap_or(Err(Cause::NoQuote))
    }

    /// Solves the vols of strikes, by ascending position, in columns, for [`Self::strike_vol`] to find: one by one they cost ten times
    /// as much.
    fn prepare_strike_vols(&self, chain: &ExpiryChain, wanted: impl Iterator<Item = usize>) {
        let Ok(terms) = self.terms() else { return };
        let mut known = lock(&self.strike_vols);
        let wanted: Vec<usize> = wanted.filter(|i| !known.contains_key(i)).collect();
        let strike = |i: usize| chain.strikes.get(i).copied().unwrap_or_default();
        let split = wanted.partition_point(|i| strike(*i).to_f64() < terms.forward());
        let mut columns = lock(&self.columns);
        for (right, other, side) in [
            (Right::Put, Right::Call, wanted.get(..split)),
            (Right::Call, Right::Put, wanted.get(split..)),
        ] {
            let side = side.unwrap_or_default();
            let quoted = |i: &usize| Some((strike(*i), chain.quote(right, *i)?));
            let sound = columns
                .solve(terms, right, side.iter().filter_map(quoted))
                .is_ok();
            let mut rows = columns
                .at
                .iter()
                .zip(columns.vols.iter().zip(&columns.solved))
                .peekable();
            for index in side {
                let row = rows.next_if(|(at, _)| **at == strike(*index));
                let vol = match row {
                    Some((_, (vol, status))) if sound && status.is_ok() => Ok(*vol),
                    // No quote or no vol there: the other side's.
                    _ => smile_point(terms, chain, other, *index)
                        .map(|p| p.vol)
                        .ok_or(Cause::NoQuote),
                };
                known.insert(*index, vol);
            }
        }
    }

    /// Price and greeks of one contract, for one option, at the vol its own mid implies. A mid at or below intrinsic value
    /// implies none; the greeks are then those of an option certain to be exercised: a delta of plus or minus the discount,
    /// neither gamma nor vega, and intrinsic value as price.
    ///
    /// # Errors
    /// `not listed` for a foreign strike, `no quote` without a two-sided market or for a mid above what the option can be
    /// worth, and as for [`Self::terms`].
    pub fn greeks(&self, chain: &ExpiryChain, right: Right, strike: Price) -> Result<Greeks, Cause> {
        self.terms()?;
        let index = chain.index_of(strike).ok_or(Cause::NotListed)?;
        if let Some(known) = lock(&self.asked).get(&(right, index)) {
            return *known;
        }
        self.prepare(chain, right, std::iter::once(index));
        let known = lock(&self.asked).get(&(right, index)).copied();
        known.unwrap_or(Err(Cause::NoQuote))
    }

    /// Computes the greeks of contracts together, for later questions: a column of eight costs what one of them does.
    fn prepare(&self, chain: &ExpiryChain, right: Right, wanted: impl Iterator<Item = usize>) {
        let Ok(terms) = self.terms() else { return };
        let mut asked = lock(&self.asked);
        let mut rows: Vec<(usize, Price, Quote)> = Vec::new();
        for index in wanted
            .filter(|i| !asked.contains_key(&(right, *i)))
            .collect::<Vec<_>>()
        {
            match chain.strikes.get(index).zip(chain.quote(right, index)) {
                Some((strike, quote)) => rows.push((index, *strike, quote)),
                None => {
                    asked.insert((right, index), Err(Cause::NoQuote));
                }
            }
        }
        if rows.is_empty() {
            return;
        }
        let mut columns = lock(&self.columns);
        let quotes = rows.iter().map(|(_, strike, quote)| (*strike, *quote));
        let filled = columns.fill(terms, right, quotes);
        for (row, (index, ..)) in rows.iter().enumerate() {
            let greeks = filled
                .map_err(|_| Cause::NoQuote)
                .and_then(|()| columns.greeks(row));
            asked.insert((right, *index), greeks);
        }
    }
}

fn terms_of(
    snapshot: &ChainSnapshot,
    chain: &ExpiryChain,
    rate: Option<f64>,
) -> (Result<ExpiryTerms, Cause>, bool) {
    let Some(years) = years_between(snapshot.at.0, chain.settles_at.0).filter(|y| *y > 0.0) else {
        return (Err(Cause::OutOfDomain), false);
    };
    let quotes = parity_quotes(snapshot, chain);
    let from_boxes = rate.is_none();
    let discount = match rate {
        Some(rate) => libm::exp(-rate * years),
        None => match box_discount(&quotes, years) {
            Ok(found) => found.discount,
            Err(_) => return (Err(Cause::NoData), true),
        },
    };
    let terms = parity_forward(&quotes, discount, ForwardOptions::default())
        .map_err(|_| Cause::NoQuote)
        .and_then(|f| ExpiryTerms::new(f.forward, years, discount).map_err(|_| Cause::OutOfDomain));
    (terms, from_boxes)
}

/// Strikes near the money that are quoted on both sides.
fn parity_quotes(snapshot: &ChainSnapshot, chain: &ExpiryChain) -> Vec<ParityQuote> {
    let middle = chain.strikes.partition_point(|k| *k < snapshot.spot);
    let pair = |i: usize| {
        let call = chain.quote(Right::Call, i)?.mid().to_f64();
        let put = chain.quote(Right::Put, i)?.mid().to_f64();
        Some(ParityQuote {
            strike: chain.strikes.get(i)?.to_f64(),
            call,
            put,
        })
    };
    let mut quotes: Vec<ParityQuote> = (0..middle)
        .rev()
        .filter_map(pair)
        .take(PARITY_STRIKES_EACH_SIDE)
        .collect();
    quotes.extend(
        (middle..chain.strikes.len())
            .filter_map(pair)
            .take(PARITY_STRIKES_EACH_SIDE),
    );
    quotes
}

fn smile_point(terms: &ExpiryTerms, chain: &ExpiryChain, right: Right, index: usize) -> Option<SmilePoint> {
    let strike = chain.strikes.get(index)?.to_f64();
    let mid = chain.quote(right, index)?.mid().to_f64();
    let vol = terms.implied_vol(pricing_right(right), strike, mid).ok()?;
    Some(SmilePoint { strike, vol })
}

/// A snapshot with what it implies, computed on demand.
#[derive(Debug)]
pub struct SnapshotView {
    /// The quotes.
    pub snapshot: Arc<ChainSnapshot>,
    rate: Option<f64>,
    expiries: Vec<OnceLock<ExpiryAnalytics>>,
    surface: OnceLock<ChainSurface>,
    table: OnceLock<ChainTable>,
    columns: Arc<Mutex<Columns>>,
    stale: Option<Arc<Stale>>,
}

impl SnapshotView {
    /// Wraps a snapshot; `rate` is the continuously compounded risk-free rate known at its instant.
    #[must_use]
    pub fn new(snapshot: Arc<ChainSnapshot>, rate: Option<f64>) -> Self {
        let expiries = snapshot.expiries.iter().map(|_| OnceLock::new()).collect();
        Self {
            snapshot,
            rate,
            expiries,
            surface: OnceLock::new(),
            table: OnceLock::new(),
            columns: Arc::default(),
            stale: None,
        }
    }

    /// The same with what was too old to be in the snapshot.
    #[must_use]
    pub fn with_stale(mut self, stale: Option<Arc<Stale>>) -> Self {
        self.stale = stale;
        self
    }

    /// Why a contract has no quote here: there is none, or it is too old.
    #[must_use]
    pub fn why_unquoted(&self, contract: &OptionContract) -> Cause {
        let is_stale = |s: &Arc<Stale>| s.contracts.contains(contract);
        if self.stale.as_ref().is_some_and(is_stale) {
            Cause::Stale
        } else {
            Cause::NoQuote
        }
    }

    /// The underlying's price was too old to be in the snapshot.
    #[must_use]
    pub fn spot_is_stale(&self) -> bool {
        self.stale.as_ref().is_some_and(|s| s.spot)
    }

    /// The vol surface, fitted when it is first asked for.
    #[must_use]
    pub fn surface(&self) -> &ChainSurface {
        self.surface.get_or_init(|| ChainSurface::new(self))
    }

    /// The whole chain as columns, laid out when they are first asked for.
    #[must_use]
    pub fn table(&self) -> &ChainTable {
        self.table.get_or_init(|| ChainTable::new(self))
    }

    /// Chain and analytics of the expiry at a position.
    #[must_use]
    pub fn at(&self, index: usize) -> Option<(&ExpiryChain, &ExpiryAnalytics)> {
        let chain = self.snapshot.expiries.get(index)?;
        let slot = self.expiries.get(index)?;
        Some((
            chain,
            slot.get_or_init(|| ExpiryAnalytics::new(&self.snapshot, chain, self.rate, &self.columns)),
        ))
    }

    /// Chain and analytics of a contract's expiry.
    #[must_use]
    pub fn of(&self, contract: &OptionContract) -> Option<(&ExpiryChain, &ExpiryAnalytics)> {
        self.at(self.index_of(contract)?)
    }

    /// Solves the vols of the strikes of contracts together, for [`ExpiryAnalytics::strike_vol`] to find. Contracts of other
    /// underlyings and those that are not listed are passed over.
    pub fn prepare_strike_vols<'c>(&self, contracts: impl Iterator<Item = &'c OptionContract>) {
        let place = |c: &OptionContract| {
            let expiry = self.index_of(c)?;
            Some((expiry, self.snapshot.expiries.get(expiry)?.index_of(c.strike)?))
        };
        let mut wanted: Vec<(usize, usize)> = contracts.filter_map(place).collect();
        wanted.sort_unstable();
        wanted.dedup();
        for same in wanted.chunk_by(|a, b| a.0 == b.0) {
            let Some((expiry, _)) = same.first() else { continue };
            if let Some((chain, analytics)) = self.at(*expiry) {
                analytics.prepare_strike_vols(chain, same.iter().map(|(_, strike)| *strike));
            }
        }
    }

    fn index_of(&self, contract: &OptionContract) -> Option<usize> {
        let key = (contract.expiry, contract.root);
        let chains = &self.snapshot.expiries;
        chains.binary_search_by(|c| (c.expiry, c.root).cmp(&key)).ok()
    }

    /// Computes the greeks of contracts together, for [`Self::greeks`] to find. Contracts of other underlyings and those
    /// that are not listed are passed over.
    pub fn prepare<'c>(&self, contracts: impl Iterator<Item = &'c OptionContract>) {
        let place = |c: &OptionContract| {
            let expiry = self.index_of(c)?;
            let chain = self.snapshot.expiries.get(expiry)?;
            Some(((expiry, c.right), chain.index_of(c.strike)?))
        };
        let mut wanted: Vec<((usize, Right), usize)> = Vec::with_capacity(64);
        wanted.extend(contracts.filter_map(place));
        wanted.sort_unstable();
        wanted.dedup();
        for side in wanted.chunk_by(|a, b| a.0 == b.0) {
            let Some(((expiry, right), _)) = side.first() else {
                continue;
            };
            if let Some((chain, analytics)) = self.at(*expiry) {
                analytics.prepare(chain, *right, side.iter().map(|(_, strike)| *strike));
            }
        }
    }

    /// Greeks of one contract.
    ///
    /// # Errors
    /// `not listed`, or as for [`ExpiryAnalytics::greeks`].
    pub fn greeks(&self, contract: &OptionContract) -> Result<Greeks, Cause> {
        let (chain, analytics) = self.of(contract).ok_or(Cause::NotListed)?;
        let found = analytics.greeks(chain, contract.right, contract.strike);
        found.map_err(|cause| match cause {
            Cause::NoQuote => self.why_unquoted(contract),
            other => other,
        })
    }

    /// Parity forward of the options that settle with a future: VIX options of the day on which the month's VX settles, AM-settled SPX
    /// options of the quarterly's.
    ///
    /// # Errors
    /// `no quote` without such an expiry in the snapshot, or the cause why its forward is not known.
    pub fn forward_of(&self, root: FutureRoot, month: u8) -> Result<f64, Cause> {
        let contract = month_from_front(root, self.snapshot.at, usize::from(month)).ok_or(Cause::NoQuote)?;
        let fits = |c: &ExpiryChain| {
            c.expiry == contract.expiry
                && c.settlement == Settlement::Am
                && c.root.underlying() == root.underlying()
        };
        let index = self
            .snapshot
            .expiries
            .iter()
            .position(fits)
            .ok_or(Cause::NoQuote)?;
        let (_, analytics) = self.at(index).ok_or(Cause::NoQuote)?;
        analytics.terms().map(alula_pricing::ExpiryTerms::forward)
    }

    /// At-the-forward implied vol at a constant maturity of `days`, in vol points: total variance interpolated linearly
    /// in time between the nearest expiries on either side that have a vol.
    ///
    /// # Errors
    /// `not listed` when the expiries with a vol do not reach both sides, `out of domain` when total variance falls.
    pub fn implied_vol(&self, days: u32) -> Result<f64, Cause> {
        let years = f64::from(days) / 365.0;
        let mut order: Vec<(f64, usize)> = self
            .snapshot
            .expiries
            .iter()
            .enumerate()
            .filter_map(|(i, c)| Some((years_between(self.snapshot.at.0, c.settles_at.0)?, i)))
            .filter(|(y, _)| *y > 0.0)
            .collect();
        order.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let point = |&(years, index): &(f64, usize)| {
            let (chain, analytics) = self.at(index)?;
            analytics.atm_vol(chain).ok().map(|vol| TermPoint { years, vol })
        };
        let split = order.partition_point(|(y, _)| *y <= years);
        let near = order.iter().take(split).rev().find_map(point);
        let far = order.iter().skip(split).find_map(point);
        let term: Vec<TermPoint> = near.into_iter().chain(far).collect();
        let vol = constant_maturity_vol(&term, years).map_err(|e| match e {
            alula_pricing::SurfaceError::FallingVariance => Cause::OutOfDomain,
            _ => Cause::NotListed,
        })?;
        Ok(vol * 100.0)
    }
}
