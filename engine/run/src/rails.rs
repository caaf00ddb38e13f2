//! Safety rails: what no strategy may do, whatever it decides.
//!
//! The rails know no rules and no prices. They look at an order that somebody wants and at what is the case, and answer
//! with a sentence. What they are not told counts against an entry; an exit is stopped by less.

use alula_market::money::Usd;
use alula_market::time::Instant;
use std::collections::VecDeque;
use std::fmt;

/// What an order is for; a rail lets an exit pass where it stops an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purpose {
    /// Opens a position.
    Open,
    /// Closes one.
    Close,
    /// Buys or sells protection.
    Hedge,
    /// Closes one and opens another.
    Roll,
}

impl Purpose {
    /// In a word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Close => "close",
            Self::Hedge => "hedge",
            Self::Roll => "roll",
        }
    }

    /// From its word.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        [Self::Open, Self::Close, Self::Hedge, Self::Roll]
            .into_iter()
            .find(|p| p.word() == word)
    }

    /// It takes on what was not there before.
    #[must_use]
    pub const fn is_entry(self) -> bool {
        matches!(self, Self::Open | Self::Roll)
    }
}

/// Risk that is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OpenRisk {
    /// Sum of what is known.
    pub known: Usd,
    /// Orders whose risk is not known.
    pub unknown: u32,
}

/// Whether decisions are sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// They are.
    #[default]
    Trade,
    /// They are written down as intents and not sent.
    Shadow,
    /// There are none: the account is watched.
    ReadOnly,
}

impl Mode {
    /// `trade`, `shadow` or `read-only`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Trade => "trade",
            Self::Shadow => "shadow",
            Self::ReadOnly => "read-only",
        }
    }

    /// From its word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Trade, Self::Shadow, Self::ReadOnly]
            .into_iter()
            .find(|m| m.word() == word)
    }
}

/// What is halted by an operator or by the engine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Halt {
    /// Nothing.
    #[default]
    None,
    /// Entries; exits and hedges go on.
    Entries(String),
    /// Everything: the kill switch.
    All(String),
}

impl Halt {
    /// In a word.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Entries(_) => "entries",
            Self::All(_) => "all",
        }
    }

    /// Why.
    #[must_use]
    pub fn why(&self) -> &str {
        match self {
            Self::None => "",
            Self::Entries(why) | Self::All(why) => why,
        }
    }

    /// From its word; a word that is none halts everything.
    #[must_use]
    pub fn of(level: &str, why: &str) -> Self {
        match level {
            "" | "none" => Self::None,
            "entries" => Self::Entries(why.to_owned()),
            _ => Self::All(why.to_owned()),
        }
    }
}

/// How journal and broker stand to each other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Agreement {
    /// They were not compared since the start or since the connection came back: nothing is sent.
    #[default]
    NotCompared,
    /// Something does not fit: entries wait for a person.
    Mismatch(String),
    /// They agree.
    Agree,
}

/// Limits. `None` is no limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RailLimits {
    /// Whether decisions are sent.
    pub mode: Mode,
    /// Orders in any sixty seconds; exits have as many again.
    pub orders_per_minute: u32,
    /// Entries, rolls and hedges whose end is not known.
    pub open_intents: u32,
    /// Most that may be lost in a day before nothing new is opened.
    pub loss_per_day: Option<Usd>,
    /// Most initial margin, with the order.
    pub margin: Option<Usd>,
    /// Most that positions and orders may lose together, orders of unknown fate included.
    pub open_risk: Option<Usd>,
    /// Quotes older than this stop every order, s.
    pub stale_after_s: i64,
    /// After an order of a structure ended unfilled, its last trades may be on their way for so long, s.
    pub settle_s: i64,
}

impl Default for RailLimits {
    /// 30 orders a minute, 20 at work, quotes of two minutes, 10 s for late trades; money limits are the owner's to name.
    fn default() -> Self {
        Self {
            mode: Mode::Trade,
            orders_per_minute: 30,
            open_intents: 20,
            loss_per_day: None,
            margin: None,
            open_risk: None,
            stale_after_s: 120,
            settle_s: 10,
        }
    }
}

impl RailLimits {
    /// No limit at all: what holds where nobody named any. The kill switch stops orders all the same.
    #[must_use]
    pub const fn none() -> Self {
        Self {
            mode: Mode::Trade,
            orders_per_minute: u32::MAX,
            open_intents: u32::MAX,
            loss_per_day: None,
            margin: None,
            open_risk: None,
            stale_after_s: i64::MAX,
            settle_s: 0,
        }
    }

