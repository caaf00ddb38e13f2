//! What may reach a run from outside at any time: signals of the system, changes of files.

use notify::{RecursiveMode, Watcher as _};
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

/// A command from the control socket.
#[derive(Clone, Debug)]
pub struct Request {
    /// Its words.
    pub line: String,
    /// User that said it, where the system knows.
    pub uid: Option<u32>,
    /// Where the answer goes.
    pub answer: Sender<serde_json::Value>,
}

/// Something from outside.
#[derive(Clone, Debug)]
pub enum Signal {
    /// End in good order.
    Stop,
    /// Read the thresholds file again.
    Reload,
    /// Something happened in the folder of the thresholds file.
    File,
    /// Somebody says something over the control socket.
    Request(Request),
}

/// Everything that may come, in one queue.
pub struct Signals {
    queue: Receiver<Signal>,
    /// Kept so that the queue stays open.
    sender: Sender<Signal>,
    /// Watches for as long as it lives.
    watcher: Option<notify::RecommendedWatcher>,
    troubles: Vec<String>,
}

impl Signals {
    /// Listens to signals, and to the folders of files.
    pub fn start<'p>(files: impl IntoIterator<Item = &'p Path>) -> Self {
        let (sender, queue) = channel();
        let mut signals = Self {
            queue,
            sender,
            watcher: None,
            troubles: Vec::new(),
        };
        signals.listen();
        let mut folders: Vec<&Path> = files.into_iter().map(folder_of).collect();
        folders.sort_unstable();
        folders.dedup();
        signals.watch(&folders);
        signals
    }

    /// Where others may put theirs.
    pub fn sender(&self) -> Sender<Signal> {
        self.sender.clone()
    }

    /// What could not be set up, one line each; the run goes on without it.
    pub fn troubles(&mut self) -> Vec<String> {
        std::mem::take(&mut self.troubles)
    }

    /// The next one, if one comes in time.
    pub fn wait(&self, longest: Duration) -> Option<Signal> {
        if longest.is_zero() {
            return self.queue.try_recv().ok();
        }
        self.queue.recv_timeout(longest).ok()
    }

    #[cfg(unix)]
    fn listen(&mut self) {
        use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
        let sender = self.sender.clone();
        match signal_hook::iterator::Signals::new([SIGHUP, SIGINT, SIGTERM]) {
            Ok(mut signals) => {
                std::thread::spawn(move || {
                    let mut stops = 0;
                    for signal in signals.forever() {
                        let told = if signal == SIGHUP {
                            Signal::Reload
                        } else {
                            stops += 1;
                            Signal::Stop
                        };
                        // Who asks twice does not want to wait for the folder.
                        if stops > 1 {
                            alula_plugin_loader::ending::meant();
                            std::process::exit(130);
                        }
                        if sender.send(told).is_err() {
                            return;
                        }
                    }
                });
            }
            Err(e) => self
                .troubles
                .push(format!("cannot listen to signals: {}", crate::exit::reason(&e))),
        }
    }

    #[cfg(not(unix))]
    fn listen(&mut self) {}

    /// The folder, not the file: a rename replaces the file that a watch would be on.
    fn watch(&mut self, folders: &[&Path]) {
        let Some(first) = folders.first() else { return };
        let sender = self.sender.clone();
        let told = move |_| {
            // The run has ended when nobody listens.
            let _ = sender.send(Signal::File);
        };
        let watcher = notify::recommended_watcher(told).and_then(|mut w| {
            for folder in folders {
                w.watch(folder, RecursiveMode::NonRecursive)?;
            }
            Ok(w)
        });
        match watcher {
            Ok(watcher) => self.watcher = Some(watcher),
            Err(e) => self.troubles.push(format!(
                "cannot watch `{}`: {e}; changes are looked for every two seconds",
                first.display()
            )),
        }
    }
}

fn folder_of(file: &Path) -> &Path {
    let folder = file.parent().filter(|p| !p.as_os_str().is_empty());
    folder.unwrap_or_else(|| Path::new("."))
}
