//! `alula surface --data STORE --date TIME`.

use crate::args::{SurfaceArgs, SurfaceFormat};
use crate::at;
use crate::command::{breakevens, store};
use crate::exit::{Exit, Failure};
use crate::files;
use crate::output::Output;
use alula_core::analytics::SnapshotView;
use alula_core::value::Cause;
use alula_market::history::{History, HistoryError};
use alula_market::sim::{SimConfig, SimulatedMarket};
use alula_market::time::{Date, Instant};
use alula_pricing::surface::{Crossing, Smile, SmileKind, SmileQuote, SurfaceSlice};
use alula_report::chart::{MAX_SMILES, SmileChart, smiles};
use alula_report::columns;
use alula_report::text::plural;
use alula_run::Moment;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// Steps of a drawn curve.
const POINTS_OF_A_CURVE: u16 = 240;

/// Shows the surface of a snapshot.
///
/// # Errors
/// When the data cannot be read, has no such snapshot or expiry, or the file cannot be written.
pub fn run(args: &SurfaceArgs, out: &mut Output) -> Result<Exit, Failure> {
    let history = history(args)?;
    let underlying = args.underlying.to_uppercase();
    let when = snapshot_at(history.as_ref(), &underlying, args.date.as_deref(), out)?;
    let snapshot = history.snapshot(&underlying, when).map_err(|e| damaged(&e))?;
    let rate = history.rate(when).map_err(|e| damaged(&e))?;
    let view = SnapshotView::new(snapshot, rate);
    if let (Some(legs), Some(expiry)) = (&args.legs, args.expiry) {
        rows(&view, Some(expiry))?;
        let text = breakevens::show(&view, &history.provenance(), expiry, legs, args.format)?;
        files::write_result(out, args.output.as_deref(), &text)?;
        return Ok(Exit::Ok);
    }
    let found = rows(&view, args.expiry)?;
    let provenance = history.provenance();
    let label = &provenance.label;
    let heading = format!("{underlying} at {when}");
    let text = match args.format {
        SurfaceFormat::Text => text(&view, &heading, label, &found, rate),
        SurfaceFormat::Json => document(&view, &underlying, when, label, provenance.simulated, &found)?,
        SurfaceFormat::Svg => {
            let charts = charts(&found);
            if charts.len() > MAX_SMILES {
                out.warn(&format!(
                    "only the first {MAX_SMILES} expiries are drawn; name one with `--expiry`"
                ));
            }
            smiles(
                &heading,
                provenance.simulated.then_some("simulated market"),
                &charts,
            )
        }
    };
    files::write_result(out, args.output.as_deref(), &text)?;
    Ok(Exit::Ok)
}

fn history(args: &SurfaceArgs) -> Result<Box<dyn History>, Failure> {
    if let Some(path) = &args.data {
        return Ok(Box::new(store::open(path)?));
    }
    let mut config = SimConfig::default();
    if let Some(seed) = args.seed {
        config.seed = seed;
    }
    let market = SimulatedMarket::new(config).map_err(|e| Failure::usage(e.what).help(e.help))?;
    Ok(Box::new(market))
}

fn damaged(error: &HistoryError) -> Failure {
    Failure::new(Exit::Data, error.what.clone()).help(error.help.clone())
}

/// The snapshot asked for: the last of a day, or the last up to a time of it.
fn snapshot_at(
    history: &dyn History,
    underlying: &str,
    asked: Option<&str>,
    out: &mut Output,
) -> Result<Instant, Failure> {
    let Some((first, last)) = history.range(underlying) else {
        return Err(
            Failure::usage(format!("the data have no chains of `{underlying}`"))
                .help("`alula store STORE` shows what a store holds; name another with `--underlying`"),
        );
    };
    let moment = match asked {
        Some(text) => at::parse_as(text, "--date")?,
        None => Moment::Day(last),
    };
    let (date, until) = match moment {
        Moment::Day(date) => (date, None),
        Moment::At(at) => (at.date(), Some(at)),
    };
    let ticks = history.ticks(underlying, date, date);
    let found = ticks.into_iter().rfind(|t| until.is_none_or(|u| *t <= u));
    let Some(found) = found else {
        let near = nearest(history, underlying, date, (first, last));
        return Err(Failure::usage(format!(
            "there is no snapshot of `{underlying}` on `{}`",
            asked.unwrap_or_default()
        ))
        .help(format!("the data run from {first} to {last}{near}")));
    };
    if until.is_some_and(|u| u > found) {
        out.note(&format!(
            "there is no snapshot at that time; this is the last one before it, {found}"
        ));
    }
    Ok(found)
}

/// The nearest day that has a snapshot, in words.
fn nearest(history: &dyn History, underlying: &str, date: Date, (first, last): (Date, Date)) -> String {
    let ticks = history.ticks(underlying, first, last);
    let distance = |t: &Instant| (t.date() - date).num_days().abs();
    ticks
        .iter()
        .min_by_key(|t| (distance(t), t.0))
        .map_or_else(String::new, |t| {
            format!("; the nearest snapshot is `--date {}`", t.date())
        })
}

