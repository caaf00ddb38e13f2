//! Fees of futures and shares, per contract or share and side.

use alula_market::contract::{FutureRoot, Instrument, Share};
use alula_market::money::Usd;

/// One row: what a class pays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinearFeeRow {
    /// Futures class; `None` for shares.
    pub root: Option<FutureRoot>,
    /// Broker's commission per contract or share.
    pub commission: Usd,
    /// Exchange, clearing and regulatory fees per contract or share.
    pub exchange: Usd,
    /// Smallest commission of an order.
    pub minimum: Usd,
    /// Where it was read.
    pub source: &'static str,
}

/// A schedule cannot price a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the fee schedule has no row for `{0}`")]
pub struct LinearFeeError(pub &'static str);

/// Fees of a broker for futures and shares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinearFees {
    /// Name, as of the schedule for options.
    pub name: &'static str,
    /// Rows.
    pub rows: Vec<LinearFeeRow>,
    /// What to repeat with results.
    pub caveats: Vec<&'static str>,
}

const fn row(
    root: Option<FutureRoot>,
    commission: i64,
    exchange: i64,
    minimum: i64,
    source: &'static str,
) -> LinearFeeRow {
    LinearFeeRow {
        root,
        commission: Usd(commission),
        exchange: Usd(exchange),
        minimum: Usd(minimum),
        source,
    }
}

const LEAN: &str = "LEAN's IBKR fee model (0.85 commission, 1.60 exchange, 0.02 regulatory per side)";
const SHARES: &str = "IBKR fixed: 0.005 a share, at least 1.00 an order";
const GUESS: &str = "general knowledge of published rates; compare with your broker's statement";

impl LinearFees {
    /// A shipped schedule: `ibkr`, `flat` or `none`, the names of the option schedules.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let undated = "fees of futures and shares are snapshots without dates, applied to every day";
        match name {
            "ibkr" => Some(Self {
                name: "ibkr",
                rows: vec![
                    row(Some(FutureRoot::Vx), 850_000, 1_620_000, 0, LEAN),
                    row(Some(FutureRoot::Vxm), 250_000, 220_000, 0, GUESS),
                    row(Some(FutureRoot::Es), 850_000, 1_400_000, 0, GUESS),
                    row(Some(FutureRoot::Mes), 250_000, 370_000, 0, GUESS),
                    row(None, 5_000, 0, 1_000_000, SHARES),
                ],
                caveats: vec![undated],
            }),
            "flat" => Some(Self {
                name: "flat",
                rows: vec![
                    row(Some(FutureRoot::Vx), 1_250_000, 1_620_000, 0, GUESS),
                    row(Some(FutureRoot::Vxm), 850_000, 220_000, 0, GUESS),
                    row(Some(FutureRoot::Es), 1_250_000, 1_400_000, 0, GUESS),
                    row(Some(FutureRoot::Mes), 850_000, 370_000, 0, GUESS),
                    row(None, 0, 0, 0, GUESS),
                ],
                caveats: vec![undated],
            }),
            "none" => Some(Self::none()),
            _ => None,
        }
    }

    /// The shipped schedule of that name. One without rows where there is none: an order for futures or shares is refused
    /// then, never filled for free.
    #[must_use]
    pub fn of_schedule(name: &str) -> Self {
        Self::named(name).unwrap_or_else(|| Self {
            name: "none shipped",
            rows: Vec::new(),
            caveats: Vec::new(),
        })
    }

    /// Nothing is charged.
    #[must_use]
    pub fn none() -> Self {
        let futures = FutureRoot::ALL.map(|r| row(Some(r), 0, 0, 0, "no fees"));
        let mut rows = futures.to_vec();
        rows.push(row(None, 0, 0, 0, "no fees"));
        Self {
            name: "none",
            rows,
            caveats: Vec::new(),
        }
    }

    /// Fee of trading so many contracts or shares of one instrument, either way.
    ///
    /// # Errors
    /// When the class has no row, or the instrument is an option.
    pub fn fee(&self, instrument: &Instrument, quantity: i64) -> Result<Usd, LinearFeeError> {
        let root = match instrument {
            Instrument::Future(c) => Some(c.root),
            Instrument::Share(Share::Spy | Share::Vxx | Share::Vxz | Share::Vixy) => None,
            Instrument::Option(_) => return Err(LinearFeeError(instrument.class())),
        };
        let row = self
            .rows
            .iter()
            .find(|r| r.root == root)
            .ok_or_else(|| LinearFeeError(instrument.class()))?;
        let n = quantity.saturating_abs();
        if n == 0 {
            return Ok(Usd::ZERO);
        }
        Ok(row.commission.times(n).max(row.minimum) + row.exchange.times(n))
    }
}
