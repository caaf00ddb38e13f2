//! Executions: each told once, corrections in place of what they correct, commissions joined to their trade.
//!
//! The broker sends an execution again whenever it is asked for, corrects one under the same id with the number after the
//! last dot counted up (`.01`, `.02`), and sends the commission of a trade as a report of its own, a moment later.

use crate::model::Execution;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// What is known of executions.
#[derive(Debug, Default)]
pub struct Tape {
    told: BTreeSet<String>,
    latest: BTreeMap<String, (u32, String)>,
    fees: BTreeMap<String, i64>,
    held: Vec<(Instant, Execution)>,
}

/// The part of an execution's id that its corrections share, and their count; what has no count is its own first.
fn parts(exec_id: &str) -> (&str, u32) {
    exec_id
        .rsplit_once('.')
        .and_then(|(base, n)| Some((base, n.parse().ok()?)))
        .unwrap_or((exec_id, 1))
}

impl Tape {
    /// Takes a trade as it came, without fee and correction. `Some` is to be told now; others wait for their commission, or
    /// were told before, or have been corrected since.
    pub fn trade(&mut self, mut trade: Execution, now: Instant, wait: Duration) -> Option<Execution> {
        if self.told.contains(&trade.id) || !self.note(&mut trade) {
            return None;
        }
        self.told.insert(trade.id.clone());
        trade.fee_e9 = self.fees.get(&trade.id).copied();
        if trade.fee_e9.is_some() || wait.is_zero() {
            return Some(trade);
        }
        self.held.push((now + wait, trade));
        None
    }

    /// Sets what a trade corrects; false when a later correction is known.
    fn note(&mut self, trade: &mut Execution) -> bool {
        let (base, count) = parts(&trade.id);
        let known = self.latest.get(base);
        if known.is_some_and(|(later, _)| *later > count) {
            return false;
        }
        trade.corrects = match known {
            Some((earlier, id)) if *earlier < count => Some(id.clone()),
            // The one before was told by another process, if by any: its name is known all the same.
            _ if count > 1 => Some(before(base, &trade.id, count)),
            _ => None,
        };
        if known.is_none_or(|(earlier, _)| *earlier < count) {
            self.latest.insert(base.to_owned(), (count, trade.id.clone()));
        }
        true
    }

    /// Takes a commission; its trade, if that was waiting.
    pub fn fee(&mut self, exec_id: &str, fee_e9: i64) -> Option<Execution> {
        self.fees.insert(exec_id.to_owned(), fee_e9);
        let at = self.held.iter().position(|(_, t)| t.id == exec_id)?;
        let (_, mut trade) = self.held.remove(at);
        trade.fee_e9 = Some(fee_e9);
        Some(trade)
    }

    /// Trades that have waited long enough.
    pub fn due(&mut self, now: Instant) -> Vec<Execution> {
        self.release(|until, _| until <= now)
    }

    /// Trades of an order that still wait: it is over, and its trades come before its end.
    pub fn due_of(&mut self, order: &str) -> Vec<Execution> {
        self.release(|_, trade| trade.order.as_deref() == Some(order))
    }

    /// All that wait.
    pub fn flush(&mut self) -> Vec<Execution> {
        self.release(|_, _| true)
    }

    fn release(&mut self, ready: impl Fn(Instant, &Execution) -> bool) -> Vec<Execution> {
        let (out, rest) = std::mem::take(&mut self.held)
            .into_iter()
            .partition(|(until, trade)| ready(*until, trade));
        self.held = rest;
        let out: Vec<(Instant, Execution)> = out;
        out.into_iter().map(|(_, trade)| trade).collect()
    }

    /// The trades of a snapshot: the last correction of each, once, with its commission where that is known.
    pub fn snapshot(&mut self, trades: Vec<Execution>) -> Vec<Execution> {
        // All are noted before any is told, so that one which a later row corrects is left out.
        let mut noted: Vec<Execution> = Vec::new();
        for mut trade in trades {
            if self.note(&mut trade) && !noted.iter().any(|t| t.id == trade.id) {
                noted.push(trade);
            }
        }
        noted.retain(|t| self.latest.get(parts(&t.id).0).is_none_or(|(_, id)| *id == t.id));
        for trade in &mut noted {
            trade.fee_e9 = self.fees.get(&trade.id).copied();
        }
        noted
    }

