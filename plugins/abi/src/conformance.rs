//! What every indicator must do, as checks that can be run on any of them: by an author as unit tests, by `alula plugin check`
//! in a process of its own for each check. Inputs are invented from a fixed sequence.

mod broker;
mod feed;

pub use broker::{BROKER_CASES, BrokerCase, Fresh};

use crate::float::Mode;
use crate::host::{Factory, FaultKind, Given, IndicatorInfo, Instance, PortInfo, Row};
use feed::{Columns, Feed, Lent};
use std::sync::Arc;

/// A check.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// Name, as `alula plugin check` shows it.
    pub name: &'static str,
    /// What it proves.
    pub about: &'static str,
    /// Runs it.
    pub run: fn(&Factory, &Arc<IndicatorInfo>) -> Result<(), String>,
}

/// All checks.
pub const CASES: &[Case] = &[
    Case {
        name: "parameters",
        about: "values out of range, unknown names, wrong kinds and duplicates are refused",
        run: parameters,
    },
    Case {
        name: "values",
        about: "outputs are finite and in their ranges, and none comes before the warm-up ends",
        run: values,
    },
    Case {
        name: "repeats",
        about: "two instances with the same inputs give the same bits, also when they take turns",
        run: repeats,
    },
    Case {
        name: "batch",
        about: "rows at once, in pieces of any size, and one by one give the same bits",
        run: batch,
    },
    Case {
        name: "no_lookahead",
        about: "what a row gives rests on no later row, and on nothing that it was lent for an earlier one",
        run: no_lookahead,
    },
    Case {
        name: "state",
        about: "saved anywhere and loaded into a used instance, it goes on bit for bit",
        run: state,
    },
    Case {
        name: "damage",
        about: "damaged, empty and foreign state is refused or does no harm",
        run: damage,
    },
    Case {
        name: "reset",
        about: "after a reset it is as new",
        run: reset,
    },
    Case {
        name: "threads",
        about: "it goes on when it is moved to another thread between rows",
        run: threads,
    },
    Case {
        name: "extremes",
        about: "the largest, smallest and subnormal inputs do no harm",
        run: extremes,
    },
    Case {
        name: "lifetime",
        about: "it can be made and destroyed twenty thousand times",
        run: lifetime,
    },
];

/// Rows of invented inputs.
const ROWS: usize = 600;
/// Rows beyond the warm-up, at least.
const BEYOND: u64 = 200;
/// Instances made and destroyed by `lifetime`.
pub const LIVES: u32 = 20_000;

/// A fixed sequence: `SplitMix64`.
#[derive(Clone, Debug)]
struct Draws(u64);

impl Draws {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// In 0..1.
    fn unit(&mut self) -> f64 {
        let high = u32::try_from(self.next() >> 32).unwrap_or(0);
        f64::from(high) / 4_294_967_296.0
    }

    fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() % (n.max(1) as u64)).unwrap_or(0)
    }
}

/// Lanes of inputs as a market gives them: opens, highs, lows and closes fit together, truth values are 0 or 1, and everything
/// lies in its range.
#[must_use]
pub fn invented(info: &IndicatorInfo, rows: usize, seed: u64) -> Vec<Vec<f64>> {
    let mut draws = Draws(seed);
    let mut lanes = vec![Vec::with_capacity(rows); info.inputs.len()];
    let mut close: f64 = 20.0 + 80.0 * draws.unit();
    let mut own: Vec<f64> = info.inputs.iter().map(|_| 10.0 + 20.0 * draws.unit()).collect();
    for _ in 0..rows {
        let open = close;
        close = (close * (1.0 + 0.06 * (draws.unit() - 0.5))).clamp(1.0, 1e6);
        let high = open.max(close) * (1.0 + 0.01 * draws.unit());
        let low = open.min(close) * (1.0 - 0.01 * draws.unit());
        for ((lane, port), level) in lanes.iter_mut().zip(&info.inputs).zip(&mut own) {
            *level = (*level * (1.0 + 0.1 * (draws.unit() - 0.5))).clamp(1.0, 1e6);
            let x = match port.name.as_str() {
                "open" => open,
                "high" => high,
                "low" => low,
                "close" => close,
                _ => *level,
            };
            lane.push(inside(port, x, draws.unit()));
        }
    }
    lanes
}

