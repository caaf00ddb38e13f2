//! What the loader lets in and what it keeps out, with libraries that the machine's C compiler makes.
// Says to clippy that all of this is test code, helpers included.
#![cfg(test)]
#![cfg(all(unix, not(target_vendor = "apple")))]
#![expect(clippy::float_cmp, reason = "numbers that are exact, and codes")]
#![expect(
    unsafe_code,
    reason = "opens a library as a system would, to see what it does"
)]

use alula_plugin_abi::chain::{Chain, Contracts, Expiry, Settles};
use alula_plugin_abi::conformance::CASES;
use alula_plugin_abi::float::Mode;
use alula_plugin_abi::host::{Instance, Row, Shadow, Start};
use alula_plugin_loader::{Kind, LOCK_NAME, LoadError, Lock, Pin, Refusal, find, load, open, sha256};
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A library made of the probe with these flags; none where there is no compiler.
fn probe(flags: &[&str]) -> Option<Vec<u8>> {
    compiled("tests/fixtures/probe.c", flags)
}

/// A library made of a file of C; none where there is no compiler.
fn compiled(source: &str, flags: &[&str]) -> Option<Vec<u8>> {
    compiled_with("../abi/include", source, flags)
}

/// The same with the header of a folder.
fn compiled_with(header: &str, source: &str, flags: &[&str]) -> Option<Vec<u8>> {
    if Command::new("cc").arg("--version").output().is_err() {
        println!("skipped: cc absent");
        return None;
    }
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("probe.so");
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let done = Command::new("cc")
        .args([
            "-std=c11",
            "-O2",
            "-Wall",
            "-Wextra",
            "-Werror",
            "-fPIC",
            "-shared",
            "-fvisibility=hidden",
            "-I",
        ])
        .arg(here.join(header))
        .arg(here.join(source))
        .args(flags)
        .arg("-o")
        .arg(&out)
        .arg("-lm")
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    Some(fs::read(out).unwrap())
}

fn refused(flags: &[&str]) -> Option<LoadError> {
    let cache = tempfile::tempdir().unwrap();
    Some(open(&probe(flags)?, cache.path()).expect_err("it is refused"))
}

fn instance(flags: &[&str], how: f64) -> Option<Instance> {
    let cache = tempfile::tempdir().unwrap();
    let library = open(&probe(flags)?, cache.path()).unwrap();
    let info = library.factory.find("probe").unwrap();
    Some(library.factory.create(info, &[how]).unwrap())
}

/// A folder with a lock that pins these bytes as `probe`.
fn pinned(bytes: &[u8]) -> (TempDir, Lock) {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("plugins")).unwrap();
    fs::write(dir.path().join("plugins/probe.so"), bytes).unwrap();
    let mut lock = Lock::empty(dir.path().join(LOCK_NAME));
    lock.set(Pin {
        id: "probe".to_owned(),
        file: PathBuf::from("plugins/probe.so"),
        sha256: sha256(bytes),
        kind: Kind::Indicator,
        live: false,
        publisher: None,
        policy: alula_plugin_loader::Policy::default(),
    });
    fs::write(&lock.path, lock.text()).unwrap();
    let lock = Lock::read(&lock.path).unwrap();
    (dir, lock)
}

#[test]
fn a_library_that_fits_is_loaded_from_a_private_copy_and_passes_every_check() {
    let Some(bytes) = probe(&[]) else { return };
    let (dir, lock) = pinned(&bytes);
    let cache = dir.path().join("cache");
    let library = load(&lock, "probe", &cache).unwrap();
    assert_eq!(library.build, "probe in C");
    let info = library.factory.find("probe").unwrap();
    assert_eq!(
        info.declaration("probe"),
        "use plugin \"probe\" as probe(x: number, how = 0) -> mean: number, above: bool"
    );
    for case in CASES {
        if case.name != "damage" {
            (case.run)(&library.factory, info).unwrap_or_else(|why| panic!("{}: {why}", case.name));
        }
    }
    let copy = cache.join(format!("{}.so", library.sha256));
    assert_eq!(fs::read(&copy).unwrap(), bytes);
    assert_eq!(fs::metadata(&cache).unwrap().permissions().mode() & 0o777, 0o700);
    assert_eq!(fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o500);
    // Again, after the first file changed under it: the same library, from the same copy.
    fs::write(dir.path().join("plugins/probe.so"), b"overwritten").unwrap();
    assert_eq!(info.id, "probe");
    let changed = load(&lock, "probe", &cache).unwrap_err();
    assert_eq!(changed.refusal, Refusal::Hash);
    assert!(changed.what.contains("is not the file that was trusted"));
}

