//! `alula compare`.

use crate::support::{CONDOR, Folder};
use serde_json::Value;

/// The condor with a put of its own to protect it.
fn protected() -> String {
    let put = "\nstructure shelter = legs on SPX { long put at 10 delta, expiry nearest 45 dte in 35..55 dte }\n\
        policy shield on shelter { open when VIX.last > 0 vol size 1 lot up to 1 position }\n";
    CONDOR.replace("strategy condor", "strategy protected") + put
}

fn document(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn strategies_on_one_path_are_compared_and_the_claims_answered() {
    let folder = Folder::new(&[("bare.alula", CONDOR), ("hedged.alula", &protected())]);
    let asked = [
        "compare",
        "bare.alula",
        "hedged.alula",
        "--to",
        "2023-06-30",
        "--resamples",
        "200",
        "--html",
        "page.html",
    ];
    let shown = folder.alula(&asked);
    assert_eq!(shown.code, 0, "{shown}");
    for part in [
        "hedged against bare",
        "max drawdown",
        "shelter",
        "Claim `peak gamma 40-60% lower`",
        "simulated",
    ] {
        assert!(shown.stdout.contains(part), "{part}: {shown}");
    }
    let page = folder.read("page.html");
    assert!(page.contains("<svg") && page.contains("Simulated market") && !page.contains("NaN"));
    assert!(!page.contains("http://") && !page.contains("https://"));
    let json = document(&folder.alula(&[&asked[..], &["--format", "json"]].concat()).stdout);
    let figures = &json["comparisons"][0]["figures"];
    // The yardstick's own loss on its own worst day, and the difference is what it says.
    let gain = &figures["gain_a_year"];
    let (base, other) = (gain["base"].as_f64().unwrap(), gain["other"].as_f64().unwrap());
    assert!((gain["change"]["point"].as_f64().unwrap() - (other - base)).abs() < 1e-12);
    assert!(gain["change"]["low"].as_f64() <= gain["change"]["high"].as_f64());
    // Against itself nothing differs, in any resample.
    let same = folder.alula(&[
        "compare",
        "bare.alula",
        "bare.alula",
        "--to",
        "2023-04-28",
        "--resamples",
        "100",
        "--format",
        "json",
    ]);
    let same = document(&same.stdout);
    let change = &same["comparisons"][0]["figures"]["cvar_95"]["change"];
    assert_eq!(
        (change["low"].as_f64(), change["high"].as_f64()),
        (Some(0.0), Some(0.0))
    );
}

#[test]
fn runs_that_did_not_see_the_same_market_are_refused() {
    let folder = Folder::new(&[("bare.alula", CONDOR)]);
    for (seed, to, out) in [
        ("7", "2023-03-31", "a"),
        ("8", "2023-03-31", "b"),
        ("7", "2023-04-28", "c"),
    ] {
        let made = folder.alula(&["backtest", "bare.alula", "--seed", seed, "--to", to, "--out", out]);
        assert_eq!(made.code, 0, "{made}");
    }
    for (other, words) in [("b", "ran on different data"), ("c", "sessions from")] {
        let refused = folder.alula(&["compare", "a", other]);
        assert_eq!(refused.code, 3, "{refused}");
        assert!(refused.stderr.contains(words), "{refused}");
    }
    let fine = folder.alula(&[
        "compare",
        "a",
        "bare.alula",
        "--to",
        "2023-03-31",
        "--resamples",
        "100",
    ]);
    assert_eq!(fine.code, 0, "{fine}");
    for wrong in [
        &["compare", "a"][..],
        &["compare", "a", "bare.alula", "--paths", "2"],
        &["compare", "bare.alula", "bare.alula", "--scale", "1,20"],
        &["compare", "bare.alula", "--scale", "0"],
    ] {
        assert_eq!(folder.alula(wrong).code, 2, "{wrong:?}");
    }
}

#[test]
fn a_strategy_is_measured_at_several_sizes() {
    let folder = Folder::new(&[("bare.alula", CONDOR)]);
    let shown = folder.alula(&[
        "compare",
        "bare.alula",
        "--scale",
        "1,20,200",
        "--assume",
        "20",
        "--to",
        "2023-04-28",
        "--format",
        "json",
    ]);
    assert_eq!(shown.code, 0, "{shown}");
    let json = document(&shown.stdout);
    let sizes = json["sizes"].as_array().unwrap();
    let number = |i: usize, key: &str| sizes[i][key].as_f64().unwrap();
    // Twenty contracts are shown: two hundred cannot be filled whole, and up to twenty are.
    assert_eq!(sizes[0]["orders_filled_whole"], sizes[1]["orders_filled_whole"]);
    assert!(number(2, "orders_filled_whole") < number(1, "orders_filled_whole"));
    assert!(number(2, "lots_opened") > number(1, "lots_opened"));
    let said = json["claims"].as_array().unwrap().iter();
    assert!(
        said.filter_map(Value::as_str)
            .any(|c| c.contains("20 times the size")),
        "{json}"
    );
}
