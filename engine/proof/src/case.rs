//! Running a case and comparing what was decided with what was expected.

use crate::coverage::Coverage;
use crate::file::Subject;
use crate::market::{CaseMarket, ChainCache};
use crate::property::{self, Claim};
use crate::spec::{Case, Expectation, ExpectedOrder, Moment, Named};
use crate::words;
use alula_core::operator::number_of;
use alula_core::plan::Plan;
use alula_core::registry::Registry;
use alula_core::trace::Scope;
use alula_core::value::Cell;
use alula_core::why::{Recorded, keys};
use alula_dsl::graph::{Domain, Graph, NodeId};
use alula_market::history::History;
use alula_market::time::Instant;
use alula_run::output::{OrderRow, TickRow};
use alula_run::{
    BacktestRequest, ErrorClass, Explainer, Mode, OperatorAct, RunError, RunOutput, backtest, backtest_with,
};
use alula_yaml::Place;
use std::sync::Arc;

/// A strategy ready for its tests.
#[derive(Debug)]
pub struct Harness {
    graph: Arc<Graph>,
    plan: Plan,
    registry: Registry,
    thresholds: Vec<f64>,
    chains: ChainCache,
    claims: Vec<Claim>,
}

impl Harness {
    /// The same for cases with claims; `graph` is the strategy's with its claims ([`crate::property::watched`]).
    ///
    /// # Errors
    /// When the strategy cannot be linked.
    pub fn with_claims(
        graph: Arc<Graph>,
        registry: Registry,
        thresholds: Vec<f64>,
        claims: Vec<Claim>,
    ) -> Result<Self, RunError> {
        let mut harness = Self::new(graph, registry, thresholds)?;
        harness.claims = claims;
        Ok(harness)
    }

    /// What its cases say must hold at every tick.
    #[must_use]
    pub fn claims(&self) -> &[Claim] {
        &self.claims
    }

    /// A strategy with its scripts and the threshold values that cases start from, canonical scale.
    ///
    /// # Errors
    /// When the strategy cannot be linked.
    pub fn new(graph: Arc<Graph>, registry: Registry, thresholds: Vec<f64>) -> Result<Self, RunError> {
        let plan = alula_core::plan::link(&graph, &thresholds, &registry)?;
        Ok(Self {
            graph,
            plan,
            registry,
            thresholds,
            chains: ChainCache::default(),
            claims: Vec::new(),
        })
    }

    /// Whether a case, with its own thresholds moved as a mutant's are, notices the mutant: some expectation fails, or,
    /// where explanations are kept, the words differ from `explanation`.
    #[must_use]
    pub fn notices(
        &self,
        case: &Case,
        base: Option<&dyn History>,
        original: &Self,
        explanation: Option<&str>,
    ) -> bool {
        let mut case = case.clone();
        for ((value, own), was) in case
            .thresholds
            .iter_mut()
            .zip(&self.thresholds)
            .zip(&original.thresholds)
        {
            // A case that sets a threshold itself is about that value.
            if value.to_bits() == was.to_bits() {
                *value = *own;
            }
        }
        // Coverage, and words that nobody compares, are left out: a mutant is asked for a verdict alone.
        let market = CaseMarket::new(&case.market, &self.chains, base);
        let Ok(run) = self.turn(&case, &market, Mode::Batch) else {
            return true;
        };
        let Ok(explainer) = Explainer::new(&run, &self.graph) else {
            return true;
        };
        let (failures, asked) = self.check(&case, market.steps(), &run, &explainer);
        let differs = |words: &str| words != self.words(&case, &run, &explainer, &asked);
        !failures.is_empty() || explanation.is_some_and(differs)
    }

