//! What rules do on a market made by hand.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "tests may fail loudly, and their numbers are small"
)]

mod common;

use alula_run::{ErrorClass, Mode, RunOutput};
use common::{Double, date, flat, run, strategy, told, try_run};

fn open(extra: &str) -> String {
    format!("open when VIX.last < 35 vol size 2 lots {extra}")
}

fn kinds(run: &RunOutput) -> Vec<(String, String)> {
    run.trades
        .iter()
        .map(|t| (t.at.date().to_string(), format!("{:?}", t.kind).to_lowercase()))
        .collect()
}

#[test]
fn an_open_fills_on_the_next_snapshot_and_expires_into_cash() {
    let text = strategy("", &format!("policy p on core {{\n    {}\n}}", open("")));
    let r = run(&text, &flat(22));
    // VIX.last on 3 June is unknown: no VIX close was known before that day's.
    assert_eq!(told(&r, "p.open")[0].1, "skipped");
    assert!(
        told(&r, "p.open")[0].2.contains("unknown (no data)"),
        "{:?}",
        told(&r, "p.open")[0]
    );
    assert_eq!(told(&r, "p.open")[1].1, "ordered");
    assert_eq!(r.trades[0].decided_at.date(), date(2019, 6, 4));
    assert_eq!(r.trades[0].at.date(), date(2019, 6, 5));
    // 21 days after 4 June is 25 June: of 21 and 28 June the 28th is nearer (24 days against 17: 3 against 4).
    assert_eq!(kinds(&r)[1], ("2019-06-28".to_owned(), "settle".to_owned()));
    let credit = r.trades[0].net.share;
    assert!(credit.0 > 0);
    // Flat market: all legs expire worthless and the credit is kept.
    assert_eq!(r.positions[0].pnl.share, credit.dollars(100, 2));
    assert_eq!(r.positions[0].closed_by, "expiry");
}

#[test]
fn up_to_counts_open_positions_and_says_so() {
    let text = strategy(
        "",
        &format!("policy p on core {{\n    {}\n}}", open("up to 2 positions")),
    );
    let r = run(&text, &flat(8));
    let rows = told(&r, "p.open");
    let verdicts: Vec<&str> = rows.iter().map(|r| r.1.as_str()).collect();
    assert_eq!(verdicts[1..4], ["ordered", "ordered", "skipped"]);
    assert_eq!(rows[3].2, "2 of 2 positions are open");
}

#[test]
fn a_close_takes_a_portion_and_the_first_rule_that_fires_acts() {
    let policy = "policy p on core {\n    open when VIX.last < 35 vol size 3 lots\n    \
                  close half when days_held >= 3 and lots > 1.5 portion 50%\n    close late when days_held >= 3\n}";
    let r = run(&strategy("", policy), &flat(14));
    let closes: Vec<_> = r.orders.iter().filter(|o| o.kind == "close").take(2).collect();
    assert_eq!((closes[0].key.as_str(), closes[0].lots), ("p.half", 2)); // half of 3, rounded up
    assert_eq!((closes[1].key.as_str(), closes[1].lots), ("p.late", 1));
    let outranked = told(&r, "p.late");
    assert_eq!(outranked[0].2, "`p.half` comes first and acted");
}

#[test]
fn a_stop_that_cannot_see_holds_or_acts_as_told() {
    // No quote for one leg on a day: profit is unknown that day.
    let mut market = flat(12);
    let clean = run(
        &strategy("", &format!("policy p on core {{\n    {}\n}}", open(""))),
        &market,
    );
    let strike = clean.trades[0].legs[0].strike.0 / 1000;
    market.days[5].holes = vec![strike];
    let day = market.days[5].date.to_string();
    for (unknown, verdict) in [("", "skipped"), ("unknown act", "ordered")] {
        let policy = format!(
            "policy p on core {{\n    {}\n    close stop when loss >= 900% of credit {unknown}\n}}",
            open("")
        );
        let r = run(&strategy("", &policy), &market);
        let rows = told(&r, "p.stop");
        let row = rows
            .iter()
            .find(|row| row.0 == day)
            .unwrap_or_else(|| panic!("{rows:?}"));
        assert_eq!(row.1, verdict, "{row:?}");
    }
}

