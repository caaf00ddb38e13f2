//! Functions of TA-Lib that the language does not have, bound as a plugin: the library's own code over its own streams, which
//! its authors hold to its batch functions bit for bit.
//!
//! TA-Lib cannot save a stream. What is saved here is what went in, and the stream is opened again on it: exact, at eight
//! bytes for each number of each bar.

use alula_plugin_sdk::prelude::*;
use ta_lib::{Core, RetCode};

/// Most bars of one instance: twenty years of minutes. Its state must stay below what the host takes.
const BARS_MAX: usize = 2_000_000;

/// A function of TA-Lib with one output.
trait Function: Sized + Send + 'static {
    const ID: &'static CStr;
    const DOC: &'static CStr;
    const PARAMS: &'static [Param] = &[];
    const INPUTS: &'static [Port];
    const OUTPUTS: &'static [Port];
    /// Whole numbers that it is set up with, in order.
    type Settings: Copy + Send;
    type Stream: Send;

    fn settings(params: &Params<'_>) -> Result<Self::Settings, String>;
    fn lookback(core: &Core, settings: Self::Settings) -> Result<usize, RetCode>;
    fn open(
        core: &Core,
        lanes: &[Vec<f64>],
        settings: Self::Settings,
    ) -> Result<(Self::Stream, f64), RetCode>;
    fn update(stream: &mut Self::Stream, row: &[f64]) -> Result<f64, RetCode>;
}

/// An indicator over such a function.
struct Bound<F: Function> {
    core: Core,
    settings: F::Settings,
    lookback: usize,
    /// Every input so far, lane by lane.
    lanes: Vec<Vec<f64>>,
    stream: Option<F::Stream>,
}

fn said(code: RetCode) -> String {
    format!("ta-lib says {code:?}")
}

impl<F: Function> Bound<F> {
    fn rows(&self) -> usize {
        self.lanes.first().map_or(0, Vec::len)
    }
}

impl<F: Function> Indicator for Bound<F> {
    const ID: &'static CStr = F::ID;
    const VERSION: &'static CStr = c"1.0.0";
    const DOC: &'static CStr = F::DOC;
    const PARAMS: &'static [Param] = F::PARAMS;
    const INPUTS: &'static [Port] = F::INPUTS;
    const OUTPUTS: &'static [Port] = F::OUTPUTS;

    fn new(params: &Params<'_>) -> Result<Self, String> {
        let (core, settings) = (Core::new(), F::settings(params)?);
        let lookback = F::lookback(&core, settings).map_err(said)?;
        Ok(Self {
            core,
            settings,
            lookback,
            lanes: vec![Vec::new(); F::INPUTS.len()],
            stream: None,
        })
    }

    fn warmup(&self) -> u64 {
        self.lookback as u64
    }

    fn update(&mut self, inputs: &[f64], outputs: &mut [f64]) -> Result<Ready, String> {
        let [out] = outputs else {
            return Err("one output".to_owned());
        };
        if self.rows() >= BARS_MAX {
            return Err(format!("more than {BARS_MAX} bars"));
        }
        for (lane, x) in self.lanes.iter_mut().zip(inputs) {
            lane.push(*x);
        }
        if self.rows() <= self.lookback {
            return Ok(Ready::NotYet);
        }
        *out = match &mut self.stream {
            Some(stream) => F::update(stream, inputs).map_err(said)?,
            None => {
                let (stream, first) = F::open(&self.core, &self.lanes, self.settings).map_err(said)?;
                self.stream = Some(stream);
                first
            }
        };
        Ok(Ready::Yes)
    }

    fn save(&self, out: &mut Writer) {
        for lane in &self.lanes {
            out.numbers(lane.iter());
        }
    }

    fn load(&mut self, _: u32, state: &mut Reader<'_>) -> Result<(), String> {
        for lane in &mut self.lanes {
            *lane = state.numbers(BARS_MAX)?;
        }
        let rows = self.rows();
        if self.lanes.iter().any(|lane| lane.len() != rows) {
            return Err("lanes of different lengths".to_owned());
        }
        self.stream = None;
        if rows > self.lookback {
            let (stream, _) = F::open(&self.core, &self.lanes, self.settings).map_err(said)?;
            self.stream = Some(stream);
        }
        Ok(())
    }
}

