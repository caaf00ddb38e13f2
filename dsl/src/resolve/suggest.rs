//! "Did you mean": the nearest names that would fit, and what people of other tools write.

use std::collections::BTreeSet;

/// Names written in other tools, and what to write here.
const ALTERNATIVES: &[(&str, &str)] = &[
    ("average", "sma(x, 20)"),
    ("avg", "sma(x, 20)"),
    ("bb", "bollinger(x, 20, 2).upper"),
    ("bbands", "bollinger(x, 20, 2).upper"),
    ("contango", "VX[2].price / VX[1].price - 1"),
    ("corr", "correlation(x, y, 20 sessions)"),
    ("dit", "days_held"),
    ("hv", "realized_vol(SPX, 20 sessions)"),
    ("iv", "implied_vol(SPX, 30 days)"),
    (
        "iv_rank",
        "percentile_rank(implied_vol(SPX, 30 days), 252 sessions)",
    ),
    ("ivp", "percentile_rank(implied_vol(SPX, 30 days), 252 sessions)"),
    ("ivr", "percentile_rank(implied_vol(SPX, 30 days), 252 sessions)"),
    (
        "iv_percentile",
        "percentile_rank(implied_vol(SPX, 30 days), 252 sessions)",
    ),
    (
        "ivrank",
        "percentile_rank(implied_vol(SPX, 30 days), 252 sessions)",
    ),
    ("ma", "sma(x, 20)"),
    ("mean", "sma(x, 20)"),
    ("net_liq", "equity"),
    ("nlv", "equity"),
    ("pl", "profit"),
    ("pnl", "profit"),
    ("premium", "credit"),
    ("roc", "change(x, 10)"),
    ("rv", "realized_vol(SPX, 20 sessions)"),
    ("sd", "stdev(x, 20)"),
    ("std", "stdev(x, 20)"),
    ("stddev", "stdev(x, 20)"),
];

/// Indicators that other tools write with the window in the name, as `ema200`.
const WITH_WINDOW: &[&str] = &["ema", "sma", "rsi", "atr", "stdev", "zscore"];

/// What to write instead of `name`, as a whole help line; `None` when nothing is near.
///
/// Letter case first, then the smallest Damerau-Levenshtein distance up to a third of the name's length, then habits of
/// other tools. The names are taken in their sorted order, so equal distances always give the same answer.
pub(crate) fn did_you_mean<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let names: BTreeSet<&str> = names.into_iter().filter(|n| *n != name).collect();
    if let Some(hit) = names.iter().find(|n| n.eq_ignore_ascii_case(name)) {
        return Some(format!("did you mean `{hit}`? names are case-sensitive"));
    }
    let lower = name.to_lowercase();
    if let Some((_, hit)) = ALTERNATIVES.iter().find(|(other, _)| *other == lower) {
        return Some(format!("write `{hit}`"));
    }
    if let Some(split) = lower.find(|c: char| c.is_ascii_digit()) {
        let (word, digits) = lower.split_at(split);
        let word = word.trim_end_matches('_');
        if WITH_WINDOW.contains(&word) && digits.bytes().all(|b| b.is_ascii_digit()) {
            let input = if word == "atr" { "SPX" } else { "SPX.close" };
            return Some(format!(
                "windows are arguments: write `{word}({input}, {digits})`"
            ));
        }
    }
    let limit = (name.chars().count() / 3).clamp(1, 3);
    let distance = |n: &str| strsim::damerau_levenshtein(&lower, &n.to_lowercase());
    let (best, hit) = names.iter().map(|n| (distance(n), *n)).min()?;
    if best <= limit {
        return Some(format!("did you mean `{hit}`?"));
    }
    // A longer or shorter form of the same word: `closing` for `close`.
    let shared = |n: &str| {
        lower
            .chars()
            .zip(n.to_lowercase().chars())
            .take_while(|(a, b)| a == b)
            .count()
    };
    let (common, hit) = names
        .iter()
        .map(|n| (shared(n), *n))
        .max_by(|a, b| a.0.cmp(&b.0).then(b.1.cmp(a.1)))?;
    (common >= 4 && common * 2 >= lower.chars().count()).then(|| format!("did you mean `{hit}`?"))
}

/// A list of words as people write it: `a`, `a or b`, `a, b or c`, each in backticks.
pub(crate) fn one_of(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|w| format!("`{w}`")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => quoted.concat(),
    }
}
