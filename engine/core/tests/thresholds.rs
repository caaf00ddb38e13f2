//! Thresholds files: what is read, what is refused and with which words.
#![expect(clippy::panic, clippy::indexing_slicing, reason = "a test may fail loudly")]

use alula_core::thresholds::{MAX_BYTES, ThresholdSet, ValueError, Violation, read, read_file};
use alula_dsl::graph::{ThresholdDef, ThresholdId};
use alula_dsl::span::Span;
use alula_dsl::unit::Unit;
use proptest::prelude::*;

fn def(name: &str, unit: Unit, suffix: &'static str, [default, min, max]: [f64; 3]) -> ThresholdDef {
    ThresholdDef {
        name: name.into(),
        unit,
        suffix,
        default,
        min,
        max,
        doc: String::new(),
        span: Span::default(),
    }
}

fn defs() -> Vec<ThresholdDef> {
    vec![
        def("vix_rsi_hot", Unit::NONE, "", [70.0, 50.0, 95.0]),
        def(
            "curve_inverted",
            Unit::NONE,
            "%",
            [-2.0 / 100.0, -20.0 / 100.0, 0.0],
        ),
        def(
            "hedge_share",
            Unit::NONE,
            "%",
            [35.0 / 100.0, 30.0 / 100.0, 40.0 / 100.0],
        ),
        def("stop", Unit::USD, "$", [500.0, -8_000.0, 8_000.0]),
        def("level", Unit::VOL, "vol", [35.0, 10.0, 80.0]),
        def("short_delta", Unit::DELTA, "delta", [0.16, 0.05, 0.3]),
        def("target", Unit::NONE, "dte", [45.0, 0.0, 90.0]),
    ]
}

fn set(text: &str) -> Result<ThresholdSet, Vec<Violation>> {
    read(text.as_bytes(), "condor", &defs())
}

/// The single finding of a refused file, as `line:column message`.
fn refused(text: &str) -> String {
    match set(text) {
        Ok(set) => panic!("accepted: {text}\n{set:?}"),
        Err(found) => {
            assert_eq!(found.len(), 1, "{found:#?}");
            assert!(!found[0].why.is_empty() && !found[0].fix.is_empty(), "{found:?}");
            found[0].to_string()
        }
    }
}

fn one(value: &str) -> String {
    format!("thresholds:\n  {value}\n")
}

#[test]
fn values_are_read_in_the_units_of_the_strategy() {
    let text = "# as agreed\nstrategy: condor\nthresholds:\n  vix_rsi_hot: 72.5   # hotter\n  curve_inverted: -3%\n  \
                hedge_share: 36%\n  stop: -$1_500\n  level: 40 vol\n  short_delta: 12 delta\n  target: 30 dte\n";
    let set = set(text).unwrap();
    assert_eq!(set.values(), [72.5, -0.03, 0.36, -1500.0, 40.0, 0.12, 30.0]);
    assert!(set.defaulted().is_empty());
    assert_eq!(set.get(ThresholdId(2)), Some(0.36));
    assert_eq!(set.get(ThresholdId(7)), None);
}

#[test]
fn what_the_file_does_not_name_keeps_its_default_and_is_listed() {
    let set = set(&one("level: 20 vol")).unwrap();
    assert_eq!(set.values(), [70.0, -0.02, 0.35, 500.0, 20.0, 0.16, 45.0]);
    assert_eq!(set.defaulted(), [0, 1, 2, 3, 5, 6].map(ThresholdId));
    let defaults = ThresholdSet::defaults(&defs());
    for empty in [
        "",
        "# nothing yet\n\n",
        "thresholds:\n",
        "thresholds: {}\n",
        "strategy: condor\n",
        "---\nthresholds:\n",
    ] {
        assert_eq!(self::set(empty), Ok(defaults.clone()), "{empty:?}");
    }
}

#[test]
fn line_ends_marks_and_flow_style_do_not_matter() {
    let want = set(&one("level: 20 vol")).unwrap();
    for text in [
        "thresholds:\r\n  level: 20 vol\r\n",
        "\u{feff}thresholds:\n  level: 20 vol",
        "thresholds: {level: 20 vol}",
    ] {
        assert_eq!(set(text).as_ref(), Ok(&want), "{text:?}");
    }
    // Nor does the way of writing the number.
    let hash = |text: &str| set(&one(text)).unwrap().hash_hex();
    assert_eq!(hash("stop: $1_000"), hash("stop: $1000.00"));
    assert_ne!(hash("stop: $1_000"), hash("stop: $1001"));
    assert_eq!(hash("curve_inverted: 0%"), hash("curve_inverted: 0"));
    assert_eq!(hash("curve_inverted: 0%"), hash("curve_inverted: -0%"));
}

