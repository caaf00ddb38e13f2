//! The meaning of the language: types, contexts, structures, lints, lowering, imports, renderers.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests may fail loudly; that is what they are for"
)]

mod semantics {
    mod books;
    mod certificate;
    pub mod common;
    mod corpus;
    mod graph;
    mod hostile;
    mod imports;
    mod meaning;
    mod reference;
    mod rejected;
    mod render;
    mod structures;
}
