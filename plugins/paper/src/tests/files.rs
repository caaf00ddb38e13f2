//! The account's file: nothing lost, nothing doubled, nothing believed that is damaged.

use super::*;
use crate::store::FILE;
use std::fs;

fn at(minute: u32) -> Instant {
    Instant::from_eastern(day("2024-06-03"), 10, minute).unwrap()
}

fn put(strike: i64) -> Instrument {
    Instrument::Option(option(Root::Spxw, "2024-06-21", Right::Put, strike))
}

/// An account with a filled order, one taken back and one at work.
fn lived(folder: &Path) -> Vec<Event> {
    let mut broker = open(folder, &[]);
    let rows = |minute| vec![quote(put(5_050), at(minute), (8_000, 8_400), None)];
    broker.quotes(ns(at(1)), &rows(1)).unwrap();
    broker.submit(&order("filled", &[(put(5_050), 1)], 3, None));
    broker.submit(&order("back", &[(put(5_050), 1)], 1, Some(Price(-1_000))));
    broker.submit(&order("working", &[(put(5_050), -1)], 2, Some(Price(90_000))));
    broker.quotes(ns(at(2)), &rows(2)).unwrap();
    broker.cancel("back").unwrap();
    broker.quotes(ns(at(3)), &rows(3)).unwrap();
    poll(&mut broker);
    snapshot(&mut broker, 1)
}

fn bare(rows: Vec<Event>) -> Vec<Event> {
    let own = |e: &Event| !matches!(e, Event::SnapshotAccount { .. });
    rows.into_iter().filter(own).collect()
}

#[test]
fn a_restart_finds_what_was_there_and_an_id_stays_used() {
    let folder = tempfile::tempdir().unwrap();
    let before = lived(folder.path());
    let mut again = open(folder.path(), &[("cash", "7")]);
    let after = snapshot(&mut again, 1);
    assert_eq!(cash(&before), cash(&after));
    assert_eq!(bare(before), bare(after));
    again.quotes(ns(at(4)), &[]).unwrap();
    // A used id counts as sent, and does nothing.
    assert_eq!(
        again.submit(&order("filled", &[(put(5_050), 1)], 3, None)),
        Submitted::Sent
    );
    assert_eq!(poll(&mut again), []);
}

#[test]
fn two_brokers_cannot_have_one_account() {
    let folder = tempfile::tempdir().unwrap();
    let _first = open(folder.path(), &[]);
    let brokers = brokers::<Paper>().unwrap();
    let second = brokers.open(&brokers.brokers()[0], &settings(folder.path(), &[]));
    assert!(second.unwrap_err().text.contains("is in use by another process"));
}

#[test]
fn a_file_cut_anywhere_opens_with_the_records_that_are_whole() {
    let folder = tempfile::tempdir().unwrap();
    lived(folder.path());
    let bytes = fs::read(folder.path().join(FILE)).unwrap();
    let mut sizes = Vec::new();
    for end in 0..=bytes.len() {
        let cut = tempfile::tempdir().unwrap();
        fs::write(cut.path().join(FILE), &bytes[..end]).unwrap();
        let mut broker = open(cut.path(), &[]);
        let rows = bare(snapshot(&mut broker, 1));
        sizes.push(rows.len());
        drop(broker);
        // What was cut off is gone for good: it opens again, the same.
        let mut again = open(cut.path(), &[]);
        assert_eq!(bare(snapshot(&mut again, 1)), rows);
    }
    assert!(sizes.is_sorted(), "a longer file never holds less");
}

#[test]
fn a_flipped_bit_is_noticed_or_cuts_the_last_record() {
    let folder = tempfile::tempdir().unwrap();
    lived(folder.path());
    let bytes = fs::read(folder.path().join(FILE)).unwrap();
    let last = bytes.windows(4).rposition(|w| w == b"APAP").unwrap();
    for at in 0..bytes.len() {
        let bad = tempfile::tempdir().unwrap();
        let mut wrong = bytes.clone();
        wrong[at] ^= 1 << (at % 8);
        fs::write(bad.path().join(FILE), &wrong).unwrap();
        let brokers = brokers::<Paper>().unwrap();
        let opened = brokers.open(&brokers.brokers()[0], &settings(bad.path(), &[]));
        if at < last {
            let why = opened.unwrap_err().text;
            assert!(why.contains("is damaged"), "byte {at}: {why}");
        } else {
            assert!(opened.is_ok(), "byte {at}");
        }
    }
}
