//! Books whose orders fill elsewhere.

use super::properties::{Events, a_config, days, model, play, play_told};
use super::support::*;
use crate::{
    Answer, AnswerError, Band, Book, BookEvent, CancelReason, Fees, NoFill, OrderId, OrderKind, PositionId,
    Told, TradedLeg,
};
use alula_market::chain::ChainSnapshot;
use alula_market::contract::{OptionContract, Right, Root};
use alula_market::money::{Price, Usd};
use proptest::prelude::*;
use std::sync::Arc;

const EXPIRY: &str = "2019-05-31";
const DECIDED: &str = "2019-04-30";
const NEXT: &str = "2019-05-01";

/// What an ordinary book said, as a broker would.
fn answers(events: &[BookEvent]) -> Vec<Answer> {
    let answer = |event: &BookEvent| match event {
        BookEvent::Filled(e) => Some(Answer {
            order: e.order.clone()?,
            told: Told::Filled {
                lots: e.lots,
                // In another order than the book's own.
                legs: e
                    .legs
                    .iter()
                    .rev()
                    .map(|l| TradedLeg {
                        contract: l.contract,
                        points: l.points.share,
                    })
                    .collect(),
                fees: Some(e.fees),
            },
        }),
        BookEvent::Waiting { order, reason, .. } => Some(Answer {
            order: order.clone(),
            told: Told::Waiting(*reason),
        }),
        BookEvent::Cancelled { order, reason, .. } => Some(Answer {
            order: order.clone(),
            told: Told::Ended(reason.clone()),
        }),
        BookEvent::Settled(_) => None,
    };
    events.iter().filter_map(answer).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    /// Every fill model, opens, closes, rolls, parts, waits, cancellations and settlements.
    #[test]
    fn a_book_told_what_an_ordinary_one_did_ends_equal_to_it(days in days(), model in model()) {
        let mut log: Events = Vec::new();
        let inside = play(&days, a_config(model), true, |events| log.push(events.to_vec()));
        let mut told = log.iter();
        let mut outside = play_told(&days, a_config(model), |book: &mut Book, snapshot: &ChainSnapshot| {
            assert_eq!(book.on_snapshot(snapshot), Vec::new());
            let events = told.next().unwrap();
            let said: Vec<BookEvent> =
                answers(events).iter().map(|a| book.answer(snapshot, a).unwrap()).collect();
            assert_eq!(&said, events);
            // An ordinary book has none left of those that have had their snapshots.
            assert_eq!(book.overdue().count(), 0);
        });
        outside.audit().unwrap();
        outside.outside = false;
        prop_assert_eq!(&inside, &outside);
    }

    /// Whatever price is told, however far from the quotes, or without any: the books add up and the bands are in order.
    #[test]
    fn any_price_told_keeps_every_invariant(
        open in prop::collection::vec(-60_000..60_000i64, 4),
        close in prop::collection::vec(-60_000..60_000i64, 4),
        quoted in prop::collection::vec(any::<bool>(), 8),
        lots in 1..4u32,
    ) {
        let (mut book, order) = with_order(3);
        let snapshot = seen(NEXT, &quoted[..4]);
        book.on_snapshot(&snapshot);
        let event = book.answer(&snapshot, &filled(&order, lots.min(3), &open, None)).unwrap();
        let BookEvent::Filled(fill) = event else { panic!("{event:?}") };
        prop_assert!(fill.net.is_ordered());
        prop_assert_eq!(fill.net.share, open.iter().map(|p| Price(*p)).sum());
        book.mark(&snapshot);
        book.check().unwrap();
        let close_it = OrderKind::Close { position: fill.position };
        let order = book.submit(request(close_it, lots.min(3), snapshot.at)).unwrap();
        let snapshot = seen("2019-05-02", &quoted[4..]);
        book.on_snapshot(&snapshot);
        let event = book.answer(&snapshot, &filled(&order, lots.min(3), &close, Some(usd("7.13")))).unwrap();
        prop_assert!(matches!(event, BookEvent::Filled(_)));
        book.check().unwrap();
        book.audit().unwrap();
        let points: i64 = open.iter().chain(&close).sum();
        let dollars = Usd(points * 1_000 * 100 * i64::from(lots.min(3)));
        prop_assert_eq!(book.cash().share - config().capital, dollars - usd("7.13"));
    }
}

