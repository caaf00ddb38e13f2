//! What the strategy block says about money, as the book takes it.

use crate::error::{ErrorClass, RunError};
use crate::manifest::cross_text;
use alula_book::{Cross, Depth, FeeSchedule, FillModel, FillModelError, Rulebook, Share};
use alula_dsl::graph::{self, Settings};
use alula_market::money::Usd;
use std::collections::BTreeMap;

/// Capital, fills, fees and margin of a run.
#[derive(Clone, Debug)]
pub struct Terms {
    /// Capital.
    pub capital: Usd,
    /// How orders fill.
    pub fills: FillModel,
    /// Fees.
    pub fees: FeeSchedule,
    /// Margin rulebook enforced.
    pub rulebook: Rulebook,
}

/// Reads them from the settings.
///
/// # Errors
/// When a name or an amount is none; the checker refuses such files.
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

/// Writes what a run recorded about fills, fees and margin over a strategy block: a run whose command line changed them is
/// computed again as it was. Settings that say the same already stay as they are, to the bit.
pub fn restore(settings: &mut Settings, recorded: &BTreeMap<String, String>) {
    if let Some(text) = recorded
        .get("cross")
        .filter(|t| **t != cross_text(settings.cross))
    {
        let percent = text.split('%').next().and_then(|p| p.trim().parse::<f64>().ok());
        let share = percent.and_then(|p| Cross::from_f64(p / 100.0));
        settings.cross = match share {
            Some(share) => graph::Cross::Share(share.to_f64()),
            None => graph::Cross::ByLegs,
        };
    }
    if let Some(text) = recorded.get("depth") {
        let mut words = text.split_whitespace();
        let how = words.next().unwrap_or_default();
        let assume = words.nth(1).and_then(|n| n.parse().ok());
        settings.depth = match how {
            "impact" => graph::Depth::Impact { assume },
            "limited" => graph::Depth::Limited { assume },
            _ => graph::Depth::Unlimited,
        };
    }
    if let Some(fees) = recorded.get("fees") {
        settings.fees.clone_from(fees);
    }
    if let Some(text) = recorded.get("margin") {
        let (rulebook, rest) = text.split_once(',').unwrap_or((text, ""));
        rulebook.trim().clone_into(&mut settings.margin);
        settings.flatten_on_call = !rest.is_empty();
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::settings_table;

    fn settings() -> Settings {
        let text = "alula 1\n\nstrategy t {\n    capital $1_000\n    evaluate every 1 session in SPX.regular\n    cross 7% of spread\n}\n";
        let compiled = alula_dsl::compile::compile("t.alula", text.as_bytes(), &alula_dsl::source::NoImports);
        compiled.graph.expect("a strategy block").settings
    }

    #[test]
    fn what_a_run_recorded_about_its_terms_reads_back() {
        assert_eq!(cross_text(settings().cross), "7% of spread");
        for fill in [
            "mid",
            "natural",
            "share:0.07",
            "share:0.333333",
            "legs",
            "legs+impact",
            "share:0.6+limited:20",
        ] {
            for (margin, flatten) in [("cboe", false), ("portfolio_ibkr", true)] {
                let mut run = settings();
                set_fill_model(&mut run, fill).expect("a fill model");
                "flat".clone_into(&mut run.fees);
                margin.clone_into(&mut run.margin);
                run.flatten_on_call = flatten;
                let mut again = settings();
                restore(&mut again, &settings_table(&run));
                assert_eq!(again, run, "{fill}");
            }
        }
    }
}
