//! Reading entities, what they were, what devices did to them, and conflicts.

use landfall_core::feed::{FeedKey, FeedKind, Number};
use landfall_core::id::{ConflictId, Tenant, UserId};
use landfall_core::notification::JsonText;
use landfall_core::sync::EntityName;
use landfall_core::time::Timestamp;

use super::{Corrupt, Query, Row, Runner, feeds};
use crate::{
    Answer, Conflict, ConflictFilter, EntityVersion, StoredBranch, StoredConflict, StoredEntity,
    StoredOperation,
};

/// All columns of an entity `e`, as [`entity`] reads them.
const ENTITY: &str = "e.kind, e.id, e.version, e.revision, e.changed, e.data, e.deleted, e.stamps,
    e.device, e.created_at, e.updated_at";

fn json(row: &dyn Row, column: usize) -> Result<JsonText, Corrupt> {
    row.text(column).map(JsonText::trusted)
}

fn optional_json(row: &dyn Row, column: usize) -> Result<Option<JsonText>, Corrupt> {
    Ok(row.optional_text(column)?.map(JsonText::trusted))
}

fn named(row: &dyn Row, column: usize) -> Result<EntityName, Corrupt> {
    Ok(EntityName { kind: row.text(column)?.into(), id: row.text(column + 1)?.into() })
}

fn entity(row: &dyn Row) -> Result<StoredEntity, Corrupt> {
    Ok(StoredEntity {
        name: named(row, 0)?,
        version: row.count(2)?,
        revision: row.count(3)?,
        changed: row.number(4)?,
        data: json(row, 5)?,
        is_deleted: row.flag(6)?,
        stamps: json(row, 7)?,
        device: row.text(8)?.into(),
        created_at: row.time(9)?,
        updated_at: row.time(10)?,
    })
}

/// Gives those of the named entities that are there, in the order of their names.
pub(crate) async fn entities<R: Runner>(
    runner: &mut R,
    feed: &FeedKey,
    mut names: Vec<EntityName>,
) -> Answer<Vec<StoredEntity>> {
    let Some(feed) = feeds::id(runner, feed).await? else { return Ok(vec![]) };
    names.sort_unstable();
    names.dedup();
    let sql =
        format!("select {ENTITY} from entity e where e.feed_id = ?1 and e.kind = ?2 and e.id = ?3");
    let mut found = Vec::with_capacity(names.len());
    for name in &names {
        let values = [feed.into(), (&*name.kind).into(), (&*name.id).into()];
        found.extend(runner.optional(Query::new(sql.clone(), values, entity)).await?);
    }
    Ok(found)
}

/// Gives entities that changed after a number, oldest change first.
pub(crate) async fn changed<R: Runner>(
    runner: &mut R,
    feed: &FeedKey,
    after: Number,
    kinds: &[Box<str>],
    limit: usize,
) -> Answer<Vec<StoredEntity>> {
    let Some(feed) = feeds::id(runner, feed).await? else { return Ok(vec![]) };
    // No type has the sign that parts them here.
    let among = kinds.iter().fold(String::new(), |all, kind| format!("{all}|{kind}|"));
    let sql = format!(
        "select {ENTITY} from entity e
         where e.feed_id = ?1 and e.changed > ?2
           and (?4 = '' or replace(?4, '|' || e.kind || '|', '') <> ?4)
         order by e.changed limit ?3"
    );
    let values = [feed.into(), after.into(), limit.into(), (&among).into()];
    runner.all(Query::new(sql, values, entity)).await
}

/// Gives the number below every change that was stored at a time or later.
pub(crate) async fn number_before<R: Runner>(
    runner: &mut R,
    feed: &FeedKey,
    at: Timestamp,
) -> Answer<Number> {
    let Some(id) = feeds::id(runner, feed).await? else { return Ok(Number::ZERO) };
    let sql = "select min(e.changed) from entity e where e.feed_id = ?1 and e.updated_at >= ?2";
    let first = Query::new(sql, [id.into(), at.into()], |row| row.optional_count(0));
    match runner.one(first).await? {
        Some(number) => Ok(Number(number).before()),
        None => Ok(feeds::head(runner, feed).await?.newest),
    }
}

