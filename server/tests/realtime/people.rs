//! What a running server does by itself for people: it notes whom tokens name, and seals anew what
//! older keys sealed.

use landfall_core::id::{Tenant, UserId};
use landfall_server::clock::Clock;
use landfall_store::Person;
use serde_json::json;

use crate::harness::{Landfall, token, until};

async fn person(landfall: &Landfall, user: &str) -> Option<Person> {
    let store = landfall.another_hand().await;
    let (tenant, user) = (Tenant::parse("default").unwrap(), UserId::parse(user).unwrap());
    store.person(&tenant, &user).await.unwrap()
}

#[tokio::test]
async fn a_token_that_opens_a_socket_makes_its_user_once() {
    let landfall = Landfall::start().await;
    let _device = landfall.device("ada", "").await;
    until("ada is known", async || person(&landfall, "ada").await.is_some()).await;
    let folder = landfall.stop().await;
    // A server that has just started knows nobody, and reads before it writes.
    let landfall = Landfall::on(folder, &[], Clock::system()).await;
    let _device = landfall.device("ada", "").await;
    let _other = landfall.device("grace", "").await;
    until("grace is known", async || person(&landfall, "grace").await.is_some()).await;
    let made = landfall.audit("profile_changed").await;
    let ada = made.iter().filter(|entry| entry["entity_id"] == "ada").count();
    assert_eq!(ada, 1, "{made:?}");
}

#[tokio::test]
async fn a_new_key_takes_over_what_is_stored_after_a_restart() {
    const OLD: &str = "k1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let both = format!("k2:{},{OLD}", "B".repeat(42) + "A");
    let landfall = Landfall::with(&[("LANDFALL_SECRETS_KEYS", OLD)]).await;
    let phone = json!({ "phone": "+1234567890" });
    let service = token("app", "service");
    landfall.call("PUT", "/api/v1/users/sarah", &service, Some(phone)).await;
    let is_sealed_by = async |landfall: &Landfall, front: &[u8]| {
        person(landfall, "sarah").await.unwrap().phone.unwrap().bytes.starts_with(front)
    };
    assert!(is_sealed_by(&landfall, b"\x01\x02k1").await);
    let folder = landfall.stop().await;
    let settings = [("LANDFALL_SECRETS_KEYS", both.as_str())];
    let landfall = Landfall::on(folder, &settings, Clock::system()).await;
    until("k2 seals it", async || is_sealed_by(&landfall, b"\x01\x02k2").await).await;
    let sarah = landfall.call("GET", "/api/v1/users/sarah", &service, None).await;
    assert_eq!(sarah["phone"], "+1234567890");
}
