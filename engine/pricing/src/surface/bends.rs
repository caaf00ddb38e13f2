//! What an SVI curve cannot follow: a smooth correction of total vol that fades out beyond the quotes.
//!
//! Cubic B-splines on equal steps of `u = asinh(k / s)`, with `s` one standard deviation: fine around the forward, coarse in
//! the wings. Each spline is twice continuously differentiable and zero two steps from its centre, so the wings far out, and
//! with them Lee's bound, are those of the SVI curve alone.

/// A correction of total vol over log-moneyness.
#[derive(Clone, Debug, PartialEq)]
pub struct Bends {
    /// One standard deviation of the settlement value, log-moneyness.
    pub(super) scale: f64,
    /// Place of the first spline's centre, in `u`.
    pub(super) first: f64,
    /// Distance of two centres, in `u`.
    pub(super) step: f64,
    /// Height of each spline, total vol.
    pub(super) heights: Vec<f64>,
}

/// The splines that are not zero at one place: the first one's position, and value, first and second derivative by `k` of each.
#[derive(Clone, Copy, Debug)]
pub(super) struct Local {
    pub first: isize,
    pub splines: [[f64; 3]; 4],
}

impl Bends {
    /// Splines of no height with their centres from `low` to `high`; none when there is no room for two.
    pub(super) fn flat(scale: f64, low: f64, high: f64, count: u16) -> Option<Self> {
        let (from, to) = (libm::asinh(low / scale), libm::asinh(high / scale));
        let step = (to - from) / f64::from(count.max(2) - 1);
        (step.is_finite() && step > 1e-9).then(|| Self {
            scale,
            first: from,
            step,
            heights: vec![0.0; usize::from(count.max(2))],
        })
    }

    /// The grid of the splines: the standard deviation `s` that scales log-moneyness, and place of the first centre and
    /// distance of two in `u = asinh(k/s)`.
    #[must_use]
    pub const fn grid(&self) -> (f64, f64, f64) {
        (self.scale, self.first, self.step)
    }

    /// Height of each spline, total vol.
    #[must_use]
    pub fn heights(&self) -> &[f64] {
        &self.heights
    }

    /// How many splines there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.heights.len()
    }

    pub(super) fn local(&self, k: f64) -> Local {
        let root = (k * k + self.scale * self.scale).sqrt();
        let x = (libm::asinh(k / self.scale) - self.first) / self.step;
        // dx/dk and d²x/dk².
        let (dx, ddx) = (1.0 / (root * self.step), -k / (root * root * root * self.step));
        let whole = libm::floor(x.clamp(-1e6, 1e6));
        let t = x - whole;
        let (t2, t3) = (t * t, t * t * t);
        // The four pieces of a uniform cubic B-spline, for the centres at −1, 0, 1 and 2 from the whole step.
        let value = [
            (1.0 - 3.0 * t + 3.0 * t2 - t3) / 6.0,
            (4.0 - 6.0 * t2 + 3.0 * t3) / 6.0,
            (1.0 + 3.0 * t + 3.0 * t2 - 3.0 * t3) / 6.0,
            t3 / 6.0,
        ];
        let slope = [
            (-1.0 + 2.0 * t - t2) / 2.0,
            (-4.0 * t + 3.0 * t2) / 2.0,
            (1.0 + 2.0 * t - 3.0 * t2) / 2.0,
            t2 / 2.0,
        ];
        let curve = [1.0 - t, 3.0 * t - 2.0, 1.0 - 3.0 * t, t];
        let mut splines = [[0.0; 3]; 4];
        for (to, ((v, s), c)) in splines.iter_mut().zip(value.iter().zip(slope).zip(curve)) {
            *to = [*v, s * dx, c * dx * dx + s * ddx];
        }
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a whole number within a million of zero"
        )]
        let first = whole as isize - 1;
        Local { first, splines }
    }

    /// Correction of total vol at `k`, and its two derivatives.
    pub(super) fn at(&self, k: f64) -> [f64; 3] {
        self.local(k).sum(&self.heights)
    }
}

impl Local {
    /// Splines that are there, by position.
    pub fn present(&self, count: usize) -> impl Iterator<Item = (usize, [f64; 3])> {
        (self.first..)
            .zip(self.splines)
            .filter_map(move |(i, s)| usize::try_from(i).ok().filter(|i| *i < count).map(|i| (i, s)))
    }

    /// Value and derivatives of the sum.
    pub fn sum(&self, heights: &[f64]) -> [f64; 3] {
        let mut sum = [0.0; 3];
        for (i, spline) in self.present(heights.len()) {
            let height = heights.get(i).copied().unwrap_or(0.0);
            for (total, part) in sum.iter_mut().zip(spline) {
                *total += height * part;
            }
        }
        sum
    }
}