/// A setting of a function: bars.
fn bars(params: &Params<'_>, name: &str) -> Result<i32, String> {
    i32::try_from(params.count(name)?).map_err(|_| format!("`{name}` is too large"))
}

/// Binds a function: its lanes in order, its whole numbers with range and default, its output.
macro_rules! bind {
    ($name:ident, $id:literal, $doc:literal, [$($lane:ident: $port:literal),+], [$($set:ident: $set_name:literal = $least:literal..$most:literal, $default:literal),*],
     $open:ident, $lookback:ident, $stream:ident, $out:expr) => {
        #[doc = concat!("`", stringify!($open), "`.")]
        struct $name;

        impl Function for $name {
            const ID: &'static CStr = $id;
            const DOC: &'static CStr = $doc;
            const PARAMS: &'static [Param] = &[$(Param::whole($set_name, $least, $most, $default).unit(c"count")),*];
            const INPUTS: &'static [Port] = &[$(Port::new($port).unit(c"pts")),+];
            const OUTPUTS: &'static [Port] = &[$out];
            type Settings = [i32; 0 $(+ { let _ = stringify!($set); 1 })*];
            type Stream = ta_lib::$stream;

            fn settings(params: &Params<'_>) -> Result<Self::Settings, String> {
                let _ = params;
                Ok([$(bars(params, $set_name.to_str().unwrap_or_default())?),*])
            }
            fn lookback(core: &Core, [$($set),*]: Self::Settings) -> Result<usize, RetCode> {
                core.$lookback($($set),*)
            }
            fn open(core: &Core, lanes: &[Vec<f64>], [$($set),*]: Self::Settings) -> Result<(Self::Stream, f64), RetCode> {
                let [$($lane),+] = lanes else {
                    return Err(RetCode::BadParam);
                };
                core.$open($($lane,)+ $($set),*).map(|(stream, first)| (stream, f64::from(first)))
            }
            fn update(stream: &mut Self::Stream, row: &[f64]) -> Result<f64, RetCode> {
                let [$($lane),+] = row else {
                    return Err(RetCode::BadParam);
                };
                stream.update($(*$lane),+).map(f64::from)
            }
        }
    };
}

bind!(Adx, c"adx", c"average directional movement index: how strong a trend is, either way", [high: c"high", low: c"low", close: c"close"],
    [length: c"length" = 2..1000, 14], adx_open, adx_lookback, AdxStream, Port::new(c"adx").unit(c"number"));
bind!(AroonOsc, c"aroon_osc", c"bars since the highest high against bars since the lowest low, -100 to 100", [high: c"high", low: c"low"],
    [length: c"length" = 2..1000, 25], aroonosc_open, aroonosc_lookback, AroonoscStream, Port::new(c"aroon").unit(c"number"));
bind!(Cci, c"cci", c"commodity channel index: distance from the average in mean deviations", [high: c"high", low: c"low", close: c"close"],
    [length: c"length" = 2..1000, 20], cci_open, cci_lookback, CciStream, Port::new(c"cci").unit(c"number"));
bind!(Kama, c"kama", c"Kaufman's adaptive moving average", [close: c"close"],
    [length: c"length" = 2..1000, 10], kama_open, kama_lookback, KamaStream, Port::new(c"kama").unit(c"pts"));
bind!(Trix, c"trix", c"change over a bar of a triple exponential average, in percent of 100", [close: c"close"],
    [length: c"length" = 1..1000, 15], trix_open, trix_lookback, TrixStream, Port::new(c"trix").unit(c"number"));
bind!(UltOsc, c"ultosc", c"Williams' ultimate oscillator over three lengths", [high: c"high", low: c"low", close: c"close"],
    [short: c"short" = 1..1000, 7, medium: c"medium" = 1..1000, 14, long: c"long" = 1..1000, 28],
    ultosc_open, ultosc_lookback, UltoscStream, Port::new(c"ultosc").unit(c"number"));
bind!(Slope, c"linear_slope", c"slope of a straight line through the last closes, points a bar", [close: c"close"],
    [length: c"length" = 2..1000, 14], linearreg_slope_open, linearreg_slope_lookback, LinearregSlopeStream, Port::new(c"slope").unit(c"pts"));
