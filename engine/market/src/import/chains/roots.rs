//! Roots of sources that name the underlying alone: by the calendar where only one root lists the expiry, as stated by
//! the user where two do, and otherwise not at all.

use super::super::fields;
use crate::calendar::ExchangeCalendar;
use crate::contract::listing::Class;
use crate::contract::{Root, Settlement};
use crate::time::Date;
use chrono::Datelike as _;
use std::collections::BTreeMap;
use std::fmt;

/// What rows of an expiry are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RootChoice {
    /// Of this root.
    Root(Root),
    /// Left out.
    Skip,
}

/// What the user states about sources without a root column: `SPXW`, `monthly=SPX,other=SPXW`,
/// `2024-01-19=skip,other=SPXW`. `eve` is the session before a monthly expiry, under which some vendors list the AM
/// series that settles on the next morning: `eve=SPX` gives its rows that expiry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RootRule {
    dates: BTreeMap<Date, RootChoice>,
    eve: Option<RootChoice>,
    monthly: Option<RootChoice>,
    other: Option<RootChoice>,
}

impl RootRule {
    /// Reads a rule.
    ///
    /// # Errors
    /// One line saying which part is not a rule.
    pub fn parse(text: &str) -> Result<Self, String> {
        let choice = |word: &str| match word {
            "skip" => Ok(RootChoice::Skip),
            _ => Root::parse(word)
                .map(RootChoice::Root)
                .ok_or_else(|| format!("`{word}` is none of {}, skip", fields::known_roots())),
        };
        let mut rule = Self::default();
        if !text.contains('=') {
            let every = choice(text.trim())?;
            (rule.eve, rule.monthly, rule.other) = (Some(every), Some(every), Some(every));
            return Ok(rule);
        }
        for part in text.split(',') {
            let (which, root) = part
                .split_once('=')
                .ok_or_else(|| format!("`{part}` is no part of a rule such as `monthly=SPX,other=SPXW`"))?;
            let root = choice(root.trim())?;
            let twice = match which.trim() {
                "eve" => rule.eve.replace(root).is_some(),
                "monthly" => rule.monthly.replace(root).is_some(),
                "other" => rule.other.replace(root).is_some(),
                day => {
                    let date = fields::date(day)
                        .map_err(|_| format!("`{day}` is neither `eve`, `monthly`, `other` nor a date"))?;
                    rule.dates.insert(date, root).is_some()
                }
            };
            if twice {
                return Err(format!("`{}` stands twice", which.trim()));
            }
        }
        Ok(rule)
    }

    /// The one underlying that its roots belong to.
    #[must_use]
    pub fn underlying(&self) -> Option<&'static str> {
        let groups = [self.eve, self.monthly, self.other].into_iter().flatten();
        let mut all = groups
            .chain(self.dates.values().copied())
            .filter_map(|c| match c {
                RootChoice::Root(root) => Some(root.underlying()),
                RootChoice::Skip => None,
            });
        let first = all.next()?;
        all.all(|u| u == first).then_some(first)
    }

    fn choose(&self, underlying: &str, expiry: Date, dated: Dated) -> Option<RootChoice> {
        let named = self.dates.get(&expiry).copied();
        let group = if is_monthly(underlying, expiry) {
            self.monthly
        } else if dated == Dated::LastDay && morning_after(underlying, expiry).is_some() {
            self.eve
        } else {
            self.other
        };
        named.or(group).filter(|choice| match choice {
            RootChoice::Root(root) => root.underlying() == underlying,
            RootChoice::Skip => true,
        })
    }
}

impl fmt::Display for RootChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Root(root) => root.symbol(),
            Self::Skip => "skip",
        })
    }
}

impl fmt::Display for RootRule {
    /// As it would be written, dates first.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dates = self.dates.iter().map(|(d, c)| format!("{d}={c}"));
        let groups = [
            ("eve", self.eve),
            ("monthly", self.monthly),
            ("other", self.other),
        ];
        let groups = groups
            .into_iter()
            .filter_map(|(name, c)| c.map(|c| format!("{name}={c}")));
        f.write_str(&dates.chain(groups).collect::<Vec<_>>().join(","))
    }
}

