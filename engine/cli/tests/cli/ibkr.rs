//! Runs at Interactive Brokers, the program and the plugin as they are, against a double of the gateway on loopback: real time
//! by a clock that is set, quotes and futures of the double's market, orders that fill, break and are refused, a kill in the
//! middle. What the double's account holds at the end must be what the journals say, order by order.
//!
//! The plugin is outside of the default build: `cargo build -p alula-ibkr` (or `cargo test --workspace`) makes it.
#![cfg(all(target_os = "linux", target_pointer_width = "64"))]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    reason = "a double of a broker for tests: what it cannot do fails the test"
)]

#[path = "../../../../plugins/ibkr/tests/dialogues/gateway/mod.rs"]
mod gateway;
mod house;
mod warp;

use crate::broker::trusted;
use crate::faults::faults;
use crate::kills::{BUSY, going_on, last_close, replays, said, signal, start};
use crate::plugin::here;
use crate::support::Folder;
use house::{ACCOUNT, Fate, House};
use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::Child;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};
use warp::Warp;

/// A Friday; the store ends the day before.
const DAY: &str = "2023-01-20";
/// What an answer to a person takes while the gateway is silent, a question to it and its wait included.
const PROMPT: Duration = Duration::from_secs(12);
/// Longest wait for anything.
const PATIENCE: Duration = Duration::from_secs(90);

/// The plugin's library where it was built.
#[expect(clippy::print_stdout, reason = "says that a test was skipped")]
fn library() -> Option<PathBuf> {
    let own = std::env::current_exe().unwrap();
    let found = own
        .ancestors()
        .skip(1)
        .take(2)
        .map(|f| f.join("libalula_ibkr.so"))
        .find(|p| p.is_file());
    if found.is_none() {
        println!("skipped: libalula_ibkr.so absent (cargo build -p alula-ibkr)");
    }
    found
}

/// The busy strategy, which reads the curve of futures too and takes the last value of an index for its settlement.
fn strategy() -> String {
    let rules = BUSY.replace(
        "    cross    60% of spread\n",
        "    cross    60% of spread\n    settle   approximate\n",
    );
    let read = rules.replace(
        "open when VIX.last < vix_ceiling\n",
        "open when VIX.last < vix_ceiling and VX[2].price / VX[1].price < 2\n",
    );
    assert_ne!(read, rules);
    // An order that fills at several prices becomes several positions.
    read.replace("up to 4 positions", "up to 12 positions")
}

/// The same with one condor and calls on VIX in two layers: of the next weekly expiry, and of the next monthly one.
fn with_layers() -> String {
    let layer = |name: &str, days: u32, delta: u32, percent: u32| {
        format!(
            "    layer {name} {{\n        own    call on VIX {{ expiry nearest {days} dte, strike at {delta} delta }}\n        \
             active when VIX.last > 5 vol until VIX.last < 4 vol\n        size   {percent}% of max_loss(core)\n    }}\n"
        )
    };
    let one = strategy().replace("up to 12 positions", "up to 1 position");
    let layers = layer("near", 5, 60, 10) + &layer("far", 26, 30, 5);
    format!("{one}\nhedge shells on core {{\n{layers}}}\n")
}

struct Desk {
    folder: Folder,
    faults: PathBuf,
    warp: Warp,
    house: House,
}

impl Desk {
    /// Everything that a run needs; none where something cannot be built here.
    fn set_up() -> Option<Self> {
        Self::with(&strategy())
    }

    fn with(rules: &str) -> Option<Self> {
        let library = library()?;
        let folder = Folder::new(&[("busy.alula", rules)]);
        let faults = faults(&folder)?;
        trusted(&folder, &library, "ibkr");
        let warp = Warp::new(&folder.join("ahead"));
        let house = House::open(warp.clone(), last_close());
        Some(Self {
            folder,
            faults,
            warp,
            house,
        })
    }

    fn args(&self, account: &str, more: &[&str]) -> Vec<String> {
        let port = format!("port={}", self.house.port);
        let account = format!("account={account}");
        let own = [
            "--broker",
            "ibkr",
            "--feed",
            "broker",
            "--lines",
            "60",
            "--broker-set",
            &port,
            "--broker-set",
            &account,
        ];
        going_on(&[&own[..], more].concat())
    }

