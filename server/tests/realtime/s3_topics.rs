//! S3's topics over the plain socket: rooms, messages, what was read, and who hears nothing.

use landfall_core::id::{MessageId, Tenant, TopicId, UserId};
use landfall_core::message::{Message, MessageBody};
use landfall_core::time::Timestamp;
use landfall_store::{Unit, Write};
use serde_json::{Value, json};

use crate::client::{Device, number};
use crate::harness::{Landfall, token};

const MESSAGES: &str = "/api/v1/topics/c/messages";

/// Makes the topic `c` with these members.
async fn class(landfall: &Landfall, members: &[&str]) {
    let admin = token("root", "admin");
    landfall.call("PUT", "/api/v1/topics/c", &admin, Some(json!({}))).await;
    for member in members {
        let path = format!("/api/v1/topics/c/members/{member}");
        landfall.call("PUT", &path, &admin, Some(json!({}))).await;
    }
}

async fn say(landfall: &Landfall, user: &str, text: &str) -> Value {
    let body = json!({ "message": text });
    landfall.call("POST", MESSAGES, &token(user, "student"), Some(body)).await
}

async fn ask(device: &mut Device, kind: &str, payload: Value, mark: u32) {
    device.say(json!({ "type": kind, "payload": payload, "ref": mark })).await;
}

/// Joins the topic from behind a number; gives the answer.
async fn join(device: &mut Device, after: Option<u64>) -> Value {
    let after = after.map(|after| after.to_string());
    ask(device, "join_topic", json!({ "topic_id": "c", "after": after }), 1).await;
    let joined = device.next().await;
    assert_eq!((&joined["type"], &joined["ref"]), (&json!("topic_joined"), &json!(1)), "{joined}");
    joined["payload"].clone()
}

async fn joined(landfall: &Landfall, user: &str) -> Device {
    let mut device = landfall.device(user, "").await;
    join(&mut device, None).await;
    device
}

/// Says in a word what a frame tells of a message.
fn told(frame: &Value) -> String {
    let payload = &frame["payload"];
    let kind = frame["type"].as_str().unwrap();
    format!("{kind} {}", payload["message"].as_str().unwrap_or_else(|| panic!("{frame}")))
}

async fn hears(device: &mut Device, expected: &[&str]) {
    for expected in expected {
        assert_eq!(told(&device.next().await), *expected);
    }
}

/// Waits until a frame says that nothing came before it: what was on its way would have come first.
async fn hears_nothing(landfall: &Landfall, device: &mut Device, user: &str) {
    landfall.notify(user, "the end").await;
    let frame = device.next().await;
    assert_eq!(frame["type"], "news", "{frame}");
}

#[tokio::test]
async fn s3_members_of_a_room_hear_each_other() {
    let landfall = Landfall::start().await;
    class(&landfall, &["ada", "ben", "eve"]).await;
    let (mut ada, mut ben) = (joined(&landfall, "ada").await, joined(&landfall, "ben").await);
    let mut outside = landfall.device("eve", "").await;
    let payload = json!({ "topic_id": "c", "message": "hi", "client_id": "c1", "roomId": "r" });
    ask(&mut ada, "send_message", payload.clone(), 7).await;
    let new = ben.next().await;
    assert_eq!(told(&new), "new_message hi");
    let message = new["payload"].clone();
    assert_eq!((&message["sender_id"], &message["room_id"]), (&json!("ada"), &json!("r")));
    let answer = ada.next_of("message_sent").await;
    assert_eq!((&answer["payload"], &answer["ref"]), (&message, &json!(7)));
    // Sent again it is the same, and nobody hears of it again.
    ask(&mut ada, "send_message", payload, 8).await;
    let answer = ada.next_of("message_sent").await;
    assert_eq!((&answer["payload"], &answer["ref"]), (&message, &json!(8)));
    let path = format!("{MESSAGES}/{}", message["id"].as_str().unwrap());
    let student = token("ada", "student");
    landfall.call("PATCH", &path, &student, Some(json!({ "message": "ho" }))).await;
    landfall.call("DELETE", &path, &student, None).await;
    hears(&mut ben, &["message_changed ho", "message_deleted "]).await;
    hears_nothing(&landfall, &mut outside, "eve").await;
    ask(&mut ben, "leave_topic", json!({ "topic_id": "c" }), 9).await;
    let left = ben.next().await;
    let expected = json!({ "type": "topic_left", "payload": { "topic_id": "c", "reason": "left" },
        "ref": 9 });
    assert_eq!(left, expected);
    // What came before is read with that, and nothing of what comes.
    assert_eq!(ben.next().await["type"], "messages_read");
    say(&landfall, "ada", "unheard").await;
    hears_nothing(&landfall, &mut ben, "ben").await;
}

