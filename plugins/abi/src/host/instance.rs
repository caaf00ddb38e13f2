//! An indicator at work: every row checked, dead after the first that is wrong.

use super::describe::{IndicatorInfo, ParamInfo};
use super::envelope::Envelope;
use super::far::Body;
use super::table::Factory;
use super::{Fault, FaultKind};
use crate::chain::Chain;
use std::sync::Arc;

/// A parameter as it goes to the plugin.
#[derive(Clone, Debug, PartialEq)]
pub struct Given {
    /// Name.
    pub name: String,
    /// A whole number.
    pub whole: bool,
    /// Its value, if whole.
    pub i: i64,
    /// Its value, if not.
    pub f: f64,
}

impl Given {
    /// The value of a parameter that accepts it.
    #[must_use]
    pub fn of(param: &ParamInfo, value: f64) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "whole by the parameter's own check; an `as` saturates where it is too large"
        )]
        let i = value as i64;
        Self {
            name: param.name.clone(),
            whole: param.whole,
            i: if param.whole { i } else { 0 },
            f: if param.whole { 0.0 } else { value },
        }
    }
}

/// What a row gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Row {
    /// A value for each output.
    Ready,
    /// None yet.
    WarmingUp,
    /// None on this row: it is undefined, or an input lies outside the range that the indicator is defined on.
    Undefined,
    /// None any more.
    Dead,
}

/// Where a saved state leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// It goes on where it was saved.
    Resumed,
    /// The bytes belong to another indicator, other parameters or another version: it starts afresh.
    Foreign,
    /// The bytes are damaged: it starts afresh.
    Damaged,
}

/// An instance of an indicator.
#[derive(Debug)]
pub struct Instance {
    /// None once it is dead and could not be made again.
    handle: Option<Body>,
    factory: Factory,
    info: Arc<IndicatorInfo>,
    values: Vec<f64>,
    warmup: u64,
    rows: u64,
    dead: Option<Fault>,
    /// Outputs of the newest row.
    out: Vec<f64>,
}

impl Instance {
    pub(super) fn new(
        mut handle: Body,
        factory: Factory,
        info: Arc<IndicatorInfo>,
        values: Vec<f64>,
    ) -> Self {
        let warmup = handle.warmup();
        let out = vec![0.0; info.outputs.len()];
        Self {
            handle: Some(handle),
            factory,
            info,
            values,
            warmup,
            rows: 0,
            dead: None,
            out,
        }
    }

    /// What it is.
    #[must_use]
    pub const fn info(&self) -> &Arc<IndicatorInfo> {
        &self.info
    }

    /// Values of its parameters, in their order.
    #[must_use]
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// Rows before the first that can be ready.
    #[must_use]
    pub const fn warmup(&self) -> u64 {
        self.warmup
    }

    /// Why it is dead, if it is.
    #[must_use]
    pub const fn fault(&self) -> Option<&Fault> {
        self.dead.as_ref()
    }

    /// It has a batch function of its own.
    #[must_use]
    pub fn has_batch(&self) -> bool {
        self.handle.as_ref().is_some_and(Body::has_batch)
    }

    /// Outputs of the newest row that was ready.
    #[must_use]
    pub fn outputs(&self) -> &[f64] {
        &self.out
    }

    fn die(&mut self, fault: Fault) -> Row {
        let row = self.rows;
        self.dead
            .get_or_insert_with(|| Fault::new(fault.kind, format!("{} (row {row})", fault.text)));
        Row::Dead
    }

    /// Takes a row of inputs; [`Instance::outputs`] has the values when it is ready.
    pub fn update(&mut self, inputs: &[f64]) -> Row {
        if self.dead.is_some() {
            return Row::Dead;
        }
        let Some(handle) = &mut self.handle else {
            return Row::Dead;
        };
        if inputs.len() != self.info.inputs.len() {
            return self.die(Fault::new(FaultKind::Contract, "another number of inputs"));
        }
        if !accepted(&self.info, inputs.iter().copied()) {
            return Row::Undefined;
        }
        // What the plugin does not write must not look like a value.
        self.out.fill(f64::NAN);
        let given = handle.update(inputs, &mut self.out);
        self.judged(given)
    }

    /// Takes a snapshot of a chain; [`Instance::outputs`] has the values when it is ready. One without any open interest is left out
    /// where the indicator reads it.
    pub fn update_chain(&mut self, chain: &Chain<'_>) -> Row {
        if self.dead.is_some() {
            return Row::Dead;
        }
        let Some(handle) = &mut self.handle else {
            return Row::Dead;
        };
        if self.info.interest && !chain.has_interest() {
            return Row::Undefined;
        }
        self.out.fill(f64::NAN);
        let given = handle.update_chain(chain, &mut self.out);
        self.judged(given)
    }

