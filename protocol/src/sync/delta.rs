//! Delta: where one entity of a device differs from the server's (S1).

use landfall_core::id::{TopicId, check_id};
use landfall_core::json::{Object, Value};
use landfall_core::notify::FieldError;
use landfall_core::sync::EntityName;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::text::IdText;

/// Asks where an entity differs.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct DeltaPost {
    /// Its type.
    #[serde(alias = "entity_type")]
    pub entity_type: String,
    /// Its id.
    #[serde(alias = "entity_id")]
    pub entity_id: IdText,
    /// The topic to which it belongs; the user's own where absent.
    #[serde(default, alias = "topic_id", skip_serializing_if = "Option::is_none")]
    pub topic_id: Option<IdText>,
    /// The server's version that the device last had; 0 or absent where it had none.
    #[serde(default, alias = "client_version")]
    pub client_version: Option<u64>,
    /// The fields as the device has them.
    #[serde(alias = "client_fields")]
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub client_fields: Box<RawValue>,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeltaFields {
    /// Which entity.
    pub name: EntityName,
    /// Of which topic.
    pub topic: Option<TopicId>,
    /// The server's version that the device last had.
    pub version: Option<u64>,
    /// The fields as the device has them.
    pub fields: Object,
}

impl DeltaPost {
    /// Reads what is asked.
    ///
    /// # Errors
    /// Every fault.
    pub fn read(self) -> Result<DeltaFields, Vec<FieldError>> {
        let mut faults = Vec::new();
        let mut check = |pointer: &str, text: &str| {
            if let Err(error) = check_id(text) {
                faults.push(FieldError::new(pointer, error.to_string()));
            }
        };
        check("/entityType", &self.entity_type);
        check("/entityId", &self.entity_id.0);
        let topic = self.topic_id.map(|id| id.read("/topicId", TopicId::parse)).transpose();
        let fields = match Value::parse(self.client_fields.get()) {
            Ok(Value::Object(fields)) => Ok(fields),
            Ok(_) => Err(FieldError::new("/clientFields", "must be an object")),
            Err(error) => Err(FieldError::new("/clientFields", error.to_string())),
        };
        match (topic, fields) {
            (Ok(topic), Ok(fields)) if faults.is_empty() => Ok(DeltaFields {
                name: EntityName { kind: self.entity_type.into(), id: self.entity_id.0.into() },
                topic,
                version: self.client_version,
                fields,
            }),
            (topic, fields) => {
                faults.extend(topic.err());
                faults.extend(fields.err());
                Err(faults)
            }
        }
    }
}

/// Where an entity differs.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct DeltaAnswer {
    /// Whether anything differs.
    pub has_changes: bool,
    /// The server's version.
    pub server_version: u64,
    /// Whether it was deleted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deleted: bool,
    /// The fields that differ, by name.
    pub field_deltas: Vec<FieldDelta>,
}

/// A field that differs.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct FieldDelta {
    /// Its name.
    pub field: String,
    /// As the device has it; absent where it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub client_value: Option<Box<RawValue>>,
    /// As the server has it; absent where it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub server_value: Option<Box<RawValue>>,
    /// Whether a person would have to say what becomes of the two.
    pub has_conflict: bool,
}
