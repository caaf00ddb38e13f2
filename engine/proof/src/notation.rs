//! Compact notation of series: `28+2x4 _ 38` is 28, 30, 32, 34, 36, one missing value, then 38.
//!
//! | written | means |
//! | --- | --- |
//! | `28` | one value |
//! | `28x5` | five times 28 |
//! | `28+2x4` | 28, then four steps of 2: five values |
//! | `28-2x4` | 28, then four steps of -2 |
//! | `100*1.01x4` | 100, then four steps, each times 1.01 |
//! | `_`, `_x3` | one missing value, three missing values |
//!
//! A number may end in `%`: `2.5%` is 0.025, `28+1%x4` grows by 0.01 a step.

/// Values of one series.
pub const VALUES_MAX: usize = 20_000;

/// A text that is no series.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct NotationError {
    /// What is wrong: one line, lower case, the user's text in backticks.
    pub what: String,
    /// What to write.
    pub fix: String,
}

fn error(what: String, fix: impl Into<String>) -> NotationError {
    NotationError {
        what,
        fix: fix.into(),
    }
}

/// How a run of values goes on.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Step {
    Same,
    Add(f64),
    Times(f64),
}

/// Values, `None` where one is missing.
///
/// # Errors
/// When a part is not of the notation, a value is not finite, or there are none, or more than [`VALUES_MAX`].
pub fn series(text: &str) -> Result<Vec<Option<f64>>, NotationError> {
    let mut out = Vec::new();
    for part in text.split_whitespace() {
        let (value, step, count) = run(part)?;
        let values = match step {
            Step::Same => count,
            Step::Add(_) | Step::Times(_) => count.saturating_add(1),
        };
        if out.len().saturating_add(values) > VALUES_MAX {
            return Err(error(
                format!("`{part}` makes the series longer than {VALUES_MAX} values"),
                "a case is about days, not decades; take a store for long histories",
            ));
        }
        let mut grown = value;
        for i in 0..values {
            out.push(grown);
            grown = match step {
                Step::Same => value,
                // From the start, so that no rounding piles up: the tenth value of `28+0.1x9` is 28.9.
                Step::Add(by) => value.map(|v| v + by * exact(i + 1)),
                Step::Times(by) => grown.map(|v| v * by),
            };
            if grown.is_some_and(|v| !v.is_finite()) {
                return Err(error(
                    format!("`{part}` grows beyond every number"),
                    "take a smaller step",
                ));
            }
        }
    }
    if out.is_empty() {
        return Err(error(
            "a series has no values".to_owned(),
            "write at least one, such as `18x5`",
        ));
    }
    Ok(out)
}

#[expect(clippy::cast_precision_loss, reason = "counts stay below VALUES_MAX")]
const fn exact(n: usize) -> f64 {
    n as f64
}

fn run(part: &str) -> Result<(Option<f64>, Step, usize), NotationError> {
    let fix = "write `28`, `28x5`, `28+2x4`, `100*1.01x4`, `_` or `_x3`";
    let bad = || error(format!("`{part}` is not of the notation"), fix);
    let (head, count) = match part.split_once('x') {
        Some((head, count)) => {
            let digits = !count.is_empty() && count.bytes().all(|b| b.is_ascii_digit());
            let count = count.parse().ok().filter(|n| digits && *n > 0).ok_or_else(|| {
                error(
                    format!("`{count}` of `{part}` is not a count"),
                    "write how many after `x`: `28x5`",
                )
            })?;
            (head, Some(count))
        }
        None => (part, None),
    };
    if head == "_" {
        return Ok((None, Step::Same, count.unwrap_or(1)));
    }
    // The first sign is the value's own.
    let operator = head
        .char_indices()
        .skip(1)
        .find(|(_, c)| matches!(c, '+' | '-' | '*'));
    let Some((at, operator)) = operator else {
        let value = number(head).ok_or_else(bad)?;
        return Ok((Some(value), Step::Same, count.unwrap_or(1)));
    };
    let (value, rest) = head.split_at_checked(at).ok_or_else(bad)?;
    let by = number(rest.get(1..).unwrap_or_default()).ok_or_else(bad)?;
    let value = number(value).ok_or_else(bad)?;
    let count = count.ok_or_else(|| {
        error(
            format!("`{part}` does not say how many steps"),
            format!("write `{part}x4` for four"),
        )
    })?;
    let step = match operator {
        '+' => Step::Add(by),
        '-' => Step::Add(-by),
        _ => Step::Times(by),
    };
    Ok((Some(value), step, count))
}

/// A plain decimal, `_` between digits allowed, `%` for hundredths.
fn number(text: &str) -> Option<f64> {
    let (digits, percent) = text.strip_suffix('%').map_or((text, false), |t| (t, true));
    let plain = digits.strip_prefix(['-', '+']).unwrap_or(digits);
    let shape = plain.starts_with(|c: char| c.is_ascii_digit())
        && plain.ends_with(|c: char| c.is_ascii_digit())
        && plain.chars().all(|c| c.is_ascii_digit() || c == '.' || c == '_');
    let value: f64 = digits.replace('_', "").parse().ok().filter(|_| shape)?;
    let value = if percent { value / 100.0 } else { value };
    value.is_finite().then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Vec<Option<f64>> {
        series(text).unwrap_or_else(|e| panic!("{text}: {e}"))
    }

    #[test]
    fn the_notation_of_the_language_page() {
        let got = values("28+2x4 _ 38");
        let want = [
            Some(28.0),
            Some(30.0),
            Some(32.0),
            Some(34.0),
            Some(36.0),
            None,
            Some(38.0),
        ];
        assert_eq!(got, want);
    }

    #[test]
    fn each_form() {
        assert_eq!(values("18"), [Some(18.0)]);
        assert_eq!(values("18x3"), [Some(18.0); 3]);
        assert_eq!(values("_x2 1"), [None, None, Some(1.0)]);
        assert_eq!(values("5-1x2"), [Some(5.0), Some(4.0), Some(3.0)]);
        assert_eq!(values("-2+1x2"), [Some(-2.0), Some(-1.0), Some(0.0)]);
        assert_eq!(values("2*2x2"), [Some(2.0), Some(4.0), Some(8.0)]);
        assert_eq!(values("-2.5%"), [Some(-0.025)]);
        assert_eq!(values("4_500"), [Some(4500.0)]);
        assert_eq!(values("28+0.1x9").last(), Some(&Some(28.9)));
    }

    #[test]
    fn what_is_not_of_it_is_refused_with_a_way_out() {
        for (text, what) in [
            ("", "a series has no values"),
            ("abc", "`abc` is not of the notation"),
            ("28+2", "`28+2` does not say how many steps"),
            ("28x", "`` of `28x` is not a count"),
            ("28x0", "`0` of `28x0` is not a count"),
            ("28x-1", "`-1` of `28x-1` is not a count"),
            ("28+x3", "`28+x3` is not of the notation"),
            ("1e5", "`1e5` is not of the notation"),
            ("nan", "`nan` is not of the notation"),
            ("1x20001", "`1x20001` makes the series longer than 20000 values"),
            ("1*1000000x200", "`1*1000000x200` grows beyond every number"),
        ] {
            assert_eq!(series(text).unwrap_err().what, what, "{text}");
        }
        assert_eq!(values("1x20000").len(), VALUES_MAX);
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[-+*x_%.0-9 a-z]{0,40}") {
            let _ = series(&text);
        }
    }
}
