//! A function of a native plugin.

use super::state::{Reader, Tag, Writer};
use super::{Operator, StateError};
use crate::column::{Column, Input};
use crate::lifeline::Lifeline;
use crate::plugin::PluginInstance;
use crate::value::{Cause, Cell};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a dead instance gives.
const DEAD: Cell = Cell::missing(Cause::Plugin);
/// Rows handed over at once, at most.
const ROWS_AT_ONCE: usize = 1024;

/// Steps a plugin's instance on the rows on which every input is known.
#[derive(Debug)]
pub(crate) struct Foreign {
    /// Behind a lock because saving and copying call into the plugin, one at a time; stepping needs no lock.
    instance: Mutex<Box<dyn PluginInstance>>,
    /// Steps seen, known or not. Nobody can tell from outside whether a plugin remembers them, so this says that it does.
    steps: u64,
    inputs: usize,
    /// Until when it lives, which its copies share; none where the same row is stepped many times, as for each candidate package.
    life: Option<Arc<Lifeline>>,
}

impl Foreign {
    pub(crate) fn new(instance: Box<dyn PluginInstance>, inputs: usize, life: Option<Arc<Lifeline>>) -> Self {
        Self {
            instance: Mutex::new(instance),
            steps: 0,
            inputs,
            life,
        }
    }

    fn is_dead(&self, row: u64) -> bool {
        self.life.as_ref().is_some_and(|life| life.is_dead(row))
    }