    /// When a case first breaks a claim; none where it holds throughout, or the case cannot run.
    #[must_use]
    pub fn broken(&self, case: &Case, base: Option<&dyn History>, claim: usize) -> Option<Instant> {
        let market = CaseMarket::new(&case.market, &self.chains, base);
        let run = self.turn(case, &market, Mode::Batch).ok()?;
        let explainer = Explainer::new(&run, &self.graph).ok()?;
        let (failures, _) = self.check(case, market.steps(), &run, &explainer);
        failures
            .iter()
            .find(|f| f.claim == Some(claim))
            .and_then(|f| f.at)
    }

    /// What a test file is read against.
    #[must_use]
    pub fn subject(&self) -> Subject<'_> {
        Subject {
            graph: &self.graph,
            plan: &self.plan,
            thresholds: &self.thresholds,
        }
    }

    /// The strategy's graph.
    #[must_use]
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Runs a case; `base` is the recorded data that it names.
    #[must_use]
    pub fn run(&self, case: &Case, base: Option<&dyn History>, mode: Mode) -> CaseResult {
        let market = CaseMarket::new(&case.market, &self.chains, base);
        let steps = market.steps().to_vec();
        match self.turn(case, &market, mode) {
            Ok(run) => self.judge(case, &steps, run),
            Err(error) => {
                let at = error.at.map_or(String::new(), |at| format!("at {at}: "));
                CaseResult {
                    name: case.name.clone(),
                    place: case.place,
                    failures: vec![Failure {
                        place: case.place,
                        at: error.at,
                        what: format!("the case could not run: {at}{}", error.what),
                        why: Some(error.help),
                        claim: None,
                    }],
                    explanation: format!("{}\n  could not run: {at}{}\n", case.name, error.what),
                    coverage: Coverage::default(),
                    run: None,
                }
            }
        }
    }

    fn turn(&self, case: &Case, market: &CaseMarket<'_>, mode: Mode) -> Result<RunOutput, RunError> {
        let range = case.data.as_ref().map(|d| (d.from, d.to));
        let progress = &mut |_| {};
        let graph = case.capital.map_or_else(
            || Arc::clone(&self.graph),
            |dollars| {
                let mut graph = Graph::clone(&self.graph);
                graph.settings.capital_usd = dollars;
                Arc::new(graph)
            },
        );
        let request = BacktestRequest {
            thresholds: case.thresholds.clone(),
            registry: self.registry.clone(),
            from: range.map(|r| r.0),
            to: range.map(|r| r.1),
            mode,
            course: alula_run::Course {
                acts: acts(case, market.steps())?,
                ..alula_run::Course::default()
            },
            ..BacktestRequest::new(graph, market, progress)
        };
        match case.data {
            // Recorded chains are large, and each case has its own.
            Some(_) => backtest(request),
            None => backtest_with(request, self.chains.views()),
        }
    }

    fn judge(&self, case: &Case, steps: &[Instant], run: RunOutput) -> CaseResult {
        let explainer = match Explainer::new(&run, &self.graph) {
            Ok(explainer) => explainer,
            Err(error) => {
                let failure = Failure {
                    place: case.place,
                    at: None,
                    what: format!("the case cannot be explained: {}", error.what),
                    why: Some(error.help),
                    claim: None,
                };
                return CaseResult {
                    name: case.name.clone(),
                    place: case.place,
                    failures: vec![failure],
                    explanation: String::new(),
                    coverage: Coverage::default(),
                    run: Some(run),
                };
            }
        };
        let (failures, asked) = self.check(case, steps, &run, &explainer);
        let explanation = self.words(case, &run, &explainer, &asked);
        let mut coverage = Coverage::default();
        coverage.add(&explainer, &run, &self.graph);
        drop(explainer);
        CaseResult {
            name: case.name.clone(),
            place: case.place,
            failures,
            explanation,
            coverage,
            run: Some(run),
        }
    }

    /// What was not as expected, and the ticks that expectations are about.
    fn check(
        &self,
        case: &Case,
        steps: &[Instant],
        run: &RunOutput,
        explainer: &Explainer<'_>,
    ) -> (Vec<Failure>, Vec<u32>) {
        let mut judge = Judge {
            graph: &self.graph,
            explainer,
            run,
            steps,
            failures: Vec::new(),
            asked: Vec::new(),
        };
        judge.all(case);
        judge.claimed(case, &self.claims);
        (judge.failures, judge.asked)
    }

    /// The case in plain words.
    fn words(&self, case: &Case, run: &RunOutput, explainer: &Explainer<'_>, asked: &[u32]) -> String {
        let named = case.expect.iter().flat_map(|e| {
            let plain = e.because.iter().chain(&e.not);
            let unknown = e.unknown.iter().map(|(n, _)| n);
            let orders = e.orders.iter().flatten().map(|o| o.rule.as_str());
            plain.chain(unknown).map(|n| n.name.as_str()).chain(orders)
        });
        let rules: Vec<&str> = named.collect();
        let asked = words::Asked {
            ticks: asked,
            rules: &rules,
        };
        words::explanation(&case.name, explainer, run, &self.graph, asked)
    }
}

