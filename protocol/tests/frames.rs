//! What the server writes: exact bytes, and the same as the documented shapes.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use landfall_core::channel::{Channel, DeliveryState};
use landfall_core::feed::Number;
use landfall_core::id::{NotificationId, UserId};
use landfall_core::notification::{Content, InboxChange, JsonText, Notification, Priority};
use landfall_core::plan::{Reason, Step};
use landfall_core::session::{Body, Frame};
use landfall_core::time::Timestamp;
use landfall_protocol::frame::{
    ControlFrame, Nothing, ServerFrame, encode, encode_change, encode_change_event, encode_event,
    encode_opening,
};
use landfall_protocol::inbox::Item;
use landfall_protocol::notify::NotifyAnswer;
use landfall_protocol::text::FeedNumber;
use serde_json::{Value, json};

const ID: &str = "0192f0c1-7a3e-7cc2-98c1-000000000001";

fn notification() -> Notification {
    let step = |channel, state, reason| Step { channel, state, reason };
    Notification {
        id: NotificationId::parse(ID).unwrap(),
        user: UserId::parse("u1").unwrap(),
        content: Arc::new(Content {
            notification_type: "note".into(),
            template_id: None,
            title: "A \"b\"\n".into(),
            message: "ü".into(),
            data: JsonText::trusted(r#"{"a":1, "a":2}"#),
            priority: Priority::Normal,
            locale: None,
            sender_id: None,
            sender_name: None,
            image: None,
            actions: None,
            link: None,
        }),
        number: Number(7),
        changed: Number(7),
        created_at: Timestamp::from_ms(0),
        expires_at: None,
        delivered_at: None,
        attempts: 0,
        read_at: None,
        deleted: false,
        channels: vec![
            step(Channel::Sms, DeliveryState::Skipped, Reason::NotConfigured),
            step(Channel::Websocket, DeliveryState::Queued, Reason::Requested),
        ],
        send: None,
    }
}

fn full() -> Notification {
    let mut notification = notification();
    let content = Arc::make_mut(&mut notification.content);
    content.template_id = Some("iep_meeting_reminder".into());
    content.locale = Some("en".into());
    content.sender_id = Some(UserId::parse("s\"1").unwrap());
    content.sender_name = Some("S".into());
    content.image = Some("/i.png".into());
    content.actions = Some(JsonText::trusted("[ 1 ]"));
    content.link = Some("/l".into());
    notification.expires_at = Some(Timestamp::from_ms(1));
    notification.read_at = Some(Timestamp::from_ms(2));
    notification
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

#[test]
fn a_notification_is_written_to_the_byte() {
    let change = InboxChange::Published(Arc::new(notification()));
    let expected = concat!(
        r#"{"type":"note","notification_type":"note","template_id":null,"#,
        r#""id":"0192f0c1-7a3e-7cc2-98c1-000000000001","replay_id":"7","prev":"6","#,
        r#""title":"A \"b\"\n","message":"ü","data":{"a":1, "a":2},"priority":"normal","#,
        r#""timestamp":"1970-01-01T00:00:00.000Z"}"#,
    );
    assert_eq!(text(encode_change(Number(7), &change)), expected);
    let frame = Frame {
        at: Number(9),
        prev: Number(2),
        body: Body::Notification(Arc::new((&full()).into())),
    };
    let expected = concat!(
        r#"{"type":"iep_meeting_reminder","notification_type":"note","template_id":"iep_meeting_reminder","#,
        r#""id":"0192f0c1-7a3e-7cc2-98c1-000000000001","replay_id":"9","prev":"2","#,
        r#""title":"A \"b\"\n","message":"ü","data":{"a":1, "a":2},"priority":"normal","#,
        r#""timestamp":"1970-01-01T00:00:00.000Z","sender_id":"s\"1","sender_name":"S","#,
        r#""image":"/i.png","actions":[ 1 ],"link":"/l","locale":"en","#,
        r#""expires_at":"1970-01-01T00:00:00.001Z","read":true,"read_at":"1970-01-01T00:00:00.002Z"}"#,
    );
    assert_eq!(text(encode(&frame)), expected);
}

#[test]
fn the_documented_shape_writes_the_same_bytes() {
    for notification in [notification(), full()] {
        let body = Body::Notification(Arc::new((&notification).into()));
        let bytes = encode(&Frame { at: Number(9), prev: Number(2), body });
        let frame = ServerFrame::decode(&bytes).unwrap();
        assert!(matches!(frame, ServerFrame::Notification(_)));
        assert_eq!(text(frame.encode()), text(bytes));
    }
}

#[test]
fn changes_and_gaps_are_written_to_the_byte() {
    let id = NotificationId::parse(ID).unwrap();
    let at = Timestamp::from_ms(0);
    let check = |body: Body, expected: &str| {
        let frame = Frame { at: Number(9), prev: Number(2), body };
        assert_eq!(text(encode(&frame)), expected.replace("ID", ID));
    };
    check(
        Body::Read { id, at },
        r#"{"type":"notification_read","id":"ID","read_at":"1970-01-01T00:00:00.000Z","replay_id":"9","prev":"2"}"#,
    );
    check(
        Body::Deleted { id },
        r#"{"type":"notification_deleted","id":"ID","replay_id":"9","prev":"2"}"#,
    );
    check(
        Body::AllRead { up_to: Number(8), at },
        r#"{"type":"notifications_all_read","up_to":"8","read_at":"1970-01-01T00:00:00.000Z","replay_id":"9","prev":"2"}"#,
    );
    check(Body::Gap, r#"{"type":"replay_gap","from":"2","to":"9"}"#);
    let shared = encode_change(Number(9), &InboxChange::Deleted { id });
    assert!(text(shared).ends_with(r#""replay_id":"9","prev":"8"}"#));
    let heartbeat = ControlFrame::Heartbeat { newest: FeedNumber(Number(3)) };
    assert_eq!(text(heartbeat.encode()), r#"{"type":"heartbeat","newest":"3"}"#);
    let pong = ControlFrame::Pong { payload: Nothing {} };
    assert_eq!(text(pong.encode()), r#"{"type":"pong","payload":{}}"#);
}

#[test]
fn an_event_has_the_frame_as_its_data_and_its_number_as_its_id() {
    let id = NotificationId::parse(ID).unwrap();
    let at = Timestamp::from_ms(0);
    let bodies = [
        (Body::Notification(Arc::new((&full()).into())), "notification"),
        (Body::Read { id, at }, "notification_read"),
        (Body::Deleted { id }, "notification_deleted"),
        (Body::AllRead { up_to: Number(8), at }, "notifications_all_read"),
        (Body::Gap, "replay_gap"),
    ];
    for (body, name) in bodies {
        let frame = Frame { at: Number(9), prev: Number(2), body };
        let json = text(encode(&frame));
        let event = text(encode_event(&frame));
        assert_eq!(event, format!("id: 9\nevent: {name}\ndata: {json}\n\n"));
        let documented = ServerFrame::decode(json.as_bytes()).unwrap();
        assert_eq!(text(documented.encode_event()), event);
    }
    let change = InboxChange::Deleted { id };
    let json = text(encode_change(Number(9), &change));
    let expected = format!("id: 9\nevent: notification_deleted\ndata: {json}\n\n");
    assert_eq!(text(encode_change_event(Number(9), &change)), expected);
}

#[test]
fn events_of_the_protocol_say_when_to_come_back() {
    let beat = ControlFrame::Heartbeat { newest: FeedNumber(Number(3)) };
    let json = r#"{"type":"heartbeat","newest":"3"}"#;
    let check = |id, expected: &str| assert_eq!(text(beat.encode_event(id, None)), expected);
    check(None, &format!("event: heartbeat\ndata: {json}\n\n"));
    check(Some(Number(3)), &format!("id: 3\nevent: heartbeat\ndata: {json}\n\n"));
    let reconnect = ControlFrame::Reconnect { after_ms: 7 };
    let expected = "retry: 7\nevent: reconnect\ndata: {\"type\":\"reconnect\",\"after_ms\":7}\n\n";
    assert_eq!(text(reconnect.encode_event(None, None)), expected);
    assert_eq!(text(encode_opening(5)), ": landfall\nretry: 5\n\n");
}

/// The app's JSON is spliced in as it came, and may span lines.
#[test]
fn no_line_of_an_app_becomes_a_line_of_the_stream() {
    let mut notification = notification();
    let content = Arc::make_mut(&mut notification.content);
    content.data = JsonText::trusted("{\"a\":\r\n1,\rid: 99\n}");
    content.notification_type = "x\nid: 98".into();
    let change = InboxChange::Published(Arc::new(notification));
    let event = text(encode_change_event(Number(7), &change));
    let lines: Vec<&str> = event.split(['\n', '\r']).collect();
    let (last, head) = lines.split_last_chunk::<2>().map(|(head, last)| (last, head)).unwrap();
    assert_eq!(*last, ["", ""]);
    assert_eq!(head[..2], ["id: 7", "event: notification"]);
    assert!(head[2..].iter().all(|line| line.starts_with("data: ")), "{event}");
}

#[test]
fn an_answer_names_channels_in_plan_order_and_reasons_where_needed() {
    let answer = NotifyAnswer::new(&notification(), 2);
    let expected = concat!(
        r#"{"notification_id":"0192f0c1-7a3e-7cc2-98c1-000000000001","#,
        r#""channels":{"sms":"skipped","websocket":"queued"},"reasons":{"sms":"not configured"},"#,
        r#""timestamp":"1970-01-01T00:00:00.000Z","websocket_connections":2,"replay_id":"7","#,
        r#""estimated_delivery":"1970-01-01T00:00:00.000Z"}"#,
    );
    assert_eq!(serde_json::to_string(&answer).unwrap(), expected);
}

#[test]
fn an_item_carries_both_names_and_the_data_as_it_came() {
    let item = serde_json::to_string(&Item::from(&full())).unwrap();
    assert!(item.contains(r#""data":{"a":1, "a":2}"#), "{item}");
    let item: Value = serde_json::from_str(&item).unwrap();
    assert_eq!((&item["type"], &item["notification_type"]), (&json!("note"), &json!("note")));
    assert_eq!(item["channels"]["websocket"], json!({"state": "queued", "reason": "requested"}));
    assert_eq!((&item["read"], &item["delivered"]), (&json!(true), &json!(false)));
}