#[test]
fn what_does_not_fit_is_refused_with_a_sentence_that_says_what_to_do() {
    let Some(wrong) = refused(&["-DP_MAGIC=7"]) else {
        return;
    };
    assert_eq!(wrong.refusal, Refusal::Entry);
    let newer = refused(&["-DP_MAJOR=2"]).unwrap();
    assert_eq!(
        newer.what,
        "it is built for version 2 of the contract, this is version 1"
    );
    assert!(newer.help.unwrap().starts_with("update alula"));
    let renamed = refused(&["-DP_SYMBOL=alula_plugin_entry_v2", "-DP_MAJOR=2"]).unwrap();
    assert_eq!(renamed.refusal, Refusal::Version);
    let far = refused(&["-DP_SYMBOL=somebody_elses_entry"]).unwrap();
    assert_eq!(far.what, "it has no symbol `alula_plugin_entry_v1`");
    let needs = refused(&["-DP_MINOR=9", "-DP_MIN_HOST=7"]).unwrap();
    assert_eq!(needs.what, "it needs version 1.7 of the contract, this is 1.2");
    assert_eq!(
        refused(&["-DP_SIZE=0"]).unwrap().what,
        "its entry says that it has 0 bytes"
    );
    assert_eq!(
        refused(&["-DP_INIT=NULL"]).unwrap().what,
        "its entry has no `init` or no `get_factory`"
    );
    let start = refused(&["-DP_INIT_FAILS"]).unwrap();
    assert_eq!(start.what, "its start failed (status -2): no licence");
    let unresolved = refused(&["-DP_UNRESOLVED"]).unwrap();
    assert_eq!(unresolved.refusal, Refusal::System);
    assert!(
        unresolved.what.contains("nobody_defines_this"),
        "{}",
        unresolved.what
    );
    // Refused once, refused again: it stays mapped and is never started a second time.
    assert_eq!(refused(&["-DP_INIT_FAILS"]).unwrap(), start);
}

#[test]
fn a_newer_minor_version_is_no_obstacle_and_an_older_one_has_no_batch() {
    let Some(newer) = instance(&["-DP_MINOR=9"], 0.0) else {
        return;
    };
    assert!(newer.has_batch());
    let mut older = instance(
        &["-DP_VTBL_SIZE=offsetof(alula_indicator_vtbl, update_batch)"],
        0.0,
    )
    .unwrap();
    assert!(!older.has_batch());
    let mut newer = newer;
    let lane: Vec<f64> = (0..50).map(f64::from).collect();
    let (mut a, mut b) = (vec![Vec::new(); 2], vec![Vec::new(); 2]);
    let rows = newer.update_batch(&[&lane], &mut a);
    assert_eq!(rows, older.update_batch(&[&lane], &mut b));
    assert_eq!(a, b);
    assert_eq!(rows[..3], [Row::WarmingUp, Row::WarmingUp, Row::Ready]);
}

#[test]
fn a_library_built_with_the_header_of_the_first_minor_version_loads_and_works() {
    // `tests/fixtures/v1_0` is the header as it was before brokers came.
    let Some(bytes) = compiled_with("tests/fixtures/v1_0", "tests/fixtures/probe.c", &[]) else {
        return;
    };
    let cache = tempfile::tempdir().unwrap();
    let library = open(&bytes, cache.path()).unwrap();
    assert_eq!(library.minor, 0);
    assert!(library.brokers.brokers().is_empty());
    let info = library.factory.find("probe").unwrap();
    for case in CASES {
        if case.name != "damage" {
            (case.run)(&library.factory, info).unwrap_or_else(|why| panic!("{}: {why}", case.name));
        }
    }
}

