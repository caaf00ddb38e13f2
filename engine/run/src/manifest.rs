//! The identity of a run and the marks of its results.

use crate::backtest::{BacktestRequest, Inputs};
use crate::hash;
use crate::output::{Manifest, ThresholdRow};
use alula_core::plan::Plan;
use alula_dsl::graph::{Cross, Depth, Graph, Length, Settings};
use alula_market::money::Usd;
use alula_market::time::Date;
use std::collections::BTreeMap;

/// Version of the folder's layout.
pub const FORMAT: u32 = 4;

/// The manifest as far as it is known before the first tick, and what the run's identity is the hash of.
pub fn start(
    request: &BacktestRequest<'_>,
    plan: &Plan,
    underlying: &str,
    (from, to): (Date, Date),
    capital: Usd,
    graph_hash: String,
) -> (Manifest, BTreeMap<String, String>) {
    let graph = plan.graph();
    let provenance = request.history.provenance();
    let mut settings = settings_table(&graph.settings);
    settings.extend(graph.subaccounts.iter().map(|s| {
        let (holds, own) = (s.holds.join(", "), s.structures.join(", "));
        (
            format!("{SUBACCOUNT}{}", s.key),
            format!("${:.2}; {holds}; {own}", s.capital_usd),
        )
    }));
    if let Some(limits) = &request.course.rails {
        settings.insert(RAILS.to_owned(), limits.text());
    }
    let mut hashes = input_hashes(&request.inputs);
    hashes.insert("graph".to_owned(), graph_hash);
    hashes.insert("threshold values".to_owned(), values_hash(plan.thresholds()));
    hashes.insert("data".to_owned(), provenance.hash.clone());
    // Native code decides as much as a script does: other bytes are another run.
    for (name, hash) in request.registry.plugins().iter().flat_map(|p| p.loaded()) {
        hashes.insert(format!("plugin {name}"), hash);
    }
    let mut identity = hashes.clone();
    identity.extend(settings.iter().map(|(k, v)| (format!("setting {k}"), v.clone())));
    identity.insert("engine".to_owned(), env!("CARGO_PKG_VERSION").to_owned());
    identity.insert("from".to_owned(), from.to_string());
    identity.insert("to".to_owned(), to.to_string());
    let manifest = Manifest {
        format: FORMAT,
        engine: env!("CARGO_PKG_VERSION").to_owned(),
        run_id: run_id(&identity),
        strategy: graph.settings.name.clone(),
        doc: graph.settings.doc.clone(),
        underlying: underlying.to_owned(),
        from: Some(from),
        to: Some(to),
        mode: request.mode.word().to_owned(),
        capital,
        settings,
        hashes,
        data_label: provenance.label,
        simulated: provenance.simulated,
        data_notes: provenance.notes,
        gaps: request.history.gaps(underlying, from, to),
        thresholds: thresholds(graph, plan.thresholds()),
        ..Manifest::default()
    };
    (manifest, identity)
}

/// A run's identity: the hash over everything that decides its outcome.
pub fn run_id(identity: &BTreeMap<String, String>) -> String {
    hash::hex(&hash::of_table(identity))
}

/// The first eight bytes of the run's identity, for order ids.
pub fn id_number(run_id: &str) -> u64 {
    run_id
        .get(..16)
        .and_then(|s| u64::from_str_radix(s, 16).ok())
        .unwrap_or_default()
}

fn input_hashes(inputs: &Inputs) -> BTreeMap<String, String> {
    let of = |files: &[(String, Vec<u8>)]| {
        hash::of_files(
            files
                .iter()
                .map(|(name, bytes)| (name.as_str(), bytes.as_slice())),
        )
    };
    let thresholds: Vec<(String, Vec<u8>)> = inputs.thresholds.iter().cloned().collect();
    BTreeMap::from([
        ("rules".to_owned(), of(&inputs.sources)),
        ("thresholds".to_owned(), of(&thresholds)),
        ("scripts".to_owned(), of(&inputs.scripts)),
    ])
}

/// Hash of what the strategy computes: its nodes, rules and structures, in a spelling that tells every bit apart.
///
/// Built from the derived spelling, which names every field; a change of the graph's types changes it, as it should.
pub fn graph_hash(graph: &Graph) -> String {
    hash::sha256(format!("{graph:?}").as_bytes())
}

fn values_hash(values: &[f64]) -> String {
    let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_bits().to_le_bytes()).collect();
    hash::sha256(&bytes)
}

fn thresholds(graph: &Graph, values: &[f64]) -> Vec<ThresholdRow> {
    let rows = graph.thresholds.iter().zip(values);
    rows.map(|(def, &value)| ThresholdRow {
        name: def.name.clone(),
        suffix: def.suffix.to_owned(),
        value,
        default: def.default,
        min: def.min,
        max: def.max,
        doc: def.doc.clone(),
    })
    .collect()
}

/// What the names of settings begin with that describe a subaccount: its capital, what it holds, and the keys of its
/// positions, separated by semicolons.
pub const SUBACCOUNT: &str = "subaccount ";

/// Name of the setting with the limits that no strategy can lift; see [`crate::rails::RailLimits::text`].
pub const RAILS: &str = "rails";

/// Settings by name, as text.
pub fn settings_table(settings: &Settings) -> BTreeMap<String, String> {
    let every = match settings.every {
        Length::Bars(n) => format!("{n} ticks"),
        Length::Sessions(n) => format!("{n} sessions"),
        Length::Days(n) => format!("{n} days"),
        Length::Minutes(n) => format!("{n}m"),
    };
    let word = |flag: bool, yes: &str, no: &str| if flag { yes.to_owned() } else { no.to_owned() };
    BTreeMap::from([
        ("capital".to_owned(), format!("${:.2}", settings.capital_usd)),
        (
            "evaluate".to_owned(),
            format!(
                "every {every} in {}.{}",
                settings.instrument.name(),
                settings.session
            ),
        ),
        (
            "posture".to_owned(),
            word(settings.promoter, "promoter", "steward"),
        ),
        (
            "fill".to_owned(),
            word(settings.fill_same_bar, "same bar", "next snapshot"),
        ),
        ("cross".to_owned(), cross_text(settings.cross)),
        ("depth".to_owned(), depth_text(settings.depth)),
        ("fees".to_owned(), settings.fees.clone()),
        (
            "settle".to_owned(),
            word(settings.settle_approximate, "approximate", "exact"),
        ),
        (
            "margin".to_owned(),
            if settings.flatten_on_call {
                format!("{}, flatten on call", settings.margin)
            } else {
                settings.margin.clone()
            },
        ),
    ])
}

/// The setting as it is recorded; [`crate::terms::restore`] reads it back.
pub fn cross_text(cross: Cross) -> String {
    match cross {
        // Exact to a millionth, as the book takes it: 7% must not show as 7.000000000000001%.
        Cross::Share(share) => format!("{}% of spread", (share * 1e6).round() / 1e4),
        Cross::ByLegs => "by legs".to_owned(),
    }
}

/// See [`cross_text`].
pub fn depth_text(depth: Depth) -> String {
    let (word, assume) = match depth {
        Depth::Unlimited => return "unlimited".to_owned(),
        Depth::Impact { assume } => ("impact", assume),
        Depth::Limited { assume } => ("limited", assume),
    };
    assume.map_or_else(|| word.to_owned(), |n| format!("{word} assume {n} lots"))
}
