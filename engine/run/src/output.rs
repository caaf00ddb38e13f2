//! What a run yields: plain rows, the same in memory, in the run folder and when read back.
//!
//! Money is exact, in dollars; prices are points; greeks are floats in the units of the pricing room times contracts and
//! multiplier. Every list is in the order of events.

use crate::course::{Entries, OperatorAct};
use crate::death::Death;
use alula_book::instrument::Flow;
use alula_book::{Band, ExecutionKind};
use alula_core::decision::RuleKind;
use alula_core::trace::TraceCell;
use alula_core::value::Cell;
use alula_market::money::{Price, Usd};
use alula_market::time::{Date, Instant};
use std::collections::BTreeMap;

/// Which driver computed the market's nodes. Results do not depend on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Whole columns first, then tick by tick.
    #[default]
    Batch,
    /// Event by event.
    Streaming,
    /// Event by event, events of one instant arriving the other way round: later series first, the end of a session before
    /// its bars. The bars of one series keep their order, as every feed keeps it.
    Permuted,
}

impl Mode {
    /// `batch`, `streaming` or `permuted`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Batch => "batch",
            Self::Streaming => "streaming",
            Self::Permuted => "permuted",
        }
    }
}

/// A threshold as the run used it, canonical scale.
#[derive(Clone, Debug, PartialEq)]
pub struct ThresholdRow {
    /// Name.
    pub name: String,
    /// Suffix as in the thresholds file (`%`, `vol`, …).
    pub suffix: String,
    /// Value in force.
    pub value: f64,
    /// Default of the strategy file.
    pub default: f64,
    /// Smallest allowed.
    pub min: f64,
    /// Largest allowed.
    pub max: f64,
    /// One line about it.
    pub doc: String,
}

/// A build of a plugin that came in under way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UpgradeRow {
    /// First tick that was decided with it.
    pub tick: u32,
    /// Its instant.
    pub at: Instant,
    /// Plugin.
    pub plugin: String,
    /// SHA-256 of its library, in hexadecimal.
    pub sha256: String,
    /// The first value on which it and the build before do not agree, where there is one.
    pub difference: String,
}

/// What the run was, without a word about when or where it was computed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Manifest {
    /// Version of this layout.
    pub format: u32,
    /// Engine version.
    pub engine: String,
    /// Run identity: hex of the hash over everything that decides the outcome.
    pub run_id: String,
    /// Strategy name.
    pub strategy: String,
    /// Its documentation.
    pub doc: String,
    /// Underlying whose snapshots are the ticks.
    pub underlying: String,
    /// First date asked for, or of the data where they begin later.
    pub from: Option<Date>,
    /// Last date asked for, or of the data where they end earlier.
    pub to: Option<Date>,
    /// First and last tick evaluated.
    pub first_tick: Option<Instant>,
    /// See `first_tick`.
    pub last_tick: Option<Instant>,
    /// The run was stopped: no snapshot after this instant was visited, and the account is as it was then.
    pub stopped: Option<Instant>,
    /// What an operator did, with the ticks' instants from which it counted.
    pub operator: Vec<OperatorAct>,
    /// Builds of plugins that came in under way.
    pub upgrades: Vec<UpgradeRow>,
    /// Instances of plugins' functions that died, in the order in which that was noticed.
    pub deaths: Vec<Death>,
    /// Ticks evaluated.
    pub ticks: u64,
    /// `batch` or `streaming`; not part of the run identity.
    pub mode: String,
    /// Starting capital.
    pub capital: Usd,
    /// Settings, by name, as text.
    pub settings: BTreeMap<String, String>,
    /// Hashes of what went in, by name (`rules`, `thresholds`, `scripts`, `data`, `graph`), hex sha256.
    pub hashes: BTreeMap<String, String>,
    /// Label of the data.
    pub data_label: String,
    /// The data is simulated.
    pub simulated: bool,
    /// Caveats of the data.
    pub data_notes: Vec<String>,
    /// Marks of the results: one line each.
    pub marks: Vec<String>,
    /// Sessions without a snapshot; positions were held at the last mark.
    pub gaps: Vec<Date>,
    /// Snapshots that held no usable chain.
    pub empty_chains: Vec<Instant>,
    /// Hash chain at the end: the last tick's link, and one more over what came after it and the final book.
    pub chain: String,
    /// Thresholds as the run began with them; later versions are in [`RunOutput::versions`].
    pub thresholds: Vec<ThresholdRow>,
    /// Hashes of the folder's other files, hex sha256; filled in when the folder is written.
    pub files: BTreeMap<String, String>,
}

