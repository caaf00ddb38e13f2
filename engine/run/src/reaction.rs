//! What past occurrences of an event did to the market: the move that a scenario takes for the next one.
//!
//! The sample is the one that `under event …` takes in rules, by the same code: see [`alula_core::clock::events`].

use crate::error::{ErrorClass, RunError};
use alula_core::clock::events::{Projection, reactions};
use alula_dsl::graph::LEAST_REACTIONS;
use alula_market::history::History;
use alula_market::series::BarSize;
use alula_market::time::Instant;

/// The index whose closes are an underlying's, and the one whose closes are its implied vol at thirty days.
#[must_use]
pub fn indices(underlying: &str) -> (&'static str, &'static str) {
    if underlying == "VIX" {
        ("VIX", "VVIX")
    } else {
        ("SPX", "VIX")
    }
}

/// The average of the reactions to an event that were over at an instant, refused below [`LEAST_REACTIONS`] of them.
///
/// # Errors
/// When the data have no such event or index, cannot be read, or have too few reactions.
pub fn project(
    history: &dyn History,
    event: &str,
    underlying: &str,
    at: Instant,
) -> Result<Projection, RunError> {
    let events = history.events(event)?.ok_or_else(|| {
        let what = format!("the data have no calendar of the event `{event}`");
        RunError::new(ErrorClass::Data, what, "import one, or name another event")
    })?;
    let series = |id: &str| {
        history.series(id, BarSize::Session)?.ok_or_else(|| {
            let what =
                format!("the data have no daily closes of `{id}`, which past reactions are measured by");
            RunError::new(
                ErrorClass::Data,
                what,
                "import them, or write the moves with `--path`",
            )
        })
    };
    let (spot, vol) = indices(underlying);
    let found = reactions(&events, &*series(spot)?, &*series(vol)?, at);
    Projection::of(&found, LEAST_REACTIONS).ok_or_else(|| {
        let what = format!(
            "{} past reactions to `{event}` are known, {LEAST_REACTIONS} are needed",
            found.len()
        );
        RunError::new(
            ErrorClass::Data,
            what,
            "choose a later time, more data, or a path of your own",
        )
    })
}
