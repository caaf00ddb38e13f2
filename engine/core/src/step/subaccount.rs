//! Subaccounts: whether an order's money is there, apart from the rest of the account.
//!
//! What a subaccount has free is its capital and the P&L of its positions, less the margin that they require by the rulebook in
//! force, structure by structure; long options require what they cost. Opening orders at work and of this tick count as if
//! they had filled. An order takes its margin and its fees; a roll the margin that it needs more than what it replaces. Closing
//! is always allowed.

use super::Walk;
use crate::decision::Skip;
use crate::linear;
use crate::observe::{self, AccountView, package_margin};
use crate::plan::PlanSubaccount;
use crate::value::Cause;
use alula_book::instrument::{LinearKind, LinearLeg, LinearOrder, LinearRequest};
use alula_book::{OrderKind, Package, PackagePrice};
use alula_dsl::builtin::BookObs;
use alula_market::contract::Instrument;
use alula_market::money::Usd;
use std::sync::Arc;

impl Walk<'_> {
    fn subaccount_of(&self, structure: &str) -> Option<&PlanSubaccount> {
        self.plan
            .subaccounts()
            .iter()
            .find(|s| s.structures.iter().any(|k| **k == *structure))
    }

    /// Whether the subaccount of a structure has the money for a package of options.
    pub(super) fn subaccount_fits(
        &self,
        structure: &Arc<str>,
        package: &Package,
        (lots, price): (u32, &PackagePrice),
        from: Option<&Package>,
    ) -> Result<(), Skip> {
        let Some(own) = self.subaccount_of(structure) else {
            return Ok(());
        };
        let margin = |p: &Package| package_margin(&self.sight, p, lots).map_err(unknown);
        let before = from.map_or(Ok(Usd::ZERO), margin)?;
        let fees = self.book.fees_of(price, lots, self.tick.at.date());
        let needed = margin(package)? - before + fees.map_or(Usd::ZERO, |f| f.total());
        self.has_free(own, needed)
    }

    /// The same for futures and shares.
    pub(super) fn subaccount_fits_linear(
        &self,
        structure: &Arc<str>,
        legs: &[LinearLeg],
    ) -> Result<(), Skip> {
        let Some(own) = self.subaccount_of(structure) else {
            return Ok(());
        };
        let price_of = |i: &Instrument| self.sight.linear.price(i);
        let held: Vec<LinearLeg> = self
            .book
            .ledger()
            .positions()
            .filter(|p| p.structure == *structure)
            .flat_map(|p| p.held.iter().copied())
            .collect();
        let margin =
            |legs: &[LinearLeg]| linear::margin(legs, &price_of, self.tick.at.date()).map_err(unknown);
        let mut after = held.clone();
        for leg in legs {
            match after.iter_mut().find(|l| l.instrument == leg.instrument) {
                Some(l) => l.quantity = l.quantity.saturating_add(leg.quantity),
                None => after.push(*leg),
            }
        }
        let needed = margin(&after)? - margin(&held)? + self.linear_fees(legs);
        self.has_free(own, needed)
    }

    fn has_free(&self, own: &PlanSubaccount, needed: Usd) -> Result<(), Skip> {
        if needed <= Usd::ZERO {
            return Ok(());
        }
        let free = self.free(own).map_err(unknown)?;
        if needed <= free {
            return Ok(());
        }
        Err(Skip::Subaccount {
            name: Arc::clone(&own.key),
            needed,
            free,
        })
    }

    /// Money of a subaccount that nothing uses.
    fn free(&self, own: &PlanSubaccount) -> Result<Usd, Cause> {
        let mut free = own.capital;
        for structure in &own.structures {
            let view = AccountView {
                book: self.book,
                peak: Usd::ZERO,
                structure: Some(structure),
            };
            let read = |what| {
                let found = observe::account(&self.sight, &view, what).get()?;
                Usd::from_f64(found).ok_or(Cause::OutOfDomain)
            };
            free += read(BookObs::Equity)? - read(BookObs::Margin)?;
        }
        let mine = |structure: &Arc<str>| own.structures.iter().any(|k| k == structure);
        let working = self.book.orders().iter().map(|o| &o.request);
        for request in working
            .chain(&self.decision.orders)
            .filter(|r| mine(&r.structure))
        {
            if let OrderKind::Open { package } = &request.kind {
                free -= package_margin(&self.sight, package, request.lots)?;
            }
        }
        let price_of = |i: &Instrument| self.sight.linear.price(i);
        let opens = |r: &LinearRequest| r.kind == LinearKind::Open && mine(&r.structure);
        let orders = self.book.ledger().orders().iter();
        // What has traded of them is held already.
        let working = orders.filter(|o| opens(&o.request)).map(LinearOrder::left);
        let wanted = self.decision.linear.iter().filter(|r| opens(r));
        for legs in working.chain(wanted.map(|r| r.legs.clone())) {
            free -= linear::margin(&legs, &price_of, self.tick.at.date())?;
        }
        Ok(free)
    }
}

const fn unknown(cause: Cause) -> Skip {
    Skip::Missing {
        what: "free money of the subaccount",
        cause,
    }
}