/// A set of threshold values and from when on it was in force. A decision was made with the newest version whose tick is not
/// after its own.
#[derive(Clone, Debug, PartialEq)]
pub struct VersionRow {
    /// Number from 1, which is what the run began with.
    pub version: u32,
    /// First tick that it is in force at.
    pub tick: u32,
    /// That tick's instant.
    pub at: Instant,
    /// Version hash of the values, hex.
    pub hash: String,
    /// File among the inputs that they came from; empty for what the run began with and for values without a file.
    pub source: String,
    /// What entries did that the change alone made true.
    pub entries: Entries,
    /// Names, in the order of the strategy in force.
    pub names: Vec<String>,
    /// Values, canonical scale, in the same order.
    pub values: Vec<f64>,
}

/// A strategy and from when on it was in force.
#[derive(Clone, Debug, PartialEq)]
pub struct StrategyRow {
    /// Number from 1, which is what the run began with.
    pub version: u32,
    /// First tick that it is in force at.
    pub tick: u32,
    /// That tick's instant.
    pub at: Instant,
    /// Hash of its files, hex.
    pub hash: String,
    /// Its strategy file among the inputs.
    pub source: String,
    /// Version of the thresholds that it came with.
    pub thresholds: u32,
    /// What its nodes' numbers begin with in [`RunOutput::nodes`] and [`RunOutput::trace`].
    pub nodes: u32,
    /// What entries did that the change alone made true.
    pub entries: Entries,
    /// What became of positions of structures that it does not have: `core keep`, separated by semicolons.
    pub carried: String,
    /// What was not as it was before, separated by semicolons.
    pub changes: String,
    /// Compiled, with what was carried into it; not part of a run folder, where it is made from the inputs again.
    pub graph: Option<std::sync::Arc<alula_dsl::graph::Graph>>,
}

/// A rule at a tick that did more than be false, or that is about a position.
#[derive(Clone, Debug, PartialEq)]
pub struct DecisionRow {
    /// Tick number from 0.
    pub tick: u32,
    /// Tick.
    pub at: Instant,
    /// Rule's key.
    pub key: String,
    /// Kind.
    pub kind: RuleKind,
    /// Position number.
    pub position: Option<u32>,
    /// Condition (requirement, for guards).
    pub condition: Cell,
    /// `require` on the package, where it came to that.
    pub require: Option<Cell>,
    /// `idle`, `ordered`, `guarded`, `skipped`.
    pub verdict: String,
    /// Order id, for `ordered`.
    pub order: Option<String>,
    /// What was ordered, what the guard did, or why nothing was done: one line.
    pub detail: String,
}

/// An order and what became of it.
#[derive(Clone, Debug, PartialEq)]
pub struct OrderRow {
    /// Id.
    pub id: String,
    /// Rule's key.
    pub key: String,
    /// `open`, `close`, `roll`; `adjust` for what hedges and overlays move.
    pub kind: String,
    /// Structure's key.
    pub structure: String,
    /// Position number; for an open, once filled.
    pub position: Option<u32>,
    /// Packages.
    pub lots: u32,
    /// Legs in words.
    pub package: String,
    /// Worst net accepted in points per package, credits positive; none for a market order.
    pub limit: Option<Price>,
    /// Decided at.
    pub decided_at: Instant,
    /// `filled`, `partly filled`, `cancelled` or `working` at the end of the run.
    pub status: String,
    /// Filled or cancelled at.
    pub ended_at: Option<Instant>,
    /// Newest reason for not filling.
    pub reason: String,
}

/// One leg of a trade.
#[derive(Clone, Debug, PartialEq)]
pub struct TradeLegRow {
    /// Root symbol.
    pub root: String,
    /// Expiry.
    pub expiry: Date,
    /// `put` or `call`.
    pub right: String,
    /// Strike.
    pub strike: Price,
    /// Contracts traded per package: positive bought.
    pub ratio: i64,
    /// Points per package, credits positive.
    pub points: Band<Price>,
    /// Bid at the fill.
    pub bid: Price,
    /// Ask at the fill.
    pub ask: Price,
}

