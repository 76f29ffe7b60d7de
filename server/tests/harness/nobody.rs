//! A hub to which nobody is connected.

use landfall_core::feed::{FeedKey, Number};
use landfall_core::id::{Tenant, TopicId, UserId};
use landfall_server::app::{Connected, LiveCounters, LiveStats};
use landfall_server::service::Connections;
use landfall_store::Revocation;

/// No socket is open.
pub struct Nobody;

impl Connections for Nobody {
    fn count(&self, _: &FeedKey) -> usize {
        0
    }

    fn close_revoked(&self, _: &[&Revocation]) {}
    fn confirmed(&self, _: &FeedKey, _: Number) {}
    fn has_joined(&self, _: &Tenant, _: &UserId, _: &TopicId) -> bool {
        false
    }
    fn resync(&self) {}
}

impl LiveStats for Nobody {
    fn connected(&self, _: &Tenant) -> Connected {
        Connected::default()
    }

    fn total_connections(&self) -> u64 {
        0
    }
    fn active_users(&self) -> u64 {
        0
    }
    fn average_duration_seconds(&self) -> u64 {
        0
    }
    fn counters(&self) -> LiveCounters {
        LiveCounters { frames_sent: 5, ..LiveCounters::default() }
    }
}
