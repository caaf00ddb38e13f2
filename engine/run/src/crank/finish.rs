//! The end of a run, and what it came to.

use super::{Crank, Shared, by, gate, read, times};
use crate::course::Swap;
use crate::error::RunError;
use crate::manifest;
use crate::marks::{self, Facts};
use crate::output::RunOutput;
use crate::warm_up;
use alula_market::time::Instant;

impl<'a> Crank<'a> {
    /// Ends the run where it stands: the snapshots that have not been visited are left out, and the manifest says where it
    /// stopped. A run that has visited all of them is not changed.
    pub fn stop_here(&mut self) {
        if self.done >= self.setup.visited.len() {
            return;
        }
        let begin = self
            .setup
            .visited
            .first()
            .map_or(Instant(i64::MIN), |t| Instant(t.0 - 1));
        let newest = self.done.checked_sub(1).and_then(|i| self.setup.visited.get(i));
        self.stop_at(newest.copied().unwrap_or(begin));
    }

    /// Leaves out every snapshot after an instant.
    pub(crate) fn stop_at(&mut self, until: Instant) {
        let setup = &mut self.setup;
        setup.visited.retain(|t| *t <= until);
        setup.last_instant = setup.last_instant.min(until);
        setup.manifest.stopped = Some(until);
        setup.manifest.to = Some(until.date());
        setup.manifest.gaps.retain(|d| *d <= until.date());
        setup.identity.insert("to".to_owned(), until.date().to_string());
        setup.identity.insert("stopped".to_owned(), until.0.to_string());
    }

    /// Ends the run: the rest of the last session and of the period, then everything that is known at the end alone.
    ///
    /// # Errors
    /// When a settlement is missing or the books do not add up.
    pub fn finish(self) -> Result<RunOutput, RunError> {
        crate::backtest::with_twin(self, &mut Shared::default())
    }

    /// The run so far as far as explanations need it: ticks, decisions, positions, and what was read.
    #[must_use]
    pub fn so_far(&self) -> RunOutput {
        let mut recorder = self.recorder.clone();
        recorder.positions(&self.book);
        read(&mut recorder, &self.setup, &self.driver, (self.began, self.tick));
        recorder.cells(&mut self.trace.cells.clone());
        let mut output = recorder.output;
        let deaths = std::mem::take(&mut output.manifest.deaths);
        output.manifest = self.setup.manifest.clone();
        output.manifest.deaths = deaths;
        output
    }

    pub(crate) fn applied(&self) -> &[Swap] {
        &self.applied
    }

