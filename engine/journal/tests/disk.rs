//! Our journal on the real store on a simulated disk: what was committed is there after any loss of power.

use alula_journal::sim::{Disk, Faults, Rng};
use alula_journal::store::RedbStore;
use alula_journal::wire::Timer;
use alula_journal::{Break, Journal, Limits, Manifest, Stamp, verify};
use std::time::Duration;

fn timer(n: u64) -> alula_journal::Record {
    Timer {
        name: "x".repeat((n % 300) as usize),
        at_s: n.cast_signed(),
    }
    .into()
}

fn open(disk: &Disk) -> Result<Journal, String> {
    let store = RedbStore::on(disk.handle(), disk.timer()).map_err(|e| e.to_string())?;
    let manifest = Manifest::new("r1", 1, 0);
    Journal::create(Box::new(store), manifest, Limits::default()).map_err(|e| e.to_string())
}

/// What a session before a crash promised.
#[derive(Clone, Copy, Default)]
struct Session {
    /// The file was made in full; before that it has no name that anybody reads.
    born: bool,
    /// Last number that a commit promised.
    promised: u64,
    /// Last number handed out.
    written: u64,
}

/// Appends batches until the disk fails.
fn write(disk: &Disk, rng: &mut Rng, batches: u64) -> Session {
    let Ok(mut journal) = open(disk) else {
        return Session::default();
    };
    for _ in 0..batches {
        for _ in 0..=rng.below(10) {
            let seq = journal.next();
            if journal.append(Stamp::default(), 0, &timer(seq)).is_err() {
                break;
            }
        }
        if journal.commit().is_err() {
            break;
        }
    }
    Session {
        born: true,
        promised: journal.durable(),
        written: journal.next() - 1,
    }
}

struct Found {
    lost: bool,
    phantom: bool,
    corrupt: Option<String>,
}

/// Opens what is left and compares it with what was promised.
fn look(disk: &Disk, session: Session) -> Found {
    let mut found = Found {
        lost: false,
        phantom: false,
        corrupt: None,
    };
    if !session.born {
        return found;
    }
    let store = match RedbStore::on(disk.handle(), disk.timer()) {
        Ok(store) => store,
        Err(error) => {
            found.corrupt = Some(error.to_string());
            return found;
        }
    };
    match verify(&store) {
        Ok(verdict) => {
            found.lost = verdict.entries < session.promised;
            found.phantom = verdict.entries > session.written;
            found.corrupt = verdict.broken.map(|b| b.to_string());
        }
        Err(error) => found.corrupt = Some(error.to_string()),
    }
    found
}

fn seeds(default: u64) -> u64 {
    let from_env = std::env::var("ALULA_DISK_SEEDS").ok();
    from_env.and_then(|s| s.parse().ok()).unwrap_or(default)
}

/// A little more than the calls of a session to which nothing happens.
fn calls() -> u64 {
    let disk = Disk::new(Faults::default());
    write(&disk, &mut Rng::new(0), 12);
    disk.calls() * 11 / 10
}

fn crash(seed: u64, calls: u64, lying: bool) -> (Found, u64) {
    let mut rng = Rng::new(seed ^ 0xd15c);
    let at = 1 + rng.below(calls);
    let disk = Disk::new(Faults {
        power_loss_at: Some(at),
        lying,
        ..Faults::default()
    });
    let session = write(&disk, &mut Rng::new(seed), 12);
    disk.power_loss();
    (look(&disk.after_loss(&mut rng), session), session.promised)
}

#[test]
fn after_a_loss_of_power_at_any_call_nothing_is_lost_invented_or_broken() {
    let mut committed = 0;
    let (runs, calls) = (seeds(5_000), calls());
    for seed in 0..runs {
        let (found, promised) = crash(seed, calls, false);
        committed += promised;
        let again = "ALULA_DISK_SEEDS=<seed + 1> cargo test -p alula-journal --features sim --test disk";
        assert!(!found.lost, "seed {seed}: committed entries are gone; {again}");
        assert!(!found.phantom, "seed {seed}: entries that nobody wrote; {again}");
        assert_eq!(found.corrupt, None, "seed {seed}; {again}");
    }
    println!("{runs} losses of power, {committed} entries promised, none lost, invented or broken");
}

#[test]
fn a_disk_that_lies_about_flushes_is_found_out_by_this_harness() {
    let calls = calls();
    let bad = (0..200).filter(|seed| {
        let (found, _) = crash(*seed, calls, true);
        found.lost || found.phantom || found.corrupt.is_some()
    });
    let bad = bad.count();
    // The rest lost the power before the first commit had promised anything.
    assert!(bad > 120, "{bad} of 200 losses were noticed");
}