/// One expiry: its name, and its smile or the cause why there is none.
struct Row<'a> {
    root: String,
    expiry: Date,
    years: f64,
    smile: Result<(&'a SurfaceSlice, &'a [SmileQuote]), Cause>,
    /// Position among the surface's slices.
    slice: Option<usize>,
    crossing: Option<Crossing>,
}

fn rows(view: &SnapshotView, only: Option<Date>) -> Result<Vec<Row<'_>>, Failure> {
    let surface = view.surface();
    let crossings = surface.surface().map(|s| s.crossings()).unwrap_or_default();
    let slices = surface.surface().map(|s| s.slices()).unwrap_or_default();
    let mut rows: Vec<Row<'_>> = Vec::new();
    for (index, chain) in view.snapshot.expiries.iter().enumerate() {
        let smile = surface.expiry(index);
        let slice = smile
            .as_ref()
            .ok()
            .and_then(|(s, _)| slices.iter().position(|x| std::ptr::eq(x, *s)));
        let crossing = slice
            .and_then(|s| crossings.iter().find(|c| c.near + 1 == s))
            .copied();
        let years = alula_pricing::years_between(view.snapshot.at.0, chain.settles_at.0).unwrap_or(0.0);
        rows.push(Row {
            root: chain.root.symbol().to_owned(),
            expiry: chain.expiry,
            years,
            smile,
            slice,
            crossing,
        });
    }
    let Some(expiry) = only else { return Ok(rows) };
    let listed: Vec<Date> = rows.iter().map(|r| r.expiry).collect();
    rows.retain(|r| r.expiry == expiry);
    if rows.is_empty() {
        let near = listed
            .iter()
            .min_by_key(|d| ((**d - expiry).num_days().abs(), **d));
        let help = near.map_or_else(
            || "the snapshot has no expiry at all".to_owned(),
            |d| format!("the nearest is `--expiry {d}`"),
        );
        return Err(Failure::usage(format!("no expiry `{expiry}` is listed in that snapshot")).help(help));
    }
    Ok(rows)
}

const fn kind(kind: SmileKind) -> &'static str {
    match kind {
        SmileKind::Svi => "svi",
        SmileKind::Bent => "svi+bends",
        SmileKind::Points => "lines",
    }
}

/// What a trader must know before using the smile.
fn flags(row: &Row<'_>) -> Vec<String> {
    let mut flags = Vec::new();
    if let Ok((slice, _)) = &row.smile {
        let found = |b: Option<alula_pricing::surface::Butterfly>| b.is_some_and(|b| b.is_arbitrage());
        if found(slice.fit.butterfly) {
            flags.push("butterfly".to_owned());
        } else if found(slice.fit.butterfly_beyond) {
            flags.push("butterfly beyond quotes".to_owned());
        }
    }
    if let Some(c) = row.crossing.filter(|c| c.quoted) {
        flags.push(format!("calendar {:.2}", c.vol_points));
    }
    flags
}

