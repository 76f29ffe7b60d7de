//! What clients say on a socket: read or refused with a reason, and the same when written again.

use landfall_protocol::frame::ClientMessage;
use landfall_protocol::problem::{CloseCode, Code};

/// Nesting, small so that inputs reach it.
const DEPTH: usize = 8;

pub(crate) fn run(data: &[u8]) {
    match ClientMessage::decode(data, DEPTH) {
        Ok(message) => {
            let written = message.encode();
            let again = ClientMessage::decode(&written, DEPTH).expect("what is written is read");
            assert_eq!(again.encode(), written);
        }
        Err(bad) => {
            assert!(matches!(bad.code, Code::Unreadable | Code::Invalid), "{bad:?}");
            assert_eq!(CloseCode::from(bad.code), CloseCode::Protocol);
            assert!(!bad.detail.is_empty());
            // An error goes back to the client and must not carry its token or whole message.
            assert!(bad.detail.len() <= 600, "{}", bad.detail);
        }
    }
}
