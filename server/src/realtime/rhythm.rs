//! The heartbeat: once a second, the connections whose turn it is.
//!
//! One timer for all connections. Each turn compares the node's positions with the store's heads
//! in one question, so that a lost nudge costs seconds and never a message. A turn waits for
//! nothing: a store that does not answer must not keep tokens alive or clients waiting.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use landfall_core::feed::{FeedKey, FeedKind, Head, Number};
use landfall_core::id::TopicId;
use landfall_protocol::problem::CloseCode;
use landfall_store::StoreError;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::connection::Connection;
use super::hub::Hub;
use crate::service::Services;

/// So long the store may take to say where feeds stand; the heartbeats go out all the same.
const HEADS_WAIT: Duration = Duration::from_secs(5);

/// Beats until it is cancelled.
pub async fn beat(hub: Arc<Hub>, services: Arc<Services>, cancel: CancellationToken) {
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    // As many as turns fit into the wait: each ends by itself.
    let mut comparing = JoinSet::new();
    loop {
        tokio::select! {
            () = cancel.cancelled() => return,
            _ = ticks.tick() => {}
        }
        while comparing.try_join_next().is_some() {}
        let turned = catch_unwind(AssertUnwindSafe(|| turn(&hub, &services)));
        match turned {
            Ok(alive) if alive.is_empty() => {}
            Ok(alive) => {
                comparing.spawn(compare_and_beat(Arc::clone(&services), alive));
            }
            // The panic hook has told it; without a next second nobody would ever be closed.
            Err(_) => tracing::error!("a turn of the heartbeat panicked"),
        }
    }
}

/// Closes who is to be closed, and gives those to whom a heartbeat is due.
fn turn(hub: &Hub, services: &Services) -> Vec<Arc<Connection>> {
    let second = hub.seconds.fetch_add(1, Ordering::Relaxed) + 1;
    for connection in hub.take_expired(services.now()) {
        connection.close(&mut connection.lock(), CloseCode::Policy, "the token has expired");
    }
    for connection in hub.take_overdue(second) {
        let reason = "a message was begun and not ended";
        connection.close(&mut connection.lock(), CloseCode::TryLater, reason);
    }
    let slot = second as usize % hub.slots.len();
    let silence = hub.settings.silence_seconds;
    let mut alive = Vec::new();
    for connection in hub.connections(Some(slot)) {
        let heard_at = connection.heard_at.load(Ordering::Relaxed);
        // What cannot speak is not silent: a stream ends when the system cannot deliver to it.
        if connection.codec.hears() && second.saturating_sub(heard_at) > silence {
            connection.close(&mut connection.lock(), CloseCode::Normal, "nothing was heard");
        } else {
            alive.push(connection);
        }
    }
    ask_the_silent(&alive, second, hub.settings.heartbeat_seconds);
    alive
}

/// Pings those who have said nothing for a period. Every WebSocket client answers that by itself,
/// so that an app which only listens is not taken for dead.
fn ask_the_silent(alive: &[Arc<Connection>], second: u32, period: u32) {
    for connection in alive {
        if second.saturating_sub(connection.heard_at.load(Ordering::Relaxed)) >= period {
            connection.ping();
        }
    }
}

async fn compare_and_beat(services: Arc<Services>, alive: Vec<Arc<Connection>>) {
    let subscribed: Vec<_> =
        alive.iter().filter(|connection| connection.is_subscribed()).cloned().collect();
    let data = |connection: &Arc<Connection>| {
        Arc::new(FeedKey { kind: FeedKind::Data, ..(*connection.feed).clone() })
    };
    let mut followed: BTreeMap<Arc<FeedKey>, Vec<(&Arc<Connection>, TopicId)>> = BTreeMap::new();
    for connection in &alive {
        for (topic, feed) in connection.topics() {
            followed.entry(feed).or_default().push((connection, topic));
        }
    }
    let inboxes = alive.iter().map(|connection| Arc::clone(&connection.feed));
    let feeds = inboxes.chain(subscribed.iter().map(data)).chain(followed.keys().cloned());
    let heads = services.store.heads(feeds.collect());
    let heads = beat_with(heads, &alive, HEADS_WAIT).await;
    let mut others = heads.iter().skip(alive.len());
    for (connection, head) in subscribed.iter().zip(&mut others) {
        connection.on_data_head(head.newest);
    }
    for (followers, head) in followed.into_values().zip(others) {
        for (connection, topic) in followers {
            connection.on_topic_head(&topic, head.newest);
        }
    }
}

/// Sends the heartbeats, with the heads of the inboxes where they are told in time; gives all heads
/// that are.
async fn beat_with(
    heads: impl Future<Output = Result<Vec<Head>, StoreError>>,
    alive: &[Arc<Connection>],
    wait: Duration,
) -> Vec<Head> {
    match tokio::time::timeout(wait, heads).await {
        Ok(Ok(heads)) => {
            for (connection, head) in alive.iter().zip(&heads) {
                connection.on_beat(head.newest);
            }
            return heads;
        }
        Ok(Err(error)) => tracing::warn!(%error, "heads could not be compared"),
        Err(_) => tracing::warn!("heads could not be compared: the store does not answer"),
    }
    // The sockets stay; each learns where its feed stands once the store is back.
    for connection in alive {
        connection.on_beat(Number::ZERO);
    }
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::realtime::fixture;

    #[tokio::test]
    async fn a_store_that_hangs_holds_up_no_heartbeat() {
        let hub = fixture::hub();
        let (connection, mut client) = fixture::live(&hub);
        let hung = std::future::pending();
        fixture::soon(beat_with(hung, &[connection], Duration::from_millis(1))).await;
        assert_eq!(fixture::text(&mut client).await, r#"{"type":"heartbeat","newest":"0"}"#);
    }
}
