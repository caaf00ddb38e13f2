//! Where orders fill: the quotes of one instant, and the engine's own rules over them.

use crate::account::{Account, Held, MICRO, MILL, contract, instant};
use crate::settings::{Config, chance, draw};
use alula_book::fees::{Class, FeeDay, FeeLeg};
use alula_book::fill::{self, Trying};
use alula_book::instrument::LinearQuote;
use alula_book::{Fees, Leg, Package};
use alula_market::assemble::{ContractQuote, chains};
use alula_market::chain::ChainSnapshot;
use alula_market::contract::Instrument;
use alula_market::money::{Price, Usd};
use alula_market::time::Instant;
use alula_plugin_sdk::abi::broker::{ExecKind, Execution, Quote};
use std::collections::{BTreeMap, BTreeSet};

/// The quotes of one instant.
#[derive(Debug)]
pub struct Round {
    pub at_ns: i64,
    pub at: Instant,
    quotes: BTreeMap<Instrument, Quote>,
    underlyings: BTreeSet<&'static str>,
    chains: BTreeMap<&'static str, ChainSnapshot>,
}

/// What trying an order gave.
#[derive(Debug, PartialEq, Eq)]
pub enum Tried {
    /// So many packages.
    Filled(u32, Vec<Execution>),
    /// Not now.
    Waits,
    /// Never again, and why.
    Over(String),
}

fn mills(e9: Option<i64>) -> Price {
    Price(e9.map_or(0, |p| p / MILL))
}

impl Round {
    pub fn new(at_ns: i64, quotes: &[Quote]) -> Self {
        let known = |q: &Quote| Some((crate::account::instrument(&q.contract)?, *q));
        let quotes: BTreeMap<Instrument, Quote> = quotes.iter().filter_map(known).collect();
        // Quotes of a future say nothing of the options beside it.
        let options = quotes.keys().filter(|i| matches!(i, Instrument::Option(_)));
        let underlyings = options.map(Instrument::underlying).collect();
        Self {
            at_ns,
            at: instant(at_ns),
            quotes,
            underlyings,
            chains: BTreeMap::new(),
        }
    }

    /// Whether quotes of an order's market are here.
    pub fn is_for(&self, order: &Held) -> bool {
        order.legs.iter().any(|(what, _)| match what {
            Instrument::Option(_) => self.underlyings.contains(what.underlying()),
            Instrument::Future(_) | Instrument::Share(_) => self.quotes.contains_key(what),
        })
    }

    /// Middle of each two-sided quote.
    pub fn mids(&self) -> impl Iterator<Item = (Instrument, Price)> {
        self.quotes.iter().filter_map(|(what, q)| {
            let (bid, ask) = (q.bid_e9?, q.ask_e9?);
            Some((
                *what,
                Price((bid / MILL).saturating_add(ask / MILL).div_euclid(2)),
            ))
        })
    }

    /// The chains of an underlying, as the engine's fills read them.
    fn chain(&mut self, underlying: &'static str) -> &ChainSnapshot {
        let (quotes, at) = (&self.quotes, self.at);
        self.chains.entry(underlying).or_insert_with(|| {
            let ours = quotes.iter().filter_map(|(what, q)| match what {
                Instrument::Option(c) if c.root.underlying() == underlying => Some(ContractQuote {
                    contract: *c,
                    bid: Some(mills(q.bid_e9)),
                    ask: Some(mills(q.ask_e9)),
                    bid_size: q.bid_size,
                    ask_size: q.ask_size,
                }),
                _ => None,
            });
            ChainSnapshot {
                at,
                underlying: underlying.to_owned(),
                // No rule of a fill reads it, and nobody hands it in.
                spot: Price::ZERO,
                expiries: chains(&ours.collect::<Vec<_>>()),
            }
        })
    }

    /// Tries an order on these quotes.
    pub fn attempt(&mut self, order: &Held, account: &Account, config: &Config, next: u64) -> Tried {
        let options: Option<Vec<Leg>> = order
            .legs
            .iter()
            .map(|(what, ratio)| match what {
                Instrument::Option(contract) => Some(Leg {
                    contract: *contract,
                    ratio: *ratio,
                }),
                Instrument::Future(_) | Instrument::Share(_) => None,
            })
            .collect();
        match options {
            Some(legs) => self.package(&legs, order, account, config, next),
            None => self.linear(order, account, config, next),
        }
    }

