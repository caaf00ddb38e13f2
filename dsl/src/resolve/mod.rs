//! What each name stands for: files and their imports, the items of a strategy, and suggestions for names that are unknown.

pub(crate) mod imports;
pub(crate) mod suggest;
pub(crate) mod walk;

use crate::ast::{File, Ident, Item, ItemKind};
use crate::diagnostic::{Diagnostic, codes};
use crate::reference;
use crate::span::FileId;
use std::collections::{BTreeMap, BTreeSet};

/// A file of the compilation, by the name under which it was read.
#[derive(Clone, Debug, PartialEq)]
pub struct ParsedFile {
    /// Path relative to the project folder.
    pub name: String,
    /// Its id in the source map.
    pub id: FileId,
    /// Its tree.
    pub ast: File,
}

/// A named top-level item.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Symbol<'a> {
    pub(crate) name: &'a Ident,
    pub(crate) item: &'a Item,
}

/// All items of a compilation: imported files before the files that import them, each in textual order.
#[derive(Debug, Default)]
pub(crate) struct Symbols<'a> {
    pub(crate) items: Vec<&'a Item>,
    pub(crate) by_name: BTreeMap<&'a str, Symbol<'a>>,
    /// Names of items that could not be parsed: their uses are not reported again.
    pub(crate) broken: BTreeSet<&'a str>,
}

/// What an item is, as words for messages: `signal`, `structure`.
pub(crate) fn kind_word(kind: &ItemKind) -> &'static str {
    match kind {
        ItemKind::Import(_) => "import",
        ItemKind::UsePlugin(_) => "plugin function",
        ItemKind::Strategy(_) => "strategy",
        ItemKind::Threshold(_) => "threshold",
        ItemKind::Series(_) => "series",
        ItemKind::Event(_) => "event",
        ItemKind::Signal(_) => "signal",
        ItemKind::Script(_) => "script",
        ItemKind::Structure(_) => "structure",
        ItemKind::Policy(_) => "policy",
        ItemKind::Hedge(_) => "hedge",
        ItemKind::Overlay(_) => "overlay",
        ItemKind::Guard(_) => "guard",
        ItemKind::Subaccount(_) => "subaccount",
    }
}

/// Name of an item; imports and plugins without a function have none, and a strategy's is a title.
pub(crate) fn name_of(item: &Item) -> Option<&Ident> {
    match &item.kind {
        ItemKind::Import(_) | ItemKind::Strategy(_) => None,
        ItemKind::UsePlugin(x) => x.function.as_ref().map(|f| &f.name),
        ItemKind::Threshold(x) => Some(&x.name),
        ItemKind::Series(x) => Some(&x.name),
        ItemKind::Event(x) => Some(&x.name),
        ItemKind::Signal(x) => Some(&x.name),
        ItemKind::Script(x) => Some(&x.name),
        ItemKind::Structure(x) => Some(&x.name),
        ItemKind::Policy(x) => Some(&x.name),
        ItemKind::Hedge(x) => Some(&x.name),
        ItemKind::Overlay(x) => Some(&x.name),
        ItemKind::Guard(x) => Some(&x.name),
        ItemKind::Subaccount(x) => Some(&x.name),
    }
}

/// Whether the item's name may stand in expressions, where the language has names of its own.
fn stands_in_expressions(kind: &ItemKind) -> bool {
    matches!(
        kind,
        ItemKind::Threshold(_)
            | ItemKind::Series(_)
            | ItemKind::Event(_)
            | ItemKind::Signal(_)
            | ItemKind::Script(_)
            | ItemKind::UsePlugin(_)
            | ItemKind::Structure(_)
    )
}

/// Collects the names of all files; reports names declared twice and names that belong to the language.
pub(crate) fn symbols<'a>(
    files: &'a [ParsedFile],
    broken: &'a [Ident],
    findings: &mut Vec<Diagnostic>,
) -> Symbols<'a> {
    let mut symbols = Symbols::default();
    symbols.broken.extend(broken.iter().map(|n| n.value.as_str()));
    for item in files.iter().flat_map(|f| &f.ast.items) {
        symbols.items.push(item);
        let Some(name) = name_of(item) else { continue };
        if stands_in_expressions(&item.kind)
            && let Some(what) = reference::reserved(&name.value)
        {
            findings.push(
                Diagnostic::error(
                    codes::RESERVED_NAME,
                    name.span,
                    format!("the name `{}` belongs to the language", name.value),
                )
                .label(format!("this is {what}"))
                .help(format!(
                    "choose another name, such as `my_{}`",
                    name.value.to_lowercase()
                )),
            );
            continue;
        }
        if let Some(first) = symbols.by_name.get(name.value.as_str()) {
            let kind = kind_word(&first.item.kind);
            findings.push(
                Diagnostic::error(
                    codes::DUPLICATE_NAME,
                    name.span,
                    format!("the name `{}` is declared twice", name.value),
                )
                .label("declared again here")
                .also(first.name.span, format!("first declared here, as a {kind}"))
                .help("rename one of them: orders, traces and state speak in these names"),
            );
            continue;
        }
        symbols.by_name.insert(&name.value, Symbol { name, item });
    }
    symbols
}
