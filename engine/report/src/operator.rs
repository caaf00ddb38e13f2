//! What an operator added to the rules of a run, apart from what the rules did by themselves.

use crate::model::Band;
use crate::text::{plural, signed_dollars};
use alula_market::money::Usd;
use alula_market::time::Instant;
use alula_run::output::{OverlayRow, RunOutput};
use serde::Serialize;

/// Changed decisions that a screen and a page list; the run folder has all of them.
pub const CHANGES_MAX: usize = 12;

/// An overlay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overlay {
    /// Number.
    pub number: u32,
    /// In force from here.
    pub at: Instant,
    /// To here, exclusive; none: it was at the end of the run.
    pub ended: Option<Instant>,
    /// How it ended.
    pub how: String,
    /// Who.
    pub who: String,
    /// What it did.
    pub what: String,
    /// Why.
    pub why: String,
    /// Decisions that it changed.
    pub changed: u32,
    /// Positions that it opened, and their P&L.
    pub opened: (u32, Band),
    /// Positions of the rules that it closed, and their P&L up to there.
    pub closed: (u32, Band),
}

/// A decision that was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// When.
    pub at: Instant,
    /// Overlays, by number.
    pub overlays: Vec<u32>,
    /// Rule, layer or overlay's order.
    pub key: String,
    /// What was done.
    pub with: String,
    /// What the rules alone would have done on the same account.
    pub without: String,
    /// Ticks in a row with the same change.
    pub times: u32,
}

/// The part of an operator in a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator {
    /// Overlays, by number.
    pub overlays: Vec<Overlay>,
    /// Decisions that they changed, the same one at ticks in a row once.
    pub changes: Vec<Change>,
    /// P&L of positions that overlays opened.
    pub opened: Band,
    /// P&L of positions of the rules that overlays closed.
    pub closed: Band,
    /// P&L of all others.
    pub rules: Band,
    /// P&L of the whole run.
    pub whole: Band,
    /// P&L of the rules alone on the same path: none where the orders were filled by a broker.
    pub alone: Option<Band>,
}

impl Operator {
    /// Of a run; none where no overlay was added.
    #[must_use]
    pub fn of(run: &RunOutput) -> Option<Self> {
        if run.overlays.is_empty() {
            return None;
        }
        let capital = Band::flat(run.manifest.capital);
        let [opened, closed, rules] = alula_run::overlay::split(&run.positions);
        let last = |equity: Option<Band>| equity.map(|e| e - capital);
        let mut changes: Vec<Change> = Vec::new();
        let mut newest: Option<u32> = None;
        for c in &run.overlay_changes {
            let again = changes.iter_mut().rev().take(8).find(|b| {
                b.key == c.key
                    && b.overlays == c.overlays
                    && b.with == c.with
                    && plain(&b.without) == plain(&c.without)
            });
            let follows = newest.is_some_and(|n| c.tick <= n.saturating_add(1));
            newest = Some(c.tick);
            match again.filter(|_| follows) {
                Some(before) => before.times = before.times.saturating_add(1),
                None => changes.push(Change {
                    at: c.at,
                    overlays: c.overlays.clone(),
                    key: c.key.clone(),
                    with: c.with.clone(),
                    without: c.without.clone(),
                    times: 1,
                }),
            }
        }
        Some(Self {
            overlays: run.overlays.iter().map(overlay).collect(),
            changes,
            opened,
            closed,
            rules,
            whole: last(run.daily.last().map(|d| d.equity)).unwrap_or_default(),
            alone: last(run.rules_alone.last().map(|t| t.equity)),
        })
    }

    /// What the overlays came to: the run less the rules alone.
    #[must_use]
    pub fn came_to(&self) -> Option<Band> {
        self.alone.map(|alone| self.whole - alone)
    }

    /// In a sentence.
    #[must_use]
    pub fn sentence(&self) -> String {
        let count = plural(self.overlays.len(), "overlay");
        match (self.came_to(), self.alone) {
            (Some(by), Some(alone)) => format!(
                "{count} of operators: the run made {}, the rules alone {} on the same path, a difference of {}",
                signed_dollars(self.whole.share),
                signed_dollars(alone.share),
                signed_dollars(by.share)
            ),
            _ => format!(
                "{count} of operators: the run made {}; what the rules alone would have made was not computed, the orders were \
                 filled by a broker",
                signed_dollars(self.whole.share)
            ),
        }
    }

