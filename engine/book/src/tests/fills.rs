//! What a package costs.

use super::support::*;
use crate::fill::{NoFill, Trying, price_close, price_open, price_roll};
use crate::package::{round_against, tick};
use crate::{
    Band, Book, BookConfig, BookEvent, CancelReason, Cross, FillModel, OrderKind, OrderRequest, Package,
    PackageError, PositionId,
};
use alula_market::contract::{Right, Root};
use alula_market::money::Price;

const EXPIRY: &str = "2019-05-31";

fn cross(share: f64) -> Trying {
    let model = FillModel::fixed(Cross::from_f64(share).unwrap());
    Trying { model, lots: 1 }
}

fn trying(model: &str, lots: u32) -> Trying {
    let model = FillModel::parse(model).unwrap();
    Trying { model, lots }
}

#[test]
fn a_condor_fills_between_mid_and_natural_on_the_package_tick() {
    let snapshot = chain(tick_on("2019-04-30"), 2943, &condor_rows(EXPIRY));
    let price = price_open(&condor(EXPIRY), &snapshot, cross(0.7)).unwrap();
    // Mid: -9.10 + 14.15 + 4.30 - 0.95 = 8.40. Natural: -9.20 + 14.00 + 4.20 - 1.10 = 7.90.
    // Half-spreads add up to 0.50; 70 % is 0.35; 8.05 is on the tick.
    assert_eq!(
        price.net,
        Band {
            mid: pts("8.40"),
            share: pts("8.05"),
            natural: pts("7.90")
        }
    );
    // At 69 %: 8.055, rounded against the trader to 8.05; at 71 %: 8.045 becomes 8.00.
    assert_eq!(
        price_open(&condor(EXPIRY), &snapshot, cross(0.69))
            .unwrap()
            .net
            .share,
        pts("8.05")
    );
    assert_eq!(
        price_open(&condor(EXPIRY), &snapshot, cross(0.71))
            .unwrap()
            .net
            .share,
        pts("8.00")
    );
    assert_eq!(
        price_open(&condor(EXPIRY), &snapshot, cross(0.0))
            .unwrap()
            .net
            .share,
        pts("8.40")
    );
    assert_eq!(
        price_open(&condor(EXPIRY), &snapshot, cross(1.0))
            .unwrap()
            .net
            .share,
        pts("7.90")
    );
}

#[test]
fn legs_add_up_to_the_net_and_none_is_worse_than_natural() {
    let snapshot = chain(tick_on("2019-04-30"), 2943, &condor_rows(EXPIRY));
    for millis in 0..=1000 {
        let price = price_open(&condor(EXPIRY), &snapshot, cross(f64::from(millis) / 1000.0)).unwrap();
        let sum: Band<Price> = price.legs.iter().map(|l| l.points).sum();
        assert_eq!(sum, price.net);
        assert!(price.net.is_ordered());
        assert!(
            price.legs.iter().all(|l| l.points.is_ordered()),
            "{millis}: {:?}",
            price.legs
        );
        assert_eq!(price.net.share.0 % 50, 0);
    }
}

#[test]
fn closing_pays_the_spread_again() {
    let snapshot = chain(tick_on("2019-04-30"), 2943, &condor_rows(EXPIRY));
    let price = price_close(&condor(EXPIRY), &snapshot, cross(0.7)).unwrap();
    assert_eq!(
        price.net,
        Band {
            mid: pts("-8.40"),
            share: pts("-8.75"),
            natural: pts("-8.90")
        }
    );
}

#[test]
fn each_bad_quote_has_its_own_reason() {
    let with = |at: usize, bid: i64, ask: i64| {
        let mut rows = condor_rows(EXPIRY);
        rows[at].1 = bid;
        rows[at].2 = ask;
        let snapshot = chain(tick_on("2019-04-30"), 2943, &rows);
        price_open(&condor(EXPIRY), &snapshot, cross(0.7)).unwrap_err()
    };
    let rows = condor_rows(EXPIRY);
    assert_eq!(with(0, 0, 0), NoFill::NoQuote(rows[0].0));
    assert_eq!(with(1, 14_000, 14_000), NoFill::Locked(rows[1].0));
    assert_eq!(with(2, 4_400, 4_200), NoFill::Crossed(rows[2].0));
    assert_eq!(with(2, 0, 50), NoFill::NoBid(rows[2].0));
    let snapshot = chain(tick_on("2019-04-30"), 2943, &rows[..3]);
    assert_eq!(
        price_open(&condor(EXPIRY), &snapshot, cross(0.7)).unwrap_err(),
        NoFill::NoStrike(rows[3].0)
    );
    let other = chain(tick_on("2019-04-30"), 2943, &condor_rows("2019-06-28"));
    assert_eq!(
        price_open(&condor(EXPIRY), &other, cross(0.7)).unwrap_err(),
        NoFill::NoChain(rows[0].0)
    );
}

