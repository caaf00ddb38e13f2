//! Quotes of whole chains in little room: columns of differences, compressed.
//!
//! A chain has thousands of contracts that differ in a strike and a price, so that most of what a row says stands in the row
//! before. In text they are rows as ever.
//!
//! Bytes: the length of the body, then the body as a zlib stream. The body holds the number of rows, the runs of rows that share
//! all but the strike (kind, class, expiry, side, length), then one column after the other. Numbers are varints (LEB128), signed
//! ones zigzag; a strike, a time and a bid are told by their difference from the row before, an ask by that from its bid. A value
//! that may be missing is 0 then, and one more than itself else.

use super::{Instrument, Quote};
use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::io::{Read as _, Write as _};

/// Longest body, bytes.
const BODY_MAX: u64 = 32 * 1024 * 1024;
/// Most rows: many times all that is listed of anything.
const ROWS_MAX: usize = 1_000_000;
/// Longest name of a class or share, bytes.
const NAME_MAX: usize = 64;
/// Quickest that still takes most of it away: a run waits for it at every look.
const LEVEL: u32 = 4;

/// Quotes, packed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quotes(pub Vec<Quote>);

/// Contracts, packed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contracts(pub Vec<Instrument>);

impl Serialize for Quotes {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        if s.is_human_readable() {
            return self.0.serialize(s);
        }
        fits(self.0.len(), self.0.iter().map(|q| &q.instrument)).map_err(S::Error::custom)?;
        packed(&quotes_out(&self.0))
            .map_err(S::Error::custom)?
            .serialize(s)
    }
}

impl<'de> Deserialize<'de> for Quotes {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        if d.is_human_readable() {
            return Vec::deserialize(d).map(Self);
        }
        let body = unpacked(&Vec::<u8>::deserialize(d)?).map_err(D::Error::custom)?;
        quotes_in(&body)
            .map(Self)
            .ok_or_else(|| D::Error::custom("packed quotes that are none"))
    }
}

impl Serialize for Contracts {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        if s.is_human_readable() {
            return self.0.serialize(s);
        }
        fits(self.0.len(), self.0.iter()).map_err(S::Error::custom)?;
        let mut body = Vec::new();
        instruments_out(self.0.iter(), self.0.len(), &mut body);
        packed(&body).map_err(S::Error::custom)?.serialize(s)
    }
}

impl<'de> Deserialize<'de> for Contracts {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        if d.is_human_readable() {
            return Vec::deserialize(d).map(Self);
        }
        let body = unpacked(&Vec::<u8>::deserialize(d)?).map_err(D::Error::custom)?;
        let mut from = Cursor(&body);
        instruments_in(&mut from)
            .filter(|_| from.0.is_empty())
            .map(Self)
            .ok_or_else(|| D::Error::custom("packed contracts that are none"))
    }
}

/// What could not be read again is not written.
fn fits<'i>(rows: usize, mut of: impl Iterator<Item = &'i Instrument>) -> Result<(), &'static str> {
    let short = rows <= ROWS_MAX && of.all(|i| shared(i).1.len() <= NAME_MAX);
    short
        .then_some(())
        .ok_or("more rows or longer names than can be packed")
}

fn packed(body: &[u8]) -> Result<Vec<u8>, std::io::Error> {
    let mut out = Vec::new();
    put(&mut out, u64::try_from(body.len()).unwrap_or(u64::MAX));
    let mut to = ZlibEncoder::new(out, Compression::new(LEVEL));
    to.write_all(body)?;
    to.finish()
}

fn unpacked(bytes: &[u8]) -> Result<Vec<u8>, &'static str> {
    let mut from = Cursor(bytes);
    // A stream that is larger than it says it is never taken in whole.
    let length = from.whole().filter(|n| *n <= BODY_MAX);
    let length = length.ok_or("packed rows of more than they may be")?;
    let mut body = Vec::new();
    let more = length.saturating_add(1);
    let read = ZlibDecoder::new(from.0).take(more).read_to_end(&mut body);
    match read {
        Ok(_) if u64::try_from(body.len()) == Ok(length) => Ok(body),
        _ => Err("packed rows that are broken"),
    }
}

fn put(out: &mut Vec<u8>, mut value: u64) {
    loop {
        let low = u8::try_from(value & 0x7f).unwrap_or(0);
        value >>= 7;
        if value == 0 {
            out.push(low);
            return;
        }
        out.push(low | 0x80);
    }
}

const fn zigzag(value: i64) -> u64 {
    (value.cast_unsigned() << 1) ^ (value >> 63).cast_unsigned()
}

const fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ (value & 1).cast_signed().wrapping_neg()
}

/// A value's difference from another, or that it is missing. Differences wrap, so that every pair has one; the one that leaves no
/// room for "missing" is written behind a mark of its own.
fn put_some(out: &mut Vec<u8>, value: Option<i64>, from: i64) {
    match value.map(|v| zigzag(v.wrapping_sub(from)).checked_add(2)) {
        None => put(out, 0),
        Some(Some(told)) => put(out, told),
        Some(None) => {
            put(out, 1);
            put(out, zigzag(value.unwrap_or(0).wrapping_sub(from)));
        }
    }
}

