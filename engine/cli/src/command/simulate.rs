//! `alula simulate`.

use crate::args::{RegimeArg, SimulateArgs, TextFormat};
use crate::command::store;
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::progress::Bar;
use alula_market::history::{History, HistoryError};
use alula_market::import::{self, ImportRequest};
use alula_market::sim::export::{ExportError, Written, export};
use alula_market::sim::stats::{Compared, Statistics, TARGETS};
use alula_market::sim::{Regime, SimConfig, SimulatedMarket};
use alula_market::store::{MANIFEST, StoreErrorKind};
use alula_market::time::Date;
use alula_report::text::{count, plural};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::Path;

/// Sessions of a year.
const SESSIONS: u32 = 252;

/// Writes a simulated market as a store, or shows its statistics.
///
/// # Errors
/// When a setting is out of range, the folder is taken or cannot be written, or the data to compare with cannot be read.
pub fn run(args: &SimulateArgs, out: &mut Output) -> Result<Exit, Failure> {
    let mut config = SimConfig {
        seed: args.seed,
        sessions: args.years.saturating_mul(SESSIONS),
        every_minutes: args.every,
        regime: match args.vol_regime {
            RegimeArg::Calm => Regime::Calm,
            RegimeArg::Mixed => Regime::Mixed,
            RegimeArg::Stress => Regime::Stress,
        },
        ..SimConfig::default()
    };
    if let Some(start) = args.start {
        config.start = start;
    }
    let market = SimulatedMarket::new(config).map_err(|e| Failure::usage(e.what).help(e.help))?;
    let mut json = serde_json::Map::new();
    json.insert("simulated".to_owned(), Value::Bool(true));
    json.insert("label".to_owned(), market.provenance().label.into());
    if let Some(target) = &args.store {
        let written = write(&market, target, out)?;
        if args.format == TextFormat::Text {
            out.data(&written_text(&market, &written, target))?;
        }
        json.insert(
            "store".to_owned(),
            json!({ "path": target.display().to_string(), "days": written.days,
            "snapshots": written.snapshots, "rows": written.rows, "tables": written.tables }),
        );
        out.note(&format!(
            "next: alula backtest STRATEGY --data {}",
            target.display()
        ));
    }
    if args.stats {
        let table = statistics(args, &market)?;
        match args.format {
            TextFormat::Text => {
                let gap = if args.store.is_some() { "\n" } else { "" };
                out.data(&format!("{gap}{}", table.text()))?;
            }
            TextFormat::Json => {
                json.insert("statistics".to_owned(), table.json());
            }
        }
    }
    if args.format == TextFormat::Json {
        out.data(&format!("{:#}\n", Value::Object(json)))?;
    }
    Ok(Exit::Ok)
}

fn write(market: &SimulatedMarket, target: &Path, out: &Output) -> Result<Written, Failure> {
    let bar = Bar::of_ticks(out);
    let mut begun = false;
    let mut progress = |done: u64, total: u64, date: Date| {
        if !begun {
            bar.begin(total);
            begun = true;
        }
        bar.at(done, &date.to_string());
    };
    let written = export(market, target, &mut progress);
    bar.end();
    written.map_err(|e| match e {
        ExportError::Market(e) => Failure::new(Exit::Data, e.what).help(e.help),
        ExportError::Store(e) => {
            let exit = match e.kind {
                StoreErrorKind::Exists | StoreErrorKind::Io | StoreErrorKind::Busy => Exit::Usage,
                _ => Exit::Data,
            };
            let help = if e.kind == StoreErrorKind::Exists {
                "name a folder that does not exist yet".to_owned()
            } else {
                e.help
            };
            Failure::new(exit, e.what).help(help)
        }
    })
}

fn written_text(market: &SimulatedMarket, w: &Written, target: &Path) -> String {
    let range = market.range("SPX");
    let (from, to) = range.map_or_else(Default::default, |(a, b)| (a.to_string(), b.to_string()));
    let days = usize::try_from(w.days).unwrap_or(usize::MAX);
    format!(
        "SIMULATED: {}\nchains   SPX, XSP and VIX: {} {from} to {to}, {} snapshots, {} rows\nseries   {} with events\nstore    {}\n",
        market.provenance().label,
        plural(days, "day"),
        count(w.snapshots),
        count(w.rows),
        count(w.tables),
        target.display()
    )
}

