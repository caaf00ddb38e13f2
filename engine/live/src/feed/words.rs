//! A look at a feed in the journal's words, and back.

use super::bars::Bar;
use super::history::Seen;
use crate::broker::Quote;
use crate::order::Unreadable;
use crate::order::convert::{instrument_in, instrument_out, quote_in, quote_out};
use alula_journal::wire;
use alula_market::assemble::ContractQuote;
use alula_market::contract::{Instrument, OptionContract, date_of, day_number};
use alula_market::money::Price;
use alula_market::series::BarSize;
use alula_market::time::Instant;

/// For the journal.
#[must_use]
pub fn seen_out(seen: &Seen, source: &str) -> wire::Seen {
    let bar_out = |bar: &Bar| wire::Bar {
        series: bar.series.to_string(),
        minutes: match bar.size {
            BarSize::Session => 0,
            BarSize::Minutes(n) => n,
        },
        session: i32::try_from(day_number(bar.date)).unwrap_or(0),
        starts_s: bar.starts_at.0,
        known_s: bar.known_at.0,
        mills: bar.values.map(|p| p.0),
    };
    let quote = |(row, at): &(ContractQuote, Instant)| {
        quote_out(&Quote {
            instrument: Instrument::Option(row.contract),
            bid: row.bid,
            ask: row.ask,
            bid_size: row.bid_size,
            ask_size: row.ask_size,
            at: *at,
        })
    };
    wire::Seen {
        at_s: seen.at.0,
        source: source.to_owned(),
        levels: seen
            .levels
            .iter()
            .map(|(name, value)| wire::Level {
                name: name.to_string(),
                mills: Some(value.0),
            })
            .collect(),
        quotes: wire::Quotes(seen.quotes.iter().map(quote).collect()),
        stale: wire::Contracts(
            seen.stale
                .iter()
                .map(|c| instrument_out(&Instrument::Option(*c)))
                .collect(),
        ),
        stale_levels: seen.stale_levels.iter().map(ToString::to_string).collect(),
        bars: seen.bars.iter().map(bar_out).collect(),
        under_way: seen.under_way.iter().map(bar_out).collect(),
    }
}

fn option(instrument: &wire::Instrument) -> Result<OptionContract, Unreadable> {
    match instrument_in(instrument)? {
        Instrument::Option(contract) => Ok(contract),
        Instrument::Future(_) | Instrument::Share(_) => {
            Err(Unreadable("a look at a feed names no option".to_owned()))
        }
    }
}

/// From the journal.
///
/// # Errors
/// When it names what this program does not know.
pub fn seen_in(seen: &wire::Seen) -> Result<Seen, Unreadable> {
    let quote = |row: &wire::Quote| {
        let quote = quote_in(row)?;
        let row = ContractQuote {
            contract: option(&row.instrument)?,
            bid: quote.bid,
            ask: quote.ask,
            bid_size: quote.bid_size,
            ask_size: quote.ask_size,
        };
        Ok((row, quote.at))
    };
    let bar = |bar: &wire::Bar| {
        let date = u32::try_from(bar.session).ok().and_then(date_of);
        Ok(Bar {
            series: bar.series.as_str().into(),
            size: if bar.minutes == 0 {
                BarSize::Session
            } else {
                BarSize::Minutes(bar.minutes)
            },
            date: date.ok_or_else(|| Unreadable(format!("{} is no session", bar.session)))?,
            starts_at: Instant(bar.starts_s),
            known_at: Instant(bar.known_s),
            values: bar.mills.map(Price),
        })
    };
    let level = |level: &wire::Level| Some((level.name.as_str().into(), Price(level.mills?)));
    Ok(Seen {
        at: Instant(seen.at_s),
        levels: seen.levels.iter().filter_map(level).collect(),
        stale_levels: seen.stale_levels.iter().map(|n| n.as_str().into()).collect(),
        quotes: seen
            .quotes
            .0
            .iter()
            .map(quote)
            .collect::<Result<_, Unreadable>>()?,
        stale: seen
            .stale
            .0
            .iter()
            .map(option)
            .collect::<Result<_, Unreadable>>()?,
        bars: seen.bars.iter().map(bar).collect::<Result<_, Unreadable>>()?,
        under_way: seen
            .under_way
            .iter()
            .map(bar)
            .collect::<Result<_, Unreadable>>()?,
    })
}
