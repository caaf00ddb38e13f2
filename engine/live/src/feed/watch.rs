//! Which contracts to ask quotes of, where a broker does not quote them all at once.
//!
//! Held ones come first, and those of orders at work. Then, for each structure that the plan can open or roll to, the very
//! selectors of the plan are asked on a chain made up of what is listed: each strike at the vol that it had when it was seen
//! last, else at a flat one. Around each leg that they pick, and around the money of its expiry (from where forward and vol are
//! measured), strikes are taken outwards, in turn, until the lines are used up. The same inputs give the same choice.

use crate::broker::{Listing, Watched};
use alula_core::analytics::{SnapshotView, pricing_right};
use alula_core::plan::Plan;
use alula_core::select::pick;
use alula_core::value::Cell;
use alula_dsl::graph::{NodeId, StructureDef};
use alula_market::assemble::{ContractQuote, chains};
use alula_market::calendar::ExchangeCalendar;
use alula_market::chain::ChainSnapshot;
use alula_market::contract::{Instrument, OptionContract, Right};
use alula_market::money::Price;
use alula_market::time::Instant;
use alula_pricing::{ExpiryTerms, years_between};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Vol of a strike that was never seen.
const FLAT_VOL: f64 = 0.18;
/// Strikes on each side of the money that are taken before anything else: forward and vol need them.
const MONEY: usize = 3;

/// What a choice rests on.
pub struct Choice<'a> {
    /// Plan.
    pub plan: &'a Plan,
    /// Now.
    pub at: Instant,
    /// What is listed, by underlying.
    pub listed: &'a BTreeMap<Arc<str>, Vec<Listing>>,
    /// Newest price of an underlying.
    pub spot: &'a dyn Fn(&str) -> Option<Price>,
    /// What was seen last of an underlying.
    pub view: &'a dyn Fn(&str) -> Option<Arc<SnapshotView>>,
    /// Amounts of selectors.
    pub amount: &'a dyn Fn(NodeId) -> Cell,
    /// What is held and ordered.
    pub held: &'a BTreeSet<OptionContract>,
    /// Indices, futures and shares that are read.
    pub levels: &'a [Watched],
    /// Most lines.
    pub lines: usize,
}

/// What was chosen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chosen {
    /// In order of importance.
    pub watched: Vec<Watched>,
    /// Contracts that are listed in the expiries of interest, had there been lines for all.
    pub wished: usize,
}

