//! Statistics of a window, recomputed from the window alone: nothing drifts, and a value does not depend on how long the
//! series has run before it. Sums run in eight fixed lanes, so they vectorise and have the same bits on every machine.

/// Sum over `f(x)`.
pub(crate) fn sum(xs: &[f64], f: impl Fn(f64) -> f64) -> f64 {
    let (chunks, rest) = xs.as_chunks::<8>();
    let mut acc = [0.0; 8];
    for chunk in chunks {
        for (a, &x) in acc.iter_mut().zip(chunk) {
            *a += f(x);
        }
    }
    let mut tail = 0.0;
    for &x in rest {
        tail += f(x);
    }
    fold(acc) + tail
}

/// Sum over `f(x, y)` of two windows of equal length.
pub(crate) fn sum2(xs: &[f64], ys: &[f64], f: impl Fn(f64, f64) -> f64) -> f64 {
    let (xc, xr) = xs.as_chunks::<8>();
    let (yc, yr) = ys.as_chunks::<8>();
    let mut acc = [0.0; 8];
    for (cx, cy) in xc.iter().zip(yc) {
        for ((a, &x), &y) in acc.iter_mut().zip(cx).zip(cy) {
            *a += f(x, y);
        }
    }
    let mut tail = 0.0;
    for (&x, &y) in xr.iter().zip(yr) {
        tail += f(x, y);
    }
    fold(acc) + tail
}

fn fold(a: [f64; 8]) -> f64 {
    let [a0, a1, a2, a3, a4, a5, a6, a7] = a;
    ((a0 + a4) + (a2 + a6)) + ((a1 + a5) + (a3 + a7))
}

/// A count as a number; windows are far below 2^53.
#[expect(clippy::cast_precision_loss, reason = "windows hold at most 100 001 bars")]
pub(crate) const fn count(n: usize) -> f64 {
    n as f64
}

/// Mean, measured from the window's first value so that a high level costs no digits; a flat window gives it exactly.
pub(crate) fn mean(xs: &[f64]) -> f64 {
    let origin = xs.first().copied().unwrap_or(0.0);
    origin + sum(xs, |x| x - origin) / count(xs.len())
}

/// A window's mean measured from its first value, and its sum of squared deviations.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spread {
    origin: f64,
    /// Mean minus origin.
    offset: f64,
    /// Sum of squared deviations from the mean.
    pub(crate) squares: f64,
}

impl Spread {
    /// Two passes with the correction of Chan, Golub and LeVeque (1983) for the rounding of the mean.
    pub(crate) fn of(xs: &[f64]) -> Self {
        let n = count(xs.len());
        let origin = xs.first().copied().unwrap_or(0.0);
        let offset = sum(xs, |x| x - origin) / n;
        let squares = sum(xs, |x| square((x - origin) - offset));
        let residue = sum(xs, |x| (x - origin) - offset);
        Self {
            origin,
            offset,
            squares: (squares - residue * residue / n).max(0.0),
        }
    }

    pub(crate) fn mean(self) -> f64 {
        self.origin + self.offset
    }

    /// Deviation of a value from the mean, without losing the level's digits.
    pub(crate) fn deviation(self, x: f64) -> f64 {
        (x - self.origin) - self.offset
    }
}

/// Sample variance (n - 1), mean removed; needs two values.
pub(crate) fn variance(xs: &[f64]) -> f64 {
    Spread::of(xs).squares / (count(xs.len()) - 1.0)
}

/// Sum of products of deviations.
pub(crate) fn co_squares(xs: &[f64], sx: Spread, ys: &[f64], sy: Spread) -> f64 {
    let n = count(xs.len());
    let products = sum2(xs, ys, |x, y| sx.deviation(x) * sy.deviation(y));
    let (rx, ry) = (sum(xs, |x| sx.deviation(x)), sum(ys, |y| sy.deviation(y)));
    products - rx * ry / n
}

pub(crate) const fn square(x: f64) -> f64 {
    x * x
}

/// ln(a / b) for positive a and b, exact to the last bits for ratios near 1.
pub(crate) fn log_ratio(a: f64, b: f64) -> f64 {
    let r = (a - b) / b;
    if r.abs() < 0.5 {
        libm::log1p(r)
    } else {
        libm::log(a / b)
    }
}

/// Least-squares slope per bar.
pub(crate) fn slope(xs: &[f64]) -> f64 {
    let origin = xs.first().copied().unwrap_or(0.0);
    let middle = (count(xs.len()) - 1.0) / 2.0;
    let (mut top, mut bottom) = (0.0, 0.0);
    let mut t = -middle;
    for &x in xs {
        top += t * (x - origin);
        bottom += t * t;
        t += 1.0;
    }
    top / bottom
}
