//! Words from outside: a local socket for commands, a port on loopback for metrics and health.

use super::signals::{Request, Signal};
use crate::exit::Failure;
use alula_live::trader::Answers;
use alula_live::view::{BrokerLine, View};
use alula_market::money::Usd;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Longest command.
const COMMAND_BYTES_MAX: u64 = 4 * 1024;
/// How long a caller may take to say something, and waits for its answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// A run that has not looked around for so long is not healthy.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// Name of the socket in the state folder of a strategy.
pub const SOCKET: &str = "control.sock";

/// Listens for commands; the socket goes away with the value.
pub struct Control {
    path: PathBuf,
}

impl Drop for Control {
    fn drop(&mut self) {
        // The next run makes its own.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Listens on a socket that only this user may use.
///
/// # Errors
/// When it cannot be made.
#[cfg(unix)]
pub fn listen(folder: &Path, sender: Sender<Signal>) -> Result<Control, Failure> {
    use std::os::unix::fs::PermissionsExt as _;
    use std::os::unix::net::UnixListener;
    let path = folder.join(SOCKET);
    // The folder is locked by us: what lies there is of a run that died.
    let _ = std::fs::remove_file(&path);
    let listener = UnixListener::bind(&path).map_err(|e| Failure::io("listen on", &path, &e))?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))
        .map_err(|e| Failure::io("listen on", &path, &e))?;
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let _ = stream.set_read_timeout(Some(PATIENCE));
            let _ = stream.set_write_timeout(Some(PATIENCE));
            let Some(uid) = caller(&stream) else { continue };
            let mut line = String::new();
            let mut reader = BufReader::new(&stream).take(COMMAND_BYTES_MAX);
            if reader.read_line(&mut line).is_err() {
                continue;
            }
            let (answer, answers) = channel();
            let request = Request {
                line: line.trim().to_owned(),
                uid,
                answer,
            };
            if sender.send(Signal::Request(request)).is_err() {
                return;
            }
            let answer = answers
                .recv_timeout(PATIENCE)
                .unwrap_or_else(|_| json!({ "error": "the run is busy; ask again" }));
            let _ = writeln!(&stream, "{answer}");
        }
    });
    Ok(Control { path })
}

/// The caller's user, if it is ours or root's.
#[cfg(target_os = "linux")]
fn caller(stream: &std::os::unix::net::UnixStream) -> Option<Option<u32>> {
    let uid = rustix::net::sockopt::socket_peercred(stream).ok()?.uid;
    (uid == rustix::process::geteuid() || uid.is_root()).then(|| Some(uid.as_raw()))
}

/// Where the system does not say who calls, the rights of folder and socket decide.
#[cfg(all(unix, not(target_os = "linux")))]
fn caller(_stream: &std::os::unix::net::UnixStream) -> Option<Option<u32>> {
    Some(None)
}

/// Sends a command to a run and returns its answer.
///
/// # Errors
/// When no run listens there.
#[cfg(unix)]
pub fn ask(folder: &Path, line: &str) -> Result<Value, Failure> {
    use std::os::unix::net::UnixStream;
    let path = socket(folder)?;
    let silent = |e: &std::io::Error| {
        Failure::usage(format!(
            "no run answers at `{}`: {}",
            path.display(),
            crate::exit::reason(e)
        ))
        .help("name the state folder of a strategy that runs: `state/condor`")
    };
    let mut stream = UnixStream::connect(&path).map_err(|e| silent(&e))?;
    let _ = stream.set_read_timeout(Some(PATIENCE));
    writeln!(stream, "{line}").map_err(|e| silent(&e))?;
    let mut answer = String::new();
    BufReader::new(stream)
        .read_line(&mut answer)
        .map_err(|e| silent(&e))?;
    serde_json::from_str(&answer).map_err(|_| {
        Failure::usage(format!("no run answers at `{}`", path.display()))
            .help("is it a socket of this program?")
    })
}

