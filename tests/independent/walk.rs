//! `rules/weekly_condor.alula` by hand: what a careful trader would have done with the rule on paper, day by day.
//!
//! Money is whole micro-dollars, prices whole mills. Three values of every amount: mid, 60% of the half-spread, natural.

use super::black::{Terms, forward};
use super::chains::{Data, Day, Quote, Right};
use super::ledger::{
    CAPITAL, DayEnd, Fate, Fill, Held, Kind, Leg, Numbers, Ordered, Outcome, Position, Reading, SHARE, Three,
    Trade, What,
};
use super::price::{
    PACKAGE_TICK, Priced, buy, change, closing, dollars, fees, intrinsic, opening, price, sell,
};
use chrono::NaiveDate;

const WING: i64 = 50_000;
/// Snapshots are taken to stand at 15:45, SPXW settles at 16:00.
const SECONDS_FROM_SNAPSHOT_TO_CLOSE: i64 = 15 * 60;

struct Walk<'a> {
    data: &'a Data,
    numbers: Numbers,
    reading: Reading,
    out: Outcome,
    cash: Three,
    /// Orders at work: place in the outcome's list, and what to do.
    working: Vec<(usize, What)>,
}

/// Walks every day of the data.
pub fn walk(data: &Data, numbers: Numbers, reading: Reading) -> Outcome {
    let out = Outcome {
        narrowest_pick: f64::INFINITY,
        ..Outcome::default()
    };
    let mut w = Walk {
        data,
        numbers,
        reading,
        out,
        cash: [CAPITAL; 3],
        working: Vec::new(),
    };
    for day in &data.days {
        w.settle_before(day.date);
        w.fill(day);
        w.mark(day);
        let equity = w.equity();
        w.out.at_snapshot.push((day.date, equity));
        w.decide(day, equity[SHARE]);
        // The day's own expiry settles a quarter of an hour after its snapshot.
        w.settle_before(day.date.succ_opt().expect("a tomorrow"));
        w.close_the_books(day);
    }
    w.out.last_equity = w.equity();
    w.out.last_cash = w.cash;
    w.out
}

