//! Which plugin a run died in. While a call into a plugin in this process is under way, a small record in the run's state folder names
//! it: what crashes there takes the process with it, and the next start finds the name. Nothing is flushed to the disk: the system
//! keeps what a process wrote when only the process dies, and a machine that lost its power says so by its boot.
//!
//! A process that was ended from outside just then looks the same. So the first death is told and tried once more, by the same
//! inputs, and only one that comes again, or a call that never returned, keeps a plugin out.

use crate::exit::{Exit, Failure};
use crate::output::Output;
use alula_plugin_loader::Lock;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

/// Name of the record.
const NAME: &str = "plugin.calling";
/// A name of at most 64 bytes, a hash, the machine's boot, how often, and what stands between.
const BYTES: usize = 256;
/// Deaths in a row that keep a plugin out.
const DEATHS: u32 = 2;

static RECORD: OnceLock<Record> = OnceLock::new();
static LEFT_OUT: OnceLock<Vec<String>> = OnceLock::new();

#[derive(Debug)]
struct Record {
    file: File,
    boot: String,
    /// What the run before died in.
    before: Option<Death>,
    /// How many calls are under way: builds that are compared call side by side.
    depth: Mutex<u32>,
}

/// A run that died inside a plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Death {
    plugin: String,
    sha256: String,
    boot: String,
    /// In a row, of the same build.
    times: u32,
}

/// The call under way; it is over when this goes.
#[derive(Debug)]
pub struct Calling(Option<&'static Record>);

/// Plugins that this process leaves out.
pub fn leave_out(plugins: &[String]) {
    // Said once, by the command line.
    let _ = LEFT_OUT.set(plugins.to_vec());
}

/// Whether a plugin is left out.
pub fn is_left_out(plugin: &str) -> bool {
    LEFT_OUT.get().is_some_and(|all| all.iter().any(|p| p == plugin))
}

/// Keeps the record in a folder from here on.
///
/// # Errors
/// When it cannot be written.
pub fn begin(folder: &Path, before: Option<Death>) -> Result<(), Failure> {
    let path = folder.join(NAME);
    let file = File::options()
        .create(true)
        .write(true)
        .truncate(true)
        .open(&path)
        .map_err(|e| Failure::io("write", &path, &e))?;
    // A second run in one process keeps the first's record: there is none.
    let _ = RECORD.set(Record {
        file,
        boot: boot(),
        before,
        depth: Mutex::new(0),
    });
    Ok(())
}

/// Writes down that a plugin is called, where a record is kept. What cannot be written is not written: the run matters more.
pub fn calling(whose: &(String, String)) -> Calling {
    let Some(record) = RECORD.get() else {
        return Calling(None);
    };
    let mut depth = record.depth.lock().unwrap_or_else(PoisonError::into_inner);
    *depth = depth.saturating_add(1);
    let before = record.before.as_ref();
    let times = before.filter(|d| (&d.plugin, &d.sha256) == (&whose.0, &whose.1));
    write(record, whose, times.map_or(0, |d| d.times).saturating_add(1));
    Calling(Some(record))
}

/// Writes down that the call under way does not return: no second try is needed to know it.
pub fn hangs(whose: &(String, String)) {
    if let Some(record) = RECORD.get() {
        write(record, whose, DEATHS);
    }
}

fn write(record: &Record, (plugin, sha256): &(String, String), times: u32) {
    let mut text = format!("{plugin} {sha256} {} {times}\n", record.boot).into_bytes();
    text.resize(BYTES, b' ');
    put(&record.file, &text);
}

impl Drop for Calling {
    fn drop(&mut self) {
        let Some(record) = self.0 else { return };
        let mut depth = record.depth.lock().unwrap_or_else(PoisonError::into_inner);
        *depth = depth.saturating_sub(1);
        if *depth == 0 {
            put(&record.file, b" ");
        }
    }
}

#[cfg(unix)]
fn put(file: &File, bytes: &[u8]) {
    use std::os::unix::fs::FileExt as _;
    let _ = file.write_all_at(bytes, 0);
}

#[cfg(not(unix))]
fn put(file: &File, bytes: &[u8]) {
    use std::os::windows::fs::FileExt as _;
    let _ = file.seek_write(bytes, 0);
}

/// The boot of this machine; nothing where the system does not say.
fn boot() -> String {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let text = text.trim();
    if text.is_empty() { "-" } else { text }.to_owned()
}

/// What a record says. None where no call was under way.
fn read(path: &Path) -> Option<Death> {
    let bytes = std::fs::read(path).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    if text.starts_with(' ') {
        return None;
    }
    let mut words = text.split_whitespace().map(str::to_owned);
    Some(Death {
        plugin: words.next()?,
        sha256: words.next()?,
        boot: words.next()?,
        times: words.next()?.parse().ok()?,
    })
}

/// Looks whether the run before died inside a plugin that would be called in the same way again. One that did so for the first time is
/// given back: it counts against the next death.
///
/// # Errors
/// Which plugin it was that is kept out, and the ways out.
pub fn check(
    folder: &Path,
    strategy: &Path,
    resumes: bool,
    out: &mut Output,
) -> Result<Option<Death>, Failure> {
    let path: PathBuf = folder.join(NAME);
    let Some(death) = read(&path) else {
        return Ok(None);
    };
    let plugin = &death.plugin;
    if death.boot != boot() || is_left_out(plugin) {
        return Ok(None);
    }
    let lock = crate::plugins::lock_of(strategy);
    let lock = lock.map(|l| Lock::read(&l).map_err(|e| crate::plugins::failure(&e)));
    let pin = lock.transpose()?.and_then(|l| l.pin(plugin).cloned().ok());
    let isolated = pin.as_ref().is_some_and(|p| p.policy.isolated);
    // One that is resumed begins with the build that the journal names, whatever is pinned.
    let again = !isolated && (resumes || pin.is_some_and(|p| p.sha256 == death.sha256));
    if !again {
        return Ok(None);
    }
    if death.times < DEATHS {
        out.warn(&format!(
            "the run before ended during a call of plugin `{plugin}`; should that happen again, the plugin is in quarantine"
        ));
        return Ok(Some(death));
    }
    let without = if resumes {
        String::new()
    } else {
        format!("; leave it out, so that its values are missing: `--without-plugin {plugin}`")
    };
    Err(Failure::new(
        Exit::Stopped,
        format!("runs died inside plugin `{plugin}`, which is in quarantine"),
    )
    .help(format!(
        "run it in a process of its own: `alula plugin trust FILE --id {plugin} --isolate`{without}; find out why: `alula plugin check \
         {plugin}`; if somebody ended the runs from outside just then, remove `{}`",
        path.display()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_as_it_was_written_and_one_that_is_over_says_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(NAME);
        assert_eq!(read(&path), None);
        for (text, plugin) in [
            ("", None),
            ("  robe abc boot", None),
            ("probe", None),
            ("probe abc boot \n   ", None),
            ("probe abc boot 1\n   ", Some("probe")),
        ] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(read(&path).map(|d| d.plugin).as_deref(), plugin, "{text}");
        }
        std::fs::write(&path, [0xff, 0xfe]).unwrap();
        assert_eq!(read(&path), None);
    }
}
