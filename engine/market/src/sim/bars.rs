//! Series of the simulated market.

use super::path::{Day, STEP_MINUTES};
use super::quotes::DIVIDENDS;
use super::random::{mix, normal_at};
use crate::calendar::ExchangeCalendar;
use crate::series::{BarSize, SeriesData};
use crate::time::Instant;

/// How an index is computed on the edges of the grid, and between them.
#[derive(Clone, Copy)]
enum Kind {
    /// A multiple of SPX.
    Index { scale: f64, volume: f64 },
    /// A volatility index of so many days.
    Vol { days: f64 },
}

/// One bar in the making.
#[derive(Clone, Copy)]
struct Bar {
    open: f64,
    high: f64,
    low: f64,
    close: f64,
}

/// The series of an id; `None` when the simulator has none.
pub(super) fn series(seed: u64, days: &[Day], id: &str, bars: BarSize) -> Option<SeriesData> {
    let kind = match id {
        "SPX" => Kind::Index {
            scale: 1.0,
            volume: 3.6e9,
        },
        "XSP" => Kind::Index {
            scale: 0.1,
            volume: 0.0,
        },
        "SPY" => Kind::Index {
            scale: 0.0997,
            volume: 7.5e7,
        },
        "VIX" => Kind::Vol { days: 30.0 },
        "VIX9D" => Kind::Vol { days: 9.0 },
        "VIX3M" => Kind::Vol { days: 93.0 },
        "VIX6M" => Kind::Vol { days: 184.0 },
        _ => {
            return if bars == BarSize::Session {
                closes(seed, days, id)
            } else {
                None
            };
        }
    };
    match bars {
        BarSize::Session => Some(sessions(days, kind)),
        BarSize::Minutes(n) => intraday(days, kind, i64::from(n)),
    }
}

/// Series that have one value per session.
fn closes(seed: u64, days: &[Day], id: &str) -> Option<SeriesData> {
    if let Some(month) = id.strip_prefix("VX").and_then(|n| n.parse::<usize>().ok()) {
        return (1..=8)
            .contains(&month)
            .then(|| closing(days, |d| future(d, month)));
    }
    let mut line = 0.0;
    match id {
        "VVIX" => Some(closing(days, vvix)),
        "NYSE.ADLINE" => Some(closing(days, |d| {
            line += d.net_advances;
            Some(line)
        })),
        "NYSE.ADVDEC" => Some(closing(days, |d| Some(d.net_advances))),
        // Contracts quoted at the touch near the money: thin when volatility is high.
        "SPX.DEPTH" => Some(closing(days, |d| {
            let noise = normal_at(mix(seed ^ 0xdeb7, u64::from_le_bytes(d.open_at.0.to_le_bytes())));
            Some((900.0 * 16.0 / d.last()?.state.vix(30.0) * libm::exp(0.2 * noise)).round())
        })),
        _ => None,
    }
}

fn closing(days: &[Day], mut value: impl FnMut(&Day) -> Option<f64>) -> SeriesData {
    let mut out = SeriesData::default();
    for day in days {
        out.date.push(day.date);
        out.starts_at.push(day.open_at);
        out.available_at.push(known_at(day));
        out.close.push(value(day));
    }
    out
}

/// The session's numbers are all known when index options close.
fn known_at(day: &Day) -> Instant {
    ExchangeCalendar::nyse()
        .options_close_at(day.date)
        .unwrap_or(day.close_at)
}

fn cents(x: f64) -> f64 {
    (x * 100.0).round() / 100.0
}

/// Values on the edges.
fn on_edges(day: &Day, kind: Kind) -> Vec<f64> {
    let value = |e: &super::path::Edge| match kind {
        Kind::Index { scale, .. } => e.spot * scale,
        Kind::Vol { days } => e.state.vix(days),
    };
    day.edges.iter().map(value).collect()
}

/// Bars of one step of the grid.
fn steps(day: &Day, kind: Kind) -> Vec<Bar> {
    let edges = on_edges(day, kind);
    let pairs = edges.iter().zip(edges.iter().skip(1)).zip(&day.between);
    pairs
        .map(|((&open, &close), b)| {
            let (high, low) = match kind {
                Kind::Index { scale, .. } => (b.high * scale, b.low * scale),
                Kind::Vol { .. } => (
                    open.max(close) * b.vix_stretch.0,
                    open.min(close) * b.vix_stretch.1,
                ),
            };
            Bar {
                open,
                high: high.max(open).max(close),
                low: low.min(open).min(close),
                close,
            }
        })
        .collect()
}

fn joined(bars: &[Bar]) -> Option<Bar> {
    let mut all = bars.iter();
    let first = *all.next()?;
    Some(all.fold(first, |a, b| Bar {
        open: a.open,
        high: a.high.max(b.high),
        low: a.low.min(b.low),
        close: b.close,
    }))
}

fn push(out: &mut SeriesData, day: &Day, starts: Instant, known: Instant, bar: Bar, volume: Option<f64>) {
    out.date.push(day.date);
    out.starts_at.push(starts);
    out.available_at.push(known);
    out.open.push(Some(cents(bar.open)));
    out.high.push(Some(cents(bar.high)));
    out.low.push(Some(cents(bar.low)));
    out.close.push(Some(cents(bar.close)));
    if let Some(volume) = volume {
        out.volume.push(Some(volume.round()));
    }
}

