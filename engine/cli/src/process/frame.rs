//! Frames of a length and bytes, on a line between this program and one that it started.

use alula_plugin_abi::broker::wire::{In, Out, Wire, bytes_of, value_of};
use alula_plugin_abi::host::Fault;
use std::io::{Error, ErrorKind, Read, Write};

/// Longest frame, in bytes.
const FRAME_MAX: usize = 256 << 20;

/// A fault as it crosses, and whether what it came from is dead of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    pub fault: Fault,
    pub dead: bool,
}

impl Wire for Failed {
    fn put(&self, out: &mut Out) {
        self.fault.put(out);
        self.dead.put(out);
    }
    fn take(from: &mut In<'_>) -> Result<Self, String> {
        Ok(Self {
            fault: Wire::take(from)?,
            dead: Wire::take(from)?,
        })
    }
}

/// Reads the version of a protocol, which must be ours.
///
/// # Errors
/// Which one it is.
pub fn same_version(from: &mut In<'_>, ours: u32) -> Result<(), String> {
    let version = u32::take(from)?;
    if version == ours {
        return Ok(());
    }
    Err(format!("a call of version {version}, this is version {ours}"))
}

/// Writes a value as one frame.
pub fn send<T: Wire>(to: &mut impl Write, value: &T) -> Result<(), Error> {
    let bytes = bytes_of(value);
    let len = u32::try_from(bytes.len())
        .ok()
        .filter(|_| bytes.len() <= FRAME_MAX)
        .ok_or_else(|| Error::other("too much at once"))?;
    let mut frame = Vec::with_capacity(bytes.len() + 4);
    frame.extend_from_slice(&len.to_le_bytes());
    frame.extend_from_slice(&bytes);
    to.write_all(&frame)?;
    to.flush()
}

/// Reads a frame.
pub fn receive<T: Wire>(from: &mut impl Read) -> Result<T, Error> {
    let mut len = [0; 4];
    from.read_exact(&mut len)?;
    let len = usize::try_from(u32::from_le_bytes(len)).unwrap_or(usize::MAX);
    if len > FRAME_MAX {
        return Err(Error::new(ErrorKind::InvalidData, "a frame that is too long"));
    }
    // As it comes, not all at once: a length alone must not take memory.
    let mut bytes = Vec::new();
    from.take(len as u64).read_to_end(&mut bytes)?;
    if bytes.len() < len {
        return Err(Error::new(ErrorKind::UnexpectedEof, "a frame ended early"));
    }
    value_of(&bytes).map_err(|why| Error::new(ErrorKind::InvalidData, why))
}
