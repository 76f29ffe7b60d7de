//! The bearer token for Firebase: who asks for it, when, and what happens when it is refused.

use std::time::Duration;

use landfall_channels::Outcome;
use landfall_channels::fcm::{Fcm, FcmSettings};
use landfall_fixtures::{FcmServer, Reply, google_error};
use serde_json::json;
use tokio::time::{advance, pause, resume};

use super::fcm::{fcm, settings, start};
use super::parcels::{IMPATIENT, NOW, broken, later, later_in, note, push, send};

/// Enough for an attempt on a slow machine, of which a renewal takes a part.
const BRISK: Duration = Duration::from_secs(6);

async fn is_sent(sender: &Fcm) -> bool {
    matches!(send(sender, &push(note())).await, Outcome::Sent { .. })
}

/// Lets time go by while nothing is under way.
async fn pass(seconds: u64) {
    pause();
    advance(Duration::from_secs(seconds)).await;
    resume();
}

#[tokio::test]
async fn many_who_need_a_token_ask_for_one() {
    let server = start().await;
    let sender = fcm(&server);
    let sent = futures_util::future::join_all((0..20).map(|_| is_sent(&sender))).await;
    assert!(sent.into_iter().all(|sent| sent));
    assert_eq!((server.exchanges(), server.requests()), (1, 20));
}

#[tokio::test]
async fn a_token_is_renewed_before_it_ends() {
    let server = start().await;
    let sender = fcm(&server);
    assert!(is_sent(&sender).await);
    pass(3290).await;
    assert!(is_sent(&sender).await);
    assert_eq!(server.exchanges(), 1);
    pass(20).await;
    // A renewal that fails costs nothing while the old token holds.
    server.answer_token(Reply::text(503, ""));
    assert!(is_sent(&sender).await);
    assert!(is_sent(&sender).await);
    assert_eq!(server.exchanges(), 3);
    assert!(is_sent(&sender).await);
    assert_eq!(server.exchanges(), 3);
}

#[tokio::test]
async fn a_renewal_that_hangs_costs_no_attempt_while_the_token_holds() {
    let server = start().await;
    let sender = Fcm::new(FcmSettings { timeout: BRISK, ..settings(&server) }).unwrap();
    assert!(is_sent(&sender).await);
    pass(3310).await;
    server.answer_token(Reply::Silence);
    assert!(is_sent(&sender).await);
    assert_eq!((server.exchanges(), server.requests()), (2, 2));
}

#[tokio::test]
async fn a_token_that_ended_is_not_used() {
    let server = start().await;
    server.set_token_life(60);
    let sender = fcm(&server);
    assert!(is_sent(&sender).await);
    pass(61).await;
    server.answer_token(Reply::text(503, "").with("Retry-After", "9"));
    assert_eq!(send(&sender, &push(note())).await, later_in(9, "oauth: 503 no reason"));
    assert_eq!(server.requests(), 1);
}

#[tokio::test]
async fn a_refused_token_is_renewed_once() {
    let server = start().await;
    let sender = fcm(&server);
    assert!(is_sent(&sender).await);
    server.revoke_tokens();
    assert!(is_sent(&sender).await);
    assert_eq!((server.exchanges(), server.requests()), (2, 3));

    for _ in 0..2 {
        server.answer(google_error(401, "no", &json!([])));
    }
    assert_eq!(send(&sender, &push(note())).await, broken("401 UNAUTHENTICATED"));
    assert_eq!((server.exchanges(), server.requests()), (3, 5));
}

async fn check(answer: impl Fn(&FcmServer), expected: Outcome) {
    let server = start().await;
    answer(&server);
    assert_eq!(send(&fcm(&server), &push(note())).await, expected);
    assert_eq!((server.exchanges(), server.requests()), (1, 0));
}

#[tokio::test]
async fn without_a_token_nothing_is_sent() {
    let reply = |reply: Reply| move |server: &FcmServer| server.answer_token(reply.clone());
    let denied = Reply::json(401, &json!({"error": "invalid_client"}));
    check(reply(denied), broken("oauth: 401 invalid_client")).await;
    check(reply(Reply::text(429, "")), later("oauth: 429 no reason")).await;
    check(reply(Reply::text(200, "hello")), later("oauth: 200 no token")).await;
    let split = Reply::json(200, &json!({"access_token": "a\r\nb", "expires_in": 9}));
    check(reply(split), later("oauth: 200 no token")).await;
    check(reply(Reply::Cut), later("oauth: connection lost")).await;
    // An assertion of another time is refused, as it is when this server's clock is wrong.
    let tomorrow = NOW.as_ms() / 1000 + 86_400;
    let expected = broken("oauth: 400 invalid_grant");
    check(|server| server.set_now(tomorrow), expected).await;
}

#[tokio::test]
async fn a_silent_token_endpoint_costs_an_attempt_its_time_and_no_more() {
    let server = start().await;
    server.answer_token(Reply::Silence);
    let sender = Fcm::new(FcmSettings { timeout: IMPATIENT, ..settings(&server) }).unwrap();
    assert_eq!(send(&sender, &push(note())).await, later("oauth: timed out"));
    assert_eq!(server.requests(), 0);
}

#[tokio::test]
async fn who_waited_for_an_exchange_that_failed_does_not_ask_again() {
    let server = start().await;
    server.answer_token(Reply::text(503, ""));
    let sender = fcm(&server);
    let parcel = push(note());
    let attempts = (0..20).map(|_| send(&sender, &parcel));
    for outcome in futures_util::future::join_all(attempts).await {
        assert_eq!(outcome, later("oauth: 503 no reason"));
    }
    assert_eq!(server.exchanges(), 1);
}
