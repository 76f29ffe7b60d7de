//! S1's messages: `{"type", "payload"}`, with the payload in camel case (contract 4).
//!
//! What they tell is no state: who hears of a change pulls. So they carry no `replay_id`.

use landfall_core::change::{ConflictBegan, EntityChange};
use landfall_core::feed::{FeedKey, FeedKind};
use landfall_core::sync::{ANY, TYPES_MAX, Verb, type_fault};
use serde::{Deserialize, Serialize};

use super::ControlFrame;
use crate::names::VerbName;

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