fn text(view: &SnapshotView, heading: &str, label: &str, rows: &[Row<'_>], rate: Option<f64>) -> String {
    let mut out = String::new();
    let rate = rate.map_or_else(
        || "no rate known: discounts from box spreads".to_owned(),
        |r| format!("rate {:.2}%", 100.0 * r),
    );
    let _ = writeln!(
        out,
        "{heading} · {label} · spot {} · {rate}\n",
        view.snapshot.spot
    );
    let mut table = columns::table();
    table.set_header([
        "expiry",
        "root",
        "days",
        "forward",
        "atm vol",
        "rr25",
        "slope",
        "quotes",
        "curve",
        "rms",
        "by vega",
        "worst",
        "at",
        "inside",
        "arbitrage",
    ]);
    for row in rows {
        let days = format!("{:.1}", 365.0 * row.years);
        let Ok((slice, _)) = &row.smile else {
            let cause = row
                .smile
                .as_ref()
                .err()
                .map_or_else(String::new, ToString::to_string);
            table.add_row([row.expiry.to_string(), row.root.clone(), days, cause]);
            continue;
        };
        let fit = &slice.fit;
        let flags = flags(row);
        table.add_row([
            row.expiry.to_string(),
            row.root.clone(),
            days,
            format!("{:.2}", slice.terms.forward()),
            format!("{:.2}", 100.0 * slice.atm_vol()),
            slice
                .risk_reversal()
                .map_or_else(|| "–".to_owned(), |r| format!("{r:.2}")),
            format!("{:.2}", slice.atm_skew()),
            fit.quotes.to_string(),
            kind(fit.kind).to_owned(),
            format!("{:.3}", fit.rms),
            format!("{:.3}", fit.rms_by_vega),
            format!("{:.2}", fit.worst),
            format!("{}", fit.worst_strike),
            format!("{:.0}%", 100.0 * fit.inside),
            if flags.is_empty() {
                "none".to_owned()
            } else {
                flags.join(", ")
            },
        ]);
    }
    columns::align_right(&mut table, [2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13]);
    columns::push(&mut out, "", &table);
    let smiles = rows.iter().filter(|r| r.smile.is_ok()).count();
    let flagged = rows.iter().filter(|r| !flags(r).is_empty()).count();
    let _ = writeln!(
        out,
        "\n{}, {flagged} with arbitrage inside the quotes. Vols and errors in points; rr25 is put less call at 25 delta; slope \
         is vol points for a strike 1% higher.",
        plural(smiles, "smile")
    );
    out
}

fn document(
    view: &SnapshotView,
    underlying: &str,
    when: Instant,
    label: &str,
    simulated: bool,
    rows: &[Row<'_>],
) -> Result<String, Failure> {
    let expiries: Vec<Value> = rows.iter().map(expiry).collect();
    let document = json!({
        "underlying": underlying,
        "at": when.to_string(),
        "spot": view.snapshot.spot.to_f64(),
        "data": label,
        "simulated": simulated,
        "units": "vols as fractions, errors in vol points, k = ln(strike / forward), total variance = vol^2 years",
        "expiries": expiries,
    });
    let mut text = serde_json::to_string_pretty(&document)
        .map_err(|e| Failure::new(Exit::Data, format!("the surface cannot be written: {e}")))?;
    text.push('\n');
    Ok(text)
}

fn expiry(row: &Row<'_>) -> Value {
    let (slice, quotes) = match &row.smile {
        Ok(found) => found,
        Err(cause) => {
            return json!({
                "expiry": row.expiry.to_string(), "root": row.root, "years": row.years, "missing": cause.to_string(),
            });
        }
    };
    let fit = &slice.fit;
    let curve = match &fit.smile {
        Smile::Curve(curve) => {
            let [a, b, rho, m, sigma] = curve.svi.raw();
            let wings = curve.svi.jump_wings(slice.terms.years());
            let bends = curve.bends.as_ref().map(|b| {
                let (scale, first, step) = b.grid();
                json!({ "scale": scale, "first": first, "step": step, "heights": b.heights() })
            });
            json!({
                "svi": { "a": a, "b": b, "rho": rho, "m": m, "sigma": sigma },
                "jump_wings": wings.map(|w| json!({
                    "atm_variance": w.atm_variance, "atm_skew": w.atm_skew, "put_slope": w.put_slope,
                    "call_slope": w.call_slope, "least_variance": w.least_variance,
                })),
                "bends": bends,
            })
        }
        Smile::Points(points) => json!({ "points": points }),
    };
    let butterfly = |b: Option<alula_pricing::surface::Butterfly>| {
        b.map(|b| json!({ "least_durrleman": b.least, "k": b.at }))
    };
    json!({
        "expiry": row.expiry.to_string(),
        "root": row.root,
        "years": row.years,
        "forward": slice.terms.forward(),
        "discount": slice.terms.discount(),
        "atm_vol": slice.atm_vol(),
        "risk_reversal_25": slice.risk_reversal(),
        "slope": slice.atm_skew(),
        "kind": kind(fit.kind),
        "curve": curve,
        "fit": {
            "quotes": fit.quotes, "rms": fit.rms, "rms_by_vega": fit.rms_by_vega, "median": fit.median,
            "worst": fit.worst, "worst_strike": fit.worst_strike, "inside": fit.inside, "k_range": [fit.range.0, fit.range.1],
        },
        "butterfly": butterfly(fit.butterfly),
        "butterfly_beyond": butterfly(fit.butterfly_beyond),
        "calendar": row.crossing.map(|c| json!({ "vol_points": c.vol_points, "k": c.at, "inside_quotes": c.quoted })),
        "quotes": quotes.iter().map(|q| json!([q.strike, q.bid_vol, q.mid_vol, q.ask_vol])).collect::<Vec<_>>(),
    })
}

fn charts(rows: &[Row<'_>]) -> Vec<SmileChart> {
    let drawn = rows
        .iter()
        .filter_map(|row| Some((row, row.smile.as_ref().ok()?, row.slice?)));
    drawn
        .map(|(row, (slice, quotes), _)| {
            let fit = &slice.fit;
            let forward = slice.terms.forward();
            let (low, high) = fit.range;
            let curve = (0..=POINTS_OF_A_CURVE).map(|i| {
                let k = low + (high - low) * f64::from(i) / f64::from(POINTS_OF_A_CURVE);
                let vol = (fit.smile.total_variance(k) / slice.terms.years()).sqrt();
                (forward * k.exp(), vol)
            });
            let arbitrage = flags(row);
            let arbitrage = if arbitrage.is_empty() {
                String::new()
            } else {
                format!(", {}", arbitrage.join(", "))
            };
            SmileChart {
                title: format!("{} {}, {:.1} days", row.root, row.expiry, 365.0 * row.years),
                subtitle: format!(
                    "{}: rms {:.2}, by vega {:.3}, inside {:.0}%{arbitrage}",
                    kind(fit.kind),
                    fit.rms,
                    fit.rms_by_vega,
                    100.0 * fit.inside
                ),
                forward,
                quotes: quotes
                    .iter()
                    .map(|q| (q.strike, q.bid_vol, q.mid_vol, q.ask_vol))
                    .collect(),
                curve: curve.collect(),
            }
        })
        .collect()
}
