//! What runs by itself must serve every tenant, also beside one whose rows cannot be written.

use std::sync::Arc;

use landfall_core::id::{Tenant, UserId};
use landfall_core::time::Timestamp;
use landfall_server::clock::{Clock, now_ms};
use landfall_server::service::{Parts, Services, Settings};
use serde_json::{Value, json};

use crate::harness::{Server, parts, token_in};

/// Services over the server's store that expand one user at a time and live in the future.
fn services(server: &Server) -> Services {
    let later = Timestamp::from_ms(now_ms() + 60_000);
    let parts = parts(Arc::clone(&server.store));
    let settings = Settings { chunk: 1, ..parts.settings.clone() };
    Services::new(Parts { clock: Clock::fixed(later), settings, ..parts })
}

async fn notify(server: &Server, tenant: &str, to: Value) {
    let token = token_in(tenant, "backend", &["service"]);
    let mut body = json!({ "notification_type": "news", "message": "m", "ttl": 1 });
    body.as_object_mut().unwrap().extend(to.as_object().unwrap().clone());
    let answer = server.call(&token, "POST", "/notify", body).await;
    assert_eq!(answer.status, 202, "{}", answer.text);
}

async fn unread(server: &Server, tenant: &str) -> u64 {
    let (tenant, user) = (Tenant::parse(tenant).unwrap(), UserId::parse("a").unwrap());
    server.store.unread(&tenant, &user).await.unwrap().0
}

/// Makes every write of a kind fail for the tenant `bad`.
fn break_writes(server: &Server, event: &str) {
    let sqlite = format!(
        "create trigger broken before {event} on notification when new.tenant = 'bad'
         begin select raise(abort, 'broken'); end"
    );
    let postgres = format!(
        "create function broken() returns trigger language plpgsql
             as $$ begin raise exception 'broken'; end $$;
         create trigger broken before {event} on notification for each row
             when (new.tenant = 'bad') execute function broken()"
    );
    server.behind_its_back(&sqlite, &postgres);
}

#[tokio::test]
async fn a_send_that_cannot_be_expanded_holds_up_nobody_elses() {
    let server = Server::start().await;
    for tenant in ["bad", "good"] {
        notify(&server, tenant, json!({ "user_ids": ["a", "b"] })).await;
    }
    break_writes(&server, "insert");
    let services = services(&server);
    assert_eq!(services.expand_sends().await.unwrap(), 1);
    assert_eq!((unread(&server, "bad").await, unread(&server, "good").await), (0, 1));
    while services.expand_sends().await.is_ok() {}
    assert_eq!(unread(&server, "good").await, 1);
    services.expand_sends().await.unwrap_err();
}

#[tokio::test]
async fn more_tenants_than_fit_a_round_all_get_their_turn() {
    let server = Server::start().await;
    let tenants: Vec<String> = (0..70).map(|n| format!("t{n:02}")).collect();
    for tenant in &tenants {
        notify(&server, tenant, json!({ "user_ids": ["a", "b", "c"] })).await;
    }
    let services = services(&server);
    for _ in 0..2 {
        services.expand_sends().await.unwrap();
    }
    for tenant in &tenants {
        assert_eq!(unread(&server, tenant).await, 1, "{tenant}");
    }
}

#[tokio::test]
async fn one_that_cannot_expire_holds_up_nobody_elses() {
    let server = Server::start().await;
    for tenant in ["bad", "good", "good"] {
        notify(&server, tenant, json!({ "user_id": "a" })).await;
    }
    break_writes(&server, "update");
    let services = services(&server);
    assert_eq!(services.expire(9).await.unwrap(), 2);
    services.expire(9).await.unwrap_err();
}
