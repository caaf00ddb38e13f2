//! What the broker has, as rows: orders at work and ended, trades, positions, the account.
//!
//! The rows are made only from answers that ended with their end marker. What cannot be read makes the whole snapshot
//! incomplete, because a row left out would look like an order or a position that is not there.

use crate::amount;
use crate::desk::Desk;
use crate::model::{Account, Execution, Instrument, Name, OrderRow, Status, Told};
use crate::order;
use ibapi::accounts::{AccountSummary, Position};
use ibapi::contracts::Contract;
use ibapi::orders::{Executions, OrderData, OrderStatus, OrderStatusKind, Orders};

/// Tags of the account's summary that are asked for.
pub const TAGS: [&str; 4] = [
    "TotalCashValue",
    "NetLiquidation",
    "InitMarginReq",
    "MaintMarginReq",
];

/// The broker's answers.
#[derive(Debug, Default)]
pub struct Answers {
    /// Orders at work, of all of the account's clients.
    pub open: Vec<Orders>,
    /// Orders that ended today.
    pub completed: Vec<Orders>,
    /// Executions and their commissions.
    pub executions: Vec<Executions>,
    /// Positions of all accounts.
    pub positions: Vec<Position>,
    /// Summary of all accounts.
    pub summary: Vec<AccountSummary>,
}

/// Tells the instrument of a contract; `Ok(None)` is one that is not traded here.
pub type Identify<'a> = dyn FnMut(&Contract) -> Result<Option<Instrument>, String> + 'a;

/// Order rows, those at work first, each as last told.
///
/// # Errors
/// One line that says what cannot be read.
pub fn orders(account: &str, answers: &Answers) -> Result<Vec<OrderRow>, String> {
    let mut rows: Vec<(i64, OrderRow)> = Vec::new();
    let mut put = |perm_id: i64, row: OrderRow| match rows
        .iter_mut()
        .find(|(known, _)| *known == perm_id && perm_id != 0)
    {
        Some((_, old)) => *old = row,
        None => rows.push((perm_id, row)),
    };
    let statuses: Vec<&OrderStatus> = answers
        .open
        .iter()
        .filter_map(|o| {
            if let Orders::OrderStatus(s) = o {
                Some(s)
            } else {
                None
            }
        })
        .collect();
    for data in data_of(&answers.open).filter(|d| mine(account, d) && !d.order.what_if) {
        let status = statuses.iter().rev().find(|s| s.perm_id == data.order.perm_id);
        let (kind, filled, left) = match status {
            Some(s) => (&s.status, s.filled, s.remaining),
            None => {
                let filled = data.order.filled_quantity;
                (
                    &data.order_state.status,
                    filled,
                    data.order.total_quantity - filled,
                )
            }
        };
        put(data.order.perm_id, row(data, kind, filled, left)?);
    }
    // Of an ended order the broker says in its quantity what was left unfilled; nothing of it is at work.
    for data in data_of(&answers.completed).filter(|d| mine(account, d)) {
        put(
            data.order.perm_id,
            row(data, &data.order_state.status, data.order.filled_quantity, 0.0)?,
        );
    }
    Ok(rows.into_iter().map(|(_, row)| row).collect())
}

/// An order that names no account counts as this one's: it must not look as if it were not there.
fn mine(account: &str, data: &OrderData) -> bool {
    data.order.account == account || data.order.account.is_empty()
}

/// The orders among answers.
pub fn data_of(orders: &[Orders]) -> impl Iterator<Item = &OrderData> {
    orders.iter().filter_map(|o| {
        if let Orders::OrderData(d) = o {
            Some(d)
        } else {
            None
        }
    })
}

fn row(data: &OrderData, kind: &OrderStatusKind, filled: f64, left: f64) -> Result<OrderRow, String> {
    let perm_id = data.order.perm_id;
    let wrong = |what: &str| format!("order {perm_id}: {what}");
    let ours = order::parse_reference(&data.order.order_ref);
    let status = match kind {
        OrderStatusKind::Filled => Status::Filled,
        OrderStatusKind::Cancelled | OrderStatusKind::ApiCancelled => Status::Cancelled,
        OrderStatusKind::Inactive => Status::Rejected,
        OrderStatusKind::Unknown(other) if ours.is_some() => {
            return Err(wrong(&format!("a status that is not known here: `{other}`")));
        }
        _ => Status::Working,
    };
    let units = ours.map_or(1, |(_, units)| units);
    // Somebody else's order may be for a part of a share: what is begun counts as one.
    let whole = |n: f64| amount::whole(if ours.is_some() { n } else { n.ceil() }).filter(|n| *n >= 0);
    let count = |n: f64, begun: i64| {
        let packages = whole(n)
            .map(|n| (n + begun) / units)
            .and_then(|n| u32::try_from(n).ok());
        packages.ok_or_else(|| wrong("a quantity is no count of packages"))
    };
    let (filled, left) = (count(filled, 0)?, count(left, units - 1)?);
    // All of it traded, and the status not there yet.
    let status = if status == Status::Working && left == 0 {
        Status::Filled
    } else {
        status
    };
    let row = OrderRow {
        order: ours.map(|(id, _)| id.to_owned()),
        broker_order: perm_id.to_string(),
        status,
        filled,
        left: if status == Status::Working { left } else { 0 },
    };
    row.check().map_err(|why| wrong(&why))?;
    Ok(row)
}

