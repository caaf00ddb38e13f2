//! The variance risk premium: what volatility costs beside what it turned out to be.

use crate::{YEAR_DAYS, number, other_ports};
use alula_plugin_sdk::prelude::*;
use std::collections::VecDeque;

/// Implied against realized volatility. Realized: squared log returns of the last rows, mean taken as zero, 252 days a year, as
/// variance swaps are settled. Implied minus realized variance is the premium of Bollerslev, Tauchen and Zhou (2009).
#[derive(Debug)]
pub struct VariancePremium {
    length: usize,
    close: Option<f64>,
    /// Squared log returns, oldest first.
    squares: VecDeque<f64>,
}

impl Indicator for VariancePremium {
    const ID: &'static CStr = c"variance_premium";
    const VERSION: &'static CStr = c"1.0.0";
    const DOC: &'static CStr = c"implied volatility beside what was realized over the last rows";
    const PARAMS: &'static [Param] =
        &[Param::whole(c"length", 2, 2000, 21).doc(c"returns in realized volatility")];
    const INPUTS: &'static [Port] = &[
        Port::new(c"close")
            .unit(c"pts")
            .positive()
            .doc(c"daily closes of the underlying"),
        Port::new(c"vix")
            .unit(c"vol")
            .positive()
            .doc(c"implied volatility"),
    ];
    const OUTPUTS: &'static [Port] = &[
        Port::new(c"realized").unit(c"vol").range(0.0, f64::NAN),
        Port::new(c"premium").unit(c"vol").doc(c"implied - realized"),
        Port::new(c"ratio")
            .unit(c"ratio")
            .range(0.0, f64::NAN)
            .doc(c"implied / realized"),
        Port::new(c"variance")
            .unit(c"number")
            .doc(c"implied - realized variance, in points squared"),
    ];

    fn new(params: &Params<'_>) -> Result<Self, String> {
        Ok(Self {
            length: params.count("length")?,
            close: None,
            squares: VecDeque::new(),
        })
    }

    fn warmup(&self) -> u64 {
        self.length as u64
    }

    fn update(&mut self, inputs: &[f64], outputs: &mut [f64]) -> Result<Ready, String> {
        let ([close, vix], [realized, premium, ratio, variance]) = (inputs, outputs) else {
            return Err(other_ports());
        };
        if let Some(last) = self.close.replace(*close) {
            let back = (close / last).ln();
            // A quotient past the largest number has no logarithm to speak of: such a row ends the window's use.
            self.squares
                .push_back(if back.is_finite() { back * back } else { 0.0 });
            if self.squares.len() > self.length {
                self.squares.pop_front();
            }
        }
        if self.squares.len() < self.length {
            return Ok(Ready::NotYet);
        }
        // Summed anew each row, oldest first: the same bits wherever the series began.
        let mean = self.squares.iter().sum::<f64>() / number(self.length);
        let vol = 100.0 * (YEAR_DAYS * mean).sqrt();
        *realized = vol;
        *premium = vix - vol;
        *ratio = vix / vol;
        *variance = vix * vix - vol * vol;
        // Without any movement there is no ratio.
        let finite = [*premium, *ratio, *variance].iter().all(|x| x.is_finite());
        Ok(if finite { Ready::Yes } else { Ready::NotYet })
    }

    fn save(&self, out: &mut Writer) {
        out.option(self.close);
        out.numbers(self.squares.iter());
    }

    fn load(&mut self, _: u32, state: &mut Reader<'_>) -> Result<(), String> {
        self.close = state.option()?;
        self.squares = state.numbers(self.length)?.into();
        if self.squares.iter().any(|x| *x < 0.0) {
            return Err("a square of the state is negative".to_owned());
        }
        Ok(())
    }
}