#[test]
fn a_worthless_long_leg_is_sold_for_nothing_when_closing() {
    let mut rows = condor_rows(EXPIRY);
    rows[3].1 = 0;
    rows[3].2 = 100;
    let snapshot = chain(tick_on("2019-04-30"), 2943, &rows);
    let price = price_close(&condor(EXPIRY), &snapshot, cross(0.7)).unwrap();
    assert_eq!(
        price.legs[3].points,
        Band {
            mid: pts("0.05"),
            share: pts("0"),
            natural: pts("0")
        }
    );
    // Buying a leg without a bid pays the share of its spread like any other.
    let price = price_open(&condor(EXPIRY), &snapshot, cross(0.7)).unwrap();
    assert_eq!(price.legs[3].price.share, pts("0.085"));
}

#[test]
fn a_spread_does_not_trade_for_more_than_its_width() {
    let spread = legs(EXPIRY, &[(Right::Put, 2825, -1), (Right::Put, 2775, 1)]);
    let mut rows = condor_rows(EXPIRY);
    (rows[0].1, rows[0].2) = (100_000, 120_000);
    (rows[1].1, rows[1].2) = (150_000, 180_000);
    let snapshot = chain(tick_on("2019-04-30"), 2700, &rows);
    // Buying it back asks 172 - 102.5..., more than 50 points.
    assert!(matches!(
        price_close(&spread, &snapshot, cross(0.7)),
        Err(NoFill::BeyondPayoff { .. })
    ));
    // At mid it is 55: still beyond. Selling it at 0.7 brings 41: allowed.
    assert!(matches!(
        price_close(&spread, &snapshot, cross(0.0)),
        Err(NoFill::BeyondPayoff { .. })
    ));
    assert!(price_open(&spread, &snapshot, cross(0.7)).is_ok());
}

#[test]
fn a_roll_trades_only_what_changes() {
    use Right::{Call, Put};
    let to = legs(
        EXPIRY,
        &[(Put, 2725, 1), (Put, 2775, -1), (Call, 3015, -1), (Call, 3065, 1)],
    );
    let mut rows = condor_rows(EXPIRY);
    rows.push((contract(Root::Spxw, EXPIRY, Put, 2725), 6_000, 6_200));
    let snapshot = chain(tick_on("2019-04-30"), 2943, &rows);
    let price = price_roll(&condor(EXPIRY), &to, &snapshot, cross(1.0)).unwrap();
    let traded: Vec<(i64, i32)> = price
        .legs
        .iter()
        .map(|l| (l.contract.strike.0 / 1000, l.ratio))
        .collect();
    assert_eq!(traded, [(2775, -2), (2825, 1), (2725, 1)]);
    // Sell two 2775 at 9.00, buy 2825 at 14.30 and 2725 at 6.20.
    assert_eq!(price.net.natural, pts("-2.50"));
}

#[test]
fn ticks_follow_product_price_and_date() {
    let on = day("2024-01-02");
    assert_eq!(tick(Root::Spxw, 4, pts("8.40"), on), pts("0.05"));
    assert_eq!(tick(Root::Spx, 1, pts("2.99"), on), pts("0.05"));
    assert_eq!(tick(Root::Spx, 1, pts("-3.00"), on), pts("0.10"));
    assert_eq!(tick(Root::Xsp, 1, pts("5.00"), on), pts("0.01"));
    assert_eq!(tick(Root::Vix, 2, pts("5.00"), on), pts("0.01"));
    assert_eq!(tick(Root::Vix, 1, pts("5.00"), on), pts("0.05"));
    assert_eq!(tick(Root::Vix, 2, pts("5.00"), day("2019-01-02")), pts("0.05"));
    assert_eq!(round_against(pts("1.049"), pts("0.05")), pts("1.00"));
    assert_eq!(round_against(pts("-1.01"), pts("0.05")), pts("-1.05"));
}

