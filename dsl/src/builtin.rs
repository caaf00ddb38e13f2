//! Names that the language knows by itself: instruments and their fields, functions, observables of positions and book.
//!
//! The tables here are the one source for the checker, for help texts and for the engine's registry: an entry without an
//! implementation (or the other way round) fails a test.

use crate::ast::{Right, Side};

/// Underlyings and index series known by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Instrument {
    /// S&P 500 index; options SPX (AM) and SPXW (PM).
    Spx,
    /// Mini-SPX.
    Xsp,
    /// SPDR S&P 500 ETF.
    Spy,
    /// E-mini S&P 500 future.
    Es,
    /// Cboe Volatility Index, 30 days.
    Vix,
    /// 9-day.
    Vix9d,
    /// 3-month.
    Vix3m,
    /// 6-month.
    Vix6m,
    /// Volatility of VIX.
    Vvix,
    /// Cboe SKEW.
    Skew,
    /// Notes and funds on VIX futures, traded as shares: one month (VXX, VIXY) and five months (VXZ) from expiry.
    Vxx,
    /// See `Vxx`.
    Vxz,
    /// See `Vxx`.
    Vixy,
    /// VIX futures curve; `VX[n]` is the n-th month from the front, from 1.
    Vx,
}

impl Instrument {
    /// All of them, in the order of their names' declaration.
    pub const ALL: [Self; 14] = [
        Self::Spx,
        Self::Xsp,
        Self::Spy,
        Self::Es,
        Self::Vix,
        Self::Vix9d,
        Self::Vix3m,
        Self::Vix6m,
        Self::Vvix,
        Self::Skew,
        Self::Vxx,
        Self::Vxz,
        Self::Vixy,
        Self::Vx,
    ];

    /// Name in source text.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Spx => "SPX",
            Self::Xsp => "XSP",
            Self::Spy => "SPY",
            Self::Es => "ES",
            Self::Vix => "VIX",
            Self::Vix9d => "VIX9D",
            Self::Vix3m => "VIX3M",
            Self::Vix6m => "VIX6M",
            Self::Vvix => "VVIX",
            Self::Skew => "SKEW",
            Self::Vxx => "VXX",
            Self::Vxz => "VXZ",
            Self::Vixy => "VIXY",
            Self::Vx => "VX",
        }
    }

    /// Whether it is a note or fund on VIX futures: shares that a layer may own.
    #[must_use]
    pub const fn is_vix_shares(self) -> bool {
        matches!(self, Self::Vxx | Self::Vxz | Self::Vixy)
    }

    /// Whether its price is quoted in vol points (else in price points).
    #[must_use]
    pub const fn quotes_vol(self) -> bool {
        matches!(
            self,
            Self::Vix | Self::Vix9d | Self::Vix3m | Self::Vix6m | Self::Vvix | Self::Vx
        )
    }
}

/// Fields of an instrument or feed.
///
/// `open`, `high`, `low`, `close`, `volume` are of *completed* bars (daily unless `@ 5m`), known from the bar's end on.
/// `last` (and its synonym `price`) is the newest value known at the tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    /// First price of the bar.
    Open,
    /// Highest price of the bar.
    High,
    /// Lowest price of the bar.
    Low,
    /// Last price of the bar.
    Close,
    /// Contracts or shares traded in the bar.
    Volume,
    /// Quoted size near the touch; an external series.
    Depth,
    /// Newest value known at the tick.
    Last,
}

/// Functions over a window of a series, with their state. Output order is fixed and part of the language.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Indicator {
    /// `rsi(x, n)`: Wilder; 0..100; first value at bar n (n changes). Source: TA-Lib RSI.
    Rsi,
    /// `ema(x, n)`: alpha 2/(n+1), seeded with the SMA of the first n. Source: TA-Lib EMA.
    Ema,
    /// `sma(x, n)`
    Sma,
    /// `macd(x, fast, slow, signal)`: outputs line, signal, histogram. Source: TA-Lib MACD.
    Macd,
    /// `atr(INSTRUMENT, n)`: Wilder. Source: TA-Lib ATR. Inputs high, low, close.
    Atr,
    /// `bollinger(x, n, k)`: outputs upper, middle, lower (population sd). Source: TA-Lib BBANDS.
    Bollinger,
    /// `stdev(x, n)`: sample standard deviation (n - 1).
    Stdev,
    /// `zscore(x, n)`: (x - mean) / sample sd over the n bars ending now.
    Zscore,
    /// `percentile_rank(x, n)`: share of the n bars ending now that are <= x, in 0..1.
    PercentileRank,
    /// `quantile(x, n, q)`: linear interpolation between order statistics (Hyndman-Fan 7), q in 0..1.
    Quantile,
    /// `correlation(x, y, n)`: Pearson, of one-bar log returns of both (`returns = level` for the levels themselves).
    Correlation,
    /// `beta(y, x, n)`: cov(y, x)/var(x) of one-bar simple returns.
    Beta,
    /// `realized_vol(INSTRUMENT, n, estimator = close_close)`: vol points, annualised with 252 sessions (on
    /// `@ 5m` bars: times the 390/5 bars of a regular session). Inputs open, high, low, close.
    RealizedVol,
    /// `divergence(x, y, over n, min_z = 0.5)`: condition: the least-squares slopes over n bars have opposite signs and each
    /// net move is at least `min_z` sample standard deviations of its own one-bar changes times sqrt(n).
    Divergence,
    /// `highest(x, n)`
    Highest,
    /// `lowest(x, n)`
    Lowest,
    /// `lag(x, n)`: the value n bars ago.
    Lag,
    /// `change(x, n)`: x - lag(x, n).
    Change,
}

