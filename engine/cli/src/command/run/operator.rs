//! What an operator says to a run that is under way: halts, and who it was.

use super::signals::Request;
use super::state::{self, State};
use super::{Conductor, stopped};
use crate::exit::Failure;
use alula_run::{Act, HaltLevel};
use serde_json::{Value, json};

/// Longest file of users that is looked through, bytes.
const PASSWD_BYTES_MAX: u64 = 1 << 20;

/// The act that a word of the control socket stands for, if it halts or lifts a halt.
pub fn halting(command: &str) -> Option<Act> {
    match command {
        "halt" => Some(Act::Halt(HaltLevel::Entries)),
        "halt-all" => Some(Act::Halt(HaltLevel::All)),
        "resume" => Some(Act::Resume),
        _ => None,
    }
}

/// A user by name and number: `alice (uid 1000)`; the name that was given, else that of the system.
pub fn who(name: Option<&str>, uid: Option<u32>) -> String {
    let name = name.map(str::trim).filter(|n| !n.is_empty()).map(clean);
    match (name, uid) {
        (Some(name), Some(uid)) => format!("{name} (uid {uid})"),
        (Some(name), None) => name,
        (None, Some(uid)) => {
            user(uid).map_or_else(|| format!("uid {uid}"), |name| format!("{name} (uid {uid})"))
        }
        (None, None) => String::new(),
    }
}

/// Words for records: one line, no control characters.
pub fn clean(text: &str) -> String {
    let plain = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    plain.collect::<String>().trim().to_owned()
}

/// The system's name of a user.
fn user(uid: u32) -> Option<String> {
    use std::io::Read as _;
    let file = std::fs::File::open("/etc/passwd").ok()?;
    let mut text = String::new();
    file.take(PASSWD_BYTES_MAX).read_to_string(&mut text).ok()?;
    let mut lines = text.lines().map(|l| l.split(':').collect::<Vec<_>>());
    let found = lines.find(|f| f.get(2).and_then(|n| n.parse().ok()) == Some(uid))?;
    found
        .first()
        .map(|name| clean(name))
        .filter(|name| !name.is_empty())
}

impl Conductor<'_, '_> {
    /// Does what an operator asks for, and says so.
    pub(super) fn act(&mut self, act: Act, why: &str, request: &Request) -> Result<Value, Failure> {
        let done = match act {
            Act::Halt(_) => "halt",
            Act::Resume => "resume",
        };
        let level = match act {
            Act::Halt(level) => Some(level.word()),
            Act::Resume => None,
        };
        let who = who(None, request.uid);
        let news = self
            .live
            .act(act, (&who, &clean(why)), request.uid, state::now_ns());
        self.tell(&news.map_err(|e| stopped(&e))?)?;
        Ok(json!({ "done": done, "level": level, "in_force": "from the next tick" }))
    }

    /// A halt outlives the run that it was said to: one that begins anew in the same folder begins halted.
    pub(super) fn carry_halt(&mut self, state: Option<&State>, resumed: bool) -> Result<(), Failure> {
        // A run that goes on with another does again what was said to it.
        let Some(state) = state.filter(|_| !resumed) else {
            return Ok(());
        };
        let Some((level, who, why)) = state.halted()? else {
            return Ok(());
        };
        self.out.warn(&format!(
            "the run before was halted ({}) by {who}: {why}; this one begins halted, `alula ctl resume` lifts it",
            level.word()
        ));
        let why = format!("carried over: {why}");
        let news = self
            .live
            .act(Act::Halt(level), (&who, &why), None, state::now_ns());
        self.tell(&news.map_err(|e| stopped(&e))?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operator_is_told_by_name_and_number_in_one_line() {
        assert_eq!(who(Some(" alice\n"), Some(1000)), "alice (uid 1000)");
        assert_eq!(who(Some("bob"), None), "bob");
        assert_eq!(who(None, None), "");
        assert_eq!(who(None, Some(4_000_000_001)), "uid 4000000001");
        assert_eq!(clean("a\tb\u{1b}[31m"), "a b [31m");
    }
}