impl Choice<'_> {
    /// Chooses.
    #[must_use]
    pub fn make(&self) -> Chosen {
        let mut out = Taking::new(self.lines);
        for what in self.levels {
            out.take(what.clone());
        }
        for contract in self.held {
            out.contract(*contract);
        }
        let all: usize = self.listed.values().flatten().map(|l| l.strikes.len() * 2).sum();
        if all <= out.left() {
            for listing in self.listed.values().flatten() {
                out.chain(listing);
            }
            return out.done(all);
        }
        // Walks outwards from the places of interest, one step each in turn.
        let mut walks: Vec<Walk<'_>> = Vec::new();
        let mut first: Vec<OptionContract> = Vec::new();
        let made: BTreeMap<&str, SnapshotView> = self
            .listed
            .iter()
            .filter_map(|(name, all)| Some((&**name, self.made_up(name, all)?)))
            .collect();
        for structure in &self.plan.graph().structures {
            self.places(structure, &made, &mut first, &mut walks);
        }
        for contract in self.held {
            walks.extend(self.walk(contract));
        }
        for contract in first {
            out.contract(contract);
        }
        let wished: BTreeSet<(usize, Right)> = walks.iter().map(|w| (w.listing_at(), w.right)).collect();
        let wished = walks
            .iter()
            .filter(|w| wished.contains(&(w.listing_at(), w.right)));
        let wished: BTreeMap<(usize, Right), usize> = wished
            .map(|w| ((w.listing_at(), w.right), w.listing.strikes.len()))
            .collect();
        while out.left() > 0 && !walks.is_empty() {
            walks.retain_mut(|walk| match walk.next() {
                Some(contract) => {
                    out.contract(contract);
                    true
                }
                None => false,
            });
        }
        out.done(wished.values().sum())
    }

    /// Legs that a structure would have now, and where to walk from.
    fn places<'s>(
        &'s self,
        structure: &StructureDef,
        made: &BTreeMap<&str, SnapshotView>,
        first: &mut Vec<OptionContract>,
        walks: &mut Vec<Walk<'s>>,
    ) {
        let Some(view) = made.get(structure.underlying.name()) else {
            return;
        };
        let spot = view.snapshot.spot;
        let legs: Vec<OptionContract> = match pick(structure, view, self.amount) {
            Ok(package) => package.legs().iter().map(|l| l.contract).collect(),
            Err(_) => {
                // What cannot be picked yet: the money of the first expiry is where its amounts come from.
                let expiries = &view.snapshot.expiries;
                let near = expiries.iter().find(|c| c.last_trade_at > self.at);
                let strike = near.and_then(|c| c.strikes.iter().min_by_key(|k| (**k - spot).abs()));
                near.zip(strike)
                    .map(|(c, strike)| OptionContract {
                        root: c.root,
                        expiry: c.expiry,
                        right: Right::Put,
                        strike: *strike,
                    })
                    .into_iter()
                    .collect()
            }
        };
        let mut seen = BTreeSet::new();
        for leg in &legs {
            if !seen.insert((leg.root, leg.expiry)) {
                continue;
            }
            let Some(listing) = self.listing(leg) else {
                continue;
            };
            let from = listing.strikes.partition_point(|k| *k < spot);
            let near = from.saturating_sub(MONEY)..(from + MONEY).min(listing.strikes.len());
            for strike in listing.strikes.get(near).unwrap_or_default() {
                for right in [Right::Put, Right::Call] {
                    first.push(OptionContract {
                        root: leg.root,
                        expiry: leg.expiry,
                        right,
                        strike: *strike,
                    });
                }
            }
        }
        walks.extend(legs.iter().filter_map(|leg| self.walk(leg)));
    }

    fn listing(&self, contract: &OptionContract) -> Option<&Listing> {
        let of = self.listed.get(contract.root.underlying())?;
        of.iter()
            .find(|l| (l.root, l.expiry) == (contract.root, contract.expiry))
    }

    fn walk(&self, from: &OptionContract) -> Option<Walk<'_>> {
        let listing = self.listing(from)?;
        let at = listing.strikes.partition_point(|k| *k < from.strike);
        Some(Walk {
            listing,
            right: from.right,
            below: at,
            above: at,
            up: true,
        })
    }

    /// A chain of everything that is listed, each strike at the price of the vol that it had last.
    fn made_up(&self, underlying: &str, listed: &[Listing]) -> Option<SnapshotView> {
        let spot = (self.spot)(underlying).filter(|p| *p > Price::ZERO)?;
        let last = (self.view)(underlying);
        let calendar = ExchangeCalendar::nyse();
        let mut rows: Vec<ContractQuote> = Vec::new();
        for listing in listed {
            let settles = calendar.settles_at(listing.root, listing.expiry);
            let Some(years) = settles.and_then(|s| years_between(self.at.0, s.0)) else {
                continue;
            };
            let known = last.as_ref().and_then(|view| {
                let any = OptionContract {
                    root: listing.root,
                    expiry: listing.expiry,
                    right: Right::Put,
                    strike: *listing.strikes.first()?,
                };
                view.of(&any)
            });
            let terms = known.and_then(|(_, analytics)| analytics.terms().ok().copied());
            let Some(terms) = terms.or_else(|| ExpiryTerms::new(spot.to_f64(), years, 1.0).ok()) else {
                continue;
            };
            let seen: Vec<(Price, f64)> = known.map_or_else(Vec::new, |(chain, analytics)| {
                let out =
                    [(Right::Put, false), (Right::Call, true)]
                        .into_iter()
                        .flat_map(|(right, above)| {
                            let points = analytics.points(chain, right).iter();
                            let forward = terms.forward();
                            points
                                .filter(move |p| (p.strike.to_f64() >= forward) == above)
                                .map(|p| (p.strike, p.vol))
                        });
                out.collect()
            });
            for strike in &listing.strikes {
                let near = seen.iter().min_by_key(|(k, _)| (*k - *strike).abs());
                let vol = near.map_or(FLAT_VOL, |(_, vol)| *vol);
                for right in [Right::Put, Right::Call] {
                    let price = terms.price(pricing_right(right), strike.to_f64(), vol).ok();
                    let Some(mid) = price.and_then(Price::from_f64) else {
                        continue;
                    };
                    rows.push(ContractQuote {
                        contract: OptionContract {
                            root: listing.root,
                            expiry: listing.expiry,
                            right,
                            strike: *strike,
                        },
                        bid: Some(Price((mid.0 - 25).max(0))),
                        ask: Some(Price(mid.0 + 25)),
                        bid_size: None,
                        ask_size: None,
                    });
                }
            }
        }
        let snapshot = ChainSnapshot {
            at: self.at,
            underlying: underlying.to_owned(),
            spot,
            expiries: chains(&rows),
        };
        Some(SnapshotView::new(Arc::new(snapshot), Some(0.0)))
    }
}

/// Strikes of a listing outwards from one.
struct Walk<'a> {
    listing: &'a Listing,
    right: Right,
    below: usize,
    above: usize,
    up: bool,
}

impl Walk<'_> {
    fn listing_at(&self) -> usize {
        std::ptr::from_ref(self.listing).addr()
    }

    fn next(&mut self) -> Option<OptionContract> {
        let strikes = &self.listing.strikes;
        for _ in 0..2 {
            let found = if self.up {
                let found = strikes.get(self.above);
                self.above += usize::from(found.is_some());
                found
            } else {
                let found = self.below.checked_sub(1).and_then(|i| strikes.get(i));
                self.below -= usize::from(found.is_some());
                found
            };
            self.up = !self.up;
            if let Some(strike) = found {
                return Some(OptionContract {
                    root: self.listing.root,
                    expiry: self.listing.expiry,
                    right: self.right,
                    strike: *strike,
                });
            }
        }
        None
    }
}

/// Lines that are given out, each thing once.
struct Taking {
    lines: usize,
    known: BTreeSet<Watched>,
    order: Vec<Watched>,
}

impl Taking {
    const fn new(lines: usize) -> Self {
        Self {
            lines,
            known: BTreeSet::new(),
            order: Vec::new(),
        }
    }

    fn left(&self) -> usize {
        self.lines.saturating_sub(self.order.len())
    }

    fn take(&mut self, what: Watched) {
        if self.left() > 0 && self.known.insert(what.clone()) {
            self.order.push(what);
        }
    }

    fn contract(&mut self, contract: OptionContract) {
        self.take(Watched::Instrument(Instrument::Option(contract)));
    }

    fn chain(&mut self, listing: &Listing) {
        for strike in &listing.strikes {
            for right in [Right::Put, Right::Call] {
                self.contract(OptionContract {
                    root: listing.root,
                    expiry: listing.expiry,
                    right,
                    strike: *strike,
                });
            }
        }
    }

    fn done(self, wished: usize) -> Chosen {
        Chosen {
            watched: self.order,
            wished,
        }
    }
}
