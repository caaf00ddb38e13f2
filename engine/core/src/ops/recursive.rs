//! Recursive indicators: RSI, EMA, MACD, ATR, with the bits of TA-Lib's batch functions.
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
//! The formulas are those of TA-Lib 0.8, operation by operation, fused multiply-adds included; tests compare every bit with
//! TA-Lib's own Rust port. They stand here and not there because TA-Lib's streams keep their state in memory behind a call
//! for each bar, three to five times slower than its batch loops, and cannot be written down. Here a recursion is at most
//! three numbers: a loop over many bars holds them in registers, and they are the saved state.

use super::kernel::{self, Lanes, Numbers};
use super::state::{Reader, Tag, Writer};
use super::windowed::bar;
use super::{Operator, StateError};
use crate::column::{Column, Input, WORD};
use crate::value::{Cause, Cell};
use fearless_simd::{Level, dispatch};
use std::fmt;

/// What a recursion over bars of `I` numbers does with a bar; it carries `S` numbers from one to the next.
pub(crate) trait Recursion<const I: usize, const S: usize>:
    Copy + fmt::Debug + Send + Sync + 'static
{
    const TAG: Tag;

    fn params(&self, w: &mut Writer<'_>);

    /// Bars before the first value.
    fn lookback(&self) -> u32;

    /// Takes bar `at` (0 to the lookback) into what is carried, zeros at first. The value counts at the last of them.
    fn seed(&self, at: u32, carried: &mut [f64; S], bar: [f64; I]) -> f64;

    /// Takes a later bar.
    fn next(&self, carried: &mut [f64; S], bar: [f64; I]) -> f64;
}

/// A recursion and how far it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Recursive<R, const I: usize, const S: usize> {
    recursion: R,
    /// Known bars, those after the first value not counted.
    bars: u32,
    carried: [f64; S],
}

impl<R: Recursion<I, S>, const I: usize, const S: usize> Recursive<R, I, S> {
    pub(crate) const fn new(recursion: R) -> Self {
        Self {
            recursion,
            bars: 0,
            carried: [0.0; S],
        }
    }

    fn header(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let mut w = Writer(&mut out);
        w.header(R::TAG);
        self.recursion.params(&mut w);
        out
    }

    fn is_seeded(&self) -> bool {
        self.bars > self.recursion.lookback()
    }

    fn advance(&mut self, bar: [f64; I]) -> Cell {
        if self.is_seeded() {
            // Inside `dispatch!` a multiply-add is one instruction where the processor has it, and a library's with the same
            // bits where it has not.
            let Self {
                recursion, carried, ..
            } = self;
            return Cell::number(dispatch!(Level::new(), _simd => recursion.next(carried, bar)));
        }
        let value = self.recursion.seed(self.bars, &mut self.carried, bar);
        self.bars += 1;
        if self.is_seeded() {
            Cell::number(value)
        } else {
            Cell::missing(Cause::WarmingUp)
        }
    }

    /// Appends words of steps all of whose inputs are known, from step `from` on of the inputs, without a look at each step.
    /// How many words that were; none before the seed is complete.
    fn words(&mut self, inputs: &[Input<'_>], words: usize, out: &mut Column) -> usize {
        if !self.is_seeded() || inputs.len() != I {
            return 0;
        }
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
        if run == 0 || !matches!(out, Column::Numbers(_)) {
            return 0;
        }
        // Some words at a time, from the nearest cache to the column: room in the column itself would have to be zeroed first.
        let (mut values, mut known) = ([[0.0; WORD]; PIECE], [!0; PIECE]);
        for from in (0..run).step_by(PIECE) {
            let piece = PIECE.min(run - from);
            let lanes = lanes.map(|lane| lane.get(from..from + piece).unwrap_or_default());
            let (Some(values), Some(known)) = (values.get_mut(..piece), known.get_mut(..piece)) else {
                break;
            };
            let Self {
                recursion, carried, ..
            } = self;
            known.fill(!0);
            if !dispatch!(Level::new(), _simd => each_word(*recursion, carried, lanes, values)) {
                kernel::settle(values, known);
            }
            out.append_words(values, known, |_| Cause::OutOfDomain);
        }
        run
    }
}

/// Words that go to a column at a time.
const PIECE: usize = 16;

/// One value for each bar after the seed, without negative zeros; false where one is not finite. What is carried stays in
/// registers, and the compiler sees that a word has [`WORD`] bars in every lane, so that no read is checked. Values are looked
/// at one by one, while the next bar waits for the one before: a vector would have to wait for eight of them.
#[inline(always)]
fn each_word<R: Recursion<I, S>, const I: usize, const S: usize>(
    recursion: R,
    carried: &mut [f64; S],
    lanes: [&[Lanes]; I],
    out: &mut [Lanes],
) -> bool {
    let mut registers = *carried;
    let mut finite = true;
    for (at, to) in out.iter_mut().enumerate() {
        let words = lanes.map(|lane| lane.get(at).unwrap_or(&[0.0; WORD]));
        for (i, to) in to.iter_mut().enumerate() {
            let bar = words.map(|word| word.get(i).copied().unwrap_or_default());
            *to = recursion.next(&mut registers, bar) + 0.0;
            finite &= to.is_finite();
        }
    }
    *carried = registers;
    finite
}

impl<R: Recursion<I, S>, const I: usize, const S: usize> Operator for Recursive<R, I, S> {
    fn step(&mut self, inputs: &[Cell]) -> Cell {
        match bar::<I>(inputs) {
            Ok(bar) => self.advance(bar),
            Err(cause) => Cell::missing(cause),
        }
    }

