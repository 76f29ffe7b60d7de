//! Calendars that programs subscribe to.

use serde_json::{Value, json};

use super::*;

/// What a program got that asked for a calendar.
struct Read {
    status: u16,
    tag: String,
    kind: String,
    text: String,
}

async fn read(world: &World, url: &Value, known: &str) -> Read {
    let request = world.open("GET", url.as_str().unwrap()).header("if-none-match", known);
    let answer = request.send().await.unwrap();
    let header = |name: &str| {
        answer.headers().get(name).map_or("", |header| header.to_str().unwrap()).to_owned()
    };
    let (status, tag, kind) = (answer.status().as_u16(), header("etag"), header("content-type"));
    Read { status, tag, kind, text: answer.text().await.unwrap() }
}

async fn lab(world: &World) -> String {
    let event = json!({ "class_id": "c1", "title": "Lab; room 2", "tz": "Europe/Madrid",
        "scheduled_at": "2027-01-18T10:00:00", "rrule": "FREQ=WEEKLY" });
    post(world, "events", event).await.1["id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_calendar_shows_what_is_scheduled_and_changes_with_it() {
    let world = World::start().await;
    class(&world, &["ana"]).await;
    let id = lab(&world).await;
    let (_, calendar) = world.get("/api/v1/calendar", &token("ana", "student")).await;
    let Read { status, tag, kind, text } = read(&world, &calendar["url"], "").await;
    assert_eq!((status, &*kind), (200, "text/calendar; charset=utf-8"));
    let uid = format!("UID:{id}@landfall");
    let start = "DTSTART;TZID=Europe/Madrid:20270118T100000";
    for line in [&*uid, "SUMMARY:Lab\\; room 2", start, "RRULE:FREQ=WEEKLY", "BEGIN:VTIMEZONE"] {
        assert!(text.contains(&format!("\r\n{line}\r\n")), "{line} of {text}");
    }
    assert_eq!(read(&world, &calendar["url"], &tag).await.status, 304);
    let path = format!("/api/v1/notifications/events/{id}");
    world.try_call("PATCH", &path, &tom(), json!({ "title": "Lab, room 3" })).await;
    let Read { status, text, .. } = read(&world, &calendar["url"], &tag).await;
    assert_eq!(status, 200);
    for line in ["SUMMARY:Lab\\, room 3", "SEQUENCE:1"] {
        assert!(text.contains(&format!("\r\n{line}\r\n")), "{line} of {text}");
    }
    // Whoever leaves the class has its events no more.
    let member = "/api/v1/topics/c1/members/ana";
    world.try_call("DELETE", member, &token("root", "admin"), Value::Null).await;
    assert!(!read(&world, &calendar["url"], "").await.text.contains("VEVENT"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_calendar_is_read_by_its_secret_until_it_gets_another() {
    let world = World::start().await;
    let ana = token("ana", "student");
    let (status, first) = world.get("/api/v1/calendar", &ana).await;
    assert_eq!(status, 200, "{first}");
    assert_eq!(world.get("/api/v1/calendar", &ana).await.1, first);
    let (_, second) = world.try_call("POST", "/api/v1/calendar", &ana, Value::Null).await;
    assert_ne!(second["secret"], first["secret"]);
    assert_eq!(read(&world, &first["url"], "").await.status, 404);
    assert_eq!(read(&world, &second["url"], "").await.status, 200);
    let secret = second["secret"].as_str().unwrap();
    let mut forged = secret.to_owned();
    forged.replace_range(40..41, if secret[40..].starts_with('b') { "c" } else { "b" });
    for wrong in [forged, "x".into(), "%20".into(), format!("{secret}AAAA")] {
        let url = json!(format!("/api/v1/calendar/{wrong}.ics"));
        assert_eq!(read(&world, &url, "").await.status, 404, "{wrong}");
    }
}
