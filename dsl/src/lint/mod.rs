//! Warnings: what compiles and is probably not meant. An author silences one for an item with a reason:
//! `#allow(can-flap) because "rebalanced once a day"`.

mod again;
pub(crate) mod allow;
mod conditions;
mod credits;
mod expiry;
mod hedges;
pub(crate) mod interval;
mod layers;
mod ranges;
mod risk;

use crate::ast::{ItemKind, Setting};
use crate::diagnostic::{Diagnostic, codes, has_errors};
use crate::graph::Graph;
use crate::resolve::{Symbols, kind_word, name_of, walk};
use crate::span::FileId;
use std::collections::BTreeSet;

/// Adds warnings to the findings, and takes away those that the author allowed. `entry` is the file that is run.
pub(crate) fn lint(
    symbols: &Symbols<'_>,
    entry: Option<FileId>,
    graph: Option<&Graph>,
    findings: &mut Vec<Diagnostic>,
) {
    let sound = !has_errors(findings);
    undocumented(symbols, findings);
    same_bar(symbols, findings);
    // A broken item may use anything, and beside errors it is not the time to tidy up.
    if sound && symbols.broken.is_empty() {
        unused(symbols, entry, findings);
    }
    if let Some(graph) = graph.filter(|_| sound) {
        conditions::lint(symbols, graph, findings);
        credits::lint(graph, findings);
        expiry::lint(graph, findings);
        hedges::lint(graph, findings);
        layers::lint(graph, findings);
        ranges::lint(graph, findings);
        risk::lint(graph, findings);
        again::lint(graph, findings);
        promoter(symbols, graph, findings);
    }
    allow::apply(symbols, findings);
}

/// Thresholds without a line that says what turning them does.
fn undocumented(symbols: &Symbols<'_>, findings: &mut Vec<Diagnostic>) {
    for item in &symbols.items {
        if let ItemKind::Threshold(t) = &item.kind
            && item.doc.trim().is_empty()
        {
            let message = format!("the threshold `{}` does not say what it does", t.name.value);
            let help = "add a line after it: `/// what turning it does`";
            findings
                .push(Diagnostic::warning(codes::UNDOCUMENTED_THRESHOLD, t.name.span, message).help(help));
        }
    }
}

/// `fill same bar`: the decision reads the quotes that it trades at.
fn same_bar(symbols: &Symbols<'_>, findings: &mut Vec<Diagnostic>) {
    for item in &symbols.items {
        let ItemKind::Strategy(strategy) = &item.kind else {
            continue;
        };
        // A second setting of the kind is an error of its own.
        let mut fills = strategy
            .settings
            .iter()
            .filter(|s| matches!(s.value, Setting::FillSameBar(_)));
        let Some(setting) = fills.next().filter(|s| s.value == Setting::FillSameBar(true)) else {
            continue;
        };
        let message = "orders fill on the quotes that decided them, which nobody can trade at";
        findings.push(
            Diagnostic::warning(codes::FILL_LOOKS_AHEAD, setting.span, message)
                .label("the order is sent after these quotes are seen")
                .help("write `fill next snapshot`, or say why it does not matter: `#allow(fill-looks-ahead) because \"…\"`"),
        );
    }
}

/// `posture promoter` where an operator could add nothing.
fn promoter(symbols: &Symbols<'_>, graph: &Graph, findings: &mut Vec<Diagnostic>) {
    let rules = graph.policies.iter().flat_map(|p| &p.rules);
    let nothing = rules.count() == 0 && graph.hedges.is_empty() && graph.overlays.is_empty();
    if !graph.settings.promoter || !nothing {
        return;
    }
    for item in &symbols.items {
        let ItemKind::Strategy(strategy) = &item.kind else {
            continue;
        };
        for setting in &strategy.settings {
            if matches!(setting.value, Setting::Posture(_)) {
                let message = "an operator may add overlays, and there is nothing that one could name";
                findings.push(
                    Diagnostic::warning(codes::PROMOTER_WITHOUT_NODES, setting.span, message)
                        .label("overlays name structures, layers and overlays")
                        .help("leave `posture promoter` out, or add a policy or a hedge"),
                );
            }
        }
    }
}

/// Items of the file that is run that no other item speaks of. Imported files may offer more than is used.
fn unused(symbols: &Symbols<'_>, entry: Option<FileId>, findings: &mut Vec<Diagnostic>) {
    let mut used: BTreeSet<String> = BTreeSet::new();
    for item in &symbols.items {
        let own = name_of(item).map(|n| n.value.as_str());
        walk::item(&item.kind, &mut |name, _| {
            if Some(name) != own {
                used.insert(name.to_owned());
            }
        });
    }
    for item in &symbols.items {
        let may_be_unused = matches!(
            item.kind,
            ItemKind::Signal(_)
                | ItemKind::Threshold(_)
                | ItemKind::Series(_)
                | ItemKind::Event(_)
                | ItemKind::Script(_)
                | ItemKind::UsePlugin(_)
                | ItemKind::Structure(_)
        );
        // A name that could not be declared was reported already.
        let declared = |n: &&crate::ast::Ident| {
            symbols
                .by_name
                .get(n.value.as_str())
                .is_some_and(|s| s.name.span == n.span)
        };
        let Some(name) = name_of(item).filter(|_| may_be_unused).filter(declared) else {
            continue;
        };
        if Some(name.span.file) == entry && !used.contains(&name.value) {
            let what = kind_word(&item.kind);
            let message = format!("the {what} `{}` is not used", name.value);
            let help = "use it in a rule, or remove it: it has no effect";
            findings.push(Diagnostic::warning(codes::UNUSED, name.span, message).help(help));
        }
    }
}
