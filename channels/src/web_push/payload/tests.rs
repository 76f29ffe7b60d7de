//! What a message says when it fits, and what goes first when it does not.

use landfall_core::id::NotificationId;
use landfall_core::notification::{JsonText, Priority};
use landfall_core::time::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};
use uuid::Uuid;

use super::*;
use crate::web_push::encrypt::PLAINTEXT_MAX;
use crate::{Load, Sms};

const ID: &str = "0192f0c1-7a3e-7cc2-98c1-000000000001";

fn parcel() -> Parcel {
    Parcel {
        delivery: Uuid::nil(),
        notification: NotificationId::parse(ID).expect("an id"),
        priority: Priority::Normal,
        expires_at: None,
        now: Timestamp::from_ms(0),
        // Which load carries the note makes no difference here.
        load: Load::Sms(Sms { to: String::new(), text: String::new(), callback_url: None }),
    }
}

fn note() -> Note {
    Note {
        title: "Quiz".to_owned(),
        body: "Begins \"soon\"".to_owned(),
        notification_type: "quiz_reminder".to_owned(),
        replay_id: Some("17".to_owned()),
        data: JsonText::trusted(r#"{"quiz_id": 12345678901234567890}"#),
        image: Some("https://app.example/i.png".to_owned()),
        actions: Some(JsonText::trusted(r#"[{"action":"open","title":"Open"}]"#)),
        link: Some("https://app.example/quiz".to_owned()),
        locale: Some("es-MX".to_owned()),
        receipt_url: Some("https://landfall.example/r/abc".to_owned()),
        badge: Some(3),
        tag: ID.to_owned(),
    }
}

fn fitted(note: &Note, bytes_max: usize) -> (Value, Option<&'static str>) {
    let fitted = fit(&parcel(), note, "https://app.example/", bytes_max).expect("it fits");
    assert!(fitted.json.len() <= bytes_max, "{} of {bytes_max}", fitted.json.len());
    (serde_json::from_slice(&fitted.json).expect("JSON"), fitted.left_out)
}

#[test]
fn a_note_that_fits_says_everything_in_both_models() {
    let (message, left_out) = fitted(&note(), PLAINTEXT_MAX);
    assert_eq!(left_out, None);
    let expected = json!({
        "web_push": 8030,
        "notification": {
            "title": "Quiz", "body": "Begins \"soon\"", "navigate": "https://app.example/quiz",
            "lang": "es-MX", "tag": ID, "image": "https://app.example/i.png",
            "actions": [{"action": "open", "title": "Open"}],
            "data": {"quiz_id": 12345678901234567890_u64},
        },
        "mutable": true, "app_badge": 3, "id": ID, "notification_type": "quiz_reminder", "replay_id": "17",
        "receipt": "https://landfall.example/r/abc",
    });
    assert_eq!(message, expected);
}

#[test]
fn a_click_leads_home_where_the_note_names_nothing() {
    let (message, _) = fitted(&Note { link: None, ..note() }, PLAINTEXT_MAX);
    assert_eq!(message["notification"]["navigate"], "https://app.example/");
}

#[test]
fn what_matters_least_goes_first() {
    let filler = |bytes| "x".repeat(bytes);
    let check = |note: Note, expected: &str, present: &[&str], absent: &[&str]| {
        let (message, left_out) = fitted(&note, PLAINTEXT_MAX);
        assert_eq!(left_out, Some(expected));
        let has = |field: &&str| message["notification"].get(field).is_some();
        assert!(present.iter().all(has) && !absent.iter().any(has), "{message}");
        assert_eq!(message["id"], ID);
        assert_eq!(message.get("fetch").is_some(), expected == "ping");
    };
    let large = Some(format!("https://app.example/{}", filler(4_000)));
    check(Note { image: large, ..note() }, "no image", &["body", "data"], &["image", "actions"]);
    let large = JsonText::trusted(&format!(r#"{{"x":"{}"}}"#, filler(4_000)));
    check(Note { data: large, ..note() }, "no data", &["body"], &["image", "data"]);
    check(Note { body: filler(5_000), ..note() }, "cut", &["body"], &["data"]);
    check(Note { title: filler(5_000), ..note() }, "ping", &["title", "navigate"], &["body"]);
    let large = Some(format!("https://app.example/{}", filler(5_000)));
    check(Note { link: large, ..note() }, "ping", &["navigate"], &["body"]);
    let large = Some(filler(5_000));
    check(Note { receipt_url: large, ..note() }, "ping", &["title"], &["body"]);
}

#[test]
fn a_body_is_cut_at_a_character_and_fills_the_room() {
    let (message, _) = fitted(&Note { body: "ñandú ".repeat(1_000), ..note() }, PLAINTEXT_MAX);
    let body = message["notification"]["body"].as_str().expect("a body");
    assert!(body.ends_with('…') && "ñandú ".repeat(1_000).starts_with(body.trim_end_matches('…')));
    let room = PLAINTEXT_MAX - serde_json::to_vec(&message).expect("JSON").len();
    assert!(room < 10, "{room}");
}

#[test]
fn data_that_is_no_json_is_left_out() {
    let (message, _) = fitted(&Note { data: JsonText::trusted("{"), ..note() }, PLAINTEXT_MAX);
    assert_eq!(message["notification"].get("data"), None);
}

proptest! {
    /// Whatever is said, a message comes out that fits and is JSON.
    #[test]
    fn any_texts_fit(
        title in "\\PC{0,300}|[\\x00-\\x7f]{0,900}",
        body in "\\PC{0,3000}|[\\x00-\\x1f]{0,2000}",
        bytes_max in 1_024_usize..5_000,
    ) {
        let (message, _) = fitted(&Note { title, body, ..note() }, bytes_max);
        prop_assert_eq!(&message["web_push"], 8030);
    }
}
