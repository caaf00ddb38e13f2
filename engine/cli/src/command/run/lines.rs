//! What happens in a run, one line each: for people, or as JSON.

use alula_core::value::Cell;
use alula_live::swap::Rejection;
use alula_live::{Happening, Live};
use alula_market::time::Instant;
use alula_report::text::{cents, dollars, plural, short_hash};
use alula_run::output::{DecisionRow, TradeRow};
use anstyle::{AnsiColor, Style};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;

const TITLE: Style = Style::new().bold();
const FAINT: Style = Style::new().dimmed();
const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default();
const NOTE: Style = AnsiColor::Yellow.on_default();
const PLAIN: Style = Style::new();

/// What stands beside each line.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// The newest tick, for what has no instant of its own.
    pub at: Option<Instant>,
    /// Fills are no trades of real money.
    pub simulated: bool,
}

/// The first lines.
pub fn begin(live: &Live<'_>, watched: Option<&Path>, simulated: bool) -> String {
    let crank = live.crank();
    let m = crank.manifest();
    let data = if m.simulated { "SIMULATED: " } else { "" };
    let filled = if simulated {
        "simulated by"
    } else {
        "REAL MONEY, by"
    };
    let snapshots = plural(crank.instants().len(), "snapshot");
    let mut out = format!(
        "{TITLE}{}{TITLE:#}  run {}\n  feed        {data}{}, {snapshots}\n  fills       {filled} {}: {}\n",
        m.strategy,
        short_hash(&m.run_id),
        m.data_label,
        crank
            .filled_by()
            .map_or_else(|| "the engine".to_owned(), |by| format!("the broker `{by}`")),
        m.settings.get("cross").map_or("", String::as_str),
    );
    let version = crank.thresholds().hash_hex();
    let from = watched.map_or_else(String::new, |p| format!(", {} is watched", p.display()));
    out.push_str(&format!(
        "  thresholds  version 1, {}{from}\n\n",
        short_hash(&version)
    ));
    out
}

/// The same as JSON.
pub fn begin_json(live: &Live<'_>, watched: Option<&Path>, simulated: bool) -> String {
    let crank = live.crank();
    let m = crank.manifest();
    let value = json!({
        "event": "begin", "schema_version": 1, "strategy": m.strategy, "run": m.run_id, "simulated": m.simulated,
        "data": m.data_label, "simulated_fills": simulated, "snapshots": crank.instants().len(),
        "thresholds": crank.thresholds().hash_hex(), "watched": watched.map(|p| p.to_string_lossy().into_owned()),
    });
    format!("{value}\n")
}

fn row(at: Option<Instant>, style: Style, word: &str, text: &str) -> String {
    let at = at.map_or_else(|| " ".repeat(19), |at| at.to_string());
    format!("{FAINT}{at}{FAINT:#}  {style}{word:<10}{style:#} {text}\n")
}

/// Guards that act tick after tick: only the first of a row is news.
#[derive(Debug, Default)]
pub struct Standing {
    tick: u32,
    now: BTreeSet<String>,
    before: BTreeSet<String>,
}

impl Standing {
    /// Takes note of what happened; whether people need not be told again.
    pub fn is_old(&mut self, happening: &Happening) -> bool {
        let Happening::Decision(d) = happening else {
            return false;
        };
        if d.verdict != "guarded" {
            return false;
        }
        if d.tick != self.tick {
            let now = std::mem::take(&mut self.now);
            self.before = if d.tick == self.tick.saturating_add(1) {
                now
            } else {
                BTreeSet::new()
            };
            self.tick = d.tick;
        }
        let old = self.before.contains(&d.key);
        self.now.insert(d.key.clone());
        old
    }
}

