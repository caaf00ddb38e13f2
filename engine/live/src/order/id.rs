//! Names of orders: `cond-1k2m3n-000002z`.
//!
//! Four letters of the strategy, the run's epoch and the intent's number in its run, in base 32. A replay makes the same
//! names; two runs of an instance never share an epoch, so no name comes twice.

use crate::broker::ClientOrderId;

/// Crockford's digits: none looks like another.
const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Seconds at 2020-01-01, from which epochs count.
const START: i64 = 1_577_836_800;

/// Epoch of a run that begins then, s since 1970; 34 years fit.
#[must_use]
pub fn epoch(started_s: i64) -> u32 {
    u32::try_from(started_s.saturating_sub(START).clamp(0, (1 << 30) - 1)).unwrap_or(0)
}

/// The name of an intent; `None` when the epoch has more than 30 bits or the number more than 35.
#[must_use]
pub fn name(strategy: &str, epoch: u32, number: u64) -> Option<ClientOrderId> {
    let letters = strategy.bytes().filter(u8::is_ascii_alphanumeric);
    let letters = letters
        .map(|b| char::from(b.to_ascii_lowercase()))
        .chain(std::iter::repeat('x'));
    let mut text: String = letters.take(4).collect();
    text.push('-');
    base32(&mut text, u64::from(epoch), 6)?;
    text.push('-');
    base32(&mut text, number, 7)?;
    ClientOrderId::new(&text)
}

fn base32(out: &mut String, value: u64, digits: u32) -> Option<()> {
    if value >> (5 * digits) != 0 {
        return None;
    }
    for place in (0..digits).rev() {
        let digit = usize::try_from(value >> (5 * place) & 31).ok()?;
        out.push(char::from(*DIGITS.get(digit)?));
    }
    Some(())
}

/// Whether a name has the form of ours, whoever sent it.
#[must_use]
pub fn is_ours(id: &str) -> bool {
    let parts: Vec<&str> = id.split('-').collect();
    let digits = |part: &str, n: usize| part.len() == n && part.bytes().all(|b| DIGITS.contains(&b));
    matches!(parts.as_slice(), [s, e, n] if s.len() == 4 && digits(e, 6) && digits(n, 7))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_as_documented_and_never_twice() {
        let text = |s, e, n| name(s, e, n).map(|id| id.to_string());
        assert_eq!(text("Iron_Condor", 0, 0).as_deref(), Some("iron-000000-0000000"));
        // 2020-01-02, one day after the start: 86400 = 2·32³ + 20·32² + 12·32 + 0.
        assert_eq!(
            text("ab", epoch(START + 86_400), 34).as_deref(),
            Some("abxx-002mc0-0000012")
        );
        assert_eq!(text("x", 1 << 30, 1), None);
        assert_eq!(text("x", 1, 1 << 35), None);
        assert_eq!(epoch(0), 0);
        assert!(is_ours("iron-002mc0-0000012"));
        assert!(!is_ours("iron-002mc0-000001i") && !is_ours("hand-made"));
    }
}
