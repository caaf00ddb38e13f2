//! How the simulated broker is set up.

use alula_book::{FeeSchedule, FillModel};
use alula_market::money::Usd;
use alula_plugin_sdk::{Setting, Settings};
use std::path::PathBuf;

/// What the contract shows.
pub const SETTINGS: &[Setting] = &[
    Setting::wanted(c"folder").doc(c"folder of the account; made if it is not there"),
    Setting::number(c"cash", 0.0, 1e9, 100_000.0).doc(c"dollars that a new account begins with"),
    Setting::text(c"fill", c"legs").doc(c"fill model, as `alula backtest --fill` has it"),
    Setting::text(c"fees", c"ibkr").doc(c"fee schedule: ibkr, flat or none"),
    Setting::whole(c"latency_ms", 0, 3_600_000, 0).doc(c"milliseconds between sending and arriving"),
    Setting::whole(c"latency_rounds", 0, 1000, 0).doc(c"rounds of quotes that an order misses"),
    Setting::number(c"reject_rate", 0.0, 1.0, 0.0).doc(c"share of orders that are refused"),
    Setting::number(c"partial_rate", 0.0, 1.0, 0.0).doc(c"share of fills that are partial"),
    Setting::number(c"apart_rate", 0.0, 1.0, 0.0)
        .doc(c"share of orders whose legs fill apart: all but the last one trade, and the rest of the order is cancelled"),
    Setting::number(c"disconnect_rate", 0.0, 1.0, 0.0).doc(c"share of rounds in which the connection breaks"),
    Setting::whole(c"down_rounds", 1, 1000, 2).doc(c"rounds until it stands again"),
    Setting::whole(c"seed", 0, 2_147_483_647, 1).doc(c"of everything that looks like chance"),
    Setting::text(c"market", c"")
        .doc(c"what it quotes by itself: `store PATH`, or `simulated SEED START SESSIONS MINUTES` (0 minutes: one chain a day)"),
    Setting::text(c"market_from", c"").doc(c"second since 1970 up to which nothing is quoted"),
    Setting::text(c"frozen", c"")
        .doc(c"`FROM TO`, seconds since 1970 between which it goes on telling the quotes that stood before"),
    Setting::whole(c"what_if", 0, 10_000, 100)
        .doc(c"margin of an order, where it is asked: percent of the most that the account could lose at expiry; 0: it says nothing"),
    Setting::whole(c"what_if_ms", 0, 600_000, 0).doc(c"milliseconds that it takes over the answer"),
    Setting::whole(c"lines", 0, 1_000_000, 0).doc(c"most things that it quotes at once; 0: no limit"),
];

/// The same, read.
#[derive(Clone, Debug)]
pub struct Config {
    pub folder: PathBuf,
    pub cash: Usd,
    pub model: FillModel,
    pub fees: FeeSchedule,
    pub latency_ns: i64,
    pub latency_rounds: u64,
    pub reject_rate: f64,
    pub partial_rate: f64,
    pub apart_rate: f64,
    pub disconnect_rate: f64,
    pub down_rounds: u64,
    pub seed: u64,
    pub market: String,
    pub market_from: i64,
    pub frozen: Option<(i64, i64)>,
    pub what_if: i64,
    pub what_if_takes: std::time::Duration,
    pub lines: usize,
}

impl Config {
    pub fn read(settings: &Settings) -> Result<Self, String> {
        let count = |name: &str| settings.whole(name).map(|n| u64::try_from(n).unwrap_or(0));
        let (fill, fees) = (settings.text("fill")?, settings.text("fees")?);
        let folder = settings.text("folder")?;
        if folder.is_empty() {
            return Err("`folder` is empty".to_owned());
        }
        Ok(Self {
            folder: PathBuf::from(folder),
            cash: Usd::from_f64(settings.number("cash")?).ok_or("`cash` is no amount")?,
            model: FillModel::parse(fill)
                .map_err(|e| format!("{e}: {}", alula_book::FillModelError::HELP))?,
            fees: FeeSchedule::named(fees).ok_or_else(|| {
                format!(
                    "there is no fee schedule `{fees}`; write {}",
                    FeeSchedule::NAMES.join(", ")
                )
            })?,
            latency_ns: settings.whole("latency_ms")?.saturating_mul(1_000_000),
            latency_rounds: count("latency_rounds")?,
            reject_rate: settings.number("reject_rate")?,
            partial_rate: settings.number("partial_rate")?,
            apart_rate: settings.number("apart_rate")?,
            disconnect_rate: settings.number("disconnect_rate")?,
            down_rounds: count("down_rounds")?,
            seed: count("seed")?,
            market: settings.text("market")?.to_owned(),
            market_from: match settings.text("market_from")? {
                "" => 0,
                text => text
                    .parse()
                    .map_err(|_| format!("`market_from` is no second: `{text}`"))?,
            },
            frozen: frozen(settings.text("frozen")?)?,
            what_if: settings.whole("what_if")?,
            what_if_takes: std::time::Duration::from_millis(count("what_if_ms")?),
            lines: usize::try_from(settings.whole("lines")?).unwrap_or(0),
        })
    }
}

/// `FROM TO` in seconds; none where nothing is said.
fn frozen(text: &str) -> Result<Option<(i64, i64)>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let both = text
        .split_once(' ')
        .and_then(|(from, to)| Some((from.parse().ok()?, to.parse().ok()?)));
    both.map(Some)
        .ok_or_else(|| format!("`frozen` is `FROM TO` in seconds, not `{text}`"))
}

/// A number in `0..1` that is the same for the same seed and the same thing.
pub fn chance(seed: u64, what: &str, of: &str, at_ns: i64) -> f64 {
    let high = u32::try_from(draw(seed, what, of, at_ns) >> 32).unwrap_or(0);
    f64::from(high) / 4_294_967_296.0
}

/// FNV-1a over everything, finished by `SplitMix64`.
pub fn draw(seed: u64, what: &str, of: &str, at_ns: i64) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let (seed, at) = (seed.to_le_bytes(), at_ns.to_le_bytes());
    let bytes = seed
        .iter()
        .chain(what.as_bytes())
        .chain(&[0])
        .chain(of.as_bytes())
        .chain(&at);
    for byte in bytes {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    let mut z = hash.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