#[test]
fn a_package_is_checked_when_it_is_made() {
    let leg = |strike, ratio| crate::Leg {
        contract: contract(Root::Spxw, EXPIRY, Right::Put, strike),
        ratio,
    };
    let vix = crate::Leg {
        contract: contract(Root::Vix, "2019-06-19", Right::Call, 20),
        ratio: 1,
    };
    assert_eq!(Package::new(vec![]), Err(PackageError::Empty));
    assert_eq!(
        Package::new(vec![leg(2800, 1); 2]),
        Err(PackageError::Twice(leg(2800, 1).contract))
    );
    assert!(matches!(
        Package::new(vec![leg(2800, 0)]),
        Err(PackageError::Ratio { ratio: 0, .. })
    ));
    assert!(matches!(
        Package::new(vec![leg(2800, i32::MIN)]),
        Err(PackageError::Ratio { .. })
    ));
    assert_eq!(
        Package::new(vec![leg(2800, 1), vix]),
        Err(PackageError::Underlyings("SPX", "VIX"))
    );
    let many: Vec<_> = (0..17).map(|n| leg(2800 + n, 1)).collect();
    assert_eq!(Package::new(many.clone()), Err(PackageError::TooMany(17)));
    assert!(Package::new(many[..16].to_vec()).is_ok());
}

/// The condor's chain with 10 contracts shown on every side, but 4 bid for the 2825 put.
fn sized() -> alula_market::chain::ChainSnapshot {
    let mut snapshot = chain(tick_on("2019-04-30"), 2943, &condor_rows(EXPIRY));
    let expiry = &mut snapshot.expiries[0];
    let strikes = expiry.strikes.len();
    for side in [&mut expiry.puts, &mut expiry.calls] {
        side.bid_size = vec![10; strikes];
        side.ask_size = vec![10; strikes];
    }
    expiry.puts.bid_size[1] = 4;
    snapshot
}

/// Half-spreads: 0.10, 0.15, 0.10, 0.15. At 56 % they sum to 0.28: 8.12, on the tick 8.10. A single leg gives up 75 %.
#[test]
fn a_package_gives_up_less_of_its_spreads_than_its_legs_alone() {
    let snapshot = chain(tick_on("2019-04-30"), 2943, &condor_rows(EXPIRY));
    let price = price_open(&condor(EXPIRY), &snapshot, trying("legs", 1)).unwrap();
    assert_eq!(price.net.share, pts("8.10"));
    // 14.00 bid, 14.30 asked: 14.15 less 0.1125 is 14.0375; the tick of one leg from 3.00 up is 0.10.
    let put = legs(EXPIRY, &[(Right::Put, 2825, -1)]);
    let price = price_open(&put, &snapshot, trying("legs", 1)).unwrap();
    assert_eq!(
        (price.legs[0].price.share, price.net.share),
        (pts("14.037"), pts("14.00"))
    );
}

/// Two lots of ten shown: 0.5 + 0.5 × 2/10 = 0.6; of four: 0.5 + 0.5 × 2/4 = 0.75.
#[test]
fn a_larger_order_gives_up_more_until_it_pays_natural() {
    let price = |lots| price_open(&condor(EXPIRY), &sized(), trying("share:0.5+impact", lots)).unwrap();
    let shares: Vec<Price> = price(2).legs.iter().map(|l| l.price.share).collect();
    // Mids 9.10, 14.15, 4.30, 0.95 and half-spreads 0.10, 0.15, 0.10, 0.15.
    assert_eq!(shares, [pts("9.16"), pts("14.037"), pts("4.24"), pts("1.04")]);
    assert_eq!(price(10).net.share, price(10).net.natural);
    assert_eq!(price(5_000).net.share, price(5_000).net.natural);
}

#[test]
fn a_size_that_is_not_shown_is_a_reason_or_the_size_assumed() {
    let snapshot = chain(tick_on("2019-04-30"), 2943, &condor_rows(EXPIRY));
    let first = condor(EXPIRY).legs()[0].contract;
    assert_eq!(
        price_open(&condor(EXPIRY), &snapshot, trying("legs+impact", 1)).unwrap_err(),
        NoFill::NoSize(first)
    );
    assert!(price_open(&condor(EXPIRY), &snapshot, trying("legs+impact:20", 1)).is_ok());
}

fn limited() -> Book {
    Book::new(BookConfig {
        fills: FillModel::parse("share:0.5+limited").unwrap(),
        ..config()
    })
}

