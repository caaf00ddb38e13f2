use crate::support::Folder;
use insta::assert_snapshot;

#[test]
fn what_new_writes_passes_check_fmt_and_graph() {
    let here = Folder::new(&[]);
    assert_snapshot!(here.alula(&["new", "my_condor"]), @r"
    exit: 0
    --- stdout
    my_condor/my_condor.alula
    my_condor/my_condor.thresholds.yaml
    my_condor/my_condor.test.yaml
    my_condor/README.md
    --- stderr
    next: alula backtest my_condor/my_condor.alula
    ");
    for command in [&["check", "--deny-warnings"][..], &["fmt", "--check"], &["graph"]] {
        let mut args = command.to_vec();
        args.push("my_condor/my_condor.alula");
        assert_eq!(here.alula(&args).code, 0, "{args:?}: {}", here.alula(&args));
    }
}

#[test]
fn nothing_that_exists_is_overwritten() {
    let here = Folder::new(&[("mine/notes.txt", "keep")]);
    assert_snapshot!(here.alula(&["new", "mine"]));
    assert_eq!(here.read("mine/notes.txt"), "keep");
    assert_eq!(std::fs::read_dir(here.join("mine")).unwrap().count(), 1);
}

#[test]
fn a_name_that_does_not_do_is_refused_with_one_that_does() {
    let here = Folder::new(&[]);
    assert_snapshot!(here.alula(&["new", "My Condor!"]));
    assert_eq!(here.alula(&["new", "../outside"]).code, 2);
    assert_eq!(here.alula(&["new", "/tmp/outside"]).code, 2);
    assert_eq!(here.alula(&["new", "policy"]).code, 2);
    assert_eq!(std::fs::read_dir(here.path()).unwrap().count(), 0);
}
