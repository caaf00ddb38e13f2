//! Limits of a run from the command line and from records.

use crate::args::{RailsArgs, RunArgs};
use crate::exit::{Exit, Failure};
use alula_run::Course;
use alula_run::rails::{Mode, RailLimits};
use std::collections::BTreeMap;

/// Name of the setting that they are recorded under.
const RAILS: &str = "rails";

impl RailsArgs {
    /// The limits, where one was named.
    #[must_use]
    pub fn limits(&self) -> Option<RailLimits> {
        let named = self.shadow
            || self.read_only
            || self.max_orders_per_minute.is_some()
            || self.max_loss_per_day.is_some()
            || self.max_margin.is_some()
            || self.stale_after.is_some();
        let usual = RailLimits::default();
        named.then(|| RailLimits {
            mode: match (self.read_only, self.shadow) {
                (true, _) => Mode::ReadOnly,
                (false, true) => Mode::Shadow,
                (false, false) => Mode::Trade,
            },
            orders_per_minute: self.max_orders_per_minute.unwrap_or(usual.orders_per_minute),
            loss_per_day: self.max_loss_per_day,
            margin: self.max_margin,
            stale_after_s: self.stale_after.map_or(usual.stale_after_s, i64::from),
            // The engine's own fills have no trades on their way.
            settle_s: 0,
            ..usual
        })
    }
}

/// What is to happen to a run that begins.
pub fn course(args: &RunArgs) -> Course {
    Course {
        rails: args.rails.limits(),
        ..Course::default()
    }
}

/// The limits that a run recorded.
///
/// # Errors
/// When they are not what this program writes.
pub fn recorded(settings: &BTreeMap<String, String>) -> Result<Option<RailLimits>, Failure> {
    let Some(text) = settings.get(RAILS) else {
        return Ok(None);
    };
    RailLimits::parse(text).map(Some).ok_or_else(|| {
        Failure::new(
            Exit::Data,
            format!("the rails of the run cannot be read: `{text}`"),
        )
        .help("read it with the program version that wrote it")
    })
}
