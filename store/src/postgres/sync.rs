//! Questions about offline work, each on a borrowed connection.

use landfall_core::feed::{FeedKey, Number};
use landfall_core::id::{ConflictId, Tenant, UserId};
use landfall_core::sync::EntityName;
use landfall_core::time::Timestamp;

use super::Postgres;
use super::reads::ask;
use crate::sql::sync_read;
use crate::{
    Answered, ConflictFilter, EntityVersion, StoredBranch, StoredConflict, StoredEntity,
    StoredOperation, Syncs,
};

impl Syncs for Postgres {
    fn entities(&self, feed: &FeedKey, names: Vec<EntityName>) -> Answered<'_, Vec<StoredEntity>> {
        let feed = feed.clone();
        ask!(self.pool, |r| sync_read::entities(r, &feed, names.clone()))
    }

    fn changed_entities(
        &self,
        feed: &FeedKey,
        after: Number,
        kinds: Vec<Box<str>>,
        limit: usize,
    ) -> Answered<'_, Vec<StoredEntity>> {
        let feed = feed.clone();
        ask!(self.pool, |r| sync_read::changed(r, &feed, after, &kinds, limit))
    }

    fn number_before(&self, feed: &FeedKey, at: Timestamp) -> Answered<'_, Number> {
        let feed = feed.clone();
        ask!(self.pool, |r| sync_read::number_before(r, &feed, at))
    }

    fn entity_versions(
        &self,
        feed: &FeedKey,
        versions: Vec<(EntityName, u64)>,
    ) -> Answered<'_, Vec<EntityVersion>> {
        let feed = feed.clone();
        ask!(self.pool, |r| sync_read::versions(r, &feed, &versions))
    }

    fn branches(
        &self,
        feed: &FeedKey,
        device: &str,
        names: Vec<EntityName>,
    ) -> Answered<'_, Vec<StoredBranch>> {
        let (feed, device) = (feed.clone(), device.to_owned());
        ask!(self.pool, |r| sync_read::branches(r, &feed, &device, &names))
    }

    fn operations(
        &self,
        tenant: &Tenant,
        user: &UserId,
        ids: Vec<Box<str>>,
    ) -> Answered<'_, Vec<StoredOperation>> {
        let (tenant, user) = (tenant.clone(), user.clone());
        ask!(self.pool, |r| sync_read::operations(r, &tenant, &user, &ids))
    }

    fn conflict(&self, tenant: &Tenant, id: ConflictId) -> Answered<'_, Option<StoredConflict>> {
        let tenant = tenant.clone();
        ask!(self.pool, |r| sync_read::conflict_of(r, &tenant, id))
    }

    fn open_conflicts(
        &self,
        feed: &FeedKey,
        names: Vec<EntityName>,
    ) -> Answered<'_, Vec<StoredConflict>> {
        let feed = feed.clone();
        ask!(self.pool, |r| sync_read::open_conflicts(r, &feed, &names))
    }

    fn conflicts(
        &self,
        tenant: &Tenant,
        filter: ConflictFilter,
    ) -> Answered<'_, Vec<StoredConflict>> {
        let tenant = tenant.clone();
        ask!(self.pool, |r| sync_read::conflicts(r, &tenant, &filter))
    }

    fn forget_sync(&self, before: Timestamp, limit: usize) -> Answered<'_, usize> {
        ask!(self.pool, |r| sync_read::forget(r, before, limit))
    }
}
