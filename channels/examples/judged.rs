//! Lets programs that are not ours judge what the providers send; `make judges` runs it.
//!
//! `judged fcm`, `judged twilio` and `judged webpush P256DH AUTH` write JSON, `judged email PORT`
//! mails to that port. Only this machine is ever reached.
#![allow(clippy::unwrap_used, dead_code, missing_docs)]

#[path = "../tests/services/parcels.rs"]
mod parcels;

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use landfall_channels::email::{Smtp, SmtpSettings};
use landfall_channels::fcm::{Fcm, FcmSettings, ServiceAccount};
use landfall_channels::sms::{Sender, Twilio, TwilioSettings};
use landfall_channels::web_push::{PLAINTEXT_MAX, SubscriptionKeys, encrypt};
use landfall_channels::{Email, FcmTarget, Load, Note, Sms};
use landfall_core::notification::{JsonText, Priority};
use landfall_fixtures::{FcmServer, TwilioAccount, TwilioServer};
use serde_json::{Value, json};

use parcels::{NOW, email, note, parcel, push, send, sms};

const ACCOUNT: &str = "AC0123456789abcdef0123456789abcdef";
const AUTH_TOKEN: &str = "12345678901234567890123456789012";

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let written = match arguments.as_slice() {
        ["fcm"] => fcm().await,
        ["twilio"] => twilio().await,
        ["email", port] => mail(port.parse().unwrap()).await,
        ["webpush", p256dh, auth] => web_push(p256dh, auth),
        _ => panic!("say fcm, twilio, webpush P256DH AUTH or email PORT"),
    };
    let mut out = std::io::stdout();
    writeln!(out, "{written}").unwrap();
}

/// Gives the bodies of requests as Firebase got them.
async fn fcm() -> Value {
    let server = FcmServer::start(NOW.as_ms() / 1000).await.unwrap();
    let account = ServiceAccount::parse(&server.credentials()).unwrap();
    let settings = FcmSettings { base_url: server.base_url(), ..FcmSettings::new(account) };
    let provider = Fcm::new(settings).unwrap();
    let mut urgent = push(note());
    urgent.priority = Priority::Critical;
    urgent.expires_at = Some(NOW.plus_ms(3_600_000));
    let bare = Note {
        data: JsonText::trusted("{}"),
        replay_id: None,
        image: None,
        actions: None,
        link: None,
        receipt_url: None,
        ..note()
    };
    let to_installation =
        parcel(Load::Fcm(FcmTarget::InstallationId("cXyz0123456789ABCDEF_-".into()), note()));
    let long = push(Note { body: "😀".repeat(3000), ..note() });
    for parcel in [urgent, push(bare), to_installation, long] {
        send(&provider, &parcel).await;
    }
    let messages = server.messages();
    assert_eq!(messages.len(), 4);
    messages.into_iter().map(|message| json!({ "message": message })).collect()
}

/// Gives messages of several lengths, each with what it was encrypted to for these keys of a
/// browser; all in base64url.
fn web_push(p256dh: &str, auth: &str) -> Value {
    let decoded = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap();
    let (p256dh, auth) = (decoded(p256dh), decoded(auth));
    let message = |length: usize| {
        let plaintext: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
        let keys = SubscriptionKeys { p256dh: &p256dh, auth: &auth };
        let body = encrypt(keys, &plaintext).unwrap();
        json!({ "plaintext": URL_SAFE_NO_PAD.encode(plaintext), "body": URL_SAFE_NO_PAD.encode(body) })
    };
    [0, 1, 516, 3_052, PLAINTEXT_MAX].map(message).into_iter().collect()
}

/// Gives callbacks as the local server signs them.
async fn twilio() -> Value {
    let account =
        TwilioAccount { sid: ACCOUNT.into(), auth_token: AUTH_TOKEN.into(), api_keys: Vec::new() };
    let server = TwilioServer::start(account).await.unwrap();
    let sender = Sender::From("+15005550006".into());
    let settings = TwilioSettings {
        base_url: server.base_url(),
        ..TwilioSettings::new(ACCOUNT, AUTH_TOKEN, sender)
    };
    let provider = Twilio::new(settings).unwrap();
    let urls = ["https://landfall.example/cb", "http://127.0.0.1:8000/cb?t=a%20b&u=ñ"];
    let mut callbacks = Vec::new();
    for url in urls {
        let sms = Sms { callback_url: Some(url.into()), ..sms("Quiz 😀") };
        send(&provider, &parcel(Load::Sms(sms))).await;
        let taken = server.messages().pop().unwrap();
        for (status, error) in [("delivered", None), ("undelivered", Some(30003))] {
            let callback = server.callback(&taken, status, error);
            callbacks.push(json!({
                "url": callback.url,
                "parameters": callback.parameters,
                "signature": callback.signature,
            }));
        }
    }
    json!({ "auth_token": AUTH_TOKEN, "callbacks": callbacks })
}

/// Mails a letter twice, once with everything that could break it.
async fn mail(port: u16) -> Value {
    let url = format!("smtp://127.0.0.1:{port}?tls=none");
    let settings = SmtpSettings::from_url(&url, "Søren's School <news@school.example>").unwrap();
    let provider = Smtp::new(settings).unwrap();
    let hostile = Email {
        subject: "Prüfung 😀\r\nBcc: all@example.org".into(),
        name: Some("Ana \"A\" <x@example.org>\nBcc: y@example.org".into()),
        text: format!("{}\n.\n..\nEnd", "längere Zeile ".repeat(200)),
        ..email()
    };
    let letters = [email(), email(), hostile];
    let mut outcomes = Vec::new();
    for letter in letters {
        let outcome = send(&provider, &parcel(Load::Email(Box::new(letter)))).await;
        outcomes.push(format!("{outcome:?}"));
    }
    json!(outcomes)
}