    /// The limits in one line, for records: `mode=trade orders_per_minute=30 open_intents=20 stale_after_s=120 settle_s=0
    /// loss_per_day=2000000000`; amounts in millionths of a dollar, limits that are not set left out.
    #[must_use]
    pub fn text(&self) -> String {
        let mut out = format!(
            "mode={} orders_per_minute={} open_intents={} stale_after_s={} settle_s={}",
            self.mode.word(),
            self.orders_per_minute,
            self.open_intents,
            self.stale_after_s,
            self.settle_s
        );
        let money = [
            ("loss_per_day", self.loss_per_day),
            ("margin", self.margin),
            ("open_risk", self.open_risk),
        ];
        for (name, amount) in money {
            if let Some(amount) = amount {
                out.push_str(&format!(" {name}={}", amount.0));
            }
        }
        out
    }

    /// From [`RailLimits::text`].
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut out = Self::none();
        for part in text.split_whitespace() {
            let (name, value) = part.split_once('=')?;
            let money = || value.parse().ok().map(Usd);
            match name {
                "mode" => out.mode = Mode::parse(value)?,
                "orders_per_minute" => out.orders_per_minute = value.parse().ok()?,
                "open_intents" => out.open_intents = value.parse().ok()?,
                "stale_after_s" => out.stale_after_s = value.parse().ok()?,
                "settle_s" => out.settle_s = value.parse().ok()?,
                "loss_per_day" => out.loss_per_day = Some(money()?),
                "margin" => out.margin = Some(money()?),
                "open_risk" => out.open_risk = Some(money()?),
                _ => return None,
            }
        }
        Some(out)
    }
}

/// A rail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rail {
    /// Kill switch and halts.
    Halt,
    /// Read-only.
    ReadOnly,
    /// Journal and broker do not agree, or were not compared.
    Reconcile,
    /// The engine died too often.
    SafeMode,
    /// The disk is nearly full.
    Disk,
    /// No connection.
    Connection,
    /// Quotes are old.
    Stale,
    /// The order's time is over.
    Late,
    /// Trades of the structure's last order may be on their way.
    Settling,
    /// Too many orders in a minute.
    Rate,
    /// Too many at work.
    OpenIntents,
    /// Loss of the day.
    Loss,
    /// Margin.
    Margin,
    /// What the account is worth.
    Funds,
    /// Open risk.
    Risk,
}

impl Rail {
    /// In a word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Halt => "halt",
            Self::ReadOnly => "read-only",
            Self::Reconcile => "reconcile",
            Self::SafeMode => "safe-mode",
            Self::Disk => "disk",
            Self::Connection => "connection",
            Self::Stale => "stale",
            Self::Late => "late",
            Self::Settling => "settling",
            Self::Rate => "rate",
            Self::OpenIntents => "open-intents",
            Self::Loss => "loss",
            Self::Margin => "margin",
            Self::Funds => "funds",
            Self::Risk => "risk",
        }
    }
}

/// Why an order is not sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Which rail.
    pub rail: Rail,
    /// In a sentence.
    pub why: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may be sent.
    Send,
    /// It may be written down, and is not sent.
    Shadow,
    /// Neither.
    Refuse(Refusal),
}

/// The order that is asked for, and the orders there are.
#[derive(Clone, Copy, Debug)]
pub struct Ask {
    /// What it is for.
    pub purpose: Purpose,
    /// Most that it can lose.
    pub risk: Option<Usd>,
    /// Now.
    pub now: Instant,
    /// The broker must refuse it from then on.
    pub not_after: Instant,
    /// Orders, exits aside, whose end is not known.
    pub open_intents: u32,
    /// When the structure's last order ended unfilled, if one did.
    pub ended: Option<Instant>,
    /// Their risk, and that of exits.
    pub open_orders_risk: OpenRisk,
    /// The journal's disk is nearly full.
    pub room_is_low: bool,
}

/// What is the case around the order. `None` is *not known*.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// The connection to the broker stands.
    pub connected: bool,
    /// Instant of the oldest quote that the order was priced with.
    pub quotes_at: Option<Instant>,
    /// Lost since the day began, gains below zero.
    pub lost_today: Option<Usd>,
    /// Initial margin with the order.
    pub margin_with: Option<Usd>,
    /// Most that the positions can lose.
    pub position_risk: Option<Usd>,
}

