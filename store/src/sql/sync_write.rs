//! Keeping operations: the entity that one changed, what it was, the device's branch, the conflict.

use landfall_core::feed::Number;
use landfall_core::id::Tenant;

use super::{Query, Runner, Value, activities, done, feeds};
use crate::{
    Answer, Conflict, ConflictNext, EntityNext, OperationKeep, Outcome, StoreError, SyncWrite,
};

/// Whose operation is kept, and on which feed.
struct Place<'a> {
    tenant: &'a Tenant,
    feed: i64,
    write: &'a SyncWrite,
}

/// Keeps an operation and all that goes with it.
pub(crate) async fn keep<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    write: &SyncWrite,
) -> Answer<Outcome> {
    let place = Place { tenant, feed: feeds::make(runner, &write.feed).await?, write };
    let stands = stands(runner, &place).await?;
    check_branch(runner, &place).await?;
    let mut changed = None;
    if let Some(next) = &write.next {
        if next.version != write.from_version {
            let number = feeds::next(runner, place.feed).await?;
            changed = Some(number);
            put_version(runner, &place, next, number).await?;
        }
        put_entity(runner, &place, next, changed.unwrap_or(stands)).await?;
    }
    put_operation(runner, &place).await?;
    put_branch(runner, &place, changed.unwrap_or(stands)).await?;
    if let Some(next) = &write.activity {
        activities::put(runner, tenant, write, next).await?;
    }
    put_conflict(runner, &place).await?;
    Ok(changed.map_or(Outcome::Done, Outcome::Numbered))
}

/// Writes what becomes of a conflict; `Stale` where one is not open that is to be.
async fn put_conflict<R: Runner>(runner: &mut R, place: &Place<'_>) -> Answer<()> {
    let (tenant, write) = (place.tenant, place.write);
    match write.conflict.as_deref() {
        None => {}
        Some(ConflictNext::New(conflict)) => new_conflict(runner, place, conflict).await?,
        Some(ConflictNext::GoesOn { id, client }) => {
            let sql = "update sync_conflict set client = ?3, operation = ?4
                       where tenant = ?1 and id = ?2 and open = 1";
            let client = client.as_ref().map(|json| json.as_str()).into();
            let values = [tenant.into(), (&id.0).into(), client, (&*write.operation.id).into()];
            done(runner.execute(Query::command(sql, values)).await?)?;
        }
        Some(ConflictNext::Resolved { id, resolution, result, by }) => {
            let sql = "update sync_conflict
                       set open = 0, resolution = ?3, result = ?4, resolved_by = ?5, resolved_at = ?6
                       where tenant = ?1 and id = ?2 and open = 1";
            let result = result.as_ref().map(|json| json.as_str()).into();
            let values = [
                tenant.into(),
                (&id.0).into(),
                (&**resolution).into(),
                result,
                by.into(),
                write.operation.at.into(),
            ];
            done(runner.execute(Query::command(sql, values)).await?)?;
            activities::settle(runner, tenant, write, id).await?;
        }
    }
    Ok(())
}

impl<'a> Place<'a> {
    /// The key of the entity's rows.
    fn key(&self) -> [Value<'a>; 3] {
        [self.feed.into(), (&*self.write.name.kind).into(), (&*self.write.name.id).into()]
    }
}

/// Gives the number of the entity's last change; `Stale` unless it stands where it was decided from.
async fn stands<R: Runner>(runner: &mut R, place: &Place<'_>) -> Answer<Number> {
    let sql = "select revision, changed from entity where feed_id = ?1 and kind = ?2 and id = ?3";
    let query = Query::new(sql, place.key(), |row| Ok((row.count(0)?, row.number(1)?)));
    let (revision, changed) = runner.optional(query).await?.unwrap_or_default();
    if revision == place.write.from { Ok(changed) } else { Err(StoreError::Stale) }
}

/// Answers `Stale` unless the device's branch ends where it was decided from.
async fn check_branch<R: Runner>(runner: &mut R, place: &Place<'_>) -> Answer<()> {
    let sql = "select operation from branch
               where feed_id = ?1 and kind = ?2 and id = ?3 and device = ?4";
    let [feed, kind, id] = place.key();
    let values = [feed, kind, id, (&*place.write.device).into()];
    let ends = runner.optional(Query::new(sql, values, |row| row.string(0))).await?;
    let holds = ends.as_deref() == place.write.from_branch.as_deref();
    if holds { Ok(()) } else { Err(StoreError::Stale) }
}

async fn put_version<R: Runner>(
    runner: &mut R,
    place: &Place<'_>,
    next: &EntityNext,
    changed: Number,
) -> Answer<()> {
    let sql = "insert into entity_version (feed_id, kind, id, version, data, deleted, at, changed)
               values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    let [feed, kind, id] = place.key();
    let values = [
        feed,
        kind,
        id,
        next.version.into(),
        next.data.as_str().into(),
        next.is_deleted.into(),
        place.write.operation.at.into(),
        changed.into(),
    ];
    runner.execute(Query::command(sql, values)).await.map(drop)
}

