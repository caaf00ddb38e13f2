//! Indicators over a line to another process: what they are, their rows and their chains, as bytes. Numbers cross bit by bit.

use super::table::one_line;
use super::{Fault, FaultKind, Given, IndicatorInfo, ParamInfo, PortInfo};
use crate::broker::wire::{In, Out, Wire};
use crate::chain::{Chain, Contracts, Expiry, Settles};

/// Longest run of bytes or numbers that is believed.
const LEN_MAX: usize = 64 << 20;

/// Bytes as they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bytes(pub Vec<u8>);

/// Numbers of a column, bit by bit.
#[derive(Clone, Debug, Default)]
pub struct Lane(pub Vec<f64>);

impl PartialEq for Lane {
    fn eq(&self, other: &Self) -> bool {
        let bits = |lane: &Self| lane.0.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        bits(self) == bits(other)
    }
}

fn put_len(len: usize, out: &mut Out) {
    u32::try_from(len).unwrap_or(u32::MAX).put(out);
}

fn take_len(from: &mut In<'_>) -> Result<usize, String> {
    let len = usize::try_from(u32::take(from)?).unwrap_or(usize::MAX);
    if len > LEN_MAX {
        return Err(format!("{len} at once"));
    }
    Ok(len)
}

impl Wire for Bytes {
    fn put(&self, out: &mut Out) {
        put_len(self.0.len(), out);
        out.0.extend_from_slice(&self.0);
    }
    fn take(from: &mut In<'_>) -> Result<Self, String> {
        let len = take_len(from)?;
        from.bytes(len).map(|bytes| Self(bytes.to_vec()))
    }
}

impl Wire for Lane {
    fn put(&self, out: &mut Out) {
        put_len(self.0.len(), out);
        for x in &self.0 {
            out.0.extend_from_slice(&x.to_bits().to_le_bytes());
        }
    }
    fn take(from: &mut In<'_>) -> Result<Self, String> {
        let len = take_len(from)?;
        let bytes = from.bytes(len * 8)?;
        let words = bytes.as_chunks::<8>().0;
        Ok(Self(
            words
                .iter()
                .map(|w| f64::from_bits(u64::from_le_bytes(*w)))
                .collect(),
        ))
    }
}

impl Wire for FaultKind {
    fn put(&self, out: &mut Out) {
        let at = KINDS.iter().position(|k| k == self).unwrap_or(2);
        u8::try_from(at).unwrap_or(2).put(out);
    }
    fn take(from: &mut In<'_>) -> Result<Self, String> {
        let kind = u8::take(from)?;
        let kind = KINDS.get(usize::from(kind)).copied();
        kind.ok_or_else(|| "no kind of fault".to_owned())
    }
}

const KINDS: [FaultKind; 8] = [
    FaultKind::Contract,
    FaultKind::Parameters,
    FaultKind::Failed,
    FaultKind::Panicked,
    FaultKind::Output,
    FaultKind::Mode,
    FaultKind::State,
    FaultKind::Unsupported,
];

/// The fields of a struct, one after the other.
macro_rules! fields {
    ($t:ident { $($field:ident),* $(,)? }) => {
        impl Wire for $t {
            fn put(&self, out: &mut Out) {
                $(self.$field.put(out);)*
            }
            fn take(from: &mut In<'_>) -> Result<Self, String> {
                Ok(Self { $($field: Wire::take(from)?),* })
            }
        }
    };
}

fields!(ParamInfo {
    name,
    doc,
    unit,
    whole,
    min,
    max,
    default
});
fields!(PortInfo {
    name,
    doc,
    unit,
    lo,
    hi
});
fields!(IndicatorInfo {
    id,
    version,
    doc,
    state_version,
    batch,
    chain,
    interest,
    params,
    inputs,
    outputs,
});
fields!(Given { name, whole, i, f });

impl Wire for Fault {
    fn put(&self, out: &mut Out) {
        self.kind.put(out);
        self.text.put(out);
    }
    fn take(from: &mut In<'_>) -> Result<Self, String> {
        let kind = Wire::take(from)?;
        // The other end holds a plugin, which may say anything.
        Ok(Self::new(kind, one_line(&String::take(from)?)))
    }
}

/// A snapshot of a chain with all that it borrows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ChainRows {
    underlying: String,
    date: u32,
    spot: f64,
    multiplier: f64,
    roots: Vec<String>,
    dates: Vec<u32>,
    /// At the close.
    pm: Vec<bool>,
    years: Lane,
    forward: Lane,
    discount: Lane,
    expiry_of: Lane32,
    right: Lane32,
    columns: Vec<Lane>,
}

/// Whole numbers of a column.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Lane32(Vec<u32>);

impl Wire for Lane32 {
    fn put(&self, out: &mut Out) {
        put_len(self.0.len(), out);
        for x in &self.0 {
            out.0.extend_from_slice(&x.to_le_bytes());
        }
    }
    fn take(from: &mut In<'_>) -> Result<Self, String> {
        let len = take_len(from)?;
        let words = from.bytes(len * 4)?.as_chunks::<4>().0;
        Ok(Self(words.iter().map(|w| u32::from_le_bytes(*w)).collect()))
    }
}

fields!(ChainRows {
    underlying,
    date,
    spot,
    multiplier,
    roots,
    dates,
    pm,
    years,
    forward,
    discount,
    expiry_of,
    right,
    columns,
});