/// A book with an order for condors, to be filled elsewhere.
fn with_order(lots: u32) -> (Book, OrderId) {
    let mut book = Book::new(config()).outside();
    let kind = OrderKind::Open {
        package: condor(EXPIRY),
    };
    let order = book.submit(request(kind, lots, tick_on(DECIDED))).unwrap();
    (book, order)
}

/// The condor's quotes, those that are there.
fn seen(date: &str, quoted: &[bool]) -> ChainSnapshot {
    let rows: Vec<Row> = condor_rows(EXPIRY)
        .into_iter()
        .zip(quoted)
        .filter_map(|(row, there)| there.then_some(row))
        .collect();
    chain(tick_on(date), 2943, &rows)
}

fn filled(order: &OrderId, lots: u32, points: &[i64], fee: Option<Usd>) -> Answer {
    let package = condor(EXPIRY);
    let legs = package.legs().iter().zip(points).map(|(l, p)| TradedLeg {
        contract: l.contract,
        points: Price(*p),
    });
    Answer {
        order: order.clone(),
        told: Told::Filled {
            lots,
            legs: legs.collect(),
            fees: fee.map(|commission| Fees {
                commission,
                ..Fees::ZERO
            }),
        },
    }
}

#[test]
fn a_fill_told_is_what_was_paid_with_the_quotes_around_it() {
    let (mut book, order) = with_order(2);
    let snapshot = seen(NEXT, &[true, true, true, false]);
    assert_eq!(book.on_snapshot(&snapshot), Vec::new());
    // Bought at 9.25, above the ask of 9.20; sold at 14.20, between; sold at 4.35, above the middle of 4.30; no quote for the last.
    let told = filled(&order, 1, &[-9_250, 14_200, 4_350, -900], Some(usd("2.50")));
    let BookEvent::Filled(fill) = book.answer(&snapshot, &told).unwrap() else {
        panic!()
    };
    let band = |mid, share, natural| Band {
        mid: Price(mid),
        share: Price(share),
        natural: Price(natural),
    };
    let points: Vec<Band<Price>> = fill.legs.iter().map(|l| l.points).collect();
    assert_eq!(
        points,
        [
            band(-9_100, -9_250, -9_250),
            band(14_200, 14_200, 14_000),
            band(4_350, 4_350, 4_200),
            band(-900, -900, -900),
        ]
    );
    // -9.25 + 14.20 + 4.35 - 0.90 = 8.40 points of 100 dollars, less 2.50.
    assert_eq!(fill.cash.share, usd("840"));
    assert_eq!(book.cash().share, usd("250837.50"));
    // One of two is left, and has had its only snapshot.
    assert_eq!(book.overdue().map(|o| o.request.lots).collect::<Vec<_>>(), [1]);
    let over = Told::Ended(CancelReason::Outside(Arc::from("expired")));
    let event = book.answer(&snapshot, &Answer { order, told: over }).unwrap();
    assert!(matches!(event, BookEvent::Cancelled { .. }));
    assert!(book.orders().is_empty());
    book.check().unwrap();
    book.audit().unwrap();
}

/// Changes the legs that are told.
type Change<'a> = &'a dyn Fn(&mut Vec<TradedLeg>);

/// Refuses an answer, and is as before.
fn refuses(book: &mut Book, snapshot: &ChainSnapshot, answer: &Answer) -> AnswerError {
    let before = book.clone();
    let error = book.answer(snapshot, answer).unwrap_err();
    assert_eq!(*book, before);
    error
}

