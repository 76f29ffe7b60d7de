//! News of a message that come before the provider's answer to it was stored.

use std::sync::Arc;
use std::time::Duration;

use landfall_channels::scripted::Scripted;
use landfall_channels::{Load, LoadKind, Outcome, Registry};
use landfall_core::channel::Channel;
use landfall_fixtures::Callback;
use serde_json::{Value, json};

use crate::harness::{Server, admin, finish};

const LOG: &str = "/api/v1/admin/deliveries";
const SID: &str = "SM0123456789abcdef0123456789abcdef";

/// A server of which one text message is under way; gives the notification and where reports go.
async fn under_way() -> (Server, Arc<Scripted>, String, String) {
    let texts = Arc::new(Scripted::new("twilio", Channel::Sms, |kind| kind == LoadKind::Sms));
    let server = Server::reaching(Registry::new(vec![Arc::clone(&texts) as _])).await;
    let profile = json!({ "phone": "+15550001111" });
    server.call(&admin(), "PUT", "/api/v1/users/u", profile).await;
    texts.hold();
    let body = json!({ "user_id": "u", "type": "t", "message": "m", "channels": ["sms"] });
    let sent = server.call(&admin(), "POST", "/notify", body).await.json();
    texts.until_begun(1).await;
    let Load::Sms(sms) = texts.parcels().remove(0).load else { panic!("no text message") };
    let id = sent["notification_id"].as_str().unwrap().to_owned();
    (server, texts, id, sms.callback_url.unwrap())
}

async fn report(server: &Server, url: &str, status: &str) {
    let parameters = vec![("MessageSid", SID.to_owned()), ("MessageStatus", status.to_owned())];
    let callback = Callback::signed(url.to_owned(), parameters, "twilio-auth-token");
    let path = url.strip_prefix("https://landfall.example").unwrap();
    let mut request = server.request("POST", path).form(&callback.parameters);
    for (name, value) in callback.headers() {
        request = request.header(name, value);
    }
    assert_eq!(finish(request).await.status, 204, "{status}");
}

/// Waits until the delivery was tried once as far as the log tells.
async fn tried(server: &Server) -> Value {
    let wait = async {
        loop {
            let log = server.get(&admin(), LOG).await.json();
            if log["items"][0]["attempts"] == 1 {
                return log["items"][0].clone();
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(10), wait).await.expect("the attempt is kept")
}

async fn timeline(server: &Server, id: &str) -> Vec<Value> {
    let path = format!("/api/v1/notifications/{id}/timeline");
    let timeline = server.get(&admin(), &path).await.json();
    timeline["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn what_the_provider_answered_is_kept_and_the_newer_state_stays() {
    for (status, state) in [("sent", "sent"), ("delivered", "delivered"), ("failed", "failed")] {
        let (server, texts, id, url) = under_way().await;
        report(&server, &url, status).await;
        let (reference, code) = (Some(SID.to_owned()), "queued segments=1".to_owned());
        texts.answers([Outcome::Sent { reference, code }]);
        texts.release(1);
        let found = tried(&server).await;
        assert_eq!(
            [&found["state"], &found["reference"], &found["provider"]],
            [state, SID, "twilio"]
        );
        assert_eq!(found["code"], status, "the newer one");
        let items = timeline(&server, &id).await;
        let attempt = items.iter().find(|item| item["attempt"] == 1).unwrap();
        assert_eq!(attempt["event"], "delivery_sent", "{items:#?}");
        assert_eq!(attempt["state"], state, "{items:#?}");
        assert_eq!([&attempt["provider"], &attempt["code"]], ["twilio", "queued segments=1"]);
        // What comes later of the same message is still news, and of another one is none.
        report(&server, &url, "delivered").await;
        let log = server.get(&admin(), LOG).await.json();
        let expected = if status == "sent" { "delivered" } else { state };
        assert_eq!(log["items"][0]["state"], expected);
    }
}
