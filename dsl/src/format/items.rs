//! Files and the small items.

use super::expr::{literal_text, range_text, string_text};
use super::layout::Printer;
use super::pieces::{INDENT, Line, rank};
use crate::ast::{Crossing, File, Ident, Item, ItemKind, PluginParam, Script, Setting, Strategy, UsePlugin};
use crate::span::Span;

/// Whether an item has a block of braces.
fn is_block(item: &Item) -> bool {
    matches!(
        item.kind,
        ItemKind::Strategy(_)
            | ItemKind::Structure(_)
            | ItemKind::Policy(_)
            | ItemKind::Hedge(_)
            | ItemKind::Overlay(_)
            | ItemKind::Guard(_)
            | ItemKind::Subaccount(_)
    )
}

/// Columns of one-line items that stand together: the name and, for thresholds, the default.
#[derive(Clone, Copy, Default)]
struct Columns {
    name: usize,
    value: usize,
}

fn columns_of(item: &Item) -> Columns {
    let width = |i: &Ident| i.value.chars().count();
    match &item.kind {
        ItemKind::Threshold(t) => Columns {
            name: width(&t.name),
            value: literal_text(&t.default).chars().count(),
        },
        ItemKind::Signal(s) => Columns {
            name: width(&s.name),
            value: 0,
        },
        ItemKind::Series(s) => Columns {
            name: width(&s.name),
            value: 0,
        },
        ItemKind::Event(e) => Columns {
            name: width(&e.name),
            value: 0,
        },
        _ => Columns::default(),
    }
}

fn begin(item: &Item) -> u32 {
    item.allow
        .first()
        .map_or(item.span.start, |a| a.code.span.start.min(item.span.start))
}

/// Where the text of the first row of an item ends: comments before it stand above the item.
fn first_end(item: &Item) -> u32 {
    if let Some(a) = item.allow.first() {
        return a.reason.span.end;
    }
    match &item.kind {
        ItemKind::Strategy(s) => s.name.span.end,
        ItemKind::Structure(s) => s.shape.underlying.span.end,
        ItemKind::Policy(p) => p.on.span.end,
        ItemKind::Hedge(h) => h.on.span.end,
        ItemKind::Overlay(o) => o.on.span.end,
        ItemKind::Guard(g) => g.name.span.end,
        ItemKind::Subaccount(s) => s.name.span.end,
        _ => item.span.end,
    }
}

