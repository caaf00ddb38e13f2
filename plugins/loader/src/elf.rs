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
/// `p_type` of the segment with what the system's loader is told.
const DYNAMIC: u32 = 2;
/// `DT_NEEDED`: a library that it rests on.
const NEEDED: u64 = 1;
/// `DT_STRTAB`: where the texts are.
const TEXTS: u64 = 5;
/// `DT_RPATH` and `DT_RUNPATH`: where libraries are looked for.
const PLACES: [u64; 2] = [15, 29];

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
    let mut segments = Vec::with_capacity(count);
    for i in 0..count {
        let at = size
            .checked_mul(i)
            .and_then(|o| o.checked_add(start))
            .ok_or_else(cut)?;
        let at_field = |o: usize| at.checked_add(o).ok_or_else(cut);
        let kind = word(at_field(0)?)?;
        segments.push(Segment {
            kind,
            offset: long(at_field(8)?)?,
            address: long(at_field(16)?)?,
            bytes: long(at_field(32)?)?,
        });
        if kind != LOADED {
            continue;
        }
        let end = long(at_field(8)?)?.checked_add(long(at_field(32)?)?);
        if end.is_none_or(|end| end > bytes.len() as u64) {
            return Err(cut());
        }
    }
    found_by_the_system(bytes, &segments)?;
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

/// A part of the file that the system reads or maps.
struct Segment {
    kind: u32,
    offset: u64,
    address: u64,
    bytes: u64,
}

/// What a library rests on must be found by the system or beside the private copy: never by way of the current folder, where anybody's
/// file would run that nobody trusted.
fn found_by_the_system(bytes: &[u8], segments: &[Segment]) -> Result<(), LoadError> {
    let Some(dynamic) = segments.iter().find(|s| s.kind == DYNAMIC) else {
        return Ok(());
    };
    let at = |offset: u64| usize::try_from(offset).ok();
    let entries = (0..dynamic.bytes / 16).map_while(|i| {
        let start = at(dynamic.offset.checked_add(i.checked_mul(16)?)?)?;
        let word = |o: usize| field::<8>(bytes, start.checked_add(o)?).map(u64::from_le_bytes);
        Some((word(0)?, word(8)?)).filter(|(tag, _)| *tag != 0)
    });
    let entries: Vec<(u64, u64)> = entries.collect();
    let Some((_, table)) = entries.iter().find(|(tag, _)| *tag == TEXTS) else {
        return Ok(());
    };
    let holds =
        |s: &&Segment| s.kind == LOADED && (s.address..s.address.saturating_add(s.bytes)).contains(table);
    let texts = segments
        .iter()
        .find(holds)
        .and_then(|s| s.offset.checked_add(table.checked_sub(s.address)?));
    for (tag, value) in &entries {
        if !PLACES.contains(tag) && *tag != NEEDED {
            continue;
        }
        let text = texts.and_then(|t| bytes.get(at(t.checked_add(*value)?)?..));
        let text = text.and_then(|t| t.split(|b| *b == 0).next()).unwrap_or_default();
        let text = String::from_utf8_lossy(text).into_owned();
        let wrong = if *tag == NEEDED {
            text.contains('/') && !text.starts_with('/')
        } else {
            text.split(':')
                .any(|p| !p.starts_with('/') && !p.starts_with("$ORIGIN"))
        };
        if wrong {
            let shown = text.replace(|c: char| c.is_control(), " ");
            let what = format!("it looks for libraries in the current folder (`{shown}`)");
            return Err(LoadError::new(Refusal::Unsafe, what)
                .help("link them statically, or build it with whole paths"));
        }
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
