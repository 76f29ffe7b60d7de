//! S2's calls of `/notify`, word for word, on a server with its devices and providers.

use serde_json::{Value, json};

use crate::client::{Device, number};
use crate::harness::{soon, token};
use crate::world::World;

const USER: &str = "123e4567-e89b-12d3-a456-426614174000";
const PHONE: &str = "+1234567890";

/// Posts as S2's curl does, and asks for the outcome; gives the answer. The wait is shorter than what
/// a device is given to confirm, so that a fallback's outcome is that one did.
async fn notify(world: &World, body: &Value) -> Value {
    let request = world.open("POST", "/notify").bearer_auth(token("app", "service"));
    let request = request.header("prefer", "wait=5").json(body);
    let response = soon("the answer", request.send()).await.unwrap();
    assert_eq!(response.status(), 202);
    let answer: Value = soon("the answer", response.json()).await.unwrap();
    let mut fields: Vec<&str> = answer.as_object().unwrap().keys().map(String::as_str).collect();
    fields.retain(|field| *field != "reasons");
    fields.sort_unstable();
    let documented = [
        "channels",
        "estimated_delivery",
        "notification_id",
        "replay_id",
        "timestamp",
        "websocket_connections",
    ];
    assert_eq!(fields, documented);
    assert!(answer["notification_id"].is_string() && answer["replay_id"].is_string(), "{answer}");
    for time in ["timestamp", "estimated_delivery"] {
        assert_eq!(answer[time], "2027-01-15T08:00:00.000Z", "{time}");
    }
    answer
}

/// Confirms the next notification and gives its frame.
async fn confirm(device: &mut Device, kind: &str) -> Value {
    let frame = device.next_of(kind).await;
    device.ack(number(&frame["replay_id"])).await;
    frame
}

async fn item(world: &World, id: &Value) -> Value {
    let path = format!("/api/v1/notifications/{}", id.as_str().unwrap());
    world.get(&path, &token(USER, "student")).await.1
}

