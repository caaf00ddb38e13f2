//! Overlays of operators in a run under way.

use super::{Crank, Setup};
use crate::course::{Act, OperatorAct};
use crate::error::{ErrorClass, RunError};
use crate::output::RunOutput;
use crate::overlay;
use alula_book::Book;
use alula_core::decision::Decision;
use alula_core::operator::{Instruction, InstructionError, Overlay};
use alula_core::state::State;
use alula_core::step::{Tick, step};
use alula_core::trace::Trace;
use alula_core::value::Cell;
use alula_market::time::Instant;
use std::sync::Arc;

impl From<InstructionError> for RunError {
    fn from(e: InstructionError) -> Self {
        Self::new(ErrorClass::Request, e.what, e.help)
    }
}

impl Crank<'_> {
    /// Whether the run takes what an operator wants.
    ///
    /// # Errors
    /// When the strategy runs as steward, has no such node, or no such overlay is in force.
    pub fn judge(&self, act: &Act) -> Result<(), RunError> {
        match act {
            Act::Halt(_) | Act::Resume => Ok(()),
            Act::Repair { order, .. } => self.judge_repair(order),
            Act::Add { instruction, .. } => Ok(instruction.fits(self.graph())?),
            Act::Drop(number) => {
                let known = self.overlays();
                if known.iter().any(|(n, ..)| n == number) {
                    return Ok(());
                }
                let numbers: Vec<String> = known.iter().map(|(n, ..)| n.to_string()).collect();
                let help = if numbers.is_empty() {
                    "none is".to_owned()
                } else {
                    format!("there is {}", numbers.join(", "))
                };
                let what = format!("no overlay {number} is in force");
                Err(RunError::new(ErrorClass::Request, what, help))
            }
        }
    }

    /// Number of the next overlay.
    #[must_use]
    pub fn next_overlay(&self) -> u32 {
        let taken = self.recorder.output.manifest.operator.iter().chain(&self.acts);
        let numbers = taken.filter_map(|a| match a.act {
            Act::Add { number, .. } => Some(number),
            _ => None,
        });
        numbers.max().unwrap_or(0).saturating_add(1)
    }

    /// Overlays that are in force or will be from the next tick on: number, who added it, why, and what it does.
    #[must_use]
    pub fn overlays(&self) -> Vec<(u32, String, String, Instruction)> {
        let in_force = self.state.overlays.iter();
        let mut out: Vec<_> = in_force
            .map(|o| (o.number, o.who.clone(), o.why.clone(), o.instruction.clone()))
            .collect();
        for act in &self.acts {
            match &act.act {
                Act::Add { number, instruction } => {
                    out.push((*number, act.who.clone(), act.why.clone(), instruction.clone()));
                }
                Act::Drop(number) => out.retain(|(n, ..)| n != number),
                Act::Halt(_) | Act::Resume | Act::Repair { .. } => {}
            }
        }
        out
    }

    /// Judges what a course says about overlays, in its order.
    pub(super) fn judge_course(&self) -> Result<(), RunError> {
        let mut known: Vec<u32> = Vec::new();
        for act in &self.acts {
            match &act.act {
                Act::Add { number, instruction } => {
                    instruction.fits(self.graph())?;
                    if known.contains(number) {
                        let what = format!("two overlays have the number {number}");
                        return Err(RunError::new(ErrorClass::Request, what, "count them from 1"));
                    }
                    known.push(*number);
                }
                Act::Drop(number) if !known.contains(number) => {
                    let what = format!("overlay {number} is dropped before it was added");
                    let help = "overlays are counted from 1 in the order in which they are added";
                    return Err(RunError::new(ErrorClass::Request, what, help));
                }
                Act::Drop(_) | Act::Halt(_) | Act::Resume | Act::Repair { .. } => {}
            }
        }
        Ok(())
    }

    /// An overlay begins.
    pub(super) fn add_overlay(
        &mut self,
        number: u32,
        instruction: &Instruction,
        act: &OperatorAct,
        at: Instant,
    ) {
        let overlay = Overlay {
            number,
            who: act.who.clone(),
            at,
            why: act.why.clone(),
            instruction: instruction.clone(),
        };
        self.chain.operator(&act.act.text());
        self.recorder.output.overlays.push(overlay::row(&overlay));
        self.state.overlays.push(Arc::new(overlay));
    }

    /// An overlay is taken away. One that has ended already is left as it is.
    pub(super) fn drop_overlay(&mut self, number: u32, act: &OperatorAct, at: Instant) {
        self.chain.operator(&act.act.text());
        self.state.overlays.retain(|o| o.number != number);
        let why = if act.why.is_empty() {
            String::new()
        } else {
            format!(": {}", act.why)
        };
        let how = format!("dropped{}{why}", super::by(&act.who));
        overlay::ended(&mut self.recorder.output.overlays, number, at, &how);
    }
}

/// Overlays in force at a tick, and what the rules would decide there without them.
pub(super) type Alone = (Vec<Arc<Overlay>>, Decision);

/// What the rules alone would decide at a tick, and the overlays that are in force; none without overlays.
pub(super) fn without(
    setup: &Setup<'_>,
    state: &State,
    tick: &Tick<'_>,
    cells: &[Cell],
    book: &Book,
) -> Option<Alone> {
    if state.overlays.is_empty() {
        return None;
    }
    let mut alone = state.clone();
    let overlays = std::mem::take(&mut alone.overlays);
    let mut cells = cells.to_vec();
    let mut trace = Trace::default();
    let decision = step(
        &setup.plan,
        &mut alone,
        tick,
        &mut cells,
        book,
        setup.rulebook,
        &mut trace,
    );
    Some((overlays, decision))
}

/// Writes down what overlays changed at a tick, and which of them ended.
pub(super) fn note(rows: &mut RunOutput, tick: &Tick<'_>, (decision, alone): (&Decision, Option<Alone>)) {
    let Some((overlays, alone)) = alone else { return };
    rows.overlay_changes
        .extend(overlay::changes(tick.number, &overlays, (decision, &alone)));
    for end in &decision.ended {
        overlay::ended(&mut rows.overlays, end.overlay, tick.at, end.how);
        let text = format!("overlay {} ended: {}", end.overlay, end.how);
        rows.alerts.push((
            tick.at,
            alula_core::operator::OVERLAY_KEY.to_owned() + &end.overlay.to_string(),
            text,
        ));
    }
}
