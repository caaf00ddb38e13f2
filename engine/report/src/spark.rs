//! A line of equity in one row of text.

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// At most `width` bars; each is the last value of its share of the line. A flat line gives the lowest bar.
#[must_use]
pub fn sparkline(values: &[f64], width: usize) -> String {
    let n = values.len().min(width);
    let picked = (0..n).filter_map(|i| values.get(((i + 1) * values.len()).checked_div(n)?.checked_sub(1)?));
    let picked: Vec<f64> = picked.copied().filter(|v| v.is_finite()).collect();
    let low = picked.iter().copied().fold(f64::INFINITY, f64::min);
    let high = picked.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let bar = |v: f64| {
        let height = if high > low {
            (v - low) / (high - low) * 7.0
        } else {
            0.0
        };
        BARS.iter()
            .enumerate()
            .rfind(|(i, _)| (*i as f64) <= height + 0.5)
            .map_or('▁', |(_, c)| *c)
    };
    picked.into_iter().map(bar).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lowest_and_highest_value_take_the_outer_bars() {
        assert_eq!(sparkline(&[0.0, 7.0, 3.5], 10), "▁█▅");
        assert_eq!(sparkline(&[5.0, 5.0], 10), "▁▁");
        assert_eq!(sparkline(&[], 10), "");
        assert_eq!(sparkline(&[1.0, 2.0, 3.0, 4.0], 2), "▁█");
    }
}
