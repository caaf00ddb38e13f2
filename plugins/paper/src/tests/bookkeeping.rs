//! Without latency and bad luck the broker fills as the engine's book does: each leg to the mill, each fee to the micro-dollar.

use super::*;
use alula_book::{
    Book, BookConfig, BookEvent, Execution, FeeSchedule, FillModel, Leg as BookLeg, OrderKind, OrderRequest,
    Package, PositionId, RunId,
};
use alula_market::chain::{ChainSnapshot, ExpiryChain, QuoteColumns};
use alula_market::contract::SettlementValue;
use alula_plugin_sdk::abi::broker::{ExecKind, Execution as Sold, Kind, Word};
use std::collections::BTreeMap;

/// A fixed sequence: `SplitMix64`.
struct Draws(u64);

impl Draws {
    fn below(&mut self, n: i64) -> i64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        i64::try_from((z ^ (z >> 31)) % u64::try_from(n).unwrap()).unwrap()
    }
}

const EXPIRY: &str = "2024-06-21";
const STRIKES: [i64; 8] = [5_000, 5_050, 5_100, 5_150, 5_450, 5_500, 5_550, 5_600];

/// Quotes of one root and expiry, as rows and as the engine's snapshot.
fn market(draws: &mut Draws, at: Instant, root: Root) -> (Vec<Quote>, ChainSnapshot) {
    let mut rows = Vec::new();
    let mut side = |right: Right| {
        let mut columns = QuoteColumns::default();
        for strike in STRIKES {
            let away = match right {
                Right::Put => 5_300 - strike,
                Right::Call => strike - 5_300,
            };
            // Worth less the further away; sometimes nobody bids.
            let mid = (40_000 - away * 110).max(60) + draws.below(900) * 5;
            let half = 25 + draws.below(40) * 5;
            let bid = if draws.below(12) == 0 {
                0
            } else {
                (mid - half).max(5)
            };
            let ask = mid + half;
            let sizes = (
                u32::try_from(draws.below(9)).unwrap(),
                u32::try_from(1 + draws.below(9)).unwrap(),
            );
            columns.bid.push(Price(bid));
            columns.ask.push(Price(ask));
            columns.bid_size.push(sizes.0);
            columns.ask_size.push(sizes.1);
            columns.volume.push(0);
            columns.open_interest.push(0);
            let what = Instrument::Option(option(root, EXPIRY, right, strike));
            rows.push(quote(what, at, (bid, ask), Some(sizes)));
        }
        columns
    };
    let (puts, calls) = (side(Right::Put), side(Right::Call));
    let any = Instrument::Option(option(root, EXPIRY, Right::Put, 5_000));
    let chain = ExpiryChain {
        root,
        expiry: day(EXPIRY),
        settlement: root.settlement(),
        settles_at: any.settles_at().unwrap(),
        last_trade_at: any.last_trade_at().unwrap(),
        strikes: STRIKES.iter().map(|s| Price(s * 1000)).collect(),
        puts,
        calls,
    };
    let snapshot = ChainSnapshot {
        at,
        underlying: "SPX".to_owned(),
        spot: Price(5_300_000),
        expiries: vec![chain],
    };
    (rows, snapshot)
}

fn package(root: Root, legs: &[(Right, i64, i32)]) -> Package {
    let leg = |(right, strike, ratio): &(Right, i64, i32)| BookLeg {
        contract: option(root, EXPIRY, *right, *strike),
        ratio: *ratio,
    };
    Package::new(legs.iter().map(leg).collect()).unwrap()
}

fn legs_of(package: &[BookLeg]) -> Vec<(Instrument, i32)> {
    package
        .iter()
        .map(|l| (Instrument::Option(l.contract), l.ratio))
        .collect()
}

/// The book's fill and the broker's say the same.
fn same(book: &Execution, sold: &[Sold]) {
    let mut paid: BTreeMap<Instrument, (i64, i64)> = BTreeMap::new();
    for e in sold {
        assert_eq!(e.kind, ExecKind::Trade);
        let what = crate::account::instrument(&e.contract).unwrap();
        let row = paid.entry(what).or_default();
        row.0 += e.quantity;
        row.1 += e.quantity * e.price_e9;
    }
    assert_eq!(paid.len(), book.legs.len());
    for leg in &book.legs {
        let (quantity, e9) = paid[&Instrument::Option(leg.contract)];
        assert_eq!(quantity, i64::from(leg.ratio) * i64::from(book.lots), "{leg:?}");
        assert_eq!(
            e9,
            -leg.points.share.0 * i64::from(book.lots) * 1_000_000,
            "{leg:?}"
        );
    }
    let fees: i64 = sold.iter().map(|e| e.fee_e9.unwrap()).sum();
    assert_eq!(Usd(fees / MICRO), book.fees.total());
}

struct Pair {
    book: Book,
    broker: Connection,
    next: u32,
    at: Instant,
    fills: usize,
    _folder: tempfile::TempDir,
}

impl Pair {
    fn new(fill: &str, fees: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let book = Book::new(BookConfig {
            run: RunId(1),
            capital: Usd::parse("100000").unwrap(),
            fills: FillModel::parse(fill).unwrap(),
            fees: FeeSchedule::named(fees).unwrap(),
            same_bar: false,
            settle_approximate: false,
        });
        let mut broker = open(folder.path(), &[("fill", fill), ("fees", fees)]);
        let at = Instant::from_eastern(day("2024-06-03"), 10, 0).unwrap();
        broker.quotes(ns(at), &[]).unwrap();
        Self {
            book,
            broker,
            next: 0,
            at,
            fills: 0,
            _folder: folder,
        }
    }

