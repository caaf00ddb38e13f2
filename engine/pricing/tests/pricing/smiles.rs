//! Fitted smiles and surfaces: against published values, an independent fit, and laws.

use alula_pricing::surface::{
    JumpWings, OptionQuote, Smile, SmileError, SmileKind, SmileQuote, Surface, Svi, SviError, fit_smile,
    otm_smile_quotes,
};
use alula_pricing::{ExpiryTerms, Right};
use proptest::prelude::*;

const SCIPY: &str = include_str!("../golden/svi_scipy.csv");

fn terms(forward: f64, years: f64) -> ExpiryTerms {
    ExpiryTerms::new(forward, years, 1.0).unwrap()
}

/// Quotes of half a `spread` (vol) around a curve of total variance, from `low` to `high` standard deviations.
fn quotes_of(
    terms: &ExpiryTerms,
    (low, high): (f64, f64),
    spread: f64,
    w: impl Fn(f64) -> f64,
) -> Vec<SmileQuote> {
    let sd = w(0.0).sqrt();
    (0..=60)
        .map(|i| {
            let k = sd * (low + (high - low) * f64::from(i) / 60.0);
            let vol = (w(k) / terms.years()).sqrt();
            SmileQuote {
                strike: terms.forward() * k.exp(),
                bid_vol: vol - 0.5 * spread,
                mid_vol: vol,
                ask_vol: vol + 0.5 * spread,
            }
        })
        .collect()
}

/// Axel Vogt's parameters and their jump wings, time one year, as printed by Gatheral and Jacquier (2014), example 3.1 and section 5.1.
const VOGT: [f64; 5] = [-0.0410, 0.1331, 0.3060, 0.3586, 0.4153];
const VOGT_WINGS: JumpWings = JumpWings {
    atm_variance: 0.017_426_25,
    atm_skew: -0.175_211_1,
    put_slope: 0.699_738_1,
    call_slope: 1.316_798,
    least_variance: 0.011_624_9,
};

fn svi([a, b, rho, m, sigma]: [f64; 5]) -> Svi {
    Svi::new(a, b, rho, m, sigma).unwrap()
}

fn least_density(svi: Svi) -> f64 {
    let curve = alula_pricing::surface::Curve { svi, bends: None };
    Smile::Curve(curve).butterfly(-1.5, 1.5).unwrap().least
}

#[test]
fn jump_wings_of_vogts_smile_are_the_published_ones() {
    let wings = svi(VOGT).jump_wings(1.0).unwrap();
    for (got, want) in [
        (wings.atm_variance, VOGT_WINGS.atm_variance),
        (wings.atm_skew, VOGT_WINGS.atm_skew),
        (wings.put_slope, VOGT_WINGS.put_slope),
        (wings.call_slope, VOGT_WINGS.call_slope),
        (wings.least_variance, VOGT_WINGS.least_variance),
    ] {
        assert!((got / want - 1.0).abs() < 1e-6, "{got} {want}");
    }
    let back = Svi::from_jump_wings(&wings, 1.0).unwrap().raw();
    assert!(
        back.iter().zip(VOGT).all(|(x, y)| (x - y).abs() < 1e-12),
        "{back:?}"
    );
}

/// The same section: Vogt's smile holds butterfly arbitrage (its figure 2), the smile of the natural parametrisation with the
/// same variance, skew and put wing does not, nor does the optimum in between.
#[test]
fn vogts_arbitrage_is_found_and_the_published_cures_are_free_of_it() {
    assert!(least_density(svi(VOGT)) < -0.01, "{}", least_density(svi(VOGT)));
    for (call_slope, least_variance) in [(0.349_315_8, 0.015_481_82), (0.856_476_3, 0.011_624_9)] {
        let cured = JumpWings {
            call_slope,
            least_variance,
            ..VOGT_WINGS
        };
        let least = least_density(Svi::from_jump_wings(&cured, 1.0).unwrap());
        assert!(least > -1e-7, "{call_slope}: {least}");
    }
}

