//! The connection: who may, who answers, what is quoted, and the contract with the host.

use crate::gateway::wire::Msg;
use crate::gateway::{Book, Gateway, ask, error, index, status, tell};
use crate::talk::*;
use alula_ibkr::broker::Paper;
use alula_ibkr::model::{Event, NANO, Package, Right};
use alula_ibkr::session::{Config, Session, Submission};
use alula_plugin_sdk::abi::host::{Connection, Submitted};
use alula_plugin_sdk::testing::brokers;
use std::time::{Duration, Instant};

/// Polls through the contract until an event fits.
fn heard(broker: &mut Connection, what: &str, fits: impl Fn(&Event) -> bool) -> Vec<Event> {
    let (start, mut out) = (Instant::now(), Vec::new());
    loop {
        let from = out.len();
        broker.poll(Duration::from_millis(50), &mut out).unwrap();
        if out.iter().skip(from).any(&fits) {
            return out;
        }
        assert!(
            start.elapsed() < Duration::from_secs(20),
            "no {what} came, but {out:#?}"
        );
    }
}

#[test]
fn nothing_is_sent_after_its_time_or_without_a_connection() {
    let gateway = Gateway::start(book());
    let unconnected = Session::new(config(&gateway)).unwrap();
    assert_eq!(
        unconnected.submit(&condor("main-a-1")),
        Submission::NotSent("not connected".to_owned())
    );
    let session = up(&gateway);
    let late = Package {
        not_after_ns: NOW,
        ..condor("main-a-2")
    };
    assert_eq!(
        session.submit(&late),
        Submission::NotSent("its time to be sent is over".to_owned())
    );
    // The gateway is there, the broker is not.
    gateway.send(
        tell::ERROR,
        &error(
            -1,
            1100,
            "Connectivity between IBKR and Trader Workstation has been lost.",
        ),
    );
    let events = until(&session, "down", is_down);
    assert!(why_down(&events).ends_with("lost. [1100]"));
    assert_eq!(
        session.submit(&condor("main-a-3")),
        Submission::NotSent("the gateway has lost the broker".to_owned())
    );
    assert!(session.snapshot(1, NOW).is_err());
    gateway.send(
        tell::ERROR,
        &error(-1, 1102, "Connectivity has been restored - data maintained."),
    );
    until(&session, "up again", |e| *e == Event::Up);
    assert_eq!(session.submit(&condor("main-a-3")), Submission::Sent);
    let numbers: Vec<_> = gateway
        .requests()
        .into_iter()
        .filter(|(n, _)| *n == ask::PLACE_ORDER)
        .collect();
    assert!(numbers.len() <= 1);
}

#[test]
fn quotes_are_told_when_they_change_and_asked_for_again_after_a_reconnect() {
    let gateway = Gateway::start(book());
    let mut config = config(&gateway);
    config.delayed = true;
    let (session, told) = connected(config);
    assert_eq!(told.events, [Event::Up]);
    assert_eq!(gateway.wait_for(ask::MARKET_DATA_TYPE).int(1), Some(3));
    // What is not listed is said, and does not stand in the way of the others.
    session.watch(vec![spxw(Right::Put, 1234), spxw(Right::Put, 5700)]);
    hear(&session, "word of the first", is_down, |n| {
        n.contains("no contract `SPXW 20260116 P1234`")
    });
    let asked = gateway.wait_for(ask::MARKET_DATA);
    assert_eq!(asked.one(2).int(1), Some(101));
    let request = asked.int(1).unwrap();
    let price = |kind, price: f64, size: &str| {
        Msg::new()
            .int(1, request)
            .int(2, kind)
            .double(3, price)
            .text(4, size)
    };
    gateway.send(tell::MARKET_DATA_TYPE, &Msg::new().int(1, request).int(2, 3));
    // 66 and 67: bid and ask, delayed.
    gateway.send(tell::TICK_PRICE, &price(66, 2.0, "11"));
    gateway.send(tell::TICK_PRICE, &price(67, 2.2, "12"));
    let events = until(
        &session,
        "ask",
        |e| matches!(e, Event::Quote(q) if q.ask_e9.is_some()),
    );
    let Some(Event::Quote(quote)) = events.events.last() else {
        panic!("{events:?}")
    };
    assert_eq!(
        (quote.bid_e9, quote.ask_e9),
        (Some(2_000_000_000), Some(2_200_000_000))
    );
    assert_eq!(
        (quote.bid_size, quote.ask_size, quote.at_ns),
        (Some(11), Some(12), NOW)
    );
    assert!(events.notes.iter().any(|n| n.contains("delayed")));
    // The bid is gone.
    gateway.send(tell::TICK_PRICE, &price(66, -1.0, "0"));
    let events = until(&session, "no bid", |e| matches!(e, Event::Quote(_)));
    assert!(
        matches!(events.events.last(), Some(Event::Quote(q)) if q.bid_e9.is_none() && q.bid_size.is_none() && q.ask_e9.is_some())
    );
    gateway.hang_up();
    until(&session, "up again", |e| *e == Event::Up);
    assert_eq!(gateway.wait_for(ask::MARKET_DATA).one(2).int(1), Some(101));
    // The broker came back without what was subscribed to.
    gateway.send(tell::ERROR, &error(-1, 1100, "lost"));
    gateway.send(tell::ERROR, &error(-1, 1101, "restored - data lost"));
    assert_eq!(gateway.wait_for(ask::MARKET_DATA).one(2).int(1), Some(101));
}

