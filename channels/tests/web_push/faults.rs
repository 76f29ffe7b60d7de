//! What goes wrong on the way, and that nothing of where to is told.

use std::sync::Arc;
use std::time::Duration;

use landfall_channels::connect::{Connections, Guard};
use landfall_channels::web_push::check_subscription;
use landfall_channels::{Load, Outcome, Provider as _};
use landfall_fixtures::push_service::{PushService, Reply};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::Notify;

use crate::rig::*;

/// A port of this machine on which nobody listens.
async fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    listener.local_addr().unwrap().port()
}

#[tokio::test]
async fn what_was_not_sent_is_tried_later_and_what_may_have_arrived_is_unknown() {
    let rig = Rig::start().await;
    let browser = rig.service.subscribe(None);
    let at = |endpoint: String| with_subscription(parcel(&browser), |it| it.endpoint = endpoint);
    let free = at(format!("http://127.0.0.1:{}/push/secret", free_port().await));
    assert_eq!(rig.push.send(&free).await, later(None, "connect refused"));
    let push = provider(&["nowhere.invalid"], connections());
    let nowhere = at("https://nowhere.invalid/push/secret".to_owned());
    assert_eq!(push.send(&nowhere).await, later(None, "name not found"));
    rig.service.answer_next([Reply::Cut]);
    assert_eq!(rig.send(&browser).await, unknown("connection lost"));
    let hasty = Connections { request: Duration::from_millis(800), ..connections() };
    let push = provider(&["127.0.0.0/8"], hasty);
    rig.service.answer_next([Reply::Silence]);
    assert_eq!(push.send(&parcel(&browser)).await, unknown("timed out"));
    assert_eq!(rig.service.messages().len(), 2, "both had arrived");
}

#[tokio::test]
async fn over_http2_a_cut_is_unknown_too() {
    let service = PushService::start_tls(now_s).await.unwrap();
    let push = provider(&["localhost"], connections());
    let browser = service.subscribe(None);
    service.answer_next([Reply::Cut]);
    assert_eq!(push.send(&parcel(&browser)).await, unknown("connection lost"));
    assert_eq!(push.send(&parcel(&browser)).await, sent("/message/2", "201"));
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_not_accepted() {
    let service = PushService::start_tls(now_s).await.unwrap();
    let browser = service.subscribe(None);
    let push = provider(&["localhost"], Connections { authorities: vec![], ..connections() });
    assert_eq!(push.send(&parcel(&browser)).await, later(None, "tls"));
    assert_eq!(service.requests(), 0);
}

#[tokio::test]
async fn what_speaks_no_http_is_told() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 1_024];
        assert!(stream.read(&mut request).await.unwrap() > 0);
        stream.write_all(b"220 mail.example ESMTP\r\n\r\n").await.unwrap();
    });
    let rig = Rig::start().await;
    let elsewhere = with_subscription(parcel(&rig.service.subscribe(None)), |it| {
        it.endpoint = format!("http://127.0.0.1:{port}/push/secret");
    });
    assert_eq!(rig.push.send(&elsewhere).await, unknown("no http"));
    server.await.unwrap();
}

#[tokio::test]
async fn an_answer_without_an_end_is_left() {
    let rig = Rig::start().await;
    let browser = rig.service.subscribe(None);
    rig.service.answer_next([Reply::Endless(201), Reply::Endless(500)]);
    let taken = Outcome::Sent { reference: None, code: "201".to_owned() };
    assert_eq!(rig.send(&browser).await, taken);
    assert_eq!(rig.send(&browser).await, later(None, "500"));
    // Sockets hold some; whoever reads on takes hundreds of megabytes.
    let poured = rig.service.poured_bytes();
    assert!(poured < 32 * 1_024 * 1_024, "{poured} bytes");
    rig.service.answer_next([Reply::Body(400, vec![b' '; 10 * 1_024 * 1_024])]);
    assert_eq!(rig.send(&browser).await, refused("400"));
    assert!(matches!(rig.send(&browser).await, Outcome::Sent { .. }));
}

/// A service that answers 413 to the first request when it is told to, and nothing to the second.
async fn too_large_then_silent(told: Arc<Notify>, asked: Arc<Notify>) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 8_192];
        assert!(stream.read(&mut request).await.unwrap() > 0);
        asked.notify_one();
        told.notified().await;
        let answer = b"HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
        stream.write_all(answer).await.unwrap();
        let (mut stream, _) = listener.accept().await.unwrap();
        assert!(stream.read(&mut request).await.unwrap() > 0);
        asked.notify_one();
        std::future::pending::<()>().await;
    });
    port
}

#[tokio::test]
async fn both_exchanges_of_an_attempt_have_one_deadline() {
    let (told, asked) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let port = too_large_then_silent(Arc::clone(&told), Arc::clone(&asked)).await;
    let rig = Rig::start().await;
    let elsewhere = with_subscription(parcel(&rig.service.subscribe(None)), |it| {
        it.endpoint = format!("http://127.0.0.1:{port}/push/secret");
    });
    let slow = Connections { request: Duration::from_secs(600), ..connections() };
    let push = provider(&["127.0.0.0/8"], slow);
    let attempt = tokio::spawn(async move { push.send(&elsewhere).await });
    asked.notified().await;
    pass(400).await;
    told.notify_one();
    asked.notified().await;
    pass(300).await;
    // The second exchange began 300 s ago; the attempt, 700 s.
    let ended = tokio::time::timeout(Duration::from_secs(30), attempt).await;
    assert_eq!(ended.expect("it has ended").unwrap(), unknown("timed out"));
}

/// Lets time go by while nothing is under way but waiting.
async fn pass(seconds: u64) {
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(seconds)).await;
    tokio::time::resume();
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (rig, other) = (Rig::start().await, Rig::start().await);
    let (browser, target) = (rig.service.subscribe(None), other.service.subscribe(None));
    rig.service.answer_next([Reply::Redirect(target.endpoint)]);
    assert_eq!(rig.send(&browser).await, refused("307"));
    assert_eq!(other.service.requests(), 0);
}

#[tokio::test]
async fn malformed_keys_are_refused_at_registration_and_at_sending() {
    let rig = Rig::start().await;
    let browser = rig.service.subscribe(None);
    let check = async |p256dh: Vec<u8>, auth: Vec<u8>, registered: &str, attempted: &str| {
        let parcel =
            with_subscription(parcel(&browser), |it| (it.p256dh, it.auth) = (p256dh, auth));
        assert_eq!(rig.push.send(&parcel).await, refused(attempted));
        let Load::WebPush(mut subscription, _) = parcel.load else { unreachable!() };
        subscription.endpoint = "https://push.example/p".to_owned();
        let fault = check_subscription(&subscription, &Guard::default()).unwrap_err();
        assert_eq!(fault.to_string(), registered);
    };
    let (p256dh, auth) = (&browser.p256dh, &browser.auth);
    let (no_point, no_auth) =
        ("p256dh must be a point of P-256 in 65 bytes", "auth must have 16 bytes");
    check(vec![4; 65], auth.clone(), no_point, "p256dh is no key").await;
    check(p256dh[1..].to_vec(), auth.clone(), no_point, "p256dh is no key").await;
    check(vec![], auth.clone(), no_point, "p256dh is no key").await;
    check(p256dh.clone(), vec![0; 17], no_auth, "auth is no key").await;
    check(p256dh.clone(), vec![], no_auth, "auth is no key").await;
    assert_eq!(rig.service.requests(), 0);
}
