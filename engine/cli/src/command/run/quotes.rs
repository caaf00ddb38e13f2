//! A broker's quotes as the feed of a run: what it goes on from, when it looks, and how it is recorded.

use crate::args::{BrokerArg, FeedArg, RunArgs};
use crate::exit::Failure;
use alula_core::plan::Plan;
use alula_dsl::graph::Graph;
use alula_live::Live;
use alula_live::LiveError;
use alula_live::feed::{Feed, FeedFacts, FeedHistory, FeedSettings, Seen, rhythm};
use alula_market::calendar::ExchangeCalendar;
use alula_market::history::History;
use alula_market::time::Instant;
use chrono::NaiveDate;
use serde_json::{Value, json};
use std::sync::Arc;

/// Things that Interactive Brokers quotes at once, unless more were bought.
const LINES: usize = 100;
/// Seconds after which a quote is too old, unless `--stale-after` says otherwise.
const STALE_AFTER_S: i64 = 120;

/// The quotes of a broker, in place of the rest of a store.
#[derive(Clone)]
pub struct Quotes {
    history: Arc<FeedHistory>,
    /// Looks of the run that is gone on with.
    seen: Arc<[Seen]>,
}

impl Quotes {
    /// A store that goes on with a broker's quotes.
    ///
    /// # Errors
    /// When the store has no chains, or no session lies in the period.
    pub fn of(
        args: &RunArgs,
        plan: &Plan,
        base: Box<dyn History>,
    ) -> Result<(Box<dyn History>, Self), Failure> {
        let settings = &plan.graph().settings;
        let underlying = settings.instrument.name();
        let calendar = ExchangeCalendar::nyse();
        if args.broker == BrokerArg::Ibkr {
            if !settings.settle_approximate {
                return Err(Failure::usage(
                    "the last value of an index that a broker tells is not the official settlement",
                )
                .help("write `settle approximate` in the strategy: what expires is then settled by it, and marked"));
            }
            return Ok(Self::from_now(args, plan, base));
        }
        let range = base.range(underlying);
        // The simulated broker quotes what lies in the store from there on.
        let (first, last) = range.ok_or_else(|| {
            Failure::usage(format!("the store has no option chains of `{underlying}`"))
                .help("name a store with `--data`: what the run reads is warmed up from it")
        })?;
        let from = args.from.unwrap_or(first).max(first);
        let to = args.to.unwrap_or(last).min(last);
        let open = calendar
            .session_on_or_after(from)
            .and_then(|d| calendar.open_at(d))
            .filter(|o| o.date() <= to);
        let Some(open) = open else {
            return Err(Failure::usage(format!(
                "there is no session from `{from}` to `{to}`"
            )));
        };
        let name = match args.broker {
            BrokerArg::Internal => "no broker",
            BrokerArg::Paper => "the broker `paper`",
            BrokerArg::Ibkr => "the broker `ibkr`",
        };
        // Times of the day, not of its prices: later sessions tell them as well as earlier ones.
        let rhythm = rhythm(base.as_ref(), underlying, last.succ_opt().unwrap_or(last));
        let facts = FeedFacts::new(
            (name, args.broker == BrokerArg::Paper),
            Instant(open.0 - 1),
            (rhythm, to),
            plan.chains().to_vec(),
        );
        Ok(Self::new(FeedHistory::new(base, facts), Vec::new()))
    }

    fn new(history: FeedHistory, seen: Vec<Seen>) -> (Box<dyn History>, Self) {
        let history = Arc::new(history);
        let seen = seen.into();
        (Box::new(Arc::clone(&history)), Self { history, seen })
    }

    /// The same in real time: from now on, for a year unless a last day is named.
    fn from_now(args: &RunArgs, plan: &Plan, base: Box<dyn History>) -> (Box<dyn History>, Self) {
        let underlying = plan.graph().settings.instrument.name();
        let now = now();
        let to = args
            .to
            .or_else(|| now.date().checked_add_days(chrono::Days::new(365)));
        let to = to.unwrap_or_else(|| now.date());
        let rhythm = rhythm(base.as_ref(), underlying, now.date());
        let facts = FeedFacts::new(
            ("the broker `ibkr`", false),
            now,
            (rhythm, to),
            plan.chains().to_vec(),
        );
        Self::new(FeedHistory::new(base, facts), Vec::new())
    }

    /// The same out of a record, with all that was seen.
    ///
    /// # Errors
    /// When the record cannot be read.
    pub fn again(
        recorded: &Value,
        seen: &[Seen],
        base: Box<dyn History>,
    ) -> Result<(Box<dyn History>, Self), Failure> {
        let wrong = || {
            Failure::new(
                crate::exit::Exit::Data,
                "the journal does not say what its feed was",
            )
            .help("replay it with the program version that wrote it")
        };
        let text = |name: &str| recorded.get(name).and_then(Value::as_str);
        let whole = |v: &Value| v.as_i64();
        let list = |name: &str| recorded.get(name).and_then(Value::as_array);
        let rhythm: Option<Vec<i64>> = list("rhythm").and_then(|l| l.iter().map(whole).collect());
        let underlyings: Option<Vec<String>> =
            list("underlyings").and_then(|l| l.iter().map(|v| v.as_str().map(str::to_owned)).collect());
        let facts = || {
            let to: NaiveDate = text("to")?.parse().ok()?;
            let start = Instant(recorded.get("start").and_then(whole)?);
            let simulated = recorded.get("simulated").and_then(Value::as_bool)?;
            Some(FeedFacts::new(
                (text("name")?, simulated),
                start,
                (rhythm?, to),
                underlyings?,
            ))
        };
        let history = FeedHistory::new(base, facts().ok_or_else(wrong)?);
        for seen in seen {
            history.receive(seen);
            history.release(Instant(seen.at.0 - 86_400));
        }
        // One that was written down by two runs, the first of which did not come to act on it.
        let mut once: Vec<Seen> = Vec::with_capacity(seen.len());
        for seen in seen {
            if once.last().is_none_or(|last| last.at < seen.at) {
                once.push(seen.clone());
            }
        }
        Ok(Self::new(history, once))
    }