    /// Who owns the P&L: what it is called, positions, and the amount.
    #[must_use]
    pub fn owners(&self) -> [(&'static str, u32, Band); 3] {
        let count = |of: fn(&Overlay) -> u32| self.overlays.iter().map(of).fold(0, u32::saturating_add);
        [
            ("opened by overlays", count(|o| o.opened.0), self.opened),
            (
                "opened by rules, closed by overlays",
                count(|o| o.closed.0),
                self.closed,
            ),
            ("opened and closed by rules", 0, self.rules),
        ]
    }
}

/// Numbers of an order's package move from tick to tick; that it would have been one does not.
fn plain(text: &str) -> &str {
    text.split(':').next().unwrap_or(text)
}

fn overlay(row: &OverlayRow) -> Overlay {
    Overlay {
        number: row.number,
        at: row.at,
        ended: row.ended_at,
        how: row.how.clone(),
        who: row.who.clone(),
        what: row.what.clone(),
        why: row.why.clone(),
        changed: row.changed,
        opened: (row.opened, row.opened_pnl),
        closed: (row.closed, row.closed_pnl),
    }
}

/// The part as programs and the page's template read it; amounts as decimal strings, or in words for people.
#[derive(Serialize)]
pub(crate) struct View {
    sentence: String,
    overlays: Vec<OverlayView>,
    changes: Vec<ChangeView>,
    left_out: usize,
    owners: Vec<OwnerView>,
    rules_alone: Option<String>,
    difference: Option<String>,
}

#[derive(Serialize)]
struct OverlayView {
    overlay: u32,
    at: String,
    ended: Option<String>,
    how: String,
    who: String,
    what: String,
    why: String,
    decisions_changed: u32,
    opened: u32,
    opened_pnl: String,
    closed: u32,
    closed_pnl: String,
}

#[derive(Serialize)]
struct ChangeView {
    at: String,
    overlays: String,
    key: String,
    with: String,
    without: String,
    times: u32,
}

#[derive(Serialize)]
struct OwnerView {
    owner: &'static str,
    positions: u32,
    pnl: String,
    natural: String,
    mid: String,
}

impl View {
    /// With amounts written by `money`, and so many changes.
    pub fn of(part: &Operator, most: usize, money: impl Fn(Usd) -> String) -> Self {
        Self {
            sentence: part.sentence(),
            overlays: part
                .overlays
                .iter()
                .map(|o| OverlayView {
                    overlay: o.number,
                    at: o.at.to_string(),
                    ended: o.ended.map(|t| t.to_string()),
                    how: o.how.clone(),
                    who: o.who.clone(),
                    what: o.what.clone(),
                    why: o.why.clone(),
                    decisions_changed: o.changed,
                    opened: o.opened.0,
                    opened_pnl: money(o.opened.1.share),
                    closed: o.closed.0,
                    closed_pnl: money(o.closed.1.share),
                })
                .collect(),
            changes: part
                .changes
                .iter()
                .take(most)
                .map(|c| ChangeView {
                    at: c.at.to_string(),
                    overlays: numbers(&c.overlays),
                    key: c.key.clone(),
                    with: c.with.clone(),
                    without: c.without.clone(),
                    times: c.times,
                })
                .collect(),
            left_out: part.changes.len().saturating_sub(most),
            owners: part
                .owners()
                .into_iter()
                .map(|(owner, positions, pnl)| OwnerView {
                    owner,
                    positions,
                    pnl: money(pnl.share),
                    natural: money(pnl.natural),
                    mid: money(pnl.mid),
                })
                .collect(),
            rules_alone: part.alone.map(|a| money(a.share)),
            difference: part.came_to().map(|d| money(d.share)),
        }
    }
}

/// `2, 3`
pub(crate) fn numbers(of: &[u32]) -> String {
    let all: Vec<String> = of.iter().map(ToString::to_string).collect();
    all.join(", ")
}