    fn start(&self) -> Run<'_> {
        let warp = self.folder.join("ahead");
        let env = [
            ("LD_PRELOAD", self.faults.to_str().unwrap()),
            ("ALULA_FAULT", "warp"),
            ("ALULA_FAULT_PATH", warp.to_str().unwrap()),
        ];
        let before = self.house.connections();
        let mut child = start(&self.folder, &self.args(ACCOUNT, &[]), &env);
        let (sender, lines) = channel();
        let out = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            out.lines()
                .map_while(Result::ok)
                .take_while(|line| sender.send(line.clone()).is_ok())
                .count()
        });
        Run {
            desk: self,
            before,
            child,
            lines,
        }
    }
}

/// A run under way.
struct Run<'d> {
    desk: &'d Desk,
    /// Connections that the gateway had seen when it began.
    before: u32,
    child: Child,
    lines: Receiver<String>,
}

impl Run<'_> {
    /// Waits until something holds.
    fn until(&self, what: &str, holds: impl Fn() -> bool) {
        let start = Instant::now();
        while !holds() {
            assert!(
                start.elapsed() < PATIENCE,
                "{what} did not come: {:?}\n{}",
                self.desk.house.orders(),
                self.desk.folder.read("stderr")
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits until as much is quoted as is asked for.
    fn quoted(&self) {
        let house = &self.desk.house;
        self.until("quotes", || {
            house.connections() > self.before && house.watched() >= 50
        });
    }

    /// Lets a snapshot come, and waits until it is decided.
    fn tick(&self, hour: u32, minute: u32) {
        self.tick_on(DAY, (hour, minute));
    }

    fn tick_on(&self, day: &str, (hour, minute): (u32, u32)) {
        self.desk.warp.set(day, (hour, minute, -4));
        self.told(&format!("tick at {hour}:{minute:02}"), "\"event\":\"tick\"");
    }

    /// Waits for a line of standard output.
    fn told(&self, what: &str, part: &str) -> String {
        let (start, mut heard) = (Instant::now(), Vec::new());
        loop {
            let left = PATIENCE.saturating_sub(start.elapsed());
            let line = self.lines.recv_timeout(left).unwrap_or_else(|_| {
                let stderr = self.desk.folder.read("stderr");
                panic!("no {what}: {:?}\n{stderr}\n{heard:?}", self.desk.house.orders())
            });
            if line.contains(part) {
                return line;
            }
            heard.push(line);
        }
    }

    fn arrived(&self, count: usize) {
        self.until("an order", || self.desk.house.orders().len() >= count);
    }

    fn end(mut self, how: &str) -> i32 {
        signal(self.child.id(), how);
        self.child.wait().unwrap().code().unwrap_or(-1)
    }
}

impl Drop for Run<'_> {
    fn drop(&mut self) {
        // Of a test that failed nothing is left.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// No order lost, none doubled, every trade in the journals and no other.
fn compare(desk: &Desk) -> usize {
    let said = said(&desk.folder);
    let orders = desk.house.orders();
    let names: BTreeSet<&String> = orders.iter().map(|o| &o.0).collect();
    assert_eq!(names.len(), orders.len(), "an order arrived twice: {orders:?}");
    for name in &names {
        assert!(
            said.intents.contains_key(*name),
            "`{name}` is at the broker and in no journal"
        );
    }
    for name in said.intents.keys() {
        let never = said.never.contains(name) || said.abandoned.contains(name);
        assert!(
            names.contains(name) != never,
            "`{name}`: at the broker {}, in the journals as never sent {never}",
            names.contains(name)
        );
    }
    let trades: BTreeSet<String> = desk.house.trades().into_iter().collect();
    assert_eq!(said.trades, trades);
    assert_eq!(said.breaks, Vec::<String>::new());
    assert_eq!(desk.house.strange(), Vec::<u32>::new());
    said.abandoned.len()
}

#[test]
fn a_day_at_the_gateway_on_which_everything_goes_wrong_loses_no_order_and_doubles_none() {
    let Some(desk) = Desk::set_up() else { return };
    desk.house.script(&[
        Fate::Fill,
        Fate::Piecemeal,
        Fate::CutAfter,
        Fate::Reject,
        Fate::CutBefore,
    ]);
    desk.warp.set(DAY, (9, 58, 0));
    let run = desk.start();
    run.quoted();
    assert_eq!(
        desk.house.futures_watched(),
        [1, 2],
        "the months that the rules read"
    );
    run.tick(10, 0);
    run.arrived(1);
    run.tick(10, 30);
    run.arrived(2);
    run.until("the last package", || desk.house.orders()[1].1 == "Filled");
    run.tick(11, 0);
    run.arrived(3);
    run.until("a second connection", || desk.house.connections() >= 2);
    run.quoted();
    run.tick(11, 30);
    run.arrived(4);
    run.tick(12, 0);
    run.until("a third connection", || desk.house.connections() >= 3);
    // In the middle of finding out what became of the order that never arrived.
    run.end("-KILL");
    desk.warp.set(DAY, (12, 20, 0));
    let run = desk.start();
    run.quoted();
    run.tick(12, 30);
    run.arrived(5);
    run.tick(13, 0);
    let stderr = desk.folder.read("stderr");
    assert!(stderr.contains("every link as it was"), "{stderr}");
    assert!(stderr.contains("not yet run against a live account"), "{stderr}");
    assert_eq!(run.end("-TERM"), 0, "{}", desk.folder.read("stderr"));
    // Its last order was on its way: who goes on hears at once what became of it.
    desk.warp.set(DAY, (13, 20, 0));
    let run = desk.start();
    run.quoted();
    assert_eq!(run.end("-TERM"), 0, "{}", desk.folder.read("stderr"));
    let orders = desk.house.orders();
    let ends: Vec<&str> = orders.iter().map(|o| o.1).collect();
    assert_eq!(
        ends[..5],
        ["Filled", "Filled", "Filled", "Inactive", "Filled"],
        "{orders:?}"
    );
    assert_eq!(compare(&desk), 1, "the order that never arrived is abandoned");
    assert!(desk.house.watched_most() <= 60);
    // The margin of what opens something was asked for under the name of the order that followed.
    let asked = desk.house.asked();
    assert!(
        !asked.is_empty()
            && asked
                .iter()
                .all(|name| said(&desk.folder).intents.contains_key(name)),
        "{asked:?}"
    );
    // Condors of three lots.
    assert!(desk.house.positions().values().all(|n| n % 3 == 0));
    assert!(desk.folder.read("out/positions.csv").lines().count() > 4);
    replays(&desk.folder);
}

#[test]
fn a_gateway_that_falls_silent_in_a_run_is_told_of_at_once_and_halts_and_ends_do_not_wait_for_it() {
    let Some(desk) = Desk::set_up() else { return };
    desk.warp.set(DAY, (9, 58, 0));
    let run = desk.start();
    run.quoted();
    run.tick(10, 0);
    run.arrived(1);
    desk.house.silent(true);
    // It is asked for its time every fifteen seconds, and has four to answer.
    let line = run.told("word of the silence", "no connection, and no order leaves");
    assert!(
        line.contains("does not answer any more: asked for its time"),
        "{line}"
    );
    let ctl = |args: &[&str]| {
        let began = Instant::now();
        let done = here(&desk.folder, args);
        assert_eq!(done.code, 0, "{done}");
        assert!(began.elapsed() < PROMPT, "{args:?}");
        done.stdout
    };
    let status = ctl(&["ctl", "status", "journals/busy"]);
    let status: serde_json::Value = serde_json::from_str(&status).unwrap();
    assert_eq!(status["broker"]["connected"], false, "{status}");
    assert_eq!(status["broker"]["what_if"]["answered"], 1, "{status}");
    // The quotes are old, the run goes on, and nothing is opened.
    run.tick(10, 30);
    assert_eq!(desk.house.orders().len(), 1);
    ctl(&["halt", "journals/busy", "the gateway hangs"]);
    // It is connected to anew, takes the connection, and does not greet.
    run.told(
        "word of the greeting",
        "took the connection and has said nothing for 10 s",
    );
    let began = Instant::now();
    assert_eq!(run.end("-TERM"), 0, "{}", desk.folder.read("stderr"));
    assert!(began.elapsed() < PROMPT);
    desk.house.silent(false);
    // Whoever goes on finds the account as it is.
    desk.warp.set(DAY, (10, 40, 0));
    let run = desk.start();
    run.quoted();
    run.tick(11, 0);
    let status = ctl(&["ctl", "status", "journals/busy"]);
    assert!(status.contains("the gateway hangs"), "the halt stands: {status}");
    assert_eq!(run.end("-TERM"), 0, "{}", desk.folder.read("stderr"));
    assert_eq!(compare(&desk), 0);
    replays(&desk.folder);
}

#[test]
fn hedges_on_vix_are_bought_in_the_class_of_their_day_and_settle_on_its_morning() {
    let Some(desk) = Desk::with(&with_layers()) else {
        return;
    };
    desk.warp.set(DAY, (9, 58, 0));
    let run = desk.start();
    run.quoted();
    run.tick(10, 0);
    run.arrived(1);
    run.tick(10, 30);
    run.tick(11, 0);
    run.arrived(3);
    run.tick(11, 30);
    let calls = |desk: &Desk| -> BTreeSet<(&str, u32)> {
        let held = desk.house.options_held().into_iter();
        held.filter(|o| o.0.starts_with("VIX"))
            .map(|(class, day, call, _, contracts)| {
                assert!(call && contracts > 0, "bought calls");
                (class, day)
            })
            .collect()
    };
    // Five days out is a Wednesday of the weekly class, twenty-six days out the monthly one.
    assert_eq!(
        calls(&desk),
        BTreeSet::from([("VIX", 20_230_215), ("VIXW", 20_230_125)])
    );
    // What is paid for needs no margin: only the condor was asked for.
    assert_eq!(desk.house.asked().len(), 1);
    // The weekly calls trade last on Tuesday and settle on Wednesday morning.
    desk.warp.set("2023-01-25", (10, 30, -4));
    let settled = run.told("a settlement", "\"key\":\"expiry\"");
    assert!(settled.contains("2023-01-25T10:30"), "{settled}");
    // The broker forgets what has settled, and that is no mismatch; the monthly calls are still there.
    desk.house.expire(20_230_125);
    run.tick_on("2023-01-25", (11, 0));
    let held = calls(&desk);
    assert!(
        held.contains(&("VIX", 20_230_215)) && !held.contains(&("VIXW", 20_230_125)),
        "{held:?}"
    );
    assert_eq!(run.end("-TERM"), 0, "{}", desk.folder.read("stderr"));
    // Its last order was on its way: who goes on hears at once what became of it.
    desk.warp.set("2023-01-25", (11, 20, 0));
    let run = desk.start();
    run.quoted();
    assert_eq!(run.end("-TERM"), 0, "{}", desk.folder.read("stderr"));
    let trades = desk.folder.read("out/trades.csv");
    let row = trades.lines().find(|l| l.contains(",expiry,")).unwrap();
    assert!(row.contains("shells.near") && row.ends_with(",true"), "{trades}");
    let manifest = desk.folder.read("out/manifest.json");
    assert!(
        manifest.contains("stand in for missing official ones"),
        "{manifest}"
    );
    assert_eq!(compare(&desk), 0);
    replays(&desk.folder);
}

#[test]
fn real_money_needs_every_one_of_its_switches() {
    let Some(desk) = Desk::set_up() else { return };
    let refused = |args: &[String]| {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let done = here(&desk.folder, &args);
        assert_eq!(done.code, 2, "{done}");
        done.stderr
    };
    let live = |account: &str, more: &[&str]| [desk.args(account, more), vec!["--live".to_owned()]].concat();
    // Armed, and the lock does not allow it.
    let told = refused(&live("U1234567", &["--broker-set", "live=1"]));
    assert!(told.contains("`plugins.lock` does not allow it"), "{told}");
    // The lock allows it, and the run is not armed: the broker for paper money does not know the setting.
    let library = library().unwrap();
    let library = library.to_string_lossy();
    let trust = ["plugin", "trust", &*library, "--id", "ibkr", "--allow-live"];
    let done = here(&desk.folder, &trust);
    assert_eq!(done.code, 0, "{done}");
    let told = refused(&desk.args(ACCOUNT, &["--broker-set", "live=1"]));
    assert!(told.contains("live"), "{told}");
    // Both, and an account of real money without the broker's own switch.
    let told = refused(&live("U1234567", &[]));
    assert!(told.contains("is no paper account"), "{told}");
    assert_eq!(desk.house.connections(), 0, "nobody connected");
}

#[test]
fn who_names_the_wrong_account_or_trusts_nothing_is_told_so() {
    let Some(desk) = Desk::set_up() else { return };
    let told = |folder: &Folder, args: &[String]| {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        here(folder, &args)
    };
    let other = told(&desk.folder, &desk.args("DU7654321", &[]));
    assert_eq!(other.code, 4, "{other}");
    assert!(
        other
            .stderr
            .contains("has no account `DU7654321`: it has DU1234567"),
        "{other}"
    );
    desk.house.login("DU1234567,U7");
    let real = told(&desk.folder, &desk.args(ACCOUNT, &[]));
    assert_eq!(real.code, 4, "{real}");
    assert!(real.stderr.contains("`U7`, which is no paper account"), "{real}");
    let bare = Folder::new(&[("busy.alula", &strategy())]);
    let untrusted = told(&bare, &desk.args(ACCOUNT, &[]));
    assert_eq!(untrusted.code, 2, "{untrusted}");
    assert!(untrusted.stderr.contains("plugin trust"), "{untrusted}");
}
