//! Deliveries: how they show in lists, in the admin's log, and failed ones once more.

use landfall_core::channel::{Channel, DeliveryState};
use landfall_core::plan::Reason;
use serde_json::{Value, json};

use crate::harness::{Server, admin, finish, token, token_in};
use crate::reach::{Letter, settle_all};

const LOG: &str = "/api/v1/admin/deliveries";
const REPLAY: &str = "/api/v1/admin/deliveries/replay";

/// Stores a notification for a user with a delivery by text message; gives both ids.
async fn texted(server: &Server, name: &str, kind: &str) -> (String, String) {
    let letter =
        Letter { kind: kind.into(), ..Letter::to(name, &[Channel::Websocket, Channel::Sms]) };
    letter.publish(server).await;
    let delivery = letter.deliver_by(server, Channel::Sms).await;
    (letter.id.to_string(), delivery.to_string())
}

async fn log(server: &Server, query: &str) -> Vec<Value> {
    let answer = server.get(&admin(), &format!("{LOG}?{query}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_notification_shows_how_its_deliveries_stand_wherever_it_is_shown() {
    let server = Server::start().await;
    let (id, _) = texted(&server, "u1", "news").await;
    let u1 = token("u1", &[]);
    let states = async || {
        let list = server.get(&u1, "/api/v1/notifications").await.json();
        let one = server.get(&u1, &format!("/api/v1/notifications/{id}")).await.json();
        let all = server.get(&admin(), "/api/v1/admin/notifications").await.json();
        let shown = [list["items"][0].clone(), one, all["items"][0].clone()];
        shown.map(|item| item["channels"]["sms"].clone())
    };
    let queued = json!({ "state": "queued", "reason": "requested" });
    assert_eq!(states().await, [queued.clone(), queued.clone(), queued]);
    assert_eq!(settle_all(&server, DeliveryState::Sent, Reason::Accepted).await, 1);
    let sent = json!({ "state": "sent", "reason": "taken by the provider" });
    assert_eq!(states().await, [sent.clone(), sent.clone(), sent.clone()]);
    let read = format!("/api/v1/notifications/{id}/mark-read");
    let marked = server.call(&u1, "PATCH", &read, Value::Null).await.json();
    assert_eq!(marked["channels"]["sms"], sent);
}

#[tokio::test]
async fn s0_notification_logs_lists_deliveries_by_filter() {
    let server = Server::start().await;
    for (name, kind) in [("a", "quiz"), ("b", "news"), ("a", "news")] {
        texted(&server, name, kind).await;
    }
    settle_all(&server, DeliveryState::Failed, Reason::Refused).await;
    let (_, queued) = texted(&server, "a", "news").await;
    let count = async |query: &str| log(&server, query).await.len();
    assert_eq!(count("").await, 4);
    assert_eq!(count("user_id=a").await, 3);
    assert_eq!(count("userId=a&notification_type=quiz").await, 1);
    assert_eq!(count("delivery_status=failed").await, 3);
    assert_eq!(count("state=queued&channel=sms").await, 1);
    assert_eq!(count("channel=push").await, 0);
    assert_eq!(count("since=2020-01-01T00:00:00Z").await, 4);
    assert_eq!(count("until=2020-01-01T00:00:00Z").await, 0);
    assert_eq!(count("limit=3&offset=3").await, 1);
    let newest = &log(&server, "limit=1").await[0];
    assert_eq!(newest["id"], queued);
    let failed = &log(&server, "state=failed&user_id=b").await[0];
    let expected = json!({ "notification_type": "news", "title": "Headline",
        "body": "planted words", "channel": "sms", "delivery_status": "failed", "state": "failed",
        "reason": "refused by the provider", "provider": "twilio", "code": "400 21211",
        "attempts": 1, "platform": null, "due_at": null });
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(failed[name], *value, "{name}");
    }
    let page = server.get(&admin(), &format!("{LOG}?limit=3")).await.json();
    let cursor = page["next_cursor"].as_str().unwrap();
    assert_eq!(count(&format!("limit=3&cursor={cursor}")).await, 1);
    for (query, pointer) in [
        ("state=lost", "/query/state"),
        ("state=sent&delivery_status=failed", "/query/delivery_status"),
        ("channel=fax", "/query/channel"),
        ("limit=0", "/query/limit"),
    ] {
        let refused = server.get(&admin(), &format!("{LOG}?{query}")).await;
        assert_eq!(refused.pointers(), [pointer], "{query}");
    }
}

#[tokio::test]
async fn failed_deliveries_are_tried_again_by_name_or_by_filter() {
    let server = Server::start().await;
    let (notification, one) = texted(&server, "a", "news").await;
    let (_, other) = texted(&server, "b", "news").await;
    texted(&server, "c", "news").await;
    settle_all(&server, DeliveryState::Failed, Reason::Refused).await;
    let replay = async |body: Value| {
        let answer = server.call(&admin(), "POST", REPLAY, body).await;
        assert_eq!(answer.status, 202, "{}", answer.text);
        answer.json()["replayed"].clone()
    };
    let nobody = uuid::Uuid::now_v7().to_string();
    assert_eq!(replay(json!({ "ids": [one, nobody, one] })).await, 1);
    assert_eq!(replay(json!({ "ids": [one] })).await, 0);
    assert_eq!(replay(json!({ "channel": "push" })).await, 0);
    assert_eq!(replay(json!({ "until": "2020-01-01T00:00:00Z" })).await, 0);
    assert_eq!(replay(json!({ "user_id": "c", "channel": "sms" })).await, 1);
    assert_eq!(replay(json!({ "ids": [one, other] })).await, 1, "one of them waits already");
    assert_eq!(replay(json!({ "limit": 5 })).await, 0);
    assert_eq!(log(&server, "state=queued").await.len(), 3);
    let path = format!("/api/v1/notifications/{notification}/timeline");
    let timeline = server.get(&admin(), &path).await.json();
    let last = timeline["items"].as_array().unwrap().last().unwrap().clone();
    assert_eq!([&last["event"], &last["reason"]], ["delivery_replayed", "replayed"]);
    let trail = server.get(&admin(), "/api/v1/admin/audit?action=delivery_replayed").await.json();
    assert_eq!(trail["items"].as_array().unwrap().len(), 3);
    assert_eq!(trail["items"][0]["user_id"], "root");
    assert_eq!(settle_all(&server, DeliveryState::Sent, Reason::Accepted).await, 3);
}

#[tokio::test]
async fn a_replay_that_is_repeated_gets_its_first_answer() {
    let server = Server::start().await;
    texted(&server, "a", "news").await;
    settle_all(&server, DeliveryState::Failed, Reason::Refused).await;
    let replay = async |body: Value| {
        let request = server.request("POST", REPLAY).bearer_auth(admin()).json(&body);
        finish(request.header("Idempotency-Key", "k")).await
    };
    let body = json!({ "channel": "sms" });
    let first = replay(body.clone()).await;
    assert_eq!((first.status, first.json()), (202, json!({ "replayed": 1 })));
    assert_eq!(settle_all(&server, DeliveryState::Failed, Reason::Refused).await, 1);
    let again = replay(body).await;
    assert_eq!((again.status, again.text), (202, first.text));
    assert_eq!(settle_all(&server, DeliveryState::Failed, Reason::Refused).await, 0);
    let other = replay(json!({ "channel": "push" })).await;
    assert_eq!(other.code(), "idempotency_mismatch");
}

#[tokio::test]
async fn deliveries_are_for_admins_of_their_tenant() {
    let server = Server::start().await;
    let (_, id) = texted(&server, "a", "news").await;
    settle_all(&server, DeliveryState::Failed, Reason::Refused).await;
    let body = json!({ "ids": [id] });
    for caller in [token("a", &[]), token("ada", &["teacher"]), token("backend", &["service"])] {
        assert_eq!(server.get(&caller, LOG).await.status, 403);
        assert_eq!(server.call(&caller, "POST", REPLAY, body.clone()).await.status, 403);
    }
    let stranger = token_in("acme", "root", &["admin"]);
    let empty = server.get(&stranger, LOG).await.json();
    assert_eq!(empty, json!({ "items": [], "next_cursor": null }));
    for body in [body, json!({})] {
        let answer = server.call(&stranger, "POST", REPLAY, body).await.json();
        assert_eq!(answer["replayed"], 0);
    }
    assert_eq!(log(&server, "state=failed").await.len(), 1);
}

#[tokio::test]
async fn a_replay_names_what_is_wrong_with_it() {
    let server = Server::start().await;
    let many: Vec<String> = (0..501).map(|_| uuid::Uuid::now_v7().to_string()).collect();
    for (body, pointer) in [
        (json!({ "ids": [] }), "/ids"),
        (json!({ "ids": many }), "/ids"),
        (json!({ "ids": ["x"] }), "/ids/0"),
        (json!({ "ids": [many[0]], "channel": "sms" }), "/ids"),
        (json!({ "limit": 0 }), "/limit"),
        (json!({ "limit": 501 }), "/limit"),
        (json!({ "channel": "fax" }), "/channel"),
        (json!({ "since": "yesterday" }), "/since"),
        (json!({ "user_id": "" }), "/user_id"),
    ] {
        let answer = server.call(&admin(), "POST", REPLAY, body.clone()).await;
        assert_eq!(answer.pointers(), [pointer], "{body}");
    }
}
