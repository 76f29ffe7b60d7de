//! S4's test scenario: an admin writes to somebody who is offline, and they get it when they come.

use serde_json::{Value, json};

use crate::client::number;
use crate::harness::{Landfall, sign, token};

const USER: &str = "9ed4c947-f6ed-4728-9b5a-e80b327f355b";
const TEXT: &str = "Test notification for offline user";

/// An admin with a name.
fn admin() -> String {
    let claims = json!({ "sub": "5c7c188b-012e-4d22-9db2-ae5a089f0cb8", "roles": ["admin"],
        "name": "Test Admin", "exp": 4_102_444_800u64 });
    sign(&claims)
}

/// Gives the one notification as the admins' list has it.
async fn record(landfall: &Landfall) -> Value {
    let path = format!("/api/admin/notifications?user_id={USER}");
    let list = landfall.call("GET", &path, &admin(), None).await;
    let [record] = &list["items"].as_array().unwrap()[..] else { panic!("one record: {list}") };
    record.clone()
}

/// Checks S4's "Audit Trail Example".
async fn check_audited(landfall: &Landfall, id: &Value) {
    let trail = landfall.audit("notification_created").await;
    let [entry] = &trail[..] else { panic!("one entry: {trail:?}") };
    assert_eq!(entry["entity_type"], "notification");
    assert_eq!((&entry["entity_id"], &entry["target_user_id"]), (id, &json!(USER)));
    let said = ["notification_type", "delivered", "message", "sender_name"];
    let said = said.map(|field| entry["metadata"][field].clone());
    assert_eq!(said, [json!("admin_message"), json!(false), json!(TEXT), json!("Test Admin")]);
}

#[tokio::test]
async fn s4_a_message_to_an_offline_user_is_kept_audited_and_delivered_when_they_come() {
    let landfall = Landfall::start().await;
    let body = json!({ "user_id": USER, "message": TEXT });
    let path = "/api/admin/notifications/send";
    let sent = landfall.call("POST", path, &admin(), Some(body)).await;
    let kept = record(&landfall).await;
    for (field, expected) in [
        ("id", sent["notification_id"].clone()),
        ("user_id", json!(USER)),
        ("type", json!("admin_message")),
        ("message", json!(TEXT)),
        ("delivered", json!(false)),
        ("delivery_attempts", json!(0)),
        ("delivered_at", Value::Null),
        ("sender_id", json!("5c7c188b-012e-4d22-9db2-ae5a089f0cb8")),
        ("sender_name", json!("Test Admin")),
        ("read", json!(false)),
        ("read_at", Value::Null),
    ] {
        assert_eq!(kept[field], expected, "{field}");
    }
    assert!(kept["created_at"].is_string() && kept["data"].is_object(), "{kept}");

    check_audited(&landfall, &kept["id"]).await;
    let mut device = landfall.device(USER, "ack=1").await;
    let frame = device.next_of("admin_message").await;
    assert_eq!((&frame["id"], &frame["message"]), (&kept["id"], &json!(TEXT)));
    device.ack(number(&frame["replay_id"])).await;
    landfall.until_delivered(USER, "").await;
    let delivered = record(&landfall).await;
    assert!(delivered["delivered_at"].is_string(), "{delivered}");
    let path = format!("/api/admin/notifications?user_id={USER}&delivered=false");
    let pending = landfall.call("GET", &path, &token("root", "admin"), None).await;
    assert_eq!(pending["items"], json!([]));
    let trail = landfall.audit("notification_delivered").await;
    assert_eq!((trail.len(), &trail[0]["entity_id"]), (1, &kept["id"]));
}
