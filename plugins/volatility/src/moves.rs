//! How far a market is expected to go, by its implied volatility.

use crate::{YEAR_DAYS, other_ports};
use alula_plugin_sdk::prelude::*;

/// Expected moves over some days, in points.
///
/// One standard deviation is `close * vol / 100 * sqrt(days / 252)` (the rule of sixteen for one day). Of a Brownian motion,
/// the mean absolute move is `sqrt(2 / pi)` of it and the mean of highest minus lowest is `sqrt(8 / pi)` of it (Feller 1951).
#[derive(Debug)]
pub struct ExpectedMove {
    share: f64,
    width: f64,
}

impl Indicator for ExpectedMove {
    const ID: &'static CStr = c"expected_move";
    const VERSION: &'static CStr = c"1.0.0";
    const DOC: &'static CStr = c"moves that implied volatility expects over some days";
    const PARAMS: &'static [Param] = &[
        Param::whole(c"days", 1, 252, 1).doc(c"trading days ahead"),
        Param::number(c"width", 0.1, 5.0, 1.0).doc(c"standard deviations of low and high"),
    ];
    const INPUTS: &'static [Port] = &[
        Port::new(c"close").unit(c"pts").positive(),
        Port::new(c"vol")
            .unit(c"vol")
            .positive()
            .doc(c"annual implied volatility"),
    ];
    const OUTPUTS: &'static [Port] = &[
        Port::new(c"sigma")
            .unit(c"pts")
            .range(0.0, f64::NAN)
            .doc(c"one standard deviation"),
        Port::new(c"typical")
            .unit(c"pts")
            .range(0.0, f64::NAN)
            .doc(c"mean absolute move"),
        Port::new(c"range")
            .unit(c"pts")
            .range(0.0, f64::NAN)
            .doc(c"mean of highest minus lowest"),
        Port::new(c"low").unit(c"pts"),
        Port::new(c"high").unit(c"pts"),
    ];

    fn new(params: &Params<'_>) -> Result<Self, String> {
        Ok(Self {
            share: (params.number("days")? / YEAR_DAYS).sqrt() / 100.0,
            width: params.number("width")?,
        })
    }

    fn warmup(&self) -> u64 {
        0
    }

    fn update(&mut self, inputs: &[f64], outputs: &mut [f64]) -> Result<Ready, String> {
        let ([close, vol], [sigma, typical, range, low, high]) = (inputs, outputs) else {
            return Err(other_ports());
        };
        let one = close * vol * self.share;
        *sigma = one;
        *typical = one * std::f64::consts::FRAC_2_PI.sqrt();
        *range = one * 2.0 * std::f64::consts::FRAC_2_PI.sqrt();
        *low = close - self.width * one;
        *high = close + self.width * one;
        let finite = [*range, *low, *high].iter().all(|x| x.is_finite());
        Ok(if finite { Ready::Yes } else { Ready::NotYet })
    }

    fn save(&self, out: &mut Writer) {
        // Nothing is remembered; one byte tells this from no state at all.
        out.truth(false);
    }

    fn load(&mut self, _: u32, state: &mut Reader<'_>) -> Result<(), String> {
        match state.truth()? {
            false => Ok(()),
            true => Err("the state is another's".to_owned()),
        }
    }
}