impl ChainRows {
    /// A copy of a chain.
    #[must_use]
    pub fn of(chain: &Chain<'_>) -> Self {
        let expiries = &chain.expiries;
        let lane = |read: fn(&Expiry<'_>) -> f64| Lane(expiries.iter().map(read).collect());
        let c = &chain.contracts;
        let columns = [
            c.strike,
            c.bid,
            c.ask,
            c.mid,
            c.vol,
            c.delta,
            c.gamma,
            c.open_interest,
            c.volume,
        ];
        Self {
            underlying: chain.underlying.to_owned(),
            date: chain.date,
            spot: chain.spot,
            multiplier: chain.multiplier,
            roots: expiries.iter().map(|e| e.root.to_owned()).collect(),
            dates: expiries.iter().map(|e| e.date).collect(),
            pm: expiries.iter().map(|e| e.settles == Settles::Pm).collect(),
            years: lane(|e| e.years),
            forward: lane(|e| e.forward),
            discount: lane(|e| e.discount),
            expiry_of: Lane32(c.expiry_of.to_vec()),
            right: Lane32(c.right.to_vec()),
            columns: columns.map(|c| Lane(c.to_vec())).into(),
        }
    }

    /// The chain. Whether its columns agree is for [`Chain::is_regular`] to say.
    #[must_use]
    pub fn chain(&self) -> Chain<'_> {
        let at = |lane: &Lane, i: usize| lane.0.get(i).copied().unwrap_or(f64::NAN);
        let expiries = self.roots.iter().enumerate().map(|(i, root)| Expiry {
            root,
            date: self.dates.get(i).copied().unwrap_or(0),
            settles: if self.pm.get(i).copied().unwrap_or(false) {
                Settles::Pm
            } else {
                Settles::Am
            },
            years: at(&self.years, i),
            forward: at(&self.forward, i),
            discount: at(&self.discount, i),
        });
        let column = |i: usize| self.columns.get(i).map_or(&[][..], |lane| lane.0.as_slice());
        Chain {
            underlying: &self.underlying,
            date: self.date,
            spot: self.spot,
            multiplier: self.multiplier,
            expiries: expiries.collect(),
            contracts: Contracts {
                expiry_of: &self.expiry_of.0,
                right: &self.right.0,
                strike: column(0),
                bid: column(1),
                ask: column(2),
                mid: column(3),
                vol: column(4),
                delta: column(5),
                gamma: column(6),
                open_interest: column(7),
                volume: column(8),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::wire::{bytes_of, value_of};

    fn info() -> IndicatorInfo {
        let port = |name: &str, lo| PortInfo {
            name: name.to_owned(),
            doc: "a port".to_owned(),
            unit: Some("pts".to_owned()),
            lo,
            hi: None,
        };
        IndicatorInfo {
            id: "probe".to_owned(),
            version: "1.0.0".to_owned(),
            doc: String::new(),
            state_version: 3,
            batch: true,
            chain: false,
            interest: false,
            params: vec![ParamInfo {
                name: "length".to_owned(),
                doc: String::new(),
                unit: None,
                whole: true,
                min: 1.0,
                max: 9.0,
                default: 2.0,
            }],
            inputs: vec![port("x", Some(-1.5))],
            outputs: vec![port("y", None)],
        }
    }

    #[test]
    fn a_description_and_numbers_cross_bit_by_bit_and_pieces_of_them_do_not() {
        let bytes = bytes_of(&info());
        assert_eq!(value_of::<IndicatorInfo>(&bytes).unwrap(), info());
        for end in 0..bytes.len() {
            assert!(value_of::<IndicatorInfo>(&bytes[..end]).is_err());
        }
        let odd = Lane(vec![0.0, -0.0, f64::NAN, -f64::NAN, f64::INFINITY, 5e-324, 0.1]);
        assert_eq!(value_of::<Lane>(&bytes_of(&odd)).unwrap(), odd);
        // A length that promises more than there is takes no memory.
        assert!(value_of::<Lane>(&[255, 255, 255, 3, 0]).is_err());
        assert!(value_of::<Lane>(&[255, 255, 255, 255]).is_err());
        assert!(value_of::<Bytes>(&[9, 0, 0, 0, 1]).is_err());
    }

    #[test]
    fn a_chain_comes_out_as_it_went_in() {
        let nan = f64::NAN;
        let chain = Chain {
            underlying: "SPX",
            date: 20_240_621,
            spot: 5_464.62,
            multiplier: 100.0,
            expiries: vec![Expiry {
                root: "SPXW",
                date: 20_240_719,
                settles: Settles::Pm,
                years: 0.0767,
                forward: nan,
                discount: 0.996,
            }],
            contracts: Contracts {
                expiry_of: &[0, 0],
                right: &[80, 67],
                strike: &[5_400.0, 5_400.0],
                bid: &[30.0, nan],
                ask: &[31.0, nan],
                mid: &[30.5, nan],
                vol: &[12.5, nan],
                delta: &[-0.3, nan],
                gamma: &[0.002, nan],
                open_interest: &[7.0, 0.0],
                volume: &[nan, nan],
            },
        };
        let rows = ChainRows::of(&chain);
        let read = value_of::<ChainRows>(&bytes_of(&rows)).unwrap();
        assert!(read.chain().is_regular());
        // NaN is not equal to itself; its text is.
        assert_eq!(format!("{:?}", read.chain()), format!("{chain:?}"));
        // Columns that do not agree are not taken for a chain.
        let short = ChainRows {
            columns: Vec::new(),
            ..read
        };
        assert!(!short.chain().is_regular());
    }
}
