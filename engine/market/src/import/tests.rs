use super::*;

fn shared(path: &str) -> Option<PathBuf> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/data")
        .join(path);
    if file.exists() {
        return Some(file);
    }
    println!("skipped: shared data {path} absent");
    None
}

#[test]
fn look() {
    let dir = tempfile::tempdir().unwrap();
    let inputs = ["spx_chain_2019", "context", "rates", "events"]
        .iter()
        .map(|p| shared(p).unwrap())
        .collect();
    let r = ImportRequest::new(inputs, dir.path().join("spx"));
    let t = std::time::Instant::now();
    match run(&r, &mut ()) {
        Ok(report) => println!("{}", report.quality.to_text()),
        Err(e) => panic!("{e}\nhelp: {}", e.help()),
    }
    println!("{:?}", t.elapsed());
    let h = StoreHistory::open(&r.store).unwrap();
    println!("{:#?}", h.provenance());
}
