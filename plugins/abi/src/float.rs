//! The processor's floating-point mode. A library built with `-ffast-math` turns subnormal numbers into zero for the thread
//! that loads it and for every thread that starts later: other results, without a word.

/// Rounding, flushing of subnormals and masks of one thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mode(u64);

/// The sticky flags in MXCSR say what happened, not how numbers are computed.
#[cfg(target_arch = "x86_64")]
const FLAGS: u32 = 0x3f;

impl Mode {
    /// Round to nearest, keep subnormals, trap nothing: what every result of the engine rests on.
    #[cfg(target_arch = "x86_64")]
    pub const PLAIN: Self = Self(0x1f80);
    /// Round to nearest, keep subnormals, trap nothing: what every result of the engine rests on.
    #[cfg(not(target_arch = "x86_64"))]
    pub const PLAIN: Self = Self(0);

    /// This thread's.
    #[cfg(target_arch = "x86_64")]
    #[must_use]
    pub fn now() -> Self {
        let mut word = 0_u32;
        // SAFETY: `stmxcsr` stores four bytes where it is told to, and `word` has four.
        unsafe {
            std::arch::asm!("stmxcsr [{}]", in(reg) &raw mut word, options(nostack, preserves_flags));
        }
        Self(u64::from(word & !FLAGS))
    }

    /// This thread's.
    #[cfg(target_arch = "aarch64")]
    #[must_use]
    pub fn now() -> Self {
        let word: u64;
        // SAFETY: reads a register that every program may read.
        unsafe {
            std::arch::asm!("mrs {}, fpcr", out(reg) word, options(nomem, nostack, preserves_flags));
        }
        Self(word)
    }

    /// This thread's; on other processors it is not looked at.
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    #[must_use]
    pub fn now() -> Self {
        Self::PLAIN
    }

    /// Makes the plain mode this thread's again.
    pub fn restore() {
        #[cfg(target_arch = "x86_64")]
        {
            let word = 0x1f80_u32;
            // SAFETY: loads the mode that Rust assumes everywhere, from four bytes that are there.
            unsafe {
                std::arch::asm!("ldmxcsr [{}]", in(reg) &raw const word, options(nostack, readonly));
            }
        }
        #[cfg(target_arch = "aarch64")]
        {
            // SAFETY: loads the mode that Rust assumes everywhere.
            unsafe {
                std::arch::asm!("msr fpcr, {}", in(reg) 0_u64, options(nomem, nostack));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Mode;

    #[test]
    fn a_fresh_thread_is_plain_and_so_is_a_restored_one() {
        assert_eq!(Mode::now(), Mode::PLAIN);
        let quotient = std::hint::black_box(f64::MIN_POSITIVE) / 4.0;
        assert!(quotient > 0.0);
        Mode::restore();
        assert_eq!(Mode::now(), Mode::PLAIN);
    }
}
