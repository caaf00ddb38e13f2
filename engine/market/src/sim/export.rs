//! A simulated market written as a store.

use super::SimulatedMarket;
use crate::contract::listing::Cycle;
use crate::contract::{FutureContract, FutureRoot};
use crate::curve::FutureSeries;
use crate::history::{History as _, HistoryError};
use crate::series::BarSize;
use crate::store::{Source, StoreError, StoreWriter};
use crate::time::Date;
use chrono::Days;
use std::path::Path;

/// Daily series that a simulated store has.
pub const SERIES: [&str; 32] = [
    "SPX",
    "XSP",
    "SPY",
    "ES",
    "ES1",
    "ES2",
    "MES1",
    "MES2",
    "VIX",
    "VIX9D",
    "VIX3M",
    "VIX6M",
    "VVIX",
    "SKEW",
    "VX1",
    "VX2",
    "VX3",
    "VX4",
    "VX5",
    "VX6",
    "VX7",
    "VX8",
    "VXM1",
    "VXM2",
    "VXX",
    "VXZ",
    "SET",
    "VRO",
    "DFF",
    "NYSE.ADLINE",
    "NYSE.ADVDEC",
    "SPX.DEPTH",
];

/// Series with bars within the day, where the market has snapshots within the day.
pub const INTRADAY: [&str; 6] = ["SPX", "ES", "VIX", "VIX9D", "VX1", "VX2"];

const EVENTS: [&str; 3] = ["FOMC", "CPI", "PPI"];

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Sessions with chains.
    pub days: u64,
    /// Chain snapshots, underlyings apart.
    pub snapshots: u64,
    /// Option rows.
    pub rows: u64,
    /// Series and events.
    pub tables: u64,
}

/// Why a simulated market could not be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExportError {
    /// A price could not be made.
    #[error(transparent)]
    Market(#[from] HistoryError),
    /// The store could not be written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Writes a market as a new store, marked as simulated. `progress` hears of each session: done, of all, its date.
///
/// # Errors
/// When something other than an empty folder is at the target, or the disk fails; then nothing is left behind.
pub fn export(
    market: &SimulatedMarket,
    target: &Path,
    progress: &mut dyn FnMut(u64, u64, Date),
) -> Result<Written, ExportError> {
    let mut writer = StoreWriter::create(target)?;
    let provenance = market.provenance();
    writer.mark_simulated();
    writer.assume(format!("SIMULATED: {}", provenance.label));
    for note in &provenance.notes {
        writer.assume(note.clone());
    }
    let mut out = Written::default();
    let Some((from, to)) = market.range("SPX") else {
        return Ok(out);
    };
    let ticks = market.ticks("SPX", from, to);
    let days: Vec<&[crate::time::Instant]> = ticks.chunk_by(|a, b| a.date() == b.date()).collect();
    let total = u64::try_from(days.len()).unwrap_or(u64::MAX);
    for ticks in days {
        let Some(date) = ticks.first().map(|t| t.date()) else {
            continue;
        };
        for underlying in super::UNDERLYINGS {
            let mut snapshots = Vec::with_capacity(ticks.len());
            for at in ticks {
                snapshots.push(market.snapshot(underlying, *at)?);
            }
            out.snapshots += u64::try_from(snapshots.len()).unwrap_or(u64::MAX);
            let chains = snapshots.iter().flat_map(|s| &s.expiries);
            let rows: usize = chains.map(|c| 2 * c.strikes.len()).sum();
            out.rows += u64::try_from(rows).unwrap_or(u64::MAX);
            let borrowed: Vec<&crate::chain::ChainSnapshot> = snapshots.iter().map(AsRef::as_ref).collect();
            writer.add_snapshots(date, &borrowed)?;
        }
        out.days += 1;
        progress(out.days, total, date);
    }
    let mut sizes = vec![BarSize::Session];
    sizes.extend(market.config().every_minutes.map(BarSize::Minutes));
    for bars in sizes {
        let names: &[&str] = if bars == BarSize::Session {
            &SERIES
        } else {
            &INTRADAY
        };
        for id in names {
            if let Some(series) = market.series(id, bars)? {
                writer.put_series(id, bars, &series)?;
                out.tables += 1;
            }
        }
    }
    for id in weeklys(market) {
        if let Some(series) = market.series(&id, BarSize::Session)? {
            writer.put_series(&id, BarSize::Session, &series)?;
            out.tables += 1;
        }
    }
    for id in EVENTS {
        if let Some(events) = market.events(id)? {
            writer.put_events(id, &events)?;
            out.tables += 1;
        }
    }
    writer.source(Source {
        file: provenance.label.clone(),
        sha256: provenance.hash.clone(),
        layout: "simulated".to_owned(),
    });
    writer.put_quality(&quality(market, &out))?;
    writer.finish()?;
    Ok(out)
}

/// Names of the weekly VX futures that are listed on some session with chains.
fn weeklys(market: &SimulatedMarket) -> Vec<String> {
    let listed = Days::new(44);
    let range = market
        .range("VIX")
        .and_then(|(from, to)| Some((from, to.checked_add_days(listed)?)));
    let expiries = range.map(|(from, to)| Cycle::VixWeekly.expiries(from, to));
    let contract = |expiry| FutureContract {
        root: FutureRoot::Vx,
        expiry,
    };
    let named = |expiry| FutureSeries::Contract(contract(expiry)).to_string();
    expiries.unwrap_or_default().into_iter().map(named).collect()
}

fn quality(market: &SimulatedMarket, written: &Written) -> String {
    let p = market.provenance();
    let value = serde_json::json!({
        "simulated": true,
        "label": p.label,
        "hash": p.hash,
        "notes": p.notes,
        "chain_days": written.days,
        "snapshots": written.snapshots,
        "rows": written.rows,
        "tables": written.tables,
    });
    format!("{value:#}\n")
}
