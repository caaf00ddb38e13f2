//! Parts of a strategy in words, close to the source text.

use crate::ast::{Direction, OnUnknown, Right, Side};
use crate::graph::{
    ExpiryOnly, ExpiryPick, Graph, GuardAct, LayerDef, LegDef, Length, LimitDef, NodeId, OffsetAmount,
    OverlayDef, RollDef, RuleAction, RuleDef, SizeBasis, SizeDef, StrikeAnchor, StrikePick, StructureDef,
    StructureId, ThresholdDef,
};

/// A number with thousands separated by `_`, as in source text.
pub(crate) fn grouped(x: f64) -> String {
    let text = format!("{x}");
    let (whole, fraction) = text
        .split_once('.')
        .map_or((text.as_str(), None), |(w, f)| (w, Some(f)));
    let (sign, digits) = whole.strip_prefix('-').map_or(("", whole), |d| ("-", d));
    let mut out = String::new();
    let count = digits.chars().count();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (count - i).is_multiple_of(3) && count > 3 {
            out.push('_');
        }
        out.push(c);
    }
    match fraction {
        Some(f) => format!("{sign}{out}.{f}"),
        None => format!("{sign}{out}"),
    }
}

/// Most characters of a description under a picture's title.
const INTRODUCTION: usize = 600;

/// The first paragraph of a documentation as one line; of a long one the sentences that fit.
pub(super) fn first_paragraph(doc: &str) -> String {
    let lines = doc.lines().map(str::trim).skip_while(|l| l.is_empty());
    let whole = lines.take_while(|l| !l.is_empty()).collect::<Vec<_>>().join(" ");
    if whole.chars().count() <= INTRODUCTION {
        return whole;
    }
    let head: String = whole.chars().take(INTRODUCTION).collect();
    let sentence = [". ", "? ", "! "].iter().filter_map(|end| head.rfind(end)).max();
    match sentence.and_then(|at| head.get(..=at)) {
        Some(told) => told.to_owned(),
        None => {
            let words = head.rsplit_once(' ').map_or(head.as_str(), |(words, _)| words);
            format!("{words} …")
        }
    }
}

/// A canonical value as it is written with a suffix: 0.16 as `delta` is `16 delta`.
pub(super) fn with_suffix(x: f64, suffix: &str) -> String {
    // Scaling back can leave digits that nobody wrote; twelve significant ones are more than any file has.
    let tidy = |y: f64| (y * 1e9).round() / 1e9;
    match suffix {
        "%" => format!("{}%", grouped(tidy(x * 100.0))),
        "bps" => format!("{} bps", grouped(tidy(x * 10_000.0))),
        "delta" => format!("{} delta", grouped(tidy(x * 100.0))),
        "$" if x < 0.0 => format!("-${}", grouped(-x)),
        "$" => format!("${}", grouped(x)),
        "" => grouped(x),
        other => format!("{} {other}", grouped(x)),
    }
}

/// `35 vol (20 vol .. 60 vol)`
pub(super) fn threshold_value(t: &ThresholdDef) -> (String, String) {
    (
        with_suffix(t.default, t.suffix),
        format!(
            "{} .. {}",
            with_suffix(t.min, t.suffix),
            with_suffix(t.max, t.suffix)
        ),
    )
}

pub(super) fn text(g: &Graph, id: NodeId) -> String {
    g.node(id).map(|n| n.text.clone()).unwrap_or_default()
}

pub(super) fn structure_name(g: &Graph, id: StructureId) -> String {
    g.structures
        .get(id.0 as usize)
        .map(|s| s.key.clone())
        .unwrap_or_default()
}

pub(super) fn length(l: Length) -> String {
    let plural = |n: u32, word: &str| {
        if n == 1 {
            format!("1 {word}")
        } else {
            format!("{n} {word}s")
        }
    };
    match l {
        Length::Minutes(n) => format!("{n}m"),
        Length::Bars(n) => plural(n, "bar"),
        Length::Sessions(n) => plural(n, "session"),
        Length::Days(n) => plural(n, "day"),
    }
}