    /// What a row is, and one more seen; a wrong one ends the instance.
    fn judged(&mut self, given: Result<bool, Fault>) -> Row {
        let row = given.and_then(|ready| {
            judge(
                &self.info,
                self.rows,
                self.warmup,
                ready,
                self.out.iter().copied(),
            )
        });
        match row {
            Ok(row) => {
                self.rows = self.rows.saturating_add(1);
                row
            }
            Err(fault) => self.die(fault),
        }
    }

    /// Takes rows of inputs at once, one lane for each input, all of one length, and gives what each row gave; the values are
    /// in `outputs`, one lane for each output, 0 where a row is not ready. Bit for bit what [`Instance::update`] gives row by
    /// row.
    pub fn update_batch(&mut self, inputs: &[&[f64]], outputs: &mut [Vec<f64>]) -> Vec<Row> {
        let n = inputs.first().map_or(0, |lane| lane.len());
        for lane in outputs.iter_mut() {
            lane.clear();
            lane.resize(n, 0.0);
        }
        let regular = inputs.len() == self.info.inputs.len()
            && outputs.len() == self.info.outputs.len()
            && inputs.iter().all(|lane| lane.len() == n);
        if !regular {
            self.die(Fault::new(FaultKind::Contract, "lanes of different lengths"));
        }
        if self.dead.is_some() {
            return vec![Row::Dead; n];
        }
        let all_accepted = inputs
            .iter()
            .zip(&self.info.inputs)
            .all(|(lane, port)| lane.iter().all(|x| port.holds(*x)));
        let mut ready = vec![u8::MAX; n];
        let done = match &mut self.handle {
            Some(handle) if all_accepted => handle.batch(inputs, outputs, &mut ready),
            _ => None,
        };
        let Some(result) = done else {
            return self.row_by_row(inputs, outputs, n);
        };
        let mut rows = Vec::with_capacity(n);
        for at in 0..n {
            let given = outputs
                .iter()
                .map(|lane| lane.get(at).copied().unwrap_or(f64::NAN));
            let row = match (ready.get(at), &result) {
                (Some(flag @ (0 | 1)), _) => judge(&self.info, self.rows, self.warmup, *flag == 1, given),
                (_, Err(fault)) => Err(fault.clone()),
                (_, Ok(())) => Err(Fault::new(FaultKind::Contract, "it left a row of a batch out")),
            };
            match row {
                Ok(row) => {
                    self.rows = self.rows.saturating_add(1);
                    rows.push(row);
                }
                Err(fault) => {
                    self.die(fault);
                    break;
                }
            }
        }
        if let Err(fault) = result {
            self.die(fault);
        }
        rows.resize(n, Row::Dead);
        for (at, row) in rows.iter().enumerate() {
            if *row != Row::Ready {
                for lane in outputs.iter_mut() {
                    if let Some(slot) = lane.get_mut(at) {
                        *slot = 0.0;
                    }
                }
            }
        }
        rows
    }

    fn row_by_row(&mut self, inputs: &[&[f64]], outputs: &mut [Vec<f64>], n: usize) -> Vec<Row> {
        let mut cells = vec![0.0; inputs.len()];
        let mut rows = Vec::with_capacity(n);
        for at in 0..n {
            for (cell, lane) in cells.iter_mut().zip(inputs) {
                *cell = lane.get(at).copied().unwrap_or(f64::NAN);
            }
            let row = self.update(&cells);
            if row == Row::Ready {
                for (lane, x) in outputs.iter_mut().zip(&self.out) {
                    if let Some(slot) = lane.get_mut(at) {
                        *slot = *x;
                    }
                }
            }
            rows.push(row);
        }
        rows
    }

    /// Frees it now, for those who watch how long that takes; it is dead from here on.
    pub fn end(&mut self) {
        self.handle = None;
        self.dead
            .get_or_insert_with(|| Fault::new(FaultKind::Failed, "it was freed"));
    }

    /// Back to before the first row; a dead one is made anew.
    pub fn reset(&mut self) {
        self.rows = 0;
        self.out.fill(0.0);
        let alive = self.dead.is_none() && self.handle.as_mut().is_some_and(|h| h.reset().is_ok());
        if !alive {
            self.make_anew();
        }
    }