fn ten(good_for: u32) -> OrderRequest {
    let package = condor(EXPIRY);
    OrderRequest {
        good_for,
        ..request(OrderKind::Open { package }, 10, tick_on("2019-04-29"))
    }
}

#[test]
fn an_order_fills_as_many_whole_packages_as_are_shown_and_the_rest_is_cancelled() {
    let mut book = limited();
    book.submit(ten(1)).unwrap();
    let events = book.on_snapshot(&sized());
    let [BookEvent::Filled(fill), BookEvent::Cancelled { reason, .. }] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!((fill.lots, reason), (4, &CancelReason::Rest { left: 6 }));
    // Four of four shown pay natural on that leg; the others 0.5 + 0.5 × 4/10 = 0.7 of their half-spreads.
    assert_eq!(fill.legs[1].points.share, pts("14.00"));
    let position = book.positions().next().unwrap();
    assert_eq!((position.lots, position.lots_opened), (4, 4));
    assert!(book.orders().is_empty());
    book.check().unwrap();
}

#[test]
fn what_is_left_of_an_order_works_on_while_it_has_snapshots() {
    let mut book = limited();
    book.submit(ten(3)).unwrap();
    assert_eq!(book.on_snapshot(&sized()).len(), 1);
    assert_eq!(book.orders()[0].request.lots, 6);
    let mut later = sized();
    later.at = tick_on("2019-05-01");
    book.on_snapshot(&later);
    later.at = tick_on("2019-05-02");
    let events = book.on_snapshot(&later);
    assert!(
        matches!(&events[..], [BookEvent::Filled(f)] if f.lots == 2),
        "{events:?}"
    );
    let lots: Vec<u32> = book.positions().map(|p| p.lots).collect();
    assert_eq!(lots, [4, 4, 2]);
    book.audit().unwrap();
}

#[test]
fn a_close_fills_in_part_and_a_roll_whole_or_not_at_all() {
    let mut book = limited();
    let mut open = ten(1);
    open.lots = 4;
    book.submit(open).unwrap();
    book.on_snapshot(&sized());
    let mut later = sized();
    later.at = tick_on("2019-05-01");
    // To close, the 3015 call is bought: three offered.
    later.expiries[0].calls.ask_size[2] = 3;
    let position = PositionId(1);
    let to = legs(EXPIRY, &[(Right::Put, 2775, 1), (Right::Put, 2825, -1)]);
    book.submit(request(
        OrderKind::Roll { position, to },
        4,
        tick_on("2019-04-30"),
    ))
    .unwrap();
    let events = book.on_snapshot(&later);
    let [BookEvent::Cancelled { reason, .. }] = &events[..] else {
        panic!("{events:?}")
    };
    let why = "not filled: the size shown for `SPXW 2019-05-31 C3015` fills 3 of 4";
    assert_eq!(reason.to_string(), why);
    later.at = tick_on("2019-05-02");
    book.submit(request(OrderKind::Close { position }, 4, tick_on("2019-05-01")))
        .unwrap();
    let events = book.on_snapshot(&later);
    assert!(
        matches!(&events[0], BookEvent::Filled(f) if f.lots == 3),
        "{events:?}"
    );
    assert_eq!(book.positions().next().unwrap().lots, 1);
    book.check().unwrap();
}

#[test]
fn a_wing_that_nobody_bids_for_closes_at_zero_and_cannot_be_sold_short() {
    let mut rows = condor_rows(EXPIRY);
    (rows[3].1, rows[3].2) = (0, 50);
    let mut snapshot = chain(tick_on("2019-04-30"), 2943, &rows);
    let expiry = &mut snapshot.expiries[0];
    let strikes = expiry.strikes.len();
    for side in [&mut expiry.puts, &mut expiry.calls] {
        side.bid_size = vec![5; strikes];
        side.ask_size = vec![5; strikes];
    }
    expiry.calls.bid_size[3] = 0;
    let price = price_close(&condor(EXPIRY), &snapshot, trying("legs+limited", 2)).unwrap();
    assert_eq!(
        price.legs[3].price,
        Band {
            mid: pts("0.025"),
            share: pts("0"),
            natural: pts("0")
        }
    );
    let short = legs(EXPIRY, &[(Right::Call, 3065, -1)]);
    let refused = price_open(&short, &snapshot, trying("mid", 1)).unwrap_err();
    assert_eq!(refused, NoFill::NoBid(short.legs()[0].contract));
}
