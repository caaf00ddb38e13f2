//! What the edge costs to take: the share of the half-spread, and the dollars a contract, at which it dies.
//!
//! A fill at share `s` of the half-spread lies on the line from mid (0) to natural (1), and so does the sum of all fills
//! and marks; fees stay as they were. The P&L of the same trades at `s` is therefore `mid - s (mid - natural)`, and its root
//! is exact: `mid / (mid - natural)`. Same trades: that a rule would have decided otherwise at another price is not asked.

use crate::model::{Band, Report};
use crate::text;
use alula_market::money::Usd;

/// Where the edge dies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verdict {
    /// Nothing was traded.
    NoTrades,
    /// Not even mid fills would have made money.
    NoEdge,
    /// Natural fills still make money.
    SurvivesNatural,
    /// At this share of the half-spread, 0..=1.
    DiesAt(f64),
}

/// Break-even cost of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Edge {
    /// P&L of all trades, fees included, open ones marked.
    pub pnl: Band,
    /// Where it dies.
    pub verdict: Verdict,
    /// Share of the half-spread given up by these trades on average; none where no spread was traded.
    pub paid: Option<f64>,
    /// Contracts traded, both sides, settlements apart.
    pub contracts: i64,
    /// Dollars a contract and side by which fills could be worse (negative: would have to be better) before nothing is
    /// left; none without trades.
    pub spare_per_contract: Option<Usd>,
}

impl Edge {
    /// Of a report's trades.
    #[must_use]
    pub fn of(report: &Report) -> Self {
        let pnl = report.trades.iter().map(|t| t.pnl).sum();
        let contracts = report.trades.iter().map(|t| t.contracts).sum();
        Self::new(pnl, contracts)
    }

    /// From the P&L of trades at three fills, and the contracts that they traded.
    #[must_use]
    pub fn new(pnl: Band, contracts: i64) -> Self {
        let width = (pnl.mid - pnl.natural).to_f64();
        let verdict = if contracts == 0 {
            Verdict::NoTrades
        } else if pnl.mid.0 <= 0 {
            Verdict::NoEdge
        } else if pnl.natural.0 > 0 {
            Verdict::SurvivesNatural
        } else {
            Verdict::DiesAt(pnl.mid.to_f64() / width)
        };
        let paid = (width > 0.0).then(|| (pnl.mid - pnl.share).to_f64() / width);
        let spare = pnl.share.0.checked_div(contracts).map(Usd);
        Self {
            pnl,
            verdict,
            paid,
            contracts,
            spare_per_contract: spare,
        }
    }

    /// The verdict in few words: `dies at 37% of the half-spread; you pay 60%`.
    #[must_use]
    pub fn short(&self) -> String {
        let you = self
            .paid
            .map_or_else(String::new, |p| format!("; you pay {}", text::percent(p)));
        match self.verdict {
            Verdict::NoTrades => "–".to_owned(),
            Verdict::NoEdge => "no edge even at mid".to_owned(),
            Verdict::SurvivesNatural => format!("survives natural{you}"),
            Verdict::DiesAt(share) => format!("dies at {} of the half-spread{you}", text::percent(share)),
        }
    }

    /// The short form without the verdict, for a place that shows it already.
    #[must_use]
    pub fn note(&self) -> String {
        match (self.verdict, self.paid) {
            (Verdict::NoTrades, _) => String::new(),
            (Verdict::NoEdge, _) => format!("{} at mid", text::signed_dollars(self.pnl.mid)),
            (_, Some(paid)) => format!("of the half-spread; you pay {}", text::percent(paid)),
            (_, None) => "no spread was paid".to_owned(),
        }
    }

    /// The same in dollars a contract; none without trades.
    #[must_use]
    pub fn spare_words(&self) -> Option<String> {
        let spare = self.spare_per_contract?;
        let cents = text::cents(spare.abs());
        Some(if spare.0 >= 0 {
            format!("each contract could cost {cents} more on each side before nothing is left")
        } else {
            format!("each contract would have to cost {cents} less on each side to break even")
        })
    }

    /// One sentence with the dollars.
    #[must_use]
    pub fn long(&self) -> String {
        let spare = self.spare_words().map_or_else(String::new, |s| format!("; {s}"));
        match self.verdict {
            Verdict::NoTrades => "Nothing was traded, so there is no edge to measure.".to_owned(),
            Verdict::NoEdge => format!(
                "No edge even at mid: {} before any spread is paid, fees included{spare}.",
                text::signed_dollars(self.pnl.mid)
            ),
            Verdict::SurvivesNatural => format!(
                "The edge survives natural fills: {} with every buy at the ask and every sale at the bid{spare}.",
                text::signed_dollars(self.pnl.natural)
            ),
            Verdict::DiesAt(_) => format!("The edge {}{spare}.", self.short()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usd(dollars: i64) -> Usd {
        Usd(dollars * 1_000_000)
    }

    fn band(mid: i64, share: i64, natural: i64) -> Band {
        Band {
            mid: usd(mid),
            share: usd(share),
            natural: usd(natural),
        }
    }

    /// By hand. One condor, opened for 3.00 mid and closed for 2.00 mid, the four half-spreads 0.10 each time four legs:
    /// (3.00 - 2.00) × 100 = 100 at mid; natural gives up 0.40 twice: 20. Fees 20 on top: 80 at mid, 0 at natural. At 60 %:
    /// 80 - 0.6 × 80 = 32. The root is 80/80 = 1: natural leaves nothing.
    #[test]
    fn the_root_is_on_the_line_from_mid_to_natural() {
        let edge = Edge::new(band(80, 32, 0), 8);
        assert_eq!(edge.verdict, Verdict::DiesAt(1.0));
        assert_eq!(edge.paid, Some(0.6));
        assert_eq!(edge.spare_per_contract, Some(usd(4)));
        // Half-spreads of 0.25: 200 given up at natural. Root 80/200; at 50 % the trade loses 20, 2.50 a contract.
        let edge = Edge::new(band(80, -20, -120), 8);
        assert_eq!(edge.verdict, Verdict::DiesAt(0.4));
        assert_eq!(edge.short(), "dies at 40.0% of the half-spread; you pay 50.0%");
        assert_eq!(
            edge.long(),
            "The edge dies at 40.0% of the half-spread; you pay 50.0%; each contract would have to cost $2.50 less on each side \
             to break even."
        );
    }

    #[test]
    fn an_edge_may_not_exist_or_survive_everything() {
        assert_eq!(Edge::new(band(0, -20, -40), 4).verdict, Verdict::NoEdge);
        assert_eq!(Edge::new(band(-5, -20, -40), 4).short(), "no edge even at mid");
        let edge = Edge::new(band(100, 60, 20), 4);
        assert_eq!((edge.verdict, edge.paid), (Verdict::SurvivesNatural, Some(0.5)));
        assert_eq!(edge.short(), "survives natural; you pay 50.0%");
        let none = Edge::new(Band::default(), 0);
        assert_eq!((none.verdict, none.spare_per_contract), (Verdict::NoTrades, None));
        assert_eq!(none.short(), "–");
        // Everything settled at entry prices without a spread.
        assert_eq!(Edge::new(band(7, 7, 7), 2).paid, None);
    }
}
