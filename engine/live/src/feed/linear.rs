//! Futures and shares among a broker's quotes: what stands for a series, and the values that its quotes are.
//!
//! A history has a curve of futures as places (`VX1` is the nearest month), a broker quotes contracts. Each session a place is
//! another contract's. A quote counts as the middle of its two sides; without both there is no value.

use crate::broker::{Level, Quote, Watched};
use alula_core::plan::Plan;
use alula_market::contract::{FutureContract, FutureRoot, Instrument, Share};
use alula_market::curve::{FutureSeries, place_names, places};
use alula_market::history::{History, HistoryError};
use alula_market::money::Price;
use alula_market::series::BarSize;
use alula_market::time::Date;
use std::sync::Arc;

/// What is traded under the name of a series on a session; `None` for an index.
fn traded(id: &str, session: Date) -> Option<Instrument> {
    match FutureSeries::parse(id) {
        Some(FutureSeries::Place(root, place)) => {
            let expiry = places(root, session).nth(place.checked_sub(1)?)?;
            Some(Instrument::Future(FutureContract { root, expiry }))
        }
        Some(FutureSeries::Contract(contract)) => Some(Instrument::Future(contract)),
        None => Share::parse(id).map(Instrument::Share),
    }
}

/// What to ask quotes of for a series on a session.
pub(super) fn watched(id: &Arc<str>, session: Date) -> Watched {
    traded(id, session).map_or_else(|| Watched::Level(Arc::clone(id)), Watched::Instrument)
}

/// The values of series that a quote of a future or share is.
pub(super) fn values<'a>(levels: &'a [Arc<str>], quote: &'a Quote) -> impl Iterator<Item = Level> + 'a {
    let sides = quote.bid.zip(quote.ask);
    let sides = sides.filter(|(bid, ask)| *bid > Price::ZERO && ask >= bid);
    let value = sides.map(|(bid, ask)| Price(bid.0.saturating_add(ask.0).div_euclid(2)));
    let option = matches!(quote.instrument, Instrument::Option(_));
    let levels = if option { &[] } else { levels };
    let ours = levels
        .iter()
        .filter(|id| traded(id, quote.at.date()) == Some(quote.instrument));
    ours.map(move |id| Level {
        name: Arc::clone(id),
        value,
        at: quote.at,
    })
}

/// Series that futures and shares of a plan are priced and settled with, as far as the store has them.
pub(super) fn needed(plan: &Plan, base: &dyn History) -> Result<Vec<String>, HistoryError> {
    let mut out: Vec<String> = Vec::new();
    for root in &plan.linear().roots {
        let vix = root.is_vix();
        // The small contracts have the prices of the large ones.
        let class = if vix { FutureRoot::Vx } else { FutureRoot::Es };
        for name in place_names(class) {
            if base.series(name, BarSize::Session)?.is_some() {
                out.push((*name).to_owned());
            }
        }
        let settles = if vix { ["VRO", "VIX"] } else { ["SET", "SPX"] };
        out.extend(settles.map(str::to_owned));
    }
    out.extend(plan.linear().shares.iter().map(|s| s.symbol().to_owned()));
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alula_market::time::Instant;

    fn date(text: &str) -> Date {
        text.parse().unwrap()
    }

    fn quote(expiry: &str, (bid, ask): (Option<i64>, Option<i64>), day: &str) -> Quote {
        Quote {
            instrument: Instrument::Future(FutureContract {
                root: FutureRoot::Vx,
                expiry: date(expiry),
            }),
            bid: bid.map(Price),
            ask: ask.map(Price),
            bid_size: None,
            ask_size: None,
            at: Instant::from_eastern(date(day), 10, 0).unwrap(),
        }
    }

    #[test]
    fn a_place_is_another_contract_from_its_settlement_morning_on() {
        // Expiries of VX by the exchange's calendar of 2024: January 17, February 14.
        let levels: Vec<Arc<str>> = vec!["SPX".into(), "VX1".into(), "VX2".into(), "VX.2024-02-14".into()];
        let names = |q: &Quote| -> Vec<String> { values(&levels, q).map(|l| l.name.to_string()).collect() };
        let two = (Some(14_000), Some(14_050));
        assert_eq!(names(&quote("2024-01-17", two, "2024-01-16")), ["VX1"]);
        assert_eq!(
            names(&quote("2024-02-14", two, "2024-01-16")),
            ["VX2", "VX.2024-02-14"]
        );
        assert_eq!(
            names(&quote("2024-02-14", two, "2024-01-17")),
            ["VX1", "VX.2024-02-14"]
        );
        assert_eq!(names(&quote("2024-01-17", two, "2024-01-17")), [] as [&str; 0]);
        let watched_on = |day: &str| watched(&levels[1], date(day));
        assert_eq!(
            watched_on("2024-01-16"),
            Watched::Instrument(quote("2024-01-17", two, "2024-01-16").instrument)
        );
        assert_eq!(
            watched_on("2024-01-17"),
            Watched::Instrument(quote("2024-02-14", two, "2024-01-17").instrument)
        );
        assert_eq!(
            watched(&levels[0], date("2024-01-17")),
            Watched::Level("SPX".into())
        );
    }

    #[test]
    fn the_value_is_the_middle_and_none_without_two_sides() {
        let levels: Vec<Arc<str>> = vec!["VX1".into()];
        let value = |sides| {
            let quote = quote("2024-01-17", sides, "2024-01-16");
            values(&levels, &quote).next().unwrap().value
        };
        assert_eq!(value((Some(14_000), Some(14_050))), Some(Price(14_025)));
        for none in [
            (None, Some(14_050)),
            (Some(14_000), None),
            (Some(14_100), Some(14_050)),
        ] {
            assert_eq!(value(none), None);
        }
    }
}
