//! Templates over HTTP: who may see them, what a preview says, and that it sends nothing.

use serde_json::{Value, json};

use crate::harness::{Answer, Server, admin, finish, service, token};

const TEMPLATES: &str = "/api/v1/templates";

/// The data of S2's example.
fn meeting() -> Value {
    json!({
        "student_name": "Sarah Johnson",
        "meeting_date": "2025-09-15T14:00:00Z",
        "location": "Conference Room A",
        "attendees": ["Teacher", "Parent", "Counselor"],
        "iep_id": "iep_12345"
    })
}

async fn preview(server: &Server, id: &str, body: Value) -> Answer {
    let path = format!("{TEMPLATES}/{id}/preview");
    server.call(&service(), "POST", &path, body).await
}

#[tokio::test]
async fn whoever_sends_sees_what_there_is() {
    let server = Server::start().await;
    for caller in [service(), admin(), token("t", &["teacher"])] {
        let list = server.get(&caller, TEMPLATES).await.json();
        let items = list["items"].as_array().unwrap();
        assert_eq!((items.len(), &list["next_cursor"]), (18, &Value::Null));
        let meeting = items.iter().find(|item| item["id"] == "iep_meeting_reminder").unwrap();
        assert_eq!(meeting["channels"], json!(["websocket", "push", "sms"]));
        assert_eq!(meeting["locales"], json!(["en", "es"]));
        assert_eq!(meeting["priority"], "high");
    }
    let student = token("s", &["student"]);
    assert_eq!(server.get(&student, TEMPLATES).await.status, 403);
    let path = format!("{TEMPLATES}/quiz_ended/preview");
    let body = json!({ "data": { "title": "x" } });
    assert_eq!(server.call(&student, "POST", &path, body).await.status, 403);
}

#[tokio::test]
async fn a_preview_shows_every_channel_and_sends_nothing() {
    let server = Server::start().await;
    let body = json!({ "data": meeting(), "locale": "es-MX", "tz": "America/Mexico_City" });
    let answer = preview(&server, "iep_meeting_reminder", body).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let shown = answer.json();
    assert_eq!(
        (&shown["template_id"], &shown["locale"]),
        (&json!("iep_meeting_reminder"), &json!("es"))
    );
    assert_eq!(shown["title"], "Reunión del IEP de Sarah Johnson");
    for text in [&shown["message"], &shown["sms"], &shown["email"]["text"], &shown["email"]["html"]]
    {
        assert!(text.as_str().unwrap().contains("15 sept 2025, 08:00 CST"), "{text}");
    }
    let stored = server.get(&admin(), "/api/v1/admin/notifications").await.json();
    assert_eq!(stored["items"], json!([]));
    assert_eq!(server.get(&admin(), "/api/v1/admin/audit").await.json()["items"], json!([]));
}

#[tokio::test]
async fn what_is_wrong_is_named() {
    let server = Server::start().await;
    let id = "iep_meeting_reminder";
    let mut some = meeting();
    some.as_object_mut().unwrap().remove("location");
    some["meeting_date"] = json!("on Monday");
    for (body, pointers) in [
        (json!({ "data": some }), &["/data/location", "/data/meeting_date"][..]),
        (json!({ "data": [] }), &["/data"]),
        (json!({ "data": { "student_name": "x".repeat(40_000) } }), &["/data"]),
        (json!({ "data": meeting(), "tz": "Nowhere/Land" }), &["/tz"]),
        (json!({ "data": meeting(), "tz": "../etc/passwd" }), &["/tz"]),
        (json!({ "locale": "x".repeat(65), "tz": "y".repeat(65) }), &["/locale", "/tz"]),
        (json!({ "locale": 5 }), &["/locale"]),
    ] {
        let answer = preview(&server, id, body.clone()).await;
        assert_eq!(answer.status, 422, "{body}");
        let mut told = answer.pointers();
        told.sort();
        assert_eq!(told, pointers, "{body}");
    }
    let nothing = preview(&server, id, json!({})).await;
    assert_eq!(nothing.pointers().len(), 5, "{}", nothing.text);
    assert_eq!(preview(&server, "nonsense", json!({})).await.status, 404);
    assert_eq!(preview(&server, "..%2Fa%20b", json!({})).await.status, 404);
    let huge = json!({ "data": { "student_name": "x".repeat(10_000_000) } });
    assert_eq!(preview(&server, id, huge).await.status, 413);
}

#[tokio::test]
async fn data_stays_data() {
    let server = Server::start().await;
    let attack = "{{ 7*7 }}<script>alert(1)</script>";
    let body = json!({ "data": { "title": attack } });
    let shown = preview(&server, "quiz_ended", body).await.json();
    assert_eq!(shown["title"], format!("The quiz is over: {attack}"));
    let html = shown["email"]["html"].as_str().unwrap();
    assert!(html.contains("{{ 7*7 }}&lt;script&gt;"), "{html}");
}

#[tokio::test]
async fn a_field_that_a_template_needs_is_named_whatever_sends_it() {
    let server = Server::start().await;
    let mut data = meeting();
    data.as_object_mut().unwrap().remove("location");
    let body = json!({ "user_id": "u1", "template_id": "iep_meeting_reminder", "data": data });
    for path in ["/api/v1/notify", "/api/v1/notifications/send"] {
        let answer = server.call(&service(), "POST", path, body.clone()).await;
        assert_eq!(answer.status, 422, "{path}: {}", answer.text);
        assert_eq!(answer.pointers(), ["/data/location"], "{path}");
    }
    let whole =
        json!({ "user_id": "u1", "template_id": "iep_meeting_reminder", "data": meeting() });
    let lines = server.request("POST", "/api/v1/notify/batch").bearer_auth(service());
    let lines = lines.header("content-type", "application/x-ndjson");
    let answer = finish(lines.body(format!("{body}\n{whole}\n"))).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let results: Vec<Value> =
        answer.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [wrong, right] = &results[..] else { panic!("two lines: {}", answer.text) };
    assert_eq!((&wrong["line"], &wrong["status"]), (&json!(1), &json!(422)), "{wrong}");
    assert_eq!(right["status"], 202, "{right}");
    assert_eq!(wrong["error"]["errors"][0]["pointer"], "/data/location", "{wrong}");
    assert_eq!(wrong["error"]["errors"].as_array().unwrap().len(), 1, "{wrong}");
    let inbox = server.get(&token("u1", &[]), "/api/v1/notifications").await.json();
    assert_eq!(inbox["items"].as_array().unwrap().len(), 1, "{inbox}");
}