#[test]
fn a_fit_to_vogts_smile_comes_out_without_arbitrage() {
    let terms = terms(100.0, 1.0);
    let quotes = quotes_of(&terms, (-8.0, 8.0), 0.01, |k| svi(VOGT).total_variance(k));
    let fit = fit_smile(&terms, &quotes).unwrap();
    assert!(!fit.is_arbitrage(), "{:?}", fit.butterfly);
    assert!(fit.rms < 1.0, "{}", fit.rms);
    let (left, right) = fit.smile.wing_slopes();
    assert!((0.0..=2.0).contains(&left) && (0.0..=2.0).contains(&right));
}

#[test]
fn exact_svi_quotes_give_their_parameters_back() {
    for (years, raw) in [
        (30.0 / 365.0, [0.0004, 0.035, -0.45, 0.015, 0.045]),
        (1.0, [0.006, 0.11, -0.55, 0.08, 0.2]),
        (0.25, [-0.002, 0.06, 0.3, -0.05, 0.1]),
    ] {
        let terms = terms(5_000.0, years);
        let quotes = quotes_of(&terms, (-5.0, 4.0), 0.002, |k| svi(raw).total_variance(k));
        let fit = fit_smile(&terms, &quotes).unwrap();
        assert_eq!(fit.kind, SmileKind::Svi);
        let Smile::Curve(curve) = &fit.smile else { panic!() };
        let found = curve.svi.raw();
        for (got, want) in found.iter().zip(raw) {
            assert!((got - want).abs() < 1e-5, "{found:?} {raw:?}");
        }
        assert!(
            fit.worst < 1e-4 && fit.inside > 0.999 && !fit.is_arbitrage(),
            "{fit:?}"
        );
    }
}

/// `tests/golden/svi_scipy.csv`: never more than a thousandth worse than scipy's best of sixty starts.
#[test]
fn fits_are_as_close_as_scipys() {
    let mut blocks: Vec<(Vec<f64>, Vec<SmileQuote>)> = Vec::new();
    for line in SCIPY.lines().filter(|l| !l.starts_with('#')) {
        let (what, rest) = line.split_once(',').unwrap();
        let numbers: Vec<f64> = rest.split(',').map(|x| x.parse().unwrap()).collect();
        if what == "fit" {
            blocks.push((numbers, Vec::new()));
        } else {
            let quote = SmileQuote {
                strike: numbers[0],
                bid_vol: numbers[1],
                mid_vol: numbers[2],
                ask_vol: numbers[3],
            };
            blocks.last_mut().unwrap().1.push(quote);
        }
    }
    assert_eq!(blocks.len(), 4);
    for (scipy, quotes) in blocks {
        let terms = terms(scipy[1], scipy[0]);
        let fit = fit_smile(&terms, &quotes).unwrap();
        assert_eq!(fit.kind, SmileKind::Svi);
        let squares: f64 = quotes
            .iter()
            .map(|q| {
                let k = (q.strike / terms.forward()).ln();
                let vol = (fit.smile.total_variance(k) / terms.years()).sqrt();
                let tolerance = (0.5 * (q.ask_vol - q.bid_vol)).max(0.0005);
                ((vol - q.mid_vol) / tolerance).powi(2)
            })
            .sum();
        let error = (squares / quotes.len() as f64).sqrt();
        assert!(error <= 1.001 * scipy[7], "{error} {}", scipy[7]);
    }
}

/// What no SVI curve can follow (a wing that flattens, as deep index puts have it) is followed by bends, inside the quotes.
#[test]
fn a_flattening_wing_is_followed() {
    let terms = terms(3_000.0, 45.0 / 365.0);
    let w = |k: f64| {
        let x = 0.5 * ((k - 0.02).hypot(0.03) - (k - 0.02));
        let vol = 0.115 + 0.95 * x / (1.0 + 3.0 * x) + 0.25 * k.max(0.0).powi(2);
        vol * vol * 45.0 / 365.0
    };
    let quotes = quotes_of(&terms, (-8.0, 2.5), 0.004, w);
    let fit = fit_smile(&terms, &quotes).unwrap();
    assert_eq!(fit.kind, SmileKind::Bent);
    assert!(fit.inside > 0.999 && !fit.is_arbitrage(), "{fit:?}");
}

