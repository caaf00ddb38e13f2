//! `alula vix`.

use crate::args::{IndexArg, TextFormat, VixArgs};
use crate::command::store;
use crate::exit::{Exit, Failure};
use crate::output::Output;
use alula_market::history::{History, HistoryError};
use alula_market::sim::{SimConfig, SimulatedMarket};
use alula_market::time::Date;
use alula_market::vix::{
    Agreement, Computed, DayOfIndex, ExpiryTerm, Family, ForwardOf, IvComparison, Published, RowClass, Study,
    compare_implied, forwards, rate_at, study,
};
use alula_report::text::{count, plural};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// Computes an index over a history and shows it beside the published one.
///
/// # Errors
/// When there is no such store or day, or the data is damaged.
pub fn run(args: &VixArgs, out: &mut Output) -> Result<Exit, Failure> {
    let stored = args.data.as_deref().map(store::open).transpose()?;
    let simulated;
    let history: &dyn History = match &stored {
        Some(stored) => stored,
        None => {
            simulated = SimulatedMarket::new(SimConfig::default())
                .map_err(|e| Failure::usage(e.what).help(e.help))?;
            &simulated
        }
    };
    let family = family(args.index);
    let (from, to) = days(args, history, family)?;
    if let Some(stored) = stored.as_ref().filter(|_| args.check_iv) {
        let compared = compare_implied(stored, from, to).map_err(damaged)?;
        if compared.classes.is_empty() {
            let what = "no quote of these days has a vendor's implied volatility";
            return Err(Failure::new(Exit::Data, what)
                .help("import chains whose files carry it, or leave out --check-iv"));
        }
        match args.format {
            TextFormat::Text => out.data(&iv_text(&compared))?,
            TextFormat::Json => out.data(&format!("{:#}\n", iv_json(&compared)))?,
        }
        return Ok(Exit::Ok);
    }
    let study = study(history, family, from, to).map_err(damaged)?;
    if study.days.is_empty() {
        let what = match args.date {
            Some(date) => format!("there is no {} chain on `{date}`", family.underlying()),
            None => format!(
                "there is no {} chain from `{from}` to `{to}`",
                family.underlying()
            ),
        };
        return Err(Failure::usage(what).help("`alula store` shows the days that a store has"));
    }
    let day = match (args.date, study.days.first()) {
        (Some(_), Some(day)) => Some((day, forwards_of(history, family, day)?)),
        _ => None,
    };
    let label = history.provenance();
    let source = if label.simulated && !label.label.contains("simulated") {
        format!("{} (simulated)", label.label)
    } else {
        label.label
    };
    let text = match (args.format, &day) {
        (TextFormat::Json, _) => format!(
            "{:#}\n",
            as_json(&source, label.simulated, &study, day.as_ref().map(|d| &d.1))
        ),
        (TextFormat::Text, Some((day, forwards))) => day_text(&source, family, day, forwards),
        (TextFormat::Text, None) => table(&source, &study),
    };
    out.data(&text)?;
    Ok(Exit::Ok)
}

const fn family(index: IndexArg) -> Family {
    match index {
        IndexArg::Vix => Family::Vix,
        IndexArg::Vix9d => Family::Vix9d,
        IndexArg::Vix3m => Family::Vix3m,
        IndexArg::Vix6m => Family::Vix6m,
        IndexArg::Vvix => Family::Vvix,
    }
}

fn damaged(e: HistoryError) -> Failure {
    Failure::new(Exit::Data, e.what).help(e.help)
}

/// The days asked for, inside what the history has.
fn days(args: &VixArgs, history: &dyn History, family: Family) -> Result<(Date, Date), Failure> {
    if let Some(date) = args.date {
        return Ok((date, date));
    }
    let name = family.underlying();
    let (first, last) = history.range(name).ok_or_else(|| {
        Failure::new(
            Exit::Data,
            format!("there are no {name} chains, and {family} is computed from them"),
        )
        .help(format!("import {name} option chains into the store"))
    })?;
    let (from, to) = (args.from.unwrap_or(first), args.to.unwrap_or(last));
    if from > to {
        return Err(
            Failure::usage(format!("`{from}` lies after `{to}`")).help("give the earlier day to --from")
        );
    }
    Ok((from, to))
}

fn forwards_of(history: &dyn History, family: Family, day: &DayOfIndex) -> Result<Vec<ForwardOf>, Failure> {
    let snapshot = history.snapshot(family.underlying(), day.at).map_err(damaged)?;
    let rate = rate_at(history, day.at).map_err(damaged)?;
    Ok(forwards(&snapshot, rate))
}

