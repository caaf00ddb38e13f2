//! The smallest change that would flip a condition.

use super::recorded::Recorded;
use super::show::{Style, style_of};
use super::{missing_leaf, through};
use crate::value::{Cause, Cell};
use alula_dsl::ast::Direction;
use alula_dsl::builtin::BookObs;
use alula_dsl::graph::{Arith, Clock, Cmp, Node, NodeId, Op, ThresholdId, ValueKind};

/// One change that would do.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// A value would have to stand on the other side of a bound.
    Value {
        /// What, as written.
        text: String,
        /// Value read.
        from: f64,
        /// How it has to compare with the bound.
        cmp: Cmp,
        /// Bound.
        bound: f64,
        /// How to show them.
        style: Style,
    },
    /// A threshold would have to be set differently.
    Threshold {
        /// Name.
        name: String,
        /// Value in force.
        from: f64,
        /// How it has to compare with the bound.
        cmp: Cmp,
        /// Bound.
        bound: f64,
        /// Declared range, when the change would leave it.
        outside: Option<(f64, f64)>,
        /// How to show them.
        style: Style,
    },
    /// A condition without numbers of its own would have to become true or false.
    Become {
        /// What, as written.
        text: String,
        /// What it would have to be.
        to: bool,
    },
    /// A condition would have to stay as it is for some steps more.
    Hold {
        /// What, as written.
        text: String,
        /// Steps that are missing.
        steps: u32,
        /// Name of a step: `session`, `bar`, `tick`.
        unit: &'static str,
    },
    /// A value would have to be known.
    Known {
        /// What, as written.
        text: String,
        /// Why it is not.
        cause: Cause,
    },
}

/// What flipping a condition takes.
#[derive(Clone, Debug, PartialEq)]
pub enum Need {
    /// Nothing: it is as wanted.
    Nothing,
    /// Any one of these, smallest first.
    One(Vec<Change>),
    /// All of these together: no single change suffices.
    All(Vec<Self>),
}

impl Need {
    /// The smallest single change, if one suffices.
    #[must_use]
    pub fn smallest(&self) -> Option<&Change> {
        match self {
            Self::One(changes) => changes.first(),
            Self::Nothing | Self::All(_) => None,
        }
    }
}

impl Change {
    /// How far it is from what is: the change relative to the larger of the numbers at hand; none without numbers, or
    /// where a threshold would have to leave its range.
    #[must_use]
    pub fn distance(&self) -> Option<f64> {
        match self {
            Self::Value { .. } | Self::Threshold { outside: None, .. } => Some(size(self)),
            Self::Threshold { .. } | Self::Become { .. } | Self::Hold { .. } | Self::Known { .. } => None,
        }
    }
}

/// How far a change is from what is, relative to the numbers at hand; changes without numbers come last.
fn size(change: &Change) -> f64 {
    match change {
        Change::Value { from, bound, .. }
        | Change::Threshold {
            from,
            bound,
            outside: None,
            ..
        } => (bound - from).abs() / from.abs().max(bound.abs()).max(1e-12),
        Change::Hold { .. } => 10.0,
        Change::Become { .. } => 20.0,
        Change::Known { .. } => 30.0,
        Change::Threshold { .. } => 40.0,
    }
}

fn one(mut changes: Vec<Change>) -> Need {
    changes.sort_by(|a, b| size(a).total_cmp(&size(b)));
    Need::One(changes)
}

/// What it takes for a condition to become `want`.
pub(super) fn need(cells: &Recorded<'_>, id: NodeId, want: bool) -> Need {
    let cell = cells.cell(id, 0);
    if cell.truth() == Some(want) {
        return Need::Nothing;
    }
    let Some(node) = cells.node(id) else {
        return Need::One(Vec::new());
    };
    match &node.op {
        Op::And => of_many(cells, &node.inputs, want, want),
        Op::Or => of_many(cells, &node.inputs, want, !want),
        Op::Not => node
            .inputs
            .first()
            .map_or(Need::One(Vec::new()), |i| need(cells, *i, !want)),
        Op::AsOf | Op::SessionLast if through(cells, id) != id => need(cells, through(cells, id), want),
        Op::For(steps) => of_for(cells, node, *steps, want),
        Op::Until => of_until(cells, node, want),
        Op::Compare(cmp) => of_compare(cells, id, node, *cmp, want),
        Op::InRange => of_range(cells, id, node, want),
        Op::Crosses(direction) => of_crosses(cells, id, node, *direction, want),
        _ => leaf(cells, id, want),
    }
}

/// A condition without a rule of its own: its missing input, or itself.
fn leaf(cells: &Recorded<'_>, id: NodeId, want: bool) -> Need {
    match cells.cell(id, 0).cause() {
        Some(cause) => Need::One(vec![Change::Known {
            text: missing_leaf(cells, id),
            cause,
        }]),
        None => {
            let text = cells.node(id).map(|n| n.text.clone()).unwrap_or_default();
            Need::One(vec![Change::Become { text, to: want }])
        }
    }
}

