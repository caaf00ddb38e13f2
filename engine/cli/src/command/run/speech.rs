//! What a run says on standard output, whoever reads it and however slowly.

use super::signals::{Signal, Signals};
use crate::args::TextFormat;
use crate::exit::Failure;
use crate::voice::Voice;
use serde_json::json;
use std::io::Write as _;
use std::time::{Duration, Instant};

/// How long a run that somebody stopped waits for a reader that stands still.
const GRACE: Duration = Duration::from_secs(3);
/// Between two looks at signals meanwhile.
const LOOK: Duration = Duration::from_millis(100);

/// Standard output of a run. Where time presses, what its reader does not take in time is left out and counted; where it does
/// not, the market waits for the reader. Signals and commands are answered either way.
pub struct Speech {
    voice: Voice,
    presses: bool,
    format: TextFormat,
    /// Pieces left out since somebody read the last one.
    untold: u64,
    /// Why nobody hears it any more.
    broken: Option<Failure>,
}

impl Speech {
    /// Over standard output.
    pub const fn new(voice: Voice, presses: bool, format: TextFormat) -> Self {
        Self {
            voice,
            presses,
            format,
            untold: 0,
            broken: None,
        }
    }

    /// Says something, or counts what cannot be said.
    pub fn say(&mut self, text: &str) {
        if self.presses && !self.voice.has_room() {
            self.untold = self.untold.saturating_add(1);
            return;
        }
        let left_out = std::mem::take(&mut self.untold);
        if left_out > 0 {
            let told = match self.format {
                TextFormat::Text => format!("({left_out} events left out: nobody read them in time)\n"),
                TextFormat::Json => format!("{}\n", json!({ "event": "left_out", "events": left_out })),
            };
            self.write(&told);
        }
        self.write(text);
    }

    fn write(&mut self, text: &str) {
        if self.broken.is_none() {
            self.broken = self.voice.write_all(text.as_bytes()).err().map(Failure::from);
        }
    }

    /// Whether the market should wait for the reader.
    pub fn is_behind(&self) -> bool {
        !self.presses && !self.is_broken() && !self.voice.has_room()
    }

    /// Whether something is still on its way to the reader.
    pub fn is_busy(&self) -> bool {
        !self.is_broken() && !self.voice.is_done()
    }

    const fn is_broken(&self) -> bool {
        self.broken.is_some()
    }

    /// The last words: waits until they are read, or until somebody stops the run; without words, where time presses, only a
    /// little.
    ///
    /// # Errors
    /// When standard output could not be written, other than for want of a reader.
    pub fn end(mut self, text: &str, stopped: bool, signals: &Signals) -> Result<(), Failure> {
        let hurries = stopped || (self.presses && text.is_empty());
        self.presses = false;
        self.say(text);
        let mut until = hurries.then(|| Instant::now() + GRACE);
        while !self.voice.drain(LOOK) {
            while let Some(signal) = signals.wait(Duration::ZERO) {
                match signal {
                    Signal::Stop => until = Some(Instant::now()),
                    // The run has ended: nothing is left to ask for.
                    Signal::Request(request) => {
                        let _ = request.answer.send(json!({ "error": "the run has ended" }));
                    }
                    Signal::Reload | Signal::File => {}
                }
            }
            if until.is_some_and(|until| until <= Instant::now()) {
                self.voice.give_up();
                break;
            }
        }
        // Told only now: a run does not end because nobody can read it.
        self.write("");
        match self.broken {
            Some(failure) if !failure.closed => Err(failure),
            _ => Ok(()),
        }
    }
}
