//! A file that is watched (the thresholds file, or one of a strategy) on disk: when to look, and what may be believed of what is seen.
//!
//! Editors write in place, rename, delete and create again; config maps swap a folder's link. So a trigger only says that
//! something may have happened: the file is read once it has been quiet for a while, and again a little later, and counts when
//! both readings agree in everything. Without any trigger it is looked at every two seconds: watchers of files fail silently.
//!
//! Time comes in as the time since some start; this piece reads no clock.

use alula_core::thresholds::MAX_BYTES;
use std::fs::{File, Metadata};
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long nothing may have happened before the file is read.
pub const SETTLE: Duration = Duration::from_millis(150);
/// The longest that a busy file is waited for.
pub const SETTLE_MAX: Duration = Duration::from_secs(2);
/// Between the two readings.
pub const AGAIN: Duration = Duration::from_millis(100);
/// Between looks without a trigger.
pub const POLL: Duration = Duration::from_secs(2);

/// Why a file is not believed, whatever stands in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is none.
    #[error("the file is missing")]
    Missing,
    /// It is a folder, a pipe or a device.
    #[error("it is not a plain file")]
    NotAFile,
    /// It is a link, or lies behind one, that leaves its folder.
    #[error("it is a link that leads out of its folder")]
    Outside,
    /// It belongs to somebody else.
    #[error("it belongs to another user")]
    Owner,
    /// Others may write it.
    #[error("others than its owner may write it")]
    Writable,
    /// It is too large.
    #[error("it is larger than {0} KiB")]
    TooLarge(usize),
    /// The system refused.
    #[error("it cannot be read: {0}")]
    Io(String),
}

impl Refusal {
    /// What to do.
    #[must_use]
    pub const fn help(&self) -> &'static str {
        match self {
            Self::Missing => "put it back; the values in force stay until then",
            Self::NotAFile => "replace it by a plain file",
            Self::Outside => "let the link lead to a file below the same folder",
            Self::Owner => "let the user that runs the engine own it, or root",
            Self::Writable => "take the right to write from group and others: `chmod go-w`",
            Self::TooLarge(_) => "is it the right file?",
            Self::Io(_) => "check the path and the permissions",
        }
    }
}

/// Everything by which two readings can differ.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    device: u64,
    inode: u64,
    modified: (i64, i64),
    bytes: Vec<u8>,
}

type Look = Result<Seen, Refusal>;

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    /// Nothing to do before the next look.
    Quiet { next: Duration },
    /// Something may have happened.
    Dirty { first: Duration, last: Duration },
    /// Read once.
    Once { at: Duration, look: Look },
}

/// A thresholds file that is watched.
#[derive(Debug)]
pub struct Source {
    path: PathBuf,
    /// Largest file, bytes.
    limit: usize,
    state: State,
    /// What was told last.
    told: Option<Look>,
}

impl Source {
    /// A file, taken to hold what is on disk now: only changes from here on are told.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self::limited(path, MAX_BYTES)
    }

    /// The same for files of another largest size, in bytes.
    #[must_use]
    pub fn limited(path: &Path, limit: usize) -> Self {
        Self {
            told: Some(look(path, limit)),
            limit,
            path: path.to_owned(),
            state: State::Quiet { next: POLL },
        }
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What was told last; nothing while it is to be told again.
    #[must_use]
    pub fn told(&self) -> Option<Result<&[u8], &Refusal>> {
        self.told.as_ref().map(|t| t.as_ref().map(|s| s.bytes.as_slice()))
    }

    /// Nothing is known to have happened to it.
    #[must_use]
    pub const fn is_quiet(&self) -> bool {
        matches!(self.state, State::Quiet { .. })
    }

    /// Something may have happened to it.
    pub fn trigger(&mut self, now: Duration) {
        match &mut self.state {
            State::Dirty { last, .. } => *last = now,
            State::Quiet { .. } => {
                self.state = State::Dirty {
                    first: now,
                    last: now,
                }
            }
            // The second reading sees it.
            State::Once { .. } => {}
        }
    }

    /// Somebody wants it told again, whether it changed or not.
    pub fn reload(&mut self, now: Duration) {
        self.told = None;
        self.state = State::Dirty {
            first: now,
            last: now,
        };
    }

    /// When to ask next.
    #[must_use]
    pub fn due(&self) -> Duration {
        match &self.state {
            State::Quiet { next } => *next,
            State::Dirty { first, last } => (*last + SETTLE).min(*first + SETTLE_MAX),
            State::Once { at, .. } => *at + AGAIN,
        }
    }

    /// What the file says, once it is sure and not what was told before.
    pub fn poll(&mut self, now: Duration) -> Option<Result<Vec<u8>, Refusal>> {
        if now < self.due() {
            return None;
        }
        let seen = look(&self.path, self.limit);
        match std::mem::replace(&mut self.state, State::Quiet { next: now + POLL }) {
            State::Quiet { .. } => {
                if self.told.as_ref() != Some(&seen) {
                    self.state = State::Dirty {
                        first: now,
                        last: now,
                    };
                }
                None
            }
            State::Dirty { .. } => {
                self.state = State::Once { at: now, look: seen };
                None
            }
            State::Once { look, .. } if look != seen => {
                self.state = State::Dirty {
                    first: now,
                    last: now,
                };
                None
            }
            State::Once { .. } => {
                if self.told.as_ref() == Some(&seen) {
                    return None;
                }
                self.told = Some(seen.clone());
                Some(seen.map(|s| s.bytes))
            }
        }
    }
}

