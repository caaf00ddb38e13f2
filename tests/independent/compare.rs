//! The engine's own run beside the one by hand: every trade, order, position and day, to the mill and the micro-dollar.

use super::chains::Right;
use super::ledger::{Fate, Kind, Numbers, Outcome, Reading, SHARE, Three};
use super::walk::walk;
use super::{by_hand, date, folder, print};
use crate::support::{chain_store, root};
use alula_book::fill::{Trying, price_open};
use alula_book::{Band, Cross, ExecutionKind, FillModel, Leg, Package};
use alula_dsl::compile::compile;
use alula_dsl::graph::Graph;
use alula_dsl::source::NoImports;
use alula_market::contract::{OptionContract, Root};
use alula_market::history::History;
use alula_market::import::{ImportRequest, run};
use alula_market::money::{Price, Usd};
use alula_market::store::StoreHistory;
use alula_market::time::Instant;
use alula_run::{BacktestRequest, Inputs, Mode, RunOutput, backtest};
use chrono::NaiveDate;
use std::sync::Arc;

const RULES: &str = "rules/weekly_condor.alula";

/// Threshold values in the graph's order, canonical scale.
fn values(graph: &Graph, n: Numbers) -> Vec<f64> {
    let value = |name: &str| match name {
        "short_delta" => n.short_delta as f64 / 100.0,
        "risk_share" => n.risk_share as f64 / 10_000.0,
        "profit_target" => n.profit_target as f64 / 100.0,
        "tested_delta" => n.tested_delta as f64 / 100.0,
        other => panic!("the rule has a threshold more: {other}"),
    };
    graph.thresholds.iter().map(|t| value(&t.name)).collect()
}

/// The shipped rule; rolls at any price when its two terms are struck out.
fn rule(rolls_for_credit: bool) -> String {
    let mut text = std::fs::read_to_string(root().join(RULES)).expect("the shipped rule");
    for term in ["require net credit >= $0", "limit 0 pts"] {
        assert_eq!(text.matches(term).count(), 1, "the rule no longer says `{term}`");
        if !rolls_for_credit {
            text = text.replace(term, "");
        }
    }
    text
}

/// The engine's run, with the rule's own thresholds when no others are given.
fn engine(history: &StoreHistory, mode: Mode, numbers: Option<Numbers>) -> RunOutput {
    let text = rule(numbers.is_none_or(|n| n.rolls_for_credit)).into_bytes();
    let compiled = compile("weekly_condor.alula", &text, &NoImports);
    let graph = compiled
        .graph
        .unwrap_or_else(|| panic!("{:?}", compiled.diagnostics));
    let progress = &mut |_| ();
    let mut request = BacktestRequest {
        inputs: Inputs {
            sources: vec![("weekly_condor.alula".to_owned(), text)],
            ..Inputs::default()
        },
        from: Some(date(4, 25)),
        to: Some(date(6, 28)),
        mode,
        ..BacktestRequest::new(Arc::new(graph), history, progress)
    };
    if let Some(numbers) = numbers {
        request.thresholds = values(&request.graph, numbers);
    }
    backtest(request).expect("a run")
}

fn at_snapshot(on: NaiveDate) -> String {
    format!("{on} 15:45 ET")
}

fn mills(b: Band<Price>) -> Three {
    [b.mid.0, b.share.0, b.natural.0]
}

fn micros(b: Band<Usd>) -> Three {
    [b.mid.0, b.share.0, b.natural.0]
}

/// Lines of both sides, which must be equal; names the first that differs and shows both tables.
fn same(what: &str, hand: &[String], engine: &[String], out: &Outcome) {
    if hand == engine {
        return;
    }
    print(out);
    let at = hand
        .iter()
        .zip(engine)
        .position(|(a, b)| a != b)
        .unwrap_or(hand.len().min(engine.len()));
    for (side, lines) in [("by hand", hand), ("engine", engine)] {
        println!("--- {what}, {side}: {} lines", lines.len());
        for (i, line) in lines.iter().enumerate() {
            println!("{} {line}", if i == at { ">" } else { " " });
        }
    }
    panic!(
        "{what} differ at line {at}:\n by hand {:?}\n engine  {:?}",
        hand.get(at),
        engine.get(at)
    );
}

