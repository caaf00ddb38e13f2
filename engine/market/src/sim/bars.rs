//! Series of the simulated market.

use super::desk::{DIVIDENDS, Desk, World, depth};
use super::path::{Day, Edge, STEP_MINUTES};
use super::random::{mix, normal_at};
use super::rolling;
use crate::calendar::ExchangeCalendar;
use crate::contract::{FutureContract, FutureRoot, Share};
use crate::curve::FutureSeries;
use crate::series::{BarSize, SeriesData};
use crate::time::{Date, Instant};
use crate::vix::Family;
use chrono::Datelike as _;

/// How a series is computed on the edges of the grid, and between them.
#[derive(Clone, Copy)]
enum Kind {
    /// A multiple of SPX.
    Index { scale: f64, volume: f64 },
    /// The so-manieth quarterly E-mini future.
    Future(usize),
    /// A volatility index, by the formula on the chains.
    Vol(Family),
    /// The so-manieth monthly VX future.
    Vx(usize),
}

/// One bar in the making.
#[derive(Clone, Copy)]
struct Bar {
    open: f64,
    high: f64,
    low: f64,
    close: f64,
}

fn kind_of(id: &str) -> Option<Kind> {
    let index = |scale, volume| Some(Kind::Index { scale, volume });
    match id {
        "SPX" => index(1.0, 3.6e9),
        "XSP" => index(0.1, 0.0),
        "SPY" => index(0.0997, 7.5e7),
        "ES" | "MES" => Some(Kind::Future(1)),
        "VIX" => Some(Kind::Vol(Family::Vix)),
        "VIX9D" => Some(Kind::Vol(Family::Vix9d)),
        "VIX3M" => Some(Kind::Vol(Family::Vix3m)),
        "VIX6M" => Some(Kind::Vol(Family::Vix6m)),
        // Minis settle at the prices of their large contracts.
        _ => match FutureSeries::parse(id)? {
            FutureSeries::Place(root, place) if root.is_vix() => {
                (place <= VX_MONTHS).then_some(Kind::Vx(place))
            }
            FutureSeries::Place(_, place) => (place <= QUARTERS).then_some(Kind::Future(place)),
            FutureSeries::Contract(_) => None,
        },
    }
}

/// Monthly VX futures that are listed.
const VX_MONTHS: usize = 8;
/// Quarterly E-mini futures that are listed.
const QUARTERS: usize = 5;

/// The series of an id; `None` when the simulator has none.
pub(super) fn series(world: &World, id: &str, bars: BarSize) -> Option<SeriesData> {
    match (kind_of(id), bars) {
        (Some(kind), BarSize::Session) => Some(sessions(world, kind)),
        (Some(kind), BarSize::Minutes(n)) => intraday(world, kind, i64::from(n)),
        (None, BarSize::Session) => closes(world, id),
        (None, BarSize::Minutes(_)) => None,
    }
}

/// Series that have one value per session.
fn closes(world: &World, id: &str) -> Option<SeriesData> {
    let mut line = 0.0;
    match id {
        "VVIX" => Some(closing(world, |d| {
            Some(cents(d.index(d.day.close_at, Family::Vvix)?.value))
        })),
        "SKEW" => Some(closing(world, |d| {
            Some(cents(d.index(d.day.close_at, Family::Vix)?.skew))
        })),
        "NYSE.ADLINE" => Some(closing(world, |d| {
            line += d.day.net_advances;
            Some(line)
        })),
        "NYSE.ADVDEC" => Some(closing(world, |d| Some(d.day.net_advances))),
        // Contracts quoted at the touch near the money: thin when volatility is high.
        "SPX.DEPTH" => Some(closing(world, |d| {
            let vix = world.model.vix(d.day.last()?.state, 30.0);
            Some(depth(world.seed, d.day, vix).round())
        })),
        "VXX" => rolling::of(world, Share::Vxx),
        "VXZ" => rolling::of(world, Share::Vxz),
        "SET" => Some(opening(world, |d| set(world.seed, d.day))),
        "VRO" => Some(opening(world, |d| {
            settles_vix(d.day.date).then(|| vro(d)).flatten()
        })),
        // The overnight rate that the day's continuous one corresponds to (H.15: simple, on 360 days).
        "DFF" => Some(opening(world, |d| {
            Some(360.0 * (libm::exp(d.day.rate / 365.0) - 1.0))
        })),
        _ => {
            // A future by its expiry, VX monthly or weekly.
            let FutureSeries::Contract(contract) = FutureSeries::parse(id)? else {
                return None;
            };
            if contract.root.is_vix() {
                vx(world, &contract)
            } else {
                mini(world, &contract)
            }
        }
    }
}