    fn package(
        &mut self,
        legs: &[Leg],
        order: &Held,
        account: &Account,
        config: &Config,
        next: u64,
    ) -> Tried {
        let (at, at_ns) = (self.at, self.at_ns);
        let over = legs.iter().any(|l| {
            let last = Instrument::Option(l.contract).last_trade_at();
            last.is_some_and(|last| at > last)
        });
        if over {
            return Tried::Over("a leg no longer trades".to_owned());
        }
        let wanted = some_of(order, config, at_ns);
        // A leg that reduces what the account holds closes, any other opens: as the engine, whose positions never oppose.
        let closing = |leg: &Leg, lots: u32| {
            let held = account
                .positions
                .get(&Instrument::Option(leg.contract))
                .copied()
                .unwrap_or(0);
            let traded = i64::from(leg.ratio).saturating_mul(i64::from(lots));
            held != 0 && (held > 0) != (traded > 0) && traded.abs() <= held.abs()
        };
        let trade: Vec<fill::TradeLeg> = legs
            .iter()
            .map(|leg| fill::TradeLeg {
                leg: *leg,
                closing: closing(leg, order.left()),
            })
            .collect();
        let Some(underlying) = legs.first().map(|l| l.contract.root.underlying()) else {
            return Tried::Over("it has no legs".to_owned());
        };
        let snapshot = self.chain(underlying);
        let Ok(lots) = fill::fillable(&trade, snapshot, config.model, wanted) else {
            return Tried::Waits;
        };
        // What closes some legs and opens others is a roll: whole or not at all.
        let rolls = trade.iter().any(|t| t.closing) && trade.iter().any(|t| !t.closing);
        if rolls && lots < order.left() {
            return Tried::Waits;
        }
        let how = Trying {
            model: config.model,
            lots,
        };
        let Ok(price) = fill::price(&trade, snapshot, how) else {
            return Tried::Waits;
        };
        if limit(order).is_some_and(|limit| price.net.share < limit) {
            return Tried::Waits;
        }
        let fee_legs: Vec<FeeLeg> = price
            .legs
            .iter()
            .map(|l| FeeLeg {
                symbol: l.contract.root.symbol(),
                class: Class::Option,
                ratio: l.ratio,
                premium: l.price.share,
                closing: l.closing,
            })
            .collect();
        let day = FeeDay {
            on: at.date(),
            month_contracts: account.month_contracts(at, true),
        };
        let Ok(fees) = config.fees.fees(&fee_legs, lots, day) else {
            return Tried::Over(format!(
                "the fee schedule `{}` has no row for it",
                config.fees.name
            ));
        };
        let parts: Vec<Part> = price
            .legs
            .iter()
            .map(|l| Part {
                what: Instrument::Option(l.contract),
                quantity: i64::from(l.ratio).saturating_mul(i64::from(lots)),
                // Points are what a package brings: a price is what a contract costs.
                paid: -l.points.share.times(i64::from(lots)),
                fee: None,
            })
            .collect();
        Tried::Filled(lots, executions(&parts, &fees, order, at_ns, next))
    }

    fn linear(&self, order: &Held, account: &Account, config: &Config, next: u64) -> Tried {
        let lots = some_of(order, config, self.at_ns);
        let cross = config.model.cross(1);
        let (mut parts, mut net) = (Vec::new(), Price::ZERO);
        for (what, ratio) in &order.legs {
            if let Instrument::Share(share) = what
                && !share.existed(self.at.date())
            {
                return Tried::Over("the share does not trade on this day".to_owned());
            }
            if what.last_trade_at().is_some_and(|last| last < self.at) {
                return Tried::Over("a leg no longer trades".to_owned());
            }
            let quote = self
                .quotes
                .get(what)
                .and_then(|q| LinearQuote::quoted(mills(q.bid_e9), mills(q.ask_e9), self.at).ok());
            let Some(quote) = quote else {
                return Tried::Waits;
            };
            let quantity = i64::from(*ratio).saturating_mul(i64::from(lots));
            let price = quote.price(quantity > 0, cross).share;
            net += -price.times(i64::from(*ratio));
            let class = match what {
                Instrument::Share(_) => Class::Share,
                Instrument::Future(_) | Instrument::Option(_) => Class::Future,
            };
            let leg = FeeLeg {
                symbol: what.class(),
                class,
                ratio: i32::try_from(quantity).unwrap_or(if quantity > 0 { i32::MAX } else { i32::MIN + 1 }),
                premium: price,
                closing: false,
            };
            let traded: i64 = parts.iter().map(|p: &Part| p.quantity.abs()).sum();
            let before = account.month_contracts(self.at, false);
            let day = FeeDay {
                on: self.at.date(),
                month_contracts: if class == Class::Future {
                    before.saturating_add(traded)
                } else {
                    before
                },
            };
            let Ok(fees) = config.fees.fees(&[leg], 1, day) else {
                return Tried::Over(format!(
                    "the fee schedule `{}` has no row for it",
                    config.fees.name
                ));
            };
            parts.push(Part {
                what: *what,
                quantity,
                paid: price.times(quantity),
                fee: Some(fees.total()),
            });
        }
        if limit(order).is_some_and(|limit| net < limit) {
            return Tried::Waits;
        }
        Tried::Filled(lots, executions(&parts, &Fees::ZERO, order, self.at_ns, next))
    }
}