    /// Orders the same of both.
    fn order(&mut self, kind: OrderKind, legs: &[BookLeg], lots: u32, limit: Option<Price>) -> bool {
        let request = OrderRequest {
            key: "test.open".into(),
            structure: "test".into(),
            kind,
            lots,
            limit,
            decided_at: self.at,
            good_for: 1_000,
        };
        if self.book.submit(request).is_err() {
            return false;
        }
        self.next += 1;
        let sent = order(&format!("order-{}", self.next), &legs_of(legs), lots, limit);
        assert_eq!(self.broker.submit(&sent), Submitted::Sent);
        true
    }

    fn round(&mut self, rows: &[Quote], snapshot: &ChainSnapshot) {
        self.at = snapshot.at;
        let booked: Vec<Execution> = self
            .book
            .on_snapshot(snapshot)
            .into_iter()
            .filter_map(|e| {
                if let BookEvent::Filled(e) = e {
                    Some(e)
                } else {
                    None
                }
            })
            .collect();
        self.broker.quotes(ns(snapshot.at), rows).unwrap();
        let mut sold: Vec<Sold> = Vec::new();
        for event in poll(&mut self.broker) {
            if let Event::Filled(e) = event {
                sold.push(e);
            }
        }
        for execution in &booked {
            let id = format!("order-{}", execution.order.as_ref().unwrap().sequence + 1);
            let own: Vec<Sold> = sold
                .iter()
                .filter(|e| e.order.as_deref() == Some(&id))
                .cloned()
                .collect();
            same(execution, &own);
            sold.retain(|e| e.order.as_deref() != Some(&id));
            self.fills += 1;
        }
        assert_eq!(sold, [], "the broker filled what the book did not");
    }

    fn positions(&self) -> Vec<(PositionId, Package, u32)> {
        let open = self
            .book
            .positions()
            .filter(|p| self.book.working_on(p.id).is_none());
        open.map(|p| (p.id, p.held().unwrap().clone(), p.lots)).collect()
    }
}

/// Condors and odd packages opened, closed and rolled at random on random quotes.
fn random_walk(fill: &str, fees: &str, seed: u64) -> usize {
    use Right::{Call, Put};
    let (mut draws, mut pair) = (Draws(seed), Pair::new(fill, fees));
    let shapes: [&[(Right, i64, i32)]; 4] = [
        &[
            (Put, 5_050, 1),
            (Put, 5_100, -1),
            (Call, 5_500, -1),
            (Call, 5_550, 1),
        ],
        &[(Put, 5_000, 2), (Put, 5_100, -1)],
        &[(Call, 5_500, -3), (Call, 5_600, 5)],
        &[(Put, 5_100, -1)],
    ];
    let to = package(
        Root::Spxw,
        &[
            (Put, 5_000, 1),
            (Put, 5_100, -1),
            (Call, 5_500, -1),
            (Call, 5_600, 1),
        ],
    );
    for round in 0..40 {
        let held = pair.positions();
        let lots = u32::try_from(1 + draws.below(7)).unwrap();
        match (draws.below(4), held.first()) {
            (0, Some((id, package, lots))) => {
                let flipped = package.flipped();
                pair.order(OrderKind::Close { position: *id }, flipped.legs(), *lots, None);
            }
            (1, Some((id, package, lots))) if package.legs().len() == 4 => {
                let legs = to.change_from(package);
                let roll = OrderKind::Roll {
                    position: *id,
                    to: to.clone(),
                };
                pair.order(roll, &legs, *lots, None);
            }
            // Only one order at a time, so that none that fills makes the other one cross.
            _ if pair.book.orders().is_empty() => {
                let shape = shapes[usize::try_from(draws.below(4)).unwrap()];
                let package = package(Root::Spxw, shape);
                // The book refuses what would shrink another position; a broker nets it.
                if pair.book.conflicts(&package).is_empty() {
                    let limit = (draws.below(3) == 0).then(|| Price(draws.below(8_000) - 2_000));
                    let legs = package.legs().to_vec();
                    pair.order(OrderKind::Open { package }, &legs, lots, limit);
                }
            }
            _ => {}
        }
        let at = Instant(pair.at.0 + if round % 9 == 8 { 86_400 } else { 900 });
        let (rows, snapshot) = market(&mut draws, at, Root::Spxw);
        pair.round(&rows, &snapshot);
    }
    // Expiry: the book and the broker settle what is left.
    let at = Instant::from_eastern(day(EXPIRY), 16, 15).unwrap();
    let price = Price(5_080_000 + draws.below(500) * 1_000);
    let value = SettlementValue {
        price,
        at,
        approximate: false,
    };
    pair.broker.quotes(ns(at), &[]).unwrap();
    pair.book.settle(at, &|_, _| Some(value)).unwrap();
    let last = FinalValue {
        kind: Kind::Option,
        class: Word::new("SPXW").unwrap(),
        expiry: 20_240_621,
        price_e9: price.0 * 1_000_000,
        approximate: false,
    };
    pair.broker.final_values(ns(at), &[last]).unwrap();
    let rows = snapshot(&mut pair.broker, 9);
    let holdings = rows
        .iter()
        .filter(|e| matches!(e, Event::SnapshotHolding { .. }))
        .count();
    assert_eq!(holdings, 0);
    assert_eq!(cash(&rows), pair.book.cash().share);
    pair.fills
}

#[test]
fn packages_fill_as_in_the_engines_book_under_every_fill_model_and_fee_table() {
    let mut fills = 0;
    for (fill, fees) in [
        ("legs", "ibkr"),
        ("mid", "flat"),
        ("natural", "none"),
        ("share:0.7", "ibkr"),
        ("legs+impact", "flat"),
        ("legs+limited", "ibkr"),
    ] {
        for seed in 0..6 {
            fills += random_walk(fill, fees, seed);
        }
    }
    assert!(fills > 300, "{fills} fills compared");
}