const fn basis(by: SizeBasis) -> &'static str {
    match by {
        SizeBasis::MaxLoss => "max_loss",
        SizeBasis::Margin => "margin",
        SizeBasis::Credit => "credit",
        SizeBasis::Notional => "notional",
        SizeBasis::Vega => "vega",
        SizeBasis::Beta => "beta",
    }
}

pub(super) fn size(g: &Graph, s: &SizeDef) -> String {
    match s {
        SizeDef::Lots(id) => text(g, *id),
        SizeDef::Budget { amount, by } => format!("{} by {}", text(g, *amount), basis(*by)),
        SizeDef::Scale { lo, hi, by, step } => {
            let step = step
                .map(|s| format!(", step at most {} per day", text(g, s)))
                .unwrap_or_default();
            format!(
                "scale {}..{} of target by {}{step}",
                text(g, *lo),
                text(g, *hi),
                text(g, *by)
            )
        }
    }
}

const fn right(r: Right) -> &'static str {
    match r {
        Right::Put => "put",
        Right::Call => "call",
    }
}

pub(super) fn expiry(g: &Graph, e: &ExpiryPick) -> String {
    match e {
        ExpiryPick::Same => "same expiry".to_owned(),
        ExpiryPick::Month(n) => format!("month {n}"),
        ExpiryPick::Nearest { dte, window, only } => {
            let window = window
                .map(|(lo, hi)| format!(" in {}..{}", text(g, lo), text(g, hi)))
                .unwrap_or_default();
            let only = match only {
                None => "",
                Some(ExpiryOnly::Am) => " only am",
                Some(ExpiryOnly::Pm) => " only pm",
                Some(ExpiryOnly::Monthly) => " only monthly",
            };
            format!("nearest {}{window}{only}", text(g, *dte))
        }
    }
}

fn strike(g: &Graph, s: &StrikePick, legs: &[LegDef]) -> String {
    let leg = |i: u8| {
        legs.get(usize::from(i))
            .map(|l| l.name.clone())
            .unwrap_or_default()
    };
    match s {
        StrikePick::Delta(id) | StrikePick::Premium(id) | StrikePick::Sd(id) => {
            format!("at {}", text(g, *id))
        }
        StrikePick::Otm(id) => format!("at {} otm", text(g, *id)),
        StrikePick::Spot => "at spot".to_owned(),
        StrikePick::Forward => "at forward".to_owned(),
        StrikePick::Offset {
            amount,
            direction,
            anchor,
            exact,
        } => {
            let (OffsetAmount::Points(id) | OffsetAmount::Fraction(id) | OffsetAmount::Sd(id)) = amount;
            let way = if *direction == Direction::Above {
                "above"
            } else {
                "below"
            };
            let anchor = match anchor {
                StrikeAnchor::Leg(i) => leg(*i),
                StrikeAnchor::Spot => "spot".to_owned(),
                StrikeAnchor::Forward => "forward".to_owned(),
            };
            let about = if *exact { "" } else { "about " };
            format!("{about}{} {way} {anchor}", text(g, *id))
        }
        StrikePick::Formula(id) => format!("at strike {}", text(g, *id)),
        StrikePick::SameAs(i) => format!("at strike of {}", leg(*i)),
        StrikePick::Held => String::new(),
    }
}

/// The lines of a structure: its expiry when all legs share it, then its legs.
pub(super) fn structure_lines(g: &Graph, s: &StructureDef) -> Vec<String> {
    let options = s.legs.iter().filter(|l| l.right.is_some());
    let shared = options
        .clone()
        .next()
        .map(|l| &l.expiry)
        .filter(|e| options.clone().all(|l| l.expiry == **e));
    let mut out = Vec::new();
    if let Some(e) = shared {
        out.push(format!("expiry {}", expiry(g, e)));
    }
    for leg in &s.legs {
        let side = if leg.side == Side::Long { "long" } else { "short" };
        let ratio = if leg.ratio == 1 {
            String::new()
        } else {
            format!("{} × ", leg.ratio)
        };
        let mut line = match leg.month {
            Some(month) => format!("{side} month {month}"),
            None if leg.is_shares() => leg.name.clone(),
            None => format!("{ratio}{} {}", leg.name, strike(g, &leg.strike, &s.legs)),
        };
        if shared.is_none() && leg.right.is_some() {
            line += &format!(", expiry {}", expiry(g, &leg.expiry));
        }
        out.push(line);
    }
    out
}