/// S2's "Send IEP Meeting Reminder".
fn meeting_reminder() -> Value {
    json!({
        "user_id": USER,
        "template_id": "iep_meeting_reminder",
        "notification_type": "iep_reminder",
        "channels": ["websocket", "push", "sms"],
        "priority": "high",
        "data": {
            "student_name": "Sarah Johnson",
            "meeting_date": "2025-09-15T14:00:00Z",
            "location": "Conference Room A",
            "attendees": ["Teacher", "Parent", "Counselor"],
            "iep_id": "iep_12345"
        },
        "locale": "en-US",
        "phone_number": PHONE
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn s2_send_iep_meeting_reminder() {
    let world = World::start().await;
    world.browser(USER).await;
    let mut devices =
        [world.landfall.device(USER, "ack=1").await, world.landfall.device(USER, "ack=1").await];
    world.landfall.until_connected(2).await;
    let body = meeting_reminder();
    let [one, two] = &mut devices;
    let kind = "iep_meeting_reminder";
    let (answer, frame, _) =
        tokio::join!(notify(&world, &body), confirm(one, kind), confirm(two, kind));
    assert_eq!(answer["websocket_connections"], 2);
    let taken = json!({ "websocket": "delivered", "push": "sent", "sms": "sent" });
    assert_eq!(answer["channels"], taken);
    for (field, of) in [("id", "notification_id"), ("replay_id", "replay_id")] {
        assert_eq!(frame[field], answer[of], "{frame}");
    }
    assert_eq!(
        (&frame["notification_type"], &frame["data"]),
        (&json!("iep_reminder"), &body["data"])
    );

    let [push] = &world.on.push.messages()[..] else { panic!("one push") };
    let push = String::from_utf8(push.plaintext.clone()).unwrap();
    assert!(push.contains("IEP meeting for Sarah Johnson"), "{push}");
    let [sms] = &world.on.twilio.messages()[..] else { panic!("one text message") };
    assert_eq!(sms.to, PHONE);
    let when = "IEP meeting for Sarah Johnson: 15 Sep 2025, 14:00 UTC, Conference Room A.";
    assert!(sms.body.starts_with(when), "{}", sms.body);
    let stored = item(&world, &answer["notification_id"]).await;
    for field in ["template_id", "notification_type", "priority", "data", "locale"] {
        assert_eq!(stored[field], body[field], "{field}");
    }

    report_both(&world).await;
    for channel in ["websocket", "push", "sms"] {
        world.until_stands(answer["notification_id"].as_str().unwrap(), channel, "delivered").await;
    }
}

/// What a provider took is delivered when it, or the device, says so: both do.
async fn report_both(world: &World) {
    let sms = world.on.twilio.messages().pop().unwrap();
    let report = world.on.twilio.callback(&sms, "delivered", None);
    assert_eq!(world.call_back(&report).await, 204);
    let push = world.on.push.messages().pop().unwrap().plaintext;
    let push: Value = serde_json::from_slice(&push).unwrap();
    let shown = world.open("POST", push["receipt"].as_str().unwrap());
    let shown = shown.json(&json!({ "event": "shown" }));
    assert_eq!(soon("a receipt", shown.send()).await.unwrap().status(), 204);
}

#[tokio::test(flavor = "multi_thread")]
async fn s2_send_iep_deadline_warning() {
    let world = World::start().await;
    world.browser(USER).await;
    let mut device = world.landfall.device(USER, "ack=1").await;
    world.landfall.until_connected(1).await;
    let body = json!({
        "user_id": USER,
        "template_id": "iep_deadline_warning",
        "notification_type": "deadline_warning",
        "channels": ["websocket", "push"],
        "priority": "critical",
        "data": {
            "student_name": "Michael Chen",
            "deadline_date": "2025-09-20T23:59:59Z",
            "days_remaining": 5,
            "action_required": "Submit IEP review documents",
            "iep_id": "iep_67890"
        },
        "locale": "en-US"
    });
    let confirmed = confirm(&mut device, "iep_deadline_warning");
    let (answer, frame) = tokio::join!(notify(&world, &body), confirmed);
    assert_eq!(answer["websocket_connections"], 1);
    assert_eq!(answer["channels"], json!({ "websocket": "delivered", "push": "sent" }));
    assert_eq!((&frame["priority"], &frame["data"]), (&json!("critical"), &body["data"]));
    let stored = item(&world, &answer["notification_id"]).await;
    let text = stored["message"].as_str().unwrap();
    assert_eq!(text, "Submit IEP review documents (due 20 Sep 2025, 23:59 UTC)");
    assert!(stored["title"].as_str().unwrap().contains("5 days"), "{stored}");
    assert_eq!(world.on.twilio.requests(), 0, "nobody asked for a text message");
}

/// S2's "Data Fields for IEP Notifications".
fn every_field() -> Value {
    json!({
        "student_name": "Sarah Johnson",
        "student_id": "student_12345",
        "iep_id": "iep_67890",
        "meeting_date": "2025-09-15T14:00:00Z",
        "deadline_date": "2025-09-20T23:59:59Z",
        "location": "Conference Room A",
        "attendees": ["Teacher", "Parent", "Counselor"],
        "case_manager": "Ms. Smith",
        "action_required": "Submit review documents",
        "days_remaining": 5,
        "meeting_type": "Annual Review",
        "compliance_status": "On Track"
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn s2_every_template_of_the_table_goes_by_its_channels_and_priority() {
    let world = World::start().await;
    world.person(USER, PHONE).await;
    world.browser(USER).await;
    let mut device = world.landfall.device(USER, "ack=1").await;
    world.landfall.until_connected(1).await;
    let (ws, push, sms) = ("websocket", "push", "sms");
    for (template, channels, priority) in [
        ("iep_meeting_reminder", &[push, sms, ws][..], "high"),
        ("iep_deadline_warning", &[push, sms, ws], "critical"),
        ("iep_document_ready", &[push, ws], "normal"),
        ("iep_parent_consent", &[push, sms, ws], "high"),
        ("iep_review_due", &[push, ws], "normal"),
        ("iep_progress_report", &[push, ws], "normal"),
    ] {
        let before = world.on.twilio.requests();
        let body = json!({ "user_id": USER, "template_id": template, "data": every_field(),
            "notification_type": "iep_reminder", "locale": "en-US" });
        let (answer, frame) = tokio::join!(notify(&world, &body), confirm(&mut device, template));
        let mut planned: Vec<&str> =
            answer["channels"].as_object().unwrap().keys().map(String::as_str).collect();
        planned.sort_unstable();
        assert_eq!(planned, channels, "{template}");
        assert_eq!(answer["channels"][ws], "delivered", "{template}: {answer}");
        let texts = world.on.twilio.requests() - before;
        assert_eq!(texts, usize::from(channels.contains(&sms)), "{template}");
        let stored = item(&world, &answer["notification_id"]).await;
        for shown in [&frame, &stored] {
            assert_eq!(shown["priority"], priority, "{template}");
            assert_eq!((&shown["template_id"], &shown["data"]), (&json!(template), &every_field()));
            let title = shown["title"].as_str().unwrap();
            assert!(title.contains("Sarah Johnson"), "{template}: {title}");
        }
    }
}
