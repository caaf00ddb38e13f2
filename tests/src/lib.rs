//! The proofs
