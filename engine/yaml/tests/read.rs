//! What is read, what is refused, and with which words.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test may fail loudly")]

use alula_yaml::{Document, Finding, Limits, Meaning, Node, Style, Value, near, read};
use proptest::prelude::*;

fn document(text: &str) -> Document {
    read(text.as_bytes(), Limits::SMALL).unwrap_or_else(|e| panic!("{e} in {text:?}"))
}

fn root(text: &str) -> Node {
    document(text).root.unwrap()
}

fn refused(text: &str) -> String {
    match read(text.as_bytes(), Limits::SMALL) {
        Ok(document) => panic!("accepted {text:?}: {document:?}"),
        Err(f) => {
            assert!(!f.why.is_empty() && !f.fix.is_empty(), "{f:?}");
            assert!(!f.message.contains('\n') && !f.message.is_empty(), "{f:?}");
            f.to_string()
        }
    }
}

/// The tree as `line:column value` lines.
fn shown(node: &Node, out: &mut Vec<String>) {
    let at = format!("{}:{}", node.place.line, node.place.column);
    match &node.value {
        Value::Scalar(s) => out.push(format!("{at} {:?} {:?} {:?}", s.text, s.style, s.meaning)),
        Value::List(items) => {
            out.push(format!("{at} list"));
            items.iter().for_each(|i| shown(i, out));
        }
        Value::Map(entries) => {
            out.push(format!("{at} map"));
            for e in entries {
                out.push(format!("{}:{} {} =", e.place.line, e.place.column, e.name));
                shown(&e.value, out);
            }
        }
    }
}

#[test]
fn every_value_has_its_place_its_style_and_its_meaning() {
    let text = "# a mapping\nzone: America/New_York\nscale: 0.01\nskip: [1, 'two', true]\nstrike:\n  column: \"k, mills\"\n  \
                none: ~\ntext: |\n  one\n  two\n";
    let mut lines = Vec::new();
    shown(&root(text), &mut lines);
    assert_eq!(
        lines,
        [
            "2:1 map",
            "2:1 zone =",
            "2:7 \"America/New_York\" Plain Text",
            "3:1 scale =",
            "3:8 \"0.01\" Plain Number(0.01)",
            "4:1 skip =",
            "4:7 list",
            "4:8 \"1\" Plain Number(1.0)",
            "4:11 \"two\" Quoted Text",
            "4:18 \"true\" Plain Bool(true)",
            "5:1 strike =",
            "6:3 map",
            "6:3 column =",
            "6:11 \"k, mills\" Quoted Text",
            "7:3 none =",
            "7:9 \"~\" Plain Null",
            "8:1 text =",
            "9:3 \"one\\ntwo\\n\" Block Text",
        ]
    );
}

#[test]
fn the_end_marker_is_seen_and_nothing_may_follow_it() {
    assert!(document("a: 1\n...\n").ended);
    assert!(document("a: 1\n...\n\n").ended);
    assert!(!document("a: 1\n").ended);
    assert!(!document("a: 1\nb: '...'\n").ended);
    assert_eq!(refused("a: 1\n...\nb: 2\n"), "2:1: only one document is read");
    assert_eq!(refused("a: 1\n---\nb: 2\n"), "2:1: only one document is read");
    assert!(document("# only words\n\n").root.is_none());
    assert!(document("").root.is_none());
}

#[test]
fn what_readers_of_yaml_differ_on_is_refused_with_its_place() {
    for (text, told) in [
        ("a: &x 1\n", "1:4: YAML anchors are not read"),
        ("a: 1\nb: *x\n", "2:4: YAML aliases are not read"),
        ("a: &x 1\nb: *x\n", "1:4: YAML anchors are not read"),
        ("a: !!float 20\n", "1:4: YAML tags are not read"),
        ("!!map\na: 1\n", "1:1: YAML tags are not read"),
        ("%YAML 1.1\n---\na: 1\n", "1:1: YAML directives are not read"),
        ("<<: {a: 1}\n", "1:1: YAML merge keys are not read"),
        ("a: 1\nb: 2\na: 3\n", "3:1: `a` stands here a second time"),
        ("a: 1\n'a': 3\n", "2:1: `a` stands here a second time"),
        ("? [a]\n: 1\n", "1:3: a name is one word, not a list or a mapping"),
        ("a: .nan\n", "1:4: `.nan` is not a plain decimal number"),
        ("a: -.inf\n", "1:4: `-.inf` is not a plain decimal number"),
        ("a: 0x1F\n", "1:4: `0x1F` is not a plain decimal number"),
        ("a: 0o17\n", "1:4: `0o17` is not a plain decimal number"),
        (
            "a:\n\tb: 2\n",
            "2:2: tabs disallowed within this context (block indentation)",
        ),
        ("a: [1, 2", "1:4: unclosed bracket `[`"),
        ("a: 1: 2\n", "1:5: mapping values are not allowed in this context"),
        ("a: 1\u{7}\n", "1:5: an invisible control character stands here"),
    ] {
        assert_eq!(refused(text), told, "{text:?}");
    }
    // The same signs in quotes and comments are words.
    let text = "a: \"R&D *2 !x <<\" # & * !\nb: it's fine & good! 2 * 3\n";
    assert_eq!(root(text).map("it").unwrap().len(), 2);
}

