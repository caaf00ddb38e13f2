//! A made-up run, drawn: the page and the screen hold what a reader needs, and the same values give the same bytes.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests may fail loudly, as tests do"
)]

use alula_market::contract::Right;
use alula_market::money::{Price, Usd};
use alula_market::time::{Date, Instant};
use alula_report::model::{
    Band, DataLabel, Day, Ending, Firing, FiringKind, Holding, Leg, LinearHeld, Report, RuleStats,
    ThresholdValue, Trade,
};
use alula_report::{html, terminal};

fn usd(x: f64) -> Usd {
    Usd::from_f64(x).unwrap()
}

fn at(date: Date) -> Instant {
    Instant::from_eastern(date, 15, 45).unwrap()
}

fn condor(centre: i64, expiry: Date) -> Vec<Leg> {
    let leg = |ratio, right, strike: i64| Leg {
        ratio,
        right,
        strike: Price(strike * 1000),
        expiry,
    };
    vec![
        leg(1, Right::Put, centre - 150),
        leg(-1, Right::Put, centre - 100),
        leg(-1, Right::Call, centre + 80),
        leg(1, Right::Call, centre + 130),
    ]
}

/// Two months of weekdays with a dip, three trades (one rolled, one still open) and every kind of caveat.
pub fn sample() -> Report {
    let first = Date::from_ymd_opt(2019, 4, 25).unwrap();
    let weekdays: Vec<Date> = first
        .iter_days()
        .filter(|d| {
            !matches!(
                chrono::Datelike::weekday(d),
                chrono::Weekday::Sat | chrono::Weekday::Sun
            )
        })
        .take(46)
        .collect();
    let gaps = vec![weekdays[11], weekdays[36], weekdays[37]];
    let mut high = Band::flat(usd(250_000.0));
    let days: Vec<Day> = weekdays
        .iter()
        .filter(|d| !gaps.contains(d))
        .enumerate()
        .map(|(i, date)| {
            let t = f64::from(u32::try_from(i).unwrap());
            let wave = (t / 5.0).sin() * 900.0 - if (18.0..26.0).contains(&t) { 1_900.0 } else { 0.0 };
            let share = 250_000.0 + t * 60.0 + wave;
            let equity = Band {
                mid: usd(share + 90.0 + t * 6.0),
                share: usd(share),
                natural: usd(share - 60.0 - t * 5.0),
            };
            high = high.zip(equity, |a: Usd, b: Usd| a.max(b));
            Day {
                date: *date,
                equity,
                high,
                fall: high - equity,
                fall_from: high,
                underlying: Some(2925.0 - 45.0 * (t / 9.0).sin() + t),
                open_positions: u32::from(i > 2),
                margin: Some(usd(8_420.0)),
                margin_max: Some(usd(8_420.0)),
                margins: [Some(usd(8_420.0)), Some(usd(8_420.0)), Some(usd(3_150.0))],
                delta: (i > 2).then_some((t / 4.0).sin() * 12.0),
                gamma: (i > 2).then_some(-0.02 - t * 0.0004),
                vega: (i > 2 && i != 15).then_some(-240.0 + t * 3.0),
                theta: (i > 2).then_some(35.0 + t),
            }
        })
        .collect();
    let expiry = Date::from_ymd_opt(2019, 6, 7).unwrap();
    let later = Date::from_ymd_opt(2019, 7, 19).unwrap();
    let trade = |number, from: usize, to: usize, pnl: f64, ending, holdings| Trade {
        number,
        structure: "core".to_owned(),
        lots: 2,
        opened: at(weekdays[from]),
        ended: at(weekdays[to]),
        ending,
        opened_by: "income.open".to_owned(),
        ended_by: match ending {
            Ending::Closed => "income.take_profit",
            Ending::Settled => "expiry",
            Ending::Open => "",
        }
        .to_owned(),
        rolls: u32::from(number == 2),
        credit: usd(1_580.0),
        max_loss: Some(usd(8_420.0)),
        pnl: Band {
            mid: usd(pnl + 70.0),
            share: usd(pnl),
            natural: usd(pnl - 55.0),
        },
        fees: usd(18.98),
        contracts: 16,
        holdings,
        linear: Vec::new(),
        approximate: ending == Ending::Settled,
    };
    let hold = |a: usize, b: usize, centre, exp| Holding {
        from: at(weekdays[a]),
        to: at(weekdays[b]),
        underlying: "SPX".to_owned(),
        legs: condor(centre, exp),
    };
    Report {
        strategy: "spx_condor_alvh".to_owned(),
        doc: "Sells a 45-day SPX iron condor & takes half of the credit <soon>.".to_owned(),
        underlying: "SPX".to_owned(),
        period: (weekdays[0], weekdays[45]),
        ticks: 43,
        capital: usd(250_000.0),
        cross: "60% of the half-spread".to_owned(),
        depth: "unlimited".to_owned(),
        rulebook: "cboe".to_owned(),
        rulebooks: ["cboe", "ibkr", "portfolio"].map(ToOwned::to_owned),
        margin_calls: Vec::new(),
        data: DataLabel {
            label: "simulated market, seed 7".to_owned(),
            simulated: true,
            hash: "9f2c41d0a3b7".repeat(5),
            notes: vec!["Snapshot times are assumed to be 15:45 ET.".to_owned()],
        },
        marks: vec!["settlement approximated from the open".to_owned()],
        gaps,
        days,
        trades: vec![
            trade(1, 3, 14, 790.0, Ending::Closed, vec![hold(3, 14, 2925, expiry)]),
            trade(
                2,
                10,
                30,
                -1_240.0,
                Ending::Settled,
                vec![hold(10, 20, 2925, expiry), hold(20, 30, 2890, expiry)],
            ),
            trade(3, 32, 45, 310.0, Ending::Open, vec![hold(32, 45, 2960, later)]),
        ],
        firings: vec![
            Firing {
                at: at(weekdays[3]),
                key: "income.open".to_owned(),
                kind: FiringKind::Open,
                action: "opened 2 lots for a credit of $1,580".to_owned(),
                why: "VIX.last was 13.12 vol, below 35 vol; no FOMC within a day; the credit was 15.8% of the width.".to_owned(),
            },
            Firing {
                at: at(weekdays[14]),
                key: "income.take_profit".to_owned(),
                kind: FiringKind::Close,
                action: "closed trade 1 for +$790".to_owned(),
                why: "profit of $812 reached 50% of credit ($790).".to_owned(),
            },
            Firing {
                at: at(weekdays[20]),
                key: "income.tested".to_owned(),
                kind: FiringKind::Roll,
                action: "rolled trade 2".to_owned(),
                why: "the short put's delta of 31.2 passed 30.".to_owned(),
            },
            Firing {
                at: at(weekdays[24]),
                key: "book.0".to_owned(),
                kind: FiringKind::Guard,
                action: "blocked opening".to_owned(),
                why: "vega(book) was -$8,310, outside -$8,000..$2,000.".to_owned(),
            },
        ],
        rules: [("income.open", 3, 38, 2, 2), ("income.take_profit", 1, 30, 0, 1), ("income.tested", 1, 31, 1, 1), ("income.stop", 0, 32, 0, 0)]
            .into_iter()
            .map(|(key, was_true, was_false, was_unknown, fired)| RuleStats {
                key: key.to_owned(),
                text: "VIX.last < 35 vol and not within 1 day before fomc".to_owned(),
                was_true,
                was_false,
                was_unknown,
                fired,
            })
            .collect(),
        thresholds: vec![ThresholdValue {
            name: "vix_rsi_hot".to_owned(),
            value: "72".to_owned(),
            default: "70".to_owned(),
            range: "50..95".to_owned(),
            doc: "RSI(14) of VIX above which the adaptive shell votes".to_owned(),
            changed: true,
        }],
        settings: vec![("fees".to_owned(), "ibkr".to_owned()), ("fill".to_owned(), "next snapshot".to_owned())],
        hashes: vec![("rules".to_owned(), "ab".repeat(32)), ("decisions".to_owned(), "cd".repeat(32))],
        twin: Vec::new(),
        operator: None,
            stopped: None,
    }
}

