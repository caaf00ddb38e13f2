//! Documentation comments find what they document.

use crate::ast::{ItemKind, Layer, Node};
use crate::diagnostic::{Diagnostic, codes};
use crate::syntax::Parsed;
use crate::syntax::trivia::Comment;

/// Moves the words of `///` comments into the items and layers of `parsed`, and warns of those that document nothing.
/// `starts` are the first bytes of all items, broken ones included, in textual order.
pub(in crate::syntax) fn attach(starts: &[usize], parsed: &mut Parsed) {
    let text = parsed.text.as_str();
    let comments = &parsed.trivia.comments;
    let mut used = vec![false; comments.len()];
    let mut previous_end = parsed.ast.version.as_ref().map_or(0, |v| v.span.end);
    for item in &mut parsed.ast.items {
        let begin = item.span.start;
        // Comments that belong to a broken item in between are left to it.
        let first_start = starts.iter().rev().find(|s| **s <= begin as usize).copied().unwrap_or(0);
        let broken_before = starts.iter().rev().find(|s| **s < first_start).copied();
        let from = broken_before.map_or(previous_end, |s| previous_end.max(u32::try_from(s).unwrap_or(u32::MAX)));
        let mut doc = take(text, comments, &mut used, |c| c.own_line && c.span.start >= from && c.span.start < begin);
        if let ItemKind::Hedge(hedge) = &mut item.kind {
            for layer in &mut hedge.layers {
                layer_doc(text, comments, &mut used, layer);
            }
        }
        let end = item.span.end;
        let after = take(text, comments, &mut used, |c| !c.own_line && c.span.start >= end && same_line(text, end, c.span.start));
        for words in after {
            doc.push(words);
        }
        item.doc = doc.join("\n");
        previous_end = end;
    }
    let has_broken = starts.len() != parsed.ast.items.len();
    for (comment, used) in comments.iter().zip(used) {
        if comment.doc && !used && !has_broken {
            let d = Diagnostic::warning(codes::MISPLACED_DOC, comment.span, "this comment documents nothing");
            parsed.diagnostics.push(d.help("write it with two slashes, or put it before an item or a layer"));
        }
    }
}

/// The own-line comments directly above the layer, with nothing but blanks and comments between them and it.
fn layer_doc(text: &str, comments: &[Comment], used: &mut [bool], layer: &mut Node<Layer>) {
    let begin = layer.span.start;
    let above = comments.partition_point(|c| c.span.start < begin);
    let mut next = begin;
    let mut from = begin;
    for c in comments.get(..above).unwrap_or_default().iter().rev() {
        let between = text.get(c.span.end as usize..next as usize).unwrap_or("x");
        if !c.own_line || !between.trim().is_empty() {
            break;
        }
        from = c.span.start;
        next = c.span.start;
    }
    let doc = take(text, comments, used, |c| c.span.start >= from && c.span.start < begin);
    layer.value.doc = doc.join("\n");
}

fn take(text: &str, comments: &[Comment], used: &mut [bool], fits: impl Fn(&Comment) -> bool) -> Vec<String> {
    let mut out = Vec::new();
    for (c, used) in comments.iter().zip(used.iter_mut()) {
        if c.doc && !*used && fits(c) {
            *used = true;
            out.push(c.words(text).to_owned());
        }
    }
    out
}

fn same_line(text: &str, from: u32, to: u32) -> bool {
    text.get(from as usize..to as usize).is_some_and(|s| !s.contains('\n'))
}