    pub(crate) fn finish_with(mut self, shared: &mut Shared<'a>) -> Result<RunOutput, RunError> {
        let end = self.setup.last_instant;
        self.end_day(None)?;
        self.settle(end, None)?;
        self.book.check().map_err(|e| RunError::from(e).at(end))?;
        self.recorder.last_day(&self.book);
        self.book.audit()?;
        let Self {
            mut setup,
            book,
            snapshots,
            driver,
            trace,
            mut recorder,
            guards,
            mut chain,
            tick,
            done,
            empty,
            applied,
            filled_by,
            rails,
            stopped,
            began,
            ..
        } = self;
        recorder.positions(&book);
        recorder.add_up(&book).map_err(|e| e.at(end))?;
        let rows = &mut recorder.output;
        crate::overlay::add_up(&mut rows.overlays, &rows.overlay_changes, &rows.positions);
        chain.end(&book);
        read(&mut recorder, &setup, &driver, (began, tick));
        setup.manifest.first_tick = setup.decided(tick).first().copied();
        setup.manifest.last_tick = setup.decided(tick).last().copied();
        let mut cells = trace.cells;
        recorder.cells(&mut cells);
        setup.manifest.ticks = u64::try_from(tick).unwrap_or(u64::MAX);
        setup.manifest.chain = chain.hex();
        setup.manifest.empty_chains = empty;
        let ticks = setup.decided(tick);
        setup.manifest.marks = marks::of(&Facts {
            plan: &setup.plan,
            data: &setup.data,
            manifest: &setup.manifest,
            book: &book,
            guards: &guards,
            calls: &recorder.output.margin_calls,
            cut: setup.cut.as_deref(),
            absent: &setup.absent,
            warming_up: &warm_up::of(
                &setup.plan,
                &setup.data,
                setup
                    .ticks
                    .get(..setup.warm_up + ticks.len())
                    .unwrap_or(&setup.ticks),
                setup.warm_up,
            ),
            plugins: setup.registry.plugins(),
            deaths: &recorder.output.manifest.deaths,
            without_rate: snapshots.without_rate,
            visited: setup.visited.get(..done).unwrap_or(&setup.visited),
            ticks,
        });
        if let Some(by) = &filled_by {
            let how = if by.starts_with("ibkr") {
                "as it told them"
            } else {
                "which simulates them from the quotes of the run"
            };
            setup
                .manifest
                .marks
                .push(format!("fills: by the broker `{by}`, {how}"));
        }
        setup.manifest.marks.extend(gate::mark(&rails.limits, stopped));
        let (strategies, thresholds): (Vec<&Swap>, Vec<&Swap>) =
            applied.iter().partition(|s| s.rules.is_some());
        if !strategies.is_empty() {
            let times = times(strategies.len());
            setup.manifest.marks.push(format!(
                "strategy: changed {times} while the run was under way; `strategies.csv` says what was in force when"
            ));
        }
        let changes = thresholds.len();
        if changes > 0 {
            let times = times(changes);
            setup.manifest.marks.push(format!(
                "thresholds: changed {times} while the run was under way; `thresholds.csv` says what was in force when"
            ));
        }
        for act in &recorder.output.manifest.operator {
            let why = if act.why.is_empty() {
                String::new()
            } else {
                format!(": {}", act.why)
            };
            setup.manifest.marks.push(format!(
                "operator: {}{} at {}{why}",
                act.act.text(),
                by(&act.who),
                act.at
            ));
        }
        setup.manifest.deaths = std::mem::take(&mut recorder.output.manifest.deaths);
        setup.manifest.upgrades = std::mem::take(&mut recorder.output.manifest.upgrades);
        for row in &setup.manifest.upgrades {
            let short = row.sha256.get(..12).unwrap_or_default();
            let agreed = match row.difference.as_str() {
                "" => "it gives what the build before gave".to_owned(),
                difference => format!("taken although {difference}"),
            };
            setup.manifest.marks.push(format!(
                "plugin: `{}` is build {short} from {} on; {agreed}",
                row.plugin, row.at
            ));
        }
        if let Some(at) = setup.manifest.stopped {
            setup.manifest.marks.push(format!(
                "stopped: the run was stopped at {at}, before the end of what it was to visit"
            ));
        }
        shared.snapshots = shared.keep.then_some(snapshots);
        setup.manifest.operator = std::mem::take(&mut recorder.output.manifest.operator);
        let changed = !applied.is_empty() || !setup.manifest.upgrades.is_empty();
        if setup.manifest.stopped.is_some() || changed || !setup.manifest.operator.is_empty() {
            for (i, row) in setup.manifest.upgrades.iter().enumerate() {
                let text = format!("{} {} {}", row.at.0, row.plugin, row.sha256);
                setup.identity.insert(format!("plugin {i:06}"), text);
            }
            for (i, act) in setup.manifest.operator.iter().enumerate() {
                let text = format!("{} {} {}{}", act.at.0, act.act.text(), act.who, act.why);
                setup.identity.insert(format!("operator {i:06}"), text);
            }
            for (i, row) in recorder.output.versions.iter().enumerate().skip(1) {
                setup.identity.insert(
                    format!("thresholds {i:06}"),
                    format!("{} {} {}", row.at.0, row.hash, row.entries.word()),
                );
            }
            for (i, row) in recorder.output.strategies.iter().enumerate().skip(1) {
                let text = format!("{} {} {} {}", row.at.0, row.hash, row.entries.word(), row.carried);
                setup.identity.insert(format!("strategy {i:06}"), text);
            }
            setup.manifest.run_id = manifest::run_id(&setup.identity);
        }
        let mut output = recorder.output;
        let inputs = setup.inputs;
        let files = inputs
            .sources
            .into_iter()
            .chain(inputs.thresholds)
            .chain(inputs.scripts);
        output.inputs.extend(files);
        output.manifest = setup.manifest;
        Ok(output)
    }
}
