//! The Alula language: text in, checked execution graph out.
//!
//! Absent on purpose: no market, clock, disk, script engine or plugin. Imports are read through a [`source::SourceLoader`]
//! that the caller supplies.

pub mod ast;
pub mod builtin;
pub mod diagnostic;
pub mod format;
pub mod graph;
pub mod source;
pub mod span;
pub mod syntax;
pub mod unit;
