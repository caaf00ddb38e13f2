//! Databento files written with their own encoder. All quotes are invented.

use super::*;
use crate::store::ChainRow;
use ::dbn::encode::{DbnEncoder, EncodeRecord as _};
use ::dbn::enums::rtype;
use ::dbn::{
    BidAskPair, CbboMsg, Cmbp1Msg, ConsolidatedBidAskPair, InstrumentDefMsg, MappingInterval, Mbp1Msg,
    Metadata, RecordHeader, SType, Schema, SymbolMapping, UNDEF_PRICE,
};

const EXPIRY: &str = "240415";

fn nanos(hour: u32, minute: u32) -> u64 {
    u64::try_from(at("2024-03-14", hour, minute).0).unwrap() * 1_000_000_000
}

/// Eighteen contracts around 5150: instrument, symbol, bid and ask in billionths.
fn contracts() -> Vec<(u32, String, i64, i64)> {
    let mut out = Vec::new();
    for (i, strike) in (5130..=5170).step_by(5).enumerate() {
        for (j, right) in ["C", "P"].into_iter().enumerate() {
            let gap = if right == "C" {
                5150 - strike
            } else {
                strike - 5150
            };
            // Sixty points of time value: parity gives 5150 back.
            let bid = (60 + gap.max(0)) * 1_000_000_000;
            let id = u32::try_from(100 + 2 * i + j).unwrap();
            out.push((
                id,
                format!("SPXW  {EXPIRY}{right}0{strike}000"),
                bid,
                bid + 500_000_000,
            ));
        }
    }
    out
}

fn metadata(schema: Schema, mapped: bool) -> Metadata {
    let start = nanos(0, 0);
    let bare = Metadata::builder()
        .dataset("OPRA.PILLAR")
        .schema(Some(schema))
        .start(start)
        .stype_in(Some(SType::RawSymbol))
        .stype_out(SType::InstrumentId)
        .build();
    let day = bare.start().date();
    let mappings = contracts().into_iter().map(|(id, symbol, ..)| SymbolMapping {
        raw_symbol: symbol,
        intervals: vec![MappingInterval {
            start_date: day,
            end_date: day.next_day().unwrap(),
            symbol: id.to_string(),
        }],
    });
    Metadata {
        mappings: if mapped { mappings.collect() } else { Vec::new() },
        ..bare
    }
}

fn cbbo(id: u32, at: u64, bid: i64, ask: i64) -> CbboMsg {
    let mut m = CbboMsg::default_for_schema(Schema::Cbbo1M);
    m.hd = RecordHeader::new::<CbboMsg>(rtype::CBBO_1M, 30, id, at);
    m.ts_recv = at;
    m.levels = [ConsolidatedBidAskPair {
        bid_px: bid,
        ask_px: ask,
        bid_sz: 12,
        ask_sz: 34,
        ..ConsolidatedBidAskPair::default()
    }];
    m
}

fn parity(bench: &Bench, file: PathBuf) -> ImportRequest {
    let mut request = ImportRequest::new(vec![file], bench.store());
    request.spot = SpotFrom::Parity;
    request
}

fn all_at(encoder: &mut DbnEncoder<&mut Vec<u8>>, at: u64) {
    for (id, _, bid, ask) in contracts() {
        encoder.encode_record(&cbbo(id, at, bid, ask)).unwrap();
    }
}

#[test]
fn minutes_are_snapshots_and_a_quote_stands_until_the_next() {
    let mut bytes = Vec::new();
    let mut encoder = DbnEncoder::new(&mut bytes, &metadata(Schema::Cbbo1M, true)).unwrap();
    all_at(&mut encoder, nanos(15, 45));
    encoder
        .encode_record(&cbbo(108, nanos(15, 46), 70_000_000_000, 70_500_000_000))
        .unwrap();
    encoder
        .encode_record(&cbbo(109, nanos(15, 46), UNDEF_PRICE, 50_000_000))
        .unwrap();
    let bench = Bench::new();
    let report = run(&parity(&bench, bench.put("opra.cbbo-1m.dbn", bytes)), &mut ()).unwrap();
    assert_eq!(report.quality.totals().rows["SPXW"], 36);
    assert!(
        report
            .quality
            .assumptions
            .iter()
            .any(|a| a.contains("DBN quotes stand until"))
    );
    let h = bench.open();
    let day = d("2024-03-14");
    assert_eq!(
        h.ticks("SPX", day, day),
        [at("2024-03-14", 15, 45), at("2024-03-14", 15, 46)]
    );
    let first = h.snapshot("SPX", at("2024-03-14", 15, 45)).unwrap();
    assert_eq!(first.spot, Price(5_150_000));
    let contract = |right, strike: i64| OptionContract {
        root: Root::Spxw,
        expiry: d("2024-04-15"),
        right,
        strike: Price(strike * 1000),
    };
    let quote = |bid, ask| {
        Some(Quote {
            bid: Price(bid),
            ask: Price(ask),
        })
    };
    assert_eq!(first.quote(&contract(Right::Call, 5150)), quote(60_000, 60_500));
    let second = h.snapshot("SPX", at("2024-03-14", 15, 46)).unwrap();
    assert_eq!(second.quote(&contract(Right::Call, 5150)), quote(70_000, 70_500));
    assert_eq!(second.quote(&contract(Right::Put, 5160)), quote(70_000, 70_500));
    let rows = &h.day_rows(Root::Spxw, day).unwrap()[1].rows;
    let sized = |r: &ChainRow| (r.bid_size, r.ask_size) == (Some(12), Some(34));
    assert!(!rows.is_empty() && rows.iter().all(sized));
    // Every fifth minute alone, when asked for.
    let other = Bench::new();
    let mut sampled = parity(&other, bench.dir.path().join("in/opra.cbbo-1m.dbn"));
    sampled.sample_minutes = Some(5);
    run(&sampled, &mut ()).unwrap();
    assert_eq!(other.open().ticks("SPX", day, day), [at("2024-03-14", 15, 45)]);
    let bidless = rows
        .iter()
        .find(|r| r.right == Right::Put && r.strike == Price(5_150_000))
        .unwrap();
    assert_eq!((bidless.bid, bidless.ask), (Price::ZERO, Price(50)));
}

