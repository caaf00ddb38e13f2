//! Calls into plugins in this process are watched: one that does not return ends the process, and so does one that leaves.

use super::Function;
use crate::exit::Exit;
use crate::quarantine;
use alula_plugin_loader::{Policy, ending};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Once, PoisonError, Weak};
use std::time::Duration;

/// How often the watchdog looks.
const WATCH: Duration = Duration::from_millis(100);
const ROUNDS_PER_SECOND: u64 = 10;

/// Rounds of the watchdog since it started; 0 before.
static ROUND: AtomicU64 = AtomicU64::new(0);
static WATCHED: Mutex<Vec<Weak<Watch>>> = Mutex::new(Vec::new());

/// The call under way of one instance.
#[derive(Debug)]
pub(super) struct Watch {
    label: String,
    /// Plugin and hash of its library, as the record of a call under way has them.
    whose: (String, String),
    /// Seconds that a call may take; none where another process is called, which has a deadline of its own.
    seconds: Option<u64>,
    /// Round in which the call began, and one more; 0 while there is none.
    since: AtomicU64,
}

impl Watch {
    pub(super) fn of(label: &str, function: &Function) -> Arc<Self> {
        let policy = &function.opened.policy;
        Self::keep(Self {
            label: label.to_owned(),
            whose: (function.plugin.clone(), function.opened.sha256.clone()),
            seconds: (!policy.isolated).then(|| policy.seconds()),
            since: AtomicU64::new(0),
        })
    }

    /// One for the time in which a library is opened and started, which is when its own code runs first.
    pub(super) fn of_loading(plugin: &str, sha256: &str, policy: &Policy) -> Arc<Self> {
        start_watchdog();
        Self::keep(Self {
            label: format!("plugin `{plugin}`, which is being loaded,"),
            whose: (plugin.to_owned(), sha256.to_owned()),
            seconds: Some(policy.seconds()),
            since: AtomicU64::new(0),
        })
    }

    /// One for another instance of the same kind.
    pub(super) fn again(&self) -> Arc<Self> {
        Self::keep(Self {
            label: self.label.clone(),
            whose: self.whose.clone(),
            seconds: self.seconds,
            since: AtomicU64::new(0),
        })
    }

    fn keep(self) -> Arc<Self> {
        let watch = Arc::new(self);
        let mut all = WATCHED.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() == all.capacity() {
            all.retain(|w| w.strong_count() > 0);
        }
        all.push(Arc::downgrade(&watch));
        watch
    }

    pub(super) fn during<T>(&self, call: impl FnOnce() -> T) -> T {
        let Some(_) = self.seconds else {
            return call();
        };
        let round = ROUND.load(Ordering::Relaxed);
        self.since.store(round.saturating_add(1), Ordering::Relaxed);
        let calling = quarantine::calling(&self.whose);
        let result = call();
        drop(calling);
        self.since.store(0, Ordering::Relaxed);
        result
    }

    fn hangs(&self, now: u64) -> Option<u64> {
        let seconds = self.seconds?;
        let since = self.since.load(Ordering::Relaxed);
        let rounds = seconds.saturating_mul(ROUNDS_PER_SECOND);
        (since != 0 && now.saturating_sub(since) >= rounds).then_some(seconds)
    }
}

/// Ends the process: nothing was ordered by the call that does not return, or by the value that is not there, and no result is written.
pub(super) fn stop(what: &str, help: &str) -> ! {
    ending::meant();
    ending::say(&format!("error: {what}\n  help: {help}\n"));
    std::process::exit(i32::from(Exit::Stopped as u8));
}

/// What is said when a plugin ends this process: whose call is under way, as far as that can be told.
pub(super) fn left() -> String {
    let whose = WATCHED.try_lock().ok().and_then(|all| {
        let all = all.iter().filter_map(Weak::upgrade);
        all.into_iter()
            .find(|w| w.since.load(Ordering::Relaxed) != 0)
            .map(|w| (w.label.clone(), w.whose.0.clone()))
    });
    let (label, id) = whose.map_or_else(
        || ("a plugin".to_owned(), "NAME".to_owned()),
        |(label, id)| (label, id),
    );
    format!(
        "error: {label} ended this process\n  help: the run was stopped, and what was not written by then is lost; find out why with \
         `alula plugin check {id}`, or run it in a process of its own: `alula plugin trust FILE --id {id} --isolate`\n"
    )
}

/// Ends the process when a call into a plugin in it does not return.
pub(super) fn start_watchdog() {
    static STARTED: Once = Once::new();
    STARTED.call_once(|| {
        // Without the thread there is no watchdog, and everything else is as before.
        let _ = std::thread::Builder::new().name("watchdog".to_owned()).spawn(|| {
            loop {
                std::thread::sleep(WATCH);
                let now = ROUND.fetch_add(1, Ordering::Relaxed).saturating_add(1);
                let all = WATCHED.lock().unwrap_or_else(PoisonError::into_inner);
                let hangs = all
                    .iter()
                    .filter_map(Weak::upgrade)
                    .find_map(|w| w.hangs(now).map(|seconds| (w, seconds)));
                if let Some((watch, seconds)) = hangs {
                    quarantine::hangs(&watch.whose);
                    stop(
                        &format!("{} has not returned for {seconds} seconds", watch.label),
                        &format!(
                            "the run was stopped and nothing was written; find out why with `alula plugin check`, or run it in a \
                             process of its own: `alula plugin trust FILE --id {} --isolate`",
                            watch.whose.0
                        ),
                    );
                }
            }
        });
    });
}