/// The socket of a strategy's state folder, or of the one strategy that runs in the folder above.
#[cfg(unix)]
fn socket(folder: &Path) -> Result<PathBuf, Failure> {
    let own = folder.join(SOCKET);
    if own.exists() {
        return Ok(own);
    }
    let inner = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = inner.map(|e| e.path().join(SOCKET)).collect();
    found.retain(|p| p.exists());
    if found.len() > 1 {
        // What a run that died left behind answers nobody.
        found.retain(|p| std::os::unix::net::UnixStream::connect(p).is_ok());
    }
    found.sort();
    match found.len() {
        0 => Ok(own),
        1 => Ok(found.pop().unwrap_or(own)),
        _ => {
            let names: Vec<String> = found
                .iter()
                .filter_map(|p| p.parent())
                .map(|p| format!("`{}`", p.display()))
                .collect();
            let what = format!("several strategies run in `{}`", folder.display());
            Err(Failure::usage(what).help(format!("name one of {}", names.join(", "))))
        }
    }
}

/// See above.
#[cfg(not(unix))]
pub fn listen(_folder: &Path, _sender: Sender<Signal>) -> Result<Control, Failure> {
    Err(Failure::usage("there is no control socket on this system"))
}

/// See above.
#[cfg(not(unix))]
pub fn ask(_folder: &Path, _line: &str) -> Result<Value, Failure> {
    Err(Failure::usage("there is no control socket on this system"))
}

fn broker(b: &BrokerLine) -> Value {
    let orders: Vec<Value> = b
        .orders
        .iter()
        .map(|(name, rule, state)| json!({ "name": name, "rule": rule, "state": state }))
        .collect();
    json!({ "id": b.id, "connected": b.connected, "mismatches": b.mismatches, "safe_mode": b.safe_mode,
        "reopened": b.reopened, "orders": orders, "what_if": b.margins.as_ref().map(margins) })
}

/// What a broker says that orders would take, beside what the engine counts.
fn margins(m: &Answers) -> Value {
    let newest = m.newest.as_ref().map(|n| {
        json!({ "at": n.at.eastern().to_rfc3339(), "rule": *n.rule, "initial_usd": n.told.initial_margin.to_f64(),
            "maintenance_usd": n.told.maintenance_margin.to_f64(), "fee_usd": n.told.fee.to_f64(),
            "engine_usd": n.own.map(Usd::to_f64), "percent_of_engine": n.percent(), "worth_usd": n.worth.map(Usd::to_f64) })
    });
    json!({ "policy": m.policy.word(), "answered": m.answered, "unanswered": m.unanswered, "refused": m.refused,
        "percent_of_engine": m.percent.map(|(least, most)| json!([least, most])), "newest": newest })
}

/// A run at one glance as JSON.
pub fn status(v: &View, proposed: Value, simulated: bool) -> Value {
    let positions: Vec<Value> = v
        .positions
        .iter()
        .map(|p| {
            json!({ "number": p.number, "structure": p.structure, "lots": p.lots, "package": p.package,
                "pnl_usd": p.pnl.map(alula_market::money::Usd::to_f64), "opened_at": p.opened_at.eastern().to_rfc3339() })
        })
        .collect();
    let layers: Vec<Value> = v
        .layers
        .iter()
        .map(|(key, what)| json!({ "layer": key, "doing": what }))
        .collect();
    let orders: Vec<Value> = v
        .orders
        .iter()
        .map(|(id, what)| json!({ "id": id, "what": what }))
        .collect();
    json!({
        "strategy": v.strategy, "run": v.run, "data": v.data, "simulated": v.simulated, "simulated_fills": simulated,
        "tick": v.ticks, "at": v.at.map(|t| t.eastern().to_rfc3339()), "next": v.next.map(|t| t.eastern().to_rfc3339()),
        "link": v.link, "equity_usd": v.equity.0.to_f64(),
        "margin_usd": v.margin.map(|m| m.0.to_f64()), "margin_available_usd": v.margin.map(|m| m.1.to_f64()),
        "greeks": v.greeks.map(|(d, g, vega, t)| json!({ "delta": d, "gamma": g, "vega_usd": vega, "theta_usd": t })),
        "positions": positions, "layers": layers, "orders": orders, "halted": v.halted,
        "halt": v.halt.as_ref().map(|h| json!({
            "level": h.level, "who": h.who, "why": h.why, "since": h.at.eastern().to_rfc3339(),
        })),
        "overlays": overlays(v), "quarantine": quarantine(v), "dead_indicators": v.dead, "stale_quotes": v.stale, "rails": v.rails, "orders_stopped_by_rails": v.stopped, "waiting": v.waiting,
        "thresholds": {
            "config_version": v.thresholds.0, "config_sha256": v.thresholds.1,
            "last_reload_success": v.reloads.last_success, "last_reload_error": v.reloads.last_error,
            "reload_attempts_total": v.reloads.attempts, "accepted": v.reloads.accepted, "rejected": v.reloads.rejected,
        },
        "broker": v.broker.as_ref().map(broker),
        "strategy_version": v.rules, "strategy_waiting": proposed, "not_in_force": v.not_in_force,
        "journal": v.journal.map(|(entries, commits, ms)| json!({ "entries": entries, "commits": commits, "slowest_ms": ms })),
    })
}