#[test]
fn the_version_is_the_hash_of_names_and_bits() {
    // python3 -c 'import hashlib,struct; print(hashlib.sha256(b"level\0"+struct.pack("<d",20.0)).hexdigest())'
    let only = [def("level", Unit::VOL, "vol", [35.0, 10.0, 80.0])];
    let set = read(b"thresholds:\n  level: 20 vol\n", "condor", &only).unwrap();
    assert_eq!(
        set.hash_hex(),
        "43cba62913f8e34ab07d4986ce68578a4abc2df5c1fa7688df62a65f7ba95941"
    );
}

#[test]
fn every_violation_is_told_at_once_where_it_stands() {
    let text = "strategy: fly\nthresholds:\n  vix_rsi_hott: 70\n  curve_inverted: -2\n  hedge_share: 50%\n  stop: 500 vol\n  \
                level: hot\n  target: 45 dte\n";
    let found = set(text).unwrap_err();
    let told: Vec<String> = found.iter().map(|v| format!("{v} | {}", v.fix)).collect();
    assert_eq!(
        told,
        [
            "1:11: `fly` is another strategy | write `strategy: condor`, or give the file that belongs to it",
            "3:3: there is no threshold `vix_rsi_hott` | did you mean `vix_rsi_hot`?",
            "4:19: `-2` has no unit, but `curve_inverted` is declared with `%` | write `-2%`",
            "5:16: `50%` is above the range of `hedge_share` | choose a value in the range, or widen the range in the strategy",
            "6:9: `500 vol` has `vol`, but `stop` is declared with `$` | write `$500`",
            "7:10: `hot` is not a number | write a value such as `35 vol`, or remove the line",
        ]
    );
    assert_eq!(found[3].why, "the strategy allows 30%..40%");
}

#[test]
fn ranges_are_inclusive_to_the_last_bit() {
    for edge in [
        "hedge_share: 30%",
        "hedge_share: 40%",
        "vix_rsi_hot: 50",
        "vix_rsi_hot: 95",
        "stop: -$8_000",
    ] {
        assert!(set(&one(edge)).is_ok(), "{edge}");
    }
    assert_eq!(
        refused(&one("vix_rsi_hot: 95.0000001")),
        "2:16: `95.0000001` is above the range of `vix_rsi_hot`"
    );
    assert_eq!(
        refused(&one("hedge_share: 29.999%")),
        "2:16: `29.999%` is below the range of `hedge_share`"
    );
}

#[test]
fn a_share_written_as_a_ratio_is_told_what_was_meant() {
    let fix = |value: &str| set(&one(value)).unwrap_err().remove(0).fix;
    assert_eq!(fix("hedge_share: 0.36"), "write `36%`");
    assert_eq!(fix("hedge_share: 36"), "write `36%`");
    assert_eq!(fix("hedge_share: 7"), "write `35%`");
    assert_eq!(fix("short_delta: 0.2"), "write `20 delta`");
}

#[test]
fn what_is_no_number_is_refused() {
    for bad in [
        ".nan",
        "NaN",
        ".inf",
        "-.inf",
        "yes",
        "true",
        "hot",
        "0x46",
        "0o17",
        "7e1",
        "1,000",
        "70 %%",
        "1:30",
        "70.",
        "2026-01-01",
    ] {
        let told = refused(&one(&format!("vix_rsi_hot: {bad}")));
        assert!(told.starts_with("2:16: "), "{bad}: {told}");
    }
    for empty in ["vix_rsi_hot:", "vix_rsi_hot: ~", "vix_rsi_hot: null"] {
        let told = refused(&one(empty));
        assert!(
            told.starts_with("2:") && told.ends_with("`vix_rsi_hot` has no value"),
            "{empty}: {told}"
        );
    }
    assert!(refused(&one(&format!("vix_rsi_hot: {}", "9".repeat(400)))).contains("is not a number"));
}

#[test]
fn quotes_are_refused_where_none_are_needed() {
    assert_eq!(
        refused(&one("vix_rsi_hot: \"70\"")),
        "2:16: the value `70` is in quotes"
    );
    assert_eq!(
        refused(&one("stop: '$500'")),
        "2:9: the value `$500` is in quotes"
    );
    assert_eq!(
        refused(&one("\"level\": 20 vol")),
        "2:3: the name `level` is in quotes"
    );
    for elsewhere in ["|\n    70", ">-\n    70", "\n    70"] {
        let told = refused(&one(&format!("vix_rsi_hot: {elsewhere}")));
        assert_eq!(told, "3:5: the value of `vix_rsi_hot` is not on its line");
    }
}

