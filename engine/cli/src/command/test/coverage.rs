//! Coverage of a strategy by its tests: text, JSON, and a page over the source.

use alula_dsl::graph::Graph;
use alula_dsl::source::SourceMap;
use alula_proof::coverage::{ConditionRow, Coverage, LayerPhases, RuleRow};
use alula_report::chart::escape;
use anstyle::{AnsiColor, Style};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

const TITLE: Style = Style::new().bold();
const NO: Style = AnsiColor::Red.on_default();
const DIM: Style = Style::new().dimmed();

/// What the tests of one strategy have seen, ready to be shown.
#[derive(Debug)]
pub struct Covered {
    /// Strategy.
    pub name: String,
    /// Rules and guards.
    pub rules: Vec<RuleRow>,
    /// Conditions and their parts.
    pub conditions: Vec<ConditionRow>,
    /// Layers of hedges with their phases.
    pub layers: Vec<LayerPhases>,
    /// Texts of the strategy.
    pub sources: SourceMap,
    /// Rules, guards and layers that the test file does not ask for, with its reason.
    pub excused: BTreeMap<String, String>,
}

impl Covered {
    /// Of a strategy.
    pub fn new(
        coverage: &Coverage,
        graph: &Graph,
        sources: &SourceMap,
        excused: &BTreeMap<String, String>,
    ) -> Self {
        Self {
            name: graph.settings.name.clone(),
            rules: coverage.rules(graph),
            conditions: coverage.conditions(graph),
            layers: coverage.layers(graph),
            sources: sources.clone(),
            excused: excused.clone(),
        }
    }

    fn acted(&self) -> usize {
        self.rules.iter().filter(|r| r.acted).count()
    }

    fn count(&self, of: impl Fn(&ConditionRow) -> bool) -> usize {
        self.conditions.iter().filter(|c| of(c)).count()
    }

    fn parts(&self) -> usize {
        self.count(|c| c.part)
    }

    fn decided(&self) -> usize {
        self.count(|c| c.part && c.seen.decided_yes && c.seen.decided_no)
    }

    /// Phases of layers: seen, and all.
    fn phases(&self) -> (usize, usize) {
        let all = || self.layers.iter().flat_map(|l| &l.phases);
        (all().filter(|(_, seen)| *seen).count(), all().count())
    }

    /// Every rule acted, every condition was true and false, every part decided both ways, every layer was in each of its
    /// phases.
    pub fn is_complete(&self) -> bool {
        let wanting = self.wanting();
        wanting.iter().all(|key| self.excused.contains_key(key)) && self.needless(&wanting).is_empty()
    }

    /// Keys of what is not covered.
    fn wanting(&self) -> BTreeSet<String> {
        let rules = self.rules.iter().filter(|r| !r.acted).map(|r| r.key.clone());
        let conditions = self.conditions.iter().filter(|c| !missing(c).is_empty());
        let layers = self.layers.iter().filter(|l| !l.is_complete());
        rules
            .chain(conditions.map(|c| c.rule.clone()))
            .chain(layers.map(|l| l.key.clone()))
            .collect()
    }

    /// Excused, and covered all the same.
    fn needless(&self, wanting: &BTreeSet<String>) -> Vec<&str> {
        let keys = self.excused.keys().filter(|key| !wanting.contains(*key));
        keys.map(String::as_str).collect()
    }

    fn place(&self, row: &ConditionRow) -> String {
        self.sources.place(row.span)
    }