#[test]
fn a_socket_that_is_reset_and_a_frame_that_is_nonsense_are_a_new_connection_and_no_more() {
    let gateway = Gateway::start(book());
    let session = up(&gateway);
    gateway.send(tell::ERROR, &error(-1, 1300, "TWS socket port has been reset"));
    let told = until(&session, "up again", |e| *e == Event::Up);
    assert!(
        matches!(told.events.as_slice(), [Event::Down { text }, Event::Up] if text.contains("[1300]")),
        "{told:?}"
    );
    // A message that nobody knows is passed over.
    gateway.send(150, &Msg::new().text(1, "?"));
    working(&gateway, &session, "main-a-1");
    // A status without a status cannot be read, and what else it hid cannot be known.
    gateway.send(tell::ORDER_STATUS, &Msg::new().int(1, 41).int(9, 17));
    let told = until(&session, "up again", |e| *e == Event::Up);
    assert!(
        matches!(told.events.as_slice(), [Event::Down { .. }, Event::Up]),
        "{told:?}"
    );
}

#[test]
fn a_gateway_that_falls_silent_is_left_and_a_clock_that_is_off_is_said() {
    let gateway = Gateway::start(Book {
        time: Some(NOW / NANO + 60),
        ..book()
    });
    let mut config = config(&gateway);
    (config.waits.beat, config.waits.answer) = (Duration::from_millis(20), Duration::from_secs(1));
    let (session, told) = connected(config);
    assert_eq!(told.events, [Event::Up]);
    hear(&session, "word of the clock", is_down, |n| {
        n.contains("-60 seconds ahead")
    });
    gateway.book(|b| b.time = Some(NOW / NANO));
    assert_eq!(session.submit(&condor("main-a-1")), Submission::Sent);
    gateway.book(|b| b.time = None);
    let told = until(&session, "down", is_down);
    assert!(
        why_down(&told).contains("holds the connection and does not answer any more"),
        "{told:?}"
    );
    gateway.book(|b| b.time = Some(NOW / NANO));
    until(&session, "up again", |e| *e == Event::Up);
}

#[test]
fn connecting_ends_with_a_word_every_time() {
    let gateway = Gateway::start(book());
    let Talk { mut session, rest } = up(&gateway);
    session.connect().unwrap();
    let talk = Talk { session, rest };
    assert_eq!(until(&talk, "up", |e| *e == Event::Up).events, [Event::Up]);
    // A farm that broke is worth a word; the one that the double greets with is there, and is not.
    gateway.send(
        tell::ERROR,
        &error(-1, 2103, "Market data farm connection is broken:usopt"),
    );
    let told = hear(&talk, "word of the farm", is_down, |n| {
        n.ends_with("usopt [2103]")
    });
    assert!(!told.notes.iter().any(|n| n.contains("2104")), "{told:?}");
    talk.disconnect();
    until(&talk, "down", is_down);
    let Talk { mut session, rest } = talk;
    session.connect().unwrap();
    let talk = Talk { session, rest };
    assert_eq!(until(&talk, "up", |e| *e == Event::Up).events, [Event::Up]);
}

#[test]
fn a_login_that_is_not_the_account_or_not_paper_is_refused_for_good() {
    for (accounts, word) in [
        ("DU7654321", "has no account `DU1234567`"),
        ("DU1234567,U1234567", "`U1234567`, which is no paper account"),
    ] {
        let gateway = Gateway::start(Book {
            accounts: accounts.to_owned(),
            ..book()
        });
        let (session, events) = connected(config(&gateway));
        assert!(why_down(&events).contains(word), "{events:?}");
        assert_eq!(
            session.submit(&condor("main-a-1")),
            Submission::NotSent("not connected".to_owned())
        );
    }
    let gateway = Gateway::start(book());
    let live = Config {
        account: "U1234567".to_owned(),
        ..config(&gateway)
    };
    assert!(
        Session::new(live.clone())
            .err()
            .is_some_and(|why| why.contains("no paper account"))
    );
    assert!(Session::new(Config { live: true, ..live }).is_ok());
    assert!(
        gateway.requests().is_empty(),
        "nothing is connected before it is asked for"
    );
}

