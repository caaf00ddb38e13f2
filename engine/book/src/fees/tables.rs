//! The shipped schedules: rates, days and where each was read.
//!
//! A day marked *about* is not published: the rate was read on a page whose own date is known only by what else it says.
//! Rates before a component's first row are not known here and stand in, marked.

use super::{Class, Component, FeeRow, FeeSchedule, Side};
use alula_market::money::{Price, Usd};
use alula_market::time::Date;

const IBKR: &str = "interactivebrokers.ca, options commissions (tiered)";
const IBKR_OLD: &str = "interactivebrokers.ca, commissionStockIndexOptions.php (tiered, older)";
const IBKR_ORF: &str = "IBKR knowledge base, article 1184 (options regulatory fee)";
const IBKR_SHARES: &str = "interactivebrokers.com, US shares, fixed: 0.005 a share, at least 1.00 an order";
const IBKR_FUTURES: &str = "interactivebrokers.com, futures commissions (tiered)";
const CBOE_2018: &str = "Cboe Exchange fees schedule of 2018-11-06 and 2019-02-07, customer";
const CBOE_2020: &str = "Cboe Exchange fees schedule of 2020-04-07, customer";
const CBOE_2021: &str = "Cboe Exchange fees schedule of 2021-09-01, customer";
const CBOE_NOW: &str = "IBKR, Cboe options fees, public customer";
const SPXW_NOW: &str = "IBKR, SPX weekly surcharge: the customer fee and 0.13 for electronic SPXW";
const SPXW_2018: &str =
    "Cboe Exchange fees schedule of 2019-02-07, customer fee and 0.13 for electronic SPXW";
const OCC_2016: &str = "IBKR, options commissions, OCC clearing (older page)";
const OCC_2018: &str = "OCC schedule of fees of January 2020; SR-OCC-2018-004";
const OCC_2020: &str = "OCC press release of 2021-04-19; SR-OCC-2020-009";
const OCC_2025: &str = "OCC, 89 FR 105645 and 90 FR 10544";
const TAF: &str = "FINRA By-Laws, schedule A, section 1 (SR-FINRA-2020-032)";
const SEC: &str = "SEC fee rate advisories under section 31 of the Exchange Act";
const CFE: &str = "CFE fee schedule, customer";
const CME: &str = "CME Globex, non-member, as quoted by brokers";
const NFA: &str = "NFA assessment fee";
const TASTY: &str = "tastytrade, single-listed exchange proprietary index options fees";
const FLAT: &str = "a common flat retail rate";

const SPX: &[&str] = &["SPX"];
const SPXW: &[&str] = &["SPXW"];
const XSP: &[&str] = &["XSP"];
const VIX: &[&str] = &["VIX", "VIXW"];
const INDEX: &[&str] = &["SPX", "SPXW", "VIX", "VIXW"];
const VX: &[&str] = &["VX"];
const VXM: &[&str] = &["VXM"];
const ES: &[&str] = &["ES"];
const MES: &[&str] = &["MES"];
const MICRO: &[&str] = &["VXM", "MES"];

/// A day; the constants below are all days that exist.
fn day(y: i32, m: u32, d: u32) -> Date {
    Date::from_ymd_opt(y, m, d).unwrap_or(Date::MIN)
}

/// A rate for options from a published day on; the rest is set by the builders below.
fn option(component: Component, each_micro_usd: i64, from: Date, source: &'static str) -> FeeRow {
    FeeRow {
        component,
        class: Class::Option,
        symbols: &[],
        premium_from: Price::ZERO,
        premium_below: None,
        side: None,
        package: None,
        closing: None,
        contracts_from: 0,
        month_from: 0,
        from,
        until: None,
        exact_day: true,
        each: Usd(each_micro_usd),
        per_million: Usd::ZERO,
        cap: None,
        source,
    }
}

fn share(each_micro_usd: i64, from: Date, source: &'static str) -> FeeRow {
    FeeRow {
        class: Class::Share,
        ..option(Component::Commission, each_micro_usd, from, source)
    }
}

fn future(component: Component, each_micro_usd: i64, from: Date, source: &'static str) -> FeeRow {
    FeeRow {
        class: Class::Future,
        ..option(component, each_micro_usd, from, source)
    }
}

impl FeeRow {
    const fn of(mut self, symbols: &'static [&'static str]) -> Self {
        self.symbols = symbols;
        self
    }

    const fn band(mut self, from_mills: i64, below_mills: Option<i64>) -> Self {
        self.premium_from = Price(from_mills);
        self.premium_below = match below_mills {
            Some(mills) => Some(Price(mills)),
            None => None,
        };
        self
    }

    const fn tier(mut self, month_from: i64) -> Self {
        self.month_from = month_from;
        self
    }

    const fn capped(mut self, micro_usd: i64) -> Self {
        self.cap = Some(Usd(micro_usd));
        self
    }

    /// The first day is about this one.
    const fn about(mut self) -> Self {
        self.exact_day = false;
        self
    }
}