/// `x` if the port takes it, and something else that it takes if not.
fn inside(port: &PortInfo, x: f64, share: f64) -> f64 {
    if port.is_bool() {
        return if share < 0.5 { 0.0 } else { 1.0 };
    }
    if port.holds(x) {
        return x;
    }
    match (port.lo, port.hi) {
        (Some(lo), Some(hi)) => (lo + (hi - lo) * share).clamp(lo, hi),
        (Some(lo), None) => lo + share * lo.abs().max(1.0),
        (None, Some(hi)) => hi - share * hi.abs().max(1.0),
        (None, None) => x,
    }
}

/// What a row gave, bit for bit.
type Seen = (Row, Vec<u64>);

fn default_of(factory: &Factory, info: &Arc<IndicatorInfo>) -> Result<Instance, String> {
    let values: Vec<f64> = info.params.iter().map(|p| p.default).collect();
    factory
        .create(info, &values)
        .map_err(|f| format!("it refuses its own defaults: {f}"))
}

fn alive(instance: &Instance) -> Result<(), String> {
    match instance.fault() {
        Some(fault) => Err(fault.text.clone()),
        None => Ok(()),
    }
}

/// Rows that show more than the warm-up; of chains, which are large, fewer.
fn enough(instance: &Instance) -> usize {
    let (beyond, least) = if instance.info().chain {
        (BEYOND / 10, ROWS / 10)
    } else {
        (BEYOND, ROWS)
    };
    let wanted = instance.warmup().saturating_add(beyond);
    usize::try_from(wanted)
        .unwrap_or(usize::MAX)
        .clamp(least, 200_000)
}

fn bits_of(row: Row, outputs: impl Iterator<Item = f64>) -> Seen {
    match row {
        Row::Ready => (row, outputs.map(f64::to_bits).collect()),
        row => (row, Vec::new()),
    }
}

fn one(instance: &mut Instance, feed: &Feed, at: usize) -> Seen {
    let row = feed.pass(instance, at);
    bits_of(row, instance.outputs().iter().copied())
}

fn stream(instance: &mut Instance, feed: &Feed, rows: std::ops::Range<usize>) -> Vec<Seen> {
    rows.map(|at| one(instance, feed, at)).collect()
}

fn at_once(instance: &mut Instance, feed: &Feed, rows: std::ops::Range<usize>) -> Vec<Seen> {
    let (said, out) = feed.pass_all(instance, rows);
    said.into_iter()
        .enumerate()
        .map(|(at, row)| bits_of(row, out.iter().filter_map(|lane| lane.get(at)).copied()))
        .collect()
}

fn same(what: &str, a: &[Seen], b: &[Seen]) -> Result<(), String> {
    if a.len() != b.len() {
        return Err(format!("{what}: {} rows and {}", a.len(), b.len()));
    }
    let values = |seen: &Seen| -> Vec<f64> { seen.1.iter().map(|b| f64::from_bits(*b)).collect() };
    match a.iter().zip(b).position(|(a, b)| a != b) {
        None => Ok(()),
        Some(at) => match (a.get(at), b.get(at)) {
            (Some(a), Some(b)) => Err(format!(
                "{what}: row {at} gives {:?} {:?} and {:?} {:?}",
                a.0,
                values(a),
                b.0,
                values(b)
            )),
            _ => Err(format!("{what}: row {at} differs")),
        },
    }
}