#[test]
fn a_client_number_that_is_still_held_is_tried_again() {
    let gateway = Gateway::start(Book { busy: 2, ..book() });
    let (session, first) = connected(config(&gateway));
    assert!(
        why_down(&first).contains("client number 17 is in use"),
        "{first:?}"
    );
    // Said once, not once for each attempt.
    let then = until(&session, "up", |e| *e == Event::Up);
    assert_eq!(then.events, [Event::Up]);
}

#[test]
fn nobody_listening_is_said_in_words_that_help() {
    let gateway = Gateway::start(book());
    let mut config = config(&gateway);
    // A port that was free a moment ago.
    config.port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let (_session, events) = connected(config);
    assert!(
        why_down(&events).contains("is TWS or the gateway running"),
        "{events:?}"
    );
}

#[test]
fn the_host_speaks_with_it_through_the_contract() {
    let gateway = Gateway::start(book());
    let hosts = brokers::<Paper>().unwrap();
    let info = hosts.brokers().first().unwrap();
    assert_eq!(info.id, "ibkr");
    let settings = [
        ("port", gateway.port.to_string()),
        ("account", ACCOUNT.to_owned()),
    ];
    let settings: Vec<_> = settings.map(|(name, value)| (name.to_owned(), value)).to_vec();
    let mut broker = hosts.open(info, &settings).unwrap();
    // The clock is the machine's here.
    let order = Package {
        not_after_ns: 7_000_000_000 * NANO,
        ..condor("main-a-1")
    };
    assert!(matches!(broker.submit(&order), Submitted::NotSent(why) if why.text.contains("not connected")));
    broker.connect().unwrap();
    heard(&mut broker, "up", |e| *e == Event::Up);
    broker.watch(&[spxw(Right::Put, 5700)]).unwrap();
    let request = gateway.wait_for(ask::MARKET_DATA).int(1).unwrap();
    gateway.send(
        tell::TICK_PRICE,
        &Msg::new().int(1, request).int(2, 1).double(3, 2.0).text(4, "3"),
    );
    heard(
        &mut broker,
        "quote",
        |e| matches!(e, Event::Quote(q) if q.bid_e9 == Some(2 * NANO)),
    );
    assert_eq!(broker.submit(&order), Submitted::Sent);
    let number = gateway.wait_for(ask::PLACE_ORDER).int(1).unwrap();
    gateway.send(
        tell::ORDER_STATUS,
        &status(number, "Submitted", "0", "2", 9001, 17),
    );
    heard(&mut broker, "acknowledgement", |e| {
        matches!(e, Event::Acknowledged { .. })
    });
    gateway.send(tell::EXECUTION, &trade(101, number, "e.01.01", "BOT", "1", 2.1));
    heard(
        &mut broker,
        "fill without a commission",
        |e| matches!(e, Event::Filled(f) if f.fee_e9.is_none()),
    );
    broker.request_snapshot(3, NOW).unwrap();
    heard(&mut broker, "end of the snapshot", |e| {
        *e == Event::SnapshotEnd { request: 3 }
    });
    broker.cancel("main-a-1").unwrap();
    assert_eq!(gateway.wait_for(ask::CANCEL_ORDER).int(1), Some(number));
    broker.disconnect().unwrap();
    heard(&mut broker, "down", is_down);
}