#[test]
fn yaml_beyond_a_list_of_numbers_is_refused_with_its_place() {
    assert_eq!(
        refused(&one("level: &x 20 vol")),
        "2:10: YAML anchors are not read"
    );
    assert_eq!(
        refused("thresholds:\n  level: 20 vol\n  stop: *x\n"),
        "3:9: YAML aliases are not read"
    );
    assert_eq!(refused(&one("level: !!float 20")), "2:10: YAML tags are not read");
    assert_eq!(refused("!!map\nthresholds:\n"), "1:1: YAML tags are not read");
    assert_eq!(
        refused("thresholds:\n  level: 20 vol\n---\nthresholds:\n"),
        "3:1: only one document is read"
    );
    assert_eq!(
        refused("thresholds:\n  level: 20 vol\n...\nx\n"),
        "3:1: only one document is read"
    );
    assert_eq!(
        refused("%YAML 1.1\n---\nthresholds:\n"),
        "1:1: YAML directives are not read"
    );
    let lines = [
        (
            "thresholds:\n  <<: {level: 20 vol}\n",
            "2:3: YAML merge keys are not read",
        ),
        (
            "thresholds:\n  level: 20 vol\n  level: 30 vol\n",
            "3:3: `level` stands here a second time",
        ),
        (
            "thresholds:\n  level: 1\nthresholds:\n  level: 2\n",
            "3:1: `thresholds` stands here a second time",
        ),
        (
            "thresholds:\n  level: [20 vol]\n",
            "2:10: a value is one number, not a list or a mapping",
        ),
        (
            "thresholds:\n  level:\n    deep: 20 vol\n",
            "3:5: a value is one number, not a list or a mapping",
        ),
        ("thresholds: 5\n", "1:13: `name: value` lines are expected here"),
        ("- 1\n", "1:1: `name: value` lines are expected here"),
        (
            "treshold:\n  level: 20 vol\n",
            "1:1: there is no `treshold` at the top of a thresholds file",
        ),
        (
            "thresholds:\n  level: 20 vol\n  stop\n",
            "3:3: simple key expected `:`",
        ),
        (
            "thresholds:\n\tlevel: 20 vol\n",
            "2:2: tabs disallowed within this context (block indentation)",
        ),
        ("thresholds: {level: 20 vol", "1:13: unclosed bracket `{`"),
        (
            "thresholds:\n  level: 20: 3\n",
            "2:12: mapping values are not allowed in this context",
        ),
    ];
    for (text, told) in lines {
        assert_eq!(refused(text), told, "{text:?}");
    }
    // The same characters in a comment are words.
    assert!(set("thresholds:\n  level: 20 vol # careful! R&D * 2\n").is_ok());
}

#[test]
fn hostile_files_are_refused_quickly() {
    let pad = |n: usize| format!("thresholds:\n  level: 20 vol\n{}", "#".repeat(n - 28));
    assert_eq!(pad(MAX_BYTES).len(), MAX_BYTES);
    assert!(set(&pad(MAX_BYTES)).is_ok());
    assert_eq!(
        refused(&pad(MAX_BYTES + 1)),
        "1:1: the file has 65537 bytes, the limit is 65536"
    );
    for bomb in [
        "{a: ".repeat(16_000),
        "[".repeat(65_000),
        "- ".repeat(32_000),
        "? ".repeat(32_000),
    ] {
        refused(&format!("thresholds: {}", bomb.get(..60_000).unwrap_or(&bomb)));
    }
    let deep: String = (0..300).map(|i| format!("{}a:\n", " ".repeat(i))).collect();
    refused(&deep);
    assert_eq!(
        read(b"thresholds:\n  a\xff: 1\n", "condor", &defs()).unwrap_err()[0].to_string(),
        "2:4: the file is not UTF-8"
    );
    refused("thresholds:\n  level: 20\0 vol\n");
}

#[test]
fn a_strategy_without_thresholds_says_so() {
    let found = read(b"thresholds:\n  level: 1\n", "condor", &[]).unwrap_err();
    assert_eq!(
        found[0].fix,
        "the strategy declares no threshold; remove the line"
    );
    assert!(read(b"thresholds: {}\n", "condor", &[]).is_ok());
}