    /// Lines for a person: the counts, then what was not seen.
    pub fn text(&self) -> String {
        let all = self.conditions.len();
        let both = self.count(|c| c.seen.yes && c.seen.no);
        let unknown = self.count(|c| c.seen.unknown);
        let mut out = format!("{TITLE}coverage of {}{TITLE:#}\n", self.name);
        // Writing to a string cannot fail; the results are dropped on purpose throughout.
        let _ = writeln!(
            out,
            "  rules that acted          {} of {}",
            self.acted(),
            self.rules.len()
        );
        let _ = writeln!(out, "  conditions true and false {both} of {all}");
        let _ = writeln!(out, "  conditions seen unknown   {unknown} of {all}");
        let _ = writeln!(
            out,
            "  parts that decided        {} of {}  {DIM}(both ways, with the others leaving it to them){DIM:#}",
            self.decided(),
            self.parts()
        );
        if !self.layers.is_empty() {
            let (seen, phases) = self.phases();
            let _ = writeln!(
                out,
                "  phases of layers          {seen} of {phases}  {DIM}({}){DIM:#}",
                self.layers.iter().map(told).collect::<Vec<_>>().join(", ")
            );
        }
        for layer in &self.layers {
            for (phase, _) in layer.phases.iter().filter(|(_, seen)| !seen) {
                let _ = writeln!(
                    out,
                    "  {NO}never {phase}{NO:#}    {} (layer)  {DIM}{}{DIM:#}",
                    layer.key,
                    self.sources.place(layer.span)
                );
            }
        }
        for (key, reason) in &self.excused {
            let _ = writeln!(out, "  excused        {key}  {DIM}{reason}{DIM:#}");
        }
        for key in self.needless(&self.wanting()) {
            let _ = writeln!(
                out,
                "  {NO}excused in vain{NO:#} {key}: it is covered; remove it from `excused`"
            );
        }
        for rule in self.rules.iter().filter(|r| !r.acted) {
            let _ = writeln!(out, "  {NO}never acted{NO:#}    {} ({})", rule.key, rule.kind);
        }
        for row in &self.conditions {
            let never = missing(row);
            if !never.is_empty() {
                let _ = writeln!(
                    out,
                    "  {NO}never{NO:#} {:<22} {}  {DIM}in {} {}{DIM:#}",
                    never.join(", "),
                    row.text,
                    row.rule,
                    self.place(row)
                );
            }
        }
        out
    }

    /// The same for machines.
    pub fn json(&self) -> Value {
        let rules: Vec<Value> = self
            .rules
            .iter()
            .map(|r| json!({ "key": r.key, "kind": r.kind, "acted": r.acted }))
            .collect();
        let conditions: Vec<Value> = self
            .conditions
            .iter()
            .map(|c| {
                json!({
                    "rule": c.rule, "text": c.text, "at": self.place(c), "part": c.part,
                    "true": c.seen.yes, "false": c.seen.no, "unknown": c.seen.unknown,
                    "decided_true": c.part.then_some(c.seen.decided_yes),
                    "decided_false": c.part.then_some(c.seen.decided_no),
                })
            })
            .collect();
        let layers: Vec<Value> = self
            .layers
            .iter()
            .map(|l| {
                let phases: serde_json::Map<String, Value> = l
                    .phases
                    .iter()
                    .map(|(word, seen)| ((*word).to_owned(), json!(seen)))
                    .collect();
                json!({ "key": l.key, "phases": phases })
            })
            .collect();
        json!({
            "strategy": self.name, "complete": self.is_complete(), "rules": rules, "conditions": conditions,
            "layers": layers, "excused": self.excused,
        })
    }

