//! The command as people and scripts meet it: what it prints where, and how it leaves.

mod check;
mod explain;
mod fmt;
mod graph;
mod import;
mod new;
mod streams;
mod support;
