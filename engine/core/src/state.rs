//! What a strategy remembers between ticks besides the market and the book: operators of the account's and the positions'
//! nodes, a halt, the highest equity. Everything is keyed by node number of one plan, and by position.

mod layers;

pub use layers::{LayerState, Layers, Sleeve, Spent};

use crate::operator::Overlay;
use crate::ops::Operator;
use crate::plan::{NodeKind, Plan};
use crate::succession::{ItemKind, Succession};
use alula_book::instrument::LinearPosition;
use alula_book::{Book, PositionId};
use alula_dsl::graph::Domain;
use alula_market::money::Usd;
use alula_market::time::Instant;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Operators with their nodes' numbers, in the plan's order.
pub type Operators = Vec<(usize, Box<dyn Operator>)>;

/// State of a run.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// Guard that halted opening, until an operator resumes.
    pub halted: Option<Arc<str>>,
    /// Operators of book-domain nodes.
    pub(crate) book: Operators,
    /// Operators of position-domain nodes, for each position that was seen open.
    pub(crate) positions: BTreeMap<PositionId, Operators>,
    /// Highest equity so far.
    pub(crate) peak: Option<Usd>,
    /// Highest P&L of each structure so far, from zero.
    pub(crate) structure_peaks: BTreeMap<Arc<str>, Usd>,
    /// When the condition of a rule that closes a part was last known to be false, by position and rule. Such a rule may act
    /// once after that.
    pub(crate) ready_since: BTreeMap<PositionId, BTreeMap<Arc<str>, Instant>>,
    /// The hedges' layers.
    pub layers: Layers,
    /// Overlays of operators that are in force, oldest first.
    pub overlays: Vec<Arc<Overlay>>,
    /// Entries that a change of thresholds made true, and that wait until they have been false.
    pub(crate) waiting: BTreeSet<Arc<str>>,
    /// At the first tick after a change of thresholds: entries that would have called without it.
    pub(crate) called_without: Option<BTreeSet<Arc<str>>>,
}

impl State {
    /// The state before the first tick.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        Self {
            book: initial(plan, plan.order(), Domain::Book),
            layers: Layers::new(
                plan.hedges()
                    .iter()
                    .flat_map(|h| &h.layers)
                    .map(|l| Arc::clone(&l.key)),
            ),
            ..Self::default()
        }
    }

    /// Takes note of the marked book: highest values so far. Call once per tick, after marking.
    pub fn observe(&mut self, book: &Book) {
        let equity = book.equity().share;
        let start = book.config().capital;
        self.peak = Some(self.peak.map_or(start.max(equity), |p| p.max(equity)));
        for key in book.structures().keys().chain(book.ledger().structures()) {
            let pnl = book.structure_pnl(key).share;
            let peak = self.structure_peaks.entry(Arc::clone(key)).or_insert(Usd::ZERO);
            *peak = (*peak).max(pnl);
        }
        let is_open = |id: &PositionId| {
            let linear = || book.ledger().position(*id);
            book.position(*id).map_or_else(
                || linear().is_some_and(LinearPosition::is_open),
                alula_book::Position::is_open,
            )
        };
        self.positions.retain(|id, _| is_open(id));
        self.ready_since.retain(|id, _| is_open(id));
        self.layers.observe(book);
    }

    /// Highest equity so far, or of a structure its highest P&L.
    #[must_use]
    pub fn peak(&self, structure: Option<&str>) -> Usd {
        match structure {
            None => self.peak.unwrap_or_default(),
            Some(key) => self.structure_peaks.get(key).copied().unwrap_or_default(),
        }
    }

    /// The next tick is the first one after a change of thresholds; `called` are the entries that would call there without
    /// the change. An entry that calls with the new values alone waits until it has been false (or its package has failed
    /// the `require`) once: the operator moved the line, the market did not cross it. Guards, closes, rolls, hedges and
    /// overlays act on the new values at once.
    pub fn swapped(&mut self, called: BTreeSet<Arc<str>>) {
        self.called_without = Some(called);
    }

    /// Moves to the plan of the strategy that takes the place of the one so far. Operators go on where the new graph has a node of the
    /// same identity, and begin where it has not: those of the account and of open positions begin with the next tick, for the
    /// account has no history to be replayed. Layers go on by their key, so that what is spent stays spent; the memory of a
    /// rule that closes a part goes on while the rule says the same.
    pub fn succeed(&mut self, new: &Plan, book: &Book, succession: &Succession) {
        let follow = |nodes: &[usize], domain: Domain, before: &Operators| {
            let mut operators = initial(new, nodes, domain);
            for (index, operator) in &mut operators {
                let was = succession.node(*index);
                let found = was.and_then(|was| before.iter().find(|(at, _)| *at == was));
                if let Some((_, found)) = found {
                    *operator = found.boxed_clone();
                }
            }
            operators
        };
        self.book = follow(new.order(), Domain::Book, &self.book);
        for (id, operators) in &mut self.positions {
            let of_options = book.position(*id).map(|p| &p.structure);
            let structure = of_options.or_else(|| book.ledger().position(*id).map(|p| &p.structure));
            let nodes = structure.map_or(&[][..], |key| new.position_nodes(key));
            *operators = follow(nodes, Domain::Position, operators);
        }
        let keys = new.hedges().iter().flat_map(|h| &h.layers);
        self.layers.succeed(keys.map(|l| Arc::clone(&l.key)));
        for rules in self.ready_since.values_mut() {
            rules.retain(|key, _| succession.keeps(ItemKind::Rule, key));
        }
        let rules = new.rules();
        self.waiting.retain(|key| rules.iter().any(|r| r.key == *key));
    }

    /// Entries that wait since a change of thresholds.
    pub fn waiting(&self) -> impl Iterator<Item = &str> {
        self.waiting.iter().map(|key| &**key)
    }

    /// Lifts a halt; an operator's decision.
    pub fn resume(&mut self) {
        self.halted = None;
    }
}

/// Operators of nodes of a domain in their initial state.
pub(crate) fn initial(plan: &Plan, nodes: &[usize], domain: Domain) -> Operators {
    let mut out = Operators::new();
    for &index in nodes {
        if let Some(node) = plan.nodes().get(index).filter(|n| n.domain == domain)
            && let NodeKind::Operator(operator) = &node.kind
        {
            out.push((index, operator.boxed_clone()));
        }
    }
    out
}