/// The rails of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rails {
    /// Limits.
    pub limits: RailLimits,
    /// What is halted.
    pub halt: Halt,
    /// How journal and broker stand to each other.
    pub agreement: Agreement,
    /// Why only exits and hedges pass; `None` in ordinary work.
    pub safe_mode: Option<String>,
    sent: VecDeque<Instant>,
}

impl Rails {
    /// Rails with those limits; nothing is sent until journal and broker were compared.
    #[must_use]
    pub fn new(limits: RailLimits) -> Self {
        Self {
            limits,
            ..Self::default()
        }
    }

    /// Notes an order that was let through.
    pub fn sent(&mut self, now: Instant, _purpose: Purpose) {
        self.sent.push_back(now);
        while self
            .sent
            .front()
            .is_some_and(|at| at.0 <= now.0.saturating_sub(60))
        {
            self.sent.pop_front();
        }
    }

    /// Orders that were let through in the last minute.
    #[must_use]
    pub fn in_last_minute(&self, now: Instant) -> u32 {
        let recent = self.sent.iter().filter(|at| at.0 > now.0.saturating_sub(60));
        u32::try_from(recent.count()).unwrap_or(u32::MAX)
    }

    /// Judges an order. The first rail that stops it answers.
    #[must_use]
    pub fn judge(&self, ask: &Ask, seen: &Seen) -> Verdict {
        let stopped = self
            .always(ask, seen)
            .or_else(|| self.entry(ask))
            .or_else(|| self.money(ask, seen));
        match (stopped, self.limits.mode) {
            (Some((rail, why)), _) => Verdict::Refuse(Refusal { rail, why }),
            (None, Mode::Shadow) => Verdict::Shadow,
            (None, _) => Verdict::Send,
        }
    }

    /// Rails that stop exits too.
    fn always(&self, ask: &Ask, seen: &Seen) -> Option<(Rail, String)> {
        let limits = &self.limits;
        if limits.mode == Mode::ReadOnly {
            return Some((Rail::ReadOnly, "the run only watches the account".to_owned()));
        }
        if let Halt::All(why) = &self.halt {
            return Some((Rail::Halt, format!("everything is halted: {why}")));
        }
        if !seen.connected && limits.mode == Mode::Trade {
            return Some((
                Rail::Connection,
                "there is no connection to the broker".to_owned(),
            ));
        }
        if self.agreement == Agreement::NotCompared && limits.mode == Mode::Trade {
            let why = "orders wait until journal and broker were compared";
            return Some((Rail::Reconcile, why.to_owned()));
        }
        match seen.quotes_at {
            None => {
                return Some((
                    Rail::Stale,
                    "no quotes are known that the order could be priced with".to_owned(),
                ));
            }
            Some(at) => {
                let age = ask.now.0.saturating_sub(at.0);
                if age > limits.stale_after_s {
                    let most = limits.stale_after_s;
                    let why = format!("the quotes are {age} s old, and {most} s is the most");
                    return Some((Rail::Stale, why));
                }
            }
        }
        if ask.not_after <= ask.now {
            return Some((
                Rail::Late,
                "the order's time is over before it is sent".to_owned(),
            ));
        }
        if let Some(ended) = ask.ended {
            let ago = ask.now.0.saturating_sub(ended.0);
            if ago < limits.settle_s {
                let why = format!("the last order ended {ago} s ago, and its trades may be on their way");
                return Some((Rail::Settling, why));
            }
        }
        let most = if ask.purpose == Purpose::Close {
            limits.orders_per_minute.saturating_mul(2)
        } else {
            limits.orders_per_minute
        };
        let count = self.in_last_minute(ask.now);
        (count >= most).then(|| {
            let why = format!("{count} orders were sent in the last minute, and {most} is the most");
            (Rail::Rate, why)
        })
    }

