//! The chain, the watermark, the manifest, the folder, the words.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests may fail loudly, as tests do"
)]

use alula_journal::folder::{Folder, FolderError};
use alula_journal::store::{MemoryDisk, RedbStore, Store as _};
use alula_journal::wire::{self, Blob, BrokerSaid, Instrument, Leg, OrderIntent, Record};
use alula_journal::{
    Break, Entry, Hash, Journal, JournalError, Limits, Manifest, Room, Stamp, Status, StoreError, verify,
};
use std::path::Path;
use std::time::Duration;

fn note(n: i64) -> Record {
    wire::Timer {
        name: "n".to_owned(),
        at_s: n,
    }
    .into()
}

fn stamp(n: i64) -> Stamp {
    Stamp {
        engine_ns: n,
        received_ns: n + 1,
    }
}

/// Four batches of five.
fn filled() -> (MemoryDisk, Journal) {
    let disk = MemoryDisk::new();
    let mut journal = Journal::create(
        Box::new(disk.open()),
        Manifest::new("r1", 7, 5),
        Limits::default(),
    )
    .unwrap();
    for n in 1..=20 {
        let seq = journal.append(stamp(n), n.unsigned_abs() - 1, &note(n)).unwrap();
        assert_eq!(seq, n.unsigned_abs());
        if n % 5 == 0 {
            journal.commit().unwrap();
        }
    }
    (disk, journal)
}

fn broken(disk: &MemoryDisk) -> Option<Break> {
    verify(&disk.open()).unwrap().broken
}

fn entry(disk: &MemoryDisk, seq: u64) -> Entry {
    let rows = disk.open().read(seq, 1).unwrap();
    Entry::from_bytes(&rows[0].1).unwrap()
}

#[test]
fn a_whole_chain_is_whole() {
    let (disk, journal) = filled();
    let verdict = verify(&disk.open()).unwrap();
    assert_eq!((verdict.entries, verdict.broken), (20, None));
    assert_eq!(verdict.head, journal.head());
    assert_eq!(
        entry(&disk, 6).durable,
        5,
        "the second batch was written after the first was on disk"
    );
}

#[test]
fn what_is_not_committed_is_not_there() {
    let (disk, mut journal) = filled();
    journal.append(stamp(21), 20, &note(21)).unwrap();
    assert_eq!((journal.durable(), disk.open().last().unwrap()), (20, 20));
}

#[test]
fn a_missing_entry_a_torn_end_and_a_strange_one_are_named() {
    let (disk, _) = filled();
    disk.tamper(9, |_| None);
    assert_eq!(
        broken(&disk),
        Some(Break::Gap {
            expected: 9,
            found: 10
        })
    );
    let (disk, _) = filled();
    disk.tamper(20, |_| None);
    assert_eq!(broken(&disk), Some(Break::Torn { head: 20, last: 19 }));
    let (disk, _) = filled();
    disk.tamper(3, |_| Some(vec![1, 2, 3]));
    assert!(matches!(broken(&disk), Some(Break::Entry { seq: 3, .. })));
}

#[test]
fn every_turned_bit_of_an_entry_is_noticed() {
    let (disk, _) = filled();
    let bytes = disk.open().read(12, 1).unwrap()[0].1.clone();
    for bit in 0..bytes.len() * 8 {
        let (disk, _) = filled();
        disk.tamper(12, |mut bytes| {
            bytes[bit / 8] ^= 1 << (bit % 8);
            Some(bytes)
        });
        let found = broken(&disk).unwrap_or_else(|| panic!("bit {bit} was not noticed"));
        assert!(
            matches!(
                found,
                Break::Hash { seq: 12 } | Break::Entry { seq: 12, .. } | Break::Chain { seq: 12 }
            ),
            "bit {bit}: {found:?}"
        );
    }
}

/// Whoever rewrites an entry with a fitting hash breaks the one after it, or the note of the last one.
#[test]
fn an_entry_that_is_written_anew_breaks_the_next_one() {
    for (seq, expected) in [(8, Break::Chain { seq: 9 }), (20, Break::Hash { seq: 20 })] {
        let (disk, _) = filled();
        disk.tamper(seq, |bytes| {
            let mut entry = Entry::from_bytes(&bytes).unwrap();
            entry.payload = note(99).to_bytes().unwrap();
            Some(entry.sealed().to_bytes())
        });
        assert_eq!(broken(&disk), Some(expected));
    }
}

