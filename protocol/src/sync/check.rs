//! Check: whether a device holds what the server holds, and where it does not.

use landfall_core::id::{TopicId, check_id};
use landfall_core::notify::FieldError;
use landfall_core::sync::EntityName;
use serde::{Deserialize, Serialize};

use super::pull::read_types;
use crate::text::IdText;

/// Asks what the server holds of a feed, or of a range of its names.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct CheckPost {
    /// Where the device stands, from its last pull.
    pub cursor: String,
    /// The types with which the cursor was made; all where absent.
    #[serde(default, alias = "entity_types", skip_serializing_if = "Option::is_none")]
    pub entity_types: Option<Vec<String>>,
    /// The topic; the user's own where absent.
    #[serde(default, alias = "topic_id", skip_serializing_if = "Option::is_none")]
    pub topic_id: Option<IdText>,
    /// Only what is behind this name; from the beginning where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<EntityPlace>,
    /// Only what is up to this name, with it; to the end where absent.
    #[serde(default, alias = "up_to", skip_serializing_if = "Option::is_none")]
    pub up_to: Option<EntityPlace>,
}

/// A place in the order of names: by the code points of the type, then by those of the id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct EntityPlace {
    /// The type.
    #[serde(alias = "entity_type")]
    pub entity_type: String,
    /// The id.
    #[serde(alias = "entity_id")]
    pub entity_id: IdText,
}

impl EntityPlace {
    fn read(self, pointer: &str, faults: &mut Vec<FieldError>) -> EntityName {
        for (field, text) in [("entityType", &self.entity_type), ("entityId", &self.entity_id.0)] {
            if let Err(error) = check_id(text) {
                faults.push(FieldError::new(&format!("{pointer}/{field}"), error.to_string()));
            }
        }
        EntityName { kind: self.entity_type.into(), id: self.entity_id.0.into() }
    }
}

impl From<EntityName> for EntityPlace {
    fn from(EntityName { kind, id }: EntityName) -> Self {
        Self { entity_type: kind.into(), entity_id: IdText(id.into()) }
    }
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckFields {
    /// Where the device stands.
    pub cursor: String,
    /// The types with which the cursor was made, sorted; all where empty.
    pub kinds: Vec<Box<str>>,
    /// Of which topic.
    pub topic: Option<TopicId>,
    /// Only what is behind this name.
    pub after: Option<EntityName>,
    /// Only what is up to this name.
    pub up_to: Option<EntityName>,
}

impl CheckPost {
    /// Reads what is asked.
    ///
    /// # Errors
    /// Every fault.
    pub fn read(self) -> Result<CheckFields, Vec<FieldError>> {
        let mut faults = Vec::new();
        let kinds = read_types("/entityTypes", self.entity_types, &mut faults);
        let after = self.after.map(|place| place.read("/after", &mut faults));
        let up_to = self.up_to.map(|place| place.read("/upTo", &mut faults));
        match self.topic_id.map(|id| id.read("/topicId", TopicId::parse)).transpose() {
            Ok(topic) if faults.is_empty() => {
                Ok(CheckFields { cursor: self.cursor, kinds, topic, after, up_to })
            }
            topic => {
                faults.extend(topic.err());
                Err(faults)
            }
        }
    }
}

/// What the server holds of a range.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct CheckAnswer {
    /// Whether the cursor stands where the feed does. Where it does not, nothing else is here: pull, and ask
    /// again.
    pub current: bool,
    /// How many entities the range has; none that was deleted, and no lesson.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// The sum of their digests modulo 2^64, as 16 hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sum: Option<String>,
    /// Where there are more than 64: at most 16 parts of the range, in their order, about as large as each
    /// other. Each begins behind the one before it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<CheckPart>,
    /// Where there are not: the entities, in the order of their names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rows: Vec<CheckRow>,
}

/// A part of a range.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct CheckPart {
    /// The last name that belongs to it; that of the last part is the range's, and absent where that is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub up_to: Option<EntityPlace>,
    /// How many entities it has.
    pub count: u64,
    /// The sum of their digests.
    pub sum: String,
}

/// One entity of a range.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct CheckRow {
    /// Its type.
    pub entity_type: String,
    /// Its id.
    pub entity_id: String,
    /// Its version.
    pub version: u64,
    /// Its digest, as 16 hexadecimal digits.
    pub digest: String,
}
