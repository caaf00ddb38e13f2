//! Operators that remember conditions or a few numbers: crossings, persistence, latches, moves, extremes since entry.

use super::state::{Reader, Tag, Writer};
use super::window::Window;
use super::{Operator, StateError, input};
use crate::value::{Cause, Cell};
use alula_dsl::ast::Direction;

/// `a crosses above b`: on the last known step a <= b, and a > b now (below: mirrored). The first known step is
/// `warming up`. Steps on which a or b is missing are missing and forgotten, so a crossing that happens while data is
/// missing shows on the first known step after.
#[derive(Clone, Debug)]
pub(crate) struct Crosses {
    direction: Direction,
    /// Whether a was strictly beyond b on the last known step.
    beyond: Option<bool>,
}

impl Crosses {
    pub(crate) const fn new(direction: Direction) -> Self {
        Self {
            direction,
            beyond: None,
        }
    }

    fn header(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let mut w = Writer(&mut out);
        w.header(Tag::Crosses);
        w.u8(u8::from(matches!(self.direction, Direction::Above)));
        out
    }
}

impl Operator for Crosses {
    fn step(&mut self, inputs: &[Cell]) -> Cell {
        let [a, b] = [input(inputs, 0), input(inputs, 1)];
        let (Some(x), Some(y)) = (a.known(), b.known()) else {
            return if a.is_known() { b } else { a };
        };
        let now = match self.direction {
            Direction::Above => x > y,
            Direction::Below => x < y,
        };
        let before = self.beyond.replace(now);
        before.map_or(Cell::missing(Cause::WarmingUp), |was| Cell::boolean(now && !was))
    }

    fn reset(&mut self) {
        self.beyond = None;
    }

    fn warmup(&self) -> u32 {
        1
    }

    fn save(&self, out: &mut Vec<u8>) {
        out.extend(self.header());
        out.push(self.beyond.map_or(2, u8::from));
    }

    fn load(&mut self, bytes: &[u8]) -> Result<(), StateError> {
        self.reset();
        let mut r = Reader::after(&self.header(), bytes)?;
        let beyond = match r.u8()? {
            0 => Some(false),
            1 => Some(true),
            2 => None,
            _ => return Err(StateError::Damaged),
        };
        r.end()?;
        self.beyond = beyond;
        Ok(())
    }

    fn boxed_clone(&self) -> Box<dyn Operator> {
        Box::new(self.clone())
    }
}

/// `x for n bars`: Kleene conjunction of x over this step and the n - 1 before it. Steps before the first are unknown
/// (`warming up`); unknown steps count as steps. When unknown, the cause is that of the newest unknown step.
#[derive(Clone, Debug)]
pub(crate) struct For {
    bars: u32,
    /// Steps since x was false; `u32::MAX` when it never was.
    since_false: u32,
    /// Steps since x was unknown, and why.
    since_unknown: u32,
    cause: Cause,
}

impl For {
    pub(crate) const fn new(bars: u32) -> Self {
        Self {
            bars,
            since_false: u32::MAX,
            since_unknown: 0,
            cause: Cause::WarmingUp,
        }
    }

    fn header(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let mut w = Writer(&mut out);
        w.header(Tag::For);
        w.u32(self.bars);
        out
    }
}

impl Operator for For {
    fn step(&mut self, inputs: &[Cell]) -> Cell {
        self.since_false = self.since_false.saturating_add(1);
        self.since_unknown = self.since_unknown.saturating_add(1);
        let x = input(inputs, 0);
        match x.get() {
            Ok(0.0) => self.since_false = 0,
            Ok(_) => {}
            Err(cause) => {
                self.since_unknown = 0;
                self.cause = cause;
            }
        }
        if self.since_false < self.bars {
            Cell::FALSE
        } else if self.since_unknown < self.bars {
            Cell::missing(self.cause)
        } else {
            Cell::TRUE
        }
    }

    fn reset(&mut self) {
        *self = Self::new(self.bars);
    }

    fn warmup(&self) -> u32 {
        self.bars.saturating_sub(1)
    }

    fn save(&self, out: &mut Vec<u8>) {
        out.extend(self.header());
        let mut w = Writer(out);
        w.u32(self.since_false);
        w.u32(self.since_unknown);
        w.u8(self.cause.code());
    }

    fn load(&mut self, bytes: &[u8]) -> Result<(), StateError> {
        self.reset();
        let mut r = Reader::after(&self.header(), bytes)?;
        let (since_false, since_unknown) = (r.u32()?, r.u32()?);
        let cause = Cause::from_code(r.u8()?).ok_or(StateError::Damaged)?;
        r.end()?;
        *self = Self {
            bars: self.bars,
            since_false,
            since_unknown,
            cause,
        };
        Ok(())
    }

    fn boxed_clone(&self) -> Box<dyn Operator> {
        Box::new(self.clone())
    }
}

/// `on until off`: true from a step on which `on` holds until a step on which `off` holds; `off` wins when both hold.
/// Starts false. A step's value is the Kleene `not off and (on or latched)`; a step whose value is unknown leaves the
/// latch as it was, so an outage does not poison what follows. Causes: on's first, then off's.
#[derive(Clone, Debug, Default)]
pub(crate) struct Until {
    latched: bool,
}

