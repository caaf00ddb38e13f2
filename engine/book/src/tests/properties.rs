//! Random orders over random chains keep every promise.

use super::support::*;
use crate::{
    Band, Book, BookConfig, BookEvent, Execution, FeeSchedule, FillModel, Leg, OrderKind, OrderRequest,
    Package, PositionId, RunId,
};
use alula_market::chain::ChainSnapshot;
use alula_market::contract::{Right, Root, SettlementValue};
use alula_market::money::{Price, Usd};
use alula_market::time::{Date, Instant};
use proptest::prelude::*;
use std::sync::Arc;

const STRIKES: [i64; 5] = [2800, 2850, 2900, 2950, 3000];
const SERIES: [(Root, &str); 3] = [
    (Root::Spxw, "2019-05-10"),
    (Root::Spx, "2019-05-17"),
    (Root::Spxw, "2019-05-17"),
];
const DAYS: [&str; 14] = [
    "2019-05-01",
    "2019-05-02",
    "2019-05-03",
    "2019-05-06",
    "2019-05-07",
    "2019-05-08",
    "2019-05-09",
    "2019-05-10",
    "2019-05-13",
    "2019-05-14",
    "2019-05-15",
    "2019-05-16",
    "2019-05-17",
    "2019-05-20",
];

/// A leg drawn at random: series, right, strike, ratio.
type RandomLeg = (usize, bool, usize, i32);

/// What happens on one day.
#[derive(Clone, Debug)]
pub enum Act {
    Open(Vec<RandomLeg>, u32, u32),
    Close(usize, u32),
    Roll(usize, Vec<RandomLeg>),
    Rest,
}

fn legs_of() -> impl Strategy<Value = Vec<RandomLeg>> {
    let ratio = prop_oneof![Just(-2), Just(-1), Just(1), Just(2)];
    prop::collection::vec((0..SERIES.len(), any::<bool>(), 0..STRIKES.len(), ratio), 1..5)
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (legs_of(), 1..5u32, 1..3u32).prop_map(|(l, lots, good)| Act::Open(l, lots, good)),
        3 => (0..4usize, 1..5u32).prop_map(|(n, lots)| Act::Close(n, lots)),
        2 => (0..4usize, legs_of()).prop_map(|(n, l)| Act::Roll(n, l)),
        2 => Just(Act::Rest),
    ]
}

/// Per day: what is decided, the index, and a seed for the quotes.
pub fn days() -> impl Strategy<Value = Vec<(Act, Act, i64, u64)>> {
    prop::collection::vec((act(), act(), 2_700..3_100i64, any::<u64>()), DAYS.len())
}

fn package(of: &[RandomLeg]) -> Option<Package> {
    let leg = |&(series, put, strike, ratio): &RandomLeg| {
        let (root, expiry) = SERIES[series];
        let right = if put { Right::Put } else { Right::Call };
        Leg {
            contract: contract(root, expiry, right, STRIKES[strike]),
            ratio,
        }
    };
    Package::new(of.iter().map(leg).collect()).ok()
}

/// Quotes near intrinsic with noise: sometimes missing, locked, crossed or without a bid.
fn quotes(date: &str, spot: i64, mut seed: u64) -> ChainSnapshot {
    let mut draw = |n: i64| {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        i64::try_from(seed >> 33).unwrap() % n
    };
    let mut rows = Vec::new();
    for (root, expiry) in SERIES {
        if day(expiry) < day(date) || (root == Root::Spx && day(expiry) == day(date)) {
            continue;
        }
        for strike in STRIKES {
            for right in [Right::Put, Right::Call] {
                let inside = if right == Right::Put {
                    strike - spot
                } else {
                    spot - strike
                }
                .max(0);
                let bid = (inside * 20 + draw(400)) * 50;
                let (bid, ask) = match draw(12) {
                    0 => (0, 0),
                    1 => (bid, bid),
                    2 => (bid + 50, bid),
                    3 => (0, 50 * (1 + draw(3))),
                    _ => (bid, bid + 50 * (1 + draw(40))),
                };
                rows.push((contract(root, expiry, right, strike), bid, ask));
            }
        }
    }
    let mut snapshot = chain(tick_on(date), spot, &rows);
    for expiry in &mut snapshot.expiries {
        let n = expiry.strikes.len();
        for side in [&mut expiry.puts, &mut expiry.calls] {
            side.bid_size = (0..n).map(|_| u32::try_from(draw(7)).unwrap()).collect();
            // Sometimes the data have no sizes on a side.
            let shown = draw(4) > 0;
            side.ask_size = (0..n)
                .map(|_| u32::try_from(draw(7)).unwrap())
                .filter(|_| shown)
                .collect();
        }
    }
    snapshot
}

