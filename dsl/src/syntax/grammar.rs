//! The pest parser of one item, made from `strategy.pest`.

use pest::Parser;
use pest::iterators::Pair;

mod generated {
    #![allow(missing_docs, reason = "the rules are documented in strategy.pest")]

    #[derive(pest_derive::Parser)]
    #[grammar = "syntax/strategy.pest"]
    pub struct StrategyParser;
}

pub(super) use generated::{Rule, StrategyParser};

/// The grammar rule of an item keyword.
fn rule_of(keyword: &str) -> Option<Rule> {
    Some(match keyword {
        "import" => Rule::import_item,
        "use" => Rule::use_item,
        "strategy" => Rule::strategy_item,
        "threshold" => Rule::threshold_item,
        "series" => Rule::series_item,
        "event" => Rule::event_item,
        "signal" => Rule::signal_item,
        "script" => Rule::script_item,
        "structure" => Rule::structure_item,
        "policy" => Rule::policy_item,
        "hedge" => Rule::hedge_item,
        "overlay" => Rule::overlay_item,
        "guard" => Rule::guard_item,
        "subaccount" => Rule::subaccount_item,
        _ => return None,
    })
}

/// Parses one item into the pair of its rule.
pub(super) fn parse<'t>(
    keyword: &str,
    text: &'t str,
) -> Result<Pair<'t, Rule>, Box<pest::error::Error<Rule>>> {
    let fail = || {
        let variant = pest::error::ErrorVariant::CustomError {
            message: "not an item".to_owned(),
        };
        Box::new(pest::error::Error::new_from_pos(
            variant,
            pest::Position::from_start(text),
        ))
    };
    let rule = rule_of(keyword).ok_or_else(fail)?;
    let mut pairs = StrategyParser::parse(rule, text).map_err(Box::new)?;
    pairs.next().ok_or_else(fail)
}

/// Whether the grammar reads `word` as a word but not as a name.
pub(super) fn is_reserved(word: &str) -> bool {
    let whole = |r: Rule| StrategyParser::parse(r, word).is_ok_and(|p| p.as_str() == word);
    whole(Rule::word) && !whole(Rule::name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The words between the braces of a rule of the grammar file.
    fn words(rule: &str) -> Vec<&'static str> {
        let text = include_str!("strategy.pest");
        let start = text.find(&format!("\n{rule} ")).expect("the rule");
        let body = &text[start..];
        let end = body.find("\n}").expect("its end");
        body[..end].split('"').skip(1).step_by(2).collect()
    }

    /// In a grammar of ordered choice a word hides the longer ones that begin with it and stand behind it.
    #[test]
    fn no_word_of_a_choice_hides_a_later_one() {
        for rule in ["reserved", "unit", "bad_unit"] {
            let words = words(rule);
            assert!(words.len() > 10, "{rule}");
            for (n, word) in words.iter().enumerate() {
                let hidden = words[n + 1..]
                    .iter()
                    .find(|later| later.starts_with(word) && *word != "%");
                assert_eq!(hidden, None, "{rule}: `{word}`");
            }
        }
        for word in words("reserved") {
            assert!(is_reserved(word), "{word}");
            assert!(!is_reserved(&format!("{word}x")), "{word}x");
        }
    }

    /// The tree builder skips keywords and punctuation by their place in the grammar file.
    #[test]
    fn keywords_and_punctuation_stand_together() {
        for rule in Rule::all_rules() {
            let name = format!("{rule:?}");
            let keyword = (Rule::kw_about..=Rule::kw_within).contains(rule);
            assert_eq!(name.starts_with("kw_"), keyword, "{name}");
            let punctuation = [
                "brace_open",
                "brace_close",
                "paren_open",
                "paren_close",
                "square_open",
                "square_close",
                "colon",
                "arrow",
                "equals",
                "dots",
                "ampersand",
                "plus_minus",
                "item_end",
                "end_of_item",
            ];
            let found = (Rule::brace_open..=Rule::end_of_item).contains(rule);
            assert_eq!(punctuation.contains(&name.as_str()), found, "{name}");
        }
    }
}
