//! Gamma exposure: by how many dollars of the underlying dealers' deltas move when it moves by one percent.
//!
//! **Whose gamma.** Nobody publishes what dealers hold. The convention here is that of SqueezeMetrics ("Gamma Exposure (GEX)", 2017):
//! customers sell calls and buy puts, so that dealers are long each open call and short each open put. It is an assumption about
//! the sign, not a measurement; where customers buy calls it is wrong.
//!
//! **How much.** Gamma times open interest times the multiplier times the square of the spot times 0.01: dollars for one percent, as S.
//! Perfiliev writes it ("How to Calculate Gamma Exposure (GEX) and Zero Gamma Level", 2022). With Black-76 on the forward F, which moves
//! with the spot, that is `D phi(d1) F / (sigma sqrt(T))` times 0.01, open interest and multiplier: the spot itself falls out.
//!
//! **Which vol.** Both contracts of a strike have the gamma of one vol: that of the side that is out of the money, whose quote has the
//! time value in it, else the other's. A strike without any vol is left out; `covered` says how much of the open interest was in.
//!
//! **Zero gamma.** The spot at which the sum would be nothing: the chain priced again at spots from 20 % below to 20 % above, each strike
//! keeping its vol and each forward its ratio to the spot. Of several such spots the one nearest to today's.
//!
//! Open interest is that of the session before: what was traded today is not in it.

use crate::other_ports;
use alula_plugin_sdk::prelude::*;

/// Spots at which the chain is priced again, and how far they reach on either side.
const SPOTS: u32 = 80;
const REACH: f64 = 0.2;
/// Halvings of an interval of half a percent: to the last bits.
const HALVINGS: u32 = 44;

/// A strike with open interest and a vol.
#[derive(Clone, Copy, Debug)]
struct Strike {
    days: f64,
    /// `ln(F / K)`.
    moneyness: f64,
    /// `sigma sqrt(T)`.
    width: f64,
    /// Dollars for one percent, but for the bell: `D F / (sigma sqrt(T))` times multiplier times 0.01.
    scale: f64,
    calls: f64,
    puts: f64,
}

impl Strike {
    /// Dollars for one percent of one open contract, at the spot times `x`, whose logarithm is given.
    fn gamma(&self, x: f64, ln_x: f64) -> f64 {
        let d1 = (ln_x + self.moneyness) / self.width + self.width / 2.0;
        let bell = (-0.5 * d1 * d1).exp() / (2.0 * std::f64::consts::PI).sqrt();
        x * self.scale * bell
    }

    /// What it adds to the sum at the spot times `x`.
    fn net(&self, x: f64, ln_x: f64) -> f64 {
        (self.calls - self.puts) * self.gamma(x, ln_x)
    }
}

/// The strikes of a chain, and the share of the open interest that they have.
fn strikes(chain: &Chain<'_>) -> (Vec<Strike>, f64) {
    let mut found = Vec::new();
    let (mut all, mut covered) = (0.0, 0.0);
    let rows: Vec<_> = chain.rows().collect();
    let same = |a: &alula_plugin_sdk::abi::chain::Contract, b: &alula_plugin_sdk::abi::chain::Contract| {
        a.expiry == b.expiry && a.strike.to_bits() == b.strike.to_bits()
    };
    for pair in rows.chunk_by(same) {
        let of = |right: Right| pair.iter().find(|c| c.right == right);
        let interest = |right| of(right).map_or(0.0, |c| c.open_interest.max(0.0));
        let (calls, puts) = (interest(Right::Call), interest(Right::Put));
        all += calls + puts;
        let Some((first, expiry)) = pair
            .first()
            .and_then(|c| Some((c, chain.expiries.get(c.expiry)?)))
        else {
            continue;
        };
        let vol = |right| of(right).map(|c| c.vol).filter(|v| *v > 0.0);
        let (near, other) = if first.strike < expiry.forward {
            (Right::Put, Right::Call)
        } else {
            (Right::Call, Right::Put)
        };
        let Some(vol) = vol(near).or_else(|| vol(other)).filter(|_| calls + puts > 0.0) else {
            continue;
        };
        let width = vol / 100.0 * expiry.years.sqrt();
        let strike = Strike {
            days: expiry.years * 365.0,
            moneyness: (expiry.forward / first.strike).ln(),
            width,
            scale: expiry.discount * expiry.forward / width * chain.multiplier * 0.01,
            calls,
            puts,
        };
        if [strike.moneyness, strike.width, strike.scale]
            .iter()
            .all(|x| x.is_finite())
            && width > 0.0
        {
            covered += calls + puts;
            found.push(strike);
        }
    }
    (found, if all > 0.0 { covered / all } else { 0.0 })
}

/// Gamma exposure at today's spot: in all, of calls, of puts, and by time to expiry.
#[derive(Debug)]
pub struct GammaExposure {
    near: f64,
    far: f64,
}

