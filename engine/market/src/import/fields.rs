//! Fields of a CSV row: dates, prices, counts and numbers, exact or refused.

use crate::contract::{Right, Root};
use crate::money::Price;
use crate::time::{Date, Instant};
use chrono::NaiveDate;

/// Largest price, strike or index level let in, in points.
const POINTS_MAX: i64 = 10_000_000;

/// Parses `2019-04-25`, `04/25/2019`, `4/25/2019 0:00:00` or `20190425`.
pub(super) fn date(text: &str) -> Result<Date, String> {
    // A midnight time of day is noise of spreadsheet exports.
    let day = match text.split_once([' ', 'T']) {
        Some((day, time)) if time.bytes().all(|b| matches!(b, b'0' | b':' | b'.')) => day,
        Some(_) => text,
        None => text,
    };
    let parsed = if day.contains('/') {
        let mut parts = day.splitn(3, '/');
        let mut part = |digits: usize| {
            parts
                .next()
                .filter(|p| p.len() <= digits && !p.is_empty())
                .and_then(number)
        };
        match (part(2), part(2), part(4)) {
            (Some(m), Some(d), Some(y)) if y >= 1000 => i32::try_from(y).ok().and_then(|y| ymd(y, m, d)),
            _ => None,
        }
    } else {
        match *day.as_bytes() {
            [_, _, _, _, b'-', _, _, b'-', _, _] => compact(&day.replace('-', "")),
            [_, _, _, _, _, _, _, _] => compact(day),
            _ => None,
        }
    };
    parsed.ok_or_else(|| format!("`{text}` is not a date such as 2019-04-25 or 04/25/2019"))
}

/// `20190425`
pub(super) fn compact(digits: &str) -> Option<Date> {
    let field = |range| digits.get(range).and_then(number);
    let year = i32::try_from(field(0..4)?).ok()?;
    ymd(year, field(4..6)?, field(6..8)?).filter(|_| digits.len() == 8)
}

fn ymd(year: i32, month: u32, day: u32) -> Option<Date> {
    NaiveDate::from_ymd_opt(year, month, day)
}

fn number(digits: &str) -> Option<u32> {
    if digits.bytes().all(|b| b.is_ascii_digit()) {
        digits.parse().ok()
    } else {
        None
    }
}

/// A finite decimal number.
pub(super) fn float(text: &str) -> Result<f64, String> {
    if text.is_empty() {
        return Err("is empty".to_owned());
    }
    let plain = text
        .bytes()
        .all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'+' | b'e' | b'E'));
    let parsed = if plain { text.parse::<f64>().ok() } else { None };
    parsed
        .filter(|x| x.is_finite())
        .ok_or_else(|| format!("`{text}` is not a number"))
}

/// A number that may be absent: empty, `NA`, or `.` as FRED writes it.
pub(super) fn optional_float(text: &str) -> Result<Option<f64>, String> {
    if matches!(text, "" | "NA" | ".") {
        Ok(None)
    } else {
        float(text).map(Some)
    }
}

/// A price of zero or more. The tail of a binary fraction (`7.8999999999999995`) is noise; a real fourth decimal is refused.
pub(super) fn price(text: &str) -> Result<Price, String> {
    let exact = match Price::parse(text) {
        Some(exact) => exact,
        None => points(float(text)?).map_err(|why| format!("`{text}` {why}"))?,
    };
    in_range(exact, text)
}

/// A price of zero or more points; says why a number is none.
pub(super) fn points(points: f64) -> Result<Price, String> {
    let rounded = Price::from_f64(points).ok_or("is too large")?;
    if (rounded.to_f64() - points).abs() > 1e-9 * points.abs().max(1.0) {
        return Err("is finer than a thousandth of a point".to_owned());
    }
    if rounded < Price::ZERO {
        Err("is negative".to_owned())
    } else if rounded.0 > POINTS_MAX * 1000 {
        Err(format!("is larger than {POINTS_MAX}"))
    } else {
        Ok(rounded)
    }
}

