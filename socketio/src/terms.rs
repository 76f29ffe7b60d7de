//! What a server and its clients agree on at the beginning: intervals, limits, and the packet that tells them. Reads no
//! setting; the caller brings them.

use serde::Serialize;

use crate::id::EngineId;

/// Packets in the body of one poll at most: `python-engineio` drops a connection that brings more.
pub const PACKETS_MAX: usize = 16;
/// Binary parts of one packet at most, as `socket.io-parser` from 4.2.6 on.
pub const PARTS_MAX: u8 = 10;
/// Digits of an acknowledgement id at most: what fits an unsigned number of 64 bits however it begins.
pub const ACK_DIGITS_MAX: usize = 19;
/// Arguments of one event or acknowledgement at most, its name not counted.
pub const ARGUMENTS_MAX: usize = 32;

/// Intervals in milliseconds and limits in bytes; the first three are told to the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Terms {
    /// From one ping to the next.
    pub ping_interval_ms: u64,
    /// How long after a ping silence means that the client is gone.
    pub ping_timeout_ms: u64,
    /// The largest body of a post, and the largest message on a socket, in bytes.
    pub max_payload: usize,
    /// How long a client may take from the open packet to its first connect that is accepted.
    pub connect_ms: u64,
    /// How long a socket may take from its handshake to the upgrade.
    pub upgrade_ms: u64,
    /// How long what a closed session still has to say is kept for its next poll.
    pub closing_ms: u64,
    /// How long a poll in the middle of an upgrade is held before it is answered with a noop: without it, a client that
    /// polls on until its upgrade would spin.
    pub noop_ms: u64,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            ping_interval_ms: 30_000,
            ping_timeout_ms: 20_000,
            max_payload: 65_536,
            connect_ms: 10_000,
            upgrade_ms: 10_000,
            closing_ms: 5_000,
            noop_ms: 100,
        }
    }
}

/// How a client reaches the server: the `transport` of its query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    /// Polls and posts.
    Polling,
    /// One WebSocket.
    WebSocket,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Open<'a> {
    sid: &'a str,
    upgrades: &'a [&'a str],
    ping_interval: u64,
    ping_timeout: u64,
    max_payload: usize,
}

impl Terms {
    /// Tells after how much silence a client counts as gone, in milliseconds; the client gives up after the same time.
    pub const fn silence_ms(&self) -> u64 {
        self.ping_interval_ms.saturating_add(self.ping_timeout_ms)
    }

    /// Writes the packet that a session begins with: `0{"sid":…}`, the answer to the first poll or the first message on
    /// a socket.
    pub fn open_packet(&self, id: &EngineId, transport: Transport) -> String {
        let open = Open {
            sid: &id.reveal(),
            upgrades: match transport {
                Transport::Polling => &["websocket"],
                Transport::WebSocket => &[],
            },
            ping_interval: self.ping_interval_ms,
            ping_timeout: self.ping_timeout_ms,
            max_payload: self.max_payload,
        };
        let json = serde_json::to_string(&open).expect("texts and numbers can be written");
        format!("0{json}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(transport: Transport, expected: &str) {
        let terms = Terms {
            ping_interval_ms: 300,
            ping_timeout_ms: 200,
            max_payload: 1_000_000,
            ..Terms::default()
        };
        assert_eq!(terms.open_packet(&EngineId::new([0; 16]), transport), expected);
    }

    #[test]
    fn the_open_packet_has_five_keys() {
        check(
            Transport::Polling,
            r#"0{"sid":"AAAAAAAAAAAAAAAAAAAAAA","upgrades":["websocket"],"pingInterval":300,"pingTimeout":200,"maxPayload":1000000}"#,
        );
        check(
            Transport::WebSocket,
            r#"0{"sid":"AAAAAAAAAAAAAAAAAAAAAA","upgrades":[],"pingInterval":300,"pingTimeout":200,"maxPayload":1000000}"#,
        );
    }

    #[test]
    fn silence_is_an_interval_and_a_timeout() {
        assert_eq!(Terms::default().silence_ms(), 50_000);
    }
}
