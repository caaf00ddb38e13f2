//! Alerts over HTTP: what matters is posted as one JSON object to a place of the user's.
//!
//! A thread of its own delivers. Events wait in a bounded queue; what does not fit is counted, and no tick ever waits. A delivery
//! that fails is tried again a few times, later each time, then counted as failed. What is told of failures never holds the
//! address: its path and query may be secrets.

use super::{hook, lines};
use crate::exit::{Exit, Failure};
use crate::files;
use alula_live::Happening;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use ureq::Agent;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

/// Events that wait.
const QUEUE: usize = 1_024;
/// Tries of one event.
const TRIES: u32 = 4;
/// Longest that one try may take, connecting and answering together.
const PATIENCE: Duration = Duration::from_secs(10);
/// Wait before the second try; twice as long before each one after.
const BACK_OFF: Duration = Duration::from_secs(1);
/// Longest that a run waits at its end for what is on its way.
const LAST_WAIT: Duration = Duration::from_secs(10);
/// Longest answer that is read, bytes: none is needed.
const ANSWER_BYTES_MAX: u64 = 4 * 1024;
/// Largest file with an address, bytes.
const FILE_BYTES_MAX: usize = 4 * 1024;
/// Largest file with certificates, bytes.
const AUTHORITIES_BYTES_MAX: usize = 1024 * 1024;

/// Where alerts go. Its text is shown to nobody.
#[derive(Clone)]
pub struct Address(String);

impl std::fmt::Debug for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.shown())
    }
}

impl Address {
    /// From an option or the first line of a file.
    ///
    /// # Errors
    /// When it is no HTTP or HTTPS address; the text is not repeated.
    pub fn read(option: Option<&str>, file: Option<&Path>) -> Result<Option<Self>, Failure> {
        let text = match (option, file) {
            (Some(text), _) => text.to_owned(),
            (None, Some(path)) => {
                let bytes = files::read(path)?;
                if bytes.len() > FILE_BYTES_MAX {
                    return Err(Failure::usage(format!("`{}` holds no address", path.display()))
                        .help("write the address of the webhook on its first line"));
                }
                let text = String::from_utf8_lossy(&bytes).into_owned();
                text.lines().next().unwrap_or_default().trim().to_owned()
            }
            (None, None) => return Ok(None),
        };
        let host = host(&text).filter(|h| !h.is_empty());
        let plain = !text.chars().any(|c| c.is_whitespace() || c.is_control());
        if host.is_none() || !plain {
            return Err(Failure::new(Exit::Usage, "the address of the webhook is none").help(
                "write `https://host/path` or `http://host/path`; `--webhook-file FILE` keeps it out of the list of processes",
            ));
        }
        Ok(Some(Self(text)))
    }

    /// Scheme and host alone.
    #[must_use]
    pub fn shown(&self) -> String {
        let scheme = self.0.split("://").next().unwrap_or_default();
        format!("{scheme}://{}/…", host(&self.0).unwrap_or_default())
    }
}

/// The host of an address, with its port.
fn host(text: &str) -> Option<&str> {
    let rest = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"))?;
    let place = rest.split(['/', '?', '#']).next()?;
    Some(place.rsplit('@').next().unwrap_or(place))
}

/// Whom a place with HTTPS must be vouched for by: the authorities that browsers trust, or those of a file and nobody else.
#[derive(Clone, Debug)]
pub struct Authorities(RootCerts);

impl Default for Authorities {
    fn default() -> Self {
        Self(RootCerts::WebPki)
    }
}

impl Authorities {
    /// Those of a file of PEM certificates, where one is named.
    ///
    /// # Errors
    /// When it cannot be read, or holds no certificate, or something that is none.
    pub fn read(file: Option<&Path>) -> Result<Self, Failure> {
        let Some(path) = file else {
            return Ok(Self::default());
        };
        let bytes = files::read(path)?;
        let wrong = |what: &str| {
            Failure::usage(format!("`{}` {what}", path.display()))
                .help("`--webhook-ca` names a file with the certificate of an authority, `-----BEGIN CERTIFICATE-----` and so on")
        };
        if bytes.len() > AUTHORITIES_BYTES_MAX {
            return Err(wrong("is too large for certificates"));
        }
        let mut found: Vec<Certificate<'static>> = Vec::new();
        for item in parse_pem(&bytes) {
            match item {
                Ok(PemItem::Certificate(certificate)) => found.push(certificate),
                Ok(_) => return Err(wrong("holds something that is no certificate, a key perhaps")),
                Err(_) => return Err(wrong("is no PEM file that can be read")),
            }
        }
        if found.is_empty() {
            return Err(wrong("holds no certificate"));
        }
        Ok(Self(RootCerts::new_with_certs(&found)))
    }
}

/// What became of alerts.
#[derive(Debug, Default)]
pub struct Counts {
    delivered: AtomicU64,
    retried: AtomicU64,
    failed: AtomicU64,
    dropped: AtomicU64,
}

impl Counts {
    fn add(slot: &AtomicU64) {
        slot.fetch_add(1, Ordering::Relaxed);
    }

