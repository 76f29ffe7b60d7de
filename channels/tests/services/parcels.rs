//! Parcels for tests, each with one thing changed.

use std::time::Duration;

use landfall_channels::{Email, FcmTarget, Load, Note, Outcome, Parcel, Provider, Sms};
use landfall_core::id::NotificationId;
use landfall_core::notification::{JsonText, Priority};
use landfall_core::time::Timestamp;
use uuid::Uuid;

/// The time of every attempt: 2026-11-21T12:00:00.500Z.
pub const NOW: Timestamp = Timestamp::from_ms(1_795_262_400_500);

/// Longer than any test takes on a slow machine.
pub const PATIENT: Duration = Duration::from_secs(60);
/// For attempts that are to time out.
pub const IMPATIENT: Duration = Duration::from_millis(400);

pub const TOKEN: &str = "dQw4w9WgXcQ:APA91bHun4MxP5egoKMwt2KZFBaFUH";

pub fn parcel(load: Load) -> Parcel {
    Parcel {
        delivery: Uuid::from_u128(0x0192_f0c1_7a3e_7cc2_98c1_0000_0000_00d1),
        notification: NotificationId(Uuid::from_u128(0x0192_f0c1_7a3e_7cc2_98c1_0000_0000_0001)),
        priority: Priority::Normal,
        expires_at: None,
        now: NOW,
        load,
    }
}

pub fn note() -> Note {
    Note {
        title: "Quiz tomorrow".into(),
        body: "Fractions, at nine".into(),
        notification_type: "quiz_reminder".into(),
        replay_id: Some("42".into()),
        data: JsonText::trusted(r#"{"quiz":7,"from":"me"}"#),
        image: Some("https://cdn.example/q.png".into()),
        actions: Some(JsonText::trusted(r#"[{"action":"open","title":"Open"}]"#)),
        link: Some("https://app.example/quiz/7".into()),
        locale: Some("en".into()),
        receipt_url: Some("https://landfall.example/api/v1/receipts/abc".into()),
        badge: Some(3),
        tag: "quiz-7".into(),
    }
}

pub fn push(note: Note) -> Parcel {
    parcel(Load::Fcm(FcmTarget::Token(TOKEN.into()), note))
}

pub fn sms(text: &str) -> Sms {
    Sms { to: "+15005550010".into(), text: text.into(), callback_url: None }
}

pub fn email() -> Email {
    Email {
        to: "ana@example.org".into(),
        name: Some("Ana".into()),
        subject: "Quiz tomorrow".into(),
        text: "Fractions, at nine.\n.\nBring a pencil.".into(),
        html: Some("<p>Fractions, at <b>nine</b>.</p>".into()),
        unsubscribe_url: Some("https://landfall.example/u/abc".into()),
    }
}

/// Makes one attempt.
pub async fn send(provider: &impl Provider, parcel: &Parcel) -> Outcome {
    assert!(provider.takes(parcel.load.kind()));
    provider.send(parcel).await
}

pub fn gone(code: &str) -> Outcome {
    Outcome::Gone { code: code.into() }
}

pub fn refused(code: &str) -> Outcome {
    Outcome::Refused { code: code.into() }
}

pub fn broken(code: &str) -> Outcome {
    Outcome::Broken { code: code.into() }
}

pub fn unknown(code: &str) -> Outcome {
    Outcome::Unknown { code: code.into() }
}

pub fn later(code: &str) -> Outcome {
    Outcome::Later { after: None, code: code.into() }
}

pub fn later_in(seconds: u64, code: &str) -> Outcome {
    Outcome::Later { after: Some(Duration::from_secs(seconds)), code: code.into() }
}

pub fn too_many(seconds: u64, code: &str) -> Outcome {
    Outcome::TooMany { after: Duration::from_secs(seconds), code: code.into() }
}
