//! What the engine asks of native plugins; who loads them is another room's business.

use crate::chains::ChainTable;
use crate::ops::StateError;
use crate::value::Cell;
use alula_dsl::graph::PluginId;
use std::fmt;

/// One output of an indicator at work. It sees only rows on which every input is known.
pub trait PluginInstance: fmt::Debug + Send {
    /// Takes a row and gives its value, or why there is none.
    fn row(&mut self, inputs: &[f64]) -> Cell;

    /// Takes rows at once, one lane for each input, all of `rows` numbers, and appends a cell for each: bit for bit what
    /// [`PluginInstance::row`] gives row by row.
    fn rows(&mut self, inputs: &[&[f64]], rows: usize, out: &mut Vec<Cell>);

    /// Back to before the first row.
    fn reset(&mut self);

    /// Rows that pass before the first that can be known.
    fn warmup(&self) -> u64;

    /// Appends the state.
    fn save(&mut self, out: &mut Vec<u8>);

    /// Goes on from what [`PluginInstance::save`] wrote. On error it is as after a reset.
    ///
    /// # Errors
    /// When the bytes are damaged, or belong to another indicator, version or parameters.
    fn load(&mut self, bytes: &[u8]) -> Result<(), StateError>;

    /// Another one in the same state.
    fn copy(&mut self) -> Box<dyn PluginInstance>;

    /// What ended it, in a sentence, once it is dead: its rows are then missing for that cause.
    fn fault(&self) -> Option<String> {
        None
    }
}

/// An indicator at work that reads an option chain: all its outputs at once.
pub trait ChainInstance: fmt::Debug + Send {
    /// Takes the snapshot of a tick and appends a cell for each output in the order of the declaration, or one for all where there is no
    /// value.
    fn tick(&mut self, chain: &ChainTable, out: &mut Vec<Cell>);

    /// Snapshots without any open interest are of no use to it, and are not passed.
    fn needs_interest(&self) -> bool;

    /// Snapshots that pass before the first that can be known; one that remembers anything says at least 1.
    fn warmup(&self) -> u64;

    /// Another one in the same state.
    fn copy(&mut self) -> Box<dyn ChainInstance>;

    /// As [`PluginInstance::fault`].
    fn fault(&self) -> Option<String> {
        None
    }
}

/// The functions of plugins that one strategy declares.
pub trait PluginHost: fmt::Debug + Send + Sync {
    /// An output of a function with these numbers, in the order of its declaration; none where no such plugin is loaded.
    ///
    /// # Errors
    /// When the plugin refuses the numbers, with a line that says why.
    fn instance(
        &self,
        function: PluginId,
        numbers: &[f64],
        output: u8,
    ) -> Result<Option<Box<dyn PluginInstance>>, String>;

    /// A function that reads an option chain, with these numbers; none where no such plugin is loaded.
    ///
    /// # Errors
    /// When the plugin refuses the numbers, with a line that says why.
    fn chain_instance(
        &self,
        function: PluginId,
        numbers: &[f64],
    ) -> Result<Option<Box<dyn ChainInstance>>, String> {
        let _ = (function, numbers);
        Ok(None)
    }

    /// Plugins that are loaded, by name, with the hash of their bytes.
    fn loaded(&self) -> Vec<(String, String)>;

    /// What a loaded plugin says it was built with, and its version of the contract: major in the upper half, minor in the lower.
    fn about(&self, plugin: &str) -> (String, u32) {
        let _ = plugin;
        (String::new(), 0)
    }

    /// Takes what ended instances since the last time, one line each, sorted.
    fn take_faults(&self) -> Vec<String>;

    /// The same without taking it: for those who say it at once.
    fn faults(&self) -> Vec<String> {
        Vec::new()
    }
}
