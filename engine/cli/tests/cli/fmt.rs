use crate::support::{CONDOR, Folder};
use insta::assert_snapshot;

fn untidy() -> String {
    CONDOR
        .replace("    capital  $100_000", "  capital $100_000   // all of it")
        .replace("short call at", "short   call at")
}

#[test]
fn check_shows_the_difference_and_changes_nothing() {
    let here = Folder::new(&[("untidy.alula", &untidy()), ("tidy.alula", CONDOR)]);
    assert_snapshot!(here.alula(&["fmt", "--check", "untidy.alula", "tidy.alula"]));
    assert_eq!(here.read("untidy.alula"), untidy());
}

#[test]
fn a_folder_stands_for_the_strategies_below_it() {
    let here = Folder::new(&[
        ("a/untidy.alula", &untidy()),
        ("a/b/tidy.alula", CONDOR),
        ("a/notes.md", ""),
    ]);
    let formatted = here.alula(&["fmt", "a"]);
    assert_eq!(formatted.code, 0, "{formatted}");
    assert_eq!(
        here.read("a/untidy.alula"),
        here.read("a/b/tidy.alula")
            .replace("capital  $100_000", "capital  $100_000  // all of it")
    );
    let checked = here.alula(&["check", "a"]);
    assert!(checked.stderr.contains("checked 2 files"), "{checked}");
    std::fs::create_dir(here.join("empty")).unwrap();
    let empty = here.alula(&["check", "empty"]);
    assert_eq!(empty.code, 2, "{empty}");
    assert!(empty.stderr.contains("holds no `*.alula` files"), "{empty}");
}

#[test]
fn formatting_twice_is_formatting_once() {
    let here = Folder::new(&[("untidy.alula", &untidy())]);
    assert_eq!(here.alula(&["fmt", "untidy.alula"]).code, 0);
    let once = here.read("untidy.alula");
    assert!(once.contains("// all of it"));
    assert_snapshot!(here.alula(&["fmt", "--check", "untidy.alula"]), @r"
    exit: 0
    --- stdout
    --- stderr
    1 file in the one format
    ");
    assert_eq!(here.alula(&["fmt", "untidy.alula"]).code, 0);
    assert_eq!(here.read("untidy.alula"), once);
}

#[test]
fn windows_line_ends_and_a_byte_order_mark_go_away() {
    let windows = format!("\u{feff}{}", CONDOR.replace('\n', "\r\n"));
    let here = Folder::new(&[("w.alula", &windows)]);
    assert_eq!(here.alula(&["fmt", "--check", "-q", "w.alula"]).code, 1);
    assert_eq!(here.alula(&["fmt", "w.alula"]).code, 0);
    assert_eq!(here.read("w.alula"), CONDOR);
}

#[test]
fn standard_input_goes_to_standard_output() {
    let here = Folder::new(&[]);
    let outcome = here.alula_with(&["fmt", "-q", "-"], &untidy(), &[]);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""));
    assert!(outcome.stdout.starts_with("alula 1\n"));
}

#[test]
fn a_file_with_errors_is_left_as_it_is() {
    let broken = CONDOR.replace("size 1 lot", "size size");
    let here = Folder::new(&[("broken.alula", &broken), ("untidy.alula", &untidy())]);
    let outcome = here.alula(&["fmt", "broken.alula", "untidy.alula"]);
    assert_eq!(outcome.code, 1, "{outcome}");
    assert_eq!(here.read("broken.alula"), broken);
    assert_ne!(
        here.read("untidy.alula"),
        untidy(),
        "the other file is formatted all the same"
    );
}

#[cfg(unix)]
#[test]
fn a_file_that_cannot_be_written_is_an_error() {
    use std::os::unix::fs::PermissionsExt as _;
    let here = Folder::new(&[("locked/untidy.alula", &untidy())]);
    let locked = here.join("locked");
    std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(0o555)).unwrap();
    let outcome = here.alula(&["fmt", "locked/untidy.alula"]);
    std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(0o755)).unwrap();
    if outcome.code == 0 {
        println!("skipped: this user may write everywhere");
        return;
    }
    assert_eq!(outcome.code, 2, "{outcome}");
    assert_eq!(here.read("locked/untidy.alula"), untidy());
}
