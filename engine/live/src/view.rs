//! What a person wants to see of a run at one glance: plain numbers and words, for a terminal or a status command.

use crate::core::{Live, Reloads};
use crate::trader::Answers;
use alula_book::Position;
use alula_core::margin;
use alula_core::observe::{self, PackageGreeks};
use alula_core::vega;
use alula_market::money::Usd;
use alula_market::time::Instant;

/// A broker at one glance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BrokerLine {
    /// Plugin and broker.
    pub id: String,
    /// The connection stands.
    pub connected: bool,
    /// What does not fit between journal and broker; entries wait as long as something stands here.
    pub mismatches: Vec<String>,
    /// Why only exits and hedges are let through.
    pub safe_mode: Option<String>,
    /// How often its process died and was opened anew.
    pub reopened: u64,
    /// Orders at the broker: name, rule, and how each stands.
    pub orders: Vec<(String, String, String)>,
    /// What came of the questions for margin; none where the broker cannot tell.
    pub margins: Option<Answers>,
}

fn broker_line(live: &Live<'_>) -> Option<BrokerLine> {
    let (trader, desk) = (live.trader()?, live.keeper()?.desk()?);
    let orders = desk.orders().open().map(|o| {
        let state = o.state.word().to_owned();
        (o.spec.id.to_string(), o.rule.to_string(), state)
    });
    Some(BrokerLine {
        id: trader.id().to_owned(),
        connected: trader.link().is_up(),
        mismatches: trader.link().mismatches().to_vec(),
        safe_mode: desk.rails().safe_mode.clone(),
        reopened: trader.link().revivals(),
        orders: orders.collect(),
        margins: trader.tells_margins().then(|| trader.margins().clone()),
    })
}

/// A run at one glance.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct View {
    /// Strategy.
    pub strategy: String,
    /// Run identity.
    pub run: String,
    /// Label of the data.
    pub data: String,
    /// The market is simulated.
    pub simulated: bool,
    /// Snapshots visited, and in all.
    pub progress: (usize, usize),
    /// Ticks decided.
    pub ticks: u64,
    /// Newest tick.
    pub at: Option<Instant>,
    /// Next snapshot.
    pub next: Option<Instant>,
    /// Newest link of the chain of decisions.
    pub link: String,
    /// Equity by the share of the spread, and at the end of the session before.
    pub equity: (Usd, Option<Usd>),
    /// Margin required and available, where they are known.
    pub margin: Option<(Usd, Usd)>,
    /// Greeks of all that is held, where they are known.
    pub greeks: Option<(f64, f64, f64, f64)>,
    /// Open positions.
    pub positions: Vec<PositionLine>,
    /// Layers of hedges: key and what it is doing.
    pub layers: Vec<(String, String)>,
    /// Orders at work: id and what it is.
    pub orders: Vec<(String, String)>,
    /// Entries that wait since a change of thresholds.
    pub waiting: Vec<String>,
    /// Who halted opening: a guard's key, or `operator`.
    pub halted: Option<String>,
    /// What an operator halted.
    pub halt: Option<HaltLine>,
    /// Overlays of operators: number, who, why, what.
    pub overlays: Vec<(u32, String, String, String)>,
    /// Limits that no strategy can lift, in one line; none where none were named.
    pub rails: Option<String>,
    /// The broker and its orders, where they go to one.
    pub broker: Option<BrokerLine>,
    /// Why what the feed shows cannot be used, as long as it is so.
    pub stale: Option<String>,
    /// Orders that left legs which make no whole package; their structures open nothing.
    pub quarantine: Vec<alula_run::Broken>,
    /// Indicators of plugins that died, and why; those of a strategy or build that was in force before among them.
    pub dead: Vec<String>,
    /// Orders that a rail stopped.
    pub stopped: u64,
    /// Version of the strategy in force.
    pub rules: u32,
    /// Changes that were asked for and are not in force yet.
    pub not_in_force: Vec<String>,
    /// Version of the thresholds in force, and its hash.
    pub thresholds: (u32, String),
    /// Changes of thresholds.
    pub reloads: Reloads,
    /// Entries of the journal on disk, commits, and the slowest of them in milliseconds.
    pub journal: Option<(u64, u64, u64)>,
}

/// A halt that an operator called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HaltLine {
    /// `entries` or `all`.
    pub level: &'static str,
    /// Who.
    pub who: String,
    /// Why.
    pub why: String,
    /// From when on.
    pub at: Instant,
}

/// An open position in a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PositionLine {
    /// Number.
    pub number: u32,
    /// Structure.
    pub structure: String,
    /// Packages.
    pub lots: u32,
    /// Legs in words.
    pub package: String,
    /// Profit or loss so far, where it is an option package.
    pub pnl: Option<Usd>,
    /// When it was opened.
    pub opened_at: Instant,
}

