//! A curve brought to the quotes' vols, out of butterfly and calendar arbitrage.
//!
//! Levenberg-Marquardt on vol errors counted in half spreads. The SVI part moves in coordinates in which variance is positive and
//! no wing breaks Lee's bound, the bends in their heights. Terms that push out of arbitrage weigh more in each round. Every
//! loop has a fixed length and nothing is random.

use super::bends::{Bends, Local};
use super::calibrate::{SLOPE_MAX, Target};
use super::smile::{Curve, vol_form};
use super::svi::{Svi, durrleman, durrleman_gradient};

/// What a fit is to avoid.
#[derive(Clone, Debug, Default)]
pub(super) struct Bounds {
    /// Log-moneyness at which Durrleman's function must not be negative.
    pub butterflies: Vec<f64>,
    /// Log-moneyness, and total variance of the expiry before, below which this one must not fall.
    pub floor: Vec<(f64, f64)>,
}

/// Weight of the arbitrage terms in each round, and steps of a round.
const ROUND_WEIGHTS: [f64; 4] = [0.0, 30.0, 300.0, 3_000.0];
const STEPS_A_ROUND: usize = 10;
/// Durrleman's function is kept this far above zero at the points of the penalty, so that it is not below between them.
const DURRLEMAN_LEAST: f64 = 2e-3;
const BASE: usize = 5;
/// Heights of bends, and differences of their slopes, count as an error of one half spread when they are this many total
/// vols at the money: without quotes a bend goes flat.
const HEIGHT_SCALE: f64 = 0.5;
const ROUGHNESS_SCALE: f64 = 0.1;

/// Coordinates: logarithm of the least variance, the wings' slopes on a logistic scale, `m` and the logarithm of `σ`. Every
/// point is a smile.
fn raw_of(at: &[f64]) -> Svi {
    let &[least, left, right, m, width, ..] = at else {
        return Svi::unchecked([0.0, 0.0, 0.0, 0.0, 1.0]);
    };
    let slope = |x: f64| SLOPE_MAX / (1.0 + libm::exp(-x));
    let (left, right) = (slope(left), slope(right));
    let b = 0.5 * (left + right);
    let rho = (right - left) / (left + right);
    let sigma = libm::exp(width);
    let a = libm::exp(least) - b * sigma * (1.0 - rho * rho).max(0.0).sqrt();
    Svi::unchecked([a, b, rho, m, sigma])
}

fn coordinates_of(svi: &Svi) -> [f64; BASE] {
    let [_, _, _, m, sigma] = svi.raw();
    let (left, right) = svi.wing_slopes();
    // The quasi-explicit solution may stand on the rim, where these coordinates have no number: a step inside.
    let inverse = |slope: f64| {
        let share = (slope / SLOPE_MAX).clamp(1e-6, 1.0 - 1e-6);
        libm::log(share / (1.0 - share))
    };
    let at_m = svi.total_variance(m).max(1e-12);
    let least = svi.least().max(1e-4 * at_m);
    [
        libm::log(least),
        inverse(left),
        inverse(right),
        m,
        libm::log(sigma),
    ]
}

/// The curve of least error from a start; its bends, where it has any, move too.
pub(super) fn polish(targets: &[Target], bounds: &Bounds, start: &Curve) -> Option<Curve> {
    let mut at = coordinates_of(&start.svi).to_vec();
    at.extend(start.bends.iter().flat_map(|b| &b.heights));
    let problem = Problem::new(targets, bounds, start.bends.as_ref());
    for weight in ROUND_WEIGHTS {
        at = problem.marquardt(at, weight);
    }
    let svi = raw_of(&at);
    let bends = start.bends.clone().map(|mut bends| {
        bends.heights = at.split_off(BASE.min(at.len()));
        bends
    });
    let finite = |xs: &[f64]| xs.iter().all(|x| x.is_finite());
    let sound = finite(&svi.raw()) && bends.as_ref().is_none_or(|b| finite(&b.heights));
    sound.then_some(Curve { svi, bends })
}

/// A row of the problem before the curve is known.
struct Place {
    k: f64,
    local: Option<Local>,
}

struct Problem<'a> {
    targets: &'a [Target],
    bounds: &'a Bounds,
    /// Where targets, butterfly points and floor points lie.
    places: [Vec<Place>; 3],
    heights: usize,
    height_scale: f64,
    roughness_scale: f64,
    /// Divides squared errors into means, so that penalties weigh the same for any number of quotes.
    target_scale: f64,
    butterfly_scale: f64,
    floor_scale: f64,
    steps: [f64; BASE],
}

