//! A thresholds file on a real disk: five styles of saving, six contents, links, pipes, rights, and a watcher that is dead.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::float_cmp,
    reason = "tests may fail loudly, and values read are exactly those written"
)]

use alula_core::thresholds::ThresholdSet;
use alula_dsl::compile::compile;
use alula_dsl::graph::ThresholdDef;
use alula_dsl::source::NoImports;
use alula_live::source::{POLL, Refusal, Source};
use alula_live::swap::{Desk, Judged, Rejection, Rules};
use alula_market::time::Instant;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

const NAME: &str = "x.thresholds.yaml";

fn defs() -> Vec<ThresholdDef> {
    let text = include_str!("../../../rules/iron_condor.alula");
    compile("x.alula", text.as_bytes(), &NoImports)
        .graph
        .unwrap()
        .thresholds
}

fn file(ceiling: &str) -> Vec<u8> {
    format!("strategy: iron_condor\nthresholds:\n  vix_ceiling: {ceiling}\n  exit_dte: 21\n...\n")
        .into_bytes()
}

/// A folder with a file in it, somebody who looks at it, and a clock that nobody waits for.
struct Bench {
    dir: TempDir,
    source: Source,
    desk: Desk,
    in_force: ThresholdSet,
    now: Duration,
    /// Triggers reach the source.
    watched: bool,
    told: Vec<Judged>,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        write(&dir.path().join(NAME), &file("35 vol"));
        Self::of(dir)
    }

    fn of(dir: TempDir) -> Self {
        let defs = defs();
        Self {
            source: Source::new(&dir.path().join(NAME)),
            desk: Desk::new("iron_condor", &defs, Rules::default()),
            in_force: ThresholdSet::defaults(&defs),
            dir,
            now: Duration::ZERO,
            watched: true,
            told: Vec::new(),
        }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join(NAME)
    }

    /// Something happened in the folder; a little time passes, in which the run looks whenever it is due.
    fn event(&mut self, millis: u64) {
        if self.watched {
            self.source.trigger(self.now);
        }
        self.pass(Duration::from_millis(millis));
    }

    fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        while self.source.due() <= until {
            self.now = self.now.max(self.source.due());
            let Some(read) = self.source.poll(self.now) else {
                continue;
            };
            let judged = self.desk.judge(read, &self.in_force, Instant(0));
            if let Judged::Accepted(accepted) = &judged {
                self.in_force = accepted.swap.set.clone();
            }
            self.told.push(judged);
        }
        self.now = until;
    }

    fn ceiling(&self) -> f64 {
        self.in_force.values()[1]
    }
}

fn write(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).unwrap();
    // Whatever the umask of who runs the tests.
    fs::set_permissions(path, fs::Permissions::from_mode(0o644)).unwrap();
}

/// How editors and operators save.
#[derive(Clone, Copy, Debug)]
enum Style {
    InPlace,
    Rename,
    VimBackup,
    DeleteAndCreate,
    ConfigMap,
}

const STYLES: [Style; 5] = [
    Style::InPlace,
    Style::Rename,
    Style::VimBackup,
    Style::DeleteAndCreate,
    Style::ConfigMap,
];

impl Style {
    fn bench(self) -> Bench {
        if !matches!(self, Self::ConfigMap) {
            return Bench::new();
        }
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("..1")).unwrap();
        write(&dir.path().join("..1").join(NAME), &file("35 vol"));
        symlink("..1", dir.path().join("..data")).unwrap();
        symlink(format!("..data/{NAME}"), dir.path().join(NAME)).unwrap();
        Bench::of(dir)
    }

    /// Saves in as many steps as the style has; after each the watcher may tell and the run may look.
    fn save(self, bench: &mut Bench, bytes: &[u8]) {
        let path = bench.path();
        let half = bytes.len() / 2;
        match self {
            Self::InPlace => {
                write(&path, b"");
                bench.event(20);
                write(&path, &bytes[..half]);
                bench.event(40);
                write(&path, bytes);
                bench.event(1);
            }
            Self::Rename => {
                let tmp = path.with_extension("tmp");
                write(&tmp, bytes);
                bench.event(5);
                fs::rename(&tmp, &path).unwrap();
                bench.event(1);
            }
            Self::VimBackup => {
                let backup = path.with_extension("yaml~");
                fs::rename(&path, &backup).unwrap();
                bench.event(10);
                write(&path, &bytes[..half]);
                bench.event(10);
                write(&path, bytes);
                bench.event(10);
                fs::remove_file(&backup).unwrap();
                bench.event(1);
            }
            Self::DeleteAndCreate => {
                fs::remove_file(&path).unwrap();
                bench.event(50);
                write(&path, bytes);
                bench.event(1);
            }
            Self::ConfigMap => {
                let n = fs::read_dir(bench.dir.path()).unwrap().count();
                let next = bench.dir.path().join(format!("..{n}x"));
                fs::create_dir(&next).unwrap();
                write(&next.join(NAME), bytes);
                bench.event(5);
                let tmp = bench.dir.path().join("..data_tmp");
                symlink(next.file_name().unwrap(), &tmp).unwrap();
                fs::rename(&tmp, bench.dir.path().join("..data")).unwrap();
                bench.event(1);
            }
        }
    }
}

