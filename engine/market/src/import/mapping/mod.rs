//! Mapping files: which column of any CSV or Parquet table means what, as strict YAML.
//!
//! [`EXAMPLE`] is the documentation: every name with its meaning. A name that nobody reads is refused with the one that
//! may have been meant, and all that is wrong with a file is told at once.

mod bind;
mod when;

pub(super) use bind::{Bound, Cell};
pub(super) use when::{ParsedTime, When, date, is_zoneless, stamp};

use super::fields;
use crate::contract::Root;
use crate::store::is_valid_id;
use alula_yaml::{Entry, Fields, Finding, Limits, Node, Value, near};
use std::collections::BTreeMap;
use std::str::FromStr as _;

/// A commented mapping file, for people to start from. It maps the file that its comments describe.
pub const EXAMPLE: &str = include_str!("example.yaml");

/// What a table holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MappingKind {
    /// Option quotes.
    Chains,
    /// Values by day, of one or more series.
    Series,
    /// Intraday bars of one series.
    Bars,
}

/// What sort of thing a field is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Text,
    Number,
    Date,
    Time,
    Stamp,
    Right,
}

const COMMON: [&str; 4] = ["kind", "delimiter", "decimal", "zone"];
const CHAIN_FIELDS: [(&str, Class); 19] = [
    ("date", Class::Date),
    ("time", Class::Time),
    ("timestamp", Class::Stamp),
    ("symbol", Class::Text),
    ("root", Class::Text),
    ("underlying", Class::Text),
    ("expiry", Class::Date),
    ("right", Class::Right),
    ("strike", Class::Number),
    ("bid", Class::Number),
    ("ask", Class::Number),
    ("bid_size", Class::Number),
    ("ask_size", Class::Number),
    ("last", Class::Number),
    ("volume", Class::Number),
    ("open_interest", Class::Number),
    ("iv", Class::Number),
    ("delta", Class::Number),
    ("gamma", Class::Number),
];
const SPOT: (&str, Class) = ("spot", Class::Number);
/// Fields that may differ between the quotes of one row.
const PER_QUOTE: [&str; 12] = [
    "symbol",
    "right",
    "bid",
    "ask",
    "bid_size",
    "ask_size",
    "last",
    "volume",
    "open_interest",
    "iv",
    "delta",
    "gamma",
];
const SERIES_FIELDS: [(&str, Class); 2] = [("date", Class::Date), ("known", Class::Stamp)];
const BAR_FIELDS: [(&str, Class); 8] = [
    ("date", Class::Date),
    ("time", Class::Time),
    ("timestamp", Class::Stamp),
    ("open", Class::Number),
    ("high", Class::Number),
    ("low", Class::Number),
    ("close", Class::Number),
    ("volume", Class::Number),
];

/// Where a value comes from, and how it is written.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Field {
    /// A column, or the same value for every row.
    pub(super) from: From,
    /// The store's unit over the file's.
    pub(super) scale: f64,
    /// How dates and times are written, as strftime does, or a word such as `unix_ms`.
    pub(super) format: Option<String>,
    /// Words for a call, and for a put.
    pub(super) words: Option<(Vec<String>, Vec<String>)>,
}

/// See [`Field::from`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum From {
    Column(String),
    Value(String),
}

/// Fields by name.
pub(super) type Named = BTreeMap<&'static str, Field>;

/// A mapping file that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Mapping {
    kind: MappingKind,
    pub(super) delimiter: Option<u8>,
    pub(super) decimal_comma: bool,
    pub(super) zone: Option<chrono_tz::Tz>,
    pub(super) fields: Named,
    /// The quotes of one row, each over `fields`; empty when a row is one quote.
    pub(super) quotes: Vec<Named>,
    /// Series by identifier.
    pub(super) series: Vec<(String, Field)>,
    /// Identifier of the bars.
    pub(super) id: Option<String>,
    /// Minutes of a bar.
    pub(super) minutes: Option<u16>,
    /// Bars carry the time at which they end.
    pub(super) stamped_at_end: bool,
}

impl Mapping {
    /// What the table holds.
    #[must_use]
    pub const fn kind(&self) -> MappingKind {
        self.kind
    }

    /// Reads a mapping file.
    ///
    /// # Errors
    /// All that must be changed, in order of position.
    pub fn parse(bytes: &[u8]) -> Result<Self, Vec<Finding>> {
        let document = alula_yaml::read(bytes, Limits::SMALL).map_err(|f| vec![f])?;
        let Some(root) = document.root.filter(|r| !r.is_null()) else {
            let top = alula_yaml::Place { line: 1, column: 1 };
            let fix = "`alula import --mapping-example` prints one to start from";
            return Err(vec![Finding::new(
                top,
                "the mapping is empty",
                "it says which column means what",
                fix,
            )]);
        };
        let mut reading = Reading::default();
        let mapping = reading.mapping(&root);
        reading.found.sort_by_key(|f| (f.line, f.column));
        match mapping {
            Some(mapping) if reading.found.is_empty() => Ok(mapping),
            _ => Err(reading.found),
        }
    }
}