struct Cursor<'b>(&'b [u8]);

impl Cursor<'_> {
    fn whole(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            let bits = u64::from(byte & 0x7f);
            // Nothing may be shifted out at the top.
            if bits.leading_zeros() < shift {
                return None;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn signed(&mut self, from: i64) -> Option<i64> {
        Some(from.wrapping_add(unzigzag(self.whole()?)))
    }

    fn some(&mut self, from: i64) -> Option<Option<i64>> {
        Some(match self.whole()? {
            0 => None,
            1 => Some(self.signed(from)?),
            told => Some(from.wrapping_add(unzigzag(told - 2))),
        })
    }

    fn text(&mut self) -> Option<String> {
        let length = usize::try_from(self.whole()?).ok().filter(|n| *n <= NAME_MAX)?;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        String::from_utf8(text.to_vec()).ok()
    }

    /// How many rows of at least a byte each may still come.
    fn count(&mut self) -> Option<usize> {
        let count = usize::try_from(self.whole()?).ok()?;
        (count <= self.0.len().min(ROWS_MAX)).then_some(count)
    }
}

const OPTION: u64 = 0;
const FUTURE: u64 = 1;
const SHARE: u64 = 2;

/// What a run of rows shares: kind, name, expiry, side.
fn shared(instrument: &Instrument) -> (u64, &str, i32, bool) {
    match instrument {
        Instrument::Option {
            class, expiry, call, ..
        } => (OPTION, class, *expiry, *call),
        Instrument::Future { class, expiry } => (FUTURE, class, *expiry, false),
        Instrument::Share { symbol } => (SHARE, symbol, 0, false),
    }
}

const fn strike(instrument: &Instrument) -> i64 {
    match instrument {
        Instrument::Option { strike_mills, .. } => *strike_mills,
        Instrument::Future { .. } | Instrument::Share { .. } => 0,
    }
}

fn instruments_out<'i>(rows: impl Iterator<Item = &'i Instrument> + Clone, count: usize, out: &mut Vec<u8>) {
    let length = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    put(out, length(count));
    let mut at = rows.clone().peekable();
    while let Some(first) = at.next() {
        let what = shared(first);
        let mut run = 1_usize;
        while at.next_if(|i| shared(i) == what).is_some() {
            run = run.saturating_add(1);
        }
        let (kind, name, expiry, call) = what;
        put(out, kind);
        put(out, length(name.len()));
        out.extend_from_slice(name.as_bytes());
        put(out, zigzag(i64::from(expiry)));
        put(out, u64::from(call));
        put(out, length(run));
    }
    let mut before = 0;
    for instrument in rows {
        let strike = strike(instrument);
        put(out, zigzag(strike.wrapping_sub(before)));
        before = strike;
    }
}

fn instruments_in(from: &mut Cursor<'_>) -> Option<Vec<Instrument>> {
    let count = from.count()?;
    let mut out: Vec<Instrument> = Vec::new();
    while out.len() < count {
        let (kind, name) = (from.whole()?, from.text()?);
        let expiry = i32::try_from(from.signed(0)?).ok()?;
        let call = match from.whole()? {
            0 => false,
            1 => true,
            _ => return None,
        };
        let run = usize::try_from(from.whole()?).ok()?;
        if run == 0 || run > count - out.len() {
            return None;
        }
        let one = match kind {
            OPTION => Instrument::Option {
                class: name,
                expiry,
                call,
                strike_mills: 0,
            },
            FUTURE => Instrument::Future { class: name, expiry },
            SHARE => Instrument::Share { symbol: name },
            _ => return None,
        };
        out.extend(std::iter::repeat_n(one, run));
    }
    let mut before = 0;
    for instrument in &mut out {
        before = from.signed(before)?;
        if let Instrument::Option { strike_mills, .. } = instrument {
            *strike_mills = before;
        }
    }
    Some(out)
}

fn quotes_out(rows: &[Quote]) -> Vec<u8> {
    let mut out = Vec::new();
    instruments_out(rows.iter().map(|q| &q.instrument), rows.len(), &mut out);
    let mut before = 0;
    for row in rows {
        put_some(&mut out, row.bid_mills, before);
        before = row.bid_mills.unwrap_or(before);
    }
    for row in rows {
        put_some(&mut out, row.ask_mills, row.bid_mills.unwrap_or(0));
    }
    for row in rows {
        put_some(&mut out, row.bid_size.map(i64::from), 0);
    }
    for row in rows {
        put_some(&mut out, row.ask_size.map(i64::from), 0);
    }
    let mut before = 0;
    for row in rows {
        put(&mut out, zigzag(row.at_s.wrapping_sub(before)));
        before = row.at_s;
    }
    out
}

