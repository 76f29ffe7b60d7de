//! How frames go over a wire: as WebSocket messages, or as the text of an event stream.
//!
//! Decides no frame, only its bytes. What many connections share is made once for each codec.

use std::cell::OnceCell;

use bytes::Bytes;
use landfall_core::feed::Number;
use landfall_core::notification::InboxChange;
use landfall_core::session::Frame;
use landfall_protocol::frame as protocol;
use landfall_protocol::frame::{ControlFrame, Reference, TopicFrame};
use landfall_protocol::problem::{CloseCode, Code};
use landfall_protocol::text::FeedNumber;

use super::frame;

/// Which of the two a connection speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Codec {
    /// Messages both ways.
    WebSocket,
    /// Events one way: the client answers nothing here, and confirms by a call of its own.
    EventStream,
}

/// Whoever was let go for want of room or speed waits so long, where the codec can say so.
const LATER_MS: u64 = 5_000;
/// How long a browser waits before it comes back to a stream that broke: at least, and how much
/// more at most, so that not all come at once.
const RETRY_MS: u64 = 1_000;
const RETRY_SPREAD_MS: u64 = 4_000;

impl Codec {
    /// Says whether the client says anything by itself, so that its silence means something.
    pub(super) fn hears(self) -> bool {
        self == Self::WebSocket
    }

    /// Writes a frame for one session.
    pub(super) fn frame(self, frame: &Frame) -> Bytes {
        match self {
            Self::WebSocket => frame::text(&protocol::encode(frame)),
            Self::EventStream => protocol::encode_event(frame).into(),
        }
    }

    /// Writes a frame for one session behind others that go out with it.
    pub(super) fn append(self, frames: &mut Vec<u8>, frame: &Frame) {
        match self {
            Self::WebSocket => frame::append_text(frames, &protocol::encode(frame)),
            Self::EventStream => frames.extend_from_slice(&protocol::encode_event(frame)),
        }
    }

    /// Writes a frame of the protocol.
    pub(super) fn control(self, frame: &ControlFrame) -> Bytes {
        match self {
            Self::WebSocket => frame::text(&frame.encode()),
            Self::EventStream => frame.encode_event(None, None).into(),
        }
    }

    /// Writes what a topic's followers are told, with the client's mark where it answers.
    pub(super) fn topic(self, frame: &TopicFrame, reference: Option<&Reference>) -> Bytes {
        frame::text(&frame.encode(reference))
    }

    /// Writes a heartbeat; `sent` is the number up to which everything was sent, where that is
    /// settled. An event stream gives it to its client to come back with.
    pub(super) fn heartbeat(self, newest: Number, sent: Option<Number>) -> Bytes {
        let beat = ControlFrame::Heartbeat { newest: FeedNumber(newest) };
        match self {
            Self::WebSocket => frame::text(&beat.encode()),
            Self::EventStream => beat.encode_event(sent, None).into(),
        }
    }

    /// Asks for a sign of life, where there is a way to answer.
    pub(super) fn ping(self, payload: &[u8]) -> Option<Bytes> {
        self.hears().then(|| frame::ping(payload))
    }

    /// Writes what a connection with this id begins with, before any frame.
    pub(super) fn opening(self, id: u64) -> Option<Bytes> {
        // Neighbours fall far from each other; nothing here needs to be unforeseeable.
        let retry_ms = RETRY_MS + id.wrapping_mul(1_597) % RETRY_SPREAD_MS;
        (self == Self::EventStream).then(|| protocol::encode_opening(retry_ms).into())
    }

    /// Writes the last thing that a connection says.
    pub(super) fn farewell(self, code: CloseCode, reason: &str) -> Option<Bytes> {
        if self == Self::WebSocket {
            return Some(frame::close(code.number(), reason));
        }
        let (error, retry_ms) = match code {
            // The client is gone, or was told when to come back.
            CloseCode::Normal | CloseCode::Restart => return None,
            CloseCode::Policy => (Code::Unauthenticated, None),
            CloseCode::TryLater => (Code::Unavailable, Some(LATER_MS)),
            CloseCode::Protocol
            | CloseCode::BadText
            | CloseCode::TooLarge
            | CloseCode::Internal => (Code::Internal, Some(LATER_MS)),
        };
        let detail = reason.to_owned();
        let frame = ControlFrame::Error { code: error, detail, reference: None };
        Some(frame.encode_event(None, retry_ms).into())
    }
}

/// A live change of an inbox on its way to many: its bytes are made at the first who needs them.
pub(super) struct Shared<'a> {
    pub(super) number: Number,
    pub(super) change: &'a InboxChange,
    message: OnceCell<Bytes>,
    event: OnceCell<Bytes>,
}

impl<'a> Shared<'a> {
    pub(super) fn new(number: Number, change: &'a InboxChange) -> Self {
        Self { number, change, message: OnceCell::new(), event: OnceCell::new() }
    }

    /// Gives the bytes that all connections of this codec share.
    pub(super) fn bytes(&self, codec: Codec) -> Bytes {
        let Self { number, change, .. } = self;
        let bytes = match codec {
            Codec::WebSocket => {
                self.message.get_or_init(|| frame::text(&protocol::encode_change(*number, change)))
            }
            Codec::EventStream => {
                self.event.get_or_init(|| protocol::encode_change_event(*number, change).into())
            }
        };
        bytes.clone()
    }
}