    fn extend(&mut self, inputs: &[Input<'_>], upto: usize, out: &mut Column) {
        while out.len() < upto {
            let words = upto.saturating_sub(out.len()) / WORD;
            if words == 0 || !out.len().is_multiple_of(WORD) || self.words(inputs, words, out) == 0 {
                let word = (out.len() + 1).next_multiple_of(WORD).min(upto);
                super::extend_by_steps(self, inputs, word, out);
            }
        }
    }

    fn reset(&mut self) {
        *self = Self::new(self.recursion);
    }

    fn warmup(&self) -> u32 {
        self.recursion.lookback()
    }

    fn save(&self, out: &mut Vec<u8>) {
        out.extend(self.header());
        let mut w = Writer(out);
        w.u32(self.bars);
        self.carried.iter().for_each(|v| w.any_f64(*v));
    }

    fn load(&mut self, bytes: &[u8]) -> Result<(), StateError> {
        self.reset();
        let mut r = Reader::after(&self.header(), bytes)?;
        let bars = r.u32()?;
        let mut carried = [0.0; S];
        for v in &mut carried {
            *v = r.any_f64()?;
        }
        r.end()?;
        if bars > self.recursion.lookback().saturating_add(1) {
            return Err(StateError::Damaged);
        }
        (self.bars, self.carried) = (bars, carried);
        Ok(())
    }

    fn boxed_clone(&self) -> Box<dyn Operator> {
        Box::new(*self)
    }
}

/// Wilder's relative strength index, 0..100. Carries the close before, the mean gain and the mean loss.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rsi {
    bars: u32,
    /// All but one of the bars, and one of them as a share: the weights in Wilder's average.
    others: f64,
    share: f64,
}

impl Rsi {
    pub(crate) fn new(bars: u32) -> Self {
        Self {
            bars,
            others: f64::from(bars.saturating_sub(1)),
            share: 1.0 / f64::from(bars),
        }
    }

    /// Neither gain nor loss is told apart by a branch: for a finite change, gain minus change is the loss exactly.
    #[inline(always)]
    fn split(change: f64) -> (f64, f64) {
        let gain = if change > 0.0 { change } else { 0.0 };
        (gain, gain - change)
    }

    #[inline(always)]
    fn index(gain: f64, loss: f64) -> f64 {
        let total = gain + loss;
        if total > 0.0 { 100.0 * (gain / total) } else { 50.0 }
    }
}

impl Recursion<1, 3> for Rsi {
    const TAG: Tag = Tag::Rsi;

    fn params(&self, w: &mut Writer<'_>) {
        w.u32(self.bars);
    }

    fn lookback(&self) -> u32 {
        self.bars
    }

    fn seed(&self, at: u32, [before, gain, loss]: &mut [f64; 3], [x]: [f64; 1]) -> f64 {
        if at > 0 {
            let (up, down) = Self::split(x - *before);
            *gain += up;
            *loss += down;
        }
        if at == self.bars {
            *gain *= self.share;
            *loss *= self.share;
        }
        *before = x;
        Self::index(*gain, *loss)
    }

    #[inline(always)]
    fn next(&self, [before, gain, loss]: &mut [f64; 3], [x]: [f64; 1]) -> f64 {
        let (up, down) = Self::split(x - *before);
        *before = x;
        *gain = (*gain * self.others + up) * self.share;
        *loss = (*loss * self.others + down) * self.share;
        Self::index(*gain, *loss)
    }
}

/// The weights of an exponential average: of what was, and of what is new. They sum to 1 exactly.
#[derive(Clone, Copy, Debug)]
struct Weights {
    old: f64,
    new: f64,
}

impl Weights {
    /// Alpha 2/(n+1).
    fn exponential(bars: u32) -> Self {
        let bars = f64::from(bars);
        let old = (bars - 1.0) / (bars + 1.0);
        let new = 1.0 - old;
        // The subtraction is exact from a half on; below, the other weight is taken from this one.
        Self {
            old: if old < 0.5 { 1.0 - new } else { old },
            new,
        }
    }

    /// Alpha 1/n.
    fn wilder(bars: u32) -> Self {
        let bars = f64::from(bars);
        let old = (bars - 1.0) / bars;
        Self { old, new: 1.0 - old }
    }

    #[inline(always)]
    fn average(self, before: f64, x: f64) -> f64 {
        self.old.mul_add(before, self.new * x)
    }
}

/// Exponential moving average. Carries itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ema {
    bars: u32,
    weights: Weights,
}

