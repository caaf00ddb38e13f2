//! Progress bars on standard error, for people who wait; nothing where nobody looks.

use crate::output::Output;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar, or nothing.
#[derive(Debug)]
pub struct Bar {
    inner: ProgressBar,
    unit: Unit,
}

/// What a bar counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Bytes,
    Ticks,
    Runs,
}

impl Bar {
    /// A bar that counts bytes.
    #[must_use]
    pub fn of_bytes(out: &Output) -> Self {
        Self::new(out, Unit::Bytes)
    }

    /// A bar that counts `ticks`.
    #[must_use]
    pub fn of_ticks(out: &Output) -> Self {
        Self::new(out, Unit::Ticks)
    }

    /// A bar that counts `runs`.
    #[must_use]
    pub fn of_runs(out: &Output) -> Self {
        Self::new(out, Unit::Runs)
    }

    fn new(out: &Output, unit: Unit) -> Self {
        let target = if out.progress {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        Self {
            inner: ProgressBar::with_draw_target(None, target),
            unit,
        }
    }

    /// Work begins.
    pub fn begin(&self, total: u64) {
        let template = match self.unit {
            Unit::Bytes => "{bar:32} {bytes:>9} of {total_bytes} · {eta} left · {wide_msg}",
            Unit::Ticks => "{bar:32} {pos:>7} of {len} ticks · {eta} left · {wide_msg}",
            Unit::Runs => "{bar:32} {pos:>7} of {len} runs · {eta} left · {wide_msg}",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.inner.set_style(style.progress_chars("█▉▊▋▌▍▎▏ "));
        }
        self.inner.set_length(total);
    }

    /// So much more is done.
    pub fn step(&self, n: u64, what: &str) {
        self.inner.set_message(what.to_owned());
        self.inner.inc(n);
    }

    /// So much is done in all.
    pub fn at(&self, n: u64, what: &str) {
        self.inner.set_message(what.to_owned());
        self.inner.set_position(n);
    }

    /// The bar goes away.
    pub fn end(&self) {
        self.inner.finish_and_clear();
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        // An error must not be written into the middle of a bar.
        self.end();
    }
}

impl alula_market::import::Progress for Bar {
    fn start(&mut self, total: u64) {
        self.begin(total);
    }

    fn advance(&mut self, n: u64, what: &str) {
        self.step(n, what);
    }

    fn finish(&mut self) {
        self.end();
    }
}
