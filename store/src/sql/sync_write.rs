//! Keeping operations, one statement a row: what they did to entities, what those were, the devices'
//! branches, conflicts, and what apps are shown.
//!
//! What an operation relies on is checked where its row is written, as far as one is: after `Stale`
//! the unit is undone.

use std::borrow::Cow;

use landfall_core::feed::FeedKey;
use landfall_core::id::Tenant;
use landfall_core::notification::JsonText;
use landfall_core::sync::Reason;

use super::sync_ledger::{Ends, Kept, Ledger, Stand, ends, entity_key, given, is_seen};
use super::{Query, Runner, done, feeds, sync_rows};
use crate::{
    ActivityNext, Answer, BranchNext, ConflictNext, EntityNext, OperationKeep, Outcome, SyncWrite,
};

/// Keeps operations that follow each other in a unit, with all that goes with them.
pub(crate) async fn keep<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    writes: &[SyncWrite],
) -> Answer<Vec<Outcome>> {
    let mut ledger = Ledger::default();
    let mut kept = Vec::with_capacity(writes.len());
    let mut last: Option<(&FeedKey, i64)> = None;
    for write in writes {
        let feed = match last {
            Some((named, feed)) if *named == write.feed => feed,
            _ => {
                let (feed, newest) = feeds::make(runner, &write.feed).await?;
                if !ledger.knows_feed(feed) {
                    ledger.lay_feed(feed, newest);
                }
                feed
            }
        };
        last = Some((&write.feed, feed));
        lay(runner, &mut ledger, feed, write).await?;
        kept.push(ledger.take(tenant, feed, write)?);
    }
    // Whether entities and branches stand as they are taken to is found out before all else.
    put_ends(runner, &kept).await?;
    for one in &kept {
        put_history(runner, one).await?;
    }
    for (feed, count) in given(&kept) {
        feeds::give(runner, feed, count).await?;
    }
    Ok(kept.iter().map(Kept::outcome).collect())
}

/// Finds out what an operation relies on. Where its row is written, that the row stands so is found
/// out then.
async fn lay<'w, R: Runner>(
    runner: &mut R,
    ledger: &mut Ledger<'w>,
    feed: i64,
    write: &'w SyncWrite,
) -> Answer<()> {
    let key = entity_key(feed, write);
    if !ledger.knows_entity(&key) {
        let stand = match is_seen(write) {
            true => Stand { revision: write.from, ..Stand::default() },
            false => stand(runner, feed, write).await?,
        };
        ledger.lay_entity(key, stand);
    }
    let key = (key, &*write.device);
    if !ledger.knows_branch(&key) {
        let ends = match write.branch {
            Some(_) => write.from_branch.as_deref().map(Cow::Borrowed),
            None => branch_ends(runner, feed, write).await?.map(Cow::Owned),
        };
        ledger.lay_branch(key, ends);
    }
    Ok(())
}

async fn stand<R: Runner>(runner: &mut R, feed: i64, write: &SyncWrite) -> Answer<Stand> {
    let sql = "select revision, changed from entity where feed_id = ?1 and kind = ?2 and id = ?3";
    let values = [feed.into(), (&*write.name.kind).into(), (&*write.name.id).into()];
    let read = Query::new(sql, values, |row| {
        Ok(Stand { revision: row.count(0)?, changed: row.number(1)? })
    });
    Ok(runner.optional(read).await?.unwrap_or_default())
}

async fn branch_ends<R: Runner>(
    runner: &mut R,
    feed: i64,
    write: &SyncWrite,
) -> Answer<Option<String>> {
    let sql = "select operation from branch
               where feed_id = ?1 and kind = ?2 and id = ?3 and device = ?4";
    let (kind, id) = ((&*write.name.kind).into(), (&*write.name.id).into());
    let values = [feed.into(), kind, id, (&*write.device).into()];
    runner.optional(Query::new(sql, values, |row| row.string(0))).await
}

