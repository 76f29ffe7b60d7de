//! Reading conflicts.

use landfall_core::feed::{FeedKey, FeedKind};
use landfall_core::id::{ConflictId, Tenant, UserId};
use landfall_core::sync::EntityName;

use super::sync_read::{json, named, optional_json};
use super::{Corrupt, Query, Row, Runner};
use crate::{Answer, Conflict, ConflictFilter, StoredConflict};

/// All columns of a conflict `c` on a feed `f`, as [`conflict`] reads them.
pub(crate) const CONFLICT: &str =
    "c.id, c.open, c.decided_by, c.base, c.server, c.client, c.result, c.clashes,
    c.client_version, c.server_version, c.kind, c.entity_id, c.user_id, c.device, c.operation,
    c.created_at, c.resolved_at, c.resolved_by, c.resolution, f.tenant, f.kind, f.owner";
pub(crate) const TABLES: &str = "sync_conflict c join feed f on f.id = c.feed_id";

pub(crate) fn conflict(row: &dyn Row) -> Result<StoredConflict, Corrupt> {
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

/// Finds the open conflicts about an entity.
pub(crate) async fn open<R: Runner>(
    runner: &mut R,
    feed: i64,
    name: &EntityName,
) -> Answer<Vec<StoredConflict>> {
    let sql = format!(
        "select {CONFLICT} from {TABLES}
         where c.feed_id = ?1 and c.kind = ?2 and c.entity_id = ?3 and c.open = 1 order by c.id"
    );
    let values = [feed.into(), (&*name.kind).into(), (&*name.id).into()];
    runner.all(Query::new(sql, values, conflict)).await
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
