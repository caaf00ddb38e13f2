//! The strategy's own files while it runs: watched, read as one with the thresholds file, offered to the run.

use super::{Conductor, basis, state, stopped};
use crate::command::backtest::with_terms;
use crate::exit::Failure;
use crate::project::Project;
use crate::strategy::fit;
use alula_core::succession::Orphans;
use alula_dsl::graph::Graph;
use alula_live::LiveError;
use alula_live::source::{Refusal, Source};
use alula_live::strategy::{Files, Offered};
use alula_live::swap::{Rejected, Rejection};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Ticks of the past that are computed for a new strategy before the clock is looked at again.
const CHUNK: usize = 4;
/// Longest piece of that work between two looks at what is due.
const SLICE: Duration = Duration::from_millis(20);

/// The files of a strategy; none for one from standard input, which cannot change.
pub(super) fn watched(project: &Project) -> Option<Files> {
    (project.path.as_os_str() != "-").then(|| Files::new(&project.files()))
}

/// The thresholds file on disk, if it can be believed; none where there is none.
type Values = Result<Option<(PathBuf, Vec<u8>)>, (PathBuf, Refusal)>;

impl Conductor<'_, '_> {
    /// Looks at the strategy's files and the thresholds file: what changed together is taken together.
    pub(super) fn look(&mut self, now: Duration) -> Result<(), Failure> {
        if self.live.is_upgrading() {
            // A strategy would be linked to the build that leaves: what is saved meanwhile is read afterwards.
            return Ok(());
        }
        let changed = self.files.as_mut().is_some_and(|f| f.poll(now));
        let moving = changed || self.files.as_ref().is_some_and(Files::is_moving);
        // A thresholds file that was saved with its strategy is read with it.
        let values = if moving {
            None
        } else {
            self.source.as_mut().and_then(|s| s.poll(now))
        };
        if changed {
            return self.offer_strategy(now);
        }
        if let Some(read) = values {
            if self.live.is_preparing() {
                // It counts with the strategy that is on its way, not with the one that leaves.
                self.offer_strategy(now)?;
                if self.live.is_preparing() {
                    return Ok(());
                }
            }
            let news = self.live.offer(read, "file", state::now_ns());
            self.tell(&news.map_err(|e| stopped(&e))?);
        }
        Ok(())
    }

    /// The thresholds file as it is now.
    fn values(&mut self) -> Values {
        let Some(path) = self.source.as_ref().map(|s| s.path().to_owned()) else {
            return Ok(None);
        };
        // Read afresh: it may have been saved in the same moment.
        let source = Source::new(&path);
        match source.told() {
            Some(Ok(bytes)) => Ok(Some((path, bytes.to_vec()))),
            None | Some(Err(Refusal::Missing)) => Ok(None),
            Some(Err(refusal)) => Err((path, refusal.clone())),
        }
    }

    fn offer_strategy(&mut self, now: Duration) -> Result<(), Failure> {
        let Some(offered) = self.read(now)? else {
            return Ok(());
        };
        let news = self.live.offer_strategy(offered, "file", state::now_ns());
        self.tell(&news.map_err(|e| stopped(&e))?);
        Ok(())
    }

