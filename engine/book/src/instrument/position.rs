//! A position in futures or shares: what one opening, and the closings and rolls after it, hold and made.

use super::order::LinearLeg;
use crate::band::Band;
use crate::id::PositionId;
use alula_market::contract::{FutureContract, Instrument};
use alula_market::money::Usd;
use alula_market::time::{Date, Instant};
use std::fmt;
use std::sync::Arc;

/// A position in futures or shares. It counts with the positions in options: both take their numbers from one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinearPosition {
    /// Number.
    pub id: PositionId,
    /// Structure.
    pub structure: Arc<str>,
    /// Rule that opened it.
    pub opened_by: Arc<str>,
    /// When.
    pub opened_at: Instant,
    /// Rule that closed it; `expiry` or `split` otherwise. `None` while open.
    pub closed_by: Option<Arc<str>>,
    /// When. Variation of its last trades may still be paid at the settlement after it.
    pub closed_at: Option<Instant>,
    /// Lots held. For a position that hedges or overlays move: the largest quantity held of one instrument.
    pub lots: u32,
    /// Lots opened (the most ever held, for positions that are moved).
    pub lots_opened: u32,
    /// Legs per lot as opened or after the newest roll.
    pub legs: Vec<LinearLeg>,
    /// What is held now, in order of instrument; no zeros.
    pub held: Vec<LinearLeg>,
    /// Money moved, fees apart: variation and final settlement of futures, prices of shares.
    pub cash: Band<Usd>,
    /// Of that, prices of shares bought and sold.
    pub premium: Band<Usd>,
    /// Fees.
    pub fees: Usd,
    /// Rolls.
    pub rolls: u32,
    /// Executions by number.
    pub executions: Vec<u32>,
    /// Some execution rests on an assumed spread or a stand-in value.
    pub approximate: bool,
}

impl LinearPosition {
    /// Something is held.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.closed_at.is_none()
    }

    /// Quantity held of an instrument.
    #[must_use]
    pub fn quantity(&self, instrument: &Instrument) -> i64 {
        let leg = self.held.iter().find(|l| l.instrument == *instrument);
        leg.map_or(0, |l| l.quantity)
    }

    /// Futures held.
    pub fn futures(&self) -> impl Iterator<Item = (FutureContract, i64)> + '_ {
        self.held.iter().filter_map(|l| match l.instrument {
            Instrument::Future(contract) => Some((contract, l.quantity)),
            Instrument::Option(_) | Instrument::Share(_) => None,
        })
    }

    /// Nearest expiry of what is held; shares have none.
    #[must_use]
    pub fn nearest_expiry(&self) -> Option<Date> {
        self.held.iter().filter_map(|l| l.instrument.expiry()).min()
    }

    /// Takes note of a change of what is held.
    pub(super) fn moved(&mut self, instrument: Instrument, change: i64) {
        let at = self.held.binary_search_by(|l| l.instrument.cmp(&instrument));
        match at {
            Ok(at) => {
                if let Some(leg) = self.held.get_mut(at) {
                    leg.quantity = leg.quantity.saturating_add(change);
                }
            }
            Err(at) => self.held.insert(
                at,
                LinearLeg {
                    instrument,
                    quantity: change,
                },
            ),
        }
        self.held.retain(|l| l.quantity != 0);
    }

    /// The largest quantity held.
    pub(super) fn size(&self) -> u32 {
        let largest = self.held.iter().map(|l| l.quantity.unsigned_abs()).max();
        u32::try_from(largest.unwrap_or(0)).unwrap_or(u32::MAX)
    }
}

/// Legs in words: `+1 VXJ19 2019-04-17, -1 VXN19 2019-07-17`.
#[derive(Clone, Copy, Debug)]
pub struct LegWords<'a>(pub &'a [LinearLeg]);

impl fmt::Display for LegWords<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, leg) in self.0.iter().enumerate() {
            if n > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{:+} ", leg.quantity)?;
            match leg.instrument {
                Instrument::Future(c) => write!(f, "{} {}", c.code(), c.expiry)?,
                other => write!(f, "{other}")?,
            }
        }
        Ok(())
    }
}
