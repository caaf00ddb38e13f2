//! `alula import INPUT… --store DIR`.

use crate::args::{ImportArgs, TextFormat, UnderlyingFrom};
use crate::exit::{Exit, Failure};
use crate::files;
use crate::output::Output;
use crate::progress::Bar;
use alula_market::import::{
    self, ImportError, ImportErrorKind, ImportRequest, Layout, Mapping, RootRule, SpotFrom,
};
use alula_market::store::StoreErrorKind;
use std::path::Path;

/// Imports, and writes the quality report.
///
/// # Errors
/// When the request makes no sense, a file cannot be read, or the data is refused. The store is then as it was.
pub fn run(args: &ImportArgs, out: &mut Output) -> Result<Exit, Failure> {
    if args.mapping_example {
        out.data(import::MAPPING_EXAMPLE)?;
        return Ok(Exit::Ok);
    }
    let request = request(args)?;
    let mut bar = Bar::of_bytes(out);
    let result = import::run(&request, &mut bar);
    drop(bar);
    let report = result.map_err(|e| failure(&e))?;
    let quality = &report.quality;
    match args.format {
        TextFormat::Text => out.data(&quality.to_text())?,
        TextFormat::Json => out.data(&quality.to_json())?,
    }
    if !quality.refused.is_empty() {
        let n = quality.refused.len();
        let files = if n == 1 {
            "1 file or day was".to_owned()
        } else {
            format!("{n} files or days were")
        };
        out.warn(&format!("{files} refused; the report says why"));
    }
    if quality.bad_rows.count > 0 {
        out.warn(&format!(
            "{} malformed rows were left out; the report lists them",
            quality.bad_rows.count
        ));
    }
    let nothing_new =
        !quality.already_stored.is_empty() && quality.chain_days.is_empty() && quality.series.is_empty();
    let done = match (report.appended, nothing_new) {
        (true, true) => "nothing new for",
        (true, false) => "added to",
        (false, _) => "wrote",
    };
    let store = report.store.display();
    out.note(&format!(
        "{done} store {store}\nnext: alula backtest STRATEGY --data {store}"
    ));
    Ok(Exit::Ok)
}

fn request(args: &ImportArgs) -> Result<ImportRequest, Failure> {
    let mut request = ImportRequest::new(args.inputs.clone(), args.store.clone().unwrap_or_default());
    request.append = args.append;
    request.skip_bad = args.skip_bad;
    request.strict = args.strict;
    request.series_id.clone_from(&args.series);
    request.mapping = args.mapping.as_deref().map(mapping).transpose()?;
    request.sample_minutes = args.sample_every;
    request.spot = match args.underlying {
        UnderlyingFrom::Series => SpotFrom::Series,
        UnderlyingFrom::Parity => SpotFrom::Parity,
    };
    if let Some(rule) = &args.root {
        let wrong = |what| {
            Failure::usage(what).help("write one root for all rows (`--root SPXW`), or a list such as `--root monthly=SPX,other=SPXW`")
        };
        request.roots = Some(RootRule::parse(rule).map_err(wrong)?);
    }
    if let Some(zone) = &args.time_zone {
        let wrong = || {
            Failure::usage(format!("`{zone}` is not a time zone"))
                .help("write a name of the IANA list: `America/New_York`, `America/Chicago`, `UTC`")
        };
        request.time_zone = Some(import::time_zone(zone).ok_or_else(wrong)?);
    }
    if let Some(time) = &args.snapshot_time {
        request.snapshot_time = time_of_day(time)?;
    }
    if let Some(kind) = &args.kind {
        request.kind = Some(Layout::parse(kind).ok_or_else(|| unknown_kind(kind))?);
    }
    Ok(request)
}

/// Reads a mapping file; all that is wrong with it is told at once.
fn mapping(path: &Path) -> Result<Mapping, Failure> {
    let shown = path.display();
    let bytes = files::read(path)?;
    Mapping::parse(&bytes).map_err(|found| {
        let more = found.iter().skip(1).map(|f| format!("{shown}:{f}; {}", f.fix));
        let help: Vec<String> = found
            .first()
            .map(|f| f.fix.clone())
            .into_iter()
            .chain(more)
            .collect();
        let first = found.first().map_or_else(String::new, ToString::to_string);
        Failure::new(Exit::Usage, format!("{shown}:{first}")).help(help.join("\n"))
    })
}

fn time_of_day(text: &str) -> Result<(u32, u32), Failure> {
    let parts = text.split_once(':').filter(|(h, m)| h.len() <= 2 && m.len() == 2);
    let digits = |t: &str| {
        t.bytes()
            .all(|b| b.is_ascii_digit())
            .then(|| t.parse::<u32>().ok())
            .flatten()
    };
    let time = parts.and_then(|(h, m)| Some((digits(h)?, digits(m)?)));
    time.filter(|(h, m)| *h < 24 && *m < 60).ok_or_else(|| {
        Failure::usage(format!("`{text}` is not a time of day"))
            .help("write hours and minutes in exchange time: `--snapshot-time 15:45`")
    })
}

fn unknown_kind(kind: &str) -> Failure {
    let names: Vec<String> = Layout::ALL
        .iter()
        .map(|l| format!("{:<19} {}", l.name(), l.header()))
        .collect();
    let near = Layout::ALL
        .iter()
        .map(|l| l.name())
        .find(|n| strsim::jaro_winkler(kind, n) > 0.85);
    let help = match near {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("one of these, by the columns of the file:\n{}", names.join("\n")),
    };
    Failure::usage(format!("there is no layout `{kind}`")).help(help)
}

/// Trouble with paths and options is the caller's; the rest is the data's.
fn failure(error: &ImportError) -> Failure {
    let exit = match error.kind {
        ImportErrorKind::Request
        | ImportErrorKind::Io
        | ImportErrorKind::Store(
            StoreErrorKind::NotFound
            | StoreErrorKind::NotAStore
            | StoreErrorKind::Exists
            | StoreErrorKind::Busy
            | StoreErrorKind::Io,
        ) => Exit::Usage,
        _ => Exit::Data,
    };
    // The library speaks of its request; the words here are those of the command line.
    let words = |text: &str| text.replace("--series-id", "--series");
    Failure::new(exit, words(&error.to_string())).help(words(error.help()))
}

#[cfg(test)]
mod tests {
    use super::time_of_day;

    #[test]
    fn a_time_of_day_is_hours_and_minutes() {
        assert_eq!(time_of_day("15:45"), Ok((15, 45)));
        assert_eq!(time_of_day("9:30"), Ok((9, 30)));
        for wrong in ["24:00", "15:60", "15", "15:4", "+1:00", "", "15:45:00"] {
            assert!(time_of_day(wrong).is_err(), "{wrong}");
        }
    }
}
