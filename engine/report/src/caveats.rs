//! What a reader must know before believing a result.

use crate::model::Report;
use crate::text;

/// One line each, gravest first. Never empty: a backtest without a caveat does not exist.
#[must_use]
pub fn lines(report: &Report) -> Vec<String> {
    let mut out = Vec::new();
    if let Some(why) = &report.stopped {
        out.push(format!("The run stopped early: {why}"));
    }
    if report.data.simulated {
        out.push(
            "The market is simulated. Figures show what the rules do, not what they would have earned."
                .to_owned(),
        );
    }
    out.extend(report.marks.iter().map(|m| sentence(m)));
    let approximate = report.trades.iter().filter(|t| t.approximate).count();
    if approximate > 0 {
        out.push(format!(
            "{} settled to a stand-in for the official settlement value.",
            text::plural(approximate, "trade")
        ));
    }
    if !report.gaps.is_empty() {
        let shown: Vec<String> = report.gaps.iter().take(12).map(ToString::to_string).collect();
        let more = report.gaps.len().saturating_sub(shown.len());
        let more = if more == 0 {
            String::new()
        } else {
            format!(" and {more} more")
        };
        out.push(format!(
            "{} without data, on which the last mark was held and nothing was decided: {}{more}.",
            text::plural(report.gaps.len(), "session"),
            shown.join(", ")
        ));
    }
    // What the data say of themselves, but for what is said above already.
    let missing = format!("{} chains are missing for", report.underlying);
    let said = |n: &str| {
        n.starts_with(&missing) || (report.data.simulated && n.starts_with("every price is simulated"))
    };
    out.extend(report.data.notes.iter().filter(|n| !said(n)).map(|n| sentence(n)));
    out.push(format!(
        "Quotes are not fills: the band runs from every fill at natural to every fill at mid; the line gives up {}.",
        report.cross
    ));
    let size = match report.depth.as_str() {
        "unlimited" => "Size does not move the market here: every order fills whole.".to_owned(),
        depth => format!(
            "Size counts against what is shown at the top of the book alone (`depth {depth}`); what lies behind it is not known."
        ),
    };
    out.push(format!("{size} No assignment or outage is modelled, and margin is a published rulebook's, not a broker's figure."));
    out
}

/// With a capital letter and a full stop.
fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars
        .next()
        .map(|c| c.to_uppercase().collect::<String>())
        .unwrap_or_default();
    let end = if text.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{first}{}{end}", chars.as_str())
}