#[test]
fn a_watermark_and_a_cause_cannot_lie_ahead() {
    let change = |f: fn(&mut Entry)| {
        let (disk, _) = filled();
        disk.tamper(8, |bytes| {
            let mut entry = Entry::from_bytes(&bytes).unwrap();
            f(&mut entry);
            Some(entry.sealed().to_bytes())
        });
        broken(&disk).unwrap()
    };
    assert_eq!(
        change(|e| e.durable = 8),
        Break::Watermark {
            seq: 8,
            found: 8,
            from: 5,
            to: 7
        }
    );
    assert!(matches!(
        change(|e| e.durable = 4),
        Break::Watermark { seq: 8, found: 4, .. }
    ));
    assert_eq!(change(|e| e.cause = 9), Break::Cause { seq: 8, cause: 9 });
    let (_, mut journal) = filled();
    assert_eq!(
        journal.append(stamp(1), 21, &note(1)),
        Err(JournalError::Cause { cause: 21, next: 21 })
    );
}

#[test]
fn a_kind_or_layout_of_a_newer_program_stops_the_reader() {
    let (disk, _) = filled();
    disk.tamper(20, |bytes| {
        let mut entry = Entry::from_bytes(&bytes).unwrap();
        entry.schema = 9;
        Some(entry.sealed().to_bytes())
    });
    let (seq, why) = verify(&disk.open()).unwrap().unreadable.unwrap();
    assert_eq!(
        (seq, why.as_str()),
        (
            20,
            "its layout is version 9 of `timer`, and this program knows version 1"
        )
    );
    assert_eq!(
        Record::from_bytes(999, 1, &[]).unwrap_err().to_string(),
        "its kind 999 is not known to this program"
    );
}

#[test]
fn the_chain_starts_from_the_runs_name_and_its_parents_end() {
    let one = Manifest::new("r1", 1, 0);
    let two = Manifest::new("r2", 1, 0);
    let mut child = two.clone();
    child.parent_head = Some(Hash::of(b"x"));
    assert_ne!(one.seed_hash(), two.seed_hash());
    assert_ne!(two.seed_hash(), child.seed_hash());
}

/// BLAKE3 of the empty input, from the test vectors of the hash's authors.
#[test]
fn the_hash_is_blake3() {
    let empty = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262";
    assert_eq!(Hash::of(b"").to_string(), empty);
    assert_eq!(Hash::parse(empty), Some(Hash::of(b"")));
}

/// The layout is written down; this one was put together by hand.
#[test]
fn an_entrys_bytes_are_as_documented() {
    let entry = Entry {
        seq: 2,
        kind: 4,
        schema: 1,
        engine_ns: -1,
        received_ns: 3,
        cause: 1,
        durable: 0,
        payload: vec![0xaa, 0xbb],
        prev: Hash([7; 32]),
        hash: Hash([9; 32]),
    };
    let mut wanted = vec![1, 2, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0];
    wanted.extend([0xff; 8]);
    wanted.extend([3, 0, 0, 0, 0, 0, 0, 0]);
    wanted.extend([1, 0, 0, 0, 0, 0, 0, 0]);
    wanted.extend([0; 8]);
    wanted.extend([2, 0, 0, 0]);
    wanted.extend([7; 32]);
    wanted.extend([9; 32]);
    wanted.extend([0xaa, 0xbb]);
    assert_eq!(entry.to_bytes(), wanted);
    assert_eq!(Entry::from_bytes(&wanted), Ok(entry));
}

#[test]
fn a_failed_commit_is_the_last() {
    let (disk, mut journal) = filled();
    disk.fail_next();
    journal.append(stamp(21), 0, &note(21)).unwrap();
    assert!(matches!(journal.commit(), Err(JournalError::Store(_))));
    assert!(matches!(journal.commit(), Err(JournalError::Poisoned(_))));
    assert!(matches!(
        journal.append(stamp(22), 0, &note(22)),
        Err(JournalError::Poisoned(_))
    ));
    assert_eq!(journal.durable(), 20);
    assert!(journal.end(0, "").is_err());
}

