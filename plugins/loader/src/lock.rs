//! `plugins.lock`: which libraries may be opened, by the hash of their bytes. A small part of TOML, written by
//! `alula plugin trust` and readable by anybody.
//!
//! ```toml
//! version = 1
//!
//! [[plugin]]
//! id = "volatility"
//! file = "plugins/libalula_volatility.so"
//! sha256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
//! kind = "indicator"
//! capabilities = []
//! ```
//!
//! A plugin with brokers is of kind `broker`. Its only capability is `live`: without it, a broker that trades real money is
//! refused whatever else is asked for. With `publisher`, a public key of minisign, the library must also be signed by it, in a
//! file of its name with `.minisig` behind.
//!
//! Three keys say how indicators are run: `isolated = true` (each instance in a process of its own), `deadline = 5` (seconds that a call
//! may take), and `on_failure = "stop"` (a run ends when an instance of it dies; else it goes on, and the values are missing).

use crate::LIBRARY_BYTES_MAX;
use crate::error::{LoadError, Refusal};
use crate::signature;
use std::fmt::Write as _;
use std::fs;
use std::io::Read as _;
use std::path::{Component, Path, PathBuf};

/// Name of the file.
pub const LOCK_NAME: &str = "plugins.lock";
/// Version of its layout.
const VERSION: u64 = 1;
/// Largest file, in bytes.
const LOCK_BYTES_MAX: u64 = 1 << 20;
/// Most plugins.
const PLUGINS_MAX: usize = 256;
/// The capability of trading real money.
const LIVE: &str = "live";
/// What ends a run when an instance dies; the other word is `go on`.
const STOP: &str = "stop";
const GO_ON: &str = "go on";
/// Seconds that a call may take where the lock names none.
pub const DEADLINE_SECONDS: u64 = 20;
/// Most seconds that a lock may grant.
pub const DEADLINE_SECONDS_MAX: u64 = 3600;
/// Longest id, in bytes.
const ID_MAX: usize = 64;

/// What a plugin is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Numbers in, numbers out.
    Indicator,
    /// Orders out, fills in; it may have indicators too.
    Broker,
}

impl Kind {
    /// Word in the lock.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Indicator => "indicator",
            Self::Broker => "broker",
        }
    }
}

/// A plugin that is trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    /// Name that strategies use.
    pub id: String,
    /// Library, below the lock's folder.
    pub file: PathBuf,
    /// Hash of its bytes, hexadecimal.
    pub sha256: String,
    /// What it is for.
    pub kind: Kind,
    /// Its brokers may trade real money.
    pub live: bool,
    /// Public key of minisign that must have signed it.
    pub publisher: Option<String>,
    /// How its indicators are run.
    pub policy: Policy,
}

/// How the indicators of a plugin are run. None of it changes a value that they give.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Each instance in a process of its own: one that crashes, hangs or leaves is dead, and the run is not.
    pub isolated: bool,
    /// Seconds that a call may take; [`DEADLINE_SECONDS`] where none is named.
    pub deadline: Option<u64>,
    /// A run ends when an instance dies. Else it goes on, and what the instance would give is missing.
    pub stops: bool,
}

impl Policy {
    /// Seconds that a call may take.
    #[must_use]
    pub fn seconds(&self) -> u64 {
        self.deadline.unwrap_or(DEADLINE_SECONDS)
    }

    /// In words, for lists; empty where nothing is unusual.
    #[must_use]
    pub fn words(&self) -> Vec<String> {
        let mut words = Vec::new();
        if self.isolated {
            words.push("a process of its own".to_owned());
        }
        if let Some(seconds) = self.deadline {
            words.push(format!("{seconds} s a call"));
        }
        if self.stops {
            words.push("its failure stops the run".to_owned());
        }
        words
    }
}

/// A lock file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lock {
    /// Where it lies.
    pub path: PathBuf,
    /// Plugins, by id.
    pub pins: Vec<Pin>,
}

/// The file of a library's signature.
#[must_use]
pub fn signature_of(library: &Path) -> PathBuf {
    let mut name = library.as_os_str().to_owned();
    name.push(".");
    name.push(signature::EXTENSION);
    PathBuf::from(name)
}

/// The nearest lock file in a folder or one above it.
#[must_use]
pub fn find(folder: &Path) -> Option<PathBuf> {
    let folder = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    let whole = fs::canonicalize(folder).ok()?;
    whole
        .ancestors()
        .map(|f| f.join(LOCK_NAME))
        .find(|f| f.symlink_metadata().is_ok())
}

