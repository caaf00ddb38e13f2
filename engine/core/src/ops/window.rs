//! The last n rows of a series, each lane contiguous and oldest first.

use super::StateError;
use super::state::{Reader, Writer};

/// Largest window, in bars. TA-Lib's own bound.
pub const MAX_WINDOW: u32 = 100_000;

/// A ring of `bars` rows of `L` numbers. Every row is written twice, `bars` apart, so that the window is always one slice.
#[derive(Clone, Debug)]
pub(crate) struct Window<const L: usize> {
    bars: usize,
    /// Rows held.
    len: usize,
    /// Where the next row goes, in `0..bars`.
    next: usize,
    lanes: [Vec<f64>; L],
}

impl<const L: usize> Window<L> {
    /// An empty window of `bars` rows, at least one.
    pub(crate) fn new(bars: u32) -> Self {
        let bars = usize::try_from(bars)
            .unwrap_or(usize::MAX)
            .clamp(1, MAX_WINDOW as usize + 1);
        Self {
            bars,
            len: 0,
            next: 0,
            lanes: std::array::from_fn(|_| vec![0.0; 2 * bars]),
        }
    }

    pub(crate) fn bars(&self) -> u32 {
        u32::try_from(self.bars).unwrap_or(u32::MAX)
    }

    pub(crate) fn clear(&mut self) {
        self.len = 0;
        self.next = 0;
    }

    /// Adds a row; gives back the one that fell out.
    pub(crate) fn push(&mut self, row: [f64; L]) -> Option<[f64; L]> {
        let mut evicted = [0.0; L];
        for ((lane, value), old) in self.lanes.iter_mut().zip(row).zip(&mut evicted) {
            if let Some(slot) = lane.get_mut(self.next) {
                *old = *slot;
                *slot = value;
            }
            if let Some(slot) = lane.get_mut(self.next + self.bars) {
                *slot = value;
            }
        }
        let full = self.len == self.bars;
        self.len = (self.len + 1).min(self.bars);
        self.next = if self.next + 1 == self.bars {
            0
        } else {
            self.next + 1
        };
        full.then_some(evicted)
    }

    /// Lane `I` of the full window, oldest first; `None` while it fills.
    pub(crate) fn lane<const I: usize>(&self) -> Option<&[f64]> {
        if self.len < self.bars {
            return None;
        }
        self.lanes.get(I)?.get(self.next..self.next + self.bars)
    }

    /// Rows held, oldest first.
    fn rows(&self) -> impl Iterator<Item = [f64; L]> + '_ {
        let start = if self.len == self.bars { self.next } else { 0 };
        (start..start + self.len).map(|i| {
            std::array::from_fn(|lane| {
                self.lanes
                    .get(lane)
                    .and_then(|l| l.get(i))
                    .copied()
                    .unwrap_or(0.0)
            })
        })
    }

    pub(crate) fn save(&self, w: &mut Writer<'_>) {
        w.len(self.len);
        for row in self.rows() {
            row.into_iter().for_each(|v| w.f64(v));
        }
    }

    /// Rows as saved, not yet pushed.
    pub(crate) fn read(&self, r: &mut Reader<'_>) -> Result<Vec<[f64; L]>, StateError> {
        let rows = r.len(8 * L)?;
        if rows > self.bars {
            return Err(StateError::Damaged);
        }
        let mut out = Vec::with_capacity(rows);
        for _ in 0..rows {
            let mut row = [0.0; L];
            for v in &mut row {
                *v = r.f64()?;
            }
            out.push(row);
        }
        Ok(out)
    }
}