#[test]
fn a_flush_that_fails_poisons_the_journal_for_ever() {
    let disk = Disk::new(Faults::default());
    let mut journal = open(&disk).unwrap();
    journal.append(Stamp::default(), 0, &timer(1)).unwrap();
    assert_eq!(journal.commit(), Ok(1));
    disk.set(Faults {
        flush_fails_from: Some(0),
        ..Faults::default()
    });
    journal.append(Stamp::default(), 1, &timer(2)).unwrap();
    let first = journal.commit().unwrap_err();
    assert!(first.to_string().contains("input/output error"), "{first}");
    // The disk is well again; the journal does not ask.
    disk.set(Faults::default());
    let flushes = disk.flushes();
    assert!(journal.commit().is_err());
    assert!(journal.append(Stamp::default(), 0, &timer(3)).is_err());
    assert_eq!((journal.durable(), disk.flushes()), (1, flushes));
    drop(journal);
    let session = Session {
        born: true,
        promised: 1,
        written: 2,
    };
    let found = look(&disk.after_kill(), session);
    assert!(!found.lost && found.corrupt.is_none(), "{:?}", found.corrupt);
}

#[test]
fn a_full_disk_and_a_short_write_lose_nothing_that_was_promised() {
    let calls = calls();
    for seed in 0..150 {
        let mut rng = Rng::new(seed);
        let faults = if seed % 2 == 0 {
            Faults {
                capacity: Some(700_000 + rng.below(1_500_000)),
                ..Faults::default()
            }
        } else {
            Faults {
                short_write_at: Some(1 + rng.below(calls)),
                ..Faults::default()
            }
        };
        let disk = Disk::new(faults);
        let session = write(&disk, &mut Rng::new(seed), 12);
        disk.set(Faults::default());
        for left in [disk.after_kill(), disk.after_loss(&mut rng)] {
            let found = look(&left, session);
            assert!(!found.lost && !found.phantom, "seed {seed}");
            assert_eq!(found.corrupt, None, "seed {seed}");
        }
    }
}

#[test]
fn a_slow_flush_stops_trading_though_the_entries_are_there() {
    let disk = Disk::new(Faults::default());
    let mut journal = open(&disk).unwrap();
    disk.set(Faults {
        flush_takes: Duration::from_secs(5),
        ..Faults::default()
    });
    journal.append(Stamp::default(), 0, &timer(1)).unwrap();
    assert!(journal.commit().unwrap_err().to_string().contains("took 5s"));
    assert_eq!(journal.durable(), 0);
    assert!(journal.commit().is_err());
}

#[test]
fn a_commit_costs_one_flush() {
    let disk = Disk::new(Faults::default());
    let mut journal = open(&disk).unwrap();
    let before = disk.flushes();
    for _ in 0..20 {
        for _ in 0..10 {
            let seq = journal.next();
            journal.append(Stamp::default(), 0, &timer(seq)).unwrap();
        }
        journal.commit().unwrap();
    }
    assert_eq!(disk.flushes() - before, 20);
}

/// A turned bit in a page of entries is either in free space or noticed: by the store's checksums when it repairs, by the
/// chain when it is walked. It never changes an entry silently.
#[test]
fn a_turned_bit_is_noticed_or_changes_nothing() {
    let disk = Disk::new(Faults::default());
    let session = write(&disk, &mut Rng::new(7), 30);
    let whole = look(&disk.copy(), session);
    assert!(!whole.lost && whole.corrupt.is_none(), "{:?}", whole.corrupt);
    let (mut noticed, mut harmless) = (0, 0);
    let mut rng = Rng::new(1);
    for _ in 0..1_500 {
        let copy = disk.copy();
        copy.flip(rng.below(copy.size() * 8));
        let found = look(&copy, session);
        assert!(!found.phantom);
        if found.lost || found.corrupt.is_some() {
            noticed += 1;
        } else {
            harmless += 1;
        }
    }
    println!("{noticed} turned bits were noticed, {harmless} lay in free space");
    assert!(noticed > 0);
}

#[test]
fn a_run_is_not_written_over() {
    let disk = Disk::new(Faults::default());
    write(&disk, &mut Rng::new(1), 2);
    assert_eq!(open(&disk.copy()).unwrap_err(), "the store holds a run already");
}

#[test]
fn breaks_have_names() {
    let text = Break::Gap {
        expected: 3,
        found: 5,
    }
    .to_string();
    assert_eq!(text, "entry 3 is missing: the next one is 5");
}
