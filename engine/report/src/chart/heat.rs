//! Heat maps of a grid of scenarios, one panel for each date. A picture that stands alone.

use super::svg::{Svg, escape, num};
use crate::scenario::{CellFigures, Scenarios, signed, spot_label};
use std::fmt::Write as _;

const STYLE: &str = "\
.heat{font-family:system-ui,-apple-system,'Segoe UI',Roboto,sans-serif;font-size:12px}\
.sheet{fill:#fff}.head{font-size:15px;font-weight:600;fill:#1f2933}.title{font-weight:600;fill:#1f2933}\
.label{fill:#475467;font-size:11px}.sub{fill:#667085;font-size:11px}.mark{font-weight:600;fill:#b54708}\
.value{fill:#1f2933;font-size:11px}.light{fill:#fff;font-size:11px}.gone{fill:#f2f4f7}\
.call{fill:none;stroke:#1f2933;stroke-width:2.5}\
.g1{fill:#e3f1e8}.g2{fill:#bfe0cc}.g3{fill:#8cc7a3}.g4{fill:#4f9f73}.g5{fill:#256b46}\
.b1{fill:#fbe9e4}.b2{fill:#f6cdc1}.b3{fill:#eba08d}.b4{fill:#d36a52}.b5{fill:#a63a25}";

const CELL: (f64, f64) = (86.0, 34.0);
const LEFT: f64 = 62.0;
const TOP: f64 = 52.0;

/// Shade of a gain or loss: five steps of each by its share of the largest in the picture.
fn shade(profit: f64, largest: f64) -> (&'static str, bool) {
    const GOOD: [&str; 5] = ["g1", "g2", "g3", "g4", "g5"];
    const BAD: [&str; 5] = ["b1", "b2", "b3", "b4", "b5"];
    let share = if largest > 0.0 {
        profit.abs() / largest
    } else {
        0.0
    };
    let step = [0.05, 0.2, 0.4, 0.7].iter().filter(|s| share > **s).count();
    let scale = if profit < 0.0 { BAD } else { GOOD };
    (scale.get(step).copied().unwrap_or("g1"), step >= 3)
}

/// Draws the profits of every date.
#[must_use]
pub fn heat(found: &Scenarios) -> String {
    let as_f64 = |n: usize| f64::from(u32::try_from(n).unwrap_or(u32::MAX));
    let known = || found.cells.iter().flatten();
    let of = |sign: f64| {
        let sized = known().map(|f| f.profit.to_f64() * sign);
        sized.fold(0.0, f64::max)
    };
    let (gain, loss) = (of(1.0), of(-1.0));
    let panel = (
        LEFT + as_f64(found.spots.len()) * CELL.0 + 20.0,
        TOP + as_f64(found.vols.len()) * CELL.1 + 24.0,
    );
    let columns = if panel.0 > 620.0 {
        1
    } else {
        2.min(found.days.len().max(1))
    };
    let rows = found.days.len().div_ceil(columns);
    let width = (as_f64(columns) * panel.0 + 24.0).max(760.0);
    let height = 56.0 + as_f64(rows) * panel.1 + 40.0;
    let mut body = String::new();
    for (d, days) in found.days.iter().enumerate() {
        let (x, y) = (
            12.0 + as_f64(d % columns) * panel.0,
            50.0 + as_f64(d / columns) * panel.1,
        );
        let _ = write!(
            body,
            r#"<g transform="translate({} {})">{}</g>"#,
            num(x),
            num(y),
            drawn(found, d, *days, (gain, loss))
        );
    }
    let (w, h) = (num(width), num(height));
    let mark = if found.simulated {
        format!(
            r#"<text class="mark" x="{}" y="26" text-anchor="end">simulated market</text>"#,
            num(width - 16.0)
        )
    } else {
        String::new()
    };
    let label = format!(
        "{} · {} {} at {}",
        found.heading, found.underlying, found.spot, found.at
    );
    let foot = format!(
        "first line: profit of the account; second: a year on the capital at risk; thick frame: margin call by {}; grey: no value",
        found.rulebooks.join(", ")
    );
    format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" class="heat" width="{w}" height="{h}" viewBox="0 0 {w} {h}" role="img" aria-label="{label}"><style>{STYLE}</style><rect class="sheet" width="{w}" height="{h}"/><text class="head" x="16" y="26">{label}</text>{mark}<text class="sub" x="16" y="42">{data}</text>{body}<text class="sub" x="16" y="{foot_y}">{foot}</text></svg>
"#,
        label = escape(&label),
        data = escape(&found.label),
        foot = escape(&foot),
        foot_y = num(height - 14.0),
    )
}

fn drawn(found: &Scenarios, day: usize, days: f64, (gain, loss): (f64, f64)) -> String {
    let mut svg = Svg::default();
    let as_f64 = |n: usize| f64::from(u32::try_from(n).unwrap_or(u32::MAX));
    svg.text("title", 4.0, 22.0, "start", &format!("after {days} days"));
    svg.text("label", LEFT - 8.0, TOP - 6.0, "end", "vol, spot");
    for (s, spot) in found.spots.iter().enumerate() {
        let x = LEFT + (as_f64(s) + 0.5) * CELL.0;
        svg.text("label", x, TOP - 6.0, "middle", &spot_label(*spot));
    }
    let mut frames: Vec<(f64, f64)> = Vec::new();
    for (v, vol) in found.vols.iter().enumerate() {
        let y = TOP + as_f64(v) * CELL.1;
        svg.text("label", LEFT - 8.0, y + 0.5 * CELL.1 + 4.0, "end", &signed(*vol));
        for s in 0..found.spots.len() {
            let x = LEFT + as_f64(s) * CELL.0;
            match found.cell(day, v, s) {
                Some(Ok(f)) => {
                    one(&mut svg, f, (x, y), (gain, loss));
                    if f.called() {
                        frames.push((x, y));
                    }
                }
                Some(Err(why)) => svg.rect("gone", x, y, CELL.0 - 2.0, CELL.1 - 2.0, why),
                None => {}
            }
        }
    }
    // Above the neighbours, which would cover half of a frame.
    for (x, y) in frames {
        svg.rect("call", x, y, CELL.0 - 2.0, CELL.1 - 2.0, "margin call");
    }
    svg.into_body()
}

fn one(svg: &mut Svg, f: &CellFigures, (x, y): (f64, f64), (gain, loss): (f64, f64)) {
    let profit = f.profit.to_f64();
    let (class, dark) = shade(profit, if profit < 0.0 { loss } else { gain });
    let (first, second) = crate::scenario::brief(f);
    let title = format!("{first} · {second} a year · cushion {:.2}", f.cushion);
    svg.rect(class, x, y, CELL.0 - 2.0, CELL.1 - 2.0, &title);
    let ink = if dark { "light" } else { "value" };
    let middle = x + 0.5 * (CELL.0 - 2.0);
    svg.text(ink, middle, y + 14.0, "middle", &first);
    svg.text(ink, middle, y + 27.0, "middle", &second);
}
