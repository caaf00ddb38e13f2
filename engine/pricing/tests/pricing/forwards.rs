//! Forwards and discounts by parity.

use alula_pricing::{
    ExpiryTerms, ForwardError, ForwardOptions, ParityQuote, Right, box_discount, parity_forward,
};

fn chain(forward: f64, years: f64, rate: f64) -> (ExpiryTerms, Vec<ParityQuote>) {
    let terms = ExpiryTerms::with_rate(forward, years, rate).unwrap();
    let quotes = (0..41)
        .map(|i| {
            let strike = 2_800.0 + 5.0 * f64::from(i);
            let mid = |right| terms.price(right, strike, 0.14).unwrap();
            ParityQuote {
                strike,
                call: mid(Right::Call),
                put: mid(Right::Put),
            }
        })
        .collect();
    (terms, quotes)
}

#[test]
fn clean_quotes_give_back_forward_and_rate() {
    let (terms, quotes) = chain(2_926.17, 45.0 / 365.0, 0.0242);
    let found = parity_forward(&quotes, terms.discount(), ForwardOptions::default()).unwrap();
    assert!((found.forward - 2_926.17).abs() < 1e-9, "{found:?}");
    assert!(found.dispersion < 1e-9);
    assert_eq!((found.strikes_used, found.strike_atm), (7, 2_925.0));
    let boxed = box_discount(&quotes, terms.years()).unwrap();
    assert!((boxed.rate - 0.0242).abs() < 1e-9, "{boxed:?}");
    assert_eq!(boxed.boxes, 20);
}

#[test]
fn stale_quotes_do_not_move_the_forward() {
    let (terms, mut quotes) = chain(2_926.17, 45.0 / 365.0, 0.0242);
    let clean = parity_forward(&quotes, terms.discount(), ForwardOptions::default()).unwrap();
    // Yesterday's put at the money and a call of another day beside it.
    quotes[26].put += 9.0;
    quotes[24].call -= 14.0;
    quotes.reverse();
    let found = parity_forward(&quotes, terms.discount(), ForwardOptions::default()).unwrap();
    assert!((found.forward - clean.forward).abs() < 1e-9, "{found:?}");
    assert!(found.deviation_max > 5.0);
    assert!(found.dispersion < 1e-9);
}

#[test]
fn the_order_of_the_quotes_does_not_matter() {
    let (terms, mut quotes) = chain(2_926.17, 7.0 / 365.0, 0.0242);
    for (i, q) in quotes.iter_mut().enumerate() {
        q.call += [0.05, -0.1, 0.0, 0.15][i % 4];
    }
    let straight = parity_forward(&quotes, terms.discount(), ForwardOptions::default()).unwrap();
    quotes.rotate_left(17);
    assert_eq!(
        parity_forward(&quotes, terms.discount(), ForwardOptions::default()).unwrap(),
        straight
    );
    quotes.reverse();
    assert_eq!(
        parity_forward(&quotes, terms.discount(), ForwardOptions::default()).unwrap(),
        straight
    );
}

#[test]
fn too_few_strikes_are_said_so() {
    let none = parity_forward(&[], 1.0, ForwardOptions::default());
    assert_eq!(none, Err(ForwardError::TooFewStrikes { found: 0, needed: 1 }));
    let unsound = ParityQuote {
        strike: 3_000.0,
        call: f64::NAN,
        put: 1.0,
    };
    let (_, quotes) = chain(2_926.17, 0.1, 0.02);
    let options = ForwardOptions {
        strikes_max: 5,
        strikes_min: 3,
    };
    let few = parity_forward(&[quotes[25], unsound, quotes[26]], 1.0, options);
    assert_eq!(
        few.unwrap_err().to_string(),
        "2 strikes have both a put and a call quoted, 3 are needed"
    );
    assert!(matches!(
        box_discount(&quotes[..3], 0.1),
        Err(ForwardError::TooFewStrikes { found: 3, .. })
    ));
    assert!(matches!(box_discount(&quotes, 0.0), Err(ForwardError::Input(_))));
    assert!(matches!(
        parity_forward(&quotes, f64::NAN, options),
        Err(ForwardError::Input(_))
    ));
}
