//! Reads a file and what it imports, each file once, imported files before those that import them.

use super::ParsedFile;
use crate::ast::{Ident, ItemKind, Node};
use crate::diagnostic::{Diagnostic, codes};
use crate::source::{SourceFile, SourceLoader, SourceMap};
use crate::span::FileId;
use crate::syntax;

/// Most files of one strategy, the entry included.
pub const MAX_FILES: usize = 64;

/// Deepest chain of imports.
pub const MAX_IMPORT_DEPTH: usize = 16;

/// What was read.
#[derive(Debug, Default)]
pub(crate) struct Read {
    pub(crate) sources: SourceMap,
    /// Imported files first, the entry last.
    pub(crate) files: Vec<ParsedFile>,
    pub(crate) findings: Vec<Diagnostic>,
    /// Names of items that could not be parsed, in any file.
    pub(crate) broken: Vec<Ident>,
}

struct Reader<'l> {
    loader: &'l dyn SourceLoader,
    out: Read,
    /// Names of the files being read, the entry first: the chain of imports.
    chain: Vec<String>,
    /// Names of all files read so far.
    known: Vec<String>,
}

/// Reads the entry and its imports. `entry` is its path relative to the project folder, which imports cannot leave.
pub(crate) fn read(entry: &str, bytes: &[u8], loader: &dyn SourceLoader) -> Read {
    let mut reader = Reader {
        loader,
        out: Read::default(),
        chain: Vec::new(),
        known: Vec::new(),
    };
    reader.file(entry, bytes);
    reader.out
}

impl Reader<'_> {
    fn file(&mut self, name: &str, bytes: &[u8]) {
        self.chain.push(name.to_owned());
        self.known.push(name.to_owned());
        let id = FileId(u16::try_from(self.out.sources.files().len()).unwrap_or(u16::MAX));
        let parsed = syntax::parse(id, bytes);
        self.out.sources.add(SourceFile::new(name, parsed.text));
        self.out.findings.extend(parsed.diagnostics);
        self.out.broken.extend(parsed.broken);
        for item in &parsed.ast.items {
            if let ItemKind::Import(path) = &item.kind {
                self.import(name, path);
            }
        }
        self.out.files.push(ParsedFile {
            name: name.to_owned(),
            id,
            ast: parsed.ast,
        });
        self.chain.pop();
    }

    fn import(&mut self, from: &str, path: &Node<String>) {
        let target = match normalise(from, &path.value) {
            Ok(target) => target,
            Err(why) => {
                let message = format!("the import `{}` {why}", path.value);
                let help = "write a path relative to this file, inside the project folder: `import \"shared/vol.alula\"`";
                self.out
                    .findings
                    .push(Diagnostic::error(codes::IMPORT_OUTSIDE, path.span, message).help(help));
                return;
            }
        };
        if let Some(at) = self.chain.iter().position(|n| *n == target) {
            let mut names: Vec<&str> = self.chain.iter().skip(at).map(String::as_str).collect();
            names.push(&target);
            let chain: Vec<String> = names.iter().map(|n| format!("`{n}`")).collect();
            let message = match chain.as_slice() {
                [_, _] => format!("the file `{target}` imports itself"),
                _ => format!("files import each other in a circle: {}", chain.join(" -> ")),
            };
            let help = "move what both need into a third file, and import that";
            self.out
                .findings
                .push(Diagnostic::error(codes::IMPORT_CYCLE, path.span, message).help(help));
            return;
        }
        if self.known.contains(&target) {
            return;
        }
        if self.known.len() >= MAX_FILES || self.chain.len() >= MAX_IMPORT_DEPTH {
            let message = format!("the import `{}` is one too many", path.value);
            let help =
                format!("a strategy has at most {MAX_FILES} files, nested at most {MAX_IMPORT_DEPTH} deep");
            self.out
                .findings
                .push(Diagnostic::error(codes::TOO_MANY_IMPORTS, path.span, message).help(help));
            return;
        }
        match self.loader.load(&target) {
            Ok(bytes) => self.file(&target, &bytes),
            Err(reason) => {
                let message = format!("the file `{target}` could not be read: {reason}");
                let help = "paths are relative to the importing file";
                self.out
                    .findings
                    .push(Diagnostic::error(codes::IMPORT_NOT_FOUND, path.span, message).help(help));
            }
        }
    }
}

/// The path of an import, relative to the project folder, without `.` and `..`.
fn normalise(from: &str, path: &str) -> Result<String, &'static str> {
    if path.contains('\\') {
        return Err("holds a backslash; folders are separated by `/`");
    }
    if path.starts_with('/') {
        return Err("is an absolute path");
    }
    if path.contains(':') {
        return Err("holds a `:`, as drive letters and addresses do");
    }
    if path.chars().any(char::is_control) {
        return Err("holds a control character");
    }
    // The importing file's folders, without its name.
    let mut parts: Vec<&str> = from.split('/').filter(|p| !matches!(*p, "" | ".")).collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                if parts.pop().is_none() {
                    return Err("leaves the project folder");
                }
            }
            name => parts.push(name),
        }
    }
    if !path.ends_with(".alula") || parts.is_empty() {
        return Err("does not end in `.alula`");
    }
    Ok(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::normalise;

    #[test]
    fn imports_are_relative_to_the_importing_file_and_stay_inside() {
        let check = |from: &str, path: &str, want: Result<&str, &str>| {
            assert_eq!(
                normalise(from, path),
                want.map(str::to_owned),
                "{from} imports {path}"
            );
        };
        check("a.alula", "b.alula", Ok("b.alula"));
        check("x/a.alula", "b.alula", Ok("x/b.alula"));
        check("x/a.alula", "./y//b.alula", Ok("x/y/b.alula"));
        check("x/a.alula", "../b.alula", Ok("b.alula"));
        check("./x/a.alula", "../b.alula", Ok("b.alula"));
        check("a.alula", "../b.alula", Err("leaves the project folder"));
        check(
            "x/a.alula",
            "y/../../../b.alula",
            Err("leaves the project folder"),
        );
        check("a.alula", "/etc/b.alula", Err("is an absolute path"));
        check(
            "a.alula",
            "C:/b.alula",
            Err("holds a `:`, as drive letters and addresses do"),
        );
        check(
            "a.alula",
            "x\\b.alula",
            Err("holds a backslash; folders are separated by `/`"),
        );
        check("a.alula", "", Err("does not end in `.alula`"));
        check("a.alula", "b.txt", Err("does not end in `.alula`"));
    }
}
