//! What is sent to Twilio, every answer of it, and every way to get none.

use std::time::Duration;

use landfall_channels::sms::{ApiKey, Sender, Twilio, TwilioSettings};
use landfall_channels::{Load, NoAnswer, Outcome, Provider as _, Sms};
use landfall_core::delivery::Report;
use landfall_fixtures::{Reply, TakenSms, TwilioAccount, TwilioServer, twilio_error};
use serde_json::json;

use super::parcels::{
    IMPATIENT, NOW, PATIENT, broken, gone, later, later_in, parcel, refused, send, sms, unknown,
};

pub const ACCOUNT: &str = "AC0123456789abcdef0123456789abcdef";
pub const AUTH_TOKEN: &str = "12345678901234567890123456789012";
const SERVICE: &str = "MG0123456789abcdef0123456789abcdef";
const FIRST_SID: &str = "SM00000000000000000000000000000001";

pub async fn start() -> TwilioServer {
    let account = TwilioAccount {
        sid: ACCOUNT.into(),
        auth_token: AUTH_TOKEN.into(),
        api_keys: vec![("SK1".into(), "key's secret".into())],
    };
    TwilioServer::start(account).await.unwrap()
}

fn settings(server: &TwilioServer) -> TwilioSettings {
    let from = Sender::From("+15005550006".into());
    TwilioSettings {
        base_url: server.base_url(),
        timeout: PATIENT,
        ..TwilioSettings::new(ACCOUNT, AUTH_TOKEN, from)
    }
}

pub fn twilio(server: &TwilioServer) -> Twilio {
    Twilio::new(settings(server)).unwrap()
}

fn sent(code: &str) -> Outcome {
    Outcome::Sent { reference: Some(FIRST_SID.into()), code: code.into() }
}

#[tokio::test]
async fn a_text_message_is_made_from_every_field() {
    let server = start().await;
    let mut parcel = parcel(Load::Sms(Sms {
        callback_url: Some("https://landfall.example/cb?a=b&c=d".into()),
        ..sms("Quiz at nine & ten = two")
    }));
    parcel.expires_at = Some(NOW.plus_ms(90_999));
    assert_eq!(send(&twilio(&server), &parcel).await, sent("queued segments=1"));
    let expected = TakenSms {
        sid: FIRST_SID.into(),
        to: "+15005550010".into(),
        from: Some("+15005550006".into()),
        messaging_service: None,
        body: "Quiz at nine & ten = two".into(),
        callback_url: Some("https://landfall.example/cb?a=b&c=d".into()),
        validity_s: Some(90),
    };
    assert_eq!(server.messages(), [expected]);
}

#[tokio::test]
async fn what_became_of_a_message_is_asked_by_its_name() {
    let server = start().await;
    let twilio = twilio(&server);
    send(&twilio, &parcel(Load::Sms(sms("Hello")))).await;
    let message = server.messages().remove(0);
    let ask = async || {
        let told = twilio.inquire(FIRST_SID, NOW).await.unwrap()?;
        assert_eq!(told.sid, FIRST_SID);
        Some((told.status?, told.error_code, told.to.is_some()))
    };
    assert_eq!(ask().await, Some((Report::Queued, None, true)));
    server.stands(&message, "undelivered", Some(30_003));
    assert_eq!(ask().await, Some((Report::Undelivered, Some(30_003), true)));
    let asked = server.inquiries();
    for no_name in ["", "SM1", "../../Accounts", "SM0000000000000000000000000000000%2e"] {
        assert_eq!(twilio.inquire(no_name, NOW).await, Ok(None));
    }
    assert_eq!((server.inquiries(), server.requests()), (asked, 1));
}

#[tokio::test]
async fn a_question_without_an_answer_is_not_one_that_nothing_is_known_of() {
    let server = start().await;
    let settings = TwilioSettings { timeout: IMPATIENT, ..settings(&server) };
    let twilio = Twilio::new(settings).unwrap();
    let ask = async |reply| {
        server.answer(reply);
        twilio.inquire(FIRST_SID, NOW).await
    };
    assert_eq!(ask(twilio_error(404, 20_404, "not found")).await, Ok(None));
    let none = |after, code: &str| Err(NoAnswer { after, code: code.to_owned() });
    let other = json!({ "sid": "SM00000000000000000000000000000002", "status": "failed" });
    for body in [other, json!([]), json!("hello")] {
        assert_eq!(ask(Reply::json(200, &body)).await, none(None, "200"));
    }
    assert_eq!(ask(twilio_error(401, 20_003, "no")).await, none(None, "401"));
    assert_eq!(ask(twilio_error(503, 0, "ill")).await, none(None, "503"));
    let busy = twilio_error(429, 20_429, "busy").with("Retry-After", "90");
    assert_eq!(ask(busy).await, none(Some(Duration::from_secs(90)), "429"));
    assert_eq!(ask(Reply::Silence).await, none(None, "timed out"));
}