/// Gives those of the named versions that are still kept.
pub(crate) async fn versions<R: Runner>(
    runner: &mut R,
    feed: &FeedKey,
    versions: &[(EntityName, u64)],
) -> Answer<Vec<EntityVersion>> {
    let Some(feed) = feeds::id(runner, feed).await? else { return Ok(vec![]) };
    let sql = "select v.kind, v.id, v.version, v.data, v.deleted from entity_version v
               where v.feed_id = ?1 and v.kind = ?2 and v.id = ?3 and v.version = ?4";
    let read = |row: &dyn Row| {
        Ok(EntityVersion {
            name: named(row, 0)?,
            version: row.count(2)?,
            data: json(row, 3)?,
            is_deleted: row.flag(4)?,
        })
    };
    let mut found = Vec::with_capacity(versions.len());
    for (name, version) in versions {
        let values = [feed.into(), (&*name.kind).into(), (&*name.id).into(), (*version).into()];
        found.extend(runner.optional(Query::new(sql, values, read)).await?);
    }
    Ok(found)
}

/// Gives a device's branches of the named entities.
pub(crate) async fn branches<R: Runner>(
    runner: &mut R,
    feed: &FeedKey,
    device: &str,
    names: &[EntityName],
) -> Answer<Vec<StoredBranch>> {
    let Some(feed) = feeds::id(runner, feed).await? else { return Ok(vec![]) };
    let sql = "select b.kind, b.id, b.device, b.operation, b.client_version, b.base_version,
                   b.fields, b.changed
               from branch b
               where b.feed_id = ?1 and b.kind = ?2 and b.id = ?3 and b.device = ?4";
    let read = |row: &dyn Row| {
        Ok(StoredBranch {
            name: named(row, 0)?,
            device: row.text(2)?.into(),
            operation: row.text(3)?.into(),
            client_version: row.optional_count(4)?,
            base_version: row.count(5)?,
            fields: optional_json(row, 6)?,
            changed: row.number(7)?,
        })
    };
    let mut found = Vec::with_capacity(names.len());
    for name in names {
        let values = [feed.into(), (&*name.kind).into(), (&*name.id).into(), device.into()];
        found.extend(runner.optional(Query::new(sql, values, read)).await?);
    }
    Ok(found)
}

/// Gives those of a user's operations that were decided before.
pub(crate) async fn operations<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    user: &UserId,
    ids: &[Box<str>],
) -> Answer<Vec<StoredOperation>> {
    let sql = "select o.id, o.digest, o.outcome, o.at from operation o
               where o.tenant = ?1 and o.user_id = ?2 and o.id = ?3";
    let read = |row: &dyn Row| {
        Ok(StoredOperation {
            id: row.text(0)?.into(),
            digest: row.bytes(1)?,
            outcome: optional_json(row, 2)?,
            at: row.time(3)?,
        })
    };
    let mut found = Vec::new();
    for id in ids {
        let values = [tenant.into(), user.into(), (&**id).into()];
        found.extend(runner.optional(Query::new(sql, values, read)).await?);
    }
    Ok(found)
}

/// All columns of a conflict `c` on a feed `f`, as [`conflict`] reads them.
const CONFLICT: &str =
    "c.id, c.open, c.decided_by, c.base, c.server, c.client, c.result, c.clashes,
    c.client_version, c.server_version, c.kind, c.entity_id, c.user_id, c.device, c.operation,
    c.created_at, c.resolved_at, c.resolved_by, c.resolution, f.tenant, f.kind, f.owner";
const TABLES: &str = "sync_conflict c join feed f on f.id = c.feed_id";

