//! Faults in the middle of an import: a disk that is full, a process that is killed. The store stays as it was.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// An invented day of quotes in the layout that the example mapping describes.
fn quotes(day: &str, strikes: u32) -> String {
    let mut text =
        "quote_date,quote_time,root,expiration,strike,cp,bid_px,ask_px,last_px,vol,oi,iv_pct,spot\n"
            .to_owned();
    // Days differ: a copy of the day before would be refused as stale.
    let salt: u64 = day.bytes().map(u64::from).fold(7, |a, b| a * 31 + b);
    for i in 0..strikes {
        // Numbers that do not compress: the files must outgrow the limit.
        let noise = (u64::from(i) ^ salt).wrapping_mul(6_364_136_223_846_793_005) >> 40;
        for right in ["C", "P"] {
            text += &format!(
                "{day},15:45:00,SPXW,20240415,{}000,{right},{}.{:02},{}.{:02},,{noise},{},12.4,5150.48\n",
                2000 + i,
                noise % 900,
                noise % 100,
                noise % 900 + 1,
                noise % 100,
                noise % 77_777
            );
        }
    }
    text
}

struct Bench {
    dir: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let bench = Self { dir };
        let example = bench.shell("\"$0\" import --mapping-example", &[]);
        fs::write(bench.path("map.yaml"), example.stdout).unwrap();
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn shell(&self, script: &str, args: &[&str]) -> Output {
        Command::new("sh")
            .args(["-c", script, env!("CARGO_BIN_EXE_alula")])
            .args(args)
            .current_dir(self.dir.path())
            .output()
            .unwrap()
    }

    /// Files and folders beside the sources and the store, the hidden ones too.
    fn litter(&self) -> Vec<String> {
        let names = fs::read_dir(self.dir.path()).unwrap();
        let mut names: Vec<String> = names
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .filter(|n| n.starts_with('.'))
            .collect();
        names.sort();
        names
    }
}

fn tree(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut out = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            out.extend(tree(&path));
        } else if !path.ends_with(".lock") {
            let bytes = fs::read(&path).unwrap();
            out.push((path, bytes));
        }
    }
    out.sort();
    out
}

const IMPORT: &str = "import more.csv --mapping map.yaml --store store";

#[test]
fn a_full_disk_is_an_error_and_nothing_is_left_of_the_attempt() {
    let bench = Bench::new();
    fs::write(bench.path("quotes.csv"), quotes("2024-03-14", 50)).unwrap();
    let made = bench.shell("\"$0\" import quotes.csv --mapping map.yaml --store store", &[]);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let before = tree(&bench.path("store"));
    fs::write(bench.path("more.csv"), quotes("2024-03-15", 4000)).unwrap();
    // Files may not outgrow a few blocks: writing fails as on a full disk, and the signal is ignored.
    for store in ["store --append", "fresh"] {
        let script =
            format!("trap '' XFSZ; ulimit -f 8; \"$0\" import more.csv --mapping map.yaml --store {store}");
        let out = bench.shell(&script, &[]);
        let told = String::from_utf8_lossy(&out.stderr);
        assert_eq!(out.status.code(), Some(2), "{told}");
        assert!(
            told.contains("cannot write") && told.contains("disk has room"),
            "{told}"
        );
    }
    assert_eq!(tree(&bench.path("store")), before);
    assert!(!bench.path("fresh").exists());
    assert!(bench.litter().is_empty(), "{:?}", bench.litter());
}

#[test]
fn an_import_killed_half_way_leaves_the_store_as_it_was_and_the_next_one_cleans_up() {
    let bench = Bench::new();
    fs::write(bench.path("quotes.csv"), quotes("2024-03-14", 50)).unwrap();
    let made = bench.shell("\"$0\" import quotes.csv --mapping map.yaml --store store", &[]);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let before = tree(&bench.path("store"));
    fs::write(bench.path("more.csv"), quotes("2024-03-15", 4000)).unwrap();
    // The limit kills the process in the middle of its first large write.
    let killed = bench.shell(&format!("ulimit -f 8; exec \"$0\" {IMPORT} --append"), &[]);
    assert!(!killed.status.success());
    let inside = tree(&bench.path("store"));
    let left = inside.iter().filter(|f| !before.contains(f)).count();
    assert!(
        left > 0,
        "the process died before it wrote anything: the test proves nothing"
    );
    assert!(before.iter().all(|f| inside.contains(f)));
    // The store reads as before, with its files proven.
    let read = bench.shell("\"$0\" store store --verify", &[]);
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
    let again = bench.shell(&format!("\"$0\" {IMPORT} --append"), &[]);
    assert!(
        again.status.success(),
        "{}",
        String::from_utf8_lossy(&again.stderr)
    );
    let clean = tree(&bench.path("store"));
    assert!(
        clean
            .iter()
            .all(|(p, _)| !p.to_string_lossy().contains(".partial")),
        "{clean:?}"
    );

    // A new store: nothing at the target, and the hidden folder goes with the next import.
    let killed = bench.shell(
        "ulimit -f 8; exec \"$0\" import more.csv --mapping map.yaml --store fresh",
        &[],
    );
    assert!(!killed.status.success() && !bench.path("fresh").exists());
    assert_eq!(bench.litter().len(), 1);
    let again = bench.shell("\"$0\" import more.csv --mapping map.yaml --store fresh", &[]);
    assert!(
        again.status.success() && bench.litter().is_empty(),
        "{:?}",
        bench.litter()
    );
}
