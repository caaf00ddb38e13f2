//! What the figures say about two published claims, in plain sentences, whichever way it comes out.

use super::resample::Interval;
use super::scale::{SizeRow, ends};
use super::worst::WorstLayer;
use super::{Claims, Comparison, Figure, NEAR_DAYS};
use crate::text::percent;

/// The claim about gamma: lower by so much.
const GAMMA: (f64, f64) = (0.40, 0.60);
/// Drawdowns that differ by no more than this share of the smaller size's are called the same.
const SAME: f64 = 0.10;

/// The sentences.
#[must_use]
pub fn claims(found: &Claims) -> Vec<String> {
    let mut out: Vec<String> = found.comparisons.iter().map(gamma).collect();
    out.extend(found.comparisons.iter().filter_map(worst_days));
    out.extend(found.comparisons.iter().filter_map(layers));
    out.push(size(&found.sizes, found.over_paths, found.size_change));
    if found.simulated {
        out.push("All of this is on a simulated market: it says how the rules behave there, not what they would have earned.".to_owned());
    }
    out
}

fn lower(share: f64) -> String {
    if share < 0.0 {
        format!("{} higher", percent(-share))
    } else {
        format!("{} lower", percent(share))
    }
}

fn gamma(c: &Comparison) -> String {
    let name = format!(
        "Claim `peak gamma 40-60% lower`, `{}` against `{}`:",
        c.other, c.base
    );
    let Some(row) = c.rows.iter().find(|r| r.figure == Figure::PeakGamma) else {
        return format!("{name} not measured.");
    };
    let Some(point) = row.lower_point else {
        let who = if row.base.is_none() { &c.base } else { &c.other };
        return format!(
            "{name} cannot be tested: `{who}` held nothing on the index within {NEAR_DAYS} days of its expiry at a session's end."
        );
    };
    let Some(i) = row.lower_by else {
        let verdict = if (GAMMA.0..=GAMMA.1).contains(&point) {
            "inside"
        } else {
            "outside"
        };
        return format!(
            "{name} peak gamma within {NEAR_DAYS} days of expiry was {}, {verdict} the claimed range; there are too few observations for an \
             interval, so this is no evidence either way.",
            lower(point)
        );
    };
    let interval = format!("95% interval {} to {}", lower(i.low), lower(i.high));
    let verdict = if i.low >= GAMMA.0 && i.high <= GAMMA.1 {
        "the claim holds here"
    } else if i.high < 0.0 {
        "the claim does not hold here: gamma was higher"
    } else if i.high < GAMMA.0 {
        "the claim does not hold here: the reduction is smaller"
    } else if i.low > GAMMA.1 {
        "the reduction is larger than claimed"
    } else if (GAMMA.0..=GAMMA.1).contains(&point) {
        "the figure is inside the claimed range, the interval is not: neither confirmed nor refuted"
    } else {
        "the figure is outside the claimed range, the interval reaches into it: neither confirmed nor refuted"
    };
    format!(
        "{name} peak gamma within {NEAR_DAYS} days of expiry was {} ({interval}); {verdict}.",
        lower(point)
    )
}

fn worst_days(c: &Comparison) -> Option<String> {
    let row = c.rows.iter().find(|r| r.figure == Figure::WorstDays)?;
    let point = row.lower_point?;
    let interval = row.lower_by.map_or_else(String::new, |i| {
        format!(" (95% interval {} to {})", lower(i.low), lower(i.high))
    });
    Some(format!(
        "On the worst 1% of days of `{}`, the loss of `{}` was {}{interval}.",
        c.base,
        c.other,
        lower(point)
    ))
}

fn size(sizes: &[SizeRow], over_paths: bool, change: Option<Interval>) -> String {
    let name = "Claim `drawdown holds from 20 to 200 contracts`:";
    let (small, large) = ends(sizes);
    let of = |i: Option<usize>| i.and_then(|i| sizes.get(i));
    let Some((small, large)) = of(small).zip(of(large)).filter(|(a, b)| a.scale != b.scale) else {
        return format!("{name} not measured; add `--scale 20,200`.");
    };
    let of = format!(
        "drawdown was {} of the peak at {} times the size and {} at {} times",
        percent(small.drawdown),
        small.scale,
        percent(large.drawdown),
        large.scale
    );
    let filled = |s: &SizeRow| s.filled.map_or_else(|| "no orders".to_owned(), percent);
    let orders = format!("{} and {} of orders filled whole", filled(small), filled(large));
    let relative = (large.drawdown - small.drawdown) / small.drawdown.max(f64::MIN_POSITIVE);
    let further = "it does not hold here: the larger size fell further";
    let less = "it does not hold here as said: the larger size fell less, for what it could not fill it did not risk";
    let Some(i) = change else {
        let verdict = match relative {
            r if r.abs() <= SAME => "it holds here, to within a tenth",
            r if r > 0.0 => further,
            _ => less,
        };
        let why = if over_paths {
            "Fewer than ten paths give no interval."
        } else {
            "One path, so no interval."
        };
        return format!("{name} {of}, with {orders}; {verdict}. {why}");
    };
    let verdict = if i.low >= -SAME && i.high <= SAME {
        "it holds here, to within a tenth"
    } else if i.low > SAME {
        further
    } else if i.high < -SAME {
        less
    } else {
        "the interval reaches beyond a tenth: neither confirmed nor refuted"
    };
    let words = |x: f64| {
        let way = if x < 0.0 { "less" } else { "more" };
        format!("{} {way}", percent(x.abs()))
    };
    format!(
        "{name} {of}, on average over the paths ({}, 95% interval {} to {}), with {orders}; {verdict}.",
        words(i.point),
        words(i.low),
        words(i.high)
    )
}