#[test]
fn a_commit_that_takes_too_long_is_the_last() {
    let (disk, mut journal) = filled();
    disk.slow(Duration::from_millis(2_001));
    journal.append(stamp(21), 0, &note(21)).unwrap();
    assert!(matches!(journal.commit(), Err(JournalError::Slow { .. })));
    assert!(journal.poisoned().is_some());
}

#[test]
fn little_room_is_said_before_the_disk_is_full() {
    let (disk, journal) = filled();
    assert_eq!(journal.room(), Room::Enough);
    disk.set_free(1_000);
    assert_eq!(journal.room(), Room::Low { free: 1_000 });
}

#[test]
fn words_come_back_as_they_went_in() {
    let intent: Record = OrderIntent {
        order: "cond-000001-0000001".to_owned(),
        group: "condor".to_owned(),
        rule: "entry".to_owned(),
        purpose: "open".to_owned(),
        legs: vec![Leg {
            instrument: Instrument::Option {
                class: "SPXW".to_owned(),
                expiry: 20_261_218,
                call: false,
                strike_mills: 5_000_000,
            },
            quantity: -1,
        }],
        quantity: 3,
        limit_mills: Some(1_250),
        not_after_s: 1_700_000_000,
        until_cancelled: false,
        risk_micros: Some(5_000_000_000),
        thresholds: 2,
        number: 1,
        shadow: false,
    }
    .into();
    let bytes = intent.to_bytes().unwrap();
    assert_eq!(
        Record::from_bytes(intent.kind(), intent.schema(), &bytes).unwrap(),
        intent
    );
    let mut longer = bytes.clone();
    longer.push(0);
    assert!(Record::from_bytes(intent.kind(), 1, &longer).is_err());
    assert!(Record::from_bytes(intent.kind(), 1, &bytes[..bytes.len() - 1]).is_err());
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_the_reader_fall(kind in 0_u16..50, bytes: Vec<u8>) {
        let _ = Entry::from_bytes(&bytes);
        let _ = Record::from_bytes(kind, 1, &bytes);
        let _ = Manifest::from_bytes(&bytes);
    }

    #[test]
    fn blobs_are_lossless_in_text(bytes: Vec<u8>) {
        let text = serde_json::to_string(&Blob(bytes.clone())).unwrap();
        proptest::prop_assert_eq!(serde_json::from_str::<Blob>(&text).unwrap(), Blob(bytes));
    }
}

#[test]
fn a_kind_has_one_number_and_one_word() {
    let kinds = Record::KINDS;
    for (i, (kind, word)) in kinds.iter().enumerate() {
        assert!(kinds[..i].iter().all(|(k, w)| k != kind && w != word));
        assert_eq!(Record::kind_of(word), Some(*kind));
        assert_eq!(Record::word_of(*kind), *word);
    }
    let said = wire::Broker { said: BrokerSaid::Up };
    assert_eq!(Record::from(said).kind(), 5);
}

fn run(folder: &Folder, name: &str, before: Option<&alula_journal::folder::Predecessor>) -> Journal {
    folder
        .create(Manifest::new(name, 10, 0), before, Limits::default())
        .unwrap()
}

#[test]
fn an_instance_has_one_process_and_private_files() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state/one");
    let folder = Folder::open(&path).unwrap();
    assert!(matches!(Folder::open(&path), Err(FolderError::Locked(_))));
    let journal = run(&folder, "20261121T100000", None);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = |p: &Path| std::fs::metadata(p).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o700);
        assert_eq!(mode(&path.join("20261121T100000.redb")), 0o600);
        assert_eq!(mode(&path.join("reserve")), 0o600);
    }
    assert!(matches!(
        RedbStore::view(&path.join("20261121T100000.redb")),
        Err(StoreError::Busy)
    ));
    drop((journal, folder));
    Folder::open(&path).unwrap();
}

