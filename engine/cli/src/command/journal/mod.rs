//! `alula journal`.

mod words;

use crate::args::{
    EntryArgs, ExportFormat, JournalArgs, JournalCommand, JournalExportArgs, JournalShowArgs,
    JournalVerifyArgs, TextFormat,
};
use crate::command::run::remote::RemoteStore;
use crate::exit::{Exit, Failure};
use crate::files;
use crate::output::Output;
use alula_journal::store::RedbStore;
use alula_journal::{Entry, Hash, Record, Store, StoreError, Verdict, each, verify};
use alula_run::tables::{Kind, Table, Value};
use serde_json::json;
use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Verifies, shows or exports a journal.
///
/// # Errors
/// When there is no journal, or it cannot be read.
pub fn run(args: &JournalArgs, out: &mut Output) -> Result<Exit, Failure> {
    quietly(|| match &args.command {
        JournalCommand::Verify(args) => check(args, out),
        JournalCommand::Show(args) => show(args, out),
        JournalCommand::Export(args) => export(args, out),
    })
}

/// Reads journals. The store gives up on damaged pages by a panic, which comes back as an error; its words are for its authors.
pub fn quietly<T>(read: impl FnOnce() -> T) -> T {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let outcome = read();
    std::panic::set_hook(hook);
    outcome
}

/// Journals of a folder, the oldest first; where it has none itself, of its one folder that has.
fn journals(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut found = list(folder)?;
    found.retain(|p| is_journal(p));
    if !found.is_empty() {
        return Ok(found);
    }
    let mut inner = list(folder)?;
    inner.retain(|p| p.is_dir() && list(p).is_ok_and(|l| l.iter().any(|p| is_journal(p))));
    match inner.as_slice() {
        [one] => {
            let mut found = list(one)?;
            found.retain(|p| is_journal(p));
            Ok(found)
        }
        [] => Err(Failure::usage(format!("no journal in `{}`", folder.display()))
            .help("name a journal, `RUN.redb`, or the folder that `alula run --state` was given")),
        several => {
            let names: Vec<String> = several.iter().map(|p| format!("`{}`", p.display())).collect();
            let what = format!("`{}` holds the journals of several strategies", folder.display());
            Err(Failure::usage(what).help(format!("name one of {}", names.join(", "))))
        }
    }
}

fn is_journal(path: &Path) -> bool {
    path.extension().is_some_and(|e| e == "redb")
}

/// What a folder holds, by name.
fn list(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let entries = std::fs::read_dir(folder).map_err(|e| Failure::io("read", folder, &e))?;
    let mut found: Vec<PathBuf> = entries.flatten().map(|e| e.path()).collect();
    found.sort();
    Ok(found)
}

/// The file that is meant: of a folder its newest.
pub fn meant(path: &Path) -> Result<PathBuf, Failure> {
    if !path.is_dir() {
        return Ok(path.to_owned());
    }
    journals(path)?
        .pop()
        .ok_or_else(|| Failure::usage(format!("no journal in `{}`", path.display())))
}

/// A journal that nobody writes, or through the run that does.
pub fn open(path: &Path) -> Result<Box<dyn Store>, Failure> {
    match RedbStore::view(path) {
        Ok(store) => Ok(Box::new(store)),
        Err(StoreError::Busy) => match RemoteStore::of(path) {
            Some(store) => Ok(Box::new(store)),
            None => Err(refused(path, &StoreError::Busy)),
        },
        Err(error) => Err(refused(path, &error)),
    }
}

/// What a journal that cannot be read means for the exit code.
pub fn refused(path: &Path, error: &StoreError) -> Failure {
    let what = format!("cannot read the journal `{}`: {error}", path.display());
    match error {
        StoreError::Busy => Failure::usage(what).help(
            "the run is at work and did not answer at its control socket; ask again, or once it has ended",
        ),
        StoreError::Io(_) => Failure::usage(what),
        StoreError::Corrupt(_) => Failure::new(Exit::Data, what),
    }
}

/// What is wrong with a journal, by itself or as a link of the chain of runs.
fn break_of(verdict: &Verdict, before: Option<&BTreeMap<String, Hash>>) -> Option<String> {
    if let Some(broken) = &verdict.broken {
        return Some(broken.to_string());
    }
    let manifest = &verdict.manifest;
    let parent = before?.get(manifest.parent.as_ref()?)?;
    (manifest.parent_head != Some(*parent)).then(|| {
        let name = manifest.parent.as_deref().unwrap_or_default();
        format!("it goes on from another end of `{name}` than the one that is there")
    })
}

