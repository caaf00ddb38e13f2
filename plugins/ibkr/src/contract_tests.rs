use super::*;

fn opt(class: &str, underlying: &str, expiry: u32, right: Right, strike: i64) -> Instrument {
    let word = |text| Word::new(text).unwrap();
    Instrument {
        kind: Kind::Option,
        symbol: word(underlying),
        class: word(class),
        currency: word("USD"),
        expiry,
        right: Some(right),
        strike_e9: strike * NANO,
        multiplier_e9: 100 * NANO,
    }
}

fn fut(class: &str, underlying: &str, expiry: u32, multiplier: i64) -> Instrument {
    Instrument {
        kind: Kind::Future,
        symbol: Word::new(underlying).unwrap(),
        class: Word::new(class).unwrap(),
        currency: Word::new("USD").unwrap(),
        expiry,
        right: None,
        strike_e9: 0,
        multiplier_e9: multiplier * NANO,
    }
}

struct Row<'a> {
    con_id: i32,
    class: &'a str,
    symbol: &'a str,
    last_trade: &'a str,
    local: &'a str,
    real: &'a str,
}

/// The details of an option as the broker gives them.
fn details(row: &Row<'_>, right: OptionRight, strike: f64) -> ContractDetails {
    ContractDetails {
        contract: Contract {
            contract_id: row.con_id,
            symbol: row.symbol.into(),
            security_type: SecurityType::Option,
            last_trade_date_or_contract_month: row.last_trade.to_owned(),
            strike,
            right: Some(right),
            multiplier: "100".to_owned(),
            exchange: "SMART".into(),
            currency: "USD".into(),
            local_symbol: row.local.to_owned(),
            trading_class: row.class.to_owned(),
            ..Contract::default()
        },
        real_expiration_date: row.real.to_owned(),
        ..ContractDetails::default()
    }
}

#[test]
fn morning_and_close_settled_contracts_of_one_day_and_strike_are_two() {
    // On the third Friday both are listed; the morning one trades last on Thursday.
    let morning = Row {
        con_id: 11,
        class: "SPX",
        symbol: "SPX",
        last_trade: "20260115",
        local: "SPX   260116P05800000",
        real: "20260116",
    };
    let close = Row {
        con_id: 12,
        class: "SPXW",
        symbol: "SPX",
        last_trade: "20260116",
        local: "SPXW  260116P05800000",
        real: "20260116",
    };
    let rows = [
        details(&morning, OptionRight::Put, 5800.0),
        details(&close, OptionRight::Put, 5800.0),
    ];
    for (class, con_id) in [("SPX", 11), ("SPXW", 12)] {
        let wanted = opt(class, "SPX", 20_260_116, Right::Put, 5800);
        let found = pick(&wanted, &rows).unwrap().unwrap();
        assert_eq!((found.con_id, found.exchange.as_str()), (con_id, "SMART"));
        assert_eq!(found.instrument, wanted);
    }
}

#[test]
fn an_expiry_is_read_from_the_local_symbol_the_details_or_the_last_trading_day() {
    let right = OptionRight::Call;
    let vix = opt("VIX", "VIX", 20_260_121, Right::Call, 20);
    // Tuesday is the last trading day of what expires on Wednesday.
    let local = Row {
        con_id: 1,
        class: "VIX",
        symbol: "VIX",
        last_trade: "20260120",
        local: "VIX   260121C00020000",
        real: "",
    };
    assert_eq!(identify(&details(&local, right, 20.0).contract, None), Ok(vix));
    let real = Row {
        local: "",
        real: "20260121",
        ..local
    };
    let row = details(&real, right, 20.0);
    assert_eq!(identify(&row.contract, Some(&row.real_expiration_date)), Ok(vix));
    // Without either, a morning-settled one cannot be told: the last trading day would be a day too early.
    assert_eq!(identify(&row.contract, None), Err(Unidentified::NeedsDetails));
    let weekly = Row {
        con_id: 2,
        class: "SPXW",
        symbol: "SPX",
        last_trade: "20260114",
        local: "",
        real: "",
    };
    assert_eq!(
        identify(&details(&weekly, right, 6000.0).contract, None),
        Ok(opt("SPXW", "SPX", 20_260_114, Right::Call, 6000))
    );
}

#[test]
fn a_last_trading_day_that_is_a_day_off_in_another_time_zone_does_not_mislead() {
    // Seen with gateways in Asia: the day comes shifted, the local symbol does not.
    let row = Row {
        con_id: 5,
        class: "SPXW",
        symbol: "SPX",
        last_trade: "20260117",
        local: "SPXW  260116C06000000",
        real: "",
    };
    let wanted = opt("SPXW", "SPX", 20_260_116, Right::Call, 6000);
    assert_eq!(
        pick(&wanted, &[details(&row, OptionRight::Call, 6000.0)])
            .unwrap()
            .unwrap()
            .con_id,
        5
    );
}

