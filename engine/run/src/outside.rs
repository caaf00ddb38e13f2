//! Orders that fill outside of the run: at a broker.

use crate::broken::Broken;
use crate::error::RunError;
use alula_book::instrument::{LinearEvent, LinearOrder, LinearQuote, LinearRequest, LinearTold};
use alula_book::{Answer, Book, OrderId};
use alula_core::market::Views;
use alula_market::contract::Instrument;
use alula_market::time::Instant;
use std::collections::BTreeSet;

/// Who fills the orders of a run whose book does not.
pub trait Outside {
    /// At a snapshot, after what is due was settled and before anything is marked: what came of the orders at work, in the
    /// order in which the book is to take it. The snapshot's quotes are those that a simulated broker fills from.
    ///
    /// # Errors
    /// When whoever fills the orders is gone, or said something that cannot be true.
    fn round(&mut self, at: Instant, views: &Views, book: &Book) -> Result<Vec<Answer>, RunError>;

    /// Where futures and shares are quoted: what came of the orders for them by then, beyond what was told before. The quotes are
    /// those that a simulated broker fills from; `due` are the orders that they are for. An order that is not in the answer is at
    /// work as it was.
    ///
    /// # Errors
    /// As [`Outside::round`].
    fn linear(
        &mut self,
        at: Instant,
        quotes: &[(Instrument, LinearQuote)],
        due: &[OrderId],
        book: &Book,
    ) -> Result<Vec<(OrderId, LinearTold)>, RunError>;

    /// At a snapshot, after [`Outside::round`]: what came of orders for futures and shares meanwhile, beyond what was told before.
    ///
    /// # Errors
    /// As [`Outside::round`].
    fn linear_by_now(&mut self, book: &Book) -> Result<Vec<(OrderId, LinearTold)>, RunError> {
        let _ = book;
        Ok(Vec::new())
    }

    /// Takes back orders for futures and shares that have had their quotes; what is known by now.
    ///
    /// # Errors
    /// As [`Outside::round`].
    fn take_back_linear(
        &mut self,
        at: Instant,
        orders: &[OrderId],
        book: &Book,
    ) -> Result<Vec<(OrderId, LinearTold)>, RunError>;

    /// Takes back orders that have had their snapshots; what is known of it by now. An order that is not in it stays at work
    /// and is asked for again.
    ///
    /// # Errors
    /// As [`Outside::round`].
    fn take_back(&mut self, at: Instant, orders: &[OrderId], book: &Book) -> Result<Vec<Answer>, RunError>;

    /// Orders that ended and left legs which the book was not told of, after it took in what came of its orders.
    ///
    /// # Errors
    /// As [`Outside::round`].
    fn broken(&mut self, book: &Book) -> Result<Vec<Broken>, RunError> {
        let _ = book;
        Ok(Vec::new())
    }
}

/// Somebody outside, for as long as one snapshot; none where the book fills its orders.
pub(crate) type Whoever<'o> = Option<&'o mut dyn Outside>;

/// The same for a part of that time.
pub(crate) fn lent<'s>(outside: &'s mut Whoever<'_>) -> Whoever<'s> {
    match outside {
        Some(outside) => Some(&mut **outside),
        None => None,
    }
}

/// Fills what is due on quotes of futures and shares: by the book, or as somebody outside says.
pub(crate) fn on_quotes(
    book: &mut Book,
    at: Instant,
    quote_of: &dyn Fn(&Instrument) -> Option<LinearQuote>,
    due: &dyn Fn(&LinearRequest) -> bool,
    outside: Whoever<'_>,
) -> Result<Vec<LinearEvent>, RunError> {
    let outside = match outside {
        Some(outside) => outside,
        None if book.is_outside() => {
            // Nobody says what came of the orders: they stay at work, and what is held is marked.
            return Ok(book.ledger_mut().on_quotes_for(at, quote_of, &|_| false));
        }
        None => return Ok(book.ledger_mut().on_quotes_for(at, quote_of, due)),
    };
    let ledger = book.ledger();
    let ours: Vec<&LinearOrder> = ledger.orders().iter().filter(|o| due(&o.request)).collect();
    let mut concerned: BTreeSet<Instrument> = ledger.holdings().map(|(key, _)| key.instrument).collect();
    concerned.extend(
        ours.iter()
            .flat_map(|o| o.request.legs.iter().map(|l| l.instrument)),
    );
    let quotes: Vec<(Instrument, LinearQuote)> = concerned
        .into_iter()
        .filter_map(|i| Some((i, quote_of(&i)?)))
        .collect();
    let orders: Vec<OrderId> = ours.iter().map(|o| o.id.clone()).collect();
    let told = if orders.is_empty() {
        Vec::new()
    } else {
        outside.linear(at, &quotes, &orders, book)?
    };
    let mut events = book.ledger_mut().on_quotes_told(at, quote_of, due, &told);
    let overdue: Vec<OrderId> = book.ledger().overdue(at).map(|o| o.id.clone()).collect();
    if !overdue.is_empty() {
        let told = outside.take_back_linear(at, &overdue, book)?;
        events.extend(book.ledger_mut().on_quotes_told(at, quote_of, &|_| false, &told));
    }
    Ok(events)
}
