//! Databento's DBN files (OPRA and others) as records of text fields: snapshots of all quotes at whole minutes.
//!
//! A DBN file is a stream of updates: `cbbo-1s` and `cbbo-1m` carry an instrument's best bid and ask at the end of an
//! interval, `cmbp-1`, `tcbbo` and `mbp-1` at every change. A quote stands until the next record of its instrument or
//! the end of the day; at each whole minute by which something was received all standing quotes are one snapshot. Instruments are named by
//! the file's own mappings, by its definition records, or by the definition file beside it
//! (`day.cbbo-1m.dbn.zst` beside `day.definition.dbn.zst`).

use super::error::{ImportError, ImportErrorKind};
use super::input::{HashedFile, Records};
use crate::time::{Date, Instant};
use ::dbn::decode::{DbnMetadata as _, DecodeRecordRef as _, DynDecoder};
use ::dbn::enums::VersionUpgradePolicy;
use ::dbn::symbol_map::TsSymbolMap;
use ::dbn::{CbboMsg, Cmbp1Msg, InstrumentDefMsg, Mbp1Msg, RecordRef, SymbolMappingMsg, UNDEF_PRICE};
use csv::ByteRecord;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Write as _};
use std::path::{Path, PathBuf};

/// Names of the fields, by which the layout is told.
const HEADER: [&str; 6] = ["dbn_time", "raw_symbol", "bid_px", "ask_px", "bid_sz", "ask_sz"];

const NANOS: u64 = 1_000_000_000;
/// Seconds between snapshots.
const STEP: u64 = 60;

type Decoder = DynDecoder<'static, BufReader<File>>;

/// Best bid and ask in billionths of a point, and contracts shown, as the file has them.
#[derive(Clone, Copy)]
struct Best {
    bid: i64,
    ask: i64,
    bid_size: u32,
    ask_size: u32,
}

/// A DBN file being read.
pub(super) struct DbnRecords {
    name: String,
    path: PathBuf,
    decoder: Decoder,
    /// Names by instrument and time, of the file's metadata.
    mapped: TsSymbolMap,
    /// Names by instrument, of records and of the definition file.
    named: BTreeMap<u32, String>,
    /// The definition file was looked for.
    looked: bool,
    /// Standing quotes of the day, by instrument.
    standing: BTreeMap<u32, Best>,
    day: Option<Date>,
    /// The minute being collected, in seconds since 1970.
    minute: u64,
    /// Rows of the finished minute, last first.
    ready: Vec<(u64, String, Best)>,
    ended: bool,
    quotes: u64,
    line: u64,
    bytes: u64,
    hashed: HashedFile,
}

fn damaged(name: &str, what: impl std::fmt::Display) -> ImportError {
    let text = what.to_string();
    let said = text.lines().next().unwrap_or_default();
    ImportError::new(
        ImportErrorKind::Truncated,
        format!("the DBN file is damaged: {said}"),
        "the file was cut short or changed: download it again",
    )
    .in_file(name)
}

fn decoder(path: &Path, name: &str) -> Result<Decoder, ImportError> {
    let file = File::open(path).map_err(|e| super::input::io_error(name, &e))?;
    DynDecoder::new_inferred(file, VersionUpgradePolicy::UpgradeToV3).map_err(|e| damaged(name, e))
}

/// `day.cbbo-1m.dbn.zst`: the definition file of the same day beside it.
fn definitions_beside(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.to_str()?;
    let day = name.split('.').next()?;
    [".definition.dbn.zst", ".definition.dbn"]
        .into_iter()
        .map(|end| path.with_file_name(format!("{day}{end}")))
        .find(|p| p.is_file() && p != path)
}

impl DbnRecords {
    pub(super) fn open(path: &Path, name: &str) -> Result<Self, ImportError> {
        let hashed = HashedFile::open(path, name)?;
        let bytes = std::fs::metadata(path).map_err(|e| super::input::io_error(name, &e))?;
        let decoder = decoder(path, name)?;
        // Files of all symbols carry no mappings: their names come from definitions.
        let mapped = decoder.metadata().symbol_map().unwrap_or_default();
        Ok(Self {
            name: name.to_owned(),
            path: path.to_owned(),
            decoder,
            mapped,
            named: BTreeMap::new(),
            looked: false,
            standing: BTreeMap::new(),
            day: None,
            minute: 0,
            ready: Vec::new(),
            ended: false,
            quotes: 0,
            line: 0,
            bytes: bytes.len(),
            hashed,
        })
    }

    /// Reads records until a minute is finished or the file ends.
    fn fill(&mut self) -> Result<(), ImportError> {
        while self.ready.is_empty() && !self.ended {
            let (instrument, at, best) = {
                let record = self
                    .decoder
                    .decode_record_ref()
                    .map_err(|e| damaged(&self.name, e))?;
                let Some(record) = record else {
                    self.ended = true;
                    if self.quotes == 0 {
                        return Err(nothing(&self.name, !self.named.is_empty()));
                    }
                    return self.emit();
                };
                if let Some((id, symbol)) = naming(&record) {
                    self.named.insert(id, symbol);
                    continue;
                }
                match quote(&record) {
                    Some((at, best)) => (record.header().instrument_id, at, best),
                    None => continue,
                }
            };
            self.quotes += 1;
            let minute = at.div_ceil(NANOS * STEP) * STEP;
            if minute < self.minute {
                return Err(damaged(&self.name, "its records are not in order of time"));
            }
            if minute > self.minute {
                self.emit()?;
                self.minute = minute;
                let day = i64::try_from(minute).ok().map(|s| Instant(s).date());
                if self.day != day {
                    // What stood yesterday does not stand today.
                    self.standing.clear();
                    self.day = day;
                }
            }
            self.standing.insert(instrument, best);
        }
        Ok(())
    }

