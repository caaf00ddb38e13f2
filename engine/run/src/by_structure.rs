//! What each structure and layer made on each session, and whether it adds up to the book.
//!
//! A gain is the change of a structure's P&L since the session before: fills, settlements and fees of the session with
//! the change of the marks. The sum over the structures is the change of the book's equity, to the micro-dollar, at all three
//! fills; the first session at which it is not is kept as a breach, which ends the run.

use crate::error::{ErrorClass, RunError};
use crate::output::{Role, StructureDayRow};
use alula_book::{Band, Book};
use alula_dsl::graph::Graph;
use alula_market::money::Usd;
use alula_market::time::Date;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// P&L of each structure at the end of the newest session.
#[derive(Clone, Debug, Default)]
pub struct ByStructure {
    capital: Band<Usd>,
    roles: BTreeMap<String, Role>,
    before: BTreeMap<Arc<str>, Band<Usd>>,
    equity: Option<Band<Usd>>,
    breach: Option<String>,
}

impl ByStructure {
    /// Nothing has happened yet.
    pub fn new(graph: &Graph, capital: Usd) -> Self {
        let mut roles = BTreeMap::new();
        let layers = graph.hedges.iter().flat_map(|h| &h.layers);
        roles.extend(layers.map(|l| (l.key.clone(), Role::Layer)));
        roles.extend(graph.overlays.iter().map(|o| (o.key.clone(), Role::Overlay)));
        // What is financed apart is no hedge of the core, whatever it owns.
        let apart = graph.subaccounts.iter().flat_map(|s| &s.structures);
        roles.extend(apart.map(|key| (key.clone(), Role::Subaccount)));
        Self {
            capital: Band::flat(capital),
            roles,
            ..Self::default()
        }
    }

    /// The rows of a session that has ended: every structure that made or lost something on it or holds something.
    pub fn day(&mut self, date: Date, book: &Book) -> Vec<StructureDayRow> {
        let holding = book.positions().map(|p| &p.structure);
        let holding: BTreeSet<&Arc<str>> = holding
            .chain(book.ledger().positions().map(|p| &p.structure))
            .collect();
        let known = book.structures().keys().chain(book.ledger().structures());
        let known: BTreeSet<&Arc<str>> = known.collect();
        let mut rows = Vec::new();
        let mut sum = Band::default();
        for key in known {
            let pnl = book.structure_pnl(key);
            let before = self.before.get(key).copied().unwrap_or_default();
            let gain = pnl - before;
            sum += gain;
            if gain != Band::default() || holding.contains(key) {
                rows.push(StructureDayRow {
                    date,
                    structure: key.to_string(),
                    role: self.roles.get(&**key).copied().unwrap_or_default(),
                    gain,
                    pnl,
                });
            }
            if gain != Band::default() {
                self.before.insert(Arc::clone(key), pnl);
            }
        }
        let equity = book.equity();
        let change = equity - self.equity.unwrap_or(self.capital);
        if sum != change && self.breach.is_none() {
            self.breach = Some(format!(
                "accounting invariant broken: on {date} the structures made {sum:?}, the book {change:?}"
            ));
        }
        self.equity = Some(equity);
        rows
    }

    /// # Errors
    /// When the structures did not add up to the book on some session.
    pub fn add_up(&self) -> Result<(), RunError> {
        let Some(what) = &self.breach else {
            return Ok(());
        };
        Err(RunError::new(
            ErrorClass::Invariant,
            what.clone(),
            "the results cannot be trusted; please report this with the strategy and the data",
        ))
    }
}
