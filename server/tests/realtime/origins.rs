//! Which web pages may call and connect, and what guards every answer.

use crate::call::{Answer, call};
use crate::harness::{Landfall, token};
use crate::raw::{Raw, handshake};

const ORIGINS: (&str, &str) =
    ("LANDFALL_SERVER_ALLOWED_ORIGINS", "https://app.example.org, http://localhost:3000");
const LIST: &str = "/api/v1/notifications";

async fn from_page(landfall: &Landfall, origin: &str) -> Answer {
    let headers = [("origin", origin)];
    call(landfall, ("GET", LIST), &token("u", "student"), &headers, String::new()).await
}

async fn preflight(landfall: &Landfall, origin: &str) -> Answer {
    let headers = [
        ("origin", origin),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "authorization, idempotency-key"),
    ];
    call(landfall, ("OPTIONS", "/api/v1/notify"), "", &headers, String::new()).await
}

const ALLOWED: &str = "access-control-allow-origin";

#[tokio::test]
async fn a_list_of_origins_lets_these_pages_call_and_no_other() {
    let landfall = Landfall::with(&[ORIGINS]).await;
    for origin in ["https://app.example.org", "http://localhost:3000"] {
        let (called, asked) =
            (from_page(&landfall, origin).await, preflight(&landfall, origin).await);
        assert_eq!((called.status, asked.status), (200, 204));
        for answer in [&called, &asked] {
            assert_eq!((answer.header(ALLOWED), answer.header("vary")), (origin, "Origin"));
            assert_eq!(answer.header("access-control-allow-credentials"), "");
        }
        let exposed = called.header("access-control-expose-headers");
        assert!(exposed.contains("Retry-After") && exposed.contains("X-Request-Id"), "{exposed}");
        let headers = asked.header("access-control-allow-headers");
        assert!(headers.contains("Authorization") && headers.contains("Idempotency-Key"));
    }
    let strangers = [
        "https://evil.example.org",
        "http://app.example.org",
        "https://app.example.org.evil",
        "null",
    ];
    for origin in strangers {
        for answer in [from_page(&landfall, origin).await, preflight(&landfall, origin).await] {
            assert_eq!((answer.header(ALLOWED), answer.header("vary")), ("", "Origin"), "{origin}");
        }
    }
}

async fn connects(landfall: &Landfall, origin: &str) -> String {
    let mut raw = Raw::open(landfall.address).await;
    let path = format!("/ws?token={}", token("u", "student"));
    raw.send(format!("{}{origin}\r\n", handshake(&path)).as_bytes()).await;
    raw.head().await.split(' ').nth(1).unwrap().to_owned()
}

#[tokio::test]
async fn a_socket_is_for_pages_of_the_list_and_for_who_is_no_page() {
    let landfall = Landfall::with(&[ORIGINS]).await;
    assert_eq!(connects(&landfall, "Origin: https://app.example.org\r\n").await, "101");
    assert_eq!(connects(&landfall, "").await, "101");
    assert_eq!(connects(&landfall, "Origin: https://evil.example.org\r\n").await, "403");
    assert_eq!(connects(&landfall, "Origin: null\r\n").await, "403");
    let open = Landfall::start().await;
    assert_eq!(connects(&open, "Origin: https://evil.example.org\r\n").await, "101");
}

#[tokio::test]
async fn a_stream_is_read_by_pages_of_the_list_alone() {
    let landfall = Landfall::with(&[ORIGINS]).await;
    let head = async |origin: &str| {
        let (mut raw, token) = (Raw::open(landfall.address).await, token("u", "student"));
        let head =
            format!("GET /api/v1/stream HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}");
        raw.send(format!("{head}\r\nOrigin: {origin}\r\n\r\n").as_bytes()).await;
        raw.head().await.to_lowercase()
    };
    let ours = head("https://app.example.org").await;
    assert!(
        ours.contains("\r\naccess-control-allow-origin: https://app.example.org\r\n"),
        "{ours}"
    );
    let strangers = head("https://evil.example.org").await;
    assert!(strangers.starts_with("http/1.1 403 ") && !strangers.contains(ALLOWED), "{strangers}");
}

#[tokio::test]
async fn https_is_asked_for_where_it_is_offered() {
    let health = async |landfall: &Landfall| {
        let answer = call(landfall, ("GET", "/health"), "", &[], String::new()).await;
        assert_eq!(answer.header("x-frame-options"), "DENY");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
        assert_eq!(answer.header("cache-control"), "no-store");
        answer.header("strict-transport-security").to_owned()
    };
    let url = "LANDFALL_SERVER_PUBLIC_URL";
    let secure = Landfall::with(&[(url, "https://notify.example.org")]).await;
    assert_eq!(health(&secure).await, "max-age=31536000");
    let plain = Landfall::with(&[(url, "http://notify.example.org")]).await;
    assert_eq!(health(&plain).await, "");
    assert_eq!(health(&Landfall::start().await).await, "");
}