    /// All standing quotes are a snapshot.
    fn emit(&mut self) -> Result<(), ImportError> {
        let standing = std::mem::take(&mut self.standing);
        for (id, best) in standing.iter().rev() {
            let symbol = self.symbol(*id)?;
            self.ready.push((self.minute, symbol, *best));
        }
        self.standing = standing;
        Ok(())
    }

    fn symbol(&mut self, id: u32) -> Result<String, ImportError> {
        // The instant before a whole minute's end lies in the interval of its mapping.
        let ts = (self.minute * NANOS).saturating_sub(1);
        if let Some(symbol) = self.mapped.get_for_ts(ts, id).or_else(|| self.named.get(&id)) {
            return Ok(symbol.clone());
        }
        if !self.looked {
            self.looked = true;
            if let Some(path) = definitions_beside(&self.path) {
                self.read_definitions(&path)?;
                return self.symbol(id);
            }
        }
        Err(ImportError::new(
            ImportErrorKind::BadRow,
            format!("nothing names instrument {id}: the file has no mapping and no definition of it"),
            "put the definition file of the day beside it, such as `day.definition.dbn.zst`, or request symbols",
        )
        .in_file(&self.name))
    }

    fn read_definitions(&mut self, path: &Path) -> Result<(), ImportError> {
        let name = super::input::name_of(path);
        let mut decoder = decoder(path, &name)?;
        while let Some(record) = decoder.decode_record_ref().map_err(|e| damaged(&name, e))? {
            if let Some((id, symbol)) = naming(&record) {
                self.named.insert(id, symbol);
            }
        }
        Ok(())
    }
}

/// A record that names an instrument.
fn naming(record: &RecordRef<'_>) -> Option<(u32, String)> {
    if let Ok(m) = record.try_get::<InstrumentDefMsg>() {
        return Some((m.hd.instrument_id, m.raw_symbol().ok()?.to_owned()));
    }
    let m = record.try_get::<SymbolMappingMsg>().ok()?;
    Some((m.hd.instrument_id, m.stype_out_symbol().ok()?.to_owned()))
}

/// The best of a book's level; the kinds of records have kinds of levels of their own.
macro_rules! best {
    ($level:expr) => {
        Best {
            bid: $level.bid_px,
            ask: $level.ask_px,
            bid_size: $level.bid_sz,
            ask_size: $level.ask_sz,
        }
    };
}

/// A record's best bid and ask, and when it was received, in nanoseconds.
fn quote(record: &RecordRef<'_>) -> Option<(u64, Best)> {
    if let Ok(m) = record.try_get::<CbboMsg>() {
        let [level] = &m.levels;
        return Some((m.ts_recv, best!(level)));
    }
    if let Ok(m) = record.try_get::<Cmbp1Msg>() {
        let [level] = &m.levels;
        return Some((m.ts_recv, best!(level)));
    }
    let m = record.try_get::<Mbp1Msg>().ok()?;
    let [level] = &m.levels;
    Some((m.ts_recv, best!(level)))
}

fn nothing(name: &str, definitions: bool) -> ImportError {
    let what = if definitions {
        "holds definitions alone, no quotes"
    } else {
        "holds no quotes: cbbo-1s, cbbo-1m, cmbp-1, tcbbo and mbp-1 are read"
    };
    let help = "import the file of quotes; the definition file beside it is read with it";
    ImportError::new(ImportErrorKind::Empty, what, help).in_file(name)
}

/// Billionths as a decimal number of points; nothing where there is no price.
fn price(px: i64) -> String {
    if px == UNDEF_PRICE {
        return String::new();
    }
    let (sign, px) = if px < 0 {
        ("-", px.unsigned_abs())
    } else {
        ("", px.unsigned_abs())
    };
    let digits = format!("{sign}{}.{:09}", px / NANOS, px % NANOS);
    digits.trim_end_matches('0').trim_end_matches('.').to_owned()
}

impl Records for DbnRecords {
    fn header(&mut self) -> Result<Vec<String>, ImportError> {
        Ok(HEADER.map(str::to_owned).to_vec())
    }

    fn next(&mut self, record: &mut ByteRecord) -> Result<bool, ImportError> {
        while self.ready.is_empty() {
            if self.ended {
                return Ok(false);
            }
            self.fill()?;
        }
        let Some((at, symbol, best)) = self.ready.pop() else {
            return Ok(false);
        };
        self.line += 1;
        record.clear();
        let mut text = Vec::new();
        // Writing to memory does not fail.
        let _ = write!(text, "{at}");
        record.push_field(&text);
        record.push_field(symbol.as_bytes());
        record.push_field(price(best.bid).as_bytes());
        record.push_field(price(best.ask).as_bytes());
        record.push_field(best.bid_size.to_string().as_bytes());
        record.push_field(best.ask_size.to_string().as_bytes());
        Ok(true)
    }

    /// The row, from 1: a DBN file has no lines.
    fn line(&self) -> u64 {
        self.line
    }

    fn bytes(&self) -> u64 {
        if self.ended { self.bytes } else { 0 }
    }

    fn finish(self: Box<Self>) -> Result<String, ImportError> {
        self.hashed.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_shown_exactly() {
        assert_eq!(price(61_500_000_000), "61.5");
        assert_eq!(price(0), "0");
        assert_eq!(price(50_000_000), "0.05");
        assert_eq!(price(-1), "-0.000000001");
        assert_eq!(price(UNDEF_PRICE), "");
    }
}
