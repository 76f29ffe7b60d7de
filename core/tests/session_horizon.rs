//! A device that comes back from behind the horizon is told what it can no longer be sent.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use landfall_core::feed::{Head, Number};
use landfall_core::id::{NotificationId, UserId};
use landfall_core::notification::{
    Content, InboxRow, JsonText, NewNotification, Notification, Priority,
};
use landfall_core::session::{Body, ConfirmBy, Frame, Page, PageSizes, Read, Session, Start};
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
    InboxRow::Notification(Arc::new((&notification).into()))
}

const SIZES: PageSizes = PageSizes { replay: 3, page: 50 };

/// A feed of these rows.
struct Feed<'a> {
    head: Head,
    rows: &'a [u64],
}

impl Feed<'_> {
    fn page(&self, read: Read) -> Page {
        let (after, limit) = match read {
            Read::Newest { after, limit } | Read::Oldest { after, limit } => (after, limit),
            Read::Pending { after, limit, .. } => (after, limit),
        };
        let rows: Vec<u64> = self.rows.iter().copied().filter(|row| *row > after.0).collect();
        let more = rows.len() > limit;
        let kept = match read {
            Read::Newest { .. } => &rows[rows.len().saturating_sub(limit)..],
            Read::Oldest { .. } | Read::Pending { .. } => &rows[..rows.len().min(limit)],
        };
        Page { rows: kept.iter().map(|number| row(*number)).collect(), head: self.head, more }
    }

    /// Answers a session until it asks for nothing more; says what was sent.
    fn serve(&self, session: &mut Session, mut read: Option<Read>) -> Vec<String> {
        let (mut frames, mut reads) = (Vec::new(), 0);
        while let Some(asked) = read {
            reads += 1;
            assert!(reads < 9, "it reads for ever");
            read = session.on_page(self.page(asked), Timestamp::from_ms(0), &mut frames);
        }
        let said = |Frame { at, prev, body }: &Frame| match body {
            Body::Gap => format!("gap {prev}-{at}"),
            _ => format!("{at} after {prev}"),
        };
        frames.iter().map(said).collect()
    }
}

fn feed(newest: u64, horizon: u64, rows: &[u64]) -> Feed<'_> {
    Feed { head: Head { newest: Number(newest), horizon: Number(horizon) }, rows }
}

/// Replays a feed from a number and says what was sent.
#[track_caller]
fn check(from: u64, feed: &Feed<'_>, expected: &[&str]) -> Session {
    let (mut session, read) = Session::start(Start::After(Number(from)), ConfirmBy::Ack, SIZES);
    assert_eq!(feed.serve(&mut session, Some(read)), expected);
    assert!(session.is_live());
    assert_eq!(session.position(), feed.head.newest);
    session
}

#[test]
fn a_number_of_this_life_goes_on() {
    check(5, &feed(10, 5, &[6, 10]), &["6 after 5", "10 after 6"]);
    check(10, &feed(10, 5, &[6, 10]), &[]);
}

#[test]
fn a_number_of_another_life_is_told_so_and_gets_every_row_as_it_is_now() {
    let restored = feed(100, 100, &[3, 7]);
    let all = ["gap 0-0", "3 after 0", "7 after 3", "gap 7-100"];
    for of_another_life in [1, 3, 7, 8, 99, 101] {
        check(of_another_life, &restored, &all);
    }
    check(
        4,
        &feed(100, 100, &[1, 2, 3, 4, 5]),
        &["gap 0-2", "3 after 2", "4 after 3", "5 after 4", "gap 5-100"],
    );
    check(4, &feed(100, 100, &[]), &["gap 0-100"]);
    check(4, &feed(102, 100, &[3, 101]), &["gap 0-0", "3 after 0", "101 after 3"]);
}

#[test]
fn who_has_nothing_is_only_taken_past_the_horizon() {
    check(0, &feed(100, 100, &[3, 7]), &["3 after 0", "7 after 3", "gap 7-100"]);
    let (mut session, read) = Session::start(Start::Pending, ConfirmBy::Ack, SIZES);
    let restored = feed(100, 100, &[3, 7]);
    let sent = restored.serve(&mut session, Some(read));
    assert_eq!(sent, ["3 after 2", "7 after 3", "gap 7-100"]);
}

#[test]
fn the_number_that_a_device_is_left_with_is_one_of_this_life() {
    let mut session = check(7, &feed(100, 100, &[7]), &["gap 0-0", "7 after 0", "gap 7-100"]);
    check(100, &feed(101, 100, &[7, 101]), &["101 after 100"]);
    let sent = feed(101, 100, &[7, 101]).serve(&mut session, None);
    assert_eq!(sent, [""; 0]);
    let read = session.on_head(Number(101));
    assert_eq!(feed(101, 100, &[7, 101]).serve(&mut session, read), ["101 after 100"]);
}

#[test]
fn a_live_session_starts_over_when_the_store_begins_a_new_life() {
    let mut session = check(3, &feed(5, 0, &[3, 4, 5]), &["4 after 3", "5 after 4"]);
    assert_eq!(session.unconfirmed(), [Number(4), Number(5)]);
    let restored = feed(103, 103, &[3]);
    let read = session.resync();
    assert_eq!(restored.serve(&mut session, read), ["gap 0-0", "3 after 0", "gap 3-103"]);
    assert!(session.is_live());
    assert_eq!(session.unconfirmed(), [Number(3)], "what is gone can no longer be confirmed");
}

#[test]
fn a_store_that_went_back_and_has_no_new_life_yet_is_read_once_more_and_no_longer() {
    let mut session = check(3, &feed(5, 0, &[3, 4, 5]), &["4 after 3", "5 after 4"]);
    let gone_back = feed(4, 0, &[3, 4]);
    let read = session.resync();
    assert_eq!(gone_back.serve(&mut session, read), ["gap 0-0", "3 after 0", "4 after 3"]);
    assert_eq!((session.is_live(), session.position()), (true, Number(4)));
}