/// Collects findings.
#[derive(Default)]
struct Reading {
    found: Vec<Finding>,
}

impl Reading {
    fn keep<T>(&mut self, result: Result<T, Finding>) -> Option<T> {
        result.map_err(|f| self.found.push(f)).ok()
    }

    fn keep_all<T>(&mut self, result: Result<T, Vec<Finding>>) -> Option<T> {
        result.map_err(|f| self.found.extend(f)).ok()
    }

    fn wrong(&mut self, node: &Node, message: String, why: &str, fix: impl Into<String>) {
        self.found.push(Finding::new(node.place, message, why, fix));
    }

    fn mapping(&mut self, root: &Node) -> Option<Mapping> {
        let entries = self.keep(root.map("the mapping"))?;
        let kind = entries.iter().find(|e| e.name == "kind").map(|e| &e.value);
        let kind = match kind.map(|k| (k, k.text("`kind`"))) {
            None => MappingKind::Chains,
            Some((_, Ok("chains"))) => MappingKind::Chains,
            Some((_, Ok("series"))) => MappingKind::Series,
            Some((_, Ok("bars"))) => MappingKind::Bars,
            Some((node, Ok(other))) => {
                let fix = near(other, ["chains", "series", "bars"])
                    .map_or("write `chains`, `series` or `bars`".to_owned(), |k| {
                        format!("did you mean `{k}`?")
                    });
                self.wrong(
                    node,
                    format!("`{other}` is no kind of table"),
                    "it says what the rows are",
                    fix,
                );
                return None;
            }
            Some((_, Err(f))) => {
                self.found.push(f);
                return None;
            }
        };
        let (classes, more): (Vec<(&'static str, Class)>, &[&'static str]) = match kind {
            MappingKind::Chains => (CHAIN_FIELDS.into_iter().chain([SPOT]).collect(), &["quotes"]),
            MappingKind::Series => (SERIES_FIELDS.to_vec(), &["series"]),
            MappingKind::Bars => (BAR_FIELDS.to_vec(), &["series", "minutes", "stamp"]),
        };
        let known: Vec<&str> = COMMON
            .into_iter()
            .chain(classes.iter().map(|(n, _)| *n))
            .chain(more.iter().copied())
            .collect();
        let top = self.keep_all(root.fields("the mapping", &known))?;
        let mut out = Mapping {
            kind,
            delimiter: top.get("delimiter").and_then(|n| self.delimiter(n)),
            decimal_comma: top.get("decimal").and_then(|n| self.decimal(n)).unwrap_or(false),
            zone: top.get("zone").and_then(|n| self.zone(n)),
            fields: self.named(&top, &classes),
            quotes: Vec::new(),
            series: Vec::new(),
            id: None,
            minutes: None,
            stamped_at_end: false,
        };
        match kind {
            MappingKind::Chains => self.chains(&top, &mut out),
            MappingKind::Series => self.series(&top, &mut out),
            MappingKind::Bars => self.bars(&top, &mut out),
        }
        Some(out)
    }

    fn delimiter(&mut self, node: &Node) -> Option<u8> {
        let text = self.keep(node.text("`delimiter`"))?;
        match text.as_bytes() {
            [b] if b.is_ascii_graphic() || *b == b' ' || *b == b'\t' => Some(*b),
            _ if text == "tab" => Some(b'\t'),
            _ => {
                let fix = "write `','`, `';'`, `'|'` or `tab`";
                self.wrong(
                    node,
                    "`delimiter` is one character".to_owned(),
                    "it stands between the fields",
                    fix,
                );
                None
            }
        }
    }

    fn decimal(&mut self, node: &Node) -> Option<bool> {
        match self.keep(node.text("`decimal`"))? {
            "." => Some(false),
            "," => Some(true),
            other => {
                let message = format!("`{other}` is no decimal mark");
                self.wrong(node, message, "it is a point or a comma", "write `'.'` or `','`");
                None
            }
        }
    }

    fn zone(&mut self, node: &Node) -> Option<chrono_tz::Tz> {
        let text = self.keep(node.text("`zone`"))?;
        match chrono_tz::Tz::from_str(text) {
            Ok(zone) => Some(zone),
            Err(_) => {
                let names = chrono_tz::TZ_VARIANTS.iter().map(|z| z.name());
                let fix = near(text, names).map_or_else(
                    || "write a name such as `America/New_York`, `America/Chicago` or `UTC`".to_owned(),
                    |z| format!("did you mean `{z}`?"),
                );
                let why = "zones go by their names in the tz database, which know daylight saving";
                self.wrong(node, format!("there is no time zone `{text}`"), why, fix);
                None
            }
        }
    }

