//! The provider under test, wired to a push service of this machine.

use std::time::Duration;

use landfall_channels::connect::{Allow, Connections, Guard, GuardedClient};
use landfall_channels::web_push::{Subject, VapidKey, WebPush, WebPushSettings};
use landfall_channels::{Load, Note, Outcome, Parcel, Provider as _, Subscription};
use landfall_core::id::NotificationId;
use landfall_core::notification::{JsonText, Priority};
use landfall_core::time::Timestamp;
use landfall_fixtures::push_service::{Browser, PushService};
use landfall_fixtures::tls::AUTHORITY;

pub const ID: &str = "0192f0c1-7a3e-7cc2-98c1-000000000001";
/// Private keys of 32 equal bytes, as URL-safe base64.
pub const NEW_KEY: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE";
pub const OLD_KEY: &str = "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI";
pub const OTHER_KEY: &str = "AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM";

pub struct Rig {
    pub service: PushService,
    pub push: WebPush,
}

impl Rig {
    /// A service over plain HTTP, allowed by its address.
    pub async fn start() -> Self {
        let service = PushService::start(now_s).await.unwrap();
        let push = provider(&["127.0.0.0/8"], connections());
        Self { service, push }
    }

    pub async fn send(&self, browser: &Browser) -> Outcome {
        self.push.send(&parcel(browser)).await
    }
}

pub fn connections() -> Connections {
    let (connect, request) = (Duration::from_secs(5), Duration::from_secs(10));
    Connections { connect, request, authorities: vec![AUTHORITY.to_owned()] }
}

/// A provider that knows two keys, the new one first.
pub fn provider(allow: &[&str], connections: Connections) -> WebPush {
    let guard = Guard::new(Allow::parse(allow).unwrap());
    let settings = WebPushSettings {
        keys: [NEW_KEY, OLD_KEY].map(|key| VapidKey::parse(key).unwrap()).into(),
        subject: Some(Subject::parse("mailto:ops@example.org").unwrap()),
        token_life: Duration::from_secs(12 * 60 * 60),
        home: "https://app.example/".to_owned(),
    };
    WebPush::new(GuardedClient::new(guard, &connections).unwrap(), settings)
}

pub fn public(key: &str) -> Vec<u8> {
    VapidKey::parse(key).unwrap().public().to_vec()
}

/// The time for sender and service alike, in 2027.
pub fn now_s() -> i64 {
    1_800_000_000
}

pub fn parcel(browser: &Browser) -> Parcel {
    let Browser { endpoint, p256dh, auth } = browser.clone();
    let subscription = Subscription { endpoint, p256dh, auth, server_key: None };
    Parcel {
        delivery: uuid::Uuid::nil(),
        notification: NotificationId::parse(ID).unwrap(),
        priority: Priority::Normal,
        expires_at: None,
        now: Timestamp::from_ms(now_s() * 1_000),
        load: Load::WebPush(subscription, note()),
    }
}

pub fn note() -> Note {
    Note {
        title: "Quiz".to_owned(),
        body: "Begins soon".to_owned(),
        notification_type: "quiz_reminder".to_owned(),
        replay_id: Some("17".to_owned()),
        data: JsonText::trusted(r#"{"quiz_id":"q1"}"#),
        image: None,
        actions: None,
        link: None,
        locale: Some("en".to_owned()),
        receipt_url: None,
        badge: Some(3),
        tag: ID.to_owned(),
    }
}

/// Changes the subscription of a parcel.
pub fn with_subscription(mut parcel: Parcel, change: impl FnOnce(&mut Subscription)) -> Parcel {
    if let Load::WebPush(subscription, _) = &mut parcel.load {
        change(subscription);
    }
    parcel
}

/// Changes the note of a parcel.
pub fn with_note(mut parcel: Parcel, change: impl FnOnce(&mut Note)) -> Parcel {
    if let Load::WebPush(_, note) = &mut parcel.load {
        change(note);
    }
    parcel
}

pub fn sent(reference: &str, code: &str) -> Outcome {
    Outcome::Sent { reference: Some(reference.to_owned()), code: code.to_owned() }
}

pub fn refused(code: &str) -> Outcome {
    Outcome::Refused { code: code.to_owned() }
}

pub fn later(after: Option<u64>, code: &str) -> Outcome {
    Outcome::Later { after: after.map(Duration::from_secs), code: code.to_owned() }
}

pub fn unknown(code: &str) -> Outcome {
    Outcome::Unknown { code: code.to_owned() }
}

pub fn broken(code: &str) -> Outcome {
    Outcome::Broken { code: code.to_owned() }
}

pub fn gone(code: &str) -> Outcome {
    Outcome::Gone { code: code.to_owned() }
}
