//! A clock that is set: the machine's, moved by as many seconds as a file says. The program reads it through `faults.c`.

use alula_market::time::{Date, Instant};
use std::fs::OpenOptions;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

#[derive(Clone)]
pub struct Warp(Arc<PathBuf>);

fn real() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64
}

impl Warp {
    pub fn new(file: &Path) -> Self {
        std::fs::write(file, 0_i64.to_ne_bytes()).unwrap();
        Self(Arc::new(file.to_owned()))
    }

    fn ahead(&self) -> i64 {
        let bytes = std::fs::read(&*self.0).unwrap();
        i64::from_ne_bytes(bytes.try_into().unwrap())
    }

    /// Seconds since 1970.
    pub fn now(&self) -> i64 {
        real() + self.ahead()
    }

    /// It is this time in New York from now on, and goes on from there. Never backwards while a run is under way.
    pub fn set(&self, day: &str, (hour, minute, second): (u32, u32, i64)) {
        let day: Date = day.parse().unwrap();
        let at = Instant::from_eastern(day, hour, minute).unwrap().0 + second;
        let file = OpenOptions::new().write(true).open(&*self.0).unwrap();
        // In place and at once: the program has it mapped.
        file.write_all_at(&(at - real()).to_ne_bytes(), 0).unwrap();
    }

    /// As executions say it.
    pub fn eastern(&self) -> String {
        Instant(self.now())
            .eastern()
            .format("%Y%m%d %H:%M:%S US/Eastern")
            .to_string()
    }
}
