use crate::support::{CONDOR, Folder};

#[test]
fn every_form_of_the_drawing_names_what_the_strategy_names() {
    let here = Folder::new(&[("condor.alula", CONDOR)]);
    for (format, mark) in [
        ("text", "income"),
        ("dot", "digraph"),
        ("mermaid", "flowchart"),
        ("svg", "<svg"),
    ] {
        let outcome = here.alula(&["graph", "condor.alula", "--format", format]);
        assert_eq!(outcome.code, 0, "{outcome}");
        assert!(outcome.stdout.contains(mark), "{format}: {outcome}");
        assert!(outcome.stdout.contains("vix_ceiling"), "{format}: {outcome}");
        let again = here.alula(&["graph", "condor.alula", "--format", format]);
        assert_eq!(again.stdout, outcome.stdout);
    }
}

#[test]
fn a_drawing_goes_to_a_file_when_asked() {
    let here = Folder::new(&[("condor.alula", CONDOR)]);
    let outcome = here.alula(&["graph", "condor.alula", "--format", "svg", "-o", "condor.svg"]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (0, ""), "{outcome}");
    assert!(here.read("condor.svg").contains("<svg"));
    let outcome = here.alula(&["graph", "condor.alula", "-o", "no/such/folder.txt"]);
    assert_eq!(outcome.code, 2, "{outcome}");
    assert!(outcome.stderr.contains("no/such/folder.txt"), "{outcome}");
}

#[test]
fn a_strategy_with_errors_is_not_drawn() {
    let here = Folder::new(&[("broken.alula", &CONDOR.replace("VIX.last", "VXI.last"))]);
    let outcome = here.alula(&["graph", "broken.alula"]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (1, ""), "{outcome}");
    assert!(outcome.stderr.contains("`VXI`"), "{outcome}");
}
