//! Which contracts a structure becomes, on a chain whose answers can be worked out by hand.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "tests may fail loudly, and their numbers are small"
)]

use alula_core::analytics::SnapshotView;
use alula_core::decision::PickError;
use alula_core::select::{NoPick, pick};
use alula_core::value::{Cause, Cell};
use alula_dsl::ast::{Direction, Right as AstRight, Side};
use alula_dsl::builtin::Instrument;
use alula_dsl::graph::{
    ExpiryOnly, ExpiryPick, LegDef, NodeId, OffsetAmount, StrikeAnchor, StrikePick, StructureDef,
};
use alula_dsl::span::Span;
use alula_market::calendar::ExchangeCalendar;
use alula_market::chain::{ChainSnapshot, ExpiryChain, QuoteColumns};
use alula_market::contract::{OptionContract, Right, Root};
use alula_market::money::Price;
use alula_market::time::{Date, Instant};
use std::sync::Arc;

const SPOT: f64 = 2900.0;
const VOL: f64 = 0.20;

fn date(m: u32, d: u32) -> Date {
    Date::from_ymd_opt(2019, m, d).unwrap()
}

/// Monday 3 June 2019, 15:45.
fn now() -> Instant {
    Instant::from_eastern(date(6, 3), 15, 45).unwrap()
}

fn years(root: Root, expiry: Date) -> f64 {
    let settles = ExchangeCalendar::nyse().settles_at(root, expiry).unwrap();
    (settles.0 - now().0) as f64 / (365.0 * 86400.0)
}

/// Strikes 2500 to 3300 by 10, flat vol, zero rate, quotes 0.10 wide around the model price to the mill.
fn chain(root: Root, expiry: Date) -> ExpiryChain {
    let calendar = ExchangeCalendar::nyse();
    let strikes: Vec<i64> = (250..=330).map(|k| k * 10).collect();
    let column = |right| {
        let mut q = QuoteColumns::default();
        for k in &strikes {
            let price = alula_pricing::price(right, SPOT, *k as f64, years(root, expiry), VOL, 1.0).unwrap();
            let mid = (price * 1000.0).round() as i64;
            q.bid.push(Price((mid - 50).max(0)));
            q.ask.push(Price(mid + 50));
        }
        q
    };
    ExpiryChain {
        root,
        expiry,
        settlement: root.settlement(),
        settles_at: calendar.settles_at(root, expiry).unwrap(),
        last_trade_at: calendar.last_trade_at(root, expiry).unwrap(),
        puts: column(alula_pricing::Right::Put),
        calls: column(alula_pricing::Right::Call),
        strikes: strikes.iter().map(|k| Price(k * 1000)).collect(),
    }
}

fn view(chains: &[(Root, Date)]) -> SnapshotView {
    let expiries = chains.iter().map(|(r, d)| chain(*r, *d)).collect();
    let spot = Price::from_f64(SPOT).unwrap();
    let snapshot = ChainSnapshot {
        at: now(),
        underlying: "SPX".to_owned(),
        spot,
        expiries,
    };
    SnapshotView::new(Arc::new(snapshot), Some(0.0))
}

/// Amounts by node number.
fn amounts(values: &'static [f64]) -> impl Fn(NodeId) -> Cell {
    move |id| Cell::number_or(values.get(id.0 as usize).copied(), Cause::Stale)
}

fn nearest(dte: u32, window: Option<(u32, u32)>, only: Option<ExpiryOnly>) -> ExpiryPick {
    ExpiryPick::Nearest {
        dte: NodeId(dte),
        window: window.map(|(a, b)| (NodeId(a), NodeId(b))),
        only,
    }
}

fn leg(name: &str, side: Side, right: AstRight, strike: StrikePick, expiry: &ExpiryPick) -> LegDef {
    LegDef {
        name: name.to_owned(),
        side,
        right: Some(right),
        ratio: 1,
        strike,
        expiry: expiry.clone(),
        month: None,
        span: Span::default(),
    }
}

