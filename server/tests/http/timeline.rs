//! What became of a notification, for its owner and for admins (contract 3).

use landfall_core::audit::Action;
use landfall_core::channel::{Channel, DeliveryState};
use landfall_core::plan::Reason;
use landfall_server::clock::now_ms;
use landfall_store::{Unit, Write};
use serde_json::{Value, json};

use crate::harness::{Server, admin, token, token_in};
use crate::reach::{Letter, now, settle_all, tenant};

fn path(letter: &Letter) -> String {
    format!("/api/v1/notifications/{}/timeline", letter.id)
}

fn words(timeline: &Value) -> Vec<String> {
    let word = |item: &Value, name: &str| match &item[name] {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let items = timeline["items"].as_array().unwrap().iter();
    items
        .map(|item| {
            ["event", "channel", "state", "reason", "rule", "attempt", "code"]
                .map(|name| word(item, name))
                .join("|")
        })
        .collect()
}

/// A notification whose push failed and whose text message went out.
async fn told(server: &Server) -> Letter {
    let letter = Letter::to("u1", &[Channel::Websocket, Channel::Push, Channel::Sms]);
    letter.publish(server).await;
    let push = letter.deliver_by(server, Channel::Push).await.to_string();
    let failed = json!({ "channel": "push", "delivery": push, "state": "failed",
        "reason": "address gone", "attempt": 1, "provider": "web_push", "code": "410" });
    letter.tell(server, Action::DeliveryFailed, failed).await;
    let sent = json!({ "channel": "sms", "reason": "taken by the provider", "attempt": 1,
        "provider": "twilio", "code": "201", "secret": "+15550001111" });
    letter.tell(server, Action::DeliverySent, sent).await;
    let held = json!({ "channel": "sms", "reason": "quiet hours", "rule": 3 });
    letter.tell(server, Action::DeliveryHeld, held).await;
    letter
}

#[tokio::test]
async fn a_timeline_tells_every_decision_and_attempt_with_its_reason() {
    let server = Server::start().await;
    let letter = told(&server).await;
    settle_all(&server, DeliveryState::Failed, Reason::AddressGone).await;
    let answer = server.get(&token("u1", &[]), &path(&letter)).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let timeline = answer.json();
    let expected = [
        "accepted|||stored|||",
        "planned|websocket|queued|requested|2||",
        "planned|push|queued|requested|2||",
        "planned|sms|queued|requested|2||",
        "notification_failed|websocket|queued|no device connected|4||",
        "delivery_failed|push|failed|address gone||1|410",
        "delivery_sent|sms|sent|taken by the provider||1|201",
        "delivery_held|sms|held|quiet hours|3||",
    ];
    assert_eq!(words(&timeline), expected);
    assert_eq!(timeline["channels"]["push"]["state"], "failed");
    assert_eq!(timeline["channels"]["push"]["reason"], "address gone");
    assert_eq!(timeline["items"][5]["provider"], "web_push");
    for planted in ["planted", "+1555", "Headline"] {
        assert!(!answer.text.contains(planted), "{planted} in {}", answer.text);
    }
}

#[tokio::test]
async fn what_no_entry_tells_is_told_by_the_rows_at_its_time() {
    let server = Server::start().await;
    let letter = Letter::to("u1", &[Channel::Websocket, Channel::Push, Channel::Sms]);
    letter.publish(&server).await;
    let push = letter.deliver_by(&server, Channel::Push).await.to_string();
    let sms = letter.deliver_by(&server, Channel::Sms).await.to_string();
    settle_all(&server, DeliveryState::Skipped, Reason::NotNeeded).await;
    // What happened at the same moment has no order.
    let settled = now_ms();
    while now_ms() == settled {
        tokio::task::yield_now().await;
    }
    let held = json!({ "channel": "push", "delivery": push, "reason": "quiet hours" });
    letter.tell(&server, Action::DeliveryHeld, held).await;
    let tail = async || {
        let timeline = server.get(&token("u1", &[]), &path(&letter)).await.json();
        let times = timeline["items"].as_array().unwrap().iter().map(|item| item["at"].to_string());
        assert!(times.is_sorted(), "{timeline:#}");
        words(&timeline).split_off(5)
    };
    let unneeded = |channel: &str| {
        format!("delivery_skipped|{channel}|skipped|an earlier channel took it|4||")
    };
    let held = "delivery_held|push|held|quiet hours|3||".to_owned();
    assert_eq!(tail().await, [unneeded("push"), unneeded("sms"), held.clone()]);
    // What an entry tells is not told by the row as well.
    let skipped = json!({ "channel": "sms", "delivery": sms, "reason": "read" });
    letter.tell(&server, Action::DeliverySkipped, skipped).await;
    let told = "delivery_skipped|sms|skipped|read|5||".to_owned();
    assert_eq!(tail().await, [unneeded("push"), held, told]);
}

#[tokio::test]
async fn a_timeline_is_walked_by_cursor() {
    let server = Server::start().await;
    let letter = told(&server).await;
    let u1 = token("u1", &[]);
    let whole = words(&server.get(&u1, &path(&letter)).await.json());
    let (mut walked, mut next) = (Vec::new(), format!("{}?limit=2", path(&letter)));
    loop {
        let page = server.get(&u1, &next).await.json();
        walked.extend(words(&page));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        next = format!("{}?limit=2&cursor={cursor}", path(&letter));
    }
    assert_eq!(walked, whole);
    let other = Letter::to("u1", &[Channel::Websocket]);
    other.publish(&server).await;
    let cursor = next.split_once("cursor=").unwrap().1;
    let elsewhere = server.get(&u1, &format!("{}?cursor={cursor}", path(&other))).await;
    assert_eq!(elsewhere.pointers(), ["/query/cursor"]);
}

#[tokio::test]
async fn confirmations_and_reads_are_told_however_they_came() {
    let server = Server::start().await;
    let u1 = token("u1", &[]);
    let (one, other) = (server.notify(&admin(), "u1").await, server.notify(&admin(), "u1").await);
    let ack = json!({ "replay_id": 2, "device_id": "tablet" });
    server.call(&u1, "POST", "/api/v1/notifications/ack", ack).await;
    let read = format!("/api/v1/notifications/{one}/mark-read");
    server.call(&u1, "PATCH", &read, Value::Null).await;
    server.call(&u1, "POST", "/api/v1/notifications/mark-all-read", Value::Null).await;
    for (id, how) in [(one, "read by its owner"), (other, "read with all others")] {
        let path = format!("/api/v1/notifications/{id}/timeline");
        let timeline = server.get(&u1, &path).await.json();
        let told = words(&timeline);
        assert_eq!(told[1], "planned|websocket|queued|by default|2||");
        assert_eq!(told[3], "notification_delivered|websocket|delivered|confirmed by a device|4||");
        assert_eq!(timeline["items"][3]["device"], "tablet");
        assert_eq!(told[4..], [format!("notification_read|||{how}|||")]);
        assert!(timeline["read_at"].is_string() && timeline["delivered_at"].is_string());
    }
}

#[tokio::test]
async fn what_was_taken_back_with_its_send_says_so() {
    let server = Server::start().await;
    let letter = told(&server).await;
    let cancel = Write::Cancel { user: letter.user.clone(), id: letter.id, at: now() };
    let unit = Unit { writes: vec![cancel], ..Unit::new(&tenant()) };
    server.store.commit(unit).await.unwrap();
    let timeline = server.get(&token("u1", &[]), &path(&letter)).await.json();
    assert!(timeline["canceled_at"].is_string());
    let last = words(&timeline).pop().unwrap();
    assert_eq!(last, "notification_canceled|||taken back with its send|||");
}

#[tokio::test]
async fn only_its_owner_and_admins_of_its_tenant_see_a_timeline() {
    let server = Server::start().await;
    let letter = told(&server).await;
    let status = async |token: &str| server.get(token, &path(&letter)).await.status;
    assert_eq!(status(&token("u1", &[])).await, 200);
    assert_eq!(status(&admin()).await, 200);
    for stranger in [
        token("u2", &[]),
        token("backend", &["service"]),
        token_in("acme", "u1", &[]),
        token_in("acme", "root", &["admin"]),
    ] {
        assert_eq!(status(&stranger).await, 404);
    }
    let own = format!("/api/v1/notifications/{}", letter.id);
    assert_eq!(server.call(&token("u1", &[]), "DELETE", &own, Value::Null).await.status, 204);
    assert_eq!(status(&token("u1", &[])).await, 404);
    let left = server.get(&admin(), &path(&letter)).await.json();
    assert_eq!(left["deleted"], true);
    let last = words(&left).pop().unwrap();
    assert_eq!(last, "notification_deleted|||deleted by its owner|||");
}