#[test]
fn a_library_built_with_the_header_of_the_second_minor_version_loads_and_works() {
    // `tests/fixtures/v1_1` is the header as it was before chains came.
    for source in ["tests/fixtures/probe.c", "tests/fixtures/broker.c"] {
        let Some(bytes) = compiled_with("tests/fixtures/v1_1", source, &[]) else {
            return;
        };
        let cache = tempfile::tempdir().unwrap();
        let library = open(&bytes, cache.path()).unwrap();
        assert_eq!(library.minor, 1);
        assert_eq!(
            library.brokers.brokers().len(),
            usize::from(source.contains("broker"))
        );
        for info in library.factory.indicators() {
            assert!(!info.chain);
            for case in CASES.iter().filter(|c| c.name != "damage") {
                (case.run)(&library.factory, info).unwrap_or_else(|why| panic!("{}: {why}", case.name));
            }
        }
    }
}

#[test]
fn an_indicator_in_c_reads_a_chain_and_passes_every_check() {
    let source = "tests/fixtures/chain.c";
    let Some(bytes) = compiled(source, &[]) else {
        return;
    };
    let cache = tempfile::tempdir().unwrap();
    let library = open(&bytes, cache.path()).unwrap();
    let info = library.factory.find("interest").unwrap();
    assert!(info.chain && info.interest && info.inputs.is_empty());
    assert_eq!(
        info.declaration("interest"),
        "use plugin \"interest\" as interest(chain: chain) -> put_call: ratio, change: number, sound: bool"
    );
    for case in CASES.iter().filter(|c| c.name != "damage") {
        (case.run)(&library.factory, info).unwrap_or_else(|why| panic!("{}: {why}", case.name));
    }
    let mut instance = library.factory.create(info, &[]).unwrap();
    let numbers = |puts: f64| [puts, 30.0, f64::NAN];
    let (none, one, vol) = ([f64::NAN; 3], [1.0; 3], [20.0; 3]);
    let chain = |instance: &mut Instance, interest: &[f64]| -> Row {
        let contracts = Contracts {
            expiry_of: &[0; 3],
            right: &[80, 67, 67],
            strike: &[100.0, 100.0, 110.0],
            bid: &one,
            ask: &[2.0; 3],
            mid: &[1.5; 3],
            vol: &vol,
            delta: &none,
            gamma: &none,
            open_interest: interest,
            volume: &none,
        };
        let expiry = Expiry {
            root: "SPXW",
            date: 20_300_118,
            settles: Settles::Pm,
            years: 0.05,
            forward: 101.0,
            discount: 0.99,
        };
        instance.update_chain(&Chain {
            underlying: "SPX",
            date: 20_300_101,
            spot: 100.5,
            multiplier: 100.0,
            expiries: vec![expiry],
            contracts,
        })
    };
    assert_eq!(chain(&mut instance, &numbers(10.0)), Row::WarmingUp);
    // Without any open interest it is not asked.
    assert_eq!(chain(&mut instance, &[f64::NAN; 3]), Row::Undefined);
    assert_eq!(chain(&mut instance, &numbers(15.0)), Row::Ready);
    assert_eq!(instance.outputs(), [0.5, 5.0, 1.0]);
    assert_eq!(chain(&mut instance, &[1.0; 2]), Row::Dead);
    assert!(instance.fault().unwrap().text.contains("different lengths"));
    // Series do not fit it, and tables that contradict themselves are refused.
    instance.reset();
    assert_eq!(instance.update(&[]), Row::Dead);
    let refused = |flags: &[&str]| {
        let bytes = compiled(source, flags).unwrap();
        open(&bytes, tempfile::tempdir().unwrap().path()).map(|library| {
            let info = library.factory.find("interest").unwrap();
            library.factory.create(info, &[]).unwrap_err().text
        })
    };
    let both = refused(&["-DC_INPUTS=1"]).unwrap_err();
    assert!(
        both.what.contains("reads a chain, and series too"),
        "{}",
        both.what
    );
    let neither = refused(&["-DC_FLAGS=0"]).unwrap_err();
    assert!(neither.what.contains("has no inputs"), "{}", neither.what);
    let absent = refused(&["-DC_UPDATE_CHAIN=NULL"]).unwrap();
    assert_eq!(absent, "the instance has no `update_chain`");
    // A host that knows no chains would be told so before it calls anything.
    let newer = refused(&["-DC_MIN_HOST=3"]).unwrap_err();
    assert!(newer.what.contains("needs version 1.3"), "{}", newer.what);
}

