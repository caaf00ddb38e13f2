//! A run under way: snapshots as they fall due, files as they are offered, and what has happened since the last look.

use crate::broker::Broker;
use crate::feed::{Feed, Seen};
use crate::keeper::{Keeper, stamp};
use crate::source::Refusal;
use crate::strategy::Changes;
use crate::swap::{Desk, Judged, Rejected};
use crate::trader::{Advice, AtWork, Reopen, Sheet, TradeError, Trader, VISITED, mark};
use alula_core::thresholds::Change;
use alula_journal::JournalError;
use alula_market::time::{Date, Instant};
use alula_run::output::{
    DecisionRow, LayerRow, LinearRow, MarginCallRow, OrderRow, TickRow, TradeRow, VersionRow,
};
use alula_run::rails::Halt;
use alula_run::{Act, Crank, ErrorClass, HaltLevel, OperatorAct, RunError, RunOutput, Turned, Way};

/// How the end of a run that could not begin starts in its journal.
pub const NEVER_BEGAN: &str = "it did not begin";

/// Something that happened, in order.
#[derive(Clone, Debug, PartialEq)]
pub enum Happening {
    /// A session begins.
    Session(Date),
    /// A file was taken; it is in force from the next tick on.
    Accepted {
        /// Version hash of its values.
        version: String,
        /// What differs.
        changes: Vec<Change>,
        /// It acknowledged the version in force.
        acked: bool,
    },
    /// Another strategy was taken; it is in force from the next tick on.
    Strategy {
        /// Hash of its files.
        digest: String,
        /// What is not as it was.
        changes: Vec<String>,
        /// Values of thresholds that move with it.
        values: Vec<Change>,
        /// What becomes of positions of structures that it does not have.
        carried: Vec<String>,
    },
    /// Another strategy waits for an operator's word: something ends with it.
    Proposed {
        /// Hash of its files.
        digest: String,
        /// What is not as it was.
        changes: Vec<String>,
        /// What ends.
        drops: Vec<String>,
        /// What ends and has open positions or orders.
        open: Vec<String>,
    },
    /// A file was refused; what is in force stays.
    Rejected(Rejected),
    /// An operator did something.
    Operator(OperatorAct),
    /// A version is in force.
    InForce(VersionRow),
    /// A fill or a settlement.
    Trade(TradeRow),
    /// A future or a share was traded, settled or split.
    Linear(LinearRow),
    /// A rule acted, or was kept from it.
    Decision(DecisionRow),
    /// An order was sent.
    Order(OrderRow),
    /// A layer does something else than before.
    Layer(LayerRow),
    /// A guard raised an alert.
    Alert {
        /// When.
        at: Instant,
        /// Guard.
        key: String,
        /// Its words.
        text: String,
    },
    /// A margin call begins.
    MarginCall(MarginCallRow),
    /// A tick was decided.
    Tick(TickRow),
}

/// How far the rows of a run have been told.
#[derive(Clone, Copy, Debug, Default)]
struct Told {
    trades: usize,
    linear: usize,
    decisions: usize,
    orders: usize,
    layers: usize,
    alerts: usize,
    calls: usize,
    ticks: usize,
    versions: usize,
    deaths: usize,
}

/// Counts for those who watch from outside.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reloads {
    /// Files that were offered.
    pub attempts: u64,
    /// Files that were put into force.
    pub accepted: u64,
    /// Contents that were refused.
    pub rejected: u64,
    /// The newest attempt succeeded; none before the first.
    pub last_success: Option<bool>,
    /// Why the newest one was refused.
    pub last_error: Option<String>,
}

/// A run under way.
#[derive(Debug)]
pub struct Live<'a> {
    pub(crate) crank: Crank<'a>,
    pub(crate) desk: Desk,
    pub(crate) keeper: Option<Keeper>,
    trader: Option<Trader>,
    feed: Option<Feed>,
    /// What a broker's word on margin counts for.
    advice: Advice,
    /// Processes of the broker that had died when the feed asked last.
    revivals: u64,
    /// Why what the feed shows cannot be used, as long as it is so.
    stale: Option<String>,
    told: Told,
    /// Deaths of instances that stand in the journal.
    deaths: usize,
    pub(crate) reloads: Reloads,
    pub(crate) strategy: Changes<'a>,
    pub(crate) upgrading: Option<crate::upgrade::Upgrading>,
}

/// Why a run had to stop.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LiveError {
    /// The run itself.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The journal: nothing may be done that it does not hold.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The broker, or the way to it.
    #[error(transparent)]
    Trade(#[from] TradeError),
}