    /// Rails that let exits and hedges pass.
    fn entry(&self, ask: &Ask) -> Option<(Rail, String)> {
        if ask.purpose != Purpose::Close && ask.open_intents >= self.limits.open_intents {
            let (count, most) = (ask.open_intents, self.limits.open_intents);
            let why = format!("{count} orders have no known end yet, and {most} is the most");
            return Some((Rail::OpenIntents, why));
        }
        if !ask.purpose.is_entry() {
            return None;
        }
        if let Halt::Entries(why) = &self.halt {
            return Some((Rail::Halt, format!("entries are halted: {why}")));
        }
        if let Agreement::Mismatch(why) = &self.agreement {
            return Some((Rail::Reconcile, format!("entries wait: {why}")));
        }
        if let Some(why) = &self.safe_mode {
            return Some((Rail::SafeMode, format!("only exits and hedges pass: {why}")));
        }
        ask.room_is_low.then(|| {
            let why = "the journal's disk is nearly full; what is left is for exits";
            (Rail::Disk, why.to_owned())
        })
    }

    /// Limits in money. What is not known counts as too much, where a limit asks for it.
    fn money(&self, ask: &Ask, seen: &Seen) -> Option<(Rail, String)> {
        let limits = &self.limits;
        if let Some(most) = limits.loss_per_day
            && ask.purpose.is_entry()
        {
            match seen.lost_today {
                None => {
                    let why = "what was lost today is not known, and there is a limit to it".to_owned();
                    return Some((Rail::Loss, why));
                }
                Some(lost) if lost >= most => {
                    let why = format!(
                        "{} was lost today, and {} is the most",
                        dollars(lost),
                        dollars(most)
                    );
                    return Some((Rail::Loss, why));
                }
                Some(_) => {}
            }
        }
        if ask.purpose == Purpose::Close {
            return None;
        }
        if let Some(most) = limits.margin {
            match seen.margin_with {
                None => {
                    let why = "the margin with the order is not known, and there is a limit to it".to_owned();
                    return Some((Rail::Margin, why));
                }
                Some(margin) if margin > most => {
                    let why = format!(
                        "the margin with the order is {}, and {} is the most",
                        dollars(margin),
                        dollars(most)
                    );
                    return Some((Rail::Margin, why));
                }
                Some(_) => {}
            }
        }
        let most = limits.open_risk?;
        let orders = ask.open_orders_risk;
        let Some((positions, own)) = seen.position_risk.zip(ask.risk).filter(|_| orders.unknown == 0) else {
            let why =
                "what positions and orders can lose is not known, and there is a limit to it".to_owned();
            return Some((Rail::Risk, why));
        };
        let total = positions + orders.known + own;
        (total > most).then(|| {
            let why = format!(
                "positions, orders at work and this one could lose {}, and {} is the most",
                dollars(total),
                dollars(most)
            );
            (Rail::Risk, why)
        })
    }
}

/// Judges an order by what its broker says: the initial margin of the account with it, against the limit of the run and against
/// what the account is worth.
#[must_use]
pub fn by_broker(initial: Usd, most: Option<Usd>, worth: Option<Usd>) -> Option<Refusal> {
    let asks = format!(
        "the broker asks for {} of initial margin with the order",
        dollars(initial)
    );
    let over = |limit: Option<Usd>| limit.filter(|limit| initial > *limit);
    if let Some(most) = over(most) {
        let why = format!("{asks}, and {} is the most", dollars(most));
        return Some(Refusal {
            rail: Rail::Margin,
            why,
        });
    }
    over(worth).map(|worth| Refusal {
        rail: Rail::Funds,
        why: format!("{asks}, and the account is worth {}", dollars(worth)),
    })
}