/// What a source means by the expiry date of an AM series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Dated {
    /// The day on which it settles.
    Settlement,
    /// That day, or the session before it, on which it last trades.
    LastDay,
}

/// What is known of a row's root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is this one, of this expiry: `stated` by the user, or the only one that lists it.
    Root { root: Root, expiry: Date, stated: bool },
    /// The user wants such rows left out.
    Skip,
    /// Several roots list the expiry.
    Ambiguous(Vec<Root>),
    /// No root that the engine has a contract for listed it on the day.
    Unlisted,
    /// The user states a root that does not list the expiry.
    Impossible(String),
}

/// The root of an expiry of an underlying, from the calendar and what the user states.
pub(super) fn resolve(
    rule: Option<&RootRule>,
    underlying: &str,
    expiry: Date,
    dated: Dated,
    on: Date,
) -> Verdict {
    let eve = (dated == Dated::LastDay)
        .then(|| morning_after(underlying, expiry))
        .flatten();
    // A root lists the date itself, or, of a source that dates AM series so, the morning after it.
    let listed = |root: Root, on: Option<Date>| {
        if lists(root, expiry, on) {
            Some(expiry)
        } else {
            eve.filter(|e| root.settlement() == Settlement::Am && lists(root, *e, on))
        }
    };
    match rule.and_then(|r| r.choose(underlying, expiry, dated)) {
        Some(RootChoice::Skip) => return Verdict::Skip,
        Some(RootChoice::Root(root)) => {
            let impossible = || Verdict::Impossible(format!("{expiry} is no expiry of {}", root.symbol()));
            return listed(root, None).map_or_else(impossible, |expiry| Verdict::Root {
                root,
                expiry,
                stated: true,
            });
        }
        None => {}
    }
    let candidates: Vec<(Root, Date)> = Root::ALL
        .into_iter()
        .filter(|r| r.underlying() == underlying)
        .filter_map(|r| Some((r, listed(r, Some(on))?)))
        .collect();
    match candidates.as_slice() {
        [(root, expiry)] => Verdict::Root {
            root: *root,
            expiry: *expiry,
            stated: false,
        },
        [] => Verdict::Unlisted,
        _ => Verdict::Ambiguous(candidates.into_iter().map(|(root, _)| root).collect()),
    }
}

/// The monthly expiry on the session after a date; `None` when that is no monthly expiry.
fn morning_after(underlying: &str, date: Date) -> Option<Date> {
    let next = ExchangeCalendar::nyse().next_session(date)?;
    is_monthly(underlying, next).then_some(next)
}

/// Whether a root has an expiry on a date, by the cycles that it had on the day of the quote; on any day when that is
/// left out.
fn lists(root: Root, expiry: Date, on: Option<Date>) -> bool {
    let Some(session) = ExchangeCalendar::nyse().session_on_or_before(expiry) else {
        return false;
    };
    // The listing table gives VIX the weeks that stand under VIXW: by symbol the two share them out.
    if root == Root::Vix && !is_monthly(root.underlying(), expiry) {
        return false;
    }
    let mut rows = Class::Option(root).table().iter();
    rows.any(|row| on.is_none_or(|on| row.since.date <= on) && row.cycle.expires_on(session))
}