/// Overlays of operators that are in force, or will be from the next tick on.
pub fn overlays(v: &View) -> Vec<Value> {
    let rows = v.overlays.iter();
    rows.map(|(number, who, why, what)| json!({ "overlay": number, "who": who, "what": what, "why": why }))
        .collect()
}

/// Orders that left legs which make no whole package, and what can be done about them.
pub fn quarantine(v: &View) -> Vec<Value> {
    let leg = |(contract, quantity): (alula_market::contract::OptionContract, i64)| json!({ "contract": contract.to_string(), "quantity": quantity });
    let rows = v.quarantine.iter().map(|b| {
        let legs = b.odd.iter().filter(|o| o.quantity != 0);
        let there: Vec<Value> = legs.map(|o| leg((o.contract, o.quantity))).collect();
        let missing: Vec<Value> = b.missing.iter().copied().map(leg).collect();
        json!({ "order": *b.order, "structure": *b.structure, "rule": *b.rule, "position": b.position.map(|p| p.0),
            "there": there, "missing": missing, "what": b.to_string(),
            "ways": alula_run::Way::ALL.map(alula_run::Way::word) })
    });
    rows.collect()
}

/// What the metrics' thread shows: the text, and when the run last looked around.
pub type Board = Arc<Mutex<(String, Instant)>>;

/// Serves metrics and health on a port of this machine alone.
///
/// # Errors
/// When the address is not on loopback, or taken.
pub fn serve(address: &str) -> Result<(Board, SocketAddr), Failure> {
    let wrong = || {
        Failure::usage(format!("`{address}` is no address on this machine's loopback"))
            .help("write a port, or `127.0.0.1:9464`")
    };
    let address: SocketAddr = match address.parse::<u16>() {
        Ok(port) => SocketAddr::new(IpAddr::from([127, 0, 0, 1]), port),
        Err(_) => address.parse().map_err(|_| wrong())?,
    };
    if !address.ip().is_loopback() {
        return Err(wrong());
    }
    let taken = |e: std::io::Error| {
        Failure::usage(format!(
            "cannot listen on `{address}`: {}",
            crate::exit::reason(&e)
        ))
        .help("choose another port")
    };
    let listener = TcpListener::bind(address).map_err(taken)?;
    let address = listener.local_addr().map_err(taken)?;
    let board: Board = Arc::new(Mutex::new((String::new(), Instant::now())));
    let shown = Arc::clone(&board);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let _ = stream.set_read_timeout(Some(Duration::from_secs(2)));
            let _ = stream.set_write_timeout(Some(Duration::from_secs(2)));
            let mut line = String::new();
            if BufReader::new((&stream).take(COMMAND_BYTES_MAX))
                .read_line(&mut line)
                .is_err()
            {
                continue;
            }
            let (metrics, looked) = match shown.lock() {
                Ok(board) => board.clone(),
                Err(_) => continue,
            };
            let alive = looked.elapsed() < HEARTBEAT;
            let (code, body) = match line.split_whitespace().nth(1) {
                Some("/metrics") => ("200 OK", metrics),
                Some("/health") if alive => ("200 OK", "ok\n".to_owned()),
                Some("/health") => (
                    "503 Service Unavailable",
                    "the run does not look around\n".to_owned(),
                ),
                _ => ("404 Not Found", "there are /metrics and /health\n".to_owned()),
            };
            let head = format!(
                "HTTP/1.1 {code}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: {}\r\n\
                 Connection: close\r\n\r\n",
                body.len()
            );
            let mut stream = &stream;
            let _ = stream
                .write_all(head.as_bytes())
                .and_then(|()| stream.write_all(body.as_bytes()));
        }
    });
    Ok((board, address))
}

