//! What the book promises, one file per question.

mod books;
mod fees;
mod fills;
mod instruments;
mod margins;
mod outside;
mod pieces;
mod portfolios;
mod properties;
mod settlements;
mod support;
