//! The Alula language: text in, checked execution graph out.
//!
//! Absent on purpose: no market, clock, disk, script engine or plugin. Imports are read through a [`source::SourceLoader`]
//! that the caller supplies.

pub mod ast;
pub mod builtin;
pub mod certificate;
mod check;
pub mod compile;
pub mod diagnostic;
pub mod draw;
pub mod format;
pub mod graph;
mod lint;
mod lower;
pub mod reference;
mod resolve;
pub mod source;
pub mod span;
pub mod syntax;
pub mod unit;