fn parameters(factory: &Factory, info: &Arc<IndicatorInfo>) -> Result<(), String> {
    let defaults: Vec<Given> = info.params.iter().map(|p| Given::of(p, p.default)).collect();
    let refused = |what: &str, given: &[Given]| match factory.try_create(&info.id, given) {
        Ok(()) => Err(format!("it takes {what}")),
        Err(fault) if fault.kind == FaultKind::Panicked => Err(format!("{what}: {fault}")),
        Err(fault) if fault.kind != FaultKind::Parameters => {
            Err(format!("{what} is not refused as a wrong argument: {fault}"))
        }
        Err(_) => Ok(()),
    };
    let unknown = Given {
        name: "no_such_parameter".to_owned(),
        whole: false,
        i: 0,
        f: 1.0,
    };
    refused("an unknown parameter", &[unknown])?;
    if factory.try_create("no_such_indicator", &[]).is_ok() {
        return Err("it makes an indicator that it does not have".to_owned());
    }
    for (param, default) in info.params.iter().zip(&defaults) {
        let name = &param.name;
        for value in [param.min, param.max] {
            // The ends may not go together with the others' defaults, which is a refusal like any other.
            match factory.try_create(&info.id, &[Given::of(param, value)]) {
                Err(fault) if fault.kind != FaultKind::Parameters => {
                    return Err(format!("`{name}` = {value}, an end of its own range: {fault}"));
                }
                _ => {}
            }
        }
        let mut wrong = Vec::new();
        if param.whole {
            let below = Given::of(param, param.min).i.checked_sub(1);
            let above = Given::of(param, param.max).i.checked_add(1);
            for i in [below, above, Some(i64::MIN), Some(i64::MAX)]
                .into_iter()
                .flatten()
            {
                wrong.push(Given { i, ..default.clone() });
            }
        } else {
            let step = (param.max - param.min).abs().max(1.0);
            for f in [
                param.min - step,
                param.max + step,
                f64::NAN,
                f64::INFINITY,
                f64::NEG_INFINITY,
            ] {
                wrong.push(Given { f, ..default.clone() });
            }
        }
        for given in wrong {
            let value = if param.whole {
                given.i.to_string()
            } else {
                given.f.to_string()
            };
            refused(&format!("`{name}` = {value}"), &[given])?;
        }
        let other_kind = Given {
            whole: !param.whole,
            i: 1,
            f: 1.0,
            ..default.clone()
        };
        refused(&format!("`{name}` of the wrong kind"), &[other_kind])?;
        refused(&format!("`{name}` twice"), &[default.clone(), default.clone()])?;
    }
    Ok(())
}

fn values(factory: &Factory, info: &Arc<IndicatorInfo>) -> Result<(), String> {
    for seed in 1..=4 {
        let mut instance = default_of(factory, info)?;
        let rows = enough(&instance);
        let lanes = Feed::new(info, rows, seed);
        let seen = stream(&mut instance, &lanes, 0..rows);
        alive(&instance)?;
        if !seen.iter().any(|(row, _)| *row == Row::Ready) {
            return Err(format!(
                "no row of {} gives a value, and its warm-up is {} rows",
                seen.len(),
                instance.warmup()
            ));
        }
    }
    Ok(())
}

fn repeats(factory: &Factory, info: &Arc<IndicatorInfo>) -> Result<(), String> {
    let mut alone = default_of(factory, info)?;
    let rows = enough(&alone);
    let lanes = Feed::new(info, rows, 1);
    let others = Feed::new(info, rows, 2);
    let expected = stream(&mut alone, &lanes, 0..rows);
    alive(&alone)?;
    let (mut a, mut b) = (default_of(factory, info)?, default_of(factory, info)?);
    let mut seen = Vec::new();
    for at in 0..rows {
        seen.push(one(&mut a, &lanes, at));
        one(&mut b, &others, at);
    }
    same("alone and taking turns with another", &expected, &seen)?;
    if info.chain && alone.warmup() == 0 {
        // The host may begin at any snapshot.
        let mut each = Vec::new();
        for at in 0..rows {
            each.push(one(&mut default_of(factory, info)?, &lanes, at));
        }
        same("in a row and each with a new instance", &expected, &each)?;
    }
    Ok(())
}

/// The same beginning with another end gives the same up to there; and what was lent for a row may be overwritten once it was passed.
fn no_lookahead(factory: &Factory, info: &Arc<IndicatorInfo>) -> Result<(), String> {
    let mut whole = default_of(factory, info)?;
    let rows = enough(&whole);
    let feed = Feed::new(info, rows, 3);
    let expected = stream(&mut whole, &feed, 0..rows);
    alive(&whole)?;
    let other = Feed::new(info, rows, 29);
    for cut in [rows / 4, rows / 2, rows.saturating_sub(1)] {
        let spliced = feed.until(cut, &other);
        let before = expected.get(..cut).unwrap_or_default();
        for (how, seen) in [
            (
                "row by row",
                stream(&mut default_of(factory, info)?, &spliced, 0..rows),
            ),
            (
                "at once",
                at_once(&mut default_of(factory, info)?, &spliced, 0..rows),
            ),
        ] {
            let what = format!("{how}, with other rows from row {cut} on");
            same(&what, before, seen.get(..cut).unwrap_or_default())?;
        }
    }
    let mut keeps = default_of(factory, info)?;
    let mut lent = Lent::default();
    let mut seen = Vec::with_capacity(rows);
    for at in 0..rows {
        let row = feed.lend(&mut keeps, at, &mut lent);
        seen.push(bits_of(row, keeps.outputs().iter().copied()));
    }
    same(
        "from memory of its own and from memory that was lent",
        &expected,
        &seen,
    )
}

