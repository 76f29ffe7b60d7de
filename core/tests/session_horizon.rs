//! A device that comes back from behind the horizon is told what it can no longer be sent.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use landfall_core::feed::{Head, Number};
use landfall_core::id::{NotificationId, UserId};
use landfall_core::notification::{
    Content, InboxRow, JsonText, NewNotification, Notification, Priority,
};
use landfall_core::session::{Body, ConfirmBy, Frame, Page, PageSizes, Session, Start};
use landfall_core::time::Timestamp;

fn row(number: u64) -> InboxRow {
    let content = Content {
        notification_type: "news".into(),
        template_id: None,
        title: String::new(),
        message: "m".into(),
        data: JsonText::trusted("{}"),
        priority: Priority::Normal,
        locale: None,
        sender_id: None,
        sender_name: None,
        image: None,
        actions: None,
        link: None,
    };
    let new = NewNotification {
        id: NotificationId(uuid::Uuid::from_u128(number.into())),
        user: UserId::parse("u").unwrap(),
        content: Arc::new(content),
        created_at: Timestamp::from_ms(0),
        expires_at: None,
        channels: vec![],
        send: None,
    };
    let notification: Notification = new.numbered(Number(number));
    InboxRow::Notification(Arc::new(notification))
}

/// Replays `rows` after `from` on a feed whose head is 10 and says what was sent.
fn check(from: u64, horizon: u64, rows: &[u64], expected: &[&str]) {
    let sizes = PageSizes { replay: 100, page: 50 };
    let (mut session, _) = Session::start(Start::After(Number(from)), ConfirmBy::Ack, sizes);
    let head = Head { newest: Number(10), horizon: Number(horizon) };
    let rows = rows.iter().map(|number| row(*number)).collect();
    let mut frames = Vec::new();
    session.on_page(Page { rows, head, more: false }, Timestamp::from_ms(0), &mut frames);
    let said = |Frame { at, prev, body }: &Frame| match body {
        Body::Gap => format!("gap {prev}-{at}"),
        _ => format!("{at} after {prev}"),
    };
    assert_eq!(frames.iter().map(said).collect::<Vec<_>>(), expected);
    assert!(session.is_live());
}

#[test]
fn what_lies_up_to_the_horizon_is_named_as_left_out() {
    check(5, 5, &[6, 10], &["6 after 5", "10 after 6"]);
    check(4, 5, &[6, 10], &["gap 4-5", "6 after 5", "10 after 6"]);
    check(2, 5, &[3, 5, 8], &["gap 2-7", "8 after 7"]);
    check(2, 9, &[3], &["gap 2-10"]);
    check(10, 5, &[], &[]);
}