/// Nothing is charged.
pub(super) fn none() -> FeeSchedule {
    let rows = [Class::Option, Class::Future, Class::Share].map(|class| FeeRow {
        class,
        ..option(Component::Commission, 0, Date::MIN, "no fees")
    });
    FeeSchedule {
        name: "none".to_owned(),
        about: "nothing is charged",
        rows: rows.to_vec(),
        commission_min: Usd::ZERO,
        commission_min_shares: Usd::ZERO,
        known_to: None,
        caveats: Vec::new(),
    }
}

/// A flat rate at every date: a model of a broker, not the history of one.
pub(super) fn flat() -> FeeSchedule {
    use Component::{Commission, Exchange};
    let xsp = FeeRow {
        contracts_from: 10,
        ..option(Exchange, 70_000, Date::MIN, TASTY).of(XSP)
    };
    FeeSchedule {
        name: "flat".to_owned(),
        about: "0.65 a contract, 0.65 more on SPX and VIX options; futures 0.85 plus exchange",
        rows: vec![
            option(Commission, 650_000, Date::MIN, FLAT),
            option(Exchange, 650_000, Date::MIN, TASTY).of(INDEX),
            xsp,
            future(Commission, 850_000, Date::MIN, FLAT),
            future(Exchange, 1_510_000, Date::MIN, CFE).of(VX),
            future(Exchange, 200_000, Date::MIN, CFE).of(VXM),
            future(Exchange, 1_380_000, Date::MIN, CME).of(ES),
            future(Exchange, 350_000, Date::MIN, CME).of(MES),
            share(0, Date::MIN, FLAT),
        ],
        commission_min: Usd::ZERO,
        commission_min_shares: Usd::ZERO,
        known_to: None,
        caveats: vec!["fees are one flat rate at every date"],
    }
}

/// Interactive Brokers, tiered.
pub(super) fn ibkr() -> FeeSchedule {
    let mut rows = Vec::new();
    commissions(&mut rows);
    regulators(&mut rows);
    clearing(&mut rows);
    exchange(&mut rows);
    futures(&mut rows);
    rows.push(share(5_000, day(2010, 1, 1), IBKR_SHARES).about());
    sales_of_shares(&mut rows);
    FeeSchedule {
        name: "ibkr".to_owned(),
        about: "Interactive Brokers, tiered commissions; exchange, regulatory and clearing fees passed through",
        rows,
        commission_min: Usd(1_000_000),
        commission_min_shares: Usd(1_000_000),
        known_to: Some(day(2025, 12, 31)),
        // Sales of options on securities indexes pay no SEC fee (17 CFR 240.31(a)).
        caveats: vec![
            "complex VIX premium bands are taken to be those of single legs",
            "third-party rates are the published customer rates; the broker's own rounding is not modelled",
            "shares pay the fixed commission, and on sales the SEC and trading activity fees passed through",
        ],
    }
}

/// By premium, and less from 10,001, 50,001 and 100,001 contracts a month.
fn commissions(rows: &mut Vec<FeeRow>) {
    use Component::Commission;
    // The 0.70 of older pages became 0.65 when Lite was announced with it.
    for (first, top, source) in [
        (day(2010, 1, 1), 700_000, IBKR_OLD),
        (day(2019, 10, 1), 650_000, IBKR),
    ] {
        let row = |each: i64| option(Commission, each, first, source).about();
        rows.extend([
            row(250_000).band(0, Some(50)),
            row(500_000).band(50, Some(100)),
            row(top).band(100, None),
            row(250_000).band(0, Some(50)).tier(10_000),
            row(500_000).band(50, None).tier(10_000),
            row(250_000).tier(50_000),
            row(150_000).tier(100_000),
        ]);
    }
}

fn regulators(rows: &mut Vec<FeeRow>) {
    use Component::{OptionsRegulatory, TradingActivity};
    let orf = |each, from| option(OptionsRegulatory, each, from, IBKR_ORF);
    rows.extend([
        orf(14_000, day(2010, 2, 1)),
        orf(40_400, day(2016, 2, 16)).about(),
        orf(37_800, day(2017, 2, 1)).about(),
        orf(37_900, day(2019, 2, 1)).about(),
        orf(38_800, day(2020, 2, 18)).about(),
        orf(21_350, day(2022, 2, 1)).about(),
        orf(26_850, day(2024, 1, 1)),
        orf(28_150, day(2025, 3, 3)),
    ]);
    let taf = |each, from| FeeRow {
        side: Some(Side::Sell),
        ..option(TradingActivity, each, from, TAF)
    };
    rows.extend([
        taf(2_000, day(2010, 1, 1)).about(),
        taf(2_180, day(2022, 1, 1)),
        taf(2_440, day(2023, 1, 1)),
        taf(2_790, day(2024, 1, 1)),
    ]);
}