/// Residuals, and their derivatives by each coordinate.
#[derive(Default)]
struct Rows {
    residuals: Vec<f64>,
    derivatives: Vec<Vec<f64>>,
}

impl<'a> Problem<'a> {
    fn new(targets: &'a [Target], bounds: &'a Bounds, bends: Option<&Bends>) -> Self {
        let scale = |n: usize| 1.0 / f64::from(u32::try_from(n.max(1)).unwrap_or(u32::MAX)).sqrt();
        let least = targets.iter().map(|t| t.total).fold(f64::INFINITY, f64::min);
        let place = |k: f64| Place {
            k,
            local: bends.map(|b| b.local(k)),
        };
        let target_scale = scale(targets.len());
        let unit = bends.map_or(1.0, |b| b.scale);
        Self {
            targets,
            bounds,
            places: [
                targets.iter().map(|t| place(t.k)).collect(),
                bounds.butterflies.iter().map(|k| place(*k)).collect(),
                bounds.floor.iter().map(|(k, _)| place(*k)).collect(),
            ],
            heights: bends.map_or(0, Bends::count),
            height_scale: target_scale / (HEIGHT_SCALE * unit),
            roughness_scale: target_scale / (ROUGHNESS_SCALE * unit),
            target_scale,
            butterfly_scale: scale(bounds.butterflies.len()),
            floor_scale: scale(bounds.floor.len()),
            steps: [1e-6, 1e-6, 1e-6, 1e-6 * least.min(1.0), 1e-6],
        }
    }

    /// Total vol and two derivatives at a place.
    fn vol(svi: &Svi, heights: &[f64], place: &Place) -> [f64; 3] {
        let mut vol = vol_form(svi.with_derivatives(place.k));
        if let Some(local) = &place.local {
            for (total, part) in vol.iter_mut().zip(local.sum(heights)) {
                *total += part;
            }
        }
        vol
    }

    /// Residuals of the data, the arbitrage terms and the bends; with `gradient`, the derivatives by the heights as well.
    fn rows(&self, at: &[f64], weight: f64, mut gradient: Option<&mut [Vec<f64>]>, out: &mut Vec<f64>) {
        out.clear();
        let svi = raw_of(at);
        let heights = at.get(BASE..).unwrap_or_default();
        let [targets, butterflies, floor] = &self.places;
        let mut push = |row: f64, place: &Place, by: [f64; 3]| {
            out.push(row);
            let Some(columns) = gradient.as_deref_mut() else {
                return;
            };
            for column in columns.iter_mut() {
                column.push(0.0);
            }
            let present = place.local.iter().flat_map(|l| l.present(self.heights));
            for (i, [v, s, c]) in present {
                if let Some(cell) = columns.get_mut(i).and_then(|c| c.last_mut()) {
                    *cell = by[0] * v + by[1] * s + by[2] * c;
                }
            }
        };
        for (target, place) in self.targets.iter().zip(targets) {
            let [total, ..] = Self::vol(&svi, heights, place);
            let scale = self.target_scale / target.tolerance;
            push(scale * (total - target.total), place, [scale, 0.0, 0.0]);
        }
        if weight > 0.0 {
            let scale = weight * self.butterfly_scale;
            for place in butterflies {
                let vol = Self::vol(&svi, heights, place);
                let short = DURRLEMAN_LEAST - durrleman(place.k, vol).max(-1e3);
                if short > 0.0 {
                    let [a, b, c] = durrleman_gradient(place.k, vol);
                    push(scale * short, place, [-scale * a, -scale * b, -scale * c]);
                } else {
                    push(0.0, place, [0.0; 3]);
                }
            }
            let scale = weight * self.floor_scale;
            for ((_, floor), place) in self.bounds.floor.iter().zip(floor) {
                let floor = floor.sqrt();
                let [total, ..] = Self::vol(&svi, heights, place);
                let short = 1.0 - total / floor;
                if short > 0.0 {
                    push(scale * short, place, [-scale / floor, 0.0, 0.0]);
                } else {
                    push(0.0, place, [0.0; 3]);
                }
            }
        }
        for (i, height) in heights.iter().enumerate() {
            out.push(self.height_scale * height);
            let around = heights.get(i.wrapping_sub(1)).zip(heights.get(i + 1));
            out.push(around.map_or(0.0, |(a, b)| self.roughness_scale * (a - 2.0 * height + b)));
            let Some(columns) = gradient.as_deref_mut() else {
                continue;
            };
            for (j, column) in columns.iter_mut().enumerate() {
                column.push(if i == j { self.height_scale } else { 0.0 });
                column.push(match (around.is_some(), i.abs_diff(j)) {
                    (true, 0) => -2.0 * self.roughness_scale,
                    (true, 1) => self.roughness_scale,
                    _ => 0.0,
                });
            }
        }
    }

