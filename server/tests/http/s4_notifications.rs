//! S4's calls: a user's notifications, read and deleted, and what admins see and send.

use serde_json::{Value, json};

use crate::harness::{Server, admin, service, sign, token};
use crate::lists::walk;

const ADMIN_SEND: &str = "/api/admin/notifications/send";
const SEND: &str = "/api/notifications/send";
const MINE: &str = "/api/notifications";
const ALL: &str = "/api/admin/notifications";

/// Sends somebody what an admin has to say; gives its id.
async fn sent(server: &Server, user: &str, message: &str) -> String {
    let body = json!({ "user_id": user, "message": message });
    let answer = server.call(&admin(), "POST", ADMIN_SEND, body).await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    answer.json()["notification_id"].as_str().unwrap().to_owned()
}

async fn items(server: &Server, token: &str, path: &str) -> Vec<Value> {
    let answer = server.get(token, path).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn s4_the_record_has_every_documented_field_in_both_lists() {
    let server = Server::start().await;
    let data = json!({ "ride_id": 42, "stops": ["north", { "at": "10:05" }] });
    let body = json!({ "user_id": "rider", "notification_type": "ride_accepted",
        "message": "Your ride comes", "data": data });
    let made = server.call(&service(), "POST", "/api/notify", body).await.json();
    let (rider, admin) = (token("rider", &[]), admin());
    let lists = async || [items(&server, &rider, MINE).await, items(&server, &admin, ALL).await];
    for list in lists().await {
        let [record] = &list[..] else { panic!("one record") };
        for (field, expected) in [
            ("id", made["notification_id"].clone()),
            ("user_id", json!("rider")),
            ("type", json!("ride_accepted")),
            ("message", json!("Your ride comes")),
            ("data", data.clone()),
            ("sender_id", json!("backend")),
            ("sender_name", json!("backend")),
            ("delivered", json!(false)),
            ("delivery_attempts", json!(0)),
            ("delivered_at", Value::Null),
            ("read", json!(false)),
            ("read_at", Value::Null),
        ] {
            assert_eq!(record[field], expected, "{field}");
        }
        assert!(record["created_at"].as_str().unwrap().ends_with('Z'), "{record}");
    }
    let ack = json!({ "replay_id": made["replay_id"] });
    server.call(&rider, "POST", "/api/v1/notifications/ack", ack).await;
    let path = format!("{MINE}/{}/mark-read", made["notification_id"].as_str().unwrap());
    let marked = server.call(&rider, "PATCH", &path, Value::Null).await;
    assert_eq!(marked.status, 200, "{}", marked.text);
    let marked = marked.json();
    assert_eq!((&marked["delivered"], &marked["read"]), (&json!(true), &json!(true)));
    assert!(marked["delivered_at"].is_string() && marked["read_at"].is_string(), "{marked}");
    for list in lists().await {
        for field in ["delivered", "delivered_at", "read", "read_at"] {
            assert_eq!(list[0][field], marked[field], "{field}");
        }
    }
}

#[tokio::test]
async fn s4_lists_have_fifty_without_a_limit_and_skip_by_offset() {
    let server = Server::start().await;
    for number in 0..51 {
        sent(&server, "driver", &number.to_string()).await;
    }
    sent(&server, "rider", "other").await;
    let driver = token("driver", &[]);
    let messages = async |token: &str, path: &str| {
        let items = items(&server, token, path).await;
        items.iter().map(|item| item["message"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let newest_first: Vec<String> = (0..51).rev().map(|number| number.to_string()).collect();
    assert_eq!(messages(&driver, MINE).await, newest_first[..50]);
    assert_eq!(messages(&driver, &format!("{MINE}?limit=2")).await, newest_first[..2]);
    let page = format!("{MINE}?limit=2&offset=3");
    assert_eq!(messages(&driver, &page).await, newest_first[3..5]);
    assert_eq!(messages(&driver, &format!("{MINE}?offset=50")).await, newest_first[50..]);
    let of_driver = format!("{ALL}?user_id=driver&limit=2&offset=3");
    assert_eq!(messages(&admin(), &of_driver).await, newest_first[3..5]);
    assert_eq!(messages(&admin(), ALL).await.len(), 50);
    assert_eq!(messages(&admin(), &format!("{ALL}?offset=50")).await, ["1", "0"]);
}

#[tokio::test]
async fn s4_a_users_notifications_are_their_own_and_the_list_of_all_is_the_admins() {
    let server = Server::start().await;
    let id = sent(&server, "driver", "m").await;
    let rider = token("rider", &["student"]);
    assert_eq!(items(&server, &rider, MINE).await, Vec::<Value>::new());
    let (read, one) = (format!("{MINE}/{id}/mark-read"), format!("{MINE}/{id}"));
    for (method, path) in [("PATCH", &read), ("DELETE", &one)] {
        let answer = server.call(&rider, method, path, Value::Null).await;
        assert_eq!(answer.code(), "not_found", "{method}");
    }
    for caller in [rider, token("ada", &["teacher"]), service()] {
        assert_eq!(server.get(&caller, ALL).await.code(), "forbidden");
    }
    let kept = items(&server, &token("driver", &[]), MINE).await;
    assert_eq!((kept.len(), &kept[0]["read"]), (1, &json!(false)));
}

#[tokio::test]
async fn s4_reading_and_deleting_show_in_the_list() {
    let server = Server::start().await;
    let (one, two) = (server.notify(&admin(), "u1").await, server.notify(&admin(), "u1").await);
    let u1 = token("u1", &[]);
    let path = format!("/api/notifications/{one}/mark-read");
    for _ in 0..2 {
        let read = server.call(&u1, "PATCH", &path, Value::Null).await.json();
        assert_eq!((&read["read"], &read["change_id"]), (&json!(true), &json!("3")));
    }
    let list = |query: &str| {
        let (server, path) = (&server, format!("/api/notifications?{query}"));
        let token = u1.clone();
        async move { walk(server, &token, &path, "id").await }
    };
    assert_eq!(list("read=false").await.concat(), two);
    assert_eq!(list("read=true").await.concat(), one);
    assert_eq!(list("after=2").await.concat(), one);
    let path = format!("/api/notifications/{two}");
    assert_eq!(server.call(&u1, "DELETE", &path, Value::Null).await.status, 204);
    assert_eq!(server.call(&u1, "DELETE", &path, Value::Null).await.status, 404);
    assert_eq!(list("").await, [one]);
    let all = server.call(&u1, "POST", "/api/notifications/mark-all-read", Value::Null).await;
    assert_eq!(all.json()["marked"], 0);
    assert_eq!(all.json()["replay_id"], Value::Null);
    for action in ["notification_read", "notification_deleted"] {
        let path = format!("/api/v1/admin/audit?action={action}");
        let trail = server.get(&admin(), &path).await.json();
        assert_eq!(trail["items"].as_array().unwrap().len(), 1, "{action} is in the trail once");
    }
}

#[tokio::test]
async fn s4_the_admin_lists_everybodys_notifications_by_filter() {
    let server = Server::start().await;
    for user in ["a", "b", "a", "c", "a"] {
        server.notify(&admin(), user).await;
    }
    let ack = json!({ "replay_id": 1 });
    server.call(&token("a", &[]), "POST", "/api/v1/notifications/ack", ack).await;
    let users = |query: &str| {
        let (server, path) = (&server, format!("/api/admin/notifications?limit=2&{query}"));
        async move { walk(server, &admin(), &path, "user_id").await.join("") }
    };
    assert_eq!(users("").await, "acaba");
    assert_eq!(users("user_id=a").await, "aaa");
    assert_eq!(users("userId=a&delivered=true").await, "a");
    assert_eq!(users("delivered=false").await, "acab");
    assert_eq!(users("notification_type=other").await, "");
    assert_eq!(users("channel=websocket&since=2020-01-01T00:00:00Z").await, "acaba");
    assert_eq!(users("until=2020-01-01T00:00:00Z").await, "");
}

#[tokio::test]
async fn s4_admin_send_is_for_admins_and_typed_as_their_message() {
    let server = Server::start().await;
    let body = json!({ "user_id": "sarah", "message": "Test notification for offline user" });
    for caller in [token("ada", &["teacher"]), service(), token("sarah", &[])] {
        let refused = server.call(&caller, "POST", ADMIN_SEND, body.clone()).await;
        assert_eq!(refused.code(), "forbidden");
    }
    let scoped = json!({ "sub": "ops", "scope": "admin", "exp": 4_000_000_000_u64 });
    for caller in [admin(), sign(&scoped)] {
        let answer = server.call(&caller, "POST", ADMIN_SEND, body.clone()).await;
        assert_eq!(answer.status, 202, "{}", answer.text);
        assert!(answer.json()["notification_id"].is_string());
    }
    let by_hand = server.call(&admin(), "POST", SEND, body).await;
    assert_eq!(by_hand.status, 202, "{}", by_hand.text);
    let all = server.get(&admin(), "/api/v1/admin/notifications").await.json();
    let types = all["items"].as_array().unwrap().iter().map(|item| &item["notification_type"]);
    let types: Vec<&Value> = types.collect();
    assert_eq!(types, ["manual", "admin_message", "admin_message"]);
}