/// `$1,234.50`, for a sentence.
#[must_use]
pub fn dollars(amount: Usd) -> String {
    let cents = amount.0.unsigned_abs() / 10_000;
    let whole = (cents / 100).to_string();
    let mut grouped = String::new();
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let sign = if amount.0 < 0 { "-" } else { "" };
    format!("{sign}${grouped}.{:02}", cents % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Instant = Instant(1_000_000);

    fn ask(purpose: Purpose) -> Ask {
        Ask {
            purpose,
            risk: Some(Usd(500_000_000)),
            now: NOW,
            not_after: Instant(NOW.0 + 60),
            open_intents: 0,
            ended: None,
            open_orders_risk: OpenRisk::default(),
            room_is_low: false,
        }
    }

    fn seen() -> Seen {
        Seen {
            connected: true,
            quotes_at: Some(Instant(NOW.0 - 5)),
            lost_today: Some(Usd::ZERO),
            margin_with: Some(Usd(1_000_000_000)),
            position_risk: Some(Usd::ZERO),
        }
    }

    fn rails() -> Rails {
        let mut rails = Rails::new(RailLimits {
            loss_per_day: Some(Usd(2_000_000_000)),
            margin: Some(Usd(5_000_000_000)),
            open_risk: Some(Usd(1_500_000_000)),
            ..RailLimits::default()
        });
        rails.agreement = Agreement::Agree;
        rails
    }

    const ALL: [Purpose; 4] = [Purpose::Open, Purpose::Roll, Purpose::Hedge, Purpose::Close];

    /// Rail and sentence for each purpose; empty where it passes.
    fn verdicts(rails: &Rails, change: impl Fn(&mut Ask, &mut Seen)) -> Vec<String> {
        ALL.into_iter()
            .map(|purpose| {
                let (mut ask, mut seen) = (ask(purpose), seen());
                change(&mut ask, &mut seen);
                match rails.judge(&ask, &seen) {
                    Verdict::Refuse(r) => format!("{}: {}", r.rail.word(), r.why),
                    Verdict::Send => String::new(),
                    Verdict::Shadow => "shadow".to_owned(),
                }
            })
            .collect()
    }

    fn stopped(texts: &[String]) -> Vec<bool> {
        texts.iter().map(|t| !t.is_empty()).collect()
    }

    const NONE: [bool; 4] = [false; 4];
    const ENTRIES: [bool; 4] = [true, true, false, false];
    const NOT_EXITS: [bool; 4] = [true, true, true, false];
    const EVERYTHING: [bool; 4] = [true; 4];

    #[test]
    fn an_ordinary_order_passes() {
        assert_eq!(stopped(&verdicts(&rails(), |_, _| {})), NONE);
    }

    #[test]
    fn the_kill_switch_stops_everything_and_a_halt_of_entries_only_these() {
        let mut rails = rails();
        rails.halt = Halt::All("the desk called".to_owned());
        let texts = verdicts(&rails, |_, _| {});
        assert_eq!(stopped(&texts), EVERYTHING);
        assert_eq!(texts[3], "halt: everything is halted: the desk called");
        rails.halt = Halt::Entries("lunch".to_owned());
        assert_eq!(stopped(&verdicts(&rails, |_, _| {})), ENTRIES);
        assert_eq!(
            Halt::of("something new", "x"),
            Halt::All("x".to_owned()),
            "a word of a newer program halts everything"
        );
    }

    #[test]
    fn a_new_run_sends_nothing_before_the_comparison_and_opens_nothing_on_a_mismatch() {
        let mut rails = Rails::new(RailLimits::default());
        let texts = verdicts(&rails, |_, _| {});
        assert_eq!(stopped(&texts), EVERYTHING);
        rails.agreement = Agreement::Mismatch("VXX: the broker holds 3".to_owned());
        let texts = verdicts(&rails, |_, _| {});
        assert_eq!(stopped(&texts), ENTRIES);
        assert_eq!(texts[0], "reconcile: entries wait: VXX: the broker holds 3");
    }

    #[test]
    fn a_structure_waits_for_the_last_trades_of_an_order_that_ended() {
        let ago = |s: i64| verdicts(&rails(), |ask, _| ask.ended = Some(Instant(NOW.0 - s)));
        assert_eq!(stopped(&ago(9)), EVERYTHING);
        assert_eq!(stopped(&ago(10)), NONE);
    }

    #[test]
    fn safe_mode_and_a_full_disk_let_exits_and_hedges_pass() {
        let mut safe = rails();
        safe.safe_mode = Some("4 starts in 10 minutes".to_owned());
        assert_eq!(stopped(&verdicts(&safe, |_, _| {})), ENTRIES);
        assert_eq!(
            stopped(&verdicts(&rails(), |ask, _| ask.room_is_low = true)),
            ENTRIES
        );
    }

    #[test]
    fn old_quotes_no_quotes_and_no_connection_stop_everything() {
        let old = verdicts(&rails(), |_, seen| seen.quotes_at = Some(Instant(NOW.0 - 121)));
        assert_eq!(stopped(&old), EVERYTHING);
        assert_eq!(old[0], "stale: the quotes are 121 s old, and 120 s is the most");
        let at_the_limit = verdicts(&rails(), |_, seen| seen.quotes_at = Some(Instant(NOW.0 - 120)));
        assert_eq!(stopped(&at_the_limit), NONE);
        assert_eq!(
            stopped(&verdicts(&rails(), |_, seen| seen.quotes_at = None)),
            EVERYTHING
        );
        assert_eq!(
            stopped(&verdicts(&rails(), |_, seen| seen.connected = false)),
            EVERYTHING
        );
        assert_eq!(
            stopped(&verdicts(&rails(), |ask, _| ask.not_after = NOW)),
            EVERYTHING
        );
    }

    #[test]
    fn the_rate_counts_a_sliding_minute_and_leaves_room_for_exits() {
        let mut rails = rails();
        for i in 0..30 {
            rails.sent(Instant(NOW.0 - 59 + i), Purpose::Open);
        }
        let texts = verdicts(&rails, |_, _| {});
        assert_eq!(stopped(&texts), NOT_EXITS);
        assert_eq!(
            texts[0],
            "rate: 30 orders were sent in the last minute, and 30 is the most"
        );
        let later = Instant(NOW.0 + 1);
        assert_eq!(rails.in_last_minute(later), 29);
    }

    #[test]
    fn orders_without_a_known_end_are_bounded() {
        let texts = verdicts(&rails(), |ask, _| ask.open_intents = 20);
        assert_eq!(stopped(&texts), NOT_EXITS);
    }

    #[test]
    fn the_loss_of_the_day_stops_entries_at_the_limit() {
        let at = |lost: i64| verdicts(&rails(), |_, seen| seen.lost_today = Some(Usd(lost)));
        assert_eq!(stopped(&at(1_999_999_999)), NONE);
        assert_eq!(stopped(&at(2_000_000_000)), ENTRIES);
        assert_eq!(
            at(2_345_678_900)[0],
            "loss: $2,345.67 was lost today, and $2,000.00 is the most"
        );
        assert_eq!(
            stopped(&verdicts(&rails(), |_, seen| seen.lost_today = None)),
            ENTRIES
        );
    }

    #[test]
    fn margin_and_open_risk_count_what_is_at_work_and_what_is_not_known() {
        let over = verdicts(&rails(), |_, seen| seen.margin_with = Some(Usd(5_000_000_001)));
        assert_eq!(stopped(&over), NOT_EXITS);
        assert_eq!(
            stopped(&verdicts(&rails(), |_, seen| seen.margin_with = None)),
            NOT_EXITS
        );
        let with = |known: i64, unknown: u32| {
            verdicts(&rails(), |ask, _| {
                ask.open_orders_risk = OpenRisk {
                    known: Usd(known),
                    unknown,
                };
            })
        };
        assert_eq!(stopped(&with(1_000_000_000, 0)), NONE);
        assert_eq!(stopped(&with(1_000_000_001, 0)), NOT_EXITS);
        assert_eq!(stopped(&with(0, 1)), NOT_EXITS);
        assert_eq!(
            stopped(&verdicts(&rails(), |_, seen| seen.position_risk = None)),
            NOT_EXITS
        );
    }

    #[test]
    fn a_brokers_word_is_held_against_the_limit_and_against_what_the_account_is_worth() {
        let usd = |dollars: i64| Usd(dollars * 1_000_000);
        let told = |most: Option<i64>, worth: Option<i64>| {
            let told = by_broker(usd(5_000), most.map(usd), worth.map(usd));
            told.map(|r| format!("{}: {}", r.rail.word(), r.why))
        };
        assert_eq!(told(None, None), None);
        assert_eq!(
            told(Some(5_000), Some(5_000)),
            None,
            "what it asks for may be had whole"
        );
        assert_eq!(
            told(Some(4_999), Some(1)).unwrap(),
            "margin: the broker asks for $5,000.00 of initial margin with the order, and $4,999.00 is the most"
        );
        assert_eq!(
            told(None, Some(4_999)).unwrap(),
            "funds: the broker asks for $5,000.00 of initial margin with the order, and the account is worth $4,999.00"
        );
    }

    #[test]
    fn shadow_writes_down_what_passes_and_read_only_nothing() {
        let mut shadow = rails();
        shadow.limits.mode = Mode::Shadow;
        assert_eq!(verdicts(&shadow, |_, seen| seen.connected = false), ["shadow"; 4]);
        shadow.halt = Halt::All("x".to_owned());
        assert!(verdicts(&shadow, |_, _| {}).iter().all(|t| t.starts_with("halt")));
        let mut watching = rails();
        watching.limits.mode = Mode::ReadOnly;
        assert_eq!(stopped(&verdicts(&watching, |_, _| {})), EVERYTHING);
    }
}