#[test]
fn zstd_definitions_beside_the_file_and_every_change_are_read() {
    let bench = Bench::new();
    let mut bytes = Vec::new();
    let mut encoder = DbnEncoder::with_zstd(&mut bytes, &metadata(Schema::Definition, false)).unwrap();
    for (id, symbol, ..) in contracts() {
        let mut def = InstrumentDefMsg {
            hd: RecordHeader::new::<InstrumentDefMsg>(rtype::INSTRUMENT_DEF, 30, id, nanos(9, 0)),
            ..InstrumentDefMsg::default()
        };
        for (to, from) in def.raw_symbol.iter_mut().zip(symbol.bytes()) {
            *to = from.cast_signed();
        }
        encoder.encode_record(&def).unwrap();
    }
    drop(encoder);
    let definitions = bench.put("opra-20240314.definition.dbn.zst", bytes);

    let mut bytes = Vec::new();
    let mut encoder = DbnEncoder::with_zstd(&mut bytes, &metadata(Schema::Cmbp1, false)).unwrap();
    for (i, (id, _, bid, ask)) in contracts().into_iter().enumerate() {
        // Some through cmbp-1, some through mbp-1, half a minute before the snapshot.
        let at = nanos(15, 44) + 30_000_000_000 + u64::try_from(i).unwrap();
        if i % 2 == 0 {
            let mut m = Cmbp1Msg::default_for_schema(Schema::Cmbp1);
            m.hd = RecordHeader::new::<Cmbp1Msg>(rtype::CMBP_1, 30, id, at);
            m.ts_recv = at;
            m.levels = [ConsolidatedBidAskPair {
                bid_px: bid,
                ask_px: ask,
                ..ConsolidatedBidAskPair::default()
            }];
            encoder.encode_record(&m).unwrap();
        } else {
            let mut m = Mbp1Msg {
                hd: RecordHeader::new::<Mbp1Msg>(rtype::MBP_1, 30, id, at),
                ..Mbp1Msg::default()
            };
            m.ts_recv = at;
            m.levels = [BidAskPair {
                bid_px: bid,
                ask_px: ask,
                ..BidAskPair::default()
            }];
            encoder.encode_record(&m).unwrap();
        }
    }
    drop(encoder);
    let quotes = bench.put("opra-20240314.cmbp-1.dbn.zst", &bytes);
    // The folder: definitions are a companion, not an input.
    let mut request = bench.request();
    request.spot = SpotFrom::Parity;
    let report = run(&request, &mut ()).unwrap();
    assert_eq!(report.quality.totals().rows["SPXW"], 18);
    let h = bench.open();
    assert_eq!(
        h.ticks("SPX", d("2024-03-14"), d("2024-03-14")),
        [at("2024-03-14", 15, 45)]
    );
    fs::remove_dir_all(bench.store()).unwrap();

    // Without them nothing names the instruments; alone they are no quotes.
    let error = run(&parity(&bench, definitions.clone()), &mut ()).unwrap_err();
    assert!(error.to_string().contains("holds definitions alone"), "{error}");
    fs::remove_file(definitions).unwrap();
    let error = run(&parity(&bench, quotes), &mut ()).unwrap_err();
    assert!(error.to_string().contains("nothing names instrument"), "{error}");
    let cut = bench.put("cut.cmbp-1.dbn.zst", &bytes[..bytes.len() - 7]);
    let error = run(&parity(&bench, cut), &mut ()).unwrap_err();
    assert!(
        matches!(error.kind, ImportErrorKind::Truncated | ImportErrorKind::BadRow),
        "{error}"
    );
    assert!(!bench.store().exists());
}
