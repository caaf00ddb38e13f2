//! Recursive indicators, computed by TA-Lib's own Rust port bar by bar: RSI, EMA, MACD, ATR.
//!
//! | indicator | seed | first value (known bars) |
//! | --- | --- | --- |
//! | `rsi(x, n)` | simple means of the first n gains and losses, then Wilder | n + 1 |
//! | `ema(x, n)` | simple mean of the first n, alpha 2/(n+1) | n |
//! | `macd(x, f, s, g)` | both averages start so that they end at bar s together (the fast one is seeded with the f bars up to s); the signal with the mean of its first g | s + g - 1, all three outputs |
//! | `atr(h, l, c, n)` | simple mean of the true ranges of bars 2 to n + 1, then Wilder | n + 1 |
//!
//! RSI without a loss is 100, without a gain 0, and with neither 50 (TA-Lib since 0.8; earlier versions said 0).
//!
//! TA-Lib's streams are bit-identical to its batch functions but cannot be written down, so the saved state is the history
//! of known bars: 8 bytes a bar, replayed on load. That is exact, and about 160 kB for a year of five-minute bars.

use super::kernel::{self, Lanes, Numbers};
use super::state::{Reader, Tag, Writer};
use super::windowed::bar;
use super::{Operator, StateError};
use crate::column::{Column, Input, WORD};
use crate::value::{Cause, Cell};
use std::fmt;
use ta_lib::{AtrStream, Core, EmaStream, MacdStream, RetCode, RsiStream};

/// A TA-Lib function with a stream.
pub(crate) trait Recursion<const I: usize>: Clone + fmt::Debug + Send + Sync + 'static {
    /// TA-Lib's handle.
    type Stream: Clone + fmt::Debug + Send + Sync;
    const TAG: Tag;

    fn params(&self, w: &mut Writer<'_>);
    /// Bars before the first value.
    fn lookback(&self) -> u32;
    fn open(&self, core: &Core, history: &[Vec<f64>; I]) -> Result<(Self::Stream, f64), RetCode>;
    fn update(&self, stream: &mut Self::Stream, bar: [f64; I]) -> Result<f64, RetCode>;
    /// All values of a history, the first after `lookback` bars: bit for bit what the stream gives.
    fn batch(&self, core: &Core, history: &[Vec<f64>; I]) -> Result<Vec<f64>, RetCode>;
}

/// Room for the values of a history, and its last bar; `None` while nothing can be computed.
fn room(bars: usize, lookback: u32) -> Option<(Vec<f64>, usize)> {
    let values = bars.checked_sub(lookback as usize).filter(|n| *n > 0)?;
    Some((vec![0.0; values], bars - 1))
}

/// A recursion with its history.
#[derive(Clone, Debug)]
pub(crate) struct Recursive<R: Recursion<I>, const I: usize> {
    recursion: R,
    stream: Option<R::Stream>,
    history: [Vec<f64>; I],
}

impl<R: Recursion<I>, const I: usize> Recursive<R, I> {
    pub(crate) fn new(recursion: R) -> Self {
        Self {
            recursion,
            stream: None,
            history: std::array::from_fn(|_| Vec::new()),
        }
    }

    fn header(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let mut w = Writer(&mut out);
        w.header(R::TAG);
        self.recursion.params(&mut w);
        out
    }

    fn bars(&self) -> usize {
        self.history.first().map_or(0, Vec::len)
    }

    fn advance(&mut self, bar: [f64; I]) -> Cell {
        for (lane, v) in self.history.iter_mut().zip(bar) {
            lane.push(v);
        }
        let value = if let Some(stream) = &mut self.stream {
            self.recursion.update(stream, bar)
        } else if self.bars() <= self.recursion.lookback() as usize {
            return Cell::missing(Cause::WarmingUp);
        } else {
            self.recursion
                .open(&Core::new(), &self.history)
                .map(|(stream, value)| {
                    self.stream = Some(stream);
                    value
                })
        };
        // TA-Lib refuses only parameters (checked when the operator was built), NaN (never in a cell) and 100 million bars.
        value.map_or(Cell::missing(Cause::OutOfDomain), Cell::number)
    }
}