    /// First session of the feed: a run visits nothing of the store before it.
    #[must_use]
    pub fn begins(&self) -> NaiveDate {
        self.history.facts().start.date()
    }

    /// For the record.
    #[must_use]
    pub fn recorded(&self) -> Value {
        let facts = self.history.facts();
        json!({
            "name": facts.name, "start": facts.start.0, "to": facts.to.to_string(), "rhythm": facts.rhythm,
            "underlyings": facts.underlyings, "simulated": facts.simulated,
        })
    }

    /// Lets a run listen.
    ///
    /// # Errors
    /// When the broker gives no quotes, or the store cannot be read.
    pub fn attach(&self, args: &RunArgs, live: &mut Live<'_>) -> Result<(), LiveError> {
        let settings = FeedSettings {
            stale_after_s: args.rails.stale_after.map_or(STALE_AFTER_S, i64::from),
            lines: match (args.lines, args.broker) {
                (Some(lines), _) => usize::try_from(lines).unwrap_or(LINES),
                (None, BrokerArg::Paper) => usize::MAX,
                (None, BrokerArg::Internal | BrokerArg::Ibkr) => LINES,
            },
        };
        let mut feed = Feed::new(Arc::clone(&self.history), live.crank().plan(), settings)?;
        feed.go_on(&self.seen, live.crank().next());
        live.listen(feed)
    }

    /// What the simulated broker is to quote: the same market from there on, or from the newest snapshot on that a run has
    /// visited.
    #[must_use]
    pub fn market(
        &self,
        args: &RunArgs,
        graph: &Graph,
        (simulated, visited): ((Option<u64>, Option<u32>), Option<Instant>),
    ) -> Vec<(String, String)> {
        let market = match &args.data {
            Some(path) => {
                let whole = std::path::absolute(path).unwrap_or_else(|_| path.clone());
                format!("store {}", whole.display())
            }
            None => {
                let config = crate::command::backtest::simulated(simulated.0, simulated.1, graph);
                format!(
                    "simulated {} {} {} {}",
                    config.seed,
                    config.start,
                    config.sessions,
                    config.every_minutes.unwrap_or(0)
                )
            }
        };
        let from = visited.unwrap_or(self.history.facts().start).0.to_string();
        let lines = args.lines.unwrap_or(0).to_string();
        [("market", market), ("market_from", from), ("lines", lines)]
            .map(|(name, value)| (name.to_owned(), value))
            .into()
    }
}

/// Now, by the machine's clock.
#[must_use]
pub fn now() -> Instant {
    Instant(super::state::now_ns().div_euclid(1_000_000_000))
}

/// What cannot be meant.
///
/// # Errors
/// What it is.
pub fn check(args: &RunArgs) -> Result<(), Failure> {
    if args.broker == BrokerArg::Ibkr {
        if args.feed != Some(FeedArg::Broker) || args.data.is_none() {
            return Err(
                Failure::usage("at Interactive Brokers a run lives on the broker's own quotes, in real time").help(
                    "add `--feed broker`, and name with `--data` the store that its indicators are warmed up from",
                ),
            );
        }
    } else if args.live {
        return Err(Failure::usage("only a real broker trades real money").help("leave `--live` out"));
    }
    if args.feed != Some(FeedArg::Broker) {
        return match args.lines {
            Some(_) => Err(Failure::usage("`--lines` belongs to `--feed broker`")),
            None => Ok(()),
        };
    }
    if args.broker == BrokerArg::Internal {
        return Err(
            Failure::usage("the engine's own account quotes nothing").help("name a broker: `--broker paper`")
        );
    }
    Ok(())
}

/// A run goes on with what it saw before: with its broker's quotes, or without.
///
/// # Errors
/// When the other is asked for.
pub fn same_feed(args: &RunArgs, recorded: Option<&Value>) -> Result<(), Failure> {
    match (recorded, args.feed == Some(FeedArg::Broker)) {
        (Some(_), true) | (None, false) => Ok(()),
        (Some(_), false) => Err(
            Failure::usage("the run that is to go on sees its broker's quotes")
                .help("add `--feed broker`, or begin anew without `--resume`"),
        ),
        (None, true) => Err(
            Failure::usage("the run that is to go on did not see its broker's quotes")
                .help("leave `--feed broker` out, or begin anew without `--resume`"),
        ),
    }
}