#[test]
fn a_contract_that_contradicts_itself_is_nobodys() {
    let row = Row {
        con_id: 5,
        class: "SPXW",
        symbol: "SPX",
        last_trade: "20260116",
        local: "SPXW  260116C06000000",
        real: "",
    };
    let put = details(&row, OptionRight::Put, 6000.0);
    assert!(
        matches!(identify(&put.contract, None), Err(Unidentified::Wrong(why)) if why.contains("local symbol"))
    );
}

#[test]
fn what_fits_twice_is_ambiguous_and_what_is_listed_on_two_exchanges_is_not() {
    let row = |con_id| Row {
        con_id,
        class: "XSP",
        symbol: "XSP",
        last_trade: "20260116",
        local: "",
        real: "",
    };
    let wanted = opt("XSP", "XSP", 20_260_116, Right::Put, 580);
    let rows = [
        details(&row(7), OptionRight::Put, 580.0),
        details(&row(7), OptionRight::Put, 580.0),
    ];
    assert_eq!(pick(&wanted, &rows).unwrap().unwrap().con_id, 7);
    let rows = [
        details(&row(7), OptionRight::Put, 580.0),
        details(&row(8), OptionRight::Put, 580.0),
    ];
    assert_eq!(
        pick(&wanted, &rows).unwrap_err(),
        "`XSP 20260116 P580` is ambiguous: contracts 7, 8 all fit it"
    );
    assert_eq!(pick(&wanted, &[]), Ok(None));
}

#[test]
fn futures_are_told_apart_by_symbol_and_multiplier_and_dated_by_their_last_day() {
    let contract = |symbol: &str, multiplier: &str, last: &str| Contract {
        contract_id: 9,
        symbol: symbol.into(),
        security_type: SecurityType::Future,
        last_trade_date_or_contract_month: last.to_owned(),
        multiplier: multiplier.to_owned(),
        exchange: "".into(),
        currency: "USD".into(),
        ..Contract::default()
    };
    for (symbol, multiplier, wanted) in [
        ("VIX", "1000", fut("VX", "VIX", 20_260_121, 1000)),
        ("VXM", "100", fut("VXM", "VIX", 20_260_121, 100)),
        ("ES", "50", fut("ES", "SPX", 20_260_121, 50)),
        ("MES", "5", fut("MES", "SPX", 20_260_121, 5)),
    ] {
        assert_eq!(
            identify(&contract(symbol, multiplier, "20260121"), None),
            Ok(wanted)
        );
    }
    assert_eq!(
        identify(&contract("VIX", "1000", "202601"), None),
        Err(Unidentified::NeedsDetails)
    );
    assert!(matches!(
        identify(&contract("VIX", "100", "20260121"), None),
        Err(Unidentified::Foreign(_))
    ));
    assert!(matches!(
        identify(&contract("CL", "1000", "20260121"), None),
        Err(Unidentified::Foreign(_))
    ));
}

#[test]
fn morning_settled_options_are_asked_for_by_month_and_others_by_day() {
    let asked = |i: &Instrument| -> Vec<String> {
        queries(i)
            .unwrap()
            .into_iter()
            .map(|c| format!("{} {}", c.trading_class, c.last_trade_date_or_contract_month))
            .collect()
    };
    assert_eq!(
        asked(&opt("SPX", "SPX", 20_260_116, Right::Put, 5800)),
        ["SPX 202601"]
    );
    assert_eq!(
        asked(&opt("SPXW", "SPX", 20_260_116, Right::Put, 5800)),
        ["SPXW 20260116", "SPXW 202601"]
    );
    // Expires on New Year's first Wednesday: last traded in the year before.
    assert_eq!(
        asked(&opt("VIXW", "VIX", 20_250_102, Right::Call, 20)),
        ["VIXW 202501", "VIXW 202412"]
    );
    assert_eq!(
        asked(&fut("VX", "VIX", 20_260_121, 1000)),
        [" 20260121", " 202601"]
    );
}

#[test]
fn an_instrument_that_does_not_agree_with_its_class_is_refused_in_words() {
    let mut wrong = opt("SPXW", "SPX", 20_260_116, Right::Put, 5800);
    wrong.symbol = wrong.class;
    assert_eq!(
        class_of(&wrong).unwrap_err(),
        "`SPXW 20260116 P5800`: the underlying of SPXW is SPX, not `SPXW`"
    );
    let unknown = opt("RUT", "RUT", 20_260_116, Right::Put, 2000);
    assert_eq!(
        class_of(&unknown).unwrap_err(),
        "`RUT 20260116 P2000`: no trading class `RUT` is known here"
    );
    let mut strikeless = opt("SPX", "SPX", 20_260_116, Right::Put, 5800);
    strikeless.strike_e9 = 0;
    assert!(class_of(&strikeless).is_err());
    let mut small = fut("ES", "SPX", 20_260_320, 50);
    small.multiplier_e9 = 5 * NANO;
    assert!(class_of(&small).is_err());
}