fn volume_of(kind: Kind) -> Option<f64> {
    match kind {
        Kind::Index { volume, .. } if volume > 0.0 => Some(volume),
        Kind::Index { .. } | Kind::Vol { .. } => None,
    }
}

fn sessions(days: &[Day], kind: Kind) -> SeriesData {
    let mut out = SeriesData::default();
    for day in days {
        let Some(bar) = joined(&steps(day, kind)) else {
            continue;
        };
        // The cash index is final at the stock close, the volatility indices when the options stop.
        let known = match kind {
            Kind::Index { .. } => day.close_at,
            Kind::Vol { .. } => known_at(day),
        };
        let volume = volume_of(kind).map(|v| v * day.activity * share_of_day(day));
        push(&mut out, day, day.open_at, known, bar, volume);
    }
    out
}

/// Length of a session against a full one.
#[expect(clippy::cast_precision_loss, reason = "minutes of a day")]
fn share_of_day(day: &Day) -> f64 {
    (day.close_at.0 - day.open_at.0) as f64 / (390.0 * 60.0)
}

/// Bars of a multiple of the grid's step; `None` for other lengths. The last bar of a session may be shorter.
fn intraday(days: &[Day], kind: Kind, minutes: i64) -> Option<SeriesData> {
    if minutes < STEP_MINUTES || minutes % STEP_MINUTES != 0 {
        return None;
    }
    let group = usize::try_from(minutes / STEP_MINUTES).ok()?;
    let mut out = SeriesData::default();
    for day in days {
        let bars = steps(day, kind);
        let total: f64 = (0..bars.len()).map(|n| u_shape(n, bars.len())).sum();
        let mut done = 0usize;
        for chunk in bars.chunks(group) {
            let Some(bar) = joined(chunk) else { continue };
            let weight: f64 = (done..done + chunk.len()).map(|n| u_shape(n, bars.len())).sum();
            let at = |n: usize| {
                let steps = i64::try_from(n).unwrap_or(0);
                Instant(day.open_at.0 + steps * 60 * STEP_MINUTES)
            };
            let (starts, ends) = (at(done), at(done + chunk.len()));
            done += chunk.len();
            let volume = volume_of(kind).map(|v| v * day.activity * share_of_day(day) * weight / total);
            push(&mut out, day, starts, ends, bar, volume);
        }
    }
    Some(out)
}

/// Trading is busy at both ends of a session.
#[expect(clippy::cast_precision_loss, reason = "steps of a day")]
fn u_shape(n: usize, of: usize) -> f64 {
    let x = (n as f64 + 0.5) / of.max(1) as f64 - 0.5;
    0.6 + 4.0 * x * x
}

/// Settlement of the n-th VIX future at the close: the forward 30-day variance at its expiry, less what convexity takes,
/// on the tick of 0.05.
fn future(day: &Day, month: usize) -> Option<f64> {
    let calendar = ExchangeCalendar::nyse();
    let expiry = *calendar.vx_expiries(day.date, month).last()?;
    let settles = calendar.open_at(expiry)?;
    let years = alula_pricing::years_between(day.close_at.0, settles.0)?;
    let window = 30.0 / 365.0;
    let state = day.last()?.state;
    let variance = (state.log_contract_total(years + window) - state.log_contract_total(years)) / window;
    let convexity = 1.0 - 0.05 * (1.0 - libm::exp(-4.0 * years));
    let price = 100.0 * variance.max(0.0).sqrt() * convexity;
    Some((price * 20.0).round() / 20.0)
}

/// Volatility of VIX: a level that rises when the near end of the curve does, with noise. Not derived from options.
fn vvix(day: &Day) -> Option<f64> {
    let state = day.last()?.state;
    let slope = state.vix(30.0) / state.vix(93.0);
    Some(cents(96.0 * libm::exp(1.3 * libm::log(slope) + day.vvix_noise)))
}

/// The settlement value of VIX derivatives: the index at the open, landing a little off it as auctions do.
pub(super) fn vro(seed: u64, day: &Day) -> Option<f64> {
    let noise = normal_at(mix(
        seed ^ 0x0f20,
        u64::from_le_bytes(day.open_at.0.to_le_bytes()),
    ));
    Some(cents(day.first()?.state.vix(30.0) * libm::exp(0.012 * noise)))
}

/// The special opening quotation: the open, a few hundredths of a percent off, since stocks open one by one.
pub(super) fn set(seed: u64, day: &Day) -> Option<f64> {
    let noise = normal_at(mix(
        seed ^ 0x05e7,
        u64::from_le_bytes(day.open_at.0.to_le_bytes()),
    ));
    Some(cents(day.first()?.spot * libm::exp(0.0004 * noise)))
}

/// Quarterly future on SPX: carry to the next quarter's third Friday. Session bars alone.
pub(super) fn carried(days: &[Day], mut bars: SeriesData) -> SeriesData {
    for (n, day) in days.iter().enumerate() {
        let carry = libm::exp((day.rate - DIVIDENDS) * 0.125);
        for column in [&mut bars.open, &mut bars.high, &mut bars.low, &mut bars.close] {
            if let Some(Some(value)) = column.get_mut(n) {
                *value = (*value * carry * 4.0).round() / 4.0;
            }
        }
    }
    bars
}