/// The same numbers in Prometheus's text format.
pub fn metrics(v: &View) -> String {
    let mut out = String::new();
    let mut gauge = |name: &str, kind: &str, help: &str, value: f64| {
        // Writing to a string cannot fail.
        let _ = writeln!(
            out,
            "# HELP alula_{name} {help}\n# TYPE alula_{name} {kind}\nalula_{name} {value}"
        );
    };
    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
    let count = |n: u64| n as f64;
    gauge("ticks_total", "counter", "Ticks decided.", count(v.ticks));
    gauge(
        "equity_usd",
        "gauge",
        "Equity by the share of the spread.",
        v.equity.0.to_f64(),
    );
    if let Some((required, available)) = v.margin {
        gauge(
            "margin_required_usd",
            "gauge",
            "Margin required.",
            required.to_f64(),
        );
        gauge(
            "margin_available_usd",
            "gauge",
            "Margin available.",
            available.to_f64(),
        );
    }
    if let Some((delta, gamma, vega, theta)) = v.greeks {
        gauge("delta", "gauge", "Delta of all positions, in underlyings.", delta);
        gauge("gamma", "gauge", "Gamma of all positions.", gamma);
        gauge(
            "vega_usd",
            "gauge",
            "Vega of all positions, dollars a point.",
            vega,
        );
        gauge(
            "theta_usd",
            "gauge",
            "Theta of all positions, dollars a day.",
            theta,
        );
    }
    let n = |x: usize| count(u64::try_from(x).unwrap_or(u64::MAX));
    gauge("positions_open", "gauge", "Open positions.", n(v.positions.len()));
    gauge("orders_working", "gauge", "Orders at work.", n(v.orders.len()));
    gauge(
        "halted",
        "gauge",
        "Opening is halted.",
        f64::from(u8::from(v.halted.is_some())),
    );
    gauge(
        "halted_all",
        "gauge",
        "The kill switch: no order leaves.",
        f64::from(u8::from(v.halt.as_ref().is_some_and(|h| h.level == "all"))),
    );
    gauge(
        "dead_indicators",
        "gauge",
        "Indicators of plugins that died in this run.",
        n(v.dead.len()),
    );
    gauge(
        "quarantined_orders",
        "gauge",
        "Orders that left legs which make no whole package.",
        n(v.quarantine.len()),
    );
    gauge(
        "operator_overlays",
        "gauge",
        "Overlays of operators in force.",
        n(v.overlays.len()),
    );
    gauge(
        "orders_stopped_by_rails_total",
        "counter",
        "Orders that a rail stopped.",
        count(v.stopped),
    );
    gauge(
        "config_version",
        "gauge",
        "Version of the thresholds in force.",
        f64::from(v.thresholds.0),
    );
    gauge(
        "reload_attempts_total",
        "counter",
        "Thresholds files judged.",
        count(v.reloads.attempts),
    );
    gauge(
        "reload_rejected_total",
        "counter",
        "Thresholds files refused, each content once.",
        count(v.reloads.rejected),
    );
    if let Some(good) = v.reloads.last_success {
        gauge(
            "last_reload_success",
            "gauge",
            "The newest thresholds file was good.",
            f64::from(u8::from(good)),
        );
    }
    if let Some(m) = v.broker.as_ref().and_then(|b| b.margins.as_ref()) {
        let asked = [
            (
                "margin_told_total",
                "Orders whose margin the broker told.",
                m.answered,
            ),
            (
                "margin_not_told_total",
                "Orders whose margin the broker did not tell.",
                m.unanswered,
            ),
            (
                "margin_refused_total",
                "Orders that the broker's margin stopped.",
                m.refused,
            ),
        ];
        for (name, help, n) in asked {
            gauge(name, "counter", help, count(n));
        }
        if let Some(newest) = &m.newest {
            gauge(
                "broker_initial_margin_usd",
                "gauge",
                "Initial margin with the newest order, by the broker.",
                newest.told.initial_margin.to_f64(),
            );
        }
    }
    if let Some((entries, commits, ms)) = v.journal {
        gauge(
            "journal_entries_total",
            "counter",
            "Entries of the journal on disk.",
            count(entries),
        );
        gauge(
            "journal_commits_total",
            "counter",
            "Commits of the journal.",
            count(commits),
        );
        gauge(
            "journal_commit_slowest_seconds",
            "gauge",
            "Slowest commit of the journal.",
            count(ms) / 1_000.0,
        );
    }
    out
}