impl Lock {
    /// A lock without plugins, to be written there.
    #[must_use]
    pub const fn empty(path: PathBuf) -> Self {
        Self {
            path,
            pins: Vec::new(),
        }
    }

    /// Reads a lock file.
    ///
    /// # Errors
    /// When it cannot be read, others could have changed it, or it is not valid.
    pub fn read(path: &Path) -> Result<Self, LoadError> {
        let meta = path
            .symlink_metadata()
            .map_err(|e| LoadError::io("read", path, &e))?;
        if !meta.is_file() {
            let text = format!("`{}` is no plain file", path.display());
            return Err(LoadError::new(Refusal::File, text));
        }
        own(path, &meta)?;
        own_folder(folder_of(path))?;
        let bytes = read_at_most(path, LOCK_BYTES_MAX)?;
        let text = String::from_utf8(bytes)
            .map_err(|_| LoadError::new(Refusal::Lock, format!("`{}` is not valid UTF-8", path.display())))?;
        let pins = parse(&text).map_err(|(line, why)| {
            LoadError::new(Refusal::Lock, format!("`{}` line {line}: {why}", path.display()))
                .help("`alula plugin trust FILE` writes it; trust the plugins again in a new one")
        })?;
        Ok(Self {
            path: path.to_owned(),
            pins,
        })
    }

    /// Whether a text is a valid lock.
    ///
    /// # Errors
    /// What is wrong with its first line that is.
    pub fn check(text: &str) -> Result<(), String> {
        parse(text).map(drop).map_err(|(_, why)| why)
    }

    /// The folder that its files lie below.
    #[must_use]
    pub fn folder(&self) -> &Path {
        folder_of(&self.path)
    }

    /// The pin of an id.
    ///
    /// # Errors
    /// When there is none.
    pub fn pin(&self, id: &str) -> Result<&Pin, LoadError> {
        self.pins.iter().find(|p| p.id == id).ok_or_else(|| {
            let text = format!("`{}` names no plugin `{id}`", self.path.display());
            let known: Vec<String> = self.pins.iter().map(|p| format!("`{}`", p.id)).collect();
            let help = if known.is_empty() {
                "trust its library: `alula plugin trust FILE`".to_owned()
            } else {
                format!(
                    "it names {}; trust another library: `alula plugin trust FILE`",
                    known.join(", ")
                )
            };
            LoadError::new(Refusal::Unknown, text).help(help)
        })
    }

    /// Adds or replaces a pin.
    pub fn set(&mut self, pin: Pin) {
        self.pins.retain(|p| p.id != pin.id);
        self.pins.push(pin);
        self.pins.sort_by(|a, b| a.id.cmp(&b.id));
    }

