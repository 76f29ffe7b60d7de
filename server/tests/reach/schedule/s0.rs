//! S0's workflows: a quiz, and a live session for students of three zones and two languages.

use serde_json::{Value, json};

use super::*;

/// Makes the quiz 1 of half an hour, and schedules it for ten o'clock.
async fn quiz(world: &World) -> Value {
    let quiz = json!({ "class_id": "c1", "title": "Cells", "duration_minutes": 30 });
    let (status, quiz) = world.try_call("PUT", "/api/v1/quizzes/1", &tom(), quiz).await;
    assert_eq!((status, &quiz["duration_minutes"]), (201, &json!(30)), "{quiz}");
    let times = json!({ "scheduled_at": "2027-01-15T10:00:00Z" });
    let (status, event) = post(world, "quizzes/1/schedule", times).await;
    assert_eq!(
        (status, &event["event_type"], &event["quiz_id"]),
        (201, &json!("quiz"), &json!("1"))
    );
    assert_eq!((&event["title"], &event["duration_minutes"]), (&json!("Cells"), &json!(30)));
    event
}

#[tokio::test(flavor = "multi_thread")]
async fn s0_a_scheduled_quiz_reminds_starts_and_ends() {
    let world = World::start().await;
    class(&world, &["ana", "ben"]).await;
    world.prefer("ben", json!({ "notification_type": "quiz", "reminder_minutes": [60, 0] })).await;
    let event = quiz(&world).await;
    at(&world, HOUR - 1).await;
    assert!(told(&world, "ben").await.is_empty());
    at(&world, HOUR).await;
    assert_eq!(types(&world, "ben").await, ["quiz_reminder"]);
    at(&world, 2 * HOUR - 15 * MINUTE - 1).await;
    assert!(told(&world, "ana").await.is_empty());
    at(&world, 2 * HOUR - 15 * MINUTE).await;
    let words = "It begins on 15 Jan 2027, 10:00 UTC (Biology 1). Good luck!";
    assert_eq!(told(&world, "ana").await, [format!("quiz_reminder: Quiz soon: Cells {words}")]);
    at(&world, 2 * HOUR).await;
    assert_eq!(types(&world, "ana").await, ["quiz_reminder", "quiz_started"]);
    let world = world.restart_at(2 * HOUR + 29 * MINUTE).await;
    settle(&world).await;
    assert_eq!(types(&world, "ana").await.len(), 2);
    at(&world, 2 * HOUR + 30 * MINUTE).await;
    at(&world, DAY).await;
    assert_eq!(types(&world, "ana").await, ["quiz_reminder", "quiz_started", "quiz_ended"]);
    let mut of_ben = types(&world, "ben").await;
    of_ben.sort_unstable();
    assert_eq!(of_ben, ["quiz_ended", "quiz_reminder", "quiz_reminder", "quiz_started"]);
    let path = format!("/api/v1/notifications/events/{}", event["id"].as_str().unwrap());
    let (_, event) = world.get(&path, &token("ana", "student")).await;
    assert_eq!((&event["status"], &event["next"]), (&json!("over"), &Value::Null));
}

const REMINDER: &str = "live_session_reminder";
const STARTED: &str = "live_session_started";
const ENDED: &str = "live_session_ended";

/// Ana reads Spanish in Madrid; Raj English in Kolkata, and is reminded a day and five minutes ahead; Kim Spanish in
/// Lima, and wants no reminder.
async fn students(world: &World) {
    class(world, &["ana", "raj", "kim"]).await;
    let reminded = |minutes: Value| json!({ "notification_type": "live_session", "reminder_minutes": minutes });
    for (user, wish) in [
        ("ana", json!({ "tz": "Europe/Madrid", "locale": "es" })),
        ("raj", json!({ "tz": "Asia/Kolkata", "locale": "en" })),
        ("kim", json!({ "tz": "America/Lima", "locale": "es" })),
        ("raj", reminded(json!([1_440, 5]))),
        ("kim", reminded(json!([]))),
    ] {
        world.prefer(user, wish).await;
    }
}

/// On Thursdays from 25 March on, over the change of clocks in Europe on 28 March 2027, with restarts.
#[tokio::test(flavor = "multi_thread")]
async fn s0_live_sessions_keep_their_local_time_and_reach_each_student_in_their_own_way() {
    let world = World::start().await;
    students(&world).await;
    let thursday = 69 * DAY;
    at(&world, thursday).await;
    // At 15:00 in Madrid: 14:00 UTC before the change and 13:00 after it.
    let session = json!({ "class_id": "c1", "title": "AI", "scheduled_start": "2027-03-25T15:00:00",
        "tz": "Europe/Madrid", "duration_minutes": 90, "rrule": "FREQ=WEEKLY;COUNT=2" });
    let (status, event) = post(&world, "live-sessions/schedule", session).await;
    assert_eq!((status, &event["event_type"]), (201, &json!("live_session")), "{event}");
    assert_eq!(event["scheduled_at"], "2027-03-25T14:00:00.000Z");
    let (first, second) = (thursday + 6 * HOUR, thursday + 7 * DAY + 5 * HOUR);
    at(&world, first - 15 * MINUTE).await;
    let words = "Empieza el 25 mar 2027, 15:00 CET (Biology 1). Dura 90 minutos.";
    let title = "Pronto empieza la clase en vivo: AI";
    assert_eq!(told(&world, "ana").await, [format!("{REMINDER}: {title} {words}")]);
    let world = world.restart_at(first - 6 * MINUTE).await;
    for seconds in [first - 5 * MINUTE, first, first + 90 * MINUTE, second - DAY] {
        at(&world, seconds).await;
    }
    assert!(told(&world, "raj").await[0].contains("25 Mar 2027, 19:30"));
    assert_eq!(types(&world, "raj").await.len(), 5, "the day before");
    let world = world.restart_at(second - DAY + HOUR).await;
    for minutes in [-15, -5, 0, 90, 30 * 24 * 60] {
        at(&world, second + minutes * MINUTE).await;
    }
    assert!(told(&world, "ana").await[3].contains("1 abr 2027, 15:00 CEST"));
    assert_eq!(types(&world, "ana").await, [REMINDER, STARTED, ENDED, REMINDER, STARTED, ENDED]);
    assert_eq!(types(&world, "kim").await, [STARTED, ENDED, STARTED, ENDED]);
    // The first was scheduled less than a day ahead: that reminder went out at once.
    let each = [REMINDER, REMINDER, STARTED, ENDED];
    assert_eq!(types(&world, "raj").await, [each, each].concat());
    let lines = timeline(&world, &event["id"]).await;
    assert!(lines.iter().all(|(_, _, status)| status == "sent"), "{lines:?}");
}
