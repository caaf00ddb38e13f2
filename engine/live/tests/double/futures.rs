//! Orders for futures that a broker fills when it likes: in pieces, at several prices, legs apart, over days, with corrections. Book
//! and account must hold the same after every snapshot, contract by contract and dollar by dollar, whatever dies in between.

use crate::broker::{Does, Double, Draw, Trial};
use alula_book::instrument::{Flow, LinearPosition};
use alula_core::succession::Orphans;
use alula_live::Happening;
use alula_market::contract::Instrument;
use alula_market::money::Usd;
use alula_market::sim::{SimConfig, SimulatedMarket};

const FUTURES: &str = r#"alula 1

strategy test {
    capital  $500_000
    evaluate every 60m in SPX.regular
    cross    60% of spread
}

structure side = put spread on SPX {
    expiry    nearest 30 dte in 20..45 dte
    short put at 25 delta
    long put  about 50 pts below short put
}

#allow(no-loss-bound) because "a long VX future loses no more than its price"
structure front = future on VX {
    long month 2
}

#allow(no-loss-bound) because "its legs settle apart"
structure curve = future spread on VX {
    long month 2, short month 4
}

policy extra on side {
    open when VIX.last < 90 vol
         size 12 lots

    close late when dte <= 20 dte
}

policy outright on front {
    open when VIX.last < 90 vol
         size 5 lots
         up to 2 positions

    close half when profit >= $500, portion 40%
    roll  next when dte <= 30 to same expiry, recentred
}

policy carry on curve {
    open when VIX.last < 90 vol
         size 3 lots

    close late when dte <= 28 dte
}

#allow(no-loss-bound) because "ES trades the delta back on either side"
overlay flat on side {
    trade ES to delta 0 ± 20 delta
}
"#;

fn market(sessions: u32) -> SimulatedMarket {
    SimulatedMarket::new(SimConfig {
        sessions,
        every_minutes: Some(60),
        ..SimConfig::default()
    })
    .unwrap()
}

fn is_future(order: &alula_live::broker::BrokerOrder) -> bool {
    order
        .legs
        .iter()
        .all(|l| matches!(l.instrument, Instrument::Future(_)))
}

/// What the book holds of a structure: lots and contracts.
fn held(trial: &Trial<'_>, structure: &str) -> Vec<(u32, Vec<i64>)> {
    let of = |p: &LinearPosition| (p.lots, p.held.iter().map(|l| l.quantity).collect());
    let ledger = trial.live.crank().book().ledger();
    let own = ledger.positions().filter(|p| *p.structure == *structure);
    own.map(of).collect()
}

#[test]
fn what_trades_of_an_order_enters_the_book_at_the_next_snapshot_and_pays_variation_from_its_own_price() {
    let history = market(4);
    // One contract of the first order at each snapshot; of all others nothing.
    let double = Double::new(|_, order, _| match &*order.group {
        "front" if order.quantity == 5 => Does::Pieces(vec![1]),
        _ => Does::Waits,
    });
    let mut trial = Trial::new(&history, FUTURES, double);
    assert!(trial.turn());
    assert_eq!(held(&trial, "front"), []);
    for n in 1..=3_usize {
        assert!(trial.turn());
        // The tick that sees the fill decides with it.
        let (lots, contracts) = held(&trial, "front").remove(0);
        assert_eq!((usize::try_from(lots), contracts), (Ok(n), vec![i64::from(lots)]));
        assert_eq!(trial.live.crank().book().ledger().executions().len(), n);
    }
    // To the morning after; what is left of an order goes back when the session ends.
    let session = |t: &Trial<'_>| {
        t.news
            .iter()
            .filter(|n| matches!(n, Happening::Session(_)))
            .count()
    };
    trial.until(|t| session(t) == 2);
    let ledger = trial.live.crank().book().ledger();
    let first: Vec<_> = ledger
        .executions()
        .iter()
        .filter(|e| e.position == ledger.executions()[0].position)
        .collect();
    let traded: Vec<_> = first.iter().filter(|e| e.flow == Flow::Trade).collect();
    let settled: Vec<_> = first.iter().filter(|e| e.flow == Flow::Variation).collect();
    assert_eq!((traded.len(), settled.len()), (5, 1));
    let prices: std::collections::BTreeSet<_> = traded.iter().map(|e| e.price.share).collect();
    assert_eq!(prices.len(), 5, "each at its own price");
    let due: Usd = traded
        .iter()
        .map(|e| (settled[0].price.share - e.price.share).dollars(1_000, 1))
        .sum();
    assert_eq!(settled[0].cash.share, due);
    trial.end(&history);
}

#[test]
fn what_is_left_of_an_order_is_taken_back_at_the_end_of_its_session_and_what_traded_stays() {
    let history = market(4);
    let mut left = 2;
    let double = Double::new(move |_, order, _| {
        if &*order.group == "front" && left > 0 {
            left -= 1;
            return Does::Pieces(vec![1]);
        }
        Does::Waits
    });
    // The broker answers late, and nothing more trades meanwhile.
    double.venue.lock().unwrap().slow = true;
    let mut trial = Trial::new(&history, FUTURES, double);
    trial.until(|t| {
        t.live
            .crank()
            .output()
            .orders
            .iter()
            .any(|o| o.status == "partly filled")
    });
    let rows = &trial.live.crank().output().orders;
    let row = rows.iter().find(|o| o.status == "partly filled").unwrap();
    assert!(row.reason.contains("the rest was taken back"), "{}", row.reason);
    let traded: u32 = held(&trial, "front").iter().map(|(lots, _)| lots).sum();
    assert_eq!(traded, 2);
    trial.end(&history);
}

