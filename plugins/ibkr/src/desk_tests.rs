use super::*;

fn desk() -> Desk {
    let mut desk = Desk::new("DU1", Duration::from_millis(500));
    desk.bind(7, "main-a-1");
    desk
}

fn status(number: i32, kind: OrderStatusKind) -> OrderStatus {
    OrderStatus {
        order_id: number,
        status: kind,
        perm_id: 9001,
        ..OrderStatus::default()
    }
}

fn notice(number: i32, code: i32, message: &str) -> Notice {
    Notice {
        request_id: Some(number),
        code,
        message: message.to_owned(),
        error_time: None,
        advanced_order_reject_json: String::new(),
    }
}

fn acknowledged() -> Event {
    Event::Acknowledged {
        order: "main-a-1".to_owned(),
        broker_order: "9001".to_owned(),
    }
}

#[test]
fn an_order_is_acknowledged_once_and_not_before_the_broker_has_it() {
    let (mut desk, mut out) = (desk(), Told::default());
    desk.status(&status(7, OrderStatusKind::PendingSubmit), &mut out);
    assert_eq!(out.events, []);
    for _ in 0..3 {
        desk.status(&status(7, OrderStatusKind::Submitted), &mut out);
    }
    assert_eq!(out.events, [acknowledged()]);
}

#[test]
fn an_error_refuses_what_was_not_taken_and_spares_what_is_at_work() {
    let (mut fresh, mut out) = (desk(), Told::default());
    fresh.notice(
        &notice(
            7,
            110,
            "The price does not conform to the minimum price variation",
        ),
        &mut out,
    );
    let why = "The price does not conform to the minimum price variation [110]".to_owned();
    assert_eq!(
        out.events,
        [Event::Rejected {
            order: "main-a-1".to_owned(),
            text: why
        }]
    );
    let (mut working, mut out) = (desk(), Told::default());
    working.status(&status(7, OrderStatusKind::Submitted), &mut out);
    working.notice(&notice(7, 110, "price"), &mut out);
    assert!(
        matches!(out.events.as_slice(), [Event::Acknowledged { .. }]) && out.notes.len() == 1,
        "{out:?}"
    );
}

#[test]
fn a_rejection_is_told_once_however_often_it_is_said() {
    let (mut desk, mut out) = (desk(), Told::default());
    desk.notice(&notice(7, 201, "Order rejected - reason: margin"), &mut out);
    desk.status(&status(7, OrderStatusKind::Inactive), &mut out);
    desk.status(&status(7, OrderStatusKind::Cancelled), &mut out);
    assert!(
        matches!(out.events.as_slice(), [Event::Rejected { text, .. }] if text.contains("margin")),
        "{out:?}"
    );
}

#[test]
fn a_cancel_has_the_brokers_words_and_a_refused_one_changes_nothing() {
    let (mut desk, mut out) = (desk(), Told::default());
    desk.status(&status(7, OrderStatusKind::Submitted), &mut out);
    desk.notice(
        &notice(
            7,
            10148,
            "OrderId 7 that needs to be cancelled cannot be cancelled",
        ),
        &mut out,
    );
    assert_eq!(out.notes.len(), 1);
    desk.notice(&notice(7, 202, "Order Canceled - reason:"), &mut out);
    desk.status(&status(7, OrderStatusKind::Cancelled), &mut out);
    let why = "Order Canceled - reason: [202]".to_owned();
    assert_eq!(
        out.events.last(),
        Some(&Event::Cancelled {
            order: "main-a-1".to_owned(),
            text: why
        })
    );
}

#[test]
fn warnings_are_words() {
    let (mut desk, mut out) = (desk(), Told::default());
    desk.notice(
        &notice(
            7,
            399,
            "Order Message:\nWarning: your order will not be placed until 9:30",
        ),
        &mut out,
    );
    assert_eq!((out.events.len(), out.notes.len()), (0, 1));
}

#[test]
fn an_order_from_before_this_process_is_taken_in_and_can_be_taken_back() {
    let (mut desk, mut out) = (Desk::new("DU1", Duration::ZERO), Told::default());
    let mut data = OrderData {
        order_id: 3,
        ..OrderData::default()
    };
    data.order.order_ref = "main-old-9.2".to_owned();
    data.order_state.status = OrderStatusKind::Submitted;
    desk.open_order(&data, &mut out);
    assert_eq!(
        (out.events.as_slice(), desk.number("main-old-9")),
        (&[][..], Some(3))
    );
    desk.status(&status(3, OrderStatusKind::Cancelled), &mut out);
    assert!(matches!(out.events.as_slice(), [Event::Cancelled { order, .. }] if order == "main-old-9"));
    // An order without our reference stays somebody else's.
    data.order_id = 4;
    data.order.order_ref = "bought by hand".to_owned();
    desk.open_order(&data, &mut out);
    assert_eq!(desk.number("bought by hand"), None);
}

#[test]
fn a_question_for_a_margin_is_no_order() {
    let (mut desk, mut out) = (desk(), Told::default());
    desk.ask(8);
    desk.status(&status(8, OrderStatusKind::PreSubmitted), &mut out);
    desk.notice(&notice(8, 201, "rejected"), &mut out);
    assert_eq!(out.events, []);
}