fn quotes_in(body: &[u8]) -> Option<Vec<Quote>> {
    let mut from = Cursor(body);
    let instruments = instruments_in(&mut from)?;
    let mut out: Vec<Quote> = instruments
        .into_iter()
        .map(|instrument| Quote {
            instrument,
            bid_mills: None,
            ask_mills: None,
            bid_size: None,
            ask_size: None,
            at_s: 0,
        })
        .collect();
    let mut before = 0;
    for row in &mut out {
        row.bid_mills = from.some(before)?;
        before = row.bid_mills.unwrap_or(before);
    }
    for row in &mut out {
        row.ask_mills = from.some(row.bid_mills.unwrap_or(0))?;
    }
    let mut size = || match from.some(0)? {
        None => Some(None),
        Some(size) => u32::try_from(size).ok().map(Some),
    };
    for row in &mut out {
        row.bid_size = size()?;
    }
    for row in &mut out {
        row.ask_size = size()?;
    }
    let mut before = 0;
    for row in &mut out {
        row.at_s = from.signed(before)?;
        before = row.at_s;
    }
    from.0.is_empty().then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn instrument() -> impl Strategy<Value = Instrument> {
        let class = prop_oneof![Just("SPX"), Just("SPXW"), Just("VIXW"), Just("")];
        let option = (class.clone(), any::<i32>(), any::<bool>(), any::<i64>()).prop_map(
            |(class, expiry, call, strike_mills)| Instrument::Option {
                class: class.to_owned(),
                expiry,
                call,
                strike_mills,
            },
        );
        let future = (class.clone(), any::<i32>()).prop_map(|(class, expiry)| Instrument::Future {
            class: class.to_owned(),
            expiry,
        });
        let share = class.prop_map(|symbol| Instrument::Share {
            symbol: symbol.to_owned(),
        });
        prop_oneof![4 => option, 1 => future, 1 => share]
    }

    fn quote() -> impl Strategy<Value = Quote> {
        let extreme = prop_oneof![Just(i64::MIN), Just(i64::MAX), any::<i64>(), 0..9_000_i64];
        let price = proptest::option::of(extreme);
        let size = proptest::option::of(any::<u32>());
        (
            instrument(),
            price.clone(),
            price,
            size.clone(),
            size,
            any::<i64>(),
        )
            .prop_map(
                |(instrument, bid_mills, ask_mills, bid_size, ask_size, at_s)| Quote {
                    instrument,
                    bid_mills,
                    ask_mills,
                    bid_size,
                    ask_size,
                    at_s,
                },
            )
    }

    proptest! {
        #[test]
        fn what_is_packed_comes_out_as_it_was(rows in proptest::collection::vec(quote(), 0..60)) {
            let contracts = Contracts(rows.iter().map(|q| q.instrument.clone()).collect());
            let bytes = postcard::to_stdvec(&contracts).unwrap();
            prop_assert_eq!(postcard::from_bytes::<Contracts>(&bytes).unwrap(), contracts);
            let rows = Quotes(rows);
            let bytes = postcard::to_stdvec(&rows).unwrap();
            prop_assert_eq!(&postcard::from_bytes::<Quotes>(&bytes).unwrap(), &rows);
            let text = serde_json::to_string(&rows).unwrap();
            prop_assert_eq!(serde_json::from_str::<Quotes>(&text).unwrap(), rows);
        }

        #[test]
        fn bytes_of_anything_are_refused_or_read_and_never_more(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            // Behind the compression, where a fuzzer would otherwise never come.
            let _ = quotes_in(&bytes);
            let packed = postcard::to_stdvec(&packed(&bytes).unwrap()).unwrap();
            let _ = postcard::from_bytes::<Quotes>(&packed);
            let _ = postcard::from_bytes::<Contracts>(&postcard::to_stdvec(&bytes).unwrap());
        }
    }

    #[test]
    fn a_bomb_is_refused_by_what_it_says_and_by_what_it_is() {
        let mut long = Vec::new();
        put(&mut long, BODY_MAX + 1);
        assert_eq!(unpacked(&long), Err("packed rows of more than they may be"));
        let whole = packed(&vec![0; 1_000_000]).unwrap();
        let mut lies = vec![5];
        lies.extend_from_slice(whole.get(3..).unwrap());
        assert_eq!(unpacked(&lies), Err("packed rows that are broken"));
        // As many rows as there are bytes at most, however few bytes each takes.
        let mut many = Vec::new();
        put(&mut many, u64::MAX);
        assert_eq!(quotes_in(&many), None);
    }

    #[test]
    fn a_chain_takes_a_few_bytes_a_contract() {
        let strikes = (0..2_000).map(|k| 3_000_000 + k * 5_000);
        let rows: Vec<Quote> = strikes
            .map(|strike_mills| Quote {
                instrument: Instrument::Option {
                    class: "SPXW".to_owned(),
                    expiry: 20_261_218,
                    call: true,
                    strike_mills,
                },
                bid_mills: Some((13_000_000 - strike_mills) / 50_000 * 50),
                ask_mills: Some((13_000_000 - strike_mills) / 50_000 * 50 + 300),
                bid_size: Some(25),
                ask_size: None,
                at_s: 1_797_600_000,
            })
            .collect();
        let plain = postcard::to_stdvec(&rows).unwrap().len();
        let small = postcard::to_stdvec(&Quotes(rows)).unwrap().len();
        assert!(small < 2_000 && plain > 40_000, "{small} of {plain}");
    }
}