    fn make_anew(&mut self) {
        self.rows = 0;
        match self.factory.create(&self.info, &self.values) {
            Ok(mut fresh) => {
                self.handle = fresh.handle.take();
                self.dead = None;
            }
            Err(fault) => {
                self.handle = None;
                self.dead = Some(fault);
            }
        }
    }

    /// The plugin's own bytes of its state.
    ///
    /// # Errors
    /// When it cannot save.
    pub fn bare_state(&mut self) -> Result<Vec<u8>, Fault> {
        match (&self.dead, &mut self.handle) {
            (None, Some(handle)) => handle.save(),
            (Some(fault), _) => Err(fault.clone()),
            (None, None) => Err(Fault::new(FaultKind::Failed, "there is no instance")),
        }
    }

    /// Takes bytes as the plugin's own state, without the envelope: for checks of what a plugin refuses.
    ///
    /// # Errors
    /// When it does not take them.
    pub fn load_bare(&mut self, version: u32, bytes: &[u8]) -> Result<(), Fault> {
        match &mut self.handle {
            Some(handle) => handle.load(version, bytes),
            None => Err(Fault::new(FaultKind::Failed, "there is no instance")),
        }
    }

    /// Its state, sealed. One that cannot be saved is dead from here on, and saved as that.
    pub fn save(&mut self, out: &mut Vec<u8>) {
        let state = self.bare_state();
        if let Err(fault) = &state {
            self.dead.get_or_insert_with(|| fault.clone());
        }
        let envelope = self.envelope(self.dead.as_ref().map(|f| f.text.as_str()));
        envelope.seal(&state.unwrap_or_default(), out);
    }

    /// Goes on from what [`Instance::save`] wrote; where that cannot be, starts afresh.
    pub fn load(&mut self, bytes: &[u8]) -> Start {
        let opened = match self.envelope(None).open(bytes) {
            Ok(opened) => opened,
            Err(fault) => {
                self.reset();
                return if fault.text.contains("damaged") {
                    Start::Damaged
                } else {
                    Start::Foreign
                };
            }
        };
        self.reset();
        if let Some(why) = opened.dead {
            self.dead = Some(Fault::new(FaultKind::Failed, why));
            self.rows = opened.rows;
            return Start::Resumed;
        }
        let version = opened.state_version;
        if self.load_bare(version, opened.state).is_err() {
            // What it made of bytes that it refused is its own business, and no state to go on from.
            self.make_anew();
            return Start::Foreign;
        }
        self.rows = opened.rows;
        Start::Resumed
    }

    /// Another one in the same state.
    #[must_use]
    pub fn duplicate(&mut self) -> Self {
        let mut copy = Self {
            handle: None,
            factory: self.factory.clone(),
            info: Arc::clone(&self.info),
            values: self.values.clone(),
            warmup: self.warmup,
            rows: 0,
            dead: None,
            out: vec![0.0; self.out.len()],
        };
        copy.make_anew();
        if self.rows > 0 || self.dead.is_some() {
            let mut bytes = Vec::new();
            self.save(&mut bytes);
            if copy.load(&bytes) != Start::Resumed {
                copy.dead = Some(Fault::new(FaultKind::State, "it does not take its own state"));
            }
        }
        copy
    }

    fn envelope<'a>(&'a self, dead: Option<&'a str>) -> Envelope<'a> {
        Envelope {
            id: &self.info.id,
            params: &self.values,
            state_version: self.info.state_version,
            rows: self.rows,
            dead,
        }
    }
}

fn accepted(info: &IndicatorInfo, inputs: impl Iterator<Item = f64>) -> bool {
    info.inputs.iter().zip(inputs).all(|(port, x)| port.holds(x))
}

/// What a row is, from what the plugin said of it.
fn judge(
    info: &IndicatorInfo,
    rows: u64,
    warmup: u64,
    ready: bool,
    outputs: impl Iterator<Item = f64>,
) -> Result<Row, Fault> {
    if !ready {
        return Ok(if rows < warmup {
            Row::WarmingUp
        } else {
            Row::Undefined
        });
    }
    if rows < warmup {
        return Err(Fault::new(
            FaultKind::Contract,
            format!("it gave a value before its own warm-up of {warmup} rows"),
        ));
    }
    for (port, x) in info.outputs.iter().zip(outputs) {
        if !port.holds(x) {
            let why = if !x.is_finite() {
                "no finite number".to_owned()
            } else if port.is_bool() {
                "neither 0 nor 1".to_owned()
            } else {
                format!("outside {}", port.range())
            };
            return Err(Fault::new(
                FaultKind::Output,
                format!("its `{}` is {x}, {why}", port.name),
            ));
        }
    }
    Ok(Row::Ready)
}