fn check(args: &JournalVerifyArgs, out: &mut Output) -> Result<Exit, Failure> {
    let files = if args.all && args.file.is_dir() {
        journals(&args.file)?
    } else {
        vec![meant(&args.file)?]
    };
    let mut heads = BTreeMap::new();
    let mut exit = Exit::Ok;
    let mut rows = Vec::new();
    for file in &files {
        let verdict = verify(open(file)?.as_ref()).map_err(|e| refused(file, &e))?;
        let broken = break_of(&verdict, (files.len() > 1).then_some(&heads));
        heads.insert(verdict.manifest.run.clone(), verdict.head);
        if broken.is_some() {
            exit = Exit::Findings;
        }
        match args.format {
            TextFormat::Text => out.data(&text(file, &verdict, broken.as_deref()))?,
            TextFormat::Json => rows.push(as_json(file, &verdict, broken.as_deref())),
        }
    }
    if args.format == TextFormat::Json {
        let document = if args.all {
            json!(rows)
        } else {
            json!(rows.first())
        };
        out.data(&format!("{document:#}\n"))?;
    }
    Ok(exit)
}

fn text(file: &Path, verdict: &Verdict, broken: Option<&str>) -> String {
    let manifest = &verdict.manifest;
    let mut text = String::new();
    let mut row = |name: &str, value: &str| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{name:<9} {value}");
    };
    row("journal", &file.display().to_string());
    let mode = if manifest.mode.is_empty() { "" } else { ", " };
    row("run", &format!("{}{mode}{}", manifest.run, manifest.mode));
    row("started", &words::instant(manifest.started_ns));
    let note = if manifest.note.is_empty() { "" } else { "; " };
    row(
        "status",
        &format!("{}{note}{}", manifest.status.words(), manifest.note),
    );
    if let Some(parent) = &manifest.parent {
        let head = manifest.parent_head.unwrap_or_default();
        row("parent", &format!("{parent}, up to {}", head.short()));
    }
    let kinds: Vec<String> = verdict
        .kinds
        .iter()
        .map(|(kind, count)| format!("{} {count}", Record::word_of(*kind)))
        .collect();
    row("entries", &format!("{} ({})", verdict.entries, kinds.join(", ")));
    row("head", &verdict.head.to_string());
    if let Some((seq, why)) = &verdict.unreadable {
        row("unread", &format!("entry {seq}: {why}"));
    }
    match broken {
        None => row("chain", "whole: nothing is missing, changed or torn"),
        Some(why) => row("chain", &format!("BROKEN after entry {}: {why}", verdict.entries)),
    }
    text
}

fn as_json(file: &Path, verdict: &Verdict, broken: Option<&str>) -> serde_json::Value {
    let kinds: BTreeMap<&str, u64> = verdict
        .kinds
        .iter()
        .map(|(kind, count)| (Record::word_of(*kind), *count))
        .collect();
    json!({
        "journal": file,
        "manifest": verdict.manifest,
        "entries": verdict.entries,
        "kinds": kinds,
        "head": verdict.head,
        "unreadable": verdict.unreadable.as_ref().map(|(seq, why)| json!({"seq": seq, "why": why})),
        "broken": broken,
    })
}

/// Which entries are wanted.
struct Filter {
    from: u64,
    to: u64,
    kinds: Vec<u16>,
    order: Option<String>,
}

impl Filter {
    fn new(args: &EntryArgs) -> Result<Self, Failure> {
        let kind = |word: &String| {
            let word = word.trim();
            Record::kind_of(word).ok_or_else(|| {
                let known: Vec<&str> = Record::KINDS.iter().map(|(_, w)| *w).collect();
                let near = known
                    .iter()
                    .map(|k| (strsim::normalized_damerau_levenshtein(word, k), *k))
                    .filter(|(score, _)| *score >= 0.6)
                    .max_by(|a, b| a.0.total_cmp(&b.0));
                let help = match near {
                    Some((_, near)) => format!("did you mean `{near}`?"),
                    None => format!("kinds are {}", known.join(", ")),
                };
                Failure::usage(format!("no kind of entry is called `{word}`")).help(help)
            })
        };
        Ok(Self {
            from: args.from.unwrap_or(0),
            to: args.to.unwrap_or(u64::MAX),
            kinds: args.kind.iter().map(kind).collect::<Result<_, _>>()?,
            order: args.order.clone(),
        })
    }

    fn wants(&self, entry: &Entry, record: Option<&Record>) -> bool {
        (self.from..=self.to).contains(&entry.seq)
            && (self.kinds.is_empty() || self.kinds.contains(&entry.kind))
            && (self.order.is_none() || self.order.as_deref() == record.and_then(words::order))
    }
}

