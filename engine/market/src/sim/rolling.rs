//! Notes that hold VX futures of constant maturity: see [`crate::etp`]. Units held at yesterday's close earn today's change of
//! settlement prices, and the bill's interest. Prices are as traded: they jump on the days of the table's splits, as the real
//! ones did.

use super::bars::{known_at, twentieths};
use super::desk::{Desk, World};
use crate::calendar::ExchangeCalendar;
use crate::contract::Share;
use crate::etp::{Maturity, held_after, maturity};
use crate::series::SeriesData;
use crate::time::{Date, Instant};

/// Yearly fee of the notes (their prospectuses: 0.89 %).
const FEE: f64 = 0.0089;
/// Price on the first session.
const FIRST: f64 = 100.0;

/// The closes of a note.
pub(super) fn of(world: &World, share: Share) -> Option<SeriesData> {
    rolled(world, share, maturity(share)?)
}

fn settlement(desk: &Desk<'_>, expiry: Date) -> Option<f64> {
    let calendar = ExchangeCalendar::nyse();
    let scene = desk.scene(desk.day.close_at)?;
    let price = desk.future(&scene, calendar.open_at(expiry)?)?.0;
    Some(twentieths(price))
}

fn rolled(world: &World, share: Share, months: Maturity) -> Option<SeriesData> {
    let mut out = SeriesData::default();
    let mut price = FIRST;
    let mut held: Vec<(Date, f64, f64)> = Vec::new();
    let mut last: Option<(Instant, f64)> = None;
    for (n, day) in world.days.iter().enumerate() {
        let desk = world.desk(n)?;
        if let Some((at, rate)) = last {
            let (mut was, mut is) = (0.0, 0.0);
            for (expiry, weight, price) in &held {
                // What expires today was sold yesterday: its weight is nothing.
                if *expiry > day.date {
                    was += weight * price;
                    is += weight * settlement(&desk, *expiry)?;
                }
            }
            let years = alula_pricing::years_between(at.0, day.close_at.0)?;
            let interest = libm::exp(rate * years) - 1.0;
            price *= (is / was + interest) * (1.0 - FEE * years);
        }
        if let Some(before) = out.date.last() {
            for split in share.splits_between(*before, day.date) {
                #[expect(clippy::cast_precision_loss, reason = "a handful of shares")]
                let factor = split.old as f64 / split.new as f64;
                price *= factor;
            }
        }
        held.clear();
        for (expiry, weight) in held_after(day.date, months)? {
            held.push((expiry, weight, settlement(&desk, expiry)?));
        }
        last = Some((day.close_at, day.rate));
        out.date.push(day.date);
        out.starts_at.push(day.open_at);
        out.available_at.push(known_at(day));
        out.close.push(Some((price * 1e4).round() / 1e4));
    }
    Some(out)
}
