//! What a file says, and the questions a reader of settings asks of it.

use crate::Finding;

/// A position in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Line from 1.
    pub line: u32,
    /// Column from 1, in characters.
    pub column: u32,
}

/// How a scalar is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Without quotes.
    Plain,
    /// In single or double quotes: always text.
    Quoted,
    /// As a block after `|` or `>`: always text.
    Block,
}

/// What a scalar is, in the words of the YAML core schema.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Meaning {
    /// Nothing: empty, `~` or `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A finite decimal number.
    Number(f64),
    /// Anything else.
    Text,
}

/// One value.
#[derive(Clone, Debug, PartialEq)]
pub struct Scalar {
    /// Its text, escapes resolved.
    pub text: String,
    /// How it is written.
    pub style: Style,
    /// What it is.
    pub meaning: Meaning,
}

/// A named value of a mapping.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The name.
    pub name: String,
    /// Where the name stands.
    pub place: Place,
    /// How the name is written.
    pub style: Style,
    /// The value.
    pub value: Node,
}

/// What stands at a place.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// One value.
    Scalar(Scalar),
    /// A list.
    List(Vec<Node>),
    /// Names and values in textual order, each name once.
    Map(Vec<Entry>),
}

/// A value, a list or a mapping, and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Its first character.
    pub place: Place,
    /// What it is.
    pub value: Value,
}

impl Node {
    fn finding(&self, message: String, fix: impl Into<String>) -> Finding {
        let why = "the file is read strictly: each value has one kind";
        Finding::new(self.place, message, why, fix)
    }

    /// In a word, for messages.
    fn shown(&self) -> String {
        match &self.value {
            Value::Scalar(Scalar {
                meaning: Meaning::Null,
                ..
            }) => "nothing".to_owned(),
            Value::Scalar(s) if s.style == Style::Quoted => format!("the text `{}`", clip(&s.text)),
            Value::Scalar(s) => format!("`{}`", clip(&s.text)),
            Value::List(_) => "a list".to_owned(),
            Value::Map(_) => "a mapping".to_owned(),
        }
    }

    /// Nothing stands here.
    #[must_use]
    pub const fn is_null(&self) -> bool {
        matches!(
            self.value,
            Value::Scalar(Scalar {
                meaning: Meaning::Null,
                ..
            })
        )
    }

    /// The scalar, when it is one.
    #[must_use]
    pub const fn scalar(&self) -> Option<&Scalar> {
        match &self.value {
            Value::Scalar(scalar) => Some(scalar),
            _ => None,
        }
    }

    /// A text, in quotes or without. A plain number or truth value is text too: a column may be called `1`.
    ///
    /// # Errors
    /// When it is a list, a mapping, or nothing. `what` names the value in the message, such as `` `column` ``.
    pub fn text(&self, what: &str) -> Result<&str, Finding> {
        match &self.value {
            Value::Scalar(s) if s.meaning != Meaning::Null => Ok(&s.text),
            _ => {
                let message = format!("{what} is a text, not {}", self.shown());
                Err(self.finding(message, "write one word, or a text in quotes"))
            }
        }
    }

    /// A number, finite and without quotes.
    ///
    /// # Errors
    /// When it is anything else.
    pub fn number(&self, what: &str) -> Result<f64, Finding> {
        match &self.value {
            Value::Scalar(Scalar {
                meaning: Meaning::Number(x),
                ..
            }) => Ok(*x),
            _ => {
                let message = format!("{what} is a number, not {}", self.shown());
                Err(self.finding(message, "write digits without quotes, such as `0.01`"))
            }
        }
    }

    /// A whole number, written as digits.
    ///
    /// # Errors
    /// When it is anything else, or does not fit 64 bits.
    pub fn integer(&self, what: &str) -> Result<i64, Finding> {
        let whole = match &self.value {
            Value::Scalar(s) if matches!(s.meaning, Meaning::Number(_)) => s.text.parse().ok(),
            _ => None,
        };
        whole.ok_or_else(|| {
            let message = format!("{what} is a whole number, not {}", self.shown());
            self.finding(message, "write digits without quotes, such as `1000`")
        })
    }

