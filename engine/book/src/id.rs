//! Who is who: runs, orders, positions.

use std::fmt;
use std::sync::Arc;

/// Names a run; order ids of different runs never collide while run ids differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(pub u64);

/// Identity of an order: the run, the book's order count and the rule. Replaying a run yields the same ids.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrderId {
    /// Run.
    pub run: RunId,
    /// Orders of this run before it.
    pub sequence: u32,
    /// Key of the rule that ordered.
    pub key: Arc<str>,
}

impl fmt::Display for OrderId {
    /// `000000000000002a-7-income.open`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}-{}-{}", self.run.0, self.sequence, self.key)
    }
}

/// Identity of a position: counted from 1 in the order of fills.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PositionId(pub u32);

impl fmt::Display for PositionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}
