//! A first SVI curve through weighted total variances: the quasi-explicit scheme of Zeliade Systems ("Quasi-explicit
//! calibration of Gatheral's SVI model", 2009).
//!
//! For given `m` and `σ` the curve is linear in three numbers, which a constrained least-squares problem gives exactly; the search
//! over the two that are left starts from a grid and narrows by the simplex method. Every loop has a fixed length and nothing is
//! random: the same quotes give the same bits.

use super::polish::solve;
use super::svi::{Svi, WING_SLOPE_MAX};

/// One quote as the fit sees it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target {
    /// Log-moneyness.
    pub k: f64,
    /// Total vol `σ√T` of the mid.
    pub total: f64,
    /// Total vol that half the spread is worth, not zero: an error is counted in these.
    pub tolerance: f64,
}

impl Target {
    pub fn variance(&self) -> f64 {
        self.total * self.total
    }
}

const SIMPLEX_STEPS: usize = 60;
const GRID_CENTRES: [f64; 9] = [-3.0, -1.5, -0.75, -0.25, 0.0, 0.25, 0.75, 1.5, 3.0];
const GRID_WIDTHS: [f64; 7] = [0.05, 0.15, 0.35, 0.7, 1.4, 3.0, 6.0];
const PARAMETERS: usize = 5;
/// A steepest wing a shade below Lee's bound.
pub(super) const SLOPE_MAX: f64 = 0.9999 * WING_SLOPE_MAX;

/// The curve of least weighted error; none when the targets leave nothing to fit (fewer than five, or no vol).
pub(super) fn quasi_explicit(targets: &[Target]) -> Option<Svi> {
    if targets.len() < PARAMETERS {
        return None;
    }
    // The scale of the smile: one standard deviation, as the quote nearest the forward has it.
    let scale = targets
        .iter()
        .min_by(|a, b| a.k.abs().total_cmp(&b.k.abs()))
        .map(|t| t.total)
        .filter(|s| *s > 0.0)?;
    let error = |[m, width]: [f64; 2]| inner(targets, m * scale, scale * libm::exp(width));
    let mut best: Option<([f64; 2], f64)> = None;
    for centre in GRID_CENTRES {
        for width in GRID_WIDTHS {
            let at = [centre, libm::log(width)];
            let found = error(at).1;
            if best.is_none_or(|(_, least)| found < least) {
                best = Some((at, found));
            }
        }
    }
    let at = simplex(best?.0, |at| error(at).1);
    let (raw, _) = error(at);
    Svi::new(raw[0], raw[1], raw[2], raw[3], raw[4]).ok()
}

/// For given `m` and `σ`: the best raw parameters and their weighted squared error. With `y = (k − m)/σ` the curve is
/// `a + d y + c √(y² + 1)`, linear in `a`, `d = ρbσ` and `c = bσ`; Lee's bound and `|ρ| ≤ 1` leave a diamond for `(c, d)`.
fn inner(targets: &[Target], m: f64, sigma: f64) -> ([f64; 5], f64) {
    let mut normal = Normal::default();
    let mut weights = 0.0;
    for t in targets {
        let y = (t.k - m) / sigma;
        // An error of total variance is one of total vol times twice the total vol.
        let weight = 1.0 / (2.0 * t.total * t.tolerance);
        let weight = weight * weight;
        weights += weight;
        normal.add(weight, [1.0, y, (y * y + 1.0).sqrt()], t.variance());
    }
    let reach = 0.5 * SLOPE_MAX * sigma;
    let inside = |d: f64, c: f64| d.abs() <= c && c + d.abs() <= 2.0 * reach;
    let free = normal.solve_three().filter(|[_, d, c]| inside(*d, *c));
    let [a, d, c] = free.unwrap_or_else(|| {
        // The error is convex, so its least on the diamond stands on one of the four edges.
        let corners = [(0.0, 0.0), (reach, reach), (0.0, 2.0 * reach), (-reach, reach)];
        let mut best = ([0.0; 3], f64::INFINITY);
        for (from, to) in corners.iter().zip(corners.iter().cycle().skip(1)) {
            let at = normal.solve_edge(*from, *to);
            let error = normal.error(at);
            if error < best.1 {
                best = (at, error);
            }
        }
        best.0
    });
    let b = c / sigma;
    let rho = if c > 0.0 { (d / c).clamp(-1.0, 1.0) } else { 0.0 };
    let raw = [a, b, rho, m, sigma];
    let least = a + (c * c - d * d).max(0.0).sqrt();
    // A curve below zero variance is no smile: the deeper, the worse, so that the search finds its way out.
    let sunk = if least < 0.0 { weights * least * least } else { 0.0 };
    (raw, normal.error([a, d, c]) + sunk)
}

