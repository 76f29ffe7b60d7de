//! A frame about topics or presence in both spellings in which connections get it, made once for all of them.

use bytes::Bytes;
use landfall_protocol::frame::TopicFrame;

use super::codec::Codec;

/// A frame in both spellings.
pub(super) struct Spelled {
    message: Bytes,
    event: Bytes,
}

impl Spelled {
    pub(super) fn new(frame: &TopicFrame) -> Self {
        Self { message: Codec::WebSocket.news(frame), event: Codec::SocketIo.news(frame) }
    }

    pub(super) fn of(&self, codec: Codec) -> Bytes {
        if codec == Codec::SocketIo { self.event.clone() } else { self.message.clone() }
    }
}
