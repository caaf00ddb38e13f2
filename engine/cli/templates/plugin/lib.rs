//! NAME: how far a series lies from its own average, as a share of that average.

use alula_plugin_sdk::prelude::*;
use std::collections::VecDeque;

/// The distance of the newest row from the average of the last rows, the newest included.
struct Distance {
    length: usize,
    last: VecDeque<f64>,
}

impl Indicator for Distance {
    const ID: &'static CStr = c"NAME";
    const VERSION: &'static CStr = c"0.1.0";
    const DOC: &'static CStr = c"distance from the average of the last rows";
    const PARAMS: &'static [Param] = &[Param::whole(c"length", 2, 1000, 20).doc(c"rows in the average")];
    const INPUTS: &'static [Port] = &[Port::new(c"close").unit(c"vol").positive()];
    const OUTPUTS: &'static [Port] = &[Port::new(c"distance").unit(c"percent").range(-1.0, f64::NAN)];

    fn new(params: &Params<'_>) -> Result<Self, String> {
        Ok(Self {
            length: params.count("length")?,
            last: VecDeque::new(),
        })
    }

    fn warmup(&self) -> u64 {
        self.length as u64 - 1
    }

    fn update(&mut self, inputs: &[f64], outputs: &mut [f64]) -> Result<Ready, String> {
        let ([close], [distance]) = (inputs, outputs) else {
            return Err("one input and one output".to_owned());
        };
        self.last.push_back(*close);
        if self.last.len() > self.length {
            self.last.pop_front();
        }
        if self.last.len() < self.length {
            return Ok(Ready::NotYet);
        }
        let average = self.last.iter().sum::<f64>() / self.length as f64;
        *distance = close / average - 1.0;
        Ok(Ready::Yes)
    }

    fn save(&self, out: &mut Writer) {
        out.numbers(self.last.iter());
    }

    fn load(&mut self, _version: u32, state: &mut Reader<'_>) -> Result<(), String> {
        self.last = state.numbers(self.length)?.into();
        Ok(())
    }
}

export_plugin!(Distance);

#[cfg(test)]
mod tests {
    use super::*;
    use alula_plugin_sdk::testing::{conforms, rows};

    #[test]
    fn it_is_the_distance_from_the_average() {
        let seen = rows::<Distance>(&[("length", 2.0)], &[&[10.0], &[30.0], &[50.0]]).unwrap();
        // 30 over an average of 20, 50 over one of 40.
        assert_eq!(seen, [None, Some(vec![0.5]), Some(vec![0.25])]);
    }

    #[test]
    fn it_does_all_that_an_indicator_must() {
        conforms::<Distance>().unwrap();
    }
}
