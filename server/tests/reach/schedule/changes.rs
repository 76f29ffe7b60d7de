//! Members who come, go and change their mind, and teachers who do.

use serde_json::{Value, json};

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn who_joins_leaves_or_changes_their_mind_is_treated_as_they_are_then() {
    let world = World::start().await;
    class(&world, &["ana", "ben", "kim"]).await;
    let event =
        json!({ "class_id": "c1", "title": "Trip", "scheduled_at": "2027-01-15T12:00:00Z" });
    post(&world, "events", event).await;
    settle(&world).await;
    join(&world, "zoe", "member").await;
    world.prefer("ana", json!({ "notification_type": "event", "reminder_minutes": 120 })).await;
    world.prefer("kim", json!({ "notification_type": "event", "is_enabled": false })).await;
    let path = "/api/v1/topics/c1/members/ben";
    world.try_call("DELETE", path, &token("root", "admin"), Value::Null).await;
    at(&world, 2 * HOUR).await;
    assert_eq!(types(&world, "ana").await, ["event_reminder"]);
    at(&world, 4 * HOUR - 15 * MINUTE).await;
    assert_eq!(types(&world, "ana").await.len(), 1);
    assert_eq!(types(&world, "zoe").await, ["event_reminder"]);
    assert_eq!(types(&world, "ben").await, Vec::<String>::new());
    // The inbox keeps what its owner wants no push for.
    assert_eq!(types(&world, "kim").await, ["event_reminder"]);
}

/// Schedules a lab on four days at ten o'clock; gives its path.
async fn lab(world: &World) -> String {
    let event = json!({ "class_id": "c1", "title": "Lab", "scheduled_at": "2027-01-15T10:00:00Z",
        "rrule": "FREQ=DAILY;COUNT=4" });
    let (_, event) = post(world, "events", event).await;
    format!("/api/v1/notifications/events/{}", event["id"].as_str().unwrap())
}