#[test]
fn a_thousand_loads_of_one_library_are_one_and_of_many_are_bounded() {
    let Some(bytes) = probe(&["-DP_SCALE=31.0"]) else {
        return;
    };
    let cache = tempfile::tempdir().unwrap();
    let first = open(&bytes, cache.path()).unwrap();
    let maps = || fs::read_to_string("/proc/self/maps").map_or(0, |t| t.lines().count());
    let before = maps();
    for _ in 0..1_000 {
        let again = open(&bytes, cache.path()).unwrap();
        assert!(std::sync::Arc::ptr_eq(&first, &again));
    }
    assert!(maps() <= before + 8, "{before} mappings and {}", maps());
    assert_eq!(fs::read_dir(cache.path()).unwrap().count(), 1);
}

#[test]
fn fast_math_is_noticed_undone_and_refused() {
    let Some(fast) = refused(&["-ffast-math"]) else {
        return;
    };
    if cfg!(target_arch = "x86_64") {
        assert_eq!(fast.refusal, Refusal::Mode, "{}", fast.what);
        assert!(fast.help.unwrap().contains("-ffast-math"));
    }
    assert_eq!(Mode::now(), Mode::PLAIN);
    let there = std::thread::spawn(|| std::hint::black_box(f64::MIN_POSITIVE) / 4.0 > 0.0);
    assert!(there.join().unwrap());
}

#[test]
fn an_instance_is_dead_after_its_first_wrong_row_and_the_same_row_in_a_batch() {
    let lane: Vec<f64> = (0..20).map(f64::from).collect();
    for (how, why) in [
        (1.0, "its `mean` is NaN, no finite number (row 10)"),
        (2.0, "its `above` is 2, neither 0 nor 1 (row 10)"),
        (3.0, "it does not converge (row 10)"),
        (
            7.0,
            "a row changed the floating-point mode of the process (built with `-ffast-math`?) (row 10)",
        ),
    ] {
        let Some(mut by_row) = instance(&[], how) else {
            return;
        };
        let rows: Vec<Row> = lane.iter().map(|x| by_row.update(&[*x])).collect();
        if how == 7.0 && !cfg!(target_arch = "x86_64") {
            continue;
        }
        assert_eq!(by_row.fault().unwrap().text, why);
        assert_eq!(rows[9..12], [Row::Ready, Row::Dead, Row::Dead]);
        let mut at_once = instance(&[], how).unwrap();
        let mut out = vec![Vec::new(); 2];
        let batch = at_once.update_batch(&[&lane], &mut out);
        if how != 7.0 {
            assert_eq!(batch, rows);
            assert_eq!(at_once.fault().unwrap().text, why);
        }
        assert_eq!(Mode::now(), Mode::PLAIN);
        // A dead one stays dead over a restart, and a reset makes it anew.
        let mut bytes = Vec::new();
        by_row.save(&mut bytes);
        let mut restarted = instance(&[], how).unwrap();
        assert_eq!(restarted.load(&bytes), Start::Resumed);
        assert_eq!(restarted.update(&[1.0]), Row::Dead);
        restarted.reset();
        assert_eq!(restarted.update(&[1.0]), Row::WarmingUp);
    }
}

#[test]
fn the_checks_find_what_is_wrong() {
    let finds = |default: &str, name: &str| {
        let cache = tempfile::tempdir().unwrap();
        let bytes = probe(&[default])?;
        let library = open(&bytes, cache.path()).unwrap();
        let info = library.factory.find("probe").unwrap();
        let case = CASES.iter().find(|c| c.name == name).unwrap();
        Some((case.run)(&library.factory, info).unwrap_err())
    };
    let Some(shared) = finds("-DP_DEFAULT=4", "repeats") else {
        return;
    };
    assert!(
        shared.starts_with("alone and taking turns with another: row"),
        "{shared}"
    );
    let nan = finds("-DP_DEFAULT=1", "values").unwrap();
    assert_eq!(nan, "its `mean` is NaN, no finite number (row 10)");
    let state = finds("-DP_DEFAULT=4", "state").unwrap();
    assert!(state.starts_with("saved and loaded at row"), "{state}");
    let ahead = finds("-DP_AHEAD", "no_lookahead").unwrap();
    assert!(ahead.starts_with("at once, with other rows from row"), "{ahead}");
}