/// Writes what stays of each operation.
async fn put_history<R: Runner>(runner: &mut R, kept: &Kept<'_>) -> Answer<()> {
    if let (Some(_), Some(next)) = (kept.number, &kept.write.next) {
        let sql = "insert into entity_version
                       (feed_id, kind, id, version, data, deleted, at, changed)
                   values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
        runner.execute(Query::command(sql, sync_rows::version(kept, next))).await?;
    }
    let stands_as_told = runner.execute(operation(kept)).await?;
    done(stands_as_told)?;
    if let Some(next) = &kept.write.activity {
        runner.execute(activity(kept, next)).await?;
    }
    if let Some(next) = &kept.write.conflict {
        let changed = match of_conflict(kept, next) {
            OfConflict::New(new) => runner.execute(*new).await?,
            OfConflict::GoesOn(goes_on) => runner.execute(goes_on).await?,
            OfConflict::Resolved(resolved) => runner.execute(resolved).await?,
        };
        done(changed)?;
        if let Some(settled) = settled(kept, next) {
            runner.execute(settled).await?;
        }
    }
    Ok(())
}

/// Gives the statement that writes an operation down; it changes nothing unless it is there, or not,
/// as it was decided from.
pub(crate) fn operation<'w>(kept: &Kept<'w>) -> Query<'w, (), 6> {
    let sql = match kept.write.keeps {
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
    Query::command(sql, sync_rows::operation(kept))
}

fn activity<'w>(kept: &Kept<'w>, next: &'w ActivityNext) -> Query<'w, (), 11> {
    let sql = "insert into activity (tenant, user_id, id, kind, entity_id, device, data, status,
                   reason, created_at, decided_at)
               values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
               on conflict (tenant, user_id, id) do update set
                   kind = ?4, entity_id = ?5, device = ?6, data = ?7, status = ?8, reason = ?9,
                   decided_at = ?11";
    Query::command(sql, sync_rows::activity(&Ends { first: kept, last: kept }, next))
}

/// A statement that writes what becomes of a conflict. Those about one that is open change nothing
/// where it is not.
pub(crate) enum OfConflict<'w> {
    New(Box<Query<'w, (), 19>>),
    GoesOn(Query<'w, (), 4>),
    Resolved(Query<'w, (), 6>),
}

/// Gives the statement that writes what becomes of a conflict.
pub(crate) fn of_conflict<'w>(kept: &Kept<'w>, next: &'w ConflictNext) -> OfConflict<'w> {
    let (tenant, operation) = (kept.tenant, &kept.write.operation);
    let json = |json: &'w Option<JsonText>| json.as_ref().map(|json| json.as_str()).into();
    match next {
        ConflictNext::New(conflict) => {
            let sql = "insert into sync_conflict (tenant, id, user_id, feed_id, kind, entity_id,
                           device, operation, open, decided_by, base, server, client, result,
                           clashes, client_version, server_version, created_at, resolved_at)
                       values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15,
                           ?16, ?17, ?18, ?19)";
            OfConflict::New(Box::new(Query::command(sql, sync_rows::conflict(kept, conflict))))
        }
        ConflictNext::GoesOn { id, client } => {
            let sql = "update sync_conflict set client = ?3, operation = ?4
                       where tenant = ?1 and id = ?2 and open = 1";
            let values = [tenant.into(), (&id.0).into(), json(client), (&*operation.id).into()];
            OfConflict::GoesOn(Query::command(sql, values))
        }
        ConflictNext::Resolved { id, resolution, result, by } => {
            let sql = "update sync_conflict
                       set open = 0, resolution = ?3, result = ?4, resolved_by = ?5,
                           resolved_at = ?6
                       where tenant = ?1 and id = ?2 and open = 1";
            let values = [
                tenant.into(),
                (&id.0).into(),
                (&**resolution).into(),
                json(result),
                by.into(),
                operation.at.into(),
            ];
            OfConflict::Resolved(Query::command(sql, values))
        }
    }
}

