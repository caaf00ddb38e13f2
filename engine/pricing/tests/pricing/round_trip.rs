//! A price made from a vol gives that vol back.

use alula_pricing::chain::{self, RowStatus};
use alula_pricing::{ExpiryTerms, Right};

/// What the last place of the in-the-money price hides: the vol cannot be known better than its rounding over vega.
fn hidden(terms: &ExpiryTerms, right: Right, strike: f64, vol: f64) -> f64 {
    if right.intrinsic(terms.forward(), strike) <= 0.0 {
        return 0.0;
    }
    let vega = 100.0 * terms.greeks(right, strike, vol).unwrap().vega;
    16.0 * f64::EPSILON * terms.forward().max(strike) / (vega * vol)
}

/// To 1e-10 of the vol for every price from 1e-8 points up, one by one and in columns; in the money (where a price is mostly
/// intrinsic value) to what the price's own last place leaves. No price fails.
#[test]
fn vols_come_back_to_a_part_in_ten_billion_down_to_prices_of_a_hundred_millionth() {
    let (mut worst_one, mut worst_column, mut tried): (f64, f64, u32) = (0.0, 0.0, 0);
    let mut least = f64::INFINITY;
    for forward in [17.35, 5_000.0, 6_543.21] {
        for years in [2.0 / 525_600.0, 1.0 / 365.0, 0.02, 45.0 / 365.0, 0.5, 2.0] {
            for vol in [0.05, 0.11, 0.2, 0.45, 1.3, 3.0] {
                let terms = ExpiryTerms::new(forward, years, (-0.04 * years).exp()).unwrap();
                for right in [Right::Put, Right::Call] {
                    let (mut strikes, mut prices) = (Vec::new(), Vec::new());
                    for step in -84..=84 {
                        let strike = forward
                            * (0.1 * f64::from(step) * vol * terms.sqrt_years())
                                .clamp(-3.0, 3.0)
                                .exp();
                        let price = terms.price(right, strike, vol).unwrap();
                        if price >= 1e-8
                            && price < 0.999 * terms.discount() * forward.min(strike).max(price.min(1.0))
                        {
                            strikes.push(strike);
                            prices.push(price);
                        }
                    }
                    let (mut vols, mut status) =
                        (vec![0.0; strikes.len()], vec![RowStatus::Ok; strikes.len()]);
                    chain::implied_vols(&terms, right, &strikes, &prices, &mut vols, &mut status).unwrap();
                    for (i, (strike, price)) in strikes.iter().zip(&prices).enumerate() {
                        let hidden = hidden(&terms, right, *strike, vol);
                        if hidden > 1e-2 {
                            continue;
                        }
                        let row = (forward, years, vol, right, *strike, *price);
                        let one = terms
                            .implied_vol(right, *strike, *price)
                            .unwrap_or_else(|e| panic!("{row:?}: {e}"));
                        assert!(status[i].is_ok(), "{row:?}");
                        let (one, column) = ((one / vol - 1.0).abs(), (vols[i] / vol - 1.0).abs());
                        assert!(
                            one <= 1e-10 + hidden && column <= 1e-10 + hidden,
                            "{row:?}: {one:e} {column:e} {hidden:e}"
                        );
                        if hidden == 0.0 {
                            worst_one = worst_one.max(one);
                            worst_column = worst_column.max(column);
                            least = least.min(*price);
                        }
                        tried += 1;
                    }
                }
            }
        }
    }
    println!(
        "{tried} prices, the least {least:.1e}; out of the money: one by one {worst_one:.1e}, columns {worst_column:.1e}"
    );
    assert!(tried > 20_000 && least < 2e-8);
}