/// What a sale of shares pays to the SEC, by its value, and to FINRA, by the share and with a cap.
fn sales_of_shares(rows: &mut Vec<FeeRow>) {
    use Component::{SecuritiesSales, TradingActivity};
    let sale = |component, each, from, source| FeeRow {
        side: Some(Side::Sell),
        component,
        ..share(each, from, source)
    };
    // Dollars a million, in micro-dollars. Days marked are those of the advisories that were read.
    for (rate, from, exact) in [
        (22_100_000, day(2014, 3, 18), true),
        (18_400_000, day(2015, 2, 14), false),
        (21_800_000, day(2016, 2, 16), false),
        (23_100_000, day(2017, 7, 4), true),
        (13_000_000, day(2018, 5, 22), true),
        (20_700_000, day(2019, 4, 16), false),
        (22_100_000, day(2020, 2, 18), false),
        (5_100_000, day(2021, 2, 25), true),
        (22_900_000, day(2022, 5, 14), false),
        (8_000_000, day(2023, 2, 27), false),
        (27_800_000, day(2024, 5, 22), false),
        (0, day(2025, 5, 14), true),
    ] {
        rows.push(FeeRow {
            per_million: Usd(rate),
            exact_day: exact,
            ..sale(SecuritiesSales, 0, from, SEC)
        });
    }
    for (each, cap, from) in [
        (119, 5_950_000, day(2012, 7, 1)),
        (130, 6_490_000, day(2022, 1, 1)),
        (145, 7_270_000, day(2023, 1, 1)),
        (166, 8_300_000, day(2024, 1, 1)),
    ] {
        let row = sale(TradingActivity, each, from, TAF).capped(cap);
        rows.push(if from < day(2022, 1, 1) { row.about() } else { row });
    }
}

fn clearing(rows: &mut Vec<FeeRow>) {
    let occ = |each, from, source| option(Component::Clearing, each, from, source);
    let most = 55_000_000;
    rows.extend([
        occ(50_000, day(2016, 2, 16), OCC_2016).capped(most).about(),
        occ(55_000, day(2018, 3, 1), OCC_2018).capped(most).about(),
        occ(45_000, day(2020, 9, 1), OCC_2020).capped(most),
        occ(20_000, day(2021, 6, 1), OCC_2020).capped(most),
        occ(25_000, day(2025, 1, 1), OCC_2025),
    ]);
}

fn exchange(rows: &mut Vec<FeeRow>) {
    let fee = |each, from, source| option(Component::Exchange, each, from, source);
    let dollar = 1_000;
    let (y2018, y2020) = (day(2018, 11, 6), day(2020, 2, 18));
    for (symbols, first, low, high, source) in [
        (SPX, y2018, 350_000, 440_000, CBOE_2018),
        (SPXW, y2018, 480_000, 570_000, SPXW_2018),
        (SPX, y2020, 360_000, 450_000, CBOE_NOW),
        (SPXW, y2020, 490_000, 580_000, SPXW_NOW),
    ] {
        rows.push(fee(low, first, source).of(symbols).band(0, Some(dollar)).about());
        rows.push(fee(high, first, source).of(symbols).band(dollar, None).about());
    }
    // VIX by premium: (from, below, single, package).
    let vix = [
        (0, Some(110), 100_000, 50_000),
        (110, Some(1_000), 250_000, 170_000),
        (1_000, Some(2_000), 400_000, 300_000),
        (2_000, None, 450_000, 450_000),
    ];
    for (from, below, single, complex) in vix {
        for (package, each) in [(false, single), (true, complex)] {
            let row = fee(each, y2018, CBOE_2020).of(VIX).band(from, below).about();
            rows.push(FeeRow {
                package: Some(package),
                ..row
            });
        }
    }
    for (each, first, source) in [(40_000, y2018, CBOE_2021), (70_000, day(2022, 1, 1), TASTY)] {
        let row = fee(each, first, source).of(XSP).about();
        rows.push(FeeRow {
            contracts_from: 10,
            ..row
        });
    }
}

fn futures(rows: &mut Vec<FeeRow>) {
    use Component::{Commission, Exchange, FuturesRegulatory};
    let first = day(2019, 1, 1);
    for (month, full, micro) in [
        (0, 850_000, 250_000),
        (1_000, 650_000, 200_000),
        (10_000, 450_000, 150_000),
        (20_000, 250_000, 100_000),
    ] {
        rows.push(future(Commission, full, first, IBKR_FUTURES).tier(month).about());
        rows.push(
            future(Commission, micro, first, IBKR_FUTURES)
                .of(MICRO)
                .tier(month)
                .about(),
        );
    }
    let fee = |each, from, source| future(Exchange, each, from, source);
    rows.extend([
        fee(1_400_000, day(2017, 12, 10), CFE).of(VX).about(),
        fee(1_470_000, day(2019, 8, 1), CFE).of(VX).about(),
        fee(1_510_000, day(2023, 10, 1), CFE).of(VX).about(),
        fee(200_000, day(2020, 8, 10), CFE).of(VXM),
        fee(1_280_000, day(2021, 1, 1), CME).of(ES).about(),
        fee(1_380_000, day(2024, 1, 1), CME).of(ES).about(),
        fee(300_000, day(2021, 1, 1), CME).of(MES).about(),
        fee(350_000, day(2024, 1, 1), CME).of(MES).about(),
        future(FuturesRegulatory, 20_000, first, NFA).about(),
    ]);
}