/// What a broker does with orders, from a seed.
fn by_chance(seed: u64) -> Double {
    let mut draw = Draw(seed);
    let double = Double::new(move |_, order, _| {
        if !is_future(order) {
            return Does::Fills;
        }
        match draw.below(12) {
            0..=2 => Does::Waits,
            3 => Does::Busts(draw.below(order.legs.len())),
            4 => Does::Corrects(draw.below(order.legs.len())),
            5 => Does::Ends,
            6 => Does::Fills,
            _ => Does::Pieces(
                order
                    .legs
                    .iter()
                    .map(|_| i64::try_from(draw.below(3)).unwrap())
                    .collect(),
            ),
        }
    });
    double.venue.lock().unwrap().slow = seed % 2 == 1;
    double
}

/// Histories from seeds; `ALULA_FUTURES_SEEDS` runs more than a few.
#[test]
fn however_futures_trade_book_and_account_stay_one_and_replay_gives_the_same() {
    let history = market(14);
    let seeds = std::env::var("ALULA_FUTURES_SEEDS")
        .ok()
        .and_then(|n| n.parse().ok());
    let (mut trades, mut partly) = (0, 0);
    for seed in 0..seeds.unwrap_or(3_u64) {
        let mut trial = Trial::new(&history, FUTURES, by_chance(seed));
        let mut draw = Draw(seed ^ 0xabcd);
        while trial.turn() {
            if draw.below(40) == 0 && trial.live.next().is_some() {
                trial = trial.killed(&history);
            }
        }
        let output = trial.live.crank().output();
        trades += trial
            .live
            .crank()
            .book()
            .ledger()
            .executions()
            .iter()
            .filter(|e| e.flow == Flow::Trade)
            .count();
        partly += output
            .orders
            .iter()
            .filter(|o| o.status == "partly filled")
            .count();
        trial.end(&history);
    }
    assert!(
        trades > 30 && partly > 1,
        "{trades} trades, {partly} partly filled"
    );
}

#[test]
fn another_strategy_drops_nothing_of_the_futures_that_are_held_or_at_work() {
    let history = market(12);
    // Of every order for futures a contract a snapshot.
    let double = Double::new(|_, order, _| {
        if is_future(order) {
            Does::Pieces(order.legs.iter().map(|_| 1).collect())
        } else {
            Does::Fills
        }
    });
    let mut trial = Trial::new(&history, FUTURES, double);
    trial.until(|t| !t.live.crank().book().ledger().orders().is_empty() && !held(t, "front").is_empty());
    let before = held(&trial, "front");
    // The structure has another name, and its orders are still at work: it waits for a word, and says which.
    let renamed = FUTURES.replace("front", "other");
    let told = trial.offer(&renamed);
    let [Happening::Proposed { digest, open, .. }] = told.as_slice() else {
        panic!("{told:?}");
    };
    assert!(open.contains(&"front".to_owned()), "{open:?}");
    let digest = digest.clone();
    let no = trial.confirm(&digest, None).unwrap_err().to_string();
    assert!(no.contains("of `front` are open"), "{no}");
    trial.confirm(&digest, Some(Orphans::Keep)).unwrap();
    trial.until(|t| t.live.crank().rules_version() == 2);
    // What was at work went on under its own name, and both are held side by side.
    trial.until(|t| held(t, "other").iter().any(|(lots, _)| *lots > 1));
    let kept: u32 = held(&trial, "front").iter().map(|(lots, _)| lots).sum();
    let had: u32 = before.iter().map(|(lots, _)| lots).sum();
    assert!(kept > had, "{kept} after {had}: its order went on");
    let strategies = &trial.live.crank().output().strategies;
    assert!(
        strategies[1].carried.contains("front keep"),
        "{}",
        strategies[1].carried
    );
    // Another exit of the same structure takes the place without a word.
    let again = renamed.replace("profit >= $500", "profit >= $900");
    let told = trial.offer(&again);
    assert!(
        matches!(told.as_slice(), [Happening::Strategy { .. }] | []),
        "{told:?}"
    );
    trial.until(|t| t.live.crank().rules_version() == 3);
    trial.end(&history);
}

#[test]
fn what_an_overlay_holds_is_closed_with_it_or_stands_in_the_way() {
    let history = market(12);
    let double = Double::new(|_, order, _| {
        if is_future(order) {
            Does::Pieces(order.legs.iter().map(|_| 1).collect())
        } else {
            Does::Fills
        }
    });
    let mut trial = Trial::new(&history, FUTURES, double);
    trial.until(|t| !held(t, "flat").is_empty());
    let without = FUTURES
        .split("#allow(no-loss-bound) because \"ES")
        .next()
        .unwrap();
    let told = trial.offer(without);
    let [Happening::Proposed { digest, open, .. }] = told.as_slice() else {
        panic!("{told:?}");
    };
    assert!(open.contains(&"flat".to_owned()), "{open:?}");
    let digest = digest.clone();
    // Nothing would ever close what an overlay holds.
    let told = trial.confirm(&digest, Some(Orphans::Keep)).unwrap();
    let [Happening::Rejected(no)] = told.as_slice() else {
        panic!("{told:?}");
    };
    assert!(no.to_string().contains("which nothing would close"), "{no}");
    trial.offer(without);
    trial.confirm(&digest, Some(Orphans::Close)).unwrap();
    trial.until(|t| t.live.crank().rules_version() == 2);
    trial.until(|t| held(t, "flat").is_empty());
    for _ in 0..10 {
        assert!(trial.turn());
        assert_eq!(held(&trial, "flat"), []);
    }
    trial.end(&history);
}
