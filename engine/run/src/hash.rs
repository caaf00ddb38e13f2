//! Hashes of what goes in, and the chain over what comes out.

use alula_book::instrument::LinearExecution;
use alula_book::{Band, Book, Execution, OrderId};
use alula_core::decision::{Decision, RuleOutcome, Skip, Verdict};
use alula_core::market::Views;
use alula_core::state::State;
use alula_core::succession::Orphans;
use alula_core::value::Cell;
use alula_market::chain::ChainSnapshot;
pub use alula_market::digest::{hex, sha256};
use alula_market::money::{Price, Usd};
use alula_market::time::Instant;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// Hash of named texts; names and lengths take part, so no two different sets look alike.
pub fn of_files<'a>(files: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> String {
    let mut all = Vec::new();
    for (name, bytes) in files {
        part(&mut all, name.as_bytes());
        part(&mut all, bytes);
    }
    sha256(&all)
}

/// Hash of a table of texts.
pub fn of_table(table: &BTreeMap<String, String>) -> [u8; 32] {
    let mut all = Vec::new();
    for (name, value) in table {
        part(&mut all, name.as_bytes());
        part(&mut all, value.as_bytes());
    }
    Sha256::digest(&all).into()
}

fn part(out: &mut Vec<u8>, bytes: &[u8]) {
    count(out, bytes.len());
    out.extend_from_slice(bytes);
}

/// A part that is written in place.
fn text(out: &mut Vec<u8>, what: std::fmt::Arguments<'_>) {
    use std::io::Write;
    let start = out.len();
    count(out, 0);
    // Writing to memory cannot fail.
    let _ = out.write_fmt(what);
    let written = out.len().saturating_sub(start + size_of::<u64>()) as u64;
    if let Some(length) = out.get_mut(start..start + size_of::<u64>()) {
        length.copy_from_slice(&written.to_le_bytes());
    }
}

/// First link of every chain: a constant, not the run's identity. Two runs that differ in one threshold then share their
/// links up to the tick at which they first saw or did something else.
const SEED: &[u8] = b"alula decisions 2";

/// The chain: each link covers the one before and everything that a tick read, decided and found done in the book.
///
/// Values that are the same at every tick (numbers, thresholds) take no part of their own: the manifest has their hashes.
/// Nor do order ids, which name the run; an order's number and rule stand for it.
#[derive(Clone, Debug)]
pub struct Chain {
    link: [u8; 32],
    /// Executions covered by the links so far.
    executions: usize,
    /// Of futures and shares.
    linear: usize,
    /// What a link covers, while it is put together; kept for its memory.
    bytes: Vec<u8>,
}

impl Chain {
    /// A chain before its first tick.
    pub fn new() -> Self {
        Self {
            link: Sha256::digest(SEED).into(),
            executions: 0,
            linear: 0,
            bytes: Vec::new(),
        }
    }

    /// Hex of the newest link.
    pub fn hex(&self) -> String {
        hex(&self.link)
    }

    /// Adds a tick: its instant, the cells of those nodes, what the strategy remembers, every rule's outcome,
    /// the orders and alerts, what was executed since the link before, the book.
    pub fn tick(
        &mut self,
        at: Instant,
        (cells, nodes): (&[Cell], &[usize]),
        (decision, state): (&Decision, &State),
        book: &Book,
    ) {
        let mut out = self.link(b"tick");
        out.extend_from_slice(&at.0.to_le_bytes());
        count(&mut out, nodes.len());
        for cell in nodes.iter().filter_map(|i| cells.get(*i)) {
            out.extend_from_slice(&cell.to_bytes());
        }
        optional(&mut out, state.halted.as_deref(), |h, key| {
            part(h, key.as_bytes())
        });
        out.extend_from_slice(&state.peak(None).0.to_le_bytes());
        count(&mut out, decision.outcomes.len());
        for outcome in &decision.outcomes {
            add_outcome(&mut out, outcome);
        }
        count(&mut out, decision.orders.len());
        for order in &decision.orders {
            text(&mut out, format_args!("{order:?}"));
        }
        count(&mut out, decision.linear.len());
        for order in &decision.linear {
            text(&mut out, format_args!("{order:?}"));
        }
        count(&mut out, decision.candidates.len());
        for candidate in &decision.candidates {
            text(&mut out, format_args!("{candidate:?}"));
        }
        // A strategy without hedges has the links that it had before there were any.
        if !decision.hedges.is_empty() {
            count(&mut out, decision.hedges.len());
        }
        for hedge in &decision.hedges {
            text(&mut out, format_args!("{hedge:?}"));
        }
        count(&mut out, decision.alerts.len());
        for alert in &decision.alerts {
            part(&mut out, alert.key.as_bytes());
            part(&mut out, alert.text.as_bytes());
        }
        self.close(out, book);
    }