/// What may stand in a file, and what must become of it.
fn contents() -> Vec<(&'static str, Vec<u8>)> {
    let mut oversized = file("30 vol");
    oversized.splice(0..0, b"# so it goes\n".repeat(6_000));
    let whole = file("30 vol");
    let text = |t: &str| format!("thresholds:\n{t}...\n").into_bytes();
    vec![
        ("valid", whole.clone()),
        ("invalid", text("  vix_cieling: 30 vol\n")),
        ("torn", whole[..whole.len() - 6].to_vec()),
        ("oversized", oversized),
        ("nan", text("  vix_ceiling: .nan\n")),
        ("twice", text("  vix_ceiling: 30 vol\n  vix_ceiling: 31 vol\n")),
    ]
}

#[test]
fn a_good_file_arrives_in_every_style_of_saving_and_a_bad_one_in_none() {
    for style in STYLES {
        for (what, bytes) in contents() {
            for watched in [true, false] {
                let mut bench = style.bench();
                bench.watched = watched;
                style.save(&mut bench, &bytes);
                // Watched, it is there within a second; unwatched, within two looks.
                bench.pass(if watched { Duration::from_secs(1) } else { POLL * 2 });
                let told = &bench.told;
                assert_eq!(told.len(), 1, "{style:?} {what} {watched}: {told:?}");
                match (&told[0], what) {
                    (Judged::Accepted(a), "valid") => {
                        assert_eq!(bench.ceiling(), 30.0, "{style:?}");
                        assert_eq!(a.changes.len(), 1);
                    }
                    (Judged::Rejected(r), bad) => {
                        assert_ne!(bad, "valid", "{style:?}: {r}");
                        assert_eq!(bench.ceiling(), 35.0, "{style:?} {what}");
                        let fits = match (&r.why, bad) {
                            (Rejection::File(Refusal::TooLarge(_)), "oversized") => true,
                            (Rejection::Unended, "torn") => true,
                            (Rejection::Content(found), "invalid" | "nan" | "twice") => {
                                found.iter().all(|f| f.line > 1 && f.column > 0)
                            }
                            _ => false,
                        };
                        assert!(fits, "{style:?} {what}: {r:?}");
                    }
                    (other, _) => panic!("{style:?} {what}: {other:?}"),
                }
                // The last good one stays, and a good one after it is taken.
                style.save(&mut bench, &file("28 vol"));
                bench.pass(POLL * 3);
                assert_eq!(bench.ceiling(), 28.0, "{style:?} {what}");
            }
        }
    }
}

#[test]
fn a_refusal_is_told_once_however_often_the_file_is_looked_at() {
    let mut bench = Bench::new();
    write(&bench.path(), b"thresholds: {}\nnonsense: 1\n...\n");
    bench.event(1_000);
    for _ in 0..5 {
        // A save of the same bytes is a new file, and no news.
        write(&bench.path(), b"thresholds: {}\nnonsense: 1\n...\n");
        bench.event(3_000);
        bench.source.reload(bench.now);
        bench.pass(Duration::from_secs(1));
    }
    let news = bench.told.iter().filter(|j| matches!(j, Judged::Rejected(_)));
    assert_eq!(news.count(), 1);
    assert_eq!(bench.desk.rejected, 1);
}

#[test]
fn a_missing_file_is_a_refusal_and_the_values_stay() {
    let mut bench = Bench::new();
    fs::remove_file(bench.path()).unwrap();
    bench.event(1_000);
    assert!(
        matches!(&bench.told[..], [Judged::Rejected(r)] if r.why == Rejection::File(Refusal::Missing)),
        "{:?}",
        bench.told
    );
    write(&bench.path(), &file("30 vol"));
    bench.event(1_000);
    assert_eq!(bench.ceiling(), 30.0);
}