impl Ema {
    pub(crate) fn new(bars: u32) -> Self {
        Self {
            bars,
            weights: Weights::exponential(bars),
        }
    }
}

impl Recursion<1, 1> for Ema {
    const TAG: Tag = Tag::Ema;

    fn params(&self, w: &mut Writer<'_>) {
        w.u32(self.bars);
    }

    fn lookback(&self) -> u32 {
        self.bars.saturating_sub(1)
    }

    fn seed(&self, at: u32, [average]: &mut [f64; 1], [x]: [f64; 1]) -> f64 {
        *average += x;
        if at == self.lookback() {
            *average /= f64::from(self.bars);
        }
        *average
    }

    #[inline(always)]
    fn next(&self, [average]: &mut [f64; 1], [x]: [f64; 1]) -> f64 {
        *average = self.weights.average(*average, x);
        *average
    }
}

/// Moving average convergence/divergence; output 0 line, 1 signal, 2 histogram. Carries the fast average, the slow one and
/// the signal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Macd {
    bars: [u32; 3],
    weights: [Weights; 3],
    output: u8,
}

impl Macd {
    /// `fast` below `slow`.
    pub(crate) fn new(fast: u32, slow: u32, signal: u32, output: u8) -> Self {
        let bars = [fast, slow, signal];
        Self {
            bars,
            weights: bars.map(Weights::exponential),
            output,
        }
    }

    #[inline(always)]
    fn pick(&self, line: f64, signal: f64) -> f64 {
        match self.output {
            0 => line,
            1 => signal,
            _ => line - signal,
        }
    }
}

impl Recursion<1, 3> for Macd {
    const TAG: Tag = Tag::Macd;

    fn params(&self, w: &mut Writer<'_>) {
        self.bars.iter().for_each(|bars| w.u32(*bars));
        w.u8(self.output);
    }

    fn lookback(&self) -> u32 {
        let [_, slow, signal] = self.bars;
        slow.saturating_add(signal).saturating_sub(2)
    }

    fn seed(&self, at: u32, [fast, slow, signal]: &mut [f64; 3], [x]: [f64; 1]) -> f64 {
        let [fast_bars, slow_bars, signal_bars] = self.bars;
        let [fast_weights, slow_weights, _] = self.weights;
        // Both averages end their seeds at the same bar.
        let both = slow_bars.saturating_sub(1);
        if at > both {
            *fast = fast_weights.average(*fast, x);
            *slow = slow_weights.average(*slow, x);
        } else {
            *slow += x;
            if at >= slow_bars.saturating_sub(fast_bars) {
                *fast += x;
            }
        }
        if at == both {
            *fast /= f64::from(fast_bars);
            *slow /= f64::from(slow_bars);
        }
        let line = *fast - *slow;
        if at >= both {
            *signal += line;
        }
        if at == self.lookback() {
            *signal /= f64::from(signal_bars);
        }
        self.pick(line, *signal)
    }

    #[inline(always)]
    fn next(&self, [fast, slow, signal]: &mut [f64; 3], [x]: [f64; 1]) -> f64 {
        let ([fast_weights, slow_weights, signal_weights], [_, _, signal_bars]) = (self.weights, self.bars);
        *fast = fast_weights.average(*fast, x);
        *slow = slow_weights.average(*slow, x);
        let line = *fast - *slow;
        // One bar is no average: the line itself, also where it has overflowed.
        *signal = if signal_bars == 1 {
            line
        } else {
            signal_weights.average(*signal, line)
        };
        self.pick(line, *signal)
    }
}

/// Average true range; inputs high, low, close. Carries the close before and the average.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Atr {
    bars: u32,
    weights: Weights,
}

impl Atr {
    pub(crate) fn new(bars: u32) -> Self {
        Self {
            bars,
            weights: Weights::wilder(bars),
        }
    }

    #[inline(always)]
    fn range(before: f64, high: f64, low: f64) -> f64 {
        let greater = |a: f64, b: f64| if a > b { a } else { b };
        greater((before - low).abs(), greater((before - high).abs(), high - low))
    }
}

impl Recursion<3, 2> for Atr {
    const TAG: Tag = Tag::Atr;

    fn params(&self, w: &mut Writer<'_>) {
        w.u32(self.bars);
    }

    fn lookback(&self) -> u32 {
        self.bars
    }

    fn seed(&self, at: u32, [before, average]: &mut [f64; 2], [high, low, close]: [f64; 3]) -> f64 {
        if at > 0 {
            *average += Self::range(*before, high, low);
        }
        if at == self.bars {
            *average /= f64::from(self.bars);
        }
        *before = close;
        *average
    }

    #[inline(always)]
    fn next(&self, [before, average]: &mut [f64; 2], [high, low, close]: [f64; 3]) -> f64 {
        *average = self.weights.average(*average, Self::range(*before, high, low));
        *before = close;
        *average
    }
}
