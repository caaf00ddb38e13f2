//! Paths and the skip message.

use alula_market::import::{ImportRequest, run};
use alula_market::store::StoreHistory;
use std::path::{Path, PathBuf};

/// The workspace root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .map(Path::to_path_buf)
        .unwrap_or_default()
}

/// A folder of real market data, or `None` after saying that the test is skipped.
pub fn real_data(folder: &str) -> Option<PathBuf> {
    let path = root().join("../shared/data").join(folder);
    if path.is_dir() {
        return Some(path);
    }
    println!("skipped: ../shared/data/{folder} is absent");
    None
}

/// Imports the chains of 2019 and what belongs to them into a store of its own.
pub fn chain_store(data: &Path, store: &Path) -> StoreHistory {
    let inputs = [
        "spx_chain_2019",
        "context/GSPC_yahoo_2000_2025.csv",
        "context/vix-daily_pddl.csv",
        "rates/DFF_fred.csv",
    ];
    let inputs = inputs.map(|path| data.join(path)).to_vec();
    run(&ImportRequest::new(inputs, store.to_owned()), &mut ()).expect("an import");
    StoreHistory::open(store).expect("the store just written")
}
