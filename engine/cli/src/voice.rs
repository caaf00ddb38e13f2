//! A stream with a thread of its own that writes it, so that a reader who stands still stops nobody but that thread.

use std::io::{self, ErrorKind, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What may wait for its reader before there is no room: some minutes of a busy run, and little memory.
const ROOM: usize = 1 << 18;

#[derive(Debug, Default)]
struct State {
    /// Said, not yet on its way.
    waiting: Vec<u8>,
    /// Some of it is on its way now.
    writing: bool,
    /// Why nothing can be written any more.
    broken: Option<ErrorKind>,
    /// Nobody waits for the reader any more.
    given_up: bool,
    /// What did not fit.
    untold: u64,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // Each change of it is whole, whatever became of who made it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A stream that never keeps who writes to it. Clones write to the same.
#[derive(Clone, Debug)]
pub struct Voice {
    shared: Arc<Shared>,
    /// Leaves out what does not fit, and says how much that was.
    bounded: bool,
}

impl Voice {
    /// Takes over a stream. Where it is `bounded`, what is written while there is no room is left out and counted.
    ///
    /// # Errors
    /// When the system gives no thread; the stream is then gone.
    pub fn over(stream: Box<dyn Write + Send>, bounded: bool) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let own = Arc::clone(&shared);
        std::thread::Builder::new()
            .name("voice".to_owned())
            .spawn(move || speak(&own, stream))?;
        Ok(Self { shared, bounded })
    }

    /// Whether there is room for more. What is said to nobody needs none.
    #[must_use]
    pub fn has_room(&self) -> bool {
        let state = self.shared.state();
        state.broken.is_some() || state.waiting.len() < ROOM
    }

    /// Whether everything was written, or nothing can be any more.
    #[must_use]
    pub fn is_done(&self) -> bool {
        let state = self.shared.state();
        state.broken.is_some() || (state.waiting.is_empty() && !state.writing)
    }

    /// Waits until everything was written, for so long at most; whether it was, or nothing can be any more.
    #[must_use]
    pub fn drain(&self, longest: Duration) -> bool {
        let until = Instant::now().checked_add(longest);
        let mut state = self.shared.state();
        while state.broken.is_none() && (state.writing || !state.waiting.is_empty()) {
            let left = until.map_or(longest, |u| u.saturating_duration_since(Instant::now()));
            if left.is_zero() || state.given_up {
                return false;
            }
            let woken = self.shared.changed.wait_timeout(state, left);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// Says something that is not left out, whether there is room or not.
    pub fn insist(&self, text: &str) {
        self.shared.state().waiting.extend_from_slice(text.as_bytes());
        self.shared.changed.notify_all();
    }

    /// Nobody waits for the reader from here on.
    pub fn give_up(&self) {
        self.shared.state().given_up = true;
        self.shared.changed.notify_all();
    }
}

impl Write for Voice {
    /// Takes it all at once. An earlier write that failed is told here.
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        let mut state = self.shared.state();
        if let Some(kind) = state.broken {
            return Err(kind.into());
        }
        if self.bounded && state.waiting.len() >= ROOM {
            state.untold = state.untold.saturating_add(1);
            return Ok(text.len());
        }
        let untold = std::mem::take(&mut state.untold);
        if untold > 0 {
            let told = format!("({untold} pieces left out: nobody read them in time)\n");
            state.waiting.extend_from_slice(told.as_bytes());
        }
        state.waiting.extend_from_slice(text);
        drop(state);
        self.shared.changed.notify_all();
        Ok(text.len())
    }

    /// What was said is on its way already.
    fn flush(&mut self) -> io::Result<()> {
        match self.shared.state().broken {
            Some(kind) => Err(kind.into()),
            None => Ok(()),
        }
    }
}

/// Writes what was said, as long as somebody may say more.
fn speak(shared: &Arc<Shared>, mut stream: Box<dyn Write + Send>) {
    loop {
        let mut state = shared.state();
        while state.waiting.is_empty() {
            // Whoever else holds it could still speak.
            if Arc::strong_count(shared) == 1 {
                return;
            }
            let woken = shared.changed.wait_timeout(state, Duration::from_secs(1));
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
        let text = std::mem::take(&mut state.waiting);
        state.writing = true;
        drop(state);
        let written = stream.write_all(&text).and_then(|()| stream.flush());
        let mut state = shared.state();
        state.writing = false;
        let broken = written.is_err();
        state.broken = written.err().map(|e| e.kind());
        drop(state);
        shared.changed.notify_all();
        if broken {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, Sender, channel};

    /// Takes a piece whenever somebody lets it.
    struct Slow {
        allowed: Receiver<()>,
        taken: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Slow {
        fn write(&mut self, text: &[u8]) -> io::Result<usize> {
            self.allowed
                .recv()
                .map_err(|_| io::Error::from(ErrorKind::BrokenPipe))?;
            self.taken.lock().unwrap().extend_from_slice(text);
            Ok(text.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn slow(bounded: bool) -> (Voice, Sender<()>, Arc<Mutex<Vec<u8>>>) {
        let (allow, allowed) = channel();
        let taken = Arc::new(Mutex::new(Vec::new()));
        let stream = Slow {
            allowed,
            taken: Arc::clone(&taken),
        };
        (Voice::over(Box::new(stream), bounded).unwrap(), allow, taken)
    }

    #[test]
    fn everything_arrives_in_its_order_once_somebody_reads() {
        let (mut voice, allow, taken) = slow(false);
        for n in 0..1000 {
            writeln!(voice, "{n}").unwrap();
        }
        assert!(!voice.drain(Duration::ZERO), "nobody has read yet");
        for _ in 0..1000 {
            let _ = allow.send(());
        }
        assert!(voice.drain(Duration::from_secs(60)));
        let said: String = (0..1000).map(|n| format!("{n}\n")).collect();
        assert_eq!(*taken.lock().unwrap(), said.as_bytes());
    }

    #[test]
    fn what_does_not_fit_is_left_out_and_counted() {
        let (mut voice, allow, taken) = slow(true);
        let line = [b'x'; 1000];
        voice.write_all(&line).unwrap();
        // The first piece is on its way, and stays there: all others wait.
        while !voice.shared.state().writing {
            std::thread::yield_now();
        }
        for _ in 1..5000 {
            voice.write_all(&line).unwrap();
        }
        assert!(!voice.has_room());
        (0..100).for_each(|_| allow.send(()).unwrap());
        assert!(voice.drain(Duration::from_secs(60)));
        voice.write_all(b"again\n").unwrap();
        assert!(voice.drain(Duration::from_secs(60)));
        let text = String::from_utf8(taken.lock().unwrap().clone()).unwrap();
        let (kept, told) = text.split_once('(').unwrap();
        let left = 5000 - kept.len() / 1000;
        assert!(left > 0);
        let told_as = format!("{left} pieces left out: nobody read them in time)\nagain\n");
        assert_eq!(told, told_as);
    }

    #[test]
    fn a_reader_that_went_away_is_told_to_the_next_who_writes() {
        let (mut voice, allow, _) = slow(false);
        drop(allow);
        voice.write_all(b"a").unwrap();
        assert!(
            voice.drain(Duration::from_secs(60)),
            "there is nothing to wait for"
        );
        assert_eq!(voice.write_all(b"b").unwrap_err().kind(), ErrorKind::BrokenPipe);
    }

    #[test]
    fn nobody_waits_for_a_reader_that_was_given_up() {
        let (mut voice, _allow, _) = slow(false);
        voice.write_all(b"a").unwrap();
        voice.give_up();
        assert!(!voice.drain(Duration::from_secs(3600)));
    }
}
