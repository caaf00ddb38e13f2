//! Items with a block: structures, policies, hedges, overlays, guards.

use super::expr::{amount_range_text, amount_text, literal_text, string_text};
use super::layout::Printer;
use super::phrases::{
    KEYWORD, budget, clause, clause_head, clause_tail, end_of_size, keyword, limit, roll_target, size,
    span_of_amount, switch, unknown_text,
};
use super::pieces::{INDENT, Line, WIDTH, rank};
use crate::ast::{
    Conflict, Expr, Guard, GuardAction, Hedge, HedgeClause, Layer, LayerClause, LegClause, LimitPrice, Node,
    OnUnknown, Overlay, OverlayClause, Policy, Rule, Shape, Structure, Subaccount, SubaccountClause,
};
use crate::span::Span;

/// The clauses of a rule as lines, each with the end of its text in the source where the tree knows it.
struct Parts {
    lines: Vec<(Line, Option<u32>)>,
}

impl Parts {
    fn require(&mut self, e: Option<&Expr>) {
        if let Some(e) = e {
            self.lines
                .push((clause("require", |l| l.expr(e)), Some(e.span.end)));
        }
    }

    fn limit(&mut self, l: Option<&LimitPrice>) {
        if let Some(l) = l {
            let end = if let LimitPrice::At(e) = l {
                Some(e.span.end)
            } else {
                None
            };
            self.lines.push((clause("limit", |line| limit(line, l)), end));
        }
    }

    fn conflict(&mut self, c: Option<Conflict>) {
        if let Some(c) = c {
            let word = match c {
                Conflict::Skip => "conflict skip",
                Conflict::Next => "conflict next",
            };
            self.lines.push((Line::new(word), None));
        }
    }

    fn unknown(&mut self, u: Option<OnUnknown>) {
        if let Some(u) = u {
            self.lines.push((Line::new(unknown_text(u)), None));
        }
    }
}

