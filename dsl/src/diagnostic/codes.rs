//! The registry of diagnostic codes. A code is never reused and never changes its meaning.
//!
//! Ranges: A01xx text and syntax, A02xx names, A03xx units and types, A04xx structures, A05xx policies, hedges and guards,
//! A06xx warnings (lints), A07xx imports, A08xx limits, A09xx thresholds.

/// A code such as `A0201`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(pub u16);

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "A{:04}", self.0)
    }
}

/// One entry of the registry.
#[derive(Clone, Copy, Debug)]
pub struct CodeInfo {
    /// The code.
    pub code: Code,
    /// Short kebab-case name: `unknown-name`.
    pub name: &'static str,
    /// The page shown by `alula explain`, Markdown.
    pub page: &'static str,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $konst:ident = $num:literal, $name:literal, $page:literal;)*) => {
        $($(#[$doc])* pub const $konst: Code = Code($num);)*
        /// Every code, ascending.
        pub const ALL: &[CodeInfo] = &[$(CodeInfo { code: Code($num), name: $name, page: $page },)*];
    };
}

codes! {
    /// The item could not be parsed.
    SYNTAX = 101, "syntax-error", "The text does not fit the grammar at this place. The message lists what could stand there.";
}
