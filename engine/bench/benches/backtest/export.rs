//! The loaded quotes as one Parquet file with plain columns, for peers in other languages: `-- --export=DIR`.

use alula_core::analytics::SnapshotView;
use alula_market::chain::ChainSnapshot;
use alula_market::contract::Right;
use chrono::Datelike;
use parquet::basic::Compression;
use parquet::data_type::{DoubleType, Int32Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const SCHEMA: &str = "message quotes {
    required int32 day; required int32 expiry; required int32 is_put; required int32 strike_mills;
    required int32 bid_mills; required int32 ask_mills; required double delta;
}";

/// Where `--export=DIR` says, if it was given.
pub fn wanted() -> Option<PathBuf> {
    std::env::args().find_map(|a| a.strip_prefix("--export=").map(PathBuf::from))
}

/// Writes `DIR/quotes.parquet`: every quoted contract of every day, with the absolute delta that its mid implies (-1 where it
/// implies none). Dates are days since 1 January of the year 1.
pub fn write(dir: &Path, days: &[Arc<ChainSnapshot>], rates: &[f64]) -> PathBuf {
    std::fs::create_dir_all(dir).unwrap();
    let path = dir.join("quotes.parquet");
    let schema = Arc::new(parse_message_type(SCHEMA).unwrap());
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .build();
    let mut writer =
        SerializedFileWriter::new(File::create(&path).unwrap(), schema, Arc::new(properties)).unwrap();
    for (days, rates) in days.chunks(100).zip(rates.chunks(100)) {
        let mut whole: [Vec<i32>; 6] = Default::default();
        let mut deltas = Vec::new();
        for (day, rate) in days.iter().zip(rates) {
            rows(day, *rate, &mut whole, &mut deltas);
        }
        let mut group = writer.next_row_group().unwrap();
        for values in &whole {
            let mut column = group.next_column().unwrap().unwrap();
            column
                .typed::<Int32Type>()
                .write_batch(values, None, None)
                .unwrap();
            column.close().unwrap();
        }
        let mut column = group.next_column().unwrap().unwrap();
        column
            .typed::<DoubleType>()
            .write_batch(&deltas, None, None)
            .unwrap();
        column.close().unwrap();
        group.close().unwrap();
    }
    writer.close().unwrap();
    path
}

fn rows(day: &Arc<ChainSnapshot>, rate: f64, whole: &mut [Vec<i32>; 6], deltas: &mut Vec<f64>) {
    let view = SnapshotView::new(Arc::clone(day), Some(rate));
    let today = day.at.date().num_days_from_ce();
    let mills = |price: alula_market::money::Price| i32::try_from(price.0).unwrap();
    for index in 0..day.expiries.len() {
        let (chain, analytics) = view.at(index).unwrap();
        for right in [Right::Put, Right::Call] {
            let points = analytics.points(chain, right);
            for (strike, quote) in chain.quotes(right) {
                let row = [
                    today,
                    chain.expiry.num_days_from_ce(),
                    i32::from(right == Right::Put),
                    mills(strike),
                    mills(quote.bid),
                    mills(quote.ask),
                ];
                for (column, value) in whole.iter_mut().zip(row) {
                    column.push(value);
                }
                let point = points.binary_search_by_key(&strike, |p| p.strike);
                deltas.push(point.map_or(-1.0, |i| points[i].delta.abs()));
            }
        }
    }
}