fn table(source: &str, study: &Study) -> String {
    let mut t = String::new();
    let _ = writeln!(
        t,
        "{} by Cboe's formula on the chains of {source}\n",
        study.family
    );
    let _ = writeln!(
        t,
        "{:<17}{:>16}{:>16}{:>9}{:>9}{:>9}{:>9}{:>8}  range",
        "day", "near", "next", "computed", "low", "high", "close", "off"
    );
    for day in &study.days {
        let (near, next, value) = match &day.computed {
            Ok(c) => (term_name(&c.near), term_name(&c.next), format!("{:.2}", c.value)),
            Err(why) => {
                let _ = writeln!(t, "{:<17}  none: {why}", day.at.to_string().replace(" ET", ""));
                continue;
            }
        };
        let number = |x: Option<f64>| x.map_or_else(|| "-".to_owned(), |x| format!("{x:.2}"));
        let p = day.published;
        let inside = match day.inside() {
            Some(true) => "inside",
            Some(false) => "OUTSIDE",
            None => "-",
        };
        let _ = writeln!(
            t,
            "{:<17}{near:>16}{next:>16}{value:>9}{:>9}{:>9}{:>9}{:>8}  {inside}",
            day.at.to_string().replace(" ET", ""),
            number(p.and_then(|p| p.low)),
            number(p.and_then(|p| p.high)),
            number(p.map(|p| p.close)),
            day.distance()
                .map_or_else(|| "-".to_owned(), |d| format!("{d:+.2}")),
        );
    }
    let _ = match study.agreement() {
        None => writeln!(t, "\nthe data has no published {} to compare with", study.family),
        Some(a) => writeln!(
            t,
            "\n{}: inside the published range on {} of {}; distance to the close: median {:.2}, worst {:+.2} on {}",
            plural(a.days, "day"),
            a.inside,
            a.ranged,
            a.median,
            a.worst,
            a.worst_on
        ),
    };
    t
}

fn term_name(term: &ExpiryTerm) -> String {
    format!("{} {}", term.root.symbol(), term.expiry)
}

fn day_text(source: &str, family: Family, day: &DayOfIndex, forwards: &[ForwardOf]) -> String {
    let mut t = String::new();
    match &day.computed {
        Err(why) => {
            let _ = writeln!(t, "{family} at {} from {source}: none\n  {why}", day.at);
        }
        Ok(c) => {
            let _ = writeln!(t, "{family} at {} from {source}: {:.2}\n", day.at, c.value);
            let _ = writeln!(
                t,
                "term  {:<16}{:>6}{:>10}{:>11}{:>9}{:>8}  {:<17}{:>10}{:>7}{:>9}",
                "expiry",
                "settle",
                "minutes",
                "forward",
                "K0",
                "strikes",
                "from, to",
                "variance",
                "vol",
                "weight"
            );
            for (name, term, weight) in [
                ("near", &c.near, c.weight_near),
                ("next", &c.next, 1.0 - c.weight_near),
            ] {
                let s = &term.term;
                let _ = writeln!(
                    t,
                    "{name}  {:<16}{:>6}{:>10}{:>11.2}{:>9}{:>8}  {:<17}{:>10.6}{:>7.2}{:>9.4}",
                    term_name(term),
                    format!("{:?}", term.settlement).to_uppercase(),
                    count(format!("{:.0}", term.minutes)),
                    s.forward,
                    s.k0,
                    s.strikes_used,
                    format!("{}, {}", s.lowest, s.highest),
                    s.variance,
                    100.0 * s.variance.sqrt(),
                    weight,
                );
            }
            if family != Family::Vvix {
                let published = day
                    .skew_published
                    .map_or_else(String::new, |p| format!(", published close {p:.2}"));
                let _ = writeln!(t, "\nSKEW of the same two terms {:.2}{published}", c.skew);
            }
        }
    }
    if let Some(p) = day.published {
        let number = |x: Option<f64>| x.map_or_else(|| "-".to_owned(), |x| format!("{x:.2}"));
        let _ = write!(
            t,
            "published {family}: open {}, high {}, low {}, close {:.2}",
            number(p.open),
            number(p.high),
            number(p.low),
            p.close
        );
        let place = match day.inside() {
            Some(true) => "; computed lies inside the range",
            Some(false) => "; computed lies OUTSIDE the range",
            None => "",
        };
        let off = day
            .distance()
            .map_or_else(String::new, |d| format!(", {d:+.2} from the close"));
        let _ = writeln!(t, "{place}{off}");
    }
    let _ = writeln!(
        t,
        "\nparity forwards\n{:<18}{:>8}{:>11}{:>12}{:>9}",
        "expiry", "days", "forward", "dispersion", "strikes"
    );
    for f in forwards {
        let name = format!("{} {}", f.root.symbol(), f.expiry);
        let _ = match f.forward {
            Some(p) => writeln!(
                t,
                "{name:<18}{:>8.2}{:>11.2}{:>12.3}{:>9}",
                f.days, p.forward, p.dispersion, p.strikes_used
            ),
            None => writeln!(
                t,
                "{name:<18}{:>8.2}  no strike has a bid for both put and call",
                f.days
            ),
        };
    }
    t
}