#[test]
fn few_quotes_are_joined_by_lines_and_said_so() {
    let terms = terms(5_000.0, 0.1);
    let flat = quotes_of(&terms, (-1.0, 1.0), 0.01, |_| 0.004);
    let few: Vec<SmileQuote> = flat.iter().copied().step_by(15).collect();
    let fit = fit_smile(&terms, &few).unwrap();
    assert_eq!((fit.kind, fit.quotes), (SmileKind::Points, 5));
    assert!((fit.smile.total_variance(-3.0) - 0.004).abs() < 1e-12 && fit.worst < 1e-9);
    // All on one side of the forward: a curve would be a guess on the other.
    let above: Vec<SmileQuote> = flat.iter().copied().filter(|q| q.strike > 5_000.0).collect();
    assert_eq!(fit_smile(&terms, &above).unwrap().kind, SmileKind::Points);
    assert_eq!(fit_smile(&terms, &[]), Err(SmileError::NoQuotes));
    let at_end = ExpiryTerms::new(5_000.0, 0.0, 1.0).unwrap();
    assert_eq!(fit_smile(&at_end, &flat), Err(SmileError::NoTime));
    let mut wrong = flat;
    wrong[3].bid_vol = f64::NAN;
    assert!(matches!(fit_smile(&terms, &wrong), Err(SmileError::Input(_))));
}

#[test]
fn parameters_that_are_no_smile_are_refused() {
    assert_eq!(Svi::new(0.01, -0.1, 0.0, 0.0, 0.1), Err(SviError::Range));
    assert_eq!(Svi::new(0.01, 0.1, 1.1, 0.0, 0.1), Err(SviError::Range));
    assert_eq!(Svi::new(f64::NAN, 0.1, 0.0, 0.0, 0.1), Err(SviError::Range));
    assert_eq!(Svi::new(0.01, 0.1, 0.0, 0.0, 0.0), Err(SviError::Range));
    assert_eq!(Svi::new(0.01, 1.5, 0.5, 0.0, 0.1), Err(SviError::SteepWing));
    assert_eq!(
        Svi::new(-0.2, 0.1, 0.0, 0.0, 0.1),
        Err(SviError::NegativeVariance)
    );
}

#[test]
fn quotes_that_say_nothing_are_passed_over() {
    let terms = ExpiryTerms::new(5_000.0, 0.1, 0.99).unwrap();
    let quote = |right, strike, bid, ask| OptionQuote {
        right,
        strike,
        bid,
        ask,
    };
    let quotes = [
        quote(Right::Call, 5_100.0, 60.0, 61.0),
        quote(Right::Put, 4_900.0, 55.0, 56.0),
        quote(Right::Call, 4_900.0, 150.0, 151.0), // in the money
        quote(Right::Put, 4_000.0, 0.0, 0.05),     // no bid
        quote(Right::Put, 4_100.0, 0.2, 0.2),      // locked
        quote(Right::Put, 4_200.0, 0.3, 0.2),      // crossed
        quote(Right::Put, f64::NAN, 0.2, 0.3),
        quote(Right::Call, 5_200.0, f64::NAN, 3.0),
        quote(Right::Call, 5_300.0, 9_000.0, 9_001.0), // dearer than the forward
    ];
    let smile = otm_smile_quotes(&terms, &quotes);
    let strikes: Vec<f64> = smile.iter().map(|q| q.strike).collect();
    assert_eq!(strikes, [4_900.0, 5_100.0]);
    assert!(
        smile
            .iter()
            .all(|q| q.bid_vol < q.mid_vol && q.mid_vol < q.ask_vol)
    );
}

