//! An option chain as both sides of the contract see it: columns of one snapshot, borrowed for a call.

/// When an expiry settles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settles {
    /// At the open of its last day.
    Am,
    /// At the close of its last day.
    Pm,
}

/// Call or put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// Put.
    Put,
    /// Call.
    Call,
}

/// An expiry of one root.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Expiry<'a> {
    /// Root: `SPX`, `SPXW`.
    pub root: &'a str,
    /// Date, yyyymmdd.
    pub date: u32,
    /// When it settles.
    pub settles: Settles,
    /// Years of 365 days to the settlement instant, above 0.
    pub years: f64,
    /// Forward by put-call parity, above 0; NaN where it is not known.
    pub forward: f64,
    /// Discount to the settlement instant; NaN where it is not known.
    pub discount: f64,
}

/// Columns over the contracts, all of one length. What is not known is NaN.
#[derive(Clone, Copy, Debug, Default)]
pub struct Contracts<'a> {
    /// Index of the contract's expiry.
    pub expiry_of: &'a [u32],
    /// `C` or `P`, as a number.
    pub right: &'a [u32],
    /// Strikes.
    pub strike: &'a [f64],
    /// Bids; NaN where there is no sound market.
    pub bid: &'a [f64],
    /// Asks; NaN where there is no sound market.
    pub ask: &'a [f64],
    /// Halves of bid and ask; NaN where there is no sound market.
    pub mid: &'a [f64],
    /// Volatilities implied by their own mids (Black 1976), in points: 20 is 20 %.
    pub vol: &'a [f64],
    /// Deltas for a point of the forward, discounted; a put's is negative.
    pub delta: &'a [f64],
    /// Changes of delta for a point of the forward.
    pub gamma: &'a [f64],
    /// Contracts open at the end of the session before.
    pub open_interest: &'a [f64],
    /// Contracts traded so far in the session.
    pub volume: &'a [f64],
}

impl Contracts<'_> {
    /// How many there are, if the columns agree on it.
    #[must_use]
    pub fn rows(&self) -> Option<usize> {
        let rows = self.strike.len();
        let numbers = [
            self.bid,
            self.ask,
            self.mid,
            self.vol,
            self.delta,
            self.gamma,
            self.open_interest,
            self.volume,
        ];
        let agree = numbers.iter().all(|c| c.len() == rows)
            && self.expiry_of.len() == rows
            && self.right.len() == rows;
        agree.then_some(rows)
    }
}

/// A contract. What is not known is NaN.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Contract {
    /// Index of its expiry.
    pub expiry: usize,
    /// Call or put.
    pub right: Right,
    /// Strike.
    pub strike: f64,
    /// Bid.
    pub bid: f64,
    /// Ask.
    pub ask: f64,
    /// Half of bid and ask.
    pub mid: f64,
    /// Volatility implied by its own mid, in points.
    pub vol: f64,
    /// Delta for a point of the forward, discounted.
    pub delta: f64,
    /// Change of delta for a point of the forward.
    pub gamma: f64,
    /// Contracts open at the end of the session before.
    pub open_interest: f64,
    /// Contracts traded so far in the session.
    pub volume: f64,
}

/// One snapshot of the options on one underlying. Nothing in it became known later than the snapshot.
///
/// Expiries rise by date; contracts are grouped in the order of the expiries, and inside one they rise by strike, a strike's put before
/// its call.
#[derive(Clone, Debug)]
pub struct Chain<'a> {
    /// Underlying.
    pub underlying: &'a str,
    /// Date in New York, yyyymmdd.
    pub date: u32,
    /// Price of the underlying, above 0; NaN where it is not known.
    pub spot: f64,
    /// Dollars that a point of a contract is worth.
    pub multiplier: f64,
    /// Expiries.
    pub expiries: Vec<Expiry<'a>>,
    /// Contracts, in columns.
    pub contracts: Contracts<'a>,
}

impl Chain<'_> {
    /// The contracts, one by one.
    pub fn rows(&self) -> impl Iterator<Item = Contract> + '_ {
        let c = self.contracts;
        let at = move |column: &[f64], row: usize| column.get(row).copied().unwrap_or(f64::NAN);
        (0..c.rows().unwrap_or(0)).filter_map(move |row| {
            Some(Contract {
                expiry: usize::try_from(*c.expiry_of.get(row)?).ok()?,
                right: match *c.right.get(row)? {
                    crate::raw::RIGHT_CALL => Right::Call,
                    crate::raw::RIGHT_PUT => Right::Put,
                    _ => return None,
                },
                strike: at(c.strike, row),
                bid: at(c.bid, row),
                ask: at(c.ask, row),
                mid: at(c.mid, row),
                vol: at(c.vol, row),
                delta: at(c.delta, row),
                gamma: at(c.gamma, row),
                open_interest: at(c.open_interest, row),
                volume: at(c.volume, row),
            })
        })
    }

    /// Whether the open interest of some contract is known.
    #[must_use]
    pub fn has_interest(&self) -> bool {
        self.contracts.open_interest.iter().any(|x| !x.is_nan())
    }

    /// The columns agree on how many contracts there are, and each contract has an expiry.
    #[must_use]
    pub fn is_regular(&self) -> bool {
        let expiries = self.expiries.len();
        let inside = |i: &u32| usize::try_from(*i).is_ok_and(|i| i < expiries);
        self.contracts.rows().is_some() && self.contracts.expiry_of.iter().all(inside)
    }
}