    /// A page of its own: the source with marks beside each line, and a list below.
    pub fn html(&self) -> String {
        let mut out = String::from(HEAD);
        let _ = writeln!(
            out,
            "<title>Coverage of {0}</title>\n<h1>Coverage of {0}</h1>",
            escape(&self.name)
        );
        let all = self.conditions.len();
        let _ = writeln!(
            out,
            "<p class=sum><b>{}</b> of {} rules acted · <b>{}</b> of {all} conditions were true and false · <b>{}</b> of {} parts decided{}</p>",
            self.acted(),
            self.rules.len(),
            self.count(|c| c.seen.yes && c.seen.no),
            self.decided(),
            self.parts(),
            match self.phases() {
                (_, 0) => String::new(),
                (seen, all) => format!(" · <b>{seen}</b> of {all} phases of layers were seen"),
            }
        );
        for file in self.sources.files() {
            let _ = writeln!(out, "<h2>{}</h2>\n<pre>", escape(&file.name));
            for (number, line) in file.text.lines().enumerate() {
                let at = format!("{}:{}", file.name, number + 1);
                let here: Vec<&ConditionRow> =
                    self.conditions.iter().filter(|c| self.place(c) == at).collect();
                let class = match () {
                    () if here.is_empty() => "",
                    () if here.iter().all(|c| missing(c).is_empty()) => "ok",
                    () if here.iter().any(|c| c.seen.yes || c.seen.no) => "part",
                    () => "none",
                };
                let title: Vec<String> = here
                    .iter()
                    .filter(|c| !missing(c).is_empty())
                    .map(|c| format!("{} ({}): never {}", c.text, c.rule, missing(c).join(", ")))
                    .collect();
                let _ = writeln!(
                    out,
                    "<span class='l {class}' title=\"{}\"><i>{}</i>{}</span>",
                    escape(&title.join("\n")),
                    number + 1,
                    escape(line)
                );
            }
            out.push_str("</pre>\n");
        }
        out.push_str("<h2>Rules</h2>\n<table><tr><th>rule<th>kind<th>acted\n");
        for r in &self.rules {
            let _ = writeln!(
                out,
                "<tr><td>{}<td>{}<td>{}",
                escape(&r.key),
                r.kind,
                tick(r.acted)
            );
        }
        if !self.layers.is_empty() {
            out.push_str("</table>\n<h2>Layers</h2>\n<table><tr><th>layer<th>phase<th>seen\n");
            for l in &self.layers {
                for (phase, seen) in &l.phases {
                    let _ = writeln!(out, "<tr><td>{}<td>{phase}<td>{}", escape(&l.key), tick(*seen));
                }
            }
        }
        out.push_str("</table>\n<h2>Conditions</h2>\n<table><tr><th>condition<th>in<th>true<th>false<th>unknown<th>decided true<th>decided false\n");
        for c in &self.conditions {
            let decided = |x: bool| if c.part { tick(x) } else { "" };
            let _ = writeln!(
                out,
                "<tr><td><code>{}</code><td>{}<td>{}<td>{}<td>{}<td>{}<td>{}",
                escape(&c.text),
                escape(&c.rule),
                tick(c.seen.yes),
                tick(c.seen.no),
                if c.seen.unknown { "✓" } else { "·" },
                decided(c.seen.decided_yes),
                decided(c.seen.decided_no)
            );
        }
        out.push_str("</table>\n<p class=dim>A part <em>decided</em> where the others left the whole condition to it.</p>\n");
        out
    }
}

/// A layer with the phases seen: `alvh.base: dormant, active`.
fn told(layer: &LayerPhases) -> String {
    let seen: Vec<&str> = layer
        .phases
        .iter()
        .filter(|(_, seen)| *seen)
        .map(|(word, _)| *word)
        .collect();
    let seen = if seen.is_empty() {
        "none".to_owned()
    } else {
        seen.join(", ")
    };
    format!("{}: {seen}", layer.key)
}

/// What was never seen of a condition, in words. Unknown is told in the table and the counts: not every value can be
/// missing.
fn missing(row: &ConditionRow) -> Vec<&'static str> {
    let mut out = Vec::new();
    match (row.seen.yes, row.seen.no) {
        (false, false) => out.push("evaluated"),
        (false, true) => out.push("true"),
        (true, false) => out.push("false"),
        (true, true) if row.part => match (row.seen.decided_yes, row.seen.decided_no) {
            (true, true) => {}
            (false, true) => out.push("decided by being true"),
            (true, false) => out.push("decided by being false"),
            (false, false) => out.push("decided"),
        },
        (true, true) => {}
    }
    out
}

const fn tick(yes: bool) -> &'static str {
    if yes { "✓" } else { "<b class=no>✗</b>" }
}

/// Where the page of a strategy goes when several are tested: the path itself, or the path with the strategy's name.
pub fn page(path: &Path, name: &str, alone: bool) -> std::path::PathBuf {
    if alone {
        return path.to_owned();
    }
    let stem = path
        .file_stem()
        .map(|s| s.to_string_lossy().into_owned())
        .unwrap_or_default();
    path.with_file_name(format!("{stem}-{name}.html"))
}

const HEAD: &str = "<!doctype html>\n<html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>
<style>
:root{color-scheme:light dark;--ok:#1a7f3722;--part:#d2992233;--none:#cf222e33;--no:#cf222e}
body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}
pre{font:13px/1.45 ui-monospace,monospace;overflow-x:auto;border:1px solid #8884;border-radius:6px;padding:.5rem 0}
.l{display:block;padding:0 .8rem;min-height:1.45em}.l i{display:inline-block;width:3em;opacity:.5;font-style:normal}
.ok{background:var(--ok)}.part{background:var(--part)}.none{background:var(--none)}
table{border-collapse:collapse;font-size:14px}td,th{padding:.2rem .7rem;text-align:left;border-bottom:1px solid #8883}
.no{color:var(--no)}.dim{opacity:.7}
</style>
";