/// Any fill model.
pub fn model() -> impl Strategy<Value = FillModel> {
    let share = prop_oneof![
        3 => (0..=1000u32).prop_map(|m| format!("share:{}", f64::from(m) / 1000.0)),
        1 => Just("legs".to_owned()),
        1 => Just("mid".to_owned()),
        1 => Just("natural".to_owned()),
    ];
    let depth = prop_oneof![
        Just(""),
        Just("+impact"),
        Just("+impact:6"),
        Just("+limited:3"),
        Just("+limited")
    ];
    (share, depth).prop_map(|(share, depth)| FillModel::parse(&format!("{share}{depth}")).unwrap())
}

fn settlement(root: Root, expiry: Date, spots: &[i64]) -> SettlementValue {
    let at = DAYS.iter().position(|d| day(d) == expiry).unwrap();
    settles(root, DAYS[at], &format!("{}.17", spots[at]))
}

fn request_of(book: &Book, act: &Act, at: Instant) -> Option<OrderRequest> {
    let nth = |n: usize| {
        book.positions()
            .nth(n)
            .map(|p| (p.id, p.lots, p.structure.clone()))
    };
    let (kind, lots, good_for, structure) = match act {
        Act::Rest => return None,
        Act::Open(legs, lots, good) => {
            let structure = Arc::from(if legs.len() % 2 == 0 { "core" } else { "wings" });
            (
                OrderKind::Open {
                    package: package(legs)?,
                },
                *lots,
                *good,
                structure,
            )
        }
        Act::Close(n, lots) => {
            let (position, held, structure) = nth(*n)?;
            (OrderKind::Close { position }, (*lots).min(held), 2, structure)
        }
        Act::Roll(n, legs) => {
            let (position, held, structure) = nth(*n)?;
            (
                OrderKind::Roll {
                    position,
                    to: package(legs)?,
                },
                held,
                1,
                structure,
            )
        }
    };
    Some(OrderRequest {
        structure,
        good_for,
        ..request(kind, lots, at)
    })
}

/// Events of each snapshot.
pub type Events = Vec<Vec<BookEvent>>;

/// Plays with a book that fills its orders itself, and shows what it says at each snapshot.
pub fn play(
    days: &[(Act, Act, i64, u64)],
    config: BookConfig,
    check: bool,
    mut look: impl FnMut(&[BookEvent]),
) -> Book {
    play_in(days, Book::new(config), check, |book, snapshot| {
        let events = book.on_snapshot(snapshot);
        look(&events);
        events
    })
}

/// Plays with a book that is told what becomes of its orders.
pub fn play_told(
    days: &[(Act, Act, i64, u64)],
    config: BookConfig,
    mut tell: impl FnMut(&mut Book, &ChainSnapshot),
) -> Book {
    play_in(days, Book::new(config).outside(), true, |book, snapshot| {
        tell(book, snapshot);
        Vec::new()
    })
}

fn play_in(
    days: &[(Act, Act, i64, u64)],
    mut book: Book,
    check: bool,
    mut fill: impl FnMut(&mut Book, &ChainSnapshot) -> Vec<BookEvent>,
) -> Book {
    let spots: Vec<i64> = days.iter().map(|d| d.2).collect();
    for (date, (first, second, spot, seed)) in DAYS.iter().zip(days) {
        let snapshot = quotes(date, *spot, *seed);
        book.settle(snapshot.at, &|root, expiry| {
            Some(settlement(root, expiry, &spots))
        })
        .unwrap();
        for event in fill(&mut book, &snapshot) {
            if let BookEvent::Filled(fill) = event {
                assert!(fill.net.is_ordered());
                assert!(fill.decided_at < fill.at);
                let sum: Band<Price> = fill.legs.iter().map(|l| l.points).sum();
                assert_eq!(sum, fill.net);
                within_quotes(&fill);
            }
        }
        book.mark(&snapshot);
        for act in [first, second] {
            if let Some(request) = request_of(&book, act, snapshot.at) {
                let _refused = book.submit(request);
            }
        }
        if check {
            book.check().unwrap();
        }
        for position in book.positions().chain(book.closed()) {
            let legs = position.legs.iter().map(|l| Leg {
                contract: l.contract,
                ratio: l.ratio,
            });
            assert_eq!(position.held(), Package::new(legs.collect()).ok().as_ref());
        }
    }
    book
}

/// A package never beats its quotes, whatever the model: natural, worked out here from bids and asks, is the worst, mid
/// the best, and no leg is outside its own.
fn within_quotes(fill: &Execution) {
    let mut natural = Price::ZERO;
    for leg in &fill.legs {
        let (n, side) = (
            i64::from(leg.ratio),
            if leg.ratio > 0 { leg.ask } else { leg.bid },
        );
        natural += side.times(-n);
        assert!(leg.points.is_ordered(), "{leg:?}");
        assert_eq!(leg.points.natural, side.times(-n));
        assert_eq!(leg.points.mid, Price(-n * (leg.bid.0 + leg.ask.0) / 2));
    }
    assert!(fill.net.share >= natural, "{fill:?}");
    assert!(fill.net.is_ordered());
}

