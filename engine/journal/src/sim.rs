//! A disk that loses power, lies, fills up and fails, under the real store.
//!
//! Writes go to a cache of 512-byte sectors. A flush puts them on the medium. When the power goes, each sector of the cache
//! survives or not by itself, in any of the versions that were written since the flush; so does the new length. A write
//! that the loss interrupts leaves a part of its sectors. Everything follows from a seed.

use redb::StorageBackend;
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Bytes that survive together.
pub const SECTOR: u64 = 512;

/// A generator for simulations (splitmix64): the same seed, the same world.
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// From a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `n`; 0 for 0.
    pub fn below(&mut self, n: u64) -> u64 {
        self.draw().checked_rem(n).unwrap_or(0)
    }

    /// True so many times in a hundred.
    pub fn percent(&mut self, n: u64) -> bool {
        self.below(100) < n
    }
}

/// What is wrong with a disk.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// The power goes at that call of the backend.
    pub power_loss_at: Option<u64>,
    /// A flush does nothing and says that it did.
    pub lying: bool,
    /// From that call on a flush fails.
    pub flush_fails_from: Option<u64>,
    /// Bytes of the medium.
    pub capacity: Option<u64>,
    /// At that call a write stops half-way and fails.
    pub short_write_at: Option<u64>,
    /// A flush takes so long.
    pub flush_takes: Duration,
}

#[derive(Debug, Default)]
struct Medium {
    bytes: Vec<u8>,
    /// Versions of sectors since the last flush, oldest first.
    cache: BTreeMap<u64, Vec<[u8; 512]>>,
    length: u64,
    calls: u64,
    flushes: u64,
    dead: bool,
    faults: Faults,
    now: Duration,
}

/// A simulated disk with one file on it.
#[derive(Clone, Debug, Default)]
pub struct Disk(Arc<Mutex<Medium>>);

/// A process's hold on a [`Disk`]: the backend of a store.
#[derive(Debug)]
pub struct Handle(Disk);

impl Disk {
    /// An empty disk.
    #[must_use]
    pub fn new(faults: Faults) -> Self {
        let disk = Self::default();
        disk.medium().faults = faults;
        disk
    }

    /// A backend on it.
    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle(self.clone())
    }

    /// Its own time, for a store.
    #[must_use]
    pub fn timer(&self) -> crate::store::Timer {
        let disk = self.clone();
        Box::new(move || disk.medium().now)
    }

    /// Calls so far.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.medium().calls
    }

    /// Flushes so far.
    #[must_use]
    pub fn flushes(&self) -> u64 {
        self.medium().flushes
    }

    /// Whether the power went.
    #[must_use]
    pub fn dead(&self) -> bool {
        self.medium().dead
    }

    /// Other faults from now on.
    pub fn set(&self, faults: Faults) {
        self.medium().faults = faults;
    }

    /// The power goes now: what a process still does reaches nobody.
    pub fn power_loss(&self) {
        self.medium().dead = true;
    }

    /// The disk as it is found afterwards, without faults.
    #[must_use]
    pub fn after_loss(&self, rng: &mut Rng) -> Self {
        let old = self.medium();
        let mut bytes = old.bytes.clone();
        let durable = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let length = if old.length != durable && rng.percent(50) {
            old.length
        } else {
            durable
        };
        bytes.resize(usize::try_from(length).unwrap_or(usize::MAX), 0);
        for (sector, versions) in &old.cache {
            // None of the versions, or any of them.
            let count = u64::try_from(versions.len()).unwrap_or(0);
            let chosen = if rng.percent(50) {
                None
            } else {
                usize::try_from(rng.below(count)).ok()
            };
            if let Some(version) = chosen.and_then(|i| versions.get(i)) {
                put(&mut bytes, sector.saturating_mul(SECTOR), version);
            }
        }
        Self(Arc::new(Mutex::new(Medium {
            bytes,
            length,
            ..Medium::default()
        })))
    }

    /// The disk as another process finds it after this one was killed: the machine went on, so nothing is lost.
    #[must_use]
    pub fn after_kill(&self) -> Self {
        let old = self.medium();
        let mut bytes = old.bytes.clone();
        bytes.resize(usize::try_from(old.length).unwrap_or(usize::MAX), 0);
        for (sector, versions) in &old.cache {
            if let Some(version) = versions.last() {
                put(&mut bytes, sector.saturating_mul(SECTOR), version);
            }
        }
        Self(Arc::new(Mutex::new(Medium {
            bytes,
            length: old.length,
            ..Medium::default()
        })))
    }

    /// Turns one bit of the medium.
    pub fn flip(&self, bit: u64) {
        let mut medium = self.medium();
        if let Some(byte) = usize::try_from(bit / 8)
            .ok()
            .and_then(|i| medium.bytes.get_mut(i))
        {
            *byte ^= 1 << (bit % 8);
        }
    }

    /// Bytes on the medium.
    #[must_use]
    pub fn size(&self) -> u64 {
        u64::try_from(self.medium().bytes.len()).unwrap_or(u64::MAX)
    }

    /// A copy of the medium, with nothing wrong.
    #[must_use]
    pub fn copy(&self) -> Self {
        let old = self.medium();
        Self(Arc::new(Mutex::new(Medium {
            bytes: old.bytes.clone(),
            length: old.length,
            ..Medium::default()
        })))
    }

    fn medium(&self) -> MutexGuard<'_, Medium> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn put(bytes: &mut [u8], at: u64, from: &[u8]) {
    if let Some(to) = usize::try_from(at).ok().and_then(|at| bytes.get_mut(at..)) {
        to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
    }
}