impl<'a> Live<'a> {
    /// A run before its first snapshot, or one that is gone on with.
    #[must_use]
    pub fn new(crank: Crank<'a>, desk: Desk) -> Self {
        let rows = crank.output();
        // What a run did before that is gone on with has been told.
        let told = Told {
            trades: rows.trades.len(),
            linear: rows.linear.len(),
            decisions: rows.decisions.len(),
            orders: rows.orders.len(),
            layers: rows.layers.len(),
            alerts: rows.alerts.len(),
            calls: rows.margin_calls.len(),
            ticks: rows.ticks.len(),
            versions: rows.versions.len(),
            deaths: if rows.ticks.is_empty() {
                0
            } else {
                rows.manifest.deaths.len()
            },
        };
        Self {
            crank,
            desk,
            keeper: None,
            trader: None,
            feed: None,
            advice: Advice::default(),
            revivals: 0,
            stale: None,
            told,
            deaths: 0,
            reloads: Reloads::default(),
            strategy: Changes::default(),
            upgrading: None,
        }
    }

    /// Writes a journal from here on.
    pub fn keep(&mut self, keeper: Keeper) {
        self.keeper = Some(keeper);
    }

    /// What the word of the broker on margin counts for. Call it before [`Live::trade`].
    pub const fn ask_margins(&mut self, policy: Advice) {
        self.advice = policy;
    }

    /// Sends the orders to a broker from here on; where its process dies it is opened anew. The journal must be written by a
    /// desk. A run that has not begun has an empty sheet; one that is gone on with has that of its replay, and what it meant and
    /// did not send any more is sent now.
    ///
    /// # Errors
    /// When the run cannot have its orders filled outside, the broker does not begin, or it does not agree with the journal.
    pub fn trade(
        &mut self,
        broker: (Box<dyn Broker + Send>, Option<Reopen>),
        sheet: Sheet,
        received_ns: i64,
    ) -> Result<(), LiveError> {
        let Some(desk) = self.keeper.as_mut().and_then(Keeper::desk_mut) else {
            return Err(TradeError::Odd("orders are sent only from a journal".to_owned()).into());
        };
        self.crank.fill_outside(&broker.0.facts().id)?;
        let newest = self.crank.done().checked_sub(1);
        let newest = newest.and_then(|i| self.crank.instants().get(i).copied());
        let now = newest.or_else(|| self.crank.next()).unwrap_or(Instant(0));
        let mut trader = Trader::connect(broker, sheet, desk, (now, received_ns))?;
        trader.ask_margins(self.advice);
        if let Some(at) = newest {
            trader.send(desk, &self.crank, (at, received_ns))?;
        }
        self.trader = Some(trader);
        Ok(())
    }

    /// Sees what its broker quotes from here on. The crank visits the feed's own history, and orders are sent already.
    ///
    /// # Errors
    /// When nothing is sent, or the broker gives no quotes.
    pub fn listen(&mut self, feed: Feed) -> Result<(), LiveError> {
        let Some(trader) = &mut self.trader else {
            return Err(
                TradeError::Odd("quotes come from a broker that orders are sent to".to_owned()).into(),
            );
        };
        trader.quotes_itself()?;
        self.feed = Some(feed);
        Ok(())
    }

    /// The feed of the broker's quotes, where there is one.
    #[must_use]
    pub const fn feed(&self) -> Option<&Feed> {
        self.feed.as_ref()
    }

    /// Listens to the broker up to an instant of the market, and asks it for what the run wants to see.
    ///
    /// # Errors
    /// When the broker or the journal fails.
    pub fn hear(&mut self, now: Instant, received_ns: i64) -> Result<(), LiveError> {
        let desk = self.keeper.as_mut().and_then(Keeper::desk_mut);
        let (Some(feed), Some(trader), Some(desk)) = (&mut self.feed, &mut self.trader, desk) else {
            return Ok(());
        };
        let when = (now, received_ns);
        if self.revivals != trader.link().revivals() {
            self.revivals = trader.link().revivals();
            feed.ask_again();
        }
        let mut heard = Vec::new();
        // What is listed decides what is asked for next; both before time goes on.
        // A connection that is down is asked for nothing; what was asked for before comes back with it.
        let rounds = if trader.link().is_up() { 2 } else { 0 };
        for _ in 0..rounds {
            let wishes = feed.wishes(&self.crank, now);
            if wishes.is_empty() {
                break;
            }
            heard.extend(trader.ask(desk, &wishes, when)?);
            if trader.link_mut().take_not_asked() {
                feed.ask_again();
                break;
            }
            feed.hear(heard.extract_if(.., |e| e.is_a_listing()), Instant(i64::MIN));
        }
        heard.extend(trader.listen(desk, when)?);
        feed.hear(heard, now);
        Ok(())
    }

