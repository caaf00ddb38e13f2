//! Saved state as the host keeps it: whose it is, with which parameters, after how many rows, and a check sum over all.
//!
//! Without it most single flipped bits of a plugin's state would be taken for state.

use super::{Fault, FaultKind};

/// First bytes, with the version of this layout.
const MAGIC: &[u8; 4] = b"APS1";

/// What stands around a plugin's own bytes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Envelope<'a> {
    pub(super) id: &'a str,
    pub(super) params: &'a [f64],
    pub(super) state_version: u32,
    pub(super) rows: u64,
    /// Why the instance is dead; then there are no bytes.
    pub(super) dead: Option<&'a str>,
}

/// What was read.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Opened<'a> {
    pub(super) state_version: u32,
    pub(super) rows: u64,
    pub(super) dead: Option<String>,
    pub(super) state: &'a [u8],
}

impl Envelope<'_> {
    pub(super) fn seal(&self, state: &[u8], out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(MAGIC);
        part(out, self.id.as_bytes());
        let params: Vec<u8> = self
            .params
            .iter()
            .flat_map(|p| p.to_bits().to_le_bytes())
            .collect();
        part(out, &params);
        out.extend_from_slice(&self.state_version.to_le_bytes());
        out.extend_from_slice(&self.rows.to_le_bytes());
        out.push(u8::from(self.dead.is_some()));
        part(out, self.dead.unwrap_or_default().as_bytes());
        part(out, state);
        let sum = crc32c(out.get(start..).unwrap_or_default());
        out.extend_from_slice(&sum.to_le_bytes());
    }

    /// Opens bytes that were sealed for the same id and parameters.
    pub(super) fn open<'b>(&self, bytes: &'b [u8]) -> Result<Opened<'b>, Fault> {
        let damaged = || Fault::new(FaultKind::State, "the saved state is damaged");
        let (body, sum) = bytes.split_last_chunk::<4>().ok_or_else(damaged)?;
        if crc32c(body) != u32::from_le_bytes(*sum) {
            return Err(damaged());
        }
        let rest = body.strip_prefix(MAGIC).ok_or_else(damaged)?;
        let (id, rest) = take_part(rest).ok_or_else(damaged)?;
        let (params, rest) = take_part(rest).ok_or_else(damaged)?;
        let own = self.params.iter().flat_map(|p| p.to_bits().to_le_bytes());
        if id != self.id.as_bytes() || !params.iter().copied().eq(own) {
            return Err(Fault::new(
                FaultKind::State,
                "the saved state belongs to another indicator or other parameters",
            ));
        }
        let (version, rest) = rest.split_first_chunk::<4>().ok_or_else(damaged)?;
        let (rows, rest) = rest.split_first_chunk::<8>().ok_or_else(damaged)?;
        let (dead, rest) = rest.split_first().ok_or_else(damaged)?;
        let (why, rest) = take_part(rest).ok_or_else(damaged)?;
        let (state, rest) = take_part(rest).ok_or_else(damaged)?;
        if !rest.is_empty() || *dead > 1 {
            return Err(damaged());
        }
        let why = std::str::from_utf8(why).map_err(|_| damaged())?;
        Ok(Opened {
            state_version: u32::from_le_bytes(*version),
            rows: u64::from_le_bytes(*rows),
            dead: (*dead == 1).then(|| why.to_owned()),
            state,
        })
    }
}

fn part(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
    out.extend_from_slice(bytes);
}

fn take_part(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = bytes.split_first_chunk::<8>()?;
    let len = usize::try_from(u64::from_le_bytes(*len)).ok()?;
    rest.split_at_checked(len)
}

/// CRC-32C (Castagnoli), as in RFC 3720 section 12.1.
#[must_use]
pub fn crc32c(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 {
                (crc >> 1) ^ 0x82F6_3B78
            } else {
                crc >> 1
            };
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_sum_is_the_one_of_rfc_3720() {
        // RFC 3720, appendix B.4: 32 bytes of zeros, 32 of ones, 0..31.
        assert_eq!(crc32c(&[0; 32]).to_le_bytes(), [0xaa, 0x36, 0x91, 0x8a]);
        assert_eq!(crc32c(&[0xff; 32]).to_le_bytes(), [0x43, 0xab, 0xa8, 0x62]);
        let counting: Vec<u8> = (0..32).collect();
        assert_eq!(crc32c(&counting).to_le_bytes(), [0x4e, 0x79, 0xdd, 0x46]);
    }

    #[test]
    fn what_was_sealed_opens_and_every_flipped_bit_is_noticed() {
        let envelope = Envelope {
            id: "rsi",
            params: &[14.0],
            state_version: 3,
            rows: 7,
            dead: None,
        };
        let mut bytes = Vec::new();
        envelope.seal(b"forty bytes of state", &mut bytes);
        let opened = envelope.open(&bytes).unwrap();
        assert_eq!((opened.state_version, opened.rows), (3, 7));
        assert_eq!(opened.state, b"forty bytes of state");
        for at in 0..bytes.len() * 8 {
            let mut wrong = bytes.clone();
            wrong[at / 8] ^= 1 << (at % 8);
            assert!(envelope.open(&wrong).is_err(), "bit {at}");
        }
        for end in 0..bytes.len() {
            assert!(envelope.open(&bytes[..end]).is_err());
        }
        let other = Envelope {
            params: &[15.0],
            ..envelope
        };
        assert!(other.open(&bytes).unwrap_err().text.contains("other parameters"));
    }
}
