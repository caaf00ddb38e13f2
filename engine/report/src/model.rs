//! What a report shows, as plain values: no run, store or disk behind it.
//!
//! Amounts of money are exact ([`Usd`]); greeks and volatilities are floats. Every list is in the order in which it is
//! shown, so that the same run always gives the same bytes.

use alula_market::contract::Right;
use alula_market::money::{Price, Usd};
use alula_market::time::{Date, Instant};

/// An amount of money under three assumptions about what a fill costs.
pub type Band = alula_book::Band<Usd>;

/// The account at the end of a session.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Day {
    /// Session.
    pub date: Date,
    /// Cash plus marked positions.
    pub equity: Band,
    /// Highest equity of the run up to the session's end.
    pub high: Band,
    /// Deepest drawdown at any snapshot of the session, positive.
    pub fall: Band,
    /// Highest equity before `fall`.
    pub fall_from: Band,
    /// Underlying's price at the last tick of the session, in points.
    pub underlying: Option<f64>,
    /// Positions held.
    pub open_positions: u32,
    /// Margin required, in dollars.
    pub margin: Option<Usd>,
    /// Largest margin at any snapshot of the session.
    pub margin_max: Option<Usd>,
    /// Margin by each rulebook of [`Report::rulebooks`], at the session's end.
    pub margins: [Option<Usd>; 3],
    /// Net delta, in underlyings.
    pub delta: Option<f64>,
    /// Net gamma, in underlyings for one point.
    pub gamma: Option<f64>,
    /// Net vega, in dollars for one vol point.
    pub vega: Option<f64>,
    /// Net theta, in dollars for one calendar day.
    pub theta: Option<f64>,
}

/// One option leg as it was held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leg {
    /// Contracts per package, negative when short.
    pub ratio: i64,
    /// Put or call.
    pub right: Right,
    /// Strike.
    pub strike: Price,
    /// Expiry.
    pub expiry: Date,
}

/// A stretch of a trade's life with the same legs: until it was rolled, closed or settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holding {
    /// From this instant.
    pub from: Instant,
    /// To this instant (the end of the run when still open).
    pub to: Instant,
    /// What the options are on: `SPX`, `VIX`.
    pub underlying: String,
    /// Legs, lowest strike first.
    pub legs: Vec<Leg>,
}

/// The most that a trade held of a future or share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinearHeld {
    /// Symbol: `VXJ19`, `ESM19`, `SPY`.
    pub symbol: String,
    /// Contracts or shares, negative when sold.
    pub quantity: i64,
}

/// How a trade ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ending {
    /// By a rule or a guard.
    Closed,
    /// At expiry, to the settlement value.
    Settled,
    /// Still open when the run ended; P&L is marked, not realized.
    Open,
}

/// One position from its first fill to its last.
#[derive(Clone, Debug, PartialEq)]
pub struct Trade {
    /// Number within the run, from 1.
    pub number: u32,
    /// Structure traded.
    pub structure: String,
    /// Lots at entry.
    pub lots: i64,
    /// First fill.
    pub opened: Instant,
    /// Last fill or settlement; the last tick when still open.
    pub ended: Instant,
    /// How it ended.
    pub ending: Ending,
    /// Key of the rule that opened it.
    pub opened_by: String,
    /// Key of the rule that ended it, or `expiry`.
    pub ended_by: String,
    /// Times it was rolled.
    pub rolls: u32,
    /// Premium received at entry (rolls added), negative for a debit.
    pub credit: Usd,
    /// Bound of the loss at entry; unknown when unbounded.
    pub max_loss: Option<Usd>,
    /// Profit or loss, fees included.
    pub pnl: Band,
    /// Commissions and fees.
    pub fees: Usd,
    /// Contracts traded, opening, rolls and closing; settlements apart.
    pub contracts: i64,
    /// What was held, in time order.
    pub holdings: Vec<Holding>,
    /// Of each future or share traded the most that was held, in the order of their first trades.
    pub linear: Vec<LinearHeld>,
    /// Settled to a stand-in for the official value.
    pub approximate: bool,
}

