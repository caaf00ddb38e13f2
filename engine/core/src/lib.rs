//! What should we do: graph, registry and thresholds become a plan; a step becomes a decision and a trace

pub mod analytics;
pub mod clock;
pub mod column;
pub mod decision;
pub mod ops;
pub mod plan;
pub mod registry;
pub mod script;
pub mod trace;
pub mod value;