    /// The file's text.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = format!(
            "# Native code that `alula` may load, by the hash of its bytes. Written by `alula plugin trust`.\nversion = {VERSION}\n"
        );
        for pin in &self.pins {
            let file = pin.file.to_string_lossy().replace('\\', "/");
            // Writing to a string cannot fail.
            let _ = write!(
                text,
                "\n[[plugin]]\nid = \"{}\"\nfile = \"{file}\"\nsha256 = \"{}\"\nkind = \"{}\"\ncapabilities = [{}]\n",
                pin.id,
                pin.sha256,
                pin.kind.word(),
                if pin.live { "\"live\"" } else { "" }
            );
            if let Some(publisher) = &pin.publisher {
                let _ = writeln!(text, "publisher = \"{publisher}\"");
            }
            if pin.policy.isolated {
                text.push_str("isolated = true\n");
            }
            if let Some(seconds) = pin.policy.deadline {
                let _ = writeln!(text, "deadline = {seconds}");
            }
            if pin.policy.stops {
                let _ = writeln!(text, "on_failure = \"{STOP}\"");
            }
        }
        text
    }

    /// The bytes of a pinned library, read once. No part of the way to it may be a link or a folder that everybody writes to.
    ///
    /// # Errors
    /// When it cannot be read or could be changed by others.
    pub fn bytes(&self, pin: &Pin) -> Result<Vec<u8>, LoadError> {
        self.below(pin, &pin.file, LIBRARY_BYTES_MAX)
    }

    /// The signature beside a pinned library.
    ///
    /// # Errors
    /// As for the library, or when it is no text.
    pub fn signature(&self, pin: &Pin) -> Result<String, LoadError> {
        let file = signature_of(&pin.file);
        let bytes = self.below(pin, &file, signature::BYTES_MAX)?;
        String::from_utf8(bytes).map_err(|_| {
            let text = format!("plugin `{}`: `{}` is no text", pin.id, file.display());
            LoadError::new(Refusal::Signature, text)
        })
    }

    fn below(&self, pin: &Pin, file: &Path, most: u64) -> Result<Vec<u8>, LoadError> {
        let mut path = self.folder().to_owned();
        own_folder(&path)?;
        let mut parts = file.components().peekable();
        while let Some(part) = parts.next() {
            path.push(part);
            let meta = path
                .symlink_metadata()
                .map_err(|e| LoadError::io("read", &path, &e).of(&pin.id))?;
            if meta.is_symlink() {
                let text = format!("plugin `{}`: `{}` is a link", pin.id, path.display());
                return Err(LoadError::new(Refusal::Unsafe, text).help("put the file itself there"));
            }
            if parts.peek().is_some() {
                own_folder(&path)?;
            } else if !meta.is_file() {
                let text = format!("plugin `{}`: `{}` is no file", pin.id, path.display());
                return Err(LoadError::new(Refusal::File, text));
            }
        }
        read_at_most(&path, most)
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

/// Reads a file of limited size.
pub(crate) fn read_at_most(path: &Path, most: u64) -> Result<Vec<u8>, LoadError> {
    let mut bytes = Vec::new();
    fs::File::open(path)
        .and_then(|f| f.take(most + 1).read_to_end(&mut bytes))
        .map_err(|e| LoadError::io("read", path, &e))?;
    if bytes.len() as u64 > most {
        let text = format!("`{}` is larger than {most} bytes", path.display());
        return Err(LoadError::new(Refusal::File, text));
    }
    Ok(bytes)
}

/// Nobody but its owner and group may write to a folder that libraries are loaded from.
#[cfg(unix)]
pub(crate) fn own_folder(path: &Path) -> Result<(), LoadError> {
    let meta = fs::metadata(path).map_err(|e| LoadError::io("read", path, &e))?;
    own(path, &meta)
}

/// Nobody but its owner and group may write to a folder that libraries are loaded from.
#[cfg(not(unix))]
pub(crate) fn own_folder(_: &Path) -> Result<(), LoadError> {
    Ok(())
}

#[cfg(unix)]
fn own(path: &Path, meta: &fs::Metadata) -> Result<(), LoadError> {
    use std::os::unix::fs::PermissionsExt as _;
    const EVERYBODY_WRITES: u32 = 0o002;
    if meta.permissions().mode() & EVERYBODY_WRITES == 0 {
        return Ok(());
    }
    let text = format!("everybody may write to `{}`", path.display());
    Err(LoadError::new(Refusal::Unsafe, text).help(format!("take that away: `chmod o-w {}`", path.display())))
}

#[cfg(not(unix))]
fn own(_: &Path, _: &fs::Metadata) -> Result<(), LoadError> {
    Ok(())
}

/// A name for a plugin: what strategies write in quotes.
pub(crate) fn is_id(text: &str) -> bool {
    (1..=ID_MAX).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-')
}

/// A path below the lock's folder and nowhere else.
fn is_below(path: &Path) -> bool {
    path.components().next().is_some() && path.components().all(|c| matches!(c, Component::Normal(_)))
}

enum Value {
    Text(String),
    Whole(u64),
    Texts(Vec<String>),
    Truth(bool),
}

#[derive(Default)]
struct Draft {
    line: usize,
    id: Option<String>,
    file: Option<PathBuf>,
    sha256: Option<String>,
    kind: Option<Kind>,
    live: Option<bool>,
    publisher: Option<String>,
    isolated: Option<bool>,
    deadline: Option<u64>,
    stops: Option<bool>,
}

type At<T> = Result<T, (usize, String)>;

fn parse(text: &str) -> At<Vec<Pin>> {
    let mut version = None;
    let mut drafts: Vec<Draft> = Vec::new();
    for (line, raw) in text.lines().enumerate().map(|(i, l)| (i + 1, l.trim())) {
        let wrong = |why: String| Err((line, why));
        if raw.is_empty() || raw.starts_with('#') {
            continue;
        }
        if raw == "[[plugin]]" {
            if drafts.len() == PLUGINS_MAX {
                return wrong(format!("more than {PLUGINS_MAX} plugins"));
            }
            drafts.push(Draft {
                line,
                ..Draft::default()
            });
            continue;
        }
        let Some((key, value)) = raw.split_once('=') else {
            return wrong(format!("`{raw}` is neither `[[plugin]]` nor `key = value`"));
        };
        let (key, value) = (key.trim(), value_of(value.trim()).map_err(|why| (line, why))?);
        let twice = || Err((line, format!("`{key}` is there twice")));
        match (drafts.last_mut(), key, value) {
            (None, "version", Value::Whole(n)) => {
                if version.replace(n).is_some() {
                    return twice();
                }
            }
            (Some(d), "id", Value::Text(id)) => {
                if !is_id(&id) {
                    return wrong(format!(
                        "`{id}` is no name: lower-case letters, digits, `-` and `_`"
                    ));
                }
                if d.id.replace(id).is_some() {
                    return twice();
                }
            }
            (Some(d), "file", Value::Text(file)) => {
                let file = PathBuf::from(file);
                if !is_below(&file) {
                    return wrong(format!("`{}` is not below this file's folder", file.display()));
                }
                if d.file.replace(file).is_some() {
                    return twice();
                }
            }
            (Some(d), "sha256", Value::Text(hash)) => {
                let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
                if hash.len() != 64 || !hash.bytes().all(hex) {
                    return wrong(format!("`{hash}` is no sha256 of 64 lower-case digits"));
                }
                if d.sha256.replace(hash).is_some() {
                    return twice();
                }
            }
            (Some(d), "kind", Value::Text(kind)) => {
                let known = [Kind::Indicator, Kind::Broker]
                    .into_iter()
                    .find(|k| k.word() == kind);
                let Some(known) = known else {
                    return wrong(format!("this version knows no plugins of kind `{kind}`"));
                };
                if d.kind.replace(known).is_some() {
                    return twice();
                }
            }
            (Some(d), "capabilities", Value::Texts(words)) => {
                if let Some(word) = words.iter().find(|w| *w != LIVE) {
                    return wrong(format!("there is no capability `{word}`"));
                }
                if d.live.replace(!words.is_empty()).is_some() {
                    return twice();
                }
            }
            (Some(d), "publisher", Value::Text(publisher)) => {
                if !signature::is_key(&publisher) {
                    return wrong(format!("`{publisher}` is no public key of minisign"));
                }
                if d.publisher.replace(publisher).is_some() {
                    return twice();
                }
            }
            (Some(d), "isolated", Value::Truth(isolated)) => {
                if d.isolated.replace(isolated).is_some() {
                    return twice();
                }
            }
            (Some(d), "deadline", Value::Whole(seconds)) => {
                if !(1..=DEADLINE_SECONDS_MAX).contains(&seconds) {
                    return wrong(format!(
                        "a deadline of {seconds} seconds: between 1 and {DEADLINE_SECONDS_MAX} will do"
                    ));
                }
                if d.deadline.replace(seconds).is_some() {
                    return twice();
                }
            }
            (Some(d), "on_failure", Value::Text(word)) => {
                if word != STOP && word != GO_ON {
                    return wrong(format!(
                        "`{word}` is nothing to do on a failure: `{GO_ON}` or `{STOP}`"
                    ));
                }
                if d.stops.replace(word == STOP).is_some() {
                    return twice();
                }
            }
            _ => {
                return wrong(format!(
                    "`{key}` is not known here, or its value is of the wrong kind"
                ));
            }
        }
    }
    match version {
        Some(VERSION) => {}
        Some(n) => return Err((1, format!("it is of version {n}, this is version {VERSION}"))),
        None => return Err((1, format!("there is no `version = {VERSION}`"))),
    }
    let mut pins: Vec<Pin> = Vec::new();
    for d in drafts {
        let line = d.line;
        let missing = |what: &str| (line, format!("this plugin has no `{what}`"));
        let pin = Pin {
            id: d.id.ok_or_else(|| missing("id"))?,
            file: d.file.ok_or_else(|| missing("file"))?,
            sha256: d.sha256.ok_or_else(|| missing("sha256"))?,
            kind: d.kind.ok_or_else(|| missing("kind"))?,
            live: d.live.unwrap_or(false),
            publisher: d.publisher,
            policy: Policy {
                isolated: d.isolated.unwrap_or(false),
                deadline: d.deadline,
                stops: d.stops.unwrap_or(false),
            },
        };
        if pin.live && pin.kind != Kind::Broker {
            return Err((line, format!("an indicator has no capability `{LIVE}`")));
        }
        if pins.iter().any(|p| p.id == pin.id) {
            return Err((line, format!("the plugin `{}` is there twice", pin.id)));
        }
        pins.push(pin);
    }
    pins.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(pins)
}

fn value_of(text: &str) -> Result<Value, String> {
    if let Some(inside) = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')) {
        let items = inside.split(',').map(str::trim).filter(|t| !t.is_empty());
        return items.map(quoted).collect::<Result<_, _>>().map(Value::Texts);
    }
    if text.starts_with('"') {
        return quoted(text).map(Value::Text);
    }
    if let Ok(truth) = text.parse() {
        return Ok(Value::Truth(truth));
    }
    text.parse()
        .map(Value::Whole)
        .map_err(|_| format!("`{text}` is no text in quotes, whole number, truth value or list"))
}