#[tokio::test]
async fn a_messaging_service_may_send_and_a_key_may_sign() {
    let server = start().await;
    let key = ApiKey { sid: "SK1".into(), secret: "key's secret".into() };
    let with_key = TwilioSettings {
        auth_token: "only for callbacks".into(),
        api_key: Some(key),
        sender: Sender::MessagingService(SERVICE.into()),
        ..settings(&server)
    };
    let parcel = parcel(Load::Sms(sms("Hello")));
    assert_eq!(send(&Twilio::new(with_key).unwrap(), &parcel).await, sent("accepted"));
    let taken = server.messages().remove(0);
    assert_eq!((taken.from, taken.messaging_service), (None, Some(SERVICE.into())));
}

#[tokio::test]
async fn a_message_waits_as_long_as_it_is_wanted_within_what_twilio_allows() {
    let server = start().await;
    let sender = twilio(&server);
    let mut parcel = parcel(Load::Sms(sms("Hello")));
    for (left_ms, expected) in [(1, 1), (5_000, 5), (86_400_000, 36_000)] {
        parcel.expires_at = Some(NOW.plus_ms(left_ms));
        assert!(matches!(send(&sender, &parcel).await, Outcome::Sent { .. }));
        assert_eq!(server.messages().pop().unwrap().validity_s, Some(expected));
    }
    parcel.expires_at = Some(NOW);
    assert_eq!(send(&sender, &parcel).await, refused("expired"));
    assert_eq!(server.requests(), 3);
}

#[tokio::test]
async fn texts_arrive_as_they_are() {
    let cases = [
        ("Plain", 1),
        ("Tests at 9 \u{1f600}", 1),
        ("+%&=?#\r\nFrom: x\u{0}", 1),
        ("{a}[b]~€", 1),
        (&"x".repeat(161), 2),
        (&"😀".repeat(35), 1),
        (&"😀".repeat(36), 2),
        (&"€".repeat(80), 1),
        (&"€".repeat(81), 2),
        ("ñandú çava 日本語", 1),
        (&"日".repeat(1600), 24),
    ];
    for (text, segments) in cases {
        let server = start().await;
        let outcome = send(&twilio(&server), &parcel(Load::Sms(sms(text)))).await;
        assert_eq!(outcome, sent(&format!("queued segments={segments}")), "{text}");
        assert_eq!(server.messages().remove(0).body, text);
    }
}

#[tokio::test]
async fn nothing_but_a_number_reaches_the_request() {
    let server = start().await;
    for to in ["", "15005550010", "+1", "+1500555001x", "+15005550010\r\nFrom: 1", "+1500&Body=x"] {
        let parcel = parcel(Load::Sms(Sms { to: to.into(), ..sms("Hello") }));
        assert_eq!(send(&twilio(&server), &parcel).await, gone("no phone number"), "{to}");
    }
    let long = parcel(Load::Sms(sms(&"x".repeat(1601))));
    assert_eq!(send(&twilio(&server), &long).await, refused("text over 1600 characters"));
    assert_eq!(server.requests(), 0);
}

#[tokio::test]
async fn who_answered_stop_is_left_alone() {
    let server = start().await;
    server.opt_out("+15005550010");
    let outcome = send(&twilio(&server), &parcel(Load::Sms(sms("Hello")))).await;
    assert_eq!(outcome, Outcome::OptedOut { code: "400 21610".into() });
}

#[tokio::test]
async fn wrong_credentials_are_ours_to_mend() {
    let server = start().await;
    let wrong = TwilioSettings { auth_token: "another".into(), ..settings(&server) };
    let outcome = send(&Twilio::new(wrong).unwrap(), &parcel(Load::Sms(sms("Hello")))).await;
    assert_eq!(outcome, broken("401 20003"));
}