/// A fill or a settlement.
#[derive(Clone, Debug, PartialEq)]
pub struct TradeRow {
    /// Number from 0.
    pub sequence: u32,
    /// When.
    pub at: Instant,
    /// When decided.
    pub decided_at: Instant,
    /// What.
    pub kind: ExecutionKind,
    /// Position number.
    pub position: u32,
    /// Structure's key.
    pub structure: String,
    /// Rule's key; `expiry` for a settlement.
    pub key: String,
    /// Order id; empty for a settlement.
    pub order: String,
    /// Packages.
    pub lots: u32,
    /// Legs.
    pub legs: Vec<TradeLegRow>,
    /// Points per package, credits positive.
    pub net: Band<Price>,
    /// Dollars before fees.
    pub cash: Band<Usd>,
    /// Fees.
    pub fees: Usd,
    /// Underlying at the fill.
    pub underlying: Price,
    /// Settled to a stand-in value.
    pub approximate: bool,
}

/// A trade, daily or final settlement, or split of a future or share.
#[derive(Clone, Debug, PartialEq)]
pub struct LinearRow {
    /// Number from 0.
    pub sequence: u32,
    /// When.
    pub at: Instant,
    /// When decided; `at` for settlements and splits.
    pub decided_at: Instant,
    /// What.
    pub flow: Flow,
    /// Position number.
    pub position: u32,
    /// Structure's key.
    pub structure: String,
    /// Rule's key; `settlement` or `split` otherwise.
    pub key: String,
    /// Order id; empty for settlements and splits.
    pub order: String,
    /// Symbol: `VXJ19`, `ESM19`, `SPY`.
    pub symbol: String,
    /// Final settlement; none for shares.
    pub expiry: Option<Date>,
    /// Change of the quantity held: positive bought.
    pub quantity: i64,
    /// Price of the trade or settlement.
    pub price: Band<Price>,
    /// Dollars before fees; nothing for the trade of a future, whose money is its variation.
    pub cash: Band<Usd>,
    /// Fees.
    pub fees: Usd,
    /// It rests on an assumed spread or a stand-in value.
    pub approximate: bool,
}

/// The account of the passive twin at the end of a session: the same strategy without its overlays on the same path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TwinRow {
    /// Session.
    pub date: Date,
    /// Cash plus marked positions.
    pub equity: Band<Usd>,
}

/// An operator's overlay, and what came of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OverlayRow {
    /// Number from 1.
    pub number: u32,
    /// In force from this tick on.
    pub at: Instant,
    /// Who added it.
    pub who: String,
    /// What it does: `scale alvh.base 150% until 2019-05-10 00:00`.
    pub what: String,
    /// Why, in the operator's words.
    pub why: String,
    /// First tick at which it was not in force any more; none: at the end of the run it was.
    pub ended_at: Option<Instant>,
    /// How it ended.
    pub how: String,
    /// Decisions that it changed: see [`OverlayChangeRow`].
    pub changed: u32,
    /// Positions that it opened.
    pub opened: u32,
    /// Their profit or loss, fees included; marked while open.
    pub opened_pnl: Band<Usd>,
    /// Positions of the rules that it closed.
    pub closed: u32,
    /// Their profit or loss, up to there.
    pub closed_pnl: Band<Usd>,
}

impl OverlayRow {
    /// `overlay 3 of alice (uid 1000), 2019-05-07 10:05 ET: pause core (CPI in ten minutes)`.
    #[must_use]
    pub fn words(&self) -> String {
        let who = if self.who.is_empty() {
            "an operator"
        } else {
            &self.who
        };
        format!(
            "overlay {} of {who}, {}: {} ({})",
            self.number, self.at, self.what, self.why
        )
    }
}

/// A decision that overlays changed: what was decided, and what the rules alone would have decided on the same account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OverlayChangeRow {
    /// Tick number.
    pub tick: u32,
    /// Tick.
    pub at: Instant,
    /// Numbers of the overlays; all in force where it cannot be told which.
    pub overlays: Vec<u32>,
    /// Key of the rule, the layer or the overlay's own orders.
    pub key: String,
    /// Position number.
    pub position: Option<u32>,
    /// What was done, in words.
    pub with: String,
    /// What would have been.
    pub without: String,
}

