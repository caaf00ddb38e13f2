//! How orders fill: what share of the spread they give up, and how size matters.
//!
//! A model is a few words: `mid`, `natural`, `share:0.6` or `legs`, and after a plus sign `impact` or `limited`, each with
//! the size to assume where the data show none (`legs+limited:20`). Whatever the model, a package fills between mid and
//! natural of its quotes, never beyond.

use crate::band::Cross;
use std::fmt;

/// Share of the half-spread by number of legs, in millionths: a market maker gives a package back part of the spreads of
/// its legs. One leg 0.75 and four legs 0.56, flat beyond, as published for ORATS' slippage study in the fill model of
/// FLOX (pull request 357); two and three legs lie on the line between.
const BY_LEGS: [u32; 4] = [750_000, 686_667, 623_333, 560_000];

/// What share of the half-spread a fill gives up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Share {
    /// The same whatever the number of legs.
    Fixed(Cross),
    /// Falling with the number of legs that trade: 0.75, 0.69, 0.62, 0.56 from one to four, 0.56 beyond.
    ByLegs,
}

/// How the size of an order matters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Depth {
    /// Not at all: every order fills whole.
    #[default]
    Unlimited,
    /// Every order fills whole, and gives up more the larger it is against the size shown: the stated share for nothing,
    /// the whole half-spread for as much as is shown or more. What lies behind the shown size is not known, so that a
    /// larger order pays natural and no more: for orders far beyond the shown size this is kind.
    Impact {
        /// Contracts to assume where the data show no size.
        assume: Option<u32>,
    },
    /// As [`Depth::Impact`], and at most what is shown fills, in whole packages.
    Limited {
        /// Contracts to assume where the data show no size.
        assume: Option<u32>,
    },
}

/// How orders fill.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FillModel {
    /// Share of the half-spread.
    pub share: Share,
    /// Size.
    pub depth: Depth,
}

/// A text that is not a fill model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a fill model")]
pub struct FillModelError(pub String);

impl FillModelError {
    /// What to write.
    pub const HELP: &'static str = "write `mid`, `natural`, `legs` or `share:0.6`, then `+impact` or `+limited` if size matters, such as `legs+limited:20`";
}

impl From<Cross> for FillModel {
    fn from(cross: Cross) -> Self {
        Self::fixed(cross)
    }
}

impl FillModel {
    /// One share for every order, size ignored.
    #[must_use]
    pub const fn fixed(cross: Cross) -> Self {
        Self {
            share: Share::Fixed(cross),
            depth: Depth::Unlimited,
        }
    }

    /// Share for a trade of so many legs, size apart.
    #[must_use]
    pub fn cross(&self, legs: usize) -> Cross {
        match self.share {
            Share::Fixed(cross) => cross,
            Share::ByLegs => {
                let at = legs.clamp(1, BY_LEGS.len()) - 1;
                Cross::from_millionths(BY_LEGS.get(at).copied().unwrap_or(1_000_000))
            }
        }
    }

    /// The size to go by: what the data show, else what the model assumes; `None`: size matters and is not known.
    #[must_use]
    pub const fn displayed(&self, shown: Option<u32>) -> Option<u32> {
        match (shown, self.depth) {
            (Some(shown), _) => Some(shown),
            (None, Depth::Impact { assume } | Depth::Limited { assume }) => assume,
            (None, Depth::Unlimited) => None,
        }
    }

    /// Size matters.
    #[must_use]
    pub const fn sees_size(&self) -> bool {
        !matches!(self.depth, Depth::Unlimited)
    }

