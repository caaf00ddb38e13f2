//! What an operator says to a run that is under way: halts, overlays, and who it was.

use super::signals::Request;
use super::state::{self, State};
use super::{Conductor, control, stopped};
use crate::exit::Failure;
use alula_core::operator::{Instruction, Intervention};
use alula_live::LiveError;
use alula_live::view::View;
use alula_run::{Act, ErrorClass, HaltLevel, Way};
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

/// The overlays in force, as a table for people.
pub fn list(v: &View) -> Value {
    let mut text = String::new();
    for (number, who, why, what) in &v.overlays {
        text.push_str(&format!("{number:>3}  {what}\n     {who}: {why}\n"));
    }
    if text.is_empty() {
        text.push_str("no overlay is in force\n");
    }
    json!({ "text": text, "overlays": control::overlays(v) })
}

/// What is not whole and the ways to repair it, for people.
fn repairs(v: &View) -> String {
    let mut text = String::new();
    for broken in &v.quarantine {
        text.push_str(&format!("{broken}\n"));
        for way in Way::ALL {
            text.push_str(&format!("  {:<6} {}\n", way.word(), way.what()));
        }
        text.push_str(&format!(
            "  say which: alula ctl repair STATE {} WAY --why TEXT --confirm\n",
            broken.order
        ));
    }
    if text.is_empty() {
        text.push_str("every package is whole\n");
    }
    text
}

impl Conductor<'_, '_> {
    /// Does what an operator asks for, and says so.
    pub(super) fn act(&mut self, act: Act, why: &str, request: &Request) -> Result<Value, Failure> {
        self.acts(act, (None, why), request)
    }

    fn acts(
        &mut self,
        act: Act,
        (name, why): (Option<&str>, &str),
        request: &Request,
    ) -> Result<Value, Failure> {
        if let Err(e) = self.live.crank().judge(&act) {
            return Ok(json!({ "error": e.what, "help": e.help }));
        }
        let done = match &act {
            Act::Halt(level) => json!({ "done": "halt", "level": level.word() }),
            Act::Resume => json!({ "done": "resume" }),
            Act::Add { number, instruction } => {
                let after = match instruction.what {
                    Intervention::Close(_) => {
                        "rules may open it again when it is closed; a `pause` keeps them"
                    }
                    _ => "",
                };
                json!({ "done": "overlay", "overlay": number, "what": instruction.to_string(), "note": after })
            }
            Act::Drop(number) => json!({ "done": "drop", "overlay": number }),
            Act::Repair { order, way } => json!({ "done": "repair", "order": order, "way": way.word() }),
        };
        let who = who(name, request.uid);
        let news = match self
            .live
            .act(act, (&who, &clean(why)), request.uid, state::now_ns())
        {
            // What the run does not take changes nothing.
            Err(LiveError::Run(e)) if e.class == ErrorClass::Request => {
                return Ok(json!({ "error": e.what, "help": e.help }));
            }
            other => other.map_err(|e| stopped(&e))?,
        };
        self.tell(&news);
        let mut done = done;
        if let Some(fields) = done.as_object_mut() {
            fields.retain(|_, v| v.as_str() != Some(""));
            fields.insert("in_force".to_owned(), json!("from the next tick"));
            if !who.is_empty() {
                fields.insert("who".to_owned(), json!(who));
            }
        }
        Ok(done)
    }

    /// `overlay {"add": "pause core", "why": "…", "name": "alice"}`, or `"drop": 3`.
    pub(super) fn overlay(&mut self, said: &str, request: &Request) -> Result<Value, Failure> {
        let said: Value = serde_json::from_str(said).unwrap_or_default();
        let text = |name: &str| said.get(name).and_then(Value::as_str);
        let why = text("why").map(clean).unwrap_or_default();
        if why.is_empty() {
            return Ok(json!({ "error": "an overlay needs its reason", "help": "say it with `--why`" }));
        }
        let act = match (text("add"), said.get("drop").and_then(Value::as_u64)) {
            (Some(words), _) => match Instruction::parse(words) {
                Ok(instruction) => Act::Add {
                    number: self.live.crank().next_overlay(),
                    instruction,
                },
                Err(e) => return Ok(json!({ "error": e.what, "help": e.help })),
            },
            (None, Some(number)) => Act::Drop(u32::try_from(number).unwrap_or(u32::MAX)),
            (None, None) => return Ok(json!({ "error": "an overlay is added or dropped" })),
        };
        self.acts(act, (text("name"), &why), request)
    }

    /// `repair {}` lists what is not whole; with `"order"` and `"way"` it says what that would do, with `"confirm": true` it does.
    pub(super) fn repair(&mut self, said: &str, request: &Request) -> Result<Value, Failure> {
        let said: Value = serde_json::from_str(said).unwrap_or_default();
        let text = |name: &str| said.get(name).and_then(Value::as_str);
        let view = View::of(&self.live);
        let (Some(order), Some(word)) = (text("order"), text("way")) else {
            return Ok(json!({ "text": repairs(&view), "quarantine": control::quarantine(&view) }));
        };
        let Some(way) = Way::parse(word) else {
            let help = "write `take`, `close` or `gone`";
            return Ok(json!({ "error": format!("there is no repair `{word}`"), "help": help }));
        };
        let act = Act::Repair {
            order: order.to_owned(),
            way,
        };
        if said.get("confirm").and_then(Value::as_bool) != Some(true) {
            if let Err(e) = self.live.crank().judge(&act) {
                return Ok(json!({ "error": e.what, "help": e.help }));
            }
            let found = view.quarantine.iter().find(|b| *b.order == *order);
            let what = found.map(ToString::to_string).unwrap_or_default();
            let text = format!(
                "{what}\n{word}: {}\nnothing is done yet: say it again with `--confirm`\n",
                way.what()
            );
            return Ok(json!({ "text": text }));
        }
        let why = text("why").map(clean).unwrap_or_default();
        if why.is_empty() {
            return Ok(json!({ "error": "a repair needs its reason", "help": "say it with `--why`" }));
        }
        self.acts(act, (text("name"), &why), request)
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
        self.tell(&news.map_err(|e| stopped(&e))?);
        Ok(())
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