/// A line for people, or nothing for what would only be noise; `all` keeps the noise. What has no instant of its own happens now,
/// which is the newest tick.
pub fn line(happening: &Happening, now: Now, all: bool) -> Option<String> {
    Some(match happening {
        Happening::Session(_) | Happening::Order(_) => return None,
        Happening::Accepted {
            version,
            changes,
            acked,
        } => {
            let changes: Vec<String> = changes.iter().map(ToString::to_string).collect();
            let acked = if *acked { " (acknowledged)" } else { "" };
            let text = format!(
                "{} accepted{acked}: {}; in force from the next tick",
                short_hash(version),
                changes.join(", ")
            );
            row(now.at, GOOD, "thresholds", &text)
        }
        Happening::Strategy {
            digest,
            changes,
            values,
            carried,
        } => {
            let values = values.iter().map(ToString::to_string);
            let carried = carried.iter().map(|c| format!("positions of {c}"));
            let all: Vec<String> = changes.iter().cloned().chain(values).chain(carried).collect();
            let text = format!(
                "{} accepted: {}; in force from the next tick",
                short_hash(digest),
                all.join(", ")
            );
            row(now.at, GOOD, "strategy", &text)
        }
        Happening::Proposed {
            digest, drops, open, ..
        } => {
            let mut text = format!("{} waits for a word: {}", short_hash(digest), drops.join(", "));
            let mut word = format!("`alula ctl confirm STATE {}`", short_hash(digest));
            if !open.is_empty() {
                text.push_str(&format!("; positions of {} are open", open.join(", ")));
                word = format!(
                    "`alula ctl confirm STATE {} --positions keep`, or `close`",
                    short_hash(digest)
                );
            }
            row(now.at, BAD, "strategy", &text) + &row(None, PLAIN, "", &word)
        }
        Happening::Rejected(rejected) if matches!(rejected.why, Rejection::Strategy { .. }) => {
            let text = format!("refused, the last good one stays: {rejected}");
            let help = rejected.why.help();
            let help = if help.is_empty() {
                String::new()
            } else {
                row(None, PLAIN, "", &help)
            };
            row(now.at, BAD, "strategy", &text) + &help
        }
        Happening::Rejected(rejected) => {
            let text = format!("refused, the last good values stay: {rejected}");
            let help = row(None, PLAIN, "", &rejected.why.help());
            row(now.at, BAD, "thresholds", &text) + &help
        }
        Happening::Operator(act) => {
            let by = if act.who.is_empty() {
                String::new()
            } else {
                format!(" by {}", act.who)
            };
            let why = if act.why.is_empty() {
                String::new()
            } else {
                format!(" ({})", act.why)
            };
            let text = format!("{}{by}{why}; in force from the next tick", act.act.text());
            row(now.at, NOTE, "operator", &text)
        }
        Happening::InForce(v) => {
            let text = format!("version {} is in force, {}", v.version, short_hash(&v.hash));
            row(Some(v.at), GOOD, "thresholds", &text)
        }
        Happening::Trade(t) => row(Some(t.at), GOOD, "fill", &trade(t)),
        Happening::Linear(t) => {
            if !all && t.order.is_empty() {
                return None;
            }
            let text = format!("{} {:+} at {} by {}", t.symbol, t.quantity, t.price.share, t.key);
            row(Some(t.at), GOOD, "fill", &text)
        }
        Happening::Decision(d) => {
            let (style, word) = match d.verdict.as_str() {
                "ordered" => (TITLE, "order"),
                "guarded" => (NOTE, "guard"),
                _ if !all => return None,
                _ => (PLAIN, "skip"),
            };
            row(Some(d.at), style, word, &decision(d))
        }
        Happening::Layer(l) => row(Some(l.at), PLAIN, "layer", &format!("{}: {}", l.layer, l.words())),
        Happening::Alert { at, key, text } => row(Some(*at), NOTE, "alert", &format!("{key}: {text}")),
        Happening::MarginCall(c) => {
            let text = format!(
                "by {}: {} required, {} available",
                c.rulebook,
                dollars(c.required),
                dollars(c.available)
            );
            row(Some(c.at), BAD, "margin", &text)
        }
        Happening::Tick(t) => {
            if !all {
                return None;
            }
            let text = format!(
                "{} · equity {} · {}",
                t.tick,
                dollars(t.equity),
                short_hash(&t.chain)
            );
            row(Some(t.at), FAINT, "tick", &text)
        }
    })
}

fn trade(t: &TradeRow) -> String {
    let word = match t.kind {
        alula_book::ExecutionKind::Open => "opened",
        alula_book::ExecutionKind::Close => "closed",
        alula_book::ExecutionKind::Roll => "rolled",
        alula_book::ExecutionKind::Settle => "expired",
    };
    format!(
        "{word} position {} of {}, {} at {} net, {} by {}",
        t.position,
        t.structure,
        plural(usize::try_from(t.lots).unwrap_or(0), "lot"),
        t.net.share,
        cents(t.cash.share),
        t.key
    )
}

fn decision(d: &DecisionRow) -> String {
    let position = d
        .position
        .map_or_else(String::new, |p| format!(" (position {p})"));
    format!("{}{position}: {}", d.key, d.detail)
}

fn iso(at: Instant) -> String {
    at.eastern().to_rfc3339()
}

fn truth(cell: Option<Cell>) -> Value {
    cell.map_or(Value::Null, |c| match c.truth() {
        Some(known) => known.into(),
        None => json!({ "missing": c.cause().map(|x| x.to_string()) }),
    })
}

