//! What a service manager is told: that the run has begun, that it is alive, that it ends.
//!
//! The protocol of `sd_notify(3)`: a datagram to the socket that `NOTIFY_SOCKET` names. Without one nothing is told. It is alive
//! when its loop comes round: a run that hangs says nothing, and is started again by whoever watches.

use std::time::Duration;

/// The service manager, where there is one.
pub struct Manager {
    #[cfg(unix)]
    socket: Option<std::os::unix::net::UnixDatagram>,
    trouble: Option<String>,
    /// Between two signs of life, where any are wanted: half of what the manager waits for.
    every: Option<Duration>,
    said: Duration,
}

#[cfg(unix)]
mod socket {
    use std::ffi::OsStr;
    use std::io;
    use std::os::unix::ffi::OsStrExt as _;
    use std::os::unix::net::{SocketAddr, UnixDatagram};

    /// Connected to a path, or to an abstract name behind `@`.
    pub fn open(name: &OsStr) -> io::Result<UnixDatagram> {
        let socket = UnixDatagram::unbound()?;
        match name.as_bytes().split_first() {
            Some((b'@', rest)) => socket.connect_addr(&of_name(rest)?)?,
            _ => socket.connect_addr(&SocketAddr::from_pathname(name)?)?,
        }
        // A manager that does not read must not hold the run up.
        socket.set_nonblocking(true)?;
        Ok(socket)
    }

    #[cfg(target_os = "linux")]
    fn of_name(name: &[u8]) -> io::Result<SocketAddr> {
        use std::os::linux::net::SocketAddrExt as _;
        SocketAddr::from_abstract_name(name)
    }

    #[cfg(not(target_os = "linux"))]
    fn of_name(_: &[u8]) -> io::Result<SocketAddr> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// Half of what the manager waits for, where it watches this process.
fn beat(microseconds: Option<&str>, pid: Option<&str>) -> Option<Duration> {
    let ours = pid.is_none_or(|pid| pid.parse() == Ok(std::process::id()));
    let wait: u64 = microseconds?.parse().ok()?;
    (ours && wait > 0).then(|| Duration::from_micros(wait / 2))
}

impl Manager {
    /// As the environment says.
    pub fn from_environment() -> Self {
        let text = |name: &str| std::env::var(name).ok();
        let every = beat(text("WATCHDOG_USEC").as_deref(), text("WATCHDOG_PID").as_deref());
        let name = std::env::var_os("NOTIFY_SOCKET").filter(|n| !n.is_empty());
        #[cfg(unix)]
        let (socket, trouble) = match name.map(|name| socket::open(&name)) {
            Some(Ok(socket)) => (Some(socket), None),
            Some(Err(e)) => {
                let why = crate::exit::reason(&e);
                (
                    None,
                    Some(format!("cannot tell the service manager how it goes: {why}")),
                )
            }
            None => (None, None),
        };
        #[cfg(not(unix))]
        let trouble = name.map(|_| "this system has no service manager that can be told".to_owned());
        Self {
            #[cfg(unix)]
            socket,
            trouble,
            every,
            said: Duration::ZERO,
        }
    }

    fn tell(&self, words: &str) {
        #[cfg(unix)]
        if let Some(socket) = &self.socket {
            // What does not arrive is said again, or shows in that nothing does.
            let _ = socket.send(words.as_bytes());
        }
        #[cfg(not(unix))]
        let _ = words;
    }

    /// The run has begun.
    ///
    /// # Errors
    /// One line when there is a manager that cannot be reached; the run goes on.
    pub fn ready(&mut self) -> Result<(), String> {
        self.tell("READY=1");
        self.trouble.take().map_or(Ok(()), Err)
    }

    /// Its loop has come round at this time of the run.
    pub fn alive(&mut self, now: Duration) {
        if let Some(every) = self.every
            && (self.said.is_zero() || now.saturating_sub(self.said) >= every)
        {
            self.said = now;
            self.tell("WATCHDOG=1");
        }
    }

    /// It ends.
    pub fn stopping(&self) {
        self.tell("STOPPING=1");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watchdog_of_another_process_is_none_of_ours() {
        let own = std::process::id().to_string();
        assert_eq!(beat(Some("3000000"), None), Some(Duration::from_millis(1500)));
        assert_eq!(
            beat(Some("3000000"), Some(&own)),
            Some(Duration::from_millis(1500))
        );
        assert_eq!(beat(Some("3000000"), Some("1")), None);
        for none in [None, Some(""), Some("0"), Some("soon")] {
            assert_eq!(beat(none, None), None);
        }
    }
}