/// What a rule did at an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FiringKind {
    /// Opened.
    Open,
    /// Closed.
    Close,
    /// Rolled.
    Roll,
    /// A guard acted.
    Guard,
}

/// One firing, with the reason in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Firing {
    /// When it was decided.
    pub at: Instant,
    /// Rule's key.
    pub key: String,
    /// What kind of rule.
    pub kind: FiringKind,
    /// What was ordered and what came of it, one line.
    pub action: String,
    /// Why, in plain words.
    pub why: String,
}

/// How often a rule's condition was true, false and unknown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleStats {
    /// Rule's key.
    pub key: String,
    /// Condition as written.
    pub text: String,
    /// Evaluations that gave true.
    pub was_true: u64,
    /// Evaluations that gave false.
    pub was_false: u64,
    /// Evaluations that gave unknown.
    pub was_unknown: u64,
    /// Times it acted.
    pub fired: u64,
}

/// A threshold as the run used it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThresholdValue {
    /// Name.
    pub name: String,
    /// Value in force, with its unit.
    pub value: String,
    /// Default of the strategy file.
    pub default: String,
    /// Range allowed.
    pub range: String,
    /// One line about it.
    pub doc: String,
    /// The value differs from the default.
    pub changed: bool,
}

/// Where the data came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataLabel {
    /// Name: `simulated market, seed 7` or the store's.
    pub label: String,
    /// Every number rests on a simulation.
    pub simulated: bool,
    /// Content hash.
    pub hash: String,
    /// Caveats to repeat.
    pub notes: Vec<String>,
}

/// A stretch of time in which positions required more than the account had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarginCall {
    /// First snapshot.
    pub at: Instant,
    /// Requirement there.
    pub required: Usd,
    /// What stood against it.
    pub available: Usd,
    /// Largest shortfall.
    pub shortfall: Usd,
    /// When the account had enough again.
    pub ended: Option<Instant>,
    /// Every position was closed for it.
    pub flattened: bool,
}

/// Everything a report shows.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// Strategy's name.
    pub strategy: String,
    /// Its documentation, may be empty.
    pub doc: String,
    /// Underlying whose price is charted.
    pub underlying: String,
    /// First and last session evaluated.
    pub period: (Date, Date),
    /// Ticks evaluated.
    pub ticks: u64,
    /// Starting capital.
    pub capital: Usd,
    /// What a fill gives up, in words: `60% of the half-spread`.
    pub cross: String,
    /// How the size of an order mattered to its fill, as the setting says it: `unlimited`.
    pub depth: String,
    /// Margin rulebook enforced.
    pub rulebook: String,
    /// Rulebooks whose margin each session shows.
    pub rulebooks: [String; 3],
    /// Margin calls in time order.
    pub margin_calls: Vec<MarginCall>,
    /// Data.
    pub data: DataLabel,
    /// Marks of the results, one line each: `fills on the snapshot of the decision`, `settlement approximated`.
    pub marks: Vec<String>,
    /// Sessions without a snapshot; the last mark was held.
    pub gaps: Vec<Date>,
    /// The account by session.
    pub days: Vec<Day>,
    /// Of a strategy with overlays: equity by session of the passive twin, the same strategy without them on the same path.
    pub twin: Vec<(Date, Band)>,
    /// What an operator added to the rules; none where nothing was.
    pub operator: Option<crate::operator::Operator>,
    /// Trades in order of opening.
    pub trades: Vec<Trade>,
    /// Firings in time order.
    pub firings: Vec<Firing>,
    /// Rules in the strategy's order.
    pub rules: Vec<RuleStats>,
    /// Thresholds in the strategy's order.
    pub thresholds: Vec<ThresholdValue>,
    /// Settings: name and value.
    pub settings: Vec<(String, String)>,
    /// Hashes: what was hashed, and hex.
    pub hashes: Vec<(String, String)>,
    /// Why the run stopped early, if it did.
    pub stopped: Option<String>,
}

/// Whether a row of the attribution is one owner's or adds several up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sum {
    /// A structure, a layer of a hedge or an overlay by itself.
    None,
    /// The layers of a hedge.
    Hedge,
    /// What a subaccount holds.
    Subaccount,
    /// What no subaccount holds.
    Rest,
    /// Everything.
    Book,
}