async fn change(world: &World, path: &str, query: &str, body: Value) -> (u16, Value) {
    world.try_call("PATCH", &format!("{path}{query}"), &tom(), body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn one_occurrence_is_moved_and_another_left_out() {
    let world = World::start().await;
    class(&world, &["ana"]).await;
    let path = lab(&world).await;
    let body = json!({ "scheduled_at": "2027-01-16T11:00:00Z", "title": "Lab, room 2" });
    let (status, changed) = change(&world, &path, "?occurrence=2027-01-16T10:00:00", body).await;
    assert_eq!((status, &changed["version"]), (200, &json!(2)), "{changed}");
    let third = format!("{path}?occurrence=2027-01-17T10:00:00");
    assert_eq!(world.try_call("DELETE", &third, &tom(), Value::Null).await.0, 204);
    let ahead = "/api/v1/notifications/events/class/c1?from=2027-01-15T00:00:00Z";
    let (_, list) = world.get(ahead, &token("ana", "student")).await;
    let occurrences = list["items"][0]["occurrences"].as_array().unwrap();
    let starts: Vec<&str> =
        occurrences.iter().map(|one| &one["scheduled_at"].as_str().unwrap()[8..16]).collect();
    assert_eq!(starts, ["15T10:00", "16T11:00", "18T10:00"]);
    at(&world, DAY + 3 * HOUR - 15 * MINUTE).await;
    let told = told(&world, "ana").await;
    assert!(told.last().unwrap().contains("Lab, room 2"), "{told:?}");
    assert_eq!(world.try_call("DELETE", &path, &tom(), Value::Null).await.0, 204);
    at(&world, 5 * DAY).await;
    assert_eq!(types(&world, "ana").await.len(), told.len());
    assert_eq!(world.get(&path, &token("ana", "student")).await.0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_put_off_after_its_reminder_reminds_again() {
    let world = World::start().await;
    class(&world, &["ana"]).await;
    let path = lab(&world).await;
    at(&world, 2 * HOUR - 15 * MINUTE).await;
    assert_eq!(types(&world, "ana").await, ["event_reminder"]);
    let later = json!({ "scheduled_at": "2027-01-15T10:30:00Z" });
    change(&world, &path, "?occurrence=2027-01-15T10:00:00", later).await;
    at(&world, 2 * HOUR).await;
    assert_eq!(types(&world, "ana").await.len(), 1);
    at(&world, 2 * HOUR + 15 * MINUTE).await;
    assert_eq!(types(&world, "ana").await, ["event_reminder", "event_reminder"]);
    at(&world, 2 * HOUR + 30 * MINUTE).await;
    assert_eq!(types(&world, "ana").await.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quiz_that_is_scheduled_again_moves() {
    let world = World::start().await;
    class(&world, &["ana"]).await;
    let first =
        json!({ "class_id": "c1", "title": "Cells", "scheduled_at": "2027-01-15T10:00:00Z" });
    let (status, event) = post(&world, "quizzes/7/schedule", first).await;
    assert_eq!(status, 201, "{event}");
    let later = json!({ "scheduled_at": "2027-01-15T11:00:00Z" });
    let (status, moved) = post(&world, "quizzes/7/schedule", later).await;
    assert_eq!((status, &moved["id"], &moved["version"]), (200, &event["id"], &json!(2)));
    let put = json!({ "title": "Plants", "duration_minutes": 20 });
    world.try_call("PUT", "/api/v1/quizzes/7", &tom(), put).await;
    at(&world, 2 * HOUR).await;
    assert_eq!(types(&world, "ana").await, Vec::<String>::new());
    at(&world, 3 * HOUR).await;
    at(&world, 3 * HOUR + 20 * MINUTE).await;
    let told = told(&world, "ana").await;
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told.iter().all(|one| one.contains("Plants")), "{told:?}");
}

/// What Ana was told of an event on her phone, or is about to be.
async fn pushed(world: &World, event: &str) -> String {
    let inbox = world.landfall.inbox("ana", "limit=500").await;
    let items = inbox["items"].as_array().unwrap();
    let told = items.iter().find(|item| item["data"]["title"] == event).unwrap();
    let deliveries = world.deliveries("ana", told["id"].as_str().unwrap()).await;
    let push = deliveries.iter().find(|one| one["channel"] == "push").unwrap();
    push["state"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_of_an_event_that_is_moved_or_deleted_is_taken_back() {
    let world = World::start().await;
    class(&world, &["ana"]).await;
    world.browser("ana").await;
    let until_ten = json!({ "start": "07:00", "end": "10:00", "tz": "UTC" });
    world.prefer("ana", json!({ "quiet_hours": until_ten })).await;
    world.prefer("ana", json!({ "notification_type": "event", "reminder_minutes": 120 })).await;
    let mut paths = Vec::new();
    for title in ["stays", "moved", "deleted"] {
        let event =
            json!({ "class_id": "c1", "title": title, "scheduled_at": "2027-01-15T10:30:00Z" });
        let (_, event) = post(&world, "events", event).await;
        paths.push(format!("/api/v1/notifications/events/{}", event["id"].as_str().unwrap()));
    }
    at(&world, 30 * MINUTE).await;
    for title in ["stays", "moved", "deleted"] {
        until("it is held", async || pushed(&world, title).await == "held").await;
    }
    let tomorrow = json!({ "scheduled_at": "2027-01-16T10:30:00Z" });
    assert_eq!(change(&world, &paths[1], "", tomorrow).await.0, 200);
    assert_eq!(world.try_call("DELETE", &paths[2], &tom(), Value::Null).await.0, 204);
    at(&world, 2 * HOUR + MINUTE).await;
    until("one is told", async || pushed(&world, "stays").await == "sent").await;
    for title in ["moved", "deleted"] {
        until("it is taken back", async || pushed(&world, title).await == "skipped").await;
    }
    assert_eq!(world.on.push.requests(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quiz_that_is_scheduled_twice_under_one_key_is_scheduled_once() {
    let world = World::start().await;
    class(&world, &["ana"]).await;
    let path = "/api/v1/notifications/quizzes/7/schedule";
    let schedule = async |at: &str| {
        let body = json!({ "class_id": "c1", "title": "Cells", "scheduled_at": at });
        let url = format!("http://{}{path}", world.landfall.address);
        let request = world.client().post(url).bearer_auth(tom()).json(&body);
        let answer = request.header("idempotency-key", "k1").send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap())
    };
    let first = schedule("2027-01-15T10:00:00Z").await;
    assert_eq!((first.0, &first.1["version"]), (201, &json!(1)), "{first:?}");
    let later = json!({ "scheduled_at": "2027-01-15T11:00:00Z" });
    assert_eq!(post(&world, "quizzes/7/schedule", later).await.1["version"], 2);
    let again = schedule("2027-01-15T10:00:00Z").await;
    assert_eq!((again.0, &again.1["scheduled_at"]), (201, &first.1["scheduled_at"]), "{again:?}");
    assert_eq!(schedule("2027-01-15T12:00:00Z").await.0, 422);
    let id = first.1["id"].as_str().unwrap();
    let (_, event) = world.get(&format!("/api/v1/notifications/events/{id}"), &tom()).await;
    assert_eq!(
        (&event["version"], &event["scheduled_at"]),
        (&json!(2), &json!("2027-01-15T11:00:00.000Z"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quiz_that_goes_to_another_class_is_told_to_that_one() {
    let world = World::start().await;
    class(&world, &["ana"]).await;
    let admin = token("root", "admin");
    let topic = json!({ "kind": "class", "title": "Biology 2" });
    world.landfall.call("PUT", "/api/v1/topics/c2", &admin, Some(topic)).await;
    for (member, role) in [("tom", "teacher"), ("ben", "member")] {
        let path = format!("/api/v1/topics/c2/members/{member}");
        world.landfall.call("PUT", &path, &admin, Some(json!({ "role": role }))).await;
    }
    let quiz =
        json!({ "class_id": "c1", "title": "Cells", "scheduled_at": "2027-01-15T10:00:00Z" });
    post(&world, "quizzes/7/schedule", quiz).await;
    at(&world, 2 * HOUR - 10 * MINUTE).await;
    assert_eq!(types(&world, "ana").await, ["quiz_reminder"]);
    let put = json!({ "class_id": "c2" });
    assert_eq!(world.try_call("PUT", "/api/v1/quizzes/7", &tom(), put).await.0, 200);
    at(&world, 2 * HOUR - 9 * MINUTE).await;
    assert_eq!(types(&world, "ben").await, ["quiz_reminder"]);
    at(&world, 2 * HOUR).await;
    assert_eq!(types(&world, "ben").await, ["quiz_reminder", "quiz_started"]);
    assert_eq!(types(&world, "ana").await, ["quiz_reminder"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_edits_of_one_event_leave_one_that_tells_once() {
    let world = World::start().await;
    class(&world, &["ana"]).await;
    let path = lab(&world).await;
    let mut last = Value::Null;
    for edit in 1..=10_000 {
        let (minute, second) = (edit % 60, edit % 7);
        let body = json!({ "title": format!("Lab {edit}"),
            "scheduled_at": format!("2027-01-15T11:{minute:02}:0{second}Z") });
        let (status, changed) = change(&world, &path, "", body).await;
        assert_eq!((status, &changed["version"]), (200, &json!(edit + 1)), "{changed}");
        last = changed;
    }
    assert_eq!(last["scheduled_at"], "2027-01-15T11:40:04.000Z");
    let ahead = "/api/v1/notifications/events/class/c1?from=2027-01-15T00:00:00Z";
    let (_, list) = world.get(ahead, &token("ana", "student")).await;
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
    assert_eq!(list["items"][0]["occurrences"].as_array().unwrap().len(), 4);
    at(&world, 4 * HOUR).await;
    assert_eq!(types(&world, "ana").await, ["event_started"]);
    assert!(told(&world, "ana").await[0].contains("Lab 10000"));
}