    /// Adds a change of thresholds, before the tick that first uses it: the version of the new values.
    pub fn swap(&mut self, version: &[u8; 32]) {
        let mut out = self.link(b"thresholds");
        out.extend_from_slice(version);
        self.link = Sha256::digest(&out).into();
        self.bytes = out;
    }

    /// Adds another build of a plugin, before the tick that first uses it.
    pub fn plugin(&mut self, plugin: &str, sha256: &str) {
        let mut out = self.link(b"plugin");
        part(&mut out, plugin.as_bytes());
        part(&mut out, sha256.as_bytes());
        self.link = Sha256::digest(&out).into();
        self.bytes = out;
    }

    /// Adds an overlay of an operator that begins or is dropped, before the tick that first knows of it.
    pub fn operator(&mut self, act: &str) {
        let mut out = self.link(b"operator");
        part(&mut out, act.as_bytes());
        self.link = Sha256::digest(&out).into();
        self.bytes = out;
    }

    /// Adds a change of the strategy, before the tick that first uses it: the hash of its files, what was carried into it, and
    /// the version of the values that came with it.
    pub fn succeed(&mut self, files: &str, carried: &BTreeMap<String, Orphans>, version: &[u8; 32]) {
        let mut out = self.link(b"strategy");
        part(&mut out, files.as_bytes());
        count(&mut out, carried.len());
        for (key, how) in carried {
            part(&mut out, key.as_bytes());
            part(&mut out, how.word().as_bytes());
        }
        out.extend_from_slice(version);
        self.link = Sha256::digest(&out).into();
        self.bytes = out;
    }

    /// The last link: what was executed after the last tick, and the book as the run leaves it.
    pub fn end(&mut self, book: &Book) {
        let mut out = self.link(b"end");
        count(&mut out, book.closed().len());
        for position in book.closed().iter().chain(book.positions()) {
            out.extend_from_slice(&position.id.0.to_le_bytes());
            optional(&mut out, position.closed_by.as_deref(), |h, key| {
                part(h, key.as_bytes())
            });
            add_band(&mut out, position.pnl());
        }
        let ledger = book.ledger();
        for position in ledger.closed().chain(ledger.positions()) {
            out.extend_from_slice(&position.id.0.to_le_bytes());
            optional(&mut out, position.closed_by.as_deref(), |h, key| {
                part(h, key.as_bytes())
            });
            add_band(&mut out, ledger.position_pnl(position));
        }
        self.close(out, book);
    }

    fn link(&mut self, kind: &[u8]) -> Vec<u8> {
        let mut out = std::mem::take(&mut self.bytes);
        out.clear();
        out.extend_from_slice(&self.link);
        part(&mut out, kind);
        out
    }

    /// Covers the book and makes the hash the newest link.
    fn close(&mut self, mut out: Vec<u8>, book: &Book) {
        let executions = book.trades();
        count(&mut out, executions.len());
        for execution in executions.iter().skip(self.executions) {
            add_execution(&mut out, execution);
        }
        self.executions = executions.len();
        let ledger = book.ledger();
        let linear = ledger.executions();
        count(&mut out, linear.len());
        for execution in linear.iter().skip(self.linear) {
            add_linear(&mut out, execution);
        }
        self.linear = linear.len();
        count(&mut out, ledger.orders().len());
        for order in ledger.orders() {
            add_order_id(&mut out, &order.id);
        }
        for (key, held) in ledger.holdings() {
            out.extend_from_slice(&key.position.0.to_le_bytes());
            text(&mut out, format_args!("{}", key.instrument));
            out.extend_from_slice(&held.quantity.to_le_bytes());
        }
        add_band(&mut out, book.cash());
        add_band(&mut out, book.equity());
        count(&mut out, book.orders().len());
        for order in book.orders() {
            add_order_id(&mut out, &order.id);
        }
        count(&mut out, book.positions().count());
        for position in book.positions() {
            out.extend_from_slice(&position.id.0.to_le_bytes());
            out.extend_from_slice(&position.lots.to_le_bytes());
        }
        self.link = Sha256::digest(&out).into();
        self.bytes = out;
    }
}

/// Hash of everything that stands in the snapshots of a tick.
pub fn of_views(views: &Views) -> [u8; 32] {
    let mut out = Vec::new();
    count(&mut out, views.len());
    for view in views {
        optional(&mut out, view.as_ref(), |h, view| add_snapshot(h, &view.snapshot));
    }
    Sha256::digest(&out).into()
}