fn structure(legs: Vec<LegDef>) -> StructureDef {
    StructureDef {
        key: "s".to_owned(),
        shape: "legs".to_owned(),
        underlying: Instrument::Spx,
        legs,
        defined_risk: false,
        span: Span::default(),
    }
}

/// The strike that one short leg gets.
fn strike(right: AstRight, pick_by: StrikePick, values: &'static [f64]) -> Result<i64, NoPick> {
    // Node 9 is the days to expiry.
    let legs = vec![leg("short", Side::Short, right, pick_by, &nearest(9, None, None))];
    let package = pick(
        &structure(legs),
        &view(&[(Root::Spxw, date(6, 28))]),
        &amounts(values),
    )?;
    Ok(package.legs()[0].contract.strike.0 / 1000)
}

const AMOUNTS: &[f64] = &[0.16, 12.0, 0.03, 1.5, 0.999, 4000.0, 25.0, 50.0, 5.0, 25.0];

#[test]
fn a_delta_is_found_where_the_formula_says() {
    // |delta| = N(-d1) = 0.16 for the put, so d1 = 0.994457883 (NormalInv(0.84)) and K = F exp(-d1 s + s²/2), s = vol √T.
    let s = VOL * years(Root::Spxw, date(6, 28)).sqrt();
    let put = SPOT * (-0.994_457_883 * s + s * s / 2.0).exp();
    let call = SPOT * (0.994_457_883 * s + s * s / 2.0).exp();
    let to_ten = |k: f64| (k / 10.0).round() as i64 * 10;
    assert_eq!(
        strike(AstRight::Put, StrikePick::Delta(NodeId(0)), AMOUNTS),
        Ok(to_ten(put))
    );
    assert_eq!(
        strike(AstRight::Call, StrikePick::Delta(NodeId(0)), AMOUNTS),
        Ok(to_ten(call))
    );
    let deep = strike(
        AstRight::Call,
        StrikePick::Delta(NodeId(4)),
        &[0.0, 0.0, 0.0, 0.0, 0.999_999_99, 0.0, 0.0, 0.0, 0.0, 25.0],
    );
    assert!(matches!(
        deep.unwrap_err().reason,
        PickError::DeltaNotReachable { .. }
    ));
}

#[test]
fn premium_distance_and_deviation() {
    let t = years(Root::Spxw, date(6, 28));
    let by_premium = strike(AstRight::Put, StrikePick::Premium(NodeId(1)), AMOUNTS).unwrap();
    let price =
        |k: i64| alula_pricing::price(alula_pricing::Right::Put, SPOT, k as f64, t, VOL, 1.0).unwrap();
    let miss = |k: i64| (price(k) - 12.0).abs();
    assert!(miss(by_premium) <= miss(by_premium - 10) && miss(by_premium) <= miss(by_premium + 10));
    // 3% out of the money: 2813 and 2987.
    assert_eq!(
        strike(AstRight::Put, StrikePick::Otm(NodeId(2)), AMOUNTS),
        Ok(2810)
    );
    assert_eq!(
        strike(AstRight::Call, StrikePick::Otm(NodeId(2)), AMOUNTS),
        Ok(2990)
    );
    // 1.5 standard deviations, F vol √T each.
    let level = SPOT - 1.5 * SPOT * VOL * t.sqrt();
    let sd = strike(AstRight::Put, StrikePick::Sd(NodeId(3)), AMOUNTS).unwrap();
    assert!((sd as f64 - level).abs() <= 5.0, "{sd} for {level}");
    assert_eq!(strike(AstRight::Call, StrikePick::Spot, AMOUNTS), Ok(2900));
    assert_eq!(strike(AstRight::Call, StrikePick::Forward, AMOUNTS), Ok(2900));
    let far = strike(AstRight::Call, StrikePick::Formula(NodeId(5)), AMOUNTS).unwrap_err();
    assert_eq!(far.reason, PickError::StrikeNotListed { wanted: 4000.0 });
}

