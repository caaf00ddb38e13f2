//! `alula simulate` and `alula vix`: what they print, that simulated numbers say so, and what careless input is told.

use crate::support::{Folder, Outcome};
use serde_json::Value;

fn json(outcome: &Outcome) -> Value {
    assert_eq!(outcome.code, 0, "{outcome}");
    let read = serde_json::from_str(&outcome.stdout);
    assert!(read.is_ok(), "{outcome}");
    read.unwrap()
}

#[test]
fn a_simulated_store_is_written_once_marked_and_read_by_other_commands() {
    let here = Folder::new(&[]);
    let args = ["simulate", "--store", "sim", "--years", "1", "--seed", "3"];
    let made = here.alula(&args);
    assert_eq!(made.code, 0, "{made}");
    assert!(
        made.stdout.starts_with("SIMULATED: simulated market, seed 3\n"),
        "{made}"
    );
    assert!(
        made.stdout.contains("SPX, XSP and VIX: 252 days") && made.stdout.contains("756 snapshots"),
        "{made}"
    );
    assert!(
        made.stderr.contains("next: alula backtest STRATEGY --data sim"),
        "{made}"
    );
    // What needs more bars than the store has is found before a run; the author may live with it.
    let strategy = "alula 1\n\nstrategy s {\n    capital  $250_000\n    evaluate every 1 session in SPX.regular\n}\n\n\
                    signal low = VIX.close < sma(VIX.close, 2000)\n\n\
                    structure core = call on VIX {\n    expiry nearest 30 dte\n    strike at 30 delta\n}\n\n\
                    policy p on core {\n    open when low size 1 lot\n}\n";
    here.write("long.alula", strategy);
    let long = here.alula(&["check", "long.alula", "--data", "sim", "--deny-warnings"]);
    assert_eq!(long.code, 1, "{long}");
    let words = "warning[A0627]: `sma(VIX.close, 2000)` needs 2000 sessions and the data have 511";
    assert!(long.stdout.contains(words), "{long}");
    let lived = strategy.replace(
        "signal",
        "#allow(warm-up-beyond-data) because \"a long view\"\nsignal",
    );
    here.write("long.alula", &lived);
    let long = here.alula(&["check", "long.alula", "--data", "sim", "--deny-warnings"]);
    assert_eq!(long.code, 0, "{long}");
    // A folder that is taken stays as it is.
    let manifest = here.read("sim/manifest.json");
    let again = here.alula(&args);
    assert_eq!((again.code, again.stdout.as_str()), (2, ""), "{again}");
    assert!(
        again.stderr.contains("is already a store") && again.stderr.contains("does not exist yet"),
        "{again}"
    );
    assert_eq!(here.read("sim/manifest.json"), manifest);

    let store = json(&here.alula(&["store", "sim", "--format", "json"]));
    assert_eq!(store["simulated"], true);
    let roots: Vec<&str> = store["chains"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|c| c["underlying"].as_str())
        .collect();
    assert!(roots.contains(&"XSP"), "{store}");

    // One day in full: both terms around thirty days, their weights, and the forwards by parity.
    let day = here.alula(&["vix", "--data", "sim", "--date", "2023-03-01"]);
    assert_eq!(day.code, 0, "{day}");
    assert!(
        day.stdout
            .starts_with("VIX at 2023-03-01 15:45 ET from sim (simulated): "),
        "{day}"
    );
    for part in ["near  SPX", "next  SPX", "parity forwards", "published"] {
        assert!(day.stdout.contains(part), "{part}: {day}");
    }
    let day = json(&here.alula(&["vix", "--data", "sim", "--date", "2023-03-01", "--format", "json"]));
    assert_eq!((&day["index"], &day["simulated"]), (&"VIX".into(), &true.into()));
    let computed = &day["days"][0]["computed"];
    let number = |v: &Value| v.as_f64().unwrap_or_else(|| panic!("{v} in {computed}"));
    let (near, next) = (&computed["near"], &computed["next"]);
    let month = 30.0 * 1_440.0;
    assert!(number(&near["minutes"]) <= month && month < number(&next["minutes"]));
    assert!((number(&near["weight"]) + number(&next["weight"]) - 1.0).abs() < 1e-12);
    // Cboe's formula once more, from the two terms that are shown.
    let part = |t: &Value| number(&t["weight"]) * number(&t["minutes"]) * number(&t["variance"]);
    let vix = 100.0 * ((part(near) + part(next)) / month).sqrt();
    assert!(
        (vix - number(&computed["value"])).abs() < 1e-9,
        "{vix} {computed}"
    );
    assert!(day["forwards"].as_array().is_some_and(|f| f.len() > 20), "{day}");

    // Every day beside the series of the same market.
    let all = json(&here.alula(&["vix", "--data", "sim", "--format", "json"]));
    assert_eq!(all["days"].as_array().map(Vec::len), Some(252));
    assert_eq!(
        all["agreement"]["inside_range"], all["agreement"]["with_range"],
        "{}",
        all["agreement"]
    );

    // Simulated chains have no vendor to compare with; a day without chains is no silence.
    let iv = here.alula(&["vix", "--data", "sim", "--check-iv"]);
    assert_eq!((iv.code, iv.stdout.as_str()), (3, ""), "{iv}");
    let holiday = here.alula(&["vix", "--data", "sim", "--date", "2023-07-04"]);
    assert_eq!((holiday.code, holiday.stdout.as_str()), (2, ""), "{holiday}");
    assert!(
        holiday.stderr.contains("no SPX chain on `2023-07-04`"),
        "{holiday}"
    );
}

