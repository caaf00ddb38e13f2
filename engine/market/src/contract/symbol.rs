//! Option symbols of the Options Clearing Corporation, both ways.
//!
//! Format (Options Symbology Initiative, 2010): six characters of root padded with blanks, `yymmdd`, `C` or `P`, and the
//! strike in mills as eight digits: `SPXW  190531P02825000`. Many sources leave the blanks out.

use super::{OptionContract, Right, Root};
use crate::money::Price;
use crate::time::Date;
use chrono::Datelike;

/// Characters after the root.
const TAIL: usize = 15;
/// Largest strike that eight digits hold, in mills.
pub const MAX_STRIKE: Price = Price(99_999_999);

/// A symbol that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{symbol}` is not a symbol: {why}")]
pub struct ParseSymbolError {
    /// As given.
    pub symbol: String,
    /// Why.
    pub why: &'static str,
}

impl OptionContract {
    /// Symbol of 21 characters; `None` for a strike that eight digits cannot hold, or a year outside 2000 to 2099.
    #[must_use]
    pub fn osi(&self) -> Option<String> {
        let short = self.compact()?;
        let (root, tail) = short.split_at_checked(short.len().checked_sub(TAIL)?)?;
        Some(format!("{root:<6}{tail}"))
    }

    /// The same without blanks: `SPXW190531P02825000`.
    #[must_use]
    pub fn compact(&self) -> Option<String> {
        let fits =
            (Price(1)..=MAX_STRIKE).contains(&self.strike) && (2000..=2099).contains(&self.expiry.year());
        let right = match self.right {
            Right::Put => 'P',
            Right::Call => 'C',
        };
        let e = self.expiry;
        fits.then(|| {
            format!(
                "{}{:02}{:02}{:02}{right}{:08}",
                self.root.symbol(),
                e.year() % 100,
                e.month(),
                e.day(),
                self.strike.0
            )
        })
    }

    /// Reads a symbol, padded or not, with or without a leading `O:` or `.`.
    ///
    /// # Errors
    /// When it has another shape, the root is not known, or the date does not exist.
    pub fn parse_osi(symbol: &str) -> Result<Self, ParseSymbolError> {
        let bad = |why| ParseSymbolError {
            symbol: symbol.to_owned(),
            why,
        };
        let text = symbol.trim();
        let text = text
            .strip_prefix("O:")
            .or_else(|| text.strip_prefix('.'))
            .unwrap_or(text);
        let split = text
            .len()
            .checked_sub(TAIL)
            .and_then(|at| text.split_at_checked(at));
        let (root, tail) = split.ok_or_else(|| bad("it is shorter than a date, C or P, and eight digits"))?;
        let root = root.trim_end();
        if root.is_empty() || root.len() > 6 {
            return Err(bad("the root has one to six characters"));
        }
        let root = Root::parse(root).ok_or_else(|| bad("the root is not SPX, SPXW, XSP, VIX or VIXW"))?;
        let digits = |from: usize, to: usize| -> Option<i64> {
            let part = tail.get(from..to)?;
            part.bytes()
                .all(|b| b.is_ascii_digit())
                .then(|| part.parse().ok())?
        };
        let number = |from, to| digits(from, to).ok_or_else(|| bad("its date or strike is not all digits"));
        let part = |from, to| number(from, to).map(|n| u32::try_from(n).unwrap_or(0));
        let (year, month, day) = (number(0, 2)?, part(2, 4)?, part(4, 6)?);
        let year = i32::try_from(2000 + year).unwrap_or(0);
        let expiry = Date::from_ymd_opt(year, month, day).ok_or_else(|| bad("the date does not exist"))?;
        let right = match tail.get(6..7) {
            Some("P") => Right::Put,
            Some("C") => Right::Call,
            _ => return Err(bad("after the date stands C or P")),
        };
        let strike = Price(number(7, 15)?);
        if strike == Price::ZERO {
            return Err(bad("the strike is zero"));
        }
        Ok(Self {
            root,
            expiry,
            right,
            strike,
        })
    }
}
