//! Tables of a terminal: columns without lines between them.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use std::fmt::Write as _;

/// A table as wide as its cells are.
#[must_use]
pub fn table() -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled);
    table
}

/// A table that wraps its cells to fit into a width.
#[must_use]
pub fn table_within(width: u16, header: &[&str]) -> Table {
    let mut table = table();
    table
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(width);
    if !header.is_empty() {
        table.set_header(header.to_vec());
    }
    table
}

/// Aligns columns of numbers; only columns that exist, so after the rows.
pub fn align_right(table: &mut Table, columns: impl IntoIterator<Item = usize>) {
    for index in columns {
        if let Some(column) = table.column_mut(index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
}

/// Writes it, each line behind a margin and without blanks at its end.
pub fn push(out: &mut String, margin: &str, table: &Table) {
    for line in table.to_string().lines() {
        let _ = writeln!(out, "{margin}{}", line.trim_end());
    }
}
