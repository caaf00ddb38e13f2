//! What the figures say about two published claims, in plain sentences, whichever way it comes out.

use super::scale::SizeRow;
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
    out.push(size(&found.sizes));
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

fn size(sizes: &[SizeRow]) -> String {
    let name = "Claim `drawdown holds from 20 to 200 contracts`:";
    let find = |n: u32| sizes.iter().find(|s| s.scale == n);
    let ends = find(20)
        .zip(find(200))
        .or_else(|| sizes.first().zip(sizes.last()));
    let Some((small, large)) = ends.filter(|(a, b)| a.scale != b.scale) else {
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
    let limit = SAME * small.drawdown.max(f64::MIN_POSITIVE);
    let verdict = if (large.drawdown - small.drawdown).abs() <= limit {
        "it holds here, to within a tenth"
    } else if large.drawdown > small.drawdown {
        "it does not hold here: the larger size fell further"
    } else {
        "it does not hold here as said: the larger size fell less, for what it could not fill it did not risk"
    };
    format!("{name} {of}, with {orders}; {verdict}. One path, so no interval.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::Difference;
    use crate::compare::resample::Interval;

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
        assert!(size(&[]).contains("not measured"));
        assert!(size(&[row(20, 0.10), row(200, 0.105)]).contains("it holds here"));
        assert!(size(&[row(1, 0.01), row(20, 0.10), row(200, 0.15)]).contains("fell further"));
        assert!(size(&[row(20, 0.10), row(200, 0.05)]).contains("fell less"));
    }
}