    fn named(&mut self, fields: &Fields<'_>, classes: &[(&'static str, Class)]) -> Named {
        let mut named = Named::new();
        for (name, class) in classes {
            if let Some(entry) = fields.entry(name)
                && let Some(field) = self.field(entry, *class)
            {
                named.insert(name, field);
            }
        }
        named
    }

    /// `bid: column`, or `bid: {column: …, scale: …}`, or `root: {value: SPXW}`.
    fn field(&mut self, entry: &Entry, class: Class) -> Option<Field> {
        let what = format!("`{}`", entry.name);
        let plain = Field {
            from: From::Column(String::new()),
            scale: 1.0,
            format: None,
            words: None,
        };
        let Value::Map(_) = &entry.value.value else {
            let text = self.keep(entry.value.text(&what))?;
            return Some(Field {
                from: From::Column(normal(text)),
                ..plain
            });
        };
        let known: &[&str] = match class {
            Class::Number => &["column", "value", "scale"],
            Class::Text => &["column", "value"],
            Class::Date | Class::Time | Class::Stamp => &["column", "format"],
            Class::Right => &["column", "value", "call", "put"],
        };
        let top = self.keep_all(entry.value.fields(&what, known))?;
        let from = match (top.get("column"), top.get("value")) {
            (Some(column), None) => From::Column(normal(self.keep(column.text("`column`"))?)),
            (None, Some(value)) => From::Value(self.keep(value.text("`value`"))?.to_owned()),
            (Some(_), Some(value)) => {
                let message = format!("{what} has both a column and a value");
                self.wrong(
                    value,
                    message,
                    "one of them would be ignored",
                    "remove one of the two",
                );
                return None;
            }
            (None, None) => {
                let message = format!("{what} says neither column nor value");
                let fix = format!("write `{}: NAME_OF_COLUMN`", entry.name);
                self.wrong(&entry.value, message, "it comes from one of them", fix);
                return None;
            }
        };
        let scale = match top.get("scale") {
            None => 1.0,
            Some(node) => {
                let scale = self.keep(node.number("`scale`"))?;
                if scale == 0.0 {
                    let why = "a value of the file times the scale is the value in points";
                    self.wrong(
                        node,
                        "a scale of 0 leaves nothing".to_owned(),
                        why,
                        "write `0.001`, or remove it",
                    );
                    return None;
                }
                scale
            }
        };
        let format = match top.get("format") {
            None => None,
            Some(node) => {
                let text = self.keep(node.text("`format`"))?;
                if let Err((message, fix)) = when::check_format(class == Class::Stamp, text) {
                    let why = "formats are written as in strftime, `%d.%m.%Y %H:%M:%S`";
                    self.wrong(node, message, why, fix);
                    return None;
                }
                Some(text.to_owned())
            }
        };
        let words = match (top.get("call"), top.get("put")) {
            (None, None) => None,
            (Some(call), Some(put)) => Some((self.words(call)?, self.words(put)?)),
            (one, two) => {
                let node = one.or(two)?;
                let message = "words are given for one of `call` and `put` alone".to_owned();
                self.wrong(
                    node,
                    message,
                    "neither is guessed",
                    "write both: `call: [C], put: [P]`",
                );
                return None;
            }
        };
        Some(Field {
            from,
            scale,
            format,
            words,
        })
    }

    fn words(&mut self, node: &Node) -> Option<Vec<String>> {
        match &node.value {
            Value::List(items) => items
                .iter()
                .map(|n| self.keep(n.text("a word")).map(str::to_owned))
                .collect(),
            _ => Some(vec![self.keep(node.text("a word"))?.to_owned()]),
        }
    }

    /// What of two groups of fields a mapping needs.
    fn need(&mut self, top: &Fields<'_>, present: bool, name: &str, such_as: &str) {
        if !present && let Err(f) = top.require(name, "the mapping", such_as) {
            self.found.push(f);
        }
    }

    fn need_time(&mut self, top: &Fields<'_>, with_time: bool) {
        let has = |name: &str| top.entry(name).is_some();
        if let (true, Some(entry)) = (has("timestamp"), top.entry("date").or_else(|| top.entry("time"))) {
            let message = "there is a `timestamp` as well as a date or time".to_owned();
            self.wrong(
                &entry.value,
                message,
                "one of them would be ignored",
                "remove one of the two",
            );
        }
        let given = has("timestamp") || (has("date") && (has("time") || !with_time));
        if has("time") && !has("date") && !has("timestamp") {
            self.need(top, false, "date", "date: COLUMN");
        } else if with_time {
            self.need(
                top,
                given,
                "timestamp",
                "timestamp: {column: COLUMN, format: '%Y-%m-%d %H:%M:%S'}",
            );
        } else {
            self.need(top, given, "date", "date: COLUMN");
        }
    }

    fn chains(&mut self, top: &Fields<'_>, out: &mut Mapping) {
        self.need_time(top, false);
        if let Some(Field {
            from: From::Value(root),
            ..
        }) = out.fields.get("root")
            && Root::parse(root).is_none()
            && let Some(node) = top.get("root")
        {
            let fix = format!("the roots are {}", fields::known_roots());
            self.wrong(
                node,
                format!("`{root}` is no root that the engine knows"),
                "a root says how its options settle",
                fix,
            );
        }
        if let Some(node) = top.get("quotes") {
            let classes: Vec<(&'static str, Class)> = CHAIN_FIELDS
                .into_iter()
                .filter(|(n, _)| PER_QUOTE.contains(n))
                .collect();
            let items = self.keep(node.list("`quotes`")).unwrap_or_default();
            for item in items {
                if let Some(fields) = self.keep_all(item.fields("a quote", &PER_QUOTE)) {
                    let quote = self.named(&fields, &classes);
                    out.quotes.push(quote);
                }
            }
        }
        let everywhere = |name: &str| {
            let common = top.entry(name).is_some();
            common || (!out.quotes.is_empty() && out.quotes.iter().all(|q| q.contains_key(name)))
        };
        let symbol = everywhere("symbol");
        let owner = symbol || everywhere("root") || everywhere("underlying");
        let present = [
            ("root", owner, "root: {value: SPXW}"),
            ("expiry", symbol || everywhere("expiry"), "expiry: COLUMN"),
            ("right", symbol || everywhere("right"), "right: COLUMN"),
            ("strike", symbol || everywhere("strike"), "strike: COLUMN"),
            ("bid", everywhere("bid"), "bid: COLUMN"),
            ("ask", everywhere("ask"), "ask: COLUMN"),
        ];
        for (name, present, such_as) in present {
            self.need(top, present, name, such_as);
        }
    }

    fn series(&mut self, top: &Fields<'_>, out: &mut Mapping) {
        self.need(top, top.entry("date").is_some(), "date", "date: COLUMN");
        let Some(node) = self.keep(top.require("series", "the mapping", "series: {NYSE.ADLINE: COLUMN}"))
        else {
            return;
        };
        for entry in self.keep(node.map("`series`")).unwrap_or_default() {
            if !is_valid_id(&entry.name) {
                let at = Node {
                    place: entry.place,
                    value: Value::List(Vec::new()),
                };
                let fix = "use letters, digits, `.`, `_` or `-`, such as `NYSE.ADLINE`";
                self.wrong(
                    &at,
                    format!("`{}` cannot name a series", entry.name),
                    "the name becomes a file's",
                    fix,
                );
            } else if let Some(field) = self.field(entry, Class::Number) {
                out.series.push((entry.name.clone(), field));
            }
        }
    }

    fn bars(&mut self, top: &Fields<'_>, out: &mut Mapping) {
        self.need_time(top, true);
        self.need(top, top.entry("close").is_some(), "close", "close: COLUMN");
        if let Some(node) = self.keep(top.require("series", "the mapping", "series: SPX"))
            && let Some(id) = self.keep(node.text("`series`"))
        {
            if is_valid_id(id) {
                out.id = Some(id.to_owned());
            } else {
                let fix = "use letters, digits, `.`, `_` or `-`, such as `SPX`";
                self.wrong(
                    node,
                    format!("`{id}` cannot name a series"),
                    "the name becomes a file's",
                    fix,
                );
            }
        }
        if let Some(node) = self.keep(top.require("minutes", "the mapping", "minutes: 1"))
            && let Some(minutes) = self.keep(node.integer("`minutes`"))
        {
            out.minutes = u16::try_from(minutes).ok().filter(|m| (1..=390).contains(m));
            if out.minutes.is_none() {
                let message = format!("a bar of {minutes} minutes is none of a session");
                self.wrong(
                    node,
                    message,
                    "a session has 390 minutes",
                    "write a number from 1 to 390",
                );
            }
        }
        if let Some(node) = top.get("stamp") {
            match self.keep(node.text("`stamp`")) {
                Some("end") => out.stamped_at_end = true,
                Some("start") | None => {}
                Some(other) => {
                    let message = format!("`{other}` is neither `start` nor `end`");
                    self.wrong(
                        node,
                        message,
                        "a bar carries the time of one of them",
                        "write `start` or `end`",
                    );
                }
            }
        }
    }
}

/// Column names compare as headers do.
fn normal(name: &str) -> String {
    super::input::normal(name)
}