#[test]
fn guards_block_halt_flatten_and_alert() {
    let with = |rule: &str| {
        let policy = format!(
            "policy p on core {{\n    {}\n}}\n\nguard g {{\n    {rule}\n}}",
            open("up to 9 positions")
        );
        run(&strategy("", &policy), &flat(8))
    };
    let r = with("require positions(core) <= 1 else block open");
    assert!(
        told(&r, "p.open")
            .iter()
            .any(|t| t.2 == "guard `g.0` blocks opening"),
        "{:?}",
        told(&r, "p.open")
    );
    let r = with("require positions(core) <= 1 else halt open");
    assert_eq!(
        told(&r, "p.open").last().unwrap().2,
        "opening is halted since guard `g.0` failed"
    );
    let r = with("require positions(core) <= 1 else flatten core");
    let flattening: Vec<_> = r.orders.iter().filter(|o| o.key == "g.0").collect();
    assert!(
        flattening.len() >= 2 && flattening.iter().all(|o| o.kind == "close"),
        "{:?}",
        r.orders
    );
    let r = with("require positions(core) <= 1 else alert \"too many\"");
    assert!(r.alerts.iter().any(|a| a.2 == "too many"));
}

#[test]
fn a_roll_is_one_order_keeps_the_untested_side_and_the_wing_width() {
    // Falls 15 points a day: the put side is tested.
    let market = Double::new(date(2019, 6, 3), 16, |i| (2900.0 - 15.0 * i as f64, 0.16));
    let policy = format!(
        "policy p on core {{\n    {}\n    roll tested when abs(short.delta) >= 30 delta to same expiry, tested side at 16 delta\n}}",
        open("")
    );
    let r = run(&strategy("", &policy), &market);
    let roll = r
        .trades
        .iter()
        .find(|t| format!("{:?}", t.kind) == "Roll")
        .expect("a roll");
    assert!(roll.legs.iter().all(|l| l.right == "put"), "{:?}", roll.legs);
    // `-1 SPXW 2019-06-28 P2725, +1 SPXW 2019-06-28 P2675, …`
    let target = &r.orders.iter().find(|o| o.id == roll.order).unwrap().package;
    let strikes: Vec<i64> = target
        .split(", ")
        .map(|leg| leg.rsplit(' ').next().unwrap()[1..].parse().unwrap())
        .collect();
    let opened: Vec<i64> = r.trades[0].legs.iter().map(|l| l.strike.0 / 1000).collect();
    assert!(strikes[0] < opened[0], "the tested put moves down");
    assert_eq!(strikes[0] - strikes[1], 50, "the wing keeps its distance");
    assert_eq!(strikes[2..], opened[2..], "the calls stay");
    assert_eq!(
        r.positions[0].rolls,
        r.orders
            .iter()
            .filter(|o| o.kind == "roll" && o.status == "filled")
            .count() as u32
    );
}

#[test]
fn rolls_out_recentre_or_keep_their_strikes() {
    let roll = |target: &str| {
        let policy = format!(
            "policy p on core {{\n    {}\n    roll out when dte <= 17 to {target}\n}}",
            open("")
        );
        let r = run(
            &strategy("", &policy),
            &Double::new(date(2019, 6, 3), 14, |i| (2900.0 + 3.0 * i as f64, 0.16)),
        );
        r.trades
            .iter()
            .find(|t| format!("{:?}", t.kind) == "Roll")
            .cloned()
            .unwrap_or_else(|| panic!("{:?}", told(&r, "p.out")))
    };
    let same = roll("30 dte, same strikes");
    assert_eq!(same.legs.len(), 8);
    let (out, new): (Vec<_>, Vec<_>) = same.legs.iter().partition(|l| l.expiry == same.legs[0].expiry);
    let strikes =
        |legs: &[&alula_run::output::TradeLegRow]| legs.iter().map(|l| l.strike).collect::<Vec<_>>();
    assert_eq!(strikes(&out), strikes(&new));
    assert_eq!(new[0].expiry, date(2019, 7, 12)); // 30 days from 11 June is 11 July
    let recentred = roll("30 dte, recentred");
    assert!(recentred.legs.iter().any(|l| l.expiry == date(2019, 7, 12)));
}

