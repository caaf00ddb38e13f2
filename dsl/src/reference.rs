//! The reference of built-in names: what each means, how it is written, and an example that compiles (a test proves it).
//!
//! Help, hover and completion read these tables; so does the checker, so that they cannot drift apart.

use crate::builtin::{BookObs, Field, Greek, Indicator, Instrument, Math, PositionObs};
use crate::unit::Unit;

/// Where a name has a meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// Everywhere: observables of the market.
    Anywhere,
    /// In rules, hedges and guards: observables of the account.
    Book,
    /// In `when` of `close` and `roll`: observables of one open position.
    Position,
    /// In `when` of `close` and `roll`, and of the package about to be ordered in `require`.
    PositionOrCandidate,
    /// In `require` of `open` and `roll`.
    Candidate,
    /// In a hedge layer that has a `vote` clause.
    Layer,
    /// In an overlay.
    Overlay,
}

/// One built-in name.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Name.
    pub name: &'static str,
    /// How it is written.
    pub signature: &'static str,
    /// One line: meaning, unit, source.
    pub doc: &'static str,
    /// An expression that compiles at `place` (with `core` a structure on SPX).
    pub example: &'static str,
    /// Where it has a meaning.
    pub place: Place,
}

/// What a function of the language computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Function {
    Indicator(Indicator),
    Math(Math),
    ImpliedVol,
    ConstantMaturity,
    Surprise,
    ImpliedForward,
    Reaction,
    Irr,
    Cushion,
    Cost,
}

macro_rules! entries {
    ($($name:literal, $sig:literal, $place:ident, $example:literal, $doc:literal;)*) => {
        &[$(Entry { name: $name, signature: $sig, doc: $doc, example: $example, place: Place::$place },)*]
    };
}