#[test]
fn a_run_goes_on_from_the_one_before() {
    let dir = tempfile::tempdir().unwrap();
    let folder = Folder::open(dir.path()).unwrap();
    assert!(folder.predecessor(0).unwrap().is_none());
    let mut first = run(&folder, "a1", None);
    first.append(stamp(1), 0, &note(1)).unwrap();
    first.commit().unwrap();
    let head = first.head();
    drop(first); // as a crash does it
    let before = folder.predecessor(5).unwrap().unwrap();
    assert!(before.crashed);
    assert_eq!(before.store.manifest().unwrap().status, Status::CrashedRecovered);
    let mut second = run(&folder, "a2", Some(&before));
    second.append(stamp(1), 0, &note(1)).unwrap();
    assert_eq!(second.manifest().parent.as_deref(), Some("a1"));
    assert_eq!(second.manifest().parent_head, Some(head));
    assert_eq!(
        second.manifest().epoch,
        11,
        "two runs of one second never share an epoch"
    );
    second.end(9, "stopped").unwrap();
    let before = folder.predecessor(10).unwrap().unwrap();
    assert!(!before.crashed);
    let again = folder.create(Manifest::new("a1", 1, 0), Some(&before), Limits::default());
    assert!(matches!(again, Err(FolderError::Path { .. })));
    let climbing = folder.create(Manifest::new("../x", 1, 0), None, Limits::default());
    assert!(matches!(climbing, Err(FolderError::Path { .. })));
}

#[test]
fn a_run_that_died_before_its_first_entry_hides_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let folder = Folder::open(dir.path()).unwrap();
    let mut first = run(&folder, "a1", None);
    first.append(stamp(1), 0, &note(1)).unwrap();
    first.commit().unwrap();
    drop(first);
    let before = folder.predecessor(5).unwrap().unwrap();
    drop(run(&folder, "a3", Some(&before)));
    drop(before);
    let before = folder.predecessor(6).unwrap().unwrap();
    assert_eq!((before.verdict.manifest.run.as_str(), before.epoch), ("a1", 11));
    let between = folder.create(Manifest::new("a2", 1, 0), Some(&before), Limits::default());
    assert!(matches!(between, Err(FolderError::Path { .. })));
    assert_eq!(run(&folder, "a4", Some(&before)).manifest().epoch, 12);
}

#[test]
fn a_broken_journal_is_quarantined_and_stays_so() {
    let dir = tempfile::tempdir().unwrap();
    let folder = Folder::open(dir.path()).unwrap();
    let mut first = run(&folder, "a1", None);
    first.append(stamp(1), 0, &note(1)).unwrap();
    first.commit().unwrap();
    drop(first);
    let mut store = RedbStore::open(&dir.path().join("a1.redb")).unwrap();
    let mut entry = Entry::from_bytes(&store.read(1, 1).unwrap()[0].1).unwrap();
    entry.payload.push(0);
    store.append(&[entry]).unwrap();
    drop(store);
    for _ in 0..2 {
        let error = folder.predecessor(5).unwrap_err().to_string();
        assert!(error.contains("was changed after it was written"), "{error}");
    }
}

#[test]
fn looking_at_a_journal_whose_writer_died_changes_no_byte() {
    let dir = tempfile::tempdir().unwrap();
    let folder = Folder::open(dir.path()).unwrap();
    let mut first = run(&folder, "a1", None);
    for n in 1..=50 {
        first.append(stamp(n), 0, &note(n)).unwrap();
        first.commit().unwrap();
    }
    // The file as a killed process leaves it: copied while it is open.
    let path = dir.path().join("copy.redb");
    std::fs::copy(dir.path().join("a1.redb"), &path).unwrap();
    let before = std::fs::read(&path).unwrap();
    let store = RedbStore::view(&path).unwrap();
    assert_eq!(verify(&store).unwrap().entries, 50);
    drop(store);
    assert!(before == std::fs::read(&path).unwrap());
}

#[test]
fn what_is_no_journal_is_refused_in_a_sentence() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.redb");
    assert_eq!(
        RedbStore::view(&path).unwrap_err().to_string(),
        "no such file or folder"
    );
    std::fs::write(&path, "").unwrap();
    assert_eq!(
        RedbStore::view(&path).unwrap_err().to_string(),
        "the file is empty"
    );
    std::fs::write(&path, "hello, this is a text and no journal at all").unwrap();
    let error = RedbStore::view(&path).unwrap_err().to_string();
    assert_eq!(error, "it is no journal");
}
