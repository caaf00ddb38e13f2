//! Which plugin a run died in. While a call into a plugin in this process is under way, a small record in the run's state folder names
//! it: what crashes there takes the process with it, and the next start finds the name. Nothing is flushed to the disk: the system
//! keeps what a process wrote when only the process dies, and a machine that lost its power says so by its boot.
//!
//! A process that was ended from outside just then looks the same. So the first death is told and tried once more, by the same
//! inputs, and only one that comes again, or a call that never returned, keeps a plugin out.
//!
//! What is known of deaths stands in a list beside that record, build by build. A run that leaves a plugin out learns nothing of it, and
//! takes nothing off the list; nor does time, or another boot. A build that died once comes off when it was called again and nothing
//! happened, one that is kept out when an operator says so.

use crate::exit::{Exit, Failure};
use crate::output::Output;
use alula_plugin_loader::Lock;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

/// Name of the record.
const NAME: &str = "plugin.calling";
/// Name of the list.
const LIST: &str = "plugin.deaths";
/// A name of at most 64 bytes, a hash, the machine's boot, how often, and what stands between.
const BYTES: usize = 256;
/// Stands for the boot where it does not matter: a call that did not return is known, whatever became of the machine.
const ANY_BOOT: &str = "*";
/// Deaths in a row that keep a plugin out.
const DEATHS: u32 = 2;

static RECORD: OnceLock<Record> = OnceLock::new();
static LEFT_OUT: OnceLock<Vec<String>> = OnceLock::new();

#[derive(Debug)]
struct Record {
    file: File,
    boot: String,
    /// What runs before died in.
    before: Mutex<Vec<Death>>,
    /// Where the list is.
    list: PathBuf,
    /// How many calls are under way: builds that are compared call side by side.
    depth: Mutex<u32>,
}

/// Runs that died inside a build of a plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Death {
    plugin: String,
    sha256: String,
    /// In a row.
    times: u32,
    /// It is called again since.
    tried: bool,
}

/// What a run that is about to begin would call.
pub struct Asked<'a> {
    /// Strategy file.
    pub strategy: &'a Path,
    /// Plugins that it calls.
    pub plugins: &'a BTreeSet<String>,
    /// It goes on with the run before.
    pub resumes: bool,
    /// Plugins that an operator lets out of quarantine.
    pub lifted: &'a [String],
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
pub fn begin(folder: &Path, before: Vec<Death>) -> Result<(), Failure> {
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
        before: Mutex::new(before),
        list: folder.join(LIST),
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
    let mut before = record.before.lock().unwrap_or_else(PoisonError::into_inner);
    let known = before
        .iter_mut()
        .find(|d| (&d.plugin, &d.sha256) == (&whose.0, &whose.1));
    let times = known.as_ref().map_or(0, |d| d.times).saturating_add(1);
    put(&record.file, &line(whose, &record.boot, times));
    if let Some(known) = known.filter(|d| !d.tried) {
        known.tried = true;
        tried(&record.list, whose);
    }
    drop(before);
    Calling(Some(record))
}

/// Writes down that the call under way does not return: no second try is needed to know it.
pub fn hangs(whose: &(String, String)) {
    if let Some(record) = RECORD.get() {
        put(&record.file, &line(whose, ANY_BOOT, DEATHS));
    }
}

fn line((plugin, sha256): &(String, String), boot: &str, times: u32) -> Vec<u8> {
    let mut text = format!("{plugin} {sha256} {boot} {times}\n").into_bytes();
    text.resize(BYTES, b' ');
    text
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

/// What a record of this boot says. None where no call was under way.
fn read(path: &Path, boot: &str) -> Option<Death> {
    let bytes = std::fs::read(path).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    if text.starts_with(' ') {
        return None;
    }
    let mut words = text.split_whitespace();
    let (plugin, sha256) = (words.next()?.to_owned(), words.next()?.to_owned());
    let then = words.next()?;
    if then != boot && then != ANY_BOOT {
        return None;
    }
    Some(Death {
        plugin,
        sha256,
        times: words.next()?.parse().ok()?,
        tried: false,
    })
}

/// The list, a line for each build: `probe 9f… 2 kept`, or `tried` where it is called again.
fn list(path: &Path) -> Result<Vec<Death>, Failure> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(Failure::io("read", path, &e)),
    };
    let one = |line: &str| {
        let mut words = line.split_whitespace();
        Some(Death {
            plugin: words.next()?.to_owned(),
            sha256: words.next()?.to_owned(),
            times: words.next()?.parse().ok()?,
            tried: words.next()? == "tried",
        })
    };
    Ok(text.lines().filter_map(one).collect())
}