/// What an operator says in a case, at the instants of its steps.
fn acts(case: &Case, steps: &[Instant]) -> Result<Vec<OperatorAct>, RunError> {
    let when = |moment: &Moment| match moment {
        Moment::First | Moment::Every => steps.first().copied(),
        Moment::Last => steps.last().copied(),
        Moment::Step(n) => steps.get(n.saturating_sub(1)).copied(),
        Moment::Day(date) => steps.iter().find(|t| t.date() == *date).copied(),
        Moment::At(at) => Some(*at),
    };
    let mut out: Vec<OperatorAct> = Vec::new();
    for (moment, act) in &case.acts {
        let at = when(moment).ok_or_else(|| {
            let what = format!(
                "the operator says `{}` at a step that the case has not",
                act.text()
            );
            RunError::new(ErrorClass::Request, what, "look at `overlays` and `steps`")
        })?;
        out.push(OperatorAct {
            at,
            act: act.clone(),
            who: "the test".to_owned(),
            why: case.name.clone(),
        });
    }
    out.sort_by_key(|a| a.at);
    Ok(out)
}

/// What came of a case.
#[derive(Clone, Debug)]
pub struct CaseResult {
    /// Name of the case.
    pub name: String,
    /// Where it stands in its file.
    pub place: Place,
    /// What was not as expected; empty when it passed.
    pub failures: Vec<Failure>,
    /// What was decided, and why, in plain words.
    pub explanation: String,
    /// What was seen of the strategy.
    pub coverage: Coverage,
    /// Everything recorded; none when the case could not run.
    pub run: Option<RunOutput>,
}

impl CaseResult {
    /// Everything was as expected.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.failures.is_empty()
    }
}

/// Something that was not as expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Where the expectation is written.
    pub place: Place,
    /// Tick.
    pub at: Option<Instant>,
    /// One line: what was expected and what was found.
    pub what: String,
    /// The decision explained, where there is one to explain.
    pub why: Option<String>,
    /// The claim that did not hold, by index.
    pub claim: Option<usize>,
}

struct Judge<'a> {
    graph: &'a Graph,
    explainer: &'a Explainer<'a>,
    run: &'a RunOutput,
    steps: &'a [Instant],
    failures: Vec<Failure>,
    /// Ticks that expectations are about, for the explanation.
    asked: Vec<u32>,
}

impl<'a> Judge<'a> {
    fn fail(&mut self, place: Place, at: Option<Instant>, what: String, why: Option<String>) {
        self.failures.push(Failure {
            place,
            at,
            what,
            why,
            claim: None,
        });
    }