/// `and` becoming true, or `or` becoming false, takes every part (`all`); the other way round any part does.
fn of_many(cells: &Recorded<'_>, parts: &[NodeId], want: bool, all: bool) -> Need {
    let needs: Vec<Need> = parts
        .iter()
        .map(|p| need(cells, *p, want))
        .filter(|n| *n != Need::Nothing)
        .collect();
    if all {
        return match needs.len() {
            1 => needs.into_iter().next().unwrap_or(Need::Nothing),
            _ => Need::All(needs),
        };
    }
    let mut single = Vec::new();
    let mut several = Vec::new();
    for n in needs {
        match n {
            Need::One(changes) => single.extend(changes),
            other => several.push(other),
        }
    }
    if single.is_empty() {
        several.into_iter().next().unwrap_or(Need::One(Vec::new()))
    } else {
        one(single)
    }
}

const fn step_word(clock: Clock) -> &'static str {
    match clock {
        Clock::Session => "session",
        Clock::Minutes(_) => "bar",
        Clock::Tick | Clock::Constant => "tick",
    }
}

fn of_for(cells: &Recorded<'_>, node: &Node, steps: u32, want: bool) -> Need {
    let Some(&input) = node.inputs.first() else {
        return Need::One(Vec::new());
    };
    if !want {
        return need(cells, input, false);
    }
    let held = (0..steps)
        .take_while(|back| cells.cell(input, *back).is_true())
        .count();
    let held = u32::try_from(held).unwrap_or(steps);
    let text = cells.node(input).map(|n| n.text.clone()).unwrap_or_default();
    let hold = Change::Hold {
        text,
        steps: steps.saturating_sub(held.max(1)),
        unit: step_word(node.clock),
    };
    if held > 0 {
        return Need::One(vec![hold]);
    }
    let now = need(cells, input, true);
    if steps > 1 {
        Need::All(vec![now, Need::One(vec![hold])])
    } else {
        now
    }
}

fn of_until(cells: &Recorded<'_>, node: &Node, want: bool) -> Need {
    let (Some(&on), Some(&off)) = (node.inputs.first(), node.inputs.get(1)) else {
        return Need::One(Vec::new());
    };
    if !want {
        return need(cells, off, true);
    }
    let needs: Vec<Need> = [need(cells, on, true), need(cells, off, false)]
        .into_iter()
        .filter(|n| *n != Need::Nothing)
        .collect();
    match needs.len() {
        0 => Need::One(Vec::new()),
        1 => needs.into_iter().next().unwrap_or(Need::Nothing),
        _ => Need::All(needs),
    }
}

const fn negated(cmp: Cmp) -> Cmp {
    match cmp {
        Cmp::Lt => Cmp::Ge,
        Cmp::Le => Cmp::Gt,
        Cmp::Gt => Cmp::Le,
        Cmp::Ge => Cmp::Lt,
        Cmp::Eq => Cmp::Ne,
        Cmp::Ne => Cmp::Eq,
    }
}

/// `a cmp b` seen from `b`.
/// The style in which a comparison's numbers are shown: that of its first input that has one of its own.
pub(super) fn style_among(cells: &Recorded<'_>, node: &Node) -> Style {
    let of = |id: &NodeId| {
        let Some(n) = cells.node(*id) else {
            return Style::Plain;
        };
        if let Op::Threshold(slot) = n.op {
            let suffix = cells
                .graph
                .thresholds
                .get(slot.0 as usize)
                .map_or("", |t| t.suffix);
            return style_of(n.kind, suffix);
        }
        style_of(n.kind, &n.text)
    };
    node.inputs
        .iter()
        .map(of)
        .find(|s| *s != Style::Plain)
        .unwrap_or(Style::Plain)
}

fn of_compare(cells: &Recorded<'_>, id: NodeId, node: &Node, cmp: Cmp, want: bool) -> Need {
    let (Some(&a), Some(&b)) = (node.inputs.first(), node.inputs.get(1)) else {
        return leaf(cells, id, want);
    };
    let (Some(x), Some(y)) = (cells.cell(a, 0).known(), cells.cell(b, 0).known()) else {
        return leaf(cells, id, want);
    };
    let cmp = if want { cmp } else { negated(cmp) };
    let style = style_among(cells, node);
    let mut changes = bounds(cells, a, x, cmp, y, style);
    changes.extend(bounds(cells, b, y, cmp.mirrored(), x, style));
    one(changes)
}

fn of_range(cells: &Recorded<'_>, id: NodeId, node: &Node, want: bool) -> Need {
    let [x, lo, hi] = [0, 1, 2].map(|i| node.inputs.get(i).copied());
    let (Some(x), Some(lo), Some(hi)) = (x, lo, hi) else {
        return leaf(cells, id, want);
    };
    let value = |id: NodeId| cells.cell(id, 0).known();
    let (Some(v), Some(l), Some(h)) = (value(x), value(lo), value(hi)) else {
        return leaf(cells, id, want);
    };
    let style = style_among(cells, node);
    let mut changes = Vec::new();
    if !want {
        changes.extend(bounds(cells, x, v, Cmp::Lt, l, style));
        changes.extend(bounds(cells, x, v, Cmp::Gt, h, style));
    } else if v < l {
        changes.extend(bounds(cells, x, v, Cmp::Ge, l, style));
        changes.extend(bounds(cells, lo, l, Cmp::Le, v, style));
    } else {
        changes.extend(bounds(cells, x, v, Cmp::Le, h, style));
        changes.extend(bounds(cells, hi, h, Cmp::Ge, v, style));
    }
    one(changes)
}

