//! Breadth: how many go along.

use crate::{number, other_ports};
use alula_plugin_sdk::prelude::*;

/// McClellan's oscillator and its running sum, ratio-adjusted: exponential means of `1000 (A - D) / (A + D)`, each begun at
/// its first value, with weights `2 / (n + 1)` (10% and 5% for 19 and 39).
#[derive(Debug)]
pub struct McClellan {
    fast: f64,
    slow: f64,
    rows: u64,
    wanted: u64,
    means: (f64, f64),
    sum: f64,
}

impl Indicator for McClellan {
    const ID: &'static CStr = c"mcclellan";
    const VERSION: &'static CStr = c"1.0.0";
    const DOC: &'static CStr = c"McClellan oscillator and summation index, ratio-adjusted";
    const PARAMS: &'static [Param] = &[
        Param::whole(c"fast", 2, 500, 19).doc(c"rows of the fast mean"),
        Param::whole(c"slow", 3, 1000, 39).doc(c"rows of the slow mean"),
    ];
    const INPUTS: &'static [Port] = &[
        Port::new(c"advances").unit(c"number").range(0.0, f64::NAN),
        Port::new(c"declines").unit(c"number").range(0.0, f64::NAN),
    ];
    const OUTPUTS: &'static [Port] = &[
        Port::new(c"line")
            .unit(c"number")
            .range(-2000.0, 2000.0)
            .doc(c"the oscillator"),
        Port::new(c"sum")
            .unit(c"number")
            .doc(c"its sum since the warm-up ended"),
    ];

    fn new(params: &Params<'_>) -> Result<Self, String> {
        let (fast, slow) = (params.count("fast")?, params.count("slow")?);
        if fast >= slow {
            return Err(format!("`fast` is {fast}, not below `slow` ({slow})"));
        }
        let weight = |n: usize| 2.0 / (number(n) + 1.0);
        Ok(Self {
            fast: weight(fast),
            slow: weight(slow),
            rows: 0,
            wanted: slow as u64,
            means: (0.0, 0.0),
            sum: 0.0,
        })
    }

    fn warmup(&self) -> u64 {
        self.wanted - 1
    }

    fn update(&mut self, inputs: &[f64], outputs: &mut [f64]) -> Result<Ready, String> {
        let ([up, down], [line, sum]) = (inputs, outputs) else {
            return Err(other_ports());
        };
        // Nothing traded, or counts beyond all reason: the row is left out.
        let net = 1000.0 * ((up - down) / (up + down));
        if !net.is_finite() {
            return Ok(Ready::NotYet);
        }
        let (fast, slow) = &mut self.means;
        if self.rows == 0 {
            (*fast, *slow) = (net, net);
        } else {
            *fast += self.fast * (net - *fast);
            *slow += self.slow * (net - *slow);
        }
        self.rows = self.rows.saturating_add(1);
        if self.rows < self.wanted {
            return Ok(Ready::NotYet);
        }
        *line = *fast - *slow;
        self.sum += *line;
        *sum = self.sum;
        Ok(Ready::Yes)
    }

    fn save(&self, out: &mut Writer) {
        out.count(self.rows);
        out.number(self.means.0);
        out.number(self.means.1);
        out.number(self.sum);
    }

    fn load(&mut self, _: u32, state: &mut Reader<'_>) -> Result<(), String> {
        self.rows = state.count()?;
        self.means = (state.number()?, state.number()?);
        self.sum = state.number()?;
        let inside = |x: f64| (-1000.0..=1000.0).contains(&x);
        if inside(self.means.0) && inside(self.means.1) {
            Ok(())
        } else {
            Err("a mean of the state is out of its range".to_owned())
        }
    }
}
