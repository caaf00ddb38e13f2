//! Orders that fill outside of the run: at a broker.

use crate::error::RunError;
use alula_book::{Answer, Book, OrderId};
use alula_core::market::Views;
use alula_market::time::Instant;

/// Who fills the orders of a run whose book does not.
pub trait Outside {
    /// At a snapshot, after what is due was settled and before anything is marked: what came of the orders at work, in the
    /// order in which the book is to take it. The snapshot's quotes are those that a simulated broker fills from.
    ///
    /// # Errors
    /// When whoever fills the orders is gone, or said something that cannot be true.
    fn round(&mut self, at: Instant, views: &Views, book: &Book) -> Result<Vec<Answer>, RunError>;

    /// Takes back orders that have had their snapshots; what is known of it by now. An order that is not in it stays at work
    /// and is asked for again.
    ///
    /// # Errors
    /// As [`Outside::round`].
    fn take_back(&mut self, at: Instant, orders: &[OrderId], book: &Book) -> Result<Vec<Answer>, RunError>;
}
