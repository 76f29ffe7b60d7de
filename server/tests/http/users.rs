//! Profiles: one's own and others', changed in part and as a whole, met by a token.

use landfall_core::id::{Tenant, UserId};
use serde_json::{Value, json};

use crate::harness::{Answer, Server, admin, service, sign, token};

const ME: &str = "/api/v1/users/me";
const SARAH: &str = "/api/v1/users/sarah";

fn profile() -> Value {
    json!({ "name": "Sarah Johnson", "email": "sarah@example.org", "phone": "+1234567890",
        "locale": "es-MX", "tz": "America/Mexico_City" })
}

async fn call(server: &Server, token: &str, method: &str, path: &str, body: Value) -> Answer {
    server.call(token, method, path, body).await
}

#[tokio::test]
async fn a_profile_is_made_read_changed_and_deleted() {
    let server = Server::start().await;
    let made = call(&server, &service(), "PUT", SARAH, profile()).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let sarah = token("sarah", &[]);
    let read = server.get(&sarah, ME).await.json();
    for (field, value) in profile().as_object().unwrap() {
        assert_eq!(&read[field], value, "{field}");
    }
    assert_eq!(read["id"], "sarah");
    let change = json!({ "phone": null, "locale": "en" });
    let changed = call(&server, &sarah, "PATCH", ME, change).await.json();
    assert_eq!((&changed["phone"], &changed["locale"]), (&Value::Null, &json!("en")));
    assert_eq!(changed["email"], "sarah@example.org");
    let whole = call(&server, &sarah, "PUT", ME, json!({ "name": "Sarah" })).await;
    assert_eq!((whole.status, whole.json()["email"].clone()), (200, Value::Null));
    assert_eq!(call(&server, &service(), "DELETE", SARAH, Value::Null).await.status, 204);
    assert_eq!(call(&server, &service(), "DELETE", SARAH, Value::Null).await.status, 404);
    assert_eq!(server.get(&service(), SARAH).await.status, 404);
    assert_eq!(call(&server, &service(), "PATCH", SARAH, profile()).await.status, 404);
}

#[tokio::test]
async fn others_profiles_need_the_scope() {
    let server = Server::start().await;
    call(&server, &service(), "PUT", SARAH, profile()).await;
    for caller in [token("sarah", &[]), token("ada", &["teacher"])] {
        for method in ["GET", "PUT", "PATCH", "DELETE"] {
            let body = if method.starts_with('P') { json!({}) } else { Value::Null };
            let answer = call(&server, &caller, method, SARAH, body).await;
            assert_eq!((answer.status, answer.code().as_str()), (403, "forbidden"), "{method}");
            assert!(answer.text.contains("users:manage"), "{}", answer.text);
        }
    }
}

#[tokio::test]
async fn every_wrong_field_is_named_and_nothing_is_done() {
    let server = Server::start().await;
    let cases = [
        (json!({ "phone": "123" }), "/phone"),
        (json!({ "phone_number": "+12" }), "/phone"),
        (json!({ "email": "a\r\nBcc: b@c.de" }), "/email"),
        (json!({ "email": "sarah" }), "/email"),
        (json!({ "locale": "e" }), "/locale"),
        (json!({ "tz": "Mars/Olympus" }), "/tz"),
        (json!({ "name": "x".repeat(201) }), "/name"),
        (json!({ "name": 5 }), "/name"),
    ];
    for (body, pointer) in cases {
        for (method, path) in [("PUT", SARAH), ("PATCH", ME)] {
            let answer = call(&server, &admin(), method, path, body.clone()).await;
            assert_eq!(answer.pointers(), [pointer], "{body}");
            assert!(!answer.text.contains("Bcc"), "{}", answer.text);
        }
    }
    let long = format!("/api/v1/users/{}", "x".repeat(129));
    assert_eq!(server.get(&admin(), &long).await.pointers(), ["/path/id"]);
    assert_eq!(server.get(&admin(), SARAH).await.status, 404);
}

