use crate::support::{CONDOR, Folder, command};
use insta::assert_snapshot;
use std::io::Read as _;
use std::process::Stdio;

#[test]
fn help_shows_every_command_and_the_exit_codes() {
    assert_snapshot!(Folder::new(&[]).alula(&["--help"]));
}

#[test]
fn every_command_has_help_with_examples() {
    let here = Folder::new(&[]);
    let commands = [
        "check",
        "fmt",
        "explain",
        "graph",
        "import",
        "store",
        "simulate",
        "vix",
        "backtest",
        "why",
        "new",
        "completions",
        "man",
    ];
    for name in commands {
        let outcome = here.alula(&[name, "--help"]);
        assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""), "{name}");
        assert!(
            outcome.stdout.contains(&format!("Examples:\n  alula {name}")),
            "{name}: {outcome}"
        );
    }
}

#[test]
fn wrong_usage_leaves_with_2_and_says_so_on_standard_error() {
    let here = Folder::new(&[]);
    for args in [
        &["chekc"][..],
        &["check", "--nope", "x"],
        &["backtest", "x", "--from", "yesterday"],
        &["-q", "-v", "explain"],
    ] {
        let outcome = here.alula(args);
        assert_eq!((outcome.code, outcome.stdout.as_str()), (2, ""), "{args:?}");
        assert!(outcome.stderr.contains("error:"), "{outcome}");
    }
    assert_eq!(here.alula::<&str>(&[]).code, 2);
    let version = here.alula(&["--version"]);
    assert_eq!((version.code, version.stderr.as_str()), (0, ""));
    assert!(version.stdout.starts_with("alula "), "{version}");
}

#[test]
fn colour_is_for_terminals_and_for_those_who_insist() {
    let here = Folder::new(&[("x.alula", "alula 1\nnonsense\n")]);
    let colored = |args: &[&str], env: &[(&str, &str)]| {
        let outcome = here.alula_with(args, "", env);
        outcome.stdout.contains('\u{1b}')
    };
    let check = ["check", "x.alula"];
    assert!(!colored(&check, &[]));
    assert!(colored(&check, &[("CLICOLOR_FORCE", "1")]));
    assert!(!colored(&check, &[("NO_COLOR", "1")]));
    assert!(colored(
        &["check", "x.alula", "--color", "always"],
        &[("NO_COLOR", "1")]
    ));
    assert!(!colored(
        &["check", "x.alula", "--color", "never"],
        &[("CLICOLOR_FORCE", "1")]
    ));
    assert!(colored(&["explain", "--color", "always"], &[]));
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let here = Folder::new(&[("condor.alula", CONDOR)]);
    for args in [
        &["explain"][..],
        &["completions", "bash"],
        &["graph", "condor.alula"],
        &["--help"],
    ] {
        let mut child = command()
            .args(args)
            .current_dir(here.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let mut words = String::new();
        child.stderr.take().unwrap().read_to_string(&mut words).unwrap();
        let status = child.wait().unwrap();
        assert_eq!(status.code(), Some(0), "{args:?}: {words}");
        assert_eq!(words, "", "{args:?}");
    }
}

#[test]
fn completions_and_manual_pages_name_the_commands() {
    let here = Folder::new(&[]);
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let outcome = here.alula(&["completions", shell]);
        assert_eq!(outcome.code, 0);
        assert!(outcome.stdout.contains("backtest"), "{shell}");
    }
    let page = here.alula(&["man"]).stdout;
    assert!(page.starts_with(".ie") && page.contains("EXIT STATUS"), "{page}");
    assert_eq!(here.alula(&["man", "--dir", "pages"]).code, 0);
    assert!(here.read("pages/alula-backtest.1").contains("simulated market"));
}
