//! Which plugin a run died in. While a call into a plugin in this process is under way, a small record in the run's state folder names
//! it: what crashes there takes the process with it, and the next start finds the name. Nothing is flushed to the disk: the system
//! keeps what a process wrote when only the process dies, and a machine that lost its power says so by its boot.

use crate::exit::{Exit, Failure};
use alula_plugin_loader::Lock;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

/// Name of the record.
const NAME: &str = "plugin.calling";
/// A name of at most 64 bytes, a hash, the machine's boot, and what stands between.
const BYTES: usize = 256;

static RECORD: OnceLock<Record> = OnceLock::new();
static LEFT_OUT: OnceLock<Vec<String>> = OnceLock::new();

#[derive(Debug)]
struct Record {
    file: File,
    boot: String,
    /// How many calls are under way: builds that are compared call side by side.
    depth: Mutex<u32>,
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
pub fn begin(folder: &Path) -> Result<(), Failure> {
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
        depth: Mutex::new(0),
    });
    Ok(())
}

/// Writes down that a plugin is called, where a record is kept. What cannot be written is not written: the run matters more.
pub fn calling((plugin, sha256): &(String, String)) -> Calling {
    let Some(record) = RECORD.get() else {
        return Calling(None);
    };
    let mut depth = record.depth.lock().unwrap_or_else(PoisonError::into_inner);
    *depth = depth.saturating_add(1);
    let mut text = format!("{plugin} {sha256} {}\n", record.boot).into_bytes();
    text.resize(BYTES, b' ');
    put(&record.file, &text);
    Calling(Some(record))
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

/// What a record says: plugin, hash, boot. None where no call was under way.
fn read(path: &Path) -> Option<(String, String, String)> {
    let bytes = std::fs::read(path).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    if text.starts_with(' ') {
        return None;
    }
    let mut words = text.split_whitespace().map(str::to_owned);
    Some((words.next()?, words.next()?, words.next()?))
}

/// Refuses a start where the run before died inside a plugin that would be called in the same way again.
///
/// # Errors
/// Which plugin it was, and the ways out.
pub fn check(folder: &Path, strategy: &Path, resumes: bool) -> Result<(), Failure> {
    let path: PathBuf = folder.join(NAME);
    let Some((plugin, sha256, booted)) = read(&path) else {
        return Ok(());
    };
    if booted != boot() || is_left_out(&plugin) {
        return Ok(());
    }
    let lock = crate::plugins::lock_of(strategy);
    let lock = lock.map(|l| Lock::read(&l).map_err(|e| crate::plugins::failure(&e)));
    let pin = lock.transpose()?.and_then(|l| l.pin(&plugin).cloned().ok());
    let isolated = pin.as_ref().is_some_and(|p| p.policy.isolated);
    // One that is resumed begins with the build that the journal names, whatever is pinned.
    let again = !isolated && (resumes || pin.is_some_and(|p| p.sha256 == sha256));
    if !again {
        return Ok(());
    }
    let without = if resumes {
        String::new()
    } else {
        format!("; leave it out, so that its values are missing: `--without-plugin {plugin}`")
    };
    Err(Failure::new(
        Exit::Stopped,
        format!("the run before died inside plugin `{plugin}`, which is in quarantine"),
    )
    .help(format!(
        "run it in a process of its own: `alula plugin trust FILE --id {plugin} --isolate`{without}; find out why: `alula plugin check \
         {plugin}`; if somebody ended the run from outside just then, remove `{}`",
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
            ("probe abc boot \n   ", Some("probe")),
        ] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(read(&path).map(|r| r.0).as_deref(), plugin, "{text}");
        }
        std::fs::write(&path, [0xff, 0xfe]).unwrap();
        assert_eq!(read(&path), None);
    }
}