#[test]
#[cfg(target_os = "linux")]
fn a_library_that_looks_for_others_in_the_current_folder_is_refused() {
    for (place, allowed) in [
        (".", false),
        ("lib:/usr/lib", false),
        ("/usr/lib:", false),
        ("/usr/lib", true),
        ("$ORIGIN", true),
    ] {
        for kind in ["--enable-new-dtags", "--disable-new-dtags"] {
            let Some(bytes) = probe(&[&format!("-Wl,{kind},-rpath,{place}")]) else {
                return;
            };
            let cache = tempfile::tempdir().unwrap();
            let opened = open(&bytes, cache.path());
            assert_eq!(opened.is_ok(), allowed, "{place}: {opened:?}");
            if let Err(e) = opened {
                assert_eq!(e.refusal, Refusal::Unsafe);
                assert!(e.what.contains("in the current folder"), "{e}");
            }
        }
    }
}

#[test]
fn a_chain_indicator_that_keeps_what_it_was_lent_is_found() {
    let found = |flags: &[&str]| {
        let bytes = compiled("tests/fixtures/chain.c", flags)?;
        let cache = tempfile::tempdir().unwrap();
        let library = open(&bytes, cache.path()).unwrap();
        let info = library.factory.find("interest").unwrap();
        let case = CASES.iter().find(|c| c.name == "no_lookahead").unwrap();
        Some((case.run)(&library.factory, info))
    };
    let Some(sound) = found(&[]) else { return };
    assert_eq!(sound, Ok(()));
    let why = found(&["-DC_KEEPS"]).unwrap().unwrap_err();
    assert!(why.contains("memory that was lent: row"), "{why}");
}

#[test]
fn two_builds_of_one_plugin_run_side_by_side_and_hand_their_state_over() {
    let Some(mut first) = instance(&[], 0.0) else {
        return;
    };
    let mut second = instance(&["-DP_SCALE=2.0"], 0.0).unwrap();
    let mut other = instance(&["-DP_STATE_VERSION=2"], 0.0).unwrap();
    for i in 0..5 {
        first.update(&[f64::from(i)]);
    }
    assert_eq!(first.outputs()[0], 2.0);
    let mut bytes = Vec::new();
    first.save(&mut bytes);
    assert_eq!(second.load(&bytes), Start::Resumed);
    assert_eq!(second.update(&[5.0]), Row::Ready);
    assert_eq!(second.outputs()[0], 5.0);
    // Another version of the state is not understood: it starts afresh, and says so.
    assert_eq!(other.load(&bytes), Start::Foreign);
    assert_eq!(other.update(&[5.0]), Row::WarmingUp);
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    assert_eq!(second.load(&bytes), Start::Damaged);
}

#[test]
fn a_new_build_takes_over_between_two_rows_once_it_gave_the_same() {
    let Some(old) = instance(&[], 0.0) else { return };
    let same = instance(&["-DP_MINOR=9"], 0.0).unwrap();
    let mut fed = old;
    let feed = |x: u32| [f64::from(x * 7 % 13)];
    for x in 0..10 {
        fed.update(&feed(x));
    }
    let mut alone = fed.duplicate();
    // The same arithmetic in other bytes: it takes the state over and agrees bit for bit.
    let mut shadow = Shadow::begin(fed, same, 5, 0.0).unwrap();
    assert!(shadow.resumed());
    for x in 10..15 {
        assert!(!shadow.is_ready());
        assert_eq!(shadow.update(&feed(x)), alone.update(&feed(x)));
        assert_eq!(shadow.outputs(), alone.outputs());
    }
    let mut taken = shadow.finish().unwrap();
    assert_eq!(taken.update(&feed(15)), alone.update(&feed(15)));
    assert_eq!(taken.outputs(), alone.outputs());

    // Other numbers: the build before stays, and it is said where they part.
    let other = instance(&["-DP_SCALE=2.0"], 0.0).unwrap();
    let mut shadow = Shadow::begin(taken, other, 1, 1e-9).unwrap();
    shadow.update(&feed(16));
    alone.update(&feed(16));
    let (mut kept, why) = *shadow.finish().unwrap_err();
    assert!(why.starts_with("on row 0 `mean` is"), "{why}");
    kept.update(&feed(17));
    alone.update(&feed(17));
    assert_eq!(kept.outputs(), alone.outputs());

    // State of another version: it warms up in the shadow, which takes its rows.
    let later = instance(&["-DP_STATE_VERSION=2"], 0.0).unwrap();
    let shadow = Shadow::begin(kept, later, 3, 0.0).unwrap();
    assert!(!shadow.resumed());
    let (kept, why) = *shadow.finish().unwrap_err();
    assert_eq!(why, "they agreed on 0 rows with values, 3 are wanted");
    // Other parameters are no upgrade.
    let set_up_otherwise = instance(&["-DP_MINOR=9"], 1.0).unwrap();
    let (_, why) = *Shadow::begin(kept, set_up_otherwise, 3, 0.0).unwrap_err();
    assert_eq!(why, "it is set up with other parameters");
}

