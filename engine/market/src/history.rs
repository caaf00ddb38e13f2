//! The door through which drivers see a market: a store on disk, the simulator, or a test double.

use crate::chain::ChainSnapshot;
use crate::contract::{OptionContract, Root, SettlementValue};
use crate::series::{BarSize, EventData, SeriesData, Vintages};
use crate::time::{Date, Instant};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Where the data came from; shown beside every result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provenance {
    /// `simulated market, seed 7` or the store's name.
    pub label: String,
    /// Every number rests on a simulation.
    pub simulated: bool,
    /// Content hash (hex sha256) of what is read, or of the simulator's version and parameters.
    pub hash: String,
    /// Caveats to repeat with results: assumed snapshot times, refused days, approximations.
    pub notes: Vec<String>,
}

/// Why data could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct HistoryError {
    /// One line: what, where, why.
    pub what: String,
    /// What to do.
    pub help: String,
}

/// Quotes that were too old to be used at an instant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stale {
    /// The underlying's own price.
    pub spot: bool,
    /// Contracts.
    pub contracts: BTreeSet<OptionContract>,
}

/// A market history. Implementations are immutable while in use: the same question always gets the same answer; one that
/// grows says so with [`History::grown`].
pub trait History: Send + Sync {
    /// Where the data came from.
    fn provenance(&self) -> Provenance;

    /// Instants of the chain snapshots of an underlying (`SPX`) in `from..=to`, ascending.
    fn ticks(&self, underlying: &str, from: Date, to: Date) -> Vec<Instant>;

    /// First and last session with a chain snapshot of an underlying.
    fn range(&self, underlying: &str) -> Option<(Date, Date)>;

    /// The chain snapshot at an instant returned by [`History::ticks`].
    ///
    /// # Errors
    /// When the data cannot be read or is not what its manifest says.
    fn snapshot(&self, underlying: &str, at: Instant) -> Result<Arc<ChainSnapshot>, HistoryError>;

    /// Bars of a series (`SPX`, `VIX`, `VX1`…`VX8`, `NYSE.ADLINE`, …), the whole history kept, warm-up included.
    ///
    /// # Errors
    /// When the data cannot be read. A series that the history does not have is `Ok(None)`.
    fn series(&self, id: &str, bars: BarSize) -> Result<Option<Arc<SeriesData>>, HistoryError>;

    /// Occurrences of an event (`FOMC`, `CPI`, …).
    ///
    /// # Errors
    /// As for [`History::series`].
    fn events(&self, id: &str) -> Result<Option<Arc<EventData>>, HistoryError>;

    /// Every value ever known of a series or of an event's figure, revisions beside first prints. `Ok(None)` where the
    /// source kept none: then the bars are all there is.
    ///
    /// # Errors
    /// As for [`History::series`].
    fn vintages(&self, id: &str) -> Result<Option<Arc<Vintages>>, HistoryError> {
        let _ = id;
        Ok(None)
    }

    /// Settlement value of a root and expiry: exact from the settlement series, or approximate, or unknown.
    ///
    /// # Errors
    /// As for [`History::series`].
    fn settlement(&self, root: Root, expiry: Date) -> Result<Option<SettlementValue>, HistoryError>;

    /// Continuously compounded annual risk-free rate known at an instant, as a fraction.
    ///
    /// # Errors
    /// As for [`History::series`].
    fn rate(&self, at: Instant) -> Result<Option<f64>, HistoryError>;

    /// How often something was added to it; 0 for a history that is whole. What was answered before stays as it was: new bars
    /// become known after every instant that was asked for.
    fn grown(&self) -> u64 {
        0
    }

    /// What a snapshot does not show because it was too old by then; `None` where there is no such thing.
    fn stale(&self, underlying: &str, at: Instant) -> Option<Arc<Stale>> {
        let _ = (underlying, at);
        None
    }

    /// Sessions (exchange days) in `from..=to` that should have a snapshot but have none.
    fn gaps(&self, underlying: &str, from: Date, to: Date) -> Vec<Date>;
}

impl<H: History + ?Sized> History for Arc<H> {
    fn provenance(&self) -> Provenance {
        (**self).provenance()
    }

    fn ticks(&self, underlying: &str, from: Date, to: Date) -> Vec<Instant> {
        (**self).ticks(underlying, from, to)
    }

    fn range(&self, underlying: &str) -> Option<(Date, Date)> {
        (**self).range(underlying)
    }

    fn snapshot(&self, underlying: &str, at: Instant) -> Result<Arc<ChainSnapshot>, HistoryError> {
        (**self).snapshot(underlying, at)
    }

    fn series(&self, id: &str, bars: BarSize) -> Result<Option<Arc<SeriesData>>, HistoryError> {
        (**self).series(id, bars)
    }

    fn events(&self, id: &str) -> Result<Option<Arc<EventData>>, HistoryError> {
        (**self).events(id)
    }

    fn vintages(&self, id: &str) -> Result<Option<Arc<Vintages>>, HistoryError> {
        (**self).vintages(id)
    }

    fn settlement(&self, root: Root, expiry: Date) -> Result<Option<SettlementValue>, HistoryError> {
        (**self).settlement(root, expiry)
    }

    fn rate(&self, at: Instant) -> Result<Option<f64>, HistoryError> {
        (**self).rate(at)
    }

    fn gaps(&self, underlying: &str, from: Date, to: Date) -> Vec<Date> {
        (**self).gaps(underlying, from, to)
    }

    fn grown(&self) -> u64 {
        (**self).grown()
    }

    fn stale(&self, underlying: &str, at: Instant) -> Option<Arc<Stale>> {
        (**self).stale(underlying, at)
    }
}
