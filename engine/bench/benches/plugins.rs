//! What a call into a plugin costs: one recursion (Wilder's RSI) built in, behind the contract in Rust, and behind it in C from a
//! library that the machine's compiler makes on the spot, each bar by bar and in whole columns, in one race; a plugin that does
//! nothing, for the price of the boundary with all its checks. TA-Lib's own RSI runs in the same race, by its batch function and by its
//! stream; where `ALULA_TALIB` names the pack's library, so does TA-Lib's TRIX as a plugin.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a bench that cannot do its work stops"
)]

use alula_bench::{Race, is_wanted};
use alula_core::column::Column;
use alula_core::ops::sweep::{Computation, Source, Sweep};
use alula_core::registry::Registry;
use alula_core::value::Cell;
use alula_dsl::builtin::Indicator as BuiltIn;
use alula_dsl::graph::{Op, Param as Setting, ValueKind};
use alula_dsl::unit::Unit;
use alula_plugin_abi::host::{Instance, Row};
use alula_plugin_loader::open;
use alula_plugin_sdk::prelude::*;
use alula_plugin_sdk::testing::indicators;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const BARS: usize = 102_400;
const ROUNDS: u32 = 9;
const SLICE: Duration = Duration::from_millis(40);
const PERIOD: f64 = 14.0;

/// Wilder's RSI over fourteen rows, in the order of TA-Lib's operations.
struct Rsi {
    rows: u64,
    last: f64,
    up: f64,
    down: f64,
}

impl Indicator for Rsi {
    const ID: &'static CStr = c"rsi";
    const VERSION: &'static CStr = c"1.0.0";
    const DOC: &'static CStr = c"Wilder's RSI";
    const INPUTS: &'static [Port] = &[Port::new(c"close")];
    const OUTPUTS: &'static [Port] = &[Port::new(c"rsi").range(0.0, 100.0)];

    fn new(_: &Params<'_>) -> Result<Self, String> {
        Ok(Self {
            rows: 0,
            last: 0.0,
            up: 0.0,
            down: 0.0,
        })
    }

    fn warmup(&self) -> u64 {
        14
    }

    fn update(&mut self, inputs: &[f64], outputs: &mut [f64]) -> Result<Ready, String> {
        let change = inputs[0] - self.last;
        self.last = inputs[0];
        self.rows += 1;
        if self.rows == 1 {
            return Ok(Ready::NotYet);
        }
        let (up, down) = (change.max(0.0), (-change).max(0.0));
        if self.rows <= 15 {
            self.up += up;
            self.down += down;
            if self.rows < 15 {
                return Ok(Ready::NotYet);
            }
            self.up /= PERIOD;
            self.down /= PERIOD;
        } else {
            self.up = (self.up * (PERIOD - 1.0) + up) / PERIOD;
            self.down = (self.down * (PERIOD - 1.0) + down) / PERIOD;
        }
        let sum = self.up + self.down;
        outputs[0] = if sum == 0.0 { 0.0 } else { 100.0 * (self.up / sum) };
        Ok(Ready::Yes)
    }

    fn save(&self, _: &mut Writer) {}

    fn load(&mut self, _: u32, _: &mut Reader<'_>) -> Result<(), String> {
        Ok(())
    }
}

/// Its input, untouched.
struct Through;

impl Indicator for Through {
    const ID: &'static CStr = c"through";
    const VERSION: &'static CStr = c"1.0.0";
    const DOC: &'static CStr = c"its input";
    const INPUTS: &'static [Port] = &[Port::new(c"close")];
    const OUTPUTS: &'static [Port] = &[Port::new(c"same")];

    fn new(_: &Params<'_>) -> Result<Self, String> {
        Ok(Self)
    }
    fn warmup(&self) -> u64 {
        0
    }
    fn update(&mut self, inputs: &[f64], outputs: &mut [f64]) -> Result<Ready, String> {
        outputs[0] = inputs[0];
        Ok(Ready::Yes)
    }
    fn save(&self, _: &mut Writer) {}
    fn load(&mut self, _: u32, _: &mut Reader<'_>) -> Result<(), String> {
        Ok(())
    }
}

fn made<T: Indicator>() -> Instance {
    let factory = indicators::<T>().unwrap();
    let info = &factory.indicators()[0];
    factory.create(info, &[]).unwrap()
}

/// The plugin in C; none where there is no compiler.
#[expect(
    clippy::print_stderr,
    reason = "who reads the race must know what is missing from it"
)]
fn in_c(folder: &Path) -> Option<Instance> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let library = folder.join("rsi.so");
    let made = Command::new("cc")
        .args(["-std=c11", "-O2", "-fPIC", "-shared", "-fvisibility=hidden", "-I"])
        .arg(here.join("../../plugins/abi/include"))
        .arg(here.join("benches/rsi.c"))
        .arg("-o")
        .arg(&library)
        .status();
    if !made.is_ok_and(|s| s.success()) {
        eprintln!("skipped: cc absent");
        return None;
    }
    Some(opened(&library, folder, "rsi"))
}

/// An indicator of a library with its defaults.
fn opened(library: &Path, folder: &Path, name: &str) -> Instance {
    let library = open(&std::fs::read(library).unwrap(), &folder.join("cache")).unwrap();
    let info = library.factory.find(name).unwrap();
    let values: Vec<f64> = info.params.iter().map(|p| p.default).collect();
    library.factory.create(info, &values).unwrap()
}