impl<R: Recursion<I>, const I: usize> Recursive<R, I> {
    /// A whole history in one call of TA-Lib. Bars that are missing are left out of what it sees, as when stepping. False where
    /// the inputs are not columns of numbers; then nothing is done. The stream is opened again when it is next needed.
    fn whole(&mut self, inputs: &[Input<'_>], upto: usize, out: &mut Column) -> bool {
        let words = upto / WORD;
        let mut lanes = [Numbers::All(0.0, false); I];
        for (lane, input) in lanes.iter_mut().zip(inputs) {
            match kernel::numbers(*input, 0, words) {
                Some(numbers) => *lane = numbers,
                None => return false,
            }
        }
        let mut known = vec![!0; words];
        for lane in lanes {
            lane.and_known(&mut known);
        }
        for (history, lane) in self.history.iter_mut().zip(lanes) {
            lane.compact(&known, history);
        }
        let cells = |step: usize| -> [Cell; I] {
            std::array::from_fn(|i| {
                inputs
                    .get(i)
                    .map_or(Cell::missing(Cause::NoData), |input| input.get(step))
            })
        };
        let tail: Vec<Result<[f64; I], Cause>> = (words * WORD..upto).map(|step| bar(&cells(step))).collect();
        for bar in tail.iter().flatten() {
            for (lane, v) in self.history.iter_mut().zip(bar) {
                lane.push(*v);
            }
        }
        let lookback = self.recursion.lookback() as usize;
        let values = self
            .recursion
            .batch(&Core::new(), &self.history)
            .unwrap_or_default();
        // The value of a bar by its number among the known ones.
        let value = |number: usize| number.checked_sub(lookback).map(|i| values.get(i).copied());
        let mut number = 0_usize;
        let fill = |lanes: &mut [Lanes], out_known: &mut [u64]| {
            for ((lane, out_known), known) in lanes.iter_mut().zip(&mut *out_known).zip(&known) {
                *lane = [0.0; WORD];
                let whole = number
                    .checked_sub(lookback)
                    .and_then(|i| values.get(i..)?.first_chunk::<WORD>());
                if let Some(whole) = whole.filter(|_| *known == !0) {
                    (*lane, *out_known) = (*whole, !0);
                    number += WORD;
                    continue;
                }
                *out_known = 0;
                for (bit, to) in lane
                    .iter_mut()
                    .enumerate()
                    .filter(|(bit, _)| known >> bit & 1 == 1)
                {
                    if let Some(v) = value(number).flatten() {
                        *to = v;
                        *out_known |= 1 << bit;
                    }
                    number += 1;
                }
            }
            kernel::settle(lanes, out_known);
        };
        let before =
            |step: usize| (0..step).filter(|s| known.get(s / WORD).is_some_and(|w| w >> (s % WORD) & 1 == 1));
        let cause = |step: usize| match bar::<I>(&cells(step)) {
            Err(cause) => cause,
            Ok(_) if before(step).take(lookback).count() < lookback => Cause::WarmingUp,
            Ok(_) => Cause::OutOfDomain,
        };
        out.append_numbers(words, fill, cause);
        for bar in tail {
            out.push(match bar {
                Err(cause) => Cell::missing(cause),
                Ok(_) => {
                    number += 1;
                    match value(number - 1) {
                        None => Cell::missing(Cause::WarmingUp),
                        Some(v) => Cell::number_or(v, Cause::OutOfDomain),
                    }
                }
            });
        }
        true
    }
}

impl<R: Recursion<I>, const I: usize> Operator for Recursive<R, I> {
    fn extend(&mut self, inputs: &[Input<'_>], upto: usize, out: &mut Column) {
        let fresh = out.is_empty() && self.bars() == 0 && inputs.len() == I;
        let numbers = matches!(out, Column::Numbers(_));
        if !(fresh && numbers && upto >= WORD && self.whole(inputs, upto, out)) {
            super::extend_by_steps(self, inputs, upto, out);
        }
    }

    fn step(&mut self, inputs: &[Cell]) -> Cell {
        match bar::<I>(inputs) {
            Ok(bar) => self.advance(bar),
            Err(cause) => Cell::missing(cause),
        }
    }

    fn reset(&mut self) {
        self.stream = None;
        self.history.iter_mut().for_each(Vec::clear);
    }

    fn warmup(&self) -> u32 {
        self.recursion.lookback()
    }

    fn save(&self, out: &mut Vec<u8>) {
        out.extend(self.header());
        let mut w = Writer(out);
        w.len(self.bars());
        for lane in &self.history {
            lane.iter().for_each(|v| w.f64(*v));
        }
    }

    fn load(&mut self, bytes: &[u8]) -> Result<(), StateError> {
        self.reset();
        let mut r = Reader::after(&self.header(), bytes)?;
        let bars = r.len(8 * I)?;
        let mut lanes: [Vec<f64>; I] = std::array::from_fn(|_| Vec::with_capacity(bars));
        for lane in &mut lanes {
            for _ in 0..bars {
                lane.push(r.f64()?);
            }
        }
        r.end()?;
        for i in 0..bars {
            let mut bar = [0.0; I];
            for (v, lane) in bar.iter_mut().zip(&lanes) {
                *v = lane.get(i).copied().ok_or(StateError::Damaged)?;
            }
            self.advance(bar);
        }
        Ok(())
    }

    fn boxed_clone(&self) -> Box<dyn Operator> {
        Box::new(self.clone())
    }
}

fn period(n: u32) -> i32 {
    i32::try_from(n).unwrap_or(i32::MAX)
}

/// Wilder's relative strength index, 0..100.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rsi(pub(crate) u32);

impl Recursion<1> for Rsi {
    type Stream = RsiStream;
    const TAG: Tag = Tag::Rsi;