fn add_snapshot(out: &mut Vec<u8>, snapshot: &ChainSnapshot) {
    out.extend_from_slice(&snapshot.at.0.to_le_bytes());
    part(out, snapshot.underlying.as_bytes());
    out.extend_from_slice(&snapshot.spot.0.to_le_bytes());
    count(out, snapshot.expiries.len());
    for chain in &snapshot.expiries {
        part(out, chain.root.symbol().as_bytes());
        text(out, format_args!("{}", chain.expiry));
        count(out, chain.strikes.len());
        let sides = [&chain.puts, &chain.calls];
        let prices = sides.iter().flat_map(|s| [&s.bid, &s.ask]);
        for column in std::iter::once(&chain.strikes).chain(prices) {
            column
                .iter()
                .for_each(|p| out.extend_from_slice(&p.0.to_le_bytes()));
        }
        for side in sides {
            for column in [&side.volume, &side.open_interest, &side.bid_size, &side.ask_size] {
                column
                    .iter()
                    .for_each(|n| out.extend_from_slice(&n.to_le_bytes()));
            }
        }
    }
}

fn count(out: &mut Vec<u8>, n: usize) {
    out.extend_from_slice(&(n as u64).to_le_bytes());
}

/// A byte for absent or present, then the value.
fn optional<T>(out: &mut Vec<u8>, value: Option<T>, add: impl FnOnce(&mut Vec<u8>, T)) {
    out.push(u8::from(value.is_some()));
    if let Some(value) = value {
        add(out, value);
    }
}

fn add_band(out: &mut Vec<u8>, band: Band<Usd>) {
    for amount in [band.mid, band.share, band.natural] {
        out.extend_from_slice(&amount.0.to_le_bytes());
    }
}

fn add_points(out: &mut Vec<u8>, band: Band<Price>) {
    for points in [band.mid, band.share, band.natural] {
        out.extend_from_slice(&points.0.to_le_bytes());
    }
}

fn add_order_id(out: &mut Vec<u8>, id: &OrderId) {
    out.extend_from_slice(&id.sequence.to_le_bytes());
    part(out, id.key.as_bytes());
}

fn add_outcome(out: &mut Vec<u8>, outcome: &RuleOutcome) {
    part(out, outcome.key.as_bytes());
    part(out, outcome.kind.word().as_bytes());
    optional(out, outcome.position, |h, p| {
        h.extend_from_slice(&p.0.to_le_bytes())
    });
    out.extend_from_slice(&outcome.condition.to_bytes());
    optional(out, outcome.require, |h, r| h.extend_from_slice(&r.to_bytes()));
    part(out, outcome.verdict.word().as_bytes());
    match &outcome.verdict {
        Verdict::Idle => {}
        Verdict::Ordered(order) => count(out, *order),
        Verdict::OrderedLinear(order) => {
            part(out, b"linear");
            count(out, *order);
        }
        Verdict::Guarded { act, orders, linear } => {
            text(out, format_args!("{act:?}"));
            for places in [orders, linear] {
                count(out, places.len());
                places.iter().for_each(|o| count(out, *o));
            }
        }
        // Its text names the run.
        Verdict::Skipped(Skip::OrderWorking(id)) => add_order_id(out, id),
        Verdict::Skipped(skip) => text(out, format_args!("{skip}")),
    }
}

fn add_linear(out: &mut Vec<u8>, e: &LinearExecution) {
    out.extend_from_slice(&e.sequence.to_le_bytes());
    out.extend_from_slice(&e.at.0.to_le_bytes());
    out.extend_from_slice(&e.decided_at.0.to_le_bytes());
    part(out, e.flow.word().as_bytes());
    out.extend_from_slice(&e.position.0.to_le_bytes());
    part(out, e.structure.as_bytes());
    part(out, e.key.as_bytes());
    optional(out, e.order.as_ref(), add_order_id);
    text(out, format_args!("{}", e.instrument));
    out.extend_from_slice(&e.quantity.to_le_bytes());
    add_points(out, e.price);
    add_band(out, e.cash);
    out.extend_from_slice(&e.fees.total().0.to_le_bytes());
    out.push(u8::from(e.approximate));
}

fn add_execution(out: &mut Vec<u8>, e: &Execution) {
    out.extend_from_slice(&e.sequence.to_le_bytes());
    out.extend_from_slice(&e.at.0.to_le_bytes());
    out.extend_from_slice(&e.decided_at.0.to_le_bytes());
    text(out, format_args!("{:?}", e.kind));
    out.extend_from_slice(&e.position.0.to_le_bytes());
    part(out, e.structure.as_bytes());
    part(out, e.key.as_bytes());
    optional(out, e.order.as_ref(), add_order_id);
    out.extend_from_slice(&e.lots.to_le_bytes());
    count(out, e.legs.len());
    for leg in &e.legs {
        text(out, format_args!("{}", leg.contract));
        out.extend_from_slice(&leg.ratio.to_le_bytes());
        add_points(out, leg.points);
        out.extend_from_slice(&leg.bid.0.to_le_bytes());
        out.extend_from_slice(&leg.ask.0.to_le_bytes());
    }
    add_points(out, e.net);
    add_band(out, e.cash);
    out.extend_from_slice(&e.fees.total().0.to_le_bytes());
    out.extend_from_slice(&e.underlying.0.to_le_bytes());
    out.push(u8::from(e.approximate));
}