fn trades_by_hand(out: &Outcome) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for t in &out.trades {
        let mut legs: Vec<String> = t
            .fills
            .iter()
            .map(|f| {
                let right = if f.leg.right == Right::Put { "put" } else { "call" };
                let (l, q) = (&f.leg, &f.quote);
                format!(
                    "{:+} SPXW {} {right} {} at {}/{}",
                    l.ratio, l.expiry, l.strike, q.bid, q.ask
                )
            })
            .collect();
        legs.sort();
        let (on, decided, rule) = match t.kind {
            Kind::Settle => {
                let close = format!("{} 16:00 ET", t.on);
                (close.clone(), close, "expiry".to_owned())
            }
            _ => (
                at_snapshot(t.on),
                at_snapshot(t.decided),
                format!("income.{}", t.rule),
            ),
        };
        let what = (t.position, t.kind, t.lots, t.net, t.cash, t.fees);
        lines.push(format!("{on} decided {decided} {rule} {what:?} {legs:?}"));
    }
    lines.sort();
    lines
}

fn trades_of_engine(run: &RunOutput) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for t in &run.trades {
        let mut legs: Vec<String> = t
            .legs
            .iter()
            .map(|l| {
                let (strike, bid, ask) = (l.strike.0, l.bid.0, l.ask.0);
                format!(
                    "{:+} {} {} {} {strike} at {bid}/{ask}",
                    l.ratio, l.root, l.expiry, l.right
                )
            })
            .collect();
        legs.sort();
        let kind = match t.kind {
            ExecutionKind::Open => Kind::Open,
            ExecutionKind::Close => Kind::Close,
            ExecutionKind::Roll => Kind::Roll,
            ExecutionKind::Settle => Kind::Settle,
        };
        // What the legs took in adds up to the net, in each of the three.
        for pick in [
            |b: Band<Price>| b.mid,
            |b: Band<Price>| b.share,
            |b: Band<Price>| b.natural,
        ] {
            assert_eq!(t.legs.iter().map(|l| pick(l.points)).sum::<Price>(), pick(t.net));
        }
        assert!(!t.approximate);
        let what = (t.position, kind, t.lots, mills(t.net), micros(t.cash), t.fees.0);
        lines.push(format!(
            "{} decided {} {} {what:?} {legs:?}",
            t.at, t.decided_at, t.key
        ));
    }
    lines.sort();
    lines
}

fn orders_by_hand(out: &Outcome) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for o in &out.orders {
        let (status, filled) = match o.fate {
            Fate::Filled(on) => (format!("filled {}", at_snapshot(on)), Some(on)),
            Fate::Cancelled => ("cancelled".to_owned(), None),
            Fate::Working => ("working".to_owned(), None),
        };
        // An open's position is the one that it filled.
        let opened = out
            .trades
            .iter()
            .find(|t| t.kind == Kind::Open && Some(t.on) == filled);
        let of = o.of.or(opened.map(|t| t.position));
        lines.push(format!(
            "{} income.{} {of:?} x{} {status}",
            at_snapshot(o.decided),
            o.rule,
            o.lots
        ));
    }
    lines.sort();
    lines
}

fn orders_of_engine(run: &RunOutput) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for o in &run.orders {
        let status = match (o.status.as_str(), o.ended_at) {
            ("filled", Some(at)) => format!("filled {at}"),
            (other, _) => other.to_owned(),
        };
        lines.push(format!(
            "{} {} {:?} x{} {status}",
            o.decided_at, o.key, o.position, o.lots
        ));
    }
    lines.sort();
    lines
}

