//! The heartbeat: once a second, the connections whose turn it is.
//!
//! One timer for all connections. Each turn compares the node's positions with the store's heads
//! in one question, so that a lost nudge costs seconds and never a message.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use landfall_protocol::problem::CloseCode;
use tokio_util::sync::CancellationToken;

use super::connection::Connection;
use super::hub::Hub;
use crate::service::Services;

/// Beats until it is cancelled.
pub async fn beat(hub: Arc<Hub>, services: Arc<Services>, cancel: CancellationToken) {
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = cancel.cancelled() => return,
            _ = ticks.tick() => turn(&hub, &services).await,
        }
    }
}

async fn turn(hub: &Hub, services: &Services) {
    let second = hub.seconds.fetch_add(1, Ordering::Relaxed) + 1;
    close_expired(hub, services);
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
    if !alive.is_empty() {
        compare_and_beat(services, &alive).await;
        ask_the_silent(&alive, second, hub.settings.heartbeat_seconds);
    }
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

async fn compare_and_beat(services: &Services, alive: &[Arc<Connection>]) {
    let feeds = alive.iter().map(|connection| Arc::clone(&connection.feed)).collect();
    match services.store.heads(feeds).await {
        Ok(heads) => {
            for (connection, head) in alive.iter().zip(heads) {
                connection.on_beat(head.newest);
            }
        }
        Err(error) => {
            // The sockets stay; each learns where its feed stands once the store is back.
            tracing::warn!(%error, "heads could not be compared");
            for connection in alive {
                connection.on_beat(landfall_core::feed::Number::ZERO);
            }
        }
    }
}

fn close_expired(hub: &Hub, services: &Services) {
    for connection in hub.take_expired(services.now()) {
        connection.close(&mut connection.lock(), CloseCode::Policy, "the token has expired");
    }
}