fn quoted(text: &str) -> Result<String, String> {
    let inside = text.strip_prefix('"').and_then(|t| t.strip_suffix('"'));
    inside
        .filter(|t| !t.contains(['"', '\\']) && !t.chars().any(char::is_control))
        .map(str::to_owned)
        .ok_or_else(|| format!("`{text}` is no plain text in quotes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

    #[test]
    fn what_is_written_is_read_again() {
        let mut lock = Lock::empty(PathBuf::from("plugins.lock"));
        for id in ["volatility", "breadth"] {
            lock.set(Pin {
                id: id.to_owned(),
                file: Path::new("plugins").join(format!("lib{id}.so")),
                sha256: HASH.to_owned(),
                kind: if id == "breadth" {
                    Kind::Broker
                } else {
                    Kind::Indicator
                },
                live: id == "breadth",
                publisher: (id == "breadth")
                    .then(|| "RWQAAQIDBAUGB+pKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs".to_owned()),
                policy: Policy {
                    isolated: id == "volatility",
                    deadline: (id == "volatility").then_some(5),
                    stops: id == "volatility",
                },
            });
        }
        assert_eq!(parse(&lock.text()).unwrap(), lock.pins);
        assert_eq!(lock.pins[0].id, "breadth");
    }

    #[test]
    fn anything_else_is_refused_with_its_line() {
        let entry = |line: &str| {
            format!(
                "version = 1\n[[plugin]]\nid = \"a\"\nsha256 = \"{HASH}\"\nkind = \"indicator\"\n{line}\n"
            )
        };
        for (text, line, why) in [
            (String::new(), 1, "there is no `version = 1`"),
            (
                "version = 2\n".to_owned(),
                1,
                "it is of version 2, this is version 1",
            ),
            ("hello\n".to_owned(), 1, "`hello` is neither"),
            (entry("file = \"../x.so\""), 6, "is not below"),
            (entry("file = \"/x.so\""), 6, "is not below"),
            (entry("file = \"\""), 6, "is not below"),
            (entry("file = 'x.so'"), 6, "is no text in quotes"),
            (entry("file = \"x.so\"\nfile = \"y.so\""), 7, "is there twice"),
            (
                entry("file = \"x.so\"\ncapabilities = [\"live\"]"),
                2,
                "no capability `live`",
            ),
            (
                entry("file = \"x.so\"\ncapabilities = [\"root\"]"),
                7,
                "no capability `root`",
            ),
            (
                entry("file = \"x.so\"\npublisher = \"me\""),
                7,
                "`me` is no public key of minisign",
            ),
            (entry("file = \"x.so\"\nsize = 3"), 7, "`size` is not known here"),
            (entry("isolated = \"yes\""), 6, "`isolated` is not known here"),
            (entry("deadline = 0"), 6, "a deadline of 0 seconds"),
            (entry("deadline = 3601"), 6, "a deadline of 3601 seconds"),
            (entry("on_failure = \"ask\""), 6, "`go on` or `stop`"),
            (entry("isolated = true\nisolated = false"), 7, "is there twice"),
            (entry(""), 2, "has no `file`"),
            (entry("kind = \"broker\""), 6, "is there twice"),
            (
                entry("").replace("\"indicator\"", "\"feed\""),
                5,
                "knows no plugins of kind `feed`",
            ),
        ] {
            let (at, said) = parse(&text).unwrap_err();
            assert!(said.contains(why) && at == line, "{text}: line {at}: {said}");
        }
        let twice = entry("file = \"x.so\"") + &entry("file = \"x.so\"").replace("version = 1\n", "");
        assert!(parse(&twice).unwrap_err().1.contains("`a` is there twice"));
    }
}
