//! S1's messages: `{"type", "payload"}`, with the payload in camel case (contract 4).
//!
//! What they tell is no state: who hears of a change pulls. So they carry no `replay_id`.

use landfall_core::change::{ConflictBegan, EntityChange};
use landfall_core::feed::{FeedKey, FeedKind};
use landfall_core::sync::{ANY, TYPES_MAX, Verb, type_fault};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{ControlFrame, Reference};
use crate::names::VerbName;
use crate::sync::OperationResult;
use crate::text::{IdText, Time};

/// Names types of entities.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct EntityTypes {
    /// Each a name of 1 to 64 characters, or `*` for all.
    #[serde(alias = "entity_types")]
    pub entity_types: Vec<String>,
}

impl EntityTypes {
    /// Says the first fault: the place within the payload, and what is wrong there.
    pub(super) fn fault(&self) -> Option<String> {
        if self.entity_types.len() > TYPES_MAX {
            return Some(format!("/entityTypes must name at most {TYPES_MAX} types"));
        }
        let fault = |(place, name): (usize, &String)| {
            type_fault(name).map(|fault| format!("/entityTypes/{place} {fault}"))
        };
        self.entity_types.iter().enumerate().find_map(fault)
    }
}

/// A payload without fields.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Nothing {}

/// An entity changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct ChangeNotice {
    /// Its type; `*` where the server cannot say what changed.
    pub entity_type: String,
    /// Its id; `*` where the server cannot say what changed.
    pub entity_id: String,
    /// `CREATE` in its first version, `UPDATE`, or `DELETE`.
    pub operation: VerbName,
    /// Its version; 0 where the server cannot say what changed.
    pub version: u64,
    /// The topic to which it belongs; absent for the user's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic_id: Option<String>,
}

/// A conflict waits for a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct ConflictNotice {
    /// Its id.
    pub conflict_id: String,
    /// The entity's type.
    pub entity_type: String,
    /// What the server would do.
    pub suggested_resolution: String,
}

impl ControlFrame {
    /// Tells of an entity's change on a feed.
    pub fn changed(feed: &FeedKey, change: &EntityChange) -> Self {
        let EntityChange { name, verb, version, by: _ } = change;
        let topic_id = (feed.kind == FeedKind::Topic).then(|| feed.owner.to_string());
        Self::ChangeNotification {
            payload: ChangeNotice {
                entity_type: name.kind.to_string(),
                entity_id: name.id.to_string(),
                operation: VerbName(*verb),
                version: *version,
                topic_id,
            },
        }
    }

    /// Tells that something changed of which nobody can say what: whoever hears it pulls.
    pub fn something_changed() -> Self {
        Self::ChangeNotification {
            payload: ChangeNotice {
                entity_type: ANY.to_owned(),
                entity_id: ANY.to_owned(),
                operation: VerbName(Verb::Update),
                version: 0,
                topic_id: None,
            },
        }
    }

    /// Tells of a conflict.
    pub fn conflict_began(conflict: &ConflictBegan) -> Self {
        let ConflictBegan { id, name, suggested, by: _ } = conflict;
        Self::ConflictNotification {
            payload: ConflictNotice {
                conflict_id: id.to_string(),
                entity_type: name.kind.to_string(),
                suggested_resolution: suggested.to_string(),
            },
        }
    }
}

/// What a device did, as a message: as the body of a push, but for what asks for more than an answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct PushChange {
    /// What it did, in the order in which it did it. Each is read on its own.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<Object>))]
    pub operations: Vec<Box<RawValue>>,
    /// The client's own mark, echoed with the answer.
    #[serde(default, alias = "request_id", skip_serializing_if = "Option::is_none")]
    pub request_id: Option<Reference>,
    /// Which device; the socket's `device_id` says the same.
    #[serde(default, alias = "device_id", skip_serializing_if = "Option::is_none")]
    pub device_id: Option<IdText>,
    /// Up to when the device has what the server has (S1).
    #[serde(default, alias = "last_sync_timestamp", skip_serializing_if = "Option::is_none")]
    pub last_sync_timestamp: Option<Time>,
    /// What the device's clock shows, to correct the operations' times by.
    #[serde(default, alias = "sent_at", skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<Time>,
}

/// Answers `push_change` (S1).
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "type", rename = "sync_complete")]
pub struct SyncCompleteFrame {
    /// What became of it.
    pub payload: SyncComplete,
}

/// What became of the operations of a push.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct SyncComplete {
    /// Always true: each operation was decided, and what was decided is stored.
    pub success: bool,
    /// The server's time.
    pub timestamp: Time,
    /// The client's mark: `requestId` of the push, else its `ref`.
    pub request_id: Option<Reference>,
    /// One for each operation, in their order.
    pub results: Vec<OperationResult>,
}

impl SyncCompleteFrame {
    /// The `type` of the frame.
    pub const TYPE: &str = "sync_complete";

    /// Answers a push whose operations were decided.
    pub fn new(
        request_id: Option<Reference>,
        timestamp: Time,
        results: Vec<OperationResult>,
    ) -> Self {
        Self { payload: SyncComplete { success: true, timestamp, request_id, results } }
    }

    /// Writes the frame.
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("strings and numbers can be written as JSON")
    }
}
