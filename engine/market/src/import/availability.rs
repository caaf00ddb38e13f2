//! From which instant a day's value may be read.

use crate::calendar::ExchangeCalendar;
use crate::curve::FutureSeries;
use crate::time::{Date, Instant};
use chrono::NaiveDate;

/// When the values of a series become known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Availability {
    /// Close of the stock market: 16:00 Eastern, 13:00 on half days.
    StockClose,
    /// Close of index options and of the volatility indices: 16:15 Eastern, 13:15 on half days.
    OptionsClose,
    /// Daily settlement of futures: CFE's, and CME's of its index futures, at the same minute.
    VxSettlement,
    /// 09:30 Eastern of the next session: rates are published a business day late.
    NextSession,
}

/// First day on which VX futures settled daily at 15:00 Chicago instead of 15:15 (CFE's rule change of October 2020, which
/// followed CME's for its index futures).
const VX_SETTLES_AT_1500_SINCE: (i32, u32, u32) = (2020, 10, 26);

/// What is known of a series by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rule {
    pub(super) available: Availability,
    /// The publisher is known; otherwise the rule is an assumption to be told.
    pub(super) known: bool,
    /// Days without a session are part of the series (rates are published for every calendar day).
    pub(super) seven_days: bool,
}

pub(super) fn rule(id: &str) -> Rule {
    let known = |available| Rule {
        available,
        known: true,
        seven_days: false,
    };
    match id {
        "SPX" | "XSP" | "NDX" | "RUT" | "DJX" | "OEX" | "SPY" | "QQQ" | "IWM" | "SET" | "VRO" => {
            known(Availability::StockClose)
        }
        "VVIX" | "SKEW" | "VXN" | "IRX13W" => known(Availability::OptionsClose),
        "ES" | "MES" => known(Availability::VxSettlement),
        _ if FutureSeries::parse(id).is_some() => known(Availability::VxSettlement),
        _ if id.ends_with(".DEPTH") => known(Availability::OptionsClose),
        _ if id.starts_with("VIX") => known(Availability::OptionsClose),
        "DFF" | "EFFR" | "SOFR" => Rule {
            seven_days: true,
            ..known(Availability::NextSession)
        },
        _ => Rule {
            available: Availability::NextSession,
            known: false,
            seven_days: false,
        },
    }
}

/// Instant from which the value of a series for a session may be read; `None` outside of the calendar.
#[must_use]
pub fn known_at(id: &str, session: Date) -> Option<Instant> {
    rule(id).available.instant(session)
}

impl Availability {
    /// Instant from which the value of a session may be read.
    pub(super) fn instant(self, session: Date) -> Option<Instant> {
        let calendar = ExchangeCalendar::nyse();
        match self {
            Self::StockClose => calendar.close_at(session),
            Self::OptionsClose => calendar.options_close_at(session),
            Self::VxSettlement => {
                let (y, m, d) = VX_SETTLES_AT_1500_SINCE;
                if NaiveDate::from_ymd_opt(y, m, d).is_some_and(|since| session >= since) {
                    calendar.close_at(session)
                } else {
                    calendar.options_close_at(session)
                }
            }
            Self::NextSession => calendar.open_at(calendar.next_session(session)?),
        }
    }

    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::StockClose => "16:00 ET of its session (13:00 on half days)",
            Self::OptionsClose => "16:15 ET of its session (13:15 on half days)",
            Self::VxSettlement => {
                "16:00 ET of its session, 16:15 before 2020-10-26 (three hours earlier on half days)"
            }
            Self::NextSession => "09:30 ET of the next session",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_known_before_its_publisher_speaks() {
        let at = |id: &str, day: &str| {
            rule(id)
                .available
                .instant(day.parse().unwrap())
                .unwrap()
                .to_string()
        };
        assert_eq!(at("SPX", "2019-05-24"), "2019-05-24 16:00 ET");
        assert_eq!(at("VIX", "2019-05-24"), "2019-05-24 16:15 ET");
        assert_eq!(at("VIX9D", "2019-07-03"), "2019-07-03 13:15 ET");
        assert_eq!(at("SPX", "2019-07-03"), "2019-07-03 13:00 ET");
        assert_eq!(at("VX1", "2019-05-24"), "2019-05-24 16:15 ET");
        assert_eq!(at("VX8", "2020-10-26"), "2020-10-26 16:00 ET");
        assert_eq!(at("VX.2021-02-17", "2021-01-05"), "2021-01-05 16:00 ET");
        assert_eq!(at("ES2", "2019-07-03"), "2019-07-03 13:15 ET");
        assert_eq!(at("DFF", "2019-05-24"), "2019-05-28 09:30 ET");
        assert_eq!(at("NYSE.ADLINE", "2019-05-24"), "2019-05-28 09:30 ET");
        assert!(!rule("NYSE.ADLINE").known && rule("DFF").seven_days && rule("VIX").known);
    }
}
