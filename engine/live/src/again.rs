//! Orders of a run that is computed again: whoever filled them is its journal.
//!
//! The journal holds everything that the broker said, in the order in which it was heard, and a mark wherever the book took in
//! what came of its orders. Between two marks the entries are applied as they were then, so that the book hears the same at
//! the same snapshots, and each order that the run means again must be the one that was written down.

use crate::order::{Orders, id, intent_out};
use crate::trader::{LINEAR, ROUND, Sheet, TAKEN_BACK, TradeError, Unsent, VISITED};
use alula_book::instrument::{LinearQuote, LinearTold};
use alula_book::{Answer, Book, OrderId};
use alula_core::market::Views;
use alula_journal::Record;
use alula_journal::wire::{self, BrokerSaid};
use alula_market::contract::Instrument;
use alula_market::time::Instant;
use alula_run::{Broken, ErrorClass, Outside, RunError};
use std::collections::VecDeque;
use std::sync::Arc;

/// What one journal says of orders, in its order.
#[derive(Clone, Debug, Default)]
pub struct Heard {
    /// Number of the run in the names of its orders.
    pub epoch: u32,
    /// Entries that [`Heard::wants`], by their numbers.
    pub records: Vec<(u64, Record)>,
}

impl Heard {
    /// Whether an entry says something of orders. Rows of snapshots do not: what a comparison made of them stands in entries of
    /// its own.
    #[must_use]
    pub const fn wants(record: &Record) -> bool {
        match record {
            Record::Broker(broker) => !matches!(
                broker.said,
                BrokerSaid::SnapshotOrder { .. }
                    | BrokerSaid::SnapshotPosition { .. }
                    | BrokerSaid::SnapshotFill { .. }
                    | BrokerSaid::SnapshotAccount { .. }
                    | BrokerSaid::Quote(_)
            ),
            Record::Carried(_)
            | Record::Tick(_)
            | Record::Timer(_)
            | Record::Decision(_)
            | Record::OrderIntent(_)
            | Record::SubmitResult(_)
            | Record::IntentAbandoned(_)
            | Record::Adopted(_)
            | Record::CancelIntent(_)
            | Record::Resent(_)
            | Record::Refused(_)
            | Record::PositionMoved(_)
            | Record::ThresholdsApplied(_)
            | Record::Halt(_) => true,
            _ => false,
        }
    }
}

/// Where a snapshot begins in a journal, and where it is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// A tick begins, or the book takes in what came of its orders.
    Begins,
    /// It takes in what came of those that were taken back.
    Within,
    /// A decision, or a snapshot without one.
    Ends,
}

fn place(record: &Record) -> Option<Place> {
    match record {
        Record::Tick(_) => Some(Place::Begins),
        Record::Decision(_) => Some(Place::Ends),
        Record::Timer(timer) => match timer.name.as_str() {
            ROUND | LINEAR => Some(Place::Begins),
            TAKEN_BACK => Some(Place::Within),
            VISITED => Some(Place::Ends),
            _ => None,
        },
        _ => None,
    }
}

/// An order that is not what the journal says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderDiffers {
    /// In the journal.
    pub recorded: String,
    /// Computed again.
    pub computed: String,
}

/// The orders of a run that is computed again.
#[derive(Debug, Default)]
pub struct Again {
    strategy: String,
    /// What is still to come: its number and run, and what it says.
    coming: VecDeque<((u64, u32), Record)>,
    orders: Orders,
    sheet: Sheet,
    /// The book took something in at this snapshot.
    asked: bool,
    differs: Option<OrderDiffers>,
}

impl Again {
    /// From the journals of runs that go on with one another, the oldest first.
    #[must_use]
    pub fn new(strategy: &str, journals: Vec<Heard>) -> Self {
        let mut coming = VecDeque::new();
        for Heard { epoch, records } in journals {
            let left = records.iter().rposition(|(_, r)| place(r) == Some(Place::Ends));
            for (i, (seq, record)) in records.into_iter().enumerate() {
                // A snapshot that was begun and not left was begun again by the next run, from the start.
                let void = left.is_none_or(|left| i > left) && place(&record).is_some();
                if !void {
                    coming.push_back(((seq, epoch), record));
                }
            }
        }
        Self {
            strategy: strategy.to_owned(),
            coming,
            ..Self::default()
        }
    }

    /// The first order that is not what the journal says.
    #[must_use]
    pub const fn differs(&self) -> Option<&OrderDiffers> {
        self.differs.as_ref()
    }

    /// Whether the journal holds a snapshot that was visited and is still to come.
    #[must_use]
    pub fn goes_on(&self) -> bool {
        self.coming
            .iter()
            .any(|(_, record)| place(record) == Some(Place::Ends))
    }

    /// What the run left: its orders, and what the book was told of them. What the last entries say counts too.
    ///
    /// # Errors
    /// When an entry means nothing to this program.
    pub fn into_parts(mut self) -> Result<(Orders, Sheet), TradeError> {
        while let Some(((seq, _), record)) = self.coming.pop_front() {
            self.apply(seq, &record)?;
        }
        Ok((self.orders, self.sheet))
    }

    fn apply(&mut self, seq: u64, record: &Record) -> Result<(), TradeError> {
        if matches!(record, Record::Carried(_)) {
            // The first entry of a run: it holds all of the one before that still matters.
            self.orders = Orders::default();
        }
        let applied = self.orders.apply(seq, record);
        applied.map_err(|e| TradeError::Desk(e.into()))?;
        Ok(())
    }

