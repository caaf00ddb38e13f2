//! A program of the user's that is told what matters: fills, orders, alerts, changes of thresholds, margin calls.
//!
//! Each event starts it once, with one JSON object on its standard input. It cannot slow the run down: events wait in a short
//! queue, and what does not fit is counted and told at the end.

use super::lines;
use alula_live::Happening;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Events that wait.
const QUEUE: usize = 256;
/// Longest that the program may take for one.
const PATIENCE: Duration = Duration::from_secs(10);

/// Starts the program for each event that matters.
pub struct Hook {
    queue: Option<SyncSender<String>>,
    worker: Option<JoinHandle<()>>,
    failed: Arc<AtomicU64>,
    /// Events that did not fit.
    pub dropped: u64,
}

impl Hook {
    /// With a program.
    pub fn new(program: &Path) -> Self {
        let program = program.to_owned();
        let (queue, events) = sync_channel::<String>(QUEUE);
        let failed = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&failed);
        let worker = std::thread::spawn(move || {
            for event in events.iter().filter(|event| !tell(&program, event)) {
                counted.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(target: "alula::hook", bytes = event.len(), "the hook failed for an event");
            }
        });
        Self {
            queue: Some(queue),
            worker: Some(worker),
            failed,
            dropped: 0,
        }
    }

    /// Passes on what matters.
    pub fn take(&mut self, news: &[Happening], now: lines::Now) {
        for happening in news.iter().filter(|h| matters(h)) {
            if let Some(queue) = &self.queue
                && let Err(TrySendError::Full(_)) = queue.try_send(lines::json(happening, now))
            {
                self.dropped += 1;
            }
        }
    }

    /// What became of events so far, in Prometheus's text format.
    pub fn metrics(&self) -> String {
        let rows = [
            (
                "failed",
                "Events for which the hook failed.",
                self.failed.load(Ordering::Relaxed),
            ),
            (
                "dropped",
                "Events that did not fit the hook's queue.",
                self.dropped,
            ),
        ];
        rows.iter()
            .map(|(name, help, n)| {
                format!("# HELP alula_hook_{name}_total {help}\n# TYPE alula_hook_{name}_total counter\nalula_hook_{name}_total {n}\n")
            })
            .collect()
    }

    /// Passes on that the run had to stop.
    pub fn stopped(&mut self, event: &str) {
        if let Some(queue) = &self.queue
            && queue.try_send(event.to_owned()).is_err()
        {
            self.dropped += 1;
        }
    }

    /// Waits until the program has been told everything; says how often it failed.
    pub fn end(mut self) -> u64 {
        self.queue.take();
        if let Some(worker) = self.worker.take() {
            // One that broke off has told what it could.
            let _ = worker.join();
        }
        self.failed.load(Ordering::Relaxed)
    }
}

pub(super) const fn matters(happening: &Happening) -> bool {
    !matches!(
        happening,
        Happening::Tick(_) | Happening::Session(_) | Happening::Decision(_)
    )
}

/// Runs the program once; says whether it ended well and in time.
fn tell(program: &PathBuf, event: &str) -> bool {
    let child = Command::new(program)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let Ok(mut child) = child else { return false };
    if let Some(mut stdin) = child.stdin.take() {
        // A program that does not read is its own affair.
        let _ = stdin.write_all(event.as_bytes());
    }
    let started = Instant::now();
    while started.elapsed() < PATIENCE {
        match child.try_wait() {
            Ok(Some(status)) => return status.success(),
            Ok(None) => std::thread::sleep(Duration::from_millis(5)),
            Err(_) => return false,
        }
    }
    let _ = child.kill();
    let _ = child.wait();
    false
}