#[test]
fn a_value_has_one_kind_and_the_message_says_which() {
    let root = root("n: 5\nq: '5'\nf: 5.5\nb: yes\nt: true\nl: [a]\nz: 010\nnothing:\n");
    let fields = root
        .fields("it", &["n", "q", "f", "b", "t", "l", "z", "nothing"])
        .unwrap();
    let get = |name: &str| fields.get(name).unwrap();
    assert_eq!(get("n").integer("`n`"), Ok(5));
    assert_eq!(get("n").number("`n`"), Ok(5.0));
    assert_eq!(get("n").text("`n`"), Ok("5"));
    assert_eq!(get("f").number("`f`"), Ok(5.5));
    assert_eq!(get("t").boolean("`t`"), Ok(true));
    let told = |e: Result<i64, Finding>| e.unwrap_err().to_string();
    assert_eq!(
        told(get("q").integer("`q`")),
        "2:4: `q` is a whole number, not the text `5`"
    );
    assert_eq!(
        told(get("f").integer("`f`")),
        "3:4: `f` is a whole number, not `5.5`"
    );
    assert_eq!(
        told(get("l").integer("`l`")),
        "6:4: `l` is a whole number, not a list"
    );
    assert_eq!(
        get("b").boolean("`b`").unwrap_err().to_string(),
        "4:4: `b` is `true` or `false`, not `yes`"
    );
    // Octal in YAML 1.1, ten in 1.2: no number here.
    assert!(get("z").number("`z`").is_err());
    assert!(fields.get("nothing").is_none());
    assert_eq!(
        fields
            .require("nothing", "it", "nothing: 1")
            .unwrap_err()
            .to_string(),
        "8:1: it has no `nothing`"
    );
}

#[test]
fn an_unknown_name_is_told_what_may_have_been_meant() {
    let root = root("delimter: ','\nzone: ET\nwhatever: 1\n");
    let found = root.fields("the mapping", &["delimiter", "zone"]).unwrap_err();
    let told: Vec<String> = found.iter().map(|f| format!("{f} | {}", f.fix)).collect();
    assert_eq!(
        told,
        [
            "1:1: there is no `delimter` in the mapping | did you mean `delimiter`?",
            "3:1: there is no `whatever` in the mapping | the names are delimiter, zone",
        ]
    );
    assert_eq!(near("strik", ["right", "strike"]), Some("strike"));
    assert_eq!(near("x", ["right", "strike"]), None);
}

#[test]
fn size_depth_and_number_are_limited_and_the_limit_itself_is_let_in() {
    let limits = Limits {
        bytes: 100,
        depth: 3,
        nodes: 10,
    };
    let told = |text: &str| {
        read(text.as_bytes(), limits)
            .map(|_| ())
            .map_err(|f| f.to_string())
    };
    assert_eq!(told(&format!("a: {}", "x".repeat(97))), Ok(()));
    assert_eq!(
        told(&format!("a: {}", "x".repeat(98))),
        Err("1:1: the file has 101 bytes, the limit is 100".to_owned())
    );
    assert_eq!(told("a: [[1]]"), Ok(()));
    let deep = "lists and mappings stand more than 3 deep";
    assert!(told("a: [[[1]]]").unwrap_err().ends_with(deep));
    assert!(told("a:\n b:\n  c:\n   d: 1\n").unwrap_err().ends_with(deep));
    assert_eq!(told("[1, 2, 3, 4, 5, 6, 7, 8, 9]"), Ok(()));
    assert_eq!(
        told("[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]"),
        Err("1:29: the file has more than 10 values".to_owned())
    );
    // Bombs of every form end at a limit, not in memory or on the stack.
    for bomb in ["{a: ", "[", "- ", "? ", "a:\n "] {
        let text: String = bomb.repeat(60_000 / bomb.len());
        assert!(read(text.as_bytes(), Limits::SMALL).is_err(), "{bomb:?}");
    }
    assert_eq!(
        read(b"a: 1\nb: \xff\n", Limits::SMALL).unwrap_err().to_string(),
        "2:4: the file is not UTF-8"
    );
}

#[test]
fn a_mark_and_windows_line_ends_do_not_matter() {
    assert_eq!(root("\u{feff}a: 1\n"), root("a: 1\n"));
    assert_eq!(root("a: 1\r\nb: x\r\n"), root("a: 1\nb: x\n"));
    let quoted = root("a: \"1\"\n");
    let scalar = quoted.map("it").unwrap()[0].value.scalar().unwrap();
    assert_eq!((scalar.style, scalar.meaning), (Style::Quoted, Meaning::Text));
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused_without_panic(text in "[a-z_:{}\\[\\]\"'|>&*!#%~?, 0-9.$\\n\\t-]{0,300}") {
        let _ = read(text.as_bytes(), Limits::SMALL);
        let _ = read(format!("a:\n  b: {text}\n").as_bytes(), Limits::SMALL);
    }

    #[test]
    fn any_bytes_are_read_or_refused_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = read(&bytes, Limits::SMALL);
    }

    #[test]
    fn any_text_in_quotes_comes_back(text in "[ -~äß€]{0,80}") {
        let quoted = format!("a: '{}'\n", text.replace('\'', "''"));
        let root = root(&quoted);
        prop_assert_eq!(root.map("it").unwrap()[0].value.text("`a`").unwrap(), text.as_str());
    }
}
