//! `#allow(code) because "reason"`: which warnings an author wants to live with.

use crate::ast::Item;
use crate::diagnostic::{Code, Diagnostic, Severity, codes};
use crate::resolve::Symbols;
use crate::resolve::suggest::did_you_mean;
use crate::span::Span;

/// Codes that can be silenced: warnings and notes about the strategy, not those about the allowing itself.
fn can_be_allowed(code: Code) -> bool {
    (600..700).contains(&code.0)
        && ![codes::UNUSED_ALLOW, codes::BAD_ALLOW, codes::MORE_FINDINGS].contains(&code)
}

/// Takes away what is allowed; reports allows that name nothing, an error, or a warning that does not occur.
pub(super) fn apply(symbols: &Symbols<'_>, findings: &mut Vec<Diagnostic>) {
    let mut reports = Vec::new();
    for item in &symbols.items {
        for allow in &item.allow {
            let written = &allow.code;
            let Some(info) = codes::explain(&written.value) else {
                let names = codes::ALL
                    .iter()
                    .filter(|i| can_be_allowed(i.code))
                    .map(|i| i.name);
                let help = did_you_mean(&written.value, names).unwrap_or_else(|| {
                    "write the code of a warning, such as `A0601` or `can-flap`".to_owned()
                });
                let message = format!("there is no diagnostic `{}`", written.value);
                reports.push(Diagnostic::error(codes::BAD_ALLOW, written.span, message).help(help));
                continue;
            };
            if !can_be_allowed(info.code) {
                let message = format!("`{}` ({}) cannot be silenced", info.code, info.name);
                let help = "only warnings and notes (A06xx) can; mend the cause instead";
                reports.push(Diagnostic::error(codes::BAD_ALLOW, written.span, message).help(help));
                continue;
            }
            let before = findings.len();
            findings.retain(|d| {
                !(d.code == info.code && d.severity != Severity::Error && inside(d.primary.span, item.span))
            });
            // What only data can show is not missed here.
            if findings.len() == before && info.code != codes::WARM_UP_BEYOND_DATA {
                let message = format!("`{}` ({}) does not occur in this item", info.code, info.name);
                let help = "remove the `#allow`, so that it cannot hide a later one";
                reports.push(Diagnostic::warning(codes::UNUSED_ALLOW, written.span, message).help(help));
            }
        }
    }
    findings.append(&mut reports);
}

/// Whether the item around a place allows a code.
pub(crate) fn allowed<'a>(items: impl IntoIterator<Item = &'a Item>, code: Code, place: Span) -> bool {
    let mut around = items.into_iter().filter(|i| inside(place, i.span));
    around.any(|i| {
        let written = i.allow.iter().filter_map(|a| codes::explain(&a.code.value));
        can_be_allowed(code) && written.into_iter().any(|info| info.code == code)
    })
}

fn inside(inner: Span, outer: Span) -> bool {
    inner.file == outer.file && outer.start <= inner.start && inner.start < outer.end.max(outer.start + 1)
}