#[test]
fn the_canonical_text_reads_back_to_the_same_version() {
    let mut defs = defs();
    defs[0].doc = "RSI(14) of VIX above which the adaptive shell votes\nand more".into();
    let set = read(
        b"thresholds:\n  stop: -$1_500.25\n  hedge_share: 33.3%\n",
        "condor",
        &defs,
    )
    .unwrap();
    let text = set.canonical_text("condor", &defs);
    assert_eq!(
        text,
        "strategy: condor\nthresholds:\n  # vix_rsi_hot: RSI(14) of VIX above which the adaptive shell votes; 50..95\n  \
         vix_rsi_hot: 70\n  # curve_inverted: -20%..0%\n  curve_inverted: -2%\n  # hedge_share: 30%..40%\n  \
         hedge_share: 33.3%\n  # stop: -$8_000..$8_000\n  stop: -$1_500.25\n  # level: 10 vol..80 vol\n  level: 35 vol\n  \
         # short_delta: 5 delta..30 delta\n  short_delta: 16 delta\n  # target: 0 dte..90 dte\n  target: 45 dte\n...\n"
    );
    let again = read(text.as_bytes(), "condor", &defs).unwrap();
    assert_eq!((again.values(), again.hash()), (set.values(), set.hash()));
}

#[test]
fn a_file_may_name_the_version_that_it_was_chosen_against_and_say_that_it_is_whole() {
    let defs = defs();
    let before = ThresholdSet::defaults(&defs);
    let text = before.text_for("condor", &defs, Some(&before));
    let file = read_file(text.as_bytes(), "condor", &defs).unwrap();
    assert_eq!((file.ack, file.ended), (Some(before.hash_hex()), true));
    let plain = read_file(b"thresholds: {}\n", "condor", &defs).unwrap();
    assert_eq!((plain.ack, plain.ended), (None, false));
    // A version of digits alone is one too, and what is no version is refused at its place.
    let digits = read_file(b"ack: 123456789012\nthresholds: {}\n", "condor", &defs).unwrap();
    assert_eq!(digits.ack.as_deref(), Some("123456789012"));
    for bad in ["ack: yes", "ack: 0123", "ack: 0123456789AB", "ack: [1]"] {
        let found = read_file(format!("{bad}\nthresholds: {{}}\n").as_bytes(), "condor", &defs).unwrap_err();
        assert_eq!((found[0].line, found.len()), (1, 1), "{bad}");
    }
}

#[test]
fn programmatic_values_are_checked_too() {
    let defs = defs();
    let values = ThresholdSet::defaults(&defs).values().to_vec();
    let same = ThresholdSet::from_values(&defs, values.clone()).unwrap();
    assert_eq!(same.hash(), ThresholdSet::defaults(&defs).hash());
    let mut nan = values.clone();
    nan[4] = f64::NAN;
    assert!(matches!(
        ThresholdSet::from_values(&defs, nan),
        Err(ValueError::Range { .. })
    ));
    let mut high = values.clone();
    high[2] = 0.41;
    let error = ThresholdSet::from_values(&defs, high).unwrap_err();
    assert_eq!(error.to_string(), "`hedge_share` is 41%, outside 30%..40%");
    assert!(matches!(
        ThresholdSet::from_values(&defs, vec![1.0]),
        Err(ValueError::Count { .. })
    ));
    let mut moved = values;
    moved[2] = 0.36;
    let changes = ThresholdSet::from_values(&defs, moved)
        .unwrap()
        .changes_from(&same, &defs);
    assert_eq!(changes.len(), 1);
    assert_eq!(
        (changes[0].before.as_str(), changes[0].after.as_str()),
        ("35%", "36%")
    );
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused_without_panic(text in "[a-z_:{}\\[\\]\"'|>&*!#%~?, 0-9.$\\n\\t-]{0,200}") {
        let _ = set(&text);
        let _ = set(&format!("thresholds:\n  level: {text}\n"));
    }

    #[test]
    fn any_bytes_are_read_or_refused_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&bytes, "condor", &defs());
    }

    #[test]
    fn every_value_in_range_survives_the_canonical_text(hundredths in 3_000_u32..=4_000) {
        let text = one(&format!("hedge_share: {}.{:02}%", hundredths / 100, hundredths % 100));
        let set = set(&text).unwrap();
        let again = self::set(&set.canonical_text("condor", &defs())).unwrap();
        prop_assert_eq!(again.hash(), set.hash());
    }
}
