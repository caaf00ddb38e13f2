//! `alula surface --expiry DATE --legs LEGS`: where a package breaks even from today to its expiry.

use crate::args::SurfaceFormat;
use crate::exit::{Exit, Failure};
use alula_core::analytics::{SnapshotView, pricing_right};
use alula_core::value::Cause;
use alula_market::chain::ExpiryChain;
use alula_market::contract::{OptionContract, Right};
use alula_market::history::Provenance;
use alula_market::money::Price;
use alula_market::time::Date;
use alula_pricing::breakeven::{Dynamics, Scenario};
use alula_pricing::payoff::{Bound, Breakeven, Payoff, PayoffLeg};
use alula_pricing::returns::annualised;
use alula_pricing::stress::{Asset, Holding, Shift, VolShift, value};
use alula_report::columns;
use chrono::Days;
use serde_json::json;
use std::fmt::Write as _;

/// Legs of a package, at most.
const LEGS_MAX: usize = 16;
/// Dates between today and expiry, at most.
const DATES_MAX: u32 = 14;

/// One leg as it was typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Leg {
    ratio: i32,
    right: Right,
    strike: Price,
}

/// Reads `-1p2700 +1p2650`, commas allowed, `x` or a space between ratio and right tolerated.
fn parse(text: &str) -> Result<Vec<Leg>, Failure> {
    let help = "a signed number, `p` or `c`, and a strike for each leg: `--legs \"-1p2700 +1p2650\"`";
    let mut legs = Vec::new();
    for word in text.split([' ', ',']).filter(|w| !w.is_empty()) {
        let leg = word.to_ascii_lowercase();
        let at = leg.find(['p', 'c']);
        let parts = at.and_then(|i| Some((leg.get(..i)?, leg.get(i..=i)?, leg.get(i + 1..)?)));
        let read = parts.and_then(|(ratio, right, strike)| {
            let ratio = match ratio {
                "+" | "" => 1,
                "-" => -1,
                number => number
                    .parse::<i32>()
                    .ok()
                    .filter(|n| *n != 0 && n.abs() <= 1_000)?,
            };
            let right = if right == "p" { Right::Put } else { Right::Call };
            let strike = Price::parse(strike).filter(|k| k.0 > 0)?;
            Some(Leg { ratio, right, strike })
        });
        legs.push(read.ok_or_else(|| Failure::usage(format!("`{word}` is not a leg")).help(help))?);
    }
    if legs.is_empty() || legs.len() > LEGS_MAX {
        return Err(
            Failure::usage(format!("a package has 1 to {LEGS_MAX} legs, not {}", legs.len())).help(help),
        );
    }
    Ok(legs)
}

/// The chain that lists every leg: of two of one date the later to settle.
fn chain_of<'v>(view: &'v SnapshotView, expiry: Date, legs: &[Leg]) -> Result<&'v ExpiryChain, Failure> {
    let dated = || view.snapshot.expiries.iter().filter(|c| c.expiry == expiry);
    let lists = |c: &&ExpiryChain| legs.iter().all(|l| c.index_of(l.strike).is_some());
    dated().rfind(lists).ok_or_else(|| {
        let listed = |l: &&Leg| dated().any(|c| c.index_of(l.strike).is_some());
        let missing = legs.iter().find(|l| !listed(l)).or(legs.first());
        let strike = missing.map_or(0.0, |l| l.strike.to_f64());
        let strikes = dated().flat_map(|c| &c.strikes);
        let near = strikes.min_by(|a, b| {
            let far = |k: &Price| (k.to_f64() - strike).abs();
            far(a).total_cmp(&far(b)).then(a.cmp(b))
        });
        let help = near.map_or_else(String::new, |k| format!("the nearest strike is {k}"));
        Failure::usage(format!("strike `{strike}` is not listed for {expiry}")).help(help)
    })
}

fn unpriced(cause: Cause) -> Failure {
    Failure::new(
        Exit::Data,
        format!("the package has no value in that snapshot: {cause}"),
    )
}

