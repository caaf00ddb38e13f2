//! The broker as the host sees it, twice: for paper accounts, and for real money.
//!
//! Two independent switches stand before real money. `plugins.lock` must allow the broker `ibkr_live`, which alone has the
//! capability `live`; and its own setting `live` must say 1. Neither is enough.

use crate::model::Told;
use crate::order::Combos;
use crate::session::{Clock, Config, Session, Submission, Waits};
use alula_plugin_sdk::prelude::*;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const CAPS: Caps = Caps::COMBOS
    .and(Caps::ORDERS)
    .and(Caps::FILLS)
    .and(Caps::HOLDINGS)
    .and(Caps::WHAT_IF)
    .and(Caps::QUOTES)
    .and(Caps::INDICES)
    .and(Caps::CHAINS);

const HOST: Setting = Setting::text(c"host", c"127.0.0.1").doc(c"machine of TWS or IB Gateway");
const CLIENT: Setting = Setting::whole(c"client_id", 0, 999, 17)
    .doc(c"number of this client; orders can be taken back only under the number that sent them");
const ACCOUNT: Setting =
    Setting::text(c"account", c"").doc(c"account that is traded; must be given to connect");
const COMBINATIONS: Setting = Setting::text(c"combos", c"guaranteed")
    .doc(c"guaranteed: a package trades whole or not at all; may_leg_in: the broker may fill one leg and not the other");
const DELAYED: Setting = Setting::whole(c"delayed", 0, 1, 0)
    .doc(c"1 takes quotes that are minutes old where there are no live ones");

/// Interactive Brokers, paper accounts only.
pub struct Paper(Desk);

/// Interactive Brokers, real money.
pub struct Live(Desk);

struct Desk {
    session: Session,
    services: Services,
}

fn wall_clock() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

impl Desk {
    fn new(settings: &Settings, services: Services, live: bool) -> Result<Self, String> {
        let number = |name: &str| settings.whole(name);
        let host = settings.text("host")?;
        if host.is_empty()
            || !host
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b".-_:[]".contains(&b))
        {
            return Err(format!("`host` is no name or address of a machine: `{host}`"));
        }
        let combos = match settings.text("combos")? {
            "guaranteed" => Combos::Guaranteed,
            "may_leg_in" => Combos::MayLegIn,
            other => return Err(format!("`combos` is guaranteed or may_leg_in, not `{other}`")),
        };
        // The host's clock where it has one, so that both sides mean the same by `not_after`.
        let clock: Clock = Arc::new(move || services.now_ns().unwrap_or_else(wall_clock));
        let config = Config {
            host: host.to_owned(),
            port: u16::try_from(number("port")?).map_err(|_| "`port` is no port".to_owned())?,
            client_id: i32::try_from(number("client_id")?)
                .map_err(|_| "`client_id` is out of range".to_owned())?,
            account: settings.text("account")?.to_owned(),
            live,
            delayed: number("delayed")? == 1,
            combos,
            clock,
            waits: Waits::default(),
        };
        Ok(Self {
            session: Session::new(config)?,
            services,
        })
    }

    fn connect(&mut self) -> Result<(), String> {
        self.session.connect()
    }

    fn poll(&mut self, wait: Duration) -> Result<Vec<Event>, String> {
        let mut told = Told::default();
        self.session.poll(wait, &mut told);
        for note in &told.notes {
            self.services.log(Level::Warn, note);
        }
        // Once it has been told that the connection is down, and why.
        match self.session.given_up().filter(|_| told.events.is_empty()) {
            Some(why) => Err(why),
            None => Ok(told.events),
        }
    }

    fn submit(&mut self, order: &Order) -> Result<(), Refused> {
        match self.session.submit(order) {
            Submission::Sent => Ok(()),
            Submission::Duplicate => Err(Refused::Duplicate),
            Submission::NotSent(why) => Err(Refused::NotSent(why)),
            Submission::Refused(why) => Err(Refused::Unsupported(why)),
            Submission::Unknown(why) => Err(Refused::Unknown(why)),
        }
    }
}

/// The calls that both have in common.
macro_rules! calls {
    () => {
        fn connect(&mut self) -> Result<(), String> {
            self.0.connect()
        }

        fn disconnect(&mut self) -> Result<(), String> {
            self.0.session.disconnect();
            Ok(())
        }

        fn poll(&mut self, wait: Duration) -> Result<Vec<Event>, String> {
            self.0.poll(wait)
        }

        fn submit(&mut self, order: &Order) -> Result<(), Refused> {
            self.0.submit(order)
        }

        fn cancel(&mut self, order: &str) -> Result<(), String> {
            self.0.session.cancel(order)
        }

        fn request_snapshot(&mut self, request: u64, since_ns: i64) -> Result<(), String> {
            self.0.session.snapshot(request, since_ns)
        }

        fn watch(&mut self, contracts: &[Contract]) -> Result<(), String> {
            self.0.session.watch(contracts.to_vec());
            Ok(())
        }

        fn list(&mut self, request: u64, underlying: &Word) -> Result<(), String> {
            self.0.session.list(request, *underlying)
        }

        fn what_if(&mut self, order: &Order) -> Result<WhatIf, String> {
            self.0.session.what_if(order)
        }
    };
}

impl Broker for Paper {
    const ID: &'static CStr = c"ibkr";
    const VERSION: &'static CStr = c"0.1.0";
    const DOC: &'static CStr =
        c"Interactive Brokers, paper accounts; tested against a double of the gateway, not yet run against a live account";
    const CAPS: Caps = CAPS;
    const SETTINGS: &'static [Setting] = &[
        HOST,
        Setting::whole(c"port", 1, 65_535, 4002)
            .doc(c"its API port: 4002 IB Gateway, 7497 TWS, both as set up for paper"),
        CLIENT,
        ACCOUNT,
        COMBINATIONS,
        DELAYED,
    ];

    fn new(settings: &Settings, services: Services) -> Result<Self, String> {
        Desk::new(settings, services, false).map(Self)
    }

    calls!();
}

impl Broker for Live {
    const ID: &'static CStr = c"ibkr_live";
    const VERSION: &'static CStr = c"0.1.0";
    const DOC: &'static CStr =
        c"Interactive Brokers, REAL MONEY; tested against a double of the gateway, not yet run against a live account";
    const CAPS: Caps = CAPS.and(Caps::LIVE);
    const SETTINGS: &'static [Setting] = &[
        HOST,
        Setting::whole(c"port", 1, 65_535, 4001)
            .doc(c"its API port: 4001 IB Gateway, 7496 TWS, both as set up for real money"),
        CLIENT,
        ACCOUNT,
        COMBINATIONS,
        DELAYED,
        Setting::whole(c"live", 0, 1, 0)
            .doc(c"1 allows real money; without it only a paper account is taken"),
    ];

    fn new(settings: &Settings, services: Services) -> Result<Self, String> {
        let live = settings.whole("live")? == 1;
        Desk::new(settings, services, live).map(Self)
    }

    calls!();
}
