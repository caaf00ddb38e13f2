//! The door: native plugins enter through libloading here and nowhere else.
//!
//! Today the door is closed. The language already accepts `use plugin "name"`; until the loader is built, every value that
//! a plugin would give is *missing(plugin …)*, and [`load`] says so. The contract that will stand here: a C ABI with one
//! entry symbol, libraries pinned by hash and copied before they are opened, never unloaded, their outputs range-checked.
//!
//! This is the host's only room that may use `unsafe`; today it needs none.

/// Why a plugin could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The loader does not open libraries yet.
    #[error("plugin `{name}` is not loaded: this version of alula does not open native plugins")]
    NotAvailable {
        /// Plugin named by the strategy.
        name: String,
    },
    /// The system's dynamic loader refused the library.
    #[error("plugin `{name}` could not be opened: {source}")]
    System {
        /// Plugin named by the strategy.
        name: String,
        /// What the system said.
        source: libloading::Error,
    },
}

/// Loads a plugin by name.
///
/// # Errors
/// Always [`LoadError::NotAvailable`] in this version.
pub fn load(name: &str) -> Result<std::convert::Infallible, LoadError> {
    Err(LoadError::NotAvailable {
        name: name.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_closed_door_says_so() {
        let error = super::load("adaptive-rsi").unwrap_err();
        assert_eq!(
            error.to_string(),
            "plugin `adaptive-rsi` is not loaded: this version of alula does not open native plugins"
        );
    }
}