#[test]
fn a_roll_that_costs_money_is_refused_by_its_requirement() {
    let market = Double::new(date(2019, 6, 3), 16, |i| (2900.0 - 15.0 * i as f64, 0.16));
    let policy = format!(
        "policy p on core {{\n    {}\n    roll tested when abs(short.delta) >= 30 delta to same expiry, tested side at 16 delta, require net credit >= $0\n}}",
        open("")
    );
    let r = run(&strategy("", &policy), &market);
    let rows = told(&r, "p.tested");
    assert!(
        rows.iter().any(|t| t
            .2
            .starts_with("the package does not meet its `require`; break-evens ")
            && t.2.contains(", would be ")),
        "{rows:?}"
    );
    assert!(r.orders.iter().all(|o| o.kind != "roll"));
}

#[test]
fn sizes_by_every_basis_and_zero_lots_is_a_reason() {
    let first = |size: &str| {
        let policy = format!("policy p on core {{\n    open when VIX.last < 35 vol size {size}\n}}");
        run(&strategy("", &policy), &flat(5))
    };
    let lots = |size: &str| first(size).orders[0].lots;
    let one = &first("1 lots").trades[0];
    let credit = one.net.share.to_f64() * 100.0;
    let max_loss = 5000.0 - credit;
    // Credits at the decision and at the fill are alike: the market is flat and only a day passes.
    assert_eq!(lots("$50_000 by margin"), 10);
    assert!((f64::from(lots("$50_000 by max_loss")) - (50_000.0 / max_loss).floor()).abs() <= 1.0);
    assert!((f64::from(lots("$10_000 by credit")) - (10_000.0 / credit).floor()).abs() <= 1.0);
    assert_eq!(lots("$900_000 by notional"), 3);
    assert_eq!(lots("2% of equity by max_loss"), lots("$5_000 by max_loss"));
    assert_eq!(lots("$50_000 by margin, at most 4 lots"), 4);
    assert!(lots("$500 by vega") >= 1);
    let none = first("$100 by margin");
    assert!(none.orders.is_empty());
    assert_eq!(
        told(&none, "p.open")[1].2,
        "zero lots: $100.00 at hand, one lot needs $5000.00 by margin"
    );
}

