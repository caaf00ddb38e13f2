//! The limits of a run, and their words in records.

use super::Mode;
use alula_market::money::Usd;

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