    /// The first tick at which a claim does not hold. What is unknown breaks none.
    fn claimed(&mut self, case: &Case, claims: &[Claim]) {
        for index in &case.claims {
            let Some(claim) = claims.get(*index) else { continue };
            let broken = if claim.is_naked() {
                property::naked(&self.run.trades).map(|(at, words)| (at, words, None))
            } else {
                let key = property::key(*index);
                let known = |t: &TickRow| self.cells(&key, t).iter().any(|c| c.truth().is_some());
                if !self.run.ticks.iter().any(known) {
                    let what = format!("{} `{}`: it was unknown at every tick", claim.word(), claim.text);
                    let at = self.run.ticks.last();
                    self.fail(
                        claim.place,
                        at.map(|t| t.at),
                        what,
                        at.and_then(|t| self.why(&key, t)),
                    );
                    continue;
                }
                let ticks = self.run.ticks.iter();
                let mut broken =
                    ticks.filter(|t| self.cells(&key, t).iter().any(|c| c.truth() == Some(false)));
                broken.next().map(|t| (t.at, String::new(), self.why(&key, t)))
            };
            let Some((at, words, why)) = broken else { continue };
            let held = if claim.never { "was true" } else { "was false" };
            let words = if words.is_empty() { held.to_owned() } else { words };
            self.failures.push(Failure {
                place: claim.place,
                at: Some(at),
                what: format!("{} `{}`: {words}", claim.word(), claim.text),
                why,
                claim: Some(*index),
            });
        }
    }

    fn all(&mut self, case: &Case) {
        // Ticks whose orders are spoken for, each with everything that was listed for it.
        let mut listed: Vec<(u32, Place, Vec<&ExpectedOrder>)> = Vec::new();
        for expectation in &case.expect {
            let ticks = match self.ticks(expectation.at) {
                Ok(ticks) => ticks,
                Err(what) => {
                    self.fail(expectation.place, None, what, None);
                    continue;
                }
            };
            for tick in ticks {
                self.asked.push(tick.tick);
                if let Some(orders) = &expectation.orders {
                    match listed.iter_mut().find(|(t, _, _)| *t == tick.tick) {
                        Some((_, _, held)) => held.extend(orders),
                        None => listed.push((tick.tick, expectation.place, orders.iter().collect())),
                    }
                }
                self.at_tick(expectation, tick);
            }
        }
        self.asked.sort_unstable();
        self.asked.dedup();
        // A case about what must hold throughout says nothing of orders until it does.
        if !case.claims.is_empty() && case.expect.iter().all(|e| e.orders.is_none()) {
            return;
        }
        for tick in &self.run.ticks {
            let made: Vec<&OrderRow> = self
                .run
                .orders
                .iter()
                .filter(|o| o.decided_at == tick.at)
                .collect();
            match listed.iter().find(|(t, _, _)| *t == tick.tick) {
                Some((_, place, wanted)) => self.orders(tick, *place, wanted, made),
                None => self.orders(tick, case.place, &[], made),
            }
        }
    }