async fn check(reply: Reply, expected: Outcome) {
    let server = start().await;
    server.answer(reply);
    assert_eq!(send(&twilio(&server), &parcel(Load::Sms(sms("Hello")))).await, expected);
    assert_eq!(server.requests(), 1, "nothing is repeated");
}

#[tokio::test]
async fn errors_go_by_twilio_s_code() {
    let error = |code: u32| twilio_error(400, code, "in words");
    for code in [21211, 21217, 21614] {
        check(error(code), gone(&format!("400 {code}"))).await;
    }
    for code in [21408, 21606, 21608, 21612, 21602, 21617, 29999] {
        check(error(code), refused(&format!("400 {code}"))).await;
    }
    check(error(21611), later("400 21611")).await;
    check(twilio_error(429, 20429, ""), later("429 20429")).await;
    check(twilio_error(429, 20429, "").with("Retry-After", "4"), later_in(4, "429 20429")).await;
    for code in [20003, 20404, 21212, 21603, 21659, 21703] {
        check(error(code), broken(&format!("400 {code}"))).await;
    }
}

#[tokio::test]
async fn without_a_code_errors_go_by_their_status() {
    check(Reply::text(400, ""), refused("400")).await;
    for status in [302, 401, 403, 404] {
        check(Reply::text(status, "<html>"), broken(&status.to_string())).await;
    }
    check(Reply::text(429, "").with("Retry-After", "2"), later_in(2, "429")).await;
    for status in [408, 500, 502, 503] {
        check(Reply::text(status, "<html>"), later(&status.to_string())).await;
    }
    check(twilio_error(503, 29998, ""), later("503 29998")).await;
}

#[tokio::test]
async fn a_message_can_be_made_and_fail_at_once() {
    let failed = |error: u32| json!({"sid": FIRST_SID, "status": "failed", "num_segments": "1", "error_code": error});
    check(Reply::json(201, &failed(21614)), gone("201 failed 21614")).await;
    check(Reply::json(201, &failed(30007)), refused("201 failed 30007")).await;
}

#[tokio::test]
async fn an_answer_that_cannot_be_right_is_not_believed() {
    let expected = || unknown("201 without a message");
    check(Reply::text(201, "thank you"), expected()).await;
    check(Reply::json(201, &json!({"status": "queued"})), expected()).await;
    check(Reply::json(201, &json!({"sid": "'; --", "status": "queued"})), expected()).await;
    check(Reply::json(201, &json!({"sid": FIRST_SID, "status": "\r\n"})), expected()).await;
}

#[tokio::test]
async fn an_answer_that_never_came_is_told_as_unknown() {
    check(Reply::Cut, unknown("connection lost")).await;
    let server = start().await;
    server.answer(Reply::Silence);
    let impatient = TwilioSettings { timeout: IMPATIENT, ..settings(&server) };
    let outcome = send(&Twilio::new(impatient).unwrap(), &parcel(Load::Sms(sms("Hello")))).await;
    assert_eq!(outcome, unknown("timed out"));
}

#[tokio::test]
async fn a_server_that_is_down_or_speaks_no_tls_was_not_reached() {
    let server = start().await;
    let parcel = parcel(Load::Sms(sms("Hello")));
    let base_url = server.base_url().replace("http:", "https:");
    let no_tls = Twilio::new(TwilioSettings { base_url, ..settings(&server) }).unwrap();
    assert_eq!(send(&no_tls, &parcel).await, later("tls"));
    let down = twilio(&server);
    server.stop().await;
    assert_eq!(send(&down, &parcel).await, later("connect refused"));
}

#[tokio::test]
async fn a_storm_of_refusals_is_answered_with_one_request_each() {
    let server = start().await;
    for _ in 0..50 {
        server.answer(twilio_error(429, 20429, "").with("Retry-After", "1"));
    }
    let sender = twilio(&server);
    let parcel = parcel(Load::Sms(sms("Hello")));
    for outcome in futures_util::future::join_all((0..50).map(|_| send(&sender, &parcel))).await {
        let after = Some(Duration::from_secs(1));
        assert_eq!(outcome, Outcome::Later { after, code: "429 20429".into() });
    }
    assert_eq!(server.requests(), 50);
}
