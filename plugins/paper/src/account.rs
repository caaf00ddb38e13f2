//! What the account holds: the sum of its entries, and nothing else.

use alula_market::contract::{Instrument, OptionContract, Right};
use alula_market::money::{Price, Usd};
use alula_market::time::Instant;
use alula_plugin_sdk::abi::broker::wire::{In, Out, Wire};
use alula_plugin_sdk::abi::broker::{
    Contract, ExecKind, Execution, Kind, Order, Right as Side, SCALE, Status, Word,
};
use chrono::Datelike as _;
use std::collections::{BTreeMap, BTreeSet};

/// Billionths of a mill.
pub const MILL: i64 = 1_000_000;
/// Billionths of a micro-dollar.
pub const MICRO: i64 = 1_000;

/// One change of the account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// It was opened with so much cash.
    Opened { cash_e9: i64 },
    /// An order was taken.
    Taken { order: Order, at_ns: i64 },
    /// So many packages of an order filled.
    Filled {
        order: String,
        packages: u32,
        executions: Vec<Execution>,
    },
    /// An order ended.
    Ended {
        order: String,
        status: Status,
        text: String,
        at_ns: i64,
    },
    /// Expired contracts went to cash.
    Settled { executions: Vec<Execution> },
}

impl Wire for Entry {
    fn put(&self, out: &mut Out) {
        match self {
            Self::Opened { cash_e9 } => {
                0_u8.put(out);
                cash_e9.put(out);
            }
            Self::Taken { order, at_ns } => {
                1_u8.put(out);
                order.put(out);
                at_ns.put(out);
            }
            Self::Filled {
                order,
                packages,
                executions,
            } => {
                2_u8.put(out);
                order.put(out);
                packages.put(out);
                executions.put(out);
            }
            Self::Ended {
                order,
                status,
                text,
                at_ns,
            } => {
                3_u8.put(out);
                order.put(out);
                status.put(out);
                text.put(out);
                at_ns.put(out);
            }
            Self::Settled { executions } => {
                4_u8.put(out);
                executions.put(out);
            }
        }
    }

    fn take(from: &mut In<'_>) -> Result<Self, String> {
        Ok(match from.tag(5, "entry of an account")? {
            0 => Self::Opened {
                cash_e9: Wire::take(from)?,
            },
            1 => Self::Taken {
                order: Wire::take(from)?,
                at_ns: Wire::take(from)?,
            },
            2 => Self::Filled {
                order: Wire::take(from)?,
                packages: Wire::take(from)?,
                executions: Wire::take(from)?,
            },
            3 => Self::Ended {
                order: Wire::take(from)?,
                status: Wire::take(from)?,
                text: Wire::take(from)?,
                at_ns: Wire::take(from)?,
            },
            _ => Self::Settled {
                executions: Wire::take(from)?,
            },
        })
    }
}

/// An order of the account.
#[derive(Clone, Debug)]
pub struct Held {
    /// As sent.
    pub order: Order,
    /// What it trades.
    pub legs: Vec<(Instrument, i32)>,
    /// When it was sent, by the broker's clock.
    pub at_ns: i64,
    /// Packages filled.
    pub filled: u32,
    /// How it stands.
    pub status: Status,
    /// When that last changed.
    pub changed_ns: i64,
    /// Rounds of quotes since it was sent, in this process.
    pub rounds: u64,
}

impl Held {
    /// Packages at work.
    pub fn left(&self) -> u32 {
        if self.status == Status::Working {
            self.order.quantity.saturating_sub(self.filled)
        } else {
            0
        }
    }
}

/// The account.
#[derive(Clone, Debug, Default)]
pub struct Account {
    /// It has an opening entry.
    pub opened: bool,
    cash: Usd,
    /// Dollars of futures that no settlement has paid yet.
    unpaid: BTreeMap<Instrument, Usd>,
    /// What is held; never zero.
    pub positions: BTreeMap<Instrument, i64>,
    /// Orders in the order in which they were taken.
    pub orders: Vec<Held>,
    by_id: BTreeMap<String, usize>,
    /// Every execution in order.
    pub executions: Vec<Execution>,
    /// Month of the newest trade of options, and contracts of them traded in it; the same for futures.
    options_month: (i32, i64),
    futures_month: (i32, i64),
}

/// Months since year 0.
fn month_of(at: Instant) -> i32 {
    let date = at.date();
    let month = i32::try_from(date.month0()).unwrap_or(0);
    date.year().saturating_mul(12).saturating_add(month)
}

/// The instant of nanoseconds, rounded down to the second.
pub const fn instant(ns: i64) -> Instant {
    Instant(ns.div_euclid(SCALE))
}

/// The market's instrument; `None` for one that this broker does not trade.
pub fn instrument(contract: &Contract) -> Option<Instrument> {
    let found = Instrument::from_fields(&alula_market::contract::Fields {
        class: contract.class.as_str(),
        expiry: contract.expiry,
        right: contract.right.map(|r| match r {
            Side::Call => Right::Call,
            Side::Put => Right::Put,
        }),
        strike: Price(contract.strike_e9 / MILL),
    })?;
    let whole = contract.strike_e9 % MILL == 0;
    let same = contract.multiplier_e9 == found.multiplier().saturating_mul(SCALE);
    (whole && same).then_some(found)
}

