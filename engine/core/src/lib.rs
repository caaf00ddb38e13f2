//! What should we do: graph, registry and thresholds become a plan; a step becomes a decision and a trace

pub mod analytics;
pub mod column;
pub mod decision;
pub mod ops;
pub mod registry;
pub mod trace;
pub mod value;