fn batch(factory: &Factory, info: &Arc<IndicatorInfo>) -> Result<(), String> {
    let mut by_row = default_of(factory, info)?;
    let rows = enough(&by_row);
    let lanes = Feed::new(info, rows, 3);
    let expected = stream(&mut by_row, &lanes, 0..rows);
    alive(&by_row)?;
    let mut whole = default_of(factory, info)?;
    same(
        "one by one and at once",
        &expected,
        &at_once(&mut whole, &lanes, 0..rows),
    )?;
    let mut draws = Draws(11);
    for _ in 0..8 {
        let mut pieces = default_of(factory, info)?;
        let mut seen = Vec::new();
        while seen.len() < rows {
            let end = (seen.len() + 1 + draws.below(97)).min(rows);
            let piece = seen.len()..end;
            seen.extend(if draws.below(3) == 0 {
                stream(&mut pieces, &lanes, piece)
            } else {
                at_once(&mut pieces, &lanes, piece)
            });
        }
        same("one by one and in pieces", &expected, &seen)?;
    }
    Ok(())
}

fn state(factory: &Factory, info: &Arc<IndicatorInfo>) -> Result<(), String> {
    let mut whole = default_of(factory, info)?;
    let rows = enough(&whole);
    let lanes = Feed::new(info, rows, 4);
    let others = Feed::new(info, rows, 5);
    let expected = stream(&mut whole, &lanes, 0..rows);
    alive(&whole)?;
    let warmup = usize::try_from(whole.warmup()).unwrap_or(rows).min(rows);
    let mut points = vec![
        0,
        1,
        warmup.saturating_sub(1),
        warmup,
        warmup + 1,
        rows / 2,
        rows - 1,
    ];
    points.retain(|p| *p < rows);
    points.sort_unstable();
    points.dedup();
    for point in points {
        let mut first = default_of(factory, info)?;
        stream(&mut first, &lanes, 0..point);
        let bytes = first.bare_state().map_err(|f| f.text)?;
        let mut second = default_of(factory, info)?;
        stream(&mut second, &others, 0..rows / 3);
        second
            .load_bare(info.state_version, &bytes)
            .map_err(|f| format!("it does not take its own state of row {point}: {f}"))?;
        let again = second.bare_state().map_err(|f| f.text)?;
        if again != bytes {
            return Err(format!(
                "loaded and saved again, the state of row {point} is another"
            ));
        }
        // The count of rows goes with the sealed state.
        let mut sealed = Vec::new();
        first.save(&mut sealed);
        second.load(&sealed);
        let rest = stream(&mut second, &lanes, point..rows);
        same(
            &format!("saved and loaded at row {point}"),
            expected.get(point..).unwrap_or_default(),
            &rest,
        )?;
    }
    Ok(())
}

fn damage(factory: &Factory, info: &Arc<IndicatorInfo>) -> Result<(), String> {
    let mut instance = default_of(factory, info)?;
    let lanes = Feed::new(info, enough(&instance), 6);
    let half = enough(&instance) / 2;
    stream(&mut instance, &lanes, 0..half);
    alive(&instance)?;
    let bytes = instance.bare_state().map_err(|f| f.text)?;
    let mut draws = Draws(12);
    let mut victim = default_of(factory, info)?;
    let mut attempt = |version: u32, bytes: &[u8]| -> Result<bool, String> {
        let taken = match victim.load_bare(version, bytes) {
            Ok(()) => true,
            Err(fault) if matches!(fault.kind, FaultKind::Panicked | FaultKind::Mode) => {
                return Err(format!("damaged state: {fault}"));
            }
            Err(_) => false,
        };
        // Whatever it made of them, it must not crash; what it gives is checked as always.
        for at in 0..3 {
            one(&mut victim, &lanes, at);
        }
        if victim.fault().is_some() {
            victim.reset();
        }
        Ok(taken)
    };
    if attempt(info.state_version.wrapping_add(1), &bytes)? {
        return Err("it takes state of a version that does not exist yet".to_owned());
    }
    if !bytes.is_empty() && attempt(info.state_version, &[])? {
        return Err("it takes empty bytes as state".to_owned());
    }
    for _ in 0..2000 {
        let mut wrong = bytes.clone();
        match draws.below(4) {
            0 => wrong.truncate(draws.below(bytes.len())),
            1 => wrong.push(0),
            _ => {
                for _ in 0..=draws.below(3) {
                    let at = draws.below(wrong.len());
                    if let Some(byte) = wrong.get_mut(at) {
                        *byte ^= 1 << draws.below(8);
                    }
                }
            }
        }
        attempt(info.state_version, &wrong)?;
    }
    Ok(())
}

