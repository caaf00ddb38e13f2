//! What happens in a run as structured events: time, level, target, fields. On standard error, as lines or as JSON.

use crate::args::{LogArgs, LogFormat};
use crate::exit::Failure;
use crate::voice::Voice;
use alula_live::Happening;
use tracing::{debug, error, info, warn};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, fmt};

/// Variable that holds a filter where `--log` says nothing.
pub const VARIABLE: &str = "ALULA_LOG";

/// Begins to log on standard error, where a filter was named.
///
/// # Errors
/// When the filter is none.
pub fn begin(args: &LogArgs, errors: Voice) -> Result<(), Failure> {
    let named = args.log.clone().or_else(|| std::env::var(VARIABLE).ok());
    let Some(text) = named.filter(|t| !t.trim().is_empty()) else {
        return Ok(());
    };
    let filter: Targets = text.trim().parse().map_err(|_| {
        Failure::usage(format!("`{text}` is no filter of the log"))
            .help("write a level, `info`, or targets with levels: `alula::tick=debug,alula::order=info`")
    })?;
    let lines = fmt::layer().with_writer(move || errors.clone()).with_ansi(false);
    let layer = match args.log_format {
        LogFormat::Plain => lines.boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    // A second run in one process keeps the first one's log.
    let _ = tracing_subscriber::registry()
        .with(layer.with_filter(filter))
        .try_init();
    Ok(())
}

/// Logs what happened.
pub fn tell(news: &[Happening], simulated: bool) {
    for happening in news {
        one(happening, simulated);
    }
}

fn one(happening: &Happening, simulated: bool) {
    match happening {
        Happening::Session(date) => debug!(target: "alula::session", %date, "session"),
        Happening::Accepted {
            version,
            changes,
            acked,
        } => {
            let changes: Vec<String> = changes.iter().map(ToString::to_string).collect();
            let changes = changes.join(", ");
            info!(target: "alula::swap", version, changes, acked, "thresholds accepted");
        }
        Happening::Strategy { digest, changes, .. } => {
            tracing::info!(target: "alula::run", sha256 = digest, changes = changes.join("; "), "strategy accepted");
        }
        Happening::Proposed { digest, drops, .. } => {
            tracing::warn!(target: "alula::run", sha256 = digest, drops = drops.join("; "), "strategy waits for a word");
        }
        Happening::Rejected(r) => {
            warn!(target: "alula::swap", sha256 = r.hash, why = %r, "thresholds refused");
        }
        Happening::InForce(v) => {
            info!(target: "alula::swap", version = v.version, sha256 = v.hash, tick = v.tick, at = %v.at, "thresholds in force");
        }
        Happening::Operator(act) => {
            warn!(target: "alula::operator", at = %act.at, act = act.act.text(), who = act.who, why = act.why, "operator");
        }
        Happening::Trade(t) => info!(
            target: "alula::fill", at = %t.at, key = t.key, structure = t.structure, position = t.position, lots = t.lots,
            net = %t.net.share, cash = %t.cash.share, fees = %t.fees, order = t.order, simulated, "fill"
        ),
        Happening::Linear(t) => info!(
            target: "alula::fill", at = %t.at, key = t.key, structure = t.structure, position = t.position, symbol = t.symbol,
            quantity = t.quantity, price = %t.price.share, order = t.order, simulated, "fill"
        ),
        Happening::Decision(d) => {
            let acts = matches!(d.verdict.as_str(), "ordered" | "guarded");
            if acts {
                info!(
                    target: "alula::decision", tick = d.tick, at = %d.at, key = d.key, kind = %d.kind, position = d.position,
                    verdict = d.verdict, order = d.order, detail = d.detail, "decision"
                );
            } else {
                debug!(
                    target: "alula::decision", tick = d.tick, at = %d.at, key = d.key, kind = %d.kind, position = d.position,
                    verdict = d.verdict, detail = d.detail, "decision"
                );
            }
        }
        Happening::Order(o) => info!(
            target: "alula::order", at = %o.decided_at, id = o.id, key = o.key, kind = o.kind, structure = o.structure,
            lots = o.lots, package = o.package, "order"
        ),
        Happening::Layer(l) => info!(
            target: "alula::layer", tick = l.tick, at = %l.at, layer = l.layer, phase = l.phase, lots = l.lots, buys = l.buys,
            sells = l.sells, why = l.why, "layer"
        ),
        Happening::Alert { at, key, text } => {
            // Rails and overlays speak through alerts too.
            warn!(target: "alula::alert", %at, key, text, "alert");
        }
        Happening::MarginCall(c) => error!(
            target: "alula::margin", at = %c.at, rulebook = c.rulebook, required = %c.required, available = %c.available,
            "margin call"
        ),
        Happening::Tick(t) => debug!(
            target: "alula::tick", tick = t.tick, at = %t.at, equity = %t.equity, called = t.called, orders = t.orders,
            link = t.chain, "tick"
        ),
    }
}
