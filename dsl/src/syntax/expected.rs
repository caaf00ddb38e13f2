//! From a pest failure to words that the author of a strategy uses.

use super::grammar::Rule;
use crate::diagnostic::{Diagnostic, codes};
use crate::span::FileId;
use pest::error::{Error, ErrorVariant, InputLocation};

/// More alternatives than this are not listed.
const SHOWN: usize = 7;

/// The rules that a value can begin with, beside `net credit`.
const VALUE_STARTS: [Rule; 13] = [
    Rule::paren_open,
    Rule::string,
    Rule::number,
    Rule::digits,
    Rule::dollar,
    Rule::kw_script,
    Rule::kw_within,
    Rule::kw_short,
    Rule::kw_long,
    Rule::side,
    Rule::name,
    Rule::leg,
    Rule::prefix,
];

/// Units of one word, for slips of the pen.
const UNITS: &[&str] = &[
    "vol",
    "pts",
    "delta",
    "bps",
    "dte",
    "lots",
    "positions",
    "days",
    "sessions",
    "bars",
    "ticks",
    "day",
    "session",
    "bar",
    "tick",
    "lot",
    "position",
];

/// How a rule is called in a message; `None` for rules that are of no help there.
fn words(rule: Rule) -> Option<String> {
    let debug = format!("{rule:?}");
    if let Some(keyword) = debug.strip_prefix("kw_") {
        return Some(if rule == Rule::kw_allow {
            "`#allow`".to_owned()
        } else {
            format!("`{keyword}`")
        });
    }
    Some(
        match rule {
            Rule::name | Rule::word | Rule::shape_word | Rule::leg_name | Rule::own_name | Rule::arg_name => {
                "a name"
            }
            Rule::shape_kind => "a shape such as `iron condor`",
            Rule::shape => "a shape such as `iron condor on SPX { … }`",
            Rule::string => "a string \"…\"",
            Rule::digits | Rule::number | Rule::ratio => "a number",
            Rule::literal => "a number with its unit",
            Rule::amount => "a number with its unit, or the name of a threshold",
            Rule::literal_range | Rule::amount_range => "a range `lo..hi`",
            Rule::expr
            | Rule::paren
            | Rule::script_call
            | Rule::in_window
            | Rule::net_credit
            | Rule::call_or_name
            | Rule::sized => "a value",
            Rule::infix => "an operator",
            Rule::unit => "a unit",
            Rule::shift => "a shift such as `vol +5`",
            Rule::leg => "a value",
            Rule::side | Rule::leg_ref => "`short` or `long`",
            Rule::right => "`put` or `call`",
            Rule::event_side => "`before`, `after` or `of`",
            Rule::strike => "a strike such as `at 16 delta` or `50 pts below short put`",
            Rule::roll_strikes => {
                "`recentred`, `same strikes`, `tested side at …`, `put side at …` or `call side at …`"
            }
            Rule::same_expiry | Rule::roll_expiry => "an expiry such as `45 dte` or `same expiry`",
            Rule::nearest => "`nearest`",
            Rule::guard_action => "`block open`, `halt open`, `flatten STRUCTURE` or `alert \"…\"`",
            Rule::feed => "`feed(\"…\")`",
            Rule::size => "`size`",
            Rule::at_most => "`at most`",
            Rule::up_to => "`up to`",
            Rule::require => "`require`",
            Rule::limit => "`limit`",
            Rule::unknown => "`unknown`",
            Rule::portion => "`portion`",
            Rule::rank => "`rank by`",
            Rule::conflict => "`conflict`",
            Rule::holds => "`holds`",
            Rule::when => "`when`",
            Rule::roll_to => "`to`",
            Rule::step => "`step at most …`",
            Rule::plus_minus => "`±`",
            Rule::brace_open => "`{`",
            Rule::brace_close => "`}`",
            Rule::paren_open => "`(`",
            Rule::paren_close => "`)`",
            Rule::square_open => "`[`",
            Rule::square_close => "`]`",
            Rule::colon => "`:`",
            Rule::arrow => "`->`",
            Rule::equals => "`=`",
            Rule::dots => "`..`",
            Rule::allow_code => "the code of a finding",
            Rule::param => "a parameter such as `x: vol`",
            Rule::end_of_item | Rule::EOI => "the next item",
            _ => return None,
        }
        .to_owned(),
    )
}

/// `a, b or c`.
pub(super) fn list(items: impl IntoIterator<Item = String>) -> String {
    let mut items: Vec<String> = items.into_iter().collect();
    match items.pop() {
        None => String::new(),
        Some(last) if items.is_empty() => last,
        Some(last) => format!("{} or {last}", items.join(", ")),
    }
}

/// The candidate nearest to `word`, if it is near enough to be a slip of the pen.
pub(super) fn nearest<'c>(word: &str, candidates: &[&'c str]) -> Option<&'c str> {
    let lower = word.to_lowercase();
    let allowed = match lower.len() {
        0..=2 => 0,
        3..=5 => 1,
        _ => 2,
    };
    candidates
        .iter()
        .map(|c| (strsim::damerau_levenshtein(&lower, c), *c))
        .filter(|(d, c)| *d <= allowed && *c != word)
        .min_by_key(|(d, _)| *d)
        .map(|(_, c)| c)
}

