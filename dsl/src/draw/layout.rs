//! Places boxes in columns: who reads stands right of what it reads. Orders each column to cross few arrows and aligns
//! boxes with their neighbours. Everything is counted in pixels.

use super::sketch::{Kind, Sketch};
use std::collections::BTreeMap;

/// Free space between columns, where arrows run.
pub(super) const COLUMN_GAP: f64 = 64.0;
/// Free space between boxes of a column.
const ROW_GAP: f64 = 14.0;
/// Space above the first box of a frame, for its title.
pub(super) const FRAME_HEAD: f64 = 30.0;
/// Space below the last box of a frame.
pub(super) const FRAME_FOOT: f64 = 10.0;
/// Height kept free for an arrow that passes a column.
const LANE: f64 = 10.0;
/// Sweeps over the columns; the order settles long before.
const SWEEPS: usize = 16;

/// Size of a box, and the heights at which arrows enter it: one for each port, or its middle.
#[derive(Clone, Debug)]
pub(super) struct Size {
    pub(super) width: f64,
    pub(super) height: f64,
    pub(super) ports: Vec<f64>,
}

/// A place in a column: a box, or a lane for an arrow that passes.
#[derive(Clone, Debug)]
struct Slot {
    shape: Option<usize>,
    column: usize,
    height: f64,
    /// Space above it that its frame's title needs.
    head: f64,
    y: f64,
    /// Slots left and right of it, with the height inside that slot and inside this one at which the arrow ends.
    left: Vec<(usize, f64, f64)>,
    right: Vec<(usize, f64, f64)>,
}

/// Where everything stands.
#[derive(Clone, Debug, Default)]
pub(super) struct Layout {
    /// Upper left corner of each box.
    pub(super) boxes: Vec<(f64, f64)>,
    /// Left edge and width of each column.
    pub(super) columns: Vec<(f64, f64)>,
    /// Points of each arrow, in the sketch's order: pairs of a column's left and right edge, between which it is straight.
    pub(super) arrows: Vec<Vec<(f64, f64)>>,
    pub(super) height: f64,
    pub(super) column_of: Vec<usize>,
}

/// Columns of the boxes: observables, signals by depth, conditions and gates by depth, actions, structures.
pub(super) fn columns(sketch: &Sketch) -> Vec<usize> {
    let count = sketch.shapes.len();
    let mut column = vec![0usize; count];
    let kind = |i: usize| sketch.shapes.get(i).map(|s| s.kind);
    let mut inputs: Vec<Vec<usize>> = vec![Vec::new(); count];
    for arrow in &sketch.arrows {
        if let Some(list) = inputs.get_mut(arrow.to) {
            list.push(arrow.from);
        }
    }
    // Longest path; arrows form no circle, so as many rounds as boxes always suffice, and a few do in the usual order.
    let relax = |column: &mut Vec<usize>, floor: &dyn Fn(usize) -> usize| {
        for _ in 0..count {
            let mut moved = false;
            for (i, inputs) in inputs.iter().enumerate() {
                let after = inputs
                    .iter()
                    .filter_map(|from| column.get(*from))
                    .map(|c| c + 1)
                    .max()
                    .unwrap_or(0);
                let wanted = after.max(floor(i));
                if let Some(c) = column.get_mut(i)
                    && *c < wanted
                {
                    *c = wanted;
                    moved = true;
                }
            }
            if !moved {
                break;
            }
        }
    };
    relax(&mut column, &|_| 0);
    let deepest = |column: &[usize], of: &dyn Fn(Kind) -> bool| {
        (0..count)
            .filter(|i| kind(*i).is_some_and(of))
            .filter_map(|i| column.get(i))
            .max()
            .copied()
            .unwrap_or(0)
    };
    let signals = deepest(&column, &|k| k == Kind::Signal);
    relax(&mut column, &|i| {
        if kind(i) == Some(Kind::Condition) {
            signals + 1
        } else {
            0
        }
    });
    let inner = deepest(&column, &|k| !matches!(k, Kind::Action | Kind::Structure));
    relax(&mut column, &|i| {
        if kind(i) == Some(Kind::Action) {
            inner + 1
        } else {
            0
        }
    });
    let actions = deepest(&column, &|k| k == Kind::Action);
    relax(&mut column, &|i| {
        if kind(i) == Some(Kind::Structure) {
            actions + 1
        } else {
            0
        }
    });
    column
}