/// An index level above zero, to the nearest thousandth.
pub(super) fn level(text: &str) -> Result<Price, String> {
    let points = float(text)?;
    let rounded = Price::from_f64(points).ok_or_else(|| format!("`{text}` is too large"))?;
    let level = in_range(rounded, text)?;
    if level > Price::ZERO {
        Ok(level)
    } else {
        Err(format!("`{text}` is not above zero"))
    }
}

/// An index level, or `None` where it is empty or zero: vendors write both for a level that they may not publish.
pub(super) fn optional_level(text: &str) -> Result<Option<Price>, String> {
    match optional_float(text)? {
        None => Ok(None),
        Some(0.0) => Ok(None),
        Some(_) => level(text).map(Some),
    }
}

/// An instant from a date and time of day in a zone: `2019-04-25 09:31:00`, `2019-04-25T09:31:00.250`, `4/25/2019 9:31`.
/// Parts of a second count as the next whole one, so that nothing is known too early.
pub(super) fn instant_in(text: &str, zone: chrono_tz::Tz) -> Result<Instant, String> {
    let parsed = || {
        let (day, time) = text.split_once(['T', ' '])?;
        at_time(date(day).ok()?, time.trim(), zone)
    };
    parsed().ok_or_else(|| format!("`{text}` is not a date and time such as 2019-04-25 09:31:00"))
}

/// The instant of `09:31`, `9:31:00` or `09:31:00.250` on a day in a zone.
pub(super) fn at_time(day: Date, time: &str, zone: chrono_tz::Tz) -> Option<Instant> {
    let (clock, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let mut parts = clock.splitn(3, ':');
    let mut part = |default: Option<u32>| match parts.next() {
        Some(p) if !p.is_empty() && p.len() <= 2 => number(p),
        Some(_) => None,
        None => default,
    };
    let (h, m, s) = (part(None)?, part(None)?, part(Some(0))?);
    let late = number(fraction.get(..9).unwrap_or(fraction))? > 0;
    let local = day.and_hms_opt(h, m, s)?.and_local_timezone(zone).earliest()?;
    Some(Instant(local.timestamp() + i64::from(late)))
}

/// Seconds since 1970, as `1583505010` or `1583505010.0`; not before 1990 nor after 2099.
pub(super) fn seconds(text: &str) -> Result<i64, String> {
    let (whole, rest) = text.split_once('.').unwrap_or((text, ""));
    let zeros = rest.bytes().all(|b| b == b'0');
    let seconds = whole.parse::<i64>().ok().filter(|_| zeros);
    seconds
        .filter(|s| (631_152_000..4_102_444_800).contains(s))
        .ok_or_else(|| format!("`{text}` is not a time in seconds since 1970"))
}

fn in_range(price: Price, text: &str) -> Result<Price, String> {
    if price < Price::ZERO {
        Err(format!("`{text}` is negative"))
    } else if price.0 > POINTS_MAX * 1000 {
        Err(format!("`{text}` is larger than {POINTS_MAX}"))
    } else {
        Ok(price)
    }
}

/// A whole number of contracts.
pub(super) fn count(text: &str) -> Result<u32, String> {
    if let Ok(n) = text.parse::<u32>() {
        return Ok(n);
    }
    // Some exports write counts as `12.0`.
    count_of(float(text)?, text)
}

/// As [`count`], from a number and how it was written.
pub(super) fn count_of(n: f64, text: &str) -> Result<u32, String> {
    let whole = n.trunc();
    #[expect(clippy::float_cmp, reason = "exactly whole or not at all")]
    let is_whole = whole == n;
    if n < 0.0 {
        Err(format!("`{text}` is negative"))
    } else if !is_whole || whole > f64::from(u32::MAX) {
        Err(format!("`{text}` is not a count"))
    } else {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "whole and in range"
        )]
        let n = whole as u32;
        Ok(n)
    }
}