/// What a structure is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// A policy's.
    #[default]
    Core,
    /// A layer of a hedge.
    Layer,
    /// An overlay.
    Overlay,
    /// Of a subaccount: financed apart, no hedge of the core.
    Subaccount,
}

impl Role {
    /// All.
    pub const ALL: [Self; 4] = [Self::Core, Self::Layer, Self::Overlay, Self::Subaccount];

    /// Word of files.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Core => "core",
            Self::Layer => "layer",
            Self::Overlay => "overlay",
            Self::Subaccount => "subaccount",
        }
    }
}

/// What a structure or layer made on a session. The gains of a session add up to the change of the book's equity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StructureDayRow {
    /// Session.
    pub date: Date,
    /// Structure's key.
    pub structure: String,
    /// What it is for.
    pub role: Role,
    /// Gain or loss of the session, fees paid.
    pub gain: Band<Usd>,
    /// Gain or loss since the run began.
    pub pnl: Band<Usd>,
}

/// A position from first fill to last.
#[derive(Clone, Debug, PartialEq)]
pub struct PositionRow {
    /// Number from 1.
    pub number: u32,
    /// Structure's key.
    pub structure: String,
    /// Key of the rule that opened it.
    pub opened_by: String,
    /// When.
    pub opened_at: Instant,
    /// Key of the rule that ended it, `expiry`, or empty while open.
    pub closed_by: String,
    /// When.
    pub closed_at: Option<Instant>,
    /// Packages opened.
    pub lots: u32,
    /// Packages still held.
    pub lots_open: u32,
    /// Legs in words, as opened or after the newest roll.
    pub package: String,
    /// Premium of opening and rolls.
    pub credit: Band<Usd>,
    /// Profit or loss, fees included; marked while open.
    pub pnl: Band<Usd>,
    /// Of that, what no price can change any more.
    pub realized: Band<Usd>,
    /// Fees.
    pub fees: Usd,
    /// Loss bound when the legs were last chosen, before fees; none when unbounded.
    pub max_loss: Option<Usd>,
    /// Rolls.
    pub rolls: u32,
    /// Settled to a stand-in value.
    pub approximate: bool,
}

/// Greeks of all open positions. Delta and gamma in underlyings, of what is on the run's own underlying; vega in dollars a point of
/// each option's own vol, theta in dollars a day, of everything.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct GreekSum {
    /// Delta.
    pub delta: f64,
    /// Gamma.
    pub gamma: f64,
    /// Vega.
    pub vega: f64,
    /// Theta.
    pub theta: f64,
}

/// The account at the end of a session: after its last tick and what settled at its close; and its extremes over the
/// session's snapshots. A last row follows where
/// something happened after the last session with a tick: it has no underlying, no greeks and no margin of open positions.
#[derive(Clone, Debug, PartialEq)]
pub struct DailyRow {
    /// Session.
    pub date: Date,
    /// Last tick of the session.
    pub at: Instant,
    /// Cash plus marked positions.
    pub equity: Band<Usd>,
    /// Highest equity so far, over every snapshot seen, minus equity.
    pub drawdown: Band<Usd>,
    /// Deepest drawdown at any snapshot of the session, fills and settlements included.
    pub drawdown_max: Band<Usd>,
    /// Highest equity before `drawdown_max`.
    pub drawdown_peak: Band<Usd>,
    /// Cash.
    pub cash: Band<Usd>,
    /// Fees so far.
    pub fees: Usd,
    /// Margin of open positions; none where the rulebook has no answer.
    pub margin: Option<Usd>,
    /// Largest margin at any snapshot of the session; none where the rulebook had no answer at some of them.
    pub margin_max: Option<Usd>,
    /// What stood against `margin`; none where that is none.
    pub margin_available: Option<Usd>,
    /// Margin of open positions by each rulebook that is reported: `cboe`, `ibkr`, and portfolio margin (with the enforced
    /// house's grid, else the regulators').
    pub margins: [Option<Usd>; 3],
    /// Greeks; none where a leg has no quote.
    pub greeks: Option<GreekSum>,
    /// Open positions.
    pub positions: u32,
    /// Underlying in points.
    pub underlying: Option<Price>,
    /// Some mark is older than the tick: held, not invented.
    pub stale_marks: bool,
}