/// Functions, in the order in which help lists them. Where an argument is a series, a bare instrument means its daily
/// close (its daily bars for `atr` and `realized_vol`). Windows are written `14` (bars of the series), `20 sessions` or
/// `over 20 sessions`.
pub const FUNCTIONS: &[Entry] = entries! {
    "rsi", "rsi(series, window)", Anywhere, "rsi(VIX.close, 14) > 70", "Wilder's relative strength index, 0..100.";
    "ema", "ema(series, window)", Anywhere, "SPX.close > ema(SPX.close, 200)", "Exponential moving average, alpha 2/(n+1), seeded with the simple average of the first n.";
    "sma", "sma(series, window)", Anywhere, "SPX.close > sma(SPX.close, 50 sessions)", "Simple moving average.";
    "macd", "macd(series, fast, slow, signal).line|signal|histogram", Anywhere, "macd(VVIX.close, 12, 26, 9).histogram > 0", "Moving average convergence divergence; pick one of its outputs.";
    "atr", "atr(instrument, window)", Anywhere, "atr(SPX, 14) > 40 pts", "Wilder's average true range, from the instrument's bars.";
    "bollinger", "bollinger(series, window, deviations).upper|middle|lower", Anywhere, "VIX.close > bollinger(VIX.close, 20, 2).upper", "Bollinger bands with the population standard deviation; pick one of the outputs.";
    "stdev", "stdev(series, window)", Anywhere, "stdev(VIX.close, 20) > 2 vol", "Sample standard deviation (n - 1).";
    "zscore", "zscore(series, window)", Anywhere, "zscore(VIX.close, 60) > 2", "Distance from the mean of the window, in sample standard deviations.";
    "percentile_rank", "percentile_rank(series, window)", Anywhere, "percentile_rank(VIX.close, 252 sessions) > 80%", "Share of the window's values that are at most the newest one, 0..1.";
    "quantile", "quantile(series, window, q)", Anywhere, "VIX.close > quantile(VIX.close, 252, 0.9)", "Quantile of the window, linear between order statistics (Hyndman-Fan 7).";
    "correlation", "correlation(series, series, window [, returns = level])", Anywhere, "correlation(VIX, SPX, 20 sessions) < -0.5", "Pearson correlation of one-bar log returns, or of the levels.";
    "beta", "beta(series, market, window) or beta(structure)", Anywhere, "beta(SPY.close, SPX.close, 60) > 0.9", "Slope of one-bar simple returns on those of the second series; of a structure or of `book`, its dollars for a return of 100% of SPX.";
    "realized_vol", "realized_vol(instrument, window [, estimator = close_close|parkinson|garman_klass|rogers_satchell|yang_zhang])", Anywhere, "realized_vol(SPX, 20 sessions, estimator = yang_zhang) > 20 vol", "Annualised realized volatility in vol points, from the instrument's bars.";
    "divergence", "divergence(series, series, over window [, min_z = 0.5])", Anywhere, "divergence(VVIX.close, SPX.close, over 20 sessions)", "Condition: the two trends over the window have opposite signs, and each is at least min_z.";
    "highest", "highest(series, window) or highest(value, since entry)", Anywhere, "SPX.close = highest(SPX.close, 20)", "Highest value of the window, or since the position was opened.";
    "lowest", "lowest(series, window) or lowest(value, since entry)", Anywhere, "SPX.close = lowest(SPX.close, 20)", "Lowest value of the window, or since the position was opened.";
    "lag", "lag(series, window)", Anywhere, "SPX.close > lag(SPX.close, 5)", "Value so many bars ago.";
    "change", "change(series, window)", Anywhere, "change(VIX.close, 1) > 2 vol", "The newest value minus the one so many bars ago.";
    "implied_vol", "implied_vol(instrument, days)", Anywhere, "implied_vol(SPX, 30 days) > 15 vol", "At-the-forward implied volatility at a constant maturity, from option chains. Vol points.";
    "constant_maturity", "constant_maturity(VX, days)", Anywhere, "constant_maturity(VX, 30 days) > 20 vol", "The futures curve interpolated to a constant number of days. Vol points.";
    "surprise", "surprise(event)", Anywhere, "surprise(cpi) above surprise(ppi)", "First print minus consensus of the newest release.";
    "implied_forward", "implied_forward(VIX|SPX, month)", Anywhere, "VX[1].price - implied_forward(VIX, 1) > 0.5 vol", "What the options that settle with a future (VX of the month, the quarterly ES) say it is worth, by put-call parity.";
    "reaction", "reaction(event, instrument, least)", Anywhere, "reaction(fomc, VIX, 8) < -0.5 vol", "Mean change of an instrument's close over the past events of a kind, from the last before each to the first after; missing with fewer than the least.";
    "abs", "abs(x)", Anywhere, "abs(change(SPX.close, 1)) > 50 pts", "Absolute value.";
    "min", "min(x, y)", Anywhere, "min(VIX.last, VIX3M.last) > 20 vol", "The smaller of two numbers of one unit.";
    "max", "max(x, y)", Anywhere, "max(VIX.last, VIX3M.last) > 20 vol", "The larger of two numbers of one unit.";
    "sqrt", "sqrt(x)", Anywhere, "sqrt(VIX.last * VIX3M.last) > 20 vol", "Square root, of a number whose unit is a square or plain; missing below zero.";
    "ln", "ln(x)", Anywhere, "ln(SPX.close / lag(SPX.close, 1)) < -0.02", "Natural logarithm of a plain number; missing at or below zero.";
    "exp", "exp(x)", Anywhere, "exp(zscore(VIX.close, 20)) > 1", "Exponential of a plain number.";
    "irr", "irr(structure, under vol +5 & spot -5%)", Book, "irr(core, under vol +5) >= 8%", "Annual rate of return on the maximum loss if the market moves so: expected result at settlement, or with `time n days` the mark after them.";
    "cushion", "cushion(under vol +10 & spot -5%)", Book, "cushion(under vol +10 & spot -5%) >= 1.5", "Quick ratio of the account: cash over the margin required, both after the shift. With nothing required, the cash itself.";
    "cost", "cost(lo..hi bps)", Overlay, "expected_gain > cost(8..15 bps)", "Cost of an overlay's trade as a share of its notional: fees and what it gives up of the spread, no less and no more than the bounds.";
};

