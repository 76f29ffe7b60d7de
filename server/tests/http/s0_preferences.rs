//! S0's preferences, flat, and the full form of the contract.

use serde_json::{Value, json};

use crate::harness::{Answer, Server, admin, sign, token};

const PREFERENCES: &str = "/api/v1/notifications/preferences";
const DEFAULTS: &str = "/api/v1/admin/preferences";

async fn post(server: &Server, body: Value) -> Answer {
    server.call(&token("sarah", &[]), "POST", PREFERENCES, body).await
}

async fn mine(server: &Server) -> Value {
    server.get(&token("sarah", &[]), PREFERENCES).await.json()
}

/// Finds what is said of a type as a whole.
fn of<'a>(preferences: &'a Value, notification_type: &str) -> &'a Value {
    let items = preferences["preferences"].as_array().unwrap();
    let found = items.iter().find(|item| {
        item["notification_type"] == notification_type
            && item["channel"].is_null()
            && item["topic_id"].is_null()
    });
    found.unwrap_or_else(|| panic!("{notification_type} in {preferences}"))
}

#[tokio::test]
async fn s0_whoever_said_nothing_is_reminded_fifteen_minutes_before() {
    let server = Server::start().await;
    let all = mine(&server).await;
    for kind in ["quiz", "live_session", "event"] {
        let item = of(&all, kind);
        assert_eq!(item["reminder_minutes"], 15);
        assert_eq!((&item["is_enabled"], &item["source"]), (&json!(true), &json!("default")));
    }
}

#[tokio::test]
async fn s0_the_flat_form_says_one_thing_beside_the_others() {
    let server = Server::start().await;
    let flat = |kind: &str, rest: Value| {
        let mut body = json!({ "notification_type": kind });
        body.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        body
    };
    let rest = json!({ "is_enabled": true, "reminder_minutes": 30 });
    let answer = post(&server, flat("quiz_reminder", rest)).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    post(&server, flat("live_session", json!({ "is_enabled": false }))).await;
    post(&server, flat("quiz_reminder", json!({ "is_enabled": false }))).await;
    let all = mine(&server).await;
    assert_eq!(of(&all, "quiz_reminder")["reminder_minutes"], 30);
    assert_eq!(of(&all, "quiz_reminder")["is_enabled"], false);
    post(&server, flat("quiz_reminder", json!({ "reminder_minutes": 45 }))).await;
    let all = mine(&server).await;
    assert_eq!(of(&all, "quiz_reminder")["is_enabled"], false);
    assert_eq!(of(&all, "quiz_reminder")["reminder_minutes"], 45);
    assert_eq!(of(&all, "live_session")["is_enabled"], false);
    assert_eq!(of(&all, "live_session")["source"], "own");
    assert_eq!(of(&all, "quiz")["source"], "default");
    // Both spellings, lists, none at all.
    post(&server, json!({ "notificationType": "quiz", "reminderMinutes": [60, 0] })).await;
    assert_eq!(of(&mine(&server).await, "quiz")["reminder_minutes"], json!([60, 0]));
    post(&server, json!({ "notification_type": "quiz", "reminder_minutes": [] })).await;
    assert_eq!(of(&mine(&server).await, "quiz")["reminder_minutes"], json!([]));
}

#[tokio::test]
async fn the_full_form_replaces_what_it_names_and_null_removes() {
    let server = Server::start().await;
    let rules = json!([{ "channel": "sms", "is_enabled": false }]);
    let quiet = json!({ "start": "22:00", "end": "07:00", "tz": "Asia/Kolkata" });
    let body = json!({ "preferences": rules, "quiet_hours": quiet, "locale": "es-MX",
        "do_not_disturb_until": "2026-01-01T08:00:00+02:00", "tz": "europe/madrid" });
    let set = post(&server, body).await.json();
    assert_eq!(set["quiet_hours"], quiet);
    assert_eq!(set["do_not_disturb_until"], "2026-01-01T06:00:00.000Z");
    assert_eq!((&set["locale"], &set["tz"]), (&json!("es-MX"), &json!("Europe/Madrid")));
    let sms = set["preferences"].as_array().unwrap().iter().find(|item| item["channel"] == "sms");
    assert_eq!(sms.unwrap()["is_enabled"], false);

    let less = json!({ "preferences": [], "do_not_disturb_until": null });
    let set = post(&server, less).await.json();
    assert_eq!((&set["quiet_hours"], &set["do_not_disturb_until"]), (&quiet, &Value::Null));
    assert!(set["preferences"].as_array().unwrap().iter().all(|item| item["source"] == "default"));
    let nothing = json!({ "quiet_hours": null, "locale": null, "tz": null });
    let set = post(&server, nothing).await.json();
    assert_eq!((&set["quiet_hours"], &set["locale"]), (&Value::Null, &Value::Null));
}

#[tokio::test]
async fn quiet_hours_without_a_zone_are_told_by_the_users_own_clock() {
    let server = Server::start().await;
    let body = json!({ "quiet_hours": { "start": "22:00", "end": "07:00" } });
    assert_eq!(post(&server, body.clone()).await.pointers(), ["/quiet_hours/tz"]);
    let claims = json!({ "sub": "sarah", "exp": 4_000_000_000_u64, "tz": "America/Mexico_City" });
    let set = server.call(&sign(&claims), "POST", PREFERENCES, body).await.json();
    assert_eq!(set["quiet_hours"]["tz"], "America/Mexico_City");
}