/// Two expiries whose quotes cross: fitted apart the later falls below the earlier by some vol points, joined it does not.
#[test]
fn a_later_expiry_is_kept_above_the_one_before() {
    let near = terms(5_000.0, 20.0 / 365.0);
    let far = terms(5_010.0, 30.0 / 365.0);
    let low = [0.0003, 0.04, -0.4, 0.01, 0.04];
    let w = |k: f64| svi(low).total_variance(k);
    // The far smile dips below the near one on the put side, within a wide spread.
    let dipped = |k: f64| 1.08 * w(k) * (1.0 - 0.14 * (-((k + 0.08) / 0.04).powi(2)).exp());
    let expiries = [
        (near, quotes_of(&near, (-4.0, 3.0), 0.004, w)),
        (far, quotes_of(&far, (-4.0, 3.0), 0.02, dipped)),
    ];
    let apart = Surface::new(
        expiries
            .iter()
            .map(|(terms, quotes)| alula_pricing::surface::SurfaceSlice {
                terms: *terms,
                fit: fit_smile(terms, quotes).unwrap(),
            })
            .collect(),
    )
    .unwrap();
    let depth = |s: &Surface| {
        s.crossings()
            .iter()
            .filter(|c| c.quoted)
            .map(|c| c.vol_points)
            .fold(0.0, f64::max)
    };
    let (joined, refused) = Surface::fit(&expiries);
    let joined = joined.unwrap();
    assert!(refused.is_empty());
    assert!(depth(&apart) > 0.2, "{}", depth(&apart));
    assert!(depth(&joined) < 0.02, "{}", depth(&joined));
    assert!(joined.slices()[1].fit.rms < 0.6, "{:?}", joined.slices()[1].fit);
}

#[test]
fn total_variance_is_joined_linearly_in_time_at_fixed_moneyness() {
    let level = |years: f64, forward: f64, vol: f64| {
        let terms = terms(forward, years);
        (
            terms,
            quotes_of(&terms, (-3.0, 3.0), 0.002, |_| vol * vol * years),
        )
    };
    let (surface, _) = Surface::fit(&[level(0.1, 5_000.0, 0.2), level(0.3, 5_100.0, 0.15)]);
    let surface = surface.unwrap();
    let close = |got: f64, want: f64| assert!((got - want).abs() < 1e-6, "{got} {want}");
    close(surface.total_variance(-0.05, 0.2), 0.5 * (0.004 + 0.00675));
    close(surface.forward(0.2), (5_000.0_f64 * 5_100.0).sqrt());
    // Outside the expiries the level of the nearest holds.
    close(surface.vol(4_900.0, 5_000.0, 0.01).unwrap(), 0.2);
    close(surface.vol(4_900.0, 5_000.0, 1.0).unwrap(), 0.15);
    assert!(surface.reaches(0.1) && surface.reaches(0.3) && !surface.reaches(0.05) && !surface.reaches(0.31));
    assert!(surface.vol(4_900.0, 5_000.0, 0.0).is_err() && surface.vol(f64::NAN, 5_000.0, 0.1).is_err());
    assert!(surface.crossings().is_empty());
    assert!(Surface::new(Vec::new()).is_none());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever is quoted: the same bits each time, in any order, finite everywhere, wings within Lee's bound.
    #[test]
    fn any_quotes_give_a_sound_smile(
        years in 1e-4..3.0,
        rows in proptest::collection::vec((0.3..3.0, 0.01..2.0, 0.0..0.3), 0..40),
        k in -5.0..5.0,
    ) {
        let terms = terms(100.0, years);
        let mut quotes: Vec<SmileQuote> = rows
            .iter()
            .map(|(moneyness, vol, half): &(f64, f64, f64)| SmileQuote {
                strike: 100.0 * moneyness,
                bid_vol: (vol - half).max(0.0),
                mid_vol: *vol,
                ask_vol: vol + half,
            })
            .collect();
        let fit = fit_smile(&terms, &quotes);
        quotes.reverse();
        let again = fit_smile(&terms, &quotes);
        match (fit, again) {
            (Ok(fit), Ok(again)) => {
                prop_assert_eq!(&fit.smile, &again.smile);
                prop_assert!(fit.smile.total_variance(k) >= 0.0 && fit.smile.total_variance(k).is_finite());
                let numbers = [fit.rms, fit.rms_by_vega, fit.median, fit.worst, fit.inside];
                prop_assert!(numbers.iter().all(|x| x.is_finite() && *x >= 0.0), "{:?}", fit);
                let (left, right) = fit.smile.wing_slopes();
                prop_assert!((0.0..=2.0).contains(&left) && (0.0..=2.0).contains(&right));
            }
            (a, b) => prop_assert_eq!(a.err(), b.err()),
        }
    }
}