/// A stretch of snapshots at which the positions required more than the account had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarginCallRow {
    /// First snapshot.
    pub at: Instant,
    /// Rulebook enforced.
    pub rulebook: String,
    /// Requirement there.
    pub required: Usd,
    /// What stood against it.
    pub available: Usd,
    /// Largest shortfall at any of its snapshots.
    pub shortfall_max: Usd,
    /// First snapshot at which the account had enough again; none: not within the run.
    pub ended_at: Option<Instant>,
    /// The strategy closes every position on a call.
    pub flattened: bool,
}

/// A layer of a hedge, whenever what it is doing changed: its phase, its lots, what it trades, or what keeps it from more.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LayerRow {
    /// Tick number.
    pub tick: u32,
    /// Tick.
    pub at: Instant,
    /// Hedge's key.
    pub hedge: String,
    /// Layer's key.
    pub layer: String,
    /// `dormant`, `active`, `rotated`, `migrated`, `rotated and migrated`.
    pub phase: String,
    /// Votes that are true; none where one is unknown, or the layer has none.
    pub votes: Option<u32>,
    /// Lots held before the tick's orders.
    pub lots: u32,
    /// Lots bought and sold by the tick's orders.
    pub buys: u32,
    /// See `buys`.
    pub sells: u32,
    /// Measure of its size.
    pub measure: String,
    /// Amount asked for, in its measure.
    pub wanted: Option<f64>,
    /// Amount held.
    pub held: Option<f64>,
    /// What it carries of the target (vega: dollars a point of SPX implied vol, VIX mapped).
    pub carried: Option<f64>,
    /// Points of the VX future for a point of SPX implied vol, and of a size by beta its return for one of SPX; none where nothing is
    /// on VIX.
    pub mapped_by: Option<f64>,
    /// Dollar beta of what it holds: dollars for a return of 100 % of SPX; none where the hedge declares no beta of VIX.
    pub beta: Option<f64>,
    /// The same as a share of the book's: its marginal contribution.
    pub beta_share: Option<f64>,
    /// What the hedge carries in all, as a share of the structure's greek.
    pub hedge_share: Option<f64>,
    /// `below` or `above` the hedge's band; empty inside it, or without one.
    pub band: String,
    /// What keeps it from what it asks for.
    pub why: String,
}

impl LayerRow {
    /// `active, 3 of 4 lots wanted …`: the row in words.
    #[must_use]
    pub fn words(&self) -> String {
        let mut out = self.phase.clone();
        let lots = |n: u32| {
            if n == 1 {
                "1 lot".to_owned()
            } else {
                format!("{n} lots")
            }
        };
        out.push_str(&format!(", {}", lots(self.lots)));
        if let (Some(wanted), Some(held)) = (self.wanted, self.held) {
            out.push_str(&format!(", holds {held:.2} of {wanted:.2} by {}", self.measure));
        }
        if let Some(b) = self.mapped_by.filter(|_| self.measure == "beta") {
            out.push_str(&format!(", VIX counted at a beta of {b:.2}"));
        }
        if let (Some(beta), Some(share)) = (self.beta, self.beta_share) {
            out.push_str(&format!(
                ", {:.1}% of the book's beta (${beta:.0})",
                share * 100.0
            ));
        }
        if let Some(share) = self.hedge_share {
            out.push_str(&format!(", the hedge carries {:.1}%", share * 100.0));
            if !self.band.is_empty() {
                out.push_str(&format!(", {} its band", self.band));
            }
        }
        if !self.why.is_empty() {
            out.push_str(&format!(" ({})", self.why));
        }
        out
    }
}

/// One link of the hash chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TickRow {
    /// Tick number from 0.
    pub tick: u32,
    /// Tick.
    pub at: Instant,
    /// Hex sha256 over the previous link and everything this tick read and decided.
    pub chain: String,
    /// Equity at the stated share.
    pub equity: Usd,
    /// Rules that called for action.
    pub called: u32,
    /// Orders made.
    pub orders: u32,
}