#[test]
fn what_cannot_be_built_is_a_traced_reason() {
    let at = |legs: &str| {
        let text = format!(
            "alula 1\n\nstrategy t {{\n    capital $250_000\n    evaluate every 1 session in SPX.regular\n    fees none\n}}\n\n\
             structure core = iron condor on SPX {{\n    {legs}\n}}\n\npolicy p on core {{\n    {}\n}}\n",
            open("")
        );
        let r = run(&text, &flat(4));
        assert!(r.orders.is_empty(), "{:?}", r.orders);
        told(&r, "p.open")[1].2.clone()
    };
    let rest = "short put at 20 delta\n    long put 50 pts below short put\n    short call at 20 delta\n    long call 50 pts above short call";
    assert_eq!(
        at(&format!("expiry nearest 300 dte in 280..320 dte\n    {rest}")),
        "short put: no listed expiry in 280..320 dte"
    );
    // The rule is asked on Tuesday 4 June 2019, and the weeklys of SPX had no Tuesdays for three years to come.
    assert_eq!(
        at(&format!("expiry nearest 7 dte in 7..7 dte only pm\n    {rest}")),
        "short put: no expiry in 7..7 dte: not listed on 2019-06-04; SPXW had no Tuesdays on 2019-06-04 (expiry \
         2019-06-11): listed since 2022-04-18"
    );
    // Mondays were listed; this market has none.
    assert_eq!(
        at(&format!(
            "expiry nearest 20 dte in 20..20 dte only pm\n    {rest}"
        )),
        "short put: no listed expiry in 20..20 dte"
    );
    let put = "short put at 20 delta\n    long put 37 pts below short put\n    short call at 20 delta\n    long call 50 pts above short call";
    let said = at(&format!("expiry nearest 21 dte in 10..35 dte only pm\n    {put}"));
    assert!(
        said.starts_with("long put: strike ") && said.ends_with(" is not listed"),
        "{said}"
    );
    let deep = "short put at 90 delta\n    long put 50 pts below short put\n    short call at 99.9 delta\n    long call 50 pts above short call";
    let said = at(&format!(
        "expiry nearest 21 dte in 10..35 dte only pm\n    {deep}"
    ));
    assert!(said.contains("is not listed, the nearest is"), "{said}");
}

#[test]
fn an_empty_chain_is_no_action_and_a_gap_is_listed_and_held() {
    let mut market = flat(10);
    market.days[2].empty = true;
    market.days[5].gap = true;
    let text = strategy(
        "",
        &format!("policy p on core {{\n    {}\n}}", open("up to 9 positions")),
    );
    let r = run(&text, &market);
    let rows = told(&r, "p.open");
    let empty = rows
        .iter()
        .find(|t| t.0 == market.days[2].date.to_string())
        .unwrap();
    assert!(empty.2.contains("the chain has no expiry"), "{empty:?}");
    assert_eq!(r.manifest.empty_chains.len(), 1);
    assert_eq!(r.manifest.gaps, [market.days[5].date]);
    assert!(!r.daily.iter().any(|d| d.date == market.days[5].date));
    assert_eq!(r.daily.len(), 9);
    // Decided on the day before the gap, filled on the day after it.
    let order = r
        .orders
        .iter()
        .find(|o| o.decided_at.date() == market.days[4].date)
        .unwrap();
    assert_eq!(order.ended_at.map(|t| t.date()), Some(market.days[6].date));
}

#[test]
fn an_am_expiry_without_an_official_value_stops_the_run_unless_told_otherwise() {
    let mut market = flat(22);
    market.approximate = true;
    let text = |settle: &str| {
        strategy(settle, &format!("policy p on core {{\n    {}\n}}", open(""))).replace("only pm", "only am")
    };
    let stopped = try_run(&text(""), &market, Mode::Batch).unwrap_err();
    assert_eq!(stopped.class, ErrorClass::Settlement);
    assert!(
        stopped.at.is_some() && stopped.help.contains("settle approximate"),
        "{stopped:?}"
    );
    let r = try_run(&text("settle approximate"), &market, Mode::Batch).unwrap();
    assert!(
        r.manifest.marks.iter().any(|m| m.starts_with("approximate")),
        "{:?}",
        r.manifest.marks
    );
    assert!(r.positions.iter().any(|p| p.approximate));
}

#[test]
fn same_bar_fills_are_marked() {
    let text = strategy(
        "fill same bar",
        &format!("policy p on core {{\n    {}\n}}", open("")),
    );
    let r = run(&text, &flat(5));
    assert_eq!(r.trades[0].at, r.trades[0].decided_at);
    assert!(r.manifest.marks.iter().any(|m| m.starts_with("same bar")));
}