/// Trades of the account. The commissions that came with them go on the tape, and what waited for one is told.
///
/// # Errors
/// One line that says what cannot be read.
pub fn trades(
    desk: &mut Desk,
    answers: &Answers,
    now_ns: i64,
    identify: &mut Identify<'_>,
    out: &mut Told,
) -> Result<Vec<Execution>, String> {
    let mut trades = Vec::new();
    for answer in &answers.executions {
        match answer {
            Executions::CommissionReport(report) => desk.commission(report, out),
            Executions::ExecutionData(data) if desk.concerns(data) => {
                if let Some(instrument) = identify(&data.contract)? {
                    trades.push(desk.trade(data, instrument, now_ns)?);
                }
            }
            Executions::ExecutionData(_) => {}
        }
    }
    Ok(desk.tape.snapshot(trades))
}

/// Positions of the account in what is traded here; the others are named in `notes`.
///
/// # Errors
/// One line that says what cannot be read.
pub fn holdings(
    account: &str,
    answers: &Answers,
    identify: &mut Identify<'_>,
    notes: &mut Vec<String>,
) -> Result<Vec<(Instrument, i64)>, String> {
    let mut rows = Vec::new();
    for position in answers
        .positions
        .iter()
        .filter(|p| p.account == account && p.position != 0.0)
    {
        let Some(instrument) = identify(&position.contract)? else {
            let c = &position.contract;
            let text = format!(
                "a position that is not traded here: {} {} {}",
                position.position, c.symbol, c.local_symbol
            );
            notes.push(text.trim_end().to_owned());
            continue;
        };
        let quantity = amount::whole(position.position)
            .ok_or_else(|| format!("the position in `{}` is no whole number", Name(&instrument)))?;
        rows.push((instrument, quantity));
    }
    Ok(rows)
}

/// The account's money.
///
/// # Errors
/// When cash or net liquidation is not told, or not in dollars.
pub fn account(account: &str, answers: &Answers) -> Result<Account, String> {
    let told = |tag: &str| -> Result<Option<i64>, String> {
        let Some(row) = answers
            .summary
            .iter()
            .rev()
            .find(|r| r.account == account && r.tag == tag)
        else {
            return Ok(None);
        };
        if row.currency != "USD" {
            return Err(format!(
                "{tag} of account {account} is in `{}`: only accounts in dollars can be traded",
                row.currency
            ));
        }
        amount::from_text(&row.value)
            .map(Some)
            .ok_or_else(|| format!("{tag} of account {account} is no amount: `{}`", row.value))
    };
    let needed =
        |tag: &str| told(tag)?.ok_or_else(|| format!("the broker does not tell {tag} of account {account}"));
    Ok(Account {
        cash_e9: needed("TotalCashValue")?,
        net_liquidation_e9: needed("NetLiquidation")?,
        initial_margin_e9: told("InitMarginReq")?,
        maintenance_margin_e9: told("MaintMarginReq")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(tag: &str, value: &str, currency: &str) -> AccountSummary {
        AccountSummary {
            account: "DU1".into(),
            tag: tag.into(),
            value: value.into(),
            currency: currency.into(),
        }
    }

    #[test]
    fn an_account_needs_cash_and_worth_in_dollars_and_may_keep_its_margins_to_itself() {
        let mut answers = Answers {
            summary: vec![
                summary("TotalCashValue", "98000.25", "USD"),
                summary("NetLiquidation", "101234.50", "USD"),
            ],
            ..Answers::default()
        };
        let row = account("DU1", &answers).unwrap();
        assert_eq!((row.cash_e9, row.initial_margin_e9), (98_000_250_000_000, None));
        answers.summary.push(summary("InitMarginReq", "4000", "EUR"));
        assert!(account("DU1", &answers).unwrap_err().contains("`EUR`"));
        assert!(account("DU2", &answers).unwrap_err().contains("does not tell"));
    }

    fn data(perm_id: i64, reference: &str, total: f64, kind: OrderStatusKind) -> OrderData {
        let mut data = OrderData::default();
        (data.order.perm_id, data.order.account, data.order.total_quantity) = (perm_id, "DU1".into(), total);
        (data.order.order_ref, data.order_state.status) = (reference.into(), kind);
        data
    }

    #[test]
    fn orders_are_counted_in_packages_and_ended_ones_replace_their_working_selves() {
        let status = OrderStatus {
            perm_id: 1,
            status: OrderStatusKind::Submitted,
            filled: 3.0,
            remaining: 6.0,
            ..OrderStatus::default()
        };
        let mut done = data(2, "b", 0.0, OrderStatusKind::Filled);
        done.order.filled_quantity = 4.0;
        let answers = Answers {
            open: vec![
                Orders::OrderData(data(1, "a.3", 9.0, OrderStatusKind::Submitted)),
                Orders::OrderStatus(status),
                Orders::OrderData(data(2, "b", 4.0, OrderStatusKind::Submitted)),
                Orders::OrderData(data(3, "by hand", 1.0, OrderStatusKind::PreSubmitted)),
            ],
            completed: vec![Orders::OrderData(done)],
            ..Answers::default()
        };
        let rows = orders("DU1", &answers).unwrap();
        let told: Vec<_> = rows
            .iter()
            .map(|r| (r.order.as_deref(), r.status, r.filled, r.left))
            .collect();
        assert_eq!(
            told,
            [
                (Some("a"), Status::Working, 1, 2),
                (Some("b"), Status::Filled, 4, 0),
                (None, Status::Working, 0, 1)
            ]
        );
        assert_eq!(orders("DU2", &answers).unwrap(), []);
        assert!(rows.iter().all(|r| r.check().is_ok()));
    }
}
