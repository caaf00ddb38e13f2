//! What is varied: `short_delta=10..20:2`, `stop_multiple=100%,200%`.

use crate::exit::Failure;
use alula_core::thresholds::{value, value_text};
use alula_dsl::graph::ThresholdDef;
use alula_report::sweep::Axis;
use alula_yaml::Place;

/// Points of a grid at most.
pub const POINTS_MAX: usize = 10_000;

/// An axis with the values behind its texts, canonical scale, and the threshold's place in the graph's order.
#[derive(Clone, Debug, PartialEq)]
pub struct Varied {
    pub axis: Axis,
    pub values: Vec<f64>,
    pub slot: usize,
}

/// Reads what is to be varied. `now` are the values in force.
///
/// # Errors
/// When a threshold is unknown or named twice, a value is none of it, or the grid is too large.
pub fn read(given: &[String], defs: &[ThresholdDef], now: &[f64]) -> Result<Vec<Varied>, Failure> {
    let mut all: Vec<Varied> = Vec::new();
    for text in given {
        let varied = one(text, defs, now)?;
        if all.iter().any(|v| v.slot == varied.slot) {
            return Err(Failure::usage(format!("`{}` is varied twice", varied.axis.name))
                .help("give all of its values in one `--vary`"));
        }
        all.push(varied);
    }
    let points = all
        .iter()
        .try_fold(1_usize, |n, v| n.checked_mul(v.values.len()))
        .filter(|n| *n <= POINTS_MAX);
    if points.is_none() {
        return Err(Failure::usage(format!("the grid has more than {POINTS_MAX} points"))
            .help("take larger steps, or vary fewer thresholds: the best of so many tries on one path says little"));
    }
    Ok(all)
}

fn one(text: &str, defs: &[ThresholdDef], now: &[f64]) -> Result<Varied, Failure> {
    let Some((name, values)) = text.split_once('=') else {
        return Err(Failure::usage(format!("`{text}` names no values"))
            .help("write `--vary short_delta=10,16,20` or `--vary short_delta=10..20:2`"));
    };
    let name = name.trim();
    let found = defs.iter().enumerate().find(|(_, d)| d.name == name);
    let Some((slot, def)) = found else {
        let names: Vec<&str> = defs.iter().map(|d| d.name.as_str()).collect();
        let help = if names.is_empty() {
            "the strategy declares no thresholds; only thresholds can be varied".to_owned()
        } else {
            format!("the strategy declares {}", names.join(", "))
        };
        return Err(Failure::usage(format!("there is no threshold `{name}`")).help(help));
    };
    let mut canonical: Vec<f64> = Vec::new();
    for part in values.split(',') {
        for text in written(part.trim(), def)? {
            let place = Place { line: 1, column: 1 };
            let number = value(&text, def, place).map_err(|v| {
                Failure::usage(format!("--vary {name}: {}, {}", v.message, v.why)).help(v.fix)
            })?;
            if canonical.iter().any(|x| x.to_bits() == number.to_bits()) {
                return Err(
                    Failure::usage(format!("--vary {name}: `{text}` stands there twice"))
                        .help("give each value once"),
                );
            }
            canonical.push(number);
        }
    }
    let show = |x: f64| value_text(x, def.suffix);
    Ok(Varied {
        axis: Axis {
            name: def.name.clone(),
            values: canonical.iter().copied().map(show).collect(),
            now: now.get(slot).copied().map_or_else(String::new, show),
        },
        values: canonical,
        slot,
    })
}

/// A value, or all values of a range, as the thresholds file would write them. A bare number takes the declared unit.
fn written(part: &str, def: &ThresholdDef) -> Result<Vec<String>, Failure> {
    let Some((from, rest)) = part.split_once("..") else {
        return Ok(vec![match bare(part) {
            Some(number) => with_unit(number, def.suffix),
            None => part.to_owned(),
        }]);
    };
    let wrong = |why: &str| {
        Failure::usage(format!("--vary {}: `{part}` {why}", def.name)).help(format!(
            "write `--vary {}=from..to:step`, such as `10..20:2`",
            def.name
        ))
    };
    let (to, step) = rest.split_once(':').ok_or_else(|| wrong("has no step"))?;
    let number =
        |text: &str| number_of(text.trim(), def.suffix).ok_or_else(|| wrong("is no range of numbers"));
    let ((from, d0), (to, d1), (step, d2)) = (number(from)?, number(to)?, number(step)?);
    if step <= 0.0 || to < from {
        return Err(wrong("does not run upwards"));
    }
    let decimals = d0.max(d1).max(d2);
    let mut texts = Vec::new();
    for i in 0..=u32::try_from(POINTS_MAX).unwrap_or(u32::MAX) {
        let x = from + f64::from(i) * step;
        // The last value counts when rounding alone puts it past the end.
        if x > to + step * 1e-9 {
            return Ok(texts);
        }
        texts.push(with_unit(&format!("{x:.decimals$}"), def.suffix));
    }
    Err(wrong("has too many values"))
}