impl Printer<'_> {
    /// Writes a whole file.
    pub fn file(mut self, file: &File) -> String {
        let version = file.version.clone().unwrap_or_default();
        self.row(
            version.span,
            false,
            vec![format!("alula {}", version.value.max(1))],
        );
        let mut block_before = true;
        let mut start = 0;
        let items = file.items.as_slice();
        while let Some(run) = items.get(start..).filter(|r| !r.is_empty()) {
            let len = self.run_length(run);
            let group = run.get(..len).unwrap_or(run);
            let columns = group
                .iter()
                .map(columns_of)
                .fold(Columns::default(), |a, b| Columns {
                    name: a.name.max(b.name),
                    value: a.value.max(b.value),
                });
            for (n, item) in group.iter().enumerate() {
                // A tree without source has no blank lines of its own: groups stand apart.
                let forced = block_before || (!self.has_source() && n == 0);
                self.item(item, forced, columns);
                block_before = is_block(item);
            }
            start += len;
        }
        self.finish(block_before)
    }

    /// How many items from the first on are of one kind and stand together: no blank line and no comment line between.
    fn run_length(&self, items: &[Item]) -> usize {
        let joined = |pair: &[Item]| match pair {
            [a, b] => {
                let same = std::mem::discriminant(&a.kind) == std::mem::discriminant(&b.kind) && !is_block(a);
                let apart = if self.has_source() {
                    self.interrupted(a.span.end, begin(b), b.span.end)
                        || self.blank_between(a.span.end, begin(b))
                } else {
                    !b.doc.is_empty()
                };
                same && b.allow.is_empty() && !apart
            }
            _ => false,
        };
        1 + items.windows(2).take_while(|p| joined(p)).count()
    }

    fn item(&mut self, item: &Item, forced: bool, columns: Columns) {
        // A block stands apart from what is above it, together with the comments directly above it.
        let pending = self.pending(first_end(item));
        let mut force_at = (forced && !pending.is_empty()).then_some(0);
        let mut force_item = forced && pending.is_empty();
        if is_block(item) && !forced {
            let mut next = begin(item);
            let mut at = pending.len();
            for (n, c) in pending.iter().enumerate().rev() {
                if self.blank_between(c.span.end, next) {
                    break;
                }
                at = n;
                next = c.span.start;
            }
            if at < pending.len() {
                force_at = Some(at);
            } else {
                force_item = true;
            }
        }
        self.leading(first_end(item), force_at);
        if force_item && !self.has_source() && !item.doc.is_empty() {
            self.blank_line(std::mem::take(&mut force_item));
        }
        self.doc(&item.doc);
        for a in &item.allow {
            let text = format!(
                "#allow({}) because {}",
                a.code.value,
                string_text(&a.reason.value)
            );
            let force = std::mem::take(&mut force_item);
            self.row(
                Span {
                    start: begin(item),
                    end: a.reason.span.end,
                    ..item.span
                },
                force,
                vec![text],
            );
        }
        if force_item {
            self.blank_line(true);
        }
        self.kind(item, columns);
    }

    fn kind(&mut self, item: &Item, columns: Columns) {
        let span = item.span;
        let line = match &item.kind {
            ItemKind::Import(path) => Line::new(format!("import {}", string_text(&path.value))),
            ItemKind::UsePlugin(u) => use_plugin(u),
            ItemKind::Threshold(t) => Line::new(format!(
                "threshold {:name$} = {:value$} in {}",
                t.name.value,
                literal_text(&t.default),
                range_text(&t.min, &t.max),
                name = columns.name,
                value = columns.value
            )),
            ItemKind::Series(s) => {
                let (name, feed) = (&s.name.value, string_text(&s.feed.value));
                let mut line = Line::new(format!(
                    "series {name:width$} = feed({feed})",
                    width = columns.name
                ));
                if let Some(unit) = &s.unit {
                    line.break_word(format!("as {}", unit.value), rank::CLAUSE);
                }
                if let Some(age) = &s.stale_after {
                    line.break_word(format!("stale after {}", literal_text(age)), rank::CLAUSE);
                }
                line
            }
            ItemKind::Event(e) => {
                let (name, feed) = (&e.name.value, string_text(&e.feed.value));
                Line::new(format!(
                    "event {name:width$} = feed({feed})",
                    width = columns.name
                ))
            }
            ItemKind::Signal(s) => {
                let mut line = Line::new(format!("signal {:width$} =", s.name.value, width = columns.name));
                line.expr(&s.expr);
                line
            }
            ItemKind::Script(s) => script(s),
            ItemKind::Strategy(s) => return self.strategy(s, span),
            ItemKind::Structure(s) => return self.structure(s, span),
            ItemKind::Policy(p) => return self.policy(p, span),
            ItemKind::Hedge(h) => return self.hedge(h, span),
            ItemKind::Overlay(o) => return self.overlay(o, span),
            ItemKind::Guard(g) => return self.guard(g, span),
            ItemKind::Subaccount(s) => return self.subaccount(s, span),
        };
        self.line(span, &line, INDENT);
    }

    fn strategy(&mut self, s: &Strategy, span: Span) {
        self.header(
            format!("strategy {}", s.name.value),
            Span {
                end: s.name.span.end,
                ..span
            },
        );
        for setting in &s.settings {
            let (word, rest) = match &setting.value {
                Setting::Capital(l) => ("capital", literal_text(l)),
                Setting::Evaluate {
                    every,
                    instrument,
                    session,
                } => (
                    "evaluate",
                    format!(
                        "every {} in {}.{}",
                        literal_text(every),
                        instrument.value,
                        session.value
                    ),
                ),
                Setting::Posture(p) => ("posture", p.value.clone()),
                Setting::FillSameBar(same) => (
                    "fill",
                    if *same { "same bar" } else { "next snapshot" }.to_owned(),
                ),
                Setting::Cross(Crossing::Share(l)) => ("cross", format!("{} of spread", literal_text(l))),
                Setting::Cross(Crossing::ByLegs) => ("cross", "by legs".to_owned()),
                Setting::Cross(Crossing::Word(w)) => ("cross", w.value.clone()),
                Setting::Depth { how, assume } => {
                    let assume = assume.as_ref().map(|l| format!(" assume {}", literal_text(l)));
                    ("depth", how.value.clone() + &assume.unwrap_or_default())
                }
                Setting::Fees(f) => ("fees", f.value.clone()),
                Setting::SettleApproximate(a) => {
                    ("settle", if *a { "approximate" } else { "exact" }.to_owned())
                }
                Setting::Margin { rulebook, flatten } => {
                    let flatten = if *flatten { ", flatten on call" } else { "" };
                    ("margin", format!("{}{flatten}", rulebook.value))
                }
            };
            self.row(setting.span, false, vec![format!("{word:8} {rest}")]);
        }
        self.close_block(span);
    }

    /// Writes the first row of a block, up to its brace, and begins the block.
    pub fn header(&mut self, text: String, span: Span) {
        self.row(span, false, vec![format!("{text} {{")]);
        self.open_block();
    }
}

fn use_plugin(u: &UsePlugin) -> Line {
    let mut line = Line::new(format!("use plugin {}", string_text(&u.plugin.value)));
    let Some(f) = &u.function else { return line };
    line.break_word(format!("as {}", f.name.value), rank::CLAUSE);
    line.open("(", false);
    for (i, param) in f.params.iter().enumerate() {
        if i > 0 {
            line.comma();
        }
        line.word(match param {
            PluginParam::Series(name, unit) => format!("{}: {}", name.value, unit.value),
            PluginParam::Number(name, default) => format!("{} = {}", name.value, literal_text(default)),
        });
    }
    line.close(")");
    for (i, (name, unit)) in f.outputs.iter().enumerate() {
        if i > 0 {
            line.comma();
        }
        let arrow = if i == 0 { "-> " } else { "" };
        line.word(match name {
            Some(name) => format!("{arrow}{}: {}", name.value, unit.value),
            None => format!("{arrow}{}", unit.value),
        });
    }
    line
}

fn script(s: &Script) -> Line {
    let mut line = Line::new(format!("script {}", s.name.value));
    line.open("(", false);
    for (i, (name, unit)) in s.params.iter().enumerate() {
        if i > 0 {
            line.comma();
        }
        line.word(format!("{}: {}", name.value, unit.value));
    }
    line.close(")");
    line.word(format!("-> {}", s.returns.value));
    line.break_word(format!("from {}", string_text(&s.file.value)), rank::CLAUSE);
    line
}
