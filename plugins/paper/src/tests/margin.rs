//! What an order would take, where somebody asks.

use super::*;

#[test]
fn a_margin_is_the_worst_end_of_what_would_be_held_a_share_of_it_or_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let open = |name: &str, more: &[(&str, &str)]| {
        let mut broker = open(&folder.path().join(name), more);
        broker
            .quotes(ns(Instant::from_eastern(day("2024-06-03"), 10, 1).unwrap()), &[])
            .unwrap();
        broker
    };
    let put = |strike| Instrument::Option(option(Root::Spxw, "2024-06-21", Right::Put, strike));
    let call = |strike| Instrument::Option(option(Root::Spxw, "2024-06-21", Right::Call, strike));
    let condor = [
        (put(5_050), 1),
        (put(5_100), -1),
        (call(5_500), -1),
        (call(5_560), 1),
    ];
    let margin = |broker: &mut Connection, legs: &[(Instrument, i32)], n| {
        let told = broker.what_if(&order("m", legs, n, None));
        told.map(|t| {
            (
                t.initial_margin_e9 / SCALE,
                t.maintenance_margin_e9 / SCALE,
                t.fee_e9 > 0,
            )
        })
    };
    let mut plain = open("plain", &[]);
    // Sixty points on the wider side, a hundred dollars each; the other side is worth nothing there.
    assert_eq!(margin(&mut plain, &condor, 1).unwrap(), (6_000, 6_000, true));
    assert_eq!(margin(&mut plain, &condor, 3).unwrap(), (18_000, 18_000, true));
    // What is bought alone owes nothing.
    assert_eq!(margin(&mut plain, &[(put(5_000), 1)], 5).unwrap(), (0, 0, true));
    // A put sold alone owes all of its strike, a call sold alone has no end.
    assert_eq!(
        margin(&mut plain, &[(put(5_000), -1)], 1).unwrap(),
        (500_000, 500_000, true)
    );
    let naked = margin(&mut plain, &[(call(5_500), -1)], 1).unwrap_err();
    assert!(naked.text.contains("has no end"), "{}", naked.text);
    let mut dear = open("dear", &[("what_if", "250")]);
    assert_eq!(margin(&mut dear, &condor, 1).unwrap(), (15_000, 15_000, true));
    let mut silent = open("silent", &[("what_if", "0")]);
    let nothing = margin(&mut silent, &condor, 1).unwrap_err();
    assert!(
        nothing.text.contains("says nothing of margins"),
        "{}",
        nothing.text
    );
    // A question orders nothing.
    assert!(
        snapshot(&mut plain, 1)
            .iter()
            .all(|e| !matches!(e, Event::SnapshotOrder { .. }))
    );
}