    fn params(&self, w: &mut Writer<'_>) {
        w.u32(self.0);
    }

    fn lookback(&self) -> u32 {
        self.0
    }

    fn open(&self, core: &Core, [x]: &[Vec<f64>; 1]) -> Result<(RsiStream, f64), RetCode> {
        core.rsi_open(x, period(self.0))
    }

    fn update(&self, stream: &mut RsiStream, [x]: [f64; 1]) -> Result<f64, RetCode> {
        stream.update(x)
    }

    fn batch(&self, core: &Core, [x]: &[Vec<f64>; 1]) -> Result<Vec<f64>, RetCode> {
        let Some((mut out, last)) = room(x.len(), self.lookback()) else {
            return Ok(Vec::new());
        };
        core.rsi(0, last, x, period(self.0), &mut out)?;
        Ok(out)
    }
}

/// Exponential moving average.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ema(pub(crate) u32);

impl Recursion<1> for Ema {
    type Stream = EmaStream;
    const TAG: Tag = Tag::Ema;

    fn params(&self, w: &mut Writer<'_>) {
        w.u32(self.0);
    }

    fn lookback(&self) -> u32 {
        self.0.saturating_sub(1)
    }

    fn open(&self, core: &Core, [x]: &[Vec<f64>; 1]) -> Result<(EmaStream, f64), RetCode> {
        core.ema_open(x, period(self.0))
    }

    fn update(&self, stream: &mut EmaStream, [x]: [f64; 1]) -> Result<f64, RetCode> {
        stream.update(x)
    }

    fn batch(&self, core: &Core, [x]: &[Vec<f64>; 1]) -> Result<Vec<f64>, RetCode> {
        let Some((mut out, last)) = room(x.len(), self.lookback()) else {
            return Ok(Vec::new());
        };
        core.ema(0, last, x, period(self.0), &mut out)?;
        Ok(out)
    }
}

/// Moving average convergence/divergence; `output` 0 line, 1 signal, 2 histogram.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Macd {
    pub(crate) fast: u32,
    pub(crate) slow: u32,
    pub(crate) signal: u32,
    pub(crate) output: u8,
}

impl Macd {
    const fn pick(self, (line, signal, histogram): (f64, f64, f64)) -> f64 {
        match self.output {
            0 => line,
            1 => signal,
            _ => histogram,
        }
    }
}

impl Recursion<1> for Macd {
    type Stream = MacdStream;
    const TAG: Tag = Tag::Macd;

    fn params(&self, w: &mut Writer<'_>) {
        w.u32(self.fast);
        w.u32(self.slow);
        w.u32(self.signal);
        w.u8(self.output);
    }

    fn lookback(&self) -> u32 {
        self.slow.saturating_add(self.signal).saturating_sub(2)
    }

    fn open(&self, core: &Core, [x]: &[Vec<f64>; 1]) -> Result<(MacdStream, f64), RetCode> {
        let (stream, last) = core.macd_open(x, period(self.fast), period(self.slow), period(self.signal))?;
        Ok((stream, self.pick(last)))
    }

    fn update(&self, stream: &mut MacdStream, [x]: [f64; 1]) -> Result<f64, RetCode> {
        stream.update(x).map(|all| self.pick(all))
    }

    fn batch(&self, core: &Core, [x]: &[Vec<f64>; 1]) -> Result<Vec<f64>, RetCode> {
        let Some((mut line, last)) = room(x.len(), self.lookback()) else {
            return Ok(Vec::new());
        };
        let (mut signal, mut histogram) = (line.clone(), line.clone());
        let windows = [self.fast, self.slow, self.signal].map(period);
        let [fast, slow, smooth] = windows;
        core.macd(
            0,
            last,
            x,
            fast,
            slow,
            smooth,
            &mut line,
            &mut signal,
            &mut histogram,
        )?;
        Ok(match self.output {
            0 => line,
            1 => signal,
            _ => histogram,
        })
    }
}

/// Average true range; inputs high, low, close.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Atr(pub(crate) u32);

impl Recursion<3> for Atr {
    type Stream = AtrStream;
    const TAG: Tag = Tag::Atr;

    fn params(&self, w: &mut Writer<'_>) {
        w.u32(self.0);
    }

    fn lookback(&self) -> u32 {
        self.0
    }

    fn open(&self, core: &Core, [h, l, c]: &[Vec<f64>; 3]) -> Result<(AtrStream, f64), RetCode> {
        core.atr_open(h, l, c, period(self.0))
    }

    fn update(&self, stream: &mut AtrStream, [h, l, c]: [f64; 3]) -> Result<f64, RetCode> {
        stream.update(h, l, c)
    }

    fn batch(&self, core: &Core, [h, l, c]: &[Vec<f64>; 3]) -> Result<Vec<f64>, RetCode> {
        let Some((mut out, last)) = room(h.len(), self.lookback()) else {
            return Ok(Vec::new());
        };
        core.atr(0, last, h, l, c, period(self.0), &mut out)?;
        Ok(out)
    }
}