#[tokio::test]
async fn s3_who_was_away_gets_what_changed_and_then_what_comes() {
    let landfall = Landfall::start().await;
    class(&landfall, &["ada", "ben"]).await;
    let first = say(&landfall, "ada", "first").await;
    let second = say(&landfall, "ada", "second").await;
    let mut ben = landfall.device("ben", "").await;
    let stands = join(&mut ben, None).await;
    let expected = json!({ "topic_id": "c", "head": "5", "unread_count": 2, "capped": false,
        "read_up_to": "3" });
    assert_eq!(stands, expected);
    drop(ben);
    let path = |message: &Value| format!("{MESSAGES}/{}", message["id"].as_str().unwrap());
    let student = token("ada", "student");
    landfall.call("PATCH", &path(&first), &student, Some(json!({ "message": "First" }))).await;
    landfall.call("DELETE", &path(&second), &student, None).await;
    let gone = say(&landfall, "ada", "came and went").await;
    say(&landfall, "ada", "third").await;
    landfall.call("DELETE", &path(&gone), &student, None).await;
    let mut ben = landfall.device("ben", "").await;
    join(&mut ben, Some(5)).await;
    hears(&mut ben, &["message_changed First", "message_deleted ", "new_message third"]).await;
    say(&landfall, "ada", "live").await;
    hears(&mut ben, &["new_message live"]).await;
}

#[tokio::test]
async fn s3_who_missed_too_much_is_told_what_was_left_out() {
    let landfall = Landfall::with(&[("LANDFALL_REALTIME_REPLAY_MAX", "2")]).await;
    class(&landfall, &["ada", "ben"]).await;
    for n in 1..=3 {
        say(&landfall, "ada", &n.to_string()).await;
    }
    let gap = |from: &str, to: &str| json!({ "type": "topic_gap", "payload": { "topic_id": "c", "from": from, "to": to } });
    let mut ben = landfall.device("ben", "").await;
    join(&mut ben, Some(3)).await;
    assert_eq!(ben.next().await, gap("3", "6"));
    // A number that the feed never gave out is of another life of the server.
    join(&mut ben, Some(90)).await;
    assert_eq!(ben.next().await, gap("90", "6"));
    join(&mut ben, Some(4)).await;
    hears(&mut ben, &["new_message 2", "new_message 3"]).await;
    say(&landfall, "ada", "4").await;
    hears(&mut ben, &["new_message 4"]).await;
    // And whoever came with it hears what comes all the same.
    join(&mut ben, Some(90)).await;
    assert_eq!(ben.next().await, gap("90", "7"));
    say(&landfall, "ada", "5").await;
    hears(&mut ben, &["new_message 5"]).await;
}

#[tokio::test]
async fn s3_who_is_removed_hears_nothing_from_then_on() {
    let landfall = Landfall::start().await;
    class(&landfall, &["ada", "ben", "eve"]).await;
    let (mut ben, mut eve) = (joined(&landfall, "ben").await, joined(&landfall, "eve").await);
    let admin = token("root", "admin");
    landfall.call("DELETE", "/api/v1/topics/c/members/ben", &admin, None).await;
    let left =
        json!({ "type": "topic_left", "payload": { "topic_id": "c", "reason": "not_a_member" } });
    assert_eq!(ben.next().await, left);
    say(&landfall, "ada", "secret").await;
    hears(&mut eve, &["new_message secret"]).await;
    hears_nothing(&landfall, &mut ben, "ben").await;
    ask(&mut ben, "send_message", json!({ "topic_id": "c", "message": "x" }), 3).await;
    let refused = ben.next().await;
    assert_eq!((&refused["code"], &refused["ref"]), (&json!("not_found"), &json!(3)));
    landfall.call("DELETE", "/api/v1/topics/c", &admin, None).await;
    assert_eq!(eve.next().await, left);
}

#[tokio::test]
async fn s3_a_room_is_for_members() {
    let landfall = Landfall::start().await;
    class(&landfall, &["ada"]).await;
    let mut eve = landfall.device("eve", "").await;
    let admin = token("root", "admin");
    for (visibility, code) in [("private", "not_found"), ("public", "forbidden")] {
        let body = json!({ "visibility": visibility });
        landfall.call("PUT", "/api/v1/topics/c", &admin, Some(body)).await;
        for (kind, payload) in [
            ("join_topic", json!({ "topic_id": "c" })),
            ("send_message", json!({ "topic_id": "c", "message": "x" })),
            ("mark_as_read", json!({ "topic_id": "c" })),
        ] {
            ask(&mut eve, kind, payload, 4).await;
            let refused = eve.next().await;
            let found = (&refused["type"], &refused["code"], &refused["ref"]);
            assert_eq!(found, (&json!("error"), &json!(code), &json!(4)), "{kind} {refused}");
        }
        say(&landfall, "ada", "secret").await;
        hears_nothing(&landfall, &mut eve, "eve").await;
    }
}