/// Observables of the account. With a structure or `book` in brackets, sums over its open positions; `core.dte` is the
/// same as `dte(core)`.
pub const BOOK: &[Entry] = entries! {
    "equity", "equity", Book, "equity > $200_000", "Cash plus marked positions. Dollars.";
    "cash", "cash", Book, "cash > 10% of equity", "Cash. Dollars.";
    "capital", "capital", Book, "equity > 90% of capital", "The declared capital. Dollars.";
    "drawdown", "drawdown(book)", Book, "drawdown(book) <= 12% of equity", "Highest equity so far minus equity. Dollars.";
    "delta", "delta(book)", Book, "abs(delta(core)) < 500 delta", "Sum of deltas, in underlyings.";
    "gamma", "gamma(book)", Book, "gamma(core) * 10 pts > -500 delta", "Sum of gammas: change of delta for one point.";
    "vega", "vega(book)", Book, "vega(book) in -$8_000..$2_000", "Sum of vegas. Dollars for one vol point.";
    "theta", "theta(book)", Book, "theta(core) > $0", "Sum of thetas. Dollars for one calendar day.";
    "beta", "beta(core)", Book, "abs(beta(core)) < 200% of equity", "Sum of dollar betas to SPX: delta times the index, in dollars for a return of 100%; what is on VIX by the hedge's `beta VIX by`.";
    "max_loss", "max_loss(core)", Book, "max_loss(core) < 20% of equity", "Sum of the loss bounds. Dollars.";
    "margin", "margin(book)", Book, "margin(book) < 50% of equity", "Margin. Dollars.";
    "notional", "notional(core)", Book, "notional(core) < $5_000_000", "Underlying price times multiplier times lots, summed. Dollars.";
    "profit", "profit(core)", Book, "profit(core) > -$5_000", "Sum of the profits of open positions. Dollars.";
    "credit", "credit(core)", Book, "credit(core) < $20_000", "Sum of the credits of open positions. Dollars.";
    "positions", "positions(core)", Book, "positions(core) < 5", "Number of open positions.";
    "dte", "dte(core) or core.dte", Book, "core.dte <= 2", "Smallest days to expiry of open positions; missing when there is none.";
};

/// Observables of the position at hand, or of the candidate package.
pub const POSITION: &[Entry] = entries! {
    "profit", "profit", Position, "profit >= 50% of credit", "Profit since entry, fees included. Dollars.";
    "loss", "loss", Position, "loss >= 200% of credit", "Minus profit. Dollars.";
    "days_held", "days_held", Position, "days_held >= 21", "Calendar days since entry.";
    "credit", "credit", PositionOrCandidate, "credit >= 20% of width", "Net premium received, rolls added; negative for a debit. Dollars.";
    "credit_points", "credit_points", PositionOrCandidate, "credit_points >= 1.50 pts", "The same in points per package.";
    "width", "width", PositionOrCandidate, "width <= $5_000", "Widest wing times multiplier and lots. Dollars.";
    "max_loss", "max_loss", PositionOrCandidate, "max_loss <= 3% of equity", "Bound of the loss at expiry, credit counted. Dollars.";
    "margin", "margin", PositionOrCandidate, "margin <= 10% of equity", "Margin by the chosen rulebook. Dollars.";
    "notional", "notional", PositionOrCandidate, "notional <= $5_000_000", "Underlying price times multiplier times lots. Dollars.";
    "dte", "dte", PositionOrCandidate, "dte <= 21", "Calendar days to the nearest expiry of its legs; 0 on the day.";
    "lots", "lots", PositionOrCandidate, "lots <= 10", "Lots.";
    "delta", "delta", PositionOrCandidate, "abs(delta) <= 200 delta", "Delta of the position, in underlyings.";
    "gamma", "gamma", PositionOrCandidate, "gamma * 10 pts > -100 delta", "Gamma of the position.";
    "vega", "vega", PositionOrCandidate, "vega > -$2_000", "Vega of the position. Dollars for one vol point.";
    "theta", "theta", PositionOrCandidate, "theta > $0", "Theta of the position. Dollars for one calendar day.";
    "extrinsic", "extrinsic", PositionOrCandidate, "extrinsic > $200", "Time value sold minus time value bought, by mids and intrinsic values at spot: what decays in the holder's favour. Dollars.";
    "breakeven_low", "breakeven_low", PositionOrCandidate, "breakeven_low < 97% of SPX.last", "Lowest settlement value without profit or loss; premiums of the whole life counted, fees apart. Points.";
    "breakeven_high", "breakeven_high", PositionOrCandidate, "breakeven_high > SPX.last", "The highest such value. Points.";
    "net_credit", "net credit", Candidate, "net credit >= $0", "Net premium of the package about to be traded, a roll's close and open together. Dollars.";
};

/// Names with a meaning in hedges and overlays alone.
pub const SPECIAL: &[Entry] = entries! {
    "votes", "votes", Layer, "votes >= 2 of 3", "How many of the layer's votes are true.";
    "expected_gain", "expected_gain", Overlay, "expected_gain > cost(8..15 bps)", "Gamma's expected gain until the next rebalance as a share of the notional traded: 1/2 gamma S^2 (realized^2 - implied^2) dt (Carr and Madan 1998); 20-session realized against 30-day implied vol.";
};

/// Fields of a leg: `short put.strike`; `short.delta` is the tested short leg's.
pub const LEG_FIELDS: &[Entry] = entries! {
    "delta", "short put.delta", PositionOrCandidate, "abs(short.delta) >= 30 delta", "Delta of one contract of the leg; a put's is negative.";
    "strike", "short put.strike", PositionOrCandidate, "short put.strike < SPX.last", "Strike, in the underlying's points.";
    "price", "short put.price", PositionOrCandidate, "short put.price <= 0.50 pts", "Mid price, in points.";
};