/// Estimators of `realized_vol`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum VolEstimator {
    /// Sample standard deviation (n - 1, mean removed) of close-to-close log returns.
    CloseClose,
    /// Parkinson 1980: sum ln(H/L)^2 / (4 n ln 2).
    Parkinson,
    /// Garman and Klass 1980.
    GarmanKlass,
    /// Rogers and Satchell 1991.
    RogersSatchell,
    /// Yang and Zhang 2000, k = 0.34 / (1.34 + (n+1)/(n-1)).
    YangZhang,
}

/// Functions of numbers at one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Math {
    /// `abs(x)`
    Abs,
    /// `min(x, y)`
    Min,
    /// `max(x, y)`
    Max,
    /// `sqrt(x)`; missing below zero
    Sqrt,
    /// `ln(x)`; missing at or below zero
    Ln,
    /// `exp(x)`
    Exp,
}

/// A greek.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Greek {
    /// Change of today's value for one point of the expiry's forward: the forward delta, discounted to today. In underlyings
    /// (16 delta is 0.16 for one contract's leg).
    Delta,
    /// Change of delta for one point.
    Gamma,
    /// Dollars for one vol point.
    Vega,
    /// Dollars for one calendar day.
    Theta,
}

/// A leg of the position at hand; of several that fit, the one with the largest absolute delta (the tested one).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LegPick {
    /// Long or short.
    pub side: Side,
    /// Put, call, or either.
    pub right: Option<Right>,
    /// One leg by its place in the structure's legs, where side and right leave several: `short put far`.
    pub leg: Option<u8>,
}

/// What can be observed of one position (in `close` and `roll` rules) or of one candidate package (in `require`).
///
/// Money is in dollars for the whole position (all its lots and the multiplier); see each unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PositionObs {
    /// Unrealized plus realized P&L since entry, at the stated share of the spread, fees included. Dollars.
    Profit,
    /// Minus `profit`. Dollars.
    Loss,
    /// Net premium received at entry (rolls added). Dollars; negative for a debit.
    Credit,
    /// The same, in points per package.
    CreditPoints,
    /// Widest wing: largest distance between a short leg and the long leg of its side, times multiplier and lots. Dollars.
    Width,
    /// Bound of the loss at expiry, from the payoff, credit counted. Dollars, positive. Missing when unbounded.
    MaxLoss,
    /// Margin of the chosen rulebook. Dollars.
    Margin,
    /// Underlying price times multiplier times lots. Dollars.
    Notional,
    /// Calendar days to the nearest expiry of its legs, exchange time zone; 0 on the day.
    Dte,
    /// Calendar days since entry.
    DaysHeld,
    /// Lots.
    Lots,
    /// A greek of the position. Delta in underlyings, vega and theta in dollars.
    Greek(Greek),
    /// A greek of one leg, for one contract, sign of the leg's own option (a put's delta is negative).
    LegDelta(LegPick),
    /// Strike of a leg. Points.
    LegStrike(LegPick),
    /// Mid price of a leg. Points.
    LegPrice(LegPick),
    /// Time value sold minus time value bought: what decays in the holder's favour. Dollars, by mids and intrinsic values at spot.
    Extrinsic,
    /// Lowest settlement value without profit or loss, premiums of the whole life counted, fees apart. Points.
    BreakevenLow,
    /// The highest.
    BreakevenHigh,
    /// Candidate only: net premium of the package about to be traded (a roll's close and open together). Dollars.
    NetCredit,
}

/// What can be observed of the whole account, of one structure's positions, or of one hedge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BookObs {
    /// Cash plus marked positions. Dollars.
    Equity,
    /// Cash. Dollars.
    Cash,
    /// The declared capital. Dollars.
    Capital,
    /// Highest equity so far minus equity. Dollars.
    Drawdown,
    /// Sum of a greek.
    Greek(Greek),
    /// Sum of dollar betas to SPX: dollars for a return of 100 % of the index. What is on VIX counts by `beta VIX by`.
    Beta,
    /// Sum of the loss bounds. Dollars.
    MaxLoss,
    /// Margin. Dollars.
    Margin,
    /// Sum of notionals. Dollars.
    Notional,
    /// Sum of profits of open positions. Dollars.
    Profit,
    /// Sum of credits of open positions. Dollars.
    Credit,
    /// Number of open positions.
    Positions,
    /// Smallest `dte` of open positions; missing when there is none.
    Dte,
}
