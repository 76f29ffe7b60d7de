//! Activities: operations as the apps know them that send such.

use landfall_core::id::{Tenant, UserId};

use super::sync_read::{json, sorted};
use super::{Corrupt, Query, Row, Runner};
use crate::{
    ACTIVITIES_COUNTED_MAX, ActivityCounts, ActivityFilter, ActivityStatus, Answer, StoredActivity,
};

const COLUMNS: &str = "a.id, a.kind, a.entity_id, a.device, a.data, a.status, a.reason,
    a.created_at, a.decided_at";

fn read(row: &dyn Row) -> Result<StoredActivity, Corrupt> {
    let status = ActivityStatus::parse(row.text(5)?);
    Ok(StoredActivity {
        id: row.text(0)?.into(),
        kind: row.text(1)?.into(),
        entity_id: row.text(2)?.into(),
        device: row.text(3)?.into(),
        data: json(row, 4)?,
        status: status.ok_or(Corrupt::new(5, "status of an activity"))?,
        reason: row.text(6)?.into(),
        created_at: row.time(7)?,
        decided_at: row.time(8)?,
    })
}

/// Lists a user's activities. Those of each status stand in their order in an index, so that a page
/// of all is made of a page of each.
pub(crate) async fn list<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    filter: &ActivityFilter,
) -> Answer<Vec<StoredActivity>> {
    let mut found = Vec::new();
    for status in ActivityStatus::ALL {
        if filter.status.is_none_or(|only| only == status) {
            found.extend(of_status(runner, tenant, filter, status).await?);
        }
    }
    found.sort_unstable_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
    found.truncate(filter.limit);
    Ok(found)
}

async fn of_status<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    filter: &ActivityFilter,
    status: ActivityStatus,
) -> Answer<Vec<StoredActivity>> {
    let of_kind = if filter.kind.is_some() { "a.kind = ?7" } else { "cast(?7 as text) is null" };
    let sql = format!(
        "select {COLUMNS} from activity a
         where a.tenant = ?1 and a.user_id = ?2 and a.status = ?3
           and (a.created_at, a.id) > (?4, ?5) and {of_kind}
           and (cast(?8 as text) is null or a.device = ?8)
         order by a.created_at, a.id limit ?6"
    );
    let after = filter.after.as_ref();
    let values = [
        tenant.into(),
        (&filter.user).into(),
        status.as_str().into(),
        after.map_or(i64::MIN, |(at, _)| at.as_ms()).into(),
        after.map_or("", |(_, id)| id).into(),
        filter.limit.into(),
        filter.kind.as_deref().into(),
        filter.device.as_deref().into(),
    ];
    runner.all(Query::new(sql, values, read)).await
}

/// Counts a user's activities, so many of each status at most.
pub(crate) async fn counts<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    user: &UserId,
) -> Answer<ActivityCounts> {
    let sql = "select count(*) from (
                   select 1 as one from activity a
                   where a.tenant = ?1 and a.user_id = ?2 and a.status = ?3 limit ?4) as found";
    let mut counts = ActivityCounts::default();
    for status in ActivityStatus::ALL {
        let values =
            [tenant.into(), user.into(), status.as_str().into(), ACTIVITIES_COUNTED_MAX.into()];
        let count = runner.one(Query::new(sql, values, |row| row.count(0))).await?;
        match status {
            ActivityStatus::Synced => counts.synced = count,
            ActivityStatus::Conflict => counts.conflict = count,
            ActivityStatus::Failed => counts.failed = count,
        }
    }
    let sql = "select count(*) from (
                   select 1 as one from sync_conflict c
                   where c.tenant = ?1 and c.user_id = ?2 and c.open = 1 limit ?3) as found";
    let values = [tenant.into(), user.into(), ACTIVITIES_COUNTED_MAX.into()];
    counts.open_conflicts = runner.one(Query::new(sql, values, |row| row.count(0))).await?;
    Ok(counts)
}

/// Gives those of the named activities that are there, by id.
pub(crate) async fn named<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    user: &UserId,
    ids: &[Box<str>],
) -> Answer<Vec<StoredActivity>> {
    let sql = format!(
        "select {COLUMNS} from activity a where a.tenant = ?1 and a.user_id = ?2 and a.id = ?3"
    );
    let mut found = Vec::new();
    for id in sorted(ids) {
        let values = [tenant.into(), user.into(), (&**id).into()];
        found.extend(runner.optional(Query::new(sql.clone(), values, read)).await?);
    }
    Ok(found)
}
