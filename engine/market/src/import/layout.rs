//! Which table a file is, told from its header.

use super::chains;
use super::error::{ImportError, ImportErrorKind};
use super::external;
use super::futures;
use super::input::Table;
use std::fmt;

/// File layouts that the importer reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layout {
    /// historical-option-data chains: one contract a row, with contract symbol and vendor greeks.
    OptionChain,
    /// Cboe DataShop end-of-day option quotes, with the 15:45 columns.
    DataShopChain,
    /// Cboe DataShop option quotes at intervals of 1 to 60 minutes.
    DataShopIntervals,
    /// OptionsDX chains: one row a strike, call and put side by side.
    OptionsDx,
    /// ThetaData quotes as version 2 of its service answers.
    ThetaV2,
    /// ThetaData quotes as version 3 of its service answers.
    ThetaV3,
    /// ORATS strikes, near end of day or by the minute.
    Orats,
    /// Polygon (Massive) flat files of option quotes.
    PolygonQuotes,
    /// Cboe's quote table as its site exports it.
    CboeTable,
    /// Cboe's delayed quotes.
    CboeJson,
    /// Daily bars of one series: `DATE,OPEN,HIGH,LOW,CLOSE`, perhaps with volume.
    Ohlc,
    /// One value a day named in the header: `DATE,VVIX`.
    SingleValue,
    /// One value a day of a rate or any series: `date,value`.
    DateValue,
    /// Yahoo's daily bars with three header lines.
    Yahoo,
    /// Settlements of the first eight VX futures: `date,M1,…,M8`.
    VxSettlements,
    /// Cboe's historical files of futures, one a contract: `Trade Date,Futures,…,Settle,…`.
    CfeFutures,
    /// Daily settlements of futures, a symbol a row: `date,symbol,settle`.
    FutureSettlements,
    /// A joined table of index, volatility family, VX, rates and event flags, one row a session.
    DailyContext,
    /// Thirteen-week bill and fed funds beside the VIX family.
    BillAndFunds,
    /// FOMC meetings: `date,…,press_conference,…`.
    FomcDates,
    /// CPI release dates: `release_date`, perhaps with the reference month.
    CpiDates,
    /// Economic releases with actual and forecast.
    Releases,
    /// Values with the instants from which they were known, revisions too: `date, known_at, value`.
    KnownSeries,
    /// Intraday bars of one series: `datetime, open, high, low, close`, perhaps with volume.
    MinuteBars,
    /// Databento's DBN files: best bids and asks of options.
    Databento,
    /// Option quotes of any table, by a mapping file.
    MappedChain,
    /// Series of any table, by a mapping file.
    MappedSeries,
    /// Intraday bars of any table, by a mapping file.
    MappedBars,
}

impl Layout {
    /// All layouts that are known by their headers.
    pub const ALL: [Self; 25] = [
        Self::OptionChain,
        Self::DataShopChain,
        Self::DataShopIntervals,
        Self::OptionsDx,
        Self::ThetaV2,
        Self::ThetaV3,
        Self::Orats,
        Self::PolygonQuotes,
        Self::CboeTable,
        Self::CboeJson,
        Self::Ohlc,
        Self::SingleValue,
        Self::DateValue,
        Self::Yahoo,
        Self::VxSettlements,
        Self::CfeFutures,
        Self::FutureSettlements,
        Self::DailyContext,
        Self::BillAndFunds,
        Self::FomcDates,
        Self::CpiDates,
        Self::Releases,
        Self::KnownSeries,
        Self::MinuteBars,
        Self::Databento,
    ];

