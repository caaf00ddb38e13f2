//! Overlays of operators in a run: which decisions they changed, and what came of what they opened and closed.
//!
//! While an overlay is in force each tick is decided twice, from one state: with overlays and without. What is ordered in one
//! and not in the other is a decision that was changed.

use crate::output::{OverlayChangeRow, OverlayRow, PositionRow};
use crate::record::{linear_text, order_text};
use alula_book::{Band, PositionId};
use alula_core::decision::{Decision, Skip, Verdict};
use alula_core::operator::{Overlay, number_of};
use alula_market::money::Usd;
use alula_market::time::Instant;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What one decision does under one key, for one position: in words, and whether it does anything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Done {
    words: Vec<String>,
    acts: bool,
    /// The overlay that its skip names.
    held_by: Option<u32>,
}

type Place = (Arc<str>, Option<PositionId>);

fn done(decision: &Decision) -> BTreeMap<Place, Done> {
    let mut out: BTreeMap<Place, Done> = BTreeMap::new();
    for outcome in &decision.outcomes {
        let entry = out
            .entry((Arc::clone(&outcome.key), outcome.position))
            .or_default();
        match &outcome.verdict {
            Verdict::Idle => {}
            Verdict::Ordered(i) => {
                entry.words.extend(decision.orders.get(*i).map(order_text));
                entry.acts = true;
            }
            Verdict::OrderedLinear(i) => {
                entry.words.extend(decision.linear.get(*i).map(linear_text));
                entry.acts = true;
            }
            Verdict::Guarded { orders, linear, .. } => {
                // What a guard says is not changed by an overlay; what it closes may be.
                entry
                    .words
                    .push(format!("{} closing orders", orders.len() + linear.len()));
                entry.acts = !orders.is_empty() || !linear.is_empty();
            }
            Verdict::Skipped(skip) => {
                entry.held_by = match skip {
                    Skip::Paused(n) => Some(*n),
                    Skip::Blocked(key) | Skip::Outranked(key) => number_of(key),
                    _ => entry.held_by,
                };
                entry.words.push(skip.to_string());
            }
        }
    }
    out
}

fn words(done: Option<&Done>) -> String {
    match done {
        Some(done) if !done.words.is_empty() => done.words.join("; "),
        _ => "nothing".to_owned(),
    }
}

/// The decisions of a tick that overlays changed.
pub fn changes(
    tick: u32,
    overlays: &[Arc<Overlay>],
    (with, without): (&Decision, &Decision),
) -> Vec<OverlayChangeRow> {
    let (a, b) = (done(with), done(without));
    let mut places: Vec<&Place> = a.keys().chain(b.keys()).collect();
    places.sort();
    places.dedup();
    let mut out = Vec::new();
    for place in places {
        let (now, then) = (a.get(place), b.get(place));
        let acts = now.is_some_and(|d| d.acts) || then.is_some_and(|d| d.acts);
        let own = number_of(&place.0);
        if own.is_none() && (!acts || now.map(|d| &d.words) == then.map(|d| &d.words)) {
            continue;
        }
        let of_node = || {
            let about = overlays
                .iter()
                .filter(|o| o.pauses(&place.0) || o.scales(&place.0).is_some());
            let numbers: Vec<u32> = about.map(|o| o.number).collect();
            (!numbers.is_empty()).then_some(numbers)
        };
        let one = own.or_else(|| now.and_then(|d| d.held_by)).map(|n| vec![n]);
        // Where nothing says which of them it was, all that are in force are named.
        let all = || overlays.iter().map(|o| o.number).collect();
        out.push(OverlayChangeRow {
            tick,
            at: with.at,
            overlays: one.or_else(of_node).unwrap_or_else(all),
            key: place.0.to_string(),
            position: place.1.map(|p| p.0),
            with: words(now),
            without: words(then),
        });
    }
    out
}

/// An overlay that begins, as a row.
pub fn row(overlay: &Overlay) -> OverlayRow {
    OverlayRow {
        number: overlay.number,
        at: overlay.at,
        who: overlay.who.clone(),
        what: overlay.instruction.to_string(),
        why: overlay.why.clone(),
        ..OverlayRow::default()
    }
}

/// Notes the end of an overlay.
pub fn ended(rows: &mut [OverlayRow], number: u32, at: Instant, how: &str) {
    if let Some(row) = rows
        .iter_mut()
        .find(|r| r.number == number && r.ended_at.is_none())
    {
        row.ended_at = Some(at);
        how.clone_into(&mut row.how);
    }
}

/// Adds up what each overlay did, from its changes and the positions that it opened and closed.
pub fn add_up(rows: &mut [OverlayRow], changes: &[OverlayChangeRow], positions: &[PositionRow]) {
    for row in rows {
        let changed = changes.iter().filter(|c| c.overlays.contains(&row.number));
        row.changed = u32::try_from(changed.count()).unwrap_or(u32::MAX);
        let mine = |key: &str| number_of(key) == Some(row.number);
        for p in positions {
            if mine(&p.opened_by) {
                row.opened = row.opened.saturating_add(1);
                row.opened_pnl += p.pnl;
            } else if mine(&p.closed_by) {
                row.closed = row.closed.saturating_add(1);
                row.closed_pnl += p.pnl;
            }
        }
    }
}

/// P&L of what overlays opened, of what they closed for the rules, and of the rest, for one run.
#[must_use]
pub fn split(positions: &[PositionRow]) -> [Band<Usd>; 3] {
    let mut out = [Band::flat(Usd::ZERO); 3];
    for p in positions {
        let place = match (number_of(&p.opened_by), number_of(&p.closed_by)) {
            (Some(_), _) => 0,
            (None, Some(_)) => 1,
            (None, None) => 2,
        };
        if let Some(sum) = out.get_mut(place) {
            *sum += p.pnl;
        }
    }
    out
}
