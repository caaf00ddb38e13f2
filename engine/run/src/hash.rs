//! Hashes of what goes in, and the chain over what comes out.

use alula_book::{Band, Book, Execution, OrderId};
use alula_core::decision::{Decision, RuleOutcome, Skip, Verdict};
use alula_core::state::State;
use alula_core::value::Cell;
use alula_market::money::{Price, Usd};
use alula_market::time::Instant;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// Lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    let mut out = String::with_capacity(bytes.len() * 2);
    for b in bytes {
        // Writing to a string cannot fail.
        let _ = write!(out, "{b:02x}");
    }
    out
}

/// Hex sha256 of bytes.
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Hash of named texts; names and lengths take part, so no two different sets look alike.
pub fn of_files<'a>(files: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> String {
    let mut hasher = Sha256::new();
    for (name, bytes) in files {
        part(&mut hasher, name.as_bytes());
        part(&mut hasher, bytes);
    }
    hex(&hasher.finalize())
}

/// Hash of a table of texts.
pub fn of_table(table: &BTreeMap<String, String>) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for (name, value) in table {
        part(&mut hasher, name.as_bytes());
        part(&mut hasher, value.as_bytes());
    }
    hasher.finalize().into()
}

fn part(hasher: &mut Sha256, bytes: &[u8]) {
    hasher.update((bytes.len() as u64).to_le_bytes());
    hasher.update(bytes);
}

/// First link of every chain: a constant, not the run's identity. Two runs that differ in one threshold then share their
/// links up to the tick at which they first saw or did something else.
const SEED: &[u8] = b"alula decisions 1";

/// The chain: each link covers the one before and everything that a tick read, decided and found done in the book.
///
/// Values that are the same at every tick (numbers, thresholds) take no part of their own: the manifest has their hashes.
/// Nor do order ids, which name the run; an order's number and rule stand for it.
#[derive(Clone, Debug)]
pub struct Chain {
    link: [u8; 32],
    /// Executions covered by the links so far.
    executions: usize,
}

impl Chain {
    /// A chain before its first tick.
    pub fn new() -> Self {
        Self {
            link: Sha256::digest(SEED).into(),
            executions: 0,
        }
    }

    /// Hex of the newest link.
    pub fn hex(&self) -> String {
        hex(&self.link)
    }

    /// Adds a tick: its instant, the market's and the account's cells, what the strategy remembers, every rule's outcome,
    /// the orders and alerts, what was executed since the link before, the book.
    pub fn tick(&mut self, at: Instant, cells: &[Cell], (decision, state): (&Decision, &State), book: &Book) {
        let mut hasher = self.link(b"tick");
        hasher.update(at.0.to_le_bytes());
        count(&mut hasher, cells.len());
        for cell in cells {
            hasher.update(cell.to_bytes());
        }
        optional(&mut hasher, state.halted.as_deref(), |h, key| {
            part(h, key.as_bytes())
        });
        hasher.update(state.peak(None).0.to_le_bytes());
        count(&mut hasher, decision.outcomes.len());
        for outcome in &decision.outcomes {
            add_outcome(&mut hasher, outcome);
        }
        count(&mut hasher, decision.orders.len());
        for order in &decision.orders {
            part(&mut hasher, format!("{order:?}").as_bytes());
        }
        count(&mut hasher, decision.candidates.len());
        for candidate in &decision.candidates {
            part(&mut hasher, format!("{candidate:?}").as_bytes());
        }
        count(&mut hasher, decision.alerts.len());
        for alert in &decision.alerts {
            part(&mut hasher, alert.key.as_bytes());
            part(&mut hasher, alert.text.as_bytes());
        }
        self.close(hasher, book);
    }

    /// The last link: what was executed after the last tick, and the book as the run leaves it.
    pub fn end(&mut self, book: &Book) {
        let mut hasher = self.link(b"end");
        count(&mut hasher, book.closed().len());
        for position in book.closed().iter().chain(book.positions()) {
            hasher.update(position.id.0.to_le_bytes());
            optional(&mut hasher, position.closed_by.as_deref(), |h, key| {
                part(h, key.as_bytes())
            });
            add_band(&mut hasher, position.pnl());
        }
        self.close(hasher, book);
    }

