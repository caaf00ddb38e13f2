//! Warnings: what compiles and is probably not meant.

use crate::diagnostic::Diagnostic;
use crate::graph::Graph;
use crate::resolve::Symbols;

/// Adds warnings to the findings, and takes away those that the author allowed.
pub(crate) fn lint(_symbols: &Symbols<'_>, _graph: Option<&Graph>, _findings: &mut Vec<Diagnostic>) {}