fn of_crosses(cells: &Recorded<'_>, id: NodeId, node: &Node, direction: Direction, want: bool) -> Need {
    let (Some(&a), Some(&b)) = (node.inputs.first(), node.inputs.get(1)) else {
        return leaf(cells, id, want);
    };
    let (Some(x), Some(y)) = (cells.cell(a, 0).known(), cells.cell(b, 0).known()) else {
        return leaf(cells, id, want);
    };
    let cell: Cell = cells.cell(id, 0);
    let beyond = if direction == Direction::Above {
        x > y
    } else {
        x < y
    };
    // On the far side already: it has to come back before it can cross, which no change of one number now brings about.
    if !cell.is_known() || (want && beyond) {
        return leaf(cells, id, want);
    }
    let across = if direction == Direction::Above {
        Cmp::Gt
    } else {
        Cmp::Lt
    };
    let cmp = if want { across } else { negated(across) };
    let style = style_among(cells, node);
    let mut changes = bounds(cells, a, x, cmp, y, style);
    changes.extend(bounds(cells, b, y, cmp.mirrored(), x, style));
    one(changes)
}

/// Ways in which the number at `id`, now `from`, could come to compare with `bound`: as a value of the market or the account,
/// or through a threshold that it is, or is proportional to.
fn bounds(cells: &Recorded<'_>, id: NodeId, from: f64, cmp: Cmp, bound: f64, style: Style) -> Vec<Change> {
    let Some(node) = cells.node(id) else {
        return Vec::new();
    };
    match &node.op {
        Op::Number(_) => Vec::new(),
        Op::Threshold(slot) => threshold(cells, *slot, from, cmp, bound, style)
            .into_iter()
            .collect(),
        Op::AsOf | Op::SessionLast => node
            .inputs
            .first()
            .map_or_else(Vec::new, |i| bounds(cells, *i, from, cmp, bound, style)),
        Op::Arith(Arith::Mul) => {
            scaled(cells, node, cmp, bound, style).unwrap_or_else(|| value(node, from, cmp, bound, style))
        }
        // What the strategy declares is no reading that could have been different.
        Op::Book {
            what: BookObs::Capital,
            ..
        } => Vec::new(),
        _ if node.clock == Clock::Constant => Vec::new(),
        _ => value(node, from, cmp, bound, style),
    }
}

fn value(node: &Node, from: f64, cmp: Cmp, bound: f64, style: Style) -> Vec<Change> {
    if !matches!(node.kind, ValueKind::Number(_)) {
        return Vec::new();
    }
    vec![Change::Value {
        text: node.text.clone(),
        from,
        cmp,
        bound,
        style,
    }]
}

/// `threshold of x`: the threshold that would do, and the other factor's value that would.
fn scaled(cells: &Recorded<'_>, node: &Node, cmp: Cmp, bound: f64, style: Style) -> Option<Vec<Change>> {
    let (&a, &b) = (node.inputs.first()?, node.inputs.get(1)?);
    let (x, y) = (cells.cell(a, 0).known()?, cells.cell(b, 0).known()?);
    let mut out = Vec::new();
    for (id, now, factor) in [(a, x, y), (b, y, x)] {
        if factor == 0.0 {
            continue;
        }
        let (cmp, bound) = (if factor < 0.0 { cmp.mirrored() } else { cmp }, bound / factor);
        let inner = cells.node(id)?;
        let style = match inner.kind {
            // A share of dollars is shown as a share.
            ValueKind::Number(_) if matches!(inner.op, Op::Threshold(_)) => style,
            kind => style_of(kind, &inner.text),
        };
        // A factor that would have to change its sign is no change that a reader could wish for.
        let plausible = matches!(inner.op, Op::Threshold(_)) || (now >= 0.0) == (bound >= 0.0);
        if plausible {
            out.extend(bounds(cells, id, now, cmp, bound, style));
        }
    }
    Some(out)
}

fn threshold(
    cells: &Recorded<'_>,
    slot: ThresholdId,
    from: f64,
    cmp: Cmp,
    bound: f64,
    _style: Style,
) -> Option<Change> {
    let def = cells.graph.thresholds.get(slot.0 as usize)?;
    let reachable = match cmp {
        Cmp::Lt => def.min < bound,
        Cmp::Le => def.min <= bound,
        Cmp::Gt => def.max > bound,
        Cmp::Ge => def.max >= bound,
        Cmp::Eq => (def.min..=def.max).contains(&bound),
        Cmp::Ne => true,
    };
    let style = style_of(ValueKind::Number(def.unit), def.suffix);
    let outside = (!reachable).then_some((def.min, def.max));
    Some(Change::Threshold {
        name: def.name.clone(),
        from,
        cmp,
        bound,
        outside,
        style,
    })
}
