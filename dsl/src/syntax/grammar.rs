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
        _ => return None,
    })
}

/// Parses one item into the pair of its rule.
pub(super) fn parse<'t>(keyword: &str, text: &'t str) -> Result<Pair<'t, Rule>, Box<pest::error::Error<Rule>>> {
    let fail = || {
        let variant = pest::error::ErrorVariant::CustomError { message: "not an item".to_owned() };
        Box::new(pest::error::Error::new_from_pos(variant, pest::Position::from_start(text)))
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