    /// What was heard of the connection since the last look: told between two snapshots too, which may lie half an hour apart.
    pub fn overheard(&mut self, at: Instant) -> Vec<Happening> {
        let Some(trader) = &mut self.trader else {
            return Vec::new();
        };
        let key = trader.id().to_owned();
        let news = trader.link_mut().take_news().into_iter();
        news.map(|text| Happening::Alert {
            at,
            key: key.clone(),
            text,
        })
        .collect()
    }

    /// The next snapshot, with a broker where there is one.
    fn crank_on(&mut self, received_ns: i64) -> Result<Option<Turned>, LiveError> {
        let desk = self.keeper.as_mut().and_then(Keeper::desk_mut);
        let (Some(trader), Some(desk)) = (&mut self.trader, desk) else {
            return Ok(self.crank.turn()?);
        };
        let mut at_work = AtWork::new(trader, desk, received_ns);
        let at = self.crank.next();
        let turned = self.crank.turn_with(&mut at_work);
        if let Some(fault) = at_work.fault {
            return Err(fault.into());
        }
        let asked = at_work.asked;
        let turned = turned?;
        if let (true, Some(at), Some(Turned { tick: None, .. })) = (asked, at, &turned) {
            // What the broker did at this snapshot is on disk before it hears of the next.
            desk.record(stamp(at, received_ns), 0, &mark(at, VISITED))
                .map_err(TradeError::from)?;
            desk.commit()?;
        }
        Ok(turned)
    }

    /// The orders at a broker, if there is one.
    #[must_use]
    pub const fn trader(&self) -> Option<&Trader> {
        self.trader.as_ref()
    }

    /// Who writes the journal, if there is one.
    #[must_use]
    pub const fn keeper(&self) -> Option<&Keeper> {
        self.keeper.as_ref()
    }

    pub(crate) const fn keeper_mut(&mut self) -> Option<&mut Keeper> {
        self.keeper.as_mut()
    }

