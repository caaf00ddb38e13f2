//! The order in which signals are checked: each after those it speaks of. Walks with a stack of its own, since a file may
//! chain as many signals as it has lines.

use crate::ast::{ItemKind, Signal};
use crate::diagnostic::{Diagnostic, codes};
use crate::resolve::{Symbols, walk};
use std::collections::BTreeMap;

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Done,
}

/// Signals in order; `None` in place of one that depends on itself, which is reported once for each circle.
pub(super) fn signal_order<'a>(
    symbols: &Symbols<'a>,
    findings: &mut Vec<Diagnostic>,
) -> Vec<(&'a str, Option<&'a Signal>)> {
    let signal = |name: &str| -> Option<(&'a str, &'a Signal)> {
        match symbols
            .by_name
            .get_key_value(name)
            .map(|(key, s)| (*key, &s.item.kind))
        {
            Some((key, ItemKind::Signal(s))) => Some((key, s)),
            _ => None,
        }
    };
    // Only the item that holds the name counts: a second one of the same name was reported.
    let all = symbols.items.iter().filter_map(|i| match &i.kind {
        ItemKind::Signal(s) => signal(&s.name.value).filter(|(_, first)| std::ptr::eq(*first, s)),
        _ => None,
    });
    let all: Vec<(&'a str, &'a Signal)> = all.collect();
    let mut state: BTreeMap<&str, State> = BTreeMap::new();
    let mut order = Vec::new();
    for (name, _) in &all {
        if state.contains_key(name) {
            continue;
        }
        // Frames: a signal, those it speaks of, and how many of them were visited.
        let mut stack = vec![frame(name, &signal)];
        state.insert(name, State::Open);
        while let Some((current, names, next)) = stack.last_mut() {
            let current = *current;
            if let Some(dependency) = names.get(*next).copied() {
                *next += 1;
                match state.get(dependency) {
                    Some(State::Done) => {}
                    Some(State::Open) => report_cycle(&stack, dependency, &signal, findings),
                    None => {
                        state.insert(dependency, State::Open);
                        stack.push(frame(dependency, &signal));
                    }
                }
            } else {
                state.insert(current, State::Done);
                order.push((current, signal(current).map(|(_, s)| s)));
                stack.pop();
            }
        }
    }
    let circular: Vec<&str> = findings
        .iter()
        .filter(|d| d.code == codes::SIGNAL_CYCLE)
        .filter_map(|d| {
            all.iter()
                .find(|(_, s)| s.name.span == d.primary.span)
                .map(|(n, _)| *n)
        })
        .collect();
    order
        .into_iter()
        .map(|(n, s)| (n, s.filter(|_| !circular.contains(&n))))
        .collect()
}

type Frame<'a> = (&'a str, Vec<&'a str>, usize);

fn frame<'a>(name: &'a str, signal: &dyn Fn(&str) -> Option<(&'a str, &'a Signal)>) -> Frame<'a> {
    let mut names = Vec::new();
    if let Some((_, s)) = signal(name) {
        walk::expr(&s.expr, &mut |used, _| {
            names.extend(signal(used).map(|(key, _)| key))
        });
    }
    (name, names, 0)
}

fn report_cycle<'a>(
    stack: &[Frame<'a>],
    back_to: &str,
    signal: &dyn Fn(&str) -> Option<(&'a str, &'a Signal)>,
    findings: &mut Vec<Diagnostic>,
) {
    let from = stack.iter().position(|(n, ..)| *n == back_to).unwrap_or(0);
    let circle: Vec<&str> = stack.iter().skip(from).map(|(n, ..)| *n).collect();
    let Some((last, closing)) = circle.last().and_then(|n| signal(n)) else {
        return;
    };
    let chain: Vec<String> = circle
        .iter()
        .chain(circle.first())
        .map(|n| format!("`{n}`"))
        .collect();
    let mut d = Diagnostic::error(
        codes::SIGNAL_CYCLE,
        closing.name.span,
        if circle.len() == 1 {
            format!("the signal `{last}` depends on itself")
        } else {
            format!("signals depend on each other in a circle: {}", chain.join(" -> "))
        },
    )
    .help("define one of them from the market; a value of an earlier bar is `lag(series, 1)`");
    // The others of the circle, each where it is declared.
    for name in circle.iter().filter(|n| **n != last).take(8) {
        if let Some((_, s)) = signal(name) {
            d = d.also(s.name.span, "part of the circle");
        }
    }
    findings.push(d);
}
