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
}

/// A recursion with its history.
#[derive(Clone, Debug)]
pub(crate) struct Recursive<R: Recursion<I>, const I: usize> {
    recursion: R,
    stream: Option<R::Stream>,
    history: [Vec<f64>; I],
    /// Somebody may ask for the state.
    saved: bool,
}

impl<R: Recursion<I>, const I: usize> Recursive<R, I> {
    pub(crate) fn new(recursion: R) -> Self {
        Self {
            recursion,
            stream: None,
            saved: true,
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
        if self.saved || self.stream.is_none() {
            for (lane, v) in self.history.iter_mut().zip(bar) {
                lane.push(v);
            }
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
        if !self.saved && self.stream.is_some() {
            self.history.iter_mut().for_each(Vec::clear);
        }
        // TA-Lib refuses only parameters (checked when the operator was built), NaN (never in a cell) and 100 million bars.
        value.map_or(Cell::missing(Cause::OutOfDomain), Cell::number)
    }
}

impl<R: Recursion<I>, const I: usize> Recursive<R, I> {
    /// Appends words of steps all of whose inputs are known, from step `from` on of the inputs: the stream's own loop, without a
    /// look at each step. How many words that were; none before the stream is open.
    fn words(&mut self, inputs: &[Input<'_>], words: usize, out: &mut Column) -> usize {
        let Some(stream) = &mut self.stream else { return 0 };
        let from = out.len();
        let mut lanes: [&[Lanes]; I] = [&[]; I];
        let mut run = words;
        for (lane, input) in lanes.iter_mut().zip(inputs) {
            let Some(Numbers::Each(values, known)) = kernel::numbers(*input, from, words) else {
                return 0;
            };
            *lane = values;
            run = run.min(known.iter().take_while(|word| **word == !0).count());
        }
        if run == 0 || inputs.len() != I {
            return 0;
        }
        let lanes = lanes.map(|lane| lane.get(..run).unwrap_or_default().as_flattened());
        let recursion = &self.recursion;
        let fill = |to: &mut [Lanes], known: &mut [u64]| {
            known.fill(!0);
            for (i, to) in to.as_flattened_mut().iter_mut().enumerate() {
                let bar: [f64; I] = lanes.map(|lane| lane.get(i).copied().unwrap_or_default());
                *to = recursion.update(stream, bar).unwrap_or(f64::NAN);
            }
            kernel::settle(to, known);
        };
        if !out.append_numbers(run, fill, |_| Cause::OutOfDomain) {
            return 0;
        }
        if self.saved {
            for (history, lane) in self.history.iter_mut().zip(lanes) {
                history.extend_from_slice(lane);
            }
        }
        run
    }
}

impl<R: Recursion<I>, const I: usize> Operator for Recursive<R, I> {
    fn extend(&mut self, inputs: &[Input<'_>], upto: usize, out: &mut Column) {
        while out.len() < upto {
            let words = upto.saturating_sub(out.len()) / WORD;
            if words == 0 || !out.len().is_multiple_of(WORD) || self.words(inputs, words, out) == 0 {
                let word = (out.len() + 1).next_multiple_of(WORD).min(upto);
                super::extend_by_steps(self, inputs, word, out);
            }
        }
    }

    fn unsaved(&mut self) {
        self.saved = false;
        if self.stream.is_some() {
            self.history.iter_mut().for_each(Vec::clear);
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
        if !self.saved && self.stream.is_some() {
            // The history is gone: without a length nobody can read this.
            return;
        }
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
}
