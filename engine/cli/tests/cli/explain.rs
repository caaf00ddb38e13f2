use crate::support::Folder;
use alula_dsl::diagnostic::codes::ALL;
use insta::assert_snapshot;

#[test]
fn a_code_is_found_by_number_and_by_name() {
    let here = Folder::new(&[]);
    let page = here.alula(&["explain", "A0201"]);
    assert_eq!(page.code, 0);
    assert!(page.stdout.starts_with("A0201  unknown-name\n"), "{page}");
    for same in ["a0201", "201", "unknown-name"] {
        assert_eq!(here.alula(&["explain", same]).stdout, page.stdout, "{same}");
    }
}

#[test]
fn every_code_is_listed() {
    let list = Folder::new(&[]).alula(&["explain"]).stdout;
    for info in ALL {
        assert!(
            list.contains(&format!("{}  {}\n", info.code, info.name)),
            "{} is missing",
            info.code
        );
    }
}

#[test]
fn an_unknown_code_suggests_the_nearest() {
    let here = Folder::new(&[]);
    assert_snapshot!(here.alula(&["explain", "unknwn-name"]), @r"
    exit: 2
    --- stdout
    --- stderr
    error: there is no code `unknwn-name`
      help: did you mean `unknown-name` (A0201)?
    ");
    assert_snapshot!(here.alula(&["explain", "A9999"]), @r"
    exit: 2
    --- stdout
    --- stderr
    error: there is no code `A9999`
      help: `alula explain` without a code lists them all
    ");
}
