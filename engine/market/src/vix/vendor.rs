//! Implied volatilities of a store's quotes against the vendor's own.

use super::study::{forwards, median_of_sorted, rate_at};
use crate::contract::{Right, Root};
use crate::history::{History as _, HistoryError};
use crate::store::{ChainRow, StoreHistory};
use crate::time::{Date, Instant};
use alula_pricing::ExpiryTerms;
use std::collections::BTreeMap;

/// Premium below which a tick is a large part of the price.
const PREMIUM_MIN: f64 = 0.50;
/// Days below which the unknown minute of a snapshot decides the vol.
const DAYS_MIN: f64 = 7.0;

/// What kind of row it is: the reasons for which two sound computations differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RowClass {
    /// Out of the money, at least a week to go, a premium of at least 0.50: both sides should agree.
    Sound,
    /// Less than a week to settlement: the minute of the snapshot matters, and the vendor counts whole days.
    ShortDated,
    /// In the money: intrinsic value hides the vol, and a tick of the quote moves it by points.
    InTheMoney,
    /// Premium under 0.50: a tick is a large part of it.
    SmallPremium,
}

impl RowClass {
    /// All classes.
    pub const ALL: [Self; 4] = [
        Self::Sound,
        Self::ShortDated,
        Self::InTheMoney,
        Self::SmallPremium,
    ];

    /// In words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Sound => "out of the money, a week or more, premium 0.50 or more",
            Self::ShortDated => "under a week: the snapshot's minute is not recorded, vendors count days",
            Self::InTheMoney => "in the money: intrinsic value hides the vol",
            Self::SmallPremium => "premium under 0.50: a tick is a large part of it",
        }
    }
}

/// A contract whose two vols lie far apart.
#[derive(Clone, Debug, PartialEq)]
pub struct Outlier {
    /// When the quotes stood.
    pub at: Instant,
    /// Root.
    pub root: Root,
    /// Expiry.
    pub expiry: Date,
    /// Put or call.
    pub right: Right,
    /// Strike, points.
    pub strike: f64,
    /// Mid, points.
    pub mid: f64,
    /// Computed here, a fraction.
    pub ours: f64,
    /// The vendor's, a fraction.
    pub theirs: f64,
}

/// Differences of one class.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClassSummary {
    /// Rows compared.
    pub rows: usize,
    /// Median absolute difference, vol points.
    pub median: f64,
    /// 99th percentile of the absolute difference, vol points.
    pub p99: f64,
    /// The row that differs most.
    pub worst: Option<Outlier>,
}

/// The comparison.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct IvComparison {
    /// By class.
    pub classes: BTreeMap<RowClass, ClassSummary>,
    /// Rows without a vendor's vol (none, or zero).
    pub vendor_absent: usize,
    /// Rows without a bid or an ask: nothing to invert.
    pub unquoted: usize,
    /// Rows whose mid has no vol: below intrinsic value or without time value.
    pub unsolved: usize,
}

/// Compares every row of `from..=to` that has a two-sided quote and a vendor's vol. Ours: Black-76 on the mid, with the
/// expiry's parity forward, the store's rate and actual minutes to settlement.
///
/// # Errors
/// When the store cannot be read.
pub fn compare_implied(store: &StoreHistory, from: Date, to: Date) -> Result<IvComparison, HistoryError> {
    let mut out = IvComparison::default();
    let mut found: BTreeMap<RowClass, Vec<(f64, Outlier)>> = BTreeMap::new();
    for at in store.ticks("SPX", from, to) {
        let snapshot = store.snapshot("SPX", at)?;
        let rate = rate_at(store, at)?;
        let mut terms: BTreeMap<(Root, Date), (f64, ExpiryTerms)> = BTreeMap::new();
        for f in forwards(&snapshot, rate) {
            let terms_of = f.forward.and_then(|p| {
                let years = f.days / 365.0;
                ExpiryTerms::with_rate(p.forward, years, rate).ok()
            });
            if let Some(t) = terms_of {
                terms.insert((f.root, f.expiry), (f.days, t));
            }
        }
        for root in [Root::Spx, Root::Spxw] {
            let day = store.day_rows(root, at.date())?;
            for row in day.iter().filter(|s| s.at == at).flat_map(|s| &s.rows) {
                let Some((days, terms)) = terms.get(&(root, row.expiry)) else {
                    out.unquoted += 1;
                    continue;
                };
                match compare_row(row, terms) {
                    Compared::VendorAbsent => out.vendor_absent += 1,
                    Compared::Unquoted => out.unquoted += 1,
                    Compared::Unsolved => out.unsolved += 1,
                    Compared::Both { mid, ours, theirs } => {
                        let outlier = Outlier {
                            at,
                            root,
                            expiry: row.expiry,
                            right: row.right,
                            strike: row.strike.to_f64(),
                            mid,
                            ours,
                            theirs,
                        };
                        let class = class_of(row, *days, terms.forward(), mid);
                        let difference = 100.0 * (ours - theirs).abs();
                        found.entry(class).or_default().push((difference, outlier));
                    }
                }
            }
        }
    }
    for (class, mut rows) in found {
        rows.sort_by(|a, b| a.0.total_cmp(&b.0));
        let sizes: Vec<f64> = rows.iter().map(|r| r.0).collect();
        out.classes.insert(
            class,
            ClassSummary {
                rows: rows.len(),
                median: median_of_sorted(&sizes).unwrap_or_default(),
                p99: sizes.get(sizes.len() * 99 / 100).copied().unwrap_or_default(),
                worst: rows.pop().map(|r| r.1),
            },
        );
    }
    Ok(out)
}

enum Compared {
    VendorAbsent,
    Unquoted,
    Unsolved,
    Both { mid: f64, ours: f64, theirs: f64 },
}

fn compare_row(row: &ChainRow, terms: &ExpiryTerms) -> Compared {
    if row.bid.0 <= 0 || row.ask <= row.bid {
        return Compared::Unquoted;
    }
    let Some(theirs) = row.vendor.iv.filter(|v| *v > 0.0) else {
        return Compared::VendorAbsent;
    };
    let mid = f64::midpoint(row.bid.to_f64(), row.ask.to_f64());
    let right = match row.right {
        Right::Put => alula_pricing::Right::Put,
        Right::Call => alula_pricing::Right::Call,
    };
    match terms.implied_vol(right, row.strike.to_f64(), mid) {
        Ok(ours) => Compared::Both { mid, ours, theirs },
        Err(_) => Compared::Unsolved,
    }
}

fn class_of(row: &ChainRow, days: f64, forward: f64, mid: f64) -> RowClass {
    let outside = match row.right {
        Right::Put => row.strike.to_f64() <= forward,
        Right::Call => row.strike.to_f64() >= forward,
    };
    if !outside {
        RowClass::InTheMoney
    } else if days < DAYS_MIN {
        RowClass::ShortDated
    } else if mid < PREMIUM_MIN {
        RowClass::SmallPremium
    } else {
        RowClass::Sound
    }
}