/// How often a rule's condition was true, false and unknown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleStat {
    /// Key.
    pub key: String,
    /// Kind's word.
    pub kind: String,
    /// Condition as written.
    pub text: String,
    /// True.
    pub was_true: u64,
    /// False.
    pub was_false: u64,
    /// Unknown.
    pub was_unknown: u64,
    /// Times it acted.
    pub fired: u64,
}

/// A node of the graph, so that a trace can be read without the strategy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeRow {
    /// Number; those past the graph's own were added when it was linked.
    pub node: u32,
    /// Stable key; empty for added nodes.
    pub key: String,
    /// As written.
    pub text: String,
    /// `constant`, `session`, `5m`, `tick`.
    pub clock: String,
    /// `market`, `book`, `position`, `candidate`.
    pub domain: String,
    /// Unit in words, or `condition`.
    pub unit: String,
}

/// Everything.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunOutput {
    /// Manifest.
    pub manifest: Manifest,
    /// Rules that called for action or were unknown, and every rule about a position.
    pub decisions: Vec<DecisionRow>,
    /// Orders.
    pub orders: Vec<OrderRow>,
    /// Fills and settlements.
    pub trades: Vec<TradeRow>,
    /// Executions of futures and shares.
    pub linear: Vec<LinearRow>,
    /// Positions, open ones last marked.
    pub positions: Vec<PositionRow>,
    /// One row per session.
    pub daily: Vec<DailyRow>,
    /// What each structure made on each session.
    pub structures: Vec<StructureDayRow>,
    /// One row per session of the passive twin, where the strategy has overlays.
    pub twin: Vec<TwinRow>,
    /// One row per session of the rules alone, where an operator added overlays: the same strategy without them on the same
    /// path, filled by the engine.
    pub rules_alone: Vec<TwinRow>,
    /// Overlays of operators, by number.
    pub overlays: Vec<OverlayRow>,
    /// Decisions that they changed.
    pub overlay_changes: Vec<OverlayChangeRow>,
    /// One row per tick.
    pub ticks: Vec<TickRow>,
    /// Rules in the order of the file.
    pub rules: Vec<RuleStat>,
    /// Nodes that were evaluated.
    pub nodes: Vec<NodeRow>,
    /// Cells of the nodes behind the rules.
    pub trace: Vec<TraceCell>,
    /// Alerts raised: instant, guard, text.
    pub alerts: Vec<(Instant, String, String)>,
    /// Margin calls in order.
    pub margin_calls: Vec<MarginCallRow>,
    /// Layers of hedges, whenever what one is doing changed.
    pub layers: Vec<LayerRow>,
    /// Versions of the thresholds, oldest first; none where they never changed.
    pub versions: Vec<VersionRow>,
    /// Strategies, oldest first; none where it never changed.
    pub strategies: Vec<StrategyRow>,
    /// Files that went in, by path relative to the run folder: strategy sources, thresholds, scripts.
    pub inputs: BTreeMap<String, Vec<u8>>,
}

impl RunOutput {
    /// The version of the thresholds that a tick was decided with; 1 where they never changed.
    #[must_use]
    pub fn version_at(&self, tick: u32) -> u32 {
        self.version_row(tick).map_or(1, |v| v.version)
    }

    /// The version of the strategy that a tick was decided with; 1 where it never changed.
    #[must_use]
    pub fn rules_at(&self, tick: u32) -> u32 {
        self.strategy_row(tick).map_or(1, |s| s.version)
    }

    /// The newest strategy whose tick is not after `tick`.
    #[must_use]
    pub fn strategy_row(&self, tick: u32) -> Option<&StrategyRow> {
        self.strategies.iter().rev().find(|s| s.tick <= tick)
    }

    /// The newest version whose tick is not after `tick`.
    #[must_use]
    pub fn version_row(&self, tick: u32) -> Option<&VersionRow> {
        self.versions.iter().rev().find(|v| v.tick <= tick)
    }

    /// The values that a tick was decided with, canonical scale.
    #[must_use]
    pub fn thresholds_at(&self, tick: u32) -> Vec<f64> {
        let began = || self.manifest.thresholds.iter().map(|t| t.value).collect();
        self.version_row(tick).map_or_else(began, |v| v.values.clone())
    }
}
