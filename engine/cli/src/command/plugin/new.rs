//! `alula plugin new`: a folder with a plugin, all that it is built with, and a strategy that uses it.

use crate::args::{PluginLanguage, PluginNewArgs};
use crate::exit::{Exit, Failure};
use crate::files;
use crate::output::Output;
use std::path::Path;

/// Longest name, in characters.
const NAME_CHARS_MAX: usize = 48;

/// A file of the kit with its text.
macro_rules! vendored {
    ($file:literal) => {
        ($file, include_str!(concat!("../../../../../plugins/", $file)))
    };
}

/// The kit and the contract, as they go into a new Rust plugin.
const VENDORED: &[(&str, &str)] = &[
    ("abi/include/alula_plugin.h", HEADER),
    (
        "README.md",
        "The plugin kit of alula, copied so that this plugin builds on its own. Do not edit it.\n",
    ),
    vendored!("abi/src/lib.rs"),
    vendored!("abi/src/raw/mod.rs"),
    vendored!("abi/src/raw/chain.rs"),
    vendored!("abi/src/raw/broker.rs"),
    vendored!("abi/src/float.rs"),
    vendored!("abi/src/chain.rs"),
    vendored!("abi/src/broker/mod.rs"),
    vendored!("abi/src/broker/event.rs"),
    vendored!("abi/src/broker/pass.rs"),
    vendored!("abi/src/broker/wire.rs"),
    vendored!("abi/src/conformance.rs"),
    vendored!("abi/src/conformance/broker.rs"),
    vendored!("abi/src/conformance/feed.rs"),
    vendored!("abi/src/host/mod.rs"),
    vendored!("abi/src/host/broker.rs"),
    vendored!("abi/src/host/broker/connection.rs"),
    vendored!("abi/src/host/broker/info.rs"),
    vendored!("abi/src/host/describe.rs"),
    vendored!("abi/src/host/envelope.rs"),
    vendored!("abi/src/host/far.rs"),
    vendored!("abi/src/host/instance.rs"),
    vendored!("abi/src/host/shadow.rs"),
    vendored!("abi/src/host/table.rs"),
    vendored!("abi/src/host/table/handle.rs"),
    vendored!("abi/src/host/table/memory.rs"),
    vendored!("abi/src/host/wire.rs"),
    vendored!("sdk/src/lib.rs"),
    vendored!("sdk/src/broker.rs"),
    vendored!("sdk/src/chain.rs"),
    vendored!("sdk/src/indicator.rs"),
    vendored!("sdk/src/shim.rs"),
    vendored!("sdk/src/shim/broker.rs"),
    vendored!("sdk/src/shim/chain.rs"),
    vendored!("sdk/src/state.rs"),
    vendored!("sdk/src/testing.rs"),
];

const HEADER: &str = include_str!("../../../../../plugins/abi/include/alula_plugin.h");

/// Writes the folder.
///
/// # Errors
/// When the name will not do, something of that name exists, or a file cannot be written.
pub fn run(args: &PluginNewArgs, out: &mut Output) -> Result<Exit, Failure> {
    let name = identifier(&args.name)?;
    let folder = if args.folder.as_os_str() == "." {
        Path::new(&args.name).to_owned()
    } else {
        args.folder.join(&args.name)
    };
    std::fs::create_dir(&folder).map_err(|e| {
        Failure::io("make", &folder, &e)
            .help("choose another name or folder; nothing that exists is overwritten")
    })?;
    for (file, text) in content(&args.name, &name, args.lang) {
        let path = folder.join(&file);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(|e| Failure::io("make", parent, &e))?;
        }
        files::write_new(&path, text.as_bytes())?;
        if !file.starts_with("kit/") {
            out.data(&format!("{}\n", path.display()))?;
        }
    }
    out.note(&format!(
        "next: cd {} && {}",
        folder.display(),
        build(&name, args.lang).0
    ));
    Ok(Exit::Ok)
}

/// The name as the language writes it: `my-indicator` is `my_indicator`.
fn identifier(name: &str) -> Result<String, Failure> {
    let id = name.replace('-', "_");
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    let why = if !id.starts_with(|c: char| c.is_ascii_lowercase()) {
        "it does not begin with a lower-case letter"
    } else if !id.bytes().all(plain) {
        "it has characters other than lower-case letters, digits, `-` and `_`"
    } else if id.len() > NAME_CHARS_MAX {
        "it is too long"
    } else if alula_dsl::syntax::is_reserved(&id) {
        "it is a word of the language"
    } else {
        return Ok(id);
    };
    Err(Failure::usage(format!("`{name}` cannot be a plugin: {why}")).help("such as `my-indicator`"))
}