/// The finding for an item that pest could not parse; `base` is where its text begins in the file.
pub(super) fn finding(file: FileId, text: &str, base: usize, error: &Error<Rule>) -> Diagnostic {
    let at = match error.location {
        InputLocation::Pos(p) | InputLocation::Span((p, _)) => p,
    };
    let rest = text.get(at..).unwrap_or("");
    let word_len = rest
        .bytes()
        .take_while(|b| b.is_ascii_alphanumeric() || *b == b'_')
        .count();
    let len = if word_len > 0 {
        word_len
    } else {
        rest.chars().next().map_or(0, char::len_utf8)
    };
    let found = rest.get(..len).unwrap_or("");
    let here = super::span(file, base + at, base + at + len);
    let rules = match &error.variant {
        ErrorVariant::CustomError { message } if message.contains("limit") => {
            let d = Diagnostic::error(
                codes::NESTED_TOO_DEEPLY,
                super::span(file, base, base + text.len().min(1)),
                "too deep for the stack at hand",
            );
            return d.help("name inner parts as signals");
        }
        ErrorVariant::CustomError { .. } => Vec::new(),
        ErrorVariant::ParsingError { positives, .. } => positives.clone(),
    };
    let mut expected: Vec<String> = Vec::new();
    // A value can begin in many ways; together they are called a value.
    let value = rules.contains(&Rule::net_credit);
    let rules: Vec<Rule> = rules
        .into_iter()
        .filter(|r| !value || !VALUE_STARTS.contains(r))
        .collect();
    for w in rules.iter().filter_map(|r| words(*r)) {
        if !expected.contains(&w) {
            expected.push(w);
        }
    }
    // Exact words first, kinds of words after them.
    expected.sort_by_key(|w| !w.starts_with('`') || w.contains(' ') || w == "`(`");
    let keywords: Vec<&str> = expected
        .iter()
        .filter_map(|w| w.strip_prefix('`')?.strip_suffix('`'))
        .collect();
    let units = if rules.contains(&Rule::unit) { UNITS } else { &[] };
    let keywords: Vec<&str> = keywords.into_iter().chain(units.iter().copied()).collect();
    // A misspelt word may have been read as a name, so that the failure shows one word later.
    let (before, before_at) = last_word(text, at);
    let slip = nearest(found, &keywords).map(|k| (k, found, here));
    let slip = slip.or_else(|| {
        let span = super::span(file, base + before_at, base + before_at + before.len());
        nearest(before, &keywords)
            .filter(|_| !super::is_reserved(before))
            .map(|k| (k, before, span))
    });
    if let Some((keyword, wrong, place)) = slip {
        let d = Diagnostic::error(
            codes::SYNTAX,
            place,
            format!("expected `{keyword}`, found `{wrong}`"),
        );
        return d.help(format!("did you mean `{keyword}`?"));
    }
    let mut wanted = list(expected.iter().take(SHOWN).cloned());
    if expected.len() > SHOWN {
        wanted.push_str(", among others");
    }
    let what = if found.is_empty() {
        "the end of the item".to_owned()
    } else {
        format!("`{found}`")
    };
    let message = if wanted.is_empty() {
        format!("unexpected {what}")
    } else {
        format!("expected {wanted}, found {what}")
    };
    // At the end of the item there is nothing to underline but its last character.
    let here = if found.is_empty() {
        let end = text.trim_end().len();
        super::span(file, base + end.saturating_sub(1), base + end)
    } else {
        here
    };
    let d = Diagnostic::error(codes::SYNTAX, here, message);
    if let Some(help) = habit(text, at, found) {
        return d.help(help);
    }
    if super::is_reserved(found) && expected.iter().any(|w| w == "a name") {
        return d.help(format!(
            "`{found}` is a word of the language; choose another name"
        ));
    }
    d
}

/// What to write instead of habits of other tools: `$100k`, `2x credit`.
fn habit(text: &str, at: usize, found: &str) -> Option<String> {
    let (before, _) = last_word(text, at);
    if let Some(times) = before.strip_suffix(['x', 'X'])
        && let Ok(times) = times.parse::<u32>()
        && times > 0
    {
        let share = times.checked_mul(100)?;
        return Some(format!("a multiple is written as a share: `{share}% of {found}`"));
    }
    if found == "when" && matches!(before, "close" | "roll") {
        return Some(format!("give the rule a name: `{before} early when …`"));
    }
    let touches = text.get(..at)?.ends_with(|c: char| c.is_ascii_digit());
    let zeros = match found {
        "k" | "K" => "_000",
        "m" | "M" | "mm" | "MM" => "_000_000",
        _ => return None,
    };
    touches.then(|| format!("write the number out: `{before}{zeros}`"))
}

/// The word that ends before `at`, and where it begins.
fn last_word(text: &str, at: usize) -> (&str, usize) {
    let before = text.get(..at).unwrap_or("").trim_end();
    let start = before
        .bytes()
        .rposition(|b| !(b.is_ascii_alphanumeric() || b == b'_'))
        .map_or(0, |n| n + 1);
    (before.get(start..).unwrap_or(""), start)
}