/// A date's answer.
struct Row {
    date: Date,
    days: f64,
    levels: Vec<String>,
    still: f64,
    a_year: Option<f64>,
}

/// The table or document.
pub(super) fn show(
    view: &SnapshotView,
    data: &Provenance,
    expiry: Date,
    legs: &str,
    format: SurfaceFormat,
) -> Result<String, Failure> {
    let legs = parse(legs)?;
    let chain = chain_of(view, expiry, &legs)?;
    let mut holdings = Vec::new();
    for leg in &legs {
        let contract = OptionContract {
            root: chain.root,
            expiry,
            strike: leg.strike,
            right: leg.right,
        };
        let (terms, vol) = view.marked_vol(&contract).map_err(unpriced)?;
        holdings.push(Holding {
            asset: Asset::Option {
                terms,
                right: pricing_right(leg.right),
                strike: leg.strike.to_f64(),
                vol,
            },
            units: f64::from(leg.ratio),
        });
    }
    let surface = view.surface().surface().map_err(unpriced)?;
    let broken = |e: alula_pricing::InputError| Failure::new(Exit::Data, e.to_string());
    let worth = value(&holdings).map_err(broken)?;
    let (terms, _) = view
        .marked_vol(&OptionContract {
            root: chain.root,
            expiry,
            strike: legs.first().map_or(Price::ZERO, |l| l.strike),
            right: legs.first().map_or(Right::Put, |l| l.right),
        })
        .map_err(unpriced)?;
    // Settled in mills: what is in hand is the mid's worth to the mill.
    let cash = Price::from_f64(-worth).ok_or_else(|| unpriced(Cause::OutOfDomain))?;
    let payoff_legs: Vec<PayoffLeg> = legs
        .iter()
        .map(|l| PayoffLeg {
            right: pricing_right(l.right),
            strike_mills: l.strike.0,
            ratio: i64::from(l.ratio),
        })
        .collect();
    let payoff = Payoff::new(&payoff_legs, cash.0)
        .map_err(|e| Failure::usage(format!("the package has no payoff: {e}")))?;
    let scenario = Scenario {
        holdings: &holdings,
        cash: cash.to_f64(),
        surface: Some(surface),
        dynamics: Dynamics::StickyStrike,
    };
    let risk = match payoff.profit_min() {
        Bound::Mills(mills) => Some(-Price(mills).to_f64()),
        Bound::Unbounded => None,
    };
    let left = 365.0 * terms.years();
    let today = view.snapshot.at.date();
    let step = (left / f64::from(DATES_MAX) / 7.0).ceil().max(1.0) * 7.0;
    let mut rows = Vec::new();
    let mut days = 0.0;
    // The last half day belongs to the expiry's own line.
    while days < left - 0.5 {
        let still = Shift { days, ..Shift::NONE };
        let zeros = scenario.breakevens(days, VolShift::Points(0.0)).map_err(broken)?;
        let profit = scenario.profit(&still).map_err(broken)?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a whole number of days below the life of an option"
        )]
        let date = today.checked_add_days(Days::new(days as u64)).unwrap_or(expiry);
        rows.push(Row {
            date,
            days,
            levels: zeros
                .iter()
                .map(|z| format!("{:.1}", terms.forward() * (1.0 + z.shift)))
                .collect(),
            still: profit,
            a_year: risk.and_then(|risk| annualised(profit, risk, days / 365.0)),
        });
        days += step;
    }
    let settled = Price::from_f64(terms.forward()).and_then(|p| payoff.profit_at(p.0).ok());
    let settled = settled.map_or(0.0, |mills| Price(mills).to_f64());
    rows.push(Row {
        date: expiry,
        days: left,
        levels: payoff.breakevens().iter().map(at_expiry).collect(),
        still: settled,
        a_year: risk.and_then(|risk| annualised(settled, risk, terms.years())),
    });
    let words: Vec<String> = legs.iter().map(word).collect();
    let heading = format!(
        "{} {expiry} {} · {} at {} · {}",
        chain.root.symbol(),
        words.join(" "),
        view.snapshot.underlying,
        view.snapshot.at,
        data.label
    );
    if matches!(format, SurfaceFormat::Json) {
        let rows: Vec<_> = rows
            .iter()
            .map(|r| json!({ "date": r.date.to_string(), "days": r.days, "break_evens": r.levels, "profit_if_still": r.still, "rate_a_year": r.a_year }))
            .collect();
        let document = json!({
            "package": words, "root": chain.root.symbol(), "expiry": expiry.to_string(),
            "at": view.snapshot.at.to_string(), "data": data.label, "simulated": data.simulated,
            "spot": view.snapshot.spot.to_f64(), "forward": terms.forward(), "credit": cash.to_f64(), "max_loss": risk,
            "units": "points per package; break-evens are levels of the expiry's forward", "dates": rows,
        });
        return Ok(format!("{document:#}\n"));
    }
    if matches!(format, SurfaceFormat::Svg) {
        return Err(Failure::usage("break-evens are not drawn").help("leave out `--format svg`, or `--legs`"));
    }
    Ok(text(&heading, view, &terms, (cash, risk), &rows))
}