/// Normal equations of a least-squares problem in three numbers.
#[derive(Clone, Copy, Debug, Default)]
struct Normal {
    matrix: [[f64; 3]; 3],
    right: [f64; 3],
    square: f64,
}

impl Normal {
    fn add(&mut self, weight: f64, row: [f64; 3], value: f64) {
        for ((line, right), x) in self.matrix.iter_mut().zip(&mut self.right).zip(row) {
            for (cell, y) in line.iter_mut().zip(row) {
                *cell += weight * x * y;
            }
            *right += weight * x * value;
        }
        self.square += weight * value * value;
    }

    /// Σ weight (row · at − value)².
    fn error(&self, at: [f64; 3]) -> f64 {
        let mut sum = self.square;
        for ((line, right), x) in self.matrix.iter().zip(self.right).zip(at) {
            let product: f64 = line.iter().zip(at).map(|(cell, y)| cell * y).sum();
            sum += x * (product - 2.0 * right);
        }
        sum.max(0.0)
    }

    fn solve_three(&self) -> Option<[f64; 3]> {
        solve_three(self.matrix, self.right)
    }

    /// The best `[a, d, c]` with `(d, c)` on the stretch between two corners.
    fn solve_edge(&self, from: (f64, f64), to: (f64, f64)) -> [f64; 3] {
        let way = [0.0, to.0 - from.0, to.1 - from.1];
        let base = [0.0, from.0, from.1];
        let times = |v: [f64; 3]| self.matrix.map(|line| dot(line, v));
        let (along, based) = (times(way), times(base));
        let [one, ..] = self.matrix[0];
        let (cross, square) = (along[0], dot(way, along));
        let right = [self.right[0] - based[0], dot(way, self.right) - dot(way, based)];
        let determinant = one * square - cross * cross;
        let t = if determinant > 1e-14 * one * square {
            ((one * right[1] - cross * right[0]) / determinant).clamp(0.0, 1.0)
        } else {
            0.0
        };
        let a = if one > 0.0 {
            (right[0] - cross * t) / one
        } else {
            0.0
        };
        [a, base[1] + t * way[1], base[2] + t * way[2]]
    }
}

fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

/// Solves a system of three by elimination with the largest pivot; none when it is singular.
fn solve_three(matrix: [[f64; 3]; 3], right: [f64; 3]) -> Option<[f64; 3]> {
    let mut rows: Vec<Vec<f64>> = matrix.iter().map(|line| line.to_vec()).collect();
    let mut right = right.to_vec();
    solve(&mut rows, &mut right)?;
    right.try_into().ok()
}

/// Nelder and Mead's simplex in two dimensions, a fixed number of steps.
fn simplex(start: [f64; 2], f: impl Fn([f64; 2]) -> f64) -> [f64; 2] {
    let corner = |at: [f64; 2]| (at, f(at));
    let mut corners = [
        corner(start),
        corner([start[0] + 0.2, start[1]]),
        corner([start[0], start[1] + 0.3]),
    ];
    for _ in 0..SIMPLEX_STEPS {
        corners.sort_by(|a, b| a.1.total_cmp(&b.1));
        let [best, middle, worst] = corners;
        let centre = [0.5 * (best.0[0] + middle.0[0]), 0.5 * (best.0[1] + middle.0[1])];
        let along = |t: f64| {
            corner([
                centre[0] + t * (worst.0[0] - centre[0]),
                centre[1] + t * (worst.0[1] - centre[1]),
            ])
        };
        let reflected = along(-1.0);
        let next = if reflected.1 < best.1 {
            let further = along(-2.0);
            if further.1 < reflected.1 {
                further
            } else {
                reflected
            }
        } else if reflected.1 < middle.1 {
            reflected
        } else {
            let nearer = along(if reflected.1 < worst.1 { -0.5 } else { 0.5 });
            if nearer.1 < worst.1.min(reflected.1) {
                nearer
            } else {
                let half =
                    |c: ([f64; 2], f64)| corner([0.5 * (c.0[0] + best.0[0]), 0.5 * (c.0[1] + best.0[1])]);
                corners = [best, half(middle), half(worst)];
                continue;
            }
        };
        corners = [best, middle, next];
    }
    corners.sort_by(|a, b| a.1.total_cmp(&b.1));
    corners[0].0
}