    /// Residuals and all derivatives: by differences for the SVI coordinates, exact for the heights.
    fn linearised(&self, at: &[f64], weight: f64, out: &mut Rows) {
        out.derivatives.resize_with(at.len(), Vec::new);
        for column in &mut out.derivatives {
            column.clear();
        }
        let (base, heights) = out.derivatives.split_at_mut(BASE.min(at.len()));
        self.rows(at, weight, Some(heights), &mut out.residuals);
        let mut aside = at.to_vec();
        for ((i, column), step) in base.iter_mut().enumerate().zip(self.steps) {
            let Some(here) = at.get(i) else { continue };
            if let Some(x) = aside.get_mut(i) {
                *x = here + step;
            }
            self.rows(&aside, weight, None, column);
            for (to, from) in column.iter_mut().zip(&out.residuals) {
                *to = (*to - from) / step;
            }
            if let Some(x) = aside.get_mut(i) {
                *x = *here;
            }
        }
    }

    /// Levenberg and Marquardt's method.
    fn marquardt(&self, mut at: Vec<f64>, weight: f64) -> Vec<f64> {
        let square = |r: &[f64]| r.iter().map(|x| x * x).sum::<f64>();
        let mut rows = Rows::default();
        let mut trial = Vec::new();
        self.linearised(&at, weight, &mut rows);
        let mut error = square(&rows.residuals);
        let (mut normal, mut slope) = normal_of(&rows);
        let mut damping = 1e-3;
        for _ in 0..STEPS_A_ROUND {
            let mut damped = normal.clone();
            let mut step = slope.clone();
            for (i, line) in damped.iter_mut().enumerate() {
                if let Some(cell) = line.get_mut(i) {
                    *cell += damping * (*cell + 1e-9);
                }
            }
            if solve(&mut damped, &mut step).is_none() {
                damping *= 10.0;
                continue;
            }
            // No coordinate leaps further than the scale on which it means anything.
            let next: Vec<f64> = at
                .iter()
                .zip(&step)
                .map(|(x, s)| x - s.clamp(-2.0, 2.0))
                .collect();
            self.rows(&next, weight, None, &mut trial);
            let found = square(&trial);
            if found < error {
                at = next;
                error = found;
                damping = (damping * 0.2).max(1e-12);
                self.linearised(&at, weight, &mut rows);
                (normal, slope) = normal_of(&rows);
            } else {
                damping = (damping * 8.0).min(1e12);
            }
        }
        at
    }
}

/// The normal equations of linearised rows.
fn normal_of(rows: &Rows) -> (Vec<Vec<f64>>, Vec<f64>) {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
    let columns = &rows.derivatives;
    let normal = columns
        .iter()
        .map(|a| columns.iter().map(|b| dot(a, b)).collect())
        .collect();
    let slope = columns.iter().map(|a| dot(a, &rows.residuals)).collect();
    (normal, slope)
}

/// Solves a linear system in place (the answer stands in `right`) by elimination with the largest pivot; none when it is singular.
#[expect(
    clippy::indexing_slicing,
    reason = "the matrix is square, as wide as `right` is long, and every index is below that"
)]
pub(super) fn solve(matrix: &mut [Vec<f64>], right: &mut [f64]) -> Option<()> {
    let n = right.len();
    if matrix.len() != n || matrix.iter().any(|line| line.len() != n) {
        return None;
    }
    for column in 0..n {
        let pivot =
            (column..n).max_by(|a, b| matrix[*a][column].abs().total_cmp(&matrix[*b][column].abs()))?;
        matrix.swap(column, pivot);
        right.swap(column, pivot);
        let (above, below) = matrix.split_at_mut(column + 1);
        let line = &above[column];
        let head = line[column];
        if head.abs() < 1e-300 || !head.is_finite() {
            return None;
        }
        for (i, row) in below.iter_mut().enumerate() {
            let factor = row[column] / head;
            for (cell, above) in row.iter_mut().zip(line).skip(column) {
                *cell -= factor * above;
            }
            right[column + 1 + i] -= factor * right[column];
        }
    }
    for row in (0..n).rev() {
        let known: f64 = (row + 1..n).map(|i| matrix[row][i] * right[i]).sum();
        right[row] = (right[row] - known) / matrix[row][row];
    }
    right.iter().all(|x| x.is_finite()).then_some(())
}