/// `call`, `put`, `C`, `P` in any case.
pub(super) fn right(text: &str) -> Result<Right, String> {
    if text.eq_ignore_ascii_case("put") || text.eq_ignore_ascii_case("p") {
        Ok(Right::Put)
    } else if text.eq_ignore_ascii_case("call") || text.eq_ignore_ascii_case("c") {
        Ok(Right::Call)
    } else {
        Err(format!("`{text}` is neither `call` nor `put`"))
    }
}

/// What a contract symbol says: `SPXW190426C00800000`, root, `YYMMDD`, right, strike in mills.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Symbol<'a> {
    /// Letters before the date.
    pub(super) root: &'a str,
    pub(super) expiry: Date,
    pub(super) right: Right,
    pub(super) strike: Price,
}

/// Parses an OCC-like contract symbol; spaces between root and date are allowed.
pub(super) fn symbol(text: &str) -> Result<Symbol<'_>, String> {
    let parsed = || {
        let split = text.len().checked_sub(15)?;
        let (root, tail) = (text.get(..split)?.trim_end(), text.get(split..)?);
        let field = |range| tail.get(range).and_then(number);
        let century = 2000 + i32::try_from(field(0..2)?).ok()?;
        let right = match tail.as_bytes().get(6)? {
            b'C' => Right::Call,
            b'P' => Right::Put,
            _ => return None,
        };
        let letters = !root.is_empty() && root.bytes().all(|b| b.is_ascii_uppercase());
        let expiry = ymd(century, field(2..4)?, field(4..6)?)?;
        letters.then_some(Symbol {
            root,
            expiry,
            right,
            strike: Price(i64::from(field(7..15)?)),
        })
    };
    parsed().ok_or_else(|| format!("`{text}` is not a contract symbol such as SPXW190426C02800000"))
}

/// Roots that the engine knows, for messages.
pub(super) fn known_roots() -> String {
    Root::ALL.map(Root::symbol).join(", ")
}

/// `8:30am`, `2:00pm`: hour and minute.
pub(super) fn clock(text: &str) -> Result<(u32, u32), String> {
    let parsed = || {
        let lower = text.to_ascii_lowercase();
        let (digits, noon) = match (lower.strip_suffix("am"), lower.strip_suffix("pm")) {
            (Some(d), _) => (d.to_owned(), Some(0)),
            (_, Some(d)) => (d.to_owned(), Some(12)),
            _ => (lower.clone(), None),
        };
        let (h, m) = digits.trim().split_once(':')?;
        let (h, m) = (number(h)?, number(m).filter(|m| *m < 60)?);
        match noon {
            Some(add) if (1..=12).contains(&h) => Some((h % 12 + add, m)),
            None if h < 24 => Some((h, m)),
            _ => None,
        }
    };
    parsed().ok_or_else(|| format!("`{text}` is not a time such as 8:30am"))
}

