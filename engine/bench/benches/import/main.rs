//! How fast an import is, and that its memory does not grow with the rows: each size in a process of its own.
//!
//! `cargo bench -p alula-bench --bench import` measures two formats at a few sizes. More rows, and one format:
//! `cargo bench -p alula-bench --bench import -- csv 100000000`; the files go to a temporary folder (100 bytes a row) and
//! are removed.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints and may fail loudly"
)]

mod write;

use alula_market::import::{ImportRequest, Mapping, run};
use cpu_time::ProcessTime;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant as Clock;

const MAPPING: &str = "date: date\nroot: root\nexpiry: expiry\nstrike: {column: strike, scale: 0.001}\n\
                       right: right\nbid: bid\nask: ask\nvolume: volume\nopen_interest: interest\nspot: spot\n";

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["child", format, folder] => child(format, Path::new(folder)),
        ["write", format, rows, folder] => {
            write::write(format, rows.parse().unwrap(), Path::new(folder)).unwrap();
        }
        [format, rows] => table(&[(format, rows.parse().unwrap())]),
        _ => table(&[
            ("csv", 250_000),
            ("csv", 1_000_000),
            ("csv", 4_000_000),
            ("parquet", 250_000),
            ("parquet", 1_000_000),
            ("parquet", 4_000_000),
        ]),
    }
}

fn table(sizes: &[(&str, u64)]) {
    println!(
        "| format | rows | source MB | store MB | CPU s | rows per CPU second | wall s | peak memory MB |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- |");
    for (format, rows) in sizes {
        let dir = tempfile_dir();
        let me = std::env::current_exe().unwrap();
        let write = ["write", format, &rows.to_string()].map(str::to_owned);
        let folder = dir.join("in");
        std::fs::create_dir_all(&folder).unwrap();
        let made = Command::new(&me).args(write).arg(&folder).status().unwrap();
        assert!(made.success());
        let out = Command::new(&me)
            .args(["child", format])
            .arg(&dir)
            .output()
            .unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        let text = String::from_utf8(out.stdout).unwrap();
        let figures: Vec<f64> = text.split_whitespace().map(|t| t.parse().unwrap()).collect();
        let [stored, cpu, wall, peak] = figures.as_slice() else {
            unreachable!("{text}");
        };
        #[expect(clippy::cast_precision_loss, reason = "figures for people")]
        let n = *rows as f64;
        assert!((stored - n).abs() < 0.5, "{stored} of {n} rows were stored");
        println!(
            "| {format} | {rows} | {:.0} | {:.0} | {cpu:.1} | {:.0} | {wall:.1} | {peak:.0} |",
            megabytes(&folder),
            megabytes(&dir.join("store")),
            n / cpu
        );
        std::fs::remove_dir_all(&dir).unwrap();
    }
}

fn tempfile_dir() -> PathBuf {
    let dir = std::env::temp_dir().join(format!("alula-bench-import-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&dir);
    std::fs::create_dir_all(&dir).unwrap();
    dir
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn megabytes(folder: &Path) -> f64 {
    fn bytes(folder: &Path) -> u64 {
        let entries = std::fs::read_dir(folder).unwrap();
        entries
            .map(|e| e.unwrap())
            .map(|e| {
                if e.path().is_dir() {
                    bytes(&e.path())
                } else {
                    e.metadata().unwrap().len()
                }
            })
            .sum()
    }
    bytes(folder) as f64 / 1e6
}

/// Imports a folder and prints rows stored, processor seconds, wall seconds, and peak memory in megabytes.
fn child(format: &str, folder: &Path) {
    let mut request = ImportRequest::new(vec![folder.join("in")], folder.join("store"));
    if format == "parquet" {
        request.mapping = Some(Mapping::parse(MAPPING.as_bytes()).unwrap());
    }
    let (cpu, wall) = (ProcessTime::now(), Clock::now());
    let report = run(&request, &mut ()).unwrap();
    let (cpu, wall) = (cpu.elapsed().as_secs_f64(), wall.elapsed().as_secs_f64());
    println!("{} {cpu} {wall} {}", report.quality.totals().all_rows(), peak());
}

/// Most memory that was resident at once; zero where the system does not say.
fn peak() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    let kilobytes = line
        .and_then(|l| l.split_whitespace().next())
        .and_then(|n| n.parse::<f64>().ok());
    kilobytes.unwrap_or_default() / 1e3
}
