//! Providers whose certificate nobody vouches for: they get nothing, they are asked again, people and
//! admins are told why, and no secret reaches a log.
//!
//! Alone in its binary, and in one test: what is logged is caught for the whole process.
#![allow(clippy::unwrap_used)]
#![allow(dead_code, reason = "what other tests share is used in part")]

#[path = "../realtime/client.rs"]
mod client;
#[path = "../realtime/harness.rs"]
mod harness;
#[path = "../reach/world.rs"]
mod world;

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use landfall_fixtures::tls::FIRST;
use landfall_fixtures::{FcmServer, Protection, SmtpServer, TwilioAccount, TwilioServer};
use landfall_server::config::{LogFormat, LogLevel, LogSettings};
use landfall_server::logs;
use serde_json::json;

use harness::NOON;
use world::{TWILIO_TOKEN, World};

const PHONE: &str = "+15005550125";
const APP: &str = "an-app-token-of-ana";
const SMTP_PASSWORD: &str = "a-planted-mail-password";
/// More may be under way for a moment, but every attempt says why it failed.
const AGAIN: &str = "tried again later";

#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Catches what every thread of this process logs from now on.
fn capture() -> Captured {
    let captured = Captured::default();
    let writer = captured.clone();
    let settings = LogSettings { format: LogFormat::Json, level: LogLevel::Trace };
    let subscriber = logs::subscriber(&settings, move || writer.clone());
    tracing::subscriber::set_global_default(subscriber).unwrap();
    captured
}

/// A server that reaches a channel at a stranger's, whom it must not trust.
async fn world(more: &[(&str, &str)]) -> World {
    let world = World::with(more).await;
    world.person("ana", PHONE).await;
    world.app("ana", APP).await;
    world
}

/// Sends on one channel, goes on to the second attempt, and checks what is told after each.
async fn check_tried_again(world: &World, channel: &str, provider: &str, code: &str) {
    let id = world.notify("ana", &[channel], json!({})).await;
    for (attempt, after_noon) in [(1, 0), (2, 120)] {
        world.go_to(after_noon);
        world.until_for(&id, channel, "queued", AGAIN).await;
        harness::until("the attempt", async || {
            world.deliveries("ana", &id).await[0]["attempts"] == attempt
        })
        .await;
        let [delivery] = &world.deliveries("ana", &id).await[..] else { panic!("one delivery") };
        let told = ["provider", "code", "state"].map(|field| delivery[field].clone());
        assert_eq!(told, [json!(provider), json!(code), json!("queued")], "{delivery}");
        assert!(delivery["due_at"].is_string(), "it is tried again: {delivery}");
    }
    let timeline = world.timeline(&id).await;
    let attempts = timeline["items"].as_array().unwrap().iter();
    let attempts: Vec<_> = attempts.filter(|item| item["attempt"].is_number()).collect();
    assert_eq!(attempts.len(), 2, "{timeline:#}");
    for (item, attempt) in attempts.iter().zip(1..) {
        let expected = json!([attempt, channel, provider, code, AGAIN]);
        let told = ["attempt", "channel", "provider", "code", "reason"];
        assert_eq!(json!(told.map(|field| item[field].clone())), expected, "{item}");
    }
}

async fn check_firebase() {
    let stranger = FcmServer::start_tls(NOON).await.unwrap();
    let messages_go_there = stranger.base_url();
    let w = world(&[("LANDFALL_FCM_BASE_URL", &messages_go_there)]).await;
    check_tried_again(&w, "push", "fcm", "tls").await;
    assert_eq!(w.on.fcm.exchanges(), 1, "the token's endpoint can be trusted");
    let the_account_s_too = stranger.credentials();
    let w = world(&[("LANDFALL_FCM_CREDENTIALS", &the_account_s_too)]).await;
    check_tried_again(&w, "push", "fcm", "oauth: tls").await;
    assert_eq!((stranger.requests(), stranger.exchanges()), (0, 0), "nothing reached it");
    assert_eq!(w.on.fcm.requests(), 0);
}

async fn check_twilio() {
    let (sid, auth_token) = ("AC0123456789abcdef0123456789abcdef".into(), TWILIO_TOKEN.into());
    let account = TwilioAccount { sid, auth_token, api_keys: vec![] };
    let stranger = TwilioServer::start_tls(account).await.unwrap();
    let w = world(&[("LANDFALL_SMS_BASE_URL", &stranger.base_url())]).await;
    check_tried_again(&w, "sms", "twilio", "tls").await;
    assert_eq!(stranger.requests(), 0, "nothing reached it");
}

async fn check_mail(protection: Protection, scheme: &str) {
    let stranger = SmtpServer::start(protection).await.unwrap();
    stranger.want_login("ops", SMTP_PASSWORD);
    let url = format!("{scheme}://ops:{SMTP_PASSWORD}@localhost:{}", stranger.port());
    let w = world(&[("LANDFALL_EMAIL_URL", &url)]).await;
    check_tried_again(&w, "email", "smtp", "tls").await;
    assert!(stranger.mails().is_empty(), "nothing reached it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_with_a_certificate_of_a_stranger_is_tried_again_and_told_nothing() {
    let captured = capture();
    check_firebase().await;
    check_twilio().await;
    let (certificate, key) = FIRST;
    check_mail(Protection::StartTls { certificate, key }, "smtp").await;
    check_mail(Protection::Tls { certificate, key }, "smtps").await;
    let text = String::from_utf8(captured.0.lock().unwrap().clone()).unwrap();
    assert!(text.contains("/api/v1/notify"), "requests are logged");
    let secrets =
        [TWILIO_TOKEN, SMTP_PASSWORD, APP, PHONE, "ana@home.example", "ya29.", "PRIVATE KEY"];
    for secret in secrets {
        let line = text.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "{secret} is in a log");
    }
}