/// Writes the list whole, on the disk before the name is.
fn put_list(path: &Path, deaths: &[Death]) -> Result<(), Failure> {
    let mut text = String::new();
    for d in deaths {
        let word = if d.tried { "tried" } else { "kept" };
        text.push_str(&format!("{} {} {} {word}\n", d.plugin, d.sha256, d.times));
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    let write = || -> std::io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(text.as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    };
    write().map_err(|e| Failure::io("write", path, &e))
}

/// A build that died once is called again, and the list knows it: had its run ended before it called anything, nothing would have
/// been learned. What cannot be written is not: the death stays on the list then.
fn tried(path: &Path, whose: &(String, String)) {
    let Ok(mut known) = list(path) else { return };
    let own = known
        .iter_mut()
        .find(|d| (&d.plugin, &d.sha256) == (&whose.0, &whose.1));
    if let Some(own) = own.filter(|d| !d.tried) {
        own.tried = true;
        let _ = put_list(path, &known);
    }
}

/// Takes what the newest run left into the list.
fn learned(mut known: Vec<Death>, died: Option<Death>) -> Vec<Death> {
    let same = |a: &Death, b: &Death| (&a.plugin, &a.sha256) == (&b.plugin, &b.sha256);
    // One that was called again, and the run did not die of it.
    known.retain(|d| d.times >= DEATHS || !d.tried || died.as_ref().is_some_and(|n| same(n, d)));
    let Some(died) = died else { return known };
    match known.iter_mut().find(|d| same(d, &died)) {
        Some(found) => {
            found.times = found.times.max(died.times);
            found.tried = false;
        }
        None => known.push(died),
    }
    known
}

/// Looks whether runs before died inside a plugin that would be called in the same way again. Those of which one did so for the first
/// time are given back: it counts against the next death.
///
/// # Errors
/// Which plugin it was that is kept out, and the ways out.
pub fn check(folder: &Path, asked: &Asked<'_>, out: &mut Output) -> Result<Vec<Death>, Failure> {
    let path: PathBuf = folder.join(LIST);
    let was = list(&path)?;
    let mut known = learned(was.clone(), read(&folder.join(NAME), &boot()));
    for plugin in asked.lifted {
        let before = known.len();
        known.retain(|d| d.plugin != *plugin);
        if known.len() == before {
            out.warn(&format!("plugin `{plugin}` is in no quarantine"));
        } else {
            out.note(&format!(
                "plugin `{plugin}` is out of quarantine; it is called again"
            ));
        }
    }
    // Who has nothing to fear needs no lock here, whatever is in it.
    let feared = known.iter().any(|d| asked.plugins.contains(&d.plugin));
    let lock = crate::plugins::lock_of(asked.strategy).filter(|_| feared);
    let lock = lock.map(|l| Lock::read(&l).map_err(|e| crate::plugins::failure(&e)));
    let lock = lock.transpose()?;
    let (mut before, mut kept_out) = (Vec::new(), None);
    for death in &known {
        let plugin = &death.plugin;
        if !asked.plugins.contains(plugin) {
            continue;
        }
        if is_left_out(plugin) {
            if death.times >= DEATHS {
                out.note(&format!(
                    "plugin `{plugin}` stays in quarantine until `--lift-quarantine {plugin}`, another build, or `--isolate`"
                ));
            }
            continue;
        }
        let pin = lock.as_ref().and_then(|l| l.pin(plugin).cloned().ok());
        let isolated = pin.as_ref().is_some_and(|p| p.policy.isolated);
        // One that is resumed begins with the build that the journal names, whatever is pinned.
        let again = !isolated && (asked.resumes || pin.is_some_and(|p| p.sha256 == death.sha256));
        if !again {
            continue;
        }
        if death.times >= DEATHS {
            kept_out = kept_out.or_else(|| Some(plugin.clone()));
            continue;
        }
        out.warn(&format!(
            "a run before ended during a call of plugin `{plugin}`; should that happen again, the plugin is in quarantine"
        ));
        before.push(death.clone());
    }
    if known != was {
        // On the disk before the record is overwritten.
        put_list(&path, &known)?;
    }
    let Some(plugin) = kept_out else {
        return Ok(before);
    };
    let without = if asked.resumes {
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
         {plugin}`; if somebody ended the runs from outside just then, let it out: `--lift-quarantine {plugin}`"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_as_it_was_written_and_one_that_is_over_says_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(NAME);
        assert_eq!(read(&path, "boot"), None);
        for (text, plugin) in [
            ("", None),
            ("  robe abc boot", None),
            ("probe", None),
            ("probe abc boot \n   ", None),
            ("probe abc other 1\n   ", None),
            ("probe abc boot 1\n   ", Some("probe")),
            ("probe abc * 2\n   ", Some("probe")),
        ] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(read(&path, "boot").map(|d| d.plugin).as_deref(), plugin, "{text}");
        }
        std::fs::write(&path, [0xff, 0xfe]).unwrap();
        assert_eq!(read(&path, "boot"), None);
    }

    #[test]
    fn the_list_forgets_one_death_once_the_build_was_called_again_and_never_two() {
        let death = |plugin: &str, times, tried| Death {
            plugin: plugin.to_owned(),
            sha256: "abc".to_owned(),
            times,
            tried,
        };
        let (once, tried, twice) = (
            death("a", 1, false),
            death("a", 1, true),
            death("b", DEATHS, false),
        );
        let [one, two] = [vec![once.clone()], vec![twice.clone()]];
        assert_eq!(learned(Vec::new(), Some(once.clone())), one);
        // Left out meanwhile: nothing was learned.
        assert_eq!(learned(one.clone(), None), one);
        assert_eq!(learned(vec![tried.clone(), twice.clone()], None), two);
        // A run that died in another plugin says as much of this one.
        assert_eq!(learned(vec![tried.clone()], Some(twice)), two);
        assert_eq!(
            learned(vec![tried], Some(death("a", DEATHS, false))),
            [death("a", DEATHS, false)]
        );
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(LIST);
        assert_eq!(list(&path).unwrap(), []);
        let all = [once, death("b", DEATHS, true)];
        put_list(&path, &all).unwrap();
        assert_eq!(list(&path).unwrap(), all);
    }
}