impl Walk<'_> {
    fn equity(&self) -> Three {
        let mut total = self.cash;
        for p in &self.out.positions {
            for (t, v) in total.iter_mut().zip(p.value()) {
                *t += v;
            }
        }
        total
    }

    /// Writes the day's line.
    fn close_the_books(&mut self, day: &Day) {
        let equity = self.equity();
        let peak = |i: usize| {
            self.out
                .days
                .iter()
                .map(|d| d.equity[i])
                .fold(CAPITAL.max(equity[i]), i64::max)
        };
        self.out.days.push(DayEnd {
            date: day.date,
            equity,
            drawdown: [0, 1, 2].map(|i| peak(i) - equity[i]),
            cash: self.cash,
            fees: self.out.positions.iter().map(|p| p.fees).sum(),
            positions: self.out.positions.iter().filter(|p| p.open()).count(),
            underlying: day.underlying,
        });
    }

    fn position(&mut self, number: u32) -> &mut Position {
        &mut self.out.positions[number as usize - 1]
    }

    /// Books a trade on its position and on cash.
    fn book(&mut self, trade: Trade) {
        for (c, add) in self.cash.iter_mut().zip(trade.cash) {
            *c += add - trade.fees;
        }
        let p = self.position(trade.position);
        p.fees += trade.fees;
        for i in 0..3 {
            p.cash[i] += trade.cash[i];
            if matches!(trade.kind, Kind::Open | Kind::Roll) {
                p.credit[i] += trade.cash[i];
            }
        }
        self.out.trades.push(trade);
    }

    /// Cash settlement at the close of every expiry before a day, whether or not that day had a snapshot.
    fn settle_before(&mut self, day: NaiveDate) {
        for index in 0..self.out.positions.len() {
            let p = &self.out.positions[index];
            let Some(expiry) = p.held.first().map(|h| h.leg.expiry).filter(|e| *e < day) else {
                continue;
            };
            assert!(
                p.held.iter().all(|h| h.leg.expiry == expiry),
                "all legs of a condor expire together"
            );
            let close = self.data.close[&expiry];
            let fills: Vec<Fill> = closing(&p.legs())
                .into_iter()
                .map(|(leg, _)| {
                    let worth = intrinsic(leg.right, leg.strike, close);
                    Fill {
                        leg,
                        quote: Quote {
                            bid: worth,
                            ask: worth,
                        },
                    }
                })
                .collect();
            let net: i64 = fills.iter().map(|f| -f.leg.ratio * f.quote.bid).sum();
            let (number, lots) = (p.number, p.lots);
            self.book(Trade {
                on: expiry,
                decided: expiry,
                kind: Kind::Settle,
                position: number,
                rule: "expiry",
                lots,
                fills,
                net: [net; 3],
                cash: [dollars(net, lots); 3],
                fees: 0,
            });
            self.end(number, expiry, "expiry");
        }
    }

    fn end(&mut self, number: u32, on: NaiveDate, by: &'static str) {
        let p = self.position(number);
        p.held.clear();
        p.closed = Some((on, by));
    }

    /// Tries every order once; what does not fill is cancelled.
    fn fill(&mut self, day: &Day) {
        for (index, what) in std::mem::take(&mut self.working) {
            let held = what.position().map(|n| self.position(n).legs());
            let priced = match (&what, held) {
                (What::Open(legs), _) => price(day, &opening(legs), self.reading),
                (_, None) => continue,
                (_, Some(held)) if held.is_empty() => Err("settled before it could fill".to_owned()),
                (What::Close(_), Some(held)) => price(day, &closing(&held), self.reading),
                (What::Roll(_, legs), Some(held)) => {
                    price(day, &change(&held, legs), self.reading).and_then(|priced| self.roll_terms(priced))
                }
            };
            let order = &mut self.out.orders[index];
            match priced {
                Ok(priced) => {
                    order.fate = Fate::Filled(day.date);
                    let order = order.clone();
                    self.execute(day, &order, what, priced);
                }
                Err(why) => {
                    order.fate = Fate::Cancelled;
                    let note = format!("{} {} of {:?} not filled: {why}", day.date, order.rule, order.of);
                    self.out.notes.push(note);
                }
            }
        }
    }

    fn execute(&mut self, day: &Day, order: &Ordered, what: What, priced: Priced) {
        let (kind, number) = match what {
            What::Open(_) => {
                let open = u32::try_from(self.out.positions.len()).expect("a count");
                (Kind::Open, open + 1)
            }
            What::Close(n) => (Kind::Close, n),
            What::Roll(n, _) => (Kind::Roll, n),
        };
        if kind == Kind::Open {
            self.out
                .positions
                .push(Position::new(number, day.date, order.lots));
        }
        self.book(Trade {
            on: day.date,
            decided: order.decided,
            kind,
            position: number,
            rule: order.rule,
            lots: order.lots,
            fees: fees(&priced.premiums, order.lots),
            fills: priced.fills,
            net: priced.net,
            cash: priced.net.map(|n| dollars(n, order.lots)),
        });
        match what {
            What::Close(n) => self.end(n, day.date, order.rule),
            What::Open(legs) | What::Roll(_, legs) => {
                let p = self.position(number);
                p.held = legs
                    .iter()
                    .map(|l| Held {
                        leg: *l,
                        exit: [0; 3],
                    })
                    .collect();
                p.rolls += u32::from(kind == Kind::Roll);
            }
        }
    }

    /// Marks what is quoted; what is not keeps its last mark.
    fn mark(&mut self, day: &Day) {
        let reading = self.reading;
        for p in &mut self.out.positions {
            for h in &mut p.held {
                match day.quote(h.leg.expiry, h.leg.right, h.leg.strike) {
                    Some(q) => h.exit = if h.leg.ratio > 0 { sell(q, reading) } else { buy(q) },
                    None => self
                        .out
                        .notes
                        .push(format!("{} mark held: {:?}", day.date, h.leg)),
                }
            }
        }
    }

    fn terms(&self, day: &Day, expiry: NaiveDate) -> Option<Terms> {
        let seconds = (expiry - day.date).num_days() * 86_400 + SECONDS_FROM_SNAPSHOT_TO_CLOSE;
        let years = seconds as f64 / (365.0 * 86_400.0);
        // The newest rate of a day before this one: it was published on the session after its day.
        let (_, percent) = self.data.fed_funds.range(..day.date).next_back()?;
        let discount = libm::exp(-percent / 100.0 * years);
        let forward = forward(day.weeklys.get(&expiry)?, discount, self.reading.forward)?;
        Some(Terms {
            forward,
            years,
            discount,
        })
    }

    fn abs_delta(&self, day: &Day, leg: &Leg) -> Option<f64> {
        let quote = day.quote(leg.expiry, leg.right, leg.strike)?;
        self.terms(day, leg.expiry)?
            .abs_delta_at(leg.right, leg.strike as f64 / 1_000.0, quote.mid_points())
    }

    /// The condor that the structure describes, chosen from this snapshot.
    fn pick(&mut self, day: &Day) -> Result<Vec<Leg>, String> {
        let dte = |e: &NaiveDate| (*e - day.date).num_days();
        let expiry = day
            .weeklys
            .keys()
            .filter(|e| (10..=18).contains(&dte(e)))
            .min_by_key(|e| ((dte(e) - 14).abs(), **e))
            .copied()
            .ok_or("no expiry in 10..18 dte")?;
        let mut legs = Vec::new();
        for (right, outward) in [(Right::Put, -1), (Right::Call, 1)] {
            let short = self.short_strike(day, expiry, right)?;
            let long = short + outward * WING;
            if day.quote(expiry, right, long).is_none() {
                return Err(format!("the {right:?} wing {long} has no market"));
            }
            legs.push(Leg {
                expiry,
                right,
                strike: short,
                ratio: -1,
            });
            legs.push(Leg {
                expiry,
                right,
                strike: long,
                ratio: 1,
            });
        }
        Ok(legs)
    }

    /// The out-of-the-money strike of delta nearest to the wanted one; of two as near, the one further out.
    fn short_strike(&mut self, day: &Day, expiry: NaiveDate, right: Right) -> Result<i64, String> {
        let terms = self.terms(day, expiry).ok_or("no forward")?;
        let wanted = self.numbers.short_delta as f64 / 100.0;
        let mut ranked: Vec<(f64, f64, i64)> = Vec::new();
        for (&strike, quote) in &day.weeklys[&expiry].side(right).quotes {
            let k = strike as f64 / 1_000.0;
            let out_of_the_money = if right == Right::Put {
                k < terms.forward
            } else {
                k > terms.forward
            };
            if !out_of_the_money {
                continue;
            }
            if let Some(vol) = terms.implied_vol(right, k, quote.mid_points()) {
                let miss = (terms.abs_delta(right, k, vol) - wanted).abs();
                ranked.push((miss, -(k - terms.forward).abs(), strike));
            }
        }
        ranked.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
        let best = ranked.first().ok_or("no strike has an implied vol")?;
        if let Some(second) = ranked.get(1) {
            self.out.narrowest_pick = self.out.narrowest_pick.min(second.0 - best.0);
        }
        Ok(best.2)
    }

    /// Whether another open position holds one of these legs the other way round.
    fn conflicts(&mut self, day: &Day, legs: &[Leg], own: Option<u32>, rule: &str) -> bool {
        let clash = self
            .out
            .positions
            .iter()
            .filter(|p| Some(p.number) != own)
            .find_map(|p| {
                p.legs()
                    .into_iter()
                    .find(|h| legs.iter().any(|l| l.same_contract(h) && l.ratio * h.ratio < 0))
            });
        if let Some(leg) = clash {
            self.out
                .notes
                .push(format!("{} {rule}: held the other way round: {leg:?}", day.date));
        }
        clash.is_some() && self.reading.no_conflict
    }

    fn order(&mut self, day: &Day, rule: &'static str, lots: i64, what: What) {
        let (decided, of) = (day.date, what.position());
        self.working.push((self.out.orders.len(), what));
        self.out.orders.push(Ordered {
            rule,
            decided,
            lots,
            of,
            fate: Fate::Working,
        });
    }

    fn decide(&mut self, day: &Day, equity: i64) {
        let open: Vec<u32> = self
            .out
            .positions
            .iter()
            .filter(|p| p.open())
            .map(|p| p.number)
            .collect();
        let mut busy: Vec<u32> = Vec::new();
        let (rounded, target) = (self.reading.exit_rounded, self.numbers.profit_target);
        for &n in &open {
            let p = self.position(n);
            let (credit, lots, value) = (p.credit[SHARE], p.lots, p.value()[SHARE]);
            let mut profit = p.pnl()[SHARE];
            if rounded {
                let tick = dollars(PACKAGE_TICK, lots);
                profit -= value - value.div_euclid(tick) * tick;
            }
            let rule = if 100 * profit >= target * credit {
                "take_profit"
            } else if -profit >= 3 * credit {
                "stop"
            } else {
                continue;
            };
            if credit <= 0 {
                self.out
                    .notes
                    .push(format!("{} {rule} of {n} with a credit of {credit}", day.date));
            }
            self.order(day, rule, lots, What::Close(n));
            busy.push(n);
        }
        for &n in open.iter().filter(|n| !busy.contains(n)) {
            self.decide_roll(day, n);
        }
        if open.len() < 4 && self.vix_before(day.date).is_some_and(|vix| vix < 30.0) {
            self.decide_open(day, equity);
        }
    }

    /// The close of the session before: the day's own is not known at 15:45.
    fn vix_before(&self, day: NaiveDate) -> Option<f64> {
        self.data.vix_close.range(..day).next_back().map(|(_, v)| *v)
    }

    /// `require net credit >= $0` at the decision, `limit 0 pts` at the fill.
    fn roll_terms(&self, priced: Priced) -> Result<Priced, String> {
        if self.numbers.rolls_for_credit && priced.net[SHARE] < 0 {
            return Err(format!("it costs {:?}", priced.net));
        }
        Ok(priced)
    }

    fn decide_roll(&mut self, day: &Day, n: u32) {
        let p = self.position(n);
        let (legs, lots) = (p.legs(), p.lots);
        let shorts: Vec<Leg> = legs.iter().filter(|l| l.ratio < 0).copied().collect();
        let deltas: Vec<Option<f64>> = shorts.iter().map(|l| self.abs_delta(day, l)).collect();
        if deltas.contains(&None) {
            self.out.notes.push(format!(
                "{} roll of {n}: a short leg has no delta {deltas:?}",
                day.date
            ));
            return;
        }
        let tested = deltas.into_iter().flatten().fold(0.0, f64::max);
        let dte = legs
            .iter()
            .map(|l| (l.expiry - day.date).num_days())
            .min()
            .unwrap_or(0);
        if tested < self.numbers.tested_delta as f64 / 100.0 || dte > 7 {
            return;
        }
        let target = match self.pick(day) {
            Ok(target) => target,
            Err(why) => {
                self.out.notes.push(format!("{} roll of {n}: {why}", day.date));
                return;
            }
        };
        let priced = price(day, &change(&legs, &target), self.reading).and_then(|p| self.roll_terms(p));
        if let Err(why) = priced {
            self.out
                .notes
                .push(format!("{} roll of {n} not now: {why}", day.date));
            if self.reading.roll_needs_price || self.numbers.rolls_for_credit {
                return;
            }
        }
        if !self.conflicts(day, &target, Some(n), "roll") {
            self.order(day, "tested", lots, What::Roll(n, target));
        }
    }

    fn decide_open(&mut self, day: &Day, equity: i64) {
        let reading = self.reading;
        let picked = self
            .pick(day)
            .and_then(|legs| Ok((price(day, &opening(&legs), reading)?, legs)));
        let (priced, legs) = match picked {
            Ok(picked) => picked,
            Err(why) => {
                self.out.notes.push(format!("{} open: {why}", day.date));
                return;
            }
        };
        let credit = priced.net[SHARE];
        if 10 * credit < WING {
            self.out.notes.push(format!(
                "{} open: credit {credit} is under a tenth of the width",
                day.date
            ));
            return;
        }
        let loss_of_one = dollars(WING - credit, 1);
        let lots = (equity * self.numbers.risk_share / (10_000 * loss_of_one)).min(10);
        if lots < 1 {
            self.out
                .notes
                .push(format!("{} open: no lot is affordable", day.date));
        } else if !self.conflicts(day, &legs, None, "open") {
            self.order(day, "open", lots, What::Open(legs));
        }
    }
}
