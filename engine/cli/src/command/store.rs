//! `alula store STORE`.

use crate::args::{StoreArgs, TextFormat};
use crate::exit::{Exit, Failure};
use crate::output::Output;
use alula_market::contract::Root;
use alula_market::history::History as _;
use alula_market::store::{Manifest, StoreError, StoreErrorKind, StoreHistory};
use alula_report::text::{count, plural, short_hash};
use serde_json::json;
use std::fmt::Write as _;
use std::path::Path;

/// Gaps shown one by one in the text.
const GAPS_MAX: usize = 20;

/// Shows what a store holds; with `--verify`, reads every file and compares it with its hash.
///
/// # Errors
/// When there is no store, or it is damaged.
pub fn run(args: &StoreArgs, out: &mut Output) -> Result<Exit, Failure> {
    let store = open(&args.store)?;
    if args.verify {
        verify(&store)?;
        out.note("all files are as the manifest says");
    }
    let text = match args.format {
        TextFormat::Text => text(&store),
        TextFormat::Json => as_json(&store)?,
    };
    out.data(&text)?;
    Ok(Exit::Ok)
}

/// Opens a store for reading.
///
/// # Errors
/// When there is none, it is of another version or damaged.
pub fn open(path: &Path) -> Result<StoreHistory, Failure> {
    StoreHistory::open(path).map_err(|e| failure(&e))
}

fn failure(error: &StoreError) -> Failure {
    let exit = match error.kind {
        StoreErrorKind::Damaged | StoreErrorKind::Version | StoreErrorKind::Invalid => Exit::Data,
        _ => Exit::Usage,
    };
    Failure::new(exit, error.what.clone()).help(error.help.clone())
}

fn verify(store: &StoreHistory) -> Result<(), Failure> {
    let data = |what: String, help: String| Failure::new(Exit::Data, what).help(help);
    let manifest = store.manifest();
    for (root, days) in &manifest.chains {
        let Some(root) = Root::parse(root) else { continue };
        for day in days.keys().filter_map(|d| d.parse().ok()) {
            store.day_rows(root, day).map_err(|e| failure(&e))?;
        }
    }
    for id in manifest.series.keys() {
        let (name, bars) = series_key(id);
        store.series(name, bars).map_err(|e| data(e.what, e.help))?;
    }
    for id in manifest.events.keys() {
        store.events(id).map_err(|e| data(e.what, e.help))?;
    }
    store.quality_json().map_err(|e| failure(&e))?;
    Ok(())
}

/// `VIX` is daily, `VIX@5m` is on bars of five minutes.
fn series_key(id: &str) -> (&str, alula_market::series::BarSize) {
    use alula_market::series::BarSize;
    let minutes = id
        .split_once('@')
        .and_then(|(name, m)| Some((name, m.strip_suffix('m')?.parse().ok()?)));
    minutes.map_or((id, BarSize::Session), |(name, m)| (name, BarSize::Minutes(m)))
}

/// Underlyings with chains, each with its first and last session and its gaps.
fn underlyings(store: &StoreHistory) -> Vec<(&'static str, String, String, Vec<String>)> {
    let mut names: Vec<_> = Root::ALL.iter().map(|r| r.underlying()).collect();
    names.dedup();
    let of = |name: &'static str| {
        let (first, last) = store.range(name)?;
        let gaps = store
            .gaps(name, first, last)
            .iter()
            .map(ToString::to_string)
            .collect();
        Some((name, first.to_string(), last.to_string(), gaps))
    };
    names.into_iter().filter_map(of).collect()
}

fn text(store: &StoreHistory) -> String {
    let (m, p) = (store.manifest(), store.provenance());
    let mut t = String::new();
    let data = if p.simulated { "simulated" } else { "recorded" };
    let _ = writeln!(t, "store    {} ({data}), {}", p.label, short_hash(&p.hash));
    for (name, first, last, gaps) in underlyings(store) {
        let (days, rows) = chain_sums(m, name);
        let _ = writeln!(
            t,
            "chains   {name}: {} {first} to {last}, {} rows",
            plural(days, "day"),
            count(rows)
        );
        if !gaps.is_empty() {
            let more = gaps.len().saturating_sub(GAPS_MAX);
            let shown = gaps.iter().take(GAPS_MAX).cloned().collect::<Vec<_>>().join(", ");
            let more = if more > 0 {
                format!(" and {more} more")
            } else {
                String::new()
            };
            let _ = writeln!(
                t,
                "gaps     {name}: {} without a chain: {shown}{more}",
                plural(gaps.len(), "session")
            );
        }
    }
    for (id, s) in &m.series {
        let _ = writeln!(
            t,
            "series   {id:<12} {:>7} bars, {} to {}",
            s.rows, s.first, s.last
        );
    }
    for (id, e) in &m.events {
        let _ = writeln!(
            t,
            "events   {id:<12} {:>7} dates, {} to {}",
            e.rows, e.first, e.last
        );
    }
    for r in &m.refused {
        let day = r.date.as_ref().map_or_else(String::new, |d| format!(" {d}"));
        let _ = writeln!(t, "refused  {}{day}: {}", r.file, r.reason);
    }
    for a in &m.assumptions {
        let _ = writeln!(t, "assumed  {a}");
    }
    t
}

fn chain_sums(m: &Manifest, underlying: &str) -> (usize, u64) {
    let mut days = std::collections::BTreeSet::new();
    let mut rows = 0;
    for (root, entries) in &m.chains {
        if Root::parse(root).is_some_and(|r| r.underlying() == underlying) {
            days.extend(entries.keys());
            rows += entries
                .values()
                .flat_map(|e| &e.snapshots)
                .map(|s| s.rows)
                .sum::<u64>();
        }
    }
    (days.len(), rows)
}

fn as_json(store: &StoreHistory) -> Result<String, Failure> {
    let (m, p) = (store.manifest(), store.provenance());
    let quality: Option<serde_json::Value> = match store.quality_json().map_err(|e| failure(&e))? {
        None => None,
        Some(text) => Some(serde_json::from_str(&text).map_err(|e| {
            Failure::new(Exit::Data, format!("the store's quality report is damaged: {e}"))
                .help("import the source files into a new store")
        })?),
    };
    let chains: Vec<_> = underlyings(store)
        .into_iter()
        .map(|(name, first, last, gaps)| {
            let (days, rows) = chain_sums(m, name);
            json!({ "underlying": name, "first": first, "last": last, "days": days, "rows": rows, "gaps": gaps })
        })
        .collect();
    let table =
        |t: &alula_market::store::TableEntry| json!({ "rows": t.rows, "first": t.first, "last": t.last });
    let value = json!({
        "label": p.label,
        "hash": p.hash,
        "simulated": p.simulated,
        "chains": chains,
        "series": m.series.iter().map(|(k, v)| (k.clone(), table(v))).collect::<serde_json::Map<_, _>>(),
        "events": m.events.iter().map(|(k, v)| (k.clone(), table(v))).collect::<serde_json::Map<_, _>>(),
        "refused": m.refused.iter().map(|r| json!({ "file": r.file, "date": r.date, "reason": r.reason })).collect::<Vec<_>>(),
        "assumptions": m.assumptions,
        "quality": quality,
    });
    Ok(format!("{value:#}\n"))
}
