//! Reading what a plugin's tables point to: texts and structs, as far as they say they go.

use super::PORTS_MAX;
use crate::host::{Fault, FaultKind};
use crate::raw;
use std::ffi::c_char;
use std::ptr;

/// Longest text in a descriptor, in bytes.
const TEXT_MAX: usize = 4096;

pub(in crate::host) fn contract(text: impl Into<String>) -> Fault {
    Fault::new(FaultKind::Contract, text)
}

/// A text of a plugin's tables, copied; control characters are blanks.
///
/// # Errors
/// No text at all, one that is too long, or one that is not UTF-8.
///
/// # Safety
/// A pointer that is not null leads to bytes that end with a zero or go on for `TEXT_MAX` bytes.
pub unsafe fn text_at(text: *const c_char, what: &str) -> Result<String, Fault> {
    if text.is_null() {
        return Err(contract(format!("{what} has no text")));
    }
    let mut bytes = Vec::new();
    for at in 0..TEXT_MAX {
        // SAFETY: no byte before this one was the zero, so this one is there, by the caller's promise.
        let byte = unsafe { text.add(at).read() }.cast_unsigned();
        if byte == 0 {
            let text =
                String::from_utf8(bytes).map_err(|_| contract(format!("{what} is not valid UTF-8")))?;
            return Ok(one_line(&text));
        }
        bytes.push(byte);
    }
    Err(contract(format!("{what} is longer than {TEXT_MAX} bytes")))
}

/// A text borrowed for a call, copied; what is not UTF-8 in it is replaced, and it is cut after `TEXT_MAX` bytes.
///
/// # Safety
/// The text's pointer leads to as many bytes as it says.
#[must_use]
pub unsafe fn borrowed_text(text: raw::Str) -> String {
    if text.ptr.is_null() {
        return String::new();
    }
    let len = usize::try_from(text.len).unwrap_or(usize::MAX).min(TEXT_MAX);
    // SAFETY: by the caller's promise, for no more bytes than it covers.
    let bytes = unsafe { std::slice::from_raw_parts(text.ptr.cast::<u8>(), len) };
    one_line(&String::from_utf8_lossy(bytes))
}

/// One line without anything that a terminal would obey: it is shown to people.
pub(in crate::host) fn one_line(text: &str) -> String {
    text.replace(|c: char| c.is_control(), " ")
}

/// A field at the end of a struct that may be too old to have it.
///
/// # Safety
/// `base` leads to `size` bytes of a struct of the contract, and `T` is its field at `offset`.
pub(in crate::host) unsafe fn late_field<T: Copy>(base: *const u8, size: u32, offset: usize) -> Option<T> {
    let end = offset.checked_add(size_of::<T>())?;
    // SAFETY: the field ends inside the struct's own size; tables are aligned, and this asks for no alignment at all.
    (end <= usize::try_from(size).ok()?).then(|| unsafe { base.add(offset).cast::<T>().read_unaligned() })
}

/// The struct at a pointer, which says of itself that it has at least the bytes of the first minor version.
///
/// # Safety
/// A pointer that is not null leads to a struct that begins with a `u32` of its own size.
pub(crate) unsafe fn read<T: Copy>(at: *const T, what: &str) -> Result<T, Fault> {
    if at.is_null() {
        return Err(contract(format!("{what} is absent")));
    }
    // SAFETY: each such struct begins with its size, by the caller's promise.
    let size = unsafe { at.cast::<u32>().read_unaligned() };
    if usize::try_from(size).unwrap_or(0) < size_of::<T>() {
        return Err(contract(format!("{what} says that it has {size} bytes")));
    }
    // SAFETY: it has the bytes of `T`, and any bytes are a value of these types.
    Ok(unsafe { at.read_unaligned() })
}

/// The same of a struct that has grown: one of an older minor version has at least `least` bytes, and zeros for the rest.
///
/// # Safety
/// As for [`read`], and zeros are a value of every field past `least`.
pub(crate) unsafe fn read_from<T: Copy>(at: *const T, least: usize, what: &str) -> Result<T, Fault> {
    if at.is_null() {
        return Err(contract(format!("{what} is absent")));
    }
    // SAFETY: each such struct begins with its size, by the caller's promise.
    let size = usize::try_from(unsafe { at.cast::<u32>().read_unaligned() }).unwrap_or(0);
    if size < least {
        return Err(contract(format!("{what} says that it has {size} bytes")));
    }
    let mut value = std::mem::MaybeUninit::<T>::zeroed();
    // SAFETY: it has as many bytes as it says, of which no more are copied than `T` has; any bytes are a value of these types.
    Ok(unsafe {
        ptr::copy_nonoverlapping(
            at.cast::<u8>(),
            value.as_mut_ptr().cast::<u8>(),
            size.min(size_of::<T>()),
        );
        value.assume_init()
    })
}

/// The structs of an array; its elements are as far apart as the first one is large.
///
/// # Safety
/// As for [`read`], for each of `n` elements.
pub(in crate::host) unsafe fn read_all<T: Copy>(at: *const T, n: u32, what: &str) -> Result<Vec<T>, Fault> {
    if n > PORTS_MAX {
        return Err(contract(format!("{n} {what}: there may be {PORTS_MAX}")));
    }
    if n == 0 {
        return Ok(Vec::new());
    }
    if at.is_null() {
        return Err(contract(format!("the table of {what} is absent")));
    }
    // SAFETY: by the caller's promise there is at least one element, and it begins with its size.
    let stride = usize::try_from(unsafe { at.cast::<u32>().read_unaligned() }).unwrap_or(0);
    if stride < size_of::<T>() || stride > TEXT_MAX {
        return Err(contract(format!("{what} say that they have {stride} bytes each")));
    }
    (0..usize::try_from(n).unwrap_or(0))
        // SAFETY: element `i` is there, by the caller's promise.
        .map(|i| unsafe { read(at.byte_add(i * stride), what) })
        .collect()
}
