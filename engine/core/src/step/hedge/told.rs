//! What came of a hedge and its layers, for the record.

use super::solve::{Clip, Lot, Target};
use super::{Aim, Walk, Work};
use crate::beta;
use crate::decision::{HedgeTrace, LayerTrace, RuleKind, Skip, Verdict};
use crate::plan::PlanHedge;
use crate::value::{Cause, Cell};
use std::sync::Arc;

impl Walk<'_> {
    /// What came of the hedge, for the record.
    pub(super) fn tell(&mut self, hedge: &PlanHedge, aim: &Aim, work: Vec<Work<'_>>) {
        let mut layers = Vec::with_capacity(work.len());
        let mut all = Cell::number(0.0);
        for w in work {
            let sum = |of: &dyn Fn(&Lot) -> f64| {
                let parts = w.own.iter().map(|o| o.lot.map(|l| f64::from(o.lots) * of(&l)));
                Cell::from(parts.sum::<Result<f64, Cause>>())
            };
            let carried = match aim.target {
                Target::None => Cell::missing(Cause::NoData),
                Target::Unknown | Target::Known { .. } => sum(&|l| l.carries),
            };
            all = match (all.get(), carried.get()) {
                (Ok(a), Ok(b)) => Cell::number(a + b),
                (Err(cause), _) | (_, Err(cause)) => Cell::missing(cause),
            };
            let held = sum(&|l| l.measure);
            self.layer_outcomes(&w);
            let beta = self.dollar_beta(hedge, aim, Some(&w.layer.key));
            layers.push(LayerTrace {
                key: Arc::clone(&w.layer.key),
                phase: w.phase,
                votes: w.votes,
                measure: w.measure.word(),
                wanted: match &w.wanted {
                    Ok(x) => Cell::number(*x),
                    Err(Skip::Missing { cause, .. }) => Cell::missing(*cause),
                    Err(_) => Cell::missing(Cause::NoData),
                },
                held,
                lots: w.own.iter().map(|o| o.lots).fold(0, u32::saturating_add),
                carried,
                mapped_by: w.mapped_by,
                beta,
                buys: w.buys,
                sells: w.sells,
                clips: once(w.clips),
                skip: w.skip,
            });
        }
        self.decision.hedges.push(HedgeTrace {
            key: Arc::clone(&hedge.key),
            structure: match aim.target {
                Target::None => Cell::missing(Cause::NoData),
                Target::Unknown | Target::Known { .. } => aim.structure,
            },
            target: aim.amount,
            carried: all,
            band: aim.band,
            book_beta: self.dollar_beta(hedge, aim, None),
            layers,
        });
    }

    /// Dollar beta of a layer or of the whole book, where the hedge declares what VIX has.
    fn dollar_beta(&self, hedge: &PlanHedge, aim: &Aim, of: Option<&str>) -> Cell {
        let declared = hedge.beta.ok_or(Cause::NoData);
        Cell::from(declared.and_then(|_| beta::held(&self.sight, self.book, of, aim.returns)))
    }

    fn layer_outcomes(&mut self, w: &Work<'_>) {
        let layer = w.layer;
        let mut keys = vec![(&layer.key, w.condition)];
        keys.extend(layer.roll.map(|_| (&layer.roll_key, w.condition)));
        keys.extend(layer.rotate.map(|_| (&layer.rotate_key, w.rotate)));
        keys.extend(layer.migrate.map(|_| (&layer.migrate_key, w.migrate)));
        for (key, condition) in keys {
            let orders: Vec<Verdict> = w
                .orders
                .iter()
                .filter(|(k, _)| k == key)
                .map(|(_, o)| o.clone())
                .collect();
            let any = !orders.is_empty();
            for order in orders {
                self.outcome(key, RuleKind::Hedge, None, (condition, None), order);
            }
            if any {
                continue;
            }
            let verdict = if *key != layer.key {
                condition
                    .cause()
                    // What a layer that is off would turn into is nobody's question.
                    .filter(|_| w.on != Some(false))
                    .map_or(Verdict::Idle, |cause| Verdict::Skipped(Skip::Unknown(cause)))
            } else {
                match (&w.skip, w.clips.first()) {
                    (Some(skip), _) if w.orders.is_empty() => Verdict::Skipped(skip.clone()),
                    // A layer that holds something and cannot have more says so in its own table.
                    (None, Some(_)) if w.on == Some(true) && w.own.is_empty() && w.orders.is_empty() => {
                        let words: Vec<String> = w.clips.iter().map(ToString::to_string).collect();
                        Verdict::Skipped(Skip::Clipped(words.join("; ")))
                    }
                    _ => Verdict::Idle,
                }
            };
            self.outcome(key, RuleKind::Hedge, None, (condition, None), verdict);
        }
    }
}

/// The first of each kind.
fn once(clips: Vec<Clip>) -> Vec<Clip> {
    let mut out: Vec<Clip> = Vec::new();
    for clip in clips {
        if !out
            .iter()
            .any(|c| std::mem::discriminant(c) == std::mem::discriminant(&clip))
        {
            out.push(clip);
        }
    }
    out
}
