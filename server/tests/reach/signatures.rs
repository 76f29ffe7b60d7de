//! What a callback is signed with: the account's token or a key of its own, over a form or JSON.

use aws_lc_rs::digest::{SHA256, digest};
use landfall_fixtures::Callback;
use serde_json::{Value, json};

use crate::harness::soon;
use crate::world::{PUBLIC, TWILIO_TOKEN, World};

const PHONE: &str = "+15005550122";
const SID: &str = "SM0000000000000000000000000000abcd";
const KEYS: [(&str, &str); 1] =
    [("LANDFALL_SMS_CALLBACK_KEYS", "SKold:old secret,SKnew:new secret")];

/// Sends JSON with this signature's headers to its URL.
async fn call_back(world: &World, callback: &Callback, body: &str) -> u16 {
    let request = world.open("POST", &callback.url).header("content-type", "application/json");
    let mut request = request.body(body.to_owned());
    for (name, value) in callback.headers() {
        request = request.header(name, value);
    }
    soon("a callback", request.send()).await.unwrap().status().as_u16()
}

/// Signs the URL of the address for answers with the hash of a body.
fn signed(body: &str) -> Callback {
    let hash = digest(&SHA256, body.as_bytes());
    let hash: String = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let url = format!("{PUBLIC}/api/v1/callbacks/sms/replies/default?bodySHA256={hash}");
    Callback::signed(url, vec![], TWILIO_TOKEN)
}

fn stop() -> Value {
    json!({ "MessageSid": SID, "From": PHONE, "Body": "Stop", "NumMedia": 0, "More": [1] })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_may_be_signed_with_a_key_of_its_own() {
    let world = World::with(&KEYS).await;
    world.person("ana", PHONE).await;
    let id = world.notify("ana", &["sms"], json!({})).await;
    world.until_stands(&id, "sms", "sent").await;
    let sms = world.on.twilio.messages().pop().unwrap();
    let report = |status| world.on.twilio.callback(&sms, status, None);
    for (key, secret) in [("SKother", "new secret"), ("SKnew", "old secret"), ("SKnew", "")] {
        let forged = report("failed").signed_again(key, secret);
        assert_eq!(world.call_back(&forged).await, 403, "{key}");
    }
    let old = report("sent").signed_again("SKold", "old secret");
    assert_eq!(world.call_back(&old).await, 204);
    let new = report("delivered").signed_again("SKnew", "new secret");
    assert_eq!(world.call_back(&new).await, 204);
    world.until_stands(&id, "sms", "delivered").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn json_is_believed_by_its_hash_in_the_signed_url() {
    let world = World::with(&KEYS).await;
    world.person("ana", PHONE).await;
    let body = stop().to_string();
    let other = body.replace("Stop", "Start");
    assert_eq!(call_back(&world, &signed(&body), &other).await, 403, "another body");
    let mut touched = signed(&body);
    touched.url = signed(&other).url;
    assert_eq!(call_back(&world, &touched, &other).await, 403, "another URL");
    for broken in ["[]", "{", "1"] {
        assert_eq!(call_back(&world, &signed(broken), broken).await / 100, 4, "{broken}");
    }
    let by_key = signed(&body).signed_again("SKnew", "new secret");
    assert_eq!(call_back(&world, &by_key, &body).await, 204);
    let id = world.notify("ana", &["sms"], json!({})).await;
    world.until_for(&id, "sms", "skipped", "opted out").await;
    let start = other.replace("abcd", "abce");
    assert_eq!(call_back(&world, &signed(&start), &start).await, 204);
    let id = world.notify("ana", &["sms"], json!({})).await;
    world.until_stands(&id, "sms", "sent").await;
}