impl Until {
    fn header() -> Vec<u8> {
        let mut out = Vec::new();
        Writer(&mut out).header(Tag::Until);
        out
    }
}

impl Operator for Until {
    fn step(&mut self, inputs: &[Cell]) -> Cell {
        let [on, off] = [input(inputs, 0), input(inputs, 1)];
        let held = on.or(Cell::boolean(self.latched));
        let value = held.and(!off);
        if let Some(truth) = value.truth() {
            self.latched = truth;
        }
        value
    }

    fn reset(&mut self) {
        self.latched = false;
    }

    fn warmup(&self) -> u32 {
        0
    }

    fn save(&self, out: &mut Vec<u8>) {
        out.extend(Self::header());
        out.push(u8::from(self.latched));
    }

    fn load(&mut self, bytes: &[u8]) -> Result<(), StateError> {
        self.reset();
        let mut r = Reader::after(&Self::header(), bytes)?;
        let latched = match r.u8()? {
            0 => false,
            1 => true,
            _ => return Err(StateError::Damaged),
        };
        r.end()?;
        self.latched = latched;
        Ok(())
    }

    fn boxed_clone(&self) -> Box<dyn Operator> {
        Box::new(self.clone())
    }
}

/// `x up amount over n bars`: x minus x n known bars ago is at least the amount; relative: that difference divided by the
/// absolute old value. Down: mirrored. The window follows x alone; a missing amount makes the step missing only.
#[derive(Clone, Debug)]
pub(crate) struct Moves {
    direction: Direction,
    relative: bool,
    window: Window<1>,
}

impl Moves {
    /// `bars` is at least 1 and below the window limit.
    pub(crate) fn new(direction: Direction, relative: bool, bars: u32) -> Self {
        Self {
            direction,
            relative,
            window: Window::new(bars.saturating_add(1)),
        }
    }

    fn header(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let mut w = Writer(&mut out);
        w.header(Tag::Moves);
        w.u8(u8::from(matches!(self.direction, Direction::Above)));
        w.u8(u8::from(self.relative));
        w.u32(self.window.bars());
        out
    }
}

impl Operator for Moves {
    fn step(&mut self, inputs: &[Cell]) -> Cell {
        let [x, amount] = [input(inputs, 0), input(inputs, 1)];
        let Some(now) = x.known() else { return x };
        self.window.push([now]);
        let Some(&[old, ..]) = self.window.lane::<0>() else {
            return Cell::missing(Cause::WarmingUp);
        };
        let Some(amount) = amount.known() else {
            return amount;
        };
        let rise = match self.direction {
            Direction::Above => now - old,
            Direction::Below => old - now,
        };
        let moved = if self.relative {
            if old == 0.0 {
                return Cell::missing(Cause::DivisionByZero);
            }
            Cell::number(rise / old.abs())
        } else {
            Cell::number(rise)
        };
        moved.known().map_or(moved, |m| Cell::boolean(m >= amount))
    }

    fn reset(&mut self) {
        self.window.clear();
    }

    fn warmup(&self) -> u32 {
        self.window.bars().saturating_sub(1)
    }

    fn save(&self, out: &mut Vec<u8>) {
        out.extend(self.header());
        self.window.save(&mut Writer(out));
    }

    fn load(&mut self, bytes: &[u8]) -> Result<(), StateError> {
        self.reset();
        let mut r = Reader::after(&self.header(), bytes)?;
        let rows = self.window.read(&mut r)?;
        r.end()?;
        rows.into_iter().for_each(|row| {
            self.window.push(row);
        });
        Ok(())
    }

    fn boxed_clone(&self) -> Box<dyn Operator> {
        Box::new(self.clone())
    }
}

/// `highest(x, since entry)` / `lowest(…)`: extreme of the known steps so far; missing where x is.
#[derive(Clone, Debug)]
pub(crate) struct SinceEntry {
    direction: Direction,
    extreme: Cell,
}

impl SinceEntry {
    pub(crate) const fn new(direction: Direction) -> Self {
        Self {
            direction,
            extreme: Cell::missing(Cause::WarmingUp),
        }
    }

    fn header(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let mut w = Writer(&mut out);
        w.header(Tag::SinceEntry);
        w.u8(u8::from(matches!(self.direction, Direction::Above)));
        out
    }
}

impl Operator for SinceEntry {
    fn step(&mut self, inputs: &[Cell]) -> Cell {
        let x = input(inputs, 0);
        let Some(now) = x.known() else { return x };
        let beaten = self.extreme.known().is_none_or(|e| match self.direction {
            Direction::Above => now > e,
            Direction::Below => now < e,
        });
        if beaten {
            self.extreme = x;
        }
        self.extreme
    }

    fn reset(&mut self) {
        self.extreme = Cell::missing(Cause::WarmingUp);
    }

    fn warmup(&self) -> u32 {
        0
    }

    fn save(&self, out: &mut Vec<u8>) {
        out.extend(self.header());
        Writer(out).cell(self.extreme);
    }

    fn load(&mut self, bytes: &[u8]) -> Result<(), StateError> {
        self.reset();
        let mut r = Reader::after(&self.header(), bytes)?;
        let extreme = r.cell()?;
        r.end()?;
        self.extreme = extreme;
        Ok(())
    }

    fn boxed_clone(&self) -> Box<dyn Operator> {
        Box::new(self.clone())
    }
}