/// Writes the entity's row; `Stale` where another node was quicker.
async fn put_entity<R: Runner>(
    runner: &mut R,
    place: &Place<'_>,
    next: &EntityNext,
    changed: Number,
) -> Answer<()> {
    let sql = "insert into entity (feed_id, kind, id, tenant, version, revision, changed, data,
                   stamps, deleted, device, created_at, updated_at)
               values (?1, ?2, ?3, ?4, ?5, ?6 + 1, ?7, ?8, ?9, ?10, ?11, ?12, ?12)
               on conflict (feed_id, kind, id) do update set
                   version = ?5, revision = ?6 + 1, changed = ?7, data = ?8, stamps = ?9,
                   deleted = ?10, device = ?11, updated_at = ?12
               where entity.revision = ?6";
    let [feed, kind, id] = place.key();
    let write = place.write;
    let values = [
        feed,
        kind,
        id,
        place.tenant.into(),
        next.version.into(),
        write.from.into(),
        changed.into(),
        next.data.as_str().into(),
        next.stamps.as_str().into(),
        next.is_deleted.into(),
        (&*write.device).into(),
        write.operation.at.into(),
    ];
    done(runner.execute(Query::command(sql, values)).await?).map(drop)
}

/// Writes the operation down; `Stale` unless it is there, or not, as it was decided from.
async fn put_operation<R: Runner>(runner: &mut R, place: &Place<'_>) -> Answer<()> {
    let sql = match place.write.keeps {
        OperationKeep::New => {
            "insert into operation (tenant, user_id, id, digest, outcome, at)
             values (?1, ?2, ?3, ?4, ?5, ?6) on conflict (tenant, user_id, id) do nothing"
        }
        OperationKeep::Again => {
            "update operation set outcome = ?5, at = ?6
             where tenant = ?1 and user_id = ?2 and id = ?3 and digest = ?4
               and exists (select 1 from activity a where a.tenant = ?1 and a.user_id = ?2
                   and a.id = ?3 and a.status = 'failed')"
        }
    };
    let operation = &place.write.operation;
    let values = [
        place.tenant.into(),
        (&place.write.user).into(),
        (&*operation.id).into(),
        (&operation.digest).into(),
        operation.outcome.as_ref().map(|json| json.as_str()).into(),
        operation.at.into(),
    ];
    done(runner.execute(Query::command(sql, values)).await?).map(drop)
}

async fn put_branch<R: Runner>(runner: &mut R, place: &Place<'_>, changed: Number) -> Answer<()> {
    let Some(branch) = &place.write.branch else { return Ok(()) };
    let sql = "insert into branch (feed_id, kind, id, device, operation, client_version,
                   base_version, fields, changed, at, refused)
               values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
               on conflict (feed_id, kind, id, device) do update set
                   operation = ?5, client_version = ?6, base_version = ?7, fields = ?8,
                   changed = ?9, at = ?10, refused = ?11";
    let [feed, kind, id] = place.key();
    let write = place.write;
    let values = [
        feed,
        kind,
        id,
        (&*write.device).into(),
        (&*write.operation.id).into(),
        branch.client_version.into(),
        branch.base_version.into(),
        branch.fields.as_ref().map(|json| json.as_str()).into(),
        changed.into(),
        write.operation.at.into(),
        branch.is_refused.into(),
    ];
    runner.execute(Query::command(sql, values)).await.map(drop)
}

async fn new_conflict<R: Runner>(
    runner: &mut R,
    place: &Place<'_>,
    conflict: &Conflict,
) -> Answer<()> {
    let sql = "insert into sync_conflict (tenant, id, user_id, feed_id, kind, entity_id, device,
                   operation, open, decided_by, base, server, client, result, clashes,
                   client_version, server_version, created_at, resolved_at)
               values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17,
                   ?18, ?19)";
    let [feed, kind, id] = place.key();
    let write = place.write;
    let at = write.operation.at;
    let json = |json: &'_ Option<landfall_core::notification::JsonText>| {
        Value::from(json.as_ref().map(|json| json.as_str().to_owned()))
    };
    let values = [
        place.tenant.into(),
        (&conflict.id.0).into(),
        (&write.user).into(),
        feed,
        kind,
        id,
        (&*write.device).into(),
        (&*write.operation.id).into(),
        conflict.is_open.into(),
        (&*conflict.decided_by).into(),
        json(&conflict.base),
        json(&conflict.server),
        json(&conflict.client),
        json(&conflict.result),
        conflict.clashes.as_str().into(),
        conflict.client_version.into(),
        conflict.server_version.into(),
        at.into(),
        (!conflict.is_open).then_some(at).into(),
    ];
    runner.execute(Query::command(sql, values)).await.map(drop)
}