impl ChainIndicator for GammaExposure {
    const ID: &'static CStr = c"gamma_exposure";
    const VERSION: &'static CStr = c"1.0.0";
    const DOC: &'static CStr =
        c"dollars of delta per 1 % move, dealers taken as long calls and short puts (GEX)";
    const NEEDS_INTEREST: bool = true;
    const PARAMS: &'static [Param] = &[
        Param::whole(c"near", 0, 3650, 7).doc(c"days to expiry that `near` ends with"),
        Param::whole(c"far", 0, 3650, 35).doc(c"days to expiry that `far` begins after"),
    ];
    const OUTPUTS: &'static [Port] = &[
        Port::new(c"total")
            .unit(c"usd")
            .doc(c"all expiries: above 0 dealers sell what rises"),
        Port::new(c"calls").unit(c"usd").range(0.0, f64::NAN),
        Port::new(c"puts").unit(c"usd").range(f64::NAN, 0.0),
        Port::new(c"near")
            .unit(c"usd")
            .doc(c"of expiries up to `near` days"),
        Port::new(c"middle")
            .unit(c"usd")
            .doc(c"of those between `near` and `far` days"),
        Port::new(c"far").unit(c"usd").doc(c"of those beyond `far` days"),
        Port::new(c"covered")
            .unit(c"ratio")
            .range(0.0, 1.0)
            .doc(c"share of the open interest that has a vol"),
    ];

    fn new(params: &Params<'_>) -> Result<Self, String> {
        let (near, far) = (params.number("near")?, params.number("far")?);
        if near > far {
            return Err("`near` is beyond `far`".to_owned());
        }
        Ok(Self { near, far })
    }

    fn update(&mut self, chain: &Chain<'_>, outputs: &mut [f64]) -> Result<Ready, String> {
        let [total, calls, puts, near, middle, far, covered] = outputs else {
            return Err(other_ports());
        };
        let (strikes, share) = strikes(chain);
        (*calls, *puts, *near, *middle, *far) = (0.0, 0.0, 0.0, 0.0, 0.0);
        for strike in &strikes {
            let one = strike.gamma(1.0, 0.0);
            *calls += strike.calls * one;
            *puts -= strike.puts * one;
            let bucket = if strike.days <= self.near {
                &mut *near
            } else if strike.days <= self.far {
                &mut *middle
            } else {
                &mut *far
            };
            *bucket += (strike.calls - strike.puts) * one;
        }
        *total = *calls + *puts;
        *covered = share.clamp(0.0, 1.0);
        let finite = [*total, *calls, *puts, *near, *middle, *far]
            .iter()
            .all(|x| x.is_finite());
        Ok(if finite && !strikes.is_empty() {
            Ready::Yes
        } else {
            Ready::NotYet
        })
    }
}

/// The spot at which gamma exposure changes its sign, and how far today's spot is above it.
#[derive(Debug)]
pub struct ZeroGamma;

impl ChainIndicator for ZeroGamma {
    const ID: &'static CStr = c"zero_gamma";
    const VERSION: &'static CStr = c"1.0.0";
    const DOC: &'static CStr = c"spot within 20 % at which gamma exposure is nothing";
    const NEEDS_INTEREST: bool = true;
    const OUTPUTS: &'static [Port] = &[
        Port::new(c"level").unit(c"pts").positive(),
        Port::new(c"distance")
            .unit(c"percent")
            .doc(c"spot / level - 1: below 0 the spot is under it"),
    ];

    fn new(_: &Params<'_>) -> Result<Self, String> {
        Ok(Self)
    }

    fn update(&mut self, chain: &Chain<'_>, outputs: &mut [f64]) -> Result<Ready, String> {
        let [level, distance] = outputs else {
            return Err(other_ports());
        };
        let (strikes, _) = strikes(chain);
        let net = |x: f64| -> f64 {
            let ln_x = x.ln();
            strikes.iter().map(|s| s.net(x, ln_x)).sum()
        };
        let at = |i: u32| 1.0 - REACH + 2.0 * REACH * f64::from(i) / f64::from(SPOTS);
        let mut nearest: Option<f64> = None;
        let mut before = net(at(0));
        for i in 1..=SPOTS {
            let here = net(at(i));
            if before.is_finite() && here.is_finite() && (before < 0.0) != (here < 0.0) {
                let root = halved(net, at(i - 1), at(i), before < 0.0);
                if nearest.is_none_or(|n| (root - 1.0).abs() < (n - 1.0).abs()) {
                    nearest = Some(root);
                }
            }
            before = here;
        }
        let Some(root) = nearest.filter(|_| chain.spot > 0.0) else {
            return Ok(Ready::NotYet);
        };
        *level = chain.spot * root;
        *distance = 1.0 / root - 1.0;
        let sound = level.is_finite() && *level >= f64::MIN_POSITIVE;
        Ok(if sound { Ready::Yes } else { Ready::NotYet })
    }
}

/// Where the sign changes between two points, by halving.
fn halved(net: impl Fn(f64) -> f64, mut below: f64, mut above: f64, negative_below: bool) -> f64 {
    for _ in 0..HALVINGS {
        let middle = below.midpoint(above);
        if (net(middle) < 0.0) == negative_below {
            below = middle;
        } else {
            above = middle;
        }
    }
    below.midpoint(above)
}