#[test]
fn files_that_are_no_plugins_are_refused() {
    let cache = tempfile::tempdir().unwrap();
    let Some(bytes) = probe(&[]) else { return };
    for end in [0, 3, 63, 64, 200, bytes.len() / 2, bytes.len() - 1] {
        let cut = open(&bytes[..end], cache.path()).unwrap_err();
        assert_eq!(cut.refusal, Refusal::Format, "{end}: {}", cut.what);
    }
    let program = fs::read(std::env::current_exe().unwrap()).unwrap();
    assert!(open(&program, cache.path()).is_err());
}

#[test]
fn a_lock_keeps_out_what_it_does_not_name_and_what_others_could_change() {
    let Some(bytes) = probe(&[]) else { return };
    let (dir, lock) = pinned(&bytes);
    let cache = dir.path().join("cache");
    let file = dir.path().join("plugins/probe.so");
    let unknown = load(&lock, "breadth", &cache).unwrap_err();
    assert_eq!(unknown.refusal, Refusal::Unknown);
    assert!(unknown.help.unwrap().contains("it names `probe`"));

    fs::remove_file(&file).unwrap();
    assert_eq!(load(&lock, "probe", &cache).unwrap_err().refusal, Refusal::File);
    fs::create_dir(&file).unwrap();
    assert!(
        load(&lock, "probe", &cache)
            .unwrap_err()
            .what
            .ends_with("is no file")
    );
    fs::remove_dir(&file).unwrap();

    let elsewhere = dir.path().join("elsewhere.so");
    fs::write(&elsewhere, &bytes).unwrap();
    symlink(&elsewhere, &file).unwrap();
    assert_eq!(load(&lock, "probe", &cache).unwrap_err().refusal, Refusal::Unsafe);
    fs::remove_file(&file).unwrap();
    fs::copy(&elsewhere, &file).unwrap();

    let folder = dir.path().join("plugins");
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
    let open_folder = load(&lock, "probe", &cache).unwrap_err();
    assert_eq!(open_folder.refusal, Refusal::Unsafe);
    assert!(open_folder.help.unwrap().contains("chmod o-w"));
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();

    fs::set_permissions(&lock.path, fs::Permissions::from_mode(0o666)).unwrap();
    assert_eq!(Lock::read(&lock.path).unwrap_err().refusal, Refusal::Unsafe);
    fs::set_permissions(&lock.path, fs::Permissions::from_mode(0o644)).unwrap();

    // A private copy that somebody spoiled is written anew.
    let copy = cache.join(format!("{}.so", sha256(&bytes)));
    fs::create_dir_all(&cache).unwrap();
    fs::write(&copy, b"spoiled").unwrap();
    let fresh = probe(&["-DP_SCALE=7.0"]).unwrap();
    let copy = cache.join(format!("{}.so", sha256(&fresh)));
    fs::write(&copy, b"spoiled").unwrap();
    open(&fresh, &cache).unwrap();
    assert_eq!(fs::read(&copy).unwrap(), fresh);
}