impl View {
    /// Of a run as it stands.
    #[must_use]
    pub fn of(live: &Live<'_>) -> Self {
        let crank = live.crank();
        let (m, book, rows) = (crank.manifest(), crank.book(), crank.output());
        let option = |p: &Position| PositionLine {
            number: p.id.0,
            structure: p.structure.to_string(),
            lots: p.lots,
            package: p.package.to_string(),
            pnl: Some(p.pnl().share),
            opened_at: p.opened_at,
        };
        let ledger = book.ledger();
        let linear = ledger.positions().map(|p| PositionLine {
            number: p.id.0,
            structure: p.structure.to_string(),
            lots: p.lots,
            package: alula_book::instrument::LegWords(&p.legs).to_string(),
            pnl: Some(ledger.position_pnl(p).share),
            opened_at: p.opened_at,
        });
        let mut positions: Vec<PositionLine> = book.positions().map(option).chain(linear).collect();
        positions.sort_by_key(|p| p.number);
        let greeks = crank
            .with_sight(|sight| {
                observe::prepare_greeks(sight, book);
                vega::account(sight, book).ok()
            })
            .flatten();
        let account = crank
            .with_sight(|sight| margin::account(sight, book, sight.rulebook).ok())
            .flatten();
        let layers = crank.decision().into_iter().flat_map(|d| &d.hedges);
        let layers = layers.flat_map(|h| &h.layers).map(|l| {
            let votes = l.votes.as_ref().map_or_else(String::new, |(n, of)| {
                n.known().map_or_else(
                    || format!(", ? of {of} votes"),
                    |n| format!(", {n} of {of} votes"),
                )
            });
            let word = if l.lots == 1 { "lot" } else { "lots" };
            (
                l.key.to_string(),
                format!("{}, {} {word}{votes}", l.phase.word(), l.lots),
            )
        });
        let options = book.orders().iter().map(|o| {
            let word = if o.request.lots == 1 { "lot" } else { "lots" };
            let what = format!(
                "{}, {} {word} of {}",
                o.request.key, o.request.lots, o.request.structure
            );
            (o.id.to_string(), what)
        });
        let others = ledger.orders().iter().map(|o| {
            let left = o.left();
            let legs = alula_book::instrument::LegWords(&left);
            let part = if o.is_begun() {
                " left; a part has traded"
            } else {
                ""
            };
            (o.id.to_string(), format!("{}, {legs}{part}", o.request.key))
        });
        let newest = rows.ticks.last();
        Self {
            strategy: m.strategy.clone(),
            run: m.run_id.clone(),
            data: m.data_label.clone(),
            simulated: m.simulated,
            progress: (crank.done(), crank.instants().len()),
            ticks: u64::try_from(rows.ticks.len()).unwrap_or(u64::MAX),
            at: newest.map(|t| t.at),
            next: crank.next(),
            link: newest.map(|t| t.chain.clone()).unwrap_or_default(),
            equity: (book.equity().share, rows.daily.last().map(|d| d.equity.share)),
            margin: account.map(|a| (a.required, a.available)),
            greeks: greeks.map(|g: PackageGreeks| (g.delta, g.gamma, g.vega, g.theta)),
            positions,
            layers: layers.collect(),
            orders: options.chain(others).collect(),
            waiting: crank.state().waiting().map(str::to_owned).collect(),
            halted: crank.state().halted.as_ref().map(ToString::to_string),
            halt: crank.halted().map(|(level, act)| HaltLine {
                level: level.word(),
                who: act.who.clone(),
                why: act.why.clone(),
                at: act.at,
            }),
            overlays: crank
                .overlays()
                .into_iter()
                .map(|(n, who, why, what)| (n, who, why, what.to_string()))
                .collect(),
            rails: crank.limits().map(alula_run::rails::RailLimits::text),
            stale: live.stale().map(str::to_owned),
            quarantine: crank.broken().cloned().collect(),
            dead: crank
                .output()
                .manifest
                .deaths
                .iter()
                .map(ToString::to_string)
                .collect(),
            stopped: crank.stopped(),
            rules: crank.rules_version(),
            not_in_force: live.not_in_force(),
            thresholds: (crank.version(), crank.thresholds().hash_hex()),
            reloads: live.reloads().clone(),
            broker: broker_line(live),
            journal: live.keeper().map(|k| {
                let (commits, slowest) = k.journal().commits();
                let millis = u64::try_from(slowest.as_millis()).unwrap_or(u64::MAX);
                (k.journal().durable(), commits, millis)
            }),
        }
    }
}
