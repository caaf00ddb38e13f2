//! What the checks feed an indicator: lanes of series, or snapshots of a chain, from a fixed sequence.

use super::{Draws, invented};
use crate::chain::{Chain, Contracts, Expiry, Settles};
use crate::host::{IndicatorInfo, Instance, Row};
use crate::raw::{RIGHT_CALL, RIGHT_PUT};

/// Rows of inputs for an indicator.
#[derive(Clone, Debug)]
pub(super) enum Feed {
    /// One lane for each series.
    Lanes(Vec<Vec<f64>>),
    /// One snapshot for each row.
    Chains(Vec<Columns>),
}

impl Feed {
    /// Rows as a market gives them.
    pub(super) fn new(info: &IndicatorInfo, rows: usize, seed: u64) -> Self {
        if !info.chain {
            return Self::Lanes(invented(info, rows, seed));
        }
        let mut draws = Draws(seed);
        let mut spot = 3000.0 + 3000.0 * draws.unit();
        let mut chains = Vec::with_capacity(rows);
        for _ in 0..rows {
            spot *= 1.0 + 0.03 * (draws.unit() - 0.5);
            chains.push(Columns::invented(spot, 3, 11, &mut draws));
        }
        Self::Chains(chains)
    }

    /// A few small rows, where what counts is the instance and not what it reads.
    pub(super) fn small(info: &IndicatorInfo, seed: u64) -> Self {
        if !info.chain {
            return Self::Lanes(invented(info, 4, seed));
        }
        Self::Chains(vec![Columns::invented(4000.0, 1, 1, &mut Draws(seed))])
    }

    /// Passes a row.
    pub(super) fn pass(&self, instance: &mut Instance, at: usize) -> Row {
        match self {
            Self::Lanes(lanes) => {
                let inputs: Vec<f64> = lanes
                    .iter()
                    .map(|lane| lane.get(at).copied().unwrap_or(f64::NAN))
                    .collect();
                instance.update(&inputs)
            }
            Self::Chains(chains) => match chains.get(at) {
                Some(columns) => instance.update_chain(&columns.chain()),
                None => Row::Undefined,
            },
        }
    }

    /// These rows up to one, and another's from there on.
    pub(super) fn until(&self, cut: usize, other: &Self) -> Self {
        fn spliced<T: Clone>(mine: &[T], other: &[T], cut: usize) -> Vec<T> {
            mine.iter()
                .take(cut)
                .chain(other.iter().skip(cut))
                .cloned()
                .collect()
        }
        match (self, other) {
            (Self::Lanes(mine), Self::Lanes(other)) => {
                let pairs = mine.iter().zip(other);
                Self::Lanes(pairs.map(|(a, b)| spliced(a, b, cut)).collect())
            }
            (Self::Chains(mine), Self::Chains(other)) => Self::Chains(spliced(mine, other, cut)),
            _ => self.clone(),
        }
    }

    /// Passes a row from memory that is overwritten afterwards, and used again for the next.
    pub(super) fn lend(&self, instance: &mut Instance, at: usize, lent: &mut Lent) -> Row {
        match self {
            Self::Lanes(lanes) => {
                lent.row.clear();
                let row = lanes.iter().map(|lane| lane.get(at).copied().unwrap_or(f64::NAN));
                lent.row.extend(row);
                let row = instance.update(&lent.row);
                lent.row.fill(SPOILED);
                row
            }
            Self::Chains(chains) => {
                let Some(columns) = chains.get(at) else {
                    return Row::Undefined;
                };
                // Into the same memory where it is large enough.
                lent.columns.clone_from(columns);
                let row = instance.update_chain(&lent.columns.chain());
                lent.columns.spot = SPOILED;
                for column in &mut lent.columns.numbers {
                    column.fill(SPOILED);
                }
                row
            }
        }
    }

    /// Passes rows at once; each row's outputs, in lanes.
    pub(super) fn pass_all(
        &self,
        instance: &mut Instance,
        rows: std::ops::Range<usize>,
    ) -> (Vec<Row>, Vec<Vec<f64>>) {
        let mut out = vec![Vec::new(); instance.info().outputs.len()];
        let said = match self {
            Self::Lanes(lanes) => {
                let part: Vec<&[f64]> = lanes
                    .iter()
                    .map(|lane| lane.get(rows.clone()).unwrap_or_default())
                    .collect();
                instance.update_batch(&part, &mut out)
            }
            // Snapshots come one by one to either driver.
            Self::Chains(_) => rows
                .map(|at| {
                    let row = self.pass(instance, at);
                    for (lane, x) in out.iter_mut().zip(instance.outputs()) {
                        lane.push(*x);
                    }
                    row
                })
                .collect(),
        };
        (said, out)
    }
}

/// What stands in memory that is not lent any more: a number that no market gives, and that spoils every sum.
const SPOILED: f64 = -9.75e250;