#[tokio::test]
async fn s3_what_was_read_reaches_the_readers_devices_and_the_room() {
    let landfall = Landfall::start().await;
    class(&landfall, &["ada", "ben"]).await;
    let mut ada = joined(&landfall, "ada").await;
    let (mut phone, mut tablet) =
        (joined(&landfall, "ben").await, landfall.device("ben", "device_id=tablet").await);
    for n in 1..=2 {
        say(&landfall, "ada", &n.to_string()).await;
    }
    hears(&mut phone, &["new_message 1", "new_message 2"]).await;
    hears(&mut ada, &["new_message 1", "new_message 2"]).await;
    ask(&mut phone, "mark_as_read", json!({ "topic_id": "c", "up_to": "4" }), 5).await;
    let answer = phone.next_of("topic_read").await;
    let left = json!({ "topic_id": "c", "unread_count": 1, "capped": false, "read_up_to": "4" });
    assert_eq!((&answer["payload"], &answer["ref"]), (&left, &json!(5)));
    let read = json!({ "type": "messages_read",
        "payload": { "topic_id": "c", "user_id": "ben", "read_up_to": "4" } });
    assert_eq!(ada.next().await, read);
    assert_eq!(tablet.next().await, read);
    // What is read already is told to nobody.
    ask(&mut phone, "mark_as_read", json!({ "topic_id": "c", "up_to": "4" }), 6).await;
    phone.next_of("topic_read").await;
    hears_nothing(&landfall, &mut ada, "ada").await;
}

#[tokio::test]
async fn s3_a_lost_nudge_costs_seconds_and_nobody_hears_of_what_came_after_they_left() {
    let landfall = Landfall::with(&[("LANDFALL_REALTIME_HEARTBEAT_SECONDS", "1")]).await;
    class(&landfall, &["ada", "ben", "eve"]).await;
    let (mut ben, mut eve) = (joined(&landfall, "ben").await, joined(&landfall, "eve").await);
    let store = landfall.another_hand().await;
    let tenant = Tenant::parse("default").unwrap();
    let commit = async |write| {
        let unit = Unit { writes: vec![write], ..Unit::new(&tenant) };
        store.commit(unit).await.unwrap();
    };
    let untold = |text: &str| {
        let message = Message {
            id: MessageId(uuid::Uuid::now_v7()),
            topic: TopicId::parse("c").unwrap(),
            number: Default::default(),
            changed: Default::default(),
            sender: UserId::parse("ada").unwrap(),
            sender_name: None,
            client_id: None,
            body: MessageBody { text: text.into(), ..MessageBody::default() },
            created_at: Timestamp::from_ms(1_800_000_000_000),
            edited_at: None,
            is_deleted: false,
        };
        Write::SendMessage { message: Box::new(message), digest: [0; 32] }
    };
    commit(untold("untold")).await;
    hears(&mut ben, &["new_message untold"]).await;
    // One that is told of after one that is not brings both.
    commit(untold("skipped")).await;
    say(&landfall, "ada", "told").await;
    hears(&mut ben, &["new_message skipped", "new_message told"]).await;
    hears(&mut eve, &["new_message untold", "new_message skipped", "new_message told"]).await;
    // Nobody told the server that ben was removed, either.
    let (topic, user) = (TopicId::parse("c").unwrap(), UserId::parse("ben").unwrap());
    commit(Write::RemoveMember { topic, user }).await;
    say(&landfall, "ada", "secret").await;
    hears(&mut eve, &["new_message secret"]).await;
    assert_eq!(ben.next().await["type"], "topic_left");
    hears_nothing(&landfall, &mut ben, "ben").await;
}

