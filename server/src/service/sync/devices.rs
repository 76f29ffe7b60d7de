//! How a user's devices fare: what each did, and whose work does not get on, by name.
//!
//! Reads alone. A device is told to stall by what it said itself and by what is kept of its work; what
//! it holds and never spoke of nobody knows.

use std::collections::{BTreeMap, BTreeSet};

use landfall_core::auth::Caller;
use landfall_core::id::DeviceId;
use landfall_core::time::Timestamp;
use landfall_store::{ActivityCounts, ActivityFilter, ActivityStatus, StoredDevice, StoredSession};
use uuid::Uuid;

use crate::service::{ServiceError, Services};

/// A device that had work to send and was not heard of for so long stalls.
const UNSENT_MS: i64 = 24 * 60 * 60 * 1_000;
/// Devices that are looked at, by their names.
const DEVICES_MAX: usize = 500;
/// Activities of a status that are looked at for their devices, oldest first.
const LOOKED_AT_MAX: usize = 50;

/// Why a device's work does not get on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stall {
    /// It said that it had something to send, and was not heard of for a day.
    WorkNotSent,
    /// Activities of it failed, and were not decided anew with success.
    ActivitiesFailed,
    /// Activities of it wait for a person.
    ConflictsWaiting,
}

impl Stall {
    /// Names it as the wire spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::WorkNotSent => "work_not_sent",
            Self::ActivitiesFailed => "activities_failed",
            Self::ConflictsWaiting => "conflicts_waiting",
        }
    }
}

/// How a device fares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fares {
    /// The device.
    pub device: StoredDevice,
    /// Why its work does not get on; empty where it does.
    pub stalls: BTreeSet<Stall>,
}

/// A sync session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionView {
    /// The session.
    pub session: StoredSession,
    /// Why the device's work does not get on since; in its last session alone.
    pub stalls: BTreeSet<Stall>,
}

/// How a user's offline work stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// How many activities stand how, and how many conflicts wait.
    pub counts: ActivityCounts,
    /// Devices whose work does not get on, by name; the empty name is that of all that have none.
    pub stalled: BTreeMap<Box<str>, BTreeSet<Stall>>,
    /// When a device that has a name synced last.
    pub last_sync_at: Option<Timestamp>,
    /// Devices that have a name, as far as they are looked at.
    pub devices: usize,
}

type Stalls = BTreeMap<Box<str>, BTreeSet<Stall>>;

impl Services {
    /// Says how the caller's offline work stands.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn sync_health(&self, caller: &Caller) -> Result<Health, ServiceError> {
        let (tenant, user) = (&caller.tenant, &caller.user);
        let counts = self.store.activity_counts(tenant, user).await?;
        let devices = self.store.devices(tenant, user, None, DEVICES_MAX).await?;
        let mut stalled = self.stalls_of_work(caller).await?;
        let now = self.now();
        for device in devices.iter().filter(|device| is_work_not_sent(device, now)) {
            stalled.entry(device.device.clone()).or_default().insert(Stall::WorkNotSent);
        }
        let last_sync_at = devices.iter().map(|device| device.seen_at).max();
        Ok(Health { counts, stalled, last_sync_at, devices: devices.len() })
    }

    /// Lists the caller's devices by their names, each with why it stalls.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn sync_devices(
        &self,
        caller: &Caller,
        after: Option<Box<str>>,
        limit: usize,
    ) -> Result<Vec<Fares>, ServiceError> {
        let devices = self.store.devices(&caller.tenant, &caller.user, after, limit).await?;
        let stalls = self.stalls_of_work(caller).await?;
        let now = self.now();
        let fares =
            |device: StoredDevice| Fares { stalls: stalls_of(&device, &stalls, now), device };
        Ok(devices.into_iter().map(fares).collect())
    }

    /// Lists the caller's sync sessions, newest first, of all devices or of one.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn sync_history(
        &self,
        caller: &Caller,
        before: Option<Uuid>,
        device: Option<&DeviceId>,
        limit: usize,
    ) -> Result<Vec<SessionView>, ServiceError> {
        let (tenant, user) = (&caller.tenant, &caller.user);
        let device = device.map(|device| device.as_str().into());
        let sessions = self.store.sync_sessions(tenant, user, before, device, limit).await?;
        let devices = self.store.devices(tenant, user, None, DEVICES_MAX).await?;
        let stalls = self.stalls_of_work(caller).await?;
        let now = self.now();
        let view = |session: StoredSession| {
            let last = devices.iter().find(|device| device.session == Some(session.id));
            let stalls = last.map(|device| stalls_of(device, &stalls, now)).unwrap_or_default();
            SessionView { session, stalls }
        };
        Ok(sessions.into_iter().map(view).collect())
    }

    /// Finds the devices whose activities failed or wait for a person.
    async fn stalls_of_work(&self, caller: &Caller) -> Result<Stalls, ServiceError> {
        let mut stalls = Stalls::new();
        for (status, stall) in [
            (ActivityStatus::Failed, Stall::ActivitiesFailed),
            (ActivityStatus::Conflict, Stall::ConflictsWaiting),
        ] {
            let all = ActivityFilter::of(&caller.user, LOOKED_AT_MAX);
            let filter = ActivityFilter { status: Some(status), ..all };
            for activity in self.store.activities(&caller.tenant, filter).await? {
                stalls.entry(activity.device).or_default().insert(stall);
            }
        }
        Ok(stalls)
    }
}

fn stalls_of(device: &StoredDevice, of_work: &Stalls, now: Timestamp) -> BTreeSet<Stall> {
    let mut stalls = of_work.get(&device.device).cloned().unwrap_or_default();
    if is_work_not_sent(device, now) {
        stalls.insert(Stall::WorkNotSent);
    }
    stalls
}

/// A device that came back since and said nothing more may have sent it.
fn is_work_not_sent(device: &StoredDevice, now: Timestamp) -> bool {
    let is_told = |(pending, at): (u64, Timestamp)| pending > 0 && device.seen_at <= at;
    device.pending.is_some_and(is_told) && device.seen_at.plus_ms(UNSENT_MS) <= now
}

#[cfg(test)]
mod tests {
    use landfall_core::feed::Number;

    use super::*;

    fn device(seen_at: i64, pending: Option<(u64, i64)>) -> StoredDevice {
        StoredDevice {
            device: "phone".into(),
            first_at: Timestamp::from_ms(0),
            seen_at: Timestamp::from_ms(seen_at),
            stamp: None,
            place: Number::ZERO,
            given: Number::ZERO,
            generation: 0,
            session: None,
            pending: pending.map(|(count, at)| (count, Timestamp::from_ms(at))),
        }
    }

    #[test]
    fn a_device_stalls_a_day_after_it_said_that_it_had_something_to_send() {
        let later = Timestamp::from_ms(5).plus_ms(UNSENT_MS);
        let stalls = |device: &StoredDevice, now| is_work_not_sent(device, now);
        assert!(stalls(&device(5, Some((1, 5))), later));
        assert!(!stalls(&device(5, Some((1, 5))), later.plus_ms(-1)));
        assert!(!stalls(&device(5, Some((0, 5))), later));
        assert!(!stalls(&device(5, None), later));
        // It came back, and did not say.
        assert!(!stalls(&device(6, Some((1, 5))), later.plus_ms(1)));
    }
}