    fn link(&self, kind: &[u8]) -> Sha256 {
        let mut hasher = Sha256::new();
        hasher.update(self.link);
        part(&mut hasher, kind);
        hasher
    }

    /// Covers the book and makes the hash the newest link.
    fn close(&mut self, mut hasher: Sha256, book: &Book) {
        let executions = book.trades();
        count(&mut hasher, executions.len());
        for execution in executions.iter().skip(self.executions) {
            add_execution(&mut hasher, execution);
        }
        self.executions = executions.len();
        add_band(&mut hasher, book.cash());
        add_band(&mut hasher, book.equity());
        count(&mut hasher, book.orders().len());
        for order in book.orders() {
            add_order_id(&mut hasher, &order.id);
        }
        count(&mut hasher, book.positions().count());
        for position in book.positions() {
            hasher.update(position.id.0.to_le_bytes());
            hasher.update(position.lots.to_le_bytes());
        }
        self.link = hasher.finalize().into();
    }
}

fn count(hasher: &mut Sha256, n: usize) {
    hasher.update((n as u64).to_le_bytes());
}

/// A byte for absent or present, then the value.
fn optional<T>(hasher: &mut Sha256, value: Option<T>, add: impl FnOnce(&mut Sha256, T)) {
    hasher.update([u8::from(value.is_some())]);
    if let Some(value) = value {
        add(hasher, value);
    }
}

fn add_band(hasher: &mut Sha256, band: Band<Usd>) {
    for amount in [band.mid, band.share, band.natural] {
        hasher.update(amount.0.to_le_bytes());
    }
}

fn add_points(hasher: &mut Sha256, band: Band<Price>) {
    for points in [band.mid, band.share, band.natural] {
        hasher.update(points.0.to_le_bytes());
    }
}

fn add_order_id(hasher: &mut Sha256, id: &OrderId) {
    hasher.update(id.sequence.to_le_bytes());
    part(hasher, id.key.as_bytes());
}

fn add_outcome(hasher: &mut Sha256, outcome: &RuleOutcome) {
    part(hasher, outcome.key.as_bytes());
    part(hasher, outcome.kind.word().as_bytes());
    optional(hasher, outcome.position, |h, p| h.update(p.0.to_le_bytes()));
    hasher.update(outcome.condition.to_bytes());
    optional(hasher, outcome.require, |h, r| h.update(r.to_bytes()));
    part(hasher, outcome.verdict.word().as_bytes());
    match &outcome.verdict {
        Verdict::Idle => {}
        Verdict::Ordered(order) => count(hasher, *order),
        Verdict::Guarded { act, orders } => {
            part(hasher, format!("{act:?}").as_bytes());
            count(hasher, orders.len());
            orders.iter().for_each(|o| count(hasher, *o));
        }
        // Its text names the run.
        Verdict::Skipped(Skip::OrderWorking(id)) => add_order_id(hasher, id),
        Verdict::Skipped(skip) => part(hasher, skip.to_string().as_bytes()),
    }
}

fn add_execution(hasher: &mut Sha256, e: &Execution) {
    hasher.update(e.sequence.to_le_bytes());
    hasher.update(e.at.0.to_le_bytes());
    hasher.update(e.decided_at.0.to_le_bytes());
    part(hasher, format!("{:?}", e.kind).as_bytes());
    hasher.update(e.position.0.to_le_bytes());
    part(hasher, e.structure.as_bytes());
    part(hasher, e.key.as_bytes());
    optional(hasher, e.order.as_ref(), add_order_id);
    hasher.update(e.lots.to_le_bytes());
    count(hasher, e.legs.len());
    for leg in &e.legs {
        part(hasher, leg.contract.to_string().as_bytes());
        hasher.update(leg.ratio.to_le_bytes());
        add_points(hasher, leg.points);
        hasher.update(leg.bid.0.to_le_bytes());
        hasher.update(leg.ask.0.to_le_bytes());
    }
    add_points(hasher, e.net);
    add_band(hasher, e.cash);
    hasher.update(e.fees.total().0.to_le_bytes());
    hasher.update(e.underlying.0.to_le_bytes());
    hasher.update([u8::from(e.approximate)]);
}