    /// `true` or `false`.
    ///
    /// # Errors
    /// When it is anything else, `yes` and `on` included.
    pub fn boolean(&self, what: &str) -> Result<bool, Finding> {
        match &self.value {
            Value::Scalar(Scalar {
                meaning: Meaning::Bool(b),
                ..
            }) => Ok(*b),
            _ => {
                let message = format!("{what} is `true` or `false`, not {}", self.shown());
                Err(self.finding(message, "write `true` or `false`"))
            }
        }
    }

    /// A list.
    ///
    /// # Errors
    /// When it is anything else.
    pub fn list(&self, what: &str) -> Result<&[Node], Finding> {
        match &self.value {
            Value::List(items) => Ok(items),
            _ => {
                let message = format!("{what} is a list, not {}", self.shown());
                Err(self.finding(message, "write `- value` lines, or `[one, two]`"))
            }
        }
    }

    /// Names and values in textual order, whatever the names are.
    ///
    /// # Errors
    /// When it is no mapping.
    pub fn map(&self, what: &str) -> Result<&[Entry], Finding> {
        match &self.value {
            Value::Map(entries) => Ok(entries),
            _ => {
                let message = format!("{what} is `name: value` lines, not {}", self.shown());
                Err(self.finding(message, "write one `name: value` line for each, indented"))
            }
        }
    }

    /// A mapping with names out of a known list.
    ///
    /// # Errors
    /// Every name that is not in the list, with the one that may have been meant; or that it is no mapping.
    pub fn fields<'a>(&'a self, what: &str, known: &[&str]) -> Result<Fields<'a>, Vec<Finding>> {
        let entries = self.map(what).map_err(|f| vec![f])?;
        let unknown: Vec<Finding> = entries
            .iter()
            .filter(|e| !known.contains(&e.name.as_str()))
            .map(|e| {
                let fix = near(&e.name, known.iter().copied()).map_or_else(
                    || format!("the names are {}", known.join(", ")),
                    |candidate| format!("did you mean `{candidate}`?"),
                );
                let message = format!("there is no `{}` in {what}", clip(&e.name));
                Finding::new(e.place, message, "a name that nobody reads would be ignored", fix)
            })
            .collect();
        if unknown.is_empty() {
            Ok(Fields {
                entries,
                place: self.place,
            })
        } else {
            Err(unknown)
        }
    }
}

/// A mapping whose names are all known.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'a> {
    entries: &'a [Entry],
    /// Where the mapping begins.
    pub place: Place,
}

impl<'a> Fields<'a> {
    /// A named value; `None` when the name is absent or nothing stands after it.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'a Node> {
        self.entry(name).map(|e| &e.value).filter(|n| !n.is_null())
    }

    /// A named entry.
    #[must_use]
    pub fn entry(&self, name: &str) -> Option<&'a Entry> {
        self.entries.iter().find(|e| e.name == name)
    }

    /// A named value that must be there.
    ///
    /// # Errors
    /// When it is not. `what` names the mapping, `such_as` shows the line to write.
    pub fn require(&self, name: &str, what: &str, such_as: &str) -> Result<&'a Node, Finding> {
        self.get(name).ok_or_else(|| {
            let at = self.entry(name).map_or(self.place, |e| e.place);
            let message = format!("{what} has no `{name}`");
            Finding::new(at, message, "it has no default", format!("write `{such_as}`"))
        })
    }
}

/// The candidate that a misspelt word is likely to mean.
pub fn near<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|c| (strsim::damerau_levenshtein(c, word), c))
        .filter(|(distance, c)| *distance <= c.chars().count().div_ceil(3))
        .min()
        .map(|(_, c)| c)
}

/// A text short enough for a message of one line.
fn clip(text: &str) -> String {
    let mut shown: String = text.chars().take(60).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown.replace(['\n', '\r'], " ")
}