    /// Name, for requests and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::OptionChain => "option-chain",
            Self::DataShopChain => "datashop-chain",
            Self::DataShopIntervals => "datashop-intervals",
            Self::OptionsDx => "optionsdx",
            Self::ThetaV2 => "theta-v2",
            Self::ThetaV3 => "theta-v3",
            Self::Orats => "orats",
            Self::PolygonQuotes => "polygon-quotes",
            Self::CboeTable => "cboe-table",
            Self::CboeJson => "cboe-json",
            Self::Ohlc => "ohlc",
            Self::SingleValue => "single-value",
            Self::DateValue => "date-value",
            Self::Yahoo => "yahoo",
            Self::VxSettlements => "vx-settlements",
            Self::CfeFutures => "cfe-futures",
            Self::FutureSettlements => "future-settlements",
            Self::DailyContext => "daily-context",
            Self::BillAndFunds => "bill-and-funds",
            Self::FomcDates => "fomc-dates",
            Self::CpiDates => "cpi-dates",
            Self::Releases => "releases",
            Self::KnownSeries => "known-series",
            Self::MinuteBars => "minute-bars",
            Self::Databento => "databento",
            Self::MappedChain => "mapped-chain",
            Self::MappedSeries => "mapped-series",
            Self::MappedBars => "mapped-bars",
        }
    }

    /// From a name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|l| l.name() == name)
    }

    /// Header that the layout is known by.
    #[must_use]
    pub const fn header(self) -> &'static str {
        match self {
            Self::OptionChain => {
                "underlying, underlying_last, optionroot, type, expiration, quotedate, strike, bid, ask, volume, openinterest, …"
            }
            Self::DataShopChain => "quote_date, root, expiration, strike, option_type, bid_1545, ask_1545, …",
            Self::DataShopIntervals => {
                "quote_datetime, root, expiration, strike, option_type, bid, ask, trade_volume, …"
            }
            Self::OptionsDx => {
                "[QUOTE_READTIME], [UNDERLYING_LAST], [EXPIRE_DATE], [STRIKE], [C_BID], [C_ASK], [P_BID], [P_ASK], …"
            }
            Self::ThetaV2 => "root, expiration, strike, right, ms_of_day, bid, ask, date, …",
            Self::ThetaV3 => "symbol, expiration, strike, right, timestamp, bid, ask, …",
            Self::Orats => "ticker, trade_date, expirDate, strike, cBidPx, cAskPx, pBidPx, pAskPx, …",
            Self::PolygonQuotes => "ticker, ask_price, bid_price, sip_timestamp, …",
            Self::CboeTable => "Expiration Date, Calls, …, Strike, Puts, … below lines about the underlying",
            Self::CboeJson => "JSON: timestamp, data.options[].option, bid, ask, …",
            Self::Ohlc => "DATE, OPEN, HIGH, LOW, CLOSE",
            Self::SingleValue => "DATE, VVIX",
            Self::DateValue => "date, value",
            Self::Yahoo => "Price, Close, High, Low, Open, Volume",
            Self::VxSettlements => "date, M1, …, M8",
            Self::CfeFutures => "Trade Date, Futures, …, Settle, …",
            Self::FutureSettlements => "date, symbol, settle",
            Self::DailyContext => "date, spx_close, …, vx_m1, …, fomc_day",
            Self::BillAndFunds => "fecha, …, IRX_close, …, DFF",
            Self::FomcDates => "date, …, press_conference, …",
            Self::CpiDates => "release_date",
            Self::Releases => "date, time, impact, text, actual, forecast, previous",
            Self::KnownSeries => "date, known_at, value",
            Self::MinuteBars => "datetime, open, high, low, close",
            Self::Databento => "a DBN file: cbbo-1s, cbbo-1m, cmbp-1, tcbbo or mbp-1",
            Self::MappedChain | Self::MappedSeries | Self::MappedBars => "any, with a mapping",
        }
    }

    /// Whether the layout holds option chains.
    #[must_use]
    pub fn is_chain(self) -> bool {
        chains::is_chain(self)
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Tells a file's layout from its header.
pub(super) fn sniff(table: &Table) -> Result<Layout, ImportError> {
    let has = |name: &str| table.header.iter().any(|h| h == name);
    let all = |names: &[&str]| names.iter().all(|n| has(n));
    if all(&["dbn_time", "raw_symbol", "bid_px", "ask_px"]) {
        return Ok(Layout::Databento);
    }
    match chains::fitting(table).as_slice() {
        [layout] => return Ok(*layout),
        [] => {}
        several => return Err(ambiguous(table, several)),
    }
    let nearest = chains::nearest(table);
    let layout = if all(&["date", "spx_close", "vx_m1"]) {
        Layout::DailyContext
    } else if has("irx_close") {
        Layout::BillAndFunds
    } else if all(&["date", "m1", "m2"]) {
        Layout::VxSettlements
    } else if all(&["trade date", "futures", "settle"]) {
        Layout::CfeFutures
    } else if futures::SYMBOL.iter().any(|n| has(n)) && futures::SETTLE.iter().any(|n| has(n)) {
        Layout::FutureSettlements
    } else if all(&["date", "press_conference"]) {
        Layout::FomcDates
    } else if has("release_date") {
        Layout::CpiDates
    } else if all(&["date", "time", "actual", "forecast"]) {
        Layout::Releases
    } else if table.header.first().is_some_and(|h| h == "price") && all(&["open", "high", "low", "close"]) {
        Layout::Yahoo
    } else if all(&["open", "high", "low", "close"]) && external::stamp_column(table).is_some() {
        Layout::MinuteBars
    } else if all(&["date", "known_at", "value"]) {
        Layout::KnownSeries
    } else if all(&["date", "open", "high", "low", "close"]) {
        Layout::Ohlc
    } else if table.header.len() == 2 && all(&["date", "value"]) {
        Layout::DateValue
    } else if table.header.len() == 2 && has("date") {
        Layout::SingleValue
    } else {
        match nearest {
            // A chain that lacks a column is still a chain: its own reader names the column.
            Some(nearest) if nearest.is_near() => nearest.layout,
            nearest => return Err(unknown(table, nearest.as_ref())),
        }
    };
    Ok(layout)
}

fn ambiguous(table: &Table, layouts: &[Layout]) -> ImportError {
    let names: Vec<&str> = layouts.iter().map(|l| l.name()).collect();
    let what = format!("its header fits {} layouts: {}", names.len(), names.join(", "));
    let help = format!(
        "say which with `--kind`, such as `--kind {}`",
        names.first().unwrap_or(&"…")
    );
    table.error(ImportErrorKind::UnknownLayout, what, help).at_line(1)
}

fn unknown(table: &Table, nearest: Option<&chains::Nearest>) -> ImportError {
    let header = table.header.join(",");
    let mut shown: String = header.chars().take(80).collect();
    if shown.len() < header.len() {
        shown.push('…');
    }
    let has = |name: &str| table.header.iter().any(|h| h == name);
    let what = if has("date") && has("v1") && has("v8") {
        "is a table of VX expirations: the exchange calendar computes those".to_owned()
    } else if has("ticker") && has("window_start") && has("transactions") {
        "is Polygon aggregates of trades: without bid and ask there is nothing to fill at; the quotes files have them".to_owned()
    } else {
        format!("no layout begins with `{shown}`")
    };
    let known: Vec<String> = Layout::ALL
        .iter()
        .map(|l| format!("{l} ({})", l.header()))
        .collect();
    let near = nearest.map_or_else(String::new, |n| {
        format!(
            "nearest is {}, which also needs `{}`; ",
            n.layout,
            n.missing.join("`, `")
        )
    });
    let help = format!(
        "{near}any table can be read by a mapping of its columns, see `alula import --mapping-example`; known layouts: {}",
        known.join("; ")
    );
    table.error(ImportErrorKind::UnknownLayout, what, help).at_line(1)
}