/// A published figure: `0.5%` as 0.005, `807K` as 807000, `2.1M`; `None` where empty or not a plain figure (`<0.25%`).
pub(super) fn figure(text: &str) -> Option<f64> {
    let (digits, scale) = match text.as_bytes().last()? {
        b'%' => (text.get(..text.len() - 1)?, 0.01),
        b'K' | b'k' => (text.get(..text.len() - 1)?, 1e3),
        b'M' | b'm' => (text.get(..text.len() - 1)?, 1e6),
        b'B' | b'b' => (text.get(..text.len() - 1)?, 1e9),
        _ => (text, 1.0),
    };
    float(digits.trim()).ok().map(|x| x * scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_all_sources_and_nothing_else() {
        let d = NaiveDate::from_ymd_opt(2019, 4, 5).unwrap();
        for text in [
            "2019-04-05",
            "04/05/2019",
            "4/5/2019",
            "4/5/2019 0:00:00",
            "20190405",
            "2019-04-05T00:00:00",
        ] {
            assert_eq!(date(text), Ok(d), "{text}");
        }
        for text in [
            "",
            "2019-13-05",
            "05.04.2019",
            "4/5/19",
            "2019-04-05 16:00",
            "2019-4-5",
            "+2019/04/05",
            "20190a05",
            "é019-04-05",
        ] {
            assert!(date(text).is_err(), "{text}");
        }
    }

    #[test]
    fn prices_are_exact_and_noise_of_binary_fractions_is_forgiven() {
        assert_eq!(price("7.90"), Ok(Price(7900)));
        assert_eq!(price("7.8999999999999995"), Ok(Price(7900)));
        assert_eq!(price("2800.0"), Ok(Price(2_800_000)));
        assert!(price("7.90051").unwrap_err().contains("finer"));
        assert!(price("-1").unwrap_err().contains("negative"));
        assert!(price("1e9").unwrap_err().contains("larger"));
        for text in ["NaN", "inf", "abc", "", "1,000", "0x10", "--1"] {
            assert!(price(text).is_err(), "{text}");
        }
        assert_eq!(level("2919.0401"), Ok(Price(2_919_040)));
        assert!(level("0").is_err());
        assert_eq!(count("12.0"), Ok(12));
        assert!(count("-3").is_err() && count("1.5").is_err() && count("5e9").is_err());
    }

    #[test]
    fn a_symbol_gives_root_expiry_right_and_strike() {
        let s = symbol("SPXW190426C00800000").unwrap();
        assert_eq!((s.root, s.right, s.strike), ("SPXW", Right::Call, Price(800_000)));
        assert_eq!(s.expiry, NaiveDate::from_ymd_opt(2019, 4, 26).unwrap());
        assert_eq!(symbol("SPX   190426P02802500").unwrap().strike, Price(2_802_500));
        for text in [
            "",
            "190426C00800000",
            "SPX190426X00800000",
            "SPX191326C00800000",
            "spx190426C00800000",
            "éSPX190426C0080000",
        ] {
            assert!(symbol(text).is_err(), "{text}");
        }
    }

    #[test]
    fn times_of_day_are_instants_in_their_zone() {
        let ny = chrono_tz::America::New_York;
        let at = |text: &str| instant_in(text, ny).map(|i| i.utc().to_rfc3339());
        assert_eq!(at("2019-04-25 09:31:00").unwrap(), "2019-04-25T13:31:00+00:00");
        assert_eq!(at("2019-12-02T9:31").unwrap(), "2019-12-02T14:31:00+00:00");
        assert_eq!(at("4/25/2019 16:00:00.000").unwrap(), "2019-04-25T20:00:00+00:00");
        assert_eq!(
            at("2019-04-25 16:00:00.003").unwrap(),
            "2019-04-25T20:00:01+00:00"
        );
        assert_eq!(
            instant_in("2019-04-25 13:31:00", chrono_tz::UTC),
            instant_in("2019-04-25 08:31:00", chrono_tz::America::Chicago)
        );
        for text in [
            "2019-04-25",
            "2019-04-25 25:00",
            "2019-04-25 9",
            "x 09:31",
            "2019-04-25 09:31:0a",
            "2019-03-10 02:30",
        ] {
            assert!(at(text).is_err(), "{text}");
        }
        assert_eq!(optional_level("0.00"), Ok(None));
        assert_eq!(optional_level(""), Ok(None));
        assert_eq!(optional_level("14.5750"), Ok(Some(Price(14_575))));
        assert!(optional_level("-1").is_err());
    }

    #[test]
    fn published_figures_and_times() {
        assert_eq!(figure("807K"), Some(807_000.0));
        assert_eq!(figure("-0.5%"), Some(-0.005));
        assert_eq!(figure("<0.25%"), None);
        assert_eq!(clock("8:30am"), Ok((8, 30)));
        assert_eq!(clock("12:05pm"), Ok((12, 5)));
        assert_eq!(clock("14:00"), Ok((14, 0)));
        assert!(clock("25:00").is_err() && clock("13:00pm").is_err() && clock("All Day").is_err());
    }
}
