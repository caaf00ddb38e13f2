//! What happened, on disk before anything acts on it.