/// Hands the wanted entries on; says what is broken afterwards.
fn walk(
    file: &Path,
    filter: &Filter,
    out: &mut Output,
    mut take: impl FnMut(&mut Output, &Entry, Option<&Record>) -> Result<(), Failure>,
) -> Result<Exit, Failure> {
    let store = open(file)?;
    let mut failure = None;
    let walked = each(store.as_ref(), |entry, record| {
        if filter.wants(entry, record)
            && let Err(error) = take(out, entry, record)
        {
            let text = error.to_string();
            failure = Some(error);
            return Err(StoreError::Io(text));
        }
        Ok(())
    });
    if let Some(failure) = failure {
        return Err(failure);
    }
    let verdict = walked.map_err(|e| refused(file, &e))?;
    let Some(broken) = &verdict.broken else {
        return Ok(Exit::Ok);
    };
    out.warn(&format!(
        "the journal is broken: {broken}; what comes after is not shown"
    ));
    Ok(Exit::Findings)
}

fn show(args: &JournalShowArgs, out: &mut Output) -> Result<Exit, Failure> {
    let file = meant(&args.file)?;
    let filter = Filter::new(&args.entries)?;
    let line = |entry: &Entry, record: Option<&Record>| match args.format {
        TextFormat::Json => format!("{}\n", words::json(entry, record)),
        TextFormat::Text => {
            let cause = match entry.cause {
                0 => String::new(),
                cause => format!("<{cause}"),
            };
            let says = record.map_or_else(
                || format!("kind {} of layout {}", entry.kind, entry.schema),
                words::line,
            );
            let kind = Record::word_of(entry.kind);
            let time = words::instant(entry.engine_ns);
            format!("{:>7} {cause:>7}  {time}  {kind:<19} {says}\n", entry.seq)
        }
    };
    let Some(last) = args.last else {
        return walk(&file, &filter, out, |out, entry, record| {
            out.data(&line(entry, record))
        });
    };
    let mut lines = VecDeque::new();
    let exit = walk(&file, &filter, out, |_, entry, record| {
        lines.push_back(line(entry, record));
        if lines.len() > last {
            lines.pop_front();
        }
        Ok(())
    })?;
    for line in lines {
        out.data(&line)?;
    }
    Ok(exit)
}

const COLUMNS: &[(&str, Kind)] = &[
    ("seq", Kind::Int),
    ("kind", Kind::Text),
    ("engine_time", Kind::Time),
    ("engine_ns", Kind::Int),
    ("received_ns", Kind::Int),
    ("cause", Kind::Int),
    ("durable", Kind::Int),
    ("order_id", Kind::Text),
    ("says", Kind::Text),
    ("hash", Kind::Text),
];

fn export(args: &JournalExportArgs, out: &mut Output) -> Result<Exit, Failure> {
    let file = meant(&args.file)?;
    let filter = Filter::new(&args.entries)?;
    let ending = args.output.as_ref().and_then(|p| p.extension());
    let format = args.format.unwrap_or(if ending.is_some_and(|e| e == "parquet") {
        ExportFormat::Parquet
    } else {
        ExportFormat::Jsonl
    });
    let (exit, bytes) = match (format, &args.output) {
        (ExportFormat::Jsonl, None) => {
            return walk(&file, &filter, out, |out, entry, record| {
                out.data(&format!("{}\n", words::json(entry, record)))
            });
        }
        (ExportFormat::Jsonl, Some(_)) => {
            let mut text = String::new();
            let exit = walk(&file, &filter, out, |_, entry, record| {
                // Writing to a string cannot fail.
                let _ = writeln!(text, "{}", words::json(entry, record));
                Ok(())
            })?;
            (exit, text.into_bytes())
        }
        (ExportFormat::Parquet, _) => {
            let mut table = Table::new(COLUMNS);
            let exit = walk(&file, &filter, out, |_, entry, record| {
                table.push(row(entry, record));
                Ok(())
            })?;
            let bytes = table.to_parquet();
            (exit, bytes.map_err(|e| Failure::new(Exit::Data, e.0))?)
        }
    };
    match &args.output {
        None => out.bytes(&bytes)?,
        Some(path) => {
            files::write_atomic(path, &bytes)?;
            out.note(&format!("wrote {}", path.display()));
        }
    }
    Ok(exit)
}

fn row(entry: &Entry, record: Option<&Record>) -> Vec<Value> {
    let count = |n: u64| i64::try_from(n).map_or(Value::Null, Value::Int);
    let text = |t: &str| Value::Text(t.to_owned());
    vec![
        count(entry.seq),
        text(Record::word_of(entry.kind)),
        Value::Int(entry.engine_ns.div_euclid(1_000_000_000)),
        Value::Int(entry.engine_ns),
        Value::Int(entry.received_ns),
        if entry.cause == 0 {
            Value::Null
        } else {
            count(entry.cause)
        },
        count(entry.durable),
        record.and_then(words::order).map_or(Value::Null, text),
        record.map_or(Value::Null, |r| Value::Text(json!(r).to_string())),
        Value::Text(entry.hash.to_string()),
    ]
}
