//! Suppressions as an admin sees and lifts them.

use landfall_core::channel::Channel;
use landfall_core::id::Tenant;
use landfall_core::time::Timestamp;
use landfall_server::clock::now_ms;
use landfall_store::{Suppression, Unit, Write};
use serde_json::{Value, json};

use crate::harness::{Answer, Server, admin, service, token_in};

const SUPPRESSIONS: &str = "/api/v1/admin/suppressions";
const PHONE: &str = "+15550001111";

/// Suppresses addresses as their providers would have it.
pub async fn suppress(server: &Server, addresses: &[(Channel, &str)]) {
    let tenant = Tenant::parse("default").unwrap();
    for (channel, address) in addresses {
        let suppression = Suppression {
            channel: *channel,
            address: server.app.services.address_hash(&tenant, *channel, address),
            reason: "gone: 550 5.1.1".into(),
            source: "provider".into(),
            at: Timestamp::from_ms(now_ms()),
        };
        let writes = vec![Write::Suppress(Box::new(suppression))];
        server.store.commit(Unit { writes, ..Unit::new(&tenant) }).await.unwrap();
    }
}

async fn lift(server: &Server, token: &str, channel: &str, address: &str) -> Answer {
    let body = json!({ "channel": channel, "address": address });
    server.call(token, "DELETE", SUPPRESSIONS, body).await
}

async fn list(server: &Server, query: &str) -> Value {
    let answer = server.get(&admin(), &format!("{SUPPRESSIONS}{query}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

#[tokio::test]
async fn an_admin_lets_an_address_off_and_the_trail_does_not_tell_it() {
    let server = Server::start().await;
    suppress(&server, &[(Channel::Email, "ana@home.example"), (Channel::Sms, PHONE)]).await;
    let stranger = token_in("acme", "root", &["admin"]);
    assert_eq!(lift(&server, &stranger, "sms", PHONE).await.status, 404);
    assert_eq!(lift(&server, &admin(), "email", PHONE).await.status, 422);
    // Mailboxes are looked up without regard to capitals.
    let lifted = lift(&server, &admin(), "email", "Ana@home.example").await;
    assert_eq!((lifted.status, lifted.text.as_str()), (204, ""));
    assert_eq!(lift(&server, &admin(), "email", "ana@home.example").await.status, 404);
    let left = list(&server, "").await;
    assert_eq!(left["items"].as_array().unwrap().len(), 1);
    assert_eq!(left["items"][0]["channel"], "sms");
    let trail = server.get(&admin(), "/api/v1/admin/audit?action=suppression_lifted").await;
    let entry = &trail.json()["items"][0];
    assert_eq!(entry["metadata"]["reason"], "gone: 550 5.1.1", "{entry}");
    assert_eq!(entry["user_id"], "root", "{entry}");
    let all = server.get(&admin(), "/api/v1/admin/audit").await.text;
    assert!(!all.to_lowercase().contains("ana@home") && !all.contains(PHONE), "{all}");
}

#[tokio::test]
async fn the_list_pages_by_channel_and_shows_no_address() {
    let server = Server::start().await;
    let mailboxes: Vec<String> = (0..4).map(|n| format!("u{n}@home.example")).collect();
    let mut all: Vec<(Channel, &str)> = vec![(Channel::Sms, PHONE)];
    all.extend(mailboxes.iter().map(|text| (Channel::Email, text.as_str())));
    suppress(&server, &all).await;
    let (mut query, mut seen) = ("?limit=2".to_owned(), Vec::new());
    loop {
        let page = list(&server, &query).await;
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= 2 && !page.to_string().contains("home.example"), "{page}");
        seen.extend(items.iter().map(|item| item["address_hash"].as_str().unwrap().to_owned()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        query = format!("?limit=2&cursor={cursor}");
    }
    let known = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!((known, seen.len()), (5, 5));
    let sms = list(&server, "?channel=sms").await;
    assert_eq!(sms["items"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&sms["items"][0]["source"], &sms["next_cursor"]),
        (&json!("provider"), &json!(null))
    );
    let first = list(&server, "?limit=2").await;
    let other =
        format!("{SUPPRESSIONS}?channel=sms&cursor={}", first["next_cursor"].as_str().unwrap());
    assert_eq!(server.get(&admin(), &other).await.pointers(), ["/query/cursor"]);
}

#[tokio::test]
async fn only_an_admin_may_and_what_is_no_address_is_named() {
    let server = Server::start().await;
    assert_eq!(server.get(&service(), SUPPRESSIONS).await.status, 403);
    assert_eq!(lift(&server, &service(), "sms", PHONE).await.status, 403);
    for (channel, address, pointer) in [
        ("push", PHONE, "/channel"),
        ("", PHONE, "/channel"),
        ("sms", "15550001111", "/address"),
        ("email", "nobody", "/address"),
    ] {
        let answer = lift(&server, &admin(), channel, address).await;
        assert_eq!((answer.status, answer.pointers()), (422, vec![pointer.to_owned()]));
        assert!(address.is_empty() || !answer.text.contains(address), "{}", answer.text);
    }
    let query = format!("{SUPPRESSIONS}?channel=push");
    assert_eq!(server.get(&admin(), &query).await.pointers(), ["/query/channel"]);
}
