//! What an order would take by its broker's word, on the real program with the simulated broker in its process: a broker that
//! wants more than the engine counts, one that says nothing, one that dies of the question.
#![cfg(target_os = "linux")]

use crate::kills::{BUSY, busy, going_on, replays, said};
use crate::plugin::here;
use crate::support::{Folder, Outcome};

/// One run of the busy strategy to the end of its store.
fn run(folder: &Folder, more: &[&str]) -> Outcome {
    let args = going_on(more);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = here(folder, &args);
    assert_eq!(done.code, 0, "{done}");
    done
}

/// Entries of the newest journal in a line each.
fn shown(folder: &Folder) -> String {
    let done = here(folder, &["journal", "show", "journals/busy", "--kind", "what-if"]);
    assert_eq!(done.code, 0, "{done}");
    done.stdout
}

#[test]
fn a_broker_that_wants_more_than_the_engine_counts_stops_what_the_limit_of_the_run_would_have_let_pass() {
    let folder = busy();
    // Three condors of fifty points are fifteen thousand dollars, and five times as much by this broker.
    let more = ["--max-margin", "70000", "--broker-set", "what_if=500"];
    let done = run(&folder, &more);
    let told = said(&folder);
    assert!(told.intents.is_empty(), "{:?}", told.intents.keys());
    let why = "the broker asks for $75,000.00 of initial margin with the order, and $70,000.00 is the most";
    assert!(told.refused.iter().all(|w| w == why), "{:?}", told.refused);
    assert!(!told.refused.is_empty());
    assert!(
        done.stdout
            .contains(&format!("not sent: {why}; the engine counts $15,000.00")),
        "{done}"
    );
    assert!(
        done.stderr.contains("500% of the engine's own") && done.stderr.contains("not sent for it"),
        "{done}"
    );
    let rows = shown(&folder);
    assert!(rows.contains("would take: $75000.00 initial"), "{rows}");
    // The journal alone says what came of it: nobody is asked again.
    replays(&folder);
}

#[test]
fn a_broker_that_says_nothing_stops_only_who_requires_its_word() {
    let folder = busy();
    let required = run(&folder, &["--what-if", "require", "--broker-set", "what_if=0"]);
    assert!(said(&folder).intents.is_empty());
    let why =
        "and nothing is opened without its word: broker `paper/paper`: simulated: it says nothing of margins";
    assert_eq!(required.stdout.matches(why).count(), 1, "told once: {required}");
    replays(&folder);
    let folder = busy();
    let advised = run(&folder, &["--broker-set", "what_if=0"]);
    assert!(said(&folder).intents.len() > 3);
    let why = "and the engine's own margin counts: broker `paper/paper`";
    assert_eq!(advised.stdout.matches(why).count(), 1, "told once: {advised}");
    let folder = busy();
    run(&folder, &["--what-if", "off", "--broker-set", "what_if=0"]);
    assert!(said(&folder).intents.len() > 3);
    assert!(!shown(&folder).contains("would take"));
}

#[test]
fn a_broker_that_is_late_with_its_answer_is_ended_and_opened_anew_and_the_order_goes_out() {
    let folder = busy();
    // One decision a day and one position: each question costs the deadline.
    let rules = BUSY
        .replace("every 30m", "every 1 session")
        .replace("up to 4 positions", "up to 1 position")
        .replace("8% of credit", "80% of credit");
    folder.write("busy.alula", &rules);
    let late = [
        "--to",
        "2023-01-06",
        "--broker-deadline",
        "4",
        "--broker-set",
        "what_if_ms=30000",
    ];
    let done = run(&folder, &late);
    assert!(
        done.stdout
            .contains("did not answer within 4 seconds and was ended"),
        "{done}"
    );
    assert!(
        done.stdout.contains("the broker's process was opened anew"),
        "{done}"
    );
    let told = said(&folder);
    assert!(!told.intents.is_empty());
    assert!(
        told.intents.keys().all(|name| told.there.contains(name)),
        "each arrived"
    );
    replays(&folder);
}

#[test]
fn who_asks_for_a_brokers_word_without_a_broker_is_told_so() {
    let folder = busy();
    let done = here(&folder, &["run", "busy.alula", "--what-if", "require"]);
    assert_eq!(done.code, 2, "{done}");
    assert!(done.stderr.contains("`--what-if` asks a broker"), "{done}");
}
