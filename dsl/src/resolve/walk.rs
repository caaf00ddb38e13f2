//! Names that a piece of the tree speaks of. The tree's depth is bounded by the parser, so recursion is.

use crate::ast::{
    Amount, Anchor, Arg, ExpirySelector, Expr, ExprKind, GuardAction, HedgeClause, ItemKind, LayerClause,
    LegClause, LimitPrice, OverlayClause, RollStrikes, Rule, Shape, SizeExpr, StrikeSelector,
    SubaccountClause,
};
use crate::span::Span;

/// Calls `f` with each name (not field or function keyword) in an expression: variables, functions, events, scripts.
pub(crate) fn expr(e: &Expr, f: &mut dyn FnMut(&str, Span)) {
    match &e.kind {
        ExprKind::Literal(_) | ExprKind::Text(_) | ExprKind::Leg(_) => {}
        ExprKind::Name(name) => f(name, e.span),
        ExprKind::Field(inner, _)
        | ExprKind::OnBars(inner, _)
        | ExprKind::Unary(_, inner)
        | ExprKind::For(inner, _) => {
            expr(inner, f);
        }
        ExprKind::Moves { expr: inner, .. } => expr(inner, f),
        ExprKind::Index(a, b) | ExprKind::Binary(_, a, b) | ExprKind::Until(a, b) => {
            expr(a, f);
            expr(b, f);
        }
        ExprKind::InRange(a, b, c) => [a, b, c].into_iter().for_each(|e| expr(e, f)),
        ExprKind::Within(_, _, event) => f(&event.value, event.span),
        ExprKind::Call(name, args) => {
            f(&name.value, name.span);
            for arg in args {
                match arg {
                    Arg::Value(e) | Arg::Named(_, e) => expr(e, f),
                    Arg::Over(_) | Arg::SinceEntry(_) | Arg::Range(..) | Arg::Under(_) => {}
                }
            }
        }
        ExprKind::ScriptCall { name, args, .. } => {
            f(&name.value, name.span);
            args.iter().for_each(|e| expr(e, f));
        }
    }
}

/// Calls `f` with each name that an item speaks of, its own left out.
pub(crate) fn item(kind: &ItemKind, f: &mut dyn FnMut(&str, Span)) {
    match kind {
        ItemKind::Import(_)
        | ItemKind::UsePlugin(_)
        | ItemKind::Strategy(_)
        | ItemKind::Threshold(_)
        | ItemKind::Series(_)
        | ItemKind::Event(_)
        | ItemKind::Script(_) => {}
        ItemKind::Signal(x) => expr(&x.expr, f),
        ItemKind::Structure(x) => shape(&x.shape, f),
        ItemKind::Policy(x) => {
            f(&x.on.value, x.on.span);
            x.rules.iter().for_each(|r| rule(&r.value, f));
        }
        ItemKind::Hedge(x) => {
            f(&x.on.value, x.on.span);
            x.clauses.iter().for_each(|c| hedge_clause(&c.value, f));
            for clause in x.layers.iter().flat_map(|l| &l.value.clauses) {
                layer_clause(&clause.value, f);
            }
        }
        ItemKind::Overlay(x) => {
            f(&x.on.value, x.on.span);
            for clause in &x.clauses {
                match &clause.value {
                    OverlayClause::Trade { target, band, .. } => {
                        amount(target, f);
                        amount(band, f);
                    }
                    OverlayClause::Active { when, until } => {
                        expr(when, f);
                        option(until.as_ref(), f);
                    }
                    OverlayClause::Require(e) => expr(e, f),
                }
            }
        }
        ItemKind::Subaccount(x) => {
            for clause in &x.clauses {
                if let SubaccountClause::Holds(names) = &clause.value {
                    names.iter().for_each(|n| f(&n.value, n.span));
                }
            }
        }
        ItemKind::Guard(x) => {
            for rule in &x.rules {
                expr(&rule.value.require, f);
                if let GuardAction::Flatten(name) = &rule.value.action {
                    f(&name.value, name.span);
                }
            }
        }
    }
}

fn option(e: Option<&Expr>, f: &mut dyn FnMut(&str, Span)) {
    if let Some(e) = e {
        expr(e, f);
    }
}

fn amount(a: &Amount, f: &mut dyn FnMut(&str, Span)) {
    if let Amount::Name(name) = a {
        f(&name.value, name.span);
    }
}

fn amounts<'a>(list: impl IntoIterator<Item = &'a Amount>, f: &mut dyn FnMut(&str, Span)) {
    list.into_iter().for_each(|a| amount(a, f));
}