/// Built-in event calendars: name and meaning.
pub const EVENTS: &[(&str, &str)] = &[
    ("fomc", "decisions of the Federal Open Market Committee"),
    ("cpi", "releases of the consumer price index"),
    ("ppi", "releases of the producer price index"),
    ("opex", "monthly option expirations (third Fridays)"),
];

/// Words with a fixed meaning inside expressions.
const WORDS: &[&str] = &["book", "spot", "forward", "money", "entry", "target"];

/// Units that `series … as` and script signatures may name; conditions are `bool`.
pub const UNITS: &[(&str, Unit)] = &[
    ("number", Unit::NONE),
    ("ratio", Unit::NONE),
    ("count", Unit::NONE),
    ("percent", Unit::NONE),
    ("vol", Unit::VOL),
    ("pts", Unit::PTS),
    ("usd", Unit::USD),
    ("delta", Unit::DELTA),
];

/// Fee schedules that a strategy may name.
pub const FEES: &[&str] = &["ibkr", "flat", "none"];

/// Margin rulebooks that a strategy may name.
pub const MARGINS: &[&str] = &["cboe", "ibkr", "portfolio", "portfolio_ibkr"];

/// How the size of an order may matter.
pub const DEPTHS: &[&str] = &["unlimited", "impact", "limited"];

/// The instrument of a name.
#[must_use]
pub fn instrument(name: &str) -> Option<Instrument> {
    Instrument::ALL.into_iter().find(|i| i.name() == name)
}

/// The field of an instrument or feed.
#[must_use]
pub fn field(name: &str) -> Option<Field> {
    Some(match name {
        "open" => Field::Open,
        "high" => Field::High,
        "low" => Field::Low,
        "close" => Field::Close,
        "volume" => Field::Volume,
        "depth" => Field::Depth,
        "last" | "price" => Field::Last,
        _ => return None,
    })
}

/// Names of the fields of instruments.
pub const FIELDS: &[&str] = &["open", "high", "low", "close", "volume", "depth", "last", "price"];

pub(crate) fn function(name: &str) -> Option<Function> {
    use Indicator as I;
    Some(match name {
        "rsi" => Function::Indicator(I::Rsi),
        "ema" => Function::Indicator(I::Ema),
        "sma" => Function::Indicator(I::Sma),
        "macd" => Function::Indicator(I::Macd),
        "atr" => Function::Indicator(I::Atr),
        "bollinger" => Function::Indicator(I::Bollinger),
        "stdev" => Function::Indicator(I::Stdev),
        "zscore" => Function::Indicator(I::Zscore),
        "percentile_rank" => Function::Indicator(I::PercentileRank),
        "quantile" => Function::Indicator(I::Quantile),
        "correlation" => Function::Indicator(I::Correlation),
        "beta" => Function::Indicator(I::Beta),
        "realized_vol" => Function::Indicator(I::RealizedVol),
        "divergence" => Function::Indicator(I::Divergence),
        "highest" => Function::Indicator(I::Highest),
        "lowest" => Function::Indicator(I::Lowest),
        "lag" => Function::Indicator(I::Lag),
        "change" => Function::Indicator(I::Change),
        "abs" => Function::Math(Math::Abs),
        "min" => Function::Math(Math::Min),
        "max" => Function::Math(Math::Max),
        "sqrt" => Function::Math(Math::Sqrt),
        "ln" => Function::Math(Math::Ln),
        "exp" => Function::Math(Math::Exp),
        "implied_vol" => Function::ImpliedVol,
        "constant_maturity" => Function::ConstantMaturity,
        "surprise" => Function::Surprise,
        "implied_forward" => Function::ImpliedForward,
        "reaction" => Function::Reaction,
        "irr" => Function::Irr,
        "cushion" => Function::Cushion,
        "cost" => Function::Cost,
        _ => return None,
    })
}

pub(crate) fn greek(name: &str) -> Option<Greek> {
    Some(match name {
        "delta" => Greek::Delta,
        "gamma" => Greek::Gamma,
        "vega" => Greek::Vega,
        "theta" => Greek::Theta,
        _ => return None,
    })
}

const fn greek_unit(greek: Greek) -> Unit {
    match greek {
        Greek::Delta => Unit::DELTA,
        Greek::Gamma => Unit::GAMMA,
        Greek::Vega | Greek::Theta => Unit::USD,
    }
}