impl Medium {
    fn call(&mut self) -> io::Result<()> {
        self.calls = self.calls.saturating_add(1);
        if self.dead {
            return Err(io::Error::other("the power is gone"));
        }
        Ok(())
    }

    fn loses_power(&mut self) -> bool {
        self.dead = self.dead || self.faults.power_loss_at == Some(self.calls);
        self.dead
    }

    fn sector(&self, sector: u64) -> [u8; 512] {
        if let Some(newest) = self.cache.get(&sector).and_then(|v| v.last()) {
            return *newest;
        }
        let mut out = [0; 512];
        let start = usize::try_from(sector.saturating_mul(SECTOR)).ok();
        if let Some(from) = start.and_then(|at| self.bytes.get(at..)) {
            out.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
        }
        out
    }

    fn write(&mut self, offset: u64, data: &[u8]) {
        let mut rest = data;
        let mut at = offset;
        while !rest.is_empty() {
            let sector = at / SECTOR;
            let within = usize::try_from(at % SECTOR).unwrap_or(0);
            let size = (512 - within).min(rest.len());
            let (now, later) = rest.split_at(size);
            let mut bytes = self.sector(sector);
            put(&mut bytes, at % SECTOR, now);
            self.cache.entry(sector).or_default().push(bytes);
            at = at.saturating_add(size as u64);
            rest = later;
        }
    }
}

impl StorageBackend for Handle {
    fn len(&self) -> io::Result<u64> {
        let mut medium = self.0.medium();
        medium.call()?;
        Ok(medium.length)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let mut medium = self.0.medium();
        medium.call()?;
        let end = u64::try_from(out.len()).ok().and_then(|n| offset.checked_add(n));
        if end.is_none_or(|end| end > medium.length) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut done = 0;
        while done < out.len() {
            let at = offset.saturating_add(done as u64);
            let within = usize::try_from(at % SECTOR).unwrap_or(0);
            let size = (512 - within).min(out.len() - done);
            let bytes = medium.sector(at / SECTOR);
            if let (Some(to), Some(from)) = (out.get_mut(done..done + size), bytes.get(within..)) {
                to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
            }
            done += size;
        }
        Ok(())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        let mut medium = self.0.medium();
        medium.call()?;
        if medium.loses_power() {
            return Err(io::Error::other("the power is gone"));
        }
        if medium.faults.capacity.is_some_and(|most| length > most) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        if length < medium.length {
            medium
                .cache
                .retain(|sector, _| sector.saturating_mul(SECTOR) < length);
        }
        medium.length = length;
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut medium = self.0.medium();
        medium.call()?;
        if medium.loses_power() {
            return Err(io::Error::other("the power is gone"));
        }
        medium.flushes = medium.flushes.saturating_add(1);
        medium.now = medium.now.saturating_add(medium.faults.flush_takes);
        let calls = medium.calls;
        if medium.faults.flush_fails_from.is_some_and(|from| calls >= from) {
            // As a kernel does it: the pages count as clean, and what they held is gone.
            medium.cache.clear();
            return Err(io::Error::other("input/output error"));
        }
        if medium.faults.lying {
            return Ok(());
        }
        let length = usize::try_from(medium.length).unwrap_or(usize::MAX);
        medium.bytes.resize(length, 0);
        let cache = std::mem::take(&mut medium.cache);
        for (sector, versions) in cache {
            if let Some(newest) = versions.last() {
                put(&mut medium.bytes, sector.saturating_mul(SECTOR), newest);
            }
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut medium = self.0.medium();
        medium.call()?;
        if medium.loses_power() {
            // As far as it came; which of its sectors last is drawn afterwards.
            medium.write(offset, data);
            return Err(io::Error::other("the power is gone"));
        }
        let end = offset.saturating_add(data.len() as u64);
        if medium.faults.capacity.is_some_and(|most| end > most) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        if medium.faults.short_write_at == Some(medium.calls) {
            let half = data.get(..data.len() / 2).unwrap_or_default();
            medium.write(offset, half);
            return Err(io::ErrorKind::WriteZero.into());
        }
        medium.length = medium.length.max(end);
        medium.write(offset, data);
        Ok(())
    }
}