fn shape(s: &Shape, f: &mut dyn FnMut(&str, Span)) {
    for clause in &s.clauses {
        match &clause.value {
            LegClause::Expiry(e) => expiry(e, f),
            LegClause::Leg {
                strike: s, expiry: e, ..
            } => {
                strike(s, f);
                if let Some(e) = e {
                    expiry(e, f);
                }
            }
            LegClause::Strike(s) => strike(s, f),
            LegClause::Wings(a) => amount(a, f),
            LegClause::Month { .. } | LegClause::Shares { .. } => {}
        }
    }
}

fn expiry(e: &ExpirySelector, f: &mut dyn FnMut(&str, Span)) {
    if let ExpirySelector::Nearest { dte, window, .. } = e {
        amount(dte, f);
        if let Some((lo, hi)) = window {
            amounts([lo, hi], f);
        }
    }
}

fn strike(s: &StrikeSelector, f: &mut dyn FnMut(&str, Span)) {
    match s {
        StrikeSelector::At(a) => amount(a, f),
        StrikeSelector::Offset {
            amount: a,
            anchor: Anchor::Leg(_) | Anchor::Word(_),
            ..
        } => amount(a, f),
        StrikeSelector::Formula(e) => expr(e, f),
        StrikeSelector::AtWord(_) | StrikeSelector::SameAs(_) => {}
    }
}

fn limit(l: Option<&LimitPrice>, f: &mut dyn FnMut(&str, Span)) {
    if let Some(LimitPrice::At(e)) = l {
        expr(e, f);
    }
}

fn rule(r: &Rule, f: &mut dyn FnMut(&str, Span)) {
    match r {
        Rule::Open {
            when,
            size: s,
            at_most,
            up_to,
            require,
            limit: l,
            ..
        } => {
            expr(when, f);
            size(s, f);
            amounts(at_most.iter().chain(up_to), f);
            option(require.as_ref(), f);
            limit(l.as_ref(), f);
        }
        Rule::Close {
            when,
            portion,
            limit: l,
            ..
        } => {
            expr(when, f);
            amounts(portion, f);
            limit(l.as_ref(), f);
        }
        Rule::Roll {
            when,
            to,
            rank,
            require,
            limit: l,
            ..
        } => {
            expr(when, f);
            expiry(&to.expiry, f);
            if let RollStrikes::Tested(s) | RollStrikes::Side(_, s) = &to.strikes {
                strike(s, f);
            }
            option(rank.as_ref(), f);
            option(require.as_ref(), f);
            limit(l.as_ref(), f);
        }
    }
}

fn size(s: &SizeExpr, f: &mut dyn FnMut(&str, Span)) {
    match s {
        SizeExpr::Lots(a) => amount(a, f),
        SizeExpr::Budget { amount, .. } => expr(amount, f),
        SizeExpr::Of(e) => expr(e, f),
        SizeExpr::Scale { lo, hi, by, step } => {
            amounts([lo, hi].into_iter().chain(step), f);
            f(&by.value, by.span);
        }
    }
}

fn hedge_clause(c: &HedgeClause, f: &mut dyn FnMut(&str, Span)) {
    match c {
        HedgeClause::Target { amount, band, .. } => {
            expr(amount, f);
            if let Some((lo, hi)) = band {
                amounts([lo, hi], f);
            }
        }
        HedgeClause::Budget { amount, .. } => expr(amount, f),
        HedgeClause::Cap(e) | HedgeClause::Map { by: e, .. } => expr(e, f),
        HedgeClause::NoTradeBand(a) => amount(a, f),
    }
}

fn layer_clause(c: &LayerClause, f: &mut dyn FnMut(&str, Span)) {
    match c {
        LayerClause::Own(s) => shape(s, f),
        LayerClause::Size(s) => size(s, f),
        LayerClause::Vote(list) => list.iter().for_each(|e| expr(e, f)),
        LayerClause::Active { when, until } => {
            expr(when, f);
            option(until.as_ref(), f);
        }
        LayerClause::Rotate { when, until, to } => {
            f(&to.value, to.span);
            expr(when, f);
            option(until.as_ref(), f);
        }
        LayerClause::Migrate { share, when, .. } => {
            amount(share, f);
            expr(when, f);
        }
        LayerClause::Cap(e) | LayerClause::Budget { amount: e, .. } => expr(e, f),
        LayerClause::RollEvery(_) | LayerClause::Unknown(_) => {}
    }
}
