//! Source files in these tests are simulated, written here in the vendors' layouts; the ones that read exchange data say
//! *skipped* where the shared folder is absent.

mod bad;
mod chains;
#[cfg(feature = "databento")]
mod dbn;
mod external;
mod formats;
mod mapping;
mod real;
mod series;
mod services;

use super::chains as readers;
use super::*;
use crate::chain::Quote;
use crate::contract::{OptionContract, Right};
use crate::money::Price;
use crate::series::BarSize;
use crate::testing::shared;
use std::fs;
use std::io::Write as _;

fn d(text: &str) -> Date {
    text.parse().unwrap()
}

fn at(date: &str, hour: u32, minute: u32) -> Instant {
    Instant::from_eastern(d(date), hour, minute).unwrap()
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

/// A folder to put source files in and import from.
struct Bench {
    dir: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("in")).unwrap();
        Self { dir }
    }

    fn put(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.dir.path().join("in").join(name);
        fs::write(&path, content).unwrap();
        path
    }

    fn store(&self) -> PathBuf {
        self.dir.path().join("store")
    }

    /// A request for the whole folder.
    fn request(&self) -> ImportRequest {
        ImportRequest::new(vec![self.dir.path().join("in")], self.store())
    }

    fn import(&self) -> Result<ImportReport, ImportError> {
        run(&self.request(), &mut ())
    }

    fn open(&self) -> StoreHistory {
        StoreHistory::open(&self.store()).unwrap()
    }

    /// Imports one file that must fail; nothing may be left beside the sources.
    fn fails(&self, name: &str, content: impl AsRef<[u8]>) -> ImportError {
        let path = self.put(name, content);
        let error = run(&ImportRequest::new(vec![path.clone()], self.store()), &mut ()).unwrap_err();
        assert_eq!(
            fs::read_dir(self.dir.path()).unwrap().count(),
            1,
            "nothing half-written is left: {error}"
        );
        assert!(!error.help().is_empty());
        assert!(!error.to_string().contains('\n'), "one line: {error}");
        fs::remove_file(path).unwrap();
        error
    }
}