fn word(leg: &Leg) -> String {
    let right = if leg.right == Right::Put { 'p' } else { 'c' };
    format!("{:+}{right}{}", leg.ratio, leg.strike.to_f64())
}

fn at_expiry(found: &Breakeven) -> String {
    match found {
        Breakeven::At { mills, .. } => format!("{:.1}", Price(*mills).to_f64()),
        Breakeven::Flat { from_mills, to_mills } => {
            let to = to_mills.map_or_else(String::new, |m| format!("{:.1}", Price(m).to_f64()));
            format!("{:.1}…{to}", Price(*from_mills).to_f64())
        }
    }
}

fn text(
    heading: &str,
    view: &SnapshotView,
    terms: &alula_pricing::ExpiryTerms,
    (cash, risk): (Price, Option<f64>),
    rows: &[Row],
) -> String {
    let mut out = format!("{heading}\n");
    let kind = if cash.0 >= 0 { "credit" } else { "debit" };
    let risk = risk.map_or_else(
        || "a loss without bound".to_owned(),
        |r| format!("maximum loss {r:.2}"),
    );
    let _ = writeln!(
        out,
        "spot {} · forward {:.2} · {kind} {:.2} at mid · {risk}\n",
        view.snapshot.spot,
        terms.forward(),
        cash.to_f64().abs()
    );
    let mut table = columns::table();
    table.set_header(["date", "days on", "break-evens", "if still", "a year"]);
    for row in rows {
        let levels = if row.levels.is_empty() {
            "none".to_owned()
        } else {
            row.levels.join("  ")
        };
        table.add_row([
            row.date.to_string(),
            format!("{:.0}", row.days),
            levels,
            format!("{:+.2}", row.still),
            row.a_year
                .map_or_else(|| "–".to_owned(), alula_report::text::signed_percent),
        ]);
    }
    columns::align_right(&mut table, [1, 3, 4]);
    columns::push(&mut out, "", &table);
    out.push_str(
        "\nPoints per package, opened at the mid. Break-evens are levels of the expiry's forward, each strike's vol following the\n\
         surface to the time that is left; the last line is exact. `if still`: profit if forward and vols stand, and a year on the\n\
         maximum loss.\n",
    );
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn legs_are_read_as_people_type_them() {
        let legs = parse("-1p2700, +2C3050.5 p2650").unwrap();
        let shown: Vec<String> = legs.iter().map(word).collect();
        assert_eq!(shown, ["-1p2700", "+2c3050.5", "+1p2650"]);
        for wrong in [
            "",
            "2700",
            "-1x2700",
            "0p2700",
            "-1p",
            "1p-5",
            "1pnan",
            "99999p2700",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