pub(super) fn layout(sketch: &Sketch, sizes: &[Size], top: f64, left: f64) -> Layout {
    let column_of = columns(sketch);
    let count = column_of.iter().max().map_or(0, |c| c + 1);
    let mut slots: Vec<Slot> = sketch
        .shapes
        .iter()
        .enumerate()
        .map(|(i, _)| Slot {
            shape: Some(i),
            column: column_of.get(i).copied().unwrap_or(0),
            height: sizes.get(i).map_or(0.0, |s| s.height),
            head: 0.0,
            y: 0.0,
            left: Vec::new(),
            right: Vec::new(),
        })
        .collect();
    let chains = chains(sketch, sizes, &mut slots);
    let mut order: Vec<Vec<usize>> = vec![Vec::new(); count];
    for (i, slot) in slots.iter().enumerate() {
        if let Some(column) = order.get_mut(slot.column) {
            column.push(i);
        }
    }
    frames(sketch, &mut slots, &order);
    sort(&slots, sketch, &mut order);
    place(&mut slots, sketch, &order);
    let highest = slots.iter().map(|s| s.y - s.head).fold(f64::INFINITY, f64::min);
    let shift = if highest.is_finite() { top - highest } else { 0.0 };
    slots.iter_mut().for_each(|s| s.y += shift);

    let mut columns = Vec::new();
    let mut x = left;
    for column in 0..count {
        let widths = column_of
            .iter()
            .enumerate()
            .filter(|(_, c)| **c == column)
            .filter_map(|(i, _)| sizes.get(i));
        let width = widths.map(|s| s.width).fold(0.0, f64::max);
        columns.push((x, width));
        x += width + COLUMN_GAP;
    }
    let edge = |slot: usize, height: f64, right: bool| {
        let s = slots.get(slot)?;
        let (x, width) = columns.get(s.column).copied()?;
        Some((if right { x + width } else { x }, s.y + height))
    };
    let arrows = chains
        .iter()
        .map(|chain| {
            let mut points = Vec::new();
            for (i, (slot, enter, leave)) in chain.iter().enumerate() {
                if i > 0 {
                    points.extend(edge(*slot, *enter, false));
                }
                if i + 1 < chain.len() {
                    points.extend(edge(*slot, *leave, true));
                }
            }
            points
        })
        .collect();
    let boxes = (0..sketch.shapes.len())
        .map(|i| {
            let s = slots.get(i);
            let x = s.and_then(|s| columns.get(s.column)).map_or(left, |c| c.0);
            (x, s.map_or(top, |s| s.y))
        })
        .collect();
    let height = slots.iter().map(|s| s.y + s.height).fold(top, f64::max) + FRAME_FOOT;
    Layout {
        boxes,
        columns,
        arrows,
        height,
        column_of,
    }
}

/// Arrows as chains of slots, with lanes in the columns that they pass. Each entry: slot, height in, height out.
fn chains(sketch: &Sketch, sizes: &[Size], slots: &mut Vec<Slot>) -> Vec<Vec<(usize, f64, f64)>> {
    let middle = |i: usize| sizes.get(i).map_or(0.0, |s| s.height / 2.0);
    // An arrow that leaves the same box at the same height into the same columns shares its lanes.
    let mut lanes: BTreeMap<(usize, usize), usize> = BTreeMap::new();
    let mut out = Vec::new();
    for arrow in &sketch.arrows {
        let port = arrow
            .port
            .and_then(|p| sizes.get(arrow.to)?.ports.get(p).copied());
        let enter = port.unwrap_or_else(|| middle(arrow.to));
        let column = |i: usize, slots: &[Slot]| slots.get(i).map_or(0, |s| s.column);
        let (from, to) = (column(arrow.from, slots), column(arrow.to, slots));
        let mut chain = vec![(arrow.from, 0.0, middle(arrow.from))];
        for passed in from + 1..to {
            let lane = *lanes.entry((arrow.from, passed)).or_insert_with(|| {
                slots.push(Slot {
                    shape: None,
                    column: passed,
                    height: LANE,
                    head: 0.0,
                    y: 0.0,
                    left: Vec::new(),
                    right: Vec::new(),
                });
                slots.len() - 1
            });
            chain.push((lane, LANE / 2.0, LANE / 2.0));
        }
        chain.push((arrow.to, enter, 0.0));
        for pair in chain.windows(2) {
            let [(a, _, leave), (b, enter, _)] = pair else {
                continue;
            };
            if let Some(slot) = slots.get_mut(*a)
                && !slot.right.contains(&(*b, *enter, *leave))
            {
                slot.right.push((*b, *enter, *leave));
            }
            if let Some(slot) = slots.get_mut(*b)
                && !slot.left.contains(&(*a, *leave, *enter))
            {
                slot.left.push((*a, *leave, *enter));
            }
        }
        out.push(chain);
    }
    out
}

