//! How a user's devices fare (S0): status, history, devices and health of sync.

use landfall_core::id::DeviceId;
use landfall_core::notify::FieldError;
use serde::{Deserialize, Serialize};

use crate::query::{Faults, Page, PageLimits, PageQuery};
use crate::text::Time;

/// How many activities stand how; each counted up to `capped_at`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ActivityCountsItem {
    /// Those that took effect; they are forgotten after 180 days.
    pub synced: u64,
    /// Those that wait for a person.
    pub conflict: u64,
    /// Those that have no effect.
    pub failed: u64,
    /// A count that is as high as this may be higher.
    pub capped_at: u64,
}

/// How the caller's offline work stands (S0).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SyncStatusAnswer {
    /// Conflicts that wait for a person, of activities and of other operations; capped as they are.
    pub pending_conflicts: u64,
    /// Activities.
    pub activities: ActivityCountsItem,
    /// When a device that has a name synced last; null where none did.
    pub last_sync_at: Option<Time>,
    /// Devices that have a name, up to 500.
    pub devices: usize,
}

/// A device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DeviceItem {
    /// Its name.
    pub device_id: String,
    /// When it synced first.
    pub first_seen: Time,
    /// When it synced last.
    pub last_sync_at: Time,
    /// Operations that it said it had not sent yet; null where it never said.
    pub pending: Option<u64>,
    /// When it said so.
    pub reported_at: Option<Time>,
    /// Why its work does not get on: `work_not_sent`, `activities_failed`, `conflicts_waiting`; empty
    /// where it does.
    pub stalled: Vec<String>,
}

/// What a device did within some time, without a pause of five minutes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SessionItem {
    /// Its name.
    pub id: String,
    /// Which device.
    pub device_id: String,
    /// When it began.
    pub session_start: Time,
    /// When the device was last heard of in it.
    pub session_end: Time,
    /// Activities and operations that are in effect: as they were sent, or merged.
    pub activities_synced: u64,
    /// Those of them that were merged with what others had done.
    pub conflicts_resolved: u64,
    /// Those that wait for a person.
    pub conflicts: u64,
    /// Those that have no effect.
    pub failed: u64,
    /// Those that had been decided before.
    pub replayed: u64,
    /// All that it brought.
    pub operations: u64,
    /// Rows that it was given.
    pub server_activities: u64,
    /// Why the device's work does not get on since; in its last session alone.
    pub stalled: Vec<String>,
}

/// A device whose work does not get on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StalledDevice {
    /// Its name; empty for those without one.
    pub device_id: String,
    /// Why: `work_not_sent`, `activities_failed`, `conflicts_waiting`.
    pub stalled: Vec<String>,
}

/// Whether the caller's offline work gets on (S0).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SyncHealthAnswer {
    /// `healthy`, or `degraded` while anything stalls.
    pub status: String,
    /// Devices whose work does not get on.
    pub stalled_devices: Vec<StalledDevice>,
    /// Conflicts that wait for a person.
    pub pending_conflicts: u64,
    /// Activities that have no effect.
    pub failed_activities: u64,
    /// When a device that has a name synced last; null where none did.
    pub last_sync_at: Option<Time>,
}

/// Parameters of the history.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(default)]
pub struct HistoryQuery {
    /// Items at most.
    pub limit: Option<String>,
    /// Items to skip.
    pub offset: Option<String>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
    /// One device.
    #[serde(alias = "deviceId")]
    pub device_id: Option<String>,
}

/// Which sessions a list is to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryFields {
    /// Which part of the list.
    pub page: Page,
    /// Of one device.
    pub device: Option<DeviceId>,
}

impl HistoryQuery {
    /// Reads the filter.
    ///
    /// # Errors
    /// Every fault.
    pub fn read(self, limits: PageLimits) -> Result<HistoryFields, Vec<FieldError>> {
        let Self { limit, offset, cursor, device_id } = self;
        let mut faults = Faults::default();
        let page = PageQuery { limit, offset, cursor }.page(limits, &mut faults);
        let device = faults.read("device_id", device_id, "must be a device's name", |text| {
            DeviceId::parse(text).ok()
        });
        faults.or(HistoryFields { page, device })
    }
}
