//! What should we do: graph, registry and thresholds become a plan; a step becomes a decision and a trace.
//!
//! Absent on purpose: no disk, no clock, no random source, and no order that reaches a market. Data come in as values, through
//! the driver that turns the crank; what comes out is a decision with its reasons. A step never fails and never panics.

pub mod analytics;
pub mod batch;
pub(crate) mod beta;
pub mod chains;
pub mod clock;
pub mod column;
pub(crate) mod columns;
pub mod decision;
pub mod etp;
pub mod futures;
pub mod lifeline;
pub mod linear;
pub mod margin;
pub mod market;
pub mod observe;
pub mod operator;
pub mod ops;
pub mod plan;
pub mod plugin;
pub mod registry;
pub(crate) mod rows;
pub mod scenario;
pub mod script;
pub mod select;
pub mod state;
pub mod step;
pub mod stream;
pub mod succession;
pub mod surface;
pub mod thresholds;
pub mod trace;
pub mod value;
pub mod vega;
pub mod why;
