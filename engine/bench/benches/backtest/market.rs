//! A simulated store of the size that the race is about: 500 days of nine weekly expiries of
//! about 280 strikes with both rights, 2.4 million rows.

use alula_market::calendar::ExchangeCalendar;
use alula_market::chain::{ChainSnapshot, ExpiryChain, QuoteColumns};
use alula_market::contract::Root;
use alula_market::history::History;
use alula_market::money::Price;
use alula_market::series::{BarSize, SeriesData};
use alula_market::sim::{SimConfig, SimulatedMarket};
use alula_market::store::StoreWriter;
use std::path::{Path, PathBuf};

const DAYS: u32 = 500;
const EXPIRIES: usize = 9;
/// Of the listed strikes those on this grid are kept, about 280 to an expiry: a rule of the strike alone, so that what is held
/// stays listed.
const GRID_MILLS: i64 = 10_000;
/// What a contract that is worth nothing is offered at.
const WORTHLESS_ASK: Price = Price(100);

/// The store; made at the first run and kept beside the build, because making it takes longer than the race.
pub fn store() -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("backtest-store-simulated-8");
    if !path.exists() {
        write(&path);
    }
    path
}

fn write(path: &Path) {
    let market = SimulatedMarket::new(SimConfig {
        sessions: DAYS,
        ..SimConfig::default()
    })
    .unwrap();
    let (from, to) = market.range("SPX").unwrap();
    let mut writer = StoreWriter::create(path).unwrap();
    writer.mark_simulated();
    writer.assume("simulated for a bench: the numbers say how fast, never how well");
    for at in market.ticks("SPX", from, to) {
        let snapshot = cut(&market.snapshot("SPX", at).unwrap());
        writer.add_snapshots(at.date(), &[&snapshot]).unwrap();
    }
    for id in ["SPX", "VIX"] {
        if let Some(series) = market.series(id, BarSize::Session).unwrap() {
            writer.put_series(id, BarSize::Session, &series).unwrap();
        }
    }
    writer
        .put_series("DFF", BarSize::Session, &rates(&market))
        .unwrap();
    writer.finish().unwrap();
}

/// The simulator's rate as the fed funds rate that a store keeps: simple interest on 360 days.
fn rates(market: &SimulatedMarket) -> SeriesData {
    let (from, to) = market.range("SPX").unwrap();
    let mut out = SeriesData::default();
    for at in market.ticks("SPX", from, to) {
        let rate = market.rate(at).unwrap().unwrap();
        let open = ExchangeCalendar::nyse().open_at(at.date()).unwrap();
        out.date.push(at.date());
        out.starts_at.push(open);
        out.available_at.push(at);
        out.close.push(Some(360.0 * libm::expm1(rate / 365.0)));
    }
    out
}

/// The first nine weekly expiries and the strikes on the grid.
fn cut(snapshot: &ChainSnapshot) -> ChainSnapshot {
    let weekly = |c: &&ExpiryChain| {
        let calendar = ExchangeCalendar::nyse();
        // The last session of its week: a Friday, or the Thursday before a holiday.
        let next = calendar.offset(c.expiry, 1);
        c.root == Root::Spxw && next.is_some_and(|n| (n - c.expiry).num_days() >= 3)
    };
    let expiries = snapshot
        .expiries
        .iter()
        .filter(weekly)
        .take(EXPIRIES)
        .map(narrow)
        .collect();
    ChainSnapshot {
        expiries,
        ..snapshot.clone()
    }
}

fn narrow(chain: &ExpiryChain) -> ExpiryChain {
    let kept: Vec<usize> = (0..chain.strikes.len())
        .filter(|i| chain.strikes[*i].0 % GRID_MILLS == 0)
        .collect();
    let columns = |side: &QuoteColumns| QuoteColumns {
        bid: kept.iter().map(|i| side.bid[*i]).collect(),
        // Every strike has a market, so that neither contestant has to wait for one.
        ask: kept.iter().map(|i| side.ask[*i].max(WORTHLESS_ASK)).collect(),
        volume: kept.iter().map(|i| side.volume[*i]).collect(),
        open_interest: kept.iter().map(|i| side.open_interest[*i]).collect(),
        ..QuoteColumns::default()
    };
    ExpiryChain {
        strikes: kept.iter().map(|i| chain.strikes[*i]).collect(),
        puts: columns(&chain.puts),
        calls: columns(&chain.calls),
        ..chain.clone()
    }
}
