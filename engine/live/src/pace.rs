//! How fast a recorded or simulated market passes.

use alula_market::time::Instant;
use std::time::Duration;

/// Virtual seconds for each real one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Speed {
    /// As fast as it goes.
    Max,
    /// So many times faster than life; more than zero.
    Times(f64),
}

impl Speed {
    /// Reads `60x`, `1x`, `0.5x`, `60` or `max`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text == "max" {
            return Some(Self::Max);
        }
        let times: f64 = text.strip_suffix('x').unwrap_or(text).parse().ok()?;
        (times.is_finite() && times > 0.0).then_some(Self::Times(times))
    }
}

/// What the time between two sessions counts as, in seconds of the market: long enough to see one session end and another begin,
/// where a session is one snapshot too.
const NIGHT: f64 = 600.0;

/// When snapshots fall due. Time comes in as the time since some start. The time between two sessions passes as ten minutes do,
/// counted from when the first of them was done.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    speed: Speed,
    /// The session's first snapshot, and when it was due.
    base: Option<(Instant, Duration)>,
}

impl Pace {
    /// At a speed.
    #[must_use]
    pub const fn new(speed: Speed) -> Self {
        Self { speed, base: None }
    }

    /// When a snapshot is due, asked now.
    pub fn due(&mut self, next: Instant, now: Duration) -> Duration {
        let Speed::Times(times) = self.speed else {
            return now;
        };
        match self.base {
            Some((first, due)) if first.date() == next.date() => {
                let seconds = next.0.saturating_sub(first.0);
                let seconds = u32::try_from(seconds).map_or(f64::MAX, f64::from) / times;
                let wait = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
                due.saturating_add(wait)
            }
            before => {
                let night = if before.is_some() { NIGHT / times } else { 0.0 };
                let night = Duration::try_from_secs_f64(night).unwrap_or(Duration::MAX);
                let due = now.saturating_add(night);
                self.base = Some((next, due));
                due
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alula_market::time::Date;

    #[test]
    fn a_session_passes_at_its_speed_and_a_night_as_ten_minutes() {
        let at = |day, hour, minute| {
            Instant::from_eastern(Date::from_ymd_opt(2019, 5, day).unwrap(), hour, minute).unwrap()
        };
        let seconds = Duration::from_secs;
        let mut pace = Pace::new(Speed::Times(60.0));
        assert_eq!(pace.due(at(28, 9, 35), seconds(7)), seconds(7));
        assert_eq!(pace.due(at(28, 9, 40), seconds(7)), seconds(12));
        // Late: it is due when it was due.
        assert_eq!(pace.due(at(28, 9, 45), seconds(40)), seconds(17));
        assert_eq!(pace.due(at(29, 9, 35), seconds(41)), seconds(51));
        // Asked again, it is no later.
        assert_eq!(pace.due(at(29, 9, 35), seconds(45)), seconds(51));
        assert_eq!(pace.due(at(29, 9, 36), seconds(51)), seconds(52));
        let mut fast = Pace::new(Speed::Max);
        assert_eq!(fast.due(at(29, 9, 36), seconds(3)), seconds(3));
    }

    #[test]
    fn speeds_are_read_and_nonsense_is_not() {
        assert_eq!(Speed::parse("60x"), Some(Speed::Times(60.0)));
        assert_eq!(Speed::parse("0.5"), Some(Speed::Times(0.5)));
        assert_eq!(Speed::parse("max"), Some(Speed::Max));
        for bad in ["", "x", "0x", "-1x", "nanx", "infx", "fast"] {
            assert_eq!(Speed::parse(bad), None, "{bad}");
        }
    }
}