#[test]
fn a_tie_goes_to_the_strike_further_from_the_money() {
    let at = |right| {
        strike(
            right,
            StrikePick::Formula(NodeId(0)),
            &[2905.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 25.0],
        )
    };
    assert_eq!(at(AstRight::Put), Ok(2900));
    assert_eq!(at(AstRight::Call), Ok(2910));
}

#[test]
fn a_width_in_points_is_a_promise_and_about_is_not() {
    let wing = |amount: u32, exact: bool| {
        let expiry = nearest(9, None, None);
        let offset = StrikePick::Offset {
            amount: OffsetAmount::Points(NodeId(amount)),
            direction: Direction::Below,
            anchor: StrikeAnchor::Leg(0),
            exact,
        };
        let legs = vec![
            leg("short put", Side::Short, AstRight::Put, StrikePick::Spot, &expiry),
            leg("long put", Side::Long, AstRight::Put, offset, &expiry),
        ];
        let package = pick(
            &structure(legs),
            &view(&[(Root::Spxw, date(6, 28))]),
            &amounts(AMOUNTS),
        )?;
        Ok::<i64, NoPick>(package.legs()[1].contract.strike.0 / 1000)
    };
    assert_eq!(wing(7, true), Ok(2850));
    let refused = wing(6, true).unwrap_err();
    assert_eq!(
        (refused.leg.as_str(), refused.reason),
        ("long put", PickError::StrikeNotListed { wanted: 2875.0 })
    );
    assert_eq!(wing(6, false), Ok(2870));
    // Five points below would round back to the short strike or to the next one down; never to the short strike itself.
    assert_eq!(wing(8, false), Ok(2890));
}

#[test]
fn expiries_by_nearness_window_settlement_and_cycle() {
    let chains = [
        (Root::Spxw, date(6, 14)),
        (Root::Spx, date(6, 21)),
        (Root::Spxw, date(6, 21)),
        (Root::Spxw, date(6, 28)),
    ];
    let choose = |values: &'static [f64], window: Option<(u32, u32)>, only: Option<ExpiryOnly>| {
        let legs = vec![leg(
            "short put",
            Side::Short,
            AstRight::Put,
            StrikePick::Spot,
            &nearest(0, window, only),
        )];
        let package = pick(&structure(legs), &view(&chains), &amounts(values)).map_err(|e| e.reason)?;
        let c = package.legs()[0].contract;
        Ok::<_, PickError>((c.root, c.expiry))
    };
    // 11, 18 and 25 days are listed: 14.5 is as near to 11 as to 18, and the earlier one is taken.
    assert_eq!(choose(&[14.5], None, None), Ok((Root::Spxw, date(6, 14))));
    assert_eq!(choose(&[15.0], None, None), Ok((Root::Spxw, date(6, 21))));
    assert_eq!(
        choose(&[15.0], None, Some(ExpiryOnly::Am)),
        Ok((Root::Spx, date(6, 21)))
    );
    assert_eq!(
        choose(&[25.0], None, Some(ExpiryOnly::Monthly)),
        Ok((Root::Spxw, date(6, 21)))
    );
    assert_eq!(
        choose(&[18.0, 20.0, 30.0], Some((1, 2)), None),
        Ok((Root::Spxw, date(6, 28)))
    );
    let none = choose(&[45.0, 38.0, 52.0], Some((1, 2)), None);
    assert_eq!(none, Err(PickError::NoExpiryInWindow { lo: 38.0, hi: 52.0 }));
    assert_eq!(choose(&[], None, None), Err(PickError::Amount(Cause::Stale)));
}