#[test]
fn a_link_may_not_lead_out_of_the_folder_and_only_plain_files_of_ours_count() {
    let refused = |make: &dyn Fn(&Path)| {
        let mut bench = Bench::new();
        fs::remove_file(bench.path()).unwrap();
        make(&bench.path());
        bench.event(1_000);
        match bench.told.pop() {
            Some(Judged::Rejected(r)) => r.why,
            other => panic!("{other:?}"),
        }
    };
    let outside = tempfile::tempdir().unwrap();
    let good = outside.path().join("good.yaml");
    write(&good, &file("30 vol"));
    let is = |r: Refusal| Rejection::File(r);
    assert_eq!(refused(&|p| symlink(&good, p).unwrap()), is(Refusal::Outside));
    assert_eq!(
        refused(&|p| symlink("/etc/shadow", p).unwrap()),
        is(Refusal::Outside)
    );
    assert_eq!(refused(&|p| symlink("../../etc/passwd", p).unwrap()), {
        // Missing or outside, according to how deep the folder of temporary files is.
        let found = refused(&|p| symlink("../../etc/passwd", p).unwrap());
        assert!([is(Refusal::Outside), is(Refusal::Missing)].contains(&found));
        found
    });
    assert_eq!(refused(&|p| fs::create_dir(p).unwrap()), is(Refusal::NotAFile));
    assert_eq!(
        refused(&|p| {
            rustix::fs::mknodat(
                rustix::fs::CWD,
                p,
                rustix::fs::FileType::Fifo,
                rustix::fs::Mode::from_raw_mode(0o600),
                0,
            )
            .unwrap();
        }),
        is(Refusal::NotAFile)
    );
    assert_eq!(
        refused(&|p| {
            write(p, &file("30 vol"));
            fs::set_permissions(p, fs::Permissions::from_mode(0o666)).unwrap();
        }),
        is(Refusal::Writable)
    );
    // A loop of links is no file either.
    assert!(matches!(
        refused(&|p| symlink(NAME, p).unwrap()),
        Rejection::File(_)
    ));
}

#[test]
fn a_file_that_never_rests_is_read_in_the_end_and_only_when_two_readings_agree() {
    let mut bench = Bench::new();
    for i in 0..60 {
        write(&bench.path(), &file(&format!("{}.{i:02} vol", 30)));
        bench.event(90);
    }
    // Nothing was taken while every reading differed from the next.
    assert_eq!(bench.told, []);
    bench.pass(Duration::from_secs(3));
    assert_eq!(bench.told.len(), 1, "{:?}", bench.told);
    assert_eq!(bench.ceiling(), 30.59);
}

#[test]
fn large_steps_need_the_version_in_force_and_a_wrong_one_is_refused() {
    let mut bench = Bench::new();
    let step = |bench: &mut Bench, ack: &str, ceiling: &str| {
        let text = format!("{ack}thresholds:\n  vix_ceiling: {ceiling}\n...\n");
        write(&bench.path(), text.as_bytes());
        bench.event(1_000);
        bench.told.pop()
    };
    let Some(Judged::Rejected(r)) = step(&mut bench, "", "15 vol") else {
        panic!("a step of more than half was taken");
    };
    let version = bench.in_force.hash_hex();
    assert!(r.why.help().contains(&version[..12]), "{}", r.why.help());
    assert!(matches!(r.why, Rejection::Step { .. }));
    let stale = "ack: 0123456789abcdef\n";
    let Some(Judged::Rejected(r)) = step(&mut bench, stale, "15 vol") else {
        panic!("a file for other values was taken");
    };
    assert!(matches!(r.why, Rejection::OtherVersion { .. }));
    let ack = format!("ack: {}\n", &version[..12]);
    assert!(matches!(step(&mut bench, &ack, "15 vol"), Some(Judged::Accepted(a)) if a.acked));
    // The same acknowledgement does not serve twice.
    assert!(matches!(
        step(&mut bench, &ack, "70 vol"),
        Some(Judged::Rejected(_))
    ));
    assert_eq!(bench.ceiling(), 15.0);
    // Half is allowed.
    assert!(matches!(
        step(&mut bench, "", "22.5 vol"),
        Some(Judged::Accepted(_))
    ));
}