#[tokio::test]
async fn s3_what_is_wrong_is_told_with_the_clients_mark() {
    let landfall = Landfall::with(&[("LANDFALL_LIMITS_FRAME_KIB", "64")]).await;
    class(&landfall, &["ada"]).await;
    let mut ada = landfall.device("ada", "").await;
    let long = "x".repeat(4_001);
    for (kind, payload, detail) in [
        ("join_topic", json!({}), "/payload/topic_id is required"),
        ("join_topic", json!({ "topic_id": " " }), "/payload/topic_id "),
        ("join_topic", json!({ "topic_id": "c", "after": "x" }), "/payload/after "),
        ("send_message", json!({ "topic_id": "c" }), "/payload/message must hold words"),
        (
            "send_message",
            json!({ "topic_id": "c", "message": "" }),
            "/payload/message must hold words",
        ),
        (
            "send_message",
            json!({ "topic_id": "c", "message": long }),
            "/payload/message must have at most 4000",
        ),
        (
            "send_message",
            json!({ "topic_id": "c", "message": "a", "mentions": [" "] }),
            "/payload/mentions/0 ",
        ),
        (
            "mark_as_read",
            json!({ "topic_id": "c", "message_ids": ["7"] }),
            "/payload/message_ids/0 ",
        ),
    ] {
        ask(&mut ada, kind, payload.clone(), 2).await;
        let refused = ada.next().await;
        assert_eq!(
            (&refused["code"], &refused["ref"]),
            (&json!("invalid"), &json!(2)),
            "{refused}"
        );
        assert!(refused["detail"].as_str().unwrap().starts_with(detail), "{refused}");
    }
}

#[tokio::test]
async fn s3_a_name_that_a_device_gave_is_given_once() {
    let landfall = Landfall::start().await;
    class(&landfall, &["ada"]).await;
    let mut ada = landfall.device("ada", "").await;
    let payload = json!({ "topic_id": "c", "message": "x", "client_id": "n" });
    ask(&mut ada, "send_message", payload, 1).await;
    ada.next_of("message_sent").await;
    let payload = json!({ "topic_id": "c", "message": "y", "client_id": "n" });
    ask(&mut ada, "send_message", payload, 3).await;
    assert_eq!(ada.next().await["code"], "conflict");
}

#[tokio::test]
async fn s3_a_flood_of_messages_is_refused_with_the_clients_mark() {
    let landfall = Landfall::with(&[
        ("LANDFALL_LIMITS_USER_REQUESTS_PER_SECOND", "1"),
        ("LANDFALL_LIMITS_BURST_SECONDS", "2"),
    ])
    .await;
    class(&landfall, &["ada"]).await;
    let mut ada = landfall.device("ada", "").await;
    let mut answers = Vec::new();
    for n in 0..4 {
        ask(&mut ada, "send_message", json!({ "topic_id": "c", "message": "x" }), n).await;
        let answer = ada.next().await;
        assert_eq!(answer["ref"], n);
        answers.push(answer["code"].as_str().unwrap_or("sent").to_owned());
    }
    assert!(answers.contains(&"sent".to_owned()), "{answers:?}");
    assert_eq!(answers.last().unwrap(), "rate_limited");
}

#[tokio::test]
async fn s3_what_is_written_in_one_breath_is_taken_in_its_order() {
    let landfall = Landfall::start().await;
    class(&landfall, &["ada", "ben"]).await;
    let mut ada = landfall.device("ada", "").await;
    let mut ben = joined(&landfall, "ben").await;
    for n in 0..60 {
        let payload = json!({ "topic_id": "c", "message": n.to_string() });
        ask(&mut ada, "send_message", payload, n).await;
    }
    for n in 0..60 {
        let answer = ada.next().await;
        assert_eq!((&answer["type"], &answer["ref"]), (&json!("message_sent"), &json!(n)));
        assert_eq!(told(&ben.next().await), format!("new_message {n}"));
    }
}

#[tokio::test]
async fn s3_whatever_the_storm_everybody_hears_everything_once_and_in_order() {
    const WRITERS: usize = 4;
    const EACH: usize = 40;
    let landfall = Landfall::start().await;
    class(&landfall, &["w0", "w1", "w2", "w3", "ben"]).await;
    let mut listeners = Vec::new();
    for _ in 0..3 {
        listeners.push(joined(&landfall, "ben").await);
    }
    let write = async |writer: usize| {
        for n in 0..EACH {
            say(&landfall, &format!("w{writer}"), &format!("{writer}-{n}")).await;
        }
    };
    let listen = async |device: &mut Device, place: usize| {
        let mut numbers: Vec<u64> = Vec::new();
        while numbers.len() < WRITERS * EACH {
            let frame = device.next().await;
            assert_eq!(frame["type"], "new_message", "{frame}");
            numbers.push(number(&frame["payload"]["number"]));
            if place == 0 && numbers.len().is_multiple_of(25) {
                // Whoever loses the connection goes on from the last number.
                *device = landfall.device("ben", "").await;
                join(device, numbers.last().copied()).await;
            }
        }
        numbers
    };
    let writers = futures_util::future::join_all((0..WRITERS).map(write));
    let listening = listeners.iter_mut().enumerate().map(|(place, device)| listen(device, place));
    let (_, heard) = tokio::join!(writers, futures_util::future::join_all(listening));
    let expected: Vec<u64> = (7..7 + (WRITERS * EACH) as u64).collect();
    for numbers in heard {
        assert_eq!(numbers, expected);
    }
}
