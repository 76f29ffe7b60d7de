//! What happens to a message while it waits for its turn at a provider.

use std::sync::Arc;
use std::time::Duration;

use landfall_channels::scripted::Scripted;
use landfall_channels::{Load, LoadKind, Registry};
use landfall_core::channel::Channel;
use landfall_core::time::Timestamp;
use landfall_server::clock::{Clock, now_ms};
use serde_json::{Value, json};

use crate::harness::{Server, admin, token};
use crate::suppressions::suppress;

const PHONE: &str = "+15550001111";
/// A wait that is worth another look.
const LONG: Duration = Duration::from_secs(1);

/// A server that sends text messages.
struct Waiting {
    server: Server,
    texts: Arc<Scripted>,
    clock: Clock,
    /// The notification whose message waits for its turn.
    id: String,
}

impl Waiting {
    /// Lets a message wait that was said to have waited for so long.
    async fn of(waited: Duration, more: Value) -> Self {
        let texts = Arc::new(Scripted::new("twilio", Channel::Sms, |kind| kind == LoadKind::Sms));
        let clock = Clock::fixed(Timestamp::from_ms(now_ms()));
        let registry = Registry::new(vec![Arc::clone(&texts) as _]);
        let server = Server::reaching_at(registry, clock.clone()).await;
        let profile = json!({ "phone": PHONE });
        server.call(&admin(), "PUT", "/api/v1/users/u", profile).await;
        texts.hold_turns(waited);
        let mut body = json!({ "user_id": "u", "type": "t", "message": "m", "channels": ["sms"] });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let sent = server.call(&admin(), "POST", "/notify", body).await.json();
        texts.until_asked(1).await;
        let id = sent["notification_id"].as_str().unwrap().to_owned();
        Self { server, texts, clock, id }
    }

    async fn read(&self) {
        let path = format!("/api/v1/notifications/{}/mark-read", self.id);
        let read = self.server.call(&token("u", &[]), "PATCH", &path, Value::Null).await;
        assert!(read.status < 300, "{}", read.text);
    }

    async fn cancel(&self) {
        let path = format!("/api/v1/notify/{}", self.id);
        let canceled = self.server.call(&admin(), "DELETE", &path, Value::Null).await;
        assert!(canceled.status < 300, "{}", canceled.text);
    }

    /// Lets the turn come and gives how the story ends.
    async fn ends(&self) -> [String; 2] {
        self.texts.release_turns(1);
        let path = format!("/api/v1/notifications/{}/timeline", self.id);
        let wait = async {
            loop {
                let timeline = self.server.get(&admin(), &path).await.json();
                let items = timeline["items"].as_array().unwrap();
                let of_sms = |item: &&Value| item["event"] != "planned" && item["channel"] == "sms";
                if let Some(end) = items.iter().rfind(of_sms) {
                    return ["state", "reason"].map(|name| end[name].as_str().unwrap().to_owned());
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(60), wait).await.expect("it ends")
    }
}

#[tokio::test]
async fn a_message_that_is_read_while_it_waits_for_its_turn_is_not_sent() {
    let waiting = Waiting::of(LONG, json!({})).await;
    waiting.read().await;
    assert_eq!(waiting.ends().await, ["skipped", "read"]);
    assert_eq!(waiting.texts.begun(), 0);
}

#[tokio::test]
async fn nor_is_one_that_was_taken_back_expired_or_is_unwanted_by_then() {
    let waiting = Waiting::of(LONG, json!({})).await;
    waiting.cancel().await;
    assert_eq!(waiting.ends().await, ["skipped", "canceled"]);
    let expired = Waiting::of(LONG, json!({ "ttl": 30 })).await;
    expired.clock.set(expired.clock.now().plus_ms(31_000));
    assert_eq!(expired.ends().await, ["skipped", "expired"]);
    let brought = json!({ "phone_number": "+15550002222" });
    for (more, number) in [(json!({}), PHONE), (brought, "+15550002222")] {
        let unwanted = Waiting::of(LONG, more).await;
        suppress(&unwanted.server, &[(Channel::Sms, number)]).await;
        assert_eq!(unwanted.ends().await, ["skipped", "suppressed"]);
        assert_eq!(unwanted.texts.begun(), 0);
    }
    assert_eq!((waiting.texts.begun(), expired.texts.begun()), (0, 0));
}

#[tokio::test]
async fn what_is_still_wanted_goes_out() {
    let wanted = Waiting::of(LONG, json!({})).await;
    assert_eq!(wanted.ends().await, ["sent", "taken by the provider"]);
    assert_eq!(wanted.texts.begun(), 1);
}

#[tokio::test]
async fn a_message_goes_to_where_its_recipient_is_reached_by_now() {
    let waiting = Waiting::of(LONG, json!({})).await;
    let profile = json!({ "phone": "+15550003333" });
    waiting.server.call(&admin(), "PUT", "/api/v1/users/u", profile).await;
    waiting.texts.release_turns(1);
    // It was left to the next claim, which comes when the lease has ended.
    waiting.clock.set(waiting.clock.now().plus_ms(60_000));
    waiting.server.app.services.outbox.woken.notify_one();
    waiting.texts.until_asked(2).await;
    assert_eq!(waiting.ends().await, ["sent", "taken by the provider"]);
    let [parcel] = &waiting.texts.parcels()[..] else { panic!("one text message") };
    let Load::Sms(sms) = &parcel.load else { panic!("a text message") };
    assert_eq!(sms.to, "+15550003333");
}

#[tokio::test]
async fn what_became_somebody_elses_while_it_waited_is_left_to_them() {
    let waiting = Waiting::of(LONG, json!({})).await;
    waiting.clock.set(waiting.clock.now().plus_ms(60_000));
    // The lease has ended: it is claimed anew, and waits once more.
    waiting.server.app.services.outbox.woken.notify_one();
    waiting.texts.until_asked(2).await;
    waiting.texts.release_turns(1);
    assert_eq!(waiting.ends().await, ["sent", "taken by the provider"]);
    assert_eq!(waiting.texts.begun(), 1, "the first one let it go");
}
