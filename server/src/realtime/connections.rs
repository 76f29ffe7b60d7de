//! What services ask of the hub, without knowing of sockets.

use std::collections::HashMap;

use landfall_core::auth::Revoked;
use landfall_core::feed::{FeedKey, Number};
use landfall_core::id::{Tenant, TopicId, UserId};
use landfall_store::Revocation;

use super::hub::Hub;
use crate::service::Connections;

impl Connections for Hub {
    fn count(&self, feed: &FeedKey) -> usize {
        self.count_of(feed)
    }

    /// A user's connections are found by their inbox; a single token's only by a walk over all, which
    /// one batch of revocations pays once.
    fn close_revoked(&self, revoked: &[&Revocation]) {
        let mut tokens: HashMap<&Tenant, Vec<&Revocation>> = HashMap::new();
        for revocation in revoked {
            match &revocation.of {
                Revoked::Token(_) => tokens.entry(&revocation.tenant).or_default().push(revocation),
                Revoked::User(user) => {
                    for connection in self.followers(&FeedKey::inbox(&revocation.tenant, user)) {
                        connection.close_if_revoked(&[revocation]);
                    }
                }
            }
        }
        if tokens.is_empty() {
            return;
        }
        for connection in self.connections(None) {
            if let Some(revocations) = tokens.get(&connection.feed.tenant) {
                connection.close_if_revoked(revocations);
            }
        }
    }

    fn confirmed(&self, feed: &FeedKey, up_to: Number) {
        for connection in self.followers(feed) {
            let _stored = connection.on_ack(up_to);
        }
    }

    fn resync(&self) {
        self.resync_all();
    }

    fn has_joined(&self, tenant: &Tenant, user: &UserId, topic: &TopicId) -> bool {
        let connections = self.followers(&FeedKey::inbox(tenant, user));
        connections.iter().any(|connection| connection.has_joined(topic))
    }
}