#[test]
fn a_contract_has_one_delta_asked_for_alone_with_others_or_with_its_whole_side() {
    let chains = [(Root::Spxw, date(6, 14)), (Root::Spxw, date(6, 28))];
    let (alone, together, side) = (view(&chains), view(&chains), view(&chains));
    let contracts: Vec<OptionContract> = [Right::Put, Right::Call]
        .into_iter()
        .flat_map(|right| (250..=330).step_by(3).map(move |k| (right, k)))
        .map(|(right, k)| OptionContract {
            root: Root::Spxw,
            expiry: date(6, 28),
            right,
            strike: Price(k * 10_000),
        })
        .collect();
    together.prepare(contracts.iter().rev());
    for contract in &contracts {
        let one = alone.greeks(contract).unwrap();
        assert_eq!(Ok(one), together.greeks(contract), "{contract}");
        let (chain, analytics) = side.of(contract).unwrap();
        let points = analytics.points(chain, contract.right);
        // The cheapest quotes have mids that no vol gives: they are no points, and their greeks are those of exercise.
        if let Some(point) = points.iter().find(|p| p.strike == contract.strike) {
            assert_eq!(one.delta.to_bits(), point.delta.to_bits(), "{contract}");
        }
    }
}

#[test]
fn a_mid_below_intrinsic_value_has_the_delta_of_certain_exercise() {
    let mut snapshot = (*view(&[(Root::Spxw, date(6, 28))]).snapshot).clone();
    let put = |strike: i64| OptionContract {
        root: Root::Spxw,
        expiry: date(6, 28),
        right: Right::Put,
        strike: Price(strike * 1000),
    };
    let quotes = &mut snapshot.expiries[0];
    let at = |strike: i64| usize::try_from((strike - 2500) / 10).unwrap();
    // 400 points in the money, offered two points below that.
    (quotes.puts.bid[at(3300)], quotes.puts.ask[at(3300)]) = (Price(397_900), Price(398_000));
    // No put is worth more than its strike.
    (quotes.puts.bid[at(2500)], quotes.puts.ask[at(2500)]) = (Price(2_600_000), Price(2_600_100));
    (quotes.puts.bid[at(2510)], quotes.puts.ask[at(2510)]) = (Price(0), Price(0));
    let view = SnapshotView::new(Arc::new(snapshot), Some(0.0));
    let greeks = view.greeks(&put(3300)).unwrap();
    assert_eq!((greeks.delta, greeks.gamma, greeks.vega), (-1.0, 0.0, 0.0));
    assert!((greeks.price - 400.0).abs() < 0.2, "{greeks:?}");
    assert_eq!(view.greeks(&put(2500)), Err(Cause::NoQuote));
    assert_eq!(view.greeks(&put(2510)), Err(Cause::NoQuote));
    assert_eq!(view.greeks(&put(2515)), Err(Cause::NotListed));
}

#[test]
fn an_iron_condor_keeps_its_sold_put_at_or_below_its_sold_call() {
    // Two sold legs of more than fifty deltas: the put's strike lies above the call's, and both could be lost.
    let made = |shape: &str, put: u32, call: u32| {
        let expiry = nearest(9, None, None);
        let mut of = structure(vec![
            leg(
                "short put",
                Side::Short,
                AstRight::Put,
                StrikePick::Delta(NodeId(put)),
                &expiry,
            ),
            leg(
                "short call",
                Side::Short,
                AstRight::Call,
                StrikePick::Delta(NodeId(call)),
                &expiry,
            ),
        ]);
        of.shape = shape.to_owned();
        let view = view(&[(Root::Spxw, date(6, 28))]);
        pick(
            &of,
            &view,
            &amounts(&[0.16, 0.7, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 25.0]),
        )
    };
    assert!(made("iron condor", 0, 0).is_ok());
    assert_eq!(
        made("iron condor", 1, 1).unwrap_err().reason,
        PickError::SidesCross
    );
    assert!(made("legs", 1, 1).is_ok());
}
