//! The term structure of VIX: nine days, thirty days, three months.

use alula_plugin_sdk::prelude::*;

/// Ratios and slope of the three indices. Above 1 a ratio says that the shorter term costs more: stress.
#[derive(Debug)]
pub struct TermStructure;

impl Indicator for TermStructure {
    const ID: &'static CStr = c"term_structure";
    const VERSION: &'static CStr = c"1.0.0";
    const DOC: &'static CStr = c"VIX9D, VIX and VIX3M against each other: ratios above 1 are stress";
    const INPUTS: &'static [Port] = &[
        Port::new(c"vix9d").unit(c"vol").positive().doc(c"nine days"),
        Port::new(c"vix").unit(c"vol").positive().doc(c"thirty days"),
        Port::new(c"vix3m").unit(c"vol").positive().doc(c"three months"),
    ];
    const OUTPUTS: &'static [Port] = &[
        Port::new(c"near")
            .unit(c"ratio")
            .range(0.0, f64::NAN)
            .doc(c"VIX9D / VIX"),
        Port::new(c"far")
            .unit(c"ratio")
            .range(0.0, f64::NAN)
            .doc(c"VIX / VIX3M"),
        Port::new(c"slope").unit(c"vol").doc(c"VIX3M - VIX"),
        Port::new(c"curve")
            .unit(c"vol")
            .doc(c"VIX9D - 2 VIX + VIX3M: negative where VIX stands out"),
        Port::new(c"inverted").unit(c"bool").doc(c"VIX above VIX3M"),
    ];

    fn new(_: &Params<'_>) -> Result<Self, String> {
        Ok(Self)
    }

    fn warmup(&self) -> u64 {
        0
    }

    fn update(&mut self, inputs: &[f64], outputs: &mut [f64]) -> Result<Ready, String> {
        let ([vix9d, vix, vix3m], [near, far, slope, curve, inverted]) = (inputs, outputs) else {
            return Err(crate::other_ports());
        };
        *near = vix9d / vix;
        *far = vix / vix3m;
        *slope = vix3m - vix;
        *curve = vix9d - 2.0 * vix + vix3m;
        *inverted = f64::from(u8::from(vix > vix3m));
        let finite = [*near, *far, *slope, *curve].iter().all(|x| x.is_finite());
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
