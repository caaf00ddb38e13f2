//! A program of your own that hosts the engine: compile a strategy from text, fly it over the simulated market, read the
//! trades.
//!
//! `cargo run --release -p alula-examples --example embed`

use alula_dsl::compile::compile;
use alula_dsl::diagnostic::render;
use alula_dsl::source::NoImports;
use alula_market::sim::{SimConfig, SimulatedMarket};
use alula_run::{BacktestRequest, Inputs, backtest};
use std::error::Error;
use std::io::Write;
use std::sync::Arc;

const STRATEGY: &str = "alula 1

/// Sells one strangle's worth of premium with wings, takes half.
strategy hosted {
    capital  $100_000
    evaluate every 1 session in SPX.regular
}

threshold short_delta = 16 delta in 5..30 delta /// delta of both short strikes

structure core = iron condor on SPX {
    expiry     nearest 30 dte in 21..40 dte
    short put  at short_delta
    long put   about 50 pts below short put
    short call at short_delta
    long call  about 50 pts above short call
}

policy income on core {
    open when VIX.close < 30 vol
         size 1 lot
    close take_profit when profit >= 50% of credit
    close time        when dte <= 7
}
";

fn main() -> Result<(), Box<dyn Error>> {
    let compiled = compile("hosted.alula", STRATEGY.as_bytes(), &NoImports);
    let Some(graph) = compiled.graph else {
        return Err(render::human(&compiled.sources, &compiled.diagnostics, false, 100).into());
    };
    // Any other value inside the declared range would do; a live host would swap this vector between ticks.
    let thresholds = graph.thresholds.iter().map(|t| t.default).collect();
    let market = SimulatedMarket::new(SimConfig::default())?;
    let run = backtest(BacktestRequest {
        thresholds,
        inputs: Inputs {
            sources: vec![("hosted.alula".to_owned(), STRATEGY.as_bytes().to_vec())],
            thresholds: None,
            scripts: Vec::new(),
        },
        ..BacktestRequest::new(Arc::new(graph), &market, &mut |_| {})
    })?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "simulated market: the first fills and the last equity")?;
    for trade in run.trades.iter().take(8) {
        writeln!(
            out,
            "{}  {:<18} {:>8} points, mid {} natural {}",
            trade.at, trade.key, trade.net.share, trade.net.mid, trade.net.natural
        )?;
    }
    if let Some(day) = run.daily.last() {
        writeln!(
            out,
            "{}  equity {} (mid {}, natural {})",
            day.date, day.equity.share, day.equity.mid, day.equity.natural
        )?;
    }
    Ok(())
}
