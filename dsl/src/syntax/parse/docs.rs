//! Documentation comments find what they document.

use crate::ast::{ItemKind, Layer, Node};
use crate::diagnostic::{Diagnostic, codes};
use crate::syntax::Parsed;
use crate::syntax::trivia::Comment;
use std::ops::Range;

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
        let own = starts.partition_point(|s| *s <= begin as usize);
        let before = own
            .checked_sub(2)
            .and_then(|n| starts.get(n))
            .copied()
            .unwrap_or(0);
        let from = previous_end.max(u32::try_from(before).unwrap_or(u32::MAX));
        let mut doc = take(text, comments, &mut used, from..begin, |c| c.own_line);
        if let ItemKind::Hedge(hedge) = &mut item.kind {
            for layer in &mut hedge.layers {
                layer_doc(text, comments, &mut used, layer);
            }
        }
        let end = item.span.end;
        let line_end = text
            .get(end as usize..)
            .and_then(|t| t.find('\n'))
            .map_or(text.len(), |n| end as usize + n);
        // The next item may begin on the same line.
        let line_end = starts.get(own).map_or(line_end, |next| line_end.min(*next));
        let line_end = u32::try_from(line_end).unwrap_or(u32::MAX);
        doc.extend(take(text, comments, &mut used, end..line_end, |c| !c.own_line));
        item.doc = doc.join("\n");
        previous_end = end;
    }
    let has_broken = starts.len() != parsed.ast.items.len();
    for (comment, used) in parsed.trivia.comments.iter_mut().zip(used) {
        if comment.doc && !used && !has_broken {
            comment.doc = false;
            let d = Diagnostic::warning(
                codes::MISPLACED_DOC,
                comment.span,
                "this comment documents nothing",
            );
            parsed
                .diagnostics
                .push(d.help("write it with two slashes, or put it before an item or a layer"));
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
    let doc = take(text, comments, used, from..begin, |_| true);
    layer.value.doc = doc.join("\n");
}

/// The words of the unused documentation comments that begin in `range` and fit; they are used then.
fn take(
    text: &str,
    comments: &[Comment],
    used: &mut [bool],
    range: Range<u32>,
    fits: impl Fn(&Comment) -> bool,
) -> Vec<String> {
    let first = comments.partition_point(|c| c.span.start < range.start);
    let last = comments.partition_point(|c| c.span.start < range.end);
    let mut out = Vec::new();
    for (c, used) in comments.iter().zip(used.iter_mut()).take(last).skip(first) {
        if c.doc && !*used && fits(c) {
            *used = true;
            out.push(c.words(text).to_owned());
        }
    }
    out
}
