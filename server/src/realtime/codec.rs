//! How frames go over a wire: as WebSocket messages, or as the text of an event stream.
//!
//! Decides no frame, only its bytes. What many connections share is made once for each codec.

use std::cell::OnceCell;

use bytes::Bytes;
use landfall_core::feed::Number;
use landfall_core::notification::InboxChange;
use landfall_core::session::Frame;
use landfall_protocol::frame as protocol;
use landfall_protocol::frame::{ControlFrame, SyncCompleteFrame, TopicFrame};
use landfall_protocol::problem::{CloseCode, Code};
use landfall_protocol::text::FeedNumber;

use super::frame;
use super::mark::Mark;
use super::socketio::emit;

/// Which of them a connection speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Codec {
    /// Messages both ways.
    WebSocket,
    /// Events and acknowledgements both ways, each in a message.
    SocketIo,
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
        self != Self::EventStream
    }

    /// Says whether clients come back when the server told them to, not by a clock of their own.
    pub(super) fn comes_back_as_told(self) -> bool {
        self != Self::SocketIo
    }

    /// Writes a frame for one session.
    pub(super) fn frame(self, frame: &Frame) -> Bytes {
        match self {
            Self::WebSocket => frame::text(&protocol::encode(frame)),
            Self::SocketIo => emit::event(protocol::event_name(frame), &protocol::encode(frame)),
            Self::EventStream => protocol::encode_event(frame).into(),
        }
    }

    /// Writes a frame for one session behind others that go out with it.
    pub(super) fn append(self, frames: &mut Vec<u8>, frame: &Frame) {
        match self {
            Self::WebSocket => frame::append_text(frames, &protocol::encode(frame)),
            Self::SocketIo => {
                let name = protocol::event_name(frame);
                emit::append_event(frames, name, &protocol::encode(frame));
            }
            Self::EventStream => frames.extend_from_slice(&protocol::encode_event(frame)),
        }
    }

    /// Writes a frame of the protocol.
    pub(super) fn control(self, frame: &ControlFrame) -> Bytes {
        match self {
            Self::WebSocket => frame::text(&frame.encode()),
            Self::SocketIo => emit::event(frame.name(), &frame.encode()),
            Self::EventStream => frame.encode_event(None, None).into(),
        }
    }

    /// Writes what answers a frame of the client.
    pub(super) fn control_answer(self, frame: &ControlFrame, mark: &Mark) -> Bytes {
        match mark {
            Mark::Ack(id) => emit::done(id, &frame.encode()),
            Mark::None | Mark::Ref(_) => self.control(frame),
        }
    }

    /// Writes why something that a client said does nothing.
    pub(super) fn refusal(self, code: Code, detail: &str, mark: &Mark) -> Bytes {
        if let Mark::Ack(id) = mark {
            return emit::refused(id, code, detail);
        }
        let (detail, reference) = (detail.to_owned(), mark.reference().cloned());
        self.control(&ControlFrame::Error { code, detail, reference })
    }

    /// Writes what a topic's followers are told.
    pub(super) fn news(self, frame: &TopicFrame) -> Bytes {
        match self {
            Self::SocketIo => emit::event(frame.name(), &frame.payload()),
            Self::WebSocket | Self::EventStream => frame::text(&frame.encode(None)),
        }
    }

    /// Writes what answers an ask about a topic; a Socket.IO client that wants no acknowledgement gets none.
    pub(super) fn answer(self, frame: &TopicFrame, mark: &Mark) -> Option<Bytes> {
        match (self, mark) {
            (_, Mark::Ack(id)) => Some(emit::done(id, &frame.payload())),
            (Self::SocketIo, _) => None,
            _ => Some(frame::text(&frame.encode(mark.reference()))),
        }
    }

    /// Writes what became of work that a device brought.
    pub(super) fn synced(self, frame: &SyncCompleteFrame, mark: &Mark) -> Option<Bytes> {
        let bytes = frame.encode();
        match (self, mark) {
            (_, Mark::Ack(id)) => Some(emit::done(id, &bytes)),
            (Self::SocketIo, _) => Some(emit::event(SyncCompleteFrame::TYPE, &bytes)),
            _ => Some(frame::text(&bytes)),
        }
    }

    /// Writes a heartbeat; `sent` is the number up to which everything was sent, where that is
    /// settled. An event stream gives it to its client to come back with.
    pub(super) fn heartbeat(self, newest: Number, sent: Option<Number>) -> Bytes {
        let beat = ControlFrame::Heartbeat { newest: FeedNumber(newest) };
        match self {
            Self::WebSocket => frame::text(&beat.encode()),
            // Their own sign of life, which has no room for a number.
            Self::SocketIo => emit::ping(),
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
        match self {
            Self::EventStream => {}
            Self::WebSocket => return Some(frame::close(code.number(), reason)),
            Self::SocketIo if code == CloseCode::Policy => {
                let mut farewell =
                    self.refusal(Code::Unauthenticated, reason, &Mark::None).to_vec();
                farewell.extend(emit::put_out());
                farewell.extend_from_slice(&frame::close(code.number(), reason));
                return Some(farewell.into());
            }
            Self::SocketIo => return Some(frame::close(code.number(), reason)),
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
    socketio: OnceCell<Bytes>,
    event: OnceCell<Bytes>,
}

impl<'a> Shared<'a> {
    pub(super) fn new(number: Number, change: &'a InboxChange) -> Self {
        let (message, socketio, event) = (OnceCell::new(), OnceCell::new(), OnceCell::new());
        Self { number, change, message, socketio, event }
    }

    /// Gives the bytes that all connections of this codec share.
    pub(super) fn bytes(&self, codec: Codec) -> Bytes {
        let Self { number, change, .. } = self;
        let bytes = match codec {
            Codec::WebSocket => {
                self.message.get_or_init(|| frame::text(&protocol::encode_change(*number, change)))
            }
            Codec::SocketIo => self.socketio.get_or_init(|| {
                let name = protocol::change_event_name(change);
                emit::event(name, &protocol::encode_change(*number, change))
            }),
            Codec::EventStream => {
                self.event.get_or_init(|| protocol::encode_change_event(*number, change).into())
            }
        };
        bytes.clone()
    }
}