/// What came back through the layers of what the core lost on the worst days.
fn layers(c: &Comparison) -> Option<String> {
    let worst = c.worst.as_ref().filter(|w| !w.layers.is_empty())?;
    if worst.core_loss <= 0.0 {
        return Some(format!(
            "On the worst 1% of days of `{}` the core of `{}` did not lose on balance, so that its layers had nothing to make good.",
            c.base, c.other
        ));
    }
    let words = |l: &WorstLayer| {
        let back = l.efficiency.map(|e| 100.0 * e)?;
        let interval = l.interval.map_or_else(String::new, |i| {
            format!(" (95% interval {:.1} to {:.1})", 100.0 * i.low, 100.0 * i.high)
        });
        Some(format!("`{}` {back:.1} cents{interval}", l.name))
    };
    let all: Vec<String> = worst.layers.iter().filter_map(words).collect();
    let days = if worst.days == 1 {
        "day".to_owned()
    } else {
        format!("{} days", worst.days)
    };
    Some(format!(
        "Of each dollar that the core of `{}` lost on the worst {days} of `{}`, there came back through {}.",
        c.other,
        c.base,
        all.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::Difference;

    fn sentence(point: f64, low: f64, high: f64) -> String {
        let row = Difference {
            figure: Figure::PeakGamma,
            base: Some(1.0),
            other: Some(1.0 - point),
            change: None,
            lower_by: Some(Interval { point, low, high }),
            lower_point: Some(point),
        };
        gamma(&Comparison {
            base: "bare".to_owned(),
            other: "hedged".to_owned(),
            rows: vec![row],
            structures: Vec::new(),
            gains: Vec::new(),
            worst: None,
            method: String::new(),
        })
    }

    #[test]
    fn a_claim_is_answered_whichever_way_it_comes_out() {
        for (point, low, high, words) in [
            (0.50, 0.42, 0.58, "the claim holds here"),
            (0.05, -0.02, 0.12, "does not hold here: the reduction is smaller"),
            (0.80, 0.70, 0.90, "larger than claimed"),
            (0.50, 0.10, 0.70, "inside the claimed range, the interval is not"),
            (
                0.30,
                0.10,
                0.50,
                "outside the claimed range, the interval reaches",
            ),
            (
                -0.20,
                -0.40,
                -0.10,
                "20.0% higher (95% interval 40.0% higher to 10.0% higher); the claim does not hold",
            ),
        ] {
            let text = sentence(point, low, high);
            assert!(text.contains(words), "{text}");
        }
    }

    #[test]
    fn sizes_answer_the_claim_about_drawdowns() {
        let row = |scale, drawdown| SizeRow {
            scale,
            lots: 1,
            drawdown,
            gain: 0.0,
            slippage: 0.0,
            slippage_a_lot: None,
            filled: Some(1.0),
        };
        assert!(size(&[], false, None).contains("not measured"));
        assert!(size(&[row(20, 0.10), row(200, 0.105)], false, None).contains("it holds here"));
        assert!(size(&[row(1, 0.01), row(20, 0.10), row(200, 0.15)], false, None).contains("fell further"));
        assert!(size(&[row(20, 0.10), row(200, 0.05)], false, None).contains("fell less"));
        let over = |point, low, high| {
            let i = Some(Interval { point, low, high });
            size(&[row(20, 0.10), row(200, 0.10 * (1.0 + point))], true, i)
        };
        assert!(over(0.02, -0.04, 0.08).contains("it holds here"));
        assert!(over(0.30, 0.15, 0.45).contains("fell further"));
        assert!(over(-0.30, -0.45, -0.15).contains("fell less"));
        assert!(over(0.08, -0.04, 0.20).contains("neither"));
    }
}