/// Reads the file once, with everything that has to be true of it.
fn look(path: &Path, most: usize) -> Look {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty());
    let folder = folder.unwrap_or_else(|| Path::new("."));
    let folder = std::fs::canonicalize(folder).map_err(refusal)?;
    let real = std::fs::canonicalize(path).map_err(refusal)?;
    if !real.starts_with(&folder) {
        return Err(Refusal::Outside);
    }
    let file = open(&real)?;
    let before = file.metadata().map_err(refusal)?;
    check(&before, most)?;
    let mut bytes = Vec::new();
    let limit = u64::try_from(most).unwrap_or(u64::MAX);
    (&file).take(limit + 1).read_to_end(&mut bytes).map_err(refusal)?;
    if bytes.len() > most {
        return Err(Refusal::TooLarge(most / 1024));
    }
    let after = file.metadata().map_err(refusal)?;
    let (device, inode, modified) = identity(&after);
    // What grew under our hands differs from its own size, and so from every other reading.
    let size = usize::try_from(after.len()).unwrap_or(usize::MAX);
    if identity(&before) != identity(&after) || size != bytes.len() {
        return Err(Refusal::Io("it is being written".to_owned()));
    }
    Ok(Seen {
        device,
        inode,
        modified,
        bytes,
    })
}

fn refusal(e: std::io::Error) -> Refusal {
    match e.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => Refusal::Missing,
        ErrorKind::PermissionDenied => Refusal::Io("permission denied".to_owned()),
        _ => Refusal::Io(e.to_string()),
    }
}

/// The last part must not have become a link meanwhile, and a pipe must not make us wait.
#[cfg(unix)]
fn open(real: &Path) -> Result<File, Refusal> {
    use rustix::fs::{Mode, OFlags};
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    match rustix::fs::open(real, flags, Mode::empty()) {
        Ok(fd) => Ok(File::from(fd)),
        Err(rustix::io::Errno::LOOP) => Err(Refusal::Outside),
        Err(e) => Err(refusal(e.into())),
    }
}

#[cfg(unix)]
fn check(meta: &Metadata, most: usize) -> Result<(), Refusal> {
    use std::os::unix::fs::MetadataExt as _;
    if !meta.is_file() {
        return Err(Refusal::NotAFile);
    }
    let me = rustix::process::geteuid().as_raw();
    if meta.uid() != me && meta.uid() != 0 {
        return Err(Refusal::Owner);
    }
    if meta.mode() & 0o022 != 0 {
        return Err(Refusal::Writable);
    }
    too_large(meta, most)
}

#[cfg(unix)]
fn identity(meta: &Metadata) -> (u64, u64, (i64, i64)) {
    use std::os::unix::fs::MetadataExt as _;
    (meta.dev(), meta.ino(), (meta.mtime(), meta.mtime_nsec()))
}

#[cfg(not(unix))]
fn open(real: &Path) -> Result<File, Refusal> {
    File::open(real).map_err(refusal)
}

#[cfg(not(unix))]
fn check(meta: &Metadata, most: usize) -> Result<(), Refusal> {
    if !meta.is_file() {
        return Err(Refusal::NotAFile);
    }
    too_large(meta, most)
}

#[cfg(not(unix))]
fn identity(meta: &Metadata) -> (u64, u64, (i64, i64)) {
    let modified = meta.modified().ok();
    let since = modified.and_then(|t| t.duration_since(std::time::UNIX_EPOCH).ok());
    let seconds = since.map_or(0, |d| i64::try_from(d.as_secs()).unwrap_or(i64::MAX));
    (0, 0, (seconds, since.map_or(0, |d| i64::from(d.subsec_nanos()))))
}

fn too_large(meta: &Metadata, most: usize) -> Result<(), Refusal> {
    let limit = u64::try_from(most).unwrap_or(u64::MAX);
    if meta.len() > limit {
        return Err(Refusal::TooLarge(most / 1024));
    }
    Ok(())
}