    /// Notes that the instance is dead from a row on.
    fn died(&mut self, row: u64) {
        if self.life.is_some() {
            let why = self.own().fault().unwrap_or_default();
            if let Some(life) = &self.life {
                life.died(row, &why);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Box<dyn PluginInstance>> {
        self.instance.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn own(&mut self) -> &mut Box<dyn PluginInstance> {
        self.instance.get_mut().unwrap_or_else(PoisonError::into_inner)
    }

    fn header(out: &mut Vec<u8>) {
        Writer(out).header(Tag::Plugin);
    }
}

/// The cause of the first missing input in textual order, also where the caller passed too few.
fn missing(inputs: &[Cell], wanted: usize) -> Option<Cell> {
    let first = inputs.iter().find(|c| !c.is_known()).copied();
    let absent = (inputs.len() < wanted).then_some(Cell::missing(Cause::NoData));
    first.or(absent)
}

impl Operator for Foreign {
    fn step(&mut self, inputs: &[Cell]) -> Cell {
        let at = self.steps;
        self.steps = at.saturating_add(1);
        let wanted = self.inputs;
        if let Some(cell) = missing(inputs, wanted) {
            return cell;
        }
        if self.is_dead(at) {
            return DEAD;
        }
        let mut inline = [0.0; super::INLINE_INPUTS];
        let mut heap = Vec::new();
        let row = match inline.get_mut(..wanted) {
            Some(row) => row,
            None => {
                heap.resize(wanted, 0.0);
                &mut heap
            }
        };
        for (x, cell) in row.iter_mut().zip(inputs) {
            *x = cell.raw();
        }
        let cell = self.own().row(row);
        if cell == DEAD {
            self.died(at);
        }
        cell
    }

    fn extend(&mut self, inputs: &[Input<'_>], upto: usize, out: &mut Column) {
        let from = out.len();
        let before = self.steps;
        self.steps = self.steps.saturating_add(upto.saturating_sub(from) as u64);
        let wanted = self.inputs;
        let mut lanes: Vec<Vec<f64>> = vec![Vec::new(); wanted];
        let mut cells = Vec::new();
        let mut given: Vec<Cell> = Vec::with_capacity(inputs.len());
        let mut gathered = 0;
        for step in from..upto {
            given.clear();
            given.extend(inputs.iter().map(|i| i.get(step)));
            let row = before.saturating_add(step.saturating_sub(from) as u64);
            let gap = missing(&given, wanted).or_else(|| self.is_dead(row).then_some(DEAD));
            if gap.is_none() {
                for (lane, cell) in lanes.iter_mut().zip(&given) {
                    lane.push(cell.raw());
                }
                gathered += 1;
            }
            // The first of those that wait: nothing stands between them.
            let first = (row + u64::from(gap.is_none())).saturating_sub(gathered as u64);
            if gap.is_some() || gathered == ROWS_AT_ONCE || step + 1 == upto {
                let part: Vec<&[f64]> = lanes.iter().map(Vec::as_slice).collect();
                if gathered > 0 {
                    self.own().rows(&part, gathered, &mut cells);
                    if let Some(at) = cells.iter().position(|c| *c == DEAD) {
                        self.died(first.saturating_add(at as u64));
                    }
                }
                for cell in cells.drain(..) {
                    out.push(cell);
                }
                for lane in &mut lanes {
                    lane.clear();
                }
                gathered = 0;
            }
            if let Some(cell) = gap {
                out.push(cell);
            }
        }
    }

    fn reset(&mut self) {
        self.steps = 0;
        self.own().reset();
    }

    fn warmup(&self) -> u32 {
        u32::try_from(self.lock().warmup()).unwrap_or(u32::MAX)
    }

    fn save(&self, out: &mut Vec<u8>) {
        Self::header(out);
        Writer(out).count(self.steps);
        self.lock().save(out);
    }

    fn load(&mut self, bytes: &[u8]) -> Result<(), StateError> {
        self.reset();
        let mut header = Vec::new();
        Self::header(&mut header);
        let mut reader = Reader::after(&header, bytes)?;
        let steps = reader.count()?;
        self.own().load(reader.rest())?;
        self.steps = steps;
        Ok(())
    }

    fn is_foreign(&self) -> bool {
        true
    }

    fn boxed_clone(&self) -> Box<dyn Operator> {
        Box::new(Self {
            instance: Mutex::new(self.lock().copy()),
            steps: self.steps,
            inputs: self.inputs,
            life: self.life.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sums its two inputs over all rows; dead from the row on which the sum passes its limit.
    #[derive(Clone, Debug, Default)]
    struct Sums {
        sum: f64,
        limit: f64,
    }

    impl PluginInstance for Sums {
        fn row(&mut self, inputs: &[f64]) -> Cell {
            self.sum += inputs.iter().sum::<f64>();
            if self.sum > self.limit {
                return Cell::missing(Cause::Plugin);
            }
            Cell::number(self.sum)
        }
        fn rows(&mut self, inputs: &[&[f64]], rows: usize, out: &mut Vec<Cell>) {
            for at in 0..rows {
                let row: Vec<f64> = inputs.iter().map(|lane| lane[at]).collect();
                out.push(self.row(&row));
            }
        }
        fn reset(&mut self) {
            self.sum = 0.0;
        }
        fn warmup(&self) -> u64 {
            0
        }
        fn save(&mut self, out: &mut Vec<u8>) {
            out.extend(self.sum.to_le_bytes());
        }
        fn load(&mut self, bytes: &[u8]) -> Result<(), StateError> {
            let bytes = bytes.try_into().map_err(|_| StateError::Damaged)?;
            self.sum = f64::from_le_bytes(bytes);
            Ok(())
        }
        fn copy(&mut self) -> Box<dyn PluginInstance> {
            Box::new(self.clone())
        }
    }

    fn sums() -> Foreign {
        let instance = Sums { sum: 0.0, limit: 1e7 };
        Foreign::new(Box::new(instance), 2, None)
    }

    #[test]
    fn whole_columns_and_single_steps_agree_and_missing_rows_are_left_out() {
        let cells = |every: usize, cause| -> Vec<Cell> {
            (0..5000_u32)
                .map(|i| match i as usize % every {
                    0 => Cell::missing(cause),
                    _ => Cell::number(f64::from(i)),
                })
                .collect()
        };
        let (a, b) = (cells(7, Cause::Stale), cells(601, Cause::NoQuote));
        let mut by_step = sums();
        let expected: Vec<Cell> = a.iter().zip(&b).map(|(a, b)| by_step.step(&[*a, *b])).collect();
        assert_eq!(expected[0], Cell::missing(Cause::Stale));
        assert_eq!(expected[601], Cell::missing(Cause::NoQuote));
        assert_eq!(expected[4999], Cell::missing(Cause::Plugin));
        let (a, b) = (Column::from_numbers(a), Column::from_numbers(b));
        let inputs = [Input::from(&a), Input::from(&b)];
        for pieces in [vec![5000], vec![1, 64, 700, 2048, 5000]] {
            let mut whole = sums();
            let mut out = Column::numbers();
            for upto in pieces {
                whole.extend(&inputs, upto, &mut out);
            }
            assert_eq!(out.iter().collect::<Vec<_>>(), expected);
            let (mut one, mut other) = (Vec::new(), Vec::new());
            by_step.save(&mut one);
            whole.save(&mut other);
            assert_eq!(one, other);
        }
    }

    #[test]
    fn saved_copied_and_loaded_it_goes_on_and_too_few_inputs_are_missing() {
        let mut op = sums();
        op.step(&[Cell::number(1.0), Cell::number(2.0)]);
        let mut bytes = Vec::new();
        op.save(&mut bytes);
        let mut copy = op.boxed_clone();
        let mut loaded = sums();
        loaded.load(&bytes).unwrap();
        let row = [Cell::number(0.5), Cell::number(0.25)];
        let next = op.step(&row);
        assert_eq!(next, Cell::number(3.75));
        assert_eq!(copy.step(&row), next);
        assert_eq!(loaded.step(&row), next);
        assert_eq!(loaded.step(&row[..1]), Cell::missing(Cause::NoData));
        for end in 0..bytes.len() {
            assert!(loaded.load(&bytes[..end]).is_err());
        }
    }

    #[test]
    fn one_that_is_known_to_die_is_dead_from_that_row_on_and_one_that_dies_says_at_which() {
        let column: Column = Column::from_numbers((0..3000_u32).map(|i| match i % 5 {
            0 => Cell::missing(Cause::Stale),
            _ => Cell::number(1.0),
        }));
        let inputs = [Input::from(&column), Input::from(&column)];
        let with = |limit: f64, known: Option<u64>| {
            let life = Arc::new(Lifeline::default());
            known.into_iter().for_each(|row| life.ends(row, "it hung"));
            let instance = Box::new(Sums { sum: 0.0, limit });
            (Foreign::new(instance, 2, Some(Arc::clone(&life))), life)
        };
        let stepped = |op: &mut Foreign| -> Vec<Cell> {
            let row = |i: usize| [column.get(i), column.get(i)];
            (0..3000).map(|i| op.step(&row(i))).collect()
        };
        // By itself: the row on which the sum of twos passes the limit.
        let (mut alone, life) = with(2001.0, None);
        let cells = stepped(&mut alone);
        let dead = life.take().unwrap();
        assert_eq!(cells[1250], Cell::missing(Cause::Stale));
        assert_eq!((dead.row, dead.recorded), (1251, false));
        let first = cells.iter().position(|c| *c == DEAD).unwrap();
        assert_eq!(first as u64, dead.row);
        // Known: the same, by steps and in columns, although it would live on.
        for pieces in [vec![3000], vec![1, 700, 1251, 1252, 2500, 3000]] {
            for (limit, known) in [(2001.0, None), (1e9, Some(1251))] {
                let (mut op, life) = with(limit, known);
                let mut out = Column::numbers();
                for upto in &pieces {
                    op.extend(&inputs, *upto, &mut out);
                }
                assert_eq!(out.iter().collect::<Vec<_>>(), cells, "{known:?}");
                let ended = life.take().unwrap();
                assert_eq!((ended.row, ended.recorded), (1251, known.is_some()));
            }
        }
        let (mut op, _) = with(1e9, Some(1251));
        assert_eq!(stepped(&mut op), cells);
        // What one copy finds holds for the others.
        let (mut op, life) = with(7.0, None);
        let mut copy = op.boxed_clone();
        let row = [Cell::number(1.0), Cell::number(1.0)];
        let copied: Vec<Cell> = (0..5).map(|_| copy.step(&row)).collect();
        assert_eq!(copied[3], DEAD);
        assert_eq!(life.first_dead(), Some(3));
        let own: Vec<Cell> = (0..5).map(|_| op.step(&row)).collect();
        assert_eq!(own, copied);
    }

    #[test]
    fn every_step_is_remembered_so_that_nobody_takes_it_for_a_formula() {
        let (mut before, mut after) = (Vec::new(), Vec::new());
        let mut op = sums();
        op.save(&mut before);
        op.step(&[]);
        op.save(&mut after);
        assert_ne!(before, after);
    }
}