impl Printer<'_> {
    pub fn structure(&mut self, s: &Structure, span: Span) {
        let head = format!(
            "structure {} = {} on {}",
            s.name.value, s.shape.kind.value, s.shape.underlying.value
        );
        self.header(
            head,
            Span {
                end: s.shape.underlying.span.end,
                ..span
            },
        );
        self.leg_clauses(&s.shape.clauses);
        self.close_block(span);
    }

    fn leg_clauses(&mut self, clauses: &[Node<LegClause>]) {
        let width = clauses
            .iter()
            .map(|c| clause_head(&c.value).chars().count())
            .max()
            .unwrap_or(0);
        for c in clauses {
            let mut line = Line::new(format!("{:width$}", clause_head(&c.value)));
            clause_tail(&mut line, &c.value);
            self.line(c.span, &line, INDENT);
        }
    }

    pub fn policy(&mut self, p: &Policy, span: Span) {
        self.header(
            format!("policy {} on {}", p.name.value, p.on.value),
            Span {
                end: p.on.span.end,
                ..span
            },
        );
        let width = |roll: bool| {
            let names = p.rules.iter().filter_map(|r| match &r.value {
                Rule::Close { name, .. } if !roll => Some(name),
                Rule::Roll { name, .. } if roll => Some(name),
                _ => None,
            });
            names.map(|n| n.value.chars().count()).max().unwrap_or(0)
        };
        let (close, roll) = (width(false), width(true));
        for r in &p.rules {
            self.rule(r, close, roll);
        }
        self.close_block(span);
    }

    fn rule(&mut self, rule: &Node<Rule>, close: usize, roll: usize) {
        let mut parts = Parts { lines: Vec::new() };
        let mut together = true;
        let (head, when) = match &rule.value {
            Rule::Open {
                name,
                when,
                size: s,
                at_most,
                up_to,
                require,
                limit,
                conflict,
            } => {
                together = false;
                let mut end = end_of_size(s);
                let mut line = clause("size", |l| size(l, s));
                if let Some(a) = at_most {
                    line.comma();
                    line.word(format!("at most {}", amount_text(a)));
                    end = end.map(|e| e.max(span_of_amount(a).end));
                }
                parts.lines.push((line, end));
                if let Some(a) = up_to {
                    parts.lines.push((
                        Line::new(format!("up to {}", amount_text(a))),
                        Some(span_of_amount(a).end),
                    ));
                }
                parts.require(require.as_ref());
                parts.limit(limit.as_ref());
                parts.conflict(*conflict);
                (
                    name.as_ref()
                        .map_or("open".to_owned(), |n| format!("open {}", n.value)),
                    when,
                )
            }
            Rule::Close {
                name,
                when,
                portion,
                limit,
                unknown,
            } => {
                if let Some(a) = portion {
                    parts.lines.push((
                        Line::new(format!("portion {}", amount_text(a))),
                        Some(span_of_amount(a).end),
                    ));
                }
                parts.limit(limit.as_ref());
                parts.unknown(*unknown);
                (format!("close {:close$}", name.value), when)
            }
            Rule::Roll {
                name,
                when,
                to,
                rank,
                require,
                limit,
                unknown,
                conflict,
            } => {
                parts.lines.push((roll_target(to), None));
                if let Some(e) = rank {
                    parts
                        .lines
                        .push((clause("rank by", |l| l.expr(e)), Some(e.span.end)));
                }
                parts.require(require.as_ref());
                parts.limit(limit.as_ref());
                parts.conflict(*conflict);
                parts.unknown(*unknown);
                (format!("roll {:roll$}", name.value), when)
            }
        };
        let mut first = Line::new(head.clone());
        first.word("when");
        first.expr(when);
        let hang = if head.starts_with("close") { 6 } else { 5 };
        if together {
            let mut flat = first.flat();
            for (line, _) in &parts.lines {
                // `require`, `limit` and the like are set off by a comma, `to` is not.
                flat.push_str(if line.flat().starts_with("to ") { " " } else { ", " });
                flat.push_str(&line.flat());
            }
            if self.column() + flat.chars().count() <= WIDTH {
                self.row(rule.span, false, vec![flat]);
                return;
            }
        }
        let column = self.column();
        let last = parts.lines.len();
        let first_end = if last == 0 { rule.span.end } else { when.span.end };
        self.row(
            Span {
                end: first_end,
                ..rule.span
            },
            false,
            first.wrap(column, column + hang + INDENT),
        );
        for (n, (line, end)) in parts.lines.into_iter().enumerate() {
            let end = if n + 1 == last { Some(rule.span.end) } else { end };
            let mut lines = line.wrap(column + hang, column + hang + INDENT);
            if let Some(first) = lines.first_mut() {
                first.insert_str(0, &" ".repeat(hang));
            }
            self.clause_row(rule.span, end, lines);
        }
    }

    pub fn subaccount(&mut self, a: &Subaccount, span: Span) {
        self.header(
            format!("subaccount {}", a.name.value),
            Span {
                end: a.name.span.end,
                ..span
            },
        );
        for c in &a.clauses {
            let line = match &c.value {
                SubaccountClause::Capital(l) => Line::new(format!("capital {}", literal_text(l))),
                SubaccountClause::Holds(names) => {
                    let names: Vec<&str> = names.iter().map(|n| n.value.as_str()).collect();
                    Line::new(format!("holds   {}", names.join(", ")))
                }
            };
            self.line(c.span, &line, INDENT);
        }
        self.close_block(span);
    }

    pub fn hedge(&mut self, h: &Hedge, span: Span) {
        self.header(
            format!("hedge {} on {}", h.name.value, h.on.value),
            Span {
                end: h.on.span.end,
                ..span
            },
        );
        let mut clauses = h.clauses.iter().peekable();
        let mut first = true;
        for layer in &h.layers {
            while let Some(c) = clauses.next_if(|c| c.span.start <= layer.span.start) {
                self.hedge_clause(c);
                first = false;
            }
            self.layer(layer, !first);
            first = false;
        }
        for c in clauses {
            self.hedge_clause(c);
        }
        self.close_block(span);
    }

    fn hedge_clause(&mut self, c: &Node<HedgeClause>) {
        let line = match &c.value {
            HedgeClause::Target { greek, amount, band } => {
                let mut line = Line::new(format!("target {} =", greek.value));
                line.expr(amount);
                if let Some((lo, hi)) = band {
                    line.break_word(format!("within {}", amount_range_text(lo, hi)), rank::CLAUSE);
                }
                line
            }
            HedgeClause::Budget { amount, per } => budget("budget", amount, &per.value),
            HedgeClause::Cap(e) => clause("cap", |l| l.expr(e)),
            HedgeClause::NoTradeBand(a) => Line::new(format!("band {}", amount_text(a))),
            HedgeClause::Map {
                of,
                instrument,
                by,
                at,
            } => clause(&format!("{} {} by", of.word(), instrument.value), |l| {
                l.expr(by);
                if let Some(at) = at {
                    l.word(format!("at {}", literal_text(at)));
                }
            }),
        };
        self.line(c.span, &line, INDENT);
    }

    fn layer(&mut self, layer: &Node<Layer>, after_something: bool) {
        let l = &layer.value;
        if !self.has_source() && after_something {
            self.blank_line(true);
        }
        self.doc(&l.doc);
        self.header(
            format!("layer {}", l.name.value),
            Span {
                end: l.name.span.end,
                ..layer.span
            },
        );
        for c in &l.clauses {
            self.layer_clause(c);
        }
        self.close_block(layer.span);
    }

    fn layer_clause(&mut self, c: &Node<LayerClause>) {
        let line = match &c.value {
            LayerClause::Own(shape) => return self.own(shape, c.span),
            LayerClause::Size(s) => keyword("size", |l| size(l, s)),
            LayerClause::Vote(votes) => keyword("vote", |l| {
                for (n, v) in votes.iter().enumerate() {
                    if n > 0 {
                        l.comma();
                    }
                    l.expr(v);
                }
            }),
            LayerClause::Active { when, until } => keyword("active", |l| switch(l, when, until.as_ref())),
            LayerClause::RollEvery(every) => keyword("roll", |l| l.word(every.value.as_str())),
            LayerClause::Rotate { to, when, until } => keyword("rotate", |l| {
                l.word(format!("to {}", to.value));
                switch(l, when, until.as_ref());
            }),
            LayerClause::Migrate { share, month, when } => keyword("migrate", |l| {
                l.word(format!("{} to month {}", amount_text(share), literal_text(month)));
                switch(l, when, None);
            }),
            LayerClause::Cap(e) => keyword("cap", |l| l.expr(e)),
            LayerClause::Budget { amount, per } => {
                budget(&format!("{:KEYWORD$}", "budget"), amount, &per.value)
            }
            LayerClause::Unknown(u) => Line::new(unknown_text(*u)),
        };
        self.line(c.span, &line, KEYWORD + 1);
    }

    /// `own SHAPE`: on one line when it fits.
    fn own(&mut self, shape: &Shape, span: Span) {
        let head = format!(
            "{:KEYWORD$} {} on {}",
            "own", shape.kind.value, shape.underlying.value
        );
        let mut inner = Vec::new();
        // Behind a leg, `, expiry` would belong to that leg.
        let mut ambiguous = false;
        let mut leg_before = false;
        for c in &shape.clauses {
            ambiguous |= leg_before && matches!(c.value, LegClause::Expiry(_));
            leg_before = matches!(c.value, LegClause::Leg { expiry: None, .. });
            let mut line = Line::new(clause_head(&c.value));
            clause_tail(&mut line, &c.value);
            inner.push(line.flat());
        }
        let flat = format!("{head} {{ {} }}", inner.join(", "));
        if !ambiguous && !inner.is_empty() && self.column() + flat.chars().count() <= WIDTH {
            self.row(span, false, vec![flat]);
            return;
        }
        self.header(
            head,
            Span {
                end: shape.underlying.span.end,
                ..span
            },
        );
        self.leg_clauses(&shape.clauses);
        self.close_block(span);
    }

    pub fn overlay(&mut self, o: &Overlay, span: Span) {
        self.header(
            format!("overlay {} on {}", o.name.value, o.on.value),
            Span {
                end: o.on.span.end,
                ..span
            },
        );
        for c in &o.clauses {
            let line = match &c.value {
                OverlayClause::Trade {
                    instrument,
                    greek,
                    target,
                    band,
                } => keyword("trade", |l| {
                    let (target, band) = (amount_text(target), amount_text(band));
                    l.word(format!(
                        "{} to {} {target} ± {band}",
                        instrument.value, greek.value
                    ));
                }),
                OverlayClause::Active { when, until } => {
                    keyword("active", |l| switch(l, when, until.as_ref()))
                }
                OverlayClause::Require(e) => keyword("require", |l| l.expr(e)),
            };
            self.line(c.span, &line, KEYWORD + 1);
        }
        self.close_block(span);
    }

    pub fn guard(&mut self, g: &Guard, span: Span) {
        self.header(
            format!("guard {}", g.name.value),
            Span {
                end: g.name.span.end,
                ..span
            },
        );
        let column = self.column();
        let rows: Vec<(Line, String)> = g
            .rules
            .iter()
            .map(|r| {
                let action = match &r.value.action {
                    GuardAction::BlockOpen => "block open".to_owned(),
                    GuardAction::HaltOpen => "halt open".to_owned(),
                    GuardAction::Flatten(s) => format!("flatten {}", s.value),
                    GuardAction::Alert(t) => format!("alert {}", string_text(&t.value)),
                };
                let unknown = r
                    .value
                    .unknown
                    .map_or(String::new(), |u| format!(", {}", unknown_text(u)));
                (
                    clause("require", |l| l.expr(&r.value.require)),
                    format!("else {action}{unknown}"),
                )
            })
            .collect();
        let width = |text: &str| text.chars().count();
        // `else` stands in one column as far as lines stay short enough for it.
        let fits = |cond: usize, action: &str| column + cond + 1 + width(action) <= WIDTH;
        let short = rows
            .iter()
            .map(|(l, a)| (width(&l.flat()), a))
            .filter(|(w, a)| fits(*w, a))
            .map(|(w, _)| w);
        let aligned = short.max().unwrap_or(0);
        for ((line, action), rule) in rows.iter().zip(&g.rules) {
            let flat = line.flat();
            let padded = format!("{flat:aligned$}");
            let lines = if fits(width(&padded), action) {
                vec![format!("{padded} {action}")]
            } else if fits(width(&flat), action) {
                vec![format!("{flat} {action}")]
            } else {
                let mut lines = line.wrap(column, column + 2 * INDENT);
                lines.push(format!("{}{action}", " ".repeat(column + INDENT)));
                lines
            };
            self.row(rule.span, false, lines);
        }
        self.close_block(span);
    }
}