fn iv_text(c: &IvComparison) -> String {
    let mut t = String::from("implied volatility on the mid against the vendor's, vol points\n\n");
    let _ = writeln!(
        t,
        "{:>9}{:>9}{:>9}{:>9}  quotes",
        "rows", "median", "99%", "worst"
    );
    for class in RowClass::ALL {
        let Some(s) = c.classes.get(&class) else { continue };
        let worst = s.worst.as_ref().map_or(0.0, |w| 100.0 * (w.ours - w.theirs));
        let _ = writeln!(
            t,
            "{:>9}{:>9.3}{:>9.2}{worst:>+9.2}  {}",
            count(s.rows),
            s.median,
            s.p99,
            class.words()
        );
    }
    let worst = c.classes.get(&RowClass::Sound).and_then(|s| s.worst.as_ref());
    if let Some(w) = worst {
        let right = format!("{:?}", w.right).to_lowercase();
        let _ = writeln!(
            t,
            "\nworst of the first class: {} {} {right} {} on {}: mid {:.3}, ours {:.2}, vendor {:.2}",
            w.root.symbol(),
            w.expiry,
            w.strike,
            w.at.date(),
            w.mid,
            100.0 * w.ours,
            100.0 * w.theirs
        );
    }
    let _ = writeln!(
        t,
        "not compared: {} without a vendor's vol, {} without bid and ask, {} whose mid has no vol",
        count(c.vendor_absent),
        count(c.unquoted),
        count(c.unsolved)
    );
    t
}

fn iv_json(c: &IvComparison) -> Value {
    let class = |(class, s): (&RowClass, &alula_market::vix::ClassSummary)| {
        let worst = s.worst.as_ref().map(|w| {
            json!({ "date": w.at.date().to_string(), "root": w.root.symbol(), "expiry": w.expiry.to_string(),
                "right": format!("{:?}", w.right).to_lowercase(), "strike": w.strike, "mid": w.mid,
                "computed": w.ours, "vendor": w.theirs })
        });
        json!({ "quotes": class.words(), "rows": s.rows, "median_vol_points": s.median, "p99_vol_points": s.p99, "worst": worst })
    };
    json!({
        "classes": c.classes.iter().map(class).collect::<Vec<_>>(),
        "without_vendor_vol": c.vendor_absent,
        "without_quote": c.unquoted,
        "without_solution": c.unsolved,
    })
}

fn as_json(source: &str, simulated: bool, study: &Study, forwards: Option<&Vec<ForwardOf>>) -> Value {
    let agreement = study.agreement().map(|a: Agreement| {
        json!({ "days": a.days, "with_range": a.ranged, "inside_range": a.inside, "median_distance": a.median,
            "worst_distance": a.worst, "worst_on": a.worst_on.to_string() })
    });
    let mut value = json!({
        "index": study.family.name(),
        "source": source,
        "simulated": simulated,
        "days": study.days.iter().map(day_json).collect::<Vec<_>>(),
        "agreement": agreement,
    });
    if let (Some(forwards), Some(object)) = (forwards, value.as_object_mut()) {
        let one = |f: &ForwardOf| {
            json!({ "root": f.root.symbol(), "expiry": f.expiry.to_string(), "days": f.days,
                "forward": f.forward.map(|p| p.forward), "dispersion": f.forward.map(|p| p.dispersion),
                "strikes": f.forward.map(|p| p.strikes_used) })
        };
        object.insert("forwards".to_owned(), forwards.iter().map(one).collect());
    }
    value
}

fn day_json(day: &DayOfIndex) -> Value {
    let published = day
        .published
        .map(|p: Published| json!({ "open": p.open, "high": p.high, "low": p.low, "close": p.close }));
    let (computed, why) = match &day.computed {
        Ok(c) => (Some(computed_json(c)), None),
        Err(why) => (None, Some(why)),
    };
    json!({
        "date": day.at.date().to_string(),
        "at": day.at.utc().to_rfc3339(),
        "computed": computed,
        "why_none": why,
        "published": published,
        "skew_published": day.skew_published,
        "distance": day.distance(),
        "inside_range": day.inside(),
    })
}

fn computed_json(c: &Computed) -> Value {
    let term = |t: &ExpiryTerm, weight: f64| {
        json!({ "root": t.root.symbol(), "expiry": t.expiry.to_string(), "settlement": format!("{:?}", t.settlement).to_lowercase(),
            "minutes": t.minutes, "rate": t.term.rate, "forward": t.term.forward, "strike_atm": t.term.strike_atm, "k0": t.term.k0,
            "strikes": t.term.strikes_used, "lowest": t.term.lowest, "highest": t.term.highest, "variance": t.term.variance, "weight": weight })
    };
    json!({
        "value": c.value,
        "skew": c.skew,
        "near": term(&c.near, c.weight_near),
        "next": term(&c.next, 1.0 - c.weight_near),
    })
}