/// ` · subaccount second` for what a subaccount holds; nothing for the main account's.
pub(super) fn of_subaccount(g: &Graph, key: &str) -> String {
    let holds = |s: &&crate::graph::SubaccountDef| s.holds.iter().any(|h| h == key);
    let found = g.subaccounts.iter().find(holds);
    found.map_or_else(String::new, |s| format!(" · subaccount {}", s.key))
}

pub(super) fn roll(g: &Graph, to: &RollDef) -> String {
    match to {
        RollDef::Recentred(e) => format!("to {}, recentred", expiry(g, e)),
        RollDef::SameStrikes(e) => format!("to {}, same strikes", expiry(g, e)),
        RollDef::Side {
            side,
            strike: s,
            expiry: e,
        } => {
            let side = side.map_or("tested", right);
            format!("to {}, {side} side {}", expiry(g, e), strike(g, s, &[]))
        }
    }
}

/// What a rule does, as a word and lines.
pub(super) fn rule(g: &Graph, r: &RuleDef) -> (&'static str, Vec<String>) {
    let mut lines = Vec::new();
    let word = match &r.action {
        RuleAction::Open {
            size: s,
            at_most,
            up_to,
        } => {
            lines.push(format!("size {}", size(g, s)));
            if let Some(id) = at_most {
                lines.push(format!("at most {}", text(g, *id)));
            }
            lines.push(format!("up to {}", text(g, *up_to)));
            "open"
        }
        RuleAction::Close { portion } => {
            if let Some(id) = portion {
                lines.push(format!("portion {}", text(g, *id)));
            }
            "close"
        }
        RuleAction::Roll { to } => {
            lines.push(roll(g, to));
            "roll"
        }
    };
    match r.limit {
        LimitDef::Market => {}
        LimitDef::Mid => lines.push("limit mid".to_owned()),
        LimitDef::Natural => lines.push("limit natural".to_owned()),
        LimitDef::At(id) => lines.push(format!("limit {}", text(g, id))),
    }
    if r.unknown == OnUnknown::Act {
        lines.push("unknown act".to_owned());
    }
    (word, lines)
}

pub(super) fn guard_action(g: &Graph, a: &GuardAct) -> String {
    match a {
        GuardAct::BlockOpen => "block open".to_owned(),
        GuardAct::HaltOpen => "halt open".to_owned(),
        GuardAct::Flatten(id) => format!("flatten {}", structure_name(g, *id)),
        GuardAct::Alert(text) => format!("alert \"{text}\""),
    }
}

/// The lines of a layer beside its conditions.
pub(super) fn layer_lines(g: &Graph, l: &LayerDef) -> Vec<String> {
    let mut out = Vec::new();
    if let Some(s) = &l.size {
        out.push(format!("size {}", size(g, s)));
    }
    for (word, value) in &l.words {
        if word == "roll" {
            out.push(format!("roll {value}"));
        }
    }
    for (word, id) in &l.clauses {
        if word == "cap" || word.starts_with("budget") {
            out.push(format!("{} {}", word.replace('.', " per "), text(g, *id)));
        }
    }
    out
}

/// What leads to a clause of a layer that is a condition: `rotate to mid_term when`; the clause's own word for the others.
pub(super) fn layer_clause(g: &Graph, l: &LayerDef, word: &str) -> String {
    let said = |key: &str| {
        l.words
            .iter()
            .find(|(w, _)| w == key)
            .map_or("", |(_, v)| v.as_str())
    };
    match word {
        "rotate" => format!("rotate to {} when", said("rotate.to")),
        "migrate" => {
            let share = l.clauses.iter().find(|(w, _)| w == "migrate.share");
            let share = share.map(|(_, id)| text(g, *id)).unwrap_or_default();
            format!("migrate {share} to month {} when", said("migrate.month"))
        }
        _ => word.to_owned(),
    }
}

/// The delta that an overlay trades back to, and the band in which it leaves it alone: `to delta 0 ± 5 delta`.
pub(super) fn overlay_target(g: &Graph, o: &OverlayDef) -> Option<String> {
    let (target, band) = o.target?;
    Some(format!("to delta {} ± {}", text(g, target), text(g, band)))
}
