//! The header as C11 and as C++17, and its layout against the Rust mirror.

// Says to clippy that all of this is test code, helpers included.
#![cfg(test)]

use alula_plugin_abi::raw::layouts;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

/// A program that prints each struct's size, and each field's name, offset and size.
fn program() -> String {
    let mut text = "#include <stdio.h>\n#include \"alula_plugin.h\"\nint main(void) {\n".to_owned();
    for layout in layouts() {
        let c = layout.name;
        writeln!(text, "  printf(\"{c} %zu\\n\", sizeof({c}));").unwrap();
        for (field, ..) in layout.fields {
            writeln!(
                text,
                "  printf(\"{c}.{field} %zu %zu\\n\", offsetof({c}, {field}), sizeof((({c} *)0)->{field}));"
            )
            .unwrap();
        }
    }
    text + "  return 0;\n}\n"
}

fn expected() -> String {
    let mut text = String::new();
    for layout in layouts() {
        writeln!(text, "{} {}", layout.name, layout.size).unwrap();
        for (field, offset, size) in layout.fields {
            writeln!(text, "{}.{field} {offset} {size}", layout.name).unwrap();
        }
    }
    text
}

fn compiled_with(compiler: &str, standard: &str, name: &str) {
    if Command::new(compiler).arg("--version").output().is_err() {
        println!("skipped: {compiler} absent");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let source = dir.path().join(name);
    let binary = dir.path().join("layout");
    std::fs::write(&source, program()).unwrap();
    let include = Path::new(env!("CARGO_MANIFEST_DIR")).join("include");
    let done = Command::new(compiler)
        .args([standard, "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-I"])
        .arg(include)
        .arg(&source)
        .arg("-o")
        .arg(&binary)
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let said = Command::new(&binary).output().unwrap();
    assert_eq!(String::from_utf8(said.stdout).unwrap(), expected());
}

#[test]
fn the_header_is_c11_without_warnings_and_laid_out_as_the_mirror() {
    compiled_with("cc", "-std=c11", "layout.c");
}

#[test]
fn the_header_is_cpp17_without_warnings_and_laid_out_as_the_mirror() {
    compiled_with("g++", "-std=c++17", "layout.cpp");
}

#[test]
fn the_mirror_has_every_struct_and_field_of_the_header() {
    let header = include_str!("../include/alula_plugin.h");
    let structs = header.matches("typedef struct ").count();
    assert_eq!(structs, layouts().count());
    for layout in layouts() {
        let start = header
            .find(&format!("typedef struct {} {{", layout.name))
            .expect("the struct");
        let end = header[start..]
            .find(&format!("}} {};", layout.name))
            .expect("its end");
        let body = &header[start..start + end];
        let body: String = body
            .split("/*")
            .map(|part| part.split_once("*/").map_or(part, |(_, code)| code))
            .collect();
        // One declaration a line: each ends with a semicolon, and so does none else.
        assert_eq!(body.matches(';').count(), layout.fields.len(), "{}", layout.name);
    }
}