#[tokio::test]
async fn a_tokens_first_use_makes_its_user_once() {
    let server = Server::start().await;
    let claims = json!({ "sub": "new", "exp": 4_000_000_000_u64, "name": "New One",
        "locale": "es-MX", "tz": "Mars/Olympus" });
    let new = sign(&claims);
    // Before anything is stored, a caller is what their token says, as far as it makes sense.
    let read = server.get(&new, ME).await.json();
    assert_eq!((&read["name"], &read["tz"]), (&json!("New One"), &Value::Null));
    let stored = async || {
        let (tenant, user) = (Tenant::parse("default").unwrap(), UserId::parse("new").unwrap());
        server.store.person(&tenant, &user).await.unwrap()
    };
    assert_eq!(stored().await, None);
    while server.app.services.store_strangers(10).await.unwrap() > 0 {}
    let met = stored().await.unwrap();
    assert_eq!(
        (met.name.as_deref(), met.locale.as_deref(), met.tz),
        (Some("New One"), Some("es-MX"), None)
    );
    // What they say themselves is not overwritten by later tokens, nor by a server that met nobody.
    call(&server, &new, "PATCH", ME, json!({ "name": "Other" })).await;
    server.get(&new, ME).await;
    assert_eq!(server.app.services.store_strangers(10).await.unwrap(), 0);
    assert_eq!(stored().await.unwrap().name.as_deref(), Some("Other"));
    let trail = server.get(&admin(), "/api/v1/admin/audit?action=profile_changed").await.json();
    assert_eq!(trail["items"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn writers_at_once_lose_nothing() {
    let server = Server::start().await;
    call(&server, &service(), "PUT", SARAH, json!({})).await;
    let token = service();
    let (one, two, three) = tokio::join!(
        call(&server, &token, "PATCH", SARAH, json!({ "name": "Sarah" })),
        call(&server, &token, "PATCH", SARAH, json!({ "email": "sarah@example.org" })),
        call(&server, &token, "PATCH", SARAH, json!({ "phone": "+1234567890" })),
    );
    assert_eq!([one.status, two.status, three.status], [200; 3]);
    let read = server.get(&token, SARAH).await.json();
    assert_eq!(read["name"], "Sarah");
    assert_eq!(
        (&read["email"], &read["phone"]),
        (&json!("sarah@example.org"), &json!("+1234567890"))
    );
}

#[tokio::test]
async fn deleting_a_user_takes_addresses_and_preferences_along() {
    let server = Server::start().await;
    let sarah = token("sarah", &[]);
    let device = json!({ "token": "firebase_token_here", "platform": "ios" });
    call(&server, &sarah, "POST", "/api/v1/notifications/tokens", device).await;
    let wish = json!({ "locale": "es-MX" });
    call(&server, &sarah, "POST", "/api/v1/notifications/preferences", wish).await;
    // Nobody has stored yet that the token was used.
    assert_eq!(call(&server, &sarah, "DELETE", ME, Value::Null).await.status, 204);
    let list = server.get(&sarah, "/api/v1/notifications/tokens").await.json();
    assert_eq!(list["items"], json!([]));
    let preferences = server.get(&sarah, "/api/v1/notifications/preferences").await.json();
    assert_eq!(preferences["locale"], Value::Null);
    assert_eq!(call(&server, &sarah, "DELETE", ME, Value::Null).await.status, 404);
}

#[tokio::test]
async fn the_trail_tells_which_fields_changed_and_no_address() {
    let server = Server::start().await;
    call(&server, &service(), "PUT", SARAH, profile()).await;
    call(&server, &service(), "PATCH", SARAH, json!({ "phone": "+1987654321" })).await;
    call(&server, &service(), "PATCH", SARAH, json!({})).await;
    call(&server, &service(), "DELETE", SARAH, Value::Null).await;
    let trail = server.get(&admin(), "/api/v1/admin/audit?target_user_id=sarah").await;
    let mut actions: Vec<String> = trail.json()["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["action"].as_str().unwrap().to_owned())
        .collect();
    actions.reverse();
    let expected = [
        "address_added",
        "address_added",
        "profile_changed",
        "address_removed",
        "address_added",
        "profile_changed",
        "profile_deleted",
    ];
    assert_eq!(actions, expected);
    for secret in ["1234567890", "1987654321", "sarah@example.org", "Sarah Johnson"] {
        assert!(!trail.text.contains(secret), "{secret}: {}", trail.text);
    }
}
