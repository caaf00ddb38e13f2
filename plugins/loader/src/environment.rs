//! What a library must leave alone: signal handlers, threads, open files, the current folder, the locale.

use std::collections::BTreeMap;

/// The state of this process, as far as the system shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment(BTreeMap<&'static str, String>);

impl Environment {
    /// What can be seen now; on systems without `/proc` little more than the current folder.
    #[must_use]
    pub fn now() -> Self {
        let mut seen = BTreeMap::new();
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        for line in status.lines() {
            let Some((key, value)) = line.split_once(':') else {
                continue;
            };
            let name = match key {
                "SigBlk" => "blocked signals",
                "SigIgn" => "ignored signals",
                "SigCgt" => "signal handlers",
                "Threads" => "threads",
                "Umask" => "file mask",
                _ => continue,
            };
            seen.insert(name, value.trim().to_owned());
        }
        if let Ok(files) = std::fs::read_dir("/proc/self/fd") {
            seen.insert("open files", files.count().to_string());
        }
        if let Some(locale) = locale() {
            seen.insert("locale", locale);
        }
        if let Ok(folder) = std::env::current_dir() {
            seen.insert("current folder", folder.display().to_string());
        }
        Self(seen)
    }

    /// What changed since an earlier look: one line each.
    #[must_use]
    pub fn changes(&self, earlier: &Self) -> Vec<String> {
        let changed = earlier.0.iter().filter_map(|(name, was)| {
            let now = self.0.get(name).map_or("unknown", String::as_str);
            (now != was).then(|| format!("{name}: {was} before, {now} after"))
        });
        changed.collect()
    }
}

/// The C library's locale: another one reads and writes numbers with other signs.
#[cfg(unix)]
fn locale() -> Option<String> {
    use std::ffi::{CStr, c_char, c_int};
    unsafe extern "C" {
        fn setlocale(category: c_int, locale: *const c_char) -> *mut c_char;
    }
    /// `LC_ALL` of `locale.h`.
    const ALL: c_int = if cfg!(target_vendor = "apple") { 0 } else { 6 };
    // SAFETY: the C library's own function; without a name it only asks.
    let name = unsafe { setlocale(ALL, std::ptr::null()) };
    if name.is_null() {
        return None;
    }
    // SAFETY: a text of the C library, which stays until the locale is set again.
    let name = unsafe { CStr::from_ptr(name) };
    Some(name.to_string_lossy().into_owned())
}

/// Nothing that can be seen.
#[cfg(not(unix))]
const fn locale() -> Option<String> {
    None
}

/// Bytes of this process that are in memory, where the system shows it.
#[must_use]
pub fn resident_bytes() -> Option<u64> {
    const PAGE_BYTES: u64 = 4096;
    let pages = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = pages.split_whitespace().nth(1)?.parse().ok()?;
    pages.checked_mul(PAGE_BYTES)
}