/// A market's statistics beside others.
struct Table {
    title: String,
    real: String,
    /// The published figures' periods are shown.
    published: bool,
    lines: Vec<Compared>,
}

fn damaged(e: HistoryError) -> Failure {
    Failure::new(Exit::Data, e.what).help(e.help)
}

fn whole(history: &dyn History) -> Result<Statistics, Failure> {
    Statistics::of(history, Date::MIN, Date::MAX).map_err(damaged)
}

fn statistics(args: &SimulateArgs, market: &SimulatedMarket) -> Result<Table, Failure> {
    let own = whole(market)?;
    let real = args.against.as_deref().map(against).transpose()?;
    let range = |s: &Statistics| {
        let days = s.range.map_or_else(String::new, |(a, b)| format!(", {a} to {b}"));
        format!("{}{days}", plural(s.sessions, "session"))
    };
    let lines = own.beside(real.as_ref());
    if let (true, Some(path)) = (lines.is_empty(), &args.against) {
        let what = format!(
            "`{}` has none of the series that the table compares",
            path.display()
        );
        return Err(Failure::new(Exit::Data, what).help("it needs daily SPX, or VIX and its relatives"));
    }
    Ok(Table {
        title: format!("SIMULATED: {} ({})", market.provenance().label, range(&own)),
        real: real.as_ref().map_or_else(
            || "published statistics of the real market, each with its period".to_owned(),
            |r| {
                let path = args
                    .against
                    .as_ref()
                    .map(|p| p.display().to_string())
                    .unwrap_or_default();
                format!("{path} ({} of SPX)", range(r))
            },
        ),
        published: real.is_none(),
        lines,
    })
}

/// Statistics of a store, or of a folder of files read into a passing one.
fn against(path: &Path) -> Result<Statistics, Failure> {
    if path.join(MANIFEST).exists() {
        return whole(&store::open(path)?);
    }
    if !path.exists() {
        return Err(Failure::usage(format!("there is no `{}`", path.display()))
            .help("name a store, or a folder of files with daily series"));
    }
    let folder = tempfile::tempdir().map_err(|e| Failure::io("make a temporary folder", path, &e))?;
    let target = folder.path().join("against");
    let request = ImportRequest::new(vec![path.to_owned()], target.clone());
    import::run(&request, &mut ()).map_err(|e| Failure::new(Exit::Data, e.to_string()).help(e.help()))?;
    whole(&store::open(&target)?)
}

impl Table {
    /// The line that lies furthest off.
    fn worst(&self) -> Option<&Compared> {
        self.lines
            .iter()
            .max_by(|a, b| a.off.abs().total_cmp(&b.off.abs()))
    }

    fn text(&self) -> String {
        let mut t = format!("{}\nbeside {}\n\n", self.title, self.real);
        let _ = writeln!(
            t,
            "{:<44}{:>10}{:>10}{:>8}  period",
            "statistic", "simulated", "real", "off"
        );
        for line in &self.lines {
            let period = TARGETS
                .iter()
                .find(|t| t.measure == line.measure && self.published)
                .map_or("", |t| t.period);
            let row = format!(
                "{:<44}{:>10}{:>10}{:>+8.1}  {period}",
                line.measure.words(),
                number(line.value),
                number(line.real),
                line.off
            );
            let _ = writeln!(t, "{}", row.trim_end());
        }
        if let Some(w) = self.worst() {
            let _ = writeln!(
                t,
                "\nlargest deviation: {}, {} against {} ({:+.1})",
                w.measure.words(),
                number(w.value),
                number(w.real),
                w.off
            );
        }
        t.push_str("off: in units set by judgement, about how much a statistic differs between spells of a few years\n");
        t
    }

    fn json(&self) -> Value {
        let line = |c: &Compared| json!({ "statistic": c.measure.words(), "simulated": c.value, "real": c.real, "off": c.off });
        json!({
            "beside": self.real,
            "lines": self.lines.iter().map(line).collect::<Vec<_>>(),
            "largest_deviation": self.worst().map(line),
        })
    }
}

/// Three digits that say something.
fn number(x: f64) -> String {
    if x.abs() < 10.0 {
        format!("{x:.3}")
    } else {
        format!("{x:.2}")
    }
}