#[test]
fn the_page_is_one_file_with_the_same_bytes_each_time() {
    let page = html::render(&sample()).unwrap();
    assert_eq!(page, html::render(&sample()).unwrap());
    // The SVG name space is a name, not an address; nothing else may point outside the file.
    let outside = page.replace("http://www.w3.org/2000/svg", "");
    for pointer in ["http:", "https:", "//cdn", "src=", "@import", "url("] {
        assert!(!outside.contains(pointer), "`{pointer}` points outside the file");
    }
    for words in [
        "simulated market",
        "settlement approximated",
        "3 sessions without data",
        "income.take_profit",
    ] {
        assert!(page.contains(words), "`{words}` is missing");
    }
}

#[test]
fn the_page_tells_futures_beside_the_legs_of_options() {
    let mut report = sample();
    let note = "futures and shares are the most";
    assert!(!html::render(&report).unwrap().contains(note));
    report.trades[0].holdings.clear();
    report.trades[0].linear = vec![LinearHeld {
        symbol: "ESM19".to_owned(),
        quantity: -4,
    }];
    let page = html::render(&report).unwrap();
    assert!(page.contains("<td class=\"legs\">−4 ESM19</td>") && page.contains(note));
}

#[test]
fn names_from_a_strategy_cannot_become_markup() {
    let mut report = sample();
    report.strategy = "<script>alert(1)</script>".to_owned();
    report.firings[0].action = "</script><b>".to_owned();
    report.data.label = "\"><img>".to_owned();
    let page = html::render(&report).unwrap();
    assert!(!page.contains("<script>alert"));
    assert!(!page.contains("</script><b>"));
    assert!(!page.contains("<img>"));
}