/// A text that is a number alone.
fn bare(text: &str) -> Option<&str> {
    let plain = text.chars().all(|c| c.is_ascii_digit() || "._-+".contains(c));
    (plain && text.contains(|c: char| c.is_ascii_digit())).then_some(text)
}

fn with_unit(number: &str, suffix: &str) -> String {
    match suffix {
        "" => number.to_owned(),
        "%" => format!("{number}%"),
        "$" => match number.strip_prefix('-') {
            Some(digits) => format!("-${digits}"),
            None => format!("${number}"),
        },
        word => format!("{number} {word}"),
    }
}

/// The number of a text with or without the declared unit, and its decimals.
fn number_of(text: &str, suffix: &str) -> Option<(f64, usize)> {
    let mut plain = text.replace('$', "");
    if suffix != "$" {
        if text.contains('$') {
            return None;
        }
        plain = plain.trim().trim_end_matches(suffix).trim_end().to_owned();
    }
    let plain = plain.replace('_', "");
    let number: f64 = bare(&plain)?.parse().ok()?;
    let decimals = plain.split_once('.').map_or(0, |(_, d)| d.len()).min(12);
    number.is_finite().then_some((number, decimals))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alula_dsl::compile::compile;
    use alula_dsl::source::NoImports;

    fn defs() -> Vec<ThresholdDef> {
        let text = "alula 1\nstrategy s { capital $100_000 evaluate every 1 session in SPX.regular }\n\
            threshold d = 16 delta in 5..30 delta /// d\n\
            threshold stop = 200% in 50%..500% /// stop\n\
            threshold floor = -$8_000 in -$20_000..$0 /// floor\n\
            threshold exit = 21 in 0..45 /// exit\n";
        compile("s.alula", text.as_bytes(), &NoImports)
            .graph
            .unwrap()
            .thresholds
    }

    fn texts(given: &str) -> Result<Vec<String>, String> {
        let defs = defs();
        let now: Vec<f64> = defs.iter().map(|d| d.default).collect();
        let found = read(&[given.to_owned()], &defs, &now);
        found
            .map(|all| all.into_iter().flat_map(|v| v.axis.values).collect())
            .map_err(|e| e.what)
    }

    #[test]
    fn values_and_ranges_are_written_as_in_the_thresholds_file() {
        let is = |given: &str, wanted: &[&str]| {
            assert_eq!(texts(given).unwrap(), wanted, "{given}");
        };
        is("d=10,16 delta,20", &["10 delta", "16 delta", "20 delta"]);
        is("d=10..16:2", &["10 delta", "12 delta", "14 delta", "16 delta"]);
        is(
            "d=10 delta..11 delta:0.5 delta",
            &["10 delta", "10.5 delta", "11 delta"],
        );
        is("stop=100%..200%:50%", &["100%", "150%", "200%"]);
        is(
            "stop=100..101.0:0.1,300",
            &[
                "100%", "100.1%", "100.2%", "100.3%", "100.4%", "100.5%", "100.6%", "100.7%", "100.8%",
                "100.9%", "101%", "300%",
            ],
        );
        is(
            "floor=-$8_000..-$4_000:$2_000",
            &["-$8_000", "-$6_000", "-$4_000"],
        );
        is("exit=7..28:7", &["7", "14", "21", "28"]);
    }

    #[test]
    fn what_is_no_value_is_refused_in_words() {
        let is = |given: &str, part: &str| {
            let told = texts(given).unwrap_err();
            assert!(told.contains(part), "{given}: {told}");
        };
        is("d", "names no values");
        is("delta=10", "no threshold `delta`");
        is("d=10..20", "has no step");
        is("d=20..10:2", "does not run upwards");
        is("d=10..20:0", "does not run upwards");
        is("d=10..20:nan", "no range of numbers");
        is("d=4", "below the range");
        is("d=16 vol", "has `vol`");
        is("d=16,16.0", "twice");
        is("d=", "not a number");
        is("d=10..20:0.000001", "too many");
        is("floor=$1..$2:1%", "no range of numbers");
    }
}