    /// In Prometheus's text format.
    #[must_use]
    pub fn metrics(&self) -> String {
        let rows = [
            ("delivered", "Alerts that the webhook took.", &self.delivered),
            (
                "retried",
                "Deliveries of alerts that were tried again.",
                &self.retried,
            ),
            ("failed", "Alerts that the webhook did not take.", &self.failed),
            ("dropped", "Alerts that did not fit the queue.", &self.dropped),
        ];
        rows.iter()
            .map(|(name, help, slot)| {
                let n = slot.load(Ordering::Relaxed);
                format!(
                    "# HELP alula_webhook_{name}_total {help}\n# TYPE alula_webhook_{name}_total counter\nalula_webhook_{name}_total {n}\n"
                )
            })
            .collect()
    }
}

/// Posts what matters.
pub struct Webhook {
    queue: Option<SyncSender<String>>,
    worker: Option<JoinHandle<()>>,
    counts: Arc<Counts>,
    hurry: Arc<AtomicBool>,
    done: Receiver<()>,
}

impl Webhook {
    /// To an address.
    pub fn new(address: Address, authorities: Authorities) -> Self {
        let (queue, events) = sync_channel::<String>(QUEUE);
        let (end, done) = sync_channel::<()>(1);
        let counts = Arc::new(Counts::default());
        let hurry = Arc::new(AtomicBool::new(false));
        let (of, fast) = (Arc::clone(&counts), Arc::clone(&hurry));
        let worker = std::thread::spawn(move || {
            let tls = TlsConfig::builder().root_certs(authorities.0).build();
            let config = Agent::config_builder()
                .tls_config(tls)
                .timeout_global(Some(PATIENCE))
                .max_redirects(0)
                .http_status_as_error(true)
                .build();
            let agent: Agent = config.into();
            for event in events {
                deliver(&agent, &address, &event, (&of, &fast));
            }
            // Nobody may wait for it any more.
            let _ = end.send(());
        });
        Self {
            queue: Some(queue),
            worker: Some(worker),
            counts,
            hurry,
            done,
        }
    }

    /// Passes on what matters.
    pub fn take(&mut self, news: &[Happening], now: lines::Now) {
        for happening in news.iter().filter(|h| hook::matters(h)) {
            if let Some(queue) = &self.queue
                && let Err(TrySendError::Full(_)) = queue.try_send(lines::json(happening, now))
            {
                Counts::add(&self.counts.dropped);
            }
        }
    }

    /// Passes on that the run had to stop.
    pub fn stopped(&mut self, event: &str) {
        if let Some(queue) = &self.queue
            && queue.try_send(event.to_owned()).is_err()
        {
            Counts::add(&self.counts.dropped);
        }
    }

    /// What became of them so far.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Waits a while for what is on its way; says how many alerts were not delivered, and how many did not fit.
    pub fn end(mut self) -> (u64, u64) {
        self.queue.take();
        if self.done.recv_timeout(LAST_WAIT) == Err(RecvTimeoutError::Timeout) {
            // One more try for each, and no more waiting.
            self.hurry.store(true, Ordering::Relaxed);
            let left = self.done.recv_timeout(LAST_WAIT).is_err();
            if left {
                Counts::add(&self.counts.failed);
                self.worker.take();
            }
        }
        if let Some(worker) = self.worker.take() {
            // It has said that it is done.
            let _ = worker.join();
        }
        let of = |slot: &AtomicU64| slot.load(Ordering::Relaxed);
        (of(&self.counts.failed), of(&self.counts.dropped))
    }
}

/// One event, a few times if need be.
fn deliver(agent: &Agent, address: &Address, event: &str, (counts, hurry): (&Counts, &AtomicBool)) {
    let mut wait = BACK_OFF;
    for attempt in 1..=TRIES {
        let why = match post(agent, address, event) {
            Ok(()) => {
                Counts::add(&counts.delivered);
                return;
            }
            Err(why) => why,
        };
        tracing::warn!(target: "alula::webhook", attempt, of = TRIES, to = %address.shown(), why, "not delivered");
        if attempt == TRIES || hurry.load(Ordering::Relaxed) {
            break;
        }
        Counts::add(&counts.retried);
        let since = Instant::now();
        while since.elapsed() < wait && !hurry.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(50));
        }
        wait = wait.saturating_mul(2);
    }
    Counts::add(&counts.failed);
}

/// One try; why it failed, in words that hold nothing of the address.
fn post(agent: &Agent, address: &Address, event: &str) -> Result<(), &'static str> {
    let sent = agent
        .post(&address.0)
        .header("content-type", "application/json")
        .header("user-agent", concat!("alula/", env!("CARGO_PKG_VERSION")))
        .send(event.trim_end());
    match sent {
        Ok(mut answer) => {
            // Read so that the connection can be used again; what it says does not matter.
            let _ = answer
                .body_mut()
                .with_config()
                .limit(ANSWER_BYTES_MAX)
                .read_to_vec();
            Ok(())
        }
        Err(ureq::Error::StatusCode(400..=499)) => Err("it refused the alert"),
        Err(ureq::Error::StatusCode(_)) => Err("it answered with an error"),
        Err(ureq::Error::Timeout(_)) => Err("it did not answer in time"),
        Err(ureq::Error::HostNotFound) => Err("its host is not known"),
        Err(error) if is_tls(&error) => Err(
            "its certificate is not trusted; `--webhook-ca` names the authority of one that is not public",
        ),
        Err(_) => Err("it could not be reached"),
    }
}

