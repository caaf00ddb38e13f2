//! One entry: its bytes, its hash.
//!
//! All numbers are little-endian, in this order: version `u8` (1), seq `u64`, kind `u16`, schema `u16`, engine time `i64`
//! ns, receive time `i64` ns, cause `u64`, watermark `u64`, payload length `u32`; then the hash of the entry before, this
//! entry's hash, the payload. The hash is BLAKE3 over (hash before, everything up to the length, payload).

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// Thirty-two bytes; hexadecimal in text, and for people the first twelve digits.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// BLAKE3 of bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(blake3::hash(bytes).into())
    }

    /// From 64 hexadecimal digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut out = [0; 32];
        if text.len() != 64 || !text.is_ascii() {
            return None;
        }
        for (i, byte) in out.iter_mut().enumerate() {
            *byte = u8::from_str_radix(text.get(i * 2..i * 2 + 2)?, 16).ok()?;
        }
        Some(Self(out))
    }

    /// The first twelve digits.
    #[must_use]
    pub fn short(&self) -> String {
        let mut text = self.to_string();
        text.truncate(12);
        text
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        if s.is_human_readable() {
            s.collect_str(self)
        } else {
            self.0.serialize(s)
        }
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        if d.is_human_readable() {
            let text = String::deserialize(d)?;
            Self::parse(&text).ok_or_else(|| serde::de::Error::custom("not 64 hexadecimal digits"))
        } else {
            <[u8; 32]>::deserialize(d).map(Self)
        }
    }
}

/// What happened, when, why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Number in its run, from 1 without gaps.
    pub seq: u64,
    /// Kind of its payload ([`crate::wire`]).
    pub kind: u16,
    /// Version of the payload's layout.
    pub schema: u16,
    /// Time by which the engine decides, ns since 1970.
    pub engine_ns: i64,
    /// When it came in, ns since 1970 by the machine's clock.
    pub received_ns: i64,
    /// Entry that caused it; 0 for none.
    pub cause: u64,
    /// Everything up to here was on disk when this entry was written.
    pub durable: u64,
    /// Payload.
    pub payload: Vec<u8>,
    /// Hash of the entry before; of the run's name for the first.
    pub prev: Hash,
    /// Hash of this entry.
    pub hash: Hash,
}

/// Version of the layout above.
const VERSION: u8 = 1;
/// Bytes before the hashes.
const HEADER: usize = 1 + 8 + 2 + 2 + 8 + 8 + 8 + 8 + 4;
/// Most bytes of a payload: a tick with every quote of a whole chain takes a tenth.
pub const PAYLOAD_MAX: usize = 16 * 1024 * 1024;

/// Bytes that are no entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// The bytes end too soon, or go on too long.
    #[error("its length is {found} bytes instead of {wanted}")]
    Length {
        /// There.
        found: usize,
        /// Expected.
        wanted: usize,
    },
    /// A layout of another version of the program.
    #[error("its layout is version {0}, which this program does not know")]
    Version(u8),
}

impl Entry {
    fn header(&self) -> [u8; HEADER] {
        let mut out = [0; HEADER];
        // A payload above the limit is refused before it gets here.
        let length = u32::try_from(self.payload.len()).unwrap_or(u32::MAX);
        let parts: [&[u8]; 9] = [
            &[VERSION],
            &self.seq.to_le_bytes(),
            &self.kind.to_le_bytes(),
            &self.schema.to_le_bytes(),
            &self.engine_ns.to_le_bytes(),
            &self.received_ns.to_le_bytes(),
            &self.cause.to_le_bytes(),
            &self.durable.to_le_bytes(),
            &length.to_le_bytes(),
        ];
        for (to, from) in out.iter_mut().zip(parts.into_iter().flatten()) {
            *to = *from;
        }
        out
    }

    /// The hash that this entry should have.
    #[must_use]
    pub fn computed(&self) -> Hash {
        let mut hasher = blake3::Hasher::new();
        hasher
            .update(&self.prev.0)
            .update(&self.header())
            .update(&self.payload);
        Hash(hasher.finalize().into())
    }

    /// The same with its hash.
    #[must_use]
    pub fn sealed(mut self) -> Self {
        self.hash = self.computed();
        self
    }

    /// As bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEADER + 64 + self.payload.len());
        out.extend_from_slice(&self.header());
        out.extend_from_slice(&self.prev.0);
        out.extend_from_slice(&self.hash.0);
        out.extend_from_slice(&self.payload);
        out
    }

    /// From bytes. Whether the hash is right is another question: [`Entry::computed`].
    ///
    /// # Errors
    /// When they are no entry of this layout.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, EntryError> {
        let mut rest = bytes;
        let whole = HEADER + 64;
        let short = EntryError::Length {
            found: bytes.len(),
            wanted: whole,
        };
        let version = take::<1>(&mut rest).ok_or(short)?;
        if version != [VERSION] {
            return Err(EntryError::Version(u8::from_le_bytes(version)));
        }
        let seq = u64::from_le_bytes(take(&mut rest).ok_or(short)?);
        let kind = u16::from_le_bytes(take(&mut rest).ok_or(short)?);
        let schema = u16::from_le_bytes(take(&mut rest).ok_or(short)?);
        let engine_ns = i64::from_le_bytes(take(&mut rest).ok_or(short)?);
        let received_ns = i64::from_le_bytes(take(&mut rest).ok_or(short)?);
        let cause = u64::from_le_bytes(take(&mut rest).ok_or(short)?);
        let durable = u64::from_le_bytes(take(&mut rest).ok_or(short)?);
        let length = u32::from_le_bytes(take(&mut rest).ok_or(short)?);
        let prev = Hash(take(&mut rest).ok_or(short)?);
        let hash = Hash(take(&mut rest).ok_or(short)?);
        if u32::try_from(rest.len()) != Ok(length) {
            return Err(EntryError::Length {
                found: bytes.len(),
                wanted: whole.saturating_add(usize::try_from(length).unwrap_or(usize::MAX)),
            });
        }
        Ok(Self {
            seq,
            kind,
            schema,
            engine_ns,
            received_ns,
            cause,
            durable,
            payload: rest.to_vec(),
            prev,
            hash,
        })
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (first, after) = rest.split_first_chunk::<N>()?;
    *rest = after;
    Some(*first)
}
