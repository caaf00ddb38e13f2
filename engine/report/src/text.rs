//! How numbers are written: one place, so that the terminal and the page never disagree.

use alula_market::money::Usd;

/// Groups the digits of a whole number by threes: `1,234,567`.
#[must_use]
pub fn grouped(digits: &str) -> String {
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// A count: `12,345`.
#[must_use]
pub fn count(n: impl std::fmt::Display) -> String {
    grouped(&n.to_string())
}

/// Whole dollars, half away from zero: `$1,235`, `-$840`.
#[must_use]
pub fn dollars(amount: Usd) -> String {
    let half = if amount.0 < 0 { -500_000 } else { 500_000 };
    let whole = amount.0.saturating_add(half) / 1_000_000;
    let sign = if whole < 0 { "-" } else { "" };
    format!("{sign}${}", grouped(&whole.unsigned_abs().to_string()))
}

/// Whole dollars with a sign always: `+$1,235`, `-$840`, `$0`.
#[must_use]
pub fn signed_dollars(amount: Usd) -> String {
    let text = dollars(amount);
    if amount.0 >= 500_000 {
        format!("+{text}")
    } else {
        text
    }
}

/// Dollars and cents: `$1,234.50`.
#[must_use]
pub fn cents(amount: Usd) -> String {
    let plain = amount.to_string();
    let (sign, rest) = plain.strip_prefix('-').map_or(("", plain.as_str()), |r| ("-", r));
    let (whole, fraction) = rest.split_once('.').unwrap_or((rest, "00"));
    format!("{sign}${}.{fraction}", grouped(whole))
}

/// A fraction as a percentage: `12.3%`.
#[must_use]
pub fn percent(fraction: f64) -> String {
    tidy_zero(format!("{:.1}%", fraction * 100.0))
}

/// The same with a sign always.
#[must_use]
pub fn signed_percent(fraction: f64) -> String {
    let text = percent(fraction);
    if text.starts_with('-') || text == "0.0%" {
        text
    } else {
        format!("+{text}")
    }
}

/// A plural: `1 trade`, `3 trades`.
#[must_use]
pub fn plural(n: usize, word: &str) -> String {
    format!("{} {word}{}", count(n), if n == 1 { "" } else { "s" })
}

/// Removes the sign of a zero that rounding left behind: `-0.0%` is `0.0%`.
#[must_use]
pub fn tidy_zero(text: String) -> String {
    match text.strip_prefix('-') {
        Some(rest) if !rest.bytes().any(|b| (b'1'..=b'9').contains(&b)) => rest.to_owned(),
        _ => text,
    }
}

/// First twelve characters of a hash.
#[must_use]
pub fn short_hash(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_grouped_and_rounded_half_away_from_zero() {
        assert_eq!(dollars(Usd(1_234_500_000)), "$1,235");
        assert_eq!(dollars(Usd(-1_234_500_000)), "-$1,235");
        assert_eq!(dollars(Usd(-400_000)), "$0");
        assert_eq!(signed_dollars(Usd(999_600_000)), "+$1,000");
        assert_eq!(cents(Usd(-1_234_567_890_000)), "-$1,234,567.89");
        assert_eq!(percent(-0.0001), "0.0%");
        assert_eq!(signed_percent(0.1234), "+12.3%");
    }
}