fn reset(factory: &Factory, info: &Arc<IndicatorInfo>) -> Result<(), String> {
    let mut fresh = default_of(factory, info)?;
    let rows = enough(&fresh);
    let lanes = Feed::new(info, rows, 7);
    let expected = stream(&mut fresh, &lanes, 0..rows);
    for used in [1, rows / 2, rows] {
        let mut instance = default_of(factory, info)?;
        stream(&mut instance, &Feed::new(info, rows, 8), 0..used);
        instance.reset();
        let seen = stream(&mut instance, &lanes, 0..rows);
        same(&format!("new and reset after {used} rows"), &expected, &seen)?;
    }
    Ok(())
}

fn threads(factory: &Factory, info: &Arc<IndicatorInfo>) -> Result<(), String> {
    let mut stays = default_of(factory, info)?;
    let rows = enough(&stays);
    let lanes = Feed::new(info, rows, 9);
    let expected = stream(&mut stays, &lanes, 0..rows);
    let mut moved = default_of(factory, info)?;
    let mut seen = Vec::new();
    for piece in 0..4 {
        let range = piece * rows / 4..(piece + 1) * rows / 4;
        let part = std::thread::scope(|s| s.spawn(|| stream(&mut moved, &lanes, range)).join());
        seen.extend(part.map_err(|_| "the thread panicked".to_owned())?);
    }
    same("on one thread and on several", &expected, &seen)
}

fn extremes(factory: &Factory, info: &Arc<IndicatorInfo>) -> Result<(), String> {
    const WILD: [f64; 10] = [
        1e308,
        -1e308,
        5e-324,
        -5e-324,
        0.0,
        -0.0,
        f64::MAX,
        f64::MIN_POSITIVE,
        1.0,
        -1.0,
    ];
    let mut draws = Draws(13);
    let mut instance = default_of(factory, info)?;
    for _ in 0..enough(&instance).saturating_mul(4) {
        if info.chain {
            instance.update_chain(&Columns::wild(&mut draws, &WILD).chain());
            gone_well(&mut instance)?;
            continue;
        }
        let row: Vec<f64> = info
            .inputs
            .iter()
            .map(|port| {
                let wild = WILD.get(draws.below(WILD.len())).copied().unwrap_or(0.0);
                let edge = [port.lo, port.hi].into_iter().flatten().nth(draws.below(2));
                if port.holds(wild) {
                    wild
                } else {
                    edge.unwrap_or_else(|| inside(port, 1.0, 0.5))
                }
            })
            .collect();
        instance.update(&row);
        gone_well(&mut instance)?;
    }
    Ok(())
}

/// An overflow to infinity ends the instance, as it should; a panic or another mode is a defect.
fn gone_well(instance: &mut Instance) -> Result<(), String> {
    if let Some(fault) = instance.fault() {
        if matches!(fault.kind, FaultKind::Panicked | FaultKind::Mode) {
            return Err(fault.text.clone());
        }
        instance.reset();
    }
    Ok(())
}

fn lifetime(factory: &Factory, info: &Arc<IndicatorInfo>) -> Result<(), String> {
    let lanes = Feed::small(info, 10);
    for _ in 0..LIVES {
        let mut instance = default_of(factory, info)?;
        one(&mut instance, &lanes, 0);
    }
    if Mode::now() == Mode::PLAIN {
        Ok(())
    } else {
        Err("it changed the floating-point mode".to_owned())
    }
}
