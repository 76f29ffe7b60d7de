//! Frames of the realtime socket (contract 4): what the server says, and what a client may say.
//!
//! A frame that carries `replay_id` promises that this socket has been sent everything up to it;
//! this file only spells frames, the session in core decides them.

mod client;
mod encode;
mod event;
mod notification;
mod sync;
mod topic;

pub use client::{BadFrame, ClientFrame, ClientMessage, Reference};
pub use encode::{encode, encode_change};
pub use event::{change_event_name, encode_change_event, encode_event, encode_opening, event_name};
pub use notification::NotificationFrame;
pub use sync::{
    ChangeNotice, ConflictNotice, EntityTypes, Nothing, PushChange, SyncComplete, SyncCompleteFrame,
};

pub use topic::{
    JoinTopic, LeaveTopic, MarkAsRead, MessageAlert, MessagesRead, PresenceReset, SendMessage,
    TopicAsk, TopicFrame, TopicGap, TopicJoined, TopicLeft, TopicRead,
};

use landfall_core::notify::RESERVED_TYPES;
use serde::{Deserialize, Serialize};

use crate::problem::Code;
use crate::text::{FeedNumber, Time};

/// A frame of the protocol itself; its `type` is a reserved name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ControlFrame {
    /// A notification was read, on any device.
    NotificationRead {
        /// Which one.
        id: String,
        /// When.
        read_at: Time,
        /// The position on the feed.
        replay_id: FeedNumber,
        /// Nothing visible lies between this number and `replay_id`.
        prev: FeedNumber,
    },
    /// A notification was deleted, on any device.
    NotificationDeleted {
        /// Which one.
        id: String,
        /// The position on the feed.
        replay_id: FeedNumber,
        /// Nothing visible lies between this number and `replay_id`.
        prev: FeedNumber,
    },
    /// All notifications up to a number were read.
    NotificationsAllRead {
        /// Covers notifications up to this number.
        up_to: FeedNumber,
        /// When.
        read_at: Time,
        /// The position on the feed.
        replay_id: FeedNumber,
        /// Nothing visible lies between this number and `replay_id`.
        prev: FeedNumber,
    },
    /// Rows above `from`, up to and with `to`, were left out; the inbox returns them by `after`.
    /// What follows names `to` as its `prev`.
    ReplayGap {
        /// The client's number, or 0 where the feed never gave that out.
        from: FeedNumber,
        /// The last number left out.
        to: FeedNumber,
    },
    /// The connection lives; any frame of the client answers it.
    Heartbeat {
        /// The highest number of the feed.
        newest: FeedNumber,
    },
    /// A frame of the client was refused.
    Error {
        /// What went wrong; the same list as for problems.
        #[cfg_attr(feature = "openapi", schema(value_type = String))]
        code: Code,
        /// In words.
        detail: String,
        /// The `ref` of the refused frame, as it came.
        #[serde(rename = "ref", default, skip_serializing_if = "Option::is_none")]
        reference: Option<Reference>,
    },
    /// The server is about to close: come back after a while.
    Reconnect {
        /// Milliseconds to wait.
        after_ms: u64,
    },
    /// Answers `ping`.
    Pong {
        /// Nothing (S1).
        #[serde(default)]
        payload: Nothing,
    },
    /// Answers `subscribe` with all that the socket hears of now.
    Subscribed {
        /// Its types.
        payload: EntityTypes,
    },
    /// Answers `unsubscribe` with all that the socket still hears of.
    Unsubscribed {
        /// Its types.
        payload: EntityTypes,
    },
    /// An entity changed (S1).
    ChangeNotification {
        /// Which one.
        payload: ChangeNotice,
    },
    /// A conflict waits for a person (S1).
    ConflictNotification {
        /// Which one.
        payload: ConflictNotice,
    },
    /// Answers `auth`.
    Authenticated {
        /// Whose socket it is.
        user_id: String,
        /// When the token ends.
        expires_at: Time,
    },
}

impl ControlFrame {
    /// The `type` of every control frame.
    pub const TYPES: [&str; 13] = [
        "authenticated",
        "change_notification",
        "conflict_notification",
        "error",
        "heartbeat",
        "notification_deleted",
        "notification_read",
        "notifications_all_read",
        "pong",
        "reconnect",
        "replay_gap",
        "subscribed",
        "unsubscribed",
    ];

    /// Writes the frame.
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("strings and numbers can be written as JSON")
    }
}

/// Any frame of the server, as a client reads it.
#[derive(Debug)]
pub enum ServerFrame {
    /// A notification, whose `type` is the app's.
    Notification(Box<NotificationFrame>),
    /// Answers `push_change`.
    SyncComplete(Box<SyncCompleteFrame>),
    /// Tells of a topic, with the `ref` that it answers.
    Topic(Box<TopicFrame>, Option<Reference>),
    /// A frame of the protocol.
    Control(ControlFrame),
}

impl ServerFrame {
    /// Reads a frame: a reserved type is one of the protocol, any other is a notification.
    pub fn decode(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        #[derive(Deserialize)]
        struct Type {
            r#type: String,
            #[serde(default, rename = "ref")]
            reference: Option<Reference>,
        }
        let Type { r#type, reference } = serde_json::from_slice(bytes)?;
        if r#type == SyncCompleteFrame::TYPE {
            serde_json::from_slice(bytes).map(Self::SyncComplete)
        } else if TopicFrame::TYPES.contains(&r#type.as_str()) {
            serde_json::from_slice(bytes).map(|frame| Self::Topic(frame, reference))
        } else if RESERVED_TYPES.contains(&r#type.as_str()) {
            serde_json::from_slice(bytes).map(Self::Control)
        } else {
            serde_json::from_slice(bytes).map(Self::Notification)
        }
    }

    /// Writes the frame.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Notification(frame) => {
                serde_json::to_vec(frame).expect("strings and numbers can be written as JSON")
            }
            Self::SyncComplete(frame) => frame.encode(),
            Self::Topic(frame, reference) => frame.encode(reference.as_ref()),
            Self::Control(frame) => frame.encode(),
        }
    }
}