/// Memory that rows are passed from.
#[derive(Clone, Debug, Default)]
pub(super) struct Lent {
    row: Vec<f64>,
    columns: Columns,
}

/// A chain that owns its columns.
#[derive(Clone, Debug, Default)]
pub(super) struct Columns {
    spot: f64,
    expiries: Vec<(u32, f64, f64, f64)>,
    expiry_of: Vec<u32>,
    right: Vec<u32>,
    numbers: [Vec<f64>; 9],
}

impl Columns {
    fn row(&mut self, expiry: u32, right: u32, numbers: [f64; 9]) {
        self.expiry_of.push(expiry);
        self.right.push(right);
        for (column, x) in self.numbers.iter_mut().zip(numbers) {
            column.push(x);
        }
    }

    /// Strikes around the money, with a smile and bells for time value and gamma: a chain in shape, and no more than that. Some
    /// contracts have no market, some no open interest.
    fn invented(spot: f64, expiries: u32, strikes: u32, draws: &mut Draws) -> Self {
        let mut made = Self {
            spot,
            ..Self::default()
        };
        for expiry in 0..expiries {
            let days = 3.0 + 27.0 * f64::from(expiry) + draws.unit();
            let years = days / 365.0;
            let forward = spot * (1.0 + 0.03 * years);
            made.expiries
                .push((20_300_100 + expiry, years, forward, 1.0 - 0.04 * years));
            let level = 12.0 + 20.0 * draws.unit();
            let width = forward * level / 100.0 * years.sqrt();
            for strike in 0..strikes {
                let from_middle = f64::from(strike) - f64::from(strikes - 1) / 2.0;
                let k = (forward + 0.4 * width * from_middle).round();
                let m = (k - forward) / width;
                let vol = level - 1.5 * m + 0.5 * m * m;
                let bell = (-0.5 * m * m).exp();
                let up = 1.0 / (1.0 + (1.7 * m).exp());
                for (right, intrinsic, delta) in [
                    (RIGHT_PUT, (k - forward).max(0.0), up - 1.0),
                    (RIGHT_CALL, (forward - k).max(0.0), up),
                ] {
                    let mid = intrinsic + 0.4 * width * bell + 0.05;
                    let quoted = draws.below(10) > 0;
                    let of = |x: f64| if quoted { x } else { f64::NAN };
                    let interest = (draws.unit() * 20_000.0).floor();
                    made.row(
                        expiry,
                        right,
                        [
                            k,
                            of(mid * 0.98),
                            of(mid * 1.02),
                            of(mid),
                            of(vol),
                            of(delta),
                            of(0.4 * bell / width),
                            if draws.below(15) == 0 { 0.0 } else { interest },
                            (draws.unit() * 5_000.0).floor(),
                        ],
                    );
                }
            }
        }
        made
    }

    /// Chains that no market gives: none, without open interest, and with the wildest numbers.
    pub(super) fn wild(draws: &mut Draws, numbers: &[f64]) -> Self {
        let mut pick = || numbers.get(draws.below(numbers.len())).copied().unwrap_or(0.0);
        let mut made = Self {
            spot: pick().abs().max(f64::MIN_POSITIVE),
            ..Self::default()
        };
        let shape = pick().to_bits() % 4;
        if shape == 0 {
            return made;
        }
        for expiry in 0..2 {
            let (years, forward) = (pick().abs().max(5e-324), pick().abs().max(5e-324));
            made.expiries
                .push((20_300_100 + expiry, years, forward, pick().abs()));
            for strike in 0..3 {
                let right = if strike % 2 == 0 { RIGHT_PUT } else { RIGHT_CALL };
                let mut row = [0.0; 9].map(|_| pick().abs());
                if shape == 1 {
                    row = [
                        row[0],
                        f64::NAN,
                        f64::NAN,
                        f64::NAN,
                        f64::NAN,
                        f64::NAN,
                        f64::NAN,
                        f64::NAN,
                        f64::NAN,
                    ];
                }
                made.row(expiry, right, row);
            }
        }
        made
    }

    pub(super) fn chain(&self) -> Chain<'_> {
        let [strike, bid, ask, mid, vol, delta, gamma, open_interest, volume] = &self.numbers;
        let expiries = self.expiries.iter();
        Chain {
            underlying: "SPX",
            date: 20_300_101,
            spot: self.spot,
            multiplier: 100.0,
            expiries: expiries
                .map(|&(date, years, forward, discount)| Expiry {
                    root: "SPXW",
                    date,
                    settles: Settles::Pm,
                    years,
                    forward,
                    discount,
                })
                .collect(),
            contracts: Contracts {
                expiry_of: &self.expiry_of,
                right: &self.right,
                strike,
                bid,
                ask,
                mid,
                vol,
                delta,
                gamma,
                open_interest,
                volume,
            },
        }
    }
}
