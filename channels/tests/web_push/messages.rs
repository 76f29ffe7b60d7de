//! What arrives at the browser, and by whom it is signed.

use landfall_channels::Provider as _;
use landfall_channels::web_push::PLAINTEXT_MAX;
use landfall_core::notification::Priority;
use landfall_fixtures::push_service::{PushService, Reply};
use serde_json::{Value, json};

use crate::rig::*;

fn text(plaintext: &[u8]) -> Value {
    serde_json::from_slice(plaintext).unwrap()
}

#[tokio::test]
async fn a_browser_reads_what_was_sent_over_one_http2_connection() {
    let service = PushService::start_tls(now_s).await.unwrap();
    let push = provider(&["localhost"], connections());
    let browser = service.subscribe(None);
    for number in 1..=20 {
        let outcome = push.send(&parcel(&browser)).await;
        assert_eq!(outcome, sent(&format!("/message/{number}"), "201"));
    }
    let messages = service.messages();
    let message = &messages[0];
    assert!(message.is_http2);
    assert_eq!(message.endpoint, browser.endpoint);
    let expected = json!({
        "web_push": 8030,
        "notification": { "title": "Quiz", "body": "Begins soon", "lang": "en", "tag": ID,
            "navigate": "https://app.example/", "data": {"quiz_id": "q1"} },
        "mutable": true, "app_badge": 3, "id": ID, "notification_type": "quiz_reminder", "replay_id": "17",
    });
    assert_eq!(text(&message.plaintext), expected);
    assert_eq!(messages[19].authorization, message.authorization, "one signature serves many");
    assert_eq!((service.connections(), service.breaches()), (1, vec![]));
}

#[tokio::test]
async fn the_headers_say_how_long_how_urgent_and_what_is_replaced() {
    let rig = Rig::start().await;
    let browser = rig.service.subscribe(None);
    let check = async |priority, left_ms: Option<i64>, urgency: &str, ttl_s: u64| {
        let mut parcel = parcel(&browser);
        parcel.priority = priority;
        parcel.expires_at = left_ms.map(|ms| parcel.now.plus_ms(ms));
        rig.push.send(&parcel).await;
        let message = rig.service.messages().pop().unwrap();
        assert_eq!((message.urgency.as_deref(), message.ttl_s), (Some(urgency), ttl_s));
        // As `printf %s "$ID" | openssl dgst -sha256 -binary | base64 | tr +/ -_ | cut -c1-32`
        // prints it.
        assert_eq!(message.topic.as_deref(), Some("Fpc3-2XTVAvsZ3H9G3hKHg2OcD6IN9h4"));
    };
    check(Priority::Low, None, "low", 2_419_200).await;
    check(Priority::Normal, Some(90_500), "normal", 90).await;
    check(Priority::High, Some(i64::MAX), "high", 2_419_200).await;
    check(Priority::Critical, Some(1), "high", 0).await;
    let mut late = parcel(&browser);
    late.expires_at = Some(late.now);
    assert_eq!(rig.push.send(&late).await, refused("expired"));
}

#[tokio::test]
async fn the_key_of_the_subscription_signs_and_an_unknown_one_is_told() {
    let rig = Rig::start().await;
    let check = async |made_with: &str, told: Option<&str>| {
        let browser = rig.service.subscribe(Some(&public(made_with)));
        let server_key = told.map(public);
        rig.push.send(&with_subscription(parcel(&browser), |it| it.server_key = server_key)).await
    };
    assert_eq!(check(NEW_KEY, None).await, sent("/message/1", "201"));
    assert_eq!(check(NEW_KEY, Some(NEW_KEY)).await, sent("/message/2", "201"));
    assert_eq!(check(OLD_KEY, Some(OLD_KEY)).await, sent("/message/3", "201"));
    assert_eq!(check(OTHER_KEY, Some(OTHER_KEY)).await, refused("unknown server key"));
    assert_eq!(rig.service.requests(), 3);
}

#[tokio::test]
async fn the_longest_message_is_taken_and_a_longer_one_is_cut() {
    let rig = Rig::start().await;
    let browser = rig.service.subscribe(None);
    rig.send(&browser).await;
    let plain = rig.service.messages().pop().unwrap().plaintext.len();
    let body = "x".repeat(PLAINTEXT_MAX - plain + "Begins soon".len());
    let fits = with_note(parcel(&browser), |note| note.body.clone_from(&body));
    assert_eq!(rig.push.send(&fits).await, sent("/message/2", "201"));
    assert_eq!(rig.service.messages()[1].plaintext.len(), PLAINTEXT_MAX);
    let longer = with_note(parcel(&browser), |note| note.body = "x".repeat(9_000));
    assert_eq!(rig.push.send(&longer).await, sent("/message/3", "201 cut"));
    assert_eq!(rig.service.breaches(), [""; 0]);
}

#[tokio::test]
async fn a_service_that_takes_less_gets_it_smaller_within_the_same_attempt() {
    let rig = Rig::start().await;
    rig.service.limit_bodies(2_744);
    let browser = rig.service.subscribe(None);
    let long = with_note(parcel(&browser), |note| note.body = "x".repeat(3_000));
    assert_eq!(rig.push.send(&long).await, sent("/message/1", "201 after 413 cut"));
    assert_eq!(rig.service.requests(), 2);
    rig.service.limit_bodies(100);
    assert_eq!(rig.push.send(&long).await, refused("413 errno 104 after 413 cut"));
    assert_eq!(rig.service.requests(), 4);
}

#[tokio::test]
async fn a_browser_that_is_gone_is_told() {
    let rig = Rig::start().await;
    let browser = rig.service.subscribe(None);
    rig.service.unsubscribe(&browser);
    assert_eq!(rig.send(&browser).await, gone("410 errno 106"));
    let stranger = with_subscription(parcel(&browser), |it| it.endpoint.push('x'));
    assert_eq!(rig.push.send(&stranger).await, gone("404 errno 102"));
}

#[tokio::test]
async fn every_documented_answer_has_its_outcome() {
    let rig = Rig::start().await;
    let browser = rig.service.subscribe(None);
    let check = async |reply: Reply, expected| {
        let case = format!("{reply:?}");
        rig.service.answer_next([reply]);
        assert_eq!(rig.send(&browser).await, expected, "{case}");
    };
    let status = |status| Reply::Status(status, None);
    let wait = |status, text: &str| Reply::Status(status, Some(text.to_owned()));
    check(status(401), broken("401")).await;
    check(status(403), broken("403")).await;
    check(status(400), refused("400")).await;
    check(status(404), gone("404")).await;
    check(status(410), gone("410")).await;
    check(status(429), later(Some(30), "429")).await;
    check(wait(429, "120"), later(Some(120), "429")).await;
    check(wait(503, "Thu, 01 Jan 1970 00:00:00 GMT"), later(Some(0), "503")).await;
    check(wait(429, "99999999999999999999"), later(Some(86_400), "429")).await;
    check(wait(503, "soon"), later(None, "503")).await;
    check(status(500), later(None, "500")).await;
    check(status(502), later(None, "502")).await;
    check(Reply::Body(400, b"\xff\xfe{{".to_vec()), refused("400")).await;
    check(Reply::Body(400, br#"{"errno":-1}"#.to_vec()), refused("400")).await;
    let taken = landfall_channels::Outcome::Sent { reference: None, code: "202".to_owned() };
    check(status(202), taken).await;
    // The service has taken the signature now: what it refuses from here on is one subscription.
    check(status(403), refused("403")).await;
    check(status(401), refused("401")).await;
}
