//! Whether bytes are a shared library for this machine, before the system's loader sees them: it would map a library that is
//! cut short, and the process would die of it later.

use crate::error::{LoadError, Refusal};

/// `e_machine` of this processor, from the ELF specification.
const MACHINE: Option<u16> = if cfg!(target_arch = "x86_64") {
    Some(62)
} else if cfg!(target_arch = "aarch64") {
    Some(183)
} else {
    None
};
/// `e_type` of a shared object.
const SHARED: u16 = 3;
/// `p_type` of a segment that is mapped.
const LOADED: u32 = 1;

/// Checks the header, and that every mapped segment lies inside the file.
pub fn check(bytes: &[u8]) -> Result<(), LoadError> {
    let not = |why: &str| {
        LoadError::new(
            Refusal::Format,
            format!("it is no library for this machine: {why}"),
        )
    };
    let cut = || not("the file is cut short");
    if !bytes.starts_with(b"\x7fELF") {
        return Err(not("it is no ELF file"));
    }
    if bytes.get(4..6) != Some(&[2, 1]) {
        return Err(not("it is not 64-bit little-endian"));
    }
    let half = |at: usize| field::<2>(bytes, at).map(u16::from_le_bytes).ok_or_else(cut);
    let word = |at: usize| field::<4>(bytes, at).map(u32::from_le_bytes).ok_or_else(cut);
    let long = |at: usize| field::<8>(bytes, at).map(u64::from_le_bytes).ok_or_else(cut);
    if half(16)? != SHARED {
        return Err(not("it is no shared library"));
    }
    if MACHINE.is_some_and(|m| half(18) != Ok(m)) {
        return Err(not("it is for another processor"));
    }
    let start = usize::try_from(long(32)?).map_err(|_| cut())?;
    let (size, count) = (usize::from(half(54)?), usize::from(half(56)?));
    for i in 0..count {
        let at = size
            .checked_mul(i)
            .and_then(|o| o.checked_add(start))
            .ok_or_else(cut)?;
        let at_field = |o: usize| at.checked_add(o).ok_or_else(cut);
        if word(at_field(0)?)? != LOADED {
            continue;
        }
        let end = long(at_field(8)?)?.checked_add(long(at_field(32)?)?);
        if end.is_none_or(|end| end > bytes.len() as u64) {
            return Err(cut());
        }
    }
    // The table of sections stands at the end: a file without it was cut, even if all that is mapped is there.
    let sections = long(40)?;
    let table = u64::from(half(58)?) * u64::from(half(60)?);
    if sections
        .checked_add(table)
        .is_none_or(|end| end > bytes.len() as u64)
    {
        return Err(cut());
    }
    Ok(())
}

fn field<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk::<N>().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_library_is_refused_without_reading_past_its_end() {
        assert!(check(b"").is_err());
        assert!(check(b"MZ").is_err());
        assert!(check(b"\x7fELF").is_err());
        let mut header = vec![0_u8; 64];
        header[..6].copy_from_slice(b"\x7fELF\x02\x01");
        for end in 0..64 {
            assert!(check(&header[..end]).is_err());
        }
        // Offsets that lead out of the file and out of the numbers.
        header[16] = 3;
        if let Some(machine) = MACHINE {
            header[18..20].copy_from_slice(&machine.to_le_bytes());
        }
        header[32..40].copy_from_slice(&u64::MAX.to_le_bytes());
        header[54..58].copy_from_slice(&[56, 0, 2, 0]);
        assert!(check(&header).unwrap_err().what.contains("cut short"));
    }
}