fn by_row(instance: &mut Instance, close: &[f64]) -> f64 {
    instance.reset();
    for x in close {
        instance.update(&[*x]);
    }
    instance.outputs()[0]
}

fn at_once(instance: &mut Instance, close: &[f64], out: &mut [Vec<f64>]) -> f64 {
    instance.reset();
    let rows = instance.update_batch(&[close], out);
    assert_eq!(rows.last(), Some(&Row::Ready));
    out[0][close.len() - 1]
}

/// TA-Lib's own RSI over all bars at once.
fn ta_at_once(core: &ta_lib::Core, close: &[f64], out: &mut [f64]) -> f64 {
    let last = close.len() - 1;
    let range = core.rsi(0, last, close, 14, out).unwrap();
    assert_eq!(range.beg_idx + range.count, close.len());
    out[range.count - 1]
}

/// The same by its stream, which wants the bars of its look-back to begin with.
fn ta_by_row(core: &ta_lib::Core, close: &[f64]) -> f64 {
    let (mut stream, mut last) = core.rsi_open(&close[..15], 14).unwrap();
    for x in &close[15..] {
        last = stream.update(*x).unwrap();
    }
    last
}

fn main() {
    let mut state = 7_u64;
    let mut level = 4_000.0_f64;
    let close: Vec<f64> = (0..BARS)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let draw = f64::from(u32::try_from(state >> 33).unwrap()) / f64::from(u32::MAX / 2);
            level *= 1.0 + 0.01 * (draw - 0.5);
            level
        })
        .collect();
    let bars = u32::try_from(BARS).unwrap();
    let column = Column::from_numbers(close.iter().map(|v| Cell::number(*v)));
    let op = Op::Indicator {
        which: BuiltIn::Rsi,
        params: vec![Setting::Count(14)],
        output: 0,
    };
    let swept = || {
        let operator = Registry::default().operator(&op, 1).unwrap();
        let mut sweep = Sweep::new(vec![Computation {
            operator,
            kind: ValueKind::Number(Unit::NONE),
            sources: vec![Source::Given(0)],
            keep: true,
        }]);
        sweep.run(&[&column], BARS);
        sweep.kept(0).unwrap().get(BARS - 1).known().unwrap()
    };
    let mut operator = Registry::default().operator(&op, 1).unwrap();
    let mut stepped = || {
        operator.reset();
        let last = close.iter().map(|x| operator.step(&[Cell::number(*x)])).last();
        last.unwrap().known().unwrap()
    };
    let (mut row, mut batch) = (made::<Rsi>(), made::<Rsi>());
    let mut out = vec![Vec::new()];
    let ours = swept();
    let (core, mut ta_out) = (ta_lib::Core::new(), vec![0.0; BARS]);
    for theirs in [
        stepped(),
        ta_at_once(&core, &close, &mut ta_out),
        ta_by_row(&core, &close),
        by_row(&mut row, &close),
        at_once(&mut batch, &close, &mut out),
    ] {
        assert!((ours / theirs - 1.0).abs() < 1e-9, "{ours} and {theirs}");
    }
    let folder = tempfile::tempdir().unwrap();
    let (mut c_row, mut c_batch) = (in_c(folder.path()), in_c(folder.path()));
    let mut c_out = vec![Vec::new()];
    if is_wanted("rsi") {
        let mut race = Race::new("RSI(14), built in and as a plugin", "bar", bars)
            .with("built in, batch", swept)
            .with("built in, bar by bar", stepped)
            .with("TA-Lib's own, batch", || ta_at_once(&core, &close, &mut ta_out))
            .with("TA-Lib's own, bar by bar", || ta_by_row(&core, &close))
            .with("plugin in Rust, batch", || at_once(&mut batch, &close, &mut out))
            .with("plugin in Rust, bar by bar", || by_row(&mut row, &close));
        if let (Some(row), Some(batch)) = (&mut c_row, &mut c_batch) {
            for theirs in [by_row(row, &close), at_once(batch, &close, &mut c_out)] {
                assert!((ours / theirs - 1.0).abs() < 1e-9, "{ours} and {theirs}");
            }
            race = race
                .with("plugin in C, batch", || at_once(batch, &close, &mut c_out))
                .with("plugin in C, bar by bar", || by_row(row, &close));
        }
        race.run(ROUNDS, SLICE).print();
    }
    if let (Some(library), true) = (std::env::var_os("ALULA_TALIB"), is_wanted("talib")) {
        let library = Path::new(&library);
        let (mut row, mut batch) = (
            opened(library, folder.path(), "trix"),
            opened(library, folder.path(), "trix"),
        );
        let mut out = vec![Vec::new()];
        Race::new("TRIX of TA-Lib as a plugin", "bar", bars)
            .with("batch", || at_once(&mut batch, &close, &mut out))
            .with("bar by bar", || by_row(&mut row, &close))
            .run(ROUNDS, SLICE)
            .print();
    }
    let (mut row, mut batch) = (made::<Through>(), made::<Through>());
    let mut out = vec![Vec::new()];
    if is_wanted("boundary") {
        Race::new("the boundary: a plugin that gives its input", "bar", bars)
            .with("batch", || at_once(&mut batch, &close, &mut out))
            .with("bar by bar", || by_row(&mut row, &close))
            .run(ROUNDS, SLICE)
            .print();
    }
}
