//! What the strategy block says about money, as the book takes it.

use crate::error::{ErrorClass, RunError};
use alula_book::{Cross, Depth, FeeSchedule, FillModel, FillModelError, Rulebook, Share};
use alula_dsl::graph::{self, Settings};
use alula_market::money::Usd;

/// Capital, fills, fees and margin of a run.
#[derive(Clone, Debug)]
pub struct Terms {
    pub capital: Usd,
    pub fills: FillModel,
    pub fees: FeeSchedule,
    pub rulebook: Rulebook,
}

/// Reads them from the settings.
pub fn terms(settings: &Settings) -> Result<Terms, RunError> {
    let bad = |what: String, help: String| RunError::new(ErrorClass::Request, what, help);
    let capital = Usd::from_f64(settings.capital_usd).ok_or_else(|| {
        bad(
            format!("capital `{}` is out of range", settings.capital_usd),
            "choose less".to_owned(),
        )
    })?;
    let fees = FeeSchedule::named(&settings.fees).ok_or_else(|| {
        bad(
            format!("no fee schedule `{}`", settings.fees),
            format!("use {}", listed(&FeeSchedule::NAMES)),
        )
    })?;
    let rulebook = Rulebook::named(&settings.margin).ok_or_else(|| {
        bad(
            format!("no margin rulebook `{}`", settings.margin),
            format!("use {}", listed(&Rulebook::NAMES)),
        )
    })?;
    Ok(Terms {
        capital,
        fills: fill_model(settings)?,
        fees,
        rulebook,
    })
}

fn listed(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|n| format!("`{n}`")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => quoted.concat(),
    }
}

/// How orders fill, by the strategy block.
///
/// # Errors
/// When the share is no share; the checker refuses such files.
pub fn fill_model(settings: &Settings) -> Result<FillModel, RunError> {
    let share = match settings.cross {
        graph::Cross::ByLegs => Share::ByLegs,
        graph::Cross::Share(share) => Share::Fixed(Cross::from_f64(share).ok_or_else(|| {
            let what = format!("`cross {share}` is not a share");
            RunError::new(ErrorClass::Request, what, "write 0% to 100%")
        })?),
    };
    let depth = match settings.depth {
        graph::Depth::Unlimited => Depth::Unlimited,
        graph::Depth::Impact { assume } => Depth::Impact { assume },
        graph::Depth::Limited { assume } => Depth::Limited { assume },
    };
    Ok(FillModel { share, depth })
}

/// Writes a fill model such as `legs+limited:20` over what the strategy block says.
///
/// # Errors
/// The text is not a fill model.
pub fn set_fill_model(settings: &mut Settings, text: &str) -> Result<(), FillModelError> {
    let model = FillModel::parse(text)?;
    settings.cross = match model.share {
        Share::Fixed(cross) => graph::Cross::Share(cross.to_f64()),
        Share::ByLegs => graph::Cross::ByLegs,
    };
    settings.depth = match model.depth {
        Depth::Unlimited => graph::Depth::Unlimited,
        Depth::Impact { assume } => graph::Depth::Impact { assume },
        Depth::Limited { assume } => graph::Depth::Limited { assume },
    };
    Ok(())
}
