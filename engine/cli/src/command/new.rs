//! `alula new NAME`.

use crate::args::NewArgs;
use crate::exit::{Exit, Failure, reason};
use crate::files;
use crate::output::Output;
use alula_core::thresholds::ThresholdSet;
use alula_dsl::compile::compile;
use alula_dsl::diagnostic::{has_errors, render};
use alula_dsl::format::format;
use alula_dsl::source::NoImports;
use std::path::Path;

/// Longest name, in characters.
const NAME_CHARS_MAX: usize = 48;
/// Names that a widespread file system keeps for itself.
const DEVICES: [&str; 4] = ["con", "prn", "aux", "nul"];

/// Writes a folder with a strategy, its thresholds, a test and a README.
///
/// # Errors
/// When the name does not do, something of that name exists, or the files cannot be written.
pub fn run(args: &NewArgs, out: &mut Output) -> Result<Exit, Failure> {
    let name = args.name.as_str();
    check_name(name)?;
    let files = content(name)?;
    let here = args.folder.as_os_str() == ".";
    let folder = if here {
        Path::new(name).to_owned()
    } else {
        args.folder.join(name)
    };
    create(&folder)?;
    let written = files
        .iter()
        .try_for_each(|(file, text)| files::write_new(&folder.join(file), text.as_bytes()));
    if let Err(failure) = written {
        // The folder is new and ours: half of a strategy would only be in the way.
        let _ = std::fs::remove_dir_all(&folder);
        return Err(failure);
    }
    for (file, _) in &files {
        out.data(&format!("{}\n", folder.join(file).display()))?;
    }
    let strategy = folder.join(format!("{name}.alula"));
    out.note(&format!("next: alula backtest {}", strategy.display()));
    Ok(Exit::Ok)
}

fn create(folder: &Path) -> Result<(), Failure> {
    std::fs::create_dir(folder).map_err(|e| {
        let failure = Failure::usage(format!("cannot make `{}`: {}", folder.display(), reason(&e)));
        match e.kind() {
            std::io::ErrorKind::AlreadyExists => {
                failure.help("choose another name; nothing that exists is overwritten")
            }
            std::io::ErrorKind::NotFound => failure.help("make the folder that `--in` names first"),
            _ => failure,
        }
    })
}

fn check_name(name: &str) -> Result<(), Failure> {
    let plain = name
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    let why = if name.is_empty() {
        "it is empty"
    } else if !plain {
        "it has characters other than lower-case letters, digits and underscores"
    } else if !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        "it does not begin with a letter"
    } else if name.len() > NAME_CHARS_MAX {
        "it is too long"
    } else if alula_dsl::syntax::is_reserved(name) {
        "it is a word of the language"
    } else if DEVICES.contains(&name) {
        "some systems reserve it"
    } else {
        return Ok(());
    };
    let failure = Failure::usage(format!("`{name}` cannot be a strategy's name: {why}"));
    let better: String = name
        .to_ascii_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .skip_while(|c| !c.is_ascii_lowercase())
        .take(NAME_CHARS_MAX)
        .collect();
    let better = better.trim_matches('_');
    let usable = better != name && !better.is_empty() && !alula_dsl::syntax::is_reserved(better);
    Err(if usable {
        failure.help(format!("`{better}` would do"))
    } else {
        failure.help("such as `my_condor`")
    })
}

/// The files by name. The strategy goes through compiler and formatter first, so that what is written is what they want.
fn content(name: &str) -> Result<Vec<(String, String)>, Failure> {
    let fill = |template: &str| template.replace("NAME", name);
    let strategy = fill(include_str!("../../templates/strategy.alula"));
    let compiled = compile(&format!("{name}.alula"), strategy.as_bytes(), &NoImports);
    let graph = compiled
        .graph
        .filter(|_| !has_errors(&compiled.diagnostics))
        .ok_or_else(|| {
            let findings = render::human(&compiled.sources, &compiled.diagnostics, false, 100);
            Failure::usage(format!(
                "`{name}` cannot be a strategy's name:\n{}",
                findings.trim_end()
            ))
            .help("choose another name")
        })?;
    let strategy = format(&strategy)
        .map_err(|e| Failure::usage(format!("the new strategy cannot be formatted: {e}")))?;
    let thresholds = ThresholdSet::defaults(&graph.thresholds).canonical_text(name, &graph.thresholds);
    Ok(vec![
        (format!("{name}.alula"), strategy),
        (format!("{name}.thresholds.yaml"), thresholds),
        (
            format!("{name}.test.yaml"),
            fill(include_str!("../../templates/test.yaml")),
        ),
        (
            "README.md".to_owned(),
            fill(include_str!("../../templates/README.md")),
        ),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_would_not_work_are_refused_with_one_that_would() {
        let help = |name: &str| check_name(name).unwrap_err().help.unwrap();
        assert_eq!(help("My Condor"), "`my_condor` would do");
        assert_eq!(help("2fast"), "`fast` would do");
        assert_eq!(help("../evil"), "`evil` would do");
        assert_eq!(help(""), "such as `my_condor`");
        assert_eq!(help("nul"), "such as `my_condor`");
        assert!(check_name("policy").is_err());
        assert!(check_name(&"x".repeat(NAME_CHARS_MAX)).is_ok());
        assert!(check_name(&"x".repeat(NAME_CHARS_MAX + 1)).is_err());
    }

    #[test]
    fn the_new_strategy_has_no_findings_and_is_formatted() {
        let files = content("my_condor").unwrap();
        let strategy = &files[0].1;
        let compiled = compile("my_condor.alula", strategy.as_bytes(), &NoImports);
        assert_eq!(compiled.diagnostics, []);
        assert_eq!(&format(strategy).unwrap(), strategy);
        assert!(files.iter().all(|(_, text)| !text.contains("NAME")));
    }
}
