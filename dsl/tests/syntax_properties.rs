//! Properties over random trees, texts and bytes: nothing panics, everything ends, and the formatter never changes a meaning.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test may fail loudly, and so may its helpers"
)]

mod syntax_trees;

use alula_dsl::format::{FormatError, format, print};
use alula_dsl::span::FileId;
use alula_dsl::syntax::{Parsed, parse};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, RngSeed};

const WORKED: &str = include_str!("syntax/worked.alula");
const EVERYTHING: &str = include_str!("syntax/everything.alula");

/// Few cases and one seed, so that a run is short and says the same thing each time; `PROPTEST_CASES` makes a soak of it.
fn config(cases: u32) -> Config {
    let soak = std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok());
    Config {
        cases: soak.unwrap_or(cases),
        rng_algorithm: RngAlgorithm::ChaCha,
        rng_seed: RngSeed::Fixed(0xA1_07_1A),
        failure_persistence: None,
        ..Config::default()
    }
}

fn read(text: impl AsRef<[u8]>) -> Parsed {
    parse(FileId(0), text.as_ref())
}

/// Parses anything, and when it has no errors, formats it; the formatter may refuse but not fail.
fn survives(bytes: &[u8]) -> Result<(), TestCaseError> {
    let p = read(bytes);
    let length = u32::try_from(p.text.len()).expect("below the limit");
    for d in &p.diagnostics {
        let s = d.primary.span;
        prop_assert!(
            s.start <= s.end && s.end <= length,
            "{s:?} of {length}: {}",
            d.message
        );
        prop_assert!(
            p.text.is_char_boundary(s.start as usize) && p.text.is_char_boundary(s.end as usize),
            "{}",
            d.message
        );
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        match format(text) {
            Ok(once) => prop_assert_eq!(format(&once), Ok(once), "not idempotent: {:?}", text),
            Err(FormatError::Syntax(_)) => {}
            Err(e @ FormatError::Internal { .. }) => prop_assert!(false, "{e:?} from {text:?}"),
        }
    }
    Ok(())
}

/// Words and signs of the language, so that random texts come near to sense.
fn token() -> impl Strategy<Value = String> {
    let words: Vec<String> = EVERYTHING
        .split(|c: char| c.is_whitespace())
        .chain("( ) [ ] { } , . .. + - * / = != < > <= >= @ & ± -> \" // /// #allow \n 5 5m 2% $5 and or not for until in a b f(".split(' '))
        .map(str::to_owned)
        .collect();
    prop::sample::select(words)
}

proptest! {
    #![proptest_config(config(256))]

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        survives(&bytes)?;
    }

    #[test]
    fn random_characters_behind_a_version_never_panic(text in "\\PC{0,200}") {
        survives(format!("alula 1\n{text}").as_bytes())?;
    }

    #[test]
    fn random_tokens_never_panic(tokens in prop::collection::vec(token(), 0..60)) {
        survives(format!("alula 1\n{}", tokens.join(" ")).as_bytes())?;
    }

    #[test]
    fn a_random_expression_of_tokens_never_panics(tokens in prop::collection::vec(token(), 0..12)) {
        survives(format!("alula 1\nsignal x = a {}", tokens.join(" ")).as_bytes())?;
    }
}

proptest! {
    #![proptest_config(config(192))]

    #[test]
    fn a_mutated_example_never_panics_and_ends(
        which in any::<bool>(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0..5_u8, any::<u8>()), 1..6),
    ) {
        let mut bytes = if which { WORKED } else { EVERYTHING }.as_bytes().to_vec();
        for (at, other, kind, byte) in edits {
            let (a, b) = (at.index(bytes.len()), other.index(bytes.len()));
            match kind {
                0 => { bytes.remove(a); }
                1 => bytes.insert(a, bytes[b]),
                2 => bytes.swap(a, b),
                3 => bytes[a] = byte,
                _ => { bytes.drain(a.min(b)..(a.max(b)).min(a.min(b) + 20)); }
            }
            if bytes.is_empty() { break; }
        }
        survives(&bytes)?;
    }

    #[test]
    fn a_random_tree_prints_and_reads_back_equal(file in syntax_trees::file()) {
        let text = print(&file);
        let p = read(&text);
        prop_assert!(p.diagnostics.is_empty(), "{:?}\n{text}", p.diagnostics);
        prop_assert_eq!(&p.ast, &file, "{}", text);
        let once = format(&text).expect("formats");
        prop_assert_eq!(&read(&once).ast, &file);
        prop_assert_eq!(format(&once), Ok(once));
    }

    #[test]
    fn comments_and_blank_lines_anywhere_are_kept(
        file in syntax_trees::file(),
        gaps in prop::collection::vec((any::<prop::sample::Index>(), 0..7_usize), 0..12),
    ) {
        let mut text = print(&file);
        for (n, (at, kind)) in gaps.iter().enumerate() {
            // Only where a blank stands outside strings and comments.
            let places: Vec<usize> = text.match_indices([' ', '\n']).map(|(i, _)| i).filter(|i| is_code(&text, *i)).collect();
            let filler = [" // c\n", "\n\n// c\n\n", "\n\n\n", " /// d\n", "\n/// d\n", "  ", " //\n//\n"][*kind];
            if places.is_empty() { break; }
            let place = places[at.index(places.len())];
            text.replace_range(place..=place, &filler.replace('c', &format!("c{n}")));
        }
        survives(text.as_bytes())?;
        prop_assert!(format(&text).is_ok(), "{:?}\n{text}", format(&text));
    }
}

/// Whether the blank at `at` stands behind the first line, and outside comments and strings.
fn is_code(text: &str, at: usize) -> bool {
    let line = &text[text[..at].rfind('\n').map_or(0, |n| n + 1)..at];
    let mut quoted = false;
    let mut previous = ' ';
    for c in line.chars() {
        match c {
            '"' if previous != '\\' => quoted = !quoted,
            '/' if previous == '/' && !quoted => return false,
            _ => {}
        }
        previous = if previous == '\\' { ' ' } else { c };
    }
    !quoted && text[..at].contains('\n')
}
