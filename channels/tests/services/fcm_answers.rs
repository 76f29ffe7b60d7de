//! Every answer of Firebase, and every way to get none.

use std::io::Write;
use std::sync::{Arc, Mutex};

use landfall_channels::fcm::{Fcm, FcmSettings};
use landfall_channels::gate::{Gate, Limits, Toll};
use landfall_channels::{Outcome, Provider as _};
use landfall_fixtures::{Reply, fcm_error, google_error};
use serde_json::json;

use super::fcm::{fcm, settings, start};
use super::parcels::{
    IMPATIENT, TOKEN, broken, gone, later, later_in, note, push, refused, send, too_many, unknown,
};

async fn check(reply: Reply, expected: Outcome) {
    let server = start().await;
    server.answer(reply);
    assert_eq!(send(&fcm(&server), &push(note())).await, expected);
    assert_eq!(server.requests(), 1, "nothing is repeated");
}

#[tokio::test]
async fn errors_go_by_their_fcm_error() {
    check(fcm_error(404, "UNREGISTERED", "gone"), gone("404 UNREGISTERED")).await;
    check(fcm_error(403, "SENDER_ID_MISMATCH", ""), refused("403 SENDER_ID_MISMATCH")).await;
    let mismatch = fcm_error(401, "THIRD_PARTY_AUTH_ERROR", "");
    check(mismatch, broken("401 THIRD_PARTY_AUTH_ERROR")).await;
    check(fcm_error(429, "QUOTA_EXCEEDED", ""), too_many(60, "429 QUOTA_EXCEEDED")).await;
    let told = fcm_error(429, "QUOTA_EXCEEDED", "").with("Retry-After", "7");
    check(told, later_in(7, "429 QUOTA_EXCEEDED")).await;
    check(fcm_error(500, "INTERNAL", ""), later("500 INTERNAL")).await;
    let told = fcm_error(503, "UNAVAILABLE", "").with("Retry-After", "3");
    check(told, later_in(3, "503 UNAVAILABLE")).await;
    let told = fcm_error(503, "UNAVAILABLE", "").with("Retry-After", "120");
    check(told, later_in(120, "503 UNAVAILABLE")).await;
}

/// Sends through a gate to a server that answers so many times in this way, and then well.
async fn gated(replies: usize, reply: fn() -> Reply) -> Vec<Outcome> {
    let server = start().await;
    for _ in 0..replies {
        server.answer(reply());
    }
    let gate = Gate::new(Arc::new(fcm(&server)), Limits::default(), Toll::single);
    let mut outcomes = Vec::new();
    for _ in 0..=replies {
        outcomes.push(send(&gate, &push(note())).await);
    }
    outcomes
}

#[tokio::test]
async fn what_firebase_did_not_ask_for_delays_no_other_message() {
    let outcomes = gated(1, || fcm_error(500, "INTERNAL", "")).await;
    assert!(matches!(outcomes[1], Outcome::Sent { .. }), "{outcomes:?}");
    let outcomes = gated(30, || fcm_error(429, "QUOTA_EXCEEDED", "")).await;
    assert!(matches!(outcomes[30], Outcome::Sent { .. }), "{outcomes:?}");
    // Its word is kept to by all, and an illness shows after a few.
    let asked = || fcm_error(503, "UNAVAILABLE", "").with("Retry-After", "3");
    assert!(matches!(gated(1, asked).await[1], Outcome::NotTried { .. }));
    let outcomes = gated(5, || google_error(429, "", &json!([]))).await;
    assert!(matches!(outcomes[5], Outcome::NotTried { .. }), "{outcomes:?}");
}

/// What was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn devices_of_another_project_stay_and_are_told_and_shown() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let server = start().await;
    let gate = Gate::new(Arc::new(fcm(&server)), Limits::default(), Toll::single);
    for _ in 0..5 {
        assert!(gate.is_healthy());
        server.answer(fcm_error(403, "SENDER_ID_MISMATCH", ""));
        assert_eq!(send(&gate, &push(note())).await, refused("403 SENDER_ID_MISMATCH"));
    }
    assert!(!gate.is_healthy());
    let told = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert_eq!(told.matches("another Firebase project").count(), 1, "{told}");
    assert!(told.contains("fcm.credentials") && !told.contains(TOKEN), "{told}");
    assert!(matches!(send(&gate, &push(note())).await, Outcome::Sent { .. }));
    assert!(gate.is_healthy());
}

#[tokio::test]
async fn the_fcm_error_speaks_before_the_status() {
    check(fcm_error(400, "UNREGISTERED", ""), gone("400 UNREGISTERED")).await;
    check(fcm_error(404, "INTERNAL", ""), later("404 INTERNAL")).await;
}

