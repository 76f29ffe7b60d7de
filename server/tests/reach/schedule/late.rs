//! What is told late, missed, or asked for by two at once.

use serde_json::{Value, json};

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn what_was_missed_is_told_while_it_is_worth_something_and_shown_where_it_is_not() {
    let world = World::start().await;
    class(&world, &["ana"]).await;
    let at_noon = |title: &str, time: &str| json!({ "class_id": "c1", "title": title, "scheduled_at": format!("2027-01-15T{time}:00Z") });
    let mut ids = Vec::new();
    for (title, time) in [("early", "10:00"), ("now", "13:30"), ("soon", "14:10")] {
        ids.push(post(&world, "events", at_noon(title, time)).await.1["id"].clone());
    }
    settle(&world).await;
    // From before 10:00 until 14:00 nobody is there.
    let world = world.restart_at(6 * HOUR).await;
    settle(&world).await;
    let told = told(&world, "ana").await;
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told.iter().any(|one| one.starts_with("event_started: ") && one.contains("now")));
    assert!(told.iter().any(|one| one.starts_with("event_reminder: ") && one.contains("soon")));
    let line = |time: &str, moment: &str, status: &str| {
        (format!("2027-01-15T{time}:00.000Z"), moment.to_owned(), status.to_owned())
    };
    let mut early = timeline(&world, &ids[0]).await;
    early.sort_unstable();
    assert_eq!(
        early,
        [
            line("10:00", "end", "missed"),
            line("10:00", "reminder 15", "missed"),
            line("10:00", "start", "missed")
        ]
    );
    let mut now = timeline(&world, &ids[1]).await;
    now.sort_unstable();
    assert_eq!(now, [line("13:30", "reminder 15", "missed"), line("13:30", "start", "sent")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_schedules_late_reminds_once_and_at_once() {
    let world = World::start().await;
    class(&world, &["ana"]).await;
    world
        .prefer("ana", json!({ "notification_type": "event", "reminder_minutes": [1_440, 60, 10] }))
        .await;
    let event = json!({ "class_id": "c1", "title": "Now", "scheduled_at": "2027-01-15T08:30:00Z" });
    post(&world, "events", event).await;
    settle(&world).await;
    assert_eq!(types(&world, "ana").await, ["event_reminder"], "of those that are late, one");
    at(&world, 20 * MINUTE).await;
    assert_eq!(types(&world, "ana").await.len(), 2);
    let past = json!({ "class_id": "c1", "title": "Past", "scheduled_at": "2024-01-15T10:00:00Z" });
    let (status, past) = post(&world, "events", past).await;
    assert_eq!((status, &past["status"], &past["next"]), (201, &json!("over"), &Value::Null));
    settle(&world).await;
    assert_eq!(types(&world, "ana").await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_and_a_clock_that_is_put_back_tell_nobody_twice() {
    let world = World::start().await;
    class(&world, &["ana", "ben"]).await;
    let event = json!({ "class_id": "c1", "title": "Once", "scheduled_at": "2027-01-15T08:10:00Z",
        "rrule": "FREQ=MINUTELY;COUNT=20", "duration_minutes": 1 });
    post(&world, "events", event).await;
    settle(&world).await;
    // Two who look at once do as two nodes do.
    let services = &world.landfall.server.app.services;
    for minute in 9..14 {
        world.go_to(minute * MINUTE);
        let (one, other) = tokio::join!(services.fire_due(), services.fire_due());
        one.unwrap();
        other.unwrap();
    }
    settle(&world).await;
    let before = types(&world, "ana").await;
    assert_eq!(before.iter().filter(|one| *one == "event_started").count(), 4, "{before:?}");
    world.go_to(9 * MINUTE);
    settle(&world).await;
    world.go_to(13 * MINUTE);
    settle(&world).await;
    assert_eq!(types(&world, "ana").await, before);
    at(&world, 14 * MINUTE).await;
    let after = types(&world, "ana").await;
    assert_eq!(after.iter().filter(|one| *one == "event_started").count(), 5, "{after:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_put_forward_and_back_tells_each_moment_once() {
    let world = World::start().await;
    class(&world, &["ana"]).await;
    let event = json!({ "class_id": "c1", "title": "Lab", "scheduled_at": "2027-01-15T10:00:00Z",
        "rrule": "FREQ=DAILY;COUNT=4" });
    let (_, event) = post(&world, "events", event).await;
    settle(&world).await;
    // Somebody puts the clock forward by two days, to when the third begins, and sees it.
    at(&world, 2 * DAY + 2 * HOUR).await;
    assert_eq!(types(&world, "ana").await, ["event_started"]);
    at(&world, HOUR).await;
    for day in 0..4 {
        for minutes in [105, 120, 180] {
            at(&world, day * DAY + minutes * MINUTE).await;
        }
    }
    let all = types(&world, "ana").await;
    // Of the first and the second nothing: they were missed by the clock that was wrong.
    assert_eq!(
        all,
        ["event_started", "event_ended", "event_reminder", "event_started", "event_ended"]
    );
    let told = timeline(&world, &event["id"]).await;
    let missed = told.iter().filter(|(_, _, status)| status == "missed").count();
    assert_eq!((told.len(), missed), (12, 7), "{told:?}");
}