pub(crate) fn book(name: &str) -> Option<BookObs> {
    Some(match name {
        "equity" => BookObs::Equity,
        "cash" => BookObs::Cash,
        "capital" => BookObs::Capital,
        "drawdown" => BookObs::Drawdown,
        "beta" => BookObs::Beta,
        "max_loss" => BookObs::MaxLoss,
        "margin" => BookObs::Margin,
        "notional" => BookObs::Notional,
        "profit" => BookObs::Profit,
        "credit" => BookObs::Credit,
        "positions" => BookObs::Positions,
        "dte" => BookObs::Dte,
        _ => BookObs::Greek(greek(name)?),
    })
}

/// Whether it speaks of the account as a whole, so that no structure can be named.
pub(crate) const fn of_account(obs: BookObs) -> bool {
    matches!(obs, BookObs::Equity | BookObs::Cash | BookObs::Capital)
}

pub(crate) const fn book_unit(obs: BookObs) -> Unit {
    match obs {
        BookObs::Positions | BookObs::Dte => Unit::NONE,
        BookObs::Greek(greek) => greek_unit(greek),
        BookObs::Equity
        | BookObs::Cash
        | BookObs::Capital
        | BookObs::Drawdown
        | BookObs::Beta
        | BookObs::MaxLoss
        | BookObs::Margin
        | BookObs::Notional
        | BookObs::Profit
        | BookObs::Credit => Unit::USD,
    }
}

pub(crate) fn position(name: &str) -> Option<PositionObs> {
    Some(match name {
        "profit" => PositionObs::Profit,
        "loss" => PositionObs::Loss,
        "credit" => PositionObs::Credit,
        "credit_points" => PositionObs::CreditPoints,
        "width" => PositionObs::Width,
        "max_loss" => PositionObs::MaxLoss,
        "margin" => PositionObs::Margin,
        "notional" => PositionObs::Notional,
        "dte" => PositionObs::Dte,
        "days_held" => PositionObs::DaysHeld,
        "lots" => PositionObs::Lots,
        "net_credit" => PositionObs::NetCredit,
        "extrinsic" => PositionObs::Extrinsic,
        "breakeven_low" => PositionObs::BreakevenLow,
        "breakeven_high" => PositionObs::BreakevenHigh,
        _ => PositionObs::Greek(greek(name)?),
    })
}

/// Unit of an observable of a position; strikes are in the unit in which the underlying is quoted.
pub(crate) const fn position_unit(obs: PositionObs, underlying: Instrument) -> Unit {
    match obs {
        PositionObs::Profit
        | PositionObs::Loss
        | PositionObs::Credit
        | PositionObs::Width
        | PositionObs::MaxLoss
        | PositionObs::Margin
        | PositionObs::Notional
        | PositionObs::Extrinsic
        | PositionObs::NetCredit => Unit::USD,
        PositionObs::BreakevenLow | PositionObs::BreakevenHigh => price_unit(underlying),
        PositionObs::CreditPoints | PositionObs::LegPrice(_) => Unit::PTS,
        PositionObs::Dte | PositionObs::DaysHeld | PositionObs::Lots => Unit::NONE,
        PositionObs::Greek(greek) => greek_unit(greek),
        PositionObs::LegDelta(_) => Unit::DELTA,
        PositionObs::LegStrike(_) => price_unit(underlying),
    }
}

/// Unit in which an instrument is quoted.
pub(crate) const fn price_unit(instrument: Instrument) -> Unit {
    if instrument.quotes_vol() {
        Unit::VOL
    } else {
        Unit::PTS
    }
}

pub(crate) fn entry(name: &str) -> Option<&'static Entry> {
    [FUNCTIONS, BOOK, POSITION, SPECIAL]
        .into_iter()
        .flatten()
        .find(|e| e.name == name)
}

/// What a name of the language is, when it is one: `an instrument`, `a function`, …
pub(crate) fn reserved(name: &str) -> Option<&'static str> {
    if instrument(name).is_some() {
        return Some("an instrument");
    }
    if EVENTS.iter().any(|(e, _)| *e == name) {
        return Some("an event calendar");
    }
    let tables = [
        (POSITION, "an observable of a position"),
        (BOOK, "an observable of the account"),
        (FUNCTIONS, "a function"),
        (SPECIAL, "a word of hedges"),
    ];
    for (table, what) in tables {
        if table.iter().any(|e| e.name == name) {
            return Some(what);
        }
    }
    WORDS.contains(&name).then_some("a word of the language")
}
