//! Calls about activities (S0): what apps send, and what became of it.

use landfall_core::id::check_id;
use landfall_core::notify::FieldError;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::activity::{BadActivity, Word, read_word};
use super::report::ClientReport;
use crate::names::must_be_one_of;
use crate::problem::FieldProblem;
use crate::query::{Faults, Page, PageLimits, PageQuery};
use crate::text::{IdText, Time};

/// Statuses of an activity.
const STATUSES: [&str; 3] = ["synced", "conflict", "failed"];

/// Brings activities; `sync` asks for the server's as well (S0).
#[derive(Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct ActivitiesPost {
    /// Which device; the header `X-Device-ID` says the same.
    #[serde(alias = "deviceId", skip_serializing_if = "Option::is_none")]
    pub device_id: Option<IdText>,
    /// What its user did, in the order in which they did it. Each is read on its own.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<Object>))]
    pub activities: Vec<Box<RawValue>>,
    /// Up to when the device has what the server has: `last_sync_at` of the answer before.
    #[serde(alias = "lastSyncAt", skip_serializing_if = "Option::is_none")]
    pub last_sync_at: Option<Time>,
    /// Where the last answer's `server_activities` ended; exact, and wins over `last_sync_at`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Server's activities at most; for `sync` alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
    /// `server_wins` or `client_wins`, for all activities that do not say it themselves.
    #[serde(alias = "conflictResolution", skip_serializing_if = "Option::is_none")]
    pub conflict_resolution: Option<String>,
    /// What the device's clock shows, to correct the activities' times by.
    #[serde(alias = "sentAt", skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<Time>,
    /// How the device fares.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report: Option<ClientReport>,
}

impl ActivitiesPost {
    /// Reads whose word is asked for.
    ///
    /// # Errors
    /// When it is another word.
    pub fn word(&self) -> Result<Option<Word>, FieldError> {
        read_word(self.conflict_resolution.as_deref(), "/conflict_resolution")
    }

    /// Reads how many of the server's activities are asked for.
    ///
    /// # Errors
    /// When they are none or too many.
    pub fn limit(&self, limits: PageLimits) -> Result<usize, FieldError> {
        let limit = self.limit.unwrap_or(limits.default);
        let detail = || format!("must be a number from 1 to {}", limits.max);
        let is_fine = (1..=limits.max).contains(&limit);
        if is_fine { Ok(limit) } else { Err(FieldError::new("/limit", detail())) }
    }
}

/// Asks to decide failed activities anew.
#[derive(Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct RetryPost {
    /// Which, a hundred at most; the hundred oldest that failed where absent.
    #[serde(alias = "offlineIds", skip_serializing_if = "Option::is_none")]
    pub offline_ids: Option<Vec<IdText>>,
    /// Those of this device alone.
    #[serde(alias = "deviceId", skip_serializing_if = "Option::is_none")]
    pub device_id: Option<IdText>,
}

/// What is to be decided anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryFields {
    /// Which; nothing for all.
    pub ids: Option<Vec<Box<str>>>,
}

impl RetryPost {
    /// Reads which are meant, at most `max`.
    ///
    /// # Errors
    /// Every fault.
    pub fn read(&self, max: usize) -> Result<RetryFields, Vec<FieldError>> {
        let Some(ids) = &self.offline_ids else { return Ok(RetryFields { ids: None }) };
        if ids.len() > max {
            let detail = format!("must have at most {max} entries");
            return Err(vec![FieldError::new("/offline_ids", detail)]);
        }
        let read = |(at, IdText(id)): (usize, &IdText)| {
            let fault = |error: landfall_core::id::IdError| {
                FieldError::new(&format!("/offline_ids/{at}"), error.to_string())
            };
            check_id(id).map(|()| Box::from(id.as_str())).map_err(fault)
        };
        let (good, bad): (Vec<_>, Vec<_>) =
            ids.iter().enumerate().map(read).partition(Result::is_ok);
        let faults: Vec<FieldError> = bad.into_iter().filter_map(Result::err).collect();
        if faults.is_empty() {
            Ok(RetryFields { ids: Some(good.into_iter().flatten().collect()) })
        } else {
            Err(faults)
        }
    }
}

/// An activity, and what became of it.
#[derive(Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ActivityItem {
    /// Its name, which the device gave it; null where that cannot be read.
    pub offline_id: Option<String>,
    /// Its type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activity_type: Option<String>,
    /// What it says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub activity_data: Option<Box<RawValue>>,
    /// The entity that it is about; absent where its type makes none of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entity_id: Option<String>,
    /// Which device brought it; absent for one without a name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_id: Option<String>,
    /// `synced`, `conflict` or `failed`.
    pub sync_status: String,
    /// Why, in a word or a few.
    pub reason: String,
    /// Whether it had been decided before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replayed: Option<bool>,
    /// The entity's version after it; 0 where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// The conflict that keeps what lost, or that waits for a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conflict_id: Option<String>,
    /// The entity as the server has it, where that is something else than what was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub server_data: Option<Box<RawValue>>,
    /// When it came first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Time>,
    /// When it took effect; absent where it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub synced_at: Option<Time>,
    /// What is wrong with one that failed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldProblem>,
}

