//! Keys under which single legs are held that make no whole package of their structure.

use std::sync::Arc;

/// Ends such a key. No name of a strategy has a dash, so that no structure or layer can have it.
const SUFFIX: &str = ".single-legs";

/// The key of a structure's single legs; of such a key the key itself.
#[must_use]
pub fn single_legs_of(structure: &Arc<str>) -> Arc<str> {
    if whose_single_legs(structure).is_some() {
        Arc::clone(structure)
    } else {
        Arc::from(format!("{structure}{SUFFIX}"))
    }
}

/// The structure whose single legs are held under a key; nothing for other keys.
#[must_use]
pub fn whose_single_legs(key: &str) -> Option<&str> {
    key.strip_suffix(SUFFIX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn single_legs_have_a_key_that_nothing_else_has() {
        let core: Arc<str> = Arc::from("core");
        let own = single_legs_of(&core);
        assert_eq!(
            (&*own, whose_single_legs(&own)),
            ("core.single-legs", Some("core"))
        );
        assert_eq!(single_legs_of(&own), own);
        // A layer that is called so is a layer.
        assert_eq!(whose_single_legs("alvh.legs"), None);
    }
}