impl Sum {
    /// Word used in files.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::None => "owner",
            Self::Hedge => "hedge",
            Self::Subaccount => "subaccount",
            Self::Rest => "main account",
            Self::Book => "book",
        }
    }
}

/// P&L of one owner: a structure, a layer of a hedge, an overlay, a hedge, or the whole book.
#[derive(Clone, Debug, PartialEq)]
pub struct Attribution {
    /// Structure's or layer's key; the hedge's with `(all layers)`; `book`.
    pub owner: String,
    /// What it adds up.
    pub sum: Sum,
    /// Trades.
    pub trades: u32,
    /// Rolls.
    pub rolls: u32,
    /// Profit or loss, fees included.
    pub pnl: Band,
    /// Fees.
    pub fees: Usd,
}

impl Attribution {
    fn none(owner: String, sum: Sum) -> Self {
        Self {
            owner,
            sum,
            trades: 0,
            rolls: 0,
            pnl: Band::default(),
            fees: Usd::ZERO,
        }
    }

    fn add(&mut self, trade: &Trade) {
        self.trades = self.trades.saturating_add(1);
        self.rolls = self.rolls.saturating_add(trade.rolls);
        self.pnl += trade.pnl;
        self.fees += trade.fees;
    }
}

/// Where the P&L of a run comes from: every structure and layer by key, the sum of each hedge's layers after them, and the
/// book. Empty without trades. Sums are exact: money is.
#[must_use]
pub fn attribution(report: &Report) -> Vec<Attribution> {
    use std::collections::BTreeMap;
    let mut owners: BTreeMap<&str, Attribution> = BTreeMap::new();
    let mut hedges: BTreeMap<&str, Attribution> = BTreeMap::new();
    let mut book = Attribution::none("book".to_owned(), Sum::Book);
    for trade in &report.trades {
        let owner = trade.structure.as_str();
        let row = owners
            .entry(owner)
            .or_insert_with(|| Attribution::none(owner.to_owned(), Sum::None));
        row.add(trade);
        // A layer's key is its hedge's and its own.
        if let Some((hedge, _)) = owner.split_once('.') {
            let all = || Attribution::none(format!("{hedge} (all layers)"), Sum::Hedge);
            hedges.entry(hedge).or_insert_with(all).add(trade);
        }
        book.add(trade);
    }
    let accounts = by_subaccount(report);
    if owners.len() < 2 && accounts.is_empty() {
        return owners.into_values().collect();
    }
    owners
        .into_values()
        .chain(hedges.into_values())
        .chain(accounts)
        .chain([book])
        .collect()
}

/// What names of settings begin with that describe a subaccount, and the start of the third part of such a setting: the keys
/// of its positions.
const SUBACCOUNT: &str = "subaccount ";

/// P&L of each subaccount with its capital, and of the rest; empty without subaccounts. Together they are the book.
fn by_subaccount(report: &Report) -> Vec<Attribution> {
    let accounts: Vec<(&str, &str, Vec<&str>)> = report
        .settings
        .iter()
        .filter_map(|(name, value)| {
            let name = name.strip_prefix(SUBACCOUNT)?;
            let mut parts = value.split("; ");
            let capital = parts.next()?;
            Some((name, capital, parts.nth(1)?.split(", ").collect()))
        })
        .collect();
    if accounts.is_empty() {
        return Vec::new();
    }
    let mut rows: Vec<Attribution> = accounts
        .iter()
        .map(|(name, capital, _)| {
            let whole = capital.trim_end_matches(".00");
            Attribution::none(format!("{name} (subaccount of {whole})"), Sum::Subaccount)
        })
        .collect();
    let mut rest = Attribution::none("main account".to_owned(), Sum::Rest);
    for trade in &report.trades {
        let own = accounts
            .iter()
            .position(|(_, _, held)| held.contains(&trade.structure.as_str()));
        match own.and_then(|at| rows.get_mut(at)) {
            Some(row) => row.add(trade),
            None => rest.add(trade),
        }
    }
    rows.push(rest);
    rows
}
