//! Binds offline work to its statements.

use landfall_core::feed::{FeedKey, Number};
use landfall_core::id::{ConflictId, Tenant, UserId};
use landfall_core::sync::EntityName;
use landfall_core::time::Timestamp;
use uuid::Uuid;

use super::Sqlite;
use super::runner::at_once;
use crate::sql::{activities, conflicts, devices, sync_forget, sync_read};
use crate::{
    ActivityCounts, ActivityFilter, Answered, ConflictFilter, Devices, EntityRange, ForgottenWork,
    Standings, StandingsAsk, StoredActivity, StoredConflict, StoredDevice, StoredEntity,
    StoredSession, Syncs,
};

impl Syncs for Sqlite {
    fn standings(&self, ask: StandingsAsk) -> Answered<'_, Standings> {
        Box::pin(self.readers.run(move |r| r.snapshot(|r| at_once(sync_read::standings(r, &ask)))))
    }

    fn entities(&self, feed: &FeedKey, names: Vec<EntityName>) -> Answered<'_, Vec<StoredEntity>> {
        let feed = feed.clone();
        Box::pin(self.readers.run(move |r| at_once(sync_read::entities(r, &feed, &names))))
    }

    fn changed_entities(
        &self,
        feed: &FeedKey,
        after: Number,
        kinds: Vec<Box<str>>,
        limit: usize,
    ) -> Answered<'_, Vec<StoredEntity>> {
        let feed = feed.clone();
        Box::pin(
            self.readers.run(move |r| at_once(sync_read::changed(r, &feed, after, &kinds, limit))),
        )
    }

    fn entities_in(&self, feed: &FeedKey, range: EntityRange) -> Answered<'_, Vec<StoredEntity>> {
        let feed = feed.clone();
        Box::pin(self.readers.run(move |r| at_once(sync_read::entities_in(r, &feed, &range))))
    }

    fn number_before(&self, feed: &FeedKey, at: Timestamp) -> Answered<'_, Number> {
        let feed = feed.clone();
        Box::pin(self.readers.run(move |r| at_once(sync_read::number_before(r, &feed, at))))
    }

    fn conflict(&self, tenant: &Tenant, id: ConflictId) -> Answered<'_, Option<StoredConflict>> {
        let tenant = tenant.clone();
        Box::pin(self.readers.run(move |r| at_once(conflicts::conflict_of(r, &tenant, id))))
    }

    fn conflicts(
        &self,
        tenant: &Tenant,
        filter: ConflictFilter,
    ) -> Answered<'_, Vec<StoredConflict>> {
        let tenant = tenant.clone();
        Box::pin(self.readers.run(move |r| at_once(conflicts::conflicts(r, &tenant, &filter))))
    }

    fn forget_sync(&self, before: Timestamp, limit: usize) -> Answered<'_, ForgottenWork> {
        Box::pin(self.committer.run(move |r| at_once(sync_forget::forget(r, before, limit))))
    }

    fn forget_tombstones(&self, before: Timestamp, limit: usize) -> Answered<'_, usize> {
        Box::pin(self.committer.run(move |r| at_once(sync_forget::tombstones(r, before, limit))))
    }
}

impl Devices for Sqlite {
    fn devices(
        &self,
        tenant: &Tenant,
        user: &UserId,
        after: Option<Box<str>>,
        limit: usize,
    ) -> Answered<'_, Vec<StoredDevice>> {
        let (tenant, user, after) = (tenant.clone(), user.clone(), after.unwrap_or_default());
        Box::pin(
            self.readers.run(move |r| at_once(devices::list(r, &tenant, &user, &after, limit))),
        )
    }

    fn sync_sessions(
        &self,
        tenant: &Tenant,
        user: &UserId,
        before: Option<Uuid>,
        device: Option<Box<str>>,
        limit: usize,
    ) -> Answered<'_, Vec<StoredSession>> {
        let (tenant, user) = (tenant.clone(), user.clone());
        Box::pin(self.readers.run(move |r| {
            at_once(devices::sessions(
                r,
                (&tenant, &user),
                before.as_ref(),
                device.as_deref(),
                limit,
            ))
        }))
    }

    fn activities(
        &self,
        tenant: &Tenant,
        filter: ActivityFilter,
    ) -> Answered<'_, Vec<StoredActivity>> {
        let tenant = tenant.clone();
        Box::pin(self.readers.run(move |r| at_once(activities::list(r, &tenant, &filter))))
    }

    fn activity_counts(&self, tenant: &Tenant, user: &UserId) -> Answered<'_, ActivityCounts> {
        let (tenant, user) = (tenant.clone(), user.clone());
        Box::pin(self.readers.run(move |r| at_once(activities::counts(r, &tenant, &user))))
    }

    fn named_activities(
        &self,
        tenant: &Tenant,
        user: &UserId,
        ids: Vec<Box<str>>,
    ) -> Answered<'_, Vec<StoredActivity>> {
        let (tenant, user) = (tenant.clone(), user.clone());
        Box::pin(self.readers.run(move |r| at_once(activities::named(r, &tenant, &user, &ids))))
    }
}