bind!(TrendMode, c"trend_mode", c"whether the market trends (or cycles), by the Hilbert transform", [close: c"close"],
    [], ht_trendmode_open, ht_trendmode_lookback, HtTrendmodeStream, Port::new(c"trending").unit(c"bool").range(0.0, 1.0));

alula_plugin_sdk::export_plugin!(
    Bound<Adx>,
    Bound<AroonOsc>,
    Bound<Cci>,
    Bound<Kama>,
    Bound<Trix>,
    Bound<UltOsc>,
    Bound<Slope>,
    Bound<TrendMode>
);

#[cfg(test)]
mod tests {
    use super::*;
    use alula_plugin_sdk::testing::{conforms, rows};

    /// High, low and close of a made-up market.
    fn market() -> Vec<[f64; 3]> {
        (0..80)
            .map(|n| {
                let i = f64::from(n);
                let close = 4000.0 + 120.0 * (0.35 * i).sin() + 3.0 * i - 25.0 * (1.7 * i).cos();
                let high = close + 10.0 + 5.0 * (0.9 * i).cos();
                [high, close - 12.0 - 4.0 * (1.1 * i).sin(), close]
            })
            .collect()
    }

    fn last<F: Function>() -> f64 {
        let market = market();
        let inputs: Vec<&[f64]> = market
            .iter()
            .map(|row| match F::INPUTS.len() {
                1 => &row[2..],
                n => &row[..n],
            })
            .collect();
        let given = rows::<Bound<F>>(&[], &inputs).unwrap();
        given.last().unwrap().as_ref().unwrap()[0]
    }

    /// TA-Lib 0.8.1, the C library, through its Python package 0.8.2, on the same numbers made with numpy 2.4.
    #[test]
    fn values_are_those_of_the_c_library() {
        for (name, ours, theirs) in [
            ("adx", last::<Adx>(), 21.489_101_517_838_925),
            ("aroon_osc", last::<AroonOsc>(), 36.0),
            ("cci", last::<Cci>(), 83.170_703_407_879_71),
            ("kama", last::<Kama>(), 4_295.497_209_912_94),
            ("trix", last::<Trix>(), 0.104_511_383_560_534_91),
            ("ultosc", last::<UltOsc>(), 61.056_329_703_497_56),
            ("linear_slope", last::<Slope>(), 24.723_586_665_613_51),
            ("trend_mode", last::<TrendMode>(), 1.0),
        ] {
            // The sines differ in their last bits.
            assert!((ours / theirs - 1.0).abs() < 1e-9, "{name}: {ours} and {theirs}");
        }
    }

    #[test]
    fn a_bar_at_a_time_is_the_batch_function_bit_for_bit() {
        let market = market();
        let lane = |at: usize| -> Vec<f64> { market.iter().map(|row| row[at]).collect() };
        let (high, low, close) = (lane(0), lane(1), lane(2));
        let core = Core::new();
        let mut out = vec![0.0; close.len()];
        let made = core
            .adx(0, close.len() - 1, &high, &low, &close, 14, &mut out)
            .unwrap();
        let inputs: Vec<&[f64]> = market.iter().map(|row| &row[..]).collect();
        let given: Vec<f64> = rows::<Bound<Adx>>(&[], &inputs)
            .unwrap()
            .into_iter()
            .flatten()
            .map(|row| row[0])
            .collect();
        assert_eq!(given.len(), made.count);
        let same = given.iter().zip(&out).all(|(a, b)| a.to_bits() == b.to_bits());
        assert!(same);
    }

    #[test]
    fn they_pass_every_check() {
        conforms::<Bound<Adx>>().unwrap();
        conforms::<Bound<AroonOsc>>().unwrap();
        conforms::<Bound<Cci>>().unwrap();
        conforms::<Bound<Kama>>().unwrap();
        conforms::<Bound<Trix>>().unwrap();
        conforms::<Bound<UltOsc>>().unwrap();
        conforms::<Bound<Slope>>().unwrap();
        conforms::<Bound<TrendMode>>().unwrap();
    }
}
