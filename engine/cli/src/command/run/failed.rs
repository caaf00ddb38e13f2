//! Indicators that died beside a run under way, and not as one of its inputs: said at once, to whoever listens, not only when the run
//! has ended.

use super::Conductor;
use alula_live::Happening;
use std::collections::BTreeSet;

impl Conductor<'_, '_> {
    /// Says which indicators have died since the last time.
    pub(super) fn tell_failed(&mut self) {
        let plugins = self.live.crank().registry().plugins();
        let mut all: BTreeSet<String> = plugins.iter().flat_map(|p| p.faults()).collect();
        // Those that are inputs of the run are told with its news.
        for death in &self.live.crank().output().manifest.deaths {
            all.remove(&death.why);
        }
        let at = self.live.now();
        let news: Vec<Happening> = all
            .difference(&self.failed)
            .map(|fault| Happening::Alert {
                at,
                key: "plugin".to_owned(),
                text: format!(
                    "{fault}; what rests on it is unknown from here on, and guards that need it block opening"
                ),
            })
            .collect();
        self.failed = all;
        self.tell(&news);
    }
}
