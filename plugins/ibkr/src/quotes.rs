//! Streams of bid and ask, told when they change.

use crate::amount;
use crate::model::{Event, Instrument, Kind, Name, Quote, Told};
use ibapi::Error;
use ibapi::client::blocking::Subscription;
use ibapi::market_data::MarketDataType;
use ibapi::market_data::realtime::{Quote as Ticks, TickTypes};
use ibapi::subscriptions::SubscriptionItem;

/// After so long a quote that stands is told again.
const SAID_AGAIN_NS: i64 = 30_000_000_000;

/// The broker's code for more streams than it gives at once.
const NO_MORE_LINES: i32 = 101;

/// What a look at a stream gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pumped {
    /// Nothing.
    Quiet,
    /// Something came.
    Moved,
    /// It is over.
    Over,
    /// It was never begun: the broker gives no more at once.
    Full,
}

/// One stream.
pub struct Watch {
    /// What is watched.
    pub instrument: Instrument,
    stream: Subscription<TickTypes>,
    ticks: Ticks,
    told: Option<Quote>,
    said_delayed: bool,
}

impl Watch {
    /// Takes over a stream.
    #[must_use]
    pub fn new(instrument: Instrument, stream: Subscription<TickTypes>) -> Self {
        Self {
            instrument,
            stream,
            ticks: Ticks::default(),
            told: None,
            said_delayed: false,
        }
    }

    /// Tells what has come.
    pub fn pump(&mut self, now_ns: i64, out: &mut Told) -> Pumped {
        let mut news = false;
        while let Some(item) = self.stream.try_next() {
            match item {
                Ok(SubscriptionItem::Data(tick)) => {
                    self.ticks.apply(&tick);
                    news = true;
                }
                Ok(SubscriptionItem::Notice(notice)) => {
                    out.note(format!(
                        "quotes of `{}`: {} [{}]",
                        Name(&self.instrument),
                        notice.message,
                        notice.code
                    ));
                }
                Err(Error::Notice(notice)) if notice.code == NO_MORE_LINES => return Pumped::Full,
                Err(error) => {
                    out.note(format!("quotes of `{}` ended: {error}", Name(&self.instrument)));
                    return Pumped::Over;
                }
            }
        }
        if news {
            self.tell(now_ns, out);
            return Pumped::Moved;
        }
        Pumped::Quiet
    }

    /// Says again what stands, where nothing has been said of it for a while: a quiet contract changes nothing for minutes. Call
    /// it only while other streams move, so that it is known that silence means no change.
    pub fn stands(&mut self, now_ns: i64, out: &mut Told) {
        if let Some(told) = &mut self.told
            && now_ns.saturating_sub(told.at_ns) >= SAID_AGAIN_NS
        {
            told.at_ns = now_ns;
            out.tell(Event::Quote(*told));
        }
    }

    fn tell(&mut self, now_ns: i64, out: &mut Told) {
        let quote = read(&self.instrument, &self.ticks, now_ns);
        let kind = self.ticks.market_data_type;
        if matches!(
            kind,
            Some(MarketDataType::Delayed | MarketDataType::DelayedFrozen)
        ) && !self.said_delayed
        {
            self.said_delayed = true;
            let name = Name(&self.instrument);
            out.note(format!(
                "quotes of `{name}` are delayed by minutes: there is no subscription to live ones"
            ));
        }
        let same = |told: &Quote| {
            Quote {
                at_ns: told.at_ns,
                ..quote
            } == *told
        };
        let empty = quote.bid_e9.is_none() && quote.ask_e9.is_none();
        if self.told.as_ref().is_some_and(same) || (self.told.is_none() && empty) {
            return;
        }
        self.told = Some(quote);
        out.tell(Event::Quote(quote));
    }
}

/// A quote out of ticks. The wire says -1 where there is no bid or no ask.
fn read(instrument: &Instrument, ticks: &Ticks, at_ns: i64) -> Quote {
    let price = |p: Option<f64>| p.filter(|p| *p >= 0.0).and_then(amount::from_f64);
    let size = |s: Option<f64>| s.and_then(amount::whole).and_then(|s| u32::try_from(s).ok());
    if instrument.kind == Kind::Index {
        let value = price(ticks.last).filter(|v| *v > 0);
        return Quote {
            contract: *instrument,
            at_ns,
            bid_e9: value,
            ask_e9: value,
            bid_size: None,
            ask_size: None,
        };
    }
    let (bid_e9, ask_e9) = (price(ticks.bid), price(ticks.ask).filter(|a| *a > 0));
    Quote {
        contract: *instrument,
        at_ns,
        bid_e9,
        ask_e9,
        bid_size: size(ticks.bid_size).filter(|_| bid_e9.is_some()),
        ask_size: size(ticks.ask_size).filter(|_| ask_e9.is_some()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{NANO, Word};

    #[test]
    fn no_bid_is_missing_and_not_minus_one() {
        let spy = Instrument {
            kind: Kind::Share,
            symbol: Word::new("SPY").unwrap(),
            class: Word::new("SPY").unwrap(),
            currency: Word::new("USD").unwrap(),
            expiry: 0,
            right: None,
            strike_e9: 0,
            multiplier_e9: NANO,
        };
        let mut ticks = Ticks::default();
        (ticks.bid, ticks.ask, ticks.bid_size, ticks.ask_size) =
            (Some(-1.0), Some(0.05), Some(0.0), Some(12.0));
        let quote = read(&spy, &ticks, 5);
        assert_eq!(
            (quote.bid_e9, quote.ask_e9, quote.bid_size, quote.ask_size),
            (None, Some(50_000_000), None, Some(12))
        );
        ticks.bid = Some(0.0);
        assert_eq!(read(&spy, &ticks, 5).bid_e9, Some(0));
    }
}
