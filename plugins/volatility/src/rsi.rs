//! RSI with bands that follow it.

use crate::{number, other_ports};
use alula_plugin_sdk::prelude::*;
use std::collections::VecDeque;

/// Wilder's RSI, and the quantiles of its last values in place of the fixed 30 and 70 (interpolated linearly between the
/// nearest values).
#[derive(Debug)]
pub struct RsiBands {
    length: usize,
    window: usize,
    quantiles: (f64, f64),
    last: Option<f64>,
    /// Changes seen, up to `length`.
    changes: usize,
    up: f64,
    down: f64,
    /// Newest values of RSI, oldest first.
    values: VecDeque<f64>,
}

impl Indicator for RsiBands {
    const ID: &'static CStr = c"rsi_bands";
    const VERSION: &'static CStr = c"1.0.0";
    const DOC: &'static CStr = c"Wilder's RSI with bands at quantiles of its own last values";
    const PARAMS: &'static [Param] = &[
        Param::whole(c"length", 2, 500, 14).doc(c"rows of RSI"),
        Param::whole(c"window", 10, 5000, 252).doc(c"values of RSI that the bands rest on"),
        Param::number(c"low", 0.0, 0.5, 0.1)
            .unit(c"percent")
            .doc(c"quantile of the lower band"),
        Param::number(c"high", 0.5, 1.0, 0.9)
            .unit(c"percent")
            .doc(c"quantile of the upper band"),
    ];
    const INPUTS: &'static [Port] = &[Port::new(c"close").range(-1e100, 1e100)];
    const OUTPUTS: &'static [Port] = &[
        Port::new(c"rsi").unit(c"number").range(0.0, 100.0),
        Port::new(c"lower").unit(c"number").range(0.0, 100.0),
        Port::new(c"upper").unit(c"number").range(0.0, 100.0),
        Port::new(c"oversold")
            .unit(c"bool")
            .doc(c"at or below the lower band"),
        Port::new(c"overbought")
            .unit(c"bool")
            .doc(c"at or above the upper band"),
    ];

    fn new(params: &Params<'_>) -> Result<Self, String> {
        Ok(Self {
            length: params.count("length")?,
            window: params.count("window")?,
            quantiles: (params.number("low")?, params.number("high")?),
            last: None,
            changes: 0,
            up: 0.0,
            down: 0.0,
            values: VecDeque::new(),
        })
    }

    fn warmup(&self) -> u64 {
        (self.length + self.window - 1) as u64
    }

    fn update(&mut self, inputs: &[f64], outputs: &mut [f64]) -> Result<Ready, String> {
        let ([close], [rsi, lower, upper, oversold, overbought]) = (inputs, outputs) else {
            return Err(other_ports());
        };
        let Some(last) = self.last.replace(*close) else {
            return Ok(Ready::NotYet);
        };
        let n = number(self.length);
        let (rise, fall) = ((close - last).max(0.0), (last - close).max(0.0));
        if self.changes < self.length {
            // The first mean is a plain one.
            self.changes += 1;
            self.up += rise / n;
            self.down += fall / n;
            if self.changes < self.length {
                return Ok(Ready::NotYet);
            }
        } else {
            self.up = (self.up * (n - 1.0) + rise) / n;
            self.down = (self.down * (n - 1.0) + fall) / n;
        }
        let whole = self.up + self.down;
        let value = if whole > 0.0 {
            (100.0 * (self.up / whole)).clamp(0.0, 100.0)
        } else {
            50.0
        };
        self.values.push_back(value);
        if self.values.len() > self.window {
            self.values.pop_front();
        }
        if self.values.len() < self.window {
            return Ok(Ready::NotYet);
        }
        let mut sorted: Vec<f64> = self.values.iter().copied().collect();
        sorted.sort_by(f64::total_cmp);
        let (low, high) = (
            quantile(&sorted, self.quantiles.0),
            quantile(&sorted, self.quantiles.1),
        );
        (*rsi, *lower, *upper) = (value, low, high);
        *oversold = f64::from(u8::from(value <= low));
        *overbought = f64::from(u8::from(value >= high));
        Ok(Ready::Yes)
    }

    fn save(&self, out: &mut Writer) {
        out.option(self.last);
        out.count(self.changes as u64);
        out.number(self.up);
        out.number(self.down);
        out.numbers(self.values.iter());
    }

    fn load(&mut self, _: u32, state: &mut Reader<'_>) -> Result<(), String> {
        self.last = state.option()?;
        let changes = usize::try_from(state.count()?).unwrap_or(usize::MAX);
        self.up = state.number()?;
        self.down = state.number()?;
        self.values = state.numbers(self.window)?.into();
        let inside = |x: &f64| (0.0..=100.0).contains(x);
        if changes > self.length || self.up < 0.0 || self.down < 0.0 || !self.values.iter().all(inside) {
            return Err("the state is none of these parameters".to_owned());
        }
        self.changes = changes;
        Ok(())
    }
}

/// The quantile of sorted values, interpolated linearly (type 7 of Hyndman and Fan).
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    let place = share * number(last);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and a few thousand"
    )]
    let at = (place.floor() as usize).min(last);
    let here = sorted.get(at).copied().unwrap_or(50.0);
    let next = sorted.get(at + 1).copied().unwrap_or(here);
    (here + (place - place.floor()) * (next - here)).clamp(here, next)
}
