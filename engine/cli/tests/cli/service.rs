//! A run as a service: what the service manager is told, and alerts to a place with HTTPS whose authority is one's own.
#![cfg(target_os = "linux")]

use crate::kills::{BUSY, store};
use crate::support::{Folder, command};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// What a manager hears of a run that is asked to end once it has shown that it is alive.
fn told_to(name: &str, socket: &UnixDatagram) -> Vec<String> {
    let folder = Folder::new(&[("busy.alula", BUSY)]);
    socket.set_read_timeout(Some(Duration::from_secs(90))).unwrap();
    let mut child = command()
        .args(["run", "busy.alula", "--speed", "3600x", "--years", "1", "--plain"])
        .current_dir(folder.path())
        .env("NOTIFY_SOCKET", name)
        .env("WATCHDOG_USEC", "400000")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut heard: Vec<String> = Vec::new();
    let mut buffer = [0; 256];
    while heard.last().is_none_or(|h| h != "STOPPING=1") {
        let length = socket.recv(&mut buffer).unwrap();
        heard.push(String::from_utf8_lossy(buffer.get(..length).unwrap()).into_owned());
        if heard.len() == 3 {
            let pid = child.id().to_string();
            assert!(
                Command::new("kill")
                    .args(["-TERM", &pid])
                    .status()
                    .unwrap()
                    .success()
            );
        }
    }
    assert!(child.wait().unwrap().success());
    heard
}

#[test]
fn a_service_manager_hears_that_the_run_has_begun_lives_and_ends() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let heard = told_to(path.to_str().unwrap(), &UnixDatagram::bind(&path).unwrap());
    assert_eq!(heard[0], "READY=1");
    assert!(
        heard[1..heard.len() - 1].iter().all(|h| h == "WATCHDOG=1"),
        "{heard:?}"
    );
    assert!(heard.len() >= 4, "{heard:?}");
    // As managers name it that keep it out of the file system.
    let name = format!("alula-test-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let heard = told_to(&format!("@{name}"), &UnixDatagram::bind_addr(&address).unwrap());
    assert_eq!(heard[0], "READY=1");
}

#[test]
fn the_unit_says_what_the_program_does() {
    let unit = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../examples/systemd/alula@.service"
    );
    let unit = std::fs::read_to_string(unit).unwrap();
    let value = |name: &str| {
        let line = unit.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix('='));
        line.unwrap_or_default().to_owned()
    };
    assert_eq!(
        (value("Type"), value("KillSignal")),
        ("notify".to_owned(), "SIGTERM".to_owned())
    );
    // A loop comes round twice a second; a broker that hangs is given up after ten.
    assert!(value("WatchdogSec").parse::<u32>().unwrap() >= 60);
    // At its end a run waits for alerts on their way, for a hook, and writes its folder.
    assert!(value("TimeoutStopSec").parse::<u32>().unwrap() >= 40);
    // The control socket, quotes and alerts, and the folder in which plugins are kept.
    for family in ["AF_UNIX", "AF_INET", "AF_INET6"] {
        assert!(value("RestrictAddressFamilies").contains(family));
    }
    assert_eq!(value("StateDirectory"), "alula");
    // Plugins are code that is mapped.
    assert!(!unit.contains("MemoryDenyWriteExecute"));
    // The command is one: the run itself says what is wrong with it, and nothing is.
    let folder = Folder::new(&[("busy.alula", BUSY)]);
    let words: Vec<String> = value("ExecStart")
        .split_whitespace()
        .skip(1)
        .map(|w| {
            w.replace("%i", "busy")
                .replace("%S", &folder.join("state").to_string_lossy())
        })
        .map(|w| match w.as_str() {
            "9464" => "0".to_owned(),
            "store" => store().to_owned(),
            _ => w,
        })
        .collect();
    assert!(!words.iter().any(|w| w.contains('%')), "{words:?}");
    let more = ["--speed", "max", "--to", "2023-01-05"].map(str::to_owned);
    let done = folder.alula(&[&words[..], &more].concat());
    assert_eq!(done.code, 0, "{done}");
}