fn positions_by_hand(out: &Outcome) -> Vec<String> {
    let line = |p: &super::ledger::Position| {
        let closed = p.closed.map(|(on, by)| match by {
            "expiry" => (format!("{on} 16:00 ET"), by.to_owned()),
            _ => (at_snapshot(on), format!("income.{by}")),
        });
        // What no price can change any more: all of it when closed; fees alone when never rolled.
        let realized = match (p.open(), p.rolls) {
            (false, _) => Some(p.pnl()),
            (true, 0) => Some([-p.fees; 3]),
            _ => None,
        };
        let what = (p.lots, p.credit, p.pnl(), p.fees, p.rolls);
        format!(
            "#{} opened {} closed {closed:?} {what:?} realized {realized:?}",
            p.number,
            at_snapshot(p.opened)
        )
    };
    out.positions.iter().map(line).collect()
}

fn positions_of_engine(run: &RunOutput) -> Vec<String> {
    let line = |p: &alula_run::output::PositionRow| {
        let closed = p.closed_at.map(|at| (at.to_string(), p.closed_by.clone()));
        let known = closed.is_some() || p.rolls == 0;
        let realized = known.then(|| micros(p.realized));
        let what = (p.lots, micros(p.credit), micros(p.pnl), p.fees.0, p.rolls);
        format!(
            "#{} opened {} closed {closed:?} {what:?} realized {realized:?}",
            p.number, p.opened_at
        )
    };
    run.positions.iter().map(line).collect()
}

fn days_by_hand(out: &Outcome) -> Vec<String> {
    let line = |d: &super::ledger::DayEnd| {
        let what = (
            d.equity,
            d.drawdown,
            d.cash,
            d.fees,
            d.positions,
            Some(d.underlying),
        );
        format!("{} {what:?}", at_snapshot(d.date))
    };
    out.days.iter().map(line).collect()
}

fn days_of_engine(run: &RunOutput) -> Vec<String> {
    let line = |d: &alula_run::output::DailyRow| {
        let money = (micros(d.equity), micros(d.drawdown), micros(d.cash));
        let what = (
            money.0,
            money.1,
            money.2,
            d.fees.0,
            d.positions,
            d.underlying.map(|u| u.0),
        );
        assert!(!d.stale_marks, "{}", d.at);
        format!("{} {what:?}", d.at)
    };
    run.daily.iter().map(line).collect()
}

fn assert_same(run: &RunOutput, out: &Outcome) {
    same("trades", &trades_by_hand(out), &trades_of_engine(run), out);
    same("orders", &orders_by_hand(out), &orders_of_engine(run), out);
    same(
        "positions",
        &positions_by_hand(out),
        &positions_of_engine(run),
        out,
    );
    let hand: Vec<String> = out
        .at_snapshot
        .iter()
        .map(|(on, e)| format!("{} {}", at_snapshot(*on), e[SHARE]))
        .collect();
    let ticks: Vec<String> = run
        .ticks
        .iter()
        .map(|t| format!("{} {}", t.at, t.equity.0))
        .collect();
    same("ticks", &hand, &ticks, out);
    same("days", &days_by_hand(out), &days_of_engine(run), out);
    let last = run.daily.last().expect("days");
    assert_eq!(micros(last.equity), out.last_equity);
}

#[test]
fn the_engine_trades_the_shipped_condor_as_a_hand_does() {
    let Some((data, out)) = by_hand() else { return };
    let Some(folder) = folder() else { return };
    let dir = tempfile::tempdir().expect("a folder");
    let history = chain_store(&folder, &dir.path().join("store"));
    let run = engine(&history, Mode::Batch, None);
    assert_same(&run, out);
    assert_same(&engine(&history, Mode::Streaming, None), out);

    // The same days were read, and the same left out.
    let ticks: Vec<NaiveDate> = run.ticks.iter().map(|t| t.at.date()).collect();
    assert_eq!(ticks, data.days.iter().map(|d| d.date).collect::<Vec<_>>());
    assert_eq!(
        run.manifest.gaps,
        [(5, 10), (5, 17), (6, 14), (6, 17), (6, 18)].map(|(m, d)| date(m, d))
    );
    assert!(
        history
            .manifest()
            .refused
            .iter()
            .any(|r| format!("{r:?}").contains("20190527"))
    );
    assert!(!run.manifest.simulated);
}

