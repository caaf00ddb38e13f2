//! The rules of the house, read off the manifests and the sources.

use crate::support::root;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Rooms from the bottom up: each may depend only on rooms of a smaller number.
const FLOORS: &[(&str, &str, u8)] = &[
    ("alula-dsl", "dsl", 0),
    ("alula-pricing", "engine/pricing", 0),
    ("alula-plugin-abi", "plugins/abi", 0),
    ("alula-plugin-sdk", "plugins/sdk", 1),
    ("alula-plugin-loader", "plugins/loader", 1),
    ("alula-volatility", "plugins/volatility", 2),
    ("alula-ibkr", "plugins/ibkr", 2),
    ("alula-paper", "plugins/paper", 3),
    ("alula-talib", "plugins/talib", 2),
    ("alula-yaml", "engine/yaml", 0),
    ("alula-market", "engine/market", 1),
    ("alula-book", "engine/book", 2),
    ("alula-core", "engine/core", 3),
    ("alula-journal", "engine/journal", 0),
    ("alula-run", "engine/run", 4),
    ("alula-live", "engine/live", 5),
    ("alula-report", "engine/report", 5),
    ("alula-proof", "engine/proof", 5),
    ("alula", "engine/cli", 6),
];

fn sources(dir: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(dir) else { return };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|e| e.path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            if path.file_name().is_some_and(|n| n != "target" && n != ".git") {
                sources(&path, found);
            }
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

/// Every Rust file under the workspace root, as (path relative to it, code without comments).
fn code() -> Vec<(String, String)> {
    let root = root();
    let mut found = Vec::new();
    for room in ["dsl", "engine", "plugins", "examples", "tests"] {
        sources(&root.join(room), &mut found);
    }
    found
        .into_iter()
        .map(|path| {
            let text = fs::read_to_string(&path).expect("a source file is readable");
            let code: Vec<&str> = text.lines().map(|l| l.split("//").next().unwrap_or("")).collect();
            let name = path
                .strip_prefix(&root)
                .unwrap_or(&path)
                .to_string_lossy()
                .replace('\\', "/");
            (name, code.join("\n"))
        })
        .collect()
}

fn dependencies(manifest: &str, section: &str) -> Vec<String> {
    let mut inside = false;
    let mut names = Vec::new();
    for line in manifest.lines() {
        if let Some(header) = line.strip_prefix('[') {
            inside = header.trim_end_matches(']') == section;
        } else if inside && let Some((name, _)) = line.split_once('=') {
            names.push(name.trim().trim_end_matches(".workspace").to_owned());
        }
    }
    names
}

#[test]
fn dependencies_between_rooms_point_downwards() {
    let floor: BTreeMap<&str, u8> = FLOORS.iter().map(|(name, _, floor)| (*name, *floor)).collect();
    for (name, path, own) in FLOORS {
        let manifest =
            fs::read_to_string(root().join(path).join("Cargo.toml")).expect("every room has a manifest");
        for dependency in dependencies(&manifest, "dependencies") {
            if let Some(other) = floor.get(dependency.as_str()) {
                assert!(
                    other < own,
                    "{name} (floor {own}) must not depend on {dependency} (floor {other})"
                );
            }
        }
    }
}

#[test]
fn every_room_of_the_workspace_has_a_floor() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("the workspace manifest");
    let members: Vec<&str> = manifest
        .lines()
        .skip_while(|l| !l.starts_with("members"))
        .skip(1)
        .take_while(|l| !l.starts_with(']'))
        .filter_map(|l| {
            l.trim()
                .trim_end_matches(',')
                .trim_matches('"')
                .split_whitespace()
                .next()
        })
        .collect();
    assert!(
        members.len() >= FLOORS.len(),
        "members were not read: {members:?}"
    );
    for member in members {
        let known = FLOORS.iter().any(|(_, path, _)| *path == member);
        assert!(
            known || ["examples", "tests", "engine/bench"].contains(&member),
            "{member} has no floor"
        );
    }
}

#[test]
fn the_top_level_holds_only_the_fixed_rooms() {
    let allowed = [
        "dsl", "engine", "rules", "plugins", "examples", "tests", "target", "runs", "store",
    ];
    for entry in fs::read_dir(root()).expect("the workspace root").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.path().is_dir() && !name.starts_with('.') {
            assert!(
                allowed.contains(&name.as_str()),
                "unexpected top-level folder `{name}`"
            );
        }
    }
}

fn files_naming(word: &str) -> Vec<String> {
    let boundary = |c: Option<char>| c.is_none_or(|c| !(c.is_alphanumeric() || c == '_'));
    code()
        .into_iter()
        .filter(|(path, _)| path != "tests/architecture.rs")
        .filter(|(_, code)| {
            code.match_indices(word).any(|(at, _)| {
                let before = code.get(..at).and_then(|s| s.chars().next_back());
                let after = code.get(at + word.len()..);
                boundary(before) && after.is_some_and(|a| a.starts_with("::"))
            })
        })
        .map(|(path, _)| path)
        .collect()
}

#[test]
fn each_outside_engine_has_one_door() {
    let only = |word: &str, door: &str| {
        for path in files_naming(word) {
            let bench = path.starts_with("engine/bench/");
            assert!(
                bench || path.starts_with(door),
                "{path} names `{word}`, which belongs to {door}"
            );
        }
    };
    only("rhai", "engine/core/src/script/");
    only("serde_yaml", "engine/yaml/");
    only("granit_parser", "engine/yaml/");
    only("libloading", "plugins/loader/");
    only("ibapi", "plugins/ibkr/");
    assert_eq!(
        files_naming("rhai")
            .iter()
            .filter(|p| p.starts_with("engine/core"))
            .count(),
        1
    );
}

#[test]
fn unsafe_code_stands_in_plugins_alone() {
    for (path, code) in code() {
        let doors = ["plugins/loader/", "plugins/sdk/", "plugins/abi/"];
        // The word as Rust uses it, not as a text may name it.
        let uses = [
            "unsafe {",
            "unsafe fn",
            "unsafe impl",
            "unsafe trait",
            "unsafe extern",
            "unsafe(",
        ];
        let has = uses.iter().any(|u| code.contains(u));
        assert!(
            !has || doors.iter().any(|d| path.starts_with(d)) || path == "tests/architecture.rs",
            "{path} is unsafe"
        );
    }
}

#[test]
fn the_language_and_the_core_touch_no_disk_clock_or_environment() {
    let banned = [
        "std::fs",
        "std::net",
        "std::env",
        "std::process",
        "SystemTime",
        "Instant::now",
        "Utc::now",
        "Local::now",
    ];
    for (path, code) in code() {
        let quiet = [
            "dsl/src/",
            "engine/core/src/",
            "engine/pricing/src/",
            "engine/book/src/",
            "engine/report/src/",
            "engine/yaml/src/",
        ];
        if !quiet.iter().any(|room| path.starts_with(room)) {
            continue;
        }
        let code = code.split("#[cfg(test)]").next().unwrap_or("");
        for word in banned {
            assert!(!code.contains(word), "{path} names `{word}`");
        }
    }
}
