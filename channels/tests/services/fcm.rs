//! What is sent to Firebase, and that it fits.

use landfall_channels::fcm::{Fcm, FcmSettings, ServiceAccount};
use landfall_channels::{FcmTarget, Load, Note, Outcome, Parcel};
use landfall_core::notification::{JsonText, Priority};
use landfall_fixtures::FcmServer;
use serde_json::{Value, json};

use super::parcels::{NOW, PATIENT, TOKEN, gone, note, parcel, push, refused, send};

pub async fn start() -> FcmServer {
    FcmServer::start(NOW.as_ms() / 1000).await.unwrap()
}

pub fn settings(server: &FcmServer) -> FcmSettings {
    let account = ServiceAccount::parse(&server.credentials()).unwrap();
    FcmSettings { account, base_url: server.base_url(), timeout: PATIENT }
}

pub fn fcm(server: &FcmServer) -> Fcm {
    Fcm::new(settings(server)).unwrap()
}

async fn taken(parcel: &Parcel) -> Value {
    let server = start().await;
    let outcome = send(&fcm(&server), parcel).await;
    assert!(matches!(&outcome, Outcome::Sent { code, .. } if code == "200"), "{outcome:?}");
    server.messages().remove(0)
}

#[tokio::test]
async fn a_notification_becomes_a_message() {
    let mut parcel = push(note());
    parcel.priority = Priority::High;
    parcel.expires_at = Some(NOW.plus_ms(90_400));
    assert_eq!(
        taken(&parcel).await,
        json!({
            "token": TOKEN,
            "notification": {
                "title": "Quiz tomorrow",
                "body": "Fractions, at nine",
                "image": "https://cdn.example/q.png",
            },
            "data": {
                "notification_id": "0192f0c1-7a3e-7cc2-98c1-000000000001",
                "notification_type": "quiz_reminder",
                "replay_id": "42",
                "link": "https://app.example/quiz/7",
                "receipt_url": "https://landfall.example/api/v1/receipts/abc",
                "actions": r#"[{"action":"open","title":"Open"}]"#,
                "data": r#"{"quiz":7,"from":"me"}"#,
            },
            "android": {
                "priority": "HIGH",
                "collapseKey": "quiz-7",
                "ttl": "90s",
                "notification": { "tag": "quiz-7", "notificationCount": 3 },
            },
            "apns": {
                "headers": {
                    "apns-priority": "10",
                    "apns-collapse-id": "quiz-7",
                    "apns-expiration": "1795262490",
                },
                "payload": { "aps": { "badge": 3 } },
            },
            "webpush": { "fcmOptions": { "link": "https://app.example/quiz/7" } },
        })
    );
}

#[tokio::test]
async fn what_a_notification_does_not_have_is_left_out() {
    let bare = Note {
        replay_id: None,
        data: JsonText::trusted("{}"),
        image: None,
        actions: None,
        link: Some("app://quiz/7".into()),
        receipt_url: None,
        ..note()
    };
    let target = FcmTarget::InstallationId("cXyz0123456789ABCDEF_-".into());
    let message = taken(&parcel(Load::Fcm(target, bare))).await;
    assert_eq!(message["fid"], "cXyz0123456789ABCDEF_-");
    assert_eq!(message["android"]["priority"], "NORMAL");
    assert_eq!(message["apns"]["headers"]["apns-priority"], "5");
    let absent = [
        &message["token"],
        &message["webpush"],
        &message["android"]["ttl"],
        &message["apns"]["headers"]["apns-expiration"],
        &message["notification"]["image"],
        &message["data"]["data"],
        &message["data"]["replay_id"],
    ];
    assert!(absent.into_iter().all(Value::is_null), "{message}");
    assert_eq!(message["data"]["link"], "app://quiz/7");
}

#[tokio::test]
async fn no_message_waits_longer_than_four_weeks() {
    let mut parcel = push(note());
    parcel.expires_at = Some(NOW.plus_ms(400 * 24 * 3_600_000));
    assert_eq!(taken(&parcel).await["android"]["ttl"], "2419200s");
}

#[tokio::test]
async fn what_has_expired_is_not_sent() {
    let server = start().await;
    let mut parcel = push(note());
    parcel.expires_at = Some(NOW);
    assert_eq!(send(&fcm(&server), &parcel).await, refused("expired"));
    assert_eq!(server.requests(), 0);
}

async fn shortened(note: Note) -> (String, Value) {
    let server = start().await;
    let Outcome::Sent { code, .. } = send(&fcm(&server), &push(note)).await else {
        panic!("it fits when it is shortened")
    };
    (code, server.messages().remove(0))
}

#[tokio::test]
async fn what_is_too_big_loses_its_image_first() {
    let long_image = format!("https://cdn.example/{}", "a".repeat(1000));
    let body = "b".repeat(2600);
    let (code, message) =
        shortened(Note { image: Some(long_image), body: body.clone(), ..note() }).await;
    assert_eq!(code, "200 shortened: image");
    assert_eq!(message["notification"]["body"], body);
    assert!(message["notification"]["image"].is_null());
}

#[tokio::test]
async fn then_its_data_but_not_what_it_is_found_by() {
    let data = JsonText::trusted(&format!(r#"{{"a":"{}"}}"#, "\\\"".repeat(1500)));
    let (code, message) = shortened(Note { data, ..note() }).await;
    assert_eq!(code, "200 shortened: image, data");
    assert_eq!(message["notification"]["body"], "Fractions, at nine");
    assert!(message["data"]["data"].is_null());
    assert_eq!(message["data"]["replay_id"], "42");
    assert_eq!(message["data"]["link"], "https://app.example/quiz/7");
}

#[tokio::test]
async fn then_the_end_of_its_text_at_a_character_s_border() {
    for letter in ["a", "é", "😀", "x\n", "\u{1}", "\""] {
        let body = letter.repeat(5000);
        let (code, message) = shortened(Note { body: body.clone(), ..note() }).await;
        assert_eq!(code, "200 shortened: image, data, body", "{letter:?}");
        let sent = message["notification"]["body"].as_str().unwrap();
        let kept = sent.strip_suffix('…').unwrap();
        assert!(body.starts_with(kept) && kept.len() > 400, "{letter:?}: {}", kept.len());
    }
}

#[tokio::test]
async fn and_last_the_end_of_its_title() {
    let (code, message) = shortened(Note { title: "t".repeat(5000), ..note() }).await;
    assert_eq!(code, "200 shortened: image, data, body, title");
    assert_eq!(message["notification"]["body"], "");
    assert!(message["notification"]["title"].as_str().unwrap().ends_with("t…"));
}

#[tokio::test]
async fn what_never_fits_is_refused() {
    let server = start().await;
    let link = format!("https://app.example/{}", "a".repeat(4200));
    let parcel = push(Note { link: Some(link), ..note() });
    assert_eq!(send(&fcm(&server), &parcel).await, refused("payload over 4096 bytes"));
    assert_eq!(server.requests(), 0);
}

#[tokio::test]
async fn a_registration_that_is_no_more_is_gone() {
    let server = start().await;
    server.unregister(TOKEN);
    assert_eq!(send(&fcm(&server), &push(note())).await, gone("404 UNREGISTERED"));
    let malformed = parcel(Load::Fcm(FcmTarget::Token("x y".into()), note()));
    let expected = gone("400 INVALID_ARGUMENT registration token");
    assert_eq!(send(&fcm(&server), &malformed).await, expected);
}