    fn ticks(&self, moment: Moment) -> Result<Vec<&'a TickRow>, String> {
        let run = self.run;
        let at = |at: Instant, said: String| {
            let found = run.ticks.iter().find(|t| t.at == at);
            found.map(|t| vec![t]).ok_or(said)
        };
        let span = || match (run.ticks.first(), run.ticks.last()) {
            (Some(first), Some(last)) => format!("its ticks run from {} to {}", first.at, last.at),
            _ => "it has no ticks: is the underlying's price missing?".to_owned(),
        };
        match moment {
            Moment::Every if !run.ticks.is_empty() => Ok(run.ticks.iter().collect()),
            Moment::Every => Err(span()),
            Moment::First => run.ticks.first().map(|t| vec![t]).ok_or_else(span),
            Moment::Last => run.ticks.last().map(|t| vec![t]).ok_or_else(span),
            Moment::Step(n) => match self.steps.get(n - 1) {
                None => Err(format!("the case has no step {n}, it has {}", self.steps.len())),
                Some(step) => at(*step, format!("step {n} ({step}) has no tick; {}", span())),
            },
            Moment::Day(date) => {
                let found = run.ticks.iter().rev().find(|t| t.at.date() == date);
                found
                    .map(|t| vec![t])
                    .ok_or_else(|| format!("the case has no tick on {date}; {}", span()))
            }
            Moment::At(when) => at(when, format!("the case has no tick at {when}; {}", span())),
        }
    }

    fn at_tick(&mut self, expectation: &Expectation, tick: &TickRow) {
        for named in &expectation.because {
            if !self.held(&named.name, tick) {
                let what = self.told(named, tick, "to act", "to be true");
                self.fail(named.place, Some(tick.at), what, self.why(&named.name, tick));
            }
        }
        for named in &expectation.not {
            if !self.idle(&named.name, tick) {
                let what = self.told(named, tick, "not to act", "to be false");
                self.fail(named.place, Some(tick.at), what, self.why(&named.name, tick));
            }
        }
        for (named, cause) in &expectation.unknown {
            let missing: Vec<String> = self
                .cells(&named.name, tick)
                .into_iter()
                .filter_map(|c| c.cause().map(|c| c.to_string()))
                .collect();
            let as_wanted = match cause {
                None => !missing.is_empty(),
                Some(cause) => missing.contains(cause),
            };
            if !as_wanted {
                let wanted = cause
                    .as_ref()
                    .map_or("to be unknown".to_owned(), |c| format!("to be unknown ({c})"));
                let what = self.told(named, tick, &wanted, &wanted);
                self.fail(named.place, Some(tick.at), what, self.why(&named.name, tick));
            }
        }
        for (named, wanted) in &expectation.layers {
            let row = self.explainer.layer(&named.name, tick.tick);
            let found = row.map_or("nothing", |r| r.phase.as_str());
            if found != wanted.word() {
                let what = format!(
                    "expected the layer `{}` to be {}, found it {found}",
                    named.name,
                    wanted.word()
                );
                self.fail(named.place, Some(tick.at), what, self.why(&named.name, tick));
            }
        }
        for (named, wanted) in &expectation.positions {
            let open = self.explainer.open_positions(&named.name, tick.at).len();
            if usize::try_from(*wanted) != Ok(open) {
                let what = format!(
                    "expected {wanted} open positions of `{}`, found {open}",
                    named.name
                );
                self.fail(named.place, Some(tick.at), what, None);
            }
        }
    }

    /// The name is a rule's or a guard's.
    fn is_rule(&self, name: &str) -> bool {
        number_of(name).is_some() || keys(self.graph).iter().any(|(k, _)| *k == name)
    }

    fn acted(&self, name: &str, tick: &TickRow) -> bool {
        let rows = self.run.decisions.iter();
        rows.filter(|d| d.tick == tick.tick && d.key == name)
            .any(|d| matches!(d.verdict.as_str(), "ordered" | "guarded"))
    }

    /// A rule acted; a condition was true (of some position).
    fn held(&self, name: &str, tick: &TickRow) -> bool {
        if self.is_rule(name) {
            return self.acted(name, tick);
        }
        self.cells(name, tick).iter().any(|c| c.is_true())
    }

    /// A rule did not act; a condition was false (of every position).
    fn idle(&self, name: &str, tick: &TickRow) -> bool {
        if self.is_rule(name) {
            return !self.acted(name, tick);
        }
        self.cells(name, tick).iter().all(|c| c.truth() == Some(false))
    }

    /// Values of a named node, or of a rule's condition, at a tick: one, or one for each open position.
    fn cells(&self, name: &str, tick: &TickRow) -> Vec<Cell> {
        let rules = self.graph.policies.iter().flat_map(|p| &p.rules);
        let rule = rules.clone().find(|r| r.key == name);
        let guard = self.graph.guards.iter().find(|g| g.key == name);
        let node = self.graph.nodes.iter().position(|n| n.key == name);
        let node = node.and_then(|n| u32::try_from(n).ok()).map(NodeId);
        let layer = alula_core::why::layer_rules(self.graph).find(|(k, _)| *k == name);
        let when = rule.map(|r| r.when).or(layer.map(|(_, id)| id));
        let Some(id) = when.or(guard.map(|g| g.require)).or(node) else {
            return Vec::new();
        };
        let about_position = self.graph.node(id).is_some_and(|n| n.domain == Domain::Position);
        let cell = |scope| {
            let cells: Recorded<'_> = self.explainer.recorded(tick, scope);
            cells.cell(id, 0)
        };
        if !about_position {
            return vec![cell(Scope::Global)];
        }
        let structures = self.graph.structures.iter();
        let positions = structures.flat_map(|s| self.explainer.open_positions(&s.key, tick.at));
        positions.map(|p| cell(Scope::Position(p))).collect()
    }

    fn told(&self, named: &Named, tick: &TickRow, rule: &str, condition: &str) -> String {
        let name = &named.name;
        let is_rule = self.is_rule(name);
        let wanted = if is_rule { rule } else { condition };
        let found = if is_rule && !wanted.contains("unknown") {
            let row = self
                .run
                .decisions
                .iter()
                .find(|d| d.tick == tick.tick && d.key == *name);
            row.map_or("its condition did not call for action".to_owned(), |d| {
                format!("{}: {}", d.verdict, d.detail)
            })
        } else {
            let cells = self.cells(name, tick);
            let words: Vec<String> = cells.iter().map(|c| words::truth(*c)).collect();
            if words.is_empty() {
                "there was no position to speak of".to_owned()
            } else {
                format!("it was {}", words.join(", "))
            }
        };
        format!("expected `{name}` {wanted}; {found}")
    }

    fn why(&self, name: &str, tick: &TickRow) -> Option<String> {
        if !self.is_rule(name) {
            return None;
        }
        let all = self.explainer.explain(tick, Some(name)).ok()?;
        let text: String = all.iter().map(alula_core::why::render).collect();
        (!text.is_empty()).then_some(text)
    }

    /// Orders match as a multiset: each expected one takes one that was made.
    fn orders(&mut self, tick: &TickRow, place: Place, wanted: &[&ExpectedOrder], made: Vec<&'a OrderRow>) {
        let mut left = made;
        // The most particular first, so that a bare rule name does not take what another line describes.
        let mut wanted: Vec<&ExpectedOrder> = wanted.to_vec();
        wanted.sort_by_key(|w| (w.package.is_none(), w.lots.is_none()));
        for want in wanted {
            let fits = |o: &&OrderRow| {
                o.key == want.rule
                    && want.lots.is_none_or(|n| n == o.lots)
                    && want.package.as_ref().is_none_or(|p| *p == o.package)
            };
            if let Some(found) = left.iter().position(fits) {
                left.remove(found);
                continue;
            }
            let near: Vec<String> = left
                .iter()
                .filter(|o| o.key == want.rule)
                .map(|o| format!("{} lots: {}", o.lots, o.package))
                .collect();
            let found = if near.is_empty() {
                "it made none".to_owned()
            } else {
                format!("it ordered {}", near.join("; "))
            };
            let mut text = format!("expected an order of `{}`", want.rule);
            if let Some(lots) = want.lots {
                text.push_str(&format!(" for {lots} lots"));
            }
            if let Some(package) = &want.package {
                text.push_str(&format!(" of {package}"));
            }
            let why = self.why(&want.rule, tick);
            self.fail(want.place, Some(tick.at), format!("{text}; {found}"), why);
        }
        for order in left {
            let what = format!(
                "`{}` made an order that the case does not list: {} {} lots: {}",
                order.key, order.kind, order.lots, order.package
            );
            let why = self.why(&order.key, tick);
            self.fail(place, Some(tick.at), what, why);
        }
    }
}
