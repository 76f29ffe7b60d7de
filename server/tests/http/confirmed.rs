//! An acknowledgement over HTTP must reach the user's live connections, with what was stored and no more.

use std::sync::{Arc, Mutex};

use landfall_core::auth::Caller;
use landfall_core::feed::{FeedKey, Number};
use landfall_core::id::{Tenant, TopicId, UserId};
use landfall_core::time::Timestamp;
use landfall_server::clock::{Clock, now_ms};
use landfall_server::service::{Connections, Parts, Services};
use landfall_store::Revocation;
use serde_json::json;

use crate::harness::{Server, parts, token_in};

/// Notes what connections would hear.
#[derive(Default)]
struct Heard(Mutex<Vec<(FeedKey, Number)>>);

impl Connections for Heard {
    fn count(&self, _: &FeedKey) -> usize {
        0
    }

    fn close_revoked(&self, _: &[&Revocation]) {}
    fn confirmed(&self, feed: &FeedKey, up_to: Number) {
        self.0.lock().unwrap().push((feed.clone(), up_to));
    }
    fn has_joined(&self, _: &Tenant, _: &UserId, _: &TopicId) -> bool {
        false
    }

    fn resync(&self) {}
}

#[tokio::test]
async fn connections_hear_what_was_acknowledged_and_nothing_of_the_future() {
    let server = Server::start().await;
    let sender = token_in("t", "backend", &["service"]);
    for _ in 0..3 {
        let body = json!({ "notification_type": "news", "message": "m", "user_id": "ada" });
        assert_eq!(server.call(&sender, "POST", "/notify", body).await.status, 202);
    }
    let heard = Arc::new(Heard::default());
    let services = Services::new(Parts {
        clock: Clock::fixed(Timestamp::from_ms(now_ms())),
        connections: Arc::clone(&heard) as Arc<dyn Connections>,
        ..parts(Arc::clone(&server.store))
    });
    let caller = Caller {
        tenant: Tenant::parse("t").unwrap(),
        user: UserId::parse("ada").unwrap(),
        name: None,
        locale: None,
        tz: None,
        roles: Vec::new(),
        scopes: std::iter::empty().collect(),
        expires_at: Timestamp::from_ms(i64::MAX),
        token_id: None,
        issued_at: None,
    };
    let feed = FeedKey::inbox(&caller.tenant, &caller.user);
    for (up_to, stored, told) in [(2, 2, 2), (1_000, 1, 3)] {
        let confirmed = services.acknowledge(&caller, Number(up_to), Some("tablet")).await;
        assert_eq!(confirmed.unwrap(), stored);
        assert_eq!(heard.0.lock().unwrap().pop(), Some((feed.clone(), Number(told))));
    }
}