/// Packages tried: all that are left, or by chance a part of them.
fn some_of(order: &Held, config: &Config, at_ns: i64) -> u32 {
    let left = order.left();
    let id = &order.order.id;
    if left > 1 && chance(config.seed, "partial", id, at_ns) < config.partial_rate {
        let part = draw(config.seed, "part", id, at_ns) % u64::from(left - 1);
        return u32::try_from(part).unwrap_or(0).saturating_add(1);
    }
    left
}

/// The limit in mills, credits positive; a fraction of a mill goes against the broker.
fn limit(order: &Held) -> Option<Price> {
    let paid = order.order.limit_e9?;
    Some(Price(paid.div_euclid(MILL).saturating_neg()))
}

/// A leg of a fill.
struct Part {
    what: Instrument,
    quantity: i64,
    /// Mills paid for all of it; taken in below zero.
    paid: Price,
    /// Its own fee; where there is none it has its share of the order's.
    fee: Option<Usd>,
}

/// Executions of a fill. A leg whose mills do not divide by its contracts has two, a mill apart, so that the sum is exact.
fn executions(parts: &[Part], fees: &Fees, order: &Held, at_ns: i64, next: u64) -> Vec<Execution> {
    let (total, contracts) = (fees.total(), parts.iter().map(|p| p.quantity.abs()).sum::<i64>());
    let (mut charged, mut seen) = (Usd::ZERO, 0_i64);
    let mut all: Vec<Execution> = Vec::new();
    for part in parts {
        seen = seen.saturating_add(part.quantity.abs());
        let upto = i128::from(total.0) * i128::from(seen) / i128::from(contracts.max(1));
        let upto = Usd(i64::try_from(upto).unwrap_or(i64::MAX));
        let mut fee = Some(part.fee.unwrap_or(upto - charged));
        charged = upto;
        let count = part.quantity.abs();
        // Of a sale the mills are taken in, and so is each price.
        let mills = if part.quantity < 0 { -part.paid } else { part.paid };
        let (low, more) = (mills.0.div_euclid(count.max(1)), mills.0.rem_euclid(count.max(1)));
        for (price, n) in [(low, count - more), (low + 1, more)] {
            let Some(contract) = contract(&part.what).filter(|_| n > 0) else {
                continue;
            };
            let serial = next.saturating_add(all.len() as u64);
            all.push(Execution {
                kind: ExecKind::Trade,
                id: format!("sim-{serial}"),
                corrects: None,
                order: Some(order.order.id.clone()),
                contract,
                quantity: if part.quantity < 0 { -n } else { n },
                price_e9: price.saturating_mul(MILL),
                fee_e9: Some(fee.take().unwrap_or(Usd::ZERO).0.saturating_mul(MICRO)),
                at_ns,
            });
        }
    }
    all
}

/// Whether legs make an order that this venue takes.
pub fn takes(legs: &[(Instrument, i32)], config: &Config) -> Result<(), String> {
    let options: Vec<Leg> = legs
        .iter()
        .filter_map(|(what, ratio)| match what {
            Instrument::Option(contract) => Some(Leg {
                contract: *contract,
                ratio: *ratio,
            }),
            _ => None,
        })
        .collect();
    if !options.is_empty() && options.len() != legs.len() {
        return Err("options do not trade with futures or shares as one package".to_owned());
    }
    if !options.is_empty() {
        Package::new(options).map_err(|e| e.to_string())?;
    }
    let symbols = legs.iter().map(|(what, _)| {
        let class = match what {
            Instrument::Option(_) => Class::Option,
            Instrument::Future(_) => Class::Future,
            Instrument::Share(_) => Class::Share,
        };
        (class, what.class())
    });
    config.fees.covers(symbols).map_err(|e| e.to_string())
}
