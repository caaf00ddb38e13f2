//! Values as text: `70`, `-2%`, `35 vol`, `-$8_000`, `45 dte`.

/// How many written units make one canonical one: percents and delta are hundredths, basis points ten-thousandths.
fn scale(suffix: &str) -> f64 {
    match suffix {
        "%" | "delta" => 100.0,
        "bps" => 10_000.0,
        _ => 1.0,
    }
}

/// Units of the language that a value may be written in.
const UNITS: [&str; 10] = [
    "%", "bps", "vol", "pts", "delta", "sd", "dte", "lots", "days", "$",
];

/// What a text says.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Written {
    /// The number before its unit.
    pub(super) number: f64,
    /// A unit of the language, `""` for none, or whatever else stands there.
    pub(super) unit: String,
}

impl Written {
    /// Canonical value of the number read in `suffix`.
    pub(super) fn canonical(&self, suffix: &str) -> f64 {
        // A division, as the strategy's own literals are read: the same text gives the same bits.
        self.number / scale(suffix) + 0.0
    }

    /// Whether the unit is one of the language.
    pub(super) fn unit_is_known(&self) -> bool {
        self.unit.is_empty() || UNITS.contains(&self.unit.as_str())
    }
}

/// Reads sign, dollar sign, digits (grouped by `_`, with an optional fraction) and unit; `None` when it is no number.
pub(super) fn parse(text: &str) -> Option<Written> {
    let (negative, rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let rest = rest.trim_start_matches(' ');
    let (dollar, rest) = rest.strip_prefix('$').map_or((false, rest), |rest| (true, rest));
    let end = rest
        .find(|c: char| !(c.is_ascii_digit() || c == '_' || c == '.'))
        .unwrap_or(rest.len());
    let (digits, unit) = rest.split_at_checked(end)?;
    let (whole, fraction) = digits
        .split_once('.')
        .map_or((digits, None), |(w, f)| (w, Some(f)));
    let plain = |part: &str| part.starts_with(|c: char| c.is_ascii_digit()) && !part.contains('.');
    if !plain(whole) || fraction.is_some_and(|f| !plain(f)) {
        return None;
    }
    let number: f64 = digits.replace('_', "").parse().ok()?;
    let unit = match unit.trim_start_matches(' ') {
        "lot" => "lots",
        "day" => "days",
        unit => unit,
    };
    let unit = match (dollar, unit) {
        (true, "") => "$".to_owned(),
        (true, more) => format!("$ {more}"),
        (false, unit) => unit.to_owned(),
    };
    Some(Written {
        number: if negative { -number } else { number },
        unit,
    })
}

/// A canonical value as text in `suffix`; `parse` gives the same bits back for every value that was read from a text.
#[must_use]
pub fn value_text(value: f64, suffix: &str) -> String {
    let digits = digits(value, scale(suffix));
    let (sign, digits) = digits
        .strip_prefix('-')
        .map_or(("", digits.as_str()), |d| ("-", d));
    match suffix {
        "" => format!("{sign}{digits}"),
        "%" => format!("{sign}{digits}%"),
        "$" => format!("{sign}${}", grouped(digits)),
        "lots" if digits == "1" => format!("{sign}1 lot"),
        "days" if digits == "1" => format!("{sign}1 day"),
        word => format!("{sign}{digits} {word}"),
    }
}

/// The fewest decimals that read back as `value` after division by `scale`.
fn digits(value: f64, scale: f64) -> String {
    let scaled = value * scale;
    let reads_back = |text: &String| {
        text.parse()
            .is_ok_and(|x: f64| (x / scale).to_bits() == value.to_bits())
    };
    (0..=20)
        .map(|decimals| format!("{scaled:.decimals$}"))
        .find(reads_back)
        .unwrap_or_else(|| format!("{scaled}"))
}

/// Thousands apart, as the formatter writes dollars: `$250_000`.
fn grouped(digits: &str) -> String {
    let (whole, fraction) = digits
        .split_once('.')
        .map_or((digits, None), |(w, f)| (w, Some(f)));
    let mut out = String::new();
    for (i, c) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i).is_multiple_of(3) {
            out.push('_');
        }
        out.push(c);
    }
    match fraction {
        Some(f) => format!("{out}.{f}"),
        None => out,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_as_in_the_strategy() {
        let read = |text: &str| parse(text).map(|w| (w.number, w.unit));
        let some = |number: f64, unit: &str| Some((number, unit.to_owned()));
        assert_eq!(read("70"), some(70.0, ""));
        assert_eq!(read("-2%"), some(-2.0, "%"));
        assert_eq!(read("35 vol"), some(35.0, "vol"));
        assert_eq!(read("35vol"), some(35.0, "vol"));
        assert_eq!(read("-$8_000"), some(-8000.0, "$"));
        assert_eq!(read("$250_000.50"), some(250_000.5, "$"));
        assert_eq!(read("1 lot"), some(1.0, "lots"));
        assert_eq!(read("+0.5"), some(0.5, ""));
        assert_eq!(read("$5 vol"), some(5.0, "$ vol"));
        for bad in [
            "", "-", "$", ".5", "5.", "1.2.3", "_5", "5._1", "vol", "nan", ".inf", "0x10x", "--2", "- -2",
        ] {
            let read = parse(bad);
            assert!(
                read.as_ref().is_none_or(|w| !w.unit_is_known()),
                "{bad}: {read:?}"
            );
        }
    }

    #[test]
    fn text_reads_back_to_the_same_bits() {
        for hundredths in -2_000..2_000 {
            for suffix in ["%", "bps", "$", "vol", "", "delta", "lots", "days"] {
                let written = Written {
                    number: f64::from(hundredths) / 100.0,
                    unit: String::new(),
                };
                let value = written.canonical(suffix);
                let text = value_text(value, suffix);
                let back = parse(&text).unwrap();
                assert_eq!(back.canonical(suffix).to_bits(), value.to_bits(), "{text}");
                assert!(back.unit == suffix, "{text}");
            }
        }
        assert_eq!(value_text(0.29, "%"), "29%");
        assert_eq!(value_text(-8000.0, "$"), "-$8_000");
        assert_eq!(value_text(0.16, "delta"), "16 delta");
        assert_eq!(value_text(0.0008, "bps"), "8 bps");
    }
}