/// Other thresholds, and rolls at any price, lead where the shipped rule does not go: more lots, wings that another condor
/// holds short, legs that exercise alone prices, a roll refused because no outcome could justify its quotes.
#[test]
fn with_other_numbers_the_engine_trades_as_a_hand_does_too() {
    let Some((data, _)) = by_hand() else { return };
    let Some(folder) = folder() else { return };
    let dir = tempfile::tempdir().expect("a folder");
    let history = chain_store(&folder, &dir.path().join("store"));
    let mut notes: Vec<String> = Vec::new();
    for (short_delta, risk_share, profit_target, tested_delta, rolls_for_credit) in [
        (16, 200, 65, 40, false),
        (25, 1_000, 10, 60, false),
        (20, 700, 65, 60, true),
        (13, 450, 10, 20, false),
        (10, 1_000, 95, 30, true),
        (30, 400, 65, 20, true),
        (16, 200, 65, 40, true),
        (30, 25, 65, 40, true),
    ] {
        let numbers = Numbers {
            short_delta,
            risk_share,
            profit_target,
            tested_delta,
            rolls_for_credit,
        };
        println!("{numbers:?}");
        let out = walk(data, numbers, Reading::default());
        assert_same(&engine(&history, Mode::Batch, Some(numbers)), &out);
        if out.trades.iter().any(|t| t.lots > 5) {
            notes.push("more than five lots".to_owned());
        }
        notes.extend(out.notes);
    }
    for seen in [
        "more than five lots",
        "held the other way round",
        "can ever be worth",
        "no lot is affordable",
        "under a tenth",
        "tested of Some(",
        "not now: it costs",
        "not filled: it costs",
    ] {
        assert!(notes.iter().any(|n| n.contains(seen)), "{seen}: {notes:#?}");
    }
}

/// The data's page says natural credit 7.90 and mid 8.42 (8.425) for 2775/2825/3015/3065 of 2019-04-30 to 05-31.
#[test]
fn the_store_and_the_book_see_the_condor_that_the_data_page_describes() {
    let Some(folder) = folder() else { return };
    let one_day = tempfile::tempdir().expect("a folder");
    let store = one_day.path().join("store");
    let file = folder.join("spx_chain_2019/SPX_20190430.csv.gz");
    run(&ImportRequest::new(vec![file], store.clone()), &mut ()).expect("an import");
    let history = StoreHistory::open(&store).expect("the store");
    let at = Instant::from_eastern(date(4, 30), 15, 45).expect("an instant");
    let snapshot = history.snapshot("SPX", at).expect("the snapshot");
    let leg = |ratio, right, strike| {
        let contract = OptionContract {
            root: Root::Spxw,
            expiry: date(5, 31),
            right,
            strike: Price(strike),
        };
        Leg { contract, ratio }
    };
    let condor = Package::new(vec![
        leg(-1, alula_market::contract::Right::Put, 2_825_000),
        leg(1, alula_market::contract::Right::Put, 2_775_000),
        leg(-1, alula_market::contract::Right::Call, 3_015_000),
        leg(1, alula_market::contract::Right::Call, 3_065_000),
    ])
    .expect("a condor");
    let model = FillModel::fixed(Cross::from_f64(0.6).expect("a share"));
    let priced = price_open(&condor, &snapshot, Trying { model, lots: 1 }).expect("a price");
    // 60% of the half-spreads: 8.425 - 0.3 * (0.30 + 0.30 + 0.30 + 0.15) = 8.11, down to a nickel: 8.10.
    assert_eq!(mills(priced.net), [8_425, 8_100, 7_900]);
}
