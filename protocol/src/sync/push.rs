//! Push: what a device did, and what became of it.

use landfall_core::sync::{Refused, Status, Verdict};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::pull::{PullAnswer, PushPull};
use super::report::ClientReport;
use crate::problem::FieldProblem;
use crate::text::{IdText, Time};

/// Brings what a device did (S1). With `pull` it asks in the same request for what others did.
#[derive(Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct PushPost {
    /// Which device; the header `X-Device-ID` says the same.
    #[serde(alias = "device_id", skip_serializing_if = "Option::is_none")]
    pub device_id: Option<IdText>,
    /// Up to when the device has what the server has (S1).
    #[serde(alias = "last_sync_timestamp", skip_serializing_if = "Option::is_none")]
    pub last_sync_timestamp: Option<Time>,
    /// What the device's clock shows, to correct the operations' times by.
    #[serde(alias = "sent_at", skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<Time>,
    /// The `generation` of the last answer to a push with operations; 0 in the first. Whoever sends it is told
    /// when a copy of the device pushes under the same name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generation: Option<u64>,
    /// What it did, in the order in which it did it. Each is read on its own.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<Object>))]
    pub operations: Vec<Box<RawValue>>,
    /// Asks for what others did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pull: Option<PushPull>,
    /// How the device fares.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report: Option<ClientReport>,
}

/// What became of the operations of a push.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct PushAnswer {
    /// Always true: each operation was decided, and what was decided is stored.
    pub success: bool,
    /// One for each operation, in their order.
    pub results: Vec<OperationResult>,
    /// What the next push sends, where this one sent a `generation`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<u64>,
    /// The server's time; where there is a `pull`, it stands in that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_timestamp: Option<Time>,
    /// What others did, where it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pull: Option<PullAnswer>,
}

/// What became of one operation (contract 6).
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct OperationResult {
    /// Which; null where its id cannot be read.
    pub id: Option<String>,
    /// `applied`, `merged`, `conflict`, `rejected` or `duplicate`.
    pub status: String,
    /// Whether it had been decided before, and this is what was decided then.
    pub replayed: bool,
    /// The entity's version after it; 0 where there is none.
    pub version: u64,
    /// The entity as the server has it, where that may be something else than what the device sent;
    /// null where it is not there.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "server_data")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub server_data: Option<Option<Box<RawValue>>>,
    /// Why, in a word or a few.
    pub reason: String,
    /// The conflict that it began or goes on with.
    pub conflict_id: Option<String>,
    /// What is wrong with an operation that was rejected as `invalid`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldProblem>,
}

impl OperationResult {
    /// Tells how an operation ended.
    pub fn new(id: &str, verdict: &Verdict) -> Self {
        Self {
            id: Some(id.to_owned()),
            status: verdict.status.as_str().to_owned(),
            replayed: false,
            version: verdict.version,
            server_data: None,
            reason: verdict.why.as_str().to_owned(),
            conflict_id: verdict.conflict.map(|id| id.to_string()),
            errors: Vec::new(),
        }
    }

    /// Tells that an operation cannot be read.
    pub fn unreadable(bad: super::BadOperation) -> Self {
        Self {
            id: bad.id,
            status: Status::Rejected.as_str().to_owned(),
            replayed: false,
            version: 0,
            server_data: None,
            reason: Refused::Invalid.as_str().to_owned(),
            conflict_id: None,
            errors: bad.errors.into_iter().map(FieldProblem::from).collect(),
        }
    }
}

/// A value that may be null, or not be there at all.
mod server_data {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use serde_json::value::RawValue;

    type Data = Option<Option<Box<RawValue>>>;

    pub(super) fn serialize<S: Serializer>(data: &Data, serializer: S) -> Result<S::Ok, S::Error> {
        data.as_ref().and_then(Option::as_ref).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Data, D::Error> {
        Option::<Box<RawValue>>::deserialize(deserializer).map(Some)
    }
}
