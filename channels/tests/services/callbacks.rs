//! Twilio's callbacks: who signed them, and what they say in whatever order they come.

use landfall_channels::sms::{
    Content, SharedKey, SignatureError, SignatureHeaders, SigningKeys, read_report, verify,
};
use landfall_channels::{Load, Sms};
use landfall_core::channel::DeliveryState;
use landfall_core::delivery::apply;
use landfall_fixtures::{Callback, TakenSms, TwilioServer};
use serde::Deserialize;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::parcels::{parcel, send, sms};
use super::sms::{AUTH_TOKEN, start, twilio};

const KEYS: SigningKeys<'_> = SigningKeys {
    auth_token: AUTH_TOKEN,
    shared: &[
        SharedKey { id: "old", secret: "old secret" },
        SharedKey { id: "new", secret: "new secret" },
    ],
};

fn check(callback: &Callback) -> Result<(), SignatureError> {
    let headers =
        SignatureHeaders { signature: &callback.signature, settings: callback.settings.as_deref() };
    verify(&KEYS, &callback.url, Content::Form(&callback.parameters), headers)
}

async fn sent(callback_url: &str) -> (TwilioServer, TakenSms) {
    let server = start().await;
    let with_url = Sms { callback_url: Some(callback_url.into()), ..sms("Hello") };
    send(&twilio(&server), &parcel(Load::Sms(with_url))).await;
    let taken = server.messages().remove(0);
    (server, taken)
}

#[tokio::test]
async fn callbacks_of_both_kinds_are_believed() {
    let (server, taken) = sent("https://landfall.example:8443/cb?t=a%20b&u=1").await;
    let callback = server.callback(&taken, "delivered", None);
    assert_eq!(check(&callback), Ok(()));
    assert_eq!(check(&callback.clone().signed_again("new", "new secret")), Ok(()));
    assert_eq!(check(&callback.signed_again("old", "old secret")), Ok(()));
}

#[tokio::test]
async fn a_callback_that_was_touched_is_not_believed() {
    let (server, taken) = sent("https://landfall.example/cb").await;
    let right = server.callback(&taken, "delivered", None);
    let wrong = |touch: fn(&mut Callback)| {
        let mut callback = right.clone();
        touch(&mut callback);
        check(&callback)
    };
    let other = Err(SignatureError::Wrong);
    assert_eq!(wrong(|callback| callback.url.push('x')), other);
    assert_eq!(wrong(|callback| callback.parameters[3].1 = "failed".into()), other);
    assert_eq!(wrong(|callback| callback.parameters.push(("New".into(), "1".into()))), other);
    assert_eq!(wrong(|callback| callback.signature = "AAAA".into()), other);
    assert_eq!(wrong(|callback| callback.signature.clear()), other);
    assert_eq!(wrong(|callback| callback.signature = "é".into()), Err(SignatureError::Unreadable));
    let named = |text: &str| {
        let settings = Some(text.into());
        check(&Callback { settings, ..right.clone().signed_again("new", "new secret") })
    };
    let unknown_algorithm = Err(SignatureError::UnknownAlgorithm);
    assert_eq!(named("key=old,algorithm=HMAC_SHA256"), other);
    assert_eq!(named("key=none,algorithm=HMAC_SHA256"), Err(SignatureError::UnknownKey));
    assert_eq!(named("algorithm=HMAC_SHA256"), Err(SignatureError::UnknownKey));
    assert_eq!(named("key=new,algorithm=NONE"), unknown_algorithm);
    assert_eq!(named(""), unknown_algorithm);
    assert_eq!(check(&right.clone().signed_again("new", "guessed")), other);
}

#[tokio::test]
async fn late_and_repeated_callbacks_in_any_order_end_the_same() {
    let (server, taken) = sent("https://landfall.example/cb").await;
    let words = ["delivered", "sent", "queued", "delivered", "sending", "sent"];
    let mut state = DeliveryState::Queued;
    for word in words {
        let callback = server.callback(&taken, word, None);
        let report = read_report(&callback.parameters).unwrap();
        assert_eq!((report.sid.as_str(), report.error_code), (taken.sid.as_str(), None));
        state = apply(state, report.status.unwrap().state().0).unwrap_or(state);
        assert_eq!(state, DeliveryState::Delivered);
    }
    let report = read_report(&server.callback(&taken, "undelivered", Some(30003)).parameters);
    assert_eq!(report.unwrap().error_code, Some(30003));
}

#[tokio::test]
async fn a_callback_is_posted_with_its_signature() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}/cb?x=1", listener.local_addr().unwrap());
    let (server, taken) = sent(&url).await;
    let callback = server.callback(&taken, "sent", None);
    let answer = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = String::new();
        while !request.contains("To=%2B15005550010") {
            let mut bytes = [0; 4096];
            let count = stream.read(&mut bytes).await.unwrap();
            request.push_str(std::str::from_utf8(&bytes[..count]).unwrap());
        }
        stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
        request.to_lowercase()
    };
    let (status, request) = tokio::join!(server.call(&callback), answer);
    assert_eq!(status, Some(204));
    assert!(request.starts_with("post /cb?x=1 http/1.1\r\n"));
    let signature = format!("x-twilio-signature: {}", callback.signature.to_lowercase());
    assert!(request.contains(&signature));
}

/// What Twilio's own validator signed; `scripts/judges.py` writes it.
#[derive(Deserialize)]
struct Vectors {
    auth_token: String,
    signed: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    what: String,
    /// The URL that was signed.
    signed_url: String,
    /// The URL as it is known here.
    url: String,
    parameters: Option<Vec<(String, String)>>,
    body: Option<String>,
    signature: String,
}

#[test]
fn what_twilio_s_own_validator_signs_is_believed() {
    let vectors: Vectors =
        serde_json::from_str(include_str!("../vectors/twilio_signatures.json")).unwrap();
    assert!(vectors.signed.len() >= 8);
    let keys = SigningKeys { auth_token: &vectors.auth_token, shared: &[] };
    for vector in vectors.signed {
        let content = match (&vector.parameters, &vector.body) {
            (Some(parameters), None) => Content::Form(parameters),
            (None, Some(body)) => Content::Raw(body.as_bytes()),
            _ => panic!("{}: parameters or a body", vector.what),
        };
        let headers = SignatureHeaders { signature: &vector.signature, settings: None };
        for url in [&vector.signed_url, &vector.url] {
            assert_eq!(verify(&keys, url, content, headers), Ok(()), "{}: {url}", vector.what);
        }
        let another = SigningKeys { auth_token: "another", shared: &[] };
        let refused = verify(&another, &vector.url, content, headers);
        assert_eq!(refused, Err(SignatureError::Wrong), "{}", vector.what);
    }
}

#[test]
fn a_body_is_bound_by_its_hash() {
    let headers = SignatureHeaders { signature: "AAAA", settings: None };
    let check = |url: &str| verify(&KEYS, url, Content::Raw(b"{}"), headers);
    let hash = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
    assert_eq!(check("https://a.b/c"), Err(SignatureError::OtherBody));
    assert_eq!(check("https://a.b/c?bodySHA256=00"), Err(SignatureError::OtherBody));
    assert_eq!(check(&format!("https://a.b/c?x=1&bodySHA256={hash}")), Err(SignatureError::Wrong));
    assert_eq!(check(&format!("https://a.b/c#bodySHA256={hash}")), Err(SignatureError::OtherBody));
}