#[test]
fn answers_that_do_not_fit_are_refused_and_change_nothing() {
    let (mut book, order) = with_order(2);
    let snapshot = seen(NEXT, &[true; 4]);
    book.on_snapshot(&snapshot);
    let fair = [-9_100, 14_150, 4_300, -950];
    let good = filled(&order, 1, &fair, None);
    let with = |change: Change<'_>| {
        let mut answer = good.clone();
        if let Told::Filled { legs, .. } = &mut answer.told {
            change(legs);
        }
        answer
    };
    for lots in [0, 3, u32::MAX] {
        let error = refuses(&mut book, &snapshot, &filled(&order, lots, &fair, None));
        assert!(matches!(error, AnswerError::Lots { left: 2, .. }), "{error}");
    }
    let other: OptionContract = contract(Root::Spxw, EXPIRY, Right::Put, 2770);
    let wrong: [Change<'_>; 4] = [
        &|legs| legs.truncate(3),
        &|legs| legs.extend_from_within(..1),
        &|legs| legs[0] = legs[1],
        &|legs| legs[0].contract = other,
    ];
    for change in wrong {
        let error = refuses(&mut book, &snapshot, &with(change));
        assert_eq!(error, AnswerError::Legs(order.clone()));
    }
    for points in [i64::MIN, Book::MAX_TOLD.0 + 1, -Book::MAX_TOLD.0 - 1, i64::MAX] {
        let error = refuses(
            &mut book,
            &snapshot,
            &with(&|legs| legs[2].points = Price(points)),
        );
        assert!(matches!(error, AnswerError::Price { .. }), "{error}");
    }
    let stranger = OrderId {
        sequence: 7,
        ..order.clone()
    };
    let error = refuses(&mut book, &snapshot, &filled(&stranger, 1, &fair, None));
    assert_eq!(error, AnswerError::Unknown(stranger));
    let early = seen("2019-04-29", &[true; 4]);
    assert_eq!(
        refuses(&mut book, &early, &good),
        AnswerError::Early(order.clone())
    );
    let vix = ChainSnapshot {
        underlying: "VIX".to_owned(),
        ..snapshot.clone()
    };
    let error = refuses(&mut book, &vix, &good);
    assert!(matches!(error, AnswerError::Underlying { .. }), "{error}");
    let mut inside = Book::new(config());
    assert_eq!(refuses(&mut inside, &snapshot, &good), AnswerError::Inside);
    // What fits is taken still.
    book.answer(&snapshot, &good).unwrap();
    assert_eq!(book.positions().map(|p| p.lots).collect::<Vec<_>>(), [1]);
}

#[test]
fn a_roll_is_told_whole_and_only_while_its_position_is_there() {
    let (mut book, order) = with_order(2);
    let snapshot = seen(NEXT, &[true; 4]);
    book.on_snapshot(&snapshot);
    book.answer(
        &snapshot,
        &filled(&order, 2, &[-9_100, 14_150, 4_300, -950], None),
    )
    .unwrap();
    let to = legs(
        EXPIRY,
        &[
            (Right::Put, 2775, 1),
            (Right::Put, 2800, -1),
            (Right::Call, 3015, -1),
            (Right::Call, 3065, 1),
        ],
    );
    let kind = OrderKind::Roll {
        position: PositionId(1),
        to,
    };
    let order = book.submit(request(kind, 2, snapshot.at)).unwrap();
    let next = seen("2019-05-02", &[true; 4]);
    let told = |lots| Answer {
        order: order.clone(),
        told: Told::Filled {
            lots,
            legs: [(2825, -14_300), (2800, 11_000)]
                .map(|(k, p)| TradedLeg {
                    contract: contract(Root::Spxw, EXPIRY, Right::Put, k),
                    points: Price(p),
                })
                .to_vec(),
            fees: None,
        },
    };
    book.on_snapshot(&next);
    let error = refuses(&mut book, &next, &told(1));
    assert!(
        matches!(error, AnswerError::PartOfRoll { left: 2, lots: 1, .. }),
        "{error}"
    );
    let waits = Answer {
        order: order.clone(),
        told: Told::Waiting(NoFill::Outside),
    };
    assert!(matches!(
        book.answer(&next, &waits),
        Ok(BookEvent::Waiting { .. })
    ));
    let mut gone = book.clone();
    gone.settle(tick_on("2019-06-03"), &|root, _| {
        Some(settles(root, EXPIRY, "2900"))
    })
    .unwrap();
    // The settlement ended the order with its position.
    let late = seen("2019-06-03", &[]);
    assert_eq!(
        refuses(&mut gone, &late, &told(2)),
        AnswerError::Unknown(order.clone())
    );
    book.answer(&next, &told(2)).unwrap();
    book.check().unwrap();
    book.audit().unwrap();
    let held: Vec<i64> = book
        .positions()
        .flat_map(|p| &p.legs)
        .map(|l| l.contract.strike.0 / 1000)
        .collect();
    assert_eq!(held, [2775, 2800, 3015, 3065]);
}
