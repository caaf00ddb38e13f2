//! Good and bad indicators through the contract's calls.

// Says to clippy that all of this is test code, helpers included.
#![cfg(test)]

use alula_plugin_sdk::prelude::*;
use alula_plugin_sdk::testing::{conforms, rows};

/// A moving sum with everything an indicator can have.
struct Sum {
    window: usize,
    scale: f64,
    last: Vec<f64>,
}

impl Indicator for Sum {
    const ID: &'static CStr = c"sum";
    const VERSION: &'static CStr = c"1.2.0";
    const DOC: &'static CStr = c"sum of the last rows";
    const STATE_VERSION: u32 = 2;
    const PARAMS: &'static [Param] = &[
        Param::whole(c"window", 1, 50, 5).doc(c"rows"),
        Param::number(c"scale", 0.5, 2.0, 1.0),
    ];
    const INPUTS: &'static [Port] = &[Port::new(c"close").positive().unit(c"vol")];
    const OUTPUTS: &'static [Port] = &[Port::new(c"sum").unit(c"vol"), Port::new(c"up").unit(c"bool")];

    fn new(params: &Params<'_>) -> Result<Self, String> {
        Ok(Self {
            window: params.count("window")?,
            scale: params.number("scale")?,
            last: Vec::new(),
        })
    }
    fn warmup(&self) -> u64 {
        self.window as u64 - 1
    }
    fn update(&mut self, inputs: &[f64], outputs: &mut [f64]) -> Result<Ready, String> {
        self.last.push(inputs[0]);
        if self.last.len() < self.window {
            return Ok(Ready::NotYet);
        }
        if self.last.len() > self.window {
            self.last.remove(0);
        }
        outputs[0] = self.scale * self.last.iter().sum::<f64>();
        outputs[1] = f64::from(u8::from(self.last[self.window - 1] > self.last[0]));
        Ok(Ready::Yes)
    }
    fn save(&self, out: &mut Writer) {
        out.numbers(self.last.iter());
    }
    fn load(&mut self, _: u32, state: &mut Reader<'_>) -> Result<(), String> {
        self.last = state.numbers(self.window)?;
        Ok(())
    }
}

/// Misbehaves in the way that its parameter says.
struct Bad {
    how: usize,
    rows: u64,
}

const BAD_NEW: f64 = 1.0;
const BAD_UPDATE: f64 = 2.0;
const BAD_NAN: f64 = 3.0;
const BAD_RANGE: f64 = 4.0;
const BAD_FORGOTTEN: f64 = 5.0;
const BAD_EARLY: f64 = 6.0;
const BAD_SAVE: f64 = 7.0;
const BAD_ERROR: f64 = 8.0;
const BAD_DROP: f64 = 9.0;

impl Indicator for Bad {
    const ID: &'static CStr = c"bad";
    const VERSION: &'static CStr = c"0.0.1";
    const DOC: &'static CStr = c"misbehaves";
    const PARAMS: &'static [Param] = &[Param::whole(c"how", 0, 20, 0)];
    const INPUTS: &'static [Port] = &[Port::new(c"x")];
    const OUTPUTS: &'static [Port] = &[Port::new(c"y").range(0.0, 100.0)];

    fn new(params: &Params<'_>) -> Result<Self, String> {
        let how = params.count("how")?;
        assert_ne!(how, 1, "in new");
        Ok(Self { how, rows: 0 })
    }
    fn warmup(&self) -> u64 {
        2
    }
    fn update(&mut self, inputs: &[f64], outputs: &mut [f64]) -> Result<Ready, String> {
        self.rows += 1;
        if self.rows <= 2 && self.how != 6 {
            return Ok(Ready::NotYet);
        }
        outputs[0] = inputs[0].abs().min(100.0);
        if self.rows > 4 {
            match self.how {
                2 => panic!("in update of row {}", self.rows),
                3 => outputs[0] = f64::NAN,
                4 => outputs[0] = 100.5,
                5 => return Ok(Ready::Yes).inspect(|_| outputs.fill(f64::NAN)),
                8 => return Err("the numbers do not converge".to_owned()),
                _ => {}
            }
        }
        Ok(Ready::Yes)
    }
    fn save(&self, out: &mut Writer) {
        assert_ne!(self.how, 7, "in save");
        out.count(self.rows);
    }
    fn load(&mut self, _: u32, state: &mut Reader<'_>) -> Result<(), String> {
        self.rows = state.count()?;
        Ok(())
    }
}

impl Drop for Bad {
    fn drop(&mut self) {
        assert_ne!(self.how, 9, "in drop");
    }
}

fn bad(how: f64) -> String {
    let inputs: Vec<Vec<f64>> = (0..8).map(|i| vec![f64::from(i)]).collect();
    let inputs: Vec<&[f64]> = inputs.iter().map(Vec::as_slice).collect();
    rows::<Bad>(&[("how", how)], &inputs).expect_err("it misbehaves")
}

#[test]
fn a_good_indicator_passes_every_check() {
    conforms::<Sum>().unwrap();
}

#[test]
fn rows_go_in_and_values_come_out() {
    let inputs: [&[f64]; 4] = [&[1.0], &[2.0], &[3.0], &[0.5]];
    let seen = rows::<Sum>(&[("window", 2.0), ("scale", 2.0)], &inputs).unwrap();
    assert_eq!(
        seen,
        [
            None,
            Some(vec![6.0, 1.0]),
            Some(vec![10.0, 1.0]),
            Some(vec![7.0, 0.0])
        ]
    );
}

#[test]
fn a_panic_anywhere_is_an_error_and_the_instance_is_dead() {
    assert!(bad(BAD_NEW).contains("in new"), "{}", bad(BAD_NEW));
    assert_eq!(bad(BAD_UPDATE), "it panicked: in update of row 5 (row 4)");
    // A panic while it is destroyed is caught too, and has nobody to tell.
    let inputs: [&[f64]; 1] = [&[1.0]];
    assert_eq!(rows::<Bad>(&[("how", BAD_DROP)], &inputs).unwrap(), [None]);
}

#[test]
fn an_output_that_is_no_number_or_out_of_range_ends_the_instance() {
    assert_eq!(bad(BAD_NAN), "its `y` is NaN, no finite number (row 4)");
    assert_eq!(bad(BAD_RANGE), "its `y` is 100.5, outside 0..100 (row 4)");
    assert_eq!(bad(BAD_FORGOTTEN), "its `y` is NaN, no finite number (row 4)");
    assert_eq!(
        bad(BAD_EARLY),
        "it gave a value before its own warm-up of 2 rows (row 0)"
    );
    assert_eq!(bad(BAD_ERROR), "the numbers do not converge (row 4)");
}

#[test]
fn a_state_that_cannot_be_saved_is_found_by_the_checks() {
    let inputs: [&[f64]; 1] = [&[1.0]];
    assert!(rows::<Bad>(&[("how", BAD_SAVE)], &inputs).is_ok());
    // With its default it behaves, down to its state.
    conforms::<Bad>().unwrap();
}

#[test]
fn parameters_out_of_range_or_unknown_are_refused_with_words() {
    let refused = |name: &str, value: f64| rows::<Sum>(&[(name, value)], &[]).unwrap_err();
    assert_eq!(refused("window", 51.0), "`window` is 51, outside 1..50");
    assert_eq!(refused("window", 1.5), "`window` is 1.5, and is a whole number");
    assert_eq!(refused("scale", f64::NAN), "`scale` is NaN, outside 0.5..2");
    assert_eq!(refused("depth", 1.0), "there is no parameter `depth`");
}
