//! A build of a plugin and a strategy that both change in one run.
#![cfg(all(unix, not(target_vendor = "apple")))]

use crate::plugin::{builds, running};
use crate::support::Folder;
use std::time::{Duration, Instant};

const TEXT: &str = "alula 1

strategy probed {
    capital  $250_000
    evaluate every 30m in SPX.regular
}

use plugin \"probe\" as probe(x: number, how = 0) -> mean: number, above: bool

structure core = iron condor on SPX {
    expiry     nearest 45 dte in 35..55 dte
    short put  at 16 delta
    long put   about 50 pts below short put
    short call at 16 delta
    long call  about 50 pts above short call
}

policy income on core {
    open when probe(VIX.close / 1 vol).mean > 5 size 1 lot up to 2 positions
    close time when dte <= 40
}
";

#[test]
fn a_build_and_a_strategy_that_change_in_one_run_in_either_order_are_computed_again_as_they_were() {
    let folder = Folder::new(&[("probed.alula", TEXT)]);
    let home = folder.join("state-home");
    let alula = |args: &[&str]| folder.alula_with(args, "", &[("XDG_STATE_HOME", &home.to_string_lossy())]);
    if !builds(&folder) {
        return;
    }
    let trust = |library: &str| {
        let trusted = alula(&["plugin", "trust", library, "--id", "probe"]);
        assert_eq!(trusted.code, 0, "{trusted}");
    };
    let sha = |library: &str| {
        let shown = alula(&["plugin", "inspect", library, "--format", "json"]);
        let shown: serde_json::Value = serde_json::from_str(&shown.stdout).unwrap();
        shown["sha256"].as_str().unwrap().to_owned()
    };
    let upgrade = |library: &str, more: &[&str]| {
        trust(library);
        let args = [&["plugin", "upgrade", "state/probed", "probe", library], more].concat();
        let taken = alula(&args);
        assert_eq!(taken.code, 0, "{taken}");
    };
    let status = || -> serde_json::Value {
        serde_json::from_str(&alula(&["ctl", "status", "state/probed"]).stdout).unwrap_or_default()
    };
    let save = |text: &str, version: u64| {
        folder.write("probed.alula", text);
        let since = Instant::now();
        while status()["strategy_version"].as_u64() != Some(version) {
            assert!(since.elapsed() < Duration::from_secs(120), "{}", status());
            std::thread::sleep(Duration::from_millis(100));
        }
    };
    trust("first.so");
    let mut child = running(&folder);
    // A build, then a strategy: it goes on with the build in force, although the lock pins another one by then.
    upgrade("same.so", &[]);
    trust("first.so");
    let other = TEXT.replace("dte <= 40", "dte <= 39");
    save(&other, 2);
    // A strategy, then a build, which is computed with that strategy.
    upgrade("twice.so", &["--accept-divergence", "--why", "it was half of it"]);
    save(&other.replace(".mean > 5", ".mean > 6"), 3);
    trust("first.so");
    assert_eq!(alula(&["ctl", "stop", "state/probed"]).code, 0);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let manifest: serde_json::Value = serde_json::from_str(&folder.read("live/manifest.json")).unwrap();
    let builds: Vec<&str> = manifest["upgrades"]
        .as_array()
        .unwrap()
        .iter()
        .map(|u| u["sha256"].as_str().unwrap())
        .collect();
    assert_eq!(builds, [sha("same.so"), sha("twice.so")]);
    let journal = std::fs::read_dir(folder.join("state/probed")).unwrap();
    let journal = journal
        .map(|e| e.unwrap().path())
        .find(|p| p.extension().is_some_and(|e| e == "redb"));
    let journal = journal.unwrap().to_string_lossy().into_owned();
    let replay = alula(&["replay", &journal, "--format", "json"]);
    assert_eq!(replay.code, 0, "{replay}");
    assert!(replay.stdout.contains("\"same\": true"), "{replay}");
}