#[test]
fn a_run_without_a_trade_or_a_day_still_draws() {
    let mut report = sample();
    report.trades.clear();
    report.firings.clear();
    report.days.clear();
    report.rules.clear();
    report.period = (report.period.0, report.period.0);
    let page = html::render(&report).unwrap();
    assert!(page.contains("No trade was made"));
    assert!(!page.contains("NaN") && !page.contains("inf\""));
    assert!(terminal::summary(&report, 100).contains("none: the rules below"));
}

#[test]
fn the_page_and_the_document_tell_where_the_profit_comes_from() {
    let mut report = sample();
    // A single owner made everything: nothing to tell apart.
    assert!(!html::render(&report).unwrap().contains("id=\"attribution\""));
    let owners = ["core", "alvh.base", "alvh.contingent"];
    let made = [1_200.0, -345.5, 45.25];
    for ((trade, owner), pnl) in report.trades.iter_mut().zip(owners).zip(made) {
        trade.structure = owner.to_owned();
        trade.pnl = Band::flat(usd(pnl));
    }
    report.trades.truncate(3);
    let page = html::render(&report).unwrap();
    let table = page.split("id=\"attribution\"").nth(1).unwrap();
    let table = table.split("</table>").next().unwrap();
    assert_eq!(table.matches("<tr class=\"sum\">").count(), 2, "{table}");
    let document = alula_report::summary::json(&report, "runs/x");
    let document: serde_json::Value = serde_json::from_str(&document).unwrap();
    let rows = document["attribution"].as_array().unwrap();
    let told: Vec<(&str, &str, f64)> = rows
        .iter()
        .map(|row| {
            let text = |v: &serde_json::Value| -> f64 { v.as_str().unwrap().parse().unwrap() };
            let (owner, kind) = (row["owner"].as_str().unwrap(), row["kind"].as_str().unwrap());
            (owner, kind, text(&row["pnl"]["share"]))
        })
        .collect();
    // Added up by hand: -345.50 + 45.25, and 1200.00 with it.
    let wanted = [
        ("alvh.base", "owner", -345.5),
        ("alvh.contingent", "owner", 45.25),
        ("core", "owner", 1_200.0),
        ("alvh (all layers)", "hedge", -300.25),
        ("book", "book", 899.75),
    ];
    assert_eq!(told, wanted);
    for (owner, ..) in wanted {
        assert!(table.contains(owner), "{owner} is missing in {table}");
    }
}

#[test]
fn the_screen_tells_a_trader_what_happened() {
    let mut plain = String::new();
    let mut escape = false;
    for c in terminal::summary(&sample(), 100).chars() {
        match c {
            '\u{1b}' => escape = true,
            'm' if escape => escape = false,
            c if !escape => plain.push(c),
            _ => {}
        }
    }
    insta::assert_snapshot!(plain);
}

/// Writes the page where `ALULA_REPORT_SAMPLE` points, to look at it in a browser.
#[test]
fn the_sample_page_can_be_looked_at() {
    if let Ok(path) = std::env::var("ALULA_REPORT_SAMPLE") {
        std::fs::write(path, html::render(&sample()).unwrap()).unwrap();
    }
}