    pub(crate) const fn crank_mut(&mut self) -> &mut Crank<'a> {
        &mut self.crank
    }

    /// The instant from which something counts that happens now: that of the next snapshot, or past the last one.
    pub fn now(&self) -> Instant {
        let after = |last: &Instant| Instant(last.0.saturating_add(1));
        let next = self.crank.next();
        let at = next.or_else(|| self.crank.instants().last().map(after));
        at.unwrap_or(Instant(i64::MIN))
    }

    /// The snapshot that is next, or nothing when the feed is at its end.
    #[must_use]
    pub fn next(&self) -> Option<Instant> {
        self.crank.next()
    }

    /// The run.
    #[must_use]
    pub const fn crank(&self) -> &Crank<'a> {
        &self.crank
    }

    /// Counts of changes of thresholds.
    #[must_use]
    pub const fn reloads(&self) -> &Reloads {
        &self.reloads
    }

    /// What was read of the thresholds file. A good file takes effect between two ticks; nothing of the tick at hand changes.
    ///
    /// # Errors
    /// When the journal cannot be written, or the run cannot take changes at all.
    pub fn offer(
        &mut self,
        read: Result<Vec<u8>, Refusal>,
        source: &str,
        received_ns: i64,
    ) -> Result<Vec<Happening>, LiveError> {
        let at = self.now();
        self.reloads.attempts += 1;
        match self.desk.judge(read, self.crank.next_thresholds(), at) {
            Judged::Same => {
                self.reloads.last_success = Some(true);
                self.reloads.last_error = None;
                Ok(Vec::new())
            }
            Judged::KnownBad => {
                self.reloads.last_success = Some(false);
                Ok(Vec::new())
            }
            Judged::Rejected(rejected) => {
                self.reloads.rejected += 1;
                self.reloads.last_success = Some(false);
                self.reloads.last_error = Some(rejected.to_string());
                if let Some(keeper) = &mut self.keeper {
                    keeper.rejected(&rejected, at, source, received_ns)?;
                }
                Ok(vec![Happening::Rejected(rejected)])
            }
            Judged::Accepted(accepted) => {
                let version = accepted.swap.set.hash_hex();
                if let Some(keeper) = &mut self.keeper {
                    let graph = self.crank.next_graph();
                    let text = accepted
                        .swap
                        .set
                        .canonical_text(&graph.settings.name, &graph.thresholds);
                    keeper.applied(&accepted, text, source, received_ns)?;
                }
                self.crank.swap(accepted.swap)?;
                self.reloads.accepted += 1;
                self.reloads.last_success = Some(true);
                self.reloads.last_error = None;
                Ok(vec![Happening::Accepted {
                    version,
                    changes: accepted.changes,
                    acked: accepted.acked,
                }])
            }
        }
    }

    /// Visits the next snapshot; says what happened, nothing at the end of the feed.
    ///
    /// # Errors
    /// When the data cannot be read, a settlement is missing, or an invariant broke.
    pub fn turn(&mut self, received_ns: i64) -> Result<Vec<Happening>, LiveError> {
        let at = self.crank.next();
        let mut stale_news = Vec::new();
        if let (Some(feed), Some(at)) = (&mut self.feed, at) {
            let Some(seen) = feed.seen(at) else {
                return Ok(Vec::new());
            };
            if let Some(keeper) = &mut self.keeper {
                keeper.seen(seen, received_ns)?;
            }
            let now = stale(seen);
            if now.is_some() != self.stale.is_some() {
                let text = match &now {
                    Some(why) => format!("{why}; nothing is opened on them"),
                    None => "quotes are fresh again".to_owned(),
                };
                let key = "stale".to_owned();
                stale_news.push(Happening::Alert { at, key, text });
            }
            self.stale = now;
            feed.visit(at);
            self.crank.refresh()?;
        }
        if let Some(keeper) = &mut self.keeper
            && let Some(tick) = self.crank.peek()?
        {
            keeper.tick(tick, received_ns)?;
        }
        let Some(turned) = self.crank_on(received_ns)? else {
            return Ok(Vec::new());
        };
        if let (Some(keeper), Some(_)) = (&mut self.keeper, turned.tick) {
            let rows = self.crank.output();
            if let Some(tick) = rows.ticks.last() {
                let newest = rows.decisions.iter().rposition(|d| d.tick != tick.tick);
                let decisions = rows
                    .decisions
                    .get(newest.map_or(0, |i| i + 1)..)
                    .unwrap_or_default();
                // What ended is an input of this decision, and stands before it.
                let deaths = &rows.manifest.deaths;
                for death in deaths.iter().skip(self.deaths).filter(|d| !d.recorded) {
                    keeper.died(death, received_ns)?;
                }
                self.deaths = deaths.len();
                let versions = (self.crank.version(), self.crank.rules_version());
                keeper.decision(tick, decisions, versions, received_ns)?;
            }
        }
        // The decision is on disk; now its orders may leave.
        let desk = self.keeper.as_mut().and_then(Keeper::desk_mut);
        if let (Some(trader), Some(desk), Some(at)) = (&mut self.trader, desk, at) {
            trader.send(desk, &self.crank, (at, received_ns))?;
        }
        stale_news.extend(self.news(at, turned));
        Ok(stale_news)
    }

    /// Why what the feed shows cannot be used; nothing while it is fresh.
    #[must_use]
    pub fn stale(&self) -> Option<&str> {
        self.stale.as_deref()
    }

    /// What an operator did; in force from the next tick. Ask [`Crank::judge`] first.
    ///
    /// # Errors
    /// When the journal cannot be written, or the run does not take the act.
    pub fn act(
        &mut self,
        act: Act,
        (who, why): (&str, &str),
        uid: Option<u32>,
        received_ns: i64,
    ) -> Result<Vec<Happening>, LiveError> {
        self.crank.judge(&act)?;
        if let Act::Repair {
            order,
            way: Way::Gone,
        } = &act
        {
            self.gone(order, received_ns)?;
        }
        let act = OperatorAct {
            at: self.now(),
            act,
            who: who.to_owned(),
            why: why.to_owned(),
        };
        if let Some(keeper) = &mut self.keeper {
            keeper.operator(&act, uid, received_ns)?;
            let halt = match &act.act {
                Act::Halt(HaltLevel::All) => Some(Halt::All(why.to_owned())),
                Act::Resume => Some(Halt::None),
                _ => None,
            };
            // The desk holds the door too: what waits there leaves no more either.
            if let (Some(desk), Some(halt)) = (keeper.desk_mut(), halt) {
                desk.halt(stamp(act.at, received_ns), &halt)
                    .map_err(TradeError::from)?;
                if halt == Halt::None {
                    // Whoever lets it go on knows why it died so often.
                    desk.rails_mut().safe_mode = None;
                }
            }
        }
        self.crank.act(act.clone());
        Ok(vec![Happening::Operator(act)])
    }

    /// Makes sure that the broker does not hold the legs of an order any more.
    fn gone(&mut self, order: &str, received_ns: i64) -> Result<(), LiveError> {
        let at = self.now();
        let refuse = |what: String| {
            let help = "look at the account; `take` and `close` go on with what it holds";
            Err(RunError::new(ErrorClass::Request, what, help).into())
        };
        let Some(broken) = self.crank.broken().find(|b| *b.order == *order).cloned() else {
            return refuse(format!("order `{order}` is whole"));
        };
        let desk = self.keeper.as_mut().and_then(Keeper::desk_mut);
        let (Some(trader), Some(desk)) = (&mut self.trader, desk) else {
            return refuse("no broker can show what it holds".to_owned());
        };
        match trader.confirm_gone(desk, &broken, (at, received_ns))? {
            Ok(()) => Ok(()),
            Err(why) => refuse(why),
        }
    }

    /// The rows that are new since the last look.
    fn news(&mut self, at: Option<Instant>, turned: Turned) -> Vec<Happening> {
        let mut out = Vec::new();
        if turned.new_session {
            out.extend(at.map(|at| Happening::Session(at.date())));
        }
        out.extend(at.map(|at| self.overheard(at)).into_iter().flatten());
        let rows = self.crank.output();
        let told = &mut self.told;
        // Version 1 is what the run began with, and is told at its start.
        told.versions = told.versions.max(usize::from(!rows.versions.is_empty()));
        take(&mut out, &rows.trades, &mut told.trades, Happening::Trade);
        take(&mut out, &rows.linear, &mut told.linear, Happening::Linear);
        take(&mut out, &rows.versions, &mut told.versions, Happening::InForce);
        take(&mut out, &rows.manifest.deaths, &mut told.deaths, |death| {
            Happening::Alert {
                at: death.at,
                key: "plugin".to_owned(),
                text: format!(
                    "{death}; what rests on it is unknown from here on, and guards that need it block opening"
                ),
            }
        });
        take(&mut out, &rows.layers, &mut told.layers, Happening::Layer);
        take(
            &mut out,
            &rows.decisions,
            &mut told.decisions,
            Happening::Decision,
        );
        take(&mut out, &rows.orders, &mut told.orders, Happening::Order);
        take(&mut out, &rows.alerts, &mut told.alerts, |(at, key, text)| {
            Happening::Alert { at, key, text }
        });
        take(
            &mut out,
            &rows.margin_calls,
            &mut told.calls,
            Happening::MarginCall,
        );
        take(&mut out, &rows.ticks, &mut told.ticks, Happening::Tick);
        out
    }

    /// Ends a run that never began: its journal says why, in good order.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub fn give_up(self, why: &str, received_ns: i64) -> Result<(), LiveError> {
        if let Some(keeper) = self.keeper {
            keeper.end(&format!("{NEVER_BEGAN}: {why}"), "", received_ns)?;
        }
        Ok(())
    }

    /// Ends the run where it stands and gives its results.
    ///
    /// # Errors
    /// When a settlement is missing, the books do not add up, or the journal cannot be written.
    pub fn finish(mut self, why: &str, received_ns: i64) -> Result<RunOutput, LiveError> {
        self.crank.stop_here();
        let desk = self.keeper.as_mut().and_then(Keeper::desk_mut);
        if let (Some(trader), Some(desk)) = (&mut self.trader, desk) {
            let mut at_work = AtWork::new(trader, desk, received_ns);
            let ended = self.crank.end_with(&mut at_work);
            if let Some(fault) = at_work.fault {
                return Err(fault.into());
            }
            ended?;
        }
        if let Some(trader) = &mut self.trader {
            // One that is gone is as good as disconnected.
            let _ = trader.disconnect();
        }
        let output = self.crank.finish()?;
        if let Some(keeper) = self.keeper {
            let link = output.ticks.last().map_or("", |t| t.chain.as_str());
            keeper.end(why, link, received_ns)?;
        }
        Ok(output)
    }
}

/// Why nothing of what a feed shows can be used, where it is so: all quotes are too old.
fn stale(seen: &Seen) -> Option<String> {
    if seen.stale.is_empty() || !seen.quotes.is_empty() {
        return None;
    }
    let levels: Vec<&str> = seen.stale_levels.iter().map(AsRef::as_ref).collect();
    let levels = if levels.is_empty() {
        String::new()
    } else {
        format!(" and of {}", levels.join(", "))
    };
    Some(format!(
        "the quotes of all {} contracts{levels} are too old",
        seen.stale.len()
    ))
}

fn take<T: Clone>(out: &mut Vec<Happening>, rows: &[T], told: &mut usize, of: impl Fn(T) -> Happening) {
    out.extend(rows.get(*told..).unwrap_or_default().iter().cloned().map(of));
    *told = rows.len();
}