#[test]
fn what_is_listed_is_told_class_by_class_and_an_index_has_one_value() {
    let mut book = book();
    book.listed.push(index(416_904, "SPX"));
    let friday = vec!["20260116", "20260130"];
    book.chains = vec![
        ("CBOE", "SPXW", friday.clone(), vec![5750.0]),
        ("SMART", "SPXW", friday, vec![5750.0, 5700.0, 5750.0]),
        // Told by its last trading day, a Thursday.
        ("SMART", "SPX", vec!["20260115", "20260219"], vec![5000.0]),
        ("SMART", "2SPX", vec!["20260116"], vec![1.0]),
    ];
    let gateway = Gateway::start(book);
    let (session, _) = connected(config(&gateway));
    session.list(7, word("SPX")).unwrap();
    let events = until(&session, "the end of the list", |e| {
        *e == Event::ListEnd { request: 7 }
    });
    let listed: Vec<(String, u32, Vec<i64>)> = events
        .events
        .iter()
        .filter_map(|e| match e {
            Event::Listed { request: 7, listing } => Some((
                listing.class.to_string(),
                listing.expiry,
                listing.strikes_e9.iter().map(|k| k / 1_000_000_000).collect(),
            )),
            _ => None,
        })
        .collect();
    let row = |class: &str, expiry, strikes: &[i64]| (class.to_owned(), expiry, strikes.to_vec());
    assert_eq!(
        listed,
        [
            row("SPX", 20_260_116, &[5000]),
            row("SPX", 20_260_220, &[5000]),
            row("SPXW", 20_260_116, &[5700, 5750]),
            row("SPXW", 20_260_130, &[5700, 5750]),
        ]
    );
    // An index that nobody knows is said to have nothing.
    session.list(8, word("NDX")).unwrap();
    let events = until(&session, "the end of nothing", |e| {
        *e == Event::ListEnd { request: 8 }
    });
    assert!(
        events.notes.iter().any(|n| n.contains("no such index")),
        "{events:?}"
    );
    let spx = alula_ibkr::contract::index(&word("SPX")).unwrap();
    session.watch(vec![spx]);
    let asked = gateway.wait_for(ask::MARKET_DATA);
    assert_eq!(asked.one(2).int(1), Some(416_904));
    let request = asked.int(1).unwrap();
    // 4: the last value.
    let value = Msg::new()
        .int(1, request)
        .int(2, 4)
        .double(3, 5925.53)
        .text(4, "0");
    gateway.send(tell::TICK_PRICE, &value);
    let events = until(&session, "its value", |e| matches!(e, Event::Quote(_)));
    let Some(Event::Quote(quote)) = events.events.last() else {
        panic!("{events:?}")
    };
    assert_eq!(
        (quote.contract, quote.bid_e9, quote.ask_e9),
        (spx, Some(5_925_530_000_000), Some(5_925_530_000_000))
    );
}

/// Requests for streams up to one: begun (`+`) and ended (`-`), by contract.
fn streams(gateway: &Gateway, known: &mut Vec<(i64, i64)>, last: &str) -> Vec<String> {
    let (start, mut out) = (Instant::now(), Vec::new());
    loop {
        for (number, fields) in gateway.requests() {
            let id = fields.int(1).unwrap_or_default();
            if number == ask::MARKET_DATA {
                let contract = fields.one(2).int(1).unwrap();
                known.push((id, contract));
                out.push(format!("+{contract}"));
            } else if number == ask::CANCEL_MARKET_DATA {
                let contract = known.iter().find(|k| k.0 == id).unwrap().1;
                out.push(format!("-{contract}"));
            }
        }
        if out.iter().any(|o| o == last) {
            return out;
        }
        assert!(
            start.elapsed() < Duration::from_secs(20),
            "no {last} came, but {out:?}"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn another_choice_leaves_alone_what_it_has_in_common_with_the_one_before() {
    let gateway = Gateway::start(book());
    let session = up(&gateway);
    let (a, b) = (spxw(Right::Put, 5700), spxw(Right::Put, 5750));
    let (c, d) = (spxw(Right::Call, 6100), spxw(Right::Call, 6150));
    let mut known = Vec::new();
    session.watch(vec![a, b, c]);
    assert_eq!(streams(&gateway, &mut known, "+103"), ["+101", "+102", "+103"]);
    session.watch(vec![d, c, b]);
    // What fell away is ended before anything is begun: the broker counts.
    assert_eq!(streams(&gateway, &mut known, "+104"), ["-101", "+104"]);
    // The same again is nothing; what is asked for next comes alone.
    session.watch(vec![d, c, b]);
    session.watch(vec![d, c]);
    assert_eq!(streams(&gateway, &mut known, "-102"), ["-102"]);
}

#[test]
fn a_broker_that_gives_fewer_streams_than_are_wanted_gives_the_most_important_and_says_how_many() {
    let gateway = Gateway::start(Book { lines: 2, ..book() });
    let session = up(&gateway);
    let (a, b) = (spxw(Right::Put, 5700), spxw(Right::Put, 5750));
    let (c, d) = (spxw(Right::Call, 6100), spxw(Right::Call, 6150));
    let mut known = Vec::new();
    session.watch(vec![a, b, c]);
    let begun = streams(&gateway, &mut known, "+103");
    // The one too many may be given up by then.
    assert_eq!(begun[..3], ["+101", "+102", "+103"]);
    hear(
        &session,
        "word of the limit",
        |_| false,
        |n| n.contains("--lines 2"),
    );
    // From now on no more are asked for than there are.
    session.watch(vec![d, a, b, c]);
    let then = streams(&gateway, &mut known, "+104");
    assert!(
        then.contains(&"-102".to_owned()) && !then.contains(&"+103".to_owned()),
        "{then:?}"
    );
}
