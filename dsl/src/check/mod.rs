//! Checks meaning and lowers: every item becomes definitions of the graph, every expression nodes with a kind, a clock and
//! a domain. A value that is wrong is reported once; what is built on it stays silent.

mod beta;
mod call;
mod compare;
mod expr;
mod function;
mod hedge;
mod indicator;
mod items;
mod leg;
mod legs;
mod names;
mod numbers;
mod order;
mod overlay;
mod plugin;
mod policy;
mod quoted;
mod script;
mod shape;
mod slots;
mod strategy;
mod strike;
mod subaccount;
mod value;
mod window;

use crate::ast::{Expr, ItemKind, LitUnit};
use crate::diagnostic::{Code, Diagnostic, codes};
use crate::format::expr_text;
use crate::graph::{
    EventDef, FeedDef, Graph, GuardRuleDef, HedgeDef, Length, NodeId, OverlayDef, PluginDef, PolicyDef,
    ScriptDef, StructureDef, StructureId, SubaccountDef, ThresholdDef,
};
use crate::lower::{Builder, Origin, finish};
use crate::resolve::{ParsedFile, Symbols};
use crate::source::SourceMap;
use crate::span::{FileId, Span};
use std::collections::{BTreeMap, BTreeSet};
use value::Val;

/// The checker: definitions and nodes so far, and what it found.
pub(crate) struct Checker<'a> {
    sources: &'a SourceMap,
    symbols: &'a Symbols<'a>,
    findings: Vec<Diagnostic>,
    builder: Builder,
    /// Nodes that carry the name of an item.
    named: BTreeSet<NodeId>,
    /// Checked signals; `None` when the signal is wrong, which was reported.
    signals: BTreeMap<&'a str, Option<Val>>,
    thresholds: Vec<ThresholdDef>,
    /// Unit in which each threshold was written, by index.
    threshold_units: Vec<LitUnit>,
    feeds: Vec<FeedDef>,
    events: Vec<EventDef>,
    scripts: Vec<ScriptDef>,
    structures: Vec<StructureDef>,
    /// Named structures; `None` when the structure is wrong, which was reported.
    structure_ids: BTreeMap<&'a str, Option<StructureId>>,
    guards: Vec<GuardRuleDef>,
    policies: Vec<PolicyDef>,
    hedges: Vec<HedgeDef>,
    overlays: Vec<OverlayDef>,
    subaccounts: Vec<SubaccountDef>,
    plugins: Vec<PluginDef>,
    /// Cadence, when the strategy says one.
    every: Option<Length>,
    /// Whose snapshots are the ticks.
    ticks_on: Option<crate::builtin::Instrument>,
}

/// Checks all items. The graph is there when nothing was wrong.
pub(crate) fn check(
    sources: &SourceMap,
    files: &[ParsedFile],
    symbols: &Symbols<'_>,
    findings: &mut Vec<Diagnostic>,
) -> Option<Graph> {
    let mut c = Checker {
        sources,
        symbols,
        findings: Vec::new(),
        builder: Builder::default(),
        named: BTreeSet::new(),
        signals: BTreeMap::new(),
        thresholds: Vec::new(),
        threshold_units: Vec::new(),
        feeds: Vec::new(),
        events: Vec::new(),
        scripts: Vec::new(),
        structures: Vec::new(),
        structure_ids: BTreeMap::new(),
        guards: Vec::new(),
        policies: Vec::new(),
        hedges: Vec::new(),
        overlays: Vec::new(),
        subaccounts: Vec::new(),
        plugins: Vec::new(),
        every: None,
        ticks_on: None,
    };
    let settings = c.strategy(files);
    c.every = settings.as_ref().map(|s| s.every);
    c.ticks_on = settings.as_ref().map(|s| s.instrument);
    c.declarations();
    c.signals();
    let symbols = c.symbols;
    for item in &symbols.items {
        if let ItemKind::Structure(s) = &item.kind {
            c.structure(s);
        }
    }
    for item in &symbols.items {
        match &item.kind {
            ItemKind::Policy(p) => c.policy(p, item),
            ItemKind::Hedge(h) => c.hedge(h, item),
            ItemKind::Overlay(o) => c.overlay(o, item),
            ItemKind::Guard(g) => c.guard(g),
            _ => {}
        }
    }
    c.betas_are_declared();
    let capital = settings.as_ref().map(|s| s.capital_usd);
    for item in &symbols.items {
        if let ItemKind::Subaccount(a) = &item.kind {
            c.subaccount(a, item, capital);
        }
    }
    findings.append(&mut c.findings);
    let graph = Graph {
        settings: settings?,
        nodes: Vec::new(),
        thresholds: c.thresholds,
        feeds: c.feeds,
        events: c.events,
        scripts: c.scripts,
        structures: c.structures,
        guards: c.guards,
        policies: c.policies,
        hedges: c.hedges,
        overlays: c.overlays,
        subaccounts: c.subaccounts,
        plugins: c.plugins,
    };
    Some(finish(graph, c.builder.into_nodes()))
}

impl<'a> Checker<'a> {
    fn report(&mut self, d: Diagnostic) {
        self.findings.push(d);
    }

    /// Reports an error and yields nothing, for use in a tail position.
    fn fail<T>(&mut self, d: Diagnostic) -> Option<T> {
        self.report(d);
        None
    }

    fn error<T>(
        &mut self,
        code: Code,
        span: Span,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Option<T> {
        self.fail(Diagnostic::error(code, span, message).help(help))
    }

    /// Source text of a span with white space folded.
    fn text(&self, span: Span) -> String {
        let text = self.sources.get(span.file).map_or("", |f| f.text.as_str());
        let words = text
            .get(span.start as usize..span.end as usize)
            .unwrap_or_default();
        words.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// Origin of an expression's node.
    fn origin(&self, key: &str, e: &Expr) -> Origin {
        Origin::new(key, self.expr_text(e), e.span)
    }

    /// Canonical text of an expression.
    fn expr_text(&self, e: &Expr) -> String {
        expr_text(e)
    }

    /// Start of the file that is run, for findings about what is not there.
    fn start_of(&self, file: FileId) -> Span {
        let end = self
            .sources
            .get(file)
            .map_or(0, |f| f.text.find('\n').unwrap_or(f.text.len()));
        Span::new(file, 0, u32::try_from(end).unwrap_or(u32::MAX))
    }

    /// Two findings of one kind of mistake: a clause or setting that stands twice.
    fn duplicate(&mut self, what: &str, first: Span, again: Span) {
        self.report(
            Diagnostic::error(
                codes::DUPLICATE_SETTING,
                again,
                format!("`{what}` is written twice"),
            )
            .label("again here")
            .also(first, "first here")
            .help("keep one of them"),
        );
    }
}
