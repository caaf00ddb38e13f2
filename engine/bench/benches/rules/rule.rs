//! The rules that every engine evaluates: drawn from a fixed seed, each with its text for every language and its native form.

use std::fmt::Write as _;

/// Inputs that rules read.
pub const INPUTS: usize = 20;

/// A small generator with a fixed sequence (splitmix64): the same rules on every machine and for every version of a crate.
pub struct Draw(u64);

impl Draw {
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number in `lo..hi`.
    #[expect(clippy::cast_precision_loss, reason = "53 bits are exact")]
    pub fn uniform(&mut self, lo: f64, hi: f64) -> f64 {
        lo + (hi - lo) * ((self.next() >> 11) as f64 / (1_u64 << 53) as f64)
    }

    /// An index below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() % n as u64).unwrap_or(0)
    }
}

/// Walks between 50 and 150 that start near 100, one column for each input.
pub fn market(ticks: usize) -> Vec<Vec<f64>> {
    let mut draw = Draw::new(0x0A1B);
    (0..INPUTS)
        .map(|_| {
            let mut level = draw.uniform(90.0, 110.0);
            (0..ticks)
                .map(|_| {
                    level += draw.uniform(-1.0, 1.0) + 0.002 * (100.0 - level);
                    level = level.clamp(50.0, 150.0);
                    level
                })
                .collect()
        })
        .collect()
}

/// How a language spells what Alula spells `and`, `or`, `not`, and an input.
pub struct Spelling {
    pub and: &'static str,
    pub or: &'static str,
    pub not: &'static str,
    pub input: &'static str,
}

pub const ALULA: Spelling = Spelling {
    and: "and",
    or: "or",
    not: "not ",
    input: "s",
};
pub const C_LIKE: Spelling = Spelling {
    and: "&&",
    or: "||",
    not: "!",
    input: "x",
};

/// Shapes: the text with `{a}` … `{f}` for inputs and `{k}` … `{m}` for constants, and the number of its operations.
const SHAPES: [(&str, u32); 8] = [
    ("{a} > {k} AND {b} < {l}", 3),
    ("({a} - {b}) / {c} > {r} AND {d} < {l}", 5),
    ("({a} * {t} + {b} > {c} * 2.0) AND ({d} < {l} OR {e} >= {m})", 8),
    ("({a} - {b} > {r} * {c}) OR NOT({d} > {l})", 6),
    ("({a} + {b}) / ({c} + {d}) > {t} AND {e} <= {l}", 6),
    ("({a} / {b} > {t} AND {c} / {d} < {u}) AND {e} > {f}", 7),
    ("{a} + {v} > {b} AND {c} < {l}", 4),
    ("{a} * {t} > {b} OR {c} - {d} < {v}", 5),
];

/// A rule: a shape with its inputs and constants.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    shape: usize,
    inputs: [usize; 6],
    /// Two levels, a third, a small share, two factors near one, a small distance.
    k: f64,
    l: f64,
    m: f64,
    r: f64,
    t: f64,
    u: f64,
    v: f64,
}

/// Constants are short decimals, so that every language reads the same number.
fn short(x: f64) -> f64 {
    (x * 1e4).round() / 1e4
}

/// `count` rules from the fixed seed.
pub fn rules(count: usize) -> Vec<Rule> {
    let mut draw = Draw::new(0x5EED);
    (0..count)
        .map(|i| Rule {
            shape: i % SHAPES.len(),
            inputs: std::array::from_fn(|_| draw.below(INPUTS)),
            k: short(draw.uniform(80.0, 120.0)),
            l: short(draw.uniform(80.0, 120.0)),
            m: short(draw.uniform(80.0, 120.0)),
            r: short(draw.uniform(0.01, 0.2)),
            t: short(draw.uniform(0.9, 1.1)),
            u: short(draw.uniform(0.9, 1.1)),
            v: short(draw.uniform(0.5, 10.0)),
        })
        .collect()
}

/// Operations of a rule set, per rule.
pub fn operations(rules: &[Rule]) -> f64 {
    let all: u32 = rules.iter().map(|r| SHAPES[r.shape].1).sum();
    f64::from(all) / f64::from(u32::try_from(rules.len()).unwrap_or(1))
}

impl Rule {
    /// Source text.
    pub fn text(&self, s: &Spelling) -> String {
        let mut out = SHAPES[self.shape].0.replace("AND", s.and).replace("OR", s.or);
        out = out.replace("NOT", s.not);
        for (name, input) in ["{a}", "{b}", "{c}", "{d}", "{e}", "{f}"].iter().zip(self.inputs) {
            out = out.replace(name, &format!("{}{input}", s.input));
        }
        let constants = [self.k, self.l, self.m, self.r, self.t, self.u, self.v];
        for (name, x) in ["{k}", "{l}", "{m}", "{r}", "{t}", "{u}", "{v}"]
            .iter()
            .zip(constants)
        {
            let mut number = String::new();
            let _ = write!(number, "{x:?}");
            out = out.replace(name, &number);
        }
        out
    }

    /// Native, one row.
    pub fn row(&self, x: &[f64]) -> bool {
        let [a, b, c, d, e, f] = self.inputs.map(|i| x[i]);
        let Self {
            k, l, m, r, t, u, v, ..
        } = *self;
        match self.shape {
            0 => a > k && b < l,
            1 => (a - b) / c > r && d < l,
            2 => a * t + b > c * 2.0 && (d < l || e >= m),
            3 => a - b > r * c || d <= l,
            4 => (a + b) / (c + d) > t && e <= l,
            5 => a / b > t && c / d < u && e > f,
            6 => a + v > b && c < l,
            _ => a * t > b || c - d < v,
        }
    }

    /// Native, a stretch of columns: what a person would write for this one rule, in a form that becomes vector code.
    #[inline(always)]
    pub fn columns(&self, columns: &[&[f64]], out: &mut [u8]) {
        let x = self.inputs.map(|i| columns[i]);
        let Self {
            k, l, m, r, t, u, v, ..
        } = *self;
        match self.shape {
            0 => each(x, out, |[a, b, ..]| (a > k) & (b < l)),
            1 => each(x, out, |[a, b, c, d, ..]| ((a - b) / c > r) & (d < l)),
            2 => each(x, out, |[a, b, c, d, e, _]| {
                (a * t + b > c * 2.0) & ((d < l) | (e >= m))
            }),
            3 => each(x, out, |[a, b, c, d, ..]| (a - b > r * c) | (d <= l)),
            4 => each(x, out, |[a, b, c, d, e, _]| ((a + b) / (c + d) > t) & (e <= l)),
            5 => each(x, out, |[a, b, c, d, e, f]| (a / b > t) & (c / d < u) & (e > f)),
            6 => each(x, out, |[a, b, c, ..]| (a + v > b) & (c < l)),
            _ => each(x, out, |[a, b, c, d, ..]| (a * t > b) | (c - d < v)),
        }
    }
}

#[inline(always)]
fn each(x: [&[f64]; 6], out: &mut [u8], f: impl Fn([f64; 6]) -> bool) {
    let n = out.len();
    let [a, b, c, d, e, g] = x.map(|column| &column[..n]);
    for i in 0..n {
        out[i] = u8::from(f([a[i], b[i], c[i], d[i], e[i], g[i]]));
    }
}