/// One object on one line. What has no instant of its own happens now,
/// which is the newest tick.
pub fn json(happening: &Happening, now: Now) -> String {
    let value = match happening {
        Happening::Session(date) => json!({ "event": "session", "date": date.to_string() }),
        Happening::Accepted {
            version,
            changes,
            acked,
        } => {
            let changes: Vec<Value> = changes
                .iter()
                .map(|c| json!({ "name": c.name, "before": c.before, "after": c.after }))
                .collect();
            json!({ "event": "thresholds_accepted", "at": now.at.map(iso), "sha256": version, "changes": changes, "acknowledged": acked })
        }
        Happening::Strategy {
            digest,
            changes,
            values,
            carried,
        } => {
            let values: Vec<Value> = values
                .iter()
                .map(|c| json!({ "name": c.name, "before": c.before, "after": c.after }))
                .collect();
            json!({ "event": "strategy_accepted", "at": now.at.map(iso), "sha256": digest, "changes": changes, "values": values,
                "carried": carried })
        }
        Happening::Proposed {
            digest,
            changes,
            drops,
            open,
        } => {
            json!({ "event": "strategy_waits", "at": now.at.map(iso), "sha256": digest, "changes": changes, "drops": drops, "open": open })
        }
        Happening::Rejected(r) if matches!(r.why, Rejection::Strategy { .. }) => json!({
            "event": "strategy_rejected", "at": now.at.map(iso), "content_sha256": r.hash, "why": r.to_string(), "help": r.why.help(),
        }),
        Happening::Rejected(r) => {
            let found: Vec<Value> = match &r.why {
                Rejection::Content(found) => found
                    .iter()
                    .map(
                        |f| json!({ "line": f.line, "column": f.column, "message": f.message, "fix": f.fix }),
                    )
                    .collect(),
                _ => Vec::new(),
            };
            json!({
                "event": "thresholds_rejected", "at": now.at.map(iso), "content_sha256": r.hash, "why": r.to_string(), "help": r.why.help(),
                "findings": found,
            })
        }
        Happening::Operator(act) => json!({
            "event": "operator", "act": act.act.text(), "who": act.who, "why": act.why, "at": iso(act.at),
        }),
        Happening::InForce(v) => json!({
            "event": "thresholds_in_force", "version": v.version, "sha256": v.hash, "tick": v.tick, "at": iso(v.at),
        }),
        Happening::Trade(t) => json!({
            "event": "fill", "simulated_fill": now.simulated, "at": iso(t.at), "kind": kind(t), "position": t.position, "structure": t.structure,
            "key": t.key, "order": t.order, "lots": t.lots, "net_points": t.net.share.to_f64(),
            "cash_usd": t.cash.share.to_f64(), "fees_usd": t.fees.to_f64(),
        }),
        Happening::Linear(t) => json!({
            "event": "fill", "simulated_fill": now.simulated, "at": iso(t.at), "kind": t.flow.word(), "position": t.position, "structure": t.structure,
            "key": t.key, "order": t.order, "symbol": t.symbol, "quantity": t.quantity, "price": t.price.share.to_f64(),
            "cash_usd": t.cash.share.to_f64(), "fees_usd": t.fees.to_f64(),
        }),
        Happening::Decision(d) => json!({
            "event": "decision", "tick": d.tick, "at": iso(d.at), "key": d.key, "kind": d.kind.word(),
            "position": d.position, "condition": truth(Some(d.condition)), "require": truth(d.require),
            "verdict": d.verdict, "order": d.order, "detail": d.detail,
        }),
        Happening::Order(o) => json!({
            "event": "order", "id": o.id, "key": o.key, "kind": o.kind, "structure": o.structure, "position": o.position,
            "lots": o.lots, "package": o.package, "limit_points": o.limit.map(|l| l.to_f64()), "at": iso(o.decided_at),
        }),
        Happening::Layer(l) => json!({
            "event": "layer", "tick": l.tick, "at": iso(l.at), "hedge": l.hedge, "layer": l.layer, "phase": l.phase,
            "votes": l.votes, "lots": l.lots, "buys": l.buys, "sells": l.sells, "why": l.why,
        }),
        Happening::Alert { at, key, text } => {
            json!({ "event": "alert", "at": iso(*at), "key": key, "text": text })
        }
        Happening::MarginCall(c) => json!({
            "event": "margin_call", "at": iso(c.at), "rulebook": c.rulebook, "required_usd": c.required.to_f64(),
            "available_usd": c.available.to_f64(),
        }),
        Happening::Tick(t) => json!({
            "event": "tick", "tick": t.tick, "at": iso(t.at), "chain": t.chain, "equity_usd": t.equity.to_f64(),
            "called": t.called, "orders": t.orders,
        }),
    };
    format!("{value}\n")
}

const fn kind(t: &TradeRow) -> &'static str {
    match t.kind {
        alula_book::ExecutionKind::Open => "open",
        alula_book::ExecutionKind::Close => "close",
        alula_book::ExecutionKind::Roll => "roll",
        alula_book::ExecutionKind::Settle => "expiry",
    }
}
