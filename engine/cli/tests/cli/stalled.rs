//! A reader of standard output that stands still, and a run that must not.

#![cfg(unix)]

use crate::support::{CONDOR, Folder};
use serde_json::Value;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const LONG: Duration = Duration::from_secs(300);

/// Ends with its test.
struct Run(Child);

impl Drop for Run {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A run with much to say, to a pipe that nobody reads.
fn running(here: &Folder, speed: &str, more: &[&str]) -> Run {
    here.write("condor.alula", &CONDOR.replace("every 1 session", "every 30m"));
    let child = Command::new(env!("CARGO_BIN_EXE_alula"))
        .args([
            "run",
            "condor.alula",
            "--speed",
            speed,
            "--seed",
            "5",
            "--years",
            "1",
        ])
        .args(["--format", "json", "--out", "live"])
        .args(more)
        .current_dir(here.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    Run(child.unwrap())
}

fn ticks(here: &Folder) -> Option<u64> {
    let status = here.alula(&["ctl", "status", "state/condor"]);
    let value: Value = serde_json::from_str(&status.stdout).ok()?;
    value.get("tick")?.as_u64()
}

/// The run's ticks once they are as they should be.
fn until(here: &Folder, mut enough: impl FnMut(u64) -> bool) -> u64 {
    let since = Instant::now();
    loop {
        if let Some(n) = ticks(here).filter(|n| enough(*n)) {
            return n;
        }
        assert!(since.elapsed() < LONG, "the run is not where it should be");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn end(run: &mut Run) -> Option<i32> {
    let kill = Command::new("kill")
        .args(["-TERM", &run.0.id().to_string()])
        .status();
    assert!(kill.unwrap().success());
    let since = Instant::now();
    loop {
        if let Some(status) = run.0.try_wait().unwrap() {
            return status.code();
        }
        assert!(since.elapsed() < LONG, "SIGTERM did not end the run");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_recorded_market_waits_for_who_reads_it_and_sigterm_ends_the_wait() {
    let here = Folder::new(&[]);
    let mut run = running(&here, "max", &["--state", "state"]);
    let (mut last, mut same) = (0, 0);
    let stood = until(&here, |n| {
        same = if n > 0 && n == last { same + 1 } else { 0 };
        last = n;
        same > 20
    });
    assert!(stood > 100, "{stood} ticks fit what may wait");
    assert_eq!(end(&mut run), Some(0));
    let again = here.alula(&["verify", "live"]);
    assert_eq!(again.code, 0, "{again}");
}

#[test]
fn a_run_in_time_goes_on_and_says_how_much_nobody_read() {
    let here = Folder::new(&[]);
    let mut run = running(&here, "1000000x", &[]);
    let since = Instant::now();
    // Written at the end of the feed: the run came there although nobody read a word.
    while !here.join("live").exists() {
        assert!(since.elapsed() < LONG, "the run stands still");
        std::thread::sleep(Duration::from_millis(50));
    }
    let lines = BufReader::new(run.0.stdout.take().unwrap()).lines();
    let events: Vec<Value> = lines
        .map(|line| serde_json::from_str(&line.unwrap()).unwrap())
        .collect();
    assert_eq!(run.0.wait().unwrap().code(), Some(0));
    assert_eq!(events[0]["event"], "begin");
    // Last comes what must not be missed, and before it how much is missing.
    let [.., left_out, ended] = &events[..] else {
        panic!("{} events", events.len())
    };
    assert_eq!(
        (&left_out["event"], &ended["event"]),
        (&"left_out".into(), &"ended".into())
    );
    let told = u64::try_from(events.len()).unwrap() - 2;
    let left_out = left_out["events"].as_u64().unwrap();
    assert!(told > 300 && left_out > 300, "{told} told, {left_out} left out");
}
