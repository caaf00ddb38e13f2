//! Charts as hand-written SVG: no script is needed to read them, and the same values give the same bytes.
//!
//! Each chart is drawn twice, wide and narrow, because text inside a scaled SVG would be unreadable on a phone; the page
//! shows the one that fits. Colours are CSS variables of the page, so one drawing serves light and dark.

mod axis;
mod equity;
mod firings;
mod greeks;
mod heat;
mod smile;
mod svg;

pub use svg::escape;
mod trades;

pub use axis::Size;
pub(crate) use axis::nice_step;
pub use equity::{drawdown, equity};
pub use firings::firings;
pub use greeks::{Greek, greek};
pub use heat::heat;
pub use smile::{MAX_SMILES, SmileChart, smiles};
pub use trades::{strike, trades};

use alula_market::time::{Date, Instant};

/// Seconds of a session's end, where daily values stand.
pub(crate) fn session_end(date: Date) -> i64 {
    Instant::from_eastern(date, 16, 0).map_or(0, |i| i.0)
}

/// Keeps, for each pixel column, the first, lowest, highest and last point: what the eye would see of all of them.
pub(crate) fn decimate(points: &[(f64, f64)], columns: f64) -> Vec<(f64, f64)> {
    if (points.len() as f64) <= columns * 2.0 {
        return points.to_vec();
    }
    let mut out: Vec<(f64, f64)> = Vec::new();
    for group in points.chunk_by(|a, b| a.0.floor().total_cmp(&b.0.floor()).is_eq()) {
        let low = group.iter().copied().min_by(|a, b| a.1.total_cmp(&b.1));
        let high = group.iter().copied().max_by(|a, b| a.1.total_cmp(&b.1));
        for p in [group.first().copied(), low, high, group.last().copied()]
            .into_iter()
            .flatten()
        {
            if out.last() != Some(&p) {
                out.push(p);
            }
        }
    }
    out
}