fn conflict(row: &dyn Row) -> Result<StoredConflict, Corrupt> {
    let by = row.optional_text(17)?.map(UserId::parse).transpose();
    let by = by.map_err(|_| Corrupt::new(17, "user id"))?;
    let how = row.optional_text(18)?.map(Into::into);
    let kind = FeedKind::parse(row.text(20)?).ok_or(Corrupt::new(20, "kind of feed"))?;
    Ok(StoredConflict {
        conflict: Conflict {
            id: ConflictId(row.uuid(0)?),
            is_open: row.flag(1)?,
            decided_by: row.text(2)?.into(),
            base: optional_json(row, 3)?,
            server: optional_json(row, 4)?,
            client: optional_json(row, 5)?,
            result: optional_json(row, 6)?,
            clashes: json(row, 7)?,
            client_version: row.optional_count(8)?,
            server_version: row.count(9)?,
        },
        feed: FeedKey { tenant: row.tenant(19)?, kind, owner: row.text(21)?.into() },
        name: named(row, 10)?,
        user: row.user(12)?,
        device: row.text(13)?.into(),
        operation: row.text(14)?.into(),
        created_at: row.time(15)?,
        resolved: row.optional_time(16)?.map(|at| (at, by, how)),
    })
}

/// Finds a conflict.
pub(crate) async fn conflict_of<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    id: ConflictId,
) -> Answer<Option<StoredConflict>> {
    let sql = format!("select {CONFLICT} from {TABLES} where c.tenant = ?1 and c.id = ?2");
    runner.optional(Query::new(sql, [tenant.into(), (&id.0).into()], conflict)).await
}

/// Finds the open conflicts about some entities.
pub(crate) async fn open_conflicts<R: Runner>(
    runner: &mut R,
    feed: &FeedKey,
    names: &[EntityName],
) -> Answer<Vec<StoredConflict>> {
    let Some(feed) = feeds::id(runner, feed).await? else { return Ok(vec![]) };
    let sql = format!(
        "select {CONFLICT} from {TABLES}
         where c.feed_id = ?1 and c.kind = ?2 and c.entity_id = ?3 and c.open = 1 order by c.id"
    );
    let mut found = Vec::new();
    for name in names {
        let values = [feed.into(), (&*name.kind).into(), (&*name.id).into()];
        found.extend(runner.all(Query::new(sql.clone(), values, conflict)).await?);
    }
    Ok(found)
}

/// Lists conflicts, oldest first.
pub(crate) async fn conflicts<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    filter: &ConflictFilter,
) -> Answer<Vec<StoredConflict>> {
    let of_user = if filter.user.is_some() { "c.user_id = ?4" } else { "cast(?4 as text) is null" };
    let sql = format!(
        "select {CONFLICT} from {TABLES}
         where c.tenant = ?1 and c.id > ?2 and {of_user}
           and (cast(?5 as bigint) is null or c.open = ?5)
         order by c.id limit ?3"
    );
    let after = filter.after.map_or_else(Vec::new, |id| id.0.as_bytes().to_vec());
    let values = [
        tenant.into(),
        (&*after).into(),
        filter.limit.into(),
        filter.user.as_ref().into(),
        filter.is_open.into(),
    ];
    runner.all(Query::new(sql, values, conflict)).await
}

/// Forgets what is from before a time, at most `limit` of each kind; tells how many.
pub(crate) async fn forget<R: Runner>(
    runner: &mut R,
    before: Timestamp,
    limit: usize,
) -> Answer<usize> {
    let texts = [
        "delete from entity_version where (feed_id, kind, id, version) in (
             select v.feed_id, v.kind, v.id, v.version from entity_version v
             where v.at < ?1 order by v.at limit ?2)",
        "delete from branch where (feed_id, kind, id, device) in (
             select b.feed_id, b.kind, b.id, b.device from branch b
             where b.at < ?1 order by b.at limit ?2)",
        "update operation set outcome = null where (tenant, user_id, id) in (
             select o.tenant, o.user_id, o.id from operation o
             where o.at < ?1 and o.outcome is not null order by o.at limit ?2)",
        "delete from sync_conflict where (tenant, id) in (
             select c.tenant, c.id from sync_conflict c
             where c.open = 0 and c.resolved_at < ?1 order by c.resolved_at limit ?2)",
    ];
    let mut forgotten = 0;
    for sql in texts {
        let command = Query::command(sql, [before.into(), limit.into()]);
        forgotten += runner.execute(command).await? as usize;
    }
    Ok(forgotten)
}