    /// Everything up to a mark.
    fn upto(&mut self, mark: &str) -> Result<(), TradeError> {
        while let Some(((seq, _), record)) = self.coming.pop_front() {
            match (&record, place(&record)) {
                (Record::Timer(timer), _) if timer.name == mark => return Ok(()),
                (Record::Tick(_), _) | (_, None) => self.apply(seq, &record)?,
                (_, Some(_)) => {
                    let what = format!("entry {seq} of the journal stands where `{mark}` was to come");
                    return Err(TradeError::Odd(what));
                }
            }
        }
        Err(TradeError::Odd(format!(
            "the journal ends where `{mark}` was to come"
        )))
    }

    /// Call it when the crank has left a snapshot; `tick` is the version of the thresholds at a tick that was decided. The orders
    /// that were meant there must be those of the journal.
    ///
    /// # Errors
    /// When the journal cannot be read, or says something in another order.
    pub fn left(&mut self, book: &Book, at: Instant, tick: Option<u32>) -> Result<(), TradeError> {
        if !std::mem::take(&mut self.asked) && tick.is_none() {
            return Ok(());
        }
        let ended = |record: &Record| place(record) == Some(Place::Ends);
        while let Some(((seq, _), record)) = self.coming.pop_front() {
            if ended(&record) {
                break;
            }
            self.apply(seq, &record)?;
        }
        self.sheet.forget(book);
        let mut meant: VecDeque<Unsent> = match tick {
            Some(thresholds) => self.sheet.unsent(book, at, thresholds).into(),
            None => VecDeque::new(),
        };
        while let Some((_, record)) = self.coming.front() {
            if place(record).is_some() {
                // The run went on, and everything that it meant must have been written down.
                if let (Some(unsent), None) = (meant.front(), &self.differs) {
                    self.differs = Some(OrderDiffers {
                        recorded: "none".to_owned(),
                        computed: words_of(unsent),
                    });
                }
                return Ok(());
            }
            let Some(((seq, epoch), record)) = self.coming.pop_front() else {
                break;
            };
            match &record {
                Record::OrderIntent(intent) => self.meant(&mut meant, epoch, intent),
                Record::Refused(refused) => self.refused(&mut meant, refused),
                _ => {}
            }
            self.apply(seq, &record)?;
        }
        Ok(())
    }

    /// An order that was sent.
    fn meant(&mut self, meant: &mut VecDeque<Unsent>, epoch: u32, recorded: &wire::OrderIntent) {
        let Some(unsent) = meant.pop_front() else {
            self.note_difference(recorded, "none".to_owned());
            return;
        };
        let number = self.orders.next_number();
        let Some(name) = id::name(&self.strategy, epoch, number) else {
            self.note_difference(recorded, "an order without a name".to_owned());
            return;
        };
        let order = unsent.draft.clone().named(name.clone(), number, recorded.shadow);
        let computed = intent_out(&order);
        if computed != *recorded {
            self.note_difference(recorded, format!("{computed:?}"));
        }
        self.sheet.note(unsent, Ok(name));
    }

    /// An order that a rail did not let through. What the rails saw is not computed again.
    fn refused(&mut self, meant: &mut VecDeque<Unsent>, refused: &wire::Refused) {
        let ours = |u: &Unsent| *u.draft.group == *refused.group && *u.draft.rule == *refused.rule;
        if meant.front().is_some_and(ours)
            && let Some(unsent) = meant.pop_front()
        {
            self.sheet.note(unsent, Err(Arc::from(refused.why.as_str())));
        }
    }

    fn note_difference(&mut self, recorded: &wire::OrderIntent, computed: String) {
        self.differs.get_or_insert(OrderDiffers {
            recorded: format!("{recorded:?}"),
            computed,
        });
    }
}

fn words_of(unsent: &Unsent) -> String {
    let draft = &unsent.draft;
    format!("an order of `{}` for {}", draft.rule, draft.group)
}

fn failed(error: &TradeError) -> RunError {
    let help = "replay it with the program version that wrote it";
    RunError::new(ErrorClass::Invariant, error.to_string(), help)
}

impl Outside for Again {
    fn round(&mut self, _: Instant, _: &Views, book: &Book) -> Result<Vec<Answer>, RunError> {
        self.asked = true;
        let answers = self
            .upto(ROUND)
            .and_then(|()| self.sheet.answers(&self.orders, book));
        answers.map_err(|e| failed(&e))
    }

    fn linear(
        &mut self,
        at: Instant,
        _: &[(Instrument, LinearQuote)],
        _: &[OrderId],
        _: &Book,
    ) -> Result<Vec<(OrderId, LinearTold)>, RunError> {
        self.asked = true;
        let told = self
            .upto(LINEAR)
            .and_then(|()| self.sheet.linear(&self.orders, Some(at)));
        told.map_err(|e| failed(&e))
    }

    fn linear_by_now(&mut self, _: &Book) -> Result<Vec<(OrderId, LinearTold)>, RunError> {
        self.sheet.linear(&self.orders, None).map_err(|e| failed(&e))
    }

    fn take_back_linear(
        &mut self,
        _: Instant,
        _: &[OrderId],
        _: &Book,
    ) -> Result<Vec<(OrderId, LinearTold)>, RunError> {
        let told = self
            .upto(TAKEN_BACK)
            .and_then(|()| self.sheet.linear(&self.orders, None));
        told.map_err(|e| failed(&e))
    }

    fn take_back(&mut self, _: Instant, _: &[OrderId], book: &Book) -> Result<Vec<Answer>, RunError> {
        let answers = self
            .upto(TAKEN_BACK)
            .and_then(|()| self.sheet.answers(&self.orders, book));
        answers.map_err(|e| failed(&e))
    }

    fn broken(&mut self, book: &Book) -> Result<Vec<Broken>, RunError> {
        self.sheet.broken(&self.orders, book).map_err(|e| failed(&e))
    }
}