/// A certificate for this machine of an authority of its own: authority, certificate, key. None where there is no tool for it.
#[expect(clippy::print_stdout, reason = "says that a test was skipped")]
fn certified(folder: &Folder) -> Option<()> {
    folder.write("leaf.ext", "subjectAltName=DNS:localhost,IP:127.0.0.1\n");
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    let steps = [
        format!("req -x509 {key} -keyout ca.key -out ca.pem -days 3650 -subj /CN=authority"),
        format!("req {key} -keyout leaf.key -out leaf.csr -subj /CN=localhost"),
        "x509 -req -in leaf.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 3650 -extfile leaf.ext -out leaf.pem".to_owned(),
    ];
    for step in steps {
        let done = Command::new("openssl")
            .args(step.split_whitespace())
            .current_dir(folder.path())
            .output();
        let Ok(done) = done else {
            println!("skipped: openssl absent");
            return None;
        };
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }
    Some(())
}

/// A place with HTTPS that takes everything: its port, and the bodies that it was sent.
fn place(folder: &Folder) -> (u16, Receiver<String>) {
    let certificate = CertificateDer::from_pem_slice(folder.read("leaf.pem").as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(folder.read("leaf.key").as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, bodies) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut reader = BufReader::new(StreamOwned::new(connection, stream));
            // Requests on one connection, until the other side goes or does not trust this one.
            loop {
                let (mut length, mut line) = (0, String::new());
                while reader.read_line(&mut line).is_ok_and(|n| n > 2) {
                    if let Some(n) = line.to_lowercase().strip_prefix("content-length:") {
                        length = n.trim().parse().unwrap();
                    }
                    line.clear();
                }
                let mut body = vec![0; length];
                if length == 0 || reader.read_exact(&mut body).is_err() {
                    break;
                }
                let _ = sender.send(String::from_utf8(body).unwrap());
                let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
                if reader.get_mut().write_all(answer).is_err() {
                    break;
                }
            }
        }
    });
    (port, bodies)
}

#[test]
fn alerts_go_to_a_place_with_https_that_is_vouched_for_and_to_no_other() {
    let folder = Folder::new(&[("busy.alula", BUSY)]);
    if certified(&folder).is_none() {
        return;
    }
    let (port, bodies) = place(&folder);
    let address = format!("https://localhost:{port}/services/canary");
    let run = [
        "run",
        "busy.alula",
        "--speed",
        "max",
        "--plain",
        "--force",
        "--webhook",
        &address,
    ];
    let vouched = ["--webhook-ca", "ca.pem", "--to", "2023-01-04", "--out", "one"];
    let done = folder.alula(&[&run[..], &vouched].concat());
    assert_eq!(done.code, 0, "{done}");
    assert!(!done.stderr.contains("webhook"), "{done}");
    let told: Vec<String> = bodies.try_iter().collect();
    let fills = told.iter().filter(|b| b.contains("\"event\":\"fill\"")).count();
    assert!(fills > 0, "{told:?}");
    // Nobody that browsers trust vouches for it: nothing is sent, and the log says why without the address.
    let done = folder.alula(&[&run[..], &["--to", "2023-01-03", "--log", "warn", "--out", "two"]].concat());
    assert_eq!(done.code, 0, "{done}");
    assert!(done.stderr.contains("the webhook did not take"), "{done}");
    assert!(
        done.stderr.contains("--webhook-ca") && !done.stderr.contains("canary"),
        "{done}"
    );
    assert_eq!(bodies.try_iter().count(), 0);
    let key = folder.alula(&[&run[..], &["--webhook-ca", "ca.key"]].concat());
    assert_eq!(key.code, 2, "{key}");
}