pub fn a_config(fills: FillModel) -> BookConfig {
    BookConfig {
        fills,
        fees: FeeSchedule::named("ibkr").unwrap(),
        run: RunId(1),
        ..config()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn every_invariant_holds_and_equal_inputs_make_equal_books(days in days(), model in model()) {
        let config = a_config(model);
        let book = play(&days, config.clone(), true, |_| {});
        book.audit().unwrap();
        // Past the last expiry everything is cash, and the band is in order for every position.
        prop_assert_eq!(book.positions().count(), 0);
        prop_assert_eq!(book.equity(), book.cash());
        for position in book.closed() {
            prop_assert!(position.pnl().is_ordered());
            prop_assert_eq!(position.realized(), position.pnl());
        }
        let mut again = play(&days, config, true, |_| {});
        again.check().unwrap();
        prop_assert_eq!(&book, &again);
    }

    #[test]
    fn fees_are_the_sum_of_every_orders_fees(days in days()) {
        let config = a_config(FillModel::parse("share:0.6").unwrap());
        let schedule = config.fees.clone();
        let book = play(&days, config, false, |_| {});
        let mut sum = Usd::ZERO;
        for trade in book.trades() {
            if trade.order.is_none() {
                prop_assert_eq!(trade.fees.total(), Usd::ZERO);
                continue;
            }
            sum += trade.fees.total();
            // Every contract pays at least clearing and the regulatory fee; no order pays less than its minimum.
            let contracts: i64 =
                trade.legs.iter().map(|l| i64::from(l.ratio.abs()) * i64::from(trade.lots)).sum();
            prop_assert!(trade.fees.clearing + trade.fees.regulatory >= Usd(46_850).times(contracts));
            prop_assert!(trade.fees.commission >= schedule.commission_min);
        }
        prop_assert_eq!(book.fees(), sum);
        let flows: Usd = book.trades().iter().map(|t| t.cash.share).sum();
        prop_assert_eq!(book.equity().share - config_capital() - book.market_value().share, flows - sum);
    }

    /// Same-time settlements: the order of legs, of positions' orders and of the days on which the driver looks in
    /// makes no difference to the money.
    #[test]
    fn same_time_settlements_commute(
        legs in legs_of().prop_shuffle(),
        spot in 2_700..3_100i64,
        value in 2_600_000..3_200_000i64,
        turn in any::<bool>(),
    ) {
        let mut reversed = legs.clone();
        reversed.reverse();
        let (Some(a), Some(b)) = (package(&legs), package(&reversed)) else { return Ok(()) };
        let rows: Vec<Row> = a.legs().iter().map(|l| (l.contract, 50_000, 50_100)).collect();
        let finish = |first: &Package, second: &Package, late: bool| {
            let mut book = Book::new(config());
            for (package, lots) in [(first, 1), (second, 2)] {
                let kind = OrderKind::Open { package: package.clone() };
                book.submit(request(kind, lots, tick_on("2019-04-30"))).unwrap();
            }
            book.on_snapshot(&chain(tick_on("2019-05-01"), spot, &rows));
            let values = |root: Root, expiry: Date| Some(SettlementValue {
                price: Price(value),
                ..settles(root, &expiry.to_string(), "0")
            });
            if !late {
                for date in ["2019-05-10", "2019-05-17"] {
                    book.settle(tick_on(date), &values).unwrap();
                }
            }
            book.settle(tick_on("2019-05-20"), &values).unwrap();
            book.check().unwrap();
            let pnl: Vec<(PositionId, Band<Usd>)> = {
                let mut v: Vec<_> = book.closed().iter().map(|p| (p.id, p.pnl())).collect();
                v.sort_by_key(|(id, _)| *id);
                v
            };
            (book.equity(), pnl)
        };
        prop_assert_eq!(finish(&a, &b, turn), finish(&b, &a, !turn));
    }
}

fn config_capital() -> Usd {
    config().capital
}

#[test]
fn random_plays_reach_fills_rolls_closes_and_settlements() {
    use crate::ExecutionKind::{Close, Open, Roll, Settle};
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut counts = std::collections::BTreeMap::new();
    let mut bounded = 0;
    for _ in 0..300 {
        let days = days().new_tree(&mut runner).unwrap().current();
        let book = play(
            &days,
            a_config(FillModel::parse("share:0.6").unwrap()),
            true,
            |_| {},
        );
        for trade in book.trades() {
            *counts.entry(trade.kind).or_insert(0) += 1;
        }
        bounded += book.closed().iter().filter(|p| p.worst.is_some()).count();
    }
    for kind in [Open, Close, Roll, Settle] {
        assert!(counts.get(&kind).is_some_and(|n| *n >= 50), "{counts:?}");
    }
    assert!(bounded >= 50, "{bounded}");
}
