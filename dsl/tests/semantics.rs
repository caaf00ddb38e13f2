//! The meaning of the language: types, contexts, structures, lints, lowering, imports, drawings.

mod semantics {
    pub mod common;
    mod graph;
    mod imports;
    mod meaning;
    mod reference;
    mod rejected;
    mod render;
    mod structures;
}
