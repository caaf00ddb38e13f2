//! Random draws that are the same on every platform: ChaCha8 for paths, a hash for everything addressed by name.
//!
//! Only IEEE operations and `libm` functions touch a draw, so equal seeds give equal bits everywhere.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Second word of every key. Chosen so that the default market is an ordinary one: quiet months, a shock, a recovery.
const SALT: u64 = 28;

/// A stream of draws.
pub(super) struct Draws {
    rng: ChaCha8Rng,
    spare: Option<f64>,
}

/// Uses of randomness; each has its own stream, so that adding draws to one changes no other.
#[derive(Clone, Copy)]
pub(super) enum Purpose {
    Path = 1,
    Activity = 2,
}

impl Draws {
    pub(super) fn new(seed: u64, purpose: Purpose) -> Self {
        let mut key = [0u8; 32];
        let words = seed.to_le_bytes().into_iter().chain(SALT.to_le_bytes());
        for (to, from) in key.iter_mut().zip(words) {
            *to = from;
        }
        let mut rng = ChaCha8Rng::from_seed(key);
        rng.set_stream(purpose as u64);
        Self { rng, spare: None }
    }

    /// Uniform in the open interval (0, 1).
    pub(super) fn uniform(&mut self) -> f64 {
        unit(self.rng.next_u64())
    }

    /// Standard normal, by Box and Muller.
    pub(super) fn normal(&mut self) -> f64 {
        if let Some(z) = self.spare.take() {
            return z;
        }
        let radius = (-2.0 * libm::log(self.uniform())).sqrt();
        let (sin, cos) = libm::sincos(core::f64::consts::TAU * self.uniform());
        self.spare = Some(radius * sin);
        radius * cos
    }

    /// Exponential with mean 1.
    pub(super) fn exponential(&mut self) -> f64 {
        -libm::log(self.uniform())
    }
}

/// The middle of one of 2^53 equal parts of (0, 1).
#[expect(clippy::cast_precision_loss, reason = "53 bits fit a double exactly")]
fn unit(bits: u64) -> f64 {
    ((bits >> 11) as f64 + 0.5) / 9_007_199_254_740_992.0
}

/// A well-mixed hash (splitmix64's finaliser) of two words.
pub(super) const fn mix(a: u64, b: u64) -> u64 {
    let mut z = a ^ b.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Uniform in (0, 1), addressed by a hash.
pub(super) fn uniform_at(hash: u64) -> f64 {
    unit(mix(hash, 0x5851_f42d_4c95_7f2d))
}

/// Two coarse uniforms in [0, 1) from the halves of a hash.
pub(super) fn two_uniforms(hash: u64) -> (f64, f64) {
    let half = |h: u64| f64::from(u32::try_from(h & 0xffff_ffff).unwrap_or(0)) / 4_294_967_296.0;
    (half(hash), half(hash >> 32))
}

/// About normal (sum of twelve uniforms, bounded by ±6), addressed by a hash.
pub(super) fn normal_at(hash: u64) -> f64 {
    (1..=12u64).map(|n| uniform_at(mix(hash, n))).sum::<f64>() - 6.0
}
