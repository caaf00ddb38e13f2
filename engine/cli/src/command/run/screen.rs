//! A calm screen: the run at one glance, drawn over itself.

use super::lines;
use alula_live::view::View;
use alula_live::{Happening, Live};
use alula_report::text::{dollars, short_hash, signed_dollars};
use anstyle::Style;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

const TITLE: Style = Style::new().bold();
const FAINT: Style = Style::new().dimmed();
/// Between two drawings; more often nobody can read.
const PAUSE: Duration = Duration::from_millis(200);
/// Rows of each part.
const POSITIONS: usize = 6;
const LAYERS: usize = 6;
const ORDERS: usize = 4;
const EVENTS: usize = 8;

/// What is on the screen.
pub struct Screen {
    columns: usize,
    /// Fills are no trades of real money.
    simulated: bool,
    /// Lines drawn last.
    drawn: usize,
    at: Option<Instant>,
    /// Something happened since.
    stale: bool,
    events: VecDeque<String>,
    standing: lines::Standing,
}

impl Screen {
    /// An empty one.
    pub fn new(columns: usize, simulated: bool) -> Self {
        Self {
            columns,
            simulated,
            drawn: 0,
            at: None,
            stale: true,
            events: VecDeque::new(),
            standing: lines::Standing::default(),
        }
    }

    /// Takes note of what happened.
    pub fn take(&mut self, news: &[Happening], now: lines::Now) {
        for happening in news {
            self.stale = true;
            if self.standing.is_old(happening) {
                continue;
            }
            if let Some(text) = lines::line(happening, now, false) {
                let plain = anstream::adapter::strip_str(&text).to_string();
                self.events
                    .extend(plain.lines().filter(|l| !l.trim().is_empty()).map(str::to_owned));
            }
        }
        while self.events.len() > EVENTS {
            self.events.pop_front();
        }
    }

    /// The screen as it should be, with what takes the cursor back; nothing while it is too early.
    pub fn draw(&mut self, live: &Live<'_>, last: bool) -> Option<String> {
        let early = self.at.is_some_and(|at| at.elapsed() < PAUSE);
        if !last && (early || !self.stale) {
            return None;
        }
        let lines = self.lines(&View::of(live));
        let mut out = if self.drawn > 0 {
            format!("\x1b[{}A\x1b[J", self.drawn)
        } else {
            String::new()
        };
        for (i, line) in lines.iter().enumerate() {
            let cut: String = line.chars().take(self.columns).collect();
            let style = match i {
                0 => TITLE,
                _ if line.starts_with("  ") => Style::new(),
                _ => FAINT,
            };
            out.push_str(&format!("{style}{cut}{style:#}\n"));
        }
        self.drawn = lines.len();
        self.at = Some(Instant::now());
        self.stale = false;
        Some(out)
    }

    fn lines(&self, v: &View) -> Vec<String> {
        let at = v.at.map_or_else(|| "not begun".to_owned(), |t| t.to_string());
        let (done, total) = v.progress;
        let data = if v.simulated {
            v.data.replacen("simulated", "SIMULATED", 1)
        } else {
            v.data.clone()
        };
        let fills = if self.simulated {
            "fills simulated"
        } else {
            "REAL MONEY"
        };
        let mut out = vec![format!(
            "{}  {at} · tick {} · {done} of {total} snapshots · {data} · {fills}",
            v.strategy, v.ticks
        )];
        let (equity, before) = v.equity;
        let day = before.map_or_else(String::new, |b| {
            format!(" ({} since yesterday)", signed_dollars(equity - b))
        });
        let margin = v.margin.map_or_else(
            || "unknown".to_owned(),
            |(r, a)| format!("{} of {}", dollars(r), dollars(a)),
        );
        out.push(format!(
            "  equity      {}{day} · margin {margin}",
            dollars(equity)
        ));
        let greeks = v.greeks.map_or_else(
            || "unknown".to_owned(),
            |(d, g, vega, theta)| {
                format!(
                    "delta {d:+.2} · gamma {g:+.4} · vega {} a point · theta {} a day",
                    money(vega),
                    money(theta)
                )
            },
        );
        out.push(format!("  greeks      {greeks}"));
        let (version, hash) = &v.thresholds;
        let refused = match v.reloads.rejected {
            0 => String::new(),
            n => format!(" · {n} refused"),
        };
        let halted = v
            .halted
            .as_ref()
            .map_or_else(String::new, |by| format!(" · OPENING HALTED by {by}"));
        let waiting = if v.waiting.is_empty() {
            String::new()
        } else {
            format!(" · waits: {}", v.waiting.join(", "))
        };
        out.push(format!(
            "  thresholds  version {version}, {}{refused}{waiting}{halted}",
            short_hash(hash)
        ));
        part(
            &mut out,
            "positions",
            POSITIONS,
            v.positions.iter().map(|p| {
                let pnl = p.pnl.map_or_else(String::new, signed_dollars);
                format!(
                    "  #{:<4} {:<12} {:>9}  {:>4} × {}",
                    p.number, p.structure, pnl, p.lots, p.package
                )
            }),
        );
        part(
            &mut out,
            "layers",
            LAYERS,
            v.layers.iter().map(|(key, what)| format!("  {key:<28} {what}")),
        );
        part(
            &mut out,
            "orders at work",
            ORDERS,
            v.orders.iter().map(|(_, what)| format!("  {what}")),
        );
        out.push("last".to_owned());
        out.extend(self.events.iter().map(|e| format!("  {}", e.trim_end())));
        out
    }
}

/// Whole dollars with their sign in front.
fn money(x: f64) -> String {
    let sign = if x < 0.0 { '-' } else { '+' };
    format!("{sign}${:.0}", x.abs())
}

/// A part with its newest rows; a part without rows is left out.
fn part(out: &mut Vec<String>, title: &str, most: usize, rows: impl Iterator<Item = String>) {
    let rows: Vec<String> = rows.collect();
    if rows.is_empty() {
        return;
    }
    let left = rows.len().saturating_sub(most);
    let more = if left > 0 {
        format!(" ({left} more)")
    } else {
        String::new()
    };
    out.push(format!("{title}{more}"));
    out.extend(rows.into_iter().skip(left));
}