/// Whether VIX series settle on a morning.
fn settles_vix(date: Date) -> bool {
    let calendar = ExchangeCalendar::nyse();
    (-1..=1).any(|n| {
        let wednesday = date.checked_add_signed(chrono::Duration::days(n));
        wednesday.is_some_and(|w| {
            w.weekday() == chrono::Weekday::Wed && calendar.vix_expiry_of_week(w) == Some(date)
        })
    })
}

/// The VX future of one expiry on the sessions on which it is listed: nine months for monthlys, six weeks for weeklys.
fn vx(world: &World, contract: &FutureContract) -> Option<SeriesData> {
    let expiry = contract.expiry;
    let settles = contract.settles_at().filter(|_| settles_vix(expiry))?;
    let monthly = contract.root.monthly_expiry(expiry.year(), expiry.month()) == Some(expiry);
    if contract.root != FutureRoot::Vx && !monthly {
        return None;
    }
    listed_closes(world, expiry, if monthly { 280 } else { 44 }, |d| {
        let scene = d.scene(d.day.close_at)?;
        Some(twentieths(d.future(&scene, settles)?.0))
    })
}

/// The E-mini future of one expiry on the sessions on which it is listed, five quarters: the forward of the index's options
/// that settle on the same morning.
fn mini(world: &World, contract: &FutureContract) -> Option<SeriesData> {
    let expiry = contract.expiry;
    let quarterly = contract.root.monthly_expiry(expiry.year(), expiry.month()) == Some(expiry);
    let settles = contract.settles_at().filter(|_| quarterly)?;
    listed_closes(world, expiry, 460, |d| {
        Some(quarters(d.day.last()?.spot * carry(d.day, settles)?))
    })
}