    /// From words: see the module.
    ///
    /// # Errors
    /// [`FillModelError`] with the text; [`FillModelError::HELP`] says what to write.
    pub fn parse(text: &str) -> Result<Self, FillModelError> {
        let bad = || FillModelError(text.to_owned());
        let (share, depth) = match text.split_once('+') {
            Some((share, depth)) => (share, Some(depth)),
            None => (text, None),
        };
        let share = match share.trim() {
            "mid" => Share::Fixed(Cross::MID),
            "natural" => Share::Fixed(Cross::NATURAL),
            "legs" => Share::ByLegs,
            other => {
                let number = other.strip_prefix("share:").ok_or_else(bad)?.trim();
                let value = match number.strip_suffix('%') {
                    Some(percent) => percent.trim().parse::<f64>().map(|p| p / 100.0),
                    None => number.parse::<f64>(),
                };
                Share::Fixed(value.ok().and_then(Cross::from_f64).ok_or_else(bad)?)
            }
        };
        let depth = match depth.map(str::trim) {
            None => Depth::Unlimited,
            Some(words) => {
                let (word, assume) = match words.split_once(':') {
                    Some((word, n)) => {
                        let n = n.trim().parse::<u32>().ok().filter(|n| *n > 0).ok_or_else(bad)?;
                        (word.trim(), Some(n))
                    }
                    None => (words, None),
                };
                match word {
                    "impact" => Depth::Impact { assume },
                    "limited" => Depth::Limited { assume },
                    _ => return Err(bad()),
                }
            }
        };
        Ok(Self { share, depth })
    }

    /// One line for a reader of results: what the share is.
    #[must_use]
    pub fn in_words(&self) -> String {
        let share = match self.share {
            Share::Fixed(Cross::MID) => "every leg at mid".to_owned(),
            Share::Fixed(Cross::NATURAL) => "buys at the ask, sells at the bid".to_owned(),
            Share::Fixed(cross) => format!("{}% of the half-spread", cross.to_f64() * 100.0),
            Share::ByLegs => "75% of the half-spread for one leg, falling to 56% for four".to_owned(),
        };
        let assumed = |assume: Option<u32>| {
            assume.map_or_else(String::new, |n| format!(" ({n} assumed where none is shown)"))
        };
        match self.depth {
            Depth::Unlimited => share,
            Depth::Impact { assume } => {
                format!(
                    "{share}, more for larger orders against the size shown{}",
                    assumed(assume)
                )
            }
            Depth::Limited { assume } => format!(
                "{share}, more for larger orders, and no more than the size shown{}",
                assumed(assume)
            ),
        }
    }
}

impl fmt::Display for FillModel {
    /// As [`FillModel::parse`] reads it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.share {
            Share::Fixed(Cross::MID) => f.write_str("mid")?,
            Share::Fixed(Cross::NATURAL) => f.write_str("natural")?,
            Share::Fixed(cross) => write!(f, "share:{}", cross.to_f64())?,
            Share::ByLegs => f.write_str("legs")?,
        }
        let (word, assume) = match self.depth {
            Depth::Unlimited => return Ok(()),
            Depth::Impact { assume } => ("impact", assume),
            Depth::Limited { assume } => ("limited", assume),
        };
        match assume {
            Some(n) => write!(f, "+{word}:{n}"),
            None => write!(f, "+{word}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_reads_back_what_it_writes() {
        for text in [
            "mid",
            "natural",
            "legs",
            "share:0.4",
            "legs+impact",
            "share:0.65+limited:20",
            "natural+limited",
        ] {
            assert_eq!(FillModel::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(
            FillModel::parse("share:40%").unwrap(),
            FillModel::parse("share:0.4").unwrap()
        );
        assert_eq!(
            FillModel::parse(" legs + limited : 20 ").unwrap().to_string(),
            "legs+limited:20"
        );
        for text in [
            "",
            "share",
            "share:",
            "share:1.1",
            "share:-1",
            "share:nan",
            "legs+",
            "legs+impact:0",
            "half",
        ] {
            let error = FillModel::parse(text).unwrap_err();
            assert_eq!(error.to_string(), format!("`{text}` is not a fill model"));
        }
    }

    /// 0.75 and 0.56 are published; 0.75 − 0.19/3 and 0.75 − 2 × 0.19/3 lie between.
    #[test]
    fn the_share_falls_with_the_number_of_legs() {
        let model = FillModel::parse("legs").unwrap();
        let shares = [0, 1, 2, 3, 4, 5, 16].map(|n| model.cross(n).to_f64());
        let wanted = [0.75, 0.75, 0.686_667, 0.623_333, 0.56, 0.56, 0.56];
        assert_eq!(shares.map(f64::to_bits), wanted.map(f64::to_bits));
    }
}
