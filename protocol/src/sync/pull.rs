//! Pull: what others did since a device last asked.

use landfall_core::notify::FieldError;
use landfall_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::report::ClientReport;
use crate::query::PageLimits;
use crate::text::{IdText, Time};

/// Types that one pull may name.
const TYPES_MAX: usize = 100;

/// Asks for what others did (S1).
#[derive(Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct PullPost {
    /// Which device; the header `X-Device-ID` says the same.
    #[serde(alias = "device_id", skip_serializing_if = "Option::is_none")]
    pub device_id: Option<IdText>,
    /// Up to when the device has what the server has (S1); a cursor is exact and wins.
    #[serde(alias = "last_sync_timestamp", skip_serializing_if = "Option::is_none")]
    pub last_sync_timestamp: Option<Time>,
    /// Where to go on, from the last answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// These types alone; all where absent. A cursor is for the types that it was made with.
    #[serde(alias = "entity_types", skip_serializing_if = "Option::is_none")]
    pub entity_types: Option<Vec<String>>,
    /// Changes at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
    /// Lets a change name only the fields that changed, where the server knows what the device had.
    #[serde(skip_serializing_if = "is_false")]
    pub deltas: bool,
    /// How the device fares.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report: Option<ClientReport>,
}

/// The pull within a push.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct PushPull {
    /// Where to go on; from the beginning where absent and there is no `lastSyncTimestamp`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// These types alone; all where absent.
    #[serde(alias = "entity_types", skip_serializing_if = "Option::is_none")]
    pub entity_types: Option<Vec<String>>,
    /// Changes at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
    /// Lets a change name only the fields that changed, where the server knows what the device had.
    #[serde(skip_serializing_if = "is_false")]
    pub deltas: bool,
}

/// From where a device wants to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Since {
    /// From the beginning.
    Beginning,
    /// What was stored at a time or later; never less than that.
    Time(Timestamp),
    /// Where a cursor stands.
    Cursor(String),
}

/// What a device asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullFields {
    /// From where.
    pub since: Since,
    /// Which types, sorted; all where empty.
    pub kinds: Vec<Box<str>>,
    /// Changes at most.
    pub limit: usize,
    /// Whether a change may name only the fields that changed.
    pub deltas: bool,
}

impl PullPost {
    /// Reads what is asked for.
    ///
    /// # Errors
    /// Every fault.
    pub fn read(self, limits: PageLimits) -> Result<PullFields, Vec<FieldError>> {
        let Self { cursor, entity_types, limit, deltas, .. } = self;
        let asked = PushPull { cursor, entity_types, limit, deltas };
        asked.read_within("", self.last_sync_timestamp, limits)
    }
}

impl PushPull {
    /// Reads what is asked for; `since` stands for a cursor where there is none.
    ///
    /// # Errors
    /// Every fault.
    pub fn read(
        self,
        since: Option<Time>,
        limits: PageLimits,
    ) -> Result<PullFields, Vec<FieldError>> {
        self.read_within("/pull", since, limits)
    }

    fn read_within(
        self,
        within: &str,
        since: Option<Time>,
        limits: PageLimits,
    ) -> Result<PullFields, Vec<FieldError>> {
        let mut faults = Vec::new();
        let kinds = read_types(&format!("{within}/entityTypes"), self.entity_types, &mut faults);
        let limit = self.limit.unwrap_or(limits.default);
        if !(1..=limits.max).contains(&limit) {
            let detail = format!("must be a number from 1 to {}", limits.max);
            faults.push(FieldError::new(&format!("{within}/limit"), detail));
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        let since = match (self.cursor, since) {
            (Some(cursor), _) => Since::Cursor(cursor),
            (None, Some(time)) => Since::Time(time.0),
            (None, None) => Since::Beginning,
        };
        Ok(PullFields { since, kinds, limit, deltas: self.deltas })
    }
}

/// Reads the types with which a cursor is made; gives them sorted.
pub(super) fn read_types(
    pointer: &str,
    named: Option<Vec<String>>,
    faults: &mut Vec<FieldError>,
) -> Vec<Box<str>> {
    let mut kinds = named.unwrap_or_default();
    let is_type = |kind: &String| landfall_core::id::check_id(kind).is_ok() && !kind.contains('|');
    if kinds.len() > TYPES_MAX || !kinds.iter().all(is_type) {
        let detail = format!("must be at most {TYPES_MAX} names of types");
        faults.push(FieldError::new(pointer, detail));
    }
    kinds.sort_unstable();
    kinds.dedup();
    kinds.into_iter().map(Into::into).collect()
}

/// What others did.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct PullAnswer {
    /// Entities that changed, each once and as it is now; those of one feed in the order of their
    /// changes.
    pub changes: Vec<ChangeItem>,
    /// What stands behind the changes.
    #[serde(flatten)]
    pub trailer: PullTrailer,
}

/// Where a pull stands after its changes; the last line of one that is streamed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct PullTrailer {
    /// Goes on after these changes.
    pub cursor: String,
    /// Whether there is more.
    pub has_more: bool,
    /// The server's time; whoever asks with timestamps asks next with this one.
    pub server_timestamp: Time,
    /// Topics whose entities the device may not see any more, and forgets.
    pub removed_feeds: Vec<String>,
    /// What the cursor or the time stood for is not known any more: these changes begin at the
    /// beginning. What the device holds of the server and does not get again is gone; its own queue stays.
    #[serde(default, skip_serializing_if = "is_false")]
    pub reset: bool,
    /// What was answered before this is in a backup that the operator vouched for, and need not be kept
    /// for a restore. Absent where nothing was vouched for, where the device starts over, and where
    /// nothing changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backed_up_to: Option<Time>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
pub(super) const fn is_false(flag: &bool) -> bool {
    !*flag
}

/// An entity as it is now, or that it was deleted.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct ChangeItem {
    /// Its type.
    pub entity_type: String,
    /// Its id.
    pub entity_id: String,
    /// `CREATE` in its first version, `UPDATE`, or `DELETE`.
    pub operation: String,
    /// Its version.
    pub version: u64,
    /// Its fields; absent where it was deleted, or where only what changed is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub data: Option<Box<RawValue>>,
    /// The version on which `fields` and `removed` are; whoever holds another one asks `sync/delta`, or pulls
    /// without `deltas`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_version: Option<u64>,
    /// Fields that are new or another, whole; all others but those in `removed` stay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub fields: Option<Box<RawValue>>,
    /// Fields that are gone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub removed: Vec<String>,
    /// When it was changed.
    pub timestamp: Time,
    /// Which device changed it; absent where none did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_id: Option<String>,
    /// The topic to which it belongs; absent for the user's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic_id: Option<String>,
}