/// Closes of a contract on the sessions before its expiry, at most so many days ahead.
fn listed_closes(
    world: &World,
    expiry: Date,
    ahead: i64,
    value: impl FnMut(&Desk<'_>) -> Option<f64>,
) -> Option<SeriesData> {
    let days = &world.days;
    let from = days.partition_point(|d| (expiry - d.date).num_days() > ahead);
    let to = days.partition_point(|d| d.date < expiry);
    let data = closes_of(world, from..to.max(from), value);
    data.close.iter().any(Option::is_some).then_some(data)
}

fn closing(world: &World, value: impl FnMut(&Desk<'_>) -> Option<f64>) -> SeriesData {
    closes_of(world, 0..world.days.len(), value)
}

fn closes_of(
    world: &World,
    days: std::ops::Range<usize>,
    mut value: impl FnMut(&Desk<'_>) -> Option<f64>,
) -> SeriesData {
    let mut out = SeriesData::default();
    for n in days {
        let (Some(desk), Some(day)) = (world.desk(n), world.days.get(n)) else {
            continue;
        };
        out.date.push(day.date);
        out.starts_at.push(day.open_at);
        out.available_at.push(known_at(day));
        out.close.push(value(&desk));
    }
    out
}

/// Values that the opening makes: computed from opening trades, known a minute later.
fn opening(world: &World, mut value: impl FnMut(&Desk<'_>) -> Option<f64>) -> SeriesData {
    let mut out = closing(world, &mut value);
    for ((starts, known), day) in out
        .starts_at
        .iter_mut()
        .zip(&mut out.available_at)
        .zip(&world.days)
    {
        *starts = Instant(day.open_at.0 - 60);
        *known = day.open_at;
    }
    out
}

/// The session's numbers are all known when index options close.
pub(super) fn known_at(day: &Day) -> Instant {
    ExchangeCalendar::nyse()
        .options_close_at(day.date)
        .unwrap_or(day.close_at)
}

fn cents(x: f64) -> f64 {
    (x * 100.0).round() / 100.0
}

/// On the tick of VX futures.
pub(super) fn twentieths(x: f64) -> f64 {
    (x * 20.0).round() / 20.0
}

/// On the tick of E-mini futures.
fn quarters(x: f64) -> f64 {
    (x * 4.0).round() / 4.0
}

/// Values of a kind on the edges of a day.
///
/// A volatility index is the formula on the chains at the open, at every instant that has a snapshot, and at the close. On the
/// edges between it is the model's continuous index times the formula's factor over it, in a straight line from one such
/// instant to the next: there is no chain that anyone could hold against it, and pricing two expiries for each of 79
/// edges a day would cost more than all chains together.
struct Edges<'a> {
    kind: Kind,
    day: &'a Day,
    values: Vec<f64>,
    /// ES: growth to its expiry.
    carry: f64,
}

impl<'a> Edges<'a> {
    fn new(world: &'a World, n: usize, kind: Kind) -> Option<Self> {
        let day = world.days.get(n)?;
        let carry = match kind {
            Kind::Future(place) => carry(day, quarter(day.date, place)?.settles_at()?)?,
            _ => 1.0,
        };
        let values = match kind {
            Kind::Index { scale, .. } => day.edges.iter().map(|e| e.spot * scale).collect(),
            Kind::Future(_) => day.edges.iter().map(|e| e.spot * carry).collect(),
            Kind::Vol(family) => vol_edges(&world.desk(n)?, family)?,
            Kind::Vx(month) => {
                let calendar = ExchangeCalendar::nyse();
                let settles = calendar.open_at(*calendar.vx_expiries(day.date, month).last()?)?;
                let desk = world.desk(n)?;
                let price = |n| Some(desk.future(&desk.scene(instant(day, n))?, settles)?.0);
                (0..day.edges.len()).map(price).collect::<Option<_>>()?
            }
        };
        Some(Self {
            kind,
            day,
            values,
            carry,
        })
    }

    /// The bar of one step of the grid.
    fn step(&self, n: usize) -> Option<Bar> {
        let (open, close) = (*self.values.get(n)?, *self.values.get(n + 1)?);
        let between = self.day.between.get(n)?;
        let (high, low) = match self.kind {
            Kind::Index { scale, .. } => (between.high * scale, between.low * scale),
            Kind::Future(_) => (between.high * self.carry, between.low * self.carry),
            Kind::Vol(_) => (
                open.max(close) * between.vix_stretch.0,
                open.min(close) * between.vix_stretch.1,
            ),
            Kind::Vx(_) => (open.max(close), open.min(close)),
        };
        Some(Bar {
            open,
            high: high.max(open).max(close),
            low: low.min(open).min(close),
            close,
        })
    }

    /// The bar of the session: all of its steps joined.
    fn session(&self) -> Option<Bar> {
        joined((0..self.day.between.len()).filter_map(|n| self.step(n)))
    }
}

fn instant(day: &Day, n: usize) -> Instant {
    let steps = i64::try_from(n).unwrap_or(0);
    Instant(day.open_at.0 + steps * 60 * STEP_MINUTES)
}

/// A volatility index on the edges of a day.
fn vol_edges(desk: &Desk<'_>, family: Family) -> Option<Vec<f64>> {
    let (day, model) = (desk.day, &desk.world.model);
    let rough = |e: &Edge| model.vix(e.state, f64::from(family.days()));
    let mut out: Vec<f64> = day.edges.iter().map(rough).collect();
    let last = day.between.len();
    let every = desk.world.snapshot_steps(day);
    let mut anchors: Vec<usize> = std::iter::once(0).chain(every).chain([last]).collect();
    anchors.dedup();
    let mut factor = 1.0;
    let mut from = 0;
    for to in anchors {
        let formula = desk.index(instant(day, to), family)?.value;
        let next = formula / *out.get(to)?;
        #[expect(clippy::cast_precision_loss, reason = "steps of a day")]
        let width = (to - from).max(1) as f64;
        for (n, value) in out.iter_mut().enumerate().take(to).skip(from + 1) {
            #[expect(clippy::cast_precision_loss, reason = "steps of a day")]
            let gone = (n - from) as f64 / width;
            *value *= factor + gone * (next - factor);
        }
        // At the instant itself the formula's value stands, without a detour over the factor.
        *out.get_mut(to)? = formula;
        (factor, from) = (next, to);
    }
    Some(out)
}

fn joined(mut all: impl Iterator<Item = Bar>) -> Option<Bar> {
    let first = all.next()?;
    Some(all.fold(first, |a, b| Bar {
        open: a.open,
        high: a.high.max(b.high),
        low: a.low.min(b.low),
        close: b.close,
    }))
}

/// The so-manieth quarterly contract of a day, from 1; on an expiry the next one is the first.
fn quarter(date: Date, place: usize) -> Option<FutureContract> {
    crate::curve::places(FutureRoot::Es, date)
        .nth(place.checked_sub(1)?)
        .map(|expiry| FutureContract {
            root: FutureRoot::Es,
            expiry,
        })
}

/// Growth of the index from a day's close to a settlement, dividends taken away: as in the forwards of its options.
fn carry(day: &Day, settles: Instant) -> Option<f64> {
    let years = alula_pricing::years_between(day.close_at.0, settles.0)?;
    Some(libm::exp((day.rate - DIVIDENDS) * years))
}

fn push(
    out: &mut SeriesData,
    kind: Kind,
    (date, starts, known): (Date, Instant, Instant),
    bar: Bar,
    volume: Option<f64>,
) {
    let on_tick = match kind {
        Kind::Index { .. } | Kind::Vol(_) => cents,
        Kind::Future(_) => quarters,
        Kind::Vx(_) => twentieths,
    };
    out.date.push(date);
    out.starts_at.push(starts);
    out.available_at.push(known);
    out.open.push(Some(on_tick(bar.open)));
    out.high.push(Some(on_tick(bar.high)));
    out.low.push(Some(on_tick(bar.low)));
    out.close.push(Some(on_tick(bar.close)));
    if let Some(volume) = volume {
        out.volume.push(Some(volume.round()));
    }
}

fn volume_of(kind: Kind) -> Option<f64> {
    match kind {
        Kind::Index { volume, .. } if volume > 0.0 => Some(volume),
        Kind::Future(1) => Some(1.6e6),
        _ => None,
    }
}

fn sessions(world: &World, kind: Kind) -> SeriesData {
    let mut out = SeriesData::default();
    for (n, day) in world.days.iter().enumerate() {
        let Some(bar) = Edges::new(world, n, kind).and_then(|e| e.session()) else {
            continue;
        };
        // The cash index is final at the stock close, the volatility indices when the options stop.
        let known = match kind {
            Kind::Index { .. } => day.close_at,
            Kind::Future(_) | Kind::Vol(_) | Kind::Vx(_) => known_at(day),
        };
        let volume = volume_of(kind).map(|v| v * day.activity * share_of_day(day));
        push(&mut out, kind, (day.date, day.open_at, known), bar, volume);
    }
    out
}

/// Length of a session against a full one.
#[expect(clippy::cast_precision_loss, reason = "minutes of a day")]
fn share_of_day(day: &Day) -> f64 {
    (day.close_at.0 - day.open_at.0) as f64 / (390.0 * 60.0)
}

/// Bars of a multiple of the grid's step; `None` for other lengths. The last bar of a session may be shorter.
fn intraday(world: &World, kind: Kind, minutes: i64) -> Option<SeriesData> {
    if minutes < STEP_MINUTES || minutes % STEP_MINUTES != 0 {
        return None;
    }
    let group = usize::try_from(minutes / STEP_MINUTES).ok()?;
    let mut out = SeriesData::default();
    for (number, day) in world.days.iter().enumerate() {
        let edges = Edges::new(world, number, kind)?;
        let steps = day.between.len();
        let total: f64 = (0..steps).map(|n| u_shape(n, steps)).sum();
        let mut done = 0usize;
        while done < steps {
            let end = (done + group).min(steps);
            let bar = joined((done..end).filter_map(|n| edges.step(n)))?;
            let weight: f64 = (done..end).map(|n| u_shape(n, steps)).sum();
            let (starts, ends) = (instant(day, done), instant(day, end));
            done = end;
            let volume = volume_of(kind).map(|v| v * day.activity * share_of_day(day) * weight / total);
            push(&mut out, kind, (day.date, starts, ends), bar, volume);
        }
    }
    Some(out)
}

/// Trading is busy at both ends of a session.
#[expect(clippy::cast_precision_loss, reason = "steps of a day")]
fn u_shape(n: usize, of: usize) -> f64 {
    let x = (n as f64 + 0.5) / of.max(1) as f64 - 0.5;
    0.6 + 4.0 * x * x
}

/// The settlement value of VIX derivatives, in hundredths.
pub(super) fn vro(desk: &Desk<'_>) -> Option<f64> {
    desk.vro().map(cents)
}

/// The special opening quotation: the open, a few hundredths of a percent off, since stocks open one by one.
pub(super) fn set(seed: u64, day: &Day) -> Option<f64> {
    let noise = normal_at(mix(seed ^ 0x05e7, super::desk::word(day.open_at)));
    Some(cents(day.first()?.spot * libm::exp(0.0004 * noise)))
}