#[test]
fn a_window_that_the_data_fill_late_or_never_is_marked() {
    let marks = |window: u32| {
        let policy = format!(
            "signal low = VIX.close < sma(VIX.close, {window}) * 2\n\
             policy p on core {{\n    open when low or VIX.last < 35 vol size 2 lots\n}}"
        );
        let r = run(&strategy("", &policy), &flat(6));
        let marks = r.manifest.marks.into_iter();
        marks.filter(|m| m.starts_with("warming up")).collect::<Vec<_>>()
    };
    // Ticks come before the close: the first sees no close, the fourth three of them, the last five.
    let late = "warming up: `sma(VIX.close, 3)` needs 3 sessions; it is unknown at the first 3 of 6 ticks";
    assert_eq!(marks(3), [late]);
    assert_eq!(marks(5).len(), 1);
    let never =
        "warming up: `sma(VIX.close, 6)` needs 6 sessions and the data have 5; it is unknown at every tick";
    assert_eq!(marks(6), [never]);
}

#[test]
fn a_limit_that_the_next_snapshot_does_not_meet_is_cancelled_and_said() {
    let policy = "policy p on core {\n    open when VIX.last < 35 vol size 1 lots limit 40 pts\n}";
    let r = run(&strategy("", policy), &flat(5));
    assert!(r.trades.is_empty());
    assert_eq!(r.orders[0].status, "cancelled");
    assert!(
        r.orders[0].reason.contains("worse than the limit 40.00"),
        "{}",
        r.orders[0].reason
    );
}

#[test]
fn an_event_blackout_is_read_from_the_calendar() {
    let mut market = flat(8);
    market.event("FOMC", &[date(2019, 6, 6), date(2019, 7, 31)]);
    let policy =
        "policy p on core {\n    open when not within 1 day before fomc size 1 lots up to 9 positions\n}";
    let r = run(&strategy("", policy), &market);
    let decided: Vec<String> = r.orders.iter().map(|o| o.decided_at.date().to_string()).collect();
    // The 5th is the eve; on the 6th the snapshot at 15:45 comes after the statement at 14:00.
    assert_eq!(
        decided,
        [
            "2019-06-03",
            "2019-06-04",
            "2019-06-06",
            "2019-06-07",
            "2019-06-10",
            "2019-06-11",
            "2019-06-12"
        ]
    );
}

#[test]
fn what_a_plugin_would_give_is_missing_and_the_run_says_so() {
    let text = strategy(
        "",
        "use plugin \"breadth\" as thrust(x: vol, n = 5) -> line: vol, hot: bool\n\n\
         policy p on core {\n    open when thrust(VIX.close).line < 35 vol or thrust(VIX.close, n = 9).hot size 1 lot\n}",
    );
    for mode in [Mode::Batch, Mode::Streaming] {
        let r = try_run(&text, &flat(4), mode).unwrap();
        assert!(r.orders.is_empty(), "{:?}", r.orders);
        assert_eq!(r.rules[0].was_unknown, 4, "{:?}", r.rules);
        let told = told(&r, "p.open");
        assert_eq!(told[0].2, "the condition is unknown (no data) and the rule holds");
        assert_eq!(
            told[1].2,
            "the condition is unknown (plugin gave no value) and the rule holds"
        );
        let mark = r.manifest.marks.iter().find(|m| m.starts_with("plugin:"));
        assert_eq!(
            mark.unwrap(),
            "plugin: `breadth` is not loaded; what rests on it is unknown"
        );
    }
}

#[test]
fn persistence_counts_the_steps_of_its_own_clock() {
    // VIX closes: 16 until the 5th session, then 20.
    let market = Double::new(date(2019, 6, 3), 12, |i| {
        (2900.0, if i < 5 { 0.16 } else { 0.20 })
    });
    let policy = "policy p on core {\n    open when VIX.close > 18 vol for 3 bars size 1 lots\n}";
    let r = run(&strategy("", policy), &market);
    // The closes of sessions 5, 6 and 7 are above 18; the third is known after session 7, so session 8 opens.
    assert_eq!(r.orders[0].decided_at.date(), market.days[8].date);
}