#[tokio::test]
async fn an_invalid_argument_costs_the_registration_only_when_it_is_the_registration() {
    let plain = fcm_error(400, "INVALID_ARGUMENT", "Request contains an invalid argument.");
    check(plain, refused("400 INVALID_ARGUMENT")).await;
    let text = "The registration token is not a valid FCM registration token";
    let expected = gone("400 INVALID_ARGUMENT registration token");
    check(fcm_error(400, "INVALID_ARGUMENT", text), expected.clone()).await;
    let violation = |field: &str| {
        json!([
            {
                "@type": "type.googleapis.com/google.rpc.BadRequest",
                "fieldViolations": [{"field": field, "description": "Invalid value"}],
            },
            {
                "@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError",
                "errorCode": "INVALID_ARGUMENT",
            },
        ])
    };
    let text = "Request contains an invalid argument.";
    check(google_error(400, text, &violation("message.token")), expected).await;
    let data = google_error(400, text, &violation("message.data[0].value"));
    check(data, refused("400 INVALID_ARGUMENT")).await;
}

#[tokio::test]
async fn without_an_fcm_error_no_registration_is_lost() {
    check(google_error(400, "", &json!([])), refused("400 INVALID_ARGUMENT")).await;
    check(google_error(403, "", &json!([])), broken("403 PERMISSION_DENIED")).await;
    check(google_error(404, "", &json!([])), broken("404 NOT_FOUND")).await;
    check(google_error(429, "", &json!([])), later("429 RESOURCE_EXHAUSTED")).await;
    check(google_error(503, "", &json!([])), later("503 UNAVAILABLE")).await;
    check(Reply::text(404, "<html>"), broken("404 no FcmError")).await;
    check(Reply::text(502, "<html>"), later("502 no FcmError")).await;
    check(Reply::text(302, "").with("Location", "https://a/"), broken("302 no FcmError")).await;
    check(fcm_error(500, "NEW_CODE", "x"), later("500 INTERNAL")).await;
}

#[tokio::test]
async fn an_answer_that_cannot_be_right_is_not_believed() {
    check(Reply::text(200, "thank you"), unknown("200 without a name")).await;
    check(Reply::json(200, &json!({"name": 7})), unknown("200 without a name")).await;
    check(Reply::text(201, r#"{"name": "projects/a"}"#), unknown("201 without a name")).await;
    let endless = Reply::text(200, &"{\"a\":".repeat(40_000));
    check(endless, unknown("200 without a name")).await;
}

#[tokio::test]
async fn an_answer_that_never_came_is_told_as_unknown() {
    check(Reply::Cut, unknown("connection lost")).await;
    let server = start().await;
    let patient = fcm(&server);
    // The token is there before, so that the silence meets the message.
    assert!(matches!(send(&patient, &push(note())).await, Outcome::Sent { .. }));
    server.answer(Reply::Silence);
    let settings = FcmSettings { timeout: IMPATIENT, ..settings(&server) };
    let impatient = Fcm::new(settings).unwrap();
    assert_eq!(send(&impatient, &push(note())).await, unknown("timed out"));
}

#[tokio::test]
async fn a_server_that_is_down_or_speaks_no_tls_was_not_reached() {
    let server = start().await;
    let sender = fcm(&server);
    assert!(matches!(send(&sender, &push(note())).await, Outcome::Sent { .. }));
    let base_url = server.base_url().replace("http:", "https:");
    let no_tls = Fcm::new(FcmSettings { base_url, ..settings(&server) }).unwrap();
    assert_eq!(send(&no_tls, &push(note())).await, later("tls"));
    server.stop().await;
    let outcome = send(&sender, &push(note())).await;
    // The open connection may be lost with the request on it, or be known to be closed.
    assert!(
        [later("connect refused"), unknown("connection lost")].contains(&outcome),
        "{outcome:?}"
    );
    assert_eq!(send(&sender, &push(note())).await, later("connect refused"));
}

#[tokio::test]
async fn a_storm_of_refusals_is_answered_with_one_request_each() {
    let server = start().await;
    for _ in 0..50 {
        server.answer(fcm_error(429, "QUOTA_EXCEEDED", ""));
    }
    let sender = fcm(&server);
    let parcel = push(note());
    let attempts = (0..50).map(|_| send(&sender, &parcel));
    for outcome in futures_util::future::join_all(attempts).await {
        assert_eq!(outcome, too_many(60, "429 QUOTA_EXCEEDED"));
    }
    assert_eq!((server.requests(), server.exchanges()), (50, 1));
}