/// The two could not agree on a safe connection. What the library says of it reaches here as an error of input and output too.
fn is_tls(error: &ureq::Error) -> bool {
    match error {
        ureq::Error::Tls(_) | ureq::Error::Rustls(_) => true,
        ureq::Error::Io(e) => e.get_ref().is_some_and(|inner| {
            let text = inner.to_string();
            text.contains("certificate") || text.contains("TLS")
        }),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead as _, BufReader, Read as _, Write as _};
    use std::net::TcpListener;

    const NOW: lines::Now = lines::Now {
        at: None,
        simulated: true,
    };

    #[test]
    fn an_address_shows_its_host_and_nothing_else() {
        let read = |text: &str| Address::read(Some(text), None).map(Option::unwrap);
        let secret = "https://bob:canary-1@hooks.example.org:8443/services/canary-2?token=canary-3";
        let address = read(secret).unwrap();
        assert_eq!(address.shown(), "https://hooks.example.org:8443/…");
        assert_eq!(format!("{address:?}"), "https://hooks.example.org:8443/…");
        for wrong in [
            "",
            "canary",
            "ftp://canary/x",
            "https://",
            "https:///canary",
            "http://a b/canary",
        ] {
            let error = read(wrong).unwrap_err();
            assert!(!error.to_string().contains("canary"), "{error}");
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), format!("{secret}\n")).unwrap();
        let found = Address::read(None, Some(file.path())).unwrap().unwrap();
        assert_eq!(found.0, secret);
    }

    /// A server that answers each request with the next status; the bodies that it was sent.
    fn server(statuses: Vec<u16>) -> (String, JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}/canary?token=canary", listener.local_addr().unwrap());
        let handle = std::thread::spawn(move || {
            let mut bodies = Vec::new();
            for status in statuses {
                let (stream, _) = listener.accept().unwrap();
                let mut reader = BufReader::new(&stream);
                let (mut length, mut line) = (0, String::new());
                while reader.read_line(&mut line).unwrap() > 2 {
                    if let Some(n) = line.to_lowercase().strip_prefix("content-length:") {
                        length = n.trim().parse().unwrap();
                    }
                    line.clear();
                }
                let mut body = vec![0; length];
                reader.read_exact(&mut body).unwrap();
                bodies.push(String::from_utf8(body).unwrap());
                let answer = format!("HTTP/1.1 {status} x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                (&stream).write_all(answer.as_bytes()).unwrap();
            }
            bodies
        });
        (address, handle)
    }

    fn alert(text: &str) -> Happening {
        Happening::Alert {
            at: alula_market::time::Instant(1_557_237_900),
            key: "book.0".to_owned(),
            text: text.to_owned(),
        }
    }

    #[test]
    fn what_fails_is_tried_again_and_what_matters_arrives_once() {
        let (address, server) = server(vec![500, 200, 200]);
        let mut webhook = Webhook::new(
            Address::read(Some(&address), None).unwrap().unwrap(),
            Authorities::default(),
        );
        webhook.take(&[alert("one")], NOW);
        webhook.take(&[alert("two")], NOW);
        assert_eq!(webhook.end(), (0, 0));
        let bodies = server.join().unwrap();
        let texts: Vec<String> = bodies
            .iter()
            .map(|b| {
                serde_json::from_str::<serde_json::Value>(b).unwrap()["text"]
                    .as_str()
                    .unwrap()
                    .to_owned()
            })
            .collect();
        assert_eq!(texts, ["one", "one", "two"]);
    }

    #[test]
    fn nobody_there_is_counted_and_delays_nobody() {
        let gone = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}/x", gone.local_addr().unwrap());
        drop(gone);
        let mut webhook = Webhook::new(
            Address::read(Some(&address), None).unwrap().unwrap(),
            Authorities::default(),
        );
        for _ in 0..QUEUE + 500 {
            webhook.take(&[alert("x")], NOW);
        }
        let dropped = webhook.counts().dropped.load(Ordering::Relaxed);
        assert!(dropped >= 400, "{dropped}");
        assert!(webhook.counts().metrics().contains("alula_webhook_dropped_total"));
        webhook.hurry.store(true, Ordering::Relaxed);
        let (failed, _) = webhook.end();
        assert!(failed > 0);
    }

    #[test]
    fn a_file_of_authorities_holds_certificates_and_nothing_else() {
        let said = |text: &str| {
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), text).unwrap();
            Authorities::read(Some(file.path())).unwrap_err().to_string()
        };
        assert!(said("").contains("holds no certificate"));
        assert!(said("authority").contains("holds no certificate"));
        let key = "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n";
        assert!(said(key).contains("a key perhaps"));
        assert!(said("-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n").contains("PEM"));
    }
}
