//! The most that a package's legs can cost at settlement, as an expression of its strikes.

use crate::ast::{Right, Side};
use crate::graph::LegDef;

/// Most that the holder of a package can have to pay at settlement, in points per package, before the credit or debit that
/// opening it brought. An upper bound: never less than what the payoff can come to.
#[derive(Clone, Debug, PartialEq)]
pub enum Loss {
    /// Nothing: the legs are never worth less than zero, so the price paid is all that can be lost.
    Nothing,
    /// The distance between two strikes, where the sold one is the worse of the two; nothing where it is not.
    Gap {
        /// The leg that is sold, by index in the structure.
        sold: usize,
        /// The leg that is bought.
        bought: usize,
        /// Pairs per package.
        times: u32,
    },
    /// The larger: the underlying settles on one side of the sold strikes only.
    Larger(Vec<Loss>),
    /// All of them: each can come true.
    Sum(Vec<Loss>),
}

impl Loss {
    /// The bound for strikes in points, by leg. A leg without a strike counts as one at zero.
    #[must_use]
    pub fn points(&self, legs: &[LegDef], strikes: &[f64]) -> f64 {
        match self {
            Self::Nothing => 0.0,
            Self::Gap { sold, bought, times } => {
                let at = |leg: &usize| strikes.get(*leg).copied().unwrap_or_default();
                let worse = match legs.get(*sold).and_then(|l| l.right) {
                    Some(Right::Put) => at(sold) - at(bought),
                    _ => at(bought) - at(sold),
                };
                worse.max(0.0) * f64::from(*times)
            }
            Self::Larger(all) => all.iter().map(|l| l.points(legs, strikes)).fold(0.0, f64::max),
            Self::Sum(all) => all.iter().map(|l| l.points(legs, strikes)).sum(),
        }
    }

    /// The bound in words of the legs: `short put - long put`. Empty when there is nothing to lose.
    #[must_use]
    pub fn text(&self, legs: &[LegDef]) -> String {
        let name = |leg: &usize| legs.get(*leg).map_or("", |l| l.name.as_str());
        match self {
            Self::Nothing => String::new(),
            Self::Gap { sold, bought, times } => {
                let (more, less) = match legs.get(*sold).and_then(|l| l.right) {
                    Some(Right::Put) => (sold, bought),
                    _ => (bought, sold),
                };
                let gap = format!("{} - {}", name(more), name(less));
                if *times == 1 {
                    gap
                } else {
                    format!("{times} × ({gap})")
                }
            }
            Self::Larger(all) => format!("the larger of ({})", listed(all, legs, ", ")),
            Self::Sum(all) => {
                let grouped: Vec<String> = all
                    .iter()
                    .map(|l| match l {
                        Self::Gap { times: 1, .. } => format!("({})", l.text(legs)),
                        _ => l.text(legs),
                    })
                    .collect();
                grouped.join(" + ")
            }
        }
    }

    /// One bound of several that can all come true.
    pub(super) fn sum(parts: Vec<Self>) -> Self {
        Self::join(parts, Self::Sum)
    }

    /// One bound of several of which one at most comes true.
    pub(super) fn larger(parts: Vec<Self>) -> Self {
        Self::join(parts, Self::Larger)
    }

    fn join(parts: Vec<Self>, with: fn(Vec<Self>) -> Self) -> Self {
        let mut parts: Vec<Self> = parts.into_iter().filter(|p| *p != Self::Nothing).collect();
        if parts.len() > 1 {
            return with(parts);
        }
        parts.pop().unwrap_or(Self::Nothing)
    }
}

fn listed(all: &[Loss], legs: &[LegDef], between: &str) -> String {
    let texts: Vec<String> = all.iter().map(|l| l.text(legs)).collect();
    texts.join(between)
}

/// Units of sold legs that bought legs of their right and settlement cover, paired one by one, and the sold legs that are
/// left over. `prefer` says how far two legs lie apart at most, so that near pairs are made first.
pub(super) fn pair(
    legs: &[(usize, &LegDef)],
    prefer: impl Fn(usize, usize) -> f64,
) -> Result<Vec<Loss>, Vec<usize>> {
    let units = |side: Side| -> Vec<(usize, u32)> {
        let of = legs.iter().filter(|(_, l)| l.side == side);
        of.map(|(at, l)| (*at, l.ratio)).collect()
    };
    let mut bought = units(Side::Long);
    let mut parts = Vec::new();
    let mut bare = Vec::new();
    for (sold, mut open) in units(Side::Short) {
        bought.sort_by(|a, b| {
            prefer(sold, a.0)
                .total_cmp(&prefer(sold, b.0))
                .then(a.0.cmp(&b.0))
        });
        for (cover, left) in &mut bought {
            let times = open.min(*left);
            if times == 0 {
                continue;
            }
            open -= times;
            *left -= times;
            parts.push(Loss::Gap {
                sold,
                bought: *cover,
                times,
            });
        }
        if open > 0 {
            bare.push(sold);
        }
    }
    if bare.is_empty() { Ok(parts) } else { Err(bare) }
}