/// Keeps room above the first and below the last box of each frame.
fn frames(sketch: &Sketch, slots: &mut [Slot], order: &[Vec<usize>]) {
    for column in order {
        let mut last = None;
        for i in column {
            let group = slots
                .get(*i)
                .and_then(|s| s.shape)
                .and_then(|s| sketch.shapes.get(s))
                .and_then(|s| s.group);
            if let (Some(group), Some(slot)) = (group, slots.get_mut(*i)) {
                if last != Some(group) {
                    slot.head = FRAME_HEAD + FRAME_FOOT;
                }
                last = Some(group);
            }
        }
    }
}

/// Whether a column's order is fixed: frames keep their boxes together, in textual order.
fn is_fixed(slots: &[Slot], sketch: &Sketch, column: &[usize]) -> bool {
    let framed = |i: &usize| {
        slots
            .get(*i)
            .and_then(|s| s.shape)
            .and_then(|s| sketch.shapes.get(s))
            .is_some_and(|s| s.kind == Kind::Action)
    };
    column.iter().any(framed)
}

/// Barycentres, back and forth; keeps the order with the fewest crossings.
fn sort(slots: &[Slot], sketch: &Sketch, order: &mut Vec<Vec<usize>>) {
    let mut best = order.clone();
    let mut fewest = crossings(slots, &best);
    for sweep in 0..SWEEPS {
        let leftwards = sweep % 2 == 0;
        let count = order.len();
        for step in 0..count {
            let column = if leftwards { count - 1 - step } else { step };
            let rank = ranks(slots.len(), order);
            let Some(list) = order.get_mut(column) else {
                continue;
            };
            if is_fixed(slots, sketch, list) {
                continue;
            }
            let weight = |i: &usize| {
                let slot = slots.get(*i)?;
                let near = if leftwards { &slot.right } else { &slot.left };
                let near = if near.is_empty() {
                    if leftwards { &slot.left } else { &slot.right }
                } else {
                    near
                };
                let sum: f64 = near
                    .iter()
                    .filter_map(|(s, inside, _)| Some(rank.get(*s)? + inside / 1e4))
                    .sum();
                #[expect(
                    clippy::cast_precision_loss,
                    reason = "a drawing has far fewer arrows than 2^53"
                )]
                let n = near.len() as f64;
                (n > 0.0).then(|| sum / n)
            };
            let mut keyed: Vec<(f64, usize)> = list
                .iter()
                .map(|i| (weight(i).or_else(|| rank.get(*i).copied()).unwrap_or(0.0), *i))
                .collect();
            keyed.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            *list = keyed.into_iter().map(|(_, i)| i).collect();
        }
        let now = crossings(slots, order);
        if now < fewest {
            fewest = now;
            best.clone_from(order);
        }
    }
    *order = best;
}

/// Relative height of each slot within its column, 0..1.
fn ranks(count: usize, order: &[Vec<usize>]) -> Vec<f64> {
    let mut out = vec![0.0; count];
    for column in order {
        #[expect(
            clippy::cast_precision_loss,
            reason = "a drawing has far fewer boxes than 2^53"
        )]
        for (at, i) in column.iter().enumerate() {
            if let Some(rank) = out.get_mut(*i) {
                *rank = (at as f64 + 0.5) / column.len() as f64;
            }
        }
    }
    out
}