/// The contract's struct for an instrument.
pub fn contract(instrument: &Instrument) -> Option<Contract> {
    let fields = instrument.fields();
    Some(Contract {
        kind: match instrument {
            Instrument::Option(_) => Kind::Option,
            Instrument::Future(_) => Kind::Future,
            Instrument::Share(_) => Kind::Share,
        },
        symbol: Word::new(instrument.underlying())?,
        class: Word::new(fields.class)?,
        currency: Word::new("USD")?,
        expiry: fields.expiry,
        right: fields.right.map(|r| match r {
            Right::Call => Side::Call,
            Right::Put => Side::Put,
        }),
        strike_e9: fields.strike.0.saturating_mul(MILL),
        multiplier_e9: instrument.multiplier().saturating_mul(SCALE),
    })
}

impl Account {
    /// Options that are held or ordered.
    pub fn concerned(&self) -> BTreeSet<OptionContract> {
        let working = self.orders.iter().filter(|o| o.status == Status::Working);
        let ordered = working.flat_map(|o| o.legs.iter().map(|(what, _)| what));
        let all = self.positions.keys().chain(ordered);
        all.filter_map(|what| match what {
            Instrument::Option(c) => Some(*c),
            Instrument::Future(_) | Instrument::Share(_) => None,
        })
        .collect()
    }

    /// Adds an entry.
    ///
    /// # Errors
    /// When it does not go with those before it: the file was made by something else.
    pub fn apply(&mut self, entry: &Entry) -> Result<(), String> {
        match entry {
            Entry::Opened { cash_e9 } => {
                self.opened = true;
                self.cash = Usd(cash_e9 / MICRO);
            }
            Entry::Taken { order, at_ns } => {
                let legs = legs_of(order)?;
                if self.by_id.insert(order.id.clone(), self.orders.len()).is_some() {
                    return Err(format!("the order `{}` is there twice", order.id));
                }
                self.orders.push(Held {
                    order: order.clone(),
                    legs,
                    at_ns: *at_ns,
                    filled: 0,
                    status: Status::Working,
                    changed_ns: *at_ns,
                    rounds: 0,
                });
            }
            Entry::Filled {
                order,
                packages,
                executions,
            } => {
                let held = self.order_mut(order)?;
                held.filled = held.filled.saturating_add(*packages);
                if held.filled >= held.order.quantity {
                    held.status = Status::Filled;
                }
                if let Some(last) = executions.last() {
                    held.changed_ns = last.at_ns;
                }
                self.execute(executions)?;
            }
            Entry::Ended {
                order, status, at_ns, ..
            } => {
                let held = self.order_mut(order)?;
                held.status = *status;
                held.changed_ns = *at_ns;
            }
            Entry::Settled { executions } => self.execute(executions)?,
        }
        Ok(())
    }

    fn execute(&mut self, executions: &[Execution]) -> Result<(), String> {
        for e in executions {
            let what = instrument(&e.contract)
                .ok_or_else(|| format!("`{}` is not traded here", e.contract.class))?;
            let at = instant(e.at_ns);
            let cash = -Price(e.price_e9 / MILL).dollars(what.multiplier(), e.quantity);
            let held = self.positions.entry(what).or_default();
            *held = held.saturating_add(e.quantity);
            if *held == 0 {
                self.positions.remove(&what);
            }
            self.cash += -Usd(e.fee_e9.unwrap_or(0) / MICRO);
            if matches!(what, Instrument::Future(_)) {
                *self.unpaid.entry(what).or_default() += cash;
                // The final settlement pays what the trades left open.
                if e.kind == ExecKind::Settlement
                    && let Some(unpaid) = self.unpaid.remove(&what)
                {
                    self.cash += unpaid;
                }
            } else {
                self.cash += cash;
            }
            if e.kind == ExecKind::Trade {
                let month = match what {
                    Instrument::Option(_) => Some(&mut self.options_month),
                    Instrument::Future(_) => Some(&mut self.futures_month),
                    Instrument::Share(_) => None,
                };
                if let Some(month) = month {
                    let now = month_of(at);
                    let before = if month.0 == now { month.1 } else { 0 };
                    *month = (now, before.saturating_add(e.quantity.saturating_abs()));
                }
            }
            self.executions.push(e.clone());
        }
        Ok(())
    }

    /// Options contracts (or futures) traded in the month of an instant so far, for volume tiers.
    pub fn month_contracts(&self, at: Instant, options: bool) -> i64 {
        let month = if options {
            self.options_month
        } else {
            self.futures_month
        };
        if month.0 == month_of(at) { month.1 } else { 0 }
    }

    fn order_mut(&mut self, id: &str) -> Result<&mut Held, String> {
        let at = self.by_id.get(id).copied();
        at.and_then(|at| self.orders.get_mut(at))
            .ok_or_else(|| format!("there is no order `{id}`"))
    }

    /// The order of a name.
    pub fn order(&self, id: &str) -> Option<&Held> {
        self.orders.get(*self.by_id.get(id)?)
    }

    /// Cash: what has been paid.
    pub const fn cash(&self) -> Usd {
        self.cash
    }

    /// Cash and what is held at these prices; what has no price counts at zero.
    pub fn value(&self, mark: impl Fn(&Instrument) -> Option<Price>) -> Usd {
        let held = self.positions.iter().map(|(what, quantity)| {
            let price = mark(what).unwrap_or(Price::ZERO);
            price.dollars(what.multiplier(), *quantity)
        });
        let unpaid: Usd = self.unpaid.values().copied().sum();
        self.cash + unpaid + held.sum()
    }
}

/// What an order trades.
pub fn legs_of(order: &Order) -> Result<Vec<(Instrument, i32)>, String> {
    let leg = |l: &alula_plugin_sdk::abi::broker::Leg| {
        let found = instrument(&l.contract)
            .ok_or_else(|| format!("`{}` with these terms is not traded here", l.contract.class))?;
        Ok((found, l.ratio))
    };
    order.legs.iter().map(leg).collect()
}
