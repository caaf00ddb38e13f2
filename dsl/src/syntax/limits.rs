//! Every limit of the language's text, named in one place. Each is tested at the limit and one past it.
//!
//! They are far above what a person writes and low enough that a hostile file costs neither stack nor noticeable time:
//! the tree of any accepted file can be walked recursively on a stack of 256 KiB in a debug build.

/// Bytes of one file, a byte-order mark included.
pub const FILE_BYTES: usize = 256 * 1024;

/// Lines of one file.
pub const LINES: usize = 8_000;

/// Characters of one line, its end not counted.
pub const LINE_CHARACTERS: usize = 1_000;

/// Brackets of every kind (`{`, `(`, `[`) open at once, those of the item's own block included.
pub const NESTING: usize = 24;

/// Brackets that one expression needs, open at once. Those that say nothing, as in `((a))`, do not count here. The distance
/// to [`NESTING`] is what the blocks around an expression need.
pub const EXPRESSION_NESTING: usize = 20;

/// Items of one file.
pub const ITEMS: usize = 2_000;

/// Prefix operators (`-`, `not`) in a row.
pub const UNARY_CHAIN: usize = 8;

/// Values joined by operators at one level of one expression, and `.`, `[]`, `@` after one value.
pub const OPERANDS: usize = 64;

/// Height of the tree of one expression, once its operators have been grouped.
pub const TREE_HEIGHT: usize = 72;

/// Characters of one number, `_` and `.` included.
pub const NUMBER_CHARACTERS: usize = 24;

/// Significant digits of one number: what a double keeps exactly.
pub const NUMBER_DIGITS: usize = 15;

/// Bytes of one string, its quotes not counted.
pub const STRING_BYTES: usize = 500;

/// Bytes of one name.
pub const NAME_BYTES: usize = 64;

/// Findings reported for one file; a last one tells how many more there are.
pub const DIAGNOSTICS: usize = 100;