/// How it is built, and what comes out.
fn build(name: &str, lang: PluginLanguage) -> (String, String) {
    let (pre, post) = if cfg!(windows) {
        ("", "dll")
    } else if cfg!(target_os = "macos") {
        ("lib", "dylib")
    } else {
        ("lib", "so")
    };
    match lang {
        PluginLanguage::Rust => (
            "cargo test && cargo build --release".to_owned(),
            format!("target/release/{pre}{name}.{post}"),
        ),
        PluginLanguage::C => (
            format!(
                "cc -std=c11 -O2 -Wall -fPIC -shared -fvisibility=hidden {name}.c -lm -o {pre}{name}.{post}"
            ),
            format!("{pre}{name}.{post}"),
        ),
    }
}

fn content(folder: &str, name: &str, lang: PluginLanguage) -> Vec<(String, String)> {
    let (command, library) = build(name, lang);
    let source = match lang {
        PluginLanguage::Rust => "src/lib.rs".to_owned(),
        PluginLanguage::C => format!("{name}.c"),
    };
    let readme = include_str!("../../../templates/plugin/README.md")
        .replace("BUILD", &command)
        .replace("LIBRARY", &library)
        .replace("SOURCE", &format!("`{source}`"))
        .replace("NAME", name);
    let strategy = include_str!("../../../templates/plugin/strategy.alula").replace("NAME", name);
    let mut files = vec![
        ("README.md".to_owned(), readme),
        (format!("{name}.alula"), strategy),
        (
            ".gitignore".to_owned(),
            "target/\nruns/\n*.so\n*.dylib\n*.dll\n".to_owned(),
        ),
    ];
    match lang {
        PluginLanguage::C => {
            let code = include_str!("../../../templates/plugin/plugin.c").replace("NAME", name);
            files.push((source, code));
            files.push(("alula_plugin.h".to_owned(), HEADER.to_owned()));
        }
        PluginLanguage::Rust => {
            let code = include_str!("../../../templates/plugin/lib.rs").replace("NAME", name);
            files.push((source, code));
            files.push((
                "Cargo.toml".to_owned(),
                manifest(folder, "[lib]\ncrate-type = [\"cdylib\"]\n\n[dependencies]\nalula-plugin-sdk = { path = \"kit/sdk\" }\n\n[workspace]\nmembers = [\"kit/abi\", \"kit/sdk\"]\n"),
            ));
            files.push(("kit/abi/Cargo.toml".to_owned(), manifest("alula-plugin-abi", "")));
            files.push((
                "kit/sdk/Cargo.toml".to_owned(),
                manifest(
                    "alula-plugin-sdk",
                    "[dependencies]\nalula-plugin-abi = { path = \"../abi\" }\n",
                ),
            ));
            for &(file, text) in VENDORED {
                files.push((format!("kit/{file}"), text.to_owned()));
            }
        }
    }
    files
}

fn manifest(name: &str, rest: &str) -> String {
    format!(
        "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\npublish = false\n\n{rest}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use alula_dsl::compile::compile;
    use alula_dsl::diagnostic::has_errors;
    use alula_dsl::source::NoImports;

    #[test]
    fn the_strategy_of_a_new_plugin_has_no_errors() {
        for lang in [PluginLanguage::Rust, PluginLanguage::C] {
            let files = content("my-indicator", "my_indicator", lang);
            let (name, text) = files.iter().find(|(n, _)| n.ends_with(".alula")).unwrap();
            let compiled = compile(name, text.as_bytes(), &NoImports);
            assert!(!has_errors(&compiled.diagnostics), "{:?}", compiled.diagnostics);
            assert!(
                files
                    .iter()
                    .all(|(n, t)| n.starts_with("kit/") || !t.contains("NAME"))
            );
        }
    }

    #[test]
    fn a_new_plugin_in_rust_gets_every_file_of_the_kit() {
        fn files(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
            for entry in std::fs::read_dir(folder).unwrap().flatten() {
                if entry.path().is_dir() {
                    files(&entry.path(), found);
                } else {
                    found.push(entry.path());
                }
            }
        }
        let plugins = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins");
        let mut found = Vec::new();
        files(&plugins.join("abi/src"), &mut found);
        files(&plugins.join("sdk/src"), &mut found);
        for path in found {
            let name = path
                .strip_prefix(&plugins)
                .unwrap()
                .to_string_lossy()
                .replace('\\', "/");
            assert!(VENDORED.iter().any(|(file, _)| *file == name), "{name}");
        }
    }

    #[test]
    fn names_that_would_not_work_are_refused() {
        assert_eq!(identifier("my-indicator").unwrap(), "my_indicator");
        for name in ["", "2fast", "../evil", "My", "policy", &"x".repeat(49)] {
            assert!(identifier(name).is_err(), "{name}");
        }
    }
}