/// Gives the statement that lets activities take effect that waited for a conflict: those of its device
/// about its entity; nothing unless it is resolved.
pub(crate) fn settled<'w>(kept: &Kept<'w>, next: &'w ConflictNext) -> Option<Query<'w, (), 7>> {
    let ConflictNext::Resolved { id, .. } = next else { return None };
    let write = kept.write;
    // What one without a name brought may be anybody's, and goes on with no conflict.
    let sql = "update activity set status = 'synced', reason = ?6, decided_at = ?7
               where tenant = ?1 and user_id = ?2 and kind = ?3 and status = 'conflict'
                   and entity_id = ?4
                   and exists (select 1 from sync_conflict c
                       where c.tenant = ?1 and c.id = ?5 and c.device = activity.device
                           and (c.device <> '' or c.operation = activity.id))";
    let values = [
        kept.tenant.into(),
        (&write.user).into(),
        (&*write.name.kind).into(),
        (&*write.name.id).into(),
        (&id.0).into(),
        Reason::PersonSaid.as_str().into(),
        write.operation.at.into(),
    ];
    Some(Query::command(sql, values))
}

/// Writes how entities and branches stand after the last of the operations about each.
async fn put_ends<R: Runner>(runner: &mut R, kept: &[Kept<'_>]) -> Answer<()> {
    let changing = kept.iter().filter(|one| one.write.next.is_some());
    for row in ends(changing, Kept::entity) {
        let Some(next) = &row.last.write.next else { continue };
        done(put_entity(runner, &row, next).await?)?;
    }
    let branching = kept.iter().filter(|one| one.write.branch.is_some());
    for row in ends(branching, Kept::branch) {
        let Some(next) = &row.last.write.branch else { continue };
        done(put_branch(runner, &row, next).await?)?;
    }
    Ok(())
}

/// Writes an entity's row; changes nothing unless it stands where the first of the operations was
/// decided from.
async fn put_entity<R: Runner>(
    runner: &mut R,
    row: &Ends<'_, '_>,
    next: &EntityNext,
) -> Answer<u64> {
    let values = sync_rows::entity(row, next);
    let from = row.first.write.from;
    if from == 0 {
        let sql = "insert into entity (feed_id, kind, id, tenant, version, revision, changed, data,
                       stamps, deleted, device, created_at, updated_at)
                   values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
                   on conflict (feed_id, kind, id) do nothing";
        return runner.execute(Query::command(sql, values)).await;
    }
    let sql = "update entity set version = ?4, revision = ?5, changed = ?6, data = ?7, stamps = ?8,
                   deleted = ?9, device = ?10, updated_at = ?11
               where feed_id = ?1 and kind = ?2 and id = ?3 and revision = ?12";
    let [feed, kind, id, _, version, revision, changed, data, stamps, deleted, device, _, at] =
        values;
    let values = [
        feed,
        kind,
        id,
        version,
        revision,
        changed,
        data,
        stamps,
        deleted,
        device,
        at,
        from.into(),
    ];
    runner.execute(Query::command(sql, values)).await
}

/// Writes a branch; changes nothing unless it ends where the first of the operations was decided
/// from.
async fn put_branch<R: Runner>(
    runner: &mut R,
    row: &Ends<'_, '_>,
    next: &BranchNext,
) -> Answer<u64> {
    let values = sync_rows::branch(row.last, next);
    let Some(from) = row.first.write.from_branch.as_deref() else {
        let sql = "insert into branch (feed_id, kind, id, device, operation, client_version,
                       base_version, fields, changed, at, refused)
                   values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
                   on conflict (feed_id, kind, id, device) do nothing";
        return runner.execute(Query::command(sql, values)).await;
    };
    let sql = "update branch set operation = ?5, client_version = ?6, base_version = ?7,
                   fields = ?8, changed = ?9, at = ?10, refused = ?11
               where feed_id = ?1 and kind = ?2 and id = ?3 and device = ?4 and operation = ?12";
    let [a, b, c, d, e, f, g, h, i, j, k] = values;
    let values = [a, b, c, d, e, f, g, h, i, j, k, from.into()];
    runner.execute(Query::command(sql, values)).await
}
