//! A hub with one connection on a real pair of sockets, for the tests of this folder.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use landfall_core::feed::{FeedKey, Head, Number};
use landfall_core::id::{Tenant, UserId};
use landfall_core::rate::Pace;
use landfall_core::session::{ConfirmBy, Page, PageSizes, Session, Start};
use landfall_core::time::Timestamp;
use tokio::io::AsyncReadExt as _;
use tokio::net::UnixStream;

use super::audience::Listens;
use super::codec::Codec;
use super::connection::Connection;
use super::hub::{Hub, HubSettings, Parts};
use super::wire::Wire;

pub(super) const NOW: Timestamp = Timestamp::from_ms(1_800_000_000_000);

pub(super) fn hub() -> Hub {
    Hub::new(HubSettings {
        heartbeat_seconds: 1,
        silence_seconds: 90,
        pages: PageSizes { replay: 100, page: 50 },
        queue_frames: 100,
        queue_bytes: 100_000,
        message_bytes: 65_536,
        frame_pace: Pace::new(50, 4),
        message_seconds: 30,
        json_depth: 32,
        connections: 10,
        connections_per_user: 10,
        reads: 10,
        read_mark_seconds: 5,
    })
}

/// Connects a user whose session is live, with an empty inbox; gives the client's end.
pub(super) fn live(hub: &Hub) -> (Arc<Connection>, UnixStream) {
    let (tenant, user) = (Tenant::parse("t").unwrap(), UserId::parse("ada").unwrap());
    let (wire, client) = Wire::pair(16 * 1_024).unwrap();
    let sizes = hub.settings.pages;
    let (session, _read) = Session::start(Start::After(Number::ZERO), ConfirmBy::Ack, sizes);
    let connection = hub.add(Parts {
        feed: Arc::new(FeedKey::inbox(&tenant, &user)),
        user,
        device: None,
        wire,
        codec: Codec::WebSocket,
        listens: Listens::default(),
        from: None,
        expires_at: Timestamp::from_ms(i64::MAX),
        session,
    });
    let connection = connection.map_err(|(_, why)| why).unwrap();
    connection.on_page(page(0), NOW);
    assert!(connection.lock().session.is_live());
    (connection, client)
}

/// A page without rows of a feed that stands at a number.
pub(super) fn page(newest: u64) -> Page {
    let head = Head { newest: Number(newest), ..Head::default() };
    Page { rows: Vec::new(), head, more: false }
}

/// Reads what was written: one short frame.
pub(super) async fn text(client: &mut UnixStream) -> String {
    soon(read_text(client)).await
}

/// Waits for something, but not for ever.
pub(super) async fn soon<T>(wait: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), wait).await.unwrap()
}

async fn read_text(client: &mut UnixStream) -> String {
    let mut head = [0; 2];
    client.read_exact(&mut head).await.unwrap();
    assert_eq!(head[0], 0x81, "a whole text frame");
    let mut payload = vec![0; usize::from(head[1])];
    if head[1] == 126 {
        let mut length = [0; 2];
        client.read_exact(&mut length).await.unwrap();
        payload = vec![0; usize::from(u16::from_be_bytes(length))];
    }
    client.read_exact(&mut payload).await.unwrap();
    String::from_utf8(payload).unwrap()
}