    /// A snapshot with these trades is whole: they need not be told again.
    pub fn seen(&mut self, trades: &[Execution]) {
        for trade in trades {
            self.told.insert(trade.id.clone());
            self.held.retain(|(_, held)| held.id != trade.id);
        }
    }
}

/// The id before a correction: the count one lower, on as many digits.
fn before(base: &str, exec_id: &str, count: u32) -> String {
    let digits = exec_id.len().saturating_sub(base.len() + 1);
    format!("{base}.{:0digits$}", count - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ExecKind, Instrument, Kind, NANO, Word};

    fn trade(exec_id: &str) -> Execution {
        Execution {
            kind: ExecKind::Trade,
            id: exec_id.to_owned(),
            corrects: None,
            order: Some("x".to_owned()),
            contract: Instrument {
                kind: Kind::Share,
                symbol: Word::new("SPY").unwrap(),
                class: Word::new("SPY").unwrap(),
                currency: Word::new("USD").unwrap(),
                expiry: 0,
                right: None,
                strike_e9: 0,
                multiplier_e9: NANO,
            },
            quantity: 1,
            price_e9: NANO,
            fee_e9: None,
            at_ns: 0,
        }
    }

    const WAIT: Duration = Duration::from_millis(500);

    #[test]
    fn a_trade_is_told_once_and_with_its_commission() {
        let (mut tape, now) = (Tape::default(), Instant::now());
        assert_eq!(tape.trade(trade("a.01"), now, WAIT), None);
        assert_eq!(tape.due(now), []);
        assert_eq!(
            tape.fee("a.01", 650).map(|t| (t.id, t.fee_e9)),
            Some(("a.01".to_owned(), Some(650)))
        );
        assert_eq!(tape.trade(trade("a.01"), now, WAIT), None);
        assert_eq!(tape.flush(), []);
        // The report first, the trade after: seldom, and told at once.
        assert_eq!(tape.fee("b.01", 7), None);
        assert_eq!(
            tape.trade(trade("b.01"), now, WAIT).and_then(|t| t.fee_e9),
            Some(7)
        );
    }

    #[test]
    fn a_trade_whose_commission_does_not_come_is_told_without() {
        let (mut tape, now) = (Tape::default(), Instant::now());
        tape.trade(trade("a.01"), now, WAIT);
        assert_eq!(tape.due(now + WAIT).first().map(|t| t.fee_e9), Some(None));
        // It is joined where the trade is told again.
        assert_eq!(tape.fee("a.01", 650), None);
        assert_eq!(
            tape.snapshot(vec![trade("a.01")]).first().and_then(|t| t.fee_e9),
            Some(650)
        );
    }

    #[test]
    fn a_correction_names_what_it_replaces_even_when_that_was_before_our_time() {
        let (mut tape, now) = (Tape::default(), Instant::now());
        tape.trade(trade("0000e0d5.6576fd38.01.01"), now, Duration::ZERO);
        let corrected = tape
            .trade(trade("0000e0d5.6576fd38.01.02"), now, Duration::ZERO)
            .unwrap();
        assert_eq!(corrected.corrects.as_deref(), Some("0000e0d5.6576fd38.01.01"));
        let unseen = tape.trade(trade("f.01.03"), now, Duration::ZERO).unwrap();
        assert_eq!(unseen.corrects.as_deref(), Some("f.01.02"));
        // What has been corrected does not come back.
        assert_eq!(tape.trade(trade("f.01.01"), now, Duration::ZERO), None);
    }

    #[test]
    fn a_snapshot_has_the_last_correction_alone_in_whatever_order_the_rows_come() {
        for rows in [["a.01", "a.02"], ["a.02", "a.01"]] {
            let out = Tape::default().snapshot(rows.map(trade).to_vec());
            let told: Vec<_> = out
                .iter()
                .map(|t| (t.id.as_str(), t.corrects.as_deref()))
                .collect();
            assert_eq!(told, [("a.02", Some("a.01"))]);
        }
    }

    #[test]
    fn what_a_whole_snapshot_told_is_not_told_again() {
        let (mut tape, now) = (Tape::default(), Instant::now());
        tape.trade(trade("b.01"), now, WAIT);
        let rows = tape.snapshot(vec![trade("a.01"), trade("b.01")]);
        tape.seen(&rows);
        assert_eq!(tape.trade(trade("a.01"), now, WAIT), None);
        assert_eq!(tape.flush(), []);
    }
}