#[tokio::test]
async fn tenants_set_what_holds_for_who_says_nothing() {
    let server = Server::start().await;
    let rules = json!([
        { "notification_type": "event", "reminder_minutes": 5 },
        { "notification_type": "quiz", "is_enabled": false },
    ]);
    let quiet = json!({ "start": "21:00", "end": "06:30", "tz": "Asia/Kolkata" });
    let body = json!({ "preferences": rules, "quiet_hours": quiet });
    for caller in [token("sarah", &[]), token("ada", &["teacher"])] {
        let answer = server.call(&caller, "PUT", DEFAULTS, body.clone()).await;
        assert_eq!(answer.status, 403);
        assert_eq!(server.get(&caller, DEFAULTS).await.status, 403);
    }
    let no_zone = json!({ "quiet_hours": { "start": "21:00", "end": "06:30" } });
    let refused = server.call(&admin(), "PUT", DEFAULTS, no_zone).await;
    assert_eq!(refused.pointers(), ["/quiet_hours/tz"]);
    let set = server.call(&admin(), "PUT", DEFAULTS, body).await;
    assert_eq!(set.status, 200, "{}", set.text);
    let all = mine(&server).await;
    assert_eq!(of(&all, "event")["reminder_minutes"], 5);
    assert_eq!(of(&all, "event")["source"], "tenant");
    assert_eq!(of(&all, "quiz")["is_enabled"], false);
    assert_eq!(all["quiet_hours"], quiet);
    post(&server, json!({ "notification_type": "quiz", "is_enabled": true })).await;
    let all = mine(&server).await;
    assert_eq!(
        (&of(&all, "quiz")["is_enabled"], &of(&all, "quiz")["source"]),
        (&json!(true), &json!("own"))
    );
    // A whole: what is absent is removed.
    server.call(&admin(), "PUT", DEFAULTS, json!({})).await;
    assert_eq!(of(&mine(&server).await, "event")["reminder_minutes"], 15);
}

#[tokio::test]
async fn what_cannot_be_wished_is_refused_by_name() {
    let server = Server::start().await;
    let rule =
        |rule: Value| json!({ "preferences": [{ "channel": "push", "is_enabled": true }, rule] });
    let eleven: Vec<u32> = (1..=11).collect();
    let many: Vec<Value> = (0..201)
        .map(|n| json!({ "notification_type": format!("t{n}"), "is_enabled": true }))
        .collect();
    let hours = |start: &str, tz: &str| json!({ "quiet_hours": { "start": start, "end": "07:00", "tz": tz } });
    let cases = [
        (json!({ "notification_type": "quiz" }), ""),
        (json!({ "channel": "pigeon", "is_enabled": true }), "/channel"),
        (json!({ "notification_type": "a b", "is_enabled": true }), "/notification_type"),
        (json!({ "notification_type": "q", "reminder_minutes": 40_321 }), "/reminder_minutes/0"),
        (json!({ "notification_type": "q", "reminder_minutes": -1 }), "/reminder_minutes"),
        (json!({ "notification_type": "q", "reminder_minutes": eleven }), "/reminder_minutes"),
        (json!({ "notification_type": "q", "reminder_minutes": "15" }), "/reminder_minutes"),
        (json!({ "channel": "websocket", "is_enabled": false }), "/channel"),
        (json!({ "notification_type": "q", "preferences": [] }), "/preferences"),
        (rule(json!({ "channel": "push", "is_enabled": false })), "/preferences/1"),
        (rule(json!({ "channel": "fax", "is_enabled": false })), "/preferences/1/channel"),
        (rule(json!({ "topic_id": "", "is_enabled": false })), "/preferences/1/topic_id"),
        (json!({ "preferences": many }), "/preferences"),
        (hours("24:00", "UTC"), "/quiet_hours/start"),
        (hours("22:00", "Mars/Olympus"), "/quiet_hours/tz"),
        (json!({ "quiet_hours": { "start": "22:00" } }), "/quiet_hours/end"),
        (json!({ "do_not_disturb_until": "soon" }), "/do_not_disturb_until"),
        (json!({ "locale": "en_US" }), "/locale"),
        (json!({ "tz": "Mars/Olympus" }), "/tz"),
    ];
    for (body, pointer) in cases {
        assert_eq!(post(&server, body.clone()).await.pointers(), [pointer], "{body}");
    }
    assert!(of(&mine(&server).await, "quiz")["source"] == "default");
}

#[tokio::test]
async fn writers_at_once_lose_nothing() {
    let server = Server::start().await;
    let said = |n: usize| json!({ "notification_type": format!("t{n}"), "is_enabled": false });
    let (one, two, three) =
        tokio::join!(post(&server, said(1)), post(&server, said(2)), post(&server, said(3)));
    for answer in [one, two, three] {
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
    let all = mine(&server).await;
    for kind in ["t1", "t2", "t3"] {
        assert_eq!(of(&all, kind)["is_enabled"], false);
    }
}
