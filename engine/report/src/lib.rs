//! What happened and why: figures, charts, a page and a screen made from the plain values of a run.
//!
//! Absent on purpose: disk, clock, network and terminal. The caller writes the bytes.

pub mod caveats;
pub mod chart;
pub mod columns;
pub mod compare;
pub mod edge;
pub mod from_run;
pub mod html;
pub mod model;
pub mod operator;
pub mod returns;
pub mod scenario;
pub mod spark;
pub mod stats;
pub mod summary;
pub mod sweep;
pub mod terminal;
pub mod text;
pub mod words;
