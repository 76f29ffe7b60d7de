//! What is wrong with an event, and who may not schedule one.

use serde_json::{Value, json};

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_an_event_is_named_and_who_may_not_is_refused() {
    let world = World::start().await;
    class(&world, &["ana"]).await;
    let good = json!({ "class_id": "c1", "title": "T", "scheduled_at": "2027-01-16T10:00:00Z" });
    let with = |more: Value| {
        let mut body = good.clone();
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    for (more, pointer) in [
        (json!({ "class_id": null }), "/class_id"),
        (json!({ "title": null }), "/title"),
        (json!({ "title": " " }), "/title"),
        (json!({ "scheduled_at": null }), "/scheduled_at"),
        (json!({ "scheduled_at": "soon" }), "/scheduled_at"),
        (json!({ "tz": "Mars/Olympus" }), "/tz"),
        (json!({ "event_type": "party" }), "/event_type"),
        (json!({ "duration_minutes": 0 }), "/duration_minutes"),
        (json!({ "duration_minutes": 50_000 }), "/duration_minutes"),
        (json!({ "rrule": "FREQ=SOMETIMES" }), "/rrule"),
        (json!({ "rrule": "FREQ=WEEKLY;BYDAY=MO" }), "/rrule"),
        (json!({ "rrule": "FREQ=SECONDLY" }), "/rrule"),
        (json!({ "rrule": "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30" }), "/rrule"),
        (json!({ "exdates": ["2027-01-16T10:00:00Z"] }), "/exdates"),
        (json!({ "exdates": ["x"] }), "/exdates/0"),
        (json!({ "link": "javascript:1" }), "/link"),
    ] {
        let (status, problem) = post(&world, "events", with(more.clone())).await;
        assert_eq!(status, 422, "{more}: {problem}");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{more}: {problem}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_quiz_is_named_and_its_event_stays_as_it_was() {
    let world = World::start().await;
    class(&world, &["ana"]).await;
    let good = json!({ "class_id": "c1", "title": "T", "scheduled_at": "2027-01-16T10:00:00Z" });
    assert_eq!(post(&world, "quizzes/9/schedule", good).await.0, 201);
    for (body, pointer) in [
        (json!({ "title": "a\u{0}" }), "/title"),
        (json!({ "title": " " }), "/title"),
        (json!({ "title": "x".repeat(201) }), "/title"),
        (json!({ "duration_minutes": 0 }), "/duration_minutes"),
    ] {
        let (status, problem) = world.try_call("PUT", "/api/v1/quizzes/9", &tom(), body).await;
        assert_eq!((status, &problem["errors"][0]["pointer"]), (422, &json!(pointer)), "{problem}");
    }
    let (_, list) = world.get("/api/v1/notifications/events/class/c1", &tom()).await;
    assert_eq!(
        (&list["items"][0]["title"], &list["items"][0]["version"]),
        (&json!("T"), &json!(1))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_know_or_change_an_event_is_refused() {
    let world = World::start().await;
    class(&world, &["ana"]).await;
    let good = json!({ "class_id": "c1", "title": "T", "scheduled_at": "2027-01-16T10:00:00Z" });
    let (student, stranger) = (token("ana", "student"), token("eve", "teacher"));
    let path = "/api/v1/notifications/events";
    assert_eq!(world.try_call("POST", path, &student, good.clone()).await.0, 403);
    assert_eq!(world.try_call("POST", path, &stranger, good.clone()).await.0, 404);
    let (_, event) = post(&world, "events", good).await;
    let one = format!("{path}/{}", event["id"].as_str().unwrap());
    for path in [&*one, "/api/v1/notifications/events/class/c1"] {
        assert_eq!(world.get(path, &stranger).await.0, 404);
        assert_eq!(world.get(path, &student).await.0, 200);
    }
    assert_eq!(world.get(&format!("{one}/timeline"), &student).await.0, 403);
    let other = json!({ "title": "x" });
    assert_eq!(world.try_call("PATCH", &one, &student, other.clone()).await.0, 403);
    let stale = json!({ "title": "x", "version": 7 });
    assert_eq!(world.try_call("PATCH", &one, &tom(), stale).await.0, 409);
    let missing = format!("{one}?occurrence=2027-01-17T10:00:00");
    assert_eq!(world.try_call("PATCH", &missing, &tom(), other).await.0, 404);
    let bad = format!("{one}?occurrence=tomorrow");
    assert_eq!(world.try_call("DELETE", &bad, &tom(), Value::Null).await.0, 422);
    let times = json!({ "scheduled_at": "2027-01-16T10:00:00Z" });
    assert_eq!(post(&world, "quizzes/9/schedule", times).await.0, 404);
}