#[test]
fn statistics_stand_beside_the_real_ones_with_the_largest_deviation() {
    let here = Folder::new(&[(
        "real/SPX_history.csv",
        "DATE,OPEN,HIGH,LOW,CLOSE\n2024-01-02,100,101,99,100\n2024-01-03,100,103,99,102\n2024-01-04,102,102,100,101\n2024-01-05,101,104,101,103\n",
    )]);
    let text = here.alula(&["simulate", "--stats", "--years", "1"]);
    assert_eq!(text.code, 0, "{text}");
    assert!(text.stdout.starts_with("SIMULATED: "), "{text}");
    let largest = text
        .stdout
        .lines()
        .find(|l| l.starts_with("largest deviation: "))
        .unwrap_or_else(|| panic!("{text}"));
    let value = json(&here.alula(&["simulate", "--stats", "--years", "1", "--format", "json"]));
    assert_eq!(value["simulated"], true);
    let lines = value["statistics"]["lines"].as_array().unwrap();
    let off = |v: &Value| v["off"].as_f64().unwrap().abs();
    let worst = lines.iter().map(off).fold(0.0, f64::max);
    let named = &value["statistics"]["largest_deviation"];
    assert!((off(named) - worst).abs() < 1e-12, "{named}");
    assert!(
        largest.contains(named["statistic"].as_str().unwrap()),
        "{largest}"
    );

    // Beside files of one's own, only what they have is compared.
    let own = json(&here.alula(&[
        "simulate",
        "--stats",
        "--years",
        "1",
        "--against",
        "real",
        "--format",
        "json",
    ]));
    let names: Vec<&str> = own["statistics"]["lines"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|l| l["statistic"].as_str())
        .collect();
    assert!(
        names.iter().any(|n| n.starts_with("SPX daily return")),
        "{names:?}"
    );
    assert!(names.iter().all(|n| !n.starts_with("VVIX")), "{names:?}");
}

#[test]
fn careless_settings_are_told_what_to_write() {
    let here = Folder::new(&[("empty/readme.txt", "")]);
    for (args, told) in [
        (&["simulate"][..], "--store"),
        (&["simulate", "--store", "x", "--years", "0"], "1..=20"),
        (&["simulate", "--store", "x", "--every", "7"], "multiple of 5"),
        (
            &["simulate", "--store", "x", "--start", "1980-01-02"],
            "between 1992",
        ),
        (
            &["simulate", "--store", "x", "--start", "2024-02-30"],
            "2024-02-30",
        ),
        (&["simulate", "--store", "x", "--vol-regime", "wild"], "calm"),
        (&["simulate", "--store", "x", "--against", "real"], "--stats"),
        (
            &["simulate", "--stats", "--against", "nowhere"],
            "there is no `nowhere`",
        ),
        (&["vix", "--data", "nowhere"], "there is no store"),
        (&["vix", "--data", "empty"], "no manifest.json"),
        (&["vix", "--check-iv"], "--data"),
        (
            &["vix", "--date", "2023-05-05", "--from", "2023-05-01"],
            "cannot be used",
        ),
        (
            &["vix", "--from", "2023-05-05", "--to", "2023-05-01"],
            "lies after",
        ),
        (&["vix", "--index", "vix1d"], "vix9d"),
        (&["vix", "--date", "2023-05-06"], "no SPX chain on `2023-05-06`"),
    ] {
        let outcome = here.alula(args);
        assert!(
            matches!(outcome.code, 2 | 3) && outcome.stdout.is_empty() && outcome.stderr.contains(told),
            "{args:?} {outcome}"
        );
        assert!(!here.join("x").exists(), "{args:?}");
    }
}