#[test]
fn new_bytes_at_an_old_path_are_the_new_code_here_and_the_old_code_for_a_system_loader() {
    use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
    let Some(first) = probe(&["-DP_SCALE=5.0", "-DP_MIN_HOST=1"]) else {
        return;
    };
    let second = probe(&["-DP_SCALE=6.0"]).unwrap();
    let (dir, mut lock) = pinned(&first);
    let cache = dir.path().join("cache");
    let file = dir.path().join("plugins/probe.so");
    let scale = |lock: &Lock| {
        let library = load(lock, "probe", &cache).unwrap();
        let info = library.factory.find("probe").unwrap();
        let mut instance = library.factory.create(info, &[0.0]).unwrap();
        for _ in 0..4 {
            instance.update(&[1.0]);
        }
        instance.outputs()[0]
    };
    assert_eq!(scale(&lock), 5.0);
    // What a loader that opens the path itself would see: the canary for the reason of the private copies.
    let entry = || {
        // SAFETY: the probe's constructors do nothing; its entry is data, and stays mapped.
        unsafe {
            let library = Library::open(Some(&file), RTLD_NOW | RTLD_LOCAL | 0x1000).unwrap();
            let symbol = library.get::<*const alula_plugin_abi::raw::Entry>(b"alula_plugin_entry_v1");
            (**symbol.unwrap()).min_host_minor
        }
    };
    assert_eq!(entry(), 1);
    let fresh = dir.path().join("plugins/fresh.so");
    fs::write(&fresh, &second).unwrap();
    fs::rename(&fresh, &file).unwrap();
    assert_eq!(
        entry(),
        1,
        "the system's loader gave the new code: private copies may not be needed any more"
    );
    lock.set(Pin {
        id: "probe".to_owned(),
        file: PathBuf::from("plugins/probe.so"),
        sha256: sha256(&second),
        kind: Kind::Indicator,
        live: false,
        publisher: None,
        policy: alula_plugin_loader::Policy::default(),
    });
    assert_eq!(scale(&lock), 6.0);
}

#[test]
fn a_lock_is_found_in_a_folder_above() {
    let dir = tempfile::tempdir().unwrap();
    let deep = dir.path().join("a/b/c");
    fs::create_dir_all(&deep).unwrap();
    let path = dir.path().join("a").join(LOCK_NAME);
    fs::write(&path, "version = 1\n").unwrap();
    assert_eq!(find(&deep).unwrap(), fs::canonicalize(&path).unwrap());
    assert_eq!(Lock::read(&path).unwrap().pins, []);
}

#[test]
fn the_example_in_c_passes_every_check_and_is_the_choppiness_index() {
    let Some(bytes) = compiled("../../examples/plugin-c/choppiness.c", &[]) else {
        return;
    };
    let cache = tempfile::tempdir().unwrap();
    let library = open(&bytes, cache.path()).unwrap();
    let info = library.factory.find("choppiness").unwrap();
    for case in CASES {
        (case.run)(&library.factory, info).unwrap_or_else(|why| panic!("{}: {why}", case.name));
    }
    let mut instance = library.factory.create(info, &[14.0]).unwrap();
    for n in 0..80 {
        let i = f64::from(n);
        let close = 4000.0 + 120.0 * (0.35 * i).sin() + 3.0 * i - 25.0 * (1.7 * i).cos();
        let high = close + 10.0 + 5.0 * (0.9 * i).cos();
        let low = close - 12.0 - 4.0 * (1.1 * i).sin();
        instance.update(&[high, low, close]);
    }
    // TA-Lib 0.8.2 and numpy 2.4: 100 log10(sum(TRANGE(h, l, c)[-14:]) / (max(h[-14:]) - min(l[-14:]))) / log10(14).
    assert!((instance.outputs()[0] - 23.323_805_223_600_353).abs() < 1e-9);
}

#[test]
fn a_new_plugin_in_c_passes_every_check() {
    let dir = tempfile::tempdir().unwrap();
    let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../engine/cli/templates/plugin/plugin.c");
    let source = dir.path().join("mine.c");
    let text = fs::read_to_string(template).unwrap().replace("NAME", "mine");
    fs::write(&source, text).unwrap();
    let Some(bytes) = compiled(&source.to_string_lossy(), &[]) else {
        return;
    };
    let library = open(&bytes, &dir.path().join("cache")).unwrap();
    let info = library.factory.find("mine").unwrap();
    for case in CASES {
        (case.run)(&library.factory, info).unwrap_or_else(|why| panic!("{}: {why}", case.name));
    }
}