impl ActivityItem {
    /// Tells that an activity cannot be read.
    pub fn unreadable(bad: BadActivity) -> Self {
        Self {
            offline_id: bad.id,
            sync_status: "failed".to_owned(),
            reason: "invalid".to_owned(),
            replayed: Some(false),
            errors: bad.errors.into_iter().map(FieldProblem::from).collect(),
            ..Self::default()
        }
    }
}

/// What became of activities.
#[derive(Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ActivitiesAnswer {
    /// One for each activity, in their order.
    pub results: Vec<ActivityItem>,
    /// How many are synced.
    pub activities_synced: usize,
    /// How many wait for a person.
    pub conflicts: usize,
    /// How many were in the way of what others did, and were settled by rule.
    pub conflicts_resolved: usize,
    /// How many have no effect.
    pub failed: usize,
}

impl ActivitiesAnswer {
    /// Counts results.
    pub fn new(results: Vec<ActivityItem>) -> Self {
        let mut answer = Self::default();
        for result in &results {
            match result.sync_status.as_str() {
                "synced" => answer.activities_synced += 1,
                "conflict" => answer.conflicts += 1,
                _ => answer.failed += 1,
            }
            let is_settled = result.sync_status == "synced" && result.conflict_id.is_some();
            answer.conflicts_resolved += usize::from(is_settled);
        }
        Self { results, ..answer }
    }
}

/// What became of activities, and the server's (S0).
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SyncActivitiesAnswer {
    /// One for each activity that was brought, in their order.
    pub results: Vec<ActivityItem>,
    /// How many of them are synced.
    pub activities_synced: usize,
    /// How many wait for a person.
    pub conflicts: usize,
    /// How many were in the way of what others did, and were settled by rule.
    pub conflicts_resolved: usize,
    /// How many have no effect.
    pub failed: usize,
    /// What changed since `cursor` or `last_sync_at`; each entity once and as it is now.
    pub server_activities: Vec<ServerActivity>,
    /// The server's time: whoever asks with times asks next with this one.
    pub last_sync_at: Time,
    /// Goes on behind these activities.
    pub cursor: String,
    /// Whether there is more.
    pub has_more: bool,
    /// What the cursor or the time stood for is not known any more: these activities begin at the
    /// beginning. What the device holds of the server and does not get again is gone; its own queue stays.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reset: bool,
}

/// What the server has of an entity that activities are about.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ServerActivity {
    /// Its type.
    pub activity_type: String,
    /// Its id.
    pub entity_id: String,
    /// Its fields; absent where it was deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub activity_data: Option<Box<RawValue>>,
    /// Its version.
    pub version: u64,
    /// When it was changed.
    pub updated_at: Time,
    /// Whether it was deleted.
    pub deleted: bool,
    /// Which device changed it; absent where it has no name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_id: Option<String>,
}

/// Parameters of the list of activities.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(default)]
pub struct ActivitiesQuery {
    /// Items at most.
    pub limit: Option<String>,
    /// Items to skip.
    pub offset: Option<String>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
    /// One type.
    #[serde(alias = "activityType")]
    pub activity_type: Option<String>,
    /// `synced`, `conflict` or `failed`.
    #[serde(alias = "syncStatus")]
    pub sync_status: Option<String>,
}

/// Which activities a list is to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActivityListFields {
    /// Which part of the list.
    pub page: Page,
    /// Of one type.
    pub kind: Option<String>,
    /// That stand so; one of S0's words.
    pub status: Option<String>,
}

impl ActivitiesQuery {
    /// Reads the filter.
    ///
    /// # Errors
    /// Every fault.
    pub fn read(self, limits: PageLimits) -> Result<ActivityListFields, Vec<FieldError>> {
        let Self { limit, offset, cursor, activity_type, sync_status } = self;
        let mut faults = Faults::default();
        let page = PageQuery { limit, offset, cursor }.page(limits, &mut faults);
        let kind = faults.read("activity_type", activity_type, "must be a type's name", |text| {
            check_id(text).is_ok().then(|| text.to_owned())
        });
        let status = faults.read("sync_status", sync_status, &must_be_one_of(&STATUSES), |text| {
            STATUSES.contains(&text).then(|| text.to_owned())
        });
        faults.or(ActivityListFields { page, kind, status })
    }
}
