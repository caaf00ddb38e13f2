//! The vol surface that a chain snapshot implies: a smile per expiry, fitted to the out-of-the-money quotes on demand.
//!
//! For what lies between quotes: scenarios, profit at a date before expiry, vols at strikes nobody quotes. A mark is a quote where
//! there is one, and a position whose quote is missing keeps its last mark: a curve never stands in for a price.

use crate::analytics::{ExpiryAnalytics, SnapshotView, pricing_right};
use crate::value::Cause;
use alula_market::chain::ExpiryChain;
use alula_market::contract::{OptionContract, Right};
use alula_pricing::ExpiryTerms;
use alula_pricing::surface::{OptionQuote, SmileQuote, Surface, SurfaceSlice, otm_smile_quotes};

/// A fitted surface, and what each expiry gave to it.
#[derive(Debug)]
pub struct ChainSurface {
    surface: Option<Surface>,
    expiries: Vec<Result<(ExpiryTerms, Vec<SmileQuote>), Cause>>,
}

impl ChainSurface {
    pub(crate) fn new(view: &SnapshotView) -> Self {
        let expiries: Vec<_> = (0..view.snapshot.expiries.len())
            .map(|index| {
                let (chain, analytics) = view.at(index).ok_or(Cause::NotListed)?;
                quotes_of(chain, analytics)
            })
            .collect();
        let sound: Vec<_> = expiries.iter().flatten().cloned().collect();
        Self {
            surface: Surface::fit(&sound).0,
            expiries,
        }
    }

    /// The surface.
    ///
    /// # Errors
    /// `no quote` when no expiry has a smile.
    pub fn surface(&self) -> Result<&Surface, Cause> {
        self.surface.as_ref().ok_or(Cause::NoQuote)
    }

    /// Smile and quotes of the expiry at a position of the snapshot.
    ///
    /// # Errors
    /// `not listed` for a position there is not, the cause why the expiry has no forward, `no quote` when it has no smile.
    pub fn expiry(&self, index: usize) -> Result<(&SurfaceSlice, &[SmileQuote]), Cause> {
        let (terms, quotes) = self
            .expiries
            .get(index)
            .ok_or(Cause::NotListed)?
            .as_ref()
            .map_err(|c| *c)?;
        let slices = self.surface()?.slices();
        let same = |s: &&SurfaceSlice| s.terms.years().total_cmp(&terms.years()).is_eq();
        let slice = slices.iter().find(same).ok_or(Cause::NoQuote)?;
        Ok((slice, quotes))
    }
}

/// Out-of-the-money quotes of an expiry as vols.
fn quotes_of(
    chain: &ExpiryChain,
    analytics: &ExpiryAnalytics,
) -> Result<(ExpiryTerms, Vec<SmileQuote>), Cause> {
    let terms = *analytics.terms()?;
    let mut quotes = Vec::new();
    for right in [Right::Put, Right::Call] {
        for (index, strike) in chain.strikes.iter().enumerate() {
            if let Some(quote) = chain.quote(right, index) {
                quotes.push(OptionQuote {
                    right: pricing_right(right),
                    strike: strike.to_f64(),
                    bid: quote.bid.to_f64(),
                    ask: quote.ask.to_f64(),
                });
            }
        }
    }
    Ok((terms, otm_smile_quotes(&terms, &quotes)))
}

impl SnapshotView {
    /// Terms of a contract's expiry and the vol at which it is marked: of its own mid where it has one, of the surface where it
    /// has not.
    ///
    /// # Errors
    /// `not listed` for a foreign contract, or as for [`ChainSurface::surface`].
    pub fn marked_vol(&self, contract: &OptionContract) -> Result<(ExpiryTerms, f64), Cause> {
        let (chain, analytics) = self.of(contract).ok_or(Cause::NotListed)?;
        let terms = *analytics.terms()?;
        let strike = contract.strike.to_f64();
        let quoted = chain
            .index_of(contract.strike)
            .and_then(|i| chain.quote(contract.right, i));
        let quoted = quoted.and_then(|q| {
            let right = pricing_right(contract.right);
            terms.implied_vol(right, strike, q.mid().to_f64()).ok()
        });
        if let Some(vol) = quoted {
            return Ok((terms, vol));
        }
        let surface = self.surface().surface()?;
        let vol = surface.vol(strike, terms.forward(), terms.years());
        Ok((terms, vol.map_err(|_| Cause::OutOfDomain)?))
    }
}