fn crossings(slots: &[Slot], order: &[Vec<usize>]) -> usize {
    let mut at = vec![0usize; slots.len()];
    for column in order {
        for (position, i) in column.iter().enumerate() {
            if let Some(slot) = at.get_mut(*i) {
                *slot = position;
            }
        }
    }
    let mut total = 0;
    for column in order {
        let mut edges: Vec<(usize, usize, i64)> = Vec::new();
        for i in column {
            for (to, enter, _) in slots.get(*i).map(|s| s.right.as_slice()).unwrap_or_default() {
                #[expect(clippy::cast_possible_truncation, reason = "a height in pixels")]
                edges.push((
                    at.get(*i).copied().unwrap_or(0),
                    at.get(*to).copied().unwrap_or(0),
                    *enter as i64,
                ));
            }
        }
        for (n, a) in edges.iter().enumerate() {
            total += edges
                .iter()
                .skip(n + 1)
                .filter(|b| (a.0 < b.0 && (a.1, a.2) > (b.1, b.2)) || (a.0 > b.0 && (a.1, a.2) < (b.1, b.2)))
                .count();
        }
    }
    total
}

/// Heights: the actions are stacked; every other column moves towards its neighbours without overlap.
fn place(slots: &mut [Slot], sketch: &Sketch, order: &[Vec<usize>]) {
    for column in order {
        let mut y = 0.0;
        for i in column {
            if let Some(slot) = slots.get_mut(*i) {
                slot.y = y + slot.head;
                y = slot.y + slot.height + gap(slot);
            }
        }
    }
    for sweep in 0..SWEEPS * 4 {
        let count = order.len();
        for step in 0..count {
            let column = if sweep % 2 == 0 { count - 1 - step } else { step };
            let Some(list) = order.get(column) else { continue };
            if is_fixed(slots, sketch, list) {
                continue;
            }
            let wanted: Vec<(f64, f64)> = list.iter().map(|i| wish(slots, *i)).collect();
            settle(slots, list, &wanted);
        }
    }
}

fn gap(slot: &Slot) -> f64 {
    if slot.shape.is_some() { ROW_GAP } else { 2.0 }
}

/// The height at which a slot's arrows would run level, and how much that matters: the mean over its neighbours, in which
/// a long arrow counts more, so that it runs straight and the boxes give way.
fn wish(slots: &[Slot], i: usize) -> (f64, f64) {
    let Some(slot) = slots.get(i) else {
        return (0.0, 1.0);
    };
    let mut sum = 0.0;
    let mut weight = 0.0;
    for (other, theirs, mine) in slot.left.iter().chain(&slot.right) {
        if let Some(o) = slots.get(*other) {
            let w = match (slot.shape, o.shape) {
                (None, None) => 8.0,
                (None, Some(_)) | (Some(_), None) => 2.0,
                (Some(_), Some(_)) => 1.0,
            };
            sum += w * (o.y + theirs - mine);
            weight += w;
        }
    }
    if weight > 0.0 {
        (sum / weight, weight)
    } else {
        (slot.y, 0.1)
    }
}

/// The heights nearest to the wishes (weighted least squares) that keep the order and do not overlap: pool adjacent
/// violators.
fn settle(slots: &mut [Slot], list: &[usize], wanted: &[(f64, f64)]) {
    // Offsets turn "no overlap" into "never decreasing".
    let mut offsets = Vec::with_capacity(list.len());
    let mut offset = 0.0;
    for i in list {
        let Some(slot) = slots.get(*i) else { return };
        offset += slot.head;
        offsets.push(offset);
        offset += slot.height + gap(slot);
    }
    let mut pools: Vec<(f64, f64, usize)> = Vec::new(); // mean, weight, members
    for ((want, weight), offset) in wanted.iter().zip(&offsets) {
        let mut pool = (want - offset, *weight, 1);
        while let Some(last) = pools.last().copied().filter(|l| l.0 > pool.0) {
            let weight = last.1 + pool.1;
            pool = (
                (last.0 * last.1 + pool.0 * pool.1) / weight,
                weight,
                last.2 + pool.2,
            );
            pools.pop();
        }
        pools.push(pool);
    }
    let mut members = list.iter().zip(&offsets);
    for (mean, _, count) in pools {
        for (i, offset) in members.by_ref().take(count) {
            if let Some(slot) = slots.get_mut(*i) {
                slot.y = mean + offset;
            }
        }
    }
}
