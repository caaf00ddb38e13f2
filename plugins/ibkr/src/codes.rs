//! What the gateway's message codes mean for an order or for the connection.
//!
//! From the broker's published table of message codes. What the table does not have, and what it has as a warning, changes
//! nothing by itself: the order's status says how it ends.

/// What a message that carries an order's number means for that order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderMessage {
    /// The order is refused, whatever was said before.
    Refused,
    /// It is refused if the broker has not taken it yet; an order at work stays at work (a change or a cancel was refused).
    RefusedUnlessWorking,
    /// It was taken back.
    Cancelled,
    /// The request to take it back came to nothing; the order is as it was.
    CancelRefused,
    /// Words only.
    Words,
}

/// The meaning of a message with an order's number. `informational` is what the wire's own rules call it.
#[must_use]
pub const fn of_order(code: i32, informational: bool) -> OrderMessage {
    match code {
        // 201 order rejected, 203 the security may not be traded in this account
        201 | 203 => OrderMessage::Refused,
        202 => OrderMessage::Cancelled,
        // 135 cannot find the order, 136 not cancellable, 161 not in a state to be cancelled, 10147 to cancel: not found,
        // 10148 to cancel: cannot be in its state
        135 | 136 | 161 | 10147 | 10148 => OrderMessage::CancelRefused,
        // 399 order message (held until the open, say), 404 shares are being located, 2109 outside of hours is ignored
        399 | 404 | 2109 => OrderMessage::Words,
        _ if informational => OrderMessage::Words,
        // 103 duplicate number, 104 cannot change a filled order, 105 does not match, 106 cannot be sent, 107 incomplete,
        // 109 price out of range, 110 price not on the tick, 111 life and type do not fit, 116 to a dead exchange,
        // 200 no such contract, 321 validation failed, 354 no market data, 383 size above the limit of the set-up,
        // 460 no permission to trade, 463 tick size, 478 conflicting contract, 10329 …
        _ => OrderMessage::RefusedUnlessWorking,
    }
}

/// What a message without a request means for the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkMessage {
    /// The gateway has lost the broker: nothing can be traded.
    Lost,
    /// It is back; subscriptions have to be asked for again.
    BackWithoutData,
    /// It is back with its subscriptions.
    Back,
    /// The gateway closes its socket: it has to be opened again.
    Reopen,
    /// Words only: farms of data come and go.
    Words,
}

/// The meaning of a message without a request.
#[must_use]
pub const fn of_link(code: i32) -> LinkMessage {
    match code {
        // 1100 connectivity lost, 2110 connectivity between gateway and server is broken, it will be restored
        1100 | 2110 => LinkMessage::Lost,
        1101 => LinkMessage::BackWithoutData,
        1102 => LinkMessage::Back,
        1300 => LinkMessage::Reopen,
        _ => LinkMessage::Words,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_cancel_never_ends_the_order() {
        for code in [135, 136, 161, 10147, 10148] {
            assert_eq!(of_order(code, false), OrderMessage::CancelRefused);
        }
    }

    #[test]
    fn warnings_change_nothing_and_unknown_errors_refuse_only_what_is_not_at_work() {
        for (code, informational) in [(399, true), (404, false), (2109, true), (2161, true)] {
            assert_eq!(of_order(code, informational), OrderMessage::Words, "{code}");
        }
        for code in [103, 110, 200, 321, 478, 99_999] {
            assert_eq!(
                of_order(code, false),
                OrderMessage::RefusedUnlessWorking,
                "{code}"
            );
        }
    }

    #[test]
    fn farms_of_data_are_not_the_connection() {
        for code in [2103, 2104, 2105, 2106, 2107, 2108, 2119, 2157, 2158] {
            assert_eq!(of_link(code), LinkMessage::Words);
        }
        assert_eq!(of_link(1100), LinkMessage::Lost);
        assert_eq!(of_link(1101), LinkMessage::BackWithoutData);
    }
}
