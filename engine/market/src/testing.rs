//! What tests of several rooms of this crate need.

use std::path::{Path, PathBuf};

/// A file or folder of the recorded data beside the checkout; says so and gives nothing where it is absent.
pub fn shared(path: &str) -> Option<PathBuf> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/data")
        .join(path);
    if file.exists() {
        return Some(file);
    }
    println!("skipped: shared data {path} absent");
    None
}
