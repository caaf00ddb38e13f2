//! From pest pairs to the tree, one file for each kind of item.
//!
//! Functions give `None` after they reported a finding; the item is then left out of the tree.

pub(super) mod docs;
mod expr;
mod hedge;
mod items;
mod literal;
mod policy;
mod structure;

use super::expected;
use super::grammar::{self, Rule};
use super::limits;
use crate::ast::{Allow, Ident, ItemKind, Node};
use crate::diagnostic::{Code, Diagnostic, codes};
use crate::span::{FileId, Span};
use pest::iterators::{Pair, Pairs};

/// Parses the text of one item; `base` is where it begins in the file.
pub(super) fn item(
    file: FileId,
    keyword: &str,
    text: &str,
    base: usize,
    findings: &mut Vec<Diagnostic>,
) -> Option<(Vec<Allow>, ItemKind)> {
    let pair = match grammar::parse(keyword, text) {
        Ok(pair) => pair,
        Err(error) => {
            findings.push(expected::finding(file, text, base, &error));
            return None;
        }
    };
    let mut builder = Builder {
        file,
        base,
        findings: Vec::new(),
    };
    let whole = builder.span(&pair);
    let tree = builder.item(pair);
    if tree.is_none() && builder.findings.is_empty() {
        builder.report(codes::SYNTAX, whole, "this item could not be read");
    }
    let tree = tree.filter(|_| builder.findings.is_empty());
    findings.append(&mut builder.findings);
    tree
}

/// Makes tree from pairs, and collects what is wrong on the way.
struct Builder {
    file: FileId,
    base: usize,
    findings: Vec<Diagnostic>,
}

/// The children of a pair without keywords and punctuation.
struct Kids<'t> {
    pairs: std::iter::Peekable<Pairs<'t, Rule>>,
}

impl<'t> Kids<'t> {
    fn of(pair: Pair<'t, Rule>) -> Self {
        Self {
            pairs: pair.into_inner().peekable(),
        }
    }

    /// The next child.
    fn next(&mut self) -> Option<Pair<'t, Rule>> {
        self.skip();
        self.pairs.next()
    }

    /// The next child, if it is of this rule.
    fn next_if(&mut self, rule: Rule) -> Option<Pair<'t, Rule>> {
        self.skip();
        self.pairs.next_if(|p| p.as_rule() == rule)
    }

    fn skip(&mut self) {
        while self.pairs.next_if(|p| is_noise(p.as_rule())).is_some() {}
    }
}

/// Keywords and punctuation stand together in the grammar file, and rules are ordered as they stand there.
fn is_noise(rule: Rule) -> bool {
    (Rule::kw_about..=Rule::kw_within).contains(&rule)
        || (Rule::brace_open..=Rule::end_of_item).contains(&rule)
}

/// Whether a keyword stands directly in `pair`.
fn has(pair: &Pair<'_, Rule>, keyword: Rule) -> bool {
    pair.clone().into_inner().any(|p| p.as_rule() == keyword)
}

impl Builder {
    fn span(&self, pair: &Pair<'_, Rule>) -> Span {
        let s = pair.as_span();
        super::span(self.file, self.base + s.start(), self.base + s.end())
    }

    /// Reports an error that has no help.
    fn report(&mut self, code: Code, span: Span, message: impl Into<String>) {
        self.findings.push(Diagnostic::error(code, span, message));
    }

    /// Reports an error with what to do.
    fn refuse(&mut self, code: Code, span: Span, message: impl Into<String>, help: impl Into<String>) {
        self.findings
            .push(Diagnostic::error(code, span, message).help(help));
    }

    fn ident(&self, pair: &Pair<'_, Rule>) -> Ident {
        Node::new(pair.as_str().to_owned(), self.span(pair))
    }

    fn next_ident(&self, kids: &mut Kids<'_>) -> Option<Ident> {
        kids.next().map(|p| self.ident(&p))
    }

    /// The text of a string pair, escapes resolved.
    fn string(&self, pair: &Pair<'_, Rule>) -> Node<String> {
        let quoted = pair.as_str();
        let inner = quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or("");
        let mut out = String::with_capacity(inner.len());
        let mut chars = inner.chars();
        while let Some(c) = chars.next() {
            match c {
                '\\' => out.extend(chars.next()),
                c => out.push(c),
            }
        }
        Node::new(out, self.span(pair))
    }

    fn item(&mut self, pair: Pair<'_, Rule>) -> Option<(Vec<Allow>, ItemKind)> {
        let rule = pair.as_rule();
        let mut kids = Kids::of(pair);
        let mut allow = Vec::new();
        while let Some(p) = kids.next_if(Rule::allow) {
            let mut parts = Kids::of(p);
            // `allow_code` and the reason.
            let code = self.next_ident(&mut parts)?;
            if code.value.len() > limits::NAME_BYTES {
                let help = "write a code such as `A0601`, or its name";
                self.refuse(
                    codes::NAME_TOO_LONG,
                    code.span,
                    "this is not the code of a finding",
                    help,
                );
            }
            let reason = self.string(&parts.next()?);
            allow.push(Allow { code, reason });
        }
        let kind = match rule {
            Rule::import_item => ItemKind::Import(self.string(&kids.next()?)),
            Rule::use_item => ItemKind::UsePlugin(self.use_plugin(kids)?),
            Rule::strategy_item => ItemKind::Strategy(self.strategy(kids)?),
            Rule::threshold_item => ItemKind::Threshold(self.threshold(kids)?),
            Rule::series_item => ItemKind::Series(self.series(kids)?),
            Rule::event_item => ItemKind::Event(self.event(kids)?),
            Rule::signal_item => ItemKind::Signal(self.signal(kids)?),
            Rule::script_item => ItemKind::Script(self.script(kids)?),
            Rule::structure_item => ItemKind::Structure(self.structure(kids)?),
            Rule::policy_item => ItemKind::Policy(self.policy(kids)?),
            Rule::hedge_item => ItemKind::Hedge(self.hedge(kids)?),
            Rule::overlay_item => ItemKind::Overlay(self.overlay(kids)?),
            Rule::guard_item => ItemKind::Guard(self.guard(kids)?),
            Rule::subaccount_item => ItemKind::Subaccount(self.subaccount(kids)?),
            _ => return None,
        };
        Some((allow, kind))
    }
}