/// Whether an expiry is the monthly one of an underlying. A date without a session means the session before it, as
/// vendors once dated monthlys on the Saturday.
fn is_monthly(underlying: &str, expiry: Date) -> bool {
    let calendar = ExchangeCalendar::nyse();
    let Some(day) = calendar.session_on_or_before(expiry) else {
        return false;
    };
    let monthly = if underlying == "VIX" {
        calendar.vix_monthly_expiry(day.year(), day.month())
    } else {
        calendar.spx_monthly_expiry(day.year(), day.month())
    };
    monthly == Some(day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn d(text: &str) -> Date {
        text.parse().unwrap()
    }

    fn at_settlement(rule: Option<&RootRule>, underlying: &str, day: &str) -> Verdict {
        resolve(rule, underlying, d(day), Dated::Settlement, d(day))
    }

    #[test]
    fn a_root_is_told_by_the_calendar_where_one_alone_lists_the_expiry() {
        let check = |underlying, day, root| {
            let (expiry, stated) = (d(day), false);
            assert_eq!(
                at_settlement(None, underlying, day),
                Verdict::Root { root, expiry, stated }
            );
        };
        check("SPX", "2024-01-17", Root::Spxw);
        check("SPX", "2024-01-18", Root::Spxw);
        check("XSP", "2024-01-19", Root::Xsp);
        check("VIX", "2024-01-17", Root::Vix);
        check("VIX", "2024-01-24", Root::Vixw);
        // Thursdays came in 2022.
        assert_eq!(at_settlement(None, "SPX", "2021-01-14"), Verdict::Unlisted);
        // Good Friday 2019 moved the monthly to Thursday.
        for day in ["2024-01-19", "2019-04-18"] {
            let ambiguous = Verdict::Ambiguous(vec![Root::Spx, Root::Spxw]);
            assert_eq!(at_settlement(None, "SPX", day), ambiguous, "{day}");
        }
    }

    #[test]
    fn a_rule_decides_what_the_calendar_cannot_and_nothing_against_it() {
        let rule = |text| RootRule::parse(text).unwrap();
        let stated = |root, day| Verdict::Root {
            root,
            expiry: d(day),
            stated: true,
        };
        let at = |text, day| at_settlement(Some(&rule(text)), "SPX", day);
        assert_eq!(at("SPXW", "2024-01-19"), stated(Root::Spxw, "2024-01-19"));
        let split = "monthly=SPX,other=SPXW";
        assert_eq!(at(split, "2024-01-19"), stated(Root::Spx, "2024-01-19"));
        assert_eq!(at(split, "2024-01-18"), stated(Root::Spxw, "2024-01-18"));
        let skip = "2024-01-19=skip,monthly=SPX";
        assert_eq!(at(skip, "2024-01-19"), Verdict::Skip);
        assert_eq!(at(skip, "2024-02-16"), stated(Root::Spx, "2024-02-16"));
        assert!(matches!(at("SPX", "2024-01-18"), Verdict::Impossible(_)));
        // A rule about another underlying says nothing here.
        assert!(matches!(at("VIX", "2024-01-19"), Verdict::Ambiguous(_)));
        assert_eq!(
            rule("other=SPXW, 2024-01-19=SPX,monthly=skip").to_string(),
            "2024-01-19=SPX,monthly=skip,other=SPXW"
        );
        assert_eq!(
            (rule(split).underlying(), rule("skip").underlying()),
            (Some("SPX"), None)
        );
        for (text, words) in [
            ("SPY500", "none of"),
            ("monthly=SPX,monthly=SPXW", "twice"),
            ("friday=SPX", "neither"),
            ("monthly=SPX,SPXW", "no part of a rule"),
            ("", "none of"),
        ] {
            assert!(RootRule::parse(text).unwrap_err().contains(words), "{text}");
        }
    }

    #[test]
    fn sources_that_date_am_series_by_their_last_day_are_ambiguous_on_the_eve_too() {
        let at = |rule: Option<&str>, day| {
            let rule = rule.map(|r| RootRule::parse(r).unwrap());
            resolve(rule.as_ref(), "SPX", d(day), Dated::LastDay, d("2024-01-03"))
        };
        assert!(matches!(at(None, "2024-01-18"), Verdict::Ambiguous(_)));
        assert!(matches!(at(None, "2024-01-19"), Verdict::Ambiguous(_)));
        assert!(matches!(at(None, "2024-01-17"), Verdict::Root { .. }));
        // A rule that does not speak of the eve does not settle it; one that does moves AM rows to their morning.
        assert!(matches!(
            at(Some("monthly=SPXW,other=SPXW"), "2024-01-18"),
            Verdict::Ambiguous(_)
        ));
        let (root, stated) = (Root::Spx, true);
        assert_eq!(
            at(Some("eve=SPX,monthly=SPXW,other=SPXW"), "2024-01-18"),
            Verdict::Root {
                root,
                expiry: d("2024-01-19"),
                stated
            }
        );
    }
}
