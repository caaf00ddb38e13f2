//! A library that ends this process: `exit(0)` inside a plugin must not look like the program's own good end.
//!
//! The C library calls handlers when a process ends, the newest first. Ours stands in front of those that a library brings, and unless
//! the program has said that it ends, the process leaves with a failure and a sentence. `_exit` asks no handlers: who must be safe from
//! that runs the plugin in a process of its own.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

/// The program says when it ends.
static SAYS: AtomicBool = AtomicBool::new(false);
/// The program ends, and means it.
static MEANT: AtomicBool = AtomicBool::new(false);
static WATCH: OnceLock<Watch> = OnceLock::new();

#[derive(Clone, Copy)]
struct Watch {
    code: u8,
    what: fn() -> String,
}

/// A program that says when it ends: from here on its end is watched, and what this gives says so when it goes.
#[must_use]
pub fn program() -> Meant {
    SAYS.store(true, Ordering::SeqCst);
    Meant(())
}

/// Watches from here on how the process ends: when nobody has called [`meant`], it leaves with `code`, and says what `what` gives. Call
/// it after each library that was opened, so that it comes before what the library itself does at the end. The first code and words
/// count. Nothing in a program that did not ask for it by [`program`]: how that ends is its own affair.
pub fn watch(code: u8, what: fn() -> String) {
    if !SAYS.load(Ordering::SeqCst) {
        return;
    }
    WATCH.get_or_init(|| Watch { code, what });
    register();
}

/// The process is about to end, by the program's own will.
pub fn meant() {
    MEANT.store(true, Ordering::SeqCst);
}

/// Says the last words of a process on standard error, past everything that stands in front of it, and waits five seconds at most for
/// who reads it: one that stands still must not keep a process alive. At most 4,096 bytes.
#[cfg(unix)]
pub fn say(text: &str) {
    use std::ffi::{c_int, c_short, c_ulong, c_void};
    #[cfg(target_vendor = "apple")]
    type Count = std::ffi::c_uint;
    #[cfg(not(target_vendor = "apple"))]
    type Count = c_ulong;
    #[repr(C)]
    struct PollFd {
        fd: c_int,
        events: c_short,
        revents: c_short,
    }
    unsafe extern "C" {
        fn poll(fds: *mut PollFd, count: Count, timeout: c_int) -> c_int;
        fn write(fd: c_int, bytes: *const c_void, count: usize) -> isize;
    }
    /// `POLLOUT` on Linux and macOS.
    const WRITABLE: c_short = 4;
    /// A pipe that is writable has room for so much at least (`PIPE_BUF` on Linux; 512 on macOS, where more may wait).
    const ROOM: usize = 4096;
    let mut stderr = PollFd {
        fd: 2,
        events: WRITABLE,
        revents: 0,
    };
    let bytes = text.as_bytes();
    let count = bytes.len().min(ROOM);
    // SAFETY: the C library's own functions; `stderr` is one whole entry for the time of the call, and `count` bytes are readable at
    // `bytes`. A descriptor that is closed is an error, which is not looked at.
    unsafe {
        if poll(&raw mut stderr, 1, 5000) > 0 && stderr.revents & WRITABLE != 0 {
            write(stderr.fd, bytes.as_ptr().cast(), count);
        }
    }
}

/// Says the last words of a process on standard error.
#[cfg(not(unix))]
pub fn say(text: &str) {
    use std::io::Write as _;
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// Says so when it goes, also where a panic takes it along.
#[derive(Debug)]
pub struct Meant(());

impl Drop for Meant {
    fn drop(&mut self) {
        meant();
    }
}

#[cfg(unix)]
fn register() {
    use std::ffi::c_int;
    unsafe extern "C" {
        fn atexit(handler: extern "C" fn()) -> c_int;
        #[cfg(not(target_vendor = "apple"))]
        fn at_quick_exit(handler: extern "C" fn()) -> c_int;
        fn _exit(code: c_int) -> !;
    }
    extern "C" fn ended() {
        if MEANT.load(Ordering::SeqCst) {
            return;
        }
        let Some(watch) = WATCH.get() else { return };
        // Nothing may unwind out of here; without words the code still says it.
        let _ = std::panic::catch_unwind(|| {
            say(&(watch.what)());
        });
        // SAFETY: the C library's own function, which does not return and asks no other handlers.
        unsafe { _exit(c_int::from(watch.code)) }
    }
    // SAFETY: the C library's own functions; the handler is a function of this program, which is never unloaded. That there is no room
    // for a handler leaves everything as it was.
    unsafe {
        atexit(ended);
        #[cfg(not(target_vendor = "apple"))]
        at_quick_exit(ended);
    }
}

/// Each library has a C library of its own there.
#[cfg(not(unix))]
const fn register() {}