    /// Compiles what the files say; nothing when they are being written again.
    fn read(&mut self, now: Duration) -> Result<Option<Result<Offered, Rejected>>, Failure> {
        let refused = |hash: String, what: String, help: String| {
            let why = Rejection::Strategy { what, help };
            Ok(Some(Err(Rejected { hash, why })))
        };
        let of_text = |text: &str| alula_market::digest::sha256(text.as_bytes());
        let Some(files) = &mut self.files else {
            return Ok(None);
        };
        for path in files.paths() {
            if let Some(Err(refusal)) = files.told(path) {
                let what = format!("`{}`: {refusal}", path.display());
                return refused(of_text(&what), what, refusal.help().to_owned());
            }
        }
        let project = match Project::load(&self.args.file) {
            Ok(project) => project,
            Err(e) => return refused(of_text(&e.what), e.what, String::new()),
        };
        let paths = project.files();
        files.follow(&paths);
        // What was compiled must be what was seen to be quiet.
        let texts = project.texts();
        let quiet = texts.iter().all(|(path, bytes)| match files.told(path) {
            Some(Ok(told)) => told == bytes.as_slice(),
            _ => true,
        });
        if !quiet {
            files.reload(now);
            return Ok(None);
        }
        let values = match self.values() {
            Ok(values) => values,
            Err((path, refusal)) => {
                let what = format!(
                    "`{}`, which belongs to `{}`: {refusal}",
                    path.display(),
                    self.args.file.display()
                );
                return refused(of_text(&what), what, refusal.help().to_owned());
            }
        };
        let settings = self.live.crank().manifest().settings.clone();
        let args = self.args;
        let terms = |graph: &Graph| with_terms(&args.terms, graph);
        let digest = texts.iter().fold(String::new(), |all, (_, bytes)| {
            all + &alula_market::digest::sha256(bytes)
        });
        let builds = super::upgrade::builds(self.live.crank());
        let read = match fit(&project, values.clone(), &terms, (&args.file, &builds), self.out) {
            Ok(read) => read,
            Err(e) => return refused(of_text(&format!("{digest}{}", e.what)), e.what, String::new()),
        };
        let fit = match read {
            Ok(fit) => fit,
            Err(unfit) => {
                let values = values.map(|(_, bytes)| alula_market::digest::sha256(&bytes));
                let hash = of_text(&format!("{digest}{}", values.unwrap_or_default()));
                return refused(hash, unfit.what, unfit.help);
            }
        };
        let at = self.live.next().unwrap_or_default();
        let sources = basis::of_strategy(&fit, &settings);
        Ok(Some(Ok(Offered {
            swap: fit.swap(at, self.args.on_swap.entries()),
            sources,
            ended: fit.ended,
            ack: fit.ack,
        })))
    }

    /// Goes on with a strategy or a build of a plugin that is on its way, until something else is due. Where the next tick is due
    /// already, as at full speed, each tick leaves it a slice: it gains on the run, however fast that goes.
    pub(super) fn prepare(&mut self, due: Duration) -> Result<(), Failure> {
        let begun = Instant::now();
        let behind = due <= self.started.elapsed();
        while self.live.is_preparing() || (self.live.is_following() && !self.live.crank().is_changing()) {
            if self.live.is_preparing() {
                let news = self.live.work(CHUNK, state::now_ns()).map_err(|e| stopped(&e))?;
                self.tell(&news);
            } else {
                self.follow(CHUNK)?;
            }
            if begun.elapsed() >= SLICE || (!behind && self.started.elapsed() >= due) {
                break;
            }
        }
        Ok(())
    }

    /// `confirm DIGEST [keep|close]`.
    pub(super) fn confirm(&mut self, rest: &str, uid: Option<u32>) -> Result<Value, Failure> {
        let mut words = rest.split_whitespace();
        let digest = words.next().unwrap_or_default();
        let positions = words.next().and_then(Orphans::from_word);
        match self.live.confirm(digest, positions, uid, state::now_ns()) {
            Ok(news) => {
                self.tell(&news);
                let refused = news.iter().find_map(|n| match n {
                    alula_live::Happening::Rejected(r) => Some(format!("{r}; {}", r.why.help())),
                    _ => None,
                });
                Ok(match refused {
                    Some(error) => json!({ "error": error }),
                    None => {
                        json!({ "done": "confirm", "in_force": "from a tick on, as soon as it is computed" })
                    }
                })
            }
            Err(LiveError::Run(e)) => Ok(json!({ "error": format!("{}; {}", e.what, e.help) })),
            Err(e) => Err(stopped(&e)),
        }
    }

    /// The strategy that waits for a word, as JSON.
    pub(super) fn proposed(&self) -> Value {
        self.live.proposed().map_or(
            Value::Null,
            |p| json!({ "sha256": p.digest, "drops": p.drops, "open": p.open }),
        )
    }
}
